//! What stands around a table in text: lines before it, rows of names, of units and of descriptions, row names, and lines
//! below it.
//!
//! Where the table begins is told by how many cells most records have; which of its first rows are names by what the columns
//! hold further down.

use super::dialect::{Row, Syntax, most_frequent, record_start};
use super::header::{CellKind, guess_header, kind_of, kind_of_column};
use super::options::ReadOptions;
use memchr::memchr_iter;

/// Records before the table that are looked at.
const PREAMBLE: usize = 200;
/// Rows of names and units at most.
const HEADER_ROWS: usize = 5;
/// Lines below the table at most.
const FOOTER: usize = 100;
/// Bytes at the end of the text in which they lie.
pub(super) const FOOTER_BYTES: usize = 1 << 16;
/// Units that are words or letters; those with signs, such as m/s and °C, are told by the signs.
const UNITS: &str = " m s h g n l a v w k c f j t d b mm cm dm km nm um ft in mi yd sec min hr hrs hour hours day days week \
     weeks month months year years yr yrs ms us ns kg mg ug lb lbs oz ton tons pa hpa kpa mpa bar mbar mb psi atm ppm ppb hz \
     khz mhz ghz ma mv kv kw mw gw kwh mwh wh kj mj cal kcal ml dl cl cc gal ha acre deg degc degf degrees rad kn kt kts mph \
     kph kmh rpm mol mmol usd eur gbp chf jpy percent pct count counts number unitless volts volt amps ampere watts celsius \
     fahrenheit kelvin meters metres meter metre seconds minutes db dbm lux ph rn ts gb tb kb bit byte bytes pixel pixels px ";
/// Words of rows that say what type a column is, as Orange and databases write them.
const TYPES: &str = " c continuous d discrete s string t time b basket m meta float float64 float32 double int int64 int32 \
     integer str text varchar char bool boolean date datetime timestamp numeric number real bigint categorical nominal ";
/// Flags of the third row of Orange's tables.
const FLAGS: &str = " class meta ignore weight i c m w ";
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

/// Where a table lies, and what its first rows are.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The first of the given rows that belongs to the table.
    pub start: usize,
    /// Cells of most rows.
    pub cells: usize,
    /// Rows of names, the first being `start`.
    pub header_rows: usize,
    pub doubtful: bool,
    /// Names of the columns; empty ones where there are none.
    pub names: Vec<String>,
    /// Whether the first column has no name, as rows have one cell more than there are names.
    pub row_names: bool,
    /// The row of units below the names, by its number.
    pub units: Option<usize>,
    /// Rows that describe the columns and were left out.
    pub described: Vec<usize>,
    /// Whether the rows are the three of Orange's tables.
    pub orange: bool,
}

impl Place {
    /// The first row of values.
    pub fn body(&self) -> usize {
        self.start + self.header_rows
    }
}

/// The cells of most records: none if no number of cells has a majority.
pub(super) fn usual_cells(rows: &[Row]) -> Option<usize> {
    let counts: Vec<usize> = rows.iter().map(|row| row.cells.len()).collect();
    let most = most_frequent(counts.iter().copied().filter(|&c| c > 1)).or(counts.first().copied())?;
    let first = counts.iter().position(|&c| c == most)?;
    let rest = &counts[first..];
    let same = rest.iter().filter(|&&c| c == most).count();
    // One row is no majority of many.
    (same * 2 > rest.len() && (same > 1 || counts.len() < 3)).then_some(most)
}

/// Finds the table in records of which most have `cells` cells.
pub(super) fn find(rows: &[Row], cells: usize, options: &ReadOptions, decimal_comma: bool) -> Place {
    let begins = |k: &usize| begins(rows, *k, cells, decimal_comma);
    let start = if options.skip.is_some() { 0 } else { (0..rows.len().min(PREAMBLE)).find(begins).unwrap_or(0) };
    let mut place = Place {
        start,
        cells,
        header_rows: 0,
        doubtful: false,
        names: vec![String::new(); cells],
        row_names: false,
        units: None,
        described: Vec::new(),
        orange: false,
    };
    let Some(first) = rows.get(start) else { return place };
    let below = &rows[(start + 1).min(rows.len())..];
    let other_length = first.cells.len() != cells;
    let names = match options.header {
        Some(header) => header,
        // Fewer or more cells than below are names, since rows of values would be whole.
        None if other_length => !below.is_empty(),
        None => {
            let guess = guess_header(&first.cells, below, decimal_comma);
            place.doubtful = guess.doubtful;
            guess.names
        }
    };
    if !names {
        return place;
    }
    place.header_rows = 1;
    // A separator at the end of each row makes no column.
    let ends = |row: &Row| row.cells.len() == cells && row.cells.last().is_some_and(|c| !c.trim().is_empty());
    place.row_names = first.cells.len() + 1 == cells && below.iter().any(ends);
    let more = options.header_rows.map(|rows| rows.max(1));
    rows_below_names(rows, &mut place, more, decimal_comma);
    place
}

/// Whether the table begins at row `k`.
fn begins(rows: &[Row], k: usize, cells: usize, decimal_comma: bool) -> bool {
    let row = &rows[k].cells;
    let filled = row.iter().filter(|c| !c.trim().is_empty()).count();
    let next = rows.get(k + 1).map(|r| r.cells.len());
    let words = || row.iter().all(|c| kind_of(c, decimal_comma) == CellKind::Word);
    if row.len() == cells {
        // A title with the separators of a whole row behind it.
        let title = cells > 2 && filled == 1 && kind_of(&row[0], decimal_comma) == CellKind::Word;
        let full = |row: &Row| row.cells.iter().filter(|c| !c.trim().is_empty()).count() > 1;
        return !(title && rows.get(k + 1).is_some_and(full));
    }
    if next != Some(cells) {
        return false;
    }
    if row.len() + 1 == cells {
        // Names of all columns but that of the row names, unless the next row names all of them.
        let below = guess_header(&rows[k + 1].cells, &rows[k + 2..], decimal_comma);
        let surely_named = below.names && !below.doubtful;
        return filled == row.len() && (words() || cells > 2) && !surely_named;
    }
    if row.len() == cells + 1 && row.last().is_some_and(|c| c.trim().is_empty()) {
        return true;
    }
    // Names without values.
    row.len() > cells && row.len() <= 2 * cells && words()
}

/// Whether cells name groups of columns: a few, and not side by side, as each stands above the first column of its group.
pub(super) fn are_groups<S: AsRef<str>>(cells: &[S]) -> bool {
    let mut filled = cells.iter().enumerate().filter(|(_, c)| !c.as_ref().trim().is_empty()).map(|(k, _)| k);
    let (Some(first), Some(last), count) = (filled.clone().next(), filled.clone().next_back(), filled.by_ref().count())
    else {
        return false;
    };
    count > 1 && count * 2 <= cells.len() && last - first >= count
}

fn is_one_of(words: &str, cell: &str) -> bool {
    let cell = cell.trim().to_lowercase();
    !cell.contains(' ') && words.contains(&format!(" {cell} "))
}

/// Whether a cell looks like a unit.
fn is_unit(cell: &str) -> bool {
    let cell = cell.trim();
    let bracketed = (cell.starts_with(['[', '(']) && cell.ends_with([']', ')'])) && cell.len() > 1;
    let signs = cell.contains(['/', '°', '%', 'µ', 'μ', '²', '³', '·', '^', '€', '$', '£', 'Ω', '‰']);
    let short = cell.chars().count() <= 12 && kind_of(cell, false) == CellKind::Word;
    bracketed || short && (signs || is_one_of(UNITS, cell))
}

/// Names the columns, from one row or from several that are joined, and finds rows of units and of types below them.
fn rows_below_names(rows: &[Row], place: &mut Place, given: Option<usize>, decimal_comma: bool) {
    let start = place.start;
    let width = rows[start].cells.len().max(place.cells);
    let cell = |k: usize, column: usize| -> &str {
        let row = &rows[start + k].cells;
        let shift = usize::from(k == 0 && place.row_names);
        column.checked_sub(shift).and_then(|c| row.get(c)).map_or("", |c| c.trim())
    };
    let rest = rows.len() - start;
    let mut joined = given.unwrap_or(1).min(rest);
    place.header_rows = joined;
    // One row of names, if that was said, has no other rows below it.
    if given != Some(1) {
        // What columns hold, without the first rows that may be something else.
        let from = (1 + HEADER_ROWS).min(rest.saturating_sub(if rest > 3 { 2 } else { 1 })).max(1);
        let kinds: Vec<CellKind> = (0..width)
            .map(|c| kind_of_column((from..rest.min(from + 200)).map(|k| cell(k, c)), decimal_comma))
            .collect();
        let typed = |c: &usize| matches!(kinds[*c], CellKind::Number | CellKind::Date);
        let mut k = joined;
        while k <= HEADER_ROWS && k < rest && rows[start + k].cells.len() <= width && rest > k + 1 {
            let filled: Vec<usize> = (0..width).filter(|&c| !cell(k, c).is_empty()).collect();
            let all = |words: &str| !filled.is_empty() && filled.iter().all(|&c| is_one_of(words, cell(k, c)));
            if k == 1 && filled.len() * 2 > width && all(TYPES) {
                place.described.push(start + k);
                let flags =
                    |c: usize| matches!(cell(2, c), "") || is_one_of(FLAGS, cell(2, c)) || cell(2, c).contains('=');
                if rest > 3 && (0..width).all(flags) {
                    place.described.push(start + 2);
                    place.orange = true;
                    k += 1;
                }
                k += 1;
                place.header_rows = k;
                continue;
            }
            if k == 1 && given.is_none() && rest > 2 && are_groups(&rows[start].cells) && filled.len() * 10 > width * 9
            {
                let words = |c: usize| kind_of(cell(1, c), decimal_comma) == CellKind::Word;
                if filled.iter().all(|&c| words(c)) {
                    joined = 2;
                    place.header_rows = 2;
                    k = 2;
                    continue;
                }
            }
            let above: Vec<usize> = filled.iter().copied().filter(typed).collect();
            let words = above.iter().all(|&c| kind_of(cell(k, c), decimal_comma) == CellKind::Word);
            if above.is_empty() || !words {
                break;
            }
            let units = filled.iter().filter(|&&c| is_unit(cell(k, c))).count();
            // A few letters alone may be anything.
            let clear = filled.iter().any(|&c| is_unit(cell(k, c)) && cell(k, c).chars().count() > 1);
            if place.units.is_none() && clear && units * 3 >= filled.len() * 2 {
                place.units = Some(start + k);
            } else if place.units.is_some() {
                // Below units stand words about how values were made, such as Avg and Smp.
                place.described.push(start + k);
            } else if given.is_none()
                && above.len() > 1
                && above.len() * 2 > (0..width).filter(typed).count()
                && k == joined
            {
                joined += 1;
            } else {
                break;
            }
            k += 1;
            place.header_rows = k;
        }
    }
    let mut names = vec![String::new(); width];
    for k in 0..joined {
        // A name above several columns stands above the first of them only.
        let spans = k + 1 < joined && (0..width).filter(|&c| !cell(k, c).is_empty()).count() > 1;
        let mut last = "";
        for (c, name) in names.iter_mut().enumerate() {
            let own = cell(k, c);
            if !own.is_empty() {
                last = own;
            }
            let part = if spans && own.is_empty() && !cell(joined - 1, c).is_empty() { last } else { own };
            if !part.is_empty() {
                if !name.is_empty() {
                    name.push(' ');
                }
                name.push_str(part);
            }
        }
    }
    if place.row_names {
        "row name".clone_into(&mut names[0]);
    }
    // A separator too many behind the names.
    while names.len() > place.cells && names.last().is_some_and(String::is_empty) {
        names.pop();
    }
    place.names = names;
}

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
    if words.len() != 1 || !begins(words[0]) || row.len() != kinds.len() {
        return;
    }
    let number = |cell: &str| crate::parse::number(cell, decimal_comma).or_else(|| crate::typing::numbers::read(cell));
    let numbers: Vec<(usize, f64)> = row
        .iter()
        .enumerate()
        .filter_map(|(k, c)| number(c).map(|v| (k, v)))
        .filter(|(k, _)| kinds[*k] == CellKind::Number)
        .collect();
    if numbers.is_empty() {
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
    } else {
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
