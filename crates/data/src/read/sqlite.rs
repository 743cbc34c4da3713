//! SQLite databases: a table, a view, or what a query gives. The file is opened as one that never changes, so nothing is
//! written, not even beside it.

use super::byte_source::ByteSource;
use super::columnar::check_width;
use super::options::{Chooser, Detected, Format, Note, ReadOptions};
use crate::cells::{CellColumn, unique_names};
use crate::error::DataError;
use crate::reading::Reading;
use crate::table::Table;
use crate::typing::numbers::is_rounded;
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use std::fmt::Write as _;
use std::path::Path;

/// A longer text or binary value is refused, in bytes.
const LONGEST: i32 = 64 << 20;
/// Rows up to which tables are counted, to find the largest.
const COUNTED: u32 = 100_000;
/// Other tables that a note offers.
const OFFERED: usize = 5;

pub(super) fn read(
    source: &ByteSource,
    options: &ReadOptions,
    reading: &Reading,
) -> Result<(Table, Detected), DataError> {
    let path = source.path().unwrap_or(Path::new(""));
    let broken = |e: rusqlite::Error| match reading.advance(0) {
        Err(cancelled) => cancelled,
        Ok(()) => source.malformed(&format!("the database cannot be read ({e}). Fetch it again, or check the query")),
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut base = Connection::open_with_flags(uri(path), flags).map_err(broken)?;
    base.set_limit(Limit::SQLITE_LIMIT_LENGTH, LONGEST).map_err(broken)?;
    base.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0).map_err(broken)?;
    base.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;")
        .map_err(broken)?;
    let watched = reading.clone();
    base.progress_handler(20_000, Some(move || watched.advance(0).is_err())).map_err(broken)?;
    let tables = tables(&base).map_err(broken)?;
    let mut detected = Detected { choices: tables.clone(), chooser: Chooser::Tables, ..Detected::of(Format::Sqlite) };
    let query = match (&options.query, &options.table) {
        (Some(query), _) => query.clone(),
        (None, chosen) => {
            let Some(first) = tables.first() else { return Err(DataError::Empty { name: source.name().to_owned() }) };
            let name = match chosen {
                Some(name) if tables.contains(name) => name.clone(),
                Some(name) if tables.len() > 1 => {
                    let reason = format!("there is no table \"{name}\". There are: {}", tables.join(", "));
                    return Err(source.malformed(&reason));
                }
                Some(name) => {
                    detected.note(format!("There is no table \"{name}\", so \"{first}\" was read."));
                    first.clone()
                }
                None => largest(&base, &tables).unwrap_or_else(|| first.clone()),
            };
            if chosen.is_none() && tables.len() > 1 {
                let text = format!("The database has {} tables and views; \"{name}\" was read.", tables.len());
                let others = tables.iter().filter(|t| **t != name).take(OFFERED);
                let note = others.fold(Note::from(text), |note, other| {
                    note.offering(&format!("Read {other}"), options, |o| o.table = Some(other.clone()))
                });
                detected.notes.push(note);
            }
            let query = format!("SELECT * FROM {}", quoted(&name));
            detected.chosen = vec![name];
            query
        }
    };
    let pending = path.file_name().map(|name| {
        let mut name = name.to_owned();
        name.push("-wal");
        path.with_file_name(name)
    });
    if pending.and_then(|p| std::fs::metadata(p).ok()).is_some_and(|m| m.len() > 0) {
        detected.note("Changes beside the database (in its -wal file) were not taken. Close the program that writes it, and read it again.".to_owned());
    }
    let table = rows(source, &base, &query, reading, &mut detected)?;
    Ok((table, detected))
}

/// The file as one that does not change; whatever its path holds.
fn uri(path: &Path) -> String {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut uri = "file:".to_owned();
    #[cfg(windows)]
    uri.push('/');
    for byte in path.to_string_lossy().replace('\\', "/").bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~:".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            write!(uri, "%{byte:02X}").expect("writing to a string cannot fail");
        }
    }
    uri + "?immutable=1&mode=ro"
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Tables, then views, in the order in which they were made.
fn tables(base: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = base.prepare(
        "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY type, rowid",
    )?;
    let names = statement.query_map([], |row| row.get(0))?;
    names.collect()
}

/// The table with most rows; the first of those that have many.
fn largest(base: &Connection, tables: &[String]) -> Option<String> {
    let count = |name: &String| {
        let query = format!("SELECT count(*) FROM (SELECT 1 FROM {} LIMIT {COUNTED})", quoted(name));
        base.query_row(&query, [], |row| row.get::<_, i64>(0)).unwrap_or(0)
    };
    tables.iter().rev().max_by_key(|name| count(name)).cloned()
}

fn rows(
    source: &ByteSource,
    base: &Connection,
    query: &str,
    reading: &Reading,
    detected: &mut Detected,
) -> Result<Table, DataError> {
    let broken = |e: rusqlite::Error| match reading.advance(0) {
        Err(cancelled) => cancelled,
        Ok(()) => source.malformed(&format!("the database cannot be read ({e}). Fetch it again, or check the query")),
    };
    let mut statement = base.prepare(query).map_err(broken)?;
    if !statement.readonly() || statement.column_count() == 0 {
        return Err(source.malformed("the query must be one that reads, such as SELECT * FROM table"));
    }
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    check_width(source, names.len())?;
    let mut columns: Vec<CellColumn> = names.iter().map(|_| CellColumn::default()).collect();
    let mut binary = vec![0_usize; names.len()];
    let mut present = vec![false; names.len()];
    let mut rows = statement.query([]).map_err(broken)?;
    let mut count = 0_usize;
    while let Some(row) = rows.next().map_err(broken)? {
        for (k, column) in columns.iter_mut().enumerate() {
            let value = row.get_ref(k).map_err(broken)?;
            present[k] |= !matches!(value, ValueRef::Null | ValueRef::Blob(_));
            match value {
                ValueRef::Null => column.missing(),
                ValueRef::Integer(v) if is_rounded(v.unsigned_abs().into()) => column.text(&v.to_string()),
                ValueRef::Integer(v) => column.number(v as f64),
                ValueRef::Real(v) => column.number(v),
                ValueRef::Text(text) => column.text(&String::from_utf8_lossy(text)),
                ValueRef::Blob(_) => {
                    binary[k] += 1;
                    column.missing();
                }
            }
        }
        if count.is_multiple_of(1024) {
            reading.advance(0)?;
            reading.allow(source.name(), columns.iter().map(CellColumn::bytes).sum())?;
        }
        count += 1;
        if reading.is_enough(count) {
            break;
        }
    }
    let mut names = unique_names(names.iter().map(String::as_str));
    for (name, cells) in names.iter().zip(&binary).filter(|(_, n)| **n > 0) {
        let cells = chainrule_common::format::counted(*cells, "cell");
        detected.note(format!(
            "Column \"{name}\": {cells} with binary data, which are no values of a table, were left empty."
        ));
    }
    // A column of nothing but binary data is none.
    let kept = |k: usize| present[k] || binary[k] == 0;
    let mut place = 0..names.len();
    names.retain(|_| place.next().is_some_and(kept));
    let columns = columns.into_iter().enumerate().filter(|(k, _)| kept(*k)).map(|(_, column)| column);
    let columns = names.into_iter().zip(columns).map(|(name, column)| column.finish(name)).collect();
    Ok(Table { name: source.name().to_owned(), columns })
}
