//! Gradients of weights that every step of a sequence `[steps, features, stride]` shares: products summed over steps and samples.

use super::blocks::{BLOCK, unrolled};
use super::view::{View, ViewMut};
use super::{LANES, dispatch, lane_sum};
use crate::real::Real;
use std::ops::Range;

/// gradient[i, o] = Σ over steps and samples of x[i] · g[o], with `x [steps, inputs]` and `g [steps, outputs]` of as many
/// samples each, and `gradient [inputs, outputs]` of single numbers; added if `accumulate`.
///
/// # Panics
/// If the shapes do not fit.
pub(crate) fn outer<T: Real>(x: View<'_, T>, g: View<'_, T>, gradient: ViewMut<'_, T>, accumulate: bool) {
    let ([steps, inputs], [also_steps, outputs]) = (x.counts(), g.counts());
    assert!(x.width() == g.width() && x.width() > 0, "both sides of a product have the same samples");
    assert!(gradient.width() == 1 && gradient.strides()[1] == 1, "gradients of a row are neighbours");
    assert!(also_steps == steps && gradient.counts() == [inputs, outputs], "the shapes of a product do not fit");
    outer_block(x, g, gradient, accumulate, super::has_wide_registers());
}

dispatch! {
    fn outer_block<T: Real>(x: View<'_, T>, g: View<'_, T>, gradient: ViewMut<'_, T>, accumulate: bool, wide: bool) => outer_body
}

/// Samples that are transposed at once.
const PIECE: usize = 64;

/// Outputs whose gradients are transposed at once, so that they are neighbours and no lanes are summed.
const BROAD: usize = 2 * BLOCK;

#[inline(always)]
fn outer_body<T: Real, const FMA: bool>(
    x: View<'_, T>,
    g: View<'_, T>,
    mut gradient: ViewMut<'_, T>,
    accumulate: bool,
    wide: bool,
) {
    let mut transposed = [[T::ZERO; BROAD]; PIECE];
    let single = wide && size_of::<T>() == 4;
    let (width, gradient) = (x.width(), &mut gradient);
    let ([steps, inputs], all_outputs) = (x.counts(), g.counts()[1]);
    for output in (0..all_outputs).step_by(BROAD) {
        let outputs = (all_outputs - output).min(BROAD);
        let mut started = accumulate;
        // A piece is some whole steps, or a part of one.
        let (run, lump) = (width.min(PIECE), (PIECE / width).max(1));
        for step in (0..steps).step_by(lump) {
            for sample in (0..width).step_by(run) {
                let (count, run) = (lump.min(steps - step), run.min(width - sample));
                for s in 0..count {
                    let to = transposed[s * run..][..run].as_flattened_mut();
                    transpose::<T, FMA>(g, step + s, output..output + outputs, sample..sample + run, to);
                }
                let piece = Piece { transposed: &transposed, x, step, steps: count, sample, run, output, outputs };
                let mut input = 0;
                while input < inputs {
                    // As many sums as registers have room for.
                    input += match (wide, outputs > BLOCK, inputs - input) {
                        (true, true, 8..) if single => piece.sum::<FMA, 8, 2, BLOCK>(gradient, input, started),
                        (true, true, 4..) => piece.sum::<FMA, 4, 2, BLOCK>(gradient, input, started),
                        (true, true, _) => piece.sum::<FMA, 1, 2, BLOCK>(gradient, input, started),
                        (true, false, 16..) if single => piece.sum::<FMA, 16, 1, BLOCK>(gradient, input, started),
                        (true, false, 8..) => piece.sum::<FMA, 8, 1, BLOCK>(gradient, input, started),
                        (true, false, 2..) => piece.sum::<FMA, 2, 1, BLOCK>(gradient, input, started),
                        (true, false, _) => piece.sum::<FMA, 1, 1, BLOCK>(gradient, input, started),
                        (false, true, 2..) => piece.sum::<FMA, 2, 4, LANES>(gradient, input, started),
                        (false, true, _) => piece.sum::<FMA, 1, 4, LANES>(gradient, input, started),
                        (false, false, 4..) => piece.sum::<FMA, 4, 2, LANES>(gradient, input, started),
                        (false, false, _) => piece.sum::<FMA, 1, 2, LANES>(gradient, input, started),
                    };
                }
                started = true;
            }
        }
    }
}

/// Some samples of some steps: transposed gradients of some outputs, and the inputs.
struct Piece<'a, T> {
    transposed: &'a [[T; BROAD]; PIECE],
    x: View<'a, T>,
    /// The first step, and how many.
    step: usize,
    steps: usize,
    /// The first sample of each step, and how many.
    sample: usize,
    run: usize,
    /// The first output, and how many.
    output: usize,
    outputs: usize,
}

impl<T: Real> Piece<'_, T> {
    /// The gradients of `I` inputs' weights for up to `N` times `V` outputs; returns `I`.
    #[inline(always)]
    fn sum<const FMA: bool, const I: usize, const N: usize, const V: usize>(
        &self,
        gradient: &mut ViewMut<'_, T>,
        input: usize,
        accumulate: bool,
    ) -> usize {
        let mut sums = [[[T::ZERO; V]; N]; I];
        let ([x_step, x_row], outputs) = (self.x.strides(), self.outputs);
        assert!(self.step + self.steps <= self.x.counts()[0] && input + I <= self.x.counts()[1]);
        assert!(self.sample + self.run <= self.x.width());
        for step in 0..self.steps {
            let x = &self.x.values()[(self.step + step) * x_step + input * x_row + self.sample..];
            for (k, row) in self.transposed[step * self.run..][..self.run].iter().enumerate() {
                let row = row.as_chunks::<V>().0;
                unrolled!(i < I, {
                    // SAFETY: `x` has these steps, inputs and samples.
                    let x = [unsafe { *x.get_unchecked(i * x_row + k) }; V];
                    unrolled!(n < N, {
                        // SAFETY: `V` is 16 only where registers are that wide.
                        unsafe { T::fma_lanes::<FMA, V>(&x, &row[n], &mut sums[i][n]) };
                    });
                });
            }
        }
        let stride = gradient.strides()[0];
        let first = input * stride + self.output;
        assert!(outputs <= N * V && gradient.strides()[1] == 1);
        assert!(input + I <= gradient.counts()[0] && self.output + outputs <= gradient.counts()[1]);
        if outputs == N * V {
            unrolled!(i < I, {
                unrolled!(n < N, {
                    // SAFETY: the gradient has these inputs and outputs.
                    let to = unsafe { gradient.lanes::<V>(first + i * stride + n * V) };
                    write(to, &sums[i][n], accumulate);
                });
            });
        } else {
            let edge = sums;
            for (i, sums) in edge.iter().enumerate() {
                let to = &mut gradient.values()[first + i * stride..][..outputs];
                write(to, &sums.as_flattened()[..outputs], accumulate);
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

/// Writes the transpose of some outputs and samples of one step to rows of [`BROAD`].
#[inline(always)]
fn transpose<T: Real, const FMA: bool>(
    g: View<'_, T>,
    step: usize,
    outputs: Range<usize>,
    samples: Range<usize>,
    to: &mut [T],
) {
    let ([_, stride], rows, columns) = (g.strides(), outputs.len(), samples.len());
    assert!(step < g.counts()[0] && outputs.end <= g.counts()[1] && samples.end <= g.width());
    let first = step * g.strides()[0] + outputs.start * stride + samples.start;
    for row in (0..rows).step_by(8) {
        for column in (0..columns).step_by(8) {
            let (from, to) = (&g.values()[first + row * stride + column..], &mut to[column * BROAD + row..]);
            if row + 8 <= rows && column + 8 <= columns {
                assert!(to.len() >= 7 * BROAD + 8);
                // SAFETY: the view holds 8 outputs of 8 samples from here on, and `to` their transpose.
                unsafe { T::transpose_8::<FMA>(from, stride, to, BROAD) };
                continue;
            }
            for r in 0..(rows - row).min(8) {
                for c in 0..(columns - column).min(8) {
                    to[c * BROAD + r] = from[r * stride + c];
                }
            }
        }
    }
}

dispatch! {
    /// sums[o] = Σ over steps and samples of g[o], for `g [steps, outputs]` and as many sums as outputs, or none; added if
    /// `accumulate`.
    ///
    /// # Panics
    /// If there are more sums than outputs.
    pub(crate) fn step_sums<T: Real>(g: View<'_, T>, sums: &mut [T], accumulate: bool) => step_sums_body
}

#[inline(always)]
fn step_sums_body<T: Real, const FMA: bool>(g: View<'_, T>, sums: &mut [T], accumulate: bool) {
    let ([steps, outputs], [g_step, g_row], width) = (g.counts(), g.strides(), g.width());
    assert!(sums.len() <= outputs, "there are more sums than outputs");
    // Four independent sums hide the latency of additions.
    for (first, sums) in (0..).step_by(4).zip(sums.chunks_mut(4)) {
        let mut lanes = [[T::ZERO; LANES]; 4];
        for step in 0..steps {
            for (o, lanes) in lanes.iter_mut().enumerate().take(sums.len()) {
                for part in g.values()[step * g_step + (first + o) * g_row..][..width].chunks_exact(LANES) {
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

#[cfg(test)]
mod tests {
    use super::{outer, step_sums};
    use crate::kernels::testing::{assert_close, assert_refused, at_every_level, normal};
    use crate::kernels::view::{View, ViewMut};
    use crate::real::Real;

    /// Every tile and remainder of inputs, outputs, steps and samples.
    fn check<T: Real>(level: &str) {
        for (steps, width, inputs, outputs) in [
            (1, 8, 1, 1),
            (3, 8, 5, 9),
            (9, 16, 17, 3),
            (5, 16, 9, 33),
            (1, 72, 3, 70),
            (2, 136, 19, 16),
            (1, 20, 2, 5),
        ] {
            // Room between rows, between steps and behind the outputs.
            let (x_row, g_row, stride) = (width + 3, width + 8, outputs + 2);
            let (x_step, g_step) = (inputs * x_row + 5, outputs * g_row + 1);
            let x = normal::<T>((steps - 1) * x_step + (inputs - 1) * x_row + width, 1);
            let g = normal::<T>((steps - 1) * g_step + (outputs - 1) * g_row + width, 2);
            let before = normal::<T>((inputs - 1) * stride + outputs, 3);
            for accumulate in [false, true] {
                let mut gradient = before.clone();
                let mut want: Vec<f64> = before.iter().map(|v| v.to_f64()).collect();
                for i in 0..inputs {
                    for o in 0..outputs {
                        let mut sum = if accumulate { want[i * stride + o] } else { 0.0 };
                        for (step, l) in (0..steps).flat_map(|step| (0..width).map(move |l| (step, l))) {
                            let (x, g) = (x[step * x_step + i * x_row + l], g[step * g_step + o * g_row + l]);
                            sum += x.to_f64() * g.to_f64();
                        }
                        want[i * stride + o] = sum;
                    }
                }
                let x = View::new(&x, [steps, inputs], [x_step, x_row], width);
                let g = View::new(&g, [steps, outputs], [g_step, g_row], width);
                outer(x, g, ViewMut::matrix(&mut gradient, [inputs, outputs], stride), accumulate);
                assert_close(&gradient, &want, &format!("{level}, {steps} steps of {width}, {inputs} by {outputs}"));
            }
            if width % 8 == 0 {
                let mut sums = vec![T::ONE; outputs];
                let of = |o: usize| {
                    let places = (0..steps).flat_map(move |step| (0..width).map(move |l| (step, l)));
                    1.0 + places.map(|(step, l)| g[step * g_step + o * g_row + l].to_f64()).sum::<f64>()
                };
                let want: Vec<f64> = (0..outputs).map(of).collect();
                step_sums(View::new(&g, [steps, outputs], [g_step, g_row], width), &mut sums, true);
                assert_close(&sums, &want, &format!("{level}, sums of {outputs} outputs"));
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
        let run = |strides: [usize; 2], counts: [usize; 2], [rows, columns]: [usize; 2], stride: usize| {
            move || {
                let (values, mut gradient) = (vec![1.0_f32; 256], vec![0.0_f32; 256]);
                let x = View::new(&values, counts, strides, 8);
                let g = View::new(&values, [2, 9], [72, 8], 8);
                outer(x, g, ViewMut::matrix(&mut gradient, [rows, columns], stride), false);
            }
        };
        run([16, 8], [2, 2], [2, 9], 9)();
        for huge in [usize::MAX, usize::MAX / 2 + 1, usize::MAX / 7, 1 << 61] {
            assert_refused("do not lie within", run([huge, 8], [2, 2], [2, 9], 9));
            assert_refused("do not lie within", run([16, huge], [2, 2], [2, 9], 9));
            assert_refused("do not lie within", run([16, 8], [2, huge], [huge, 9], 9));
            assert_refused("do not lie within", run([16, 8], [2, 2], [2, 9], huge));
        }
        assert_refused("shapes", run([16, 8], [1, 2], [2, 9], 9));
        assert_refused("shapes", run([16, 8], [2, 2], [3, 9], 9));
        assert_refused("shapes", run([16, 8], [2, 2], [2, 8], 9));
        assert_refused("more sums", || {
            step_sums(View::block(&[1.0_f32; 16], 1, 8).columns(0..1), &mut [0.0; 2], false);
        });
    }
}
