//! A document with its past: undo, redo, and whether it has been saved.

use super::document::Document;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

/// Steps that are remembered.
const DEPTH: usize = 200;

/// The next revision; counted over all documents, so that no two states of any document share a number.
static NEXT_REVISION: AtomicU64 = AtomicU64::new(1);

/// The open document.
#[derive(Clone, Debug, Default)]
pub struct Project {
    document: Document,
    revision: u64,
    dirty: bool,
    past: Vec<(&'static str, Document)>,
    future: Vec<(&'static str, Document)>,
    /// Edits in a row with this key are one step.
    merging: Option<(&'static str, u64)>,
    saved: Option<Document>,
    pub path: Option<PathBuf>,
}

impl Project {
    /// A document as it was opened or last saved.
    pub fn opened(document: Document, path: Option<PathBuf>) -> Self {
        let mut project = Self { saved: Some(document.clone()), document, path, ..Self::default() };
        project.changed();
        project
    }

    pub fn document(&self) -> &Document {
        &self.document
    }

    /// Another number after every edit, undo, redo and open: equal numbers mean equal documents.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    fn changed(&mut self) {
        self.revision = NEXT_REVISION.fetch_add(1, Ordering::Relaxed);
        self.dirty = match &self.saved {
            Some(saved) => *saved != self.document,
            None => !self.past.is_empty(),
        };
    }

    /// Makes one change. Changes in a row with the same label and `key` — a drag, a slider — are one step to undo.
    pub fn edit(&mut self, label: &'static str, key: Option<u64>, change: impl FnOnce(&mut Document)) {
        let mut document = self.document.clone();
        change(&mut document);
        self.put(label, key, document);
    }

    /// The same with the document as it is after the change.
    pub fn put(&mut self, label: &'static str, key: Option<u64>, document: Document) {
        if self.document == document {
            return;
        }
        let before = std::mem::replace(&mut self.document, document);
        self.future.clear();
        let merging = key.map(|k| (label, k));
        if merging.is_none() || merging != self.merging {
            self.past.push((label, before));
            if self.past.len() > DEPTH {
                self.past.remove(0);
            }
        }
        self.merging = merging;
        self.changed();
    }

    /// Changes what follows from the last edit: undo takes both back.
    pub fn amend(&mut self, change: impl FnOnce(&mut Document)) {
        change(&mut self.document);
        self.changed();
    }

    /// Ends a row of merged edits: the next one is a step of its own.
    pub fn settle(&mut self) {
        self.merging = None;
    }

    /// Takes back one step.
    pub fn undo(&mut self) {
        if let Some((label, before)) = self.past.pop() {
            self.future.push((label, std::mem::replace(&mut self.document, before)));
            self.settle();
            self.changed();
        }
    }

    /// Makes one step again.
    pub fn redo(&mut self) {
        if let Some((label, after)) = self.future.pop() {
            self.past.push((label, std::mem::replace(&mut self.document, after)));
            self.settle();
            self.changed();
        }
    }

    /// What undo would take back.
    pub fn undo_label(&self) -> Option<&'static str> {
        self.past.last().map(|(label, _)| *label)
    }

    pub fn redo_label(&self) -> Option<&'static str> {
        self.future.last().map(|(label, _)| *label)
    }

    /// The document was written to a file.
    pub fn mark_saved(&mut self, document: Document, path: PathBuf) {
        self.dirty = document != self.document;
        self.saved = Some(document);
        self.path = Some(path);
    }

    /// Whether there are unsaved changes.
    pub fn is_dirty(&self) -> bool {
        self.dirty
    }
}

#[cfg(test)]
mod tests {
    use super::Project;

    #[test]
    fn undo_and_redo_walk_the_same_path() {
        let mut p = Project::default();
        p.edit("name", None, |d| d.name = "a".into());
        p.edit("name", None, |d| d.name = "b".into());
        p.undo();
        assert_eq!((p.document().name.as_str(), p.redo_label()), ("a", Some("name")));
        p.redo();
        assert_eq!(p.document().name, "b");
        p.undo();
        p.edit("name", None, |d| d.name = "c".into());
        p.redo();
        assert_eq!(p.document().name, "c", "a new edit ends the old future");
    }

    #[test]
    fn every_change_has_a_revision_of_its_own() {
        let mut seen = std::collections::BTreeSet::new();
        let mut new = |p: &Project| assert!(seen.insert(p.revision()), "the number was there before");
        let mut p = Project::opened(super::Document::default(), None);
        new(&p);
        p.edit("name", None, |d| d.name = "a".into());
        new(&p);
        p.amend(|d| d.description = "b".into());
        new(&p);
        p.undo();
        new(&p);
        p.redo();
        new(&p);
        let before = p.revision();
        p.edit("name", None, |_| {});
        p.mark_saved(p.document().clone(), "a.json".into());
        p.settle();
        assert_eq!(p.revision(), before, "the document is the same");
        assert!(!p.is_dirty());
        new(&Project::opened(super::Document::default(), None));
    }

    #[test]
    fn a_drag_is_one_step_and_no_change_is_none() {
        let mut p = Project::opened(super::Document::default(), None);
        for rate in [0.1, 0.2, 0.3] {
            p.edit("learning rate", Some(1), |d| d.training.learning_rate = rate);
        }
        p.edit("learning rate", Some(1), |_| {});
        assert!(p.is_dirty());
        p.undo();
        assert!(!p.is_dirty() && p.undo_label().is_none());
    }
}
