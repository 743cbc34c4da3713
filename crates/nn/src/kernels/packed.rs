//! z = bias + A x for a block of samples, with a matrix copied to the order in which it is read.

use super::affine::assert_shapes;
use super::blocks::{BLOCK, unrolled};
use super::view::{View, ViewMut};
use super::{LANES, dispatch};
use crate::real::Real;

/// Rows of a full panel of a [`Packed`] matrix.
const TALL: usize = 16;

/// The panels of so many rows: the first row and how many the panel has room for.
fn panels(rows: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..rows).step_by(TALL).map(move |row| (row, (rows - row).min(TALL).next_power_of_two().max(4)))
}

/// A matrix `[rows, depth]` in the order in which [`Packed::affine`] reads it: panels of neighbouring rows, column by column.
pub(crate) struct Packed<T> {
    /// `height · depth` numbers for each panel.
    values: Vec<T>,
    rows: usize,
    depth: usize,
}

impl<T: Real> Packed<T> {
    /// Room for a matrix `[rows, depth]` of zeros.
    ///
    /// # Panics
    /// If so many numbers cannot be counted.
    pub(crate) fn new(rows: usize, depth: usize) -> Self {
        let full = rows / TALL * TALL;
        let last = panels(rows - full).map(|(_, height)| height).sum::<usize>();
        let room = full.checked_add(last).and_then(|height| height.checked_mul(depth));
        let room = room.expect("a packed matrix has a size that can be counted");
        Self { values: vec![T::ZERO; room], rows, depth }
    }

    /// Copies a matrix that lies row by row, rows `stride` apart.
    pub(crate) fn fill_rows(&mut self, from: &[T], stride: usize) {
        self.fill(View::matrix(from, [self.rows, self.depth], [stride, 1]));
    }

    /// Copies a matrix that lies column by column, columns `stride` apart.
    pub(crate) fn fill_columns(&mut self, from: &[T], stride: usize) {
        self.fill(View::matrix(from, [self.rows, self.depth], [1, stride]));
    }

    fn fill(&mut self, from: View<'_, T>) {
        let (values, [row_stride, column_stride]) = (from.values(), from.strides());
        let mut rest = &mut self.values[..];
        for (first, height) in panels(self.rows) {
            let panel;
            (panel, rest) = rest.split_at_mut(height * self.depth);
            for (k, column) in panel.chunks_exact_mut(height).enumerate() {
                for (row, to) in (first..self.rows).zip(column) {
                    *to = values[row * row_stride + k * column_stride];
                }
            }
        }
    }

    /// z[r] = bias[r] + Σₖ a[r, k] · x[k] for one block, with `x [depth, width]`, `z [rows, width]` and `bias` empty or at least
    /// as long as there are rows; added to what `z` held if `accumulate`.
    ///
    /// # Panics
    /// If the shapes do not fit.
    pub(crate) fn affine(&self, bias: &[T], x: View<'_, T>, z: ViewMut<'_, T>, accumulate: bool) {
        assert_shapes([self.rows, self.depth], bias, &x, &z);
        packed_affine(self, bias, x, z, accumulate, super::has_wide_registers());
    }
}

dispatch! {
    fn packed_affine<T: Real>(a: &Packed<T>, bias: &[T], x: View<'_, T>, z: ViewMut<'_, T>, accumulate: bool, wide: bool) => packed_body
}

#[inline(always)]
fn packed_body<T: Real, const FMA: bool>(
    a: &Packed<T>,
    bias: &[T],
    x: View<'_, T>,
    mut z: ViewMut<'_, T>,
    accumulate: bool,
    wide: bool,
) {
    let (z, width) = (&mut z, x.width());
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
                values: panel.get(row..).unwrap_or_default(),
                height,
                depth: a.depth,
                first: first + row,
                bias: bias.get(first + row..).unwrap_or_default(),
                x,
                accumulate,
            };
            let rows = rows - row;
            for lane in (0..width).step_by(if wide { width } else { LANES }) {
                match (wide && width == BLOCK, tall.min(height)) {
                    (true, TALL) => part.rows::<FMA, TALL, BLOCK>(z, lane, rows),
                    (true, 8) => part.rows::<FMA, 8, BLOCK>(z, lane, rows),
                    (true, _) => part.rows::<FMA, 4, BLOCK>(z, lane, rows),
                    (false, TALL) => part.rows::<FMA, TALL, LANES>(z, lane, rows),
                    (false, 8) => part.rows::<FMA, 8, LANES>(z, lane, rows),
                    (false, _) => part.rows::<FMA, 4, LANES>(z, lane, rows),
                }
            }
        }
    }
}

/// Some rows of a panel of a [`Packed`] matrix, and what they are multiplied with.
#[derive(Clone, Copy)]
struct Panel<'a, T> {
    /// From the first of the rows to the end of the panel.
    values: &'a [T],
    height: usize,
    depth: usize,
    /// The first of the rows.
    first: usize,
    /// From the first of the rows on; empty without bias.
    bias: &'a [T],
    x: View<'a, T>,
    accumulate: bool,
}

impl<T: Real> Panel<'_, T> {
    #[inline(always)]
    fn rows<const FMA: bool, const R: usize, const W: usize>(&self, z: &mut ViewMut<'_, T>, lane: usize, rows: usize) {
        if rows >= R {
            self.sum::<FMA, R, W, true>(z, lane, R);
        } else {
            self.sum::<FMA, R, W, false>(z, lane, rows);
        }
    }

    /// `R` rows of `W` samples, summed in registers, of which `rows` are wanted.
    #[inline(always)]
    fn sum<const FMA: bool, const R: usize, const W: usize, const FULL: bool>(
        &self,
        z: &mut ViewMut<'_, T>,
        lane: usize,
        rows: usize,
    ) {
        let (depth, x_row, z_row) = (self.depth, self.x.strides()[0], z.strides()[0]);
        let mut sums = [[T::ZERO; W]; R];
        let first = self.first * z_row + lane;
        assert!(rows <= R && (rows == R) == FULL && self.first + rows <= z.counts()[0] && lane + W <= z.width());
        let (biased, accumulate) = (!self.bias.is_empty(), self.accumulate);
        assert!(!biased || self.bias.len() >= rows);
        unrolled!(r < R, {
            if !FULL && r >= rows {
            } else if accumulate {
                // SAFETY: `z` has these rows and samples.
                sums[r].copy_from_slice(unsafe { z.lanes::<W>(first + r * z_row) });
            } else if biased {
                // SAFETY: there are as many biases as rows.
                sums[r] = [unsafe { *self.bias.get_unchecked(r) }; W];
            }
        });
        // The last of what is read below; a panel's size has been counted.
        assert!(self.x.counts()[0] == depth && lane + W <= self.x.width());
        assert!(self.values.len() >= depth.saturating_sub(1) * self.height + if depth > 0 { R } else { 0 });
        for k in 0..depth {
            // SAFETY: `x` has these samples of every k.
            let x = unsafe { self.x.lanes::<W>(k * x_row + lane) };
            unrolled!(r < R, {
                // SAFETY: the assertion above holds for the largest k; blocks of 16 samples are summed whole only where
                // registers hold them.
                unsafe {
                    let a = *self.values.get_unchecked(k * self.height + r);
                    T::fma_lanes::<FMA, W>(&[a; W], &x, &mut sums[r]);
                }
            });
        }
        unrolled!(r < R, {
            if FULL || r < rows {
                // SAFETY: `z` has these rows and samples.
                unsafe { z.lanes::<W>(first + r * z_row) }.copy_from_slice(&sums[r]);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::Packed;
    use crate::kernels::testing::{assert_close, assert_refused, at_every_level, normal};
    use crate::kernels::view::{View, ViewMut};
    use crate::real::Real;

    /// Every height of a panel and remainder.
    fn check<T: Real>(level: &str) {
        for (width, rows, depth) in [
            (8, 1, 1),
            (8, 19, 5),
            (16, 1, 3),
            (16, 4, 2),
            (16, 7, 3),
            (16, 16, 7),
            (16, 35, 9),
            (8, 47, 2),
            (16, 21, 0),
        ] {
            let (x_row, z_row) = (width + 8, width + 16);
            let (a, bias) = (normal::<T>(rows * depth, 1), normal::<T>(rows, 2));
            let x = normal::<T>(depth.max(1) * x_row - 8, 3);
            let before = normal::<T>((rows - 1) * z_row + width, 4);
            for by_column in [false, true] {
                let mut packed = Packed::new(rows, depth);
                if by_column {
                    packed.fill_columns(&a, rows);
                } else {
                    packed.fill_rows(&a, depth);
                }
                let of = |r: usize, k: usize| a[if by_column { k * rows + r } else { r * depth + k }].to_f64();
                for (biased, accumulate) in [(false, false), (true, false), (false, true)] {
                    let mut z = before.clone();
                    let mut want: Vec<f64> = before.iter().map(|v| v.to_f64()).collect();
                    for r in 0..rows {
                        for l in 0..width {
                            let sum = (0..depth).map(|k| of(r, k) * x[k * x_row + l].to_f64()).sum::<f64>();
                            let start = if biased { bias[r].to_f64() } else { 0.0 };
                            want[r * z_row + l] = sum + if accumulate { want[r * z_row + l] } else { start };
                        }
                    }
                    let bias = if biased { &bias[..] } else { &[] };
                    let x = View::rows(&x, depth, x_row, width);
                    packed.affine(bias, x, ViewMut::rows(&mut z, rows, z_row, width), accumulate);
                    assert_close(&z, &want, &format!("{level}, {rows} by {depth}, {width} samples"));
                }
            }
        }
    }

    #[test]
    fn it_equals_straight_sums() {
        at_every_level(|level| {
            check::<f32>(level);
            check::<f64>(level);
        });
    }

    #[test]
    fn absurd_strides_and_shapes_that_do_not_fit_are_refused() {
        for huge in [usize::MAX, usize::MAX / 2 + 1, 1 << 61, 1 << 32] {
            assert_refused("do not lie within", move || Packed::<f32>::new(2, 2).fill_rows(&[1.0; 4], huge));
            assert_refused("do not lie within", move || Packed::<f32>::new(2, 2).fill_columns(&[1.0; 4], huge));
        }
        for (rows, depth) in [(usize::MAX, 2), (usize::MAX - 20, usize::MAX), (1 << 32, 1 << 32)] {
            assert_refused("counted", move || drop(Packed::<f32>::new(rows, depth)));
        }
        let run = |x_rows: usize, z_rows: usize, biases: usize| {
            move || {
                let mut z = [0.0_f32; 64];
                let (x, z) = (View::block(&[1.0; 64], x_rows, 8), ViewMut::block(&mut z, z_rows, 8));
                Packed::new(2, 2).affine(&vec![0.0; biases], x, z, false);
            }
        };
        run(2, 2, 2)();
        assert_refused("shapes", run(3, 2, 0));
        assert_refused("shapes", run(2, 3, 0));
        assert_refused("biases", run(2, 2, 1));
    }
}
