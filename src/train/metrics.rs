//! Metrics of predictions: accuracy and others for classes; R², mean absolute error and others for numbers.

use super::head_targets::{Expected, ExpectedValues, HeadTargets};
use crate::data::TargetScale;
use crate::nn::{Encoding, LayerId, Link};
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

/// Every metric of one head on one part of the data.
#[derive(Clone, Debug)]
pub struct FullEvaluation {
    pub layer: LayerId,
    pub evaluation: Evaluation,
    pub scores: Scores,
    /// None for numbers.
    pub confusion: Option<Confusion>,
}

/// Accumulates an evaluation, chunk by chunk.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    samples: usize,
    /// Sum over the samples of weight × loss, and of the weights.
    loss: f64,
    weight: f64,
    threshold: f32,
    confusion: Confusion,
    /// Per target: Σ(t−y)², Σ|t−y|, Σt, Σt² around the first target (a shift keeps the sums exact), Σ|t−y| / |t| in own units.
    sums: Vec<[f64; 5]>,
    shifts: Vec<f64>,
    /// For classes, where every metric is asked for.
    fully: Option<ClassSums>,
    /// Where areas under curves are asked for: each sample's class, and predictions `[samples, outputs]`.
    predictions: Option<(Vec<u32>, Vec<f32>)>,
    /// Area under the curve of each class against all others, as far as they are computed.
    areas: Vec<Option<f64>>,
    /// Whether predictions are probabilities that add up to 1, or one of the second class.
    probabilities: bool,
}

/// With more classes there are no confusion matrix and no areas under curves, which would take too much memory and time.
pub const FEW_CLASSES: usize = 1024;

/// What is summed up over samples of classes where every metric is asked for.
#[derive(Clone, Debug, Default)]
struct ClassSums {
    /// Predictions of one sample.
    row: Vec<f32>,
    outputs: usize,
    /// Samples whose true class is among the most probable.
    top: usize,
    /// Σ −ln p of the true class.
    log_loss: f64,
}

impl Tally {
    /// For predictions through `link`; `fully` where every metric will be asked for.
    pub fn new(targets: &HeadTargets, encoding: Encoding, link: Link, fully: bool) -> Self {
        let (classes, columns) = match &targets.expected {
            Expected::Classes { names, .. } => (names.len(), 0),
            Expected::Values(expected) => (0, expected.names.len()),
        };
        Self {
            samples: 0,
            loss: 0.0,
            weight: 0.0,
            threshold: threshold(encoding),
            fully: (fully && classes > 0).then(ClassSums::default),
            predictions: (fully && (1..=FEW_CLASSES).contains(&classes)).then(Default::default),
            areas: Vec::new(),
            probabilities: match link {
                Link::Softmax => true,
                Link::Sigmoid => encoding == Encoding::ZeroOne,
                Link::Identity => false,
            },
            confusion: Confusion::new(classes),
            sums: vec![[0.0; 5]; columns],
            shifts: vec![0.0; columns],
        }
    }

    /// Adds predictions `[outputs, stride]` of the given rows, with their mean loss and the sum of their weights.
    pub fn add(
        &mut self,
        targets: &HeadTargets,
        rows: &[u32],
        prediction: &[f32],
        stride: usize,
        (loss, weight): (f64, f64),
    ) {
        self.loss += loss * weight;
        self.weight += weight;
        match &targets.expected {
            Expected::Classes { labels, .. } => {
                for (column, &row) in rows.iter().enumerate() {
                    let truth = labels[row as usize] as usize;
                    let predicted = class(prediction, stride, column, self.threshold);
                    self.confusion.add(truth, predicted);
                    if let Some(sums) = &mut self.fully {
                        sums.add(truth, prediction, stride, column, self.confusion.classes);
                    }
                }
                if let Some((truths, values)) = &mut self.predictions {
                    truths.extend(rows.iter().map(|&row| labels[row as usize]));
                    let outputs = prediction.len() / stride;
                    let of_column = |column| (0..outputs).map(move |k| prediction[k * stride + column]);
                    values.extend((0..rows.len()).flat_map(of_column));
                }
            }
            Expected::Values(expected) => {
                let scales = &expected.scales;
                if self.samples == 0
                    && let Some(&first) = rows.first()
                {
                    let own = |(k, s): (usize, &TargetScale)| s.measure(f64::from(expected.at(first as usize, k)));
                    self.shifts.clear();
                    self.shifts.extend(scales.iter().enumerate().map(own));
                }
                for (column, &row) in rows.iter().enumerate() {
                    for (k, (sums, shift)) in self.sums.iter_mut().zip(&self.shifts).enumerate() {
                        let (scale, encoded) = (scales[k], f64::from(expected.at(row as usize, k)));
                        let t = scale.measure(encoded);
                        let e = t - scale.measure(f64::from(prediction[k * stride + column]));
                        let d = t - shift;
                        let share = (e * scale.unit()).abs() / scale.decode(encoded).abs().max(f64::EPSILON);
                        for (sum, add) in sums.iter_mut().zip([e * e, e.abs(), d, d * d, share]) {
                            *sum += add;
                        }
                    }
                }
            }
        }
        self.samples += rows.len();
    }

    pub fn finish(&self, targets: &HeadTargets) -> Evaluation {
        let n = self.samples.max(1) as f64;
        let metrics = match &targets.expected {
            Expected::Classes { names, .. } => {
                let correct: u32 = (0..names.len()).map(|k| self.confusion.of[k].hits).sum();
                Metrics::Classes { accuracy: f64::from(correct) / n }
            }
            Expected::Values(expected) => values(&self.sums, &expected.scales, n),
        };
        Evaluation { loss: self.loss / self.weight, metrics }
    }

    /// Columns of the predictions whose areas under the curve are asked for, once all samples are added: the second of two
    /// classes, else every class.
    fn ranked(&self) -> std::ops::Range<usize> {
        let Some((truths, values)) = self.predictions.as_ref().filter(|(truths, _)| !truths.is_empty()) else {
            return 0..0;
        };
        match (values.len() / truths.len(), self.confusion.classes) {
            (2, 2) => 1..2,
            (outputs, _) => 0..outputs,
        }
    }

    /// Once all samples are added: computes the areas under the curve of further classes, which takes a sort of the samples
    /// each. Sorts about `samples` samples, but at least one class; true once nothing is left, and [`Self::scores`] can be had.
    pub fn rank(&mut self, samples: usize) -> bool {
        let columns = self.ranked();
        let Some((truths, values)) = &self.predictions else { return true };
        let outputs = values.len() / truths.len().max(1);
        let at_once = (samples / truths.len().max(1)).max(1);
        for column in columns.clone().skip(self.areas.len()).take(at_once) {
            // A single unit tells the second class from the first.
            let positive = if outputs == 1 { 1 } else { column };
            let scored = truths.iter().zip(values.chunks_exact(outputs));
            self.areas.push(area(scored.map(|(&t, v)| (v[column], t as usize == positive)).collect()));
        }
        self.areas.len() == columns.len()
    }

    /// The other metrics.
    pub fn scores(&self, targets: &HeadTargets) -> Scores {
        let Expected::Values(ExpectedValues { scales, .. }) = &targets.expected else { return self.class_scores() };
        let (n, columns) = (self.samples.max(1) as f64, self.sums.len().max(1) as f64);
        Scores::Values {
            rmse: self.sums.iter().zip(scales).map(|(s, scale)| (s[0] / n).sqrt() * scale.unit()).sum::<f64>()
                / columns,
            mape: self.sums.iter().map(|s| s[4] / n).sum::<f64>() / columns,
        }
    }

    fn class_scores(&self) -> Scores {
        let classes = self.confusion.classes;
        let mut scores = self.confusion.scores();
        let Scores::Classes { top_k: top_k_of, roc_auc, log_loss, .. } = &mut scores else { return scores };
        let Some(sums) = self.fully.as_ref().filter(|sums| sums.outputs > 0) else { return scores };
        let samples = self.samples.max(1) as f64;
        if let Some(k) = top_k(classes).filter(|_| sums.outputs == classes) {
            *top_k_of = Some(TopK { k, accuracy: sums.top as f64 / samples });
        }
        let areas: Option<Vec<f64>> = self.areas.iter().copied().collect();
        *roc_auc = areas.filter(|a| !a.is_empty()).map(|a| a.iter().sum::<f64>() / a.len() as f64);
        *log_loss = self.probabilities.then_some(sums.log_loss / samples);
        scores
    }

    /// The confusion of classes; none for numbers.
    pub fn confusion(self) -> Option<Confusion> {
        (self.confusion.classes > 0).then_some(self.confusion)
    }
}

fn values(sums: &[[f64; 5]], scales: &[TargetScale], n: f64) -> Metrics {
    let columns = sums.len().max(1) as f64;
    let r2 = |[squares, _, t, t2, _]: [f64; 5]| {
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
        mae: sums.iter().zip(scales).map(|(s, scale)| s[1] / n * scale.unit()).sum::<f64>() / columns,
    }
}

impl ClassSums {
    /// Adds the sample in a column of the predictions `[outputs, stride]`.
    fn add(&mut self, truth: usize, prediction: &[f32], stride: usize, column: usize, classes: usize) {
        let Self { row, outputs, top, log_loss } = self;
        *outputs = prediction.len() / stride;
        row.clear();
        row.extend((0..*outputs).map(|k| prediction[k * stride + column]));
        if let Some(most) = top_k(classes).filter(|_| *outputs == classes) {
            // Of classes with the same probability the later one ranks higher, as in scikit-learn.
            let before = |(other, &p): (usize, &f32)| p > row[truth] || (p == row[truth] && other > truth);
            *top += usize::from(row.iter().enumerate().filter(|&c| before(c)).count() < most);
        }
        let least = f64::from(f32::EPSILON);
        let of_truth = match row.as_slice() {
            [p] => f64::from(if truth == 1 { *p } else { 1.0 - *p }),
            row => f64::from(row[truth]) / row.iter().map(|&p| f64::from(p)).sum::<f64>(),
        };
        *log_loss -= of_truth.clamp(least, 1.0 - least).ln();
    }
}

/// How many of the most probable classes count for the top-k accuracy; none where that would be nearly all.
fn top_k(classes: usize) -> Option<usize> {
    match classes {
        0..4 => None,
        4..=10 => Some(3),
        _ => Some(5),
    }
}

/// Area under the receiver operating characteristic: the probability that a positive sample scores higher than a negative
/// one, ties counting half (Hanley & McNeil 1982). None without both.
fn area(mut scored: Vec<(f32, bool)>) -> Option<f64> {
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut area) = (0.0, 0.0);
    for tied in scored.chunk_by(|a, b| a.0 == b.0) {
        let positive = tied.iter().filter(|s| s.1).count() as f64;
        let negative = tied.len() as f64 - positive;
        area += positive * (below + negative / 2.0);
        below += negative;
    }
    let positive = scored.len() as f64 - below;
    (positive > 0.0 && below > 0.0).then(|| area / (positive * below))
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

/// The output of a single unit above which it predicts the second of two classes.
pub(crate) fn threshold(encoding: Encoding) -> f32 {
    if encoding == Encoding::Signed { 0.0 } else { 0.5 }
}

/// How classes are predicted, and how often each true class was predicted as each class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    pub classes: usize,
    /// `[true, predicted]`, row by row; empty where there are more than [`FEW_CLASSES`].
    pub counts: Vec<u32>,
    pub of: Vec<ClassCounts>,
}

/// Samples of one class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassCounts {
    /// That are of the class.
    pub support: u32,
    /// That are predicted as the class.
    pub predicted: u32,
    /// Both.
    pub hits: u32,
}

/// Share of samples whose true class is among the `k` most probable.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct TopK {
    pub k: usize,
    pub accuracy: f64,
}

/// Metrics beyond the one that training watches, with the names and conventions of scikit-learn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Scores {
    /// Macro: mean over the classes that appear; weighted: by their numbers of samples. 0 where a class is never predicted.
    Classes {
        balanced_accuracy: f64,
        precision_macro: f64,
        recall_macro: f64,
        f1_macro: f64,
        precision_weighted: f64,
        recall_weighted: f64,
        f1_weighted: f64,
        /// For four classes and more, with one unit a class.
        #[serde(skip_serializing_if = "Option::is_none")]
        top_k: Option<TopK>,
        /// One class against the others, mean over the classes; none where a class does not appear.
        #[serde(skip_serializing_if = "Option::is_none")]
        roc_auc: Option<f64>,
        /// Where predictions are probabilities.
        #[serde(skip_serializing_if = "Option::is_none")]
        log_loss: Option<f64>,
    },
    /// In the target's own units, averaged over the targets; the percentage error is a share.
    Values { rmse: f64, mape: f64 },
}

impl Confusion {
    fn new(classes: usize) -> Self {
        let cells = if classes <= FEW_CLASSES { classes * classes } else { 0 };
        Self { classes, counts: vec![0; cells], of: vec![ClassCounts::default(); classes] }
    }

    fn add(&mut self, truth: usize, predicted: usize) {
        if let Some(count) = self.counts.get_mut(truth * self.classes + predicted) {
            *count += 1;
        }
        self.of[truth].support += 1;
        self.of[predicted].predicted += 1;
        self.of[truth].hits += u32::from(truth == predicted);
    }

    /// Whether there are few enough classes for the matrix.
    pub fn has_matrix(&self) -> bool {
        !self.counts.is_empty()
    }

    /// A cell of the matrix.
    pub fn count(&self, truth: usize, predicted: usize) -> u32 {
        self.counts[truth * self.classes + predicted]
    }

    /// Samples of a class.
    pub fn support(&self, truth: usize) -> u32 {
        self.of[truth].support
    }

    /// Precision, recall and F1 of a class.
    pub fn of_class(&self, class: usize) -> (f64, f64, f64) {
        let ClassCounts { support, predicted, hits } = self.of[class];
        let hits = f64::from(hits);
        let share = |all: u32| if all == 0 { 0.0 } else { hits / f64::from(all) };
        let (precision, recall) = (share(predicted), share(support));
        let f1 = if hits == 0.0 { 0.0 } else { 2.0 * precision * recall / (precision + recall) };
        (precision, recall, f1)
    }

    fn scores(&self) -> Scores {
        let appears = |k: &usize| self.of[*k].support + self.of[*k].predicted > 0;
        let classes: Vec<usize> = (0..self.classes).filter(appears).collect();
        let present: Vec<usize> = classes.iter().copied().filter(|&k| self.support(k) > 0).collect();
        let mean =
            |of: &[usize], f: &dyn Fn(usize) -> f64| of.iter().map(|&k| f(k)).sum::<f64>() / of.len().max(1) as f64;
        let all = f64::from(self.of.iter().map(|c| c.support).sum::<u32>().max(1));
        let weighted =
            |f: &dyn Fn(usize) -> f64| classes.iter().map(|&k| f(k) * f64::from(self.support(k))).sum::<f64>() / all;
        Scores::Classes {
            balanced_accuracy: mean(&present, &|k| self.of_class(k).1),
            precision_macro: mean(&classes, &|k| self.of_class(k).0),
            recall_macro: mean(&classes, &|k| self.of_class(k).1),
            f1_macro: mean(&classes, &|k| self.of_class(k).2),
            precision_weighted: weighted(&|k| self.of_class(k).0),
            recall_weighted: weighted(&|k| self.of_class(k).1),
            f1_weighted: weighted(&|k| self.of_class(k).2),
            top_k: None,
            roc_auc: None,
            log_loss: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Metrics, Scores, Tally};
    use crate::data::TargetScale;
    use crate::nn::{Encoding, Link};
    use crate::train::head_targets::{Expected, ExpectedValues, HeadTargets};
    use ndarray::Array2;

    /// Numbers from scikit-learn 1.9: `tests/fixtures/make_sklearn.py`.
    #[test]
    fn metrics_equal_scikit_learn() {
        let fixture: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/fixtures/sklearn.json")).expect("is JSON");
        let numbers = |v: &serde_json::Value| -> Vec<f64> {
            v.as_array().expect("a list").iter().map(|n| n.as_f64().expect("a number")).collect()
        };
        for case in fixture["classes"].as_array().expect("a list") {
            let (truth, predicted) = (numbers(&case["true"]), numbers(&case["predicted"]));
            let classes = case["classes"].as_u64().expect("a number") as usize;
            let expected = Expected::Classes {
                names: (0..classes).map(|k| k.to_string()).collect(),
                labels: truth.iter().map(|&t| t as u32).collect(),
            };
            let targets = HeadTargets { expected, class_weights: None };
            let n = truth.len();
            let mut output = vec![0.0; classes * n];
            match case.get("probabilities") {
                Some(rows) => rows.as_array().expect("a list").iter().enumerate().for_each(|(i, row)| {
                    numbers(row).iter().enumerate().for_each(|(k, &p)| output[k * n + i] = p as f32);
                }),
                None => predicted.iter().enumerate().for_each(|(i, &p)| output[p as usize * n + i] = 1.0),
            }
            let rows: Vec<u32> = (0..n as u32).collect();
            let link = if case.get("probabilities").is_some() { Link::Softmax } else { Link::Identity };
            let mut tally = Tally::new(&targets, Encoding::OneHot, link, true);
            tally.add(&targets, &rows, &output, n, (0.0, n as f64));
            // One class at a time.
            while !tally.rank(1) {}
            let Metrics::Classes { accuracy } = tally.finish(&targets).metrics else { panic!("classes") };
            let scores = serde_json::to_value(tally.scores(&targets)).expect("plain numbers");
            assert!((accuracy - case["accuracy"].as_f64().expect("a number")).abs() < 1e-6);
            for (name, want) in case["scores"].as_object().expect("an object") {
                let got = if name == "top_k" { &scores[name]["accuracy"] } else { &scores[name] };
                let (got, want) = (got.as_f64().expect("a number"), want.as_f64().expect("a number"));
                assert!((got - want).abs() < 1e-6, "{name}: {got} against {want}");
            }
        }
        for case in fixture["values"].as_array().expect("a list") {
            let (truth, predicted) = (numbers(&case["true"]), numbers(&case["predicted"]));
            let n = truth.len();
            // As training holds them: standardised.
            let scale = TargetScale::line(100.0, 7.0);
            let encode = |v: &f64| ((v - scale.offset) / scale.scale) as f32;
            let expected = Expected::Values(ExpectedValues {
                names: vec!["t".into()],
                scales: vec![scale],
                values: Array2::from_shape_vec((n, 1), truth.iter().map(encode).collect())
                    .expect("one column")
                    .into_shared(),
                columns: None,
            });
            let targets = HeadTargets { expected, class_weights: None };
            let output: Vec<f32> = predicted.iter().map(encode).collect();
            let rows: Vec<u32> = (0..n as u32).collect();
            let mut tally = Tally::new(&targets, Encoding::Values, Link::Identity, true);
            tally.add(&targets, &rows, &output, n, (0.0, n as f64));
            let Metrics::Values { r2, mae } = tally.finish(&targets).metrics else { panic!("values") };
            let Scores::Values { rmse, mape } = tally.scores(&targets) else { panic!("values") };
            for (name, got) in [("r2", r2), ("mae", mae), ("rmse", rmse), ("mape", mape)] {
                let want = case[name].as_f64().expect("a number");
                assert!((got - want).abs() < 1e-5 * want.abs().max(1.0), "{name}: {got} against {want}");
            }
        }
    }
}
