//! How a layer becomes operations: the parameters that it asks for, the nodes that it adds, and what it sees meanwhile.

use super::layer_id::LayerId;
use super::operation::OperationPlan;
use super::parameter::Parameter;
use super::sample_shape::volume;
use super::task::Task;
use std::ops::Range;
use std::sync::Arc;

/// One operation of the plan.
#[derive(Clone, Debug)]
pub struct Node {
    pub layer: LayerId,
    pub operation: Arc<dyn OperationPlan>,
    pub inputs: Vec<usize>,
    /// Numbers in one sample's output.
    pub units: usize,
    /// Whether a parameter lies at or upstream of this node, so that gradients must reach it.
    pub learns: bool,
    /// Whether the loss depends on it.
    pub used: bool,
}

/// What a layer sees while it adds its operations.
pub struct Lowering<'a> {
    pub(super) layer: LayerId,
    /// The layer whose parameters it has: itself, unless it shares those of another.
    pub(super) owner: LayerId,
    pub(super) frozen: bool,
    pub(super) input: &'a [usize],
    pub(super) task: &'a Task,
    pub(super) parameters: &'a [Parameter],
    pub(super) nodes: &'a mut Vec<Node>,
    /// What feeds the next operation.
    pub(super) feeds: Vec<usize>,
    /// The node of the weighted sums, once there is one.
    pub(super) first: Option<usize>,
}

impl<'a> Lowering<'a> {
    pub fn layer(&self) -> LayerId {
        self.layer
    }

    /// Whether its parameters stay as they are, because it is frozen or the layer that it shares them with.
    pub fn frozen(&self) -> bool {
        self.frozen
    }

    /// Shape of one sample of the layer's input (of its output, for a layer that joins).
    pub fn input(&self) -> &'a [usize] {
        self.input
    }

    /// Numbers in one sample of the layer's input.
    pub fn input_units(&self) -> usize {
        volume(self.input)
    }

    /// The features of some columns of the data; none where all are meant.
    pub fn features(&self, columns: &[String]) -> Option<Vec<u32>> {
        self.task.features(columns).ok().filter(|features| !features.is_empty())
    }

    /// Where the layer's parameter lies in the flat vector; empty when it has none of that name.
    pub fn parameter(&self, name: &str) -> Range<usize> {
        self.parameter_of(self.layer, name)
    }

    /// The same in the layer that it shares its parameters with, where it does: the original of a copy.
    pub fn original(&self, name: &str) -> Range<usize> {
        self.parameter_of(self.owner, name)
    }

    fn parameter_of(&self, layer: LayerId, name: &str) -> Range<usize> {
        let own = |p: &&Parameter| p.layer == layer && p.shape.name == name;
        self.parameters.iter().find(own).map_or(0..0, |p| p.range.clone())
    }

    /// What feeds the layer, and then its last operation.
    pub fn fed_by(&self) -> usize {
        self.feeds[0]
    }

    /// Adds an operation behind the last one.
    pub fn push(&mut self, operation: impl OperationPlan + 'static, units: usize) {
        let inputs = std::mem::take(&mut self.feeds);
        let (layer, operation) = (self.layer, Arc::new(operation));
        self.nodes.push(Node { layer, operation, inputs, units, learns: false, used: false });
        let at = self.nodes.len() - 1;
        self.first.get_or_insert(at);
        self.feeds.push(at);
    }

    /// Adds an operation behind `node`.
    pub fn push_from(&mut self, node: usize, operation: impl OperationPlan + 'static, units: usize) {
        self.feeds = vec![node];
        self.push(operation, units);
    }

    /// Adds an operation that joins several nodes of the layer. Its output is all that the layer shows of itself: none of the
    /// nodes before it holds the weighted sums of the whole.
    pub fn push_join(&mut self, nodes: Vec<usize>, operation: impl OperationPlan + 'static, units: usize) {
        self.feeds = nodes;
        self.first = None;
        self.push(operation, units);
    }

    /// Passes on what `node` holds.
    pub fn pass(&mut self, node: usize) {
        self.feeds = vec![node];
    }
}
