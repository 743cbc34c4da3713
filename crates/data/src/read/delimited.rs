//! Delimited text → table: encoding, separator, header, quoting, decimal point and column types are detected.
//!
//! The text is read in blocks of whole records. While the next block is read, all threads parse pieces of the present one: cut
//! at line ends if it has no quotes, else at records found by the `csv` crate. Numbers go straight into their columns, so that
//! a file needs little more memory than its numbers. If a column whose first rows are numbers turns out to hold text, the file
//! is read again.

use super::around::{Footer, find_footer, is_blank};
use super::blocks::Blocks;
use super::byte_source::ByteSource;
use super::dialect::{FIELD_LIMIT, Row, Swallowed, record_start, stray_quote};
use super::layout::{TextLayout, find_layout, tell_footer, were};
use super::lines::Tally;
use super::options::{Detected, Format, Note, ReadOptions, TextFormat};
use super::text_encoding::{self, ToUtf8};
use crate::cells::unique_names;
use crate::error::DataError;
use crate::numbers::Numbers;
use crate::parse::{decimal, trimmed_number};
use crate::reading::Reading;
use crate::table::{Column, Table, TextBuilder, Values};
use crate::typing::kinds::ReadKind;
use crate::typing::numbers::{is_code, number};
use crate::typing::odd::{self, Odd, OddCells};
use crate::typing::words::{MissingWords, names_places};
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
    let unsure = options.quotes.is_none() && layout.rules.mend.is_none() && layout.rules.separator.is_plain();
    let ((sinks, found), layout) = if swallowed && unsure {
        let layout = find_layout(name, text, whole, options, Some(layout.cells), &format)?;
        (read_with(source, encoding, &layout, options, reading)?, layout)
    } else {
        (outcome?, layout)
    };
    if sinks.first().is_none_or(|s| s.len() == 0) {
        return Err(DataError::HeaderOnly { name: name.to_owned() });
    }
    let TextLayout { mut format, names, mut notes, cells, header, .. } = layout;
    format.footer = found.footer.lines;
    let unnamed: Vec<bool> = names.iter().map(|n| n.trim().is_empty()).collect();
    let named = unique_names(names.iter().map(String::as_str));
    let mut odd: Vec<Odd> = Vec::new();
    let mut finish = |(name, sink): (String, Sink)| {
        if let Sink::Numbers { numbers, odd: cells } = &sink
            && !cells.is_empty()
        {
            let (count, rows) = (cells.len(), numbers.len());
            odd.push(Odd { column: name.clone(), kind: ReadKind::Number, cells: cells.clone(), count, rows });
        }
        Column::new(name, sink.finish())
    };
    let mut columns: Vec<Column> = named.into_iter().zip(sinks).map(&mut finish).collect();
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
    found.tell(&mut notes, header.as_ref(), cells, options);
    notes.extend(odd::tell(&odd, options));
    let replaced = found.replaced.count > 0;
    let mut detected = Detected { text: Some(format), notes, ..Detected::of(Format::Delimited) };
    for odd in odd {
        detected.options.columns.entry(odd.column).or_default().kind = Some(ReadKind::Number);
    }
    Ok((Table { name: name.to_owned(), columns }, detected, replaced))
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
    loop {
        let layout =
            Layout { name: source.name(), found, numeric: &numeric, words: &words, header_line: &header_line, options };
        let (sinks, findings) = layout.read(source, encoding, reading)?;
        let is_sure = |k: usize| own(k).and_then(|c| c.kind) == Some(ReadKind::Number);
        let is_wrong = |k: usize| match &sinks[k] {
            Sink::Mistaken => true,
            Sink::Numbers { numbers, odd } => !is_sure(k) && !odd.is_empty() && !fits(numbers, odd),
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

/// What is odd about some lines.
#[derive(Debug, Default)]
struct Findings {
    /// Rows with fewer cells than most.
    short: Tally,
    /// Rows with more, and how many cells the first has.
    long: Tally,
    longest: usize,
    /// Rows of separators only.
    empty: Tally,
    /// Rows that repeat the names.
    repeated: Tally,
    /// Cells with bytes that are no text.
    replaced: Tally,
    /// Records with a quote that swallows rows, and records whose quotes are in order though each of their lines is a row.
    stray: Tally,
    spanned: Tally,
    /// Quotes that became plain characters, and NUL bytes that were left out.
    mended: Tally,
    nul: Tally,
    footer: Footer,
}

impl Findings {
    /// Adds those of a later part, which begins behind `lines` lines.
    fn merge(&mut self, later: &Self, lines: usize) {
        if self.long.count == 0 {
            self.longest = later.longest;
        }
        self.short.merge(later.short, lines);
        self.long.merge(later.long, lines);
        self.empty.merge(later.empty, lines);
        self.repeated.merge(later.repeated, lines);
        self.replaced.merge(later.replaced, lines);
        self.stray.merge(later.stray, lines);
        self.spanned.merge(later.spanned, lines);
    }

    fn tell(&self, notes: &mut Vec<Note>, header: Option<&Row>, cells: usize, options: &ReadOptions) {
        tell_footer(notes, &self.footer, options);
        let first = |tally: Tally| match tally.count {
            1 => format!("line {}", tally.first),
            _ => format!("the first in line {}", tally.first),
        };
        let rows =
            |tally: Tally| if tally.count == 1 { "1 row has".to_owned() } else { format!("{} rows have", tally.count) };
        if self.short.count > 0 {
            let text = format!(
                "{} fewer cells than the {cells} of most ({}): what is missing there became gaps.",
                rows(self.short),
                first(self.short)
            );
            notes.push(text.into());
        }
        if self.long.count > 0 {
            let text = format!(
                "{} more cells than the {cells} of most ({}): what stands beyond the last column was left out.",
                rows(self.long),
                first(self.long)
            );
            notes.push(Note::from(text).offering("Refuse such rows", options, |o| o.cut_long_rows = None));
        }
        if self.empty.count > 0 {
            notes.push(
                format!(
                    "{} nothing but separators ({}) and {} left out.",
                    rows(self.empty),
                    first(self.empty),
                    if self.empty.count == 1 { "was" } else { "were" }
                )
                .into(),
            );
        }
        if let Some(header) = header.filter(|_| self.repeated.count > 0) {
            let names: Vec<String> = header.cells.iter().take(5).map(|c| format!("\"{}\"", c.trim())).collect();
            let text = format!(
                "{} the names of the header again, {} ({}), and {} left out.",
                rows(self.repeated).replace("has", "holds").replace("have", "hold"),
                names.join(", "),
                first(self.repeated),
                if self.repeated.count == 1 { "was" } else { "were" }
            );
            notes.push(text.into());
        }
        if self.nul.count > 0 {
            let text = format!(
                "{} left out, as damaged files have them ({}).",
                were(self.nul.count, "NUL byte"),
                first(self.nul)
            );
            notes.push(text.into());
        }
        if self.mended.count > 0 {
            let text = format!(
                "{} a quote that does not close where a cell ends ({}). It was read as a plain character, since it would swallow the rows below.",
                if self.mended.count == 1 {
                    "1 line has".to_owned()
                } else {
                    format!("{} lines have", self.mended.count)
                },
                first(self.mended)
            );
            let note =
                Note::from(text).offering("All quotes are plain characters", options, |o| o.quotes = Some(false));
            notes.push(note.offering("Follow the quotes", options, |o| o.quotes = Some(true)));
        }
        if self.spanned.count > 0 && options.quotes.is_none() {
            let text = format!(
                "{} a cell in quotes over several lines of which each looks like a row ({}).",
                rows(self.spanned),
                first(self.spanned)
            );
            notes.push(Note::from(text).offering("Quotes are plain characters", options, |o| o.quotes = Some(false)));
        }
    }
}

/// A column that is being read.
enum Sink {
    /// Numbers, and the cells among them that are none.
    Numbers {
        numbers: Numbers,
        odd: OddCells,
    },
    Text(TextBuilder),
    /// A column of supposed numbers in which text was found.
    Mistaken,
}

/// Odd cells beyond which a piece of a column is text.
const ODD: usize = 1000;

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
    ['.', ','].into_iter().any(|decimal| number(cell, decimal).is_some_and(|(_, marks)| marks.unit.is_none()))
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
fn fits(numbers: &Numbers, odd: &OddCells) -> bool {
    let fit = numbers.len() - numbers.missing();
    let mut distinct: Vec<u64> = Vec::new();
    for value in numbers.iter().filter(|v| !v.is_nan()) {
        if !distinct.contains(&value.to_bits()) {
            distinct.push(value.to_bits());
        }
        if distinct.len() >= odd::MANY {
            break;
        }
    }
    odd::are_errors(fit, distinct.len(), odd.iter().map(|(_, cell)| (&**cell, 1)))
}

impl Sink {
    fn len(&self) -> usize {
        match self {
            Self::Numbers { numbers, .. } => numbers.len(),
            Self::Text(text) => text.len(),
            Self::Mistaken => 0,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Numbers { numbers, odd } => numbers.bytes() + 32 * odd.len(),
            Self::Text(text) => text.bytes(),
            Self::Mistaken => 0,
        }
    }

    fn append(&mut self, other: &Self) {
        match (&mut *self, other) {
            (Self::Numbers { numbers, odd }, Self::Numbers { numbers: more, odd: others }) => {
                odd.extend(others.iter().map(|(row, cell)| (row + numbers.len(), cell.clone())));
                numbers.append(more);
            }
            (Self::Text(a), Self::Text(b)) => a.append(b),
            _ => *self = Self::Mistaken,
        }
    }

    /// A missing cell.
    fn gap(&mut self) {
        match self {
            Self::Numbers { numbers, .. } => numbers.push(f64::NAN),
            Self::Text(text) => text.push(None),
            Self::Mistaken => {}
        }
    }

    fn clear(&mut self) {
        match self {
            Self::Numbers { numbers, odd } => {
                numbers.clear();
                odd.clear();
            }
            // Each piece has levels of its own.
            Self::Text(text) => text.clear(),
            Self::Mistaken => {}
        }
    }

    fn finish(self) -> Values {
        match self {
            Self::Numbers { mut numbers, .. } => {
                numbers.shrink();
                Values::Numbers(numbers)
            }
            Self::Text(text) => Values::Text(text.finish()),
            Self::Mistaken => unreachable!("such columns are read again"),
        }
    }
}

/// An error in a record; lines count from the beginning of its piece.
enum Wrong {
    Huge { line: usize },
    Csv(String),
}

/// What a piece held: its lines, and what is odd about some.
type Parsed = Result<(usize, Findings), Wrong>;

impl Layout<'_> {
    /// Reads the whole text once.
    fn read(
        &self,
        source: &ByteSource,
        encoding: &'static Encoding,
        reading: &Reading,
    ) -> Result<(Vec<Sink>, Findings), DataError> {
        let TextLayout { syntax, kinds, format, .. } = self.found;
        let mut blocks = Blocks::new(source, encoding, &self.found.rules, reading)?;
        let mut all = self.sinks();
        // The columns of each piece of a block.
        let mut parts: Vec<Vec<Sink>> = Vec::new();
        let mut findings = Findings::default();
        // Lines before the present block.
        let (before, _) = blocks.skip_lines(self.found.body_line)?;
        let mut lines = before;
        let mut next = blocks.next(*syntax)?;
        while let Some(mut block) = next {
            if block.last {
                let whole = lines == before;
                let footer =
                    find_footer(block.text(), *syntax, kinds, self.options.footer, whole, format.decimal_comma);
                block.shorten(footer.start);
                findings.footer = footer;
            }
            let pieces = block.pieces(0);
            let plain = block.cuts.is_none();
            let (parsed, following) =
                rayon::join(|| self.block(&pieces, plain, lines, &mut findings, &mut parts), || blocks.next(*syntax));
            lines += parsed?;
            all.par_iter_mut().enumerate().for_each(|(k, whole)| parts.iter().for_each(|part| whole.append(&part[k])));
            reading.allow(self.name, all.iter().map(Sink::bytes).sum())?;
            if reading.is_enough(all.iter().map(Sink::len).max().unwrap_or(0)) {
                break;
            }
            next = following?;
            blocks.spare = block.bytes;
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
        Ok((all, findings))
    }

    fn sinks(&self) -> Vec<Sink> {
        let sink = |&numeric: &bool| {
            if numeric {
                Sink::Numbers { numbers: Numbers::default(), odd: Vec::new() }
            } else {
                Sink::Text(TextBuilder::default())
            }
        };
        self.numeric.iter().map(sink).collect()
    }

    /// Parses the pieces of a block, each into a part; returns the number of lines.
    fn block(
        &self,
        pieces: &[&[u8]],
        plain: bool,
        lines: usize,
        findings: &mut Findings,
        parts: &mut Vec<Vec<Sink>>,
    ) -> Result<usize, DataError> {
        parts.resize_with(pieces.len(), || self.sinks());
        let parse = |(&piece, sinks): (&&[u8], &mut Vec<Sink>)| {
            sinks.iter_mut().for_each(Sink::clear);
            if plain { self.plain(piece, sinks) } else { self.quoted(piece, sinks) }
        };
        let parsed: Vec<Parsed> = pieces.par_iter().zip(parts).map(parse).collect();
        let mut count = 0;
        for outcome in parsed {
            let (more, found) = outcome.map_err(|wrong| self.told(wrong, lines + count))?;
            findings.merge(&found, lines + count);
            count += more;
        }
        Ok(count)
    }

    fn told(&self, wrong: Wrong, lines: usize) -> DataError {
        let name = self.name.to_owned();
        match wrong {
            Wrong::Huge { line } => DataError::HugeField { name, row: lines + line, limit: FIELD_LIMIT },
            Wrong::Csv(reason) => DataError::Malformed { name, reason },
        }
    }

    /// Parses lines without quotes; returns their number.
    fn plain(&self, piece: &[u8], sinks: &mut [Sink]) -> Parsed {
        let delimiter = self.found.syntax.separator;
        let decimal_comma = self.found.format.decimal_comma;
        let comment = self.found.syntax.comment;
        let header = self.header_line;
        let mut found = Findings::default();
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
            let Some(&first) = line.first() else { continue };
            if Some(first) == comment
                || (first <= b' ' || first == delimiter) && is_empty(line, delimiter, number, sinks.len(), &mut found)
            {
                continue;
            }
            if line.len() == header.len() && line == header {
                found.repeated.add(number);
                continue;
            }
            let mut start = 0;
            let mut cells = 0;
            let mut ended = false;
            for (k, sink) in sinks.iter_mut().enumerate() {
                if ended {
                    sink.gap();
                    continue;
                }
                cells += 1;
                // Most numbers are plain decimals.
                let (mut at, plain) = decimal(line, start);
                if at < line.len() && line[at] != delimiter {
                    at = memchr(delimiter, &line[at..]).map_or(line.len(), |k| at + k);
                    self.cell(&line[start..at], k, sink, number, &mut found)?;
                } else {
                    match (&mut *sink, plain) {
                        // With a decimal comma, a point stands between thousands.
                        (Sink::Numbers { numbers, .. }, Some(value))
                            if !decimal_comma || memchr(b'.', &line[start..at]).is_none() =>
                        {
                            numbers.push(value);
                        }
                        _ => self.cell(&line[start..at], k, sink, number, &mut found)?,
                    }
                }
                ended = at == line.len();
                start = at + 1;
            }
            if !ended {
                found.too_long(number, memchr_iter(delimiter, line).count() + 1, &line[start..], delimiter);
            } else if cells < self.found.cells {
                found.short.add(number);
            }
        }
        Ok((number, found))
    }

    /// Parses records with quoted fields; returns the number of lines.
    fn quoted(&self, piece: &[u8], sinks: &mut [Sink]) -> Parsed {
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
                if record.len() > 1 && sinks.len() > 1 {
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
            for (k, sink) in sinks.iter_mut().enumerate() {
                match record.get(k) {
                    Some(cell) => self.cell(cell, k, sink, counted, &mut found)?,
                    None => sink.gap(),
                }
            }
            if record.len() < self.found.cells {
                found.short.add(line());
            }
            if record.iter().skip(sinks.len()).any(|cell| !is_blank(cell)) {
                found.too_long(line(), record.len(), b"x", syntax.separator);
            }
        }
        Ok((memchr_iter(b'\n', piece).count(), found))
    }

    /// Parses one cell; bytes that are no text are replaced.
    fn cell(
        &self,
        field: &[u8],
        column: usize,
        sink: &mut Sink,
        line: usize,
        found: &mut Findings,
    ) -> Result<(), Wrong> {
        match self.field(field, column, sink) {
            Ok(()) => Ok(()),
            Err(Bad::Huge) => Err(Wrong::Huge { line }),
            Err(Bad::NotUtf8) => {
                found.replaced.add(line);
                let text = String::from_utf8_lossy(field);
                self.field(text.as_bytes(), column, sink).map_err(|_huge| Wrong::Huge { line })
            }
        }
    }

    /// Parses one cell.
    fn field(&self, field: &[u8], column: usize, sink: &mut Sink) -> Result<(), Bad> {
        let field = field.trim_ascii();
        match sink {
            Sink::Mistaken => {}
            Sink::Numbers { numbers, odd } => {
                let Ok(cell) = std::str::from_utf8(field) else { return Err(Bad::NotUtf8) };
                match plain_number(field, self.found.format.decimal_sign()) {
                    Some(_) if is_code(cell) => *sink = Sink::Mistaken,
                    Some(number) => numbers.push(number),
                    None if self.words[column].has(cell) => numbers.push(f64::NAN),
                    // Numbers in another notation are read with their column.
                    None if is_written_otherwise(cell) || odd.len() >= ODD => *sink = Sink::Mistaken,
                    None => {
                        odd.push((numbers.len(), cell.into()));
                        numbers.push(f64::NAN);
                    }
                }
            }
            Sink::Text(text) => {
                if field.len() > FIELD_LIMIT {
                    return Err(Bad::Huge);
                }
                let Ok(cell) = std::str::from_utf8(field).map(str::trim) else { return Err(Bad::NotUtf8) };
                text.push(Some(cell).filter(|c| !c.is_empty()));
            }
        }
        Ok(())
    }
}

enum Bad {
    Huge,
    NotUtf8,
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

impl Findings {
    /// Notes a row of `cells` cells that has `rest` behind its last column, unless that is empty.
    fn too_long(&mut self, line: usize, cells: usize, rest: &[u8], separator: u8) {
        if rest.iter().all(|&b| b == separator || b == b' ') {
            return;
        }
        if self.long.count == 0 {
            self.longest = cells;
        }
        self.long.add(line);
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
