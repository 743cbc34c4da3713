//! Real data sets that come with the program; sources and licences stand in `assets/data/LICENCES.md`.

/// A bundled data set.
#[derive(Debug)]
pub struct Builtin {
    pub name: &'static str,
    pub label: &'static str,
    /// A few words for a list.
    pub summary: &'static str,
    pub description: &'static str,
    pub licence: &'static str,
    pub csv: &'static str,
}

pub const BUILTIN: [Builtin; 4] = [
    Builtin {
        name: "iris",
        label: "Iris",
        summary: "150 flowers, 3 species",
        description: "150 flowers, 4 measurements, 3 species (Fisher 1936)",
        licence: "CC BY 4.0, UCI Machine Learning Repository",
        csv: include_str!("../../assets/data/iris.csv"),
    },
    Builtin {
        name: "wine",
        label: "Wine",
        summary: "178 wines, 3 cultivars",
        description: "178 wines, 13 chemical measurements, 3 cultivars (Aeberhard and Forina 1992)",
        licence: "CC BY 4.0, UCI Machine Learning Repository",
        csv: include_str!("../../assets/data/wine.csv"),
    },
    Builtin {
        name: "digits",
        label: "Digits",
        summary: "1 797 pictures, 10 classes",
        description: "1 797 handwritten digits of 8×8 pixels (Alpaydin and Kaynak 1998)",
        licence: "CC BY 4.0, UCI Machine Learning Repository",
        csv: include_str!("../../assets/data/digits.csv"),
    },
    Builtin {
        name: "diabetes",
        label: "Diabetes",
        summary: "442 patients, a number",
        description: "442 patients, 10 measurements, disease progression after a year (Efron et al. 2004)",
        licence: "BSD 3-Clause, as distributed with scikit-learn",
        csv: include_str!("../../assets/data/diabetes.csv"),
    },
];
