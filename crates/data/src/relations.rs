//! Relations between columns: correlations, and how strongly each is related to the target.

use super::table::{Column, Table, Values};
use rayon::prelude::{IntoParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _};
use std::collections::HashMap;

/// Rows that are sampled from larger tables.
const SAMPLE: usize = 20_000;
/// Largest number of columns whose correlations are computed.
const COMPARED: usize = 64;

/// Relations between columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Relations {
    /// Names of the numeric columns that are compared.
    pub names: Vec<String>,
    /// Pearson's r of every pair, a matrix row by row; NaN where a column is constant.
    pub correlation: Vec<f64>,
    /// How strongly each column is related to the target, from 0 to 1: |r| or η for numbers, Cramér's V or η for text.
    pub to_target: Vec<(String, f64)>,
    /// Number of sampled rows, if not all were used.
    pub sampled: Option<usize>,
}

/// Correlations of the numeric columns, and the relation of each column to the target.
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

/// Pearson's correlation over the rows in which both are finite.
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

/// The class of each row; none for numbers with many values.
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

/// The strength of a relation from 0 to 1.
fn relation(column: &Column, target: &Column, rows: &[usize]) -> f64 {
    let numbers = |c: &Column| rows.iter().map(|&row| c.number(row)).collect::<Vec<f64>>();
    let text = |c: &Column| matches!(c.values, Values::Text(_));
    let found = match (text(column), text(target)) {
        (false, false) => match (classes_of(column, rows), classes_of(target, rows)) {
            // Classes that are numbers have no order.
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

/// The correlation ratio η: the square root of the share of the variance that lies between classes. 0 if nearly every row is
/// a class of its own, where it means nothing.
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

/// Cramér's V of two columns of classes; 0 if nearly every row is a class of its own.
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

#[cfg(test)]
mod tests {
    use super::relate;
    use crate::{Column, Table};

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
}
