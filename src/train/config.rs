//! How a network is trained.

use super::schedule::{EarlyStopping, Schedule};
use crate::nn::{Demand, Optimizer, UpdateRule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The settings of training that a document holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrainConfig {
    #[serde(default)]
    pub optimizer: Optimizer,
    pub learning_rate: f32,
    #[serde(default, skip_serializing_if = "is_constant")]
    pub schedule: Schedule,
    /// λ₁ of λ₁ Σ|w|, weights only.
    #[serde(default)]
    pub l1: f32,
    /// λ₂ of (λ₂/2) Σw², weights only.
    #[serde(default)]
    pub l2: f32,
    /// Clip by norm: the largest norm of the whole gradient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f32>,
    /// Clip by value: the largest absolute value of each component of the gradient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_value: Option<f32>,
    /// Gradient accumulation: mini-batches whose gradients are averaged for one update.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub accumulate: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<EarlyStopping>,
    /// Samples in a mini-batch.
    pub batch_size: usize,
    /// Stop after so many epochs; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<u64>,
    /// Seed of the initial parameters, shuffling, dropout and augmentation.
    #[serde(default)]
    pub seed: u64,
}

fn is_constant(schedule: &Schedule) -> bool {
    *schedule == Schedule::Constant
}

fn one() -> usize {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde asks by reference
fn is_one(value: &usize) -> bool {
    *value == 1
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            optimizer: Optimizer::default(),
            learning_rate: 0.01,
            schedule: Schedule::Constant,
            early_stopping: None,
            l1: 0.0,
            l2: 0.0,
            clip_norm: None,
            clip_value: None,
            accumulate: 1,
            batch_size: 16,
            epochs: Some(200),
            seed: 1,
        }
    }
}

impl TrainConfig {
    pub fn rule(&self) -> UpdateRule {
        UpdateRule {
            optimizer: self.optimizer,
            learning_rate: self.learning_rate,
            l1: self.l1,
            l2: self.l2,
            clip_norm: self.clip_norm,
            clip_value: self.clip_value,
        }
    }

    /// What a network that is trained like this keeps in memory, with buffers for `batch` samples.
    pub fn demand(&self, batch: usize) -> Demand {
        let copies = [self.accumulate > 1, self.early_stopping.is_some_and(|s| s.restore_best)];
        let copies = copies.into_iter().filter(|copied| *copied).count();
        Demand { batch, per_parameter: self.optimizer.remembered() + copies }
    }

    /// What is out of range, and the range.
    pub fn problem(&self) -> Option<String> {
        self.wrong_setting().map(|(_, problem)| problem)
    }

    /// The setting that is out of range by its name in presets, and the range.
    pub fn wrong_setting(&self) -> Option<(&'static str, String)> {
        let bad = |v: f32| !v.is_finite() || v < 0.0;
        let positive = |v: f32| v.is_finite() && v > 0.0;
        let share = |v: f32| (0.0..1.0).contains(&v);
        let constants = match self.optimizer {
            Optimizer::Sgd {} | Optimizer::Lbfgs {} => true,
            Optimizer::Momentum { momentum } | Optimizer::Nesterov { momentum } => share(momentum),
            Optimizer::Rmsprop { decay, epsilon } | Optimizer::Adadelta { decay, epsilon } => {
                share(decay) && positive(epsilon)
            }
            Optimizer::Adagrad { epsilon } => positive(epsilon),
            Optimizer::Nadam { beta1, beta2, epsilon, momentum_decay } => {
                share(beta1) && share(beta2) && positive(epsilon) && !bad(momentum_decay)
            }
            Optimizer::Lion { beta1, beta2, weight_decay } => share(beta1) && share(beta2) && !bad(weight_decay),
            Optimizer::Rprop { shrink, grow } => shrink > 0.0 && shrink < 1.0 && grow.is_finite() && grow > 1.0,
            Optimizer::Adam { beta1, beta2, epsilon } | Optimizer::Radam { beta1, beta2, epsilon } => {
                share(beta1) && share(beta2) && positive(epsilon)
            }
            Optimizer::AdamW { beta1, beta2, epsilon, weight_decay } => {
                share(beta1) && share(beta2) && positive(epsilon) && !bad(weight_decay)
            }
        };
        let clip_is_wrong = |clip: Option<f32>| clip.is_some_and(|c| !positive(c));
        let batches = 1..=MAX_BATCH;
        let at_least_0 = |what: &str, value: f32| format!("{what} must be a number of at least 0, but is {value}.");
        let above_0 = |what: &str, value: Option<f32>| {
            format!("{what} must be a number above 0, but is {}.", value.unwrap_or_default())
        };
        let schedule = self.schedule.problem();
        // Whether it is out of range, its name in presets, and what to say.
        let settings: [(bool, &'static str, &dyn Fn() -> String); 9] = [
            (bad(self.learning_rate), "learning_rate", &|| at_least_0("The learning rate", self.learning_rate)),
            (bad(self.l1), "l1", &|| at_least_0("L1", self.l1)),
            (bad(self.l2), "l2", &|| at_least_0("L2", self.l2)),
            (clip_is_wrong(self.clip_norm), "clip_norm", &|| above_0("The largest gradient norm", self.clip_norm)),
            (clip_is_wrong(self.clip_value), "clip_value", &|| above_0("The largest gradient value", self.clip_value)),
            (!batches.contains(&self.accumulate), "accumulate", &|| {
                format!("Between 1 and {MAX_BATCH} mini-batches make an update, not {}.", self.accumulate)
            }),
            (!batches.contains(&self.batch_size), "batch_size", &|| {
                format!("The batch size must be between 1 and {MAX_BATCH}, but is {}.", self.batch_size)
            }),
            (schedule.is_some(), "schedule", &|| schedule.clone().unwrap_or_default()),
            (!constants, "optimizer", &|| constants_of(self.optimizer)),
        ];
        settings.into_iter().find(|(wrong, ..)| *wrong).map(|(_, setting, text)| (setting, text()))
    }
}

/// The range of an optimizer's constants.
fn constants_of(optimizer: Optimizer) -> String {
    match optimizer {
        Optimizer::Rprop { .. } => {
            "For Rprop, shrink must lie between 0 and 1, and grow must be a number above 1.".to_owned()
        }
        optimizer => format!(
            "The constants of {} must be at least 0 and below 1, and ε above 0; decays must be at least 0.",
            optimizer.label()
        ),
    }
}

const MAX_BATCH: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::TrainConfig;
    use crate::nn::Optimizer;
    use crate::train::Schedule;

    #[test]
    fn each_setting_is_told_by_its_name() {
        let of = |change: fn(&mut TrainConfig)| {
            let mut config = TrainConfig::default();
            change(&mut config);
            config.wrong_setting()
        };
        assert_eq!(of(|_| {}), None);
        type Case = (&'static str, fn(&mut TrainConfig), &'static str);
        let cases: [Case; 9] = [
            ("learning_rate", |c| c.learning_rate = -1.0, "at least 0, but is -1"),
            ("l1", |c| c.l1 = f32::NAN, "L1"),
            ("l2", |c| c.l2 = f32::INFINITY, "L2"),
            ("clip_norm", |c| c.clip_norm = Some(0.0), "above 0, but is 0"),
            ("clip_value", |c| c.clip_value = Some(-2.0), "above 0, but is -2"),
            ("accumulate", |c| c.accumulate = 0, "not 0"),
            ("batch_size", |c| c.batch_size = 70_000, "is 70000"),
            ("schedule", |c| c.schedule = Schedule::Step { every: 0, factor: 0.5 }, ""),
            ("optimizer", |c| c.optimizer = Optimizer::Momentum { momentum: 1.0 }, "constants of"),
        ];
        for (setting, change, says) in cases {
            let (told, problem) = of(change).expect(setting);
            assert!(told == setting && problem.contains(says), "{setting}: {told}: {problem}");
        }
        // The first one is told where there are several.
        let two = of(|c| (c.l2, c.batch_size) = (-1.0, 0));
        assert_eq!(two.map(|(setting, _)| setting), Some("l2"));
    }
}
