//! Table → arrays a network can train on: roles, treatments, steps in order, and the split.
//!
//! What a treatment needs to know (means, ranges, levels) is learned from the training rows only and kept in an
//! [`Encoder`], so that new rows are treated exactly as the old ones were.

use super::encode::{Encoder, Targets, Window, converted};
use super::error::DataError;
use super::fit::Fitting;
use super::split::{Dealing, Split};
use super::table::{Column, Kind, Table, Values};
use ndarray::Array2;
use rayon::prelude::{IntoParallelRefIterator as _, ParallelIterator as _};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// More classes than this are taken for a mistake.
pub const MAX_CLASSES: usize = 512;
/// More levels than this are too many for one-hot.
pub const MAX_LEVELS: usize = 512;
/// More features than this are taken for a mistake.
const MAX_FEATURES: usize = 1 << 20;

/// How a table becomes a data set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Preparation {
    pub columns: Vec<ColumnPlan>,
    /// What is done, in this order; gaps and treatments where it is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
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
    /// What it is read as, where that is not what it looks like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_as: Option<Kind>,
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
    /// One column a level; for a target: classes
    OneHot,
    /// 0, 1, 2 … in the order of the levels
    Ordinal,
    /// The mean of the target over the rows with the same level
    TargetMean,
    /// Words, counted in 32 places
    Hash,
    /// Time, and where in the year, the week and the day it lies
    Calendar,
}

/// Places that words are counted in.
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
pub struct Step {
    pub kind: StepKind,
    /// The columns that it changes or makes others of; all numbers that are features when empty
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// It is left out for now.
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
    /// Values outside of two quantiles are moved to them
    Clip { low: f64, high: f64 },
    /// A column more that says where a value is missing
    Indicator,
    /// x², x³ … up to the degree
    Polynomial { degree: u32 },
    /// The product of every two
    Products,
    /// sin x and cos x
    Waves,
    /// Rows that follow one another become one sample; with the past, numbers that are predicted are seen up to then
    Window {
        length: usize,
        horizon: usize,
        #[serde(default)]
        past: bool,
    },
    /// Pictures are changed at random whenever they are trained on
    Augment(Augmentation),
    /// Rare classes count as much as frequent ones
    Balance(Balance),
}

/// Random changes of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Augmentation {
    /// Left and right are exchanged in half of the cases
    pub flip: bool,
    /// Pixels to any side
    pub shift: u32,
    /// Degrees to either side
    pub rotate: f64,
    /// Standard deviation of what is added to each value
    pub noise: f64,
}

/// How classes are made to count alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// Rows of rare classes weigh more
    Weights,
    /// Rows of rare classes are taken several times
    Sampling,
}

/// A part of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Train,
    Validation,
    Test,
}

/// Arrays ready for training.
#[derive(Clone, Debug)]
pub struct Dataset {
    pub name: String,
    /// Features `[rows, features]`.
    pub x: Array2<f32>,
    /// By kind; at least one.
    pub targets: Vec<Targets>,
    /// How much each row counts in training; alike where absent.
    pub weights: Option<Vec<f32>>,
    /// Row of the table that each row came from; of a window its last.
    pub source_rows: Vec<usize>,
    /// Rows of each part, in the order of [`Part`]. In training a row may stand several times.
    pub parts: [Vec<u32>; 3],
    pub encoder: Encoder,
    /// What happens to pictures in training.
    pub augmentation: Option<Augmentation>,
}

impl Dataset {
    pub fn part(&self, part: Part) -> &[u32] {
        &self.parts[part as usize]
    }

    /// The first kind of targets, which stands for all in pictures.
    pub fn target(&self) -> &Targets {
        &self.targets[0]
    }

    /// Number of features.
    pub fn features(&self) -> usize {
        self.x.ncols()
    }

    pub fn rows(&self) -> usize {
        self.x.nrows()
    }
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
    pub const ALL: [Self; 9] = [
        Self::AsIs,
        Self::Standardise,
        Self::MinMax,
        Self::Robust,
        Self::OneHot,
        Self::Ordinal,
        Self::TargetMean,
        Self::Hash,
        Self::Calendar,
    ];

    /// What people read; one-hot targets are classes.
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
                "(x − median) / (upper − lower quartile) of the training rows: outliers do not squeeze the rest"
            }
            Self::OneHot => "One column of zeros and ones for each value",
            Self::Ordinal => "0, 1, 2 … in the order of the values; also for embeddings",
            Self::TargetMean => {
                "The mean of the target over the training rows with the same value, drawn to the overall mean where there are few"
            }
            Self::Hash => "Each word is counted in one of 32 places; for free text",
            Self::Calendar => "Time as a number, and the place in the year, the week and the day as sine and cosine",
        }
    }

    /// Whether it is a scale of numbers, which can be followed back.
    pub fn is_scale(self) -> bool {
        matches!(self, Self::AsIs | Self::Standardise | Self::MinMax | Self::Robust)
    }

    /// Whether a column of this kind, in this role, can be treated so.
    pub fn takes(self, kind: Kind, role: Role) -> bool {
        match (kind, role) {
            (Kind::Image, Role::Feature) => matches!(self, Self::AsIs | Self::Standardise | Self::MinMax),
            (Kind::Image, _) => false,
            (Kind::Number, Role::Target) => self.is_scale() || matches!(self, Self::OneHot | Self::Ordinal),
            (Kind::Number, _) => !matches!(self, Self::Hash | Self::Calendar),
            (Kind::Date, Role::Target) => self.is_scale(),
            (Kind::Date, _) => self.is_scale() || self == Self::Calendar || self == Self::OneHot,
            (Kind::Text, Role::Target) => matches!(self, Self::OneHot | Self::Ordinal),
            (Kind::Text, _) => matches!(self, Self::OneHot | Self::Ordinal | Self::TargetMean | Self::Hash),
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
    /// Those that can be added, with settings to begin with.
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
            Self::Gaps => "Fill gaps",
            Self::Treat => "Scale and encode",
            Self::Log => "Logarithm",
            Self::Power => "Power",
            Self::Clip { .. } => "Clip",
            Self::Indicator => "Mark gaps",
            Self::Polynomial { .. } => "Powers of x",
            Self::Products => "Products",
            Self::Waves => "Sine and cosine",
            Self::Window { .. } => "Window",
            Self::Augment(_) => "Augment pictures",
            Self::Balance(_) => "Balance classes",
        }
    }

    /// What it does, in a sentence.
    pub fn about(self) -> &'static str {
        match self {
            Self::Gaps => "Missing values are filled as the head of each column says",
            Self::Treat => "Each column is scaled or encoded as its head says",
            Self::Log => "sign(x) · ln(1 + |x|): for numbers over several orders of magnitude",
            Self::Power => {
                "Yeo and Johnson's transformation with the power that makes the training rows most like a normal distribution"
            }
            Self::Clip { .. } => "Values outside of two quantiles of the training rows are moved to them",
            Self::Indicator => "A column more for each that has gaps: 1 where the value is missing",
            Self::Polynomial { .. } => "x², x³ … of each column, as columns more",
            Self::Products => "The product of every two columns, as columns more",
            Self::Waves => "sin x and cos x of each column, as columns more",
            Self::Window { .. } => {
                "So many rows that follow one another become one sample; the target lies some rows ahead"
            }
            Self::Augment(_) => {
                "Pictures are flipped, shifted, turned and blurred with noise at random whenever they are trained on"
            }
            Self::Balance(_) => "Rare classes count as much in training as frequent ones",
        }
    }

    /// Whether it works on numbers that can be chosen.
    pub fn takes_columns(self) -> bool {
        !matches!(self, Self::Gaps | Self::Treat | Self::Window { .. } | Self::Augment(_) | Self::Balance(_))
    }
}

impl From<StepKind> for Step {
    fn from(kind: StepKind) -> Self {
        Self { kind, columns: Vec::new(), off: false }
    }
}

impl Preparation {
    /// A first guess: the target is the column that is named like one, else the last. Columns that are named "target 1",
    /// "target_2" and so on are all targets.
    pub fn guess(table: &Table) -> Self {
        const NAMES: [&str; 7] = ["class", "target", "label", "species", "y", "outcome", "category"];
        let named = NAMES.iter().find_map(|n| table.columns.iter().position(|c| c.name.eq_ignore_ascii_case(n)));
        // A plane has columns x, y and a target behind them, so "y" counts only in the last place.
        let last = table.columns.len().saturating_sub(1);
        let target = named.filter(|&k| !table.columns[k].name.eq_ignore_ascii_case("y") || k == last).unwrap_or(last);
        let numbered = |c: &Column| {
            let rest =
                c.name.to_lowercase().strip_prefix("target").map(|r| r.trim_start_matches([' ', '_', '-']).to_owned());
            rest.is_some_and(|rest| !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit()))
        };
        let several = table.columns.iter().any(numbered);
        let is_target = |(k, c): (usize, &Column)| if several { numbered(c) } else { k == target };
        let columns = table.columns.iter().enumerate().map(|(k, c)| guess_column(c, is_target((k, c)))).collect();
        Self { columns, steps: Vec::new(), split: Split::default() }
    }

    /// Names of the target columns.
    pub fn targets(&self) -> impl Iterator<Item = &ColumnPlan> {
        self.columns.iter().filter(|c| c.role == Role::Target)
    }

    /// All steps in order, with those that are always there.
    pub fn all_steps(&self) -> Vec<Step> {
        let mut steps = self.steps.clone();
        let has = |steps: &[Step], kind| steps.iter().any(|s| s.kind == kind);
        if !has(&steps, StepKind::Gaps) {
            steps.insert(0, StepKind::Gaps.into());
        }
        if !has(&steps, StepKind::Treat) {
            steps.push(StepKind::Treat.into());
        }
        steps
    }

    /// The settings of the last step of a kind that is on.
    fn find<A>(&self, of: impl Fn(StepKind) -> Option<A>) -> Option<A> {
        self.steps.iter().rev().filter(|s| !s.off).find_map(|s| of(s.kind))
    }

    /// Whether the past of the targets is seen.
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

fn guess_column(column: &Column, target: bool) -> ColumnPlan {
    let rows = column.len();
    let kind = column.kind();
    // More than these are no classes, whatever they are.
    let levels = column.classes(50);
    let several =
        |most: usize, share: usize| levels.as_ref().is_some_and(|l| l.len() <= most && l.len() * share <= rows);
    let whole = || levels.iter().flatten().all(|l| l.parse::<i64>().is_ok());
    let empty = rows > 0 && column.missing() == rows;
    let classes = kind == Kind::Text || (kind == Kind::Number && several(20, 5) && whole());
    let (role, treatment) = match (target, kind) {
        (_, Kind::Image) => (Role::Feature, Treatment::MinMax),
        (true, _) if classes => (Role::Target, Treatment::OneHot),
        (true, _) => (Role::Target, Treatment::Standardise),
        (false, _) if empty => (Role::Ignore, Treatment::Standardise),
        (false, Kind::Number) => (Role::Feature, Treatment::Standardise),
        (false, Kind::Date) => (Role::Feature, Treatment::Calendar),
        (false, Kind::Text) if several(50, 2) => (Role::Feature, Treatment::OneHot),
        (false, Kind::Text) => (Role::Ignore, Treatment::OneHot),
    };
    ColumnPlan { name: column.name.clone(), role, treatment, missing: Missing::Drop, read_as: None }
}

/// Makes arrays of `table` as `preparation` says.
///
/// # Errors
/// What does not fit, with the column and the row.
pub fn prepare(table: &Table, preparation: &Preparation) -> Result<Dataset, DataError> {
    let rows = UsedRows::of(table, preparation)?;
    let parts = rows.dealing()?.parts();
    rows.dataset(parts)
}

/// The columns and rows of a table that are used, before they are dealt into parts.
pub(super) struct UsedRows<'a> {
    table: &'a Table,
    preparation: &'a Preparation,
    pub columns: Vec<(&'a ColumnPlan, Cow<'a, Column>)>,
    /// Rows that are samples; of windows the last rows.
    kept: Vec<usize>,
    window: Window,
    /// For each target of classes the class of every kept row.
    pub classes: Vec<Vec<usize>>,
}

impl<'a> UsedRows<'a> {
    pub fn of(table: &'a Table, preparation: &'a Preparation) -> Result<Self, DataError> {
        const NEEDED: usize = 2;
        if table.rows() < NEEDED {
            return Err(DataError::TooFewRows { rows: table.rows(), needed: NEEDED });
        }
        let columns = resolve(table, preparation)?;
        let window = preparation.window().unwrap_or(Window { length: 1, horizon: 0 });
        if window.length == 0 || window.length + window.horizon > table.rows() {
            return Err(DataError::WindowTooLong {
                rows: table.rows(),
                length: window.length,
                horizon: window.horizon,
            });
        }
        let kept = kept_rows(table, preparation, &columns, window)?;
        if kept.len() < NEEDED {
            return Err(DataError::TooFewRows { rows: kept.len(), needed: NEEDED });
        }
        let of_classes = columns.iter().filter(|(p, _)| p.role == Role::Target && p.treatment == Treatment::OneHot);
        let ahead: Vec<usize> = kept.iter().map(|row| row + window.horizon).collect();
        let classes = of_classes.map(|(_, c)| class_of_rows(c, &ahead)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { table, preparation, columns, kept, window, classes })
    }

    /// How the rows are dealt into parts.
    pub fn dealing(&self) -> Result<Dealing<'_>, DataError> {
        Dealing::new(self.table, &self.preparation.split, &self.kept, self.classes.first().map(Vec::as_slice))
    }

    /// Everything that treatments need to know is learned from the first part.
    pub fn dataset(&self, mut parts: [Vec<u32>; 3]) -> Result<Dataset, DataError> {
        let Self { table, kept, window, .. } = self;
        if parts[0].is_empty() {
            return Err(DataError::EmptyTraining);
        }
        let training: Vec<usize> = parts[0].iter().map(|&i| kept[i as usize]).collect();
        let mut encoder = Fitting::new(&self.columns, kept, &training, *window).encoder(self.preparation)?;
        encoder.window = self.preparation.window();
        if encoder.features.is_empty() {
            return Err(DataError::NoFeatures);
        }
        let features = encoder.width();
        let bytes = features.saturating_mul(kept.len()).saturating_mul(size_of::<f32>());
        if features > MAX_FEATURES || bytes > super::reading::Reading::default().limit {
            return Err(DataError::TooManyFeatures { features, rows: kept.len() });
        }
        let weight = self.columns.iter().find(|(p, _)| p.role == Role::Weight);
        let mut weights = weight.map(|(_, c)| weights_of_rows(c, kept, window.horizon)).transpose()?;
        let balance = self.preparation.find(|kind| if let StepKind::Balance(by) = kind { Some(by) } else { None });
        if let (Some(by), Some(classes)) = (balance, self.classes.first()) {
            match by {
                Balance::Weights => balance_weights(classes, &parts[0], &mut weights),
                Balance::Sampling => super::split::oversample(classes, &mut parts[0], self.preparation.split.seed),
            }
        }
        let augment = self.preparation.find(|kind| if let StepKind::Augment(how) = kind { Some(how) } else { None });
        Ok(Dataset {
            name: table.name.clone(),
            x: encoder.features(table, kept)?,
            targets: encoder.targets(table, kept)?,
            weights,
            source_rows: kept.clone(),
            parts,
            augmentation: augment.filter(|_| encoder.picture().is_some()),
            encoder,
        })
    }
}

/// rows / (classes · rows of the class) over the training rows, as in scikit-learn, times the weights that there are.
fn balance_weights(classes: &[usize], training: &[u32], weights: &mut Option<Vec<f32>>) {
    let mut counts = vec![0_usize; classes.iter().max().map_or(0, |m| m + 1)];
    for &row in training {
        counts[classes[row as usize]] += 1;
    }
    let present = counts.iter().filter(|&&n| n > 0).count();
    let weights = weights.get_or_insert_with(|| vec![1.0; classes.len()]);
    for (weight, &class) in weights.iter_mut().zip(classes) {
        *weight *= training.len() as f32 / (present * counts[class].max(1)) as f32;
    }
}

/// Rows without gaps that are not to be filled, and of windows those with enough such rows before them.
fn kept_rows(
    table: &Table,
    preparation: &Preparation,
    columns: &[(&ColumnPlan, Cow<'_, Column>)],
    window: Window,
) -> Result<Vec<usize>, DataError> {
    let mut whole = vec![true; table.rows()];
    let mut judged = vec![true; table.rows()];
    for (plan, column) in columns.iter().filter(|(_, column)| column.missing() > 0) {
        if plan.role == Role::Target && preparation.sees_past() && plan.treatment.is_scale() {
            whole.iter_mut().enumerate().for_each(|(row, flag)| *flag &= !column.is_missing(row));
        }
        // A row without its target teaches nothing; other gaps are filled unless the plan drops them.
        let flags = match plan.role {
            Role::Target | Role::Weight => &mut judged,
            _ if plan.missing == Missing::Drop && plan.treatment != Treatment::Hash => &mut whole,
            _ => continue,
        };
        flags.iter_mut().enumerate().for_each(|(row, flag)| *flag &= !column.is_missing(row));
    }
    // A window never spans two groups.
    let group = match &preparation.split.by {
        super::split::SplitBy::Group(name) if preparation.window().is_some() => {
            Some(table.column(name).ok_or_else(|| DataError::ColumnGone(name.clone()))?)
        }
        _ => None,
    };
    let mut run = 0;
    let mut kept = Vec::new();
    for (row, &whole) in whole.iter().enumerate() {
        let other_group = group.is_some_and(|g| row > 0 && g.cell(row) != g.cell(row - 1));
        run = if !whole {
            0
        } else if other_group {
            1
        } else {
            run + 1
        };
        let ahead = row + window.horizon;
        let same = || group.is_none_or(|g| g.cell(row) == g.cell(ahead));
        if run >= window.length && ahead < table.rows() && judged[ahead] && same() {
            kept.push(row);
        }
    }
    Ok(kept)
}

/// A table whose rows are dealt into folds: each is held back once, while the others train. The test rows of the split stay
/// apart from all.
pub struct Folds<'a> {
    rows: UsedRows<'a>,
    held: Vec<Vec<u32>>,
    test: Vec<u32>,
}

impl<'a> Folds<'a> {
    /// Deals the rows into `count` folds, alike in their classes where the split is stratified; groups stay together, and
    /// rows in order are cut into stretches.
    ///
    /// # Errors
    /// What does not fit, or that there are fewer rows than folds.
    pub fn new(table: &'a Table, preparation: &'a Preparation, count: usize) -> Result<Self, DataError> {
        let rows = UsedRows::of(table, preparation)?;
        let (held, test) = rows.dealing()?.folds(count)?;
        Ok(Self { rows, held, test })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.held.len()
    }

    /// The data with fold `k` as validation rows.
    ///
    /// # Errors
    /// What does not fit.
    pub fn dataset(&self, k: usize) -> Result<Dataset, DataError> {
        let others = self.held.iter().enumerate().filter(|(i, _)| *i != k);
        let mut training: Vec<u32> = others.flat_map(|(_, fold)| fold.iter().copied()).collect();
        training.sort_unstable();
        self.rows.dataset([training, self.held[k].clone(), self.test.clone()])
    }
}

fn weights_of_rows(column: &Column, kept: &[usize], ahead: usize) -> Result<Vec<f32>, DataError> {
    let Values::Numbers(values) = &column.values else {
        return Err(DataError::TextAsNumber { column: column.name.clone() });
    };
    kept.iter()
        .map(|&row| match values.get(row + ahead) {
            weight if weight >= 0.0 => Ok(weight as f32),
            weight => Err(DataError::NegativeWeight { row: row + ahead + 1, column: column.name.clone(), weight }),
        })
        .collect()
}

/// The columns that are used, read as what they are to be, and checked one by one.
fn resolve<'a>(
    table: &'a Table,
    preparation: &'a Preparation,
) -> Result<Vec<(&'a ColumnPlan, Cow<'a, Column>)>, DataError> {
    let resolved = preparation.columns.par_iter().map(|plan| {
        let column = table.column(&plan.name).ok_or_else(|| DataError::ColumnGone(plan.name.clone()))?;
        if plan.role == Role::Ignore {
            return Ok(None);
        }
        let column = match plan.read_as.filter(|&kind| kind != column.kind()) {
            Some(kind) => Cow::Owned(converted(column, kind)?),
            None => Cow::Borrowed(column),
        };
        check_column(plan, &column)?;
        Ok(Some((plan, column)))
    });
    let outcomes: Vec<Result<Option<_>, DataError>> = resolved.collect();
    // The first that is wrong is told, whichever thread was faster.
    let used: Vec<(&ColumnPlan, Cow<'_, Column>)> =
        outcomes.into_iter().filter_map(Result::transpose).collect::<Result<_, _>>()?;
    let of = |role| used.iter().filter(move |(p, _): &&(&ColumnPlan, Cow<'_, Column>)| p.role == role);
    if of(Role::Target).next().is_none() {
        return Err(DataError::NoTarget);
    }
    if of(Role::Weight).count() > 1 {
        return Err(DataError::SeveralWeights(of(Role::Weight).count()));
    }
    if of(Role::Feature).next().is_none() && !preparation.sees_past() {
        return Err(DataError::NoFeatures);
    }
    Ok(used)
}

fn check_column(plan: &ColumnPlan, column: &Column) -> Result<(), DataError> {
    let name = || plan.name.clone();
    if column.missing() == column.len() {
        return Err(DataError::AllMissing { column: name() });
    }
    if let Some(row) = column.first_infinite() {
        return Err(DataError::Infinite { row: row + 1, column: name() });
    }
    if plan.role == Role::Weight {
        return if column.is_number() { Ok(()) } else { Err(DataError::TextAsNumber { column: name() }) };
    }
    if !plan.treatment.takes(column.kind(), plan.role) {
        let fits = |t: &&Treatment| t.takes(column.kind(), plan.role);
        let others: Vec<&str> = Treatment::ALL.iter().filter(fits).map(|t| t.label(plan.role)).collect();
        return Err(match column.kind() {
            Kind::Text if plan.treatment.is_scale() => DataError::TextAsNumber { column: name() },
            kind => DataError::Treatment {
                column: name(),
                kind: kind.label(),
                treatment: plan.treatment.label(plan.role),
                others: others.join(", "),
            },
        });
    }
    if plan.treatment != Treatment::OneHot {
        return Ok(());
    }
    let limit = if plan.role == Role::Target { MAX_CLASSES } else { MAX_LEVELS };
    match (column.classes(limit), plan.role) {
        (Some(_), _) => Ok(()),
        (None, Role::Target) => Err(DataError::TooManyClasses { column: name(), limit }),
        (None, _) => Err(DataError::TooManyLevels { column: name(), limit }),
    }
}

fn class_of_rows(column: &Column, rows: &[usize]) -> Result<Vec<usize>, DataError> {
    let names = column.classes(MAX_CLASSES).unwrap_or_default();
    let places = column.places(&names);
    let of_row = |&row: &usize| places.get(column, row).unwrap_or(0);
    let classes: Vec<usize> = rows.iter().map(of_row).collect();
    if classes.iter().all(|&c| c == classes[0]) {
        let (column, class) = (column.name.clone(), names[classes[0]].clone());
        return Err(DataError::OneClass { column, class });
    }
    Ok(classes)
}

#[cfg(test)]
mod tests {
    use super::{Folds, Missing, Part, Preparation, Role, Split, Treatment, prepare};
    use crate::data::{Column, DataError, Table, Targets};

    fn table() -> Table {
        let n = 40;
        Table {
            name: "t".into(),
            columns: vec![
                Column::numbers("a", (0..n).map(f64::from).collect::<Vec<f64>>()),
                Column::numbers(
                    "b",
                    (0..n).map(|i| if i == 3 { f64::NAN } else { f64::from(i % 5) }).collect::<Vec<f64>>(),
                ),
                Column::text("colour", (0..n).map(|i| Some(["red", "green", "blue"][i as usize % 3]))),
                Column::text("class", (0..n).map(|i| Some(if i % 4 == 0 { "yes" } else { "no" }))),
            ],
        }
    }

    #[test]
    fn training_rows_are_standardised_and_one_hot_rows_sum_to_one() {
        let data = prepare(&table(), &Preparation::guess(&table())).expect("fits");
        assert_eq!((data.rows(), data.features()), (39, 5), "the row with the gap is dropped");
        let train = data.part(Part::Train);
        let mean = train.iter().map(|&r| data.x[[r as usize, 0]]).sum::<f32>() / train.len() as f32;
        let var = train.iter().map(|&r| data.x[[r as usize, 0]].powi(2)).sum::<f32>() / train.len() as f32;
        assert!(mean.abs() < 1e-6 && (var - 1.0).abs() < 1e-5, "{mean} {var}");
        assert!(data.x.rows().into_iter().all(|r| r.iter().skip(2).sum::<f32>() == 1.0));
    }

    #[test]
    fn parts_cover_every_row_once_and_keep_the_shares_of_the_classes() {
        let mut plan = Preparation::guess(&table());
        plan.split = Split { validation: 0.25, test: 0.25, seed: 9, stratify: true, ..Split::default() };
        let data = prepare(&table(), &plan).expect("fits");
        let mut all: Vec<u32> = data.parts.concat();
        all.sort_unstable();
        assert_eq!(all, (0..39).collect::<Vec<_>>());
        let Targets::Classes { labels, names } = data.target() else { panic!("classes") };
        assert_eq!(names, &["no", "yes"]);
        let yes = data.part(Part::Test).iter().filter(|&&r| labels[r as usize] == 1).count();
        assert!((2..=3).contains(&yes), "{yes} of ten rows of the 39 that a quarter says yes to");
        assert_eq!(prepare(&table(), &plan).expect("fits").parts, data.parts);
        plan.split.seed = 10;
        assert_ne!(prepare(&table(), &plan).expect("fits").parts, data.parts);
    }

    #[test]
    fn every_row_is_held_back_by_one_fold_and_classes_are_alike() {
        let (table, plan) = (table(), Preparation::guess(&table()));
        let folds = Folds::new(&table, &plan, 4).expect("enough rows");
        let test = folds.dataset(0).expect("fits").part(Part::Test).to_vec();
        let mut seen = test.clone();
        for k in 0..folds.count() {
            let data = folds.dataset(k).expect("fits");
            let Targets::Classes { labels, .. } = data.target() else { panic!("classes") };
            let held = data.part(Part::Validation);
            let yes = held.iter().filter(|&&row| labels[row as usize] == 1).count();
            assert!((1..=3).contains(&yes) && (8..=9).contains(&held.len()), "{yes} of {}", held.len());
            assert_eq!(data.part(Part::Test), test);
            // Standardised by its own training rows.
            let train = data.part(Part::Train);
            let mean = train.iter().map(|&r| data.x[[r as usize, 0]]).sum::<f32>() / train.len() as f32;
            assert!(mean.abs() < 1e-6 && !train.iter().any(|row| held.contains(row)));
            seen.extend(held);
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..39).collect::<Vec<_>>());
        assert!(Folds::new(&table, &plan, 40).is_err());
    }

    #[test]
    fn gaps_are_filled_as_asked() {
        for (missing, want) in [(Missing::Constant { value: 7.5 }, 7.5), (Missing::Mode, 0.0), (Missing::Mean, 2.0)] {
            let mut plan = Preparation::guess(&table());
            plan.columns[1].missing = missing;
            plan.columns[1].treatment = Treatment::AsIs;
            plan.split = Split { validation: 0.0, test: 0.0, ..Split::default() };
            let data = prepare(&table(), &plan).expect("fits");
            let got = data.x[[3, 1]];
            assert_eq!(data.rows(), 40);
            assert!((got - want).abs() < 0.05, "{missing:?}: {got}");
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let base = Preparation::guess(&table());
        let change = |f: &dyn Fn(&mut Preparation)| {
            let mut plan = base.clone();
            f(&mut plan);
            prepare(&table(), &plan).expect_err("must not fit").to_string()
        };
        let cases = [
            (change(&|p| p.columns[3].role = Role::Ignore), "No column is the target"),
            (change(&|p| p.columns.iter_mut().take(3).for_each(|c| c.role = Role::Ignore)), "No column is a feature"),
            (change(&|p| p.columns[2].treatment = Treatment::MinMax), "\"colour\" holds text"),
            (change(&|p| p.columns[..2].iter_mut().for_each(|c| c.role = Role::Weight)), "2 columns are weights"),
            (change(&|p| p.columns[2].role = Role::Weight), "\"colour\" holds text"),
            (change(&|p| p.split.test = 1.0), "no rows to train on"),
            (change(&|p| p.columns[0].name = "gone".into()), "\"gone\" is no longer"),
        ];
        for (got, want) in cases {
            assert!(got.contains(want), "{got}");
        }
        let bad = |column: Column| {
            let mut t = table();
            t.columns[3] = column;
            let mut plan = base.clone();
            plan.columns[3].name.clone_from(&t.columns[3].name);
            prepare(&t, &plan).expect_err("must not fit")
        };
        assert!(matches!(bad(Column::text("c", vec![Some("one"); 40])), DataError::OneClass { .. }));
        assert!(matches!(bad(Column::text("c", vec![None; 40])), DataError::AllMissing { .. }));
        let many: Vec<String> = (0..40).map(|i| format!("c{i}")).collect();
        let repeated = (0..40).map(|i| Some(many[i].as_str()));
        assert!(
            prepare(
                &Table { name: "m".into(), columns: vec![table().columns[0].clone(), Column::text("c", repeated)] },
                &Preparation {
                    columns: vec![
                        base.columns[0].clone(),
                        super::ColumnPlan { name: "c".into(), ..base.columns[3].clone() }
                    ],
                    ..Preparation::default()
                }
            )
            .is_ok()
        );
        let thousand: Vec<String> = (0..1000).map(|i| format!("c{i}")).collect();
        let wide = Table {
            name: "w".into(),
            columns: vec![
                Column::numbers("a", (0..1000).map(f64::from).collect::<Vec<f64>>()),
                Column::text("c", thousand.iter().map(|s| Some(s.as_str()))),
            ],
        };
        assert!(matches!(prepare(&wide, &Preparation::guess(&wide)), Err(DataError::TooManyClasses { .. })));
        let mut infinite = table();
        infinite.columns[0] =
            Column::numbers("a", (0..40).map(|i| if i == 6 { f64::INFINITY } else { 1.0 }).collect::<Vec<f64>>());
        assert!(matches!(prepare(&infinite, &base), Err(DataError::Infinite { row: 7, .. })));
    }
}
