//! How the window does a task by itself, and the facts by which it sees that a task is done.

use super::super::model::Model;
use crate::learn::{Action, Facts, Task};
use crate::train::{Command, StepUnit};

/// The facts that the goals of tasks are checked against.
pub fn facts(model: &Model) -> Facts<'_> {
    let snapshot = model.is_current().then_some(&*model.snapshot);
    Facts { document: model.document(), snapshot, seen: &model.seen }
}

/// Whether the solution begins training again.
pub fn rewinds(task: &Task) -> bool {
    task.solution.iter().any(|a| matches!(a, Action::Rewind | Action::Change(_)))
}

/// Applies the changes of a task's solution; returns how many epochs of training are left to do.
pub fn prepare(model: &mut Model, task: &Task) -> Option<u64> {
    model.train(Command::Pause);
    let changes: Vec<_> = task
        .solution
        .iter()
        .filter_map(|a| if let Action::Change(change) = a { Some(change.clone()) } else { None })
        .collect();
    if !changes.is_empty() {
        model.edit("Solve the task", None, |d| changes.iter().for_each(|change| change.apply(d)));
    }
    model.sync();
    let mut epochs = None;
    for action in &task.solution {
        match action {
            Action::Change(_) => {}
            Action::Rewind => model.train(Command::Rewind),
            Action::Epochs(n) => epochs = Some(u64::from(*n)),
            Action::Updates(n) => (0..*n).for_each(|_| model.train(Command::Step(StepUnit::Batch))),
        }
    }
    epochs
}

/// Does everything in a task's solution, without waiting for it to finish.
pub fn solve(model: &mut Model, task: &Task) {
    let epochs = prepare(model, task).unwrap_or(0);
    (0..epochs).for_each(|_| model.train(Command::Step(StepUnit::Epoch)));
}
