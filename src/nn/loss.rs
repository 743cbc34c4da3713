//! The error: one number for a mini-batch, and its gradient with respect to the network's output.
//!
//! Means are over the batch, and over the outputs too except for categorical cross-entropy (as in PyTorch). Both
//! cross-entropies take logits. Buffers are `[outputs, stride]`, batch last.

use super::kernels::{LANES, dispatch, elementwise};
use super::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A loss function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// mean of (y − t)²
    #[default]
    MeanSquaredError,
    /// mean of |y − t|
    MeanAbsoluteError,
    /// mean of ½(y − t)² where |y − t| < 1, else |y − t| − ½
    Huber,
    /// mean of ln(1 + eᶻ) − t z, for targets 0 and 1
    BinaryCrossEntropy,
    /// mean of ln Σⱼ eᶻʲ − z of the true class
    CategoricalCrossEntropy,
}

/// How the network's last values become the prediction that people read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    Identity,
    Sigmoid,
    Softmax,
}

impl Loss {
    pub const ALL: [Self; 5] = [
        Self::MeanSquaredError,
        Self::MeanAbsoluteError,
        Self::Huber,
        Self::BinaryCrossEntropy,
        Self::CategoricalCrossEntropy,
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::MeanSquaredError => "Mean squared error",
            Self::MeanAbsoluteError => "Mean absolute error",
            Self::Huber => "Huber",
            Self::BinaryCrossEntropy => "Binary cross-entropy",
            Self::CategoricalCrossEntropy => "Cross-entropy",
        }
    }

    pub fn formula(self) -> &'static str {
        match self {
            Self::MeanSquaredError => "L = mean (y − t)²",
            Self::MeanAbsoluteError => "L = mean |y − t|",
            Self::Huber => "L = mean ½(y − t)², linear beyond 1",
            Self::BinaryCrossEntropy => "L = mean ln(1 + exp z) − t z",
            Self::CategoricalCrossEntropy => "L = mean ln Σ exp z − z of the class",
        }
    }

    /// The link from logits to predictions.
    pub fn link(self) -> Link {
        match self {
            Self::BinaryCrossEntropy => Link::Sigmoid,
            Self::CategoricalCrossEntropy => Link::Softmax,
            _ => Link::Identity,
        }
    }

    /// Mean loss of the first `batch` columns; writes ∂L/∂output to `grad`, zero in the padding columns.
    pub fn evaluate<T: Real>(self, output: &[T], target: &[T], grad: &mut [T], batch: usize, stride: usize) -> f64 {
        let outputs = output.len() / stride;
        let count = T::from_f64(1.0 / (batch * outputs) as f64);
        let each = |grad: &mut [T], f: fn(T, T) -> (T, T)| each(output, target, grad, (batch, stride), count, f);
        match self {
            Self::MeanSquaredError => each(grad, |y, t| {
                let e = y - t;
                (e * e, e + e)
            }),
            Self::MeanAbsoluteError => each(grad, |y, t| {
                let e = y - t;
                (e.abs(), e.sign())
            }),
            Self::Huber => each(grad, |y, t| {
                let e = y - t;
                let half = T::from_f64(0.5);
                if e.abs() < T::ONE { (half * e * e, e) } else { (e.abs() - half, e.sign()) }
            }),
            Self::BinaryCrossEntropy => each(grad, |z, t| (z.softplus::<false>() - t * z, z.sigmoid::<false>() - t)),
            Self::CategoricalCrossEntropy => cross_entropy(output, target, grad, batch, stride),
        }
    }
}

impl Link {
    /// Predictions from the network's last values.
    pub fn apply<T: Real>(self, output: &[T], prediction: &mut [T], stride: usize) {
        match self {
            Self::Identity => prediction.copy_from_slice(output),
            Self::Sigmoid => elementwise::activate(super::Activation::Sigmoid, output, prediction, stride),
            Self::Softmax => elementwise::softmax(output, prediction, stride),
        }
    }
}

/// A loss that is a mean of `f(output, target) = (value, slope)` over all elements.
#[inline(always)]
fn each<T: Real>(
    output: &[T],
    target: &[T],
    grad: &mut [T],
    (batch, stride): (usize, usize),
    count: T,
    f: impl Fn(T, T) -> (T, T),
) -> f64 {
    let mut sum = T::ZERO;
    for ((output, target), grad) in
        output.chunks_exact(stride).zip(target.chunks_exact(stride)).zip(grad.chunks_exact_mut(stride))
    {
        for ((&y, &t), g) in output[..batch].iter().zip(target).zip(&mut *grad) {
            let (value, slope) = f(y, t);
            sum += value;
            *g = slope * count;
        }
        grad[batch..].fill(T::ZERO);
    }
    (sum * count).to_f64()
}

dispatch! {
    fn cross_entropy<T: Real>(z: &[T], target: &[T], grad: &mut [T], batch: usize, stride: usize) -> f64 => cross_entropy_body
}

/// Stable log-sum-exp: the largest logit of each sample is subtracted first.
#[inline(always)]
fn cross_entropy_body<T: Real, const FMA: bool>(
    z: &[T],
    target: &[T],
    grad: &mut [T],
    batch: usize,
    stride: usize,
) -> f64 {
    let classes = z.len() / stride;
    let mean = T::from_f64(1.0 / batch as f64);
    let mut total = T::ZERO;
    for block in (0..stride).step_by(LANES) {
        let mut top = [T::ZERO; LANES];
        top.copy_from_slice(&z[block..][..LANES]);
        for class in 1..classes {
            for (top, &z) in top.iter_mut().zip(&z[class * stride + block..][..LANES]) {
                *top = top.larger(z);
            }
        }
        let (mut sum, mut weight, mut chosen) = ([T::ZERO; LANES], [T::ZERO; LANES], [T::ZERO; LANES]);
        for class in 0..classes {
            let at = class * stride + block;
            for lane in 0..LANES {
                let shifted = z[at + lane] - top[lane];
                let e = shifted.exp::<FMA>();
                grad[at + lane] = e;
                sum[lane] += e;
                weight[lane] += target[at + lane];
                chosen[lane] = T::fma::<FMA>(target[at + lane], shifted, chosen[lane]);
            }
        }
        let mut scale = [T::ZERO; LANES];
        for lane in 0..LANES {
            let used = if block + lane < batch { mean } else { T::ZERO };
            scale[lane] = used * weight[lane] / sum[lane];
        }
        for lane in 0..LANES.min(batch.saturating_sub(block)) {
            total += weight[lane] * sum[lane].ln() - chosen[lane];
        }
        for class in 0..classes {
            let at = class * stride + block;
            for lane in 0..LANES {
                let used = if block + lane < batch { mean } else { T::ZERO };
                grad[at + lane] = T::fma::<FMA>(grad[at + lane], scale[lane], -(used * target[at + lane]));
            }
        }
    }
    (total * mean).to_f64()
}

#[cfg(test)]
mod tests {
    use super::Loss;

    #[test]
    fn losses_equal_hand_calculation() {
        // Two samples of two outputs, padded to eight columns.
        let column = |a: f64, b: f64| [a, b, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        let y = [column(1.0, -2.0), column(0.5, 3.0)].concat();
        let t = [column(0.0, 1.0), column(1.0, 0.0)].concat();
        let mut grad = vec![9.0; 16];
        let lse = |a: f64, b: f64| (a.exp() + b.exp()).ln();
        let bce = |z: f64, t: f64| (1.0 + z.exp()).ln() - t * z;
        for (loss, want) in [
            (Loss::MeanSquaredError, (1.0 + 9.0 + 0.25 + 9.0) / 4.0),
            (Loss::MeanAbsoluteError, (1.0 + 3.0 + 0.5 + 3.0) / 4.0),
            (Loss::Huber, (0.5 + 2.5 + 0.125 + 2.5) / 4.0),
            (Loss::BinaryCrossEntropy, (bce(1.0, 0.0) + bce(-2.0, 1.0) + bce(0.5, 1.0) + bce(3.0, 0.0)) / 4.0),
            (Loss::CategoricalCrossEntropy, (lse(1.0, 0.5) - 0.5 + lse(-2.0, 3.0) + 2.0) / 2.0),
        ] {
            let got = loss.evaluate(&y, &t, &mut grad, 2, 8);
            assert!((got - want).abs() < 1e-12, "{loss:?}: {got} {want}");
            assert!(grad.chunks(8).all(|row| row[2..].iter().all(|&g| g == 0.0)), "padding must carry no gradient");
        }
    }

    #[test]
    fn cross_entropy_survives_huge_logits() {
        let mut grad = vec![0.0_f32; 16];
        let z = [[1e4_f32; 8], [-1e4_f32; 8]].concat();
        let t = [[0.0_f32; 8], [1.0_f32; 8]].concat();
        let loss = Loss::CategoricalCrossEntropy.evaluate(&z, &t, &mut grad, 8, 8);
        assert!((loss - 2e4).abs() < 1.0);
        assert!(grad.iter().all(|g| g.is_finite()));
    }
}
