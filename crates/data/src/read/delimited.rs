//! Delimited text → table: encoding, separator, header, quoting, decimal point and column types are detected.
//!
//! The text is read in blocks of whole records. While the next block is read, all threads parse pieces of the present one: cut
//! at line ends if it has no quotes, else at records. Numbers go straight into their columns, so that
//! a file needs little more memory than its numbers. If a column whose first rows are numbers turns out to hold text, the file
//! is read again.

use super::blocks::{Blocks, Quotes};
use super::byte_source::ByteSource;
use super::dialect::{FIELD_LIMIT, Row, Swallowed, record_start, stray_quote};
use super::findings::Findings;
use super::footer::{find_footer, is_blank};
use super::layout::{TextLayout, find_layout, were};
use super::options::{Detected, Format, Note, ReadOptions, TextFormat};
use super::parts::{Part, PartRow, Sink};
use super::records::{Cell, Next, Records};
use super::summaries;
use super::text_encoding::{self, ToUtf8};
use crate::cells::unique_names;
use crate::error::DataError;
use crate::numbers::Numbers;
use crate::parse::{decimal, trimmed_number};
use crate::reading::Reading;
use crate::table::{Column, Table};
use crate::typing::kinds::ReadKind;
use crate::typing::magnitudes::is_magnitude;
use crate::typing::numbers::{in_formula, is_code, number};
use crate::typing::odd::{self, Odd, OddCells};
use crate::typing::thousands::{doubtful_points, far_thousands};
use crate::typing::words::{MissingWords, names_places};
use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use memchr::{memchr, memchr_iter};
use rayon::prelude::{
    IndexedParallelIterator as _, IntoParallelIterator as _, IntoParallelRefIterator as _,
    IntoParallelRefMutIterator as _, ParallelIterator as _,
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
    let (table, mut detected, replaced) = read_as(source, head, encoding, options, reading)?;
    if encoding != UTF_8 || !replaced && !text_encoding::is_wrong(head) {
        return Ok((table, detected));
    }
    // A few damaged characters among many that are right, or another encoding.
    let survey = text_encoding::survey(source, head, reading)?;
    if survey.is_damaged_utf8() {
        let text = format!(
            "{} not UTF-8, the first in line {}, and replaced by \u{fffd}.",
            were(survey.wrong, "piece of text"),
            survey.line
        );
        let note = Note::from(text);
        let other = |o: &mut ReadOptions| o.encoding = Some(WINDOWS_1252.name().to_owned());
        detected.notes.push(note.offering("Read all as windows-1252", options, other));
        return Ok((table, detected));
    }
    if options.encoding.is_some() {
        let name = source.name().to_owned();
        return Err(DataError::NotUtf8 { name, row: survey.line, byte: survey.byte });
    }
    // Only the first bytes were UTF-8.
    let (table, mut detected, _) = read_as(source, head, WINDOWS_1252, options, reading)?;
    detected.note(format!("Line {} is not UTF-8, so the text was read as windows-1252.", survey.line));
    Ok((table, detected))
}

/// Reads the text in an encoding; also says whether bytes were none of it and replaced.
fn read_as(
    source: &ByteSource,
    head: &[u8],
    encoding: &'static Encoding,
    options: &ReadOptions,
    reading: &Reading,
) -> Result<(Table, Detected, bool), DataError> {
    let name = source.name();
    let mut start = Vec::new();
    ToUtf8::new(encoding).push(head, false, &mut start);
    let byte_order_mark =
        head.starts_with(&[0xef, 0xbb, 0xbf]) || (encoding != UTF_8 && Encoding::for_bom(head).is_some());
    let text = String::from_utf8_lossy(&start);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    if text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\0' | '\u{1a}')).is_empty() {
        return Err(DataError::Empty { name: name.to_owned() });
    }
    let whole = (head.len() as u64) < super::byte_source::HEAD;
    let format = TextFormat { byte_order_mark, encoding: encoding.name(), ..TextFormat::default() };
    let layout = find_layout(name, text, whole, options, None, &format)?;
    let outcome = read_with(source, encoding, &layout, options, reading);
    // A quote may swallow rows, or all that follows.
    let swallowed = match &outcome {
        Ok((_, found)) => found.stray.count > 0,
        Err(e) => matches!(e, DataError::HugeField { .. }),
    };
    let unsure = options.quotes.is_none() && layout.rules.mend.is_none() && layout.rules.are_plain();
    let ((sinks, found), layout) = if swallowed && unsure {
        let layout = find_layout(name, text, whole, options, Some(layout.cells), &format)?;
        (read_with(source, encoding, &layout, options, reading)?, layout)
    } else {
        (outcome?, layout)
    };
    if sinks.first().is_none_or(|s| s.len() == 0) {
        return Err(DataError::HeaderOnly { name: name.to_owned() });
    }
    let TextLayout { mut format, names, mut notes, cells, header, body, .. } = layout;
    format.footer = found.footer.lines;
    let unnamed: Vec<bool> = names.iter().map(|n| n.trim().is_empty()).collect();
    let named = unique_names(names.iter().map(String::as_str));
    let mut odd: Vec<Odd> = Vec::new();
    for (name, sink) in named.iter().zip(&sinks) {
        if let Sink::Numbers { numbers, odd: cells, more } = sink
            && !cells.is_empty()
        {
            let (count, rows) = (cells.len() + more, numbers.len());
            odd.push(Odd { column: name.clone(), kind: ReadKind::Number, cells: cells.clone(), count, rows });
        }
    }
    let mut columns: Vec<Column> =
        named.into_par_iter().zip(sinks).map(|(name, sink)| Column::new(name, sink.finish())).collect();
    // Separators at the ends of all lines make no columns.
    let all = columns.len();
    while columns.len() > 1
        && format.header
        && unnamed[columns.len() - 1]
        && columns.last().is_some_and(Column::is_blank)
    {
        columns.pop();
    }
    if columns.len() < all {
        notes.push(
            format!(
                "{} left out at the end of the rows, without a name and without a value.",
                were(all - columns.len(), "column")
            )
            .into(),
        );
    }
    for (k, column) in
        columns.iter().enumerate().filter(|(_, c)| c.is_number() && !options.columns.contains_key(&c.name))
    {
        notes.extend(tell_thousands(&column.name, k, &body, format.decimal_comma, options));
    }
    found.tell(&mut notes, header.as_ref(), cells, options);
    notes.extend(odd::tell(&odd, options));
    let replaced = found.replaced.count > 0;
    let mut detected = Detected { text: Some(format), notes, ..Detected::of(Format::Delimited) };
    let words = odd.iter().flat_map(|odd| &odd.cells).filter(|(_, word)| summaries::is_word(word));
    detected.last_in_doubt = found.footer.maybe_total.is_some() && options.footer.is_none();
    detected.summaries = words.map(|(row, word)| (*row, word.to_string())).collect();
    for odd in odd {
        detected.options.columns.entry(odd.column).or_default().kind = Some(ReadKind::Number);
    }
    Ok((Table { name: name.to_owned(), columns }, detected, replaced))
}

/// That points and commas in the first cells of column `k` may mean something else than what they were read as.
fn tell_thousands(name: &str, k: usize, body: &[Row], decimal_comma: bool, options: &ReadOptions) -> Option<Note> {
    let cells = body.iter().filter_map(|row| row.cells.get(k).map(|cell| cell.trim()));
    if !decimal_comma {
        return doubtful_points(name, cells, options).filter(|_| options.decimal_comma.is_none());
    }
    let row_of = |is: &dyn Fn(&str) -> bool| cells.clone().position(is);
    let words = MissingWords(options.missing.as_deref());
    far_thousands(name, cells.clone().map(|cell| (cell, 1)), ',', words, options, row_of)
}

/// Reads the columns, and finds what is odd on the way.
fn read_with(
    source: &ByteSource,
    encoding: &'static Encoding,
    found: &TextLayout,
    options: &ReadOptions,
    reading: &Reading,
) -> Result<(Vec<Sink>, Findings), DataError> {
    let names = unique_names(found.names.iter().map(String::as_str));
    let own = |k: usize| options.columns.get(&names[k]);
    let words: Vec<MissingWords<'_>> = (0..names.len())
        .map(|k| MissingWords(own(k).and_then(|c| c.missing.as_deref()).or(options.missing.as_deref())))
        .collect();
    let decimal = found.format.decimal_sign();
    let is_number = |k: usize| {
        let kind = own(k).and_then(|c| c.kind);
        let plain =
            own(k).is_none_or(|c| c.unit.is_none() && c.decimal_comma.is_none_or(|c| c == found.format.decimal_comma));
        let cells = || found.body.iter().map(|r| r.cells.get(k).map_or("", |c| c.trim())).filter(|c| !words[k].has(c));
        let is_plain = |c: &str| plain_number(c.as_bytes(), decimal).is_some() && !is_code(c);
        let is_open = kind.is_none() && !names_places(&names[k]);
        (is_open || kind == Some(ReadKind::Number)) && plain && is_mostly(cells(), is_plain)
    };
    let mut numeric: Vec<bool> = (0..names.len()).map(is_number).collect();
    // A line of names as it is written, for lines that repeat it.
    let separator = [found.syntax.separator];
    let header_line = found
        .header
        .as_ref()
        .map_or_else(Vec::new, |h| h.cells.iter().map(String::as_bytes).collect::<Vec<_>>().join(&separator[..]));
    let mut in_order = true;
    loop {
        let layout =
            Layout { name: source.name(), found, numeric: &numeric, words: &words, header_line: &header_line, options };
        let Some((sinks, findings)) = layout.read(source, encoding, reading, in_order)? else {
            in_order = false;
            continue;
        };
        let is_sure = |k: usize| own(k).and_then(|c| c.kind) == Some(ReadKind::Number);
        let is_wrong = |k: usize| match &sinks[k] {
            Sink::Mistaken => true,
            Sink::Numbers { numbers, odd, more } => !is_sure(k) && !odd.is_empty() && !fits(numbers, odd, *more),
            Sink::Text(_) => false,
        };
        let mistaken: Vec<usize> = (0..sinks.len()).filter(|&k| is_wrong(k)).collect();
        if mistaken.is_empty() {
            return Ok((sinks, findings));
        }
        for k in mistaken {
            numeric[k] = false;
        }
    }
}

/// How the columns are read.
struct Layout<'a> {
    name: &'a str,
    found: &'a TextLayout,
    numeric: &'a [bool],
    words: &'a [MissingWords<'a>],
    header_line: &'a [u8],
    options: &'a ReadOptions,
}

/// A plain number; with a decimal comma, points between thousands are plain too.
fn plain_number(field: &[u8], decimal: char) -> Option<f64> {
    if decimal == '.' {
        return trimmed_number(field);
    }
    let text = std::str::from_utf8(field).ok()?;
    let (value, marks) = number(text, decimal)?;
    let plain = marks.unit.is_none() && !marks.brackets && !marks.minus && !marks.fortran && !marks.blanks;
    (plain && matches!(marks.between_thousands, None | Some('.'))).then_some(value)
}

/// Whether a cell is a number, but in a notation that needs the whole column.
fn is_written_otherwise(cell: &str) -> bool {
    in_formula(cell).is_some()
        || is_magnitude(cell)
        || ['.', ','].into_iter().any(|decimal| number(cell, decimal).is_some_and(|(_, marks)| marks.unit.is_none()))
}

/// Whether the first cells of a column are numbers, but for a few.
fn is_mostly<'c>(cells: impl Iterator<Item = &'c str>, is_plain: impl Fn(&str) -> bool) -> bool {
    let (mut plain, mut others) = (0_usize, 0_usize);
    for cell in cells {
        if is_plain(cell) {
            plain += 1;
        } else if is_written_otherwise(cell) || is_code(cell) {
            return false;
        } else {
            others += 1;
        }
    }
    others * 5 <= plain
}

/// Whether a column is numbers although some of its cells are not.
fn fits(numbers: &Numbers, odd: &OddCells, more: usize) -> bool {
    let fit = numbers.len() - numbers.missing();
    // Those that were only counted are taken to be like the first ones.
    let each = (odd.len() + more).div_ceil(odd.len().max(1));
    let mut distinct: Vec<u64> = Vec::new();
    for value in numbers.iter().filter(|v| !v.is_nan()) {
        if !distinct.contains(&value.to_bits()) {
            distinct.push(value.to_bits());
        }
        if distinct.len() >= odd::MANY {
            break;
        }
    }
    odd::are_errors(fit, distinct.len(), odd.iter().map(|(_, cell)| (&**cell, each)))
}

/// An error in a record; lines count from the beginning of its piece.
enum Wrong {
    Huge {
        line: usize,
    },
    Csv(String),
    /// Quotes that were supposed to be in order are not.
    Disorder,
    /// The cells take more memory than there may be.
    TooLarge,
}

/// What a piece held: its lines, and what is odd about some.
type Parsed = Result<(usize, Findings), Wrong>;

impl Layout<'_> {
    /// Reads the whole text once; none if its quotes are supposed to be `in_order` and are not.
    fn read(
        &self,
        source: &ByteSource,
        encoding: &'static Encoding,
        reading: &Reading,
        in_order: bool,
    ) -> Result<Option<(Vec<Sink>, Findings)>, DataError> {
        let TextLayout { syntax, kinds, format, .. } = self.found;
        let mut blocks = Blocks::new(source, encoding, &self.found.rules, reading)?;
        let mut all: Vec<Sink> = self.numeric.iter().map(|&numeric| Sink::new(numeric)).collect();
        // The columns of each piece of a block.
        let mut parts: Vec<Part> = Vec::new();
        let mut findings = Findings::default();
        let mut first = true;
        // Lines before the present block.
        let (before, _) = blocks.skip_lines(self.found.body_line)?;
        let mut lines = before;
        let mut next = blocks.next(*syntax, in_order)?;
        while let Some(mut block) = next {
            if block.last {
                let whole = lines == before;
                let footer =
                    find_footer(block.text(), *syntax, kinds, self.options.footer, whole, format.decimal_comma);
                block.shorten(footer.start);
                findings.footer = footer;
            }
            let pieces = block.pieces(0);
            let parse = || {
                let more = self.block(&pieces, block.quotes, lines, &mut findings, &all, &mut parts, reading)?;
                let columns = all.par_iter_mut().enumerate();
                columns.for_each(|(k, whole)| {
                    for part in &parts {
                        whole.append(part, k);
                    }
                    whole.settle();
                });
                Ok::<_, DataError>(more)
            };
            let (parsed, following) = rayon::join(parse, || blocks.next(*syntax, in_order));
            let Some(more) = parsed? else { return Ok(None) };
            lines += more;
            let held = all.iter().map(Sink::bytes).sum();
            reading.allow(self.name, held)?;
            if first {
                first = false;
                self.expect_rows(&mut all, held, block.text().len(), source, reading);
            }
            if reading.is_enough(all.iter().map(Sink::len).max().unwrap_or(0)) {
                break;
            }
            next = following?;
            blocks.spare = block.bytes;
        }
        if blocks.disorder {
            return Ok(None);
        }
        findings.mended = blocks.mended();
        findings.nul = blocks.nul;
        if findings.long.count > 0 && self.options.cut_long_rows != Some(true) {
            return Err(DataError::Ragged {
                name: self.name.to_owned(),
                row: findings.long.first,
                found: findings.longest,
                expected: self.found.cells,
                delimiter: format.delimiter.words(),
                more: findings.long.count - 1,
            });
        }
        Ok(Some((all, findings)))
    }

    /// Asks for the memory that all rows will probably take, of which the first `bytes` of text took `held`, so that columns are
    /// not moved again and again.
    fn expect_rows(&self, all: &mut [Sink], held: usize, bytes: usize, source: &ByteSource, reading: &Reading) {
        if source.is_compressed() || reading.rows.is_some() || bytes == 0 {
            return;
        }
        let more = source.size() as f64 / bytes as f64 * 1.02;
        if reading.allow(self.name, (held as f64 * (more + 1.0)) as usize).is_ok() {
            all.par_iter_mut().for_each(|sink| sink.reserve((sink.len() as f64 * more) as usize));
        }
    }

    /// Parses the pieces of a block, each into a part; returns the number of lines, or none where quotes are not in order.
    fn block(
        &self,
        pieces: &[&[u8]],
        quotes: Quotes,
        lines: usize,
        findings: &mut Findings,
        all: &[Sink],
        parts: &mut Vec<Part>,
        reading: &Reading,
    ) -> Result<Option<usize>, DataError> {
        parts.resize_with(pieces.len(), || Part::new(self.numeric));
        let most = reading.limit / pieces.len().max(1);
        let parse = |(&piece, part): (&&[u8], &mut Part)| {
            part.clear(all, most);
            match quotes {
                Quotes::None => self.plain(piece, part),
                Quotes::InOrder => self.in_order(piece, part),
                Quotes::Any => self.quoted(piece, part),
            }
        };
        let parsed: Vec<Parsed> = pieces.par_iter().zip(parts).map(parse).collect();
        let mut count = 0;
        for outcome in parsed {
            let (more, found) = match outcome {
                Err(Wrong::Disorder) => return Ok(None),
                Err(Wrong::Huge { line }) => {
                    let row = lines + count + line;
                    return Err(DataError::HugeField { name: self.name.to_owned(), row, limit: FIELD_LIMIT });
                }
                Err(Wrong::TooLarge) => {
                    reading.allow(self.name, usize::MAX)?;
                    return Ok(None);
                }
                Err(Wrong::Csv(reason)) => return Err(DataError::Malformed { name: self.name.to_owned(), reason }),
                Ok(found) => found,
            };
            findings.merge(&found, lines + count);
            count += more;
        }
        Ok(Some(count))
    }

    /// Parses lines without quotes; returns their number.
    fn plain(&self, piece: &[u8], part: &mut Part) -> Parsed {
        let delimiter = self.found.syntax.separator;
        let decimal_comma = self.found.format.decimal_comma;
        let comment = self.found.syntax.comment;
        let header = self.header_line;
        let mut found = Findings::default();
        let text = std::str::from_utf8(piece).ok();
        let (mut next, mut number) = (0, 0);
        while next < piece.len() {
            let mut start = next;
            let mut end = memchr(b'\n', &piece[start..]).map_or(piece.len(), |k| start + k);
            next = end + 1;
            number += 1;
            if piece[start..end].last() == Some(&b'\r') {
                end -= 1;
            }
            let line = &piece[start..end];
            let Some(&first) = line.first() else { continue };
            if Some(first) == comment
                || (first <= b' ' || first == delimiter)
                    && is_empty(line, delimiter, number, self.numeric.len(), &mut found)
            {
                continue;
            }
            if line.len() == header.len() && line == header {
                found.repeated.add(number);
                continue;
            }
            let mut row = part.row().ok_or(Wrong::TooLarge)?;
            let (mut cells, mut place, mut ended) = (0, 0, false);
            for (k, &numeric) in self.numeric.iter().enumerate() {
                if ended {
                    row.text(k, None);
                    continue;
                }
                cells += 1;
                let mut at = start;
                let mut read = false;
                if numeric {
                    // Most are plain decimals. No digit and no point ends the line, so that they may be looked for behind it.
                    let (after, plain) = decimal(piece, start);
                    at = after;
                    if let Some(value) = plain.filter(|_| at == end || piece[at] == delimiter)
                        // With a decimal comma, a point stands between thousands.
                        && (!decimal_comma || memchr(b'.', &piece[start..at]).is_none())
                    {
                        row.numbers[place] = value;
                        read = true;
                    }
                    place += 1;
                }
                if !read {
                    at = memchr(delimiter, &piece[at..end]).map_or(end, |k| at + k);
                    let cell = text.and_then(|text| text.get(start..at)).ok_or(&piece[start..at]);
                    self.cell(cell, k, &mut row, || number, &mut found)?;
                }
                ended = at == end;
                start = at + 1;
            }
            if !ended {
                let count = memchr_iter(delimiter, line).count() + 1;
                found.too_long(number, count, &piece[start..end], delimiter);
            } else if cells < self.found.cells {
                found.short.add(number);
            }
        }
        Ok((number, found))
    }

    /// Parses records whose quotes are in order; returns the number of lines.
    fn in_order(&self, piece: &[u8], part: &mut Part) -> Parsed {
        let mut records = Records::new(piece, self.found.syntax, std::mem::take(&mut part.memory));
        let parsed = self.records(piece, &mut records, part);
        part.memory = records.memory();
        parsed
    }

    fn records(&self, piece: &[u8], records: &mut Records<'_>, part: &mut Part) -> Parsed {
        let syntax = self.found.syntax;
        let header = self.found.header.as_ref();
        let text = std::str::from_utf8(piece).ok();
        let (mut own, mut found) = (Vec::new(), Findings::default());
        // The line of the record, how many it takes, and where it ends.
        let (mut number, mut taken, mut before) = (1, 0, 0);
        loop {
            let (start, end, lines) = match records.next() {
                Next::Record { start, end, lines } => (start, end, lines),
                Next::End => return Ok((number + taken - 1 + count_lines(&piece[before..]), found)),
                Next::Disorder => return Err(Wrong::Disorder),
            };
            number += taken + count_lines(&piece[before..start]);
            taken = if lines { count_lines(&piece[start..end]) } else { usize::from(piece[end - 1] == b'\n') };
            before = end;
            let cells = &records.cells;
            if cells.iter().all(|cell| is_blank(&piece[cell.start..cell.end])) {
                if cells.len() > 1 && self.numeric.len() > 1 {
                    found.empty.add(number);
                }
                continue;
            }
            let mut repeats = |(cell, name): (&Cell, &String)| cell.content(piece, &mut own) == name.as_bytes();
            if header.is_some_and(|h| h.cells.len() == cells.len() && cells.iter().zip(&h.cells).all(&mut repeats)) {
                found.repeated.add(number);
                continue;
            }
            if lines {
                match stray_quote(&piece[start..end], syntax.separator, self.found.cells) {
                    Some(Swallowed::Stray) => found.stray.add(number),
                    Some(Swallowed::Properly) => found.spanned.add(number),
                    None => {}
                }
            }
            let mut row = part.row().ok_or(Wrong::TooLarge)?;
            for k in 0..self.numeric.len() {
                let Some(cell) = cells.get(k) else {
                    row.text(k, None);
                    continue;
                };
                let plain = text.filter(|_| !cell.doubled).and_then(|text| text.get(cell.start..cell.end));
                if let Some(text) = plain.filter(|text| !self.numeric[k] && text.len() <= FIELD_LIMIT) {
                    row.text(k, Some(trimmed(text)).filter(|c| !c.is_empty()));
                    continue;
                }
                let cell = plain.ok_or_else(|| cell.content(piece, &mut own));
                self.cell(cell, k, &mut row, || number, &mut found)?;
            }
            if cells.len() < self.found.cells {
                found.short.add(number);
            }
            if cells.iter().skip(self.numeric.len()).any(|cell| !is_blank(&piece[cell.start..cell.end])) {
                found.too_long(number, cells.len(), b"x", syntax.separator);
            }
        }
    }

    /// Parses records with quoted fields; returns the number of lines.
    fn quoted(&self, piece: &[u8], part: &mut Part) -> Parsed {
        let syntax = self.found.syntax;
        let mut reader = syntax.reader().from_reader(piece);
        let mut record = csv::ByteRecord::new();
        let mut found = Findings::default();
        while reader.read_byte_record(&mut record).map_err(|e| Wrong::Csv(e.to_string()))? {
            let (at, counted) = record.position().map_or((0, 1), |p| (p.byte() as usize, p.line() as usize));
            let line = || {
                let start = record_start(piece, at, syntax.comment);
                counted + memchr_iter(b'\n', &piece[at.min(start)..start]).count()
            };
            if record.iter().all(is_blank) {
                if record.len() > 1 && self.numeric.len() > 1 {
                    found.empty.add(line());
                }
                continue;
            }
            if self.found.header.as_ref().is_some_and(|header| {
                header.cells.len() == record.len() && header.cells.iter().zip(&record).all(|(a, b)| a.as_bytes() == b)
            }) {
                found.repeated.add(line());
                continue;
            }
            let end = reader.position();
            if end.line() as usize > counted + 1 {
                let start = record_start(piece, at, syntax.comment);
                let whole = &piece[start..(end.byte() as usize).max(start)];
                match stray_quote(whole, syntax.separator, self.found.cells) {
                    Some(Swallowed::Stray) => found.stray.add(line()),
                    Some(Swallowed::Properly) => found.spanned.add(line()),
                    None => {}
                }
            }
            let mut row = part.row().ok_or(Wrong::TooLarge)?;
            for k in 0..self.numeric.len() {
                match record.get(k) {
                    Some(cell) => self.cell(Err(cell), k, &mut row, line, &mut found)?,
                    None => row.text(k, None),
                }
            }
            if record.len() < self.found.cells {
                found.short.add(line());
            }
            if record.iter().skip(self.numeric.len()).any(|cell| !is_blank(cell)) {
                found.too_long(line(), record.len(), b"x", syntax.separator);
            }
        }
        Ok((memchr_iter(b'\n', piece).count(), found))
    }

    /// Parses one cell, of text or of bytes that may be none and are replaced then.
    fn cell(
        &self,
        cell: Result<&str, &[u8]>,
        column: usize,
        row: &mut PartRow<'_>,
        line: impl Fn() -> usize,
        found: &mut Findings,
    ) -> Result<(), Wrong> {
        if row.is_mistaken(column) {
            return Ok(());
        }
        let is_number = row.is_number(column);
        let length = cell.map_or_else(<[u8]>::len, str::len);
        let is_huge = |cell: &[u8]| cell.trim_ascii().len() > FIELD_LIMIT;
        if !is_number && length > FIELD_LIMIT && is_huge(cell.map_or_else(|bytes| bytes, str::as_bytes)) {
            return Err(Wrong::Huge { line: line() });
        }
        let lossy;
        let cell = match cell.or_else(|bytes| std::str::from_utf8(bytes).map_err(|_wrong| bytes)) {
            Ok(cell) => cell,
            Err(bytes) => {
                found.replaced.add(line());
                lossy = String::from_utf8_lossy(bytes);
                if !is_number && is_huge(lossy.as_bytes()) {
                    return Err(Wrong::Huge { line: line() });
                }
                &lossy
            }
        };
        if !is_number {
            row.text(column, Some(trimmed(cell)).filter(|c| !c.is_empty()));
            return Ok(());
        }
        let cell = cell.trim_ascii();
        match plain_number(cell.as_bytes(), self.found.format.decimal_sign()) {
            Some(_) if is_code(cell) => row.mistake(column),
            Some(number) => row.number(column, number),
            None if self.words[column].has(cell) => {}
            // Numbers in another notation are read with their column.
            None if is_written_otherwise(cell) => row.mistake(column),
            None => row.odd(column, cell),
        }
        Ok(())
    }
}

/// Line ends; there are none in most texts that are counted.
#[inline]
fn count_lines(text: &[u8]) -> usize {
    if text.is_empty() { 0 } else { memchr_iter(b'\n', text).count() }
}

/// A cell without the blanks around it, which most have not.
#[inline]
fn trimmed(cell: &str) -> &str {
    match cell.as_bytes() {
        [b'!'..=b'~'] | [b'!'..=b'~', .., b'!'..=b'~'] => cell,
        _ => cell.trim(),
    }
}

/// Whether a line holds nothing, or separators only, which is counted.
fn is_empty(line: &[u8], separator: u8, number: usize, columns: usize, found: &mut Findings) -> bool {
    if columns > 1 && line.contains(&separator) {
        let empty = line.iter().all(|&b| b == separator || b == b' ');
        if empty {
            found.empty.add(number);
        }
        return empty;
    }
    is_blank(line)
}

#[cfg(test)]
mod tests {
    use super::{ByteSource, Layout, MissingWords, Sink, find_layout};
    use crate::read::options::TextFormat;
    use crate::{DataError, ReadOptions, Reading, Values, read_bytes};
    use encoding_rs::UTF_8;
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    /// What columns and findings a text gives if its quotes are supposed to be in order, or anyhow; none where they are not in
    /// order, and an error without a table.
    fn parsed(text: &str, numeric: &[bool], in_order: bool) -> Result<Option<String>, DataError> {
        let options = ReadOptions { comment: Some("#".into()), footer: Some(0), ..ReadOptions::default() };
        let found = find_layout("t.csv", text, true, &options, None, &TextFormat::default())?;
        let words = vec![MissingWords(None); found.names.len()];
        let mut numeric = numeric.to_vec();
        numeric.resize(found.names.len(), false);
        let layout =
            Layout { name: "t", found: &found, numeric: &numeric, words: &words, header_line: &[], options: &options };
        let source = ByteSource::bytes("t.csv", text.as_bytes());
        let (sinks, findings) = match layout.read(&source, UTF_8, &Reading::default(), in_order) {
            Ok(Some(read)) => read,
            Ok(None) => return Ok(None),
            Err(e) => return Ok(Some(e.to_string())),
        };
        let sink = |sink: Sink| match sink {
            Sink::Numbers { numbers, odd, .. } => format!("{:?} {odd:?}", numbers.iter().collect::<Vec<_>>()),
            Sink::Text(text) => format!("{:?}", text.finish()),
            Sink::Mistaken => "mistaken".to_owned(),
        };
        Ok(Some(format!("{findings:?} {:?}", sinks.into_iter().map(sink).collect::<Vec<_>>())))
    }

    proptest! {
        #[test]
        fn quotes_in_order_are_read_as_any_are(
            rows in "((a|12|-0\\.5|\"x\"|\"\"|\"7\"|\"two\n, l\"|\"say \"\"hi\"\"\"| é |NA|),){2}(b|\"b, c\"|3)\n{1,2}|#no\n|,,\n|a,\"b\"\n|1,2,3,\n|a,b,c\n|(1,\"2\",3\r\n){1,3}|(\"x\",y,1\n){1,9}",
            count in 1_usize..40,
            numeric in proptest::array::uniform3(any::<bool>()),
        ) {
            let text = format!("a,b,c\n1,\"x\",3\n2,y,4\n3,\"z\",5\n{}", rows.repeat(count));
            let Ok(found) = parsed(&text, &numeric, true) else { return Ok(()) };
            prop_assert!(found.is_some(), "in order: {text:?}");
            prop_assert_eq!(found, parsed(&text, &numeric, false).expect("a table as before"));
        }
    }

    #[test]
    fn short_rows_of_many_columns_are_refused_before_they_fill_the_memory() {
        let names: Vec<String> = (0..3000).map(|k| format!("c{k}")).collect();
        let row = vec!["1"; names.len()].join(",");
        for short in ["1\n", "\"1\"\n"] {
            let text = format!("{}\n{}{}", names.join(","), format!("{row}\n").repeat(100), short.repeat(100_000));
            let source = ByteSource::bytes("t.csv", text.as_bytes());
            let mut reading = Reading::default();
            reading.limit = 64 << 20;
            let options = ReadOptions { header: Some(true), ..ReadOptions::default() };
            let outcome = super::read(&source, &text.as_bytes()[..1 << 18], &options, &reading);
            assert!(matches!(outcome, Err(DataError::TooLarge { .. })), "{:?}", outcome.map(|(table, _)| table.rows()));
        }
    }

    /// Odd cells stand in one place of a column, so that they are few in one part and many in another, as threads have it.
    #[test]
    fn many_odd_cells_are_counted_alike_by_any_number_of_threads() {
        let rows = |odd: usize| {
            let numbers = (0..60_000).map(|k| format!("{k},{}\n", k % 97));
            let text: String = (0..odd).map(|k| format!("{k},n. d.\n")).chain(numbers).collect();
            format!("id,n\n{}", (0..200).map(|k| format!("{k},{}\n", k % 89)).collect::<String>() + &text)
        };
        for (odd, is_number) in [(3000, true), (9000, false)] {
            let text = rows(odd);
            let with = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
                pool.install(|| {
                    let (table, detected) =
                        read_bytes("t.csv", text.as_bytes(), &ReadOptions::default()).expect("a table");
                    let notes: Vec<String> = detected.notes.iter().map(|n| n.text.clone()).collect();
                    (table.columns[1].is_number(), notes)
                })
            };
            let (found, notes) = with(1);
            assert_eq!(found, is_number, "{odd}: {notes:?}");
            assert!(!is_number || notes.iter().any(|n| n.contains("3000")), "{notes:?}");
            for threads in [2, 3, 7] {
                assert_eq!(with(threads), (found, notes.clone()));
            }
        }
    }

    #[test]
    fn quotes_out_of_order_far_down_are_read_from_the_start() {
        let many = "\"a, b\",1\n".repeat(400_000);
        for (odd, cell) in [("5\" x,2", "5\" x"), ("\"a\"b,2", "ab"), ("a\rb,2", "a")] {
            let table = read(&format!("t,n\n{many}{odd}\n\"last\",3\n"));
            assert_eq!(table.rows(), 400_002 + usize::from(odd.contains('\r')), "{odd:?}");
            assert_eq!(
                (table.columns[0].cell(399_999).as_str(), table.columns[0].cell(400_000).as_str()),
                ("a, b", cell)
            );
            assert_eq!(table.columns[0].cell(table.rows() - 1), "last");
        }
    }

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
            (b"a,b\n1,2\n3,4,5\n", "row 3: 3 fields"),
            (b"a,b\n1,\xff\xfe\n", "row 2: the text is not UTF-8 (byte 7"),
            (huge.as_bytes(), "row 2: a field is longer"),
        ] {
            let options = ReadOptions { encoding: Some("UTF-8".into()), ..ReadOptions::default() };
            let error = read_bytes("t.csv", bytes, &options).expect_err("bad input").to_string();
            assert!(error.contains(says), "{error}");
        }
    }
}
