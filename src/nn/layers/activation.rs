//! Activation as a layer of its own: a = f(z), and ∂L/∂z = ∂L/∂a · f′(z).

use super::{Backward, GradInput, Inputs, LayerDefinition, LayerInfo, Operation, OperationPlan, PassContext, numbers};
use crate::nn::compile::Lowering;
use crate::nn::kernels::elementwise;
use crate::nn::{Activation, Real};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Bends every value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ActivationSpec {
    pub function: Activation,
}

impl Default for ActivationSpec {
    fn default() -> Self {
        Self { function: Activation::Relu }
    }
}

impl LayerDefinition for ActivationSpec {
    fn info(&self) -> &'static LayerInfo {
        &LayerInfo {
            label: "Activation",
            group: "Core",
            summary: "bends the line",
            description: "Applies a function to every value. Without one, a stack of dense layers is just one dense layer.",
            formula: "a = f(z)",
        }
    }

    fn caption(&self) -> String {
        self.function.label().to_owned()
    }

    fn buffer(&self, input: &[usize]) -> u128 {
        numbers(2, input)
    }

    fn lower(&self, lowering: &mut Lowering<'_>) {
        let units = lowering.input_units();
        lowering.push(OperationPlan::Activation(self.function), units);
    }

    fn activation_mut(&mut self) -> Option<&mut Activation> {
        Some(&mut self.function)
    }
}

pub(super) struct Activate(pub Activation);

impl<T: Real> Operation<T> for Activate {
    fn forward(&mut self, pass: &PassContext, _params: &[T], inputs: Inputs<'_, T>, output: &mut [T]) {
        elementwise::activate(self.0, inputs.get(0), output, pass.stride(), pass.threads);
    }

    fn backward(&mut self, pass: &PassContext, mut at: Backward<'_, T>) {
        if let Some(GradInput { values, accumulate }) = at.grad_inputs.get(0) {
            let (z, stride, threads) = (at.inputs.get(0), pass.stride(), pass.threads);
            elementwise::activate_backward(self.0, z, at.output, at.grad_output, values, stride, accumulate, threads);
        }
    }
}
