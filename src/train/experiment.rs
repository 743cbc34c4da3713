//! Experiments beside the training on screen: k-fold cross-validation and the learning-rate range test.

use super::config::TrainConfig;
use super::metrics::{Evaluation, Metrics};
use super::schedule::Schedule;
use super::session::{Session, SessionError};
use crate::data::{DataError, Dataset, Folds, Part};
use crate::nn::NetworkSpec;
use serde::Serialize;
use std::sync::Arc;

/// Why an experiment ended early.
#[derive(Debug, thiserror::Error)]
pub enum ExperimentError {
    #[error("{0}")]
    Data(#[from] DataError),
    #[error("{0}")]
    Session(#[from] SessionError),
}

/// The result of one fold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FoldResult {
    /// Rows that were held out.
    pub rows: usize,
    pub epochs: u64,
    /// On these rows at the end of training; none where the loss was no longer finite.
    pub evaluation: Option<Evaluation>,
}

/// Trains from initial parameters for `epochs` on each fold and evaluates on the rows that were held out. `progress` gets the
/// fold and the share of its epochs that are done, after each epoch; the experiment ends where it returns false.
///
/// # Errors
/// What does not fit.
pub fn cross_validate(
    spec: &NetworkSpec,
    folds: &Folds<'_>,
    config: &TrainConfig,
    epochs: u64,
    threads: usize,
    progress: &mut dyn FnMut(usize, f32) -> bool,
) -> Result<Vec<FoldResult>, ExperimentError> {
    let mut results = Vec::with_capacity(folds.count());
    let mut kept: Option<Session> = None;
    for fold in 0..folds.count() {
        let data = Arc::new(folds.dataset(fold)?);
        let rows = data.part(Part::Validation).len();
        let session = match &mut kept {
            Some(session) => {
                session.restart_on(data)?;
                session
            }
            None => kept.insert(Session::new(spec, data, config.clone(), threads)?),
        };
        let mut finite = true;
        while finite && session.epochs() < epochs && !session.has_stopped_early() {
            finite = session.epoch().is_ok();
            if !progress(fold, session.epochs() as f32 / epochs.max(1) as f32) {
                return Ok(results);
            }
        }
        session.restore_best();
        let evaluation = if finite { session.evaluate(Part::Validation) } else { None };
        results.push(FoldResult { rows, epochs: session.epochs(), evaluation });
    }
    Ok(results)
}

/// Mean and standard deviation (with n − 1) over the folds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    pub mean: f64,
    pub deviation: f64,
}

impl Spread {
    /// Of some values; none without any.
    pub fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let values: Vec<f64> = values.collect();
        if values.is_empty() {
            return None;
        }
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        Some(Self { mean, deviation: (squares / (n - 1.0).max(1.0)).sqrt() })
    }
}

/// The spread of every number that folds have: name, and values over the folds.
pub fn summarise(results: &[FoldResult]) -> Vec<(&'static str, Spread)> {
    let evaluations: Vec<Evaluation> = results.iter().filter_map(|r| r.evaluation).collect();
    let of = |name, value: fn(&Evaluation) -> Option<f64>| {
        Spread::of(evaluations.iter().filter_map(value)).map(|spread| (name, spread))
    };
    let all = [
        of("accuracy", |e| match e.metrics {
            Metrics::Classes { accuracy } => Some(accuracy),
            Metrics::Values { .. } => None,
        }),
        of("R²", |e| match e.metrics {
            Metrics::Values { r2, .. } => Some(r2),
            Metrics::Classes { .. } => None,
        }),
        of("mean absolute error", |e| match e.metrics {
            Metrics::Values { mae, .. } => Some(mae),
            Metrics::Classes { .. } => None,
        }),
        of("loss", |e| Some(e.loss)),
    ];
    all.into_iter().flatten().collect()
}

/// The loss at one learning rate, smoothed over the mini-batches.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RatePoint {
    pub learning_rate: f32,
    pub loss: f64,
}

/// The range of a learning-rate range test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateRange {
    pub low: f32,
    pub high: f32,
    /// Updates.
    pub steps: usize,
}

impl Default for RateRange {
    fn default() -> Self {
        Self { low: 1e-6, high: 10.0, steps: 200 }
    }
}

/// Raises the learning rate from update to update, by the same factor each time, and watches the loss of the mini-batches
/// (Smith 2017, §3.3). Ends where the loss is four times the lowest, or no longer finite. `progress` gets the share that is done;
/// the test ends where it returns false.
///
/// # Errors
/// What does not fit.
pub fn range_test(
    spec: &NetworkSpec,
    data: &Dataset,
    config: &TrainConfig,
    range: RateRange,
    threads: usize,
    progress: &mut dyn FnMut(f32) -> bool,
) -> Result<Vec<RatePoint>, ExperimentError> {
    // Without validation and test rows; the arrays are shared.
    let [training, ..] = data.parts.clone();
    let data = Dataset { parts: [training, Arc::default(), Arc::default()], ..data.clone() };
    let plain = TrainConfig { schedule: Schedule::Constant, early_stopping: None, ..config.clone() };
    let at = |step: usize| {
        let part = step as f32 / range.steps.saturating_sub(1).max(1) as f32;
        range.low * (range.high / range.low).powf(part)
    };
    let mut session =
        Session::new(spec, Arc::new(data), TrainConfig { learning_rate: at(0), ..plain.clone() }, threads)?;
    let mut points: Vec<RatePoint> = Vec::with_capacity(range.steps);
    let (mut mean, mut lowest) = (0.0, f64::INFINITY);
    for step in 0..range.steps {
        session.configure(TrainConfig { learning_rate: at(step), ..plain.clone() })?;
        let updates = session.steps();
        while session.steps() == updates {
            if session.tick().is_err() {
                return Ok(points);
            }
        }
        mean = SMOOTH * mean + (1.0 - SMOOTH) * session.batch_loss();
        let loss = mean / (1.0 - SMOOTH.powi(step as i32 + 1));
        points.push(RatePoint { learning_rate: at(step), loss });
        lowest = loss.min(lowest);
        let done = loss > 4.0 * lowest && step > 10;
        if done || !progress(step as f32 / range.steps as f32) {
            break;
        }
    }
    Ok(points)
}

/// Share of the mean so far that each mini-batch leaves.
const SMOOTH: f64 = 0.9;

/// The learning rate at which the loss falls fastest, over a tenth of the range so that single mini-batches do not decide; none
/// where it never falls.
pub fn suggest(points: &[RatePoint]) -> Option<f32> {
    let lowest = points.iter().enumerate().min_by(|a, b| a.1.loss.total_cmp(&b.1.loss))?.0;
    let wide = (points.len() / 10).max(1);
    let fall = |k: usize| points[k].loss - points[k + wide].loss;
    let steepest = (0..(lowest + 1).saturating_sub(wide)).max_by(|&a, &b| fall(a).total_cmp(&fall(b)))?;
    (fall(steepest) > 0.0).then(|| points[steepest + wide / 2].learning_rate)
}

#[cfg(test)]
mod tests {
    use super::{RatePoint, Spread, suggest};

    #[test]
    fn the_spread_of_folds_is_that_of_a_sample() {
        let spread = Spread::of([1.0, 2.0, 4.0].into_iter()).expect("three values");
        assert!((spread.mean - 7.0 / 3.0).abs() < 1e-12 && (spread.deviation - (7.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!(Spread::of(std::iter::empty()), None);
    }

    #[test]
    fn the_rate_is_suggested_where_the_loss_falls_fastest() {
        let point = |k: i32, loss| RatePoint { learning_rate: 10_f32.powi(k), loss };
        let points = [point(-5, 1.0), point(-4, 0.99), point(-3, 0.9), point(-2, 0.4), point(-1, 0.35), point(0, 9.0)];
        assert_eq!(suggest(&points), Some(1e-3));
        assert_eq!(suggest(&[point(-3, 1.0), point(-2, 1.5), point(-1, 2.0)]), None);
        assert_eq!(suggest(&[]), None);
    }
}
