//! The lesson that has begun, and what can be chosen in it.

use super::solution::{Showing, Since};
use std::collections::BTreeMap;

/// A lesson that has begun: its preset is on screen.
pub struct Running {
    pub id: String,
    /// The number that its preset was given, by which it is known once it is on screen.
    pub number: u64,
    /// Whether its preset waits for an answer about unsaved work.
    pub pending: bool,
    /// The task that is to be done now, by its place among tasks and questions.
    pub task: Option<usize>,
    /// Hints on screen, by the task's place.
    pub hints: BTreeMap<usize, usize>,
    /// From where on the run counts for the task.
    pub since: Option<Since>,
    /// Training that shows a solution.
    pub showing: Option<Showing>,
}

/// What was chosen in the lesson on screen.
pub enum Chosen {
    Start,
    Restart,
    /// A workspace, by its name.
    Visit(String),
    /// Another hint to the task at a place.
    Hint(usize),
    /// That the program does the task at a place.
    Show(usize),
    /// An answer to the question at a place.
    Answer(usize, usize),
    /// Another lesson is to be shown.
    Open(String),
}
