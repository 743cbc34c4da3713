//! Blocks of samples: [`BLOCK`] or [`LANES`] neighbouring columns of the mini-batch, so that a row of one fits vector
//! registers.
//!
//! Blocks do not depend on each other: threads share them, and the order of every sum is fixed.

use super::LANES;

/// Samples in a full block.
pub(crate) const BLOCK: usize = 2 * LANES;

/// The blocks of so many stored columns: first column and width.
pub(crate) fn of(stride: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..stride).step_by(BLOCK).map(move |at| (at, (stride - at).min(BLOCK)))
}

/// Rows that a step of so many is given room for: one more, or steps would lie a power of two apart, where they push each
/// other out of the cache.
pub(crate) const fn padded_rows(rows: usize) -> usize {
    rows + 1
}

/// Runs a block for every number below a constant of at most 16, written out one by one: what an array holds then stays in
/// registers, which a loop that the compiler leaves as it is would not allow.
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
