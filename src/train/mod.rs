//! The training loop and its life: configuration, [`Session`] (synchronous, deterministic), [`Worker`] (background
//! thread), history and probes. It knows nothing of screens.
//!
//! Failures: what a person can cause comes back as text for them; a panic in the worker thread becomes a status.

mod augment;
mod batch;
mod config;
pub mod experiment;
mod history;
mod judge;
mod metrics;
mod moment;
mod probe;
mod run;
mod schedule;
mod session;
mod snapshot;
mod team;
mod worker;

pub use augment::Augmenter;
pub use batch::load;
pub use config::TrainConfig;
pub use history::{Bins, Curve, Histogram, History};
pub use judge::Judge;
pub use metrics::{Confusion, Evaluation, FullEvaluation, Metrics, Scores, TopK};
pub use moment::Moment;
pub use probe::Probe;
pub use run::RunState;
pub use schedule::{EarlyStopping, Schedule, Watch};
pub use session::{CAPACITY, Diverged, Phase, Session, SessionError, Tick, task, task_of};
pub use snapshot::{Snapshot, Status};
pub use team::team;
pub use worker::{Command, Pace, Stride, Worker};
