//! Bidirectional recurrent layer (Schuster & Paliwal 1997) over a sequence `[steps, features]`: one cell reads it from the first
//! step to the last, another from the last to the first, and their states are put side by side or added up.
//!
//! Where only one state goes on, it is that of each direction's own last step, as in PyTorch.

use super::recurrent::{Cell, RecurrentPlan, TensorName, joined};
use crate::definition::{LayerDefinition, LayerFix, LayerInfo, sequence_fix};
use crate::init::Initialiser;
use crate::lowering::Lowering;
use crate::math::{factor, indexed, number, row, subscript, text};
use crate::operation::{Backward, Build, Explained, GradInput, Inputs, Operation, PassContext, pass_on};
use crate::parameter::ParameterShape;
use crate::reading::{Local, Reading, Told};
use crate::real::Real;
use crate::sample_shape::{numbers, sequence};
use crate::settings::{self, SettingsPanel, choose};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the states of two directions become one output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Merge {
    /// Side by side: twice as many numbers
    #[default]
    Concatenate,
    /// Added up, number by number
    Sum,
}

impl Merge {
    pub const ALL: [Self; 2] = [Self::Concatenate, Self::Sum];

    pub fn label(self) -> &'static str {
        match self {
            Self::Concatenate => "concatenate",
            Self::Sum => "sum",
        }
    }
}

/// Reads a sequence in both directions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BidirectionalSpec {
    pub cell: Cell,
    /// Numbers in the state of each direction
    pub units: usize,
    /// Whether every step's states go on, or the last ones only
    #[serde(default)]
    pub sequence: bool,
    #[serde(default)]
    pub merge: Merge,
    #[serde(default)]
    pub initialiser: Initialiser,
}

impl Default for BidirectionalSpec {
    fn default() -> Self {
        let initialiser = Initialiser::XavierUniform;
        Self { cell: Cell::Lstm, units: 16, sequence: false, merge: Merge::Concatenate, initialiser }
    }
}

/// For each direction what it is called and the names of its W, U, b and, for a GRU, b′.
const DIRECTIONS: [(&str, [TensorName; 4]); 2] = [
    (
        "forwards",
        [
            ("weight", "W→", "forward weight"),
            ("recurrent weight", "U→", "forward weight"),
            ("bias", "b→", "forward bias"),
            ("recurrent bias", "b′→", "forward recurrent bias"),
        ],
    ),
    (
        "backwards",
        [
            ("reverse weight", "W←", "reverse weight"),
            ("reverse recurrent weight", "U←", "reverse weight"),
            ("reverse bias", "b←", "reverse bias"),
            ("reverse recurrent bias", "b′←", "reverse recurrent bias"),
        ],
    ),
];

impl BidirectionalSpec {
    /// Numbers that go on from one step.
    fn outputs(&self) -> usize {
        match self.merge {
            Merge::Concatenate => self.units.saturating_mul(2),
            Merge::Sum => self.units,
        }
    }
}

impl LayerDefinition for BidirectionalSpec {
    fn info(&self) -> &'static LayerInfo {
        const fn by(formula: &'static str) -> LayerInfo {
            LayerInfo {
                label: "Bidirectional",
                group: "Sequence",
                summary: "reads in both directions",
                description: "Two recurrent cells read the sequence, one from the first step on and one from the last step back, so that every step knows what comes before and after it. Their states are put side by side or added up.",
                formula,
                change: "Change bidirectional layer",
            }
        }
        match self.merge {
            Merge::Concatenate => &const { by("aₜ = [h→ₜ, h←ₜ]") },
            Merge::Sum => &const { by("aₜ = h→ₜ + h←ₜ") },
        }
    }

    fn caption(&self) -> String {
        let what = if self.sequence { "every step" } else { "last step" };
        format!("two-way {} {} · {what}", self.cell.label(), self.units)
    }

    fn settings(&mut self, panel: &mut dyn SettingsPanel) {
        choose(panel, "Cell", "What happens at each step", &mut self.cell, Cell::ALL, Cell::label);
        panel.count("Units", "Numbers in the state of each direction", &mut self.units, 1..=4096);
        let hover = "Whether the states of every step go on, or each direction's last one only";
        panel.toggle("Every step", hover, &mut self.sequence);
        let hover = "Whether the states of both directions are put side by side or added up";
        choose(panel, "Joined by", hover, &mut self.merge, Merge::ALL, Merge::label);
        settings::initialiser(panel, &mut self.initialiser);
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        let [steps, _] = sequence(input, "Bidirectional")?;
        Ok(if self.sequence { vec![steps, self.outputs()] } else { vec![self.outputs()] })
    }

    fn parameters(&self, input: &[usize]) -> Vec<ParameterShape> {
        let features = input.last().copied().unwrap_or(1);
        let of = |(_, names)| self.cell.parameters(self.units, features, self.initialiser, names);
        let [(weights, biases), (reverse_weights, reverse_biases)] = DIRECTIONS.map(of);
        weights.into_iter().chain(reverse_weights).chain(biases).chain(reverse_biases).collect()
    }

    fn weight_copies(&self) -> u128 {
        2
    }

    fn buffer(&self, input: &[usize]) -> u128 {
        let steps = if self.sequence { input.first().copied().unwrap_or(1) } else { 1 };
        let states = numbers(4, &[steps, self.units]).saturating_add(numbers(2, &[steps, self.outputs()]));
        self.cell.buffer(self.units, input).saturating_mul(2).saturating_add(states)
    }

    fn lower(&self, lowering: &mut Lowering<'_>) {
        let Ok([steps, features]) = sequence(lowering.input(), "") else { return };
        let from = lowering.fed_by();
        let shown = if self.sequence { steps } else { 1 };
        let mut states = Vec::new();
        for (direction, names) in DIRECTIONS {
            let [weight, recurrent, bias, inner_bias] = names.map(|(name, ..)| lowering.parameter(name));
            let plan = RecurrentPlan {
                cell: self.cell,
                steps,
                features,
                units: self.units,
                sequence: self.sequence,
                backwards: !states.is_empty(),
                weights: joined(weight, recurrent),
                bias,
                inner_bias,
                side: Some(direction),
            };
            lowering.push_from(from, plan, shown * self.units);
            states.push(lowering.fed_by());
        }
        lowering.push_join(states, MergePlan { merge: self.merge, units: self.units }, shown * self.outputs());
    }

    fn invalid(&self) -> Option<String> {
        (self.units == 0).then(|| "a recurrent layer needs at least one unit".to_owned())
    }

    fn every_step_mut(&mut self) -> Option<&mut bool> {
        Some(&mut self.sequence)
    }

    fn input_fix(&self, input: &[usize]) -> Option<LayerFix> {
        sequence_fix(input)
    }
}

/// The states of both directions, `[steps, units]` each, side by side at every step or added up.
#[derive(Clone, Copy, Debug)]
struct MergePlan {
    merge: Merge,
    units: usize,
}

impl Build for MergePlan {
    fn build<T: Real>(&self, _units: usize, _capacity: usize) -> Box<dyn Operation<T>> {
        Box::new(*self)
    }
}

impl Explained for MergePlan {
    fn tell(&self, at: &Reading<'_>) -> Option<Told> {
        const ARROWS: [&str; 2] = ["h→", "h←"];
        let inputs = at.recorded.inputs(at.node);
        let parts: Vec<(usize, usize)> = (0..inputs.len())
            .flat_map(|port| self.follows(port, at.unit).into_iter().map(move |u| (port, u)))
            .collect();
        let symbol = |&(port, unit): &(usize, usize)| indexed(ARROWS[port.min(1)], subscript(unit));
        let out = indexed("a", subscript(at.unit));
        match &parts[..] {
            [one] => {
                let value = at.value(inputs[one.0], one.1);
                let symbols = row([out, text("="), symbol(one)]);
                let words = format!(
                    "The states of both directions stand side by side; this one was read {}.",
                    DIRECTIONS[one.0.min(1)].0
                );
                Some(Told::one(at.line(symbols, Some(number(value, None))), words))
            }
            [first, second] => {
                let value = |part: &(usize, usize)| factor(at.value(inputs[part.0], part.1), None);
                let symbols = row([out, text("="), symbol(first), text("+"), symbol(second)]);
                let numbers = row([value(first), text("+"), value(second)]);
                Some(Told::one(at.line(symbols, Some(numbers)), "The states of both directions are added up."))
            }
            _ => None,
        }
    }

    fn locals(&self, at: &Reading<'_>, from: usize, unit: usize) -> Option<Vec<Local>> {
        let port = at.recorded.inputs(at.node).iter().position(|&node| node == from)?;
        let unit = match self.merge {
            Merge::Sum => unit,
            Merge::Concatenate => unit / self.units * 2 * self.units + port * self.units + unit % self.units,
        };
        Some(vec![Local { unit, derivative: 1.0, name: String::new(), place: None }])
    }

    fn follows(&self, port: usize, unit: usize) -> Vec<usize> {
        match self.merge {
            Merge::Sum => vec![unit],
            Merge::Concatenate => {
                let (step, place) = (unit / (2 * self.units), unit % (2 * self.units));
                let own = place / self.units == port;
                own.then(|| step * self.units + place % self.units).into_iter().collect()
            }
        }
    }
}

impl<T: Real> Operation<T> for MergePlan {
    fn forward(&mut self, pass: &PassContext, _params: &[T], inputs: Inputs<'_, T>, output: &mut [T]) {
        let size = self.units * pass.stride();
        let (first, second) = (inputs.get(0), inputs.get(1));
        match self.merge {
            Merge::Sum => {
                output.iter_mut().zip(first.iter().zip(second)).for_each(|(a, (&x, &y))| *a = x + y);
            }
            Merge::Concatenate => {
                let states = first.chunks_exact(size).zip(second.chunks_exact(size));
                for (a, (x, y)) in output.chunks_exact_mut(2 * size).zip(states) {
                    a[..size].copy_from_slice(x);
                    a[size..].copy_from_slice(y);
                }
            }
        }
    }

    fn backward(&mut self, pass: &PassContext, mut at: Backward<'_, T>) {
        let size = self.units * pass.stride();
        for port in 0..2 {
            let Some(GradInput { values, accumulate }) = at.grad_inputs.get(port) else { continue };
            match self.merge {
                Merge::Sum => pass_on(at.grad_output, values, accumulate),
                Merge::Concatenate => {
                    let grads = at.grad_output.chunks_exact(2 * size);
                    for (to, grad) in values.chunks_exact_mut(size).zip(grads) {
                        pass_on(&grad[port * size..][..size], to, accumulate);
                    }
                }
            }
        }
    }
}
