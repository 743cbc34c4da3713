//! k-fold cross-validation, an experiment beside the training on screen.

use super::config::TrainConfig;
use super::metrics::{Evaluation, Metrics};
use super::session::{Session, SessionError};
use crate::data::{DataError, Folds, Part};
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

/// What to know of scores of folds that are trained with early stopping.
pub const BEST_OF_FOLD: &str = "Early stopping takes the epoch at which the held-out fold scores best, so these scores are a little \
    too good; without early stopping they are not.";

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

#[cfg(test)]
mod tests {
    use super::Spread;

    #[test]
    fn the_spread_of_folds_is_that_of_a_sample() {
        let spread = Spread::of([1.0, 2.0, 4.0].into_iter()).expect("three values");
        assert!((spread.mean - 7.0 / 3.0).abs() < 1e-12 && (spread.deviation - (7.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        assert_eq!(Spread::of(std::iter::empty()), None);
    }
}
