//! Inverted dropout (Srivastava et al. 2014): a = x · m / (1 − p) with m = 0 with probability p, else 1; in evaluation a = x.
//!
//! Backward: ∂L/∂x = ∂L/∂a · m / (1 − p).

use crate::definition::{LayerDefinition, LayerFix, LayerInfo, Links};
use crate::kernels::{elementwise, padded};
use crate::lowering::Lowering;
use crate::math::{factor, indexed, number, row, subscript, symbol, text};
use crate::operation::{Backward, Build, Explained, GradInput, Inputs, Operation, PassContext};
use crate::picture::{Grid, Picture};
use crate::reading::{Local, Reading, Told};
use crate::real::Real;
use crate::sample_shape::numbers;
use crate::settings::SettingsPanel;
use chainrule_common::format;
use chainrule_common::seed::{Purpose, Stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Zeroes units at random while training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DropoutSpec {
    /// Share of values that are zeroed, at least 0 and below 1
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
            summary: "randomly zeroes units while training",
            description: "While training, zeroes a random share of the values and scales up the rest, so that no unit relies on a single other one. In evaluation it passes everything on.",
            formula: "a = x · m / (1 − p)",
            change: "Change dropout",
        }
    }

    fn caption(&self) -> String {
        format!("dropout {} %", (self.rate * 100.0).round())
    }

    fn settings(&mut self, panel: &mut dyn SettingsPanel) {
        let hover = "Share of units that are zeroed while training";
        panel.number("Dropout rate", hover, &mut self.rate, 0.0..=0.95, 0.005);
    }

    fn buffer(&self, input: &[usize]) -> u128 {
        numbers(3, input)
    }

    fn lower(&self, lowering: &mut Lowering<'_>) {
        let units = lowering.input_units();
        let stream = u64::from(lowering.layer().0);
        lowering.push(DropPlan { rate: self.rate, stream }, units);
    }

    fn invalid(&self) -> Option<String> {
        (!(0.0..1.0).contains(&self.rate))
            .then(|| format!("the dropout rate must be at least 0 and below 1, but is {}", self.rate))
    }

    fn settings_fix(&self) -> Option<LayerFix> {
        Some(LayerFix::DropoutRate(0.2))
    }

    fn keeps_count(&self) -> bool {
        true
    }

    fn links(&self) -> Links {
        Links::Same
    }

    fn dropout_rate(&self) -> Option<f32> {
        Some(self.rate)
    }

    fn dropout_rate_mut(&mut self) -> Option<&mut f32> {
        Some(&mut self.rate)
    }
}

#[derive(Clone, Debug)]
struct DropPlan {
    rate: f32,
    stream: u64,
}

impl Build for DropPlan {
    fn build<T: Real>(&self, units: usize, capacity: usize) -> Box<dyn Operation<T>> {
        let mask = vec![T::ZERO; units * padded(capacity)];
        Box::new(Drop { rate: self.rate, stream: self.stream, mask })
    }
}

impl Explained for DropPlan {
    fn tell(&self, at: &Reading<'_>) -> Option<Told> {
        let (x, result) = (at.value(at.input(), at.unit), at.result());
        let kept = result != 0.0 || x == 0.0;
        let share = 1.0 / (1.0 - f64::from(self.rate));
        let out = |letter: &str| indexed(letter, subscript(at.unit));
        let symbols = row([out("a"), text("="), out("m"), text("·"), out("x"), text("/ (1 −"), symbol("p"), text(")")]);
        let mask = if kept { share } else { 0.0 };
        let numbers = row([number(mask, None), text("·"), factor(x, at.place(at.input(), at.unit))]);
        let words = if kept {
            format!(
                "This unit was kept in this step, and is made larger by {} to make up for those that were not.",
                format::number(share)
            )
        } else {
            "This unit was switched off by chance in this step: nothing flows through it, forward or backward."
                .to_owned()
        };
        Some(Told::one(at.line(symbols, Some(numbers)), words))
    }

    fn locals(&self, at: &Reading<'_>, from: usize, unit: usize) -> Option<Vec<Local>> {
        let x = at.value(from, unit);
        let derivative = if x == 0.0 { 0.0 } else { at.value(at.node, unit) / x };
        Some(vec![Local { unit, derivative, name: "dropout".to_owned(), place: None }])
    }

    /// The numbers around this unit, before dropout and after it: what is zeroed is 0 forward and backward.
    fn picture(&self, at: &Reading<'_>, backward: bool) -> Option<Picture> {
        const MOST: usize = 48;
        let first = at.unit / MOST * MOST;
        let own = first..(first + MOST).min(at.units(at.node));
        let of = |node: usize| -> Option<Vec<f32>> {
            let all = if backward { at.recorded.grads(node)? } else { at.recorded.values(node) };
            Some(own.clone().map(|u| all[[u, at.recorded.sample()]]).collect())
        };
        let (nodes, titles) = if backward {
            ([at.node, at.input()], ["gradient arrives", "goes on"])
        } else {
            ([at.input(), at.node], ["before", "behind"])
        };
        let framed = Some(at.unit - first);
        let grid = |k: usize| Some(Grid { title: titles[k], values: of(nodes[k])?, across: 12.min(own.len()), framed });
        let grids = vec![grid(0)?, grid(1)?];
        Some(Picture::Grids { name: "Values before and after dropout", grids, note: String::new() })
    }
}

struct Drop<T> {
    rate: f32,
    stream: u64,
    mask: Vec<T>,
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
