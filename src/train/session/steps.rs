//! The steps of training: phases, mini-batches, epochs with their validation, schedule and early stopping.

use super::{Diverged, Phase, Session, Tick};
use crate::data::Part;
use crate::nn;
use crate::nn::UpdateRule;
use crate::train::evaluation::PartEvaluation;
use std::ops::Range;

impl Session {
    /// Step 1: takes the next mini-batch and runs it through the network.
    pub fn forward(&mut self) {
        let rows = self.batch_rows();
        let address = self.address();
        self.replica.forward(&self.order[rows], self.config.seed, address);
        self.phase = Phase::Error;
    }

    /// Addresses the random numbers of the next forward pass, also for the mini-batches of one update.
    pub(super) fn address(&self) -> u64 {
        self.state.steps ^ ((self.accumulated.1 as u64) << 40)
    }

    /// The rule of the next update.
    pub(super) fn rule(&self) -> UpdateRule {
        UpdateRule { learning_rate: self.learning_rate(self.position), ..self.config.rule() }
    }

    /// Step 2: compares with the targets.
    ///
    /// # Errors
    /// When the loss is not finite; the parameters stay as they are.
    pub fn error(&mut self) -> Result<f64, Diverged> {
        self.batch_loss = self.replica.network_mut().error();
        if !self.batch_loss.is_finite() {
            let network = self.replica.network();
            let layer = network.first_exploded().unwrap_or(network.plan().head().layer);
            self.phase = Phase::Forward;
            return Err(Diverged {
                layer: self.replica.spec().name(layer),
                epoch: self.epoch + 1,
                step: self.state.steps + 1,
            });
        }
        self.phase = Phase::Backward;
        Ok(self.batch_loss)
    }

    /// Step 3: the gradient of every parameter.
    pub fn backward(&mut self) {
        self.replica.network_mut().backward();
        self.phase = Phase::Update;
        if self.batch_rows().end == self.order.len() {
            self.history.gradient_norms(self.replica.network(), &mut self.norms);
        }
    }

    /// Step 4: moves the parameters, and counts the mini-batch as done.
    pub fn update(&mut self) {
        let done = self.batch_rows();
        if self.accumulate(&done) {
            let rule = self.rule();
            self.replica.network_mut().update(&rule, &mut self.state);
        } else {
            self.replica.network_mut().update_running_statistics();
        }
        self.loss_sum += self.batch_loss * done.len() as f64;
        self.position = done.end;
        self.phase = Phase::Forward;
        if self.position == self.order.len() {
            self.validating = Some(PartEvaluation::new(&self.replica, Part::Validation, false));
        }
    }

    /// Gradient accumulation: adds the gradient of a mini-batch to the sum. True when the update is due; the network's gradient
    /// is then the mean over all samples.
    fn accumulate(&mut self, rows: &Range<usize>) -> bool {
        let all = self.config.optimizer.takes_all();
        if self.config.accumulate == 1 && !all {
            return true;
        }
        let network = self.replica.network_mut();
        let learning = network.plan().learning;
        let (sum, samples) = &mut self.accumulated;
        if *samples == 0 {
            sum.clear();
            sum.resize(learning, 0.0);
        }
        nn::add(sum, &network.grads()[..learning], rows.len() as f32);
        *samples += rows.len();
        let batch = rows.start / self.config.batch_size + 1;
        let due = rows.end == self.order.len() || (!all && batch.is_multiple_of(self.config.accumulate));
        if due {
            nn::scale(sum, 1.0 / *samples as f32);
            network.grads_mut()[..learning].copy_from_slice(sum);
            *samples = 0;
        }
        due
    }

    /// One phase, or one chunk of the validation at the end of an epoch.
    ///
    /// # Errors
    /// When the loss is not finite.
    pub fn advance(&mut self) -> Result<Tick, Diverged> {
        if let Some(validating) = self.validating.take() {
            return Ok(self.validate(validating));
        }
        let phase = self.phase;
        match phase {
            Phase::Forward => self.forward(),
            Phase::Error => self.error().map(|_| ())?,
            Phase::Backward => self.backward(),
            Phase::Update => {
                self.update();
                return Ok(Tick::Batch);
            }
        }
        Ok(Tick::Phase(phase))
    }

    /// The rest of a mini-batch, or one chunk of the validation at the end of an epoch.
    ///
    /// # Errors
    /// When the loss is not finite.
    pub fn tick(&mut self) -> Result<Tick, Diverged> {
        loop {
            match self.advance()? {
                Tick::Phase(_) => {}
                tick => return Ok(tick),
            }
        }
    }

    /// The rest of the epoch.
    ///
    /// # Errors
    /// When the loss is not finite.
    pub fn epoch(&mut self) -> Result<(), Diverged> {
        while self.tick()? != Tick::Epoch {}
        Ok(())
    }

    /// A chunk of the validation; after the last one, the end of the epoch.
    fn validate(&mut self, mut validating: PartEvaluation) -> Tick {
        let rows = self.replica.network().capacity();
        if !validating.advance(&mut self.replica, rows) {
            self.validating = Some(validating);
            return Tick::Evaluating;
        }
        if let Some(first) = validating.first(&self.replica) {
            self.validation = Some(first);
            self.head_validations.clear();
            self.head_validations.extend(validating.heads(&self.replica));
        }
        self.end_epoch();
        Tick::Epoch
    }

    fn end_epoch(&mut self) {
        // That of the last update.
        let rate = self.learning_rate((self.order.len() - 1) / self.config.batch_size * self.config.batch_size);
        self.epoch += 1;
        let train_loss = self.loss_sum / self.order.len() as f64;
        self.history.record(self.epoch, train_loss, self.validation, rate, &self.norms);
        self.observe(self.validation.map_or(train_loss, |v| v.loss));
        if self.history.wants_histogram(self.epoch) {
            self.history.record_histogram(self.epoch, self.replica.network());
        }
        self.loss_sum = 0.0;
        self.shuffle();
    }

    /// Schedule and early stopping see the loss of an epoch; the best parameters come back where training ends early.
    fn observe(&mut self, loss: f64) {
        let stopping = self.config.early_stopping;
        let best = self.monitor.observe(self.epoch, loss, self.config.schedule, stopping);
        if best && stopping.is_some_and(|s| s.restore_best) {
            self.replica.network().params().clone_into(&mut self.monitor.parameters);
        }
        if self.monitor.stopped {
            self.restore_best();
        }
    }

    /// The end of training, early or after the last epoch: where early stopping restores the best epoch, its parameters come
    /// back. Returns that epoch, counted from 1; none where the last epoch was the best, or where nothing is to be restored.
    /// Training that goes on after it starts from these parameters.
    pub fn restore_best(&mut self) -> Option<u64> {
        self.best_epoch()?;
        let (network, best) = (self.replica.network_mut(), &self.monitor.parameters);
        if network.params().len() == best.len() && network.params() != best {
            network.params_mut().copy_from_slice(best);
            // For L-BFGS, a step of no length: the change of the gradient says nothing about the curvature.
            self.state.curvature.size = 0.0;
            self.restart_batch();
        }
        self.restored_epoch()
    }

    /// The epoch whose parameters early stopping brought back, while these are as they were.
    pub fn restored_epoch(&self) -> Option<u64> {
        self.best_epoch().filter(|_| self.network().params() == self.monitor.parameters)
    }

    /// The epoch that early stopping restores at the end; none where it is the last one, or where none is to be restored.
    fn best_epoch(&self) -> Option<u64> {
        self.config.early_stopping.filter(|s| s.restore_best)?;
        // Runs of before do not say which epoch was the best.
        let best = self.monitor.best_epoch.unwrap_or(self.epoch.saturating_sub(self.monitor.since));
        (self.monitor.best.is_some() && best < self.epoch).then_some(best)
    }

    /// The configured learning rate as the schedule changes it, for the update that the row at `position` of this epoch
    /// belongs to.
    fn learning_rate(&self, position: usize) -> f32 {
        let batches = self.order.len().div_ceil(self.config.batch_size).max(1);
        let together = if self.config.optimizer.takes_all() { batches } else { self.config.accumulate };
        let update = 1.0 / batches.div_ceil(together) as f64;
        let epochs = self.epoch as f64 + (position / self.config.batch_size / together) as f64 * update;
        let factor = self.config.schedule.factor(epochs, update) * self.monitor.factor;
        (f64::from(self.config.learning_rate) * factor) as f32
    }

    /// Whether early stopping has ended training.
    pub fn has_stopped_early(&self) -> bool {
        self.monitor.has_stopped(self.config.early_stopping)
    }

    /// Goes on after an early end; patience is counted from zero.
    pub fn go_on(&mut self) {
        self.monitor.stopped = false;
        self.monitor.since = 0;
    }

    pub(super) fn batch_rows(&self) -> Range<usize> {
        self.position..(self.position + self.config.batch_size).min(self.order.len())
    }
}
