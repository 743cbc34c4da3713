//! Workbooks (.xlsx, .xlsm, .xlsb, .xls, .ods): one sheet, whose first row may name the columns.

use super::byte_source::ByteSource;
use super::options::{COLUMN_LIMIT, Detected, Format, ReadOptions, TextFormat};
use crate::cells::{CellColumn, unique_names};
use crate::dates;
use crate::error::DataError;
use crate::reading::Reading;
use crate::table::Table;
use calamine::{Data, DataType as _, Range, Reader as _, open_workbook_auto_from_rs};
use chainrule_common::format;
use std::io::{Cursor, Read as _};

/// Largest workbook in bytes; it is unpacked in memory.
const LIMIT: u64 = 512 << 20;

pub(super) fn read(
    source: &ByteSource,
    options: &ReadOptions,
    reading: &Reading,
) -> Result<(Table, Detected), DataError> {
    check_unpacked(source, reading)?;
    let mut bytes = Vec::new();
    source.open(reading)?.take(LIMIT + 1).read_to_end(&mut bytes).map_err(|e| source.cannot(&e))?;
    let broken = |e: &dyn std::fmt::Display| {
        source.malformed(&format!("the workbook cannot be read ({e}). Save it again, or save the sheet as CSV"))
    };
    let mut book = open_workbook_auto_from_rs(Cursor::new(bytes)).map_err(|e| broken(&e))?;
    let sheets = book.sheet_names();
    let chosen = match &options.sheet {
        Some(name) if !sheets.contains(name) => {
            return Err(source.malformed(&format!("there is no sheet \"{name}\". There are: {}", sheets.join(", "))));
        }
        Some(name) => name.clone(),
        None => {
            // The first sheet with cells.
            let full = sheets.iter().find(|s| book.worksheet_range(s).is_ok_and(|r| !r.is_empty()));
            full.or(sheets.first()).cloned().ok_or_else(|| DataError::Empty { name: source.name().to_owned() })?
        }
    };
    let range = book.worksheet_range(&chosen).map_err(|e| broken(&e))?;
    let (table, header) = table_of(source, &range, options, reading)?;
    let text = TextFormat { header, skip: options.skip.unwrap_or(0), ..TextFormat::default() };
    let detected = Detected { text: Some(text), choices: sheets, chosen: vec![chosen], ..Detected::of(Format::Excel) };
    Ok((table, detected))
}

/// Refuses a zipped workbook that would need too much memory, and one in the old format whose parts claim to be longer than
/// the file: the library would allocate what they claim.
fn check_unpacked(source: &ByteSource, reading: &Reading) -> Result<(), DataError> {
    if source.size() > LIMIT {
        let limit = format::bytes(LIMIT);
        return Err(DataError::TooLarge { name: source.name().to_owned(), limit });
    }
    let Ok(mut archive) = zip::ZipArchive::new(source.seekable()?) else { return check_compound(source) };
    let mut whole = 0_u64;
    for k in 0..archive.len() {
        whole = whole.saturating_add(archive.by_index_raw(k).map_or(0, |file| file.size()));
    }
    // Cells in memory take a few times the bytes of their text.
    reading.allow(source.name(), usize::try_from(whole.saturating_mul(3)).unwrap_or(usize::MAX))
}

/// The old format is a compound file: a small file system whose tables must be consistent.
fn check_compound(source: &ByteSource) -> Result<(), DataError> {
    let broken = |e: &dyn std::fmt::Display| {
        source.malformed(&format!("the workbook cannot be read ({e}). Save it again as .xlsx"))
    };
    let compound = cfb::CompoundFile::open_strict(source.seekable()?).map_err(|e| broken(&e))?;
    match compound.walk().find(|entry| entry.len() > source.size()) {
        Some(entry) => Err(broken(&format!("its part {} is longer than the file", entry.name()))),
        None => Ok(()),
    }
}

fn table_of(
    source: &ByteSource,
    range: &Range<Data>,
    options: &ReadOptions,
    reading: &Reading,
) -> Result<(Table, bool), DataError> {
    let width = range.width();
    if width > COLUMN_LIMIT {
        return Err(DataError::TooWide { name: source.name().to_owned(), columns: width, limit: COLUMN_LIMIT });
    }
    let mut rows = range.rows().skip(options.skip.unwrap_or(0)).skip_while(|row| row.iter().all(Data::is_empty));
    let Some(first) = rows.next() else { return Err(DataError::Empty { name: source.name().to_owned() }) };
    let named = first.iter().all(|c| matches!(c, Data::String(_) | Data::Empty));
    let header = options.header.unwrap_or(named);
    let titles: Vec<String> = first.iter().map(|c| if header { c.to_string() } else { String::new() }).collect();
    let mut columns: Vec<CellColumn> = (0..width).map(|_| CellColumn::default()).collect();
    let body = (!header).then_some(first).into_iter().chain(rows);
    for (count, row) in body.filter(|row| !row.iter().all(Data::is_empty)).enumerate() {
        for (cell, column) in row.iter().zip(&mut columns) {
            push(column, cell);
        }
        if count % 1024 == 0 {
            reading.advance(0)?;
            reading.allow(source.name(), columns.iter().map(CellColumn::bytes).sum())?;
            if reading.is_enough(count) {
                break;
            }
        }
    }
    if columns.first().is_none_or(|c| c.len() == 0) {
        return Err(DataError::HeaderOnly { name: source.name().to_owned() });
    }
    let names = unique_names(titles.iter().map(String::as_str));
    let columns = names.into_iter().zip(columns).map(|(name, column)| column.finish(name)).collect();
    Ok((Table { name: source.name().to_owned(), columns }, header))
}

fn push(column: &mut CellColumn, cell: &Data) {
    match cell {
        Data::Int(v) => column.number(*v as f64),
        Data::Float(v) => column.number(*v),
        Data::String(text) | Data::DurationIso(text) => column.text(text),
        Data::Bool(v) => column.text(if *v { "true" } else { "false" }),
        Data::DateTime(time) if time.is_datetime() => match time.as_datetime() {
            Some(moment) => column.date(moment.and_utc().timestamp_millis() as f64 / 1000.0),
            None => column.number(time.as_f64()),
        },
        // A duration, in days.
        Data::DateTime(time) => column.number(time.as_f64()),
        Data::DateTimeIso(text) => match dates::parse(text) {
            Some(seconds) => column.date(seconds),
            None => column.text(text),
        },
        Data::Error(_) | Data::Empty => column.missing(),
    }
}
