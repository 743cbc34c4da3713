//! Table → arrays a network can train on: roles, treatments, missing values and the split.
//!
//! What a treatment needs to know (means, ranges, levels) is learned from the training rows only and kept in an
//! [`Encoder`], so that new rows are treated exactly as the old ones were.

use super::encode::{Encoder, Targets};
use super::error::DataError;
use super::table::{Column, Table, Values};
use crate::seed::{Purpose, Stream};
use ndarray::Array2;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// More classes than this are taken for a mistake.
pub const MAX_CLASSES: usize = 512;
/// More levels than this are too many for one-hot.
pub const MAX_LEVELS: usize = 512;

/// How a table becomes a data set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Preparation {
    pub columns: Vec<ColumnPlan>,
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
    /// One column a level; for a target: classes
    OneHot,
    /// 0, 1, 2 … in the order of the levels
    Ordinal,
}

/// What happens to missing values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Missing {
    /// Leave out the row
    #[default]
    Drop,
    /// The mean of the training rows
    Mean,
    /// The most frequent value of the training rows
    Mode,
    Constant {
        value: f64,
    },
}

/// Shares of rows that are held back, at random but the same for the same seed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Split {
    pub validation: f64,
    pub test: f64,
    pub seed: u64,
    /// Keep the shares of the classes alike in all parts.
    pub stratify: bool,
}

impl Default for Split {
    fn default() -> Self {
        Self { validation: 0.15, test: 0.15, seed: 1, stratify: true }
    }
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
    /// Row of the table that each row came from.
    pub source_rows: Vec<usize>,
    /// Rows of each part, in the order of [`Part`].
    pub parts: [Vec<u32>; 3],
    pub encoder: Encoder,
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
    pub const ALL: [Self; 5] = [Self::AsIs, Self::Standardise, Self::MinMax, Self::OneHot, Self::Ordinal];

    /// What people read; one-hot targets are classes.
    pub fn label(self, role: Role) -> &'static str {
        match self {
            Self::AsIs => "as is",
            Self::Standardise => "standardise",
            Self::MinMax => "min-max",
            Self::OneHot if role == Role::Target => "classes",
            Self::OneHot => "one-hot",
            Self::Ordinal => "ordinal",
        }
    }

    /// Whether it takes a column of text.
    pub fn takes_text(self) -> bool {
        matches!(self, Self::OneHot | Self::Ordinal)
    }
}

impl Missing {
    pub const ALL: [Self; 4] = [Self::Drop, Self::Mean, Self::Mode, Self::Constant { value: 0.0 }];

    pub fn label(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Mean => "mean",
            Self::Mode => "mode",
            Self::Constant { .. } => "constant",
        }
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
        Self { columns, split: Split::default() }
    }

    /// Names of the target columns.
    pub fn targets(&self) -> impl Iterator<Item = &ColumnPlan> {
        self.columns.iter().filter(|c| c.role == Role::Target)
    }
}

fn guess_column(column: &Column, target: bool) -> ColumnPlan {
    let levels = column.classes();
    let rows = column.len();
    let whole = levels.iter().all(|l| l.parse::<i64>().is_ok());
    let classes = !column.is_number() || (whole && levels.len() <= 20 && levels.len() * 5 <= rows);
    let (role, treatment) = match (target, column.is_number()) {
        (true, _) if classes => (Role::Target, Treatment::OneHot),
        (true, _) => (Role::Target, Treatment::Standardise),
        (false, _) if levels.is_empty() => (Role::Ignore, Treatment::Standardise),
        (false, true) => (Role::Feature, Treatment::Standardise),
        (false, false) if levels.len() <= 50 && levels.len() * 2 <= rows => (Role::Feature, Treatment::OneHot),
        (false, false) => (Role::Ignore, Treatment::OneHot),
    };
    ColumnPlan { name: column.name.clone(), role, treatment, missing: Missing::Drop }
}

/// Makes arrays of `table` as `preparation` says.
///
/// # Errors
/// What does not fit, with the column and the row.
pub fn prepare(table: &Table, preparation: &Preparation) -> Result<Dataset, DataError> {
    let rows = UsedRows::of(table, preparation)?;
    let parts = split(rows.kept.len(), &preparation.split, rows.classes.first().map(Vec::as_slice));
    rows.dataset(parts)
}

/// The columns and rows of a table that are used, before they are dealt into parts.
struct UsedRows<'a> {
    table: &'a Table,
    columns: Vec<(&'a ColumnPlan, &'a Column)>,
    kept: Vec<usize>,
    /// For each target of classes the class of every kept row.
    classes: Vec<Vec<usize>>,
}

impl<'a> UsedRows<'a> {
    fn of(table: &'a Table, preparation: &'a Preparation) -> Result<Self, DataError> {
        const NEEDED: usize = 2;
        let columns = resolve(table, preparation)?;
        let kept: Vec<usize> = (0..table.rows()).filter(|&row| columns.iter().all(|(p, c)| keeps(p, c, row))).collect();
        if kept.len() < NEEDED {
            return Err(DataError::TooFewRows { rows: kept.len(), needed: NEEDED });
        }
        let of_classes = columns.iter().filter(|(p, _)| p.role == Role::Target && p.treatment == Treatment::OneHot);
        let classes = of_classes.map(|(_, c)| class_of_rows(c, &kept)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { table, columns, kept, classes })
    }

    /// Everything that treatments need to know is learned from the first part.
    fn dataset(&self, parts: [Vec<u32>; 3]) -> Result<Dataset, DataError> {
        let Self { table, columns, kept, .. } = self;
        if parts[0].is_empty() {
            return Err(DataError::EmptyTraining);
        }
        let training: Vec<usize> = parts[0].iter().map(|&i| kept[i as usize]).collect();
        let encoder = Encoder::fit(columns, kept, &training);
        let weights = columns.iter().find(|(p, _)| p.role == Role::Weight);
        Ok(Dataset {
            name: table.name.clone(),
            x: encoder.features(table, kept)?,
            targets: encoder.targets(table, kept)?,
            weights: weights.map(|(_, c)| weights_of_rows(c, kept)).transpose()?,
            source_rows: kept.clone(),
            parts,
            encoder,
        })
    }
}

/// A table whose rows are dealt into folds: each is held back once, while the others train. The test rows of the split stay
/// apart from all.
pub struct Folds<'a> {
    rows: UsedRows<'a>,
    held: Vec<Vec<u32>>,
    test: Vec<u32>,
}

impl<'a> Folds<'a> {
    /// Deals the rows into `count` folds, alike in their classes where the split is stratified.
    ///
    /// # Errors
    /// What does not fit, or that there are fewer rows than folds.
    pub fn new(table: &'a Table, preparation: &'a Preparation, count: usize) -> Result<Self, DataError> {
        let rows = UsedRows::of(table, preparation)?;
        let classes = rows.classes.first().map(Vec::as_slice).filter(|_| preparation.split.stratify);
        let whole = Split { validation: 0.0, ..preparation.split };
        let [mut pool, _, test] = split(rows.kept.len(), &whole, classes);
        if count < 2 || pool.len() < count {
            return Err(DataError::TooFewForFolds { rows: pool.len(), folds: count });
        }
        Stream::new(preparation.split.seed, Purpose::Split, 1).shuffle(&mut pool);
        if let Some(classes) = classes {
            // Rows of one class go round the folds.
            pool.sort_by_key(|&row| classes[row as usize]);
        }
        let mut held = vec![Vec::new(); count];
        pool.into_iter().enumerate().for_each(|(k, row)| held[k % count].push(row));
        for fold in &mut held {
            fold.sort_unstable();
        }
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

fn weights_of_rows(column: &Column, kept: &[usize]) -> Result<Vec<f32>, DataError> {
    let Values::Numbers(values) = &column.values else {
        return Err(DataError::TextAsNumber { column: column.name.clone() });
    };
    kept.iter()
        .map(|&row| match values[row] {
            weight if weight >= 0.0 => Ok(weight as f32),
            weight => Err(DataError::NegativeWeight { row: row + 1, column: column.name.clone(), weight }),
        })
        .collect()
}

/// The columns that are used, checked one by one.
fn resolve<'a>(table: &'a Table, preparation: &'a Preparation) -> Result<Vec<(&'a ColumnPlan, &'a Column)>, DataError> {
    let mut used = Vec::new();
    for plan in &preparation.columns {
        let column = table.column(&plan.name).ok_or_else(|| DataError::ColumnGone(plan.name.clone()))?;
        if plan.role != Role::Ignore {
            check_column(plan, column)?;
            used.push((plan, column));
        }
    }
    let of = |role| used.iter().filter(move |(p, _): &&(&ColumnPlan, &Column)| p.role == role);
    if of(Role::Target).next().is_none() {
        return Err(DataError::NoTarget);
    }
    if of(Role::Weight).count() > 1 {
        return Err(DataError::SeveralWeights(of(Role::Weight).count()));
    }
    if of(Role::Feature).next().is_none() {
        return Err(DataError::NoFeatures);
    }
    Ok(used)
}

fn check_column(plan: &ColumnPlan, column: &Column) -> Result<(), DataError> {
    let name = || plan.name.clone();
    let levels = || column.classes();
    if (0..column.len()).all(|row| column.is_missing(row)) {
        return Err(DataError::AllMissing { column: name() });
    }
    if let Some(row) = column.first_infinite() {
        return Err(DataError::Infinite { row: row + 1, column: name() });
    }
    if !column.is_number() && (plan.role == Role::Weight || !plan.treatment.takes_text()) {
        return Err(DataError::TextAsNumber { column: name() });
    }
    if plan.treatment != Treatment::OneHot {
        return Ok(());
    }
    match (plan.role, levels()) {
        (Role::Target, l) if l.len() > MAX_CLASSES => {
            Err(DataError::TooManyClasses { column: name(), classes: l.len(), limit: MAX_CLASSES })
        }
        (Role::Feature, l) if l.len() > MAX_LEVELS => {
            Err(DataError::TooManyLevels { column: name(), levels: l.len(), limit: MAX_LEVELS })
        }
        _ => Ok(()),
    }
}

/// A row without its target teaches nothing; other gaps are filled unless the plan drops them.
fn keeps(plan: &ColumnPlan, column: &Column, row: usize) -> bool {
    !(column.is_missing(row) && (matches!(plan.role, Role::Target | Role::Weight) || plan.missing == Missing::Drop))
}

fn class_of_rows(column: &Column, kept: &[usize]) -> Result<Vec<usize>, DataError> {
    let names = column.classes();
    let of_row = |&row: &usize| names.binary_search_by(|n| column.order(n, row)).unwrap_or(0);
    let classes: Vec<usize> = kept.iter().map(of_row).collect();
    if classes.iter().all(|&c| c == classes[0]) {
        let (column, class) = (column.name.clone(), names[classes[0]].clone());
        return Err(DataError::OneClass { column, class });
    }
    Ok(classes)
}

/// Deals rows 0..`rows` into training, validation and test; each part comes out sorted.
fn split(rows: usize, split: &Split, classes: Option<&[usize]>) -> [Vec<u32>; 3] {
    let share = |v: f64| if v.is_finite() { v.clamp(0.0, 1.0) } else { 0.0 };
    let (validation, test) = (share(split.validation), share(split.test));
    let mut groups: Vec<Vec<u32>> = Vec::new();
    match classes.filter(|_| split.stratify) {
        Some(classes) => {
            groups.resize(classes.iter().max().map_or(0, |m| m + 1), Vec::new());
            classes.iter().zip(0..).for_each(|(&c, row)| groups[c].push(row));
        }
        None => groups.push((0..rows as u32).collect()),
    }
    let mut parts = [const { Vec::new() }; 3];
    let mut stream = Stream::new(split.seed, Purpose::Split, 0);
    // Shares are cut from the running total, so that rounding evens out over the groups.
    let (mut seen, mut dealt) = (0, [0_usize; 2]);
    for mut group in groups {
        stream.shuffle(&mut group);
        seen += group.len();
        let mut rest = group.as_slice();
        for (k, share) in [validation, test].into_iter().enumerate() {
            let wanted = ((seen as f64 * share).round() as usize).saturating_sub(dealt[k]).min(rest.len());
            let (held, left) = rest.split_at(wanted);
            parts[k + 1].extend_from_slice(held);
            dealt[k] += wanted;
            rest = left;
        }
        parts[0].extend_from_slice(rest);
    }
    for part in &mut parts {
        part.sort_unstable();
    }
    parts
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
                Column::numbers("a", (0..n).map(f64::from).collect()),
                Column::numbers("b", (0..n).map(|i| if i == 3 { f64::NAN } else { f64::from(i % 5) }).collect()),
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
        plan.split = Split { validation: 0.25, test: 0.25, seed: 9, stratify: true };
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
                    split: Split::default()
                }
            )
            .is_ok()
        );
        let thousand: Vec<String> = (0..1000).map(|i| format!("c{i}")).collect();
        let wide = Table {
            name: "w".into(),
            columns: vec![
                Column::numbers("a", (0..1000).map(f64::from).collect()),
                Column::text("c", thousand.iter().map(|s| Some(s.as_str()))),
            ],
        };
        assert!(matches!(
            prepare(&wide, &Preparation::guess(&wide)),
            Err(DataError::TooManyClasses { classes: 1000, .. })
        ));
        let mut infinite = table();
        infinite.columns[0] = Column::numbers("a", (0..40).map(|i| if i == 6 { f64::INFINITY } else { 1.0 }).collect());
        assert!(matches!(prepare(&infinite, &base), Err(DataError::Infinite { row: 7, .. })));
    }
}
