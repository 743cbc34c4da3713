//! A table of typed columns.

use super::dates;
use super::numbers::Numbers;
pub use super::text::{Levels, Text};
pub(super) use super::text_builder::TextBuilder;
use super::typing::{dates as typing_dates, numbers};
use chainrule_common::format;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

/// Columns of equal length.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    pub name: String,
    pub columns: Vec<Column>,
}

/// A named column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub name: String,
    pub values: Values,
}

/// The values of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    Numbers(Numbers),
    /// Seconds since the beginning of 1970, UTC.
    Dates(Numbers),
    Text(Text),
    Images(Images),
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    Number,
    Date,
    Text,
    Image,
}

/// Pictures of one size, or other arrays of numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Images {
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    /// Row by row, the channels of a pixel side by side.
    pub pixels: Numbers,
}

impl Table {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, Column::len)
    }

    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| c.name == name)
    }

    /// Bytes that its values take.
    pub fn bytes(&self) -> usize {
        self.columns.iter().map(|c| c.values.bytes()).sum()
    }
}

impl ColumnKind {
    pub fn label(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Date => "date",
            Self::Text => "text",
            Self::Image => "image",
        }
    }
}

impl Images {
    /// Number of values in one picture.
    pub fn size(&self) -> usize {
        self.height * self.width * self.channels
    }

    pub fn len(&self) -> usize {
        self.pixels.len() / self.size().max(1)
    }

    pub fn is_empty(&self) -> bool {
        self.pixels.is_empty()
    }

    /// The values of picture `row`.
    pub fn picture(&self, row: usize) -> impl ExactSizeIterator<Item = f64> + '_ {
        (row * self.size()..(row + 1) * self.size()).map(|k| self.pixels.get(k))
    }
}

/// The index of each of a column's values in a list of names.
pub(super) enum Places {
    OfLevels(Vec<Option<u32>>),
    /// Keyed by the bits of the number.
    OfNumbers(HashMap<u64, Option<u32>>),
}

impl Places {
    /// The index for a cell; none where it is missing or not in the list.
    pub fn get(&self, column: &Column, row: usize) -> Option<usize> {
        let found = match (self, &column.values) {
            (Self::OfLevels(of), Values::Text(text)) => of.get(text.code(row)? as usize).copied().flatten(),
            (Self::OfNumbers(of), Values::Numbers(v) | Values::Dates(v)) => {
                of.get(&v.get(row).to_bits()).copied().flatten()
            }
            _ => None,
        };
        found.map(|k| k as usize)
    }
}

impl Values {
    pub fn kind(&self) -> ColumnKind {
        match self {
            Self::Numbers(_) => ColumnKind::Number,
            Self::Dates(_) => ColumnKind::Date,
            Self::Text(_) => ColumnKind::Text,
            Self::Images(_) => ColumnKind::Image,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Numbers(v) | Self::Dates(v) => v.bytes(),
            Self::Text(text) => text.bytes(),
            Self::Images(images) => images.pixels.bytes(),
        }
    }
}

impl Column {
    pub fn new(name: impl Into<String>, values: Values) -> Self {
        Self { name: name.into(), values }
    }

    pub fn numbers(name: impl Into<String>, values: impl Into<Numbers>) -> Self {
        Self::new(name, Values::Numbers(values.into()))
    }

    /// A text column with levels in order of first appearance.
    pub fn text<'a>(name: impl Into<String>, cells: impl IntoIterator<Item = Option<&'a str>>) -> Self {
        let mut builder = TextBuilder::default();
        cells.into_iter().for_each(|cell| builder.push(cell));
        Self::new(name, Values::Text(builder.finish()))
    }

    pub fn kind(&self) -> ColumnKind {
        self.values.kind()
    }

    pub fn len(&self) -> usize {
        match &self.values {
            Values::Numbers(v) | Values::Dates(v) => v.len(),
            Values::Text(text) => text.len(),
            Values::Images(images) => images.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn is_number(&self) -> bool {
        self.kind() == ColumnKind::Number
    }

    pub fn is_missing(&self, row: usize) -> bool {
        match &self.values {
            Values::Numbers(v) | Values::Dates(v) => v.get(row).is_nan(),
            Values::Text(text) => text.code(row).is_none(),
            Values::Images(_) => false,
        }
    }

    pub fn missing(&self) -> usize {
        match &self.values {
            Values::Images(_) => 0,
            Values::Numbers(v) | Values::Dates(v) => v.missing(),
            Values::Text(text) => text.codes().filter(Option::is_none).count(),
        }
    }

    /// Whether no cell holds anything.
    pub fn is_blank(&self) -> bool {
        (0..self.len()).all(|row| self.is_missing(row))
    }

    /// Whether the values increase by one from row to row.
    pub fn counts_rows(&self) -> bool {
        const FEW: usize = 10;
        let Values::Numbers(v) = &self.values else { return false };
        v.len() >= FEW && v.iter().enumerate().all(|(row, value)| value == v.get(0) + row as f64)
    }

    /// Clears the flags of the rows whose cell is missing.
    pub(super) fn unflag_missing(&self, flags: &mut [bool]) {
        for (row, flag) in flags.iter_mut().enumerate() {
            *flag &= !self.is_missing(row);
        }
    }

    /// The cell as a number: seconds for a date, the index of the level for text, NaN where it is missing.
    pub fn number(&self, row: usize) -> f64 {
        match &self.values {
            Values::Numbers(v) | Values::Dates(v) => v.get(row),
            Values::Text(text) => text.code(row).map_or(f64::NAN, f64::from),
            Values::Images(_) => f64::NAN,
        }
    }

    /// The cell as text for people; empty where it is missing.
    pub fn cell(&self, row: usize) -> String {
        match &self.values {
            _ if self.is_missing(row) => String::new(),
            Values::Numbers(v) => format::cell(v.get(row)),
            Values::Dates(v) => dates::written(v.get(row)),
            Values::Text(text) => text.get(row).unwrap_or_default().to_owned(),
            Values::Images(images) => size_label(images),
        }
    }

    /// A value in the column's units, such as its mean, written like its cells.
    pub fn written(&self, value: f64) -> String {
        if matches!(self.values, Values::Dates(_)) { dates::written(value) } else { format::cell(value) }
    }

    /// The first row whose number is infinite.
    pub fn first_infinite(&self) -> Option<usize> {
        match &self.values {
            Values::Text(_) => None,
            Values::Numbers(v) | Values::Dates(v) => v.first_infinite(),
            Values::Images(images) => images.pixels.iter().position(|v| !v.is_finite()).map(|k| k / images.size()),
        }
    }

    /// Compares `level`, one of [`Self::classes`], with the cell; a missing cell is greater than all levels.
    pub fn order(&self, level: &str, row: usize) -> Ordering {
        match &self.values {
            Values::Numbers(v) => level.parse::<f64>().unwrap_or(f64::NAN).total_cmp(&rounded(v.get(row))),
            Values::Dates(_) => level.cmp(self.cell(row).as_str()),
            Values::Text(text) => text.get(row).map_or(Ordering::Less, |cell| level.cmp(cell)),
            Values::Images(_) => Ordering::Less,
        }
    }

    /// The index of each cell in `names`, which are sorted like [`Self::classes`]. Each distinct value is looked up once.
    pub(super) fn places(&self, names: &[String]) -> Places {
        let place = |row: usize| names.binary_search_by(|n| self.order(n, row)).ok().map(|k| k as u32);
        match &self.values {
            Values::Text(text) => {
                let of = |level: &str| names.binary_search_by(|n| n.as_str().cmp(level)).ok().map(|k| k as u32);
                Places::OfLevels(text.levels().iter().map(of).collect())
            }
            Values::Numbers(v) | Values::Dates(v) => {
                let mut known = HashMap::new();
                for (row, value) in v.iter().enumerate().filter(|(_, v)| !v.is_nan()) {
                    known.entry(value.to_bits()).or_insert_with(|| place(row));
                }
                Places::OfNumbers(known)
            }
            Values::Images(_) => Places::OfLevels(Vec::new()),
        }
    }

    /// Distinct values that are not missing, as text, sorted by number or name; none if there are more than `limit`.
    pub fn classes(&self, limit: usize) -> Option<Vec<String>> {
        match &self.values {
            Values::Numbers(v) => {
                let mut seen = HashSet::new();
                let mut distinct = Vec::new();
                for value in v.iter().filter(|v| !v.is_nan()) {
                    // Compare the bits first: rounding is slow.
                    if seen.insert(value.to_bits()) {
                        distinct.push(rounded(value));
                        // Values that round to the same text are one class; duplicates are removed now and then.
                        if seen.len() > limit && seen.len().is_power_of_two() {
                            distinct.sort_by(f64::total_cmp);
                            distinct.dedup();
                            if distinct.len() > limit || seen.len() > 64 * limit {
                                return None;
                            }
                        }
                    }
                }
                distinct.sort_by(f64::total_cmp);
                distinct.dedup();
                (distinct.len() <= limit).then(|| distinct.into_iter().map(format::cell).collect())
            }
            Values::Dates(v) => {
                let mut seen = HashSet::new();
                for value in v.iter().filter(|v| !v.is_nan()) {
                    seen.insert(value.to_bits());
                    if seen.len() > limit {
                        return None;
                    }
                }
                let mut names: Vec<String> = seen.into_iter().map(|v| dates::written(f64::from_bits(v))).collect();
                names.sort();
                names.dedup();
                Some(names)
            }
            Values::Text(text) => {
                let counts = text.counts();
                if counts.iter().filter(|&&n| n > 0).count() > limit {
                    return None;
                }
                let used = text.levels().iter().zip(counts).filter(|(_, n)| *n > 0);
                let mut names: Vec<String> = used.map(|(level, _)| level.to_owned()).collect();
                names.sort();
                Some(names)
            }
            Values::Images(_) => None,
        }
    }

    /// The given rows, in that order.
    pub fn select(&self, rows: &[usize]) -> Self {
        let values = match &self.values {
            Values::Numbers(v) => Values::Numbers(v.select(rows)),
            Values::Dates(v) => Values::Dates(v.select(rows)),
            Values::Text(text) => Values::Text(text.select(rows)),
            Values::Images(images) => {
                let size = images.size();
                let pixels: Vec<usize> = rows.iter().flat_map(|row| row * size..(row + 1) * size).collect();
                Values::Images(Images { pixels: images.pixels.select(&pixels), ..*images })
            }
        };
        Self::new(self.name.clone(), values)
    }

    /// The column converted to another kind; cells that cannot be converted become missing. None if the kinds are not convertible.
    pub fn converted(&self, kind: ColumnKind) -> Option<Self> {
        let values = match (&self.values, kind) {
            (values, kind) if values.kind() == kind => values.clone(),
            (Values::Text(text), ColumnKind::Number | ColumnKind::Date) => {
                let read = |level: &str| match kind {
                    ColumnKind::Number => numbers::read(level),
                    _ => typing_dates::any(level).or_else(|| typing_dates::digits(level)),
                };
                let of_level: Vec<f64> = text.levels().iter().map(|l| read(l).unwrap_or(f64::NAN)).collect();
                let numbers = text.numbers(&of_level);
                if kind == ColumnKind::Number { Values::Numbers(numbers) } else { Values::Dates(numbers) }
            }
            (Values::Numbers(v), ColumnKind::Date) => Values::Dates(v.clone()),
            (Values::Dates(v), ColumnKind::Number) => Values::Numbers(v.clone()),
            (Values::Numbers(_) | Values::Dates(_), ColumnKind::Text) => {
                let mut builder = TextBuilder::default();
                for row in 0..self.len() {
                    builder.push(Some(self.cell(row)).filter(|_| !self.is_missing(row)).as_deref());
                }
                Values::Text(builder.finish())
            }
            _ => return None,
        };
        Some(Self::new(self.name.clone(), values))
    }
}

/// Height × width, and the channels where there are several.
pub fn size_label(images: &Images) -> String {
    let channels = if images.channels > 1 { format!(" × {}", images.channels) } else { String::new() };
    format!("{} × {}{channels}", images.height, images.width)
}

/// The number rounded as [`format::cell`] writes it, so that levels and cells compare equal if they look equal.
fn rounded(value: f64) -> f64 {
    if value.is_finite() { format::cell(value).parse().unwrap_or(value) } else { value }
}
