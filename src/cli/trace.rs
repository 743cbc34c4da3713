//! `chainrule trace`: one training step with every number in it.

use super::arguments::{Failure, data_file, keep_apart, load, write};
use super::reading::ReadArguments;
use crate::data::Dataset;
use crate::explain::{Trace, parameter_name};
use crate::format;
use crate::nn::{NetworkSpec, Real};
use crate::project::Preset;
use crate::train::{Replica, Session, TrainingState};
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(clap::Args)]
pub struct Arguments {
    /// A preset file or the name of a built-in preset; one that was saved with its run is traced where it stopped
    preset: String,
    /// A row of the data set, counted from 1; may be given several times. Without it the next mini-batch is traced
    #[arg(long, value_name = "ROW")]
    row: Vec<usize>,
    /// Print every number as JSON instead of a summary
    #[arg(long)]
    json: bool,
    /// Where to write it instead of to the terminal
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Compute in double precision; training uses single precision
    #[arg(long)]
    double: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (Preset { document, run }, _, data) = load(Some(&arguments.preset), None, &ReadArguments::default(), &[])?;
    let preset = Path::new(&arguments.preset);
    keep_apart(
        &[("the preset", Some(preset)), ("the data", data_file(&document))],
        &[("--out", arguments.out.as_deref())],
    )?;
    let data = Arc::new(data);
    let mut session = Session::new(&document.network, Arc::clone(&data), document.training.clone(), 1)?;
    if let Some(run) = &run {
        session.resume(run)?;
    }
    let start = session.training_state();
    let rows = if arguments.row.is_empty() { start.rows.clone() } else { asked(&arguments.row, &data)? };
    let text = if arguments.json && arguments.double {
        serde_json::to_string(&record::<f64>(&document.network, &data, &start, &rows)?)?
    } else {
        let trace = record::<f32>(&document.network, &data, &start, &rows)?;
        if arguments.json { serde_json::to_string(&trace)? } else { summary(&trace) }
    };
    match &arguments.out {
        Some(path) => write(path, &(text + "\n")),
        None => {
            println!("{text}");
            Ok(())
        }
    }
}

fn record<T: Real>(
    network: &NetworkSpec,
    data: &Arc<Dataset>,
    start: &TrainingState,
    rows: &[u32],
) -> Result<Trace<T>, Failure> {
    let mut replica = None;
    Replica::reuse(&mut replica, network, data, rows.len())
        .and_then(|replica| Trace::record(replica, start, rows))
        .map_err(|problems| problems.iter().map(|p| p.text(network)).collect::<Vec<_>>().join("\n").into())
}

fn asked(rows: &[usize], data: &Dataset) -> Result<Vec<u32>, Failure> {
    let count = data.rows();
    let row = |&row: &usize| match row {
        row if (1..=count).contains(&row) => Ok(row as u32 - 1),
        _ => Err(format!("there is no row {row}: the data have rows 1 to {count}").into()),
    };
    rows.iter().map(row).collect()
}

/// Sizes of values and gradients, layer by layer.
fn summary(trace: &Trace<f32>) -> String {
    let norm = |values: &mut dyn Iterator<Item = f32>| values.map(|v| f64::from(v) * f64::from(v)).sum::<f64>().sqrt();
    let mut lines = vec![format!(
        "step {}, {} rows: loss {}, after the update {}\n\n{:20} {:>7} {:>12} {:>12} {:>12} {:>12}",
        trace.steps + 1,
        trace.rows.len(),
        format::significant(trace.loss, 6),
        format::significant(trace.loss_after, 6),
        "layer",
        "units",
        "|a|",
        "|dL/da|",
        "|dL/dw|",
        "|step|"
    )];
    for id in trace.layers() {
        let Some((_, a)) = trace.layer_values(id) else { continue };
        let of = |part: Option<f64>| {
            part.map_or_else(|| format!("{:>12}", "-"), |v| format!("{:>12}", format::scientific(v, 4)))
        };
        let gradient = trace.layer_grads(id).and_then(|(z, a)| a.or(z)).map(|g| norm(&mut g.iter().copied()));
        let own: Vec<usize> =
            trace.plan.parameters.iter().filter(|p| p.layer == id).flat_map(|p| p.range.clone()).collect();
        let has = !own.is_empty();
        let weights = has.then(|| norm(&mut own.iter().map(|&i| trace.gradient[i])));
        let step = has.then(|| norm(&mut own.iter().map(|&i| trace.after[i] - trace.before[i])));
        lines.push(format!(
            "{:20} {:>7} {} {} {} {}",
            trace.spec.name(id),
            a.nrows(),
            of(Some(norm(&mut a.iter().copied()))),
            of(gradient),
            of(weights),
            of(step)
        ));
    }
    let size = |i: &usize| trace.gradient[*i].abs();
    let learning = 0..trace.plan.learning.min(trace.gradient.len());
    if let Some(index) = learning.max_by(|a, b| size(a).total_cmp(&size(b)))
        && let Some(p) = trace.parameter(index)
    {
        let value = |values: &[f32]| format::number(f64::from(values[index]));
        lines.push(format!(
            "\nlargest gradient: {} at {} ({}), which the update moves from {} to {}",
            value(&trace.gradient),
            parameter_name(trace, index),
            p.shape.symbol(index - p.range.start).plain(),
            value(&trace.before),
            value(&trace.after)
        ));
    }
    let rows: Vec<String> = trace.rows.iter().take(12).map(|r| (r + 1).to_string()).collect();
    let more = if trace.rows.len() > 12 { ", …" } else { "" };
    lines.push(format!("\nrows {}{more} of the data; --json prints every number", rows.join(", ")));
    lines.join("\n")
}
