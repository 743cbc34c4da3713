//! Rows that hold sums, means and their like of other rows. They are told, and left out if that is wanted.

use super::footer::TOTALS;
use super::layout::quoted;
use super::options::{Note, ReadOptions};
use crate::table::{Table, Values};
use chainrule_common::format;
use rayon::prelude::{IntoParallelIterator as _, ParallelIterator as _};
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Rows that are listed.
const LISTED: usize = 5;
/// Bytes of a longer cell, which is no word for a summary.
const LONGEST: usize = 40;
/// Words for sums, beside [`TOTALS`].
const SUMS: [&str; 12] = [
    "subtotal",
    "subtotals",
    "sub-total",
    "sub total",
    "grand total",
    "zwischensumme",
    "gesamtsumme",
    "sous-total",
    "subtotale",
    "subtotaal",
    "total general",
    "total général",
];
const MEANS: [&str; 10] =
    ["mean", "average", "avg", "avg.", "mittelwert", "durchschnitt", "moyenne", "media", "promedio", "gemiddelde"];
const DEVIATIONS: [&str; 12] = [
    "sd",
    "s.d.",
    "std",
    "std.",
    "stdev",
    "std dev",
    "std. dev.",
    "std.dev.",
    "stddev",
    "standard deviation",
    "standardabweichung",
    "écart-type",
];

/// What a row may say about those above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Summary {
    Sum,
    Mean,
    Deviation,
    Least,
    Most,
    Median,
    Count,
}

/// Words that a total may begin with, and words for single values of a column.
const FIRST: [&str; 4] = ["total", "subtotal", "zwischensumme", "summe"];
const LEAST: [&str; 2] = ["min", "minimum"];
const MOST: [&str; 2] = ["max", "maximum"];
const MEDIAN: &str = "median";
const COUNTS: [&str; 3] = ["n", "count", "anzahl"];

/// The first two letters of all of them, so that nearly all cells of other columns are told by these.
static BEGINNINGS: LazyLock<Vec<bool>> = LazyLock::new(|| {
    let all = TOTALS
        .iter()
        .chain(&SUMS)
        .chain(&MEANS)
        .chain(&DEVIATIONS)
        .chain(&FIRST)
        .chain(&LEAST)
        .chain(&MOST)
        .chain(&COUNTS);
    let mut are = vec![false; 1 << 16];
    all.chain([&MEDIAN]).for_each(|word| are[beginning(word.as_bytes())] = true);
    are
});

fn beginning(word: &[u8]) -> usize {
    let [first, second] = [0, 1].map(|k| usize::from(word.get(k).map_or(0, u8::to_ascii_lowercase)));
    first << 8 | second
}

/// What a cell says of its row, if it is a word for a summary.
pub(super) fn summary(cell: &str) -> Option<Summary> {
    if cell.len() > LONGEST {
        return None;
    }
    let word = cell.trim().trim_end_matches(':').trim_end();
    let bytes = word.as_bytes();
    let ends = bytes.len() > 6 && bytes[bytes.len() - 6..].eq_ignore_ascii_case(b" total");
    if bytes.first()?.is_ascii() && !ends && !BEGINNINGS[beginning(bytes)] {
        return None;
    }
    let lower = word.to_lowercase();
    let word = lower.as_str();
    let first = word.split([' ', ':']).next().unwrap_or_default();
    Some(match () {
        () if TOTALS.contains(&word) || SUMS.contains(&word) || FIRST.contains(&first) || word.ends_with(" total") => {
            Summary::Sum
        }
        () if MEANS.contains(&word) => Summary::Mean,
        () if DEVIATIONS.contains(&word) => Summary::Deviation,
        () if LEAST.contains(&word) => Summary::Least,
        () if MOST.contains(&word) => Summary::Most,
        () if word == MEDIAN => Summary::Median,
        () if COUNTS.contains(&word) => Summary::Count,
        () => return None,
    })
}

/// Whether a cell that does not fit its column is a word for a summary.
pub(super) fn is_word(cell: &str) -> bool {
    summary(cell).is_some()
}

impl Summary {
    /// Whether its word is not a name as well, as Max is.
    pub fn is_clear(self) -> bool {
        matches!(self, Self::Sum | Self::Mean | Self::Deviation)
    }

    /// Whether `value` is this of the values.
    pub fn fits(self, value: f64, values: &mut [f64]) -> bool {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        // Whether it was divided by the number of values or by one less.
        let deviation = |less: f64| (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (count - less)).sqrt();
        let near = |wanted: f64| (value - wanted).abs() <= 2e-3 * wanted.abs().max(value.abs()).max(1e-9);
        match self {
            Self::Sum => near(mean * count),
            Self::Mean => near(mean),
            Self::Deviation => near(deviation(1.0)) || near(deviation(0.0)),
            Self::Least => values.iter().all(|v| *v >= value) && values.contains(&value),
            Self::Most => values.iter().all(|v| *v <= value) && values.contains(&value),
            Self::Median => {
                values.sort_unstable_by(f64::total_cmp);
                let middle = values.len() / 2;
                near(if values.len() % 2 == 1 {
                    values[middle]
                } else {
                    f64::midpoint(values[middle - 1], values[middle])
                })
            }
            Self::Count => value == count,
        }
    }
}

/// The rows of a table that summarise others, with their words. `odd` are words among numbers, with their rows.
fn find(table: &Table, odd: &[(usize, String)]) -> BTreeMap<usize, String> {
    let rows = table.rows();
    let mut words: BTreeMap<usize, String> = odd.iter().filter(|(row, _)| *row < rows).cloned().collect();
    let sure: Vec<usize> = words.keys().copied().collect();
    for column in &table.columns {
        let Values::Text(text) = &column.values else { continue };
        let levels = text.levels();
        let is_word: Vec<bool> =
            (0..levels.len()).into_par_iter().map(|k| levels.get(k).is_some_and(is_word)).collect();
        let such = || text.codes().enumerate().filter(|(_, code)| code.is_some_and(|c| is_word[c as usize]));
        if is_word.iter().any(|is| *is) && such().count() + 2 <= rows {
            for (row, _) in such() {
                words.entry(row).or_insert_with(|| text.get(row).unwrap_or_default().to_owned());
            }
        }
    }
    if words.is_empty() || words.len() + 2 > rows {
        return BTreeMap::new();
    }
    let numbers: Vec<&crate::numbers::Numbers> = table
        .columns
        .iter()
        .filter_map(|c| if let Values::Numbers(numbers) = &c.values { Some(numbers) } else { None })
        .collect();
    // Rows since the last summaries, and all above.
    let mut proven = Vec::new();
    let mut start = 0;
    for (&row, word) in &words {
        let Some(kind) = summary(word) else { continue };
        let of = |from: usize| {
            let (mut fit, mut others) = (0, 0);
            for column in &numbers {
                let value = column.get(row);
                let mut above: Vec<f64> = (from..row)
                    .filter(|r| !words.contains_key(r))
                    .map(|r| column.get(r))
                    .filter(|v| !v.is_nan())
                    .collect();
                if !value.is_nan() && above.len() > 1 {
                    let fits = kind.fits(value, &mut above);
                    fit += usize::from(fits && value != 0.0);
                    others += usize::from(!fits);
                }
            }
            fit > 0 && fit >= others
        };
        if of(start) || start > 0 && of(0) {
            proven.push(row);
        }
        // Several summaries may stand below one block.
        if !words.contains_key(&(row + 1)) {
            start = row + 1;
        }
    }
    let told = |row: usize, word: &str| {
        let clear = summary(word).is_some_and(Summary::is_clear);
        sure.contains(&row) && clear || proven.contains(&row) || clear && !proven.is_empty()
    };
    words.into_iter().filter(|(row, word)| told(*row, word)).collect()
}

/// Tells rows that summarise others, and leaves them out if that is wanted. `in_footer` says whether a last row of totals has been
/// told already.
pub(super) fn tell(table: &mut Table, odd: &[(usize, String)], in_footer: bool, options: &ReadOptions) -> Option<Note> {
    if options.summaries == Some(true) {
        return None;
    }
    let found = find(table, odd);
    let rows = table.rows();
    let only_last = found.len() == 1 && found.contains_key(&(rows - 1));
    if found.is_empty() || in_footer && only_last {
        return None;
    }
    let mut list: Vec<String> =
        found.iter().take(LISTED).map(|(row, word)| format!("row {} {}", row + 1, quoted(word))).collect();
    if found.len() > LISTED {
        list.push(format!("and {} more", found.len() - LISTED));
    }
    let (count, list) = (format::counted(found.len(), "row"), list.join(", "));
    if options.summaries == Some(false) {
        let kept: Vec<usize> = (0..rows).filter(|row| !found.contains_key(row)).collect();
        for column in &mut table.columns {
            *column = column.select(&kept);
        }
        let verb = if found.len() == 1 { "was" } else { "were" };
        let note = Note::from(format!("{count} {verb} left out, as sums or means of others: {list}."));
        return Some(note.offering("Keep them", options, |o| o.summaries = Some(true)));
    }
    let verb = if found.len() == 1 { "seems to be a sum or mean" } else { "seem to be sums or means" };
    let note = Note::from(format!(
        "{count} {verb} of others, and {} kept: {list}.",
        if found.len() == 1 { "was" } else { "were" }
    ));
    Some(note.offering("Leave them out", options, |o| o.summaries = Some(false)))
}
