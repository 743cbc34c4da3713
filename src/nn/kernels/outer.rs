//! Gradients of weights that every step of a sequence `[steps, features, stride]` shares: products summed over steps and samples.

use super::blocks::{BLOCK, unrolled};
use super::{LANES, dispatch, lane_sum};
use crate::nn::real::Real;

/// A tensor `[steps, rows, samples]` of which one block is meant.
#[derive(Clone, Copy)]
pub(crate) struct Steps<'a, T> {
    pub values: &'a [T],
    /// From one step to the next.
    pub step: usize,
    /// From one row to the next.
    pub row: usize,
}

/// Rows and columns of a gradient `[inputs, outputs]`: from which row of x, how many of each, and the distance between rows.
#[derive(Clone, Copy)]
pub(crate) struct Part {
    pub first: usize,
    pub inputs: usize,
    pub outputs: usize,
    pub lead: usize,
}

/// gradient[i, o] = Σ over steps and samples of x[first + i] · g[o]; added if `accumulate`.
pub(crate) fn outer<T: Real>(
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
const BROAD: usize = 2 * BLOCK;

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
                    input += match (wide, outputs > BLOCK, part.inputs - input) {
                        (true, true, 8..) if single => piece.sum::<FMA, 8, 2, BLOCK>(own, input, started),
                        (true, true, 4..) => piece.sum::<FMA, 4, 2, BLOCK>(own, input, started),
                        (true, true, _) => piece.sum::<FMA, 1, 2, BLOCK>(own, input, started),
                        (true, false, 16..) if single => piece.sum::<FMA, 16, 1, BLOCK>(own, input, started),
                        (true, false, 8..) => piece.sum::<FMA, 8, 1, BLOCK>(own, input, started),
                        (true, false, 2..) => piece.sum::<FMA, 2, 1, BLOCK>(own, input, started),
                        (true, false, _) => piece.sum::<FMA, 1, 1, BLOCK>(own, input, started),
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
    pub(crate) fn step_sums<T: Real>(g: Steps<'_, T>, steps: usize, width: usize, sums: &mut [T], accumulate: bool) => step_sums_body
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
