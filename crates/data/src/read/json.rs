//! JSON: one record per line, an array of records, an array of rows, or one object, in which the table lies in one of the
//! ways that pandas and web services have (`json_structure`).
//!
//! Records are parsed one by one, so that the text is never in memory as a whole. Nested values become columns with names
//! such as `a.b` and `c[0]`.

use super::byte_source::ByteSource;
use super::json_lines::{self, BadLines};
use super::json_structure::{Structure, structure};
use super::json_text::JsonText;
use super::options::{COLUMN_LIMIT, Chooser, Detected, Format, Note, ReadOptions};
use super::text_encoding;
use crate::cells::CellColumn;
use crate::error::DataError;
use crate::reading::Reading;
use crate::table::Table;
use crate::typing::numbers::is_rounded;
use encoding_rs::{UTF_16BE, UTF_16LE};
use serde::de::{DeserializeSeed, SeqAccess, Visitor};
use serde_json::Value;
use std::collections::HashMap;
use std::fmt;
use std::io::{BufReader, Read as _};

/// The longest list inside a record that becomes columns.
const LIST_LIMIT: usize = 4096;
/// Other lists that a note offers.
const OFFERED: usize = 5;

pub(super) fn read(
    source: &ByteSource,
    head: &[u8],
    options: &ReadOptions,
    reading: &Reading,
) -> Result<(Table, Detected), DataError> {
    let mut records = Records::new(source, reading);
    let found = text_encoding::detect(head);
    let encoding = Some(found).filter(|e| [UTF_16LE, UTF_16BE].contains(e));
    // A value of JSON takes many times the bytes of its text.
    let text = JsonText::new(source.open(reading)?, encoding, (reading.limit / 16) as u64);
    let (special, own) = (text.special.clone(), text.since.clone());
    let mut input = BufReader::with_capacity(1 << 18, text);
    let mut first = [0];
    let mut begin = Vec::new();
    let mut skipped = 0;
    // Skip the byte order mark and blanks; the next character shows the structure.
    loop {
        match input.read(&mut first).map_err(|e| source.cannot(&e))? {
            0 => return Err(DataError::Empty { name: source.name().to_owned() }),
            _ if first[0] == b'\n' => skipped += 1,
            _ if first[0].is_ascii_whitespace() || [0xef, 0xbb, 0xbf].contains(&first[0]) => {}
            _ => break,
        }
    }
    begin.push(first[0]);
    let input = begin.as_slice().chain(input);
    let mut bad = BadLines::default();
    let outcome = if first[0] == b'[' {
        let mut parser = serde_json::Deserializer::from_reader(input);
        (&mut Counted { records: &mut records, since: &own }).deserialize(&mut parser)
    } else {
        let mut input = BufReader::new(input);
        let (begin, is_lines) = json_lines::begin(&mut input).map_err(|e| source.cannot(&e))?;
        let mut input = begin.as_slice().chain(input);
        if is_lines {
            let take = &mut |value| records.take(value);
            json_lines::read(&mut input, skipped, &own, take).map(|found| bad = found).map_err(serde_json::Error::io)
        } else {
            let values = serde_json::Deserializer::from_reader(input).into_iter::<Value>();
            lines(&mut records, values, &own)
        }
    };
    match (records.error.take(), outcome) {
        (Some(Stop::Enough), _) | (None, Ok(())) => {}
        (Some(Stop::Wrong(e)), _) => return Err(e),
        (None, Err(e)) if e.is_io() => {
            // An error of the system is wrapped; cancellation shows by its flag.
            reading.advance(0)?;
            if own.load(std::sync::atomic::Ordering::Relaxed) > (reading.limit / 16) as u64 {
                let limit = chainrule_common::format::bytes(reading.limit as u64);
                return Err(DataError::TooLarge { name: source.name().to_owned(), limit });
            }
            return Err(source.malformed(&e.to_string()));
        }
        (None, Err(e)) => {
            let row = records.rows + usize::from(records.first.is_some()) + 1;
            return Err(
                source.malformed(&format!("record {row} is not JSON ({e}). Fix it there, or cut the file before it"))
            );
        }
    }
    let mut detected = Detected::of(Format::Json);
    if bad.are_most() {
        let (line, reason) = (bad.first, &bad.reason);
        return Err(source.malformed(&format!(
            "line {line} is no JSON record ({reason}), as most lines are not. Choose a file with one record a line"
        )));
    }
    if let Some((record, reason)) = &bad.cut {
        let text = format!(
            "record {record}, the last, is cut off ({reason}). Fetch the file again, or cut it before that record"
        );
        return Err(source.malformed(&text));
    }
    if let Some(text) = bad.told() {
        detected.note(text);
    }
    if let Some(only) = records.first.take() {
        records.only(&only, options, &mut detected)?;
    }
    let special = special.load(std::sync::atomic::Ordering::Relaxed);
    if special > 0 {
        let values = if special == 1 { "1 value is" } else { &format!("{special} values are") };
        detected.note(format!("{values} NaN or Infinity, which JSON does not have; they are missing values."));
    }
    let rows = records.rows;
    let columns = records.columns.into_iter().map(|(name, mut column)| {
        column.pad(rows);
        column.finish(name)
    });
    Ok((Table { name: source.name().to_owned(), columns: columns.collect() }, detected))
}

fn lines(
    records: &mut Records<'_>,
    values: impl Iterator<Item = serde_json::Result<Value>>,
    since: &std::sync::atomic::AtomicU64,
) -> serde_json::Result<()> {
    for value in values {
        let value = value?;
        since.store(0, std::sync::atomic::Ordering::Relaxed);
        if !records.take(value) {
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
    /// The first record, until there is a second: alone it may be the table.
    first: Option<Value>,
    error: Option<Stop>,
}

impl<'a> Records<'a> {
    fn new(source: &'a ByteSource<'a>, reading: &'a Reading) -> Self {
        Self { source, reading, columns: Vec::new(), places: HashMap::new(), rows: 0, first: None, error: None }
    }
}

impl Records<'_> {
    /// Takes one record; false ends the reading.
    fn take(&mut self, record: Value) -> bool {
        if self.rows == 0 && self.first.is_none() {
            self.first = Some(record);
            return true;
        }
        match self.first.take() {
            Some(first) => self.add(&first) && self.add(&record),
            None => self.add(&record),
        }
    }

    /// Adds one record; false ends the reading.
    fn add(&mut self, record: &Value) -> bool {
        let outcome = match record {
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

    /// All records of a list, or as many as are enough.
    fn all<'v>(&mut self, records: impl IntoIterator<Item = &'v Value>) -> Result<(), DataError> {
        for record in records {
            if !self.add(record) {
                break;
            }
        }
        match self.error.take() {
            Some(Stop::Wrong(e)) => Err(e),
            _ => Ok(()),
        }
    }

    /// The only record: it may hold the table in some way.
    fn only(&mut self, value: &Value, options: &ReadOptions, detected: &mut Detected) -> Result<(), DataError> {
        let Value::Object(object) = value else { return self.all([value]) };
        match structure(object, options.records.as_deref()) {
            Structure::Record => self.all([value]),
            Structure::Columns(left_out) => {
                if !left_out.is_empty() {
                    let names: Vec<String> = left_out.iter().map(|n| format!("\"{n}\"")).collect();
                    detected.note(format!("{} beside the columns: left out.", names.join(", ")));
                }
                let columns: Vec<_> = object.iter().filter(|(_, v)| v.is_array()).collect();
                self.whole_columns(&columns)
            }
            Structure::ByColumn => {
                let mut rows: Vec<&String> = Vec::new();
                let mut known = std::collections::HashSet::new();
                let cells = || object.iter().filter_map(|(name, v)| Some((name, v.as_object()?)));
                for key in cells().flat_map(|(_, cells)| cells.keys()) {
                    if known.insert(key) {
                        rows.push(key);
                    }
                }
                self.index(rows.iter().map(|r| r.as_str()))?;
                for key in &rows {
                    for (name, cells) in cells() {
                        self.fields(name, cells.get(*key).unwrap_or(&Value::Null), 1)?;
                    }
                    self.rows += 1;
                    self.check()?;
                    if self.reading.is_enough(self.rows) {
                        break;
                    }
                }
                Ok(())
            }
            Structure::ByRow => {
                self.index(object.keys().map(String::as_str))?;
                self.all(object.values())
            }
            Structure::Split { names, rows, index } => {
                if let Some(index) = index {
                    let cell = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
                    let cells: Vec<String> = index.iter().map(cell).collect();
                    self.index(cells.iter().map(String::as_str))?;
                }
                self.rows_named(rows, &names)
            }
            Structure::Features(features) => {
                let geometry = |f: &Value| f.get("geometry").cloned().unwrap_or_default();
                let point = |f: &Value| {
                    let place = geometry(f);
                    let at = place.get("coordinates")?.as_array()?.clone();
                    (place.get("type")?.as_str()? == "Point").then_some(at)
                };
                let points = features.iter().all(|f| point(f).is_some());
                let empty = Value::Object(serde_json::Map::new());
                for feature in features {
                    let row = self.rows;
                    for (k, name) in ["longitude", "latitude"].iter().enumerate().filter(|_| points) {
                        let at = point(feature).and_then(|p| p.get(k)?.as_f64());
                        let column = self.column(name);
                        column.pad(row);
                        match at {
                            Some(v) => column.number(v),
                            None => column.missing(),
                        }
                    }
                    let properties = feature.get("properties").filter(|p| p.is_object()).unwrap_or(&empty);
                    if !self.add(properties) {
                        break;
                    }
                }
                let count = chainrule_common::format::counted(features.len(), "feature");
                let places =
                    if points { "their places are longitude and latitude" } else { "their shapes are left out" };
                detected.note(format!("GeoJSON: the properties of {count} were read; {places}."));
                match self.error.take() {
                    Some(Stop::Wrong(e)) => Err(e),
                    _ => Ok(()),
                }
            }
            Structure::Below { path, object } => {
                if options.records.is_none() {
                    let count = chainrule_common::format::counted(object.len(), "record");
                    let text = format!("The {count} below \"{path}\" were read; what stands beside them was left out.");
                    detected.note(text);
                }
                detected.choices = vec![path.clone()];
                (detected.chosen, detected.chooser) = (vec![path], Chooser::Records);
                self.only(&Value::Object(object.clone()), &ReadOptions::default(), detected)
            }
            Structure::Within { path, list, names, others } => {
                if options.records.is_none() {
                    let count = chainrule_common::format::counted(list.len(), "record");
                    let text = format!("The {count} below \"{path}\" were read; what stands beside them was left out.");
                    let note = others.iter().take(OFFERED).fold(Note::from(text), |note, other| {
                        note.offering(&format!("Read {other}"), options, |o| o.records = Some(other.clone()))
                    });
                    detected.notes.push(note);
                } else if options.records.as_ref() != Some(&path) {
                    let given = options.records.as_deref().unwrap_or_default();
                    detected
                        .note(format!("There are no records below \"{given}\", so those below \"{path}\" were read."));
                }
                detected.choices = std::iter::once(path.clone()).chain(others).collect();
                (detected.chosen, detected.chooser) = (vec![path], Chooser::Records);
                match names {
                    Some(names) => self.rows_named(list, &names),
                    None => self.all(list),
                }
            }
        }
    }

    /// A column with pandas' index, unless it numbers the rows from 0.
    fn index<'k>(&mut self, keys: impl Iterator<Item = &'k str> + Clone) -> Result<(), DataError> {
        if keys.clone().enumerate().all(|(row, key)| key.parse() == Ok(row)) {
            return Ok(());
        }
        let numbers: Option<Vec<f64>> = keys.clone().map(|k| k.parse().ok()).collect();
        let column = self.column("index");
        match numbers {
            Some(numbers) => numbers.into_iter().for_each(|v| column.number(v)),
            None => keys.for_each(|k| column.text(k)),
        }
        self.check()
    }

    fn rows_named(&mut self, rows: &[Value], names: &[String]) -> Result<(), DataError> {
        for row in rows {
            let cells = row.as_array().map_or(&[][..], Vec::as_slice);
            if cells.len() > names.len() {
                return Err(self.source.malformed(&format!(
                    "record {} has {} values, but there are {} columns",
                    self.rows + 1,
                    cells.len(),
                    names.len()
                )));
            }
            for (name, cell) in names.iter().zip(cells) {
                self.fields(name, cell, 1)?;
            }
            self.rows += 1;
            self.check()?;
            if self.reading.is_enough(self.rows) {
                break;
            }
        }
        Ok(())
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
            // As text they stay exact.
            Value::Number(n)
                if n.as_i64().map(i64::unsigned_abs).or(n.as_u64()).is_some_and(|v| is_rounded(v.into())) =>
            {
                column.text(&n.to_string());
            }
            Value::Number(n) => column.number(n.as_f64().unwrap_or(f64::NAN)),
            Value::String(text) => column.text(text),
            Value::Object(_) | Value::Array(_) => {}
        }
        Ok(())
    }

    fn whole_columns(&mut self, columns: &[(&String, &Value)]) -> Result<(), DataError> {
        fn values(v: &Value) -> &[Value] {
            v.as_array().map_or(&[], Vec::as_slice)
        }
        let rows = columns.first().map_or(0, |(_, v)| values(v).len());
        for (name, own) in columns {
            if values(own).len() != rows {
                return Err(self.source.malformed(&format!(
                    "column \"{name}\" has {} values, but the first has {rows}. All must have the same number",
                    values(own).len()
                )));
            }
        }
        for row in 0..rows {
            for (name, own) in columns {
                self.fields(name, &values(own)[row], 1)?;
            }
            self.rows += 1;
            self.check()?;
            if self.reading.is_enough(self.rows) {
                break;
            }
        }
        Ok(())
    }
}

/// Records of an array, which are given one by one.
struct Counted<'r, 'a> {
    records: &'r mut Records<'a>,
    since: &'r std::sync::atomic::AtomicU64,
}

impl<'de> DeserializeSeed<'de> for &mut Counted<'_, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for &mut Counted<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of records")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(record) = seq.next_element::<Value>()? {
            self.since.store(0, std::sync::atomic::Ordering::Relaxed);
            if !self.records.take(record) {
                return Err(serde::de::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::{Column, ReadOptions, Table, read_bytes};

    fn read(text: &str) -> (Table, crate::Detected) {
        read_bytes("t.json", text.as_bytes(), &ReadOptions::default()).unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    fn written(table: &Table) -> String {
        let cells = |c: &Column| (0..c.len()).map(|r| c.cell(r)).collect::<Vec<_>>().join(" ");
        table.columns.iter().map(|c| format!("{}: {}", c.name, cells(c))).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn every_orient_of_pandas_gives_the_same_table() {
        for text in [
            r#"{"a":{"0":1.5,"1":2},"b":{"0":"x","1":"y"}}"#,
            r#"{"0":{"a":1.5,"b":"x"},"1":{"a":2,"b":"y"}}"#,
            r#"{"columns":["a","b"],"index":[0,1],"data":[[1.5,"x"],[2,"y"]]}"#,
            r#"[{"a":1.5,"b":"x"},{"a":2,"b":"y"}]"#,
            r#"{"schema":{"fields":[{"name":"a"},{"name":"b"}]},"data":[{"a":1.5,"b":"x"},{"a":2,"b":"y"}]}"#,
            r#"{"a":[1.5,2],"b":["x","y"]}"#,
            r#"[{"a":[1.5,2],"b":["x","y"]}]"#,
            r#"{"fields":["a","b"],"rows":[[1.5,"x"],[2,"y"]]}"#,
            r#"{"n":2,"answer":{"page":1,"items":[{"a":1.5,"b":"x"},{"a":2,"b":"y"}]}}"#,
            "{\"a\":\"1.5\",\"b\":\"x\"}\n{\"a\":\"2\",\"b\":\"y\"}",
        ] {
            assert_eq!(written(&read(text).0), "a: 1.5 2, b: x y", "{text}");
        }
        assert_eq!(
            written(&read(r#"{"a":{"u":1,"v":2,"w":5},"b":{"u":"x","v":"y","w":"x"}}"#).0),
            "index: u v w, a: 1 2 5, b: x y x"
        );
        assert_eq!(
            written(&read(r#"{"u":{"a":1,"b":"x"},"v":{"a":2,"b":"y"},"w":{"a":3,"b":"y"}}"#).0),
            "index: u v w, a: 1 2 3, b: x y y"
        );
        assert_eq!(written(&read("[[1,2],[3,4]]").0), "column 1: 1 3, column 2: 2 4");
        assert_eq!(
            written(&read("{\"x\":[1,2],\"y\":[3,4]}\n{\"x\":[5,6],\"y\":[7,8]}").0),
            "x[0]: 1 5, x[1]: 2 6, y[0]: 3 7, y[1]: 4 8"
        );
        assert_eq!(written(&read(r#"{"a":[1,2,3,4]}"#).0), "a: 1 2 3 4");
    }

    #[test]
    fn records_one_level_down_can_be_chosen() {
        let text = r#"{"count":2,"results":[{"a":1},{"a":2},{"a":4}],"errors":[{"code":3}]}"#;
        let (table, found) = read(text);
        assert_eq!(
            (written(&table), &found.choices[..]),
            ("a: 1 2 4".into(), &["results".to_owned(), "errors".into()][..])
        );
        assert!(found.notes[0].text.contains("3 records below \"results\""), "{:?}", found.notes);
        let other = &found.notes[0].offers[0].options;
        let (table, _) = read_bytes("t.json", text.as_bytes(), other).expect("readable");
        assert_eq!(written(&table), "code: 3");
        assert_eq!(found.options.records.as_deref(), Some("results"));
    }

    #[test]
    fn properties_of_geojson_and_the_places_of_points() {
        let text = r#"{"type":"FeatureCollection","features":[
            {"type":"Feature","geometry":{"type":"Point","coordinates":[8.5,47.25]},"properties":{"name":"A","n":3}},
            {"type":"Feature","geometry":{"type":"Point","coordinates":[9,48]},"properties":{"name":"B"}}]}"#;
        let (table, found) = read(text);
        assert_eq!(written(&table), "longitude: 8.5 9, latitude: 47.25 48, name: A B, n: 3 ");
        assert!(found.notes[0].text.contains("2 features"), "{:?}", found.notes);
    }

    #[test]
    fn numbers_of_python_and_text_of_windows_are_read() {
        let text = r#"[{"a":NaN,"t":"NaN, -Infinity"},{"a":-Infinity,"t":"b\"NaN"},{"a":-2.5,"t":"c"}]"#;
        let (table, found) = read(text);
        assert_eq!(written(&table), "a:   -2.5, t: NaN, -Infinity b\"NaN c");
        assert!(found.notes[0].text.starts_with("2 values are NaN or Infinity"), "{:?}", found.notes);
        let utf16: Vec<u8> = "\u{feff}[{\"ä\":1},{\"ä\":2}]".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let (table, _) = read_bytes("t.json", &utf16, &ReadOptions::default()).expect("readable");
        assert_eq!(written(&table), "ä: 1 2");
        let (table, _) = read(r#"[{"id":9007199254740993},{"id":12}]"#);
        assert_eq!(written(&table), "id: 9007199254740993 12");
    }

    #[test]
    fn numbers_that_no_double_holds_stay_as_they_were_written() {
        let long = "123456789012345678901234567890";
        for (text, cells) in [
            (format!(r#"[{{"id":{long}}},{{"id":-{long}}},{{"id":7}}]"#), format!("id: {long} -{long} 7")),
            (format!("{{\"id\":18446744073709551616}}\n{{\"id\":{long}}}"), format!("id: 18446744073709551616 {long}")),
            (
                r#"[{"x":1e5,"s":"1e400 -I"},{"x":-2.5E-3,"s":"b"}]"#.to_owned(),
                "x: 100000 -0.0025, s: 1e400 -I b".into(),
            ),
            ("[[1,2],[3,4]]".to_owned(), "column 1: 1 3, column 2: 2 4".into()),
        ] {
            assert_eq!(written(&read(&text).0), cells, "{text}");
        }
        // Too large for a number: a gap that is told, as in text.
        for beyond in ["1e400", "-1e400", "12.5E+999"] {
            let rows: Vec<String> = (0..20).map(|k| format!(r#"{{"x":{k}.5}}"#)).collect();
            let text = format!("{}\n{{\"x\":{beyond}}}\n", rows.join("\n"));
            let (table, found) = read(&text);
            assert!(table.columns[0].is_number() && table.columns[0].missing() == 1, "{beyond}: {:?}", found.notes);
            assert!(found.notes.iter().any(|n| n.text.contains(beyond)), "{beyond}: {:?}", found.notes);
        }
    }

    #[test]
    fn bad_lines_are_left_out_and_told() {
        for bad in ["{\"a\":", "{\"a\":\"N", "oops", "7", "{\"a\":1}}", "{'a': 1}"] {
            let text = format!("{{\"a\":1,\"b\":\"Ned\"}}\n{bad}\n\n{{\"a\":3,\"b\":\"Ida\"}}\n");
            let (table, found) = read(&text);
            assert_eq!(written(&table), "a: 1 3, b: Ned Ida", "{bad}");
            assert!(
                found.notes[0].text.starts_with("1 line is no JSON record and was left out: line 2"),
                "{:?}",
                found.notes
            );
            // The first may be bad too.
            let text = format!("{bad}\n{{\"a\":1}}\n{{\"a\":3}}\n{bad}\n{{\"a\":5}}");
            let (table, found) = read(&text);
            assert_eq!(written(&table), "a: 1 3 5", "{bad}");
            assert!(found.notes[0].text.contains("the first being line 1"), "{:?}", found.notes);
        }
        let error = read_bytes("t.jsonl", b"{\"a\":1}\n{\"a\":}\nx\n{\n", &ReadOptions::default());
        let error = error.expect_err("most are bad").to_string();
        assert!(error.contains("line 2 is no JSON record") && error.contains("most"), "{error}");
        // A file that ends within a record is not whole.
        for text in ["{\"a\":1}\n{\"a\":2}\n{\"a\":", "{\"a\":1}\n{\"a\":2}\n{\"a\":\"N\n\n"] {
            let error = read_bytes("t.jsonl", text.as_bytes(), &ReadOptions::default()).expect_err("is cut off");
            assert!(error.to_string().contains("record 3, the last, is cut off"), "{error}");
        }
        // Records over several lines, or several in a line, are fine.
        for text in
            ["{\n\"a\":1\n}\n{\n\"a\":3\n}", "{\"a\":1}{\"a\":3}", "{\"a\":1},\n{\"a\":3},", "{\"a\":\n1}\n{\"a\":3}"]
        {
            assert_eq!(written(&read(text).0), "a: 1 3", "{text}");
        }
    }

    #[test]
    fn records_that_are_keyed_below_another_key() {
        for text in [
            r#"{"data":{"u":{"a":1,"b":"x"},"v":{"a":2,"b":"y"}}}"#,
            r#"{"n":2,"data":{"u":{"a":1,"b":"x"},"v":{"a":2,"b":"y"}}}"#,
            r#"{"meta":{"n":2},"answer":{"rows":{"u":{"a":1,"b":"x"},"v":{"a":2,"b":"y"}}}}"#,
        ] {
            let (table, found) = read(text);
            assert_eq!(written(&table), "index: u v, a: 1 2, b: x y", "{text}");
            assert!(found.notes[0].text.contains("2 records below"), "{:?}", found.notes);
            let again = read_bytes("t.json", text.as_bytes(), &found.options).expect("readable").0;
            assert_eq!(again, table);
        }
        // One record with parts stays one.
        assert_eq!(written(&read(r#"{"a":{"x":1,"z":{"p":1}},"b":2}"#).0), "a.x: 1, a.z.p: 1, b: 2");
    }
}
