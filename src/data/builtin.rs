//! Data sets that come with the program; sources and licences stand in `assets/data/LICENCES.md`.

/// A bundled data set.
#[derive(Debug)]
pub struct Builtin {
    pub name: &'static str,
    pub label: &'static str,
    /// A few words for a list.
    pub summary: &'static str,
    pub description: &'static str,
    pub licence: &'static str,
    pub(super) content: Content,
}

/// Where the rows come from.
#[derive(Debug)]
pub(super) enum Content {
    Csv(&'static str),
    /// Drawn by a formula.
    Glyphs,
}

pub const BUILTIN: [Builtin; 7] = [
    Builtin {
        name: "iris",
        label: "Iris",
        summary: "150 flowers, 3 species",
        description: "150 flowers, 4 measurements, 3 species (Fisher 1936)",
        licence: "CC BY 4.0, UCI Machine Learning Repository",
        content: Content::Csv(include_str!("../../assets/data/iris.csv")),
    },
    Builtin {
        name: "wine",
        label: "Wine",
        summary: "178 wines, 3 cultivars",
        description: "178 wines, 13 chemical measurements, 3 cultivars (Aeberhard and Forina 1992)",
        licence: "CC BY 4.0, UCI Machine Learning Repository",
        content: Content::Csv(include_str!("../../assets/data/wine.csv")),
    },
    Builtin {
        name: "digits",
        label: "Digits",
        summary: "1 797 pictures, 10 classes",
        description: "1 797 handwritten digits of 8×8 pixels (Alpaydin and Kaynak 1998)",
        licence: "CC BY 4.0, UCI Machine Learning Repository",
        content: Content::Csv(include_str!("../../assets/data/digits.csv")),
    },
    Builtin {
        name: "diabetes",
        label: "Diabetes",
        summary: "442 patients, a number",
        description: "442 patients, 10 measurements, disease progression after a year (Efron et al. 2004)",
        licence: "BSD 3-Clause, as distributed with scikit-learn",
        content: Content::Csv(include_str!("../../assets/data/diabetes.csv")),
    },
    Builtin {
        name: "penguins",
        label: "Penguins",
        summary: "344 birds, words and gaps",
        description: "344 penguins of 3 species on 3 islands, measurements and words, some missing (Gorman, Williams and Fraser 2014; Horst, Hill and Gorman 2020)",
        licence: "CC0 1.0, palmerpenguins",
        content: Content::Csv(include_str!("../../assets/data/penguins.csv")),
    },
    Builtin {
        name: "co2",
        label: "CO₂ at Mauna Loa",
        summary: "526 months, a series",
        description: "Monthly means of carbon dioxide in the air at Mauna Loa, in parts per million, 1958 to 2001 (Keeling and Whorf 2004)",
        licence: "public domain, as distributed with statsmodels",
        content: Content::Csv(include_str!("../../assets/data/co2.csv")),
    },
    Builtin {
        name: "glyphs",
        label: "Glyphs",
        summary: "2 000 drawn digits, 28 × 28",
        description: "2 000 pictures of digits of 28×28 pixels, drawn by a formula with strokes that are bent, turned and thickened at random",
        licence: "made by this program, free for any use",
        content: Content::Glyphs,
    },
];

/// Names of all, for messages.
pub(super) fn names() -> String {
    BUILTIN.iter().map(|b| b.name).collect::<Vec<_>>().join(", ")
}
