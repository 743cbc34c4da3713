//! Augmentation: each time a picture is trained on, it is rotated, shifted, flipped and given noise at random. Validation and
//! test rows stay as they are.

use crate::data::{Augmentation, Dataset};
use crate::nn::{Network, Real};
use crate::seed::{Purpose, Stream};

/// The changes, and a buffer for one picture.
pub struct Augmenter {
    how: Augmentation,
    height: usize,
    width: usize,
    channels: usize,
    /// One picture, channel by channel.
    picture: Vec<f32>,
}

impl Augmenter {
    /// None where the data have no augmentation, or are not pictures.
    pub fn of(data: &Dataset) -> Option<Self> {
        let (how, (height, width, channels)) = (data.augmentation?, data.encoder.picture()?);
        Some(Self { how, height, width, channels, picture: vec![0.0; height * width * channels] })
    }

    /// Changes the mini-batch that is loaded. The same seed and address give the same changes.
    pub fn change_batch<T: Real>(&mut self, network: &mut Network<T>, seed: u64, address: u64) {
        let (batch, stride) = (network.batch(), network.stride());
        self.apply(network.input_mut(), batch, stride, seed, address);
    }

    /// One picture, channel by channel, as a step of that address sees it.
    pub fn changed(&mut self, picture: &[f32], seed: u64, address: u64) -> Vec<f32> {
        let mut changed = picture.to_vec();
        self.apply(&mut changed, 1, 1, seed, address);
        changed
    }

    /// Changes the first `batch` columns of `x`, `[channels · height · width, stride]`.
    fn apply<T: Real>(&mut self, x: &mut [T], batch: usize, stride: usize, seed: u64, address: u64) {
        let mut stream = Stream::new(seed, Purpose::Augment, address);
        for column in 0..batch {
            for (pixel, row) in self.picture.iter_mut().zip(x.chunks_exact(stride)) {
                *pixel = row[column].to_f64() as f32;
            }
            self.change(&mut stream, |k, value| x[k * stride + column] = T::from_f32(value));
        }
    }

    /// Draws the changes of one picture, and passes index and value of each pixel to `out`.
    fn change(&self, stream: &mut Stream, mut out: impl FnMut(usize, f32)) {
        let Augmentation { flip, shift, rotate, noise } = self.how;
        let flipped = flip && stream.uniform() < 0.5;
        let reach = f64::from(shift);
        let (right, down) = (stream.between(-reach, reach).round(), stream.between(-reach, reach).round());
        let angle = stream.between(-rotate, rotate).to_radians();
        let (sine, cosine) = (libm::sin(angle), libm::cos(angle));
        let (middle_x, middle_y) = ((self.width - 1) as f64 / 2.0, (self.height - 1) as f64 / 2.0);
        for y in 0..self.height {
            for x in 0..self.width {
                // The place in the original.
                let (dx, dy) = (x as f64 - middle_x - right, y as f64 - middle_y - down);
                let across = cosine * dx + sine * dy;
                let from_x = middle_x + if flipped { -across } else { across };
                let from_y = middle_y + cosine * dy - sine * dx;
                for channel in 0..self.channels {
                    let mut value = self.between_pixels(channel, from_x, from_y);
                    if noise > 0.0 {
                        value += (noise * stream.normal()) as f32;
                    }
                    out((channel * self.height + y) * self.width + x, value);
                }
            }
        }
    }

    /// Bilinear interpolation; beyond the edge the value of the edge.
    fn between_pixels(&self, channel: usize, x: f64, y: f64) -> f32 {
        let (x, y) = (x.clamp(0.0, (self.width - 1) as f64), y.clamp(0.0, (self.height - 1) as f64));
        let (left, top) = (x.floor(), y.floor());
        let (right_share, low_share) = ((x - left) as f32, (y - top) as f32);
        let at = |column: usize, row: usize| {
            let (column, row) = (column.min(self.width - 1), row.min(self.height - 1));
            self.picture[(channel * self.height + row) * self.width + column]
        };
        let (left, top) = (left as usize, top as usize);
        let above = at(left, top) * (1.0 - right_share) + at(left + 1, top) * right_share;
        let below = at(left, top + 1) * (1.0 - right_share) + at(left + 1, top + 1) * right_share;
        above * (1.0 - low_share) + below * low_share
    }
}

#[cfg(test)]
mod tests {
    use super::Augmenter;
    use crate::data::Augmentation;

    fn changed(how: Augmentation, address: u64) -> Vec<f32> {
        let (height, width) = (4, 3);
        let mut augmenter = Augmenter { how, height, width, channels: 1, picture: vec![0.0; 12] };
        // Two columns with the same picture, and padding.
        let mut x: Vec<f32> = (0..12).flat_map(|k| [k as f32, k as f32, -1.0]).collect();
        augmenter.apply(&mut x, 2, 3, 7, address);
        assert!(x.iter().skip(2).step_by(3).all(|&v| v == -1.0), "the padding stays as it is");
        x.iter().step_by(3).copied().collect()
    }

    const NOTHING: Augmentation = Augmentation { flip: false, shift: 0, rotate: 0.0, noise: 0.0 };

    #[test]
    fn nothing_changes_nothing() {
        assert_eq!(changed(NOTHING, 1), (0..12).map(|k| k as f32).collect::<Vec<_>>());
    }

    #[test]
    fn half_of_the_pictures_are_flipped_left_to_right() {
        let how = Augmentation { flip: true, ..NOTHING };
        let flipped: Vec<f32> = (0..4).flat_map(|row| (0..3).rev().map(move |k| (3 * row + k) as f32)).collect();
        let count = (0..100).filter(|&a| changed(how, a) == flipped).count();
        assert!((30..70).contains(&count), "{count} of 100");
    }

    #[test]
    fn shifts_repeat_the_edge_and_the_same_address_repeats_the_change() {
        let how = Augmentation { shift: 1, ..NOTHING };
        let all: Vec<Vec<f32>> = (0..60).map(|a| changed(how, a)).collect();
        assert!(all.contains(&vec![0.0, 0.0, 1.0, 3.0, 3.0, 4.0, 6.0, 6.0, 7.0, 9.0, 9.0, 10.0]), "one to the right");
        assert!(all.contains(&vec![3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 9.0, 10.0, 11.0]), "one up");
        assert_eq!(changed(how, 5), all[5]);
        let turned = changed(Augmentation { rotate: 20.0, noise: 0.1, ..NOTHING }, 3);
        assert!(turned.iter().all(|v| v.is_finite()) && turned != all[5]);
    }
}
