//! Table → arrays that a network can train on, by the plan of a preparation.
//!
//! What a treatment needs (means, ranges, levels) is learned from the training rows only and kept in an [`Encoder`], so that
//! new rows are encoded exactly like them.

use super::encode::{Encoder, EncodingKind, Targets, Window, read_as};
use super::error::DataError;
use super::fit::Fitting;
use super::plan::{
    Augmentation, Balance, ColumnPlan, MAX_CLASSES, MAX_LEVELS, Missing, Preparation, Role, StepKind, Treatment,
};
use super::split::{Dealing, SplitBy};
use super::table::{Column, ColumnKind, Table, Values};
use chainrule_common::format;
use ndarray::ArcArray2;
use rayon::prelude::{IntoParallelRefIterator as _, ParallelIterator as _};
use std::borrow::Cow;
use std::sync::Arc;

/// A preparation that makes more features is refused as a mistake.
const MAX_FEATURES: usize = 1 << 20;

/// A part of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Train,
    Validation,
    Test,
}

/// Arrays ready for training. A clone shares them.
#[derive(Clone, Debug)]
pub struct Dataset {
    pub name: String,
    /// Features `[rows, features]`.
    pub x: ArcArray2<f32>,
    /// At least one: each column of classes alone, all numbers together.
    pub targets: Vec<Targets>,
    /// Weight of each row in training; 1 if absent.
    pub weights: Option<Arc<[f32]>>,
    /// Row of the table that each sample came from; for a window its last row.
    pub source_rows: Arc<Vec<usize>>,
    /// Rows of each part, in the order of [`Part`]. A training row may occur several times.
    pub parts: [Arc<[u32]>; 3],
    pub encoder: Encoder,
    /// Random changes of pictures in training.
    pub augmentation: Option<Augmentation>,
    pub left_out: LeftOut,
    /// What became of texts that are tokens, in sentences.
    pub told: Arc<[String]>,
}

/// Rows of the table that are no samples, by the reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Without a target, or without a weight.
    pub no_target: usize,
    /// With a missing value in a column whose gaps are not imputed.
    pub gaps: usize,
    /// The columns with these gaps, and how many of the rows each lacks; the most first.
    pub gaps_of: Vec<(String, usize)>,
    /// Without the rows before or after it that a window needs.
    pub window: usize,
}

impl LeftOut {
    /// What is left out, as a sentence; none where nothing is.
    pub fn describe(&self) -> Option<String> {
        const NAMED: usize = 3;
        let Self { no_target, gaps, gaps_of, window } = self;
        let mut columns: Vec<String> = gaps_of.iter().take(NAMED).map(|(c, n)| format!("\"{c}\" in {n}")).collect();
        if gaps_of.len() > NAMED {
            columns.push(format!("and {} more", format::counted(gaps_of.len() - NAMED, "column")));
        }
        let lacking = format!("with missing values that are not imputed ({})", columns.join(", "));
        let reasons = [
            (no_target, "without a target"),
            (gaps, lacking.as_str()),
            (window, "without enough rows around them for the window"),
        ];
        let told = reasons.iter().filter(|(n, _)| **n > 0);
        let told: Vec<String> = told.map(|(n, why)| format!("{} {why}", format::counted(**n, "row"))).collect();
        (!told.is_empty()).then(|| format!("Left out: {}", told.join(", ")))
    }
}

impl Dataset {
    pub fn part(&self, part: Part) -> &[u32] {
        &self.parts[part as usize]
    }

    /// The first targets, which plots show.
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

/// Turns `table` into arrays by the plan `preparation`.
///
/// # Errors
/// What does not fit, with the column and the row.
pub fn prepare(table: &Table, preparation: &Preparation) -> Result<Dataset, DataError> {
    let rows = UsedRows::of(table, preparation)?;
    let parts = rows.dealing()?.parts();
    rows.dataset(parts)
}

/// The columns and rows of a table that are used, before they are split.
struct UsedRows<'a> {
    table: &'a Table,
    preparation: &'a Preparation,
    columns: Vec<(&'a ColumnPlan, Cow<'a, Column>)>,
    /// Rows that are samples; for windows the last row of each.
    kept: Arc<Vec<usize>>,
    left_out: LeftOut,
    window: Window,
    /// The class of every kept row, for each target of classes.
    classes: Vec<Vec<usize>>,
}

impl<'a> UsedRows<'a> {
    pub fn of(table: &'a Table, preparation: &'a Preparation) -> Result<Self, DataError> {
        const NEEDED: usize = 2;
        if table.rows() < NEEDED {
            return Err(DataError::TooFewRows { rows: table.rows(), needed: NEEDED });
        }
        if let Some((at, reason)) = preparation.wrong_setting() {
            return Err(DataError::Setting { at, reason });
        }
        let columns = resolve(table, preparation)?;
        let window = preparation.window().unwrap_or(Window { length: 1, horizon: 0 });
        if window.length == 0 || window.length.saturating_add(window.horizon) > table.rows() {
            return Err(DataError::WindowTooLong {
                rows: table.rows(),
                length: window.length,
                horizon: window.horizon,
            });
        }
        let (kept, left_out) = kept_rows(table, preparation, &columns, window)?;
        if kept.len() < NEEDED {
            return Err(DataError::TooFewRows { rows: kept.len(), needed: NEEDED });
        }
        let of_classes = columns.iter().filter(|(p, _)| p.role == Role::Target && p.treatment == Treatment::OneHot);
        let classes =
            of_classes.map(|(_, c)| class_of_rows(c, &kept, window.horizon)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { table, preparation, columns, kept: Arc::new(kept), left_out, window, classes })
    }

    /// How the rows are split.
    pub fn dealing(&self) -> Result<Dealing<'_>, DataError> {
        Dealing::new(self.table, &self.preparation.split, &self.kept, self.classes.first().map(Vec::as_slice))
    }

    /// Fits the encoder to the first part and encodes all rows.
    pub fn dataset(&self, mut parts: [Vec<u32>; 3]) -> Result<Dataset, DataError> {
        let Self { table, kept, window, .. } = self;
        if parts[0].is_empty() {
            return Err(DataError::EmptyTraining);
        }
        let training = if parts[0].len() == kept.len() {
            Cow::Borrowed(kept.as_slice())
        } else {
            parts[0].iter().map(|&i| kept[i as usize]).collect()
        };
        let mut encoder = Fitting::new(&self.columns, kept, &training, *window).encoder(self.preparation)?;
        encoder.window = self.preparation.window();
        if encoder.features.is_empty() {
            return Err(DataError::NoFeatures);
        }
        let features = encoder.width();
        let bytes = features.saturating_mul(kept.len()).saturating_mul(size_of::<f32>());
        if features > MAX_FEATURES || bytes > super::reading::memory_limit() {
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
        let told = tell_tokens(&encoder, table, kept, &parts)?.into();
        Ok(Dataset {
            name: table.name.clone(),
            x: encoder.features(table, kept)?.into_shared(),
            targets: encoder.targets(table, kept)?,
            weights: weights.map(Arc::from),
            source_rows: Arc::clone(kept),
            parts: parts.map(Arc::from),
            augmentation: augment.filter(|_| encoder.picture().is_some()),
            left_out: self.left_out.clone(),
            told,
            encoder,
        })
    }
}

/// For each column of tokens: the vocabulary, how many texts are truncated at which length, and the unknown tokens of each part.
fn tell_tokens(
    encoder: &Encoder,
    table: &Table,
    kept: &[usize],
    parts: &[Vec<u32>; 3],
) -> Result<Vec<String>, DataError> {
    if !encoder.has_tokens() {
        return Ok(Vec::new());
    }
    let all = encoder.count_tokens(table, kept)?;
    let of_part = |part: &Vec<u32>| {
        let rows: Vec<usize> = part.iter().map(|&sample| kept[sample as usize]).collect();
        encoder.count_tokens(table, &rows)
    };
    let parts = parts.iter().map(of_part).collect::<Result<Vec<_>, _>>()?;
    let mut told = Vec::new();
    for (k, (column, count)) in all.iter().enumerate() {
        let Some(EncodingKind::Tokens(tokens)) =
            encoder.features.iter().filter(|e| matches!(e.kind, EncodingKind::Tokens(_))).nth(k).map(|e| &e.kind)
        else {
            continue;
        };
        let (size, unit) = (format::count(tokens.vocabulary.len() as u128), tokens.unit.label());
        let mut text = format!(
            "{column}: {size} {unit} in the vocabulary, {} a sample. ",
            format::counted(tokens.length, "token")
        );
        text += &match count.truncated {
            0 => format!("No text is truncated; the longest has {}. ", format::counted(count.longest, "token")),
            n => format!(
                "{} of {} truncated at {}; the longest has {}. ",
                format::count(n as u128),
                format::counted(count.texts, "text"),
                tokens.length,
                format::counted(count.longest, "token")
            ),
        };
        let names = ["training rows", "validation rows", "test rows"];
        let unknown: Vec<String> = parts.iter().zip(names).filter_map(|(p, name)| p[k].1.unknown_in(name)).collect();
        text += &if unknown.is_empty() {
            "No token is unknown".to_owned()
        } else {
            format!("Unknown: {}", unknown.join(", "))
        };
        told.push(text);
    }
    Ok(told)
}

/// Multiplies the weights by those that balance the classes of the training rows.
fn balance_weights(classes: &[usize], training: &[u32], weights: &mut Option<Vec<f32>>) {
    let count = classes.iter().max().map_or(0, |m| m + 1);
    let of_class = balanced(count, training.iter().map(|&row| classes[row as usize]));
    let weights = weights.get_or_insert_with(|| vec![1.0; classes.len()]);
    weights.iter_mut().zip(classes).for_each(|(weight, &class)| *weight *= of_class[class]);
}

/// Weights that balance classes, as in scikit-learn: rows / (classes with rows · rows of the class); 0 for a class without rows.
pub fn balanced(classes: usize, rows: impl Iterator<Item = usize>) -> Vec<f32> {
    let mut counts = vec![0_usize; classes];
    rows.for_each(|class| counts[class] += 1);
    let rows: usize = counts.iter().sum();
    let present = counts.iter().filter(|&&n| n > 0).count();
    counts.iter().map(|&n| if n == 0 { 0.0 } else { rows as f32 / (present * n) as f32 }).collect()
}

/// Rows without missing values, except those that will be filled; for windows, rows with enough such rows before them.
fn kept_rows(
    table: &Table,
    preparation: &Preparation,
    columns: &[(&ColumnPlan, Cow<'_, Column>)],
    window: Window,
) -> Result<(Vec<usize>, LeftOut), DataError> {
    let mut whole = vec![true; table.rows()];
    let mut judged = vec![true; table.rows()];
    let mut gaps_of = Vec::new();
    let gaps: Vec<bool> = columns.par_iter().map(|(_, column)| column.missing() > 0).collect();
    for ((plan, column), _) in columns.iter().zip(gaps).filter(|(_, gaps)| *gaps) {
        if plan.role == Role::Target && preparation.sees_past() && plan.treatment.is_scale() {
            column.unflag_missing(&mut whole);
        }
        // Rows without a target are dropped; other missing values are filled unless the plan drops them.
        match plan.role {
            Role::Target | Role::Weight => column.unflag_missing(&mut judged),
            _ if plan.missing == Missing::Drop && !matches!(plan.treatment, Treatment::Hash | Treatment::Tokens(_)) => {
                gaps_of.push((plan.name.clone(), column.missing()));
                column.unflag_missing(&mut whole);
            }
            _ => {}
        }
    }
    // A window never spans two groups.
    let group = match &preparation.split.by {
        SplitBy::Group(name) if preparation.window().is_some() => {
            Some(table.column(name).ok_or_else(|| DataError::ColumnGone(name.clone()))?)
        }
        _ => None,
    };
    let (mut run, mut left_out) = (0, LeftOut::default());
    let mut kept = Vec::with_capacity(table.rows());
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
        } else if ahead < table.rows() && !judged[ahead] {
            left_out.no_target += 1;
        } else if !whole {
            left_out.gaps += 1;
        } else {
            left_out.window += 1;
        }
    }
    kept.shrink_to_fit();
    if left_out.gaps > 0 {
        gaps_of.sort_by_key(|&(_, n)| std::cmp::Reverse(n));
        left_out.gaps_of = gaps_of;
    }
    Ok((kept, left_out))
}

/// Folds for cross-validation: each is the validation part once, while the others train. The test rows of the split are in
/// no fold.
pub struct Folds<'a> {
    rows: UsedRows<'a>,
    held: Vec<Vec<u32>>,
    test: Vec<u32>,
}

impl<'a> Folds<'a> {
    /// Assigns the rows to `count` folds, stratified if the split is; groups stay together, and ordered rows give consecutive
    /// folds.
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
            weight if weight > f64::from(f32::MAX) => {
                Err(DataError::Overflow { row: row + ahead + 1, column: column.name.clone() })
            }
            weight if weight >= 0.0 => Ok(weight as f32),
            weight => Err(DataError::NegativeWeight { row: row + ahead + 1, column: column.name.clone(), weight }),
        })
        .collect()
}

/// The columns that are used, converted and checked.
fn resolve<'a>(
    table: &'a Table,
    preparation: &'a Preparation,
) -> Result<Vec<(&'a ColumnPlan, Cow<'a, Column>)>, DataError> {
    let resolved = preparation.columns.par_iter().map(|plan| {
        let column = table.column(&plan.name).ok_or_else(|| DataError::ColumnGone(plan.name.clone()))?;
        if plan.role == Role::Ignore {
            return Ok(None);
        }
        let column = read_as(column, plan.read_as)?;
        check_column(plan, &column)?;
        Ok(Some((plan, column)))
    });
    let outcomes: Vec<Result<Option<_>, DataError>> = resolved.collect();
    // Report the first error in the order of the columns, whichever thread was faster.
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
    if column.is_blank() {
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
            ColumnKind::Text if plan.treatment.is_scale() => DataError::TextAsNumber { column: name() },
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

fn class_of_rows(column: &Column, rows: &[usize], ahead: usize) -> Result<Vec<usize>, DataError> {
    let names = column.classes(MAX_CLASSES).unwrap_or_default();
    let places = column.places(&names);
    let of_row = |&row: &usize| places.get(column, row + ahead).unwrap_or(0);
    let classes: Vec<usize> = rows.iter().map(of_row).collect();
    if classes.iter().all(|&c| c == classes[0]) {
        let (column, class) = (column.name.clone(), names[classes[0]].clone());
        return Err(DataError::OneClass { column, class });
    }
    Ok(classes)
}

#[cfg(test)]
mod tests {
    use super::{Folds, Part, prepare};
    use crate::{
        Augmentation, Column, ColumnPlan, DataError, LeftOut, Missing, Preparation, PreparationStep, Role, Split,
        StepKind, Table, Targets, Treatment,
    };

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

    /// What is guessed for the table, without the row that has a gap.
    fn dropping() -> Preparation {
        let mut plan = Preparation::guess(&table());
        plan.columns[1].missing = Missing::Drop;
        plan
    }

    #[test]
    fn rows_are_left_out_for_reasons_that_are_counted() {
        let mut table = table();
        table.columns[3] =
            Column::text("class", (0..40).map(|i| [None, Some("no"), Some("yes")][(i as usize + 2) % 3]));
        let guess = Preparation::guess(&table);
        let left_out = |plan: &Preparation| prepare(&table, plan).expect("fits").left_out;
        let imputed = left_out(&guess);
        assert_eq!(imputed, LeftOut { no_target: 13, ..LeftOut::default() });
        assert_eq!(imputed.describe().as_deref(), Some("Left out: 13 rows without a target"));
        let mut plan = guess.clone();
        plan.columns[1].missing = Missing::Drop;
        plan.steps.push(StepKind::Window { length: 3, horizon: 0, past: false }.into());
        let all = left_out(&plan);
        assert_eq!((all.no_target, all.gaps + all.window > 0), (13, true));
        let rows = prepare(&table, &plan).expect("fits").rows();
        assert_eq!(rows + all.no_target + all.gaps + all.window, 40);
        assert_eq!(LeftOut::default().describe(), None);
    }

    #[test]
    fn training_rows_are_standardised_and_one_hot_rows_sum_to_one() {
        let imputed = prepare(&table(), &Preparation::guess(&table())).expect("fits");
        assert_eq!((imputed.rows(), imputed.features()), (40, 5), "gaps are imputed where nobody has said otherwise");
        let data = prepare(&table(), &dropping()).expect("fits");
        assert_eq!((data.rows(), data.features()), (39, 5), "the row with the gap is dropped");
        let gaps_of = vec![(table().columns[1].name.clone(), 1)];
        assert_eq!(data.left_out, LeftOut { gaps: 1, gaps_of, ..LeftOut::default() });
        let told = data.left_out.describe().expect("a row is left out");
        assert!(told.contains(&format!("(\"{}\" in 1)", table().columns[1].name)), "{told}");
        let train = data.part(Part::Train);
        let mean = train.iter().map(|&r| data.x[[r as usize, 0]]).sum::<f32>() / train.len() as f32;
        let var = train.iter().map(|&r| data.x[[r as usize, 0]].powi(2)).sum::<f32>() / train.len() as f32;
        assert!(mean.abs() < 1e-6 && (var - 1.0).abs() < 1e-5, "{mean} {var}");
        assert!(data.x.rows().into_iter().all(|r| r.iter().skip(2).sum::<f32>() == 1.0));
    }

    #[test]
    fn parts_cover_every_row_once_and_keep_the_shares_of_the_classes() {
        let mut plan = dropping();
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
        let (table, plan) = (table(), dropping());
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
        let with = |role| ColumnPlan { role, ..base.columns[0].clone() };
        let window = |length, horizon| StepKind::Window { length, horizon, past: false }.into();
        let augment =
            |shift, rotate, noise| StepKind::Augment(Augmentation { flip: false, shift, rotate, noise }).into();
        let of = |kind: StepKind, column: &str| PreparationStep { columns: vec![column.into()], ..kind.into() };
        let cases = [
            (change(&|p| p.columns[3].role = Role::Ignore), "No column is the target"),
            (change(&|p| p.columns.iter_mut().take(3).for_each(|c| c.role = Role::Ignore)), "No column is a feature"),
            (change(&|p| p.columns[2].treatment = Treatment::MinMax), "\"colour\" holds text"),
            (change(&|p| p.columns[..2].iter_mut().for_each(|c| c.role = Role::Weight)), "2 columns are weights"),
            (change(&|p| p.columns[2].role = Role::Weight), "\"colour\" holds text"),
            (change(&|p| p.split.test = 1.0), "no rows to train on"),
            (change(&|p| p.columns[0].name = "gone".into()), "\"gone\" is no longer"),
            (change(&|p| p.split.validation = -1.0), "split.validation: the share of validation rows"),
            (
                change(&|p| p.split.test = 1.5),
                "split.test: the share of test rows must lie between 0 and 1, but is 1.5",
            ),
            (change(&|p| p.split.test = f64::NAN), "split.test"),
            (
                change(&|p| p.columns.push(with(Role::Target))),
                "columns[4]: the column \"a\" is listed twice, as feature and as target",
            ),
            (change(&|p| p.columns.push(with(Role::Feature))), "\"a\" is listed twice"),
            (
                change(&|p| p.steps = vec![StepKind::Clip { low: -0.1, high: 0.9 }.into()]),
                "steps[0].kind: the quantiles",
            ),
            (change(&|p| p.steps = vec![StepKind::Clip { low: 0.1, high: 90.0 }.into()]), "between 0 and 1"),
            (change(&|p| p.steps = vec![StepKind::Clip { low: 0.6, high: 0.4 }.into()]), "the lower one first"),
            (change(&|p| p.steps = vec![StepKind::Polynomial { degree: 4_000_000_000 }.into()]), "between 2 and 9"),
            (change(&|p| p.steps = vec![StepKind::Polynomial { degree: 1 }.into()]), "but is 1"),
            (change(&|p| p.steps = vec![window(0, 1)]), "at least 1 row long"),
            (change(&|p| p.steps = vec![window(usize::MAX, 1)]), "Make the window shorter"),
            (change(&|p| p.steps = vec![augment(5000, 0.0, 0.0)]), "shifted by at most 1024 pixels"),
            (change(&|p| p.steps = vec![augment(0, f64::INFINITY, 0.0)]), "rotated by 0 to 360"),
            (change(&|p| p.steps = vec![augment(0, 0.0, -1.0)]), "noise of pictures"),
            (
                change(&|p| p.steps = vec![of(StepKind::Log, "ax")]),
                "steps[0].columns: there is no column \"ax\" at the step \"Logarithm\"; there are a, b, colour, class",
            ),
            // Only what comes before a step is there for it.
            (
                change(&|p| p.steps = vec![of(StepKind::Log, "a²"), StepKind::Polynomial { degree: 2 }.into()]),
                "no column \"a²\"",
            ),
        ];
        let fits = |steps: Vec<PreparationStep>| prepare(&table(), &Preparation { steps, ..base.clone() }).is_ok();
        assert!(fits(vec![StepKind::Polynomial { degree: 2 }.into(), of(StepKind::Log, "a²")]));
        assert!(fits(vec![PreparationStep { off: true, ..StepKind::Polynomial { degree: 0 }.into() }]), "it is off");
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
                    columns: vec![base.columns[0].clone(), ColumnPlan { name: "c".into(), ..base.columns[3].clone() }],
                    ..Preparation::default()
                }
            )
            .is_ok()
        );
        let classes = |n: u32| {
            let names: Vec<String> = (0..n).map(|i| format!("c{i}")).collect();
            let columns = vec![
                Column::numbers("a", (0..n).map(f64::from).collect::<Vec<f64>>()),
                Column::text("c", names.iter().map(|s| Some(s.as_str()))),
            ];
            let table = Table { name: "w".into(), columns };
            prepare(&table, &Preparation::for_targets(&table, &["c".to_owned()]))
        };
        assert!(classes(10_000).is_ok());
        assert!(matches!(classes(10_001), Err(DataError::TooManyClasses { limit: 10_000, .. })));
        // What single precision does not hold, as a feature, by a fill value, as a target and as a weight.
        let huge = |column: usize, change: &dyn Fn(&mut ColumnPlan)| {
            let mut t = table();
            let value = |i: u32| if i == 6 { 1e300 } else { f64::from(i) };
            t.columns[column] =
                Column::numbers(t.columns[column].name.clone(), (0..40).map(value).collect::<Vec<f64>>());
            let mut plan = base.clone();
            change(&mut plan.columns[column]);
            plan.columns[column].treatment = Treatment::AsIs;
            prepare(&t, &plan)
        };
        for role in [Role::Feature, Role::Target, Role::Weight] {
            let outcome = huge(0, &|c| c.role = role);
            assert!(matches!(outcome, Err(DataError::Overflow { row: 7, .. })), "{role:?}");
        }
        let mut filled = base.clone();
        filled.columns[1].missing = Missing::Constant { value: 1e300 };
        filled.columns[1].treatment = Treatment::AsIs;
        assert!(matches!(prepare(&table(), &filled), Err(DataError::Overflow { row: 4, .. })));
        let mut infinite = table();
        infinite.columns[0] =
            Column::numbers("a", (0..40).map(|i| if i == 6 { f64::INFINITY } else { 1.0 }).collect::<Vec<f64>>());
        assert!(matches!(prepare(&infinite, &base), Err(DataError::Infinite { row: 7, .. })));
    }
}
