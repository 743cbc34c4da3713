//! Workbooks (.xlsx, .xlsm, .xlsb, .xls, .ods): a table of one sheet, whose first row may name the columns.

use super::around;
use super::byte_source::ByteSource;
use super::dialect::Row;
use super::layout::{joined_rows, tell_names};
use super::merged;
use super::old_workbook;
use super::options::{COLUMN_LIMIT, Chooser, Detected, Format, Note, ReadOptions, TextFormat};
use super::sheet::{Book, Sheet, broken, formulas, is_full, sheet};
use super::sheet_areas::{Area, Layout, layout};
use super::summary_rows;
use crate::cells::{CellColumn, unique_names};
use crate::dates;
use crate::error::DataError;
use crate::reading::Reading;
use crate::table::Table;
use crate::typing::dates as typing_dates;
use calamine::{Data, DataType as _, Range, Reader as _, SheetType, SheetVisible, open_workbook_auto_from_rs};
use chainrule_common::format;
use std::collections::BTreeSet;
use std::io::{Cursor, Read as _};

/// Largest workbook in bytes; it is unpacked in memory.
const LIMIT: u64 = 512 << 20;
/// How the old format begins.
const COMPOUND: [u8; 4] = [0xd0, 0xcf, 0x11, 0xe0];
/// Other tables that a note offers.
const OFFERED: usize = 5;
/// Rows from which the names of the columns are told.
const SAMPLE: usize = 400;

pub(super) fn read(
    source: &ByteSource,
    options: &ReadOptions,
    reading: &Reading,
) -> Result<(Table, Detected), DataError> {
    let is_old = check_unpacked(source, reading)?;
    let mut bytes = Vec::new();
    source.open(reading)?.take(LIMIT + 1).read_to_end(&mut bytes).map_err(|e| source.cannot(&e))?;
    if is_old {
        check_old(source, &mut bytes, reading)?;
    }
    let mut book = open_workbook_auto_from_rs(Cursor::new(bytes)).map_err(|e| broken(source, &e))?;
    let mut detected = Detected { chooser: Chooser::Sheets, ..Detected::of(Format::Excel) };
    let chosen = choose_sheet(source, &mut book, options, &mut detected)?;
    let Sheet { mut range, merged } = sheet(source, &mut book, &chosen, reading)?;
    let filled = merged::fill(&mut range, &merged);
    let start = range.start().unwrap_or_default();
    let found = layout(&range, &filled.groups);
    let area = choose_area(source, &range, &found, options, &mut detected)?;
    let table = table_of(source, &range, area, &filled.groups, options, reading, &mut detected)?;
    for (column, (count, row, shown)) in &filled.down {
        let inside = column.wrapping_sub(area.first.1);
        let Some(name) = table.columns.get(inside).map(|c| &c.name) else { continue };
        let cells = format::counted(*count, "merged cell");
        let row = row + start.0 as usize + 1;
        detected.note(format!("Column \"{name}\": {cells} filled down, first in row {row} (\"{}\").", short(shown)));
    }
    uncalculated(&mut book, &chosen, &range, area, &table, &mut detected);
    // The first rows of the sheet that stand before the table are told, and can be taken back.
    let before: Vec<&(usize, String)> = found.around.iter().filter(|(row, _)| *row < area.first.0).collect();
    if let (Some((row, text)), true) = (before.first(), options.area.is_none() && options.skip.is_none()) {
        let rows = format::counted(area.first.0, "row");
        let note = format!(
            "{rows} above the table: titles, left out (row {}: \"{}\"); the header is row {}.",
            row + start.0 as usize + 1,
            short(text),
            area.first.0 + start.0 as usize + 1
        );
        let whole = Area { first: (0, 0), last: (range.height().saturating_sub(1), range.width().saturating_sub(1)) };
        let note = Note::from(note).offering("Take them as rows", options, |o| o.area = Some(whole.written(start)));
        detected.notes.push(note);
    }
    let after: Vec<&(usize, String)> = found.around.iter().filter(|(row, _)| *row > area.last.0).collect();
    if let (Some((row, text)), None) = (after.first(), &options.area) {
        let count = format::counted(after.len(), "line");
        let place = row + start.0 as usize + 1;
        detected.note(format!("{count} of text below the table left out (row {place}: \"{}\").", short(text)));
    }
    detected.chosen = vec![chosen];
    Ok((table, detected))
}

fn short(text: &str) -> String {
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// The chosen sheet, or the first with cells that is not hidden.
fn choose_sheet(
    source: &ByteSource,
    book: &mut Book,
    options: &ReadOptions,
    detected: &mut Detected,
) -> Result<String, DataError> {
    let sheets: Vec<calamine::Sheet> =
        book.sheets_metadata().iter().filter(|s| s.typ == SheetType::WorkSheet).cloned().collect();
    let names: Vec<String> =
        if sheets.is_empty() { book.sheet_names() } else { sheets.iter().map(|s| s.name.clone()).collect() };
    let is_hidden = |name: &String| sheets.iter().any(|s| s.name == *name && s.visible != SheetVisible::Visible);
    let mut is_full = |name: &String| is_full(book, name);
    detected.choices.clone_from(&names);
    let visible: Vec<&String> = names.iter().filter(|n| !is_hidden(n)).collect();
    if let Some(name) = &options.sheet {
        if names.contains(name) {
            return Ok(name.clone());
        }
        // Another workbook, in which there is no choice.
        if let [only] = visible[..] {
            detected.note(format!("There is no sheet \"{name}\", so \"{only}\" was read."));
            return Ok(only.clone());
        }
        return Err(source.malformed(&format!("there is no sheet \"{name}\". There are: {}", names.join(", "))));
    }
    let chosen = visible.iter().copied().find(|n| is_full(n));
    let chosen = match chosen {
        Some(name) => name,
        None => names
            .iter()
            .find(|n| is_full(n))
            .or(names.first())
            .ok_or_else(|| DataError::Empty { name: source.name().to_owned() })?,
    };
    let others: Vec<&String> = visible.iter().copied().filter(|n| *n != chosen && is_full(n)).collect();
    if !others.is_empty() {
        let list = others.iter().take(OFFERED).map(|n| format!("\"{n}\"")).collect::<Vec<_>>().join(", ");
        let more = if others.len() > OFFERED { format!(" and {} more", others.len() - OFFERED) } else { String::new() };
        let text = format!("The sheet \"{chosen}\" was read, not {list}{more}.");
        let note = others.iter().take(OFFERED).fold(Note::from(text), |note, other| {
            note.offering(&format!("Read {other}"), options, |o| o.sheet = Some((*other).clone()))
        });
        detected.notes.push(note);
    }
    let hidden: Vec<&String> = names.iter().filter(|n| is_hidden(n) && *n != chosen).collect();
    if let Some(first) = hidden.first() {
        let list = hidden.iter().map(|n| format!("\"{n}\"")).collect::<Vec<_>>().join(", ");
        let text = format!("Hidden, so not taken: {list}. The sheet \"{chosen}\" was read.");
        let name = (*first).clone();
        detected.notes.push(Note::from(text).offering(&format!("Read {first}"), options, |o| o.sheet = Some(name)));
    }
    Ok(chosen.clone())
}

/// The cells that are the table: those that were chosen, or the largest of the tables on the sheet.
fn choose_area(
    source: &ByteSource,
    range: &Range<Data>,
    found: &Layout,
    options: &ReadOptions,
    detected: &mut Detected,
) -> Result<Area, DataError> {
    let start = range.start().unwrap_or_default();
    if range.is_empty() {
        return Err(DataError::Empty { name: source.name().to_owned() });
    }
    if range.width() > COLUMN_LIMIT {
        return Err(DataError::TooWide { name: source.name().to_owned(), columns: range.width(), limit: COLUMN_LIMIT });
    }
    let whole = Area { first: (0, 0), last: (range.height() - 1, range.width() - 1) };
    detected.areas = found.tables.iter().map(|t| t.written(start)).collect();
    let most = |a: &Area| (a.last.0 - a.first.0 + 1) * a.width();
    let largest = found.tables.iter().rev().max_by_key(|a| most(a)).copied().unwrap_or(whole);
    let area = match &options.area {
        Some(text) => {
            let area = Area::parse(text, start).ok_or_else(|| {
                source.malformed(&format!(
                    "\"{text}\" is no area of a sheet. Write its first and last cell, such as A3:D20"
                ))
            })?;
            let (rows, columns) = (range.height() - 1, range.width() - 1);
            if area.first.0 > rows || area.first.1 > columns {
                return Err(
                    source.malformed(&format!("there are no cells in {text} of this sheet. Choose another area"))
                );
            }
            // The same table in another workbook may have more rows or fewer.
            let same = found.tables.iter().find(|t| t.first == area.first && t.last.1 == area.last.1);
            let fits = found.tables.contains(&area) || area == whole;
            let area = if fits { area } else { same.copied().unwrap_or(area) };
            Area { first: area.first, last: (area.last.0.min(rows), area.last.1.min(columns)) }
        }
        None if options.skip.is_some() => whole,
        None => largest,
    };
    if found.tables.len() > 1 && options.area.is_none() && options.skip.is_none() {
        let text = format!("The sheet has {} tables; the one in {} was read.", found.tables.len(), area.written(start));
        let others = detected.areas.iter().filter(|a| **a != area.written(start)).take(OFFERED);
        let note = others.fold(Note::from(text), |note, other| {
            note.offering(&format!("Read {other}"), options, |o| o.area = Some(other.clone()))
        });
        detected.notes.push(note);
    }
    if found.tables.len() > 1 || options.area.is_some() {
        detected.options.area = Some(options.area.clone().unwrap_or_else(|| area.written(start)));
    }
    Ok(area)
}

/// Says where formulas have no stored results: who made the workbook did not compute them.
fn uncalculated(book: &mut Book, sheet: &str, range: &Range<Data>, area: Area, table: &Table, detected: &mut Detected) {
    let Some(start) = range.start() else {
        // A sheet of nothing but such formulas.
        return;
    };
    let mut by_column: std::collections::BTreeMap<usize, (usize, usize)> = std::collections::BTreeMap::new();
    for place in formulas(book, sheet) {
        let empty = range.get_value(place).is_none_or(|cell| match cell {
            Data::Empty => true,
            Data::String(text) => text.is_empty(),
            _ => false,
        });
        let inside = (place.0.wrapping_sub(start.0)) as usize;
        if empty && inside >= area.first.0 && inside <= area.last.0 {
            by_column.entry(place.1 as usize).or_insert((0, place.0 as usize)).0 += 1;
        }
    }
    for (column, (count, row)) in by_column {
        let inside = column.wrapping_sub(start.1 as usize + area.first.1);
        let Some(name) = table.columns.get(inside).map(|c| &c.name) else { continue };
        let place = Area { first: (row, column), last: (row, column) }.written((0, 0));
        let place = place.split(':').next().unwrap_or_default();
        let formulas = format::counted(count, "formula");
        detected.note(format!(
            "Column \"{name}\": {formulas} without a stored result, first in {place}: gaps. Open the workbook in a spreadsheet program and save it, so that they are computed."
        ));
    }
}

/// Refuses a zipped workbook that would need too much memory. Returns whether it is one in the old format.
fn check_unpacked(source: &ByteSource, reading: &Reading) -> Result<bool, DataError> {
    if source.size() > LIMIT {
        let limit = format::bytes(LIMIT);
        return Err(DataError::TooLarge { name: source.name().to_owned(), limit });
    }
    let mut magic = [0; 4];
    let is_compound = source.seekable()?.read_exact(&mut magic).is_ok() && magic == COMPOUND;
    let archive = if is_compound { None } else { zip::ZipArchive::new(source.seekable()?).ok() };
    let Some(mut archive) = archive else {
        check_compound(source)?;
        return Ok(true);
    };
    let mut whole = 0_u64;
    for k in 0..archive.len() {
        whole = whole.saturating_add(archive.by_index_raw(k).map_or(0, |file| file.size()));
    }
    // Cells in memory take a few times the bytes of their text.
    reading.allow(source.name(), usize::try_from(whole.saturating_mul(3)).unwrap_or(usize::MAX))?;
    Ok(false)
}

/// Refuses a workbook in the old format that is damaged in a way that would cost its reader all memory.
fn check_old(source: &ByteSource, bytes: &mut [u8], reading: &Reading) -> Result<(), DataError> {
    let again = "Fetch it again, or save it again as .xlsx";
    let needed = old_workbook::check(bytes)
        .map_err(|e| source.malformed(&format!("the workbook cannot be read ({e}). {again}")))?;
    if needed > reading.limit {
        let needed = format::bytes(needed as u64);
        return Err(source.malformed(&format!(
            "its cells lie so far apart that they would take {needed} of memory, more than is free. It may be damaged: {again}"
        )));
    }
    Ok(())
}

/// The old format is a compound file: a small file system. The colours of its tree do not matter to a reader; Excel and others
/// write them as they like.
fn check_compound(source: &ByteSource) -> Result<(), DataError> {
    let broken = |e: &dyn std::fmt::Display| {
        source.malformed(&format!("the workbook cannot be read ({e}). Save it again as .xlsx"))
    };
    let compound = cfb::CompoundFile::open(source.seekable()?).map_err(|e| broken(&e))?;
    let has = |name: &str| compound.is_stream(format!("/{name}"));
    if has("EncryptedPackage") {
        return Err(source.malformed("the workbook is encrypted with a password. Open it with the password and save it without one, or save the sheet as CSV"));
    }
    if has("WordDocument") {
        return Err(source
            .malformed("this is a Word document. Copy its table into a spreadsheet and save that as .xlsx or CSV"));
    }
    if !has("Workbook") && !has("Book") {
        return Err(source.malformed("this is a compound file (such as a message, a presentation or an installer), but no workbook. Choose the data file"));
    }
    Ok(())
}

/// The table of an area.
fn table_of(
    source: &ByteSource,
    range: &Range<Data>,
    area: Area,
    groups: &BTreeSet<usize>,
    options: &ReadOptions,
    reading: &Reading,
    detected: &mut Detected,
) -> Result<Table, DataError> {
    let columns = area.first.1..area.last.1 + 1;
    let skip = options.skip.unwrap_or(0);
    let start = range.start().unwrap_or_default().0 as usize;
    let numbered: Vec<(usize, &[Data])> = range
        .rows()
        .enumerate()
        .filter(|(k, _)| (area.first.0 + skip..=area.last.0).contains(k))
        .map(|(k, row)| (k + start + 1, &row[columns.clone()]))
        .filter(|(_, row)| !row.iter().all(Data::is_empty))
        .collect();
    if numbered.is_empty() {
        return Err(DataError::Empty { name: source.name().to_owned() });
    }
    let as_text = |&(line, row): &(usize, &[Data])| Row { line, cells: row.iter().map(written).collect() };
    let sample: Vec<Row> = numbered.iter().take(SAMPLE).map(as_text).collect();
    // Where the table begins is known.
    let mut at_first = ReadOptions { skip: Some(0), ..options.clone() };
    let grouped = numbered.iter().take_while(|(line, _)| groups.contains(&(line - start - 1))).count();
    if grouped > 0 && options.header.is_none() && options.header_rows.is_none() {
        (at_first.header, at_first.header_rows) = (Some(true), Some(grouped + 1));
    }
    let mut place = around::find(&sample, columns.len(), &at_first, false);
    if grouped > 0 && place.header_rows > grouped {
        // Each column has its own name in every row: no name stands for its neighbours.
        for (c, name) in place.names.iter_mut().enumerate() {
            let parts = sample.iter().take(grouped + 1).filter_map(|row| row.cells.get(c)).map(|c| c.trim());
            *name = parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
        }
    }
    let header = place.header_rows > 0;
    tell_names(&mut detected.notes, &sample, &place, sample.first().filter(|_| header), "row", options);
    let header_rows = joined_rows(&place, false, options);
    detected.text = Some(TextFormat { header, header_rows, skip, ..TextFormat::default() });
    let mut own: Vec<CellColumn> = columns.clone().map(|_| CellColumn::default()).collect();
    let mut told: Vec<Told> = columns.map(|_| Told::default()).collect();
    let body = &numbered[place.body().min(numbered.len())..];
    let (below, in_doubt) = summary_rows::below(body, options, &mut detected.notes);
    detected.last_in_doubt = in_doubt;
    for (count, (line, row)) in body[..body.len() - below].iter().enumerate() {
        for ((cell, column), told) in row.iter().zip(&mut own).zip(&mut told) {
            push(column, cell, *line, told);
        }
        if count % 1024 == 0 {
            reading.advance(0)?;
            reading.allow(source.name(), own.iter().map(CellColumn::bytes).sum())?;
            if reading.is_enough(count) {
                break;
            }
        }
    }
    if own.first().is_none_or(|c| c.len() == 0) {
        return Err(DataError::HeaderOnly { name: source.name().to_owned() });
    }
    let names = unique_names(place.names.iter().map(String::as_str));
    for (name, told) in names.iter().zip(&told) {
        if told.errors > 0 {
            let cells = format::counted(told.errors, "cell");
            let (row, text) = &told.error;
            detected.note(format!(
                "Column \"{name}\": {cells} with an error in place of a value, first in row {row} ({text}): gaps."
            ));
        }
        if told.cut > 0 {
            let cells = format::counted(told.cut, "cell");
            let verb = if told.cut == 1 { "has" } else { "have" };
            let (row, number) = told.first_cut;
            detected.note(format!(
                "Column \"{name}\": {cells} {verb} more than 15 digits, first in row {row} ({number}). A workbook keeps 15 of them, so that the others may have been lost before: enter such numbers as text."
            ));
        }
        if told.times > 0 {
            detected.note(format!("Column \"{name}\": times of day were read as hours since midnight."));
        }
    }
    let columns = names.into_iter().zip(own).map(|(name, column)| column.finish(name)).collect();
    Ok(Table { name: source.name().to_owned(), columns })
}

/// A cell as text would have it.
fn written(cell: &Data) -> String {
    match cell {
        Data::Empty | Data::Error(_) => String::new(),
        Data::DateTime(time) => match time.as_datetime() {
            Some(moment) if (0.0..1.0).contains(&time.as_f64()) => moment.format("%H:%M:%S").to_string(),
            Some(moment) => dates::written(moment.and_utc().timestamp_millis() as f64 / 1000.0),
            None => cell.to_string(),
        },
        _ => cell.to_string(),
    }
}

/// Whether a number has as many digits as a workbook keeps, and is larger than them.
fn is_cut(value: f64) -> bool {
    const KEPT: usize = 15;
    value.abs() >= 1e15
        && format!("{value:e}").bytes().take_while(|&b| b != b'e').filter(u8::is_ascii_digit).count() >= KEPT
}

/// What is said of a column.
#[derive(Default)]
struct Told {
    errors: usize,
    /// The row of the first, and what it says.
    error: (usize, String),
    times: usize,
    /// Numbers with more digits than a workbook keeps, and the row of the first.
    cut: usize,
    first_cut: (usize, f64),
}

impl Told {
    fn number(&mut self, value: f64, row: usize) {
        if is_cut(value) {
            self.cut += 1;
            if self.cut == 1 {
                self.first_cut = (row, value);
            }
        }
    }
}

fn push(column: &mut CellColumn, cell: &Data, row: usize, told: &mut Told) {
    match cell {
        Data::Int(v) => {
            told.number(*v as f64, row);
            column.number(*v as f64);
        }
        Data::Float(v) => {
            told.number(*v, row);
            column.number(*v);
        }
        Data::String(text) => column.text(text),
        Data::DurationIso(text) => match iso_hours(text) {
            Some(hours) => {
                told.times += 1;
                column.number(hours);
            }
            None => column.text(text),
        },
        Data::Bool(v) => column.text(if *v { "true" } else { "false" }),
        // A time without a day.
        Data::DateTime(time) if time.is_datetime() && (0.0..1.0).contains(&time.as_f64()) => {
            told.times += 1;
            column.number(rounded_hours(time.as_f64()));
        }
        Data::DateTime(time) if time.is_datetime() => match time.as_datetime() {
            Some(moment) => column.date(moment.and_utc().timestamp_millis() as f64 / 1000.0),
            None => column.number(time.as_f64()),
        },
        // A duration, in days.
        Data::DateTime(time) => column.number(time.as_f64()),
        Data::DateTimeIso(text) => match typing_dates::any(text) {
            Some(seconds) => column.date(seconds),
            None => column.text(text),
        },
        Data::Error(e) => {
            told.errors += 1;
            if told.errors == 1 {
                told.error = (row, e.to_string());
            }
            column.missing();
        }
        Data::Empty => column.missing(),
    }
}

/// Hours of a share of a day, to the millisecond that Excel keeps.
fn rounded_hours(day: f64) -> f64 {
    (day * 86_400_000.0).round() / 3_600_000.0
}

/// Hours of OpenDocument's PT09H30M00S.
fn iso_hours(text: &str) -> Option<f64> {
    let mut rest = text.strip_prefix("PT")?;
    let mut hours = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let unit = match rest.as_bytes()[end] {
            b'H' => 1.0,
            b'M' => 60.0,
            b'S' => 3600.0,
            _ => return None,
        };
        hours += rest[..end].parse::<f64>().ok()? / unit;
        rest = &rest[end + 1..];
    }
    Some(hours)
}
