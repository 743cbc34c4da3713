//! Merged cells of a sheet: a name above several columns is the name of each, a label beside several rows that of each.

use calamine::{Data, Dimensions, Range};
use std::collections::{BTreeMap, BTreeSet};

/// What was filled in.
#[derive(Debug, Default)]
pub(super) struct Filled {
    /// Rows whose names stand above several columns, counted from the first row of the cells.
    pub groups: BTreeSet<usize>,
    /// By column: how many cells were filled down, the row of the first, and what stands in it.
    pub down: BTreeMap<usize, (usize, usize, String)>,
}

/// Cells that are merged, counted from the first of the cells.
struct Region {
    first: (usize, usize),
    last: (usize, usize),
}

impl Region {
    fn height(&self) -> usize {
        self.last.0 - self.first.0 + 1
    }

    fn width(&self) -> usize {
        self.last.1 - self.first.1 + 1
    }

    fn covers(&self, row: usize, column: usize) -> bool {
        (self.first.0..=self.last.0).contains(&row) && (self.first.1..=self.last.1).contains(&column)
    }
}

fn is_blank(cell: &Data) -> bool {
    match cell {
        Data::Empty => true,
        Data::String(text) => text.trim().is_empty(),
        _ => false,
    }
}

fn value(range: &Range<Data>, place: (usize, usize)) -> &Data {
    range.get(place).unwrap_or(&Data::Empty)
}

/// How many cells of a row show something.
fn shown(range: &Range<Data>, row: usize) -> usize {
    (0..range.width()).filter(|&c| !is_blank(value(range, (row, c)))).count()
}

/// Whether a table may begin at a row: nothing is above it, or one cell only.
fn begins(range: &Range<Data>, row: usize) -> bool {
    row.checked_sub(1).is_none_or(|above| shown(range, above) <= 1)
}

/// Whether a row of names is above or beside a region.
fn is_beside(groups: &BTreeSet<usize>, row: usize) -> bool {
    groups.contains(&row) || row > 0 && groups.contains(&(row - 1))
}

/// Fills merged cells with what they show.
pub(super) fn fill(range: &mut Range<Data>, merged: &[Dimensions]) -> Filled {
    let mut filled = Filled::default();
    let Some(start) = range.start() else { return filled };
    let (height, width) = range.get_size();
    let mut regions: Vec<Region> = merged
        .iter()
        .filter_map(|m| {
            let first = (m.start.0.checked_sub(start.0)? as usize, m.start.1.checked_sub(start.1)? as usize);
            let last = (m.end.0.checked_sub(start.0)? as usize, m.end.1.checked_sub(start.1)? as usize);
            let region = Region { first, last: (last.0.min(height - 1), last.1.min(width - 1)) };
            let shows = range.get(first).is_some_and(|cell| !is_blank(cell));
            (shows && first.0 <= region.last.0 && first.1 <= region.last.1 && first != region.last).then_some(region)
        })
        .collect();
    regions.sort_by_key(|r| r.first);
    if regions.is_empty() {
        return filled;
    }
    let absolute = |place: (usize, usize)| (place.0 as u32 + start.0, place.1 as u32 + start.1);
    // No more cells are filled than there are, however often they are merged.
    let mut left = height.saturating_mul(width);

    let mut groups: BTreeSet<usize> = BTreeSet::new();
    for (k, region) in regions.iter().enumerate().filter(|(_, r)| r.width() > 1) {
        let row = region.first.0;
        if groups.contains(&row) || !begins(range, row) && !is_beside(&groups, row) {
            continue;
        }
        // A title stands alone, from the first column on; rows above may hold labels that are merged with this one.
        let beside = |c: usize| !is_blank(value(range, (row, c))) && !region.covers(row, c);
        let from_above = || regions[..k].iter().any(|r| r.first.0 < row && r.last.0 >= row);
        let is_title = region.first.1 == 0 && !(0..width).any(beside) && !from_above();
        let below = |c: &usize| !is_blank(value(range, (region.last.0 + 1, *c)));
        if !is_title && (region.first.1..=region.last.1).filter(below).count() > 1 {
            groups.insert(row);
        }
    }
    for region in regions.iter().filter(|r| r.width() > 1 && groups.contains(&r.first.0)) {
        let name = value(range, region.first).clone();
        for column in region.first.1 + 1..=region.last.1 {
            left = left.saturating_sub(1);
            if left > 0 && is_blank(value(range, (region.first.0, column))) {
                range.set_value(absolute((region.first.0, column)), name.clone());
            }
        }
    }
    let is_number = |cell: &Data| !is_blank(cell) && !matches!(cell, Data::String(_));
    for region in regions.iter().filter(|r| r.height() > 1) {
        let (row, column) = region.first;
        let is_name =
            begins(range, row) && !(row..=region.last.0).any(|r| (0..width).any(|c| is_number(value(range, (r, c)))));
        // A name beside several rows of names.
        if is_beside(&groups, row) || is_name {
            continue;
        }
        let label = value(range, region.first).clone();
        for below in row + 1..=region.last.0 {
            left = left.saturating_sub(1);
            if left == 0 {
                break;
            }
            if !is_blank(value(range, (below, column))) || shown(range, below) == 0 {
                continue;
            }
            range.set_value(absolute((below, column)), label.clone());
            filled.down.entry(column).or_insert_with(|| (0, below, label.to_string())).0 += 1;
        }
    }
    filled.groups = groups;
    filled
}

#[cfg(test)]
mod tests {
    use super::super::sheet::of_rows;
    use super::fill;
    use calamine::{Data, Dimensions, Range};

    fn written(range: &Range<Data>) -> Vec<String> {
        let cell = |c: &Data| if *c == Data::Empty { "_".to_owned() } else { c.to_string() };
        range.rows().map(|row| row.iter().map(cell).collect::<Vec<_>>().join(" ")).collect()
    }

    /// The first and the last cell of each.
    fn merged(areas: &[[(u32, u32); 2]]) -> Vec<Dimensions> {
        areas.iter().map(|&[start, end]| Dimensions { start, end }).collect()
    }

    #[test]
    fn names_go_to_the_right_and_labels_down() {
        let mut range = of_rows(&["_ 2019 _ 2020 _", "site Q1 Q2 Q1 Q2", "a 1 2 3 4"]);
        let filled = fill(&mut range, &merged(&[[(0, 1), (0, 2)], [(0, 3), (0, 4)]]));
        assert_eq!(written(&range)[0], "_ 2019 2019 2020 2020");
        assert_eq!(filled.groups.into_iter().collect::<Vec<_>>(), [0]);
        // A name beside two rows of names stays as it is, and a title too.
        let mut range = of_rows(&["Title _ _", "site x _", "_ a b", "p 1 2"]);
        let filled = fill(&mut range, &merged(&[[(0, 0), (0, 2)], [(1, 0), (2, 0)], [(1, 1), (1, 2)]]));
        assert_eq!(written(&range), ["Title _ _", "site x x", "_ a b", "p 1 2"]);
        assert_eq!((filled.groups.into_iter().collect::<Vec<_>>(), filled.down.len()), (vec![1], 0));
        let mut range = of_rows(&["site n", "a 1", "_ 2", "_ _", "_ 3", "b 4"]);
        let filled = fill(&mut range, &merged(&[[(1, 0), (4, 0)]]));
        assert_eq!(written(&range), ["site n", "a 1", "a 2", "_ _", "a 3", "b 4"]);
        assert_eq!(filled.down[&0], (2, 2, "a".to_owned()));
    }

    #[test]
    fn regions_that_lie_are_cut() {
        let mut range = of_rows(&["a b", "1 2", "_ 3"]);
        let lies = merged(&[[(1, 0), (u32::MAX, u32::MAX)], [(9, 9), (3, 3)], [(0, 0), (0, 0)], [(2, 5), (7, 8)]]);
        fill(&mut range, &[lies.clone(), lies].concat());
        assert_eq!(written(&range), ["a b", "1 2", "1 3"]);
    }
}
