//! From a specification to a plan: operations in topological order, and parameters in one flat vector.

use super::layer_id::LayerId;
use super::layers::{ClassWeights, Source};
use super::losses::Loss;
use super::lowering::{Lowering, Node};
use super::parameter::{Parameter, ParameterShape};
use super::sample_shape::volume;
use super::shape::{Demand, Inference, Problem, infer};
use super::spec::{LayerSpec, NetworkSpec};
use super::task::{Encoding, HeadTarget, Task};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

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
    /// Shape of one sample of each layer's input.
    pub inputs: BTreeMap<LayerId, Vec<usize>>,
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
/// Everything that keeps the network from training, each with its layer and, where there is one, its fix.
pub fn compile(spec: &NetworkSpec, task: &Task, demand: impl Into<Demand>) -> Result<Plan, Vec<Problem>> {
    let found = infer(spec, task, demand);
    if !found.fits() {
        return Err(found.problems);
    }
    let places = place_parameters(spec, &found);
    let source = Node {
        layer: found.order.first().copied().unwrap_or_default(),
        operation: Arc::new(Source),
        inputs: Vec::new(),
        units: volume(&task.input),
        learns: false,
        used: false,
    };
    let mut nodes = vec![source];
    let mut layer_nodes = BTreeMap::new();
    for &id in &found.order {
        let (Some(layer), Some(input)) = (spec.layer(id), found.inputs.get(&id)) else { continue };
        let feeds: Vec<usize> = spec.inputs_of(id).filter_map(|from| layer_nodes.get(&from).map(|&(_, a)| a)).collect();
        let parameters = &places.parameters;
        let owner = spec.owner(id);
        let frozen = layer.frozen || spec.layer(owner).is_some_and(|owner| owner.frozen);
        let mut lowering =
            Lowering { layer: id, owner, frozen, input, task, parameters, nodes: &mut nodes, feeds, first: None };
        layer.kind.definition().lower(&mut lowering);
        let (first, last) = (lowering.first, lowering.feeds[0]);
        layer_nodes.insert(id, (first.unwrap_or(last), last));
    }
    let heads: Vec<Head> = found
        .outputs
        .iter()
        .filter_map(|judged| {
            let output = spec.layer(judged.layer)?.kind.output()?;
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
        inputs: found.inputs,
    })
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

fn place_parameters(spec: &NetworkSpec, found: &Inference) -> Places {
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

/// A loss that takes logits reads in front of a last layer of its own link, whose slope cancels in the gradient.
fn logits_node(nodes: &[Node], last: usize, loss: Loss) -> usize {
    let link = loss.link().activation();
    if link.is_some() && nodes[last].operation.activation() == link { nodes[last].inputs[0] } else { last }
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
