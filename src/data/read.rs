//! Delimited text → table: byte-order mark, delimiter, header, quoting, decimal point and column types are detected.

use super::error::DataError;
use super::table::{Column, Table};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;

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
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Detected {
    pub delimiter: char,
    pub header: bool,
    pub decimal_comma: bool,
    pub byte_order_mark: bool,
}

const FIELD_LIMIT: usize = 1 << 20;
const COLUMN_LIMIT: usize = 20_000;
const FILE_LIMIT: u64 = 2 << 30;
const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];

/// Reads a file, refusing folders and files that would not fit in memory.
pub(super) fn read_limited(path: &Path) -> Result<Vec<u8>, DataError> {
    let unreadable = |e: &io::Error| match e.kind() {
        io::ErrorKind::NotFound => DataError::NotFound(path.to_owned()),
        _ => DataError::Unreadable { path: path.to_owned(), reason: e.to_string() },
    };
    let about = std::fs::metadata(path).map_err(|e| unreadable(&e))?;
    if about.is_dir() {
        return Err(DataError::IsFolder(path.to_owned()));
    }
    if !about.is_file() {
        let reason = "it is not a file".to_owned();
        return Err(DataError::Unreadable { path: path.to_owned(), reason });
    }
    if about.len() > FILE_LIMIT {
        let mib = |n: u64| format!("{} MiB", n >> 20);
        let name = path.display().to_string();
        return Err(DataError::TooLarge { name, size: mib(about.len()), limit: mib(FILE_LIMIT) });
    }
    std::fs::read(path).map_err(|e| unreadable(&e))
}

/// Reads a delimited text file.
///
/// # Errors
/// What is wrong with the file, where, and how to mend it.
pub fn read_file(path: &Path, options: &ReadOptions) -> Result<(Table, Detected), DataError> {
    let name = path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
    read_bytes(&name, &read_limited(path)?, options)
}

/// Reads delimited text; `name` appears in messages and becomes the table's name.
///
/// # Errors
/// What is wrong with the text, where, and how to mend it.
pub fn read_bytes(name: &str, bytes: &[u8], options: &ReadOptions) -> Result<(Table, Detected), DataError> {
    let text = std::str::from_utf8(bytes).map_err(|e| DataError::NotUtf8 {
        name: name.to_owned(),
        row: 1 + bytes[..e.valid_up_to()].split(|&b| b == b'\n').count() - 1,
        byte: e.valid_up_to() + 1,
    })?;
    let (text, byte_order_mark) = text.strip_prefix('\u{feff}').map_or((text, false), |rest| (rest, true));
    if text.trim().is_empty() {
        return Err(DataError::Empty { name: name.to_owned() });
    }
    let delimiter = options.delimiter.filter(char::is_ascii).unwrap_or_else(|| detect_delimiter(text));
    let rows = split_rows(name, text, delimiter)?;
    let decimal_comma = options.decimal_comma.unwrap_or_else(|| delimiter != ',' && uses_decimal_comma(&rows));
    let header = options.header.unwrap_or_else(|| has_header(&rows, decimal_comma));
    let detected = Detected { delimiter, header, decimal_comma, byte_order_mark };
    let body = &rows[usize::from(header)..];
    if body.is_empty() {
        return Err(DataError::HeaderOnly { name: name.to_owned() });
    }
    let names = column_names(header.then(|| &rows[0]), rows[0].len());
    let columns = names.into_iter().enumerate().map(|(k, name)| typed_column(name, body, k, decimal_comma)).collect();
    Ok((Table { name: name.to_owned(), columns }, detected))
}

fn split_rows(name: &str, text: &str, delimiter: char) -> Result<Vec<csv::StringRecord>, DataError> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter as u8)
        .has_headers(false)
        .flexible(true)
        .from_reader(text.as_bytes());
    let mut rows: Vec<csv::StringRecord> = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| DataError::Malformed { name: name.to_owned(), reason: e.to_string() })?;
        let row = record.position().map_or(rows.len() + 1, |p| p.line() as usize);
        if record.iter().any(|f| f.len() > FIELD_LIMIT) {
            return Err(DataError::HugeField { name: name.to_owned(), row, limit: FIELD_LIMIT });
        }
        let found = record.len();
        if found > COLUMN_LIMIT {
            return Err(DataError::TooWide { name: name.to_owned(), columns: found, limit: COLUMN_LIMIT, delimiter });
        }
        if let Some(first) = rows.first()
            && first.len() != found
        {
            let expected = first.len();
            return Err(DataError::Ragged { name: name.to_owned(), row, found, expected, delimiter });
        }
        rows.push(record);
    }
    Ok(rows)
}

/// The candidate that splits the first lines into the same, largest number of fields.
fn detect_delimiter(text: &str) -> char {
    let score = |delimiter: char| {
        let mut quoted = false;
        let (mut counts, mut count) = (Vec::new(), 0_usize);
        for c in text.chars().take(1 << 16) {
            match c {
                '"' => quoted = !quoted,
                '\n' if !quoted => {
                    counts.push(std::mem::take(&mut count));
                    if counts.len() == 30 {
                        break;
                    }
                }
                c if c == delimiter && !quoted => count += 1,
                _ => {}
            }
        }
        if counts.is_empty() {
            counts.push(count);
        }
        let most = counts.iter().copied().max().unwrap_or(0);
        let same = counts.iter().filter(|&&c| c == counts[0]).count() * 100 / counts.len();
        // Agreement between lines counts most, then cells that are numbers ("1;2,5" is not "1;2" and "5"), then fields.
        let cells = || text.lines().take(30).flat_map(|line| line.split(delimiter));
        let numbers = cells().filter(|c| parse(c, delimiter != ',').is_some() || parse(c, false).is_some()).count();
        let share = numbers * 100 / cells().count().max(1);
        if counts[0] == 0 { (0, 0, 0) } else { (same, share, most) }
    };
    DELIMITERS.into_iter().rev().max_by_key(|&d| score(d)).filter(|&d| score(d) != (0, 0, 0)).unwrap_or(',')
}

/// Whether some cell looks like 3,14 and none like 3.14.
fn uses_decimal_comma(rows: &[csv::StringRecord]) -> bool {
    let cells = || rows.iter().skip(1).take(200).flat_map(csv::StringRecord::iter);
    cells().any(|c| c.contains(',') && parse(c, true).is_some())
        && !cells().any(|c| c.contains('.') && parse(c, false).is_some())
}

/// Whether the first row names the columns: none of its cells is a number, and it does not look like the rows below.
fn has_header(rows: &[csv::StringRecord], decimal_comma: bool) -> bool {
    let Some(first) = rows.first() else { return false };
    if first.iter().any(|c| parse(c, decimal_comma).is_some()) {
        return false;
    }
    let below = || rows.iter().skip(1).take(200);
    let numbers_below = (0..first.len()).any(|k| below().any(|r| parse(&r[k], decimal_comma).is_some()));
    let repeats = (0..first.len()).any(|k| !first[k].trim().is_empty() && below().any(|r| r[k] == first[k]));
    numbers_below || rows.len() == 1 || !repeats
}

/// Names from the header, made unique; "column 1" and so on where there are none.
fn column_names(header: Option<&csv::StringRecord>, width: usize) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(width);
    let mut used = std::collections::HashSet::new();
    for k in 0..width {
        let given = header.map_or("", |h| h[k].trim());
        let base = if given.is_empty() { format!("column {}", k + 1) } else { given.to_owned() };
        let mut name = base.clone();
        let mut copy = 2;
        while !used.insert(name.clone()) {
            name = format!("{base} ({copy})");
            copy += 1;
        }
        names.push(name);
    }
    names
}

/// Numbers where every present cell is one, else text.
fn typed_column(name: String, rows: &[csv::StringRecord], k: usize, decimal_comma: bool) -> Column {
    let cells = || rows.iter().map(|r| r[k].trim());
    let numbers: Option<Vec<f64>> =
        cells().map(|cell| if is_missing(cell) { Some(f64::NAN) } else { parse(cell, decimal_comma) }).collect();
    match numbers {
        Some(values) => Column::numbers(name, values),
        None => Column::text(name, cells().map(|c| (!is_missing(c)).then_some(c))),
    }
}

fn is_missing(cell: &str) -> bool {
    ["", "?", "-", "na", "n/a", "nan", "null", "none"].iter().any(|m| cell.eq_ignore_ascii_case(m))
}

fn parse(cell: &str, decimal_comma: bool) -> Option<f64> {
    let cell = cell.trim();
    // `f64::from_str` also reads "nan" and "infinity"; the first counts as missing, the second is told apart later.
    if !cell.bytes().any(|b| b.is_ascii_digit()) && !cell.to_ascii_lowercase().contains("inf") {
        return None;
    }
    if decimal_comma { cell.replacen(',', ".", 1).parse().ok() } else { cell.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::{ReadOptions, read_bytes};
    use crate::data::Values;

    fn read(text: &str) -> (crate::data::Table, super::Detected) {
        read_bytes("t.csv", text.as_bytes(), &ReadOptions::default()).expect("readable")
    }

    #[test]
    fn dialects_are_detected() {
        for (text, delimiter, header, comma, columns, rows) in [
            ("a,b\n1,2\n3,4\n", ',', true, false, 2, 2),
            ("1;2,5\n3;4,5\n", ';', false, true, 2, 2),
            ("a\tb\tc\n1\t2\tx\n", '\t', true, false, 3, 1),
            ("\u{feff}a|b\r\n1.5|2\r\n", '|', true, false, 2, 1),
            ("name,note\nAnn,\"x, y\"\nBob,\"said \"\"hi\"\"\"\n", ',', true, false, 2, 2),
            ("only\n1\n2\n", ',', true, false, 1, 2),
            ("5.1,3.5,setosa\n4.9,3.0,setosa\n", ',', false, false, 3, 2),
        ] {
            let (table, found) = read(text);
            assert_eq!((found.delimiter, found.header, found.decimal_comma), (delimiter, header, comma), "{text:?}");
            assert_eq!((table.columns.len(), table.rows()), (columns, rows), "{text:?}");
        }
    }

    #[test]
    fn quoted_delimiters_newlines_and_quotes_stay_in_their_cell() {
        let (table, _) = read("a,b\n\"x, y\",1\n\"two\nlines\",2\n\"say \"\"hi\"\"\",3\n");
        let cells: Vec<String> = (0..3).map(|r| table.columns[0].cell(r)).collect();
        assert_eq!(cells, ["x, y", "two\nlines", "say \"hi\""]);
    }

    #[test]
    fn types_and_missing_values_are_inferred() {
        let (table, _) = read("n,t\n1,x\n?,y\nNA,\n2.5e3,x\n");
        let Values::Numbers(n) = &table.columns[0].values else { panic!("numbers") };
        assert!(n[0] == 1.0 && n[1].is_nan() && n[2].is_nan() && n[3] == 2500.0);
        assert!(!table.columns[1].is_number() && table.columns[1].is_missing(2));
    }

    #[test]
    fn double_names_are_told_apart() {
        let names: Vec<String> = read("a,a,\n1,2,3\n").0.columns.into_iter().map(|c| c.name).collect();
        assert_eq!(names, ["a", "a (2)", "column 3"]);
    }

    #[test]
    fn bad_input_is_told_with_its_place() {
        let huge = format!("a,b\n1,\"{}\"\n", "x".repeat(2 << 20));
        for (bytes, says) in [
            (&b""[..], "is empty"),
            (b" \n\n", "is empty"),
            (b"a,b\n", "header but no rows"),
            (b"a,b\n1,2\n3\n", "row 3: 1 fields"),
            (b"a,b\n1,\xff\n", "row 2: the text is not UTF-8 (byte 7"),
            (huge.as_bytes(), "row 2: a field is longer"),
        ] {
            let error = read_bytes("t.csv", bytes, &ReadOptions::default()).expect_err("bad input").to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
