//! JSON: one record per line, an array of records, an array of rows, or an object of columns.
//!
//! Records are parsed one by one, so that the text is never in memory as a whole. Nested values become columns with names
//! such as `a.b` and `c[0]`.

use super::byte_source::ByteSource;
use super::options::{COLUMN_LIMIT, Detected, Format};
use crate::cells::CellColumn;
use crate::error::DataError;
use crate::reading::Reading;
use crate::table::Table;
use serde::de::{DeserializeSeed, SeqAccess, Visitor};
use serde_json::Value;
use std::collections::HashMap;
use std::fmt;
use std::io::{BufReader, Read as _};

/// The longest list inside a record that becomes columns.
const LIST_LIMIT: usize = 4096;

pub(super) fn read(source: &ByteSource, reading: &Reading) -> Result<(Table, Detected), DataError> {
    let mut records = Records { source, reading, columns: Vec::new(), places: HashMap::new(), rows: 0, error: None };
    let mut input = BufReader::with_capacity(1 << 18, source.open(reading)?);
    let mut first = [0];
    let mut begin = Vec::new();
    // Skip the byte order mark and blanks; the next character shows the structure.
    loop {
        match input.read(&mut first).map_err(|e| source.cannot(&e))? {
            0 => return Err(DataError::Empty { name: source.name().to_owned() }),
            _ if first[0].is_ascii_whitespace() || [0xef, 0xbb, 0xbf].contains(&first[0]) => {}
            _ => break,
        }
    }
    begin.push(first[0]);
    let input = begin.as_slice().chain(input);
    let outcome = if first[0] == b'[' {
        let mut parser = serde_json::Deserializer::from_reader(input);
        (&mut records).deserialize(&mut parser)
    } else {
        let values = serde_json::Deserializer::from_reader(input).into_iter::<Value>();
        lines(&mut records, values)
    };
    match (records.error.take(), outcome) {
        (Some(Stop::Enough), _) | (None, Ok(())) => {}
        (Some(Stop::Wrong(e)), _) => return Err(e),
        (None, Err(e)) if e.is_io() => {
            // An error of the system is wrapped; cancellation shows by its flag.
            reading.advance(0)?;
            return Err(source.malformed(&e.to_string()));
        }
        (None, Err(e)) => {
            let row = records.rows + 1;
            return Err(
                source.malformed(&format!("record {row} is not JSON ({e}). Fix it there, or cut the file before it"))
            );
        }
    }
    let rows = records.rows;
    let columns = records.columns.into_iter().map(|(name, mut column)| {
        column.pad(rows);
        column.finish(name)
    });
    Ok((Table { name: source.name().to_owned(), columns: columns.collect() }, Detected::of(Format::Json)))
}

fn lines(records: &mut Records<'_>, values: impl Iterator<Item = serde_json::Result<Value>>) -> serde_json::Result<()> {
    for value in values {
        if !records.take(&value?) {
            break;
        }
    }
    Ok(())
}

enum Stop {
    Enough,
    Wrong(DataError),
}

/// Columns, built record by record.
struct Records<'a> {
    source: &'a ByteSource<'a>,
    reading: &'a Reading,
    columns: Vec<(String, CellColumn)>,
    places: HashMap<String, usize>,
    rows: usize,
    error: Option<Stop>,
}

impl Records<'_> {
    /// Adds one record; false ends the reading.
    fn take(&mut self, record: &Value) -> bool {
        let outcome = match record {
            // {"a": [1, 2], "b": [3, 4]}: columns, not a record.
            Value::Object(columns)
                if self.rows == 0
                    && columns.len() > 1
                    && columns.values().all(|v| matches!(v, Value::Array(a) if a.len() > 1)) =>
            {
                self.whole_columns(columns)
            }
            Value::Object(_) | Value::Array(_) => self.fields("", record, 0).map(|()| self.rows += 1),
            _ => Err(self.source.malformed(&format!(
                "record {} is a single value. Each record must be an object or a list",
                self.rows + 1
            ))),
        };
        let outcome = outcome.and_then(|()| self.check());
        match outcome {
            Err(e) => self.error = Some(Stop::Wrong(e)),
            Ok(()) if self.reading.is_enough(self.rows) => self.error = Some(Stop::Enough),
            Ok(()) => return true,
        }
        false
    }

    fn check(&self) -> Result<(), DataError> {
        if self.columns.len() > COLUMN_LIMIT {
            let name = self.source.name().to_owned();
            return Err(DataError::TooWide { name, columns: self.columns.len(), limit: COLUMN_LIMIT });
        }
        if self.rows.is_multiple_of(1024) {
            self.reading.advance(0)?;
            self.reading.allow(self.source.name(), self.columns.iter().map(|(_, c)| c.bytes()).sum())?;
        }
        Ok(())
    }

    fn column(&mut self, name: &str) -> &mut CellColumn {
        let place = *self.places.entry(name.to_owned()).or_insert_with(|| {
            self.columns.push((name.to_owned(), CellColumn::default()));
            self.columns.len() - 1
        });
        &mut self.columns[place].1
    }

    fn fields(&mut self, name: &str, value: &Value, depth: usize) -> Result<(), DataError> {
        match value {
            Value::Object(fields) => {
                for (key, field) in fields {
                    let name = if depth == 0 { key.clone() } else { format!("{name}.{key}") };
                    self.fields(&name, field, depth + 1)?;
                }
                return Ok(());
            }
            Value::Array(items) => {
                if items.len() > LIST_LIMIT {
                    return Err(self.source.malformed(&format!(
                        "record {}, \"{name}\": a list of {} values; at most {LIST_LIMIT} can become columns",
                        self.rows + 1,
                        items.len()
                    )));
                }
                for (k, item) in items.iter().enumerate() {
                    let name = if depth == 0 { format!("column {}", k + 1) } else { format!("{name}[{k}]") };
                    self.fields(&name, item, depth + 1)?;
                }
                return Ok(());
            }
            _ => {}
        }
        let rows = self.rows;
        let column = self.column(name);
        column.pad(rows);
        if column.len() > rows {
            return Ok(());
        }
        match value {
            Value::Null => column.missing(),
            Value::Bool(v) => column.text(if *v { "true" } else { "false" }),
            Value::Number(n) => column.number(n.as_f64().unwrap_or(f64::NAN)),
            Value::String(text) => column.text(text),
            Value::Object(_) | Value::Array(_) => {}
        }
        Ok(())
    }

    fn whole_columns(&mut self, columns: &serde_json::Map<String, Value>) -> Result<(), DataError> {
        let rows = columns.values().next().and_then(Value::as_array).map_or(0, Vec::len);
        for (name, values) in columns {
            let values = values.as_array().map_or(&[][..], Vec::as_slice);
            if values.len() != rows {
                return Err(self.source.malformed(&format!(
                    "column \"{name}\" has {} values, but the first has {rows}. All must have the same number",
                    values.len()
                )));
            }
        }
        for row in 0..rows {
            for (name, values) in columns {
                self.fields(name, &values[row], 1)?;
            }
            self.rows += 1;
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for &mut Records<'_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for &mut Records<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(record) = seq.next_element::<Value>()? {
            if !self.take(&record) {
                return Err(serde::de::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}
