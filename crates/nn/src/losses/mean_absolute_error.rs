//! ℓ = |y − t|, ∂ℓ/∂y = sign(y − t).

use super::definition::{Compared, Link, LossDefinition, LossFormula, Predicts, TargetRule, Weighing, sample_loss};
use super::elementwise::{by_range, difference, distance, mean, value_or_score};
use crate::activation::Activation;
use crate::math::{row, text};
use crate::real::Real;
use crate::task::Encoding;

pub struct MeanAbsoluteError;

impl LossDefinition for MeanAbsoluteError {
    fn label(&self) -> &'static str {
        "Mean absolute error"
    }

    fn formula(&self) -> &'static str {
        "L = mean |y − t|"
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
            (e.abs(), e.sign())
        })
    }

    fn explain_value(&self, at: &Compared<'_>) -> LossFormula {
        let [symbols, numbers] = difference(at).map(|d| row([text("|"), d, text("|")]));
        let result = (at.output() - at.target()).abs();
        LossFormula { symbols: sample_loss([symbols]), numbers, result, words: distance(at) }
    }

    fn explain_slope(&self, at: &Compared<'_>) -> LossFormula {
        LossFormula::named_slope(self.label(), "output", at)
    }
}
