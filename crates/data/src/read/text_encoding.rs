//! Text of any encoding → UTF-8, block by block.

use super::byte_source::ByteSource;
use crate::error::DataError;
use crate::reading::Reading;
use encoding_rs::{Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use memchr::memchr_iter;
use std::io::{self, Read};

/// Encodings that can be chosen.
pub const ENCODINGS: [&str; 9] =
    ["UTF-8", "UTF-16LE", "UTF-16BE", "windows-1252", "windows-1251", "ISO-8859-2", "Shift_JIS", "GBK", "EUC-KR"];

/// Whether a text with the byte order mark of UTF-32 has its little end first; none if it has no such mark.
pub(super) fn utf32(head: &[u8]) -> Option<bool> {
    match head {
        [0xff, 0xfe, 0, 0, ..] => Some(true),
        [0, 0, 0xfe, 0xff, ..] => Some(false),
        _ => None,
    }
}

/// Text in UTF-32 as UTF-8, without its mark.
pub(super) struct FromUtf32<R> {
    inner: R,
    is_little: bool,
    raw: Vec<u8>,
    /// Bytes of a character that is not complete, and those that are converted but not yet given.
    rest: Vec<u8>,
    ready: std::collections::VecDeque<u8>,
}

impl<R: Read> FromUtf32<R> {
    pub fn new(inner: R, is_little: bool) -> Self {
        Self { inner, is_little, raw: vec![0; 1 << 16], rest: Vec::new(), ready: std::collections::VecDeque::new() }
    }
}

impl<R: Read> Read for FromUtf32<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.ready.is_empty() {
            let n = self.inner.read(&mut self.raw)?;
            if n == 0 {
                return Ok(0);
            }
            self.rest.extend_from_slice(&self.raw[..n]);
            let whole = self.rest.len() & !3;
            for bytes in self.rest[..whole].as_chunks::<4>().0 {
                let code = if self.is_little { u32::from_le_bytes(*bytes) } else { u32::from_be_bytes(*bytes) };
                let letter = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                if letter != '\u{feff}' {
                    self.ready.extend(letter.encode_utf8(&mut [0; 4]).bytes());
                }
            }
            self.rest.drain(..whole);
        }
        self.ready.read(buffer)
    }
}

/// Detects the encoding by the byte order mark, by zero bytes, or by the letters.
pub(super) fn detect(head: &[u8]) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(head) {
        return encoding;
    }
    // Half of the bytes of western UTF-16 are zero.
    let sample = &head[..head.len().min(1 << 12) & !1];
    let zeros = |offset: usize| sample.iter().skip(offset).step_by(2).filter(|&&b| b == 0).count();
    // Where power failed, a file ends with zero bytes only.
    let (even, odd) = (zeros(0), zeros(1));
    if odd * 5 > sample.len() && even * 4 < odd {
        return UTF_16LE;
    }
    if even * 5 > sample.len() && odd * 4 < even {
        return UTF_16BE;
    }
    let mut survey = Utf8Survey::default();
    survey.add(head, false);
    if survey.is_damaged_utf8() {
        return UTF_8;
    }
    if survey.wrong == 1 {
        // One letter says nothing of its alphabet.
        return WINDOWS_1252;
    }
    let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Deny);
    detector.feed(head, true);
    detector.guess(None, chardetng::Utf8Detection::Deny)
}

/// What a text that is not UTF-8 as a whole holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Utf8Survey {
    /// Characters of several bytes that are right.
    pub right: usize,
    /// Sequences of bytes that are none.
    pub wrong: usize,
    /// Whether the first of them may be a letter of western Europe in a word.
    letter: bool,
    /// Where the first of them is: its line, and its byte in the file, both counted from 1.
    pub line: usize,
    pub byte: usize,
    /// Lines and bytes so far.
    lines: usize,
    bytes: usize,
}

impl Utf8Survey {
    /// Counts the characters beyond ASCII; a character may be cut at the end, unless it is the `last` part of a text. Returns
    /// how many bytes at the end are such a piece.
    pub fn add(&mut self, bytes: &[u8], last: bool) -> usize {
        let mut rest = bytes;
        loop {
            let (valid, cut) = match std::str::from_utf8(rest) {
                Ok(_) => (rest.len(), None),
                Err(e) => (e.valid_up_to(), Some(e.error_len())),
            };
            // Characters beyond ASCII have one byte that begins them.
            self.right += rest[..valid].iter().filter(|&&b| b >= 0xc0).count();
            self.lines += memchr_iter(b'\n', &rest[..valid]).count();
            self.bytes += valid;
            match cut {
                None => return 0,
                Some(None) if !last => return rest.len() - valid,
                Some(length) => {
                    if self.wrong == 0 {
                        let is_letter = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphabetic);
                        let beside = is_letter(rest.get(valid + 1)) || valid > 0 && is_letter(rest.get(valid - 1));
                        // Without signs, and letters of Icelandic and Turkish.
                        let latin = matches!(rest[valid], 0xc0..=0xcf | 0xd1..=0xd6 | 0xd8..=0xdc | 0xdf..=0xef | 0xf1..=0xf6 | 0xf8..=0xfc);
                        self.letter = latin && beside;
                        (self.line, self.byte) = (self.lines + 1, self.bytes + 1);
                    }
                    self.wrong += 1;
                    let length = length.unwrap_or(rest.len() - valid);
                    self.bytes += length;
                    rest = &rest[valid + length..];
                }
            }
        }
    }

    /// Whether the text is UTF-8 with some damage, and not another encoding. One wrong byte is damage unless it may be the
    /// only letter of a western text that is not ASCII.
    pub fn is_damaged_utf8(self) -> bool {
        self.right >= 4 * self.wrong || self.wrong == 1 && (self.right > 0 || !self.letter)
    }
}

/// Whether some of the first bytes are not UTF-8.
pub(super) fn is_wrong(head: &[u8]) -> bool {
    std::str::from_utf8(head).is_err_and(|e| e.error_len().is_some())
}

/// Looks through a whole text that is not UTF-8 everywhere; a preview looks at its beginning.
pub(super) fn survey(source: &ByteSource, head: &[u8], reading: &Reading) -> Result<Utf8Survey, DataError> {
    let mut survey = Utf8Survey::default();
    if reading.rows.is_some() && is_wrong(head) {
        survey.add(head, false);
        return Ok(survey);
    }
    let mut input = source.open(reading)?;
    let mut buffer = vec![0; 1 << 18];
    let mut kept = 0;
    loop {
        let read = input.read(&mut buffer[kept..]).map_err(|e| source.cannot(&e))?;
        let length = kept + read;
        kept = survey.add(&buffer[..length], read == 0);
        if read == 0 {
            return Ok(survey);
        }
        buffer.copy_within(length - kept..length, 0);
    }
}

/// The encoding with this name.
pub(super) fn named(name: &str) -> Result<&'static Encoding, DataError> {
    Encoding::for_label(name.as_bytes()).ok_or_else(|| DataError::Malformed {
        name: name.to_owned(),
        reason: format!("there is no such text encoding. Choose one of {}", ENCODINGS.join(", ")),
    })
}

/// Converts blocks of bytes to UTF-8; UTF-8 passes unchanged.
pub(super) struct ToUtf8(Option<Decoder>);

impl ToUtf8 {
    pub fn new(encoding: &'static Encoding) -> Self {
        Self((encoding != UTF_8).then(|| encoding.new_decoder_with_bom_removal()))
    }

    /// Whether the text is UTF-8 already.
    pub fn passes(&self) -> bool {
        self.0.is_none()
    }

    /// Appends `raw`, converted, to `text`; `last` ends the text.
    pub fn push(&mut self, raw: &[u8], last: bool, text: &mut Vec<u8>) {
        let Some(decoder) = &mut self.0 else { return text.extend_from_slice(raw) };
        let room = decoder.max_utf8_buffer_length(raw.len()).unwrap_or(3 * raw.len() + 16);
        let start = text.len();
        text.resize(start + room, 0);
        let (_, _, written, _) = decoder.decode_to_utf8(raw, &mut text[start..], last);
        text.truncate(start + written);
    }
}

#[cfg(test)]
mod tests {
    use crate::{ReadOptions, read_bytes};

    #[test]
    fn utf32_with_its_mark_is_read() {
        let text = "\u{feff}näme,n\nÅsa,1\n😀,2\n";
        let little: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
        let big: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
        // A character that is cut at the end is left.
        for bytes in [&little[..], &big, &little[..little.len() - 2]] {
            let (table, found) = read_bytes("t.csv", bytes, &ReadOptions::default()).expect("readable");
            assert_eq!((table.columns[0].name.as_str(), table.columns[0].cell(1).as_str()), ("näme", "😀"));
            assert!(table.columns[1].is_number());
            assert!(found.notes.iter().any(|n| n.text.contains("UTF-32")), "{:?}", found.notes);
            assert_eq!(read_bytes("t.csv", bytes, &found.options).expect("readable").0, table);
        }
    }

    #[test]
    fn one_bad_byte_is_replaced_and_told() {
        let read = |bytes: &[u8]| read_bytes("t.csv", bytes, &ReadOptions::default()).expect("readable");
        let rows = "word,7\n".repeat(40);
        for bad in [0xff, 0xfe, 0xfd, 0xf0, 0x90, 0xdd] {
            for beside in ["", "é", "x"] {
                let text = [b"name,n\n", rows.as_bytes(), beside.as_bytes(), &[bad], b",8\n", rows.as_bytes()].concat();
                let (table, found) = read(&text);
                assert_eq!(table.columns[0].cell(40), format!("{beside}\u{fffd}"), "{bad:x}");
                let says = "1 piece of text was not UTF-8, the first in line 42";
                assert!(found.notes.iter().any(|n| n.text.contains(says)), "{bad:x}: {:?}", found.notes);
            }
        }
        // A letter of a western text.
        let (table, _) = read(&[rows.as_bytes(), b"Caf\xe9,8\n", rows.as_bytes()].concat());
        assert_eq!(table.columns[0].cell(40), "Café");
    }
}
