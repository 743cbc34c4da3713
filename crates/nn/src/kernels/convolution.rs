//! The shape of a convolution, which weights connect which inputs and outputs, and checked views of its images.
//!
//! An image is `[channels, height, width, stride]`, batch last: every loop runs over the samples of the mini-batch, so no
//! image is unfolded.

use super::LANES;
use super::window::Side;
use crate::real::Real;
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
    /// Weights of one kernel.
    pub(super) fn taps(&self) -> usize {
        self.y.kernel * self.x.kernel
    }

    /// Checks the shape, after which the kernels' arithmetic on it cannot overflow, for as many weights as there are.
    ///
    /// # Panics
    /// If the shape is not that of a convolution, or there are not as many weights.
    pub(super) fn assert_valid(&self, weights: usize) {
        let Self { inputs, outputs, groups, y, x } = *self;
        assert!(y.is_valid() && x.is_valid(), "the window of a convolution does not slide: {self:?}");
        let grouped = groups > 0 && inputs.is_multiple_of(groups) && outputs.is_multiple_of(groups);
        assert!(grouped, "the groups of a convolution do not divide its channels: {self:?}");
        let size = outputs.checked_mul(inputs / groups).and_then(|n| n.checked_mul(y.kernel * x.kernel));
        assert!(size == Some(weights), "a convolution has other weights: {self:?}, not {weights}");
    }

    /// Indices of the weights and inputs whose products are summed in one output.
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

    /// Indices of the weights that one input is multiplied by, and of the outputs that the products are added to.
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

    /// Indices of the inputs that one weight is multiplied by, and of the outputs that the products are added to.
    pub(crate) fn products_of(&self, weight: usize) -> Vec<(usize, usize)> {
        let per_group = self.inputs / self.groups;
        let (kx, ky) = (weight % self.x.kernel, weight / self.x.kernel % self.y.kernel);
        let (channel, filter) = (weight / self.taps() % per_group, weight / self.taps() / per_group);
        let channel = filter / (self.outputs / self.groups) * per_group + channel;
        let places = self.y.valid_outputs(ky).flat_map(|oy| self.x.valid_outputs(kx).map(move |ox| (oy, ox)));
        let link = |(oy, ox)| {
            let input = (channel * self.y.input + self.y.input_at(ky, oy)) * self.x.input + self.x.input_at(kx, ox);
            (input, (filter * self.y.output + oy) * self.x.output + ox)
        };
        places.map(link).collect()
    }

    fn weight(&self, filter: usize, channel: usize, ky: usize, kx: usize) -> usize {
        ((filter * (self.inputs / self.groups) + channel) * self.y.kernel + ky) * self.x.kernel + kx
    }

    /// Multiply-adds of one group for `rows` channels of its result and `stride` samples.
    pub(super) fn work(&self, rows: usize, per_row: usize, stride: usize) -> usize {
        [per_row, self.taps(), self.y.output, self.x.output, stride].into_iter().fold(rows, usize::saturating_mul)
    }
}

/// Images `[channels, height, width, stride]` to read.
#[derive(Clone, Copy)]
pub(super) struct Images<'a, T> {
    values: &'a [T],
    channels: usize,
    height: usize,
    width: usize,
    stride: usize,
}

impl<'a, T: Real> Images<'a, T> {
    /// # Panics
    /// If there are not exactly so many values, or not whole lanes of samples.
    pub(super) fn new(values: &'a [T], channels: usize, height: usize, width: usize, stride: usize) -> Self {
        assert!(stride > 0 && stride.is_multiple_of(LANES), "{stride} samples are not whole lanes");
        assert!(
            image_values([channels, height, width, stride]) == Some(values.len()),
            "{channels} channels of {height} by {width} images of {stride} samples are not {} values",
            values.len()
        );
        Self { values, channels, height, width, stride }
    }

    /// Only some of the channels.
    pub(super) fn part(&self, channels: Range<usize>) -> Self {
        let plane = self.plane();
        assert!(channels.start <= channels.end && channels.end <= self.channels, "an image has fewer channels");
        Self { values: &self.values[channels.start * plane..channels.end * plane], channels: channels.len(), ..*self }
    }

    #[inline(always)]
    pub(super) fn values(&self) -> &'a [T] {
        self.values
    }

    #[inline(always)]
    pub(super) fn channels(&self) -> usize {
        self.channels
    }

    #[inline(always)]
    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    /// Numbers of one line of a channel.
    #[inline(always)]
    pub(super) fn line(&self) -> usize {
        self.width * self.stride
    }

    /// Numbers of one channel.
    #[inline(always)]
    pub(super) fn plane(&self) -> usize {
        self.height * self.width * self.stride
    }
}

/// The product of the sizes, unless it overflows; a size of zero does not hide that the others do.
pub(super) fn image_values(sizes: [usize; 4]) -> Option<usize> {
    sizes.iter().try_fold(1_usize, |product, &size| product.checked_mul(size.max(1)))?;
    Some(sizes.iter().product())
}

/// Channels for the first of two threads, a multiple of the register tiles; `None` where one thread computes all.
pub(super) fn split(rows: usize, threads: usize, work: usize) -> Option<usize> {
    const TILE: usize = 4;
    let half = (rows / 2).next_multiple_of(TILE);
    (threads > 1 && half < rows && rows >= 2 * TILE && work >= PARALLEL).then_some(half)
}

#[cfg(test)]
pub(super) mod tests {
    use super::{Convolution, Images, image_values};
    use crate::kernels::testing::assert_refused;
    use crate::kernels::window::Side;

    pub(in crate::kernels) fn side(
        input: usize,
        kernel: usize,
        stride: usize,
        dilation: usize,
        padding: usize,
    ) -> Side {
        let output = (input + 2 * padding - (kernel - 1) * dilation - 1) / stride + 1;
        Side { input, output, kernel, stride, dilation, padding }
    }

    /// Kernels, strides, dilations, paddings and groups of which each needs its own tiles.
    pub(in crate::kernels) fn cases() -> Vec<Convolution> {
        let of = |inputs, outputs, groups, y, x| Convolution { inputs, outputs, groups, y, x };
        vec![
            of(1, 1, 1, side(1, 1, 1, 1, 0), side(1, 1, 1, 1, 0)),
            of(3, 19, 1, side(5, 3, 1, 1, 1), side(4, 3, 1, 1, 1)),
            of(2, 7, 1, side(6, 5, 2, 1, 2), side(7, 5, 1, 1, 2)),
            of(4, 6, 2, side(7, 2, 1, 3, 1), side(6, 4, 3, 1, 0)),
            of(5, 5, 5, side(3, 3, 1, 1, 2), side(3, 2, 2, 2, 1)),
            of(12, 4, 1, side(1, 1, 1, 1, 0), side(9, 7, 1, 1, 3)),
        ]
    }

    /// Every weight with the input and output that it connects, counted in channels and pixels.
    pub(in crate::kernels) fn links(c: &Convolution) -> Vec<[usize; 3]> {
        let (inputs, outputs) = (c.inputs / c.groups, c.outputs / c.groups);
        let mut links = Vec::new();
        for weight in 0..c.outputs * inputs * c.taps() {
            let (kx, ky) = (weight % c.x.kernel, weight / c.x.kernel % c.y.kernel);
            let (channel, output) = (weight / c.taps() % inputs, weight / c.taps() / inputs);
            let channel = output / outputs * inputs + channel;
            for (oy, ox) in (0..c.y.output).flat_map(|oy| (0..c.x.output).map(move |ox| (oy, ox))) {
                let iy = (oy * c.y.stride + ky * c.y.dilation).wrapping_sub(c.y.padding);
                let ix = (ox * c.x.stride + kx * c.x.dilation).wrapping_sub(c.x.padding);
                if iy < c.y.input && ix < c.x.input {
                    let input = (channel * c.y.input + iy) * c.x.input + ix;
                    links.push([weight, input, (output * c.y.output + oy) * c.x.output + ox]);
                }
            }
        }
        links
    }

    #[test]
    fn images_have_exactly_their_values() {
        let values = vec![0.0_f32; 2 * 3 * 4 * 8];
        let images = Images::new(&values, 2, 3, 4, 8);
        assert_eq!((images.plane(), images.line(), images.part(1..2).values().len()), (96, 32, 96));
        assert_refused("fewer channels", || _ = Images::new(&[0.0_f32; 16], 2, 1, 1, 8).part(1..3));
        assert_refused("whole lanes", || _ = Images::new(&[0.0_f32; 24], 2, 1, 1, 12));
        for sizes in [[3, 3, 4, 8], [2, 3, 5, 8], [2, 3, 4, 16], [1, 3, 4, 8], [usize::MAX, 3, 4, 8]] {
            let [channels, height, width, stride] = sizes;
            assert_refused("values", move || {
                Images::new(&[0.0_f32; 192], channels, height, width, stride);
            });
        }
        // Products that wrap to the length of the values.
        assert_eq!(image_values([1 << 61, 8, 1, 8]), None);
        assert_eq!(image_values([1 << 61, 8, 0, 8]), None);
        assert_refused("values", || _ = Images::<f32>::new(&[], 1 << 61, 1, 1, 8));
    }

    #[test]
    fn shapes_whose_sizes_overflow_are_refused() {
        let good = side(5, 3, 1, 1, 1);
        let of = |inputs, outputs, groups, y, x| Convolution { inputs, outputs, groups, y, x };
        of(2, 4, 2, good, good).assert_valid(36);
        let huge = usize::MAX / 2 + 1;
        for side in [
            Side { input: huge, ..good },
            Side { output: huge, ..good },
            Side { kernel: 65, ..good },
            Side { kernel: huge, ..good },
            Side { kernel: 0, ..good },
            Side { stride: 0, ..good },
            Side { stride: huge, ..good },
            Side { dilation: huge, ..good },
            Side { padding: usize::MAX, ..good },
        ] {
            assert_refused("does not slide", move || of(1, 1, 1, side, good).assert_valid(9));
            assert_refused("does not slide", move || of(1, 1, 1, good, side).assert_valid(9));
        }
        assert_refused("groups", move || of(3, 4, 2, good, good).assert_valid(36));
        assert_refused("groups", move || of(2, 4, 0, good, good).assert_valid(36));
        assert_refused("weights", move || of(2, 4, 2, good, good).assert_valid(35));
        // 9 · 2⁶³ · 2 wraps to 0.
        assert_refused("weights", move || of(2, huge, 1, good, good).assert_valid(0));
    }

    #[test]
    fn products_are_the_links_of_the_convolution() {
        for c in cases() {
            let links = links(&c);
            for weight in links.iter().map(|l| l[0]).take(40) {
                let want: Vec<_> = links.iter().filter(|l| l[0] == weight).map(|l| (l[1], l[2])).collect();
                assert_eq!(c.products_of(weight), want, "{c:?}");
            }
        }
    }
}
