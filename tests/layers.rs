//! Layers beyond dense ones, and graphs that branch: gradients against central differences for random shapes.

use chainrule::nn::check::gradients;
use chainrule::nn::layers::{
    ActivationSpec, AttentionSpec, BatchNormSpec, BidirectionalSpec, Cell, Conv1dSpec, Conv2dSpec, DenseSpec,
    DropoutSpec, EmbeddingSpec, FlattenSpec, GatedSpec, GlobalPoolSpec, GroupNormSpec, InputSpec, JoinKind, JoinSpec,
    LayerDefinition as _, LayerNormSpec, MeanStepsSpec, Merge, NoiseSpec, NormOver, OutputSpec, Padding, Padding1d,
    PermuteSpec, Pool1dSpec, Pool2dSpec, PoolKind, PositionSpec, PreluSpec, RecurrentSpec, ReshapeSpec, UpsampleSpec,
    palette,
};
use chainrule::nn::settings::SettingsPanel;
use chainrule::nn::{
    Activation, Encoding, Initialiser, LayerId, LayerKind, Network, NetworkSpec, Target, Task, compile,
};
use chainrule::seed::{Purpose, Stream};
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_oneof, proptest};
use proptest::strategy::{Just, Strategy};
use std::ops::RangeInclusive;

const SAMPLES: usize = 3;
/// More samples than one block of the sequence kernels holds, and no multiple of one.
const MANY: usize = 19;

fn dense(units: usize) -> LayerKind {
    let initialiser = Initialiser::Normal { std: 0.6 };
    LayerKind::Dense(DenseSpec { units, activation: Activation::Identity, initialiser, ..DenseSpec::default() })
}

/// A network in f64 with a random mini-batch and two targets; its parameters are moved from where biases are zero.
fn loaded(spec: &NetworkSpec, features: usize, seed: u64) -> Result<Network<f64>, String> {
    loaded_with(spec, features, SAMPLES, seed)
}

fn loaded_with(spec: &NetworkSpec, features: usize, samples: usize, seed: u64) -> Result<Network<f64>, String> {
    let task = Task::new(vec![features], Target::Values(2));
    let plan = compile(spec, &task, samples)
        .map_err(|problems| problems.iter().map(|p| p.text(spec)).collect::<Vec<_>>().join("; "))?;
    let mut network = Network::new(plan, samples, seed, 2);
    let mut stream = Stream::new(seed, Purpose::Data, 1);
    for value in network.params_mut() {
        *value += 0.1 * stream.normal();
    }
    let stride = network.stride();
    let (x, t) = network.load(samples);
    for row in x.chunks_exact_mut(stride).chain(t.chunks_exact_mut(stride)) {
        row[..samples].iter_mut().for_each(|v| *v = stream.normal());
    }
    Ok(network)
}

/// reshape → convolution → the layers given → flatten → dense → output.
fn chain(shape: impl Into<Vec<usize>>, layers: Vec<LayerKind>) -> NetworkSpec {
    let mut all = vec![LayerKind::Input(InputSpec::default()), LayerKind::Reshape(ReshapeSpec { shape: shape.into() })];
    all.extend(layers);
    all.extend([LayerKind::Flatten(FlattenSpec {}), dense(2), LayerKind::Output(OutputSpec::default())]);
    NetworkSpec::chain(all.into_iter().map(|kind| (kind.info().label.to_owned(), kind)))
}

fn worst(network: &mut Network<f64>) -> (f64, String) {
    gradients(network, true, 40)
        .into_iter()
        .map(|c| (c.worst, format!("{} of layer {}: {} against {}", c.parameter, c.layer.0, c.analytic, c.numeric)))
        .fold((0.0, String::new()), |a, b| if b.0 > a.0 { b } else { a })
}

fn padding() -> impl Strategy<Value = Padding> {
    prop_oneof![
        Just(Padding::Valid),
        Just(Padding::Same),
        (0..3_usize, 0..3_usize).prop_map(|(vertical, horizontal)| Padding::Explicit { vertical, horizontal }),
    ]
}

proptest! {
    // Cargo gives the seed, so that the shapes are the same: a kink closer than any step would else fail one run in a thousand.
    #![proptest_config(ProptestConfig {
        cases: 80,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Convolutions of any kernel, stride, padding, dilation and groups, two in a row so that gradients pass through one.
    #[test]
    fn convolutions_equal_central_differences(
        (groups, channels, filters) in (1..3_usize, 1..3_usize, 1..4_usize),
        (height, width) in (3..7_usize, 3..7_usize),
        kernel in [1..4_usize, 1..4_usize],
        stride in [1..3_usize, 1..3_usize],
        dilation in [1..3_usize, 1..3_usize],
        padding in padding(),
        bias in any::<bool>(),
        seed in any::<u32>(),
    ) {
        let first = Conv2dSpec {
            filters: groups * 2,
            kernel: [3, 3],
            padding: Padding::Same,
            activation: Activation::Tanh,
            initialiser: Initialiser::Normal { std: 0.5 },
            ..Conv2dSpec::default()
        };
        let second = Conv2dSpec { filters: groups * filters, kernel, stride, padding, dilation, groups, bias, ..first.clone() };
        let spec = chain([channels, height, width], vec![LayerKind::Conv2d(first), LayerKind::Conv2d(second)]);
        match loaded(&spec, channels * height * width, u64::from(seed)) {
            Ok(mut network) => {
                let (worst, what) = worst(&mut network);
                prop_assert!(worst <= 1e-6, "{what}");
            }
            Err(message) => prop_assert!(message.contains("larger than the input"), "{message}"),
        }
    }

    /// The same for transposed convolutions.
    #[test]
    fn transposed_convolutions_equal_central_differences(
        (groups, channels, filters) in (1..3_usize, 1..3_usize, 1..3_usize),
        (height, width) in (2..5_usize, 2..5_usize),
        kernel in [1..4_usize, 1..4_usize],
        stride in [1..4_usize, 1..4_usize],
        dilation in [1..3_usize, 1..3_usize],
        padding in padding(),
        bias in any::<bool>(),
        seed in any::<u32>(),
    ) {
        let first = Conv2dSpec {
            filters: groups * channels,
            padding: Padding::Same,
            activation: Activation::Tanh,
            initialiser: Initialiser::Normal { std: 0.5 },
            ..Conv2dSpec::default()
        };
        let second = Conv2dSpec {
            filters: groups * filters, kernel, stride, padding, dilation, groups, bias, transposed: true, ..first.clone()
        };
        let spec = chain([2, height, width], vec![LayerKind::Conv2d(first), LayerKind::Conv2d(second)]);
        match loaded(&spec, 2 * height * width, u64::from(seed)) {
            Ok(mut network) => {
                let (worst, what) = worst(&mut network);
                prop_assert!(worst <= 1e-6, "{what}");
            }
            Err(message) => prop_assert!(message.contains("leaves nothing"), "{message}"),
        }
    }

    /// Pooling windows that overlap, leave gaps or hang over the edge.
    #[test]
    fn pooling_equals_central_differences(
        kind in prop_oneof![Just(PoolKind::Max), Just(PoolKind::Average)],
        (height, width) in (2..7_usize, 2..7_usize),
        kernel in [1..4_usize, 1..4_usize],
        stride in [1..4_usize, 1..4_usize],
        same in any::<bool>(),
        count_padding in any::<bool>(),
        seed in any::<u32>(),
    ) {
        let conv = Conv2dSpec {
            filters: 3,
            padding: Padding::Same,
            activation: Activation::Identity,
            initialiser: Initialiser::Normal { std: 0.5 },
            ..Conv2dSpec::default()
        };
        let padding = if same { Padding::Same } else { Padding::Valid };
        let pool = LayerKind::Pool2d(Pool2dSpec { kind, kernel, stride, padding, count_padding });
        let global = LayerKind::GlobalPool(GlobalPoolSpec { kind });
        for layers in [vec![LayerKind::Conv2d(conv.clone()), pool], vec![LayerKind::Conv2d(conv), global]] {
            match loaded(&chain([2, height, width], layers), 2 * height * width, u64::from(seed)) {
                Ok(mut network) => {
                    let (worst, what) = worst(&mut network);
                    prop_assert!(worst <= 1e-6, "{what}");
                }
                Err(message) => prop_assert!(message.contains("larger than the input"), "{message}"),
            }
        }
    }
}

/// A small stack of sequence layers between random shapes: reshape → per-step dense → the layer → flatten → dense.
fn sequence(steps: usize, features: usize, width: usize, layers: Vec<LayerKind>) -> (NetworkSpec, usize) {
    let initialiser = Initialiser::Normal { std: 0.6 };
    let first = DenseSpec { units: width, activation: Activation::Tanh, initialiser, per_step: true, bias: true };
    let mut all = vec![LayerKind::Dense(first)];
    all.extend(layers);
    (chain([steps, features], all), steps * features)
}

fn assert_gradients(spec: &NetworkSpec, features: usize, seed: u64, what: &str) {
    for samples in [SAMPLES, MANY] {
        let mut network = loaded_with(spec, features, samples, seed).expect(what);
        let (worst, which) = worst(&mut network);
        assert!(worst <= 1e-6, "{what}, {samples} samples: {which}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Backpropagation through time, with every cell, in both directions, showing all steps or the last.
    #[test]
    fn recurrent_layers_equal_central_differences(
        (steps, features, width, units) in (1..6_usize, 1..4_usize, 1..6_usize, 1..7_usize),
        backwards in any::<bool>(),
        seed in any::<u16>(),
    ) {
        for cell in Cell::ALL {
            let initialiser = Initialiser::Normal { std: 0.7 };
            let of = |sequence| LayerKind::Recurrent(RecurrentSpec { cell, units, sequence, backwards, initialiser });
            let (spec, all) = sequence(steps, features, width, vec![of(true), of(false)]);
            assert_gradients(&spec, all, u64::from(seed), cell.label());
        }
    }

    /// Both directions, side by side or added up, showing all steps or the last.
    #[test]
    fn bidirectional_layers_equal_central_differences(
        (steps, features, width, units) in (1..5_usize, 1..4_usize, 1..5_usize, 1..5_usize),
        seed in any::<u16>(),
    ) {
        for (cell, merge) in Cell::ALL.into_iter().flat_map(|cell| Merge::ALL.map(|merge| (cell, merge))) {
            let initialiser = Initialiser::Normal { std: 0.7 };
            let of = |sequence| LayerKind::Bidirectional(BidirectionalSpec { cell, units, sequence, merge, initialiser });
            let (spec, all) = sequence(steps, features, width, vec![of(true), of(false)]);
            assert_gradients(&spec, all, u64::from(seed), &format!("{}, {}", cell.label(), merge.label()));
        }
    }

    /// Gated layers of every usual gate, of a row and of each step.
    #[test]
    fn gated_layers_equal_central_differences(
        (steps, features, units) in (1..5_usize, 1..4_usize, 1..6_usize),
        bias in any::<bool>(),
        seed in any::<u16>(),
    ) {
        let gates = [Activation::Sigmoid, Activation::Gelu, Activation::Silu, Activation::Identity, Activation::Tanh];
        for gate in gates {
            let initialiser = Initialiser::Normal { std: 0.7 };
            let of = |per_step| LayerKind::Gated(GatedSpec { units, gate, bias, initialiser, per_step });
            let spec = chain([steps, features], vec![of(true), LayerKind::Flatten(FlattenSpec {}), of(false)]);
            assert_gradients(&spec, steps * features, u64::from(seed), gate.label());
        }
    }

    /// Attention with and without projections, causal or not.
    #[test]
    fn attention_equals_central_differences(
        (steps, heads, depth) in (1..6_usize, 1..4_usize, 1..4_usize),
        (projections, causal, learned) in (any::<bool>(), any::<bool>(), any::<bool>()),
        seed in any::<u16>(),
    ) {
        let initialiser = Initialiser::Normal { std: 0.7 };
        let attention = LayerKind::Attention(AttentionSpec { heads, projections, causal, initialiser });
        let position = LayerKind::Position(PositionSpec { learned });
        let (spec, all) = sequence(steps, 2, heads * depth, vec![position, attention.clone(), attention]);
        assert_gradients(&spec, all, u64::from(seed), "attention");
    }

    /// Convolution and pooling over sequences.
    #[test]
    fn one_dimensional_windows_equal_central_differences(
        (channels, length) in (1..4_usize, 3..9_usize),
        (kernel, stride, dilation) in (1..4_usize, 1..3_usize, 1..3_usize),
        padding in prop_oneof![Just(Padding1d::Valid), Just(Padding1d::Same), Just(Padding1d::Explicit { each: 2 })],
        kind in prop_oneof![Just(PoolKind::Max), Just(PoolKind::Average)],
        seed in any::<u16>(),
    ) {
        let initialiser = Initialiser::Normal { std: 0.7 };
        let first = Conv1dSpec { filters: 4, activation: Activation::Tanh, initialiser, ..Conv1dSpec::default() };
        let second = Conv1dSpec { filters: 2, kernel, stride, dilation, padding, groups: 2, ..first.clone() };
        let pool = Pool1dSpec { kind, kernel: 2, stride: 1, padding: Padding1d::Same, count_padding: seed % 2 == 0 };
        let layers = vec![LayerKind::Conv1d(first), LayerKind::Conv1d(second), LayerKind::Pool1d(pool)];
        match loaded(&chain([channels, length], layers), channels * length, u64::from(seed)) {
            Ok(mut network) => {
                let (worst, what) = worst(&mut network);
                prop_assert!(worst <= 1e-6, "{what}");
            }
            Err(message) => prop_assert!(message.contains("larger than the input"), "{message}"),
        }
    }
}

#[test]
fn layers_that_move_or_bend_numbers_equal_central_differences() {
    let prelu = LayerKind::Prelu(PreluSpec { slope: -0.4 });
    let noise = LayerKind::Noise(NoiseSpec { deviation: 0.3 });
    let conv = LayerKind::Conv2d(Conv2dSpec { filters: 3, activation: Activation::Identity, ..Conv2dSpec::default() });
    let permute = LayerKind::Permute(PermuteSpec { order: vec![2, 0, 1] });
    let upsample = LayerKind::Upsample(UpsampleSpec { factor: [3, 2] });
    let layers = vec![conv.clone(), prelu.clone(), noise, upsample, permute, conv, prelu];
    assert_gradients(&chain([2, 2, 3], layers), 12, 4, "an image");
    let swap = LayerKind::Permute(PermuteSpec::default());
    let lengthen = LayerKind::Upsample(UpsampleSpec::default());
    let global = LayerKind::GlobalPool(GlobalPoolSpec { kind: PoolKind::Average });
    let (spec, all) = sequence(4, 2, 3, vec![swap, lengthen, global]);
    assert_gradients(&spec, all, 5, "a sequence");
}

#[test]
fn permuting_puts_every_number_in_its_place() {
    let spec = chain([2, 3, 4], vec![LayerKind::Permute(PermuteSpec { order: vec![2, 0, 1] })]);
    let mut network = loaded(&spec, 24, 1).expect("fits");
    network.forward(false, 0);
    let (_, x) = network.layer_values(LayerId(1)).expect("the input");
    let (_, a) = network.layer_values(LayerId(3)).expect("the permuted layer");
    for (i, j, k) in (0..4).flat_map(|i| (0..2).flat_map(move |j| (0..3).map(move |k| (i, j, k)))) {
        assert_eq!(a.row((i * 2 + j) * 3 + k), x.row((j * 3 + k) * 4 + i));
    }
}

#[test]
fn the_mean_of_steps_skips_padding_and_its_gradient_is_right() {
    let embedding = EmbeddingSpec { vocabulary: 5, dimensions: 3, ..EmbeddingSpec::default() };
    let layers = vec![LayerKind::Embedding(embedding), LayerKind::MeanSteps(MeanStepsSpec::default())];
    let mut spec = chain([1], layers);
    spec.remove(LayerId(2));
    let mut network = loaded(&spec, 2, 8).expect("fits");
    let stride = network.stride();
    let (x, _) = network.load(SAMPLES);
    for (lane, [a, b]) in [[0.0, 3.0], [-1.0, 3.0], [-1.0, -1.0]].into_iter().enumerate() {
        (x[lane], x[stride + lane]) = (a, b);
    }
    let (worst, what) = worst(&mut network);
    assert!(worst <= 1e-6, "{what}");
}

#[test]
fn an_embedding_looks_rows_up_and_learns_only_those_it_showed() {
    let embedding = EmbeddingSpec { vocabulary: 5, dimensions: 3, ..EmbeddingSpec::default() };
    let mut spec = chain([1], vec![LayerKind::Embedding(embedding)]);
    spec.remove(LayerId(2));
    let mut network = loaded(&spec, 2, 8).expect("fits");
    let stride = network.stride();
    let (x, _) = network.load(SAMPLES);
    // Category 3 appears twice, 4 is never seen, 7 does not exist.
    for (at, category) in [(0, 0.0), (1, 3.0), (2, 7.0), (stride, 1.0), (stride + 1, 3.0), (stride + 2, 2.0)] {
        x[at] = category;
    }
    let (worst, what) = worst(&mut network);
    assert!(worst <= 1e-6, "{what}");
    let table = network.plan().parameters.iter().find(|p| p.shape.name == "weight").expect("the table").range.clone();
    let moved = |category: usize| network.grads()[table.clone()][category * 3..][..3].iter().any(|&g| g != 0.0);
    assert_eq!((0..5).map(moved).collect::<Vec<_>>(), [true, true, true, true, false]);
    let (_, a) = network.layer_values(LayerId(3)).expect("the embedding");
    assert_eq!(a[[1, 1]], network.params()[table.start + 3 * 3 + 1]);
    assert_eq!(a[[0, 2]], 0.0, "a category that does not exist gives zeros");
}

#[test]
fn batch_norm_equals_central_differences_and_its_running_averages_follow() {
    let conv = LayerKind::Conv2d(Conv2dSpec { filters: 3, activation: Activation::Tanh, ..Conv2dSpec::default() });
    let norm = || LayerKind::BatchNorm(BatchNormSpec::default());
    let spec = chain([2, 4, 5], vec![norm(), conv, norm(), LayerKind::Dropout(DropoutSpec { rate: 0.3 })]);
    let mut network = loaded(&spec, 40, 5).expect("fits");
    let (worst, what) = worst(&mut network);
    assert!(worst <= 1e-6, "{what}");

    // The first norm sees the data: after many updates without learning, its averages are the moments of the mini-batch.
    use chainrule::nn::{Optimizer, OptimizerState, UpdateRule};
    let rule = UpdateRule::new(Optimizer::Sgd {}, 0.0);
    let mut state = OptimizerState::new(rule.optimizer, network.params().len());
    for step in 0..400 {
        network.forward(true, step);
        network.error();
        network.backward();
        network.update(&rule, &mut state);
    }
    let stride = network.stride();
    let (x, _) = network.load(SAMPLES);
    let values: Vec<f64> = x[..20 * stride].chunks_exact(stride).flat_map(|row| row[..SAMPLES].to_vec()).collect();
    let mean = values.iter().sum::<f64>() / 60.0;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 59.0;
    let of = |network: &Network<f64>, name: &str| {
        let parameter = network.plan().parameters.iter().find(|p| p.shape.name == name).expect("exists");
        network.params()[parameter.range.start]
    };
    assert!(
        (of(&network, "running mean") - mean).abs() < 1e-9
            && (of(&network, "running variance") - variance).abs() < 1e-9
    );
    // In evaluation one sample alone is normalised as in the mini-batch, with the unbiased variance.
    network.forward(false, 0);
    let (_, a) = network.layer_values(LayerId(3)).expect("the first norm");
    let (gamma, beta) = (of(&network, "gamma"), of(&network, "beta"));
    let want = gamma * (values[0] - mean) / (variance + 1e-5).sqrt() + beta;
    assert!((a[[0, 0]] - want).abs() < 1e-9, "{} {want}", a[[0, 0]]);
}

/// One number alone has no variance. There the running averages are taken, as in evaluation, and stay as they are.
#[test]
fn a_mini_batch_of_one_row_goes_by_the_running_averages_of_batch_norm() {
    use chainrule::nn::{Optimizer, OptimizerState, UpdateRule};
    let norm = LayerKind::BatchNorm(BatchNormSpec::default());
    let spec = chain([5], vec![norm, LayerKind::Activation(ActivationSpec { function: Activation::Tanh })]);
    let mut network = loaded(&spec, 5, 5).expect("fits");
    let rule = UpdateRule::new(Optimizer::Sgd {}, 0.05);
    let mut state = OptimizerState::new(rule.optimizer, network.params().len());
    let mut step = |network: &mut Network<f64>, step| {
        network.forward(true, step);
        network.error();
        network.backward();
        network.update(&rule, &mut state);
    };
    (0..20).for_each(|k| step(&mut network, k));
    let running = |network: &Network<f64>| -> Vec<f64> {
        let own = network.plan().parameters.iter().filter(|p| p.shape.name.starts_with("running"));
        own.flat_map(|p| network.params()[p.range.clone()].to_vec()).collect()
    };
    let before = running(&network);
    let row: Vec<f64> = (0..5).map(|k| 0.3 * f64::from(k) - 0.7).collect();
    let stride = {
        let (x, _) = network.load(1);
        let stride = x.len() / 5;
        x.fill(0.0);
        (0..5).for_each(|k| x[k * stride] = row[k]);
        stride
    };
    assert!(stride >= 1);
    let outputs = |network: &mut Network<f64>, training| {
        network.forward(training, 99);
        network.layer_values(LayerId(2)).expect("the norm").1.iter().copied().collect::<Vec<_>>()
    };
    let (alone, evaluated) = (outputs(&mut network, true), outputs(&mut network, false));
    assert_eq!(alone, evaluated);
    assert!(alone.iter().any(|v| v.abs() > 0.1), "not only β: {alone:?}");
    // The running averages follow the data, not their gradient, which stays zero.
    for c in gradients(&mut network, true, 40).into_iter().filter(|c| !c.parameter.starts_with("running")) {
        assert!(c.worst <= 1e-6, "{}: {} against {}", c.parameter, c.analytic, c.numeric);
    }
    let params = network.params().to_vec();
    step(&mut network, 100);
    assert_eq!(running(&network), before);
    assert_ne!(network.params(), params, "it learns all the same");
    assert_eq!(BatchNormSpec::default().least_batch(&[5]), 2);
    assert_eq!(BatchNormSpec::default().least_batch(&[5, 2]), 1);
}

#[test]
fn layer_and_group_norm_equal_central_differences() {
    let conv = LayerKind::Conv2d(Conv2dSpec { filters: 4, activation: Activation::Tanh, ..Conv2dSpec::default() });
    let layer = LayerKind::LayerNorm(LayerNormSpec::default());
    for over in NormOver::ALL {
        let norm = LayerKind::LayerNorm(LayerNormSpec { over, ..LayerNormSpec::default() });
        let (spec, inputs) = sequence(3, 2, 4, vec![norm]);
        let (worst, what) = worst(&mut loaded(&spec, inputs, 5).expect("fits"));
        assert!(worst <= 1e-6, "{over:?}: {what}");
    }
    for groups in [1, 2, 4] {
        let group = LayerKind::GroupNorm(GroupNormSpec { groups, ..GroupNormSpec::default() });
        let layers = vec![layer.clone(), conv.clone(), group, layer.clone()];
        let mut network = loaded(&chain([2, 3, 4], layers), 24, 3).expect("fits");
        let (worst, what) = worst(&mut network);
        assert!(worst <= 1e-6, "{groups} groups: {what}");
    }
    let uneven = LayerKind::GroupNorm(GroupNormSpec { groups: 3, ..GroupNormSpec::default() });
    let message = loaded(&chain([2, 3, 4], vec![conv, uneven]), 24, 3).map(|_| ()).expect_err("must not fit");
    assert!(message.contains("3 groups do not divide 4 channels"), "{message}");
}

#[test]
fn absurd_sizes_are_refused_before_anything_is_allocated() {
    let wide = |filters, groups| LayerKind::Conv2d(Conv2dSpec { filters, groups, ..Conv2dSpec::default() });
    for layers in [
        vec![wide(1_000_000_000, 1)],
        vec![wide(usize::MAX, 1)],
        vec![wide(usize::MAX, 1), wide(usize::MAX, 1)],
        vec![wide(1 << 40, 1), LayerKind::LayerNorm(LayerNormSpec::default())],
    ] {
        let message = loaded(&chain([1, 8, 8], layers), 64, 1).map(|_| ()).expect_err("must not fit");
        assert!(message.contains("of memory to train"), "{message}");
    }
    for (kind, says) in [
        (wide(0, 1), "at least one filter"),
        (wide(4, 3), "3 groups do not divide"),
        (LayerKind::Conv2d(Conv2dSpec { kernel: [0, 3], ..Conv2dSpec::default() }), "the kernel must be between 1"),
        (LayerKind::Conv2d(Conv2dSpec { stride: [0, 1], ..Conv2dSpec::default() }), "stride and dilation"),
        (LayerKind::Pool2d(Pool2dSpec { kernel: [9, 9], ..Pool2dSpec::default() }), "larger than the input"),
        (LayerKind::Reshape(ReshapeSpec { shape: vec![3, 5, 5] }), "64 numbers do not fit the shape [3, 5, 5]"),
        (LayerKind::Reshape(ReshapeSpec { shape: vec![] }), "one to four sides"),
    ] {
        let message = loaded(&chain([1, 8, 8], vec![kind]), 64, 1).map(|_| ()).expect_err("must not fit");
        assert!(message.contains(says), "{message}");
    }
}

#[test]
fn absurd_sequences_are_refused_before_anything_is_allocated_too() {
    let recurrent = |units| LayerKind::Recurrent(RecurrentSpec { units, ..RecurrentSpec::of(Cell::Gru) });
    let lookup = |vocabulary, dimensions| {
        LayerKind::Embedding(EmbeddingSpec { vocabulary, dimensions, ..EmbeddingSpec::default() })
    };
    let wide = |units| LayerKind::Dense(DenseSpec { units, per_step: true, ..DenseSpec::default() });
    for layers in [
        vec![recurrent(usize::MAX)],
        vec![recurrent(1 << 40)],
        vec![wide(usize::MAX), LayerKind::Attention(AttentionSpec::plain())],
        vec![wide(1 << 40), LayerKind::Position(PositionSpec { learned: true })],
        vec![wide(1 << 40), LayerKind::Permute(PermuteSpec::default()), LayerKind::Upsample(UpsampleSpec::default())],
    ] {
        let message = loaded(&chain([8, 8], layers), 64, 1).map(|_| ()).expect_err("must not fit");
        assert!(message.contains("of memory to train"), "{message}");
    }
    for kind in [lookup(usize::MAX, 3), lookup(3, usize::MAX), lookup(1 << 40, 1 << 40)] {
        let message = loaded(&chain([64], vec![kind]), 64, 1).map(|_| ()).expect_err("must not fit");
        assert!(message.contains("of memory to train"), "{message}");
    }
    for (kind, says) in [
        (recurrent(0), "at least one unit"),
        (
            LayerKind::Attention(AttentionSpec { heads: 3, ..AttentionSpec::default() }),
            "3 heads do not divide 8 features",
        ),
        (LayerKind::Attention(AttentionSpec { heads: 0, ..AttentionSpec::default() }), "at least one head"),
        (LayerKind::Permute(PermuteSpec { order: vec![0, 0] }), "names each side once"),
        (LayerKind::Permute(PermuteSpec { order: vec![2, 1, 0] }), "does not fit the shape [8, 8]"),
        (LayerKind::Upsample(UpsampleSpec { factor: [0, 2] }), "between 1 and 64"),
        (LayerKind::Conv1d(Conv1dSpec { kernel: 65, ..Conv1dSpec::default() }), "the kernel must be between 1"),
        (LayerKind::Noise(NoiseSpec { deviation: f32::NAN }), "at least 0, but is NaN"),
    ] {
        let message = loaded(&chain([8, 8], vec![kind]), 64, 1).map(|_| ()).expect_err("must not fit");
        assert!(message.contains(says), "{message}");
    }
}

/// input → dense → (a branch and a way around it) → join → dense → output.
fn branching(kind: JoinKind, ways: usize) -> NetworkSpec {
    let mut spec = NetworkSpec::default();
    let input = spec.add("Input", LayerKind::Input(InputSpec::default()));
    let stem = spec.add("Stem", dense(4));
    let bend = spec.add("Bend", LayerKind::Activation(ActivationSpec { function: Activation::Tanh }));
    let join = spec.add("Join", LayerKind::Join(JoinSpec { kind, axis: 0 }));
    let last = spec.add("Last", dense(2));
    let output = spec.add("Output", LayerKind::Output(OutputSpec::default()));
    for (from, to) in [(input, stem), (stem, bend), (bend, join), (join, last), (last, output)] {
        spec.connect(from, to);
    }
    for way in 0..ways {
        let units = if kind == JoinKind::Concatenate { 3 + way } else { 4 };
        let branch = spec.add(format!("Branch {way}"), dense(units));
        spec.connect(stem, branch);
        spec.connect(branch, join);
    }
    // The residual connection itself.
    if kind != JoinKind::Concatenate {
        spec.connect(stem, join);
    }
    spec
}

#[test]
fn graphs_that_branch_and_join_equal_central_differences() {
    for kind in JoinKind::ALL {
        for ways in 1..=3 {
            let mut network = loaded(&branching(kind, ways), 5, 11).expect("fits");
            let (worst, what) = worst(&mut network);
            assert!(worst <= 1e-6, "{kind:?} with {ways} branches: {what}");
        }
    }
}

#[test]
fn what_does_not_join_or_leads_nowhere_is_told_with_its_fix() {
    let told = |spec: &NetworkSpec| loaded(spec, 5, 1).map(|_| ()).expect_err("must not fit");
    let mut other = branching(JoinKind::Add, 1);
    if let LayerKind::Dense(dense) = &mut other.layers[6].kind {
        dense.units = 7;
    }
    assert!(told(&other).contains("[4] and [7] do not fit"), "{}", told(&other));
    let mut loose = branching(JoinKind::Concatenate, 1);
    loose.wires.retain(|w| w.to != LayerId(4) || w.from != LayerId(7));
    let mut beyond = branching(JoinKind::Concatenate, 1);
    if let LayerKind::Join(join) = &mut beyond.layers[3].kind {
        join.axis = 1;
    }
    let message = told(&beyond);
    assert!(message.contains("concatenates along axis 1") && message.contains("an axis of 0 to 0"), "{message}");
    let message = told(&loose);
    assert!(message.contains("Branch 0: leads nowhere") && message.contains("only one is wired"), "{message}");

    let mut image = chain([1, 4, 4], vec![LayerKind::Conv2d(Conv2dSpec::default())]);
    image.remove(LayerId(2));
    image.remove(LayerId(4));
    let message = loaded(&image, 16, 1).map(|_| ()).expect_err("must not fit");
    assert!(message.contains("needs an image [channels, height, width]"), "{message}");
    let task = Task::new(vec![16], Target::Values(2));
    for _ in 0..2 {
        let found = chainrule::nn::infer(&image, &task, SAMPLES);
        found.problems[0].fix.as_ref().expect("has a fix").apply(&mut image);
    }
    assert!(loaded(&image, 16, 1).is_ok(), "a reshape and a flatten layer fix it");
}

/// Whether two of `kind` in a row learn as one where the second uses the parameters of the first, and a frozen one stays.
fn assert_shares_and_freezes(kind: &LayerKind, shape: [usize; 2]) {
    let mut spec = chain(shape, vec![kind.clone(), kind.clone()]);
    let (first, second) = (spec.layers[2].id, spec.layers[3].id);
    spec.layers[3].shares = Some(first);
    assert_gradients(&spec, shape.iter().product(), 6, "shared");
    spec.layers[2].frozen = true;
    let network = loaded(&spec, shape.iter().product(), 6).expect("fits");
    let plan = network.plan();
    let of = |layer| plan.parameters.iter().filter(move |p| p.layer == layer);
    assert!(of(first).chain(of(second)).all(|p| p.range.start >= plan.learning), "a frozen layer and its copy stay");
    assert_eq!(of(first).map(|p| &p.shape).collect::<Vec<_>>(), of(second).map(|p| &p.shape).collect::<Vec<_>>());
}

#[test]
fn gated_layers_can_be_shared_and_frozen() {
    let gated = GatedSpec { units: 3, per_step: true, ..GatedSpec::default() };
    assert_shares_and_freezes(&LayerKind::Gated(gated), [4, 3]);
}

#[test]
fn gated_layers_say_what_does_not_fit() {
    let gated = |units, gate| LayerKind::Gated(GatedSpec { units, gate, ..GatedSpec::default() });
    for (kind, says) in [
        (gated(0, Activation::Gelu), "at least one unit"),
        (gated(3, Activation::Softmax), "softmax is no gate"),
        (gated(3, Activation::Gelu), "needs one row of numbers per sample"),
        (gated(usize::MAX, Activation::Gelu), "needs one row of numbers per sample"),
    ] {
        let message = loaded(&chain([4, 3], vec![kind]), 12, 1).map(|_| ()).expect_err("must not fit");
        assert!(message.contains(says), "{message}");
    }
    let wide = vec![LayerKind::Flatten(FlattenSpec {}), gated(usize::MAX, Activation::Gelu)];
    let message = loaded(&chain([4, 3], wide), 12, 1).map(|_| ()).expect_err("must not fit");
    assert!(message.contains("of memory to train"), "{message}");
}

#[test]
fn bidirectional_layers_can_be_shared_and_frozen() {
    for cell in Cell::ALL {
        let merge = Merge::Sum;
        let both = BidirectionalSpec { cell, units: 3, sequence: true, merge, ..BidirectionalSpec::default() };
        assert_shares_and_freezes(&LayerKind::Bidirectional(both), [4, 3]);
    }
}

#[test]
fn bidirectional_layers_say_what_does_not_fit() {
    let both = |units| LayerKind::Bidirectional(BidirectionalSpec { units, ..BidirectionalSpec::default() });
    let flat = LayerKind::Flatten(FlattenSpec {});
    for (layers, says) in [
        (vec![both(0)], "at least one unit"),
        (vec![flat, both(3)], "needs a sequence [steps, features]"),
        (vec![both(usize::MAX)], "of memory to train"),
        (vec![both(1 << 40)], "of memory to train"),
    ] {
        let message = loaded(&chain([4, 3], layers), 12, 1).map(|_| ()).expect_err("must not fit");
        assert!(message.contains(says), "{message}");
    }
}

/// A panel that remembers what it is shown, and changes every number that it may.
#[derive(Default)]
struct Shown {
    labels: Vec<String>,
    changes: bool,
}

impl Shown {
    fn field(&mut self, label: &str, hover: &str) {
        assert!(!label.is_empty() && !hover.is_empty(), "a field says what it is and what it means: {label}, {hover}");
        self.labels.push(label.to_owned());
    }
}

impl SettingsPanel for Shown {
    fn count(&mut self, label: &str, hover: &str, value: &mut usize, range: RangeInclusive<usize>) {
        self.field(label, hover);
        assert!(range.contains(value), "{label} of {value} is out of its range");
        if self.changes && *value < *range.end() {
            *value += 1;
        }
    }

    fn number(&mut self, label: &str, hover: &str, value: &mut f32, range: RangeInclusive<f32>, speed: f64) {
        self.field(label, hover);
        assert!(range.contains(value) && speed > 0.0, "{label} of {value} is out of its range");
        if self.changes {
            *value = f32::midpoint(*value, *range.end());
        }
    }

    fn toggle(&mut self, label: &str, hover: &str, value: &mut bool) {
        self.field(label, hover);
        *value ^= self.changes;
    }

    fn pair(&mut self, label: &str, hover: &str, value: &mut [usize; 2], range: RangeInclusive<usize>) {
        self.field(label, hover);
        assert!(value.iter().all(|v| range.contains(v)), "{label} of {value:?} is out of its range");
        if self.changes {
            value[0] += 1;
        }
    }

    fn choice(&mut self, label: &str, hover: &str, chosen: usize, options: &[&str]) -> Option<usize> {
        self.field(label, hover);
        assert!(chosen < options.len() && options.iter().all(|o| !o.is_empty()), "{label}: {options:?}");
        self.changes.then_some((chosen + 1) % options.len())
    }

    fn tick(&mut self, text: &str, name: &str, _: &mut bool) -> bool {
        self.field(text, name);
        false
    }

    fn note(&mut self, text: &str) {
        assert!(!text.is_empty());
    }

    fn feature_columns(&self) -> Option<Vec<String>> {
        Some(vec!["a".to_owned(), "b".to_owned()])
    }

    fn target_columns(&self) -> Option<Vec<String>> {
        Some(vec!["t".to_owned()])
    }

    fn class_names(&self) -> Vec<String> {
        vec!["yes".to_owned(), "no".to_owned()]
    }

    fn encoding(&self) -> Option<Encoding> {
        Some(Encoding::OneHot)
    }

    fn outputs(&self) -> usize {
        2
    }
}

#[test]
fn looking_at_the_settings_of_a_layer_changes_nothing_and_every_field_can_be_changed() {
    for usual in palette() {
        let name = usual.info().label;
        let mut kind = usual.clone();
        let mut shown = Shown::default();
        kind.definition_mut().settings(&mut shown);
        assert_eq!(kind, usual, "{name}");
        let mut labels = shown.labels.clone();
        labels.sort();
        labels.dedup();
        assert_eq!(labels.len(), shown.labels.len(), "{name}: two fields are called alike: {:?}", shown.labels);
        kind.definition_mut().settings(&mut Shown { changes: true, ..Shown::default() });
        // Some layers have no settings, and an input only ticks.
        assert!(kind != usual || ["Flatten", "Input", "Mean of steps"].contains(&name), "{name} has no settings");
        let text = serde_json::to_string(&kind).expect("can be written");
        assert!(text.starts_with(&format!("{{\"{}\":", kind.name())), "{text}");
        assert_eq!(serde_json::from_str::<LayerKind>(&text).expect("can be read"), kind);
        assert!(!kind.definition().caption().is_empty() && !kind.info().change.is_empty(), "{name}");
    }
}
