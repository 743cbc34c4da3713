//! The source of data as a document stores it.

use super::builtin::{BUILTIN, Content};
use super::drawing::Drawing;
use super::error::DataError;
use super::generate::Generator;
use super::read::{Detected, ReadOptions, hash_of, read_bytes, read_file};
use super::reading::Reading;
use super::table::Table;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A generator, a bundled set, or a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[allow(clippy::large_enum_variant)]
pub enum DataSource {
    Generator(Generator),
    Drawing(Drawing),
    Builtin {
        name: String,
    },
    File {
        /// In a preset file: relative to the preset where possible.
        path: PathBuf,
        /// SHA-256 of the content when it was opened, in hexadecimal.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        sha256: String,
        #[serde(default)]
        options: ReadOptions,
    },
}

impl DataSource {
    /// Names a file by its whole path: a relative one means another file to a program that is started elsewhere.
    pub fn name_whole(&mut self) {
        if let Self::File { path, .. } = self
            && let Ok(whole) = std::path::absolute(&*path)
        {
            *path = whole;
        }
    }
}

/// A table and what was detected in its file.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub table: Table,
    pub detected: Option<Detected>,
    pub sha256: String,
}

impl Loaded {
    /// Keeps in the source of the table how its file was read, so that other files are read alike.
    pub fn keep_reading(&self, source: &mut DataSource) {
        if let (DataSource::File { options, .. }, Some(detected)) = (source, &self.detected) {
            options.clone_from(&detected.options);
        }
    }
}

impl DataSource {
    /// A file with everything detected.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::File { path: path.into(), sha256: String::new(), options: ReadOptions::default() }
    }

    /// Its name for people.
    pub fn label(&self) -> String {
        match self {
            Self::Generator(generator) => generator.shape.label().to_owned(),
            Self::Drawing(_) => "Drawing".to_owned(),
            Self::Builtin { name } => {
                BUILTIN.iter().find(|b| b.name == name).map_or_else(|| name.clone(), |b| b.label.to_owned())
            }
            Self::File { path, .. } => file_name(path),
        }
    }

    /// Reads or generates the table.
    ///
    /// # Errors
    /// Whatever is wrong with the file, or with the generator's settings.
    pub fn load(&self) -> Result<Loaded, DataError> {
        self.load_as(&Reading::default())
    }

    /// The same within the limits of `reading`, which reports progress and can be cancelled.
    ///
    /// # Errors
    /// Whatever is wrong with the file, or with the generator's settings.
    pub fn load_as(&self, reading: &Reading) -> Result<Loaded, DataError> {
        match self {
            Self::Generator(generator) => {
                Ok(Loaded { table: generator.table()?, detected: None, sha256: String::new() })
            }
            Self::Drawing(drawing) => Ok(Loaded { table: drawing.table()?, detected: None, sha256: String::new() }),
            Self::Builtin { name } => {
                let found = BUILTIN.iter().find(|b| b.name == name);
                let set = found
                    .ok_or_else(|| DataError::UnknownBuiltin { name: name.clone(), known: super::builtin::names() })?;
                let table = match set.content {
                    Content::Csv(text) => read_bytes(set.label, text.as_bytes(), &ReadOptions::default())?.0,
                    Content::Glyphs => super::glyphs::table(),
                };
                Ok(Loaded { table, detected: None, sha256: String::new() })
            }
            Self::File { path, options, sha256 } => {
                // A preview needs no hash.
                let hash = || if reading.rows.is_some() { Ok(String::new()) } else { hash_of(path) };
                let (read, hash) = rayon::join(|| read_file(path, options, reading), hash);
                let hash = hash.or_else(|e| if read.is_err() { Ok(String::new()) } else { Err(e) })?;
                if !sha256.is_empty() && !hash.is_empty() && *sha256 != hash {
                    return Err(DataError::Changed { path: path.display().to_string() });
                }
                let (table, detected) = read?;
                Ok(Loaded { table, detected: Some(detected), sha256: hash })
            }
        }
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned())
}
