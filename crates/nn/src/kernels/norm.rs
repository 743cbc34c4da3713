//! Normalisation x̂ = (x − mean) / √(variance + ε), a = γ x̂ + β, of tensors `[channels, values, stride]`, batch last.
//!
//! Batch normalisation (Ioffe & Szegedy 2015) takes one channel over the whole mini-batch: its sums skip the padding columns.
//! Layer and group normalisation (Ba et al. 2016, Wu & He 2018) take some channels of one sample: padding columns are
//! normalised like samples, and add nothing to the gradients of γ and β because their own gradients are zero.

use super::{LANES, dispatch, lane_sum};
use crate::real::Real;

/// Mean and variance (of the population) of one channel over its values and the mini-batch.
pub(crate) fn moments<T: Real>(x: &[T], stride: usize, batch: usize) -> (T, T) {
    let share = T::from_f64(1.0 / (x.len() / stride * batch) as f64);
    let mean = total(x, stride, batch) * share;
    (mean, products(x, mean, x, mean, stride, batch) * share)
}

/// Σ g and Σ g · (x − mean) over the values of one channel and the mini-batch.
pub(crate) fn gradient_sums<T: Real>(x: &[T], grad: &[T], mean: T, stride: usize, batch: usize) -> (T, T) {
    // The mean is subtracted first: Σ g x − mean Σ g would lose digits by cancellation.
    (total(grad, stride, batch), products(grad, T::ZERO, x, mean, stride, batch))
}

dispatch! {
    /// Σ x without the padding columns.
    fn total<T: Real>(x: &[T], stride: usize, batch: usize) -> T => total_body
}

#[inline(always)]
fn total_body<T: Real, const FMA: bool>(x: &[T], stride: usize, batch: usize) -> T {
    let mut lanes = [T::ZERO; LANES];
    for x in x.chunks_exact(stride) {
        for x in x[..batch].chunks(LANES) {
            lanes.iter_mut().zip(x).for_each(|(lane, &x)| *lane += x);
        }
    }
    lane_sum(lanes)
}

dispatch! {
    /// Σ (a − from_a)(b − from_b) without the padding columns.
    fn products<T: Real>(a: &[T], from_a: T, b: &[T], from_b: T, stride: usize, batch: usize) -> T => products_body
}

#[inline(always)]
fn products_body<T: Real, const FMA: bool>(a: &[T], from_a: T, b: &[T], from_b: T, stride: usize, batch: usize) -> T {
    let mut lanes = [T::ZERO; LANES];
    for (a, b) in a.chunks_exact(stride).zip(b.chunks_exact(stride)) {
        for (a, b) in a[..batch].chunks(LANES).zip(b[..batch].chunks(LANES)) {
            for ((lane, &a), &b) in lanes.iter_mut().zip(a).zip(b) {
                *lane += (a - from_a) * (b - from_b);
            }
        }
    }
    lane_sum(lanes)
}

dispatch! {
    /// a = scale · x + shift.
    pub(crate) fn apply<T: Real>(x: &[T], a: &mut [T], scale: T, shift: T) => apply_body
}

#[inline(always)]
fn apply_body<T: Real, const FMA: bool>(x: &[T], a: &mut [T], scale: T, shift: T) {
    a.iter_mut().zip(x).for_each(|(a, &x)| *a = x * scale + shift);
}

dispatch! {
    /// ∂L/∂x = scale · (g − mean of g − x̂ · mean of g x̂), added to what `grad_x` held if `accumulate`; the padding columns become
    /// zero, or keep what they held.
    ///
    /// `mean_grad` is the mean of g, `tilt` the mean of g (x − mean) divided by the variance + ε; both are zero where mean and
    /// variance do not depend on x.
    pub(crate) fn backward<T: Real>(x: &[T], grad: &[T], grad_x: &mut [T], mean: T, scale: T, mean_grad: T, tilt: T, stride: usize, batch: usize, accumulate: bool) => backward_body
}

#[inline(always)]
fn backward_body<T: Real, const FMA: bool>(
    x: &[T],
    grad: &[T],
    grad_x: &mut [T],
    mean: T,
    scale: T,
    mean_grad: T,
    tilt: T,
    stride: usize,
    batch: usize,
    accumulate: bool,
) {
    for ((x, g), out) in x.chunks_exact(stride).zip(grad.chunks_exact(stride)).zip(grad_x.chunks_exact_mut(stride)) {
        for ((out, &x), &g) in out[..batch].iter_mut().zip(x).zip(g) {
            let gradient = scale * (g - mean_grad - (x - mean) * tilt);
            *out = if accumulate { *out + gradient } else { gradient };
        }
        if !accumulate {
            out[batch..].fill(T::ZERO);
        }
    }
}

/// The shape of channels that are normalised together for each sample.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group {
    /// Values in a channel.
    pub values: usize,
    pub stride: usize,
}

dispatch! {
    /// a = γ x̂ + β over one group for each sample; writes the mean and `rate` = 1/√(variance + ε) of each sample.
    pub(crate) fn group<T: Real>(g: Group, x: &[T], gamma: &[T], beta: &[T], a: &mut [T], mean: &mut [T], rate: &mut [T], epsilon: T) => group_body
}

#[inline(always)]
fn group_body<T: Real, const FMA: bool>(
    g: Group,
    x: &[T],
    gamma: &[T],
    beta: &[T],
    a: &mut [T],
    mean: &mut [T],
    rate: &mut [T],
    epsilon: T,
) {
    let rows = x.len() / g.stride;
    let share = T::from_f64(1.0 / rows as f64);
    for block in (0..g.stride).step_by(LANES) {
        let mut sum = [T::ZERO; LANES];
        for row in 0..rows {
            let x = &x[row * g.stride + block..][..LANES];
            sum.iter_mut().zip(x).for_each(|(s, &x)| *s += x);
        }
        let mean = &mut mean[block..][..LANES];
        mean.iter_mut().zip(&sum).for_each(|(m, &s)| *m = s * share);
        let mut square = [T::ZERO; LANES];
        for row in 0..rows {
            let x = &x[row * g.stride + block..][..LANES];
            for lane in 0..LANES {
                let from = x[lane] - mean[lane];
                square[lane] = T::fma::<FMA>(from, from, square[lane]);
            }
        }
        let rate = &mut rate[block..][..LANES];
        rate.iter_mut().zip(&square).for_each(|(r, &s)| *r = T::ONE / (s * share + epsilon).sqrt());
        for row in 0..rows {
            let (gamma, beta) = (gamma[row / g.values], beta[row / g.values]);
            let at = row * g.stride + block;
            for lane in 0..LANES {
                a[at + lane] = T::fma::<FMA>((x[at + lane] - mean[lane]) * rate[lane], gamma, beta);
            }
        }
    }
}

dispatch! {
    /// ∂L/∂γ and ∂L/∂β of the channels of one group, summed over their values and all columns; both overwrite, or are added
    /// if `accumulate`.
    pub(crate) fn group_backward_params<T: Real>(g: Group, x: &[T], grad: &[T], mean: &[T], rate: &[T], grad_gamma: &mut [T], grad_beta: &mut [T], accumulate: bool) => group_backward_params_body
}

#[inline(always)]
fn group_backward_params_body<T: Real, const FMA: bool>(
    g: Group,
    x: &[T],
    grad: &[T],
    mean: &[T],
    rate: &[T],
    grad_gamma: &mut [T],
    grad_beta: &mut [T],
    accumulate: bool,
) {
    let length = g.values * g.stride;
    for (channel, (gamma, beta)) in grad_gamma.iter_mut().zip(grad_beta).enumerate() {
        let (x, grad) = (&x[channel * length..][..length], &grad[channel * length..][..length]);
        let (mut gamma_sum, mut beta_sum) = ([T::ZERO; LANES], [T::ZERO; LANES]);
        for at in (0..length).step_by(LANES) {
            let block = at % g.stride;
            let (mean, rate) = (&mean[block..][..LANES], &rate[block..][..LANES]);
            for lane in 0..LANES {
                let normal = (x[at + lane] - mean[lane]) * rate[lane];
                gamma_sum[lane] = T::fma::<FMA>(grad[at + lane], normal, gamma_sum[lane]);
                beta_sum[lane] += grad[at + lane];
            }
        }
        let (of_gamma, of_beta) = (lane_sum(gamma_sum), lane_sum(beta_sum));
        (*gamma, *beta) = if accumulate { (*gamma + of_gamma, *beta + of_beta) } else { (of_gamma, of_beta) };
    }
}

dispatch! {
    /// ∂L/∂x = rate · (γ g − mean of γ g − x̂ · mean of γ g x̂) over one group for each sample.
    pub(crate) fn group_backward<T: Real>(g: Group, x: &[T], grad: &[T], mean: &[T], rate: &[T], gamma: &[T], grad_x: &mut [T], accumulate: bool) => group_backward_body
}

#[inline(always)]
fn group_backward_body<T: Real, const FMA: bool>(
    g: Group,
    x: &[T],
    grad: &[T],
    mean: &[T],
    rate: &[T],
    gamma: &[T],
    grad_x: &mut [T],
    accumulate: bool,
) {
    let rows = x.len() / g.stride;
    let share = T::from_f64(1.0 / rows as f64);
    for block in (0..g.stride).step_by(LANES) {
        let (mean, rate) = (&mean[block..][..LANES], &rate[block..][..LANES]);
        let (mut sum, mut product) = ([T::ZERO; LANES], [T::ZERO; LANES]);
        for row in 0..rows {
            let (at, gamma) = (row * g.stride + block, gamma[row / g.values]);
            for lane in 0..LANES {
                let grad = gamma * grad[at + lane];
                sum[lane] += grad;
                product[lane] = T::fma::<FMA>(grad, (x[at + lane] - mean[lane]) * rate[lane], product[lane]);
            }
        }
        for row in 0..rows {
            let (at, gamma) = (row * g.stride + block, gamma[row / g.values]);
            for lane in 0..LANES {
                let normal = (x[at + lane] - mean[lane]) * rate[lane];
                let gradient = rate[lane] * (gamma * grad[at + lane] - (sum[lane] + normal * product[lane]) * share);
                grad_x[at + lane] = if accumulate { grad_x[at + lane] + gradient } else { gradient };
            }
        }
    }
}
