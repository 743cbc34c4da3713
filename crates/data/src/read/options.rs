//! Options of the readers, and what they detected.

use super::pixels::PixelColumns;
use super::quoting::Quoting;
use super::separator::Separator;
use crate::typing::kinds::ColumnReading;
use crate::typing::words::MissingWords;
use chainrule_common::format;
use encoding_rs::UTF_8;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A table with more columns is refused as a mistake.
pub(super) const COLUMN_LIMIT: usize = 20_000;

/// What a person has set; the rest is detected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadOptions {
    /// What separates cells of text: a character, several such as "::", "\\s+" for runs of blanks, or "fixed:0,10,18" for
    /// cells that begin at these characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<Separator>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<bool>,
    /// Rows that make the names of the columns, joined by a blank.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header_rows: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimal_comma: Option<bool>,
    /// Name of the text encoding, such as "UTF-8" or "windows-1252".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// Lines that begin with it are skipped; none are if it is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// Lines before the table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip: Option<usize>,
    /// Lines after the table that are not blank. What is found is not kept, since other files end otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub footer: Option<usize>,
    /// Whether rows that hold sums, means and their like of others are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summaries: Option<bool>,
    /// Whether cells of text may stand in quotes; if not, quotes are plain characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quotes: Option<bool>,
    /// How they do, if it is not as usual.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quoting: Option<Quoting>,
    /// Whether lines that draw a table, such as `----+----`, are left out, with the bars around its rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drawn: Option<bool>,
    /// Whether cells beyond the last column are left out instead of refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_long_rows: Option<bool>,
    /// The sheet of a workbook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
    /// The arrays of an archive that become columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrays: Option<Vec<String>>,
    /// The first and the last index of the features of a LIBSVM file: those that are in no row are zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indices: Option<[u32; 2]>,
    /// The file in an archive of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// The table or view of a database, or the table of a web page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// An SQL query in place of a table of a database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The key below which the records of JSON lie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records: Option<String>,
    /// Whether labels of which one column of an array is 1 and the others 0 become one column of classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub one_hot: Option<bool>,
    /// Whether columns that pandas had as its index are taken too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<bool>,
    /// The cells of a sheet that are the table, such as A3:D20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area: Option<String>,
    /// The folder that names the class of a picture, counted from 1 below the folder of the parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_folder: Option<usize>,
    /// How pictures are resized.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<ImageOptions>,
    /// Columns of pixels that become pictures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pixels: Option<PixelColumns>,
    /// Words that mean a missing value, in any case, besides empty cells, in place of the usual ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<Vec<String>>,
    /// How single columns are read, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, ColumnReading>,
}

impl ReadOptions {
    /// The words that mean a missing value besides empty cells: those that were set, or the usual ones.
    pub fn missing_words(&self) -> Vec<String> {
        MissingWords(self.missing.as_deref()).listed()
    }
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
    Sqlite,
    Html,
    Stata,
}

/// What the choices of a file are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Chooser {
    /// Nothing is chosen, or sheets of a workbook
    #[default]
    Sheets,
    /// Arrays, of which several are taken
    Arrays,
    /// Tables and views of a database, or tables of a web page
    Tables,
    /// Keys below which JSON has records
    Records,
    /// Files of an archive
    Members,
}

/// What was detected, and what can be chosen instead.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Detected {
    pub format: Format,
    #[serde(flatten)]
    pub text: Option<TextFormat>,
    /// Sheets of a workbook, arrays or files of an archive, tables of a database or a web page, lists of JSON.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// Those that were read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub chosen: Vec<String>,
    #[serde(skip)]
    pub chooser: Chooser,
    /// The files of an archive that could be read instead.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<String>,
    /// The tables on a sheet, by their cells.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub areas: Vec<String>,
    /// How many folders deep pictures lie, below those of the parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_folders: Option<usize>,
    /// The first and the last index of the features of a LIBSVM file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub indices: Option<[u32; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<ImageOptions>,
    /// Columns that look like pixels, or those that were taken as pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pixels: Option<PixelColumns>,
    /// Columns of whole numbers that are text in the table, as some of them would be rounded.
    #[serde(skip)]
    pub(super) digits: Vec<String>,
    /// Words for sums and means among numbers, with their rows.
    #[serde(skip)]
    pub(super) summaries: Vec<(usize, String)>,
    /// Whether a note asks about the last row, which may be one of totals.
    #[serde(skip)]
    pub(super) last_in_doubt: bool,
    /// What was guessed, left out or converted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// What was set and all that was decided: with it, other files are read alike.
    pub options: ReadOptions,
}

/// What a reader guessed, left out or converted, with what can be done about it. It is serialised as its text.
#[derive(Clone, Debug, PartialEq)]
pub struct Note {
    /// Sentences that name the column or the line, how many cells or rows it concerns, and the first of them.
    pub text: String,
    /// Other readings of the same file.
    pub offers: Vec<Offer>,
}

/// Another reading of a file, at a click.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Offer {
    /// What the button says, such as "Read as text".
    pub label: String,
    pub options: ReadOptions,
}

impl Note {
    /// With one more offer: `options` with a change.
    #[must_use]
    pub fn offering(mut self, label: &str, options: &ReadOptions, change: impl FnOnce(&mut ReadOptions)) -> Self {
        let mut options = options.clone();
        change(&mut options);
        self.offers.push(Offer { label: label.to_owned(), options });
        self
    }
}

impl From<String> for Note {
    fn from(text: String) -> Self {
        Self { text, offers: Vec::new() }
    }
}

impl Serialize for Note {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl Detected {
    pub(super) fn of(format: Format) -> Self {
        Self {
            format,
            text: None,
            choices: Vec::new(),
            chosen: Vec::new(),
            chooser: Chooser::default(),
            members: Vec::new(),
            areas: Vec::new(),
            class_folders: None,
            indices: None,
            images: None,
            pixels: None,
            digits: Vec::new(),
            summaries: Vec::new(),
            last_in_doubt: false,
            notes: Vec::new(),
            options: ReadOptions::default(),
        }
    }

    pub(super) fn note(&mut self, text: String) {
        self.notes.push(text.into());
    }

    /// Keeps what was decided beside what the person has set.
    pub(super) fn decide(&mut self, given: &ReadOptions) {
        let mut kept = given.clone();
        kept.columns.append(&mut self.options.columns);
        if let Some(text) = &self.text {
            kept.header = Some(text.header);
            kept.header_rows = Some(text.header_rows).filter(|&rows| rows > 1).or(kept.header_rows);
        }
        if let (Format::Delimited, Some(text)) = (self.format, &self.text) {
            kept.delimiter = Some(text.delimiter.clone());
            kept.decimal_comma = Some(text.decimal_comma);
            kept.encoding = Some(text.encoding.to_owned());
            kept.skip = Some(text.skip).filter(|&lines| lines > 0).or(kept.skip);
            kept.comment = text.comment.map(String::from).or(kept.comment);
            kept.quoting = Some(text.quoting).filter(|quoting| !quoting.is_usual()).or(kept.quoting);
            kept.drawn = Some(true).filter(|_| text.drawn).or(kept.drawn);
        }
        let first = || self.chosen.first().cloned();
        match self.chooser {
            Chooser::Sheets if self.format == Format::Excel => {
                kept.sheet = first();
                kept.area = self.options.area.clone().or(kept.area);
            }
            Chooser::Arrays if !self.chosen.is_empty() => kept.arrays = Some(self.chosen.clone()),
            Chooser::Tables if kept.query.is_none() => kept.table = first(),
            Chooser::Records => kept.records = first(),
            _ => {}
        }
        kept.indices = self.indices.or(kept.indices);
        kept.class_folder = self.options.class_folder.or(kept.class_folder);
        kept.images = self.images.or(kept.images);
        self.options = kept;
    }

    /// Delimited text in the default dialect.
    pub fn text() -> Self {
        Self { text: Some(TextFormat::default()), ..Self::of(Format::Delimited) }
    }

    /// What the file is, in a line.
    pub fn describe(&self) -> String {
        let mut parts = vec![self.format.label().to_owned()];
        if let (Format::Delimited, Some(text)) = (self.format, &self.text) {
            parts.push(format!("columns separated by {}", text.delimiter.words()));
            parts.push(match (text.header, text.header_rows) {
                (false, _) => "without a header".to_owned(),
                (true, 0 | 1) => "with a header".to_owned(),
                (true, rows) => format!("with a header of {rows} rows"),
            });
            let around = [(text.skip, "before"), (text.footer, "after")];
            parts.extend(
                around
                    .iter()
                    .filter(|(n, _)| *n > 0)
                    .map(|(n, side)| format!("{} {side} the table", format::counted(*n, "line"))),
            );
            parts.extend((!text.quotes).then(|| "quotes as plain characters".to_owned()));
            parts.extend(text.quoting.single.then(|| "single quotes".to_owned()));
            parts.extend(text.drawn.then(|| "drawn with signs".to_owned()));
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
            Self::Sqlite => "SQLite database",
            Self::Html => "web page",
            Self::Stata => "Stata file",
        }
    }
}

/// The size and colours of all pictures after reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImageOptions {
    pub width: u32,
    pub height: u32,
    #[serde(default)]
    pub fit: Fit,
    /// One channel of brightness instead of red, green and blue.
    #[serde(default)]
    pub grey: bool,
    /// What shows through where a picture is transparent.
    #[serde(default, skip_serializing_if = "Ground::is_white")]
    pub ground: Ground,
    /// Values from 0 to 65535 instead of 255.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deep: bool,
}

/// The colour behind transparent pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ground {
    #[default]
    White,
    Grey,
    Black,
}

impl Ground {
    pub const ALL: [Self; 3] = [Self::White, Self::Grey, Self::Black];

    pub fn label(self) -> &'static str {
        match self {
            Self::White => "white",
            Self::Grey => "grey",
            Self::Black => "black",
        }
    }

    /// Its brightness from 0 to 1.
    pub(super) fn brightness(self) -> f32 {
        match self {
            Self::White => 1.0,
            Self::Grey => 0.5,
            Self::Black => 0.0,
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    fn is_white(&self) -> bool {
        *self == Self::White
    }
}

/// How a picture with another aspect ratio is made to fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// The largest part in the middle
    #[default]
    Crop,
    /// The whole, distorted
    Stretch,
}

impl Fit {
    pub const ALL: [Self; 2] = [Self::Crop, Self::Stretch];

    pub fn label(self) -> &'static str {
        match self {
            Self::Crop => "crop",
            Self::Stretch => "stretch",
        }
    }
}

/// The dialect of delimited text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[allow(clippy::struct_excessive_bools)]
pub struct TextFormat {
    pub delimiter: Separator,
    pub header: bool,
    /// Rows that make the names of the columns.
    pub header_rows: usize,
    pub decimal_comma: bool,
    pub byte_order_mark: bool,
    pub encoding: &'static str,
    pub comment: Option<char>,
    /// Lines before the table.
    pub skip: usize,
    /// Lines after the table that are not blank.
    pub footer: usize,
    /// Whether cells may stand in quotes, and how they do.
    pub quotes: bool,
    #[serde(skip_serializing_if = "Quoting::is_usual")]
    pub quoting: Quoting,
    /// Whether lines draw the table.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub drawn: bool,
}

impl TextFormat {
    /// The sign between the whole part of a number and its decimals.
    pub(super) fn decimal_sign(&self) -> char {
        if self.decimal_comma { ',' } else { '.' }
    }
}

impl Default for TextFormat {
    fn default() -> Self {
        Self {
            delimiter: Separator::Character(','),
            header: true,
            header_rows: 1,
            decimal_comma: false,
            byte_order_mark: false,
            encoding: UTF_8.name(),
            comment: None,
            skip: 0,
            footer: 0,
            quotes: true,
            quoting: Quoting::default(),
            drawn: false,
        }
    }
}

/// Extensions of files that can be read.
pub const ENDINGS: [&str; 47] = [
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
    "bz2",
    "xz",
    "tar",
    "tgz",
    "tbz2",
    "txz",
    "db",
    "sqlite",
    "sqlite3",
    "db3",
    "html",
    "htm",
    "xhtml",
    "geojson",
    "dta",
];
