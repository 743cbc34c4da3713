//! Stata's .dta files: labels of values become text, dates become dates.

use super::byte_source::ByteSource;
use super::columnar::{SECONDS_PER_DAY, check_width};
use super::options::{Detected, Format};
use crate::cells::{CellColumn, unique_names};
use crate::error::DataError;
use crate::reading::Reading;
use crate::table::Table;
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
                    _ => {
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
            let cells = chainrule_common::format::counted(long[k], "long text");
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
            finished.push(crate::table::Column::text(column.name, cells));
        } else {
            finished.push(column);
        }
    }
    Ok((Table { name: source.name().to_owned(), columns: finished }, detected))
}
