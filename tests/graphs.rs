//! Networks with several inputs and outputs, layers that are frozen or share parameters, and samples that do not count alike.

use chainrule::nn::check::gradients;
use chainrule::nn::layers::{
    BatchNormSpec, ClassWeights, Comparison, DenseSpec, EmbeddingSpec, FlattenSpec, InputSpec, JoinKind, JoinSpec,
    OutputSpec,
};
use chainrule::nn::{
    Activation, Content, FeatureColumn, Initialiser, LayerId, LayerKind, Loss, Network, NetworkSpec, Optimizer,
    OptimizerState, Target, TargetGroup, Task, UpdateRule, compile, infer,
};
use chainrule::seed::{Purpose, Stream};

const SAMPLES: usize = 5;

fn dense(units: usize) -> LayerKind {
    let initialiser = Initialiser::Normal { std: 0.6 };
    LayerKind::Dense(DenseSpec { units, activation: Activation::Tanh, initialiser, ..DenseSpec::default() })
}

/// Columns a (one feature), b (three) and c (two), two classes and three numbers.
fn task() -> Task {
    let column = |name: &str, width| FeatureColumn { name: name.to_owned(), width, content: Content::Plain };
    let group =
        |columns: &[&str], target| TargetGroup { columns: columns.iter().map(|&c| c.to_owned()).collect(), target };
    Task {
        input: vec![6],
        columns: vec![column("a", 1), column("b", 3), column("c", 2)],
        targets: vec![group(&["kind"], Target::Classes(2)), group(&["p", "q", "r"], Target::Values(3))],
    }
}

fn input(columns: &[&str]) -> LayerKind {
    LayerKind::Input(InputSpec { columns: columns.iter().map(|&c| c.to_owned()).collect() })
}

fn output(loss: Loss, weight: f32, target: Comparison) -> LayerKind {
    LayerKind::Output(OutputSpec { loss, weight, target, ..OutputSpec::default() })
}

/// c and a → dense ┐
///        b → dense ┴ join → class, two of the numbers, and the features again.
fn forked() -> NetworkSpec {
    let mut spec = NetworkSpec::default();
    let (first, second) = (spec.add("C and A", input(&["c", "a"])), spec.add("B", input(&["b"])));
    let (left, right) = (spec.add("left", dense(3)), spec.add("right", dense(2)));
    let join = spec.add("join", LayerKind::Join(JoinSpec { kind: JoinKind::Concatenate, axis: 0 }));
    let (class, numbers, again) =
        (spec.add("class", dense(2)), spec.add("numbers", dense(2)), spec.add("again", dense(6)));
    let numbers_of = Comparison::Columns(vec!["r".into(), "p".into()]);
    if let Some(LayerKind::Dense(logits)) = spec.layer_mut(class).map(|l| &mut l.kind) {
        logits.activation = Activation::Identity;
    }
    let class_end = spec.add("class end", output(Loss::CategoricalCrossEntropy, 1.0, Comparison::Target));
    let numbers_end = spec.add("numbers end", output(Loss::MeanSquaredError, 0.7, numbers_of));
    let again_end = spec.add("again end", output(Loss::Huber, 0.3, Comparison::Features));
    // A second opinion on the same numbers: two losses meet in one layer.
    let second_end =
        spec.add("second end", output(Loss::Cosine, 0.5, Comparison::Columns(vec!["q".into(), "r".into()])));
    for (from, to) in [
        (first, left),
        (second, right),
        (left, join),
        (right, join),
        (join, class),
        (join, numbers),
        (join, again),
        (class, class_end),
        (numbers, numbers_end),
        (again, again_end),
        (numbers, second_end),
    ] {
        spec.connect(from, to);
    }
    spec
}

fn network(spec: &NetworkSpec, task: &Task) -> Network<f64> {
    let plan = compile(spec, task, SAMPLES).unwrap_or_else(|p| panic!("{p:?}"));
    let heads = plan.heads.len();
    let mut network = Network::new(plan, SAMPLES, 3, 1);
    let mut stream = Stream::new(9, Purpose::Data, 0);
    network.params_mut().iter_mut().for_each(|v| *v += 0.1 * stream.normal());
    let stride = network.stride();
    let (x, _) = network.load(SAMPLES);
    for row in x.chunks_exact_mut(stride) {
        row[..SAMPLES].iter_mut().for_each(|v| *v = stream.normal());
    }
    for index in 0..heads {
        let (head, target, _) = network.head(index);
        let classes = head.loss == Loss::CategoricalCrossEntropy;
        for (unit, row) in target.chunks_exact_mut(stride).enumerate() {
            for (sample, t) in row[..SAMPLES].iter_mut().enumerate() {
                *t = if classes { f64::from(sample % 2 == unit) } else { stream.normal() };
            }
        }
    }
    network
}

fn step(network: &mut Network<f64>, rule: &UpdateRule, state: &mut OptimizerState<f64>) {
    network.forward(true, state.steps);
    network.error();
    network.backward();
    network.update(rule, state);
}

fn values<'a>(network: &'a Network<f64>, layer: LayerId, name: &str) -> &'a [f64] {
    let parameter = network.plan().parameters.iter().find(|p| p.layer == layer && p.shape.name == name);
    &network.params()[parameter.expect("exists").range.clone()]
}

#[test]
fn several_inputs_and_outputs_equal_central_differences_and_add_their_losses_up() {
    let mut network = network(&forked(), &task());
    for checked in gradients(&mut network, true, usize::MAX) {
        assert!(checked.worst <= 1e-6, "{} of layer {}", checked.parameter, checked.layer.0);
    }
    network.forward(false, 0);
    let loss = network.error();
    let parts: f64 = [1.0, 0.7, 0.3, 0.5].iter().enumerate().map(|(k, w)| w * network.head_loss(k)).sum();
    assert!((loss - parts).abs() < 1e-6, "{loss} {parts}");
    // The inputs are those of their columns: c is features 4 and 5, a is feature 0.
    let (_, all) = network.layer_values(LayerId(1)).expect("C and A");
    let chosen: Vec<Vec<f64>> = all.rows().into_iter().map(|r| r.to_vec()).collect();
    let stride = network.stride();
    let (x, _) = network.load(SAMPLES);
    for (row, feature) in chosen.iter().zip([4, 5, 0]) {
        assert_eq!(row[..], x[feature * stride..][..SAMPLES]);
    }
}

#[test]
fn what_does_not_exist_in_the_data_is_told_with_its_fix() {
    let task = task();
    for (name, kind, says) in [
        ("B", input(&["b", "gone"]), "takes the column \"gone\", which is no feature"),
        (
            "class end",
            output(Loss::CategoricalCrossEntropy, 1.0, Comparison::Columns(vec!["z".into()])),
            "no targets z",
        ),
        (
            "numbers end",
            output(Loss::MeanSquaredError, 1.0, Comparison::Columns(vec!["p".into(), "kind".into()])),
            "no targets p, kind of one kind",
        ),
    ] {
        let mut spec = forked();
        let layer = spec.layers.iter_mut().find(|l| l.name == name).expect("exists");
        layer.kind = kind;
        let problems = infer(&spec, &task, SAMPLES).problems;
        let problem =
            problems.iter().find(|p| p.message.contains(says)).unwrap_or_else(|| panic!("{says}: {problems:?}"));
        problem.fix.as_ref().expect("has a fix").apply(&mut spec);
        let left = infer(&spec, &task, SAMPLES).problems;
        assert!(!left.iter().any(|p| p.message.contains(says)), "{left:?}");
    }
    let mut weights = forked();
    if let LayerKind::Output(output) = &mut weights.layers[8].kind {
        output.class_weights = ClassWeights::Chosen(vec![1.0; 3]);
    }
    let problems = infer(&weights, &task, SAMPLES).problems;
    assert!(problems[0].message.contains("weights for 3 classes"), "{problems:?}");
}

#[test]
fn frozen_layers_stay_as_they_are_whatever_the_optimizer() {
    for optimizer in Optimizer::ALL {
        let mut spec = forked();
        let (left, norm) = (LayerId(3), spec.add("norm", LayerKind::BatchNorm(BatchNormSpec::default())));
        spec.insert_after(norm, left);
        for id in [left, norm] {
            spec.layer_mut(id).expect("exists").frozen = true;
        }
        let mut network = network(&spec, &task());
        let before = network.params().to_vec();
        let rule = UpdateRule { l1: 0.01, l2: 0.01, ..UpdateRule::new(optimizer, 0.01) };
        let mut state = OptimizerState::new(optimizer, network.plan().learning);
        (0..5).for_each(|_| step(&mut network, &rule, &mut state));
        for parameter in &network.plan().parameters {
            let range = parameter.range.clone();
            let moved = network.params()[range.clone()] != before[range];
            let frozen = [left, norm].contains(&parameter.layer);
            assert_eq!(
                moved,
                !frozen,
                "{} of layer {} by {}",
                parameter.shape.name,
                parameter.layer.0,
                optimizer.label()
            );
        }
        // Gradients still pass through it to what lies before, and are right.
        for checked in gradients(&mut network, true, usize::MAX) {
            assert!(checked.worst <= 1e-6, "{} of layer {}", checked.parameter, checked.layer.0);
        }
    }
}

#[test]
fn layers_that_share_parameters_learn_as_one() {
    let chain = |shares: bool| {
        let layers = [
            ("in", LayerKind::Input(InputSpec::default())),
            ("a", dense(6)),
            ("b", dense(6)),
            ("c", dense(6)),
            ("last", dense(3)),
            ("out", output(Loss::MeanSquaredError, 1.0, Comparison::Target)),
        ];
        let mut spec = NetworkSpec::chain(layers.map(|(name, kind)| (name.to_owned(), kind)));
        for id in [LayerId(3), LayerId(4)] {
            spec.layer_mut(id).expect("exists").shares = shares.then_some(LayerId(2));
        }
        spec
    };
    let task = Task::new(vec![6], Target::Values(3));
    assert_eq!(infer(&chain(true), &task, SAMPLES).total_parameters(), 42 + 21);
    let mut network = network(&chain(true), &task);
    for checked in gradients(&mut network, true, usize::MAX) {
        assert!(checked.worst <= 1e-6, "{} of layer {}", checked.parameter, checked.layer.0);
    }
    let rule = UpdateRule::new(Optimizer::default(), 0.01);
    let mut state = OptimizerState::new(rule.optimizer, network.plan().learning);
    let before = values(&network, LayerId(2), "weight").to_vec();
    (0..3).for_each(|_| step(&mut network, &rule, &mut state));
    // At once: what is saved after an update is what the owner has.
    for id in [LayerId(3), LayerId(4)] {
        assert_eq!(values(&network, id, "weight"), values(&network, LayerId(2), "weight"));
    }
    assert_ne!(values(&network, LayerId(2), "weight"), before);

    let mut wrong = chain(true);
    wrong.layer_mut(LayerId(5)).expect("exists").shares = Some(LayerId(3));
    let told = infer(&wrong, &task, SAMPLES).problems;
    assert!(told[0].message.contains("which has none of its own"), "{told:?}");
    wrong.layer_mut(LayerId(5)).expect("exists").shares = Some(LayerId(2));
    let told = infer(&wrong, &task, SAMPLES).problems;
    assert!(told[0].message.contains("other shapes than those of a"), "{told:?}");
    told[0].fix.as_ref().expect("has a fix").apply(&mut wrong);
    assert!(infer(&wrong, &task, SAMPLES).fits());
    wrong.remove(LayerId(2));
    assert!(infer(&wrong, &task, SAMPLES).fits(), "what shared with a layer that is gone has parameters of its own");
}

#[test]
fn the_rate_factor_of_a_layer_scales_its_steps() {
    let moved = |rate: f32, optimizer| {
        let mut spec = forked();
        spec.layer_mut(LayerId(4)).expect("exists").rate = rate;
        let mut network = network(&spec, &task());
        let of = |network: &Network<f64>, id| values(network, id, "weight").to_vec();
        let before = [of(&network, LayerId(4)), of(&network, LayerId(3))];
        let mut state = OptimizerState::new(optimizer, network.plan().learning);
        step(&mut network, &UpdateRule::new(optimizer, 0.01), &mut state);
        let after = [of(&network, LayerId(4)), of(&network, LayerId(3))];
        before.iter().zip(&after).map(|(b, a)| b.iter().zip(a).map(|(b, a)| a - b).collect()).collect::<Vec<Vec<f64>>>()
    };
    for optimizer in [Optimizer::Sgd {}, Optimizer::default(), Optimizer::Lbfgs {}] {
        let (plain, double, none) = (moved(1.0, optimizer), moved(2.0, optimizer), moved(0.0, optimizer));
        assert!(plain[0].iter().zip(&double[0]).all(|(one, two)| (2.0 * one - two).abs() < 1e-12));
        assert!(none[0].iter().all(|v| *v == 0.0));
        assert!(plain[1].iter().zip(&double[1]).all(|(one, same)| (one - same).abs() < 1e-15));
        assert!(plain[0].iter().any(|v| *v != 0.0));
    }
}

#[test]
fn an_embedding_asks_for_categories_and_for_as_many_as_there_are() {
    let mut task = task();
    let columns = ["a".to_owned()];
    let mut spec = NetworkSpec::chain(
        [
            ("in", LayerKind::Input(InputSpec { columns: columns.to_vec() })),
            ("lookup", LayerKind::Embedding(EmbeddingSpec { vocabulary: 4, ..EmbeddingSpec::default() })),
            ("row", LayerKind::Flatten(FlattenSpec {})),
            ("last", dense(2)),
            ("out", output(Loss::MeanSquaredError, 1.0, Comparison::Target)),
        ]
        .map(|(name, kind)| (name.to_owned(), kind)),
    );
    assert!(infer(&spec, &task, SAMPLES).fits(), "plain numbers may be categories");
    task.columns[0].content = Content::Scaled;
    let told = infer(&spec, &task, SAMPLES).problems;
    assert!(told[0].message.contains("is fed \"a\", which holds no category numbers"), "{told:?}");
    task.columns[0].content = Content::Categories(9);
    let told = infer(&spec, &task, SAMPLES).problems;
    assert!(told[0].message.contains("knows 4 categories, but its input has 9"), "{told:?}");
    told[0].fix.as_ref().expect("has a fix").apply(&mut spec);
    assert!(infer(&spec, &task, SAMPLES).fits());
}
