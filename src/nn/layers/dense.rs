//! Dense layer: z = Wᵀx + b, a = f(z), with x `[in]`, W `[in, out]`, b `[out]`.
//!
//! Backward: ∂L/∂x = W ∂L/∂z, ∂L/∂W = x (∂L/∂z)ᵀ, ∂L/∂b = ∂L/∂z, summed over the mini-batch. Per step, the same is done
//! with every step of a sequence `[steps, in]`, with the same W and b.

use super::{
    Backward, GradInput, Inputs, LayerDefinition, LayerFix, LayerInfo, Operation, OperationPlan, ParameterShape,
    PassContext, flat, sequence,
};
use crate::nn::compile::Lowering;
use crate::nn::kernels::affine::{Matrix, Rows};
use crate::nn::kernels::outer::{Part, Steps, outer, step_sums};
use crate::nn::kernels::packed::Packed;
use crate::nn::kernels::{blocks, matrix, threads};
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
    /// Whether it takes a sequence `[steps, features]`, each step by itself
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub per_step: bool,
}

impl Default for DenseSpec {
    fn default() -> Self {
        let initialiser = Initialiser::XavierUniform;
        Self { units: 4, activation: Activation::Tanh, bias: true, initialiser, per_step: false }
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
        let step = if self.per_step { " a step" } else { "" };
        format!("dense {}{step} · {}", self.units, self.activation.label())
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        if self.per_step {
            return sequence(input, "Dense per step").map(|[steps, _]| vec![steps, self.units]);
        }
        flat(input, "Dense").map(|_| vec![self.units])
    }

    fn parameters(&self, input: &[usize]) -> Vec<ParameterShape> {
        let inputs = if self.per_step { input.last().copied().unwrap_or(1) } else { volume(input) };
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

    fn buffer(&self, input: &[usize]) -> u128 {
        let steps = if self.per_step { input.first().copied().unwrap_or(1) } else { 1 };
        super::numbers(4, &[steps, self.units])
    }

    fn lower(&self, lowering: &mut Lowering<'_>) {
        let (weight, bias) = (lowering.parameter("weight"), lowering.parameter("bias"));
        let outputs = self.units;
        let units = match (self.per_step, lowering.input()) {
            (true, &[steps, inputs]) => {
                lowering.push(OperationPlan::StepLinear { weight, bias, inputs, outputs }, steps * outputs);
                steps * outputs
            }
            _ => {
                let inputs = lowering.input_units();
                lowering.push(OperationPlan::Linear { weight, bias, inputs, outputs }, outputs);
                outputs
            }
        };
        if self.activation != Activation::Identity {
            lowering.push(OperationPlan::Activation(self.activation), units);
        }
    }

    fn activation(&self) -> Option<Activation> {
        Some(self.activation)
    }

    fn invalid(&self) -> Option<String> {
        if self.per_step && self.activation == Activation::Softmax {
            return Some("softmax over all steps is seldom meant; add it as a layer of its own".to_owned());
        }
        (self.units == 0).then(|| "a dense layer needs at least one unit".to_owned())
    }

    fn settings_fix(&self) -> Option<LayerFix> {
        Some(LayerFix::Units(4))
    }

    fn input_fix(&self, input: &[usize]) -> Option<LayerFix> {
        match input {
            &[n] if self.per_step => Some(LayerFix::InsertReshape(vec![n, 1])),
            [_, _, ..] => Some(LayerFix::InsertFlatten),
            _ => None,
        }
    }

    fn units_mut(&mut self) -> Option<&mut usize> {
        Some(&mut self.units)
    }

    fn activation_mut(&mut self) -> Option<&mut Activation> {
        Some(&mut self.activation)
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
    fn forward(&mut self, pass: &PassContext, params: &[T], inputs: Inputs<'_, T>, output: &mut [T]) {
        let (weight, bias) = (&params[self.weight.clone()], &params[self.bias.clone()]);
        matrix::forward(weight, bias, inputs.get(0), output, self.inputs, self.outputs, pass.threads);
    }

    fn backward(&mut self, pass: &PassContext, mut at: Backward<'_, T>) {
        let (weight, bias) = super::two_mut(at.grad_params, &self.weight, &self.bias);
        let x = at.inputs.get(0);
        matrix::backward_params(x, at.grad_output, weight, bias, self.inputs, self.outputs, pass.threads);
        if let Some(GradInput { values, accumulate }) = at.grad_inputs.get(0) {
            let (weight, threads) = (&at.params[self.weight.clone()], pass.threads);
            matrix::backward_input(weight, at.grad_output, values, self.inputs, self.outputs, accumulate, threads);
        }
    }
}

/// The weighted sums of every step of a sequence.
pub(super) struct StepLinear<T> {
    weight: Range<usize>,
    /// Empty for a layer without bias.
    bias: Range<usize>,
    inputs: usize,
    outputs: usize,
    /// The weight by rows of outputs and of inputs, for the forward and the backward pass.
    by_output: Packed<T>,
    by_input: Packed<T>,
}

impl<T: Real> StepLinear<T> {
    pub(super) fn new(weight: Range<usize>, bias: Range<usize>, inputs: usize, outputs: usize) -> Self {
        let (by_output, by_input) = (Packed::new(outputs, inputs), Packed::new(inputs, outputs));
        Self { weight, bias, inputs, outputs, by_output, by_input }
    }

    fn threads(&self, pass: &PassContext, output: &[T]) -> usize {
        threads::threads_for(output.len() * self.inputs, pass.threads)
    }
}

impl<T: Real> Operation<T> for StepLinear<T> {
    fn forward(&mut self, pass: &PassContext, params: &[T], inputs: Inputs<'_, T>, output: &mut [T]) {
        let (x, stride, threads) = (inputs.get(0), pass.stride(), self.threads(pass, output));
        self.by_output.fill(Matrix::columns(&params[self.weight.clone()], self.outputs));
        let (weight, bias) = (&self.by_output, &params[self.bias.clone()]);
        let (depth, size) = (self.inputs, self.outputs * stride);
        threads::share_chunks(output, size, 0, threads, &|first, part| {
            for (x, z) in x.chunks_exact(depth * stride).skip(first).zip(part.chunks_exact_mut(size)) {
                for (at, width) in blocks::of(stride) {
                    let place = Rows { distance: stride, width };
                    weight.affine(bias, &x[at..], stride, &mut z[at..], place, false);
                }
            }
        });
    }

    fn backward(&mut self, pass: &PassContext, mut at: Backward<'_, T>) {
        let (x, grad, stride) = (at.inputs.get(0), at.grad_output, pass.stride());
        let (inputs, outputs, threads) = (self.inputs, self.outputs, self.threads(pass, grad));
        let count = grad.len() / (outputs * stride);
        let g = Steps { values: grad, step: outputs * stride, row: stride };
        let weight = &mut at.grad_params[self.weight.clone()];
        threads::share_chunks(weight, outputs, 0, threads, &|first, gradient| {
            let part = Part { first, inputs: gradient.len() / outputs, outputs, lead: outputs };
            let x = Steps { values: x, step: inputs * stride, row: stride };
            outer(x, g, count, stride, gradient, part, false);
        });
        step_sums(g, count, stride, &mut at.grad_params[self.bias.clone()], false);
        let Some(GradInput { values, accumulate }) = at.grad_inputs.get(0) else { return };
        self.by_input.fill(Matrix::rows(&at.params[self.weight.clone()], outputs));
        let (weight, size) = (&self.by_input, inputs * stride);
        threads::share_chunks(values, size, 0, threads, &|first, part| {
            for (grad, to) in grad.chunks_exact(outputs * stride).skip(first).zip(part.chunks_exact_mut(size)) {
                for (at, width) in blocks::of(stride) {
                    let place = Rows { distance: stride, width };
                    weight.affine(&[], &grad[at..], stride, &mut to[at..], place, accumulate);
                }
            }
        });
    }
}
