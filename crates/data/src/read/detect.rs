//! Detects the format of a file by its first bytes; the name decides only between formats of text.

use super::byte_source::ByteSource;
use super::options::Format;
use super::{archive, idx, libsvm};
use crate::error::DataError;
use std::io::BufReader;

/// The format that the first bytes show.
pub(super) fn detect(source: &ByteSource, head: &[u8]) -> Result<Format, DataError> {
    let plain = !source.is_compressed();
    let begins = |magic: &[u8]| head.starts_with(magic);
    let format = match () {
        () if begins(b"PAR1") => Format::Parquet,
        () if begins(b"ARROW1") || begins(&[0xff; 4]) => Format::Arrow,
        () if begins(b"FEA1") => {
            return Err(source.malformed("this is the first version of Feather, which few programs read. Save it again as Feather version 2 or as Parquet"));
        }
        () if begins(b"\x93NUMPY") => Format::NumPy,
        () if begins(b"PK\x03\x04") && plain => return detect_zip(source),
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

fn detect_text(source: &ByteSource, head: &[u8]) -> Format {
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

fn detect_zip(source: &ByteSource) -> Result<Format, DataError> {
    let archive = zip::ZipArchive::new(BufReader::new(source.seekable()?));
    let archive = archive.map_err(|e| {
        source.malformed(&format!("the archive cannot be read ({e}). It may be cut short: fetch it again"))
    })?;
    archive::format_of(archive.file_names().flatten()).ok_or_else(|| {
        source.malformed(
            "the archive holds neither pictures nor arrays nor a workbook. Unpack it and choose a file in it",
        )
    })
}
