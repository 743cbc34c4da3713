//! Rows of a data set as a mini-batch: batch last, with the targets written as the loss wants them.

use crate::data::{Dataset, Targets};
use crate::nn::kernels::{LANES, padded};
use crate::nn::{Encoding, Network, Real};

/// Fills the network's input, `[features, stride]`, and target, `[outputs, stride]`, with the given rows of the data.
///
/// # Panics
/// If there are more rows than the network's capacity, or none.
pub fn load<T: Real>(network: &mut Network<T>, data: &Dataset, rows: &[u32]) {
    let (encoding, smoothing) = (network.plan().head.encoding, network.plan().head.smoothing);
    let (x, target) = network.load(rows.len());
    let stride = padded(rows.len());
    gather(data.x.as_slice().expect("features are stored row by row"), data.features(), rows, x, stride);
    match &data.targets {
        Targets::Values { values, names, .. } => {
            gather(values.as_slice().expect("targets are stored row by row"), names.len(), rows, target, stride);
        }
        Targets::Classes { labels, .. } => {
            write_classes(encoding, labels, rows, target, stride);
            if encoding == Encoding::OneHot && smoothing > 0.0 {
                smooth(T::from_f32(smoothing), target, rows.len(), stride);
            }
        }
    }
}

/// t ← (1 − share) t + share / classes.
fn smooth<T: Real>(share: T, target: &mut [T], batch: usize, stride: usize) {
    let each = share * T::from_f64(1.0 / (target.len() / stride) as f64);
    for row in target.chunks_exact_mut(stride) {
        for t in &mut row[..batch] {
            *t = (T::ONE - share) * *t + each;
        }
    }
}

fn write_classes<T: Real>(encoding: Encoding, labels: &[u32], rows: &[u32], target: &mut [T], stride: usize) {
    target.fill(T::ZERO);
    for (column, &row) in rows.iter().enumerate() {
        let label = labels[row as usize];
        match encoding {
            Encoding::OneHot => target[label as usize * stride + column] = T::ONE,
            Encoding::Signed => target[column] = if label == 1 { T::ONE } else { -T::ONE },
            Encoding::ZeroOne | Encoding::Values => target[column] = T::from_f64(f64::from(label)),
        }
    }
}

/// Copies rows of `[rows, width]` into columns of `[width, stride]`, a block of lanes at a time; the padding is zero.
fn gather<T: Real>(x: &[f32], width: usize, rows: &[u32], out: &mut [T], stride: usize) {
    if width == 0 {
        return;
    }
    let row = |r: u32| &x[r as usize * width..][..width];
    let mut blocks = rows.chunks_exact(LANES);
    let mut column = 0;
    for block in &mut blocks {
        let sources: [&[f32]; LANES] = std::array::from_fn(|lane| row(block[lane]));
        for (feature, out) in out.chunks_exact_mut(stride).enumerate() {
            for (out, source) in out[column..][..LANES].iter_mut().zip(&sources) {
                *out = T::from_f32(source[feature]);
            }
        }
        column += LANES;
    }
    let rest = blocks.remainder();
    if !rest.is_empty() {
        for (feature, out) in out.chunks_exact_mut(stride).enumerate() {
            let out = &mut out[column..][..LANES];
            out.fill(T::ZERO);
            for (out, &r) in out.iter_mut().zip(rest) {
                *out = T::from_f32(x[r as usize * width + feature]);
            }
        }
    }
}
