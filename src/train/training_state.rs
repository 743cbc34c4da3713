//! Where training stands, as plain numbers: what the next step starts from.

use super::session::Session;
use crate::nn::{OptimizerState, UpdateRule};

/// Everything that the next update follows from, beside network and data.
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

impl Session {
    /// Where training stands. A mini-batch in the middle of its phases counts as not yet begun.
    pub fn training_state(&self) -> TrainingState {
        TrainingState {
            params: self.network().params().to_vec(),
            state: self.optimizer_state().clone(),
            rule: self.rule(),
            seed: self.config().seed,
            address: self.address(),
            rows: self.next_rows().to_vec(),
        }
    }
}
