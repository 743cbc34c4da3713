//! ℓ = (y − t)², ∂ℓ/∂y = 2 (y − t).

use super::definition::{Compared, Link, LossDefinition, LossFormula, Predicts, TargetRule, Weighing, sample_loss};
use super::elementwise::{by_range, difference, distance, mean, value_or_score};
use crate::activation::Activation;
use crate::math::{Math, power, row, text};
use crate::real::Real;
use crate::task::Encoding;

pub struct MeanSquaredError;

impl LossDefinition for MeanSquaredError {
    fn label(&self) -> &'static str {
        "Mean squared error"
    }

    fn formula(&self) -> &'static str {
        "L = mean (y − t)²"
    }

    fn link(&self) -> Link {
        Link::Identity
    }

    fn predicts(&self, encoding: Encoding) -> Predicts {
        value_or_score(encoding)
    }

    fn takes_values(&self) -> bool {
        true
    }

    fn target_rule(&self) -> Option<TargetRule> {
        None
    }

    fn unit_per_class(&self) -> Encoding {
        Encoding::OneHot
    }

    fn single_unit(&self, activation: Activation) -> Option<Encoding> {
        Some(by_range(activation))
    }

    fn has_focus(&self) -> bool {
        false
    }

    fn evaluate<T: Real>(
        &self,
        output: &[T],
        target: &[T],
        grad: &mut [T],
        weighing: Weighing<'_, T>,
        batch: usize,
    ) -> f64 {
        mean(output, target, grad, weighing, batch, |y, t| {
            let e = y - t;
            (e * e, e + e)
        })
    }

    fn explain_value(&self, at: &Compared<'_>) -> LossFormula {
        let [symbols, numbers] = difference(at).map(|d| power(bracket(d), "2"));
        let e = at.output() - at.target();
        LossFormula { symbols: sample_loss([symbols]), numbers, result: e * e, words: distance(at) }
    }

    fn explain_slope(&self, at: &Compared<'_>) -> LossFormula {
        let words = "Twice the distance from the target: the further off, the larger the gradient.";
        let top = difference(at).map(|d| row([text("2 ("), d, text(")")]));
        LossFormula::slope_over_n(top, at.targets.len() as f64, at, words)
    }
}

fn bracket(of: Math) -> Math {
    row([text("("), of, text(")")])
}
