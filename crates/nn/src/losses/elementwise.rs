//! Losses that are a mean of a function of single outputs: the loop, and the words for a distance from the target.

use super::definition::{Compared, Predicts, Weighing};
use crate::activation::Activation;
use crate::math::{Math, factor, number, row, symbol, text};
use crate::real::Real;
use crate::task::Encoding;
use chainrule_common::format;

/// Smaller gradients of f32 are rounding errors beside those that matter. Further down the network they would become
/// denormal numbers, with which processors are a hundred times slower.
pub(super) const FAINT: f32 = 1e-20;

/// Mean of `f(output, target) = (value, slope)` over outputs and samples; the slopes become `grad`.
#[inline(always)]
pub(super) fn mean<T: Real>(
    output: &[T],
    target: &[T],
    grad: &mut [T],
    Weighing { shares, .. }: Weighing<'_, T>,
    batch: usize,
    f: impl Fn(T, T) -> (T, T),
) -> f64 {
    let stride = shares.len();
    let count = T::from_f64(stride as f64 / output.len() as f64);
    let mut sum = T::ZERO;
    for ((output, target), grad) in
        output.chunks_exact(stride).zip(target.chunks_exact(stride)).zip(grad.chunks_exact_mut(stride))
    {
        for (((&y, &t), &share), g) in output[..batch].iter().zip(target).zip(shares).zip(&mut *grad) {
            let (value, slope) = f(y, t);
            let share = share * count;
            sum += value * share;
            *g = (slope * share).or_zero_below(FAINT);
        }
        grad[batch..].fill(T::ZERO);
    }
    sum.to_f64()
}

/// Encoding of two classes by one unit of a loss that takes both signs: 0 and 1 after a sigmoid, else −1 and +1.
pub(super) fn by_range(activation: Activation) -> Encoding {
    if activation == Activation::Sigmoid { Encoding::ZeroOne } else { Encoding::Signed }
}

/// What a distance from the target makes of the output: the target's value, or a score where it stands for a class.
pub(super) fn value_or_score(encoding: Encoding) -> Predicts {
    if encoding == Encoding::Values { Predicts::Value } else { Predicts::Score }
}

/// y − t in letters and in numbers.
pub(super) fn difference(at: &Compared<'_>) -> [Math; 2] {
    [
        row([symbol("y"), text("−"), symbol("t")]),
        row([number(at.output(), at.place), text("−"), factor(at.target(), None)]),
    ]
}

/// p − t in letters and in numbers.
pub(super) fn prediction_difference(at: &Compared<'_>) -> [Math; 2] {
    [
        row([symbol("p"), text("−"), symbol("t")]),
        row([number(at.prediction(), None), text("−"), factor(at.target(), None)]),
    ]
}

/// How far an output is from its target.
pub(super) fn distance(at: &Compared<'_>) -> String {
    let (y, t) = (at.output(), at.target());
    let side = match y.partial_cmp(&t) {
        Some(std::cmp::Ordering::Greater) => format!("too high by {}", format::number(y - t)),
        Some(std::cmp::Ordering::Less) => format!("too low by {}", format::number(t - y)),
        Some(std::cmp::Ordering::Equal) => "exactly right".to_owned(),
        None => "not comparable".to_owned(),
    };
    format!("The output is {}, the target {}: it is {side}.", format::number(y), format::number(t))
}
