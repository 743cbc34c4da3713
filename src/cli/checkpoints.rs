//! Checkpoints of a run in a folder: a job that was stopped at any moment goes on from the newest.
//!
//! `epoch-000010.json` is a preset with its run after 10 epochs; the newest [`KEPT`] stay. `best.json` is the one of all of them with
//! the lowest validation loss, or training loss where no rows validate. `lock` is held as long as a training keeps them.

use super::arguments::Failure;
use crate::data::DataSource;
use crate::format;
use crate::project::{Document, Preset};
use crate::train::{RunState, Session};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Newest checkpoints that stay.
const KEPT: usize = 3;
/// Epochs between two of them, where nobody says.
pub(super) const EVERY: u64 = 5;
const BEST: &str = "best.json";
const BEFORE: &str = "epoch-";

pub(super) struct Checkpoints {
    folder: PathBuf,
    every: u64,
    /// The run is that of this document.
    document: Document,
    /// Epoch and loss of the best.
    best: Option<(u64, f64)>,
    /// The last problem in writing, which is told once.
    problem: Option<String>,
    _lock: File,
}

/// The loss by which checkpoints are compared.
fn watched(run: &RunState) -> Option<f64> {
    let loss = run.history.last_evaluation().map(|e| e.loss);
    loss.or_else(|| run.history.train_loss.latest().map(f64::from)).filter(|loss| loss.is_finite())
}

impl Checkpoints {
    /// Those in `folder`, which is made where there is none, and a new one after `every` epochs.
    ///
    /// # Errors
    /// When the folder cannot be made or another training keeps its checkpoints there.
    pub fn open(folder: &Path, every: u64, document: Document) -> Result<Self, Failure> {
        let told = |e: std::io::Error| format!("the checkpoints cannot be kept in {}: {e}", folder.display());
        std::fs::create_dir_all(folder).map_err(told)?;
        let lock = File::create(folder.join("lock")).map_err(told)?;
        lock.try_lock().map_err(|e| match e {
            std::fs::TryLockError::WouldBlock => format!(
                "another training keeps its checkpoints in {}. Wait for its end, or name another folder",
                folder.display()
            ),
            std::fs::TryLockError::Error(e) => told(e),
        })?;
        // What a write that was killed has left.
        for entry in std::fs::read_dir(folder).map_err(told)?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(".tmp") {
                std::fs::remove_file(entry.path()).ok();
            }
        }
        Ok(Self { folder: folder.to_owned(), every, document, best: None, problem: None, _lock: lock })
    }

    /// Epochs and files, the newest first.
    fn all(&self) -> Vec<(u64, PathBuf)> {
        let epoch = |path: &Path| -> Option<u64> {
            path.file_name()?.to_str()?.strip_prefix(BEFORE)?.strip_suffix(".json")?.parse().ok()
        };
        let paths = std::fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|e| e.path());
        let mut all: Vec<_> = paths.filter_map(|path| Some((epoch(&path)?, path))).collect();
        all.sort_by(|a, b| b.cmp(a));
        all
    }

    /// The run of the newest checkpoint, if there is one, for a session that stands at its beginning.
    ///
    /// # Errors
    /// When the checkpoints are those of another training, or none can be read.
    pub fn newest(&mut self, session: &Session) -> Result<Option<RunState>, Failure> {
        let preset = Preset { document: self.document.clone(), run: Some(session.save()) };
        let wanted = Preset::parse("the training", &preset.into_line())?;
        if let Ok(best) = Preset::open(&self.folder.join(BEST))
            && differs(&wanted, &best).is_none()
        {
            self.best = best.run.and_then(|run| Some((run.epoch, watched(&run)?)));
        }
        let mut damaged = false;
        for (epoch, path) in self.all() {
            match Preset::open(&path) {
                Ok(found) => {
                    if let Some(what) = differs(&wanted, &found) {
                        return Err(format!(
                            "{} belongs to another training: {what}. Name another folder with --resume, or ask for the same training",
                            path.display()
                        )
                        .into());
                    }
                    eprintln!("note: training goes on from {}.", path.display());
                    return Ok(found.run);
                }
                Err(e) => {
                    eprintln!("note: the checkpoint of epoch {epoch} is left out, and the one before it is taken. {e}");
                    damaged = true;
                }
            }
        }
        if damaged {
            let folder = self.folder.display();
            let text =
                format!("no checkpoint in {folder} can be read. Name another folder with --resume to begin anew");
            return Err(text.into());
        }
        Ok(None)
    }

    /// Keeps where the run stands, if it is time or the training `ends`. What cannot be written is told, and training goes on.
    pub fn look(&mut self, session: &Session, ends: bool) {
        let epoch = session.epochs();
        if !(ends || epoch.is_multiple_of(self.every)) {
            return;
        }
        let path = self.folder.join(format!("{BEFORE}{epoch:06}.json"));
        let run = session.save();
        let loss = watched(&run);
        let preset = Preset { document: self.document.clone(), run: Some(run) };
        let is_best = loss.filter(|loss| self.best.is_none_or(|(_, best)| *loss < best));
        // The best first: a program that is killed in between comes to this epoch again.
        let best = is_best.map_or(Ok(()), |_| preset.save(&self.folder.join(BEST)));
        if best.is_ok() {
            self.best = is_best.map(|loss| (epoch, loss)).or(self.best);
        }
        let problem = best.and(preset.save(&path)).err().map(|e| e.to_string());
        if problem != self.problem {
            if let Some(problem) = &problem {
                eprintln!("note: training goes on without a checkpoint of epoch {epoch}. {problem}");
            }
            self.problem = problem;
        }
        for (_, path) in self.all().into_iter().skip(KEPT) {
            std::fs::remove_file(path).ok();
        }
    }

    /// What is there now, in words.
    pub fn describe(&self) -> String {
        let mut epochs: Vec<String> = self.all().iter().map(|(epoch, _)| epoch.to_string()).collect();
        epochs.reverse();
        let best = self.best.map_or_else(String::new, |(epoch, loss)| {
            format!("; the best, of epoch {epoch} with loss {}, is {BEST}", format::significant(loss, 4))
        });
        format!("checkpoints of epochs {} in {}{best}", epochs.join(", "), self.folder.display())
    }
}

/// What of a checkpoint is not that of the training that is wanted; its name, the path of its data and how long to train may be
/// others.
fn differs(wanted: &Preset, found: &Preset) -> Option<&'static str> {
    let (a, b) = (&wanted.document, &found.document);
    let (mut training, mut data) = (b.training.clone(), b.data.clone());
    training.epochs = a.training.epochs;
    if let (DataSource::File { path, .. }, DataSource::File { path: own, .. }) = (&mut data.source, &a.data.source) {
        path.clone_from(own);
    }
    let Some(run) = &found.run else { return Some("it has no run") };
    if b.training.seed != a.training.seed {
        Some("its seed is another")
    } else if b.network != a.network {
        Some("its network is another")
    } else if training != a.training {
        Some("its settings of training are others")
    } else if data != a.data || wanted.run.as_ref().is_some_and(|own| own.encoder != run.encoder) {
        Some("its data are others, or prepared in another way")
    } else {
        None
    }
}
