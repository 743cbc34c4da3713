//! JSON with one record a line: lines that are none are left out, and told; a file that ends within a record was cut off.

use serde_json::Value;
use std::io::{self, BufRead, Read as _};
use std::sync::atomic::{AtomicU64, Ordering};

/// A first line that is longer may be anything.
const FIRST: u64 = 1 << 20;

/// Lines that are no records.
#[derive(Debug, Default)]
pub(super) struct BadLines {
    /// All lines that are not blank.
    lines: usize,
    count: usize,
    /// The first, counted from 1, and what is wrong with it.
    pub first: usize,
    pub reason: String,
    /// The last record of all, counted from 1, and what is wrong with it, if the text ends within it: the file was cut off.
    pub cut: Option<(usize, String)>,
}

/// What is wrong with a line, and whether it ends too early.
struct Wrong {
    reason: String,
    ends_early: bool,
}

impl BadLines {
    fn add(&mut self, line: usize, wrong: Wrong) {
        let Wrong { reason, ends_early } = wrong;
        self.cut = ends_early.then(|| (self.lines, reason.clone()));
        if self.count == 0 {
            (self.first, self.reason) = (line, reason);
        }
        self.count += 1;
    }

    /// Whether more than half of the lines are bad.
    pub fn are_most(&self) -> bool {
        self.count * 2 > self.lines
    }

    /// What is said of them.
    pub fn told(&self) -> Option<String> {
        let (line, reason) = (self.first, &self.reason);
        match self.count {
            0 => None,
            1 => Some(format!("1 line is no JSON record and was left out: line {line} ({reason}).")),
            n => Some(format!(
                "{n} lines are no JSON records and were left out, the first being line {line} ({reason})."
            )),
        }
    }
}

/// The records of a line, which mostly is one.
fn records(line: &[u8]) -> Result<Vec<Value>, Wrong> {
    // As if it were in a list.
    let line = line.trim_ascii_end();
    let line = line.strip_suffix(b",").unwrap_or(line);
    let values = match serde_json::from_slice::<Value>(line) {
        Ok(value) => vec![value],
        Err(e) => {
            let several: Result<Vec<Value>, _> = serde_json::Deserializer::from_slice(line).into_iter().collect();
            // Places in a line, without its number, which would be 1 always.
            several.map_err(|_more| Wrong {
                reason: e.to_string().replace(" at line 1", " at").replace(" at column", " at character"),
                ends_early: e.is_eof(),
            })?
        }
    };
    let is_record = |v: &Value| v.is_object() || v.is_array();
    if values.iter().all(is_record) {
        Ok(values)
    } else {
        Err(Wrong { reason: "a single value".to_owned(), ends_early: false })
    }
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

/// Reads up to three lines that are not blank. Returns all that was read, and whether the file has one record a line: the
/// first line is one, or the next two are though it is not.
pub(super) fn begin(input: &mut impl BufRead) -> io::Result<(Vec<u8>, bool)> {
    let mut text = Vec::new();
    let mut whole = Vec::new();
    loop {
        let start = text.len();
        let left = FIRST.saturating_sub(start as u64);
        let read = input.by_ref().take(left).read_until(b'\n', &mut text)? as u64;
        if read == 0 || read == left && !text.ends_with(b"\n") {
            break;
        }
        let line = &text[start..];
        if is_blank(line) {
            continue;
        }
        whole.push(records(line).is_ok());
        if whole[0] || whole.len() == 3 {
            break;
        }
    }
    let is_lines = whole.first() == Some(&true) || whole.len() > 2 && whole[1..].iter().all(|w| *w);
    Ok((text, is_lines))
}

/// Hands the records of all lines to `take`, which may end the reading. There are `before` lines before the first.
pub(super) fn read(
    input: &mut impl BufRead,
    before: usize,
    since: &AtomicU64,
    take: &mut dyn FnMut(Value) -> bool,
) -> io::Result<BadLines> {
    let mut bad = BadLines::default();
    let (mut line, mut number) = (Vec::new(), before);
    loop {
        line.clear();
        if input.read_until(b'\n', &mut line)? == 0 {
            return Ok(bad);
        }
        number += 1;
        if is_blank(&line) {
            continue;
        }
        since.store(0, Ordering::Relaxed);
        bad.lines += 1;
        match records(&line) {
            Ok(values) => {
                bad.cut = None;
                for value in values {
                    if !take(value) {
                        return Ok(bad);
                    }
                }
            }
            Err(wrong) => bad.add(number, wrong),
        }
    }
}
