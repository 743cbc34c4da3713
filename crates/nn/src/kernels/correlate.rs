//! Gradients of a convolution's weights: the correlation of its inputs with the gradients of its outputs.

use super::convolution::{Convolution, Images, split};
use super::matrix::row_sums;
use super::{LANES, dispatch, lane_sum};
use crate::real::Real;
use std::ops::Range;

/// ∂L/∂weight and ∂L/∂bias, summed over pixels and the mini-batch; both overwrite.
///
/// # Panics
/// If the sizes do not fit.
pub(crate) fn backward_params<T: Real>(
    c: &Convolution,
    x: &[T],
    grad_z: &[T],
    grad_weight: &mut [T],
    grad_bias: &mut [T],
    stride: usize,
    threads: usize,
) {
    c.assert_valid(grad_weight.len());
    let (inputs, outputs) = (c.inputs / c.groups, c.outputs / c.groups);
    let x = Images::new(x, c.inputs, c.y.input, c.x.input, stride);
    let grad_z = Images::new(grad_z, c.outputs, c.y.output, c.x.output, stride);
    for group in 0..c.groups {
        let own = group * outputs..(group + 1) * outputs;
        let (x, grad_z) = (x.part(group * inputs..(group + 1) * inputs), grad_z.part(own.clone()));
        let weight = &mut grad_weight[own.start * inputs * c.taps()..own.end * inputs * c.taps()];
        weights_of(c, x, grad_z, weight, threads);
        if !grad_bias.is_empty() {
            row_sums(grad_z.values(), &mut grad_bias[own], grad_z.plane());
        }
    }
}

/// Splits the rows (channels of the result) between threads; each is summed by one thread in one order.
fn weights_of<T: Real>(c: &Convolution, x: Images<'_, T>, grad_z: Images<'_, T>, grad: &mut [T], threads: usize) {
    let rows = grad_z.channels();
    if let Some(half) = split(rows, threads, c.work(rows, x.channels(), x.stride())) {
        let (low, high) = grad.split_at_mut(grad.len() / rows * half);
        let (low_z, high_z) = (grad_z.part(0..half), grad_z.part(half..rows));
        rayon::join(
            || weights_of(c, x, low_z, low, threads / 2),
            || weights_of(c, x, high_z, high, threads - threads / 2),
        );
        return;
    }
    let wide = super::has_wide_registers() && x.stride().is_multiple_of(2 * LANES);
    correlate(c, x, grad_z, grad, wide);
}

dispatch! {
    fn correlate<T: Real>(c: &Convolution, x: Images<'_, T>, grad_z: Images<'_, T>, grad: &mut [T], wide: bool) => correlate_body
}

#[inline(always)]
fn correlate_body<T: Real, const FMA: bool>(
    c: &Convolution,
    x: Images<'_, T>,
    grad_z: Images<'_, T>,
    grad: &mut [T],
    wide: bool,
) {
    let tile = Tile { c, x, grad_z };
    let rows = grad_z.channels();
    let mut row = 0;
    while row < rows {
        let left = rows - row;
        row += match (wide, c.y.kernel, c.x.kernel) {
            (true, 3, 3) if left >= 3 && left != 4 => tile.whole::<FMA, 3, 3, { 2 * LANES }>(grad, row),
            (true, 3, 3) if left >= 2 => tile.whole::<FMA, 2, 3, { 2 * LANES }>(grad, row),
            (true, _, 5) if left >= 4 => tile.lines::<FMA, 4, 5, { 2 * LANES }>(grad, row),
            (true, _, 5) if left >= 2 => tile.lines::<FMA, 2, 5, { 2 * LANES }>(grad, row),
            (true, ..) if left >= 6 => tile.lines::<FMA, 6, 3, { 2 * LANES }>(grad, row),
            (true, ..) if left >= 4 => tile.lines::<FMA, 4, 3, { 2 * LANES }>(grad, row),
            (true, ..) => tile.lines::<FMA, 1, 3, { 2 * LANES }>(grad, row),
            (false, ..) if left >= 4 => tile.lines::<FMA, 4, 3, LANES>(grad, row),
            (false, ..) => tile.lines::<FMA, 1, 3, LANES>(grad, row),
        };
    }
}

/// The tensors from which the gradients are summed.
struct Tile<'a, T> {
    c: &'a Convolution,
    x: Images<'a, T>,
    grad_z: Images<'a, T>,
}

/// Some taps of one channel, from the first on, and the output pixels over which their products are summed.
#[derive(Clone)]
struct Area {
    channel: usize,
    ky: usize,
    kx: usize,
    lines: Range<usize>,
    columns: Range<usize>,
}

impl<T: Real> Tile<'_, T> {
    /// ∂L/∂weight of `R` output channels, a whole kernel of `K` by `K` taps at a time, so that numbers are read from memory less often.
    /// Returns `R`.
    #[inline(always)]
    fn whole<const FMA: bool, const R: usize, const K: usize, const W: usize>(
        &self,
        grad: &mut [T],
        row: usize,
    ) -> usize {
        for channel in 0..self.c.inputs / self.c.groups {
            self.taps::<FMA, R, K, K, W>(grad, row, channel, 0, 0);
        }
        R
    }

    /// The same with up to `Q` taps of a line at a time.
    #[inline(always)]
    fn lines<const FMA: bool, const R: usize, const Q: usize, const W: usize>(
        &self,
        grad: &mut [T],
        row: usize,
    ) -> usize {
        let c = self.c;
        for channel in 0..c.inputs / c.groups {
            for ky in 0..c.y.kernel {
                let mut kx = 0;
                while kx < c.x.kernel {
                    kx += match c.x.kernel - kx {
                        left if left >= Q => self.taps::<FMA, R, 1, Q, W>(grad, row, channel, ky, kx),
                        2.. => self.taps::<FMA, R, 1, 2, W>(grad, row, channel, ky, kx),
                        _ => self.taps::<FMA, R, 1, 1, W>(grad, row, channel, ky, kx),
                    };
                }
            }
        }
        R
    }

    /// `KY` by `KX` taps; returns `KX`.
    #[inline(always)]
    fn taps<const FMA: bool, const R: usize, const KY: usize, const KX: usize, const W: usize>(
        &self,
        grad: &mut [T],
        row: usize,
        channel: usize,
        ky: usize,
        kx: usize,
    ) -> usize {
        let c = self.c;
        let lines: [Range<usize>; KY] = std::array::from_fn(|k| c.y.valid_outputs(ky + k));
        let columns: [Range<usize>; KX] = std::array::from_fn(|k| c.x.valid_outputs(kx + k));
        // Output pixels where every tap lies on an input; the rest of each tap's pixels is added afterwards.
        let area = Area { channel, ky, kx, lines: common(&lines), columns: common(&columns) };
        let together = self.sum::<FMA, R, KY, KX, W>(row, &area);
        let per_row = c.inputs / c.groups * c.taps();
        for (v, own_lines) in lines.iter().enumerate() {
            for (u, own_columns) in columns.iter().enumerate() {
                let mut sums = [[T::ZERO; LANES]; R];
                for r in 0..R {
                    fold(&mut sums[r], &together[v][u][r]);
                }
                let [above, below] = around(own_lines, &area.lines);
                let [left, right] = around(own_columns, &area.columns);
                let across = |lines| (lines, own_columns.clone());
                let beside = |columns| (area.lines.clone(), columns);
                for (lines, columns) in [across(above), across(below), beside(left), beside(right)] {
                    if lines.is_empty() || columns.is_empty() {
                        continue;
                    }
                    let area = Area { channel, ky: ky + v, kx: kx + u, lines, columns };
                    let rest = self.sum::<FMA, R, 1, 1, W>(row, &area);
                    for r in 0..R {
                        fold(&mut sums[r], &rest[0][0][r]);
                    }
                }
                for (r, sums) in sums.into_iter().enumerate() {
                    let tap = (ky + v) * c.x.kernel + kx + u;
                    grad[(row + r) * per_row + channel * c.taps() + tap] = lane_sum(sums);
                }
            }
        }
        KX
    }

    /// Products of `KY` by `KX` neighbouring taps with `R` gradients, lane by lane, over an area where all of them lie on inputs.
    #[inline(always)]
    fn sum<const FMA: bool, const R: usize, const KY: usize, const KX: usize, const W: usize>(
        &self,
        row: usize,
        area: &Area,
    ) -> [[[[T; W]; R]; KX]; KY] {
        let (c, stride) = (self.c, self.x.stride());
        let mut sums = [[[[T::ZERO; W]; R]; KX]; KY];
        let Area { channel, ky, kx, lines, columns } = area.clone();
        let (Some(far_line), Some(far_column)) = (lines.clone().next_back(), columns.clone().next_back()) else {
            return sums;
        };
        let step = self.grad_z.plane();
        // From one tap to the next, where there are several.
        let below = if KY > 1 { c.y.dilation * self.x.line() } else { 0 };
        let beside = if KX > 1 { c.x.dilation * stride } else { 0 };
        // The last of what is read below. All taps lie on inputs in this area, so that every index is within the views.
        assert!(stride.is_multiple_of(W) && channel < self.x.channels() && row + R <= self.grad_z.channels());
        assert!(far_line < c.y.output && c.y.input_at(ky + KY - 1, far_line) < c.y.input);
        assert!(far_column < c.x.output && c.x.input_at(kx + KX - 1, far_column) < c.x.input);
        let (inputs, outputs) = (self.x.values(), self.grad_z.values());
        for oy in lines {
            let line = (channel * c.y.input + c.y.input_at(ky, oy)) * c.x.input * stride;
            let result = (row * c.y.output + oy) * c.x.output * stride;
            for ox in columns.clone() {
                let (x, z) = (line + c.x.input_at(kx, ox) * stride, result + ox * stride);
                let mut lane = 0;
                while lane < stride {
                    let mut gradients = [[T::ZERO; W]; R];
                    for (r, gradient) in gradients.iter_mut().enumerate() {
                        let from = z + r * step + lane;
                        // SAFETY: the assertions hold for the largest row, line, column and lane.
                        gradient.copy_from_slice(unsafe { outputs.get_unchecked(from..from + W) });
                    }
                    for (v, sums) in sums.iter_mut().enumerate() {
                        for (u, sums) in sums.iter_mut().enumerate() {
                            let from = x + v * below + u * beside + lane;
                            let mut input = [T::ZERO; W];
                            // SAFETY: the assertions hold for the largest line, column, tap and lane.
                            input.copy_from_slice(unsafe { inputs.get_unchecked(from..from + W) });
                            for (gradient, sum) in gradients.iter().zip(sums) {
                                // SAFETY: 16 samples are taken at once only where registers are wide.
                                unsafe { T::fma_lanes::<FMA, W>(&input, gradient, sum) };
                            }
                        }
                    }
                    lane += W;
                }
            }
        }
        sums
    }
}

/// The intersection of the ranges; an empty range if there is none.
fn common(ranges: &[Range<usize>]) -> Range<usize> {
    let start = ranges.iter().map(|r| r.start).max().unwrap_or(0);
    start..ranges.iter().map(|r| r.end).min().unwrap_or(0).max(start)
}

/// The parts of `own` before and after a part of it.
fn around(own: &Range<usize>, part: &Range<usize>) -> [Range<usize>; 2] {
    [own.start..part.start.min(own.end), part.end.max(own.start)..own.end]
}

#[inline(always)]
fn fold<T: Real>(lanes: &mut [T; LANES], sums: &[T]) {
    for part in sums.chunks_exact(LANES) {
        lanes.iter_mut().zip(part).for_each(|(lane, &v)| *lane += v);
    }
}

#[cfg(test)]
mod tests {
    use super::backward_params;
    use crate::kernels::convolution::Convolution;
    use crate::kernels::convolution::tests::{cases, links, side};
    use crate::kernels::testing::{assert_close, assert_refused, at_every_level, normal};
    use crate::real::Real;

    fn check<T: Real>(level: &str, c: &Convolution, stride: usize) {
        let x = normal::<T>(c.inputs * c.y.input * c.x.input * stride, 1);
        let grad_z = normal::<T>(c.outputs * c.y.output * c.x.output * stride, 2);
        let weights = c.outputs * c.inputs / c.groups * c.taps();
        let mut want = vec![0.0; weights];
        for [w, input, output] in links(c) {
            let product = |l: usize| x[input * stride + l].to_f64() * grad_z[output * stride + l].to_f64();
            want[w] += (0..stride).map(product).sum::<f64>();
        }
        let (mut weight, mut bias) = (vec![T::ONE; weights], vec![T::ONE; c.outputs]);
        backward_params(c, &x, &grad_z, &mut weight, &mut bias, stride, 1);
        assert_close(&weight, &want, &format!("{level}, {c:?}, {stride} samples"));
        let sums = grad_z.chunks_exact(grad_z.len() / c.outputs).map(|z| z.iter().map(|v| v.to_f64()).sum());
        assert_close(&bias, &sums.collect::<Vec<f64>>(), &format!("{level}, bias of {c:?}"));
    }

    #[test]
    fn it_equals_straight_sums() {
        at_every_level(|level| {
            for c in cases() {
                for stride in [8, 16, 24] {
                    check::<f32>(level, &c, stride);
                    check::<f64>(level, &c, stride);
                }
            }
        });
    }

    #[test]
    fn absurd_strides_and_sizes_are_refused() {
        let run = |stride: usize, x: usize, z: usize, weights: usize| {
            move || {
                let side = side(4, 3, 1, 1, 0);
                let c = Convolution { inputs: 1, outputs: 1, groups: 1, y: side, x: side };
                let (x, z) = (vec![1.0_f32; x], vec![1.0_f32; z]);
                backward_params(&c, &x, &z, &mut vec![0.0; weights], &mut [], stride, 1);
            }
        };
        run(8, 128, 32, 9)();
        for huge in [1 << 60, 1 << 62, usize::MAX / 2 + 1, usize::MAX - 7] {
            assert_refused("values", run(huge, 128, 32, 9));
            assert_refused("values", run(huge, 0, 0, 9));
        }
        assert_refused("values", run(8, 127, 32, 9));
        assert_refused("values", run(8, 128, 33, 9));
        assert_refused("weights", run(8, 128, 32, 8));
    }
}
