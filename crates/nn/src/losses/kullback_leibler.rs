//! ℓ = Σ t ln(t / p), p = softmax(z), for targets that are probabilities: cross-entropy less the entropy of the target.

use super::categorical_cross_entropy::cross_entropy;
use super::definition::{Compared, Link, LossDefinition, LossFormula, Predicts, TargetRule, Weighing, sample_loss};
use crate::activation::Activation;
use crate::math::{Math, factor, fraction, indexed, number, row, sum_of, sum_over, text};
use crate::real::Real;
use crate::task::Encoding;
use chainrule_common::format;

pub struct KullbackLeibler;

impl LossDefinition for KullbackLeibler {
    fn label(&self) -> &'static str {
        "KL divergence"
    }

    fn formula(&self) -> &'static str {
        "L = mean Σ t ln(t / p)"
    }

    fn link(&self) -> Link {
        Link::Softmax
    }

    fn predicts(&self, _: Encoding) -> Predicts {
        Predicts::Probability
    }

    fn takes_values(&self) -> bool {
        true
    }

    fn target_rule(&self) -> Option<TargetRule> {
        Some(TargetRule { fits: is_distribution, says: "probabilities, at least 0 and together 1" })
    }

    fn unit_per_class(&self) -> Encoding {
        Encoding::OneHot
    }

    fn single_unit(&self, _: Activation) -> Option<Encoding> {
        None
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
        cross_entropy(output, target, grad, weighing.shares, batch) - entropy(target, weighing.shares, batch)
    }

    fn explain_value(&self, at: &Compared<'_>) -> LossFormula {
        let term = |(&t, &p): (&f64, &f64)| {
            let ratio = row([text("ln"), fraction(number(t, None), number(p, None))]);
            (t * (t / p).ln(), row([factor(t, None), text("·"), ratio]))
        };
        let mut terms: Vec<(f64, Math)> =
            at.targets.iter().zip(&at.predictions).filter(|(t, _)| **t > 0.0).map(term).collect();
        let ratio = fraction(indexed("t", "k"), indexed("p", "k"));
        LossFormula {
            symbols: sample_loss([sum_over("k"), indexed("t", "k"), text("ln"), ratio]),
            result: terms.iter().map(|t| t.0).sum(),
            numbers: row(sum_of(&mut terms)),
            words: format!(
                "The target probability of {} is {}, and the network gives it {}. The loss is 0 only where all probabilities are equal.",
                at.name(at.unit),
                format::number(at.target()),
                format::number(at.prediction())
            ),
        }
    }

    fn explain_slope(&self, at: &Compared<'_>) -> LossFormula {
        LossFormula::named_slope(self.label(), "logit", at)
    }
}

/// Sums of decimal fractions in single precision are off by some rounding errors.
fn is_distribution(targets: &[f32]) -> bool {
    let sum: f64 = targets.iter().map(|&t| f64::from(t)).sum();
    targets.iter().all(|&t| t >= 0.0) && (sum - 1.0).abs() < 1e-3
}

/// −Σ t ln t of every sample, weighted.
fn entropy<T: Real>(target: &[T], shares: &[T], batch: usize) -> f64 {
    let term = |t: T| if t > T::ZERO { t * t.ln() } else { T::ZERO };
    let rows = target.chunks_exact(shares.len());
    -rows.flat_map(|row| row[..batch].iter().zip(shares)).map(|(&t, &share)| term(t) * share).sum::<T>().to_f64()
}
