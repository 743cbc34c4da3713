//! Where training stands, as plain numbers: what the next step starts from.

use crate::nn::{OptimizerState, UpdateRule};

/// Everything that decides the next update, beside network and data.
#[derive(Clone, Debug)]
pub struct TrainingState {
    /// Flat, in the order of the plan.
    pub params: Vec<f32>,
    pub state: OptimizerState<f32>,
    /// With the learning rate as the schedule has it now.
    pub rule: UpdateRule,
    pub seed: u64,
    /// Addresses the random numbers of the next forward pass.
    pub address: u64,
    /// The rows of the data set in the next mini-batch.
    pub rows: Vec<u32>,
}
