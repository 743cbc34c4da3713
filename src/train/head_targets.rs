//! What the heads of a network are compared with, for one data set.

use crate::data::{Dataset, Part, Targets, balanced};
use crate::nn::layers::ClassWeights;
use crate::nn::{Head, HeadTarget, Plan};
use ndarray::Axis;

/// The targets of one head, and how much each class counts.
#[derive(Clone, Debug)]
pub struct HeadTargets {
    pub targets: Targets,
    pub class_weights: Option<Vec<f32>>,
}

impl HeadTargets {
    /// One for each head of `plan`, which was compiled for `data`.
    pub fn all(plan: &Plan, data: &Dataset) -> Vec<Self> {
        plan.heads.iter().map(|head| Self::of(head, data)).collect()
    }

    fn of(head: &Head, data: &Dataset) -> Self {
        let targets = match &head.target {
            HeadTarget::Features => Targets::Values {
                names: data.encoder.feature_names(),
                values: data.x.clone(),
                scales: data.encoder.scales().collect(),
            },
            HeadTarget::Group { group, columns } => match (&data.targets[*group], columns) {
                (Targets::Values { names, values, scales }, Some(chosen)) => Targets::Values {
                    names: chosen.iter().map(|&k| names[k].clone()).collect(),
                    values: values.select(Axis(1), chosen).into_shared(),
                    scales: chosen.iter().map(|&k| scales[k]).collect(),
                },
                (targets, _) => targets.clone(),
            },
        };
        let class_weights = match (&head.class_weights, &targets) {
            (ClassWeights::Chosen(weights), _) => Some(weights.clone()),
            (ClassWeights::Balanced, Targets::Classes { names, labels }) => {
                Some(balanced(names.len(), data.part(Part::Train).iter().map(|&row| labels[row as usize] as usize)))
            }
            _ => None,
        };
        Self { targets, class_weights }
    }

    /// How much a row counts.
    pub(super) fn weight(&self, data: &Dataset, row: u32) -> f32 {
        let of_row = data.weights.as_ref().map_or(1.0, |w| w[row as usize]);
        let of_class = match (&self.class_weights, &self.targets) {
            (Some(weights), Targets::Classes { labels, .. }) => weights[labels[row as usize] as usize],
            _ => 1.0,
        };
        of_row * of_class
    }
}
