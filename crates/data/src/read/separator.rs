//! What stands between the cells of a line: a character, several, runs of blanks, or places that are the same in every line.
//!
//! The fast parser knows separators of one byte. Lines with any other are rewritten to such before it sees them, one by one, so
//! that their number stays the same.

use super::quoting::{Quoting, quoted_cell};
use memchr::{memchr2, memmem};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// What stands for separators of more than one byte; ASCII calls it the unit separator.
const UNIT: u8 = 0x1f;
/// How runs of blanks are written, as in pandas.
const BLANKS: &str = "\\s+";
/// How places are written: "fixed:0,10,18" for cells that begin at these characters of a line.
const FIXED: &str = "fixed:";

/// What separates the cells of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Separator {
    Character(char),
    /// Several characters, such as `::`
    Text(String),
    /// One or more blanks or tabs; those at the ends of a line separate nothing.
    Blanks,
    /// The characters of a line at which cells begin, in growing order
    Places(Vec<usize>),
}

impl Separator {
    /// No separator at all: each line is a cell.
    pub const NONE: Self = Self::Character(UNIT as char);

    /// Whether it is one byte, so that lines need not be rewritten.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self, Self::Character(c) if c.is_ascii())
    }

    /// What separates cells after lines were rewritten.
    pub(super) fn byte(&self) -> u8 {
        match self {
            Self::Character(c) if c.is_ascii() => *c as u8,
            _ => UNIT,
        }
    }

    /// In words, as in "separated by commas".
    pub fn words(&self) -> String {
        match self {
            Self::Character(',') => "commas".to_owned(),
            Self::Character(';') => "semicolons".to_owned(),
            Self::Character('\t') => "tabs".to_owned(),
            Self::Character(' ') => "single blanks".to_owned(),
            Self::Character(c) if *c == UNIT as char => "nothing, each line being a cell".to_owned(),
            Self::Character(c) if c.is_control() => format!("the control character {}", u32::from(*c)),
            Self::Character(c) => format!("\"{c}\""),
            Self::Text(text) => format!("\"{}\"", text.escape_debug()),
            Self::Blanks => "runs of blanks".to_owned(),
            Self::Places(_) => "fixed width".to_owned(),
        }
    }

    /// Appends a line without its end to `out`, its cells separated by [`Separator::byte`]. A blank line becomes an empty one.
    /// With `quotes`, a cell in quotes that close in its line may hold the separator.
    pub(super) fn rewrite(&self, line: &[u8], quotes: Option<Quoting>, out: &mut Vec<u8>) {
        if line.trim_ascii().is_empty() {
            return;
        }
        let byte = self.byte();
        let start = out.len();
        self.cells(line, quotes, |cell| {
            if out.len() > start {
                out.push(byte);
            }
            push_cell(&cell, byte, out);
            // The first cell may be empty.
            if out.len() == start {
                out.extend_from_slice(b"\"\"");
            }
        });
    }

    /// The cells of a line.
    fn cells<'a>(&self, line: &'a [u8], quotes: Option<Quoting>, mut each: impl FnMut(Cow<'a, [u8]>)) {
        let separator = match self {
            Self::Blanks => return blank_cells(line, quotes, each),
            Self::Places(starts) => return placed_cells(line, starts, each),
            Self::Text(text) => text.clone(),
            Self::Character(c) => c.to_string(),
        };
        let mut rest = line;
        loop {
            let ends = |after: &[u8]| after.is_empty() || after.starts_with(separator.as_bytes());
            let (cell, after) = match quotes.and_then(|quoting| quoted_cell(rest, quoting, ends)) {
                Some(found) => found,
                None => {
                    let end = memmem::find(rest, separator.as_bytes()).unwrap_or(rest.len());
                    (Cow::Borrowed(&rest[..end]), &rest[end..])
                }
            };
            each(cell);
            if after.is_empty() {
                return;
            }
            rest = &after[separator.len()..];
        }
    }

    /// The number of cells of a line.
    pub(super) fn count(&self, line: &str) -> usize {
        let mut count = 0;
        self.cells(line.as_bytes(), Some(Quoting::default()), |_| count += 1);
        count
    }

    /// The cells of a line as text.
    pub(super) fn split(&self, line: &str) -> Vec<String> {
        let mut cells = Vec::new();
        self.cells(line.as_bytes(), Some(Quoting::default()), |cell| {
            cells.push(String::from_utf8_lossy(&cell).into_owned());
        });
        cells
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn blank_cells<'a>(line: &'a [u8], quotes: Option<Quoting>, mut each: impl FnMut(Cow<'a, [u8]>)) {
    let mut rest = line;
    loop {
        rest = &rest[rest.iter().position(|&b| !is_blank(b)).unwrap_or(rest.len())..];
        if rest.is_empty() {
            return;
        }
        let ends = |after: &[u8]| after.first().is_none_or(|&b| is_blank(b));
        let quoted = quotes.and_then(|quoting| quoted_cell(rest, quoting, ends));
        let (cell, after) = quoted.unwrap_or_else(|| {
            let end = memchr2(b' ', b'\t', rest).unwrap_or(rest.len());
            (Cow::Borrowed(&rest[..end]), &rest[end..])
        });
        each(cell);
        rest = after;
    }
}

fn placed_cells<'a>(line: &'a [u8], starts: &[usize], mut each: impl FnMut(Cow<'a, [u8]>)) {
    // Places count characters; bytes that continue one do not count.
    let mut at = 0;
    let mut characters = 0;
    let mut byte_of = |place: usize| {
        while at < line.len() && (characters < place || line[at] & 0xc0 == 0x80) {
            at += 1;
            characters += usize::from(at == line.len() || line[at] & 0xc0 != 0x80);
        }
        at
    };
    let places: Vec<usize> = starts.iter().map(|&start| byte_of(start)).collect();
    for (k, &from) in places.iter().enumerate() {
        let to = places.get(k + 1).copied().unwrap_or(line.len());
        each(Cow::Borrowed(line[from..to].trim_ascii()));
    }
}

/// Writes a cell, in quotes if it needs them.
pub(super) fn push_cell(cell: &[u8], separator: u8, out: &mut Vec<u8>) {
    if !cell.iter().any(|&b| b == separator || matches!(b, b'"' | b'\r' | b'\n')) {
        out.extend_from_slice(cell);
        return;
    }
    out.push(b'"');
    for &byte in cell {
        out.push(byte);
        if byte == b'"' {
            out.push(b'"');
        }
    }
    out.push(b'"');
}

impl From<char> for Separator {
    fn from(character: char) -> Self {
        Self::Character(character)
    }
}

impl fmt::Display for Separator {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Character(c) => write!(f, "{c}"),
            Self::Text(text) => f.write_str(text),
            Self::Blanks => f.write_str(BLANKS),
            Self::Places(starts) => {
                let starts: Vec<String> = starts.iter().map(usize::to_string).collect();
                write!(f, "{FIXED}{}", starts.join(","))
            }
        }
    }
}

impl From<Separator> for String {
    fn from(separator: Separator) -> Self {
        separator.to_string()
    }
}

impl TryFrom<String> for Separator {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut characters = text.chars();
        match (characters.next(), characters.next()) {
            (None, _) => return Err("a separator has at least one character".to_owned()),
            (Some('\n' | '\r' | '"'), _) => return Err("line ends and quotes cannot separate cells".to_owned()),
            (Some(one), None) => return Ok(Self::Character(one)),
            _ if text == BLANKS => return Ok(Self::Blanks),
            _ => {}
        }
        let Some(places) = text.strip_prefix(FIXED) else { return Ok(Self::Text(text)) };
        let starts: Result<Vec<usize>, _> = places.split(',').map(|p| p.trim().parse::<usize>()).collect();
        match starts {
            Ok(starts) if starts.is_sorted_by(|a, b| a < b) => Ok(Self::Places(starts)),
            _ => Err(format!("after {FIXED} stand the characters at which cells begin, such as {FIXED}0,10,18")),
        }
    }
}

impl JsonSchema for Separator {
    fn schema_name() -> Cow<'static, str> {
        "Separator".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        String::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::{Quoting, Separator};

    #[test]
    fn lines_are_split_at_any_separator() {
        for (separator, line, cells) in [
            ("::", "1::a:b::3", vec!["1", "a:b", "3"]),
            ("::", "::a::", vec!["", "a", ""]),
            ("::", "\"x::y\"::2", vec!["x::y", "2"]),
            ("::", "\"x::2", vec!["\"x", "2"]),
            ("¦", "ä¦ö", vec!["ä", "ö"]),
            ("\\s+", "  18.0   4\t\"car \"\"0\"\" x\" ", vec!["18.0", "4", "car \"0\" x"]),
            ("\\s+", "5\" \"6", vec!["5\"", "\"6"]),
            ("fixed:0,6,9", "Zoë   12 x y", vec!["Zoë", "12", "x y"]),
            ("fixed:0,6,9", "ab", vec!["ab", "", ""]),
        ] {
            let separator = Separator::try_from(separator.to_owned()).expect("a separator");
            assert_eq!(separator.split(line), cells, "{line:?}");
            // After rewriting, the ordinary parser finds the same cells.
            let mut out = Vec::new();
            separator.rewrite(line.as_bytes(), Some(Quoting::default()), &mut out);
            let mut reader = csv::ReaderBuilder::new();
            reader.delimiter(separator.byte()).has_headers(false);
            let record = reader.from_reader(&out[..]).records().next().expect("a record").expect("text");
            assert_eq!(record.iter().collect::<Vec<_>>(), cells, "{line:?}");
        }
    }

    #[test]
    fn a_separator_is_saved_as_text() {
        for text in [",", "\t", "::", "\\s+", "fixed:0,10,22", "\u{1}"] {
            let separator = Separator::try_from(text.to_owned()).expect("a separator");
            assert_eq!(String::from(separator), text);
        }
        for text in ["", "\n", "fixed:", "fixed:3,2", "fixed:0,x"] {
            assert!(Separator::try_from(text.to_owned()).is_err(), "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_line_has_as_many_cells_after_as_before(line in "[ -~ä\t]{0,40}", which in 0_usize..4) {
            let separator = Separator::try_from(["::", "\\s+", "fixed:0,3,8", "ä"][which].to_owned()).expect("a separator");
            let mut out = Vec::new();
            separator.rewrite(line.as_bytes(), Some(Quoting::default()), &mut out);
            let mut reader = csv::ReaderBuilder::new();
            reader.delimiter(separator.byte()).has_headers(false);
            let record = reader.from_reader(&out[..]).records().next();
            let cells: Vec<String> = record.map_or_else(Vec::new, |r| r.expect("text").iter().map(str::to_owned).collect());
            let wanted = if line.trim().is_empty() { Vec::new() } else { separator.split(&line) };
            proptest::prop_assert_eq!(cells, wanted);
        }
    }
}
