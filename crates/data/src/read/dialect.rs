//! Detects what separates the cells of text, from its first lines.

use super::header::{CellKind, kind_of};
use super::options::COLUMN_LIMIT;
use super::separator::Separator;
use crate::error::DataError;
use crate::typing::numbers::decimal_sign;
use memchr::memchr_iter;

pub(super) const FIELD_LIMIT: usize = 1 << 20;
/// Rows from which the kinds of columns are detected.
const SAMPLE: usize = 1000;
/// Lines and bytes from which the separator is detected.
const LINES: usize = 200;
const BYTES: usize = 1 << 16;
const USUAL: [char; 4] = [',', ';', '\t', '|'];
/// Characters that separate cells where none of the usual ones does; most others are part of dates, numbers, names and paths.
const RARE: [char; 7] = ['~', '^', '¦', '§', '¬', '!', '\u{1e}'];
/// Those that are only proposed.
const PROPOSED: [char; 8] = [' ', ':', '/', '=', '&', '_', '-', '@'];

/// A record of text that was rewritten for the ordinary parser.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// Its first line, counted from 1.
    pub line: usize,
    pub cells: Vec<String>,
}

impl Row {
    /// Whether no cell holds anything.
    pub fn is_blank(&self) -> bool {
        self.cells.iter().all(|c| c.trim().is_empty())
    }
}

impl AsRef<[String]> for Row {
    fn as_ref(&self) -> &[String] {
        &self.cells
    }
}

/// How a record is parsed, once lines are rewritten.
#[derive(Clone, Copy, Debug)]
pub(super) struct Syntax {
    pub separator: u8,
    /// Lines that begin with it are left out.
    pub comment: Option<u8>,
    /// Whether cells may stand in quotes.
    pub quotes: bool,
}

impl Syntax {
    pub fn reader(self) -> csv::ReaderBuilder {
        let mut reader = csv::ReaderBuilder::new();
        reader.delimiter(self.separator).has_headers(false).flexible(true).comment(self.comment).quoting(self.quotes);
        reader
    }
}

/// The first records of `text`, whose first line is line `before` + 1 of the file; blank ones are left out.
pub(super) fn sample_rows(
    name: &str,
    text: &str,
    syntax: Syntax,
    whole: bool,
    before: usize,
) -> Result<Vec<Row>, DataError> {
    let mut rows: Vec<Row> = Vec::new();
    // Where lines are counted up to.
    let (mut counted, mut line) = (0, before + 1);
    let mut last_is_cut = !whole;
    for record in syntax.reader().from_reader(text.as_bytes()).records() {
        let record = record.map_err(|e| DataError::Malformed {
            name: name.to_owned(),
            reason: e.to_string().trim_end_matches('.').to_owned(),
        })?;
        let start = record_start(text.as_bytes(), record.position().map_or(0, |p| p.byte() as usize), syntax.comment);
        line += memchr_iter(b'\n', &text.as_bytes()[counted.min(start)..start]).count();
        counted = start;
        if record.iter().any(|f| f.len() > FIELD_LIMIT) {
            return Err(DataError::HugeField { name: name.to_owned(), row: line, limit: FIELD_LIMIT });
        }
        if record.len() > COLUMN_LIMIT {
            return Err(DataError::TooWide { name: name.to_owned(), columns: record.len(), limit: COLUMN_LIMIT });
        }
        rows.push(Row { line, cells: record.iter().map(str::to_owned).collect() });
        if rows.len() > SAMPLE {
            last_is_cut = false;
            break;
        }
    }
    if last_is_cut && rows.len() > 1 {
        rows.pop();
    }
    rows.retain(|row| !row.is_blank());
    Ok(rows)
}

/// Where the record really begins of which the parser says that it begins at `at`: behind blank lines and comments.
pub(super) fn record_start(text: &[u8], at: usize, comment: Option<u8>) -> usize {
    let mut at = at.min(text.len());
    while let Some(&byte) = text.get(at) {
        if matches!(byte, b'\n' | b'\r') {
            at += 1;
        } else if Some(byte) == comment {
            at = memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |k| at + k + 1);
        } else {
            break;
        }
    }
    at
}

/// How well a separator fits lines, the better the larger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Score {
    /// Percentage of lines that have as many cells as most.
    same: usize,
    /// Percentage of cells that are numbers or dates.
    share: usize,
    /// Cells of most lines.
    cells: usize,
}

/// What the lines look like with a separator.
struct Fit {
    separator: Separator,
    score: Score,
    /// Cells of each line that is not blank.
    counts: Vec<usize>,
    /// The first line that has as many cells as most.
    first: usize,
}

impl Fit {
    fn of(separator: Separator, lines: &[&str]) -> Self {
        let usual = match separator {
            Separator::Character(c) => c.is_ascii().then_some(c as u8),
            _ => None,
        };
        let counts = match usual {
            Some(byte) => counts_with_quotes(lines, byte),
            None => lines.iter().map(|line| separator.count(line)).collect(),
        };
        let most = most_frequent(counts.iter().copied().filter(|&c| c > 1));
        let Some(most) = most else { return Self { separator, score: Score::default(), counts, first: 0 } };
        let first = counts.iter().position(|&c| c == most).unwrap_or(0);
        let same = counts.iter().filter(|&&c| c == most).count() * 100 / counts.len().max(1);
        let (mut total, mut values) = (0_usize, 0_usize);
        for line in lines.iter().take(30) {
            for cell in separator.split(line).iter().take(1000) {
                let cell = cell.trim().trim_matches('"');
                // With another separator than the comma, "2,5" is a number too.
                let number = cell.bytes().any(|b| b.is_ascii_digit())
                    && matches!(
                        kind_of(cell, separator != Separator::Character(',')),
                        CellKind::Number | CellKind::Date
                    );
                total += 1;
                values += usize::from(number);
            }
        }
        let score = Score { same: same.max(1), share: values * 100 / total.max(1), cells: most };
        Self { separator, score, counts, first }
    }

    /// Whether nearly all lines between the first and the last that have as many cells as most have as many. Around them
    /// may stand titles and footnotes.
    fn is_even(&self, percent: usize) -> bool {
        let cells = self.score.cells;
        let last = self.counts.iter().rposition(|&c| c == cells).unwrap_or(0);
        let Some(table) = self.counts.get(self.first..=last).filter(|_| cells > 1) else { return false };
        let same = table.iter().filter(|&&c| c == cells).count();
        same * 100 >= table.len() * percent && (same > 2 || table.len() * 2 >= self.counts.len())
    }

    /// Whether lines are that even, and not one column of words with a comma each, below its name.
    fn is_steady(&self, percent: usize) -> bool {
        let Score { share, cells, .. } = self.score;
        let one_name = self.first > 0 && self.counts[0] == 1 && cells == 2 && share < 10;
        self.is_even(percent) && !one_name
    }
}

/// The cells of each record at a separator of one byte; a record may have several lines.
fn counts_with_quotes(lines: &[&str], separator: u8) -> Vec<usize> {
    let mut quoted = false;
    let (mut counts, mut count) = (Vec::new(), 1_usize);
    for line in lines {
        let mut begins = true;
        for &byte in line.as_bytes() {
            match byte {
                b'"' if quoted || begins => quoted = !quoted,
                byte if byte == separator && !quoted => {
                    count += 1;
                    begins = true;
                    continue;
                }
                b' ' if begins => continue,
                _ => {}
            }
            begins = false;
        }
        if !quoted {
            counts.push(std::mem::replace(&mut count, 1));
        }
    }
    // A quote that never closes says nothing.
    if counts.is_empty() || quoted && counts.len() * 2 < lines.len() {
        return lines.iter().map(|line| memchr_iter(separator, line.as_bytes()).count() + 1).collect();
    }
    counts
}

/// The value that occurs most often, the larger of equals.
pub(super) fn most_frequent(values: impl Iterator<Item = usize>) -> Option<usize> {
    let mut sorted: Vec<usize> = values.collect();
    sorted.sort_unstable();
    sorted.chunk_by(|a, b| a == b).max_by_key(|same| same.len()).map(|same| same[0])
}

/// Whether some cell looks like 3,14 and none like 3.14; 1.234 may be either.
pub(super) fn uses_decimal_comma(rows: &[Row]) -> bool {
    let cells = || rows.iter().skip(1).take(200).flat_map(|row| &row.cells);
    cells().any(|c| decimal_sign(c) == Some(',')) && !cells().any(|c| decimal_sign(c) == Some('.'))
}

/// What was found about the separator.
#[derive(Debug)]
pub(super) struct SeparatorGuess {
    pub separator: Separator,
    /// What else it may be, if the lines look like one column of words.
    pub proposed: Option<Separator>,
}

/// The separator that splits the first lines into equal, large numbers of cells.
pub(super) fn detect_separator(text: &str, comment: Option<char>) -> SeparatorGuess {
    let mut end = text.len().min(BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut lines: Vec<&str> = text[..end]
        .lines()
        .filter(|l| !l.trim_matches(|c: char| c.is_whitespace() || c == '\0').is_empty())
        .filter(|l| !comment.is_some_and(|c| l.starts_with(c)))
        .take(LINES + 1)
        .collect();
    // The last line may be cut, and belong to a footer.
    if lines.len() > LINES || end < text.len() && lines.len() > 2 {
        lines.pop();
    }
    let lines = lines.as_slice();
    let usual = USUAL.into_iter().rev().map(|c| Fit::of(repeated(c, lines), lines)).max_by_key(|fit| fit.score);
    let usual = usual.filter(|fit| fit.score.cells > 1);
    let rare = rare_candidates(lines)
        .into_iter()
        .map(|separator| Fit::of(separator, lines))
        .filter(|fit| fit.is_steady(90))
        .max_by_key(|fit| fit.score);
    let blank = [Separator::Blanks, Separator::Character(' ')]
        .into_iter()
        .map(|separator| Fit::of(separator, lines))
        .filter(|fit| fit.is_steady(95) && blanks_are_meant(fit, lines))
        .rev()
        .max_by_key(|fit| fit.score);
    let found = |fit: Fit| SeparatorGuess { separator: fit.separator, proposed: None };
    // One of the usual ones that splits lines evenly is what is meant, unless its cells are split evenly in their turn.
    if let Some(usual) = usual {
        let better = |other: &Fit| {
            other.score.share > 60 && usual.score.share * 2 < other.score.share
                || other.score.same > usual.score.same && !usual.is_steady(90)
        };
        if let Some(other) = blank.filter(|b| better(b)) {
            return found(other);
        }
        if let Some(other) = rare.filter(|r| r.score.same > usual.score.same && !usual.is_steady(90)) {
            return found(other);
        }
        if usual.is_steady(80) || usual.counts.first() != Some(&1) {
            return found(usual);
        }
        // Words with commas here and there below a name without one.
        let places = fixed_places(lines);
        let proposed = Some(usual.separator);
        return SeparatorGuess { separator: places.unwrap_or(Separator::NONE), proposed };
    }
    if let Some(fit) = rare.into_iter().chain(blank).max_by_key(|fit| fit.score) {
        return found(fit);
    }
    if let Some(places) = fixed_places(lines) {
        return SeparatorGuess { separator: places, proposed: None };
    }
    SeparatorGuess { separator: Separator::Character(','), proposed: propose(lines) }
}

/// `c`, or `c` several times if it never stands alone.
fn repeated(c: char, lines: &[&str]) -> Separator {
    let mut length = None;
    for line in lines {
        let mut run = 0_usize;
        for other in line.chars().chain(['\n']) {
            if other == c {
                run += 1;
            } else if run > 0 {
                if run == 1 || length.is_some_and(|l| l != run) {
                    return Separator::Character(c);
                }
                length = Some(run);
                run = 0;
            }
        }
    }
    match length {
        // Empty cells at all ends of all lines are no separator of their own.
        Some(run) if run > 1 && c != ',' && c != ';' && c != '\t' => Separator::Text(c.to_string().repeat(run)),
        _ => Separator::Character(c),
    }
}

/// Separators that are seldom used and occur in the first lines: control characters, `~`, `::`.
fn rare_candidates(lines: &[&str]) -> Vec<Separator> {
    let Some(line) = lines.get(lines.len() / 2) else { return Vec::new() };
    let is_rare = |c: char| c.is_ascii_control() && c != '\t' && c != '\0' || RARE.contains(&c);
    let may_double = |c: char| c.is_ascii_punctuation() && !"\"'.-_".contains(c);
    let mut characters: Vec<char> = line.chars().filter(|&c| is_rare(c) || may_double(c)).collect();
    characters.sort_unstable();
    characters.dedup();
    let mut candidates: Vec<Separator> = Vec::new();
    for c in characters {
        match repeated(c, lines) {
            single @ Separator::Character(_) if is_rare(c) => candidates.push(single),
            doubled @ Separator::Text(_) => candidates.push(doubled),
            _ => {}
        }
    }
    candidates
}

/// Whether blanks separate cells, and do not stand within words, dates and numbers.
fn blanks_are_meant(fit: &Fit, lines: &[&str]) -> bool {
    let Score { share, cells, .. } = fit.score;
    // One word above the table names a column that is one.
    let above = fit.first.checked_sub(1).map(|k| fit.counts[k]);
    if fit.first == 1 && above == Some(1) {
        return false;
    }
    let words_first =
        lines.first().is_some_and(|l| fit.separator.split(l).iter().all(|c| kind_of(c, true) == CellKind::Word));
    if share < 30 || cells == 2 && share < if words_first && fit.first == 0 { 45 } else { 80 } {
        return false;
    }
    let body = lines.iter().zip(&fit.counts).filter(|(_, count)| **count == cells).map(|(line, _)| *line);
    let mut whole = 0_usize;
    let mut total = 0_usize;
    for line in body.skip(usize::from(words_first)).take(30) {
        let groups =
            fit.separator.split(line).iter().skip(1).all(|c| c.len() == 3 && c.bytes().all(|b| b.is_ascii_digit()));
        whole += usize::from(groups || matches!(kind_of(line, false), CellKind::Date | CellKind::Number));
        total += 1;
    }
    whole * 2 < total.max(1)
}

/// Places of cells, if in all lines the same characters are blank and words of the first line stand above each cell.
fn fixed_places(lines: &[&str]) -> Option<Separator> {
    const FEWEST: usize = 3;
    let aligned = lines.iter().any(|l| l.trim().contains("  "));
    if lines.len() < FEWEST || !aligned || lines.iter().any(|l| l.contains('\t')) {
        return None;
    }
    let characters: Vec<Vec<char>> = lines.iter().map(|l| l.trim_end().chars().collect()).collect();
    let width = characters.iter().map(Vec::len).max().unwrap_or(0);
    let filled: Vec<bool> =
        (0..width).map(|k| characters.iter().any(|l| l.get(k).is_some_and(|&c| c != ' '))).collect();
    let mut starts: Vec<usize> = (0..width).filter(|&k| filled[k] && (k == 0 || !filled[k - 1])).collect();
    // What has no name belongs to the cell before it.
    let ends = |starts: &[usize], k: usize| starts.get(k + 1).copied().unwrap_or(width);
    let named = |from: usize, to: usize| {
        characters[0].get(from..to.min(characters[0].len())).is_some_and(|c| c.iter().any(|&c| c != ' '))
    };
    let mut k = 1;
    while k < starts.len() {
        if named(starts[k], ends(&starts, k)) {
            k += 1;
        } else {
            starts.remove(k);
        }
    }
    if starts.len() < 2 {
        return None;
    }
    starts[0] = 0;
    let separator = Separator::Places(starts);
    let cells: Vec<Vec<String>> = lines.iter().map(|l| separator.split(l)).collect();
    // Some column of numbers, and few gaps.
    let width = cells[0].len();
    let numbers =
        |k: usize| cells[1..].iter().all(|row| matches!(kind_of(&row[k], true), CellKind::Number | CellKind::Missing));
    let filled = cells.iter().flatten().filter(|c| !c.is_empty()).count();
    ((0..width).any(numbers) && filled * 10 >= width * cells.len() * 8).then_some(separator)
}

/// What may separate cells of lines that look like one column of words.
fn propose(lines: &[&str]) -> Option<Separator> {
    let words = |line: &&&str| kind_of(line, false) == CellKind::Word;
    if lines.len() < 2 || lines.iter().filter(words).count() * 2 < lines.len() {
        return None;
    }
    let single = PROPOSED.into_iter().chain(RARE).chain(USUAL).map(Separator::Character);
    let fits = single.chain([Separator::Blanks]).map(|s| Fit::of(s, lines)).filter(|fit| fit.is_even(80));
    fits.max_by_key(|fit| fit.score).map(|fit| fit.separator)
}

/// Whether quotes swallow rows: a record of several lines of which nearly each is a whole row if quotes are plain characters.
pub(super) fn stray_quote(record: &[u8], separator: u8, cells: usize) -> Option<Swallowed> {
    let lines: Vec<&[u8]> =
        record.trim_ascii_end().split(|&b| b == b'\n').filter(|l| !l.trim_ascii().is_empty()).collect();
    let is_row = |line: &&&[u8]| memchr_iter(separator, line).count() + 1 == cells;
    let rows = lines.iter().filter(is_row).count();
    if lines.len() < 2 || cells < 2 || rows * 10 < lines.len() * 9 || !is_row(&&lines[0]) {
        return None;
    }
    // A quote that closes a cell has a separator or a line end behind it, and none before it.
    let mut at = 0;
    let mut quoted = false;
    let mut begins = true;
    let mut proper = true;
    let mut spans = false;
    while let Some(&byte) = record.get(at) {
        if !quoted {
            quoted = begins && byte == b'"';
            begins = matches!(byte, b'\n' | b'\r') || byte == separator;
            spans &= quoted;
        } else if byte == b'\n' {
            spans = true;
        } else if byte == b'"' && record.get(at + 1) == Some(&b'"') {
            at += 1;
        } else if byte == b'"' {
            let ends = record.get(at + 1).is_none_or(|&b| matches!(b, b'\n' | b'\r') || b == separator);
            let opens = record.get(at - 1).is_some_and(|&b| b == b'\n' || b == separator);
            proper &= !spans || ends && !opens;
            (quoted, begins) = (false, false);
        }
        at += 1;
    }
    Some(if proper && !quoted { Swallowed::Properly } else { Swallowed::Stray })
}

/// A record that may be several rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Swallowed {
    /// Its quotes are in order.
    Properly,
    /// A quote in it is not closed, or not where a cell ends.
    Stray,
}

#[cfg(test)]
mod tests {
    use super::{Separator, detect_separator};
    use crate::{ReadOptions, read_bytes};

    #[test]
    fn dialects_are_detected() {
        for (text, delimiter, header, comma, columns, rows) in [
            ("a,b\n1,2\n3,4\n", ',', true, false, 2, 2),
            ("1;2,5\n3;4,5\n", ';', false, true, 2, 2),
            ("a\tb\tc\n1\t2\tx\n", '\t', true, false, 3, 1),
            ("\u{feff}a|b\r\n1.5|2\r\n", '|', true, false, 2, 1),
            ("name,note\nAnn,\"x, y\"\nBob,\"said \"\"hi\"\"\"\n", ',', true, false, 2, 2),
            ("only\n1\n2\n", ',', true, false, 1, 2),
            ("5.1,3.5,setosa\n4.9,3.0,setosa\n", ',', false, false, 3, 2),
        ] {
            let (table, found) = read_bytes("t.csv", text.as_bytes(), &ReadOptions::default()).expect("readable");
            let found = found.text.expect("text");
            let wanted = (Separator::Character(delimiter), header, comma);
            assert_eq!((found.delimiter, found.header, found.decimal_comma), wanted, "{text:?}");
            assert_eq!((table.columns.len(), table.rows()), (columns, rows), "{text:?}");
        }
    }

    #[test]
    fn separators_of_all_kinds_are_found() {
        for (text, wanted) in [
            ("a b c\n1 2 x\n3 4 y\n", "\\s+"),
            (" ID   TIME\n  1.0  5.0\n  2.0  6.0\n", "\\s+"),
            ("1.0   4\t\"car 0\"\n2.0   5\t\"car 1\"\n3.0   5\t\"car 2\"\n", "\\s+"),
            ("1::5::978\n2::3::979\n3::4::980\n", "::"),
            ("a||b||c\nx||y||z\nx||w||z\n", "||"),
            ("Col A~Col B\n0~x\n1~y\n2~z\n", "~"),
            ("a\u{1}b\n1\u{1}x\n2\u{1}y\n3\u{1}z\n", "\u{1}"),
            ("a§b\n1§x\n2§y\n3§z\n", "§"),
            ("name   city      n\nann    New Town  1\nbob    Rome      2\ncid    Old Town  3\n", "fixed:0,7,17"),
            // Blanks, colons and slashes within cells separate nothing.
            ("1 234\n2 345\n3 456\n", ","),
            ("phone\n555 123 4567\n555 123 9999\n555 888 1111\n", ","),
            ("when\n2020-01-01 10:00\n2020-01-02 10:00\n", ","),
            ("weight\n12 kg\n13 kg\n14 kg\n", ","),
            ("2020-01-01 10:00\t5\n2020-01-01 11:00\t6\n2020-01-01 12:00\t6\n", "\t"),
            ("12 000\t34 000\n13 000\t35 000\n14 000\t36 000\n", "\t"),
            ("title line of words\na,b,c\n1,2,3\n4,5,6\n7,8,9\n", ","),
        ] {
            assert_eq!(detect_separator(text, None).separator.to_string(), wanted, "{text:?}");
        }
    }

    #[test]
    fn one_column_of_words_is_suspicious() {
        for (text, proposed) in [
            ("a:b\nx:y\nz:w\n", Some(":")),
            ("name\nAnn Lee\nBob Ray\nCid Day\nDan Moe\nEve Fox\n", Some("\\s+")),
            ("word\napple\npear\nplum\n", None),
            ("n\n1\n2\n", None),
            ("when\n10:30\n11:30\n12:30\n", None),
        ] {
            let guess = detect_separator(text, None);
            assert_eq!(guess.proposed.map(|s| s.to_string()).as_deref(), proposed, "{text:?}");
        }
    }
}
