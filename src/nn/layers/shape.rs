//! Layers that only change the shape: the numbers stay where they are.

use super::{LayerDefinition, LayerInfo, numbers};
use crate::nn::compile::Lowering;
use crate::nn::volume;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Any shape to one row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FlattenSpec {}

impl LayerDefinition for FlattenSpec {
    fn info(&self) -> &'static LayerInfo {
        &LayerInfo {
            label: "Flatten",
            group: "Shape",
            summary: "image to row",
            description: "Writes all numbers of a sample in one row, channel by channel, so that a dense layer can take them.",
            formula: "a = x",
        }
    }

    fn caption(&self) -> String {
        "flatten".to_owned()
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        Ok(vec![volume(input)])
    }

    fn buffer(&self, _: &[usize]) -> u128 {
        0
    }

    fn lower(&self, _: &mut Lowering<'_>) {}
}

/// A row to another shape of as many numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReshapeSpec {
    pub shape: Vec<usize>,
}

impl Default for ReshapeSpec {
    fn default() -> Self {
        Self { shape: vec![1, 8, 8] }
    }
}

impl LayerDefinition for ReshapeSpec {
    fn info(&self) -> &'static LayerInfo {
        &LayerInfo {
            label: "Reshape",
            group: "Shape",
            summary: "row to image",
            description: "Reads the numbers of a sample, in their order, as another shape: [channels, height, width] for an image.",
            formula: "a = x",
        }
    }

    fn caption(&self) -> String {
        self.shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("×")
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>, String> {
        let (has, wants): (usize, u128) = (volume(input), numbers(1, &self.shape));
        if has as u128 == wants {
            Ok(self.shape.clone())
        } else {
            Err(format!("{has} numbers do not fit the shape {:?}, which has {wants}", self.shape))
        }
    }

    fn buffer(&self, _: &[usize]) -> u128 {
        0
    }

    fn lower(&self, _: &mut Lowering<'_>) {}

    fn invalid(&self) -> Option<String> {
        let bad = self.shape.is_empty() || self.shape.len() > 4 || self.shape.contains(&0);
        bad.then(|| "a shape has one to four sides of at least 1".to_owned())
    }
}
