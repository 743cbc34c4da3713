//! For one unit in one phase: the formula in symbols, the same with the numbers of the trace, the result, and a sentence.

mod backward;
mod forward;
mod inner;
mod update;

use super::math::{Math, Place, number, row, symbol, text};
use super::{Stop, Trace};
use crate::nn::{Activation, LayerId, LayerKind};
use crate::train::Phase;

/// One formula: in symbols, with numbers, and what comes out.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub symbols: Math,
    pub numbers: Option<Math>,
    pub result: f64,
    pub place: Option<Place>,
}

/// What happens at one stop.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    pub title: String,
    /// The unit that it is about.
    pub unit: usize,
    pub lines: Vec<Line>,
    pub words: String,
}

/// Products of a sum that are written out; the others are added up.
const TERMS: usize = 3;

/// Explains a stop for one sample (a column of the trace). A stop without a unit is explained by `unit`.
pub fn explain(trace: &Trace<f32>, stop: Stop, unit: usize, sample: usize) -> Option<Explanation> {
    let layer = stop.layer?;
    let units = trace.layer_values(layer)?.1.nrows();
    let at = Reader { trace, layer, unit: stop.unit.unwrap_or(unit).min(units - 1), sample };
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

    /// A number of a node's output: the layer's activation, or its weighted sum.
    fn place(&self, node: usize, unit: usize) -> Place {
        let layer = self.trace.plan.nodes[node].layer;
        match self.trace.plan.layer_nodes.get(&layer) {
            Some(&(z, a)) if node == z && z != a => Place::Sum { layer, unit },
            _ => Place::Activation { layer, unit },
        }
    }

    fn grad_place(&self, node: usize, unit: usize) -> Place {
        match self.place(node, unit) {
            Place::Sum { layer, unit } => Place::SumGradient { layer, unit },
            other => Place::ActivationGradient { layer: other.layer().unwrap_or(self.layer), unit },
        }
    }

    fn parameter(&self, index: usize) -> Math {
        factor(f64::from(self.trace.before[index]), Place::Parameter { layer: self.layer, index })
    }

    fn nodes(&self) -> Vec<usize> {
        let nodes = self.trace.plan.nodes.iter().enumerate().skip(1);
        nodes.filter(|(_, n)| n.layer == self.layer).map(|(i, _)| i).collect()
    }

    fn kind(&self) -> Option<&LayerKind> {
        self.trace.spec.layer(self.layer).map(|l| &l.kind)
    }

    /// f′ of an activation node at this unit.
    fn slope(&self, f: Activation, node: usize) -> f64 {
        let input = self.trace.plan.nodes[node].inputs[0];
        f.slope_at(self.value(input, self.unit), self.value(node, self.unit))
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

/// A number after a sign: negative ones stand in brackets.
fn factor(value: f64, place: impl Into<Option<Place>>) -> Math {
    let number = number(value, place);
    if value < 0.0 { row([text("("), number, text(")")]) } else { number }
}

/// The largest terms of a sum, and the others added up.
fn sum_of(terms: &mut [(f64, Math)]) -> Vec<Math> {
    terms.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()));
    // One more is no longer than the words about it.
    let written_out = if terms.len() <= TERMS + 1 { terms.len() } else { TERMS };
    let mut parts = joined(terms[..written_out].iter().map(|t| t.1.clone()), "+");
    if written_out < terms.len() {
        let rest: f64 = terms[written_out..].iter().map(|t| t.0).sum();
        parts.extend([text("+"), factor(rest, None), text(format!("({} more)", terms.len() - written_out))]);
    }
    parts
}

fn strongest(terms: &[(f64, Math)]) -> Option<f64> {
    let strongest = terms.iter().max_by(|a, b| a.0.abs().total_cmp(&b.0.abs()))?;
    (terms.len() > 1).then_some(strongest.0)
}

fn joined(parts: impl IntoIterator<Item = Math>, sign: &str) -> Vec<Math> {
    let mut all = Vec::new();
    for part in parts {
        if !all.is_empty() {
            all.push(text(sign));
        }
        all.push(part);
    }
    all
}

fn sum_over(what: &str) -> Math {
    Math::Sum(Box::new(symbol(what)))
}

fn subscript(unit: usize) -> String {
    (unit + 1).to_string()
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// f(z) as it is written.
fn called(f: Activation, z: Math) -> Math {
    match f {
        Activation::Identity => z,
        Activation::Relu => row([text("max(0,"), z, text(")")]),
        Activation::Sigmoid => row([symbol("σ"), text("("), z, text(")")]),
        other => row([text(other.label().to_lowercase()), text("("), z, text(")")]),
    }
}
