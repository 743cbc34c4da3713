//! Where data enter the network and where its output meets the target.

use super::{Backward, Inputs, LayerDefinition, LayerInfo, Operation, OperationPlan, ParameterShape, Pass};
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

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        Ok(input.to_vec())
    }

    fn parameters(&self, _: &[usize]) -> Vec<ParameterShape> {
        Vec::new()
    }

    fn buffer(&self, input: &[usize]) -> u128 {
        input.iter().map(|&d| d as u128).product()
    }

    fn lower(&self, lowering: &mut Lowering<'_>) {
        let units = lowering.input_units();
        lowering.push(OperationPlan::Source, units);
    }
}

/// Compares the prediction with the target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutputSpec {
    pub loss: Loss,
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

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        Ok(input.to_vec())
    }

    fn parameters(&self, _: &[usize]) -> Vec<ParameterShape> {
        Vec::new()
    }

    fn buffer(&self, input: &[usize]) -> u128 {
        3 * input.iter().map(|&d| d as u128).product::<u128>()
    }

    fn lower(&self, lowering: &mut Lowering<'_>) {
        lowering.head(self.loss);
    }
}

/// The input buffer: filled from outside.
pub(super) struct Source;

impl<T: Real> Operation<T> for Source {
    fn forward(&mut self, _: &Pass, _: &[T], _: Inputs<'_, T>, _: &mut [T]) {}

    fn backward(&mut self, _: &Pass, _: Backward<'_, T>) {}
}
