//! Batch normalisation (Ioffe & Szegedy 2015): x̂ = (x − mean) / √(variance + ε), a = γ x̂ + β, by channel.
//!
//! A tensor is `[channels, values, stride]`, batch last; the padding columns take no part in means.

use super::LANES;
use super::dispatch;
use super::matrix::lane_sum;
use crate::nn::real::Real;

/// Mean and variance (of the population) of one channel over its values and the mini-batch.
pub fn moments<T: Real>(x: &[T], stride: usize, batch: usize) -> (T, T) {
    let count = T::from_f64(1.0 / (x.len() / stride * batch) as f64);
    let mean = sum_of(x, x, T::ZERO, stride, batch, false) * count;
    (mean, sum_of(x, x, mean, stride, batch, true) * count)
}

dispatch! {
    /// Σ x, or Σ (x − shift)(y − shift) if `product`, over the samples that are there.
    fn sum_of<T: Real>(x: &[T], y: &[T], shift: T, stride: usize, batch: usize, product: bool) -> T => sum_of_body
}

#[inline(always)]
fn sum_of_body<T: Real, const FMA: bool>(x: &[T], y: &[T], shift: T, stride: usize, batch: usize, product: bool) -> T {
    let mut lanes = [T::ZERO; LANES];
    for (x, y) in x.chunks_exact(stride).zip(y.chunks_exact(stride)) {
        for (block, (x, y)) in x.chunks_exact(LANES).zip(y.chunks_exact(LANES)).enumerate() {
            let left = batch.saturating_sub(block * LANES).min(LANES);
            for lane in 0..left {
                let value = if product { (x[lane] - shift) * (y[lane] - shift) } else { x[lane] };
                lanes[lane] += value;
            }
        }
    }
    lane_sum(lanes)
}

/// a = scale · x + shift.
pub fn apply<T: Real>(x: &[T], a: &mut [T], scale: T, shift: T) {
    a.iter_mut().zip(x).for_each(|(a, &x)| *a = x * scale + shift);
}

/// Σ g and Σ g · (x − mean) over the samples that are there.
pub fn slopes<T: Real>(x: &[T], grad: &[T], mean: T, stride: usize, batch: usize) -> (T, T) {
    let total = sum_of(grad, grad, T::ZERO, stride, batch, false);
    // Σ g (x − mean) = Σ g x − mean Σ g would cancel; the shift is taken first.
    let mut lanes = [T::ZERO; LANES];
    for (x, g) in x.chunks_exact(stride).zip(grad.chunks_exact(stride)) {
        for sample in 0..batch {
            lanes[sample % LANES] += g[sample] * (x[sample] - mean);
        }
    }
    (total, lane_sum(lanes))
}

/// ∂L/∂x = scale · (g − mean of g − x̂ · mean of g x̂) in training; zero in the padding columns.
///
/// `level` is the mean of g, `tilt` the mean of g (x − mean) divided by the variance.
pub fn backward<T: Real>(
    x: &[T],
    grad: &[T],
    grad_x: &mut [T],
    (mean, scale, level, tilt): (T, T, T, T),
    stride: usize,
    batch: usize,
    accumulate: bool,
) {
    for ((x, g), out) in x.chunks_exact(stride).zip(grad.chunks_exact(stride)).zip(grad_x.chunks_exact_mut(stride)) {
        for sample in 0..batch {
            let slope = scale * (g[sample] - level - (x[sample] - mean) * tilt);
            out[sample] = if accumulate { out[sample] + slope } else { slope };
        }
        if !accumulate {
            out[batch..].fill(T::ZERO);
        }
    }
}
