//! Gaussian noise: a = x + σ ε with ε from N(0, 1) while training; in evaluation a = x. Backward: ∂L/∂x = ∂L/∂a.

use crate::definition::{LayerDefinition, LayerInfo, Links};
use crate::lowering::Lowering;
use crate::math::{factor, indexed, row, subscript, text};
use crate::operation::{Backward, Build, Explained, GradInput, Inputs, Operation, PassContext, pass_on};
use crate::reading::{Reading, Told};
use crate::real::Real;
use crate::sample_shape::numbers;
use crate::settings::SettingsPanel;
use chainrule_common::seed::{Purpose, Stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Adds random noise to every value while training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoiseSpec {
    /// Standard deviation
    pub deviation: f32,
}

impl Default for NoiseSpec {
    fn default() -> Self {
        Self { deviation: 0.1 }
    }
}

impl LayerDefinition for NoiseSpec {
    fn info(&self) -> &'static LayerInfo {
        &LayerInfo {
            label: "Gaussian noise",
            group: "Core",
            summary: "adds Gaussian noise while training",
            description: "While training, adds random noise to every value, so that the network cannot learn samples by heart, or learns to remove the noise. In evaluation it passes everything on.",
            formula: "a = x + σ·ε, ε from N(0, 1)",
            change: "Change noise",
        }
    }

    fn caption(&self) -> String {
        format!("noise σ = {}", self.deviation)
    }

    fn settings(&mut self, panel: &mut dyn SettingsPanel) {
        let hover = "Standard deviation of the noise while training";
        panel.number("Deviation", hover, &mut self.deviation, 0.0..=10.0, 0.005);
    }

    fn buffer(&self, input: &[usize]) -> u128 {
        numbers(2, input)
    }

    fn lower(&self, lowering: &mut Lowering<'_>) {
        let units = lowering.input_units();
        let stream = u64::from(lowering.layer().0);
        lowering.push(Noise { deviation: self.deviation, stream }, units);
    }

    fn invalid(&self) -> Option<String> {
        let fits = self.deviation.is_finite() && self.deviation >= 0.0;
        (!fits).then(|| format!("the deviation must be a number of at least 0, but is {}", self.deviation))
    }

    fn links(&self) -> Links {
        Links::Same
    }
}

#[derive(Clone, Debug)]
struct Noise {
    deviation: f32,
    stream: u64,
}

impl Build for Noise {
    fn build<T: Real>(&self, _units: usize, _capacity: usize) -> Box<dyn Operation<T>> {
        Box::new(self.clone())
    }
}

impl Explained for Noise {
    fn tell(&self, at: &Reading<'_>) -> Option<Told> {
        let x = at.value(at.input(), at.unit);
        let out = |letter: &str| indexed(letter, subscript(at.unit));
        let symbols = row([out("a"), text("="), out("x"), text("+"), out("n")]);
        let numbers = row([at.input_number(at.unit), text("+"), factor(at.result() - x, None)]);
        let words = "A random number is added, another one in every step, so that nothing can rely on exact values.";
        Some(Told::one(at.line(symbols, Some(numbers)), words))
    }
}

impl<T: Real> Operation<T> for Noise {
    fn forward(&mut self, pass: &PassContext, _params: &[T], inputs: Inputs<'_, T>, output: &mut [T]) {
        output.copy_from_slice(inputs.get(0));
        if !pass.training || self.deviation == 0.0 {
            return;
        }
        let mut stream = Stream::new(pass.seed ^ pass.step.rotate_left(32), Purpose::Dropout, self.stream);
        for row in output.chunks_exact_mut(pass.stride()) {
            for a in &mut row[..pass.batch] {
                *a += T::from_f64(f64::from(self.deviation) * stream.normal());
            }
        }
    }

    fn backward(&mut self, _pass: &PassContext, mut at: Backward<'_, T>) {
        if let Some(GradInput { values, accumulate }) = at.grad_inputs.get(0) {
            pass_on(at.grad_output, values, accumulate);
        }
    }
}
