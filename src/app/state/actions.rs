//! What workspaces ask for. They read the [`Model`](super::Model) and queue actions; the model performs them at its next `sync`,
//! so no workspace changes what another one shows in the middle of a frame.

use super::super::dialogs::Question;
use super::files::Intention;
use super::notices::Notice;
use super::view::Panels;
use crate::data::{DataSource, Preparation, ReadOptions, TargetChoice};
use crate::learn::Sight;
use crate::nn::LayerId;
use crate::project::Document;
use crate::train::{Command, StepUnit};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// One thing to do.
pub enum Action {
    /// The document becomes this one, in one undoable step.
    Edit {
        label: &'static str,
        key: Option<u64>,
        document: Box<Document>,
    },
    /// The open table is prepared in this way.
    EditPreparation {
        label: &'static str,
        key: Option<u64>,
        plan: Box<Preparation>,
    },
    Undo,
    Redo,
    ResetNetwork,
    NewSeed,
    /// Other initial parameters, from the beginning.
    Seed(u64),
    Train(Command),
    TogglePlay,
    /// So many steps a second, or as fast as it goes.
    Pace(Option<f32>),
    /// Full speed, or back to the pace of the document.
    ToggleFullSpeed,
    StepUnit(StepUnit),
    Select(BTreeSet<LayerId>),
    ShowSample(usize),
    Panels(Panels),
    See(Sight),
    /// What was seen before belongs to another task.
    ForgetSeen,
    Tell(Notice),
    CloseNotice,
    Ask(Question),
    /// What throws the document away, after a question about unsaved work.
    Intend(Intention),
    /// The same without a question.
    Proceed(Intention),
    Save,
    SaveAs,
    /// Saves, and goes on when that has worked.
    SaveThen(Intention),
    IncludeRun(bool),
    /// Answers the question about a file outside of a preset's folder: it may be read.
    ReadOutside,
    /// Opens what an ended program has left, or gives it up, or asks at the next start.
    Recover,
    DiscardLeft,
    RecoverLater,
    /// Puts the question on screen away.
    CloseQuestion,
    Open(PathBuf),
    ChooseSource(DataSource),
    LookAt(PathBuf, ReadOptions),
    /// What the file that is looked at is to predict.
    AskFor(Vec<TargetChoice>),
    TakePreview,
    DismissPreview,
    CancelReading,
    TakeChanged,
}

/// Actions in the order in which they were asked for.
#[derive(Default)]
pub struct Queue(RefCell<Vec<Action>>);

impl Queue {
    pub fn push(&self, action: Action) {
        self.0.borrow_mut().push(action);
    }

    /// All of them; the queue is empty then.
    pub fn take(&self) -> Vec<Action> {
        self.0.take()
    }

    /// Whether there are edits of the document among them.
    pub fn has_edits(&self) -> bool {
        self.0.borrow().iter().any(|a| matches!(a, Action::Edit { .. } | Action::EditPreparation { .. }))
    }

    /// The document as it will be when the edits in the queue are done.
    pub fn document(&self, now: &Document) -> Document {
        let mut document = now;
        let actions = self.0.borrow();
        let mut preparation = None;
        for action in actions.iter() {
            match action {
                Action::Edit { document: edited, .. } => (document, preparation) = (edited, None),
                Action::EditPreparation { plan, .. } => preparation = Some(plan),
                _ => {}
            }
        }
        let mut document = document.clone();
        if let Some(plan) = preparation {
            document.data.preparation = Some((**plan).clone());
        }
        document
    }
}
