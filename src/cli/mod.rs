//! The headless commands: the same engine, documents and files without a window.
//!
//! Failures: every error goes to stderr in words, with exit code 1; wrong usage with 2.

// This module is the one that talks to the terminal.
#![allow(clippy::print_stdout)]

mod arguments;
pub mod bench;
mod chart;
mod check;
mod checkpoints;
mod experiment;
mod inspect;
mod predict;
mod progress;
mod reading;
mod suggest;
mod trace;
mod train;

use crate::project::{builtins, schema};
use arguments::Failure;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use std::process::ExitCode;

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
    /// Say what a network for a data file would predict and be, and save it as a preset
    Suggest(suggest::Arguments),
    /// Train on all rows but a fold, for each fold, and report the mean and the spread
    CrossValidate(experiment::FoldArguments),
    /// Raise the learning rate from update to update and report which one to train with
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
    let arguments = parse();
    match arguments.command {
        Some(command) => Outcome::Done(finish(execute(command))),
        None if has_display() => Outcome::Window(arguments.preset),
        None => Outcome::Done(train_in_terminal(arguments.preset.as_deref())),
    }
}

/// Reads the command line; a negative number is a value that may be refused, not an option.
fn parse() -> Arguments {
    let takes = |a: clap::Arg| if a.get_action().takes_values() { a.allow_negative_numbers(true) } else { a };
    let mut command = Arguments::command().mut_subcommands(|c| c.mut_args(takes));
    let mut matches = command.get_matches_mut();
    Arguments::from_arg_matches_mut(&mut matches).unwrap_or_else(|e| e.format(&mut command).exit())
}

fn execute(command: Order) -> Result<(), Failure> {
    match command {
        Order::Train(arguments) => train::run(&arguments),
        Order::Predict(arguments) => predict::run(&arguments),
        Order::Inspect(arguments) => inspect::run(&arguments),
        Order::Suggest(arguments) => suggest::run(&arguments),
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
