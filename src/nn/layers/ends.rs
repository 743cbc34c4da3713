//! Where data enter the network and where its output meets the target.

use super::{Backward, Inputs, LayerDefinition, LayerInfo, Operation, OperationPlan, Pass, numbers};
use crate::nn::compile::Lowering;
use crate::nn::{Loss, Real};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The features of the data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InputSpec {}

impl LayerDefinition for InputSpec {
    fn info(&self) -> &'static LayerInfo {
        &LayerInfo {
            label: "Input",
            group: "Ends",
            summary: "the features of the data",
            description: "Where the features enter. Its shape comes from the data.",
            formula: "a = x",
        }
    }

    fn caption(&self) -> String {
        "features".to_owned()
    }

    fn buffer(&self, input: &[usize]) -> u128 {
        numbers(1, input)
    }

    fn lower(&self, lowering: &mut Lowering<'_>) {
        let units = lowering.input_units();
        lowering.push(OperationPlan::Source, units);
    }
}

/// Compares the prediction with the target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutputSpec {
    pub loss: Loss,
    /// Share of each target that is spread over all classes (Szegedy et al. 2016), for one unit a class
    #[serde(default, skip_serializing_if = "is_zero")]
    pub label_smoothing: f32,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde asks by reference
fn is_zero(value: &f32) -> bool {
    *value == 0.0
}

impl LayerDefinition for OutputSpec {
    fn info(&self) -> &'static LayerInfo {
        &LayerInfo {
            label: "Output",
            group: "Ends",
            summary: "compares with the target",
            description: "The end of the network: the loss compares its input with the target, and the backward pass starts here.",
            formula: "L = loss(y, t)",
        }
    }

    fn caption(&self) -> String {
        self.loss.label().to_lowercase()
    }

    fn buffer(&self, input: &[usize]) -> u128 {
        numbers(3, input)
    }

    fn lower(&self, lowering: &mut Lowering<'_>) {
        lowering.head(self.loss, self.label_smoothing);
    }

    fn invalid(&self) -> Option<String> {
        let fits = (0.0..1.0).contains(&self.label_smoothing);
        (!fits).then(|| format!("label smoothing must be at least 0 and below 1, but is {}", self.label_smoothing))
    }
}

/// The input buffer: filled from outside.
pub(super) struct Source;

impl<T: Real> Operation<T> for Source {
    fn forward(&mut self, _: &Pass, _: &[T], _: Inputs<'_, T>, _: &mut [T]) {}

    fn backward(&mut self, _: &Pass, _: Backward<'_, T>) {}
}
