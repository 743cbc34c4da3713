//! Rows of a workbook that sum the others up: totals, means and spreads below the table, and totals between its rows.
//!
//! A row of them has one word, such as Total, and numbers. At the bottom they are left out if the numbers are the sums, means
//! or spreads of the rows above, as in text.

use super::around::TOTALS;
use super::header::{CellKind, kind_of};
use super::layout::{quoted, were};
use super::options::{Note, ReadOptions};
use calamine::{Data, DataType as _};
use chainrule_common::format;

/// How rows of means and spreads begin.
const MEANS: [&str; 12] = [
    "mean",
    "means",
    "average",
    "avg",
    "mittelwert",
    "durchschnitt",
    "moyenne",
    "media",
    "promedio",
    "gemiddelde",
    "среднее",
    "平均",
];
const SPREADS: [&str; 8] = ["sd", "std", "stdev", "std.", "stddev", "standardabweichung", "écart-type", "desviación"];
/// How other such rows begin; they may as well be names, so that they count only beside the others.
const OTHERS: [&str; 11] =
    ["min", "max", "minimum", "maximum", "median", "count", "n", "anzahl", "variance", "range", "se"];
/// How totals of a part of the rows begin.
const PARTS: [&str; 5] = ["subtotal", "subtotals", "zwischensumme", "sous-total", "subtotaal"];
/// Rows that are listed in a note.
const LISTED: usize = 5;
/// Rows at the bottom at most.
const MOST: usize = 12;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Summary {
    Sum,
    Mean,
    Spread,
    Other,
    Part,
}

/// What a row sums up, by its only word.
fn summary(row: &[Data]) -> Option<(Summary, &str)> {
    let mut words = row.iter().filter_map(|cell| match cell {
        Data::String(text) if kind_of(text, false) == CellKind::Word => Some(text.trim()),
        _ => None,
    });
    let (word, None) = (words.next()?, words.next()) else { return None };
    if !row.iter().any(|cell| number(cell).is_some()) {
        return None;
    }
    let lower = word.to_lowercase();
    let first = lower.split([' ', ':', '(']).find(|w| !matches!(*w, "grand" | "standard")).unwrap_or("");
    let is = |words: &[&str]| words.contains(&first);
    let found = match () {
        () if is(&TOTALS) => Summary::Sum,
        () if is(&MEANS) => Summary::Mean,
        () if is(&SPREADS) || lower.starts_with("standard deviation") => Summary::Spread,
        () if is(&OTHERS) => Summary::Other,
        () if is(&PARTS) => Summary::Part,
        () => return None,
    };
    Some((found, word))
}

fn number(cell: &Data) -> Option<f64> {
    if cell.is_int() || cell.is_float() { cell.as_f64() } else { None }
}

/// Whether most numbers of a row are what it says of the rows above it.
fn is_right(kind: Summary, row: &[Data], above: &[&[Data]]) -> bool {
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-4 * b.abs().max(1e-3);
    let (mut right, mut present) = (0, 0);
    for (column, value) in row.iter().enumerate().filter_map(|(k, cell)| Some((k, number(cell)?))) {
        let values: Vec<f64> = above.iter().filter_map(|row| row.get(column).and_then(number)).collect();
        let count = values.len() as f64;
        let sum: f64 = values.iter().sum();
        let spread = |freedom: f64| {
            let mean = sum / count;
            (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (count - freedom)).sqrt()
        };
        present += 1;
        // What is rounded for people is right too.
        let rounded = |exact: f64| near(value, exact) || [0, 1, 2].iter().any(|&d| value == round(exact, d));
        let is = match kind {
            Summary::Sum => near(value, sum),
            Summary::Mean => rounded(sum / count),
            Summary::Spread => rounded(spread(1.0)) || rounded(spread(0.0)),
            Summary::Other | Summary::Part => false,
        };
        right += usize::from(is && values.len() > 1 && value != 0.0);
    }
    right > 0 && right * 2 >= present
}

fn round(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

/// How many of the last rows are left out; the notes say so, and name those that may be totals but were kept. Rows come with
/// their numbers on the sheet.
pub(super) fn below(rows: &[(usize, &[Data])], options: &ReadOptions, notes: &mut Vec<Note>) -> usize {
    if let Some(given) = options.footer {
        return given.min(rows.len());
    }
    let found: Vec<Option<(Summary, &str)>> = rows.iter().map(|(_, row)| summary(row)).collect();
    let run = found.iter().rev().take(MOST).take_while(|f| f.is_some()).count();
    let run = if run == rows.len() { 0 } else { run };
    let body = rows.len() - run;
    // Totals of parts of the rows count twice.
    let is_part = |k: usize| matches!(found[k], Some((Summary::Sum | Summary::Part, _)));
    let all: Vec<&[Data]> = rows[..body].iter().map(|(_, row)| *row).collect();
    let single: Vec<&[Data]> = (0..body).filter(|&k| !is_part(k)).map(|k| rows[k].1).collect();
    let right = (body..rows.len()).any(|k| {
        found[k].is_some_and(|(kind, _)| is_right(kind, rows[k].1, &all) || is_right(kind, rows[k].1, &single))
    });
    let text_of = |k: usize| {
        let cells = rows[k].1.iter().filter(|c| !c.is_empty()).map(ToString::to_string);
        quoted(&cells.collect::<Vec<_>>().join(", "))
    };
    let mut left_out = 0;
    if right && body > 1 {
        left_out = run;
        let text = format!(
            "{} left out below the table, as {} up the rows above; the first is row {}: {}.",
            were(run, "row"),
            if run == 1 { "it sums" } else { "they sum" },
            rows[body].0,
            text_of(body)
        );
        notes.push(Note::from(text).offering("Keep them", options, |o| o.footer = Some(0)));
    } else if let Some(k) = (body..rows.len())
        .find(|&k| matches!(found[k], Some((Summary::Sum | Summary::Mean | Summary::Spread, _))))
        .filter(|_| body > 0)
    {
        let (_, word) = found[k].unwrap_or((Summary::Other, ""));
        let count = rows.len() - k;
        let (text, label) = if count == 1 {
            (format!("The last row begins with {}. Is it a row of totals? It was kept.", quoted(word)), "Leave it out")
        } else {
            let text = format!(
                "The last {count} rows seem to be totals, the first beginning with {}. They were kept.",
                quoted(word)
            );
            (text, "Leave them out")
        };
        notes.push(Note::from(text).offering(label, options, |o| o.footer = Some(count)));
    }
    let between: Vec<usize> =
        (0..body).filter(|&k| matches!(found[k], Some((Summary::Sum | Summary::Mean | Summary::Part, _)))).collect();
    if let Some(&first) = between.first() {
        let listed: Vec<String> = between.iter().take(LISTED).map(|&k| rows[k].0.to_string()).collect();
        let more = if between.len() > LISTED { ", …" } else { "" };
        let count = format::counted(between.len(), "row");
        let (verb, noun, they) = if between.len() == 1 {
            ("seems to be a total", "row", "It was")
        } else {
            ("seem to be totals", "rows", "They were")
        };
        notes.push(Note::from(format!(
            "{count} between the others {verb}, such as {} ({noun} {}{more}). {they} kept.",
            text_of(first),
            listed.join(", ")
        )));
    }
    left_out
}

#[cfg(test)]
mod tests {
    use super::below;
    use crate::read::options::{Note, ReadOptions};
    use calamine::Data;

    fn judge(rows: &[&str], options: &ReadOptions) -> (usize, Vec<Note>) {
        let cell = |c: &str| match c {
            "_" => Data::Empty,
            c => c.parse().map_or_else(|_| Data::String(c.to_owned()), Data::Float),
        };
        let rows: Vec<Vec<Data>> = rows.iter().map(|r| r.split_whitespace().map(cell).collect()).collect();
        let numbered: Vec<(usize, &[Data])> = rows.iter().enumerate().map(|(k, r)| (k + 2, r.as_slice())).collect();
        let mut notes = Vec::new();
        (below(&numbered, options, &mut notes), notes)
    }

    #[test]
    fn rows_that_sum_up_are_left_out_at_the_bottom_only() {
        let given = ReadOptions::default();
        let (count, notes) = judge(&["a 1 10", "b 2 20", "c 4 30", "Total 7 60"], &given);
        assert_eq!(count, 1);
        assert!(notes[0].text.contains("row 5: \"Total, 7, 60\""), "{notes:?}");
        assert_eq!(notes[0].offers[0].options.footer, Some(0));
        for rows in [
            &["a 1", "b 2", "c 6", "Mean 3", "SD 2.65"][..],
            &["a 1", "b 2", "c 6", "Summe 9", "Mittelwert 3"],
            &["_ 1 5", "_ 2 6", "_ 6 7", "Gesamt 9 _"],
            &["a 1", "b 2", "Subtotal 3", "c 6", "GESAMT: 9"],
        ] {
            let (count, notes) = judge(rows, &given);
            assert_eq!(
                count,
                rows.iter().rev().take_while(|r| !r.starts_with(['a', 'b', 'c', '_'])).count(),
                "{notes:?}"
            );
        }
        // What does not add up, and names, are rows.
        let (count, notes) = judge(&["a 1", "b 2", "c 6", "Total 4"], &given);
        assert_eq!((count, notes[0].offers[0].options.footer), (0, Some(1)));
        assert!(notes[0].text.starts_with("The last row begins with \"Total\""), "{notes:?}");
        assert_eq!(judge(&["Ann 1", "Bob 2", "Max 3"], &given), (0, vec![]));
        // Between the others they are told with their rows.
        let (count, notes) = judge(&["a 1", "b 2", "Total 3", "c 6", "d 1", "Total 7", "e 8"], &given);
        assert_eq!(count, 0);
        assert!(
            notes[0].text.contains("2 rows between the others") && notes[0].text.contains("rows 4, 7"),
            "{notes:?}"
        );
        let kept = ReadOptions { footer: Some(2), ..ReadOptions::default() };
        assert_eq!(judge(&["a 1", "b 2", "c 6", "Total 4"], &kept), (2, vec![]));
    }
}
