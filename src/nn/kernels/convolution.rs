//! Convolution over an image `[channels, height, width, stride]`, batch last: every loop runs over the samples of the
//! mini-batch, so no image is unfolded.

use super::matrix::row_sums;
use super::window::{Side, Taps};
use super::{LANES, dispatch, lane_sum};
use crate::nn::real::Real;
use std::ops::Range;

/// Convolutions with fewer multiply-adds than this stay on one thread.
const PARALLEL: usize = 1 << 20;

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

    /// Weights and inputs that meet in one output, as places in their tensors.
    pub(crate) fn products_into(&self, output: usize) -> Vec<(usize, usize)> {
        let (width, area) = (self.x.output, self.y.output * self.x.output);
        let (filter, y, x) = (output / area, output / width % self.y.output, output % width);
        let per_group = self.inputs / self.groups;
        let first = filter / (self.outputs / self.groups) * per_group;
        let mut links = Vec::new();
        for channel in 0..per_group {
            for (ky, iy) in self.y.under(y).iter() {
                for (kx, ix) in self.x.under(x).iter() {
                    links.push((
                        self.weight(filter, channel, ky, kx),
                        ((first + channel) * self.y.input + iy) * self.x.input + ix,
                    ));
                }
            }
        }
        links
    }

    /// Weights that one input meets, and the outputs that it goes into.
    pub(crate) fn products_from(&self, input: usize) -> Vec<(usize, usize)> {
        let (width, area) = (self.x.input, self.y.input * self.x.input);
        let (channel, y, x) = (input / area, input / width % self.y.input, input % width);
        let (per_group, filters) = (self.inputs / self.groups, self.outputs / self.groups);
        let group = channel / per_group;
        let mut links = Vec::new();
        for filter in group * filters..(group + 1) * filters {
            for (ky, oy) in self.y.over(y).iter() {
                for (kx, ox) in self.x.over(x).iter() {
                    links.push((
                        self.weight(filter, channel % per_group, ky, kx),
                        (filter * self.y.output + oy) * self.x.output + ox,
                    ));
                }
            }
        }
        links
    }

    /// Inputs that meet one weight, and the outputs that they go into.
    pub(crate) fn products_of(&self, weight: usize) -> Vec<(usize, usize)> {
        let per_group = self.inputs / self.groups;
        let (kx, ky) = (weight % self.x.kernel, weight / self.x.kernel % self.y.kernel);
        let (channel, filter) = (weight / self.taps() % per_group, weight / self.taps() / per_group);
        let channel = filter / (self.outputs / self.groups) * per_group + channel;
        let places = self.y.meeting(ky).flat_map(|oy| self.x.meeting(kx).map(move |ox| (oy, ox)));
        let link = |(oy, ox)| {
            let input = (channel * self.y.input + self.y.met(ky, oy)) * self.x.input + self.x.met(kx, ox);
            (input, (filter * self.y.output + oy) * self.x.output + ox)
        };
        places.map(link).collect()
    }

    fn weight(&self, filter: usize, channel: usize, ky: usize, kx: usize) -> usize {
        ((filter * (self.inputs / self.groups) + channel) * self.y.kernel + ky) * self.x.kernel + kx
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
pub(crate) enum Direction {
    /// z = bias + weight ∗ x; backward for a transposed convolution.
    Forward,
    /// ∂L/∂x from ∂L/∂z; forward for a transposed convolution.
    Backward,
}

/// The result of a convolution, or of its transpose, added if `accumulate`; `bias` may be empty. `packed` is room for as many
/// numbers as there are weights.
pub(crate) fn convolve<T: Real>(
    c: &Convolution,
    direction: Direction,
    weight: &[T],
    bias: &[T],
    source: &[T],
    target: &mut [T],
    packed: &mut [T],
    stride: usize,
    accumulate: bool,
    threads: usize,
) {
    let (inputs, outputs) = (c.inputs / c.groups, c.outputs / c.groups);
    let (from, to, strides) = match direction {
        Direction::Forward => (inputs, outputs, Strides { row: inputs * c.taps(), channel: c.taps() }),
        Direction::Backward => (outputs, inputs, Strides { row: c.taps(), channel: inputs * c.taps() }),
    };
    let weights = outputs * inputs * c.taps();
    let (whole, result) = (source.len() / c.groups, target.len() / c.groups);
    for group in 0..c.groups {
        let weight = &weight[group * weights..][..weights];
        let bias = if bias.is_empty() { bias } else { &bias[group * to..][..to] };
        let source = &source[group * whole..][..whole];
        let target = &mut target[group * result..][..result];
        let slide = Slide { c, direction, strides, channels: from, source, stride, accumulate };
        slide.share(weight, bias, target, &mut packed[..weights], threads);
    }
}

/// Distances in the weights between two channels of the result, and of the source.
#[derive(Clone, Copy)]
struct Strides {
    row: usize,
    channel: usize,
}

/// What every row (channel) of a result is made from.
#[derive(Clone, Copy)]
struct Slide<'a, T> {
    c: &'a Convolution,
    direction: Direction,
    strides: Strides,
    channels: usize,
    source: &'a [T],
    stride: usize,
    accumulate: bool,
}

impl<T: Real> Slide<'_, T> {
    /// Heights and widths of the result and of the source.
    fn sides(&self) -> [(usize, usize); 2] {
        let (y, x) = (&self.c.y, &self.c.x);
        let sides = [(y.output, x.output), (y.input, x.input)];
        if self.direction == Direction::Forward { sides } else { [sides[1], sides[0]] }
    }

    /// Rows shared between threads; each is summed by one of them in one order.
    fn share(&self, weight: &[T], bias: &[T], target: &mut [T], packed: &mut [T], threads: usize) {
        let (height, width) = self.sides()[0];
        let row = height * width * self.stride;
        let rows = target.len() / row;
        let work = self.c.work() / self.c.groups * self.stride * rows / self.c.outputs.max(1);
        let Some(half) = split(rows, threads, work) else {
            slide(*self, weight, bias, target, packed, super::has_wide_registers());
            return;
        };
        let (low, high) = target.split_at_mut(half * row);
        let (low_bias, high_bias) = if bias.is_empty() { (bias, bias) } else { bias.split_at(half) };
        let (low_packed, high_packed) = packed.split_at_mut(half * self.channels * self.c.taps());
        let high_weight = &weight[half * self.strides.row..];
        rayon::join(
            || self.share(weight, low_bias, low, low_packed, threads / 2),
            || self.share(high_weight, high_bias, high, high_packed, threads - threads / 2),
        );
    }
}

dispatch! {
    fn slide<T: Real>(s: Slide<'_, T>, weight: &[T], bias: &[T], target: &mut [T], packed: &mut [T], wide: bool) => slide_body
}

/// How many of so many rows are summed together in registers: of 32 where they are wide, else of 16.
fn tile(rows: usize, wide: bool) -> usize {
    match rows {
        12 | 18.. if wide => 12,
        8 | 9 | 13..=17 if wide => 8,
        6.. => 6,
        4.. => 4,
        _ => 1,
    }
}

/// Numbers under a window that stay in the first cache while all rows pass over them.
const WINDOW: usize = 1 << 12;

#[inline(always)]
fn slide_body<T: Real, const FMA: bool>(
    s: Slide<'_, T>,
    weight: &[T],
    bias: &[T],
    target: &mut [T],
    packed: &mut [T],
    wide: bool,
) {
    let [(height, width), (_, from_width)] = s.sides();
    let (c, stride, taps) = (s.c, s.stride, s.c.taps());
    let pixels = height * width * stride;
    let rows = target.len() / pixels;
    // Weights of rows that are summed together lie side by side, in the order in which they are read.
    let mut row = 0;
    while row < rows {
        let count = tile(rows - row, wide);
        let panel = &mut packed[row * s.channels * taps..][..count * s.channels * taps];
        for (at, weights) in panel.chunks_exact_mut(count).enumerate() {
            let from = row * s.strides.row + at / taps * s.strides.channel + at % taps;
            for (r, to) in weights.iter_mut().enumerate() {
                *to = weight[from + r * s.strides.row];
            }
        }
        row += count;
    }
    let forward = s.direction == Direction::Forward;
    for y in 0..height {
        let ys = if forward { c.y.under(y) } else { c.y.over(y) };
        for x in 0..width {
            let xs = if forward { c.x.under(x) } else { c.x.over(x) };
            let mut place = Place {
                slide: &s,
                ys: &ys,
                xs: &xs,
                taps,
                line: from_width * stride,
                pixel: (y * width + x) * stride,
                pixels,
                lane: 0,
                far_input: (ys.last(1) * from_width + xs.last(1)) * stride,
                wide,
            };
            while place.lane < stride {
                place.lane += match (wide, stride - place.lane) {
                    (true, 32..) => place.lanes::<FMA, 2, { 2 * LANES }>(bias, packed, target, rows),
                    (true, 16..) => place.lanes::<FMA, 1, { 2 * LANES }>(bias, packed, target, rows),
                    (false, 16..) => place.lanes::<FMA, 2, LANES>(bias, packed, target, rows),
                    _ => place.lanes::<FMA, 1, LANES>(bias, packed, target, rows),
                };
            }
        }
    }
}

/// Some samples of one pixel of the result and what it is made of.
struct Place<'a, T> {
    slide: &'a Slide<'a, T>,
    ys: &'a Taps,
    xs: &'a Taps,
    taps: usize,
    line: usize,
    pixel: usize,
    pixels: usize,
    lane: usize,
    /// Where the farthest place under the window lies, within one channel.
    far_input: usize,
    wide: bool,
}

impl<T: Real> Place<'_, T> {
    /// All rows for `H` vectors of `W` samples; returns how many samples were done.
    #[inline(always)]
    fn lanes<const FMA: bool, const H: usize, const W: usize>(
        &self,
        bias: &[T],
        packed: &[T],
        target: &mut [T],
        rows: usize,
    ) -> usize {
        let channels = self.slide.channels;
        let some = (WINDOW / (self.taps * H * W)).clamp(1, channels);
        let mut first = 0;
        while first < channels {
            let part = first..(first + some).min(channels);
            let mut row = 0;
            while row < rows {
                let count = tile(rows - row, self.wide);
                let panel = &packed[row * channels * self.taps..][..count * channels * self.taps];
                let bias = if bias.is_empty() { bias } else { &bias[row..row + count] };
                let part = part.clone();
                match (self.wide, count) {
                    (true, 12) => self.sum::<FMA, 12, H, W>(bias, panel, target, row, part),
                    (true, 8) => self.sum::<FMA, 8, H, W>(bias, panel, target, row, part),
                    (_, 6) => self.sum::<FMA, 6, H, W>(bias, panel, target, row, part),
                    (_, 4) => self.sum::<FMA, 4, H, W>(bias, panel, target, row, part),
                    _ => self.sum::<FMA, 1, H, W>(bias, panel, target, row, part),
                }
                row += count;
            }
            first = part.end;
        }
        H * W
    }

    /// `R` rows over some channels of the source, summed in registers and added to what earlier channels left.
    #[inline(always)]
    fn sum<const FMA: bool, const R: usize, const H: usize, const W: usize>(
        &self,
        bias: &[T],
        panel: &[T],
        target: &mut [T],
        row: usize,
        channels: Range<usize>,
    ) {
        let s = self.slide;
        let out = self.pixel + self.lane;
        let mut sums = [[[T::ZERO; W]; H]; R];
        if channels.start > 0 || s.accumulate {
            for (r, sum) in sums.iter_mut().enumerate() {
                for (h, sum) in sum.iter_mut().enumerate() {
                    sum.copy_from_slice(&target[(row + r) * self.pixels + out + h * W..][..W]);
                }
            }
        } else if !bias.is_empty() {
            for (sum, &bias) in sums.iter_mut().zip(&bias[..R]) {
                *sum = [[bias; W]; H];
            }
        }
        let plane = s.source.len() / s.channels;
        // The last of what is read below.
        assert!(self.far_input + self.lane + H * W <= plane && panel.len() == s.channels * self.taps * R);
        for channel in channels {
            for (ky, y) in self.ys.iter() {
                let line = channel * plane + y * self.line + self.lane;
                let kernel = channel * self.taps + ky * s.c.x.kernel;
                for (kx, x) in self.xs.iter() {
                    let from = line + x * s.stride;
                    let mut vectors = [[T::ZERO; W]; H];
                    for (h, vector) in vectors.iter_mut().enumerate() {
                        let from = from + h * W;
                        // SAFETY: the assertion holds for the farthest place, and there are as many planes as channels.
                        vector.copy_from_slice(unsafe { s.source.get_unchecked(from..from + W) });
                    }
                    let at = (kernel + kx) * R;
                    // SAFETY: a tap lies within the kernel, and the panel holds `R` weights for each tap of each channel.
                    let weights = unsafe { panel.get_unchecked(at..at + R) };
                    for r in 0..R {
                        let (w, sum) = ([weights[r]; W], &mut sums[r]);
                        for (sum, vector) in sum.iter_mut().zip(&vectors) {
                            // SAFETY: 16 samples are taken at once only where registers are wide.
                            unsafe { T::fma_lanes::<FMA, W>(&w, vector, sum) };
                        }
                    }
                }
            }
        }
        for (r, sum) in sums.iter().enumerate() {
            for (h, sum) in sum.iter().enumerate() {
                target[(row + r) * self.pixels + out + h * W..][..W].copy_from_slice(sum);
            }
        }
    }
}

/// ∂L/∂weight and ∂L/∂bias, summed over pixels and the mini-batch; both overwrite.
pub(crate) fn backward_params<T: Real>(
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

/// What the gradients of some weights are summed from.
struct Tile<'a, T> {
    c: &'a Convolution,
    x: &'a [T],
    grad_z: &'a [T],
    stride: usize,
}

/// Some taps of one channel: the first of them, and where on both sides their windows are looked at.
#[derive(Clone)]
struct Area {
    channel: usize,
    ky: usize,
    kx: usize,
    lines: Range<usize>,
    columns: Range<usize>,
}

impl<T: Real> Tile<'_, T> {
    /// ∂L/∂weight of `R` output channels, a whole kernel of `K` by `K` taps at a time, so that few numbers are read twice.
    /// Returns how many channels were done.
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
        let lines: [Range<usize>; KY] = std::array::from_fn(|k| c.y.meeting(ky + k));
        let columns: [Range<usize>; KX] = std::array::from_fn(|k| c.x.meeting(kx + k));
        // Where every tap meets an input; what single taps have beyond that is added behind.
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

    /// Products of `KY` by `KX` neighbouring taps with `R` gradients, over an area where all of them meet inputs, lane by lane.
    #[inline(always)]
    fn sum<const FMA: bool, const R: usize, const KY: usize, const KX: usize, const W: usize>(
        &self,
        row: usize,
        area: &Area,
    ) -> [[[[T; W]; R]; KX]; KY] {
        let (c, stride) = (self.c, self.stride);
        let mut sums = [[[[T::ZERO; W]; R]; KX]; KY];
        let Area { channel, ky, kx, lines, columns } = area.clone();
        let (Some(far_line), Some(far_column)) = (lines.clone().next_back(), columns.clone().next_back()) else {
            return sums;
        };
        let step = c.y.output * c.x.output * stride;
        let (below, beside) = (c.y.dilation * c.x.input * stride, c.x.dilation * stride);
        // The last of what is read below.
        let far = (channel * c.y.input + c.y.met(ky, far_line)) * c.x.input + c.x.met(kx, far_column);
        assert!(stride.is_multiple_of(W));
        assert!(self.x.len() >= (far + 1) * stride + (KY - 1) * below + (KX - 1) * beside);
        let far = ((row + R - 1) * c.y.output + far_line) * c.x.output + far_column;
        assert!(self.grad_z.len() >= (far + 1) * stride);
        for oy in lines {
            let line = (channel * c.y.input + c.y.met(ky, oy)) * c.x.input * stride;
            let result = (row * c.y.output + oy) * c.x.output * stride;
            for ox in columns.clone() {
                let (x, z) = (line + c.x.met(kx, ox) * stride, result + ox * stride);
                let mut lane = 0;
                while lane < stride {
                    let mut gradients = [[T::ZERO; W]; R];
                    for (r, gradient) in gradients.iter_mut().enumerate() {
                        let from = z + r * step + lane;
                        // SAFETY: the last assertion holds for the largest row, line, column and lane.
                        gradient.copy_from_slice(unsafe { self.grad_z.get_unchecked(from..from + W) });
                    }
                    for (v, sums) in sums.iter_mut().enumerate() {
                        for (u, sums) in sums.iter_mut().enumerate() {
                            let from = x + v * below + u * beside + lane;
                            let mut input = [T::ZERO; W];
                            // SAFETY: the assertion on x holds for the largest line, column, tap and lane.
                            input.copy_from_slice(unsafe { self.x.get_unchecked(from..from + W) });
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

/// What all of the ranges have in common; empty, but somewhere, if nothing.
fn common(ranges: &[Range<usize>]) -> Range<usize> {
    let start = ranges.iter().map(|r| r.start).max().unwrap_or(0);
    start..ranges.iter().map(|r| r.end).min().unwrap_or(0).max(start)
}

/// What of `own` lies before and behind a part in it.
fn around(own: &Range<usize>, part: &Range<usize>) -> [Range<usize>; 2] {
    [own.start..part.start.min(own.end), part.end.max(own.start)..own.end]
}

#[inline(always)]
fn fold<T: Real>(lanes: &mut [T; LANES], sums: &[T]) {
    for part in sums.chunks_exact(LANES) {
        lanes.iter_mut().zip(part).for_each(|(lane, &v)| *lane += v);
    }
}
