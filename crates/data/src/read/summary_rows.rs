//! Rows below the table of a workbook that sum the others up: totals, means and spreads.
//!
//! A row of them has one word, such as Total, and numbers. They are left out if the numbers are the sums, means or spreads of
//! the rows above, as in text.

use super::header::{CellKind, kind_of};
use super::layout::{perhaps_totals, quoted, were};
use super::options::{Note, ReadOptions};
use super::summaries::{self, Summary};
use calamine::{Data, DataType as _};

/// Rows at the bottom at most.
const MOST: usize = 12;

/// What a row sums up, by its only word.
fn summary(row: &[Data]) -> Option<(Summary, &str)> {
    let mut words = row.iter().filter_map(|cell| match cell {
        Data::String(text) if kind_of(text, false) == CellKind::Word => Some(text.trim()),
        _ => None,
    });
    let (word, None) = (words.next()?, words.next()) else { return None };
    row.iter().find_map(number)?;
    Some((summaries::summary(word)?, word))
}

fn number(cell: &Data) -> Option<f64> {
    if cell.is_int() || cell.is_float() { cell.as_f64() } else { None }
}

/// Whether most numbers of a row are what it says of the rows above it.
fn is_right(kind: Summary, row: &[Data], above: &[&[Data]]) -> bool {
    let (mut right, mut present) = (0, 0);
    for (column, value) in row.iter().enumerate().filter_map(|(k, cell)| Some((k, number(cell)?))) {
        let mut values: Vec<f64> = above.iter().filter_map(|row| row.get(column).and_then(number)).collect();
        present += 1;
        right += usize::from(kind.is_clear() && values.len() > 1 && value != 0.0 && kind.fits(value, &mut values));
    }
    right > 0 && right * 2 >= present
}

/// How many of the last rows are left out; the notes say so, and name the first that may be totals but were kept. Says too
/// whether the last row alone is such a one. Rows come with their numbers on the sheet.
pub(super) fn below(rows: &[(usize, &[Data])], options: &ReadOptions, notes: &mut Vec<Note>) -> (usize, bool) {
    if let Some(given) = options.footer {
        return (given.min(rows.len()), false);
    }
    let found: Vec<Option<(Summary, &str)>> = rows.iter().map(|(_, row)| summary(row)).collect();
    let run = found.iter().rev().take(MOST).take_while(|f| f.is_some()).count();
    let run = if run == rows.len() { 0 } else { run };
    let body = rows.len() - run;
    // Totals of parts of the rows count twice.
    let is_part = |k: usize| matches!(found[k], Some((Summary::Sum, _)));
    let all: Vec<&[Data]> = rows[..body].iter().map(|(_, row)| *row).collect();
    let single: Vec<&[Data]> = (0..body).filter(|&k| !is_part(k)).map(|k| rows[k].1).collect();
    let right = (body..rows.len()).any(|k| {
        found[k].is_some_and(|(kind, _)| is_right(kind, rows[k].1, &all) || is_right(kind, rows[k].1, &single))
    });
    let text_of = |k: usize| {
        let cells = rows[k].1.iter().filter(|c| !c.is_empty()).map(ToString::to_string);
        quoted(&cells.collect::<Vec<_>>().join(", "))
    };
    let (mut left_out, mut in_doubt) = (0, false);
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
    } else if let Some(k) =
        (body..rows.len()).find(|&k| found[k].is_some_and(|(kind, _)| kind.is_clear())).filter(|_| body > 0)
    {
        let word = found[k].map_or("", |(_, word)| word);
        let count = rows.len() - k;
        if count == 1 {
            in_doubt = true;
            notes.push(perhaps_totals(word, 1, options));
        } else {
            let text = format!(
                "The last {count} rows seem to be totals, the first beginning with {}. They were kept.",
                quoted(word)
            );
            notes.push(Note::from(text).offering("Leave them out", options, |o| o.footer = Some(count)));
        }
    }
    (left_out, in_doubt)
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
        (below(&numbered, options, &mut notes).0, notes)
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
        // Between the others they are rows too.
        assert_eq!(judge(&["a 1", "b 2", "Total 3", "c 6", "d 1", "Total 7", "e 8"], &given), (0, vec![]));
        let kept = ReadOptions { footer: Some(2), ..ReadOptions::default() };
        assert_eq!(judge(&["a 1", "b 2", "c 6", "Total 4"], &kept), (2, vec![]));
    }
}
