//! Training, synchronous and deterministic: the four phases as separate calls, then batches, epochs and evaluation.
//!
//! Everything here follows from the data, the network, the configuration and the seed: no clock, no thread, no screen.
//! A training step allocates nothing.

use super::augment::Augmenter;
use super::batch::load;
use super::config::TrainConfig;
use super::head_targets::HeadTargets;
use super::history::History;
use super::metrics::{Evaluation, FullEvaluation, Tally};
use super::run::RunState;
use super::schedule::{EarlyStoppingMonitor, Schedule};
use crate::data::{self, Dataset, Encoder, EncodingKind, Part, Targets};
use crate::nn::kernels::{padded, update};
use crate::nn::{
    self, Content, FeatureColumn, Network, NetworkSpec, OptimizerState, Target, TargetGroup, Task, UpdateRule,
};
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

    pub fn label(self) -> &'static str {
        match self {
            Self::Forward => "Forward pass",
            Self::Error => "Error",
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
    /// The update that ends a mini-batch.
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

/// What the data ask of a network.
pub fn task(data: &Dataset) -> Task {
    let mut names = data.encoder.target_groups().into_iter().map(columns);
    let groups = data.targets.iter().map(|targets| TargetGroup {
        columns: names.next().unwrap_or_default(),
        target: match targets {
            Targets::Classes { names, .. } => Target::Classes(names.len()),
            Targets::Values { names, .. } => Target::Values(names.len()),
        },
    });
    Task { input: vec![data.features()], columns: feature_columns(&data.encoder), targets: groups.collect() }
}

/// The same from an encoder alone.
pub fn task_of(encoder: &Encoder) -> Task {
    let groups = encoder.target_groups().into_iter().map(|group| TargetGroup {
        target: match group.as_slice() {
            [data::Encoding { kind: EncodingKind::OneHot { levels }, .. }] => Target::Classes(levels.len()),
            targets => Target::Values(targets.len()),
        },
        columns: columns(group),
    });
    let mut targets: Vec<TargetGroup> = groups.collect();
    if targets.is_empty() {
        targets.push(TargetGroup { columns: Vec::new(), target: Target::Values(0) });
    }
    Task { input: vec![encoder.width()], columns: feature_columns(encoder), targets }
}

fn columns(group: Vec<&data::Encoding>) -> Vec<String> {
    group.into_iter().map(|e| e.column.clone()).collect()
}

fn feature_columns(encoder: &Encoder) -> Vec<FeatureColumn> {
    let content = |e: &data::Encoding| match &e.kind {
        EncodingKind::Ordinal { levels } => Content::Categories(levels.len()),
        EncodingKind::Linear(scale) if *scale == data::TargetScale::SAME => Content::Plain,
        _ => Content::Scaled,
    };
    let column = |e: &data::Encoding| FeatureColumn { name: e.label(), width: e.width(), content: content(e) };
    // Of a window every step has its own.
    let steps = encoder.window.map_or(1, |w| w.length);
    let of_step = |back: usize| {
        let name = move |c: FeatureColumn| FeatureColumn { name: data::stepped(&c.name, back), ..c };
        encoder.features.iter().map(column).map(name)
    };
    (0..steps).rev().flat_map(of_step).collect()
}

/// A network, its data, and where training stands.
pub struct Session {
    spec: NetworkSpec,
    data: Arc<Dataset>,
    /// What each head is compared with; the first is the one that counts.
    head_targets: Vec<HeadTargets>,
    config: TrainConfig,
    threads: usize,
    network: Network<f32>,
    state: OptimizerState<f32>,
    history: History,
    /// Training rows in the order of this epoch.
    order: Vec<u32>,
    /// Training rows of this epoch that are done.
    position: usize,
    epoch: u64,
    /// The phase that comes next.
    phase: Phase,
    /// Where several mini-batches make an update: the sum of their gradients times their samples, and how many samples.
    gathered: (Vec<f32>, usize),
    /// Sum of the losses of this epoch's samples.
    loss_sum: f64,
    batch_loss: f64,
    watch: EarlyStoppingMonitor,
    /// Gradient norm of each layer with parameters, at the last update of the epoch.
    norms: Vec<f32>,
    /// Validation rows that are done, the sum of their losses, and a tally for each head.
    evaluating: Option<(usize, f64, Vec<Tally>)>,
    validation: Option<Evaluation>,
    /// The validation of each head with its own loss.
    head_validations: Vec<Evaluation>,
    prediction: Vec<f32>,
    augmenter: Option<Augmenter>,
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
        let network = build(spec, &data, &config, threads)?;
        let state = OptimizerState::new(config.optimizer, network.plan().learning);
        let columns = network.widest() * padded(network.capacity());
        let head_targets = HeadTargets::all(network.plan(), &data);
        let history = History::new(network.plan(), &head_targets[0].targets);
        let mut session = Self {
            spec: spec.clone(),
            config,
            threads,
            state,
            order: data.part(Part::Train).to_vec(),
            position: 0,
            epoch: 0,
            phase: Phase::Forward,
            gathered: (Vec::new(), 0),
            head_targets,
            head_validations: Vec::new(),
            loss_sum: 0.0,
            batch_loss: f64::NAN,
            watch: EarlyStoppingMonitor::default(),
            norms: vec![0.0; history.layers.len()],
            history,
            evaluating: None,
            validation: None,
            prediction: vec![0.0; columns],
            augmenter: Augmenter::of(&data),
            data,
            network,
        };
        session.rewind();
        Ok(session)
    }

    /// Back to the initial parameters of the seed: the same ones every time.
    pub fn rewind(&mut self) {
        self.network.initialise(self.config.seed);
        self.state = OptimizerState::new(self.config.optimizer, self.network.plan().learning);
        self.gathered.1 = 0;
        self.history.clear();
        self.epoch = 0;
        self.loss_sum = 0.0;
        self.batch_loss = f64::NAN;
        self.phase = Phase::Forward;
        self.evaluating = None;
        self.validation = None;
        self.watch = EarlyStoppingMonitor::default();
        self.shuffle();
        self.history.record_histogram(0, &self.network);
    }

    /// Changes learning rate, regularisation, batch size, optimizer, epochs or seed. It takes effect at the next
    /// mini-batch; a new optimizer starts with fresh averages, a new seed acts from the next rewind on.
    ///
    /// # Errors
    /// When a value is out of range, or the larger mini-batch would not fit; nothing has changed then.
    pub fn configure(&mut self, config: TrainConfig) -> Result<(), SessionError> {
        if let Some(problem) = config.problem() {
            return Err(SessionError::Config(problem));
        }
        if config.batch_size > self.network.capacity() {
            let mut network = build(&self.spec, &self.data, &config, self.threads)?;
            network.params_mut().copy_from_slice(self.network.params());
            self.prediction = vec![0.0; network.widest() * padded(network.capacity())];
            self.network = network;
            self.restart_batch();
        }
        if config.batch_size != self.config.batch_size {
            self.restart_batch();
        }
        if !config.optimizer.same_rule(self.config.optimizer) {
            let steps = self.state.steps;
            self.state = OptimizerState::new(config.optimizer, self.network.plan().learning);
            self.state.steps = steps;
        }
        self.config = config;
        Ok(())
    }

    /// Goes on with `spec`, which differs only in which layers learn and how fast. Parameters and running averages stay; what
    /// early stopping and L-BFGS remember begins anew.
    ///
    /// # Errors
    /// When `spec` is another network; nothing has changed then.
    pub fn relearn(&mut self, spec: &NetworkSpec) -> Result<(), SessionError> {
        let mut session = Self::new(spec, Arc::clone(&self.data), self.config.clone(), self.threads)?;
        let run = self.save();
        let watch =
            run.watch.map(|watch| EarlyStoppingMonitor { best: None, since: 0, parameters: Vec::new(), ..watch });
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
        self.order.extend_from_slice(self.data.part(Part::Train));
        Stream::new(self.config.seed, Purpose::Shuffle, self.epoch).shuffle(&mut self.order);
        self.position = 0;
    }

    /// Step 1: takes the next mini-batch and runs it through the network.
    pub fn forward(&mut self) {
        let rows = self.batch_rows();
        load(&mut self.network, &self.data, &self.head_targets, &self.order[rows], true);
        let address = self.address();
        if let Some(augmenter) = &mut self.augmenter {
            augmenter.change_batch(&mut self.network, self.config.seed, address);
        }
        self.network.forward(true, address);
        self.phase = Phase::Error;
    }

    /// Addresses the random numbers of the next forward pass; mini-batches of one update have numbers of their own.
    pub(super) fn address(&self) -> u64 {
        self.state.steps ^ ((self.gathered.1 as u64) << 40)
    }

    /// The rule of the next update.
    pub(super) fn rule(&self) -> UpdateRule {
        UpdateRule { learning_rate: self.learning_rate(self.position), ..self.config.rule() }
    }

    pub(super) fn optimizer_state(&self) -> &OptimizerState<f32> {
        &self.state
    }

    /// The next mini-batch; at the end of an epoch, which still waits for its validation, the first of that epoch.
    pub(super) fn next_rows(&self) -> &[u32] {
        let rows = self.batch_rows();
        if rows.is_empty() { &self.order[..self.config.batch_size.min(self.order.len())] } else { &self.order[rows] }
    }

    /// Step 2: compares with the targets.
    ///
    /// # Errors
    /// When the loss is not finite; the parameters stay as they are.
    pub fn error(&mut self) -> Result<f64, Diverged> {
        self.batch_loss = self.network.error();
        if !self.batch_loss.is_finite() {
            let layer = self.network.first_exploded().unwrap_or(self.network.plan().head().layer);
            self.phase = Phase::Forward;
            return Err(Diverged { layer: self.spec.name(layer), epoch: self.epoch + 1, step: self.state.steps + 1 });
        }
        self.phase = Phase::Backward;
        Ok(self.batch_loss)
    }

    /// Step 3: the gradient of every parameter.
    pub fn backward(&mut self) {
        self.network.backward();
        self.phase = Phase::Update;
        if self.batch_rows().end == self.order.len() {
            self.history.gradient_norms(&self.network, &mut self.norms);
        }
    }

    /// Step 4: moves the parameters, and counts the mini-batch as done.
    pub fn update(&mut self) {
        let done = self.batch_rows();
        if self.gather(&done) {
            self.network.update(&self.rule(), &mut self.state);
        } else {
            self.network.update_running_statistics();
        }
        self.loss_sum += self.batch_loss * done.len() as f64;
        self.position = done.end;
        self.phase = Phase::Forward;
        if self.position == self.order.len() {
            self.evaluating = Some((0, 0.0, self.tallies(false)));
        }
    }

    /// Adds the gradient of a mini-batch to those of one update; says whether the update is due, whose gradient is then the
    /// network's.
    fn gather(&mut self, rows: &std::ops::Range<usize>) -> bool {
        let all = self.config.optimizer.takes_all();
        if self.config.accumulate == 1 && !all {
            return true;
        }
        let learning = self.network.plan().learning;
        let (sum, samples) = &mut self.gathered;
        if *samples == 0 {
            sum.clear();
            sum.resize(learning, 0.0);
        }
        update::add(sum, &self.network.grads()[..learning], rows.len() as f32);
        *samples += rows.len();
        let batch = rows.start / self.config.batch_size + 1;
        let due = rows.end == self.order.len() || (!all && batch.is_multiple_of(self.config.accumulate));
        if due {
            update::scale(sum, 1.0 / *samples as f32);
            self.network.grads_mut()[..learning].copy_from_slice(sum);
            *samples = 0;
        }
        due
    }

    fn tallies(&self, fully: bool) -> Vec<Tally> {
        let heads = self.network.plan().heads.iter().zip(&self.head_targets);
        heads.map(|(head, targets)| Tally::new(&targets.targets, head.encoding, head.loss.link(), fully)).collect()
    }

    /// Runs a chunk of rows without dropout or weights and adds it to the tallies; returns its mean loss.
    fn evaluate_rows(&mut self, rows: &[u32], tallies: &mut [Tally]) -> f64 {
        load(&mut self.network, &self.data, &self.head_targets, rows, false);
        self.network.forward(false, 0);
        let loss = self.network.error();
        let stride = self.network.stride();
        for (index, (targets, tally)) in self.head_targets.iter().zip(tallies).enumerate() {
            let used = &mut self.prediction[..self.network.outputs(index) * stride];
            self.network.predict(index, used);
            tally.add(&targets.targets, rows, used, stride, self.network.head_loss(index));
        }
        loss
    }

    /// One phase, or one chunk of the validation at the end of an epoch.
    ///
    /// # Errors
    /// When the loss is not finite.
    pub fn advance(&mut self) -> Result<Tick, Diverged> {
        if self.evaluating.is_some() {
            return Ok(self.evaluate_chunk());
        }
        let phase = self.phase;
        match phase {
            Phase::Forward => self.forward(),
            Phase::Error => self.error().map(|_| ())?,
            Phase::Backward => self.backward(),
            Phase::Update => {
                self.update();
                return Ok(Tick::Batch);
            }
        }
        Ok(Tick::Phase(phase))
    }

    /// The rest of a mini-batch, or one chunk of the validation at the end of an epoch.
    ///
    /// # Errors
    /// When the loss is not finite.
    pub fn tick(&mut self) -> Result<Tick, Diverged> {
        loop {
            match self.advance()? {
                Tick::Phase(_) => {}
                tick => return Ok(tick),
            }
        }
    }

    /// The rest of the epoch.
    ///
    /// # Errors
    /// When the loss is not finite.
    pub fn epoch(&mut self) -> Result<(), Diverged> {
        while self.tick()? != Tick::Epoch {}
        Ok(())
    }

    fn evaluate_chunk(&mut self) -> Tick {
        let Some((at, mut loss, mut tallies)) = self.evaluating.take() else { return Tick::Batch };
        let data = Arc::clone(&self.data);
        let rows = data.part(Part::Validation);
        if at < rows.len() {
            let chunk = &rows[at..rows.len().min(at + self.network.capacity())];
            loss += self.evaluate_rows(chunk, &mut tallies) * chunk.len() as f64;
            if at + chunk.len() < rows.len() {
                self.evaluating = Some((at + chunk.len(), loss, tallies));
                return Tick::Evaluating;
            }
            self.head_validations.clear();
            self.head_validations.extend(tallies.iter().zip(&self.head_targets).map(|(t, j)| t.finish(&j.targets)));
            self.validation =
                self.head_validations.first().map(|first| Evaluation { loss: loss / rows.len() as f64, ..*first });
        }
        // That of the last update.
        let rate = self.learning_rate((self.order.len() - 1) / self.config.batch_size * self.config.batch_size);
        self.epoch += 1;
        let train_loss = self.loss_sum / self.order.len() as f64;
        self.history.record(self.epoch, train_loss, self.validation, rate, &self.norms);
        self.observe(self.validation.map_or(train_loss, |v| v.loss));
        if self.history.wants_histogram(self.epoch) {
            self.history.record_histogram(self.epoch, &self.network);
        }
        self.loss_sum = 0.0;
        self.shuffle();
        Tick::Epoch
    }

    /// Lets the schedule and early stopping see the loss of an epoch, and brings back the best parameters at the end.
    fn observe(&mut self, loss: f64) {
        let stopping = self.config.early_stopping;
        let best = self.watch.observe(loss, self.config.schedule, stopping);
        if !stopping.is_some_and(|s| s.restore_best) {
            return;
        }
        if best {
            self.network.params().clone_into(&mut self.watch.parameters);
        } else if self.watch.stopped && self.watch.parameters.len() == self.network.params().len() {
            self.network.params_mut().copy_from_slice(&self.watch.parameters);
        }
    }

    /// The configured learning rate as the schedule changes it, after so many rows of this epoch.
    fn learning_rate(&self, position: usize) -> f32 {
        let epochs = self.epoch as f64 + position as f64 / self.order.len().max(1) as f64;
        let factor = self.config.schedule.factor(epochs) * self.watch.factor;
        (f64::from(self.config.learning_rate) * factor) as f32
    }

    /// Whether early stopping has ended training.
    pub fn has_stopped_early(&self) -> bool {
        self.watch.stopped
    }

    /// Goes on after an early end, with patience anew.
    pub fn go_on(&mut self) {
        self.watch.stopped = false;
        self.watch.since = 0;
    }

    /// Loss (of all heads) and metrics (of the first) of a part; none where it is empty. A mini-batch in the middle of its
    /// phases begins anew.
    pub fn evaluate(&mut self, part: Part) -> Option<Evaluation> {
        let (loss, tallies) = self.evaluate_part(part, false)?;
        Some(Evaluation { loss, ..tallies[0].finish(&self.head_targets[0].targets) })
    }

    /// The same with every other metric, and for classes with their confusion; for each head, with its own loss.
    pub fn evaluate_fully(&mut self, part: Part) -> Option<Vec<FullEvaluation>> {
        let (_, tallies) = self.evaluate_part(part, true)?;
        let heads = self.network.plan().heads.iter().zip(&self.head_targets).zip(tallies);
        let full = heads.map(|((head, targets), tally)| FullEvaluation {
            layer: head.layer,
            evaluation: tally.finish(&targets.targets),
            scores: tally.scores(&targets.targets),
            confusion: tally.confusion(),
        });
        Some(full.collect())
    }

    fn evaluate_part(&mut self, part: Part, fully: bool) -> Option<(f64, Vec<Tally>)> {
        self.restart_batch();
        let data = Arc::clone(&self.data);
        let rows = data.part(part);
        if rows.is_empty() {
            return None;
        }
        let mut tallies = self.tallies(fully);
        let mut loss = 0.0;
        for chunk in rows.chunks(self.network.capacity()) {
            loss += self.evaluate_rows(chunk, &mut tallies) * chunk.len() as f64;
        }
        Some((loss / rows.len() as f64, tallies))
    }

    /// Everything needed to go on exactly here.
    pub fn save(&self) -> RunState {
        let (plan, params) = (self.network.plan(), self.network.params());
        RunState {
            seed: self.config.seed,
            epoch: self.epoch,
            position: self.position,
            loss_sum: self.loss_sum,
            watch: self.watches().then(|| self.watch.clone()),
            norms: if self.evaluating.is_some() { self.norms.clone() } else { Vec::new() },
            gathered: if self.gathered.1 > 0 { self.gathered.0.clone() } else { Vec::new() },
            gathered_samples: self.gathered.1,
            ..RunState::new(plan, params, &self.state, self.history.clone(), self.data.encoder.clone())
        }
    }

    /// Whether anything depends on the losses so far.
    fn watches(&self) -> bool {
        self.config.early_stopping.is_some() || matches!(self.config.schedule, Schedule::Plateau { .. })
    }

    /// Goes on where `run` stopped.
    ///
    /// # Errors
    /// When the run belongs to another network or to other data; the session is as before then.
    pub fn resume(&mut self, run: &RunState) -> Result<(), SessionError> {
        let wrong = |text: &str| Err(SessionError::Run(text.to_owned()));
        if run.position > self.order.len() {
            return wrong("it has more training rows than the data");
        }
        if run.history.layers != self.history.layers || !run.history.fits() {
            return wrong("its history has other layers");
        }
        if !(run.norms.is_empty() || run.norms.len() == self.norms.len()) {
            return wrong("its gradient norms are of other layers");
        }
        let watch = run.watch.clone().unwrap_or_default();
        if !(watch.parameters.is_empty() || watch.parameters.len() == self.network.params().len()) {
            return wrong("its best parameters are of another network");
        }
        if run.gathered_samples > 0 && run.gathered.len() != self.network.plan().learning {
            return wrong("its gradients are of another network");
        }
        let optimizer = self.config.optimizer;
        let (params, state) = run.restore(self.network.plan(), optimizer).map_err(SessionError::Run)?;
        self.network.params_mut().copy_from_slice(&params);
        self.state = state;
        self.history = run.history.clone();
        self.epoch = run.epoch;
        self.loss_sum = run.loss_sum;
        self.watch = watch;
        self.gathered = (run.gathered.clone(), run.gathered_samples);
        if !run.norms.is_empty() {
            self.norms.copy_from_slice(&run.norms);
        }
        self.batch_loss = f64::NAN;
        self.restart_batch();
        self.validation = self.history.last_evaluation();
        self.head_validations.clear();
        self.shuffle();
        self.position = run.position;
        self.evaluating = (self.position == self.order.len()).then(|| (0, 0.0, self.tallies(false)));
        Ok(())
    }

    fn batch_rows(&self) -> std::ops::Range<usize> {
        self.position..(self.position + self.config.batch_size).min(self.order.len())
    }

    pub fn network(&self) -> &Network<f32> {
        &self.network
    }

    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    pub fn data(&self) -> &Arc<Dataset> {
        &self.data
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

    /// What each head is compared with.
    pub fn head_targets(&self) -> &[HeadTargets] {
        &self.head_targets
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

    /// The rows of the data set in the current mini-batch.
    pub fn mini_batch(&self) -> &[u32] {
        &self.order[self.batch_rows()]
    }
}

fn build(
    spec: &NetworkSpec,
    data: &Dataset,
    config: &TrainConfig,
    threads: usize,
) -> Result<Network<f32>, SessionError> {
    let capacity = config.batch_size.min(data.part(Part::Train).len()).max(CAPACITY);
    let plan = nn::compile(spec, &task(data), capacity)
        .map_err(|problems| SessionError::Problems(problems.iter().map(|p| p.text(spec)).collect()))?;
    Ok(Network::new(plan, capacity, config.seed, threads))
}
