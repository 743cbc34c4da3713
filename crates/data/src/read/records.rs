//! Records whose quotes are in order: each stands at the beginning of a cell, at its end, or is written twice within. Of such text
//! it is enough to count quotes to know where records end, so that it can be cut before it is parsed, and the parser sees
//! whether it was right. Other text is left to the `csv` crate.

use super::dialect::Syntax;
use memchr::{memchr, memchr_iter, memchr2_iter, memrchr2};

/// A cell of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    /// Where its content lies in the text, without the quotes around it.
    pub start: usize,
    pub end: usize,
    /// Whether quotes within are written twice.
    pub doubled: bool,
}

impl Cell {
    /// Its content; `own` is where it is written if quotes are left out.
    pub fn content<'a>(&self, text: &'a [u8], own: &'a mut Vec<u8>) -> &'a [u8] {
        let raw = &text[self.start..self.end];
        if !self.doubled {
            return raw;
        }
        own.clear();
        let mut second = false;
        for &byte in raw {
            if second && byte == b'"' {
                second = false;
            } else {
                own.push(byte);
                second = byte == b'"';
            }
        }
        own
    }
}

/// What stands at a place of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A record from `start` to `end`, behind its line end; whether it has line ends within.
    Record { start: usize, end: usize, lines: bool },
    /// Nothing but blank lines and comments.
    End,
    /// Quotes that are not in order.
    Disorder,
}

/// The records of a text one by one. Its memory can be used for another text.
pub(super) struct Records<'a> {
    text: &'a [u8],
    syntax: Syntax,
    /// Where quotes, separators and line ends are, and how many of them are behind.
    marks: Vec<u32>,
    passed: usize,
    /// Where the next record begins.
    at: usize,
    /// The cells of the present record.
    pub cells: Vec<Cell>,
}

impl<'a> Records<'a> {
    pub fn new(text: &'a [u8], syntax: Syntax, memory: Vec<u32>) -> Self {
        let mut marks = memory;
        marks.clear();
        find_marks(text, [b'"', syntax.separator, b'\n'], &mut marks);
        Self { text, syntax, marks, passed: 0, at: 0, cells: Vec::new() }
    }

    pub fn memory(self) -> Vec<u32> {
        self.marks
    }

    /// The next record, behind blank lines and comments.
    pub fn next(&mut self) -> Next {
        let Self { text, syntax, marks, passed, at, cells } = self;
        loop {
            match text.get(*at) {
                None => return Next::End,
                Some(b'\n') => *at += 1,
                Some(b'\r') if text.get(*at + 1) == Some(&b'\n') => *at += 2,
                Some(&byte) if Some(byte) == syntax.comment => {
                    let end = memchr(b'\n', &text[*at..]).map_or(text.len(), |k| *at + k);
                    if memchr(b'"', &text[*at..end]).is_some() {
                        return Next::Disorder;
                    }
                    *at = end;
                }
                Some(_) => break,
            }
        }
        cells.clear();
        let (start, mut lines) = (*at, false);
        // Those in comments and before blank lines.
        while marks.get(*passed).is_some_and(|&mark| (mark as usize) < start) {
            *passed += 1;
        }
        let mut next = || {
            let mark = marks.get(*passed).map_or(text.len(), |&mark| mark as usize);
            *passed += 1;
            mark
        };
        let mut from = start;
        loop {
            let (cell, end) = if text.get(from) == Some(&b'"') {
                next();
                let mut doubled = false;
                let end = loop {
                    let mark = next();
                    match text.get(mark) {
                        Some(b'"') if text.get(mark + 1) == Some(&b'"') => {
                            next();
                            doubled = true;
                        }
                        Some(b'"') => break mark,
                        Some(&byte) => lines |= byte == b'\n',
                        None => return Next::Disorder,
                    }
                };
                let behind = end + 1 + usize::from(text[end + 1..].starts_with(b"\r\n"));
                if next() != behind {
                    return Next::Disorder;
                }
                (Cell { start: from + 1, end, doubled }, behind)
            } else {
                let end = next();
                (Cell { start: from, end, doubled: false }, end)
            };
            cells.push(cell);
            match text.get(end) {
                Some(&byte) if byte == syntax.separator => from = end + 1,
                Some(b'\n') => {
                    // A carriage return belongs to the line end.
                    let last = cells.len() - 1;
                    let cell = &mut cells[last];
                    cell.end -= usize::from(end == cell.end && cell.end > cell.start && text[end - 1] == b'\r');
                    *at = end + 1;
                    return Next::Record { start, end: end + 1, lines };
                }
                None => {
                    *at = end;
                    return Next::Record { start, end, lines };
                }
                Some(_) => return Next::Disorder,
            }
        }
    }
}

/// Appends where any of the bytes stand in a text.
fn find_marks(text: &[u8], bytes: [u8; 3], marks: &mut Vec<u32>) {
    const FEW: usize = 64;
    let wanted = bytes.map(|byte| u64::from(byte) * 0x0101_0101_0101_0101);
    let mut start = 0_u32;
    let mut push = |mut found: u64, start: u32| {
        while found != 0 {
            marks.push(start + found.trailing_zeros());
            found &= found - 1;
        }
    };
    let (chunks, rest) = text.as_chunks::<FEW>();
    for chunk in chunks {
        let (words, _) = chunk.as_chunks::<8>();
        let mut found = 0;
        for (k, word) in words.iter().enumerate() {
            found |= marked(u64::from_le_bytes(*word), wanted) << (8 * k);
        }
        push(found, start);
        start += FEW as u32;
    }
    for &byte in rest {
        push(u64::from(bytes.contains(&byte)), start);
        start += 1;
    }
}

/// The bytes of a word that are any of those wanted, as eight bits.
#[inline]
fn marked(word: u64, wanted: [u64; 3]) -> u64 {
    const LOW: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    // The highest bit of each byte that differs.
    let differs = |byte: u64| {
        let other = word ^ byte;
        ((other & LOW) + LOW) | other
    };
    let all = differs(wanted[0]) & differs(wanted[1]) & differs(wanted[2]);
    ((!all & !LOW) >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

/// Where the last record begins that does so in the first `most` bytes, and where records begin that cut the text before it into
/// so many `pieces` of about the same length, if quotes are in order.
pub(super) fn cuts(text: &[u8], most: usize, pieces: usize) -> (usize, Vec<usize>) {
    let text = &text[..most];
    let is_odd = |text: &[u8]| memchr_iter(b'"', text).count() % 2 == 1;
    let mut cuts = Vec::new();
    // Whether the byte at `at` stands in quotes.
    let (mut at, mut inside) = (0, false);
    for k in 1..pieces {
        let wanted = most / pieces * k;
        if wanted < at {
            continue;
        }
        inside ^= is_odd(&text[at..wanted]);
        at = wanted;
        for found in memchr2_iter(b'"', b'\n', &text[wanted..]) {
            if text[wanted + found] == b'"' {
                inside = !inside;
            } else if !inside {
                at = wanted + found + 1;
                cuts.push(at);
                break;
            }
        }
        if at == wanted {
            // No record ends behind.
            break;
        }
    }
    let mut inside = is_odd(text);
    let mut end = most;
    while let Some(found) = memrchr2(b'"', b'\n', &text[..end]) {
        if text[found] == b'"' {
            inside = !inside;
        } else if !inside {
            return (found + 1, cuts);
        }
        end = found;
    }
    (0, cuts)
}

#[cfg(test)]
mod tests {
    use super::{Cell, Next, Records, Syntax, cuts, find_marks};
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    /// The records, or none where quotes are not in order.
    fn records(text: &[u8], syntax: Syntax) -> Option<Vec<(usize, Vec<Vec<u8>>)>> {
        let (mut own, mut all) = (Vec::new(), Vec::new());
        let mut records = Records::new(text, syntax, vec![7, 9]);
        loop {
            match records.next() {
                Next::Record { start, end, lines } => {
                    let content = |cell: &Cell| cell.content(text, &mut own).to_vec();
                    all.push((start, records.cells.iter().map(content).collect::<Vec<_>>()));
                    assert!(end > start || end == text.len(), "a record takes bytes");
                    let line = text[start..end].strip_suffix(b"\n").unwrap_or(&text[start..end]);
                    assert_eq!(lines, line.contains(&b'\n'));
                }
                Next::End => return Some(all),
                Next::Disorder => return None,
            }
        }
    }

    /// The records as the `csv` crate reads them.
    fn known(text: &[u8], syntax: Syntax) -> Vec<(usize, Vec<Vec<u8>>)> {
        let mut all = Vec::new();
        for record in syntax.reader().from_reader(text).byte_records() {
            let record = record.expect("bytes");
            let start = record.position().map_or(0, |p| p.byte() as usize);
            let start = crate::read::dialect::record_start(text, start, syntax.comment);
            all.push((start, record.iter().map(<[u8]>::to_vec).collect()));
        }
        // A comment without a line end at the end of the text counts as a record there.
        all.retain(|(start, _)| *start < text.len());
        all
    }

    proptest! {
        #[test]
        fn records_are_those_of_the_csv_crate_or_none(
            text in "([a#,\"\\n ]|\r\n|\"\"|\"[a,\\n]{0,3}\"|,\"(a|\"\"|,|\\n){0,4}\"|[a,]{1,9}\\n){0,30}",
            comment in proptest::option::of(proptest::prelude::Just(b'#')),
            (most, pieces) in (0_usize..200, 1_usize..6),
        ) {
            let text = text.as_bytes();
            let syntax = Syntax { separator: b',', comment, quotes: true };
            let Some(found) = records(text, syntax) else { return Ok(()) };
            prop_assert_eq!(&found, &known(text, syntax));
            // Cuts are where records begin, or blank lines and comments before them.
            let most = most.min(text.len());
            let (last, cuts) = cuts(text, most, pieces);
            prop_assert!(cuts.len() < pieces && cuts.is_sorted() && cuts.iter().all(|c| *c <= most) && last <= most);
            for cut in cuts.into_iter().chain([last]) {
                let later = records(&text[cut..], syntax).expect("in order too");
                let behind: Vec<_> = found.iter().filter(|(start, _)| *start >= cut).map(|(_, cells)| cells).collect();
                prop_assert!(later.iter().map(|(_, cells)| cells).eq(behind.iter().copied()));
                prop_assert!(found.iter().all(|(start, _)| *start != cut) || cut == 0 || text[cut - 1] == b'\n');
            }
        }

        #[test]
        fn text_with_quotes_in_order_is_read(
            cells in proptest::collection::vec(proptest::collection::vec("[ab\",\r\n]{0,5}", 1..4), 1..9),
            always in proptest::prelude::any::<bool>(),
        ) {
            let style = if always { csv::QuoteStyle::Always } else { csv::QuoteStyle::Necessary };
            let mut writer = csv::WriterBuilder::new().flexible(true).quote_style(style).from_writer(Vec::new());
            for record in &cells {
                writer.write_record(record).expect("memory");
            }
            let text = writer.into_inner().expect("memory");
            let syntax = Syntax { separator: b',', comment: None, quotes: true };
            let found: Vec<Vec<Vec<u8>>> = records(&text, syntax).expect("in order").into_iter().map(|(_, r)| r).collect();
            let wanted: Vec<Vec<Vec<u8>>> = cells.into_iter().map(|r| r.into_iter().map(String::into_bytes).collect()).collect();
            prop_assert_eq!(found, wanted);
        }
    }

    #[test]
    fn marks_are_found_wherever_they_are() {
        let text: Vec<u8> = (0..1000_u32).map(|k| (k * k % 251 + k / 7) as u8).collect();
        for length in (0..200).chain([1000]) {
            let text = &text[..length];
            let mut marks = Vec::new();
            find_marks(text, [0x22, 0xff, 0x80], &mut marks);
            let wanted: Vec<u32> =
                (0..length as u32).filter(|&k| matches!(text[k as usize], 0x22 | 0xff | 0x80)).collect();
            assert_eq!(marks, wanted);
        }
    }

    #[test]
    fn quotes_out_of_order_are_seen() {
        let syntax = Syntax { separator: b',', comment: Some(b'#'), quotes: true };
        for text in ["a,5\" x\n", "\"a\"b\n", "\"a\n", "#\"\na\n", "\"a\" ,b\n", " \"a\"\n", "\"a\"\rb\n"] {
            assert!(records(text.as_bytes(), syntax).is_none(), "{text:?}");
        }
        let text = b"#x\n\r\na,\"b\"\"\"\r\n\"\",\r\n";
        let cells = |cells: &[&str]| cells.iter().map(|c| c.as_bytes().to_vec()).collect::<Vec<_>>();
        assert_eq!(records(text, syntax), Some(vec![(5, cells(&["a", "b\""])), (14, cells(&["", ""]))]));
    }
}
