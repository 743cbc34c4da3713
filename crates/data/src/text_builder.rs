//! Builds columns of text cell by cell.
//!
//! Each distinct text is stored once, and a table finds it by its hash. Where nearly all texts differ, as names and keys do,
//! the table would only cost time: then every cell becomes a level of its own, and equal ones are found at the end, or when
//! there are twice as many as before. What comes out is the same.

use super::text::{Levels, Text};
use foldhash::fast::RandomState;
use rayon::prelude::{IndexedParallelIterator as _, IntoParallelIterator as _, ParallelIterator as _};
use std::hash::BuildHasher as _;
use std::ops::Range;
use std::sync::LazyLock;

/// Hashes decide nothing but where a level is found, so that results do not depend on the seed.
static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::default);

/// Levels from which it is asked whether nearly all cells differ.
const FEW: usize = if cfg!(test) { 8 } else { 1 << 13 };
/// Levels, and bytes of them, up to which equal ones may stay.
const MANY: usize = if cfg!(test) { 64 } else { 1 << 20 };
const BYTES: usize = if cfg!(test) { 512 } else { 1 << 26 };

#[derive(Debug)]
pub(super) struct TextBuilder {
    text: Text,
    known: Known,
    /// Whether levels may be equal, so that none is looked up.
    loose: bool,
    /// Levels, and bytes of them, at which equal ones are looked for.
    limits: (usize, usize),
}

impl Default for TextBuilder {
    fn default() -> Self {
        Self { text: Text::default(), known: Known::default(), loose: false, limits: (MANY, BYTES) }
    }
}

/// The levels that were seen, by their hashes: each stands where its hash says, or at the next place that was free.
#[derive(Debug, Default)]
struct Known {
    /// A part of the hash, and the level or [`Self::FREE`]. At least half of them are free.
    slots: Vec<(u32, u32)>,
    count: usize,
}

impl Known {
    const FREE: u32 = u32::MAX;
    const LEAST: usize = 16;

    fn hash(level: &str) -> u32 {
        SEED.hash_one(level) as u32
    }

    /// The level with this hash that is the `same`, or `new`, which is added.
    #[inline]
    fn find_or_add(&mut self, hash: u32, new: u32, same: impl Fn(u32) -> bool) -> u32 {
        if self.slots.len() <= 2 * self.count {
            self.grow();
        }
        let last = self.slots.len() - 1;
        let mut at = hash as usize & last;
        loop {
            let (other, level) = self.slots[at];
            if level == Self::FREE {
                self.slots[at] = (hash, new);
                self.count += 1;
                return new;
            }
            if other == hash && same(level) {
                return level;
            }
            at = (at + 1) & last;
        }
    }

    #[cold]
    fn grow(&mut self) {
        let slots = std::mem::take(&mut self.slots);
        self.slots = vec![(0, Self::FREE); (2 * slots.len()).max(Self::LEAST)];
        self.count = 0;
        for (hash, level) in slots.into_iter().filter(|(_, level)| *level != Self::FREE) {
            self.find_or_add(hash, level, |_| false);
        }
    }

    fn clear(&mut self) {
        self.slots.fill((0, Self::FREE));
        self.count = 0;
    }
}

impl TextBuilder {
    #[inline]
    pub fn push(&mut self, cell: Option<&str>) {
        let Some(cell) = cell else {
            self.text.codes.push(Text::GAP);
            return;
        };
        if self.loose {
            self.text.codes.push(self.text.levels.len() as u32);
            self.text.levels.push(cell);
            self.settle_if_many();
        } else {
            let code = self.code_of(cell);
            self.text.codes.push(code);
            self.loosen_if_distinct();
        }
    }

    /// The code of a level, which is made if it is new.
    #[inline]
    fn code_of(&mut self, level: &str) -> u32 {
        let Self { text: Text { levels, .. }, known, .. } = self;
        let new = levels.len() as u32;
        let code = known.find_or_add(Known::hash(level), new, |code| levels.is(code as usize, level));
        if code == new {
            levels.push(level);
        }
        code
    }

    /// Appends the cells of `other`.
    pub fn append(&mut self, other: &Self) {
        if self.loose {
            let Text { codes, levels } = &mut self.text;
            let (first, start) = (levels.len() as u32, levels.text.len());
            let place = |&code: &u32| if code == Text::GAP { code } else { first + code };
            codes.extend(other.text.codes.iter().map(place));
            levels.text.push_str(&other.text.levels.text);
            levels.ends.extend(other.text.levels.ends.iter().map(|end| start + end));
            self.settle_if_many();
            return;
        }
        let renamed: Vec<u32> = other.text.levels.iter().map(|level| self.code_of(level)).collect();
        let place = |&code: &u32| if code == Text::GAP { code } else { renamed[code as usize] };
        self.text.codes.extend(other.text.codes.iter().map(place));
        self.loosen_if_distinct();
    }

    /// Whether levels may be equal until it is finished, since nearly all cells differ.
    pub fn is_loose(&self) -> bool {
        self.loose
    }

    /// Forgets all cells, and keeps the memory. A part of a column may be as `loose` as the column is.
    pub fn clear(&mut self, loose: bool) {
        self.text.codes.clear();
        self.text.levels.text.clear();
        self.text.levels.ends.clear();
        self.known.clear();
        self.loose = loose;
        self.limits = (MANY, BYTES);
    }

    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Bytes used while it is built.
    pub fn bytes(&self) -> usize {
        4 * self.text.codes.capacity() + self.text.levels.bytes() + 8 * self.known.slots.capacity()
    }

    pub fn finish(mut self) -> Text {
        if self.loose {
            self.settle();
        }
        self.text.codes.shrink_to_fit();
        self.text.levels.text.shrink_to_fit();
        self.text.levels.ends.shrink_to_fit();
        self.text
    }

    /// Lets levels be equal from now on where most cells differ.
    fn loosen_if_distinct(&mut self) {
        let levels = self.text.levels.len();
        if levels >= FEW && levels * 2 > self.text.codes.len() {
            self.loose = true;
            self.known = Known::default();
        }
    }

    /// Looks for equal levels where there are twice as many as before. Where they are most, the table is used again.
    fn settle_if_many(&mut self) {
        let levels = &self.text.levels;
        if levels.len() < self.limits.0 && levels.text.len() < self.limits.1 {
            return;
        }
        self.settle();
        let levels = &self.text.levels;
        self.limits = (MANY.max(2 * levels.len()), BYTES.max(2 * levels.text.len()));
        if levels.len() * 2 <= self.text.codes.len() {
            self.loose = false;
            for (code, level) in levels.iter().enumerate() {
                self.known.find_or_add(Known::hash(level), code as u32, |_| false);
            }
        }
    }

    /// Makes equal levels one, the first.
    fn settle(&mut self) {
        let equal = equal_levels(&self.text.levels);
        if equal.is_empty() {
            return;
        }
        let Text { codes, levels } = &mut self.text;
        // The new code of each level; at first the old code of the level that it becomes.
        let mut renamed: Vec<u32> = (0..levels.len() as u32).collect();
        equal.iter().flatten().for_each(|&(later, first)| renamed[later as usize] = first);
        let mut kept = Levels::default();
        for code in 0..levels.len() {
            let first = renamed[code] as usize;
            if first == code {
                renamed[code] = kept.len() as u32;
                kept.push(levels.get(code).unwrap_or_default());
            } else {
                renamed[code] = renamed[first];
            }
        }
        codes.iter_mut().filter(|code| **code != Text::GAP).for_each(|code| *code = renamed[*code as usize]);
        *levels = kept;
    }
}

/// Pairs of equal levels, the later and the first.
///
/// Levels are dealt by their hashes to groups whose tables fit the nearest cache.
fn equal_levels(levels: &Levels) -> Vec<Vec<(u32, u32)>> {
    const GROUP: usize = 2048;
    let hashes: Vec<u32> = (0..levels.len())
        .into_par_iter()
        .with_min_len(GROUP)
        .map(|k| Known::hash(levels.get(k).unwrap_or_default()))
        .collect();
    // The high bits say the group, the low ones the place in its table.
    let bits = (levels.len() / GROUP).clamp(1, 1 << 16).next_power_of_two().trailing_zeros();
    let groups = 1 << bits;
    let group = |hash: u32| (u64::from(hash) << bits >> 32) as usize;
    let mut starts = vec![0_usize; groups + 1];
    for &hash in &hashes {
        starts[group(hash) + 1] += 1;
    }
    for k in 0..groups {
        starts[k + 1] += starts[k];
    }
    let mut dealt = vec![(0_u32, 0_u32); levels.len()];
    let mut next = starts.clone();
    for (level, &hash) in hashes.iter().enumerate() {
        let place = &mut next[group(hash)];
        dealt[*place] = (hash, level as u32);
        *place += 1;
    }
    drop(hashes);
    let find = |range: Range<usize>| equal_in_group(levels, &dealt[range]);
    let found: Vec<_> = (0..groups).into_par_iter().map(|k| find(starts[k]..starts[k + 1])).collect();
    found.into_iter().filter(|pairs| !pairs.is_empty()).collect()
}

/// Pairs of equal levels in a group of hashes and levels, which stand in order.
fn equal_in_group(levels: &Levels, group: &[(u32, u32)]) -> Vec<(u32, u32)> {
    const EMPTY: u32 = u32::MAX;
    let mask = (2 * group.len()).next_power_of_two() - 1;
    let mut slots = vec![(0_u32, EMPTY); mask + 1];
    let mut equal = Vec::new();
    for &(hash, level) in group {
        let mut at = hash as usize & mask;
        loop {
            let (other, first) = slots[at];
            if first == EMPTY {
                slots[at] = (hash, level);
                break;
            }
            if other == hash && levels.get(first as usize) == levels.get(level as usize) {
                equal.push((level, first));
                break;
            }
            at = (at + 1) & mask;
        }
    }
    equal
}

impl Text {
    /// The same cells with other levels: what `to` makes of each, none being a gap.
    pub(super) fn mapped(&self, to: impl Fn(&str) -> Option<String>) -> Self {
        let mut builder = TextBuilder::default();
        let mut code = |level: &str| to(level).map_or(Self::GAP, |l| builder.code_of(&l));
        let renamed: Vec<u32> = self.levels.iter().map(&mut code).collect();
        let place = |&code: &u32| if code == Self::GAP { code } else { renamed[code as usize] };
        let codes = self.codes.iter().map(place).collect();
        Self { codes, levels: builder.text.levels }
    }
}

#[cfg(test)]
mod tests {
    use super::TextBuilder;
    use crate::table::Text;
    use proptest::prelude::{Just, Strategy as _, prop_assert, prop_assert_eq, prop_oneof, proptest};
    use std::collections::HashMap;

    /// Whether the levels are distinct, in order of first appearance, and those of the cells.
    fn check(text: &Text, cells: &[Option<String>]) -> Result<(), proptest::test_runner::TestCaseError> {
        let mut levels: Vec<&str> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        for cell in cells.iter().flatten() {
            places.entry(cell).or_insert_with(|| {
                levels.push(cell);
                levels.len() - 1
            });
        }
        prop_assert!(text.levels().iter().eq(levels.iter().copied()));
        prop_assert_eq!(text.len(), cells.len());
        for (row, cell) in cells.iter().enumerate() {
            prop_assert_eq!(text.get(row), cell.as_deref());
            prop_assert_eq!(text.code(row).map(|c| c as usize), cell.as_deref().map(|c| places[c]));
        }
        prop_assert_eq!(text.counts().iter().sum::<usize>(), cells.iter().flatten().count());
        Ok(())
    }

    proptest! {
        #[test]
        fn levels_are_distinct_and_in_order_of_appearance(
            cells in (prop_oneof![Just("[a-cä]{0,3}"), Just("[a-j]{2,4}"), Just("[a-z]{0,40}")])
                .prop_flat_map(|cell| proptest::collection::vec(proptest::option::of(cell), 0..400)),
            piece in 1_usize..100,
        ) {
            let mut whole = TextBuilder::default();
            let mut part = TextBuilder::default();
            for cells in cells.chunks(piece) {
                part.clear(whole.is_loose());
                for cell in cells {
                    part.push(cell.as_deref());
                }
                whole.append(&part);
            }
            check(&whole.finish(), &cells)?;
            let mut whole = TextBuilder::default();
            for cell in &cells {
                whole.push(cell.as_deref());
            }
            check(&whole.finish(), &cells)?;
        }
    }

    #[test]
    fn levels_are_kept_apart_and_joined_as_cells_repeat() {
        let mut builder = TextBuilder::default();
        let mut cells = Vec::new();
        let mut push = |builder: &mut TextBuilder, cell: usize| {
            builder.push(Some(&cell.to_string()));
            cells.push(Some(cell.to_string()));
        };
        (0..20).for_each(|k| push(&mut builder, k));
        assert!(builder.is_loose());
        (0..200).for_each(|k| push(&mut builder, k % 20));
        assert!(!builder.is_loose());
        check(&builder.finish(), &cells).expect("the same levels");
    }
}
