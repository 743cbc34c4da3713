//! Delimited text → table: encoding, delimiter, header, quoting, decimal point and column types are detected.
//!
//! The text is read in blocks of whole records, each while the one before it is parsed by all threads: one without quotes
//! in pieces cut at line ends, one with quotes in pieces cut at records, by the `csv` crate. Numbers go straight into their columns, so that a file needs
//! little more memory than its numbers. A column that turns out to hold words after its first rows were all numbers is
//! read again as text.

use super::blocks::Blocks;
use super::encoding::{self, ToUtf8};
use super::source::Source;
use super::{COLUMN_LIMIT, Detected, Format, ReadOptions};
use crate::data::cells::{dated, is_missing, parse, parse_trimmed, unique_names};
use crate::data::error::DataError;
use crate::data::numbers::Numbers;
use crate::data::reading::Reading;
use crate::data::table::{Column, Table, TextBuilder, Values};
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use memchr::{memchr, memchr_iter};
use rayon::prelude::{
    IndexedParallelIterator as _, IntoParallelRefIterator as _, IntoParallelRefMutIterator as _, ParallelIterator as _,
};
use serde::Serialize;

/// How a text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TextFormat {
    pub delimiter: char,
    pub header: bool,
    pub decimal_comma: bool,
    pub byte_order_mark: bool,
    pub encoding: &'static str,
    pub comment: Option<char>,
    /// Lines before the table.
    pub skip: usize,
}

impl Default for TextFormat {
    fn default() -> Self {
        Self {
            delimiter: ',',
            header: true,
            decimal_comma: false,
            byte_order_mark: false,
            encoding: UTF_8.name(),
            comment: None,
            skip: 0,
        }
    }
}

const FIELD_LIMIT: usize = 1 << 20;
/// Rows that tell what a column is.
const SAMPLE: usize = 1000;
const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];

pub(super) fn read(
    source: &Source,
    head: &[u8],
    options: &ReadOptions,
    reading: &Reading,
) -> Result<(Table, Detected), DataError> {
    let encoding = match &options.encoding {
        Some(name) => encoding::named(name)?,
        None => encoding::detect(head),
    };
    match read_as(source, head, encoding, options, reading) {
        // The first bytes were UTF-8, but not all.
        Err(DataError::NotUtf8 { row, .. }) if options.encoding.is_none() => {
            let (table, mut detected) = read_as(source, head, WINDOWS_1252, options, reading)?;
            detected.notes.push(format!("Line {row} is not UTF-8, so the text was read as windows-1252."));
            Ok((table, detected))
        }
        outcome => outcome,
    }
}

fn read_as(
    source: &Source,
    head: &[u8],
    encoding: &'static Encoding,
    options: &ReadOptions,
    reading: &Reading,
) -> Result<(Table, Detected), DataError> {
    let name = source.name();
    let mut start = Vec::new();
    ToUtf8::new(encoding).push(head, false, &mut start);
    let byte_order_mark =
        head.starts_with(&[0xef, 0xbb, 0xbf]) || (encoding != UTF_8 && Encoding::for_bom(head).is_some());
    let text = String::from_utf8_lossy(&start);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    if text.trim().is_empty() {
        return Err(DataError::Empty { name: name.to_owned() });
    }
    let comment = options.comment.filter(char::is_ascii).or_else(|| text.starts_with('#').then_some('#'));
    let skip = options.skip.unwrap_or(0);
    let sample: String = text.split_inclusive('\n').skip(skip).collect();
    let delimiter = options.delimiter.filter(char::is_ascii).unwrap_or_else(|| detect_delimiter(&sample, comment));
    let whole = (head.len() as u64) < super::source::HEAD;
    let rows = sample_rows(name, &sample, delimiter, comment, whole, skip)?;
    let Some(first) = rows.first() else { return Err(DataError::Empty { name: name.to_owned() }) };
    let width = first.len();
    if width > COLUMN_LIMIT {
        return Err(DataError::TooWide { name: name.to_owned(), columns: width, limit: COLUMN_LIMIT });
    }
    let decimal_comma = options.decimal_comma.unwrap_or_else(|| delimiter != ',' && uses_decimal_comma(&rows));
    let header = options.header.unwrap_or_else(|| has_header(&rows, decimal_comma));
    let names = if header { unique_names(first) } else { unique_names(std::iter::repeat_n("", width)) };
    let body = &rows[usize::from(header)..];
    let is_number = |k: usize| {
        let cells = || body.iter().map(|r| r.get(k).unwrap_or("").trim());
        cells().all(|c| is_missing(c) || parse(c, decimal_comma).is_some())
    };
    let format =
        TextFormat { delimiter, header, decimal_comma, byte_order_mark, encoding: encoding.name(), comment, skip };
    let mut numeric: Vec<bool> = (0..width).map(is_number).collect();
    let sinks = loop {
        let layout = Layout { name, format, numeric: &numeric };
        let sinks = layout.read(source, encoding, reading)?;
        let mistaken: Vec<usize> = (0..width).filter(|&k| matches!(sinks[k], Sink::Mistaken)).collect();
        if mistaken.is_empty() {
            break sinks;
        }
        for k in mistaken {
            numeric[k] = false;
        }
    };
    if sinks.first().is_none_or(|s| s.len() == 0) {
        return Err(DataError::HeaderOnly { name: name.to_owned() });
    }
    let columns = names.into_iter().zip(sinks).map(|(name, sink)| Column::new(name, sink.finish())).collect();
    let detected = Detected { text: Some(format), ..Detected::of(Format::Delimited) };
    Ok((Table { name: name.to_owned(), columns }, detected))
}

/// The first records.
fn sample_rows(
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
    // The last record of a part may be cut.
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

/// What the columns are.
struct Layout<'a> {
    name: &'a str,
    format: TextFormat,
    numeric: &'a [bool],
}

/// A column that grows.
enum Sink {
    Numbers(Numbers),
    Text(TextBuilder),
    /// It was taken for numbers, but is not.
    Mistaken,
}

impl Sink {
    fn len(&self) -> usize {
        match self {
            Self::Numbers(v) => v.len(),
            Self::Text(text) => text.len(),
            Self::Mistaken => 0,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Numbers(v) => v.bytes(),
            Self::Text(text) => text.bytes(),
            Self::Mistaken => 0,
        }
    }

    fn append(&mut self, other: &Self) {
        match (&mut *self, other) {
            (Self::Numbers(a), Self::Numbers(b)) => a.append(b),
            (Self::Text(a), Self::Text(b)) => a.append(b),
            _ => *self = Self::Mistaken,
        }
    }

    fn clear(&mut self) {
        match self {
            Self::Numbers(numbers) => numbers.clear(),
            // Levels of one piece are not those of the next.
            Self::Text(text) => *text = TextBuilder::default(),
            Self::Mistaken => {}
        }
    }

    fn finish(self) -> Values {
        match self {
            Self::Numbers(mut numbers) => {
                numbers.shrink();
                Values::Numbers(numbers)
            }
            Self::Text(text) => dated(text.finish()),
            Self::Mistaken => unreachable!("such columns are read again"),
        }
    }
}

/// What is wrong with a record, counted from the beginning of its piece.
enum Wrong {
    Fields { line: usize, found: usize },
    NotUtf8 { line: usize, byte: usize },
    Huge { line: usize },
    Csv(String),
}

impl Layout<'_> {
    /// One pass over the text. The next block is read while one is parsed.
    fn read(&self, source: &Source, encoding: &'static Encoding, reading: &Reading) -> Result<Vec<Sink>, DataError> {
        let mut blocks = Blocks::new(source, encoding, reading)?;
        let mut all = self.sinks();
        // What the pieces of a block hold, one after the other.
        let mut parts: Vec<Vec<Sink>> = Vec::new();
        // Lines and bytes before the block.
        let (mut lines, mut bytes) = blocks.skip_lines(self.format.skip)?;
        let mut skip_header = self.format.header;
        let mut next = blocks.next(&self.format)?;
        while let Some(block) = next {
            let text = block.text();
            let mut start = 0;
            if skip_header {
                let header = self.header_end(text);
                skip_header = header.is_none();
                start = header.unwrap_or(text.len());
                lines += memchr_iter(b'\n', &text[..start]).count();
                bytes += start;
            }
            let pieces = block.pieces(start);
            let plain = block.cuts.is_none();
            let (parsed, following) =
                rayon::join(|| self.block(&pieces, plain, lines, bytes, &mut parts), || blocks.next(&self.format));
            lines += parsed?;
            bytes += text.len() - start;
            all.par_iter_mut().enumerate().for_each(|(k, whole)| parts.iter().for_each(|part| whole.append(&part[k])));
            reading.allow(self.name, all.iter().map(Sink::bytes).sum())?;
            if reading.is_enough(all.iter().map(Sink::len).max().unwrap_or(0)) {
                break;
            }
            next = following?;
            blocks.spare = block.bytes;
        }
        Ok(all)
    }

    fn sinks(&self) -> Vec<Sink> {
        let sink = |&numeric: &bool| {
            if numeric { Sink::Numbers(Numbers::default()) } else { Sink::Text(TextBuilder::default()) }
        };
        self.numeric.iter().map(sink).collect()
    }

    /// Where the first record ends.
    fn header_end(&self, text: &[u8]) -> Option<usize> {
        let mut reader = csv_reader(self.format.delimiter, self.format.comment).from_reader(text);
        let mut record = csv::ByteRecord::new();
        reader.read_byte_record(&mut record).ok()?.then(|| reader.position().byte() as usize)
    }

    /// Parses the pieces of a block, each into a part; the number of its lines.
    fn block(
        &self,
        pieces: &[&[u8]],
        plain: bool,
        lines: usize,
        bytes: usize,
        parts: &mut Vec<Vec<Sink>>,
    ) -> Result<usize, DataError> {
        parts.resize_with(pieces.len(), || self.sinks());
        let parse = |(&piece, sinks): (&&[u8], &mut Vec<Sink>)| {
            sinks.iter_mut().for_each(Sink::clear);
            if plain { self.plain(piece, sinks) } else { self.quoted(piece, sinks) }
        };
        let parsed: Vec<Result<usize, Wrong>> = pieces.par_iter().zip(parts).map(parse).collect();
        let (mut count, mut bytes) = (0, bytes);
        for (piece, outcome) in pieces.iter().zip(parsed) {
            count += outcome.map_err(|wrong| self.told(wrong, lines + count, bytes))?;
            bytes += piece.len();
        }
        Ok(count)
    }

    fn told(&self, wrong: Wrong, lines: usize, bytes: usize) -> DataError {
        let name = self.name.to_owned();
        match wrong {
            Wrong::Fields { line, found } => DataError::Ragged {
                name,
                row: lines + line,
                found,
                expected: self.numeric.len(),
                delimiter: self.format.delimiter,
            },
            Wrong::NotUtf8 { line, byte } => DataError::NotUtf8 { name, row: lines + line, byte: bytes + byte },
            Wrong::Huge { line } => DataError::HugeField { name, row: lines + line, limit: FIELD_LIMIT },
            Wrong::Csv(reason) => DataError::Malformed { name, reason },
        }
    }

    /// Lines without quotes; how many.
    fn plain(&self, piece: &[u8], sinks: &mut [Sink]) -> Result<usize, Wrong> {
        let delimiter = self.format.delimiter as u8;
        let comment = self.format.comment.map(|c| c as u8);
        let mut rest = piece;
        let mut number = 0;
        while !rest.is_empty() {
            let end = memchr(b'\n', rest).unwrap_or(rest.len());
            let mut line = &rest[..end];
            rest = rest.get(end + 1..).unwrap_or(&[]);
            number += 1;
            if line.last() == Some(&b'\r') {
                line = &line[..line.len() - 1];
            }
            if line.is_empty() || comment == line.first().copied() {
                continue;
            }
            let mut start = 0;
            let mut ended = false;
            for sink in sinks.iter_mut() {
                if ended {
                    return Err(Wrong::Fields { line: number, found: memchr_iter(delimiter, line).count() + 1 });
                }
                // Most fields of numbers are plain ones.
                let (mut at, plain) = decimal(line, start);
                if at < line.len() && line[at] != delimiter {
                    at = memchr(delimiter, &line[at..]).map_or(line.len(), |k| at + k);
                    self.field(&line[start..at], sink).map_err(|wrong| wrong.at(number, line, piece))?;
                } else {
                    match (&mut *sink, plain) {
                        (Sink::Numbers(numbers), Some(value)) => numbers.push(value),
                        _ => self.field(&line[start..at], sink).map_err(|wrong| wrong.at(number, line, piece))?,
                    }
                }
                ended = at == line.len();
                start = at + 1;
            }
            if !ended {
                return Err(Wrong::Fields { line: number, found: memchr_iter(delimiter, line).count() + 1 });
            }
        }
        Ok(number)
    }

    /// Records of which some fields are quoted; how many lines.
    fn quoted(&self, piece: &[u8], sinks: &mut [Sink]) -> Result<usize, Wrong> {
        let mut reader = csv_reader(self.format.delimiter, self.format.comment).from_reader(piece);
        let mut record = csv::ByteRecord::new();
        while reader.read_byte_record(&mut record).map_err(|e| Wrong::Csv(e.to_string()))? {
            let position = record.position();
            let line = position.map_or(1, |p| p.line() as usize);
            if record.len() != sinks.len() {
                return Err(Wrong::Fields { line, found: record.len() });
            }
            for (field, sink) in record.iter().zip(sinks.iter_mut()) {
                let from = &piece[position.map_or(0, |p| p.byte() as usize)..];
                self.field(field, sink).map_err(|wrong| wrong.at(line, from, piece))?;
            }
        }
        Ok(memchr_iter(b'\n', piece).count())
    }

    /// One cell of any kind.
    fn field(&self, field: &[u8], sink: &mut Sink) -> Result<(), Bad> {
        let field = field.trim_ascii();
        match sink {
            Sink::Mistaken => {}
            Sink::Numbers(numbers) => {
                let number = if self.format.decimal_comma {
                    std::str::from_utf8(field).ok().and_then(|text| parse(text, true))
                } else {
                    parse_trimmed(field)
                };
                match number {
                    Some(number) => numbers.push(number),
                    None if std::str::from_utf8(field).is_ok_and(is_missing) => numbers.push(f64::NAN),
                    None => *sink = Sink::Mistaken,
                }
            }
            Sink::Text(text) => {
                if field.len() > FIELD_LIMIT {
                    return Err(Bad::Huge);
                }
                let Ok(cell) = std::str::from_utf8(field).map(str::trim) else { return Err(Bad::NotUtf8) };
                text.push(Some(cell).filter(|c| !is_missing(c)));
            }
        }
        Ok(())
    }
}

enum Bad {
    Huge,
    NotUtf8,
}

impl Bad {
    fn at(self, line: usize, record: &[u8], piece: &[u8]) -> Wrong {
        match self {
            Self::Huge => Wrong::Huge { line },
            Self::NotUtf8 => {
                let before = record.as_ptr() as usize - piece.as_ptr() as usize;
                let valid = std::str::from_utf8(record).map_or_else(|e| e.valid_up_to(), |_| 0);
                Wrong::NotUtf8 { line, byte: before + valid + 1 }
            }
        }
    }
}

/// Powers of ten that double precision holds exactly.
const TENS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// Where a run of digits, with a sign and a point, ends, and its number if that is exact: digits that fit 53 bits, divided
/// by a power of ten that is exact too, round once and so rightly (Clinger 1990).
#[inline]
fn decimal(line: &[u8], start: usize) -> (usize, Option<f64>) {
    let negative = line.get(start) == Some(&b'-');
    let first = start + usize::from(negative);
    let mut digits = 0_u64;
    let mut at = run_of_digits(line, first, &mut digits);
    let mut count = at - first;
    let mut decimals = 0;
    if line.get(at) == Some(&b'.') {
        let end = run_of_digits(line, at + 1, &mut digits);
        decimals = end - at - 1;
        count += decimals;
        at = end;
    }
    // Nineteen digits fit 64 bits.
    let exact = (1..20).contains(&count) && digits <= 1 << 53;
    let number = exact.then(|| {
        let number = digits as f64 / TENS[decimals];
        if negative { -number } else { number }
    });
    (at, number)
}

/// Takes digits in, eight at a time where there are as many.
#[inline]
fn run_of_digits(line: &[u8], start: usize, digits: &mut u64) -> usize {
    let mut at = start;
    while let Some(eight) = line.get(at..at + 8).and_then(|b| <[u8; 8]>::try_from(b).ok()) {
        let word = u64::from_le_bytes(eight);
        // Each byte is from 0x30 to 0x39.
        let high = word & 0xf0f0_f0f0_f0f0_f0f0;
        let above = word.wrapping_add(0x0606_0606_0606_0606) & 0xf0f0_f0f0_f0f0_f0f0;
        if high != 0x3030_3030_3030_3030 || above != 0x3030_3030_3030_3030 {
            break;
        }
        let pairs = (word & 0x0f0f_0f0f_0f0f_0f0f).wrapping_mul(2561) >> 8;
        let fours = (pairs & 0x00ff_00ff_00ff_00ff).wrapping_mul(6_553_601) >> 16;
        let eights = (fours & 0x0000_ffff_0000_ffff).wrapping_mul(42_949_672_960_001) >> 32;
        *digits = digits.wrapping_mul(100_000_000).wrapping_add(eights);
        at += 8;
    }
    while let Some(digit) = line.get(at).map(|b| b.wrapping_sub(b'0')).filter(|&d| d < 10) {
        *digits = digits.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    at
}

/// The candidate that splits the first lines into the same, largest number of fields.
fn detect_delimiter(text: &str, comment: Option<char>) -> char {
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
    let cell = |row: &csv::StringRecord, k: usize| row.get(k).unwrap_or("").to_owned();
    let numbers_below = (0..first.len()).any(|k| below().any(|r| parse(&cell(r, k), decimal_comma).is_some()));
    let repeats = (0..first.len()).any(|k| !first[k].trim().is_empty() && below().any(|r| cell(r, k) == first[k]));
    numbers_below || rows.len() == 1 || !repeats
}

#[cfg(test)]
mod tests {
    use super::TextFormat;
    use crate::data::{ReadOptions, Values, read_bytes};

    fn read(text: &str) -> (crate::data::Table, TextFormat) {
        let (table, found) = read_bytes("t.csv", text.as_bytes(), &ReadOptions::default()).expect("readable");
        (table, found.text.expect("text"))
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
        let n: Vec<f64> = n.iter().collect();
        assert!(n[0] == 1.0 && n[1].is_nan() && n[2].is_nan() && n[3] == 2500.0);
        assert!(!table.columns[1].is_number() && table.columns[1].is_missing(2));
    }

    proptest::proptest! {
        #[test]
        fn plain_decimals_are_read_to_the_last_bit(text in "-?[0-9]{1,18}(\\.[0-9]{0,22})?") {
            let (end, number) = super::decimal(text.as_bytes(), 0);
            proptest::prop_assert_eq!(end, text.len());
            if let Some(number) = number {
                let wanted: f64 = text.parse().expect("a number");
                proptest::prop_assert_eq!(number.to_bits(), wanted.to_bits(), "{}", text);
            }
        }
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
            let options = ReadOptions { encoding: Some("UTF-8".into()), ..ReadOptions::default() };
            let error = read_bytes("t.csv", bytes, &options).expect_err("bad input").to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
