//! Recurrent layers over a sequence `[steps, features]`, which read it from the first step to the last or the other way.

use super::operation::{Cell, RecurrentPlan, TensorName, joined};
use crate::definition::{LayerDefinition, LayerFix, LayerInfo, sequence_fix};
use crate::init::Initialiser;
use crate::lowering::Lowering;
use crate::parameter::ParameterShape;
use crate::sample_shape::sequence;
use crate::settings::{self, SettingsPanel, choose};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// W, U, b and, for a GRU, b′.
const NAMES: [TensorName; 4] = [
    ("weight", "W", ""),
    ("recurrent weight", "U", ""),
    ("bias", "b", "bias"),
    ("recurrent bias", "b′", "recurrent bias"),
];

/// Reads a sequence step by step and remembers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RecurrentSpec {
    pub cell: Cell,
    pub units: usize,
    /// Whether every step's state goes on, or the last one only
    #[serde(default)]
    pub sequence: bool,
    /// Whether it reads from the last step to the first
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub backwards: bool,
    #[serde(default)]
    pub initialiser: Initialiser,
}

impl Default for RecurrentSpec {
    fn default() -> Self {
        Self::of(Cell::Lstm)
    }
}

impl RecurrentSpec {
    /// A cell with usual settings.
    pub fn of(cell: Cell) -> Self {
        Self { cell, units: 16, sequence: false, backwards: false, initialiser: Initialiser::XavierUniform }
    }
}

impl LayerDefinition for RecurrentSpec {
    fn info(&self) -> &'static LayerInfo {
        match self.cell {
            Cell::Simple => &LayerInfo {
                label: "RNN",
                group: "Sequence",
                summary: "remembers one state",
                description: "Reads a sequence step by step: each state follows from the step's features and the state before. Long sequences make its gradients vanish.",
                formula: "hₜ = tanh(W·xₜ + U·hₜ₋₁ + b)",
                change: "Change recurrent layer",
            },
            Cell::Lstm => &LayerInfo {
                label: "LSTM",
                group: "Sequence",
                summary: "remembers for long",
                description: "Reads a sequence step by step. Gates decide what its memory keeps, forgets and shows, so that gradients survive many steps.",
                formula: "cₜ = f·cₜ₋₁ + i·g, hₜ = o·tanh(cₜ)",
                change: "Change recurrent layer",
            },
            Cell::Gru => &LayerInfo {
                label: "GRU",
                group: "Sequence",
                summary: "a lighter LSTM",
                description: "Reads a sequence step by step with two gates: one blends the old state with the new one, one lets the new one ignore the old.",
                formula: "hₜ = (1 − z)·n + z·hₜ₋₁",
                change: "Change recurrent layer",
            },
        }
    }

    fn caption(&self) -> String {
        let what = if self.sequence { "every step" } else { "last step" };
        format!("{} {} · {what}", self.cell.label(), self.units)
    }

    fn settings(&mut self, panel: &mut dyn SettingsPanel) {
        choose(panel, "Cell", "What happens at each step", &mut self.cell, Cell::ALL, Cell::label);
        panel.count("Units", "Size of the hidden state", &mut self.units, 1..=4096);
        let hover = "Whether the state of every step goes on, or the last one only";
        panel.toggle("Every step", hover, &mut self.sequence);
        panel.toggle("Backwards", "Whether it reads from the last step to the first", &mut self.backwards);
        settings::initialiser(panel, &mut self.initialiser);
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        let [steps, _] = sequence(input, self.cell.label())?;
        Ok(if self.sequence { vec![steps, self.units] } else { vec![self.units] })
    }

    fn parameters(&self, input: &[usize]) -> Vec<ParameterShape> {
        let features = input.last().copied().unwrap_or(1);
        let (weights, biases) = self.cell.parameters(self.units, features, self.initialiser, NAMES);
        weights.into_iter().chain(biases).collect()
    }

    fn weight_copies(&self) -> u128 {
        2
    }

    fn buffer(&self, input: &[usize]) -> u128 {
        self.cell.buffer(self.units, input)
    }

    fn lower(&self, lowering: &mut Lowering<'_>) {
        let Ok([steps, features]) = sequence(lowering.input(), "") else { return };
        let [weight, recurrent, bias, inner_bias] = NAMES.map(|(name, ..)| lowering.parameter(name));
        let plan = RecurrentPlan {
            cell: self.cell,
            steps,
            features,
            units: self.units,
            sequence: self.sequence,
            backwards: self.backwards,
            weights: joined(weight, recurrent),
            bias,
            inner_bias,
            side: None,
        };
        let units = if self.sequence { steps * self.units } else { self.units };
        lowering.push(plan, units);
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
