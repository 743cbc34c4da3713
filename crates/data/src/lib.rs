//! Files and generators → typed table → prepared arrays. It knows nothing of networks or threads.
//!
//! Whatever is wrong with the input comes back as a [`DataError`] that says what, where and how to fix it.

mod builtin;
mod cells;
mod dates;
mod drawing;
mod encode;
mod error;
mod fit;
mod fix;
mod generate;
mod glyphs;
mod guess;
mod numbers;
mod parse;
mod pca;
mod plan;
mod prepare;
mod read;
mod reading;
mod relations;
mod scale;
mod source;
mod split;
mod stats;
mod table;
mod text;
mod text_builder;
mod tokens;
mod typing;
mod warnings;

pub use builtin::{BUILTIN, Builtin};
pub use drawing::{Drawing, DrawingKind, class_name};
pub use encode::{
    ColumnEncoding, Encoder, EncodingKind, Factor, Targets, TokenCount, Unprepared, Why, Window, stepped,
};
pub use error::DataError;
pub use fix::PreparationFix;
pub use generate::{BoundaryCurve, Generator, Shape};
pub use guess::{TargetChoice, TargetGuess};
pub use numbers::Numbers;
pub use pca::{Projection, project};
pub use plan::{
    Augmentation, Balance, ColumnPlan, MAX_CLASSES, Missing, Preparation, PreparationStep, Role, StepKind, Treatment,
};
pub use prepare::{Dataset, Folds, LeftOut, Part, balanced, prepare};
pub use read::{
    Chooser, Detected, ENCODINGS, ENDINGS, Fit, Format, Ground, ImageOptions, Note, Offer, PixelColumns, Quoting,
    ReadOptions, Separator, TextFormat, read_bytes, read_file, special_file,
};
pub use reading::{Reading, ReadingProgress};
pub use relations::{Relations, relate};
pub use scale::{Function, ScaleCurve, TargetScale};
pub use source::{DataSource, Loaded};
pub use split::{Split, SplitBy};
pub use stats::{Range, Summary, quantile, summarise};
pub use table::{Column, ColumnKind, Images, Levels, Table, Text, Values};
pub use tokens::{MOST_LENGTH, MOST_VOCABULARY, TextEnd, TokenPlan, TokenUnit, Tokens, UNKNOWN};
pub use typing::kinds::{ColumnReading, DateOrder, ReadKind};
pub use warnings::{DataWarning, time_order, time_warning, warnings};
