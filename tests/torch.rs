//! Forward pass, gradients and twenty steps of every optimizer against numbers from PyTorch (`tests/fixtures/make_torch.py`), every
//! layer (`make_torch_layers.py`), and conventions that differ elsewhere (`make_torch_conventions.py`).

use chainrule::data::{
    Column, ColumnPlan, Dataset, Encoder, LeftOut, Missing, Part, Preparation, Role, Split, Table, Targets, Treatment,
    prepare,
};
use chainrule::explain::Trace;
use chainrule::nn::layers::{
    BatchNormSpec, ClassWeights, DenseSpec, FlattenSpec, InputSpec, JoinKind, JoinSpec, OutputSpec, ReshapeSpec,
    palette,
};
use chainrule::nn::{
    Activation, LayerId, LayerKind, Loss, Network, NetworkSpec, Optimizer, OptimizerState, Real, Target, Task,
    UpdateRule, compile,
};
use chainrule::train::{Replica, Schedule, Session, TrainConfig, TrainingState};
use ndarray::ArcArray2;
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
struct Fixture {
    passes: Vec<OnePass>,
    runs: Vec<Run>,
}

#[derive(Deserialize)]
struct OnePass {
    activation: Activation,
    loss: Loss,
    outputs: usize,
    x: Vec<Vec<f64>>,
    target: Vec<Vec<f64>>,
    params: Vec<f64>,
    output: Vec<Vec<f64>>,
    value: f64,
    grads: Vec<f64>,
}

#[derive(Deserialize)]
struct Run {
    optimizer: Optimizer,
    learning_rate: f32,
    l1: f32,
    l2: f32,
    clip_norm: Option<f32>,
    clip_value: Option<f32>,
    x: Vec<Vec<f64>>,
    target: Vec<Vec<f64>>,
    params: Vec<f64>,
    steps: Vec<Vec<f64>>,
}

fn fixture() -> Fixture {
    serde_json::from_str(include_str!("fixtures/torch.json")).expect("the fixture is as its script writes it")
}

/// The network of the script, with its parameters and its mini-batch loaded. The last dense layer is number 4.
fn network<T: Real>(
    activation: Activation,
    loss: Loss,
    outputs: usize,
    params: &[f64],
    x: &[Vec<f64>],
    target: &[Vec<f64>],
) -> Network<T> {
    let dense =
        |units, activation| LayerKind::Dense(DenseSpec { units, activation, bias: true, ..DenseSpec::default() });
    let layers = [
        LayerKind::Input(InputSpec::default()),
        dense(5, activation),
        dense(4, activation),
        dense(outputs, Activation::Identity),
        LayerKind::Output(OutputSpec { loss, ..OutputSpec::default() }),
    ];
    let spec = NetworkSpec::chain(layers.into_iter().map(|kind| (String::new(), kind)));
    let values = loss.definition().takes_values();
    let asked = if values { Target::Values(outputs) } else { Target::Classes(outputs.max(2)) };
    filled(&spec, asked, params, x, target)
}

/// A network with its parameters, and a mini-batch loaded.
fn filled<T: Real>(
    spec: &NetworkSpec,
    asked: Target,
    params: &[f64],
    x: &[Vec<f64>],
    target: &[Vec<f64>],
) -> Network<T> {
    let samples = x[0].len();
    let plan = compile(spec, &Task::new(vec![x.len()], asked), samples).expect("fits");
    let mut network = Network::new(plan, samples, 1, 1);
    assert_eq!(network.params().len(), params.len());
    for (to, from) in network.params_mut().iter_mut().zip(params) {
        *to = T::from_f64(*from);
    }
    let stride = network.stride();
    let (features, targets) = network.load(samples);
    for (rows, buffer) in [(x, features), (target, targets)] {
        for (row, to) in rows.iter().zip(buffer.chunks_exact_mut(stride)) {
            for (to, from) in to.iter_mut().zip(row) {
                *to = T::from_f64(*from);
            }
        }
    }
    network
}

/// Each number within `tolerance` of PyTorch's, relative to it or, where it is near zero, to the largest of its kind.
fn assert_close<T: Real>(got: impl IntoIterator<Item = T>, want: &[f64], tolerance: f64, what: &str) {
    let got: Vec<f64> = got.into_iter().map(Real::to_f64).collect();
    assert_eq!(got.len(), want.len(), "{what}");
    let largest = want.iter().fold(0.0_f64, |l, w| l.max(w.abs()));
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        let scale = want.abs().max(0.1 * largest);
        assert!((got - want).abs() <= tolerance * scale, "{what}, number {i}: {got} against {want}");
    }
}

fn passes_in<T: Real>(tolerance: f64) {
    for pass in fixture().passes {
        let mut network: Network<T> =
            network(pass.activation, pass.loss, pass.outputs, &pass.params, &pass.x, &pass.target);
        let what = format!("{:?} with {:?}", pass.activation, pass.loss);
        network.forward(true, 0);
        let value = network.error();
        network.backward();
        let (logits, _) = network.layer_values(LayerId(4)).expect("the last dense layer");
        assert_close(logits.iter().copied(), &pass.output.concat(), tolerance, &format!("output of {what}"));
        assert_close([T::from_f64(value)], &[pass.value], tolerance, &format!("loss of {what}"));
        assert_close(network.grads().iter().copied(), &pass.grads, tolerance, &format!("gradient of {what}"));
    }
}

fn runs_in<T: Real>() {
    for run in fixture().runs {
        let mut network: Network<T> =
            network(Activation::Tanh, Loss::MeanSquaredError, 2, &run.params, &run.x, &run.target);
        let rule = UpdateRule {
            optimizer: run.optimizer,
            learning_rate: run.learning_rate,
            l1: run.l1,
            l2: run.l2,
            clip_norm: run.clip_norm,
            clip_value: run.clip_value,
        };
        let mut state = OptimizerState::new(run.optimizer, run.params.len());
        for (step, want) in run.steps.iter().enumerate() {
            network.forward(true, 0);
            network.error();
            network.backward();
            network.update(&rule, &mut state);
            let what = format!("{} with l2 {}, step {}", run.optimizer.label(), run.l2, step + 1);
            // PyTorch adds 1e-6 to the norm that it clips, and small differences grow.
            let tolerance = if step < 10 { 1e-5 } else { 1e-4 };
            assert_close(network.params().iter().copied(), want, tolerance, &what);
        }
        assert_ne!(run.steps[0], run.steps[19], "the fixture moves");
    }
}

#[test]
fn every_activation_and_loss_equals_pytorch() {
    let covered = fixture().passes;
    for activation in Activation::ALL {
        assert!(covered.iter().any(|p| p.activation == activation), "{activation:?} is not in the fixture");
    }
    for loss in Loss::ALL {
        assert!(covered.iter().any(|p| p.loss == loss), "{loss:?} is not in the fixture");
    }
    // The fixture has twelve digits.
    passes_in::<f64>(1e-9);
    passes_in::<f32>(1e-5);
}

#[test]
fn twenty_steps_of_every_optimizer_equal_pytorch() {
    let covered = fixture().runs;
    for optimizer in Optimizer::ALL {
        assert!(covered.iter().filter(|r| r.optimizer.same_rule(optimizer)).count() == 2, "{}", optimizer.label());
    }
    runs_in::<f64>();
    runs_in::<f32>();
}

/// `[units][samples]`
type Numbers = Vec<Vec<f64>>;

/// A chain of layers as a preset writes them (`tests/fixtures/make_torch_layers.py`).
#[derive(Deserialize)]
struct LayersCase {
    name: String,
    shape: Vec<usize>,
    layers: Vec<LayerKind>,
    x: Vec<Vec<f64>>,
    target: Vec<Vec<f64>>,
    params: Vec<f64>,
    /// For each layer what it puts out and the gradient that comes back to it.
    traced: Vec<(Numbers, Option<Numbers>)>,
    output: Vec<Vec<f64>>,
    grads: Vec<f64>,
    after_three_steps: Vec<f64>,
    evaluated: Vec<Vec<f64>>,
}

impl LayersCase {
    fn all() -> Vec<Self> {
        let cases: Vec<Self> = serde_json::from_str(include_str!("fixtures/torch_layers.json"))
            .expect("the fixture is as its script writes it");
        assert!(cases.len() > 25);
        cases
    }

    fn network(&self) -> NetworkSpec {
        let mut layers = vec![LayerKind::Input(InputSpec::default())];
        if self.shape.len() > 1 {
            layers.push(LayerKind::Reshape(ReshapeSpec { shape: self.shape.clone() }));
        }
        layers.extend(self.layers.iter().cloned());
        layers.push(LayerKind::Output(OutputSpec::default()));
        NetworkSpec::chain(layers.into_iter().map(|kind| (String::new(), kind)))
    }

    /// Its numbers as a data set of which every row is for training.
    fn data(&self) -> Dataset {
        let columns = |rows: &[Vec<f64>], letter: &str| {
            let column = |(k, values): (usize, &Vec<f64>)| Column::numbers(format!("{letter}{k}"), values.clone());
            rows.iter().enumerate().map(column).collect::<Vec<_>>()
        };
        let table =
            Table { name: String::new(), columns: [columns(&self.x, "x"), columns(&self.target, "t")].concat() };
        let plan = |column: &Column| ColumnPlan {
            name: column.name.clone(),
            role: if column.name.starts_with('t') { Role::Target } else { Role::Feature },
            treatment: Treatment::AsIs,
            missing: Missing::default(),
            read_as: None,
        };
        let split = Split { validation: 0.0, test: 0.0, seed: 1, stratify: false, ..Split::default() };
        prepare(&table, &Preparation { columns: table.columns.iter().map(plan).collect(), steps: Vec::new(), split })
            .expect("fits")
    }
}

fn traces_in<T: Real>(tolerance: f64) {
    for case in LayersCase::all() {
        let (spec, data) = (case.network(), case.data());
        let config = TrainConfig {
            optimizer: Optimizer::Sgd {},
            learning_rate: 0.125,
            batch_size: case.x[0].len(),
            ..TrainConfig::default()
        };
        let data = Arc::new(data);
        let session = Session::new(&spec, Arc::clone(&data), config, 1).expect("fits");
        let params = case.params.iter().map(|&v| v as f32).collect();
        let start = TrainingState { params, ..session.training_state() };
        let rows: Vec<u32> = (0..case.x[0].len() as u32).collect();
        let mut replica = Replica::new(&spec, data, rows.len(), 1, 1).expect("fits");
        let trace = Trace::<T>::record(&mut replica, &start, &rows).expect("fits");
        // Without the input, the reshape and the output, which PyTorch's side does not have.
        let before = spec.layers.len() - 1 - case.layers.len();
        let mut seen = 0;
        for (k, (values, grads)) in case.traced.iter().enumerate() {
            let layer = spec.layers[before + k].id;
            let what = format!("layer {k} of {}", case.name);
            let (_, a) = trace.layer_values(layer).expect("is in the trace");
            assert_close(a.iter().copied(), &values.concat(), tolerance, &format!("a in {what}"));
            let (_, grad) = trace.layer_grads(layer).expect("is in the trace");
            // Where nothing before a layer learns, no gradient is computed.
            if let (Some(grad), Some(want)) = (grad, grads) {
                assert_close(grad.iter().copied(), &want.concat(), tolerance, &format!("∂L/∂a in {what}"));
                seen += 1;
            }
        }
        assert!(seen > 0, "no gradient in {}", case.name);
        assert_close(trace.gradient.iter().copied(), &case.grads, tolerance, &format!("gradient of {}", case.name));
        for (i, ((before, after), g)) in trace.before.iter().zip(&trace.after).zip(&trace.gradient).enumerate() {
            // Running averages follow the data instead.
            if g.to_f64() != 0.0 {
                let want = before.to_f64() - 0.125 * g.to_f64();
                assert!((after.to_f64() - want).abs() <= 1e-6 * want.abs().max(1.0), "{} parameter {i}", case.name);
            }
        }
    }
}

#[test]
fn traced_numbers_equal_pytorch() {
    traces_in::<f64>(1e-6);
    traces_in::<f32>(1e-5);
}

fn layers_in<T: Real>(tolerance: f64) {
    for case in LayersCase::all() {
        let (what, spec) = (&case.name, case.network());
        let last = LayerId(spec.layers.len() as u32 - 1);
        let mut network: Network<T> = filled(&spec, Target::Values(2), &case.params, &case.x, &case.target);
        network.forward(true, 0);
        network.error();
        network.backward();
        let output = |network: &Network<T>| {
            let (_, a) = network.layer_values(last).expect("the last dense layer");
            a.iter().copied().collect::<Vec<T>>()
        };
        assert_close(output(&network), &case.output.concat(), tolerance, &format!("output of {what}"));
        assert_close(network.grads().iter().copied(), &case.grads, tolerance, &format!("gradient of {what}"));
        let rule = UpdateRule::new(Optimizer::Sgd {}, 0.125);
        let mut state = OptimizerState::new(rule.optimizer, case.params.len());
        network.update(&rule, &mut state);
        for _ in 1..3 {
            network.forward(true, 0);
            network.error();
            network.backward();
            network.update(&rule, &mut state);
        }
        let after = format!("parameters after three steps of {what}");
        assert_close(network.params().iter().copied(), &case.after_three_steps, 10.0 * tolerance, &after);
        network.forward(false, 0);
        assert_close(output(&network), &case.evaluated.concat(), 10.0 * tolerance, &format!("evaluation of {what}"));
    }
}

#[test]
fn every_layer_equals_pytorch() {
    layers_in::<f64>(1e-9);
    layers_in::<f32>(1e-5);
}

/// Layer, tensor, numbers.
type Named = (String, String, Vec<f64>);

#[derive(Deserialize)]
struct Conventions {
    shared_batch_norm: SharedNorm,
    concatenated: Vec<Concatenated>,
    one_cycle: Vec<Cycle>,
    weighted: Weighted,
}

#[derive(Deserialize)]
struct SharedNorm {
    x: Numbers,
    target: Numbers,
    start: Vec<Named>,
    steps: Vec<Vec<Named>>,
    evaluated: Numbers,
}

#[derive(Deserialize)]
struct Concatenated {
    axis: usize,
    x: Numbers,
    target: Numbers,
    parameters: Vec<Named>,
    output: Numbers,
    gradients: Vec<Named>,
}

#[derive(Deserialize)]
struct Cycle {
    epochs: u64,
    updates: usize,
    rise: f32,
    rates: Vec<f64>,
}

#[derive(Deserialize)]
struct Weighted {
    /// `[rows][features]`
    x: Numbers,
    labels: Vec<u32>,
    classes: Vec<f32>,
    rows: Vec<f32>,
    parameters: Vec<Named>,
    alike: f64,
    by_class: f64,
    by_both: f64,
}

fn conventions() -> Conventions {
    serde_json::from_str(include_str!("fixtures/torch_conventions.json"))
        .expect("the fixture is as its script writes it")
}

/// Where a tensor of the named layer lies.
fn range_of<T: Real>(spec: &NetworkSpec, network: &Network<T>, layer: &str, tensor: &str) -> std::ops::Range<usize> {
    let id = spec.layers.iter().find(|l| l.name == layer).expect("is in the network").id;
    let found = network.plan().parameters.iter().find(|p| p.layer == id && p.shape.name == tensor);
    found.expect("the layer has it").range.clone()
}

/// The network with named parameters and a mini-batch.
fn named<T: Real>(spec: &NetworkSpec, parameters: &[Named], x: &Numbers, target: &Numbers) -> Network<T> {
    let plan = compile(spec, &Task::new(vec![x.len()], Target::Values(target.len())), x[0].len()).expect("fits");
    let length = plan.length;
    let mut network: Network<T> = filled(spec, Target::Values(target.len()), &vec![0.0; length], x, target);
    for (layer, tensor, values) in parameters {
        let range = range_of(spec, &network, layer, tensor);
        for (to, &from) in network.params_mut()[range].iter_mut().zip(values) {
            *to = T::from_f64(from);
        }
    }
    network
}

fn plain_dense(units: usize, activation: Activation) -> LayerKind {
    LayerKind::Dense(DenseSpec { units, activation, ..DenseSpec::default() })
}

fn shared_norm_in<T: Real>(tolerance: f64) {
    let case = conventions().shared_batch_norm;
    let norm = || LayerKind::BatchNorm(BatchNormSpec::default());
    let layers = [
        ("in", LayerKind::Input(InputSpec::default())),
        ("first", plain_dense(4, Activation::Tanh)),
        ("norm", norm()),
        ("second", plain_dense(4, Activation::Tanh)),
        ("again", norm()),
        ("last", plain_dense(2, Activation::Identity)),
        ("out", LayerKind::Output(OutputSpec::default())),
    ];
    let mut spec = NetworkSpec::chain(layers.map(|(name, kind)| (name.to_owned(), kind)));
    let owner = spec.layers[2].id;
    spec.layers[4].shares = Some(owner);
    let mut network: Network<T> = named(&spec, &case.start, &case.x, &case.target);
    let rule = UpdateRule::new(Optimizer::Sgd {}, 0.125);
    let mut state = OptimizerState::new(rule.optimizer, network.plan().learning);
    for (k, want) in case.steps.iter().enumerate() {
        network.forward(true, 0);
        network.error();
        network.backward();
        network.update(&rule, &mut state);
        for (layer, tensor, want) in want {
            let own = network.params()[range_of(&spec, &network, layer, tensor)].to_vec();
            assert_close(own.iter().copied(), want, tolerance, &format!("{tensor} of {layer} after step {}", k + 1));
            if layer == "norm" {
                let copy = &network.params()[range_of(&spec, &network, "again", tensor)];
                assert!(own == copy, "{tensor}: what is saved of the copy is what its owner has");
            }
        }
    }
    network.forward(false, 0);
    let (_, a) = network.layer_values(spec.layers[5].id).expect("the last dense layer");
    assert_close(a.iter().copied(), &case.evaluated.concat(), tolerance, "evaluation");
}

#[test]
fn a_batch_norm_that_layers_share_counts_the_inputs_of_all_of_them_as_pytorch_does() {
    shared_norm_in::<f64>(1e-8);
    shared_norm_in::<f32>(2e-5);
}

#[test]
fn a_shared_batch_norm_is_frozen_with_its_owner() {
    let case = conventions().shared_batch_norm;
    let norm = || LayerKind::BatchNorm(BatchNormSpec::default());
    let layers = [
        ("in", LayerKind::Input(InputSpec::default())),
        ("norm", norm()),
        ("first", plain_dense(3, Activation::Tanh)),
        ("again", norm()),
        ("last", plain_dense(2, Activation::Identity)),
        ("out", LayerKind::Output(OutputSpec::default())),
    ];
    let mut spec = NetworkSpec::chain(layers.map(|(name, kind)| (name.to_owned(), kind)));
    let owner = spec.layers[1].id;
    spec.layers[3].shares = Some(owner);
    spec.layers[1].frozen = true;
    let mut network: Network<f64> = named(&spec, &[], &case.x, &case.target);
    network.initialise(1);
    let rule = UpdateRule::new(Optimizer::Sgd {}, 0.125);
    let mut state = OptimizerState::new(rule.optimizer, network.plan().learning);
    for _ in 0..3 {
        network.forward(true, 0);
        network.error();
        network.backward();
        network.update(&rule, &mut state);
    }
    for layer in ["norm", "again"] {
        let mean = &network.params()[range_of(&spec, &network, layer, "running mean")];
        assert!(mean.iter().all(|m| *m == 0.0), "{layer}: {mean:?}");
    }
}

fn concatenated_in<T: Real>(tolerance: f64) {
    for case in conventions().concatenated {
        let mut spec = NetworkSpec::default();
        let input = spec.add("in", LayerKind::Input(InputSpec::default()));
        let rows = spec.add("rows", LayerKind::Reshape(ReshapeSpec { shape: vec![3, 4] }));
        let per_step = DenseSpec { units: 4, per_step: true, activation: Activation::Identity, ..DenseSpec::default() };
        let branch = spec.add("branch", LayerKind::Dense(per_step));
        let join = spec.add("join", LayerKind::Join(JoinSpec { kind: JoinKind::Concatenate, axis: case.axis }));
        let flat = spec.add("flat", LayerKind::Flatten(FlattenSpec {}));
        let last = spec.add("last", plain_dense(2, Activation::Identity));
        let out = spec.add("out", LayerKind::Output(OutputSpec::default()));
        let wires =
            [(input, rows), (rows, branch), (rows, join), (branch, join), (join, flat), (flat, last), (last, out)];
        for (from, to) in wires {
            spec.connect(from, to);
        }
        let mut network: Network<T> = named(&spec, &case.parameters, &case.x, &case.target);
        network.forward(true, 0);
        network.error();
        network.backward();
        let (_, a) = network.layer_values(last).expect("the last dense layer");
        assert_close(a.iter().copied(), &case.output.concat(), tolerance, &format!("output along axis {}", case.axis));
        for (layer, tensor, want) in &case.gradients {
            let got = network.grads()[range_of(&spec, &network, layer, tensor)].to_vec();
            assert_close(got, want, tolerance, &format!("∂L/∂{tensor} of {layer}, axis {}", case.axis));
        }
    }
}

#[test]
fn branches_are_concatenated_along_any_side_as_pytorch_does() {
    concatenated_in::<f64>(1e-9);
    concatenated_in::<f32>(1e-5);
}

/// Rows for one feature of which every one is for training.
fn ramp(rows: usize) -> Arc<Dataset> {
    let x = ArcArray2::from_shape_fn((rows, 1), |(row, _)| row as f32 / rows as f32);
    let targets =
        Targets::Classes { names: vec!["a".into(), "b".into()], labels: (0..rows).map(|r| r as u32 % 2).collect() };
    Arc::new(all_for_training(x, targets, None))
}

fn all_for_training(x: ArcArray2<f32>, targets: Targets, weights: Option<Vec<f32>>) -> Dataset {
    let rows = x.nrows();
    Dataset {
        name: String::new(),
        x,
        targets: vec![targets],
        weights: weights.map(Arc::from),
        source_rows: Arc::new((0..rows).collect()),
        parts: [(0..rows as u32).collect(), Arc::default(), Arc::default()],
        encoder: Encoder::default(),
        augmentation: None,
        left_out: LeftOut::default(),
        told: Arc::default(),
    }
}

#[test]
fn one_cycle_is_that_of_pytorch_update_by_update() {
    for Cycle { epochs, updates, rise, rates } in conventions().one_cycle {
        let schedule = Schedule::OneCycle { epochs: epochs as f32, rise };
        let update = 1.0 / updates as f64;
        for (k, want) in rates.iter().enumerate() {
            let epoch = (k / updates) as f64 + (k % updates) as f64 * update;
            let got = schedule.factor(epoch, update);
            assert!((got - want).abs() < 1e-9, "{schedule:?}, update {k} of {updates}: {got}, not {want}");
        }
        // In training, with a last mini-batch that is smaller and two mini-batches an update.
        let layers = [
            LayerKind::Input(InputSpec::default()),
            plain_dense(2, Activation::Identity),
            LayerKind::Output(OutputSpec { loss: Loss::CategoricalCrossEntropy, ..OutputSpec::default() }),
        ];
        let spec = NetworkSpec::chain(layers.into_iter().map(|kind| (String::new(), kind)));
        let config =
            TrainConfig { batch_size: 3, accumulate: 2, learning_rate: 1.0, schedule, ..TrainConfig::default() };
        let mut session = Session::new(&spec, ramp(6 * updates - 1), config, 1).expect("fits");
        for _ in 0..epochs {
            session.epoch().expect("stays finite");
        }
        assert_eq!(session.steps(), rates.len() as u64);
        let last_of_each = rates.chunks(updates).map(|of_epoch| of_epoch[updates - 1]);
        for (got, want) in session.history().learning_rate.last.iter().zip(last_of_each) {
            assert!((f64::from(*got) - want).abs() < 1e-6, "{schedule:?}: {got}, not {want}");
        }
    }
}

#[test]
fn losses_of_validation_and_test_are_weighted_as_that_of_training_but_not_smoothed() {
    let case = conventions().weighted;
    let x = ArcArray2::from_shape_fn((case.x.len(), 2), |(row, k)| case.x[row][k] as f32);
    let names = ["a", "b", "c"].map(str::to_owned).to_vec();
    let loss = |class_weights: ClassWeights, rows: Option<Vec<f32>>, label_smoothing: f32| {
        let targets = Targets::Classes { names: names.clone(), labels: case.labels.clone().into() };
        let data = Arc::new(all_for_training(x.clone(), targets, rows));
        let output =
            OutputSpec { loss: Loss::CategoricalCrossEntropy, class_weights, label_smoothing, ..OutputSpec::default() };
        let layers = [
            ("in", LayerKind::Input(InputSpec::default())),
            ("last", plain_dense(3, Activation::Identity)),
            ("out", LayerKind::Output(output)),
        ];
        let spec = NetworkSpec::chain(layers.map(|(name, kind)| (name.to_owned(), kind)));
        // Evaluated in several chunks, trained in one.
        let of_batch = |batch_size: usize| {
            let config = TrainConfig { batch_size, ..TrainConfig::default() };
            let mut session = Session::new(&spec, Arc::clone(&data), config, 1).expect("fits");
            let mut run = session.save();
            for (_, tensor, values) in &case.parameters {
                let own = run.parameters.iter_mut().find(|t| t.name == *tensor).expect("is there");
                own.values = values.iter().map(|&v| v as f32).collect();
            }
            session.resume(&run).expect("fits");
            session
        };
        let mut whole = of_batch(150);
        whole.forward();
        let training = whole.error().expect("is finite");
        let full = of_batch(8).evaluate_fully(Part::Train).expect("there are rows");
        let plain = of_batch(8).evaluate(Part::Train).expect("there are rows");
        assert_eq!(full[0].evaluation, plain);
        (training, plain)
    };
    let close = |got: f64, want: f64| assert!((got - want).abs() < 2e-6 * want, "{got}, not {want}");
    let weights = || ClassWeights::Chosen(case.classes.clone());
    let (training, alike) = loss(ClassWeights::Equal, None, 0.0);
    close(training, case.alike);
    close(alike.loss, case.alike);
    for (rows, want) in [(None, case.by_class), (Some(case.rows.clone()), case.by_both)] {
        let (training, evaluated) = loss(weights(), rows, 0.0);
        close(training, want);
        close(evaluated.loss, want);
        assert_eq!(evaluated.metrics, alike.metrics, "metrics count every row alike");
    }
    let (training, evaluated) = loss(weights(), None, 0.25);
    close(evaluated.loss, case.by_class);
    assert!((training - case.by_class).abs() > 1e-4, "{training} is smoothed");
    // Where no row counts there is no loss.
    let none = Some(vec![0.0; case.rows.len()]);
    let targets = Targets::Classes { names: names.clone(), labels: case.labels.clone().into() };
    let data = Arc::new(all_for_training(x.clone(), targets, none));
    let layers = [
        LayerKind::Input(InputSpec::default()),
        plain_dense(3, Activation::Identity),
        LayerKind::Output(OutputSpec { loss: Loss::CategoricalCrossEntropy, ..OutputSpec::default() }),
    ];
    let spec = NetworkSpec::chain(layers.into_iter().map(|kind| (String::new(), kind)));
    let mut session = Session::new(&spec, data, TrainConfig::default(), 1).expect("fits");
    assert_eq!(session.evaluate(Part::Train), None);
}

/// What presets say that were saved before the settings existed, and what new layers say.
#[test]
fn layers_of_before_keep_their_meaning() {
    let read = |text: &str| serde_json::from_str::<LayerKind>(text).expect("is a layer");
    for (text, new) in [
        (r#"{"layer_norm":{"epsilon":1e-5}}"#, r#""over":"step""#),
        (r#"{"pool2d":{"kind":"average","kernel":[2,2],"stride":[2,2]}}"#, r#""count_padding":true"#),
        (r#"{"pool1d":{"kind":"average","kernel":2,"stride":2}}"#, r#""count_padding":true"#),
        (r#"{"join":{"kind":"concatenate"}}"#, r#""axis""#),
    ] {
        let old = serde_json::to_string(&read(text)).expect("is plain");
        assert!(!old.contains(new), "{old}");
        assert_eq!(read(&old), read(text));
        let name = text.split('"').nth(1).expect("a name");
        let added = palette().into_iter().map(|kind| serde_json::to_string(&kind).expect("is plain"));
        let added = added.filter(|kind| kind.contains(&format!("\"{name}\""))).collect::<Vec<_>>();
        assert!(name == "join" || added.iter().any(|kind| kind.contains(new)), "{added:?}");
    }
}
