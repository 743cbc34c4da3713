//! How the window does a task by itself, and the facts by which it sees that a task is done.

use super::super::state::Model;
use crate::learn::{Facts, SolutionStep, Task};
use crate::train::{Command, StepUnit};

/// The facts that the goals of tasks are checked against.
pub fn facts(model: &Model) -> Facts<'_> {
    let snapshot = model.is_current().then_some(&**model.snapshot());
    Facts { document: model.document(), snapshot, seen: model.seen() }
}

/// Training that shows a solution pauses at this epoch, once it has been rewound so many times.
pub struct Pause {
    epoch: u64,
    rewinds: u64,
}

impl Pause {
    /// After `epochs` of the solution of `task`.
    pub fn after(epochs: u64, task: &Task, model: &Model) -> Self {
        let snapshot = model.snapshot();
        let rewinds = task.solution.iter().any(|step| matches!(step, SolutionStep::Rewind));
        let changes = task.solution.iter().any(|step| matches!(step, SolutionStep::Change(_)));
        Self {
            epoch: if rewinds || changes { epochs } else { snapshot.epoch + epochs },
            rewinds: snapshot.rewinds + u64::from(rewinds),
        }
    }

    pub fn is_due(&self, model: &Model) -> bool {
        let snapshot = model.snapshot();
        model.is_current() && snapshot.rewinds >= self.rewinds && snapshot.epoch >= self.epoch
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
