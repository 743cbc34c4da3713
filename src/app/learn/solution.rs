//! How the window does a task by itself, and the facts by which it sees that a task is done.

use super::super::state::Model;
use crate::learn::{Facts, SolutionStep, Task};
use crate::nn::NetworkSpec;
use crate::train::{Command, Status, StepUnit, TrainConfig};

/// The facts that the goals of tasks are checked against.
pub fn facts<'a>(model: &'a Model, since: Option<&Since>) -> Facts<'a> {
    let snapshot = model.is_current().then_some(&**model.snapshot());
    // A run that began anew counts whole.
    let since =
        since.filter(|since| snapshot.is_none_or(|s| s.rewinds <= since.rewinds)).map_or(0, |since| since.epoch);
    Facts { document: model.document(), snapshot, seen: model.seen(), since }
}

/// From where on a run counts for a task: since it began, and since network and settings were last changed.
pub struct Since {
    rewinds: u64,
    epoch: u64,
    revision: u64,
    network: NetworkSpec,
    training: TrainConfig,
}

impl Since {
    pub fn now(model: &Model) -> Self {
        let (document, snapshot) = (model.document(), model.snapshot());
        Self {
            rewinds: snapshot.rewinds,
            epoch: snapshot.epoch,
            revision: model.project().revision(),
            network: document.network.clone(),
            training: document.training.clone(),
        }
    }

    /// Begins again where network or settings are no longer what they were; how long to train does not count.
    pub fn follow(&mut self, model: &Model) {
        if self.revision != model.project().revision() {
            self.revision = model.project().revision();
            let document = model.document();
            let training = TrainConfig { epochs: self.training.epochs, ..document.training.clone() };
            if self.network != document.network || self.training != training {
                *self = Self::now(model);
            }
        }
    }
}

/// Training that shows a solution: it pauses by itself, and is over then or when something else ends it.
pub struct Showing {
    epoch: u64,
    rewinds: u64,
    ran: bool,
}

impl Showing {
    /// Of so many epochs for `task`.
    pub fn of(epochs: u64, task: &Task, model: &Model) -> Self {
        let snapshot = model.snapshot();
        let rewinds = task.solution.iter().any(|step| matches!(step, SolutionStep::Rewind));
        let epoch = if rewinds { epochs } else { snapshot.epoch + epochs };
        Self { epoch, rewinds: snapshot.rewinds + u64::from(rewinds), ran: false }
    }

    pub fn is_over(&mut self, model: &Model) -> bool {
        let snapshot = model.snapshot();
        if !model.is_current() || snapshot.rewinds < self.rewinds {
            return false;
        }
        self.ran |= snapshot.is_running();
        let ended = matches!(snapshot.status, Status::Diverged(_) | Status::Failed(_)) || snapshot.epoch >= self.epoch;
        !snapshot.is_running() && (self.ran || ended)
    }
}

/// Applies the changes of a task's solution; returns how many epochs of training are left to do.
pub fn prepare(model: &Model, task: &Task) -> Option<u64> {
    model.train(Command::Pause);
    let changes: Vec<_> = task
        .solution
        .iter()
        .filter_map(|step| if let SolutionStep::Change(change) = step { Some(change) } else { None })
        .collect();
    if !changes.is_empty() {
        model.edit("Solve the task", None, |d| changes.iter().for_each(|change| change.apply(d)));
    }
    let mut epochs = None;
    for step in &task.solution {
        match step {
            SolutionStep::Change(_) => {}
            SolutionStep::Rewind => model.train(Command::Rewind),
            SolutionStep::Epochs(n) => epochs = Some(u64::from(*n)),
            SolutionStep::Updates(n) => (0..*n).for_each(|_| model.train(Command::Step(StepUnit::Batch))),
        }
    }
    epochs
}

/// Does everything in a task's solution, without waiting for it to finish.
pub fn solve(model: &Model, task: &Task) {
    let epochs = prepare(model, task).unwrap_or(0);
    (0..epochs).for_each(|_| model.train(Command::Step(StepUnit::Epoch)));
}
