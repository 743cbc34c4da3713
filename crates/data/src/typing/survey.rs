//! What the distinct texts of a column are likely to be, before the columns of a file are decided together.

use super::dates;
use super::kinds::{ColumnReading, ReadKind};
use super::magnitudes::with_magnitude;
use super::numbers::{decimal_sign, hours, number};
use super::words::{MissingWords, is_placeholder};
use crate::table::Text;
use rayon::prelude::{IntoParallelIterator as _, ParallelIterator as _};

/// Levels that show what a column may be.
const SAMPLED: usize = 400;

/// The spellings of true and of false.
const TRUE: [&str; 6] = ["true", "t", ".true.", "wahr", "vrai", "verdadero"];
const FALSE: [&str; 6] = ["false", "f", ".false.", "falsch", "faux", "falso"];

/// Words for yes and no, one pair of which makes two levels; beside 0 and 1, or true and false, they are booleans.
const YES: [&str; 8] = ["yes", "y", "on", "ja", "oui", "si", "sí", "sim"];
const NO: [&str; 7] = ["no", "n", "off", "nein", "non", "não", "nee"];

/// A column of text and what it may be.
pub(super) struct Survey {
    /// Cells of each level.
    pub counts: Vec<usize>,
    /// The kind that most of the levels have.
    pub likely: ReadKind,
    /// How many levels show a decimal point, and a decimal comma.
    pub points: usize,
    pub commas: usize,
}

/// Whether a cell says true; none if it is no boolean.
fn boolean(cell: &str) -> Option<bool> {
    let lower = cell.to_lowercase();
    if TRUE.contains(&lower.as_str()) { Some(true) } else { FALSE.contains(&lower.as_str()).then_some(false) }
}

/// Whether a cell says yes; none if it is no answer.
pub(super) fn answer(cell: &str) -> Option<bool> {
    let lower = cell.to_lowercase();
    if YES.contains(&lower.as_str()) { Some(true) } else { NO.contains(&lower.as_str()).then_some(false) }
}

fn digit(cell: &str) -> Option<bool> {
    match cell {
        "1" => Some(true),
        "0" => Some(false),
        _ => None,
    }
}

/// Whether a cell of a boolean column says true: beside words, 0 and 1 are booleans too.
pub(super) fn truth(cell: &str) -> Option<bool> {
    digit(cell).or_else(|| boolean(cell)).or_else(|| answer(cell))
}

impl Survey {
    /// Looks at a column that may be read in a given way.
    pub fn of(text: &Text, given: &ColumnReading, words: MissingWords<'_>) -> Self {
        let counts = text.counts();
        let levels = text.levels();
        let likely = given.kind.unwrap_or_else(|| likely(text, &counts, words));
        let (points, commas) = if likely == ReadKind::Number {
            let signs = |k: usize| match levels.get(k).and_then(decimal_sign) {
                Some('.') => (1, 0),
                Some(_) => (0, 1),
                None => (0, 0),
            };
            (0..levels.len()).into_par_iter().map(signs).reduce(|| (0, 0), |a, b| (a.0 + b.0, a.1 + b.1))
        } else {
            (0, 0)
        };
        Self { counts, likely, points, commas }
    }
}

fn likely(text: &Text, counts: &[usize], words: MissingWords<'_>) -> ReadKind {
    let mut seen = 0_usize;
    let mut fit = [0_usize; 5];
    let mut both = [false; 2];
    // Answers, and what makes booleans of them.
    let (mut answers, mut others) = ([0_usize; 2], 0_usize);
    let used =
        text.levels().iter().zip(counts).filter(|(level, n)| **n > 0 && !words.has(level) && !is_placeholder(level));
    for (level, _) in used.take(SAMPLED) {
        seen += 1;
        let is_boolean = digit(level).or_else(|| boolean(level));
        if let Some(value) = is_boolean {
            both[usize::from(value)] = true;
        }
        others += usize::from(is_boolean.is_some());
        if let Some(value) = answer(level) {
            answers[usize::from(value)] += 1 + usize::from(level.len() > 1);
        }
        let found = [
            number(level, '.').is_some()
                || number(level, ',').is_some()
                || with_magnitude(level, '.').is_some()
                || with_magnitude(level, ',').is_some(),
            hours(level).is_some(),
            dates::read(level).is_some(),
            is_boolean.is_some(),
            truth(level).is_some(),
        ];
        fit.iter_mut().zip(found).for_each(|(n, found)| *n += usize::from(found));
    }
    let mostly = |k: usize| seen > 0 && fit[k] * 10 >= seen * 7;
    // A single letter says true only beside one that says false, and digits only beside letters.
    let spelled = |longer: usize| {
        text.levels().iter().zip(counts).any(|(level, n)| *n > 0 && level.len() > longer && boolean(level).is_some())
    };
    match () {
        () if seen > 0 && fit[3] == seen && spelled(0) && (both == [true; 2] || spelled(1)) => ReadKind::Boolean,
        // A single letter needs the other one.
        () if fit[4] == seen && others > 0 && (answers.iter().any(|n| *n > 1) || answers == [1; 2]) => {
            ReadKind::Boolean
        }
        () if mostly(1) => ReadKind::Hours,
        () if mostly(2) => ReadKind::Date,
        () if mostly(0) => ReadKind::Number,
        () => ReadKind::Text,
    }
}
