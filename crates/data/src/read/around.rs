//! What stands above a table: lines before it, rows of names, of units and of descriptions, and row names.
//!
//! Where the table begins is told by how many cells most records have; which of its first rows are names by what the columns
//! hold further down.

use super::dialect::{Row, most_frequent};
use super::header::{CellKind, guess_header, kind_of, kind_of_column};
use super::options::ReadOptions;
use std::collections::HashMap;

/// Records before the table that are looked at.
const PREAMBLE: usize = 200;
/// Rows of names and units at most.
const HEADER_ROWS: usize = 5;
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
    let stacked = stacked_names(&rows[start..], cells).filter(|_| options.header_rows.is_none());
    let names = match options.header {
        Some(header) => header,
        None if stacked.is_some() => true,
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
    let more = options.header_rows.map(|rows| rows.max(1)).or(stacked);
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
        return !is_title(&rows[k..], cells, decimal_comma);
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

/// Whether the first row is a title, or a remark of two cells, with the separators of a whole row behind it.
fn is_title(rows: &[Row], cells: usize, decimal_comma: bool) -> bool {
    let filled = |row: &Row| row.cells.iter().filter(|c| !c.trim().is_empty()).count();
    let is_short = |row: &Row| {
        let word = row.cells.len() == cells && kind_of(&row.cells[0], decimal_comma) == CellKind::Word;
        word && (filled(row) == 1 || filled(row) == 2 && cells > 3 && !row.cells[1].trim().is_empty())
    };
    let lines = rows.iter().take(PREAMBLE).take_while(|row| is_short(row)).count();
    let Some(next) = rows.get(lines).filter(|row| lines > 0 && filled(row) > 1) else { return false };
    // One title may stand above rows without names; of several lines, or where a row has two cells only, names must follow.
    let named = || {
        let guess = guess_header(&next.cells, &rows[lines + 1..], decimal_comma);
        guess.names && !guess.doubtful && next.cells.len() == cells
    };
    lines == 1 && cells > 2 && filled(&rows[0]) == 1 || named()
}

/// Rows of names as pandas writes those of several levels, the first row being one of them: names are there twice until those
/// below are joined to them. The columns of the index are blank in all rows but for the last one, which may name only them.
fn stacked_names(rows: &[Row], cells: usize) -> Option<usize> {
    let is_blank = |k: usize, c: usize| rows[k].cells[c].trim().is_empty();
    let is_whole = |k: usize| rows.get(k).is_some_and(|row| row.cells.len() == cells);
    let most = (0..=HEADER_ROWS).take_while(|&k| is_whole(k)).count();
    let unique = |count: usize, from: usize| {
        let mut names: Vec<Vec<&str>> =
            (from..cells).map(|c| rows[..count].iter().map(|row| row.cells[c].trim()).collect()).collect();
        names.sort_unstable();
        names.windows(2).all(|pair| pair[0] != pair[1])
    };
    let is_word = |k: usize, c: usize| kind_of(&rows[k].cells[c], false) == CellKind::Word;
    for count in 2..most {
        // The last row names the columns of the index.
        let index = (0..cells).take_while(|&c| is_word(count, c)).count();
        let names_index = index > 0
            && index < cells
            && (index..cells).all(|c| is_blank(count, c))
            && (0..count).all(|k| (1..index).all(|c| is_blank(k, c)) && (index..cells).all(|c| !is_blank(k, c)));
        if names_index && rows.len() > count + 1 && !unique(1, index) && unique(count, index) {
            return Some(count + 1);
        }
    }
    let index = (0..cells).take_while(|&c| is_blank(0, c)).count();
    let is_named = most > 2 && (index..cells).all(|c| is_word(0, c)) && !unique(1, index);
    let mut often: HashMap<&str, usize> = HashMap::new();
    for c in index..if is_named { cells } else { index } {
        *often.entry(rows[0].cells[c].trim()).or_default() += 1;
    }
    let twice = |c: usize| c >= index && often.get(rows[0].cells[c].trim()).is_some_and(|&n| n > 1);
    (2..most).find(|&count| {
        let below = |k: usize, c: usize| !is_blank(k, c) && (index > 0 || is_word(k, c));
        let numbers = |c: usize| {
            kind_of_column(rows[count..].iter().take(200).filter_map(|row| row.cells.get(c).map(String::as_str)), false)
        };
        is_named
            && (1..count).all(|k| (0..cells).all(|c| if twice(c) { below(k, c) } else { c > 0 || is_blank(k, c) }))
            && !is_blank(count, 0)
            && unique(count, index)
            && (index..cells).filter(|&c| twice(c)).all(|c| matches!(numbers(c), CellKind::Number | CellKind::Missing))
    })
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
    // The last of several rows may name the first columns only, which have no names above, but for that of a level.
    let last = joined.saturating_sub(1);
    let index = (0..width).take_while(|&c| last > 0 && !cell(last, c).is_empty()).count();
    let is_blank = |c: usize| (0..last).any(|k| cell(k, c).is_empty());
    let is_index = (0..index).all(is_blank) && (index..width).all(|c| cell(last, c).is_empty() && !names[c].is_empty());
    if last > 0 && index < width && is_index {
        (0..index).for_each(|c| cell(last, c).clone_into(&mut names[c]));
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
