//! ℓ = −(1 − p)^γ ln p of the true class, p = softmax(z): cross-entropy in which samples that are classified correctly count
//! less (Lin et al. 2017).

use super::definition::{Compared, Link, LossDefinition, LossFormula, Predicts, TargetRule, Weighing, sample_loss};
use super::elementwise::FAINT;
use crate::activation::Activation;
use crate::kernels::dispatch;
use crate::math::{Math, indexed, number, row, symbol, text};
use crate::real::Real;
use crate::task::Encoding;
use chainrule_common::format;

pub struct Focal;

impl LossDefinition for Focal {
    fn label(&self) -> &'static str {
        "Focal"
    }

    fn formula(&self) -> &'static str {
        "L = mean −(1 − p)^γ ln p of the class"
    }

    fn link(&self) -> Link {
        Link::Softmax
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
        None
    }

    fn has_focus(&self) -> bool {
        true
    }

    fn evaluate<T: Real>(
        &self,
        output: &[T],
        target: &[T],
        grad: &mut [T],
        weighing: Weighing<'_, T>,
        batch: usize,
    ) -> f64 {
        focal(output, target, grad, weighing.shares, weighing.focus, batch)
    }

    fn explain_value(&self, at: &Compared<'_>) -> LossFormula {
        let class = at.true_class();
        let p = at.predictions[class];
        let weight = (1.0 - p).powf(at.focus);
        let raised =
            |of: Math, exponent: Math| Math::Above(Box::new(row([text("(1 −"), of, text(")")])), Box::new(exponent));
        let of_class = || indexed("p", "class");
        LossFormula {
            symbols: sample_loss([text("−"), raised(of_class(), symbol("γ")), text("ln"), of_class()]),
            numbers: row([text("−"), raised(number(p, None), number(at.focus, None)), text("ln"), number(p, None)]),
            result: -weight * p.ln(),
            words: format!(
                "The true class is {}, and the network gives it the probability {}. Its cross-entropy counts {} times: the surer the network is of the true class, the less.",
                at.name(class),
                format::number(p),
                format::number(weight)
            ),
        }
    }

    fn explain_slope(&self, at: &Compared<'_>) -> LossFormula {
        LossFormula::named_slope(self.label(), "logit", at)
    }
}

dispatch! {
    fn focal<T: Real>(z: &[T], target: &[T], grad: &mut [T], shares: &[T], focus: T, batch: usize) -> f64 => focal_body
}

/// L = Σ t (1 − p)^γ (−ln p); with q = p ∂L/∂p, ∂L/∂zⱼ = qⱼ − pⱼ Σ q.
#[inline(always)]
fn focal_body<T: Real, const FMA: bool>(
    z: &[T],
    target: &[T],
    grad: &mut [T],
    shares: &[T],
    focus: T,
    batch: usize,
) -> f64 {
    let stride = shares.len();
    let classes = z.len() / stride;
    let least = T::from_f64(f64::from(f32::MIN_POSITIVE));
    let mut total = T::ZERO;
    for (column, &share) in shares.iter().enumerate() {
        let at = |class: usize| class * stride + column;
        let top = (1..classes).fold(z[at(0)], |top, class| top.max(z[at(class)]));
        let sum: T = (0..classes).map(|class| (z[at(class)] - top).exp::<FMA>()).sum();
        let log = |class: usize| z[at(class)] - top - sum.ln();
        let mut all = T::ZERO;
        for class in 0..classes {
            let (t, log) = (target[at(class)], log(class));
            let p = log.exp::<FMA>();
            // 1 − p without cancelling.
            let rest = (-log.exp_m1::<FMA>()).max(least);
            let softened = (focus * rest.ln()).exp::<FMA>();
            let q = t * softened * (focus * p / rest * log - T::ONE);
            if column < batch {
                total += share * -(t * softened * log);
            }
            grad[at(class)] = q;
            all += q;
        }
        for class in 0..classes {
            let p = log(class).exp::<FMA>();
            grad[at(class)] = (share * (grad[at(class)] - p * all)).or_zero_below(FAINT);
        }
    }
    total.to_f64()
}
