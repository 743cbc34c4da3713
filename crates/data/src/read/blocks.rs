//! Text in blocks of whole records, so that the next can be read while one is parsed.

use super::byte_source::ByteSource;
use super::dialect::Syntax;
use super::footer::FOOTER_BYTES;
use super::lines::{LineRules, Rewriter, Tally, remove_nul};
use super::records;
use super::text_encoding::ToUtf8;
use crate::error::DataError;
use crate::reading::Reading;
use encoding_rs::Encoding;
use memchr::{memchr, memchr_iter, memchr2, memrchr};
use std::io::Read;

/// A longer record is refused as a mistake.
const RECORD_LIMIT: usize = 16 << 20;
const BLOCK: usize = 2 << 20;
/// Pieces of a block per thread: enough that the thread that reads the next block meanwhile still finds some.
const PIECES: usize = 4;
/// Size of a block for a preview.
const PREVIEW_BLOCK: usize = 1 << 17;

/// Cuts text at line ends into `pieces` pieces of about the same length.
fn cut(text: &[u8], pieces: usize) -> Vec<&[u8]> {
    let mut cuts = Vec::with_capacity(pieces);
    let mut rest = text;
    for left in (1..=pieces).rev() {
        let wanted = rest.len() / left;
        let end =
            if left == 1 { rest.len() } else { memchr(b'\n', &rest[wanted..]).map_or(rest.len(), |k| wanted + k + 1) };
        let (piece, after) = rest.split_at(end);
        if !piece.is_empty() {
            cuts.push(piece);
        }
        rest = after;
    }
    cuts
}

/// Reads text in blocks that end where a record ends.
pub(super) struct Blocks<'a> {
    name: &'a str,
    source: &'a ByteSource<'a>,
    input: Box<dyn Read + Send + 'a>,
    decoder: ToUtf8,
    /// Bytes that the decoder reads.
    raw: Vec<u8>,
    /// The first `filled` bytes are text that is in no block yet.
    text: Vec<u8>,
    filled: usize,
    /// Buffer for the block after the next.
    pub spare: Vec<u8>,
    ended: bool,
    first: bool,
    size: usize,
    rewriter: Option<Rewriter>,
    /// Lines of the text so far.
    lines: usize,
    /// NUL bytes, which are left out.
    pub nul: Tally,
    /// Whether quotes that were supposed to be in order cannot be.
    pub disorder: bool,
}

/// What a block has of quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quotes {
    /// None, and all lines end alike, so that it can be cut at any line.
    None,
    /// Quotes that are in order, as far as is known.
    InOrder,
    Any,
}

pub(super) struct Block {
    pub bytes: Vec<u8>,
    /// Bytes of whole records.
    length: usize,
    pub quotes: Quotes,
    /// Where records begin, so that it can be cut there.
    cuts: Vec<usize>,
    /// Whether it ends the text.
    pub last: bool,
}

impl Block {
    pub fn text(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Takes the text behind `length` away.
    pub fn shorten(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    /// The text from `start` on, in pieces of whole records.
    pub fn pieces(&self, start: usize) -> Vec<&[u8]> {
        let text = self.text();
        if self.quotes == Quotes::None {
            return cut(&text[start..], pieces());
        }
        let inside = self.cuts.iter().copied().filter(|&at| at > start && at < text.len());
        let ends = inside.clone().chain([text.len()]);
        std::iter::once(start).chain(inside).zip(ends).map(|(from, to)| &text[from..to]).collect()
    }
}

impl<'a> Blocks<'a> {
    pub fn new(
        source: &'a ByteSource<'a>,
        encoding: &'static Encoding,
        rules: &LineRules,
        reading: &Reading,
    ) -> Result<Self, DataError> {
        let size = if reading.rows.is_some() { PREVIEW_BLOCK } else { BLOCK };
        Ok(Self {
            name: source.name(),
            source,
            input: source.open(reading)?,
            decoder: ToUtf8::new(encoding),
            raw: Vec::new(),
            text: Vec::new(),
            filled: 0,
            spare: Vec::new(),
            ended: false,
            first: true,
            size,
            rewriter: Rewriter::new(rules),
            lines: 0,
            nul: Tally::default(),
            disorder: false,
        })
    }

    fn text(&self) -> &[u8] {
        &self.text[..self.filled]
    }

    /// Lines with a quote that was made a plain character.
    pub fn mended(&self) -> Tally {
        self.rewriter.as_ref().map_or_else(Tally::default, |r| r.mended)
    }

    /// Reads one more block.
    fn fill(&mut self) -> Result<(), DataError> {
        let start = self.filled;
        let passes = self.decoder.passes();
        let place = if passes { &mut self.text } else { &mut self.raw };
        let first = if passes { start } else { 0 };
        place.resize(place.len().max(first + self.size), 0);
        let mut read = 0;
        while read < self.size {
            match self.input.read(&mut place[first + read..first + self.size]).map_err(|e| self.source.cannot(&e))? {
                0 => {
                    self.ended = true;
                    break;
                }
                n => read += n,
            }
        }
        self.filled = start + read;
        if !passes {
            self.text.truncate(start);
            self.decoder.push(&self.raw[..read], self.ended, &mut self.text);
            self.filled = self.text.len();
        }
        if self.first {
            self.first = false;
            if self.text().starts_with(&[0xef, 0xbb, 0xbf]) {
                self.drop(3);
            }
        }
        let start = start.min(self.filled);
        if memchr(0, &self.text()[start..]).is_some() {
            self.text.truncate(self.filled);
            if let Some((count, lines)) = remove_nul(&mut self.text, start) {
                self.nul.merge(Tally { count, first: self.lines + lines + 1 }, 0);
            }
            self.filled = self.text.len();
        }
        // DOS ends files with this sign.
        while self.ended && self.text()[start..].last() == Some(&0x1a) {
            self.filled -= 1;
        }
        // Line ends of old Macintosh computers.
        if memchr(b'\n', self.text()).is_none() && memchr(b'\r', self.text()).is_some() {
            let new = &mut self.text[start..self.filled];
            new.iter_mut().filter(|b| **b == b'\r').for_each(|b| *b = b'\n');
        }
        self.lines += memchr_iter(b'\n', &self.text()[start..]).count();
        if let Some(rewriter) = &mut self.rewriter {
            let new = self.text[start..self.filled].to_vec();
            self.text.truncate(start);
            rewriter.push(&new, self.ended, &mut self.text);
            self.filled = self.text.len();
        }
        Ok(())
    }

    /// Removes bytes from the beginning.
    fn drop(&mut self, bytes: usize) {
        self.text.copy_within(bytes..self.filled, 0);
        self.filled -= bytes;
    }

    /// Removes lines from the beginning; returns how many lines and bytes were removed.
    pub fn skip_lines(&mut self, lines: usize) -> Result<(usize, usize), DataError> {
        let mut skipped = (0, 0);
        while skipped.0 < lines {
            if self.filled == 0 {
                if self.ended {
                    break;
                }
                self.fill()?;
                continue;
            }
            // All of them at once, since what follows is moved.
            let (mut at, before) = (0, skipped.0);
            while let Some(end) = memchr(b'\n', &self.text()[at..]).filter(|_| skipped.0 < lines) {
                at += end + 1;
                skipped.0 += 1;
            }
            if skipped.0 == before {
                at = self.filled;
            }
            skipped.1 += at;
            self.drop(at);
        }
        Ok(skipped)
    }

    /// The next block of whole records; none at the end, or where only quotes that are not `in_order` explain what follows.
    pub fn next(&mut self, syntax: Syntax, in_order: bool) -> Result<Option<Block>, DataError> {
        while !self.ended || self.filled > 0 {
            if !self.ended {
                self.fill()?;
            }
            let text = self.text();
            // The end of the text is looked at as a whole, for what stands below the table.
            let most = if self.ended { text.len() } else { text.len().saturating_sub(FOOTER_BYTES) };
            // One pass is enough for text without quotes and carriage returns.
            let suspicious = memchr2(b'"', b'\r', text);
            let odd_ends = || memchr_iter(b'\r', text).any(|k| text.get(k + 1).is_some_and(|&b| b != b'\n'));
            let quotes = || syntax.quotes && memchr(b'"', text).is_some();
            let quotes = match suspicious {
                None => Quotes::None,
                Some(_) if odd_ends() => Quotes::Any,
                Some(_) if !quotes() => Quotes::None,
                Some(_) if in_order => Quotes::InOrder,
                Some(_) => Quotes::Any,
            };
            let (last, cuts) = match quotes {
                Quotes::None => (memrchr(b'\n', &text[..most]).map_or(0, |k| k + 1), Vec::new()),
                Quotes::InOrder => records::cuts(text, most, pieces()),
                Quotes::Any => any_cuts(text, most, syntax),
            };
            let length = if self.ended { text.len() } else { last };
            if length > 0 {
                // The rest belongs to the next block.
                let rest = self.filled - length;
                let mut following = std::mem::take(&mut self.spare);
                following.resize(following.len().max(rest), 0);
                following[..rest].copy_from_slice(&self.text[length..self.filled]);
                self.filled = rest;
                let bytes = std::mem::replace(&mut self.text, following);
                return Ok(Some(Block { bytes, length, quotes, cuts, last: self.ended }));
            }
            if quotes == Quotes::InOrder && self.filled > RECORD_LIMIT {
                self.disorder = true;
                return Ok(None);
            }
            if self.filled + self.rewriter.as_ref().map_or(0, Rewriter::waiting) > RECORD_LIMIT {
                return Err(DataError::HugeField { name: self.name.to_owned(), row: 1, limit: RECORD_LIMIT });
            }
        }
        Ok(None)
    }
}

/// Where the last record begins that does so in the first `most` bytes, and where the records begin that cut the text before it
/// into pieces of about the same length.
fn any_cuts(text: &[u8], most: usize, syntax: Syntax) -> (usize, Vec<usize>) {
    let mut reader = syntax.reader().from_reader(text);
    let mut record = csv::ByteRecord::new();
    let length = (text.len() / pieces()).max(1);
    let (mut last, mut cuts) = (0, Vec::new());
    while reader.read_byte_record(&mut record).is_ok_and(|more| more) {
        let start = record.position().map_or(last, |p| p.byte() as usize);
        if start > most {
            break;
        }
        last = start;
        if last >= length * (cuts.len() + 1) {
            cuts.push(last);
        }
    }
    (last, cuts)
}

/// Pieces that a block is cut into.
fn pieces() -> usize {
    match rayon::current_num_threads() {
        1 => 1,
        threads => PIECES * threads,
    }
}
