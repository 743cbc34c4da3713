//! How an operation reads the numbers of a recorded step to explain itself: [`Recorded`] is the step, [`Reading`] one unit of
//! one operation in it, [`Told`] the formulas and the sentence that come out.

use super::intermediate::Intermediate;
use super::layer_id::LayerId;
use super::math::{Math, Place, factor, number, symbol};
use super::parameter::ParameterShape;
use ndarray::Array2;
use std::ops::Range;

/// One formula: in symbols, with numbers, and what comes out.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub symbols: Math,
    pub numbers: Option<Math>,
    pub result: f64,
    pub place: Option<Place>,
}

/// What an operation says of one of its numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    pub lines: Vec<Line>,
    pub words: String,
}

impl Told {
    pub fn one(line: Line, words: impl Into<String>) -> Self {
        Self { lines: vec![line], words: words.into() }
    }
}

/// A derivative of one number of an output by one number of an input.
#[derive(Clone, Debug, PartialEq)]
pub struct Local {
    /// Number of the output.
    pub unit: usize,
    pub derivative: f64,
    /// What it is, in a few words; empty where the number is only passed on.
    pub name: String,
    pub place: Option<Place>,
}

/// A recorded step, and the sample of it that is looked at. Nodes are those of the plan.
pub trait Recorded {
    /// Column of the arrays.
    fn sample(&self) -> usize;
    /// Output of a node, `[units, samples]`.
    fn values(&self, node: usize) -> &Array2<f32>;
    /// ∂L/∂output of a node, `[units, samples]`; none where no gradient went.
    fn grads(&self, node: usize) -> Option<&Array2<f32>>;
    /// What a node computed on its way; after the backward pass, or before it.
    fn intermediates(&self, node: usize, backward: bool) -> &[Intermediate<f32>];
    fn inputs(&self, node: usize) -> &[usize];
    fn layer(&self, node: usize) -> LayerId;
    /// The node of a layer's weighted sums and the node of its activations.
    fn layer_nodes(&self, layer: LayerId) -> Option<(usize, usize)>;
    /// Parameter `index` of the flat vector, before the update.
    fn parameter(&self, index: usize) -> Option<f32>;
    /// The tensor that parameter `index` of the flat vector belongs to, and its place in the tensor.
    fn tensor(&self, index: usize) -> Option<(&ParameterShape, usize)>;
    /// Where a layer's parameter lies.
    fn range(&self, layer: LayerId, name: &str) -> Option<Range<usize>>;
}

/// One number of a node's output, for one sample.
#[derive(Clone, Copy)]
pub struct Reading<'a> {
    pub recorded: &'a dyn Recorded,
    pub node: usize,
    pub unit: usize,
}

impl<'a> Reading<'a> {
    /// The node that feeds the first input.
    pub fn input(&self) -> usize {
        self.recorded.inputs(self.node).first().copied().unwrap_or(0)
    }

    pub fn value(&self, node: usize, unit: usize) -> f64 {
        f64::from(self.recorded.values(node)[[unit, self.recorded.sample()]])
    }

    /// ∂L/∂ a number of a node's output.
    pub fn grad(&self, node: usize, unit: usize) -> Option<f64> {
        Some(f64::from(self.recorded.grads(node)?[[unit, self.recorded.sample()]]))
    }

    /// Numbers in a node's output.
    pub fn units(&self, node: usize) -> usize {
        self.recorded.values(node).nrows()
    }

    /// The number that is explained.
    pub fn result(&self) -> f64 {
        self.value(self.node, self.unit)
    }

    /// A number of a node's output: the layer's activation, or its weighted sum; none for a node that is neither.
    pub fn place(&self, node: usize, unit: usize) -> Option<Place> {
        let layer = self.recorded.layer(node);
        let (z, a) = self.recorded.layer_nodes(layer).unwrap_or((node, node));
        if node == a {
            Some(Place::Activation { layer, unit })
        } else {
            (node == z).then_some(Place::Sum { layer, unit })
        }
    }

    /// A line whose result is the number that is explained.
    pub fn line(&self, symbols: Math, numbers: Option<Math>) -> Line {
        Line { symbols, numbers, result: self.result(), place: self.place(self.node, self.unit) }
    }

    /// A number of the first input as it stands in a formula.
    pub fn input_number(&self, unit: usize) -> Math {
        number(self.value(self.input(), unit), self.place(self.input(), unit))
    }

    /// The same behind a sign.
    pub fn input_factor(&self, unit: usize) -> Math {
        factor(self.value(self.input(), unit), self.place(self.input(), unit))
    }

    /// A parameter of the operation's layer.
    pub fn parameter(&self, index: usize) -> Math {
        let layer = self.recorded.layer(self.node);
        factor(f64::from(self.recorded.parameter(index).unwrap_or(0.0)), Place::Parameter { layer, index })
    }

    /// What a parameter is called, by the indices of its tensor.
    pub fn parameter_symbol(&self, index: usize) -> Math {
        self.recorded.tensor(index).map_or_else(|| symbol("w"), |(shape, at)| shape.symbol(at))
    }

    /// One of the layer's own parameters, by the name of its tensor.
    pub fn own_parameter(&self, name: &str, number: usize) -> Option<(f64, Math)> {
        let index = self.recorded.range(self.recorded.layer(self.node), name)?.start + number;
        Some((f64::from(self.recorded.parameter(index)?), self.parameter(index)))
    }

    pub fn intermediates(&self, name: &str, backward: bool) -> Option<&'a Intermediate<f32>> {
        self.recorded.intermediates(self.node, backward).iter().find(|i| i.name == name)
    }

    /// A number that the operation computed on the way: its name and its place.
    pub fn intermediate(&self, name: &str, number: usize) -> Option<f64> {
        self.intermediates(name, false)?.values.get([number, self.recorded.sample()]).map(|v| f64::from(*v))
    }

    pub fn intermediate_shape(&self, name: &str) -> Option<&'a [usize]> {
        self.intermediates(name, false).map(|i| &i.shape[..])
    }
}
