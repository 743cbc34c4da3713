//! NumPy arrays (.npy) and archives of them (.npz). The first axis counts the samples.

use super::byte_source::ByteSource;
use super::columnar::{Growing, digits};
use super::options::{COLUMN_LIMIT, Chooser, Detected, Format, Note, ReadOptions};
use crate::error::DataError;
use crate::numbers::Numbers;
use crate::reading::Reading;
use crate::table::{Column, ColumnKind, Images, Table, Text, TextBuilder, Values};
use crate::typing::kinds::ReadKind;
use crate::typing::numbers::is_inexact;
use half::f16;
use npyz::{DType, Endianness, NpyHeader, Order, TypeChar, TypeStr};
use std::io::{BufReader, Read};

/// Usual names of features and targets, in order of preference.
const FEATURES: [&str; 9] =
    ["x", "x_train", "data", "features", "images", "inputs", "train_x", "train_images", "arr_0"];
const TARGETS: [&str; 9] = ["y", "y_train", "target", "labels", "label", "targets", "train_y", "train_labels", "arr_1"];

pub(super) fn read(
    source: &ByteSource,
    options: &ReadOptions,
    reading: &Reading,
) -> Result<(Table, Detected), DataError> {
    let name = source.name().to_owned();
    let mut detected = Detected::of(Format::NumPy);
    if source.head()?.starts_with(b"\x93NUMPY") {
        let size = if source.is_compressed() { None } else { Some(source.size()) };
        let array = Array::read(source, "x", source.open(reading)?, size, options, reading)?;
        let columns = array.columns(source, &mut detected)?;
        return Ok((Table { name, columns }, detected));
    }
    let mut archive = zip::ZipArchive::new(BufReader::new(source.seekable()?))
        .map_err(|e| source.malformed(&format!("the archive cannot be read ({e})")))?;
    let names: Vec<String> =
        archive.file_names().flatten().filter_map(|n| n.strip_suffix(".npy").map(str::to_owned)).collect();
    let chosen = options.arrays.clone().unwrap_or_else(|| guess(&names));
    reading.expect(source.size());
    let mut columns = Vec::new();
    let mut rows = None;
    for array in &chosen {
        let entry = archive.by_name(&format!("{array}.npy")).ok().ok_or_else(|| {
            source.malformed(&format!("there is no array \"{array}\". There are: {}", names.join(", ")))
        })?;
        let (size, packed) = (entry.size(), entry.compressed_size());
        let array = Array::read(source, array, entry, Some(size), options, reading)?;
        if *rows.get_or_insert(array.rows()) != array.rows() {
            return Err(source.malformed(&format!(
                "array \"{}\" has {} entries, but \"{}\" has {}. Choose arrays of the same length",
                array.name,
                array.rows(),
                chosen[0],
                rows.unwrap_or_default()
            )));
        }
        match array.classes().filter(|_| options.one_hot != Some(false)) {
            Some(classes) => {
                let text = format!(
                    "\"{}\" is one-hot, 1 in one of its {} columns and 0 in the others: it became one column with the number of the class, from 0.",
                    array.name, array.shape[1]
                );
                let offer = |o: &mut ReadOptions| o.one_hot = Some(false);
                detected.notes.push(Note::from(text).offering("Keep the columns", options, offer));
                columns.push(Column::numbers(array.name, classes));
            }
            None => columns.extend(array.columns(source, &mut detected)?),
        }
        reading.advance(packed)?;
    }
    detected.choices = names;
    detected.chosen = chosen;
    detected.chooser = Chooser::Arrays;
    Ok((Table { name, columns }, detected))
}

/// A longer header means a damaged file.
const HEADER_LIMIT: u64 = 1 << 20;

/// The arrays with usual names of features and targets, else the first array.
fn guess(names: &[String]) -> Vec<String> {
    let find = |known: &[&str]| known.iter().find_map(|k| names.iter().find(|n| n.eq_ignore_ascii_case(k)));
    let found: Vec<String> = [find(&FEATURES), find(&TARGETS)].into_iter().flatten().cloned().collect();
    if found.is_empty() { names.iter().take(1).cloned().collect() } else { found }
}

/// One array, read.
struct Array {
    name: String,
    shape: Vec<usize>,
    values: ArrayValues,
}

enum ArrayValues {
    Numbers(Numbers),
    Text(Text),
    /// Whole numbers as they were written, as some of them would be rounded.
    Digits(Text),
}

impl Array {
    fn rows(&self) -> usize {
        self.shape.first().copied().unwrap_or(1)
    }

    /// `size` is that of header and values, if known: a header that claims more is refused.
    fn read(
        source: &ByteSource,
        name: &str,
        mut input: impl Read,
        size: Option<u64>,
        options: &ReadOptions,
        reading: &Reading,
    ) -> Result<Self, DataError> {
        let bad = |reason: String| source.malformed(&format!("array \"{name}\": {reason}"));
        // The library allocates as much memory as the length of the header claims.
        let mut begin = [0; 12];
        input.read_exact(&mut begin).map_err(|e| bad(format!("its header cannot be read ({e})")))?;
        let length = match begin[6] {
            1 => u64::from(u16::from_le_bytes([begin[8], begin[9]])),
            _ => u64::from(u32::from_le_bytes([begin[8], begin[9], begin[10], begin[11]])),
        };
        if length > HEADER_LIMIT {
            return Err(bad(format!("its header would be {length} bytes long. The file is damaged")));
        }
        let mut input = begin.as_slice().chain(input);
        let header = NpyHeader::from_reader(&mut input).map_err(|e| bad(format!("its header cannot be read ({e})")))?;
        let DType::Plain(kind) = header.dtype() else {
            return Err(bad("it has fields of several types. Save each field as an array of its own".to_owned()));
        };
        let width = match (kind.type_char(), kind.num_bytes()) {
            (TypeChar::Object, _) => {
                return Err(bad("it holds Python objects, which could run foreign code when they are read. Convert it with .astype(float) or .astype(str) and save it again".to_owned()));
            }
            (_, Some(width)) if width > 0 => width,
            _ => return Err(bad("its values have no size".to_owned())),
        };
        let shape: Vec<usize> = header.shape().iter().map(|&n| usize::try_from(n).unwrap_or(usize::MAX)).collect();
        let count = shape.iter().try_fold(1_usize, |all, &n| all.checked_mul(n));
        let bytes = count.and_then(|n| n.checked_mul(width));
        let (Some(count), Some(bytes)) = (count, bytes) else {
            return Err(bad(format!(
                "its header promises {shape:?} values, more than any memory holds. The file is damaged"
            )));
        };
        if size.is_some_and(|size| bytes as u64 > size) {
            return Err(bad(format!("its header promises {shape:?} values, but the file is shorter. Fetch it again")));
        }
        reading.allow(source.name(), bytes)?;
        if count == 0 {
            return Err(DataError::Empty { name: format!("{}, array \"{name}\"", source.name()) });
        }
        // The values of pictures are numbers, and those of a column if a person wants them to be.
        let wanted = options.columns.get(name).and_then(|c| c.kind).is_some_and(|kind| kind != ReadKind::Text);
        let rounded = shape.len() > 2 || wanted;
        let values = read_values(&kind, width, count, rounded, &mut input).map_err(|e| match e {
            Failure::Input(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
                bad(format!("its header promises {shape:?} values, but the file is shorter. Fetch it again"))
            }
            Failure::Input(e) => source.cannot(&e),
            Failure::Type(kind) => bad(format!("values of type {kind} cannot be read. Convert it with .astype(float)")),
        })?;
        let mut array = Self { name: name.to_owned(), shape, values };
        if header.order() == Order::Fortran && array.shape.len() > 1 {
            array.reorder_to_c();
        }
        Ok(array)
    }

    /// Reorders the values from Fortran to C order.
    fn reorder_to_c(&mut self) {
        let strides: Vec<usize> =
            self.shape.iter().scan(1, |stride, &n| Some(std::mem::replace(stride, *stride * n))).collect();
        let mut at = vec![0; self.shape.len()];
        let mut next = || {
            let place: usize = at.iter().zip(&strides).map(|(a, s)| a * s).sum();
            for axis in (0..at.len()).rev() {
                at[axis] += 1;
                if at[axis] < self.shape[axis] {
                    break;
                }
                at[axis] = 0;
            }
            place
        };
        match &mut self.values {
            ArrayValues::Numbers(old) => *old = (0..old.len()).map(|_| old.get(next())).collect(),
            ArrayValues::Digits(old) => *old = old.select(&(0..old.len()).map(|_| next()).collect::<Vec<_>>()),
            ArrayValues::Text(_) => {}
        }
    }

    /// The classes of labels of which one is 1 and the others 0.
    fn classes(&self) -> Option<Numbers> {
        let (&[rows, width @ 2..=4096], ArrayValues::Numbers(numbers)) = (self.shape.as_slice(), &self.values) else {
            return None;
        };
        if !TARGETS.iter().any(|t| self.name.eq_ignore_ascii_case(t)) {
            return None;
        }
        let class = |row: usize| {
            let cells = || (row * width..(row + 1) * width).map(|k| numbers.get(k));
            let one_hot = cells().all(|v| v == 0.0 || v == 1.0) && cells().sum::<f64>() == 1.0;
            one_hot.then(|| cells().position(|v| v == 1.0)).flatten().map(|k| k as f64)
        };
        (0..rows).map(class).collect()
    }

    /// One column for a vector, one per column of a matrix, pictures for more axes.
    fn columns(self, source: &ByteSource, detected: &mut Detected) -> Result<Vec<Column>, DataError> {
        let Self { name, shape, values } = self;
        let too_wide =
            |columns: usize| DataError::TooWide { name: source.name().to_owned(), columns, limit: COLUMN_LIMIT };
        let numbers = match values {
            ArrayValues::Text(text) if shape.len() <= 1 => return Ok(vec![Column::new(name, Values::Text(text))]),
            ArrayValues::Digits(text) => {
                let width = shape.get(1).copied().unwrap_or(1);
                if width > COLUMN_LIMIT {
                    return Err(too_wide(width));
                }
                let columns = (0..width).map(|k| {
                    let name = if width == 1 { name.clone() } else { format!("{name}[{k}]") };
                    let cells = (k..text.len()).step_by(width).map(|place| text.get(place));
                    exact(Column::text(name, cells), &mut detected.digits)
                });
                return Ok(columns.collect());
            }
            ArrayValues::Text(_) => {
                return Err(source.malformed(&format!(
                    "array \"{name}\" is text with several axes. Save each column as an array of its own"
                )));
            }
            ArrayValues::Numbers(numbers) => numbers,
        };
        match *shape.as_slice() {
            [] | [_] | [_, 1] => Ok(vec![Column::numbers(name, numbers)]),
            [_, columns] if columns > COLUMN_LIMIT => Err(too_wide(columns)),
            [rows, columns] => {
                let column = |k: usize| (0..rows).map(|row| numbers.get(row * columns + k)).collect::<Numbers>();
                Ok((0..columns).map(|k| Column::numbers(format!("{name}[{k}]"), column(k))).collect())
            }
            [_, height, width] => Ok(vec![pictures(name, height, width, 1, numbers)]),
            // Some programs put channels first, others last; few pictures are one to four pixels wide.
            [rows, channels @ 1..=4, height, width] if width > 4 => {
                let plane = height * width;
                let size = channels * plane;
                let place = |k: usize| (k / size) * size + (k % size) % channels * plane + (k % size) / channels;
                let turned = (0..rows * size).map(|k| numbers.get(place(k))).collect();
                Ok(vec![pictures(name, height, width, channels, turned)])
            }
            [_, height, width, channels] => Ok(vec![pictures(name, height, width, channels, numbers)]),
            _ => Err(source
                .malformed(&format!("array \"{name}\" has {} axes; at most 4 can be read. Reshape it", shape.len()))),
        }
    }
}

/// A column of whole numbers as text, which is kept if some of them would be rounded.
fn exact(column: Column, kept: &mut Vec<String>) -> Column {
    let Values::Text(text) = &column.values else { return column };
    if text.levels().iter().any(|level| is_inexact(level.trim_start_matches('-'))) {
        kept.push(column.name.clone());
        return column;
    }
    column.converted(ColumnKind::Number).unwrap_or(column)
}

fn pictures(name: String, height: usize, width: usize, channels: usize, pixels: Numbers) -> Column {
    Column::new(name, Values::Images(Images { height, width, channels, pixels }))
}

enum Failure {
    Input(std::io::Error),
    Type(String),
}

fn read_values(
    kind: &TypeStr,
    width: usize,
    count: usize,
    rounded: bool,
    input: &mut impl Read,
) -> Result<ArrayValues, Failure> {
    let decode = decoder(kind, width);
    let text = matches!(kind.type_char(), TypeChar::UnicodeStr | TypeChar::ByteStr);
    if decode.is_none() && !text {
        return Err(Failure::Type(kind.to_string()));
    }
    let wide = matches!(kind.type_char(), TypeChar::Int | TypeChar::Uint) && width == 8;
    let mut numbers = Growing::Numbers { values: Numbers::default(), rounded };
    let mut cells = TextBuilder::default();
    let per_block = ((1 << 18) / width).max(1);
    let mut buffer = vec![0; per_block.min(count) * width];
    let mut left = count;
    while left > 0 {
        let now = left.min(per_block);
        let block = &mut buffer[..now * width];
        input.read_exact(block).map_err(Failure::Input)?;
        for value in block.chunks_exact(width) {
            match decode {
                Some(decode) if wide => numbers.whole(decode(value), || all_digits(kind, value)),
                Some(decode) => numbers.number(decode(value)),
                None => cells.push(Some(&decode_text(kind, value)).filter(|c| !c.is_empty()).map(String::as_str)),
            }
        }
        left -= now;
    }
    Ok(match numbers {
        _ if text => ArrayValues::Text(cells.finish()),
        Growing::Numbers { values, .. } => ArrayValues::Numbers(values),
        Growing::Digits(cells) | Growing::Text(cells) => ArrayValues::Digits(cells.finish()),
        Growing::Dates(values) | Growing::Lists { values, .. } => ArrayValues::Numbers(values),
    })
}

/// All digits of a whole number.
fn all_digits(kind: &TypeStr, value: &[u8]) -> String {
    let mut little = value.to_vec();
    if kind.endianness() == Endianness::Big {
        little.reverse();
    }
    little.extend((kind.type_char() == TypeChar::Uint).then_some(0));
    digits(&little)
}

fn decode_text(kind: &TypeStr, value: &[u8]) -> String {
    let text = if kind.type_char() == TypeChar::ByteStr {
        String::from_utf8_lossy(value).into_owned()
    } else {
        let big = kind.endianness() == Endianness::Big;
        let point = |b: &[u8]| {
            let bytes = [b[0], b[1], b[2], b[3]];
            if big { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
        };
        value.chunks_exact(4).filter_map(|b| char::from_u32(point(b))).collect()
    };
    text.trim_end_matches('\0').to_owned()
}

type Decode = fn(&[u8]) -> f64;

/// The function that decodes one number.
fn decoder(kind: &TypeStr, width: usize) -> Option<Decode> {
    macro_rules! read {
        ($type:ty, $from:ident) => {
            Some(|b: &[u8]| <$type>::$from(b.try_into().unwrap_or_default()) as f64)
        };
    }
    let big = kind.endianness() == Endianness::Big;
    match (kind.type_char(), width, big) {
        (TypeChar::Bool | TypeChar::Uint, 1, _) => Some(|b| f64::from(b[0])),
        (TypeChar::Int, 1, _) => Some(|b| f64::from(b[0] as i8)),
        (TypeChar::Uint, 2, false) => read!(u16, from_le_bytes),
        (TypeChar::Uint, 2, true) => read!(u16, from_be_bytes),
        (TypeChar::Uint, 4, false) => read!(u32, from_le_bytes),
        (TypeChar::Uint, 4, true) => read!(u32, from_be_bytes),
        (TypeChar::Uint, 8, false) => read!(u64, from_le_bytes),
        (TypeChar::Uint, 8, true) => read!(u64, from_be_bytes),
        (TypeChar::Int, 2, false) => read!(i16, from_le_bytes),
        (TypeChar::Int, 2, true) => read!(i16, from_be_bytes),
        (TypeChar::Int, 4, false) => read!(i32, from_le_bytes),
        (TypeChar::Int, 4, true) => read!(i32, from_be_bytes),
        (TypeChar::Int, 8, false) => read!(i64, from_le_bytes),
        (TypeChar::Int, 8, true) => read!(i64, from_be_bytes),
        (TypeChar::Float, 2, false) => Some(|b| f16::from_le_bytes([b[0], b[1]]).to_f64()),
        (TypeChar::Float, 2, true) => Some(|b| f16::from_be_bytes([b[0], b[1]]).to_f64()),
        (TypeChar::Float, 4, false) => read!(f32, from_le_bytes),
        (TypeChar::Float, 4, true) => read!(f32, from_be_bytes),
        (TypeChar::Float, 8, false) => read!(f64, from_le_bytes),
        (TypeChar::Float, 8, true) => read!(f64, from_be_bytes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::decoder;
    use npyz::TypeStr;

    #[test]
    fn half_precision_is_decoded_in_both_byte_orders() {
        let half = |bits: u16| {
            let read = |kind: &str, bytes: [u8; 2]| {
                let kind: TypeStr = kind.parse().expect("a NumPy type");
                decoder(&kind, 2).expect("half precision is read")(&bytes)
            };
            let (little, big) = (read("<f2", bits.to_le_bytes()), read(">f2", bits.to_be_bytes()));
            assert_eq!(little.to_bits(), big.to_bits());
            little
        };
        for (bits, value) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0001, 5.960_464_477_539_063e-8),
            (0x3555, 0.333_251_953_125),
        ] {
            assert_eq!(half(bits), value);
        }
        assert!(half(0x7c00).is_infinite() && half(0x7e00).is_nan());
    }
}
