//! The training loop and its life: configuration, [`Session`] (synchronous, deterministic), [`Worker`] (background
//! thread), history and probes. It knows nothing of screens.
//!
//! Failures: what a person can cause comes back as text for them; a panic in the worker thread becomes a status.

mod augment;
mod batch;
mod config;
pub mod experiment;
mod head_targets;
mod history;
mod metrics;
mod probe;
mod run;
mod schedule;
mod session;
mod snapshot;
mod thread_pool;
mod training_state;
mod worker;

pub use augment::Augmenter;
pub use batch::load;
pub use config::TrainConfig;
pub use head_targets::HeadTargets;
pub use history::{Bins, Curve, Histogram, History};
pub use metrics::{Confusion, Evaluation, FullEvaluation, Metrics, Scores, TopK};
pub use probe::Probe;
pub use run::RunState;
pub use schedule::{EarlyStopping, EarlyStoppingMonitor, Schedule};
pub use session::{CAPACITY, Diverged, Phase, Session, SessionError, Tick, task, task_of};
pub use snapshot::{Snapshot, Status};
pub use thread_pool::thread_pool;
pub use training_state::TrainingState;
pub use worker::{Command, Pace, StepUnit, Worker};
