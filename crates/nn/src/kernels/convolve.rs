//! Convolution and its transpose: every pixel of the result is summed in registers, for some samples and channels at a time.

use super::convolution::{Convolution, Images, image_values, split};
use super::window::Taps;
use super::{LANES, dispatch};
use crate::real::Real;
use std::ops::Range;

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
///
/// # Panics
/// If the sizes do not fit.
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
    c.assert_valid(weight.len());
    let (inputs, outputs) = (c.inputs / c.groups, c.outputs / c.groups);
    let (from, to, strides) = match direction {
        Direction::Forward => (inputs, outputs, Strides { row: inputs * c.taps(), channel: c.taps() }),
        Direction::Backward => (outputs, inputs, Strides { row: c.taps(), channel: inputs * c.taps() }),
    };
    let weights = outputs * inputs * c.taps();
    let [(height, width), (from_height, from_width)] = sides(c, direction);
    let source = Images::new(source, from * c.groups, from_height, from_width, stride);
    let whole = image_values([to * c.groups, height, width, stride]);
    assert!(whole == Some(target.len()), "the result of a convolution has another size");
    let result = target.len() / c.groups;
    for group in 0..c.groups {
        let weight = &weight[group * weights..][..weights];
        let bias = if bias.is_empty() { bias } else { &bias[group * to..][..to] };
        let source = source.part(group * from..(group + 1) * from);
        let target = &mut target[group * result..][..result];
        let slide = Slide { c, direction, strides, source, accumulate };
        slide.share(weight, bias, target, &mut packed[..weights], threads);
    }
}

/// Heights and widths of the result and of the source.
fn sides(c: &Convolution, direction: Direction) -> [(usize, usize); 2] {
    let [result, source] = [(c.y.output, c.x.output), (c.y.input, c.x.input)];
    if direction == Direction::Forward { [result, source] } else { [source, result] }
}

/// Strides in the weights between two channels of the result, and of the source.
#[derive(Clone, Copy)]
struct Strides {
    row: usize,
    channel: usize,
}

/// The source and shape from which each row (channel) of a result is computed.
#[derive(Clone, Copy)]
struct Slide<'a, T> {
    c: &'a Convolution,
    direction: Direction,
    strides: Strides,
    source: Images<'a, T>,
    accumulate: bool,
}

impl<T: Real> Slide<'_, T> {
    /// Splits the rows between threads; each is summed by one thread in one order.
    fn share(&self, weight: &[T], bias: &[T], target: &mut [T], packed: &mut [T], threads: usize) {
        let (height, width) = sides(self.c, self.direction)[0];
        let row = height * width * self.source.stride();
        let rows = target.len() / row;
        let work = self.c.work(rows, self.source.channels(), self.source.stride());
        let Some(half) = split(rows, threads, work) else {
            slide(*self, weight, bias, target, packed, super::has_wide_registers());
            return;
        };
        let (low, high) = target.split_at_mut(half * row);
        let (low_bias, high_bias) = if bias.is_empty() { (bias, bias) } else { bias.split_at(half) };
        let (low_packed, high_packed) = packed.split_at_mut(half * self.source.channels() * self.c.taps());
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

/// Rows that are summed together in registers when `rows` are left: there are 32 registers where they are wide, else 16.
fn tile(rows: usize, wide: bool) -> usize {
    match rows {
        12 | 18.. if wide => 12,
        8 | 9 | 13..=17 if wide => 8,
        6.. => 6,
        4.. => 4,
        _ => 1,
    }
}

/// Source numbers that stay in the first-level cache while the sums of all rows read them.
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
    let [(height, width), (_, from_width)] = sides(s.c, s.direction);
    let (c, stride, taps, channels) = (s.c, s.source.stride(), s.c.taps(), s.source.channels());
    let pixels = height * width * stride;
    let rows = target.len() / pixels;
    // Pack the weights of rows that are summed together, in the order in which they are read.
    let mut row = 0;
    while row < rows {
        let count = tile(rows - row, wide);
        let panel = &mut packed[row * channels * taps..][..count * channels * taps];
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
                line: s.source.line(),
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

/// One pixel of the result, from sample `lane` on, and the taps that reach it.
struct Place<'a, T> {
    slide: &'a Slide<'a, T>,
    ys: &'a Taps,
    xs: &'a Taps,
    taps: usize,
    line: usize,
    pixel: usize,
    pixels: usize,
    lane: usize,
    /// Offset of the last source pixel under the window, within a channel.
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
        let channels = self.slide.source.channels();
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

    /// `R` rows over some channels of the source, summed in registers and added to the sums of earlier channels.
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
        let (plane, stride, source) = (s.source.plane(), s.source.stride(), s.source.values());
        // The last of what is read below.
        assert!(self.far_input + self.lane + H * W <= plane && panel.len() == s.source.channels() * self.taps * R);
        for channel in channels {
            for (ky, y) in self.ys.iter() {
                let line = channel * plane + y * self.line + self.lane;
                let kernel = channel * self.taps + ky * s.c.x.kernel;
                for (kx, x) in self.xs.iter() {
                    let from = line + x * stride;
                    let mut vectors = [[T::ZERO; W]; H];
                    for (h, vector) in vectors.iter_mut().enumerate() {
                        // SAFETY: the assertion holds for the last pixel under the window, and there are as many planes as channels.
                        vector.copy_from_slice(unsafe { source.get_unchecked(from + h * W..from + h * W + W) });
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

#[cfg(test)]
mod tests {
    use super::{Convolution, Direction, convolve};
    use crate::kernels::convolution::tests::{cases, links, side};
    use crate::kernels::testing::{assert_close, assert_refused, at_every_level, normal};
    use crate::kernels::window::Side;
    use crate::real::Real;

    fn check<T: Real>(level: &str, c: &Convolution, stride: usize, direction: Direction, accumulate: bool) {
        let links = links(c);
        let (inputs, outputs) = (c.inputs * c.y.input * c.x.input, c.outputs * c.y.output * c.x.output);
        let forward = direction == Direction::Forward;
        let (from, to, channels) = if forward { (inputs, outputs, c.outputs) } else { (outputs, inputs, c.inputs) };
        let weight = normal::<T>(c.outputs * c.inputs / c.groups * c.taps(), 1);
        let (bias, source) = (normal::<T>(channels, 2), normal::<T>(from * stride, 3));
        let mut target = normal::<T>(to * stride, 4);
        let start = |at: usize| if accumulate { target[at] } else { bias[at / (to * stride / channels)] };
        let mut want: Vec<f64> = (0..to * stride).map(|at| start(at).to_f64()).collect();
        for [w, input, output] in links {
            let (from, to) = if forward { (input, output) } else { (output, input) };
            for l in 0..stride {
                want[to * stride + l] += weight[w].to_f64() * source[from * stride + l].to_f64();
            }
        }
        let mut packed = vec![T::ZERO; weight.len()];
        convolve(c, direction, &weight, &bias, &source, &mut target, &mut packed, stride, accumulate, 1);
        assert_close(&target, &want, &format!("{level}, {c:?}, {stride} samples"));
    }

    #[test]
    fn it_equals_straight_sums() {
        at_every_level(|level| {
            for c in cases() {
                for (stride, accumulate) in [(8, false), (24, true), (40, false)] {
                    check::<f32>(level, &c, stride, Direction::Forward, accumulate);
                    check::<f32>(level, &c, stride, Direction::Backward, accumulate);
                    check::<f64>(level, &c, stride, Direction::Forward, accumulate);
                    check::<f64>(level, &c, stride, Direction::Backward, accumulate);
                }
            }
        });
    }

    #[test]
    fn absurd_strides_and_sizes_are_refused() {
        let run = |side: Side, stride: usize, source: usize, target: usize| {
            move || {
                let c = Convolution { inputs: 1, outputs: 1, groups: 1, y: side, x: side };
                let (source, mut target) = (vec![1.0_f32; source], vec![0.0_f32; target]);
                let (weight, mut packed) = (vec![1.0; 9], vec![0.0; 9]);
                let direction = Direction::Forward;
                convolve(&c, direction, &weight, &[], &source, &mut target, &mut packed, stride, false, 1);
            }
        };
        let good = side(4, 3, 1, 1, 0);
        run(good, 8, 128, 32)();
        // 16 images of 2⁶⁰ samples wrap to no values.
        for huge in [1 << 60, usize::MAX / 2 + 1, usize::MAX - 7] {
            assert_refused("values", run(good, huge, 128, 32));
            assert_refused("values", run(good, huge, 0, 0));
        }
        assert_refused("values", run(good, 8, 127, 32));
        assert_refused("another size", run(good, 8, 128, 31));
        assert_refused("another size", run(Side { output: 1 << 31, ..good }, 8, 128, 32));
        assert_refused("values", run(Side { input: 1 << 31, ..good }, 8, 128, 32));
        assert_refused("does not slide", run(Side { dilation: usize::MAX, ..good }, 8, 128, 32));
    }
}
