//! What can be wrong with data, in words for the person who brought them.

use std::path::PathBuf;

/// Each message names the thing, the place and the mend.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    #[error("There is no file {}. Check the path, or choose the file again.", .0.display())]
    NotFound(PathBuf),
    #[error("{} is a folder. Choose a file inside it.", .0.display())]
    IsFolder(PathBuf),
    #[error("{} cannot be read: {reason}. Check that you may open it.", path.display())]
    Unreadable { path: PathBuf, reason: String },
    #[error("{name} is empty. Choose a file with a header and at least one row.")]
    Empty { name: String },
    #[error("{name} has a header but no rows below it. Add data, or say that the first row is data.")]
    HeaderOnly { name: String },
    #[error(
        "{name}, row {row}: {found} fields, but the rows above have {expected}. Check for a missing or extra {delimiter:?}, or for an unclosed quote."
    )]
    Ragged { name: String, row: usize, found: usize, expected: usize, delimiter: char },
    #[error(
        "{name}, row {row}: the text is not UTF-8 (byte {byte} of the file). Save the file as UTF-8 and open it again."
    )]
    NotUtf8 { name: String, row: usize, byte: usize },
    #[error("{name}, row {row}: a field is longer than {limit} characters. Is a quote left open there?")]
    HugeField { name: String, row: usize, limit: usize },
    #[error(
        "{name} is {size}, more than the limit of {limit} for a table in memory. Split it, or take a sample of its rows."
    )]
    TooLarge { name: String, size: String, limit: String },
    #[error("{name} has {columns} columns, more than the limit of {limit}. Is the delimiter {delimiter:?} right?")]
    TooWide { name: String, columns: usize, limit: usize, delimiter: char },
    #[error("{name}: {reason}")]
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
    #[error(
        "Column \"{column}\" has {levels} different values, too many for one-hot (the limit is {limit}). Choose ordinal, or ignore it."
    )]
    TooManyLevels { column: String, levels: usize, limit: usize },
    #[error(
        "The target \"{column}\" has only one class, \"{class}\". There is nothing to tell apart: choose another target, or add rows of other classes."
    )]
    OneClass { column: String, class: String },
    #[error(
        "The target \"{column}\" has {classes} classes, more than the limit of {limit}. Predict it as a number, or choose another target."
    )]
    TooManyClasses { column: String, classes: usize, limit: usize },
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
        "Only {rows} rows are left after dropping missing values; at least {needed} are needed. Fill missing values instead of dropping rows."
    )]
    TooFewRows { rows: usize, needed: usize },
    #[error("{rows} rows cannot be dealt into {folds} folds. Take between 2 and as many as there are rows.")]
    TooFewForFolds { rows: usize, folds: usize },
    #[error("The split leaves no rows to train on. Make the training part larger.")]
    EmptyTraining,
    #[error("The columns changed: \"{0}\" is no longer in the data. Choose the roles again.")]
    ColumnGone(String),
    #[error("There is no built-in data set \"{0}\". There are: iris, wine, digits, diabetes.")]
    UnknownBuiltin(String),
    #[error(
        "{path} has changed since the preset was saved. Open it again from the Data workspace to take it as it is."
    )]
    Changed { path: String },
    #[error("A generator makes between {low} and {high} samples, not {samples}.")]
    Samples { samples: usize, low: usize, high: usize },
}
