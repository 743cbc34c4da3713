//! The pages of a column of a Parquet file. Their headers are read first, so that the sizes they promise are checked
//! before anything is unpacked.

use super::byte_source::ByteSource;
use super::codecs::{Codec, unpack_to};
use bytes::Bytes;
use parquet::basic::{Compression, Encoding};
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result as Parquet};
use parquet::file::metadata::ColumnChunkMetaData;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

/// A page header holds the smallest and the largest value of its page, but not more than this.
const HEADER: usize = 16 << 20;
/// Structures within structures of a page header.
const DEPTH: usize = 8;

/// The pages of one column of one row group.
pub(super) struct Pages {
    file: File,
    codec: Codec,
    left: VecDeque<Header>,
    /// Bytes that the largest page takes when it is unpacked, and the dictionary.
    pub(super) largest: u64,
    /// Values of all pages, missing ones too.
    pub(super) values: u64,
    spare: Arc<Spare>,
}

/// Pages that were read. The memory of those that are in use no more is taken for others.
#[derive(Default)]
pub(super) struct Spare(Mutex<Vec<Bytes>>);

impl Spare {
    fn take(&self) -> Vec<u8> {
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let free = pages.iter().position(Bytes::is_unique);
        free.map_or_else(Vec::new, |k| Vec::from(pages.swap_remove(k)))
    }

    fn keep(&self, page: Bytes) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(page);
    }
}

impl Pages {
    /// Reads all headers.
    pub(super) fn open(source: &ByteSource, chunk: &ColumnChunkMetaData, spare: &Arc<Spare>) -> io::Result<Self> {
        let codec = match chunk.compression() {
            Compression::UNCOMPRESSED => Codec::None,
            Compression::SNAPPY => Codec::Snappy,
            Compression::GZIP(_) => Codec::Gzip,
            Compression::BROTLI(_) => Codec::Brotli,
            Compression::LZ4 => Codec::Lz4Hadoop,
            Compression::LZ4_RAW => Codec::Lz4Block,
            Compression::ZSTD(_) => Codec::Zstd,
            Compression::LZO => return Err(wrong("it is packed with LZO")),
        };
        let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
        let (Ok(start), Ok(length)) = (u64::try_from(start), u64::try_from(chunk.compressed_size())) else {
            return Err(wrong("a column begins before the file"));
        };
        let size = source.size();
        let path = source.path().ok_or_else(|| wrong("there is no file"))?;
        let mut file = BufReader::new(File::open(path)?);
        let mut left = VecDeque::new();
        let (mut largest, mut dictionary, mut values) = (0, 0, 0_u64);
        let mut at = start;
        file.seek(SeekFrom::Start(at))?;
        while at < start.saturating_add(length) {
            let mut header = Header::read(&mut Thrift { bytes: &mut file, left: HEADER })?;
            at = file.stream_position()?;
            if header.packed > size.saturating_sub(at) {
                return Err(wrong("a page is longer than the file"));
            }
            header.at = at;
            match header.kind {
                Header::DICTIONARY => dictionary = header.unpacked,
                Header::DATA | Header::DATA_V2 => {
                    largest = header.unpacked.max(largest);
                    values = values.saturating_add(u64::from(header.values));
                }
                _ => {}
            }
            at += header.packed;
            file.seek_relative(header.packed as i64)?;
            left.push_back(header);
        }
        left.retain(|h| matches!(h.kind, Header::DICTIONARY | Header::DATA | Header::DATA_V2));
        Ok(Self {
            file: file.into_inner(),
            codec,
            left,
            largest: largest + dictionary,
            values,
            spare: Arc::clone(spare),
        })
    }

    fn load(&mut self, header: Header) -> io::Result<Page> {
        let size = usize::try_from(header.unpacked).map_err(io::Error::other)?;
        let mut packed = self.spare.take();
        packed.resize(usize::try_from(header.packed).map_err(io::Error::other)?, 0);
        self.file.seek(SeekFrom::Start(header.at))?;
        self.file.read_exact(&mut packed)?;
        // In pages of version 2 the levels come first and are not packed.
        let levels = if header.kind == Header::DATA_V2 {
            header.definitions.saturating_add(header.repetitions) as usize
        } else {
            0
        };
        if levels > size || levels > packed.len() {
            return Err(wrong("the levels of a page are longer than the page"));
        }
        let is_packed = self.codec != Codec::None && (header.kind != Header::DATA_V2 || header.is_packed);
        let buf = Bytes::from(if is_packed {
            // A page of nothing but missing values may have no packed bytes at all.
            let values = if size > levels {
                unpack_to(self.spare.take(), self.codec, &packed[levels..], size - levels)?
            } else {
                Vec::new()
            };
            let whole = if levels == 0 { values } else { [&packed[..levels], &values].concat() };
            self.spare.keep(Bytes::from(packed));
            whole
        } else {
            packed
        });
        self.spare.keep(buf.clone());
        let (num_values, encoding) = (header.values, encoding(header.encoding)?);
        Ok(match header.kind {
            Header::DICTIONARY => Page::DictionaryPage { buf, num_values, encoding, is_sorted: false },
            Header::DATA => Page::DataPage {
                buf,
                num_values,
                encoding,
                def_level_encoding: self::encoding(header.definitions)?,
                rep_level_encoding: self::encoding(header.repetitions)?,
                statistics: None,
            },
            _ => Page::DataPageV2 {
                buf,
                num_values,
                encoding,
                num_nulls: header.missing,
                num_rows: header.rows,
                def_levels_byte_len: header.definitions,
                rep_levels_byte_len: header.repetitions,
                is_compressed: header.is_packed,
                statistics: None,
            },
        })
    }
}

impl Iterator for Pages {
    type Item = Parquet<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        let header = self.left.pop_front()?;
        Some(self.load(header).map_err(|e| ParquetError::External(e.into())))
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Parquet<Option<Page>> {
        self.next().transpose()
    }

    fn peek_next_page(&mut self) -> Parquet<Option<PageMetadata>> {
        Ok(self.left.front().map(|header| PageMetadata {
            num_rows: (header.kind == Header::DATA_V2).then_some(header.rows as usize),
            num_levels: (header.kind != Header::DICTIONARY).then_some(header.values as usize),
            is_dict: header.kind == Header::DICTIONARY,
        }))
    }

    fn skip_next_page(&mut self) -> Parquet<()> {
        self.left.pop_front();
        Ok(())
    }
}

/// The numbers of parquet.thrift.
fn encoding(number: u32) -> io::Result<Encoding> {
    Ok(match number {
        0 => Encoding::PLAIN,
        2 => Encoding::PLAIN_DICTIONARY,
        3 => Encoding::RLE,
        #[expect(deprecated, reason = "old files have it")]
        4 => Encoding::BIT_PACKED,
        5 => Encoding::DELTA_BINARY_PACKED,
        6 => Encoding::DELTA_LENGTH_BYTE_ARRAY,
        7 => Encoding::DELTA_BYTE_ARRAY,
        8 => Encoding::RLE_DICTIONARY,
        9 => Encoding::BYTE_STREAM_SPLIT,
        _ => return Err(wrong("a page has an unknown encoding")),
    })
}

fn wrong(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// The header of a page.
#[derive(Clone, Copy, Default)]
struct Header {
    kind: u32,
    unpacked: u64,
    packed: u64,
    /// Where the page begins behind it, in the file.
    at: u64,
    values: u32,
    encoding: u32,
    /// In version 1 encodings of the levels, in version 2 their bytes.
    definitions: u32,
    repetitions: u32,
    rows: u32,
    missing: u32,
    is_packed: bool,
}

impl Header {
    const DATA: u32 = 0;
    const DICTIONARY: u32 = 2;
    const DATA_V2: u32 = 3;

    /// Reads a `PageHeader` in the compact protocol of Thrift (parquet.thrift).
    fn read(thrift: &mut Thrift<'_, impl Read>) -> io::Result<Self> {
        let mut header = Self { is_packed: true, ..Self::default() };
        let mut field = 0;
        while let Some(kind) = thrift.field(&mut field)? {
            match (field, kind) {
                (1, 5) => header.kind = thrift.count()?,
                (2, 5) => header.unpacked = u64::from(thrift.count()?),
                (3, 5) => header.packed = u64::from(thrift.count()?),
                (5 | 7 | 8, 12) => header.read_inner(field, thrift)?,
                (_, kind) => thrift.skip(kind, 0)?,
            }
        }
        Ok(header)
    }

    /// Reads the header of a data page (5), a dictionary (7) or a data page of version 2 (8).
    fn read_inner(&mut self, outer: i64, thrift: &mut Thrift<'_, impl Read>) -> io::Result<()> {
        let mut field = 0;
        while let Some(kind) = thrift.field(&mut field)? {
            match (outer, field, kind) {
                (_, 1, 5) => self.values = thrift.count()?,
                (5 | 7, 2, 5) | (8, 4, 5) => self.encoding = thrift.count()?,
                (5, 3, 5) | (8, 5, 5) => self.definitions = thrift.count()?,
                (5, 4, 5) | (8, 6, 5) => self.repetitions = thrift.count()?,
                (8, 2, 5) => self.missing = thrift.count()?,
                (8, 3, 5) => self.rows = thrift.count()?,
                (8, 7, 1 | 2) => self.is_packed = kind == 1,
                (_, _, kind) => thrift.skip(kind, 0)?,
            }
        }
        Ok(())
    }
}

/// The bytes of a header.
struct Thrift<'a, R> {
    bytes: &'a mut R,
    left: usize,
}

impl<R: Read> Thrift<'_, R> {
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

    /// A number that is not negative and fits 31 bits.
    fn count(&mut self) -> io::Result<u32> {
        let value = i32::try_from(self.integer()?).map_err(io::Error::other)?;
        u32::try_from(value).ok().ok_or_else(|| wrong("a page has a negative size"))
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
