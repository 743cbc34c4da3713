//! Why is it not learning? What can be seen from a few rows, the curves and the data, with the evidence and a fix.

mod dead;
mod fitness;
mod training;
mod units;

use super::Trace;
use super::fix::Fix;
use crate::data::{Dataset, Part, Targets};
use crate::format;
use crate::nn::Problem;
use crate::train::{History, Replica, TrainConfig, TrainingFix, TrainingState};
use dead::{Dead, dead_layers};
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

/// How a training is meant to go and has gone so far.
#[derive(Clone, Copy)]
pub struct Course<'a> {
    pub training: &'a TrainConfig,
    pub history: &'a History,
    /// Whether it ended because the loss was no longer finite.
    pub diverged: bool,
}

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
    course: &Course<'_>,
) -> Result<Vec<Finding>, Vec<Problem>> {
    let data = Arc::clone(replica.data());
    let rows = data.part(Part::Train);
    let rows = &rows[..rows.len().min(ROWS)];
    let trace = Trace::record(replica, start, rows)?;
    // Whether units were dead from the beginning.
    let initial = dead_layers(&trace).iter().any(Dead::is_most).then(|| initial(replica, start, rows)).transpose()?;
    let Course { training, history, diverged } = *course;
    Ok(diagnose(&Case { data: &data, training, history, diverged, trace: &trace, initial: initial.as_ref() }))
}

/// The step with the parameters that are drawn from the seed of the training.
fn initial(replica: &Replica<f32>, start: &TrainingState, rows: &[u32]) -> Result<Trace<f32>, Vec<Problem>> {
    let mut fresh = Replica::new(replica.spec(), Arc::clone(replica.data()), rows.len(), start.seed, 1)?;
    let params = fresh.network().params().to_vec();
    Trace::record(&mut fresh, &TrainingState { params, ..start.clone() }, rows)
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
}
