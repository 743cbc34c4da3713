//! From a specification to a plan: operations in topological order, and parameters in one flat vector.

use super::layers::{OperationPlan, ParameterShape};
use super::shape::{Encoding, Problem, Task, infer};
use super::spec::{LayerId, NetworkSpec};
use super::{Activation, Loss};
use std::collections::BTreeMap;
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

/// The end of the network.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    pub layer: LayerId,
    pub loss: Loss,
    /// The node whose values the loss reads: logits where the loss takes logits.
    pub node: usize,
    pub encoding: Encoding,
    /// Share of each one-hot target that is spread over all classes.
    pub smoothing: f32,
}

/// What [`super::Network`] is allocated from.
#[derive(Clone, Debug)]
pub struct Plan {
    pub nodes: Vec<Node>,
    /// Weights first, then biases, each in the order of the layers.
    pub parameters: Vec<Parameter>,
    /// Length of the flat parameter vector.
    pub length: usize,
    /// How many of the first parameters are weights, which L1, L2 and weight decay act on.
    pub decayed: usize,
    pub head: Head,
    /// For each layer the node of its weighted sums and the node of its activations (the same where it has one).
    pub layer_nodes: BTreeMap<LayerId, (usize, usize)>,
    /// Layers in computing order.
    pub order: Vec<LayerId>,
}

/// Turns `spec` into a plan for data of `task`.
///
/// # Errors
/// Everything that keeps the network from training, each with its layer and, where there is one, its mend.
pub fn compile(spec: &NetworkSpec, task: &Task, batch: usize) -> Result<Plan, Vec<Problem>> {
    let found = infer(spec, task, batch);
    let (Some(encoding), true) = (found.encoding, found.fits()) else {
        return Err(found.problems);
    };
    let (parameters, length, decayed) = place_parameters(spec, &found);
    let mut nodes: Vec<Node> = Vec::new();
    let mut layer_nodes = BTreeMap::new();
    let mut head = None;
    for &id in &found.order {
        let (Some(layer), Some(input)) = (spec.layer(id), found.inputs.get(&id)) else { continue };
        let feeds: Vec<usize> = spec.inputs_of(id).filter_map(|from| layer_nodes.get(&from).map(|&(_, a)| a)).collect();
        let mut lowering =
            Lowering { layer: id, input, parameters: &parameters, nodes: &mut nodes, feeds, first: None, loss: None };
        layer.kind.definition().lower(&mut lowering);
        let (feeds, loss) = (lowering.feeds, lowering.loss);
        let first = lowering.first;
        if let Some((loss, smoothing)) = loss {
            head = Some(Head { layer: id, loss, node: logits_node(&nodes, feeds[0], loss), encoding, smoothing });
        }
        layer_nodes.insert(id, (first.unwrap_or(feeds[0]), feeds[0]));
    }
    let head = head.ok_or_else(Vec::new)?;
    mark(&mut nodes, head.node);
    Ok(Plan { nodes, parameters, length, decayed, head, layer_nodes, order: found.order })
}

/// What a layer sees while it adds its operations.
pub struct Lowering<'a> {
    layer: LayerId,
    input: &'a [usize],
    parameters: &'a [Parameter],
    nodes: &'a mut Vec<Node>,
    /// What feeds the next operation.
    feeds: Vec<usize>,
    first: Option<usize>,
    loss: Option<(Loss, f32)>,
}

impl Lowering<'_> {
    pub fn layer(&self) -> LayerId {
        self.layer
    }

    /// Shape of one sample of the layer's input (of its output, for a layer that joins).
    pub fn input(&self) -> &[usize] {
        self.input
    }

    /// Numbers in one sample of the layer's input.
    pub fn input_units(&self) -> usize {
        super::volume(self.input)
    }

    /// Where the layer's parameter lies in the flat vector; empty when it has none of that name.
    pub fn parameter(&self, name: &str) -> Range<usize> {
        self.parameters.iter().find(|p| p.layer == self.layer && p.shape.name == name).map_or(0..0, |p| p.range.clone())
    }

    /// Adds an operation behind the last one.
    pub fn push(&mut self, operation: OperationPlan, units: usize) {
        let inputs = std::mem::take(&mut self.feeds);
        self.nodes.push(Node { layer: self.layer, operation, inputs, units, learns: false, used: false });
        let at = self.nodes.len() - 1;
        self.first.get_or_insert(at);
        self.feeds.push(at);
    }

    /// Declares the layer the end of the network.
    pub fn head(&mut self, loss: Loss, smoothing: f32) {
        self.loss = Some((loss, smoothing));
    }
}

fn place_parameters(spec: &NetworkSpec, found: &super::shape::Inference) -> (Vec<Parameter>, usize, usize) {
    let shapes = |decayed: bool| {
        found.order.iter().flat_map(move |&id| {
            let kind = spec.layer(id).map(|l| &l.kind);
            let shapes = kind.zip(found.inputs.get(&id)).map(|(k, input)| k.definition().parameters(input));
            shapes.unwrap_or_default().into_iter().filter(move |s| s.decayed == decayed).map(move |s| (id, s))
        })
    };
    let mut length = 0;
    let mut place = |(layer, shape): (LayerId, ParameterShape)| {
        let range = length..length + shape.count() as usize;
        length = range.end;
        Parameter { layer, shape, range }
    };
    let mut parameters: Vec<Parameter> = shapes(true).map(&mut place).collect();
    let weights = parameters.last().map_or(0, |p| p.range.end);
    parameters.extend(shapes(false).map(&mut place));
    (parameters, length, weights)
}

/// Cross-entropy takes logits: it reads in front of a final softmax or sigmoid, whose slope cancels in the gradient.
fn logits_node(nodes: &[Node], last: usize, loss: Loss) -> usize {
    let fused = match loss {
        Loss::CategoricalCrossEntropy => Activation::Softmax,
        Loss::BinaryCrossEntropy => Activation::Sigmoid,
        _ => return last,
    };
    match nodes[last].operation {
        OperationPlan::Activation(function) if function == fused => nodes[last].inputs[0],
        _ => last,
    }
}

fn mark(nodes: &mut [Node], head: usize) {
    for i in 0..nodes.len() {
        use OperationPlan::{BatchNorm, Convolve, GroupNorm, Linear};
        let own = matches!(nodes[i].operation, Linear { .. } | Convolve { .. } | BatchNorm(_) | GroupNorm(_));
        nodes[i].learns = own || nodes[i].inputs.iter().any(|&k| nodes[k].learns);
    }
    nodes[head].used = true;
    for i in (0..=head).rev() {
        if nodes[i].used {
            for k in nodes[i].inputs.clone() {
                nodes[k].used = true;
            }
        }
    }
}
