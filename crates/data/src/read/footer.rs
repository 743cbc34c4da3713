//! Lines below a table in text: footnotes, and a row of totals.

use super::comments::is_no_value;
use super::dialect::{Syntax, record_start};
use super::header::{CellKind, kind_of};
use memchr::memchr_iter;

/// Lines below the table at most.
const FOOTER: usize = 100;
/// Bytes at the end of the text in which they lie.
pub(super) const FOOTER_BYTES: usize = 1 << 16;
/// How rows of totals begin.
pub(super) const TOTALS: [&str; 22] = [
    "total",
    "totals",
    "sum",
    "sums",
    "overall",
    "gesamt",
    "summe",
    "insgesamt",
    "somme",
    "ensemble",
    "totale",
    "suma",
    "totaal",
    "totalt",
    "summa",
    "razem",
    "итого",
    "всего",
    "合计",
    "总计",
    "合計",
    "총계",
];

/// Lines below a table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Footer {
    /// Where they begin.
    pub start: usize,
    /// Those that are not blank.
    pub lines: usize,
    /// The first of them.
    pub first: String,
    /// Whether the last row of the table holds the sums of the others.
    pub is_total: bool,
    /// How the last row begins if it may be one of totals, but was kept.
    pub maybe_total: Option<String>,
}

/// Finds the lines below the table at the end of `text`, which begins with a record of it. `kinds` are what the columns hold;
/// `given` says how many lines that are not blank lie there.
pub(super) fn find_footer(
    text: &[u8],
    syntax: Syntax,
    kinds: &[CellKind],
    given: Option<usize>,
    sums: bool,
    decimal_comma: bool,
) -> Footer {
    let mut footer = Footer { start: text.len(), ..Footer::default() };
    let lines = tail_lines(text, syntax);
    if let Some(given) = given {
        for &(from, to) in lines.iter().rev().filter(|&&(from, to)| !is_blank(&text[from..to])).take(given) {
            footer.start = from;
            footer.lines += 1;
            String::from_utf8_lossy(&text[from..to]).trim().clone_into(&mut footer.first);
        }
        return footer;
    }
    let cells = kinds.len();
    if cells < 2 {
        return footer;
    }
    let comment = |line: &[u8]| line.first().copied().is_some_and(|b| Some(b) == syntax.comment);
    let mut pending = footer.clone();
    for (place, &(from, to)) in lines.iter().enumerate().rev() {
        let line = &text[from..to];
        if is_blank(line) || comment(line) {
            continue;
        }
        let row = one_row(line, syntax);
        let only_separators = row.iter().all(|c| c.trim().is_empty());
        if only_separators {
            continue;
        }
        let first = row.first().map_or("", |c| c.trim());
        let filled = row.iter().filter(|c| !c.trim().is_empty()).count();
        let other =
            matches!((kind_of(first, decimal_comma), kinds[0]), (CellKind::Word, CellKind::Number | CellKind::Date));
        let alone = filled == 1 && !first.is_empty() && (cells > 2 || row.len() == 1);
        let marked =
            first.starts_with(['*', '†', '‡', '(', '[', '©', '#', '"']) || first.contains(": ") || first.ends_with(':');
        // A cell without a value is one of a row, not a footnote.
        let valued = |(cell, kind): (&String, &CellKind)| {
            *kind == CellKind::Number && kind_of(cell, decimal_comma) == CellKind::Number
        };
        if row.len() == cells && is_no_value(first) && row.iter().zip(kinds).any(valued) {
            break;
        }
        let looks = other && (row.len() != cells || marked) || alone && (other || cells > 2 || marked);
        let before_blank = place.checked_sub(1).is_some_and(|k| is_blank(&text[lines[k].0..lines[k].1]));
        let apart = before_blank && (row.len() != cells || alone || other);
        if !looks && !apart && !other || pending.lines >= FOOTER {
            break;
        }
        pending.start = from;
        pending.lines += 1;
        String::from_utf8_lossy(line).trim().clone_into(&mut pending.first);
        // A row with a word above numbers may be an odd one; it is a footnote if a line above it is.
        if looks || apart {
            footer = pending.clone();
        }
    }
    // A table has rows above what lies below it.
    if lines.first().is_some_and(|l| footer.start <= l.0) && footer.lines > 0 {
        return Footer { start: text.len(), ..Footer::default() };
    }
    totals(text, &lines, syntax, kinds, sums, decimal_comma, &mut footer);
    footer
}

/// Looks for a row of totals above the footer. It is left out if the whole table is in `text` and each number is the sum of
/// those above it.
fn totals(
    text: &[u8],
    lines: &[(usize, usize)],
    syntax: Syntax,
    kinds: &[CellKind],
    whole: bool,
    decimal_comma: bool,
    footer: &mut Footer,
) {
    let last = lines.iter().rev().find(|&&(from, to)| from < footer.start && !is_blank(&text[from..to]));
    let Some(&(from, to)) = last else { return };
    let row = one_row(&text[from..to], syntax);
    let words: Vec<&str> =
        row.iter().map(|c| c.trim()).filter(|c| kind_of(c, decimal_comma) == CellKind::Word).collect();
    let begins = |word: &str| {
        let word = word.to_lowercase();
        TOTALS.contains(&word.split([' ', ':']).find(|w| *w != "grand").unwrap_or(""))
    };
    let named = words.len() == 1 && begins(words[0]) && row.len() == kinds.len();
    // Sums alone, without a word for them, stand where other rows have more.
    let is_number = |c: &String| kind_of(c, decimal_comma) == CellKind::Number;
    let bare = kinds[0] != CellKind::Missing
        && row.first().is_some_and(|c| c.trim().is_empty())
        && row.iter().all(|c| c.trim().is_empty() || is_number(c))
        && row.len() <= kinds.len();
    if !named && !bare {
        return;
    }
    let number = |cell: &str| crate::parse::number(cell, decimal_comma).or_else(|| crate::typing::numbers::read(cell));
    let numbers: Vec<(usize, f64)> = row
        .iter()
        .enumerate()
        .filter_map(|(k, c)| number(c).map(|v| (k, v)))
        .filter(|(k, _)| kinds[*k] == CellKind::Number)
        .collect();
    if numbers.is_empty() || bare && numbers.iter().all(|(_, value)| *value == 0.0) {
        return;
    }
    let mut sums = vec![0.0; kinds.len()];
    let mut rows = 0_usize;
    if whole {
        for record in syntax.reader().from_reader(&text[..from]).byte_records().flatten() {
            for (cell, sum) in record.iter().zip(&mut sums) {
                *sum += std::str::from_utf8(cell).ok().and_then(number).unwrap_or(0.0);
            }
            rows += 1;
        }
    }
    let equal = |&(k, value): &(usize, f64)| (sums[k] - value).abs() <= 1e-4 * value.abs().max(1e-3);
    if whole && rows > 1 && numbers.iter().all(equal) {
        footer.is_total = true;
        footer.start = from;
        footer.lines += 1;
        String::from_utf8_lossy(&text[from..to]).trim().clone_into(&mut footer.first);
    } else if named {
        footer.maybe_total = Some(words[0].to_owned());
    }
}

/// Blanks, and what is left of files that were cut off or copied from DOS.
pub(super) fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|&b| b.is_ascii_whitespace() || b == 0 || b == 0x1a)
}

/// The cells of one line.
fn one_row(line: &[u8], syntax: Syntax) -> Vec<String> {
    let mut record = csv::ByteRecord::new();
    let read = syntax.reader().from_reader(line).read_byte_record(&mut record);
    if !read.unwrap_or(false) {
        return vec![String::from_utf8_lossy(line).into_owned()];
    }
    record.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect()
}

/// Where the last lines of a text begin and end; those of a record with line ends in quotes are one.
fn tail_lines(text: &[u8], syntax: Syntax) -> Vec<(usize, usize)> {
    let mut lines = Vec::new();
    if syntax.quotes && memchr::memchr(b'"', text).is_some() {
        let mut reader = syntax.reader().from_reader(text);
        let mut record = csv::ByteRecord::new();
        while reader.read_byte_record(&mut record).is_ok_and(|more| more) {
            let at = record.position().map_or(0, |p| p.byte() as usize);
            let start = record_start(text, at, syntax.comment);
            let end = (reader.position().byte() as usize).clamp(start, text.len());
            // A blank line, or a remark.
            if start > at {
                lines.push((at, at));
            }
            lines.push((start, start + text[start..end].trim_ascii_end().len()));
        }
        return lines;
    }
    let from = text.len().saturating_sub(FOOTER_BYTES);
    let mut start =
        if from == 0 { 0 } else { memchr::memchr(b'\n', &text[from..]).map_or(text.len(), |k| from + k + 1) };
    for end in memchr_iter(b'\n', &text[start..]).map(|k| start + k).collect::<Vec<_>>() {
        lines.push((start, end));
        start = end + 1;
    }
    if start < text.len() {
        lines.push((start, text.len()));
    }
    lines
}
