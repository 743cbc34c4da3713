//! A thread that trains: commands in, snapshots out. It never waits for the screen, and the screen never for it.

use super::config::TrainConfig;
use super::run::RunState;
use super::session::{Phase, Session, Tick};
use super::snapshot::{Snapshot, Status};
use super::thread_pool::thread_pool;
use super::training_state::TrainingState;
use crate::data::{Dataset, Part};
use crate::nn::{NetworkSpec, Plan};
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
        run: Option<Box<RunState>>,
    },
    /// Nothing to train any more.
    Unload {
        generation: u64,
    },
    /// The same network, of which other layers learn, or at other rates; the run goes on.
    Relearn {
        generation: u64,
        spec: NetworkSpec,
    },
    Configure(TrainConfig),
    Play,
    Pause,
    Step(StepUnit),
    /// Back to the initial parameters.
    Rewind,
    Pace(Pace),
    /// Asks for the run as data; nothing comes when there is none.
    Save(Sender<RunState>),
    /// Asks where training stands, and of which load that is; nothing comes when there is none.
    Look(Sender<(u64, TrainingState)>),
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
    /// So many strides a second, to be watched.
    Slow { unit: StepUnit, per_second: f32 },
}

/// At most 60 snapshots a second.
const FRAME: Duration = Duration::from_micros(16_667);
/// Work between two looks at the commands.
const BURST: Duration = Duration::from_millis(2);
/// Between two evaluations of the test rows while training runs.
const TEST_EVERY: Duration = Duration::from_millis(500);
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

    /// Sends a command; it is answered after at most one mini-batch.
    pub fn send(&self, command: Command) {
        // The thread ends only with this handle, and a panic inside it is caught, so somebody listens.
        self.commands.send(command).ok();
    }

    /// The newest picture.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.latest.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Trainer {
    inbox: Receiver<Command>,
    latest: Arc<Mutex<Arc<Snapshot>>>,
    wake: Box<dyn Fn() + Send>,
    threads: usize,
    session: Option<Session>,
    /// What the session was made of, to make it anew after a failure.
    loaded: Option<(NetworkSpec, Arc<Dataset>, TrainConfig)>,
    plan: Option<Arc<Plan>>,
    picture: Snapshot,
    pace: Pace,
    published: Instant,
    copied: Instant,
    tested: Instant,
    test_due: bool,
    /// Samples and time since the last estimate of the speed.
    samples: usize,
    speed_since: Instant,
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
            test_due: false,
            samples: 0,
            speed_since: now,
            burst: 1,
        }
    }

    fn run(mut self) {
        loop {
            // Idle: wait for a command. Running: look whether there is one. Slow: wait until the next step is due.
            let wait = match (self.picture.is_running(), self.pace) {
                (false, _) => None,
                (true, Pace::Full) => Some(Duration::ZERO),
                (true, Pace::Slow { per_second, .. }) => Some(Duration::from_secs_f32(1.0 / per_second.max(0.01))),
            };
            let command = match wait {
                None => self.inbox.recv().map_err(RecvTimeoutError::from),
                Some(wait) => self.inbox.recv_timeout(wait),
            };
            match command {
                Ok(command) => self.guarded(|t| t.obey(command)),
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => self.guarded(Self::work),
            }
        }
    }

    /// Runs `f`; a panic becomes a status, and the session, which may be half-done, is given up.
    fn guarded(&mut self, f: impl FnOnce(&mut Self)) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| f(self))) {
            let text = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()))
                .unwrap_or_else(|| "unknown reason".to_owned());
            self.session = None;
            let message = format!("The trainer failed: {text}. Your document is unharmed; rewind to start again.");
            self.picture.status = Status::Failed(message);
            self.publish(true);
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Load { generation, spec, data, config, run } => self.load(generation, &spec, data, config, run),
            Command::Unload { generation } => {
                self.session = None;
                self.loaded = None;
                self.plan = None;
                self.picture = Snapshot { generation, rewinds: self.picture.rewinds, ..Snapshot::default() };
            }
            Command::Relearn { generation, spec } => self.relearn(generation, spec),
            Command::Configure(config) => {
                if let Some(session) = &mut self.session {
                    let epochs = config.epochs;
                    match session.configure(config.clone()) {
                        Ok(()) => self.set_stop(epochs),
                        Err(e) => self.picture.status = Status::Failed(e.to_string()),
                    }
                }
                if let Some((.., loaded)) = &mut self.loaded {
                    *loaded = config;
                }
            }
            Command::Play => self.play(),
            Command::Pause => {
                if self.picture.is_running() {
                    self.picture.status = Status::Paused;
                    self.test_due = true;
                }
            }
            Command::Step(unit) => {
                if self.session.is_some() && !matches!(self.picture.status, Status::Diverged(_)) {
                    self.picture.status = Status::Paused;
                    self.advance(unit);
                    self.test_due = true;
                }
            }
            Command::Rewind => {
                if let Some(session) = &mut self.session {
                    session.rewind();
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
            Command::Pace(pace) => self.pace = pace,
            Command::Look(reply) => {
                if let Some(session) = &self.session {
                    reply.send((self.picture.generation, session.training_state())).ok();
                }
                // Nothing has changed that a new picture would show.
                return;
            }
            Command::Save(reply) => {
                if let Some(session) = &self.session {
                    // Whoever asked may have gone.
                    reply.send(session.save()).ok();
                }
            }
        }
        self.publish(true);
    }

    fn load(
        &mut self,
        generation: u64,
        spec: &NetworkSpec,
        data: Arc<Dataset>,
        config: TrainConfig,
        run: Option<Box<RunState>>,
    ) {
        let epochs = config.epochs;
        self.picture = Snapshot { generation, rewinds: self.picture.rewinds + 1, ..Snapshot::default() };
        self.session = None;
        self.plan = None;
        self.loaded = Some((spec.clone(), Arc::clone(&data), config.clone()));
        match Session::new(spec, data, config, self.threads) {
            Ok(mut session) => {
                self.picture.status = Status::Paused;
                if let Some(Err(e)) = run.map(|run| session.resume(&run)) {
                    self.picture.status = Status::Failed(e.to_string());
                }
                self.plan = Some(Arc::new(session.network().plan().clone()));
                self.session = Some(session);
                self.set_stop(epochs);
                self.burst = 1;
                self.test_due = true;
            }
            Err(e) => self.picture.status = Status::Failed(e.to_string()),
        }
    }

    fn relearn(&mut self, generation: u64, spec: NetworkSpec) {
        self.picture.generation = generation;
        if let Some(session) = &mut self.session {
            match session.relearn(&spec) {
                Ok(()) => self.plan = Some(Arc::new(session.network().plan().clone())),
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
        let Some(session) = &mut self.session else { return };
        if matches!(self.picture.status, Status::Diverged(_)) {
            return;
        }
        session.go_on();
        self.picture.stopped_early = false;
        // Pressed again at the end: as many epochs more.
        if let (Some(stop), Some(epochs)) = (self.picture.stop_at, session.config().epochs)
            && session.epochs() >= stop
        {
            self.picture.stop_at = Some(stop + epochs.max(1));
        }
        self.picture.status = Status::Running;
        self.samples = 0;
        self.speed_since = Instant::now();
    }

    fn work(&mut self) {
        match self.pace {
            Pace::Slow { unit, .. } => {
                self.advance(unit);
                self.publish(true);
            }
            Pace::Full => {
                let begun = Instant::now();
                if self.burst == 1 {
                    // A mini-batch may take long: commands are heard between its phases.
                    self.one(Session::advance);
                } else {
                    for _ in 0..self.burst {
                        if !self.one(Session::tick) {
                            break;
                        }
                    }
                }
                let took = begun.elapsed();
                if took > BURST {
                    self.burst = (self.burst / 2).max(1);
                } else if took < BURST / 3 {
                    self.burst = (self.burst * 2).min(1 << 16);
                }
                let ended = !self.picture.is_running();
                self.publish(ended);
            }
        }
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
            let mut last = None;
            let goes_on = self.one(|session| session.advance().inspect(|&tick| last = Some(tick)));
            // A batch that ends its epoch ends with the validation; a long epoch stays interruptible.
            let validates = self.session.as_ref().is_some_and(|s| s.progress().0 == s.progress().1);
            if !goes_on || (last.is_some_and(ends) && !(validates && unit != StepUnit::Phase)) {
                return;
            }
            if begun.elapsed() > FRAME {
                match self.inbox.try_recv() {
                    Ok(command) => {
                        self.obey(command);
                        return;
                    }
                    Err(_) => self.publish(false),
                }
            }
        }
    }

    /// One piece of work; false when training has ended.
    fn one(&mut self, advance: impl FnOnce(&mut Session) -> Result<Tick, super::session::Diverged>) -> bool {
        let Some(session) = &mut self.session else { return false };
        let before = session.progress().0;
        match advance(session) {
            Ok(Tick::Batch) => self.samples += session.progress().0.saturating_sub(before),
            Ok(Tick::Epoch) => {
                self.test_due = true;
                self.picture.stopped_early = session.has_stopped_early();
                if session.has_stopped_early() || self.picture.stop_at.is_some_and(|stop| session.epochs() >= stop) {
                    self.picture.status = Status::Finished;
                    return false;
                }
            }
            Ok(_) => {}
            Err(diverged) => {
                self.picture.status = Status::Diverged(diverged.to_string());
                return false;
            }
        }
        true
    }

    /// Publishes a picture when one is due; `now` when something changed that must be seen.
    fn publish(&mut self, now: bool) {
        if !now && self.published.elapsed() < FRAME {
            return;
        }
        let running = self.picture.is_running();
        if let Some(session) = &mut self.session {
            let idle_phase = session.phase() == Phase::Forward;
            let quick =
                session.data().part(Part::Test).len() as u128 * session.network().params().len() as u128 <= 50_000_000;
            let rested = !running || self.tested.elapsed() > TEST_EVERY;
            if self.test_due && idle_phase && rested && (quick || !running) {
                self.picture.test = Arc::new(session.evaluate_fully(Part::Test).unwrap_or_default());
                self.tested = Instant::now();
                self.test_due = false;
            }
            let elapsed = self.speed_since.elapsed().as_secs_f64();
            if (running && elapsed > 0.25) || (self.picture.status == Status::Finished && self.samples > 0) {
                self.picture.samples_per_second = self.samples as f64 / elapsed;
                self.samples = 0;
                self.speed_since = Instant::now();
            }
            let picture = &mut self.picture;
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
