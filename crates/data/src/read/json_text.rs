//! The text of a JSON file as its parser takes it: UTF-16 becomes UTF-8, and Python's `NaN` and `Infinity` become `null`.

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
    /// A sign, which may belong to `-Infinity`.
    minus: bool,
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
            minus: false,
            in_word: false,
            special: Arc::default(),
            since: Arc::default(),
            most,
        }
    }

    fn convert(&mut self) {
        for &byte in &self.converted {
            if self.in_string {
                self.in_string = self.escaped || byte != b'"';
                self.escaped = !self.escaped && byte == b'\\';
                self.ready.push_back(byte);
                continue;
            }
            if self.in_word && byte.is_ascii_alphabetic() {
                continue;
            }
            self.in_word = byte == b'N' || byte == b'I';
            if self.in_word {
                self.minus = false;
                self.special.fetch_add(1, Ordering::Relaxed);
                self.ready.extend(b"null");
                continue;
            }
            if std::mem::take(&mut self.minus) {
                self.ready.push_back(b'-');
            }
            match byte {
                b'-' => self.minus = true,
                _ => self.ready.push_back(byte),
            }
            self.in_string = byte == b'"';
        }
        if self.ended && std::mem::take(&mut self.minus) {
            self.ready.push_back(b'-');
        }
    }
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
