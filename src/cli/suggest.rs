//! `chainrule suggest`: a network that suits a data file, as a preset.

use super::arguments::{Failure, STANDARD_INPUT, keep_apart, suggest};
use super::reading::ReadArguments;
use crate::data::Part;
use crate::format;
use crate::project::Preset;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub struct Arguments {
    /// A table, arrays, or a folder of pictures; - for standard input
    file: PathBuf,
    /// The columns to predict, separated by commas
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',')]
    target: Vec<String>,
    /// Write the preset, to be trained or opened in the window
    #[arg(long, value_name = "PRESET")]
    save: Option<PathBuf>,
    #[command(flatten)]
    read: ReadArguments,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.save.is_some() && arguments.file == Path::new(STANDARD_INPUT) {
        return Err("--save writes a preset that names its data, and standard input cannot be named. Save the data as a file, and name that.".into());
    }
    keep_apart(&[("the data", Some(&arguments.file))], &[("--save", arguments.save.as_deref())])?;
    let (document, table, dataset) = suggest(&arguments.file, arguments.read.alone(), &arguments.target)?;
    println!("{}: {}, {} columns", table.name, format::counted(table.rows(), "row"), table.columns.len());
    let rows = |part| dataset.part(part).len();
    println!(
        "{} features; {} training rows, {} validation, {} test",
        dataset.features(),
        rows(Part::Train),
        rows(Part::Validation),
        rows(Part::Test)
    );
    for layer in &document.network.layers {
        println!("  {:24} {}", layer.name, layer.kind.definition().caption());
    }
    let training = &document.training;
    let stopping = training.early_stopping.map_or_else(String::new, |s| {
        format!(", early stopping after {} epochs without a lower validation loss", s.patience)
    });
    println!(
        "{}, learning rate {}, mini-batches of {}, at most {} epochs{stopping}",
        training.optimizer.label(),
        format::significant(f64::from(training.learning_rate), 3),
        training.batch_size,
        training.epochs.unwrap_or_default()
    );
    if let Some(path) = &arguments.save {
        Preset { document, run: None }.save(path)?;
    }
    Ok(())
}
