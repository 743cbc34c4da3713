//! Layers that slide a window over an image `[channels, height, width]`: convolution and pooling.

use super::{
    Backward, GradInput, Inputs, LayerDefinition, LayerFix, LayerInfo, Operation, OperationPlan, ParameterShape,
    PassContext, channels_of, image, image_fix, numbers,
};
use crate::nn::compile::Lowering;
use crate::nn::kernels::convolution::{self, Convolution, Direction};
use crate::nn::kernels::matrix;
use crate::nn::kernels::window::{self, MOST_TAPS, Pooling, Side};
use crate::nn::{Activation, Initialiser, Real};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// What stands around an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Padding {
    /// Nothing: the window stays inside
    #[default]
    Valid,
    /// As many zeros as make the output ⌈input / stride⌉ long; an odd one comes behind
    Same,
    /// So many rows above and below, columns left and right
    Explicit { vertical: usize, horizontal: usize },
}

impl Padding {
    pub const ALL: [Self; 3] = [Self::Valid, Self::Same, Self::Explicit { vertical: 1, horizontal: 1 }];

    pub fn label(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Same => "same",
            Self::Explicit { .. } => "explicit",
        }
    }
}

/// The window along both sides.
#[derive(Clone, Copy)]
struct Geometry {
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    padding: Padding,
}

impl Geometry {
    fn side(&self, axis: usize, input: usize) -> Result<Side, String> {
        let (kernel, stride, dilation) = (self.kernel[axis], self.stride[axis], self.dilation[axis]);
        let wide = (kernel - 1) * dilation + 1;
        let (output, padding) = match self.padding {
            Padding::Same => {
                let output = input.div_ceil(stride);
                (output, ((output.max(1) - 1) * stride + wide).saturating_sub(input) / 2)
            }
            Padding::Valid | Padding::Explicit { .. } => {
                let padding = match self.padding {
                    Padding::Explicit { vertical, horizontal } => [vertical, horizontal][axis],
                    _ => 0,
                };
                let room = (input + 2 * padding).checked_sub(wide).ok_or_else(|| {
                    format!(
                        "a window of {wide} is larger than the input of {input}{}; make the kernel smaller or use padding",
                        if padding > 0 { format!(" with {padding} on each side") } else { String::new() }
                    )
                })?;
                (room / stride + 1, padding)
            }
        };
        Ok(Side { input, output, kernel, stride, dilation, padding })
    }

    /// The side of the convolution whose output has the length `small`, and whose input is the result.
    fn transposed(&self, axis: usize, small: usize) -> Result<Side, String> {
        let (kernel, stride, dilation) = (self.kernel[axis], self.stride[axis], self.dilation[axis]);
        let wide = (kernel - 1) * dilation + 1;
        let whole = (small.max(1) - 1).saturating_mul(stride).saturating_add(wide);
        let (input, padding) = match self.padding {
            Padding::Valid => (whole, 0),
            Padding::Same => (small.saturating_mul(stride), wide.saturating_sub(stride) / 2),
            Padding::Explicit { vertical, horizontal } => {
                let padding = [vertical, horizontal][axis];
                let input = whole.checked_sub(2 * padding).filter(|&n| n > 0);
                (
                    input.ok_or_else(|| format!("padding of {padding} leaves nothing of {whole}; make it smaller"))?,
                    padding,
                )
            }
        };
        Ok(Side { input, output: small, kernel, stride, dilation, padding })
    }

    fn invalid(&self) -> Option<String> {
        if self.kernel.iter().any(|k| !(1..=MOST_TAPS).contains(k)) {
            return Some(format!("the kernel must be between 1 and {MOST_TAPS} on each side"));
        }
        if self.stride.iter().chain(&self.dilation).any(|s| !(1..=1024).contains(s)) {
            return Some("stride and dilation must be between 1 and 1024".to_owned());
        }
        match self.padding {
            Padding::Explicit { vertical, horizontal } if vertical.max(horizontal) > 1024 => {
                Some("padding must be at most 1024".to_owned())
            }
            _ => None,
        }
    }
}

fn one() -> [usize; 2] {
    [1, 1]
}

pub(super) fn single() -> usize {
    1
}

/// Filters that slide over an image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Conv2dSpec {
    /// Channels of the output
    pub filters: usize,
    /// Height and width
    pub kernel: [usize; 2],
    #[serde(default = "one")]
    pub stride: [usize; 2],
    #[serde(default)]
    pub padding: Padding,
    #[serde(default = "one")]
    pub dilation: [usize; 2],
    /// Channels are cut into so many groups that do not see each other; as many as there are channels is a depthwise convolution
    #[serde(default = "single")]
    pub groups: usize,
    /// The other way round: each input spreads over a window of a larger image. Weights are `[inputs, filters / groups, height, width]`
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub transposed: bool,
    #[serde(default)]
    pub activation: Activation,
    #[serde(default = "super::yes")]
    pub bias: bool,
    #[serde(default)]
    pub initialiser: Initialiser,
}

impl Default for Conv2dSpec {
    fn default() -> Self {
        Self {
            filters: 8,
            kernel: [3, 3],
            stride: one(),
            padding: Padding::Same,
            dilation: one(),
            groups: 1,
            transposed: false,
            activation: Activation::Relu,
            bias: true,
            initialiser: Initialiser::HeUniform,
        }
    }
}

impl Conv2dSpec {
    /// A transposed convolution that doubles an image.
    pub fn doubling() -> Self {
        Self { transposed: true, kernel: [2, 2], stride: [2, 2], padding: Padding::Valid, ..Self::default() }
    }

    fn geometry(&self) -> Geometry {
        Geometry { kernel: self.kernel, stride: self.stride, dilation: self.dilation, padding: self.padding }
    }

    fn convolution(&self, input: &[usize]) -> Result<Convolution, String> {
        let [channels, height, width] = image(input, "Conv 2D")?;
        if !(channels.is_multiple_of(self.groups) && self.filters.is_multiple_of(self.groups)) {
            return Err(format!(
                "{} groups do not divide {channels} channels and {} filters evenly",
                self.groups, self.filters
            ));
        }
        let geometry = self.geometry();
        let groups = self.groups;
        if self.transposed {
            // The convolution of which this is the transpose goes from the result to the input.
            let (y, x) = (geometry.transposed(0, height)?, geometry.transposed(1, width)?);
            return Ok(Convolution { inputs: self.filters, outputs: channels, groups, y, x });
        }
        let (y, x) = (geometry.side(0, height)?, geometry.side(1, width)?);
        Ok(Convolution { inputs: channels, outputs: self.filters, groups, y, x })
    }
}

impl LayerDefinition for Conv2dSpec {
    fn info(&self) -> &'static LayerInfo {
        if self.transposed {
            return &LayerInfo {
                label: "Transposed conv",
                group: "Convolution",
                summary: "makes an image larger",
                description: "A convolution the other way round: each value spreads over a window of a larger image. Decoders and generators use it.",
                formula: "a[o, y·s + u, x·s + v] += w[i, o, u, v] · x[i, y, x]",
            };
        }
        &LayerInfo {
            label: "Conv 2D",
            group: "Convolution",
            summary: "slides a small window",
            description: "Each filter looks through a small window that slides over the image, with the same weights everywhere.",
            formula: "a[o, y, x] = f(Σ w[o, i, u, v] · x[i, y + u, x + v] + b[o])",
        }
    }

    fn caption(&self) -> String {
        let [height, width] = self.kernel;
        let kind = if self.transposed { "transposed" } else { "conv" };
        format!("{kind} {} @ {height}×{width} · {}", self.filters, self.activation.label())
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        self.convolution(input).map(|c| {
            if self.transposed { vec![c.inputs, c.y.input, c.x.input] } else { vec![c.outputs, c.y.output, c.x.output] }
        })
    }

    fn parameters(&self, input: &[usize]) -> Vec<ParameterShape> {
        let [height, width] = self.kernel;
        let channels = input.first().copied().unwrap_or(1) / self.groups.max(1);
        let taps = height * width;
        let (fan_in, fan_out) =
            (channels.saturating_mul(taps), (self.filters / self.groups.max(1)).saturating_mul(taps));
        let groups = self.groups.max(1);
        let shape = if self.transposed {
            vec![channels.saturating_mul(groups), self.filters / groups, height, width]
        } else {
            vec![self.filters, channels, height, width]
        };
        let weight =
            ParameterShape { name: "weight", shape, fan_in, fan_out, initialiser: self.initialiser, decayed: true };
        let bias = ParameterShape {
            name: "bias",
            shape: vec![self.filters],
            initialiser: Initialiser::Zeros {},
            decayed: false,
            ..weight.clone()
        };
        if self.bias { vec![weight, bias] } else { vec![weight] }
    }

    fn buffer(&self, input: &[usize]) -> u128 {
        let output = self.output_shape(input).unwrap_or_default();
        numbers(4, &output)
    }

    fn lower(&self, lowering: &mut Lowering<'_>) {
        let image = lowering.input();
        self.lower_for(lowering, image);
    }

    fn invalid(&self) -> Option<String> {
        if self.filters == 0 || self.groups == 0 {
            return Some("a convolution needs at least one filter and one group".to_owned());
        }
        if self.activation == Activation::Softmax {
            return Some("softmax does not fit inside a convolution; add it as a layer of its own".to_owned());
        }
        self.geometry().invalid()
    }

    fn activation(&self) -> Option<Activation> {
        Some(self.activation)
    }

    fn input_fix(&self, input: &[usize]) -> Option<LayerFix> {
        image_fix(input)
    }

    fn activation_mut(&mut self) -> Option<&mut Activation> {
        Some(&mut self.activation)
    }
}

impl Conv2dSpec {
    /// Adds the operations for an image of that shape.
    pub(super) fn lower_for(&self, lowering: &mut Lowering<'_>, image: &[usize]) {
        let Ok(convolution) = self.convolution(image) else { return };
        let (weight, bias) = (lowering.parameter("weight"), lowering.parameter("bias"));
        let c = &convolution;
        let units =
            if self.transposed { c.inputs * c.y.input * c.x.input } else { c.outputs * c.y.output * c.x.output };
        lowering.push(OperationPlan::Convolve { convolution, weight, bias, transposed: self.transposed }, units);
        if self.activation != Activation::Identity {
            lowering.push(OperationPlan::Activation(self.activation), units);
        }
    }
}

/// What a pooling window keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PoolKind {
    /// The largest value
    #[default]
    Max,
    /// The mean
    Average,
}

impl PoolKind {
    pub const ALL: [Self; 2] = [Self::Max, Self::Average];

    pub fn label(self) -> &'static str {
        match self {
            Self::Max => "max",
            Self::Average => "average",
        }
    }
}

/// Makes an image smaller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pool2dSpec {
    pub kind: PoolKind,
    /// Height and width
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    #[serde(default)]
    pub padding: Padding,
}

impl Default for Pool2dSpec {
    fn default() -> Self {
        Self { kind: PoolKind::Max, kernel: [2, 2], stride: [2, 2], padding: Padding::Valid }
    }
}

impl Pool2dSpec {
    fn geometry(&self) -> Geometry {
        Geometry { kernel: self.kernel, stride: self.stride, dilation: one(), padding: self.padding }
    }

    fn pooling(&self, input: &[usize]) -> Result<Pooling, String> {
        let [channels, height, width] = image(input, "Pooling")?;
        let geometry = self.geometry();
        let (y, x) = (geometry.side(0, height)?, geometry.side(1, width)?);
        if y.padding >= y.kernel || x.padding >= x.kernel {
            return Err("padding as wide as the window would pool nothing; make it smaller".to_owned());
        }
        Ok(Pooling { channels, y, x, average: self.kind == PoolKind::Average })
    }

    /// Adds the operation for an image of that shape.
    pub(super) fn lower_for(&self, lowering: &mut Lowering<'_>, image: &[usize]) {
        if let Ok(pooling) = self.pooling(image) {
            let units = pooling.channels * pooling.y.output * pooling.x.output;
            lowering.push(OperationPlan::Pool(pooling), units);
        }
    }
}

impl LayerDefinition for Pool2dSpec {
    fn info(&self) -> &'static LayerInfo {
        &LayerInfo {
            label: "Pool 2D",
            group: "Convolution",
            summary: "keeps the strongest",
            description: "Keeps the largest value, or the mean, of each small window, so that the image becomes smaller and small shifts matter less.",
            formula: "a[c, y, x] = max x[c, y + u, x + v]",
        }
    }

    fn caption(&self) -> String {
        let [height, width] = self.kernel;
        format!("{} pool {height}×{width}", self.kind.label())
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        self.pooling(input).map(|p| vec![p.channels, p.y.output, p.x.output])
    }

    fn buffer(&self, input: &[usize]) -> u128 {
        let output = self.output_shape(input).unwrap_or_default();
        numbers(2, &output)
    }

    fn lower(&self, lowering: &mut Lowering<'_>) {
        let image = lowering.input();
        self.lower_for(lowering, image);
    }

    fn invalid(&self) -> Option<String> {
        self.geometry().invalid()
    }

    fn input_fix(&self, input: &[usize]) -> Option<LayerFix> {
        image_fix(input)
    }
}

/// One number a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GlobalPoolSpec {
    pub kind: PoolKind,
}

impl GlobalPoolSpec {
    fn pooling(&self, input: &[usize]) -> Result<Pooling, String> {
        let [channels, height, width] = channels_of(input, "Global pooling")?;
        let whole = |n| Side { input: n, output: 1, kernel: n, stride: 1, dilation: 1, padding: 0 };
        if height.max(width) > MOST_TAPS {
            return Err(format!("global pooling takes sides of at most {MOST_TAPS}; pool before it"));
        }
        Ok(Pooling { channels, y: whole(height), x: whole(width), average: self.kind == PoolKind::Average })
    }
}

impl LayerDefinition for GlobalPoolSpec {
    fn info(&self) -> &'static LayerInfo {
        &LayerInfo {
            label: "Global pool",
            group: "Convolution",
            summary: "one number a channel",
            description: "Keeps the largest value, or the mean, of each whole channel.",
            formula: "a[c] = mean x[c, :, :]",
        }
    }

    fn caption(&self) -> String {
        format!("global {}", self.kind.label())
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        self.pooling(input).map(|p| vec![p.channels])
    }

    fn buffer(&self, input: &[usize]) -> u128 {
        2 * input.first().copied().unwrap_or(0) as u128
    }

    fn lower(&self, lowering: &mut Lowering<'_>) {
        if let Ok(pooling) = self.pooling(lowering.input()) {
            lowering.push(OperationPlan::Pool(pooling), pooling.channels);
        }
    }

    fn input_fix(&self, input: &[usize]) -> Option<LayerFix> {
        image_fix(input)
    }
}

pub(super) struct Convolve<T> {
    pub convolution: Convolution,
    pub weight: Range<usize>,
    /// Empty for a layer without bias.
    pub bias: Range<usize>,
    pub transposed: bool,
    /// The weights in the order in which they are read.
    pub packed: Vec<T>,
}

impl<T: Real> Operation<T> for Convolve<T> {
    fn forward(&mut self, pass: &PassContext, params: &[T], inputs: Inputs<'_, T>, output: &mut [T]) {
        let (weight, bias) = (&params[self.weight.clone()], &params[self.bias.clone()]);
        let (c, x, stride, threads) = (&self.convolution, inputs.get(0), pass.stride(), pass.threads);
        let direction = if self.transposed { Direction::Backward } else { Direction::Forward };
        convolution::convolve(c, direction, weight, bias, x, output, &mut self.packed, stride, false, threads);
    }

    fn backward(&mut self, pass: &PassContext, mut at: Backward<'_, T>) {
        let (stride, threads) = (pass.stride(), pass.threads);
        let (c, x, grad) = (&self.convolution, at.inputs.get(0), at.grad_output);
        let (grad_weight, grad_bias) = super::two_mut(at.grad_params, &self.weight, &self.bias);
        let weight = &at.params[self.weight.clone()];
        let back = if self.transposed {
            convolution::backward_params(c, grad, x, grad_weight, &mut [], stride, threads);
            matrix::row_sums(grad, grad_bias, grad.len() / c.inputs);
            Direction::Forward
        } else {
            convolution::backward_params(c, x, grad, grad_weight, grad_bias, stride, threads);
            Direction::Backward
        };
        if let Some(GradInput { values, accumulate }) = at.grad_inputs.get(0) {
            convolution::convolve(c, back, weight, &[], grad, values, &mut self.packed, stride, accumulate, threads);
        }
    }
}

pub(super) struct Pool(pub Pooling);

impl<T: Real> Operation<T> for Pool {
    fn forward(&mut self, pass: &PassContext, _params: &[T], inputs: Inputs<'_, T>, output: &mut [T]) {
        window::pool(&self.0, inputs.get(0), output, pass.stride(), pass.threads);
    }

    fn backward(&mut self, pass: &PassContext, mut at: Backward<'_, T>) {
        if let Some(GradInput { values, accumulate }) = at.grad_inputs.get(0) {
            let (x, stride) = (at.inputs.get(0), pass.stride());
            window::pool_backward(&self.0, x, at.output, at.grad_output, values, stride, accumulate, pass.threads);
        }
    }
}
