//! ℓ = max(0, 1 − t y) for targets −1 and +1.

use super::definition::{Compared, Link, LossDefinition, LossFormula, Predicts, TargetRule, Weighing, sample_loss};
use super::elementwise::{by_range, mean};
use crate::activation::Activation;
use crate::math::{factor, row, symbol, text};
use crate::real::Real;
use crate::task::Encoding;
use chainrule_common::format;

pub struct Hinge;

impl LossDefinition for Hinge {
    fn label(&self) -> &'static str {
        "Hinge"
    }

    fn formula(&self) -> &'static str {
        "L = mean max(0, 1 − t y)"
    }

    fn link(&self) -> Link {
        Link::Identity
    }

    fn predicts(&self, _: Encoding) -> Predicts {
        Predicts::Score
    }

    fn takes_values(&self) -> bool {
        false
    }

    fn target_rule(&self) -> Option<TargetRule> {
        None
    }

    fn unit_per_class(&self) -> Encoding {
        Encoding::SignedOneHot
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
            let gap = T::ONE - t * y;
            (gap.max(T::ZERO), if gap > T::ZERO { -t } else { T::ZERO })
        })
    }

    fn explain_value(&self, at: &Compared<'_>) -> LossFormula {
        let (y, t) = (at.output(), at.target());
        let margin = t * y;
        let judged = if margin < 1.0 { "below the margin of 1" } else { "at least the margin of 1, so the loss is 0" };
        LossFormula {
            symbols: sample_loss([text("max(0, 1 −"), symbol("t"), text("·"), symbol("y"), text(")")]),
            numbers: row([text("max(0, 1 −"), factor(t, None), text("·"), factor(y, at.place), text(")")]),
            result: (1.0 - margin).max(0.0),
            words: format!(
                "The output is {}, the target {}: their product is {}, {judged}.",
                format::number(y),
                format::number(t),
                format::number(margin)
            ),
        }
    }

    fn explain_slope(&self, at: &Compared<'_>) -> LossFormula {
        LossFormula::named_slope(self.label(), "output", at)
    }
}
