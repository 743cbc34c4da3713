//! Layers that compute several things on the way to their output: norms, recurrent cells, attention.

use super::super::math::{Math, fraction, indexed, number, power, row, symbol, text, written};
use super::{Line, Reader, called, factor, subscript, sum_of, sum_over};
use crate::nn::layers::{Cell, OperationPlan};
use crate::nn::{Activation, LayerKind};

impl Reader<'_> {
    /// A number that an operation computes on the way: its name and its place.
    pub(super) fn intermediate(&self, node: usize, name: &str, number: usize) -> Option<f64> {
        let intermediate = self.trace.intermediates[node].iter().find(|i| i.name == name)?;
        intermediate.values.get([number, self.sample]).map(|v| f64::from(*v))
    }

    pub(super) fn inside_shape(&self, node: usize, name: &str) -> Option<&[usize]> {
        self.trace.intermediates[node].iter().find(|i| i.name == name).map(|i| &i.shape[..])
    }

    /// One of the layer's own parameters.
    pub(super) fn own_parameter(&self, name: &str, number: usize) -> Option<(f64, Math)> {
        let own = self.trace.plan.parameters.iter().find(|p| p.layer == self.layer && p.shape.name == name)?;
        let index = own.range.start + number;
        Some((f64::from(*self.trace.before.get(index)?), self.parameter(index)))
    }

    /// Layers that compute several things before their output.
    pub(super) fn inner(&self, node: usize) -> Option<(Vec<Line>, String)> {
        match &self.trace.plan.nodes[node].operation {
            OperationPlan::BatchNorm(_) | OperationPlan::GroupNorm(_) => self.normalised(node),
            OperationPlan::Recurrent(_) => self.remembered(node),
            OperationPlan::Attention(_) => self.attended(node),
            _ => None,
        }
    }

    pub(super) fn normalised(&self, node: usize) -> Option<(Vec<Line>, String)> {
        let plan = &self.trace.plan.nodes[node];
        let channels =
            self.trace.plan.parameters.iter().find(|p| p.layer == self.layer && p.shape.name == "gamma")?.range.len();
        let channel = self.unit / (plan.units / channels);
        let groups = self.inside_shape(node, "mean")?[0];
        let group = channel / (channels / groups);
        let (mean, variance) = (self.intermediate(node, "mean", group)?, self.intermediate(node, "variance", group)?);
        let epsilon = match self.kind()? {
            LayerKind::BatchNorm(spec) => spec.epsilon,
            LayerKind::LayerNorm(spec) => spec.epsilon,
            LayerKind::GroupNorm(spec) => spec.epsilon,
            _ => return None,
        };
        let ((gamma, g), (_, b)) = (self.own_parameter("gamma", channel)?, self.own_parameter("beta", channel)?);
        let input = plan.inputs[0];
        let x = self.value(input, self.unit);
        let deviation = (variance + f64::from(epsilon)).sqrt();
        let normal = (x - mean) / deviation;
        let j = subscript(self.unit);
        let root = Math::Root(Box::new(row([power(symbol("σ"), "2"), text("+"), symbol("ε")])));
        let lines = vec![
            Line {
                symbols: row([
                    indexed("n", j.clone()),
                    text("="),
                    fraction(row([indexed("x", j.clone()), text("−"), symbol("μ")]), root),
                ]),
                numbers: Some(fraction(
                    row([number(x, self.place(input, self.unit)), text("−"), factor(mean, None)]),
                    number(deviation, None),
                )),
                result: normal,
                place: None,
            },
            Line {
                symbols: row([
                    indexed("a", j.clone()),
                    text("="),
                    symbol("γ"),
                    text("·"),
                    indexed("n", j),
                    text("+"),
                    symbol("β"),
                ]),
                numbers: Some(row([g, text("·"), factor(normal, None), text("+"), b])),
                result: self.value(node, self.unit),
                place: Some(self.place(node, self.unit)),
            },
        ];
        let over = match self.kind()? {
            LayerKind::BatchNorm(_) => "of its channel over the mini-batch",
            LayerKind::LayerNorm(_) => "of all values of this row",
            _ => "of its group of channels in this row",
        };
        let words = format!(
            "It takes away the mean {over} ({}) and divides by the deviation ({}); then a learned scale of {} and a learned shift follow.",
            written(mean),
            written(deviation),
            written(gamma)
        );
        Some((lines, words))
    }

    /// One step of a recurrent cell: the one whose state this unit is.
    pub(super) fn remembered(&self, node: usize) -> Option<(Vec<Line>, String)> {
        let LayerKind::Recurrent(spec) = self.kind()? else { return None };
        let &[steps, gates] = self.inside_shape(node, "gates")? else { return None };
        let units = spec.units;
        let unit = self.unit % units;
        let last = if spec.backwards { 0 } else { steps - 1 };
        let step = if spec.sequence { self.unit / units } else { last };
        let first = if spec.backwards { steps - 1 } else { 0 };
        let before = if spec.backwards { step + 1 } else { step.wrapping_sub(1) };
        let earlier =
            |name| if step == first { Some(0.0) } else { self.intermediate(node, name, before * units + unit) };
        let gate = |k: usize| self.intermediate(node, "gates", step * gates + k * units + unit);
        let result = self.value(node, self.unit);
        let place = Some(self.place(node, self.unit));
        let at = |letter: &str, t: &str| indexed(letter, t);
        let line = |symbols: Vec<Math>, numbers: Vec<Math>, result, place| Line {
            symbols: row(symbols),
            numbers: Some(row(numbers)),
            result,
            place,
        };
        // Gates side by side, each with its value.
        let gates_line = |names: &[(&str, usize)], last: (&str, usize)| {
            let mut symbols = Vec::new();
            for &(letter, k) in names {
                symbols.extend([symbol(letter), text("="), number(gate(k)?, None), text(",")]);
            }
            symbols.push(symbol(last.0));
            Some(Line { symbols: row(symbols), numbers: None, result: gate(last.1)?, place: None })
        };
        let where_from = format!("This is step {} of {steps}.", step + 1);
        match spec.cell {
            Cell::Simple => {
                let z = gate(0)?;
                let symbols = row([
                    at("h", "t"),
                    text("="),
                    called(
                        Activation::Tanh,
                        row([
                            symbol("W"),
                            at("x", "t"),
                            text("+"),
                            symbol("U"),
                            at("h", "t−1"),
                            text("+"),
                            symbol("b"),
                        ]),
                    ),
                ]);
                let line = Line { symbols, numbers: Some(called(Activation::Tanh, number(z, None))), result, place };
                Some((
                    vec![line],
                    format!(
                        "{where_from} What comes in now and the state before are weighed together, and tanh bends the sum."
                    ),
                ))
            }
            Cell::Lstm => {
                let (i, f, g, o) = (gate(0)?, gate(1)?, gate(2)?, gate(3)?);
                let (old, memory) = (earlier("memory")?, self.intermediate(node, "memory", step * units + unit)?);
                let lines = vec![
                    gates_line(&[("i", 0), ("f", 1), ("o", 3)], ("g", 2))?,
                    line(
                        vec![
                            at("c", "t"),
                            text("="),
                            symbol("f"),
                            text("·"),
                            at("c", "t−1"),
                            text("+"),
                            symbol("i"),
                            text("·"),
                            symbol("g"),
                        ],
                        vec![
                            factor(f, None),
                            text("·"),
                            factor(old, None),
                            text("+"),
                            factor(i, None),
                            text("·"),
                            factor(g, None),
                        ],
                        memory,
                        None,
                    ),
                    Line {
                        symbols: row([
                            at("h", "t"),
                            text("="),
                            symbol("o"),
                            text("·"),
                            called(Activation::Tanh, at("c", "t")),
                        ]),
                        numbers: Some(row([factor(o, None), text("·"), factor(memory.tanh(), None)])),
                        result,
                        place,
                    },
                ];
                let words = format!(
                    "{where_from} The forget gate keeps {:.0} % of the old memory, the input gate lets {:.0} % of the new in, and the output gate shows {:.0} % of it.",
                    100.0 * f,
                    100.0 * i,
                    100.0 * o
                );
                Some((lines, words))
            }
            Cell::Gru => {
                let (r, z, n) = (gate(0)?, gate(1)?, gate(2)?);
                let old = earlier("state")?;
                let lines = vec![
                    gates_line(&[("r", 0), ("z", 1)], ("n", 2))?,
                    line(
                        vec![
                            at("h", "t"),
                            text("= (1 −"),
                            symbol("z"),
                            text(") ·"),
                            symbol("n"),
                            text("+"),
                            symbol("z"),
                            text("·"),
                            at("h", "t−1"),
                        ],
                        vec![
                            factor(1.0 - z, None),
                            text("·"),
                            factor(n, None),
                            text("+"),
                            factor(z, None),
                            text("·"),
                            factor(old, None),
                        ],
                        result,
                        place,
                    ),
                ];
                let words = format!(
                    "{where_from} The update gate keeps {:.0} % of the old state; the reset gate lets the new one see {:.0} % of it.",
                    100.0 * z,
                    100.0 * r
                );
                Some((lines, words))
            }
        }
    }

    /// What one step of a sequence takes from all others, by the head that this feature belongs to.
    pub(super) fn attended(&self, node: usize) -> Option<(Vec<Line>, String)> {
        let &[heads, steps, depth] = self.inside_shape(node, "values")? else { return None };
        let features = heads * depth;
        let (step, feature) = (self.unit / features, self.unit % features);
        let (head, column) = (feature / depth, feature % depth);
        let weight = |s: usize| self.intermediate(node, "weights", (head * steps + step) * steps + s);
        let mut terms = Vec::new();
        for s in 0..steps {
            let (p, v) = (weight(s)?, self.intermediate(node, "values", (head * steps + s) * depth + column)?);
            terms.push((p * v, row([factor(p, None), text("·"), factor(v, None)])));
        }
        let most = (0..steps).max_by(|&a, &b| weight(a).unwrap_or(0.0).total_cmp(&weight(b).unwrap_or(0.0)))?;
        let mixed = self.intermediate(node, "result", (head * steps + step) * depth + column)?;
        let t = (step + 1).to_string();
        let mut lines = vec![Line {
            symbols: row([
                indexed("o", t.clone()),
                text("="),
                sum_over("s"),
                indexed("p", format!("{t},s")),
                text("·"),
                indexed("v", "s"),
            ]),
            numbers: Some(row(sum_of(&mut terms))),
            result: mixed,
            place: None,
        }];
        let result = self.value(node, self.unit);
        let symbols = row([
            indexed("a", t.clone()),
            text("="),
            indexed("o", t),
            text("·"),
            symbol("W"),
            text("+"),
            symbol("b"),
            text("over all heads"),
        ]);
        lines.push(Line { symbols, numbers: None, result, place: Some(self.place(node, self.unit)) });
        let words = format!(
            "Step {} looks at all {steps} steps with head {}, most at step {} ({:.0} %), and mixes their values by these weights, which softmax makes of how well queries and keys fit.",
            step + 1,
            head + 1,
            most + 1,
            100.0 * weight(most)?
        );
        Some((lines, words))
    }
}
