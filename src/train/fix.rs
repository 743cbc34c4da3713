//! Changes of the training's configuration that one click makes.

use super::config::TrainConfig;
use super::schedule::EarlyStopping;
use crate::format;

/// A change of the training's configuration.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TrainingFix {
    LearningRate(f32),
    StopEarly,
    ClipByNorm,
}

impl TrainingFix {
    /// What the button says.
    pub fn label(self) -> String {
        match self {
            Self::LearningRate(rate) => format!("Set the learning rate to {}", format::learning_rate(rate)),
            Self::StopEarly => "Stop early and keep the best epoch".to_owned(),
            Self::ClipByNorm => "Clip the gradient at norm 1".to_owned(),
        }
    }

    /// Makes the change.
    pub fn apply(self, training: &mut TrainConfig) {
        match self {
            Self::LearningRate(rate) => training.learning_rate = rate,
            Self::StopEarly => training.early_stopping = Some(EarlyStopping { patience: 10, restore_best: true }),
            Self::ClipByNorm => training.clip_norm = Some(1.0),
        }
    }
}
