//! Changes of a preparation that one click makes.

use super::plan::{ColumnPlan, Preparation, PreparationStep, Role, StepKind, Treatment};
use super::split::SplitBy;

/// A change of a preparation, for one column or several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PreparationFix {
    Ignore(String),
    /// Makes the column a feature.
    Use(String),
    /// Scales the column by its median and quartiles.
    Robust(String),
    Standardise(Vec<String>),
    /// Splits by the order of the values in the column.
    SplitByTime(String),
}

impl PreparationFix {
    /// What the button says.
    pub fn label(&self) -> String {
        match self {
            Self::Ignore(column) => format!("Ignore {column}"),
            Self::Use(column) => format!("Use {column}"),
            Self::Robust(column) => format!("Robust scale for {column}"),
            Self::Standardise(_) => "Standardise these columns".to_owned(),
            Self::SplitByTime(column) => format!("Split by {column}"),
        }
    }

    /// Makes the change.
    pub fn apply(&self, preparation: &mut Preparation) {
        if let Self::SplitByTime(name) = self {
            preparation.split.by = SplitBy::Time(name.clone());
        }
        for column in &mut preparation.columns {
            match self {
                Self::Ignore(name) if column.name == *name => column.role = Role::Ignore,
                Self::Use(name) if column.name == *name => column.role = Role::Feature,
                Self::Robust(name) if column.name == *name => column.treatment = Treatment::Robust,
                Self::Standardise(names) if names.contains(&column.name) => column.treatment = Treatment::Standardise,
                _ => {}
            }
        }
    }

    /// Whether the preparation already does something to that effect.
    pub fn is_done(&self, preparation: &Preparation) -> bool {
        let name = match self {
            Self::Robust(name) => name,
            Self::SplitByTime(_) => return preparation.split.by != SplitBy::Random,
            _ => return false,
        };
        let clips = |s: &PreparationStep| matches!(s.kind, StepKind::Clip { .. }) && !s.off;
        let clipped = |s: &PreparationStep| clips(s) && (s.columns.is_empty() || s.columns.contains(name));
        let robust = |c: &ColumnPlan| c.name == *name && c.treatment == Treatment::Robust;
        preparation.columns.iter().any(robust) || preparation.steps.iter().any(clipped)
    }
}
