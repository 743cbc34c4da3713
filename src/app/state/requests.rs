//! The ways in which workspaces ask for something: each queues an [`Action`], which the model performs at its next `sync`.

use super::super::dialogs::Question;
use super::actions::Action;
use super::files::Intention;
use super::model::Model;
use super::notices::Notice;
use crate::data::{DataSource, Preparation, ReadOptions};
use crate::explain::Fix;
use crate::learn::Sight;
use crate::nn::LayerId;
use crate::project::Document;
use crate::train::Command;
use std::path::PathBuf;

impl Model {
    /// Queues an action.
    pub fn queue(&self, action: Action) {
        self.queue.push(action);
    }

    /// One undoable change; changes in a row with the same label and key are one step.
    pub fn edit(&self, label: &'static str, key: Option<u64>, change: impl FnOnce(&mut Document)) {
        let mut document = Box::new(self.queue.document(self.document()));
        change(&mut document);
        if self.queue.has_edits() || *document != *self.document() {
            self.queue(Action::Edit { label, key, document });
        }
    }

    /// Changes the preparation of the open table; the guess becomes the document's own first.
    pub fn edit_preparation(&self, label: &'static str, key: Option<u64>, change: impl FnOnce(&mut Preparation)) {
        let Some(table) = self.table() else { return };
        let queued = self.queue.document(self.document()).data.preparation;
        let mut plan = Box::new(queued.unwrap_or_else(|| table.guess.clone()));
        change(&mut plan);
        self.queue(Action::EditPreparation { label, key, plan });
    }

    /// Makes the change of a quick fix.
    pub fn apply_fix(&self, fix: &Fix) {
        match fix {
            // The data are prepared anew.
            Fix::Preparation(fix) => self.edit_preparation("Fix", None, |plan| fix.apply(plan)),
            Fix::Network(_) | Fix::Training(_) => self.edit("Fix", None, |d| d.apply(fix, Preparation::default)),
        }
    }

    /// Sends a command to the trainer.
    pub fn train(&self, command: Command) {
        self.queue(Action::Train(command));
    }

    pub fn select(&self, layers: impl IntoIterator<Item = LayerId>) {
        self.queue(Action::Select(layers.into_iter().collect()));
    }

    /// Shows the values of another row.
    pub fn show_sample(&self, row: usize) {
        if row != self.sample() {
            self.queue(Action::ShowSample(row));
        }
    }

    /// Notes what was seen in Explain.
    pub fn see(&self, sight: Sight) {
        if !self.view.seen.has(sight) {
            self.queue(Action::See(sight));
        }
    }

    /// Saves the run with the document, or leaves it out.
    pub fn include_run(&self, include: bool) {
        self.queue(Action::IncludeRun(include));
    }

    /// Good news at the foot of the window.
    pub fn tell(&self, text: impl Into<String>) {
        self.queue(Action::Tell(Notice { text: text.into(), problem: false }));
    }

    pub fn problem(&self, text: impl Into<String>) {
        self.queue(Action::Tell(Notice { text: text.into(), problem: true }));
    }

    /// Opens a dialog of the system.
    pub fn ask(&self, question: Question) {
        self.queue(Action::Ask(question));
    }

    /// Does something that throws the document away, after asking about unsaved work.
    pub fn intend(&self, intention: Intention) {
        self.queue(Action::Intend(intention));
    }

    /// Opens a data source; the document changes only when it could be read.
    pub fn choose_source(&self, source: DataSource) {
        self.queue(Action::ChooseSource(source));
    }

    /// Looks at a file; it is taken when the person says so.
    pub fn look_at(&self, path: PathBuf, options: ReadOptions) {
        self.queue(Action::LookAt(path, options));
    }

    /// A file that was dropped onto the window, or chosen from the recent ones: a preset or data.
    pub fn open_any(&self, path: PathBuf) {
        self.queue(Action::Open(path));
    }
}
