//! The loops that training spends its time in, compiled for several instruction sets and chosen at run time.
//!
//! Tensors are stored **batch last**: a buffer of shape `[units, stride]` whose row `u` holds unit `u` for every
//! sample of the mini-batch. `stride` is the batch size rounded up to [`LANES`], so that no loop needs a tail. The network's
//! inputs and the gradients are zero in the padding columns; activations there are computed like any other and never counted.

pub(crate) mod affine;
pub(crate) mod attention;
pub(crate) mod blocks;
pub(crate) mod cell;
pub(crate) mod convolution;
pub(crate) mod elementwise;
pub(crate) mod matrix;
pub(crate) mod norm;
pub(crate) mod outer;
pub(crate) mod packed;
pub(crate) mod threads;
pub(crate) mod update;
pub(crate) mod window;

use crate::nn::real::Real;

/// Batch columns are padded to a multiple of this many samples.
pub(crate) const LANES: usize = 8;

/// Number of stored columns for `batch` samples.
pub(crate) const fn padded(batch: usize) -> usize {
    batch.div_ceil(LANES) * LANES
}

/// Sum of the lanes in a fixed, balanced order.
#[inline(always)]
pub(crate) fn lane_sum<T: Real>(l: [T; LANES]) -> T {
    ((l[0] + l[4]) + (l[2] + l[6])) + ((l[1] + l[5]) + (l[3] + l[7]))
}

/// Defines `$name`, which runs the inlined `$body::<T, FMA>` compiled for the best instruction set of this processor.
macro_rules! dispatch {
    ($(#[$doc:meta])* $vis:vis fn $name:ident<T: Real>($($arg:ident: $ty:ty),* $(,)?) $(-> $ret:ty)? => $body:ident) => {
        $(#[$doc])*
        #[allow(clippy::too_many_arguments)]
        $vis fn $name<T: $crate::nn::real::Real>($($arg: $ty),*) $(-> $ret)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
                #[allow(clippy::too_many_arguments)]
                fn avx512<T: $crate::nn::real::Real>($($arg: $ty),*) $(-> $ret)? { $body::<T, true>($($arg),*) }
                #[target_feature(enable = "avx2,fma")]
                #[allow(clippy::too_many_arguments)]
                fn avx2<T: $crate::nn::real::Real>($($arg: $ty),*) $(-> $ret)? { $body::<T, true>($($arg),*) }
                match $crate::nn::kernels::level() {
                    // SAFETY: `level` has found every feature that the function enables.
                    $crate::nn::kernels::Level::Avx512 => return unsafe { avx512::<T>($($arg),*) },
                    // SAFETY: as above.
                    $crate::nn::kernels::Level::Avx2 => return unsafe { avx2::<T>($($arg),*) },
                    $crate::nn::kernels::Level::Baseline => {}
                }
            }
            #[cfg(target_arch = "aarch64")]
            { return $body::<T, true>($($arg),*); }
            #[cfg(not(target_arch = "aarch64"))]
            $body::<T, false>($($arg),*)
        }
    };
}
pub(crate) use dispatch;

/// Instruction sets that the kernels are compiled for.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(crate) enum Level {
    Baseline,
    Avx2,
    Avx512,
}

/// Whether a vector register holds twice [`LANES`] single numbers.
pub(crate) fn has_wide_registers() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        matches!(level(), Level::Avx512)
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        false
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn level() -> Level {
    if is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("fma")
    {
        Level::Avx512
    } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        Level::Avx2
    } else {
        Level::Baseline
    }
}
