//! The suggested network against scikit-learn's multilayer perceptron and linear models, on eleven data sets with five splits
//! each. `tests/fixtures/make_suggestions.py` made tables, splits and scores.

use chainrule::data::{
    Column, DataSource, Images, Numbers, Part, Preparation, ReadOptions, Role, SplitBy, Table, Values, prepare,
    read_bytes,
};
use chainrule::project::Suggestion;
use chainrule::train::{Metrics, Session, TrainConfig};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize)]
struct Case {
    name: String,
    target: String,
    classes: bool,
    bundled: bool,
    /// For each split the part of every row: t(raining), v(alidation) or (t)e(st).
    parts: Vec<String>,
    mlp: Vec<f64>,
    mlp_early: Vec<f64>,
    linear: Vec<f64>,
}

fn fixture(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn table(case: &Case) -> Table {
    if case.bundled {
        return DataSource::Builtin { name: case.name.clone() }.load().expect("is bundled").table;
    }
    let name = format!("{}.csv.gz", case.name);
    read_bytes(&name, &fixture(&format!("suggestions/{name}")), &ReadOptions::default()).expect("is a table").0
}

/// All columns but the last become one picture of 8 × 8.
fn as_pictures(table: &Table) -> Table {
    let (target, pixels) = table.columns.split_last().expect("has columns");
    let row = |row: usize| pixels.iter().map(move |c| c.number(row));
    let pixels: Numbers = (0..table.rows()).flat_map(row).collect();
    let images = Values::Images(Images { height: 8, width: 8, channels: 1, pixels });
    Table { name: table.name.clone(), columns: vec![Column::new("picture", images), target.clone()] }
}

/// A difference in rounding between processors must not decide.
const SEEDS: [u64; 2] = [1, 2];

/// The test score of what is suggested for one split, a mean over seeds: accuracy, or R².
fn score(table: &Table, target: &str, parts: &str) -> f64 {
    let part = |c| {
        Some(match c {
            't' => "train",
            'v' => "validation",
            _ => "test",
        })
    };
    let mut table = table.clone();
    table.columns.push(Column::text("part", parts.chars().map(part)));
    let mut preparation = Preparation::for_targets(&table, &[target.to_owned()]);
    preparation.columns.last_mut().expect("was added").role = Role::Ignore;
    preparation.split.by = SplitBy::Column("part".to_owned());
    let data = Arc::new(prepare(&table, &preparation).expect("fits"));
    let Suggestion { network, training, .. } = Suggestion::of(&data);
    let epochs = training.epochs.expect("is limited");
    let run = |seed| {
        let training = TrainConfig { seed, ..training.clone() };
        let mut session = Session::new(&network, Arc::clone(&data), training, 1).expect("fits");
        while session.epochs() < epochs && !session.has_stopped_early() {
            session.epoch().expect("the loss is finite");
        }
        session.restore_best();
        match session.evaluate_fully(Part::Test).expect("there are test rows")[0].evaluation.metrics {
            Metrics::Classes { accuracy } => accuracy,
            Metrics::Values { r2, .. } => r2,
        }
    };
    SEEDS.map(run).iter().sum::<f64>() / SEEDS.len() as f64
}

/// Mean, and standard error of the mean.
fn mean(scores: &[f64]) -> (f64, f64) {
    let n = scores.len() as f64;
    let mean = scores.iter().sum::<f64>() / n;
    let variance = scores.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}

#[test]
fn what_is_suggested_is_as_good_as_scikit_learn() {
    let cases: Vec<Case> = serde_json::from_slice(&fixture("suggestions.json")).expect("is JSON");
    let mut all: Vec<(String, Table, &Case)> = Vec::new();
    for case in &cases {
        let table = table(case);
        assert_eq!(case.parts.len(), 5);
        if case.name == "digits" {
            all.push(("digits as pictures".to_owned(), as_pictures(&table), case));
        }
        all.push((case.name.clone(), table, case));
    }
    assert_eq!(all.len(), 11);
    let lines: Vec<(String, bool)> = std::thread::scope(|scope| {
        let run = |(name, table, case): &(String, Table, &Case)| {
            let scores: Vec<f64> = case.parts.iter().map(|parts| score(table, &case.target, parts)).collect();
            let (ours, _) = mean(&scores);
            let others = [&case.mlp, &case.mlp_early, &case.linear].map(|scores| mean(scores));
            let (best, error) = others.into_iter().max_by(|a, b| a.0.total_cmp(&b.0)).expect("there are three");
            let kind = if case.classes { "accuracy" } else { "R²" };
            let line = format!("{name}: {kind} {ours:.4}, the best of scikit-learn {best:.4} ± {error:.4}");
            (line, ours >= best - error)
        };
        let workers: Vec<_> = all
            .chunks(all.len().div_ceil(2))
            .map(|some| scope.spawn(move || some.iter().map(run).collect::<Vec<_>>()))
            .collect();
        workers.into_iter().flat_map(|w| w.join().expect("does not panic")).collect()
    });
    let told: Vec<&str> = lines.iter().map(|(line, _)| line.as_str()).collect();
    let worse: Vec<&str> = lines.iter().filter(|(_, good)| !good).map(|(line, _)| line.as_str()).collect();
    assert!(
        worse.is_empty(),
        "{} of these are worse by more than the standard error:\n{}",
        worse.len(),
        told.join("\n")
    );
}
