//! What the curves of a training and its next step say: learning rate, overfitting, labels.

use super::dead::Dead;
use super::{Case, Finding, Issue};
use crate::data::{Part, Targets};
use crate::explain::Fix;
use crate::format;
use crate::nn::LayerId;
use crate::train::{Bins, TrainingFix};

impl Case<'_> {
    pub(super) fn diverged(&self) -> Option<Finding> {
        (self.diverged || !self.trace.loss.is_finite()).then(|| {
            let evidence = format!(
                "The loss is no longer a finite number. With a learning rate of {} the steps carry the weights away.",
                format::learning_rate(self.training.learning_rate)
            );
            Self::finding(Issue::Diverged, evidence, self.slower())
        })
    }

    pub(super) fn rate_too_high(&self) -> Option<Finding> {
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
    pub(super) fn growth(&self) -> Option<(LayerId, f32, f32)> {
        let (first, last) = (self.history.histograms.first()?, self.history.histograms.last()?);
        let size = |bins: &Bins| bins.low.abs().max(bins.high.abs());
        let pairs = self.history.layers.iter().zip(first.layers.iter().zip(&last.layers));
        let grown = pairs.map(|(layer, (from, to))| (*layer, size(from).max(0.01), size(to)));
        grown.max_by(|a, b| (a.2 / a.1).total_cmp(&(b.2 / b.1)))
    }

    pub(super) fn rate_too_low(&self) -> Option<Finding> {
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

    pub(super) fn overfitting(&self) -> Option<Finding> {
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
    pub(super) fn unrelated_labels(&self) -> Option<Finding> {
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
