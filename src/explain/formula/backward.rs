//! The error, and the backward pass: where a gradient comes from and what it becomes.

use super::{Explanation, Line, Reader};
use crate::format;
use crate::nn::losses::{Compared, LossFormula};
use crate::nn::math::{Math, Place, factor, indexed, partial, row, subscript, sum_of, sum_over, symbol, text};
use crate::nn::{Activation, Product, Recorded as _, Role};
use ndarray::Array2;

impl Reader<'_> {
    pub(super) fn error(&self) -> Option<Explanation> {
        let index = self.trace.head_of(self.layer)?;
        let head = &self.trace.plan.heads[index];
        let at = self.compared(index);
        let LossFormula { symbols, numbers, result, words } = head.loss.definition().explain_value(&at);
        let mean = row([symbol("L"), text("="), text(head.loss.formula().trim_start_matches("L = "))]);
        let lines = vec![
            Line { symbols, numbers: Some(numbers), result, place: None },
            Line { symbols: mean, numbers: None, result: self.trace.loss, place: Some(Place::Loss) },
        ];
        let n = self.trace.rows.len();
        let over = if n == 1 { String::new() } else { format!(" L is the mean over the {n} rows of the mini-batch.") };
        Some(Explanation {
            title: format!("{}: {}", self.trace.spec.name(self.layer), head.loss.label().to_lowercase()),
            unit: at.unit,
            lines,
            words: words + &over,
        })
    }

    /// This sample at a head, as its loss sees it.
    fn compared(&self, index: usize) -> Compared<'_> {
        let (head, own) = (&self.trace.plan.heads[index], &self.trace.heads[index]);
        let s = self.sample;
        let unit = self.unit.min(own.target.nrows() - 1);
        let column = |values: &Array2<f32>| values.column(s).iter().map(|v| f64::from(*v)).collect();
        Compared {
            outputs: column(&self.trace.values[head.node]),
            targets: column(&own.target),
            predictions: column(&own.prediction),
            unit,
            place: Some(self.place(head.node, unit)),
            names: &own.names,
            focus: f64::from(head.focus),
            share: f64::from(own.shares[s]) * f64::from(head.weight),
            slope: self.grad(head.node, unit).unwrap_or(0.0),
        }
    }

    pub(super) fn backward(&self) -> Option<Explanation> {
        let &(z, a) = self.trace.plan.layer_nodes.get(&self.layer)?;
        let mut lines = Vec::new();
        let mut words = Vec::new();
        if self.grad(a, self.unit).is_some() {
            let (line, said) = self.arriving(a)?;
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
                    let of = |node: usize| self.trace.letter_of(node, self.unit);
                    let l = || symbol("L");
                    let symbols = row([
                        partial(l(), of(z)),
                        text("="),
                        partial(l(), of(a)),
                        text("·"),
                        row([symbol("f"), text("′("), of(z), text(")")]),
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
                    let (line, said) = self.arriving(z)?;
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
    pub(super) fn arriving(&self, node: usize) -> Option<(Line, String)> {
        let result = self.grad(node, self.unit)?;
        let own = self.trace.letter_of(node, self.unit);
        let left = row([partial(symbol("L"), own.clone()), text("=")]);
        let place = Some(self.grad_place(node, self.unit));
        let head = self.trace.plan.heads.iter().position(|h| h.node == node);
        let mut readers = self.trace.plan.nodes.iter().enumerate().filter(|(_, n)| n.inputs.contains(&node));
        let read = readers.any(|(r, _)| self.trace.grads[r].is_some());
        if let Some(head) = head.filter(|_| !read) {
            let slope = self.trace.plan.heads[head].loss.definition().explain_slope(&self.compared(head));
            let line = Line { symbols: row([left, slope.symbols]), numbers: Some(slope.numbers), result, place };
            return Some((line, slope.words));
        }
        let mut terms = Vec::new();
        let mut through = Vec::new();
        let mut along = None;
        let mut weighing = None;
        let mut single = None;
        for (r, reader) in self.trace.plan.nodes.iter().enumerate().filter(|(_, n)| n.inputs.contains(&node)) {
            let Some(grads) = &self.trace.grads[r] else { continue };
            through.push(reader.layer);
            for p in reader.operation.products_from(self.unit) {
                let (w, g) = (f64::from(self.trace.before[p.weight]), f64::from(grads[[p.output, self.sample]]));
                along = along.or(Some(p.weight));
                weighing = weighing.or(Some(r));
                let weight = factor(w, Place::Parameter { layer: reader.layer, index: p.weight });
                terms.push((w * g, row([weight, text("·"), factor(g, self.grad_place(r, p.output))])));
            }
            if let Some((to, slope)) = self.single_slope(r, node) {
                let g = f64::from(grads[[to, self.sample]]);
                single = single.or_else(|| Some(self.trace.letter_of(r, to)));
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
            // What comes out and the places of a kernel are summed over; what goes in is this unit.
            let summed = [Role::Output, Role::Kernel];
            let tensor = along.and_then(|weight| self.recorded.tensor(weight));
            let (weight, letters) = tensor.map_or_else(
                || (indexed("w", format!("{},k", subscript(self.unit))), "k".to_owned()),
                |(shape, at)| (shape.symbol_over(at, &summed), shape.letters(&summed)),
            );
            let sum = weighing.map_or_else(|| indexed("z", letters.clone()), |r| self.trace.letter(r, letters.clone()));
            row([sum_over(&letters), weight, text("·"), partial(symbol("L"), sum)])
        } else if self.trace.plan.nodes.iter().any(|n| n.inputs.contains(&node) && n.operation.activation().is_some()) {
            let to = single.unwrap_or_else(|| symbol("y"));
            row([partial(symbol("L"), to), text("·"), symbol("f"), text("′")])
        } else {
            let to = single.unwrap_or_else(|| symbol("y"));
            row([partial(symbol("L"), to.clone()), text("·"), partial(to, own)])
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
        let mut symbols = vec![partial(symbol("L"), self.recorded.at(node, 0).parameter_symbol(weight)), text("=")];
        if count > 1 {
            symbols.push(sum_over(if products.len() > 1 { "places" } else { "rows" }));
        }
        symbols.extend([
            partial(symbol("L"), self.trace.letter_of(node, self.unit)),
            text("·"),
            self.trace.letter_of(input, first.input),
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
