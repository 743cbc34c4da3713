//! A quick fix: what one click changes in a document, whoever proposes it.

use crate::data::{Preparation, PreparationFix};
use crate::nn::{NetworkFix, NetworkSpec};
use crate::train::{TrainConfig, TrainingFix};

/// A change of a document that one click makes.
#[derive(Clone, Debug, PartialEq)]
pub enum Fix {
    Network(NetworkFix),
    Training(TrainingFix),
    Preparation(PreparationFix),
}

impl Fix {
    /// What the button says; `network` has the names of the layers.
    pub fn label(&self, network: &NetworkSpec) -> String {
        match self {
            Self::Network(fix) => fix.label(network),
            Self::Training(fix) => fix.label(),
            Self::Preparation(fix) => fix.label(),
        }
    }

    /// Makes the change; the other parts of the document stay as they are.
    pub fn apply(&self, network: &mut NetworkSpec, training: &mut TrainConfig, preparation: &mut Preparation) {
        match self {
            Self::Network(fix) => fix.apply(network),
            Self::Training(fix) => fix.apply(training),
            Self::Preparation(fix) => fix.apply(preparation),
        }
    }
}

impl From<NetworkFix> for Fix {
    fn from(fix: NetworkFix) -> Self {
        Self::Network(fix)
    }
}

impl From<TrainingFix> for Fix {
    fn from(fix: TrainingFix) -> Self {
        Self::Training(fix)
    }
}

impl From<PreparationFix> for Fix {
    fn from(fix: PreparationFix) -> Self {
        Self::Preparation(fix)
    }
}
