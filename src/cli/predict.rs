//! `chainrule predict`: predictions of a trained preset for the rows of a file.

use super::arguments::{DataFile, Failure, announce_reading, data_file, keep_apart, known, open};
use super::reading::ReadArguments;
use crate::data::{
    Column, ColumnEncoding, DataSource, Encoder, EncodingKind, ReadKind, ReadOptions, Table, TargetScale, Unprepared,
    Why,
};
use crate::format;
use crate::nn::{Head, HeadTarget, NetworkSpec, Plan, Predicts};
use crate::project::Preset;
use crate::train::{Probe, task_of};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub struct Arguments {
    /// A preset that was saved with its run
    preset: String,
    /// The rows to predict, with the same feature columns as the training data. The file is read as that of the training
    /// data was; - for standard input
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Where to write the predictions as CSV: the class with p(class), its probability, or score(class), where the loss is
    /// not one of probabilities; or the value in the target's own units
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    read: ReadArguments,
}

const CHUNK: usize = 256;

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Preset { document, run } = open(&arguments.preset)?;
    let run = run.ok_or_else(|| {
        format!("{0} holds no trained run. Make one with `chainrule train {0} --save trained.json`.", arguments.preset)
    })?;
    keep_apart(
        &[
            ("the rows to predict", Some(&arguments.data)),
            ("the preset", Some(Path::new(&arguments.preset))),
            ("the training data", data_file(&document)),
        ],
        &[("--out", Some(&arguments.out))],
    )?;
    let options = match &document.data.source {
        DataSource::File { options, .. } => options.clone(),
        _ => ReadOptions::default(),
    };
    let file = DataFile::open(&arguments.data)?;
    let encoder = &run.encoder;
    let table = read(arguments, &file.path, &options, encoder)?;
    let mut probe = Probe::for_task(&document.network, &task_of(encoder), CHUNK)
        .ok_or("the network does not fit the columns that its run was trained on")?;
    if !probe.resume(&run) {
        return Err("the saved parameters do not fit the network".into());
    }
    let outputs = outputs(probe.plan(), encoder, &document.network);
    let complete = encoder.complete_rows(&table)?;
    // What a window predicts lies behind its last row.
    let ahead = encoder.window.map_or(0, |w| w.horizon);
    let mut records = vec![Vec::new(); table.rows() + ahead];
    let x = encoder.features(&table, &complete)?;
    for (chunk, rows) in complete.chunks(CHUNK).enumerate() {
        probe.run(rows.len(), |sample, feature| x[[chunk * CHUNK + sample, feature]]);
        for (sample, &row) in rows.iter().enumerate() {
            let heads = outputs.iter().enumerate();
            records[row + ahead] = heads.flat_map(|(head, output)| output.record(&probe, head, sample)).collect();
        }
    }
    save(arguments, &outputs, &records)?;
    println!("{} predictions written to {}", complete.len(), arguments.out.display());
    let unprepared = encoder.unprepared(&table)?;
    let gaps = table.rows() - complete.len();
    if gaps > 0 {
        let gap = |u: &&Unprepared| u.why == Why::Gap;
        let columns: Vec<String> = unprepared.iter().filter(gap).map(lacking).collect();
        let columns = if columns.is_empty() { String::new() } else { format!(" ({})", columns.join(", ")) };
        let why = match (encoder.window.is_some(), gaps) {
            (true, _) => "have missing features or too few rows before them",
            (false, 1) => "has missing features",
            (false, _) => "have missing features",
        };
        eprintln!("note: {} {why}{columns}; no prediction is made there", format::counted(gaps, "row"));
    }
    for u in &unprepared {
        if let Why::Unseen { levels, count } = &u.why {
            let mut list: Vec<String> =
                levels.iter().map(|(level, row)| format!("\"{level}\" (row {})", row + 1)).collect();
            if *count > list.len() {
                list.push(format!("and {} more", count - list.len()));
            }
            eprintln!(
                "note: \"{}\" has {} that training has not seen, in {}: {}; the prediction does without",
                u.column,
                format::counted(*count, "level"),
                format::counted(u.rows, "row"),
                list.join(", ")
            );
        }
        if let Why::Outside { value, range: [low, high] } = u.why {
            let written = |v: f64| table.column(&u.column).map_or_else(|| format::cell(v), |c| c.written(v));
            eprintln!(
                "note: \"{}\" is outside of what training has seen, {} to {}, in {}: the first is row {} with {}",
                u.column,
                written(low),
                written(high),
                format::counted(u.rows, "row"),
                u.first + 1,
                written(value)
            );
        }
    }
    for (column, count) in encoder.count_tokens(&table, &complete)? {
        if let Some(unknown) = count.unknown_in("file") {
            let texts = format::counted(count.with_unknown, "text");
            eprintln!("note: \"{column}\": {unknown} are not in the vocabulary and were read as unknown, in {texts}");
        }
        if count.truncated > 0 {
            eprintln!(
                "note: \"{column}\": {} truncated; the longest has {} tokens",
                format::counted(count.truncated, "text"),
                count.longest
            );
        }
    }
    tell_imputed(&table, &complete, encoder);
    Ok(())
}

/// Says which rows have gaps that were imputed, and in which columns.
fn tell_imputed(table: &Table, complete: &[usize], encoder: &Encoder) {
    const LISTED: usize = 5;
    let mut names = BTreeSet::new();
    let features = encoder.features.iter().filter(|e| names.insert(e.column.as_str()));
    let columns: Vec<&Column> = features.filter_map(|e| table.column(&e.column)).collect();
    let has_gap = |row: &&usize| columns.iter().any(|c| c.is_missing(**row));
    let imputed: Vec<usize> = complete.iter().filter(has_gap).copied().collect();
    if imputed.is_empty() {
        return;
    }
    let listed = |all: Vec<String>| {
        let more = all.len().saturating_sub(LISTED);
        let first = all.into_iter().take(LISTED).collect::<Vec<_>>().join(", ");
        if more > 0 { format!("{first} and {more} more") } else { first }
    };
    let lacking = columns.iter().filter(|c| imputed.iter().any(|&row| c.is_missing(row)));
    eprintln!(
        "note: {} {} missing values that were imputed, as in the training data: row {}, in {}",
        format::counted(imputed.len(), "row"),
        if imputed.len() == 1 { "has" } else { "have" },
        listed(imputed.iter().map(|row| (row + 1).to_string()).collect()),
        listed(lacking.map(|c| format!("\"{}\"", c.name)).collect()),
    );
}

/// Where a column lacks values.
fn lacking(u: &Unprepared) -> String {
    let further = if u.rows > 1 { format!(" and {} more", u.rows - 1) } else { String::new() };
    format!("\"{}\" in row {}{further}", u.column, u.first + 1)
}

/// The rows to predict, read as the training data were. Where their columns are not found so, the file is of another kind:
/// then everything is detected that the command line does not say.
fn read(arguments: &Arguments, file: &Path, options: &ReadOptions, encoder: &Encoder) -> Result<Table, Failure> {
    let load = |options: &ReadOptions| {
        let (path, options) = (file.to_owned(), arguments.read.over(options.clone()));
        let source = |options| DataSource::File { path: path.clone(), sha256: String::new(), options };
        let loaded = source(options.clone()).load()?;
        let Err(text) = encoder.complete_rows(&loaded.table) else { return Ok(loaded) };
        // A word in a column of numbers makes text of a short file; what is a number in no row is another column.
        let mut as_trained = options;
        for column in encoder.columns_of_numbers() {
            as_trained.columns.entry(column.to_owned()).or_default().kind.get_or_insert(ReadKind::Number);
        }
        let loaded = source(as_trained).load()?;
        let is_other = |name: &str| loaded.table.column(name).is_some_and(Column::is_blank);
        match encoder.complete_rows(&loaded.table) {
            Ok(_) if !encoder.columns_of_numbers().any(is_other) => Ok(loaded),
            _ => Err(text),
        }
    };
    // Pictures are brought to the size of those that were trained on in any case.
    let detected = ReadOptions { images: options.images, ..ReadOptions::default() };
    let found = load(options).or_else(|e| match load(&detected) {
        Ok(loaded) if *options != detected => {
            eprintln!(
                "note: read as the file of the training data, {} does not give its columns ({}), so its format was detected. \
                 The options of this command, such as --delimiter, say it otherwise.",
                arguments.data.display(),
                e.to_string().trim_end_matches('.')
            );
            Ok(loaded)
        }
        _ => Err(e),
    })?;
    known(arguments.read.columns(), &found.table)?;
    if let Some(detected) = &found.detected {
        announce_reading(detected, |line| eprintln!("{line}"));
    }
    Ok(found.table)
}

/// What one output predicts.
struct Predicted<'a> {
    /// The name of its layer.
    layer: String,
    kind: Kind<'a>,
}

enum Kind<'a> {
    Class {
        column: &'a str,
        levels: &'a [String],
        predicts: Predicts,
    },
    /// Names, and the way back to own units.
    Values {
        columns: Vec<(String, TargetScale)>,
        predicts: Predicts,
    },
}

/// One for each output of the network.
fn outputs<'a>(plan: &Plan, encoder: &'a Encoder, network: &NetworkSpec) -> Vec<Predicted<'a>> {
    let groups = encoder.target_groups();
    let of = |head: &Head| {
        let predicts = head.loss.definition().predicts(head.encoding);
        let kind = match &head.target {
            HeadTarget::Features => {
                Kind::Values { columns: encoder.feature_names().into_iter().zip(encoder.scales()).collect(), predicts }
            }
            HeadTarget::Group { group, columns } => {
                let group: &[&ColumnEncoding] = groups.get(*group).map_or(&[], Vec::as_slice);
                if let [ColumnEncoding { column, kind: EncodingKind::OneHot { levels }, .. }] = group {
                    Kind::Class { column, levels, predicts }
                } else {
                    let chosen = columns.clone().unwrap_or_else(|| (0..group.len()).collect());
                    let columns = chosen.into_iter().map(|k| (group[k].column.clone(), group[k].scale())).collect();
                    Kind::Values { columns, predicts }
                }
            }
        };
        Predicted { layer: network.name(head.layer), kind }
    };
    plan.heads.iter().map(of).collect()
}

/// The names of all columns behind the number of the row; where two outputs predict the same, with the name of the output.
fn header(outputs: &[Predicted<'_>]) -> Vec<String> {
    let all: Vec<(&str, Vec<String>)> = outputs.iter().map(|o| (o.layer.as_str(), o.header())).collect();
    let alone = |name: &String| all.iter().flat_map(|(_, names)| names).filter(|other| *other == name).count() == 1;
    let named = |layer: &str, name: &String| if alone(name) { name.clone() } else { format!("{layer}: {name}") };
    all.iter().flat_map(|(layer, names)| names.iter().map(|name| named(layer, name))).collect()
}

impl Predicted<'_> {
    fn header(&self) -> Vec<String> {
        match &self.kind {
            Kind::Class { column, levels, predicts } => {
                let what = if *predicts == Predicts::Probability { "p" } else { "score" };
                std::iter::once((*column).to_owned()).chain(levels.iter().map(|l| format!("{what}({l})"))).collect()
            }
            Kind::Values { columns, predicts } => {
                let name = |(name, scale): &(String, TargetScale)| match predicts {
                    // Shares of a whole that the table has in other units keep them.
                    Predicts::Probability if *scale == TargetScale::SAME => format!("p({name})"),
                    Predicts::Direction => format!("direction({name})"),
                    _ => name.clone(),
                };
                columns.iter().map(name).collect()
            }
        }
    }

    /// The class and the probability or score of each, or the values in their own units.
    fn record(&self, probe: &Probe, head: usize, sample: usize) -> Vec<String> {
        match &self.kind {
            Kind::Class { levels, predicts, .. } => {
                let class = levels.get(probe.class_of(head, sample)).cloned().unwrap_or_default();
                let numbers = match predicts {
                    Predicts::Probability => probe.probabilities(head, sample, levels.len()),
                    _ => probe.scores(head, sample, levels.len()),
                };
                std::iter::once(class).chain(numbers.iter().map(f32::to_string)).collect()
            }
            Kind::Values { columns, predicts } => {
                let output = |k: usize| f64::from(probe.prediction_of(head, k, sample));
                let length = (0..columns.len()).map(|k| output(k).powi(2)).sum::<f64>().sqrt();
                let value = |(k, (_, scale)): (usize, &(String, TargetScale))| match predicts {
                    Predicts::Direction => output(k) / length.max(f64::MIN_POSITIVE),
                    _ => scale.decode(output(k)),
                };
                columns.iter().enumerate().map(|column| value(column).to_string()).collect()
            }
        }
    }
}

fn save(arguments: &Arguments, outputs: &[Predicted<'_>], records: &[Vec<String>]) -> Result<(), Failure> {
    let cannot = |e: &dyn std::fmt::Display| format!("{} cannot be written: {e}", arguments.out.display());
    let header: Vec<String> = std::iter::once("row".to_owned()).chain(header(outputs)).collect();
    let mut writer = csv::Writer::from_path(&arguments.out).map_err(|e| cannot(&e))?;
    writer.write_record(&header).map_err(|e| cannot(&e))?;
    for (row, record) in records.iter().enumerate() {
        let empty = header.len() - 1 - record.len();
        let cells = std::iter::once((row + 1).to_string())
            .chain(record.iter().cloned())
            .chain(std::iter::repeat_n(String::new(), empty));
        writer.write_record(cells).map_err(|e| cannot(&e))?;
    }
    writer.flush().map_err(|e| cannot(&e))?;
    Ok(())
}
