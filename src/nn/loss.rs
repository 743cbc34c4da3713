//! The error: one number for a mini-batch, and its gradient with respect to the network's output.
//!
//! Means are over the batch, weighted by the share of each sample, and over the outputs too except where the outputs of a
//! sample belong together (as in PyTorch): cross-entropy, focal, Kullback–Leibler and cosine. Cross-entropies, focal and
//! Kullback–Leibler take logits. Buffers are `[outputs, stride]`, batch last.

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
    /// mean of max(0, 1 − t y), for targets −1 and +1
    Hinge,
    /// mean of −(1 − p)^γ ln p of the true class, p = softmax(z) (Lin et al. 2017)
    Focal,
    /// mean of Σ t ln(t / p), p = softmax(z), for targets that are probabilities
    KullbackLeibler,
    /// mean of 1 − y·t / (|y| |t|)
    Cosine,
}

/// What a loss is told beside outputs and targets.
#[derive(Clone, Copy, Debug)]
pub struct Weighing<'a, T> {
    /// How much each sample counts, `[stride]`: they add up to 1, and are 0 in the padding.
    pub shares: &'a [T],
    /// γ of the focal loss.
    pub focus: T,
}

/// How the network's last values become the prediction that people read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    Identity,
    Sigmoid,
    Softmax,
}

impl Loss {
    pub const ALL: [Self; 9] = [
        Self::MeanSquaredError,
        Self::MeanAbsoluteError,
        Self::Huber,
        Self::BinaryCrossEntropy,
        Self::CategoricalCrossEntropy,
        Self::Hinge,
        Self::Focal,
        Self::KullbackLeibler,
        Self::Cosine,
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::MeanSquaredError => "Mean squared error",
            Self::MeanAbsoluteError => "Mean absolute error",
            Self::Huber => "Huber",
            Self::BinaryCrossEntropy => "Binary cross-entropy",
            Self::CategoricalCrossEntropy => "Cross-entropy",
            Self::Hinge => "Hinge",
            Self::Focal => "Focal",
            Self::KullbackLeibler => "KL divergence",
            Self::Cosine => "Cosine",
        }
    }

    pub fn formula(self) -> &'static str {
        match self {
            Self::MeanSquaredError => "L = mean (y − t)²",
            Self::MeanAbsoluteError => "L = mean |y − t|",
            Self::Huber => "L = mean ½(y − t)², linear beyond 1",
            Self::BinaryCrossEntropy => "L = mean ln(1 + exp z) − t z",
            Self::CategoricalCrossEntropy => "L = mean ln Σ exp z − z of the class",
            Self::Hinge => "L = mean max(0, 1 − t y)",
            Self::Focal => "L = mean −(1 − p)^γ ln p of the class",
            Self::KullbackLeibler => "L = mean Σ t ln(t / p)",
            Self::Cosine => "L = mean 1 − cos(y, t)",
        }
    }

    /// The link from logits to predictions.
    pub fn link(self) -> Link {
        match self {
            Self::BinaryCrossEntropy => Link::Sigmoid,
            Self::CategoricalCrossEntropy | Self::Focal | Self::KullbackLeibler => Link::Softmax,
            _ => Link::Identity,
        }
    }

    /// Whether it takes logits and one unit a class.
    pub fn takes_logits_of_classes(self) -> bool {
        self.link() == Link::Softmax
    }

    /// Mean loss of the first `batch` columns; writes ∂L/∂output to `grad`, zero in the padding columns.
    pub fn evaluate<T: Real>(
        self,
        output: &[T],
        target: &[T],
        grad: &mut [T],
        weighing: Weighing<'_, T>,
        (batch, stride): (usize, usize),
    ) -> f64 {
        let shares = &weighing.shares[..stride];
        match self {
            Self::CategoricalCrossEntropy => cross_entropy(output, target, grad, shares, batch),
            Self::KullbackLeibler => {
                cross_entropy(output, target, grad, shares, batch) - entropy(target, shares, batch)
            }
            Self::Focal => focal(output, target, grad, shares, weighing.focus, batch),
            Self::Cosine => cosine(output, target, grad, shares, batch),
            _ => self.each(output, target, grad, shares, batch),
        }
    }

    /// The losses that are sums over single outputs.
    fn each<T: Real>(self, output: &[T], target: &[T], grad: &mut [T], shares: &[T], batch: usize) -> f64 {
        let each = |grad: &mut [T], f: fn(T, T) -> (T, T)| each(output, target, grad, shares, batch, f);
        match self {
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
            Self::Hinge => each(grad, |y, t| {
                let gap = T::ONE - t * y;
                (gap.max(T::ZERO), if gap > T::ZERO { -t } else { T::ZERO })
            }),
            _ => each(grad, |y, t| {
                let e = y - t;
                (e * e, e + e)
            }),
        }
    }
}

impl Link {
    /// Predictions from the network's last values.
    pub fn apply<T: Real>(self, output: &[T], prediction: &mut [T], stride: usize) {
        match self {
            Self::Identity => prediction.copy_from_slice(output),
            Self::Sigmoid => elementwise::activate(super::Activation::Sigmoid, output, prediction, stride, 1),
            Self::Softmax => elementwise::softmax(output, prediction, stride),
        }
    }
}

/// Gradients of f32 smaller than this are rounding errors of those that matter, and what follows from them down the network
/// would soon be denormal numbers, with which processors are a hundred times slower.
const FAINT: f32 = 1e-20;

/// A loss that is a mean of `f(output, target) = (value, slope)` over all elements.
#[inline(always)]
fn each<T: Real>(
    output: &[T],
    target: &[T],
    grad: &mut [T],
    shares: &[T],
    batch: usize,
    f: impl Fn(T, T) -> (T, T),
) -> f64 {
    let stride = shares.len();
    let count = T::from_f64(stride as f64 / output.len() as f64);
    let mut sum = T::ZERO;
    for ((output, target), grad) in
        output.chunks_exact(stride).zip(target.chunks_exact(stride)).zip(grad.chunks_exact_mut(stride))
    {
        for (((&y, &t), &share), g) in output[..batch].iter().zip(target).zip(shares).zip(&mut *grad) {
            let (value, slope) = f(y, t);
            let share = share * count;
            sum += value * share;
            *g = (slope * share).or_zero_below(FAINT);
        }
        grad[batch..].fill(T::ZERO);
    }
    sum.to_f64()
}

/// Σ t ln t of every sample, weighted.
fn entropy<T: Real>(target: &[T], shares: &[T], batch: usize) -> f64 {
    let term = |t: T| if t > T::ZERO { t * t.ln() } else { T::ZERO };
    let rows = target.chunks_exact(shares.len());
    -rows.flat_map(|row| row[..batch].iter().zip(shares)).map(|(&t, &share)| term(t) * share).sum::<T>().to_f64()
}

dispatch! {
    fn cross_entropy<T: Real>(z: &[T], target: &[T], grad: &mut [T], shares: &[T], batch: usize) -> f64 => cross_entropy_body
}

/// Stable log-sum-exp: the largest logit of each sample is subtracted first.
#[inline(always)]
fn cross_entropy_body<T: Real, const FMA: bool>(
    z: &[T],
    target: &[T],
    grad: &mut [T],
    shares: &[T],
    batch: usize,
) -> f64 {
    let stride = shares.len();
    let classes = z.len() / stride;
    let mut total = T::ZERO;
    for block in (0..stride).step_by(LANES) {
        let shares = &shares[block..][..LANES];
        let mut top = [T::ZERO; LANES];
        top.copy_from_slice(&z[block..][..LANES]);
        for class in 1..classes {
            for (top, &z) in top.iter_mut().zip(&z[class * stride + block..][..LANES]) {
                *top = top.max(z);
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
            scale[lane] = shares[lane] * weight[lane] / sum[lane];
        }
        for lane in 0..LANES.min(batch.saturating_sub(block)) {
            total += shares[lane] * (weight[lane] * sum[lane].ln() - chosen[lane]);
        }
        for class in 0..classes {
            let at = class * stride + block;
            for lane in 0..LANES {
                let g = T::fma::<FMA>(grad[at + lane], scale[lane], -(shares[lane] * target[at + lane]));
                grad[at + lane] = g.or_zero_below(FAINT);
            }
        }
    }
    total.to_f64()
}

dispatch! {
    fn focal<T: Real>(z: &[T], target: &[T], grad: &mut [T], shares: &[T], focus: T, batch: usize) -> f64 => focal_body
}

/// L = Σ t (1 − p)^γ (−ln p); with q = p ∂L/∂p, ∂L/∂zⱼ = qⱼ − pⱼ Σ q.
#[inline(always)]
fn focal_body<T: Real, const FMA: bool>(
    z: &[T],
    target: &[T],
    grad: &mut [T],
    shares: &[T],
    focus: T,
    batch: usize,
) -> f64 {
    let stride = shares.len();
    let classes = z.len() / stride;
    let least = T::from_f64(f64::from(f32::MIN_POSITIVE));
    let mut total = T::ZERO;
    for (column, &share) in shares.iter().enumerate() {
        let at = |class: usize| class * stride + column;
        let top = (1..classes).fold(z[at(0)], |top, class| top.max(z[at(class)]));
        let sum: T = (0..classes).map(|class| (z[at(class)] - top).exp::<FMA>()).sum();
        let log = |class: usize| z[at(class)] - top - sum.ln();
        let mut all = T::ZERO;
        for class in 0..classes {
            let (t, log) = (target[at(class)], log(class));
            let p = log.exp::<FMA>();
            // 1 − p without cancelling.
            let rest = (-log.exp_m1::<FMA>()).max(least);
            let softened = (focus * rest.ln()).exp::<FMA>();
            let q = t * softened * (focus * p / rest * log - T::ONE);
            if column < batch {
                total += share * -(t * softened * log);
            }
            grad[at(class)] = q;
            all += q;
        }
        for class in 0..classes {
            let p = log(class).exp::<FMA>();
            grad[at(class)] = (share * (grad[at(class)] - p * all)).or_zero_below(FAINT);
        }
    }
    total.to_f64()
}

/// ∂L/∂y = −(t / (|y| |t|) − cos · y / |y|²); lengths are kept from zero as in PyTorch.
fn cosine<T: Real>(y: &[T], target: &[T], grad: &mut [T], shares: &[T], batch: usize) -> f64 {
    let stride = shares.len();
    let outputs = y.len() / stride;
    let least = T::from_f64(1e-8);
    let mut total = T::ZERO;
    grad.fill(T::ZERO);
    for (column, &share) in shares[..batch].iter().enumerate() {
        let at = |k: usize| k * stride + column;
        let dot = |a: &[T], b: &[T]| (0..outputs).map(|k| a[at(k)] * b[at(k)]).sum::<T>();
        let (long, wide) = (dot(y, y).sqrt().max(least), dot(target, target).sqrt().max(least));
        let cosine = dot(y, target) / (long * wide);
        total += share * (T::ONE - cosine);
        for k in 0..outputs {
            let slope = cosine * y[at(k)] / (long * long) - target[at(k)] / (long * wide);
            grad[at(k)] = share * slope;
        }
    }
    total.to_f64()
}

#[cfg(test)]
mod tests {
    use super::{Loss, Weighing};

    #[test]
    fn losses_equal_hand_calculation() {
        // Two samples of two outputs, padded to eight columns.
        let column = |a: f64, b: f64| [a, b, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        let y = [column(1.0, -2.0), column(0.5, 3.0)].concat();
        let t = [column(0.0, 1.0), column(1.0, 0.0)].concat();
        let mut grad = vec![9.0; 16];
        let shares = column(0.5, 0.5);
        let lse = |a: f64, b: f64| (a.exp() + b.exp()).ln();
        let focal = |log: f64| -(1.0 - log.exp()).powi(2) * log;
        let bce = |z: f64, t: f64| (1.0 + z.exp()).ln() - t * z;
        for (loss, want) in [
            (Loss::MeanSquaredError, (1.0 + 9.0 + 0.25 + 9.0) / 4.0),
            (Loss::MeanAbsoluteError, (1.0 + 3.0 + 0.5 + 3.0) / 4.0),
            (Loss::Huber, (0.5 + 2.5 + 0.125 + 2.5) / 4.0),
            (Loss::BinaryCrossEntropy, (bce(1.0, 0.0) + bce(-2.0, 1.0) + bce(0.5, 1.0) + bce(3.0, 0.0)) / 4.0),
            (Loss::CategoricalCrossEntropy, (lse(1.0, 0.5) - 0.5 + lse(-2.0, 3.0) + 2.0) / 2.0),
            (Loss::KullbackLeibler, (lse(1.0, 0.5) - 0.5 + lse(-2.0, 3.0) + 2.0) / 2.0),
            (Loss::Hinge, (1.0 + 3.0 + 0.5 + 1.0) / 4.0),
            (Loss::Cosine, 1.0 - 0.25 / 1.25_f64.sqrt() + 1.0 / 13.0_f64.sqrt()),
            (Loss::Focal, 0.5 * focal(0.5 - lse(1.0, 0.5)) + 0.5 * focal(-2.0 - lse(-2.0, 3.0))),
        ] {
            let got = loss.evaluate(&y, &t, &mut grad, Weighing { shares: &shares, focus: 2.0 }, (2, 8));
            assert!((got - want).abs() < 1e-12, "{loss:?}: {got} {want}");
            assert!(grad.chunks(8).all(|row| row[2..].iter().all(|&g| g == 0.0)), "padding must carry no gradient");
        }
    }

    #[test]
    fn losses_of_logits_survive_huge_ones() {
        let mut grad = vec![0.0_f32; 16];
        let z = [[1e4_f32; 8], [-1e4_f32; 8]].concat();
        let t = [[0.0_f32; 8], [1.0_f32; 8]].concat();
        for loss in [Loss::CategoricalCrossEntropy, Loss::KullbackLeibler, Loss::Focal] {
            let weighing = Weighing { shares: &[0.125; 8], focus: 2.0 };
            let value = loss.evaluate(&z, &t, &mut grad, weighing, (8, 8));
            assert!((value - 2e4).abs() < 1.0, "{loss:?}: {value}");
            assert!(grad.iter().all(|g| g.is_finite()));
        }
    }
}
