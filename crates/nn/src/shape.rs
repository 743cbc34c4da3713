//! Shape inference: what flows along each wire, what does not fit, and what would fix it. Runs on every edit.

use super::activation::Activation;
use super::fix::NetworkFix;
use super::kernels::padded;
use super::layer_id::LayerId;
use super::layers::{ClassWeights, Conv2dSpec, DenseSpec, LayerKind, OutputSpec, Padding};
use super::losses::{Link, Loss};
use super::parameter::ParameterShape;
use super::sample_shape::volume;
use super::spec::{LayerSpec, NetworkSpec, Wiring};
use super::task::{Content, Encoding, HeadTarget, Target, Task};
use chainrule_common::format;
use std::collections::{BTreeMap, BTreeSet};

/// Networks that would need more than this many bytes to train are refused before anything is allocated.
pub const MEMORY_LIMIT: u128 = 8 << 30;

/// What training keeps in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Samples that the buffers hold.
    pub batch: usize,
    /// Numbers for each parameter that learns, besides itself and its gradient: what the optimizer remembers, and copies.
    pub per_parameter: usize,
}

impl From<usize> for Demand {
    /// Mini-batches of that size, and an optimizer of two running averages.
    fn from(batch: usize) -> Self {
        Self { batch, per_parameter: 2 }
    }
}

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

/// Works out every shape of `spec` for the data of `task`, and whether training fits in memory: with mini-batches of so many
/// samples, or all that is in demand.
pub fn infer(spec: &NetworkSpec, task: &Task, demand: impl Into<Demand>) -> Inference {
    let Demand { batch, per_parameter } = demand.into();
    let mut found = Inference::default();
    if let Some((_, message)) = spec.too_large() {
        found.problem(None, format!("The network {message}"), None);
        return found;
    }
    let wiring = Wiring::new(spec);
    found.order = spec.topological_order().0;
    for cycle in spec.cycles() {
        let message = in_cycle(&wiring, &cycle);
        for &id in &cycle {
            found.problem(Some(id), message.clone(), None);
        }
    }
    ends(spec, &mut found);
    // Of all features, which the plan begins with, the values and their gradient.
    let mut numbers = super::sample_shape::numbers(2, &task.input).saturating_mul(padded(batch) as u128);
    // The last layer so far that nothing is wired behind.
    let mut free = None;
    for id in found.order.clone() {
        let Some(layer) = wiring.layer(id) else { continue };
        let loose = free;
        if wiring.ends_at(id) && !layer.kind.is_output() {
            free = Some(id);
        }
        let definition = layer.kind.definition();
        if let Some(message) = definition.invalid() {
            let fix = definition.settings_fix().map(|fix| NetworkFix::of(fix, id));
            found.problem(Some(id), message, fix);
            continue;
        }
        let Some(inputs) = input_shapes(&wiring, task, layer, loose, &mut found) else { continue };
        match definition.joined_shape(&inputs) {
            Ok(shape) => {
                let input = if definition.joins() { shape.clone() } else { inputs[0].clone() };
                let parameters = definition.parameters(&input);
                if let Some(message) = parameters.iter().find_map(|p| p.initialiser.invalid()) {
                    let fix = match definition.initialiser() {
                        Some(_) => NetworkFix::UsualInitialiser { layer: id },
                        None => NetworkFix::Reset { layer: id },
                    };
                    found.problem(Some(id), message, Some(fix));
                }
                let count = parameters.iter().fold(0, |sum: u128, p| sum.saturating_add(p.count()));
                let buffer = definition.buffer(&input).saturating_mul(padded(batch) as u128);
                let weights = parameters.iter().filter(|p| p.decayed).map(ParameterShape::count);
                let weights = weights.fold(0, u128::saturating_add).saturating_mul(definition.weight_copies());
                numbers = numbers.saturating_add(buffer).saturating_add(weights);
                found.parameters.insert(id, count);
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
        if let Some(judged) = check_output(&wiring, task, id, output, &mut found) {
            found.outputs.push(judged);
        }
    }
    dangling(spec, &wiring, &mut found);
    let stored = found.total_parameters();
    sharing(spec, &wiring, &mut found);
    categories(spec, &wiring, task, &mut found);
    // Parameters and gradients of all layers (one that shares has copies), and what is kept for those that learn, in four bytes each.
    let kept = found.total_parameters().saturating_mul(per_parameter as u128);
    found.memory = stored.saturating_mul(2).saturating_add(kept).saturating_add(numbers).saturating_mul(4);
    if found.memory > MEMORY_LIMIT {
        let largest = found.parameters.iter().max_by_key(|(_, n)| **n).map(|(id, _)| *id);
        let ways = if per_parameter > 2 {
            "use fewer units, a smaller mini-batch, or an optimizer that remembers less"
        } else {
            "use fewer units or a smaller mini-batch"
        };
        let message = format!(
            "would need {} of memory to train, more than the limit of {}; {ways}",
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

/// What is said of each layer on a cycle.
fn in_cycle(wiring: &Wiring<'_>, cycle: &[LayerId]) -> String {
    const MOST: usize = 6;
    let named: Vec<String> = cycle.iter().take(MOST).map(|&id| wiring.name(id)).collect();
    let more = cycle.len().saturating_sub(MOST);
    match (named.as_slice(), more) {
        ([one], 0) => format!("is wired to itself; remove the wire from {one} to {one}"),
        ([first @ .., last], 0) => {
            format!("is part of a cycle of {} and {last}; remove one of the wires between them", first.join(", "))
        }
        (names, more) => {
            format!("is part of a cycle of {} and {more} more; remove one of the wires between them", names.join(", "))
        }
    }
}

impl Inference {
    fn problem(&mut self, layer: Option<LayerId>, message: impl Into<String>, fix: Option<NetworkFix>) {
        self.problems.push(Problem { layer, message: message.into(), fix });
    }
}

/// Layers that lead nowhere, where the network has an end to lead to.
fn dangling(spec: &NetworkSpec, wiring: &Wiring<'_>, found: &mut Inference) {
    let is_output = |l: &LayerSpec| l.kind.is_output();
    if !spec.layers.iter().any(is_output) {
        return;
    }
    let rejoined: BTreeSet<LayerId> = found
        .problems
        .iter()
        .filter_map(|p| if let Some(NetworkFix::Connect { from, .. }) = p.fix { Some(from) } else { None })
        .collect();
    for layer in spec.layers.iter().filter(|l| !is_output(l) && wiring.ends_at(l.id)) {
        if !rejoined.contains(&layer.id) {
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
fn sharing(spec: &NetworkSpec, wiring: &Wiring<'_>, found: &mut Inference) {
    let shapes = |id: LayerId| {
        let (layer, input) = (wiring.layer(id)?, found.inputs.get(&id)?);
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
        let name = wiring.name(owner);
        let message = match wiring.layer(owner) {
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
fn categories(spec: &NetworkSpec, wiring: &Wiring<'_>, task: &Task, found: &mut Inference) {
    for layer in &spec.layers {
        let Some(vocabulary) = layer.kind.definition().vocabulary() else { continue };
        let feeder = wiring.inputs_of(layer.id).first().and_then(|&id| wiring.layer(id));
        let Some(input) = feeder.and_then(|l| l.kind.input()) else { continue };
        let fed = task.columns.iter().filter(|c| input.columns.is_empty() || input.columns.contains(&c.name));
        let mut most = 0;
        for column in fed {
            match column.content {
                Content::Categories(levels) => most = most.max(levels),
                Content::Plain => {}
                Content::Scaled => {
                    let message = format!(
                        "is fed \"{}\", which holds no category numbers; choose the treatment ordinal, or tokens for text, in Data, or give it an input of its own columns",
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

/// Shapes of what is wired into a layer, or of the data for an input; `free` could feed a layer that has no input.
fn input_shapes(
    wiring: &Wiring<'_>,
    task: &Task,
    layer: &LayerSpec,
    free: Option<LayerId>,
    found: &mut Inference,
) -> Option<Vec<Vec<usize>>> {
    let (id, kind) = (layer.id, &layer.kind);
    let feeders = wiring.inputs_of(id);
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
    let is_output = |&id: &LayerId| wiring.layer(id).is_some_and(|l| l.kind.is_output());
    if let Some(end) = feeders.iter().copied().find(is_output) {
        let name = wiring.name(end);
        let message = format!("is fed by {name}, where the network ends; wire it to what feeds {name}");
        found.problem(Some(id), message, Some(NetworkFix::BypassOutput { output: end, to: id }));
        return None;
    }
    if kind.definition().joins() && feeders.len() == 1 {
        let message = "joins several layers, but only one is wired into it; draw another wire";
        found.problem(Some(id), message, Some(NetworkFix::Remove { layer: id }));
        return None;
    }
    match feeders {
        [] => {
            let fix = free.map(|from| NetworkFix::Connect { from, to: id });
            found.problem(
                Some(id),
                "has no input; connect a layer to it",
                fix.or(Some(NetworkFix::Remove { layer: id })),
            );
            None
        }
        [one] => found.shapes.get(one).cloned().map(|shape| vec![shape]).or_else(|| {
            if wiring.layer(*one).is_none() {
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
fn last_layers(wiring: &Wiring<'_>, output: LayerId) -> (Option<LayerId>, Option<(LayerId, Activation)>) {
    let mut last = None;
    let mut at = wiring.inputs_of(output).first().copied();
    let mut left = wiring.count();
    while let Some((id, layer)) = at.filter(|_| left > 0).and_then(|id| Some((id, wiring.layer(id)?))) {
        left -= 1;
        let definition = layer.kind.definition();
        last = last.or(definition.activation().map(|activation| (id, activation)));
        if definition.units().is_some() {
            return (Some(id), last);
        }
        if !definition.keeps_count() {
            break;
        }
        at = wiring.inputs_of(id).first().copied();
    }
    (None, last)
}

/// Whether what arrives at an output fits its loss and what it is compared with.
fn check_output(
    wiring: &Wiring<'_>,
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
    let encoding = check_units(wiring, id, loss, units, asked, found)?;
    Some(JudgedOutput { layer: id, encoding, target })
}

fn check_units(
    wiring: &Wiring<'_>,
    id: LayerId,
    loss: Loss,
    units: usize,
    asked: Target,
    found: &mut Inference,
) -> Option<Encoding> {
    let (dense, bend) = last_layers(wiring, id);
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
    use super::{Demand, Encoding, Target, Task, infer};
    use crate::layers::{
        BatchNormSpec, BidirectionalSpec, Cell, Conv2dSpec, DenseSpec, DropoutSpec, FlattenSpec, InputSpec, JoinSpec,
        LayerKind, LayerNormSpec, NoiseSpec, OutputSpec, Padding, PreluSpec, RecurrentSpec, ReshapeSpec,
    };
    use crate::spec::MOST_LAYERS;
    use crate::{Activation, Initialiser, LayerId, Loss, NetworkSpec, Optimizer, OptimizerState};
    use std::time::{Duration, Instant};

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
    fn a_cycle_is_told_of_its_members_only() {
        let task = Task::new(vec![4], Target::Values(1));
        let mut spec = net(dense(1, Activation::Identity), Loss::MeanSquaredError);
        let told = |spec: &NetworkSpec| -> Vec<(String, String)> {
            let problems = infer(spec, &task, 16).problems.into_iter();
            problems.filter_map(|p| Some((spec.name(p.layer?), p.message))).collect()
        };
        spec.connect(LayerId(2), LayerId(2));
        let own = "is wired to itself; remove the wire from Hidden to Hidden".to_owned();
        assert_eq!(told(&spec), [("Hidden".to_owned(), own)]);
        spec.wires.retain(|w| w.from != w.to);
        spec.connect(LayerId(3), LayerId(2));
        let both = "is part of a cycle of Hidden and Last; remove one of the wires between them".to_owned();
        assert_eq!(told(&spec), [("Hidden".to_owned(), both.clone()), ("Last".to_owned(), both)]);
        let layers = (0..12).map(|k| (format!("d{k}"), dense(3, Activation::Tanh)));
        let mut ring = NetworkSpec::chain(layers);
        ring.connect(LayerId(12), LayerId(1));
        let says = "is part of a cycle of d0, d1, d2, d3, d4, d5 and 6 more; remove one of the wires between them";
        assert_eq!(told(&ring).iter().filter(|(_, m)| m == says).count(), 12);
    }

    #[test]
    fn settings_and_wires_that_make_no_sense_are_told_with_the_layer_and_a_fix() {
        let task = Task::new(vec![4], Target::Values(1));
        let drawn = |initialiser| {
            LayerKind::Dense(DenseSpec { units: 5, activation: Activation::Tanh, initialiser, ..DenseSpec::default() })
        };
        let lstm = |initialiser| {
            LayerKind::Recurrent(RecurrentSpec { units: 3, initialiser, ..RecurrentSpec::of(Cell::Lstm) })
        };
        let uniform = |low, high| Initialiser::Uniform { low, high };
        let cases = [
            (vec![drawn(uniform(1.0, -1.0))], "the lowest initial weight, 1, is above the highest, -1"),
            (vec![drawn(uniform(f32::NAN, 1.0))], "must be numbers"),
            (vec![drawn(uniform(0.0, f32::INFINITY))], "must be numbers"),
            (
                vec![drawn(Initialiser::Normal { std: -0.1 })],
                "deviation of the initial weights must be a number of at least 0, but is -0.1",
            ),
            (vec![drawn(Initialiser::Normal { std: f32::INFINITY })], "deviation"),
            (vec![drawn(Initialiser::Constant { value: f32::NAN })], "initial value must be a number, but is NaN"),
            (
                vec![LayerKind::Reshape(ReshapeSpec { shape: vec![4, 1] }), lstm(uniform(2.0, 1.0))],
                "the lowest initial weight, 2, is above",
            ),
            (vec![LayerKind::Prelu(PreluSpec { slope: f32::INFINITY })], "the slope must be a number"),
            (vec![LayerKind::Dropout(DropoutSpec { rate: 1.0 })], "at least 0 and below 1, but is 1"),
            (vec![LayerKind::Dropout(DropoutSpec { rate: f32::NAN })], "at least 0 and below 1, but is NaN"),
            (vec![LayerKind::Noise(NoiseSpec { deviation: -1.0 })], "at least 0, but is -1"),
            (vec![LayerKind::BatchNorm(BatchNormSpec { momentum: 1.5, epsilon: 1e-5 })], "momentum"),
            (vec![LayerKind::BatchNorm(BatchNormSpec { momentum: 0.1, epsilon: 0.0 })], "ε"),
            (vec![LayerKind::LayerNorm(LayerNormSpec { epsilon: -1.0, ..LayerNormSpec::default() })], "ε"),
            (vec![LayerKind::Output(OutputSpec::default())], "is fed by layer 0, where the network ends; wire it to"),
        ];
        for (layers, says) in cases {
            let layers = layers.into_iter().zip(0..).map(|(kind, k)| (format!("layer {k}"), kind));
            let input = ("Input".to_owned(), LayerKind::Input(InputSpec::default()));
            let last = [
                ("Last".to_owned(), dense(1, Activation::Identity)),
                ("Output".to_owned(), LayerKind::Output(OutputSpec::default())),
            ];
            let mut spec = NetworkSpec::chain(std::iter::once(input).chain(layers).chain(last));
            let problems = infer(&spec, &task, 16).problems;
            let problem = problems.iter().find(|p| p.message.contains(says));
            let problem = problem.unwrap_or_else(|| panic!("{says}: {problems:?}"));
            assert!(problem.layer.is_some());
            let fix = problem.fix.as_ref().unwrap_or_else(|| panic!("{says} has no fix"));
            assert!(!fix.label(&spec).is_empty());
            fix.apply(&mut spec);
            let left = infer(&spec, &task, 16).problems;
            assert!(!left.iter().any(|p| p.message.contains(says)), "{says}: {left:?}");
        }
    }

    #[test]
    fn what_each_optimizer_remembers_counts() {
        let task = Task::new(vec![1000], Target::Values(1));
        let spec = net(dense(1, Activation::Identity), Loss::MeanSquaredError);
        let parameters = infer(&spec, &task, 16).total_parameters();
        for optimizer in Optimizer::ALL {
            let memory = |optimizer: Optimizer| {
                let demand = Demand { batch: 16, per_parameter: optimizer.remembered() };
                infer(&spec, &task, demand).memory
            };
            let state = OptimizerState::<f32>::new(optimizer, parameters as usize);
            let pairs = state.curvature.steps.iter().chain(&state.curvature.changes);
            let held: usize = pairs.chain([&state.first, &state.second]).map(Vec::len).sum();
            assert_eq!(memory(optimizer) - memory(Optimizer::Sgd {}), 4 * held as u128, "{}", optimizer.label());
        }
        let huge = net(dense(1, Activation::Identity), Loss::MeanSquaredError);
        let task = Task::new(vec![20_000_000], Target::Values(1));
        assert!(infer(&huge, &task, 1).fits(), "100 million parameters with Adam");
        let demand = Demand { batch: 1, per_parameter: Optimizer::Lbfgs {}.remembered() };
        let problems = infer(&huge, &task, demand).problems;
        assert!(problems.iter().any(|p| p.message.contains("an optimizer that remembers less")), "{problems:?}");
    }

    #[test]
    fn a_network_of_too_many_layers_is_refused_and_the_largest_one_is_worked_out_at_once() {
        let task = Task::new(vec![4], Target::Values(4));
        let noise = || LayerKind::Dropout(DropoutSpec::default());
        let begun = Instant::now();
        let mut spec = NetworkSpec::chain((0..MOST_LAYERS).map(|k| (format!("d{k}"), noise())));
        spec.layers[0].kind = LayerKind::Input(InputSpec::default());
        spec.layers[MOST_LAYERS - 1].kind = LayerKind::Output(OutputSpec::default());
        spec.layers.reverse();
        assert_eq!(infer(&spec, &task, 16).problems, []);
        // Nothing wired, and outputs alone: what takes longest.
        spec.wires.clear();
        assert!(!infer(&spec, &task, 16).fits());
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        spec.add("one more", noise());
        let problems = infer(&spec, &task, 16).problems;
        let says = "The network has 4\u{202f}097 layers, more than the limit of 4\u{202f}096; leave some out";
        assert_eq!(problems.iter().map(|p| p.message.as_str()).collect::<Vec<_>>(), [says]);
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
}
