//! Fits each step of a preparation to the training rows.
//!
//! While the steps are fitted, a feature is a [`Draft`]: its columns, the functions applied so far, and how it will be
//! encoded. Values are computed when a step needs them, so that memory is needed for one column at a time.

use super::encode::{ColumnEncoding, Encoder, EncodingKind, Factor, Window, ahead};
use super::error::DataError;
use super::numbers::Numbers;
use super::plan::{
    ColumnPlan, HASH_PLACES, MAX_CLASSES, Missing, Preparation, PreparationStep, Role, StepKind, Treatment,
};
use super::scale::{Function, ScaleCurve, TargetScale, apply_all};
use super::stats::quantile;
use super::table::{Column, ColumnKind, Values};
use super::tokens::{TokenPlan, Tokens};
use rayon::prelude::{IntoParallelRefIterator as _, IntoParallelRefMutIterator as _, ParallelIterator as _};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// A step that makes more products is refused as a mistake.
const MAX_DERIVED: usize = 10_000;
/// Weight of the overall mean in a level's target mean, in rows (m-estimate smoothing).
const SMOOTHING: f64 = 10.0;

type Used<'a> = [(&'a ColumnPlan, Cow<'a, Column>)];

/// The columns and rows that the encoder is fitted to.
pub(super) struct Fitting<'a> {
    columns: &'a Used<'a>,
    /// Rows whose levels the encoder knows.
    kept: &'a [usize],
    /// Rows whose features occur in training.
    training: Cow<'a, [usize]>,
    /// Rows whose targets occur in training; one per sample.
    target_rows: Cow<'a, [usize]>,
    horizon: usize,
}

/// A feature while the steps are fitted.
#[derive(Clone)]
struct Draft<'a> {
    name: String,
    plan: &'a ColumnPlan,
    /// One, or several for a product.
    factors: Vec<Factor>,
    columns: Vec<&'a Column>,
    steps: Vec<Function>,
    /// Set once it is encoded as something other than a number.
    kind: Option<EncodingKind>,
    fill: Option<f64>,
    /// Whether it is a column of the table, not derived from some.
    own: bool,
}

impl<'a> Draft<'a> {
    fn of(plan: &'a ColumnPlan, column: &'a Column) -> Self {
        Self {
            name: plan.name.clone(),
            plan,
            factors: vec![Factor { column: plan.name.clone(), steps: Vec::new() }],
            columns: vec![column],
            steps: Vec::new(),
            kind: None,
            fill: None,
            own: true,
        }
    }

    /// Whether it is numeric, so that functions can be applied.
    fn is_number(&self) -> bool {
        self.kind.is_none()
            && matches!(self.columns[0].values, Values::Numbers(_) | Values::Dates(_))
            && (!self.own || self.plan.treatment.is_scale())
    }

    fn value(&self, row: usize) -> f64 {
        let factor = |(f, column): (&Factor, &&Column)| apply_all(&f.steps, column.number(row));
        apply_all(&self.steps, self.factors.iter().zip(&self.columns).map(factor).product())
    }

    fn values(&self, rows: &[usize]) -> Vec<f64> {
        rows.iter().map(|&row| self.value(row)).filter(|v| !v.is_nan()).collect()
    }

    /// Appends a scale; merges it with a curve right before it.
    fn push_scale(&mut self, scale: TargetScale) {
        if scale == TargetScale::SAME {
            return;
        }
        match self.steps.last_mut() {
            Some(Function::Linear(last))
                if last.offset == 0.0 && last.scale == 1.0 && scale.curve == ScaleCurve::Line =>
            {
                (last.offset, last.scale) = (scale.offset, scale.scale);
            }
            _ => self.steps.push(Function::Linear(scale)),
        }
    }

    /// A new feature made from this one.
    fn derived(&self, name: String, step: Function) -> Self {
        let mut derived = Self { name, own: false, ..self.clone() };
        derived.steps.push(step);
        derived
    }

    fn encoding(self) -> ColumnEncoding {
        let read_as = self.plan.read_as;
        let column = self.factors[0].column.clone();
        let encoding = |kind, fill| ColumnEncoding { column: column.clone(), read_as, kind, fill };
        if let Some(kind) = self.kind {
            return encoding(kind, self.fill);
        }
        if self.factors.len() > 1 {
            return encoding(EncodingKind::Product { name: self.name, of: self.factors, steps: self.steps }, None);
        }
        let line = TargetScale::SAME;
        match self.steps.as_slice() {
            [] if self.own => encoding(EncodingKind::Linear(line), None),
            [Function::Fill(fill)] if self.own => encoding(EncodingKind::Linear(line), Some(*fill)),
            [Function::Linear(scale)] if self.own => encoding(EncodingKind::Linear(*scale), None),
            [Function::Fill(fill), Function::Linear(scale)] if self.own => {
                encoding(EncodingKind::Linear(*scale), Some(*fill))
            }
            _ => encoding(EncodingKind::Chain { name: self.name, steps: self.steps }, None),
        }
    }
}

impl<'a> Fitting<'a> {
    /// `kept` are the last rows of all samples, `training` those of the training samples.
    pub fn new(columns: &'a Used<'a>, kept: &'a [usize], training: &'a [usize], window: Window) -> Self {
        let seen = if window.length == 1 {
            Cow::Borrowed(training)
        } else {
            let rows: BTreeSet<usize> = training.iter().flat_map(|&row| row + 1 - window.length..=row).collect();
            rows.into_iter().collect()
        };
        let target_rows = ahead(training, window.horizon);
        Self { columns, kept, training: seen, target_rows, horizon: window.horizon }
    }

    /// Fits all steps in order.
    pub fn encoder(&self, preparation: &Preparation) -> Result<Encoder, DataError> {
        let steps = preparation.all_steps();
        let of = |role| self.columns.iter().filter(move |(p, _)| p.role == role).map(|(p, c)| Draft::of(p, c));
        let mut features: Vec<Draft<'_>> = of(Role::Feature).collect();
        let mut targets: Vec<Draft<'_>> = of(Role::Target).collect();
        if preparation.sees_past() {
            features.extend(targets.iter().filter(|t| t.is_number()).cloned());
        }
        for step in steps.iter().filter(|s| !s.off) {
            check_names(step, preparation, features.iter().chain(&targets))?;
            self.step(step, &mut features)?;
            match step.kind {
                StepKind::Treat => targets.iter_mut().try_for_each(|t| self.treat(t, &self.target_rows))?,
                // Predictions are decoded, so only invertible curves are applied to targets, and only if they are named.
                StepKind::Log | StepKind::Power => {
                    let named =
                        |t: &&mut Draft<'_>| step.columns.contains(&t.name) && t.is_number() && t.steps.is_empty();
                    targets.iter_mut().filter(named).for_each(|t| Self::curve(step.kind, t, &self.target_rows));
                }
                _ => {}
            }
        }
        Ok(Encoder {
            features: features.into_iter().map(Draft::encoding).collect(),
            targets: targets.into_iter().map(Draft::encoding).collect(),
            window: None,
            ranges: self.ranges(),
        })
    }

    /// The smallest and the largest value of each feature of numbers or dates in the training rows.
    fn ranges(&self) -> BTreeMap<String, [f64; 2]> {
        let numbers = |(plan, column): &'a (&ColumnPlan, Cow<'_, Column>)| match &column.values {
            Values::Numbers(numbers) | Values::Dates(numbers) if plan.role == Role::Feature => {
                Some((plan.name.clone(), numbers))
            }
            _ => None,
        };
        let range = |numbers: &Numbers| {
            let (low, high) = numbers.finite_range(&self.training);
            (low <= high).then_some([low, high])
        };
        let found = self.columns.par_iter().filter_map(numbers).filter_map(|(name, n)| Some((name, range(n)?)));
        found.collect::<Vec<_>>().into_iter().collect()
    }

    fn step(&self, step: &PreparationStep, features: &mut Vec<Draft<'a>>) -> Result<(), DataError> {
        let rows = &self.training;
        let named = |d: &Draft<'_>| step.columns.is_empty() || step.columns.contains(&d.name);
        let chosen = |d: &Draft<'_>| d.is_number() && named(d);
        // Only columns of the table are expanded unless columns are named, so that derived features do not multiply.
        let parents = |features: &[Draft<'a>]| -> Vec<Draft<'a>> {
            let fits = |d: &&Draft<'a>| chosen(d) && d.factors.len() == 1 && (d.own || !step.columns.is_empty());
            features.iter().filter(fits).cloned().collect()
        };
        match step.kind {
            StepKind::Gaps => features.par_iter_mut().filter(|d| d.own).for_each(|d| self.fill(d)),
            StepKind::Treat => return features.par_iter_mut().try_for_each(|d| self.treat(d, rows)),
            StepKind::Log | StepKind::Power => {
                features.par_iter_mut().filter(|d| chosen(d)).for_each(|d| Self::curve(step.kind, d, rows));
            }
            StepKind::Clip { low, high } => features.par_iter_mut().filter(|d| chosen(d)).for_each(|d| {
                let mut values = d.values(rows);
                values.sort_by(f64::total_cmp);
                if !values.is_empty() {
                    let (low, high) = (quantile(&values, low), quantile(&values, high));
                    d.steps.push(Function::Clip { low, high });
                }
            }),
            StepKind::Indicator => {
                let has_gaps = |d: &&Draft<'_>| d.own && named(d) && d.columns[0].missing() > 0;
                let more: Vec<Draft<'_>> = features
                    .iter()
                    .filter(has_gaps)
                    .map(|d| Draft {
                        name: format!("{} missing", d.name),
                        kind: Some(EncodingKind::Missing),
                        own: false,
                        ..d.clone()
                    })
                    .collect();
                features.extend(more);
            }
            StepKind::Polynomial { degree } => {
                for parent in parents(features) {
                    for n in 2..=degree {
                        let power = ['²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'][n as usize - 2];
                        features.push(parent.derived(format!("{}{power}", parent.name), Function::Raise(n as i32)));
                    }
                }
            }
            StepKind::Waves => {
                for parent in parents(features) {
                    features.push(parent.derived(format!("sin {}", parent.name), Function::Sine));
                    features.push(parent.derived(format!("cos {}", parent.name), Function::Cosine));
                }
            }
            StepKind::Products => {
                let parents = parents(features);
                let pairs = parents.len() * parents.len().saturating_sub(1) / 2;
                if pairs > MAX_DERIVED {
                    return Err(DataError::TooManyProducts {
                        columns: parents.len(),
                        products: pairs,
                        limit: MAX_DERIVED,
                    });
                }
                for (k, a) in parents.iter().enumerate() {
                    features.extend(parents[k + 1..].iter().map(|b| {
                        let factor =
                            |d: &Draft<'_>| Factor { column: d.factors[0].column.clone(), steps: d.steps.clone() };
                        Draft {
                            name: format!("{} · {}", a.name, b.name),
                            factors: vec![factor(a), factor(b)],
                            columns: vec![a.columns[0], b.columns[0]],
                            steps: Vec::new(),
                            own: false,
                            ..a.clone()
                        }
                    }));
                }
            }
            StepKind::Window { .. } | StepKind::Augment(_) | StepKind::Balance(_) => {}
        }
        Ok(())
    }

    fn curve(kind: StepKind, draft: &mut Draft<'_>, rows: &[usize]) {
        let curve = match kind {
            StepKind::Power => ScaleCurve::Power(best_power(&draft.values(rows))),
            _ => ScaleCurve::Log,
        };
        draft.push_scale(TargetScale { curve, ..TargetScale::SAME });
    }

    /// Appends the function that fills missing values.
    fn fill(&self, draft: &mut Draft<'_>) {
        let column = draft.columns[0];
        let (is_number, missing) = (draft.is_number(), draft.plan.missing);
        if missing == Missing::Drop || column.kind() == ColumnKind::Image {
            return;
        }
        if !is_number {
            draft.fill = self.category_fill(draft);
            return;
        }
        let fill = stand_in(missing, draft.values(&self.training));
        draft.steps.push(Function::Fill(fill.unwrap_or(0.0)));
    }

    /// The fill value of a categorical column: for text the index of the level, else the value.
    fn category_fill(&self, draft: &Draft<'_>) -> Option<f64> {
        let column = draft.columns[0];
        let numbers: Vec<f64> = self.training.iter().map(|&row| column.number(row)).filter(|v| !v.is_nan()).collect();
        match &column.values {
            Values::Text(text) => {
                // Ties are broken alphabetically.
                let mut counts = vec![0_usize; text.levels().len()];
                for &code in &numbers {
                    counts[code as usize] += 1;
                }
                let names = self.levels(draft);
                let most = names
                    .iter()
                    .rev()
                    .max_by_key(|name| text.levels().iter().position(|l| l == *name).map_or(0, |code| counts[code]))?;
                names.iter().position(|name| name == most).map(|k| k as f64)
            }
            _ => stand_in(draft.plan.missing, numbers),
        }
    }

    /// Scales or encodes the feature as its column's plan says.
    fn treat(&self, draft: &mut Draft<'_>, rows: &[usize]) -> Result<(), DataError> {
        if draft.kind.is_some() {
            return Ok(());
        }
        let column = draft.columns[0];
        // Derived features are standardised.
        let treatment = if draft.own { draft.plan.treatment } else { Treatment::Standardise };
        if let Values::Images(images) = &column.values {
            let (height, width, channels) = (images.height, images.width, images.channels);
            let size = images.size();
            let pixels = || rows.iter().flat_map(|&row| (row * size..(row + 1) * size).map(|k| images.pixels.get(k)));
            let scale = match (&images.pixels, treatment) {
                (_, Treatment::AsIs) => TargetScale::SAME,
                // The range of bytes does not depend on the data, unless they use little of it.
                (Numbers::Bytes(_), Treatment::MinMax) if pixels().any(|v| v > 127.0) => TargetScale::line(0.0, 255.0),
                _ => linear(pixels, treatment),
            };
            draft.kind = Some(EncodingKind::Pixels { height, width, channels, scale });
            return Ok(());
        }
        let kind = match treatment {
            Treatment::OneHot => EncodingKind::OneHot { levels: self.levels(draft) },
            Treatment::Ordinal => EncodingKind::Ordinal { levels: self.levels(draft) },
            Treatment::Hash => EncodingKind::Hash { places: HASH_PLACES },
            Treatment::Tokens(plan) => EncodingKind::Tokens(self.tokens(&plan, column)),
            Treatment::TargetMean => self.target_means(draft)?,
            Treatment::Calendar => {
                let times = self.kept.iter().any(|&row| column.number(row).rem_euclid(86_400.0) != 0.0);
                let seconds = || rows.iter().map(|&row| column.number(row)).filter(|v| !v.is_nan());
                EncodingKind::Calendar { scale: linear(seconds, Treatment::Standardise), times }
            }
            Treatment::AsIs => return Ok(()),
            Treatment::Robust => {
                let mut values = draft.values(rows);
                values.sort_by(f64::total_cmp);
                if !values.is_empty() {
                    let (low, middle, high) =
                        (quantile(&values, 0.25), quantile(&values, 0.5), quantile(&values, 0.75));
                    draft.push_scale(scale(middle, high - low));
                }
                return Ok(());
            }
            Treatment::Standardise | Treatment::MinMax => {
                let this: &Draft<'_> = draft;
                let found = linear(|| rows.iter().map(|&row| this.value(row)).filter(|v| !v.is_nan()), treatment);
                draft.push_scale(found);
                return Ok(());
            }
        };
        draft.kind = Some(kind);
        Ok(())
    }

    /// The tokens of the training rows.
    fn tokens(&self, plan: &TokenPlan, column: &Column) -> Tokens {
        let Values::Text(text) = &column.values else {
            return Tokens::learn(plan, std::iter::empty(), std::iter::empty());
        };
        let counted = |rows: &[usize]| {
            let mut counts = vec![0_usize; text.levels().len()];
            let codes = rows.iter().map(|&row| column.number(row)).filter(|code| !code.is_nan());
            codes.for_each(|code| counts[code as usize] += 1);
            counts
        };
        let (training, kept) = (counted(&self.training), counted(self.kept));
        let texts = |counts| text.levels().iter().zip(counts).filter(|(_, n)| *n > 0);
        Tokens::learn(plan, texts(training), texts(kept))
    }

    /// Levels that occur in the kept rows, sorted.
    fn levels(&self, draft: &Draft<'_>) -> Vec<String> {
        let column = draft.columns[0];
        // The target of a window is in a later row, so all levels of the column are kept.
        if draft.plan.role == Role::Target || self.kept.len() == column.len() {
            return column.classes(usize::MAX / 128).unwrap_or_default();
        }
        let all = column.classes(usize::MAX / 128).unwrap_or_default();
        let mut present = vec![false; all.len()];
        let places = column.places(&all);
        for &row in self.kept {
            if let Some(at) = places.get(column, row) {
                present[at] = true;
            }
        }
        all.into_iter().zip(present).filter(|(_, present)| *present).map(|(level, _)| level).collect()
    }

    /// Target encoding by Micci-Barreca (2001), smoothed with [`SMOOTHING`].
    fn target_means(&self, draft: &Draft<'_>) -> Result<EncodingKind, DataError> {
        let Some((plan, target)) = self.columns.iter().find(|(p, _)| p.role == Role::Target) else {
            return Err(DataError::NoTarget);
        };
        let classes = (plan.treatment == Treatment::OneHot).then(|| target.classes(MAX_CLASSES).unwrap_or_default());
        // For two classes one share is enough.
        let width = classes.as_ref().map_or(1, |c| if c.len() == 2 { 1 } else { c.len() });
        let of_target = target.places(classes.as_deref().unwrap_or_default());
        let value = |row: usize, k: usize| match &classes {
            None => target.number(row),
            Some(names) => {
                let class = of_target.get(target, row).unwrap_or(0);
                f64::from(u8::from(class == if names.len() == 2 { 1 } else { k }))
            }
        };
        let levels = self.levels(draft);
        let column = draft.columns[0];
        let samples = self.target_rows.len().max(1) as f64;
        let unknown: Vec<f64> =
            (0..width).map(|k| self.target_rows.iter().map(|&row| value(row, k)).sum::<f64>() / samples).collect();
        let mut sums = vec![vec![0.0; width]; levels.len()];
        let mut counts = vec![0.0; levels.len()];
        let places = column.places(&levels);
        for &row in self.target_rows.iter() {
            if let Some(level) = places.get(column, row - self.horizon) {
                counts[level] += 1.0;
                (0..width).for_each(|k| sums[level][k] += value(row, k));
            }
        }
        let mean = |(sums, count): (Vec<f64>, f64)| {
            sums.iter().zip(&unknown).map(|(sum, all)| (sum + SMOOTHING * all) / (count + SMOOTHING)).collect()
        };
        let means = sums.into_iter().zip(counts).map(mean).collect();
        Ok(EncodingKind::TargetMean { levels, means, unknown })
    }
}

/// Whether the columns that a step names are in the data, or were made by a step before it.
fn check_names<'d, 'a: 'd>(
    step: &PreparationStep,
    preparation: &Preparation,
    mut drafts: impl Iterator<Item = &'d Draft<'a>> + Clone,
) -> Result<(), DataError> {
    const MOST: usize = 20;
    let known: Vec<&str> = preparation.columns.iter().map(|c| c.name.as_str()).collect();
    for name in &step.columns {
        if known.contains(&name.as_str()) || drafts.clone().any(|d| d.name == *name) {
            continue;
        }
        let place = preparation.steps.iter().position(|s| s == step).unwrap_or(0);
        let mut names = known;
        names.extend(
            drafts.by_ref().map(|d| d.name.as_str()).filter(|n| !preparation.columns.iter().any(|c| c.name == *n)),
        );
        let more = if names.len() > MOST { ", …" } else { "" };
        names.truncate(MOST);
        let reason = format!(
            "there is no column \"{name}\" at the step \"{}\"; there are {}{more}",
            step.kind.label(),
            names.join(", ")
        );
        return Err(DataError::Setting { at: format!("steps[{place}].columns"), reason });
    }
    Ok(())
}

/// The fill value; none if there are no values.
fn stand_in(missing: Missing, mut values: Vec<f64>) -> Option<f64> {
    match missing {
        Missing::Constant { value } => Some(value),
        _ if values.is_empty() => None,
        Missing::Mean => Some(values.iter().sum::<f64>() / values.len() as f64),
        Missing::Median => {
            values.sort_by(f64::total_cmp);
            Some(quantile(&values, 0.5))
        }
        Missing::Mode | Missing::Drop => mode(values),
    }
}

fn mode(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let runs = values.chunk_by(|a, b| a == b);
    // Ties go to the smallest value.
    runs.rev().max_by_key(|run| run.len()).map(|run| run[0])
}

/// Mean and standard deviation, or minimum and range.
fn linear<I: Iterator<Item = f64>>(values: impl Fn() -> I, treatment: Treatment) -> TargetScale {
    if treatment == Treatment::MinMax {
        let (low, high) = values().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
        return scale(low, high - low);
    }
    let (n, sum) = values().fold((0.0, 0.0), |(n, sum), v| (n + 1.0, sum + v));
    let mean = sum / f64::max(n, 1.0);
    let squares: f64 = values().map(|v| (v - mean).powi(2)).sum();
    scale(mean, (squares / f64::max(n, 1.0)).sqrt())
}

/// A scale that makes zeros of a constant column.
fn scale(offset: f64, spread: f64) -> TargetScale {
    let spread = if spread.is_finite() && spread > 1e-12 * offset.abs().max(1e-300) { spread } else { 1.0 };
    TargetScale::line(if offset.is_finite() { offset } else { 0.0 }, spread)
}

/// The λ of the Yeo–Johnson transformation with the largest normal log-likelihood, by golden-section search (there is one
/// maximum).
fn best_power(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let jacobian: f64 = values.par_iter().map(|v| v.signum() * libm::log1p(v.abs())).sum();
    let positive = values.iter().all(|&v| v >= 0.0);
    let likelihood = |lambda: f64| {
        // Without the constant term: at small λ it would cost digits of large numbers.
        let curve = |v: f64| match ScaleCurve::Power(lambda) {
            ScaleCurve::Power(lambda) if positive && lambda != 0.0 => libm::pow(v + 1.0, lambda) / lambda,
            curve => curve.apply(v),
        };
        let mean = values.iter().map(|&v| curve(v)).sum::<f64>() / n;
        let variance = values.iter().map(|&v| (curve(v) - mean).powi(2)).sum::<f64>() / n;
        (lambda - 1.0) * jacobian - n / 2.0 * libm::log(variance.max(f64::MIN_POSITIVE))
    };
    if values.iter().all(|v| *v == values[0]) {
        return 1.0;
    }
    let golden = (5_f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (-5.0, 5.0);
    let (mut a, mut b) = (high - golden * (high - low), low + golden * (high - low));
    let (mut at_a, mut at_b) = (likelihood(a), likelihood(b));
    while high - low > 1e-9 {
        if at_a > at_b {
            (high, b, at_b) = (b, a, at_a);
            a = high - golden * (high - low);
            at_a = likelihood(a);
        } else {
            (low, a, at_a) = (a, b, at_b);
            b = low + golden * (high - low);
            at_b = likelihood(b);
        }
    }
    f64::midpoint(low, high)
}
