//! Words that mean a missing value, and cells that stand for one.

use crate::parse::{MISSING, is_missing};

/// Words that stand where a number could not be given. They hardly mean anything else.
const PLACEHOLDERS: [&str; 30] = [
    "missing",
    "unknown",
    "unk",
    "tbd",
    "tba",
    "nil",
    "nd",
    "n.d.",
    "n.a.",
    "n. a.",
    "n/d",
    "not available",
    "not applicable",
    "no data",
    "nodata",
    "no value",
    "not reported",
    "not measured",
    "suppressed",
    "void",
    "blank",
    "empty",
    "error",
    "err",
    "null value",
    "(null)",
    "(blank)",
    "undefined",
    "invalid",
    "trace",
];

/// The words of a file or of a column that mean a missing value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MissingWords<'a>(pub Option<&'a [String]>);

impl MissingWords<'_> {
    /// Whether a trimmed cell is missing: empty, or one of the words in any case.
    pub fn has(self, cell: &str) -> bool {
        match self.0 {
            None => is_missing(cell),
            Some(words) => cell.is_empty() || words.iter().any(|w| alike(w.trim(), cell)),
        }
    }

    /// The words without the empty one.
    pub fn listed(self) -> Vec<String> {
        match self.0 {
            None => MISSING.iter().filter(|w| !w.is_empty()).map(|w| (*w).to_owned()).collect(),
            Some(words) => words.to_vec(),
        }
    }
}

/// Whether two words are the same but for the case.
fn alike(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || (!a.is_ascii() && a.to_lowercase() == b.to_lowercase())
}

/// Whether a cell among numbers stands for a missing one: signs only, an error of a spreadsheet or a database, or a word for it.
pub(crate) fn is_placeholder(cell: &str) -> bool {
    let lower = cell.to_lowercase();
    let signs = !cell.chars().any(char::is_alphanumeric);
    let undefined = lower.trim_start_matches('-').starts_with("1.#");
    signs
        || undefined
        || cell.starts_with('#')
        || cell.starts_with('\\')
        || is_missing(cell)
        || PLACEHOLDERS.contains(&lower.as_str())
}

/// Why a word of the list is a value where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// A sign among signs, as + and -
    Sign,
    /// A word that may be the name of a level, as "none"
    Level,
    /// A code among codes of the same form, as Na and NA
    Code,
}

/// Whether a word of the usual list is a value among the other levels of a column of text.
pub(crate) fn is_value<'a>(word: &str, others: &(impl Iterator<Item = &'a str> + Clone)) -> Option<Kept> {
    let lower = word.to_ascii_lowercase();
    let is_sign =
        |text: &str| text.chars().count() <= 2 && !text.chars().any(|c| c.is_alphanumeric() || c.is_whitespace());
    let all = |is: &dyn Fn(&str) -> bool| others.clone().next().is_some() && others.clone().all(is);
    match lower.as_str() {
        "-" => Some(if all(&is_sign) { Kept::Sign } else { Kept::Level }),
        "none" => Some(Kept::Level),
        "?" => all(&is_sign).then_some(Kept::Sign),
        "na" | "nan" | "null" => {
            // Most levels are as short, and written in the same way.
            let form = |text: &str| {
                let mut chars = text.chars();
                let first = chars.next().is_some_and(char::is_uppercase);
                (first, chars.clone().all(char::is_lowercase), chars.all(|c| c.is_uppercase() || c.is_ascii_digit()))
            };
            let own = form(word);
            let letters = |text: &str| !text.is_empty() && text.chars().all(char::is_alphabetic);
            let (mut codes, mut count) = (0, 0);
            for other in others.clone().take(1000) {
                count += 1;
                let near = letters(other)
                    && (other.chars().count() == word.len() || own.1 && other.chars().count() < word.len());
                let same = form(other) == own || other.chars().count() == 1 && form(other).0 == own.0;
                codes += usize::from(near && same);
            }
            let capital = own == (true, true, false);
            // A name in the middle of names, such as Nan, is written like one.
            let name = capital
                && lower != "na"
                && count >= 5
                && others.clone().take(1000).filter(|o| form(o).0).count() * 10 >= count * 9;
            ((count >= 3 && codes * 10 >= count * 8) || name).then_some(Kept::Code)
        }
        _ => None,
    }
}

/// Whether a column holds postal codes, by its name.
pub(crate) fn names_places(name: &str) -> bool {
    let lower = name.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).collect();
    words.iter().any(|w| ["zip", "zipcode", "zipcodes", "postcode", "postalcode", "postal", "plz"].contains(w))
}

/// Names in quotes, at most five of them.
pub(super) fn in_quotes(names: &[String]) -> String {
    const MOST: usize = 5;
    let mut list: Vec<String> = names.iter().take(MOST).map(|n| format!("\"{n}\"")).collect();
    if names.len() > MOST {
        list.push(format!("{} more", names.len() - MOST));
    }
    list.join(", ")
}

#[cfg(test)]
mod tests {
    use super::{Kept, MissingWords, is_placeholder, is_value};

    #[test]
    fn what_a_word_means_depends_on_what_stands_beside_it() {
        let value = |word: &str, others: &[&str]| is_value(word, &others.iter().copied());
        assert_eq!(value("-", &["+"]), Some(Kept::Sign));
        assert_eq!(value("none", &["soft", "hard"]), Some(Kept::Level));
        assert_eq!(value("Na", &["H", "He", "Li", "Be"]), Some(Kept::Code));
        assert_eq!(value("NA", &["DE", "FR", "ZA", "BW"]), Some(Kept::Code), "Namibia");
        assert_eq!(value("Nan", &["Ann", "Robert", "Li", "Eve", "Bob"]), Some(Kept::Code));
        assert_eq!(value("NA", &["red", "green", "blue"]), None);
        assert_eq!(value("NA", &["Alley", "Grvl", "Pave"]), None);
        assert_eq!(value("nan", &["red", "green", "blue"]), None);
        assert_eq!(value("?", &["u", "y"]), None);
        assert_eq!(value("?", &["!", "+"]), Some(Kept::Sign));
        assert_eq!(value("n/a", &["a/b"]), None);
    }

    #[test]
    fn placeholders_are_told_from_words() {
        for cell in [".", "--", "***", "#DIV/0!", "\\N", "TBD", "-1.#IND", "missing", "#N/A N/A", "—"] {
            assert!(is_placeholder(cell), "{cell}");
        }
        for cell in ["71.5kg", "red", "A", "12", "-5"] {
            assert!(!is_placeholder(cell), "{cell}");
        }
    }

    #[test]
    fn a_list_of_words_replaces_the_usual_one() {
        let own = ["x".to_owned(), "-9999".to_owned()];
        let words = MissingWords(Some(&own));
        assert!(words.has("X") && words.has("-9999") && words.has("") && !words.has("NA"));
        assert!(MissingWords(None).has("NA") && MissingWords(None).listed().iter().all(|w| !w.is_empty()));
    }
}
