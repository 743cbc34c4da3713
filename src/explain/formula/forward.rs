//! The forward pass: what a unit computes from its inputs.

use super::super::math::{Math, Place, fraction, indexed, number, row, symbol, text, written};
use super::{Explanation, Line, Reader, called, factor, joined, plural, strongest, subscript, sum_of, sum_over};
use crate::nn::layers::{JoinKind, OperationPlan};
use crate::nn::{Activation, LayerKind, Product};

impl Reader<'_> {
    pub(super) fn forward(&self) -> Explanation {
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
                Some(LayerKind::Input(_)) if self.trace.augmented => {
                    "The pixels of the picture enter the network here, changed at random as this step of training sees them."
                        .to_owned()
                }
                Some(LayerKind::Input(_)) => "The features of the row enter the network here, as they are.".to_owned(),
                _ => "It passes on what comes in; nothing is computed.".to_owned(),
            };
        }
        Explanation { title: self.name(), unit: self.unit, lines, words }
    }

    pub(super) fn forward_node(&self, node: usize) -> (Line, String) {
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

    /// w · x of one product.
    pub(super) fn term(&self, input: usize, p: Product) -> (f64, Math) {
        let (w, x) = (f64::from(self.trace.before[p.weight]), self.value(input, p.input));
        let math = row([self.parameter(p.weight), text("·"), factor(x, self.place(input, p.input))]);
        (w * x, math)
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
