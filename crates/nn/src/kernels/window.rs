//! Windows that slide over an image, and pooling under them. A tensor is `[channels, height, width, stride]`,
//! batch last, so that every loop runs over the samples of the mini-batch and no window is copied.

use super::threads::share_chunks;
use super::{LANES, dispatch, has_wide_registers};
use crate::real::Real;
use std::ops::Range;

/// The most taps that a window may have along one side.
pub(crate) const MOST_TAPS: usize = 64;

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

/// The taps that connect one place of a side with places of the other: pairs of a tap and the other place.
#[derive(Clone, Copy)]
pub(super) struct Taps {
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

    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.pairs[..self.len].iter().map(|&(tap, at)| (tap as usize, at as usize))
    }

    /// The largest tap (`which` 0) or place (1) of them.
    pub(super) fn last(&self, which: usize) -> usize {
        self.iter().map(|(tap, at)| [tap, at][which]).max().unwrap_or(0)
    }
}

impl Side {
    /// Whether it is a window, and the arithmetic on the places that it reaches does not overflow.
    pub(super) fn is_valid(&self) -> bool {
        let Self { input, output, kernel, stride, dilation, padding } = *self;
        // Taps hold places as 32 bits.
        let counted = |n: usize| n > 0 && u32::try_from(n).is_ok();
        let reach = (kernel.saturating_sub(1)).checked_mul(dilation).and_then(|taps| {
            let last = output.checked_sub(1)?.checked_mul(stride)?;
            last.checked_add(taps)
        });
        (1..=MOST_TAPS).contains(&kernel)
            && stride > 0
            && counted(input)
            && counted(output)
            && reach.is_some()
            && input.checked_add(padding).is_some()
    }

    /// The inputs under the window at output `o`.
    pub(super) fn under(&self, o: usize) -> Taps {
        let side = *self;
        Taps::new((0..side.kernel).filter_map(move |k| {
            let at = (o * side.stride + k * side.dilation).checked_sub(side.padding)?;
            (at < side.input).then_some((k, at))
        }))
    }

    /// The outputs whose window lies over input `i`.
    pub(super) fn over(&self, i: usize) -> Taps {
        let side = *self;
        Taps::new((0..side.kernel).filter_map(move |k| {
            let from = (i + side.padding).checked_sub(k * side.dilation)?;
            (from % side.stride == 0 && from / side.stride < side.output).then_some((k, from / side.stride))
        }))
    }

    /// The outputs at which tap `k` lies on an input.
    pub(super) fn valid_outputs(&self, k: usize) -> Range<usize> {
        let shift = k * self.dilation;
        let first = self.padding.saturating_sub(shift).div_ceil(self.stride);
        let end = (self.input + self.padding).saturating_sub(shift).div_ceil(self.stride).min(self.output);
        first.min(end)..end
    }

    /// The input under tap `k` at output `o`, which must be one of [`Self::valid_outputs`].
    pub(super) fn input_at(&self, k: usize, o: usize) -> usize {
        o * self.stride + k * self.dilation - self.padding
    }
}

/// A window that slides over each channel by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pooling {
    pub channels: usize,
    pub y: Side,
    pub x: Side,
    pub average: bool,
    /// Whether a mean counts the zeros of the padding, as with PyTorch's `count_include_pad`.
    pub counts_padding: bool,
}

/// Inputs of fewer numbers than this are pooled on one thread.
const PARALLEL: usize = 1 << 18;

/// The largest value, or the mean, under the window. Padding is never the largest; the mean counts it where it is told to.
pub(crate) fn pool<T: Real>(p: &Pooling, x: &[T], out: &mut [T], stride: usize, threads: usize) {
    let (from, to) = (p.y.input * p.x.input * stride, p.y.output * p.x.output * stride);
    let threads = if x.len() < PARALLEL { 1 } else { threads };
    let wide = has_wide_registers() && stride.is_multiple_of(2 * LANES);
    share_chunks(out, to, 0, threads, &|first, out| pool_channels(p, &x[first * from..], out, stride, wide));
}

/// The gradient of a window goes to its largest value (the first of equals), or in equal parts to all.
pub(crate) fn pool_backward<T: Real>(
    p: &Pooling,
    x: &[T],
    out: &[T],
    grad_out: &[T],
    grad_x: &mut [T],
    stride: usize,
    accumulate: bool,
    threads: usize,
) {
    let (from, to) = (p.y.input * p.x.input * stride, p.y.output * p.x.output * stride);
    let threads = if x.len() < PARALLEL { 1 } else { threads };
    let wide = has_wide_registers() && stride.is_multiple_of(2 * LANES);
    share_chunks(grad_x, from, 0, threads, &|first, grad_x| {
        let (x, out, grad_out) = (&x[first * from..], &out[first * to..], &grad_out[first * to..]);
        pool_channels_backward(p, x, out, grad_out, grad_x, stride, accumulate, wide);
    });
}

impl Pooling {
    /// The numbers that the mean of a window is taken of, which lies over so many inputs.
    pub(crate) fn counted(&self, inputs: usize) -> usize {
        if self.average && self.counts_padding { self.y.kernel * self.x.kernel } else { inputs.max(1) }
    }

    /// The inputs under the window of one output.
    pub(crate) fn under(&self, output: usize) -> Vec<usize> {
        let (y, x) = (output / self.x.output % self.y.output, output % self.x.output);
        let plane = output / (self.x.output * self.y.output) * self.y.input * self.x.input;
        let ys = self.y.under(y);
        let xs = self.x.under(x);
        ys.iter().flat_map(|(_, y)| xs.iter().map(move |(_, x)| plane + y * self.x.input + x)).collect()
    }

    /// The outputs whose window lies over one input.
    pub(crate) fn over(&self, input: usize) -> Vec<usize> {
        let (y, x) = (input / self.x.input % self.y.input, input % self.x.input);
        let plane = input / (self.x.input * self.y.input) * self.y.output * self.x.output;
        let (ys, xs) = (self.y.over(y), self.x.over(x));
        ys.iter().flat_map(|(_, y)| xs.iter().map(move |(_, x)| plane + y * self.x.output + x)).collect()
    }
}

dispatch! {
    fn pool_channels<T: Real>(p: &Pooling, x: &[T], out: &mut [T], stride: usize, wide: bool) => pool_body
}

#[inline(always)]
fn pool_body<T: Real, const FMA: bool>(p: &Pooling, x: &[T], out: &mut [T], stride: usize, wide: bool) {
    let (plane, line) = (p.y.input * p.x.input * stride, p.x.input * stride);
    let mut results = out.chunks_exact_mut(stride);
    for channel in x.chunks_exact(plane) {
        for oy in 0..p.y.output {
            let ys = p.y.under(oy);
            for ox in 0..p.x.output {
                let Some(out) = results.next() else { return };
                let xs = p.x.under(ox);
                let counted = p.counted(ys.len * xs.len);
                let window = Window { ys: &ys, xs: &xs, line, stride, average: p.average, counted };
                if wide {
                    window.gather::<T, { 2 * LANES }>(channel, out);
                } else {
                    window.gather::<T, LANES>(channel, out);
                }
            }
        }
    }
}

dispatch! {
    fn pool_channels_backward<T: Real>(p: &Pooling, x: &[T], out: &[T], grad_out: &[T], grad_x: &mut [T], stride: usize, accumulate: bool, wide: bool) => pool_backward_body
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
    wide: bool,
) {
    let (plane, line) = (p.y.input * p.x.input * stride, p.x.input * stride);
    // Where windows do not overlap, every value has at most one gradient, which is written; zeros are needed only between
    // windows.
    let disjoint = |side: &Side| side.stride >= side.kernel && side.dilation == 1;
    let write = !accumulate && disjoint(&p.y) && disjoint(&p.x);
    let mut results = out.chunks_exact(stride).zip(grad_out.chunks_exact(stride));
    for (channel, grads) in x.chunks_exact(plane).zip(grad_x.chunks_exact_mut(plane)) {
        if write {
            for y in 0..p.y.input {
                let covered = p.y.over(y).len > 0;
                for x in (0..p.x.input).filter(|&x| !(covered && p.x.over(x).len > 0)) {
                    grads[y * line + x * stride..][..stride].fill(T::ZERO);
                }
            }
        } else if !accumulate {
            grads.fill(T::ZERO);
        }
        for oy in 0..p.y.output {
            let ys = p.y.under(oy);
            for ox in 0..p.x.output {
                let Some((out, grad_out)) = results.next() else { return };
                let xs = p.x.under(ox);
                let counted = p.counted(ys.len * xs.len);
                let window = Window { ys: &ys, xs: &xs, line, stride, average: p.average, counted };
                if wide {
                    window.spread::<T, { 2 * LANES }>(channel, out, grad_out, grads, write);
                } else {
                    window.spread::<T, LANES>(channel, out, grad_out, grads, write);
                }
            }
        }
    }
}

/// One place of a pooling window over a channel.
struct Window<'a> {
    ys: &'a Taps,
    xs: &'a Taps,
    line: usize,
    stride: usize,
    average: bool,
    /// Numbers that the mean is taken of.
    counted: usize,
}

impl Window<'_> {
    fn share<T: Real>(&self) -> T {
        T::from_f64(1.0 / self.counted as f64)
    }

    #[inline(always)]
    fn gather<T: Real, const W: usize>(&self, values: &[T], out: &mut [T]) {
        let share = self.share::<T>();
        for lane in (0..self.stride).step_by(W) {
            let mut kept = [T::ZERO; W];
            let mut first = true;
            for (_, y) in self.ys.iter() {
                for (_, x) in self.xs.iter() {
                    let values = &values[y * self.line + x * self.stride + lane..][..W];
                    for l in 0..W {
                        kept[l] = match (first, self.average) {
                            (true, _) => values[l],
                            (_, true) => kept[l] + values[l],
                            _ => kept[l].max(values[l]),
                        };
                    }
                    first = false;
                }
            }
            if self.average {
                kept = kept.map(|sum| sum * share);
            }
            out[lane..][..W].copy_from_slice(&kept);
        }
    }

    /// The gradients of the window's values, overwritten if `write`, which no overlapping windows may ask for.
    #[inline(always)]
    fn spread<T: Real, const W: usize>(&self, values: &[T], out: &[T], grad_out: &[T], grads: &mut [T], write: bool) {
        let share = self.share::<T>();
        for lane in (0..self.stride).step_by(W) {
            let mut left = [T::ZERO; W];
            left.copy_from_slice(&grad_out[lane..][..W]);
            let out = &out[lane..][..W];
            for (_, y) in self.ys.iter() {
                for (_, x) in self.xs.iter() {
                    let from = y * self.line + x * self.stride + lane;
                    let (values, grads) = (&values[from..][..W], &mut grads[from..][..W]);
                    let mut own = [T::ZERO; W];
                    for l in 0..W {
                        let chosen = !self.average && values[l] == out[l];
                        own[l] = if chosen { left[l] } else { T::ZERO };
                        left[l] = if chosen { T::ZERO } else { left[l] };
                    }
                    if self.average {
                        own = left.map(|g| g * share);
                    }
                    for l in 0..W {
                        grads[l] = if write { own[l] } else { grads[l] + own[l] };
                    }
                }
            }
        }
    }
}
