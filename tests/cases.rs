//! Files that people had trouble with, re-created from public bug reports: what `inspect` says of each, and whether what was
//! trained on some of them predicts others. `tests/fixtures/cases/README.md` tells what the expectations mean.

use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/cases")
}

fn list(name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder().join(name)).expect("a list of cases");
    serde_json::from_str(&text).expect("a list of cases")
}

/// Exit code, standard output and standard error.
fn chainrule(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_chainrule")).args(arguments).output().expect("the program starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// What is said of a file.
struct Seen {
    code: i32,
    report: Value,
    error: String,
    notes: String,
}

fn look(file: &str) -> Seen {
    let path = folder().join("data").join(file);
    let path = path.to_str().expect("a plain path");
    let (code, out, error) = chainrule(&["inspect", path, "--json"]);
    let report: Value = serde_json::from_str(&out).unwrap_or_default();
    let mut notes = texts(&report["detected"]["notes"]).join(" ");
    let (_, plain, _) = chainrule(&["inspect", path]);
    for line in plain.lines().filter(|l| l.starts_with("note") || l.starts_with("warning")) {
        notes.push(' ');
        notes.push_str(line);
    }
    Seen { code, report, error, notes }
}

/// Whether an object has all that another has.
fn holds(got: &Value, want: &Map<String, Value>) -> bool {
    want.iter().all(|(key, value)| match value.as_object() {
        Some(inner) => holds(&got[key], inner),
        None => got[key] == *value,
    })
}

fn near(got: &Value, want: &Value) -> bool {
    let (Some(got), Some(want)) = (got.as_f64(), want.as_f64()) else { return false };
    (got - want).abs() <= 1e-6 * want.abs().max(1.0)
}

/// What of a column is not as wanted.
fn wrong_in_column(got: &Value, want: &Map<String, Value>) -> Vec<String> {
    let levels = || -> BTreeSet<&str> {
        got["levels"].as_array().into_iter().flatten().filter_map(|l| l["level"].as_str()).collect()
    };
    let mut wrong = Vec::new();
    for (key, value) in want {
        let fits = match key.as_str() {
            "min" | "max" | "mean" => near(&got["range"][key], value),
            "levels" => levels() == texts(value).into_iter().collect(),
            "levels_has" => texts(value).iter().all(|l| levels().contains(l)),
            "outliers_min" => got["outliers"].as_f64() >= value.as_f64(),
            "mean_between" => {
                let mean = got["range"]["mean"].as_f64();
                mean >= value[0].as_f64() && mean.is_some() && mean <= value[1].as_f64()
            }
            _ => got[key] == *value,
        };
        if !fits {
            wrong.push(format!("{}: {key} is not {value} in {got}", got["name"]));
        }
    }
    wrong
}

fn wrong_in(want: &Value, seen: &Seen, file: &str) -> Vec<String> {
    let has = |text: &str, word: &str| text.to_lowercase().contains(&word.to_lowercase());
    if want.get("error").is_some() {
        // The name of the file does not count.
        let name = Path::new(file).file_name().and_then(|n| n.to_str()).unwrap_or(file);
        let error = seen.error.replace(name, "");
        if seen.code != 1 {
            return vec![format!("exit code {}, not 1", seen.code)];
        }
        return texts(&want["error"])
            .iter()
            .filter(|w| !has(&error, w))
            .map(|w| format!("no {w:?} in {error}"))
            .collect();
    }
    if seen.code != 0 {
        return vec![format!("exit code {}: {}", seen.code, seen.error)];
    }
    let mut wrong: Vec<String> = texts(&want["note_has"])
        .iter()
        .filter(|w| !has(&seen.notes, w))
        .map(|w| format!("no note has {w:?}"))
        .collect();
    let choices: BTreeSet<&str> = texts(&seen.report["detected"]["choices"]).into_iter().collect();
    wrong.extend(
        texts(&want["choices_has"]).iter().filter(|c| !choices.contains(*c)).map(|c| format!("{c} is no choice")),
    );
    if !want["rows"].is_null() && seen.report["rows"] != want["rows"] {
        wrong.push(format!("{} rows, not {}", seen.report["rows"], want["rows"]));
    }
    let columns = seen.report["columns"].as_array().cloned().unwrap_or_default();
    if want["n"].as_u64().is_some_and(|n| n != columns.len() as u64) {
        wrong.push(format!("{} columns, not {}", columns.len(), want["n"]));
    }
    let names: BTreeSet<&str> = columns.iter().filter_map(|c| c["name"].as_str()).collect();
    if want["unique"] == true && names.len() < columns.len() {
        wrong.push("two columns have one name".to_owned());
    }
    let says_parts = |c: &Value| {
        let levels: Vec<&str> =
            c["levels"].as_array().into_iter().flatten().filter_map(|l| l["level"].as_str()).collect();
        ["train", "test"].iter().all(|part| levels.contains(part))
    };
    if want["part_column"] == true && !columns.iter().any(says_parts) {
        wrong.push("no column says the part of a picture".to_owned());
    }
    if let Some(detected) = want["detected"].as_object().filter(|d| !holds(&seen.report["detected"], d)) {
        wrong.push(format!("not detected: {detected:?}"));
    }
    for (key, of) in want["cols"].as_object().into_iter().flatten() {
        let by_place = || {
            let place: i64 = key.parse().ok()?;
            columns.get(usize::try_from(if place < 0 { place + columns.len() as i64 } else { place }).ok()?)
        };
        match (columns.iter().find(|c| c["name"] == **key).or_else(by_place), of.as_object()) {
            (Some(column), Some(of)) => wrong.extend(wrong_in_column(column, of)),
            _ => wrong.push(format!("there is no column {key}")),
        }
    }
    wrong
}

#[test]
fn every_file_is_read_as_it_is_meant_or_it_is_said_what_is_in_doubt() {
    let cases = list("cases.json");
    assert_eq!(cases.len(), 188);
    let mut failed = Vec::new();
    for case in &cases {
        let file = case["file"].as_str().expect("a file");
        let seen = look(file);
        let tries: Vec<Vec<String>> =
            case["expect"].as_array().into_iter().flatten().map(|want| wrong_in(want, &seen, file)).collect();
        if !tries.iter().any(Vec::is_empty) {
            failed.push(format!("{file} ({}): {}", case["about"], tries.concat().join("; ")));
        }
    }
    assert!(failed.is_empty(), "{} of {} files:\n{}", failed.len(), cases.len(), failed.join("\n"));
}

/// The predictions, without the numbers of the rows.
fn predictions(path: &Path) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_path(path).expect("predictions");
    reader.records().map(|r| r.expect("a record").iter().skip(1).map(str::to_owned).collect()).collect()
}

fn alike(a: &[String], b: &[String]) -> bool {
    let near = |(x, y): (&String, &String)| match (x.parse::<f64>(), y.parse::<f64>()) {
        (Ok(x), Ok(y)) => (x - y).abs() < 1e-4,
        _ => x == y,
    };
    a.len() == b.len() && a.iter().zip(b).all(near)
}

/// Trains on a file and predicts others; says what is not as wanted.
fn walk(flow: &Value) -> Result<(), String> {
    let home = TempDir::new().expect("a folder");
    let inside = |name: &str| home.path().join(name).to_str().expect("a plain path").to_owned();
    let file = |name: &Value| {
        let path = folder().join("data/flow").join(name.as_str().unwrap_or_default());
        path.to_str().expect("a plain path").to_owned()
    };
    let (trained, data) = (inside("trained.json"), file(&flow["train"]));
    let (code, out, error) = if let Some(given) = flow["preset"].as_object() {
        // A saved run gives the form of a preset; data and roles take the place of its own.
        let first = file(&Value::from("train.csv"));
        chainrule(&["train", "iris", "--data", &first, "--epochs", "1", "--save", &trained]);
        let text = std::fs::read_to_string(&trained).map_err(|e| e.to_string())?;
        let mut preset: Value = serde_json::from_str(&text).map_err(|e| e.to_string())?;
        preset.as_object_mut().and_then(|p| p.remove("run"));
        preset["data"] = serde_json::json!({
            "source": {"file": {"path": data, "options": given["options"]}},
            "preparation": {
                "columns": given["columns"],
                "split": {"validation": 0.15, "test": 0.15, "seed": 1, "stratify": true},
            },
        });
        let own = inside("preset.json");
        std::fs::write(&own, preset.to_string()).map_err(|e| e.to_string())?;
        chainrule(&["train", &own, "--epochs", "20", "--save", &trained])
    } else {
        chainrule(&["train", "iris", "--data", &data, "--epochs", "30", "--save", &trained])
    };
    let said = (out + &error).replace(flow["train"].as_str().unwrap_or_default(), "");
    if flow["train_error"].is_array() {
        let told = texts(&flow["train_error"]).iter().all(|w| said.to_lowercase().contains(&w.to_lowercase()));
        return if code == 1 && told { Ok(()) } else { Err(format!("training ends with {code}: {said}")) };
    }
    for name in texts(&flow["train_says"]) {
        if !said.contains(&format!("\"{name}\"")) {
            return Err(format!("training does not name {name}: {said}"));
        }
    }
    if code != 0 {
        return if flow["train_says"].is_array() { Ok(()) } else { Err(format!("training ends with {code}: {said}")) };
    }
    let mut done: Vec<Vec<Vec<String>>> = Vec::new();
    for (k, step) in flow["predict"].as_array().into_iter().flatten().enumerate() {
        let (rows, out) = (file(&step["data"]), inside(&format!("{k}.csv")));
        let (code, said, error) = chainrule(&["predict", &trained, "--data", &rows, "--out", &out]);
        let said = (said + &error).replace(step["data"].as_str().unwrap_or_default(), "");
        if code != 0 {
            let told = step["or_error"].is_array() && texts(&step["or_error"]).iter().all(|w| said.contains(w));
            return if told { Ok(()) } else { Err(format!("{} is not predicted: {said}", step["data"])) };
        }
        let found = predictions(Path::new(&out));
        let filled = found.iter().filter(|r| r.first().is_some_and(|c| !c.is_empty())).count();
        if step["filled"].as_u64().is_some_and(|n| n != filled as u64) {
            return Err(format!("{}: {filled} rows are predicted, not {}", step["data"], step["filled"]));
        }
        if let Some(word) = texts(&step["says"]).into_iter().find(|w| !said.contains(w)) {
            return Err(format!("{}: nothing is said of {word}: {said}", step["data"]));
        }
        if let Some(same) = step["same_as"].as_u64() {
            let before = &done[same as usize];
            let places: Vec<usize> = match step["rows_of"].as_array() {
                Some(rows) => rows.iter().filter_map(|r| Some(r.as_u64()? as usize)).collect(),
                None => (0..found.len()).collect(),
            };
            if !found.iter().zip(places).all(|(row, place)| alike(row, &before[place])) {
                return Err(format!("{}: other predictions than for the same rows before", step["data"]));
            }
        }
        done.push(found);
    }
    Ok(())
}

#[test]
fn predict_reads_as_training_read() {
    let flows = list("flows.json");
    assert_eq!(flows.len(), 17);
    let failed: Vec<String> =
        flows.iter().filter_map(|flow| Some(format!("{}: {}", flow["id"], walk(flow).err()?))).collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
