//! Training, synchronous and deterministic: the four phases as separate calls, then mini-batches, epochs and evaluation.
//!
//! Everything here follows from the data, the network, the configuration and the seed: no clock, no thread, no screen.
//! A training step allocates nothing. This file holds the session's life; `steps` trains, `saving` saves and resumes.

mod saving;
mod steps;

use super::config::TrainConfig;
use super::evaluation::PartEvaluation;
use super::head_targets::HeadTargets;
use super::history::History;
use super::metrics::{Evaluation, FullEvaluation};
use super::replica::Replica;
use super::run::RunState;
use super::schedule::EarlyStoppingMonitor;
use super::task::task;
use crate::data::{Dataset, Part};
use crate::format;
use crate::nn::{Activation, LayerId, Network, NetworkSpec, OptimizerState, Problem, infer};
use crate::seed::{Purpose, Stream};
use std::sync::Arc;

/// Evaluation runs in chunks of at least this many samples.
pub const CAPACITY: usize = 64;

/// The four steps of backpropagation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Forward,
    Error,
    Backward,
    Update,
}

impl Phase {
    pub const ALL: [Self; 4] = [Self::Forward, Self::Error, Self::Backward, Self::Update];

    /// What happens in it, in a few words.
    pub fn subtitle(self) -> &'static str {
        match self {
            Self::Forward => "inputs to outputs",
            Self::Error => "error of the outputs",
            Self::Backward => "loss to weights",
            Self::Update => "one optimizer step",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Forward => "Forward pass",
            Self::Error => "Loss",
            Self::Backward => "Backward pass",
            Self::Update => "Update",
        }
    }
}

/// What a call of [`Session::advance`] or [`Session::tick`] has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tick {
    /// One phase.
    Phase(Phase),
    /// The last phase of a mini-batch.
    Batch,
    /// A chunk of the validation at the end of an epoch.
    Evaluating,
    /// The end of an epoch.
    Epoch,
}

/// The loss is no longer a number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "The loss is no longer a finite number at epoch {epoch}, step {step}: the values of {layer} exploded first. \
     Try a smaller learning rate, gradient clipping, or standardised inputs."
)]
pub struct Diverged {
    pub layer: String,
    pub epoch: u64,
    pub step: u64,
}

/// Why a network cannot be trained on the data.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SessionError {
    #[error("{}", .0.join("\n"))]
    Problems(Vec<String>),
    #[error("{0}")]
    Config(String),
    #[error("The saved run does not fit the network: {0}. Open the preset without its run, or rewind.")]
    Run(String),
}

impl SessionError {
    fn problems(spec: &NetworkSpec, problems: &[Problem]) -> Self {
        Self::Problems(problems.iter().map(|p| p.text(spec)).collect())
    }
}

/// A network, its data, and where training stands.
pub struct Session {
    replica: Replica<f32>,
    config: TrainConfig,
    threads: usize,
    state: OptimizerState<f32>,
    history: History,
    /// Training rows in the order of this epoch.
    order: Vec<u32>,
    /// Training rows of this epoch that are done.
    position: usize,
    epoch: u64,
    /// The phase that comes next.
    phase: Phase,
    /// Gradient accumulation: the sum over the mini-batches so far of gradient × samples, and their samples.
    accumulated: (Vec<f32>, usize),
    /// Sum of the losses of this epoch's samples.
    loss_sum: f64,
    batch_loss: f64,
    monitor: EarlyStoppingMonitor,
    /// Gradient norm of each layer with parameters, at the last update of the epoch.
    norms: Vec<f32>,
    /// The validation at the end of an epoch, while it is under way.
    validating: Option<PartEvaluation>,
    validation: Option<Evaluation>,
    /// The validation of each head with its own loss.
    head_validations: Vec<Evaluation>,
}

impl Session {
    /// Compiles `spec` for `data` and draws the initial parameters.
    ///
    /// # Errors
    /// What keeps the network or the configuration from training.
    pub fn new(
        spec: &NetworkSpec,
        data: Arc<Dataset>,
        config: TrainConfig,
        threads: usize,
    ) -> Result<Self, SessionError> {
        if let Some(problem) = config.problem() {
            return Err(SessionError::Config(problem));
        }
        let demand = config.demand(capacity(&config, &data));
        let replica = Replica::new(spec, data, demand, config.seed, threads)
            .map_err(|problems| SessionError::problems(spec, &problems))?;
        check_batch(&replica, replica.data(), &config)?;
        let history = History::new(replica.plan(), &replica.head_targets()[0]);
        let mut session = Self {
            state: OptimizerState::new(config.optimizer, replica.plan().learning),
            config,
            threads,
            order: replica.data().part(Part::Train).to_vec(),
            position: 0,
            epoch: 0,
            phase: Phase::Forward,
            accumulated: (Vec::new(), 0),
            loss_sum: 0.0,
            batch_loss: f64::NAN,
            monitor: EarlyStoppingMonitor::default(),
            norms: vec![0.0; history.layers.len()],
            history,
            validating: None,
            validation: None,
            head_validations: Vec::new(),
            replica,
        };
        session.rewind();
        Ok(session)
    }

    /// Back to the initial parameters of the seed: the same ones every time.
    pub fn rewind(&mut self) {
        self.replica.network_mut().initialise(self.config.seed);
        self.state = OptimizerState::new(self.config.optimizer, self.replica.plan().learning);
        self.accumulated.1 = 0;
        self.history.clear();
        self.epoch = 0;
        self.loss_sum = 0.0;
        self.batch_loss = f64::NAN;
        self.phase = Phase::Forward;
        self.validating = None;
        self.validation = None;
        self.head_validations.clear();
        self.monitor = EarlyStoppingMonitor::default();
        self.shuffle();
        self.history.record_histogram(0, self.replica.network());
    }

    /// Starts again, from the initial parameters, on other data. The network is compiled anew only where these ask for
    /// another one.
    ///
    /// # Errors
    /// What keeps the network from training on the data; the session is as before then.
    pub fn restart_on(&mut self, data: Arc<Dataset>) -> Result<(), SessionError> {
        check_batch(&self.replica, &data, &self.config)?;
        let demand = self.config.demand(capacity(&self.config, &data));
        if let Err(problems) = self.replica.set_data(data, demand) {
            return Err(SessionError::problems(self.replica.spec(), &problems));
        }
        self.history = History::new(self.replica.plan(), &self.replica.head_targets()[0]);
        self.norms = vec![0.0; self.history.layers.len()];
        self.rewind();
        Ok(())
    }

    /// Changes learning rate, regularisation, batch size, optimizer, epochs or seed. It takes effect at the next
    /// mini-batch; a new optimizer starts with fresh averages, a new seed draws other parameters at the next rewind.
    ///
    /// # Errors
    /// When a value is out of range, or the larger mini-batch would not fit; nothing has changed then.
    pub fn configure(&mut self, config: TrainConfig) -> Result<(), SessionError> {
        if let Some(problem) = config.problem() {
            return Err(SessionError::Config(problem));
        }
        check_batch(&self.replica, self.replica.data(), &config)?;
        if config.batch_size > self.replica.network().capacity() {
            let demand = config.demand(capacity(&config, self.replica.data()));
            if let Err(problems) = self.replica.reserve_with_seed(demand, config.seed) {
                return Err(SessionError::problems(self.replica.spec(), &problems));
            }
            self.restart_batch();
        }
        let demand = config.demand(self.replica.network().capacity());
        if demand.per_parameter > self.config.demand(0).per_parameter {
            let found = infer(self.replica.spec(), &task(self.replica.data()), demand);
            if !found.fits() {
                return Err(SessionError::problems(self.replica.spec(), &found.problems));
            }
        }
        if config.batch_size != self.config.batch_size {
            self.restart_batch();
        }
        if !config.optimizer.same_rule(self.config.optimizer) {
            let steps = self.state.steps;
            self.state = OptimizerState::new(config.optimizer, self.replica.plan().learning);
            self.state.steps = steps;
        }
        self.config = config;
        Ok(())
    }

    /// Goes on with `spec`, which differs only in which layers learn and how fast. Parameters and running averages stay; early
    /// stopping and L-BFGS start with no memory.
    ///
    /// # Errors
    /// When `spec` is another network; nothing has changed then.
    pub fn relearn(&mut self, spec: &NetworkSpec) -> Result<(), SessionError> {
        let mut session = Self::new(spec, Arc::clone(self.data()), self.config.clone(), self.threads)?;
        let run = self.save();
        let watch = run.watch.map(|watch| EarlyStoppingMonitor {
            best: None,
            since: 0,
            best_epoch: None,
            parameters: Vec::new(),
            ..watch
        });
        session.resume(&RunState { watch, curvature: None, gathered: Vec::new(), gathered_samples: 0, ..run })?;
        *self = session;
        Ok(())
    }

    /// A mini-batch in the middle of its phases begins anew; its parameters have not moved yet.
    fn restart_batch(&mut self) {
        self.phase = Phase::Forward;
    }

    fn shuffle(&mut self) {
        self.order.clear();
        self.order.extend_from_slice(self.replica.data().part(Part::Train));
        Stream::new(self.config.seed, Purpose::Shuffle, self.epoch).shuffle(&mut self.order);
        self.position = 0;
    }

    /// Loss (of all heads) and metrics (of the first) of a part; none where it is empty. A mini-batch in the middle of its
    /// phases begins anew.
    pub fn evaluate(&mut self, part: Part) -> Option<Evaluation> {
        let mut evaluation = PartEvaluation::new(&self.replica, part, false);
        while !self.continue_evaluation(&mut evaluation, usize::MAX) {}
        evaluation.first(&self.replica)
    }

    /// The same with every other metric, and for classes with their confusion; for each head, with its own loss.
    pub fn evaluate_fully(&mut self, part: Part) -> Option<Vec<FullEvaluation>> {
        let mut evaluation = self.begin_evaluation(part);
        while !self.continue_evaluation(&mut evaluation, usize::MAX) {}
        self.finish_evaluation(evaluation)
    }

    /// An evaluation as of [`Self::evaluate_fully`], to be done piece by piece while the parameters stay as they are.
    pub fn begin_evaluation(&self, part: Part) -> PartEvaluation {
        PartEvaluation::new(&self.replica, part, true)
    }

    /// Evaluates up to `rows` further rows; true once the evaluation is complete, which may take calls after the last row. A
    /// mini-batch in the middle of its phases begins anew.
    pub fn continue_evaluation(&mut self, evaluation: &mut PartEvaluation, rows: usize) -> bool {
        self.restart_batch();
        evaluation.advance(&mut self.replica, rows)
    }

    /// What a complete evaluation came to, for each head; none where the part is empty.
    pub fn finish_evaluation(&self, evaluation: PartEvaluation) -> Option<Vec<FullEvaluation>> {
        evaluation.full(&self.replica)
    }

    pub fn network(&self) -> &Network<f32> {
        self.replica.network()
    }

    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    pub fn data(&self) -> &Arc<Dataset> {
        self.replica.data()
    }

    pub fn history(&self) -> &History {
        &self.history
    }

    /// The validation of the last complete epoch.
    pub fn validation(&self) -> Option<Evaluation> {
        self.validation
    }

    /// The same for each head with its own loss; empty before the first epoch.
    pub fn head_validations(&self) -> &[Evaluation] {
        &self.head_validations
    }

    /// What each head is compared with; the first is the one that counts.
    pub fn head_targets(&self) -> &[HeadTargets] {
        self.replica.head_targets()
    }

    /// The phase that comes next.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Epochs that are complete.
    pub fn epochs(&self) -> u64 {
        self.epoch
    }

    /// Updates made.
    pub fn steps(&self) -> u64 {
        self.state.steps
    }

    /// Loss of the last mini-batch; not a number before the first.
    pub fn batch_loss(&self) -> f64 {
        self.batch_loss
    }

    /// Samples of this epoch that are done, and how many there are.
    pub fn progress(&self) -> (usize, usize) {
        (self.position, self.order.len())
    }

    /// What training does otherwise than asked, and what it cannot do, in sentences.
    pub fn notes(&self) -> Vec<String> {
        let (last, usual) = mini_batches(self.data(), &self.config);
        let spec = self.replica.spec();
        let note = |(id, _)| {
            format!(
                "The last mini-batch of an epoch has {}: {} uses its running averages there, as in evaluation. \
                 A batch size other than {usual} avoids that.",
                format::counted(last, "row"),
                spec.name(id)
            )
        };
        let mut notes: Vec<String> =
            if last == usual { Vec::new() } else { starved(&self.replica, last).map(note).collect() };
        notes.extend(self.out_of_reach());
        notes
    }

    /// Outputs whose activation does not reach the numbers that they are compared with.
    fn out_of_reach(&self) -> impl Iterator<Item = String> {
        let (plan, spec) = (self.replica.plan(), self.replica.spec());
        let rows = self.data().part(Part::Train);
        let number = |v: f32| format::significant(f64::from(v), 3);
        plan.heads.iter().zip(self.replica.head_targets()).filter_map(move |(head, targets)| {
            let activation = plan.nodes[head.node].operation.activation()?;
            let (low, high) = reach(activation)?;
            let (least, most, outside) = targets.outside(rows, low, high)?;
            (outside > 0).then(|| {
                format!(
                    "{} comes from {}, which gives {} to {}, but what it is compared with reaches from {} to {} as the \
                     network sees it: {} of {} training rows cannot be predicted. Identity reaches all of them.",
                    spec.name(head.layer),
                    activation.label(),
                    number(low),
                    if high.is_finite() { number(high) } else { "∞".to_owned() },
                    number(least),
                    number(most),
                    outside,
                    rows.len()
                )
            })
        })
    }

    /// The rows of the data set in the current mini-batch.
    pub fn mini_batch(&self) -> &[u32] {
        &self.order[self.batch_rows()]
    }
}

/// The smallest and the largest value of an activation that has a bound; none of one that reaches every number.
fn reach(activation: Activation) -> Option<(f32, f32)> {
    const FAR: f64 = 1e6;
    if activation == Activation::Softmax {
        return None;
    }
    let near = (-400..=400).map(|k| f64::from(k) / 20.0).chain([-FAR, FAR]).map(|z| activation.at(z));
    let (low, high) = near.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), a| (low.min(a), high.max(a)));
    let bound = |v: f64, all: f32| if v.abs() > 100.0 { all } else { v as f32 };
    let (low, high) = (bound(low, f32::NEG_INFINITY), bound(high, f32::INFINITY));
    (low.is_finite() || high.is_finite()).then_some((low, high))
}

/// Rows of the smallest mini-batch of an epoch, and of the others.
fn mini_batches(data: &Dataset, config: &TrainConfig) -> (usize, usize) {
    let rows = data.part(Part::Train).len();
    let usual = config.batch_size.min(rows).max(1);
    let last = rows % usual;
    (if last == 0 { usual } else { last }, usual)
}

/// The layers that a mini-batch of `rows` rows is too small for, and how many they need.
fn starved(replica: &Replica<f32>, rows: usize) -> impl Iterator<Item = (LayerId, usize)> + '_ {
    let (spec, plan) = (replica.spec(), replica.plan());
    plan.order.iter().filter_map(move |&id| {
        let (layer, input) = (spec.layer(id)?, plan.inputs.get(&id)?);
        let least = layer.kind.definition().least_batch(input);
        (rows < least && !layer.frozen).then_some((id, least))
    })
}

/// Whether mini-batches are large enough for all layers; the last one of an epoch may be smaller.
fn check_batch(replica: &Replica<f32>, data: &Dataset, config: &TrainConfig) -> Result<(), SessionError> {
    let usual = mini_batches(data, config).1;
    let problems: Vec<Problem> = starved(replica, usual)
        .map(|(id, least)| {
            let message = format!(
                "learns from mini-batches of {least} rows or more, but they have {usual}; set the batch size to {least} or more, \
                 or use layer norm"
            );
            Problem { layer: Some(id), message, fix: None }
        })
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(SessionError::problems(replica.spec(), &problems)) }
}

/// Samples that the buffers hold.
fn capacity(config: &TrainConfig, data: &Dataset) -> usize {
    config.batch_size.min(data.part(Part::Train).len()).max(CAPACITY)
}
