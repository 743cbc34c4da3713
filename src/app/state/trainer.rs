//! The trainer: its thread, the newest snapshot, and what was sent to it.

use super::files::RunMark;
use crate::data::Dataset;
use crate::nn::NetworkSpec;
use crate::project::{DataSection, Document, KeptRun, Project};
use crate::train::{Command, Pace, Resume, Snapshot, TrainConfig, Worker};
use std::sync::Arc;
use std::sync::mpsc::channel;

/// What the trainer was given to train.
struct Sent {
    /// Without names and places of layers.
    network: NetworkSpec,
    section: DataSection,
    data: Arc<Dataset>,
    /// Whether it began with a run.
    resumed: bool,
    /// Whether the network fits the data, so that it is trained.
    fits: bool,
}

impl Sent {
    /// Whether its run is one of this document: names, places, rates and settings may differ.
    fn is_of(&self, document: &Document) -> bool {
        let network = |spec| all_learning(mechanics(spec));
        self.section == document.data && network(&self.network) == network(&document.network)
    }
}

/// The worker, and what is known of it.
pub struct Trainer {
    worker: Worker,
    snapshot: Arc<Snapshot>,
    /// Counts what was sent; a snapshot of an older generation shows another network or other data.
    generation: u64,
    sent: Option<Sent>,
    configured: Option<TrainConfig>,
    pace: Pace,
}

impl Trainer {
    /// Starts the thread; `wake` asks for a new frame.
    pub fn start(wake: impl Fn() + Send + 'static) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let worker = Worker::start(threads, wake);
        let mut trainer =
            Self { worker, snapshot: Arc::default(), generation: 0, sent: None, configured: None, pace: Pace::Full };
        trainer.unload(&mut Project::default());
        trainer
    }

    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// Whether the snapshot belongs to the network and the data that were sent last.
    pub fn is_current(&self) -> bool {
        self.snapshot.generation == self.generation
    }

    /// Takes the newest snapshot.
    pub fn refresh(&mut self) {
        self.snapshot = self.worker.snapshot();
    }

    pub fn send(&self, command: Command) {
        self.worker.send(command);
    }

    /// Whether exactly this is what was sent last.
    pub fn has(&self, network: &NetworkSpec, data: &Arc<Dataset>) -> bool {
        self.sent.as_ref().is_some_and(|s| Arc::ptr_eq(&s.data, data) && s.network == mechanics(network))
    }

    /// Whether something was trained that would be lost.
    pub fn is_trained(&self) -> bool {
        self.sent.as_ref().is_some_and(|s| {
            s.fits && if self.is_current() { self.snapshot.step > 0 || self.snapshot.epoch > 0 } else { s.resumed }
        })
    }

    /// Where the run on screen stands, if something was trained.
    pub fn run(&self) -> Option<RunMark> {
        (self.is_trained() && self.is_current()).then(|| RunMark::of(&self.snapshot))
    }

    /// The run as it is now, before whatever is sent next.
    pub fn keep(&self) -> KeptRun {
        let (sender, run) = channel();
        self.worker.send(Command::Save(sender));
        let series = self.snapshot.history.epochs.len() * (self.snapshot.history.layers.len() * 3 + 12);
        KeptRun { run, bytes: (self.snapshot.params.len() * 3 + series) * size_of::<f32>() }
    }

    /// Before the network is replaced: its run goes to the edit that did it.
    fn part(&self, project: &mut Project) {
        if let Some(sent) = &self.sent
            && self.is_trained()
        {
            project.attach(|| Some(self.keep()), |d| sent.is_of(d));
        }
    }

    /// The run as it is now, if undo or redo replaces it: by a run that `comes`, or by that of another network or other data.
    pub fn keep_before(&self, document: &Document, comes: bool) -> Option<KeptRun> {
        let sent = self.sent.as_ref()?;
        (self.is_trained() && (comes || !sent.is_of(document))).then(|| self.keep())
    }

    /// What was sent is no longer what is wanted: the next network is loaded whatever it is.
    pub fn forget(&mut self) {
        self.sent = None;
    }

    /// Trains the project's network on `data`; `fits` says whether that is possible. Where only rates and frozen layers differ
    /// the run goes on; else it begins where `run` stopped, or anew.
    pub fn load(&mut self, project: &mut Project, data: &Arc<Dataset>, fits: bool, run: &mut Option<Resume>) {
        let document = project.document();
        let (network, training, section) = (document.network.clone(), document.training.clone(), document.data.clone());
        let spec = mechanics(&network);
        let alike = |s: &Sent| {
            s.fits && Arc::ptr_eq(&s.data, data) && all_learning(s.network.clone()) == all_learning(spec.clone())
        };
        let relearns = fits && self.sent.as_ref().is_some_and(alike);
        if !relearns {
            self.part(project);
        }
        self.generation += 1;
        let generation = self.generation;
        let mut resumed = false;
        if relearns {
            resumed = self.sent.as_ref().is_some_and(|s| s.resumed) || self.snapshot.step > 0;
            self.worker.send(Command::Relearn { generation, spec: spec.clone() });
        } else if fits {
            self.configured = Some(training.clone());
            let (data, run) = (Arc::clone(data), run.take());
            resumed = run.is_some();
            self.worker.send(Command::Load { generation, spec: network, data, config: training, run });
        } else {
            self.worker.send(Command::Unload { generation });
        }
        self.sent = Some(Sent { network: spec, section, data: Arc::clone(data), resumed, fits });
    }

    /// There is nothing to train: whatever comes next is loaded anew.
    pub fn unload(&mut self, project: &mut Project) {
        self.part(project);
        if self.sent.take().is_some() || self.generation == 0 {
            self.generation += 1;
            self.worker.send(Command::Unload { generation: self.generation });
        }
    }

    /// Plays at another pace, if it is new.
    pub fn go_at(&mut self, pace: Pace) {
        if self.pace != pace {
            self.pace = pace;
            self.worker.send(Command::Pace(pace));
        }
    }

    /// Trains with other settings, if they are valid and new.
    pub fn configure(&mut self, training: &TrainConfig) {
        if self.configured.as_ref() != Some(training) && training.problem().is_none() {
            self.worker.send(Command::Configure(training.clone()));
            self.configured = Some(training.clone());
        }
    }
}

/// The network with every layer learning alike.
fn all_learning(mut spec: NetworkSpec) -> NetworkSpec {
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
