//! Columns that grow part by part, for the readers of typed files (Parquet, Arrow).

use super::byte_source::ByteSource;
use super::options::{COLUMN_LIMIT, Detected};
use crate::cells::unique_names;
use crate::error::DataError;
use crate::numbers::Numbers;
use crate::table::{Column, Images, Table, TextBuilder, Values};

/// What a typed column becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Numbers,
    /// Seconds since 1970.
    Dates,
    Text,
    /// Lists of so many numbers each.
    Lists(usize),
}

/// A column that grows.
pub(super) enum Growing {
    Numbers(Numbers),
    Dates(Numbers),
    Text(TextBuilder),
    Lists { size: usize, values: Numbers },
}

impl Growing {
    pub(super) fn new(target: Target) -> Self {
        match target {
            Target::Numbers => Self::Numbers(Numbers::default()),
            Target::Dates => Self::Dates(Numbers::default()),
            Target::Text => Self::Text(TextBuilder::default()),
            Target::Lists(size) => Self::Lists { size, values: Numbers::default() },
        }
    }

    /// Appends a number, a date in seconds or an item of a list; NaN is missing. Text takes none.
    #[inline]
    pub(super) fn number(&mut self, value: f64) {
        match self {
            Self::Numbers(v) | Self::Dates(v) | Self::Lists { values: v, .. } => v.push(value),
            Self::Text(_) => {}
        }
    }

    /// Appends a cell of text. Columns of numbers take none.
    #[inline]
    pub(super) fn text(&mut self, cell: Option<&str>) {
        if let Self::Text(text) = self {
            text.push(cell);
        }
    }

    /// Bytes of memory that it takes.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Numbers(v) | Self::Dates(v) | Self::Lists { values: v, .. } => v.bytes(),
            Self::Text(text) => text.bytes(),
        }
    }

    fn finish(self, name: String) -> Column {
        let values = match self {
            Self::Numbers(v) => Values::Numbers(v),
            Self::Dates(v) => Values::Dates(v),
            Self::Text(text) => Values::Text(text.finish()),
            Self::Lists { size, values } => {
                Values::Images(Images { height: 1, width: size, channels: 1, pixels: values })
            }
        };
        Column::new(name, values)
    }
}

/// Refuses more columns than a table may have.
pub(super) fn check_width(source: &ByteSource, columns: usize) -> Result<(), DataError> {
    if columns <= COLUMN_LIMIT {
        return Ok(());
    }
    Err(DataError::TooWide { name: source.name().to_owned(), columns, limit: COLUMN_LIMIT })
}

/// Says in the notes that a column of a type that has no place in a table is left out.
pub(super) fn note_left_out(detected: &mut Detected, name: &str, kind: &str) {
    detected.note(format!("Column \"{name}\" was left out: values of type {kind} are neither numbers nor text."));
}

/// The table of all columns that were read, in the order of the file.
pub(super) fn table<'a>(
    source: &ByteSource,
    names: impl Iterator<Item = &'a str>,
    columns: impl Iterator<Item = Option<Growing>>,
) -> Table {
    let columns = unique_names(names).into_iter().zip(columns);
    let columns = columns.filter_map(|(name, column)| Some(column?.finish(name))).collect();
    Table { name: source.name().to_owned(), columns }
}

/// Seconds of a count of units, `per_second` of which are a second.
pub(super) fn seconds(count: i64, per_second: i64) -> f64 {
    (count / per_second) as f64 + (count % per_second) as f64 / per_second as f64
}

pub(super) const SECONDS_PER_DAY: i64 = 86_400;

/// A whole number in two's complement, little end first, divided by ten to the power of `scale`.
pub(super) fn decimal(bytes: &[u8], scale: i32) -> f64 {
    let negative = bytes.last().is_some_and(|b| b & 0x80 != 0);
    let whole = if let Some(rest) = bytes.get(16..).filter(|rest| !rest.is_empty()) {
        // Wider than any number of the machine. The magnitude of a negative number is its complement plus one.
        let own = |b: u8| if negative { !b } else { b };
        let high = rest.iter().rev().fold(0.0, |sum, &b| sum * 256.0 + f64::from(own(b)));
        let low = u128::from_le_bytes(std::array::from_fn(|k| own(bytes[k])));
        let magnitude = high * 2_f64.powi(128) + low as f64;
        if negative { -(magnitude + 1.0) } else { magnitude }
    } else {
        let fill = if negative { 0xff } else { 0 };
        let wide: [u8; 16] = std::array::from_fn(|k| bytes.get(k).copied().unwrap_or(fill));
        i128::from_le_bytes(wide) as f64
    };
    whole / 10_f64.powi(scale)
}

#[cfg(test)]
mod tests {
    use super::{decimal, seconds};

    #[test]
    fn decimals_of_every_width() {
        assert_eq!(decimal(&[], 0), 0.0);
        assert_eq!((decimal(&[0x39, 0x30], 2), decimal(&[0xc7, 0xcf], 2)), (123.45, -123.45));
        assert_eq!(decimal(&(-5_i128).to_le_bytes(), 1), -0.5);
        let mut wide = [0xff; 32];
        assert_eq!(decimal(&wide, 0), -1.0);
        wide = [0; 32];
        wide[16] = 3;
        assert_eq!(decimal(&wide, 0), 3.0 * 2_f64.powi(128));
    }

    #[test]
    fn seconds_of_small_units_are_not_rounded_twice() {
        assert_eq!(seconds(1_700_000_000_500_000_000, 1_000_000_000), 1_700_000_000.5);
        assert_eq!((seconds(-1, 1000), seconds(-1500, 1000)), (-0.001, -1.5));
    }
}
