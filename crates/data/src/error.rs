//! What can be wrong with data, in words for the person who brought them.

use chainrule_common::format;
use std::path::PathBuf;

/// Each message names the thing, the place and the fix.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    #[error("There is no file {}. Check the path, or choose the file again.", .0.display())]
    NotFound(PathBuf),
    #[error("{} cannot be read: {reason}. Check that you may open it.", path.display())]
    Unreadable { path: PathBuf, reason: String },
    #[error(
        "{} is {what}, not a file, and may never end. Save its contents as a file first; on the command line, - stands for standard input.",
        path.display()
    )]
    NoFile { path: PathBuf, what: &'static str },
    #[error("{at}: {reason}.")]
    Setting { at: String, reason: String },
    #[error(
        "Row {row}, column \"{column}\": the number is too large for single precision (3.4e38 at most) after the preparation. Correct the cell, standardise the column, or set its role to ignore."
    )]
    Overflow { row: usize, column: String },
    #[error("{name} is empty. Choose a file with a header and at least one row.")]
    Empty { name: String },
    #[error("{name} has a header but no rows below it. Add data, or say that the first row is data.")]
    HeaderOnly { name: String },
    #[error(
        "{name}, row {row}: {found} fields, but the rows above have {expected}{}. Cells are separated by {delimiter}: check for one too few or too many, or for an unclosed quote; or leave out what stands beyond the last column.",
        also(*more)
    )]
    Ragged { name: String, row: usize, found: usize, expected: usize, delimiter: String, more: usize },
    #[error(
        "{name}, row {row}: {found} fields, but the row before has {before}, and no number of fields has a majority. Cells are separated by {delimiter}: check that, and the lines before the table."
    )]
    NoTable { name: String, row: usize, found: usize, before: usize, delimiter: String },
    #[error(
        "{name}, row {row}: the text is not UTF-8 (byte {byte} of the file). Choose another encoding, or save the file as UTF-8."
    )]
    NotUtf8 { name: String, row: usize, byte: usize },
    #[error("{name}, row {row}: a field is longer than {limit} bytes. Is a quote left open there?")]
    HugeField { name: String, row: usize, limit: usize },
    #[error(
        "{name} needs more than {limit}, half of the memory that is free. Split it, take a sample of its rows, or close other programs."
    )]
    TooLarge { name: String, limit: String },
    #[error("{name} has {columns} columns or more, but the limit is {limit}. Is it read as what it is?")]
    TooWide { name: String, columns: usize, limit: usize },
    #[error("The reading was cancelled.")]
    Cancelled,
    #[error("{name}: {reason}.")]
    Malformed { name: String, reason: String },
    #[error("Column \"{column}\" has no values at all. Set its role to ignore.")]
    AllMissing { column: String },
    #[error(
        "Row {row}, column \"{column}\": the value is infinite. Correct the cell, or set the column's role to ignore."
    )]
    Infinite { row: usize, column: String },
    #[error(
        "Column \"{column}\" holds text, but its role is a number. Make it a class or a one-hot feature, or ignore it."
    )]
    TextAsNumber { column: String },
    #[error("Column \"{column}\" must hold pictures, but does not. Choose the folder or archive of the pictures.")]
    NotPictures { column: String },
    #[error(
        "The pictures of column \"{column}\" are {}, but those that were trained on are {}. Read them at the same size and with the same colours.",
        picture(found),
        picture(wanted)
    )]
    OtherSize { column: String, wanted: (usize, usize, usize), found: (usize, usize, usize) },
    #[error("Column \"{column}\" holds {from} values, which cannot be read as {to}. Choose another type for it.")]
    NoWay { column: String, from: &'static str, to: &'static str },
    #[error(
        "Column \"{column}\" has too many different values for one-hot (the limit is {limit}). Choose ordinal, target mean or hashed words, or ignore it."
    )]
    TooManyLevels { column: String, limit: usize },
    #[error(
        "The target \"{column}\" has only one class, \"{class}\". There is nothing to tell apart: choose another target, or add rows of other classes."
    )]
    OneClass { column: String, class: String },
    #[error(
        "The target \"{column}\" has more classes than the limit of {limit}. Predict it as a number, or choose another target."
    )]
    TooManyClasses { column: String, limit: usize },
    #[error("Column \"{column}\" holds {kind} values, which cannot be treated as {treatment}. Choose one of {others}.")]
    Treatment { column: String, kind: &'static str, treatment: &'static str, others: String },
    #[error(
        "A window of {length} rows and a target {horizon} ahead need more than the {rows} rows that there are. Make the window shorter."
    )]
    WindowTooLong { rows: usize, length: usize, horizon: usize },
    #[error(
        "The preparation makes {features} features of {rows} rows, more than memory holds. Leave out steps, or choose fewer columns."
    )]
    TooManyFeatures { features: usize, rows: usize },
    #[error("{columns} columns make {products} products, more than the limit of {limit}. Choose fewer columns.")]
    TooManyProducts { columns: usize, products: usize, limit: usize },
    #[error(
        "Row {row}, column \"{column}\": \"{cell}\" is none of train, validation and test. Correct the cell, or split another way."
    )]
    NoPart { row: usize, column: String, cell: String },
    #[error("No column is the target. Set the role of the column to be predicted to target.")]
    NoTarget,
    #[error("{0} columns are weights, but a row has one. Set the role of the others to ignore.")]
    SeveralWeights(usize),
    #[error(
        "Row {row}, column \"{column}\": a weight must be at least 0, but is {weight}. Correct the cell, or set the column's role to ignore."
    )]
    NegativeWeight { row: usize, column: String, weight: f64 },
    #[error("No column is a feature. Set the role of at least one column to feature.")]
    NoFeatures,
    #[error(
        "{}; at least {needed} are needed. Add rows, or fill missing values instead of dropping rows.", left(*rows)
    )]
    TooFewRows { rows: usize, needed: usize },
    #[error(
        "{} cannot be dealt into {}. Take between 2 and as many as there are rows.",
        format::counted(*rows, "row"), format::counted(*folds, "fold")
    )]
    TooFewForFolds { rows: usize, folds: usize },
    #[error("The split leaves no rows to train on. Make the training part larger.")]
    EmptyTraining,
    #[error("The columns changed: \"{0}\" is no longer in the data. Choose the roles again.")]
    ColumnGone(String),
    #[error(
        "There is no column \"{0}\", which the network was trained on. Add it, or give the column that holds it this name."
    )]
    ColumnMissing(String),
    #[error("There is no built-in data set \"{name}\". There are: {known}.")]
    UnknownBuiltin { name: String, known: String },
    #[error(
        "{path} has other contents than when the preset was saved. Find the right file, or take this one as it is."
    )]
    Changed { path: String },
    #[error("A drawing has at most {most} points of at most {classes} classes, each with a finite place.")]
    Drawing { most: usize, classes: usize },
}

fn left(rows: usize) -> String {
    format!("Only {} {} left", format::counted(rows, "row"), if rows == 1 { "is" } else { "are" })
}

fn also(more: usize) -> String {
    if more == 0 { String::new() } else { format!("; as in {} below it", format::counted(more, "row")) }
}

fn picture(&(height, width, channels): &(usize, usize, usize)) -> String {
    format!("{height} × {width} with {}", format::counted(channels, "channel"))
}
