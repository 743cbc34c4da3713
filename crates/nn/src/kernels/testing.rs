//! What tests of kernels share: every instruction set of this processor, and numbers to compute with.

use crate::real::Real;
use chainrule_common::seed::{Purpose, Stream};
use std::panic::{UnwindSafe, catch_unwind};

/// Runs `check` once for each level that this processor has, with the level's name; kernels that `check` calls on other
/// threads are not affected.
#[cfg(target_arch = "x86_64")]
pub(crate) fn at_every_level(check: impl Fn(&str)) {
    use super::{FORCED, Level, detect};
    for level in [Level::Baseline, Level::Avx2, Level::Avx512].into_iter().filter(|l| *l <= detect()) {
        FORCED.set(Some(level));
        check(&format!("{level:?}"));
    }
    FORCED.set(None);
}

#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn at_every_level(check: impl Fn(&str)) {
    check("the only level");
}

/// `count` standard normal numbers.
pub(crate) fn normal<T: Real>(count: usize, seed: u64) -> Vec<T> {
    let mut stream = Stream::new(seed, Purpose::Data, count as u64);
    (0..count).map(|_| T::from_f64(stream.normal())).collect()
}

/// Whether each number is as wanted, up to rounding.
pub(crate) fn assert_close<T: Real>(got: &[T], want: &[f64], what: &str) {
    let tolerance = if size_of::<T>() == 4 { 1e-4 } else { 1e-11 };
    assert_eq!(got.len(), want.len(), "{what}");
    for (at, (got, want)) in got.iter().zip(want).enumerate() {
        let error = (got.to_f64() - want).abs();
        assert!(error <= tolerance * (1.0 + want.abs()), "{what}, number {at}: {got:?}, not {want}");
    }
}

/// Asserts that `call` panics with a message that contains `words`.
pub(crate) fn assert_refused(words: &str, call: impl FnOnce() + UnwindSafe) {
    let payload = catch_unwind(call).expect_err("the call is refused");
    let text = payload.downcast_ref::<String>().map(String::as_str).or_else(|| payload.downcast_ref().copied());
    assert!(text.is_some_and(|text| text.contains(words)), "{text:?} does not say: {words}");
}
