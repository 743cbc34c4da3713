//! Summary statistics of columns.

use super::numbers::Numbers;
use super::table::{Column, Values};
use rayon::prelude::ParallelSliceMut as _;

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
            let named = text.counts().into_iter().zip(text.levels().iter()).filter(|(n, _)| *n > 0);
            let mut top: Vec<(usize, &str)> = named.collect();
            let distinct = top.len();
            let order = |a: &(usize, &str), b: &(usize, &str)| b.0.cmp(&a.0).then(a.1.cmp(b.1));
            if distinct > TOP_LEVELS {
                top.select_nth_unstable_by(TOP_LEVELS, order);
                top.truncate(TOP_LEVELS);
            }
            top.sort_by(order);
            let (histogram, levels) = top.into_iter().map(|(n, l)| (n, l.to_owned())).unzip();
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

#[cfg(test)]
mod tests {
    use super::{quantile, summarise};
    use crate::Column;

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
}
