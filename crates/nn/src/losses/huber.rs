//! ℓ = ½ (y − t)² where |y − t| < 1, else |y − t| − ½: squared near the target, absolute far from it (Huber 1964).

use super::definition::{Compared, Link, LossDefinition, LossFormula, Predicts, TargetRule, Weighing, sample_loss};
use super::elementwise::{by_range, difference, distance, mean, value_or_score};
use crate::activation::Activation;
use crate::math::{power, row, text};
use crate::real::Real;
use crate::task::Encoding;

pub struct Huber;

impl LossDefinition for Huber {
    fn label(&self) -> &'static str {
        "Huber"
    }

    fn formula(&self) -> &'static str {
        "L = mean ½(y − t)², linear beyond 1"
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
            let half = T::from_f64(0.5);
            if e.abs() < T::ONE { (half * e * e, e) } else { (e.abs() - half, e.sign()) }
        })
    }

    fn explain_value(&self, at: &Compared<'_>) -> LossFormula {
        let size = (at.output() - at.target()).abs();
        let near = size < 1.0;
        let [symbols, numbers] = difference(at).map(|d| {
            if near {
                row([text("½"), power(row([text("("), d, text(")")]), "2")])
            } else {
                row([text("|"), d, text("| − ½")])
            }
        });
        let result = if near { 0.5 * size * size } else { size - 0.5 };
        let which =
            if near { "within 1, where the loss is squared" } else { "1 or more, where the loss grows linearly" };
        let words = format!("{} That is {which}.", distance(at));
        LossFormula { symbols: sample_loss([symbols]), numbers, result, words }
    }

    fn explain_slope(&self, at: &Compared<'_>) -> LossFormula {
        LossFormula::named_slope(self.label(), "output", at)
    }
}
