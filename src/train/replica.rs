//! A network compiled for a data set, with all it needs to run rows of it: buffers, targets and augmentation.
//!
//! A training session owns one. Whoever looks at training without changing it (a recorded step, the loss around a weight, a
//! check of gradients) uses another one, built once and reused: parameters are copied in, data are shared.

use super::augment::Augmenter;
use super::batch::load;
use super::head_targets::HeadTargets;
use super::task::task;
use super::training_state::TrainingState;
use crate::data::Dataset;
use crate::format;
use crate::nn::{Demand, Loss, Network, NetworkFix, NetworkSpec, Plan, Problem, Real, compile};
use std::sync::Arc;

/// A network in numbers of type `T` (`f32` are those of training) and the data set it was compiled for.
pub struct Replica<T: Real> {
    spec: NetworkSpec,
    data: Arc<Dataset>,
    network: Network<T>,
    /// One for each head; the first is the one that counts.
    head_targets: Vec<HeadTargets>,
    augmenter: Option<Augmenter>,
    threads: usize,
}

impl<T: Real> Replica<T> {
    /// Compiles `spec` for mini-batches of up to so many rows of `data`; the initial parameters are drawn from `seed`.
    ///
    /// # Errors
    /// What keeps the network from training on the data.
    pub fn new(
        spec: &NetworkSpec,
        data: Arc<Dataset>,
        demand: impl Into<Demand>,
        seed: u64,
        threads: usize,
    ) -> Result<Self, Vec<Problem>> {
        let demand = demand.into();
        let plan = compile(spec, &task(&data), demand)?;
        let head_targets = HeadTargets::all(&plan, &data);
        check_targets(&plan, &head_targets)?;
        let network = Network::new(plan, demand.batch, seed, threads);
        let augmenter = Augmenter::of(&data);
        Ok(Self { spec: spec.clone(), data, network, head_targets, augmenter, threads })
    }

    /// The replica in `kept`, built if there is none, or if it belongs to another network or data set. It runs on one thread.
    ///
    /// # Errors
    /// What keeps the network from training on the data.
    pub fn reuse<'a>(
        kept: &'a mut Option<Self>,
        spec: &NetworkSpec,
        data: &Arc<Dataset>,
        capacity: usize,
    ) -> Result<&'a mut Self, Vec<Problem>> {
        let replica = match kept.take() {
            Some(replica) if replica.is_of(spec, data) => replica,
            _ => Self::new(spec, Arc::clone(data), capacity, 0, 1)?,
        };
        Ok(kept.insert(replica))
    }

    /// Whether it was built for this network and this very data set.
    pub fn is_of(&self, spec: &NetworkSpec, data: &Arc<Dataset>) -> bool {
        Arc::ptr_eq(&self.data, data) && self.spec == *spec
    }

    /// Makes room for mini-batches of `rows` rows; parameters stay, values of the last pass are lost where it grows.
    ///
    /// # Errors
    /// When the buffers would be too large; nothing has changed then.
    pub fn reserve(&mut self, rows: usize) -> Result<(), Vec<Problem>> {
        if rows > self.network.capacity() {
            self.reserve_with_seed(rows.into(), self.network.seed())?;
        }
        Ok(())
    }

    /// The same whatever the room there is, with another seed for dropout and noise.
    pub(super) fn reserve_with_seed(&mut self, demand: Demand, seed: u64) -> Result<(), Vec<Problem>> {
        let plan = compile(&self.spec, &task(&self.data), demand)?;
        let mut network = Network::new(plan, demand.batch, seed, self.threads);
        network.params_mut().copy_from_slice(self.network.params());
        self.network = network;
        Ok(())
    }

    /// Changes to other data. The compiled network stays, with its parameters, where these ask for the same one.
    ///
    /// # Errors
    /// What keeps the network from training on the data; nothing has changed then.
    pub(super) fn set_data(&mut self, data: Arc<Dataset>, demand: Demand) -> Result<(), Vec<Problem>> {
        if demand.batch != self.network.capacity() || task(&data) != task(&self.data) {
            *self = Self::new(&self.spec, data, demand, self.network.seed(), self.threads)?;
            return Ok(());
        }
        let head_targets = HeadTargets::all(self.network.plan(), &data);
        check_targets(self.network.plan(), &head_targets)?;
        self.head_targets = head_targets;
        self.augmenter = Augmenter::of(&data);
        self.data = data;
        Ok(())
    }

    /// Takes over parameters and seed of where training stands.
    ///
    /// # Panics
    /// If they belong to another network: the caller's bug.
    pub fn set_state(&mut self, state: &TrainingState) {
        assert_eq!(self.network.params().len(), state.params.len(), "the state belongs to another network");
        self.network.set_seed(state.seed);
        for (to, &from) in self.network.params_mut().iter_mut().zip(&state.params) {
            *to = T::from_f32(from);
        }
    }

    /// Loads rows of the data set as a mini-batch, with their weights; in `training` with the targets smoothed where an output
    /// asks for it.
    ///
    /// # Panics
    /// If there are more rows than there is room for, or none.
    pub fn load(&mut self, rows: &[u32], training: bool) {
        load(&mut self.network, &self.data, &self.head_targets, rows, training);
    }

    /// The forward pass of a training step: weighted rows, augmented with the random numbers of `seed`, with dropout and noise.
    /// `address` tells the random numbers of one step from those of others.
    ///
    /// # Panics
    /// If there are more rows than there is room for, or none.
    pub fn forward(&mut self, rows: &[u32], seed: u64, address: u64) {
        self.load(rows, true);
        if let Some(augmenter) = &mut self.augmenter {
            augmenter.change_batch(&mut self.network, seed, address);
        }
        self.network.forward(true, address);
    }

    pub fn spec(&self) -> &NetworkSpec {
        &self.spec
    }

    pub fn data(&self) -> &Arc<Dataset> {
        &self.data
    }

    pub fn plan(&self) -> &Plan {
        self.network.plan()
    }

    pub fn network(&self) -> &Network<T> {
        &self.network
    }

    pub fn network_mut(&mut self) -> &mut Network<T> {
        &mut self.network
    }

    /// What each head is compared with.
    pub fn head_targets(&self) -> &[HeadTargets] {
        &self.head_targets
    }

    /// Whether pictures are changed at random for a training step.
    pub fn augments(&self) -> bool {
        self.augmenter.is_some()
    }
}

/// Whether the targets of each head are such as its loss takes.
fn check_targets(plan: &Plan, head_targets: &[HeadTargets]) -> Result<(), Vec<Problem>> {
    let wrong = plan.heads.iter().zip(head_targets).filter_map(|(head, targets)| {
        let rule = head.loss.definition().target_rule()?;
        let (row, values) = targets.first_row_against(rule.fits)?;
        let values: Vec<String> = values.iter().take(6).map(|&v| format::number(f64::from(v))).collect();
        let message = format!(
            "{} takes targets that are {}, but those of row {} are {}; leave the targets as they are in Data, or choose another loss",
            head.loss.label(),
            rule.says,
            row + 1,
            values.join(", ")
        );
        let fix = NetworkFix::SetLoss { layer: head.layer, loss: Loss::MeanSquaredError };
        Some(Problem { layer: Some(head.layer), message, fix: Some(fix) })
    });
    let wrong: Vec<Problem> = wrong.collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}
