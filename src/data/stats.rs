//! What a column holds, in a few numbers.

use super::table::{Column, Values};

/// Summary of one column.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    pub missing: usize,
    pub distinct: usize,
    /// Smallest, largest, mean and (population) standard deviation of the finite numbers.
    pub range: Option<Range>,
    /// Counts of equal-width bins, or of the most frequent levels.
    pub histogram: Vec<usize>,
    /// Names of the levels that `histogram` counts; empty for numbers.
    pub levels: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    pub min: f64,
    pub max: f64,
    pub mean: f64,
    pub std: f64,
}

const BINS: usize = 16;
const TOP_LEVELS: usize = 12;

/// Counts, range and histogram of a column.
pub fn summarise(column: &Column) -> Summary {
    let missing = (0..column.len()).filter(|&r| column.is_missing(r)).count();
    match &column.values {
        Values::Numbers(values) => {
            let mut finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
            let range = range(&finite);
            let mut histogram = vec![0; BINS];
            if let Some(Range { min, max, .. }) = range {
                let width = (max - min).max(f64::MIN_POSITIVE);
                for &v in &finite {
                    histogram[(((v - min) / width * BINS as f64) as usize).min(BINS - 1)] += 1;
                }
            }
            finite.sort_by(f64::total_cmp);
            finite.dedup();
            Summary { missing, distinct: finite.len(), range, histogram, levels: Vec::new() }
        }
        Values::Text { codes, levels } => {
            let mut counts = vec![0_usize; levels.len()];
            codes.iter().flatten().for_each(|&c| counts[c as usize] += 1);
            let mut top: Vec<(usize, &String)> = counts.into_iter().zip(levels).filter(|(n, _)| *n > 0).collect();
            let distinct = top.len();
            top.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
            top.truncate(TOP_LEVELS);
            let (histogram, levels) = top.into_iter().map(|(n, l)| (n, l.clone())).unzip();
            Summary { missing, distinct, range: None, histogram, levels }
        }
    }
}

fn range(values: &[f64]) -> Option<Range> {
    if values.is_empty() {
        return None;
    }
    let n = values.len() as f64;
    let (min, max) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &v| (a.min(v), b.max(v)));
    let mean = values.iter().sum::<f64>() / n;
    let std = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
    Some(Range { min, max, mean, std })
}

#[cfg(test)]
mod tests {
    use super::summarise;
    use crate::data::Column;

    #[test]
    fn numbers_are_summarised_without_their_gaps() {
        let s = summarise(&Column::numbers("x", vec![1.0, f64::NAN, 3.0, 3.0, 5.0]));
        let range = s.range.expect("has numbers");
        assert_eq!((s.missing, s.distinct, range.min, range.max, range.mean), (1, 3, 1.0, 5.0, 3.0));
        assert!((range.std - 2.0_f64.sqrt()).abs() < 1e-12);
        assert_eq!(s.histogram.iter().sum::<usize>(), 4);
    }

    #[test]
    fn text_counts_its_most_frequent_levels() {
        let s = summarise(&Column::text("t", [Some("b"), Some("a"), None, Some("b")]));
        assert_eq!((s.missing, s.distinct, s.levels, s.histogram), (1, 2, vec!["b".into(), "a".into()], vec![2, 1]));
    }
}
