//! What a prediction that ignores the inputs would score on the test rows, and how far a score may be from its true value.

use crate::data::{Dataset, Part, Targets};
use crate::nn::HeadTarget;

/// What comes of always predicting the same: the most frequent class of the training rows, or the mean of each target.
#[derive(Clone, Debug, PartialEq)]
pub enum Baseline {
    Classes {
        class: String,
        /// Share of the test rows that are of that class.
        accuracy: f64,
    },
    Values {
        /// Mean |t − mean| over the test rows in the target's own units, averaged over the targets.
        mae: f64,
    },
}

impl Baseline {
    /// Of a group of targets; none without training or test rows, and for heads that are compared with the features.
    pub fn of(data: &Dataset, target: &HeadTarget) -> Option<Self> {
        let HeadTarget::Group { group, columns } = target else { return None };
        let (train, test) = (data.part(Part::Train), data.part(Part::Test));
        if train.is_empty() || test.is_empty() {
            return None;
        }
        match data.targets.get(*group)? {
            Targets::Classes { names, labels } => {
                let mut counts = vec![0_usize; names.len()];
                for &row in train {
                    counts[labels[row as usize] as usize] += 1;
                }
                // The first of several.
                let most = (0..names.len()).rev().max_by_key(|&k| counts[k])?;
                let right = test.iter().filter(|&&row| labels[row as usize] as usize == most).count();
                Some(Self::Classes { class: names[most].clone(), accuracy: right as f64 / test.len() as f64 })
            }
            Targets::Values { names, values, scales } => {
                let chosen: Vec<usize> = columns.clone().unwrap_or_else(|| (0..names.len()).collect());
                let error = |&k: &usize| {
                    let own = |row: &u32| scales[k].decode(f64::from(values[[*row as usize, k]]));
                    let mean = train.iter().map(own).sum::<f64>() / train.len() as f64;
                    test.iter().map(|row| (own(row) - mean).abs()).sum::<f64>() / test.len() as f64
                };
                let mae = chosen.iter().map(error).sum::<f64>() / chosen.len().max(1) as f64;
                Some(Self::Values { mae })
            }
        }
    }
}

/// The standard normal quantile of 97.5 %.
const Z: f64 = 1.959_963_984_540_054;

/// The 95 % interval of a share of `n` rows (Wilson 1927).
pub fn interval_of_share(share: f64, n: usize) -> (f64, f64) {
    let n = n.max(1) as f64;
    let z = Z * Z / n;
    let middle = (share + z / 2.0) / (1.0 + z);
    let half = Z / (1.0 + z) * (share * (1.0 - share) / n + z / (4.0 * n)).sqrt();
    ((middle - half).max(0.0), (middle + half).min(1.0))
}

/// The 95 % interval of the mean absolute error of one target over `n` rows, by its standard error; `rmse` is the root of the mean
/// squared error of the same rows.
pub fn interval_of_mae(mae: f64, rmse: f64, n: usize) -> Option<(f64, f64)> {
    if n < 2 {
        return None;
    }
    let deviation = (rmse * rmse - mae * mae).max(0.0).sqrt();
    let half = Z * deviation / ((n - 1) as f64).sqrt();
    Some(((mae - half).max(0.0), mae + half))
}

#[cfg(test)]
mod tests {
    use super::{Baseline, interval_of_mae, interval_of_share};
    use crate::data::{Part, Targets};
    use crate::nn::HeadTarget;
    use crate::project::builtin;

    /// `statsmodels.stats.proportion.proportion_confint(count, n, method="wilson")`, version 0.15.
    #[test]
    fn the_interval_of_a_share_is_that_of_wilson() {
        for (count, n, low, high) in [
            (0.0, 10, 0.0, 0.277_532_799_862_889_26),
            (10.0, 10, 0.722_467_200_137_110_6, 1.0),
            (27.0, 30, 0.743_789_174_208_159_2, 0.965_400_111_252_665_9),
            (9_000.0, 10_000, 0.893_965_631_474_089_3, 0.905_727_169_829_369_5),
        ] {
            let (l, h) = interval_of_share(count / n as f64, n);
            assert!((l - low).abs() < 1e-12 && (h - high).abs() < 1e-12, "{count} of {n}: {l} to {h}");
        }
    }

    /// From the standard error of the mean of |e|: 1, 2, 3, 4.
    #[test]
    fn the_interval_of_an_error_is_its_standard_error() {
        let (low, high) = interval_of_mae(2.5, 7.5_f64.sqrt(), 4).expect("has rows");
        let half = 1.959_963_984_540_054 * 1.290_994_448_735_805_6 / 2.0;
        assert!((low - (2.5 - half)).abs() < 1e-12 && (high - (2.5 + half)).abs() < 1e-12, "{low} to {high}");
        assert_eq!(interval_of_mae(2.5, 3.0, 1), None);
    }

    #[test]
    fn a_baseline_knows_the_training_rows_only() {
        let target = HeadTarget::Group { group: 0, columns: None };
        for (name, classes) in [("iris", true), ("diabetes", false)] {
            let preset = builtin(name).expect("is built in").preset().expect("can be read");
            let (table, data) = preset.document.data.load().expect("is bundled");
            let baseline = Baseline::of(&data, &target).expect("has test rows");
            let (train, test) = (data.part(Part::Train), data.part(Part::Test));
            match baseline {
                Baseline::Classes { class, accuracy } if classes => {
                    let Targets::Classes { names, labels } = &data.targets[0] else { panic!("classes") };
                    let count = |of: &[u32], class: &str| {
                        of.iter().filter(|&&r| names[labels[r as usize] as usize] == class).count()
                    };
                    assert!(names.iter().all(|other| count(train, other) <= count(train, &class)));
                    assert_eq!(accuracy, count(test, &class) as f64 / test.len() as f64);
                }
                Baseline::Values { mae } if !classes => {
                    let target =
                        preset.document.data.preparation(&table).targets().next().expect("has one").name.clone();
                    let column = table.columns.iter().find(|c| c.name == target).expect("is there");
                    let own = |rows: &[u32]| -> Vec<f64> {
                        rows.iter().map(|&r| column.number(data.source_rows[r as usize])).collect()
                    };
                    let (train, test) = (own(train), own(test));
                    let mean = train.iter().sum::<f64>() / train.len() as f64;
                    let want = test.iter().map(|t| (t - mean).abs()).sum::<f64>() / test.len() as f64;
                    assert!((mae - want).abs() < 1e-4, "{mae} against {want}");
                }
                other => panic!("{name}: {other:?}"),
            }
        }
    }
}
