//! Attention within a block of samples: matrix products of which each sample has its own, and softmax over rows of scores.

use super::blocks::{BLOCK, unrolled};
use super::view::{View, ViewMut};
use super::{LANES, dispatch};
use crate::real::Real;

/// c[i, j] = factor · Σₖ a[i, k] ⊙ b[j, k], where each sample of a block has matrices of its own: `a [rows, depth]`,
/// `b [columns, depth]` and `c [rows, columns]`.
///
/// # Panics
/// If the shapes do not fit.
pub(crate) fn product_by_sample<T: Real>(a: View<'_, T>, b: View<'_, T>, c: ViewMut<'_, T>, factor: T) {
    let ([rows, depth], [columns, also_depth], width) = (a.counts(), b.counts(), a.width());
    assert!(matches!(width, LANES | BLOCK), "a block has {LANES} or {BLOCK} samples");
    assert!(b.width() == width && c.width() == width, "all matrices of a product have the same samples");
    assert!(also_depth == depth && c.counts() == [rows, columns], "the shapes of a product do not fit");
    product_block(a, b, c, factor, super::has_wide_registers());
}

dispatch! {
    fn product_block<T: Real>(a: View<'_, T>, b: View<'_, T>, c: ViewMut<'_, T>, factor: T, wide: bool) => product_body
}

#[inline(always)]
fn product_body<T: Real, const FMA: bool>(
    a: View<'_, T>,
    b: View<'_, T>,
    mut c: ViewMut<'_, T>,
    factor: T,
    wide: bool,
) {
    let (c, rows) = (&mut c, a.counts()[0]);
    let mut i = 0;
    while i < rows {
        i += match (a.width() == BLOCK, wide, rows - i) {
            (true, true, 6..) if size_of::<T>() == 4 => product_rows::<T, FMA, 6, BLOCK>(a, b, c, i, factor),
            (true, true, 4..) => product_rows::<T, FMA, 4, BLOCK>(a, b, c, i, factor),
            (true, _, 2..) => product_rows::<T, FMA, 2, BLOCK>(a, b, c, i, factor),
            (true, ..) => product_rows::<T, FMA, 1, BLOCK>(a, b, c, i, factor),
            (false, true, 4..) => product_rows::<T, FMA, 4, LANES>(a, b, c, i, factor),
            (false, _, 2..) => product_rows::<T, FMA, 2, LANES>(a, b, c, i, factor),
            (false, ..) => product_rows::<T, FMA, 1, LANES>(a, b, c, i, factor),
        };
    }
}

/// `I` rows of the product; returns `I`.
#[inline(always)]
fn product_rows<T: Real, const FMA: bool, const I: usize, const W: usize>(
    a: View<'_, T>,
    b: View<'_, T>,
    c: &mut ViewMut<'_, T>,
    i: usize,
    factor: T,
) -> usize {
    let columns = b.counts()[0];
    let mut j = 0;
    while j + 4 <= columns {
        product_tile::<T, FMA, I, 4, W>(a, b, c, (i, j), factor);
        j += 4;
    }
    while j < columns {
        product_tile::<T, FMA, I, 1, W>(a, b, c, (i, j), factor);
        j += 1;
    }
    I
}

/// `I` rows and `J` columns of the product, summed in registers.
#[inline(always)]
fn product_tile<T: Real, const FMA: bool, const I: usize, const J: usize, const W: usize>(
    a: View<'_, T>,
    b: View<'_, T>,
    c: &mut ViewMut<'_, T>,
    (i, j): (usize, usize),
    factor: T,
) {
    let ([rows, depth], [columns, also_depth]) = (a.counts(), b.counts());
    let ([a_row, a_column], [b_row, b_column], [c_row, c_column]) = (a.strides(), b.strides(), c.strides());
    let mut sums = [[[T::ZERO; W]; J]; I];
    assert!(i + I <= rows && j + J <= columns && depth == also_depth && c.counts() == [rows, columns]);
    assert!(W <= a.width() && W <= b.width() && W <= c.width());
    let (a, b) = (a.values(), b.values());
    for k in 0..depth {
        let mut right = [[T::ZERO; W]; J];
        unrolled!(m < J, {
            let at = (j + m) * b_row + k * b_column;
            // SAFETY: `b` has these columns and every k.
            right[m].copy_from_slice(unsafe { b.get_unchecked(at..at + W) });
        });
        unrolled!(n < I, {
            let mut left = [T::ZERO; W];
            let at = (i + n) * a_row + k * a_column;
            // SAFETY: `a` has these rows and every k.
            left.copy_from_slice(unsafe { a.get_unchecked(at..at + W) });
            unrolled!(m < J, {
                for l in 0..W {
                    sums[n][m][l] = T::fma::<FMA>(left[l], right[m][l], sums[n][m][l]);
                }
            });
        });
    }
    unrolled!(n < I, {
        unrolled!(m < J, {
            // SAFETY: `c` has these rows and columns.
            let out = unsafe { c.lanes::<W>((i + n) * c_row + (j + m) * c_column) };
            out.iter_mut().zip(&sums[n][m]).for_each(|(out, &sum)| *out = sum * factor);
        });
    });
}

dispatch! {
    /// Softmax over the first `count` columns of a row `[columns, width]`, sample by sample; the others become 0.
    pub(crate) fn softmax_row<T: Real>(row: &mut [T], count: usize, width: usize) => softmax_row_body
}

#[inline(always)]
fn softmax_row_body<T: Real, const FMA: bool>(row: &mut [T], count: usize, width: usize) {
    for lane in (0..width).step_by(LANES) {
        let mut top = [T::ZERO; LANES];
        top.copy_from_slice(&row[lane..][..LANES]);
        for column in 1..count {
            for (top, &v) in top.iter_mut().zip(&row[column * width + lane..][..LANES]) {
                *top = top.max(v);
            }
        }
        let mut sum = [T::ZERO; LANES];
        for column in 0..count {
            let values = &mut row[column * width + lane..][..LANES];
            for l in 0..LANES {
                values[l] = (values[l] - top[l]).exp::<FMA>();
                sum[l] += values[l];
            }
        }
        let share: [T; LANES] = std::array::from_fn(|l| T::ONE / sum[l]);
        for column in 0..count {
            let values = &mut row[column * width + lane..][..LANES];
            values.iter_mut().zip(&share).for_each(|(v, &share)| *v *= share);
        }
    }
    row[count * width..].fill(T::ZERO);
}

dispatch! {
    /// ∂L/∂s = p (∂L/∂p − Σ p ∂L/∂p) over a row `[columns, width]`, in place of ∂L/∂p.
    pub(crate) fn softmax_row_backward<T: Real>(p: &[T], grad: &mut [T], width: usize) => softmax_row_backward_body
}

#[inline(always)]
fn softmax_row_backward_body<T: Real, const FMA: bool>(p: &[T], grad: &mut [T], width: usize) {
    for lane in (0..width).step_by(LANES) {
        let mut dot = [T::ZERO; LANES];
        for (p, grad) in p.chunks_exact(width).zip(grad.chunks_exact(width)) {
            let (p, grad) = (&p[lane..][..LANES], &grad[lane..][..LANES]);
            for l in 0..LANES {
                dot[l] = T::fma::<FMA>(p[l], grad[l], dot[l]);
            }
        }
        for (p, grad) in p.chunks_exact(width).zip(grad.chunks_exact_mut(width)) {
            let (p, grad) = (&p[lane..][..LANES], &mut grad[lane..][..LANES]);
            for l in 0..LANES {
                grad[l] = p[l] * (grad[l] - dot[l]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::product_by_sample;
    use crate::kernels::testing::{assert_close, assert_refused, at_every_level, normal};
    use crate::kernels::view::{View, ViewMut};
    use crate::real::Real;

    fn check<T: Real>(level: &str) {
        for (width, rows, columns, depth) in [(8, 1, 1, 1), (8, 7, 6, 3), (16, 11, 9, 5), (16, 13, 4, 1), (8, 2, 3, 0)]
        {
            let (a_row, b_row, c_row) = ((depth + 1) * width, (columns + 1) * width, (columns + 1) * width);
            let a = normal::<T>((rows - 1) * a_row + depth * width, 1);
            // By column.
            let b = normal::<T>(depth.saturating_sub(1) * b_row + columns * width, 2);
            let mut c = normal::<T>((rows - 1) * c_row + columns * width, 3);
            let mut want: Vec<f64> = c.iter().map(|v| v.to_f64()).collect();
            for (i, j) in (0..rows).flat_map(|i| (0..columns).map(move |j| (i, j))) {
                for l in 0..width {
                    let product =
                        |k: usize| a[i * a_row + k * width + l].to_f64() * b[k * b_row + j * width + l].to_f64();
                    want[i * c_row + j * width + l] = 0.5 * (0..depth).map(product).sum::<f64>();
                }
            }
            let a = View::new(&a, [rows, depth], [a_row, width], width);
            let b = View::new(&b, [columns, depth], [width, b_row], width);
            let to = ViewMut::new(&mut c, [rows, columns], [c_row, width], width);
            product_by_sample(a, b, to, T::from_f64(0.5));
            assert_close(&c, &want, &format!("{level}, {rows} by {columns} by {depth}, {width} samples"));
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
        let run = |strides: [usize; 2], [columns, depth]: [usize; 2], c_counts: [usize; 2], c_row: usize| {
            move || {
                let (values, mut c) = (vec![1.0_f32; 64], vec![0.0_f32; 64]);
                let a = View::new(&values, [2, 2], strides, 8);
                let b = View::new(&values, [columns, depth], [16, 8], 8);
                product_by_sample(a, b, ViewMut::new(&mut c, c_counts, [c_row, 8], 8), 1.0);
            }
        };
        run([16, 8], [3, 2], [2, 3], 24)();
        for huge in [usize::MAX, usize::MAX / 2 + 1, 1 << 61] {
            assert_refused("do not lie within", run([huge, 8], [3, 2], [2, 3], 24));
            assert_refused("do not lie within", run([16, huge], [3, 2], [2, 3], 24));
            assert_refused("do not lie within", run([16, 8], [huge, 2], [2, huge], 24));
            assert_refused("do not lie within", run([16, 8], [3, 2], [2, 3], huge));
        }
        assert_refused("shapes", run([16, 8], [3, 1], [2, 3], 24));
        assert_refused("shapes", run([16, 8], [3, 2], [2, 2], 24));
    }
}
