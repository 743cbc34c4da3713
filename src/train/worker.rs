//! A thread that trains: commands in, snapshots out. It never waits for the screen, and the screen never for it.

use super::config::TrainConfig;
use super::evaluation::{PartEvaluation, rows_at_once};
use super::run::{Resume, RunState};
use super::session::{Diverged, Phase, Session, Tick};
use super::snapshot::{Snapshot, Status, TestEvaluation, TrainingTime};
use super::thread_pool::thread_pool;
use super::training_state::TrainingState;
use crate::data::{Dataset, Part};
use crate::nn::{NetworkSpec, Plan};
use crate::time_left::TimeLeft;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What the screen asks for.
pub enum Command {
    /// A new network or new data; training waits at its beginning, or where `run` stopped.
    Load {
        generation: u64,
        spec: NetworkSpec,
        data: Arc<Dataset>,
        config: TrainConfig,
        run: Option<Resume>,
    },
    /// Nothing to train any more.
    Unload {
        generation: u64,
    },
    /// The same network with other frozen layers or learning-rate multipliers; the run goes on.
    Relearn {
        generation: u64,
        spec: NetworkSpec,
    },
    Configure(TrainConfig),
    Play,
    /// Plays for so many epochs, in ten seconds at most where it is paced, and pauses there.
    TrainFor(u64),
    Pause,
    Step(StepUnit),
    /// Back to the initial parameters.
    Rewind,
    Pace(Pace),
    /// Asks for the run as data; there is no reply without a session.
    Save(Sender<RunState>),
    /// Asks where training stands, and of which load that is; there is no reply without a session.
    Look(Sender<(u64, TrainingState)>),
}

impl Command {
    /// Whether steps that are under way or wait for their turn end with it.
    fn ends_steps(&self) -> bool {
        match self {
            Self::Load { .. } | Self::Unload { .. } | Self::Play | Self::TrainFor(_) | Self::Pause | Self::Rewind => {
                true
            }
            Self::Relearn { .. }
            | Self::Configure(_)
            | Self::Step(_)
            | Self::Pace(_)
            | Self::Save(_)
            | Self::Look(_) => false,
        }
    }
}

/// How far one step goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum StepUnit {
    Phase,
    #[default]
    Batch,
    Epoch,
}

/// How fast playing goes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Pace {
    #[default]
    Full,
    /// So many units per second, slow enough to watch.
    Slow { unit: StepUnit, per_second: f32 },
}

/// At most 60 snapshots a second.
const FRAME: Duration = Duration::from_micros(16_667);
/// Time spent on training between two looks at the commands, about.
const BURST: Duration = Duration::from_millis(2);
/// Time between two evaluations of the test rows while training runs, at least.
const TEST_EVERY: Duration = Duration::from_millis(500);
/// While training runs, it gets at least so many times as long as the evaluation of the test rows took.
const TRAIN_PER_TEST: u32 = 20;
/// Seconds that [`Command::TrainFor`] may take where it is paced.
const LONGEST: f32 = 10.0;
/// Networks with more parameters are copied less often, so that copying stays a small part of the work.
const SMALL_COPY: usize = 250_000;

/// The handle to the thread; dropping it ends the thread without waiting for it.
pub struct Worker {
    commands: Sender<Command>,
    latest: Arc<Mutex<Arc<Snapshot>>>,
}

impl Worker {
    /// Starts the thread; `wake` is called after each new snapshot.
    pub fn start(threads: usize, wake: impl Fn() + Send + 'static) -> Self {
        let (commands, inbox) = channel();
        let latest = Arc::new(Mutex::new(Arc::new(Snapshot::default())));
        let publish = Arc::clone(&latest);
        std::thread::Builder::new()
            .name("trainer".to_owned())
            .spawn(move || {
                let _pool = thread_pool(threads);
                Trainer::new(inbox, publish, threads, Box::new(wake)).run();
            })
            .map_or_else(|e| eprintln!("The training thread could not be started: {e}"), drop);
        Self { commands, latest }
    }

    /// Sends a command. It is obeyed after the work in progress: a phase of a mini-batch, or as many mini-batches, rows of the
    /// validation or rows of the test part as take a few milliseconds.
    pub fn send(&self, command: Command) {
        // The thread ends only with this handle, and a panic inside it is caught, so the channel is open.
        self.commands.send(command).ok();
    }

    /// The newest snapshot.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.latest.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// An evaluation of the test rows that is under way, and what its parameters belong to.
struct TestInProgress {
    epoch: u64,
    step: u64,
    evaluation: PartEvaluation,
    took: Duration,
}

struct Trainer {
    inbox: Receiver<Command>,
    latest: Arc<Mutex<Arc<Snapshot>>>,
    wake: Box<dyn Fn() + Send>,
    threads: usize,
    session: Option<Session>,
    /// What the session was built from, to build it again after a failure.
    loaded: Option<(NetworkSpec, Arc<Dataset>, TrainConfig)>,
    plan: Option<Arc<Plan>>,
    /// The next snapshot.
    picture: Snapshot,
    pace: Pace,
    published: Instant,
    copied: Instant,
    tested: Instant,
    /// How long the last evaluation of the test rows took.
    test_took: Duration,
    /// When the next step of slow motion is due.
    due: Instant,
    /// Whether the parameters have changed since the test rows were last evaluated.
    test_due: bool,
    testing: Option<TestInProgress>,
    /// The epoch at which playing pauses, and the updates a second that it needs.
    until: Option<(u64, f32)>,
    /// Steps that came while another was under way.
    steps: VecDeque<StepUnit>,
    /// How long a step goes on before it looks at the commands.
    patience: Duration,
    /// Samples and time since the last estimate of the speed.
    samples: usize,
    speed_since: Instant,
    /// Seconds of training that went into the run.
    seconds: f64,
    /// Up to when they are counted; none while training does not run.
    counted: Option<Instant>,
    /// Epochs, of which the last may be in part, over these seconds.
    time_left: TimeLeft,
    /// Mini-batches between two looks at the commands.
    burst: usize,
}

impl Trainer {
    fn new(
        inbox: Receiver<Command>,
        latest: Arc<Mutex<Arc<Snapshot>>>,
        threads: usize,
        wake: Box<dyn Fn() + Send>,
    ) -> Self {
        let now = Instant::now();
        Self {
            inbox,
            latest,
            wake,
            threads,
            session: None,
            loaded: None,
            plan: None,
            picture: Snapshot::default(),
            pace: Pace::Full,
            published: now,
            copied: now,
            tested: now,
            test_took: Duration::ZERO,
            due: now,
            test_due: false,
            testing: None,
            until: None,
            steps: VecDeque::new(),
            patience: FRAME,
            samples: 0,
            speed_since: now,
            seconds: 0.0,
            counted: None,
            time_left: TimeLeft::default(),
            burst: 1,
        }
    }

    fn run(mut self) {
        while self.turn() {}
    }

    /// Obeys a command or, where none has come, does a bounded piece of work; false once the handle is gone.
    fn turn(&mut self) -> bool {
        // Idle: wait for a command. Busy: look whether there is one. Slow: wait until the next step is due.
        let wait = match (self.picture.is_running(), self.pace) {
            _ if self.testing.is_some() || !self.steps.is_empty() => Some(Duration::ZERO),
            (false, _) => None,
            (true, Pace::Full) => Some(Duration::ZERO),
            (true, Pace::Slow { .. }) => Some(self.due.saturating_duration_since(Instant::now())),
        };
        let command = match wait {
            None => self.inbox.recv().map_err(RecvTimeoutError::from),
            Some(wait) => self.inbox.recv_timeout(wait),
        };
        match command {
            Ok(command) => self.guarded(|t| t.obey(command)),
            Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) => self.guarded(Self::work),
        }
        true
    }

    /// Runs `f`; a panic becomes a status, and the session, which may be in the middle of a change, is dropped.
    fn guarded(&mut self, f: impl FnOnce(&mut Self)) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| f(self))) {
            let text = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()))
                .unwrap_or_else(|| "unknown reason".to_owned());
            self.session = None;
            self.testing = None;
            self.steps.clear();
            let message = format!("The trainer failed: {text}. Your document is unharmed; rewind to start again.");
            self.picture.status = Status::Failed(message);
            self.publish(true);
        }
    }

    fn obey(&mut self, command: Command) {
        if command.ends_steps() {
            self.steps.clear();
            self.until = None;
        }
        match command {
            Command::Load { generation, spec, data, config, run } => self.load(generation, &spec, data, config, run),
            Command::Unload { generation } => {
                self.session = None;
                self.testing = None;
                self.loaded = None;
                self.plan = None;
                self.picture = Snapshot { generation, rewinds: self.picture.rewinds, ..Snapshot::default() };
            }
            Command::Relearn { generation, spec } => self.relearn(generation, spec),
            Command::Configure(config) => {
                if let Some(session) = &mut self.session {
                    let epochs = config.epochs;
                    match session.configure(config.clone()) {
                        Ok(()) => {
                            self.picture.notes = Arc::new(session.notes());
                            self.set_stop(epochs);
                        }
                        Err(e) => self.picture.status = Status::Failed(e.to_string()),
                    }
                }
                if let Some((.., loaded)) = &mut self.loaded {
                    *loaded = config;
                }
            }
            Command::Play => self.play(),
            Command::TrainFor(epochs) => {
                if let Some(session) = &self.session {
                    let updates = session.progress().1.div_ceil(session.config().batch_size) as u64 * epochs;
                    self.until = Some((session.epochs() + epochs, updates as f32 / LONGEST));
                    self.play();
                }
            }
            Command::Pause => {
                if self.picture.is_running() {
                    self.picture.status = Status::Paused;
                    // One under way is of the parameters that stay now.
                    self.test_due |= self.testing.is_none();
                }
            }
            Command::Step(unit) => {
                self.steps.push_back(unit);
                self.step();
            }
            Command::Rewind => {
                self.testing = None;
                self.set_time(0.0);
                if let Some(session) = &mut self.session {
                    session.rewind();
                    self.picture.restored = None;
                    self.picture.rewinds += 1;
                    self.picture.status = Status::Paused;
                    self.picture.test = Arc::default();
                    self.picture.history = Arc::default();
                    let epochs = session.config().epochs;
                    self.picture.stop_at = None;
                    self.set_stop(epochs);
                    self.picture.samples_per_second = 0.0;
                    self.test_due = true;
                } else if let Some((spec, data, config)) = self.loaded.clone() {
                    self.load(self.picture.generation, &spec, data, config, None);
                }
            }
            Command::Pace(pace) => {
                self.pace = pace;
                self.time_left.restart();
                self.due = Instant::now();
            }
            Command::Look(reply) => {
                if let Some(session) = &self.session {
                    reply.send((self.picture.generation, session.training_state())).ok();
                }
                // Nothing has changed that a new snapshot would show.
                return;
            }
            Command::Save(reply) => {
                self.count_time();
                if let Some(session) = &self.session {
                    // The receiver may be gone.
                    reply.send(RunState { seconds: self.seconds, ..session.save() }).ok();
                }
            }
        }
        self.begin_test();
        self.publish(true);
    }

    /// Takes the step whose turn it is.
    fn step(&mut self) {
        let Some(unit) = self.steps.pop_front() else { return };
        if self.session.is_some() && !matches!(self.picture.status, Status::Diverged(_)) {
            self.picture.status = Status::Paused;
            self.abandon_test();
            // A step after an early end goes on, as play does.
            if let Some(session) = self.session.as_mut().filter(|s| s.has_stopped_early()) {
                session.go_on();
                self.picture.stopped_early = false;
            }
            let begun = Instant::now();
            self.advance(unit);
            self.seconds += begun.elapsed().as_secs_f64();
            self.test_due |= self.testing.is_none();
        }
    }

    fn load(
        &mut self,
        generation: u64,
        spec: &NetworkSpec,
        data: Arc<Dataset>,
        config: TrainConfig,
        run: Option<Resume>,
    ) {
        let epochs = config.epochs;
        self.picture = Snapshot { generation, rewinds: self.picture.rewinds + 1, ..Snapshot::default() };
        self.session = None;
        self.testing = None;
        self.plan = None;
        self.set_time(0.0);
        self.loaded = Some((spec.clone(), Arc::clone(&data), config.clone()));
        match Session::new(spec, data, config, self.threads) {
            Ok(mut session) => {
                self.picture.status = Status::Paused;
                match run {
                    None => {}
                    Some(Resume::Saved(run)) => match session.resume(&run) {
                        Ok(()) => self.set_time(run.seconds),
                        Err(e) => self.picture.status = Status::Failed(e.to_string()),
                    },
                    // What was kept was sent before this command. Where it does not fit, the session is as it began.
                    Some(Resume::Kept(run)) => {
                        if let Ok(run) = run.try_recv()
                            && session.resume(&run).is_ok()
                        {
                            self.set_time(run.seconds);
                        }
                    }
                }
                self.picture.restored = session.restored_epoch();
                self.plan = Some(Arc::new(session.network().plan().clone()));
                self.picture.notes = Arc::new(session.notes());
                let stopped = session.has_stopped_early() && self.picture.status == Status::Paused;
                self.session = Some(session);
                self.set_stop(epochs);
                if stopped {
                    (self.picture.status, self.picture.stopped_early) = (Status::Finished, true);
                }
                self.burst = 1;
                self.test_due = true;
            }
            Err(e) => self.picture.status = Status::Failed(e.to_string()),
        }
    }

    fn relearn(&mut self, generation: u64, spec: NetworkSpec) {
        self.picture.generation = generation;
        self.abandon_test();
        if let Some(session) = &mut self.session {
            match session.relearn(&spec) {
                Ok(()) => {
                    self.plan = Some(Arc::new(session.network().plan().clone()));
                    self.picture.notes = Arc::new(session.notes());
                }
                Err(e) => self.picture.status = Status::Failed(e.to_string()),
            }
        }
        if let Some((loaded, ..)) = &mut self.loaded {
            *loaded = spec;
        }
    }

    /// Training that was already extended beyond the number of epochs keeps its next stop.
    fn set_stop(&mut self, epochs: Option<u64>) {
        let done = self.session.as_ref().map_or(0, Session::epochs);
        self.picture.stop_at = epochs.map(|n| n.max(1)).map(|n| if done > n { done.div_ceil(n) * n } else { n });
        if self.picture.status == Status::Finished && self.picture.stop_at.is_none_or(|stop| done < stop) {
            self.picture.status = Status::Paused;
        }
    }

    fn play(&mut self) {
        if matches!(self.picture.status, Status::Diverged(_)) {
            return;
        }
        self.abandon_test();
        let Some(session) = &mut self.session else { return };
        session.go_on();
        self.picture.restored = None;
        self.picture.stopped_early = false;
        // Played again at the end: as many epochs more.
        if let (Some(stop), Some(epochs)) = (self.picture.stop_at, session.config().epochs)
            && session.epochs() >= stop
        {
            self.picture.stop_at = Some(stop + epochs.max(1));
        }
        self.picture.status = Status::Running;
        (self.tested, self.due) = (Instant::now(), Instant::now());
        self.samples = 0;
        self.speed_since = Instant::now();
    }

    fn work(&mut self) {
        if !self.steps.is_empty() {
            self.step();
            self.begin_test();
            self.publish(true);
            return;
        }
        if self.testing.is_some() {
            if self.continue_test() {
                self.publish(true);
            }
            return;
        }
        match self.pace {
            Pace::Slow { unit, per_second } => {
                let least =
                    self.until.map_or(0.01, |(_, updates)| if unit == StepUnit::Batch { updates } else { 0.01 });
                let each = Duration::from_secs_f32(1.0 / per_second.max(least));
                let begun = Instant::now();
                // As many steps as are due, but no more than there is time for before the next picture.
                while self.picture.is_running() && self.due <= begun && begun.elapsed() < FRAME {
                    self.advance(unit);
                    self.due += each;
                }
                // What could not be done in time is not made up for.
                self.due = self.due.max(begun);
                self.begin_test();
                self.publish(!self.picture.is_running() || each >= FRAME);
            }
            Pace::Full => {
                self.train_at_full_pace();
                self.begin_test();
                let ended = !self.picture.is_running();
                self.publish(ended);
            }
        }
    }

    /// As many mini-batches as take about [`BURST`], or one phase where a mini-batch takes longer.
    fn train_at_full_pace(&mut self) {
        let begun = Instant::now();
        if self.burst == 1 {
            self.one(Session::advance);
        } else {
            for _ in 0..self.burst {
                // A chunk of the validation may take far longer than a mini-batch.
                match self.one(Session::tick) {
                    Some(Tick::Evaluating) if begun.elapsed() > BURST => break,
                    Some(_) => {}
                    None => break,
                }
            }
        }
        let took = begun.elapsed();
        if took > BURST {
            self.burst = (self.burst / 2).max(1);
        } else if took < BURST / 3 {
            self.burst = (self.burst * 2).min(1 << 16);
        }
    }

    /// Begins an evaluation of the test rows where one is due. Short ones are complete when this returns.
    fn begin_test(&mut self) {
        let Some(session) = self.session.as_ref().filter(|_| self.test_due && self.testing.is_none()) else { return };
        if session.phase() != Phase::Forward {
            return;
        }
        if self.picture.is_running() && self.tested.elapsed() <= TEST_EVERY.max(self.test_took * TRAIN_PER_TEST) {
            return;
        }
        let evaluation = session.begin_evaluation(Part::Test);
        let epoch = self.picture.restored.unwrap_or(session.epochs());
        self.testing = Some(TestInProgress { epoch, step: session.steps(), evaluation, took: Duration::ZERO });
        self.test_due = false;
        self.continue_test();
    }

    /// A bounded number of test rows; true when they were the last, and the snapshot has the result.
    fn continue_test(&mut self) -> bool {
        let (Some(session), Some(mut testing)) = (&mut self.session, self.testing.take()) else { return false };
        let rows = rows_at_once(session.network().plan(), session.network().capacity());
        let begun = Instant::now();
        let complete = session.continue_evaluation(&mut testing.evaluation, rows);
        testing.took += begun.elapsed();
        if !complete {
            self.testing = Some(testing);
            return false;
        }
        let TestInProgress { epoch, step, evaluation, took } = testing;
        self.test_took = took;
        let heads = session.finish_evaluation(evaluation).unwrap_or_default();
        self.picture.test = Arc::new(TestEvaluation { epoch, step, heads });
        self.tested = Instant::now();
        true
    }

    /// Before the parameters change: an evaluation that is under way has to begin again.
    fn abandon_test(&mut self) {
        self.test_due |= self.testing.take().is_some();
    }

    fn advance(&mut self, unit: StepUnit) {
        let ends = |tick: Tick| match unit {
            // The validation at the end of an epoch belongs to the phase before it.
            StepUnit::Phase => tick != Tick::Evaluating,
            StepUnit::Batch => matches!(tick, Tick::Batch | Tick::Epoch),
            StepUnit::Epoch => tick == Tick::Epoch,
        };
        let begun = Instant::now();
        loop {
            let Some(tick) = self.one(Session::advance) else { return };
            // A batch that ends its epoch ends with the validation; a long epoch stays interruptible.
            let validates = self.session.as_ref().is_some_and(|s| s.progress().0 == s.progress().1);
            if ends(tick) && !(validates && unit != StepUnit::Phase) {
                return;
            }
            if begun.elapsed() > self.patience {
                match self.inbox.try_recv() {
                    Ok(Command::Step(unit)) => self.steps.push_back(unit),
                    Ok(command) => {
                        let ends = command.ends_steps();
                        self.obey(command);
                        if ends {
                            return;
                        }
                        self.abandon_test();
                    }
                    Err(_) => self.publish(false),
                }
            }
        }
    }

    /// One piece of training; none when training has ended.
    fn one(&mut self, advance: impl FnOnce(&mut Session) -> Result<Tick, Diverged>) -> Option<Tick> {
        let session = self.session.as_mut()?;
        let before = session.progress().0;
        self.picture.restored = None;
        match advance(session) {
            Ok(tick) => {
                if tick == Tick::Batch {
                    self.samples += session.progress().0.saturating_sub(before);
                }
                if tick == Tick::Epoch {
                    self.test_due = true;
                    self.picture.stopped_early = session.has_stopped_early();
                    if let Some((epoch, _)) = self.until {
                        if session.epochs() >= epoch {
                            self.until = None;
                            self.picture.status = Status::Paused;
                            return None;
                        }
                        return Some(tick);
                    }
                    let reached = self.picture.stop_at.is_some_and(|stop| session.epochs() >= stop);
                    if reached || session.has_stopped_early() {
                        self.picture.restored = session.restore_best();
                        self.picture.status = Status::Finished;
                        return None;
                    }
                }
                Some(tick)
            }
            Err(diverged) => {
                self.picture.status = Status::Diverged(diverged.to_string());
                None
            }
        }
    }

    /// The run has taken so long; how fast it goes is found out anew.
    fn set_time(&mut self, seconds: f64) {
        self.seconds = seconds;
        self.counted = None;
        self.time_left.restart();
    }

    /// Counts the time since the last call where training ran all that time.
    fn count_time(&mut self) {
        let now = Instant::now();
        if let (Some(since), Some(session)) = (self.counted, &self.session) {
            self.seconds += (now - since).as_secs_f64();
            let (done, rows) = session.progress();
            self.time_left.observe(session.epochs() as f64 + done as f64 / rows.max(1) as f64, self.seconds);
        }
        self.counted = self.picture.is_running().then_some(now);
    }

    fn training_time(&self, session: &Session) -> TrainingTime {
        let stop = self.until.map(|(epoch, _)| epoch).or(self.picture.stop_at).filter(|&stop| session.epochs() < stop);
        let goes_on = matches!(self.picture.status, Status::Running | Status::Paused);
        TrainingTime {
            seconds: self.seconds,
            epochs_per_second: self.time_left.per_second().filter(|_| goes_on),
            left: stop.filter(|_| goes_on).and_then(|stop| self.time_left.left(stop as f64)),
            at_most: self.until.is_none() && session.config().early_stopping.is_some(),
        }
    }

    /// Publishes a snapshot when one is due; `now` when something changed that must be seen.
    fn publish(&mut self, now: bool) {
        self.count_time();
        if !now && self.published.elapsed() < FRAME {
            return;
        }
        let running = self.picture.is_running();
        if let Some(session) = &self.session {
            let elapsed = self.speed_since.elapsed().as_secs_f64();
            if (running && elapsed > 0.25) || (self.picture.status == Status::Finished && self.samples > 0) {
                self.picture.samples_per_second = self.samples as f64 / elapsed;
                self.samples = 0;
                self.speed_since = Instant::now();
            }
            let time = self.training_time(session);
            let picture = &mut self.picture;
            picture.time = time;
            picture.epoch = session.epochs();
            picture.validations.clear();
            picture.validations.extend_from_slice(session.head_validations());
            picture.step = session.steps();
            picture.phase = Some(session.phase()).filter(|&p| p != Phase::Forward);
            picture.progress = session.progress();
            picture.batch_loss = Some(session.batch_loss()).filter(|l| l.is_finite());
            picture.plan.clone_from(&self.plan);
            let network = session.network();
            let large = network.params().len() > SMALL_COPY;
            if !(running && large && self.copied.elapsed() < FRAME * 12) {
                picture.params = Arc::new(network.params().to_vec());
                picture.grads = Arc::new(network.grads().to_vec());
                self.copied = Instant::now();
            }
            let mut norms = vec![0.0; session.history().layers.len()];
            session.history().gradient_norms(network, &mut norms);
            picture.gradient_norms = session.history().layers.iter().copied().zip(norms).collect();
            let (seen, own) = (&picture.history, session.history());
            if seen.layers != own.layers || seen.epochs != own.epochs || seen.histograms.len() != own.histograms.len() {
                picture.history = Arc::new(own.clone());
            }
        }
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(self.picture.clone());
        self.published = Instant::now();
        (self.wake)();
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Command, Pace, Phase, Session, Snapshot, Status, StepUnit, TEST_EVERY, TrainConfig, Trainer, TrainingTime,
    };
    use crate::data::{Dataset, Encoder, LeftOut, Part, Targets};
    use crate::nn::layers::{DenseSpec, InputSpec, OutputSpec};
    use crate::nn::{LayerKind, NetworkSpec};
    use crate::train::evaluation::{WORK_AT_ONCE, work};
    use ndarray::ArcArray2;
    use std::sync::mpsc::{Sender, channel};
    use std::sync::{Arc, Mutex};
    use std::time::{Duration, Instant};

    const TEST_ROWS: usize = 60_000;
    const TRAINING_ROWS: usize = 640;
    const FEATURES: usize = 16;

    /// Two classes by the sign of a sum, with a few training rows and many test rows.
    fn data() -> Arc<Dataset> {
        let rows = TRAINING_ROWS + TEST_ROWS;
        let x = ArcArray2::from_shape_fn((rows, FEATURES), |(row, k)| ((row * 37 + k * 101) % 23) as f32 / 11.0 - 1.0);
        let labels = x.rows().into_iter().map(|row| u32::from(row.sum() > 0.0)).collect();
        let targets = Targets::Classes { names: vec!["a".to_owned(), "b".to_owned()], labels };
        Arc::new(Dataset {
            name: String::new(),
            x,
            targets: vec![targets],
            weights: None,
            source_rows: Arc::new((0..rows).collect()),
            parts: [(0..TRAINING_ROWS as u32).collect(), Arc::default(), (TRAINING_ROWS as u32..rows as u32).collect()],
            encoder: Encoder::default(),
            augmentation: None,
            left_out: LeftOut::default(),
            told: Arc::default(),
        })
    }

    fn network(units: usize) -> NetworkSpec {
        let dense = |units| LayerKind::Dense(DenseSpec { units, ..DenseSpec::default() });
        let kinds =
            [LayerKind::Input(InputSpec::default()), dense(units), dense(2), LayerKind::Output(OutputSpec::default())];
        NetworkSpec::chain(kinds.into_iter().map(|kind| (String::new(), kind)))
    }

    fn config() -> TrainConfig {
        TrainConfig { batch_size: 16, epochs: None, ..TrainConfig::default() }
    }

    /// A trainer whose turns the test takes one by one, so that nothing depends on the clock.
    struct Driven {
        trainer: Trainer,
        commands: Sender<Command>,
        latest: Arc<Mutex<Arc<Snapshot>>>,
    }

    impl Driven {
        fn load(spec: NetworkSpec) -> Self {
            let (commands, inbox) = channel();
            let latest = Arc::new(Mutex::new(Arc::new(Snapshot::default())));
            let trainer = Trainer::new(inbox, Arc::clone(&latest), 1, Box::new(|| {}));
            let mut driven = Self { trainer, commands, latest };
            driven.tell(Command::Load { generation: 1, spec, data: data(), config: config(), run: None });
            driven
        }

        /// Sends a command and takes the turn in which it is obeyed.
        fn tell(&mut self, command: Command) {
            self.commands.send(command).expect("the trainer listens");
            self.turn();
        }

        /// One turn; no more test rows than are allowed between two looks at the commands.
        fn turn(&mut self) {
            let before = self.tested_rows().unwrap_or(0);
            let tested = self.snapshot().test.step;
            assert!(self.trainer.turn(), "the trainer goes on");
            let session = self.trainer.session.as_ref().expect("is loaded");
            let after = match self.tested_rows() {
                Some(rows) => rows,
                None if self.snapshot().test.step != tested => TEST_ROWS,
                None => return,
            };
            let rows = if after < before { after } else { after - before };
            assert!(rows * work(session.network().plan()) <= WORK_AT_ONCE, "{rows} rows between two looks");
        }

        /// Rows of the evaluation that is under way.
        fn tested_rows(&self) -> Option<usize> {
            self.trainer.testing.as_ref().map(|t| t.evaluation.done())
        }

        fn finish_test(&mut self) {
            while self.trainer.testing.is_some() {
                self.turn();
            }
        }

        fn snapshot(&self) -> Arc<Snapshot> {
            Arc::clone(&self.latest.lock().expect("nobody panicked"))
        }
    }

    /// What a session without a worker comes to after the same number of mini-batches.
    fn straight(spec: &NetworkSpec, steps: u64) -> Session {
        let mut session = Session::new(spec, data(), config(), 1).expect("fits");
        while session.steps() < steps {
            session.tick().expect("stays finite");
        }
        session
    }

    #[test]
    fn time_is_counted_while_training_runs_and_stands_still_in_a_pause() {
        let mut driven = Driven::load(network(8));
        driven.finish_test();
        assert_eq!(driven.snapshot().time, TrainingTime::default());
        driven.tell(Command::Configure(TrainConfig { epochs: Some(1_000_000), ..config() }));
        driven.tell(Command::Play);
        let run = |driven: &mut Driven, from: u64| {
            while driven.snapshot().step < from + 50 {
                driven.turn();
            }
        };
        run(&mut driven, 0);
        driven.tell(Command::Pause);
        driven.finish_test();
        let paused = driven.snapshot().time;
        assert!(paused.seconds > 0.0);
        let since = Instant::now();
        while since.elapsed() < Duration::from_millis(2) {
            std::hint::spin_loop();
        }
        driven.tell(Command::Configure(TrainConfig { epochs: Some(2_000_000), ..config() }));
        assert_eq!(driven.snapshot().time.seconds, paused.seconds, "it stands still");

        // Steps count too; a save keeps it, and what goes on with it goes on from there.
        driven.tell(Command::Step(StepUnit::Epoch));
        let stepped = driven.snapshot().time.seconds;
        assert!(stepped > paused.seconds);
        let (sender, saved) = channel();
        driven.tell(Command::Save(sender));
        let run_state = saved.recv().expect("there is a run");
        assert_eq!(run_state.seconds, stepped);
        let mut other = Driven::load(network(8));
        let run_on = Some(super::Resume::Saved(Box::new(run_state)));
        let (spec, config) = (network(8), config());
        other.tell(Command::Load { generation: 2, spec, data: data(), config, run: run_on });
        assert_eq!(other.snapshot().time.seconds, stepped);
        other.finish_test();
        other.tell(Command::Rewind);
        assert_eq!(other.snapshot().time.seconds, 0.0, "from the beginning");
    }

    #[test]
    fn the_rest_is_told_until_the_next_stop_and_at_most_where_it_may_stop_early() {
        let mut driven = Driven::load(network(8));
        driven.finish_test();
        let stopping = crate::train::EarlyStopping { patience: 5, restore_best: false };
        let config = TrainConfig { epochs: Some(20), early_stopping: Some(stopping), ..config() };
        driven.tell(Command::Configure(config));
        let trainer = &mut driven.trainer;
        // Two epochs a second, as if it had run for ten seconds.
        for half in 0..=20 {
            trainer.time_left.observe(f64::from(half), f64::from(half) * 0.5);
        }
        trainer.seconds = 10.0;
        let time = |trainer: &Trainer| trainer.training_time(trainer.session.as_ref().expect("is loaded"));
        let told = time(trainer);
        assert_eq!((told.epochs_per_second, told.left, told.at_most), (Some(2.0), Some(0.0), true));
        trainer.picture.stop_at = Some(420);
        assert_eq!(time(trainer).text(), "10 s so far, at most 3 min 20 s left, 2.0 epochs/s");
        // For so many epochs, it does not stop early.
        trainer.until = Some((40, 1.0));
        assert_eq!(time(trainer).text(), "10 s so far, about 10 s left, 2.0 epochs/s");
        (trainer.until, trainer.picture.stop_at) = (None, None);
        assert_eq!(time(trainer).text(), "10 s so far, 2.0 epochs/s", "without an end");
        trainer.picture.stop_at = Some(420);
        trainer.picture.status = Status::Finished;
        assert_eq!(time(trainer).text(), "10 s so far");
        driven.tell(Command::Pace(Pace::Slow { unit: StepUnit::Batch, per_second: 4.0 }));
        driven.trainer.picture.status = Status::Paused;
        assert_eq!(time(&driven.trainer).left, None, "at another pace nothing is known");
    }

    #[test]
    fn a_pause_is_answered_in_the_middle_of_sixty_thousand_test_rows() {
        let spec = network(24);
        let mut driven = Driven::load(spec.clone());
        assert_eq!(driven.snapshot().status, Status::Paused);
        assert!(driven.tested_rows().is_some_and(|rows| rows < TEST_ROWS), "the first evaluation has only begun");
        assert!(driven.snapshot().test.heads.is_empty(), "nothing is said of it before it is complete");
        driven.finish_test();
        let first = driven.snapshot().test.clone();
        assert_eq!((first.epoch, first.step, first.heads.len()), (0, 0, 1));

        driven.tell(Command::Play);
        while driven.trainer.testing.is_none() {
            driven.trainer.tested = Instant::now().checked_sub(2 * TEST_EVERY).expect("the machine runs that long");
            driven.trainer.test_took = Duration::ZERO;
            driven.turn();
        }
        assert!(driven.snapshot().is_running());
        let (step, rows) = (driven.trainer.session.as_ref().expect("is loaded").steps(), driven.tested_rows());
        driven.tell(Command::Pause);
        let paused = driven.snapshot();
        assert_eq!((paused.status.clone(), paused.step), (Status::Paused, step));
        assert_eq!(driven.tested_rows(), rows, "the pause is answered before another row is evaluated");
        assert_eq!(paused.test.step, 0, "what the snapshot says belongs to the last complete evaluation");
        // Where training stands is told in the middle of it too.
        let (reply, answer) = channel();
        driven.tell(Command::Look(reply));
        assert!(answer.try_recv().is_ok() && driven.tested_rows() == rows);

        driven.finish_test();
        let tested = driven.snapshot();
        assert_eq!((tested.test.step, tested.test.epoch, tested.step), (step, tested.epoch, step));
        let mut alone = straight(&spec, step);
        while alone.epochs() < tested.epoch {
            alone.tick().expect("stays finite");
        }
        assert_eq!(*tested.params, alone.network().params(), "evaluations change no bit of training");
        let want = alone.evaluate_fully(Part::Test).expect("there are test rows");
        let got = &tested.test.heads[0];
        assert_eq!((got.evaluation, got.scores), (want[0].evaluation, want[0].scores));
        assert_eq!(got.confusion, want[0].confusion);
        assert_eq!(got.confusion.as_ref().map(|c| c.counts.iter().sum()), Some(TEST_ROWS as u32));
    }

    #[test]
    fn steps_wait_for_the_one_before_and_a_pause_ends_them() {
        let spec = network(24);
        let mut driven = Driven::load(spec.clone());
        // Looks at the commands after every phase.
        driven.trainer.patience = Duration::ZERO;
        let (reply, answer) = channel();
        driven.commands.send(Command::Step(StepUnit::Epoch)).expect("the trainer listens");
        driven.commands.send(Command::Look(reply)).expect("the trainer listens");
        driven.commands.send(Command::Step(StepUnit::Batch)).expect("the trainer listens");
        driven.tell(Command::Step(StepUnit::Epoch));
        let (generation, seen) = answer.try_recv().expect("answered while the step was under way");
        assert_eq!(generation, 1);
        assert_eq!(seen.params, straight(&spec, 0).network().params(), "before its first update");
        assert_eq!((driven.snapshot().epoch, driven.snapshot().step), (1, 40), "one epoch, whatever came after it");
        driven.turn();
        assert_eq!((driven.snapshot().epoch, driven.snapshot().step), (1, 41));
        driven.turn();
        assert_eq!((driven.snapshot().epoch, driven.snapshot().step), (2, 80), "to the end of the epoch");
        assert_eq!(*driven.snapshot().params, straight(&spec, 80).network().params());

        driven.commands.send(Command::Step(StepUnit::Epoch)).expect("the trainer listens");
        driven.commands.send(Command::Step(StepUnit::Epoch)).expect("the trainer listens");
        driven.tell(Command::Pause);
        let paused = driven.snapshot();
        assert_eq!((paused.status.clone(), paused.step), (Status::Paused, 80));
        assert_eq!(paused.phase, Some(Phase::Backward), "two looks, two phases");
        assert!(driven.trainer.steps.is_empty());
    }

    #[test]
    fn a_step_in_the_middle_of_an_evaluation_begins_it_again_with_the_new_parameters() {
        let spec = network(200);
        let mut driven = Driven::load(spec.clone());
        for (step, unit) in [(1, StepUnit::Batch), (2, StepUnit::Batch), (40, StepUnit::Epoch)] {
            driven.turn();
            assert!(driven.tested_rows().is_some_and(|rows| rows < TEST_ROWS));
            driven.tell(Command::Step(unit));
            let stepped = driven.snapshot();
            assert_eq!(stepped.step, step);
            assert!(stepped.test.heads.is_empty(), "no evaluation was complete");
        }
        // While training runs, it is not tested so soon.
        driven.tell(Command::Pace(Pace::Slow { unit: StepUnit::Batch, per_second: 1.0 }));
        driven.tell(Command::Play);
        assert_eq!(driven.tested_rows(), None);
        driven.turn();
        driven.tell(Command::Pause);
        driven.finish_test();
        let tested = driven.snapshot();
        assert_eq!((tested.test.step, tested.test.heads.len()), (41, 1));
        let mut alone = straight(&spec, 41);
        assert_eq!(*tested.params, alone.network().params());
        let want = alone.evaluate_fully(Part::Test).expect("there are test rows");
        assert_eq!(tested.test.heads[0].evaluation, want[0].evaluation);
    }
}
