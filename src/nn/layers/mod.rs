//! The registry of layers. A layer is one file here and one line in [`LayerKind::definition`] and [`palette`].

mod activation;
mod attention;
mod dense;
mod dropout;
mod embedding;
mod ends;
mod join;
mod noise;
mod norm;
mod position;
mod prelu;
mod recurrent;
mod shape;
mod window;
mod window1d;

pub use activation::ActivationSpec;
pub use attention::AttentionSpec;
pub use dense::DenseSpec;
pub use dropout::DropoutSpec;
pub use embedding::EmbeddingSpec;
pub use ends::{ClassWeights, Comparison, InputSpec, OutputSpec};
pub use join::{JoinKind, JoinSpec};
pub use noise::NoiseSpec;
pub use norm::{BatchNormSpec, GroupNormSpec, LayerNormSpec};
pub use position::PositionSpec;
pub use prelu::PreluSpec;
pub use recurrent::{Cell, RecurrentSpec};
pub use shape::{FlattenSpec, PermuteSpec, ReshapeSpec, UpsampleSpec};
pub use window::{Conv2dSpec, GlobalPoolSpec, Padding, Pool2dSpec, PoolKind};
pub use window1d::{Conv1dSpec, Padding1d, Pool1dSpec};

use super::Activation;
use super::compile::Lowering;
use super::init::Initialiser;
use super::kernels::convolution::Convolution;
use super::kernels::padded;
use super::kernels::window::Pooling;
use super::real::Real;
use super::spec::LayerKind;
use std::ops::Range;
use std::sync::Arc;

/// What people read about a kind of layer; palette, inspector and documents use it.
#[derive(Debug)]
pub struct LayerInfo {
    pub label: &'static str,
    pub group: &'static str,
    /// A few words for the palette.
    pub summary: &'static str,
    /// One or two sentences for the tooltip.
    pub description: &'static str,
    pub formula: &'static str,
}

/// What every layer's specification can say of itself.
pub trait LayerDefinition {
    fn info(&self) -> &'static LayerInfo;
    /// One line under the layer's name, for instance "dense 6 · tanh".
    fn caption(&self) -> String;
    /// Shape of one sample's output, or what is wrong with the input.
    ///
    /// # Errors
    /// A sentence that names the trouble and the mend.
    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        Ok(input.to_vec())
    }
    /// Whether it takes several inputs.
    fn joins(&self) -> bool {
        false
    }
    /// Shape of one sample's output from all inputs, of which there is at least one.
    ///
    /// # Errors
    /// A sentence that names the trouble.
    fn joined_shape(&self, inputs: &[Vec<usize>]) -> Result<Vec<usize>, String> {
        self.output_shape(&inputs[0])
    }
    /// The function that it ends with, where it has one.
    fn activation(&self) -> Option<Activation> {
        None
    }
    /// Parameters for one sample of shape `input` (of its output, for a layer that joins).
    fn parameters(&self, _input: &[usize]) -> Vec<ParameterShape> {
        Vec::new()
    }
    /// Buffers that training keeps for one sample, in numbers.
    fn buffer(&self, input: &[usize]) -> u128;
    /// Adds the layer's operations.
    fn lower(&self, lowering: &mut Lowering<'_>);
    /// What is wrong with the layer's own settings, if anything.
    fn invalid(&self) -> Option<String> {
        None
    }
    /// What would make its settings valid again.
    fn settings_fix(&self) -> Option<LayerFix> {
        Some(LayerFix::Reset)
    }
    /// What would let it take an input of shape `input`, which it cannot.
    fn input_fix(&self, _input: &[usize]) -> Option<LayerFix> {
        None
    }
    /// The function that it ends with, to be changed.
    fn activation_mut(&mut self) -> Option<&mut Activation> {
        None
    }
    /// How many numbers it puts out, where that is a setting.
    fn units_mut(&mut self) -> Option<&mut usize> {
        None
    }
    /// The share of values that it zeroes while training.
    fn dropout_rate_mut(&mut self) -> Option<&mut f32> {
        None
    }
    /// How many categories it knows.
    fn vocabulary_mut(&mut self) -> Option<&mut usize> {
        None
    }
    /// Its settings as an input of the network, if it is one.
    fn input_mut(&mut self) -> Option<&mut InputSpec> {
        None
    }
    /// Its settings as an output of the network, if it is one.
    fn output_mut(&mut self) -> Option<&mut OutputSpec> {
        None
    }
}

/// A change to a layer, or in front of it, that removes a problem.
#[derive(Clone, Debug, PartialEq)]
pub enum LayerFix {
    /// So many units.
    Units(usize),
    /// This share of values zeroed.
    DropoutRate(f32),
    /// The usual settings.
    Reset,
    /// A flatten layer in front.
    InsertFlatten,
    /// A reshape layer in front.
    InsertReshape(Vec<usize>),
    /// The layer goes.
    Remove,
}

/// A parameter tensor before it is allocated.
#[derive(Clone, Debug, PartialEq)]
pub struct ParameterShape {
    pub name: &'static str,
    pub shape: Vec<usize>,
    pub fan_in: usize,
    pub fan_out: usize,
    pub initialiser: Initialiser,
    /// Whether L1, L2 and weight decay act on it (weights yes, biases no).
    pub decayed: bool,
}

impl ParameterShape {
    /// Number of values; wide enough for shapes that would never fit.
    pub fn count(&self) -> u128 {
        numbers(1, &self.shape)
    }
}

impl LayerKind {
    /// The one place that knows every kind of layer.
    pub fn definition(&self) -> &dyn LayerDefinition {
        match self {
            Self::Input(spec) => spec,
            Self::Dense(spec) => spec,
            Self::Activation(spec) => spec,
            Self::Prelu(spec) => spec,
            Self::Dropout(spec) => spec,
            Self::Noise(spec) => spec,
            Self::Conv2d(spec) => spec,
            Self::Conv1d(spec) => spec,
            Self::Pool2d(spec) => spec,
            Self::Pool1d(spec) => spec,
            Self::GlobalPool(spec) => spec,
            Self::BatchNorm(spec) => spec,
            Self::LayerNorm(spec) => spec,
            Self::GroupNorm(spec) => spec,
            Self::Recurrent(spec) => spec,
            Self::Attention(spec) => spec,
            Self::Position(spec) => spec,
            Self::Embedding(spec) => spec,
            Self::Permute(spec) => spec,
            Self::Upsample(spec) => spec,
            Self::Flatten(spec) => spec,
            Self::Reshape(spec) => spec,
            Self::Join(spec) => spec,
            Self::Output(spec) => spec,
        }
    }

    pub fn definition_mut(&mut self) -> &mut dyn LayerDefinition {
        match self {
            Self::Input(spec) => spec,
            Self::Dense(spec) => spec,
            Self::Activation(spec) => spec,
            Self::Prelu(spec) => spec,
            Self::Dropout(spec) => spec,
            Self::Noise(spec) => spec,
            Self::Conv2d(spec) => spec,
            Self::Conv1d(spec) => spec,
            Self::Pool2d(spec) => spec,
            Self::Pool1d(spec) => spec,
            Self::GlobalPool(spec) => spec,
            Self::BatchNorm(spec) => spec,
            Self::LayerNorm(spec) => spec,
            Self::GroupNorm(spec) => spec,
            Self::Recurrent(spec) => spec,
            Self::Attention(spec) => spec,
            Self::Position(spec) => spec,
            Self::Embedding(spec) => spec,
            Self::Permute(spec) => spec,
            Self::Upsample(spec) => spec,
            Self::Flatten(spec) => spec,
            Self::Reshape(spec) => spec,
            Self::Join(spec) => spec,
            Self::Output(spec) => spec,
        }
    }

    pub fn info(&self) -> &'static LayerInfo {
        self.definition().info()
    }

    /// Whether the features of the data enter here.
    pub fn is_input(&self) -> bool {
        matches!(self, Self::Input(_))
    }

    /// Whether it compares its input with a target.
    pub fn is_output(&self) -> bool {
        matches!(self, Self::Output(_))
    }
}

/// One of each layer that can be added, in the palette's order.
pub fn palette() -> Vec<LayerKind> {
    vec![
        LayerKind::Dense(DenseSpec::default()),
        LayerKind::Activation(ActivationSpec::default()),
        LayerKind::Prelu(PreluSpec::default()),
        LayerKind::Dropout(DropoutSpec::default()),
        LayerKind::Noise(NoiseSpec::default()),
        LayerKind::Conv2d(Conv2dSpec::default()),
        LayerKind::Conv1d(Conv1dSpec::default()),
        LayerKind::Conv2d(Conv2dSpec::doubling()),
        LayerKind::Upsample(UpsampleSpec::default()),
        LayerKind::Pool2d(Pool2dSpec::default()),
        LayerKind::Pool1d(Pool1dSpec::default()),
        LayerKind::GlobalPool(GlobalPoolSpec::default()),
        LayerKind::BatchNorm(BatchNormSpec::default()),
        LayerKind::LayerNorm(LayerNormSpec::default()),
        LayerKind::GroupNorm(GroupNormSpec::default()),
        LayerKind::Embedding(EmbeddingSpec::default()),
        LayerKind::Recurrent(RecurrentSpec::of(Cell::Simple)),
        LayerKind::Recurrent(RecurrentSpec::of(Cell::Lstm)),
        LayerKind::Recurrent(RecurrentSpec::of(Cell::Gru)),
        LayerKind::Attention(AttentionSpec::default()),
        LayerKind::Attention(AttentionSpec::plain()),
        LayerKind::Position(PositionSpec::default()),
        LayerKind::Reshape(ReshapeSpec::default()),
        LayerKind::Permute(PermuteSpec::default()),
        LayerKind::Flatten(FlattenSpec {}),
        LayerKind::Join(JoinSpec::default()),
        LayerKind::Input(InputSpec::default()),
        LayerKind::Output(OutputSpec::default()),
    ]
}

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

/// Numbers between the input and the output of an operation.
#[derive(Clone, Debug)]
pub struct Intermediate<T> {
    pub name: &'static str,
    /// Of one sample.
    pub shape: Vec<usize>,
    /// `[numbers, samples]`
    pub values: ndarray::Array2<T>,
}

impl<T: Copy> Intermediate<T> {
    fn new(name: &'static str, shape: &[usize], samples: usize, value: impl Fn(usize, usize) -> T) -> Self {
        let count = shape.iter().product();
        let values = ndarray::Array2::from_shape_fn((count, samples), |(number, sample)| value(number, sample));
        Self { name, shape: shape.to_vec(), values }
    }
}

/// One step of arithmetic of the compiled network: forward and backward side by side.
pub trait Operation<T: Real>: Send {
    fn forward(&mut self, pass: &PassContext, params: &[T], inputs: Inputs<'_, T>, output: &mut [T]);
    fn backward(&mut self, pass: &PassContext, at: Backward<'_, T>);
    /// What it has computed on the way to its output in the last pass, for those who look closely.
    fn intermediates(&self, _pass: &PassContext) -> Vec<Intermediate<T>> {
        Vec::new()
    }
    /// Called once an update, for parameters that follow the data instead of the gradient (running averages).
    fn update_running_statistics(&mut self, _params: &mut [T]) {}
}

/// An operation before the number type is chosen.
#[derive(Clone, Debug)]
pub enum OperationPlan {
    Source,
    Linear {
        weight: Range<usize>,
        bias: Range<usize>,
        inputs: usize,
        outputs: usize,
    },
    /// Linear for every step of a sequence.
    StepLinear {
        weight: Range<usize>,
        bias: Range<usize>,
        inputs: usize,
        outputs: usize,
    },
    Activation(super::Activation),
    Prelu {
        slope: Range<usize>,
    },
    Dropout {
        rate: f32,
        stream: u64,
    },
    Noise {
        deviation: f32,
        stream: u64,
    },
    Convolve {
        convolution: Convolution,
        weight: Range<usize>,
        bias: Range<usize>,
        transposed: bool,
    },
    Pool(Pooling),
    BatchNorm(norm::BatchNormPlan),
    GroupNorm(norm::GroupNormPlan),
    Recurrent(recurrent::RecurrentPlan),
    Attention(attention::AttentionPlan),
    Position {
        learned: Range<usize>,
        features: usize,
    },
    Embed {
        weight: Range<usize>,
        dimensions: usize,
    },
    /// For each row of the output the row of the input that it is.
    Rows(Arc<[u32]>),
    Join(JoinKind),
}

impl OperationPlan {
    pub(super) fn build<T: Real>(&self, units: usize, capacity: usize) -> Box<dyn Operation<T>> {
        match self.clone() {
            Self::Source => Box::new(ends::Source),
            Self::Linear { weight, bias, inputs, outputs } => Box::new(dense::Linear { weight, bias, inputs, outputs }),
            Self::StepLinear { weight, bias, inputs, outputs } => {
                Box::new(dense::StepLinear::new(weight, bias, inputs, outputs))
            }
            Self::Prelu { slope } => Box::new(prelu::Prelu { slope }),
            Self::Activation(function) => Box::new(activation::Activate(function)),
            Self::Dropout { rate, stream } => Box::new(dropout::Drop::new(rate, stream, units * padded(capacity))),
            Self::Noise { deviation, stream } => Box::new(noise::Noise { deviation, stream }),
            Self::Recurrent(plan) => Box::new(recurrent::Recurrent::new(plan, padded(capacity))),
            Self::Attention(plan) => Box::new(attention::Attention::new(plan, padded(capacity))),
            Self::Position { learned, features } => Box::new(position::Position::new(learned, features, units)),
            Self::Embed { weight, dimensions } => Box::new(embedding::Embed { weight, dimensions }),
            Self::Rows(map) => Box::new(shape::Rows(map)),
            Self::Convolve { convolution, weight, bias, transposed } => {
                let packed = vec![T::ZERO; weight.len()];
                Box::new(window::Convolve { convolution, weight, bias, transposed, packed })
            }
            Self::Pool(pooling) => Box::new(window::Pool(pooling)),
            Self::BatchNorm(plan) => Box::new(norm::BatchNorm::new(plan)),
            Self::GroupNorm(plan) => Box::new(norm::GroupNorm::new(plan, padded(capacity))),
            Self::Join(kind) => Box::new(join::Join(kind)),
        }
    }
}

/// Numbers in so many tensors of one shape; absurd shapes end at the largest number.
fn numbers(tensors: u128, shape: &[usize]) -> u128 {
    shape.iter().fold(tensors, |n, &d| n.saturating_mul(d as u128))
}

/// For settings that are on where a preset does not say.
fn yes() -> bool {
    true
}

/// Two parts of a buffer to write to; the second, which may be empty, lies behind the first.
fn two_mut<'a, T>(values: &'a mut [T], first: &Range<usize>, second: &Range<usize>) -> (&'a mut [T], &'a mut [T]) {
    if second.is_empty() {
        return (&mut values[first.clone()], &mut []);
    }
    let (front, back) = values.split_at_mut(first.end);
    (&mut front[first.clone()], &mut back[second.start - first.end..second.end - first.end])
}

/// Length of a flat sample, or why `what` cannot take the shape.
fn flat(input: &[usize], what: &str) -> Result<usize, String> {
    match input {
        [n] => Ok(*n),
        _ => Err(format!("{what} needs one row of numbers a sample, but its input has shape {input:?}")),
    }
}

/// Channels, height and width of a sample, or why `what` cannot take the shape.
fn image(input: &[usize], what: &str) -> Result<[usize; 3], String> {
    match *input {
        [channels, height, width] => Ok([channels, height, width]),
        _ => Err(format!("{what} needs an image [channels, height, width], but its input has shape {input:?}")),
    }
}

/// Channels, height and width of an image, or of a sequence `[channels, length]` as an image that is one row high.
fn channels_of(input: &[usize], what: &str) -> Result<[usize; 3], String> {
    match *input {
        [channels, length] => Ok([channels, 1, length]),
        [channels, height, width] => Ok([channels, height, width]),
        _ => Err(format!(
            "{what} needs an image [channels, height, width] or a sequence [channels, length], but its input has shape {input:?}"
        )),
    }
}

/// Steps and features of a sequence, or why `what` cannot take the shape.
fn sequence(input: &[usize], what: &str) -> Result<[usize; 2], String> {
    match *input {
        [steps, features] => Ok([steps, features]),
        _ => Err(format!("{what} needs a sequence [steps, features], but its input has shape {input:?}")),
    }
}

/// A flat sample as a sequence of single numbers, for a layer that takes sequences.
fn sequence_fix(input: &[usize]) -> Option<LayerFix> {
    match *input {
        [n] => Some(LayerFix::InsertReshape(vec![n, 1])),
        _ => None,
    }
}

/// A flat sample as a square image of one or three channels, for a layer that takes images.
fn image_fix(input: &[usize]) -> Option<LayerFix> {
    let &[n] = input else { return None };
    let side = |n: usize| (n as f64).sqrt().round() as usize;
    let channels = [1, 3].into_iter().find(|c| n % c == 0 && side(n / c).pow(2) * c == n)?;
    let side = side(n / channels);
    Some(LayerFix::InsertReshape(vec![channels, side, side]))
}

/// A gradient that goes through unchanged.
fn pass_on<T: Real>(from: &[T], to: &mut [T], accumulate: bool) {
    if accumulate {
        to.iter_mut().zip(from).for_each(|(to, &g)| *to += g);
    } else {
        to.copy_from_slice(from);
    }
}
