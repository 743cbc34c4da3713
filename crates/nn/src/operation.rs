//! One step of arithmetic of a compiled network: what it sees in a pass ([`Operation`]), and before the type of numbers is
//! chosen, what it is and how it explains itself ([`OperationPlan`]).

use super::activation::Activation;
use super::intermediate::Intermediate;
use super::kernels::padded;
use super::picture::Picture;
use super::products::Product;
use super::reading::{Local, Reading, Told};
use super::real::{NumberFamily, Real};
use std::fmt::Debug;
use std::ops::Range;

/// What the operations need to know of the pass they run in.
#[derive(Clone, Copy, Debug)]
pub struct PassContext {
    /// Samples in the mini-batch.
    pub batch: usize,
    pub threads: usize,
    /// Dropout acts only in training.
    pub training: bool,
    pub seed: u64,
    /// Number of updates made, which addresses the random numbers of this pass.
    pub step: u64,
}

impl PassContext {
    /// Stored columns of each row.
    pub fn stride(&self) -> usize {
        padded(self.batch)
    }
}

/// The outputs of the operations before this one, and which of them feed it.
#[derive(Clone, Copy)]
pub struct Inputs<'a, T> {
    pub(super) buffers: &'a [Vec<T>],
    pub(super) sizes: &'a [usize],
    pub(super) nodes: &'a [usize],
    pub(super) stride: usize,
}

impl<'a, T> Inputs<'a, T> {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.nodes.len()
    }

    /// Values of input `port`, `[units, stride]`.
    pub fn get(&self, port: usize) -> &'a [T] {
        let node = self.nodes[port];
        &self.buffers[node][..self.sizes[node] * self.stride]
    }
}

/// Where an operation leaves the gradient of its input; `accumulate` when another reader has already left its part.
pub struct GradInput<'a, T> {
    pub values: &'a mut [T],
    pub accumulate: bool,
}

/// The gradients of all inputs of an operation.
pub struct GradInputs<'a, T> {
    pub(super) buffers: &'a mut [Vec<T>],
    pub(super) sizes: &'a [usize],
    pub(super) nodes: &'a [usize],
    /// Whether a parameter lies at or upstream of each node.
    pub(super) learns: &'a [bool],
    pub(super) touched: &'a mut [bool],
    pub(super) stride: usize,
}

impl<T> GradInputs<'_, T> {
    /// Where the gradient of input `port` goes; nowhere if no parameter lies upstream.
    pub fn get(&mut self, port: usize) -> Option<GradInput<'_, T>> {
        let node = self.nodes[port];
        if !self.learns[node] {
            return None;
        }
        let accumulate = std::mem::replace(&mut self.touched[node], true);
        Some(GradInput { values: &mut self.buffers[node][..self.sizes[node] * self.stride], accumulate })
    }
}

/// What a backward pass reads and writes: the forward pass' numbers, ∂L/∂output, and where the other gradients go.
pub struct Backward<'a, T> {
    pub params: &'a [T],
    pub inputs: Inputs<'a, T>,
    pub output: &'a [T],
    pub grad_output: &'a [T],
    pub grad_inputs: GradInputs<'a, T>,
    pub grad_params: &'a mut [T],
}

/// Forward and backward side by side.
pub trait Operation<T: Real>: Send {
    fn forward(&mut self, pass: &PassContext, params: &[T], inputs: Inputs<'_, T>, output: &mut [T]);
    fn backward(&mut self, pass: &PassContext, at: Backward<'_, T>);
    /// What it computed on the way to its output in the last pass, for explanations.
    fn intermediates(&self, _pass: &PassContext) -> Vec<Intermediate<T>> {
        Vec::new()
    }
    /// Called once an update, for parameters that follow the data instead of the gradient (running averages).
    fn update_running_statistics(&mut self, _params: &mut [T]) {}
}

/// Allocates the operation for one type of numbers.
pub trait Build {
    /// For `units` numbers in one sample's output and mini-batches of up to `capacity` samples.
    fn build<T: Real>(&self, units: usize, capacity: usize) -> Box<dyn Operation<T>>;
}

/// How an operation is explained. In a [`Reading`], `node` is the operation's own.
pub trait Explained {
    /// The formulas and the sentence of output `at.unit`; none where the layer's own formula has to do.
    fn tell(&self, at: &Reading<'_>) -> Option<Told>;
    /// Whether it is a weighted sum of its input.
    fn weighs(&self) -> bool {
        false
    }
    /// The products that add up to one output; none where it is no weighted sum.
    fn products_into(&self, _output: usize) -> Vec<Product> {
        Vec::new()
    }
    /// The products that one input goes into.
    fn products_from(&self, _input: usize) -> Vec<Product> {
        Vec::new()
    }
    /// The products of one weight in a sample: one of a dense layer, one a step or a place where weights are shared.
    /// `units` is how many numbers the operation puts out.
    fn products_of(&self, _weight: usize, _units: usize) -> Vec<Product> {
        Vec::new()
    }
    /// Place of the bias that is added to one output of `units`.
    fn bias_of(&self, _output: usize, _units: usize) -> Option<usize> {
        None
    }
    /// The function, where it is nothing but an activation.
    fn activation(&self) -> Option<Activation> {
        None
    }
    /// How many numbers of its output, one behind the other, one filter makes.
    fn positions(&self) -> usize {
        1
    }
    /// The derivatives of its outputs by number `unit` of the input that is node `from`; none where a number of the input
    /// reaches the output in more ways than products and single functions. `at.unit` is not looked at.
    fn locals(&self, _at: &Reading<'_>, _from: usize, _unit: usize) -> Option<Vec<Local>> {
        None
    }
    /// The derivative of output by input number `unit` of node `from`, where that input number goes into one output only,
    /// by a function and not by a weight: the output's number and the derivative.
    fn slope(&self, _at: &Reading<'_>, _from: usize, _unit: usize) -> Option<(usize, f64)> {
        None
    }
    /// The numbers of input `port` that output number `unit` follows from, where both belong to one layer.
    fn follows(&self, _port: usize, unit: usize) -> Vec<usize> {
        vec![unit]
    }
    /// The picture beside the formulas of output `at.unit`, forward or backward.
    fn picture(&self, _at: &Reading<'_>, _backward: bool) -> Option<Picture> {
        None
    }
}

/// An operation before the type of numbers is chosen: every type that is [`Build`] and [`Explained`].
pub trait OperationPlan: Explained + Debug + Send + Sync {
    fn single(&self, units: usize, capacity: usize) -> Box<dyn Operation<f32>>;
    fn double(&self, units: usize, capacity: usize) -> Box<dyn Operation<f64>>;
}

impl<P: Build + Explained + Debug + Send + Sync> OperationPlan for P {
    fn single(&self, units: usize, capacity: usize) -> Box<dyn Operation<f32>> {
        self.build(units, capacity)
    }

    fn double(&self, units: usize, capacity: usize) -> Box<dyn Operation<f64>> {
        self.build(units, capacity)
    }
}

struct Boxed;

impl NumberFamily for Boxed {
    type Of<T: Real> = Box<dyn Operation<T>>;
}

/// Allocates an operation for numbers of type `T`.
pub(super) fn build<T: Real>(plan: &dyn OperationPlan, units: usize, capacity: usize) -> Box<dyn Operation<T>> {
    T::choose::<Boxed>(|| plan.single(units, capacity), || plan.double(units, capacity))
}

/// Two parts of a buffer to write to; the second, which may be empty, lies behind the first.
pub(super) fn two_mut<'a, T>(
    values: &'a mut [T],
    first: &Range<usize>,
    second: &Range<usize>,
) -> (&'a mut [T], &'a mut [T]) {
    if second.is_empty() {
        return (&mut values[first.clone()], &mut []);
    }
    let (front, back) = values.split_at_mut(first.end);
    (&mut front[first.clone()], &mut back[second.start - first.end..second.end - first.end])
}

/// A gradient that goes through unchanged.
pub(super) fn pass_on<T: Real>(from: &[T], to: &mut [T], accumulate: bool) {
    if accumulate {
        to.iter_mut().zip(from).for_each(|(to, &g)| *to += g);
    } else {
        to.copy_from_slice(from);
    }
}
