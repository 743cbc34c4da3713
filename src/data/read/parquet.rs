//! Parquet. The sizes of all pages are checked before the library sees them, since it asks for as much memory as they
//! promise, and unpacks some of them without a bound.

use super::archive::unreadable;
use super::arrow::{broken, path_of, take};
use super::byte_source::ByteSource;
use super::options::{Detected, Format};
use crate::data::error::DataError;
use crate::data::reading::Reading;
use crate::data::table::Table;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::Compression;
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use rayon::prelude::{IntoParallelRefIterator as _, ParallelIterator as _};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};

const BATCH: usize = 8192;
/// A page header holds the smallest and the largest value of its page, but not more than this.
const HEADER: usize = 16 << 20;
/// Structures within structures of a page header.
const DEPTH: usize = 8;

pub(super) fn read(source: &ByteSource, reading: &Reading) -> Result<(Table, Detected), DataError> {
    let path = path_of(source)?;
    let file = File::open(path).map_err(|e| unreadable(path, &e))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|e| broken(source, &e))?;
    let rows = builder.metadata().file_metadata().num_rows().max(0) as u64;
    let columns = builder.schema().fields().len();
    // A byte a value is the least that a column takes.
    let least = rows.saturating_mul(columns as u64);
    reading.allow(source.name(), usize::try_from(least).unwrap_or(usize::MAX))?;
    for group in builder.metadata().row_groups() {
        check(source, reading, group)?;
    }
    reading.expect(rows);
    let schema = builder.schema().clone();
    let batches = builder.with_batch_size(BATCH).build().map_err(|e| broken(source, &e))?;
    take(source, reading, &schema, batches, Format::Parquet, true)
}

/// The largest pages of all columns of a group are in memory together.
fn check(source: &ByteSource, reading: &Reading, group: &RowGroupMetaData) -> Result<(), DataError> {
    let largest = |chunk: &ColumnChunkMetaData| largest_page(source, chunk).map_err(|e| broken(source, &e));
    let sizes: Vec<u64> = group.columns().par_iter().map(largest).collect::<Result<_, _>>()?;
    let all = sizes.into_iter().fold(0, u64::saturating_add);
    reading.allow(source.name(), usize::try_from(all).unwrap_or(usize::MAX))
}

/// Bytes that the largest page of a column takes when it is unpacked, and its dictionary.
fn largest_page(source: &ByteSource, chunk: &ColumnChunkMetaData) -> io::Result<u64> {
    let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
    let (Ok(start), Ok(length)) = (u64::try_from(start), u64::try_from(chunk.compressed_size())) else {
        return Err(wrong("a column begins before the file"));
    };
    let size = source.size();
    let mut file = BufReader::new(File::open(source.path().ok_or_else(|| wrong("there is no file"))?)?);
    let mut at = start;
    let (mut largest, mut dictionary) = (0, 0);
    while at < start.saturating_add(length) {
        file.seek(SeekFrom::Start(at))?;
        let page = Page::read(&mut Header { bytes: &mut file, left: HEADER })?;
        at = file.stream_position()?;
        if page.packed > size.saturating_sub(at) {
            return Err(wrong("a page is longer than the file"));
        }
        let unpacked = page.unpacked.max(unbounded(&mut file, chunk.compression(), page)?);
        if page.is_dictionary {
            dictionary = unpacked;
        } else {
            largest = unpacked.max(largest);
        }
        at += page.packed;
    }
    Ok(largest + dictionary)
}

/// What a page unpacks to, where the library does not stop at the size in its header: it must not be more than that.
fn unbounded(file: &mut impl Read, compression: Compression, page: Page) -> io::Result<u64> {
    const FRAME: [u8; 4] = [0x04, 0x22, 0x4d, 0x18];
    let packed = file.take(page.packed);
    let mut unpacked: Box<dyn Read + '_> = match compression {
        Compression::GZIP(_) => Box::new(flate2::read::MultiGzDecoder::new(packed)),
        Compression::BROTLI(_) => Box::new(brotli::Decompressor::new(packed, 1 << 16)),
        Compression::LZ4 => {
            let mut magic = Vec::new();
            packed.take(4).read_to_end(&mut magic)?;
            // A byte unpacks to 255 at most.
            return Ok(if magic == FRAME { page.packed.saturating_mul(255) } else { 0 });
        }
        _ => return Ok(0),
    };
    // Damage is told by the library, with its place.
    let found = io::copy(&mut (&mut unpacked).take(page.unpacked + 1), &mut io::sink()).unwrap_or(0);
    if found > page.unpacked { Err(wrong("a page unpacks to more than it says")) } else { Ok(found) }
}

fn wrong(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// What the header of a page says of its size.
#[derive(Clone, Copy, Default)]
struct Page {
    is_dictionary: bool,
    unpacked: u64,
    packed: u64,
}

impl Page {
    /// Reads a `PageHeader` in the compact protocol of Thrift (parquet.thrift: fields 1 to 3 are the type and both sizes).
    fn read(header: &mut Header<'_, impl Read>) -> io::Result<Self> {
        const DICTIONARY: i64 = 2;
        let mut page = Self::default();
        let size = |n: i64| u64::try_from(n).ok().ok_or_else(|| wrong("a page has a negative size"));
        let mut field = 0;
        while let Some(kind) = header.field(&mut field)? {
            match (field, kind) {
                (1, 5) => page.is_dictionary = header.integer()? == DICTIONARY,
                (2, 5) => page.unpacked = size(header.integer()?)?,
                (3, 5) => page.packed = size(header.integer()?)?,
                (_, kind) => header.skip(kind, 0)?,
            }
        }
        Ok(page)
    }
}

/// The bytes of a header.
struct Header<'a, R> {
    bytes: &'a mut R,
    left: usize,
}

impl<R: Read> Header<'_, R> {
    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.bytes.read_exact(&mut byte)?;
        self.left = self.left.checked_sub(1).ok_or_else(|| wrong("the header of a page does not end"))?;
        Ok(byte[0])
    }

    fn unsigned(&mut self) -> io::Result<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(wrong("a number in the header of a page does not end"))
    }

    /// Small ones of either sign take few bytes.
    fn integer(&mut self) -> io::Result<i64> {
        let value = self.unsigned()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// The type of the next field, and its number after the one before it; none at the end of a structure.
    fn field(&mut self, number: &mut i64) -> io::Result<Option<u8>> {
        let byte = self.byte()?;
        if byte == 0 {
            return Ok(None);
        }
        *number = match byte >> 4 {
            0 => self.integer()?,
            step => number.wrapping_add(i64::from(step)),
        };
        Ok(Some(byte & 0xf))
    }

    fn skip(&mut self, kind: u8, depth: usize) -> io::Result<()> {
        if depth > DEPTH {
            return Err(wrong("the header of a page is nested too deeply"));
        }
        match kind {
            // Booleans are their type.
            1 | 2 => Ok(()),
            3 => self.byte().map(drop),
            4..=6 => self.unsigned().map(drop),
            7 => (0..8).try_for_each(|_| self.byte().map(drop)),
            8 => {
                let length = self.unsigned()?;
                (0..length).try_for_each(|_| self.byte().map(drop))
            }
            9 | 10 => {
                let head = self.byte()?;
                let count = if head >> 4 == 15 { self.unsigned()? } else { u64::from(head >> 4) };
                // Here a boolean takes a byte.
                let kind = if matches!(head & 0xf, 1 | 2) { 3 } else { head & 0xf };
                (0..count).try_for_each(|_| self.skip(kind, depth + 1))
            }
            12 => {
                let mut number = 0;
                while let Some(kind) = self.field(&mut number)? {
                    self.skip(kind, depth + 1)?;
                }
                Ok(())
            }
            _ => Err(wrong("the header of a page is damaged")),
        }
    }
}
