//! Changes of a preparation that one click makes.

use super::plan::{ColumnPlan, Preparation, PreparationStep, Role, StepKind, Treatment};

/// A change of a preparation, for one column or several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PreparationFix {
    Ignore(String),
    /// Makes the column a feature.
    Use(String),
    /// Scales the column by its median and quartiles.
    Robust(String),
    Standardise(Vec<String>),
}

impl PreparationFix {
    /// What the button says.
    pub fn label(&self) -> String {
        match self {
            Self::Ignore(column) => format!("Ignore {column}"),
            Self::Use(column) => format!("Use {column}"),
            Self::Robust(column) => format!("Robust scale for {column}"),
            Self::Standardise(_) => "Standardise these columns".to_owned(),
        }
    }

    /// Makes the change.
    pub fn apply(&self, preparation: &mut Preparation) {
        for column in &mut preparation.columns {
            match self {
                Self::Ignore(name) if column.name == *name => column.role = Role::Ignore,
                Self::Use(name) if column.name == *name => column.role = Role::Feature,
                Self::Robust(name) if column.name == *name => column.treatment = Treatment::Robust,
                Self::Standardise(names) if names.contains(&column.name) => column.treatment = Treatment::Standardise,
                Self::Ignore(_) | Self::Use(_) | Self::Robust(_) | Self::Standardise(_) => {}
            }
        }
    }

    /// Whether the preparation already does something to that effect.
    pub fn is_done(&self, preparation: &Preparation) -> bool {
        let Self::Robust(name) = self else { return false };
        let clips = |s: &PreparationStep| matches!(s.kind, StepKind::Clip { .. }) && !s.off;
        let clipped = |s: &PreparationStep| clips(s) && (s.columns.is_empty() || s.columns.contains(name));
        let robust = |c: &ColumnPlan| c.name == *name && c.treatment == Treatment::Robust;
        preparation.columns.iter().any(robust) || preparation.steps.iter().any(clipped)
    }
}
