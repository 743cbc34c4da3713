//! Files and generators → typed table → prepared arrays. It knows nothing of networks or threads.
//!
//! Whatever is wrong with the input comes back as a [`DataError`] that says what, where and how to mend it.

mod builtin;
mod cells;
mod dates;
mod drawing;
mod encode;
mod error;
mod fit;
mod generate;
mod glyphs;
mod human_numbers;
mod numbers;
mod parse;
mod pca;
mod plan;
mod prepare;
mod read;
mod reading;
mod source;
mod split;
mod stats;
mod table;

pub use builtin::{BUILTIN, Builtin};
pub use drawing::{Drawing, DrawingKind, class_name};
pub use encode::{
    Curve as ScaleCurve, Encoder, Encoding, EncodingKind, Factor, Function, TargetScale, Targets, Window, stepped,
};
pub use error::DataError;
pub use generate::{Curve, Generator, Shape};
pub use numbers::Numbers;
pub use pca::{Projection, project};
pub use plan::{Augmentation, Balance, ColumnPlan, MAX_CLASSES, Missing, Preparation, Role, Step, StepKind, Treatment};
pub use prepare::{Dataset, Folds, Part, balanced, prepare};
pub use read::{
    Detected, ENCODINGS, ENDINGS, Fit, Format, ImageOptions, ReadOptions, TextFormat, read_bytes, read_file,
};
pub use reading::{Progress, Reading};
pub use source::{DataSource, Loaded};
pub use split::{Split, SplitBy};
pub use stats::{Finding, Range, Relations, Remedy, Summary, findings, quantile, relate, summarise};
pub use table::{Column, Images, Kind, Table, Text, Values};
