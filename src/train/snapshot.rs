//! What the screen sees of training: an immutable snapshot, published at most 60 times a second.

use super::history::{EpochSeries, History};
use super::metrics::{Evaluation, FullEvaluation};
use super::session::Phase;
use crate::nn::{LayerId, Plan};
use crate::{format, time_left};
use std::sync::Arc;

/// What the trainer is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// No network that could be trained.
    #[default]
    Empty,
    Paused,
    Running,
    /// The number of epochs is reached.
    Finished,
    /// The loss is no longer finite: what happened and what to try.
    Diverged(String),
    /// The session could not be made, or the trainer failed.
    Failed(String),
}

/// The test rows, evaluated completely with the parameters of one moment.
#[derive(Clone, Debug, Default)]
pub struct TestEvaluation {
    /// Epochs that were complete when the parameters were what they were.
    pub epoch: u64,
    /// Updates that were made then.
    pub step: u64,
    /// One for each output; empty before the first evaluation, and without test rows.
    pub heads: Vec<FullEvaluation>,
}

impl TestEvaluation {
    /// What it is an evaluation of.
    pub fn of(&self) -> String {
        format!("The test rows after epoch {}, update {}", self.epoch, self.step)
    }
}

/// The time that a run has taken, and what it still takes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TrainingTime {
    /// Seconds of training so far, those before a save too; pauses do not count.
    pub seconds: f64,
    /// Lately; none before there is enough to say.
    pub epochs_per_second: Option<f64>,
    /// Seconds until the epoch at which training stops; none without one, before there is enough to say, and at the end.
    pub left: Option<f64>,
    /// Whether early stopping may end it before.
    pub at_most: bool,
}

impl TrainingTime {
    /// For people: 3 min 20 s so far, about 2 min left, 12 epochs/s.
    pub fn text(&self) -> String {
        let pace = self.epochs_per_second.map_or_else(String::new, |n| format!(", {}", format::rate(n, "epoch")));
        format!("{}{pace}", time_left::told(self.seconds, self.left, self.at_most))
    }
}

/// The session at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Which of the loads this belongs to.
    pub generation: u64,
    /// Which of the rewinds since the program began.
    pub rewinds: u64,
    pub status: Status,
    pub epoch: u64,
    /// Whether the last end came before the number of epochs.
    pub stopped_early: bool,
    /// The epoch whose parameters early stopping brought back, while these are as they were.
    pub restored: Option<u64>,
    /// Training stops here.
    pub stop_at: Option<u64>,
    pub step: u64,
    /// The phase that comes next; none between mini-batches.
    pub phase: Option<Phase>,
    /// Samples of this epoch that are done, and all.
    pub progress: (usize, usize),
    /// Loss of the last mini-batch.
    pub batch_loss: Option<f64>,
    /// The newest complete evaluation of the test rows: while training runs, or while one is under way, of earlier parameters.
    pub test: Arc<TestEvaluation>,
    /// Validation of each output with its own loss, after the last epoch.
    pub validations: Vec<Evaluation>,
    pub samples_per_second: f64,
    pub time: TrainingTime,
    /// What training does otherwise than asked, in sentences.
    pub notes: Arc<Vec<String>>,
    pub history: Arc<History>,
    pub plan: Option<Arc<Plan>>,
    /// Flat parameters, in the order of the plan.
    pub params: Arc<Vec<f32>>,
    /// Gradients of the last mini-batch, as the optimizer took them (regularised and clipped).
    pub grads: Arc<Vec<f32>>,
    /// Norm of the gradient of each layer, now.
    pub gradient_norms: Vec<(LayerId, f32)>,
}

impl Snapshot {
    /// The values of one parameter tensor and their gradients.
    pub fn tensor(&self, layer: LayerId, name: &str) -> Option<(&[f32], &[f32])> {
        let plan = self.plan.as_ref()?;
        let p = plan.parameters.iter().find(|p| p.layer == layer && p.shape.name == name)?;
        Some((self.params.get(p.range.clone())?, self.grads.get(p.range.clone())?))
    }

    pub fn is_running(&self) -> bool {
        self.status == Status::Running
    }

    /// Epochs that were complete when the parameters were what they are.
    pub fn epoch_of_parameters(&self) -> u64 {
        self.restored.unwrap_or(self.epoch)
    }

    /// The place in the history of the epoch that the parameters are of.
    fn point(&self) -> usize {
        match self.restored {
            Some(epoch) => self.history.epochs.partition_point(|&e| e < epoch),
            None => self.history.epochs.len().saturating_sub(1),
        }
    }

    /// Training and validation loss of the epoch that the parameters are of.
    pub fn losses(&self) -> (Option<f64>, Option<f64>) {
        let at = |series: &EpochSeries| series.last.get(self.point()).copied().map(f64::from);
        (at(&self.history.train_loss), at(&self.history.val_loss))
    }

    /// The validation of output `k` with the parameters as they are; none where that is not known.
    pub fn validation(&self, k: usize) -> Option<Evaluation> {
        match (self.restored, k) {
            (None, _) => self.validations.get(k).copied(),
            (Some(_), 0) => self.history.evaluation(self.point()),
            // Of the epochs before the last one only the first output is recorded.
            (Some(_), _) => None,
        }
    }

    /// Whether the parameters have moved since the test rows were evaluated.
    pub fn test_is_old(&self) -> bool {
        self.test.step != self.step || self.test.epoch != self.epoch_of_parameters()
    }
}
