//! The update: what the optimizer makes of a gradient.

use super::super::Trace;
use super::{Explanation, Line, Reader, parameter_name};
use crate::format;
use crate::nn::Optimizer;
use crate::nn::math::{Math, Place, factor, fraction, number, power, row, symbol, text};

impl Reader<'_> {
    pub(super) fn update(&self) -> Option<Explanation> {
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
fn step_of(trace: &Trace<f32>, index: usize) -> Explanation {
    let of = |values: &[f32]| f64::from(values.get(index).copied().unwrap_or_default());
    let parameter = trace.parameter(index).expect("is a parameter");
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
        Optimizer::Adam { beta1, beta2, epsilon } | Optimizer::AdamW { beta1, beta2, epsilon, .. } => {
            let mut corrected = |letter: &str, of: &'static str, beta: &'static str, decay: f32, moment: f64| {
                let left_over = 1.0 - f64::from(decay).powf((trace.steps + 1) as f64);
                let symbols = row([
                    symbol(letter),
                    text("="),
                    fraction(symbol(of), row([text("1 −"), power(symbol(beta), "t")])),
                ]);
                line(symbols, fraction(number(moment, None), number(left_over, None)), moment / left_over, None);
                moment / left_over
            };
            let m = corrected("m̂", "m", "β₁", beta1, of(&new[0]));
            let v = corrected("v̂", "v", "β₂", beta2, of(&new[1]));
            let decay = match trace.rule.optimizer {
                Optimizer::AdamW { weight_decay, .. } if group.is_some_and(|g| g.decayed) => {
                    Some(rate * f64::from(weight_decay))
                }
                _ => None,
            };
            let root = |of: Math| Math::Root(Box::new(of));
            let (mut symbols, mut numbers) = (vec![left("w")], Vec::new());
            if let Some(decay) = decay {
                symbols.extend([text("(1 −"), eta(), text("·"), symbol("λ"), text(") ·")]);
                numbers.extend([number(1.0 - decay, None), text("·")]);
            }
            symbols.extend([
                symbol("w"),
                text("−"),
                eta(),
                text("·"),
                fraction(symbol("m̂"), row([root(symbol("v̂")), text("+"), symbol("ε")])),
            ]);
            numbers.extend([
                factor(w, w_place),
                text("−"),
                number(rate, None),
                text("·"),
                fraction(number(m, None), row([root(number(v, None)), text("+"), number(f64::from(epsilon), None)])),
            ]);
            line(row(symbols), row(numbers), after, Some(Place::Updated { layer, index }));
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
        let (from, to) = (format::number(w), format::number(after));
        let moved = if step == 0.0 {
            format!("it stays {from}")
        } else if from == to {
            format!("from {from} by {}", format::number(step.abs()))
        } else {
            format!("from {from} to {to}")
        };
        format!("The loss {slope} as this weight grows, so the optimizer moves it {way}: {moved}.")
    };
    let title = parameter_name(trace, index);
    Explanation { title, unit: 0, lines, words }
}
