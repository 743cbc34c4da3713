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

impl Explanation {
    /// Lets a number that is the result of a line above know that line, so that both can be hidden together. Whole numbers may be
    /// constants of the formula, and stay.
    pub fn link_results(&mut self) {
        for k in 0..self.lines.len() {
            let (above, below) = self.lines.split_at_mut(k + 1);
            let line = &mut above[k];
            if line.place.is_some() || !line.result.is_finite() || line.result.fract() == 0.0 {
                continue;
            }
            let place = Place::Line(k);
            line.place = Some(place);
            for numbers in below.iter_mut().filter_map(|l| l.numbers.as_mut()) {
                numbers.mark(line.result, place);
            }
        }
    }
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

/// "Hidden 1 unit 3 → Hidden 2 unit 2", or the layer and the indices of the parameter in its tensor: "Conv 1, filter 2, row 1,
/// column 3".
pub fn parameter_name(trace: &Trace<f32>, index: usize) -> String {
    let Some(p) = trace.parameter(index) else { return String::new() };
    let (name, at) = (trace.spec.name(p.layer), index - p.range.start);
    let mut sources = trace.spec.inputs_of(p.layer);
    if let (Some(source), None, &[inputs, outputs]) = (sources.next(), sources.next(), &p.shape.shape[..])
        && p.shape.joins_units()
        && trace.spec.layer(p.layer).is_some_and(|l| l.kind.definition().units().is_some())
        && trace.layer_values(source).is_some_and(|(_, a)| a.nrows() == inputs)
    {
        return format!("{} unit {} → {name} unit {}", trace.spec.name(source), at / outputs + 1, at % outputs + 1);
    }
    format!("{name}, {}", p.shape.words(at))
}
