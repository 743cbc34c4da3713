//! Positional encoding of a sequence `[steps, features]`: a = x + p, so that attention can tell the steps apart.
//!
//! Sinusoidal (Vaswani et al. 2017, §3.5): p[t, 2k] = sin(t / 10000^(2k / features)), p[t, 2k + 1] = the cosine of the same.
//! Learned: p is a parameter, and ∂L/∂p = Σ over the mini-batch of ∂L/∂a.

use crate::definition::{LayerDefinition, LayerFix, LayerInfo, Links, sequence_fix};
use crate::init::Initialiser;
use crate::kernels::matrix;
use crate::lowering::Lowering;
use crate::math::{factor, indexed, row, subscript, text};
use crate::operation::{Backward, Build, Explained, GradInput, Inputs, Operation, PassContext, pass_on};
use crate::parameter::{Axis, Naming, ParameterShape};
use crate::reading::{Reading, Told};
use crate::real::Real;
use crate::sample_shape::{numbers, sequence};
use crate::settings::SettingsPanel;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Tells the steps of a sequence apart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PositionSpec {
    /// Whether the encoding is learned; else it is made of sines
    #[serde(default)]
    pub learned: bool,
}

impl LayerDefinition for PositionSpec {
    fn info(&self) -> &'static LayerInfo {
        &LayerInfo {
            label: "Position",
            group: "Sequence",
            summary: "tells the steps apart",
            description: "Adds to each step numbers that say where it stands, from sines of many wavelengths or learned. Attention does not see the order without it.",
            formula: "a[t, 2k] = x[t, 2k] + sin(t / 10000^(2k / n))",
            change: "Change position",
        }
    }

    fn caption(&self) -> String {
        if self.learned { "learned position" } else { "sinusoidal position" }.to_owned()
    }

    fn settings(&mut self, panel: &mut dyn SettingsPanel) {
        let hover = "Whether the encoding is learned; else it is made of sines";
        panel.toggle("Learned", hover, &mut self.learned);
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        sequence(input, "Position").map(|_| input.to_vec())
    }

    fn parameters(&self, input: &[usize]) -> Vec<ParameterShape> {
        if !self.learned {
            return Vec::new();
        }
        vec![ParameterShape {
            name: "position",
            shape: input.to_vec(),
            fan_in: 1,
            fan_out: 1,
            initialiser: Initialiser::Normal { std: 0.02 },
            decayed: false,
            naming: Naming::of("p", "position", &TABLE),
        }]
    }

    fn buffer(&self, input: &[usize]) -> u128 {
        numbers(2, input)
    }

    fn lower(&self, lowering: &mut Lowering<'_>) {
        let Ok([_, features]) = sequence(lowering.input(), "") else { return };
        let units = lowering.input_units();
        let learned = lowering.parameter("position");
        lowering.push(PositionPlan { learned, features }, units);
    }

    fn input_fix(&self, input: &[usize]) -> Option<LayerFix> {
        sequence_fix(input)
    }

    fn links(&self) -> Links {
        Links::Same
    }
}

const TABLE: [Axis; 2] = [Axis::kernel("step", "t"), Axis::output("feature", "k")];

/// The sinusoidal encoding of step `t` and feature `k`.
fn sinusoid(t: usize, k: usize, features: usize) -> f64 {
    let angle = t as f64 / 10_000_f64.powf((k - k % 2) as f64 / features as f64);
    if k.is_multiple_of(2) { libm::sin(angle) } else { libm::cos(angle) }
}

#[derive(Clone, Debug)]
struct PositionPlan {
    /// Empty where the encoding is made of sines.
    learned: Range<usize>,
    features: usize,
}

impl Build for PositionPlan {
    fn build<T: Real>(&self, units: usize, _capacity: usize) -> Box<dyn Operation<T>> {
        let value = |at| T::from_f64(sinusoid(at / self.features, at % self.features, self.features));
        let table = if self.learned.is_empty() { (0..units).map(value).collect() } else { Vec::new() };
        Box::new(Position { learned: self.learned.clone(), table })
    }
}

impl Explained for PositionPlan {
    fn tell(&self, at: &Reading<'_>) -> Option<Told> {
        let x = at.value(at.input(), at.unit);
        let out = |letter: &str| indexed(letter, subscript(at.unit));
        let (step, feature) = (at.unit / self.features + 1, at.unit % self.features + 1);
        let position = indexed("p", format!("{step},{feature}"));
        let symbols = row([out("a"), text("="), out("x"), text("+"), position]);
        let numbers = row([at.input_number(at.unit), text("+"), factor(at.result() - x, None)]);
        let words = "A number that tells where in the sequence this is gets added, so that order is not lost.";
        Some(Told::one(at.line(symbols, Some(numbers)), words))
    }
}

struct Position<T> {
    learned: Range<usize>,
    table: Vec<T>,
}

impl<T: Real> Operation<T> for Position<T> {
    fn forward(&mut self, pass: &PassContext, params: &[T], inputs: Inputs<'_, T>, output: &mut [T]) {
        let stride = pass.stride();
        let position = if self.learned.is_empty() { &self.table } else { &params[self.learned.clone()] };
        let rows = output.chunks_exact_mut(stride).zip(inputs.get(0).chunks_exact(stride));
        for ((a, x), &p) in rows.zip(position) {
            a.iter_mut().zip(x).for_each(|(a, &x)| *a = x + p);
        }
    }

    fn backward(&mut self, pass: &PassContext, mut at: Backward<'_, T>) {
        matrix::row_sums(at.grad_output, &mut at.grad_params[self.learned.clone()], pass.stride());
        if let Some(GradInput { values, accumulate }) = at.grad_inputs.get(0) {
            pass_on(at.grad_output, values, accumulate);
        }
    }
}
