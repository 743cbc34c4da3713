//! Learning-rate schedules and early stopping.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// A factor on the learning rate as a function of the epochs so far, fractions included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Schedule {
    #[default]
    Constant,
    /// × factor after every `every` epochs
    Step { every: u64, factor: f32 },
    /// × factor after every epoch
    Exponential { factor: f32 },
    /// Cosine annealing with warm restarts: each period is half a cosine from 1 to the minimum, and `longer` times as long as the
    /// one before (Loshchilov & Hutter 2017)
    Cosine { period: f32, minimum: f32, longer: f32 },
    /// Linearly from 0, then constant
    Warmup { epochs: f32 },
    /// From 1/25 up to 1 and down to 1/250 000 over so many epochs, as PyTorch's OneCycleLR (Smith & Topin 2019)
    OneCycle { epochs: f32, rise: f32 },
    /// × factor when the validation loss has not fallen for more than `patience` epochs
    Plateau { factor: f32, patience: u64 },
}

impl Schedule {
    /// Every schedule with usual constants.
    pub const ALL: [Self; 7] = [
        Self::Constant,
        Self::Step { every: 50, factor: 0.5 },
        Self::Exponential { factor: 0.98 },
        Self::Cosine { period: 50.0, minimum: 0.0, longer: 1.0 },
        Self::Warmup { epochs: 5.0 },
        Self::OneCycle { epochs: 100.0, rise: 0.3 },
        Self::Plateau { factor: 0.5, patience: 10 },
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Step { .. } => "step",
            Self::Exponential { .. } => "exponential",
            Self::Cosine { .. } => "cosine restarts",
            Self::Warmup { .. } => "warm-up",
            Self::OneCycle { .. } => "one cycle",
            Self::Plateau { .. } => "on plateau",
        }
    }

    /// The factor after so many epochs, where one update is `update` epochs long (0 for a continuous curve); 1 for
    /// [`Self::Plateau`], which depends on the losses.
    pub fn factor(self, epochs: f64, update: f64) -> f64 {
        let cosine = |from: f64, to: f64, part: f64| to + (from - to) * (1.0 + (PI * part).cos()) / 2.0;
        match self {
            Self::Constant | Self::Plateau { .. } => 1.0,
            Self::Step { every, factor } => f64::from(factor).powf((epochs / every.max(1) as f64).floor()),
            Self::Exponential { factor } => f64::from(factor).powf(epochs.floor()),
            Self::Cosine { period, minimum, longer } => {
                let (mut start, mut length) = (0.0, f64::from(period).max(1e-3));
                let longer = f64::from(longer).max(1.0);
                if longer == 1.0 {
                    start = (epochs / length).floor() * length;
                }
                while epochs >= start + length {
                    start += length;
                    length *= longer;
                }
                cosine(1.0, f64::from(minimum), (epochs - start) / length)
            }
            Self::Warmup { epochs: warm } => (epochs / f64::from(warm).max(1e-9)).min(1.0),
            Self::OneCycle { epochs: all, rise } => {
                const FIRST: f64 = 1.0 / 25.0;
                const LAST: f64 = FIRST / 1e4;
                // The first update has the lowest rate of the rise, and the last one of the cycle the lowest of the fall.
                let top = f64::from(rise) * f64::from(all) - update;
                let fall = f64::from(all) - update - top;
                if epochs <= top {
                    cosine(FIRST, 1.0, epochs / top.max(1e-9))
                } else {
                    cosine(1.0, LAST, ((epochs - top) / fall.max(1e-9)).min(1.0))
                }
            }
        }
    }

    /// An error message where a constant is out of range.
    pub fn problem(self) -> Option<String> {
        let share = |v: f32| v > 0.0 && v <= 1.0;
        let positive = |v: f32| v.is_finite() && v > 0.0;
        let fits = match self {
            Self::Constant => true,
            Self::Step { every, factor } => every > 0 && share(factor),
            Self::Exponential { factor } | Self::Plateau { factor, .. } => share(factor),
            Self::Cosine { period, minimum, longer } => {
                positive(period) && (0.0..=1.0).contains(&minimum) && longer.is_finite() && longer >= 1.0
            }
            Self::Warmup { epochs } => positive(epochs),
            Self::OneCycle { epochs, rise } => positive(epochs) && rise > 0.0 && rise < 1.0,
        };
        let range = match self {
            Self::Constant => "",
            Self::Step { .. } => "every must be at least 1, and factor above 0 and at most 1",
            Self::Exponential { .. } | Self::Plateau { .. } => "factor must be above 0 and at most 1",
            Self::Cosine { .. } => "period must be above 0, minimum between 0 and 1, and longer at least 1",
            Self::Warmup { .. } => "epochs must be above 0",
            Self::OneCycle { .. } => "epochs must be above 0, and rise between 0 and 1",
        };
        (!fits).then(|| format!("The schedule \"{}\" is out of range: {range}.", self.label()))
    }
}

/// Ends training when the validation loss has not fallen for `patience` epochs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EarlyStopping {
    pub patience: u64,
    /// Whether the parameters of the best epoch are restored at the end
    pub restore_best: bool,
}

/// What early stopping and the plateau schedule know of the losses so far.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EarlyStoppingMonitor {
    /// The lowest loss, and how many epochs ago it was (or patience began to count); none before the first epoch.
    pub best: Option<f64>,
    pub since: u64,
    /// The epoch of the lowest loss, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub best_epoch: Option<u64>,
    /// The same for the plateau schedule, counted from zero after each reduction.
    pub plateau_best: Option<f64>,
    pub plateau_since: u64,
    /// Factor of the plateau schedule so far.
    pub factor: f64,
    /// Whether training has ended early.
    pub stopped: bool,
    /// Parameters of the best epoch, where they are to be restored.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<f32>,
}

impl Default for EarlyStoppingMonitor {
    fn default() -> Self {
        Self {
            best: None,
            since: 0,
            best_epoch: None,
            plateau_best: None,
            plateau_since: 0,
            factor: 1.0,
            stopped: false,
            parameters: Vec::new(),
        }
    }
}

/// Relative decrease from which on a loss counts as lower, as in PyTorch's ReduceLROnPlateau.
const THRESHOLD: f64 = 1e-4;

impl EarlyStoppingMonitor {
    /// Records the loss of an epoch, counted from 1; true where it is the lowest so far.
    pub(super) fn observe(
        &mut self,
        epoch: u64,
        loss: f64,
        schedule: Schedule,
        stopping: Option<EarlyStopping>,
    ) -> bool {
        let better = self.best.is_none_or(|best| loss < best);
        if better {
            (self.best, self.since, self.best_epoch) = (Some(loss), 0, Some(epoch));
        } else {
            self.since += 1;
        }
        self.stopped = self.is_out_of_patience(stopping);
        if let Schedule::Plateau { factor, patience } = schedule {
            if self.plateau_best.is_none_or(|best| loss < best * (1.0 - THRESHOLD)) {
                (self.plateau_best, self.plateau_since) = (Some(loss), 0);
            } else {
                self.plateau_since += 1;
            }
            if self.plateau_since > patience {
                self.factor *= f64::from(factor);
                self.plateau_since = 0;
            }
        }
        better
    }

    fn is_out_of_patience(&self, stopping: Option<EarlyStopping>) -> bool {
        stopping.is_some_and(|s| self.since >= s.patience.max(1))
    }

    /// Whether training has ended early, and would have with the patience that is asked for now.
    pub(super) fn has_stopped(&self, stopping: Option<EarlyStopping>) -> bool {
        self.stopped && self.is_out_of_patience(stopping)
    }
}

#[cfg(test)]
mod tests {
    use super::{EarlyStopping, EarlyStoppingMonitor, Schedule};

    #[test]
    fn schedules_follow_their_formulas() {
        let step = Schedule::Step { every: 10, factor: 0.5 };
        let cosine = Schedule::Cosine { period: 10.0, minimum: 0.25, longer: 2.0 };
        let cycle = Schedule::OneCycle { epochs: 100.0, rise: 0.25 };
        for (schedule, epochs, want) in [
            (Schedule::Constant, 7.0, 1.0),
            (step, 9.9, 1.0),
            (step, 10.0, 0.5),
            (step, 35.0, 0.125),
            (Schedule::Exponential { factor: 0.5 }, 3.7, 0.125),
            (cosine, 0.0, 1.0),
            (cosine, 5.0, 0.625),
            (cosine, 10.0, 1.0),
            (cosine, 20.0, 0.625),
            (cosine, 30.0, 1.0),
            (Schedule::Warmup { epochs: 4.0 }, 1.0, 0.25),
            (Schedule::Warmup { epochs: 4.0 }, 9.0, 1.0),
            (cycle, 0.0, 0.04),
            (cycle, 25.0, 1.0),
            (cycle, 100.0, 0.04 / 1e4),
        ] {
            let got = schedule.factor(epochs, 0.0);
            assert!((got - want).abs() < 1e-6, "{schedule:?} after {epochs}: {got}, wanted {want}");
            assert_eq!(schedule.problem(), None);
        }
        assert!(Schedule::Exponential { factor: 1.5 }.problem().is_some());
    }

    #[test]
    fn a_plateau_lowers_the_rate_and_patience_ends_training() {
        let plateau = Schedule::Plateau { factor: 0.5, patience: 2 };
        let stopping = Some(EarlyStopping { patience: 5, restore_best: false });
        let mut watch = EarlyStoppingMonitor::default();
        let seen: Vec<(bool, f64, bool)> = [1.0, 0.9, 0.95, 0.95, 0.95, 0.95, 0.95]
            .into_iter()
            .zip(1..)
            .map(|(loss, epoch)| (watch.observe(epoch, loss, plateau, stopping), watch.factor, watch.stopped))
            .collect();
        let want = [
            (true, 1.0, false),
            (true, 1.0, false),
            (false, 1.0, false),
            (false, 1.0, false),
            (false, 0.5, false),
            (false, 0.5, false),
            (false, 0.5, true),
        ];
        assert_eq!(seen, want);
        assert_eq!(watch.best_epoch, Some(2));
        // A run that stopped early goes on where the preset asks for more patience now, or for none.
        assert!(watch.has_stopped(stopping));
        assert!(!watch.has_stopped(Some(EarlyStopping { patience: 6, restore_best: false })));
        assert!(!watch.has_stopped(None));
    }
}
