//! ℓ = ln(1 + eᶻ) − t z for targets 0 and 1, which is −ln of the probability σ(z) or 1 − σ(z) of the true class.

use super::definition::{Compared, Link, LossDefinition, LossFormula, Predicts, TargetRule, Weighing, sample_loss};
use super::elementwise::{mean, prediction_difference};
use crate::activation::Activation;
use crate::math::{number, row, symbol, text};
use crate::real::Real;
use crate::task::Encoding;
use chainrule_common::format;

pub struct BinaryCrossEntropy;

impl LossDefinition for BinaryCrossEntropy {
    fn label(&self) -> &'static str {
        "Binary cross-entropy"
    }

    fn formula(&self) -> &'static str {
        "L = mean ln(1 + exp z) − t z"
    }

    fn link(&self) -> Link {
        Link::Sigmoid
    }

    fn predicts(&self, _: Encoding) -> Predicts {
        Predicts::Probability
    }

    fn takes_values(&self) -> bool {
        false
    }

    fn target_rule(&self) -> Option<TargetRule> {
        None
    }

    fn unit_per_class(&self) -> Encoding {
        Encoding::OneHot
    }

    fn single_unit(&self, _: Activation) -> Option<Encoding> {
        Some(Encoding::ZeroOne)
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
        mean(output, target, grad, weighing, batch, |z, t| (z.softplus::<false>() - t * z, z.sigmoid::<false>() - t))
    }

    fn explain_value(&self, at: &Compared<'_>) -> LossFormula {
        let (p, t) = (at.prediction(), at.target());
        let chosen = if t > 0.5 { p } else { 1.0 - p };
        LossFormula {
            symbols: sample_loss([
                text("−"),
                symbol("t"),
                text("ln"),
                symbol("p"),
                text("− (1 −"),
                symbol("t"),
                text(") ln(1 −"),
                symbol("p"),
                text(")"),
            ]),
            numbers: row([text("−ln"), number(chosen, None)]),
            result: -chosen.ln(),
            words: format!("The target is {}, and the network says {}.", format::number(t), format::number(p)),
        }
    }

    fn explain_slope(&self, at: &Compared<'_>) -> LossFormula {
        LossFormula::slope_over_n(prediction_difference(at), at.targets.len() as f64, at, CANCELS)
    }
}

/// Why the slope is so short.
pub(super) const CANCELS: &str =
    "Prediction minus target: the slopes of cross-entropy and of the function before it cancel to this.";
