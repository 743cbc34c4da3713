//! How good predictions are: accuracy for classes; R² and mean absolute error for numbers.

use crate::data::{TargetScale, Targets};
use crate::nn::Encoding;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The metrics of one part of the data.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Metrics {
    Classes {
        /// Share of samples whose most probable class is the true one.
        accuracy: f64,
    },
    Values {
        /// 1 − Σ(t − y)² / Σ(t − mean t)², averaged over the targets.
        r2: f64,
        /// Mean |t − y| in the target's own units, averaged over the targets.
        mae: f64,
    },
}

/// Loss and metrics of one part of the data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluation {
    pub loss: f64,
    pub metrics: Metrics,
}

/// Adds up an evaluation, chunk by chunk.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    samples: usize,
    loss: f64,
    correct: usize,
    threshold: f32,
    /// Per target: Σ(t−y)², Σ|t−y|, Σt, Σt² around the first target (a shift keeps the sums exact).
    sums: Vec<[f64; 4]>,
    shifts: Vec<f64>,
}

impl Tally {
    pub fn new(targets: &Targets, encoding: Encoding) -> Self {
        let columns = match targets {
            Targets::Classes { .. } => 0,
            Targets::Values { names, .. } => names.len(),
        };
        let threshold = threshold(encoding);
        Self { samples: 0, loss: 0.0, correct: 0, threshold, sums: vec![[0.0; 4]; columns], shifts: vec![0.0; columns] }
    }

    /// Takes in predictions `[outputs, stride]` of the given rows, whose mean loss is `loss`.
    pub fn add(&mut self, targets: &Targets, rows: &[u32], prediction: &[f32], stride: usize, loss: f64) {
        self.loss += loss * rows.len() as f64;
        match targets {
            Targets::Classes { labels, .. } => {
                self.correct += rows
                    .iter()
                    .enumerate()
                    .filter(|&(column, &row)| {
                        class(prediction, stride, column, self.threshold) == labels[row as usize] as usize
                    })
                    .count();
            }
            Targets::Values { values, .. } => {
                if self.samples == 0
                    && let Some(&first) = rows.first()
                {
                    self.shifts = values.row(first as usize).iter().map(|&v| f64::from(v)).collect();
                }
                for (column, &row) in rows.iter().enumerate() {
                    for (k, (sums, shift)) in self.sums.iter_mut().zip(&self.shifts).enumerate() {
                        let t = f64::from(values[[row as usize, k]]);
                        let e = t - f64::from(prediction[k * stride + column]);
                        let d = t - shift;
                        for (sum, add) in sums.iter_mut().zip([e * e, e.abs(), d, d * d]) {
                            *sum += add;
                        }
                    }
                }
            }
        }
        self.samples += rows.len();
    }

    pub fn finish(&self, targets: &Targets) -> Evaluation {
        let n = self.samples.max(1) as f64;
        let metrics = match targets {
            Targets::Classes { .. } => Metrics::Classes { accuracy: self.correct as f64 / n },
            Targets::Values { scales, .. } => values(&self.sums, scales, n),
        };
        Evaluation { loss: self.loss / n, metrics }
    }
}

fn values(sums: &[[f64; 4]], scales: &[TargetScale], n: f64) -> Metrics {
    let columns = sums.len().max(1) as f64;
    let r2 = |[squares, _, t, t2]: [f64; 4]| {
        let spread = t2 - t * t / n;
        // A constant target: right or wrong, nothing in between (as in scikit-learn).
        if spread > 0.0 {
            1.0 - squares / spread
        } else if squares == 0.0 {
            1.0
        } else {
            0.0
        }
    };
    Metrics::Values {
        r2: sums.iter().map(|&s| r2(s)).sum::<f64>() / columns,
        mae: sums.iter().zip(scales).map(|(s, scale)| s[1] / n * scale.scale).sum::<f64>() / columns,
    }
}

/// The predicted class of one column: above the threshold for a single unit, else the largest unit.
pub(crate) fn class(prediction: &[f32], stride: usize, column: usize, threshold: f32) -> usize {
    let units = prediction.len() / stride;
    if units == 1 {
        return usize::from(prediction[column] > threshold);
    }
    let value = |k: usize| prediction[k * stride + column];
    (1..units).fold(0, |best, k| if value(k) > value(best) { k } else { best })
}

/// Where a single unit tells two classes apart.
pub(crate) fn threshold(encoding: Encoding) -> f32 {
    if encoding == Encoding::Signed { 0.0 } else { 0.5 }
}
