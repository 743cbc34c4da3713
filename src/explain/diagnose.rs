//! Why is it not learning? What can be seen from a few rows, the curves and the data, with the evidence and a fix.

use super::Trace;
use super::fix::Fix;
use crate::data::{Dataset, EncodingKind, Part, PreparationFix, Targets};
use crate::format;
use crate::nn::layers::ClassWeights;
use crate::nn::{Activation, LayerId, Link, NetworkFix, Problem};
use crate::train::{History, Replica, TrainConfig, TrainingFix, TrainingState};
use std::sync::Arc;

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
struct Case<'a> {
    data: &'a Dataset,
    training: &'a TrainConfig,
    history: &'a History,
    /// Whether training ended because the loss was no longer finite.
    diverged: bool,
    /// The next step on up to [`ROWS`] training rows.
    trace: &'a Trace<f32>,
    /// The same with the parameters that training began with, where that is needed.
    initial: Option<&'a Trace<f32>>,
}

/// Training rows that are looked at.
pub const ROWS: usize = 256;
/// Fewer rows say nothing of single units.
const FEW: usize = 24;

/// Everything that is found in a training that stands at `start`, which is replayed in `replica` for up to [`ROWS`] training
/// rows.
///
/// # Errors
/// When so many rows would need too much memory.
///
/// # Panics
/// If `start` belongs to another network: the caller's bug.
pub fn examine(
    replica: &mut Replica<f32>,
    start: &TrainingState,
    (training, history, diverged): (&TrainConfig, &History, bool),
) -> Result<Vec<Finding>, Vec<Problem>> {
    let data = Arc::clone(replica.data());
    let rows = data.part(Part::Train);
    let rows = &rows[..rows.len().min(ROWS)];
    let trace = Trace::record(replica, start, rows)?;
    // Whether units were dead from the beginning.
    let initial = dead_layers(&trace).iter().any(Dead::is_most).then(|| initial(replica, start, rows)).transpose()?;
    Ok(diagnose(&Case { data: &data, training, history, diverged, trace: &trace, initial: initial.as_ref() }))
}

/// The step with the parameters that are drawn from the seed of the training.
fn initial(replica: &Replica<f32>, start: &TrainingState, rows: &[u32]) -> Result<Trace<f32>, Vec<Problem>> {
    let mut fresh = Replica::new(replica.spec(), Arc::clone(replica.data()), rows.len(), start.seed, 1)?;
    let params = fresh.network().params().to_vec();
    Trace::record(&mut fresh, &TrainingState { params, ..start.clone() }, rows)
}

/// A layer of ReLUs, and how many of its units, or of the channels of its image, give 0 for every row.
struct Dead {
    layer: LayerId,
    count: usize,
    units: usize,
}

impl Dead {
    fn is_most(&self) -> bool {
        self.units > 1 && 2 * self.count > self.units
    }
}

/// Layers of a trace whose function is one that `wanted` names: the layer, the node before it and its own.
fn activations(trace: &Trace<f32>, wanted: impl Fn(Activation) -> bool) -> Vec<(LayerId, usize, usize, Activation)> {
    let nodes = trace.plan.nodes.iter().enumerate();
    let own = nodes.filter_map(|(i, n)| {
        let f = n.operation.activation().filter(|f| wanted(*f))?;
        Some((n.layer, n.inputs[0], i, f))
    });
    own.collect()
}

/// Every layer of ReLUs; none where there are too few rows to tell.
fn dead_layers(trace: &Trace<f32>) -> Vec<Dead> {
    if trace.rows.len() < FEW {
        return Vec::new();
    }
    let of = |(layer, z, ..): (LayerId, usize, usize, Activation)| {
        let dead = |row: ndarray::ArrayView1<'_, f32>| row.iter().all(|v| *v <= 0.0);
        let rows: Vec<bool> = trace.values[z].rows().into_iter().map(dead).collect();
        // A channel of an image is dead only as a whole.
        let area = trace.plan.nodes[z].operation.positions();
        let channels = rows.chunks(area).map(|part| part.iter().all(|d| *d));
        Dead { layer, count: channels.clone().filter(|d| *d).count(), units: channels.count() }
    };
    activations(trace, |f| f == Activation::Relu).into_iter().map(of).collect()
}

/// Everything that is found, causes before effects.
fn diagnose(case: &Case<'_>) -> Vec<Finding> {
    let overfitting = case.overfitting();
    let overfits = overfitting.is_some();
    let mut found: Vec<Finding> = [
        case.unscaled_inputs(),
        case.diverged(),
        case.wrong_output(),
        case.vanishing(),
        case.exploding(),
        case.rate_too_high(),
        case.rate_too_low(),
        case.dead_units(),
        // What goes on learning its training rows by heart is not held up by flat functions.
        case.saturated().filter(|_| !overfits),
        case.imbalanced(),
    ]
    .into_iter()
    .flatten()
    .collect();
    let has = |found: &[Finding], issues: &[Issue]| found.iter().any(|f| issues.contains(&f.issue));
    if has(&found, &[Issue::RateTooHigh]) {
        // Weights that were carried away hardly move any more.
        found.retain(|f| f.issue != Issue::RateTooLow);
    }
    if has(&found, &[Issue::Diverged]) {
        return found;
    }
    // A network that cannot learn says nothing of the labels.
    let hindered = [
        Issue::DeadUnits,
        Issue::RateTooHigh,
        Issue::RateTooLow,
        Issue::Saturated,
        Issue::VanishingGradients,
        Issue::ExplodingGradients,
        Issue::WrongOutput,
    ];
    let unrelated = if has(&found, &hindered) { None } else { case.unrelated_labels() };
    found.extend(overfitting);
    found.extend(unrelated);
    found
}

impl Case<'_> {
    fn finding(issue: Issue, evidence: String, fix: impl Into<Option<Fix>>) -> Finding {
        Finding { issue, evidence, fix: fix.into() }
    }

    fn epochs(&self) -> usize {
        self.history.epochs.len()
    }

    /// Whether the loss has fallen to less than half of what it was, or nearly all rows are predicted well, those of validation
    /// or those of the trace.
    fn learned(&self) -> bool {
        let losses = &self.history.train_loss.last;
        let fit = self.fit();
        // A loss that fell from a wild start to that of always the same prediction has taught nothing.
        let fallen = losses.first().zip(losses.last()).is_some_and(|(first, last)| *last < 0.5 * first)
            && fit.is_none_or(|fit| fit > 0.2);
        let accurate =
            self.history.metrics.len() == 1 && self.history.metrics[0].latest().is_some_and(|accuracy| accuracy >= 0.9);
        fallen || accurate || fit.is_some_and(|fit| fit >= 0.8)
    }

    /// How well the rows of the trace are predicted: 0 for no better than always the same prediction, 1 for perfectly. For
    /// classes the share of errors that is avoided, for values R².
    fn fit(&self) -> Option<f64> {
        let head = self.trace.heads.first()?;
        let (outputs, samples) = head.target.dim();
        let columns = || head.target.columns().into_iter().zip(head.prediction.columns());
        if let Targets::Classes { .. } = self.data.target() {
            // A single unit has one target for each of two classes; several have theirs, of which the largest counts.
            let middle =
                head.target.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), t| (a.min(*t), b.max(*t)));
            let middle = f32::midpoint(middle.0, middle.1);
            let class = |values: ndarray::ArrayView1<'_, f32>| match outputs {
                1 => usize::from(values[0] > middle),
                _ => (0..outputs).max_by(|&a, &b| values[a].total_cmp(&values[b])).unwrap_or(0),
            };
            let mut counts = vec![0_usize; outputs.max(2)];
            let mut right = 0;
            for (target, prediction) in columns() {
                counts[class(target)] += 1;
                right += usize::from(class(target) == class(prediction));
            }
            let most = counts.iter().copied().max()?;
            return (most < samples).then(|| (right as f64 - most as f64) / (samples - most) as f64);
        }
        let (mut left, mut all) = (0.0, 0.0);
        for k in 0..outputs {
            let (t, y) = (head.target.row(k), head.prediction.row(k));
            let mean = t.iter().map(|v| f64::from(*v)).sum::<f64>() / samples as f64;
            left += t.iter().zip(y).map(|(t, y)| f64::from(t - y).powi(2)).sum::<f64>();
            all += t.iter().map(|t| (f64::from(*t) - mean).powi(2)).sum::<f64>();
        }
        (all > 0.0).then(|| 1.0 - left / all)
    }

    fn slower(&self) -> Fix {
        self.rate_times(0.1)
    }

    /// Another learning rate, in as many digits as a person would give it.
    fn rate_times(&self, factor: f32) -> Fix {
        let rate = self.training.learning_rate * factor;
        TrainingFix::LearningRate(format::learning_rate(rate).parse().unwrap_or(rate)).into()
    }

    fn diverged(&self) -> Option<Finding> {
        (self.diverged || !self.trace.loss.is_finite()).then(|| {
            let evidence = format!(
                "The loss is no longer a finite number. With a learning rate of {} the steps carry the weights away.",
                format::learning_rate(self.training.learning_rate)
            );
            Self::finding(Issue::Diverged, evidence, self.slower())
        })
    }

    fn rate_too_high(&self) -> Option<Finding> {
        if self.diverged || !self.trace.loss.is_finite() || self.learned() {
            return None;
        }
        let found = |evidence| Some(Self::finding(Issue::RateTooHigh, evidence, self.slower()));
        let (before, after) = (self.trace.loss, self.trace.loss_after);
        if after > 1.5 * before {
            return found(format!(
                "The next step would raise the loss of the very rows that it is made for, from {} to {}.",
                format::number(before),
                format::number(after)
            ));
        }
        if let Some((Dead { layer, count, units }, Some(before))) = self.died()
            && 2 * before <= count
        {
            return found(format!(
                "Steps with the learning rate η = {} have left {count} of {units} units of {} dead, of which {before} were so before training.",
                format::learning_rate(self.training.learning_rate),
                self.trace.spec.name(layer)
            ));
        }
        // Weights grow and losses jump while rows are learned by heart, too: what counts is that the loss does not follow.
        let losses = &self.history.train_loss.last;
        let &first = losses.first()?;
        let recent = &losses[losses.len().saturating_sub(20)..];
        let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len().max(1) as f32;
        let now = mean(&recent[recent.len().saturating_sub(5)..]);
        let lowest = losses.iter().copied().fold(f32::INFINITY, f32::min);
        if let Some((layer, from, to)) = self.growth().filter(|(_, from, to)| *to > 10.0 * from)
            && (now > 0.9 * first || now > 1.3 * lowest)
        {
            return found(format!(
                "The largest weight of {} has grown from {} to {}, but the training loss has not followed: it was {} after the first epoch, {} at its lowest, and is {} now. The steps are too long.",
                self.trace.spec.name(layer),
                format::number(f64::from(from)),
                format::number(f64::from(to)),
                format::number(f64::from(first)),
                format::number(f64::from(lowest)),
                format::number(f64::from(now))
            ));
        }
        if recent.len() < 8 {
            return None;
        }
        let jumps: Vec<f32> = recent.windows(2).map(|w| w[1] - w[0]).collect();
        let rises = jumps.iter().filter(|j| **j > 0.0).count();
        let jump = mean(&jumps.iter().map(|j| j.abs()).collect::<Vec<f32>>());
        let swing = jump / mean(recent);
        // Jumps that are small beside what has been learned are the noise of mini-batches.
        if rises * 3 > jumps.len() && swing > 0.15 && jump > 0.1 * (first - lowest) {
            return found(format!(
                "In the last {} epochs the loss rose {rises} times, and it jumps by {} from one to the next.",
                recent.len(),
                format::percent(swing, 0)
            ));
        }
        None
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
                    format::small_percent(a_epoch, 4),
                    format::small_percent(gain.max(0.0), 2)
                );
                Self::finding(Issue::RateTooLow, evidence, self.rate_times(10.0))
            },
        )
    }

    /// The layer with the largest share of dead units, how many of them were dead before training, and whether the steps of
    /// training have made them so.
    fn died(&self) -> Option<(Dead, Option<usize>)> {
        let share = |d: &Dead| d.count as f64 / d.units as f64;
        let worst = dead_layers(self.trace).into_iter().filter(Dead::is_most);
        let worst = worst.max_by(|a, b| share(a).total_cmp(&share(b)))?;
        let before = self.initial.filter(|_| self.trace.steps > 0).map(dead_layers);
        let before = before.and_then(|all| all.into_iter().find(|d| d.layer == worst.layer)).map(|d| d.count);
        Some((worst, before))
    }

    fn dead_units(&self) -> Option<Finding> {
        let (Dead { layer, count, units }, before) = self.died()?;
        let rate = format::learning_rate(self.training.learning_rate);
        let cause = match before {
            Some(before) if 2 * before <= count => format!(
                " Before training it was {before} of {units}: the learning rate η = {rate} is the likely cause, with steps so long that they carried the sums of these units below 0."
            ),
            Some(_) => {
                " Most were so before training: their initial weights and biases, or their inputs, are the cause."
                    .to_owned()
            }
            None => String::new(),
        };
        let evidence = format!(
            "{count} of {units} units of {} output 0 for all of {} rows: no gradient comes back through them, so they cannot recover.{cause}",
            self.trace.spec.name(layer),
            self.trace.rows.len()
        );
        let layers = activations(self.trace, |f| f == Activation::Relu).into_iter().map(|(layer, ..)| layer).collect();
        let fix = NetworkFix::UseActivation { layers, activation: Activation::LeakyRelu };
        Some(Self::finding(Issue::DeadUnits, evidence, Fix::from(fix)))
    }

    fn saturated(&self) -> Option<Finding> {
        if self.learned() || self.trace.rows.len() < FEW {
            return None;
        }
        let squeezes =
            |f| matches!(f, Activation::Sigmoid | Activation::Tanh | Activation::HardSigmoid | Activation::HardTanh);
        let ends: Vec<usize> = self.trace.plan.heads.iter().map(|h| h.node).collect();
        let mut found = Vec::new();
        for (layer, z, a, f) in activations(self.trace, squeezes) {
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
        // Dead units let nothing through: that is what is found then. A network that has learned needs no gradient.
        if low.is_nan() || low >= 1e-3 * high || self.died().is_some() || self.learned() {
            return None;
        }
        let squeezes =
            |f| matches!(f, Activation::Sigmoid | Activation::Tanh | Activation::HardSigmoid | Activation::HardTanh);
        let ends: Vec<usize> = self.trace.plan.heads.iter().map(|h| h.node).collect();
        let inner =
            activations(self.trace, squeezes).into_iter().filter(|(_, z, a, _)| !ends.contains(a) && !ends.contains(z));
        let layers: Vec<LayerId> = inner.map(|(layer, ..)| layer).collect();
        let (first, last) = (self.trace.spec.name(first), self.trace.spec.name(last));
        let evidence = if low == 0.0 {
            format!(
                "No gradient reaches {first}, though one of {} stands at {last}: the layers between them multiply it by slopes that are 0, or so small that nothing is left of it.",
                format::number(high)
            )
        } else {
            format!(
                "The gradient that reaches {first} is {} of that at {last}: the layers between them multiply it by small slopes.",
                format::small_percent(low / high, 4)
            )
        };
        let fix: Option<Fix> =
            (!layers.is_empty()).then_some(NetworkFix::UseActivation { layers, activation: Activation::Relu }.into());
        Some(Self::finding(Issue::VanishingGradients, evidence, fix))
    }

    fn exploding(&self) -> Option<Finding> {
        let sizes = self.gradient_sizes();
        let (&(first, high), &(last, low)) = (sizes.first()?, sizes.last()?);
        (low > 0.0 && high > 1e3 * low && high.is_finite()).then(|| {
            let evidence = format!(
                "The gradient that reaches {} is {} times that at {}: large weights multiply it from layer to layer.",
                self.trace.spec.name(first),
                format::number((high / low).round()),
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
                        example = format!(
                            "{} has a mean of {} and a deviation of {}",
                            encoding.column,
                            format::number(mean),
                            format::number(deviation)
                        );
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
        // Single epochs of few rows jump.
        let smooth = |values: &[f32]| -> Vec<f32> { values.windows(5).map(|w| w.iter().sum::<f32>() / 5.0).collect() };
        let (train, validation) = (smooth(train), smooth(validation));
        let (best, &low) = validation.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1))?;
        let (&now, &own) = validation.last().zip(train.last())?;
        (best + 10 < validation.len() && now > 1.4 * low && own < 0.9 * train[best] && now > 1.5 * own && low > 1e-3).then(|| {
            let evidence = format!(
                "The validation loss was lowest around epoch {}, at {}, and is {} now, while the training loss fell on from {} to {}: the training rows are learned by heart.",
                self.history.epochs[best + 2],
                format::number(f64::from(low)),
                format::number(f64::from(now)),
                format::number(f64::from(train[best])),
                format::number(f64::from(own))
            );
            Self::finding(Issue::Overfitting, evidence, Fix::from(TrainingFix::StopEarly))
        })
    }

    /// The training rows are predicted well, but those of validation never were, at any time of the training.
    fn unrelated_labels(&self) -> Option<Finding> {
        let train = &self.history.train_loss.last;
        let (first, last) = (*train.first()?, *train.last()?);
        let fit = self.fit()? as f32;
        if self.epochs() < 20 || last.is_nan() || last >= 0.8 * first || fit < 0.3 {
            return None;
        }
        let metric = &self.history.metrics.first()?.last;
        let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len().max(1) as f32;
        let now = mean(&metric[metric.len().saturating_sub(10)..]);
        let best = metric.windows(10).map(mean).fold(f32::NEG_INFINITY, f32::max);
        if !best.is_finite() {
            return None;
        }
        let (guessed, what) = match self.data.target() {
            Targets::Classes { names, labels } => {
                let rows = self.data.part(Part::Validation);
                let mut counts = vec![0_usize; names.len()];
                for &r in rows {
                    counts[labels[r as usize] as usize] += 1;
                }
                let most = *counts.iter().max()? as f32 / rows.len().max(1) as f32;
                // Chance alone moves the share by about so much: with few rows nothing can be said.
                let chance = (most * (1.0 - most) / rows.len().max(1) as f32).sqrt();
                let limit = most + 1.5 * chance;
                let enough = limit < most + 0.5 * fit * (1.0 - most);
                (
                    enough && best < limit,
                    format!(
                        "{} of the validation rows are right, {} at best, and always predicting the majority class gives {}",
                        format::percent(now, 0),
                        format::percent(best, 0),
                        format::percent(most, 0)
                    ),
                )
            }
            Targets::Values { .. } => (
                best < 0.02,
                format!(
                    "R² on the validation rows is {} and was never better than always predicting the mean",
                    format::score(f64::from(now))
                ),
            ),
        };
        guessed.then(|| {
            let evidence = format!(
                "The training loss fell from {} to {}, but {what}. Look in Data whether rows and labels belong together.",
                format::number(f64::from(first)),
                format::number(f64::from(last))
            );
            Self::finding(Issue::UnrelatedLabels, evidence, None)
        })
    }
}
