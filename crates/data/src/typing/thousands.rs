//! Numbers whose point or comma may stand between thousands or before decimals, such as 4.480: what was decided is told where the
//! other cells of the column leave it in doubt.

use super::column::Job;
use super::numbers::number;
use super::survey::Survey;
use super::words::MissingWords;
use crate::read::{Note, ReadOptions};
use crate::table::Text;
use chainrule_common::format;

/// Whether a cell is up to three digits, a sign, and three more.
fn is_either(cell: &str) -> bool {
    let bare = cell.strip_prefix(['-', '+']).unwrap_or(cell);
    let is_digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    bare.split_once(['.', ',']).is_some_and(|(whole, rest)| {
        (1..=3).contains(&whole.len())
            && rest.len() == 3
            && is_digits(whole)
            && is_digits(rest)
            && !whole.starts_with('0')
    })
}

impl Job<'_> {
    /// That a few cells were read as thousands, far from all others, though they may have decimals.
    pub(super) fn doubtful_thousands(&self, text: &Text, survey: &Survey, decimal: char) -> Option<Note> {
        let levels = text.levels().iter().zip(survey.counts.iter().copied());
        let used = levels.filter(|(l, n)| *n > 0 && !self.words.has(l));
        let row_of = |is: &dyn Fn(&str) -> bool| (0..text.len()).find(|&row| text.get(row).is_some_and(is));
        far_thousands(&self.column.name, used, decimal, self.words, self.given, row_of)
    }
}

/// That a few cells of a column were read as thousands, far from all others, though they may have decimals. `cells` are the different
/// ones with their numbers; `row_of` finds the first that is such.
pub(crate) fn far_thousands<'a>(
    column: &str,
    cells: impl Iterator<Item = (&'a str, usize)> + Clone,
    decimal: char,
    words: MissingWords<'_>,
    given: &ReadOptions,
    row_of: impl Fn(&dyn Fn(&str) -> bool) -> Option<usize>,
) -> Option<Note> {
    let other = if decimal == '.' { ',' } else { '.' };
    let is_such = |l: &str| is_either(l) && l.contains(other);
    if !cells.clone().any(|(l, _)| is_such(l)) {
        return None;
    }
    let (mut least, mut most, mut clear) = (f64::INFINITY, f64::NEG_INFINITY, 0_usize);
    let others = cells.clone().filter(|(l, _)| !is_such(l));
    for (value, n) in others.filter_map(|(l, n)| Some((number(l, decimal)?.0, n))) {
        (least, most, clear) = (least.min(value), most.max(value), clear + n);
    }
    let span = most - least;
    let doubtful = |l: &str| {
        let (read, instead) = (number(l, decimal), number(l, other));
        is_such(l)
            && read.is_some_and(|(v, _)| v.abs() > 10.0 * least.abs().max(most.abs()))
            && instead.is_some_and(|(v, _)| v >= least - span && v <= most + span)
    };
    let such: Vec<(&str, usize)> = cells.filter(|(l, _)| doubtful(l)).collect();
    let count: usize = such.iter().map(|(_, n)| n).sum();
    if clear < 3 || count == 0 || count * 2 > clear {
        return None;
    }
    let row = row_of(&doubtful)?;
    let (cell, _) = such.first()?;
    let said = format!(
        "\"{column}\": \"{cell}\" in row {}{} was read as {}, far from all others ({} to {}). Its \"{other}\" may be a decimal sign.",
        row + 1,
        if count > 1 { format!(" and {} like it", format::counted(count - 1, "cell")) } else { String::new() },
        format::cell(number(cell, decimal)?.0),
        format::cell(least),
        format::cell(most),
    );
    let mut list = words.listed();
    list.extend(such.iter().map(|(cell, _)| (*cell).to_owned()));
    Some(Note::from(said).offering("Treat as missing", given, |o| {
        o.columns.entry(column.to_owned()).or_default().missing = Some(list);
    }))
}

/// That the points of a column were read as decimal signs, though all stand before three digits, beside whole numbers below a
/// thousand, which have none. `cells` are the first ones of the column.
pub(crate) fn doubtful_points<'a>(
    column: &str,
    cells: impl Iterator<Item = &'a str>,
    given: &ReadOptions,
) -> Option<Note> {
    let mut either: Option<(usize, &str)> = None;
    let mut whole: Option<&str> = None;
    let mut is_short = false;
    for (row, cell) in cells.enumerate().map(|(row, cell)| (row, cell.trim())) {
        if cell.contains('.') {
            if !is_either(cell) {
                return None;
            }
            either = either.or(Some((row, cell)));
            // Programs write no zeros at the end of decimals.
            is_short |= cell.ends_with('0');
        } else if let Some((value, _)) = number(cell, '.') {
            if value.abs() >= 1000.0 {
                return None;
            }
            whole = whole.or(Some(cell).filter(|_| value.abs() >= 100.0));
        }
    }
    let ((row, cell), whole) = (either.filter(|_| is_short)?, whole?);
    let said = format!(
        "\"{column}\": the point of \"{cell}\" in row {} was read as a decimal sign. It may stand between thousands, as all points stand before three digits, and {whole} has none.",
        row + 1
    );
    Some(Note::from(said).offering("It stands between thousands", given, |o| {
        o.columns.entry(column.to_owned()).or_default().decimal_comma = Some(true);
    }))
}
