//! For one unit in one phase: the formula in symbols, the same with the numbers of the trace, the result, and a sentence.

mod backward;
mod forward;
mod update;

use super::one_sample::OneSample;
use super::{Stop, Trace};
pub use crate::nn::Line;
use crate::nn::math::Place;
use crate::nn::{LayerId, LayerKind};
use crate::train::Phase;

/// What happens at one stop.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    pub title: String,
    /// The unit that it is about.
    pub unit: usize,
    pub lines: Vec<Line>,
    pub words: String,
}

/// Explains a stop for one sample (a column of the trace). A stop without a unit is explained by `unit`.
pub fn explain(trace: &Trace<f32>, stop: Stop, unit: usize, sample: usize) -> Option<Explanation> {
    let layer = stop.layer?;
    let units = trace.layer_values(layer)?.1.nrows();
    let recorded = OneSample { trace, sample };
    let at = Reader { trace, recorded, layer, unit: stop.unit.unwrap_or(unit).min(units - 1), sample };
    match stop.phase {
        Phase::Forward => Some(at.forward()),
        Phase::Error => at.error(),
        Phase::Backward => at.backward(),
        Phase::Update => at.update(),
    }
}

/// A unit of the trace, for one sample.
struct Reader<'a> {
    trace: &'a Trace<f32>,
    recorded: OneSample<'a>,
    layer: LayerId,
    unit: usize,
    sample: usize,
}

impl Reader<'_> {
    fn name(&self) -> String {
        format!("{}, unit {}", self.trace.spec.name(self.layer), self.unit + 1)
    }

    fn value(&self, node: usize, unit: usize) -> f64 {
        f64::from(self.trace.values[node][[unit, self.sample]])
    }

    fn grad(&self, node: usize, unit: usize) -> Option<f64> {
        Some(f64::from(self.trace.grads[node].as_ref()?[[unit, self.sample]]))
    }

    fn place(&self, node: usize, unit: usize) -> Place {
        let layer = self.trace.plan.nodes[node].layer;
        self.recorded.at(node, unit).place(node, unit).unwrap_or(Place::Activation { layer, unit })
    }

    fn grad_place(&self, node: usize, unit: usize) -> Place {
        match self.place(node, unit) {
            Place::Sum { layer, unit } => Place::SumGradient { layer, unit },
            other => Place::ActivationGradient { layer: other.layer().unwrap_or(self.layer), unit },
        }
    }

    fn kind(&self) -> Option<&LayerKind> {
        self.trace.spec.layer(self.layer).map(|l| &l.kind)
    }
}

/// "Hidden 1 unit 3 → Hidden 2 unit 2", or the parameter's layer, name and number.
pub fn parameter_name(trace: &Trace<f32>, index: usize) -> String {
    let Some(p) = trace.plan.parameters.iter().find(|p| p.range.contains(&index)) else { return String::new() };
    let (name, at) = (trace.spec.name(p.layer), index - p.range.start);
    let source = trace.spec.inputs_of(p.layer).next().map(|id| trace.spec.name(id)).unwrap_or_default();
    match p.shape.shape[..] {
        [_, outputs] if p.shape.name == "weight" => {
            format!("{source} unit {} → {name} unit {}", at / outputs + 1, at % outputs + 1)
        }
        _ => format!("{name}, {} {}", p.shape.name, at + 1),
    }
}
