//! The plan of a preparation: roles, types and treatments of the columns, the steps in order, the split, and the limits.

use super::encode::Window;
use super::split::Split;
use super::table::ColumnKind;
use super::tokens::TokenPlan;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

/// A target with more classes is refused as a mistake.
pub const MAX_CLASSES: usize = 10_000;
/// A one-hot feature with more levels is refused.
pub const MAX_LEVELS: usize = 512;

/// Degrees of polynomial features.
const DEGREES: RangeInclusive<u32> = 2..=9;
/// Pixels that a picture is shifted by at most.
const MAX_SHIFT: u32 = 1024;

/// How a table becomes a data set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Preparation {
    pub columns: Vec<ColumnPlan>,
    /// The steps in order; if empty, missing values are filled and columns are treated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<PreparationStep>,
    #[serde(default)]
    pub split: Split,
}

/// What is done with one column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnPlan {
    pub name: String,
    pub role: Role,
    #[serde(default)]
    pub treatment: Treatment,
    #[serde(default)]
    pub missing: Missing,
    /// The kind to convert the column to, if it is not the detected one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_as: Option<ColumnKind>,
}

/// What a column is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Feature,
    Target,
    /// How much each row counts in training
    Weight,
    Ignore,
}

/// How values become numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Treatment {
    /// The numbers themselves
    AsIs,
    /// (x − mean) / standard deviation
    #[default]
    Standardise,
    /// (x − min) / (max − min)
    MinMax,
    /// (x − median) / (upper − lower quartile)
    Robust,
    /// One column per level; for a target: classes
    OneHot,
    /// 0, 1, 2 … in the order of the levels
    Ordinal,
    /// The mean of the target over the rows with the same level
    TargetMean,
    /// Words, hashed into 32 buckets
    Hash,
    /// A sequence of tokens by number, for an embedding
    Tokens(TokenPlan),
    /// Time, and the position in the year, the week and the day
    Calendar,
}

/// Number of buckets that words are hashed into.
pub const HASH_PLACES: usize = 32;

/// What happens to missing values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Missing {
    /// Leave out the row
    #[default]
    Drop,
    /// The mean of the training rows
    Mean,
    /// The median of the training rows
    Median,
    /// The most frequent value of the training rows
    Mode,
    Constant {
        value: f64,
    },
}

/// One step of the preparation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PreparationStep {
    pub kind: StepKind,
    /// The columns that it changes or derives others from; all numeric features when empty
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// Whether the step is skipped
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub off: bool,
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum StepKind {
    /// Missing values are filled as each column says
    Gaps,
    /// Each column is scaled or encoded as it says
    Treat,
    /// sign(x) · ln(1 + |x|)
    Log,
    /// The power that makes a column most like a normal distribution (Yeo & Johnson 2000)
    Power,
    /// Values outside of two quantiles are clipped to them
    Clip { low: f64, high: f64 },
    /// Adds a column that is 1 where a value is missing
    Indicator,
    /// x², x³ … up to the degree
    Polynomial { degree: u32 },
    /// The product of every pair of columns
    Products,
    /// sin x and cos x
    Waves,
    /// Consecutive rows become one sample; with `past`, earlier values of the targets are features too
    Window {
        length: usize,
        horizon: usize,
        #[serde(default)]
        past: bool,
    },
    /// Random changes to each picture whenever it is trained on
    Augment(Augmentation),
    /// Rare classes count as much as frequent ones
    Balance(Balance),
}

/// Random changes of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Augmentation {
    /// Flips left and right with probability ½
    pub flip: bool,
    /// Largest shift in pixels
    pub shift: u32,
    /// Largest rotation in degrees, in both directions
    pub rotate: f64,
    /// Standard deviation of the noise that is added to each value
    pub noise: f64,
}

/// How classes are balanced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// Rows of rare classes have larger weights
    Weights,
    /// Rows of rare classes are repeated
    Sampling,
}

impl Role {
    pub const ALL: [Self; 4] = [Self::Feature, Self::Target, Self::Weight, Self::Ignore];

    pub fn label(self) -> &'static str {
        match self {
            Self::Feature => "feature",
            Self::Target => "target",
            Self::Weight => "weight",
            Self::Ignore => "ignore",
        }
    }
}

impl Treatment {
    pub const ALL: [Self; 10] = [
        Self::AsIs,
        Self::Standardise,
        Self::MinMax,
        Self::Robust,
        Self::OneHot,
        Self::Ordinal,
        Self::TargetMean,
        Self::Hash,
        Self::Tokens(TokenPlan::DEFAULT),
        Self::Calendar,
    ];

    /// The name on the screen; one-hot targets are classes.
    pub fn label(self, role: Role) -> &'static str {
        match self {
            Self::AsIs => "as is",
            Self::Standardise => "standardise",
            Self::MinMax => "min-max",
            Self::Robust => "robust scale",
            Self::OneHot if role == Role::Target => "classes",
            Self::OneHot => "one-hot",
            Self::Ordinal => "ordinal",
            Self::TargetMean => "target mean",
            Self::Hash => "hashed words",
            Self::Tokens(_) => "tokens",
            Self::Calendar => "calendar",
        }
    }

    /// What it does, in a sentence.
    pub fn about(self) -> &'static str {
        match self {
            Self::AsIs => "The numbers themselves",
            Self::Standardise => "(x − mean) / standard deviation of the training rows",
            Self::MinMax => "(x − min) / (max − min) of the training rows",
            Self::Robust => {
                "(x − median) / (upper − lower quartile) of the training rows: outliers have little influence"
            }
            Self::OneHot => "One column of zeros and ones for each value",
            Self::Ordinal => "0, 1, 2 … in the order of the values; also for embeddings",
            Self::TargetMean => {
                "The mean of the target over the training rows with the same value, smoothed towards the overall mean where there are few"
            }
            Self::Hash => "Each word is counted in one of 32 buckets; for free text",
            Self::Tokens(_) => {
                "A sequence of characters, words or byte pairs by their numbers in a vocabulary that is learned on the training rows; for embeddings"
            }
            Self::Calendar => "Time as a number, and the position in the year, the week and the day as sine and cosine",
        }
    }

    /// What a target with this treatment is predicted as.
    pub fn predicts(self) -> &'static str {
        if self == Self::OneHot { "a class" } else { "a number" }
    }

    /// Whether it is an invertible scaling of numbers.
    pub fn is_scale(self) -> bool {
        matches!(self, Self::AsIs | Self::Standardise | Self::MinMax | Self::Robust)
    }

    /// Whether a column of this kind and role can have this treatment.
    pub fn takes(self, kind: ColumnKind, role: Role) -> bool {
        match (kind, role) {
            (ColumnKind::Image, Role::Feature) => matches!(self, Self::AsIs | Self::Standardise | Self::MinMax),
            (ColumnKind::Image, _) => false,
            (ColumnKind::Number, Role::Target) => self.is_scale() || matches!(self, Self::OneHot | Self::Ordinal),
            (ColumnKind::Number, _) => !matches!(self, Self::Hash | Self::Tokens(_) | Self::Calendar),
            (ColumnKind::Date, Role::Target) => self.is_scale(),
            (ColumnKind::Date, _) => self.is_scale() || self == Self::Calendar || self == Self::OneHot,
            (ColumnKind::Text, Role::Target) => matches!(self, Self::OneHot | Self::Ordinal),
            (ColumnKind::Text, Role::Feature) => {
                matches!(self, Self::OneHot | Self::Ordinal | Self::TargetMean | Self::Hash | Self::Tokens(_))
            }
            (ColumnKind::Text, _) => matches!(self, Self::OneHot | Self::Ordinal | Self::TargetMean | Self::Hash),
        }
    }
}

impl Missing {
    pub const ALL: [Self; 5] = [Self::Drop, Self::Mean, Self::Median, Self::Mode, Self::Constant { value: 0.0 }];

    pub fn label(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Mean => "mean",
            Self::Median => "median",
            Self::Mode => "mode",
            Self::Constant { .. } => "constant",
        }
    }
}

impl StepKind {
    /// Steps that can be added, with default settings.
    pub const ALL: [Self; 10] = [
        Self::Log,
        Self::Power,
        Self::Clip { low: 0.01, high: 0.99 },
        Self::Indicator,
        Self::Polynomial { degree: 2 },
        Self::Products,
        Self::Waves,
        Self::Window { length: 12, horizon: 1, past: true },
        Self::Augment(Augmentation { flip: false, shift: 2, rotate: 10.0, noise: 0.0 }),
        Self::Balance(Balance::Weights),
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::Gaps => "Impute missing values",
            Self::Treat => "Scale and encode",
            Self::Log => "Logarithm",
            Self::Power => "Power",
            Self::Clip { .. } => "Clip",
            Self::Indicator => "Missing indicator",
            Self::Polynomial { .. } => "Polynomial features",
            Self::Products => "Products",
            Self::Waves => "Sine and cosine",
            Self::Window { .. } => "Window",
            Self::Augment(_) => "Augment",
            Self::Balance(_) => "Balance classes",
        }
    }

    /// What is wrong with its settings, if anything.
    pub fn invalid(self) -> Option<String> {
        match self {
            Self::Clip { low, high } if !(0.0 <= low && low < high && high <= 1.0) => Some(format!(
                "the quantiles that values are clipped to must lie between 0 and 1, the lower one first, but are {low} and {high}"
            )),
            Self::Polynomial { degree } if !DEGREES.contains(&degree) => {
                let (least, most) = (DEGREES.start(), DEGREES.end());
                Some(format!("the degree of the polynomial must be between {least} and {most}, but is {degree}"))
            }
            Self::Window { length: 0, .. } => Some("a window must be at least 1 row long".to_owned()),
            Self::Augment(Augmentation { shift, rotate, noise, .. }) => {
                if shift > MAX_SHIFT {
                    Some(format!("pictures are shifted by at most {MAX_SHIFT} pixels, but here by {shift}"))
                } else if !(0.0..=360.0).contains(&rotate) {
                    Some(format!("pictures are rotated by 0 to 360 degrees, but here by {rotate}"))
                } else if !(0.0..=100.0).contains(&noise) {
                    Some(format!("the noise of pictures must lie between 0 and 100, but is {noise}"))
                } else {
                    None
                }
            }
            _ => None,
        }
    }

    /// What it does, in a sentence.
    pub fn about(self) -> &'static str {
        match self {
            Self::Gaps => "Missing values are imputed as set in the head of each column",
            Self::Treat => "Each column is scaled or encoded as set in its head",
            Self::Log => "sign(x) · ln(1 + |x|): for numbers over several orders of magnitude",
            Self::Power => {
                "The Yeo–Johnson transformation with the power that makes the training rows most like a normal distribution"
            }
            Self::Clip { .. } => "Values outside of two quantiles of the training rows are clipped to them",
            Self::Indicator => "Adds a column for each that has missing values: 1 where the value is missing",
            Self::Polynomial { .. } => "Adds x², x³ … of each column",
            Self::Products => "Adds the product of every pair of columns",
            Self::Waves => "Adds sin x and cos x of each column",
            Self::Window { .. } => "Consecutive rows become one sample; the target lies some rows ahead",
            Self::Augment(_) => {
                "Pictures are flipped, shifted, rotated and given noise at random whenever they are trained on"
            }
            Self::Balance(_) => "Rare classes count as much in training as frequent ones",
        }
    }

    /// Whether the columns that it works on can be chosen.
    pub fn takes_columns(self) -> bool {
        !matches!(self, Self::Gaps | Self::Treat | Self::Window { .. } | Self::Augment(_) | Self::Balance(_))
    }
}

impl From<StepKind> for PreparationStep {
    fn from(kind: StepKind) -> Self {
        Self { kind, columns: Vec::new(), off: false }
    }
}

impl Preparation {
    /// A setting that makes no sense: its place, and the range.
    pub fn wrong_setting(&self) -> Option<(String, String)> {
        let mut names = BTreeSet::new();
        for (k, column) in self.columns.iter().enumerate() {
            if !names.insert(&column.name) {
                let first = self.columns.iter().find(|c| c.name == column.name).map_or("", |c| c.role.label());
                let (name, second) = (&column.name, column.role.label());
                let twice =
                    format!("the column \"{name}\" is listed twice, as {first} and as {second}; give it one role");
                return Some((format!("columns[{k}]"), twice));
            }
        }
        for (k, column) in self.columns.iter().enumerate().filter(|(_, c)| c.role == Role::Feature) {
            if let Treatment::Tokens(plan) = &column.treatment
                && let Some(reason) = plan.invalid()
            {
                return Some((format!("columns[{k}].treatment"), reason));
            }
        }
        for (name, share) in [("validation", self.split.validation), ("test", self.split.test)] {
            if !(0.0..=1.0).contains(&share) {
                let reason = format!("the share of {name} rows must lie between 0 and 1, but is {share}");
                return Some((format!("split.{name}"), reason));
            }
        }
        let mut steps = self.steps.iter().enumerate().filter(|(_, step)| !step.off);
        steps.find_map(|(k, step)| Some((format!("steps[{k}].kind"), step.kind.invalid()?)))
    }

    /// Names of the target columns.
    pub fn targets(&self) -> impl Iterator<Item = &ColumnPlan> {
        self.columns.iter().filter(|c| c.role == Role::Target)
    }

    /// All steps in order, including the two that are always done.
    pub fn all_steps(&self) -> Vec<PreparationStep> {
        let mut steps = self.steps.clone();
        let has = |steps: &[PreparationStep], kind| steps.iter().any(|s| s.kind == kind);
        if !has(&steps, StepKind::Gaps) {
            steps.insert(0, StepKind::Gaps.into());
        }
        if !has(&steps, StepKind::Treat) {
            steps.push(StepKind::Treat.into());
        }
        steps
    }

    /// The settings of the last enabled step for which `of` gives some.
    pub(super) fn find<A>(&self, of: impl Fn(StepKind) -> Option<A>) -> Option<A> {
        self.steps.iter().rev().filter(|s| !s.off).find_map(|s| of(s.kind))
    }

    /// Whether earlier values of the targets are features.
    pub fn sees_past(&self) -> bool {
        self.find(|kind| if let StepKind::Window { past, .. } = kind { Some(past) } else { None }).unwrap_or(false)
    }

    /// How rows become samples.
    pub fn window(&self) -> Option<Window> {
        self.find(|kind| match kind {
            StepKind::Window { length, horizon, .. } => Some(Window { length, horizon }),
            _ => None,
        })
    }
}
