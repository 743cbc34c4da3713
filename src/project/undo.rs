//! A document with its past: undo, redo, and whether it has been saved. Undo brings back the run too, where a step ended one.

use super::document::Document;
use crate::train::RunState;
use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;

/// Steps that are remembered.
const DEPTH: usize = 200;

/// The next revision; counted over all documents, so that no two states of any document share a number.
static NEXT_REVISION: AtomicU64 = AtomicU64::new(1);

/// Bytes of runs that are remembered; the oldest give way first.
const RUN_BYTES: usize = 256 << 20;
/// Steps of one kind in a row that ended a run and left the document as it was.
const RUNS_IN_A_ROW: usize = 20;

/// A run that a step ended, as the trainer gives it, and about how many bytes it takes.
#[derive(Debug)]
pub struct KeptRun {
    pub run: Receiver<RunState>,
    pub bytes: usize,
}

/// What a step was called.
type Label = Cow<'static, str>;

/// A document on the path of undo or redo, with the run that was on screen with it.
#[derive(Debug)]
struct Past {
    label: Label,
    document: Arc<Document>,
    run: Option<KeptRun>,
}

impl Past {
    fn new(label: impl Into<Label>, document: impl Into<Arc<Document>>) -> Self {
        Self { label: label.into(), document: document.into(), run: None }
    }
}

/// The steps that can be taken back and made again, each with its document, without their runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Steps {
    pub past: Vec<(Label, Arc<Document>)>,
    pub future: Vec<(Label, Arc<Document>)>,
}

/// The open document.
#[derive(Debug, Default)]
pub struct Project {
    document: Document,
    revision: u64,
    dirty: bool,
    past: Vec<Past>,
    future: Vec<Past>,
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

    /// A document that comes back after the program ended without saving it; `dirty` says whether its file holds something else.
    pub fn recovered(document: Document, path: Option<PathBuf>, dirty: bool, steps: Steps) -> Self {
        let of = |steps: Vec<(Label, Arc<Document>)>| steps.into_iter().map(|(l, d)| Past::new(l, d)).collect();
        let mut project = Self::opened(document, path);
        (project.past, project.future, project.dirty) = (of(steps.past), of(steps.future), dirty);
        if dirty {
            project.saved = None;
        }
        project
    }

    /// The steps as they are now; their documents are shared, not copied.
    pub fn steps(&self) -> Steps {
        let of = |steps: &[Past]| steps.iter().map(|p| (p.label.clone(), Arc::clone(&p.document))).collect();
        Steps { past: of(&self.past), future: of(&self.future) }
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
            // No file is known to hold it.
            None => true,
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
            self.push(Past::new(label, before));
        }
        self.merging = merging;
        self.changed();
    }

    fn push(&mut self, past: Past) {
        self.past.push(past);
        if self.past.len() > DEPTH {
            self.past.remove(0);
        }
    }

    /// What comes now ends a run and leaves the document as it is: a step of its own, which brings the run back. Of such steps in
    /// a row only the last [`RUNS_IN_A_ROW`] are kept, so that they do not crowd out the edits before them.
    pub fn keep(&mut self, label: &'static str, run: KeptRun) {
        self.settle();
        self.future.clear();
        self.push(Past { run: Some(run), ..Past::new(label, self.document.clone()) });
        let same = self.past.iter().rev().take_while(|p| p.label == label && p.run.is_some()).count();
        if same > RUNS_IN_A_ROW {
            self.past.remove(self.past.len() - same);
        }
        self.bound_runs();
    }

    /// The last edit whose document was as `belongs` says ends the run on screen: undo brings it back with the document.
    pub fn attach(&mut self, run: impl FnOnce() -> Option<KeptRun>, belongs: impl Fn(&Document) -> bool) {
        let last = self.past.iter_mut().rev().find(|p| belongs(&p.document));
        if let Some(past) = last.filter(|p| p.run.is_none()) {
            past.run = run();
            self.bound_runs();
        }
    }

    /// Forgets the oldest runs beyond [`RUN_BYTES`], and steps that were nothing else.
    fn bound_runs(&mut self) {
        let mut bytes = 0;
        for k in (0..self.past.len()).rev() {
            bytes += self.past[k].run.as_ref().map_or(0, |r| r.bytes);
            if bytes > RUN_BYTES && self.past[k].run.take().is_some() {
                let after = self.past.get(k + 1).map_or(&self.document, |p| &*p.document);
                if *after == *self.past[k].document {
                    self.past.remove(k);
                }
            }
        }
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

    /// Takes back one step. `now` gives the run on screen, for redo to bring back; it is told the document that
    /// comes and whether a run comes with it; returns the run that comes back.
    pub fn undo(&mut self, now: &dyn Fn(&Document, bool) -> Option<KeptRun>) -> Option<KeptRun> {
        let past = self.past.pop()?;
        let (next, run) = self.walk(past, now);
        self.future.push(next);
        run
    }

    /// Makes one step again; runs as with [`Self::undo`].
    pub fn redo(&mut self, now: &dyn Fn(&Document, bool) -> Option<KeptRun>) -> Option<KeptRun> {
        let past = self.future.pop()?;
        let (next, run) = self.walk(past, now);
        self.push(next);
        run
    }

    fn walk(&mut self, to: Past, now: &dyn Fn(&Document, bool) -> Option<KeptRun>) -> (Past, Option<KeptRun>) {
        let Past { label, document, run } = to;
        let kept = now(&document, run.is_some());
        let before = std::mem::replace(&mut self.document, Arc::unwrap_or_clone(document));
        self.settle();
        self.changed();
        (Past { run: kept, ..Past::new(label, before) }, run)
    }

    /// What undo would take back.
    pub fn undo_label(&self) -> Option<&str> {
        self.past.last().map(|p| &*p.label)
    }

    pub fn redo_label(&self) -> Option<&str> {
        self.future.last().map(|p| &*p.label)
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
        p.undo(&|_, _| None);
        assert_eq!((p.document().name.as_str(), p.redo_label()), ("a", Some("name")));
        p.redo(&|_, _| None);
        assert_eq!(p.document().name, "b");
        p.undo(&|_, _| None);
        p.edit("name", None, |d| d.name = "c".into());
        p.redo(&|_, _| None);
        assert_eq!(p.document().name, "c", "a new edit ends the old future");
    }

    fn run(steps: u64) -> super::KeptRun {
        let (sender, run) = std::sync::mpsc::channel();
        let preset = crate::project::builtin("xor").expect("is built in").preset().expect("can be read");
        let (_, data) = preset.document.data.load().expect("is generated");
        let mut session =
            crate::train::Session::new(&preset.document.network, data.into(), preset.document.training, 1)
                .expect("fits");
        while session.steps() < steps {
            session.tick().expect("stays finite");
        }
        sender.send(session.save()).expect("the receiver is here");
        super::KeptRun { run, bytes: super::RUN_BYTES / 3 }
    }

    fn steps(kept: Option<super::KeptRun>) -> Option<u64> {
        kept.map(|k| k.run.recv().expect("was sent").steps)
    }

    #[test]
    fn undo_and_redo_bring_runs_back_with_their_documents() {
        let mut p = Project::default();
        p.edit("network", None, |d| d.name = "a".into());
        p.attach(|| Some(run(5)), |d| d.name == "Untitled");
        p.keep("Rewind", run(7));
        // The run on screen is given for redo only where another one comes.
        let back = p.undo(&|d, comes| {
            assert_eq!((d.name.as_str(), comes), ("a", true));
            Some(run(2))
        });
        assert_eq!((steps(back), p.document().name.as_str()), (Some(7), "a"));
        assert_eq!(steps(p.redo(&|_, _| Some(run(7)))), Some(2));
        assert_eq!(steps(p.undo(&|_, _| None)), Some(7));
        assert_eq!(steps(p.undo(&|_, _| None)), Some(5));
        assert_eq!(p.document().name, "Untitled");
    }

    #[test]
    fn old_runs_give_way_and_edits_stay() {
        let mut p = Project::default();
        p.edit("name", None, |d| d.name = "a".into());
        p.attach(|| Some(run(1)), |d| d.name == "Untitled");
        for n in 2..=4 {
            p.keep("Step", run(n));
        }
        let mut back = Vec::new();
        while p.undo_label().is_some() {
            back.push(steps(p.undo(&|_, _| None)));
        }
        assert_eq!(back, [Some(4), Some(3), Some(2), None]);
        assert_eq!(p.document().name, "Untitled");
        for n in 0..30 {
            p.keep("Step", super::KeptRun { bytes: 1, ..run(n) });
        }
        assert_eq!(p.past.len(), super::RUNS_IN_A_ROW);
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
        p.undo(&|_, _| None);
        new(&p);
        p.redo(&|_, _| None);
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
        p.undo(&|_, _| None);
        assert!(!p.is_dirty() && p.undo_label().is_none());
    }
}
