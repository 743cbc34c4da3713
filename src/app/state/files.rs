//! Files: what was opened lately, what is being saved, and the questions about unsaved work and files outside of a preset's folder.

use super::super::dialogs::{Answer, Dialogs, Question};
use super::jobs::{Job, Jobs};
use crate::data::special_file;
use crate::project::{Document, Preset};
use crate::train::{RunState, Snapshot};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

/// What is done once unsaved work is dealt with.
#[derive(Clone, Debug, PartialEq)]
pub enum Intention {
    New,
    AskPreset,
    Open(PathBuf),
    Builtin(&'static str),
    /// Shows a preset that is no file; whoever asks for it gives it a number, by which it is known on screen.
    Show(Box<Preset>, u64),
    Quit,
}

/// A question to the person, over everything else.
#[derive(Clone, Debug, PartialEq)]
pub enum Modal {
    Unsaved(Intention),
    /// A preset wants to read this file outside of its folder.
    Outside(Box<Preset>, PathBuf),
}

/// Where a run stood: rewinds since the program began, and updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunMark {
    pub rewinds: u64,
    pub step: u64,
}

impl RunMark {
    pub fn of(snapshot: &Snapshot) -> Self {
        Self { rewinds: snapshot.rewinds, step: snapshot.step }
    }
}

/// What is being written.
enum Saving {
    /// A document that waits for its run.
    Run { path: PathBuf, document: Box<Document>, opened: u64, rewinds: u64, job: Job<RunState> },
    /// Files on their way to the disk, and how many they were; what they hold, if that is a document.
    Write { path: PathBuf, document: Option<SavedDocument>, job: Job<Result<usize, String>> },
}

/// A document as it is saved.
pub struct SavedDocument {
    pub document: Box<Document>,
    /// The number of the document on screen that it is.
    pub opened: u64,
    /// Where the run stood that is saved with it.
    pub run: Option<RunMark>,
}

/// What came of it.
pub enum Saved {
    Run { path: PathBuf, document: Box<Document>, opened: u64, run: Option<(Box<RunState>, RunMark)> },
    Written { path: PathBuf, document: Option<SavedDocument>, outcome: Result<usize, String> },
}

/// Files that are remembered.
const RECENT: usize = 8;

/// Everything about files that is not the document itself.
pub struct Files {
    /// The dialogs of the system, or a test's.
    dialogs: Box<dyn Dialogs>,
    pub recent: Vec<PathBuf>,
    pub modal: Option<Modal>,
    asked: Vec<(Question, Job<Answer>)>,
    saving: Vec<Saving>,
    pub after_save: Option<Intention>,
    /// A folder of lessons that was chosen.
    pub lesson_folder: Option<PathBuf>,
    /// The window may close now.
    pub quit: bool,
}

impl Files {
    pub fn new(dialogs: Box<dyn Dialogs>) -> Self {
        Self {
            dialogs,
            recent: Vec::new(),
            modal: None,
            asked: Vec::new(),
            saving: Vec::new(),
            after_save: None,
            lesson_folder: None,
            quit: false,
        }
    }

    /// Whether a dialog is open or a file is being written.
    pub fn is_busy(&self) -> bool {
        !self.asked.is_empty() || !self.saving.is_empty()
    }

    /// Opens a dialog of the system.
    pub fn ask(&mut self, question: Question, jobs: &Jobs) {
        let wake = jobs.wake();
        let receiver = self.dialogs.ask(&question, Box::new(move || wake()));
        self.asked.push((question, jobs.expect(receiver)));
    }

    /// The answer to a dialog, if one has come.
    pub fn take_answer(&mut self) -> Option<(Question, Answer)> {
        let k = self.asked.iter().position(|(_, job)| job.has_result())?;
        let (question, mut job) = self.asked.remove(k);
        // A dialog whose thread has gone was not shown.
        Some((question, job.take()?.unwrap_or(Answer::Unavailable)))
    }

    /// Puts a file first among those that were opened lately.
    pub fn remember(&mut self, path: &Path) {
        // A relative path means another file to a program that is started elsewhere.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        self.recent.retain(|p| *p != path);
        self.recent.insert(0, path);
        self.recent.truncate(RECENT);
    }

    /// Saves a document once the trainer has given its run, which has been rewound so many times.
    pub fn save_with_run(
        &mut self,
        path: PathBuf,
        (document, opened): (Document, u64),
        run: Receiver<RunState>,
        rewinds: u64,
        jobs: &Jobs,
    ) {
        let document = Box::new(document);
        self.saving.push(Saving::Run { path, document, opened, rewinds, job: jobs.expect(run) });
    }

    /// Writes a document, with its run and where that stood.
    pub fn write(
        &mut self,
        path: PathBuf,
        (document, opened): (Box<Document>, u64),
        run: Option<(Box<RunState>, RunMark)>,
        jobs: &Jobs,
    ) {
        let (run, mark) = run.map_or((None, None), |(run, mark)| (Some(*run), Some(mark)));
        let preset = Preset { document: (*document).clone(), run };
        let target = path.clone();
        let job = jobs.start("writer", move |_| preset.save(&target).map(|()| 1).map_err(|e| e.to_string()));
        self.saving.push(Saving::Write { path, document: Some(SavedDocument { document, opened, run: mark }), job });
    }

    /// Writes any other file. Several parts become "name.svg", "name-2.svg" and so on: if the first is to be replaced, the
    /// others are; else none of them may be there yet.
    pub fn write_parts(&mut self, path: PathBuf, parts: Vec<Arc<[u8]>>, jobs: &Jobs) {
        let target = path.clone();
        let job = jobs.start("writer", move |_| {
            let replaces = target.exists();
            let places: Vec<PathBuf> = (1..=parts.len()).map(|k| numbered(&target, k)).collect();
            if let Some(there) = places.iter().find(|p| !replaces && p.exists()) {
                return Err(format!(
                    "{} is there already. Choose another name, so that it is not lost.",
                    there.display()
                ));
            }
            for (place, bytes) in places.iter().zip(&parts) {
                std::fs::write(place, bytes).map_err(|e| format!("{} cannot be written: {e}", place.display()))?;
            }
            Ok(places.len())
        });
        self.saving.push(Saving::Write { path, document: None, job });
    }

    /// What was saved, or has its run now.
    pub fn take_saved(&mut self) -> Option<Saved> {
        let done = |saving: &Saving| match saving {
            Saving::Run { job, .. } => job.has_result(),
            Saving::Write { job, .. } => job.has_result(),
        };
        let k = self.saving.iter().position(done)?;
        Some(match self.saving.remove(k) {
            Saving::Run { path, document, opened, rewinds, mut job } => {
                let marked = |run: RunState| {
                    let mark = RunMark { rewinds, step: run.steps };
                    (Box::new(run), mark)
                };
                Saved::Run { path, document, opened, run: job.take()?.ok().map(marked) }
            }
            Saving::Write { path, document, mut job } => {
                let failed = |e| Err(format!("{} cannot be written: {e}.", path.display()));
                let outcome = job.take()?.unwrap_or_else(failed);
                Saved::Written { path, document, outcome }
            }
        })
    }

    /// Whether the preset of that number may still come on screen: a question or a save stands before it.
    pub fn will_show(&self, number: u64) -> bool {
        let shows = |i: &Intention| matches!(i, Intention::Show(_, n) if *n == number);
        matches!(&self.modal, Some(Modal::Unsaved(i)) if shows(i)) || self.after_save.as_ref().is_some_and(shows)
    }
}

/// The file of part `k`, counted from 1.
fn numbered(path: &Path, k: usize) -> PathBuf {
    if k == 1 {
        return path.to_owned();
    }
    let ending = path.extension().map_or_else(String::new, |e| format!(".{}", e.to_string_lossy()));
    path.with_file_name(format!("{}-{k}{ending}", stem(path)))
}

/// Whether a file is a preset; other JSON files are data.
pub fn is_preset(path: &Path) -> bool {
    let json = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json"));
    // A pipe or a device is not opened: that it is none is told by the reader.
    let special = std::fs::metadata(path).is_ok_and(|about| special_file(&about).is_some());
    json && !special
        && std::fs::File::open(path).map_or(true, |file| {
            use std::io::Read as _;
            let mut head = Vec::new();
            file.take(4096).read_to_end(&mut head).ok();
            // What is neither is told better by the reader of presets.
            let text = String::from_utf8_lossy(&head);
            let has = |key: &str| text.contains(&format!("\"{key}\""));
            // One whose format was damaged still has the parts of one.
            text.contains("chainrule-preset")
                || (has("network") && (has("layers") || has("training")))
                || !text.trim_start_matches('\u{feff}').trim_start().starts_with(['[', '{'])
        })
}

/// The file's name without its ending.
pub fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(|| path.display().to_string(), |s| s.to_string_lossy().into_owned())
}

/// A document's name as that of a file.
pub fn file_stem(name: &str) -> String {
    let plain: String = name.chars().map(|c| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    plain.trim_matches('-').to_owned()
}
