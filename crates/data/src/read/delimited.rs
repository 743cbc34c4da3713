//! Delimited text → table: encoding, delimiter, header, quoting, decimal point and column types are detected.
//!
//! The text is read in blocks of whole records. While the next block is read, all threads parse pieces of the present one: cut
//! at line ends if it has no quotes, else at records found by the `csv` crate. Numbers go straight into their columns, so that
//! a file needs little more memory than its numbers. If a column whose first rows are numbers turns out to hold text, the file
//! is read again.

use super::blocks::Blocks;
use super::byte_source::ByteSource;
use super::dialect::{FIELD_LIMIT, csv_reader, detect_delimiter, has_header, sample_rows, uses_decimal_comma};
use super::options::{COLUMN_LIMIT, Detected, Format, ReadOptions, TextFormat};
use super::text_encoding::{self, ToUtf8};
use crate::cells::{dated, unique_names};
use crate::error::DataError;
use crate::numbers::Numbers;
use crate::parse::{decimal, is_missing, number, trimmed_number};
use crate::reading::Reading;
use crate::table::{Column, Table, TextBuilder, Values};
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use memchr::{memchr, memchr_iter};
use rayon::prelude::{
    IndexedParallelIterator as _, IntoParallelRefIterator as _, IntoParallelRefMutIterator as _, ParallelIterator as _,
};

pub(super) fn read(
    source: &ByteSource,
    head: &[u8],
    options: &ReadOptions,
    reading: &Reading,
) -> Result<(Table, Detected), DataError> {
    let encoding = match &options.encoding {
        Some(name) => text_encoding::named(name)?,
        None => text_encoding::detect(head),
    };
    match read_as(source, head, encoding, options, reading) {
        // Only the first bytes were UTF-8.
        Err(DataError::NotUtf8 { row, .. }) if options.encoding.is_none() => {
            let (table, mut detected) = read_as(source, head, WINDOWS_1252, options, reading)?;
            detected.note(format!("Line {row} is not UTF-8, so the text was read as windows-1252."));
            Ok((table, detected))
        }
        outcome => outcome,
    }
}

fn read_as(
    source: &ByteSource,
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
    let whole = (head.len() as u64) < super::byte_source::HEAD;
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
        cells().all(|c| is_missing(c) || number(c, decimal_comma).is_some())
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

/// How the columns are read.
struct Layout<'a> {
    name: &'a str,
    format: TextFormat,
    numeric: &'a [bool],
}

/// A column that is being read.
enum Sink {
    Numbers(Numbers),
    Text(TextBuilder),
    /// A column of supposed numbers in which text was found.
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
            // Each piece has levels of its own.
            Self::Text(text) => text.clear(),
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

/// An error in a record; lines and bytes count from the beginning of its piece.
enum Wrong {
    Fields { line: usize, found: usize },
    NotUtf8 { line: usize, byte: usize },
    Huge { line: usize },
    Csv(String),
}

impl Layout<'_> {
    /// Reads the whole text once.
    fn read(
        &self,
        source: &ByteSource,
        encoding: &'static Encoding,
        reading: &Reading,
    ) -> Result<Vec<Sink>, DataError> {
        let mut blocks = Blocks::new(source, encoding, reading)?;
        let mut all = self.sinks();
        // The columns of each piece of a block.
        let mut parts: Vec<Vec<Sink>> = Vec::new();
        // Lines and bytes before the present block.
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

    /// Parses the pieces of a block, each into a part; returns the number of lines.
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

    /// Parses lines without quotes; returns their number.
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
                // Most numbers are plain decimals.
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

    /// Parses records with quoted fields; returns the number of lines.
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

    /// Parses one cell.
    fn field(&self, field: &[u8], sink: &mut Sink) -> Result<(), Bad> {
        let field = field.trim_ascii();
        match sink {
            Sink::Mistaken => {}
            Sink::Numbers(numbers) => {
                let found = if self.format.decimal_comma {
                    std::str::from_utf8(field).ok().and_then(|text| number(text, true))
                } else {
                    trimmed_number(field)
                };
                match found {
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

#[cfg(test)]
mod tests {
    use crate::{ReadOptions, Values, read_bytes};

    fn read(text: &str) -> crate::Table {
        read_bytes("t.csv", text.as_bytes(), &ReadOptions::default()).expect("readable").0
    }

    #[test]
    fn quoted_delimiters_newlines_and_quotes_stay_in_their_cell() {
        let table = read("a,b\n\"x, y\",1\n\"two\nlines\",2\n\"say \"\"hi\"\"\",3\n");
        let cells: Vec<String> = (0..3).map(|r| table.columns[0].cell(r)).collect();
        assert_eq!(cells, ["x, y", "two\nlines", "say \"hi\""]);
    }

    #[test]
    fn types_and_missing_values_are_inferred() {
        let table = read("n,t\n1,x\n?,y\nNA,\n2.5e3,x\n");
        let Values::Numbers(n) = &table.columns[0].values else { panic!("numbers") };
        let n: Vec<f64> = n.iter().collect();
        assert!(n[0] == 1.0 && n[1].is_nan() && n[2].is_nan() && n[3] == 2500.0);
        assert!(!table.columns[1].is_number() && table.columns[1].is_missing(2));
    }

    #[test]
    fn double_names_are_told_apart() {
        let names: Vec<String> = read("a,a,\n1,2,3\n").columns.into_iter().map(|c| c.name).collect();
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
