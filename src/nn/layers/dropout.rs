//! Inverted dropout (Srivastava et al. 2014): a = x · m / (1 − p) with m = 0 with probability p, else 1; in evaluation a = x.
//!
//! Backward: ∂L/∂x = ∂L/∂a · m / (1 − p).

use super::{
    Backward, GradInput, Inputs, LayerDefinition, LayerFix, LayerInfo, Operation, OperationPlan, PassContext, numbers,
};
use crate::nn::Real;
use crate::nn::compile::Lowering;
use crate::nn::kernels::elementwise;
use crate::seed::{Purpose, Stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Silences units at random while training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DropoutSpec {
    /// Share of values that are silenced, at least 0 and below 1.
    pub rate: f32,
}

impl Default for DropoutSpec {
    fn default() -> Self {
        Self { rate: 0.2 }
    }
}

impl LayerDefinition for DropoutSpec {
    fn info(&self) -> &'static LayerInfo {
        &LayerInfo {
            label: "Dropout",
            group: "Core",
            summary: "forgets at random",
            description: "While training, silences a random share of the values and scales up the rest, so that no unit relies on one other. In evaluation it passes everything on.",
            formula: "a = x · m / (1 − p)",
        }
    }

    fn caption(&self) -> String {
        format!("dropout {} %", (self.rate * 100.0).round())
    }

    fn buffer(&self, input: &[usize]) -> u128 {
        numbers(3, input)
    }

    fn lower(&self, lowering: &mut Lowering<'_>) {
        let units = lowering.input_units();
        let stream = u64::from(lowering.layer().0);
        lowering.push(OperationPlan::Dropout { rate: self.rate, stream }, units);
    }

    fn invalid(&self) -> Option<String> {
        (!(0.0..1.0).contains(&self.rate))
            .then(|| format!("the dropout rate must be at least 0 and below 1, but is {}", self.rate))
    }

    fn settings_fix(&self) -> Option<LayerFix> {
        Some(LayerFix::DropoutRate(0.2))
    }

    fn dropout_rate_mut(&mut self) -> Option<&mut f32> {
        Some(&mut self.rate)
    }
}

pub(super) struct Drop<T> {
    rate: f32,
    stream: u64,
    mask: Vec<T>,
}

impl<T: Real> Drop<T> {
    pub(super) fn new(rate: f32, stream: u64, capacity: usize) -> Self {
        Self { rate, stream, mask: vec![T::ZERO; capacity] }
    }
}

impl<T: Real> Operation<T> for Drop<T> {
    fn forward(&mut self, pass: &PassContext, _params: &[T], inputs: Inputs<'_, T>, output: &mut [T]) {
        let x = inputs.get(0);
        if !pass.training || self.rate == 0.0 {
            output.copy_from_slice(x);
            return;
        }
        let mut stream = Stream::new(pass.seed ^ pass.step.rotate_left(32), Purpose::Dropout, self.stream);
        let keep = T::from_f64(1.0 / (1.0 - f64::from(self.rate)));
        let threshold = (f64::from(self.rate) * f64::from(u32::MAX)) as u32;
        let mask = &mut self.mask[..x.len()];
        for m in mask.iter_mut() {
            *m = if stream.next_u32() < threshold { T::ZERO } else { keep };
        }
        elementwise::masked(x, mask, output, false);
    }

    fn backward(&mut self, pass: &PassContext, mut at: Backward<'_, T>) {
        let Some(GradInput { values, accumulate }) = at.grad_inputs.get(0) else { return };
        let mask = &mut self.mask[..at.grad_output.len()];
        if !pass.training || self.rate == 0.0 {
            mask.fill(T::ONE);
        }
        elementwise::masked(at.grad_output, mask, values, accumulate);
    }
}
