//! Training: configuration, [`Session`] (synchronous, deterministic), [`Worker`] (background thread), history, and
//! [`Replica`] and [`Probe`] to look at a network without changing it. It knows nothing of screens.
//!
//! Failures: what a person can cause comes back as text for them; a panic in the worker thread becomes a status.

mod augment;
mod baseline;
mod batch;
mod config;
mod evaluation;
pub mod experiment;
mod fix;
mod head_targets;
mod history;
mod metrics;
mod probe;
pub mod rate_finder;
mod replica;
mod run;
mod schedule;
mod session;
mod snapshot;
mod task;
mod thread_pool;
mod training_state;
mod worker;

pub use augment::Augmenter;
pub use baseline::{Baseline, interval_of_mae, interval_of_share};
pub use config::TrainConfig;
pub use evaluation::PartEvaluation;
pub use fix::TrainingFix;
pub use head_targets::HeadTargets;
pub use history::{Bins, EpochSeries, Histogram, History};
pub use metrics::{ClassCounts, Confusion, Evaluation, FEW_CLASSES, FullEvaluation, Metrics, Scores, TopK};
pub use probe::Probe;
pub use replica::Replica;
pub use run::{Resume, RunState};
pub use schedule::{EarlyStopping, EarlyStoppingMonitor, Schedule};
pub use session::{CAPACITY, Diverged, Phase, Session, SessionError, Tick};
pub use snapshot::{Snapshot, Status, TestEvaluation, TrainingTime};
pub use task::{task, task_of};
pub use thread_pool::thread_pool;
pub use training_state::TrainingState;
pub use worker::{Command, Pace, StepUnit, Worker};
