//! Lines that begin with `#` or `%`: remarks, the names of the columns as NumPy and MATLAB write them, or rows like others.

use super::dialect::{Row, Syntax, sample_rows};
use super::header::{CellKind, guess_header, kind_of_column};
use super::quoting::Quoting;
use super::separator::Separator;
use crate::error::DataError;

const MARKS: [char; 2] = ['#', '%'];
/// What workbooks write where a formula has no value.
const NO_VALUE: [&str; 8] = ["#n/a", "#na", "#div/0!", "#value!", "#ref!", "#name?", "#num!", "#null!"];

/// What lines that begin with a mark are.
#[derive(Debug, Default)]
pub(super) struct MarkedLines {
    /// Whether those that do not name columns are remarks.
    pub are_comments: bool,
    /// The line that names the columns.
    pub names: Option<Row>,
    /// Remarks among the first lines, and the first of them.
    pub count: usize,
    pub first: usize,
}

/// The mark with which the first line begins that begins with one.
pub(super) fn first_mark(text: &str) -> Option<char> {
    text.lines().find_map(|line| line.chars().next().filter(|c| MARKS.contains(c)))
}

/// Lines of `text` that begin with the mark, with their numbers; the first line is line `before` + 1.
pub(super) fn marked_lines(text: &str, mark: char, before: usize) -> Vec<(usize, &str)> {
    let lines = text.lines().enumerate().filter(|(_, line)| line.starts_with(mark));
    lines.map(|(k, line)| (before + k + 1, line.trim_end())).collect()
}

/// Whether a cell holds what stands where there is no value: an error of a workbook, or signs only.
pub(super) fn is_no_value(cell: &str) -> bool {
    let cell = cell.trim();
    NO_VALUE.contains(&cell.to_lowercase().as_str())
        || !cell.is_empty() && !cell.chars().any(|c| c.is_alphanumeric() || c.is_whitespace())
}

/// Decides what lines are, given the records without them, which mostly have `cells` cells.
pub(super) fn judge(
    name: &str,
    mark: char,
    lines: &[(usize, &str)],
    rows: &[Row],
    cells: usize,
    separator: &Separator,
    decimal_comma: bool,
) -> Result<MarkedLines, DataError> {
    let split = |line: &str| -> Result<Vec<String>, DataError> {
        let mut bytes = Vec::new();
        separator.rewrite(line.as_bytes(), Some(Quoting::default()), &mut bytes);
        let syntax = Syntax { separator: separator.byte(), comment: None, quotes: true };
        let rows = sample_rows(name, &String::from_utf8_lossy(&bytes), syntax, true, 0)?;
        Ok(rows.into_iter().next().map_or_else(Vec::new, |row| row.cells))
    };
    let Some(table) = rows.iter().find(|row| row.cells.len() == cells) else { return Ok(MarkedLines::default()) };
    let mut found = MarkedLines::default();
    let is_mark = |cell: &str| cell.trim().chars().eq([mark]);
    let unnamed = !guess_header(
        &table.cells,
        &rows[rows.iter().position(|r| r.line == table.line).unwrap_or(0) + 1..],
        decimal_comma,
    )
    .names;
    for &(line, text) in lines.iter().rev().filter(|(line, _)| *line < table.line && cells > 1 && unnamed) {
        let whole = split(text)?;
        let bare = split(text.trim_start_matches(mark).trim_start())?;
        let called = whole.len() == cells && is_mark(&whole[0]);
        let chosen = if called { whole } else { bare };
        let short = chosen.len() + 1 == cells && cells > 2;
        if chosen.len() == cells && guess_header(&chosen, rows, decimal_comma).names
            || short && guess_header(&chosen, &below_first(rows), decimal_comma).names
        {
            found.names = Some(Row { line, cells: chosen });
            break;
        }
    }
    // The first row may name the columns.
    let below = if rows.len() > 1 { &rows[1..] } else { rows };
    let first_cells = below.iter().filter_map(|row| row.cells.first().map(String::as_str));
    let words = kind_of_column(first_cells, decimal_comma) == CellKind::Word;
    let (mut fit, mut others) = (0, 0);
    for &(line, text) in lines.iter().filter(|(line, _)| found.names.as_ref().is_none_or(|names| names.line != *line)) {
        let row = split(text)?;
        let error = row.first().is_some_and(|cell| NO_VALUE.contains(&cell.trim().to_lowercase().as_str()));
        let is_row = row.len() == cells && (error || words && (cells > 1 || !text[mark.len_utf8()..].starts_with(' ')));
        fit += usize::from(is_row);
        others += usize::from(!is_row);
        if !is_row && others == 1 {
            found.first = line;
        }
    }
    found.are_comments = others > 0 && others * 4 >= fit;
    found.count = if found.are_comments { others + fit } else { 0 };
    // Without remarks, a line of names is the first row as any other.
    if fit == 0 && found.names.as_ref().is_some_and(|row| row.cells.first().is_none_or(|c| !is_mark(c))) {
        found.are_comments = true;
    }
    Ok(found)
}

/// The rows without their first cells.
fn below_first(rows: &[Row]) -> Vec<Vec<String>> {
    rows.iter().take(50).map(|row| row.cells.iter().skip(1).cloned().collect()).collect()
}
