//! The stop that is on screen, and its explanation.

use super::assistant::Recorded;
use crate::app::diagram::layout::selections;
use crate::app::diagram::neurons::middle_unit;
use crate::app::state::Model;
use crate::explain::{Depth, Explanation, Stop, Trace, explain, stops};
use crate::nn::LayerId;
use crate::train::Phase;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The units of each layer at which the film can stop.
pub type Units = BTreeMap<LayerId, Vec<usize>>;

/// What is on screen in this frame.
pub struct Current {
    pub recorded: Arc<Recorded>,
    pub stops: Vec<Stop>,
    /// The stop of the play head; the head may move on within the frame.
    pub stop: Stop,
    pub at: usize,
    /// Row of the recording whose numbers are shown.
    pub sample: usize,
    pub explanation: Option<Explanation>,
}

impl Current {
    /// Whether no stop comes after this one.
    pub fn is_last(&self) -> bool {
        self.at + 1 >= self.stops.len()
    }

    /// The same step in stops of another depth.
    pub fn stops_of(&self, depth: Depth, shown: &Units) -> Vec<Stop> {
        all_stops(&self.recorded.trace, depth, shown)
    }
}

/// Whether a stop computes nothing: the input layer, and layers that only pass on what comes in.
pub fn is_given(trace: &Trace<f32>, stop: Stop) -> bool {
    let Some(layer) = stop.layer.filter(|_| stop.phase == Phase::Forward) else { return false };
    let input = trace.spec.layer(layer).is_some_and(|l| l.kind.is_input());
    let computes = trace.plan.nodes.iter().any(|n| n.layer == layer);
    input || !computes
}

/// The stops of a recorded step, at the units that are drawn.
pub fn all_stops(trace: &Trace<f32>, depth: Depth, shown: &Units) -> Vec<Stop> {
    stops(trace, depth, |id| shown.get(&id).cloned().unwrap_or_default())
}

/// The units of a layer at which the film can stop.
pub fn shown(model: &Model) -> Units {
    let maps = |id: &LayerId| <[usize; 3]>::try_from(model.inference().shapes.get(id)?.as_slice()).ok();
    let of_channels = |id: LayerId, channels: Vec<usize>| match maps(&id) {
        // The middle of each channel that is drawn.
        Some(shape) => channels.into_iter().map(|c| middle_unit(&shape, c)).collect(),
        None => channels,
    };
    let all = selections(&model.document().network, model.inference());
    all.into_iter().map(|(id, units)| (id, of_channels(id, units))).collect()
}

/// The explanation of the stop at `at`, for one row of the recording.
pub fn explanation(trace: &Trace<f32>, stops: &[Stop], at: usize, sample: usize, shown: &Units) -> Option<Explanation> {
    let stop = *stops.get(at)?;
    // A stop at a whole layer is explained by its unit with the largest value or gradient, one at a whole phase by its last layer.
    let stop = match stop.layer {
        Some(_) => stop,
        None => {
            let fine = crate::explain::stops(trace, Depth::Layer, |_| Vec::new());
            *fine.iter().rfind(|s| s.phase == stop.phase)?
        }
    };
    let layer = stop.layer?;
    let units = shown.get(&layer)?;
    let size = |unit: &usize| {
        let gradient = trace.layer_grads(layer).and_then(|(z, a)| z.or(a)).map(|g| g[[*unit, sample]].abs());
        let value = trace.layer_values(layer).map_or(0.0, |(_, a)| a[[*unit, sample]].abs());
        match stop.phase {
            Phase::Backward | Phase::Update => gradient.unwrap_or(0.0),
            _ => value,
        }
    };
    let unit = units.iter().copied().max_by(|a, b| size(a).total_cmp(&size(b))).unwrap_or(0);
    explain(trace, stop, unit, sample)
}

/// The weight with the largest gradient in the first layer with weights: its chain rule runs through the whole network.
pub fn strongest_weight(trace: &Trace<f32>) -> Option<usize> {
    let weighs = |layer| trace.plan.nodes.iter().any(|n| n.layer == layer && n.operation.weighs());
    let learning = trace.plan.parameters.iter().filter(|p| p.shape.decayed && p.range.end <= trace.plan.learning);
    let first = learning.into_iter().find(|p| weighs(p.layer))?;
    first.range.clone().max_by(|&a, &b| trace.gradient[a].abs().total_cmp(&trace.gradient[b].abs()))
}
