//! Loops of layers that slide a window over an image: convolution and pooling. A tensor is `[channels, height, width, stride]`,
//! batch last, so that every loop runs over the samples of the mini-batch and no image is copied apart.

use super::matrix::lane_sum;
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

/// Cuts `rows` channels in two for two threads, and goes on until each part has one.
fn split(rows: usize, threads: usize, work: usize) -> Option<usize> {
    (threads > 1 && rows > 1 && work >= PARALLEL).then(|| rows.div_ceil(2))
}

/// z = bias + weight ∗ x.
pub fn forward<T: Real>(
    c: &Convolution,
    weight: &[T],
    bias: &[T],
    x: &[T],
    z: &mut [T],
    stride: usize,
    threads: usize,
) {
    let (inputs, outputs) = (c.inputs / c.groups, c.outputs / c.groups);
    let (image, result) = (c.y.input * c.x.input * stride, c.y.output * c.x.output * stride);
    for group in 0..c.groups {
        let source = &x[group * inputs * image..][..inputs * image];
        let target = &mut z[group * outputs * result..][..outputs * result];
        let own = group * outputs..(group + 1) * outputs;
        let bias = if bias.is_empty() { bias } else { &bias[own.clone()] };
        let weight = &weight[own.start * inputs * c.taps()..own.end * inputs * c.taps()];
        let strides = Strides { row: inputs * c.taps(), channel: c.taps() };
        rows_of(c, Way::Forward, strides, weight, bias, source, target, (inputs, stride, false), threads);
    }
}

/// ∂L/∂x = the transposed convolution of ∂L/∂z, added if `accumulate`.
pub fn backward_input<T: Real>(
    c: &Convolution,
    weight: &[T],
    grad_z: &[T],
    grad_x: &mut [T],
    stride: usize,
    accumulate: bool,
    threads: usize,
) {
    let (inputs, outputs) = (c.inputs / c.groups, c.outputs / c.groups);
    let (image, result) = (c.y.input * c.x.input * stride, c.y.output * c.x.output * stride);
    for group in 0..c.groups {
        let source = &grad_z[group * outputs * result..][..outputs * result];
        let target = &mut grad_x[group * inputs * image..][..inputs * image];
        let weight = &weight[group * outputs * inputs * c.taps()..][..outputs * inputs * c.taps()];
        let strides = Strides { row: c.taps(), channel: inputs * c.taps() };
        rows_of(c, Way::Backward, strides, weight, &[], source, target, (outputs, stride, accumulate), threads);
    }
}

/// Which of the two tensors is computed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Forward,
    Backward,
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
    slide(
        c,
        way == Way::Forward,
        strides.row,
        strides.channel,
        weight,
        bias,
        source,
        target,
        channels,
        stride,
        accumulate,
    );
}

dispatch! {
    fn slide<T: Real>(c: &Convolution, forward: bool, row_step: usize, channel_step: usize, weight: &[T], bias: &[T], source: &[T], target: &mut [T], channels: usize, stride: usize, accumulate: bool) => slide_body
}

#[inline(always)]
fn slide_body<T: Real, const FMA: bool>(
    c: &Convolution,
    forward: bool,
    row_step: usize,
    channel_step: usize,
    weight: &[T],
    bias: &[T],
    source: &[T],
    target: &mut [T],
    channels: usize,
    stride: usize,
    accumulate: bool,
) {
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
                row_step,
                channel_step,
                plane: from_height * from_width * stride,
                line: from_width * stride,
                stride,
                pixel: (y * width + x) * stride,
                pixels: height * width * stride,
                channels,
                accumulate,
            };
            let mut row = 0;
            while row + 6 <= rows {
                lanes::<T, FMA, 6>(&place, weight, bias, source, target, row);
                row += 6;
            }
            while row + 4 <= rows {
                lanes::<T, FMA, 4>(&place, weight, bias, source, target, row);
                row += 4;
            }
            while row < rows {
                lanes::<T, FMA, 1>(&place, weight, bias, source, target, row);
                row += 1;
            }
        }
    }
}

/// One pixel of the result and what it is made of.
struct Place<'a> {
    ys: &'a Taps,
    xs: &'a Taps,
    kernel_width: usize,
    row_step: usize,
    channel_step: usize,
    plane: usize,
    line: usize,
    stride: usize,
    pixel: usize,
    pixels: usize,
    channels: usize,
    accumulate: bool,
}

#[inline(always)]
fn lanes<T: Real, const FMA: bool, const R: usize>(
    p: &Place<'_>,
    weight: &[T],
    bias: &[T],
    source: &[T],
    target: &mut [T],
    row: usize,
) {
    let mut lane = 0;
    while lane + 4 * LANES <= p.stride {
        block::<T, FMA, R, { 4 * LANES }>(p, weight, bias, source, target, row, lane);
        lane += 4 * LANES;
    }
    while lane + 2 * LANES <= p.stride {
        block::<T, FMA, R, { 2 * LANES }>(p, weight, bias, source, target, row, lane);
        lane += 2 * LANES;
    }
    if lane < p.stride {
        block::<T, FMA, R, LANES>(p, weight, bias, source, target, row, lane);
    }
}

/// `R` channels × `W` samples of one pixel, summed in registers.
#[inline(always)]
fn block<T: Real, const FMA: bool, const R: usize, const W: usize>(
    p: &Place<'_>,
    weight: &[T],
    bias: &[T],
    source: &[T],
    target: &mut [T],
    row: usize,
    lane: usize,
) {
    let mut sums = [[T::ZERO; W]; R];
    if !bias.is_empty() {
        for (sum, &bias) in sums.iter_mut().zip(&bias[row..row + R]) {
            *sum = [bias; W];
        }
    }
    for channel in 0..p.channels {
        for (ky, y) in p.ys.iter() {
            let line = &source[channel * p.plane + y * p.line + lane..];
            let kernel = &weight[row * p.row_step + channel * p.channel_step + ky * p.kernel_width..];
            for (kx, x) in p.xs.iter() {
                let values = &line[x * p.stride..][..W];
                for (r, sum) in sums.iter_mut().enumerate() {
                    let w = kernel[r * p.row_step + kx];
                    for (sum, &v) in sum.iter_mut().zip(values) {
                        *sum = T::fma::<FMA>(w, v, *sum);
                    }
                }
            }
        }
    }
    for (r, sum) in sums.iter().enumerate() {
        let out = &mut target[(row + r) * p.pixels + p.pixel + lane..][..W];
        if p.accumulate {
            out.iter_mut().zip(sum).for_each(|(out, &sum)| *out += sum);
        } else {
            out.copy_from_slice(sum);
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
            channel_sums(grad_z, &mut grad_bias[own], result);
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
    correlate(c, x, grad_z, grad, stride);
}

dispatch! {
    fn correlate<T: Real>(c: &Convolution, x: &[T], grad_z: &[T], grad: &mut [T], stride: usize) => correlate_body
}

#[inline(always)]
fn correlate_body<T: Real, const FMA: bool>(c: &Convolution, x: &[T], grad_z: &[T], grad: &mut [T], stride: usize) {
    let rows = grad_z.len() / (c.y.output * c.x.output * stride);
    let mut row = 0;
    while row + 4 <= rows {
        correlate_rows::<T, FMA, 4>(c, x, grad_z, grad, stride, row);
        row += 4;
    }
    while row < rows {
        correlate_rows::<T, FMA, 1>(c, x, grad_z, grad, stride, row);
        row += 1;
    }
}

/// ∂L/∂weight of `R` output channels.
#[inline(always)]
fn correlate_rows<T: Real, const FMA: bool, const R: usize>(
    c: &Convolution,
    x: &[T],
    grad_z: &[T],
    grad: &mut [T],
    stride: usize,
    row: usize,
) {
    let (channels, taps) = (c.inputs / c.groups, c.taps());
    let (plane, line) = (c.y.input * c.x.input * stride, c.x.input * stride);
    let (result_plane, result_line) = (c.y.output * c.x.output * stride, c.x.output * stride);
    for channel in 0..channels {
        for ky in 0..c.y.kernel {
            for kx in 0..c.x.kernel {
                let mut sums = [[T::ZERO; 2 * LANES]; R];
                let columns = c.x.meeting(kx);
                for oy in c.y.meeting(ky) {
                    let source = &x[channel * plane + c.y.met(ky, oy) * line..][..line];
                    let result = &grad_z[row * result_plane + oy * result_line..];
                    for ox in columns.clone() {
                        let values = &source[c.x.met(kx, ox) * stride..][..stride];
                        dot_rows::<T, FMA, R>(values, &result[ox * stride..], result_plane, &mut sums);
                    }
                }
                for (r, sum) in sums.iter().enumerate() {
                    let mut lanes = [T::ZERO; LANES];
                    for (lane, total) in lanes.iter_mut().enumerate() {
                        *total = sum[lane] + sum[lane + LANES];
                    }
                    grad[((row + r) * channels + channel) * taps + ky * c.x.kernel + kx] = lane_sum(lanes);
                }
            }
        }
    }
}

/// Adds values · rows to the sums, lane by lane.
#[inline(always)]
fn dot_rows<T: Real, const FMA: bool, const R: usize>(
    values: &[T],
    rows: &[T],
    step: usize,
    sums: &mut [[T; 2 * LANES]; R],
) {
    let mut at = 0;
    while at + 2 * LANES <= values.len() {
        let v = &values[at..][..2 * LANES];
        for (r, sum) in sums.iter_mut().enumerate() {
            let z = &rows[r * step + at..][..2 * LANES];
            for lane in 0..2 * LANES {
                sum[lane] = T::fma::<FMA>(v[lane], z[lane], sum[lane]);
            }
        }
        at += 2 * LANES;
    }
    if at < values.len() {
        let v = &values[at..][..LANES];
        for (r, sum) in sums.iter_mut().enumerate() {
            let z = &rows[r * step + at..][..LANES];
            for lane in 0..LANES {
                sum[lane] = T::fma::<FMA>(v[lane], z[lane], sum[lane]);
            }
        }
    }
}

dispatch! {
    /// sums[r] = Σ of the `length` numbers of channel r.
    fn channel_sums<T: Real>(values: &[T], sums: &mut [T], length: usize) => channel_sums_body
}

#[inline(always)]
fn channel_sums_body<T: Real, const FMA: bool>(values: &[T], sums: &mut [T], length: usize) {
    for (sum, channel) in sums.iter_mut().zip(values.chunks_exact(length)) {
        let mut lanes = [T::ZERO; LANES];
        for chunk in channel.chunks_exact(LANES) {
            for lane in 0..LANES {
                lanes[lane] += chunk[lane];
            }
        }
        *sum = lane_sum(lanes);
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

/// The largest value, or the mean, under the window. Padding counts neither way.
pub fn pool<T: Real>(p: &Pooling, x: &[T], out: &mut [T], stride: usize) {
    each_window(p, stride, |channel, inputs, at| {
        let out = &mut out[at..][..stride];
        let channel = &x[channel..];
        let mut inputs = inputs.iter();
        let Some(first) = inputs.next() else { return };
        out.copy_from_slice(&channel[first..][..stride]);
        let mut count = 1;
        for input in inputs {
            count += 1;
            let values = &channel[input..][..stride];
            if p.average {
                out.iter_mut().zip(values).for_each(|(out, &v)| *out += v);
            } else {
                out.iter_mut().zip(values).for_each(|(out, &v)| *out = out.larger(v));
            }
        }
        if p.average {
            let share = T::from_f64(1.0 / f64::from(count));
            out.iter_mut().for_each(|out| *out *= share);
        }
    });
}

/// The gradient of a window goes to the value that was largest (the first, where several were), or to all alike.
pub fn pool_backward<T: Real>(
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
    each_window(p, stride, |channel, inputs, at| {
        let (out, grad_out) = (&out[at..][..stride], &grad_out[at..][..stride]);
        if p.average {
            let share = T::from_f64(1.0 / inputs.len().max(1) as f64);
            for input in inputs.iter() {
                let grads = &mut grad_x[channel + input..][..stride];
                grads.iter_mut().zip(grad_out).for_each(|(grad, &g)| *grad += g * share);
            }
            return;
        }
        for (block, (out, grad_out)) in out.chunks_exact(LANES).zip(grad_out.chunks_exact(LANES)).enumerate() {
            let mut left = [T::ZERO; LANES];
            left.copy_from_slice(grad_out);
            for input in inputs.iter() {
                let from = channel + input + block * LANES;
                let (values, grads) = (&x[from..][..LANES], &mut grad_x[from..][..LANES]);
                for lane in 0..LANES {
                    let chosen = values[lane] == out[lane];
                    grads[lane] += if chosen { left[lane] } else { T::ZERO };
                    left[lane] = if chosen { T::ZERO } else { left[lane] };
                }
            }
        }
    });
}

/// Where the values under a window begin, relative to their channel.
struct Under {
    ys: Taps,
    xs: Taps,
    line: usize,
    stride: usize,
}

impl Under {
    fn len(&self) -> usize {
        self.ys.len * self.xs.len
    }

    fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.ys.iter().flat_map(move |(_, y)| self.xs.iter().map(move |(_, x)| y * self.line + x * self.stride))
    }
}

/// Calls `f` with the start of the channel, the values under the window, and the place of the result.
fn each_window(p: &Pooling, stride: usize, mut f: impl FnMut(usize, &Under, usize)) {
    let (plane, result) = (p.y.input * p.x.input * stride, p.y.output * p.x.output * stride);
    for oy in 0..p.y.output {
        for ox in 0..p.x.output {
            let under = Under { ys: p.y.under(oy), xs: p.x.under(ox), line: p.x.input * stride, stride };
            let at = (oy * p.x.output + ox) * stride;
            for channel in 0..p.channels {
                f(channel * plane, &under, channel * result + at);
            }
        }
    }
}
