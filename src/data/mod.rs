//! Files and generators → typed table → prepared arrays. It knows nothing of networks or threads.
//!
//! Whatever is wrong with the input comes back as a [`DataError`] that says what, where and how to mend it.

mod builtin;
mod encode;
mod error;
mod generate;
mod prepare;
mod read;
mod source;
mod stats;
mod table;

pub use builtin::{BUILTIN, Builtin};
pub use encode::{Encoder, Encoding, EncodingKind, TargetScale, Targets};
pub use error::DataError;
pub use generate::{Curve, Generator, Shape};
pub use prepare::{
    ColumnPlan, Dataset, Folds, MAX_CLASSES, Missing, Part, Preparation, Role, Split, Treatment, prepare,
};
pub use read::{Detected, ReadOptions, read_bytes, read_file};
pub use source::{DataSource, Loaded, content_hash};
pub use stats::{Summary, summarise};
pub use table::{Column, Table, Values, number, significant};
