//! Warnings about data before training, with fixes of the preparation.

use super::fix::PreparationFix;
use super::guess::is_nearly_empty;
use super::stats::Summary;
use super::table::{Column, ColumnKind, Table, Values};
use chainrule_common::format;
use rayon::prelude::{IntoParallelIterator as _, ParallelIterator as _, ParallelSliceMut as _};
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// Something about the data that one should know before training.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataWarning {
    pub text: String,
    /// Whether it makes evaluation invalid.
    pub serious: bool,
    /// How to fix it.
    pub fix: Option<PreparationFix>,
}

/// Looks for target leakage, duplicate rows, an order of time, constant columns, row numbers, mostly missing columns and outliers.
pub fn warnings(table: &Table, summaries: &[Summary], features: &[&str], target: Option<&str>) -> Vec<DataWarning> {
    let mut found = Vec::new();
    let rows = table.rows();
    if let Some(target) = target.and_then(|name| table.column(name)) {
        for name in features.iter().filter(|n| **n != target.name) {
            if let Some(column) = table.column(name)
                && determines(column, target)
            {
                found.push(DataWarning {
                    text: format!("\"{name}\" gives the target away: every value of it stands for one value of \"{}\". If it is not known when predicting, set its role to ignore.", target.name),
                    serious: true,
                    fix: Some(PreparationFix::Ignore((*name).to_owned())),
                });
            }
        }
    }
    let copies = duplicates(table);
    if copies > 0 {
        found.push(DataWarning {
            text: format!(
                "{}. A copy of a training row in the test part makes the test too easy.",
                if copies == 1 {
                    "1 row is a copy of another".to_owned()
                } else {
                    format!("{copies} rows are copies of others")
                }
            ),
            serious: copies * 20 > rows,
            fix: None,
        });
    }
    if let Some(column) = time_order(table) {
        found.push(DataWarning {
            text: time_warning(column),
            serious: false,
            fix: Some(PreparationFix::SplitByTime(column.name.clone())),
        });
    }
    let used = |c: &Column| features.contains(&c.name.as_str()) || target == Some(c.name.as_str());
    for column in table.columns.iter().filter(|c| !used(c) && is_nearly_empty(c)) {
        found.push(DataWarning {
            text: format!(
                "\"{}\" is missing in {} of {} rows, so it is not a feature. What little it says can be used.",
                column.name,
                column.missing(),
                rows
            ),
            serious: false,
            fix: Some(PreparationFix::Use(column.name.clone())),
        });
    }
    for (column, summary) in table.columns.iter().zip(summaries).filter(|(c, _)| features.contains(&c.name.as_str())) {
        let ignore = || Some(PreparationFix::Ignore(column.name.clone()));
        let say = |text: String| DataWarning { text, serious: false, fix: ignore() };
        if summary.distinct == 1 && rows > 1 && summary.missing == 0 {
            found.push(say(format!(
                "\"{}\" has the same value in every row, so that nothing can be learned from it.",
                column.name
            )));
        } else if column.counts_rows() {
            found.push(say(format!(
                "\"{}\" numbers the rows, which is no help with new ones unless it is time. Set its role to ignore.",
                column.name
            )));
        } else if summary.missing * 2 > rows {
            let share = 100 * summary.missing / rows;
            found.push(say(format!("\"{}\" is missing in {share} % of the rows.", column.name)));
        } else if let Some(range) = summary.range.filter(|_| summary.outliers * 50 > rows) {
            let (low, high) = range.fences();
            let fix = Some(PreparationFix::Robust(column.name.clone()));
            found.push(DataWarning {
                fix,
                ..say(format!(
                    "\"{}\" has {}, below {} or above {}. A robust scale or clipping limits their influence.",
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

/// The column of dates in whose order the rows are, if there is one.
pub fn time_order(table: &Table) -> Option<&Column> {
    const FEW: usize = 20;
    let dates = table.columns.iter().filter(|c| c.kind() == ColumnKind::Date && c.len() >= FEW);
    let mut ordered = dates.filter(|c| {
        let pairs = || (1..c.len()).map(|row| (c.number(row - 1), c.number(row)));
        let changes = pairs().filter(|(a, b)| a != b).count();
        // A few dates in blocks are no time line; a gap is in no order.
        changes >= FEW / 2 && (pairs().all(|(a, b)| a <= b) || pairs().all(|(a, b)| a >= b))
    });
    ordered.next()
}

/// What a random split of rows in this order does.
pub fn time_warning(column: &Column) -> String {
    format!(
        "The rows are in the order of \"{}\". Split at random, the network is tested on days between those that it was \
         trained on. A split by time tests it on the last ones.",
        column.name
    )
}

/// Whether each value of the column determines the target, so that it may leak. Columns in which nearly all values differ
/// do so by chance and do not count.
fn determines(column: &Column, target: &Column) -> bool {
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

/// Number of rows that equal an earlier row. Tables of one or two columns have such rows by chance and do not count.
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
    use super::{DataWarning, warnings};
    use crate::PreparationFix;
    use crate::{Column, Preparation, StepKind, Table, Treatment, summarise};

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
    fn outliers_are_tamed_by_a_robust_scale_or_by_clipping() {
        let values: Vec<f64> = (0..60).map(|i| if i % 20 == 0 { 900.0 } else { f64::from(i * 7 % 10) }).collect();
        let table = Table {
            name: "t".into(),
            columns: vec![Column::numbers("a", values.clone()), Column::numbers("b", values)],
        };
        let summaries: Vec<_> = table.columns.iter().map(summarise).collect();
        let found = warnings(&table, &summaries, &["a"], None);
        let fix = found.iter().find_map(|f| f.fix.clone()).expect("outliers");
        let mut plan = Preparation::guess(&table);
        assert!(!fix.is_done(&plan));
        fix.apply(&mut plan);
        assert!(fix.is_done(&plan) && plan.columns[0].treatment == Treatment::Robust);
        let mut clipped = Preparation::guess(&table);
        clipped.steps.push(StepKind::Clip { low: 0.01, high: 0.9 }.into());
        assert!(fix.is_done(&clipped));
    }

    #[test]
    fn rows_in_the_order_of_time_are_told_and_split_by_time_at_a_click() {
        let of = |dates: &dyn Fn(u32) -> u32| {
            let text: String = (0..40)
                .map(|i| format!("2024-{:02}-{:02},{}\n", 1 + dates(i) / 20, 1 + dates(i) % 20, i * 7 % 11))
                .collect();
            let text = format!("day,sales\n{text}");
            crate::read_bytes("t.csv", text.as_bytes(), &crate::ReadOptions::default()).expect("is a table").0
        };
        let fixes = |table: &Table| {
            let summaries: Vec<_> = table.columns.iter().map(summarise).collect();
            warnings(table, &summaries, &["day"], Some("sales")).into_iter().filter_map(|w| w.fix).collect::<Vec<_>>()
        };
        let by_day = PreparationFix::SplitByTime("day".into());
        for ordered in [of(&|i| i), of(&|i| 39 - i), of(&|i| i / 3 * 2)] {
            assert!(fixes(&ordered).contains(&by_day));
            let mut plan = Preparation::guess(&ordered);
            assert!(!by_day.is_done(&plan));
            by_day.apply(&mut plan);
            assert!(by_day.is_done(&plan));
        }
        for other in [of(&|i| i * 7 % 40), of(&|i| i / 10)] {
            assert!(!fixes(&other).contains(&by_day));
        }
    }

    #[test]
    fn what_spoils_a_test_is_found() {
        let mut table = table();
        let find = |table: &Table| {
            let summaries: Vec<_> = table.columns.iter().map(summarise).collect();
            warnings(table, &summaries, &["line", "noise", "leak", "same"], Some("class"))
        };
        let found = find(&table);
        let is = |f: &DataWarning, name: &str| f.fix == Some(PreparationFix::Ignore(name.to_owned()));
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
