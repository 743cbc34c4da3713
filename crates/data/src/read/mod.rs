//! Files of all supported formats → table.

#[cfg(test)]
mod again;
mod archive;
mod arff;
mod around;
mod arrow;
mod arrow_schema;
mod blocks;
mod byte_source;
mod codecs;
mod columnar;
mod comments;
mod delimited;
mod detect;
mod dialect;
mod drawn;
mod excel;
mod findings;
mod footer;
mod header;
mod html;
mod idx;
mod images;
mod json;
mod json_lines;
mod json_structure;
mod json_text;
mod layout;
mod libsvm;
mod lines;
mod members;
mod merged;
mod numpy;
mod old_workbook;
mod options;
mod pages;
mod parquet;
mod parts;
mod picture_folders;
mod pixels;
mod quoting;
mod recognised;
mod records;
mod separator;
mod sheet;
mod sheet_areas;
mod sqlite;
mod stata;
mod summaries;
mod summary_rows;
mod text_encoding;

use super::cells::unique_names;
use super::error::DataError;
use super::reading::Reading;
use super::table::{Table, Values};
use super::typing::column::Source;
use super::typing::judge::judge;
use super::typing::kinds::ReadKind;
use super::typing::numbers;
use byte_source::ByteSource;
use chainrule_common::format;
use detect::Found;
use options::COLUMN_LIMIT;
use std::collections::BTreeSet;
use std::path::Path;

pub(super) use archive::hash_of;
pub use archive::special_file;
pub use options::{
    Chooser, Detected, ENDINGS, Fit, Format, Ground, ImageOptions, Note, Offer, ReadOptions, TextFormat,
};
pub(super) use picture_folders::part;
pub use pixels::PixelColumns;
pub use quoting::Quoting;
pub use separator::Separator;
pub use text_encoding::ENCODINGS;

/// Reads a file, or a folder of pictures.
///
/// # Errors
/// What is wrong with the file, where, and how to fix it.
pub fn read_file(path: &Path, options: &ReadOptions, reading: &Reading) -> Result<(Table, Detected), DataError> {
    read(&ByteSource::file(path)?, options, reading)
}

/// Reads the content of a file; `name` appears in messages and becomes the table's name.
///
/// # Errors
/// What is wrong with it, where, and how to fix it.
pub fn read_bytes(name: &str, bytes: &[u8], options: &ReadOptions) -> Result<(Table, Detected), DataError> {
    read(&ByteSource::bytes(name, bytes), options, &Reading::default())
}

fn read(source: &ByteSource, options: &ReadOptions, reading: &Reading) -> Result<(Table, Detected), DataError> {
    if source.is_folder() {
        let read_table = |path: &Path| Ok(read_file(path, &ReadOptions::default(), &Reading::default())?.0);
        let (table, mut detected) = images::read_folder(source, options, reading, &read_table)?;
        detected.decide(options);
        return Ok((table, detected));
    }
    let head = source.head()?;
    if head.is_empty() {
        return Err(DataError::Empty { name: source.name().to_owned() });
    }
    if let Some(is_little) = text_encoding::utf32(&head) {
        let most = (reading.limit as u64).saturating_mul(4);
        let mut text = text_encoding::FromUtf32::new(source.open(reading)?, is_little);
        let own = ByteSource::unpacked(&source.unpacked_name(), &mut text, most, reading)?;
        let (table, mut detected) = read(&own, options, reading)?;
        detected.note("The text is UTF-32, as its first bytes say.".to_owned());
        return Ok((table, detected));
    }
    let format = match detect::detect(source, &head, options.member.as_deref())? {
        Found::Table(format) => format,
        Found::Packed => {
            let most = (reading.limit as u64).saturating_mul(4);
            let own = ByteSource::unpacked(&source.unpacked_name(), &mut source.open(reading)?, most, reading)?;
            return read(&own, options, reading);
        }
        found => {
            let inner = |source: &ByteSource, options: &ReadOptions| {
                let is_archive = matches!(detect::detect(source, &source.head()?, None)?, Found::Zip | Found::Tar);
                if is_archive {
                    return Err(source
                        .malformed("an archive in an archive is not opened. Unpack it and choose the table in it"));
                }
                read(source, options, reading)
            };
            return members::read(source, found == Found::Zip, options, reading, &inner);
        }
    };
    // A panic in a library becomes an error.
    let work = || match format {
        Format::Delimited => delimited::read(source, &head, options, reading),
        Format::Excel => excel::read(source, options, reading),
        Format::Json => json::read(source, &head, options, reading),
        Format::Parquet => parquet::read(source, options, reading),
        Format::Arrow => arrow::read(source, options, reading),
        Format::NumPy => numpy::read(source, options, reading),
        Format::Idx => idx::read(source, reading),
        Format::Images => images::read_zip(source, options, reading, &|name, bytes| {
            Ok(read_bytes(name, bytes, &ReadOptions::default())?.0)
        }),
        Format::Arff => arff::read(source, reading),
        Format::LibSvm => libsvm::read(source, options, reading),
        Format::Sqlite => sqlite::read(source, options, reading),
        Format::Html => html::read(source, options, reading),
        Format::Stata => stata::read(source, reading),
    };
    let (mut table, mut detected) =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or_else(|_| {
            Err(source.malformed("it is damaged in a way that its reader does not know. Make the file again"))
        })?;
    if table.columns.is_empty() || table.rows() == 0 {
        return Err(DataError::Empty { name: source.name().to_owned() });
    }
    if table.columns.len() > COLUMN_LIMIT {
        return Err(DataError::TooWide { name: table.name, columns: table.columns.len(), limit: COLUMN_LIMIT });
    }
    // A preparation knows columns by their names: labels beside pictures may be called as the pictures are.
    let names: BTreeSet<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
    if names.len() < table.columns.len() {
        let names = unique_names(table.columns.iter().map(|c| c.name.as_str()));
        table.columns.iter_mut().zip(names).for_each(|(column, name)| column.name = name);
    }
    let untyped = matches!(format, Format::Delimited | Format::Excel | Format::Json | Format::Html | Format::Sqlite);
    let decimal_comma = detected.text.as_ref().is_some_and(|t| t.decimal_comma);
    let stored = untyped && format != Format::Delimited;
    let judged = judge(&mut table, options, Source { untyped, digits: &detected.digits, stored, decimal_comma });
    if judged.is_comma && format == Format::Delimited && options.decimal_comma.is_none() {
        // Numbers that stand beside were read with a point.
        return read(source, &ReadOptions { decimal_comma: Some(true), ..options.clone() }, reading);
    }
    detected.notes.extend(judged.notes);
    if untyped {
        detected.summaries.extend(judged.odd.into_iter().filter(|(_, word)| summaries::is_word(word)));
        detected.notes.extend(summaries::tell(&mut table, &detected.summaries, detected.last_in_doubt, options));
    }
    if matches!(format, Format::Parquet | Format::Arrow | Format::Stata) {
        detected.notes.extend(digits_as_text(&table, options, &detected.digits));
    }
    for (name, mut reading) in judged.columns {
        reading.kind = reading.kind.or(detected.options.columns.get(&name).and_then(|c| c.kind));
        detected.options.columns.insert(name, reading);
    }
    detected.decide(options);
    if stored {
        detected.options.decimal_comma = options.decimal_comma.or(judged.decimal_comma);
    }
    match &options.pixels {
        Some(pixels) => {
            table = pixels::join(table, pixels, reading)?;
            detected.pixels = Some(pixels.clone());
        }
        None => detected.pixels = pixels::find(&table),
    }
    Ok((table, detected))
}

/// Columns that are text in a file with types, though all their cells are numbers: they stay what the file says, with an offer.
fn digits_as_text(table: &Table, options: &ReadOptions, digits: &[String]) -> Vec<Note> {
    let missing = options.missing_words();
    let is_missing =
        |level: &str| level.trim().is_empty() || missing.iter().any(|w| w.eq_ignore_ascii_case(level.trim()));
    let mut notes = Vec::new();
    for column in &table.columns {
        let chosen =
            options.columns.get(&column.name).is_some_and(|c| c.kind.is_some()) || digits.contains(&column.name);
        let Values::Text(text) = &column.values else { continue };
        let mut levels = text.levels().iter().filter(|level| !is_missing(level)).peekable();
        let is_number = |level: &str| numbers::number(level, '.').is_some() && !numbers::is_code(level);
        if chosen || levels.peek().is_none() || !levels.all(is_number) {
            continue;
        }
        let cells = format::counted(column.len() - column.missing(), "cell");
        let text = format!("Column \"{}\" is text in the file, but its {cells} are all numbers.", column.name);
        notes.push(Note::from(text).offering("Read as numbers", options, |o| {
            o.columns.entry(column.name.clone()).or_default().kind = Some(ReadKind::Number);
        }));
    }
    notes
}
