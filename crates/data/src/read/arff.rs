//! ARFF, the format of Weka: attributes with their types, then rows, dense or sparse
//! (<https://waikato.github.io/weka-wiki/formats_and_processing/arff_stable/>).

use super::byte_source::ByteSource;
use super::options::{COLUMN_LIMIT, Detected, Format};
use crate::cells::{CellColumn, unique_names};
use crate::error::DataError;
use crate::parse::{is_missing, number as parse_number};
use crate::reading::Reading;
use crate::table::Table;
use crate::typing::dates;
use crate::typing::numbers::is_inexact;
use std::io::{BufRead as _, BufReader, Read as _};

const LINE_LIMIT: u64 = 64 << 20;

/// What an attribute holds.
#[derive(Clone, Debug, PartialEq)]
enum AttributeType {
    Number,
    Date,
    Text,
    /// In a sparse row, the first value is left out.
    Nominal(Vec<String>),
}

pub(super) fn read(source: &ByteSource, reading: &Reading) -> Result<(Table, Detected), DataError> {
    let mut input = BufReader::with_capacity(1 << 18, source.open(reading)?);
    let mut attributes: Vec<(String, AttributeType)> = Vec::new();
    let mut columns: Vec<CellColumn> = Vec::new();
    let mut in_data = false;
    let (mut raw, mut number) = (Vec::new(), 0);
    loop {
        raw.clear();
        let read = input.by_ref().take(LINE_LIMIT).read_until(b'\n', &mut raw).map_err(|e| source.cannot(&e))?;
        if read == 0 {
            break;
        }
        number += 1;
        let line = String::from_utf8_lossy(&raw);
        let line = line.trim_start_matches('\u{feff}').trim();
        if line.is_empty() || line.starts_with('%') {
            continue;
        }
        let bad = |reason: String| source.malformed(&format!("line {number}: {reason}"));
        if in_data {
            row(line, &attributes, &mut columns).map_err(bad)?;
            let rows = columns[0].len();
            if rows.is_multiple_of(1024) {
                reading.allow(source.name(), columns.iter().map(CellColumn::bytes).sum())?;
            }
            if reading.is_enough(rows) {
                break;
            }
            continue;
        }
        let word = line.split_ascii_whitespace().next().unwrap_or("").to_ascii_lowercase();
        match word.as_str() {
            "@relation" => {}
            "@attribute" => {
                attributes.push(attribute(line["@attribute".len()..].trim()).map_err(bad)?);
                if attributes.len() > COLUMN_LIMIT {
                    let name = source.name().to_owned();
                    return Err(DataError::TooWide { name, columns: attributes.len(), limit: COLUMN_LIMIT });
                }
            }
            "@data" => {
                in_data = true;
                columns.resize_with(attributes.len(), CellColumn::default);
                if attributes.is_empty() {
                    return Err(bad("there is no @attribute before @data".to_owned()));
                }
            }
            other => {
                return Err(bad(format!(
                    "\"{}\" is none of @relation, @attribute and @data",
                    other.chars().take(40).collect::<String>()
                )));
            }
        }
    }
    if columns.first().is_none_or(|c| c.len() == 0) {
        return Err(DataError::HeaderOnly { name: source.name().to_owned() });
    }
    let names = unique_names(attributes.iter().map(|(name, _)| name.as_str()));
    let columns: Vec<_> = names.into_iter().zip(columns).map(|(name, column)| column.finish(name)).collect();
    let mut detected = Detected::of(Format::Arff);
    // Numbers that are text, as some of them would be rounded.
    let digits =
        columns.iter().zip(&attributes).filter(|(c, (_, kind))| *kind == AttributeType::Number && !c.is_number());
    detected.digits = digits.map(|(column, _)| column.name.clone()).collect();
    Ok((Table { name: source.name().to_owned(), columns }, detected))
}

/// Name and type, as written after "@attribute".
fn attribute(text: &str) -> Result<(String, AttributeType), String> {
    let (name, rest) = token(text, &[' ', '\t']);
    let rest = rest.trim();
    if name.is_empty() || rest.is_empty() {
        return Err("an attribute needs a name and a type".to_owned());
    }
    if let Some(list) = rest.strip_prefix('{') {
        let list = list.strip_suffix('}').ok_or("the list of values is not closed with }")?;
        return Ok((name, AttributeType::Nominal(fields(list))));
    }
    let kind = match rest.split_ascii_whitespace().next().unwrap_or("").to_ascii_lowercase().as_str() {
        "numeric" | "real" | "integer" => AttributeType::Number,
        "string" => AttributeType::Text,
        "date" => AttributeType::Date,
        other => {
            return Err(format!(
                "the type {other} is not known (there are numeric, real, integer, string, date and {{lists}})"
            ));
        }
    };
    Ok((name, kind))
}

/// The token up to one of the characters in `ends`, without quotes, and the rest of the text.
fn token<'t>(text: &'t str, ends: &[char]) -> (String, &'t str) {
    let text = text.trim_start();
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'));
    let mut token = String::new();
    let mut chars = text.char_indices().skip(usize::from(quote.is_some()));
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' if quote.is_some() => token.extend(chars.next().map(|(_, c)| c)),
            c if Some(c) == quote => return (token, &text[at + 1..]),
            c if quote.is_none() && ends.contains(&c) => return (token.trim_end().to_owned(), &text[at..]),
            c => token.push(c),
        }
    }
    (if quote.is_some() { token } else { token.trim_end().to_owned() }, "")
}

/// The values between commas.
fn fields(text: &str) -> Vec<String> {
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        let (field, after) = token(rest, &[',']);
        fields.push(field);
        match after.trim_start().strip_prefix(',') {
            Some(after) => rest = after,
            None => return fields,
        }
    }
}

fn row(line: &str, attributes: &[(String, AttributeType)], columns: &mut [CellColumn]) -> Result<(), String> {
    if let Some(sparse) = line.strip_prefix('{') {
        let sparse = sparse.split('}').next().unwrap_or("");
        let mut given = vec![None; attributes.len()];
        for pair in fields(sparse).iter().filter(|p| !p.is_empty()) {
            let (index, value) =
                pair.split_once([' ', '\t']).ok_or_else(|| format!("\"{pair}\" is not an index and a value"))?;
            let place = index.parse::<usize>().ok().filter(|&k| k < attributes.len());
            given[place.ok_or_else(|| format!("there is no attribute {index}"))?] = Some(token(value, &[]).0);
        }
        for ((value, attribute), column) in given.iter().zip(attributes).zip(columns) {
            match (value, &attribute.1) {
                (Some(value), _) => cell(value, attribute, column)?,
                (None, AttributeType::Nominal(values)) => column.text(values.first().map_or("", String::as_str)),
                (None, AttributeType::Text) => column.missing(),
                (None, _) => column.number(0.0),
            }
        }
        return Ok(());
    }
    let values = fields(line);
    // A weight may follow in braces.
    let values: &[String] = match values.split_last() {
        Some((last, rest)) if last.starts_with('{') && rest.len() == attributes.len() => rest,
        _ => &values,
    };
    if values.len() != attributes.len() {
        return Err(format!(
            "{} values, but there are {} attributes. Check for a missing or extra comma",
            values.len(),
            attributes.len()
        ));
    }
    values
        .iter()
        .zip(attributes)
        .zip(columns)
        .try_for_each(|((value, attribute), column)| cell(value, attribute, column))
}

fn cell(value: &str, (name, kind): &(String, AttributeType), column: &mut CellColumn) -> Result<(), String> {
    let listed = |values: &[String]| values.iter().any(|v| v == value);
    match kind {
        // Only the question mark is missing in ARFF, unless it is a value; numbers are forgiven other words.
        AttributeType::Nominal(values) if is_missing(value) && !listed(values) => column.missing(),
        AttributeType::Text if value.is_empty() || value == "?" => column.missing(),
        AttributeType::Number | AttributeType::Date if is_missing(value) => column.missing(),
        AttributeType::Number if is_inexact(value.trim_start_matches('-')) => column.text(value),
        AttributeType::Number => match parse_number(value, false) {
            Some(number) => column.number(number),
            None => return Err(format!("\"{value}\" is not a number, but attribute {name} is numeric")),
        },
        AttributeType::Date => match dates::any(value) {
            Some(seconds) => column.date(seconds),
            None => column.text(value),
        },
        AttributeType::Nominal(values) if !listed(values) => {
            return Err(format!("\"{value}\" is none of the values of attribute {name}"));
        }
        AttributeType::Nominal(_) | AttributeType::Text => column.text(value),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::typing::kinds::{ColumnReading, ReadKind};
    use crate::{ReadOptions, read_bytes};

    #[test]
    fn whole_numbers_stay_exact() {
        let text = b"@relation r\n@attribute id numeric\n@attribute n integer\n@data\n9007199254740993,1\n-740245381351497731,2\n7,9007199254740992\n";
        let (table, found) = read_bytes("t.arff", text, &ReadOptions::default()).expect("readable");
        let cells = |k: usize| (0..3).map(|row| table.columns[k].cell(row)).collect::<Vec<_>>();
        assert_eq!(cells(0), ["9007199254740993", "-740245381351497731", "7"]);
        assert!(table.columns[1].is_number());
        assert!(found.notes.iter().any(|n| n.text.contains("\"id\"")), "{:?}", found.notes);
        let mut options = ReadOptions::default();
        options.columns.insert("id".into(), ColumnReading { kind: Some(ReadKind::Number), ..ColumnReading::default() });
        assert!(read_bytes("t.arff", text, &options).expect("readable").0.columns[0].is_number());
    }
}
