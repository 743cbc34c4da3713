//! Files of all supported formats → table.

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
mod excel;
mod header;
mod html;
mod idx;
mod images;
mod json;
mod json_structure;
mod json_text;
mod layout;
mod libsvm;
mod lines;
mod members;
mod numpy;
mod options;
mod pages;
mod parquet;
mod picture_folders;
mod pixels;
mod recognised;
mod separator;
mod sheet_areas;
mod sqlite;
mod stata;
mod text_encoding;

use super::cells::unique_names;
use super::error::DataError;
use super::human_numbers::numbers_of;
use super::parse::number;
use super::reading::Reading;
use super::table::{Levels, Table, Values};
use byte_source::ByteSource;
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

/// The numbers of texts that are plain numbers, none of them a code: digits with a zero before them, or too many to be exact.
fn plain_numbers(levels: &Levels) -> Option<Vec<f64>> {
    let is_code = |text: &str| {
        let digits = text.trim_start_matches('-');
        let leading = digits.len() > 1 && digits.starts_with('0') && digits.as_bytes()[1].is_ascii_digit();
        leading || digits.bytes().filter(u8::is_ascii_digit).count() > 15 || text.starts_with('+')
    };
    levels
        .iter()
        .map(|l| number(l, false).filter(|_| !is_code(l)))
        .collect::<Option<Vec<f64>>>()
        .filter(|n| !n.is_empty())
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
        Format::Arrow => arrow::read(source, reading),
        Format::NumPy => numpy::read(source, options, reading),
        Format::Idx => idx::read(source, reading),
        Format::Images => images::read_zip(source, options, reading),
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
    if matches!(format, Format::Delimited | Format::Excel | Format::Json | Format::Html | Format::Sqlite) {
        let mut columns_by_way: Vec<(String, Vec<String>)> = Vec::new();
        for column in &mut table.columns {
            let Values::Text(text) = &column.values else { continue };
            let stored = || {
                let numbers = (format != Format::Delimited).then(|| plain_numbers(text.levels())).flatten()?;
                Some((numbers, "numbers, though stored as text".to_owned()))
            };
            let Some((numbers, how)) = numbers_of(text.levels()).or_else(stored) else { continue };
            let name = format!("\"{}\"", column.name);
            column.values = Values::Numbers(text.numbers(&numbers));
            match columns_by_way.iter_mut().find(|(way, _)| *way == how) {
                Some((_, names)) => names.push(name),
                None => columns_by_way.push((how, vec![name])),
            }
        }
        for (how, names) in columns_by_way {
            let many = if names.len() > 1 { "were" } else { "was" };
            detected.note(format!("{} {many} read as {how}.", names.join(", ")));
        }
    }
    detected.decide(options);
    match &options.pixels {
        Some(pixels) => {
            table = pixels::join(table, pixels, reading)?;
            detected.pixels = Some(pixels.clone());
        }
        None => detected.pixels = pixels::find(&table),
    }
    Ok((table, detected))
}
