//! The text of a JSON file as its parser takes it: UTF-16 becomes UTF-8, Python's `NaN` and `Infinity` become `null`, and
//! numbers that are too large or too long for the parser become text, which stays as it was written.

use super::text_encoding::ToUtf8;
use encoding_rs::Encoding;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

#[expect(clippy::struct_excessive_bools, reason = "where in the text it stands")]
pub(super) struct JsonText<R> {
    inner: R,
    decoder: Option<ToUtf8>,
    /// Converted, and not yet given.
    ready: VecDeque<u8>,
    raw: Vec<u8>,
    converted: Vec<u8>,
    ended: bool,
    in_string: bool,
    escaped: bool,
    /// The digits and signs of a number so far.
    number: Vec<u8>,
    /// Inside of such a word.
    in_word: bool,
    /// How many values were NaN or Infinity.
    pub special: Arc<AtomicUsize>,
    /// Bytes since the last record; more than `most` are refused.
    pub since: Arc<AtomicU64>,
    most: u64,
}

impl<R: Read> JsonText<R> {
    pub fn new(inner: R, encoding: Option<&'static Encoding>, most: u64) -> Self {
        Self {
            inner,
            decoder: encoding.map(ToUtf8::new),
            ready: VecDeque::new(),
            raw: vec![0; 1 << 16],
            converted: Vec::new(),
            ended: false,
            in_string: false,
            escaped: false,
            number: Vec::new(),
            in_word: false,
            special: Arc::default(),
            since: Arc::default(),
            most,
        }
    }

    fn convert(&mut self) {
        for &byte in &self.converted {
            if self.in_string {
                // A string ends with its line at the latest, so that a bad line does not spoil the next.
                self.in_string = byte != b'\n' && (self.escaped || byte != b'"');
                self.escaped = !self.escaped && byte == b'\\';
                self.ready.push_back(byte);
                continue;
            }
            if self.in_word && byte.is_ascii_alphabetic() {
                continue;
            }
            if matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.')
                || matches!(byte, b'e' | b'E') && !self.number.is_empty()
            {
                self.in_word = false;
                self.number.push(byte);
                continue;
            }
            self.in_word = byte == b'N' || byte == b'I';
            if self.in_word {
                // The sign belongs to the word.
                if self.number != b"-" {
                    put(&self.number, &mut self.ready);
                }
                self.number.clear();
                self.special.fetch_add(1, Ordering::Relaxed);
                self.ready.extend(b"null");
                continue;
            }
            put(&self.number, &mut self.ready);
            self.number.clear();
            self.ready.push_back(byte);
            self.in_string = byte == b'"';
            self.escaped = false;
        }
        if self.ended {
            put(&self.number, &mut self.ready);
            self.number.clear();
        }
    }
}

/// Appends a number, as text if the parser would refuse or round it: beyond 1.8e308, or a whole one beyond 64 bits.
fn put(number: &[u8], ready: &mut VecDeque<u8>) {
    let is_beyond = |text: &str| {
        let digits = text.strip_prefix('-').unwrap_or(text);
        // What is no number in JSON is left to the parser.
        let is_json = digits.starts_with(|c: char| c.is_ascii_digit()) && !digits.ends_with('.');
        let is_whole = digits.bytes().all(|b| b.is_ascii_digit());
        let long = is_whole && !digits.starts_with('0') && text.parse::<u64>().is_err() && text.parse::<i64>().is_err();
        is_json && (long || !is_whole && text.parse::<f64>().is_ok_and(f64::is_infinite))
    };
    let beyond = number.len() > 4 && std::str::from_utf8(number).is_ok_and(is_beyond);
    let quote = || beyond.then_some(b'"');
    ready.extend(quote());
    ready.extend(number);
    ready.extend(quote());
}

impl<R: Read> Read for JsonText<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.ready.is_empty() && !self.ended {
            let n = self.inner.read(&mut self.raw)?;
            self.ended = n == 0;
            if self.since.fetch_add(n as u64, Ordering::Relaxed) > self.most {
                return Err(io::Error::other("a record is too large"));
            }
            self.converted.clear();
            match &mut self.decoder {
                Some(decoder) => decoder.push(&self.raw[..n], n == 0, &mut self.converted),
                None => self.converted.extend_from_slice(&self.raw[..n]),
            }
            self.convert();
        }
        self.ready.read(buffer)
    }
}
