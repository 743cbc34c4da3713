//! Gated dense layer (Dauphin et al. 2017; Shazeer 2020): a = (W·x + b) · f(V·x + c), number by number. With f = σ it is a GLU,
//! with GELU a GEGLU, with SiLU a SwiGLU. W and V lie side by side, `[in, 2 · out]`, the values first and the gates behind.
//!
//! Backward, with v and g the two sums: ∂L/∂v = ∂L/∂a · f(g), ∂L/∂g = ∂L/∂a · v · f′(g).

use super::dense::{MATRIX, UNIT, push_linear};
use crate::activation::Activation;
use crate::definition::{LayerDefinition, LayerFix, LayerInfo, Links};
use crate::init::Initialiser;
use crate::kernels::{elementwise, padded};
use crate::lowering::Lowering;
use crate::math::{called, factor, indexed, row, subscript, text};
use crate::operation::{Backward, Build, Explained, GradInput, Inputs, Operation, PassContext};
use crate::parameter::{Axis, Naming, ParameterShape, TensorPart};
use crate::picture::Picture;
use crate::reading::{Local, Reading, Told};
use crate::real::Real;
use crate::sample_shape::{flat, numbers, sequence, volume};
use crate::settings::{self, SettingsPanel, choose};
use chainrule_common::format;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Neurons whose outputs are multiplied by gates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GatedSpec {
    pub units: usize,
    /// f of the gates: sigmoid makes a GLU, GELU a GEGLU, SiLU a SwiGLU
    #[serde(default = "gelu")]
    pub gate: Activation,
    #[serde(default = "crate::defaults::yes")]
    pub bias: bool,
    #[serde(default)]
    pub initialiser: Initialiser,
    /// Whether it takes a sequence `[steps, features]`, each step by itself
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub per_step: bool,
}

fn gelu() -> Activation {
    Activation::Gelu
}

impl Default for GatedSpec {
    fn default() -> Self {
        let initialiser = Initialiser::XavierUniform;
        Self { units: 4, gate: gelu(), bias: true, initialiser, per_step: false }
    }
}

impl LayerDefinition for GatedSpec {
    fn info(&self) -> &'static LayerInfo {
        &LayerInfo {
            label: "Gated dense",
            group: "Core",
            summary: "neurons with gates",
            description: "Each unit has two weighted sums: one is the value, the other a gate that the value is multiplied by. The gate's function makes it a GLU (sigmoid), GEGLU (GELU) or SwiGLU (SiLU), as transformers use them.",
            formula: "a = (W·x + b) · f(V·x + c)",
            change: "Change gated layer",
        }
    }

    fn caption(&self) -> String {
        let step = if self.per_step { " a step" } else { "" };
        format!("gated {}{step} · {}", self.units, self.gate.label())
    }

    fn settings(&mut self, panel: &mut dyn SettingsPanel) {
        panel.count("Units", "Neurons in this layer", &mut self.units, 1..=100_000);
        let hover = "Function of the gate: sigmoid makes a GLU, GELU a GEGLU, SiLU a SwiGLU";
        choose(panel, "Gate", hover, &mut self.gate, Activation::ALL, Activation::label);
        settings::initialiser(panel, &mut self.initialiser);
        panel.toggle("Bias", "A number that is added to every weighted sum", &mut self.bias);
        let hover = "Applies the same layer to every step of a sequence [steps, features]";
        panel.toggle("Time-distributed", hover, &mut self.per_step);
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        if self.per_step {
            return sequence(input, "Gated dense per step").map(|[steps, _]| vec![steps, self.units]);
        }
        flat(input, "Gated dense").map(|_| vec![self.units])
    }

    fn parameters(&self, input: &[usize]) -> Vec<ParameterShape> {
        let inputs = if self.per_step { input.last().copied().unwrap_or(1) } else { volume(input) };
        let sums = self.units.saturating_mul(2);
        let weight = ParameterShape {
            name: "weight",
            shape: vec![inputs, sums],
            fan_in: inputs,
            fan_out: self.units,
            initialiser: self.initialiser,
            decayed: true,
            naming: parts("", ["W", "V"], &MATRIX),
        };
        let bias = ParameterShape {
            name: "bias",
            shape: vec![sums],
            initialiser: Initialiser::Zeros {},
            decayed: false,
            naming: parts("bias", ["b", "c"], &UNIT),
            ..weight.clone()
        };
        if self.bias { vec![weight, bias] } else { vec![weight] }
    }

    fn weight_copies(&self) -> u128 {
        if self.per_step { 2 } else { 0 }
    }

    fn buffer(&self, input: &[usize]) -> u128 {
        let steps = if self.per_step { input.first().copied().unwrap_or(1) } else { 1 };
        numbers(8, &[steps, self.units])
    }

    fn lower(&self, lowering: &mut Lowering<'_>) {
        let (weight, bias) = (lowering.parameter("weight"), lowering.parameter("bias"));
        let sums = push_linear(lowering, self.per_step, weight, bias, 2 * self.units);
        lowering.push(GatePlan { function: self.gate, units: self.units }, sums / 2);
    }

    fn invalid(&self) -> Option<String> {
        if self.gate == Activation::Softmax {
            return Some("softmax is no gate; sigmoid, GELU or SiLU are usual".to_owned());
        }
        (self.units == 0).then(|| "a gated layer needs at least one unit".to_owned())
    }

    fn input_fix(&self, input: &[usize]) -> Option<LayerFix> {
        match input {
            &[n] if self.per_step => Some(LayerFix::InsertReshape(vec![n, 1])),
            [_, _, ..] => Some(LayerFix::InsertFlatten),
            _ => None,
        }
    }

    fn units(&self) -> Option<usize> {
        Some(self.units)
    }

    fn units_mut(&mut self) -> Option<&mut usize> {
        Some(&mut self.units)
    }

    fn initialiser(&self) -> Option<Initialiser> {
        Some(self.initialiser)
    }

    fn initialiser_mut(&mut self) -> Option<&mut Initialiser> {
        Some(&mut self.initialiser)
    }

    fn shows_sum(&self) -> bool {
        true
    }

    /// A unit has two weights for each input, which is more than one line can show.
    fn links(&self) -> Links {
        Links::None
    }
}

/// The values first and the gates behind, each with its letter.
fn parts(what: &'static str, letters: [&'static str; 2], axes: &'static [Axis]) -> Naming {
    let part = |(letter, words)| TensorPart { letter, index: "", words };
    Naming { what, axes, parts: letters.into_iter().zip(["value", "gate"]).map(part).collect() }
}

/// a = v · f(g), with v and g side by side at every step.
#[derive(Clone, Copy, Debug)]
struct GatePlan {
    function: Activation,
    units: usize,
}

impl GatePlan {
    /// The numbers of the value and of the gate that output `unit` follows from.
    fn sums(&self, unit: usize) -> (usize, usize) {
        let value = unit / self.units * 2 * self.units + unit % self.units;
        (value, value + self.units)
    }
}

impl Build for GatePlan {
    fn build<T: Real>(&self, units: usize, capacity: usize) -> Box<dyn Operation<T>> {
        let columns = padded(capacity);
        let (gates, spare) = (vec![T::ZERO; units * columns], vec![T::ZERO; self.units * columns]);
        Box::new(Gate { plan: *self, gates, spare })
    }
}

impl Explained for GatePlan {
    fn tell(&self, at: &Reading<'_>) -> Option<Told> {
        let (value, gate) = self.sums(at.unit);
        let opened = self.function.at(at.value(at.input(), gate));
        let z = |unit| indexed("z", subscript(unit));
        let out = indexed("a", subscript(at.unit));
        let symbols = row([out, text("="), z(value), text("·"), called(self.function, z(gate))]);
        let numbers = row([at.input_factor(value), text("·"), factor(opened, None)]);
        let words = format!(
            "The first sum is the value, the second its gate: {} makes {} of the gate, which the value is multiplied by.",
            self.function.label(),
            format::number(opened)
        );
        Some(Told::one(at.line(symbols, Some(numbers)), words))
    }

    fn locals(&self, at: &Reading<'_>, from: usize, unit: usize) -> Option<Vec<Local>> {
        let (unit, derivative) = self.slope(at, from, unit)?;
        Some(vec![Local { unit, derivative, name: format!("gate of {}", self.function.label()), place: None }])
    }

    fn slope(&self, at: &Reading<'_>, from: usize, unit: usize) -> Option<(usize, f64)> {
        let (step, place) = (unit / (2 * self.units), unit % (2 * self.units));
        let out = step * self.units + place % self.units;
        let (value, gate) = self.sums(out);
        let g = at.value(from, gate);
        let opened = self.function.at(g);
        let of_value = place < self.units;
        let derivative = if of_value { opened } else { at.value(from, value) * self.function.slope_at(g, opened) };
        Some((out, derivative))
    }

    fn follows(&self, _port: usize, unit: usize) -> Vec<usize> {
        let (value, gate) = self.sums(unit);
        vec![value, gate]
    }

    /// The function of the gate, with the point where this unit's gate stands.
    fn picture(&self, at: &Reading<'_>, _backward: bool) -> Option<Picture> {
        let z = at.value(at.input(), self.sums(at.unit).1);
        Some(Picture::Curve { function: self.function, z, a: self.function.at(z) })
    }
}

struct Gate<T> {
    plan: GatePlan,
    /// f(g) of the last pass, `[units, stride]`
    gates: Vec<T>,
    /// ∂L/∂f(g) of one step
    spare: Vec<T>,
}

impl<T: Real> Operation<T> for Gate<T> {
    fn forward(&mut self, pass: &PassContext, _params: &[T], inputs: Inputs<'_, T>, output: &mut [T]) {
        let (stride, threads) = (pass.stride(), pass.threads);
        let size = self.plan.units * stride;
        let steps = inputs.get(0).chunks_exact(2 * size).zip(output.chunks_exact_mut(size));
        for ((sums, a), gates) in steps.zip(self.gates.chunks_exact_mut(size)) {
            let (v, g) = sums.split_at(size);
            elementwise::activate(self.plan.function, g, gates, stride, threads);
            elementwise::masked(v, gates, a, false);
        }
    }

    fn backward(&mut self, pass: &PassContext, mut at: Backward<'_, T>) {
        let Some(GradInput { values, accumulate }) = at.grad_inputs.get(0) else { return };
        let (stride, threads, function) = (pass.stride(), pass.threads, self.plan.function);
        let size = self.plan.units * stride;
        let spare = &mut self.spare[..size];
        let sums = at.inputs.get(0).chunks_exact(2 * size).zip(values.chunks_exact_mut(2 * size));
        let steps = sums.zip(at.grad_output.chunks_exact(size)).zip(self.gates.chunks_exact(size));
        for (((sums, grads), grad), gates) in steps {
            let ((v, g), (grad_v, grad_g)) = (sums.split_at(size), grads.split_at_mut(size));
            elementwise::masked(grad, gates, grad_v, accumulate);
            elementwise::masked(grad, v, spare, false);
            elementwise::activate_backward(function, g, gates, spare, grad_g, stride, accumulate, threads);
        }
    }
}
