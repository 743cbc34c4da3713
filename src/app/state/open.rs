//! The open document and everything that belongs to it alone: another document replaces it whole.

use super::files::{RunMark, stem};
use super::insight::Insights;
use super::jobs::{Jobs, guarded};
use super::loading::{Arrived, Change, Loading, Needed, Opened, Purpose, ReadError};
use super::notices::Notices;
use super::view::Focus;
use crate::data::{DataError, DataSource, Dataset, Note, Preparation, ReadOptions, Reading};
use crate::nn::Inference;
use crate::project::{DataSection, Document, Project, Suggestion, WATCHED, adapt};
use crate::train::{Resume, RunState, TrainConfig, task};
use std::path::PathBuf;
use std::sync::Arc;

/// The document and what was made of it.
#[derive(Default)]
pub struct OpenDocument {
    pub project: Project,
    pub loading: Loading,
    pub insights: Insights,
    pub inference: Inference,
    pub focus: Focus,
    /// A run that comes with the document, or back with it, and waits for its network.
    pub run: Option<Resume>,
    /// Which run its file holds.
    pub saved_run: SavedRun,
    /// The number that whoever asked for the document gave it.
    pub number: Option<u64>,
    /// Whether data have come that the trainer has not seen.
    pub data_changed: bool,
}

/// Which run a document's file holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SavedRun {
    #[default]
    None,
    /// The one with which it was opened.
    Opened,
    At(RunMark),
}

impl SavedRun {
    /// Whether the file holds the run as it stands there.
    pub fn holds(self, run: RunMark) -> bool {
        match self {
            Self::None => false,
            Self::Opened => true,
            Self::At(mark) => mark == run,
        }
    }
}

/// What the window knows beside the document.
pub struct Surroundings<'a> {
    pub jobs: &'a Jobs,
    pub notices: &'a mut Notices,
    pub suggestions: &'a mut Suggestions,
}

/// Networks that were suggested: one that stays as it was gives way when other data come.
pub struct Suggestions(Vec<Suggestion>);

impl Default for Suggestions {
    fn default() -> Self {
        Self(vec![Suggestion::default()])
    }
}

impl Suggestions {
    pub fn remember(&mut self, new: Suggestion) {
        if !self.0.contains(&new) {
            self.0.push(new);
        }
    }
}

/// Whether the data lie in the plane and are made here, so that training is watched.
fn is_plane(source: &DataSource) -> bool {
    matches!(source, DataSource::Generator(_) | DataSource::Drawing(_))
}

/// What the notes about a file are called where they are listed.
pub const HOW_READ: &str = "How the file was read";

/// The first note about a file, and where the others are.
fn briefly(notes: &[Note]) -> Option<String> {
    let (first, others) = notes.split_first()?;
    Some(match others.len() {
        0 => first.text.clone(),
        1 => format!("{} Data has 1 more note, in \"{HOW_READ}\".", first.text),
        more => format!("{} Data has {more} more notes, in \"{HOW_READ}\".", first.text),
    })
}

impl OpenDocument {
    pub fn new(project: Project, run: Option<RunState>, number: Option<u64>) -> Self {
        let saved_run = if run.is_some() { SavedRun::Opened } else { SavedRun::None };
        let run = run.map(|run| Resume::Saved(Box::new(run)));
        Self { project, run, saved_run, number, ..Self::default() }
    }

    pub fn document(&self) -> &Document {
        self.project.document()
    }

    /// How a table is prepared: as the document says, or as is guessed.
    pub fn plan<'a>(&'a self, opened: &'a Opened) -> &'a Preparation {
        self.document().data.preparation.as_ref().unwrap_or(&opened.guess)
    }

    /// Opens a data source; the document changes only when it could be read.
    pub fn choose_source(&mut self, source: DataSource, around: &mut Surroundings<'_>) {
        self.read(source, true, around);
    }

    /// Reads a source: a file in the background, anything else at once.
    fn read(&mut self, source: DataSource, chosen: bool, around: &mut Surroundings<'_>) {
        if matches!(source, DataSource::File { .. }) {
            self.loading.read(source, chosen, around.jobs);
            return;
        }
        if chosen {
            // A file that was chosen before does not come after it.
            self.loading.dismiss_preview();
        }
        let outcome = match guarded(|| Opened::read(source.clone(), &Reading::default())) {
            Ok(outcome) => outcome.map(Box::new).map_err(ReadError::from),
            Err(e) => Err(e.into()),
        };
        // A source that is no file has no place to remember.
        self.take_table(source, chosen, outcome, around);
    }

    /// Takes the document's file as it is now, though it has changed.
    pub fn take_changed(&mut self, around: &mut Surroundings<'_>) {
        let DataSource::File { path, options, .. } = self.document().data.source.clone() else { return };
        self.choose_source(DataSource::File { path, sha256: String::new(), options }, around);
    }

    /// The document's file is here, if its contents are the same.
    pub fn found_at(&mut self, path: PathBuf, around: &mut Surroundings<'_>) {
        let DataSource::File { sha256, options, .. } = self.document().data.source.clone() else { return };
        self.choose_source(DataSource::File { path, sha256, options }, around);
    }

    /// Looks at a file; where it is the document's own, to predict the same.
    pub fn look_at(&mut self, path: PathBuf, options: ReadOptions, jobs: &Jobs) {
        let DataSection { source, preparation } = &self.document().data;
        let own = matches!(source, DataSource::File { path: own, .. } if *own == path);
        let asked = preparation.as_ref().filter(|_| own).map(Preparation::choices).unwrap_or_default();
        self.loading.look_at(path, options, asked, jobs);
    }

    /// Reads the whole file that is looked at, and makes it the document's data.
    pub fn take_preview(&mut self, around: &mut Surroundings<'_>) {
        let Some(preview) = self.loading.preview() else { return };
        let (path, options) = (preview.path.clone(), preview.options.clone());
        self.choose_source(DataSource::File { path, sha256: String::new(), options }, around);
    }

    /// Takes in what has come; returns a file to remember.
    pub fn receive(&mut self, around: &mut Surroundings<'_>) -> Option<PathBuf> {
        let mut remember = None;
        while let Some(arrived) = self.loading.receive() {
            match arrived {
                Arrived::Table { source, chosen, outcome } => {
                    remember = self.take_table(source, chosen, outcome, around).or(remember);
                }
                Arrived::Prepared { table, plan, purpose, outcome } => {
                    self.take_prepared(table, plan, purpose, outcome, around);
                }
                Arrived::NoPreview(error) => around.notices.problem(error),
            }
        }
        if self.insights.receive() {
            // The roles may have changed meanwhile.
            self.look_into(around.jobs);
        }
        remember
    }

    fn take_table(
        &mut self,
        source: DataSource,
        chosen: bool,
        outcome: Result<Box<Opened>, ReadError>,
        around: &mut Surroundings<'_>,
    ) -> Option<PathBuf> {
        let mut opened = match outcome {
            Ok(opened) => opened,
            Err(ReadError::Data(DataError::Cancelled)) if chosen => return None,
            Err(e) if chosen => {
                if let Some(error) = self.loading.refuse(e.to_string()) {
                    around.notices.problem(error);
                }
                return None;
            }
            Err(e) => {
                self.loading.failed(source, &e);
                self.data_changed = true;
                return None;
            }
        };
        let mut remember = None;
        if chosen {
            let Opened { loaded, source, .. } = &mut *opened;
            loaded.keep_reading(source);
        }
        if let DataSource::File { sha256, path, .. } = &mut opened.source {
            if chosen {
                sha256.clone_from(&opened.loaded.sha256);
            }
            remember = Some(path.clone());
        }
        around.notices.dismiss_good_news();
        if let Some(text) = opened.loaded.detected.as_ref().and_then(|d| briefly(&d.notes)) {
            around.notices.add(&text);
        }
        let opened = Arc::<Opened>::from(opened);
        if chosen {
            self.loading = Loading::Nothing;
            self.adopt(opened, around);
        } else {
            let plan = self.document().data.preparation.clone();
            self.prepare(opened, plan, Purpose::Document, around);
        }
        remember
    }

    /// Makes the table the document's data, and fits the network's ends to it.
    fn adopt(&mut self, opened: Arc<Opened>, around: &mut Surroundings<'_>) {
        let source = opened.source.clone();
        let old = self.document().data.clone();
        // Another draw of the same generator keeps its roles.
        let names = |p: &Preparation| p.columns.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
        let kept = old.preparation.filter(|p| names(p) == names(&opened.guess));
        let plan = match kept {
            None => opened.guess.clone(),
            Some(mut plan) => {
                if !opened.asked.is_empty() {
                    plan.predict(&opened.loaded.table, &opened.asked);
                }
                plan
            }
        };
        // The name of the document described the old data.
        let renamed = (old.source.label() != source.label()).then(|| match &source {
            DataSource::File { path, .. } => stem(path),
            other => other.label(),
        });
        let key = match (&old.source, &source) {
            (DataSource::Generator(_), DataSource::Generator(_)) => Some(0),
            (DataSource::Drawing(_), DataSource::Drawing(_)) => Some(1),
            _ => None,
        };
        let watched = (is_plane(&old.source) != is_plane(&source)).then(|| is_plane(&source).then_some(WATCHED));
        self.project.edit("Choose data", key, |d| {
            if let Some(pace) = watched {
                d.pace = pace;
            }
            if let Some(name) = renamed {
                d.name = name;
                d.description.clear();
            }
            d.data = DataSection { source: source.clone(), preparation: Some(plan.clone()) };
        });
        // A message would move the canvas under the mouse.
        let tell = !matches!(source, DataSource::Drawing(_));
        let change = match (&old.source, &source) {
            (DataSource::Generator(old), DataSource::Generator(new)) if old.shape == new.shape => Change::Redrawn,
            _ if tell => Change::Other,
            _ => Change::Edited,
        };
        self.prepare(opened, Some(plan), Purpose::Edit { change, tell }, around);
    }

    /// Changes the preparation of the open table.
    pub fn edit_preparation(
        &mut self,
        label: &'static str,
        key: Option<u64>,
        plan: Preparation,
        around: &mut Surroundings<'_>,
    ) {
        let Some(table) = self.loading.table().cloned() else { return };
        around.notices.dismiss_good_news();
        self.project.edit(label, key, |d| d.data.preparation = Some(plan.clone()));
        self.prepare(table, Some(plan), Purpose::Edit { change: Change::Edited, tell: false }, around);
    }

    fn prepare(
        &mut self,
        table: Arc<Opened>,
        plan: Option<Preparation>,
        purpose: Purpose,
        around: &mut Surroundings<'_>,
    ) {
        self.data_changed = true;
        if let Some(Arrived::Prepared { table, plan, purpose, outcome }) =
            self.loading.prepare(table, plan, purpose, around.jobs)
        {
            self.take_prepared(table, plan, purpose, outcome, around);
        }
    }

    fn take_prepared(
        &mut self,
        table: Arc<Opened>,
        plan: Option<Preparation>,
        purpose: Purpose,
        outcome: Result<Dataset, String>,
        around: &mut Surroundings<'_>,
    ) {
        if let Ok(data) = &outcome {
            self.focus.sample = self.focus.sample.min(data.rows().saturating_sub(1));
            if let Purpose::Edit { change, tell } = purpose {
                self.fit_network(change, tell, data, around);
            }
        }
        self.loading.prepared(table, plan, outcome.map(Arc::new));
        self.data_changed = true;
        self.look_into(around.jobs);
    }

    /// The network follows the data, in the same undoable step: one that was suggested and is as it was gives way to what
    /// is suggested now, with its settings where the data are other ones; of another the ends are fitted.
    fn fit_network(&mut self, change: Change, tell: bool, data: &Dataset, around: &mut Surroundings<'_>) {
        let Document { network, training, .. } = self.project.document();
        let other = change == Change::Other;
        let suggested = around.suggestions.0.iter().find(|s| s.network == *network);
        if let Some(old) = suggested.filter(|_| change != Change::Redrawn) {
            let new = self.suggestion(data);
            if new.network == *network {
                return;
            }
            let untouched = *training == old.training;
            let (follows, other_form) = (untouched || other, new.form != old.form);
            // The seed is nobody's property.
            let seed = training.seed;
            self.project.amend(|d| {
                d.network = new.network.clone();
                if follows {
                    d.training = TrainConfig { seed, ..new.training.clone() };
                }
            });
            if tell || other_form {
                let (suits, why) = (new.form.network(), new.form.reason());
                let settings = if untouched || !follows { "" } else { ", with its own training settings" };
                around.notices.add(&format!(
                    "{suits} that suits these data took the place of the untouched one{settings}.{why} Undo takes both back."
                ));
            }
            around.suggestions.remember(new);
            return;
        }
        let endless = other && training.epochs.is_none() && !is_plane(&self.project.document().data.source);
        let mut network = network.clone();
        let changes = adapt(&mut network, &task(data), training.batch_size);
        if endless {
            // Toy data are watched for as long as somebody likes; others train at full speed, to an end.
            self.project.amend(|d| d.training.epochs = TrainConfig::default().epochs);
        }
        if changes.is_empty() {
            return;
        }
        self.project.amend(|d| d.network = network);
        if tell {
            let changes = changes.join(". ");
            around.notices.add(&format!("The network was fitted to the data. {changes}. Undo takes both back."));
        }
    }

    fn suggestion(&self, data: &Dataset) -> Suggestion {
        let plane = is_plane(&self.document().data.source);
        if plane { Suggestion::to_watch(data) } else { Suggestion::of(data) }
    }

    /// A network from scratch that fits the data.
    pub fn reset_network(&mut self, around: &mut Surroundings<'_>) {
        let Some(data) = self.loading.dataset() else { return };
        let new = self.suggestion(data);
        self.project
            .edit("New network", None, |d| (d.network, d.training) = (new.network.clone(), new.training.clone()));
        self.focus.selection.clear();
        around.suggestions.remember(new);
    }

    /// Brings table and data set after the document.
    pub fn follow(&mut self, around: &mut Surroundings<'_>) {
        match self.loading.needed(&self.project.document().data) {
            Needed::Nothing => {}
            Needed::Table => self.read(self.document().data.source.clone(), false, around),
            Needed::Preparation(table) => {
                let plan = self.document().data.preparation.clone();
                self.prepare(table, plan, Purpose::Document, around);
            }
        }
    }

    fn look_into(&mut self, jobs: &Jobs) {
        let Some(table) = self.loading.table() else { return };
        let plan = self.project.document().data.preparation.as_ref().unwrap_or(&table.guess);
        self.insights.look_into(table, plan, jobs);
    }
}
