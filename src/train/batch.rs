//! Rows of a data set as a mini-batch: batch last, with the targets encoded as the loss expects them.

use super::head_targets::{Expected, HeadTargets};
use crate::data::Dataset;
use crate::nn::{Encoding, Network, Real};
use crate::nn::{LANES, padded};

/// Fills the network's input, `[features, stride]`, and the targets of every head, `[outputs, stride]`, with the given rows
/// of the data. Rows and classes have their weights; in `training`, targets are smoothed where an output asks for it.
///
/// # Panics
/// If there are more rows than the network's capacity, or none.
pub(super) fn load<T: Real>(
    network: &mut Network<T>,
    data: &Dataset,
    head_targets: &[HeadTargets],
    rows: &[u32],
    training: bool,
) {
    let stride = padded(rows.len());
    let (x, _) = network.load(rows.len());
    gather(data.x.as_slice().expect("features are stored row by row"), data.features(), rows, x, stride);
    for (index, targets) in head_targets.iter().enumerate() {
        let (head, target, shares) = network.head(index);
        let (encoding, smoothing) = (head.encoding, T::from_f32(head.smoothing));
        match &targets.expected {
            Expected::Values(expected) => {
                let values = expected.values.as_slice().expect("targets are stored row by row");
                let width = expected.values.ncols();
                match &expected.columns {
                    None => gather(values, width, rows, target, stride),
                    Some(columns) => gather_columns(values, width, columns, rows, target, stride),
                }
            }
            Expected::Classes { labels, .. } => {
                write_classes(encoding, labels, rows, target, stride);
                if training && encoding == Encoding::OneHot && smoothing > T::ZERO {
                    smooth(smoothing, target, rows.len(), stride);
                }
            }
        }
        if targets.has_weights(data) {
            share(|row| targets.weight(data, row), rows, shares);
        }
    }
}

/// Weights of the rows as shares that add up to 1.
fn share<T: Real>(weight: impl Fn(u32) -> f32, rows: &[u32], shares: &mut [T]) {
    let total: f64 = rows.iter().map(|&row| f64::from(weight(row))).sum();
    // Rows of weight zero alone give no gradient.
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

/// As [`gather`], but only some columns of `[rows, width]`, in the order of `columns`.
fn gather_columns<T: Real>(x: &[f32], width: usize, columns: &[usize], rows: &[u32], out: &mut [T], stride: usize) {
    for (out, &column) in out.chunks_exact_mut(stride).zip(columns) {
        out.fill(T::ZERO);
        for (out, &r) in out.iter_mut().zip(rows) {
            *out = T::from_f32(x[r as usize * width + column]);
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

#[cfg(test)]
mod tests {
    use super::{gather, gather_columns};
    use crate::nn::padded;

    #[test]
    fn chosen_columns_are_those_of_all_in_their_order() {
        let (rows, width) = (12, 5);
        let x: Vec<f32> = (0..rows * width).map(|k| k as f32).collect();
        let chosen = [7, 2, 11, 0, 4, 4, 9, 1, 3];
        let stride = padded(chosen.len());
        let mut all = vec![-1.0_f32; width * stride];
        gather(&x, width, &chosen, &mut all, stride);
        let columns = [3, 0, 4];
        let mut some = vec![-1.0_f32; columns.len() * stride];
        gather_columns(&x, width, &columns, &chosen, &mut some, stride);
        for (k, column) in columns.into_iter().enumerate() {
            assert_eq!(some[k * stride..][..stride], all[column * stride..][..stride], "column {column}");
        }
    }
}
