//! A training step allocates nothing, and looking at one copies no data: a counting allocator sees every request of this
//! thread.

#[path = "support/counting.rs"]
mod counting;

use chainrule::cli::bench::WORKLOADS;
use chainrule::data::{DataSource, Dataset, Encoder, Generator, LeftOut, Preparation, Shape, Targets, prepare};
use chainrule::explain::{Landscape, Trace};
use chainrule::nn::layers::{
    BidirectionalSpec, Cell as Recurrence, DenseSpec, DropoutSpec, FlattenSpec, GatedSpec, InputSpec, Merge,
    OutputSpec, ReshapeSpec, palette,
};
use chainrule::nn::{Activation, LayerKind, Loss, NetworkSpec, Optimizer, Real, infer};
use chainrule::project::{builtin, default_network};
use chainrule::train::{EarlyStopping, HeadTargets, Replica, Session, Tick, TrainConfig, TrainingState, task};
use counting::{LARGEST, LIVE, PEAK, REQUESTS};
use ndarray::Array2;
use std::cell::Cell;
use std::sync::Arc;

/// A session on two features with the layers given in front of the usual ones, past its first epoch.
fn session_with(layers: Vec<LayerKind>) -> Session {
    let source = DataSource::Generator(Generator { shape: Shape::Spiral, samples: 400, noise: 0.1, seed: 1 });
    let table = source.load().expect("in range").table;
    let data = Arc::new(prepare(&table, &Preparation::guess(&table)).expect("fits"));
    let mut spec = default_network(&task(&data));
    let mut before = spec.layers[0].id;
    for kind in layers {
        let layer = spec.add(kind.info().label, kind);
        spec.insert_after(layer, before);
        before = layer;
    }
    let config = TrainConfig { batch_size: 32, ..TrainConfig::default() };
    let mut session = Session::new(&spec, data, config, 1).expect("fits");
    session.epoch().expect("stays finite");
    session
}

/// A session with two dense layers of `units` and a dropout layer, past its first epoch.
fn session(units: usize, activation: Activation, optimizer: Optimizer) -> Session {
    let source = DataSource::Generator(Generator { shape: Shape::Spiral, samples: 400, noise: 0.1, seed: 1 });
    let table = source.load().expect("in range").table;
    let data = Arc::new(prepare(&table, &Preparation::guess(&table)).expect("fits"));
    let mut spec = default_network(&task(&data));
    let first = spec.layers[1].id;
    let dense = DenseSpec { units, activation, ..DenseSpec::default() };
    spec.layers[1].kind = LayerKind::Dense(dense.clone());
    let second = spec.add("second", LayerKind::Dense(dense));
    spec.insert_after(second, first);
    let dropout = spec.add("dropout", LayerKind::Dropout(DropoutSpec::default()));
    spec.insert_after(dropout, first);
    let config =
        TrainConfig { optimizer, batch_size: 32, l1: 1e-4, l2: 1e-4, clip_norm: Some(1.0), ..TrainConfig::default() };
    let mut session = Session::new(&spec, data, config, 1).expect("fits");
    session.epoch().expect("stays finite");
    session
}

/// Requests of one mini-batch, and the bytes it leaves behind.
fn cost_of_a_batch(session: &mut Session) -> (u64, i64) {
    let before = (REQUESTS.with(Cell::get), LIVE.with(Cell::get));
    assert_eq!(session.tick().expect("stays finite"), Tick::Batch);
    (REQUESTS.with(Cell::get) - before.0, LIVE.with(Cell::get) - before.1)
}

#[test]
fn no_step_of_any_optimizer_or_activation_allocates() {
    for optimizer in Optimizer::ALL {
        for activation in Activation::ALL.into_iter().filter(|a| *a != Activation::Softmax) {
            let mut session = session(24, activation, optimizer);
            for _ in 0..6 {
                assert_eq!(cost_of_a_batch(&mut session), (0, 0), "{} {activation:?}", optimizer.label());
            }
        }
    }
}

#[test]
fn no_step_of_gated_layers_allocates() {
    for gate in [Activation::Gelu, Activation::Sigmoid, Activation::Silu] {
        let mut session = session_with(vec![LayerKind::Gated(GatedSpec { units: 24, gate, ..GatedSpec::default() })]);
        for _ in 0..6 {
            assert_eq!(cost_of_a_batch(&mut session), (0, 0), "{gate:?}");
        }
    }
}

#[test]
fn no_step_of_bidirectional_layers_allocates() {
    for (cell, merge) in Recurrence::ALL.into_iter().flat_map(|cell| Merge::ALL.map(|merge| (cell, merge))) {
        let both = |sequence| {
            let spec = BidirectionalSpec { cell, units: 5, sequence, merge, ..BidirectionalSpec::default() };
            LayerKind::Bidirectional(spec)
        };
        let reshape = LayerKind::Reshape(ReshapeSpec { shape: vec![2, 1] });
        let mut session = session_with(vec![reshape, both(true), both(false)]);
        for _ in 0..6 {
            assert_eq!(cost_of_a_batch(&mut session), (0, 0), "{cell:?} {merge:?}");
        }
    }
}

/// Recurrent cells, attention, embedding, convolutions: whatever a preset is made of.
#[test]
fn no_step_of_the_presets_with_sequences_and_images_allocates() {
    for (name, most) in [
        ("adding", 0),
        ("wave", 0),
        ("sorting", 0),
        ("visits", 0),
        // Dense layers large enough for the matrix crate, as below.
        ("autoencoder", 9),
        ("two-outputs", 9),
        ("lenet", 9),
        ("residual", 9),
    ] {
        let document = builtin(name).expect("is built in").preset().expect("can be read").document;
        let (_, data) = document.data.load().expect("can be read");
        for accumulate in [1, 3] {
            let config = TrainConfig { accumulate, ..document.training.clone() };
            let mut session = Session::new(&document.network, Arc::new(data.clone()), config, 1).expect("fits");
            session.epoch().expect("stays finite");
            for _ in 0..6 {
                let (requests, left) = cost_of_a_batch(&mut session);
                assert!(requests <= most && left == 0, "{name}: {requests} allocations, {left} bytes");
            }
        }
    }
}

/// 784-128-64-10 with Adam, as `chainrule bench` trains it on 8192 rows.
#[test]
fn training_on_images_needs_little_more_than_the_images() {
    let workload = WORKLOADS.iter().find(|w| w.name == "W3").expect("is one");
    let before = LIVE.with(Cell::get);
    PEAK.with(|c| c.set(before));
    let mut session = workload.session(1).expect("fits");
    session.epoch().expect("stays finite");
    let data = (session.data().x.len() * size_of::<f32>()) as i64;
    let beyond = PEAK.with(Cell::get) - before - data;
    assert!(beyond < 120 << 20, "{} MiB beyond the data", beyond >> 20);
    assert!(beyond > 100_000 * 4 * 4, "weights, gradients and two averages are counted: {beyond}");
}

/// Bytes that a session holds after an update beside its data, and what was estimated before.
fn held_and_estimated(make: impl FnOnce() -> Session, spec: &NetworkSpec) -> (f64, f64) {
    let before = LIVE.with(Cell::get);
    let mut session = make();
    let data = (session.data().x.len() * size_of::<f32>()) as i64;
    session.tick().expect("stays finite");
    let held = LIVE.with(Cell::get) - before - data;
    let demand = session.config().demand(session.network().capacity());
    let estimated = infer(spec, &task(session.data()), demand).memory;
    (held as f64, estimated as f64)
}

/// A network is refused by the estimate of what its training takes, so that nothing of size may be left out: parameters, gradients,
/// what each optimizer remembers, copies of the parameters, activations and what each layer keeps of them.
#[test]
fn the_estimate_of_memory_holds_all_that_training_takes() {
    // History, order and classes of the rows, lists of operations.
    const SMALL: f64 = 200_000.0;
    let assert_holds = |what: &str, (held, estimated): (f64, f64)| {
        assert!(held <= 1.01 * estimated + SMALL, "{what}: {held} bytes are held, {estimated} were estimated");
        // Of sequences, blocks of samples are taken for whole.
        assert!(estimated <= 3.5 * held + SMALL, "{what}: {estimated} bytes were estimated, {held} are held");
    };
    // The crate of matrix products keeps its packing buffers.
    let images = WORKLOADS.iter().find(|w| w.name == "W3b").expect("is one");
    images.session(1).expect("fits").tick().expect("stays finite");
    for workload in &WORKLOADS {
        let (spec, make) = (workload.spec(), || workload.session(1).expect("fits"));
        assert_holds(workload.name, held_and_estimated(make, &spec));
    }
    let pixels = |shape: &[usize]| {
        let count = shape.iter().product();
        let x = Array2::from_shape_fn((600, count), |(row, k)| ((row * 31 + k * 7) % 23) as f32 / 23.0);
        Arc::new(Dataset {
            name: "pixels".to_owned(),
            x: x.into_shared(),
            targets: vec![Targets::Classes {
                names: vec!["a".into(), "b".into()],
                labels: (0..600).map(|k| k % 2).collect(),
            }],
            weights: None,
            source_rows: Arc::new((0..600).collect()),
            parts: [(0..600).collect(), Arc::default(), Arc::default()],
            encoder: Encoder::default(),
            augmentation: None,
            left_out: LeftOut::default(),
            told: Arc::default(),
        })
    };
    let network = |shape: &[usize], kinds: Vec<LayerKind>| {
        let shaped = LayerKind::Reshape(ReshapeSpec { shape: shape.to_vec() });
        let ends = [
            LayerKind::Flatten(FlattenSpec {}),
            LayerKind::Dense(DenseSpec { units: 2, activation: Activation::Identity, ..DenseSpec::default() }),
            LayerKind::Output(OutputSpec { loss: Loss::CategoricalCrossEntropy, ..OutputSpec::default() }),
        ];
        let all = [LayerKind::Input(InputSpec::default()), shaped].into_iter().chain(kinds).chain(ends);
        NetworkSpec::chain(all.map(|kind| (kind.info().label.to_owned(), kind)))
    };
    for optimizer in Optimizer::ALL {
        let wide = || LayerKind::Dense(DenseSpec { units: 512, ..DenseSpec::default() });
        let spec = network(&[256], vec![wide(), wide()]);
        let stopping = Some(EarlyStopping { patience: 3, restore_best: true });
        let config = TrainConfig { optimizer, accumulate: 4, early_stopping: stopping, ..TrainConfig::default() };
        let make = || {
            let mut session = Session::new(&spec, pixels(&[256]), config, 1).expect("fits");
            session.epoch().expect("stays finite");
            session
        };
        assert_holds(optimizer.label(), held_and_estimated(make, &spec));
    }
    let config = TrainConfig { batch_size: 512, ..TrainConfig::default() };
    let mut seen = 0;
    for kind in palette().into_iter().filter(|kind| !kind.is_input() && !kind.is_output()) {
        let shapes: [&[usize]; 3] = [&[1, 16, 16], &[16, 16], &[256]];
        let fits = shapes
            .into_iter()
            .find(|shape| infer(&network(shape, vec![kind.clone()]), &task(&pixels(shape)), 512).fits());
        let Some(shape) = fits else { continue };
        seen += 1;
        let spec = network(shape, vec![kind.clone()]);
        let make = || Session::new(&spec, pixels(shape), config.clone(), 1).expect("fits");
        assert_holds(kind.name(), held_and_estimated(make, &spec));
    }
    assert!(seen >= 20, "{seen} kinds of layers fit");
}

/// The `gemm` crate, which multiplies large matrices, packs its operands in buffers of its own; nothing else allocates.
#[test]
fn a_wide_step_allocates_only_the_packing_buffers_of_the_matrix_crate() {
    const PRODUCTS: u64 = 3; // forward, gradient of the input, gradient of the weights
    const BUFFERS: u64 = 3;
    let mut session = session(300, Activation::Gelu, Optimizer::default());
    for _ in 0..6 {
        let (requests, left) = cost_of_a_batch(&mut session);
        assert!(requests <= PRODUCTS * BUFFERS, "{requests} allocations");
        assert_eq!(left, 0, "every buffer is given back");
    }
}

/// The largest request while `work` is done, and how much of all it asked for was there at once, in bytes.
fn cost<R>(work: impl FnOnce() -> R) -> (R, usize, usize) {
    let before = LIVE.with(Cell::get);
    LARGEST.with(|c| c.set(0));
    PEAK.with(|c| c.set(before));
    let result = work();
    (result, LARGEST.with(Cell::get), (PEAK.with(Cell::get) - before) as usize)
}

fn traces_copy_no_data<T: Real>(replica: &mut Replica<T>, start: &TrainingState, numbers: usize) {
    let data_bytes = numbers * size_of::<T>();
    Trace::record(replica, start, &start.rows).expect("fits");
    let (trace, largest, at_once) = cost(|| Trace::record(replica, start, &start.rows).expect("fits"));
    assert!(largest < data_bytes / 8 && at_once < data_bytes, "{largest} and {at_once} of {data_bytes} bytes");
    assert!(trace.loss.is_finite());
    let (_, largest, _) = cost(|| Landscape::new(replica, start, &start.rows).expect("fits").slice(0, 1.0, 5));
    assert!(largest < data_bytes / 8, "{largest} of {data_bytes} bytes");
}

/// The targets of an autoencoder are all of its features.
#[test]
fn looking_at_the_steps_of_an_autoencoder_copies_no_data() {
    let document = builtin("autoencoder").expect("is built in").preset().expect("can be read").document;
    let data = Arc::new(document.data.load().expect("can be read").1);
    let bytes = data.x.len() * size_of::<f32>();
    let (copy, largest, _) = cost(|| data.x.as_slice().expect("row by row").to_vec());
    assert_eq!((copy.len(), largest), (data.x.len(), bytes), "a copy would be seen");
    let (_, largest, _) = cost(|| data.as_ref().clone());
    // The treatment of 64 columns is cloned with it.
    assert!(largest < bytes / 16, "a clone of the data set asks for {largest} of {bytes} bytes");

    let session = Session::new(&document.network, Arc::clone(&data), document.training.clone(), 1).expect("fits");
    let start = session.training_state();
    let mut single = Replica::<f32>::new(&document.network, Arc::clone(&data), start.rows.len(), 1, 1).expect("fits");
    let (targets, largest, at_once) = cost(|| HeadTargets::all(single.plan(), &data));
    assert_eq!(targets[0].names().len(), data.features());
    assert!(largest < bytes / 16 && at_once < bytes / 8, "targets ask for {largest} and {at_once} of {bytes} bytes");
    traces_copy_no_data(&mut single, &start, data.x.len());
    let mut double = Replica::<f64>::new(&document.network, Arc::clone(&data), start.rows.len(), 1, 1).expect("fits");
    traces_copy_no_data(&mut double, &start, data.x.len());
}
