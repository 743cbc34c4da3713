//! Attention within a block of samples: matrix products of which each sample has its own, and softmax over rows of scores.

use super::affine::Matrix;
use super::blocks::{BLOCK, padded_rows, unrolled};
use super::{LANES, dispatch};
use crate::nn::real::Real;

/// c[i, j] = factor · Σₖ a[i, k] ⊙ b[j, k], where each sample has matrices of its own; rows of `c` have room for
/// [`padded_rows`] columns.
pub(crate) fn lanewise<T: Real>(
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    c: &mut [T],
    [rows, columns, depth]: [usize; 3],
    width: usize,
    factor: T,
) {
    lanewise_block(a, b, c, [rows, columns, depth], width, factor, super::has_wide_registers());
}

dispatch! {
    fn lanewise_block<T: Real>(a: Matrix<'_, T>, b: Matrix<'_, T>, c: &mut [T], shape: [usize; 3], width: usize, factor: T, wide: bool) => lanewise_body
}

#[inline(always)]
fn lanewise_body<T: Real, const FMA: bool>(
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    c: &mut [T],
    [rows, columns, depth]: [usize; 3],
    width: usize,
    factor: T,
    wide: bool,
) {
    let mut i = 0;
    while i < rows {
        i += match (width == BLOCK, wide, rows - i) {
            (true, true, 6..) if size_of::<T>() == 4 => {
                lanewise_rows::<T, FMA, 6, BLOCK>(a, b, c, i, columns, depth, factor)
            }
            (true, true, 4..) => lanewise_rows::<T, FMA, 4, BLOCK>(a, b, c, i, columns, depth, factor),
            (true, _, 2..) => lanewise_rows::<T, FMA, 2, BLOCK>(a, b, c, i, columns, depth, factor),
            (true, ..) => lanewise_rows::<T, FMA, 1, BLOCK>(a, b, c, i, columns, depth, factor),
            (false, true, 4..) => lanewise_rows::<T, FMA, 4, LANES>(a, b, c, i, columns, depth, factor),
            (false, _, 2..) => lanewise_rows::<T, FMA, 2, LANES>(a, b, c, i, columns, depth, factor),
            (false, ..) => lanewise_rows::<T, FMA, 1, LANES>(a, b, c, i, columns, depth, factor),
        };
    }
}

/// `I` rows of [`lanewise`]; returns `I`.
#[inline(always)]
fn lanewise_rows<T: Real, const FMA: bool, const I: usize, const W: usize>(
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    c: &mut [T],
    i: usize,
    columns: usize,
    depth: usize,
    factor: T,
) -> usize {
    let mut j = 0;
    while j + 4 <= columns {
        lanewise_tile::<T, FMA, I, 4, W>(a, b, c, (i, j), columns, depth, factor);
        j += 4;
    }
    while j < columns {
        lanewise_tile::<T, FMA, I, 1, W>(a, b, c, (i, j), columns, depth, factor);
        j += 1;
    }
    I
}

#[inline(always)]
fn lanewise_tile<T: Real, const FMA: bool, const I: usize, const J: usize, const W: usize>(
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    c: &mut [T],
    (i, j): (usize, usize),
    columns: usize,
    depth: usize,
    factor: T,
) {
    let mut sums = [[[T::ZERO; W]; J]; I];
    let last = depth.saturating_sub(1);
    // The last of what is read below.
    assert!(a.values.len() >= (i + I - 1) * a.row + last * a.column + W);
    assert!(b.values.len() >= (j + J - 1) * b.row + last * b.column + W);
    for k in 0..depth {
        let mut right = [[T::ZERO; W]; J];
        unrolled!(m < J, {
            let at = (j + m) * b.row + k * b.column;
            // SAFETY: the assertions above hold for the largest row, column and k.
            right[m].copy_from_slice(unsafe { b.values.get_unchecked(at..at + W) });
        });
        unrolled!(n < I, {
            let mut left = [T::ZERO; W];
            let at = (i + n) * a.row + k * a.column;
            // SAFETY: as above.
            left.copy_from_slice(unsafe { a.values.get_unchecked(at..at + W) });
            unrolled!(m < J, {
                for l in 0..W {
                    sums[n][m][l] = T::fma::<FMA>(left[l], right[m][l], sums[n][m][l]);
                }
            });
        });
    }
    assert!(c.len() >= ((i + I - 1) * padded_rows(columns) + j + J - 1) * W + W);
    unrolled!(n < I, {
        unrolled!(m < J, {
            let at = ((i + n) * padded_rows(columns) + j + m) * W;
            // SAFETY: the assertion above holds for the last row and column.
            let out = unsafe { c.get_unchecked_mut(at..at + W) };
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
