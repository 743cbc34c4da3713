//! z = bias + A x for a block of samples, with the matrix as it lies in memory; [`super::packed`] has one in reading order.

use super::blocks::{BLOCK, unrolled};
use super::{LANES, dispatch};
use crate::nn::real::Real;

/// Where rows of a block lie: the distance from one row to the next, and how many samples there are.
#[derive(Clone, Copy)]
pub(crate) struct Rows {
    pub distance: usize,
    pub width: usize,
}

/// A matrix by its distances between rows and between columns; its elements are numbers, or blocks of samples.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a, T> {
    pub values: &'a [T],
    pub row: usize,
    pub column: usize,
}

impl<'a, T> Matrix<'a, T> {
    /// Numbers that lie row by row, `lead` apart.
    pub(crate) fn rows(values: &'a [T], lead: usize) -> Self {
        Self { values, row: lead, column: 1 }
    }

    /// Numbers that lie column by column, `lead` apart.
    pub(crate) fn columns(values: &'a [T], lead: usize) -> Self {
        Self { values, row: 1, column: lead }
    }
}

/// z[r] = bias[r] + Σₖ a[r, k] · x[k] for one block; added to what `z` held if `accumulate`.
///
/// # Panics
/// If a slice is too short.
pub(crate) fn affine<T: Real>(
    a: Matrix<'_, T>,
    bias: &[T],
    x: &[T],
    x_distance: usize,
    depth: usize,
    z: &mut [T],
    z_rows: Rows,
    rows: usize,
    accumulate: bool,
) {
    affine_block(a, bias, x, x_distance, depth, z, z_rows, rows, accumulate, super::has_wide_registers());
}

dispatch! {
    fn affine_block<T: Real>(a: Matrix<'_, T>, bias: &[T], x: &[T], x_distance: usize, depth: usize, z: &mut [T], z_rows: Rows, rows: usize, accumulate: bool, wide: bool) => affine_body
}

#[inline(always)]
fn affine_body<T: Real, const FMA: bool>(
    a: Matrix<'_, T>,
    bias: &[T],
    x: &[T],
    x_distance: usize,
    depth: usize,
    z: &mut [T],
    z_rows: Rows,
    rows: usize,
    accumulate: bool,
    wide: bool,
) {
    let factors = Factors { a, bias, x, x_distance, depth, accumulate };
    let single = wide && size_of::<T>() == 4;
    let mut row = 0;
    while row < rows {
        let distance = z_rows.distance;
        row += match (z_rows.width == BLOCK, wide, rows - row) {
            (true, true, 16..) if single => factors.rows::<FMA, 16, BLOCK>(z, distance, row),
            (true, true, 8..) => factors.rows::<FMA, 8, BLOCK>(z, distance, row),
            (true, _, 4..) => factors.rows::<FMA, 4, BLOCK>(z, distance, row),
            (true, _, 2..) => factors.rows::<FMA, 2, BLOCK>(z, distance, row),
            (true, ..) => factors.rows::<FMA, 1, BLOCK>(z, distance, row),
            (false, _, 8..) => factors.rows::<FMA, 8, LANES>(z, distance, row),
            (false, _, 2..) => factors.rows::<FMA, 2, LANES>(z, distance, row),
            (false, ..) => factors.rows::<FMA, 1, LANES>(z, distance, row),
        };
    }
}

/// What a row of [`affine`] is made of.
struct Factors<'a, T> {
    a: Matrix<'a, T>,
    bias: &'a [T],
    x: &'a [T],
    x_distance: usize,
    depth: usize,
    accumulate: bool,
}

impl<T: Real> Factors<'_, T> {
    /// `R` rows of `W` samples; returns how many rows were done.
    #[inline(always)]
    fn rows<const FMA: bool, const R: usize, const W: usize>(&self, z: &mut [T], distance: usize, row: usize) -> usize {
        // Rows side by side are reached without adding up distances.
        if self.a.row == 1 {
            self.sum::<FMA, R, W, true>(z, distance, row);
        } else {
            self.sum::<FMA, R, W, false>(z, distance, row);
        }
        R
    }

    /// `R` rows of `W` samples, summed in registers; `BESIDE` says that the rows of `a` lie side by side.
    #[inline(always)]
    fn sum<const FMA: bool, const R: usize, const W: usize, const BESIDE: bool>(
        &self,
        z: &mut [T],
        distance: usize,
        row: usize,
    ) {
        let a_row = if BESIDE { 1 } else { self.a.row };
        let mut sums = [[T::ZERO; W]; R];
        let (last, column) = (self.depth.saturating_sub(1), self.a.column);
        // The last of what is read and written below.
        assert!(self.x.len() >= last * self.x_distance + W);
        assert!(self.a.values.len() > (row + R - 1) * a_row + last * column);
        assert!(z.len() >= (row + R - 1) * distance + W);
        let (biased, accumulate) = (self.bias.len() >= row + R, self.accumulate);
        unrolled!(r < R, {
            if accumulate {
                let at = (row + r) * distance;
                // SAFETY: the assertions above hold for the last row.
                sums[r].copy_from_slice(unsafe { z.get_unchecked(at..at + W) });
            } else if biased {
                // SAFETY: there are as many biases as rows.
                sums[r] = [unsafe { *self.bias.get_unchecked(row + r) }; W];
            }
        });
        for k in 0..self.depth {
            let mut x = [T::ZERO; W];
            // SAFETY: the assertions above hold for the largest k.
            x.copy_from_slice(unsafe { self.x.get_unchecked(k * self.x_distance..k * self.x_distance + W) });
            unrolled!(r < R, {
                // SAFETY: as above.
                let a = unsafe { *self.a.values.get_unchecked((row + r) * a_row + k * column) };
                for l in 0..W {
                    sums[r][l] = T::fma::<FMA>(a, x[l], sums[r][l]);
                }
            });
        }
        unrolled!(r < R, {
            let at = (row + r) * distance;
            // SAFETY: as above.
            unsafe { z.get_unchecked_mut(at..at + W) }.copy_from_slice(&sums[r]);
        });
    }
}
