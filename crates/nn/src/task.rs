//! What the data ask of a network: features by column, and targets by kind.

use super::sample_shape::volume;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the data ask of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Shape of one sample's features.
    pub input: Vec<usize>,
    /// The columns that the features come from, in order; empty where nobody asks.
    pub columns: Vec<FeatureColumn>,
    /// At least one; the first is the target where an output does not choose.
    pub targets: Vec<TargetGroup>,
}

/// A column of the data as a network sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureColumn {
    pub name: String,
    /// Features that it becomes.
    pub width: usize,
    pub content: Content,
}

/// What the features of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// The numbers of so many categories, from 0.
    Categories(usize),
    /// Numbers as they stand in the table: they may be categories.
    Plain,
    /// Numbers that are no categories: brought to a scale, or one for each level.
    Scaled,
}

/// Targets of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetGroup {
    /// The columns that they come from.
    pub columns: Vec<String>,
    pub target: Target,
}

impl Task {
    /// A task of one kind of target whose columns have no names.
    pub fn new(input: Vec<usize>, target: Target) -> Self {
        Self { input, columns: Vec::new(), targets: vec![TargetGroup { columns: Vec::new(), target }] }
    }

    /// What is to be predicted where an output does not choose.
    pub fn target(&self) -> Target {
        self.targets[0].target
    }

    /// The features that come from the columns, or the name of one that does not exist.
    pub(super) fn features(&self, columns: &[String]) -> Result<Vec<u32>, String> {
        let mut features = Vec::new();
        for column in columns {
            let place = self.columns.iter().position(|c| c.name == *column).ok_or_else(|| column.clone())?;
            let first: usize = self.columns[..place].iter().map(|c| c.width).sum();
            features.extend((first..first + self.columns[place].width).map(|k| k as u32));
        }
        Ok(features)
    }

    /// What an output is compared with, or why that does not exist.
    pub(super) fn compare(&self, comparison: &Comparison) -> Result<(HeadTarget, Target), String> {
        let columns = match comparison {
            Comparison::Target => return Ok((HeadTarget::Group { group: 0, columns: None }, self.target())),
            Comparison::Features => return Ok((HeadTarget::Features, Target::Values(volume(&self.input)))),
            Comparison::Columns(columns) => columns,
        };
        let group = self.targets.iter().position(|g| columns.iter().all(|c| g.columns.contains(c)));
        let Some(group) = group.filter(|_| !columns.is_empty()) else {
            return Err(format!("the data have no targets {} of one kind", columns.join(", ")));
        };
        let found = &self.targets[group];
        match found.target {
            Target::Classes(_) => Ok((HeadTarget::Group { group, columns: None }, found.target)),
            Target::Values(_) => {
                let places: Vec<usize> =
                    columns.iter().filter_map(|c| found.columns.iter().position(|f| f == c)).collect();
                let target = Target::Values(places.len());
                Ok((HeadTarget::Group { group, columns: Some(places) }, target))
            }
        }
    }
}

/// What is to be predicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// One of so many classes.
    Classes(usize),
    /// So many numbers.
    Values(usize),
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

/// What a head is compared with in the data of the task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeadTarget {
    /// A group of targets of the data, all or some of its columns.
    Group { group: usize, columns: Option<Vec<usize>> },
    /// The features themselves.
    Features,
}

/// How targets are written for the loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// One unit a class: 1 for the true one, else 0.
    OneHot,
    /// One unit a class: +1 for the true one, else −1.
    SignedOneHot,
    /// One unit: −1 for the first class, +1 for the second.
    Signed,
    /// One unit: 0 for the first class, 1 for the second.
    ZeroOne,
    /// The numbers themselves.
    Values,
}
