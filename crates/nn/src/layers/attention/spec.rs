//! Self-attention over a sequence `[steps, features]`, with projections or without.

use super::operation::AttentionPlan;
use crate::definition::{LayerDefinition, LayerFix, LayerInfo, sequence_fix};
use crate::init::Initialiser;
use crate::lowering::Lowering;
use crate::parameter::{Axis, Naming, ParameterShape, TensorPart};
use crate::sample_shape::{numbers, sequence};
use crate::settings::{self, SettingsPanel};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Every step looks at every step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttentionSpec {
    /// Number of attention heads; the features are divided among them
    pub heads: usize,
    /// Learned weights for queries, keys, values and the output; else it is plain scaled dot-product attention
    #[serde(default = "crate::defaults::yes")]
    pub projections: bool,
    /// Whether a step sees only itself and the ones before it
    #[serde(default)]
    pub causal: bool,
    #[serde(default)]
    pub initialiser: Initialiser,
}

impl Default for AttentionSpec {
    fn default() -> Self {
        Self { heads: 2, projections: true, causal: false, initialiser: Initialiser::XavierUniform }
    }
}

impl AttentionSpec {
    /// Scaled dot-product attention without weights.
    pub fn plain() -> Self {
        Self { heads: 1, projections: false, ..Self::default() }
    }
}

const FEATURE: [Axis; 1] = [Axis::output("feature", "k")];
const MATRIX: [Axis; 2] = [Axis::input("input", "i"), FEATURE[0]];

/// Queries, keys and values side by side, or the output alone.
fn naming(what: &'static str, letter: &'static str, axes: &'static [Axis], parts: usize) -> Naming {
    let all: &[(&str, &str)] =
        if parts == 3 { &[("Q", "query"), ("K", "key"), ("V", "value")] } else { &[("O", "output")] };
    let parts = all.iter().map(|&(index, words)| TensorPart { letter, index, words }).collect();
    Naming { what, axes, parts }
}

impl LayerDefinition for AttentionSpec {
    fn info(&self) -> &'static LayerInfo {
        if self.projections {
            return &LayerInfo {
                label: "Attention",
                group: "Sequence",
                summary: "each step attends to every step",
                description: "Multi-head self-attention: each step asks with a query, all steps answer with their values, weighted by how well their keys fit the question.",
                formula: "a = softmax(Q·K' / √d)·V·W",
                change: "Change attention",
            };
        }
        &LayerInfo {
            label: "Dot-product attention",
            group: "Sequence",
            summary: "attention without weights",
            description: "Scaled dot-product self-attention: each step becomes a mean of all steps, weighted by how alike they are. It learns nothing by itself.",
            formula: "a = softmax(X·X' / √d)·X",
            change: "Change attention",
        }
    }

    fn caption(&self) -> String {
        let heads = if self.heads == 1 { "1 head".to_owned() } else { format!("{} heads", self.heads) };
        format!("{heads}{}", if self.causal { " · causal" } else { "" })
    }

    fn settings(&mut self, panel: &mut dyn SettingsPanel) {
        let hover = "Number of attention heads; the features are divided among them";
        panel.count("Heads", hover, &mut self.heads, 1..=64);
        let hover = "Learned weights for queries, keys, values and the output";
        panel.toggle("Projections", hover, &mut self.projections);
        panel.toggle("Causal", "Whether a step sees only itself and the ones before it", &mut self.causal);
        if self.projections {
            settings::initialiser(panel, &mut self.initialiser);
        }
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        let [_, features] = sequence(input, "Attention")?;
        if features.is_multiple_of(self.heads) {
            Ok(input.to_vec())
        } else {
            Err(format!("{} heads do not divide {features} features evenly", self.heads))
        }
    }

    fn parameters(&self, input: &[usize]) -> Vec<ParameterShape> {
        if !self.projections {
            return Vec::new();
        }
        let features = input.last().copied().unwrap_or(1);
        let weight = |name, times: usize| ParameterShape {
            name,
            shape: vec![features, features.saturating_mul(times)],
            fan_in: features,
            fan_out: features,
            initialiser: self.initialiser,
            decayed: true,
            naming: naming("", "W", &MATRIX, times),
        };
        let bias = |name, times: usize| ParameterShape {
            name,
            shape: vec![features.saturating_mul(times)],
            initialiser: Initialiser::Zeros {},
            decayed: false,
            naming: naming("bias", "b", &FEATURE, times),
            ..weight(name, times)
        };
        vec![weight("weight", 3), weight("output weight", 1), bias("bias", 3), bias("output bias", 1)]
    }

    fn weight_copies(&self) -> u128 {
        2
    }

    fn buffer(&self, input: &[usize]) -> u128 {
        let steps = input.first().copied().unwrap_or(1) as u128;
        let scores = steps.saturating_mul(steps).saturating_mul(2 * self.heads as u128);
        // A block of samples has gradients of its own.
        let features = input.last().copied().unwrap_or(1) as u128;
        let gradients = features.saturating_mul(features) / 2;
        // Blocks of samples are whole.
        numbers(10, input).saturating_add(scores).saturating_add(gradients).saturating_mul(2)
    }

    fn lower(&self, lowering: &mut Lowering<'_>) {
        let Ok([steps, features]) = sequence(lowering.input(), "") else { return };
        let plan = AttentionPlan {
            steps,
            features,
            heads: self.heads,
            causal: self.causal,
            weight: lowering.parameter("weight"),
            bias: lowering.parameter("bias"),
            output_weight: lowering.parameter("output weight"),
            output_bias: lowering.parameter("output bias"),
        };
        lowering.push(plan, steps * features);
    }

    fn invalid(&self) -> Option<String> {
        (self.heads == 0).then(|| "attention needs at least one head".to_owned())
    }

    fn input_fix(&self, input: &[usize]) -> Option<LayerFix> {
        sequence_fix(input)
    }
}
