//! One pass over parameters, gradients and running averages for each update rule.

use super::{LANES, dispatch, lane_sum};
use crate::real::Real;

dispatch! { pub(crate) fn sgd<T: Real>(params: &mut [T], grads: &[T], lr: T) => sgd_body }

#[inline(always)]
fn sgd_body<T: Real, const FMA: bool>(params: &mut [T], grads: &[T], lr: T) {
    for (w, &g) in params.iter_mut().zip(grads) {
        *w = T::fma::<FMA>(-lr, g, *w);
    }
}

dispatch! { pub(crate) fn momentum<T: Real>(params: &mut [T], grads: &[T], velocity: &mut [T], lr: T, mu: T) => momentum_body }

#[inline(always)]
fn momentum_body<T: Real, const FMA: bool>(params: &mut [T], grads: &[T], velocity: &mut [T], lr: T, mu: T) {
    for ((w, &g), v) in params.iter_mut().zip(grads).zip(velocity) {
        *v = T::fma::<FMA>(mu, *v, g);
        *w = T::fma::<FMA>(-lr, *v, *w);
    }
}

dispatch! { pub(crate) fn nesterov<T: Real>(params: &mut [T], grads: &[T], velocity: &mut [T], lr: T, mu: T) => nesterov_body }

#[inline(always)]
fn nesterov_body<T: Real, const FMA: bool>(params: &mut [T], grads: &[T], velocity: &mut [T], lr: T, mu: T) {
    for ((w, &g), v) in params.iter_mut().zip(grads).zip(velocity) {
        *v = T::fma::<FMA>(mu, *v, g);
        *w = T::fma::<FMA>(-lr, T::fma::<FMA>(mu, *v, g), *w);
    }
}

dispatch! { pub(crate) fn rmsprop<T: Real>(params: &mut [T], grads: &[T], square: &mut [T], lr: T, decay: T, epsilon: T) => rmsprop_body }

#[inline(always)]
fn rmsprop_body<T: Real, const FMA: bool>(
    params: &mut [T],
    grads: &[T],
    square: &mut [T],
    lr: T,
    decay: T,
    epsilon: T,
) {
    for ((w, &g), s) in params.iter_mut().zip(grads).zip(square) {
        *s = T::fma::<FMA>(decay, *s, (T::ONE - decay) * g * g);
        *w -= lr * g / (s.sqrt() + epsilon);
    }
}

dispatch! {
    /// `betas` are the decay of both moments; `step` is η/(1−β₁ᵗ) and `root` is 1/√(1−β₂ᵗ).
    pub(crate) fn adam<T: Real>(params: &mut [T], grads: &[T], first: &mut [T], second: &mut [T], betas: [T; 2], step: T, root: T, epsilon: T) => adam_body
}

#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn adam_body<T: Real, const FMA: bool>(
    params: &mut [T],
    grads: &[T],
    first: &mut [T],
    second: &mut [T],
    [beta1, beta2]: [T; 2],
    step: T,
    root: T,
    epsilon: T,
) {
    let (rest1, rest2) = (T::ONE - beta1, T::ONE - beta2);
    for (((w, &g), m), v) in params.iter_mut().zip(grads).zip(first).zip(second) {
        *m = T::fma::<FMA>(beta1, *m, rest1 * g);
        *v = T::fma::<FMA>(beta2, *v, rest2 * g * g);
        *w -= step * *m / T::fma::<FMA>(v.sqrt(), root, epsilon);
    }
}

dispatch! { pub(crate) fn adagrad<T: Real>(params: &mut [T], grads: &[T], sum: &mut [T], lr: T, epsilon: T) => adagrad_body }

#[inline(always)]
fn adagrad_body<T: Real, const FMA: bool>(params: &mut [T], grads: &[T], sum: &mut [T], lr: T, epsilon: T) {
    for ((w, &g), s) in params.iter_mut().zip(grads).zip(sum) {
        *s = T::fma::<FMA>(g, g, *s);
        *w -= lr * g / (s.sqrt() + epsilon);
    }
}

dispatch! { pub(crate) fn adadelta<T: Real>(params: &mut [T], grads: &[T], square: &mut [T], moved: &mut [T], lr: T, decay: T, epsilon: T) => adadelta_body }

#[inline(always)]
fn adadelta_body<T: Real, const FMA: bool>(
    params: &mut [T],
    grads: &[T],
    square: &mut [T],
    moved: &mut [T],
    lr: T,
    decay: T,
    epsilon: T,
) {
    let rest = T::ONE - decay;
    for (((w, &g), s), d) in params.iter_mut().zip(grads).zip(square).zip(moved) {
        *s = T::fma::<FMA>(decay, *s, rest * g * g);
        let step = (*d + epsilon).sqrt() / (*s + epsilon).sqrt() * g;
        *d = T::fma::<FMA>(decay, *d, rest * step * step);
        *w = T::fma::<FMA>(-lr, step, *w);
    }
}

dispatch! {
    /// `shares` are the rates of the gradient and of the first moment; `root` is 1/√(1−β₂ᵗ).
    pub(crate) fn nadam<T: Real>(params: &mut [T], grads: &[T], first: &mut [T], second: &mut [T], betas: [T; 2], shares: [T; 2], root: T, epsilon: T) => nadam_body
}

#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn nadam_body<T: Real, const FMA: bool>(
    params: &mut [T],
    grads: &[T],
    first: &mut [T],
    second: &mut [T],
    [beta1, beta2]: [T; 2],
    [of_grad, of_moment]: [T; 2],
    root: T,
    epsilon: T,
) {
    let (rest1, rest2) = (T::ONE - beta1, T::ONE - beta2);
    for (((w, &g), m), v) in params.iter_mut().zip(grads).zip(first).zip(second) {
        *m = T::fma::<FMA>(beta1, *m, rest1 * g);
        *v = T::fma::<FMA>(beta2, *v, rest2 * g * g);
        *w -= T::fma::<FMA>(of_moment, *m, of_grad * g) / T::fma::<FMA>(v.sqrt(), root, epsilon);
    }
}

dispatch! { pub(crate) fn lion<T: Real>(params: &mut [T], grads: &[T], moment: &mut [T], lr: T, beta1: T, beta2: T) => lion_body }

#[inline(always)]
fn lion_body<T: Real, const FMA: bool>(params: &mut [T], grads: &[T], moment: &mut [T], lr: T, beta1: T, beta2: T) {
    for ((w, &g), m) in params.iter_mut().zip(grads).zip(moment) {
        let direction = T::fma::<FMA>(beta1, *m, (T::ONE - beta1) * g);
        *m = T::fma::<FMA>(beta2, *m, (T::ONE - beta2) * g);
        *w -= direction.sign() * lr;
    }
}

dispatch! { pub(crate) fn rprop<T: Real>(params: &mut [T], grads: &[T], before: &mut [T], steps: &mut [T], shrink: T, grow: T) => rprop_body }

#[inline(always)]
fn rprop_body<T: Real, const FMA: bool>(
    params: &mut [T],
    grads: &[T],
    before: &mut [T],
    steps: &mut [T],
    shrink: T,
    grow: T,
) {
    let (least, most) = (T::from_f64(1e-6), T::from_f64(50.0));
    for (((w, &g), before), step) in params.iter_mut().zip(grads).zip(before).zip(steps) {
        let agreement = g * *before;
        let factor = if agreement > T::ZERO {
            grow
        } else if agreement < T::ZERO {
            shrink
        } else {
            T::ONE
        };
        let scaled = *step * factor;
        *step = if scaled < least {
            least
        } else if scaled > most {
            most
        } else {
            scaled
        };
        // After a change of sign the parameter keeps its value for one update.
        let g = if agreement < T::ZERO { T::ZERO } else { g };
        *w -= g.sign() * *step;
        *before = g;
    }
}

dispatch! { pub fn scale<T: Real>(values: &mut [T], factor: T) => scale_body }

#[inline(always)]
fn scale_body<T: Real, const FMA: bool>(values: &mut [T], factor: T) {
    for v in values {
        *v *= factor;
    }
}

dispatch! {
    /// Keeps every value between −most and most; NaN stays NaN.
    pub(crate) fn limit<T: Real>(values: &mut [T], most: T) => limit_body
}

#[inline(always)]
fn limit_body<T: Real, const FMA: bool>(values: &mut [T], most: T) {
    for v in values {
        let v_low = if *v < -most { -most } else { *v };
        *v = if v_low > most { most } else { v_low };
    }
}

dispatch! {
    /// to += factor · from
    pub fn add<T: Real>(to: &mut [T], from: &[T], factor: T) => add_body
}

#[inline(always)]
fn add_body<T: Real, const FMA: bool>(to: &mut [T], from: &[T], factor: T) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = T::fma::<FMA>(factor, from, *to);
    }
}

dispatch! {
    /// Σ a b, added up in f64 lanes in a fixed order.
    pub(crate) fn dot<T: Real>(a: &[T], b: &[T]) -> f64 => dot_body
}

#[inline(always)]
fn dot_body<T: Real, const FMA: bool>(a: &[T], b: &[T]) -> f64 {
    let mut lanes = [0.0_f64; LANES];
    let (chunks, others) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let tail = chunks.remainder().iter().zip(others.remainder()).map(|(a, b)| a.to_f64() * b.to_f64()).sum::<f64>();
    for (a, b) in chunks.zip(others) {
        for lane in 0..LANES {
            lanes[lane] = <f64 as Real>::fma::<FMA>(a[lane].to_f64(), b[lane].to_f64(), lanes[lane]);
        }
    }
    lane_sum(lanes) + tail
}

dispatch! { pub(crate) fn regularise<T: Real>(weights: &[T], grads: &mut [T], l1: T, l2: T) => regularise_body }

#[inline(always)]
fn regularise_body<T: Real, const FMA: bool>(weights: &[T], grads: &mut [T], l1: T, l2: T) {
    for (g, &w) in grads.iter_mut().zip(weights) {
        let sign = if w > T::ZERO {
            l1
        } else if w < T::ZERO {
            -l1
        } else {
            T::ZERO
        };
        *g += T::fma::<FMA>(l2, w, sign);
    }
}

dispatch! {
    /// Σ v², added up in f64 lanes in a fixed order.
    pub(crate) fn square_sum<T: Real>(values: &[T]) -> f64 => square_sum_body
}

#[inline(always)]
fn square_sum_body<T: Real, const FMA: bool>(values: &[T]) -> f64 {
    let mut lanes = [0.0_f64; LANES];
    let chunks = values.chunks_exact(LANES);
    let tail = chunks.remainder();
    for chunk in chunks {
        for lane in 0..LANES {
            let v = chunk[lane].to_f64();
            lanes[lane] = <f64 as Real>::fma::<FMA>(v, v, lanes[lane]);
        }
    }
    lane_sum(lanes) + tail.iter().map(|v| v.to_f64() * v.to_f64()).sum::<f64>()
}
