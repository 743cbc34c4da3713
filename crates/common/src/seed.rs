//! All randomness comes from one seed through named streams, so that one part's draws never shift another's.
//!
//! The conversions to floats and the shuffle are written out here because presets must give the same bits with
//! every future version: generic random crates promise no such stability for their distributions.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

/// What a stream of random numbers is for; a part of its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Purpose {
    Data = 1,
    Split = 2,
    Init = 3,
    Shuffle = 4,
    Dropout = 5,
    Augment = 6,
    /// Seeds of further starts.
    Start = 7,
}

/// A reproducible stream of random numbers.
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// The stream for `purpose`, distinguished further by `index` (a layer, an epoch).
    pub fn new(seed: u64, purpose: Purpose, index: u64) -> Self {
        let mut key = [0_u8; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&(purpose as u64).to_le_bytes());
        key[16..24].copy_from_slice(&index.to_le_bytes());
        Self(ChaCha8Rng::from_seed(key))
    }

    pub fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// Uniform in `[0, 1)` with 53 random bits.
    pub fn uniform(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// Uniform in `[low, high)`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// Standard normal, by the Box–Muller transform (Box & Muller 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.uniform()));
        radius * libm::cos(std::f64::consts::TAU * self.uniform())
    }

    /// Uniform integer in `0..n`; 0 when `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.0.next_u64()) * n as u128) >> 64) as usize
    }

    /// Fisher–Yates shuffle in place.
    pub fn shuffle<A>(&mut self, items: &mut [A]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Purpose, Stream};

    #[test]
    fn streams_of_one_seed_are_independent_and_repeatable() {
        let draw = |purpose, index| {
            let mut s = Stream::new(7, purpose, index);
            (0..4).map(|_| s.next_u32()).collect::<Vec<_>>()
        };
        assert_eq!(draw(Purpose::Init, 0), draw(Purpose::Init, 0));
        assert_ne!(draw(Purpose::Init, 0), draw(Purpose::Init, 1));
        assert_ne!(draw(Purpose::Init, 0), draw(Purpose::Shuffle, 0));
    }

    #[test]
    fn normal_draws_have_zero_mean_and_unit_variance() {
        let mut s = Stream::new(1, Purpose::Data, 0);
        let draws: Vec<f64> = (0..20_000).map(|_| s.normal()).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / draws.len() as f64;
        assert!(mean.abs() < 0.03, "mean {mean}");
        assert!((variance - 1.0).abs() < 0.04, "variance {variance}");
    }

    #[test]
    fn a_shuffle_is_a_permutation() {
        let mut items: Vec<usize> = (0..100).collect();
        Stream::new(3, Purpose::Shuffle, 5).shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
