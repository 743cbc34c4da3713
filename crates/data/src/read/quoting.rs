//! How cells stand in quotes where it is not as usual: in single quotes, with a backslash before a quote in a cell, or behind
//! blanks. It is recognised by quotes that close where a cell ends.

use memchr::{memchr, memchr2};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Bytes from which it is recognised.
const BYTES: usize = 1 << 16;
/// What may separate cells before it is known what does.
const BORDERS: &[u8] = b",;\t|";

/// What is unusual about quotes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Quoting {
    /// Single quotes take the place of double ones.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub single: bool,
    /// A backslash before a quote makes it one of the cell.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub backslash: bool,
    /// Blanks may stand between a separator and a quote.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub blanks: bool,
}

impl Quoting {
    /// Whether the parser reads such quotes as they are.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    pub(super) fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn mark(self) -> u8 {
        if self.single { b'\'' } else { b'"' }
    }

    /// Whether the parts of a list say something: `single`, `backslash`, `blanks`, or `usual` alone.
    ///
    /// # Errors
    /// The word that says nothing.
    pub fn named(text: &str) -> Result<Self, String> {
        let mut found = Self::default();
        for word in text.split(',').map(str::trim) {
            match word {
                "usual" => {}
                "single" => found.single = true,
                "backslash" => found.backslash = true,
                "blanks" => found.blanks = true,
                _ => return Err(format!("\"{word}\" is none of usual, single, backslash and blanks")),
            }
        }
        Ok(found)
    }
}

/// The quoted cell at the beginning of `text` and what follows it, if its quotes close before an end.
pub(super) fn quoted_cell(
    text: &[u8],
    quoting: Quoting,
    ends: impl Fn(&[u8]) -> bool,
) -> Option<(Cow<'_, [u8]>, &[u8])> {
    let mark = quoting.mark();
    let text = behind_blanks(text, quoting);
    let inner = text.strip_prefix(&[mark])?;
    let (mut at, mut plain) = (0, true);
    loop {
        at += if quoting.backslash { memchr2(mark, b'\\', &inner[at..]) } else { memchr(mark, &inner[at..]) }?;
        let next = inner.get(at + 1).copied();
        if inner[at] == b'\\' {
            let escapes = next.is_some_and(|b| b == mark || b == b'\\');
            plain &= !escapes;
            at += 1 + usize::from(escapes);
        } else if next == Some(mark) {
            plain = false;
            at += 2;
        } else {
            let after = behind_blanks(&inner[at + 1..], quoting);
            let cell = &inner[..at];
            let cell = if plain { Cow::Borrowed(cell) } else { Cow::Owned(unescaped(cell, quoting)) };
            return ends(after).then_some((cell, after));
        }
    }
}

/// Doubled quotes, and quotes behind a backslash, become single ones.
fn unescaped(cell: &[u8], quoting: Quoting) -> Vec<u8> {
    let mark = quoting.mark();
    let mut plain = Vec::with_capacity(cell.len());
    let mut at = 0;
    while let Some(&byte) = cell.get(at) {
        let next = cell.get(at + 1).copied();
        let skipped = byte == mark && next == Some(mark)
            || quoting.backslash && byte == b'\\' && next.is_some_and(|b| b == mark || b == b'\\');
        at += usize::from(skipped);
        plain.push(cell[at]);
        at += 1;
    }
    plain
}

/// What follows blanks, where they may stand before and behind quotes.
fn behind_blanks(text: &[u8], quoting: Quoting) -> &[u8] {
    if !quoting.blanks {
        return text;
    }
    &text[text.iter().position(|&b| b != b' ').unwrap_or(text.len())..]
}

/// The text in which a quote must close: an apostrophe closes in its line or is none.
fn within(text: &[u8], quoting: Quoting) -> &[u8] {
    if quoting.single { &text[..memchr(b'\n', text).unwrap_or(text.len())] } else { text }
}

/// Where the record at the beginning of `text` ends, before its line end; none if a quoted cell does not close in the text, but
/// may behind it.
pub(super) fn record_end(text: &[u8], separator: u8, quoting: Quoting, whole: bool) -> Option<usize> {
    let reach = within(text, quoting);
    let ends = |after: &[u8]| match after {
        [] => whole || quoting.single,
        [b'\n', ..] | [b'\r', b'\n', ..] => true,
        [byte, ..] => *byte == separator,
    };
    let mut at = 0;
    loop {
        let cell = &reach[at.min(reach.len())..];
        if let Some((_, after)) = quoted_cell(cell, quoting, ends) {
            at = reach.len() - after.len();
        } else {
            let is_open = !whole && !quoting.single && is_open(cell, quoting);
            if is_open {
                return None;
            }
            at += memchr2(separator, b'\n', cell).unwrap_or(cell.len());
        }
        match text.get(at) {
            Some(&byte) if byte == separator => at += 1,
            Some(b'\r') => return Some(at + 1),
            _ => return Some(at),
        }
    }
}

/// Whether a cell begins with a quote that does not close in the text.
fn is_open(cell: &[u8], quoting: Quoting) -> bool {
    let mut reached = false;
    let bare = quoted_cell(cell, quoting, |_| true).is_some_and(|(_, after)| {
        reached = after.is_empty();
        true
    });
    behind_blanks(cell, quoting).first() == Some(&quoting.mark()) && (!bare || reached)
}

/// What a text looks like if quotes are such.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// Cells whose quotes close where the cell ends, and those whose do not.
    closed: usize,
    torn: usize,
    /// Where the first cell begins that has a quote behind a backslash, blanks before its quote, or just quotes.
    escaped: Option<usize>,
    behind_blanks: Option<usize>,
    first: Option<usize>,
}

fn look(text: &[u8], borders: &[u8], quoting: Quoting) -> Seen {
    let mut seen = Seen::default();
    let is_border = |b: u8| b == b'\n' || b == b'\r' || borders.contains(&b);
    let ends = |after: &[u8]| after.first().is_none_or(|&b| is_border(b));
    let mark = quoting.mark();
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let bare = behind_blanks(rest, quoting);
        if bare.first() == Some(&mark) {
            let reach = within(rest, quoting);
            if let Some((_, after)) = quoted_cell(reach, quoting, ends) {
                seen.closed += 1;
                let length = reach.len() - after.len();
                seen.first = seen.first.or(Some(at));
                if bare.len() < rest.len() {
                    seen.behind_blanks = seen.behind_blanks.or(Some(at));
                }
                if quoting.backslash && memchr::memmem::find(&rest[..length], &[b'\\', mark]).is_some() {
                    seen.escaped = seen.escaped.or(Some(at));
                }
                at += length;
            } else {
                seen.torn += 1;
            }
        }
        at += text[at..].iter().position(|&b| is_border(b)).map_or(text.len() - at, |k| k + 1);
    }
    seen
}

/// What was recognised, and the lines in which it is first seen, counted from 0.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Recognised {
    pub quoting: Quoting,
    pub lines: [usize; 3],
}

/// Recognises how cells of a text stand in quotes, if it is known what separates them, or without it.
pub(super) fn recognise(text: &str, separator: Option<u8>) -> Recognised {
    let end = text.len().min(BYTES);
    let cut = if end < text.len() { memchr::memrchr(b'\n', &text.as_bytes()[..end]).unwrap_or(end) } else { end };
    let bytes = &text.as_bytes()[..cut];
    let own = separator.map(|byte| [byte]);
    let borders = own.as_ref().map_or(BORDERS, |own| own);
    let line_of = |at: Option<usize>| at.map_or(0, |at| memchr::memchr_iter(b'\n', &bytes[..at]).count());
    let mut found = Recognised::default();
    let usual = Quoting::default();
    if memchr(b'\'', bytes).is_some() {
        // A backslash before a quote may keep it from closing.
        let single = |backslash: bool| look(bytes, borders, Quoting { single: true, backslash, ..usual });
        let seen = [single(false), single(true)].into_iter().min_by_key(|seen| seen.torn).unwrap_or_default();
        let double = look(bytes, borders, Quoting { blanks: true, ..usual });
        if seen.closed > 1 && seen.torn * 10 <= seen.closed && double.closed + double.torn == 0 {
            found.quoting.single = true;
            found.lines[0] = line_of(seen.first);
        }
    }
    let mark = found.quoting.mark();
    if memchr::memmem::find(bytes, &[b'\\', mark]).is_some() {
        let with = Quoting { backslash: true, blanks: true, ..found.quoting };
        let (before, after) = (look(bytes, borders, Quoting { backslash: false, ..with }), look(bytes, borders, with));
        if after.escaped.is_some() && before.torn > 0 && after.torn * 2 < before.torn {
            found.quoting.backslash = true;
            found.lines[1] = line_of(after.escaped);
        }
    }
    if memchr::memmem::find(bytes, &[b' ', mark]).is_some() {
        let with = Quoting { blanks: true, ..found.quoting };
        let seen = look(bytes, borders, with);
        if seen.behind_blanks.is_some() && seen.torn == 0 {
            found.quoting.blanks = true;
            found.lines[2] = line_of(seen.behind_blanks);
        }
    }
    found
}

/// The text with its quotes as usual, whatever separates its cells.
pub(super) fn as_usual(text: &str, quoting: Quoting) -> String {
    let bytes = text.as_bytes();
    let is_border = |b: u8| b == b'\n' || b == b'\r' || BORDERS.contains(&b);
    let ends = |after: &[u8]| after.first().is_none_or(|&b| is_border(b));
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let opens = behind_blanks(rest, quoting).first() == Some(&quoting.mark());
        let reach = if opens { within(rest, quoting) } else { rest };
        if let Some((cell, after)) = quoted_cell(reach, quoting, ends) {
            out.push(b'"');
            for &byte in &*cell {
                out.extend_from_slice(if byte == b'"' { b"\"\"" } else { std::slice::from_ref(&byte) });
            }
            out.push(b'"');
            at += reach.len() - after.len();
        }
        let next = bytes[at..].iter().position(|&b| is_border(b)).map_or(bytes.len(), |k| at + k + 1);
        out.extend_from_slice(&bytes[at..next]);
        at = next;
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{Quoting, recognise, record_end};

    #[test]
    fn quotes_are_recognised_by_where_they_close() {
        let words = |text: &str| {
            let Quoting { single, backslash, blanks } = recognise(text, None).quoting;
            [(single, "single"), (backslash, "backslash"), (blanks, "blanks")]
                .into_iter()
                .filter(|(is, _)| *is)
                .map(|(_, word)| word)
                .collect::<Vec<_>>()
        };
        for (text, wanted) in [
            ("a,b\n\"x, \"\"y\"\"\",2\n\"z\",3\n", &[][..]),
            ("a,b\n\"say \\\"hi\\\", you\",2\n\"z\",3\n", &["backslash"]),
            ("a,b\n\"C:\\dir\\\",2\n\"D:\\\",3\n", &[]),
            ("a;b\n'x; y';2\n'z';3\n", &["single"]),
            ("a;b\n'it\\'s; y';2\n'z';3\n", &["single", "backslash"]),
            ("a,b\n'tis the season,2\nrock 'n' roll,3\n", &[]),
            ("a,b\n\"['x', 'y', 'z']\",2\n\"['x', 'y', 'z']\",3\n", &[]),
            ("a,b,c\n1, \"2, x\", 3\n2, \"y\", 4\n", &["blanks"]),
            ("a,b\n{\"k\": 1, \"l\": 2},3\n", &[]),
            ("a,b\n5\" pipe,6\" pipe\n", &[]),
        ] {
            assert_eq!(words(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn records_end_behind_their_quotes() {
        let backslash = Quoting { backslash: true, ..Quoting::default() };
        let single = Quoting { single: true, ..Quoting::default() };
        for (text, quoting, whole, end) in [
            ("\"a\\\"\nb\",1\nc", backslash, true, Some(9)),
            ("\"a\\\"\nb", backslash, false, None),
            ("\"a\\\"\nb", backslash, true, Some(4)),
            ("'a\nb',1\n", single, false, Some(2)),
            ("'a,b',1\nc", single, false, Some(7)),
        ] {
            assert_eq!(record_end(text.as_bytes(), b',', quoting, whole), end, "{text:?}");
        }
    }
}
