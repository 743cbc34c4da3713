//! Layers that move numbers and leave them as they are: flatten, reshape, permute, upsample, and the choice of features.

use crate::definition::{LayerDefinition, LayerFix, LayerInfo, Links};
use crate::lowering::Lowering;
use crate::math::{indexed, row, subscript, text};
use crate::operation::{Backward, Build, Explained, GradInput, Inputs, Operation, PassContext};
use crate::reading::{Local, Reading, Told};
use crate::real::Real;
use crate::sample_shape::{channels_of, numbers, volume};
use crate::settings::SettingsPanel;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Any shape to one row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FlattenSpec {}

impl LayerDefinition for FlattenSpec {
    fn info(&self) -> &'static LayerInfo {
        &LayerInfo {
            label: "Flatten",
            group: "Shape",
            summary: "image to row",
            description: "Writes all numbers of a sample in one row, channel by channel, so that a dense layer can take them.",
            formula: "a = x",
            change: "Change layer",
        }
    }

    fn caption(&self) -> String {
        "flatten".to_owned()
    }

    fn settings(&mut self, _panel: &mut dyn SettingsPanel) {}

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        Ok(vec![volume(input)])
    }

    fn buffer(&self, _: &[usize]) -> u128 {
        0
    }

    fn lower(&self, _: &mut Lowering<'_>) {}

    fn keeps_count(&self) -> bool {
        true
    }
}

/// A row to another shape of as many numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReshapeSpec {
    pub shape: Vec<usize>,
}

impl Default for ReshapeSpec {
    fn default() -> Self {
        Self { shape: vec![1, 8, 8] }
    }
}

impl LayerDefinition for ReshapeSpec {
    fn info(&self) -> &'static LayerInfo {
        &LayerInfo {
            label: "Reshape",
            group: "Shape",
            summary: "row to image",
            description: "Reads the numbers of a sample, in their order, as another shape: [channels, height, width] for an image.",
            formula: "a = x",
            change: "Change shape",
        }
    }

    fn caption(&self) -> String {
        self.shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("×")
    }

    fn settings(&mut self, panel: &mut dyn SettingsPanel) {
        const NAMES: [&[&str]; 4] = [
            &["Length"],
            &["Steps", "Features"],
            &["Channels", "Height", "Width"],
            &["Channels", "Depth", "Height", "Width"],
        ];
        let mut sides = self.shape.len();
        panel.count("Sides", "1 for a row, 2 for a sequence, 3 for an image", &mut sides, 1..=4);
        self.shape.resize(sides, 1);
        for (side, name) in self.shape.iter_mut().zip(NAMES[sides.clamp(1, 4) - 1]) {
            panel.count(name, "Numbers along this side", side, 1..=1_000_000);
        }
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        let (has, wants): (usize, u128) = (volume(input), numbers(1, &self.shape));
        if has as u128 == wants {
            Ok(self.shape.clone())
        } else {
            Err(format!("{has} numbers do not fit the shape {:?}, which has {wants}", self.shape))
        }
    }

    fn buffer(&self, _: &[usize]) -> u128 {
        0
    }

    fn lower(&self, _: &mut Lowering<'_>) {}

    fn invalid(&self) -> Option<String> {
        let bad = self.shape.is_empty() || self.shape.len() > 4 || self.shape.contains(&0);
        bad.then(|| "a shape has one to four sides of at least 1".to_owned())
    }

    fn input_fix(&self, _: &[usize]) -> Option<LayerFix> {
        Some(LayerFix::Remove)
    }

    fn keeps_count(&self) -> bool {
        true
    }
}

/// The sides of a sample in another order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PermuteSpec {
    /// Which side of the input, from 0, each side of the output is
    pub order: Vec<usize>,
}

impl Default for PermuteSpec {
    fn default() -> Self {
        Self { order: vec![1, 0] }
    }
}

impl LayerDefinition for PermuteSpec {
    fn info(&self) -> &'static LayerInfo {
        &LayerInfo {
            label: "Permute",
            group: "Shape",
            summary: "swaps the sides",
            description: "Puts the sides of a sample in another order, for instance [steps, features] to [channels, length], which a 1-D convolution takes.",
            formula: "a[j, i] = x[i, j]",
            change: "Change order",
        }
    }

    fn caption(&self) -> String {
        self.order.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }

    fn settings(&mut self, panel: &mut dyn SettingsPanel) {
        let mut sides = self.order.len();
        panel.count("Sides", "As many as the input has", &mut sides, 2..=4);
        if sides != self.order.len() {
            // The last first, as in [steps, features] to [features, steps].
            self.order = (0..sides).rev().collect();
        }
        let options = ["side 0", "side 1", "side 2", "side 3"];
        for place in 0..sides {
            let (name, hover) = (format!("Side {place}"), "Which side of the input comes here");
            if let Some(side) = panel.choice(&name, hover, self.order[place], &options[..sides.min(4)]) {
                let other = self.order.iter().position(|&s| s == side).unwrap_or(place);
                self.order.swap(place, other);
            }
        }
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        if self.order.len() == input.len() {
            Ok(self.order.iter().map(|&side| input[side]).collect())
        } else {
            Err(format!("an order of {} sides does not fit the shape {input:?}", self.order.len()))
        }
    }

    fn buffer(&self, input: &[usize]) -> u128 {
        numbers(2, input)
    }

    fn lower(&self, lowering: &mut Lowering<'_>) {
        let input = lowering.input().to_vec();
        let Ok(output) = self.output_shape(&input) else { return };
        // The distance in the input that one step along each side of the output makes.
        let distance = |side: usize| input[side + 1..].iter().product::<usize>();
        let steps: Vec<usize> = self.order.iter().map(|&side| distance(side)).collect();
        let map: Vec<u32> = (0..volume(&output))
            .map(|at| {
                let mut rest = at;
                let mut from = 0;
                for (&side, step) in output.iter().zip(&steps).rev() {
                    from += rest % side * step;
                    rest /= side;
                }
                from as u32
            })
            .collect();
        lowering.push(Rows(map.into()), volume(&output));
    }

    fn invalid(&self) -> Option<String> {
        let mut sorted = self.order.clone();
        sorted.sort_unstable();
        let right = (2..=4).contains(&sorted.len()) && sorted.iter().enumerate().all(|(i, &side)| i == side);
        (!right).then(|| "the order names each side once, from 0, of two to four sides".to_owned())
    }

    fn input_fix(&self, _: &[usize]) -> Option<LayerFix> {
        Some(LayerFix::Remove)
    }
}

/// Every value several times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpsampleSpec {
    /// Times down and to the right; a sequence takes the second
    pub factor: [usize; 2],
}

impl Default for UpsampleSpec {
    fn default() -> Self {
        Self { factor: [2, 2] }
    }
}

impl LayerDefinition for UpsampleSpec {
    fn info(&self) -> &'static LayerInfo {
        &LayerInfo {
            label: "Upsample",
            group: "Convolution",
            summary: "makes an image larger",
            description: "Repeats every value down and to the right (nearest neighbour), so that the image becomes larger. It learns nothing.",
            formula: "a[c, s·y + i, s·x + j] = x[c, y, x]",
            change: "Change upsampling",
        }
    }

    fn caption(&self) -> String {
        format!("upsample {}×{}", self.factor[0], self.factor[1])
    }

    fn settings(&mut self, panel: &mut dyn SettingsPanel) {
        let hover = "Scale factor down and to the right; a sequence uses the second";
        panel.pair("Factor", hover, &mut self.factor, 1..=64);
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        let [down, right] = self.factor;
        let [channels, height, width] = channels_of(input, "Upsample")?;
        let width = width.saturating_mul(right);
        Ok(if input.len() == 2 { vec![channels, width] } else { vec![channels, height.saturating_mul(down), width] })
    }

    fn buffer(&self, input: &[usize]) -> u128 {
        numbers(2, &self.output_shape(input).unwrap_or_default())
    }

    fn lower(&self, lowering: &mut Lowering<'_>) {
        let Ok([channels, height, width]) = channels_of(lowering.input(), "") else { return };
        let [down, right] = if lowering.input().len() == 2 { [1, self.factor[1]] } else { self.factor };
        let mut map = Vec::with_capacity(channels * height * down * width * right);
        for channel in 0..channels {
            for y in 0..height * down {
                let line = (channel * height + y / down) * width;
                map.extend((0..width * right).map(|x| (line + x / right) as u32));
            }
        }
        let units = map.len();
        lowering.push(Rows(map.into()), units);
    }

    fn invalid(&self) -> Option<String> {
        self.factor.iter().any(|f| !(1..=64).contains(f)).then(|| "the factors must be between 1 and 64".to_owned())
    }

    fn links(&self) -> Links {
        Links::SameChannel
    }
}

/// a[r] = x[map[r]]
///
/// For each row of the output the row of the input that it is.
#[derive(Clone, Debug)]
pub(super) struct Rows(pub Arc<[u32]>);

impl Build for Rows {
    fn build<T: Real>(&self, _units: usize, _capacity: usize) -> Box<dyn Operation<T>> {
        Box::new(self.clone())
    }
}

impl Explained for Rows {
    fn tell(&self, at: &Reading<'_>) -> Option<Told> {
        let from = self.0[at.unit] as usize;
        let symbols = row([indexed("a", subscript(at.unit)), text("="), indexed("x", subscript(from))]);
        let words = "It passes this number on in another order; nothing is computed.";
        Some(Told::one(at.line(symbols, Some(at.input_number(from))), words))
    }

    fn locals(&self, _at: &Reading<'_>, _from: usize, unit: usize) -> Option<Vec<Local>> {
        let reads = self.0.iter().enumerate().filter(|(_, from)| **from as usize == unit);
        Some(reads.map(|(unit, _)| Local { unit, derivative: 1.0, name: String::new(), place: None }).collect())
    }
}

impl<T: Real> Operation<T> for Rows {
    fn forward(&mut self, pass: &PassContext, _params: &[T], inputs: Inputs<'_, T>, output: &mut [T]) {
        let (x, stride) = (inputs.get(0), pass.stride());
        for (a, &from) in output.chunks_exact_mut(stride).zip(self.0.iter()) {
            a.copy_from_slice(&x[from as usize * stride..][..stride]);
        }
    }

    fn backward(&mut self, pass: &PassContext, mut at: Backward<'_, T>) {
        let Some(GradInput { values, accumulate }) = at.grad_inputs.get(0) else { return };
        if !accumulate {
            values.fill(T::ZERO);
        }
        let stride = pass.stride();
        for (grad, &to) in at.grad_output.chunks_exact(stride).zip(self.0.iter()) {
            values[to as usize * stride..][..stride].iter_mut().zip(grad).for_each(|(v, &g)| *v += g);
        }
    }
}
