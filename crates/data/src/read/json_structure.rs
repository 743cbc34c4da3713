//! Where the table lies in a JSON file of one object: the orients of pandas, GeoJSON, or a list below some key.

use serde_json::{Map, Value};

/// How deep lists of records are looked for.
const DEPTH: usize = 3;

pub(super) enum Structure<'v> {
    /// One record
    Record,
    /// Lists as columns; the names of what stands beside them
    Columns(Vec<String>),
    /// `{column: {index: value}}`
    ByColumn,
    /// `{index: {column: value}}`
    ByRow,
    /// Rows as lists, with the names of their cells
    Split { names: Vec<String>, rows: &'v [Value], index: Option<&'v [Value]> },
    /// The features of GeoJSON
    Features(&'v [Value]),
    /// Records below a key, by keys of their own
    Below { path: String, object: &'v Map<String, Value> },
    /// Records below a key, and the other keys that have some
    Within { path: String, list: &'v [Value], names: Option<Vec<String>>, others: Vec<String> },
}

/// The way in which an object holds a table; `chosen` is the key of the records.
pub(super) fn structure<'v>(object: &'v Map<String, Value>, chosen: Option<&str>) -> Structure<'v> {
    let list = |key: &str| object.get(key).and_then(Value::as_array).map(Vec::as_slice);
    if object.get("type").and_then(Value::as_str) == Some("FeatureCollection")
        && let Some(features) = list("features")
    {
        return Structure::Features(features);
    }
    if chosen.is_none()
        && let (Some(columns), Some(rows)) = (list("columns"), list("data"))
        && let Some(names) = names_in(columns).filter(|n| are_rows(rows, n.len()))
    {
        return Structure::Split { names, rows, index: list("index").filter(|i| i.len() == rows.len()) };
    }
    if object.values().all(Value::is_object) && chosen.is_none() {
        let indexed = by_index(object);
        if !matches!(indexed, Structure::Record) {
            return indexed;
        }
    }
    let is_column = |v: &Value| v.as_array().is_some_and(|a| !a.is_empty() && a.iter().all(is_scalar));
    let columns: Vec<&Value> = object.values().filter(|v| is_column(v)).collect();
    let length = |v: &Value| v.as_array().map_or(0, Vec::len);
    let alike = columns.iter().all(|v| length(v) == length(columns[0]));
    let mut found = Vec::new();
    lists(object, "", 0, &mut found);
    if found.is_empty() {
        let mut keyed = Vec::new();
        keyed_records(object, "", 0, &mut keyed);
        let wanted = keyed.iter().find(|(path, _)| Some(path.as_str()) == chosen);
        let longest = keyed.iter().rev().max_by_key(|(_, o)| o.len());
        if let Some((path, object)) = wanted.or(longest) {
            return Structure::Below { path: path.clone(), object };
        }
    }
    if found.is_empty() || chosen.is_none() && columns.len() > 1 && columns.len() == object.len() {
        let others = object.iter().filter(|(_, v)| !is_column(v)).map(|(name, _)| name.clone()).collect::<Vec<_>>();
        let is_table = columns.first().is_some_and(|v| length(v) > 1) && (alike || others.is_empty());
        return if is_table && !object.values().any(|v| v.is_array() && !is_column(v)) {
            Structure::Columns(others)
        } else {
            Structure::Record
        };
    }
    // The longest, or the first of those.
    let largest = found.iter().rev().max_by_key(|(_, list)| list.len()).map(|(path, _)| path.clone());
    let wanted = chosen.filter(|c| found.iter().any(|(path, _)| path == c)).map(str::to_owned).or(largest);
    let Some(at) = found.iter().position(|(path, _)| Some(path) == wanted.as_ref()) else { return Structure::Record };
    let (path, list) = found.remove(at);
    let width = list.first().and_then(Value::as_array).map(Vec::len);
    let names = width.and_then(|width| {
        let told = ["columns", "fields", "header", "headers", "names", "schema"].iter().find_map(|k| {
            let told = object.get(*k)?;
            names_in(told.as_array().or_else(|| told.get("fields")?.as_array())?)
        });
        told.filter(|n| n.len() == width)
    });
    if names.is_some() || (path == "data" && object.contains_key("schema")) {
        let rows = list;
        if let Some(names) = names {
            return Structure::Split { names, rows, index: None };
        }
    }
    Structure::Within { path, list, names: None, others: found.into_iter().map(|(path, _)| path).collect() }
}

fn is_scalar(value: &Value) -> bool {
    !value.is_array() && !value.is_object()
}

/// Names of columns: texts, or objects with a name; several rows of them are joined.
fn names_in(list: &[Value]) -> Option<Vec<String>> {
    let name = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(n) => Some(n.to_string()),
        Value::Array(parts) => {
            let parts: Option<Vec<&str>> = parts.iter().map(Value::as_str).collect();
            Some(parts?.join(" "))
        }
        Value::Object(field) => field.get("name").or_else(|| field.get("id"))?.as_str().map(str::to_owned),
        _ => None,
    };
    list.iter().map(name).collect()
}

fn are_rows(rows: &[Value], width: usize) -> bool {
    !rows.is_empty() && rows.iter().all(|row| row.as_array().is_some_and(|r| r.len() <= width))
}

/// Whether keys of rows are outside or inside.
fn by_index(object: &Map<String, Value>) -> Structure<'_> {
    let inner = || object.values().filter_map(Value::as_object);
    let flat = inner().all(|cells| !cells.is_empty() && cells.values().all(is_scalar));
    let first: Vec<&String> = inner().next().map(|cells| cells.keys().collect()).unwrap_or_default();
    if first.is_empty() {
        return Structure::Record;
    }
    let is_number = |key: &String| key.parse::<i64>().is_ok();
    let outer_counts = object.len() > 1 && object.keys().all(is_number);
    let inner_counts = first.len() > 1 && first.iter().all(|k| is_number(k));
    match (outer_counts, inner_counts) {
        (true, false) => return Structure::ByRow,
        (false, true) if flat => return Structure::ByColumn,
        _ => {}
    }
    let shared = inner().filter(|cells| cells.len() == first.len() && first.iter().all(|k| cells.contains_key(*k)));
    if !flat || object.len() < 2 || shared.count() * 2 < object.len() {
        return Structure::Record;
    }
    // The values of a column are of one type, those of a row often are not.
    let one_type = |cells: &Map<String, Value>| {
        let mut types = cells.values().filter(|v| !v.is_null()).map(std::mem::discriminant);
        types.next().is_none_or(|first| types.all(|t| t == first))
    };
    let columns = inner().filter(|cells| one_type(cells)).count();
    if columns < object.len() || first.len() <= object.len() { Structure::ByRow } else { Structure::ByColumn }
}

/// Objects of records below the keys of an object, with the way to each.
fn keyed_records<'v>(
    object: &'v Map<String, Value>,
    path: &str,
    depth: usize,
    found: &mut Vec<(String, &'v Map<String, Value>)>,
) {
    for (key, value) in object {
        let Value::Object(inner) = value else { continue };
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let are_objects = inner.len() > 1 && inner.values().all(Value::is_object);
        if are_objects && !matches!(by_index(inner), Structure::Record) {
            found.push((path, inner));
        } else if depth + 1 < DEPTH {
            keyed_records(inner, &path, depth + 1, found);
        }
    }
}

/// Lists of records in an object, with the way to each.
fn lists<'v>(object: &'v Map<String, Value>, path: &str, depth: usize, found: &mut Vec<(String, &'v [Value])>) {
    for (key, value) in object {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match value {
            Value::Array(items) if !items.is_empty() => {
                let records = items.iter().all(Value::is_object);
                let rows = items.len() > 1 && items.iter().all(|i| i.as_array().is_some_and(|a| a.len() > 1));
                // Fields describe columns.
                if (records || rows) && !["fields", "columns"].contains(&key.as_str()) {
                    found.push((path, items));
                }
            }
            Value::Object(inner) if depth + 1 < DEPTH => lists(inner, &path, depth + 1, found),
            _ => {}
        }
    }
}
