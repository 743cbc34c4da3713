//! Blocks of samples: [`BLOCK`] or [`LANES`] neighbouring columns of the mini-batch, so that a row of one fits vector
//! registers.
//!
//! Blocks do not depend on each other: threads share them, and the order of every sum is fixed.

use super::LANES;

/// Samples in a full block.
pub(crate) const BLOCK: usize = 2 * LANES;

/// The blocks of `stride` stored columns: first column and width.
pub(crate) fn of(stride: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..stride).step_by(BLOCK).map(move |at| (at, (stride - at).min(BLOCK)))
}

/// Rows of room for a step of `rows` rows: one more, since steps whose distance is a power of two evict each other from the
/// cache.
pub(crate) const fn padded_rows(rows: usize) -> usize {
    rows + 1
}

/// Repeats a block for each number below a constant of at most 16, unrolled: arrays that it indexes then stay in registers,
/// which they do not in a loop that the compiler keeps.
macro_rules! unrolled {
    ($at:ident < $count:ident, $body:block) => {
        unrolled!(@ $at, $count, $body, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)
    };
    (@ $at:ident, $count:ident, $body:block, $($n:literal)*) => {
        $(if $n < $count {
            let $at: usize = $n;
            $body
        })*
    };
}
pub(super) use unrolled;
