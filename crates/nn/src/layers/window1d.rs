//! Convolution and pooling over a sequence `[channels, length]`: those of an image that is one row high.

use super::convolution::{CHANNEL, Conv2dSpec, FILTER, GROUPS};
use super::geometry::Padding;
use super::pooling::{Pool2dSpec, PoolKind, count_padding_setting, kind_setting};
use crate::activation::Activation;
use crate::defaults::is_default;
use crate::definition::{LayerDefinition, LayerFix, LayerInfo};
use crate::init::Initialiser;
use crate::lowering::Lowering;
use crate::parameter::{Axis, Naming, ParameterShape};
use crate::sample_shape::numbers;
use crate::settings::{self, SettingsPanel, choose};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What stands around a sequence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Padding1d {
    /// Nothing: the window stays inside
    #[default]
    Valid,
    /// As many zeros as make the output ⌈length / stride⌉ long; an odd one comes behind
    Same,
    /// So many zeros on each side
    Explicit { each: usize },
}

impl Padding1d {
    pub const ALL: [Self; 3] = [Self::Valid, Self::Same, Self::Explicit { each: 1 }];

    pub fn label(self) -> &'static str {
        self.image().label()
    }

    fn image(self) -> Padding {
        match self {
            Self::Valid => Padding::Valid,
            Self::Same => Padding::Same,
            Self::Explicit { each } => Padding::Explicit { vertical: 0, horizontal: each },
        }
    }
}

fn padding_setting(panel: &mut dyn SettingsPanel, value: &mut Padding1d) {
    let hover = "What stands around the sequence: nothing, as much as keeps its length, or so many zeros";
    choose(panel, "Padding", hover, value, Padding1d::ALL, Padding1d::label);
    if let Padding1d::Explicit { each } = value {
        panel.count("Zeros", "On each side", each, 0..=64);
    }
}

/// The sequence as an image that is one row high.
fn one_row(input: &[usize], what: &str) -> Result<[usize; 3], String> {
    match *input {
        [channels, length] => Ok([channels, 1, length]),
        _ => Err(format!("{what} needs a sequence [channels, length], but its input has shape {input:?}")),
    }
}

/// The image's shape as that of a sequence.
fn without_height(shape: &[usize]) -> Vec<usize> {
    vec![shape[0], shape[2]]
}

const KERNELS: [Axis; 3] = [FILTER, CHANNEL, Axis::kernel("step", "u")];

/// Filters that slide over a sequence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Conv1dSpec {
    /// Channels of the output
    pub filters: usize,
    pub kernel: usize,
    #[serde(default = "super::geometry::single")]
    pub stride: usize,
    #[serde(default)]
    pub padding: Padding1d,
    #[serde(default = "super::geometry::single")]
    pub dilation: usize,
    /// Grouped convolution: the channels are divided into independent groups
    #[serde(default = "super::geometry::single")]
    pub groups: usize,
    #[serde(default)]
    pub activation: Activation,
    #[serde(default = "crate::defaults::yes")]
    pub bias: bool,
    #[serde(default)]
    pub initialiser: Initialiser,
}

impl Default for Conv1dSpec {
    fn default() -> Self {
        Self {
            filters: 8,
            kernel: 3,
            stride: 1,
            padding: Padding1d::Same,
            dilation: 1,
            groups: 1,
            activation: Activation::Relu,
            bias: true,
            initialiser: Initialiser::HeUniform,
        }
    }
}

impl Conv1dSpec {
    fn image(&self) -> Conv2dSpec {
        Conv2dSpec {
            filters: self.filters,
            kernel: [1, self.kernel],
            stride: [1, self.stride],
            padding: self.padding.image(),
            dilation: [1, self.dilation],
            groups: self.groups,
            transposed: false,
            activation: self.activation,
            bias: self.bias,
            initialiser: self.initialiser,
        }
    }
}

impl LayerDefinition for Conv1dSpec {
    fn info(&self) -> &'static LayerInfo {
        &LayerInfo {
            label: "Conv 1D",
            group: "Convolution",
            summary: "slides over a sequence",
            description: "Each filter looks through a short window that slides over the sequence, with the same weights everywhere.",
            formula: "a[o, t] = f(Σ w[o, i, u] · x[i, t + u] + b[o])",
            change: "Change convolution",
        }
    }

    fn caption(&self) -> String {
        format!("conv {} @ {} · {}", self.filters, self.kernel, self.activation.label())
    }

    fn settings(&mut self, panel: &mut dyn SettingsPanel) {
        panel.count("Filters", "Channels of the output", &mut self.filters, 1..=4096);
        panel.count("Kernel", "Steps under the kernel", &mut self.kernel, 1..=64);
        panel.count("Stride", "How far the kernel moves", &mut self.stride, 1..=64);
        padding_setting(panel, &mut self.padding);
        panel.count("Dilation", "Spacing between kernel elements", &mut self.dilation, 1..=64);
        panel.count("Groups", GROUPS, &mut self.groups, 1..=4096);
        settings::activation(panel, &mut self.activation);
        settings::initialiser(panel, &mut self.initialiser);
        panel.toggle("Bias", "A number for each filter that is added everywhere", &mut self.bias);
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        self.image().output_shape(&one_row(input, "Conv 1D")?).map(|shape| without_height(&shape))
    }

    fn parameters(&self, input: &[usize]) -> Vec<ParameterShape> {
        let mut parameters = self.image().parameters(input);
        // The weight without its height of 1.
        parameters[0].shape.remove(2);
        parameters[0].naming = Naming::weights("w", &KERNELS);
        parameters
    }

    fn weight_copies(&self) -> u128 {
        1
    }

    fn buffer(&self, input: &[usize]) -> u128 {
        numbers(4, &self.output_shape(input).unwrap_or_default())
    }

    fn lower(&self, lowering: &mut Lowering<'_>) {
        if let Ok(shape) = one_row(lowering.input(), "") {
            self.image().lower_for(lowering, &shape);
        }
    }

    fn invalid(&self) -> Option<String> {
        self.image().invalid()
    }

    fn activation(&self) -> Option<Activation> {
        Some(self.activation)
    }

    fn input_fix(&self, input: &[usize]) -> Option<LayerFix> {
        match *input {
            [n] => Some(LayerFix::InsertReshape(vec![1, n])),
            _ => None,
        }
    }

    fn activation_mut(&mut self) -> Option<&mut Activation> {
        Some(&mut self.activation)
    }
}

/// Makes a sequence shorter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pool1dSpec {
    pub kind: PoolKind,
    pub kernel: usize,
    pub stride: usize,
    #[serde(default)]
    pub padding: Padding1d,
    /// Whether a mean counts the zeros of the padding: `count_include_pad` in PyTorch. Files of before, which do not say it, do
    /// not count them
    #[serde(default, skip_serializing_if = "is_default")]
    pub count_padding: bool,
}

impl Default for Pool1dSpec {
    fn default() -> Self {
        Self { kind: PoolKind::Max, kernel: 2, stride: 2, padding: Padding1d::Valid, count_padding: true }
    }
}

impl Pool1dSpec {
    fn image(&self) -> Pool2dSpec {
        let (kernel, stride) = ([1, self.kernel], [1, self.stride]);
        let (padding, count_padding) = (self.padding.image(), self.count_padding);
        Pool2dSpec { kind: self.kind, kernel, stride, padding, count_padding }
    }
}

impl LayerDefinition for Pool1dSpec {
    fn info(&self) -> &'static LayerInfo {
        const fn by(formula: &'static str) -> LayerInfo {
            LayerInfo {
                label: "Pool 1D",
                group: "Convolution",
                summary: "shortens a sequence",
                description: "Keeps the largest value, or the mean, of each short window, so that the sequence becomes shorter.",
                formula,
                change: "Change pooling",
            }
        }
        match self.kind {
            PoolKind::Max => &const { by("a[c, t] = max x[c, s·t + u]") },
            PoolKind::Average => &const { by("a[c, t] = mean x[c, s·t + u]") },
        }
    }

    fn caption(&self) -> String {
        format!("{} pool {}", self.kind.label(), self.kernel)
    }

    fn settings(&mut self, panel: &mut dyn SettingsPanel) {
        kind_setting(panel, "The largest value of each window, or the mean", &mut self.kind);
        panel.count("Kernel", "Steps under the kernel", &mut self.kernel, 1..=64);
        panel.count("Stride", "How far the kernel moves", &mut self.stride, 1..=64);
        padding_setting(panel, &mut self.padding);
        if self.padding != Padding1d::Valid {
            count_padding_setting(panel, self.kind, &mut self.count_padding);
        }
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        self.image().output_shape(&one_row(input, "Pool 1D")?).map(|shape| without_height(&shape))
    }

    fn buffer(&self, input: &[usize]) -> u128 {
        numbers(2, &self.output_shape(input).unwrap_or_default())
    }

    fn lower(&self, lowering: &mut Lowering<'_>) {
        if let Ok(shape) = one_row(lowering.input(), "") {
            self.image().lower_for(lowering, &shape);
        }
    }

    fn invalid(&self) -> Option<String> {
        self.image().invalid()
    }

    fn input_fix(&self, input: &[usize]) -> Option<LayerFix> {
        match *input {
            [n] => Some(LayerFix::InsertReshape(vec![1, n])),
            _ => None,
        }
    }
}
