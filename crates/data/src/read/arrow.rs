//! Arrow (Feather version 2) as a file or a stream.

use super::archive::unreadable;
use super::arrow_schema::{Field, Kind, Number, Reason, fields, words};
use super::byte_source::ByteSource;
use super::codecs::{Codec, unpack};
use super::columnar::{EXACT, Growing, check_width, note_hours, note_left_out, table};
use super::options::{Detected, Format, ReadOptions};
use crate::cells::unique_names;
use crate::error::DataError;
use crate::reading::Reading;
use crate::table::Table;
use polars_arrow_format::ipc::planus::ReadAsRoot as _;
use polars_arrow_format::ipc::{
    BufferRef, CompressionType, FieldNodeRef, MessageHeaderRef, MessageRef, RecordBatchRef,
};
use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek as _, SeekFrom};
use std::path::Path;

/// A file is a stream between a mark and a list of contents that is not needed.
pub(super) fn read(
    source: &ByteSource,
    options: &ReadOptions,
    reading: &Reading,
) -> Result<(Table, Detected), DataError> {
    let path = path_of(source)?;
    let io = |e: std::io::Error| broken(source, &e);
    let mut file = File::open(path).map_err(|e| unreadable(path, &e))?;
    let mut mark = [0; 8];
    file.read_exact(&mut mark).map_err(io)?;
    if !mark.starts_with(b"ARROW1") {
        file.seek(SeekFrom::Start(0)).map_err(io)?;
    }
    reading.expect(source.size());
    let mut stream = BufReader::new(file);
    let mut detected = Detected::of(Format::Arrow);
    let mut all: Option<(Vec<Field>, Vec<Option<Growing>>)> = None;
    let mut dictionaries = HashMap::new();
    let mut rows = 0;
    while let Some((head, body)) = next_message(source, reading, &mut stream)? {
        let reason = |reason: Reason| broken(source, &reason);
        let message = MessageRef::read_as_root(&head).map_err(|e| reason(words(e)))?;
        let header = message.header().map_err(|e| reason(words(e)))?;
        match (header, &mut all) {
            (Some(MessageHeaderRef::Schema(schema)), None) => {
                let version = message.version().map_err(|e| reason(words(e)))?;
                let fields = fields(schema, version).map_err(reason)?;
                check_width(source, fields.len())?;
                let kind = |name: &String| options.columns.get(name).and_then(|c| c.kind);
                let columns: Vec<_> = unique_names(fields.iter().map(|f| f.name.as_str()))
                    .iter()
                    .zip(&fields)
                    .map(|(name, f)| Some(Growing::read_as(f.target()?, kind(name))))
                    .collect();
                for (field, _) in fields.iter().zip(&columns).filter(|(_, column)| column.is_none()) {
                    let kind = if let Kind::Other(kind) = field.kind { kind } else { "list" };
                    note_left_out(&mut detected, &field.name, kind);
                }
                all = Some((fields, columns));
            }
            (Some(MessageHeaderRef::DictionaryBatch(dictionary)), Some((fields, _))) => {
                let parts = || Ok((dictionary.id()?, dictionary.is_delta()?, dictionary.data()?));
                let (id, is_delta, data) = parts().map_err(|e| reason(words(e)))?;
                let data = data.ok_or_else(|| reason("a list of values is missing".to_owned()))?;
                let field = fields.iter().find(|f| f.dictionary.is_some_and(|(own, _)| own == id));
                // Others belong to columns that are left out.
                if let Some(field) = field.filter(|f| f.target().is_some()) {
                    let mut batch = Batch::new(source, reading, data, &body)?;
                    let mut values = dictionaries.remove(&id).filter(|_| is_delta).unwrap_or_default();
                    let length = batch.rows;
                    batch.values(field.kind, length, &mut values).map_err(reason)?;
                    dictionaries.insert(id, values);
                }
            }
            (Some(MessageHeaderRef::RecordBatch(data)), Some((fields, columns))) => {
                let held: usize = columns.iter().flatten().map(Growing::bytes).sum();
                let mut batch = Batch::new(source, reading, data, &body)?;
                // A column of nothing but missing values takes no bytes of the file.
                reading.allow(source.name(), held.saturating_add(batch.rows.saturating_mul(columns.len())))?;
                for (field, column) in fields.iter().zip(columns.iter_mut()) {
                    batch.column(field, column.as_mut(), &dictionaries).map_err(reason)?;
                }
                rows += batch.rows;
                reading.allow(source.name(), columns.iter().flatten().map(Growing::bytes).sum())?;
                if reading.is_enough(rows) {
                    break;
                }
            }
            (_, None) => return Err(broken(source, &"it does not begin with its columns")),
            _ => {}
        }
    }
    let (fields, columns) = all.ok_or_else(|| broken(source, &"it has no columns"))?;
    let names = unique_names(fields.iter().map(|f| f.name.as_str()));
    let times = fields.iter().zip(&names).filter(|(f, _)| matches!(f.kind, Kind::Number(Number::Hours { .. })));
    note_hours(&mut detected, times.map(|(_, name)| name));
    let table = table(source, names, columns.into_iter(), &mut detected);
    Ok((table, detected))
}

/// A message and the bytes that belong to it.
type Encapsulated = (Vec<u8>, Vec<u8>);

/// The next message; none at the end.
fn next_message(
    source: &ByteSource,
    reading: &Reading,
    stream: &mut impl Read,
) -> Result<Option<Encapsulated>, DataError> {
    let io = |e: std::io::Error| broken(source, &e);
    let mut word = [0; 4];
    match stream.read_exact(&mut word) {
        Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        outcome => outcome.map_err(io)?,
    }
    // Before version 0.15 the length stood alone.
    if word == [0xff; 4] {
        stream.read_exact(&mut word).map_err(io)?;
    }
    let length = u64::from(u32::from_le_bytes(word));
    if length == 0 {
        return Ok(None);
    }
    let mut part = |length: u64| {
        let mut bytes = Vec::new();
        if length > source.size() || stream.take(length).read_to_end(&mut bytes).map_err(io)? < length as usize {
            return Err(broken(source, &"a part is longer than the file"));
        }
        reading.advance(length)?;
        Ok(bytes)
    };
    let head = part(length)?;
    let body = MessageRef::read_as_root(&head).and_then(|m| m.body_length());
    let body = body.map_err(|e| broken(source, &words(e)))?;
    let body = part(u64::try_from(body).unwrap_or(u64::MAX))?;
    Ok(Some((head, body)))
}

/// Where decoded values go: a column, or the values of a dictionary.
trait Sink {
    fn number(&mut self, value: f64);
    fn whole(&mut self, value: f64, digits: impl FnOnce() -> String);
    fn text(&mut self, cell: Option<&str>);
}

impl Sink for Growing {
    #[inline]
    fn number(&mut self, value: f64) {
        Self::number(self, value);
    }

    #[inline]
    fn whole(&mut self, value: f64, digits: impl FnOnce() -> String) {
        Self::whole(self, value, digits);
    }

    #[inline]
    fn text(&mut self, cell: Option<&str>) {
        Self::text(self, cell);
    }
}

/// The values that a dictionary has places for; only one of the lists is filled.
#[derive(Default)]
struct Dictionary {
    numbers: Vec<f64>,
    texts: Vec<Option<String>>,
    /// The digits of large whole numbers, by their places.
    digits: HashMap<usize, String>,
}

impl Sink for Dictionary {
    fn number(&mut self, value: f64) {
        self.numbers.push(value);
    }

    fn whole(&mut self, value: f64, digits: impl FnOnce() -> String) {
        if value.abs() >= EXACT {
            self.digits.insert(self.numbers.len(), digits());
        }
        self.numbers.push(value);
    }

    fn text(&mut self, cell: Option<&str>) {
        self.texts.push(cell.map(str::to_owned));
    }
}

/// A record batch that is taken apart column by column.
struct Batch<'a> {
    rows: usize,
    nodes: Vec<usize>,
    buffers: Vec<(usize, usize)>,
    variadic: Vec<usize>,
    body: &'a [u8],
    codec: Option<Codec>,
}

impl<'a> Batch<'a> {
    /// The sizes that its buffers unpack to are checked here.
    fn new(source: &ByteSource, reading: &Reading, of: RecordBatchRef<'_>, body: &'a [u8]) -> Result<Self, DataError> {
        let size = |n: i64| usize::try_from(n).unwrap_or(usize::MAX);
        let parts = || -> polars_arrow_format::ipc::planus::Result<Self> {
            let node = |node: FieldNodeRef<'_>| size(node.length());
            let buffer = |buffer: BufferRef<'_>| (size(buffer.offset()), size(buffer.length()));
            let codec = of.compression()?.map(|c| c.codec()).transpose()?;
            // The first is the next one.
            let reversed = |mut all: Vec<usize>| {
                all.reverse();
                all
            };
            let mut buffers: Vec<_> = of.buffers()?.into_iter().flatten().map(buffer).collect();
            buffers.reverse();
            Ok(Self {
                rows: size(of.length()?),
                nodes: reversed(of.nodes()?.into_iter().flatten().map(node).collect()),
                buffers,
                variadic: reversed(of.variadic_buffer_counts()?.into_iter().flatten().map(size).collect()),
                body,
                codec: codec.map(|codec| match codec {
                    CompressionType::Lz4Frame => Codec::Lz4Frame,
                    CompressionType::Zstd => Codec::Zstd,
                }),
            })
        };
        let batch = parts().map_err(|e| broken(source, &words(e)))?;
        if batch.codec.is_some() {
            let promised = |&(offset, length): &(usize, usize)| {
                let prefix = batch.body.get(offset..offset.saturating_add(length)).and_then(<[u8]>::first_chunk);
                prefix.map_or(0, |&prefix| i64::from_le_bytes(prefix).max(0) as u64)
            };
            let all = batch.buffers.iter().map(promised).fold(0, u64::saturating_add);
            reading.allow(source.name(), usize::try_from(all).unwrap_or(usize::MAX))?;
        }
        Ok(batch)
    }

    fn buffer(&mut self) -> Result<Cow<'a, [u8]>, Reason> {
        let (offset, length) = self.buffers.pop().ok_or("a buffer is missing")?;
        let bytes = self.body.get(offset..offset.saturating_add(length)).ok_or("a part is longer than the file")?;
        let Some(codec) = self.codec.filter(|_| length > 0) else { return Ok(Cow::Borrowed(bytes)) };
        let (&size, packed) = bytes.split_first_chunk().ok_or("a buffer is too short")?;
        match i64::from_le_bytes(size) {
            // Not packed after all.
            -1 => Ok(Cow::Borrowed(packed)),
            size => {
                let size = usize::try_from(size).map_err(|e| e.to_string())?;
                Ok(Cow::Owned(unpack(codec, packed, size).map_err(|e| e.to_string())?))
            }
        }
    }

    /// Values of a node, which must be as many as its column has.
    fn node(&mut self, length: usize) -> Result<(), Reason> {
        let own = self.nodes.pop().ok_or("a column is missing")?;
        if own == length { Ok(()) } else { Err(format!("a column has {own} values where {length} belong")) }
    }

    fn column(
        &mut self,
        field: &Field,
        column: Option<&mut Growing>,
        dictionaries: &HashMap<i64, Dictionary>,
    ) -> Result<(), Reason> {
        let rows = self.rows;
        match (column, field.dictionary) {
            (None, _) => self.skip(field),
            (Some(column), None) => self.values(field.kind, rows, column),
            (Some(column), Some((id, index))) => {
                let values = dictionaries.get(&id).ok_or("a list of values is missing")?;
                let places = &mut Dictionary::default();
                self.values(Kind::Number(index), rows, places)?;
                let is_text = matches!(column, Growing::Text(_));
                for &place in &places.numbers {
                    let outside = || format!("there is no value {place} in a list of values");
                    if place.is_nan() {
                        if is_text { column.text(None) } else { column.number(f64::NAN) }
                    } else if is_text {
                        column.text(values.texts.get(place as usize).ok_or_else(outside)?.as_deref());
                    } else {
                        let value = *values.numbers.get(place as usize).ok_or_else(outside)?;
                        match values.digits.get(&(place as usize)) {
                            Some(digits) => column.whole(value, || digits.clone()),
                            None => column.number(value),
                        }
                    }
                }
                Ok(())
            }
        }
    }

    fn skip(&mut self, field: &Field) -> Result<(), Reason> {
        self.nodes.pop().ok_or("a column is missing")?;
        let more = if field.is_variadic { self.variadic.pop().ok_or("a count of buffers is missing")? } else { 0 };
        let left = self.buffers.len().checked_sub(field.buffers.saturating_add(more)).ok_or("a buffer is missing")?;
        self.buffers.truncate(left);
        field.children.iter().try_for_each(|child| self.skip(child))
    }

    /// Decodes one column of so many rows.
    fn values(&mut self, kind: Kind, rows: usize, to: &mut impl Sink) -> Result<(), Reason> {
        self.node(rows)?;
        let bitmap = if kind == Kind::Null { Cow::Borrowed(&[][..]) } else { self.buffer()? };
        if !bitmap.is_empty() && bitmap.len() < rows.div_ceil(8) {
            return Err("a bitmap is too short".to_owned());
        }
        let has = |row: usize| bitmap.is_empty() || bit(&bitmap, row);
        match kind {
            Kind::Null => (0..rows).for_each(|_| to.number(f64::NAN)),
            Kind::Bool => {
                let bits = self.buffer()?;
                if bits.len() < rows.div_ceil(8) {
                    return Err("a column is too short".to_owned());
                }
                for row in 0..rows {
                    to.text(has(row).then(|| if bit(&bits, row) { "true" } else { "false" }));
                }
            }
            Kind::Number(number) => numbers(number, &self.buffer()?, rows, 1, has, to)?,
            Kind::Lists { size, of } => {
                let items = rows.checked_mul(size).ok_or("a list is too long")?;
                self.node(items)?;
                let inner = self.buffer()?;
                if !inner.is_empty() && inner.len() < items.div_ceil(8) {
                    return Err("a bitmap is too short".to_owned());
                }
                let has = |item: usize| has(item / size) && (inner.is_empty() || bit(&inner, item));
                numbers(of, &self.buffer()?, rows, size, has, to)?;
            }
            Kind::Text { wide } => {
                let (offsets, data) = (self.buffer()?, self.buffer()?);
                let mut places = Vec::new();
                if wide { Number::I64 } else { Number::I32 }.read(&offsets, &mut places);
                if rows > 0 && places.len() <= rows {
                    return Err("a column is too short".to_owned());
                }
                for (row, pair) in places.windows(2).take(rows).enumerate() {
                    let bytes = data.get(pair[0] as usize..pair[1] as usize).ok_or("a text lies outside its column")?;
                    to.text(if has(row) { Some(text(bytes)?) } else { None });
                }
            }
            Kind::TextView => {
                let views = self.buffer()?;
                let more = self.variadic.pop().ok_or("a count of buffers is missing")?.min(self.buffers.len());
                let data: Vec<_> = (0..more).map(|_| self.buffer()).collect::<Result<_, _>>()?;
                let views = views.as_chunks::<16>().0.get(..rows).ok_or("a column is too short")?;
                for (row, view) in views.iter().enumerate() {
                    let word = |at: usize| u32::from_le_bytes(std::array::from_fn(|k| view[at + k])) as usize;
                    let length = word(0);
                    let bytes = match length {
                        0..=12 => Some(&view[4..4 + length]),
                        _ => data.get(word(8)).and_then(|d| d.get(word(12)..word(12) + length)),
                    };
                    let bytes = if has(row) { Some(bytes.ok_or("a text lies outside its column")?) } else { None };
                    to.text(bytes.map(text).transpose()?);
                }
            }
            Kind::Other(_) => return Err("a column of an unknown type".to_owned()),
        }
        Ok(())
    }
}

fn bit(bits: &[u8], k: usize) -> bool {
    bits[k / 8] >> (k % 8) & 1 == 1
}

fn text(bytes: &[u8]) -> Result<&str, Reason> {
    std::str::from_utf8(bytes).map_err(|e| e.to_string())
}

/// `rows` times `each` numbers, of which those that `has` denies are missing.
fn numbers(
    number: Number,
    data: &[u8],
    rows: usize,
    each: usize,
    has: impl Fn(usize) -> bool,
    to: &mut impl Sink,
) -> Result<(), Reason> {
    const PART: usize = 4096;
    let bytes = rows.checked_mul(each).and_then(|n| n.checked_mul(number.bytes()));
    let data = bytes.and_then(|bytes| data.get(..bytes)).ok_or("a column is too short")?;
    let mut part = Vec::with_capacity(PART);
    let wide = number.is_wide();
    let mut k = 0;
    for bytes in data.chunks(PART * number.bytes()) {
        part.clear();
        number.read(bytes, &mut part);
        for (&value, bytes) in part.iter().zip(bytes.chunks_exact(number.bytes())) {
            match has(k) {
                true if wide => to.whole(value, || number.digits(bytes)),
                true => to.number(value),
                false => to.number(f64::NAN),
            }
            k += 1;
        }
    }
    Ok(())
}

pub(super) fn path_of<'a>(source: &'a ByteSource) -> Result<&'a Path, DataError> {
    source.path().ok_or_else(|| source.malformed("files of this kind are read from disk only"))
}

pub(super) fn broken(source: &ByteSource, e: &dyn std::fmt::Display) -> DataError {
    source.malformed(&format!("the file cannot be read ({e}). It may be cut short: fetch or write it again"))
}
