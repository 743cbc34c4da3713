//! z = bias + A x for a block of samples, with the matrix as it lies in memory; [`super::packed`] has it in reading order.

use super::blocks::{BLOCK, unrolled};
use super::view::{View, ViewMut};
use super::{LANES, dispatch};
use crate::real::Real;

/// z[r] = bias[r] + Σₖ a[r, k] · x[k] for one block, with `a [rows, depth]`, `x [depth, width]`, `z [rows, width]` and `bias`
/// empty or at least as long as there are rows; added to what `z` held if `accumulate`.
///
/// # Panics
/// If the shapes do not fit.
pub(crate) fn affine<T: Real>(a: View<'_, T>, bias: &[T], x: View<'_, T>, z: ViewMut<'_, T>, accumulate: bool) {
    assert!(a.width() == 1, "the matrix of a product has single numbers");
    assert_shapes(a.counts(), bias, &x, &z);
    affine_block(a, bias, x, z, accumulate, super::has_wide_registers());
}

/// Panics unless a matrix `[rows, depth]` with its bias leads from `x` to `z`.
#[inline(always)]
pub(super) fn assert_shapes<T: Real>([rows, depth]: [usize; 2], bias: &[T], x: &View<'_, T>, z: &ViewMut<'_, T>) {
    assert!(matches!(x.width(), LANES | BLOCK) && z.width() == x.width(), "a block has {LANES} or {BLOCK} samples");
    assert!(x.counts() == [depth, 1] && z.counts() == [rows, 1], "the shapes of a product do not fit");
    assert!(bias.is_empty() || bias.len() >= rows, "there are fewer biases than rows");
}

dispatch! {
    fn affine_block<T: Real>(a: View<'_, T>, bias: &[T], x: View<'_, T>, z: ViewMut<'_, T>, accumulate: bool, wide: bool) => affine_body
}

#[inline(always)]
fn affine_body<T: Real, const FMA: bool>(
    a: View<'_, T>,
    bias: &[T],
    x: View<'_, T>,
    mut z: ViewMut<'_, T>,
    accumulate: bool,
    wide: bool,
) {
    let factors = Factors { a, bias, x, accumulate };
    let single = wide && size_of::<T>() == 4;
    let (z, rows) = (&mut z, a.counts()[0]);
    let mut row = 0;
    while row < rows {
        row += match (z.width() == BLOCK, wide, rows - row) {
            (true, true, 16..) if single => factors.rows::<FMA, 16, BLOCK>(z, row),
            (true, true, 8..) => factors.rows::<FMA, 8, BLOCK>(z, row),
            (true, _, 4..) => factors.rows::<FMA, 4, BLOCK>(z, row),
            (true, _, 2..) => factors.rows::<FMA, 2, BLOCK>(z, row),
            (true, ..) => factors.rows::<FMA, 1, BLOCK>(z, row),
            (false, _, 8..) => factors.rows::<FMA, 8, LANES>(z, row),
            (false, _, 2..) => factors.rows::<FMA, 2, LANES>(z, row),
            (false, ..) => factors.rows::<FMA, 1, LANES>(z, row),
        };
    }
}

/// What a row of [`affine`] is made of.
struct Factors<'a, T> {
    a: View<'a, T>,
    bias: &'a [T],
    x: View<'a, T>,
    accumulate: bool,
}

impl<T: Real> Factors<'_, T> {
    /// `R` rows of `W` samples; returns how many rows were done.
    #[inline(always)]
    fn rows<const FMA: bool, const R: usize, const W: usize>(&self, z: &mut ViewMut<'_, T>, row: usize) -> usize {
        // Neighbouring rows are reached without multiplying strides.
        if self.a.strides()[0] == 1 {
            self.sum::<FMA, R, W, true>(z, row);
        } else {
            self.sum::<FMA, R, W, false>(z, row);
        }
        R
    }

    /// `R` rows of `W` samples, summed in registers; `NEIGHBOURS` says that the rows of `a` are neighbours.
    #[inline(always)]
    fn sum<const FMA: bool, const R: usize, const W: usize, const NEIGHBOURS: bool>(
        &self,
        z: &mut ViewMut<'_, T>,
        row: usize,
    ) {
        let ([rows, depth], [a_row, column]) = (self.a.counts(), self.a.strides());
        let (x_row, z_row) = (self.x.strides()[0], z.strides()[0]);
        let a_row = if NEIGHBOURS { 1 } else { a_row };
        let mut sums = [[T::ZERO; W]; R];
        assert!(row + R <= rows && z.counts()[0] == rows && self.x.counts()[0] == depth);
        assert!(W <= z.width() && W <= self.x.width());
        let (biased, accumulate) = (!self.bias.is_empty(), self.accumulate);
        assert!(!biased || self.bias.len() >= row + R);
        unrolled!(r < R, {
            if accumulate {
                // SAFETY: `z` has `W` samples of every row.
                sums[r].copy_from_slice(unsafe { z.lanes::<W>((row + r) * z_row) });
            } else if biased {
                // SAFETY: there are as many biases as rows.
                sums[r] = [unsafe { *self.bias.get_unchecked(row + r) }; W];
            }
        });
        for k in 0..depth {
            // SAFETY: `x` has `W` samples of every k.
            let x = unsafe { self.x.lanes::<W>(k * x_row) };
            unrolled!(r < R, {
                // SAFETY: `a` has these rows and every k.
                let a = unsafe { self.a.number((row + r) * a_row + k * column) };
                for l in 0..W {
                    sums[r][l] = T::fma::<FMA>(a, x[l], sums[r][l]);
                }
            });
        }
        unrolled!(r < R, {
            // SAFETY: as above.
            unsafe { z.lanes::<W>((row + r) * z_row) }.copy_from_slice(&sums[r]);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::affine;
    use crate::kernels::testing::{assert_close, assert_refused, at_every_level, normal};
    use crate::kernels::view::{View, ViewMut};
    use crate::real::Real;

    /// Every tile height and remainder, both orders of the matrix, with samples between the rows of a block.
    fn check<T: Real>(level: &str) {
        for (width, rows, depth) in [(8, 1, 1), (8, 19, 5), (16, 1, 3), (16, 31, 7), (16, 16, 1), (8, 3, 0)] {
            for by_column in [false, true] {
                let strides = if by_column { [1, rows + 1] } else { [depth + 2, 1] };
                let extent = if depth == 0 { 0 } else { (rows - 1) * strides[0] + (depth - 1) * strides[1] + 1 };
                let (x_row, z_row) = (width + 8, width + 16);
                let a = normal::<T>(extent, 1);
                let bias = normal::<T>(rows, 2);
                let x = normal::<T>(depth.max(1) * x_row - 8, 3);
                let before = normal::<T>((rows - 1) * z_row + width, 4);
                for (biased, accumulate) in [(false, false), (true, false), (false, true)] {
                    let mut z = before.clone();
                    let mut want: Vec<f64> = before.iter().map(|v| v.to_f64()).collect();
                    for r in 0..rows {
                        for l in 0..width {
                            let sum = (0..depth)
                                .map(|k| a[r * strides[0] + k * strides[1]].to_f64() * x[k * x_row + l].to_f64());
                            let start = if accumulate {
                                want[r * z_row + l]
                            } else if biased {
                                bias[r].to_f64()
                            } else {
                                0.0
                            };
                            want[r * z_row + l] = start + sum.sum::<f64>();
                        }
                    }
                    let bias = if biased { &bias[..] } else { &[] };
                    let a = View::matrix(&a, [rows, depth], strides);
                    let x = View::rows(&x, depth, x_row, width);
                    affine(a, bias, x, ViewMut::rows(&mut z, rows, z_row, width), accumulate);
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
        let run = |[a_row, a_column]: [usize; 2], [x_row, z_row]: [usize; 2], counts: [usize; 4], width, biases| {
            move || {
                let (a, x, mut z) = (vec![1.0_f32; 64], vec![1.0_f32; 64], vec![0.0_f32; 64]);
                let [rows, depth, x_rows, z_rows] = counts;
                let a = View::matrix(&a, [rows, depth], [a_row, a_column]);
                let x = View::rows(&x, x_rows, x_row, width);
                affine(a, &vec![0.0; biases], x, ViewMut::rows(&mut z, z_rows, z_row, width), false);
            }
        };
        run([2, 1], [8, 8], [2, 2, 2, 2], 8, 2)();
        for huge in [usize::MAX, usize::MAX / 2 + 1, usize::MAX - 6, 1 << 61, 1 << 32] {
            for (a, block) in [([huge, 1], [8, 8]), ([2, huge], [8, 8]), ([2, 1], [huge, 8]), ([2, 1], [8, huge])] {
                assert_refused("do not lie within", run(a, block, [2, 2, 2, 2], 8, 0));
                assert_refused("do not lie within", run(a, block, [3, 3, 3, 3], 8, 0));
            }
            assert_refused("do not lie within", run([2, 1], [8, 8], [huge, 2, 2, huge], 8, 0));
            assert_refused("do not lie within", run([2, 1], [8, 8], [2, huge, huge, 2], 8, 0));
            assert_refused("do not lie within", run([2, 1], [8, 8], [2, 2, 2, 2], huge, 0));
        }
        assert_refused("shapes", run([2, 1], [8, 8], [2, 2, 1, 2], 8, 0));
        assert_refused("shapes", run([2, 1], [8, 8], [2, 2, 2, 1], 8, 0));
        assert_refused("samples", run([2, 1], [8, 8], [2, 2, 2, 2], 4, 0));
        assert_refused("biases", run([2, 1], [8, 8], [2, 2, 2, 2], 8, 1));
    }
}
