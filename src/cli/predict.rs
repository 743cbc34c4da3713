//! `chainrule predict`: predictions of a trained preset for the rows of a file.

use super::arguments::{DataFile, Failure, open};
use crate::data::{ColumnEncoding, DataSource, Encoder, EncodingKind, ReadOptions, TargetScale};
use crate::nn::{Head, HeadTarget, Plan};
use crate::project::Preset;
use crate::train::{Probe, task_of};
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Arguments {
    /// A preset that was saved with its run
    preset: String,
    /// The rows to predict, with the same feature columns as the training data; - for standard input
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Where to write class and probabilities, or values in the target's own units
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

const CHUNK: usize = 256;

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Preset { document, run } = open(&arguments.preset)?;
    let run = run.ok_or_else(|| {
        format!("{0} holds no trained run. Make one with `chainrule train {0} --save trained.json`.", arguments.preset)
    })?;
    // Pictures are brought to the size of those that were trained on.
    let options = match &document.data.source {
        DataSource::File { options, .. } => ReadOptions { images: options.images, ..ReadOptions::default() },
        _ => ReadOptions::default(),
    };
    let file = DataFile::open(&arguments.data)?;
    let source = DataSource::File { path: file.path.clone(), sha256: String::new(), options };
    let table = source.load()?.table;
    let encoder = &run.encoder;
    let mut probe = Probe::for_task(&document.network, &task_of(encoder), CHUNK)
        .ok_or("the network does not fit the columns that its run was trained on")?;
    if !probe.resume(&run) {
        return Err("the saved parameters do not fit the network".into());
    }
    let outputs = outputs(probe.plan(), encoder);
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
    let gaps = table.rows() - complete.len();
    println!("{} predictions written to {}", complete.len(), arguments.out.display());
    if gaps > 0 {
        let why = if encoder.window.is_some() {
            "have missing features or too few rows before them"
        } else {
            "have missing features"
        };
        eprintln!("note: {gaps} rows {why} and were left empty");
    }
    Ok(())
}

/// What one output predicts.
enum Predicted<'a> {
    Class {
        column: &'a str,
        levels: &'a [String],
    },
    /// Names, and the way back to own units.
    Values(Vec<(String, TargetScale)>),
}

/// One for each output of the network.
fn outputs<'a>(plan: &Plan, encoder: &'a Encoder) -> Vec<Predicted<'a>> {
    let groups = encoder.target_groups();
    let of = |head: &Head| match &head.target {
        HeadTarget::Features => Predicted::Values(encoder.feature_names().into_iter().zip(encoder.scales()).collect()),
        HeadTarget::Group { group, columns } => {
            let group: &[&ColumnEncoding] = groups.get(*group).map_or(&[], Vec::as_slice);
            if let [ColumnEncoding { column, kind: EncodingKind::OneHot { levels }, .. }] = group {
                return Predicted::Class { column, levels };
            }
            let chosen = columns.clone().unwrap_or_else(|| (0..group.len()).collect());
            Predicted::Values(chosen.into_iter().map(|k| (group[k].column.clone(), group[k].scale())).collect())
        }
    };
    plan.heads.iter().map(of).collect()
}

impl Predicted<'_> {
    fn header(&self) -> Vec<String> {
        match self {
            Self::Class { column, levels } => {
                std::iter::once((*column).to_owned()).chain(levels.iter().map(|l| format!("p({l})"))).collect()
            }
            Self::Values(values) => values.iter().map(|(name, _)| name.clone()).collect(),
        }
    }

    /// The class and its probabilities, or the values in their own units.
    fn record(&self, probe: &Probe, head: usize, sample: usize) -> Vec<String> {
        match self {
            Self::Class { levels, .. } => {
                let class = levels.get(probe.class_of(head, sample)).cloned().unwrap_or_default();
                let probabilities = probe.probabilities(head, sample, levels.len());
                std::iter::once(class).chain(probabilities.iter().map(f32::to_string)).collect()
            }
            Self::Values(values) => {
                let value = |(k, (_, scale)): (usize, &(String, TargetScale))| {
                    scale.decode(f64::from(probe.prediction_of(head, k, sample))).to_string()
                };
                values.iter().enumerate().map(value).collect()
            }
        }
    }
}

fn save(arguments: &Arguments, outputs: &[Predicted<'_>], records: &[Vec<String>]) -> Result<(), Failure> {
    let cannot = |e: &dyn std::fmt::Display| format!("{} cannot be written: {e}", arguments.out.display());
    let header: Vec<String> =
        std::iter::once("row".to_owned()).chain(outputs.iter().flat_map(Predicted::header)).collect();
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
