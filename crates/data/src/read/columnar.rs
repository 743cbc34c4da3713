//! Columns that grow part by part, for the readers of typed files (Parquet, Arrow).

use super::byte_source::ByteSource;
use super::options::{COLUMN_LIMIT, Detected};
use crate::error::DataError;
use crate::numbers::Numbers;
use crate::table::{Column, Images, Table, TextBuilder, Values};
use crate::typing::kinds::ReadKind;
use crate::typing::numbers::is_inexact;

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
    /// Numbers; whole ones that double precision rounds make text of the column, unless they may be `rounded`.
    Numbers {
        values: Numbers,
        rounded: bool,
    },
    Dates(Numbers),
    Text(TextBuilder),
    /// Whole numbers as they were written, as some of them would be rounded.
    Digits(TextBuilder),
    Lists {
        size: usize,
        values: Numbers,
    },
}

/// Whole numbers below it are exact in double precision.
pub(super) const EXACT: f64 = 9_007_199_254_740_992.0;

impl Growing {
    pub(super) fn new(target: Target) -> Self {
        match target {
            Target::Numbers => Self::Numbers { values: Numbers::default(), rounded: false },
            Target::Dates => Self::Dates(Numbers::default()),
            Target::Text => Self::Text(TextBuilder::default()),
            Target::Lists(size) => Self::Lists { size, values: Numbers::default() },
        }
    }

    /// A column that is read as a person or an earlier decision wants it.
    pub(super) fn read_as(target: Target, kind: Option<ReadKind>) -> Self {
        match target {
            Target::Numbers => {
                Self::Numbers { values: Numbers::default(), rounded: kind.is_some_and(|kind| kind != ReadKind::Text) }
            }
            target => Self::new(target),
        }
    }

    /// Appends a number, a date in seconds or an item of a list; NaN is missing. Text takes none.
    #[inline]
    pub(super) fn number(&mut self, value: f64) {
        match self {
            Self::Numbers { values, .. } | Self::Dates(values) | Self::Lists { values, .. } => values.push(value),
            Self::Digits(text) => text.push(Some(value).filter(|v| !v.is_nan()).map(|v| v.to_string()).as_deref()),
            Self::Text(_) => {}
        }
    }

    /// Appends numbers in double precision as [`Self::number`] does.
    pub(super) fn doubles(&mut self, more: &[f64]) {
        match self {
            Self::Numbers { values, .. } | Self::Dates(values) | Self::Lists { values, .. } => {
                values.extend_from_slice(more);
            }
            _ => more.iter().for_each(|v| self.number(*v)),
        }
    }

    /// The numbers, if they are in double precision already, so that more can be appended.
    pub(super) fn wide(&mut self) -> Option<&mut Vec<f64>> {
        match self {
            Self::Numbers { values: Numbers::Doubles(values), .. } | Self::Dates(Numbers::Doubles(values)) => {
                Some(values)
            }
            _ => None,
        }
    }

    /// Appends numbers in single precision.
    pub(super) fn singles(&mut self, more: &[f32]) {
        let mut wide = [0.0; 256];
        for few in more.chunks(wide.len()) {
            wide.iter_mut().zip(few).for_each(|(wide, v)| *wide = f64::from(*v));
            self.doubles(&wide[..few.len()]);
        }
    }

    /// Appends a whole number, of which `digits` are all digits.
    #[inline]
    pub(super) fn whole(&mut self, value: f64, digits: impl FnOnce() -> String) {
        match self {
            Self::Digits(text) => text.push(Some(&digits())),
            Self::Numbers { rounded: false, .. } if value.abs() >= EXACT => self.large(value, &digits()),
            _ => self.number(value),
        }
    }

    /// Appends a whole number beyond 2⁵³. The first that would be rounded makes text of those before it, which are exact.
    #[cold]
    fn large(&mut self, value: f64, digits: &str) {
        if let Self::Numbers { values, .. } = self
            && is_inexact(digits.trim_start_matches('-'))
        {
            let before = std::mem::take(values);
            *self = Self::Digits(TextBuilder::default());
            before.iter().for_each(|v| self.number(v));
            self.text(Some(digits));
        } else {
            self.number(value);
        }
    }

    /// Whether it holds whole numbers as text.
    pub(super) fn is_digits(&self) -> bool {
        matches!(self, Self::Digits(_))
    }

    /// Appends a cell of text. Columns of numbers take none.
    #[inline]
    pub(super) fn text(&mut self, cell: Option<&str>) {
        if let Self::Text(text) | Self::Digits(text) = self {
            text.push(cell);
        }
    }

    /// Bytes of memory that it takes.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Numbers { values, .. } | Self::Dates(values) | Self::Lists { values, .. } => values.bytes(),
            Self::Text(text) | Self::Digits(text) => text.bytes(),
        }
    }

    fn finish(self, name: String) -> Column {
        let values = match self {
            Self::Numbers { values, .. } => Values::Numbers(values),
            Self::Dates(values) => Values::Dates(values),
            Self::Text(text) | Self::Digits(text) => Values::Text(text.finish()),
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

/// Says in the notes which columns were times of day or durations.
pub(super) fn note_hours<'n>(detected: &mut Detected, names: impl Iterator<Item = &'n String>) {
    detected.notes.extend(names.map(|name| format!("Column \"{name}\": times were read as hours.").into()));
}

/// The table of all columns that were read, in the order of the file.
pub(super) fn table(
    source: &ByteSource,
    names: Vec<String>,
    columns: impl Iterator<Item = Option<Growing>>,
    detected: &mut Detected,
) -> Table {
    let present = names.into_iter().zip(columns).filter_map(|(name, column)| Some((name, column?)));
    let finish = |(name, column): (String, Growing)| {
        if column.is_digits() {
            detected.digits.push(name.clone());
        }
        column.finish(name)
    };
    Table { name: source.name().to_owned(), columns: present.map(finish).collect() }
}

/// Seconds of a count of units, `per_second` of which are a second.
pub(super) fn seconds(count: i64, per_second: i64) -> f64 {
    (count / per_second) as f64 + (count % per_second) as f64 / per_second as f64
}

pub(super) const SECONDS_PER_DAY: i64 = 86_400;

/// The digits of a whole number in two's complement, little end first.
pub(super) fn digits(bytes: &[u8]) -> String {
    let negative = bytes.last().is_some_and(|b| b & 0x80 != 0);
    let mut magnitude = bytes.to_vec();
    if negative {
        let mut carry = true;
        for byte in &mut magnitude {
            (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
        }
    }
    let mut digits = Vec::new();
    while magnitude.iter().any(|&b| b != 0) || digits.is_empty() {
        let mut rest = 0_u16;
        for byte in magnitude.iter_mut().rev() {
            let value = rest << 8 | u16::from(*byte);
            (*byte, rest) = ((value / 10) as u8, value % 10);
        }
        digits.push(char::from(b'0' + rest as u8));
    }
    digits.extend(negative.then_some('-'));
    digits.iter().rev().collect()
}

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
    use super::{Growing, Target, decimal, digits, seconds};
    use crate::reading::Reading;
    use crate::typing::kinds::ReadKind;
    use crate::{ReadOptions, Values, read_file};

    #[test]
    fn digits_of_every_width() {
        for value in [0, 1, -1, 10, i128::MAX, i128::MIN, 740_245_381_351_497_731] {
            assert_eq!(digits(&value.to_le_bytes()), value.to_string());
        }
        assert_eq!((digits(&[]), digits(&[0x39, 0x30]), digits(&[0x80])), ("0".into(), "12345".into(), "-128".into()));
        let mut wide = [0; 17];
        wide[16] = 1;
        assert_eq!(digits(&wide), "340282366920938463463374607431768211456");
    }

    #[test]
    fn whole_numbers_stay_exact() {
        let of = |kind: Option<ReadKind>, cells: &[i64]| {
            let mut column = Growing::read_as(Target::Numbers, kind);
            for &cell in cells {
                column.whole(cell as f64, || cell.to_string());
            }
            column.number(f64::NAN);
            column.finish("id".to_owned())
        };
        let large = [7, 1 << 53, (1 << 53) + 1, -740_245_381_351_497_731];
        let column = of(None, &large);
        assert_eq!(
            (0..5).map(|r| column.cell(r)).collect::<Vec<_>>(),
            ["7", "9007199254740992", "9007199254740993", "-740245381351497731", ""]
        );
        assert!(column.is_missing(4));
        assert!(of(None, &large[..2]).is_number() && of(Some(ReadKind::Number), &large).is_number());
        assert!(matches!(of(Some(ReadKind::Text), &large).values, Values::Text(_)));
    }

    #[test]
    fn times_of_every_unit_are_hours_and_numbers_in_text_are_offered() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/formats");
        for name in ["times.parquet", "times.arrow"] {
            let read = |options: &ReadOptions| read_file(&folder.join(name), options, &Reading::default()).expect(name);
            let (table, found) = read(&ReadOptions::default());
            let column = |name: &str| table.columns.iter().find(|c| c.name == name).expect("a column");
            for unit in ["s", "ms", "us", "ns"] {
                let (time, span) = (column(&format!("time {unit}")), column(&format!("span {unit}")));
                assert_eq!((time.number(0), time.number(2)), (9.5, 12.0 + 30.0 / 3600.0), "{name}, {unit}");
                assert_eq!((span.number(0), span.number(1)), (1.5, -0.5), "{name}, {unit}");
                assert!(time.is_missing(1) && span.is_missing(2));
            }
            let told = |words: &str| found.notes.iter().filter(|n| n.text.contains(words)).count();
            assert_eq!(
                (told("read as hours"), told("are all numbers"), told("\"code\"")),
                (8, 1, 0),
                "{:?}",
                found.notes
            );
            assert!(!column("digits").is_number());
            let offer = found.notes.iter().flat_map(|n| &n.offers).find(|o| o.label == "Read as numbers");
            let (table, _) = read(&offer.expect("an offer").options);
            assert_eq!(table.columns.iter().find(|c| c.name == "digits").expect("a column").number(1), 2.5);
        }
    }

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
