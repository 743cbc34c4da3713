//! Why is it not learning? What can be seen from a few rows, the curves and the data, with the evidence and a fix.

use super::Trace;
use super::fix::Fix;
use crate::data::{Dataset, EncodingKind, Part, PreparationFix, Targets};
use crate::format;
use crate::nn::layers::ClassWeights;
use crate::nn::{Activation, LayerId, Link, NetworkFix};
use crate::train::{History, TrainConfig, TrainingFix};

/// What ails a training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Issue {
    Diverged,
    RateTooHigh,
    RateTooLow,
    DeadUnits,
    Saturated,
    VanishingGradients,
    ExplodingGradients,
    UnscaledInputs,
    WrongOutput,
    ImbalancedClasses,
    Overfitting,
    UnrelatedLabels,
}

impl Issue {
    pub fn label(self) -> &'static str {
        match self {
            Self::Diverged => "The loss diverged",
            Self::RateTooHigh => "The learning rate is too high",
            Self::RateTooLow => "The learning rate is too low",
            Self::DeadUnits => "Dead ReLU units",
            Self::Saturated => "Saturated units",
            Self::VanishingGradients => "Vanishing gradients",
            Self::ExplodingGradients => "Exploding gradients",
            Self::UnscaledInputs => "Inputs are not scaled",
            Self::WrongOutput => "The output cannot reach its targets",
            Self::ImbalancedClasses => "Imbalanced classes",
            Self::Overfitting => "Overfitting",
            Self::UnrelatedLabels => "Labels look unrelated to the features",
        }
    }
}

/// One issue, how it shows, and what would fix it.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub issue: Issue,
    pub evidence: String,
    pub fix: Option<Fix>,
}

/// What is known of a training.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    pub data: &'a Dataset,
    pub training: &'a TrainConfig,
    pub history: &'a History,
    /// Whether training ended because the loss was no longer finite.
    pub diverged: bool,
    /// The next step on up to [`ROWS`] training rows.
    pub trace: &'a Trace<f32>,
}

/// Training rows that are looked at.
pub const ROWS: usize = 256;
/// Fewer rows say nothing of single units.
const FEW: usize = 24;

/// Everything that is found, causes before effects.
pub fn diagnose(case: &Case<'_>) -> Vec<Finding> {
    let mut found: Vec<Finding> = [
        case.unscaled_inputs(),
        case.diverged(),
        case.wrong_output(),
        case.vanishing(),
        case.exploding(),
        case.rate_too_high(),
        case.rate_too_low(),
        case.dead_units(),
        case.saturated(),
        case.imbalanced(),
        case.unrelated_labels(),
    ]
    .into_iter()
    .flatten()
    .collect();
    if found.iter().any(|f| f.issue == Issue::RateTooHigh) {
        // Weights that were carried away hardly move any more.
        found.retain(|f| f.issue != Issue::RateTooLow);
    }
    if !found.iter().any(|f| matches!(f.issue, Issue::UnrelatedLabels | Issue::Diverged)) {
        found.extend(case.overfitting());
    }
    found
}

impl Case<'_> {
    fn finding(issue: Issue, evidence: String, fix: impl Into<Option<Fix>>) -> Finding {
        Finding { issue, evidence, fix: fix.into() }
    }

    fn epochs(&self) -> usize {
        self.history.epochs.len()
    }

    /// Whether the loss has fallen to less than half of what it was, or most rows are classified correctly.
    fn learned(&self) -> bool {
        let losses = &self.history.train_loss.last;
        let fallen = losses.first().zip(losses.last()).is_some_and(|(first, last)| *last < 0.5 * first);
        let accurate =
            self.history.metrics.len() == 1 && self.history.metrics[0].latest().is_some_and(|accuracy| accuracy >= 0.9);
        fallen || accurate
    }

    fn slower(&self) -> Fix {
        TrainingFix::LearningRate(self.training.learning_rate / 10.0).into()
    }

    fn diverged(&self) -> Option<Finding> {
        (self.diverged || !self.trace.loss.is_finite()).then(|| {
            let evidence = format!(
                "The loss is no longer a finite number. With a learning rate of {} the steps carry the weights away.",
                self.training.learning_rate
            );
            Self::finding(Issue::Diverged, evidence, self.slower())
        })
    }

    fn rate_too_high(&self) -> Option<Finding> {
        if self.diverged || !self.trace.loss.is_finite() || self.learned() {
            return None;
        }
        let (before, after) = (self.trace.loss, self.trace.loss_after);
        if after > 1.5 * before {
            let evidence = format!(
                "The next step would raise the loss of the very rows that it is made for, from {before:.4} to {after:.4}."
            );
            return Some(Self::finding(Issue::RateTooHigh, evidence, self.slower()));
        }
        if let Some((layer, from, to)) = self.growth().filter(|(_, from, to)| *to > 10.0 * from) {
            let name = self.trace.spec.name(layer);
            let evidence = format!(
                "The largest weight of {name} has grown from {from:.2} to {to:.1} without lowering the loss by half: the steps are too long."
            );
            return Some(Self::finding(Issue::RateTooHigh, evidence, self.slower()));
        }
        let recent = &self.history.train_loss.last[self.epochs().saturating_sub(20)..];
        if recent.len() < 8 {
            return None;
        }
        let mean = recent.iter().sum::<f32>() / recent.len() as f32;
        let jumps: Vec<f32> = recent.windows(2).map(|w| w[1] - w[0]).collect();
        let rises = jumps.iter().filter(|j| **j > 0.0).count();
        let swing = jumps.iter().map(|j| j.abs()).sum::<f32>() / jumps.len() as f32 / mean;
        (rises * 3 > jumps.len() && swing > 0.15).then(|| {
            let evidence = format!(
                "In the last {} epochs the loss rose {rises} times, and it jumps by {} from one to the next.",
                recent.len(),
                format::percent(swing, 0)
            );
            Self::finding(Issue::RateTooHigh, evidence, self.slower())
        })
    }

    /// The layer whose largest weight has grown most since the beginning, with its size then and now.
    fn growth(&self) -> Option<(LayerId, f32, f32)> {
        let (first, last) = (self.history.histograms.first()?, self.history.histograms.last()?);
        let size = |bins: &crate::train::Bins| bins.low.abs().max(bins.high.abs());
        let pairs = self.history.layers.iter().zip(first.layers.iter().zip(&last.layers));
        let grown = pairs.map(|(layer, (from, to))| (*layer, size(from).max(0.01), size(to)));
        grown.max_by(|a, b| (a.2 / a.1).total_cmp(&(b.2 / b.1)))
    }

    fn rate_too_low(&self) -> Option<Finding> {
        let losses = &self.history.train_loss.last;
        if self.epochs() < 5 || self.learned() || !self.trace.loss.is_finite() {
            return None;
        }
        let learning = self.trace.plan.learning;
        let norm =
            |values: &mut dyn Iterator<Item = f32>| values.map(|v| f64::from(v) * f64::from(v)).sum::<f64>().sqrt();
        let (before, after) = (&self.trace.before[..learning], &self.trace.after[..learning]);
        let step = norm(&mut before.iter().zip(after).map(|(b, a)| a - b));
        let batches = self.data.part(Part::Train).len().div_ceil(self.training.batch_size) as f64;
        let a_epoch = step * batches / norm(&mut before.iter().copied()).max(1e-12);
        let (old, new) = (losses[losses.len() - 5], losses[losses.len() - 1]);
        let gain = (old - new) / old.abs().max(1e-12);
        (a_epoch < 1e-3 && gain < 0.01 && norm(&mut self.trace.gradient[..learning].iter().copied()) > 1e-6).then(
            || {
                let evidence = format!(
                    "An epoch moves the weights by about {} of their size, and five epochs lower the loss by {}.",
                    format::percent(a_epoch, 4),
                    format::percent(gain.max(0.0), 2)
                );
                let faster = Fix::from(TrainingFix::LearningRate(self.training.learning_rate * 10.0));
                Self::finding(Issue::RateTooLow, evidence, faster)
            },
        )
    }

    /// Layers with the activation that `wanted` names: the layer, the node before it and its own.
    fn activations(&self, wanted: impl Fn(Activation) -> bool) -> Vec<(LayerId, usize, usize, Activation)> {
        let nodes = self.trace.plan.nodes.iter().enumerate();
        let own = nodes.filter_map(|(i, n)| {
            let f = n.operation.activation().filter(|f| wanted(*f))?;
            Some((n.layer, n.inputs[0], i, f))
        });
        own.collect()
    }

    fn dead_units(&self) -> Option<Finding> {
        if self.trace.rows.len() < FEW {
            return None;
        }
        let mut worst: Option<(f64, usize, usize, LayerId)> = None;
        let mut layers = Vec::new();
        for (layer, z, ..) in self.activations(|f| f == Activation::Relu) {
            let dead = |row: ndarray::ArrayView1<'_, f32>| row.iter().all(|v| *v <= 0.0);
            let rows: Vec<bool> = self.trace.values[z].rows().into_iter().map(dead).collect();
            // A channel of an image is dead only as a whole.
            let area = self.trace.plan.nodes[z].operation.positions();
            let units: Vec<bool> = rows.chunks(area).map(|part| part.iter().all(|d| *d)).collect();
            let count = units.iter().filter(|d| **d).count();
            let share = count as f64 / units.len() as f64;
            layers.push(layer);
            if share > 0.5 && units.len() > 1 && worst.is_none_or(|w| share > w.0) {
                worst = Some((share, count, units.len(), layer));
            }
        }
        let (_, count, units, layer) = worst?;
        let evidence = format!(
            "{count} of {units} units of {} output 0 for all of {} rows: no gradient comes back through them, so they cannot recover.",
            self.trace.spec.name(layer),
            self.trace.rows.len()
        );
        Some(Self::finding(
            Issue::DeadUnits,
            evidence,
            Fix::from(NetworkFix::UseActivation { layers, activation: Activation::LeakyRelu }),
        ))
    }

    fn saturated(&self) -> Option<Finding> {
        if self.learned() || self.trace.rows.len() < FEW {
            return None;
        }
        let squeezes =
            |f| matches!(f, Activation::Sigmoid | Activation::Tanh | Activation::HardSigmoid | Activation::HardTanh);
        let ends: Vec<usize> = self.trace.plan.heads.iter().map(|h| h.node).collect();
        let mut found = Vec::new();
        for (layer, z, a, f) in self.activations(squeezes) {
            if ends.contains(&a) || ends.contains(&z) {
                continue;
            }
            let steepest = f.slope_at(0.0, f.at(0.0));
            let pairs = self.trace.values[z].iter().zip(self.trace.values[a].iter());
            let flat = pairs.filter(|(z, a)| f.slope_at(f64::from(**z), f64::from(**a)) < 0.1 * steepest).count();
            let share = flat as f64 / self.trace.values[a].len().max(1) as f64;
            if share > 0.6 {
                found.push((share, layer));
            }
        }
        let (share, layer) = *found.iter().max_by(|a, b| a.0.total_cmp(&b.0))?;
        let evidence = format!(
            "{} of the values of {} lie where its function is nearly flat, so that less than a tenth of the gradient gets through.",
            format::percent(share, 0),
            self.trace.spec.name(layer)
        );
        let layers = found.into_iter().map(|(_, layer)| layer).collect();
        Some(Self::finding(Issue::Saturated, evidence, Fix::from(NetworkFix::SmallerWeights { layers })))
    }

    /// Size of ∂L/∂z of each layer that weighs, in computing order.
    fn gradient_sizes(&self) -> Vec<(LayerId, f64)> {
        let nodes = self.trace.plan.nodes.iter().enumerate().filter(|(_, n)| n.operation.weighs());
        let size = |i: usize| {
            let grads = self.trace.grads[i].as_ref()?;
            let sum: f64 = grads.iter().map(|g| f64::from(*g) * f64::from(*g)).sum();
            Some((sum / grads.len() as f64).sqrt())
        };
        nodes.filter_map(|(i, n)| Some((n.layer, size(i)?))).collect()
    }

    fn vanishing(&self) -> Option<Finding> {
        let sizes = self.gradient_sizes();
        let (&(first, low), &(last, high)) = (sizes.first()?, sizes.last()?);
        if low.is_nan() || low >= 1e-3 * high {
            return None;
        }
        let squeezes =
            |f| matches!(f, Activation::Sigmoid | Activation::Tanh | Activation::HardSigmoid | Activation::HardTanh);
        let ends: Vec<usize> = self.trace.plan.heads.iter().map(|h| h.node).collect();
        let inner =
            self.activations(squeezes).into_iter().filter(|(_, z, a, _)| !ends.contains(a) && !ends.contains(z));
        let layers: Vec<LayerId> = inner.map(|(layer, ..)| layer).collect();
        let evidence = format!(
            "The gradient that reaches {} is {:.0e} of that at {}: the layers between them multiply it by small slopes.",
            self.trace.spec.name(first),
            low / high,
            self.trace.spec.name(last)
        );
        let fix: Option<Fix> =
            (!layers.is_empty()).then_some(NetworkFix::UseActivation { layers, activation: Activation::Relu }.into());
        Some(Self::finding(Issue::VanishingGradients, evidence, fix))
    }

    fn exploding(&self) -> Option<Finding> {
        let sizes = self.gradient_sizes();
        let (&(first, high), &(last, low)) = (sizes.first()?, sizes.last()?);
        (low > 0.0 && high > 1e3 * low && high.is_finite()).then(|| {
            let evidence = format!(
                "The gradient that reaches {} is {:.0} times that at {}: large weights multiply it from layer to layer.",
                self.trace.spec.name(first),
                high / low,
                self.trace.spec.name(last)
            );
            Self::finding(Issue::ExplodingGradients, evidence, Fix::from(TrainingFix::ClipByNorm))
        })
    }

    fn unscaled_inputs(&self) -> Option<Finding> {
        let mut at = 0;
        let mut columns = Vec::new();
        let mut example = String::new();
        let rows = self.data.part(Part::Train);
        for encoding in &self.data.encoder.features {
            let own = at..at + encoding.width();
            at = own.end;
            if !matches!(encoding.kind, EncodingKind::Linear(_)) {
                continue;
            }
            for k in own {
                let of = || rows.iter().map(|&r| f64::from(self.data.x[[r as usize, k]]));
                let count = rows.len().max(1) as f64;
                let mean = of().sum::<f64>() / count;
                let deviation = (of().map(|v| (v - mean).powi(2)).sum::<f64>() / count).sqrt();
                if deviation > 10.0 || mean.abs() > 10.0 {
                    if columns.is_empty() {
                        example =
                            format!("{} has a mean of {mean:.1} and a deviation of {deviation:.1}", encoding.column);
                    }
                    columns.push(encoding.column.clone());
                }
            }
        }
        (!columns.is_empty()).then(|| {
            let more = if columns.len() > 1 { format!(", and {} more columns are like it", columns.len() - 1) } else { String::new() };
            let evidence = format!("{example}{more}. Large inputs make large sums, which saturate units and make one learning rate wrong for all.");
            Self::finding(Issue::UnscaledInputs, evidence, Fix::from(PreparationFix::Standardise(columns)))
        })
    }

    fn wrong_output(&self) -> Option<Finding> {
        for (head, own) in self.trace.plan.heads.iter().zip(&self.trace.heads) {
            let node = &self.trace.plan.nodes[head.node];
            // What does not fit a cross-entropy is refused before training.
            let Some(f) = node.operation.activation() else { continue };
            if head.loss.link() != Link::Identity {
                continue;
            }
            let name = self.trace.spec.name(node.layer);
            let layers = vec![node.layer];
            let fix = Fix::from(NetworkFix::UseActivation { layers, activation: Activation::Identity });
            let (low, high) = match f {
                Activation::Sigmoid | Activation::HardSigmoid | Activation::Softmax => (0.0, 1.0),
                Activation::Tanh | Activation::HardTanh | Activation::Softsign => (-1.0, 1.0),
                Activation::Relu | Activation::Softplus => (0.0, f32::INFINITY),
                _ => continue,
            };
            let outside = own.target.iter().filter(|t| **t < low - 1e-3 || **t > high + 1e-3).count();
            if outside * 50 > own.target.len() {
                let evidence = format!(
                    "{} of the targets lie outside of what {name} can put out with {}.",
                    format::percent(outside as f64 / own.target.len() as f64, 0),
                    f.label()
                );
                return Some(Self::finding(Issue::WrongOutput, evidence, fix));
            }
        }
        None
    }

    fn imbalanced(&self) -> Option<Finding> {
        let Targets::Classes { names, labels } = self.data.target() else { return None };
        let head = self.trace.plan.head();
        if head.class_weights != ClassWeights::Equal || self.data.weights.is_some() {
            return None;
        }
        let mut counts = vec![0_usize; names.len()];
        self.data.part(Part::Train).iter().for_each(|&r| counts[labels[r as usize] as usize] += 1);
        let present = || counts.iter().enumerate().filter(|(_, c)| **c > 0);
        let (rare, few) = present().min_by_key(|(_, c)| **c)?;
        let (common, many) = present().max_by_key(|(_, c)| **c)?;
        (*many >= 10 * few).then(|| {
            let evidence = format!(
                "{many} training rows are {} but only {few} are {}: always saying {} would already look good.",
                names[common], names[rare], names[common]
            );
            Self::finding(
                Issue::ImbalancedClasses,
                evidence,
                Fix::from(NetworkFix::BalanceClasses { layer: head.layer }),
            )
        })
    }

    fn overfitting(&self) -> Option<Finding> {
        let (train, validation) = (&self.history.train_loss.last, &self.history.val_loss.last);
        // Nearly every row right is no reason to worry about the loss.
        if matches!(self.data.target(), Targets::Classes { .. })
            && self.history.metrics[0].latest().is_some_and(|a| a >= 0.95)
        {
            return None;
        }
        if validation.len() < 20 || validation.len() != train.len() || self.training.early_stopping.is_some() {
            return None;
        }
        let n = validation.len();
        let (best, low) = validation.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1))?;
        let mean = |values: &[f32]| values[n - 5..].iter().sum::<f32>() / 5.0;
        let (now, own) = (mean(validation), mean(train));
        (best + 10 < n && now > 1.5 * low && own < 0.9 * train[best] && now > 2.0 * own && *low > 1e-3).then(|| {
            let evidence = format!(
                "The validation loss was lowest after epoch {} ({low:.4}) and is {now:.4} now, while the training loss fell on to {own:.4}.",
                self.history.epochs[best]
            );
            Self::finding(Issue::Overfitting, evidence, Fix::from(TrainingFix::StopEarly))
        })
    }

    /// The training rows are learned by heart, but the validation rows are guessed.
    fn unrelated_labels(&self) -> Option<Finding> {
        let train = &self.history.train_loss.last;
        let (first, last) = (*train.first()?, *train.last()?);
        if self.epochs() < 20 || last.is_nan() || last >= 0.8 * first {
            return None;
        }
        let metric = self.history.metrics.first()?;
        let recent = &metric.last[metric.last.len().saturating_sub(10)..];
        if recent.is_empty() {
            return None;
        }
        let now = recent.iter().sum::<f32>() / recent.len() as f32;
        let (guessed, what) = match self.data.target() {
            Targets::Classes { names, labels } => {
                let rows = self.data.part(Part::Validation);
                let mut counts = vec![0_usize; names.len()];
                for &r in rows {
                    counts[labels[r as usize] as usize] += 1;
                }
                let most = *counts.iter().max()? as f32 / rows.len().max(1) as f32;
                // Chance alone moves the share by about so much.
                let chance = (most * (1.0 - most) / rows.len().max(1) as f32).sqrt();
                (
                    now < most + 1.5 * chance,
                    format!(
                        "{} of the validation rows are right, and always predicting the majority class gives {}",
                        format::percent(now, 0),
                        format::percent(most, 0)
                    ),
                )
            }
            Targets::Values { .. } => (
                now < 0.02,
                format!("R² on the validation rows is {now:.3}, no better than always predicting the mean"),
            ),
        };
        guessed.then(|| {
            let evidence = format!("The training loss fell from {first:.4} to {last:.4}, but {what}. Look in Data whether rows and labels belong together.");
            Self::finding(Issue::UnrelatedLabels, evidence, None)
        })
    }
}
