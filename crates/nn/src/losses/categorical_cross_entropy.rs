//! ℓ = ln Σⱼ eᶻʲ − z of the true class, which is −ln of its softmax probability.

use super::binary_cross_entropy::CANCELS;
use super::definition::{Compared, Link, LossDefinition, LossFormula, Predicts, TargetRule, Weighing, sample_loss};
use super::elementwise::{FAINT, prediction_difference};
use crate::activation::Activation;
use crate::kernels::{LANES, dispatch};
use crate::math::{indexed, number, row, text};
use crate::real::Real;
use crate::task::Encoding;
use chainrule_common::format;

pub struct CategoricalCrossEntropy;

impl LossDefinition for CategoricalCrossEntropy {
    fn label(&self) -> &'static str {
        "Cross-entropy"
    }

    fn formula(&self) -> &'static str {
        "L = mean ln Σ exp z − z of the class"
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
        cross_entropy(output, target, grad, weighing.shares, batch)
    }

    fn explain_value(&self, at: &Compared<'_>) -> LossFormula {
        let class = at.true_class();
        let p = at.predictions[class];
        LossFormula {
            symbols: sample_loss([text("−ln"), indexed("p", "class")]),
            numbers: row([text("−ln"), number(p, None)]),
            result: -p.ln(),
            words: format!(
                "The true class is {}, and the network gives it the probability {}. The loss is small only if that is near 1.",
                at.name(class),
                format::number(p)
            ),
        }
    }

    fn explain_slope(&self, at: &Compared<'_>) -> LossFormula {
        LossFormula::slope_over_n(prediction_difference(at), 1.0, at, CANCELS)
    }
}

dispatch! {
    pub(super) fn cross_entropy<T: Real>(z: &[T], target: &[T], grad: &mut [T], shares: &[T], batch: usize) -> f64 => cross_entropy_body
}

/// Stable log-sum-exp: the largest logit of each sample is subtracted first.
#[inline(always)]
fn cross_entropy_body<T: Real, const FMA: bool>(
    z: &[T],
    target: &[T],
    grad: &mut [T],
    shares: &[T],
    batch: usize,
) -> f64 {
    let stride = shares.len();
    let classes = z.len() / stride;
    let mut total = T::ZERO;
    for block in (0..stride).step_by(LANES) {
        let shares = &shares[block..][..LANES];
        let mut top = [T::ZERO; LANES];
        top.copy_from_slice(&z[block..][..LANES]);
        for class in 1..classes {
            for (top, &z) in top.iter_mut().zip(&z[class * stride + block..][..LANES]) {
                *top = top.max(z);
            }
        }
        let (mut sum, mut weight, mut chosen) = ([T::ZERO; LANES], [T::ZERO; LANES], [T::ZERO; LANES]);
        for class in 0..classes {
            let at = class * stride + block;
            for lane in 0..LANES {
                let shifted = z[at + lane] - top[lane];
                let e = shifted.exp::<FMA>();
                grad[at + lane] = e;
                sum[lane] += e;
                weight[lane] += target[at + lane];
                chosen[lane] = T::fma::<FMA>(target[at + lane], shifted, chosen[lane]);
            }
        }
        let mut scale = [T::ZERO; LANES];
        for lane in 0..LANES {
            scale[lane] = shares[lane] * weight[lane] / sum[lane];
        }
        for lane in 0..LANES.min(batch.saturating_sub(block)) {
            total += shares[lane] * (weight[lane] * sum[lane].ln() - chosen[lane]);
        }
        for class in 0..classes {
            let at = class * stride + block;
            for lane in 0..LANES {
                let g = T::fma::<FMA>(grad[at + lane], scale[lane], -(shares[lane] * target[at + lane]));
                grad[at + lane] = g.or_zero_below(FAINT);
            }
        }
    }
    total.to_f64()
}
