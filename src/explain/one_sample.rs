//! One sample of a trace, as operations read it to explain themselves.

use super::Trace;
use crate::nn::{Intermediate, LayerId, ParameterShape, Reading, Recorded};
use ndarray::Array2;
use std::ops::Range;

/// A column of a trace.
#[derive(Clone, Copy)]
pub struct OneSample<'a> {
    pub trace: &'a Trace<f32>,
    pub sample: usize,
}

impl OneSample<'_> {
    /// One number of a node's output.
    pub fn at(&self, node: usize, unit: usize) -> Reading<'_> {
        Reading { recorded: self, node, unit }
    }

    /// The nodes of a layer that number `unit` of its output comes from, in computing order, each with the number of its own
    /// output that takes part.
    pub fn path(&self, layer: LayerId, unit: usize) -> Vec<(usize, usize)> {
        let nodes = &self.trace.plan.nodes;
        let last = self.trace.plan.layer_nodes.get(&layer).map(|&(_, a)| (a, unit));
        let mut open: Vec<(usize, usize)> = last.into_iter().collect();
        let mut found = Vec::new();
        while let Some((at, unit)) = open.pop() {
            let node = &nodes[at];
            // The first node holds the features of the data.
            if at == 0 || node.layer != layer {
                continue;
            }
            found.push((at, unit));
            for (port, &from) in node.inputs.iter().enumerate() {
                open.extend(node.operation.follows(port, unit).into_iter().map(|unit| (from, unit)));
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

impl Recorded for OneSample<'_> {
    fn sample(&self) -> usize {
        self.sample
    }

    fn values(&self, node: usize) -> &Array2<f32> {
        &self.trace.values[node]
    }

    fn grads(&self, node: usize) -> Option<&Array2<f32>> {
        self.trace.grads[node].as_ref()
    }

    fn intermediates(&self, node: usize, backward: bool) -> &[Intermediate<f32>] {
        if backward { &self.trace.intermediate_gradients[node] } else { &self.trace.intermediates[node] }
    }

    fn inputs(&self, node: usize) -> &[usize] {
        &self.trace.plan.nodes[node].inputs
    }

    fn layer(&self, node: usize) -> LayerId {
        self.trace.plan.nodes[node].layer
    }

    fn layer_nodes(&self, layer: LayerId) -> Option<(usize, usize)> {
        self.trace.plan.layer_nodes.get(&layer).copied()
    }

    fn parameter(&self, index: usize) -> Option<f32> {
        self.trace.before.get(index).copied()
    }

    fn tensor(&self, index: usize) -> Option<(&ParameterShape, usize)> {
        let parameter = self.trace.parameter(index)?;
        Some((&parameter.shape, index - parameter.range.start))
    }

    fn range(&self, layer: LayerId, name: &str) -> Option<Range<usize>> {
        let own = |p: &&crate::nn::Parameter| p.layer == layer && p.shape.name == name;
        self.trace.plan.parameters.iter().find(own).map(|p| p.range.clone())
    }
}
