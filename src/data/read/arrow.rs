//! Arrow (Feather version 2) as a file or a stream.

use super::byte_source::ByteSource;
use super::options::{COLUMN_LIMIT, Detected, Format};
use crate::data::cells::unique_names;
use crate::data::error::DataError;
use crate::data::numbers::Numbers;
use crate::data::reading::Reading;
use crate::data::table::{Column, Images, Table, TextBuilder, Values};
use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, TimestampNanosecondType};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_cast::cast;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::root_as_message;
use arrow_schema::{ArrowError, DataType, Field, SchemaRef, TimeUnit};
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// A file is a stream between a mark and a list of contents that is not needed.
pub(super) fn read(source: &ByteSource, reading: &Reading) -> Result<(Table, Detected), DataError> {
    let path = path_of(source)?;
    let open = || -> Result<BufReader<File>, DataError> {
        let mut file = File::open(path).map_err(|e| super::archive::unreadable(path, &e))?;
        let mut mark = [0; 8];
        file.read_exact(&mut mark).map_err(|e| broken(source, &e))?;
        if !mark.starts_with(b"ARROW1") {
            file.rewind().map_err(|e| broken(source, &e))?;
        }
        Ok(BufReader::new(file))
    };
    reading.expect(0);
    check(source, reading, &mut open()?)?;
    let batches = StreamReader::try_new(open()?, None).map_err(|e| broken(source, &e))?;
    let schema = batches.schema();
    take(source, reading, &schema, batches, Format::Arrow, false)
}

/// Goes through the messages of a stream and refuses sizes that cannot be true: the reader asks for as much memory as
/// they promise.
fn check(source: &ByteSource, reading: &Reading, stream: &mut (impl Read + Seek)) -> Result<(), DataError> {
    let cut = || broken(source, &"a part is longer than the file");
    let size = source.size();
    let io = |e: std::io::Error| broken(source, &e);
    loop {
        let mut word = [0; 4];
        match stream.read_exact(&mut word) {
            Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
            outcome => outcome.map_err(io)?,
        }
        // Before version 0.15 the length stood alone.
        if word == [0xff; 4] {
            stream.read_exact(&mut word).map_err(io)?;
        }
        let length = u64::from(u32::from_le_bytes(word));
        if length == 0 {
            return Ok(());
        }
        if length > size {
            return Err(cut());
        }
        let mut head = vec![0; length as usize];
        stream.read_exact(&mut head).map_err(io)?;
        let message = root_as_message(&head).map_err(|e| broken(source, &e))?;
        let body = u64::try_from(message.bodyLength()).ok().filter(|&b| b <= size).ok_or_else(cut)?;
        let start = stream.stream_position().map_err(io)?;
        let batch = message.header_as_record_batch().or_else(|| message.header_as_dictionary_batch()?.data());
        let mut unpacked = 0_u64;
        for buffer in batch.iter().filter(|b| b.compression().is_some()).flat_map(|b| b.buffers().into_iter().flatten())
        {
            let (Ok(offset), Ok(length)) = (u64::try_from(buffer.offset()), u64::try_from(buffer.length())) else {
                return Err(cut());
            };
            if offset.saturating_add(length) > body {
                return Err(cut());
            }
            if length >= 8 {
                stream.seek(SeekFrom::Start(start + offset)).map_err(io)?;
                let mut promised = [0; 8];
                stream.read_exact(&mut promised).map_err(io)?;
                // −1 says that the buffer is not packed after all.
                unpacked = unpacked.saturating_add(i64::from_le_bytes(promised).max(0) as u64);
            }
        }
        reading.allow(source.name(), usize::try_from(unpacked).unwrap_or(usize::MAX))?;
        stream.seek(SeekFrom::Start(start + body)).map_err(io)?;
    }
}

pub(super) fn path_of<'a>(source: &'a ByteSource) -> Result<&'a Path, DataError> {
    source.path().ok_or_else(|| source.malformed("files of this kind are read from disk only"))
}

pub(super) fn broken(source: &ByteSource, e: &dyn std::fmt::Display) -> DataError {
    source.malformed(&format!("the file cannot be read ({e}). It may be cut short: fetch or write it again"))
}

/// A column that grows batch by batch.
enum Growing {
    Numbers(Numbers),
    Dates(Numbers),
    Text(TextBuilder),
    List { size: usize, values: Numbers },
}

impl Growing {
    /// None where there is no way to read the type.
    fn of(field: &Field) -> Option<Self> {
        match field.data_type() {
            t if t.is_numeric() => Some(Self::Numbers(Numbers::default())),
            DataType::Null | DataType::Duration(_) | DataType::Time32(_) | DataType::Time64(_) => {
                Some(Self::Numbers(Numbers::default()))
            }
            DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => Some(Self::Dates(Numbers::default())),
            DataType::Boolean | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                Some(Self::Text(TextBuilder::default()))
            }
            DataType::Dictionary(_, values) if values.is_numeric() => Some(Self::Numbers(Numbers::default())),
            DataType::Dictionary(..) => Some(Self::Text(TextBuilder::default())),
            DataType::FixedSizeList(item, size) if item.data_type().is_numeric() && *size > 0 => {
                Some(Self::List { size: *size as usize, values: Numbers::default() })
            }
            _ => None,
        }
    }

    fn push(&mut self, array: &ArrayRef) -> Result<(), ArrowError> {
        match self {
            Self::Numbers(numbers) => push_numbers(numbers, array)?,
            Self::List { values, .. } => push_numbers(values, array.as_fixed_size_list().values())?,
            Self::Dates(seconds) => {
                let nanos = cast(array, &DataType::Timestamp(TimeUnit::Nanosecond, None))?;
                let nanos = nanos.as_primitive::<TimestampNanosecondType>();
                nanos.iter().for_each(|v| seconds.push(v.map_or(f64::NAN, |v| v as f64 / 1e9)));
            }
            Self::Text(text) => {
                let strings = cast(array, &DataType::Utf8)?;
                strings.as_string::<i32>().iter().for_each(|cell| text.push(cell));
            }
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Numbers(v) | Self::Dates(v) | Self::List { values: v, .. } => v.bytes(),
            Self::Text(text) => text.bytes(),
        }
    }

    fn finish(self, name: String) -> Column {
        let values = match self {
            Self::Numbers(v) => Values::Numbers(v),
            Self::Dates(v) => Values::Dates(v),
            Self::Text(text) => Values::Text(text.finish()),
            Self::List { size, values } => {
                Values::Images(Images { height: 1, width: size, channels: 1, pixels: values })
            }
        };
        Column::new(name, values)
    }
}

fn push_numbers(numbers: &mut Numbers, array: &ArrayRef) -> Result<(), ArrowError> {
    let values = cast(array, &DataType::Float64)?;
    values.as_primitive::<Float64Type>().iter().for_each(|v| numbers.push(v.unwrap_or(f64::NAN)));
    Ok(())
}

pub(super) fn take(
    source: &ByteSource,
    reading: &Reading,
    schema: &SchemaRef,
    batches: impl Iterator<Item = Result<RecordBatch, ArrowError>>,
    format: Format,
    counts_rows: bool,
) -> Result<(Table, Detected), DataError> {
    if schema.fields().len() > COLUMN_LIMIT {
        let name = source.name().to_owned();
        return Err(DataError::TooWide { name, columns: schema.fields().len(), limit: COLUMN_LIMIT });
    }
    let mut detected = Detected::of(format);
    let mut growing: Vec<Option<Growing>> = schema.fields().iter().map(|f| Growing::of(f)).collect();
    for (field, _) in schema.fields().iter().zip(&growing).filter(|(_, g)| g.is_none()) {
        detected.notes.push(format!(
            "Column \"{}\" was left out: values of type {} are neither numbers nor text.",
            field.name(),
            field.data_type()
        ));
    }
    let mut rows = 0;
    for batch in batches {
        let batch = batch.map_err(|e| broken(source, &e))?;
        for (array, column) in batch.columns().iter().zip(&mut growing) {
            if let Some(column) = column {
                column.push(array).map_err(|e| broken(source, &e))?;
            }
        }
        rows += batch.num_rows();
        reading.advance(if counts_rows { batch.num_rows() as u64 } else { 0 })?;
        reading.allow(source.name(), growing.iter().flatten().map(Growing::bytes).sum())?;
        if reading.is_enough(rows) {
            break;
        }
    }
    let names = unique_names(schema.fields().iter().map(|f| f.name().as_str()));
    let columns = names.into_iter().zip(growing).filter_map(|(name, column)| Some(column?.finish(name))).collect();
    Ok((Table { name: source.name().to_owned(), columns }, detected))
}
