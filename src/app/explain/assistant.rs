//! A thread that records traces and computes the loss around a weight, so that the screen never waits for either.

use crate::data::{Dataset, Part};
use crate::explain::{Case, Finding, Landscape, ROWS, Slice, Trace, diagnose};
use crate::nn::{NetworkSpec, Problem};
use crate::train::{History, Replica, TrainConfig, TrainingState};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

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

enum Request {
    Trace(Box<Wanted>),
    Along(u64, Along),
    At(u64, Along, f64),
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

/// The handle; dropping it ends the thread.
pub struct Assistant {
    requests: Sender<Request>,
    pub replies: Receiver<Reply>,
}

impl Assistant {
    /// Starts the thread; `wake` is called after each reply.
    pub fn start(wake: impl Fn() + Send + 'static) -> Self {
        let (requests, inbox) = channel();
        let (sender, replies) = channel();
        let work = move || {
            let mut at = Thread { serial: 0, recorded: None, single: None, double: None };
            while let Some(request) = newest(&inbox) {
                let Some(reply) = at.answer(request) else { continue };
                if sender.send(reply).is_err() {
                    return;
                }
                wake();
            }
        };
        // Without a thread nothing is recorded; the workspace shows that it waits.
        std::thread::Builder::new().name("explain".to_owned()).spawn(work).ok();
        Self { requests, replies }
    }

    pub fn record(&self, wanted: Wanted) {
        self.send(Request::Trace(Box::new(wanted)));
    }

    pub fn walk(&self, serial: u64, along: Along) {
        self.send(Request::Along(serial, along));
    }

    /// Asks for the loss with the weight at `value`.
    pub fn at(&self, serial: u64, along: Along, value: f64) {
        self.send(Request::At(serial, along, value));
    }

    fn send(&self, request: Request) {
        // The thread ends only with this handle.
        self.requests.send(request).ok();
    }
}

/// The next request; a point on the curve is skipped if something newer was asked for.
fn newest(inbox: &Receiver<Request>) -> Option<Request> {
    let mut request = inbox.recv().ok()?;
    while matches!(request, Request::At(..)) {
        match inbox.try_recv() {
            Ok(next) => request = next,
            Err(_) => break,
        }
    }
    Some(request)
}

/// The diagnosis, from a step on some of the training rows.
fn examine(replica: &mut Replica<f32>, wanted: &Wanted, start: &TrainingState) -> Vec<Finding> {
    let Wanted { data, training, history, diverged, .. } = wanted;
    let rows = data.part(Part::Train);
    let trace = Trace::record(replica, start, &rows[..rows.len().min(ROWS)]);
    let case = |trace: Trace<f32>| diagnose(&Case { data, training, history, diverged: *diverged, trace: &trace });
    trace.map(case).unwrap_or_default()
}

struct Thread {
    serial: u64,
    recorded: Option<Arc<Recorded>>,
    /// Kept from one request to the next while network and data are the same.
    single: Option<Replica<f32>>,
    /// For central differences.
    double: Option<Replica<f64>>,
}

impl Thread {
    fn answer(&mut self, request: Request) -> Option<Reply> {
        match request {
            Request::Trace(wanted) => {
                let (generation, start) = wanted.start.recv().ok()?;
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
                self.serial += 1;
                let recorded = Recorded { generation, trace, data: wanted.data, start, serial: self.serial, findings };
                let recorded = Arc::new(recorded);
                self.recorded = Some(Arc::clone(&recorded));
                Some(Reply::Trace(recorded))
            }
            Request::Along(serial, along) => {
                let recorded = self.recorded.clone().filter(|r| r.serial == serial)?;
                let Recorded { trace, data, start, .. } = &*recorded;
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
                Some(Reply::Walk(serial, Box::new(walk)))
            }
            Request::At(serial, along, value) => {
                let recorded = self.recorded.clone().filter(|r| r.serial == serial)?;
                let loss = self.landscape(&recorded, along)?.loss_with(&[(along.index, value)]);
                Some(Reply::At(serial, value, loss))
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
        Ok((trace, examine(replica, wanted, start)))
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
