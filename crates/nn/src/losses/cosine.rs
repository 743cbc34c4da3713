//! ℓ = 1 − y·t / (|y| |t|): the angle between output and target, whatever their lengths.

use super::definition::{Compared, Link, LossDefinition, LossFormula, Predicts, TargetRule, Weighing, sample_loss};
use crate::activation::Activation;
use crate::math::{fraction, number, row, symbol, text};
use crate::real::Real;
use crate::task::Encoding;
use chainrule_common::format;

pub struct Cosine;

impl LossDefinition for Cosine {
    fn label(&self) -> &'static str {
        "Cosine"
    }

    fn formula(&self) -> &'static str {
        "L = mean 1 − cos(y, t)"
    }

    fn link(&self) -> Link {
        Link::Identity
    }

    fn predicts(&self, encoding: Encoding) -> Predicts {
        if encoding == Encoding::Values { Predicts::Direction } else { Predicts::Score }
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
        cosine(output, target, grad, weighing.shares, batch)
    }

    fn explain_value(&self, at: &Compared<'_>) -> LossFormula {
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let length = |a: &[f64]| dot(a, a).sqrt().max(LEAST);
        let (product, y, t) = (dot(&at.outputs, &at.targets), length(&at.outputs), length(&at.targets));
        let cosine = product / (y * t);
        LossFormula {
            symbols: sample_loss([
                text("1 −"),
                fraction(
                    row([symbol("y"), text("·"), symbol("t")]),
                    row([text("|"), symbol("y"), text("| |"), symbol("t"), text("|")]),
                ),
            ]),
            numbers: row([
                number(1.0, None),
                text("−"),
                fraction(number(product, None), row([number(y, None), text("·"), number(t, None)])),
            ]),
            result: 1.0 - cosine,
            words: format!(
                "The cosine of the angle between output and target is {}. The loss is 0 where they point the same way.",
                format::number(cosine)
            ),
        }
    }

    fn explain_slope(&self, at: &Compared<'_>) -> LossFormula {
        LossFormula::named_slope(self.label(), "output", at)
    }
}

/// Lengths are at least this, as in PyTorch.
const LEAST: f64 = 1e-8;

/// ∂L/∂y = −(t / (|y| |t|) − cos · y / |y|²).
fn cosine<T: Real>(y: &[T], target: &[T], grad: &mut [T], shares: &[T], batch: usize) -> f64 {
    let stride = shares.len();
    let outputs = y.len() / stride;
    let least = T::from_f64(LEAST);
    let mut total = T::ZERO;
    grad.fill(T::ZERO);
    for (column, &share) in shares[..batch].iter().enumerate() {
        let at = |k: usize| k * stride + column;
        let dot = |a: &[T], b: &[T]| (0..outputs).map(|k| a[at(k)] * b[at(k)]).sum::<T>();
        let (long, wide) = (dot(y, y).sqrt().max(least), dot(target, target).sqrt().max(least));
        let cosine = dot(y, target) / (long * wide);
        total += share * (T::ONE - cosine);
        for k in 0..outputs {
            let slope = cosine * y[at(k)] / (long * long) - target[at(k)] / (long * wide);
            grad[at(k)] = share * slope;
        }
    }
    total.to_f64()
}
