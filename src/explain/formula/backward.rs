//! The error, and the backward pass: where a gradient comes from and what it becomes.

use super::{Explanation, Line, Reader};
use crate::format;
use crate::nn::math::{
    Math, Place, factor, fraction, indexed, number, partial, power, row, subscript, sum_of, sum_over, symbol, text,
};
use crate::nn::{Activation, Link, Loss, Product};

impl Reader<'_> {
    pub(super) fn error(&self) -> Option<Explanation> {
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
                    format::number(p)
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
                format!("The target is {}, and the network says {}.", format::number(t), format::number(p))
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
                    format::number(y),
                    format::number(t),
                    format::number((y - t).abs())
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

    pub(super) fn backward(&self) -> Option<Explanation> {
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
            let single = self.trace.plan.nodes[a].operation.activation().filter(|f| *f != Activation::Softmax);
            match (single, self.grad(a, self.unit)) {
                (Some(f), Some(da)) => {
                    let slope = f.slope_at(self.value(z, self.unit), self.value(a, self.unit));
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
                    words.push(about_slope(f, slope));
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
    pub(super) fn arriving(&self, node: usize, letter: &str) -> Option<(Line, String)> {
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
            if let Some((to, slope)) = self.single_slope(r, node) {
                let g = f64::from(grads[[to, self.sample]]);
                terms.push((g * slope, row([factor(g, self.grad_place(r, to)), text("·"), factor(slope, None)])));
            }
        }
        let names: Vec<String> = through.iter().map(|&id| self.trace.spec.name(id)).collect();
        let nodes = self.trace.plan.nodes.iter().enumerate();
        let readers = nodes.filter(|(_, n)| n.inputs.contains(&node));
        let others = readers.filter(|(r, n)| !n.operation.weighs() && self.single_slope(*r, node).is_none()).count();
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
        } else if self.trace.plan.nodes.iter().any(|n| n.inputs.contains(&node) && n.operation.activation().is_some()) {
            row([partial(symbol("L"), symbol("y")), text("·"), symbol("f"), text("′")])
        } else {
            row([partial(symbol("L"), symbol("y")), text("·"), partial(symbol("y"), symbol(letter))])
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

    /// The derivative of what `reader` makes of this unit of `node` by a function alone: the number of its output, and the slope.
    fn single_slope(&self, reader: usize, node: usize) -> Option<(usize, f64)> {
        let operation = &self.trace.plan.nodes[reader].operation;
        operation.slope(&self.recorded.at(reader, 0), node, self.unit)
    }

    /// The slope of the loss itself.
    pub(super) fn slope_of_loss(&self, index: usize, left: Math, result: f64, place: Option<Place>) -> (Line, String) {
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
    pub(super) fn strongest_gradient(&self, node: usize) -> Option<(Line, String)> {
        let operation = &self.trace.plan.nodes[node].operation;
        let size = |p: &Product| self.trace.gradient[p.weight].abs();
        let chosen = operation.products_into(self.unit).into_iter().max_by(|a, b| size(a).total_cmp(&size(b)))?;
        self.weight_gradient(node, chosen.weight)
    }

    pub(super) fn weight_gradient(&self, node: usize, weight: usize) -> Option<(Line, String)> {
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
    format!("The slope of {} at this sum is {}, which {how}.", f.label(), format::number(slope))
}
