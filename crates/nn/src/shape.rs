//! Shape inference: what flows along each wire, what does not fit, and what would fix it. Runs on every edit.

use super::activation::Activation;
use super::fix::NetworkFix;
use super::kernels::padded;
use super::layer_id::LayerId;
use super::layers::{ClassWeights, Conv2dSpec, DenseSpec, LayerKind, OutputSpec, Padding};
use super::losses::{Link, Loss};
use super::sample_shape::volume;
use super::spec::{LayerSpec, NetworkSpec};
use super::task::{Content, Encoding, HeadTarget, Target, Task};
use chainrule_common::format;
use std::collections::BTreeMap;

/// Networks that would need more than this many bytes to train are refused before anything is allocated.
pub const MEMORY_LIMIT: u128 = 8 << 30;

/// Something that keeps the network from training.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// The layer it belongs to; none when the network as a whole is meant.
    pub layer: Option<LayerId>,
    pub message: String,
    pub fix: Option<NetworkFix>,
}

impl Problem {
    /// The message with the layer's name before it.
    pub fn text(&self, spec: &NetworkSpec) -> String {
        self.layer.map_or_else(|| self.message.clone(), |layer| format!("{}: {}", spec.name(layer), self.message))
    }
}

/// The result of shape inference.
#[derive(Clone, Debug, Default)]
pub struct Inference {
    /// Layers so that every wire goes forward.
    pub order: Vec<LayerId>,
    /// Shape of one sample's output, for the layers that could be worked out.
    pub shapes: BTreeMap<LayerId, Vec<usize>>,
    /// Shape of one sample's input.
    pub inputs: BTreeMap<LayerId, Vec<usize>>,
    /// Number of parameters.
    pub parameters: BTreeMap<LayerId, u128>,
    pub problems: Vec<Problem>,
    /// Bytes that training would need.
    pub memory: u128,
    /// The outputs that fit, the first of the list first.
    pub outputs: Vec<JudgedOutput>,
}

/// An output, and what it is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgedOutput {
    pub layer: LayerId,
    pub encoding: Encoding,
    pub target: HeadTarget,
}

impl Inference {
    /// How the targets of the first output are written, once it fits.
    pub fn encoding(&self) -> Option<Encoding> {
        self.outputs.first().map(|o| o.encoding)
    }

    pub fn fits(&self) -> bool {
        self.problems.is_empty()
    }

    /// Number of parameters of the whole network.
    pub fn total_parameters(&self) -> u128 {
        self.parameters.values().fold(0, |sum, n| sum.saturating_add(*n))
    }
}

/// Networks with more layers are refused.
pub const MAX_LAYERS: usize = 5_000;

/// Works out every shape of `spec` for the data of `task`, with mini-batches of `batch`.
pub fn infer(spec: &NetworkSpec, task: &Task, batch: usize) -> Inference {
    let order = spec.topological_order().0;
    let mut found = Inference { order, ..Inference::default() };
    if spec.layers.len() > MAX_LAYERS {
        let message = format!("The network has {} layers, more than the limit of {MAX_LAYERS}", spec.layers.len());
        found.problem(None, message, None);
        return found;
    }
    for id in spec.cycles() {
        found.problem(Some(id), "is part of a cycle; remove one of its wires", None);
    }
    ends(spec, &mut found);
    let mut numbers: u128 = 0;
    for id in found.order.clone() {
        let Some(layer) = spec.layer(id) else { continue };
        let definition = layer.kind.definition();
        if let Some(message) = definition.invalid() {
            let fix = definition.settings_fix().map(|fix| NetworkFix::of(fix, id));
            found.problem(Some(id), message, fix);
            continue;
        }
        let Some(inputs) = input_shapes(spec, task, id, &layer.kind, &mut found) else { continue };
        match definition.joined_shape(&inputs) {
            Ok(shape) => {
                let input = if definition.joins() { shape.clone() } else { inputs[0].clone() };
                let parameters =
                    definition.parameters(&input).iter().fold(0, |sum: u128, p| sum.saturating_add(p.count()));
                let buffer = definition.buffer(&input).saturating_mul(padded(batch) as u128);
                numbers = numbers.saturating_add(buffer);
                found.parameters.insert(id, parameters);
                found.shapes.insert(id, shape);
                found.inputs.insert(id, input);
            }
            Err(message) => {
                let fix = feeder_fix(spec, id, &inputs).or_else(|| {
                    let own = definition.input_fix(&inputs[0]).map(|fix| NetworkFix::of(fix, id));
                    if definition.joins() { branch_fix(spec, &found.order, id, &inputs) } else { own }
                });
                found.problem(Some(id), message, fix);
            }
        }
    }
    for (id, output) in spec.outputs() {
        if let Some(judged) = check_output(spec, task, id, output, &mut found) {
            found.outputs.push(judged);
        }
    }
    dangling(spec, &mut found);
    sharing(spec, &mut found);
    categories(spec, task, &mut found);
    // Parameters, gradients and two running averages, in four bytes each.
    found.memory = numbers.saturating_add(found.total_parameters().saturating_mul(4)).saturating_mul(4);
    if found.memory > MEMORY_LIMIT {
        let largest = found.parameters.iter().max_by_key(|(_, n)| **n).map(|(id, _)| *id);
        let message = format!(
            "would need {} of memory to train, more than the limit of {}; use fewer units or a smaller mini-batch",
            format::bytes(found.memory),
            format::bytes(MEMORY_LIMIT)
        );
        found.problem(largest, message, None);
    }
    found
}

/// A layer that reads sequences, behind one that could give every step but gives the last only.
fn feeder_fix(spec: &NetworkSpec, id: LayerId, inputs: &[Vec<usize>]) -> Option<NetworkFix> {
    let feeder = spec.inputs_of(id).next().filter(|_| inputs.len() == 1 && inputs[0].len() == 1)?;
    let gives_last = spec.layer(feeder)?.kind.clone().definition_mut().every_step_mut().is_some_and(|every| !*every);
    gives_last.then_some(NetworkFix::EveryStep { layer: feeder })
}

/// A layer on the shorter way into a join that gives it the shape of the longer one: a 1×1 convolution for images, a dense layer
/// for rows and for the steps of sequences.
fn branch_fix(spec: &NetworkSpec, order: &[LayerId], join: LayerId, inputs: &[Vec<usize>]) -> Option<NetworkFix> {
    let depth = |id: LayerId| order.iter().position(|o| *o == id);
    let branches: Vec<(LayerId, &Vec<usize>)> = spec.inputs_of(join).zip(inputs).collect();
    let (long, wanted) = branches.iter().max_by_key(|(id, _)| depth(*id))?;
    let differs = |(id, shape): &&(LayerId, &Vec<usize>)| id != long && shape != wanted;
    let (from, shape) = branches.iter().filter(differs).min_by_key(|(id, _)| depth(*id))?;
    // A projection: it bends nothing.
    let activation = Activation::Identity;
    let kind = match (shape.as_slice(), wanted.as_slice()) {
        ([_], [units]) => LayerKind::Dense(DenseSpec { units: *units, activation, ..DenseSpec::default() }),
        ([steps, _], [same, units]) if steps == same => {
            LayerKind::Dense(DenseSpec { units: *units, activation, per_step: true, ..DenseSpec::default() })
        }
        ([_, height, width], [filters, wanted_height, wanted_width]) => {
            let stride = |from: usize, to: usize| (1..=8).find(|s| from.div_ceil(*s) == to);
            let stride = [stride(*height, *wanted_height)?, stride(*width, *wanted_width)?];
            let (filters, kernel, padding) = (*filters, [1, 1], Padding::Same);
            LayerKind::Conv2d(Conv2dSpec { filters, kernel, stride, padding, activation, ..Conv2dSpec::default() })
        }
        _ => return None,
    };
    Some(NetworkFix::InsertOnWire { from: *from, to: join, kind: Box::new(kind) })
}

impl Inference {
    fn problem(&mut self, layer: Option<LayerId>, message: impl Into<String>, fix: Option<NetworkFix>) {
        self.problems.push(Problem { layer, message: message.into(), fix });
    }
}

/// Layers that lead nowhere, where the network has an end to lead to.
fn dangling(spec: &NetworkSpec, found: &mut Inference) {
    let is_output = |l: &LayerSpec| l.kind.is_output();
    if !spec.layers.iter().any(is_output) {
        return;
    }
    for layer in spec.layers.iter().filter(|l| !is_output(l) && spec.outputs_of(l.id).next().is_none()) {
        let rejoined = |p: &Problem| matches!(p.fix, Some(NetworkFix::Connect { from, .. }) if from == layer.id);
        if !found.problems.iter().any(rejoined) {
            let fix = Some(NetworkFix::Remove { layer: layer.id });
            found.problem(Some(layer.id), "leads nowhere; connect it to another layer, or remove it", fix);
        }
    }
}

/// At least one input and one output.
fn ends(spec: &NetworkSpec, found: &mut Inference) {
    if !spec.layers.iter().any(|l| l.kind.is_input()) {
        found.problem(None, "The network has no input layer", Some(NetworkFix::AddInput));
    }
    if spec.outputs().next().is_none() {
        let fix = found.order.last().map(|&after| NetworkFix::AddOutput { after });
        found.problem(None, "The network has no output layer, so there is no error to send back", fix);
    }
}

/// Whether layers share parameters only with layers whose parameters have the same shapes, and learn at a sensible rate.
fn sharing(spec: &NetworkSpec, found: &mut Inference) {
    let shapes = |id: LayerId| {
        let (layer, input) = (spec.layer(id)?, found.inputs.get(&id)?);
        let parameters = layer.kind.definition().parameters(input);
        Some(parameters.into_iter().map(|p| (p.name, p.shape)).collect::<Vec<_>>())
    };
    let mut wrong = Vec::new();
    let mut shared = Vec::new();
    for layer in &spec.layers {
        let own = Some(NetworkFix::OwnParameters { layer: layer.id });
        if !(layer.rate.is_finite() && layer.rate >= 0.0) {
            let message = format!("the factor on its learning rate must be at least 0, but is {}", layer.rate);
            wrong.push((layer.id, message, own.clone()));
        }
        let Some(owner) = layer.shares else { continue };
        shared.push(layer.id);
        let name = spec.name(owner);
        let message = match spec.layer(owner) {
            None => format!("shares the parameters of layer {}, which does not exist", owner.0),
            Some(o) if o.id == layer.id || o.shares.is_some() => {
                format!("shares the parameters of {name}, which has none of its own")
            }
            // Shapes that are not known have a problem of their own.
            Some(_) => match (shapes(layer.id), shapes(owner)) {
                (Some(a), Some(b)) if a != b => format!("its parameters have other shapes than those of {name}"),
                (Some(a), Some(_)) if a.is_empty() => "has no parameters to share".to_owned(),
                _ => continue,
            },
        };
        wrong.push((layer.id, message, own));
    }
    for (id, message, fix) in wrong {
        found.problem(Some(id), message, fix);
    }
    for id in shared {
        found.parameters.insert(id, 0);
    }
}

/// Whether embeddings that stand behind an input are fed categories, and know them all.
fn categories(spec: &NetworkSpec, task: &Task, found: &mut Inference) {
    for layer in &spec.layers {
        let Some(vocabulary) = layer.kind.definition().vocabulary() else { continue };
        let feeder = spec.inputs_of(layer.id).next().and_then(|id| spec.layer(id));
        let Some(input) = feeder.and_then(|l| l.kind.input()) else { continue };
        let fed = task.columns.iter().filter(|c| input.columns.is_empty() || input.columns.contains(&c.name));
        let mut most = 0;
        for column in fed {
            match column.content {
                Content::Categories(levels) => most = most.max(levels),
                Content::Plain => {}
                Content::Scaled => {
                    let message = format!(
                        "is fed \"{}\", which holds no category numbers; choose the treatment ordinal in Data, or give it an input of its own columns",
                        column.name
                    );
                    found.problem(Some(layer.id), message, None);
                    break;
                }
            }
        }
        if most > vocabulary {
            let message = format!("knows {vocabulary} categories, but its input has {most}");
            found.problem(
                Some(layer.id),
                message,
                Some(NetworkFix::SetVocabulary { layer: layer.id, vocabulary: most }),
            );
        }
    }
}

/// Shapes of what is wired into a layer, or of the data for an input.
fn input_shapes(
    spec: &NetworkSpec,
    task: &Task,
    id: LayerId,
    kind: &LayerKind,
    found: &mut Inference,
) -> Option<Vec<Vec<usize>>> {
    let feeders: Vec<LayerId> = spec.inputs_of(id).collect();
    if let Some(input) = kind.input() {
        if !feeders.is_empty() {
            found.problem(Some(id), "is the input, but something is wired into it", None);
        }
        if input.columns.is_empty() {
            return Some(vec![task.input.clone()]);
        }
        return match task.features(&input.columns) {
            Ok(features) => Some(vec![vec![features.len()]]),
            Err(column) => {
                let message = format!("takes the column \"{column}\", which is no feature of the data");
                found.problem(Some(id), message, Some(NetworkFix::AllFeatures { layer: id }));
                None
            }
        };
    }
    if kind.definition().joins() && feeders.len() == 1 {
        let message = "joins several layers, but only one is wired into it; draw another wire";
        found.problem(Some(id), message, Some(NetworkFix::Remove { layer: id }));
        return None;
    }
    match feeders.as_slice() {
        [] => {
            let free =
                found.order.iter().copied().take_while(|&o| o != id).filter(|&o| {
                    spec.outputs_of(o).next().is_none() && spec.layer(o).is_some_and(|l| !l.kind.is_output())
                });
            let fix = free.last().map(|from| NetworkFix::Connect { from, to: id });
            found.problem(
                Some(id),
                "has no input; connect a layer to it",
                fix.or(Some(NetworkFix::Remove { layer: id })),
            );
            None
        }
        [one] => found.shapes.get(one).cloned().map(|shape| vec![shape]).or_else(|| {
            if spec.layer(*one).is_none() {
                found.problem(Some(id), format!("is wired to layer {}, which does not exist", one.0), None);
            }
            None
        }),
        several if kind.definition().joins() => several.iter().map(|f| found.shapes.get(f).cloned()).collect(),
        _ => {
            found.problem(
                Some(id),
                "has more than one input wire; it takes one",
                Some(NetworkFix::KeepOneWire { to: id }),
            );
            None
        }
    }
}

/// The last layer that decides the number of outputs, and the last one with an activation.
fn last_layers(spec: &NetworkSpec, output: LayerId) -> (Option<LayerId>, Option<(LayerId, Activation)>) {
    let mut last = None;
    let mut at = spec.inputs_of(output).next();
    let mut left = spec.layers.len();
    while let Some((id, layer)) = at.filter(|_| left > 0).and_then(|id| Some((id, spec.layer(id)?))) {
        left -= 1;
        let definition = layer.kind.definition();
        last = last.or(definition.activation().map(|activation| (id, activation)));
        if definition.units().is_some() {
            return (Some(id), last);
        }
        if !definition.keeps_count() {
            break;
        }
        at = spec.inputs_of(id).next();
    }
    (None, last)
}

/// Whether what arrives at an output fits its loss and what it is compared with.
fn check_output(
    spec: &NetworkSpec,
    task: &Task,
    id: LayerId,
    output: &OutputSpec,
    found: &mut Inference,
) -> Option<JudgedOutput> {
    let loss = output.loss;
    let shape = found.shapes.get(&id)?;
    let units = volume(shape);
    let (target, asked) = match task.compare(&output.target) {
        Ok(found) => found,
        Err(message) => {
            found.problem(Some(id), message, Some(NetworkFix::CompareWithTarget { layer: id }));
            return None;
        }
    };
    if let (ClassWeights::Chosen(weights), asked) = (&output.class_weights, asked)
        && asked != Target::Classes(weights.len())
    {
        let message = format!("has weights for {} classes, but the target has other ones", weights.len());
        found.problem(Some(id), message, Some(NetworkFix::EqualClasses { layer: id }));
        return None;
    }
    let encoding = check_units(spec, id, loss, units, asked, found)?;
    Some(JudgedOutput { layer: id, encoding, target })
}

fn check_units(
    spec: &NetworkSpec,
    id: LayerId,
    loss: Loss,
    units: usize,
    asked: Target,
    found: &mut Inference,
) -> Option<Encoding> {
    let (dense, bend) = last_layers(spec, id);
    let activation = bend.map_or(Activation::Identity, |(_, a)| a);
    let wanted = |units: usize| match dense {
        Some(layer) => NetworkFix::SetUnits { layer, units },
        None => NetworkFix::InsertDense { before: id, units, activation: Activation::Identity },
    };
    let (definition, name) = (loss.definition(), loss.label().to_lowercase());
    // A loss that takes logits accepts no other activation before it than the one that makes predictions of them.
    let not_logits = || {
        let right = definition.link().activation()?;
        let (layer, found) = bend.filter(|(_, a)| *a != Activation::Identity && *a != right)?;
        let message = format!("{name} takes logits or {}, not {}", right.label(), found.label());
        Some((message, NetworkFix::SetActivation { layer, activation: right }))
    };
    match asked {
        Target::Values(k) => {
            if !definition.takes_values() {
                let message = format!("{} needs classes, but the target is a number", loss.label());
                found.problem(Some(id), message, Some(NetworkFix::SetLoss { layer: id, loss: Loss::MeanSquaredError }));
                return None;
            }
            if units != k {
                let message = format!("the target has {}, but {units} arrive here", format::counted(k, "value"));
                found.problem(Some(id), message, Some(wanted(k)));
                return None;
            }
            if let Some((message, fix)) = not_logits() {
                found.problem(Some(id), message, Some(fix));
                return None;
            }
            Some(Encoding::Values)
        }
        Target::Classes(k) => {
            let single = definition.single_unit(activation);
            if units == 1 && k > 2 && single.is_some() && definition.link() == Link::Sigmoid {
                let message = format!("{name} of one value tells two classes apart, but there are {k}");
                let fix = NetworkFix::SetLoss { layer: id, loss: Loss::CategoricalCrossEntropy };
                found.problem(Some(id), message, Some(fix));
                return None;
            }
            let one_is_enough = k == 2 && single.is_some();
            if !(units == k || (units == 1 && one_is_enough)) {
                let right = if one_is_enough { 1 } else { k };
                let message =
                    format!("the target has {k} classes, but {} arrive here", format::counted(units, "value"));
                found.problem(Some(id), message, Some(wanted(right)));
                return None;
            }
            if let Some((message, fix)) = not_logits() {
                found.problem(Some(id), message, Some(fix));
                return None;
            }
            let Some(single) = single.filter(|_| units == 1) else { return Some(definition.unit_per_class()) };
            if activation == Activation::Softmax {
                let fix = bend.map(|(layer, _)| NetworkFix::SetActivation { layer, activation: Activation::Sigmoid });
                found.problem(Some(id), "softmax over a single unit is always 1", fix);
                return None;
            }
            Some(single)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Encoding, Target, Task, infer};
    use crate::layers::{
        BidirectionalSpec, Cell, Conv2dSpec, DenseSpec, FlattenSpec, InputSpec, JoinSpec, LayerKind, OutputSpec,
        Padding, RecurrentSpec, ReshapeSpec,
    };
    use crate::{Activation, LayerId, Loss, NetworkSpec};

    fn dense(units: usize, activation: Activation) -> LayerKind {
        LayerKind::Dense(DenseSpec { units, activation, ..DenseSpec::default() })
    }

    fn net(last: LayerKind, loss: Loss) -> NetworkSpec {
        NetworkSpec::chain([
            ("Input".into(), LayerKind::Input(InputSpec::default())),
            ("Hidden".into(), dense(5, Activation::Relu)),
            ("Last".into(), last),
            ("Output".into(), LayerKind::Output(OutputSpec { loss, ..OutputSpec::default() })),
        ])
    }

    #[test]
    fn shapes_and_parameter_counts_follow_the_data() {
        let task = Task::new(vec![4], Target::Classes(3));
        let found = infer(&net(dense(3, Activation::Identity), Loss::CategoricalCrossEntropy), &task, 16);
        assert_eq!(found.problems, []);
        assert_eq!(found.shapes[&LayerId(2)], [5]);
        assert_eq!(found.total_parameters(), (4 * 5 + 5 + 5 * 3 + 3) as u128);
        assert_eq!(found.encoding(), Some(Encoding::OneHot));
    }

    #[test]
    fn each_problem_is_gone_after_its_mend() {
        let classes = Task::new(vec![4], Target::Classes(3));
        let two = Task::new(vec![4], Target::Classes(2));
        let values = Task::new(vec![4], Target::Values(2));
        let mut no_output = net(dense(3, Activation::Identity), Loss::CategoricalCrossEntropy);
        no_output.layers.pop();
        no_output.wires.pop();
        let mut no_input = net(dense(3, Activation::Identity), Loss::CategoricalCrossEntropy);
        no_input.layers.remove(0);
        no_input.wires.remove(0);
        let mut loose = net(dense(3, Activation::Identity), Loss::CategoricalCrossEntropy);
        loose.wires.remove(1);
        let cases = [
            (net(dense(2, Activation::Identity), Loss::CategoricalCrossEntropy), &classes, "3 classes"),
            (net(dense(3, Activation::Tanh), Loss::CategoricalCrossEntropy), &classes, "not tanh"),
            (net(dense(1, Activation::Tanh), Loss::BinaryCrossEntropy), &two, "not tanh"),
            (net(dense(1, Activation::Softmax), Loss::MeanSquaredError), &two, "always 1"),
            (net(dense(2, Activation::Identity), Loss::CategoricalCrossEntropy), &values, "needs classes"),
            (net(dense(1, Activation::Identity), Loss::MeanSquaredError), &values, "2 values"),
            (net(dense(0, Activation::Identity), Loss::MeanSquaredError), &values, "at least one unit"),
            (no_output, &classes, "no output"),
            (no_input, &classes, "no input"),
            (loose, &classes, "has no input"),
        ];
        for (mut spec, task, says) in cases {
            let mut rounds = 0;
            let first = infer(&spec, task, 16).problems;
            assert!(first.iter().any(|p| p.message.contains(says)), "{says}: {first:?}");
            while let Some(problem) = infer(&spec, task, 16).problems.first() {
                problem.fix.as_ref().expect("has a fix").apply(&mut spec);
                rounds += 1;
                assert!(rounds < 4, "{says}: the fixes do not end");
            }
        }
    }

    #[test]
    fn a_billion_units_are_refused_with_the_memory_they_would_need() {
        let task = Task::new(vec![4], Target::Classes(2));
        let found = infer(&net(dense(1_000_000_000, Activation::Tanh), Loss::MeanSquaredError), &task, 16);
        assert!(found.problems.iter().any(|p| p.message.contains("GiB") || p.message.contains("TiB")));
        let huge = infer(&net(dense(usize::MAX, Activation::Tanh), Loss::MeanSquaredError), &task, 16);
        assert!(!huge.fits());
    }

    /// Applies fixes until there are none; the network fits then.
    fn mended(mut spec: NetworkSpec, task: &Task) -> (NetworkSpec, Vec<String>) {
        let mut said = Vec::new();
        while let Some(fix) = infer(&spec, task, 8).problems.into_iter().find_map(|p| p.fix) {
            said.push(fix.label(&spec));
            fix.apply(&mut spec);
            assert!(said.len() < 9, "{said:?}");
        }
        assert_eq!(infer(&spec, task, 8).problems, [], "{said:?}");
        (spec, said)
    }

    #[test]
    fn branches_of_unequal_shapes_are_joined_by_a_layer_on_the_shorter_way() {
        let input = || LayerKind::Input(InputSpec::default());
        let reshape = |shape: &[usize]| LayerKind::Reshape(ReshapeSpec { shape: shape.to_vec() });
        let convolution = |stride: usize| {
            let (padding, stride) = (Padding::Same, [stride, stride]);
            LayerKind::Conv2d(Conv2dSpec { filters: 16, padding, stride, ..Conv2dSpec::default() })
        };
        let per_step = LayerKind::Dense(DenseSpec { units: 5, per_step: true, ..DenseSpec::default() });
        for (shape, longer, said) in [
            (vec![3200], dense(12, Activation::Relu), "Insert dense 12 · identity after Start"),
            (vec![8, 20, 20], convolution(1), "Insert conv 16 @ 1×1 · identity after Start"),
            (vec![8, 20, 20], convolution(2), "Insert conv 16 @ 1×1"),
            (vec![40, 80], per_step, "Insert dense 5"),
        ] {
            let features = shape.iter().product();
            let mut spec = NetworkSpec::chain([
                ("Input".to_owned(), input()),
                ("Start".to_owned(), reshape(&shape)),
                ("Longer".to_owned(), longer),
                ("Join".to_owned(), LayerKind::Join(JoinSpec::default())),
                ("Flatten".to_owned(), LayerKind::Flatten(FlattenSpec {})),
                ("Prediction".to_owned(), dense(3, Activation::Identity)),
                ("Output".to_owned(), LayerKind::Output(OutputSpec::default())),
            ]);
            spec.connect(LayerId(2), LayerId(4));
            let task = Task::new(vec![features], Target::Classes(3));
            let (fixed, labels) = mended(spec, &task);
            assert!(labels.len() == 1 && labels[0].starts_with(said), "{labels:?}");
            assert_eq!(fixed.layers.len(), 8);
            assert_eq!(fixed.inputs_of(LayerId(4)).next(), Some(LayerId(3)), "the order of the branches stays");
        }
    }

    #[test]
    fn a_recurrent_layer_behind_another_gets_every_step() {
        for second in [
            LayerKind::Recurrent(RecurrentSpec::of(Cell::Lstm)),
            LayerKind::Bidirectional(BidirectionalSpec::default()),
        ] {
            let spec = NetworkSpec::chain([
                ("Input".to_owned(), LayerKind::Input(InputSpec::default())),
                ("Series".to_owned(), LayerKind::Reshape(ReshapeSpec { shape: vec![6, 2] })),
                ("Memory".to_owned(), LayerKind::Recurrent(RecurrentSpec::of(Cell::Gru))),
                ("Second".to_owned(), second),
                ("Prediction".to_owned(), dense(3, Activation::Identity)),
                ("Output".to_owned(), LayerKind::Output(OutputSpec::default())),
            ]);
            let (_, said) = mended(spec, &Task::new(vec![12], Target::Classes(3)));
            assert_eq!(said, ["Let Memory give every step"]);
        }
    }

    #[test]
    fn too_many_layers_are_refused_with_the_limit() {
        let many = (0..=super::MAX_LAYERS).map(|k| (k.to_string(), dense(1, Activation::Tanh)));
        let found = infer(&NetworkSpec::chain(many), &Task::new(vec![1], Target::Values(1)), 8);
        assert_eq!(found.problems[0].message, "The network has 5001 layers, more than the limit of 5000");
    }
}
