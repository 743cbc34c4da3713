//! What belongs to looking: panels, speed, and what was seen; and, for one document, the selected layers and the sample.

use crate::learn::Seen;
use crate::nn::LayerId;
use crate::train::StepUnit;
use std::collections::BTreeSet;

/// The panels at the sides of the workspaces; without them the work is shown alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Panels {
    #[default]
    Shown,
    Hidden,
}

/// What stays as it is when another document is opened.
#[derive(Default)]
pub struct View {
    pub panels: Panels,
    /// Training goes at full speed, whatever the document's pace.
    pub full_speed: bool,
    pub step_unit: StepUnit,
    /// What was looked at and answered in Explain, for the task of a lesson.
    pub seen: Seen,
}

/// What is looked at in the open document.
#[derive(Default)]
pub struct Focus {
    pub selection: BTreeSet<LayerId>,
    /// The row of the data set whose values the neurons show.
    pub sample: usize,
}
