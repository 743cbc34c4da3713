//! The trainer: its thread, the newest snapshot, and what was sent to it.

use crate::data::Dataset;
use crate::nn::NetworkSpec;
use crate::train::{Command, Pace, RunState, Snapshot, TrainConfig, Worker};
use std::sync::Arc;

/// What the trainer was given to train.
struct Sent {
    /// Without names and places of layers.
    network: NetworkSpec,
    data: Arc<Dataset>,
    /// Whether the network fits the data, so that it is trained.
    fits: bool,
}

/// The worker, and what is known of it.
pub struct Trainer {
    worker: Worker,
    snapshot: Arc<Snapshot>,
    /// Counts what was sent; a snapshot of an older generation shows another network or other data.
    generation: u64,
    sent: Option<Sent>,
    configured: Option<TrainConfig>,
}

impl Trainer {
    /// Starts the thread; `wake` asks for a new frame.
    pub fn start(wake: impl Fn() + Send + 'static) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let worker = Worker::start(threads, wake);
        let mut trainer = Self { worker, snapshot: Arc::default(), generation: 0, sent: None, configured: None };
        trainer.unload();
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

    /// Trains another network, or on other data; `fits` says whether that is possible. Where only rates and frozen layers differ
    /// the run goes on; else it begins where `run` stopped, or anew.
    pub fn load(
        &mut self,
        network: &NetworkSpec,
        data: &Arc<Dataset>,
        training: &TrainConfig,
        fits: bool,
        run: &mut Option<Box<RunState>>,
        pace: Pace,
    ) {
        self.generation += 1;
        let generation = self.generation;
        let spec = mechanics(network);
        let alike = |s: &Sent| {
            s.fits && Arc::ptr_eq(&s.data, data) && all_learning(s.network.clone()) == all_learning(spec.clone())
        };
        if fits && self.sent.as_ref().is_some_and(alike) {
            self.worker.send(Command::Relearn { generation, spec: spec.clone() });
        } else if fits {
            self.configured = Some(training.clone());
            let (data, config, run) = (Arc::clone(data), training.clone(), run.take());
            self.worker.send(Command::Load { generation, spec: network.clone(), data, config, run });
            self.worker.send(Command::Pace(pace));
        } else {
            self.worker.send(Command::Unload { generation });
        }
        self.sent = Some(Sent { network: spec, data: Arc::clone(data), fits });
    }

    /// There is nothing to train: whatever comes next is loaded anew.
    pub fn unload(&mut self) {
        if self.sent.take().is_some() || self.generation == 0 {
            self.generation += 1;
            self.worker.send(Command::Unload { generation: self.generation });
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
