//! Where data come from, as a document remembers it.

use super::BUILTIN;
use super::error::DataError;
use super::generate::Generator;
use super::read::{Detected, ReadOptions, read_bytes, read_limited};
use super::table::Table;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// A generator, a bundled set, or a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DataSource {
    Generator(Generator),
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

/// A table and what was found out about its file.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub table: Table,
    pub detected: Option<Detected>,
    pub sha256: String,
}

impl DataSource {
    /// A file with everything detected.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::File { path: path.into(), sha256: String::new(), options: ReadOptions::default() }
    }

    /// What people call it.
    pub fn label(&self) -> String {
        match self {
            Self::Generator(generator) => generator.shape.label().to_owned(),
            Self::Builtin { name } => {
                BUILTIN.iter().find(|b| b.name == name).map_or_else(|| name.clone(), |b| b.label.to_owned())
            }
            Self::File { path, .. } => file_name(path),
        }
    }

    /// Reads or draws the table.
    ///
    /// # Errors
    /// Whatever is wrong with the file, or with the generator's settings.
    pub fn load(&self) -> Result<Loaded, DataError> {
        match self {
            Self::Generator(generator) => {
                Ok(Loaded { table: generator.table()?, detected: None, sha256: String::new() })
            }
            Self::Builtin { name } => {
                let found = BUILTIN.iter().find(|b| b.name == name);
                let set = found.ok_or_else(|| DataError::UnknownBuiltin(name.clone()))?;
                let (table, _) = read_bytes(set.label, set.csv.as_bytes(), &ReadOptions::default())?;
                Ok(Loaded { table, detected: None, sha256: String::new() })
            }
            Self::File { path, options, sha256 } => {
                let bytes = read_limited(path)?;
                let hash = content_hash(&bytes);
                if !sha256.is_empty() && *sha256 != hash {
                    return Err(DataError::Changed { path: path.display().to_string() });
                }
                let (table, detected) = read_bytes(&file_name(path), &bytes, options)?;
                Ok(Loaded { table, detected: Some(detected), sha256: hash })
            }
        }
    }
}

/// SHA-256 in hexadecimal.
pub fn content_hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned())
}
