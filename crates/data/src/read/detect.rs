//! Detects the format of a file by its first bytes; the name decides only between formats of text.

use super::byte_source::ByteSource;
use super::options::Format;
use super::recognised::{is_binary, named};
use super::{archive, idx, libsvm, text_encoding};
use crate::error::DataError;
use encoding_rs::{UTF_16BE, UTF_16LE};
use std::io::BufReader;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Table(Format),
    /// Archives of tables.
    Zip,
    Tar,
    /// What can be read only once it is unpacked.
    Packed,
}

/// What the first bytes show.
pub(super) fn detect(source: &ByteSource, head: &[u8], member: Option<&str>) -> Result<Found, DataError> {
    let begins = |magic: &[u8]| head.starts_with(magic);
    let format = match () {
        () if begins(b"PAR1") => Format::Parquet,
        () if begins(b"ARROW1") || begins(&[0xff; 4]) => Format::Arrow,
        () if begins(b"\x93NUMPY") => Format::NumPy,
        () if begins(b"SQLite format 3\0") => Format::Sqlite,
        () if begins(b"PK\x03\x04") && !source.is_compressed() => return detect_zip(source, member),
        () if begins(b"PK\x03\x04") => return Ok(Found::Packed),
        () if begins(&[0xd0, 0xcf, 0x11, 0xe0]) => Format::Excel,
        () if is_stata(head) => Format::Stata,
        () if idx::is_idx(head) => Format::Idx,
        () if is_tar(head) => return Ok(Found::Tar),
        () => match named(head) {
            Some((what, remedy)) => return Err(source.malformed(&format!("this is {what}. {remedy}"))),
            None if image::guess_format(head).is_ok() => {
                return Err(source.malformed(
                    "this is a single picture. Choose the folder or the zip archive that holds all of them",
                ));
            }
            None if is_binary(head) => {
                return Err(source.malformed("this kind of file cannot be read: it holds binary data that are neither text nor any known format. Export the table as CSV or Parquet from the program that made it"));
            }
            None => detect_text(source, head),
        },
    };
    let streams =
        [Format::Delimited, Format::Json, Format::Arff, Format::LibSvm, Format::NumPy, Format::Idx, Format::Html];
    let needs_file = matches!(format, Format::Parquet | Format::Arrow | Format::Sqlite);
    if (source.is_compressed() && !streams.contains(&format)) || (needs_file && source.path().is_none()) {
        return Ok(Found::Packed);
    }
    Ok(Found::Table(format))
}

/// Text of the head, whatever its encoding is.
fn text_of(head: &[u8]) -> String {
    let encoding = text_encoding::detect(head);
    if [UTF_16LE, UTF_16BE].contains(&encoding) {
        return encoding.decode(head).0.into_owned();
    }
    String::from_utf8_lossy(head).into_owned()
}

fn detect_text(source: &ByteSource, head: &[u8]) -> Format {
    let text = text_of(head);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let lines = || text.lines().map(str::trim).filter(|l| !l.is_empty());
    let ending = source.ending();
    let lower: String = text.chars().take(200).collect::<String>().to_ascii_lowercase();
    let is_page =
        |l: &str| ["<!doctype html", "<html", "<head", "<body", "<table"].iter().any(|tag| l.starts_with(tag));
    let after_prolog = || lower.split_once("?>").map_or("", |(_, rest)| rest.trim_start());
    if is_page(&lower) || (lower.starts_with("<?xml") && is_page(after_prolog())) {
        return Format::Html;
    }
    if ending == "arff"
        || lines().find(|l| !l.starts_with('%')).is_some_and(|l| l.to_ascii_lowercase().starts_with("@relation"))
    {
        return Format::Arff;
    }
    let is_json = |l: &str| l.starts_with('{') || l.starts_with("[{") || l.starts_with("[[") || l == "[";
    if ["json", "jsonl", "ndjson", "geojson"].contains(&ending.as_str()) || lines().next().is_some_and(is_json) {
        return Format::Json;
    }
    if ["html", "htm", "xhtml"].contains(&ending.as_str()) && lower.starts_with('<') {
        return Format::Html;
    }
    if ["libsvm", "svm", "svmlight"].contains(&ending.as_str()) || libsvm::is_libsvm(text) {
        return Format::LibSvm;
    }
    Format::Delimited
}

/// The new format says so; the old one begins with its version, its byte order and a 1.
fn is_stata(head: &[u8]) -> bool {
    head.starts_with(b"<stata_dta>") || matches!(head, [102..=115, 1 | 2, 1, 0, ..])
}

/// A header of 512 bytes holds its own sum, in octal digits, which itself counts as blanks.
fn is_tar(head: &[u8]) -> bool {
    let Some((header, _)) = head.split_first_chunk::<512>() else { return false };
    let digits = |b: &u8| (b'0'..=b'7').contains(b);
    let told = header[148..156].iter().skip_while(|b| **b == b' ').take_while(|b| digits(b));
    let told = told.fold(0_u32, |sum, b| sum * 8 + u32::from(b - b'0'));
    let sum = header.iter().enumerate().map(|(k, &b)| u32::from(if (148..156).contains(&k) { b' ' } else { b }));
    header[0] != 0 && told > 0 && told == sum.sum::<u32>()
}

fn detect_zip(source: &ByteSource, member: Option<&str>) -> Result<Found, DataError> {
    let archive = zip::ZipArchive::new(BufReader::new(source.seekable()?));
    let archive = archive.map_err(|e| {
        source.malformed(&format!("the archive cannot be read ({e}). It may be cut short: fetch it again"))
    })?;
    let names: Vec<String> = archive.file_names().flatten().map(std::borrow::Cow::into_owned).collect();
    let begins = |start: &str| names.iter().any(|n| n.starts_with(start));
    let ends = |end: &str| names.iter().any(|n| n.ends_with(end));
    let other = match () {
        () if begins("word/") => "a Word document. Copy its table into a spreadsheet and save that as .xlsx or CSV",
        () if begins("ppt/") => "a presentation. Copy its table into a spreadsheet and save that as .xlsx or CSV",
        () if begins("Index/") && ends(".iwa") => {
            "a document of Apple Numbers. Export it as CSV or as an Excel workbook"
        }
        () if ends("/data.pkl") => {
            "a file of PyTorch's torch.save. Save the arrays with numpy.savez, or the table as CSV"
        }
        () if ends("model.weights.h5") => "a saved Keras model, not a table. Choose the data that it was trained on",
        () => match archive::format_of(&names) {
            Some(format) if member.is_none() || format == Format::Excel => return Ok(Found::Table(format)),
            _ => return Ok(Found::Zip),
        },
    };
    Err(source.malformed(&format!("this is {other}")))
}
