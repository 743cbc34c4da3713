//! The headless commands: the same engine, documents and files without a window.
//!
//! Failures: every error goes to stderr in words, with exit code 1; wrong usage with 2.

// This module is the one that talks to the terminal.
#![allow(clippy::print_stdout)]

pub mod bench;
mod chart;
mod check;
mod experiment;
mod inspect;
mod predict;
mod trace;
mod train;

use crate::data::{DataSource, Dataset, Preparation, Table, prepare};
use crate::project::{Document, Preset, adapt, builtin, builtins, leads_outside, schema};
use crate::train::task;
use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What any command can fail with.
type Failure = Box<dyn std::error::Error>;

/// What is left to do after the command line was read.
#[derive(Debug)]
pub enum Outcome {
    Done(ExitCode),
    /// Open the window, with a preset if one was named.
    Window(Option<String>),
}

/// Build neural networks, train them on your own data, and see backpropagation number by number.
#[derive(Parser)]
#[command(name = "chainrule", version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Order>,
    /// A preset, a data file or a folder of pictures to open in the window, or the name of a built-in preset
    preset: Option<String>,
}

#[derive(Subcommand)]
enum Order {
    /// Train a preset and report losses and metrics
    Train(train::Arguments),
    /// Write the predictions of a trained preset for a data file
    Predict(predict::Arguments),
    /// Describe a data file: columns, types, missing values, ranges, classes
    Inspect(inspect::Arguments),
    /// Train on all rows but a fold, for each fold, and report the mean and the spread
    CrossValidate(experiment::FoldArguments),
    /// Raise the learning rate from update to update and report where the loss falls fastest
    FindRate(experiment::RateArguments),
    /// Run one training step and print every value, gradient and parameter in it
    Trace(trace::Arguments),
    /// Compare every analytic gradient with central differences in f64
    Check(check::Arguments),
    /// List the built-in presets
    Presets,
    /// Print the JSON Schema of a preset
    Schema,
    /// Measure training steps per second
    Bench(bench::Arguments),
}

/// Reads the command line and runs a headless command, if one is asked for.
pub fn run() -> Outcome {
    let arguments = Arguments::parse();
    match arguments.command {
        Some(command) => Outcome::Done(finish(execute(command))),
        None if has_display() => Outcome::Window(arguments.preset),
        None => Outcome::Done(train_in_terminal(arguments.preset.as_deref())),
    }
}

fn execute(command: Order) -> Result<(), Failure> {
    match command {
        Order::Train(arguments) => train::run(&arguments),
        Order::Predict(arguments) => predict::run(&arguments),
        Order::Inspect(arguments) => inspect::run(&arguments),
        Order::CrossValidate(arguments) => experiment::folds(&arguments),
        Order::FindRate(arguments) => experiment::rates(&arguments),
        Order::Trace(arguments) => trace::run(&arguments),
        Order::Check(arguments) => check::run(&arguments),
        Order::Presets => list_presets(),
        Order::Schema => {
            println!("{}", schema());
            Ok(())
        }
        Order::Bench(arguments) => bench::run(&arguments),
    }
}

fn finish(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}

/// The main job on a machine without a display: trains the preset and says how to get the window.
pub fn train_in_terminal(preset: Option<&str>) -> ExitCode {
    println!("There is no display, so the preset is trained here. On a desktop the same command opens the window.\n");
    finish(train::run(&train::Arguments::of(preset.unwrap_or(DEFAULT_PRESET))))
}

/// What is opened when nothing is named.
pub const DEFAULT_PRESET: &str = "circle";

fn has_display() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|v| !v.is_empty());
    cfg!(not(all(unix, not(target_os = "macos")))) || set("DISPLAY") || set("WAYLAND_DISPLAY")
}

fn list_presets() -> Result<(), Failure> {
    for b in builtins() {
        let document = b.preset()?.document;
        println!("{:20} {} — {}", b.name, document.name, document.description);
    }
    Ok(())
}

/// A preset file, or the built-in preset of that name.
fn open(preset: &str) -> Result<Preset, Failure> {
    let path = Path::new(preset);
    Ok(match builtin(preset) {
        Some(b) if !path.exists() => b.preset()?,
        _ if path.exists() || path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json")) => {
            let opened = Preset::open(path)?;
            announce(&opened, path);
            opened
        }
        _ => {
            let names: Vec<&str> = builtins().iter().map(|b| b.name).collect();
            return Err(
                format!("there is no file and no built-in preset {preset}. Built-in: {}", names.join(", ")).into()
            );
        }
    })
}

/// A preset with its data, or with `data` in their place.
fn load(preset: &str, data: Option<&Path>) -> Result<(Preset, Table, Dataset), Failure> {
    let mut opened = open(preset)?;
    let (table, dataset) = match data {
        Some(file) => bring(&mut opened.document, file)?,
        None => opened.document.data.load()?,
    };
    Ok((opened, table, dataset))
}

/// Gives the document another table: roles are guessed where the columns are others, and the network follows.
fn bring(document: &mut Document, file: &Path) -> Result<(Table, Dataset), Failure> {
    document.data.source = DataSource::file(file);
    let table = document.data.source.load()?.table;
    let known = |plan: &Preparation| plan.columns.iter().all(|c| table.columns.iter().any(|t| t.name == c.name));
    document.data.preparation = document.data.preparation.take().filter(known);
    let dataset = prepare(&table, &document.data.preparation(&table))?;
    for change in adapt(&mut document.network, &task(&dataset), document.training.batch_size) {
        eprintln!("note: to fit {}: {change}", table.name);
    }
    Ok((table, dataset))
}

/// Says which file outside of its own folder a preset is about to read.
fn announce(preset: &Preset, path: &Path) {
    if let DataSource::File { path: data, .. } = &preset.document.data.source {
        let folder = path.parent().unwrap_or(Path::new(""));
        if data.strip_prefix(folder).map_or(true, leads_outside) {
            eprintln!("note: {} reads {}", path.display(), data.display());
        }
    }
}

/// As many threads as there are cores, unless told otherwise.
fn thread_count(asked: Option<usize>) -> usize {
    asked.filter(|&n| n > 0).unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// Writes a small text file, or says why not.
fn write(path: &PathBuf, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|e| format!("{} cannot be written: {e}", path.display()).into())
}
