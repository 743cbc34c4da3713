//! Parquet, column by column.

use super::archive::unreadable;
use super::arrow::{broken, path_of};
use super::arrow_schema::{Field, Kind, Number, fields_of_message};
use super::byte_source::ByteSource;
use super::columnar::{
    Growing, SECONDS_PER_DAY, Target, check_width, decimal, digits, note_hours, note_left_out, seconds, table,
};
use super::options::{Detected, Format, Note, ReadOptions};
use super::pages::Pages;
use crate::cells::unique_names;
use crate::error::DataError;
use crate::reading::Reading;
use crate::table::Table;
use base64::Engine as _;
use half::f16;
use parquet::basic::{ConvertedType, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::{ByteArray, DataType, DoubleType, FixedLenByteArray, Int96};
use parquet::file::metadata::{FileMetaData, ParquetMetaDataReader};
use parquet::schema::types::{ColumnDescPtr, Type};
use rayon::prelude::{IntoParallelIterator as _, IntoParallelRefMutIterator as _, ParallelIterator as _};
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Rows that are decoded together.
const BATCH: usize = 8192;

pub(super) fn read(
    source: &ByteSource,
    options: &ReadOptions,
    reading: &Reading,
) -> Result<(Table, Detected), DataError> {
    let path = path_of(source)?;
    let file = File::open(path).map_err(|e| unreadable(path, &e))?;
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&file).map_err(|e| broken(source, &e))?;
    let roots = metadata.file_metadata().schema_descr().root_schema().get_fields();
    check_width(source, roots.len())?;
    let rows = metadata.file_metadata().num_rows().max(0) as u64;
    // A byte a value is the least that a column takes.
    let cells = rows.saturating_mul(roots.len() as u64);
    reading.allow(source.name(), usize::try_from(cells).unwrap_or(usize::MAX))?;
    let mut detected = Detected::of(Format::Parquet);
    let mut columns = columns(metadata.file_metadata(), &mut detected);
    leave_index_out(metadata.file_metadata(), &mut columns, options, &mut detected);
    let names = unique_names(columns.iter().map(|c| c.name.as_str()));
    for (name, column) in names.iter().zip(&mut columns) {
        column.growing = Growing::read_as(column.target, options.columns.get(name).and_then(|c| c.kind));
    }
    reading.expect(rows.saturating_mul(columns.len() as u64));
    let held = AtomicUsize::new(0);
    let spare = Arc::default();
    let mut done = 0;
    for group in metadata.row_groups() {
        let rows = usize::try_from(group.num_rows()).map_err(|e| broken(source, &e))?;
        let rows = reading.rows.map_or(rows, |enough| rows.min(enough.saturating_sub(done).next_multiple_of(BATCH)));
        // The largest pages of all columns may be in memory together.
        let opened: Vec<_> =
            columns.par_iter_mut().map(|c| Pages::open(source, group.column(c.leaf), &spare)).collect();
        let opened = opened.into_iter().collect::<Result<Vec<_>, _>>().map_err(|e| broken(source, &e))?;
        let largest = opened.iter().map(|pages| pages.largest).fold(0, u64::saturating_add);
        reading.allow(source.name(), usize::try_from(largest).unwrap_or(usize::MAX))?;
        let work: Vec<_> = columns.iter_mut().zip(opened).collect();
        let outcomes: Vec<_> =
            work.into_par_iter().map(|(column, pages)| column.read(source, reading, pages, rows, &held)).collect();
        outcomes.into_iter().collect::<Result<(), _>>()?;
        done += rows;
        if reading.is_enough(done) {
            break;
        }
    }
    let times = columns.iter().zip(&names).filter(|(c, _)| matches!(c.value, Value::Hours(_)));
    note_hours(&mut detected, times.map(|(_, name)| name));
    let columns = columns.into_iter().map(|c| Some(c.growing));
    Ok((table(source, names, columns, &mut detected), detected))
}

/// Leaves columns out that pandas had as its index, unless they are asked for or nothing else is there. Those without a name of
/// their own stay, and are known by their names.
fn leave_index_out(file: &FileMetaData, columns: &mut Vec<Column>, options: &ReadOptions, detected: &mut Detected) {
    let entry = file.key_value_metadata().and_then(|all| all.iter().find(|entry| entry.key == "pandas"));
    let Some(text) = entry.and_then(|entry| entry.value.as_ref()) else { return };
    let Ok(about) = serde_json::from_str::<serde_json::Value>(text) else { return };
    let index = about.get("index_columns").and_then(serde_json::Value::as_array);
    let names: Vec<&str> = index.into_iter().flatten().filter_map(serde_json::Value::as_str).collect();
    let is_index = |name: &str| names.contains(&name) && !name.starts_with("__index_level_");
    if options.index == Some(true) || columns.iter().all(|c| is_index(&c.name)) {
        return;
    }
    for column in columns.iter().filter(|c| is_index(&c.name)) {
        let text = format!("Column \"{}\" is the index of pandas, which names the rows: left out.", column.name);
        detected.notes.push(Note::from(text).offering("Take it as a column", options, |o| o.index = Some(true)));
    }
    columns.retain(|c| !is_index(&c.name));
}

/// What the values of a column are.
#[derive(Clone, Copy, Debug)]
enum Value {
    Number,
    Unsigned,
    Decimal(i32),
    Half,
    Days,
    /// A count since 1970, so many of which are a second.
    Since(i64),
    /// A count, so many of which are a second, to hours.
    Hours(i64),
    Text,
    Missing,
}

struct Column {
    name: String,
    leaf: usize,
    descriptor: ColumnDescPtr,
    value: Value,
    target: Target,
    growing: Growing,
}

/// The columns that a table can hold; the notes name the others.
fn columns(file: &FileMetaData, detected: &mut Detected) -> Vec<Column> {
    let schema = file.schema_descr();
    let roots = schema.root_schema().get_fields();
    // Programs of the Arrow family say more of their types in a schema of their own.
    let hints = arrow_fields(file).filter(|fields| fields.len() == roots.len());
    let mut leaves = vec![Vec::new(); roots.len()];
    for leaf in 0..schema.num_columns() {
        leaves[schema.get_column_root_idx(leaf)].push(leaf);
    }
    let mut columns = Vec::new();
    for (k, (root, leaves)) in roots.iter().zip(leaves).enumerate() {
        let hint = hints.as_ref().map(|fields| &fields[k]);
        let found = match (hint.map(|f| f.kind), &leaves[..]) {
            (Some(Kind::Lists { size, .. }), &[leaf]) if schema.column(leaf).max_rep_level() == 1 => {
                let value = value(schema.column(leaf).self_type(), None);
                value.filter(|(_, target)| *target == Target::Numbers).map(|(v, _)| (leaf, v, Target::Lists(size)))
            }
            (_, &[leaf]) if root.is_primitive() && root.get_basic_info().repetition() != Repetition::REPEATED => {
                value(root, hint).map(|(value, target)| (leaf, value, target))
            }
            _ => None,
        };
        match found {
            Some((leaf, value, target)) => columns.push(Column {
                name: root.name().to_owned(),
                leaf,
                descriptor: schema.column(leaf),
                value,
                target,
                growing: Growing::new(target),
            }),
            None => note_left_out(detected, root.name(), kind(root)),
        }
    }
    columns
}

/// The columns as the program that wrote the file knew them.
fn arrow_fields(file: &FileMetaData) -> Option<Vec<Field>> {
    let entry = file.key_value_metadata()?.iter().find(|entry| entry.key == "ARROW:schema")?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(entry.value.as_ref()?).ok()?;
    // The mark and the length of a message, or the length alone.
    let message = bytes.strip_prefix(&[0xff; 4]).unwrap_or(&bytes).get(4..)?;
    fields_of_message(message)
}

/// What a plain column holds, and what it becomes; none where there is no way.
fn value(of: &Type, hint: Option<&Field>) -> Option<(Value, Target)> {
    let (info, scale) = match of {
        Type::PrimitiveType { basic_info, scale, .. } => (basic_info, *scale),
        Type::GroupType { .. } => return None,
    };
    let number = |value| Some((value, Target::Numbers));
    let date = |value| Some((value, Target::Dates));
    let per_second = |unit: &TimeUnit| match unit {
        TimeUnit::MILLIS => 1_000,
        TimeUnit::MICROS => 1_000_000,
        TimeUnit::NANOS => 1_000_000_000,
    };
    let hours = |per_second| number(Value::Hours(per_second));
    let logical = info.logical_type_ref();
    if matches!(logical, Some(LogicalType::Unknown)) {
        return number(Value::Missing);
    }
    let converted = info.converted_type();
    match of.get_physical_type() {
        Physical::BOOLEAN => Some((Value::Text, Target::Text)),
        Physical::FLOAT | Physical::DOUBLE => number(Value::Number),
        Physical::INT96 => date(Value::Since(1)),
        Physical::INT32 | Physical::INT64 => match (logical, converted) {
            (Some(LogicalType::Timestamp(stamp)), _) => date(Value::Since(per_second(&stamp.unit))),
            (_, ConvertedType::TIMESTAMP_MILLIS) => date(Value::Since(1_000)),
            (_, ConvertedType::TIMESTAMP_MICROS) => date(Value::Since(1_000_000)),
            (Some(LogicalType::Date), _) | (_, ConvertedType::DATE) => date(Value::Days),
            (Some(LogicalType::Time(time)), _) => hours(per_second(&time.unit)),
            (_, ConvertedType::TIME_MILLIS) => hours(1_000),
            (_, ConvertedType::TIME_MICROS) => hours(1_000_000),
            (Some(LogicalType::Decimal(_)), _) | (_, ConvertedType::DECIMAL) => number(Value::Decimal(scale)),
            (Some(LogicalType::Integer(integer)), _) if !integer.is_signed => number(Value::Unsigned),
            (_, ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64) => {
                number(Value::Unsigned)
            }
            (None, ConvertedType::NONE) => match hint.map(|f| f.kind) {
                Some(Kind::Number(Number::Dates { per_second, .. })) => date(Value::Since(per_second)),
                Some(Kind::Number(Number::Days)) => date(Value::Days),
                Some(Kind::Number(Number::Hours { per_second, .. })) => hours(per_second),
                _ => number(Value::Number),
            },
            _ => number(Value::Number),
        },
        Physical::BYTE_ARRAY => match (logical, converted) {
            (Some(LogicalType::String | LogicalType::Enum | LogicalType::Json), _)
            | (_, ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON) => Some((Value::Text, Target::Text)),
            (Some(LogicalType::Decimal(_)), _) | (_, ConvertedType::DECIMAL) => number(Value::Decimal(scale)),
            _ => None,
        },
        Physical::FIXED_LEN_BYTE_ARRAY => match (logical, converted) {
            (Some(LogicalType::Float16), _) => number(Value::Half),
            (Some(LogicalType::Decimal(_)), _) | (_, ConvertedType::DECIMAL) => number(Value::Decimal(scale)),
            _ => None,
        },
    }
}

/// A word for the type of a column that a table does not hold.
fn kind(root: &Type) -> &'static str {
    let info = root.get_basic_info();
    if info.has_repetition() && info.repetition() == Repetition::REPEATED {
        return "list";
    }
    match (info.logical_type_ref(), info.converted_type()) {
        (Some(LogicalType::List), _) | (_, ConvertedType::LIST) => "list",
        (Some(LogicalType::Map), _) | (_, ConvertedType::MAP | ConvertedType::MAP_KEY_VALUE) => "map",
        (_, ConvertedType::INTERVAL) => "interval",
        _ if root.is_group() => "struct",
        _ => "binary",
    }
}

impl Column {
    /// Appends the first `rows` of a row group.
    fn read(
        &mut self,
        source: &ByteSource,
        reading: &Reading,
        pages: Pages,
        rows: usize,
        held: &AtomicUsize,
    ) -> Result<(), DataError> {
        if let Growing::Lists { size, .. } = &self.growing {
            // The levels of one row are decoded together, however many it says there are.
            let most = (rows as u64).saturating_mul(*size as u64);
            if reading.rows.is_none() && pages.values > most {
                return Err(broken(source, &"its lists are longer than they say"));
            }
            reading.allow(source.name(), usize::try_from(pages.values.saturating_mul(12)).unwrap_or(usize::MAX))?;
        }
        let to = Sink { source, reading, held, rows, descriptor: &self.descriptor, growing: &mut self.growing };
        let value = self.value;
        match get_column_reader(self.descriptor.clone(), Box::new(pages)) {
            ColumnReader::BoolColumnReader(reader) => to.texts(reader, |&v| Ok(if v { "true" } else { "false" })),
            ColumnReader::ByteArrayColumnReader(reader) if matches!(value, Value::Text) => {
                to.texts(reader, ByteArray::as_utf8)
            }
            ColumnReader::Int32ColumnReader(reader) => to.numbers(
                reader,
                each(|to, &v| match value {
                    Value::Unsigned => to.number(f64::from(v as u32)),
                    _ => whole(value, i64::from(v), to),
                }),
            ),
            ColumnReader::Int64ColumnReader(reader) => to.numbers(
                reader,
                each(|to, &v| match value {
                    Value::Unsigned => to.whole(v as u64 as f64, || (v as u64).to_string()),
                    _ => whole(value, v, to),
                }),
            ),
            ColumnReader::Int96ColumnReader(reader) => to.numbers(reader, each(|to, v| to.number(int96(v)))),
            ColumnReader::FloatColumnReader(reader) => to.numbers(reader, Growing::singles),
            ColumnReader::DoubleColumnReader(reader) => to.doubles(reader),
            ColumnReader::ByteArrayColumnReader(reader) => {
                to.numbers(reader, each(|to, v: &ByteArray| bytes(value, v.data(), to)))
            }
            ColumnReader::FixedLenByteArrayColumnReader(reader) => {
                to.numbers(reader, each(|to, v: &FixedLenByteArray| bytes(value, v.data(), to)))
            }
        }
    }
}

/// Appends values where levels say that they are there, and gaps; takes what it appends from `values`.
fn append_by_levels<T>(
    growing: &mut Growing,
    values: &mut &[T],
    levels: &[i16],
    most: i16,
    append: &impl Fn(&mut Growing, &[T]),
) {
    for run in levels.chunk_by(|a, b| (*a == most) == (*b == most)) {
        let there = if run[0] == most { run.len().min(values.len()) } else { 0 };
        let (first, rest) = values.split_at(there);
        append(growing, first);
        (there..run.len()).for_each(|_| growing.number(f64::NAN));
        *values = rest;
    }
}

/// Moves the numbers from `start` on to where levels say that they are, with gaps between them.
fn spread(values: &mut Vec<f64>, start: usize, levels: &[i16], most: i16) {
    let mut left = values.len() - start;
    values.resize(start + levels.len(), f64::NAN);
    let values = &mut values[start..];
    for (k, &level) in levels.iter().enumerate().rev() {
        if level == most && left > 0 {
            left -= 1;
            values[k] = values[left];
        } else {
            values[k] = f64::NAN;
        }
    }
}

/// Appends values one by one.
fn each<T>(push: impl Fn(&mut Growing, &T)) -> impl Fn(&mut Growing, &[T]) {
    move |growing, values| values.iter().for_each(|v| push(growing, v))
}

fn whole(value: Value, v: i64, to: &mut Growing) {
    match value {
        Value::Decimal(scale) if scale != 0 => to.number(v as f64 / 10_f64.powi(scale)),
        Value::Days => to.number(v as f64 * SECONDS_PER_DAY as f64),
        Value::Since(per_second) => to.number(seconds(v, per_second)),
        Value::Hours(per_second) => to.number(seconds(v, per_second) / 3600.0),
        _ => to.whole(v as f64, || v.to_string()),
    }
}

/// Nanoseconds of a day, and the day since 4713 BC.
fn int96(v: &Int96) -> f64 {
    const DAY_OF_1970: i64 = 2_440_588;
    let &[low, high, day] = v.data() else { return f64::NAN };
    let nanoseconds = (i64::from(high) << 32) | i64::from(low);
    (i64::from(day as i32) - DAY_OF_1970) as f64 * SECONDS_PER_DAY as f64 + seconds(nanoseconds, 1_000_000_000)
}

fn bytes(value: Value, bytes: &[u8], to: &mut Growing) {
    match (value, bytes) {
        (Value::Half, &[low, high]) => to.number(f64::from(f16::from_le_bytes([low, high]))),
        (Value::Decimal(scale), _) => {
            let mut little = bytes.to_vec();
            little.reverse();
            let number = decimal(&little, scale);
            if scale == 0 { to.whole(number, || digits(&little)) } else { to.number(number) }
        }
        _ => to.number(f64::NAN),
    }
}

/// Where the rows of a column go.
struct Sink<'a> {
    source: &'a ByteSource<'a>,
    reading: &'a Reading,
    held: &'a AtomicUsize,
    rows: usize,
    descriptor: &'a ColumnDescPtr,
    growing: &'a mut Growing,
}

impl Sink<'_> {
    /// Reads the values, which `append` appends to the column.
    fn numbers<T: DataType>(
        self,
        reader: ColumnReaderImpl<T>,
        append: impl Fn(&mut Growing, &[T::T]),
    ) -> Result<(), DataError> {
        let most = self.descriptor.max_def_level();
        let by_levels = |growing: &mut Growing, values: &mut &[T::T], levels: &[i16]| {
            append_by_levels(growing, values, levels, most, &append);
        };
        if let Growing::Lists { size, .. } = *self.growing {
            // An item that is missing has one level less than one that is there; a list that is missing has less.
            let item = most - i16::from(self.descriptor.self_type().is_optional());
            return self.batches(reader, |growing, mut values, definitions, repetitions| {
                let mut starts = (0..repetitions.len()).filter(|&k| repetitions[k] == 0).peekable();
                while let Some(start) = starts.next() {
                    let row = &definitions[start..starts.peek().copied().unwrap_or(definitions.len())];
                    if row.len() == 1 && row[0] < item {
                        (0..size).for_each(|_| growing.number(f64::NAN));
                    } else if row.len() == size {
                        by_levels(growing, &mut values, row);
                    } else {
                        return Err(format!("a list of {} where {size} are said", row.len()));
                    }
                }
                Ok(())
            });
        }
        self.batches(reader, |growing, mut values, definitions, _| {
            if most == 0 || values.len() == definitions.len() {
                append(growing, values);
            } else {
                by_levels(growing, &mut values, definitions);
            }
            Ok(())
        })
    }

    /// Reads numbers in double precision, which are written where they stay once the column is as wide.
    fn doubles(self, mut reader: ColumnReaderImpl<DoubleType>) -> Result<(), DataError> {
        if matches!(self.growing, Growing::Lists { .. }) {
            return self.numbers(reader, Growing::doubles);
        }
        let most = self.descriptor.max_def_level();
        let Self { source, reading, held, mut rows, growing, .. } = self;
        let (mut few, mut levels) = (Vec::new(), Vec::new());
        while rows > 0 {
            levels.clear();
            few.clear();
            let before = growing.bytes();
            let place = growing.wide();
            let is_wide = place.is_some();
            let values = place.unwrap_or(&mut few);
            let start = values.len();
            let (read, ..) = reader
                .read_records(rows.min(BATCH), Some(&mut levels), None, values)
                .map_err(|e| broken(source, &e))?;
            if read == 0 {
                return Err(broken(source, &"a column ends before its last row"));
            }
            let has_gaps = most > 0 && values.len() - start < levels.len();
            match is_wide {
                true if has_gaps => spread(values, start, &levels, most),
                true => {}
                false if has_gaps => append_by_levels(growing, &mut few.as_slice(), &levels, most, &Growing::doubles),
                false => growing.doubles(&few),
            }
            let more = growing.bytes().saturating_sub(before);
            reading.allow(source.name(), held.fetch_add(more, Ordering::Relaxed).saturating_add(more))?;
            reading.advance(read as u64)?;
            rows -= read;
        }
        Ok(())
    }

    fn texts<T: DataType>(
        self,
        reader: ColumnReaderImpl<T>,
        text: impl Fn(&T::T) -> Result<&str, parquet::errors::ParquetError>,
    ) -> Result<(), DataError> {
        let most = self.descriptor.max_def_level();
        self.batches(reader, |growing, values, definitions, _| {
            let text = |v| text(v).map_err(|e| e.to_string());
            if most == 0 {
                for v in values {
                    growing.text(Some(text(v)?));
                }
                return Ok(());
            }
            let mut values = values.iter();
            for &level in definitions {
                let value = if level == most { values.next() } else { None };
                growing.text(value.map(text).transpose()?);
            }
            Ok(())
        })
    }

    /// Hands values, definition levels and repetition levels to `take`, batch by batch.
    fn batches<T: DataType>(
        self,
        mut reader: ColumnReaderImpl<T>,
        mut take: impl FnMut(&mut Growing, &[T::T], &[i16], &[i16]) -> Result<(), String>,
    ) -> Result<(), DataError> {
        let Self { source, reading, held, mut rows, growing, .. } = self;
        let (mut values, mut definitions, mut repetitions) = (Vec::new(), Vec::new(), Vec::new());
        while rows > 0 {
            values.clear();
            definitions.clear();
            repetitions.clear();
            let most = rows.min(BATCH);
            let (read, ..) = reader
                .read_records(most, Some(&mut definitions), Some(&mut repetitions), &mut values)
                .map_err(|e| broken(source, &e))?;
            if read == 0 {
                return Err(broken(source, &"a column ends before its last row"));
            }
            let before = growing.bytes();
            take(growing, &values, &definitions, &repetitions).map_err(|e| broken(source, &e))?;
            let more = growing.bytes().saturating_sub(before);
            reading.allow(source.name(), held.fetch_add(more, Ordering::Relaxed).saturating_add(more))?;
            reading.advance(read as u64)?;
            rows -= read;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Growing, Target, append_by_levels, spread};
    use crate::numbers::Numbers;
    use proptest::prelude::{Just, prop_assert_eq, prop_oneof, proptest};

    proptest! {
        #[test]
        fn gaps_stand_where_levels_say(
            cells in proptest::collection::vec(
                proptest::option::of(prop_oneof![Just(0.1), Just(7.0), -1e3..1e3]), 0..60),
            begins in proptest::bool::ANY,
        ) {
            let levels: Vec<i16> = cells.iter().map(|cell| i16::from(cell.is_some())).collect();
            let values: Vec<f64> = cells.iter().flatten().copied().collect();
            let first = if begins { vec![0.3, 0.7] } else { Vec::new() };
            let mut slowly = Growing::new(Target::Numbers);
            slowly.doubles(&first);
            append_by_levels(&mut slowly, &mut values.as_slice(), &levels, 1, &Growing::doubles);
            let mut wide = Growing::Dates(Numbers::Doubles(first.clone()));
            let place = wide.wide().expect("double precision");
            place.extend_from_slice(&values);
            spread(place, first.len(), &levels, 1);
            let wanted: Numbers =
                first.iter().copied().chain(cells.iter().map(|cell| cell.unwrap_or(f64::NAN))).collect();
            for growing in [slowly, wide] {
                let (Growing::Numbers { values, .. } | Growing::Dates(values)) = growing else { panic!("numbers") };
                prop_assert_eq!(&values, &wanted);
            }
        }
    }
}
