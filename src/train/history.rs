//! The record of a run: numbers over epochs and histograms of weights, in bounded memory.
//!
//! Recent epochs are kept one by one. When a series is full, neighbours in its older part are merged until all of its points
//! stand for about as many epochs: a merged point keeps the smallest, the largest and the last value, so that no peak is lost.

use super::head_targets::HeadTargets;
use super::metrics::{Evaluation, Metrics};
use crate::nn::{LayerId, Network, Plan};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most points of a series.
const POINTS: usize = 4096;
/// Most histograms of each layer.
const HISTOGRAMS: usize = 64;
const BINS: usize = 32;

/// One number over epochs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EpochSeries {
    pub low: Vec<f32>,
    pub high: Vec<f32>,
    pub last: Vec<f32>,
}

/// Weights of every layer at one time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Histogram {
    pub epoch: u64,
    /// One for each of [`History::layers`].
    pub layers: Vec<Bins>,
}

/// Counts between the smallest and the largest weight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bins {
    pub low: f32,
    pub high: f32,
    pub counts: Vec<u32>,
}

/// Series and histograms of one run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// Last epoch of each point.
    pub epochs: Vec<u64>,
    pub train_loss: EpochSeries,
    /// Empty without validation rows, as are the metrics.
    pub val_loss: EpochSeries,
    /// Accuracy, or R² and mean absolute error.
    pub metrics: Vec<EpochSeries>,
    pub learning_rate: EpochSeries,
    /// Layers with parameters, in computing order.
    pub layers: Vec<LayerId>,
    /// Norm of ∂L/∂parameters of each layer, at the last mini-batch of the epoch.
    pub gradient_norms: Vec<EpochSeries>,
    pub histograms: Vec<Histogram>,
    /// Epochs between two histograms.
    pub histogram_stride: u64,
}

impl EpochSeries {
    fn push(&mut self, value: f64) {
        let value = value as f32;
        self.low.push(value);
        self.high.push(value);
        self.last.push(value);
    }

    fn merge(&mut self, ends: &[usize]) {
        merge(&mut self.low, ends, f32::min);
        merge(&mut self.high, ends, f32::max);
        merge(&mut self.last, ends, |_, second| second);
    }

    pub fn latest(&self) -> Option<f32> {
        self.last.last().copied()
    }

    fn has(&self, points: usize) -> bool {
        [&self.low, &self.high, &self.last].iter().all(|v| v.len() == points)
    }
}

/// Merges the first values in groups, each up to one of `ends`.
fn merge<A: Copy>(values: &mut Vec<A>, ends: &[usize], join: impl Fn(A, A) -> A) {
    let Some(&older) = ends.last().filter(|&&older| older <= values.len()) else { return };
    let mut begin = 0;
    for (group, &end) in ends.iter().enumerate() {
        let first = values[begin];
        values[group] = values[begin + 1..end].iter().fold(first, |all, &value| join(all, value));
        begin = end;
    }
    values.drain(ends.len()..older);
}

impl History {
    /// An empty history for a network whose first head is compared with `targets`.
    pub(super) fn new(plan: &Plan, targets: &HeadTargets) -> Self {
        let mut layers: Vec<LayerId> =
            plan.order.iter().copied().filter(|id| plan.parameters.iter().any(|p| p.layer == *id)).collect();
        layers.dedup();
        let metrics = if targets.is_classes() { 1 } else { 2 };
        Self {
            metrics: vec![EpochSeries::default(); metrics],
            gradient_norms: vec![EpochSeries::default(); layers.len()],
            layers,
            histogram_stride: 1,
            ..Self::default()
        }
    }

    /// Names of the metrics in the order of `metrics`.
    pub fn metric_names(&self) -> &'static [&'static str] {
        if self.metrics.len() == 1 { &["accuracy"] } else { &["R²", "mean absolute error"] }
    }

    pub(super) fn clear(&mut self) {
        let layers = std::mem::take(&mut self.layers);
        *self = Self {
            metrics: vec![EpochSeries::default(); self.metrics.len()],
            gradient_norms: vec![EpochSeries::default(); layers.len()],
            layers,
            histogram_stride: 1,
            ..Self::default()
        };
    }

    /// Whether every series has as many points as there are epochs.
    pub(super) fn fits(&self) -> bool {
        let n = self.epochs.len();
        let held = |c: &EpochSeries| c.has(n) || c.has(0);
        self.train_loss.has(n)
            && self.learning_rate.has(n)
            && held(&self.val_loss)
            && self.metrics.iter().all(held)
            && self.gradient_norms.len() == self.layers.len()
            && self.gradient_norms.iter().all(|c| c.has(n))
            && self.histograms.iter().all(|h| h.layers.len() == self.layers.len())
            && self.histogram_stride > 0
    }

    pub(super) fn record(
        &mut self,
        epoch: u64,
        train_loss: f64,
        validation: Option<Evaluation>,
        learning_rate: f32,
        norms: &[f32],
    ) {
        if self.epochs.len() == POINTS {
            self.thin();
        }
        self.epochs.push(epoch);
        self.train_loss.push(train_loss);
        self.learning_rate.push(f64::from(learning_rate));
        if let Some(Evaluation { loss, metrics }) = validation {
            self.val_loss.push(loss);
            let values = match metrics {
                Metrics::Classes { accuracy } => [accuracy, 0.0],
                Metrics::Values { r2, mae } => [r2, mae],
            };
            self.metrics.iter_mut().zip(values).for_each(|(series, value)| series.push(value));
        }
        self.gradient_norms.iter_mut().zip(norms).for_each(|(series, &norm)| series.push(f64::from(norm)));
    }

    /// Merges points among the older three quarters, so that at least a third of these are free. Each stands for at most a
    /// 768th of their epochs, so that the beginning of a long run is drawn as finely as what came after it.
    fn thin(&mut self) {
        let older = POINTS / 4 * 3;
        let most = self.epochs[older - 1].div_ceil(POINTS as u64 * 3 / 16);
        let mut ends = Vec::new();
        let mut begin = 0;
        for k in 1..older {
            if self.epochs[k] - begin > most {
                ends.push(k);
                begin = self.epochs[k - 1];
            }
        }
        ends.push(older);
        merge(&mut self.epochs, &ends, |_, second| second);
        let Self { train_loss, val_loss, metrics, learning_rate, gradient_norms, .. } = self;
        let fixed = [train_loss, val_loss, learning_rate];
        fixed.into_iter().chain(metrics).chain(gradient_norms).for_each(|series| series.merge(&ends));
    }

    pub fn last_evaluation(&self) -> Option<Evaluation> {
        self.evaluation(self.epochs.len().checked_sub(1)?)
    }

    /// The validation at a point of the series.
    pub(super) fn evaluation(&self, point: usize) -> Option<Evaluation> {
        let at = |series: &EpochSeries| series.last.get(point).copied().map(f64::from);
        let loss = at(&self.val_loss)?;
        let value = |k: usize| self.metrics.get(k).and_then(at);
        let metrics = match (value(0)?, value(1)) {
            (accuracy, None) => Metrics::Classes { accuracy },
            (r2, Some(mae)) => Metrics::Values { r2, mae },
        };
        Some(Evaluation { loss, metrics })
    }

    /// Norm of the gradient of each layer, into `norms`.
    pub(super) fn gradient_norms(&self, network: &Network<f32>, norms: &mut [f32]) {
        for (layer, norm) in self.layers.iter().zip(norms) {
            let of_layer = network.plan().parameters.iter().filter(|p| p.layer == *layer);
            *norm = of_layer.map(|p| network.gradient_norm(p).powi(2)).sum::<f64>().sqrt() as f32;
        }
    }

    pub(super) fn wants_histogram(&self, epoch: u64) -> bool {
        epoch.is_multiple_of(self.histogram_stride)
    }

    pub(super) fn record_histogram(&mut self, epoch: u64, network: &Network<f32>) {
        if self.histograms.len() == HISTOGRAMS {
            self.histogram_stride *= 2;
            let stride = self.histogram_stride;
            self.histograms.retain(|h| h.epoch.is_multiple_of(stride));
            if !epoch.is_multiple_of(stride) {
                return;
            }
        }
        let weights = |layer: &LayerId| network.plan().parameters.iter().find(|p| p.layer == *layer && p.shape.decayed);
        let layers = self.layers.iter().map(|l| bins(weights(l).map_or(&[], |p| &network.params()[p.range.clone()])));
        self.histograms.push(Histogram { epoch, layers: layers.collect() });
    }
}

/// Counts of equal-width bins between the smallest and the largest value.
fn bins(values: &[f32]) -> Bins {
    let finite = || values.iter().copied().filter(|v| v.is_finite());
    let (low, high) = finite().fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
    if low > high {
        return Bins { low: 0.0, high: 0.0, counts: vec![0; BINS] };
    }
    let mut counts = vec![0; BINS];
    let scale = BINS as f32 / (high - low).max(f32::MIN_POSITIVE);
    for v in finite() {
        counts[(((v - low) * scale) as usize).min(BINS - 1)] += 1;
    }
    Bins { low, high, counts }
}

#[cfg(test)]
mod tests {
    use super::{History, POINTS, bins};
    use crate::nn::LayerId;

    #[test]
    fn a_long_run_stays_bounded_and_keeps_its_peak() {
        let mut history = History {
            layers: vec![LayerId(1)],
            gradient_norms: vec![super::EpochSeries::default()],
            ..History::default()
        };
        for epoch in 1..=100_000 {
            let loss = if epoch == 7 { 1000.0 } else { 1.0 / epoch as f64 };
            history.record(epoch, loss, None, 0.1, &[2.0]);
        }
        assert!(history.epochs.len() <= POINTS);
        assert_eq!(history.train_loss.high[0], 1000.0);
        assert_eq!(history.epochs.last(), Some(&100_000));
        assert!(history.epochs.windows(2).all(|w| w[0] < w[1]));
        let recent = &history.epochs[history.epochs.len() - POINTS / 8..];
        assert!(recent.windows(2).all(|w| w[1] == w[0] + 1), "recent epochs are kept one by one");
        let widest = history.epochs.windows(2).map(|w| w[1] - w[0]).max().expect("has points").max(history.epochs[0]);
        assert!(widest <= 100_000 / 700, "the beginning is drawn as finely as the rest: {widest}");
        assert!(history.gradient_norms[0].has(history.epochs.len()));
    }

    #[test]
    fn bins_count_every_finite_value() {
        let b = bins(&[-1.0, 0.0, 0.0, f32::NAN, 3.0]);
        assert_eq!((b.low, b.high, b.counts.iter().sum::<u32>(), b.counts[0]), (-1.0, 3.0, 4, 1));
        assert_eq!(bins(&[]).counts.iter().sum::<u32>(), 0);
    }
}
