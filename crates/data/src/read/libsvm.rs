//! LIBSVM / SVMlight: per line a label, then the non-zero features as `index:value`.

use super::byte_source::ByteSource;
use super::options::{COLUMN_LIMIT, Detected, Format, ReadOptions};
use crate::cells::CellColumn;
use crate::error::DataError;
use crate::numbers::Numbers;
use crate::parse;
use crate::reading::Reading;
use crate::table::{Column, Table};
use std::io::{BufRead as _, BufReader, Read as _};

const LINE_LIMIT: u64 = 64 << 20;

/// Whether the first lines have this format.
pub(super) fn is_libsvm(text: &str) -> bool {
    let pair = |p: &str| {
        p.split_once(':')
            .is_some_and(|(k, v)| (k == "qid" || k.parse::<u32>().is_ok()) && parse::number(v, false).is_some())
    };
    let is_line = |line: &str| {
        let mut parts = line.split_ascii_whitespace();
        parts.next().is_some_and(|label| parse::number(label, false).is_some())
            && parts.clone().next().is_some()
            && parts.all(pair)
    };
    // The last line may be incomplete.
    let lines: Vec<&str> =
        text.lines().map(|l| l.split('#').next().unwrap_or("").trim()).filter(|l| !l.is_empty()).take(6).collect();
    let whole = &lines[..lines.len().saturating_sub(usize::from(lines.len() > 1))];
    !whole.is_empty() && whole.iter().all(|l| is_line(l))
}

pub(super) fn read(
    source: &ByteSource,
    options: &ReadOptions,
    reading: &Reading,
) -> Result<(Table, Detected), DataError> {
    let mut input = BufReader::with_capacity(1 << 18, source.open(reading)?);
    let mut target = CellColumn::default();
    let mut cells: Vec<(u32, u32, f64)> = Vec::new();
    let mut columns = 0_usize;
    let mut zero_based = false;
    let mut line = String::new();
    let mut number = 0;
    loop {
        line.clear();
        let read = input.by_ref().take(LINE_LIMIT).read_line(&mut line).map_err(|e| source.cannot(&e))?;
        if read == 0 || reading.is_enough(target.len()) {
            break;
        }
        number += 1;
        let content = line.split('#').next().unwrap_or("").trim();
        let mut parts = content.split_ascii_whitespace();
        let Some(label) = parts.next() else { continue };
        let bad = |part: &str| {
            source.malformed(&format!(
                "line {number}: \"{}\" is not index:value. Fix it there",
                part.chars().take(40).collect::<String>()
            ))
        };
        match parse::number(label, false) {
            Some(value) => target.number(value),
            None => target.text(label),
        }
        for part in parts {
            let (index, value) = part.split_once(':').ok_or_else(|| bad(part))?;
            if index == "qid" {
                continue;
            }
            let (index, value) = (
                index.parse::<u32>().ok().ok_or_else(|| bad(part))?,
                parse::number(value, false).ok_or_else(|| bad(part))?,
            );
            zero_based |= index == 0;
            columns = columns.max(index as usize + 1);
            if columns > COLUMN_LIMIT + 1 {
                return Err(DataError::TooWide { name: source.name().to_owned(), columns, limit: COLUMN_LIMIT });
            }
            cells.push((index, target.len() as u32 - 1, value));
        }
        if number % 1024 == 0 {
            let bytes = cells.len() * size_of::<(u32, u32, f64)>() + target.bytes() + columns * target.len();
            reading.allow(source.name(), bytes)?;
        }
    }
    let rows = target.len();
    cells.sort_unstable_by_key(|&(index, row, _)| (index, row));
    // An index that no row has is zero in all of them.
    let mut first = usize::from(!zero_based);
    if let Some([from, to]) = options.indices {
        first = first.min(from as usize);
        columns = columns.max(to as usize + 1);
    }
    if columns > COLUMN_LIMIT + 1 {
        return Err(DataError::TooWide { name: source.name().to_owned(), columns, limit: COLUMN_LIMIT });
    }
    reading.allow(source.name(), columns.saturating_mul(rows))?;
    let mut table = vec![target.finish("target".to_owned())];
    let mut rest = cells.as_slice();
    let mut used = 0;
    for index in first..columns {
        let end = rest.partition_point(|&(k, ..)| k as usize <= index);
        let (own, others) = rest.split_at(end);
        rest = others;
        let mut values = vec![0.0; rows];
        for &(_, row, value) in own {
            values[row as usize] = value;
        }
        let numbers = Numbers::from(values);
        used += numbers.bytes();
        reading.allow(source.name(), used)?;
        table.push(Column::numbers(format!("feature {index}"), numbers));
    }
    let mut detected = Detected::of(Format::LibSvm);
    detected.indices = columns.checked_sub(1).filter(|&last| last >= first).map(|last| [first as u32, last as u32]);
    Ok((Table { name: source.name().to_owned(), columns: table }, detected))
}
