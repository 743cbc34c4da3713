//! Explanations: that what is shown is what training does, that written sums add up, and that looking changes nothing.

use chainrule::data::Dataset;
use chainrule::explain::{
    Culprit, Depth, Landscape, Line, Math, OneSample, Place, Stop, Trace, chain, explain, parameter_name, proposals,
    stops,
};
use chainrule::format::number;
use chainrule::nn::layers::{
    ActivationSpec, BatchNormSpec, BidirectionalSpec, Cell, DenseSpec, DropoutSpec, FlattenSpec, GatedSpec, InputSpec,
    JoinKind, JoinSpec, LayerNormSpec, Merge, NoiseSpec, OutputSpec, Padding, Pool2dSpec, PoolKind, PreluSpec,
    ReshapeSpec,
};
use chainrule::nn::picture::Picture;
use chainrule::nn::{Activation, Initialiser, LayerId, LayerKind, LayerSpec, Loss, NetworkSpec, Optimizer, Real};
use chainrule::project::{Document, adapt, builtin, builtins};
use chainrule::train::{Phase, Replica, Session, Tick, TrainingState, task};
use std::sync::Arc;

struct Opened {
    document: Document,
    data: Arc<Dataset>,
    session: Session,
}

impl Opened {
    /// A built-in preset after so many mini-batches.
    fn preset(name: &str, batches: usize) -> Self {
        let document = builtin(name).expect("is built in").preset().expect("can be read").document;
        Self::of(document, batches)
    }

    fn of(document: Document, batches: usize) -> Self {
        let data = Arc::new(document.data.load().expect("can be read").1);
        let session = Session::new(&document.network, Arc::clone(&data), document.training.clone(), 1).expect("fits");
        let mut opened = Self { document, data, session };
        for _ in 0..batches {
            opened.batch();
        }
        opened
    }

    /// One update.
    fn batch(&mut self) {
        while self.session.tick().expect("stays finite") != Tick::Batch {}
    }

    fn replica<T: Real>(&self) -> Replica<T> {
        Replica::new(&self.document.network, Arc::clone(&self.data), 1, 1, 1).expect("fits")
    }

    fn trace_of(&self, start: &TrainingState, rows: &[u32]) -> Trace<f32> {
        Trace::record(&mut self.replica(), start, rows).expect("fits")
    }

    /// The step that comes next.
    fn trace(&self) -> Trace<f32> {
        let start = self.session.training_state();
        self.trace_of(&start, &start.rows)
    }
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

#[test]
fn a_traced_step_is_the_step_that_training_takes_to_the_last_bit() {
    for name in ["circle", "digits", "lenet", "glyphs", "two-outputs", "visits", "adding", "sorting"] {
        let mut opened = Opened::preset(name, 3);
        let trace = opened.trace();
        assert_eq!(trace.rows, opened.session.mini_batch(), "{name}");
        opened.batch();
        assert_eq!(bits(&trace.after), bits(opened.session.network().params()), "{name}: parameters");
        assert_eq!(trace.loss.to_bits(), opened.session.batch_loss().to_bits(), "{name}: loss");
        let learning = trace.plan.learning;
        assert_eq!(bits(&trace.taken[..learning]), bits(&opened.session.network().grads()[..learning]), "{name}");
    }
}

/// What was recorded before, with other rows and parameters, leaves nothing behind.
#[test]
fn a_replica_that_is_used_again_records_what_a_new_one_would() {
    for preset in builtins() {
        let mut opened = Opened::preset(preset.name, 0);
        let (mut single, mut double) = (opened.replica::<f32>(), opened.replica::<f64>());
        let many: Vec<u32> = (0..opened.data.rows().min(256) as u32).collect();
        for step in 0..2 {
            let start = opened.session.training_state();
            // Room for many rows, other rows, and parameters that were moved.
            Trace::record(&mut single, &start, &many).expect("fits");
            Landscape::new(&mut single, &start, &many[..3]).expect("fits").slice(0, 1.0, 3);
            Landscape::new(&mut double, &start, &many[..3]).expect("fits").difference(0);
            let (new, old) = (opened.trace(), Trace::record(&mut single, &start, &start.rows).expect("fits"));
            let text = |trace: &Trace<f32>| serde_json::to_string(trace).expect("can be written");
            assert_eq!(text(&new), text(&old), "{}, step {step}", preset.name);
            assert_eq!(bits(&new.after), bits(&old.after), "{}, step {step}", preset.name);
            let new = Trace::record(&mut opened.replica::<f64>(), &start, &start.rows).expect("fits");
            let old = Trace::record(&mut double, &start, &start.rows).expect("fits");
            assert_eq!((new.loss.to_bits(), new.after), (old.loss.to_bits(), old.after), "{}", preset.name);
            opened.batch();
        }
    }
}

#[test]
fn looking_changes_nothing() {
    for name in ["circle", "residual", "autoencoder"] {
        let (mut plain, mut watched) = (Opened::preset(name, 0), Opened::preset(name, 0));
        let mut replica = watched.replica::<f32>();
        for step in 0..12 {
            plain.batch();
            let trace = watched.trace();
            let start = watched.session.training_state();
            Landscape::new(&mut replica, &start, &trace.rows).expect("fits").slice(0, 1.0, 5);
            watched.batch();
            let (a, b) = (plain.session.network().params(), watched.session.network().params());
            assert_eq!(bits(a), bits(b), "{name} after {step} steps");
        }
    }
}

#[test]
fn every_stop_of_every_preset_is_explained() {
    for preset in builtins() {
        let opened = Opened::preset(preset.name, 1);
        let trace = opened.trace();
        let few = |id| (0..trace.layer_values(id).map_or(0, |(_, a)| a.nrows())).step_by(7).take(3).collect();
        for depth in [Depth::Phase, Depth::Layer, Depth::Neuron] {
            let all = stops(&trace, depth, few);
            let order: Vec<usize> =
                all.iter().map(|s| Phase::ALL.iter().position(|p| *p == s.phase).expect("is one")).collect();
            assert!(order.is_sorted() && order.first() == Some(&0) && order.last() == Some(&3), "{}", preset.name);
            for stop in all.into_iter().filter(|s| s.layer.is_some()) {
                let what = format!("{} at {stop:?}", preset.name);
                let explanation = explain(&trace, stop, 0, 0).unwrap_or_else(|| panic!("nothing said of {what}"));
                assert!(!explanation.lines.is_empty() && !explanation.title.is_empty(), "{what}");
                assert!(explanation.words.len() > 20, "{what}: {}", explanation.words);
                let computes = trace.plan.nodes.iter().skip(1).any(|n| Some(n.layer) == stop.layer);
                let numbers = explanation.lines.iter().any(|l| l.numbers.is_some());
                assert!(numbers || stop.phase != Phase::Forward || !computes, "no numbers in {what}");
                for line in &explanation.lines {
                    assert!(line.result.is_finite() && !line.symbols.plain().is_empty(), "{what}");
                }
            }
        }
    }
}

/// What a written formula comes to; none where it has words or functions in it.
fn value(math: &Math) -> Option<f64> {
    fn tokens(math: &Math, out: &mut Vec<Token>) -> Option<()> {
        match math {
            Math::Number { value, .. } => out.push(Token::Number(*value)),
            Math::Text(text) => {
                for sign in text.split(' ') {
                    match sign {
                        "+" | "·" | "−" | "(" | ")" => out.push(Token::Sign(sign.chars().next()?)),
                        "2" => out.push(Token::Number(2.0)),
                        _ if text.ends_with("more)") => break,
                        _ => return None,
                    }
                }
            }
            Math::Row(parts) => {
                // A number in front of a bracket multiplies it.
                for part in parts {
                    tokens(part, out)?;
                }
            }
            Math::Fraction(over, under) => out.push(Token::Number(value(over)? / value(under)?)),
            Math::Root(of) => out.push(Token::Number(value(of)?.sqrt())),
            Math::Above(base, exponent) if exponent.plain() == "2" => out.push(Token::Number(value(base)?.powi(2))),
            _ => return None,
        }
        Some(())
    }
    fn sum(tokens: &mut std::iter::Peekable<std::vec::IntoIter<Token>>) -> Option<f64> {
        let mut total = product(tokens)?;
        while let Some(Token::Sign(sign @ ('+' | '−'))) = tokens.peek().cloned() {
            tokens.next();
            let next = product(tokens)?;
            total += if sign == '+' { next } else { -next };
        }
        Some(total)
    }
    fn product(tokens: &mut std::iter::Peekable<std::vec::IntoIter<Token>>) -> Option<f64> {
        let mut total = atom(tokens)?;
        loop {
            match tokens.peek() {
                Some(Token::Sign('·')) => {
                    tokens.next();
                    total *= atom(tokens)?;
                }
                Some(Token::Sign('(')) => total *= atom(tokens)?,
                _ => return Some(total),
            }
        }
    }
    fn atom(tokens: &mut std::iter::Peekable<std::vec::IntoIter<Token>>) -> Option<f64> {
        match tokens.next()? {
            Token::Number(value) => Some(value),
            Token::Sign('(') => {
                let inside = sum(tokens)?;
                matches!(tokens.next(), Some(Token::Sign(')'))).then_some(inside)
            }
            Token::Sign(_) => None,
        }
    }
    let mut all = Vec::new();
    tokens(math, &mut all)?;
    let mut all = all.into_iter().peekable();
    let total = sum(&mut all)?;
    all.next().is_none().then_some(total)
}

#[derive(Clone)]
enum Token {
    Number(f64),
    Sign(char),
}

/// The circle with some more layers behind the first hidden one.
fn with_layers(kinds: Vec<LayerKind>) -> Opened {
    Opened::of(circle_with(kinds), 3)
}

fn circle_with(kinds: Vec<LayerKind>) -> Document {
    let mut document = builtin("circle").expect("is built in").preset().expect("can be read").document;
    let first = document.network.layers[1].id;
    for kind in kinds {
        let layer = document.network.add(kind.info().label, kind);
        document.network.insert_after(layer, first);
    }
    document
}

/// The circle with a gated layer of a row and one of each step.
fn with_gates() -> Opened {
    let gate = |units, gate, per_step| LayerKind::Gated(GatedSpec { units, gate, per_step, ..GatedSpec::default() });
    with_layers(vec![
        LayerKind::Flatten(FlattenSpec {}),
        gate(2, Activation::Silu, true),
        LayerKind::Reshape(ReshapeSpec { shape: vec![3, 2] }),
        gate(6, Activation::Gelu, false),
    ])
}

/// The circle with a layer norm of each step, behind a mean that counts the zeros around an image.
fn with_steps() -> Opened {
    let padding = Padding::Explicit { vertical: 1, horizontal: 1 };
    let (kernel, stride) = ([2, 2], [1, 1]);
    with_layers(vec![
        LayerKind::Flatten(FlattenSpec {}),
        LayerKind::LayerNorm(LayerNormSpec::default()),
        LayerKind::Reshape(ReshapeSpec { shape: vec![4, 3] }),
        LayerKind::Pool2d(Pool2dSpec { kind: PoolKind::Average, kernel, stride, padding, count_padding: true }),
        LayerKind::Reshape(ReshapeSpec { shape: vec![1, 2, 3] }),
    ])
}

/// The circle with what its first layer puts out beside the same behind an activation, step by step.
fn side_by_side() -> Opened {
    let mut document = circle_with(vec![
        LayerKind::Flatten(FlattenSpec {}),
        LayerKind::Join(JoinSpec { kind: JoinKind::Concatenate, axis: 1 }),
        LayerKind::Activation(ActivationSpec { function: Activation::Tanh }),
        LayerKind::Reshape(ReshapeSpec { shape: vec![3, 2] }),
    ]);
    let network = &mut document.network;
    let named = |name: &str| network.layers.iter().find(|l| l.name == name).expect("was added").id;
    let (reshape, join) = (named("Reshape"), named("Join"));
    network.connect(reshape, join);
    Opened::of(document, 2)
}

/// The circle with two bidirectional layers of each cell: every step side by side, then the last ones added up.
fn both_directions() -> impl Iterator<Item = (&'static str, Opened)> {
    Cell::ALL.into_iter().map(|cell| {
        let both = |units, sequence, merge| {
            let spec = BidirectionalSpec { cell, units, sequence, merge, ..BidirectionalSpec::default() };
            LayerKind::Bidirectional(spec)
        };
        let layers = vec![
            both(3, false, Merge::Sum),
            both(2, true, Merge::Concatenate),
            LayerKind::Reshape(ReshapeSpec { shape: vec![3, 2] }),
            LayerKind::Dense(DenseSpec { units: 6, ..DenseSpec::default() }),
        ];
        (cell.label(), with_layers(layers))
    })
}

#[test]
fn both_directions_of_a_layer_are_told_and_drawn() {
    for (name, opened) in both_directions() {
        let trace = opened.trace();
        let named = |layer: &&LayerSpec| layer.name == "Bidirectional";
        let [sum, both] = trace.spec.layers.iter().filter(named).map(|l| l.id).collect::<Vec<_>>()[..] else {
            panic!("two were added")
        };
        let said = |layer, unit| {
            let stop = Stop { phase: Phase::Forward, layer: Some(layer), unit: Some(unit) };
            explain(&trace, stop, 0, 1).expect("is explained")
        };
        // Two units of each direction a step: number 4 is the first unit of step 2 forwards, number 6 backwards.
        for (unit, told, other) in
            [(4, "step 2 of 3, read forwards", "backwards"), (6, "step 2 of 3, read backwards", "forwards")]
        {
            let explanation = said(both, unit);
            assert!(
                explanation.words.contains(told) && !explanation.words.contains(other),
                "{name}: {}",
                explanation.words
            );
            let (_, a) = trace.layer_values(both).expect("is in the trace");
            assert_eq!(explanation.lines.last().map(|l| l.result), Some(f64::from(a[[unit, 1]])), "{name}");
        }
        // The sum ends with the last step forwards and the first backwards.
        let words = said(sum, 1).words;
        assert!(
            words.contains("step 3 of 3, read forwards") && words.contains("step 1 of 3, read backwards"),
            "{name}: {words}"
        );
        let recorded = OneSample { trace: &trace, sample: 1 };
        let drawn = |layer, unit, backward| {
            let path = recorded.path(layer, unit).into_iter();
            path.filter_map(|(node, unit)| trace.plan.nodes[node].operation.picture(&recorded.at(node, unit), backward))
                .count()
        };
        for backward in [false, true] {
            assert_eq!((drawn(both, 4, backward), drawn(sum, 1, backward)), (1, 2), "{name}");
        }
    }
}

#[test]
fn a_gated_unit_is_its_value_times_its_gate() {
    let opened = with_gates();
    let trace = opened.trace();
    let (units, sample, unit) = (6, 2, 4);
    let is_gated =
        |l: &&LayerSpec| l.name == "Gated dense" && trace.layer_values(l.id).is_some_and(|(_, a)| a.nrows() == units);
    let gated = trace.spec.layers.iter().rfind(is_gated).expect("was added").id;
    let stop = |phase| Stop { phase, layer: Some(gated), unit: Some(unit) };
    let (z, a) = trace.layer_values(gated).expect("is in the trace");
    let z = z.expect("has sums");
    let [value, gate, out] = [z[[unit, sample]], z[[units + unit, sample]], a[[unit, sample]]].map(f64::from);
    assert!((out - value * Activation::Gelu.at(gate)).abs() < 1e-6);
    let forward = explain(&trace, stop(Phase::Forward), 0, sample).expect("is explained");
    assert_eq!(forward.lines.iter().map(|l| l.result).collect::<Vec<_>>(), [value, gate, out]);
    let backward = explain(&trace, stop(Phase::Backward), 0, sample).expect("is explained");
    let (dz, da) = trace.layer_grads(gated).expect("is in the trace");
    let wanted = [da.expect("has one")[[unit, sample]], dz.expect("has one")[[unit, sample]]].map(f64::from);
    assert_eq!(backward.lines.iter().take(2).map(|l| l.result).collect::<Vec<_>>(), wanted);
    // Through the gate the chain of a weight goes on to the loss.
    let first = trace.plan.parameters.iter().find(|p| p.layer == gated).expect("has weights").range.start;
    let chain = chain(&trace, first, sample).expect("a weighted sum has one");
    assert!(chain.factors.iter().any(|f| f.name == "gate of GELU"), "{:?}", chain.factors);
    let recorded = OneSample { trace: &trace, sample };
    let path = recorded.path(gated, unit);
    assert_eq!(path.iter().map(|(_, unit)| *unit).collect::<Vec<_>>(), [unit, units + unit, unit]);
    let pictures = path
        .into_iter()
        .filter_map(|(node, unit)| trace.plan.nodes[node].operation.picture(&recorded.at(node, unit), false));
    let of_gate = Picture::Curve { function: Activation::Gelu, z: gate, a: Activation::Gelu.at(gate) };
    assert_eq!(pictures.collect::<Vec<_>>(), [of_gate]);
}

#[test]
fn what_is_written_comes_to_what_is_said() {
    let mut checked = 0;
    let presets = [
        "circle",
        "digits",
        "iris",
        "diabetes",
        "lenet",
        "residual",
        "autoencoder",
        "adding",
        "wave",
        "sorting",
        "visits",
    ];
    let more = with_layers(vec![
        LayerKind::Prelu(PreluSpec::default()),
        LayerKind::LayerNorm(LayerNormSpec::default()),
        LayerKind::BatchNorm(BatchNormSpec::default()),
        LayerKind::Noise(NoiseSpec::default()),
        LayerKind::Dropout(DropoutSpec::default()),
    ]);
    let presets = presets.map(|name| (name, Opened::preset(name, 2))).into_iter();
    for (name, opened) in presets
        .chain([
            ("more layers", more),
            ("gates", with_gates()),
            ("steps", with_steps()),
            ("side by side", side_by_side()),
        ])
        .chain(both_directions())
    {
        for rows in [opened.session.mini_batch().to_vec(), opened.session.mini_batch()[..1].to_vec()] {
            let trace = opened.trace_of(&opened.session.training_state(), &rows);
            let few = |id| (0..trace.layer_values(id).map_or(0, |(_, a)| a.nrows())).step_by(5).take(4).collect();
            for stop in stops(&trace, Depth::Neuron, few) {
                let Some(explanation) = explain(&trace, stop, 0, 0) else { continue };
                for Line { numbers, result, symbols, .. } in explanation.lines {
                    let Some(written) = numbers.as_ref().and_then(value) else { continue };
                    // The engine sums in single precision, the formula in double.
                    let apart = (written - result).abs();
                    assert!(
                        apart <= 2e-5 * result.abs().max(1.0),
                        "{name}, {}: {} comes to {written}, not {result}",
                        explanation.title,
                        symbols.plain()
                    );
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 300, "only {checked} formulas could be worked out");
}

#[test]
fn moments_of_adam_are_told_one_by_one_and_hidden_where_they_are_asked_for() {
    let mut document = builtin("circle").expect("is built in").preset().expect("can be read").document;
    for optimizer in Optimizer::ALL.into_iter().filter(|o| o.label().starts_with("Adam")) {
        document.training.optimizer = optimizer;
        let opened = Opened::of(document.clone(), 20);
        let trace = opened.trace();
        let stop = stops(&trace, Depth::Neuron, |_| vec![0]).into_iter().find(|s| s.phase == Phase::Update);
        let mut explanation = explain(&trace, stop.expect("there is one"), 0, 0).expect("is explained");
        for line in &explanation.lines {
            let written = line.numbers.as_ref().and_then(value).expect("can be worked out");
            let apart = (written - line.result).abs();
            assert!(apart <= 2e-6 * line.result.abs(), "{}: {written}, {}", line.symbols.plain(), line.result);
        }
        explanation.link_results();
        let letters: Vec<String> = explanation.lines.iter().map(|l| l.symbols.plain()).collect();
        let starts = ["m ←", "v ←", "m̂ =", "v̂ =", "w ←"];
        assert!(letters.len() == 5 && letters.iter().zip(starts).all(|(l, s)| l.starts_with(s)), "{letters:?}");
        let uses = |line: usize, from: usize| {
            format!("{:?}", explanation.lines[line].numbers).contains(&format!("{:?}", Place::Line(from)))
        };
        assert!(uses(2, 0) && uses(3, 1) && uses(4, 2) && uses(4, 3), "{optimizer:?}");
    }
}

/// x is a feature, which has a name; z and a have the number of their layer, so that no letter stands for two numbers.
#[test]
fn every_number_of_a_chain_has_a_letter_of_its_own_and_the_paths_add_up() {
    let opened = Opened::preset("circle", 20);
    let start = opened.session.training_state();
    let trace = opened.trace_of(&start, &start.rows[..1]);
    let chain = |index: usize| chain(&trace, index, 0).expect("has one");
    let plain = |index: usize| chain(index).factors.iter().map(|f| f.symbols.plain()).collect::<Vec<_>>();
    let first = &trace.plan.parameters[0];
    let symbols = plain(first.range.start);
    let weight = chain(first.range.start).symbols.plain().replace("∂L/", "");
    assert_eq!(symbols.last(), Some(&format!("∂z_1^(1)/{weight}")));
    let mut letters: Vec<&str> = symbols.iter().filter_map(|s| s.split_once("/∂").map(|(_, by)| by)).collect();
    let count = letters.len();
    letters.sort_unstable();
    letters.dedup();
    assert_eq!(letters.len(), count, "{symbols:?}");
    assert_eq!(chain(first.range.start).factors.last().map(|f| f.name.clone()), Some(trace.features[0].clone()));
    // In the second layer what comes in is no feature.
    let second = &trace.plan.parameters[1];
    let line = explain(&trace, Stop { phase: Phase::Forward, layer: Some(second.layer), unit: Some(0) }, 0, 0);
    let symbols = line.expect("is explained").lines[0].symbols.plain();
    assert!(symbols.contains("a_i^(1)") && symbols.starts_with("z_1^(2)") && !symbols.contains('x'), "{symbols}");
    // The strongest path has the largest part; it may be more than the whole where others are of the other sign.
    let mut more = 0;
    for index in 0..trace.plan.learning {
        let chain = chain(index);
        let Some(share) = chain.share() else { continue };
        assert!((share * chain.of_sample - chain.product).abs() < 1e-9);
        more += usize::from(share > 1.0);
    }
    assert!(more > 0, "paths of both signs meet in some weight");
}

#[test]
fn the_factors_of_a_chain_multiply_to_the_gradient() {
    let opened = Opened::preset("circle", 20);
    let start = opened.session.training_state();
    let trace = opened.trace_of(&start, &start.rows[..1]);
    let mut only_ways = 0;
    for index in 0..trace.plan.learning {
        let chain = chain(&trace, index, 0).expect("every parameter of a dense layer has one");
        let product: f64 = chain.factors.iter().map(|f| f.value).product();
        assert!((product - chain.product).abs() < 1e-12);
        assert!((chain.of_sample - chain.total).abs() <= 1e-6 * chain.total.abs().max(1e-3), "parameter {index}");
        if chain.ways == 1 {
            only_ways += 1;
            assert!((product - chain.total).abs() <= 1e-5 * chain.total.abs().max(1e-3), "parameter {index}");
        }
    }
    // Those of the last two layers.
    assert_eq!(only_ways, 28 + 5);
    // Through six layers of saturated sigmoids next to nothing comes back, and a factor is named.
    let layers = (0..6).map(|_| {
        let initialiser = Initialiser::XavierUniform;
        LayerKind::Dense(DenseSpec { units: 3, activation: Activation::Sigmoid, initialiser, ..DenseSpec::default() })
    });
    let ends = LayerKind::Dense(DenseSpec { units: 1, activation: Activation::Tanh, ..DenseSpec::default() });
    let kinds = std::iter::once(LayerKind::Input(InputSpec::default()))
        .chain(layers)
        .chain([ends, LayerKind::Output(OutputSpec::default())]);
    let mut document = opened.document.clone();
    document.network = NetworkSpec::chain(kinds.map(|kind| (String::new(), kind)));
    let deep = Opened::of(document, 0).trace();
    let chain = chain(&deep, 0, 0).expect("the first weight of the first layer");
    let culprits: Vec<_> = chain.factors.iter().filter_map(|f| f.culprit).collect();
    assert_eq!(culprits, [Culprit::Vanishes]);
    let named = chain.factors.iter().find(|f| f.culprit.is_some()).expect("is one");
    let inner = chain.factors.iter().filter(|f| f.name == "weight" || f.name.starts_with("slope"));
    assert!(inner.into_iter().all(|f| f.value.abs() >= named.value.abs()));
    assert_eq!(chain.ways, 3_u64.pow(5));
}

#[test]
fn a_chain_leads_to_the_loss_through_layers_of_every_kind() {
    // Where a branch goes around attention, the strongest number behind it may be that of the join.
    for (name, from, through) in
        [("residual", "Conv 1", &["Norm"][..]), ("sorting", "Embed", &["Attention", "Residual"])]
    {
        let opened = Opened::preset(name, 2);
        let trace = opened.trace();
        let first = trace.plan.parameters.iter().find(|p| trace.spec.name(p.layer) == from).expect("it has weights");
        let size = |i: &usize| trace.gradient[*i].abs();
        let index = first.range.clone().max_by(|a, b| size(a).total_cmp(&size(b))).expect("it has weights");
        let chain = chain(&trace, index, 0).expect("a weighted sum has one");
        assert_eq!(chain.factors[0].name, "∂L/∂y", "{name}");
        let inside = chain.factors.iter().find(|f| f.name == "all paths");
        let inside = inside.unwrap_or_else(|| panic!("{name}: {:?}", chain.factors));
        assert!(through.contains(&trace.spec.name(inside.layer).as_str()), "{name}: {:?}", inside.layer);
        assert!(inside.value.is_finite() && inside.value != 0.0 && chain.product != 0.0, "{name}");
    }
}

#[test]
fn the_curve_of_a_weight_has_the_gradient_as_its_slope() {
    for name in ["circle", "digits", "lenet", "glyphs", "adding"] {
        let opened = Opened::preset(name, 5);
        let (trace, start) = (opened.trace(), opened.session.training_state());
        let (mut single, mut double) = (opened.replica::<f32>(), opened.replica::<f64>());
        let mut single = Landscape::new(&mut single, &start, &trace.rows).expect("fits");
        let mut double = Landscape::new(&mut double, &start, &trace.rows).expect("fits");
        for index in (0..trace.plan.learning).step_by(trace.plan.learning / 7 + 1) {
            let slice = single.slice(index, 0.5, 21);
            assert_eq!(slice.points[10][0], f64::from(trace.before[index]), "{name}");
            assert!((slice.points[10][1] - trace.loss).abs() <= 1e-6 * trace.loss.abs(), "{name}");
            let gradient = f64::from(trace.gradient[index]);
            let close = |got: f64, tolerance: f64| (got - gradient).abs() <= tolerance * gradient.abs().max(1e-2);
            assert!(close(single.slope(index), 1e-6), "{name}, {index}");
            let difference = double.difference(index);
            assert!(close(difference, 1e-4), "{name}, {index}: {difference} beside {gradient}");
            // What was moved about lies where it was.
            assert_eq!(single.loss_with(&[]).to_bits(), slice.loss.to_bits());
        }
        let surface = single.surface([0, 1], 0.3, 5);
        assert!((surface[12] - trace.loss).abs() <= 1e-6 * trace.loss.abs(), "{name}: the middle of the surface");
    }
}

#[test]
fn each_optimizer_proposes_its_own_step() {
    let opened = Opened::preset("circle", 4);
    let trace = opened.trace();
    let index = 3;
    let (w, g) = (f64::from(trace.before[index]), f64::from(trace.taken[index]));
    let rate = f64::from(trace.rule.learning_rate);
    let all = proposals(&trace, index);
    assert_eq!(all.len(), Optimizer::ALL.len() - 1);
    let of = |label: &str| all.iter().find(|p| p.optimizer.label() == label).expect("is proposed").clone();
    assert!((of("SGD").to - (w - rate * g)).abs() < 1e-7);
    let lion = of("Lion").to;
    assert!((lion - (w - rate * g.signum())).abs() < 1e-7, "Lion goes by the sign alone");
    let own = of(trace.rule.optimizer.label());
    assert!(own.current && own.to == f64::from(trace.after[index]));
    assert_eq!(all.iter().filter(|p| p.current).count(), 1);
}

#[test]
fn a_stop_says_the_numbers_of_its_unit() {
    let opened = Opened::preset("circle", 1);
    let trace = opened.trace();
    let hidden = trace.spec.layers[1].id;
    let stop = |phase| Stop { phase, layer: Some(hidden), unit: Some(2) };
    let forward = explain(&trace, stop(Phase::Forward), 0, 4).expect("is explained");
    let (z, a) = trace.layer_values(hidden).expect("is in the trace");
    let results: Vec<f64> = forward.lines.iter().map(|l| l.result).collect();
    assert_eq!(results, [f64::from(z.expect("has an activation")[[2, 4]]), f64::from(a[[2, 4]])]);
    let backward = explain(&trace, stop(Phase::Backward), 0, 4).expect("is explained");
    let (dz, da) = trace.layer_grads(hidden).expect("is in the trace");
    let results: Vec<f64> = backward.lines.iter().map(|l| l.result).collect();
    assert_eq!(results[..2], [f64::from(da.expect("has one")[[2, 4]]), f64::from(dz.expect("has one")[[2, 4]])]);
    let own: Vec<f64> = [2, 8].iter().map(|&i| f64::from(trace.gradient[i])).collect();
    assert!(own.contains(&results[2]), "the gradient of one of its two weights");
}

/// The circle with that loss, and the layer that is its output.
fn with_loss(loss: Loss) -> (Opened, LayerId) {
    let mut document = builtin("circle").expect("is built in").preset().expect("can be read").document;
    let output = document.network.outputs().next().expect("has an output").0;
    if let LayerKind::Output(spec) = &mut document.network.layer_mut(output).expect("exists").kind {
        spec.loss = loss;
    }
    let data = document.data.load().expect("can be read").1;
    adapt(&mut document.network, &task(&data), 16);
    assert_eq!(document.network.outputs().next().expect("has an output").1.loss, loss, "classes suit every loss");
    (Opened::of(document, 3), output)
}

#[test]
fn every_loss_is_explained_by_the_number_that_it_gives_a_row() {
    for loss in Loss::ALL {
        let (opened, output) = with_loss(loss);
        for row in 0..4 {
            let trace = opened.trace_of(&opened.session.training_state(), &[row]);
            let units = trace.heads[0].target.nrows();
            let explained = |unit| {
                let stop = Stop { phase: Phase::Error, layer: Some(output), unit: Some(unit) };
                explain(&trace, stop, 0, 0).expect("is explained")
            };
            let mean = (0..units).map(|unit| explained(unit).lines[0].result / units as f64).sum::<f64>();
            assert!((mean - trace.loss).abs() < 1e-5 * trace.loss.max(1.0), "{loss:?}: {mean}, not {}", trace.loss);
            for unit in 0..units {
                let line = explained(unit).lines[0].clone();
                if let Some(written) = line.numbers.as_ref().and_then(value) {
                    assert!((written - line.result).abs() < 1e-5, "{loss:?}: {written}, not {}", line.result);
                }
            }
        }
    }
}

#[test]
fn losses_of_probabilities_speak_of_probabilities_and_not_of_logits() {
    for loss in [Loss::Focal, Loss::KullbackLeibler, Loss::CategoricalCrossEntropy] {
        let (opened, output) = with_loss(loss);
        let trace = opened.trace();
        for sample in 0..4 {
            let head = &trace.heads[0];
            let class = (0..2).find(|&k| head.target[[k, sample]] == 1.0).expect("one is true");
            let stop = Stop { phase: Phase::Error, layer: Some(output), unit: Some(class) };
            let words = explain(&trace, stop, 0, sample).expect("is explained").words;
            let probability = number(f64::from(head.prediction[[class, sample]]));
            assert!(words.contains(&probability) && words.contains(&head.names[class]), "{loss:?}: {words}");
            let logit = number(f64::from(trace.values[trace.plan.heads[0].node][[class, sample]]));
            assert!(!words.contains("too ") && !words.contains(&logit), "{loss:?}: {words}");
        }
    }
}

/// A convolution has few weights for many units: they are named by their own indices, everywhere.
#[test]
fn weights_are_named_by_the_indices_of_their_tensor_and_not_by_a_unit() {
    let opened = Opened::preset("lenet", 2);
    let trace = opened.trace_of(&opened.session.training_state(), &opened.session.mini_batch()[..1]);
    let named = |name: &str| trace.spec.layers.iter().find(|l| l.name == name).expect("is there").id;
    let first = |layer| trace.plan.parameters.iter().find(|p| p.layer == layer).expect("has weights").range.start;
    let (one, two) = (named("Conv 1"), named("Conv 2"));
    // Number 164 of 8 × 8 × 8: row 5, column 5 of the third channel.
    let said = |phase, layer, unit| {
        let stop = Stop { phase, layer: Some(layer), unit: Some(unit) };
        explain(&trace, stop, 0, 0).expect("is explained")
    };
    let forward = said(Phase::Forward, one, 164);
    let symbols = forward.lines[0].symbols.plain();
    assert_eq!(symbols, "z_165^(1) = sum over u,v of w_3,u,v · x_u,v + b_3");
    assert!(forward.words.contains("filter, row, column"), "{}", forward.words);
    let symbols = said(Phase::Forward, two, 20).lines[0].symbols.plain();
    assert_eq!(symbols, "z_21^(3) = sum over i,u,v of w_2,i,u,v · a_i,u,v^(2) + b_2");
    // Back through the second convolution, to a number of the pooled image: its third channel.
    let pooled = said(Phase::Backward, named("Pool 1"), 2 * 16 + 5).lines[0].symbols.plain();
    assert!(pooled.contains("w_o,3,u,v · ∂L/∂z_o,u,v^(3)"), "{pooled}");
    // The gradient of a weight, its chain, and what the cards call it.
    let index = first(two) + ((4 * 8 + 2) * 3 + 1) * 3 + 2;
    let chain = chain(&trace, index, 0).expect("has one");
    assert_eq!(chain.symbols.plain(), "∂L/∂w_5,3,2,3");
    assert!(chain.factors.last().expect("has factors").symbols.plain().ends_with("/∂w_5,3,2,3"));
    assert_eq!(parameter_name(&trace, index), "Conv 2, filter 5, channel 3, row 2, column 3");
    assert_eq!(parameter_name(&trace, first(one) + 11), "Conv 1, filter 2, row 1, column 3");
    for layer in [one, two] {
        let lines = (0..4).flat_map(|unit| said(Phase::Backward, layer, 16 * unit).lines);
        for symbols in lines.map(|l| l.symbols.plain()).filter(|s| s.contains("∂w_")) {
            let indices = symbols.split("∂w_").nth(1).and_then(|s| s.split([' ', ')']).next()).expect("has indices");
            assert_eq!(indices.split(',').count(), if layer == one { 3 } else { 4 }, "{symbols}");
        }
    }
    // A dense layer goes by its two ends, as before.
    let dense = parameter_name(&trace, first(named("Prediction")));
    assert_eq!(dense, "Flatten unit 1 → Prediction unit 1");
}

#[test]
fn embeddings_and_steps_are_named_by_their_tables() {
    let opened = Opened::preset("sorting", 1);
    let trace = opened.trace();
    for layer in &trace.spec.layers {
        for p in trace.plan.parameters.iter().filter(|p| p.layer == layer.id) {
            let name = parameter_name(&trace, p.range.end - 1);
            assert!(name.starts_with(&layer.name) && !name.contains("→ Embed"), "{name}");
            assert!(name.contains(", ") && !name.contains(" unit 0"), "{name}");
        }
    }
    let units = with_steps();
    let trace = units.trace();
    let hidden = trace.spec.layers[1].id;
    let range = &trace.plan.parameters.iter().find(|p| p.layer == hidden).expect("has weights").range;
    assert_eq!(parameter_name(&trace, range.start + 1), "Input unit 1 → Hidden 1 unit 2");
}

#[test]
fn what_enters_the_network_is_called_what_it_is() {
    let said = |document: Document| {
        let trace = Opened::of(document, 0).trace();
        let input = trace.spec.layers[0].id;
        explain(&trace, Stop { phase: Phase::Forward, layer: Some(input), unit: Some(0) }, 0, 0)
            .expect("is explained")
            .words
    };
    let mut document = builtin("circle").expect("is built in").preset().expect("can be read").document;
    assert!(said(document.clone()).contains("as Data has prepared them"));
    let table = document.data.source.load().expect("can be read").table;
    let mut plan = document.data.preparation(&table);
    for column in plan.columns.iter_mut().filter(|c| c.treatment == chainrule::data::Treatment::Standardise) {
        column.treatment = chainrule::data::Treatment::AsIs;
    }
    document.data.preparation = Some(plan);
    assert!(said(document).contains("with the numbers of the table"));
}
