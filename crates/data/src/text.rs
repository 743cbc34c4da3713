//! A column of text: its distinct values, which are its levels, and the level of every cell.

use super::numbers::Numbers;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher as _;
use std::sync::LazyLock;

/// Hashes decide nothing but where a level is found, so that results do not depend on the seed.
static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::default);

/// Texts in one piece of memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    text: String,
    /// Where each ends.
    ends: Vec<usize>,
}

/// Text by its distinct values. A clone copies them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Text {
    /// Index into `levels`, or [`Text::GAP`].
    codes: Vec<u32>,
    levels: Levels,
}

impl Levels {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub fn get(&self, level: usize) -> Option<&str> {
        let end = *self.ends.get(level)?;
        let start = level.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.text.get(start..end)
    }

    pub fn first(&self) -> Option<&str> {
        self.get(0)
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> + DoubleEndedIterator + Clone + '_ {
        (0..self.len()).map(|k| self.get(k).unwrap_or_default())
    }

    fn push(&mut self, level: &str) {
        self.text.push_str(level);
        self.ends.push(self.text.len());
    }

    fn bytes(&self) -> usize {
        self.text.capacity() + size_of::<usize>() * self.ends.capacity()
    }
}

impl<T: AsRef<str>> FromIterator<T> for Levels {
    fn from_iter<I: IntoIterator<Item = T>>(texts: I) -> Self {
        let mut levels = Self::default();
        texts.into_iter().for_each(|text| levels.push(text.as_ref()));
        levels
    }
}

impl Text {
    const GAP: u32 = u32::MAX;

    /// Number of cells.
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    /// The level of a cell; none where it is missing.
    pub fn code(&self, row: usize) -> Option<u32> {
        Some(self.codes[row]).filter(|&c| c != Self::GAP)
    }

    pub fn get(&self, row: usize) -> Option<&str> {
        self.code(row).and_then(|c| self.levels.get(c as usize))
    }

    /// The level of every cell; none where it is missing.
    pub fn codes(&self) -> impl ExactSizeIterator<Item = Option<u32>> + '_ {
        self.codes.iter().map(|&c| Some(c).filter(|&c| c != Self::GAP))
    }

    /// Distinct values in order of first appearance; some may occur in no cell.
    pub fn levels(&self) -> &Levels {
        &self.levels
    }

    /// The number of every cell, given that of each level; NaN where a cell is missing.
    pub(super) fn numbers(&self, of_level: &[f64]) -> Numbers {
        self.codes().map(|code| code.map_or(f64::NAN, |c| of_level[c as usize])).collect()
    }

    /// The same cells with other levels: what `to` makes of each, none being a gap.
    pub(super) fn mapped(&self, to: impl Fn(&str) -> Option<String>) -> Self {
        let mut builder = TextBuilder::default();
        let mut code = |level: &str| to(level).map_or(Self::GAP, |l| builder.code_of(&l, SEED.hash_one(l.as_str())));
        let renamed: Vec<u32> = self.levels.iter().map(&mut code).collect();
        let place = |&code: &u32| if code == Self::GAP { code } else { renamed[code as usize] };
        let codes = self.codes.iter().map(place).collect();
        Self { codes, levels: builder.text.levels }
    }

    /// How many cells have each level.
    pub fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.levels.len()];
        self.codes().flatten().for_each(|c| counts[c as usize] += 1);
        counts
    }

    /// The given rows, in that order.
    pub(super) fn select(&self, rows: &[usize]) -> Self {
        Self { codes: rows.iter().map(|&row| self.codes[row]).collect(), levels: self.levels.clone() }
    }

    pub(super) fn bytes(&self) -> usize {
        4 * self.codes.len() + self.levels.bytes()
    }
}

/// Builds [`Text`] cell by cell.
#[derive(Debug, Default)]
pub(super) struct TextBuilder {
    text: Text,
    /// The level of each text that was seen.
    known: HashTable<u32>,
    /// The hash of each level.
    hashes: Vec<u64>,
}

impl TextBuilder {
    pub fn push(&mut self, cell: Option<&str>) {
        let code = cell.map_or(Text::GAP, |cell| self.code_of(cell, SEED.hash_one(cell)));
        self.text.codes.push(code);
    }

    /// The code of a level, which is made if it is new.
    fn code_of(&mut self, level: &str, hash: u64) -> u32 {
        let Self { text: Text { levels, .. }, known, hashes } = self;
        let same = |&code: &u32| hashes[code as usize] == hash && levels.get(code as usize) == Some(level);
        if let Some(&code) = known.find(hash, same) {
            return code;
        }
        let code = levels.len() as u32;
        known.insert_unique(hash, code, |&code| hashes[code as usize]);
        levels.push(level);
        hashes.push(hash);
        code
    }

    /// Appends the cells of `other`.
    pub fn append(&mut self, other: &Self) {
        let levels = other.text.levels.iter().zip(&other.hashes);
        let renamed: Vec<u32> = levels.map(|(level, &hash)| self.code_of(level, hash)).collect();
        let place = |&code: &u32| if code == Text::GAP { code } else { renamed[code as usize] };
        self.text.codes.extend(other.text.codes.iter().map(place));
    }

    /// Forgets all cells, and keeps the memory.
    pub fn clear(&mut self) {
        self.text.codes.clear();
        self.text.levels.text.clear();
        self.text.levels.ends.clear();
        self.known.clear();
        self.hashes.clear();
    }

    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Bytes used while it is built.
    pub fn bytes(&self) -> usize {
        4 * self.text.codes.capacity()
            + self.text.levels.bytes()
            + 8 * self.hashes.capacity()
            + 5 * self.known.capacity()
    }

    pub fn finish(mut self) -> Text {
        self.text.codes.shrink_to_fit();
        self.text.levels.text.shrink_to_fit();
        self.text.levels.ends.shrink_to_fit();
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::TextBuilder;
    use std::collections::HashMap;

    proptest::proptest! {
        #[test]
        fn levels_are_distinct_and_in_order_of_appearance(
            cells in proptest::collection::vec(proptest::option::of("[a-cä]{0,3}"), 0..200),
            cut in 0_usize..200,
        ) {
            let cut = cut.min(cells.len());
            let mut whole = TextBuilder::default();
            let mut part = TextBuilder::default();
            for half in [&cells[..cut], &cells[cut..]] {
                part.clear();
                for cell in half {
                    part.push(cell.as_deref());
                }
                whole.append(&part);
            }
            let text = whole.finish();
            let mut levels: Vec<&str> = Vec::new();
            let mut places: HashMap<&str, usize> = HashMap::new();
            for cell in cells.iter().flatten() {
                places.entry(cell).or_insert_with(|| {
                    levels.push(cell);
                    levels.len() - 1
                });
            }
            proptest::prop_assert!(text.levels().iter().eq(levels.iter().copied()));
            proptest::prop_assert_eq!(text.len(), cells.len());
            for (row, cell) in cells.iter().enumerate() {
                proptest::prop_assert_eq!(text.get(row), cell.as_deref());
                proptest::prop_assert_eq!(text.code(row).map(|c| c as usize), cell.as_deref().map(|c| places[c]));
            }
            proptest::prop_assert_eq!(text.counts().iter().sum::<usize>(), cells.iter().flatten().count());
        }
    }
}
