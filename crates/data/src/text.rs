//! A column of text: its distinct values, which are its levels, and the level of every cell.

use super::numbers::Numbers;

/// Texts in one piece of memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Levels {
    pub(super) text: String,
    /// Where each ends.
    pub(super) ends: Vec<usize>,
}

/// Text by its distinct values. A clone copies them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Text {
    /// Index into `levels`, or [`Text::GAP`].
    pub(super) codes: Vec<u32>,
    pub(super) levels: Levels,
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

    /// Whether a level is this text.
    #[inline]
    pub(super) fn is(&self, level: usize, text: &str) -> bool {
        let start = level.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.text.as_bytes().get(start..self.ends[level]) == Some(text.as_bytes())
    }

    pub fn first(&self) -> Option<&str> {
        self.get(0)
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> + DoubleEndedIterator + Clone + '_ {
        (0..self.len()).map(|k| self.get(k).unwrap_or_default())
    }

    pub(super) fn push(&mut self, level: &str) {
        self.text.push_str(level);
        self.ends.push(self.text.len());
    }

    pub(super) fn bytes(&self) -> usize {
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
    /// The code of a cell that is missing.
    pub(super) const GAP: u32 = u32::MAX;

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
