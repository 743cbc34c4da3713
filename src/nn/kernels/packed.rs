//! z = bias + A x for a block of samples, with a matrix copied to the order in which it is read.

use super::affine::{Matrix, Rows};
use super::blocks::{BLOCK, unrolled};
use super::{LANES, dispatch};
use crate::nn::real::Real;

/// Rows of a [`Packed`] panel.
const TALL: usize = 16;

/// The panels of so many rows: the first row and how many the panel has room for.
fn panels(rows: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..rows).step_by(TALL).map(move |row| (row, (rows - row).min(TALL).next_power_of_two().max(4)))
}

/// A matrix in the order in which [`Packed::affine`] reads it: panels of neighbouring rows, column by column.
pub(crate) struct Packed<T> {
    values: Vec<T>,
    rows: usize,
    depth: usize,
}

impl<T: Real> Packed<T> {
    pub(crate) fn new(rows: usize, depth: usize) -> Self {
        let room: usize = panels(rows).map(|(_, height)| height).sum();
        Self { values: vec![T::ZERO; room * depth], rows, depth }
    }

    /// Copies the matrix, `[rows, depth]`.
    pub(crate) fn fill(&mut self, from: Matrix<'_, T>) {
        let mut rest = &mut self.values[..];
        for (first, height) in panels(self.rows) {
            let panel;
            (panel, rest) = rest.split_at_mut(height * self.depth);
            for (k, column) in panel.chunks_exact_mut(height).enumerate() {
                for (row, to) in (first..self.rows).zip(column) {
                    *to = from.values[row * from.row + k * from.column];
                }
            }
        }
    }

    /// z[r] = bias[r] + Σₖ a[r, k] · x[k] for one block; added to what `z` held if `accumulate`.
    ///
    /// # Panics
    /// If a slice is too short.
    pub(crate) fn affine(&self, bias: &[T], x: &[T], x_distance: usize, z: &mut [T], z_rows: Rows, accumulate: bool) {
        packed_affine(self, bias, x, x_distance, z, z_rows, accumulate, super::has_wide_registers());
    }
}

dispatch! {
    fn packed_affine<T: Real>(a: &Packed<T>, bias: &[T], x: &[T], x_distance: usize, z: &mut [T], z_rows: Rows, accumulate: bool, wide: bool) => packed_body
}

#[inline(always)]
fn packed_body<T: Real, const FMA: bool>(
    a: &Packed<T>,
    bias: &[T],
    x: &[T],
    x_distance: usize,
    z: &mut [T],
    z_rows: Rows,
    accumulate: bool,
    wide: bool,
) {
    let mut rest = &a.values[..];
    // Sums that registers have room for.
    let tall = if !wide {
        4
    } else if size_of::<T>() == 4 {
        TALL
    } else {
        8
    };
    for (first, height) in panels(a.rows) {
        let panel;
        (panel, rest) = rest.split_at(height * a.depth);
        let rows = (a.rows - first).min(height);
        for row in (0..rows).step_by(tall.min(height)) {
            let part = Panel {
                values: &panel[row..],
                height,
                bias: bias.get(first + row..).unwrap_or_default(),
                x,
                x_distance,
                accumulate,
            };
            let z = &mut z[(first + row) * z_rows.distance..];
            let (rows, distance) = (rows - row, z_rows.distance);
            for lane in (0..z_rows.width).step_by(if wide { z_rows.width } else { LANES }) {
                let (part, z) = (Panel { x: &x[lane..], ..part }, &mut z[lane..]);
                match (wide && z_rows.width == BLOCK, tall.min(height)) {
                    (true, TALL) => part.rows::<FMA, TALL, BLOCK>(z, distance, rows),
                    (true, 8) => part.rows::<FMA, 8, BLOCK>(z, distance, rows),
                    (true, _) => part.rows::<FMA, 4, BLOCK>(z, distance, rows),
                    (false, TALL) => part.rows::<FMA, TALL, LANES>(z, distance, rows),
                    (false, 8) => part.rows::<FMA, 8, LANES>(z, distance, rows),
                    (false, _) => part.rows::<FMA, 4, LANES>(z, distance, rows),
                }
            }
        }
    }
}

/// Some rows of a [`Packed`] panel, and what they are multiplied with.
#[derive(Clone, Copy)]
struct Panel<'a, T> {
    /// From the first of the rows to the end of the panel.
    values: &'a [T],
    height: usize,
    bias: &'a [T],
    x: &'a [T],
    x_distance: usize,
    accumulate: bool,
}

impl<T: Real> Panel<'_, T> {
    #[inline(always)]
    fn rows<const FMA: bool, const R: usize, const W: usize>(&self, z: &mut [T], distance: usize, rows: usize) {
        if rows >= R {
            self.sum::<FMA, R, W, true>(z, distance, R);
        } else {
            self.sum::<FMA, R, W, false>(z, distance, rows);
        }
    }

    /// `R` rows of `W` samples, summed in registers, of which `rows` are wanted.
    #[inline(always)]
    fn sum<const FMA: bool, const R: usize, const W: usize, const FULL: bool>(
        &self,
        z: &mut [T],
        distance: usize,
        rows: usize,
    ) {
        let mut sums = [[T::ZERO; W]; R];
        assert!(rows <= R && (rows == R) == FULL && z.len() >= (rows - 1) * distance + W);
        let (biased, accumulate) = (self.bias.len() >= rows, self.accumulate);
        unrolled!(r < R, {
            if !FULL && r >= rows {
            } else if accumulate {
                // SAFETY: the assertion above holds for the last row.
                sums[r].copy_from_slice(unsafe { z.get_unchecked(r * distance..r * distance + W) });
            } else if biased {
                // SAFETY: there are as many biases as rows.
                sums[r] = [unsafe { *self.bias.get_unchecked(r) }; W];
            }
        });
        let depth = self.values.len().div_ceil(self.height);
        let last = depth.saturating_sub(1);
        // The last of what is read below.
        assert!(self.values.len() >= last * self.height + R && self.x.len() >= last * self.x_distance + W);
        for k in 0..depth {
            let mut x = [T::ZERO; W];
            // SAFETY: the assertion above holds for the largest k.
            x.copy_from_slice(unsafe { self.x.get_unchecked(k * self.x_distance..k * self.x_distance + W) });
            unrolled!(r < R, {
                // SAFETY: as above; blocks of 16 samples are summed whole only where registers hold them.
                unsafe {
                    let a = *self.values.get_unchecked(k * self.height + r);
                    T::fma_lanes::<FMA, W>(&[a; W], &x, &mut sums[r]);
                }
            });
        }
        unrolled!(r < R, {
            if FULL || r < rows {
                // SAFETY: the assertion at the beginning holds for the last row.
                unsafe { z.get_unchecked_mut(r * distance..r * distance + W) }.copy_from_slice(&sums[r]);
            }
        });
    }
}
