//! Forward pass, gradients and twenty steps of every optimizer against numbers from PyTorch (`tests/fixtures/make_torch.py`).

use chainrule::data::{Column, ColumnPlan, Dataset, Missing, Preparation, Role, Split, Table, Treatment, prepare};
use chainrule::explain::Trace;
use chainrule::nn::layers::{DenseSpec, InputSpec, OutputSpec, ReshapeSpec};
use chainrule::nn::{
    Activation, LayerId, LayerKind, Loss, Network, NetworkSpec, Optimizer, OptimizerState, Real, Target, Task,
    UpdateRule, compile,
};
use chainrule::train::{Replica, Session, TrainConfig, TrainingState};
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
