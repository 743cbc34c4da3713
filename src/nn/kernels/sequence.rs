//! Products of layers that work step by step on a sequence `[steps, features, stride]`, for a block of samples at a time.
//!
//! A block is [`WIDE`] or [`LANES`] neighbouring samples, so that a row of it fits vector registers. Blocks do not see each
//! other: they are what threads share, and every sum has one order whoever adds it up.

use super::matrix::lane_sum;
use super::{LANES, dispatch};
use crate::nn::real::Real;

/// Samples in a full block.
pub const WIDE: usize = 2 * LANES;

/// The blocks of so many stored columns: first column and width.
pub fn blocks(stride: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..stride).step_by(WIDE).map(move |at| (at, (stride - at).min(WIDE)))
}

/// Rows that a step of so many is given room for: one more, or steps would lie a power of two apart, where they push each
/// other out of the cache.
pub const fn roomy(rows: usize) -> usize {
    rows + 1
}

/// Runs `work` on every item, shared between threads.
pub fn share<I: Send>(items: &mut [I], threads: usize, work: &(impl Fn(&mut I) + Sync)) {
    if threads < 2 || items.len() < 2 {
        items.iter_mut().for_each(work);
        return;
    }
    let (low, high) = items.split_at_mut(items.len().div_ceil(2));
    rayon::join(|| share(low, threads / 2, work), || share(high, threads - threads / 2, work));
}

/// Runs `work` on runs of whole chunks of `length` numbers and the index of the first, shared between threads.
pub fn share_chunks<T: Send>(
    values: &mut [T],
    length: usize,
    first: usize,
    threads: usize,
    work: &(impl Fn(usize, &mut [T]) + Sync),
) {
    let chunks = values.len() / length.max(1);
    if threads < 2 || chunks < 2 {
        work(first, values);
        return;
    }
    let half = chunks.div_ceil(2);
    let (low, high) = values.split_at_mut(half * length);
    rayon::join(
        || share_chunks(low, length, first, threads / 2, work),
        || share_chunks(high, length, first + half, threads - threads / 2, work),
    );
}

/// Passes with fewer multiply-adds than this stay on one thread.
const PARALLEL: usize = 1 << 20;

/// How many of `threads` a pass of so many multiply-adds is worth.
pub fn threads_for(work: usize, threads: usize) -> usize {
    if work >= PARALLEL { threads } else { 1 }
}

/// Where rows of a block lie: the distance from one row to the next, and how many samples there are.
#[derive(Clone, Copy)]
pub struct Rows {
    pub distance: usize,
    pub width: usize,
}

/// Writes the transpose of `[rows, columns]`.
pub fn transpose<T: Real>(from: &[T], rows: usize, columns: usize, to: &mut [T]) {
    for (row, from) in from.chunks_exact(columns).take(rows).enumerate() {
        for (column, &value) in from.iter().enumerate() {
            to[column * rows + row] = value;
        }
    }
}

/// A matrix by its distances between rows and between columns; its elements are numbers, or blocks of samples.
#[derive(Clone, Copy)]
pub struct Matrix<'a, T> {
    pub values: &'a [T],
    pub row: usize,
    pub column: usize,
}

impl<'a, T> Matrix<'a, T> {
    /// Numbers that lie row by row, `lead` apart.
    pub fn rows(values: &'a [T], lead: usize) -> Self {
        Self { values, row: lead, column: 1 }
    }
}

/// z[r] = bias[r] + Σₖ a[r, k] · x[k] for one block; added to what `z` held if `accumulate`.
///
/// # Panics
/// If a slice is too short.
pub fn affine<T: Real>(
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
    let mut row = 0;
    while row < rows {
        row += match (z_rows.width == WIDE, wide, rows - row) {
            (true, true, 8..) => factors.rows::<FMA, 8, WIDE>(z, z_rows.distance, row),
            (true, _, 4..) => factors.rows::<FMA, 4, WIDE>(z, z_rows.distance, row),
            (true, ..) => factors.rows::<FMA, 1, WIDE>(z, z_rows.distance, row),
            (false, _, 8..) => factors.rows::<FMA, 8, LANES>(z, z_rows.distance, row),
            (false, ..) => factors.rows::<FMA, 1, LANES>(z, z_rows.distance, row),
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
    /// `R` rows of `W` samples, summed in registers; returns how many rows were done.
    #[inline(always)]
    fn rows<const FMA: bool, const R: usize, const W: usize>(&self, z: &mut [T], distance: usize, row: usize) -> usize {
        let mut sums = [[T::ZERO; W]; R];
        if self.accumulate {
            for (r, sum) in sums.iter_mut().enumerate() {
                sum.copy_from_slice(&z[(row + r) * distance..][..W]);
            }
        } else if !self.bias.is_empty() {
            for (sum, &bias) in sums.iter_mut().zip(&self.bias[row..row + R]) {
                *sum = [bias; W];
            }
        }
        let (last, column) = (self.depth.saturating_sub(1), self.a.column);
        // The last of what is read below.
        assert!(self.x.len() >= last * self.x_distance + W);
        let mut a = [&self.a.values[..0]; R];
        for (r, a) in a.iter_mut().enumerate() {
            *a = &self.a.values[(row + r) * self.a.row..];
            assert!(a.len() > last * column);
        }
        for k in 0..self.depth {
            let mut x = [T::ZERO; W];
            // SAFETY: the assertion above says that `W` numbers lie there, for the largest k.
            x.copy_from_slice(unsafe { self.x.get_unchecked(k * self.x_distance..k * self.x_distance + W) });
            for (a, sum) in a.iter().zip(&mut sums) {
                // SAFETY: each of these slices was asserted to hold the number of the largest k.
                let a = unsafe { *a.get_unchecked(k * column) };
                for l in 0..W {
                    sum[l] = T::fma::<FMA>(a, x[l], sum[l]);
                }
            }
        }
        for (r, sum) in sums.iter().enumerate() {
            z[(row + r) * distance..][..W].copy_from_slice(sum);
        }
        R
    }
}

/// A tensor `[steps, rows, samples]` of which one block is meant.
#[derive(Clone, Copy)]
pub struct Steps<'a, T> {
    pub values: &'a [T],
    /// From one step to the next.
    pub step: usize,
    /// From one row to the next.
    pub row: usize,
}

/// Rows and columns of a gradient `[inputs, outputs]`: from which row of x, how many of each, and the distance between rows.
#[derive(Clone, Copy)]
pub struct Part {
    pub first: usize,
    pub inputs: usize,
    pub outputs: usize,
    pub lead: usize,
}

/// gradient[i, o] = Σ over steps and samples of x[first + i] · g[o]; added if `accumulate`.
pub fn outer<T: Real>(
    x: Steps<'_, T>,
    g: Steps<'_, T>,
    steps: usize,
    width: usize,
    gradient: &mut [T],
    part: Part,
    accumulate: bool,
) {
    outer_block(x, g, steps, width, gradient, part, accumulate, super::has_wide_registers());
}

dispatch! {
    fn outer_block<T: Real>(x: Steps<'_, T>, g: Steps<'_, T>, steps: usize, width: usize, gradient: &mut [T], part: Part, accumulate: bool, wide: bool) => outer_body
}

#[inline(always)]
fn outer_body<T: Real, const FMA: bool>(
    x: Steps<'_, T>,
    g: Steps<'_, T>,
    steps: usize,
    width: usize,
    gradient: &mut [T],
    part: Part,
    accumulate: bool,
    wide: bool,
) {
    let pairs = Pairs { x, g, steps, accumulate };
    let mut row = 0;
    while row < part.inputs {
        let own = &mut gradient[row * part.lead..];
        let from = part.first + row;
        row += match (width == WIDE, wide, part.inputs - row) {
            (true, true, 6..) => pairs.rows::<FMA, 6, WIDE>(own, part, from),
            (true, true, 4..) => pairs.rows::<FMA, 4, WIDE>(own, part, from),
            (true, _, 2..) => pairs.rows::<FMA, 2, WIDE>(own, part, from),
            (true, ..) => pairs.rows::<FMA, 1, WIDE>(own, part, from),
            (false, _, 2..) => pairs.rows::<FMA, 2, LANES>(own, part, from),
            (false, ..) => pairs.rows::<FMA, 1, LANES>(own, part, from),
        };
    }
}

/// What the gradients of some weights are summed from.
struct Pairs<'a, T> {
    x: Steps<'a, T>,
    g: Steps<'a, T>,
    steps: usize,
    accumulate: bool,
}

impl<T: Real> Pairs<'_, T> {
    /// `I` rows of the gradient; returns `I`.
    #[inline(always)]
    fn rows<const FMA: bool, const I: usize, const W: usize>(
        &self,
        gradient: &mut [T],
        part: Part,
        from: usize,
    ) -> usize {
        let mut output = 0;
        while output + 4 <= part.outputs {
            self.tile::<FMA, I, 4, W>(gradient, part.lead, from, output);
            output += 4;
        }
        while output < part.outputs {
            self.tile::<FMA, I, 1, W>(gradient, part.lead, from, output);
            output += 1;
        }
        I
    }

    #[inline(always)]
    fn tile<const FMA: bool, const I: usize, const O: usize, const W: usize>(
        &self,
        gradient: &mut [T],
        lead: usize,
        from: usize,
        output: usize,
    ) {
        let sums = self.products::<FMA, I, O, W>(from, output);
        for (i, sums) in sums.iter().enumerate() {
            let totals = lane_sums(sums);
            let row = &mut gradient[i * lead + output..][..O];
            for (at, &total) in row.iter_mut().zip(&totals) {
                *at = if self.accumulate { *at + total } else { total };
            }
        }
    }

    /// The products of `I` rows with `O` gradients, summed over the steps in registers.
    #[inline(always)]
    fn products<const FMA: bool, const I: usize, const O: usize, const W: usize>(
        &self,
        from: usize,
        output: usize,
    ) -> [[[T; W]; O]; I] {
        let mut sums = [[[T::ZERO; W]; O]; I];
        let (last, x, g) = (self.steps.saturating_sub(1), self.x, self.g);
        // The last of what is read below.
        assert!(x.values.len() >= last * x.step + (from + I - 1) * x.row + W);
        assert!(g.values.len() >= last * g.step + (output + O - 1) * g.row + W);
        for step in 0..self.steps {
            let (x_at, g_at) = (step * x.step + from * x.row, step * g.step + output * g.row);
            let mut gradients = [[T::ZERO; W]; O];
            for (o, gradient) in gradients.iter_mut().enumerate() {
                let at = g_at + o * g.row;
                // SAFETY: the assertions above hold for the largest step, row and output.
                gradient.copy_from_slice(unsafe { g.values.get_unchecked(at..at + W) });
            }
            for (i, sums) in sums.iter_mut().enumerate() {
                let mut input = [T::ZERO; W];
                let at = x_at + i * x.row;
                // SAFETY: as above.
                input.copy_from_slice(unsafe { x.values.get_unchecked(at..at + W) });
                for (sum, gradient) in sums.iter_mut().zip(&gradients) {
                    for l in 0..W {
                        sum[l] = T::fma::<FMA>(input[l], gradient[l], sum[l]);
                    }
                }
            }
        }
        sums
    }
}

/// Sum of each row of lanes, in the order of [`lane_sum`], all rows side by side so that they vectorise.
#[inline(always)]
fn lane_sums<T: Real, const O: usize, const W: usize>(rows: &[[T; W]; O]) -> [T; O] {
    let mut halves = [[T::ZERO; 4]; O];
    for (half, row) in halves.iter_mut().zip(rows) {
        let mut lanes = [T::ZERO; LANES];
        lanes.copy_from_slice(&row[..LANES]);
        if W > LANES {
            for l in 0..LANES {
                lanes[l] += row[LANES + l];
            }
        }
        for l in 0..4 {
            half[l] = lanes[l] + lanes[l + 4];
        }
    }
    let mut totals = [T::ZERO; O];
    for (total, half) in totals.iter_mut().zip(&halves) {
        *total = (half[0] + half[2]) + (half[1] + half[3]);
    }
    totals
}

/// sums[o] = Σ over steps and samples of g[o]; added if `accumulate`.
pub fn step_sums<T: Real>(g: Steps<'_, T>, steps: usize, width: usize, sums: &mut [T], accumulate: bool) {
    for (o, sum) in sums.iter_mut().enumerate() {
        let mut lanes = [T::ZERO; LANES];
        for step in 0..steps {
            for part in g.values[step * g.step + o * g.row..][..width].chunks_exact(LANES) {
                lanes.iter_mut().zip(part).for_each(|(lane, &v)| *lane += v);
            }
        }
        let total = lane_sum(lanes);
        *sum = if accumulate { *sum + total } else { total };
    }
}

/// c[i, j] = factor · Σₖ a[i, k] ⊙ b[j, k], where each sample has matrices of its own; rows of `c` have room for
/// [`roomy`] columns.
pub fn lanewise<T: Real>(
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
        i += match (width == WIDE, wide, rows - i) {
            (true, true, 4..) => lanewise_rows::<T, FMA, 4, WIDE>(a, b, c, i, columns, depth, factor),
            (true, _, 2..) => lanewise_rows::<T, FMA, 2, WIDE>(a, b, c, i, columns, depth, factor),
            (true, ..) => lanewise_rows::<T, FMA, 1, WIDE>(a, b, c, i, columns, depth, factor),
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
        for (m, right) in right.iter_mut().enumerate() {
            let at = (j + m) * b.row + k * b.column;
            // SAFETY: the assertions above hold for the largest row, column and k.
            right.copy_from_slice(unsafe { b.values.get_unchecked(at..at + W) });
        }
        for (n, sums) in sums.iter_mut().enumerate() {
            let mut left = [T::ZERO; W];
            let at = (i + n) * a.row + k * a.column;
            // SAFETY: as above.
            left.copy_from_slice(unsafe { a.values.get_unchecked(at..at + W) });
            for (sum, right) in sums.iter_mut().zip(&right) {
                for l in 0..W {
                    sum[l] = T::fma::<FMA>(left[l], right[l], sum[l]);
                }
            }
        }
    }
    for (n, sums) in sums.iter().enumerate() {
        for (m, sum) in sums.iter().enumerate() {
            let out = &mut c[((i + n) * roomy(columns) + j + m) * W..][..W];
            out.iter_mut().zip(sum).for_each(|(out, &sum)| *out = sum * factor);
        }
    }
}

dispatch! {
    /// Softmax over the first `count` columns of a row `[columns, width]`, sample by sample; the others become 0.
    pub fn softmax_row<T: Real>(row: &mut [T], count: usize, width: usize) => softmax_row_body
}

#[inline(always)]
fn softmax_row_body<T: Real, const FMA: bool>(row: &mut [T], count: usize, width: usize) {
    for lane in (0..width).step_by(LANES) {
        let mut top = [T::ZERO; LANES];
        top.copy_from_slice(&row[lane..][..LANES]);
        for column in 1..count {
            for (top, &v) in top.iter_mut().zip(&row[column * width + lane..][..LANES]) {
                *top = top.larger(v);
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
    pub fn softmax_row_backward<T: Real>(p: &[T], grad: &mut [T], width: usize) => softmax_row_backward_body
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
