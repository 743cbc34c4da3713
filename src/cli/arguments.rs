//! What the commands make of their arguments: presets, data in their place, threads, files to write.

use crate::data::{DataSource, Dataset, Preparation, Table, prepare};
use crate::project::{Document, Preset, adapt, builtin, builtins, leads_outside};
use crate::train::task;
use std::path::{Path, PathBuf};

/// What any command can fail with.
pub(super) type Failure = Box<dyn std::error::Error>;

/// A preset file, or the built-in preset of that name.
pub(super) fn open(preset: &str) -> Result<Preset, Failure> {
    let path = Path::new(preset);
    Ok(match builtin(preset) {
        Some(b) if !path.exists() => b.preset()?,
        _ if path.exists() || path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json")) => {
            let opened = Preset::open(path)?;
            announce(&opened, path);
            opened
        }
        _ => {
            let names: Vec<&str> = builtins().iter().map(|b| b.name).collect();
            return Err(
                format!("there is no file and no built-in preset {preset}. Built-in: {}", names.join(", ")).into()
            );
        }
    })
}

/// A preset with its data, or with `data` in their place.
pub(super) fn load(preset: &str, data: Option<&Path>) -> Result<(Preset, Table, Dataset), Failure> {
    let mut opened = open(preset)?;
    let (table, dataset) = match data {
        Some(file) => bring(&mut opened.document, file)?,
        None => opened.document.data.load()?,
    };
    Ok((opened, table, dataset))
}

/// Gives the document another table: roles are guessed where the columns are others, and the network follows.
fn bring(document: &mut Document, file: &Path) -> Result<(Table, Dataset), Failure> {
    document.data.source = DataSource::file(file);
    let table = document.data.source.load()?.table;
    let known = |plan: &Preparation| plan.columns.iter().all(|c| table.columns.iter().any(|t| t.name == c.name));
    document.data.preparation = document.data.preparation.take().filter(known);
    let dataset = prepare(&table, &document.data.preparation(&table))?;
    for change in adapt(&mut document.network, &task(&dataset), document.training.batch_size) {
        eprintln!("note: to fit {}: {change}", table.name);
    }
    Ok((table, dataset))
}

/// Says which file outside of its own folder a preset is about to read.
fn announce(preset: &Preset, path: &Path) {
    if let DataSource::File { path: data, .. } = &preset.document.data.source {
        let folder = path.parent().unwrap_or(Path::new(""));
        if data.strip_prefix(folder).map_or(true, leads_outside) {
            eprintln!("note: {} reads {}", path.display(), data.display());
        }
    }
}

/// As many threads as there are cores, unless told otherwise.
pub(super) fn thread_count(asked: Option<usize>) -> usize {
    asked.filter(|&n| n > 0).unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// Writes a small text file, or says why not.
pub(super) fn write(path: &PathBuf, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|e| format!("{} cannot be written: {e}", path.display()).into())
}
