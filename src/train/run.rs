//! A run as data: everything needed to go on exactly where training stopped.

use super::history::History;
use super::schedule::EarlyStoppingMonitor;
use crate::data::Encoder;
use crate::nn::{LayerId, Optimizer, OptimizerState, Plan};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::mpsc::Receiver;

/// Parameters, optimizer state, position and history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunState {
    pub seed: u64,
    /// Epochs that are complete.
    pub epoch: u64,
    /// Training rows of the current epoch that are done.
    pub position: usize,
    /// Updates made.
    pub steps: u64,
    /// Seconds of training in the window, pauses not counted. The commands leave it as it was, so that what they write depends on
    /// nothing but what they are given.
    #[serde(default, skip_serializing_if = "no_time")]
    pub seconds: f64,
    /// Sum of the losses of the current epoch's samples.
    pub loss_sum: f64,
    /// Norm of each layer's gradient at the last mini-batch, where the epoch still waits for its validation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub norms: Vec<f32>,
    /// Gradient accumulation: the sum over the mini-batches so far of gradient × samples, and their samples.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gathered: Vec<f32>,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub gathered_samples: usize,
    pub parameters: Vec<Tensor>,
    /// What L-BFGS knows of the curvature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub curvature: Option<SavedCurvature>,
    /// What early stopping and the plateau schedule know of the losses, where there is one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watch: Option<EarlyStoppingMonitor>,
    /// The preparation with what it learned from the training rows, so that predictions need no training data.
    pub encoder: Encoder,
    pub history: History,
}

/// A run to go on with.
#[derive(Debug)]
pub enum Resume {
    /// From a file: it is told where it does not fit.
    Saved(Box<RunState>),
    /// That this trainer gave before; where it does not fit, training begins anew.
    Kept(Receiver<RunState>),
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde asks by reference
fn no_time(seconds: &f64) -> bool {
    *seconds == 0.0
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde asks by reference
fn is_zero(value: &usize) -> bool {
    *value == 0
}

/// Steps of L-BFGS and the changes of the gradient that they made, the oldest first, and the size of the last step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SavedCurvature {
    pub steps: Vec<Vec<f32>>,
    pub changes: Vec<Vec<f32>>,
    pub size: f64,
}

/// One parameter tensor with the optimizer's running averages of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tensor {
    pub layer: LayerId,
    pub name: String,
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
    /// Velocity, mean square, or first moment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub first: Vec<f32>,
    /// Second moment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub second: Vec<f32>,
}

impl RunState {
    pub(super) fn new(
        plan: &Plan,
        params: &[f32],
        state: &OptimizerState<f32>,
        history: History,
        encoder: Encoder,
    ) -> Self {
        let parameters = plan.parameters.iter().map(|p| {
            let part = |values: &[f32]| values.get(p.range.clone()).map_or_else(Vec::new, <[f32]>::to_vec);
            Tensor {
                layer: p.layer,
                name: p.shape.name.to_owned(),
                shape: p.shape.shape.clone(),
                values: part(params),
                first: part(&state.first),
                second: part(&state.second),
            }
        });
        let parameters = parameters.collect();
        Self {
            seed: 0,
            epoch: 0,
            position: 0,
            steps: state.steps,
            seconds: 0.0,
            loss_sum: 0.0,
            norms: Vec::new(),
            gathered: Vec::new(),
            gathered_samples: 0,
            curvature: state.curvature.steps.first().map(|_| {
                let curvature = &state.curvature;
                let known = |pairs: &[Vec<f32>]| pairs[..curvature.known].to_vec();
                let (steps, changes) = (known(&curvature.steps), known(&curvature.changes));
                SavedCurvature { steps, changes, size: curvature.size }
            }),
            watch: None,
            parameters,
            encoder,
            history,
        }
    }

    /// Flat parameters and optimizer state, or what does not fit.
    pub(super) fn restore(&self, plan: &Plan, optimizer: Optimizer) -> Result<(Vec<f32>, OptimizerState<f32>), String> {
        let mut params = vec![0.0; plan.length];
        let mut state = OptimizerState::new(optimizer, plan.learning);
        state.steps = self.steps;
        if let (Some(saved), true) = (&self.curvature, optimizer.takes_all()) {
            let fits = saved.steps.len() == saved.changes.len()
                && saved.steps.len() <= state.curvature.steps.len()
                && saved.steps.iter().chain(&saved.changes).all(|v| v.len() == plan.learning);
            if !fits {
                return Err("what L-BFGS knew is of another network".to_owned());
            }
            state.curvature.known = saved.steps.len();
            state.curvature.size = saved.size;
            for (to, from) in state.curvature.steps.iter_mut().zip(&saved.steps) {
                to.copy_from_slice(from);
            }
            for (to, from) in state.curvature.changes.iter_mut().zip(&saved.changes) {
                to.copy_from_slice(from);
            }
        }
        for p in &plan.parameters {
            let name = p.shape.name;
            let tensor = self
                .parameters
                .iter()
                .find(|t| t.layer == p.layer && t.name == name)
                .ok_or_else(|| format!("it has no {name} of layer {}", p.layer.0))?;
            if tensor.shape != p.shape.shape || tensor.values.len() != p.range.len() {
                return Err(format!(
                    "the {name} of layer {} has shape {:?} and {} values, but the network needs {:?}",
                    p.layer.0,
                    tensor.shape,
                    tensor.values.len(),
                    p.shape.shape
                ));
            }
            if tensor.values.iter().chain(&tensor.first).chain(&tensor.second).any(|v| !v.is_finite()) {
                return Err(format!("the {name} of layer {} holds numbers that are too large", p.layer.0));
            }
            params[p.range.clone()].copy_from_slice(&tensor.values);
            for (slot, saved) in [(&mut state.first, &tensor.first), (&mut state.second, &tensor.second)] {
                // Parameters that were frozen so far start with fresh averages.
                if slot.is_empty() || p.range.end > plan.learning || saved.is_empty() {
                    continue;
                }
                if saved.len() != p.range.len() {
                    return Err(format!(
                        "the {name} of layer {} lacks the averages of {}",
                        p.layer.0,
                        optimizer.label()
                    ));
                }
                slot[p.range.clone()].copy_from_slice(saved);
            }
        }
        Ok((params, state))
    }

    /// The parameters of one layer by name.
    pub fn tensor(&self, layer: LayerId, name: &str) -> Option<&Tensor> {
        self.parameters.iter().find(|t| t.layer == layer && t.name == name)
    }
}
