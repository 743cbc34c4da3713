//! Zip and tar archives of tables: one of the files in them is read, unpacked into a file of its own.

use super::byte_source::ByteSource;
use super::options::{Chooser, Detected, ENDINGS, Note, ReadOptions};
use crate::error::DataError;
use crate::reading::Reading;
use crate::table::Table;
use std::io::BufReader;

/// More files in an archive are not looked at.
const MOST: usize = 100_000;
/// Other files that a note offers.
const OFFERED: usize = 5;
/// How much larger than what values may take a file in an archive may be: text takes more bytes than its numbers.
const LARGER: u64 = 4;

struct Member {
    name: String,
    size: u64,
}

type Read<'a> = &'a dyn Fn(&ByteSource, &ReadOptions) -> Result<(Table, Detected), DataError>;

/// Reads the chosen file of an archive, or the one that is probably meant, by `read`.
pub(super) fn read(
    source: &ByteSource,
    is_zip: bool,
    options: &ReadOptions,
    reading: &Reading,
    read: Read<'_>,
) -> Result<(Table, Detected), DataError> {
    let all = if is_zip { zip_members(source)? } else { tar_members(source, reading)? };
    let tables = tables_of(&all);
    let names = || tables.iter().map(|m| m.name.clone()).collect::<Vec<_>>();
    let Some(likely) = likely(&tables) else {
        let some: Vec<&str> = all.iter().take(OFFERED).map(|m| m.name.as_str()).collect();
        return Err(source.malformed(&format!(
            "the archive holds neither pictures nor arrays nor a workbook nor another table, but {}. Unpack it and choose a file in it",
            if some.is_empty() { "nothing".to_owned() } else { some.join(", ") }
        )));
    };
    let mut elsewhere = None;
    let chosen = match &options.member {
        Some(name) => match all.iter().find(|m| m.name == *name) {
            Some(member) => member,
            // Another archive, in which there is no choice.
            None if tables.len() == 1 => {
                elsewhere =
                    Some(format!("There is no file \"{name}\" in the archive, so \"{}\" was read.", likely.name));
                likely
            }
            None => {
                let reason = format!("there is no file \"{name}\" in the archive. There are: {}", names().join(", "));
                return Err(source.malformed(&reason));
            }
        },
        None => likely,
    };
    let most = (reading.limit as u64).saturating_mul(LARGER);
    let own = unpack(source, is_zip, &chosen.name, most, reading)?;
    let inner = ReadOptions { member: Some(chosen.name.clone()), ..options.clone() };
    let (table, mut detected) = read(&own, &inner)?;
    if let Some(text) = elsewhere {
        detected.note(text);
    }
    if tables.len() > 1 {
        if options.member.is_none() {
            let text = format!("The archive holds {} files; \"{}\" was read.", tables.len(), chosen.name);
            let others = tables.iter().filter(|m| m.name != chosen.name).take(OFFERED);
            let note = others.fold(Note::from(text), |note, other| {
                note.offering(&format!("Read {}", other.name), options, |o| o.member = Some(other.name.clone()))
            });
            detected.notes.push(note);
        }
        detected.members = names();
    }
    if detected.choices.is_empty() {
        (detected.choices, detected.chosen, detected.chooser) = (names(), vec![chosen.name.clone()], Chooser::Members);
    }
    Ok((table, detected))
}

fn ending(name: &str) -> String {
    name.rsplit('/').next().unwrap_or(name).rsplit_once('.').map_or_else(String::new, |(_, e)| e.to_lowercase())
}

/// Whether programs made it for themselves.
fn is_hidden(name: &str) -> bool {
    name.split('/').any(|part| part.starts_with('.') || part == "__MACOSX" || part == "Thumbs.db")
}

/// Files that may be tables: by their endings, else all that are not words about the others.
fn tables_of(all: &[Member]) -> Vec<&Member> {
    const ARCHIVES: [&str; 5] = ["zip", "tar", "tgz", "tbz2", "txz"];
    const WORDS: [&str; 3] = ["readme", "license", "licence"];
    let name = |m: &Member| m.name.rsplit('/').next().unwrap_or(&m.name).to_lowercase();
    let is_word = |m: &&Member| WORDS.iter().any(|w| name(m).starts_with(w));
    let visible: Vec<&Member> = all.iter().filter(|m| !is_hidden(&m.name) && m.size > 0).collect();
    let is_table = |m: &&&Member| {
        let ending = ending(&m.name);
        ENDINGS.contains(&ending.as_str()) && !ARCHIVES.contains(&ending.as_str())
    };
    let of_ending: Vec<&Member> = visible.iter().filter(is_table).copied().filter(|m| !is_word(m)).collect();
    if !of_ending.is_empty() {
        return of_ending;
    }
    const OTHERS: [&str; 9] = ["md", "pdf", "docx", "doc", "py", "ipynb", "zip", "tar", "names"];
    visible.into_iter().filter(|m| !is_word(m) && !OTHERS.contains(&ending(&m.name).as_str())).collect()
}

/// The one whose name says that it is to be trained on, else the largest.
fn likely<'a>(tables: &[&'a Member]) -> Option<&'a Member> {
    let mut training = tables.iter().filter(|m| m.name.to_lowercase().contains("train"));
    match (training.next(), training.next()) {
        (Some(only), None) => Some(only),
        _ => tables.iter().rev().max_by_key(|m| m.size).copied(),
    }
}

fn zip_archive<'a>(
    source: &ByteSource<'a>,
) -> Result<zip::ZipArchive<BufReader<Box<dyn super::byte_source::ReadSeek + 'a>>>, DataError> {
    zip::ZipArchive::new(BufReader::new(source.seekable()?))
        .map_err(|e| source.malformed(&format!("the archive cannot be read ({e}). Fetch it again")))
}

fn zip_members(source: &ByteSource) -> Result<Vec<Member>, DataError> {
    let mut archive = zip_archive(source)?;
    let mut all = Vec::new();
    for k in 0..archive.len().min(MOST) {
        let entry = archive
            .by_index_raw(k)
            .map_err(|e| source.malformed(&format!("entry {} cannot be read ({e}). Fetch it again", k + 1)))?;
        if entry.is_file() {
            let name = entry.name().map_or_else(|_| "?".to_owned(), std::borrow::Cow::into_owned);
            all.push(Member { name, size: entry.size() });
        }
    }
    Ok(all)
}

fn tar_members(source: &ByteSource, reading: &Reading) -> Result<Vec<Member>, DataError> {
    let cannot =
        |e: &std::io::Error| source.malformed(&format!("the tar archive cannot be read ({e}). Fetch it again"));
    let mut archive = tar::Archive::new(source.open(reading)?);
    let mut all = Vec::new();
    for entry in archive.entries().map_err(|e| cannot(&e))?.take(MOST) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(e) if all.is_empty() => return Err(cannot(&e)),
            // What stands before the damage can be read.
            Err(_) => break,
        };
        if entry.header().entry_type().is_file() {
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            all.push(Member { name: name.trim_start_matches("./").to_owned(), size: entry.size() });
        }
    }
    Ok(all)
}

fn unpack(
    source: &ByteSource,
    is_zip: bool,
    name: &str,
    most: u64,
    reading: &Reading,
) -> Result<ByteSource<'static>, DataError> {
    let full = format!("{}/{name}", source.name());
    if is_zip {
        let mut archive = zip_archive(source)?;
        let mut entry = archive.by_name(name).map_err(|e| {
            let remedy = match e {
                zip::result::ZipError::UnsupportedArchive(zip::result::ZipError::PASSWORD_REQUIRED) => {
                    "Unpack it with its password and choose the file"
                }
                _ => "Unpack it and choose the file",
            };
            source.malformed(&format!("\"{name}\" cannot be unpacked ({e}). {remedy}"))
        })?;
        return ByteSource::unpacked(&full, &mut entry, most, reading);
    }
    let cannot =
        |e: &std::io::Error| source.malformed(&format!("the tar archive cannot be read ({e}). Fetch it again"));
    let mut archive = tar::Archive::new(source.open(reading)?);
    for entry in archive.entries().map_err(|e| cannot(&e))?.take(MOST) {
        let mut entry = entry.map_err(|e| cannot(&e))?;
        let own = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if entry.header().entry_type().is_file() && own.trim_start_matches("./") == name {
            return ByteSource::unpacked(&full, &mut entry, most, reading);
        }
    }
    Err(source.malformed(&format!("\"{name}\" is no longer in the archive. Choose another file")))
}
