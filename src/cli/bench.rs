//! `chainrule bench`: training steps per second on fixed workloads. A step takes the batch, runs forward, loss, backward
//! and update, on random data in memory.

use super::arguments::{Failure, thread_count};
use crate::data::{
    ColumnKind, Dataset, Encoder, LeftOut, Preparation, ReadOptions, Reading, Role, Split, Targets, Treatment, prepare,
    read_file,
};
use crate::nn::layers::{
    AttentionSpec, Cell, Conv2dSpec, DenseSpec, FlattenSpec, GlobalPoolSpec, InputSpec, OutputSpec, Padding,
    PermuteSpec, Pool2dSpec, PoolKind, RecurrentSpec, ReshapeSpec,
};
use crate::nn::{Activation, LayerKind, Loss, NetworkSpec, Optimizer};
use crate::seed::{Purpose, Stream};
use crate::train::{Session, Tick, TrainConfig, thread_pool};
use ndarray::Array2;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub struct Arguments {
    /// W1, W1b, W2, W3, W3b, W4, W5, W6, W7; all of them when none is named
    workloads: Vec<String>,
    /// Threads to train with; as many as there are cores when not given
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Instead of training, read a file of numbers into arrays of single precision, and say how long it took
    #[arg(long, value_name = "FILE", conflicts_with = "workloads")]
    load: Option<PathBuf>,
    /// How long each workload is measured
    #[arg(long, value_name = "S", default_value_t = 3.0)]
    seconds: f64,
}

/// The part of a network before its dense layers. Images are 28×28.
#[derive(Clone, Copy)]
enum Front {
    None,
    /// 6 filters of 5×5 with 2 zeros around, pooling, 16 filters of 5×5, pooling (LeCun et al. 1998)
    LeNet,
    /// 32 filters of 3×3, pooling, 64 filters of 3×3, pooling
    Wide,
    /// An LSTM of 64 units over 50 steps of 8 features
    Lstm,
    /// Self-attention with 4 heads over 64 tokens of 64 numbers, and the mean of the tokens
    Attention,
}

/// A fixed network on random data.
pub struct Workload {
    pub name: &'static str,
    /// What comes before the dense layers.
    front: Front,
    sizes: &'static [usize],
    hidden: Activation,
    last: Activation,
    loss: Loss,
    optimizer: Optimizer,
    learning_rate: f32,
    pub batch: usize,
    rows: usize,
}

const ADAM: Optimizer = Optimizer::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

const fn regression(name: &'static str, sizes: &'static [usize]) -> Workload {
    Workload {
        name,
        front: Front::None,
        sizes,
        hidden: Activation::Tanh,
        last: Activation::Tanh,
        loss: Loss::MeanSquaredError,
        optimizer: Optimizer::Sgd {},
        learning_rate: 0.03,
        batch: 10,
        rows: 500,
    }
}

const fn classes(name: &'static str, front: Front, sizes: &'static [usize], batch: usize, rows: usize) -> Workload {
    Workload {
        name,
        front,
        sizes,
        hidden: Activation::Relu,
        last: Activation::Identity,
        loss: Loss::CategoricalCrossEntropy,
        optimizer: ADAM,
        learning_rate: 0.001,
        batch,
        rows,
    }
}

/// What is measured, by name.
pub const WORKLOADS: [Workload; 9] = [
    regression("W1", &[2, 4, 2, 1]),
    regression("W1b", &[2, 8, 8, 8, 1]),
    classes("W2", Front::None, &[13, 32, 16, 3], 16, 178),
    classes("W3", Front::None, &[784, 128, 64, 10], 64, 8192),
    classes("W3b", Front::None, &[784, 512, 512, 10], 256, 8192),
    classes("W4", Front::LeNet, &[784, 120, 84, 10], 64, 2048),
    classes("W5", Front::Wide, &[784, 10], 64, 2048),
    classes("W6", Front::Lstm, &[400, 10], 32, 2048),
    classes("W7", Front::Attention, &[4096, 10], 16, 512),
];

impl Workload {
    /// A session on random data.
    ///
    /// # Errors
    /// Never for the workloads above.
    pub fn session(&self, threads: usize) -> Result<Session, Failure> {
        let mut stream = Stream::new(1, Purpose::Data, 0);
        let (features, outputs) = (self.sizes[0], self.sizes[self.sizes.len() - 1]);
        let x = Array2::from_shape_simple_fn((self.rows, features), || stream.normal() as f32);
        let classes = outputs.max(2);
        let targets = Targets::Classes {
            names: (0..classes).map(|k| k.to_string()).collect(),
            labels: (0..self.rows).map(|_| stream.below(classes) as u32).collect(),
        };
        let data = Dataset {
            name: self.name.to_owned(),
            x: x.into_shared(),
            targets: vec![targets],
            weights: None,
            source_rows: Arc::new((0..self.rows).collect()),
            parts: [(0..self.rows as u32).collect(), Arc::default(), Arc::default()],
            encoder: Encoder::default(),
            augmentation: None,
            left_out: LeftOut::default(),
            told: Arc::default(),
        };
        let config = TrainConfig {
            optimizer: self.optimizer,
            learning_rate: self.learning_rate,
            batch_size: self.batch,
            epochs: None,
            ..TrainConfig::default()
        };
        Ok(Session::new(&self.spec(), Arc::new(data), config, threads)?)
    }

    /// Its network.
    pub fn spec(&self) -> NetworkSpec {
        let convolution = |filters, side, around| {
            LayerKind::Conv2d(Conv2dSpec {
                filters,
                kernel: [side, side],
                padding: Padding::Explicit { vertical: around, horizontal: around },
                ..Conv2dSpec::default()
            })
        };
        let shaped = |shape: &[usize]| LayerKind::Reshape(ReshapeSpec { shape: shape.to_vec() });
        let reshape = shaped(&[1, 28, 28]);
        let pool = || LayerKind::Pool2d(Pool2dSpec::default());
        let flatten = LayerKind::Flatten(FlattenSpec {});
        let front = match self.front {
            Front::None => Vec::new(),
            Front::LeNet => vec![reshape, convolution(6, 5, 2), pool(), convolution(16, 5, 0), pool(), flatten],
            Front::Wide => vec![reshape, convolution(32, 3, 0), pool(), convolution(64, 3, 0), pool(), flatten],
            Front::Lstm => {
                let lstm = RecurrentSpec { units: 64, ..RecurrentSpec::of(Cell::Lstm) };
                vec![shaped(&[50, 8]), LayerKind::Recurrent(lstm)]
            }
            Front::Attention => vec![
                shaped(&[64, 64]),
                LayerKind::Attention(AttentionSpec { heads: 4, ..AttentionSpec::default() }),
                LayerKind::Permute(PermuteSpec::default()),
                LayerKind::GlobalPool(GlobalPoolSpec { kind: PoolKind::Average }),
            ],
        };
        let front = front.into_iter().map(|kind| (kind.info().label.to_owned(), kind));
        let last = self.sizes.len() - 1;
        let dense = self.sizes.iter().enumerate().skip(1).map(|(i, &units)| {
            let activation = if i == last { self.last } else { self.hidden };
            (format!("Dense {i}"), LayerKind::Dense(DenseSpec { units, activation, ..DenseSpec::default() }))
        });
        let input = ("Input".to_owned(), LayerKind::Input(InputSpec::default()));
        let output = ("Output".to_owned(), LayerKind::Output(OutputSpec { loss: self.loss, ..OutputSpec::default() }));
        NetworkSpec::chain(std::iter::once(input).chain(front).chain(dense).chain([output]))
    }
}

/// Measures for `seconds` after a warm-up; returns steps per second.
fn measure(session: &mut Session, seconds: f64) -> Result<f64, Failure> {
    let run = |session: &mut Session, time: Duration| -> Result<f64, Failure> {
        let begun = Instant::now();
        let mut steps = 0_u64;
        while begun.elapsed() < time {
            let mut burst = 0;
            while burst < 16 {
                burst += u64::from(session.tick()? == Tick::Batch);
            }
            steps += burst;
        }
        Ok(steps as f64 / begun.elapsed().as_secs_f64())
    };
    run(session, Duration::from_millis(200))?;
    run(session, Duration::from_secs_f64(seconds.clamp(0.01, 3600.0)))
}

/// Measures the workloads that are named, or all.
///
/// # Errors
/// A name that is no workload's.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let threads = thread_count(arguments.threads)?;
    if !arguments.seconds.is_finite() {
        return Err("--seconds must be a number of seconds, such as 3".into());
    }
    let unknown = arguments.workloads.iter().find(|w| !WORKLOADS.iter().any(|k| k.name.eq_ignore_ascii_case(w)));
    if let Some(name) = unknown {
        let names: Vec<&str> = WORKLOADS.iter().map(|w| w.name).collect();
        return Err(format!("there is no workload {name}. There are: {}", names.join(", ")).into());
    }
    let asked = |w: &&Workload| {
        arguments.workloads.is_empty() || arguments.workloads.iter().any(|a| a.eq_ignore_ascii_case(w.name))
    };
    let _pool = thread_pool(threads);
    if let Some(path) = &arguments.load {
        // The readers use the common pool of threads.
        rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
        return load(path, threads);
    }
    for w in WORKLOADS.iter().filter(asked) {
        let rate = measure(&mut w.session(threads)?, arguments.seconds)?;
        println!("{} chainrule-{threads} {rate:.1} steps/s {:.0} samples/s", w.name, rate * w.batch as f64);
    }
    Ok(())
}

/// Reads all columns and takes numbers and pictures as they are, the last number as what is to be predicted.
fn load(path: &Path, threads: usize) -> Result<(), Failure> {
    let begun = Instant::now();
    let (table, _) = read_file(path, &ReadOptions::default(), &Reading::default())?;
    let read = begun.elapsed().as_secs_f64();
    let memory = || largest_memory().map_or_else(String::new, |b| format!(", largest memory {:.1} MB", b as f64 / 1e6));
    if table.columns.iter().all(|c| matches!(c.kind(), ColumnKind::Text | ColumnKind::Date)) {
        let (rows, columns) = (table.rows(), table.columns.len());
        println!("{} chainrule-{threads} {read:.4} s, {rows} × {columns} texts{}", path.display(), memory());
        return Ok(());
    }
    let mut plan = Preparation::guess(&table);
    let kind = |k: usize| table.columns[k].kind();
    let last = (0..table.columns.len()).rev().find(|&k| kind(k) == ColumnKind::Number);
    for (k, column) in plan.columns.iter_mut().enumerate() {
        column.role = match kind(k) {
            _ if last == Some(k) => Role::Target,
            ColumnKind::Number | ColumnKind::Image => Role::Feature,
            ColumnKind::Text | ColumnKind::Date => Role::Ignore,
        };
        column.treatment = Treatment::AsIs;
    }
    plan.split = Split { validation: 0.0, test: 0.0, ..Split::default() };
    let data = prepare(&table, &plan)?;
    let numbers = data.rows() * (data.features() + 1);
    println!(
        "{} chainrule-{threads} {:.4} s, of which reading {read:.4} s, {} × {} numbers, {:.1} MB{}",
        path.display(),
        begun.elapsed().as_secs_f64(),
        data.rows(),
        data.features() + 1,
        (4 * numbers) as f64 / 1e6,
        memory()
    );
    Ok(())
}

/// Bytes of memory that this process has held at most, where the system tells (Linux).
fn largest_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"))?;
    kib.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}
