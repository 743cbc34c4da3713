//! Activation as a layer of its own: a = f(z), and ∂L/∂z = ∂L/∂a · f′(z).

use crate::activation::Activation;
use crate::definition::{LayerDefinition, LayerInfo, Links};
use crate::kernels::elementwise;
use crate::lowering::Lowering;
use crate::math::{Math, called, fraction, indexed, number, row, subscript, sum_over, symbol, text};
use crate::operation::{Backward, Build, Explained, GradInput, Inputs, Operation, PassContext};
use crate::picture::Picture;
use crate::reading::{Local, Reading, Told};
use crate::real::Real;
use crate::sample_shape::numbers;
use crate::settings::{self, SettingsPanel};
use chainrule_common::format;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Applies a function to every value.
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
            summary: "non-linearity",
            description: "Applies a function to every value. Without one, a stack of dense layers is just one dense layer.",
            formula: "a = f(z)",
            change: "Change activation",
        }
    }

    fn caption(&self) -> String {
        self.function.label().to_owned()
    }

    fn settings(&mut self, panel: &mut dyn SettingsPanel) {
        settings::activation(panel, &mut self.function);
    }

    fn buffer(&self, input: &[usize]) -> u128 {
        numbers(2, input)
    }

    fn lower(&self, lowering: &mut Lowering<'_>) {
        let units = lowering.input_units();
        lowering.push(Activate(self.function), units);
    }

    fn activation(&self) -> Option<Activation> {
        Some(self.function)
    }

    fn activation_mut(&mut self) -> Option<&mut Activation> {
        Some(&mut self.function)
    }

    fn keeps_count(&self) -> bool {
        true
    }

    fn links(&self) -> Links {
        Links::Same
    }

    fn shows_sum(&self) -> bool {
        true
    }
}

/// a = f(z) of every number, or softmax of all numbers of a sample.
#[derive(Clone, Copy, Debug)]
pub(super) struct Activate(pub Activation);

impl Build for Activate {
    fn build<T: Real>(&self, _units: usize, _capacity: usize) -> Box<dyn Operation<T>> {
        Box::new(*self)
    }
}

impl Explained for Activate {
    fn tell(&self, at: &Reading<'_>) -> Option<Told> {
        let j = subscript(at.unit);
        let out = |letter: &str| indexed(letter, j.clone());
        let (f, input) = (self.0, at.input());
        let (z, result) = (at.value(input, at.unit), at.result());
        if f == Activation::Softmax {
            let total: f64 = (0..at.units(input)).map(|k| at.value(input, k).exp()).sum();
            let e = |of: Math| Math::Above(Box::new(symbol("e")), Box::new(of));
            let under = row([sum_over("k"), e(indexed("z", "k"))]);
            let symbols = row([out("a"), text("="), fraction(e(out("z")), under)]);
            let numbers = fraction(e(at.input_number(at.unit)), number(total, None));
            let words = format!(
                "Softmax makes probabilities of all sums together; this class gets {}.",
                format::number(result)
            );
            return Some(Told::one(at.line(symbols, Some(numbers)), words));
        }
        let symbols = row([out("a"), text("="), called(f, out("z"))]);
        let numbers = called(f, at.input_number(at.unit));
        Some(Told::one(at.line(symbols, Some(numbers)), about(f, z, result)))
    }

    fn activation(&self) -> Option<Activation> {
        Some(self.0)
    }

    fn locals(&self, at: &Reading<'_>, from: usize, unit: usize) -> Option<Vec<Local>> {
        let (unit, derivative) = self.slope(at, from, unit)?;
        Some(vec![Local { unit, derivative, name: format!("slope of {}", self.0.label()), place: None }])
    }

    fn slope(&self, at: &Reading<'_>, from: usize, unit: usize) -> Option<(usize, f64)> {
        let single = self.0 != Activation::Softmax;
        single.then(|| (unit, self.0.slope_at(at.value(from, unit), at.value(at.node, unit))))
    }

    fn picture(&self, at: &Reading<'_>, _backward: bool) -> Option<Picture> {
        let (z, a) = (at.value(at.input(), at.unit), at.result());
        (self.0 != Activation::Softmax).then_some(Picture::Curve { function: self.0, z, a })
    }
}

fn about(f: Activation, z: f64, a: f64) -> String {
    let slope = f.slope_at(z, a);
    let a = format::number(a);
    match f {
        Activation::Identity => "It is passed on as it is.".to_owned(),
        Activation::Relu if z > 0.0 => "The sum is positive, so ReLU lets it through.".to_owned(),
        Activation::Relu => "The sum is not positive, so ReLU outputs 0, and no gradient will come back.".to_owned(),
        _ if slope.abs() < 0.05 => {
            format!("{} makes {a} of it: it is saturated, so little gradient will come back.", f.label())
        }
        _ => format!("{} makes {a} of it.", f.label()),
    }
}

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
