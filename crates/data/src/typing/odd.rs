//! Cells that do not fit their column: they become gaps, and are listed with row and text.

use super::kinds::ReadKind;
use super::words::is_placeholder;
use crate::read::{Note, ReadOptions};
use chainrule_common::format;
use std::collections::HashMap;

/// Odd cells that are kept with their rows.
pub(super) const KEPT: usize = 100;
/// Cells that are listed.
const LISTED: usize = 5;
/// Different values of a column among which words are errors rather than levels of their own.
pub(crate) const MANY: usize = 8;
/// Columns with the same odd cells that are told one by one.
const ONE_BY_ONE: usize = 3;

/// Cells that do not fit: their row, counted from 0, and what they hold.
pub(crate) type OddCells = Vec<(usize, Box<str>)>;

/// The odd cells of a column that was read as `kind`.
pub(crate) struct Odd {
    pub column: String,
    pub kind: ReadKind,
    pub cells: OddCells,
    /// All that are odd, of which some may not be in `cells`.
    pub count: usize,
    /// Rows of the table.
    pub rows: usize,
}

/// Whether a column is what `fit` of its cells are although the others, of these words, are not: at most one cell in ten is
/// another word, or half of them stand for missing values.
fn are_few<'a>(fit: usize, odd: impl Iterator<Item = (&'a str, usize)>) -> bool {
    let (mut words, mut placeholders) = (0, 0);
    for (word, count) in odd {
        *(if is_placeholder(word) { &mut placeholders } else { &mut words }) += count;
    }
    let all = fit + words + placeholders;
    fit > 0 && placeholders <= fit && words * 10 <= all && (words == 0 || all >= 10)
}

/// Whether such words are errors in a column of `distinct` different values, and few. A word among few values is a level like
/// them, unless it stands for a missing one or begins as they do.
pub(crate) fn are_errors<'a>(fit: usize, distinct: usize, odd: impl Iterator<Item = (&'a str, usize)> + Clone) -> bool {
    let is_error = |word: &str| is_placeholder(word) || word.starts_with(|c: char| c.is_ascii_digit());
    (distinct >= MANY || odd.clone().all(|(word, _)| is_error(word))) && are_few(fit, odd)
}

/// The notes of all columns with odd cells, in their order; those that many columns share stand at the first of them.
pub(crate) fn tell(odd: &[Odd], given: &ReadOptions) -> Vec<Note> {
    let keys: Vec<(ReadKind, String)> = odd.iter().map(key_of).collect();
    let mut alike: HashMap<&(ReadKind, String), Vec<&Odd>> = HashMap::new();
    for (key, one) in keys.iter().zip(odd) {
        alike.entry(key).or_default().push(one);
    }
    let of = |(key, one): (&(ReadKind, String), &Odd)| {
        let group = &alike[key];
        if group.len() > ONE_BY_ONE {
            std::ptr::eq(group[0], one).then(|| note(group, given))
        } else {
            Some(note(&[one], given))
        }
    };
    keys.iter().zip(odd).filter_map(of).collect()
}

/// Columns with the same are told together.
fn key_of(o: &Odd) -> (ReadKind, String) {
    let mut words: Vec<&str> = o.cells.iter().map(|(_, word)| &**word).collect();
    words.sort_unstable();
    words.dedup();
    (o.kind, words.join("\n"))
}

fn note(group: &[&Odd], given: &ReadOptions) -> Note {
    let count: usize = group.iter().map(|o| o.count).sum();
    let what = match (group[0].kind, count) {
        (ReadKind::Date | ReadKind::EpochSeconds | ReadKind::EpochMilliseconds | ReadKind::WorkbookDays, 1) => {
            "is no date"
        }
        (ReadKind::Date | ReadKind::EpochSeconds | ReadKind::EpochMilliseconds | ReadKind::WorkbookDays, _) => {
            "are no dates"
        }
        (ReadKind::Hours, 1) => "is no time",
        (ReadKind::Hours, _) => "are no times",
        (ReadKind::Boolean, 1) => "is neither true nor false",
        (ReadKind::Boolean, _) => "are neither true nor false",
        (_, 1) => "is no number",
        _ => "are no numbers",
    };
    let became = if count == 1 { "became a gap" } else { "became gaps" };
    let cell = |(row, text): &(usize, Box<str>)| {
        let short: String = text.chars().take(40).collect();
        format!("row {} \"{short}{}\"", row + 1, if short.len() < text.len() { "…" } else { "" })
    };
    let names: Vec<String> = group.iter().take(ONE_BY_ONE).map(|o| format!("\"{}\"", o.column)).collect();
    let text = if let [one] = group {
        let mut list: Vec<String> = one.cells.iter().take(LISTED).map(cell).collect();
        if one.count > list.len() {
            list.push(format!("and {} more", one.count - list.len()));
        }
        format!(
            "{}: {} of {} {what} and {became}: {}.",
            names[0],
            count,
            format::counted(one.rows, "cell"),
            list.join(", ")
        )
    } else {
        let first = group[0].cells.first().map(cell).unwrap_or_default();
        let more = group.len() - names.len();
        format!(
            "{} and {more} more columns: {count} cells {what} and {became}, the first in {first} of {}.",
            names.join(", "),
            names[0]
        )
    };
    Note::from(text).offering("Read as text", given, |o| {
        for odd in group {
            o.columns.entry(odd.column.clone()).or_default().kind = Some(ReadKind::Text);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::are_few;

    #[test]
    fn a_few_odd_cells_do_not_make_text_of_numbers() {
        let few = |fit: usize, odd: &[(&str, usize)]| are_few(fit, odd.iter().copied());
        assert!(few(59, &[("71.5kg", 1)]));
        assert!(few(18, &[("missing", 2)]) && few(9, &[("***", 1)]) && few(5, &[(".", 5)]));
        assert!(!few(80, &[("red", 20)]) && !few(3, &[("A", 1)]) && !few(4, &[(".", 5)]) && !few(0, &[(".", 1)]));
    }
}
