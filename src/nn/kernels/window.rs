//! Loops of layers that slide a window over an image: convolution and pooling. A tensor is `[channels, height, width, stride]`,
//! batch last, so that every loop runs over the samples of the mini-batch and no image is copied apart.

use super::matrix::{lane_sum, row_sums};
use super::{LANES, dispatch};
use crate::nn::real::Real;
use std::ops::Range;

/// Taps that a window may have along one side.
pub const MOST_TAPS: usize = 64;
/// Convolutions with fewer multiply-adds than this stay on one thread.
const PARALLEL: usize = 1 << 20;

/// How a window slides along one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Side {
    pub input: usize,
    pub output: usize,
    pub kernel: usize,
    pub stride: usize,
    pub dilation: usize,
    /// Zeros before the first value.
    pub padding: usize,
}

/// Pairs of a tap and the place it meets, for one place on the other side.
#[derive(Clone, Copy)]
struct Taps {
    pairs: [(u32, u32); MOST_TAPS],
    len: usize,
}

impl Taps {
    fn new(pairs: impl Iterator<Item = (usize, usize)>) -> Self {
        let mut taps = Self { pairs: [(0, 0); MOST_TAPS], len: 0 };
        for (tap, at) in pairs {
            taps.pairs[taps.len] = (tap as u32, at as u32);
            taps.len += 1;
        }
        taps
    }

    fn iter(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.pairs[..self.len].iter().map(|&(tap, at)| (tap as usize, at as usize))
    }

    /// The largest tap (`which` 0) or place (1) of them.
    fn last(&self, which: usize) -> usize {
        self.iter().map(|(tap, at)| [tap, at][which]).max().unwrap_or(0)
    }
}

impl Side {
    /// The inputs under the window at output `o`.
    fn under(&self, o: usize) -> Taps {
        let side = *self;
        Taps::new((0..side.kernel).filter_map(move |k| {
            let at = (o * side.stride + k * side.dilation).checked_sub(side.padding)?;
            (at < side.input).then_some((k, at))
        }))
    }

    /// The outputs whose window lies over input `i`.
    fn over(&self, i: usize) -> Taps {
        let side = *self;
        Taps::new((0..side.kernel).filter_map(move |k| {
            let from = (i + side.padding).checked_sub(k * side.dilation)?;
            (from % side.stride == 0 && from / side.stride < side.output).then_some((k, from / side.stride))
        }))
    }

    /// The outputs whose tap `k` meets an input.
    fn meeting(&self, k: usize) -> Range<usize> {
        let shift = k * self.dilation;
        let first = self.padding.saturating_sub(shift).div_ceil(self.stride);
        let end = (self.input + self.padding).saturating_sub(shift).div_ceil(self.stride).min(self.output);
        first.min(end)..end
    }

    /// The input that tap `k` meets at output `o`, which must be one of [`Self::meeting`].
    fn met(&self, k: usize, o: usize) -> usize {
        o * self.stride + k * self.dilation - self.padding
    }
}

/// A convolution: weights `[outputs, inputs / groups, height, width]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// Channels.
    pub inputs: usize,
    pub outputs: usize,
    pub groups: usize,
    pub y: Side,
    pub x: Side,
}

impl Convolution {
    fn taps(&self) -> usize {
        self.y.kernel * self.x.kernel
    }

    /// Multiply-adds for one sample.
    fn work(&self) -> usize {
        self.outputs * self.inputs / self.groups * self.taps() * self.y.output * self.x.output
    }
}

/// Channels for the first of two threads, a multiple of the register tiles; none where one thread does all.
fn split(rows: usize, threads: usize, work: usize) -> Option<usize> {
    const TILE: usize = 4;
    let half = (rows / 2).next_multiple_of(TILE);
    (threads > 1 && half < rows && rows >= 2 * TILE && work >= PARALLEL).then_some(half)
}

/// Which of the two tensors of a convolution is computed from the other.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// z = bias + weight ∗ x; backward for a transposed convolution.
    Forward,
    /// ∂L/∂x from ∂L/∂z; forward for a transposed convolution.
    Backward,
}

/// The result of a convolution, or of its transpose, added if `accumulate`; `bias` may be empty.
pub fn convolve<T: Real>(
    c: &Convolution,
    way: Way,
    weight: &[T],
    bias: &[T],
    source: &[T],
    target: &mut [T],
    stride: usize,
    accumulate: bool,
    threads: usize,
) {
    let (inputs, outputs) = (c.inputs / c.groups, c.outputs / c.groups);
    let (from, to, strides) = match way {
        Way::Forward => (inputs, outputs, Strides { row: inputs * c.taps(), channel: c.taps() }),
        Way::Backward => (outputs, inputs, Strides { row: c.taps(), channel: inputs * c.taps() }),
    };
    let weights = outputs * inputs * c.taps();
    let (whole, result) = (source.len() / c.groups, target.len() / c.groups);
    for group in 0..c.groups {
        let weight = &weight[group * weights..][..weights];
        let bias = if bias.is_empty() { bias } else { &bias[group * to..][..to] };
        let source = &source[group * whole..][..whole];
        let target = &mut target[group * result..][..result];
        rows_of(c, way, strides, weight, bias, source, target, (from, stride, accumulate), threads);
    }
}

/// Distances in the weights between two channels of the result, and of the source.
#[derive(Clone, Copy)]
struct Strides {
    row: usize,
    channel: usize,
}

/// Rows (channels) of the result, shared between threads; each is summed by one of them in one order.
fn rows_of<T: Real>(
    c: &Convolution,
    way: Way,
    strides: Strides,
    weight: &[T],
    bias: &[T],
    source: &[T],
    target: &mut [T],
    (channels, stride, accumulate): (usize, usize, bool),
    threads: usize,
) {
    let pixels = match way {
        Way::Forward => c.y.output * c.x.output,
        Way::Backward => c.y.input * c.x.input,
    };
    let rows = target.len() / (pixels * stride);
    if let Some(half) = split(rows, threads, c.work() / c.groups * stride * rows / c.outputs.max(1)) {
        let (low, high) = target.split_at_mut(half * pixels * stride);
        let (low_bias, high_bias) = if bias.is_empty() { (bias, bias) } else { bias.split_at(half) };
        let high_weight = &weight[half * strides.row..];
        let own = (channels, stride, accumulate);
        rayon::join(
            || rows_of(c, way, strides, weight, low_bias, source, low, own, threads / 2),
            || rows_of(c, way, strides, high_weight, high_bias, source, high, own, threads - threads / 2),
        );
        return;
    }
    slide(c, way, strides, weight, bias, source, target, channels, stride, accumulate);
}

dispatch! {
    fn slide<T: Real>(c: &Convolution, way: Way, strides: Strides, weight: &[T], bias: &[T], source: &[T], target: &mut [T], channels: usize, stride: usize, accumulate: bool) => slide_body
}

#[inline(always)]
fn slide_body<T: Real, const FMA: bool>(
    c: &Convolution,
    way: Way,
    strides: Strides,
    weight: &[T],
    bias: &[T],
    source: &[T],
    target: &mut [T],
    channels: usize,
    stride: usize,
    accumulate: bool,
) {
    let forward = way == Way::Forward;
    let ((height, width), (from_height, from_width)) = if forward {
        ((c.y.output, c.x.output), (c.y.input, c.x.input))
    } else {
        ((c.y.input, c.x.input), (c.y.output, c.x.output))
    };
    let rows = target.len() / (height * width * stride);
    for y in 0..height {
        let ys = if forward { c.y.under(y) } else { c.y.over(y) };
        for x in 0..width {
            let xs = if forward { c.x.under(x) } else { c.x.over(x) };
            let place = Place {
                ys: &ys,
                xs: &xs,
                kernel_width: c.x.kernel,
                strides,
                plane: from_height * from_width * stride,
                line: from_width * stride,
                stride,
                pixel: (y * width + x) * stride,
                pixels: height * width * stride,
                channels,
                accumulate,
                far_tap: ys.last(0) * c.x.kernel + xs.last(0),
                far_input: (ys.last(1) * from_width + xs.last(1)) * stride,
            };
            let mut row = 0;
            while row < rows {
                row += match rows - row {
                    6.. => lanes::<T, FMA, 6>(&place, weight, bias, source, target, row),
                    4.. => lanes::<T, FMA, 4>(&place, weight, bias, source, target, row),
                    _ => lanes::<T, FMA, 1>(&place, weight, bias, source, target, row),
                };
            }
        }
    }
}

/// One pixel of the result and what it is made of.
struct Place<'a> {
    ys: &'a Taps,
    xs: &'a Taps,
    kernel_width: usize,
    strides: Strides,
    plane: usize,
    line: usize,
    stride: usize,
    pixel: usize,
    pixels: usize,
    channels: usize,
    accumulate: bool,
    /// Where the farthest tap and the farthest place under it lie, within one channel.
    far_tap: usize,
    far_input: usize,
}

/// `R` channels of one pixel, for all samples; returns how many channels were done.
#[inline(always)]
fn lanes<T: Real, const FMA: bool, const R: usize>(
    p: &Place<'_>,
    weight: &[T],
    bias: &[T],
    source: &[T],
    target: &mut [T],
    row: usize,
) -> usize {
    let mut lane = 0;
    while lane + 4 * LANES <= p.stride {
        block::<T, FMA, R, 2, { 2 * LANES }>(p, weight, bias, source, target, row, lane);
        lane += 4 * LANES;
    }
    while lane + 2 * LANES <= p.stride {
        block::<T, FMA, R, 1, { 2 * LANES }>(p, weight, bias, source, target, row, lane);
        lane += 2 * LANES;
    }
    if lane < p.stride {
        block::<T, FMA, R, 1, LANES>(p, weight, bias, source, target, row, lane);
    }
    R
}

/// `R` channels × `H` vectors of `W` samples of one pixel, summed in registers.
#[inline(always)]
fn block<T: Real, const FMA: bool, const R: usize, const H: usize, const W: usize>(
    p: &Place<'_>,
    weight: &[T],
    bias: &[T],
    source: &[T],
    target: &mut [T],
    row: usize,
    lane: usize,
) {
    let mut sums = [[[T::ZERO; W]; H]; R];
    if !bias.is_empty() {
        for (sum, &bias) in sums.iter_mut().zip(&bias[row..row + R]) {
            *sum = [[bias; W]; H];
        }
    }
    // The last of what is read below.
    let last = p.channels.saturating_sub(1);
    assert!(source.len() >= last * p.plane + p.far_input + lane + H * W);
    let mut rows = [&weight[..0]; R];
    for (r, weights) in rows.iter_mut().enumerate() {
        *weights = &weight[(row + r) * p.strides.row..];
        assert!(weights.len() > last * p.strides.channel + p.far_tap);
    }
    for channel in 0..p.channels {
        for (ky, y) in p.ys.iter() {
            let line = channel * p.plane + y * p.line + lane;
            let kernel = channel * p.strides.channel + ky * p.kernel_width;
            for (kx, x) in p.xs.iter() {
                let from = line + x * p.stride;
                let mut vectors = [[T::ZERO; W]; H];
                for (h, vector) in vectors.iter_mut().enumerate() {
                    let from = from + h * W;
                    // SAFETY: the first assertion holds for the largest channel, line and place.
                    vector.copy_from_slice(unsafe { source.get_unchecked(from..from + W) });
                }
                for (weights, sum) in rows.iter().zip(&mut sums) {
                    // SAFETY: the assertion on each row holds for the largest channel and tap.
                    let w = unsafe { *weights.get_unchecked(kernel + kx) };
                    for (sum, vector) in sum.iter_mut().zip(&vectors) {
                        for l in 0..W {
                            sum[l] = T::fma::<FMA>(w, vector[l], sum[l]);
                        }
                    }
                }
            }
        }
    }
    for (r, sum) in sums.iter().enumerate() {
        for (h, sum) in sum.iter().enumerate() {
            let out = &mut target[(row + r) * p.pixels + p.pixel + lane + h * W..][..W];
            if p.accumulate {
                out.iter_mut().zip(sum).for_each(|(out, &sum)| *out += sum);
            } else {
                out.copy_from_slice(sum);
            }
        }
    }
}

/// ∂L/∂weight and ∂L/∂bias, summed over pixels and the mini-batch; both overwrite.
pub fn backward_params<T: Real>(
    c: &Convolution,
    x: &[T],
    grad_z: &[T],
    grad_weight: &mut [T],
    grad_bias: &mut [T],
    stride: usize,
    threads: usize,
) {
    let (inputs, outputs) = (c.inputs / c.groups, c.outputs / c.groups);
    let (image, result) = (c.y.input * c.x.input * stride, c.y.output * c.x.output * stride);
    for group in 0..c.groups {
        let x = &x[group * inputs * image..][..inputs * image];
        let grad_z = &grad_z[group * outputs * result..][..outputs * result];
        let own = group * outputs..(group + 1) * outputs;
        let weight = &mut grad_weight[own.start * inputs * c.taps()..own.end * inputs * c.taps()];
        weights_of(c, x, grad_z, weight, stride, threads);
        if !grad_bias.is_empty() {
            row_sums(grad_z, &mut grad_bias[own], result);
        }
    }
}

fn weights_of<T: Real>(c: &Convolution, x: &[T], grad_z: &[T], grad: &mut [T], stride: usize, threads: usize) {
    let result = c.y.output * c.x.output * stride;
    let rows = grad_z.len() / result;
    if let Some(half) = split(rows, threads, c.work() / c.groups * stride * rows / c.outputs.max(1)) {
        let (low, high) = grad.split_at_mut(grad.len() / rows * half);
        let (low_z, high_z) = grad_z.split_at(half * result);
        rayon::join(
            || weights_of(c, x, low_z, low, stride, threads / 2),
            || weights_of(c, x, high_z, high, stride, threads - threads / 2),
        );
        return;
    }
    let wide = super::has_wide_registers() && stride.is_multiple_of(2 * LANES);
    correlate(c, x, grad_z, grad, stride, wide);
}

dispatch! {
    fn correlate<T: Real>(c: &Convolution, x: &[T], grad_z: &[T], grad: &mut [T], stride: usize, wide: bool) => correlate_body
}

#[inline(always)]
fn correlate_body<T: Real, const FMA: bool>(
    c: &Convolution,
    x: &[T],
    grad_z: &[T],
    grad: &mut [T],
    stride: usize,
    wide: bool,
) {
    let tile = Tile { c, x, grad_z, stride };
    let rows = grad_z.len() / (c.y.output * c.x.output * stride);
    let mut row = 0;
    while row < rows {
        let left = rows - row;
        row += match (wide, left) {
            (true, 6..) => tile.rows::<FMA, 6, { 2 * LANES }>(grad, row),
            (true, 4..) => tile.rows::<FMA, 4, { 2 * LANES }>(grad, row),
            (true, _) => tile.rows::<FMA, 1, { 2 * LANES }>(grad, row),
            (false, 4..) => tile.rows::<FMA, 4, LANES>(grad, row),
            (false, _) => tile.rows::<FMA, 1, LANES>(grad, row),
        };
    }
}

/// What the gradients of some weights are summed from.
struct Tile<'a, T> {
    c: &'a Convolution,
    x: &'a [T],
    grad_z: &'a [T],
    stride: usize,
}

impl<T: Real> Tile<'_, T> {
    /// ∂L/∂weight of `R` output channels, up to three taps of a line at a time, so that few numbers are read twice.
    /// Returns how many channels were done.
    #[inline(always)]
    fn rows<const FMA: bool, const R: usize, const W: usize>(&self, grad: &mut [T], row: usize) -> usize {
        let c = self.c;
        for channel in 0..c.inputs / c.groups {
            for ky in 0..c.y.kernel {
                let mut kx = 0;
                while kx < c.x.kernel {
                    let taps = (c.x.kernel - kx).min(3);
                    match taps {
                        3 => self.taps::<FMA, R, 3, W>(grad, row, channel, ky, kx),
                        2 => self.taps::<FMA, R, 2, W>(grad, row, channel, ky, kx),
                        _ => self.taps::<FMA, R, 1, W>(grad, row, channel, ky, kx),
                    }
                    kx += taps;
                }
            }
        }
        R
    }

    #[inline(always)]
    fn taps<const FMA: bool, const R: usize, const Q: usize, const W: usize>(
        &self,
        grad: &mut [T],
        row: usize,
        channel: usize,
        ky: usize,
        kx: usize,
    ) {
        let c = self.c;
        let columns: [Range<usize>; Q] = std::array::from_fn(|q| c.x.meeting(kx + q));
        // Where every tap meets an input; what single taps have beyond that is added behind.
        let start = columns.iter().map(|r| r.start).max().unwrap_or(0);
        let shared = start..columns.iter().map(|r| r.end).min().unwrap_or(0).max(start);
        let together = self.sum::<FMA, R, Q, W>(row, channel, ky, kx, shared.clone());
        let per_row = c.inputs / c.groups * c.taps();
        for (q, own) in columns.into_iter().enumerate() {
            let before = self.sum::<FMA, R, 1, W>(row, channel, ky, kx + q, own.start..shared.start.min(own.end));
            let behind = self.sum::<FMA, R, 1, W>(row, channel, ky, kx + q, shared.end.max(own.start)..own.end);
            for r in 0..R {
                let mut lanes = [T::ZERO; LANES];
                for sums in [&together[r][q], &before[r][0], &behind[r][0]] {
                    for part in sums.chunks_exact(LANES) {
                        lanes.iter_mut().zip(part).for_each(|(lane, &v)| *lane += v);
                    }
                }
                grad[(row + r) * per_row + channel * c.taps() + ky * c.x.kernel + kx + q] = lane_sum(lanes);
            }
        }
    }

    /// Products of `Q` neighbouring taps with `R` gradients, over the given columns of all lines, lane by lane.
    #[inline(always)]
    fn sum<const FMA: bool, const R: usize, const Q: usize, const W: usize>(
        &self,
        row: usize,
        channel: usize,
        ky: usize,
        kx: usize,
        columns: Range<usize>,
    ) -> [[[T; W]; Q]; R] {
        let (c, stride) = (self.c, self.stride);
        let mut sums = [[[T::ZERO; W]; Q]; R];
        if columns.is_empty() {
            return sums;
        }
        let step = c.y.output * c.x.output * stride;
        let apart = c.x.dilation * stride;
        let lines = c.y.meeting(ky);
        let (Some(far_line), Some(far_column)) = (lines.clone().next_back(), columns.clone().next_back()) else {
            return sums;
        };
        // The last of what is read below.
        let far = (channel * c.y.input + c.y.met(ky, far_line)) * c.x.input + c.x.met(kx, far_column);
        assert!(stride.is_multiple_of(W) && self.x.len() >= (far + 1) * stride + (Q - 1) * apart);
        let far = ((row + R - 1) * c.y.output + far_line) * c.x.output + far_column;
        assert!(self.grad_z.len() >= (far + 1) * stride);
        for oy in lines {
            let line = (channel * c.y.input + c.y.met(ky, oy)) * c.x.input * stride;
            let result = (row * c.y.output + oy) * c.x.output * stride;
            for ox in columns.clone() {
                let (x, z) = (line + c.x.met(kx, ox) * stride, result + ox * stride);
                let mut lane = 0;
                while lane < stride {
                    let mut inputs = [[T::ZERO; W]; Q];
                    for (q, input) in inputs.iter_mut().enumerate() {
                        let from = x + q * apart + lane;
                        // SAFETY: the first assertion holds for the largest line, column, tap and lane.
                        input.copy_from_slice(unsafe { self.x.get_unchecked(from..from + W) });
                    }
                    for (r, sums) in sums.iter_mut().enumerate() {
                        let from = z + r * step + lane;
                        let mut gradient = [T::ZERO; W];
                        // SAFETY: the second assertion holds for the largest row, line, column and lane.
                        gradient.copy_from_slice(unsafe { self.grad_z.get_unchecked(from..from + W) });
                        for (sum, input) in sums.iter_mut().zip(&inputs) {
                            for l in 0..W {
                                sum[l] = T::fma::<FMA>(input[l], gradient[l], sum[l]);
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

/// A window that slides over each channel alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pooling {
    pub channels: usize,
    pub y: Side,
    pub x: Side,
    pub average: bool,
}

dispatch! {
    /// The largest value, or the mean, under the window. Padding counts neither way.
    pub fn pool<T: Real>(p: &Pooling, x: &[T], out: &mut [T], stride: usize) => pool_body
}

#[inline(always)]
fn pool_body<T: Real, const FMA: bool>(p: &Pooling, x: &[T], out: &mut [T], stride: usize) {
    let (plane, line) = (p.y.input * p.x.input * stride, p.x.input * stride);
    let mut results = out.chunks_exact_mut(stride);
    for channel in x.chunks_exact(plane) {
        for oy in 0..p.y.output {
            let ys = p.y.under(oy);
            for ox in 0..p.x.output {
                let xs = p.x.under(ox);
                let Some(out) = results.next() else { return };
                let mut first = true;
                for (_, y) in ys.iter() {
                    for (_, x) in xs.iter() {
                        let values = &channel[y * line + x * stride..][..stride];
                        if std::mem::take(&mut first) {
                            out.copy_from_slice(values);
                        } else if p.average {
                            out.iter_mut().zip(values).for_each(|(out, &v)| *out += v);
                        } else {
                            out.iter_mut().zip(values).for_each(|(out, &v)| *out = out.larger(v));
                        }
                    }
                }
                if p.average {
                    let share = T::from_f64(1.0 / (ys.len * xs.len).max(1) as f64);
                    for out in out {
                        *out *= share;
                    }
                }
            }
        }
    }
}

dispatch! {
    /// The gradient of a window goes to the value that was largest (the first, where several were), or to all alike.
    pub fn pool_backward<T: Real>(p: &Pooling, x: &[T], out: &[T], grad_out: &[T], grad_x: &mut [T], stride: usize, accumulate: bool) => pool_backward_body
}

#[inline(always)]
fn pool_backward_body<T: Real, const FMA: bool>(
    p: &Pooling,
    x: &[T],
    out: &[T],
    grad_out: &[T],
    grad_x: &mut [T],
    stride: usize,
    accumulate: bool,
) {
    if !accumulate {
        grad_x.fill(T::ZERO);
    }
    let (plane, line) = (p.y.input * p.x.input * stride, p.x.input * stride);
    let mut results = out.chunks_exact(stride).zip(grad_out.chunks_exact(stride));
    for (channel, grads) in x.chunks_exact(plane).zip(grad_x.chunks_exact_mut(plane)) {
        for oy in 0..p.y.output {
            let ys = p.y.under(oy);
            for ox in 0..p.x.output {
                let xs = p.x.under(ox);
                let Some((out, grad_out)) = results.next() else { return };
                let share = T::from_f64(1.0 / (ys.len * xs.len).max(1) as f64);
                for block in (0..stride).step_by(LANES) {
                    let mut left = [T::ZERO; LANES];
                    left.copy_from_slice(&grad_out[block..][..LANES]);
                    let out = &out[block..][..LANES];
                    for (_, y) in ys.iter() {
                        for (_, x) in xs.iter() {
                            let from = y * line + x * stride + block;
                            let (values, grads) = (&channel[from..][..LANES], &mut grads[from..][..LANES]);
                            if p.average {
                                grads.iter_mut().zip(&left).for_each(|(grad, &g)| *grad += g * share);
                                continue;
                            }
                            for lane in 0..LANES {
                                let chosen = values[lane] == out[lane];
                                grads[lane] += if chosen { left[lane] } else { T::ZERO };
                                left[lane] = if chosen { T::ZERO } else { left[lane] };
                            }
                        }
                    }
                }
            }
        }
    }
}
