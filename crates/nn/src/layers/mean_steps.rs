//! Mean over the steps of a sequence `[steps, features]` → `[features]`: a[k] = (1/n) Σₜ x[t, k] over the n steps that are not
//! padding. A step whose features are all 0, as an embedding gives for padding, does not count; without any step a = 0.
//!
//! Backward: ∂L/∂x[t, k] = (1/n) · ∂L/∂a[k], and 0 at padding.

use crate::definition::{LayerDefinition, LayerFix, LayerInfo, sequence_fix};
use crate::lowering::Lowering;
use crate::math::{indexed, joined, row, subscript, text};
use crate::operation::{Backward, Build, Explained, GradInput, Inputs, Operation, PassContext};
use crate::reading::{Local, Reading, Told};
use crate::real::Real;
use crate::sample_shape::{numbers, sequence};
use crate::settings::SettingsPanel;
use chainrule_common::format::counted;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One vector for a whole sequence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MeanStepsSpec {}

impl LayerDefinition for MeanStepsSpec {
    fn info(&self) -> &'static LayerInfo {
        &LayerInfo {
            label: "Mean of steps",
            group: "Sequence",
            summary: "one vector for a sequence",
            description: "The mean of all steps, so that a sequence of any length becomes one vector. Steps of zeros, which an embedding gives for padding, do not count.",
            formula: "a[k] = mean x[t, k] over the steps t without padding",
            change: "Change mean of steps",
        }
    }

    fn caption(&self) -> String {
        "without padding".to_owned()
    }

    fn settings(&mut self, _panel: &mut dyn SettingsPanel) {}

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        sequence(input, "The mean of steps").map(|[_, features]| vec![features])
    }

    fn buffer(&self, input: &[usize]) -> u128 {
        numbers(2, &input[input.len().min(1)..])
    }

    fn lower(&self, lowering: &mut Lowering<'_>) {
        if let Ok([steps, features]) = sequence(lowering.input(), "") {
            lowering.push(MeanSteps { steps, features }, features);
        }
    }

    fn input_fix(&self, input: &[usize]) -> Option<LayerFix> {
        sequence_fix(input)
    }
}

#[derive(Clone, Debug)]
struct MeanSteps {
    steps: usize,
    features: usize,
}

impl MeanSteps {
    /// Whether a step of a sample is no padding.
    fn counts<T: Real>(&self, x: &[T], step: usize, lane: usize, stride: usize) -> bool {
        (0..self.features).any(|k| x[(step * self.features + k) * stride + lane] != T::ZERO)
    }

    /// 1 / n of a sample, or 0 where all is padding.
    fn share<T: Real>(&self, x: &[T], lane: usize, stride: usize) -> T {
        let n = (0..self.steps).filter(|&t| self.counts(x, t, lane, stride)).count();
        if n == 0 { T::ZERO } else { T::from_f64(1.0 / n as f64) }
    }

    /// The steps of the sample that are no padding.
    fn read(&self, at: &Reading<'_>, from: usize) -> Vec<usize> {
        let counts = |t: &usize| (0..self.features).any(|k| at.value(from, t * self.features + k) != 0.0);
        (0..self.steps).filter(counts).collect()
    }
}

impl Build for MeanSteps {
    fn build<T: Real>(&self, _units: usize, _capacity: usize) -> Box<dyn Operation<T>> {
        Box::new(self.clone())
    }
}

impl Explained for MeanSteps {
    fn tell(&self, at: &Reading<'_>) -> Option<Told> {
        const MOST: usize = 9;
        let steps = self.read(at, at.input());
        let mut list = joined(steps.iter().take(MOST).map(|t| at.input_number(t * self.features + at.unit)), ",");
        if steps.len() > MOST {
            list.push(text(format!(", {} more", steps.len() - MOST)));
        }
        let symbols = row([indexed("a", subscript(at.unit)), text("= mean over the steps of"), indexed("x", "t")]);
        let numbers = row([text("mean("), row(list), text(")")]);
        let padding = match self.steps - steps.len() {
            0 => String::new(),
            n => format!(
                "; {} of padding, all zeros, {} not count",
                counted(n, "step"),
                if n == 1 { "does" } else { "do" }
            ),
        };
        let words = format!("It is the mean of this feature over {}{padding}.", counted(steps.len(), "step"));
        Some(Told::one(at.line(symbols, Some(numbers)), words))
    }

    fn locals(&self, at: &Reading<'_>, from: usize, unit: usize) -> Option<Vec<Local>> {
        let steps = self.read(at, from);
        let derivative = if steps.contains(&(unit / self.features)) { 1.0 / steps.len() as f64 } else { 0.0 };
        Some(vec![Local { unit: unit % self.features, derivative, name: "mean".to_owned(), place: None }])
    }
}

impl<T: Real> Operation<T> for MeanSteps {
    fn forward(&mut self, pass: &PassContext, _params: &[T], inputs: Inputs<'_, T>, output: &mut [T]) {
        let (x, stride) = (inputs.get(0), pass.stride());
        for lane in 0..stride {
            let share = self.share(x, lane, stride);
            for k in 0..self.features {
                let at = |t: usize| x[(t * self.features + k) * stride + lane];
                let sum = (0..self.steps).fold(T::ZERO, |sum, t| sum + at(t));
                output[k * stride + lane] = sum * share;
            }
        }
    }

    fn backward(&mut self, pass: &PassContext, mut at: Backward<'_, T>) {
        let (x, stride) = (at.inputs.get(0), pass.stride());
        let Some(GradInput { values, accumulate }) = at.grad_inputs.get(0) else { return };
        for lane in 0..stride {
            let share = self.share(x, lane, stride);
            for step in 0..self.steps {
                let share = if self.counts(x, step, lane, stride) { share } else { T::ZERO };
                for k in 0..self.features {
                    let to = &mut values[(step * self.features + k) * stride + lane];
                    let grad = at.grad_output[k * stride + lane] * share;
                    *to = if accumulate { *to + grad } else { grad };
                }
            }
        }
    }
}
