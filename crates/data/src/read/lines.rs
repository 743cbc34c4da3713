//! Text on its way to the parser: NUL bytes are left out, lines with unusual separators and quotes are rewritten, lines that draw
//! a table become blank, and quotes that never close are made plain characters.

use super::dialect::{Swallowed, stray_quote};
use super::drawn::{Drawn, is_drawing, unframed};
use super::quoting::{self, Quoting};
use super::separator::{Separator, push_cell};
use memchr::{memchr, memchr_iter};

/// Bytes behind an open quote in which it must close.
const QUOTE_LIMIT: usize = 1 << 20;

/// How many of something there are, and the first line of one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub count: usize,
    /// Counted from 1
    pub first: usize,
}

impl Tally {
    pub fn add(&mut self, line: usize) {
        self.merge(Self { count: 1, first: line }, 0);
    }

    /// Adds those of a later part, which begins behind `lines` lines.
    pub fn merge(&mut self, later: Self, lines: usize) {
        if self.count == 0 && later.count > 0 {
            self.first = later.first + lines;
        }
        self.count += later.count;
    }
}

/// How lines are rewritten.
#[derive(Clone, Debug)]
pub(super) struct LineRules {
    pub separator: Separator,
    /// Whether cells may stand in quotes.
    pub quotes: bool,
    /// How they do.
    pub quoting: Quoting,
    /// How the table is drawn, if it is.
    pub drawn: Option<Drawn>,
    /// Cells of a row, if quotes that swallow rows become plain characters.
    pub mend: Option<usize>,
}

impl LineRules {
    /// Whether nothing but quotes that swallow rows may be unusual.
    pub fn are_plain(&self) -> bool {
        self.separator.is_plain() && self.quoting.is_usual() && self.drawn.is_none()
    }

    fn quoting(&self) -> Option<Quoting> {
        self.quotes.then_some(self.quoting)
    }
}

/// Rewrites lines; their number stays the same.
#[derive(Debug)]
pub(super) struct Rewriter {
    rules: LineRules,
    /// Text that is not rewritten yet, as it may not be whole.
    waiting: Vec<u8>,
    lines: usize,
    /// Lines with a quote that became a plain character.
    pub mended: Tally,
}

impl Rewriter {
    /// None if the parser reads the lines as they are.
    pub fn new(rules: &LineRules) -> Option<Self> {
        let needed = !rules.are_plain() || rules.mend.is_some();
        needed.then(|| Self { rules: rules.clone(), waiting: Vec::new(), lines: 0, mended: Tally::default() })
    }

    /// Bytes that wait for the rest of their line.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Takes text, and appends what can be rewritten to `out`.
    pub fn push(&mut self, text: &[u8], last: bool, out: &mut Vec<u8>) {
        self.waiting.extend_from_slice(text);
        let waiting = std::mem::take(&mut self.waiting);
        let mut at = 0;
        while at < waiting.len() {
            let end = match memchr(b'\n', &waiting[at..]) {
                Some(k) => at + k,
                None if last => waiting.len(),
                None => break,
            };
            let next = match self.rules.mend {
                Some(cells) => self.mend(&waiting[at..], end - at, cells, last, out).map(|length| at + length),
                None if self.rules.drawn.is_none() && self.rules.separator.is_plain() => {
                    self.requote(&waiting[at..], end - at, last, out).map(|length| at + length)
                }
                None => {
                    self.line(&waiting[at..end], out);
                    Some(end)
                }
            };
            let Some(end) = next else { break };
            if end < waiting.len() {
                out.push(b'\n');
            }
            self.lines += 1 + memchr_iter(b'\n', &waiting[at..end]).count();
            at = end + 1;
        }
        if at < waiting.len() {
            self.waiting.extend_from_slice(&waiting[at..]);
        }
    }

    fn line(&self, line: &[u8], out: &mut Vec<u8>) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = match self.rules.drawn {
            Some(_) if is_drawing(line) => return,
            Some(Drawn { framed: true }) => unframed(line),
            _ => line,
        };
        self.rules.separator.rewrite(line, self.rules.quoting(), out);
    }

    /// Writes the record at the beginning of `text`, whose first line has `line` bytes, with its quotes as usual; returns how many
    /// bytes were taken, or none if more text is needed.
    fn requote(&self, text: &[u8], line: usize, last: bool, out: &mut Vec<u8>) -> Option<usize> {
        let window = &text[..text.len().min(QUOTE_LIMIT.max(line))];
        let whole = last || window.len() >= QUOTE_LIMIT;
        let Some(quoting) = self.rules.quoting() else {
            out.extend_from_slice(&text[..line]);
            return Some(line);
        };
        let end = quoting::record_end(window, self.rules.separator.byte(), quoting, whole)?;
        let record = &text[..end];
        self.rules.separator.rewrite(record.strip_suffix(b"\r").unwrap_or(record), Some(quoting), out);
        Some(end)
    }

    /// Writes the record at the beginning of `text`, whose first line has `line` bytes; returns how many bytes were taken, or
    /// none if more text is needed.
    fn mend(&mut self, text: &[u8], line: usize, cells: usize, last: bool, out: &mut Vec<u8>) -> Option<usize> {
        let separator = self.rules.separator.byte();
        let window = &text[..text.len().min(QUOTE_LIMIT.max(line))];
        let stray = match record_end(window, separator) {
            Some(end) if end <= line => false,
            Some(end) if end < window.len() || last => {
                if stray_quote(&text[..end], separator, cells) != Some(Swallowed::Stray) {
                    out.extend_from_slice(&text[..end]);
                    return Some(end);
                }
                true
            }
            _ if !last && text.len() < QUOTE_LIMIT => return None,
            // A quote that never closes.
            _ => true,
        };
        if !stray {
            out.extend_from_slice(&text[..line]);
            return Some(line);
        }
        self.mended.add(self.lines + 1);
        let bare = text[..line].strip_suffix(b"\r").unwrap_or(&text[..line]);
        for (k, cell) in bare.split(|&b| b == separator).enumerate() {
            if k > 0 {
                out.push(separator);
            }
            push_cell(cell, separator, out);
        }
        Some(line)
    }
}

/// Where the record at the beginning of `text` ends, before its line end; none if a quote is open at the end of the text.
fn record_end(text: &[u8], separator: u8) -> Option<usize> {
    let (mut at, mut begins, mut quoted) = (0, true, false);
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' if quoted && text.get(at + 1) == Some(&b'"') => at += 1,
            b'"' if quoted => quoted = false,
            b'"' if begins => quoted = true,
            b'\n' if !quoted => return Some(at),
            _ => {}
        }
        begins = !quoted && byte == separator;
        at += 1;
    }
    (!quoted).then_some(text.len())
}

/// Removes NUL bytes from `text[from..]`; returns how many there were and how many lines begin before the first of them.
pub(super) fn remove_nul(text: &mut Vec<u8>, from: usize) -> Option<(usize, usize)> {
    let first = from + memchr(0, &text[from..])?;
    let before = memchr_iter(b'\n', &text[from..first]).count();
    let length = text.len();
    let mut kept = first;
    for at in first..length {
        if text[at] != 0 {
            text[kept] = text[at];
            kept += 1;
        }
    }
    text.truncate(kept);
    Some((length - kept, before))
}

#[cfg(test)]
mod tests {
    use super::{LineRules, Quoting, Rewriter, Separator, remove_nul};

    fn rewritten(text: &str, rules: &LineRules, piece: usize) -> String {
        let mut rewriter = Rewriter::new(rules).expect("needed");
        let mut out = Vec::new();
        for part in text.as_bytes().chunks(piece) {
            rewriter.push(part, false, &mut out);
        }
        rewriter.push(b"", true, &mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn lines_are_rewritten_however_they_come() {
        let text = "1::a\r\n2::\"b::c\"\n\n3::d";
        let rules = LineRules {
            separator: Separator::Text("::".into()),
            quotes: true,
            quoting: Quoting::default(),
            drawn: None,
            mend: None,
        };
        for piece in [1, 2, 3, 5, 100] {
            assert_eq!(rewritten(text, &rules, piece), "1\u{1f}a\n2\u{1f}b::c\n\n3\u{1f}d", "{piece}");
        }
    }

    #[test]
    fn quotes_that_swallow_rows_become_plain_characters() {
        let rules =
            LineRules { separator: ','.into(), quotes: true, quoting: Quoting::default(), drawn: None, mend: Some(3) };
        for (text, wanted) in [
            // Open to the end, and to the next cell in quotes.
            ("1,\"x,2\n3,y,4\n", "1,\"\"\"x\",2\n3,y,4\n"),
            ("1,\"x,2\n3,y,4\n5,\"z\",6\n", "1,\"\"\"x\",2\n3,y,4\n5,\"z\",6\n"),
            // Those that are in order stay.
            ("1,\"two\nlines\",2\n", "1,\"two\nlines\",2\n"),
            ("1,\"a\"\"b\",2\n3,5\" x,4\n", "1,\"a\"\"b\",2\n3,5\" x,4\n"),
            ("a\n\n", "a\n\n"),
        ] {
            for piece in [1, 4, 100] {
                assert_eq!(rewritten(text, &rules, piece), wanted, "{text:?}, {piece}");
            }
        }
    }

    #[test]
    fn nul_bytes_are_removed_and_counted() {
        let mut text = b"a\n\0b\n\0\0".to_vec();
        assert_eq!(remove_nul(&mut text, 0), Some((3, 1)));
        assert_eq!(text, b"a\nb\n");
        assert_eq!(remove_nul(&mut text, 0), None);
    }
}
