//! The way from a source to a data set, as one value that each step replaces whole.
//!
//! ```text
//! Nothing ─▶ Reading ─▶ Preparing ─▶ Ready
//!               │           └──────▶ Failed
//!               └─▶ Failed, Missing
//! ```
//! A file that a person looks at (`Preview`) or has chosen (`Reading` with `chosen`) keeps the state before it: the document's data stay on
//! screen until the file has been read, and come back when it is put away.

use super::jobs::{Job, JobError, Jobs, guarded};
use crate::data::{
    ColumnPlan, DataError, DataSource, Dataset, Detected, Loaded, Preparation, ReadOptions, Reading, Summary,
    TargetChoice, TargetGuess, prepare, summarise,
};
use crate::project::DataSection;
use rayon::prelude::{IntoParallelRefIterator as _, ParallelIterator as _};
use std::path::PathBuf;
use std::sync::Arc;

/// Rows of a file that are shown before it is taken.
const PREVIEW: usize = 200;
/// Tables of more bytes are prepared off the screen's thread.
const SMALL: usize = 400_000;

/// The table that is open.
pub struct Opened {
    pub source: DataSource,
    pub loaded: Loaded,
    pub summaries: Vec<Summary>,
    /// How it is prepared where the document does not say.
    pub guess: Preparation,
    /// What is predicted, where somebody has said it before the table was read.
    pub asked: Vec<TargetChoice>,
}

/// A file that was chosen and is looked at before it is taken.
pub struct Preview {
    pub path: PathBuf,
    pub options: ReadOptions,
    /// Its first rows, or why they cannot be read; of the options before while the file is looked at again.
    pub rows: Option<Result<Loaded, String>>,
    /// What is probably predicted, by these rows.
    pub guess: TargetGuess,
    /// What somebody wants to predict instead.
    pub asked: Vec<TargetChoice>,
    job: Option<Job<Result<Loaded, DataError>>>,
}

impl Preview {
    /// What was found out about the file.
    pub fn detected(&self) -> Option<&Detected> {
        self.rows.as_ref()?.as_ref().ok()?.detected.as_ref()
    }

    /// What will be predicted, and why it was guessed.
    pub fn targets(&self) -> (Vec<TargetChoice>, Option<&str>) {
        if !self.asked.is_empty() {
            return (self.asked.clone(), None);
        }
        let Some(Ok(rows)) = &self.rows else { return (Vec::new(), None) };
        let column = |name: &String| Some((name.clone(), ColumnPlan::guess(rows.table.column(name)?, true).treatment));
        let guessed: Vec<TargetChoice> = self.guess.columns.iter().filter_map(column).collect();
        let reason = (!guessed.is_empty()).then_some(self.guess.reason.as_str());
        (guessed, reason)
    }

    /// Takes in the first rows.
    fn take(&mut self, outcome: Result<Loaded, String>) {
        if let Ok(loaded) = &outcome {
            self.guess = TargetGuess::of(&loaded.table);
            // With other settings the columns may be others.
            self.asked.retain(|(name, _)| loaded.table.column(name).is_some());
        }
        self.rows = Some(outcome);
    }
}

/// What is wrong with the document's file, and what can be done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MissingFile {
    /// It is not where it was.
    Gone(PathBuf),
    /// It has other contents than when the preset was saved.
    Changed(PathBuf),
}

/// What a person changed about the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Another draw of the same generator: a network that fits stays
    Redrawn,
    /// Other data
    Other,
    /// Points, roles or steps of the same data
    Edited,
}

/// Why a table is prepared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The document asks for it.
    Document,
    /// A person changed data or preparation: the network follows, and `tell` says so.
    Edit { change: Change, tell: bool },
}

/// Why a source has no table.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error(transparent)]
    Data(#[from] DataError),
    #[error("The file could not be read: {0}.")]
    Internal(#[from] JobError),
}

/// Where the way to a data set has come to.
#[derive(Default)]
pub enum Loading {
    /// Nothing has been asked for yet.
    #[default]
    Nothing,
    /// A source is read: the document's, or one that was `chosen` and becomes the document's when it could be read.
    Reading {
        source: DataSource,
        chosen: bool,
        job: Job<Result<Opened, DataError>>,
        before: Box<Loading>,
    },
    /// The first rows of a file are shown; it is taken when the person confirms it.
    Preview {
        preview: Box<Preview>,
        before: Box<Loading>,
    },
    /// The table is there and is prepared; `plan` is as the document has it, none where it is guessed.
    Preparing {
        table: Arc<Opened>,
        plan: Option<Preparation>,
        purpose: Purpose,
        job: Job<Result<Dataset, DataError>>,
    },
    Ready {
        table: Arc<Opened>,
        plan: Option<Preparation>,
        data: Arc<Dataset>,
    },
    /// The source could not be read, or its table could not be prepared.
    Failed {
        source: DataSource,
        table: Option<Arc<Opened>>,
        plan: Option<Preparation>,
        error: String,
    },
    /// The document's file is not there, or is another one.
    Missing {
        source: DataSource,
        file: MissingFile,
        error: String,
    },
}

/// What has come.
pub enum Arrived {
    Table {
        source: DataSource,
        chosen: bool,
        outcome: Result<Box<Opened>, ReadError>,
    },
    Prepared {
        table: Arc<Opened>,
        plan: Option<Preparation>,
        purpose: Purpose,
        outcome: Result<Dataset, String>,
    },
    /// The file that was looked at cannot be opened at all.
    NoPreview(String),
}

/// What the document needs to have its data set.
pub enum Needed {
    Nothing,
    Table,
    Preparation(Arc<Opened>),
}

impl Opened {
    /// Reads a source whole.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(source: DataSource, reading: &Reading) -> Result<Self, DataError> {
        Self::read_to_predict(source, Vec::new(), reading)
    }

    /// The same, to predict what was `asked`.
    fn read_to_predict(source: DataSource, asked: Vec<TargetChoice>, reading: &Reading) -> Result<Self, DataError> {
        let loaded = source.load_as(reading)?;
        let summaries = loaded.table.columns.par_iter().map(summarise).collect();
        let mut guess = Preparation::guess(&loaded.table);
        if !asked.is_empty() {
            guess.predict(&loaded.table, &asked);
        }
        Ok(Self { source, loaded, summaries, guess, asked })
    }
}

impl Loading {
    /// The document's own state, below files that are looked at or were chosen.
    fn settled(&self) -> &Self {
        match self {
            Self::Reading { chosen: true, before, .. } | Self::Preview { before, .. } => before.settled(),
            other => other,
        }
    }

    pub fn settled_mut(&mut self) -> &mut Self {
        match self {
            Self::Reading { chosen: true, before, .. } | Self::Preview { before, .. } => before.settled_mut(),
            other => other,
        }
    }

    /// The document's own state, and the file that is looked at.
    fn apart(self) -> (Self, Option<Preview>) {
        match self {
            Self::Reading { chosen: true, before, .. } => before.apart(),
            Self::Preview { preview, before } => (before.apart().0, Some(*preview)),
            other => (other, None),
        }
    }

    /// The document's table.
    pub fn table(&self) -> Option<&Arc<Opened>> {
        match self.settled() {
            Self::Preparing { table, .. } | Self::Ready { table, .. } => Some(table),
            Self::Failed { table, .. } => table.as_ref(),
            Self::Reading { before, .. } => before.table(),
            Self::Nothing | Self::Preview { .. } | Self::Missing { .. } => None,
        }
    }

    pub fn dataset(&self) -> Option<&Arc<Dataset>> {
        match self.settled() {
            Self::Ready { data, .. } => Some(data),
            _ => None,
        }
    }

    /// Why there are no data to train on.
    pub fn error(&self) -> Option<&str> {
        match self.settled() {
            Self::Failed { error, .. } | Self::Missing { error, .. } => Some(error),
            _ => None,
        }
    }

    pub fn missing(&self) -> Option<&MissingFile> {
        match self.settled() {
            Self::Missing { file, .. } => Some(file),
            _ => None,
        }
    }

    /// The file that is looked at.
    pub fn preview(&self) -> Option<&Preview> {
        match self {
            Self::Preview { preview, .. } => Some(preview),
            Self::Reading { chosen: true, before, .. } => before.preview(),
            _ => None,
        }
    }

    fn preview_mut(&mut self) -> Option<&mut Preview> {
        match self {
            Self::Preview { preview, .. } => Some(preview),
            Self::Reading { chosen: true, before, .. } => before.preview_mut(),
            _ => None,
        }
    }

    /// The reading under way: of a chosen file, or of the document's.
    pub fn reading(&self) -> Option<&Job<Result<Opened, DataError>>> {
        match self {
            Self::Reading { job, .. } => Some(job),
            Self::Preview { before, .. } => before.reading(),
            _ => None,
        }
    }

    /// Whether the file that is looked at is being read whole.
    pub fn takes_preview(&self) -> bool {
        matches!(self, Self::Reading { chosen: true, before, .. } if before.preview().is_some())
    }

    pub fn is_preparing(&self) -> bool {
        matches!(self.settled(), Self::Preparing { .. })
    }

    /// Whether the document's data are on their way, or others for it.
    pub fn is_busy(&self) -> bool {
        self.reading().is_some() || self.is_preparing()
    }

    /// What is to be done so that the data set is as the document says.
    pub fn needed(&self, wanted: &DataSection) -> Needed {
        match self.settled() {
            Self::Preparing { table, plan, .. }
            | Self::Ready { table, plan, .. }
            | Self::Failed { table: Some(table), plan, .. } => {
                if table.source != wanted.source {
                    Needed::Table
                } else if *plan == wanted.preparation {
                    Needed::Nothing
                } else {
                    Needed::Preparation(Arc::clone(table))
                }
            }
            Self::Reading { source, .. } | Self::Failed { source, .. } | Self::Missing { source, .. } => {
                if *source == wanted.source { Needed::Nothing } else { Needed::Table }
            }
            Self::Nothing | Self::Preview { .. } => Needed::Table,
        }
    }

    /// Looks at the first rows of a file, to predict what was `asked`. What was seen and chosen of the same file stays.
    pub fn look_at(&mut self, path: PathBuf, options: ReadOptions, asked: Vec<TargetChoice>, jobs: &Jobs) {
        let source = DataSource::File { path: path.clone(), sha256: String::new(), options: options.clone() };
        let job =
            jobs.start("preview", move |progress| source.load_as(&Reading::preview(Arc::clone(progress), PREVIEW)));
        let (settled, old) = std::mem::take(self).apart();
        let (rows, guess, asked) = match old.filter(|p| p.path == path) {
            Some(old) => (old.rows, old.guess, old.asked),
            None => (None, TargetGuess::default(), asked),
        };
        let preview = Box::new(Preview { path, options, rows, guess, asked, job: Some(job) });
        *self = Self::Preview { preview, before: Box::new(settled) };
    }

    /// The file that is looked at is to predict these columns.
    pub fn ask_for(&mut self, targets: Vec<TargetChoice>) {
        if let Some(preview) = self.preview_mut() {
            preview.asked = targets;
        }
    }

    /// Puts the file away that is looked at, or that was chosen and is being read.
    pub fn dismiss_preview(&mut self) {
        *self = std::mem::take(self).apart().0;
    }

    /// Reads a source in the background.
    pub fn read(&mut self, source: DataSource, chosen: bool, jobs: &Jobs) {
        let wanted = source.clone();
        let asked = match (&source, self.preview()) {
            (DataSource::File { path, .. }, Some(preview)) if chosen && *path == preview.path => preview.asked.clone(),
            _ => Vec::new(),
        };
        let job = jobs.start("reader", move |progress| {
            Opened::read_to_predict(wanted, asked, &Reading::new(Arc::clone(progress)))
        });
        if chosen {
            let (settled, preview) = std::mem::take(self).apart();
            let same = |p: &Preview| matches!(&source, DataSource::File { path, .. } if *path == p.path);
            let before = match preview.filter(same) {
                Some(preview) => Self::Preview { preview: Box::new(preview), before: Box::new(settled) },
                None => settled,
            };
            *self = Self::Reading { source, chosen, job, before: Box::new(before) };
        } else {
            let settled = self.settled_mut();
            let before = match std::mem::take(settled) {
                Self::Reading { before, .. } => before,
                other => Box::new(other),
            };
            *settled = Self::Reading { source, chosen, job, before };
        }
    }

    /// Calls off the reading under way.
    pub fn cancel_reading(&mut self) {
        match std::mem::take(self) {
            Self::Reading { chosen: true, before, .. } => *self = *before,
            Self::Reading { source, .. } => {
                *self = Self::Failed { source, table: None, plan: None, error: DataError::Cancelled.to_string() };
            }
            Self::Preview { preview, mut before } => {
                before.cancel_reading();
                *self = Self::Preview { preview, before };
            }
            other => *self = other,
        }
    }

    /// Prepares a table; a small one at once, so that its outcome comes back.
    pub fn prepare(
        &mut self,
        table: Arc<Opened>,
        plan: Option<Preparation>,
        purpose: Purpose,
        jobs: &Jobs,
    ) -> Option<Arrived> {
        let (own, from) = (plan.clone(), Arc::clone(&table));
        let work = move || prepare(&from.loaded.table, own.as_ref().unwrap_or(&from.guess));
        if table.loaded.table.bytes() <= SMALL {
            return Some(Arrived::Prepared { table, plan, purpose, outcome: flatten(guarded(work)) });
        }
        let job = jobs.start("preparation", move |_| work());
        *self.settled_mut() = Self::Preparing { table, plan, purpose, job };
        None
    }

    /// Notes what came of a preparation.
    pub fn prepared(&mut self, table: Arc<Opened>, plan: Option<Preparation>, outcome: Result<Arc<Dataset>, String>) {
        *self.settled_mut() = match outcome {
            Ok(data) => Self::Ready { table, plan, data },
            Err(error) => Self::Failed { source: table.source.clone(), table: Some(table), plan, error },
        };
    }

    /// Notes that the document's source cannot be read.
    pub fn failed(&mut self, source: DataSource, e: &ReadError) {
        let error = e.to_string();
        let file = match e {
            ReadError::Data(DataError::NotFound(path)) => Some(MissingFile::Gone(path.clone())),
            ReadError::Data(DataError::Changed { path }) => Some(MissingFile::Changed(path.into())),
            _ => None,
        };
        *self.settled_mut() = match file {
            Some(file) => Self::Missing { source, file, error },
            None => Self::Failed { source, table: None, plan: None, error },
        };
    }

    /// Says why the file that is looked at cannot be read whole; without one the message comes back.
    pub fn refuse(&mut self, error: String) -> Option<String> {
        match self.preview_mut() {
            Some(preview) => {
                preview.take(Err(error));
                None
            }
            None => Some(error),
        }
    }

    /// Takes in what has come; one thing at a time.
    pub fn receive(&mut self) -> Option<Arrived> {
        match self {
            Self::Reading { job, before, .. } => {
                let Some(outcome) = job.take() else { return before.receive() };
                let Self::Reading { source, chosen, before, .. } = std::mem::take(self) else { return None };
                *self = *before;
                let outcome = match outcome {
                    Ok(outcome) => outcome.map(Box::new).map_err(ReadError::from),
                    Err(e) => Err(e.into()),
                };
                Some(Arrived::Table { source, chosen, outcome })
            }
            Self::Preview { preview, before } => {
                let Some(outcome) = preview.job.as_mut().and_then(Job::take) else { return before.receive() };
                preview.job = None;
                match outcome {
                    // A file that cannot be opened at all cannot be read in another way either.
                    Ok(Err(e @ (DataError::NotFound(_) | DataError::Unreadable { .. }))) => {
                        self.dismiss_preview();
                        return Some(Arrived::NoPreview(e.to_string()));
                    }
                    Ok(outcome) => preview.take(outcome.map_err(|e| e.to_string())),
                    Err(e) => preview.take(Err(ReadError::from(e).to_string())),
                }
                before.receive()
            }
            Self::Preparing { job, .. } => {
                let outcome = flatten(job.take()?);
                let Self::Preparing { table, plan, purpose, .. } = std::mem::take(self) else { return None };
                Some(Arrived::Prepared { table, plan, purpose, outcome })
            }
            _ => None,
        }
    }
}

fn flatten(outcome: Result<Result<Dataset, DataError>, JobError>) -> Result<Dataset, String> {
    match outcome {
        Ok(outcome) => outcome.map_err(|e| e.to_string()),
        Err(e) => Err(format!("The data could not be prepared: {e}.")),
    }
}
