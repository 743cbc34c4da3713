//! Where training stands as data: for the next step, and to go on later.

use super::{Part, Session, SessionError};
use crate::train::evaluation::PartEvaluation;
use crate::train::run::RunState;
use crate::train::schedule::Schedule;
use crate::train::training_state::TrainingState;

impl Session {
    /// Where training stands. A mini-batch in the middle of its phases counts as not yet begun.
    pub fn training_state(&self) -> TrainingState {
        TrainingState {
            params: self.network().params().to_vec(),
            state: self.state.clone(),
            rule: self.rule(),
            seed: self.config.seed,
            address: self.address(),
            rows: self.next_rows().to_vec(),
        }
    }

    /// The next mini-batch; at the end of an epoch, which still waits for its validation, the first of that epoch.
    fn next_rows(&self) -> &[u32] {
        let rows = self.batch_rows();
        if rows.is_empty() { &self.order[..self.config.batch_size.min(self.order.len())] } else { &self.order[rows] }
    }

    /// Everything needed to go on exactly here.
    pub fn save(&self) -> RunState {
        let (plan, params) = (self.replica.plan(), self.network().params());
        RunState {
            seed: self.config.seed,
            epoch: self.epoch,
            position: self.position,
            loss_sum: self.loss_sum,
            watch: self.depends_on_losses().then(|| self.monitor.clone()),
            norms: if self.validating.is_some() { self.norms.clone() } else { Vec::new() },
            gathered: if self.accumulated.1 > 0 { self.accumulated.0.clone() } else { Vec::new() },
            gathered_samples: self.accumulated.1,
            ..RunState::new(plan, params, &self.state, self.history.clone(), self.data().encoder.clone())
        }
    }

    /// Whether schedule or early stopping depend on the losses so far.
    fn depends_on_losses(&self) -> bool {
        self.config.early_stopping.is_some() || matches!(self.config.schedule, Schedule::Plateau { .. })
    }

    /// Goes on where `run` stopped.
    ///
    /// # Errors
    /// When the run belongs to another network or to other data; the session is as before then.
    pub fn resume(&mut self, run: &RunState) -> Result<(), SessionError> {
        let wrong = |text: &str| Err(SessionError::Run(text.to_owned()));
        if run.position > self.order.len() {
            return wrong("it has more training rows than the data");
        }
        if run.history.layers != self.history.layers || !run.history.fits() {
            return wrong("its history has other layers");
        }
        if !(run.norms.is_empty() || run.norms.len() == self.norms.len()) {
            return wrong("its gradient norms are of other layers");
        }
        let watch = run.watch.clone().unwrap_or_default();
        if !(watch.parameters.is_empty() || watch.parameters.len() == self.network().params().len()) {
            return wrong("its best parameters are of another network");
        }
        if run.gathered_samples > 0 && run.gathered.len() != self.replica.plan().learning {
            return wrong("its gradients are of another network");
        }
        let optimizer = self.config.optimizer;
        let (params, state) = run.restore(self.replica.plan(), optimizer).map_err(SessionError::Run)?;
        self.replica.network_mut().params_mut().copy_from_slice(&params);
        self.state = state;
        self.history = run.history.clone();
        self.epoch = run.epoch;
        self.loss_sum = run.loss_sum;
        self.monitor = watch;
        self.accumulated = (run.gathered.clone(), run.gathered_samples);
        if !run.norms.is_empty() {
            self.norms.copy_from_slice(&run.norms);
        }
        self.batch_loss = f64::NAN;
        self.restart_batch();
        self.validation = self.history.last_evaluation();
        self.head_validations.clear();
        self.shuffle();
        self.position = run.position;
        let waits = self.position == self.order.len();
        self.validating = waits.then(|| PartEvaluation::new(&self.replica, Part::Validation, false));
        Ok(())
    }
}
