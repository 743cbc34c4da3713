//! Which rows and columns the plots of the data draw, and notes on what they leave out.

use super::super::widgets::hint;
use crate::data::{ColumnKind, Table};
use crate::format;
use egui::Ui;

/// Rows in a scatter plot, and among parallel axes.
pub const POINTS: usize = 4000;
pub const FEW: usize = 1000;
/// At most `most` of `rows` rows, evenly spaced, and a note if some are left out.
pub fn sample(rows: usize, most: usize) -> (Vec<usize>, Option<String>) {
    let step = rows.div_ceil(most).max(1);
    let taken: Vec<usize> = (0..rows).step_by(step).collect();
    let note = (step > 1).then(|| {
        format!("{} of {} rows, evenly taken from all", format::count(taken.len() as u128), format::count(rows as u128))
    });
    (taken, note)
}

/// The columns that can be drawn along an axis.
pub fn drawable(table: &Table) -> Vec<usize> {
    let all = table.columns.iter().enumerate();
    all.filter(|(_, c)| c.kind() != ColumnKind::Image && c.missing() < c.len()).map(|(k, _)| k).collect()
}

/// Shows what a plot leaves out.
pub fn notes(ui: &mut Ui, notes: [Option<String>; 2]) {
    let notes: Vec<String> = notes.into_iter().flatten().collect();
    if !notes.is_empty() {
        ui.label(hint(ui, notes.join("; ")));
    }
}

/// The beginning of a text, at most so many letters.
pub fn trimmed(text: &str, most: usize) -> String {
    if text.chars().count() <= most.max(3) {
        text.to_owned()
    } else {
        text.chars().take(most.max(3) - 1).chain(['…']).collect()
    }
}

/// Smallest and largest value of a column of numbers.
pub fn range(summary: &crate::data::Summary) -> (f64, f64) {
    summary.range.map_or((0.0, 1.0), |r| (r.min, r.max))
}

/// Where a value lies in a range, from 0 to 1.
pub fn share(v: f64, (low, high): (f64, f64)) -> f32 {
    if high > low { ((v - low) / (high - low)) as f32 } else { 0.5 }
}

#[cfg(test)]
mod tests {
    use super::sample;

    #[test]
    fn rows_are_sampled_evenly_and_the_picture_says_so() {
        assert_eq!(sample(3, 4), (vec![0, 1, 2], None));
        let (rows, note) = sample(10, 4);
        assert_eq!(rows, [0, 3, 6, 9]);
        assert!(note.expect("some are left out").starts_with("4 of 10 rows"));
    }
}
