//! Text of any encoding → UTF-8, block by block.

use crate::error::DataError;
use encoding_rs::{Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// Encodings that can be chosen.
pub const ENCODINGS: [&str; 9] =
    ["UTF-8", "UTF-16LE", "UTF-16BE", "windows-1252", "windows-1251", "ISO-8859-2", "Shift_JIS", "GBK", "EUC-KR"];

/// Detects the encoding by the byte order mark, by zero bytes, or by the letters.
pub(super) fn detect(head: &[u8]) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(head) {
        return encoding;
    }
    // Half of the bytes of western UTF-16 are zero.
    let sample = &head[..head.len().min(1 << 12) & !1];
    let zeros = |offset: usize| sample.iter().skip(offset).step_by(2).filter(|&&b| b == 0).count();
    if zeros(1) * 5 > sample.len() {
        return UTF_16LE;
    }
    if zeros(0) * 5 > sample.len() {
        return UTF_16BE;
    }
    // A character may be cut at the end of the sample.
    if std::str::from_utf8(head).map_or_else(|e| e.error_len().is_none(), |_| true) {
        return UTF_8;
    }
    let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Deny);
    detector.feed(head, true);
    detector.guess(None, chardetng::Utf8Detection::Deny)
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
