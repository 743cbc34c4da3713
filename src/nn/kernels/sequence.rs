//! Products of layers that work step by step on a sequence `[steps, features, stride]`, for a block of samples at a time.
//!
//! A block is [`WIDE`] or [`LANES`] neighbouring samples, so that a row of it fits vector registers. Blocks do not see each
//! other: they are what threads share, and every sum has one order whoever adds it up.

use super::matrix::lane_sum;
use super::{LANES, dispatch};
use crate::nn::real::Real;

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

    /// Numbers that lie column by column, `lead` apart.
    pub fn columns(values: &'a [T], lead: usize) -> Self {
        Self { values, row: 1, column: lead }
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
    let single = wide && size_of::<T>() == 4;
    let mut row = 0;
    while row < rows {
        let distance = z_rows.distance;
        row += match (z_rows.width == WIDE, wide, rows - row) {
            (true, true, 16..) if single => factors.rows::<FMA, 16, WIDE>(z, distance, row),
            (true, true, 8..) => factors.rows::<FMA, 8, WIDE>(z, distance, row),
            (true, _, 4..) => factors.rows::<FMA, 4, WIDE>(z, distance, row),
            (true, _, 2..) => factors.rows::<FMA, 2, WIDE>(z, distance, row),
            (true, ..) => factors.rows::<FMA, 1, WIDE>(z, distance, row),
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

/// Rows of a [`Packed`] panel.
const TALL: usize = 16;

/// The panels of so many rows: the first row and how many the panel has room for.
fn panels(rows: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..rows).step_by(TALL).map(move |row| (row, (rows - row).min(TALL).next_power_of_two().max(4)))
}

/// A matrix in the order in which [`Packed::affine`] reads it: panels of neighbouring rows, column by column.
pub struct Packed<T> {
    values: Vec<T>,
    rows: usize,
    depth: usize,
}

impl<T: Real> Packed<T> {
    pub fn new(rows: usize, depth: usize) -> Self {
        let room: usize = panels(rows).map(|(_, height)| height).sum();
        Self { values: vec![T::ZERO; room * depth], rows, depth }
    }

    /// Copies the matrix, `[rows, depth]`.
    pub fn fill(&mut self, from: Matrix<'_, T>) {
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
    pub fn affine(&self, bias: &[T], x: &[T], x_distance: usize, z: &mut [T], z_rows: Rows, accumulate: bool) {
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
                match (wide && z_rows.width == WIDE, tall.min(height)) {
                    (true, TALL) => part.rows::<FMA, TALL, WIDE>(z, distance, rows),
                    (true, 8) => part.rows::<FMA, 8, WIDE>(z, distance, rows),
                    (true, _) => part.rows::<FMA, 4, WIDE>(z, distance, rows),
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

/// Samples of a turned piece.
const PIECE: usize = 64;

/// Gradients of [`BROAD`] outputs are turned piece by piece, so that outputs lie side by side and no lanes are summed.
const BROAD: usize = 2 * WIDE;

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
    let mut turned = [[T::ZERO; BROAD]; PIECE];
    let single = wide && size_of::<T>() == 4;
    for output in (0..part.outputs).step_by(BROAD) {
        let outputs = (part.outputs - output).min(BROAD);
        let mut started = accumulate;
        // A piece is some whole steps, or a part of one.
        let (run, lump) = (width.min(PIECE), (PIECE / width).max(1));
        for step in (0..steps).step_by(lump) {
            for sample in (0..width).step_by(run) {
                let (count, run) = (lump.min(steps - step), run.min(width - sample));
                for s in 0..count {
                    let values = &g.values[(step + s) * g.step + output * g.row + sample..];
                    let turned = turned[s * run..][..run].as_flattened_mut();
                    turn::<T, FMA>(values, g.row, outputs, run, turned);
                }
                let values = &x.values[step * x.step + part.first * x.row + sample..];
                let piece =
                    Piece { turned: &turned, x: Steps { values, ..x }, steps: count, run, lead: part.lead, outputs };
                let mut input = 0;
                while input < part.inputs {
                    let own = &mut gradient[input * part.lead + output..];
                    // As many sums as registers have room for.
                    input += match (wide, outputs > WIDE, part.inputs - input) {
                        (true, true, 8..) if single => piece.sum::<FMA, 8, 2, WIDE>(own, input, started),
                        (true, true, 4..) => piece.sum::<FMA, 4, 2, WIDE>(own, input, started),
                        (true, true, _) => piece.sum::<FMA, 1, 2, WIDE>(own, input, started),
                        (true, false, 16..) if single => piece.sum::<FMA, 16, 1, WIDE>(own, input, started),
                        (true, false, 8..) => piece.sum::<FMA, 8, 1, WIDE>(own, input, started),
                        (true, false, 2..) => piece.sum::<FMA, 2, 1, WIDE>(own, input, started),
                        (true, false, _) => piece.sum::<FMA, 1, 1, WIDE>(own, input, started),
                        (false, true, 2..) => piece.sum::<FMA, 2, 4, LANES>(own, input, started),
                        (false, true, _) => piece.sum::<FMA, 1, 4, LANES>(own, input, started),
                        (false, false, 4..) => piece.sum::<FMA, 4, 2, LANES>(own, input, started),
                        (false, false, _) => piece.sum::<FMA, 1, 2, LANES>(own, input, started),
                    };
                }
                started = true;
            }
        }
    }
}

/// Some samples of some steps: gradients with outputs side by side, and the inputs.
struct Piece<'a, T> {
    turned: &'a [[T; BROAD]; PIECE],
    x: Steps<'a, T>,
    steps: usize,
    /// Samples of each step.
    run: usize,
    lead: usize,
    outputs: usize,
}

impl<T: Real> Piece<'_, T> {
    /// The gradients of `I` inputs' weights for `N` times `V` outputs; returns `I`.
    #[inline(always)]
    fn sum<const FMA: bool, const I: usize, const N: usize, const V: usize>(
        &self,
        gradient: &mut [T],
        input: usize,
        accumulate: bool,
    ) -> usize {
        let mut sums = [[[T::ZERO; V]; N]; I];
        let (outputs, lead, x_row) = (self.outputs, self.lead, self.x.row);
        for step in 0..self.steps {
            let x = &self.x.values[step * self.x.step + input * x_row..];
            // The last of what is read below.
            assert!(self.run > 0 && x.len() >= (I - 1) * x_row + self.run);
            for (k, row) in self.turned[step * self.run..][..self.run].iter().enumerate() {
                let row = row.as_chunks::<V>().0;
                unrolled!(i < I, {
                    // SAFETY: the assertion above holds for the largest row and k.
                    let x = [unsafe { *x.get_unchecked(i * x_row + k) }; V];
                    unrolled!(n < N, {
                        // SAFETY: `V` is 16 only where registers are that wide.
                        unsafe { T::fma_lanes::<FMA, V>(&x, &row[n], &mut sums[i][n]) };
                    });
                });
            }
        }
        assert!(outputs <= N * V && gradient.len() >= (I - 1) * lead + outputs);
        if outputs == N * V {
            unrolled!(i < I, {
                unrolled!(n < N, {
                    // SAFETY: the assertion above holds for the last row.
                    let at = unsafe { gradient.get_unchecked_mut(i * lead + n * V..i * lead + n * V + V) };
                    write(at, &sums[i][n], accumulate);
                });
            });
        } else {
            let edge = sums;
            for (i, sums) in edge.iter().enumerate() {
                write(&mut gradient[i * lead..][..outputs], &sums.as_flattened()[..outputs], accumulate);
            }
        }
        I
    }
}

#[inline(always)]
fn write<T: Real>(to: &mut [T], sums: &[T], accumulate: bool) {
    if accumulate {
        to.iter_mut().zip(sums).for_each(|(to, &sum)| *to += sum);
    } else {
        to.copy_from_slice(sums);
    }
}

/// Writes the transpose of `rows` times `columns` numbers, `distance` apart, to rows of [`BROAD`].
#[inline(always)]
fn turn<T: Real, const FMA: bool>(from: &[T], distance: usize, rows: usize, columns: usize, to: &mut [T]) {
    for row in (0..rows).step_by(8) {
        for column in (0..columns).step_by(8) {
            let (from, to) = (&from[row * distance + column..], &mut to[column * BROAD + row..]);
            if row + 8 <= rows && column + 8 <= columns {
                assert!(from.len() >= 7 * distance + 8 && to.len() >= 7 * BROAD + 8);
                // SAFETY: the slices hold the last of 8 times 8 numbers.
                unsafe { T::turn_8::<FMA>(from, distance, to, BROAD) };
                continue;
            }
            for r in 0..(rows - row).min(8) {
                for c in 0..(columns - column).min(8) {
                    to[c * BROAD + r] = from[r * distance + c];
                }
            }
        }
    }
}

dispatch! {
    /// sums[o] = Σ over steps and samples of g[o]; added if `accumulate`.
    pub fn step_sums<T: Real>(g: Steps<'_, T>, steps: usize, width: usize, sums: &mut [T], accumulate: bool) => step_sums_body
}

#[inline(always)]
fn step_sums_body<T: Real, const FMA: bool>(
    g: Steps<'_, T>,
    steps: usize,
    width: usize,
    sums: &mut [T],
    accumulate: bool,
) {
    // Four sums side by side, so that an addition need not wait for the one before.
    for (first, sums) in (0..).step_by(4).zip(sums.chunks_mut(4)) {
        let mut lanes = [[T::ZERO; LANES]; 4];
        for step in 0..steps {
            for (o, lanes) in lanes.iter_mut().enumerate().take(sums.len()) {
                for part in g.values[step * g.step + (first + o) * g.row..][..width].chunks_exact(LANES) {
                    lanes.iter_mut().zip(part).for_each(|(lane, &v)| *lane += v);
                }
            }
        }
        for (sum, lanes) in sums.iter_mut().zip(lanes) {
            let total = lane_sum(lanes);
            *sum = if accumulate { *sum + total } else { total };
        }
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
            (true, true, 6..) if size_of::<T>() == 4 => {
                lanewise_rows::<T, FMA, 6, WIDE>(a, b, c, i, columns, depth, factor)
            }
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
    assert!(c.len() >= ((i + I - 1) * roomy(columns) + j + J - 1) * W + W);
    unrolled!(n < I, {
        unrolled!(m < J, {
            let at = ((i + n) * roomy(columns) + j + m) * W;
            // SAFETY: the assertion above holds for the last row and column.
            let out = unsafe { c.get_unchecked_mut(at..at + W) };
            out.iter_mut().zip(&sums[n][m]).for_each(|(out, &sum)| *out = sum * factor);
        });
    });
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
