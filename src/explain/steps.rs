//! One traced step as a film: the four phases, cut into stops as coarsely or finely as wanted.

use super::Trace;
use crate::nn::{LayerId, Real};
use crate::train::Phase;

/// How finely the step is cut.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    Phase,
    #[default]
    Layer,
    Neuron,
}

/// One stop of the play head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    pub phase: Phase,
    /// The layer that is at work; none where the whole phase is meant.
    pub layer: Option<LayerId>,
    /// The unit; none where the whole layer is meant.
    pub unit: Option<usize>,
}

/// All stops in order. `shown` are the units of a layer that can be stopped at: wide layers show a selection.
pub fn stops<T: Real>(trace: &Trace<T>, depth: Depth, shown: impl Fn(LayerId) -> Vec<usize>) -> Vec<Stop> {
    if depth == Depth::Phase {
        return Phase::ALL.map(|phase| Stop { phase, layer: None, unit: None }).to_vec();
    }
    let mut stops = Vec::new();
    let is_output = |id: LayerId| trace.spec.layer(id).is_some_and(|l| l.kind.is_output());
    let mut stop = |phase, layer: LayerId| {
        let own = Stop { phase, layer: Some(layer), unit: None };
        if depth == Depth::Neuron && phase != Phase::Error {
            stops.extend(shown(layer).into_iter().map(|unit| Stop { unit: Some(unit), ..own }));
        } else {
            stops.push(own);
        }
    };
    let between = || trace.layers().filter(|&id| !is_output(id));
    between().for_each(|id| stop(Phase::Forward, id));
    trace.layers().filter(|&id| is_output(id)).for_each(|id| stop(Phase::Error, id));
    let reached = |id: &LayerId| trace.layer_grads(*id).is_some_and(|(z, a)| z.is_some() || a.is_some());
    between().rev().filter(reached).for_each(|id| stop(Phase::Backward, id));
    let learns = |id: &LayerId| {
        let own = trace.plan.parameters.iter().filter(|p| p.layer == *id);
        own.into_iter().any(|p| p.range.end <= trace.plan.learning && !p.range.is_empty())
    };
    between().filter(learns).for_each(|id| stop(Phase::Update, id));
    stops
}
