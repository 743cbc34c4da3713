//! `chainrule predict`: predictions of a trained preset for the rows of a file.

use super::{Failure, open};
use crate::data::{Encoder, EncodingKind, ReadOptions, Table, read_file};
use crate::project::Preset;
use crate::train::{Probe, task_of};
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Arguments {
    /// A preset that was saved with its run
    preset: String,
    /// The rows to predict, with the same feature columns as the training data
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    /// Where to write class and probabilities, or values in the target's own units
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

const CHUNK: usize = 256;

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Preset { document, run } = open(&arguments.preset, None)?;
    let run = run.ok_or_else(|| {
        format!("{0} holds no trained run. Make one with `chainrule train {0} --save trained.json`.", arguments.preset)
    })?;
    let (table, _) = read_file(&arguments.data, &ReadOptions::default())?;
    let encoder = &run.encoder;
    let mut probe = Probe::for_task(&document.network, &task_of(encoder), CHUNK)
        .ok_or("the network does not fit the columns that its run was trained on")?;
    if !probe.resume(&run) {
        return Err("the saved parameters do not fit the network".into());
    }
    let complete: Vec<usize> = (0..table.rows()).filter(|&row| !encoder.has_gap(&table, row)).collect();
    let mut records = vec![Vec::new(); table.rows()];
    let x = encoder.features(&table, &complete)?;
    for (chunk, rows) in complete.chunks(CHUNK).enumerate() {
        probe.run(rows.len(), |sample, feature| x[[chunk * CHUNK + sample, feature]]);
        for (sample, &row) in rows.iter().enumerate() {
            records[row] = record(&probe, encoder, sample);
        }
    }
    save(arguments, encoder, &table, &records)?;
    let gaps = table.rows() - complete.len();
    println!("{} predictions written to {}", complete.len(), arguments.out.display());
    if gaps > 0 {
        eprintln!("note: {gaps} rows have missing features and were left empty");
    }
    Ok(())
}

/// The class and its probabilities, or the values in their own units.
fn record(probe: &Probe, encoder: &Encoder, sample: usize) -> Vec<String> {
    if let Some(EncodingKind::OneHot { levels }) = encoder.targets.first().map(|t| &t.kind) {
        let probabilities = probe.probabilities(sample, levels.len());
        let class = levels.get(probe.class(sample)).cloned().unwrap_or_default();
        return std::iter::once(class).chain(probabilities.iter().map(f32::to_string)).collect();
    }
    let value = |(k, e): (usize, &crate::data::Encoding)| {
        let y = f64::from(probe.prediction(k, sample));
        match e.kind {
            EncodingKind::Linear(scale) => scale.decode(y).to_string(),
            _ => y.to_string(),
        }
    };
    encoder.targets.iter().enumerate().map(value).collect()
}

fn save(arguments: &Arguments, encoder: &Encoder, table: &Table, records: &[Vec<String>]) -> Result<(), Failure> {
    let cannot = |e: &dyn std::fmt::Display| format!("{} cannot be written: {e}", arguments.out.display());
    let mut header = vec!["row".to_owned()];
    match encoder.targets.first().map(|t| (&t.column, &t.kind)) {
        Some((column, EncodingKind::OneHot { levels })) => {
            header.push(column.clone());
            header.extend(levels.iter().map(|l| format!("p({l})")));
        }
        _ => header.extend(encoder.targets.iter().map(|t| t.column.clone())),
    }
    let mut writer = csv::Writer::from_path(&arguments.out).map_err(|e| cannot(&e))?;
    writer.write_record(&header).map_err(|e| cannot(&e))?;
    for (row, record) in (0..table.rows()).zip(records) {
        let empty = header.len() - 1 - record.len();
        let cells = std::iter::once((row + 1).to_string())
            .chain(record.iter().cloned())
            .chain(std::iter::repeat_n(String::new(), empty));
        writer.write_record(cells).map_err(|e| cannot(&e))?;
    }
    writer.flush().map_err(|e| cannot(&e))?;
    Ok(())
}
