//! Units of a recorded step that give 0 for every row.

use crate::explain::Trace;
use crate::nn::{Activation, LayerId};

/// Fewer rows say nothing of single units.
pub(super) const FEW: usize = 24;

/// A layer of ReLUs, and how many of its units, or of the channels of its image, give 0 for every row.
pub(super) struct Dead {
    pub(super) layer: LayerId,
    pub(super) count: usize,
    pub(super) units: usize,
}

impl Dead {
    pub(super) fn is_most(&self) -> bool {
        self.units > 1 && 2 * self.count > self.units
    }
}

/// Layers of a trace whose function is one that `wanted` names: the layer, the node before it and its own.
pub(super) fn activations(
    trace: &Trace<f32>,
    wanted: impl Fn(Activation) -> bool,
) -> Vec<(LayerId, usize, usize, Activation)> {
    let nodes = trace.plan.nodes.iter().enumerate();
    let own = nodes.filter_map(|(i, n)| {
        let f = n.operation.activation().filter(|f| wanted(*f))?;
        Some((n.layer, n.inputs[0], i, f))
    });
    own.collect()
}

/// Every layer of ReLUs; none where there are too few rows to tell.
pub(super) fn dead_layers(trace: &Trace<f32>) -> Vec<Dead> {
    if trace.rows.len() < FEW {
        return Vec::new();
    }
    let of = |(layer, z, ..): (LayerId, usize, usize, Activation)| {
        let dead = |row: ndarray::ArrayView1<'_, f32>| row.iter().all(|v| *v <= 0.0);
        let rows: Vec<bool> = trace.values[z].rows().into_iter().map(dead).collect();
        // A channel of an image is dead only as a whole.
        let area = trace.plan.nodes[z].operation.positions();
        let channels = rows.chunks(area).map(|part| part.iter().all(|d| *d));
        Dead { layer, count: channels.clone().filter(|d| *d).count(), units: channels.count() }
    };
    activations(trace, |f| f == Activation::Relu).into_iter().map(of).collect()
}
