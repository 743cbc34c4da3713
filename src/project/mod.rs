//! The document — network, data source, training configuration — with undo, and the preset file. It knows no screens.
//!
//! Failures: a file that cannot be read or written leaves the document as it was and comes back as a [`PresetError`].

mod document;
mod gallery;
mod preset;
mod pretty;
mod recovery;
mod suggest;
mod undo;

pub use document::{DataSection, Document, WATCHED, adapt};
pub use gallery::{Builtin, builtin, builtins};
pub use preset::{Preset, PresetError, SCHEMA_VERSION, leads_outside, replace_file, schema};
pub use recovery::{About, Left, Place, left_behind};
pub use suggest::{Suggestion, default_network};
pub use undo::{KeptRun, Project, Steps};
