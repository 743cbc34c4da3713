//! How data come in: a file is looked at, taken, read in the background, and prepared; the document changes only when all
//! of it has worked.

use super::dialogs::Question;
use super::model::{Model, Opened, Waiting, stem};
use crate::data::{
    DataError, DataSource, DataWarning, Dataset, Detected, Loaded, Preparation, ReadOptions, Reading, ReadingProgress,
    Relations, Role, prepare, relate, summarise, warnings,
};
use crate::explain::Fix;
use crate::project::{DataSection, Document, Suggestion, adapt};
use crate::train::task;
use rayon::prelude::{IntoParallelRefIterator as _, ParallelIterator as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::Instant;

/// Rows of a file that are shown before it is taken.
const GLANCE: usize = 200;
/// Tables of more cells are prepared off the screen's thread.
const SMALL: usize = 400_000;

/// A file that was chosen and is looked at before it is taken.
pub struct Incoming {
    pub path: PathBuf,
    pub options: ReadOptions,
    /// Its first rows, or why they cannot be read.
    pub glance: Option<Result<Loaded, String>>,
    receiver: Option<Receiver<Result<Loaded, DataError>>>,
    /// The whole file is being read.
    pub reading: Option<Pending>,
}

impl Incoming {
    /// What was found out about the file.
    pub fn detected(&self) -> Option<&Detected> {
        self.glance.as_ref()?.as_ref().ok()?.detected.as_ref()
    }
}

/// A reading under way.
#[derive(Clone)]
pub struct Pending {
    pub progress: Arc<ReadingProgress>,
    pub begun: Instant,
}

impl Pending {
    fn new() -> Self {
        Self { progress: Arc::default(), begun: Instant::now() }
    }
}

/// What is wrong with the document's file, and what can be done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// It is not where it was.
    Gone(PathBuf),
    /// It has other contents than when the preset was saved.
    Changed(PathBuf),
}

/// What is known of a table beside its columns, for the roles that it has now.
#[derive(Default)]
pub struct Insight {
    pub relations: Relations,
    pub findings: Vec<DataWarning>,
}

/// What an insight was asked for.
#[derive(Clone, PartialEq)]
pub(super) struct InsightKey {
    table: usize,
    features: Vec<String>,
    target: Option<String>,
}

/// Why a table is prepared.
#[derive(Clone)]
pub(super) enum Purpose {
    /// The document asks for it.
    Document,
    /// A person changed the preparation; the document follows when it has worked or not.
    Edit { tell: bool },
}

/// A preparation under way.
pub(super) struct Preparing {
    purpose: Purpose,
    source: DataSource,
    /// As the document has it, or will have it.
    plan: Option<Preparation>,
    receiver: Receiver<Result<Dataset, DataError>>,
}

impl Model {
    /// Looks at a file; it is taken when the person says so.
    pub fn look_at(&mut self, path: PathBuf, options: ReadOptions) {
        let source = DataSource::File { path: path.clone(), sha256: String::new(), options: options.clone() };
        let receiver = self.job("glance", move || source.load_as(&Reading::preview(Arc::default(), GLANCE)));
        // What was seen of the same file stays until the new look has come.
        let glance = self.incoming.take().filter(|i| i.path == path).and_then(|i| i.glance);
        self.incoming = Some(Incoming { path, options, glance, receiver: Some(receiver), reading: None });
    }

    /// Reads the whole file that is looked at, and makes it the document's data.
    pub fn take_incoming(&mut self) {
        let Some(incoming) = &self.incoming else { return };
        let (path, options) = (incoming.path.clone(), incoming.options.clone());
        self.choose_source(DataSource::File { path, sha256: String::new(), options });
    }

    /// Puts the file that is looked at away.
    pub fn dismiss_incoming(&mut self) {
        if let Some(pending) = self.incoming.take().and_then(|i| i.reading) {
            pending.progress.cancel();
        }
    }

    /// Calls off the reading under way.
    pub fn cancel_reading(&mut self) {
        for waiting in &self.waiting {
            if let Waiting::Table { pending, .. } = waiting {
                pending.progress.cancel();
            }
        }
        if let Some(incoming) = &mut self.incoming {
            incoming.reading = None;
        }
    }

    /// How far the reading of the document's file is.
    pub fn reading(&self) -> Option<&Pending> {
        self.waiting.iter().find_map(|w| match w {
            Waiting::Table { pending, .. } => Some(pending),
            _ => None,
        })
    }

    /// Opens a data source; the document changes only when it could be read.
    pub fn choose_source(&mut self, source: DataSource) {
        self.load(source, true);
    }

    pub(super) fn load(&mut self, source: DataSource, choose: bool) {
        let read = |source: DataSource, reading: &Reading| -> Result<Opened, DataError> {
            let loaded = source.load_as(reading)?;
            let summaries = loaded.table.columns.par_iter().map(summarise).collect();
            let guess = Preparation::guess(&loaded.table);
            Ok(Opened { source, loaded, summaries, guess })
        };
        if let DataSource::File { path, .. } = &source {
            let pending = Pending::new();
            if let Some(incoming) = self.incoming.as_mut().filter(|i| i.path == *path && choose) {
                incoming.reading = Some(pending.clone());
            }
            let (wanted, progress) = (source.clone(), Arc::clone(&pending.progress));
            let receiver = self.job("reader", move || read(wanted, &Reading::new(progress)));
            self.cancel_others();
            self.waiting.push(Waiting::Table { source, choose, receiver, pending });
        } else {
            let opened = read(source.clone(), &Reading::default());
            self.take_table(&source, choose, opened);
        }
    }

    /// A newer file takes the place of one that is still being read.
    fn cancel_others(&mut self) {
        self.waiting.retain(|w| match w {
            Waiting::Table { pending, .. } => {
                pending.progress.cancel();
                false
            }
            _ => true,
        });
    }

    pub(super) fn take_table(&mut self, source: &DataSource, choose: bool, opened: Result<Opened, DataError>) {
        match opened {
            Ok(mut opened) => {
                self.incoming = None;
                if let DataSource::File { sha256, path, .. } = &mut opened.source {
                    if choose {
                        sha256.clone_from(&opened.loaded.sha256);
                    }
                    let path = path.clone();
                    self.remember(&path);
                }
                self.dismiss_good_news();
                for note in opened.loaded.detected.iter().flat_map(|d| &d.notes) {
                    self.notice_too(note);
                }
                let opened = Arc::new(opened);
                self.table = Some(Arc::clone(&opened));
                self.failed_source = None;
                self.lost = None;
                if choose {
                    self.adopt(&opened);
                }
            }
            Err(DataError::Cancelled) if choose => {}
            Err(e) if choose => {
                if let Some(incoming) = &mut self.incoming {
                    incoming.reading = None;
                    incoming.glance = Some(Err(e.to_string()));
                } else {
                    self.problem(e.to_string());
                }
            }
            Err(e) => {
                self.lost = match &e {
                    DataError::NotFound(path) => Some(Lost::Gone(path.clone())),
                    DataError::Changed { path } => Some(Lost::Changed(path.into())),
                    _ => None,
                };
                self.failed_source = Some(source.clone());
                self.prepared = None;
                self.dataset = None;
                self.table = None;
                self.data_error = Some(e.to_string());
            }
        }
    }

    /// Takes the document's file as it is now, though it has changed.
    pub fn take_changed(&mut self) {
        let DataSource::File { path, options, .. } = self.document().data.source.clone() else { return };
        self.choose_source(DataSource::File { path, sha256: String::new(), options });
    }

    /// Asks for the place where the document's file is now.
    pub fn find_file(&mut self) {
        self.ask(Question::FindData);
    }

    /// The document's file is here, if its contents are the same.
    pub(super) fn found_at(&mut self, path: PathBuf) {
        let DataSource::File { sha256, options, .. } = self.document().data.source.clone() else { return };
        let source = DataSource::File { path, sha256, options };
        self.choose_source(source);
    }

    /// Makes the table the document's data, and fits the network's ends to it.
    fn adopt(&mut self, opened: &Opened) {
        let source = opened.source.clone();
        let old = self.document().data.clone();
        // Another draw of the same generator keeps its roles.
        let names = |p: &Preparation| p.columns.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
        let kept = old.preparation.filter(|p| names(p) == names(&opened.guess));
        let plan = kept.unwrap_or_else(|| opened.guess.clone());
        // What the document was called told of the old data.
        let renamed = (old.source.label() != source.label()).then(|| match &source {
            DataSource::File { path, .. } => stem(path),
            other => other.label(),
        });
        let key = match (&old.source, &source) {
            (DataSource::Generator(_), DataSource::Generator(_)) => Some(0),
            (DataSource::Drawing(_), DataSource::Drawing(_)) => Some(1),
            _ => None,
        };
        self.project.edit("Choose data", key, |d| {
            if let Some(name) = renamed {
                d.name = name;
                d.description.clear();
            }
            d.data = DataSection { source: source.clone(), preparation: Some(plan.clone()) };
        });
        // A message would move the canvas under the mouse.
        let tell = !matches!(source, DataSource::Drawing(_));
        self.start_preparing(Purpose::Edit { tell }, Some(plan));
    }

    /// Makes the change of a quick fix.
    pub fn apply_fix(&mut self, fix: &Fix) {
        let guess = self.table.clone().map(|table| self.plan(&table).clone());
        let mut fixed = self.document().clone();
        fixed.apply(fix, || guess.unwrap_or_default());
        match (fix, fixed.data.preparation.clone()) {
            // The data are prepared anew.
            (Fix::Preparation(_), Some(plan)) => self.edit_preparation("Fix", None, |own| *own = plan),
            _ => self.edit("Fix", None, |d| *d = fixed),
        }
    }

    /// Edits the preparation; the guess becomes the document's own first.
    pub fn edit_preparation(&mut self, label: &'static str, key: Option<u64>, change: impl FnOnce(&mut Preparation)) {
        let Some(table) = self.table.clone() else { return };
        let mut plan = self.plan(&table).clone();
        change(&mut plan);
        self.dismiss_good_news();
        self.project.edit(label, key, |d| d.data.preparation = Some(plan.clone()));
        self.start_preparing(Purpose::Edit { tell: false }, Some(plan));
    }

    /// Prepares the table, at once or in the background.
    fn start_preparing(&mut self, purpose: Purpose, plan: Option<Preparation>) {
        let Some(table) = self.table.clone() else { return };
        let source = self.document().data.source.clone();
        let cells: usize = table.loaded.table.bytes();
        let own = plan.clone();
        let work = move || prepare(&table.loaded.table, own.as_ref().unwrap_or(&table.guess));
        if cells <= SMALL {
            let outcome = work();
            self.preparing = None;
            self.take_prepared(&purpose, source, plan, outcome);
        } else {
            // What was prepared before is not what the table and the document show now.
            self.dataset = None;
            let receiver = self.job("preparation", work);
            self.preparing = Some(Preparing { purpose, source, plan, receiver });
        }
    }

    /// Whether data are being prepared.
    pub fn is_preparing(&self) -> bool {
        self.preparing.is_some()
    }

    fn take_prepared(
        &mut self,
        purpose: &Purpose,
        source: DataSource,
        plan: Option<Preparation>,
        outcome: Result<Dataset, DataError>,
    ) {
        match outcome {
            Ok(data) => {
                self.sample = self.sample.min(data.rows().saturating_sub(1));
                if let Purpose::Edit { tell } = purpose {
                    self.fit_network(*tell, &data);
                }
                self.dataset = Some(Arc::new(data));
                self.data_error = None;
            }
            Err(e) => {
                self.dataset = None;
                self.data_error = Some(e.to_string());
            }
        }
        self.prepared = Some((source, plan));
        self.look_into();
    }

    /// The network follows the data, in the same undoable step: one that was suggested and is as it was gives way to what
    /// is suggested now; of another the ends are fitted.
    fn fit_network(&mut self, tell: bool, data: &Dataset) {
        let Document { network, training, .. } = self.document();
        if let Some(old) = self.suggested.iter().find(|s| s.network == *network).cloned() {
            let new = Suggestion::of(data);
            if new.network == *network {
                return;
            }
            let follows = *training == old.training;
            self.project.amend(|d| {
                d.network = new.network.clone();
                if follows {
                    d.training = new.training.clone();
                }
            });
            if tell || new.form != old.form {
                let suits = new.form.network();
                self.notice_too(&format!(
                    "{suits} that suits these data took the place of the untouched one. Undo takes both back."
                ));
            }
            self.remember_suggestion(new);
            return;
        }
        let mut network = network.clone();
        let changes = adapt(&mut network, &task(data), self.document().training.batch_size);
        if changes.is_empty() {
            return;
        }
        self.project.amend(|d| d.network = network);
        if tell {
            let changes = changes.join(". ");
            self.notice_too(&format!("The network was fitted to the data. {changes}. Undo takes both back."));
        }
    }

    /// Brings table, data set and insight after the document.
    pub(super) fn sync_data(&mut self) {
        self.receive_data();
        let DataSection { source, preparation } = &self.document().data;
        let wanted = (source.clone(), preparation.clone());
        if self.prepared.as_ref() == Some(&wanted) {
            return;
        }
        if self.table.as_ref().is_none_or(|t| t.source != wanted.0) {
            let loading = |w: &Waiting| matches!(w, Waiting::Table { source, .. } if *source == wanted.0);
            if !self.waiting.iter().any(loading) && self.failed_source.as_ref() != Some(&wanted.0) {
                self.dataset = None;
                self.load(wanted.0, false);
            }
            return;
        }
        if self.preparing.as_ref().is_some_and(|p| p.source == wanted.0 && p.plan == wanted.1) {
            return;
        }
        self.start_preparing(Purpose::Document, wanted.1);
    }

    fn receive_data(&mut self) {
        if let Some(insight) = self.insight_job.as_ref().and_then(|job| job.try_recv().ok()) {
            self.insight = Some(Arc::new(insight));
            self.insight_job = None;
            // The roles may have changed meanwhile.
            self.look_into();
        }
        if let Some(receiver) = self.incoming.as_ref().and_then(|i| i.receiver.as_ref()) {
            match receiver.try_recv() {
                Err(TryRecvError::Empty) => {}
                // There is nothing to be mended about a file that cannot be opened at all.
                Ok(Err(e @ (DataError::NotFound(_) | DataError::Unreadable { .. }))) => {
                    self.incoming = None;
                    self.problem(e.to_string());
                }
                answer => {
                    let glance = match answer {
                        Ok(outcome) => outcome.map_err(|e| e.to_string()),
                        Err(_) => Err("The file could not be read: the reader failed.".to_owned()),
                    };
                    if let Some(incoming) = &mut self.incoming {
                        incoming.glance = Some(glance);
                        incoming.receiver = None;
                    }
                }
            }
        }
        let Some(preparing) = &self.preparing else { return };
        let outcome = match preparing.receiver.try_recv() {
            Err(TryRecvError::Empty) => return,
            Ok(outcome) => Some(outcome),
            Err(TryRecvError::Disconnected) => None,
        };
        let Some(Preparing { purpose, source, plan, .. }) = self.preparing.take() else { return };
        match outcome {
            // The document has moved on.
            _ if (&source, &plan) != (&self.document().data.source, &self.document().data.preparation) => {}
            Some(outcome) => self.take_prepared(&purpose, source, plan, outcome),
            None => self.problem("The data could not be prepared: the preparation failed."),
        }
    }

    /// Asks for an insight into the table where the roles are others than at the last one.
    fn look_into(&mut self) {
        let Some(table) = self.table.clone() else { return };
        let plan = self.plan(&table);
        let of = |role| plan.columns.iter().filter(move |c| c.role == role).map(|c| c.name.clone());
        let key = InsightKey {
            table: Arc::as_ptr(&table) as usize,
            features: of(Role::Feature).collect(),
            target: of(Role::Target).next(),
        };
        if self.insight_key.as_ref() == Some(&key) || self.insight_job.is_some() {
            return;
        }
        self.insight_key = Some(key.clone());
        self.insight = None;
        let receiver = self.job("insight", move || {
            let (whole, target) = (&table.loaded.table, key.target.as_deref());
            let features: Vec<&str> = key.features.iter().map(String::as_str).collect();
            Insight { relations: relate(whole, target), findings: warnings(whole, &table.summaries, &features, target) }
        });
        self.insight_job = Some(receiver);
    }

    /// Runs something off the screen's thread; without a thread the channel closes at once, which reads as a failure.
    pub(super) fn job<A: Send + 'static>(&self, name: &str, work: impl FnOnce() -> A + Send + 'static) -> Receiver<A> {
        let (sender, receiver) = channel();
        let wake = Arc::clone(&self.wake);
        let run = move || {
            // The window may have moved on to something else.
            sender.send(work()).ok();
            wake();
        };
        std::thread::Builder::new().name(name.to_owned()).spawn(run).ok();
        receiver
    }

    /// A file that was dropped onto the window, or chosen from the recent ones.
    pub fn open_any(&mut self, path: PathBuf) {
        if is_preset(&path) {
            self.intend(super::model::Intention::Open(path));
        } else {
            self.look_at(path, ReadOptions::default());
        }
    }
}

/// Whether a file is a preset; other JSON files are data.
fn is_preset(path: &Path) -> bool {
    let json = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json"));
    json && std::fs::File::open(path).map_or(true, |file| {
        use std::io::Read as _;
        let mut head = Vec::new();
        file.take(4096).read_to_end(&mut head).ok();
        // What is neither is told better by the reader of presets.
        let text = String::from_utf8_lossy(&head);
        text.contains("chainrule-preset") || !text.trim_start().starts_with(['[', '{'])
    })
}
