//! What the commands make of their arguments: presets, data in their place, threads, files to write.

use super::progress::read_visibly;
use super::reading::ReadArguments;
use crate::data::{
    DataSource, Dataset, Detected, Preparation, ReadOptions, Reading, SplitBy, Table, TargetGuess, prepare, time_order,
    time_warning,
};
use crate::format;
use crate::project::{DataSection, Document, Preset, Suggestion, adapt, builtin, builtins, leads_outside};
use crate::train::task;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// What any command can fail with.
pub(super) type Failure = Box<dyn std::error::Error>;

/// Where neither command nor preset says how many.
pub(super) const DEFAULT_EPOCHS: u64 = 400;

/// What stands for standard input in place of a file.
pub(super) const STANDARD_INPUT: &str = "-";
/// More than that is not taken from standard input.
const MOST_BYTES: u64 = 4 << 30;

/// A data file; standard input as a file that goes with this value, since formats are read from any place in them.
pub(super) struct DataFile {
    pub path: PathBuf,
    _held: Option<TempDir>,
}

impl DataFile {
    /// # Errors
    /// When standard input cannot be read, or does not end in time.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        if path != Path::new(STANDARD_INPUT) {
            return Ok(Self { path: path.to_owned(), _held: None });
        }
        let folder = TempDir::new()?;
        let path = folder.path().join("standard input");
        let most = MOST_BYTES.min(Reading::default().limit as u64);
        let copied = std::io::copy(&mut std::io::stdin().lock().take(most + 1), &mut File::create(&path)?)?;
        if copied > most {
            return Err(endless(most));
        }
        Ok(Self { path, _held: Some(folder) })
    }
}

fn endless(most: u64) -> Failure {
    format!("standard input gives more than {}. Save it as a file, or take a part of it.", format::bytes(most)).into()
}

/// A preset file, standard input, or the built-in preset of that name.
pub(super) fn open(preset: &str) -> Result<Preset, Failure> {
    if preset == STANDARD_INPUT {
        let mut text = String::new();
        let taken = std::io::stdin().lock().take(MOST_BYTES + 1).read_to_string(&mut text);
        return match taken {
            Ok(bytes) if bytes as u64 > MOST_BYTES => Err(endless(MOST_BYTES)),
            Ok(_) => Ok(Preset::parse("standard input", &text)?),
            Err(e) => Err(format!("standard input cannot be read as a preset: {e}").into()),
        };
    }
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

/// A preset with its data, or with those of another file in their place, read as `read` says. Without a preset the network
/// and its training are those that suit the file.
pub(super) fn load(
    preset: Option<&str>,
    data: Option<&Path>,
    read: &ReadArguments,
    target: &[String],
) -> Result<(Preset, Table, Dataset), Failure> {
    let Some(preset) = preset else {
        let data =
            data.ok_or("name a preset, or a data file with --data FILE: the network is then one that suits it")?;
        let (document, table, dataset) = suggest(data, read.alone(), target)?;
        return Ok((Preset { document, run: None }, table, dataset));
    };
    let mut opened = open(preset)?;
    if data.is_none() && read.alone() != ReadOptions::default() {
        return Err(
            "the options for reading a file are those of the file that --data names; a preset has its own. Name \
                    the file with --data, or leave the options out"
                .into(),
        );
    }
    let (table, dataset) = match data {
        Some(file) => bring(&mut opened.document, file, read.alone(), target)?,
        None if target.is_empty() => read_visibly("the data", |reading| opened.document.data.load_as(reading))?,
        None => {
            let source = &opened.document.data.source;
            let table = read_visibly("the data", |reading| source.load_as(reading))?.table;
            aim(&mut opened.document, &table, target)?;
            let dataset = fit(&mut opened.document, &table)?;
            (table, dataset)
        }
    };
    Ok((opened, table, dataset))
}

/// A document for a file: the network and its training that suit it. What is predicted, and what is suggested, is told.
pub(super) fn suggest(
    file: &Path,
    options: ReadOptions,
    target: &[String],
) -> Result<(Document, Table, Dataset), Failure> {
    let (named, file) = (file, DataFile::open(file)?);
    let mut source = DataSource::File { path: file.path.clone(), sha256: String::new(), options };
    let table = read_and_keep(&named.display().to_string(), &mut source)?;
    let name = file.path.file_stem().map_or_else(|| table.name.clone(), |stem| stem.to_string_lossy().into_owned());
    let guess = TargetGuess::of(&table);
    let data = DataSection { source, preparation: Some(Preparation::for_targets(&table, &guess.columns)) };
    let mut document = Document { name, data, pace: None, ..Document::default() };
    aim(&mut document, &table, target)?;
    let preparation = document.data.preparation(&table);
    let dataset = prepare(&table, &preparation)?;
    let suggestion = Suggestion::of(&dataset);
    let reason = if target.is_empty() { format!(", because {}", guess.reason) } else { String::new() };
    eprintln!("note: predicts {}{reason}. Choose others with --target", predicted(&preparation));
    announce_left_out(&table, &preparation, &dataset);
    dataset.told.iter().for_each(|text| eprintln!("note: {text}"));
    eprintln!("note: {} is suggested.{}", suggestion.form.network(), suggestion.form.reason());
    (document.network, document.training) = (suggestion.network, suggestion.training);
    Ok((document, table, dataset))
}

/// Says what was guessed, left out or converted, and what else the page of the file offers.
pub(super) fn announce_reading(detected: &Detected, mut tell: impl FnMut(&str)) {
    for note in &detected.notes {
        let offers: Vec<String> = note.offers.iter().map(|o| format!("\"{}\"", o.label)).collect();
        let offered = if offers.is_empty() { String::new() } else { format!(" [offered: {}]", offers.join(", ")) };
        tell(&format!("note: {}{offered}", note.text));
    }
}

/// Reads the file of a document, says how, and keeps that.
fn read_and_keep(name: &str, source: &mut DataSource) -> Result<Table, Failure> {
    let loaded = read_visibly(name, |reading| source.load_as(reading))?;
    if let DataSource::File { options, .. } = source {
        known(options.columns.keys().map(String::as_str), &loaded.table)?;
    }
    if let Some(detected) = &loaded.detected {
        announce_reading(detected, |told| eprintln!("{told}"));
    }
    loaded.keep_reading(source);
    Ok(loaded.table)
}

/// What is predicted, and as what.
pub(super) fn predicted(preparation: &Preparation) -> String {
    let told = preparation.targets().map(|c| format!("\"{}\" as {}", c.name, c.treatment.predicts()));
    told.collect::<Vec<_>>().join(", ")
}

/// Refuses to write over a file that the command reads, or two outputs into one file.
pub(super) fn keep_apart(read: &[(&str, Option<&Path>)], written: &[(&str, Option<&Path>)]) -> Result<(), Failure> {
    // A file that is not there yet is known by its folder and name.
    let place = |path: &Path| {
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let inside = || Some(folder.canonicalize().ok()?.join(path.file_name()?));
        path.canonicalize().ok().or_else(inside)
    };
    let placed = |files: &[(&str, Option<&Path>)]| -> Vec<(String, PathBuf)> {
        files.iter().filter_map(|(name, path)| Some(((*name).to_owned(), place((*path)?)?))).collect()
    };
    let mut taken = placed(read);
    for (name, path) in placed(written) {
        if let Some((other, _)) = taken.iter().find(|(_, p)| *p == path) {
            return Err(format!("{name} would write over {other}, {}. Name another file", path.display()).into());
        }
        taken.push((name, path));
    }
    Ok(())
}

/// The file that the data of a document are in.
pub(super) fn data_file(document: &Document) -> Option<&Path> {
    match &document.data.source {
        DataSource::File { path, .. } => Some(path),
        _ => None,
    }
}

/// Refuses the name of a column that a table does not have.
pub(super) fn known<'n>(mut names: impl Iterator<Item = &'n str>, table: &Table) -> Result<(), Failure> {
    const MOST: usize = 20;
    let Some(unknown) = names.find(|name| table.column(name).is_none()) else { return Ok(()) };
    let mut there: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
    let more = if there.len() > MOST { ", …" } else { "" };
    there.truncate(MOST);
    Err(format!("there is no column \"{unknown}\"; there are {}{more}", there.join(", ")).into())
}

/// Predicts the columns of these names, if there are any.
fn aim(document: &mut Document, table: &Table, target: &[String]) -> Result<(), Failure> {
    known(target.iter().map(String::as_str), table)?;
    if !target.is_empty() {
        let mut preparation = document.data.preparation(table);
        preparation.retarget(table, target);
        document.data.preparation = Some(preparation);
    }
    Ok(())
}

/// Gives the document another table: roles are guessed where the columns are others, and the network follows.
fn bring(
    document: &mut Document,
    file: &Path,
    options: ReadOptions,
    target: &[String],
) -> Result<(Table, Dataset), Failure> {
    let (named, file) = (file, DataFile::open(file)?);
    document.data.source = DataSource::File { path: file.path.clone(), sha256: String::new(), options };
    let table = read_and_keep(&named.display().to_string(), &mut document.data.source)?;
    let known = |plan: &Preparation| plan.columns.iter().all(|c| table.columns.iter().any(|t| t.name == c.name));
    let own = document.data.preparation.is_some();
    document.data.preparation = document.data.preparation.take().filter(known);
    if own && document.data.preparation.is_none() {
        eprintln!(
            "note: the columns of {} are others than those of the preset, so roles and treatments are guessed",
            table.name
        );
    }
    aim(document, &table, target)?;
    let preparation = document.data.preparation(&table);
    eprintln!("note: predicts {}. Choose others with --target", predicted(&preparation));
    let dataset = fit(document, &table)?;
    announce_left_out(&table, &preparation, &dataset);
    Ok((table, dataset))
}

/// Says which columns and rows are not used, and why, and whether the split mixes times.
fn announce_left_out(table: &Table, preparation: &Preparation, dataset: &Dataset) {
    for told in preparation.nearly_empty(table) {
        eprintln!("note: {told}");
    }
    if let Some(left_out) = dataset.left_out.describe() {
        eprintln!("note: {}", left_out.replacen("Left out", "left out", 1));
    }
    if let Some(column) = time_order(table).filter(|_| preparation.split.by == SplitBy::Random) {
        eprintln!("note: {}", time_warning(column));
    }
}

/// Prepares the table, and fits the network to it.
fn fit(document: &mut Document, table: &Table) -> Result<Dataset, Failure> {
    let dataset = prepare(table, &document.data.preparation(table))?;
    for change in adapt(&mut document.network, &task(&dataset), document.training.batch_size) {
        eprintln!("note: to fit {}: {change}", table.name);
    }
    Ok(dataset)
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

/// More threads are only taken where there are as many cores.
const MOST_THREADS: usize = 256;

/// As many threads as there are cores, unless told otherwise.
///
/// # Errors
/// More threads than make sense.
pub(super) fn thread_count(asked: Option<usize>) -> Result<usize, Failure> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let most = cores.max(MOST_THREADS);
    match asked {
        Some(threads) if threads > most => Err(format!(
            "--threads {threads} is more than the limit of {most}. This machine has {}; more threads than that gain nothing.",
            format::counted(cores, "core")
        )
        .into()),
        Some(threads) if threads > 0 => Ok(threads),
        _ => Ok(cores),
    }
}

/// Writes a small text file, or says why not.
pub(super) fn write(path: &PathBuf, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|e| format!("{} cannot be written: {e}", path.display()).into())
}
