//! Activations over whole buffers, forward and backward. Buffers are `[units, stride]`, batch last.

use super::threads::share_chunks;
use super::{LANES, dispatch};
use crate::activation::Activation;
use crate::real::Real;

/// Buffers of fewer numbers than this are computed on one thread.
const PARALLEL: usize = 1 << 18;

/// Splits the numbers between threads where there are many, and calls `work` with the index of the first number of each part
/// and the part.
fn share<T: Real>(values: &mut [T], threads: usize, work: impl Fn(usize, &mut [T]) + Sync) {
    let threads = if values.len() < PARALLEL { 1 } else { threads };
    share_chunks(values, LANES, 0, threads, &|first, values| work(first * LANES, values));
}

/// a = f(z).
pub(crate) fn activate<T: Real>(function: Activation, z: &[T], a: &mut [T], stride: usize, threads: usize) {
    match function {
        Activation::Identity => a.copy_from_slice(z),
        Activation::Softmax => softmax(z, a, stride),
        _ => share(a, threads, |at, a| activate_each(function, &z[at..], a)),
    }
}

/// ∂L/∂z = ∂L/∂a · f′(z); for softmax ∂L/∂zᵢ = aᵢ (∂L/∂aᵢ − Σⱼ aⱼ ∂L/∂aⱼ). Added to `grad_z` if `accumulate`.
pub(crate) fn activate_backward<T: Real>(
    function: Activation,
    z: &[T],
    a: &[T],
    grad_a: &[T],
    grad_z: &mut [T],
    stride: usize,
    accumulate: bool,
    threads: usize,
) {
    match function {
        Activation::Softmax => softmax_backward(a, grad_a, grad_z, stride, accumulate),
        _ => share(grad_z, threads, |at, grad_z| {
            gradient_each(function, &z[at..], &a[at..], &grad_a[at..], grad_z, accumulate);
        }),
    }
}

dispatch! {
    fn activate_each<T: Real>(function: Activation, z: &[T], a: &mut [T]) => activate_each_body
}

/// Runs `$body` with `$f` bound to a constant function, so that each function gets its own vectorised loop.
macro_rules! for_constant {
    ($function:expr, |$f:ident| $body:block) => {
        for_constant!($function, |$f| $body, [
            Identity, Relu, LeakyRelu, Elu, Gelu, Silu, Sigmoid, Tanh, Softplus, Selu, Mish, Softsign, HardSigmoid,
            HardTanh, Sine, Softmax
        ])
    };
    ($function:expr, |$f:ident| $body:block, [$($name:ident),*]) => {
        match $function { $(Activation::$name => { let $f = Activation::$name; $body })* }
    };
}

#[inline(always)]
fn activate_each_body<T: Real, const FMA: bool>(function: Activation, z: &[T], a: &mut [T]) {
    for_constant!(function, |f| {
        for (a, &z) in a.iter_mut().zip(z) {
            *a = f.value::<T, FMA>(z);
        }
    });
}

dispatch! {
    fn gradient_each<T: Real>(function: Activation, z: &[T], a: &[T], grad_a: &[T], grad_z: &mut [T], accumulate: bool) => gradient_each_body
}

#[inline(always)]
fn gradient_each_body<T: Real, const FMA: bool>(
    function: Activation,
    z: &[T],
    a: &[T],
    grad_a: &[T],
    grad_z: &mut [T],
    accumulate: bool,
) {
    for_constant!(function, |f| {
        for (((gz, &z), &a), &ga) in grad_z.iter_mut().zip(z).zip(a).zip(grad_a) {
            let gradient = ga * f.slope::<T, FMA>(z, a);
            *gz = if accumulate { *gz + gradient } else { gradient };
        }
    });
}

dispatch! {
    /// Softmax over the units of each sample, with the largest logit subtracted first.
    pub(crate) fn softmax<T: Real>(z: &[T], a: &mut [T], stride: usize) => softmax_body
}

#[inline(always)]
fn softmax_body<T: Real, const FMA: bool>(z: &[T], a: &mut [T], stride: usize) {
    let units = z.len() / stride;
    for block in (0..stride).step_by(LANES) {
        let mut top = [T::ZERO; LANES];
        top.copy_from_slice(&z[block..][..LANES]);
        for unit in 1..units {
            for (top, &z) in top.iter_mut().zip(&z[unit * stride + block..][..LANES]) {
                *top = top.max(z);
            }
        }
        let mut sum = [T::ZERO; LANES];
        for unit in 0..units {
            let at = unit * stride + block;
            for lane in 0..LANES {
                let e = (z[at + lane] - top[lane]).exp::<FMA>();
                a[at + lane] = e;
                sum[lane] += e;
            }
        }
        for unit in 0..units {
            for (a, &sum) in a[unit * stride + block..][..LANES].iter_mut().zip(&sum) {
                *a = *a / sum;
            }
        }
    }
}

dispatch! {
    fn softmax_backward<T: Real>(a: &[T], grad_a: &[T], grad_z: &mut [T], stride: usize, accumulate: bool) => softmax_backward_body
}

#[inline(always)]
fn softmax_backward_body<T: Real, const FMA: bool>(
    a: &[T],
    grad_a: &[T],
    grad_z: &mut [T],
    stride: usize,
    accumulate: bool,
) {
    let units = a.len() / stride;
    for block in (0..stride).step_by(LANES) {
        let mut dot = [T::ZERO; LANES];
        for unit in 0..units {
            let at = unit * stride + block;
            for lane in 0..LANES {
                dot[lane] = T::fma::<FMA>(a[at + lane], grad_a[at + lane], dot[lane]);
            }
        }
        for unit in 0..units {
            let at = unit * stride + block;
            for lane in 0..LANES {
                let gradient = a[at + lane] * (grad_a[at + lane] - dot[lane]);
                grad_z[at + lane] = if accumulate { grad_z[at + lane] + gradient } else { gradient };
            }
        }
    }
}

dispatch! {
    /// out = x · mask, added to what `out` held if `accumulate`.
    pub(crate) fn masked<T: Real>(x: &[T], mask: &[T], out: &mut [T], accumulate: bool) => masked_body
}

#[inline(always)]
fn masked_body<T: Real, const FMA: bool>(x: &[T], mask: &[T], out: &mut [T], accumulate: bool) {
    for ((out, &x), &mask) in out.iter_mut().zip(x).zip(mask) {
        *out = if accumulate { T::fma::<FMA>(x, mask, *out) } else { x * mask };
    }
}
