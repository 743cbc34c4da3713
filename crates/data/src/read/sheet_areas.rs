//! Where the tables on a sheet are: rows and columns without cells part them, titles stand above their names.

use super::around::are_groups;
use calamine::{Data, Range};
use std::collections::BTreeSet;

/// Cells of a sheet, counted from 0: the first and the last row and column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Area {
    pub first: (usize, usize),
    pub last: (usize, usize),
}

impl Area {
    pub fn width(self) -> usize {
        self.last.1 - self.first.1 + 1
    }

    /// Such as A3:D20, where the sheet's cells begin at `start`.
    pub fn written(self, start: (u32, u32)) -> String {
        let place = |(row, column): (usize, usize)| {
            format!("{}{}", letters(column + start.1 as usize), row + start.0 as usize + 1)
        };
        format!("{}:{}", place(self.first), place(self.last))
    }

    /// Reads what [`Self::written`] writes.
    pub fn parse(text: &str, start: (u32, u32)) -> Option<Self> {
        let place = |text: &str| {
            let digits = text.find(|c: char| c.is_ascii_digit())?;
            let (letters, row) = text.trim().split_at(digits);
            let column = letters.bytes().try_fold(0_usize, |n, b| {
                let b = b.to_ascii_uppercase();
                b.is_ascii_uppercase().then(|| n.saturating_mul(26) + usize::from(b - b'A') + 1)
            })?;
            let row = row.parse::<usize>().ok()?.checked_sub(1)?;
            Some((row.saturating_sub(start.0 as usize), column.checked_sub(1)?.saturating_sub(start.1 as usize)))
        };
        let (first, last) = text.split_once(':')?;
        let (first, last) = (place(first.trim())?, place(last.trim())?);
        (first.0 <= last.0 && first.1 <= last.1).then_some(Self { first, last })
    }
}

fn letters(column: usize) -> String {
    let mut left = column + 1;
    let mut text = Vec::new();
    while left > 0 {
        text.push(b'A' + ((left - 1) % 26) as u8);
        left = (left - 1) / 26;
    }
    text.reverse();
    String::from_utf8_lossy(&text).into_owned()
}

/// What stands on a sheet.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// Tables with their names, from the top.
    pub tables: Vec<Area>,
    /// The first row and text of titles and notes around them.
    pub around: Vec<(usize, String)>,
}

fn is_number(cell: &Data) -> bool {
    matches!(cell, Data::Int(_) | Data::Float(_) | Data::DateTime(_) | Data::DateTimeIso(_) | Data::Bool(_))
}

fn is_blank(cell: &Data) -> bool {
    match cell {
        Data::Empty => true,
        Data::String(text) => text.trim().is_empty(),
        _ => false,
    }
}

/// A run of rows with cells.
struct Block {
    rows: std::ops::Range<usize>,
    columns: std::ops::Range<usize>,
}

/// The tables on a sheet, on which some rows are known to name groups of columns.
pub(super) fn layout(range: &Range<Data>, groups: &BTreeSet<usize>) -> Layout {
    let rows: Vec<&[Data]> = range.rows().collect();
    let mut layout = Layout::default();
    for columns in side_by_side(&rows, range.width()) {
        let mut tables: Vec<Area> = Vec::new();
        for block in blocks(&rows, &columns) {
            stack(&rows, &block, groups, &mut tables, &mut layout.around);
        }
        layout.tables.extend(tables);
    }
    layout.tables.sort_by_key(|t| t.first);
    layout
}

/// Columns with cells, parted by columns without where both sides could be tables.
fn side_by_side(rows: &[&[Data]], width: usize) -> Vec<std::ops::Range<usize>> {
    let mut filled = vec![false; width];
    for row in rows {
        for (k, _) in row.iter().enumerate().filter(|(_, cell)| !is_blank(cell)) {
            filled[k] = true;
        }
    }
    let mut parts: Vec<std::ops::Range<usize>> = Vec::new();
    for k in (0..width).filter(|&k| filled[k]) {
        match parts.last_mut() {
            Some(part) if part.end == k => part.end = k + 1,
            _ => parts.push(k..k + 1),
        }
    }
    let could_be = |part: &std::ops::Range<usize>| part.len() > 1;
    if parts.len() > 1 && parts.iter().all(could_be) {
        return parts;
    }
    match (parts.first(), parts.last()) {
        (Some(first), Some(last)) => std::iter::once(first.start..last.end).collect(),
        _ => Vec::new(),
    }
}

fn blocks(rows: &[&[Data]], columns: &std::ops::Range<usize>) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for (k, row) in rows.iter().enumerate() {
        let cells = || columns.clone().filter(|&c| !is_blank(&row[c]));
        let (Some(first), Some(last)) = (cells().next(), cells().next_back()) else { continue };
        match blocks.last_mut() {
            Some(block) if block.rows.end == k => {
                block.rows.end = k + 1;
                block.columns = block.columns.start.min(first)..block.columns.end.max(last + 1);
            }
            _ => blocks.push(Block { rows: k..k + 1, columns: first..last + 1 }),
        }
    }
    blocks
}

fn filled(row: &[Data], columns: &std::ops::Range<usize>) -> usize {
    row[columns.clone()].iter().filter(|c| !is_blank(c)).count()
}

/// Adds a block to the tables above it: as a table of its own, as more rows of the last one, or as words around them.
fn stack(
    rows: &[&[Data]],
    block: &Block,
    groups: &BTreeSet<usize>,
    tables: &mut Vec<Area>,
    around: &mut Vec<(usize, String)>,
) {
    let words = |rows: &[&[Data]], k: usize| {
        let texts = rows[k].iter().filter(|c| !is_blank(c)).map(ToString::to_string);
        texts.collect::<Vec<_>>().join(" ")
    };
    let counts: Vec<usize> = block.rows.clone().map(|k| filled(rows[k], &block.columns)).collect();
    let mut sorted = counts.clone();
    sorted.sort_unstable();
    let usual = sorted[sorted.len() / 2].max(sorted[sorted.len() - 1].div_ceil(2));
    // Rows above the names have fewer cells than the rows of the table.
    let is_title = |&(k, &n): &(usize, &usize)| (n * 2 < usual || n == 1) && !groups.contains(&(block.rows.start + k));
    let titles = if usual > 1 { counts.iter().enumerate().take_while(is_title).count() } else { 0 };
    // The last of them may name groups of columns.
    let is_group = |k: usize| {
        let cells = &rows[k][block.columns.clone()];
        let words: Vec<String> = cells.iter().map(ToString::to_string).collect();
        are_groups(&words) && !cells.iter().any(is_number)
    };
    let titles = titles - usize::from(titles > 0 && is_group(block.rows.start + titles - 1));
    let start = block.rows.start + titles.min(block.rows.len() - 1);
    let first = rows[start];
    let area = Area { first: (start, block.columns.start), last: (block.rows.end - 1, block.columns.end - 1) };
    let is_short = usual == 1 && block.columns.len() == 1;
    if let Some(above) = tables.last_mut() {
        let own = above.first.1..above.last.1 + 1;
        let text_only = |k: usize| rows[k][block.columns.clone()].iter().all(|c| is_blank(c) || !is_number(c));
        let numeric_above = |c: usize| {
            let cells = || (above.first.0 + 1..=above.last.0).map(|k| &rows[k][c]).filter(|cell| !is_blank(cell));
            cells().filter(|cell| is_number(cell)).count() * 2 > cells().count()
        };
        // Names where numbers stood before.
        let begins = titles > 0
            || (block.rows.len() > 1
                && text_only(start)
                && block
                    .columns
                    .clone()
                    .any(|c| matches!(first[c], Data::String(_)) && own.contains(&c) && numeric_above(c)))
            || block.columns.start > above.last.1 + 1;
        if is_short && own.len() > 1 && text_only(start) {
            around.push((block.rows.start, words(rows, block.rows.start)));
            return;
        }
        if !begins || block.rows.len() - titles.min(block.rows.len() - 1) < 2 {
            above.last = (block.rows.end - 1, above.last.1.max(block.columns.end - 1));
            above.first.1 = above.first.1.min(block.columns.start);
            return;
        }
    } else if block.rows.len() == 1 && filled(first, &block.columns) == 1 && block.rows.end < rows.len() {
        // A title with an empty row below it.
        around.push((block.rows.start, words(rows, block.rows.start)));
        return;
    }
    around.extend((block.rows.start..start).map(|k| (k, words(rows, k))));
    tables.push(area);
}

#[cfg(test)]
mod tests {
    use super::super::sheet::of_rows;
    use super::{Area, layout};
    use std::collections::BTreeSet;

    fn areas(rows: &[&str]) -> Vec<String> {
        let range = of_rows(rows);
        let start = range.start().expect("cells");
        layout(&range, &BTreeSet::new()).tables.iter().map(|t| t.written(start)).collect()
    }

    #[test]
    fn tables_and_titles_are_told_apart() {
        assert_eq!(areas(&["a b", "1 2", "3 4"]), ["A1:B3"]);
        assert_eq!(areas(&["Title", "", "a b", "1 2", "3 4"]), ["A3:B5"]);
        assert_eq!(areas(&["Title", "of_1999", "a b c", "1 2 3", "3 4 5"]), ["A3:C5"]);
        assert_eq!(areas(&["a b", "1 2", "3 4", "", "c d e", "5 6 7", "8 9 1"]), ["A1:B3", "A5:C7"]);
        // A gap in the rows parts nothing, and a note below is no row.
        assert_eq!(areas(&["a b", "1 2", "", "3 4", "5 6"]), ["A1:B5"]);
        assert_eq!(areas(&["a b", "1 2", "3 4", "", "Source"]), ["A1:B3"]);
        // Words above groups of columns belong to the table.
        assert_eq!(areas(&["Title", "_ x _ y _", "a b c d e", "1 2 3 4 5", "1 2 3 4 5"]), ["A2:E5"]);
        assert_eq!(areas(&["By Ann", "a b c d e", "1 2 3 4 5", "1 2 3 4 5"]), ["A2:E4"]);
        assert_eq!(areas(&["a b _ c d", "1 2 _ 5 6", "3 4 _ 7 8"]), ["A1:B3", "D1:E3"]);
        assert_eq!(areas(&["a", "1", "", "3"]), ["A1:A4"]);
        for text in ["A1:B3", "AA10:BC200"] {
            assert_eq!(Area::parse(text, (0, 0)).map(|a| a.written((0, 0))).as_deref(), Some(text));
        }
        assert_eq!(Area::parse("B2", (0, 0)), None);
    }
}
