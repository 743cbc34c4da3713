//! Detects the dialect of delimited text from its first records: delimiter, header and decimal point.

use super::options::COLUMN_LIMIT;
use crate::error::DataError;
use crate::parse::number;

pub(super) const FIELD_LIMIT: usize = 1 << 20;
/// Rows from which the kinds of columns are detected.
const SAMPLE: usize = 1000;
const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];

/// The first records.
pub(super) fn sample_rows(
    name: &str,
    text: &str,
    delimiter: char,
    comment: Option<char>,
    whole: bool,
    skip: usize,
) -> Result<Vec<csv::StringRecord>, DataError> {
    let mut rows: Vec<csv::StringRecord> = Vec::new();
    let mut end = 0;
    for record in csv_reader(delimiter, comment).from_reader(text.as_bytes()).records() {
        let record = record.map_err(|e| DataError::Malformed {
            name: name.to_owned(),
            reason: e.to_string().trim_end_matches('.').to_owned(),
        })?;
        let line = skip + record.position().map_or(rows.len() + 1, |p| p.line() as usize);
        if record.iter().any(|f| f.len() > FIELD_LIMIT) {
            return Err(DataError::HugeField { name: name.to_owned(), row: line, limit: FIELD_LIMIT });
        }
        if record.len() > COLUMN_LIMIT {
            return Err(DataError::TooWide { name: name.to_owned(), columns: record.len(), limit: COLUMN_LIMIT });
        }
        end = record.position().map_or(end, |p| p.byte() as usize);
        rows.push(record);
        if rows.len() > SAMPLE {
            return Ok(rows);
        }
    }
    // The last record may be incomplete.
    if !whole && rows.len() > 1 && end > 0 {
        rows.pop();
    }
    Ok(rows)
}

pub(super) fn csv_reader(delimiter: char, comment: Option<char>) -> csv::ReaderBuilder {
    let mut reader = csv::ReaderBuilder::new();
    reader.delimiter(delimiter as u8).has_headers(false).flexible(true).comment(comment.map(|c| c as u8));
    reader
}

/// The candidate that splits the first lines into equal, large numbers of fields.
pub(super) fn detect_delimiter(text: &str, comment: Option<char>) -> char {
    let lines = || text.lines().filter(|l| !l.trim().is_empty() && !comment.is_some_and(|c| l.starts_with(c)));
    let score = |delimiter: char| {
        let mut quoted = false;
        let (mut counts, mut count) = (Vec::new(), 0_usize);
        'lines: for line in lines().take(100) {
            for c in line.chars().take(1 << 16) {
                match c {
                    '"' => quoted = !quoted,
                    c if c == delimiter && !quoted => count += 1,
                    _ => {}
                }
            }
            if !quoted {
                counts.push(std::mem::take(&mut count));
                if counts.len() == 30 {
                    break 'lines;
                }
            }
        }
        if counts.is_empty() {
            counts.push(count);
        }
        let most = counts.iter().copied().max().unwrap_or(0);
        let same = counts.iter().filter(|&&c| c == counts[0]).count() * 100 / counts.len();
        // Agreement between lines counts most, then cells that are numbers ("1;2,5" is not "1;2" and "5"), then fields.
        let cells = || lines().take(30).flat_map(|line| line.split(delimiter).take(1000));
        let numbers = cells().filter(|c| number(c, delimiter != ',').is_some() || number(c, false).is_some()).count();
        let share = numbers * 100 / cells().count().max(1);
        if counts[0] == 0 { (0, 0, 0) } else { (same, share, most) }
    };
    DELIMITERS.into_iter().rev().max_by_key(|&d| score(d)).filter(|&d| score(d) != (0, 0, 0)).unwrap_or(',')
}

/// Whether some cell looks like 3,14 and none like 3.14.
pub(super) fn uses_decimal_comma(rows: &[csv::StringRecord]) -> bool {
    let cells = || rows.iter().skip(1).take(200).flat_map(csv::StringRecord::iter);
    cells().any(|c| c.contains(',') && number(c, true).is_some())
        && !cells().any(|c| c.contains('.') && number(c, false).is_some())
}

/// Whether the first row is a header: none of its cells is a number, and it differs from the rows below.
pub(super) fn has_header(rows: &[csv::StringRecord], decimal_comma: bool) -> bool {
    let Some(first) = rows.first() else { return false };
    if first.iter().any(|c| number(c, decimal_comma).is_some()) {
        return false;
    }
    let below = || rows.iter().skip(1).take(200);
    let cell = |row: &csv::StringRecord, k: usize| row.get(k).unwrap_or("").to_owned();
    let numbers_below = (0..first.len()).any(|k| below().any(|r| number(&cell(r, k), decimal_comma).is_some()));
    let repeats = (0..first.len()).any(|k| !first[k].trim().is_empty() && below().any(|r| cell(r, k) == first[k]));
    numbers_below || rows.len() == 1 || !repeats
}

#[cfg(test)]
mod tests {
    use crate::{ReadOptions, read_bytes};

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
            let (table, found) = read_bytes("t.csv", text.as_bytes(), &ReadOptions::default()).expect("readable");
            let found = found.text.expect("text");
            assert_eq!((found.delimiter, found.header, found.decimal_comma), (delimiter, header, comma), "{text:?}");
            assert_eq!((table.columns.len(), table.rows()), (columns, rows), "{text:?}");
        }
    }
}
