//! Parametric ReLU (He et al. 2015): a = z for z > 0, else α z, with a learned α for each channel.
//!
//! Backward: ∂L/∂z = ∂L/∂a for z > 0, else α ∂L/∂a; ∂L/∂α = Σ over z ≤ 0 of z ∂L/∂a.

use crate::definition::{LayerDefinition, LayerInfo, Links};
use crate::init::Initialiser;
use crate::lowering::Lowering;
use crate::math::{indexed, row, subscript, text};
use crate::operation::{Backward, Build, Explained, GradInput, Inputs, Operation, PassContext};
use crate::parameter::{Axis, Naming, ParameterShape};
use crate::reading::{Reading, Told};
use crate::real::Real;
use crate::sample_shape::numbers;
use crate::settings::SettingsPanel;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// ReLU whose slope below zero is learned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PreluSpec {
    /// α at the beginning
    pub slope: f32,
}

impl Default for PreluSpec {
    fn default() -> Self {
        Self { slope: 0.25 }
    }
}

const CHANNEL: [Axis; 1] = [Axis::output("channel", "c")];
const UNIT: [Axis; 1] = [Axis::output("unit", "k")];

impl LayerDefinition for PreluSpec {
    fn info(&self) -> &'static LayerInfo {
        &LayerInfo {
            label: "PReLU",
            group: "Core",
            summary: "learns its own bend",
            description: "Passes positive values on and multiplies negative ones by a slope that it learns for each channel.",
            formula: "a = z if z > 0, else α·z",
            change: "Change PReLU",
        }
    }

    fn caption(&self) -> String {
        "PReLU".to_owned()
    }

    fn settings(&mut self, panel: &mut dyn SettingsPanel) {
        panel.number("Slope", "Initial α", &mut self.slope, -1.0..=1.0, 0.005);
    }

    fn parameters(&self, input: &[usize]) -> Vec<ParameterShape> {
        vec![ParameterShape {
            name: "slope",
            shape: vec![input.first().copied().unwrap_or(1)],
            fan_in: 1,
            fan_out: 1,
            initialiser: Initialiser::Constant { value: self.slope },
            decayed: false,
            naming: Naming::of("α", "slope", if input.len() > 1 { &CHANNEL } else { &UNIT }),
        }]
    }

    fn buffer(&self, input: &[usize]) -> u128 {
        numbers(2, input)
    }

    fn lower(&self, lowering: &mut Lowering<'_>) {
        let units = lowering.input_units();
        let slope = lowering.parameter("slope");
        lowering.push(Prelu { slope }, units);
    }

    fn invalid(&self) -> Option<String> {
        (!self.slope.is_finite()).then(|| "the slope must be a number".to_owned())
    }

    fn links(&self) -> Links {
        Links::Same
    }
}

#[derive(Clone, Debug)]
struct Prelu {
    slope: Range<usize>,
}

impl Build for Prelu {
    fn build<T: Real>(&self, _units: usize, _capacity: usize) -> Box<dyn Operation<T>> {
        Box::new(self.clone())
    }
}

impl Explained for Prelu {
    fn tell(&self, at: &Reading<'_>) -> Option<Told> {
        let x = at.value(at.input(), at.unit);
        let units = at.units(at.node);
        let index = self.slope.start + at.unit / (units / self.slope.len().max(1)).max(1);
        let out = |letter: &str| indexed(letter, subscript(at.unit));
        let symbols = row([
            out("a"),
            text("="),
            out("x"),
            text("if positive, else"),
            at.parameter_symbol(index),
            text("·"),
            out("x"),
        ]);
        let own = at.input_factor(at.unit);
        let numbers = if x > 0.0 { own } else { row([at.parameter(index), text("·"), own]) };
        let words = "Negative sums are made smaller by a slope that is learned.";
        Some(Told::one(at.line(symbols, Some(numbers)), words))
    }
}

impl<T: Real> Operation<T> for Prelu {
    fn forward(&mut self, _pass: &PassContext, params: &[T], inputs: Inputs<'_, T>, output: &mut [T]) {
        let slopes = &params[self.slope.clone()];
        let length = output.len() / slopes.len();
        let channels = output.chunks_exact_mut(length).zip(inputs.get(0).chunks_exact(length));
        for ((a, z), &slope) in channels.zip(slopes) {
            a.iter_mut().zip(z).for_each(|(a, &z)| *a = if z > T::ZERO { z } else { slope * z });
        }
    }

    fn backward(&mut self, _pass: &PassContext, mut at: Backward<'_, T>) {
        let slopes = &at.params[self.slope.clone()];
        let length = at.grad_output.len() / slopes.len();
        let z = at.inputs.get(0);
        let channels = || z.chunks_exact(length).zip(at.grad_output.chunks_exact(length));
        for (grad_slope, (z, grad)) in at.grad_params[self.slope.clone()].iter_mut().zip(channels()) {
            *grad_slope = z.iter().zip(grad).map(|(&z, &g)| if z > T::ZERO { T::ZERO } else { z * g }).sum();
        }
        if let Some(GradInput { values, accumulate }) = at.grad_inputs.get(0) {
            for ((to, (z, grad)), &slope) in values.chunks_exact_mut(length).zip(channels()).zip(slopes) {
                for ((to, &z), &g) in to.iter_mut().zip(z).zip(grad) {
                    let slope = if z > T::ZERO { g } else { slope * g };
                    *to = if accumulate { *to + slope } else { slope };
                }
            }
        }
    }
}
