//! Dense layer: z = Wᵀx + b, a = f(z), with x `[in]`, W `[in, out]`, b `[out]`.
//!
//! Backward: ∂L/∂x = W ∂L/∂z, ∂L/∂W = x (∂L/∂z)ᵀ, ∂L/∂b = ∂L/∂z, summed over the mini-batch. Per step, the same is done
//! with every step of a sequence `[steps, in]`, with the same W and b.

use super::activation::Activate;
use crate::activation::Activation;
use crate::definition::{LayerDefinition, LayerFix, LayerInfo, Links};
use crate::init::Initialiser;
use crate::kernels::outer::{outer, step_sums};
use crate::kernels::packed::Packed;
use crate::kernels::view::{View, ViewMut};
use crate::kernels::{blocks, matrix, threads};
use crate::lowering::Lowering;
use crate::operation::{Backward, Build, Explained, GradInput, Inputs, Operation, PassContext, two_mut};
use crate::parameter::{Axis, Naming, ParameterShape};
use crate::products::{Product, tell_sum, weights};
use crate::reading::{Local, Reading, Told};
use crate::real::Real;
use crate::sample_shape::{flat, numbers, sequence, volume};
use crate::settings::{self, SettingsPanel};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;

pub(super) const UNIT: [Axis; 1] = [Axis::output("unit", "k")];
pub(super) const MATRIX: [Axis; 2] = [Axis::input("input", "i"), UNIT[0]];

/// Every input to every unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DenseSpec {
    pub units: usize,
    #[serde(default)]
    pub activation: Activation,
    #[serde(default = "crate::defaults::yes")]
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
            description: "Each unit multiplies its inputs by weights, adds its bias and applies the activation.",
            formula: "a = f(W·x + b)",
            change: "Change dense layer",
        }
    }

    fn caption(&self) -> String {
        let step = if self.per_step { " a step" } else { "" };
        format!("dense {}{step} · {}", self.units, self.activation.label())
    }

    fn settings(&mut self, panel: &mut dyn SettingsPanel) {
        panel.count("Units", "Neurons in this layer", &mut self.units, 1..=100_000);
        settings::activation(panel, &mut self.activation);
        settings::initialiser(panel, &mut self.initialiser);
        panel.toggle("Bias", "A number that is added to every weighted sum", &mut self.bias);
        let hover = "Applies the same layer to every step of a sequence [steps, features]";
        panel.toggle("Time-distributed", hover, &mut self.per_step);
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
            naming: Naming::weights("w", &MATRIX),
        }];
        if self.bias {
            parameters.push(ParameterShape {
                name: "bias",
                shape: vec![self.units],
                fan_in: inputs,
                fan_out: self.units,
                initialiser: Initialiser::Zeros {},
                decayed: false,
                naming: Naming::of("b", "bias", &UNIT),
            });
        }
        parameters
    }

    fn weight_copies(&self) -> u128 {
        if self.per_step { 2 } else { 0 }
    }

    fn buffer(&self, input: &[usize]) -> u128 {
        let steps = if self.per_step { input.first().copied().unwrap_or(1) } else { 1 };
        numbers(4, &[steps, self.units])
    }

    fn lower(&self, lowering: &mut Lowering<'_>) {
        let (weight, bias) = (lowering.parameter("weight"), lowering.parameter("bias"));
        let units = push_linear(lowering, self.per_step, weight, bias, self.units);
        if self.activation != Activation::Identity {
            lowering.push(Activate(self.activation), units);
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

    fn use_activation(&mut self, activation: Activation) {
        self.activation = activation;
        if matches!(activation, Activation::Relu | Activation::LeakyRelu) {
            self.initialiser = Initialiser::HeUniform;
        }
    }

    fn units(&self) -> Option<usize> {
        Some(self.units)
    }

    fn units_mut(&mut self) -> Option<&mut usize> {
        Some(&mut self.units)
    }

    fn activation_mut(&mut self) -> Option<&mut Activation> {
        Some(&mut self.activation)
    }

    fn initialiser(&self) -> Option<Initialiser> {
        Some(self.initialiser)
    }

    fn initialiser_mut(&mut self) -> Option<&mut Initialiser> {
        Some(&mut self.initialiser)
    }

    fn base_name(&self) -> &'static str {
        "Hidden"
    }

    fn links(&self) -> Links {
        if self.per_step { Links::None } else { Links::Weights }
    }

    fn shows_sum(&self) -> bool {
        true
    }
}

/// Adds the weighted sums of `outputs` units, of every step where the input is a sequence that is taken step by step. Returns
/// how many numbers they are.
pub(super) fn push_linear(
    lowering: &mut Lowering<'_>,
    per_step: bool,
    weight: Range<usize>,
    bias: Range<usize>,
    outputs: usize,
) -> usize {
    match (per_step, lowering.input()) {
        (true, &[steps, inputs]) => {
            lowering.push(StepLinearPlan(Linear { weight, bias, inputs, outputs }), steps * outputs);
            steps * outputs
        }
        _ => {
            let inputs = lowering.input_units();
            lowering.push(Linear { weight, bias, inputs, outputs }, outputs);
            outputs
        }
    }
}

/// The weighted sums of a dense layer.
#[derive(Clone, Debug)]
struct Linear {
    weight: Range<usize>,
    /// Empty for a layer without bias.
    bias: Range<usize>,
    inputs: usize,
    outputs: usize,
}

impl Build for Linear {
    fn build<T: Real>(&self, _units: usize, _capacity: usize) -> Box<dyn Operation<T>> {
        Box::new(self.clone())
    }
}

impl Explained for Linear {
    fn tell(&self, at: &Reading<'_>) -> Option<Told> {
        Some(tell_sum(at, &self.products_into(at.unit), self.bias_of(at.unit, at.units(at.node))))
    }

    fn weighs(&self) -> bool {
        true
    }

    fn products_into(&self, output: usize) -> Vec<Product> {
        let Self { weight, inputs, outputs, .. } = self;
        let (step, unit) = (output / outputs, output % outputs);
        let product = |i| Product { weight: weight.start + i * outputs + unit, input: step * inputs + i, output };
        (0..*inputs).map(product).collect()
    }

    fn products_from(&self, input: usize) -> Vec<Product> {
        let Self { weight, inputs, outputs, .. } = self;
        let (step, feature) = (input / inputs, input % inputs);
        let product = |o| Product { weight: weight.start + feature * outputs + o, input, output: step * outputs + o };
        (0..*outputs).map(product).collect()
    }

    fn products_of(&self, weight: usize, units: usize) -> Vec<Product> {
        let Self { inputs, outputs, .. } = self;
        if !self.weight.contains(&weight) {
            return Vec::new();
        }
        let at = weight - self.weight.start;
        let (input, output) = (at / outputs, at % outputs);
        let steps = 0..units / outputs;
        steps.map(|t| Product { weight, input: t * inputs + input, output: t * outputs + output }).collect()
    }

    fn bias_of(&self, output: usize, _units: usize) -> Option<usize> {
        (!self.bias.is_empty()).then(|| self.bias.start + output % self.outputs)
    }

    fn locals(&self, at: &Reading<'_>, _from: usize, unit: usize) -> Option<Vec<Local>> {
        Some(weights(at, &self.products_from(unit)))
    }
}

impl<T: Real> Operation<T> for Linear {
    fn forward(&mut self, pass: &PassContext, params: &[T], inputs: Inputs<'_, T>, output: &mut [T]) {
        let (weight, bias) = (&params[self.weight.clone()], &params[self.bias.clone()]);
        matrix::forward(weight, bias, inputs.get(0), output, self.inputs, self.outputs, pass.threads);
    }

    fn backward(&mut self, pass: &PassContext, mut at: Backward<'_, T>) {
        let (weight, bias) = two_mut(at.grad_params, &self.weight, &self.bias);
        let x = at.inputs.get(0);
        matrix::backward_params(x, at.grad_output, weight, bias, self.inputs, self.outputs, pass.threads);
        if let Some(GradInput { values, accumulate }) = at.grad_inputs.get(0) {
            let (weight, threads) = (&at.params[self.weight.clone()], pass.threads);
            matrix::backward_input(weight, at.grad_output, values, self.inputs, self.outputs, accumulate, threads);
        }
    }
}

/// The weighted sums of every step of a sequence: products and biases are those of [`Linear`].
#[derive(Clone, Debug)]
struct StepLinearPlan(Linear);

impl Build for StepLinearPlan {
    fn build<T: Real>(&self, _units: usize, _capacity: usize) -> Box<dyn Operation<T>> {
        let Linear { weight, bias, inputs, outputs } = self.0.clone();
        let (by_output, by_input) = (Packed::new(outputs, inputs), Packed::new(inputs, outputs));
        Box::new(StepLinear { weight, bias, inputs, outputs, by_output, by_input })
    }
}

impl Explained for StepLinearPlan {
    fn tell(&self, at: &Reading<'_>) -> Option<Told> {
        self.0.tell(at)
    }

    fn weighs(&self) -> bool {
        true
    }

    fn products_into(&self, output: usize) -> Vec<Product> {
        self.0.products_into(output)
    }

    fn products_from(&self, input: usize) -> Vec<Product> {
        self.0.products_from(input)
    }

    fn products_of(&self, weight: usize, units: usize) -> Vec<Product> {
        self.0.products_of(weight, units)
    }

    fn bias_of(&self, output: usize, units: usize) -> Option<usize> {
        self.0.bias_of(output, units)
    }

    fn locals(&self, at: &Reading<'_>, from: usize, unit: usize) -> Option<Vec<Local>> {
        self.0.locals(at, from, unit)
    }
}

struct StepLinear<T> {
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
    fn threads(&self, pass: &PassContext, output: &[T]) -> usize {
        threads::threads_for(output.len() * self.inputs, pass.threads)
    }
}

impl<T: Real> Operation<T> for StepLinear<T> {
    fn forward(&mut self, pass: &PassContext, params: &[T], inputs: Inputs<'_, T>, output: &mut [T]) {
        let (x, stride, threads) = (inputs.get(0), pass.stride(), self.threads(pass, output));
        self.by_output.fill_columns(&params[self.weight.clone()], self.outputs);
        let (weight, bias) = (&self.by_output, &params[self.bias.clone()]);
        let (depth, outputs, size) = (self.inputs, self.outputs, self.outputs * stride);
        threads::share_chunks(output, size, 0, threads, &|first, part| {
            for (x, z) in x.chunks_exact(depth * stride).skip(first).zip(part.chunks_exact_mut(size)) {
                for (at, width) in blocks::of(stride) {
                    let x = View::rows(&x[at..], depth, stride, width);
                    weight.affine(bias, x, ViewMut::rows(&mut z[at..], outputs, stride, width), false);
                }
            }
        });
    }

    fn backward(&mut self, pass: &PassContext, mut at: Backward<'_, T>) {
        let (x, grad, stride) = (at.inputs.get(0), at.grad_output, pass.stride());
        let (inputs, outputs, threads) = (self.inputs, self.outputs, self.threads(pass, grad));
        let count = grad.len() / (outputs * stride);
        let of = |values, rows| View::new(values, [count, rows], [rows * stride, stride], stride);
        let (x, g) = (of(x, inputs), of(grad, outputs));
        let weight = &mut at.grad_params[self.weight.clone()];
        threads::share_chunks(weight, outputs, 0, threads, &|first, gradient| {
            let inputs = gradient.len() / outputs;
            let x = x.columns(first..first + inputs);
            outer(x, g, ViewMut::matrix(gradient, [inputs, outputs], outputs), false);
        });
        step_sums(g, &mut at.grad_params[self.bias.clone()], false);
        let Some(GradInput { values, accumulate }) = at.grad_inputs.get(0) else { return };
        self.by_input.fill_rows(&at.params[self.weight.clone()], outputs);
        let (weight, size) = (&self.by_input, inputs * stride);
        threads::share_chunks(values, size, 0, threads, &|first, part| {
            for (grad, to) in grad.chunks_exact(outputs * stride).skip(first).zip(part.chunks_exact_mut(size)) {
                for (at, width) in blocks::of(stride) {
                    let grad = View::rows(&grad[at..], outputs, stride, width);
                    weight.affine(&[], grad, ViewMut::rows(&mut to[at..], inputs, stride, width), accumulate);
                }
            }
        });
    }
}
