//! From a specification to a plan: operations in topological order, and parameters in one flat vector.

use super::layers::{ClassWeights, OperationPlan, ParameterShape};
use super::shape::{Encoding, Problem, infer};
use super::spec::{LayerId, LayerKind, LayerSpec, NetworkSpec};
use super::task::Task;
use super::{Activation, Loss};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// A parameter tensor and its place in the flat vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    pub layer: LayerId,
    pub shape: ParameterShape,
    pub range: Range<usize>,
}

/// One operation of the plan.
#[derive(Clone, Debug)]
pub struct Node {
    pub layer: LayerId,
    pub operation: OperationPlan,
    pub inputs: Vec<usize>,
    /// Numbers in one sample's output.
    pub units: usize,
    /// Whether a parameter lies at or upstream of this node, so that gradients must reach it.
    pub learns: bool,
    /// Whether the loss depends on it.
    pub used: bool,
}

/// An end of the network.
#[derive(Clone, Debug)]
pub struct Head {
    pub layer: LayerId,
    pub loss: Loss,
    /// The node whose values the loss reads: logits where the loss takes logits.
    pub node: usize,
    pub encoding: Encoding,
    pub target: HeadTarget,
    /// Share of each one-hot target that is spread over all classes.
    pub smoothing: f32,
    /// γ of the focal loss.
    pub focus: f32,
    pub class_weights: ClassWeights,
    /// Factor on its loss.
    pub weight: f32,
}

/// What a head is compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeadTarget {
    /// A group of targets of the data, all or some of its columns.
    Group { group: usize, columns: Option<Vec<usize>> },
    /// The features themselves.
    Features,
}

/// Neighbouring parameters that are updated alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    pub range: Range<usize>,
    /// Whether L1, L2 and weight decay act on them.
    pub decayed: bool,
    /// Factor on the learning rate.
    pub rate: f32,
}

/// What [`super::Network`] is allocated from.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The first one holds the features of the data.
    pub nodes: Vec<Node>,
    /// Weights first, then biases, each in the order of the layers; behind them what does not learn: frozen parameters, and
    /// copies of shared ones.
    pub parameters: Vec<Parameter>,
    /// Length of the flat parameter vector.
    pub length: usize,
    /// How many of the first parameters learn.
    pub learning: usize,
    /// They, in groups.
    pub groups: Vec<Group>,
    /// For each copy of shared parameters, where the original lies and where the copy.
    pub copies: Vec<(Range<usize>, Range<usize>)>,
    /// At least one; the first is the one that is judged.
    pub heads: Vec<Head>,
    /// For each layer the node of its weighted sums and the node of its activations (the same where it has one).
    pub layer_nodes: BTreeMap<LayerId, (usize, usize)>,
    /// Layers in computing order.
    pub order: Vec<LayerId>,
}

impl Plan {
    /// The head that is judged.
    pub fn head(&self) -> &Head {
        &self.heads[0]
    }
}

/// Turns `spec` into a plan for data of `task`.
///
/// # Errors
/// Everything that keeps the network from training, each with its layer and, where there is one, its mend.
pub fn compile(spec: &NetworkSpec, task: &Task, batch: usize) -> Result<Plan, Vec<Problem>> {
    let found = infer(spec, task, batch);
    if !found.fits() {
        return Err(found.problems);
    }
    let places = place_parameters(spec, &found);
    let source = Node {
        layer: found.order.first().copied().unwrap_or_default(),
        operation: OperationPlan::Source,
        inputs: Vec::new(),
        units: super::volume(&task.input),
        learns: false,
        used: false,
    };
    let mut nodes = vec![source];
    let mut layer_nodes = BTreeMap::new();
    for &id in &found.order {
        let (Some(layer), Some(input)) = (spec.layer(id), found.inputs.get(&id)) else { continue };
        let feeds: Vec<usize> = spec.inputs_of(id).filter_map(|from| layer_nodes.get(&from).map(|&(_, a)| a)).collect();
        let parameters = &places.parameters;
        let mut lowering = Lowering { layer, input, task, parameters, nodes: &mut nodes, feeds, first: None };
        layer.kind.definition().lower(&mut lowering);
        let (first, last) = (lowering.first, lowering.feeds[0]);
        layer_nodes.insert(id, (first.unwrap_or(last), last));
    }
    let heads: Vec<Head> = found
        .outputs
        .iter()
        .filter_map(|judged| {
            let Some(LayerKind::Output(output)) = spec.layer(judged.layer).map(|l| &l.kind) else { return None };
            let last = layer_nodes.get(&judged.layer)?.1;
            Some(Head {
                layer: judged.layer,
                loss: output.loss,
                node: logits_node(&nodes, last, output.loss),
                encoding: judged.encoding,
                target: judged.target.clone(),
                smoothing: output.label_smoothing,
                focus: output.focus,
                class_weights: output.class_weights.clone(),
                weight: output.weight,
            })
        })
        .collect();
    let learning = &places.parameters[..places.learning_tensors];
    let owners = learning.iter().map(|p| p.layer).chain(places.sharing).collect();
    mark(&mut nodes, &owners, &heads);
    Ok(Plan {
        nodes,
        parameters: places.parameters,
        length: places.length,
        learning: places.learning,
        groups: places.groups,
        copies: places.copies,
        heads,
        layer_nodes,
        order: found.order,
    })
}

/// What a layer sees while it adds its operations.
pub struct Lowering<'a> {
    layer: &'a LayerSpec,
    input: &'a [usize],
    task: &'a Task,
    parameters: &'a [Parameter],
    nodes: &'a mut Vec<Node>,
    /// What feeds the next operation.
    feeds: Vec<usize>,
    first: Option<usize>,
}

impl<'a> Lowering<'a> {
    pub fn layer(&self) -> LayerId {
        self.layer.id
    }

    /// Whether its parameters stay as they are.
    pub fn frozen(&self) -> bool {
        self.layer.frozen
    }

    /// Shape of one sample of the layer's input (of its output, for a layer that joins).
    pub fn input(&self) -> &'a [usize] {
        self.input
    }

    /// Numbers in one sample of the layer's input.
    pub fn input_units(&self) -> usize {
        super::volume(self.input)
    }

    /// The features of some columns of the data; none where all are meant.
    pub fn features(&self, columns: &[String]) -> Option<Vec<u32>> {
        self.task.features(columns).ok().filter(|features| !features.is_empty())
    }

    /// Where the layer's parameter lies in the flat vector; empty when it has none of that name.
    pub fn parameter(&self, name: &str) -> Range<usize> {
        let own = |p: &&Parameter| p.layer == self.layer.id && p.shape.name == name;
        self.parameters.iter().find(own).map_or(0..0, |p| p.range.clone())
    }

    /// Adds an operation behind the last one.
    pub fn push(&mut self, operation: OperationPlan, units: usize) {
        let inputs = std::mem::take(&mut self.feeds);
        self.nodes.push(Node { layer: self.layer.id, operation, inputs, units, learns: false, used: false });
        let at = self.nodes.len() - 1;
        self.first.get_or_insert(at);
        self.feeds.push(at);
    }

    /// Adds an operation behind `node`.
    pub fn push_from(&mut self, node: usize, operation: OperationPlan, units: usize) {
        self.feeds = vec![node];
        self.push(operation, units);
    }

    /// Passes on what `node` holds.
    pub fn pass(&mut self, node: usize) {
        self.feeds = vec![node];
    }
}

/// Where all parameters lie.
struct Places {
    parameters: Vec<Parameter>,
    learning_tensors: usize,
    length: usize,
    learning: usize,
    groups: Vec<Group>,
    copies: Vec<(Range<usize>, Range<usize>)>,
    /// Layers whose shared parameters learn elsewhere.
    sharing: Vec<LayerId>,
}

fn place_parameters(spec: &NetworkSpec, found: &super::shape::Inference) -> Places {
    let frozen = |id| spec.layer(id).is_some_and(|l| l.frozen);
    let learns = |layer: &LayerSpec| layer.shares.is_none() && !layer.frozen;
    let layers = || found.order.iter().filter_map(|&id| Some((spec.layer(id)?, found.inputs.get(&id)?)));
    let shapes = |learning: bool, decayed: Option<bool>| {
        let chosen = layers().filter(move |(layer, _)| learns(layer) == learning);
        let shapes =
            chosen.flat_map(|(l, input)| l.kind.definition().parameters(input).into_iter().map(move |s| (l, s)));
        shapes.filter(move |(_, s)| decayed.is_none_or(|d| s.decayed == d))
    };
    let mut length = 0;
    let mut groups: Vec<Group> = Vec::new();
    let mut parameters = Vec::new();
    let mut place = |(layer, shape): (&LayerSpec, ParameterShape)| {
        let range = length..length + shape.count() as usize;
        length = range.end;
        if learns(layer) {
            match groups.last_mut().filter(|g| g.decayed == shape.decayed && g.rate == layer.rate) {
                Some(group) => group.range.end = range.end,
                None => groups.push(Group { range: range.clone(), decayed: shape.decayed, rate: layer.rate }),
            }
        }
        parameters.push(Parameter { layer: layer.id, shape, range });
    };
    shapes(true, Some(true)).chain(shapes(true, Some(false))).for_each(&mut place);
    shapes(false, None).for_each(&mut place);
    let learning = groups.last().map_or(0, |g| g.range.end);
    let learning_tensors = shapes(true, None).count();
    let mut copies = Vec::new();
    let mut sharing = Vec::new();
    for parameter in &parameters[learning_tensors..] {
        let owner = spec.owner(parameter.layer);
        let original = parameters.iter().find(|p| p.layer == owner && p.shape.name == parameter.shape.name);
        if let Some(original) = original.filter(|_| owner != parameter.layer) {
            copies.push((original.range.clone(), parameter.range.clone()));
            if !frozen(owner) {
                sharing.push(parameter.layer);
            }
        }
    }
    Places { parameters, learning_tensors, length, learning, groups, copies, sharing }
}

/// Cross-entropy takes logits: it reads in front of a final softmax or sigmoid, whose slope cancels in the gradient.
fn logits_node(nodes: &[Node], last: usize, loss: Loss) -> usize {
    let fused = match loss {
        _ if loss.takes_logits_of_classes() => Activation::Softmax,
        Loss::BinaryCrossEntropy => Activation::Sigmoid,
        _ => return last,
    };
    match nodes[last].operation {
        OperationPlan::Activation(function) if function == fused => nodes[last].inputs[0],
        _ => last,
    }
}

fn mark(nodes: &mut [Node], owners: &BTreeSet<LayerId>, heads: &[Head]) {
    for i in 1..nodes.len() {
        nodes[i].learns = owners.contains(&nodes[i].layer) || nodes[i].inputs.iter().any(|&k| nodes[k].learns);
    }
    for head in heads {
        nodes[head.node].used = true;
    }
    for i in (0..nodes.len()).rev() {
        if nodes[i].used {
            for k in nodes[i].inputs.clone() {
                nodes[k].used = true;
            }
        }
    }
}
