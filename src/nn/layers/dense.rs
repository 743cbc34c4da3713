//! Dense layer: z = Wᵀx + b, a = f(z), with x `[in]`, W `[in, out]`, b `[out]`.
//!
//! Backward: ∂L/∂x = W ∂L/∂z, ∂L/∂W = x (∂L/∂z)ᵀ, ∂L/∂b = ∂L/∂z, summed over the mini-batch.

use super::{Backward, GradInput, Inputs, LayerDefinition, LayerInfo, Operation, ParameterShape, Pass, flat};
use crate::nn::compile::Lowering;
use crate::nn::kernels::matrix;
use crate::nn::{Activation, Initialiser, Real, volume};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Every input to every unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DenseSpec {
    pub units: usize,
    #[serde(default)]
    pub activation: Activation,
    #[serde(default = "super::yes")]
    pub bias: bool,
    #[serde(default)]
    pub initialiser: Initialiser,
}

impl Default for DenseSpec {
    fn default() -> Self {
        Self { units: 4, activation: Activation::Tanh, bias: true, initialiser: Initialiser::XavierUniform }
    }
}

impl LayerDefinition for DenseSpec {
    fn info(&self) -> &'static LayerInfo {
        &LayerInfo {
            label: "Dense",
            group: "Core",
            summary: "every input to every unit",
            description: "Each unit weighs every input, adds its bias and bends the sum with its activation.",
            formula: "a = f(W·x + b)",
        }
    }

    fn caption(&self) -> String {
        format!("dense {} · {}", self.units, self.activation.label())
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        flat(input, "Dense").map(|_| vec![self.units])
    }

    fn parameters(&self, input: &[usize]) -> Vec<ParameterShape> {
        let inputs = volume(input);
        let mut parameters = vec![ParameterShape {
            name: "weight",
            shape: vec![inputs, self.units],
            fan_in: inputs,
            fan_out: self.units,
            initialiser: self.initialiser,
            decayed: true,
        }];
        if self.bias {
            parameters.push(ParameterShape {
                name: "bias",
                shape: vec![self.units],
                fan_in: inputs,
                fan_out: self.units,
                initialiser: Initialiser::Zeros {},
                decayed: false,
            });
        }
        parameters
    }

    fn buffer(&self, _: &[usize]) -> u128 {
        4 * self.units as u128
    }

    fn lower(&self, lowering: &mut Lowering<'_>) {
        let inputs = lowering.input_units();
        let weight = lowering.parameter("weight");
        let bias = lowering.parameter("bias");
        lowering.push(super::OperationPlan::Linear { weight, bias, inputs, outputs: self.units }, self.units);
        if self.activation != Activation::Identity {
            lowering.push(super::OperationPlan::Activation(self.activation), self.units);
        }
    }

    fn activation(&self) -> Option<Activation> {
        Some(self.activation)
    }

    fn invalid(&self) -> Option<String> {
        (self.units == 0).then(|| "a dense layer needs at least one unit".to_owned())
    }
}

/// The weighted sums of a dense layer.
pub(super) struct Linear {
    pub weight: Range<usize>,
    /// Empty for a layer without bias.
    pub bias: Range<usize>,
    pub inputs: usize,
    pub outputs: usize,
}

impl<T: Real> Operation<T> for Linear {
    fn forward(&mut self, pass: &Pass, params: &[T], inputs: Inputs<'_, T>, output: &mut [T]) {
        let (weight, bias) = (&params[self.weight.clone()], &params[self.bias.clone()]);
        matrix::forward(weight, bias, inputs.get(0), output, self.inputs, self.outputs, pass.threads);
    }

    fn backward(&mut self, pass: &Pass, mut at: Backward<'_, T>) {
        let (weight, bias) = super::two_mut(at.grad_params, &self.weight, &self.bias);
        let x = at.inputs.get(0);
        matrix::backward_params(x, at.grad_output, weight, bias, self.inputs, self.outputs, pass.threads);
        if let Some(GradInput { values, accumulate }) = at.grad_inputs.get(0) {
            let (weight, threads) = (&at.params[self.weight.clone()], pass.threads);
            matrix::backward_input(weight, at.grad_output, values, self.inputs, self.outputs, accumulate, threads);
        }
    }
}
