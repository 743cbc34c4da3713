//! `chainrule check`: every analytic gradient of a preset's network against central differences in f64.

use super::arguments::{Failure, load};
use super::reading::ReadArguments;
use crate::data::Part;
use crate::format;
use crate::nn::check;
use crate::project::Preset;
use crate::seed::{Purpose, Stream};
use crate::train::Replica;
use std::sync::Arc;

#[derive(clap::Args)]
pub struct Arguments {
    /// A preset file or the name of a built-in preset
    preset: String,
}

const BATCH: usize = 8;
const PER_TENSOR: usize = 200;
const TOLERANCE: f64 = 1e-6;
const BESIDE: f64 = 0.02;

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (Preset { document, .. }, _, data) = load(Some(&arguments.preset), None, &ReadArguments::default(), &[])?;
    let data = Arc::new(data);
    let rows = &data.part(Part::Train)[..data.part(Part::Train).len().min(BATCH)];
    let mut replica = Replica::<f64>::new(&document.network, Arc::clone(&data), BATCH, document.training.seed, 1)
        .map_err(|problems| problems.iter().map(|p| p.text(&document.network)).collect::<Vec<_>>().join("\n"))?;
    replica.load(rows, true);
    let network = replica.network_mut();
    // Biases start at zero, where a ReLU over empty pixels has its kink: the check is made a little beside it.
    let mut stream = Stream::new(document.training.seed, Purpose::Init, u64::MAX);
    network.params_mut().iter_mut().for_each(|v| *v += BESIDE * stream.normal());
    let mut wrong = 0;
    println!("{:20} {:8} {:>9} {:>14} {:>14} {:>10}", "layer", "tensor", "compared", "analytic", "numeric", "error");
    for c in check::gradients(network, true, PER_TENSOR) {
        let name = document.network.name(c.layer);
        println!(
            "{name:20} {:8} {:>9} {:>14} {:>14} {:>10}{}",
            c.parameter,
            c.compared,
            format::scientific(c.analytic, 6),
            format::scientific(c.numeric, 6),
            format::scientific(c.worst, 1),
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
