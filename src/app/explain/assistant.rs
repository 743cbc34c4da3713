//! Jobs that record traces and compute the loss around a weight, so that the screen never waits for either.

use super::super::state::{Job, Jobs};
use crate::data::{Dataset, Part};
use crate::explain::{Course, Finding, Landscape, ROWS, Slice, Trace, examine};
use crate::nn::{NetworkSpec, Problem};
use crate::train::{History, Replica, TrainConfig, TrainingState};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

/// What is recorded, and of which rows.
pub struct Wanted {
    pub generation: u64,
    pub spec: NetworkSpec,
    pub data: Arc<Dataset>,
    /// Comes from the trainer.
    pub start: Receiver<(u64, TrainingState)>,
    /// None for the next mini-batch.
    pub row: Option<u32>,
    pub training: TrainConfig,
    pub history: Arc<History>,
    pub diverged: bool,
}

/// Along which weight, and over which rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Along {
    pub index: usize,
    pub reach: f64,
    /// Over the training rows instead of those of the trace.
    pub all: bool,
    /// Another weight, for the surface of two.
    pub second: Option<usize>,
}

/// What a job works on.
enum Request {
    Trace(Box<Wanted>),
    Along(Arc<Recorded>, Along),
    At(Arc<Recorded>, Along, f64),
}

/// Networks that go with a job and come back with its reply: kept while network and data are the same.
#[derive(Default)]
struct Replicas {
    single: Option<Replica<f32>>,
    /// For central differences.
    double: Option<Replica<f64>>,
}

/// A recorded step, and what it was recorded from.
pub struct Recorded {
    pub generation: u64,
    pub trace: Trace<f32>,
    pub data: Arc<Dataset>,
    pub start: TrainingState,
    /// Counts the recordings.
    pub serial: u64,
    /// The diagnosis of the training.
    pub findings: Vec<Finding>,
}

/// The curve of the loss along one weight, and what belongs to it.
pub struct Walk {
    pub along: Along,
    pub slice: Slice,
    /// ∂L/∂w by the chain rule, and by central differences in double precision.
    pub slope: f64,
    pub difference: f64,
    pub rows: usize,
    /// The loss over two weights, `SIDE`² numbers from low to high row by row.
    pub surface: Option<Vec<f64>>,
}

pub enum Reply {
    Trace(Arc<Recorded>),
    Walk(u64, Box<Walk>),
    /// The loss with the weight at a value.
    At(u64, f64, f64),
    Failed(String),
}

/// Points of a curve, and of the side of a surface.
const POINTS: usize = 201;
pub const SIDE: usize = 31;
/// Training rows that a curve is computed over at most.
const MOST_ROWS: usize = 1000;

/// What is being recorded or computed, one thing at a time, and what comes after it.
#[derive(Default)]
pub struct Assistant {
    job: Option<Job<(Replicas, Option<Reply>)>>,
    replicas: Replicas,
    /// Of several requests of a kind that wait, only the last is answered.
    wanted: Option<Box<Wanted>>,
    curve: Option<Along>,
    point: Option<(Along, f64)>,
    recorded: Option<Arc<Recorded>>,
    /// Counts the recordings.
    serial: u64,
}

impl Assistant {
    /// Starts the thread; `wake` is called after each reply.
    pub fn record(&mut self, wanted: Wanted) {
        self.wanted = Some(Box::new(wanted));
    }

    /// Asks for the curve of the loss along a weight of the last recording.
    pub fn walk(&mut self, along: Along) {
        (self.curve, self.point) = (Some(along), None);
    }

    /// Asks for the loss with the weight at `value`.
    pub fn at(&mut self, along: Along, value: f64) {
        self.point = Some((along, value));
    }

    /// Starts what waits; returns what has come.
    pub fn poll(&mut self, jobs: &Jobs) -> Option<Reply> {
        let mut reply = None;
        if let Some(outcome) = self.job.as_mut().and_then(Job::take) {
            self.job = None;
            match outcome {
                Ok((replicas, answer)) => (self.replicas, reply) = (replicas, answer),
                Err(e) => reply = Some(Reply::Failed(format!("The recording failed: {e}."))),
            }
            if let Some(Reply::Trace(recorded)) = &reply {
                self.recorded = Some(Arc::clone(recorded));
            }
        }
        if self.job.is_none()
            && let Some(request) = self.next()
        {
            let (replicas, serial) = (std::mem::take(&mut self.replicas), self.serial);
            self.job = Some(jobs.start("explain", move |_| replicas.answer(request, serial)));
        }
        reply
    }

    fn next(&mut self) -> Option<Request> {
        if let Some(wanted) = self.wanted.take() {
            self.serial += 1;
            return Some(Request::Trace(wanted));
        }
        let recorded = self.recorded.clone()?;
        match self.curve.take() {
            Some(along) => Some(Request::Along(recorded, along)),
            None => self.point.take().map(|(along, value)| Request::At(recorded, along, value)),
        }
    }
}

impl Replicas {
    fn answer(mut self, request: Request, serial: u64) -> (Self, Option<Reply>) {
        let reply = self.reply(request, serial);
        (self, reply)
    }

    fn reply(&mut self, request: Request, serial: u64) -> Option<Reply> {
        match request {
            Request::Trace(wanted) => {
                let (generation, start) = wanted.start.recv().ok()?;
                // Another network has been loaded meanwhile.
                if generation != wanted.generation {
                    return None;
                }
                let rows = wanted.row.map_or_else(|| start.rows.clone(), |row| vec![row]);
                let (trace, findings) = match self.record(&wanted, &start, &rows) {
                    Ok(recorded) => recorded,
                    Err(problems) => {
                        let texts: Vec<String> = problems.iter().map(|p| p.text(&wanted.spec)).collect();
                        return Some(Reply::Failed(texts.join("\n")));
                    }
                };
                let recorded = Recorded { generation, trace, data: wanted.data, start, serial, findings };
                Some(Reply::Trace(Arc::new(recorded)))
            }
            Request::Along(recorded, along) => {
                let Recorded { trace, data, start, serial, .. } = &*recorded;
                let rows = rows_along(&recorded, along);
                let double = Replica::reuse(&mut self.double, &trace.spec, data, rows.len().min(ROWS)).ok()?;
                let difference = Landscape::new(double, start, rows).ok()?.difference(along.index);
                let mut single = self.landscape(&recorded, along)?;
                let walk = Walk {
                    along,
                    slice: single.slice(along.index, along.reach, POINTS),
                    slope: single.slope(along.index),
                    difference,
                    rows: single.rows(),
                    surface: along.second.map(|second| single.surface([along.index, second], along.reach, SIDE)),
                };
                Some(Reply::Walk(*serial, Box::new(walk)))
            }
            Request::At(recorded, along, value) => {
                let loss = self.landscape(&recorded, along)?.loss_with(&[(along.index, value)]);
                Some(Reply::At(recorded.serial, value, loss))
            }
        }
    }

    fn record(
        &mut self,
        wanted: &Wanted,
        start: &TrainingState,
        rows: &[u32],
    ) -> Result<(Trace<f32>, Vec<Finding>), Vec<Problem>> {
        let replica = Replica::reuse(&mut self.single, &wanted.spec, &wanted.data, rows.len())?;
        let trace = Trace::record(replica, start, rows)?;
        let course = Course { training: &wanted.training, history: &wanted.history, diverged: wanted.diverged };
        let findings = examine(replica, start, &course);
        Ok((trace, findings.unwrap_or_default()))
    }

    fn landscape<'a>(&'a mut self, recorded: &'a Recorded, along: Along) -> Option<Landscape<'a, f32>> {
        let rows = rows_along(recorded, along);
        let replica =
            Replica::reuse(&mut self.single, &recorded.trace.spec, &recorded.data, rows.len().min(ROWS)).ok()?;
        Landscape::new(replica, &recorded.start, rows).ok()
    }
}

/// The rows that a curve is the mean over.
fn rows_along(recorded: &Recorded, along: Along) -> &[u32] {
    let training = recorded.data.part(Part::Train);
    if along.all { &training[..training.len().min(MOST_ROWS)] } else { &recorded.trace.rows }
}
