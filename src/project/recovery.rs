//! What is open in a window, kept in a folder of its own below the user's data, so that it outlives a crash.
//!
//! The folder holds `lock`, which the system frees however the program ends; `document`, a line about the document and then the
//! preset with its run; and `steps`, the line of undo and redo. Each file is replaced whole. A program that ends in good order
//! empties its folder; what another one has left there can be recovered.

use super::document::Document;
use super::preset::{Preset, replace_file, words};
use super::undo::Steps;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// The folder of one window, locked as long as this lives.
#[derive(Debug)]
pub struct Place {
    folder: PathBuf,
    _lock: File,
    /// Whether it was given up: what is still being written comes too late.
    gone: Mutex<bool>,
}

/// What a document is beside its preset.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// Its file, if it has one.
    pub path: Option<PathBuf>,
    /// Whether that holds something else.
    pub dirty: bool,
}

/// What a program has left that ended without saving.
#[derive(Debug)]
pub struct Left {
    pub place: Place,
    pub about: About,
    pub preset: Preset,
    pub steps: Steps,
    /// When it was written.
    pub when: SystemTime,
}

/// The files in a place.
const LOCK: &str = "lock";
const DOCUMENT: &str = "document";
const STEPS: &str = "steps";
/// Below the user's data.
const OPEN: &str = "open";

#[derive(Serialize, Deserialize)]
struct SavedSteps {
    past: Vec<(String, String)>,
    future: Vec<(String, String)>,
}

impl Place {
    /// A new place below `data`.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub fn new(data: &Path) -> Result<Self, String> {
        let open = data.join(OPEN);
        let made = || {
            std::fs::create_dir_all(&open)?;
            let folder = tempfile::Builder::new().prefix("window-").tempdir_in(&open)?.keep();
            let lock = File::create(folder.join(LOCK))?;
            lock.try_lock()?;
            Ok(Self { folder, _lock: lock, gone: Mutex::default() })
        };
        made().map_err(|e: io::Error| format!("{}: {}", open.display(), words(&e)))
    }

    /// The place at `folder`, if the program that had it has ended.
    fn take_over(folder: PathBuf) -> Option<Self> {
        let lock = File::options().read(true).write(true).open(folder.join(LOCK)).ok()?;
        lock.try_lock().ok()?;
        Some(Self { folder, _lock: lock, gone: Mutex::default() })
    }

    /// Keeps the document with its run.
    ///
    /// # Errors
    /// Why not, in words; what was kept before is then as it was.
    pub fn keep(&self, about: &About, preset: Preset) -> Result<(), String> {
        let about = serde_json::to_string(about).map_err(|e| e.to_string())?;
        self.write(DOCUMENT, format!("{about}\n{}", preset.into_line()).as_bytes())
    }

    /// Keeps the steps of undo and redo.
    ///
    /// # Errors
    /// As with [`Self::keep`].
    pub fn keep_steps(&self, steps: &Steps) -> Result<(), String> {
        let line = |document: &Document| Preset { document: document.clone(), run: None }.into_line();
        let of = |steps: &[(Cow<'static, str>, Arc<Document>)]| {
            steps.iter().map(|(label, document)| (label.to_string(), line(document))).collect()
        };
        let saved = SavedSteps { past: of(&steps.past), future: of(&steps.future) };
        self.write(STEPS, &serde_json::to_vec(&saved).map_err(|e| e.to_string())?)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), String> {
        let gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        if *gone {
            return Ok(());
        }
        replace_file(&self.folder.join(name), bytes)
    }

    /// Keeps nothing any more.
    pub fn clear(&self) {
        for name in [DOCUMENT, STEPS] {
            // What is not there is gone.
            std::fs::remove_file(self.folder.join(name)).ok();
        }
    }

    /// Gives the folder up; what another thread is writing there is waited for.
    pub fn remove(&self) {
        *self.gone.lock().unwrap_or_else(PoisonError::into_inner) = true;
        std::fs::remove_dir_all(&self.folder).ok();
    }

    fn left(self) -> Result<Left, String> {
        let path = self.folder.join(DOCUMENT);
        let told = |e: String| format!("{}: {e}", path.display());
        let when = std::fs::metadata(&path).and_then(|m| m.modified()).map_err(|e| told(words(&e)))?;
        let text = std::fs::read_to_string(&path).map_err(|e| told(words(&e)))?;
        let (about, preset) = text.split_once('\n').ok_or_else(|| told("it is cut off".to_owned()))?;
        let about = serde_json::from_str(about).map_err(|e| told(e.to_string()))?;
        let preset = Preset::parse(&path.display().to_string(), preset).map_err(|e| e.to_string())?;
        // Without its steps a document is still worth having.
        let steps =
            std::fs::read(self.folder.join(STEPS)).ok().and_then(|bytes| read_steps(&bytes)).unwrap_or_default();
        Ok(Left { place: self, about, preset, steps, when })
    }
}

fn read_steps(bytes: &[u8]) -> Option<Steps> {
    let saved: SavedSteps = serde_json::from_slice(bytes).ok()?;
    let of = |steps: Vec<(String, String)>| {
        let step = |(label, text): (String, String)| {
            Some((Cow::Owned(label), Arc::new(Preset::parse("a step", &text).ok()?.document)))
        };
        steps.into_iter().map(step).collect::<Option<Vec<_>>>()
    };
    Some(Steps { past: of(saved.past)?, future: of(saved.future)? })
}

/// What ended programs have left below `data`, the last first, and what of it cannot be read.
pub fn left_behind(data: &Path) -> (Vec<Left>, Vec<String>) {
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(data.join(OPEN)).into_iter().flatten().flatten() {
        let Some(place) = Place::take_over(entry.path()) else { continue };
        if !place.folder.join(DOCUMENT).exists() {
            place.remove();
            continue;
        }
        match place.left() {
            Ok(left) => found.push(left),
            Err(problem) => problems.push(problem),
        }
    }
    found.sort_by_key(|left| std::cmp::Reverse(left.when));
    (found, problems)
}

#[cfg(test)]
mod tests {
    use super::{About, Place, left_behind};
    use crate::project::{Preset, Project, builtin};

    #[test]
    fn what_is_kept_comes_back_whole_once_its_program_has_ended() {
        let data = tempfile::tempdir().expect("a folder");
        let preset = builtin("xor").expect("is built in").preset().expect("can be read");
        let mut project = Project::opened(preset.document.clone(), None);
        for name in ["a", "b", "c"] {
            project.edit("Rename", None, |d| d.name = name.into());
        }
        project.undo(&|_, _| None);
        let about = About { path: Some("/somewhere/mine.json".into()), dirty: true };
        let place = Place::new(data.path()).expect("can be made");
        place.keep(&about, Preset { document: project.document().clone(), run: None }).expect("is written");
        place.keep_steps(&project.steps()).expect("is written");
        assert!(left_behind(data.path()).0.is_empty(), "its window is open");
        drop(place);
        let (mut left, problems) = left_behind(data.path());
        let found = left.pop().expect("is there");
        assert!(left.is_empty() && problems.is_empty(), "{problems:?}");
        assert_eq!((found.about, &found.preset.document), (about, project.document()));
        assert_eq!(found.steps, project.steps());
        let mut again = Project::recovered(found.preset.document, None, true, found.steps);
        assert!(again.is_dirty());
        again.redo(&|_, _| None);
        assert_eq!((again.document().name.as_str(), again.undo_label()), ("c", Some("Rename")));
        // Nothing is left of what was given up, and of a window that had nothing to keep.
        found.place.clear();
        drop((found.place, Place::new(data.path()).expect("can be made")));
        assert!(left_behind(data.path()).0.is_empty());
        assert_eq!(std::fs::read_dir(data.path().join("open")).expect("is there").count(), 0);
    }

    #[test]
    fn what_cannot_be_read_is_told_and_stays() {
        let data = tempfile::tempdir().expect("a folder");
        let place = Place::new(data.path()).expect("can be made");
        std::fs::write(place.folder.join("document"), "{}\n{\"format\": 1").expect("can be written");
        drop(place);
        for _ in 0..2 {
            let (left, problems) = left_behind(data.path());
            assert!(left.is_empty() && problems.len() == 1 && problems[0].contains("document"), "{problems:?}");
        }
        std::fs::write(data.path().join("file"), "").expect("can be written");
        let refused = Place::new(&data.path().join("file")).expect_err("is no folder");
        assert!(refused.contains("file"), "{refused}");
    }
}
