//! What the commands make of their arguments: presets, data in their place, threads, files to write.

use super::progress::read_visibly;
use crate::data::{
    ColumnReading, DataSource, Dataset, DateOrder, Detected, PixelColumns, Preparation, ReadKind, ReadOptions, Reading,
    Separator, Table, TargetGuess, prepare,
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

/// How a file is read, where it is not to be detected.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "Reading the file")]
pub(super) struct ReadArguments {
    /// What separates the columns of a text file: a character or several, "tab", "space", "blanks" for any number of them,
    /// "none" for one column, or the characters of a line at which columns begin, such as fixed:0,10,18
    #[arg(long, value_name = "TEXT", value_parser = separator)]
    delimiter: Option<Separator>,
    /// Whether its first row holds the names of the columns
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no)]
    header: Option<bool>,
    /// How many rows make the names of the columns, joined by a blank
    #[arg(long, value_name = "ROWS")]
    header_rows: Option<usize>,
    /// Whether its numbers have a decimal comma
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no)]
    decimal_comma: Option<bool>,
    /// Its text encoding, such as UTF-8 or windows-1252
    #[arg(long, value_name = "NAME")]
    encoding: Option<String>,
    /// Lines that begin with it are skipped; "none" if all are rows
    #[arg(long, value_name = "CHARACTER", value_parser = comment)]
    comment: Option<String>,
    /// Lines before the table
    #[arg(long, value_name = "LINES")]
    skip: Option<usize>,
    /// Lines after the table that are not blank
    #[arg(long, value_name = "LINES")]
    footer: Option<usize>,
    /// Whether cells may stand in quotes; if not, quotes are plain characters
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no)]
    quotes: Option<bool>,
    /// Whether cells beyond the last column are left out instead of refused
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no)]
    cut_long_rows: Option<bool>,
    /// The sheet of a workbook
    #[arg(long, value_name = "NAME")]
    sheet: Option<String>,
    /// The arrays of an archive that become columns, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    arrays: Option<Vec<String>>,
    /// The file in an archive of several
    #[arg(long, value_name = "NAME")]
    member: Option<String>,
    /// The table or view of a database, or the table of a web page
    #[arg(long, value_name = "NAME", conflicts_with = "query")]
    table: Option<String>,
    /// An SQL query that reads from a database
    #[arg(long, value_name = "SQL")]
    query: Option<String>,
    /// The key below which the records of JSON lie, such as results or answer.items
    #[arg(long, value_name = "KEY")]
    records: Option<String>,
    /// Whether one-hot labels of an array become one column of classes
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no)]
    one_hot: Option<bool>,
    /// Whether columns that pandas had as its index are taken too
    #[arg(long, value_name = "YES|NO", value_parser = yes_or_no)]
    index: Option<bool>,
    /// The cells of a sheet that are the table, such as A3:D20
    #[arg(long, value_name = "CELLS")]
    area: Option<String>,
    /// The folder that names the class of a picture, counted from 1 below the folder of the parts
    #[arg(long, value_name = "LEVEL")]
    class_folder: Option<usize>,
    /// Columns that are the pixels of pictures: the first one, and the size, such as pixel0,28,28; ,3 behind it for colours
    #[arg(long, value_name = "COLUMN,HEIGHT,WIDTH", value_parser = pixels)]
    pixels: Option<PixelColumns>,
    /// Words that mean a missing value, separated by commas, in place of the usual ones
    #[arg(long, value_name = "WORDS", value_delimiter = ',')]
    missing: Option<Vec<String>>,
    /// What a column is read as: number, text, date, hours, boolean, epoch-seconds or epoch-milliseconds; for dates also
    /// day-first, month-first or year-first. May be given for several columns
    #[arg(long = "column", value_name = "NAME=KIND", value_parser = column)]
    columns: Vec<(String, ColumnReading)>,
}

impl ReadArguments {
    /// What the command line says, and the rest as in `options`.
    pub(super) fn over(&self, options: ReadOptions) -> ReadOptions {
        let Self {
            delimiter,
            header,
            header_rows,
            decimal_comma,
            encoding,
            comment,
            skip,
            footer,
            quotes,
            cut_long_rows,
            sheet,
            arrays,
            pixels,
            member,
            table,
            query,
            records,
            area,
            class_folder,
            one_hot,
            index,
            missing,
            columns,
        } = self.clone();
        let mut by_name = options.columns;
        by_name.extend(columns);
        ReadOptions {
            delimiter: delimiter.or(options.delimiter),
            header: header.or(options.header),
            header_rows: header_rows.or(options.header_rows),
            decimal_comma: decimal_comma.or(options.decimal_comma),
            encoding: encoding.or(options.encoding),
            comment: comment.or(options.comment),
            skip: skip.or(options.skip),
            footer: footer.or(options.footer),
            quotes: quotes.or(options.quotes),
            cut_long_rows: cut_long_rows.or(options.cut_long_rows),
            sheet: sheet.or(options.sheet),
            arrays: arrays.or(options.arrays),
            member: member.or(options.member),
            table: table.or(options.table),
            query: query.or(options.query),
            records: records.or(options.records),
            area: area.or(options.area),
            one_hot: one_hot.or(options.one_hot),
            index: index.or(options.index),
            class_folder: class_folder.or(options.class_folder),
            indices: options.indices,
            images: options.images,
            pixels: pixels.or(options.pixels),
            missing: missing.or(options.missing),
            columns: by_name,
        }
    }

    /// Whether columns of pixels are left as they are.
    pub(super) fn takes_no_pixels(&self) -> bool {
        self.pixels.is_none()
    }

    /// The columns that it names.
    pub(super) fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(name, _)| name.as_str())
    }

    /// As a file is read of which nothing is known but this.
    pub(super) fn alone(&self) -> ReadOptions {
        self.over(ReadOptions::default())
    }
}

fn separator(text: &str) -> Result<Separator, String> {
    match text {
        "tab" | "\\t" => Ok(Separator::Character('\t')),
        "space" => Ok(Separator::Character(' ')),
        "blanks" => Ok(Separator::Blanks),
        "none" => Ok(Separator::NONE),
        text => Separator::try_from(text.to_owned()),
    }
}

fn comment(text: &str) -> Result<String, String> {
    let mut characters = text.chars();
    match (text, characters.next(), characters.next()) {
        ("none" | "", ..) => Ok(String::new()),
        (_, Some(one), None) if one.is_ascii() => Ok(one.to_string()),
        _ => Err("it must be one character of ASCII, or \"none\"".to_owned()),
    }
}

fn pixels(text: &str) -> Result<PixelColumns, String> {
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    let (first, sizes) = parts.split_first().ok_or("it must name the first column")?;
    let sizes: Result<Vec<u32>, _> = sizes.iter().map(|s| s.parse::<u32>()).collect();
    match sizes.as_deref() {
        Ok([height, width, rest @ ..]) if rest.len() < 2 => Ok(PixelColumns {
            first: (*first).to_owned(),
            height: *height,
            width: *width,
            channels: rest.first().copied().unwrap_or(1),
            planar: false,
        }),
        _ => Err("it must be the first column, the height and the width, such as pixel0,28,28".to_owned()),
    }
}

fn column(text: &str) -> Result<(String, ColumnReading), String> {
    let (name, kind) = text.rsplit_once('=').ok_or("it must be the name of a column and a kind, such as zip=text")?;
    let order = match kind {
        "day-first" => Some(DateOrder::DayFirst),
        "month-first" => Some(DateOrder::MonthFirst),
        "year-first" => Some(DateOrder::YearFirst),
        _ => None,
    };
    let kind = if order.is_some() { Some(ReadKind::Date) } else { ReadKind::named(kind) };
    let kind = kind.ok_or_else(|| {
        let all: Vec<String> = ReadKind::ALL.iter().map(|k| k.label().replace(' ', "-")).collect();
        format!(
            "\"{}\" is none of {}, day-first, month-first and year-first",
            text.rsplit('=').next().unwrap_or(""),
            all.join(", ")
        )
    })?;
    Ok((name.to_owned(), ColumnReading { date_order: order, ..ColumnReading::of(kind) }))
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "yes" | "true" => Ok(true),
        "no" | "false" => Ok(false),
        _ => Err("it must be yes or no".to_owned()),
    }
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

/// Says which columns and rows are not used, and why.
fn announce_left_out(table: &Table, preparation: &Preparation, dataset: &Dataset) {
    for told in preparation.nearly_empty(table) {
        eprintln!("note: {told}");
    }
    if let Some(left_out) = dataset.left_out.describe() {
        eprintln!("note: {}", left_out.replacen("Left out", "left out", 1));
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
