//! `chainrule cross-validate` and `chainrule find-rate`: experiments with a preset.

use super::arguments::{DEFAULT_EPOCHS, Failure, data_file, keep_apart, load, thread_count, write};
use super::progress::Progress;
use super::reading::ReadArguments;
use crate::data::Folds;
use crate::format;
use crate::project::{Document, Preset};
use crate::train::experiment::{BEST_OF_FOLD, Spread, cross_validate, summarise};
use crate::train::rate_finder::{RULE, RateChoice, RatePoint, RateRange, RateTest, STARTS, find_rate};
use crate::train::{Metrics, thread_pool};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Refuses a report that would write over the preset or its data.
fn report_apart(preset: Option<&str>, document: &Document, report: Option<&Path>) -> Result<(), Failure> {
    keep_apart(&[("the preset", preset.map(Path::new)), ("the data", data_file(document))], &[("--report", report)])
}

#[derive(clap::Args)]
pub struct FoldArguments {
    /// A preset file or the name of a built-in preset. Without one, a network that suits the data
    preset: Option<String>,
    /// Number of parts that the rows are split into; each is held back once. The test rows take no part
    #[arg(long, value_name = "K", default_value_t = 5)]
    folds: usize,
    /// Use this table, array or folder of pictures instead of the preset's data
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// The columns to predict, separated by commas
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    target: Vec<String>,
    /// Epochs for each fold
    #[arg(long, value_name = "N")]
    epochs: Option<u64>,
    /// Seed of the initial parameters, of shuffling and dropout
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Threads to train with; the result does not depend on them
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Write every fold as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    read: ReadArguments,
}

#[derive(Serialize)]
struct FoldReport {
    preset: String,
    seed: u64,
    folds: Vec<Fold>,
    summary: BTreeMap<&'static str, Spread>,
}

#[derive(Serialize)]
struct Fold {
    rows: usize,
    epochs: u64,
    loss: Option<f64>,
    #[serde(flatten)]
    metrics: Option<Metrics>,
}

pub fn folds(arguments: &FoldArguments) -> Result<(), Failure> {
    let threads = thread_count(arguments.threads)?;
    let (Preset { mut document, .. }, table, _) =
        load(arguments.preset.as_deref(), arguments.data.as_deref(), &arguments.read, &arguments.target)?;
    report_apart(arguments.preset.as_deref(), &document, arguments.report.as_deref())?;
    document.training.seed = arguments.seed.unwrap_or(document.training.seed);
    let epochs = arguments.epochs.or(document.training.epochs).unwrap_or(DEFAULT_EPOCHS);
    let preparation = document.data.preparation(&table);
    let folds = Folds::new(&table, &preparation, arguments.folds)?;
    let count = folds.count();
    let mut progress = Progress::new(count as f64, None, document.training.early_stopping.is_some())?;
    let _pool = thread_pool(threads);
    let results =
        cross_validate(&document.network, &folds, &document.training, epochs, threads, &mut |fold, share| {
            progress.set(fold as f64 + f64::from(share), || format!("fold {} of {count}", fold + 1));
            true
        })?;
    progress.finish();
    for (k, fold) in results.iter().enumerate() {
        let what = match fold.evaluation.map(|e| (e.loss, e.metrics)) {
            Some((loss, Metrics::Classes { accuracy })) => {
                format!("accuracy {}, loss {}", format::percent(accuracy, 1), format::significant(loss, 4))
            }
            Some((loss, Metrics::Values { r2, .. })) => {
                format!("R² {}, loss {}", format::score(r2), format::significant(loss, 4))
            }
            None => "the loss was no longer finite".to_owned(),
        };
        println!("fold {}: {} rows, {} epochs: {what}", k + 1, fold.rows, fold.epochs);
    }
    if document.training.early_stopping.is_some() {
        eprintln!("note: {BEST_OF_FOLD}");
    }
    let summary = summarise(&results);
    for (name, spread) in &summary {
        println!("{name}: {} ± {}", format::significant(spread.mean, 4), format::significant(spread.deviation, 3));
    }
    if let Some(path) = &arguments.report {
        let fold = |r: &crate::train::experiment::FoldResult| Fold {
            rows: r.rows,
            epochs: r.epochs,
            loss: r.evaluation.map(|e| e.loss),
            metrics: r.evaluation.map(|e| e.metrics),
        };
        let report = FoldReport {
            preset: arguments.preset.clone().unwrap_or_else(|| document.name.clone()),
            seed: document.training.seed,
            folds: results.iter().map(fold).collect(),
            summary: summary.into_iter().collect(),
        };
        write(path, &serde_json::to_string_pretty(&report)?)?;
    }
    if results.iter().any(|r| r.evaluation.is_none()) {
        return Err("the loss of at least one fold was no longer finite. Try a smaller learning rate".into());
    }
    Ok(())
}

#[derive(clap::Args)]
pub struct RateArguments {
    /// A preset file or the name of a built-in preset. Without one, a network that suits the data
    preset: Option<String>,
    /// The learning rate of the first update
    #[arg(long, value_name = "RATE", default_value_t = RateRange::default().low)]
    low: f32,
    /// The learning rate of the last update
    #[arg(long, value_name = "RATE", default_value_t = RateRange::default().high)]
    high: f32,
    /// Updates of each of the three starts
    #[arg(long, value_name = "N", default_value_t = RateRange::default().steps)]
    steps: usize,
    /// Use this table, array or folder of pictures instead of the preset's data
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// The columns to predict, separated by commas
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    target: Vec<String>,
    /// Threads to train with; the result does not depend on them
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Write every learning rate with its loss as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    read: ReadArguments,
}

#[derive(Serialize)]
struct RateReport<'a> {
    preset: &'a str,
    /// The learning rate that was chosen, and what by.
    suggested: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    choice: Option<RateChoice>,
    /// Why none was chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The mean over the starts, smoothed.
    points: &'a [RatePoint],
    starts: &'a [Vec<RatePoint>],
}

pub fn rates(arguments: &RateArguments) -> Result<(), Failure> {
    let RateArguments { low, high, steps, .. } = *arguments;
    let range = RateRange { low, high, steps };
    if let Some(problem) = range.problem() {
        return Err(problem.into());
    }
    let threads = thread_count(arguments.threads)?;
    let (Preset { document, .. }, _, data) =
        load(arguments.preset.as_deref(), arguments.data.as_deref(), &arguments.read, &arguments.target)?;
    report_apart(arguments.preset.as_deref(), &document, arguments.report.as_deref())?;
    let mut progress = Progress::new(STARTS as f64, None, true)?;
    let _pool = thread_pool(threads);
    let found = find_rate(&document.network, &data, &document.training, range, threads, &mut |start, share| {
        progress.set(start as f64 + f64::from(share), || format!("start {} of {STARTS}", start + 1));
        true
    })?;
    progress.finish();
    let RateTest { starts, mean, choice } = found.ok_or("the test was called off")?;
    for point in mean.iter().step_by(mean.len().div_ceil(20).max(1)) {
        println!(
            "learning rate {:<10} loss {}",
            format::learning_rate(point.learning_rate),
            format::significant(point.loss, 4)
        );
    }
    match &choice {
        Ok(choice) => {
            println!("{}.", choice.reason());
            println!("chosen learning rate: {}", format::learning_rate(choice.learning_rate));
            println!("{RULE}");
        }
        Err(no) => println!("{no}"),
    }
    if let Some(path) = &arguments.report {
        let report = RateReport {
            preset: arguments.preset.as_deref().unwrap_or(&document.name),
            suggested: choice.as_ref().ok().map(|c| c.learning_rate),
            choice: choice.as_ref().ok().copied(),
            reason: choice.as_ref().err().map(ToString::to_string),
            points: &mean,
            starts: &starts,
        };
        write(path, &serde_json::to_string_pretty(&report)?)?;
    }
    Ok(())
}
