//! For one unit in one phase: the formula in symbols, the same with the numbers of the trace, the result, and a sentence.

use super::math::{Math, Place, fraction, indexed, number, partial, power, row, symbol, text, written};
use super::{Stop, Trace};
use crate::nn::layers::{Cell, JoinKind, OperationPlan};
use crate::nn::{Activation, LayerId, LayerKind, Link, Loss, Optimizer, Product};
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

    fn forward(&self) -> Explanation {
        let mut lines = Vec::new();
        let mut words = String::new();
        for node in self.nodes() {
            let (own, said) = self.inner(node).unwrap_or_else(|| {
                let (line, said) = self.forward_node(node);
                (vec![line], said)
            });
            lines.extend(own);
            words = if words.is_empty() { said } else { format!("{words} {said}") };
        }
        if lines.is_empty() {
            let node = self.trace.node(self.layer).unwrap_or(0);
            let value = self.value(node, self.unit);
            let place = Place::Activation { layer: self.layer, unit: self.unit };
            let symbols = row([indexed("a", subscript(self.unit)), text("="), indexed("x", subscript(self.unit))]);
            lines.push(Line { symbols, numbers: None, result: value, place: Some(place) });
            words = match self.kind() {
                Some(LayerKind::Input(_)) => "The features of the row enter the network here, as they are.".to_owned(),
                _ => "It passes on what comes in; nothing is computed.".to_owned(),
            };
        }
        Explanation { title: self.name(), unit: self.unit, lines, words }
    }

    fn forward_node(&self, node: usize) -> (Line, String) {
        let plan = &self.trace.plan.nodes[node];
        let j = subscript(self.unit);
        let result = self.value(node, self.unit);
        let place = Some(self.place(node, self.unit));
        let input = plan.inputs.first().copied().unwrap_or(0);
        let out = |letter: &str| indexed(letter, j.clone());
        let line = |symbols, numbers| Line { symbols, numbers, result, place };
        match &plan.operation {
            operation if operation.weighs() => {
                let products = operation.products_into(self.unit);
                let bias = operation.bias_of(self.unit, plan.units);
                let sum = row([sum_over("i"), indexed("w", format!("i,{j}")), text("·"), indexed("x", "i")]);
                let mut symbols = vec![out("z"), text("="), sum];
                let mut terms: Vec<(f64, Math)> = products.iter().map(|p| self.term(input, *p)).collect();
                let strongest = strongest(&terms);
                let mut numbers = sum_of(&mut terms);
                if let Some(bias) = bias {
                    symbols.extend([text("+"), out("b")]);
                    numbers.extend([text("+"), self.parameter(bias)]);
                }
                let count = products.len();
                let words = format!(
                    "It weighs its {count} input{}, adds them up{}: z = {}.{}",
                    plural(count),
                    if bias.is_some() { " and adds its bias" } else { "" },
                    written(result),
                    strongest.map_or_else(String::new, |v| format!(" The strongest product is {}.", written(v)))
                );
                (line(row(symbols), Some(row(numbers))), words)
            }
            OperationPlan::Activation(Activation::Softmax) => {
                let z = self.value(input, self.unit);
                let total: f64 = (0..plan.units).map(|k| self.value(input, k).exp()).sum();
                let e = |of: Math| Math::Above(Box::new(symbol("e")), Box::new(of));
                let symbols =
                    row([out("a"), text("="), fraction(e(out("z")), row([sum_over("k"), e(indexed("z", "k"))]))]);
                let numbers = fraction(e(number(z, self.place(input, self.unit))), number(total, None));
                let words =
                    format!("Softmax makes probabilities of all sums together; this class gets {}.", written(result));
                (line(symbols, Some(numbers)), words)
            }
            OperationPlan::Activation(f) => {
                let z = self.value(input, self.unit);
                let symbols = row([out("a"), text("="), called(*f, out("z"))]);
                let numbers = called(*f, number(z, self.place(input, self.unit)));
                (line(symbols, Some(numbers)), about_activation(*f, z, result, self.slope(*f, node)))
            }
            OperationPlan::Pool(pooling) => {
                let inputs = pooling.under(self.unit);
                let values = inputs.iter().take(9).map(|&i| number(self.value(input, i), self.place(input, i)));
                let mut list = joined(values, ",");
                if inputs.len() > 9 {
                    list.push(text(format!(", {} more", inputs.len() - 9)));
                }
                let name = if pooling.average { "mean" } else { "max" };
                let numbers = row([text(name), text("("), row(list), text(")")]);
                let symbols = row([out("a"), text("="), text(name), text("over the window of"), symbol("x")]);
                let words = if pooling.average {
                    format!("It keeps the mean of the {} values under its window.", inputs.len())
                } else {
                    format!("It keeps the largest of the {} values under its window.", inputs.len())
                };
                (line(symbols, Some(numbers)), words)
            }
            OperationPlan::Dropout { rate, .. } => {
                let x = self.value(input, self.unit);
                let kept = result != 0.0 || x == 0.0;
                let share = 1.0 / (1.0 - f64::from(*rate));
                let symbols =
                    row([out("a"), text("="), out("m"), text("·"), out("x"), text("/ (1 −"), symbol("p"), text(")")]);
                let mask = if kept { share } else { 0.0 };
                let numbers = row([number(mask, None), text("·"), factor(x, self.place(input, self.unit))]);
                let words = if kept {
                    format!(
                        "This unit was kept in this step, and is made larger by {} to make up for those that were not.",
                        written(share)
                    )
                } else {
                    "This unit was switched off by chance in this step: nothing flows through it, forward or backward."
                        .to_owned()
                };
                (line(symbols, Some(numbers)), words)
            }
            OperationPlan::Rows(map) => {
                let from = map[self.unit] as usize;
                let x = self.value(input, from);
                let symbols = row([out("a"), text("="), indexed("x", subscript(from))]);
                (
                    line(symbols, Some(number(x, self.place(input, from)))),
                    "It passes this number on in another order; nothing is computed.".to_owned(),
                )
            }
            OperationPlan::Join(kind) if *kind != JoinKind::Concatenate => {
                let sign = match kind {
                    JoinKind::Add | JoinKind::Concatenate => "+",
                    JoinKind::Subtract => "−",
                    JoinKind::Multiply => "·",
                };
                let values = plan.inputs.iter().map(|&n| factor(self.value(n, self.unit), self.place(n, self.unit)));
                let letters = (0..plan.inputs.len()).map(|k| indexed("x", subscript(k)));
                let symbols = row([out("a"), text("="), row(joined(letters, sign))]);
                (line(symbols, Some(row(joined(values, sign)))), "Branches meet here, unit by unit.".to_owned())
            }
            OperationPlan::Prelu { slope } => {
                let x = self.value(input, self.unit);
                let index = slope.start + self.unit / (plan.units / slope.len().max(1)).max(1);
                let symbols =
                    row([out("a"), text("="), out("x"), text("if positive, else"), symbol("s"), text("·"), out("x")]);
                let own = factor(x, self.place(input, self.unit));
                let numbers = if x > 0.0 { own } else { row([self.parameter(index), text("·"), own]) };
                (line(symbols, Some(numbers)), "Negative sums are made smaller by a slope that is learned.".to_owned())
            }
            OperationPlan::Noise { .. } | OperationPlan::Position { .. } => {
                let x = self.value(input, self.unit);
                let noise = matches!(plan.operation, OperationPlan::Noise { .. });
                let symbols = row([out("a"), text("="), out("x"), text("+"), out(if noise { "n" } else { "p" })]);
                let numbers = row([number(x, self.place(input, self.unit)), text("+"), factor(result - x, None)]);
                let words = if noise {
                    "A random number is added, another one in every step, so that nothing can rely on exact values."
                } else {
                    "A number that tells where in the sequence this is gets added, so that order is not lost."
                };
                (line(symbols, Some(numbers)), words.to_owned())
            }
            OperationPlan::Embed { weight, dimensions } => {
                let (place, column) = (self.unit / dimensions, self.unit % dimensions);
                let category = self.value(input, place).round().max(0.0) as usize;
                let index = (weight.start + category * dimensions + column).min(weight.end - 1);
                let symbols = row([out("a"), text("="), indexed("w", format!("{},{}", category + 1, column + 1))]);
                let words = format!(
                    "Category {category} has a row of {dimensions} learned numbers; this is number {} of it.",
                    column + 1
                );
                (line(symbols, Some(self.parameter(index))), words)
            }
            OperationPlan::Join(_) => {
                let mut unit = self.unit;
                let mut from = input;
                for &n in &plan.inputs {
                    from = n;
                    let units = self.trace.plan.nodes[n].units;
                    if unit < units {
                        break;
                    }
                    unit -= units;
                }
                let symbols = row([out("a"), text("="), indexed("x", subscript(unit))]);
                let x = self.value(from, unit);
                (
                    line(symbols, Some(number(x, self.place(from, unit)))),
                    "Branches are laid one behind the other; nothing is computed.".to_owned(),
                )
            }
            _ => {
                let info = self.kind().map(LayerKind::info);
                let formula = info.map_or("a = f(x)", |i| i.formula);
                (line(text(formula), None), info.map_or_else(String::new, |i| i.description.to_owned()))
            }
        }
    }

    /// A number that an operation computes on the way: its name and its place.
    fn inside(&self, node: usize, name: &str, number: usize) -> Option<f64> {
        let inside = self.trace.inside[node].iter().find(|i| i.name == name)?;
        inside.values.get([number, self.sample]).map(|v| f64::from(*v))
    }

    fn inside_shape(&self, node: usize, name: &str) -> Option<&[usize]> {
        self.trace.inside[node].iter().find(|i| i.name == name).map(|i| &i.shape[..])
    }

    /// One of the layer's own parameters.
    fn own_parameter(&self, name: &str, number: usize) -> Option<(f64, Math)> {
        let own = self.trace.plan.parameters.iter().find(|p| p.layer == self.layer && p.shape.name == name)?;
        let index = own.range.start + number;
        Some((f64::from(*self.trace.before.get(index)?), self.parameter(index)))
    }

    /// Layers that compute several things before their output.
    fn inner(&self, node: usize) -> Option<(Vec<Line>, String)> {
        match &self.trace.plan.nodes[node].operation {
            OperationPlan::BatchNorm(_) | OperationPlan::GroupNorm(_) => self.normalised(node),
            OperationPlan::Recurrent(_) => self.remembered(node),
            OperationPlan::Attention(_) => self.attended(node),
            _ => None,
        }
    }

    fn normalised(&self, node: usize) -> Option<(Vec<Line>, String)> {
        let plan = &self.trace.plan.nodes[node];
        let channels =
            self.trace.plan.parameters.iter().find(|p| p.layer == self.layer && p.shape.name == "gamma")?.range.len();
        let channel = self.unit / (plan.units / channels);
        let groups = self.inside_shape(node, "mean")?[0];
        let group = channel / (channels / groups);
        let (mean, variance) = (self.inside(node, "mean", group)?, self.inside(node, "variance", group)?);
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
    fn remembered(&self, node: usize) -> Option<(Vec<Line>, String)> {
        let LayerKind::Recurrent(spec) = self.kind()? else { return None };
        let &[steps, gates] = self.inside_shape(node, "gates")? else { return None };
        let units = spec.units;
        let unit = self.unit % units;
        let last = if spec.backwards { 0 } else { steps - 1 };
        let step = if spec.sequence { self.unit / units } else { last };
        let first = if spec.backwards { steps - 1 } else { 0 };
        let before = if spec.backwards { step + 1 } else { step.wrapping_sub(1) };
        let earlier = |name| if step == first { Some(0.0) } else { self.inside(node, name, before * units + unit) };
        let gate = |k: usize| self.inside(node, "gates", step * gates + k * units + unit);
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
                let (old, memory) = (earlier("memory")?, self.inside(node, "memory", step * units + unit)?);
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
    fn attended(&self, node: usize) -> Option<(Vec<Line>, String)> {
        let &[heads, steps, depth] = self.inside_shape(node, "values")? else { return None };
        let features = heads * depth;
        let (step, feature) = (self.unit / features, self.unit % features);
        let (head, column) = (feature / depth, feature % depth);
        let weight = |s: usize| self.inside(node, "weights", (head * steps + step) * steps + s);
        let mut terms = Vec::new();
        for s in 0..steps {
            let (p, v) = (weight(s)?, self.inside(node, "values", (head * steps + s) * depth + column)?);
            terms.push((p * v, row([factor(p, None), text("·"), factor(v, None)])));
        }
        let most = (0..steps).max_by(|&a, &b| weight(a).unwrap_or(0.0).total_cmp(&weight(b).unwrap_or(0.0)))?;
        let mixed = self.inside(node, "result", (head * steps + step) * depth + column)?;
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

    /// w · x of one product.
    fn term(&self, input: usize, p: Product) -> (f64, Math) {
        let (w, x) = (f64::from(self.trace.before[p.weight]), self.value(input, p.input));
        let math = row([self.parameter(p.weight), text("·"), factor(x, self.place(input, p.input))]);
        (w * x, math)
    }

    /// f′ of an activation node at this unit.
    fn slope(&self, f: Activation, node: usize) -> f64 {
        let input = self.trace.plan.nodes[node].inputs[0];
        f.slope_at(self.value(input, self.unit), self.value(node, self.unit))
    }

    fn error(&self) -> Option<Explanation> {
        let index = self.trace.head_of(self.layer)?;
        let (head, own) = (&self.trace.plan.heads[index], &self.trace.heads[index]);
        let s = self.sample;
        let outputs = own.target.nrows();
        let value = |k: usize| f64::from(self.trace.values[head.node][[k, s]]);
        let target = |k: usize| f64::from(own.target[[k, s]]);
        let predicted = |k: usize| f64::from(own.prediction[[k, s]]);
        let k = self.unit.min(outputs - 1);
        let y_place = self.place(head.node, k);
        let mut lines = Vec::new();
        let line = |symbols, numbers, result| Line { symbols, numbers: Some(numbers), result, place: None };
        let words = match head.loss {
            Loss::CategoricalCrossEntropy => {
                let class = (0..outputs).max_by(|&a, &b| target(a).total_cmp(&target(b))).unwrap_or(0);
                let p = predicted(class);
                let symbols = row([symbol("ℓ"), text("= −ln"), indexed("p", "class")]);
                lines.push(line(symbols, row([text("−ln"), number(p, None)]), -p.ln()));
                format!(
                    "The true class is {}, and the network gives it the probability {}. The error is small only if that is near 1.",
                    own.names.get(class).map_or("unknown", String::as_str),
                    written(p)
                )
            }
            Loss::BinaryCrossEntropy => {
                let (p, t) = (predicted(k), target(k));
                let symbols = row([
                    symbol("ℓ"),
                    text("= −"),
                    symbol("t"),
                    text("ln"),
                    symbol("p"),
                    text("− (1 −"),
                    symbol("t"),
                    text(") ln(1 −"),
                    symbol("p"),
                    text(")"),
                ]);
                let chosen = if t > 0.5 { p } else { 1.0 - p };
                lines.push(line(symbols, row([text("−ln"), number(chosen, None)]), -chosen.ln()));
                format!("The target is {}, and the network says {}.", written(t), written(p))
            }
            loss => {
                let (y, t) = (value(k), target(k));
                let difference = row([number(y, y_place), text("−"), factor(t, None)]);
                let letters = row([symbol("y"), text("−"), symbol("t")]);
                match loss {
                    Loss::MeanSquaredError => {
                        let bracket = |of| row([text("("), of, text(")")]);
                        let symbols = row([symbol("ℓ"), text("="), power(bracket(letters), "2")]);
                        lines.push(line(symbols, power(bracket(difference), "2"), (y - t) * (y - t)));
                    }
                    Loss::MeanAbsoluteError => {
                        let symbols = row([symbol("ℓ"), text("= |"), letters, text("|")]);
                        lines.push(line(symbols, row([text("|"), difference, text("|")]), (y - t).abs()));
                    }
                    Loss::Hinge => {
                        let symbols =
                            row([symbol("ℓ"), text("= max(0, 1 −"), symbol("t"), text("·"), symbol("y"), text(")")]);
                        let numbers =
                            row([text("max(0, 1 −"), factor(t, None), text("·"), factor(y, y_place), text(")")]);
                        lines.push(line(symbols, numbers, (1.0 - t * y).max(0.0)));
                    }
                    _ => {}
                }
                let side = if y > t { "above" } else { "below" };
                format!(
                    "The output is {}, the target {}: it lies {side} by {}.",
                    written(y),
                    written(t),
                    written((y - t).abs())
                )
            }
        };
        let mean = row([symbol("L"), text("="), text(&head.loss.formula()[4..])]);
        let n = self.trace.rows.len();
        lines.push(Line { symbols: mean, numbers: None, result: self.trace.loss, place: Some(Place::Loss) });
        let over = if n == 1 { String::new() } else { format!(" L is the mean over the {n} rows of the mini-batch.") };
        Some(Explanation {
            title: format!("{}: {}", self.trace.spec.name(self.layer), head.loss.label().to_lowercase()),
            unit: k,
            lines,
            words: words + &over,
        })
    }

    fn backward(&self) -> Option<Explanation> {
        let &(z, a) = self.trace.plan.layer_nodes.get(&self.layer)?;
        let j = subscript(self.unit);
        let mut lines = Vec::new();
        let mut words = Vec::new();
        if self.grad(a, self.unit).is_some() {
            let letter = if z == a && self.trace.plan.nodes[a].operation.weighs() { "z" } else { "a" };
            let (line, said) = self.arriving(a, letter)?;
            lines.push(line);
            words.push(said);
        }
        if z != a
            && let Some(dz) = self.grad(z, self.unit)
        {
            match (&self.trace.plan.nodes[a].operation, self.grad(a, self.unit)) {
                (OperationPlan::Activation(f), Some(da)) if *f != Activation::Softmax => {
                    let slope = self.slope(*f, a);
                    let of = |letter: &str| indexed(letter, j.clone());
                    let l = || symbol("L");
                    let symbols = row([
                        partial(l(), of("z")),
                        text("="),
                        partial(l(), of("a")),
                        text("·"),
                        row([symbol("f"), text("′("), of("z"), text(")")]),
                    ]);
                    let numbers = row([factor(da, self.grad_place(a, self.unit)), text("·"), factor(slope, None)]);
                    lines.push(Line {
                        symbols,
                        numbers: Some(numbers),
                        result: dz,
                        place: Some(self.grad_place(z, self.unit)),
                    });
                    words.push(about_slope(*f, slope));
                }
                _ => {
                    let (line, said) = self.arriving(z, "z")?;
                    lines.push(line);
                    words.push(said);
                }
            }
        }
        if let Some((line, said)) = self.strongest_gradient(z) {
            lines.push(line);
            words.push(said);
        }
        if lines.is_empty() {
            return None;
        }
        Some(Explanation { title: self.name(), unit: self.unit, lines, words: words.join(" ") })
    }

    /// Where ∂L/∂(output of a node) comes from.
    fn arriving(&self, node: usize, letter: &str) -> Option<(Line, String)> {
        let result = self.grad(node, self.unit)?;
        let own = indexed(letter, subscript(self.unit));
        let left = row([partial(symbol("L"), own), text("=")]);
        let place = Some(self.grad_place(node, self.unit));
        let head = self.trace.plan.heads.iter().position(|h| h.node == node);
        let mut readers = self.trace.plan.nodes.iter().enumerate().filter(|(_, n)| n.inputs.contains(&node));
        let read = readers.any(|(r, _)| self.trace.grads[r].is_some());
        if let Some(head) = head.filter(|_| !read) {
            return Some(self.slope_of_loss(head, left, result, place));
        }
        let mut terms = Vec::new();
        let mut through = Vec::new();
        for (r, reader) in self.trace.plan.nodes.iter().enumerate().filter(|(_, n)| n.inputs.contains(&node)) {
            let Some(grads) = &self.trace.grads[r] else { continue };
            through.push(reader.layer);
            for p in reader.operation.products_from(self.unit) {
                let (w, g) = (f64::from(self.trace.before[p.weight]), f64::from(grads[[p.output, self.sample]]));
                let weight = factor(w, Place::Parameter { layer: reader.layer, index: p.weight });
                terms.push((w * g, row([weight, text("·"), factor(g, self.grad_place(r, p.output))])));
            }
            if let OperationPlan::Activation(f) = reader.operation {
                let (z, a) = (self.value(node, self.unit), self.value(r, self.unit));
                let (g, slope) = (f64::from(grads[[self.unit, self.sample]]), f.slope_at(z, a));
                terms
                    .push((g * slope, row([factor(g, self.grad_place(r, self.unit)), text("·"), factor(slope, None)])));
            }
        }
        let names: Vec<String> = through.iter().map(|&id| self.trace.spec.name(id)).collect();
        let explained =
            |operation: &OperationPlan| operation.weighs() || matches!(operation, OperationPlan::Activation(_));
        let others =
            self.trace.plan.nodes.iter().filter(|n| n.inputs.contains(&node) && !explained(&n.operation)).count();
        if !terms.is_empty() && (others > 0 || head.is_some()) {
            // What comes back another way: past the layer, or from the loss itself.
            let rest = result - terms.iter().map(|t| t.0).sum::<f64>();
            terms.push((rest, factor(rest, None)));
        }
        let weighed =
            terms.len() > 1 || self.trace.plan.nodes.iter().any(|n| n.inputs.contains(&node) && n.operation.weighs());
        if terms.is_empty() {
            let symbols = row([left, text(format!("what comes back through {}", names.join(" and ")))]);
            let words = format!("The gradient comes back through {}.", names.join(" and "));
            return Some((Line { symbols, numbers: None, result, place }, words));
        }
        let count = terms.len();
        let right = if weighed {
            row([
                sum_over("k"),
                indexed("w", format!("{},k", subscript(self.unit))),
                text("·"),
                partial(symbol("L"), indexed("z", "k")),
            ])
        } else {
            row([partial(symbol("L"), symbol("y")), text("·"), symbol("f"), text("′")])
        };
        let numbers = row(sum_of(&mut terms));
        let names = names.join(" and ");
        let words = match count {
            1 => format!("Only one number of {names} depends on it, and sends its gradient back."),
            n => format!(
                "{n} numbers of {names} depend on it; each sends its gradient back along the weight between them."
            ),
        };
        Some((Line { symbols: row([left, right]), numbers: Some(numbers), result, place }, words))
    }

    /// The slope of the loss itself.
    fn slope_of_loss(&self, index: usize, left: Math, result: f64, place: Option<Place>) -> (Line, String) {
        let (head, own) = (&self.trace.plan.heads[index], &self.trace.heads[index]);
        let (k, s) = (self.unit, self.sample);
        let (y, t, p) = (self.value(head.node, k), f64::from(own.target[[k, s]]), f64::from(own.prediction[[k, s]]));
        let outputs = own.target.nrows() as f64;
        let share = f64::from(own.shares[s]) * f64::from(head.weight);
        let difference = |letter: &str, value: f64, place| {
            (row([symbol(letter), text("−"), symbol("t")]), row([number(value, place), text("−"), factor(t, None)]))
        };
        let y_place = Some(self.place(head.node, k));
        // How many numbers the mean is taken over.
        let n = match head.loss {
            Loss::MeanSquaredError | Loss::BinaryCrossEntropy => outputs / share,
            _ => 1.0 / share,
        };
        // Shares are single numbers: ten tenths are not quite one.
        let n = if (n - n.round()).abs() < 1e-4 * n.abs() { n.round() } else { n };
        let (symbols, numbers, words) = match head.loss {
            Loss::MeanSquaredError => {
                let (letters, values) = difference("y", y, y_place);
                let top = |of| row([text("2 ("), of, text(")")]);
                (
                    fraction(top(letters), symbol("n")),
                    fraction(top(values), number(n, None)),
                    "Twice the distance from the target: the further off, the stronger the pull.",
                )
            }
            Loss::BinaryCrossEntropy | Loss::CategoricalCrossEntropy => {
                let (letters, values) = difference("p", p, None);
                (
                    fraction(letters, symbol("n")),
                    fraction(values, number(n, None)),
                    "Prediction minus target: the slopes of cross-entropy and of the function before it cancel to this.",
                )
            }
            loss => {
                let words = match loss.link() {
                    Link::Identity => "The slope of the loss at this output.",
                    _ => "The slope of the loss at this logit.",
                };
                (text(format!("slope of the {} loss", loss.label().to_lowercase())), number(result, None), words)
            }
        };
        (Line { symbols: row([left, symbols]), numbers: Some(numbers), result, place }, words.to_owned())
    }

    /// The gradient of this unit's weight that is largest.
    fn strongest_gradient(&self, node: usize) -> Option<(Line, String)> {
        let operation = &self.trace.plan.nodes[node].operation;
        let size = |p: &Product| self.trace.gradient[p.weight].abs();
        let chosen = operation.products_into(self.unit).into_iter().max_by(|a, b| size(a).total_cmp(&size(b)))?;
        self.weight_gradient(node, chosen.weight)
    }

    fn weight_gradient(&self, node: usize, weight: usize) -> Option<(Line, String)> {
        let plan = &self.trace.plan.nodes[node];
        let input = plan.inputs[0];
        let products = plan.operation.products_of(weight, plan.units);
        let grads = self.trace.grads[node].as_ref()?;
        let samples = self.trace.rows.len();
        let result = f64::from(self.trace.gradient[weight]);
        let first = products.iter().find(|p| p.output == self.unit)?;
        let mut terms: Vec<(f64, Math)> = Vec::new();
        for p in &products {
            for s in 0..samples {
                let (g, x) = (f64::from(grads[[p.output, s]]), f64::from(self.trace.values[input][[p.input, s]]));
                let here = s == self.sample;
                let places = here.then(|| (self.grad_place(node, p.output), self.place(input, p.input)));
                let (of_g, of_x) = places.unzip();
                terms.push((g * x, row([factor(g, of_g), text("·"), factor(x, of_x)])));
            }
        }
        let count = terms.len();
        let letters = indexed("w", format!("{},{}", first.input + 1, first.output + 1));
        let mut symbols = vec![partial(symbol("L"), letters), text("=")];
        if count > 1 {
            symbols.push(sum_over(if products.len() > 1 { "places" } else { "rows" }));
        }
        symbols.extend([
            partial(symbol("L"), indexed("z", subscript(self.unit))),
            text("·"),
            indexed("x", subscript(first.input)),
        ]);
        let numbers = row(sum_of(&mut terms));
        let words = if count == 1 {
            "A weight's gradient is what comes back to its unit, times what goes in through it.".to_owned()
        } else {
            format!("A weight's gradient gathers {count} products: what comes back, times what goes in.")
        };
        let place = Some(Place::ParameterGradient { layer: self.layer, index: weight });
        Some((Line { symbols: row(symbols), numbers: Some(numbers), result, place }, words))
    }

    fn update(&self) -> Option<Explanation> {
        let node = self.trace.plan.layer_nodes.get(&self.layer)?.0;
        let size = |p: &usize| self.trace.gradient[*p].abs();
        let products = self.trace.plan.nodes[node].operation.products_into(self.unit);
        let mut own: Vec<usize> = products.iter().map(|p| p.weight).collect();
        if own.is_empty() {
            let parameters = self.trace.plan.parameters.iter().filter(|p| p.layer == self.layer);
            own = parameters.flat_map(|p| p.range.clone()).collect();
        }
        let index = own.into_iter().max_by(|a, b| size(a).total_cmp(&size(b)))?;
        Some(step_of(self.trace, index))
    }
}

/// The update of one parameter, given by its place in the flat vector.
///
/// # Panics
/// If there is no such parameter: the caller's bug.
pub fn step_of(trace: &Trace<f32>, index: usize) -> Explanation {
    let of = |values: &[f32]| f64::from(values.get(index).copied().unwrap_or_default());
    let parameter = trace.plan.parameters.iter().find(|p| p.range.contains(&index)).expect("is a parameter");
    let layer = parameter.layer;
    let (w, g, after) = (of(&trace.before), of(&trace.taken), of(&trace.after));
    let group = trace.plan.groups.iter().find(|group| group.range.contains(&index));
    let rate = f64::from(trace.rule.learning_rate) * group.map_or(0.0, |group| f64::from(group.rate));
    let [old, new] = &trace.state;
    let (w_place, g_place) = (Place::Parameter { layer, index }, Place::ParameterGradient { layer, index });
    let eta = || symbol("η");
    let mut lines = Vec::new();
    let mut line = |symbols: Math, numbers: Math, result: f64, place| {
        lines.push(Line { symbols, numbers: Some(numbers), result, place });
    };
    let left = |letter: &str| row([symbol(letter), text("←")]);
    let weighted = |share: f64, old: f64, other: f64, with: Math| {
        row([number(share, None), text("·"), factor(old, None), text("+"), number(other, None), text("·"), with])
    };
    match trace.rule.optimizer {
        Optimizer::Sgd {} => {}
        Optimizer::Momentum { momentum } | Optimizer::Nesterov { momentum } => {
            let symbols = row([left("v"), symbol("μ"), text("·"), symbol("v"), text("+"), symbol("g")]);
            let numbers = row([
                number(f64::from(momentum), None),
                text("·"),
                factor(of(&old[0]), None),
                text("+"),
                factor(g, g_place),
            ]);
            line(symbols, numbers, of(&new[0]), None);
        }
        Optimizer::Adam { beta1, beta2, .. } | Optimizer::AdamW { beta1, beta2, .. } => {
            let one = |letter: &'static str, beta: &'static str, g: Math| {
                row([left(letter), symbol(beta), text("·"), symbol(letter), text("+ (1 −"), symbol(beta), text(")"), g])
            };
            let (b1, b2) = (f64::from(beta1), f64::from(beta2));
            line(
                one("m", "β₁", symbol("g")),
                weighted(b1, of(&old[0]), 1.0 - b1, factor(g, g_place)),
                of(&new[0]),
                None,
            );
            line(
                one("v", "β₂", power(symbol("g"), "2")),
                weighted(b2, of(&old[1]), 1.0 - b2, power(factor(g, g_place), "2")),
                of(&new[1]),
                None,
            );
        }
        _ if !new[0].is_empty() => {
            line(text("running average of the optimizer"), number(of(&old[0]), None), of(&new[0]), None);
        }
        _ => {}
    }
    let step = after - w;
    match trace.rule.optimizer {
        Optimizer::Sgd {} => {
            let symbols = row([left("w"), symbol("w"), text("−"), eta(), text("·"), symbol("g")]);
            let numbers = row([number(w, w_place), text("−"), number(rate, None), text("·"), factor(g, g_place)]);
            line(symbols, numbers, after, Some(Place::Updated { layer, index }));
        }
        Optimizer::Momentum { .. } => {
            let symbols = row([left("w"), symbol("w"), text("−"), eta(), text("·"), symbol("v")]);
            let numbers =
                row([number(w, w_place), text("−"), number(rate, None), text("·"), factor(of(&new[0]), None)]);
            line(symbols, numbers, after, Some(Place::Updated { layer, index }));
        }
        Optimizer::Adam { beta1, beta2, .. } => {
            let t = (trace.steps + 1) as f64;
            let m = of(&new[0]) / (1.0 - f64::from(beta1).powf(t));
            let v = of(&new[1]) / (1.0 - f64::from(beta2).powf(t));
            let symbols = row([
                left("w"),
                symbol("w"),
                text("−"),
                eta(),
                text("·"),
                fraction(symbol("m̂"), row([Math::Root(Box::new(symbol("v̂"))), text("+"), symbol("ε")])),
            ]);
            let numbers = row([
                number(w, w_place),
                text("−"),
                number(rate, None),
                text("·"),
                fraction(number(m, None), number(v.sqrt(), None)),
            ]);
            line(symbols, numbers, after, Some(Place::Updated { layer, index }));
        }
        other => {
            let numbers = row([number(w, w_place), text(if step < 0.0 { "−" } else { "+" }), number(step.abs(), None)]);
            line(text(other.formula()), numbers, after, Some(Place::Updated { layer, index }));
        }
    }
    let words = if g == 0.0 && step == 0.0 {
        "Its gradient is zero: this weight does not matter for these rows, and stays.".to_owned()
    } else {
        let (slope, way) = if g > 0.0 { ("rises", "down") } else { ("falls", "up") };
        let way = if step == 0.0 {
            "nowhere"
        } else if (step < 0.0) == (g > 0.0) {
            way
        } else {
            "the other way, by what the optimizer remembers of earlier steps"
        };
        format!(
            "The loss {slope} as this weight grows, so the optimizer moves it {way}: from {} to {}.",
            written(w),
            written(after)
        )
    };
    let title = parameter_name(trace, index);
    Explanation { title, unit: 0, lines, words }
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

fn about_activation(f: Activation, z: f64, a: f64, slope: f64) -> String {
    let a = written(a);
    match f {
        Activation::Identity => "It is passed on as it is.".to_owned(),
        Activation::Relu if z > 0.0 => "The sum is positive, so ReLU lets it through.".to_owned(),
        Activation::Relu => {
            "The sum is not positive, so ReLU puts out nothing, and no gradient will come back.".to_owned()
        }
        _ if slope.abs() < 0.05 => {
            format!("{} makes {a} of it: it is saturated, so little gradient will come back.", f.label())
        }
        _ => format!("{} makes {a} of it.", f.label()),
    }
}

fn about_slope(f: Activation, slope: f64) -> String {
    let size = slope.abs();
    let how = if size == 0.0 {
        "stops the gradient here"
    } else if size < 0.05 {
        "lets almost nothing through: the unit is saturated"
    } else if size < 0.5 {
        "lets less than half of it through"
    } else {
        "lets most of it through"
    };
    format!("The slope of {} at this sum is {}, which {how}.", f.label(), written(slope))
}
