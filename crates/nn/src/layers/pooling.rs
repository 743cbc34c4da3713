//! Pooling over an image `[channels, height, width]`: of each window the largest value, or the mean.

use super::geometry::{Geometry, Padding, one, padding_setting};
use crate::defaults::is_default;
use crate::definition::{LayerDefinition, LayerFix, LayerInfo, Links, image_fix};
use crate::kernels::window::{self, MOST_TAPS, Pooling, Side};
use crate::lowering::Lowering;
use crate::math::{indexed, joined, number, row, subscript, symbol, text};
use crate::operation::{Backward, Build, Explained, GradInput, Inputs, Operation, PassContext};
use crate::picture::{Grid, MOST_CELLS, Picture};
use crate::reading::{Local, Reading, Told};
use crate::real::Real;
use crate::sample_shape::{channels_of, image, numbers};
use crate::settings::{SettingsPanel, choose};
use chainrule_common::format::counted;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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

pub(super) fn kind_setting(panel: &mut dyn SettingsPanel, hover: &str, value: &mut PoolKind) {
    choose(panel, "Keeps", hover, value, PoolKind::ALL, PoolKind::label);
}

pub(super) fn count_padding_setting(panel: &mut dyn SettingsPanel, kind: PoolKind, value: &mut bool) {
    if kind == PoolKind::Average {
        let hover = "Whether the mean counts the zeros of the padding, as PyTorch does unless count_include_pad is off, or only what lies inside";
        panel.toggle("Count padding", hover, value);
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
    /// Whether a mean counts the zeros of the padding: `count_include_pad` in PyTorch. Files of before, which do not say it, do
    /// not count them
    #[serde(default, skip_serializing_if = "is_default")]
    pub count_padding: bool,
}

impl Default for Pool2dSpec {
    fn default() -> Self {
        Self { kind: PoolKind::Max, kernel: [2, 2], stride: [2, 2], padding: Padding::Valid, count_padding: true }
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
        let average = self.kind == PoolKind::Average;
        Ok(Pooling { channels, y, x, average, counts_padding: self.count_padding })
    }

    /// Adds the operation for an image of that shape.
    pub(super) fn lower_for(&self, lowering: &mut Lowering<'_>, image: &[usize]) {
        if let Ok(pooling) = self.pooling(image) {
            let units = pooling.channels * pooling.y.output * pooling.x.output;
            lowering.push(Pool(pooling), units);
        }
    }
}

impl LayerDefinition for Pool2dSpec {
    fn info(&self) -> &'static LayerInfo {
        const fn by(formula: &'static str) -> LayerInfo {
            LayerInfo {
                label: "Pool 2D",
                group: "Convolution",
                summary: "keeps the strongest",
                description: "Keeps the largest value, or the mean, of each small window, so that the image becomes smaller and small shifts matter less.",
                formula,
                change: "Change pooling",
            }
        }
        match self.kind {
            PoolKind::Max => &const { by("a[c, y, x] = max x[c, s·y + u, s·x + v]") },
            PoolKind::Average => &const { by("a[c, y, x] = mean x[c, s·y + u, s·x + v]") },
        }
    }

    fn caption(&self) -> String {
        let [height, width] = self.kernel;
        format!("{} pool {height}×{width}", self.kind.label())
    }

    fn settings(&mut self, panel: &mut dyn SettingsPanel) {
        kind_setting(panel, "The largest value of each window, or the mean", &mut self.kind);
        panel.pair("Kernel", "Height and width", &mut self.kernel, 1..=64);
        panel.pair("Stride", "How far the kernel moves, down and to the right", &mut self.stride, 1..=64);
        padding_setting(panel, &mut self.padding);
        if self.padding != Padding::Valid {
            count_padding_setting(panel, self.kind, &mut self.count_padding);
        }
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

    fn links(&self) -> Links {
        Links::SameChannel
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
        let average = self.kind == PoolKind::Average;
        Ok(Pooling { channels, y: whole(height), x: whole(width), average, counts_padding: false })
    }
}

impl LayerDefinition for GlobalPoolSpec {
    fn info(&self) -> &'static LayerInfo {
        const fn by(formula: &'static str) -> LayerInfo {
            LayerInfo {
                label: "Global pool",
                group: "Convolution",
                summary: "one number a channel",
                description: "Keeps the largest value, or the mean, of each whole channel.",
                formula,
                change: "Change pooling",
            }
        }
        match self.kind {
            PoolKind::Max => &const { by("a[c] = max x[c, :, :]") },
            PoolKind::Average => &const { by("a[c] = mean x[c, :, :]") },
        }
    }

    fn caption(&self) -> String {
        format!("global {}", self.kind.label())
    }

    fn settings(&mut self, panel: &mut dyn SettingsPanel) {
        kind_setting(panel, "The largest value of each channel, or the mean", &mut self.kind);
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        self.pooling(input).map(|p| vec![p.channels])
    }

    fn buffer(&self, input: &[usize]) -> u128 {
        2 * input.first().copied().unwrap_or(0) as u128
    }

    fn lower(&self, lowering: &mut Lowering<'_>) {
        if let Ok(pooling) = self.pooling(lowering.input()) {
            lowering.push(Pool(pooling), pooling.channels);
        }
    }

    fn input_fix(&self, input: &[usize]) -> Option<LayerFix> {
        image_fix(input)
    }

    fn links(&self) -> Links {
        Links::SameChannel
    }
}

#[derive(Clone, Debug)]
struct Pool(Pooling);

impl Build for Pool {
    fn build<T: Real>(&self, _units: usize, _capacity: usize) -> Box<dyn Operation<T>> {
        Box::new(self.clone())
    }
}

impl Explained for Pool {
    fn tell(&self, at: &Reading<'_>) -> Option<Told> {
        let inputs = self.0.under(at.unit);
        let zeros = self.0.counted(inputs.len()) - inputs.len();
        let all = inputs.iter().map(|&i| at.input_number(i)).chain(std::iter::repeat_n(number(0.0, None), zeros));
        let mut list = joined(all.take(9), ",");
        if inputs.len() + zeros > 9 {
            list.push(text(format!(", {} more", inputs.len() + zeros - 9)));
        }
        let name = if self.0.average { "mean" } else { "max" };
        let numbers = row([text(name), text("("), row(list), text(")")]);
        let out = indexed("a", subscript(at.unit));
        let symbols = row([out, text("="), text(name), text("over the window of"), symbol("x")]);
        let kept = if self.0.average { "mean" } else { "largest" };
        let padding = if zeros > 0 { format!(" and {} of the padding", counted(zeros, "zero")) } else { String::new() };
        let words = format!("It keeps the {kept} of the {} values under its window{padding}.", inputs.len());
        Some(Told::one(at.line(symbols, Some(numbers)), words))
    }

    fn locals(&self, at: &Reading<'_>, from: usize, unit: usize) -> Option<Vec<Local>> {
        let local = |to: usize| {
            let inputs = self.0.under(to);
            let first = inputs.iter().find(|&&i| at.value(from, i) == at.value(at.node, to));
            let chosen = f64::from(u8::from(first == Some(&unit)));
            let derivative = if self.0.average { 1.0 / self.0.counted(inputs.len()) as f64 } else { chosen };
            Local { unit: to, derivative, name: "pooling".to_owned(), place: None }
        };
        Some(self.0.over(unit).into_iter().map(local).collect())
    }

    fn picture(&self, at: &Reading<'_>, backward: bool) -> Option<Picture> {
        let pooling = &self.0;
        let inputs = pooling.under(at.unit);
        if inputs.len() > MOST_CELLS {
            return None;
        }
        let across = if inputs.len() == pooling.x.kernel * pooling.y.kernel { pooling.x.kernel } else { inputs.len() };
        let of = |node: usize, unit: usize| at.recorded.values(node)[[unit, at.recorded.sample()]];
        let values: Vec<f32> = inputs.iter().map(|&i| of(at.input(), i)).collect();
        let result = of(at.node, at.unit);
        let framed = (!pooling.average).then(|| values.iter().position(|v| *v == result)).flatten();
        let mut grids = vec![Grid { title: "under the kernel", across, values: values.clone(), framed }];
        if backward {
            let g = at.grad(at.node, at.unit).map_or(0.0, |g| g as f32);
            let share = |i: usize| match framed {
                Some(k) if i == k => g,
                Some(_) => 0.0,
                None => g / pooling.counted(values.len()) as f32,
            };
            let values = (0..values.len()).map(share).collect();
            grids.push(Grid { title: "gradient back", across, values, framed });
        }
        Some(Picture::Grids { name: "Kernel of the pooling", grids, note: String::new() })
    }
}

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
