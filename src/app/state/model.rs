//! What the window shows and changes: the open document, its data, the trainer, files and messages. It draws nothing.
//!
//! The document is the truth. [`Model::sync`] runs once a frame, performs what the workspaces asked for, and brings everything else
//! after the document. It compares revision numbers: in a frame in which nothing changed it copies nothing.

use super::super::dialogs::{Answer, Dialogs, Question};
use super::actions::{Action, Queue};
use super::autosave::Autosave;
use super::files::{Files, Intention, Modal, RunMark, Saved, SavedDocument, file_stem, is_preset, stem};
use super::insight::Insight;
use super::jobs::{Jobs, Wake};
use super::loading::{Loading, Opened};
use super::notices::{Notice, Notices};
use super::open::{OpenDocument, SavedRun, Suggestions, Surroundings};
use super::trainer::Trainer;
use super::view::{Panels, View};
use crate::data::{DataSource, Dataset, Preparation, ReadOptions, Targets};
use crate::format;
use crate::learn::Seen;
use crate::nn::{HeadTarget, Inference, LayerId, infer};
use crate::project::{
    About, Builtin, Document, KeptRun, Preset, Project, Suggestion, WATCHED, builtins, leads_outside,
};
use crate::train::{CAPACITY, Command, FullEvaluation, Pace, Resume, Snapshot, Status, StepUnit, task};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;

/// Everything behind the window. Workspaces read it, and queue [`Action`]s.
pub struct Model {
    open: OpenDocument,
    trainer: Trainer,
    files: Files,
    notices: Notices,
    pub(super) view: View,
    suggestions: Suggestions,
    jobs: Jobs,
    pub(super) queue: Queue,
    /// The revision of the document that data, inference and trainer are made of.
    followed: Option<u64>,
    /// Counts the documents that were put on the screen.
    opened: u64,
    /// Where the run stood at the last step that can be undone.
    stepped: Option<RunMark>,
    autosave: Autosave,
}

macro_rules! surroundings {
    ($model:expr) => {
        &mut Surroundings { jobs: &$model.jobs, notices: &mut $model.notices, suggestions: &mut $model.suggestions }
    };
}

impl Model {
    /// Starts with a new document; `wake` asks for a new frame.
    pub fn new(dialogs: Box<dyn Dialogs>, wake: impl Fn() + Send + Sync + 'static) -> Self {
        let wake: Wake = Arc::new(wake);
        let for_worker = Arc::clone(&wake);
        let mut model = Self {
            open: OpenDocument::new(Project::opened(Document::default(), None), None, None),
            trainer: Trainer::start(move || for_worker()),
            files: Files::new(dialogs),
            notices: Notices::default(),
            view: View::default(),
            suggestions: Suggestions::default(),
            jobs: Jobs::new(wake),
            queue: Queue::default(),
            followed: None,
            opened: 0,
            stepped: None,
            autosave: Autosave::default(),
        };
        model.sync();
        model
    }

    /// Performs what was asked for, takes in what has come, and brings data, inference and trainer after the document.
    pub fn sync(&mut self) {
        self.perform();
        self.jobs.poll();
        self.receive();
        self.follow();
        self.trainer.go_at(self.pace());
        self.trainer.refresh();
        if self.open.saved_run == SavedRun::Opened && self.is_current() && self.snapshot().status != Status::Empty {
            self.open.saved_run = SavedRun::At(RunMark::of(self.snapshot()));
        }
        self.autosave();
    }

    /// Keeps what is open, where it is not in a file, in the user's data folder.
    fn autosave(&mut self) {
        let problem = self.autosave.look(&self.open, self.opened, &self.trainer, &self.jobs);
        if let Some(problem) = problem {
            self.notices.problem(format!(
                "What is open cannot be kept for the case of a crash: {problem}. Save it, and free some space."
            ));
        }
    }

    /// Keeps what is open below `data` from now on, and asks about what ended programs have left there.
    pub fn keep_below(&mut self, data: &Path) {
        let problems = self.autosave.keep_below(data);
        if !problems.is_empty() {
            self.notices
                .problem(format!("What was kept for the case of a crash cannot be used: {}.", problems.join("; ")));
        }
    }

    /// What is kept for the case of a crash, and what ended programs have left.
    pub fn kept(&self) -> &Autosave {
        &self.autosave
    }

    /// Whether a question is on screen, over everything else.
    pub fn asks(&self) -> bool {
        self.modal().is_some() || self.autosave.left().is_some()
    }

    /// Opens the newest of what was left.
    fn recover(&mut self) {
        let Some((preset, About { path, dirty }, steps)) = self.autosave.take_left() else { return };
        self.show(preset, path.clone());
        self.open.project = Project::recovered(self.document().clone(), path, dirty, steps);
        self.open.saved_run = SavedRun::None;
        self.notices.tell("Recovered. Save it to keep it in a file of its own.");
    }

    /// Performs the actions in the queue; true when there were any.
    pub fn perform(&mut self) -> bool {
        let actions = self.queue.take();
        let any = !actions.is_empty();
        for action in actions {
            self.act(action);
        }
        any
    }

    fn receive(&mut self) {
        while let Some((question, answer)) = self.files.take_answer() {
            self.answered(question, answer);
        }
        while let Some(saved) = self.files.take_saved() {
            match saved {
                Saved::Run { path, document, opened, run } => {
                    self.files.write(path, (document, opened), run, &self.jobs);
                }
                Saved::Written { path, document, outcome } => self.written(path, document, outcome),
            }
        }
        if let Some(path) = self.open.receive(surroundings!(self)) {
            self.files.remember(&path);
        }
    }

    fn follow(&mut self) {
        let revision = self.open.project.revision();
        if self.followed == Some(revision) && !std::mem::take(&mut self.open.data_changed) {
            return;
        }
        self.followed = Some(revision);
        self.open.follow(surroundings!(self));
        self.open.data_changed = false;
        self.follow_network();
        self.trainer.configure(&self.open.document().training);
    }

    fn follow_network(&mut self) {
        let OpenDocument { project, loading, inference, run, .. } = &mut self.open;
        let Some(data) = loading.dataset() else {
            self.trainer.unload(project);
            *inference = Inference::default();
            return;
        };
        let Document { network, training, .. } = project.document();
        if self.trainer.has(network, data) {
            return;
        }
        *inference = infer(network, &task(data), training.demand(training.batch_size.max(CAPACITY)));
        let fits = inference.fits() && training.problem().is_none();
        self.trainer.load(project, data, fits, run);
    }

    // ——— what there is ———

    pub fn document(&self) -> &Document {
        self.open.document()
    }

    pub fn project(&self) -> &Project {
        &self.open.project
    }

    /// The number of the document on screen: another one after each that was opened.
    pub fn opened(&self) -> u64 {
        self.opened
    }

    /// The way from the document's source to its data set.
    pub fn loading(&self) -> &Loading {
        &self.open.loading
    }

    /// The table that is open.
    pub fn table(&self) -> Option<&Arc<Opened>> {
        self.open.loading.table()
    }

    pub fn dataset(&self) -> Option<&Arc<Dataset>> {
        self.open.loading.dataset()
    }

    /// Why there are no data to train on.
    pub fn data_error(&self) -> Option<&str> {
        self.open.loading.error()
    }

    /// How the columns of the table hang together.
    pub fn insight(&self) -> Option<&Arc<Insight>> {
        self.open.insights.found()
    }

    /// How a table is prepared: as the document says, or as is guessed.
    pub fn plan<'a>(&'a self, opened: &'a Opened) -> &'a Preparation {
        self.open.plan(opened)
    }

    pub fn inference(&self) -> &Inference {
        &self.open.inference
    }

    pub fn snapshot(&self) -> &Arc<Snapshot> {
        self.trainer.snapshot()
    }

    pub fn selection(&self) -> &BTreeSet<LayerId> {
        &self.open.focus.selection
    }

    /// The row of the data set whose values the neurons show.
    pub fn sample(&self) -> usize {
        self.open.focus.sample
    }

    /// How fast playing goes.
    pub fn pace(&self) -> Pace {
        match self.document().pace {
            Some(per_second) if !self.view.full_speed => Pace::Slow { unit: self.step_unit(), per_second },
            _ => Pace::Full,
        }
    }

    pub fn step_unit(&self) -> StepUnit {
        self.view.step_unit
    }

    /// Whether the work is shown alone.
    pub fn is_bare(&self) -> bool {
        self.view.panels == Panels::Hidden
    }

    /// What was looked at and answered in Explain since the task of the lesson began.
    pub fn seen(&self) -> &Seen {
        &self.view.seen
    }

    /// The message at the foot of the window.
    pub fn notice(&self) -> Option<&Notice> {
        self.notices.current()
    }

    /// The question over everything else.
    pub fn modal(&self) -> Option<&Modal> {
        self.files.modal.as_ref()
    }

    /// Files that were opened lately, the last first.
    pub fn recent(&self) -> &[PathBuf] {
        &self.files.recent
    }

    /// Whether the document belongs to a lesson and is no file: nobody asks to save it.
    fn is_scratch(&self) -> bool {
        self.open.number.is_some() && self.project().path.is_none()
    }

    /// Whether something would be lost without the document.
    pub fn has_unsaved_work(&self) -> bool {
        self.has_unsaved_changes() || self.has_unsaved_run()
    }

    /// Whether there are changes of the document that its file does not hold.
    pub fn has_unsaved_changes(&self) -> bool {
        self.project().is_dirty() && !self.is_scratch()
    }

    /// Whether there is a run that is to be saved with the document and that its file does not hold.
    pub fn has_unsaved_run(&self) -> bool {
        let new = self.trainer.run().is_some_and(|run| !self.open.saved_run.holds(run));
        self.document().include_run && new && !self.is_scratch()
    }

    /// Whether the window may close now.
    pub fn quits(&self) -> bool {
        self.files.quit
    }

    /// The number of the preset on screen, if whoever showed it gave it one.
    pub fn number(&self) -> Option<u64> {
        self.open.number
    }

    /// Whether the preset of that number may still come on screen.
    pub fn will_show(&self, number: u64) -> bool {
        self.files.will_show(number)
    }

    /// Starts work on threads of its own.
    pub fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    /// Whether there is a network that can be trained.
    pub fn trainable(&self) -> bool {
        self.dataset().is_some() && self.inference().fits() && !matches!(self.snapshot().status, Status::Empty)
    }

    /// Whether the snapshot belongs to the network and the data on screen.
    pub fn is_current(&self) -> bool {
        self.trainer.is_current()
    }

    /// Whether something is under way that will change the screen.
    pub fn is_waiting(&self) -> bool {
        self.files.is_busy() || !self.is_current() || self.open.loading.is_busy()
    }

    /// The classes that an output tells apart; none for numbers.
    pub fn class_names(&self, output: LayerId) -> Vec<String> {
        let head = self.inference().outputs.iter().find(|o| o.layer == output);
        let Some(HeadTarget::Group { group, .. }) = head.map(|o| &o.target) else { return Vec::new() };
        match self.dataset().and_then(|d| d.targets.get(*group)) {
            Some(Targets::Classes { names, .. }) => names.clone(),
            _ => Vec::new(),
        }
    }

    /// The evaluation of the test rows by the first output, if the snapshot belongs to what is on screen.
    pub fn test(&self) -> Option<&FullEvaluation> {
        self.snapshot().test.heads.first().filter(|_| self.is_current())
    }

    // ——— what is done ———

    fn act(&mut self, action: Action) {
        match action {
            Action::Edit { label, key, document } => self.open.project.put(label, key, *document),
            Action::EditPreparation { label, key, plan } => {
                self.open.edit_preparation(label, key, *plan, surroundings!(self));
            }
            Action::Undo => self.walk(Project::undo),
            Action::Redo => self.walk(Project::redo),
            Action::ResetNetwork => self.open.reset_network(surroundings!(self)),
            Action::NewSeed => self.act(Action::Seed(self.document().training.seed % 9_999 + 1)),
            Action::Seed(seed) => {
                let run = self.trainer.is_trained().then(|| self.trainer.keep());
                self.open.project.edit("New seed", Some(7), |d| d.training.seed = seed);
                self.open.project.attach(|| run, |_| true);
                self.send(Command::Rewind);
            }
            Action::Train(command) => {
                self.follow();
                self.keep_before(&command);
                self.send(command);
            }
            Action::TogglePlay => {
                if self.snapshot().is_running() {
                    self.send(Command::Pause);
                } else if self.trainable() {
                    self.send(Command::Play);
                }
            }
            Action::Pace(pace) => {
                self.view.full_speed = false;
                self.open.project.edit("Change speed", Some(0), |d| d.pace = pace);
            }
            Action::ToggleFullSpeed => {
                self.view.full_speed = self.pace() != Pace::Full;
                if !self.view.full_speed && self.document().pace.is_none() {
                    self.open.project.edit("Change speed", None, |d| d.pace = Some(WATCHED));
                }
            }
            Action::StepUnit(unit) => self.view.step_unit = unit,
            Action::Select(layers) => self.open.focus.selection = layers,
            Action::ShowSample(row) => self.open.focus.sample = row,
            Action::Panels(panels) => self.view.panels = panels,
            Action::See(sight) => self.view.seen.take(sight),
            Action::ForgetSeen => self.view.seen = Seen::default(),
            Action::Tell(notice) => self.notices.show(notice),
            Action::CloseNotice => self.notices.close(),
            Action::Ask(question) => self.files.ask(question, &self.jobs),
            Action::Intend(intention) => self.intend_now(intention),
            Action::Proceed(intention) => self.proceed(intention),
            Action::Save => match self.project().path.clone() {
                Some(path) => self.save_to(path),
                None => self.save_as(),
            },
            Action::SaveAs => self.save_as(),
            Action::SaveThen(intention) => {
                self.files.modal = None;
                self.files.after_save = Some(intention);
                self.act(Action::Save);
            }
            Action::IncludeRun(include) => {
                self.open.project.edit("Include trained weights", None, |d| d.include_run = include);
            }
            Action::ReadOutside => {
                if let Some(Modal::Outside(preset, path)) = self.files.modal.take() {
                    self.show(*preset, Some(path));
                }
            }
            Action::CloseQuestion => self.files.modal = None,
            Action::Recover => self.recover(),
            Action::DiscardLeft => self.autosave.discard_left(),
            Action::RecoverLater => self.autosave.ask_later(),
            Action::Open(path) => {
                if is_preset(&path) {
                    self.intend_now(Intention::Open(path));
                } else {
                    self.open.look_at(path, ReadOptions::default(), &self.jobs);
                }
            }
            Action::ChooseSource(source) => self.open.choose_source(source, surroundings!(self)),
            Action::LookAt(path, options) => self.open.look_at(path, options, &self.jobs),
            Action::AskFor(targets) => self.open.loading.ask_for(targets),
            Action::TakePreview => self.open.take_preview(surroundings!(self)),
            Action::DismissPreview => self.open.loading.dismiss_preview(),
            Action::CancelReading => {
                self.open.loading.cancel_reading();
                self.open.data_changed = true;
            }
            Action::TakeChanged => self.open.take_changed(surroundings!(self)),
        }
    }

    /// Undo or redo: the document, and the run that was on screen with it where the step ended one.
    fn walk(&mut self, way: impl FnOnce(&mut Project, &dyn Fn(&Document, bool) -> Option<KeptRun>) -> Option<KeptRun>) {
        let (trainer, parted) = (&self.trainer, Cell::new(false));
        let back = way(&mut self.open.project, &|document, comes| {
            let kept = trainer.keep_before(document, comes);
            parted.set(comes || kept.is_some());
            kept
        });
        self.open.run = back.map(|kept| Resume::Kept(kept.run));
        if parted.get() {
            self.trainer.forget();
            self.open.data_changed = true;
        }
    }

    /// A command that ends the run, or moves it on by hand, can be undone.
    fn keep_before(&mut self, command: &Command) {
        let (label, ends) = match command {
            Command::Rewind => ("Rewind", self.trainer.is_trained()),
            // The phases of one mini-batch are one step, and those that are asked for at once are too.
            Command::Step(_) => {
                let mark = RunMark::of(self.snapshot());
                let begins = self.trainable() && self.is_current() && self.snapshot().phase.is_none();
                ("Step", begins && self.stepped.replace(mark) != Some(mark))
            }
            _ => return,
        };
        if ends {
            self.open.project.keep(label, self.trainer.keep());
        }
    }

    /// The trainer does it with the document as it is now.
    fn send(&mut self, command: Command) {
        self.follow();
        self.trainer.send(command);
    }

    fn intend_now(&mut self, intention: Intention) {
        // The next lesson and the end of the program may take what a lesson has trained; it can be had again.
        let stays = !matches!(intention, Intention::Show(..) | Intention::Quit);
        let of_lesson = stays && self.is_scratch() && self.trainer.run().is_some();
        if self.has_unsaved_work() || of_lesson {
            self.files.modal = Some(Modal::Unsaved(intention));
        } else {
            self.proceed(intention);
        }
    }

    /// Does it without a question.
    fn proceed(&mut self, intention: Intention) {
        self.files.modal = None;
        match intention {
            Intention::New => self.show(Preset { document: Document::default(), run: None }, None),
            Intention::AskPreset => self.files.ask(Question::OpenPreset, &self.jobs),
            Intention::Open(path) => self.open_preset(&path),
            Intention::Builtin(name) => {
                if let Some(Ok(preset)) = crate::project::builtin(name).map(Builtin::preset) {
                    self.show(preset, None);
                }
            }
            Intention::Show(preset, number) => {
                self.show(*preset, None);
                self.open.number = Some(number);
            }
            Intention::Quit => {
                self.autosave.end();
                self.files.quit = true;
            }
        }
    }

    fn open_preset(&mut self, path: &Path) {
        match Preset::open(path) {
            Ok(preset) => {
                self.files.remember(path);
                let folder = path.parent().unwrap_or(Path::new("")).to_owned();
                if let DataSource::File { path: data, .. } = &preset.document.data.source
                    && data.strip_prefix(&folder).map_or(true, leads_outside)
                {
                    self.files.modal = Some(Modal::Outside(Box::new(preset), path.to_owned()));
                } else {
                    self.show(preset, Some(path.to_owned()));
                }
            }
            Err(e) => self.notices.problem(e.to_string()),
        }
    }

    /// Puts a preset on the screen, in place of the document and all that belongs to it.
    pub fn show(&mut self, preset: Preset, path: Option<PathBuf>) {
        let Preset { document, run } = preset;
        self.files.modal = None;
        self.notices.close();
        self.open = OpenDocument::new(Project::opened(document, path), run, None);
        self.opened += 1;
        self.view.full_speed = false;
        // What was to be done after a save concerned the document before.
        self.files.after_save = None;
        self.trainer.unload(&mut self.open.project);
        self.follow();
        self.trainer.refresh();
    }

    /// Shows a built-in preset that nobody asked for: its network gives way to other data like a suggested one.
    pub fn welcome(&mut self, name: &'static str) {
        self.proceed(Intention::Builtin(name));
        let Document { network, training, .. } = self.document().clone();
        self.suggestions.remember(Suggestion { network, training, ..Suggestion::default() });
    }

    fn save_as(&mut self) {
        let suggestion = format!("{}.json", file_stem(&self.document().name));
        self.files.ask(Question::SavePreset { suggestion }, &self.jobs);
    }

    fn save_to(&mut self, path: PathBuf) {
        // A built-in preset is no longer what it was called once it is a file of its own.
        let (chosen, name) = (stem(&path), &self.document().name);
        let inherited = builtins().iter().any(|b| b.preset().is_ok_and(|p| p.document.name == *name));
        if inherited && chosen != file_stem(name) {
            // No step of its own: what was undone can still be done again.
            self.open.project.amend(|d| d.name = chosen);
        }
        let document = self.document().clone();
        if document.include_run && self.trainer.is_trained() {
            let (sender, receiver) = channel();
            self.send(Command::Save(sender));
            self.files.save_with_run(path, (document, self.opened), receiver, self.snapshot().rewinds, &self.jobs);
        } else {
            self.files.write(path, (Box::new(document), self.opened), None, &self.jobs);
        }
    }

    fn written(&mut self, path: PathBuf, document: Option<SavedDocument>, outcome: Result<usize, String>) {
        let parts = *outcome.as_ref().unwrap_or(&0);
        if let Err(e) = outcome {
            if document.is_some() {
                self.files.after_save = None;
            }
            self.notices.problem(e);
            return;
        }
        let with = match &document {
            None if parts > 1 => format!(" and {}", format::counted(parts - 1, "more file")),
            Some(SavedDocument { run: Some(mark), .. }) => {
                format!(", with the weights after {}", format::counted(mark.step as usize, "update"))
            }
            Some(SavedDocument { document, .. }) if !document.include_run && self.trainer.is_trained() => {
                ", without the trained weights".to_owned()
            }
            _ => String::new(),
        };
        self.notices.tell(format!("Saved to {}{with}", path.display()));
        let Some(SavedDocument { document, opened, run: mark }) = document else { return };
        self.files.remember(&path);
        if opened != self.opened {
            return;
        }
        self.open.project.mark_saved(*document, path);
        self.open.saved_run = mark.map_or(SavedRun::None, SavedRun::At);
        if let Some(intention) = self.files.after_save.take() {
            self.intend_now(intention);
        }
    }

    fn answered(&mut self, question: Question, answer: Answer) {
        match (question, answer) {
            (Question::OpenData | Question::OpenFolder, Answer::Chosen(path)) => {
                self.open.look_at(path, ReadOptions::default(), &self.jobs);
            }
            (Question::FindData, Answer::Chosen(path)) => self.open.found_at(path, surroundings!(self)),
            (Question::OpenPreset, Answer::Chosen(path)) if is_preset(&path) => self.open_preset(&path),
            // Somebody has looked for data under Open.
            (Question::OpenPreset, Answer::Chosen(path)) => self.open.look_at(path, ReadOptions::default(), &self.jobs),
            (Question::SavePreset { .. }, Answer::Chosen(path)) => self.save_to(path),
            (Question::OpenLessons, Answer::Chosen(path)) => self.files.lesson_folder = Some(path),
            (Question::SaveFile { parts, .. }, Answer::Chosen(path)) => {
                self.files.write_parts(path, parts, &self.jobs);
            }
            (_, Answer::Cancelled) => self.files.after_save = None,
            (_, Answer::Unavailable) => {
                self.files.after_save = None;
                self.notices.problem(
                    "No file dialog could be opened. Install a desktop portal or zenity, or drop a file onto the window.",
                );
            }
        }
    }

    // ——— what the shell keeps ———

    /// Takes over the files that were opened lately.
    pub fn restore_recent(&mut self, recent: Vec<PathBuf>) {
        self.files.recent = recent;
    }

    /// Replaces what was seen in Explain.
    pub fn set_seen(&mut self, seen: Seen) {
        self.view.seen = seen;
    }

    /// Takes a folder of lessons that was chosen.
    pub fn take_lesson_folder(&mut self) -> Option<PathBuf> {
        self.files.lesson_folder.take()
    }

    /// Takes good news off the screen when its time is over; `now` in seconds. Returns for how many seconds it is still shown.
    pub fn expire_notice(&mut self, now: f64) -> Option<f64> {
        self.notices.expire(now)
    }

    /// Ends a row of merged edits: the next one is a step of its own.
    pub fn settle(&mut self) {
        self.open.project.settle();
    }
}
