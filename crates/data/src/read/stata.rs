//! Stata's .dta files: labels of values become text, dates become dates.

use super::byte_source::ByteSource;
use super::columnar::{SECONDS_PER_DAY, check_width};
use super::options::{Detected, Format, Note};
use crate::cells::{CellColumn, unique_names};
use crate::error::DataError;
use crate::reading::Reading;
use crate::table::{Column, Table};
use chainrule_common::format;
use dta::stata::dta::dta_reader::DtaReader;
use dta::stata::dta::value::Value;
use dta::stata::dta::value_label_table::ValueLabelTable;
use dta::stata::stata_byte::StataByte;
use dta::stata::stata_double::StataDouble;
use dta::stata::stata_float::StataFloat;
use dta::stata::stata_int::StataInt;
use dta::stata::stata_long::StataLong;
use dta::stata::temporal::TemporalKind;
use std::collections::BTreeMap;

/// Days from 1960, when Stata's time begins, to 1970.
const DAYS_TO_1970: f64 = 3653.0;
/// Labels that a note names.
const LABELS: usize = 4;

/// Seconds from 1970 to the begin of a period; none if it is none or too far away.
fn period(kind: TemporalKind, count: f64) -> Option<f64> {
    let count = Some(count).filter(|v| v.fract() == 0.0 && v.abs() < 1e6)? as i32;
    // The year, its month, and days of the month.
    let months = |months: i32| (1960 + months.div_euclid(12), months.rem_euclid(12), 0);
    let (year, month, days) = match kind {
        TemporalKind::Week => (1960 + count.div_euclid(52), 0, count.rem_euclid(52) * 7),
        TemporalKind::Month => months(count),
        TemporalKind::Quarter => months(count.checked_mul(3)?),
        TemporalKind::HalfYear => months(count.checked_mul(6)?),
        TemporalKind::Year => (count, 0, 0),
        _ => return None,
    };
    let day = chrono::NaiveDate::from_ymd_opt(year, month as u32 + 1, 1)?;
    let days = (day - chrono::NaiveDate::default()).num_days() + i64::from(days);
    Some((days * SECONDS_PER_DAY) as f64)
}

/// That some values have labels and others have none, so that the numbers stand.
fn partly_labelled<'l>(
    column: &Column,
    seen: &BTreeMap<i32, usize>,
    label: &dyn Fn(i32) -> Option<&'l str>,
) -> Option<Note> {
    let labelled: Vec<(i32, usize, &str)> = seen.iter().filter_map(|(&v, &n)| Some((v, n, label(v)?))).collect();
    if labelled.is_empty() || !column.is_number() {
        return None;
    }
    let cells = format::counted(labelled.iter().map(|(_, n, _)| n).sum(), "cell");
    let named: Vec<String> = labelled.iter().take(LABELS).map(|(v, _, text)| format!("{v} = \"{text}\"")).collect();
    let more = if labelled.len() > LABELS { ", …" } else { "" };
    let first = (0..column.len()).find(|&row| labelled.iter().any(|(v, ..)| f64::from(*v) == column.number(row)))?;
    Some(Note::from(format!(
        "Column \"{}\": only some values have labels ({}{more}), in {cells}, first in row {}: the numbers stand for them.",
        column.name,
        named.join(", "),
        first + 1
    )))
}

pub(super) fn read(source: &ByteSource, reading: &Reading) -> Result<(Table, Detected), DataError> {
    let broken = |e: &dyn std::fmt::Display| {
        source.malformed(&format!("the Stata file cannot be read ({e}). Save it again, or export it as CSV"))
    };
    reading.expect(source.size());
    let input = std::io::BufReader::new(source.seekable()?);
    let schema = DtaReader::new().from_reader(input).read_header().map_err(|e| broken(&e))?;
    let schema = schema.read_schema().map_err(|e| broken(&e))?;
    let rows = schema.header().observation_count();
    let width = schema.schema().variables().len();
    check_width(source, width)?;
    // Each value takes a byte at least.
    if rows.saturating_mul(width as u64) > source.size() {
        return Err(broken(&"it is shorter than it says"));
    }
    let mut labels = ValueLabelTable::new();
    let mut reader = schema.seek_value_labels().map_err(|e| broken(&e))?;
    // Without labels the numbers are still there.
    let labelled = reader.read_remaining_into(&mut labels).is_ok();
    let mut records = reader.seek_records().map_err(|e| broken(&e))?;
    let variables = records.schema().variables().to_vec();
    let kinds: Vec<Option<TemporalKind>> = variables.iter().map(|v| TemporalKind::from_format(v.format())).collect();
    let mut columns: Vec<CellColumn> = variables.iter().map(|_| CellColumn::default()).collect();
    let mut seen: Vec<BTreeMap<i32, usize>> = vec![BTreeMap::new(); width];
    let mut long = vec![0_usize; width];
    let mut count = 0_usize;
    while let Some(record) = records.read_record().map_err(|e| broken(&e))? {
        for (k, value) in record.values().iter().enumerate() {
            let Some(column) = columns.get_mut(k) else { break };
            let number = match value {
                Value::Byte(StataByte::Present(v)) => Some(f64::from(*v)),
                Value::Int(StataInt::Present(v)) => Some(f64::from(*v)),
                Value::Long(StataLong::Present(v)) => Some(f64::from(*v)),
                Value::Float(StataFloat::Present(v)) => Some(f64::from(*v)),
                Value::Double(StataDouble::Present(v)) => Some(*v),
                Value::String(text) => {
                    column.text(text);
                    continue;
                }
                Value::LongStringRef(_) => {
                    long[k] += 1;
                    None
                }
                _ => None,
            };
            match number {
                None => column.missing(),
                Some(v) => match kinds[k] {
                    Some(TemporalKind::Date) => column.date((v - DAYS_TO_1970) * SECONDS_PER_DAY as f64),
                    Some(TemporalKind::DateTime | TemporalKind::DateTimeLeap) => {
                        column.date(v / 1000.0 - DAYS_TO_1970 * SECONDS_PER_DAY as f64);
                    }
                    kind => {
                        if let Some(seconds) = kind.and_then(|kind| period(kind, v)) {
                            column.date(seconds);
                            continue;
                        }
                        if v.fract() == 0.0 && seen[k].len() <= 1000 {
                            *seen[k].entry(v as i32).or_default() += 1;
                        }
                        column.number(v);
                    }
                },
            }
        }
        if count.is_multiple_of(1024) {
            reading.advance(0)?;
            reading.allow(source.name(), columns.iter().map(CellColumn::bytes).sum())?;
        }
        count += 1;
        if reading.is_enough(count) {
            break;
        }
    }
    let mut detected = Detected::of(Format::Stata);
    if !labelled {
        detected.note("The labels of values could not be read; the numbers stand for them.".to_owned());
    }
    let names = unique_names(variables.iter().map(dta::stata::dta::variable::Variable::name));
    let mut finished = Vec::new();
    for (k, (name, column)) in names.into_iter().zip(columns).enumerate() {
        if long[k] > 0 {
            let cells = format::counted(long[k], "long text");
            detected
                .note(format!("Column \"{name}\": {cells} (strL) were left empty. In Stata, recast it to str2045."));
        }
        let column = column.finish(name);
        let label = |v: i32| labels.label_for(&variables[k], v);
        let all_labelled = column.is_number() && !seen[k].is_empty() && seen[k].keys().all(|&v| label(v).is_some());
        if all_labelled && seen[k].values().sum::<usize>() == column.len() - column.missing() {
            let cells: Vec<Option<&str>> = (0..column.len())
                .map(|row| Some(column.number(row)).filter(|v| !v.is_nan()).and_then(|v| label(v as i32)))
                .collect();
            finished.push(Column::text(column.name, cells));
        } else {
            detected.notes.extend(partly_labelled(&column, &seen[k], &label));
            finished.push(column);
        }
    }
    Ok((Table { name: source.name().to_owned(), columns: finished }, detected))
}

#[cfg(test)]
mod tests {
    use crate::{ReadOptions, read_bytes};

    /// A file of version 115 with columns of whole numbers: their names, formats, labels and values.
    fn dta(columns: &[(&str, &str, &str, &[i32])], labels: &[(i32, &str)]) -> Vec<u8> {
        let padded = |text: &str, length: usize| {
            let mut bytes = text.as_bytes().to_vec();
            bytes.resize(length, 0);
            bytes
        };
        let mut file = vec![115, 2, 1, 0];
        file.extend((columns.len() as u16).to_le_bytes());
        file.extend((columns[0].3.len() as u32).to_le_bytes());
        file.extend(padded("", 81 + 18));
        file.extend(columns.iter().map(|_| 253));
        file.extend(columns.iter().flat_map(|c| padded(c.0, 33)));
        file.extend(vec![0; 2 * (columns.len() + 1)]);
        file.extend(columns.iter().flat_map(|c| padded(c.1, 49)));
        file.extend(columns.iter().flat_map(|c| padded(c.2, 33)));
        file.extend(columns.iter().flat_map(|_| padded("", 81)));
        file.extend([0; 5]);
        for row in 0..columns[0].3.len() {
            file.extend(columns.iter().flat_map(|c| c.3[row].to_le_bytes()));
        }
        if !labels.is_empty() {
            let mut texts = Vec::new();
            let places: Vec<u32> = labels
                .iter()
                .map(|(_, text)| {
                    let at = texts.len() as u32;
                    texts.extend([text.as_bytes(), &[0]].concat());
                    at
                })
                .collect();
            let length = 8 + 8 * labels.len() + texts.len();
            file.extend((length as u32).to_le_bytes());
            file.extend(padded("lab", 33));
            file.extend([0; 3]);
            file.extend((labels.len() as u32).to_le_bytes());
            file.extend((texts.len() as u32).to_le_bytes());
            file.extend(places.iter().flat_map(|at| at.to_le_bytes()));
            file.extend(labels.iter().flat_map(|(v, _)| v.to_le_bytes()));
            file.extend(texts);
        }
        file
    }

    #[test]
    fn periods_are_dates() {
        let columns: [(&str, &str, &str, &[i32]); 5] = [
            ("m", "%tm", "", &[0, 120, -1]),
            ("q", "%tqCCYY!Qq", "", &[0, 41, -1]),
            ("w", "%tw", "", &[0, 53, -1]),
            ("h", "%th", "", &[0, 21, -1]),
            ("y", "%ty", "", &[1960, 2024, 1850]),
        ];
        let (table, _) = read_bytes("t.dta", &dta(&columns, &[]), &ReadOptions::default()).expect("readable");
        let cells = |k: usize| (0..3).map(|row| table.columns[k].cell(row)).collect::<Vec<_>>();
        assert_eq!(cells(0), ["1960-01-01", "1970-01-01", "1959-12-01"]);
        assert_eq!(cells(1), ["1960-01-01", "1970-04-01", "1959-10-01"]);
        assert_eq!(cells(2), ["1960-01-01", "1961-01-08", "1959-12-24"]);
        assert_eq!(cells(3), ["1960-01-01", "1970-07-01", "1959-07-01"]);
        assert_eq!(cells(4), ["1960-01-01", "2024-01-01", "1850-01-01"]);
    }

    #[test]
    fn labels_of_some_values_are_told_and_the_numbers_kept() {
        let columns: [(&str, &str, &str, &[i32]); 2] =
            [("scale", "%8.0g", "lab", &[3, 1, 5, 5]), ("two", "%8.0g", "lab", &[1, 5, 1, 1])];
        let bytes = dta(&columns, &[(1, "never"), (5, "always")]);
        let (table, found) = read_bytes("t.dta", &bytes, &ReadOptions::default()).expect("readable");
        assert!(table.columns[0].is_number());
        let says = "Column \"scale\": only some values have labels (1 = \"never\", 5 = \"always\"), in 3 cells, first in row 2";
        assert!(found.notes.iter().any(|n| n.text.starts_with(says)), "{:?}", found.notes);
        assert_eq!(table.columns[1].cell(0), "never");
        assert!(!found.notes.iter().any(|n| n.text.contains("two")));
    }
}
