//! IDX arrays, as the MNIST family of picture sets comes (Y. LeCun, <http://yann.lecun.com/exdb/mnist/>): a magic
//! number, the lengths of the axes, the values. Pictures and labels lie in two files whose names tell which belong together.

use super::byte_source::ByteSource;
use super::options::{Detected, Format};
use crate::error::DataError;
use crate::numbers::Numbers;
use crate::reading::Reading;
use crate::table::{Column, Images, Table, Values};
use std::io::Read;
use std::path::PathBuf;

/// Whether it begins with two zeros, a known type, a number of axes, and plausible lengths.
pub(super) fn is_idx(head: &[u8]) -> bool {
    matches!(head, [0, 0, 0x08 | 0x09 | 0x0b | 0x0c | 0x0d | 0x0e, axes @ 1..=4, ..] if head.len() >= 4 + 4 * *axes as usize)
}

pub(super) fn read(source: &ByteSource, reading: &Reading) -> Result<(Table, Detected), DataError> {
    let mut detected = Detected::of(Format::Idx);
    let own = read_one(source, reading)?;
    let rows = own.len();
    let mut columns = vec![own];
    if let Some(path) = partner(source) {
        let other = ByteSource::file(&path)?;
        let found = read_one(&other, reading)?;
        if found.len() == rows {
            columns.push(found);
            // Pictures first.
            columns.sort_by_key(|c| !matches!(c.values, Values::Images(_)));
        } else {
            detected.note(format!(
                "{} has {} entries, but {} has {rows}, so they were not joined.",
                other.name(),
                found.len(),
                source.name()
            ));
        }
    }
    Ok((Table { name: source.name().to_owned(), columns }, detected))
}

/// The file of labels that belongs to one of pictures, or the reverse.
fn partner(source: &ByteSource) -> Option<PathBuf> {
    let path = source.path()?;
    let name = source.name();
    let swapped = if name.contains("images") {
        name.replace("images", "labels").replace("idx3", "idx1").replace("idx4", "idx1")
    } else {
        name.replace("labels", "images").replace("idx1", "idx3")
    };
    let bare = swapped.strip_suffix(".gz").unwrap_or(&swapped).to_owned();
    let candidates = [bare.clone(), format!("{bare}.gz")];
    candidates
        .into_iter()
        .filter(|c| c != name && swapped != name)
        .map(|c| path.with_file_name(c))
        .find(|p| p.is_file())
}

fn read_one(source: &ByteSource, reading: &Reading) -> Result<Column, DataError> {
    let name = source.name();
    let mut input = source.open(reading)?;
    let mut word = [0; 4];
    let short = || source.malformed("the file ends before its values do. It is cut short: fetch it again");
    let read_word = |input: &mut dyn Read, word: &mut [u8; 4]| {
        input
            .read_exact(word)
            .map_err(|e| if e.kind() == std::io::ErrorKind::UnexpectedEof { short() } else { source.cannot(&e) })
    };
    read_word(&mut input, &mut word)?;
    let (kind, axes) = (word[2], usize::from(word[3]));
    let width = match kind {
        0x08 | 0x09 => 1,
        0x0b => 2,
        0x0c | 0x0d => 4,
        0x0e => 8,
        _ => return Err(source.malformed(&format!("its values have the unknown type {kind:#04x}"))),
    };
    let mut shape = Vec::new();
    for _ in 0..axes {
        read_word(&mut input, &mut word)?;
        shape.push(u32::from_be_bytes(word) as usize);
    }
    let count = shape.iter().try_fold(1_usize, |all, &n| all.checked_mul(n));
    let bytes = count.and_then(|n| n.checked_mul(width)).unwrap_or(usize::MAX);
    if !source.is_compressed() && bytes as u64 > source.size() {
        return Err(
            source.malformed(&format!("its header promises {shape:?} values, but the file is shorter. Fetch it again"))
        );
    }
    reading.allow(name, bytes)?;
    let count = count.unwrap_or(0);
    if count == 0 {
        return Err(DataError::Empty { name: name.to_owned() });
    }
    let values = if kind == 0x08 {
        let mut values = Vec::new();
        let got = input.take(bytes as u64).read_to_end(&mut values).map_err(|e| source.cannot(&e))?;
        if got < bytes {
            return Err(short());
        }
        values.shrink_to_fit();
        Numbers::Bytes(values)
    } else {
        let mut numbers = Numbers::default();
        let mut buffer = [0; 8];
        let mut input = std::io::BufReader::new(input);
        for _ in 0..count {
            let value = &mut buffer[..width];
            if input.read_exact(value).is_err() {
                return Err(short());
            }
            numbers.push(match (kind, &*value) {
                (0x09, &[a]) => f64::from(a as i8),
                (0x0b, &[a, b]) => f64::from(i16::from_be_bytes([a, b])),
                (0x0c, &[a, b, c, d]) => f64::from(i32::from_be_bytes([a, b, c, d])),
                (0x0d, &[a, b, c, d]) => f64::from(f32::from_be_bytes([a, b, c, d])),
                _ => f64::from_be_bytes(buffer),
            });
        }
        numbers
    };
    let picture = |height, width, channels| Values::Images(Images { height, width, channels, pixels: values.clone() });
    Ok(match *shape.as_slice() {
        [_] => Column::numbers(if name.contains("label") { "label" } else { "value" }, values),
        [_, width] => Column::new("values", picture(1, width, 1)),
        [_, height, width] => Column::new("image", picture(height, width, 1)),
        [_, height, width, channels] => Column::new("image", picture(height, width, channels)),
        _ => return Err(source.malformed("arrays of more than four axes cannot be read")),
    })
}
