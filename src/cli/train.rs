//! `chainrule train`: trains a preset, shows progress on a terminal, and reports.

use super::arguments::{DEFAULT_EPOCHS, Failure, STANDARD_INPUT, data_file, keep_apart, load, thread_count, write};
use super::chart;
use super::checkpoints::{Checkpoints, EVERY};
use super::progress::Progress;
use super::reading::ReadArguments;
use crate::data::Part;
use crate::format;
use crate::nn::NetworkSpec;
use crate::project::{Document, Preset};
use crate::train::{FullEvaluation, Metrics, RunState, Scores, Session, Tick, thread_pool};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

#[derive(clap::Args)]
pub struct Arguments {
    /// A preset file or the name of a built-in preset; - for standard input. Without one a network that suits the data is
    /// trained
    preset: Option<String>,
    /// Train on this table, array or folder of pictures instead of the preset's data; - for standard input
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// The columns to predict, separated by commas
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    target: Vec<String>,
    /// Train until this many epochs are complete
    #[arg(long, value_name = "N")]
    epochs: Option<u64>,
    /// Seed of the initial parameters, of shuffling and dropout
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Threads to train with; the result does not depend on them
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Write losses and metrics per epoch as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Write the preset with the trained run
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Keep checkpoints in this folder, and go on from the newest one there: the same command starts a job and resumes it. The
    /// three newest stay, and the best as best.json; each is a preset
    #[arg(long, value_name = "FOLDER")]
    resume: Option<PathBuf>,
    /// Epochs between two checkpoints
    #[arg(long, value_name = "N", requires = "resume", default_value_t = EVERY, value_parser = clap::value_parser!(u64).range(1..))]
    checkpoint_every: u64,
    #[command(flatten)]
    read: ReadArguments,
}

impl Arguments {
    /// The plain training of a preset.
    pub fn of(preset: &str) -> Self {
        Self {
            preset: Some(preset.to_owned()),
            data: None,
            target: Vec::new(),
            epochs: None,
            seed: None,
            threads: None,
            report: None,
            save: None,
            resume: None,
            checkpoint_every: EVERY,
            read: ReadArguments::default(),
        }
    }
}

#[derive(Serialize)]
struct Report {
    preset: String,
    seed: u64,
    threads: usize,
    stopped: &'static str,
    /// The epoch whose parameters early stopping brought back.
    #[serde(skip_serializing_if = "Option::is_none")]
    restored_epoch: Option<u64>,
    epochs: Vec<Epoch>,
    test: Option<Test>,
    /// The same for each output by its name, where there are several.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    outputs: BTreeMap<String, Test>,
    steps: u64,
    samples_per_s: f64,
    seconds: f64,
}

#[derive(Serialize)]
#[allow(clippy::struct_field_names)]
struct Epoch {
    epoch: u64,
    train_loss: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    val_loss: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    val: Option<Metrics>,
    seconds: f64,
}

#[derive(Serialize)]
struct Test {
    loss: f64,
    #[serde(flatten)]
    metrics: Metrics,
    #[serde(flatten)]
    scores: Scores,
}

impl Test {
    fn of(full: &FullEvaluation) -> Self {
        Self { loss: full.evaluation.loss, metrics: full.evaluation.metrics, scores: full.scores }
    }
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let threads = thread_count(arguments.threads)?;
    let writes = arguments.save.as_ref().map(|_| "--save").or(arguments.resume.as_ref().map(|_| "--resume"));
    if let Some(writes) = writes.filter(|_| arguments.data.as_deref() == Some(Path::new(STANDARD_INPUT))) {
        return Err(format!("{writes} writes a preset that names its data, and standard input cannot be named. Save the data as a file, and pass that.").into());
    }
    let (Preset { mut document, run }, table, dataset) =
        load(arguments.preset.as_deref(), arguments.data.as_deref(), &arguments.read, &arguments.target)?;
    // A run may go on in its own preset.
    let (preset, report) = (arguments.preset.as_deref().map(Path::new), arguments.report.as_deref());
    let table_file = data_file(&document);
    keep_apart(&[("the preset", preset), ("the data", table_file)], &[("--report", report)])?;
    keep_apart(&[("the data", table_file), ("--report", report)], &[("--save", arguments.save.as_deref())])?;
    let named = arguments.preset.clone().unwrap_or_else(|| document.name.clone());
    document.training.seed = arguments.seed.unwrap_or(document.training.seed);
    let mut run = going_on(run, arguments, &document);
    document.data.preparation = Some(document.data.preparation(&table));
    let data = Arc::new(dataset);
    let mut session = Session::new(&document.network, Arc::clone(&data), document.training.clone(), threads)?;
    let mut checkpoints = match &arguments.resume {
        Some(folder) => Some(Checkpoints::open(folder, arguments.checkpoint_every, document.clone())?),
        None => None,
    };
    if let Some(checkpoints) = &mut checkpoints {
        run = checkpoints.newest(&session)?.or(run);
    }
    if let Some(run) = &run {
        session.resume(run)?;
    }
    session.notes().iter().for_each(|note| eprintln!("note: {note}"));
    let epochs = arguments.epochs.or(document.training.epochs).unwrap_or(DEFAULT_EPOCHS);
    let _pool = thread_pool(threads);
    println!("{} on {}: {}", document.name, data.name, describe(&session));
    if run.is_some() {
        say_why_nothing_is_trained(&session, epochs, &named);
    }
    let (records, diverged, seconds) = train(&mut session, epochs, checkpoints.as_mut())?;
    if let Some(checkpoints) = &checkpoints {
        println!("{}", checkpoints.describe());
    }
    let restored_epoch = if diverged.is_none() { session.restore_best() } else { None };
    let test = diverged.is_none().then(|| session.evaluate_fully(Part::Test)).flatten().unwrap_or_default();
    let samples = records.len() * data.part(Part::Train).len();
    let report = Report {
        preset: named,
        seed: document.training.seed,
        threads,
        stopped: match (&diverged, session.has_stopped_early()) {
            (Some(_), _) => "diverged",
            (None, true) => "early",
            (None, false) => "epochs",
        },
        restored_epoch,
        test: test.first().map(Test::of),
        outputs: if test.len() > 1 {
            test.iter().map(|t| (document.network.name(t.layer), Test::of(t))).collect()
        } else {
            BTreeMap::new()
        },
        steps: session.steps(),
        samples_per_s: if seconds > 0.0 { samples as f64 / seconds } else { 0.0 },
        seconds,
        epochs: records,
    };
    if std::io::stdout().is_terminal() || arguments.report.is_none() {
        let losses: Vec<f64> = report.epochs.iter().map(|e| e.train_loss).collect();
        let first = report.epochs.first().map_or(1, |e| e.epoch);
        print!("{}", chart::curve("Training loss", first, &losses));
    }
    summarise(&report, &test, &document.network);
    if let Some(epoch) = restored_epoch {
        let watched = if data.part(Part::Validation).is_empty() { "training" } else { "validation" };
        println!("the parameters are those of epoch {epoch}, which has the lowest {watched} loss");
    }
    if let Some(path) = &arguments.report {
        write(path, &serde_json::to_string_pretty(&report)?)?;
    }
    if let Some(path) = &arguments.save {
        let seconds = run.map_or(0.0, |run| run.seconds);
        Preset { document, run: Some(RunState { seconds, ..session.save() }) }.save(path)?;
    }
    diverged.map_or(Ok(()), Err)
}

/// The run where training goes on with it. One belongs to its own seed and data: with others it starts from the beginning, and
/// says so.
fn going_on(run: Option<RunState>, arguments: &Arguments, document: &Document) -> Option<RunState> {
    let run = run?;
    let (flags, others) = match (arguments.data.is_some(), arguments.seed.is_some()) {
        (false, false) => return Some(run),
        (true, false) => ("--data", "other rows"),
        (false, true) => ("--seed", "other initial parameters"),
        (true, true) => ("--data and --seed", "other rows and other initial parameters"),
    };
    let preparation = match (arguments.data.is_some(), document.data.preparation.is_some()) {
        (false, _) => "the data with their preparation and split",
        (true, true) => "the steps of the preparation, which learn from the new rows",
        (true, false) => "nothing of the preparation, because the columns are others",
    };
    eprintln!(
        "note: {flags} asks for {others}, so training starts anew with seed {}, and the run saved in {} ({}) is not gone on \
         with. Kept are the network, the settings of training, and {preparation}; not kept are its parameters, optimizer \
         state and curves. Leave {flags} out to go on with it.",
        document.training.seed,
        arguments.preset.as_deref().unwrap_or_default(),
        format::counted(run.epoch as usize, "epoch"),
    );
    None
}

/// Of a saved run that is already at its end.
fn say_why_nothing_is_trained(session: &Session, epochs: u64, preset: &str) {
    let done = session.epochs();
    if session.has_stopped_early() {
        let patience = session.config().early_stopping.map_or(0, |s| s.patience);
        eprintln!(
            "note: early stopping ended the run of {preset} at epoch {done}, {} after its best one, so it is not trained any \
             further. To go on, raise the patience of early stopping in the preset, or remove early stopping from it.",
            format::counted(patience.max(1) as usize, "epoch"),
        );
    } else if done >= epochs {
        eprintln!(
            "note: the run of {preset} already has {}, so it is not trained any further. To go on, ask for more of them with \
             --epochs.",
            format::counted(done as usize, "epoch"),
        );
    }
}

fn describe(session: &Session) -> String {
    let data = session.data();
    format!(
        "{} parameters, {} training rows, {} validation, {} test",
        session.network().params().len(),
        data.part(Part::Train).len(),
        data.part(Part::Validation).len(),
        data.part(Part::Test).len()
    )
}

type Trained = (Vec<Epoch>, Option<Failure>, f64);

/// Trains to `epochs` complete epochs; a loss that is no longer finite ends it early.
fn train(session: &mut Session, epochs: u64, mut checkpoints: Option<&mut Checkpoints>) -> Result<Trained, Failure> {
    let early = session.config().early_stopping.is_some();
    let mut progress = Progress::new(epochs as f64, Some("epoch"), early)?;
    let begun = Instant::now();
    let mut records: Vec<Epoch> = Vec::new();
    let mut diverged = None;
    let ends = |session: &Session| session.epochs() >= epochs || session.has_stopped_early();
    while !ends(session) {
        let since = Instant::now();
        loop {
            let (done, rows) = session.progress();
            let done = session.epochs() as f64 + done as f64 / rows.max(1) as f64;
            progress.set(done, || at(session.epochs(), epochs, records.last()));
            match session.tick() {
                Ok(Tick::Epoch) => break,
                Ok(_) => {}
                Err(e) => {
                    diverged = Some(e.into());
                    break;
                }
            }
        }
        if diverged.is_some() {
            break;
        }
        let history = session.history();
        let train_loss = f64::from(history.train_loss.latest().unwrap_or(f32::NAN));
        let validation = session.validation();
        records.push(Epoch {
            epoch: session.epochs(),
            train_loss,
            val_loss: validation.map(|v| v.loss),
            val: validation.map(|v| v.metrics),
            seconds: since.elapsed().as_secs_f64(),
        });
        if let Some(checkpoints) = &mut checkpoints {
            checkpoints.look(session, ends(session));
        }
    }
    progress.finish();
    Ok((records, diverged, begun.elapsed().as_secs_f64()))
}

/// Where training stands, beside the bar.
fn at(epoch: u64, epochs: u64, last: Option<&Epoch>) -> String {
    let loss = last.map_or_else(String::new, |last| format!(", loss {}", format::significant(last.train_loss, 4)));
    format!("epoch {epoch} of {epochs}{loss}")
}

fn summarise(report: &Report, test: &[FullEvaluation], network: &NetworkSpec) {
    println!(
        "{}, {} steps in {}: {:.0} samples/s",
        format::counted(report.epochs.len(), "epoch"),
        report.steps,
        format::seconds(report.seconds),
        report.samples_per_s
    );
    // The losses of the parameters that are kept.
    let kept = report.epochs.iter().find(|e| Some(e.epoch) == report.restored_epoch);
    if let Some(last) = kept.or(report.epochs.last()) {
        let validation =
            last.val_loss.map_or_else(String::new, |v| format!(", validation loss {}", format::significant(v, 4)));
        let at = report.restored_epoch.map_or_else(String::new, |epoch| format!(" (epoch {epoch})"));
        println!("training loss {}{validation}{at}", format::significant(last.train_loss, 4));
    }
    for full in test {
        let of = if test.len() > 1 { format!(" of {}", network.name(full.layer)) } else { String::new() };
        let loss = format::significant(full.evaluation.loss, 4);
        match full.evaluation.metrics {
            Metrics::Classes { accuracy } => {
                println!("test{of}: accuracy {}, loss {loss}", format::percent(accuracy, 1));
            }
            Metrics::Values { r2, mae } => {
                let (r2, mae) = (format::score(r2), format::significant(mae, 4));
                println!("test{of}: R² {r2}, mean absolute error {mae}, loss {loss}");
            }
        }
    }
}
