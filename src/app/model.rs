//! What the window shows and changes: the project, its data, the trainer, and messages. It draws nothing.
//!
//! The document is the truth. [`Model::sync`] runs once a frame and brings everything else after it: data are loaded,
//! prepared, the network is inferred and handed to the trainer, whenever the document asks for something new.

use super::dialogs::{Answer, Dialogs, Question};
use super::experiment;
use super::intake::{Incoming, Insight, InsightKey, Lost, Pending, Preparing};
use crate::data::{DataError, DataSource, Dataset, Loaded, Preparation, ReadOptions, Summary, Targets};
use crate::learn::Seen;
use crate::nn::{HeadTarget, Inference, LayerId, NetworkSpec, infer};
use crate::project::{Builtin, Document, Preset, Project, Suggestion, builtins, leads_outside};
use crate::train::{
    CAPACITY, Command, FullEvaluation, Pace, RunState, Snapshot, Status, StepUnit, TrainConfig, Worker, task,
};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};

/// A message at the foot of the window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub text: String,
    pub problem: bool,
}

/// The table that is open.
pub struct Opened {
    pub source: DataSource,
    pub loaded: Loaded,
    pub summaries: Vec<Summary>,
    /// How it is prepared where the document does not say.
    pub guess: Preparation,
}

/// What is done once unsaved work is dealt with.
#[derive(Clone, Debug, PartialEq)]
pub enum Intention {
    New,
    AskPreset,
    Open(PathBuf),
    Builtin(&'static str),
    Show(Box<Preset>),
    Quit,
}

/// A question to the person, over everything else.
#[derive(Clone, Debug, PartialEq)]
pub enum Modal {
    Unsaved(Intention),
    /// A preset wants to read this file outside of its folder.
    Outside(Box<Preset>, PathBuf),
}

pub(super) enum Waiting {
    Dialog(Question, Receiver<Answer>),
    Table { source: DataSource, choose: bool, receiver: Receiver<Result<Opened, DataError>>, pending: Pending },
    Save { path: PathBuf, document: Document, receiver: Receiver<RunState> },
    Written { path: PathBuf, document: Document, note: &'static str, receiver: Receiver<Result<(), String>> },
}

/// The panels at the sides of the workspaces; without them the work is shown alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Panels {
    #[default]
    Shown,
    Hidden,
}

/// Everything behind the window.
pub struct Model {
    pub project: Project,
    /// Networks that were suggested: one that stays as it was gives way when other data come.
    pub(super) suggested: Vec<Suggestion>,
    pub table: Option<Arc<Opened>>,
    pub dataset: Option<Arc<Dataset>>,
    /// Why there are no data to train on.
    pub data_error: Option<String>,
    /// What is wrong with the document's file.
    pub lost: Option<Lost>,
    /// A file that is looked at before it is taken.
    pub incoming: Option<Incoming>,
    /// How the columns of the table hang together.
    pub insight: Option<Arc<Insight>>,
    pub inference: Inference,
    pub snapshot: Arc<Snapshot>,
    /// What is told at the bottom of the window.
    pub notice: Option<Notice>,
    pub modal: Option<Modal>,
    /// An experiment that was asked for; the shell opens its window.
    pub wanted_experiment: Option<experiment::Kind>,
    pub selection: BTreeSet<LayerId>,
    /// The row of the data set whose values the neurons show.
    pub sample: usize,
    pub step_unit: StepUnit,
    pub pace: Pace,
    pub include_run: bool,
    pub recent: Vec<PathBuf>,
    pub panels: Panels,
    /// What was looked at and answered in Explain, for the task of a lesson.
    pub seen: Seen,
    /// A folder of lessons that was chosen; the Learn workspace reads it.
    pub lesson_folder: Option<PathBuf>,
    /// The window may close now.
    pub quit: bool,
    /// The dialogs of the system, or a test's.
    dialogs: Box<dyn Dialogs>,
    pub(super) wake: Arc<dyn Fn() + Send + Sync>,
    worker: Worker,
    pub(super) waiting: Vec<Waiting>,
    after_save: Option<Intention>,
    pub(super) insight_key: Option<InsightKey>,
    pub(super) insight_job: Option<Receiver<Insight>>,
    pub(super) preparing: Option<Preparing>,
    pub(super) prepared: Option<(DataSource, Option<Preparation>)>,
    pub(super) failed_source: Option<DataSource>,
    trained: Option<(NetworkSpec, Arc<Dataset>)>,
    /// Whether the trainer has it.
    loaded: bool,
    configured: Option<TrainConfig>,
    pending_run: Option<Box<RunState>>,
    generation: u64,
}

/// The file's name without its ending.
pub(super) fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(|| path.display().to_string(), |s| s.to_string_lossy().into_owned())
}

/// A document's name as that of a file.
fn file_stem(name: &str) -> String {
    let plain: String = name.chars().map(|c| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    plain.trim_matches('-').to_owned()
}

/// Files that are remembered.
const RECENT: usize = 8;

impl Model {
    /// Starts with the given document.
    pub fn new(dialogs: Box<dyn Dialogs>, wake: impl Fn() + Send + Sync + 'static) -> Self {
        let wake: Arc<dyn Fn() + Send + Sync> = Arc::new(wake);
        let for_worker = Arc::clone(&wake);
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let mut model = Self {
            project: Project::opened(Document::default(), None),
            table: None,
            dataset: None,
            data_error: None,
            lost: None,
            suggested: vec![Suggestion::default()],
            incoming: None,
            insight: None,
            insight_key: None,
            insight_job: None,
            preparing: None,
            inference: Inference::default(),
            snapshot: Arc::default(),
            notice: None,
            modal: None,
            wanted_experiment: None,
            selection: BTreeSet::new(),
            sample: 0,
            step_unit: StepUnit::default(),
            pace: Pace::Full,
            include_run: false,
            recent: Vec::new(),
            panels: Panels::default(),
            seen: Seen::default(),
            lesson_folder: None,
            quit: false,
            dialogs,
            worker: Worker::start(threads, move || for_worker()),
            wake,
            waiting: Vec::new(),
            after_save: None,
            prepared: None,
            failed_source: None,
            trained: None,
            loaded: false,
            configured: None,
            pending_run: None,
            generation: 0,
        };
        model.sync();
        model
    }

    pub fn document(&self) -> &Document {
        self.project.document()
    }

    /// Whether the work is shown alone.
    pub fn is_bare(&self) -> bool {
        self.panels == Panels::Hidden
    }

    /// How a table is prepared: as the document says, or as is guessed.
    pub fn plan<'a>(&'a self, opened: &'a Opened) -> &'a Preparation {
        self.document().data.preparation.as_ref().unwrap_or(&opened.guess)
    }

    /// One undoable change.
    pub fn edit(&mut self, label: &'static str, key: Option<u64>, change: impl FnOnce(&mut Document)) {
        self.project.edit(label, key, change);
    }

    pub fn notice(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice { text: text.into(), problem: false });
    }

    pub(super) fn dismiss_good_news(&mut self) {
        self.notice = self.notice.take().filter(|n| n.problem);
    }

    /// Says something more.
    pub(super) fn notice_too(&mut self, text: &str) {
        let before = self.notice.take().filter(|n| !n.problem);
        self.notice(before.map_or_else(|| text.to_owned(), |n| format!("{} {text}", n.text)));
    }

    pub fn problem(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice { text: text.into(), problem: true });
    }

    /// Sends a command to the trainer.
    pub fn train(&mut self, command: Command) {
        self.worker.send(command);
    }

    /// Whether there is a network that can be trained.
    pub fn trainable(&self) -> bool {
        self.dataset.is_some() && self.inference.fits() && !matches!(self.snapshot.status, Status::Empty)
    }

    /// Play or pause.
    pub fn toggle_play(&mut self) {
        if self.snapshot.is_running() {
            self.train(Command::Pause);
        } else if self.trainable() {
            self.train(Command::Play);
        }
    }

    /// Initial parameters from another seed, and from the beginning.
    pub fn new_seed(&mut self) {
        self.edit("New seed", None, |d| d.training.seed = d.training.seed % 9_999 + 1);
        self.configure();
        self.train(Command::Rewind);
    }

    /// Brings data, inference and trainer after the document, and takes in what has arrived.
    pub fn sync(&mut self) {
        self.receive();
        self.sync_data();
        self.sync_network();
        self.configure();
        self.snapshot = self.worker.snapshot();
    }

    /// Whether the picture belongs to the network and the data on screen.
    pub fn is_current(&self) -> bool {
        self.snapshot.generation == self.generation
    }

    /// The classes that an output tells apart; none for numbers.
    pub fn class_names(&self, output: LayerId) -> Vec<String> {
        let judged = self.inference.outputs.iter().find(|o| o.layer == output);
        let Some(HeadTarget::Group { group, .. }) = judged.map(|o| &o.target) else { return Vec::new() };
        match self.dataset.as_ref().and_then(|d| d.targets.get(*group)) {
            Some(Targets::Classes { names, .. }) => names.clone(),
            _ => Vec::new(),
        }
    }

    /// How the test rows are judged by the first output, if the picture belongs to what is on screen.
    pub fn test(&self) -> Option<&FullEvaluation> {
        self.snapshot.test.heads.first().filter(|_| self.is_current())
    }

    /// Whether something is under way that will change the screen.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty() || !self.is_current() || self.is_preparing()
    }

    fn sync_network(&mut self) {
        let network = mechanics(&self.document().network);
        let Some(data) = self.dataset.clone() else {
            if self.trained.take().is_some() || self.generation == 0 {
                self.unload();
            }
            self.inference = Inference::default();
            return;
        };
        let same = |(n, d): &(NetworkSpec, Arc<Dataset>)| *n == network && Arc::ptr_eq(d, &data);
        if self.trained.as_ref().is_some_and(same) {
            return;
        }
        self.inference =
            infer(&self.document().network, &task(&data), self.document().training.batch_size.max(CAPACITY));
        self.generation += 1;
        let fits = self.inference.fits() && self.document().training.problem().is_none();
        let alike =
            |(n, d): &(NetworkSpec, Arc<Dataset>)| all_learning(n) == all_learning(&network) && Arc::ptr_eq(d, &data);
        if fits && self.loaded && self.trained.as_ref().is_some_and(alike) {
            self.worker.send(Command::Relearn { generation: self.generation, spec: network.clone() });
        } else if fits {
            let Document { network, training, .. } = self.document().clone();
            self.configured = Some(training.clone());
            let run = self.pending_run.take();
            self.worker.send(Command::Load {
                generation: self.generation,
                spec: network,
                data: Arc::clone(&data),
                config: training,
                run,
            });
            self.worker.send(Command::Pace(self.pace));
        } else {
            self.worker.send(Command::Unload { generation: self.generation });
        }
        self.loaded = fits;
        self.trained = Some((network, data));
    }

    fn unload(&mut self) {
        self.loaded = false;
        self.generation += 1;
        self.worker.send(Command::Unload { generation: self.generation });
    }

    fn configure(&mut self) {
        let training = self.document().training.clone();
        if self.configured.as_ref() != Some(&training) && training.problem().is_none() {
            self.worker.send(Command::Configure(training.clone()));
            self.configured = Some(training);
        }
    }

    /// How fast playing goes.
    pub fn set_pace(&mut self, pace: Pace) {
        if self.pace != pace {
            self.pace = pace;
            self.worker.send(Command::Pace(pace));
        }
    }

    // ——— files ———

    pub fn ask(&mut self, question: Question) {
        let wake = Arc::clone(&self.wake);
        let receiver = self.dialogs.ask(&question, Box::new(move || wake()));
        self.waiting.push(Waiting::Dialog(question, receiver));
    }

    /// Does something that throws the document away, after asking about unsaved work.
    pub fn intend(&mut self, intention: Intention) {
        if self.project.is_dirty() {
            self.modal = Some(Modal::Unsaved(intention));
        } else {
            self.proceed(intention);
        }
    }

    /// Does it now.
    pub fn proceed(&mut self, intention: Intention) {
        self.modal = None;
        match intention {
            Intention::New => self.show(Preset { document: Document::default(), run: None }, None),
            Intention::AskPreset => self.ask(Question::OpenPreset),
            Intention::Open(path) => self.open_preset(&path),
            Intention::Builtin(name) => {
                if let Some(Ok(preset)) = crate::project::builtin(name).map(Builtin::preset) {
                    self.show(preset, None);
                }
            }
            Intention::Show(preset) => self.show(*preset, None),
            Intention::Quit => self.quit = true,
        }
    }

    fn open_preset(&mut self, path: &Path) {
        match Preset::open(path) {
            Ok(preset) => {
                self.remember(path);
                let folder = path.parent().unwrap_or(Path::new("")).to_owned();
                if let DataSource::File { path: data, .. } = &preset.document.data.source
                    && data.strip_prefix(&folder).map_or(true, leads_outside)
                {
                    self.modal = Some(Modal::Outside(Box::new(preset), path.to_owned()));
                } else {
                    self.show(preset, Some(path.to_owned()));
                }
            }
            Err(e) => self.problem(e.to_string()),
        }
    }

    /// Puts a preset on the screen.
    pub fn show(&mut self, preset: Preset, path: Option<PathBuf>) {
        let Preset { document, run } = preset;
        self.modal = None;
        self.include_run = run.is_some();
        self.pending_run = run.map(Box::new);
        self.project = Project::opened(document, path);
        self.selection.clear();
        self.notice = None;
        self.sample = 0;
        self.failed_source = None;
        self.lost = None;
        self.incoming = None;
        self.trained = None;
        self.sync();
    }

    /// Saves to the file the document came from, or asks for one.
    pub fn save(&mut self) {
        match self.project.path.clone() {
            Some(path) => self.save_to(path),
            None => self.save_as(),
        }
    }

    pub fn save_as(&mut self) {
        self.ask(Question::SavePreset { suggestion: format!("{}.json", file_stem(&self.document().name)) });
    }

    /// Saves, and goes on with `intention` when that has worked.
    pub fn save_then(&mut self, intention: Intention) {
        self.modal = None;
        self.after_save = Some(intention);
        self.save();
    }

    fn save_to(&mut self, path: PathBuf) {
        // A built-in preset is no longer what it was called once it is a file of its own.
        let (chosen, name) = (stem(&path), &self.document().name);
        let inherited = builtins().iter().any(|b| b.preset().is_ok_and(|p| p.document.name == *name));
        if inherited && chosen != file_stem(name) {
            self.project.edit("Rename", None, |d| d.name = chosen);
        }
        let document = self.document().clone();
        if self.include_run && self.trainable() {
            let (sender, receiver) = channel();
            self.worker.send(Command::Save(sender));
            self.waiting.push(Waiting::Save { path, document, receiver });
        } else {
            self.write(path, document, None, "");
        }
    }

    fn write(&mut self, path: PathBuf, document: Document, run: Option<RunState>, note: &'static str) {
        let (sender, receiver) = channel();
        let preset = Preset { document: document.clone(), run };
        let (wake, target) = (Arc::clone(&self.wake), path.clone());
        let work = move || {
            // The window may have closed meanwhile; the file is written all the same.
            sender.send(preset.save(&target).map_err(|e| e.to_string())).ok();
            wake();
        };
        // Without a thread the channel closes at once, which is told as a failure.
        std::thread::Builder::new().name("writer".to_owned()).spawn(work).ok();
        self.waiting.push(Waiting::Written { path, document, note, receiver });
    }

    pub(super) fn remember(&mut self, path: &Path) {
        self.recent.retain(|p| p != path);
        self.recent.insert(0, path.to_owned());
        self.recent.truncate(RECENT);
    }

    /// Takes in every answer that has come.
    fn receive(&mut self) {
        for waiting in std::mem::take(&mut self.waiting) {
            match waiting {
                Waiting::Dialog(question, receiver) => match receiver.try_recv() {
                    Ok(answer) => self.answered(&question, answer),
                    Err(TryRecvError::Empty) => self.waiting.push(Waiting::Dialog(question, receiver)),
                    Err(TryRecvError::Disconnected) => self.answered(&question, Answer::Unavailable),
                },
                Waiting::Table { source, choose, receiver, pending } => match receiver.try_recv() {
                    Ok(opened) => self.take_table(&source, choose, opened),
                    Err(TryRecvError::Empty) => {
                        self.waiting.push(Waiting::Table { source, choose, receiver, pending });
                    }
                    Err(TryRecvError::Disconnected) => self.problem("The file could not be read: the reader failed."),
                },
                Waiting::Save { path, document, receiver } => match receiver.try_recv() {
                    Ok(run) => self.write(path, document, Some(run), ""),
                    Err(TryRecvError::Empty) => self.waiting.push(Waiting::Save { path, document, receiver }),
                    Err(TryRecvError::Disconnected) => {
                        self.write(path, document, None, " without the run, because there is none");
                    }
                },
                Waiting::Written { path, document, note, receiver } => match receiver.try_recv() {
                    Ok(Ok(())) => self.written(document, path, note),
                    Ok(Err(e)) => {
                        self.after_save = None;
                        self.problem(e);
                    }
                    Err(TryRecvError::Empty) => {
                        self.waiting.push(Waiting::Written { path, document, note, receiver });
                    }
                    Err(TryRecvError::Disconnected) => {
                        self.problem("The file could not be written: the writer failed.");
                    }
                },
            }
        }
    }

    fn written(&mut self, document: Document, path: PathBuf, note: &str) {
        self.remember(&path);
        self.notice(format!("Saved to {}{note}", path.display()));
        self.project.mark_saved(document, path);
        if let Some(intention) = self.after_save.take() {
            self.intend(intention);
        }
    }

    fn answered(&mut self, question: &Question, answer: Answer) {
        match (question, answer) {
            (Question::OpenData | Question::OpenFolder, Answer::Chosen(path)) => {
                self.look_at(path, ReadOptions::default());
            }
            (Question::FindData, Answer::Chosen(path)) => self.found_at(path),
            (Question::OpenPreset, Answer::Chosen(path)) => self.open_preset(&path),
            (Question::SavePreset { .. }, Answer::Chosen(path)) => self.save_to(path),
            (Question::OpenLessons, Answer::Chosen(path)) => self.lesson_folder = Some(path),
            (Question::SaveFile { bytes, .. }, Answer::Chosen(path)) => match std::fs::write(&path, bytes) {
                Ok(()) => self.notice(format!("Saved to {}", path.display())),
                Err(e) => self.problem(format!("{} cannot be written: {e}", path.display())),
            },
            (_, Answer::Cancelled) => self.after_save = None,
            (_, Answer::Unavailable) => {
                self.after_save = None;
                self.problem(
                    "No file dialog could be opened. Install a desktop portal or zenity, or drop a file onto the window.",
                );
            }
        }
    }

    /// Shows a built-in preset that nobody asked for: its network gives way to other data like a suggested one.
    pub fn welcome(&mut self, name: &'static str) {
        self.proceed(Intention::Builtin(name));
        let Document { network, training, .. } = self.document().clone();
        self.remember_suggestion(Suggestion { network, training, ..Suggestion::default() });
    }

    pub(super) fn remember_suggestion(&mut self, new: Suggestion) {
        if !self.suggested.contains(&new) {
            self.suggested.push(new);
        }
    }

    /// A network from scratch that fits the data.
    pub fn reset_network(&mut self) {
        if let Some(data) = self.dataset.clone() {
            let new = Suggestion::of(&data);
            self.edit("New network", None, |d| (d.network, d.training) = (new.network.clone(), new.training.clone()));
            self.selection.clear();
            self.remember_suggestion(new);
        }
    }
}

/// The network with every layer learning alike.
fn all_learning(spec: &NetworkSpec) -> NetworkSpec {
    let mut spec = spec.clone();
    for layer in &mut spec.layers {
        (layer.frozen, layer.rate) = (false, 1.0);
    }
    spec
}

/// The part of a network that training depends on: neither names nor places.
fn mechanics(spec: &NetworkSpec) -> NetworkSpec {
    let mut spec = spec.clone();
    for layer in &mut spec.layers {
        layer.name.clear();
        layer.position = None;
    }
    spec
}
