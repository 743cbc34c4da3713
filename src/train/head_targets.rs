//! What the heads of a network are compared with, for one data set. The numbers are shared with the data set, not copied.

use crate::data::{Dataset, Part, TargetScale, Targets, balanced};
use crate::nn::layers::ClassWeights;
use crate::nn::{Head, HeadTarget, Plan};
use ndarray::ArcArray2;
use std::sync::Arc;

/// The targets of one head, and the weight of each class.
#[derive(Clone, Debug)]
pub struct HeadTargets {
    pub(super) expected: Expected,
    pub class_weights: Option<Vec<f32>>,
}

/// The target of every row of the data set.
#[derive(Clone, Debug)]
pub(super) enum Expected {
    Classes { names: Vec<String>, labels: Arc<[u32]> },
    Values(ExpectedValues),
}

/// Encoded numbers, with what leads back to the columns' own units.
#[derive(Clone, Debug)]
pub(super) struct ExpectedValues {
    /// One for each output, as `scales`.
    pub names: Vec<String>,
    pub scales: Vec<TargetScale>,
    /// `[rows, columns]`
    pub values: ArcArray2<f32>,
    /// The column of each output; all columns in order where absent.
    pub columns: Option<Vec<usize>>,
}

impl ExpectedValues {
    /// The encoded target of output `k` in a row.
    pub fn at(&self, row: usize, k: usize) -> f32 {
        self.values[[row, self.columns.as_ref().map_or(k, |columns| columns[k])]]
    }
}

impl HeadTargets {
    /// One for each head of `plan`, which was compiled for `data`.
    pub fn all(plan: &Plan, data: &Dataset) -> Vec<Self> {
        plan.heads.iter().map(|head| Self::of(head, data)).collect()
    }

    fn of(head: &Head, data: &Dataset) -> Self {
        let expected = match &head.target {
            HeadTarget::Features => Expected::Values(ExpectedValues {
                names: data.encoder.feature_names(),
                scales: data.encoder.scales().collect(),
                values: data.x.clone(),
                columns: None,
            }),
            HeadTarget::Group { group, columns } => match &data.targets[*group] {
                Targets::Classes { names, labels } => {
                    Expected::Classes { names: names.clone(), labels: Arc::clone(labels) }
                }
                Targets::Values { names, values, scales } => {
                    let all = || (0..names.len()).collect();
                    let chosen: Vec<usize> = columns.clone().unwrap_or_else(all);
                    Expected::Values(ExpectedValues {
                        names: chosen.iter().map(|&k| names[k].clone()).collect(),
                        scales: chosen.iter().map(|&k| scales[k]).collect(),
                        values: values.clone(),
                        columns: columns.clone(),
                    })
                }
            },
        };
        let class_weights = match (&head.class_weights, &expected) {
            (ClassWeights::Chosen(weights), _) => Some(weights.clone()),
            (ClassWeights::Balanced, Expected::Classes { names, labels }) => {
                Some(balanced(names.len(), data.part(Part::Train).iter().map(|&row| labels[row as usize] as usize)))
            }
            _ => None,
        };
        Self { expected, class_weights }
    }

    /// Names of the classes, or of the values that are predicted.
    pub fn names(&self) -> &[String] {
        match &self.expected {
            Expected::Classes { names, .. } | Expected::Values(ExpectedValues { names, .. }) => names,
        }
    }

    /// The first row, counted from 0, whose numbers do not fit, with these; none where the targets are classes.
    pub(super) fn first_row_against(&self, fits: fn(&[f32]) -> bool) -> Option<(usize, Vec<f32>)> {
        let Expected::Values(expected) = &self.expected else { return None };
        let mut row = vec![0.0; expected.names.len()];
        (0..expected.values.nrows()).find_map(|at| {
            row.iter_mut().enumerate().for_each(|(k, value)| *value = expected.at(at, k));
            (!fits(&row)).then(|| (at, row.clone()))
        })
    }

    /// The smallest and the largest number among these rows, as they are encoded, and how many rows have one outside of `low`
    /// to `high`; none where the targets are classes.
    pub(super) fn outside(&self, rows: &[u32], low: f32, high: f32) -> Option<(f32, f32, usize)> {
        let Expected::Values(expected) = &self.expected else { return None };
        let (mut least, mut most, mut outside) = (f32::INFINITY, f32::NEG_INFINITY, 0);
        for &row in rows {
            let mut out = false;
            for k in 0..expected.names.len() {
                let value = expected.at(row as usize, k);
                (least, most) = (least.min(value), most.max(value));
                out |= value < low || value > high;
            }
            outside += usize::from(out);
        }
        Some((least, most, outside))
    }

    pub fn is_classes(&self) -> bool {
        matches!(self.expected, Expected::Classes { .. })
    }

    /// Whether rows count differently in the loss.
    pub(super) fn has_weights(&self, data: &Dataset) -> bool {
        data.weights.is_some() || self.class_weights.is_some()
    }

    /// The weights of some rows in the loss, added up.
    pub(super) fn total_weight(&self, data: &Dataset, rows: &[u32]) -> f64 {
        if !self.has_weights(data) {
            return rows.len() as f64;
        }
        rows.iter().map(|&row| f64::from(self.weight(data, row))).sum()
    }

    /// The weight of a row in the loss.
    pub(super) fn weight(&self, data: &Dataset, row: u32) -> f32 {
        let of_row = data.weights.as_ref().map_or(1.0, |w| w[row as usize]);
        let of_class = match (&self.class_weights, &self.expected) {
            (Some(weights), Expected::Classes { labels, .. }) => weights[labels[row as usize] as usize],
            _ => 1.0,
        };
        of_row * of_class
    }
}
