//! Node cases of the backend tests of the ONNX standard (`tests/fixtures/make_onnx.py`, which also says what is left out and why).

use chainrule::nn::layers::{FlattenSpec, InputSpec, JoinKind, JoinSpec, OutputSpec, ReshapeSpec};
use chainrule::nn::{
    Content, FeatureColumn, LayerId, LayerKind, Loss, Network, NetworkSpec, Optimizer, OptimizerState, Target, Task,
    UpdateRule, compile, volume,
};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Fixture {
    cases: Vec<serde_json::Value>,
    left_out: BTreeMap<String, String>,
}

/// A layer with its parameters, and what it makes of some samples.
#[derive(Deserialize)]
struct LayerCase {
    name: String,
    shape: Vec<usize>,
    layers: Vec<LayerKind>,
    parameters: BTreeMap<String, Vec<f32>>,
    x: Vec<Vec<f32>>,
    output: Vec<Vec<f32>>,
    /// Shapes of the branches, for a join.
    #[serde(default)]
    join: Vec<Vec<usize>>,
    /// The side along which they are joined.
    #[serde(default)]
    axis: usize,
    #[serde(default)]
    training: bool,
    /// Parameters behind one update.
    #[serde(default)]
    after: BTreeMap<String, Vec<f32>>,
}

#[derive(Deserialize)]
struct StepCase {
    name: String,
    optimizer: Optimizer,
    rate: f32,
    l2: f32,
    before: Vec<f32>,
    gradient: Vec<f32>,
    state: Vec<Vec<f32>>,
    after: Vec<f32>,
}

#[derive(Deserialize)]
struct LossCase {
    name: String,
    x: Vec<Vec<f32>>,
    labels: Vec<usize>,
    weights: Vec<f32>,
    loss: f64,
}

fn assert_close(got: &[f32], want: &[f32], what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    let largest = want.iter().fold(0.0_f32, |l, w| l.max(w.abs()));
    for (i, (got, want)) in got.iter().zip(want).enumerate() {
        let room = 1e-5 * want.abs().max(0.1 * largest);
        assert!((got - want).abs() <= room, "{what}, number {i}: {got} against {want}");
    }
}

fn end(spec: &mut NetworkSpec, last: LayerId, loss: Loss) {
    let flat = spec.add("flat", LayerKind::Flatten(FlattenSpec {}));
    let output = spec.add("output", LayerKind::Output(OutputSpec { loss, ..OutputSpec::default() }));
    spec.connect(last, flat);
    spec.connect(flat, output);
}

/// input → reshape → the layers → flatten → output, or one such branch for each shape that is joined.
fn network_of(case: &LayerCase) -> (NetworkSpec, LayerId, Task) {
    let mut spec = NetworkSpec::default();
    let branches = if case.join.is_empty() { std::slice::from_ref(&case.shape) } else { &case.join[..] };
    let mut task = Task::new(vec![case.x[0].len()], Target::Values(case.output[0].len()));
    let mut ends = Vec::new();
    for (k, shape) in branches.iter().enumerate() {
        let column = k.to_string();
        let (name, content) = (column.clone(), Content::Plain);
        task.columns.push(FeatureColumn { name, width: volume(shape), content });
        let input = spec.add("input", LayerKind::Input(InputSpec { columns: vec![column] }));
        let reshape = spec.add("shape", LayerKind::Reshape(ReshapeSpec { shape: shape.clone() }));
        spec.connect(input, reshape);
        ends.push(reshape);
    }
    let mut last = ends[0];
    if ends.len() > 1 {
        last = spec.add("join", LayerKind::Join(JoinSpec { kind: JoinKind::Concatenate, axis: case.axis }));
        for branch in ends {
            spec.connect(branch, last);
        }
    }
    for kind in &case.layers {
        let layer = spec.add("layer", kind.clone());
        spec.connect(last, layer);
        last = layer;
    }
    end(&mut spec, last, Loss::MeanSquaredError);
    (spec, last, task)
}

fn fill(network: &mut Network<f32>, rows: &[Vec<f32>]) {
    let stride = network.stride();
    let (x, _) = network.load(rows.len());
    for (sample, row) in rows.iter().enumerate() {
        row.iter().enumerate().for_each(|(k, &v)| x[k * stride + sample] = v);
    }
}

fn layer(case: &LayerCase) {
    let what = &case.name;
    let (spec, last, task) = network_of(case);
    let samples = case.x.len();
    let plan = compile(&spec, &task, samples).unwrap_or_else(|p| panic!("{what}: {p:?}"));
    let mut network: Network<f32> = Network::new(plan, samples, 1, 1);
    let place = |network: &Network<f32>, name: &str| {
        let mut own = network.plan().parameters.iter().filter(|p| p.layer == last && p.shape.name == name);
        own.next().unwrap_or_else(|| panic!("{what} has no {name}")).range.clone()
    };
    for (name, values) in &case.parameters {
        let range = place(&network, name);
        network.params_mut()[range].copy_from_slice(values);
    }
    fill(&mut network, &case.x);
    network.forward(case.training, 0);
    let (_, a) = network.layer_values(last).expect("exists");
    let got: Vec<f32> = (0..samples).flat_map(|sample| a.column(sample).to_vec()).collect();
    assert_close(&got, &case.output.concat(), what);
    if !case.after.is_empty() {
        network.update_running_statistics();
    }
    for (name, values) in &case.after {
        assert_close(&network.params()[place(&network, name)], values, &format!("{name} of {what}"));
    }
}

fn update(case: &StepCase) {
    let mut state = OptimizerState::new(case.optimizer, case.before.len());
    for (slot, values) in [&mut state.first, &mut state.second].into_iter().zip(&case.state) {
        slot.copy_from_slice(values);
    }
    let (mut params, mut gradient) = (case.before.clone(), case.gradient.clone());
    let rule = UpdateRule { l2: case.l2, ..UpdateRule::new(case.optimizer, case.rate) };
    let groups = [chainrule::nn::compile::Group { range: 0..params.len(), decayed: true, rate: 1.0 }];
    state.update(&rule, &mut params, &mut gradient, &groups);
    assert_close(&params, &case.after, &case.name);
}

fn loss(case: &LossCase) {
    let (samples, classes) = (case.x.len(), case.weights.len());
    let mut spec = NetworkSpec::default();
    let input = spec.add("input", LayerKind::Input(InputSpec::default()));
    end(&mut spec, input, Loss::CategoricalCrossEntropy);
    let task = Task::new(vec![classes], Target::Classes(classes));
    let mut network: Network<f32> = Network::new(compile(&spec, &task, samples).expect("fits"), samples, 1, 1);
    fill(&mut network, &case.x);
    let stride = network.stride();
    let (_, target, shares) = network.head(0);
    let total: f32 = case.labels.iter().map(|&label| case.weights[label]).sum();
    for (sample, &label) in case.labels.iter().enumerate() {
        target[label * stride + sample] = 1.0;
        shares[sample] = case.weights[label] / total;
    }
    network.forward(false, 0);
    let got = network.error();
    assert!((got - case.loss).abs() <= 1e-5 * case.loss, "{}: {got} against {}", case.name, case.loss);
}

#[test]
fn the_backend_tests_of_onnx_are_passed() {
    let fixture: Fixture =
        serde_json::from_str(include_str!("fixtures/onnx.json")).expect("is as its script writes it");
    let mut names = Vec::new();
    for case in fixture.cases {
        names.push(case["name"].as_str().expect("a name").to_owned());
        let read = "is as its script writes it";
        if case.get("optimizer").is_some() {
            update(&serde_json::from_value(case).expect(read));
        } else if case.get("labels").is_some() {
            loss(&serde_json::from_value(case).expect(read));
        } else {
            layer(&serde_json::from_value(case).expect(read));
        }
    }
    for kind in [
        "gemm",
        "conv_with",
        "convtranspose_group",
        "convtranspose_dilations",
        "maxpool",
        "averagepool",
        "globalaverage",
        "batchnorm_example_training",
        "layer_normalization",
        "group_normalization",
        "relu",
        "softmax",
        "concat",
        "flatten",
        "lstm",
        "gru",
        "simple_rnn",
        "adam",
        "momentum",
        "nesterov",
        "adagrad",
        "sce_mean_weight",
        "transpose",
        "upsample",
    ] {
        assert!(names.iter().any(|name| name.starts_with(kind)), "no case of {kind}");
    }
    assert!(fixture.left_out.values().all(|reason| !reason.is_empty()));
}
