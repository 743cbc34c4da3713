//! Convolution over an image `[channels, height, width]`: the same weights under a window everywhere.

use super::activation::Activate;
use super::geometry::{Geometry, Padding, one, padding_setting};
use crate::activation::Activation;
use crate::definition::{LayerDefinition, LayerFix, LayerInfo, Links, image_fix};
use crate::init::Initialiser;
use crate::kernels::convolution::Convolution;
use crate::kernels::convolve::{Direction, convolve};
use crate::kernels::correlate;
use crate::kernels::matrix;
use crate::lowering::Lowering;
use crate::operation::{Backward, Build, Explained, GradInput, Inputs, Operation, PassContext, two_mut};
use crate::parameter::{Axis, Naming, ParameterShape};
use crate::picture::{Grid, MOST_CELLS, Picture};
use crate::products::{Product, tell_sum, weights};
use crate::reading::{Local, Reading, Told};
use crate::real::Real;
use crate::sample_shape::{image, numbers};
use crate::settings::{self, SettingsPanel};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;

pub(super) const GROUPS: &str = "Grouped convolution: the channels are divided into independent groups";

pub(super) const FILTER: Axis = Axis::output("filter", "o");
/// Of the group, where there are groups.
pub(super) const CHANNEL: Axis = Axis::input("channel", "i").if_several();
const ROW: Axis = Axis::kernel("row", "u");
const COLUMN: Axis = Axis::kernel("column", "v");
const KERNELS: [Axis; 4] = [FILTER, CHANNEL, ROW, COLUMN];
const TRANSPOSED: [Axis; 4] = [CHANNEL, FILTER, ROW, COLUMN];

/// Filters that slide over an image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Conv2dSpec {
    /// Channels of the output
    pub filters: usize,
    /// Height and width
    pub kernel: [usize; 2],
    #[serde(default = "super::geometry::one")]
    pub stride: [usize; 2],
    #[serde(default)]
    pub padding: Padding,
    #[serde(default = "super::geometry::one")]
    pub dilation: [usize; 2],
    /// Grouped convolution: the channels are divided into independent groups; as many as there are channels is a depthwise convolution
    #[serde(default = "super::geometry::single")]
    pub groups: usize,
    /// The other way round: each input spreads over a window of a larger image. Weights are `[inputs, filters / groups, height, width]`
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub transposed: bool,
    #[serde(default)]
    pub activation: Activation,
    #[serde(default = "crate::defaults::yes")]
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
                change: "Change convolution",
            };
        }
        &LayerInfo {
            label: "Conv 2D",
            group: "Convolution",
            summary: "slides a small window",
            description: "Each filter looks through a small window that slides over the image, with the same weights everywhere.",
            formula: "a[o, y, x] = f(Σ w[o, i, u, v] · x[i, y + u, x + v] + b[o])",
            change: "Change convolution",
        }
    }

    fn caption(&self) -> String {
        let [height, width] = self.kernel;
        let kind = if self.transposed { "transposed" } else { "conv" };
        format!("{kind} {} @ {height}×{width} · {}", self.filters, self.activation.label())
    }

    fn settings(&mut self, panel: &mut dyn SettingsPanel) {
        panel.count("Filters", "Channels of the output", &mut self.filters, 1..=4096);
        panel.pair("Kernel", "Height and width", &mut self.kernel, 1..=64);
        panel.pair("Stride", "How far the kernel moves, down and to the right", &mut self.stride, 1..=64);
        padding_setting(panel, &mut self.padding);
        panel.pair("Dilation", "Spacing between kernel elements", &mut self.dilation, 1..=64);
        panel.count("Groups", GROUPS, &mut self.groups, 1..=4096);
        settings::activation(panel, &mut self.activation);
        settings::initialiser(panel, &mut self.initialiser);
        panel.toggle("Bias", "A number for each filter that is added everywhere", &mut self.bias);
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
        let naming = Naming::weights("w", if self.transposed { &TRANSPOSED } else { &KERNELS });
        let weight = ParameterShape {
            name: "weight",
            shape,
            fan_in,
            fan_out,
            initialiser: self.initialiser,
            decayed: true,
            naming,
        };
        let bias = ParameterShape {
            name: "bias",
            shape: vec![self.filters],
            initialiser: Initialiser::Zeros {},
            decayed: false,
            naming: Naming::of("b", "bias", &[FILTER]),
            ..weight.clone()
        };
        if self.bias { vec![weight, bias] } else { vec![weight] }
    }

    fn weight_copies(&self) -> u128 {
        1
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

    fn links(&self) -> Links {
        if self.groups == 1 && !self.transposed { Links::Kernels(self.kernel[0] * self.kernel[1]) } else { Links::None }
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
        lowering.push(ConvolvePlan { convolution, weight, bias, transposed: self.transposed }, units);
        if self.activation != Activation::Identity {
            lowering.push(Activate(self.activation), units);
        }
    }
}

#[derive(Clone, Debug)]
struct ConvolvePlan {
    convolution: Convolution,
    weight: Range<usize>,
    /// Empty for a layer without bias.
    bias: Range<usize>,
    transposed: bool,
}

impl Build for ConvolvePlan {
    fn build<T: Real>(&self, _units: usize, _capacity: usize) -> Box<dyn Operation<T>> {
        let Self { convolution, weight, bias, transposed } = self.clone();
        let packed = vec![T::ZERO; weight.len()];
        Box::new(Convolve { convolution, weight, bias, transposed, packed })
    }
}

impl Explained for ConvolvePlan {
    fn tell(&self, at: &Reading<'_>) -> Option<Told> {
        Some(tell_sum(at, &self.products_into(at.unit), self.bias_of(at.unit, at.units(at.node))))
    }

    fn weighs(&self) -> bool {
        true
    }

    fn products_into(&self, output: usize) -> Vec<Product> {
        let c = &self.convolution;
        let pairs = if self.transposed { c.products_from(output) } else { c.products_into(output) };
        pairs.into_iter().map(|(w, input)| Product { weight: self.weight.start + w, input, output }).collect()
    }

    fn products_from(&self, input: usize) -> Vec<Product> {
        let c = &self.convolution;
        let pairs = if self.transposed { c.products_into(input) } else { c.products_from(input) };
        pairs.into_iter().map(|(w, output)| Product { weight: self.weight.start + w, input, output }).collect()
    }

    fn products_of(&self, weight: usize, _units: usize) -> Vec<Product> {
        if !self.weight.contains(&weight) {
            return Vec::new();
        }
        let pairs = self.convolution.products_of(weight - self.weight.start).into_iter();
        let turned = |(a, b)| if self.transposed { (b, a) } else { (a, b) };
        pairs.map(turned).map(|(input, output)| Product { weight, input, output }).collect()
    }

    fn bias_of(&self, output: usize, units: usize) -> Option<usize> {
        let channels = if self.transposed { self.convolution.inputs } else { self.convolution.outputs };
        (!self.bias.is_empty()).then(|| self.bias.start + output / (units / channels))
    }

    fn positions(&self) -> usize {
        let c = &self.convolution;
        if self.transposed { 1 } else { c.y.output * c.x.output }
    }

    fn locals(&self, at: &Reading<'_>, _from: usize, unit: usize) -> Option<Vec<Local>> {
        Some(weights(at, &self.products_from(unit)))
    }

    /// The inputs under the window, the kernel, and their products; backward, what of the gradient goes to each input.
    fn picture(&self, at: &Reading<'_>, backward: bool) -> Option<Picture> {
        let products = self.products_into(at.unit);
        let input = at.input();
        let across = self.convolution.x.kernel;
        let taps = across * self.convolution.y.kernel;
        let value = |unit: usize| at.recorded.values(input)[[unit, at.recorded.sample()]];
        let weight = |p: &Product| at.recorded.parameter(p.weight).unwrap_or(0.0);
        // One channel: the one whose products are largest. Windows at the edge have fewer cells.
        let strongest = products.chunk_by(|a, b| a.weight / taps == b.weight / taps).max_by(|a, b| {
            let size = |part: &[Product]| part.iter().map(|p| (weight(p) * value(p.input)).abs()).sum::<f32>();
            size(a).total_cmp(&size(b))
        })?;
        let across = if strongest.len() == taps { across } else { strongest.len() };
        if strongest.len() > MOST_CELLS || !strongest.len().is_multiple_of(across) {
            return None;
        }
        let kernel: Vec<f32> = strongest.iter().map(weight).collect();
        let channels = products.len() / strongest.len().max(1);
        let grid = |title, values| Grid { title, across, values, framed: None };
        let grids = if backward {
            let g = at.grad(at.node, at.unit).map_or(0.0, |g| g as f32);
            vec![
                grid("kernel", kernel.clone()),
                grid("· ∂L/∂z = back to the inputs", kernel.iter().map(|w| w * g).collect()),
                grid("inputs · ∂L/∂z = to the kernel", strongest.iter().map(|p| value(p.input) * g).collect()),
            ]
        } else {
            let inputs: Vec<f32> = strongest.iter().map(|p| value(p.input)).collect();
            let both = inputs.iter().zip(&kernel).map(|(x, w)| x * w).collect();
            vec![grid("under the kernel", inputs), grid("· kernel", kernel), grid("= products", both)]
        };
        let note = if channels > 1 { format!("the strongest of {channels} channels") } else { String::new() };
        Some(Picture::Grids { name: "Kernel of the convolution", grids, note })
    }
}

struct Convolve<T> {
    convolution: Convolution,
    weight: Range<usize>,
    bias: Range<usize>,
    transposed: bool,
    /// The weights in the order in which they are read.
    packed: Vec<T>,
}

impl<T: Real> Operation<T> for Convolve<T> {
    fn forward(&mut self, pass: &PassContext, params: &[T], inputs: Inputs<'_, T>, output: &mut [T]) {
        let (weight, bias) = (&params[self.weight.clone()], &params[self.bias.clone()]);
        let (c, x, stride, threads) = (&self.convolution, inputs.get(0), pass.stride(), pass.threads);
        let direction = if self.transposed { Direction::Backward } else { Direction::Forward };
        convolve(c, direction, weight, bias, x, output, &mut self.packed, stride, false, threads);
    }

    fn backward(&mut self, pass: &PassContext, mut at: Backward<'_, T>) {
        let (stride, threads) = (pass.stride(), pass.threads);
        let (c, x, grad) = (&self.convolution, at.inputs.get(0), at.grad_output);
        let (grad_weight, grad_bias) = two_mut(at.grad_params, &self.weight, &self.bias);
        let weight = &at.params[self.weight.clone()];
        let back = if self.transposed {
            correlate::backward_params(c, grad, x, grad_weight, &mut [], stride, threads);
            matrix::row_sums(grad, grad_bias, grad.len() / c.inputs);
            Direction::Forward
        } else {
            correlate::backward_params(c, x, grad, grad_weight, grad_bias, stride, threads);
            Direction::Backward
        };
        if let Some(GradInput { values, accumulate }) = at.grad_inputs.get(0) {
            convolve(c, back, weight, &[], grad, values, &mut self.packed, stride, accumulate, threads);
        }
    }
}
