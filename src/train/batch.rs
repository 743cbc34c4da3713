//! Rows of a data set as a mini-batch: batch last, with the targets written as the loss wants them.

use super::head_targets::HeadTargets;
use crate::data::{Dataset, Targets};
use crate::nn::kernels::{LANES, padded};
use crate::nn::{Encoding, Network, Real};

/// Fills the network's input, `[features, stride]`, and the targets of every head, `[outputs, stride]`, with the given rows
/// of the data. Rows and classes have their weights where `weighted`, else all count alike.
///
/// # Panics
/// If there are more rows than the network's capacity, or none.
pub fn load<T: Real>(
    network: &mut Network<T>,
    data: &Dataset,
    head_targets: &[HeadTargets],
    rows: &[u32],
    weighted: bool,
) {
    let stride = padded(rows.len());
    let (x, _) = network.load(rows.len());
    gather(data.x.as_slice().expect("features are stored row by row"), data.features(), rows, x, stride);
    for (index, targets) in head_targets.iter().enumerate() {
        let (head, target, shares) = network.head(index);
        let (encoding, smoothing) = (head.encoding, T::from_f32(head.smoothing));
        match &targets.targets {
            Targets::Values { values, names, .. } => {
                gather(values.as_slice().expect("targets are stored row by row"), names.len(), rows, target, stride);
            }
            Targets::Classes { labels, .. } => {
                write_classes(encoding, labels, rows, target, stride);
                if encoding == Encoding::OneHot && smoothing > T::ZERO {
                    smooth(smoothing, target, rows.len(), stride);
                }
            }
        }
        if weighted && (data.weights.is_some() || targets.class_weights.is_some()) {
            share(|row| targets.weight(data, row), rows, shares);
        }
    }
}

/// Weights of the rows as shares that add up to 1.
fn share<T: Real>(weight: impl Fn(u32) -> f32, rows: &[u32], shares: &mut [T]) {
    let total: f64 = rows.iter().map(|&row| f64::from(weight(row))).sum();
    // Where nothing counts, nothing is learned.
    let each = if total > 0.0 { 1.0 / total } else { 0.0 };
    shares.iter_mut().zip(rows).for_each(|(share, &row)| *share = T::from_f64(f64::from(weight(row)) * each));
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
    let others = if encoding == Encoding::SignedOneHot { -T::ONE } else { T::ZERO };
    target.fill(others);
    for (column, &row) in rows.iter().enumerate() {
        let label = labels[row as usize];
        match encoding {
            Encoding::OneHot | Encoding::SignedOneHot => target[label as usize * stride + column] = T::ONE,
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
