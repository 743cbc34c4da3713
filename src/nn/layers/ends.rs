//! Where data enter the network and where its output meets the target.

use super::{Backward, Inputs, LayerDefinition, LayerFix, LayerInfo, Operation, OperationPlan, PassContext, numbers};
use crate::nn::compile::Lowering;
use crate::nn::spec::{is_one, one};
use crate::nn::{Loss, Real};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The features of the data, or some of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InputSpec {
    /// Columns of the data whose features enter here; all when empty
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
}

impl LayerDefinition for InputSpec {
    fn info(&self) -> &'static LayerInfo {
        &LayerInfo {
            label: "Input",
            group: "Ends",
            summary: "the features of the data",
            description: "Where the features enter: all of them, or the columns that are chosen. Its shape comes from the data.",
            formula: "a = x",
        }
    }

    fn caption(&self) -> String {
        match self.columns.as_slice() {
            [] => "features".to_owned(),
            [one] => one.clone(),
            several => format!("{} columns", several.len()),
        }
    }

    fn buffer(&self, input: &[usize]) -> u128 {
        numbers(1, input)
    }

    fn lower(&self, lowering: &mut Lowering<'_>) {
        let units = lowering.input_units();
        match lowering.features(&self.columns) {
            // All features are there from the beginning.
            None => lowering.pass(0),
            Some(rows) => lowering.push_from(0, OperationPlan::Rows(rows.into()), units),
        }
    }

    fn settings_fix(&self) -> Option<LayerFix> {
        None
    }

    fn input_mut(&mut self) -> Option<&mut InputSpec> {
        Some(self)
    }
}

/// What a head is compared with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Comparison {
    /// The target of the data; where there are several kinds, the first
    #[default]
    Target,
    /// The targets in these columns
    Columns(Vec<String>),
    /// The features themselves: an autoencoder
    Features,
}

/// How much each class counts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ClassWeights {
    /// Every sample alike
    #[default]
    Equal,
    /// Rare classes more: rows / (classes · rows of the class), over the training rows
    Balanced,
    /// So much for each class, in their order
    Chosen(Vec<f32>),
}

/// Compares the prediction with the target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutputSpec {
    pub loss: Loss,
    /// Share of each target that is spread over all classes (Szegedy et al. 2016), for one unit a class
    #[serde(default, skip_serializing_if = "is_default")]
    pub label_smoothing: f32,
    /// γ of the focal loss
    #[serde(default = "two", skip_serializing_if = "is_two")]
    pub focus: f32,
    #[serde(default, skip_serializing_if = "is_default")]
    pub class_weights: ClassWeights,
    /// Factor on this output's loss in the sum of all outputs
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub weight: f32,
    #[serde(default, skip_serializing_if = "is_default")]
    pub target: Comparison,
}

impl Default for OutputSpec {
    fn default() -> Self {
        Self {
            loss: Loss::default(),
            label_smoothing: 0.0,
            focus: 2.0,
            class_weights: ClassWeights::Equal,
            weight: 1.0,
            target: Comparison::Target,
        }
    }
}

// For serde, which asks by reference.
fn two() -> f32 {
    2.0
}

fn is_default<A: Default + PartialEq>(value: &A) -> bool {
    *value == A::default()
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_two(value: &f32) -> bool {
    *value == 2.0
}

impl LayerDefinition for OutputSpec {
    fn info(&self) -> &'static LayerInfo {
        &LayerInfo {
            label: "Output",
            group: "Ends",
            summary: "compares with the target",
            description: "An end of the network: the loss compares its input with the target, and the backward pass starts here. Several outputs add their losses up, each with its weight.",
            formula: "L = loss(y, t)",
        }
    }

    fn caption(&self) -> String {
        self.loss.label().to_lowercase()
    }

    fn buffer(&self, input: &[usize]) -> u128 {
        numbers(3, input)
    }

    /// The compiler makes a head of it.
    fn lower(&self, _: &mut Lowering<'_>) {}

    fn invalid(&self) -> Option<String> {
        let fits = |v: f32| v.is_finite() && v >= 0.0;
        if !(0.0..1.0).contains(&self.label_smoothing) {
            return Some(format!("label smoothing must be at least 0 and below 1, but is {}", self.label_smoothing));
        }
        if !fits(self.focus) || !fits(self.weight) {
            return Some("the weight of the output and the focus of its loss must be numbers of at least 0".to_owned());
        }
        match &self.class_weights {
            ClassWeights::Chosen(weights) if !weights.iter().all(|&w| fits(w)) => {
                Some("class weights must be numbers of at least 0".to_owned())
            }
            _ => None,
        }
    }

    fn settings_fix(&self) -> Option<LayerFix> {
        None
    }

    fn output_mut(&mut self) -> Option<&mut OutputSpec> {
        Some(self)
    }
}

/// The input buffer: filled from outside.
pub(super) struct Source;

impl<T: Real> Operation<T> for Source {
    fn forward(&mut self, _: &PassContext, _: &[T], _: Inputs<'_, T>, _: &mut [T]) {}

    fn backward(&mut self, _: &PassContext, _: Backward<'_, T>) {}
}
