//! Files of every kind → table. What a file is, is told by its first bytes; its name decides only between kinds of text.

mod arff;
mod arrow;
mod blocks;
mod delimited;
mod encoding;
mod excel;
mod idx;
mod images;
mod json;
mod libsvm;
mod numpy;
mod parquet;
mod source;

use super::error::DataError;
use super::human_numbers::numbers_of;
use super::reading::Reading;
use super::table::{Table, Values};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use source::Source;
use std::path::Path;

pub use delimited::TextFormat;
pub use encoding::ENCODINGS;
pub use images::{Fit, ImageOptions};
pub(super) use source::hash_of;

/// More columns than this are taken for a mistake.
const COLUMN_LIMIT: usize = 20_000;

/// What a person has fixed; the rest is detected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadOptions {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimal_comma: Option<bool>,
    /// Name of the text encoding, such as "UTF-8" or "windows-1252".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// Lines that begin with it are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<char>,
    /// Lines before the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip: Option<usize>,
    /// The sheet of a workbook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
    /// The arrays of an archive that become columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrays: Option<Vec<String>>,
    /// How pictures are brought to one size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<ImageOptions>,
}

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    Delimited,
    Excel,
    Json,
    Parquet,
    Arrow,
    NumPy,
    Idx,
    Images,
    Arff,
    LibSvm,
}

/// What was found, and what may be chosen instead.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Detected {
    pub format: Format,
    #[serde(flatten)]
    pub text: Option<TextFormat>,
    /// Sheets of a workbook or arrays of an archive.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// Those of them that were read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub chosen: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<ImageOptions>,
    /// What was left out, in sentences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Detected {
    fn of(format: Format) -> Self {
        Self { format, text: None, choices: Vec::new(), chosen: Vec::new(), images: None, notes: Vec::new() }
    }
}

impl Detected {
    /// Delimited text with nothing found out about it.
    pub fn text() -> Self {
        Self { text: Some(TextFormat::default()), ..Self::of(Format::Delimited) }
    }

    /// What the file is, in a line.
    pub fn describe(&self) -> String {
        let mut parts = vec![self.format.label().to_owned()];
        if let (Format::Delimited, Some(text)) = (self.format, &self.text) {
            let delimiter = match text.delimiter {
                ',' => "commas".to_owned(),
                ';' => "semicolons".to_owned(),
                '\t' => "tabs".to_owned(),
                ' ' => "blanks".to_owned(),
                c => format!("\"{c}\""),
            };
            parts.push(format!("columns separated by {delimiter}"));
            parts.push(if text.header { "with a header" } else { "without a header" }.to_owned());
            parts.extend(text.decimal_comma.then(|| "decimal comma".to_owned()));
            parts.push(text.encoding.to_owned());
        }
        if let Some(shape) = self.images {
            parts.push(format!("{} × {}, {}", shape.height, shape.width, if shape.grey { "grey" } else { "colour" }));
        }
        if !self.chosen.is_empty() {
            parts.push(self.chosen.join(", "));
        }
        parts.join(", ")
    }
}

impl Format {
    pub fn label(self) -> &'static str {
        match self {
            Self::Delimited => "delimited text",
            Self::Excel => "workbook",
            Self::Json => "JSON records",
            Self::Parquet => "Parquet",
            Self::Arrow => "Arrow",
            Self::NumPy => "NumPy arrays",
            Self::Idx => "IDX arrays",
            Self::Images => "pictures",
            Self::Arff => "ARFF",
            Self::LibSvm => "LIBSVM",
        }
    }
}

/// Endings of files that can be read.
pub const ENDINGS: [&str; 32] = [
    "csv",
    "tsv",
    "tab",
    "txt",
    "data",
    "dat",
    "gz",
    "zst",
    "xlsx",
    "xlsm",
    "xlsb",
    "xls",
    "ods",
    "json",
    "jsonl",
    "ndjson",
    "parquet",
    "arrow",
    "feather",
    "ipc",
    "npy",
    "npz",
    "idx",
    "arff",
    "libsvm",
    "svm",
    "zip",
    "idx1-ubyte",
    "idx3-ubyte",
    "idx3-float",
    "psv",
    "svmlight",
];

/// Reads a file, or a folder of pictures.
///
/// # Errors
/// What is wrong with the file, where, and how to mend it.
pub fn read_file(path: &Path, options: &ReadOptions, reading: &Reading) -> Result<(Table, Detected), DataError> {
    read(&Source::file(path)?, options, reading)
}

/// Reads the content of a file; `name` appears in messages and becomes the table's name.
///
/// # Errors
/// What is wrong with it, where, and how to mend it.
pub fn read_bytes(name: &str, bytes: &[u8], options: &ReadOptions) -> Result<(Table, Detected), DataError> {
    read(&Source::bytes(name, bytes), options, &Reading::default())
}

fn read(source: &Source, options: &ReadOptions, reading: &Reading) -> Result<(Table, Detected), DataError> {
    if source.is_folder() {
        return images::read_folder(source, options, reading);
    }
    let head = source.head()?;
    if head.is_empty() {
        return Err(DataError::Empty { name: source.name().to_owned() });
    }
    let format = detect(source, &head)?;
    // Readers of others' making must not take the window with them.
    let work = || match format {
        Format::Delimited => delimited::read(source, &head, options, reading),
        Format::Excel => excel::read(source, options, reading),
        Format::Json => json::read(source, reading),
        Format::Parquet => parquet::read(source, reading),
        Format::Arrow => arrow::read(source, reading),
        Format::NumPy => numpy::read(source, options, reading),
        Format::Idx => idx::read(source, reading),
        Format::Images => images::read_zip(source, options, reading),
        Format::Arff => arff::read(source, reading),
        Format::LibSvm => libsvm::read(source, reading),
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
    if matches!(format, Format::Delimited | Format::Excel | Format::Json) {
        let mut columns_by_way: Vec<(String, Vec<String>)> = Vec::new();
        for column in &mut table.columns {
            let Values::Text(text) = &column.values else { continue };
            let Some((numbers, how)) = numbers_of(text) else { continue };
            let name = format!("\"{}\"", column.name);
            column.values = Values::Numbers(numbers);
            match columns_by_way.iter_mut().find(|(way, _)| *way == how) {
                Some((_, names)) => names.push(name),
                None => columns_by_way.push((how, vec![name])),
            }
        }
        for (how, names) in columns_by_way {
            let many = if names.len() > 1 { "were" } else { "was" };
            detected.notes.push(format!("{} {many} read as {how}.", names.join(", ")));
        }
    }
    Ok((table, detected))
}

/// What the first bytes say.
fn detect(source: &Source, head: &[u8]) -> Result<Format, DataError> {
    let plain = !source.is_compressed();
    let begins = |magic: &[u8]| head.starts_with(magic);
    let format = match () {
        () if begins(b"PAR1") => Format::Parquet,
        () if begins(b"ARROW1") || begins(&[0xff; 4]) => Format::Arrow,
        () if begins(b"FEA1") => {
            return Err(source.malformed("this is the first version of Feather, which few programs read. Save it again as Feather version 2 or as Parquet"));
        }
        () if begins(b"\x93NUMPY") => Format::NumPy,
        () if begins(b"PK\x03\x04") && plain => return source::detect_zip(source),
        () if begins(&[0xd0, 0xcf, 0x11, 0xe0]) => Format::Excel,
        () if idx::is_idx(head) => Format::Idx,
        () if image::guess_format(head).is_ok() => {
            return Err(source
                .malformed("this is a single picture. Choose the folder or the zip archive that holds all of them"));
        }
        () => return Ok(detect_text(source, head)),
    };
    if source.is_compressed() && !matches!(format, Format::NumPy | Format::Idx) {
        return Err(source.malformed("files of this kind cannot be read while they are compressed. Unpack it first"));
    }
    Ok(format)
}

fn detect_text(source: &Source, head: &[u8]) -> Format {
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let lines = || text.lines().map(str::trim).filter(|l| !l.is_empty());
    let ending = source.ending();
    if ending == "arff"
        || lines().find(|l| !l.starts_with('%')).is_some_and(|l| l.to_ascii_lowercase().starts_with("@relation"))
    {
        return Format::Arff;
    }
    let is_json = |l: &str| l.starts_with('{') || l.starts_with("[{") || l.starts_with("[[") || l == "[";
    if ["json", "jsonl", "ndjson"].contains(&ending.as_str()) || lines().next().is_some_and(is_json) {
        return Format::Json;
    }
    if ["libsvm", "svm", "svmlight"].contains(&ending.as_str()) || libsvm::is_libsvm(text) {
        return Format::LibSvm;
    }
    Format::Delimited
}
