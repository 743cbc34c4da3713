//! `chainrule check`: every analytic gradient of a preset's network against central differences in f64.

use super::{Failure, open};
use crate::data::{Part, Targets};
use crate::nn::kernels::padded;
use crate::nn::{Encoding, Network, check, compile};
use crate::train::task;

#[derive(clap::Args)]
pub struct Arguments {
    /// A preset file or the name of a built-in preset
    preset: String,
}

const BATCH: usize = 8;
const PER_TENSOR: usize = 200;
const TOLERANCE: f64 = 1e-6;

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let document = open(&arguments.preset, None)?.document;
    let (_, data) = document.data.load()?;
    let rows = &data.part(Part::Train)[..data.part(Part::Train).len().min(BATCH)];
    let plan = compile(&document.network, &task(&data), BATCH).map_err(|problems| {
        let lines: Vec<String> = problems
            .iter()
            .map(|p| {
                p.layer.map_or_else(|| p.message.clone(), |l| format!("{}: {}", document.network.name(l), p.message))
            })
            .collect();
        lines.join("\n")
    })?;
    let encoding = plan.head.encoding;
    let mut network = Network::<f64>::new(plan, BATCH, document.training.seed, 1);
    let stride = padded(rows.len());
    let (x, target) = network.load(rows.len());
    target.fill(0.0);
    for (column, &row) in rows.iter().enumerate() {
        let row = row as usize;
        for (feature, &value) in data.x.row(row).iter().enumerate() {
            x[feature * stride + column] = f64::from(value);
        }
        match (&data.targets, encoding) {
            (Targets::Classes { labels, .. }, Encoding::OneHot) => target[labels[row] as usize * stride + column] = 1.0,
            (Targets::Classes { labels, .. }, Encoding::Signed) => target[column] = f64::from(labels[row]) * 2.0 - 1.0,
            (Targets::Classes { labels, .. }, _) => target[column] = f64::from(labels[row]),
            (Targets::Values { values, .. }, _) => {
                values.row(row).iter().enumerate().for_each(|(k, &v)| target[k * stride + column] = f64::from(v));
            }
        }
    }
    let mut wrong = 0;
    println!("{:20} {:8} {:>9} {:>14} {:>14} {:>10}", "layer", "tensor", "compared", "analytic", "numeric", "error");
    for c in check::gradients(&mut network, true, PER_TENSOR) {
        let name = document.network.name(c.layer);
        println!(
            "{name:20} {:8} {:>9} {:>14.6e} {:>14.6e} {:>10.1e}{}",
            c.parameter,
            c.compared,
            c.analytic,
            c.numeric,
            c.worst,
            if c.worst > TOLERANCE { "  differs" } else { "" }
        );
        wrong += usize::from(c.worst > TOLERANCE);
    }
    if wrong > 0 {
        return Err(format!("{wrong} gradients differ from central differences by more than {TOLERANCE:e}").into());
    }
    println!("Every gradient equals its central difference to {TOLERANCE:e}.");
    Ok(())
}
