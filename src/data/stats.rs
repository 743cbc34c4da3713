//! Summary statistics of columns.

use super::numbers::Numbers;
use super::plan::{ColumnPlan, Preparation, PreparationStep, Role, StepKind, Treatment};
use super::table::{Column, Table, Values};
use crate::format;
use rayon::prelude::{
    IntoParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _, ParallelSliceMut as _,
};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// Summary of one column.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    pub missing: usize,
    pub distinct: usize,
    /// Of the finite numbers; none for text.
    pub range: Option<Range>,
    /// Numbers more than 1.5 interquartile ranges outside of the quartiles (Tukey 1977).
    pub outliers: usize,
    /// Counts of equal-width bins, or of the most frequent levels.
    pub histogram: Vec<usize>,
    /// Names of the levels that `histogram` counts; empty for numbers.
    pub levels: Vec<String>,
}

/// Minimum, maximum, mean, population standard deviation and quartiles.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    pub min: f64,
    pub max: f64,
    pub mean: f64,
    pub std: f64,
    pub quartiles: [f64; 3],
}

impl Range {
    /// Values outside of these two are outliers.
    pub fn fences(&self) -> (f64, f64) {
        let [low, _, high] = self.quartiles;
        let reach = 1.5 * (high - low);
        (low - reach, high + reach)
    }
}

const BINS: usize = 16;
const TOP_LEVELS: usize = 12;

/// The quantile of sorted numbers, linearly interpolated (as in NumPy).
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    // Equal neighbours give exactly their value.
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}

/// Counts, range and histogram of a column.
pub fn summarise(column: &Column) -> Summary {
    let missing = column.missing();
    match &column.values {
        Values::Numbers(values) => of_numbers(values, missing),
        Values::Dates(values) => {
            let mut summary = of_numbers(values, missing);
            summary.outliers = 0;
            summary
        }
        Values::Text(text) => {
            let named = text.counts().into_iter().zip(text.levels()).filter(|(n, _)| *n > 0);
            let mut top: Vec<(usize, &String)> = named.collect();
            let distinct = top.len();
            top.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
            top.truncate(TOP_LEVELS);
            let (histogram, levels) = top.into_iter().map(|(n, l)| (n, l.clone())).unzip();
            Summary { missing, distinct, range: None, outliers: 0, histogram, levels }
        }
        Values::Images(images) => of_numbers(&images.pixels, missing),
    }
}

fn of_numbers(values: &Numbers, missing: usize) -> Summary {
    let mut summary =
        Summary { missing, distinct: 0, range: None, outliers: 0, histogram: vec![0; BINS], levels: Vec::new() };
    // Sorted distinct values and their counts; bytes need no sorting.
    let counted: Vec<(f64, usize)> = match values {
        Numbers::Bytes(bytes) => {
            let mut counts = [0_usize; 256];
            for &b in bytes {
                counts[b as usize] += 1;
            }
            (0..=255_u8).map(f64::from).zip(counts).filter(|(_, n)| *n > 0).collect()
        }
        _ => {
            let mut finite: Vec<f64> = values.iter().filter(|v| v.is_finite()).collect();
            finite.par_sort_unstable_by(f64::total_cmp);
            finite.chunk_by(|a, b| a == b).map(|run| (run[0], run.len())).collect()
        }
    };
    let count: usize = counted.iter().map(|(_, n)| n).sum();
    let (Some(&(min, _)), Some(&(max, _))) = (counted.first(), counted.last()) else { return summary };
    let n = count as f64;
    let mean = counted.iter().map(|&(v, k)| v * k as f64).sum::<f64>() / n;
    let std = (counted.iter().map(|&(v, k)| (v - mean).powi(2) * k as f64).sum::<f64>() / n).sqrt();
    let quartiles = [0.25, 0.5, 0.75].map(|share| quantile_of_counts(&counted, count, share));
    let range = Range { min, max, mean, std, quartiles };
    let (low, high) = range.fences();
    let width = (max - min).max(f64::MIN_POSITIVE);
    for &(v, k) in &counted {
        summary.histogram[(((v - min) / width * BINS as f64) as usize).min(BINS - 1)] += k;
        summary.outliers += if v < low || v > high { k } else { 0 };
    }
    summary.distinct = counted.len();
    summary.range = Some(range);
    summary
}

fn quantile_of_counts(counted: &[(f64, usize)], count: usize, share: f64) -> f64 {
    let place = share * (count - 1) as f64;
    let at = |wanted: usize| {
        let mut seen = 0;
        counted.iter().find(|(_, n)| {
            seen += n;
            seen > wanted
        })
    };
    let below = place.floor() as usize;
    let value = |k: usize| at(k.min(count - 1)).map_or(f64::NAN, |(v, _)| *v);
    value(below) + (value(below + 1) - value(below)) * (place - below as f64)
}

/// Rows that are looked at where all would take too long.
const SAMPLE: usize = 20_000;
/// Columns that are compared with each other.
const COMPARED: usize = 64;

/// How columns hang together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Relations {
    /// Columns that are compared: the first numbers.
    pub names: Vec<String>,
    /// Pearson's r of every two, row by row; NaN where a column is constant.
    pub correlation: Vec<f64>,
    /// How much each column of the table tells of the target alone: |r| or η of numbers, Cramér's V or η of text, from 0 to 1.
    pub to_target: Vec<(String, f64)>,
    /// Rows that were looked at, if not all.
    pub sampled: Option<usize>,
}

/// Correlations of the numbers, and the relation of each column to the target.
pub fn relate(table: &Table, target: Option<&str>) -> Relations {
    let step = table.rows().div_ceil(SAMPLE).max(1);
    let rows: Vec<usize> = (0..table.rows()).step_by(step).collect();
    let numbers: Vec<&Column> =
        table.columns.iter().filter(|c| matches!(c.values, Values::Numbers(_))).take(COMPARED).collect();
    let values: Vec<Vec<f64>> = numbers.par_iter().map(|c| rows.iter().map(|&row| c.number(row)).collect()).collect();
    let pairs: Vec<(usize, usize)> = (0..numbers.len()).flat_map(|a| (0..numbers.len()).map(move |b| (a, b))).collect();
    let correlation = pairs.into_par_iter().map(|(a, b)| pearson(&values[a], &values[b])).collect();
    let to_target = target.and_then(|name| table.column(name)).map_or_else(Vec::new, |target| {
        let others: Vec<&Column> =
            table.columns.iter().filter(|c| c.name != target.name && !matches!(c.values, Values::Images(_))).collect();
        others.par_iter().map(|c| (c.name.clone(), relation(c, target, &rows))).collect()
    });
    Relations {
        names: numbers.iter().map(|c| c.name.clone()).collect(),
        correlation,
        to_target,
        sampled: (step > 1).then_some(rows.len()),
    }
}

/// Pearson's correlation over the rows that have both.
pub fn pearson(a: &[f64], b: &[f64]) -> f64 {
    let both = || a.iter().zip(b).filter(|(a, b)| a.is_finite() && b.is_finite());
    let n = both().count() as f64;
    let (sum_a, sum_b) = both().fold((0.0, 0.0), |(x, y), (a, b)| (x + a, y + b));
    let (mean_a, mean_b) = (sum_a / n, sum_b / n);
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in both() {
        let (a, b) = (a - mean_a, b - mean_b);
        (ab, aa, bb) = (ab + a * b, aa + a * a, bb + b * b);
    }
    ab / (aa * bb).sqrt()
}

/// Classes of rows, few enough to be told apart; none for numbers of many values.
fn classes_of(column: &Column, rows: &[usize]) -> Option<Vec<Option<usize>>> {
    const FEW: usize = 20;
    if matches!(column.values, Values::Numbers(_)) && column.classes(FEW).is_none() {
        return None;
    }
    let mut known = HashMap::new();
    let class = |&row: &usize| {
        (!column.is_missing(row)).then(|| {
            let next = known.len();
            *known.entry(column.number(row).to_bits()).or_insert(next)
        })
    };
    Some(rows.iter().map(class).collect())
}

/// From 0 (nothing) to 1 (everything).
fn relation(column: &Column, target: &Column, rows: &[usize]) -> f64 {
    let numbers = |c: &Column| rows.iter().map(|&row| c.number(row)).collect::<Vec<f64>>();
    let text = |c: &Column| matches!(c.values, Values::Text(_));
    let found = match (text(column), text(target)) {
        (false, false) => match (classes_of(column, rows), classes_of(target, rows)) {
            // Classes that are written as numbers have no order.
            (_, Some(classes)) => {
                correlation_ratio(&classes, &numbers(column)).max(pearson(&numbers(column), &numbers(target)).abs())
            }
            _ => pearson(&numbers(column), &numbers(target)).abs(),
        },
        (true, false) if classes_of(target, rows).is_none() => {
            correlation_ratio(&classes_of(column, rows).unwrap_or_default(), &numbers(target))
        }
        (false, true) if classes_of(column, rows).is_none() => {
            correlation_ratio(&classes_of(target, rows).unwrap_or_default(), &numbers(column))
        }
        _ => cramer(&classes_of(column, rows).unwrap_or_default(), &classes_of(target, rows).unwrap_or_default()),
    };
    if found.is_finite() { found.clamp(0.0, 1.0) } else { 0.0 }
}

/// η: the share of the spread of numbers that lies between classes, as a root. Where nearly every row is a class of its
/// own it says nothing, and is 0.
fn correlation_ratio(classes: &[Option<usize>], numbers: &[f64]) -> f64 {
    let rows = || classes.iter().zip(numbers).filter_map(|(c, v)| Some(((*c)?, *v))).filter(|(_, v)| v.is_finite());
    let n = rows().count() as f64;
    let count = rows().map(|(c, _)| c + 1).max().unwrap_or(0);
    if count as f64 * 2.0 > n {
        return 0.0;
    }
    let mean = rows().map(|(_, v)| v).sum::<f64>() / n;
    let mut sums = vec![(0.0, 0.0); count];
    rows().for_each(|(c, v)| sums[c] = (sums[c].0 + 1.0, sums[c].1 + v));
    let between: f64 = sums.iter().filter(|(k, _)| *k > 0.0).map(|(k, sum)| k * (sum / k - mean).powi(2)).sum();
    let whole: f64 = rows().map(|(_, v)| (v - mean).powi(2)).sum();
    (between / whole).sqrt()
}

/// Cramér's V of two kinds of classes; 0 where one has nearly a class a row.
fn cramer(a: &[Option<usize>], b: &[Option<usize>]) -> f64 {
    let both = || a.iter().zip(b).filter_map(|(a, b)| Some(((*a)?, (*b)?)));
    let n = both().count() as f64;
    let size = |pick: fn((usize, usize)) -> usize| both().map(|p| pick(p) + 1).max().unwrap_or(0);
    let (rows, columns) = (size(|p| p.0), size(|p| p.1));
    if rows < 2 || columns < 2 || rows.max(columns) as f64 * 2.0 > n {
        return 0.0;
    }
    let mut counts = vec![0.0; rows * columns];
    both().for_each(|(r, c)| counts[r * columns + c] += 1.0);
    let of_row = |r: usize| counts[r * columns..(r + 1) * columns].iter().sum::<f64>();
    let of_column = |c: usize| counts.iter().skip(c).step_by(columns).sum::<f64>();
    let (row_sums, column_sums): (Vec<f64>, Vec<f64>) =
        ((0..rows).map(of_row).collect(), (0..columns).map(of_column).collect());
    let mut chi = 0.0;
    for (k, count) in counts.iter().enumerate() {
        let expected = row_sums[k / columns] * column_sums[k % columns] / n;
        if expected > 0.0 {
            chi += (count - expected).powi(2) / expected;
        }
    }
    (chi / n / (rows.min(columns) - 1) as f64).sqrt()
}

/// Something about the data that a person should know before training.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataWarning {
    pub text: String,
    /// It spoils what is measured, and is not only worth knowing.
    pub serious: bool,
    /// What can be done about it.
    pub remedy: Option<Remedy>,
}

/// A change of the preparation, for a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    Ignore(String),
    /// It is scaled by its median and quartiles.
    Robust(String),
}

impl Remedy {
    /// What the button says.
    pub fn label(&self) -> String {
        match self {
            Self::Ignore(column) => format!("Ignore {column}"),
            Self::Robust(column) => format!("Robust scale for {column}"),
        }
    }

    /// Makes the change.
    pub fn apply(&self, preparation: &mut Preparation) {
        let (Self::Ignore(name) | Self::Robust(name)) = self;
        for column in preparation.columns.iter_mut().filter(|c| c.name == *name) {
            match self {
                Self::Ignore(_) => column.role = Role::Ignore,
                Self::Robust(_) => column.treatment = Treatment::Robust,
            }
        }
    }

    /// Whether the preparation does something of the kind already.
    pub fn is_done(&self, preparation: &Preparation) -> bool {
        let Self::Robust(name) = self else { return false };
        let clips = |s: &PreparationStep| matches!(s.kind, StepKind::Clip { .. }) && !s.off;
        let clipped = |s: &PreparationStep| clips(s) && (s.columns.is_empty() || s.columns.contains(name));
        let robust = |c: &ColumnPlan| c.name == *name && c.treatment == Treatment::Robust;
        preparation.columns.iter().any(robust) || preparation.steps.iter().any(clipped)
    }
}

/// Duplicate rows, features that give the target away, constant columns, columns that are nearly empty.
pub fn warnings(table: &Table, summaries: &[Summary], features: &[&str], target: Option<&str>) -> Vec<DataWarning> {
    let mut found = Vec::new();
    let rows = table.rows();
    if let Some(target) = target.and_then(|name| table.column(name)) {
        for name in features.iter().filter(|n| **n != target.name) {
            if let Some(column) = table.column(name)
                && tells(column, target)
            {
                found.push(DataWarning {
                    text: format!("\"{name}\" gives the target away: every value of it stands for one value of \"{}\". If it is not known when predicting, set its role to ignore.", target.name),
                    serious: true,
                    remedy: Some(Remedy::Ignore((*name).to_owned())),
                });
            }
        }
    }
    let copies = duplicates(table);
    if copies > 0 {
        found.push(DataWarning {
            text: format!(
                "{copies} rows are copies of others. A copy of a training row in the test part makes the test too easy."
            ),
            serious: copies * 20 > rows,
            remedy: None,
        });
    }
    for (column, summary) in table.columns.iter().zip(summaries).filter(|(c, _)| features.contains(&c.name.as_str())) {
        let ignore = || Some(Remedy::Ignore(column.name.clone()));
        let say = |text: String| DataWarning { text, serious: false, remedy: ignore() };
        if summary.distinct == 1 && rows > 1 && summary.missing == 0 {
            found.push(say(format!("\"{}\" has the same value in every row and teaches nothing.", column.name)));
        } else if column.counts_rows() {
            found.push(say(format!(
                "\"{}\" counts the rows, which tells nothing about new ones unless it is time. Set its role to ignore.",
                column.name
            )));
        } else if summary.missing * 2 > rows {
            let share = 100 * summary.missing / rows;
            found.push(say(format!("\"{}\" is missing in {share} % of the rows.", column.name)));
        } else if let Some(range) = summary.range.filter(|_| summary.outliers * 50 > rows) {
            let (low, high) = range.fences();
            let remedy = Some(Remedy::Robust(column.name.clone()));
            found.push(DataWarning {
                remedy,
                ..say(format!(
                    "\"{}\" has {}, below {} or above {}. A robust scale or clipping tames them.",
                    column.name,
                    format::counted(summary.outliers, "outlier"),
                    format::cell(low),
                    format::cell(high)
                ))
            });
        }
    }
    found
}

/// Whether each value of the column stands for one value of the target only, and there are several of both. Columns in
/// which nearly every value is different tell nothing by that.
fn tells(column: &Column, target: &Column) -> bool {
    if matches!(column.values, Values::Images(_)) {
        return false;
    }
    let mut of_value: HashMap<u64, u64> = HashMap::new();
    let mut equal = column.is_number() && target.is_number();
    let mut seen = 0;
    for row in 0..column.len() {
        let (value, wanted) = (column.number(row), target.number(row));
        if value.is_nan() || wanted.is_nan() {
            continue;
        }
        seen += 1;
        equal &= value == wanted;
        if *of_value.entry(value.to_bits()).or_insert(wanted.to_bits()) != wanted.to_bits() {
            return false;
        }
    }
    let targets: std::collections::HashSet<u64> = of_value.values().copied().collect();
    targets.len() > 1 && seen >= 10 && (equal || of_value.len() * 4 <= seen)
}

/// Rows that stand further up already, cell by cell. Tables of one or two columns have copies by chance.
fn duplicates(table: &Table) -> usize {
    if table.columns.len() < 3 {
        return 0;
    }
    let mut hashes: Vec<u64> = (0..table.rows())
        .into_par_iter()
        .map(|row| {
            let mut hash = DefaultHasher::new();
            for column in &table.columns {
                match &column.values {
                    Values::Images(images) => images.picture(row).for_each(|v| v.to_bits().hash(&mut hash)),
                    _ => column.number(row).to_bits().hash(&mut hash),
                }
            }
            hash.finish()
        })
        .collect();
    let all = hashes.len();
    hashes.par_sort_unstable();
    hashes.dedup();
    all - hashes.len()
}

#[cfg(test)]
mod tests {
    use super::{DataWarning, Remedy, quantile, relate, summarise, warnings};
    use crate::data::{Column, Preparation, StepKind, Table, Treatment};

    #[test]
    fn numbers_are_summarised_without_their_gaps() {
        let s = summarise(&Column::numbers("x", vec![1.0, f64::NAN, 3.0, 3.0, 5.0]));
        let range = s.range.expect("has numbers");
        assert_eq!((s.missing, s.distinct, range.min, range.max, range.mean), (1, 3, 1.0, 5.0, 3.0));
        assert!((range.std - 2.0_f64.sqrt()).abs() < 1e-12);
        assert_eq!(range.quartiles, [2.5, 3.0, 3.5]);
        assert_eq!(s.histogram.iter().sum::<usize>(), 4);
    }

    #[test]
    fn outliers_lie_outside_of_the_fences() {
        let mut values: Vec<f64> = (0..100).map(f64::from).collect();
        assert_eq!(summarise(&Column::numbers("x", values.clone())).outliers, 0);
        values.extend([1000.0, -1000.5]);
        assert_eq!(summarise(&Column::numbers("x", values)).outliers, 2);
    }

    #[test]
    fn quantiles_lie_between_neighbours() {
        let sorted = [1.0, 2.0, 4.0, 8.0];
        assert_eq!([0.0, 0.25, 0.5, 1.0].map(|q| quantile(&sorted, q)), [1.0, 1.75, 3.0, 8.0]);
    }

    #[test]
    fn text_counts_its_most_frequent_levels() {
        let s = summarise(&Column::text("t", [Some("b"), Some("a"), None, Some("b")]));
        assert_eq!((s.missing, s.distinct, s.levels, s.histogram), (1, 2, vec!["b".into(), "a".into()], vec![2, 1]));
    }

    fn table() -> Table {
        let n = 40;
        let numbers = |f: &dyn Fn(usize) -> f64| (0..n).map(f).collect::<Vec<_>>();
        Table {
            name: "t".into(),
            columns: vec![
                Column::numbers("line", numbers(&|i| 2.0 * i as f64)),
                Column::numbers("noise", numbers(&|i| (i * 7919 % 13) as f64 + 0.5)),
                Column::text("leak", (0..n).map(|i| Some(if i < 20 { "l" } else { "h" }))),
                Column::numbers("same", vec![1.0; n]),
                Column::text("class", (0..n).map(|i| Some(if i < 20 { "low" } else { "high" }))),
            ],
        }
    }

    #[test]
    fn relations_run_from_nothing_to_everything() {
        let found = relate(&table(), Some("class"));
        let of = |name: &str| found.to_target.iter().find(|(n, _)| n == name).expect("column").1;
        assert!((of("leak") - 1.0).abs() < 1e-12 && of("same") == 0.0 && of("noise") < 0.5 && of("line") > 0.8);
        assert_eq!(found.names, ["line", "noise", "same"]);
        assert!((found.correlation[0] - 1.0).abs() < 1e-12 && found.correlation[2].is_nan());
    }

    #[test]
    fn outliers_are_tamed_by_a_robust_scale_or_by_clipping() {
        let values: Vec<f64> = (0..60).map(|i| if i % 20 == 0 { 900.0 } else { f64::from(i * 7 % 10) }).collect();
        let table = Table {
            name: "t".into(),
            columns: vec![Column::numbers("a", values.clone()), Column::numbers("b", values)],
        };
        let summaries: Vec<_> = table.columns.iter().map(summarise).collect();
        let found = warnings(&table, &summaries, &["a"], None);
        let remedy = found.iter().find_map(|f| f.remedy.clone()).expect("outliers");
        let mut plan = Preparation::guess(&table);
        assert!(!remedy.is_done(&plan));
        remedy.apply(&mut plan);
        assert!(remedy.is_done(&plan) && plan.columns[0].treatment == Treatment::Robust);
        let mut clipped = Preparation::guess(&table);
        clipped.steps.push(StepKind::Clip { low: 0.01, high: 0.9 }.into());
        assert!(remedy.is_done(&clipped));
    }

    #[test]
    fn what_spoils_a_test_is_found() {
        let mut table = table();
        let find = |table: &Table| {
            let summaries: Vec<_> = table.columns.iter().map(summarise).collect();
            warnings(table, &summaries, &["line", "noise", "leak", "same"], Some("class"))
        };
        let found = find(&table);
        let is = |f: &DataWarning, name: &str| f.remedy == Some(Remedy::Ignore(name.to_owned()));
        assert!(found.iter().any(|f| f.serious && is(f, "leak")), "{found:?}");
        assert!(found.iter().any(|f| !f.serious && is(f, "same")), "{found:?}");
        assert!(!found.iter().any(|f| is(f, "line") || f.text.contains("copies")), "{found:?}");
        for column in &mut table.columns {
            let doubled = (0..80).map(|i| column.cell(i / 2)).collect::<Vec<_>>();
            *column = if column.is_number() {
                Column::numbers(
                    column.name.clone(),
                    doubled.iter().map(|c| c.parse().expect("number")).collect::<Vec<f64>>(),
                )
            } else {
                Column::text(column.name.clone(), doubled.iter().map(|c| Some(c.as_str())))
            };
        }
        assert!(find(&table).iter().any(|f| f.serious && f.text.starts_with("40 rows are copies")));
    }
}
