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
pub(crate) mod convolve;
pub(crate) mod correlate;
pub(crate) mod elementwise;
pub(crate) mod matrix;
pub(crate) mod norm;
pub(crate) mod outer;
pub(crate) mod packed;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod threads;
pub(crate) mod update;
pub(crate) mod view;
pub(crate) mod window;

use crate::real::Real;

/// Batch columns are padded to a multiple of this many samples.
pub const LANES: usize = 8;

/// Number of stored columns for `batch` samples.
pub const fn padded(batch: usize) -> usize {
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
        $vis fn $name<T: $crate::real::Real>($($arg: $ty),*) $(-> $ret)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,f16c,fma")]
                #[allow(clippy::too_many_arguments)]
                fn avx512<T: $crate::real::Real>($($arg: $ty),*) $(-> $ret)? { $body::<T, true>($($arg),*) }
                #[target_feature(enable = "avx2,fma")]
                #[allow(clippy::too_many_arguments)]
                fn avx2<T: $crate::real::Real>($($arg: $ty),*) $(-> $ret)? { $body::<T, true>($($arg),*) }
                match $crate::kernels::level() {
                    // SAFETY: `level` has found every feature that the function enables.
                    $crate::kernels::Level::Avx512 => return unsafe { avx512::<T>($($arg),*) },
                    // SAFETY: as above.
                    $crate::kernels::Level::Avx2 => return unsafe { avx2::<T>($($arg),*) },
                    $crate::kernels::Level::Baseline => {}
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

/// Instruction sets that the kernels are compiled for, lowest first.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Baseline,
    Avx2,
    Avx512,
}

/// Whether a vector register holds twice [`LANES`] single numbers.
pub(crate) fn has_wide_registers() -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        level() == Level::Avx512
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        false
    }
}

/// The highest level of which this processor and system have every feature that [`dispatch`] enables, and every one that
/// those imply.
#[cfg(target_arch = "x86_64")]
fn detect() -> Level {
    /// Whether all of the features are there.
    macro_rules! all {
        ($($feature:tt)*) => { true $(&& is_x86_feature_detected!($feature))* };
    }
    if !all!("sse3" "ssse3" "sse4.1" "sse4.2" "avx" "avx2" "fma") {
        Level::Baseline
    } else if all!("f16c" "avx512f" "avx512vl" "avx512dq" "avx512bw") {
        Level::Avx512
    } else {
        Level::Avx2
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
std::thread_local! {
    /// The level that tests ask for on this thread.
    static FORCED: std::cell::Cell<Option<Level>> = const { std::cell::Cell::new(None) };
}

/// The highest level of this processor, found once.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn level() -> Level {
    use std::sync::atomic::{AtomicU8, Ordering};
    const LEVELS: [Level; 3] = [Level::Baseline, Level::Avx2, Level::Avx512];
    const UNKNOWN: u8 = u8::MAX;
    static FOUND: AtomicU8 = AtomicU8::new(UNKNOWN);

    #[cold]
    fn find() -> u8 {
        let found = detect() as u8;
        FOUND.store(found, Ordering::Relaxed);
        found
    }

    #[cfg(test)]
    if let Some(level) = FORCED.get() {
        return level;
    }
    let found = FOUND.load(Ordering::Relaxed);
    LEVELS[usize::from(if found == UNKNOWN { find() } else { found })]
}

#[cfg(test)]
mod tests {
    /// The quoted words after a place in this module's source.
    #[cfg(target_arch = "x86_64")]
    fn quoted_after<'a>(source: &'a str, place: &str) -> Vec<&'a str> {
        let rest = source.split(place).nth(1).expect("the place is in the source");
        let line = rest.lines().next().unwrap_or_default();
        line.split('"').skip(1).step_by(2).flat_map(|words| words.split(',')).collect()
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn every_feature_that_a_level_enables_is_detected() {
        let source = include_str!("mod.rs");
        let avx2 = quoted_after(source, "if !all!(");
        let mut avx512 = quoted_after(source, "else if all!(");
        avx512.extend(&avx2);
        let enabled: Vec<_> = source.lines().filter(|l| l.trim().starts_with("#[target_feature(enable")).collect();
        assert_eq!(enabled.len(), 2, "one list for each level above the baseline");
        for (line, detected) in enabled.into_iter().zip([avx512, avx2]) {
            let features = quoted_after(line, "enable = ");
            assert!(features.len() > 1, "{line}");
            for feature in features {
                assert!(detected.contains(&feature), "{feature} is enabled but not detected");
            }
        }
    }
}
