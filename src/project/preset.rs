//! The preset file: UTF-8 JSON, made to be read, edited and compared by hand.

use super::document::{DataSection, Document};
use super::pretty::layout;
use crate::data::{DataSource, Preparation, special_file};
use crate::nn::NetworkSpec;
use crate::train::{RunState, TrainConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_path_to_error::Segment;
use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Component, Path, PathBuf};

/// The version that this program writes.
pub const SCHEMA_VERSION: u32 = 1;
const FORMAT: &str = "chainrule-preset";
/// Larger files are taken for a mistake.
const SIZE_LIMIT: u64 = 4 << 30;

/// A document as a file holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Chainrule preset")]
struct File {
    format: String,
    version: u32,
    name: String,
    #[serde(default)]
    description: String,
    data: DataSection,
    network: NetworkSpec,
    #[serde(default)]
    training: TrainConfig,
    /// Steps a second while the window trains; full speed where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pace: Option<f32>,
    /// Whether saving keeps the run.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    include_run: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run: Option<RunState>,
}

fn yes() -> bool {
    true
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde asks by reference
fn is_yes(value: &bool) -> bool {
    *value
}

/// A document, and the run that was saved with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Preset {
    pub document: Document,
    pub run: Option<RunState>,
}

/// Why a preset could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum PresetError {
    #[error("{} cannot be read: {reason}.", path.display())]
    Unreadable { path: PathBuf, reason: String },
    #[error(
        "{name} is not a preset: {reason}, at line {line}, column {column}. It may be cut off or edited by mistake."
    )]
    Syntax { name: String, reason: String, line: usize, column: usize },
    #[error("{name} is JSON, but not a Chainrule preset: \"format\" should be \"chainrule-preset\".")]
    Format { name: String },
    #[error(
        "{name} has version {version}; this program reads versions up to {SCHEMA_VERSION}. Open it with a newer Chainrule."
    )]
    Newer { name: String, version: u64 },
    #[error(
        "{name} has version {version}, which there is not. This program writes version {SCHEMA_VERSION} and reads no other one."
    )]
    Version { name: String, version: String },
    #[error("{name}, at {at}: {reason}. Correct it there; `chainrule schema` prints what a preset may hold.")]
    Invalid { name: String, at: String, reason: String },
    #[error("{} cannot be saved: {reason}. Nothing was overwritten; choose another place or free some space.", path.display())]
    Unwritable { path: PathBuf, reason: String },
}

impl Preset {
    /// Reads a preset file; relative data paths are taken from its folder.
    ///
    /// # Errors
    /// What is wrong, with the place in the file.
    pub fn open(path: &Path) -> Result<Self, PresetError> {
        let unreadable = |reason: String| PresetError::Unreadable { path: path.to_owned(), reason };
        let about = std::fs::metadata(path).map_err(|e| unreadable(words(&e)))?;
        if about.is_dir() {
            return Err(unreadable("it is a folder".to_owned()));
        }
        if let Some(what) = special_file(&about) {
            let reason = format!(
                "it is {what}, not a file, and may never end; on the command line, - stands for standard input"
            );
            return Err(unreadable(reason));
        }
        if about.len() > SIZE_LIMIT {
            return Err(unreadable("it is larger than 4 GiB".to_owned()));
        }
        let bytes = std::fs::read(path).map_err(|e| unreadable(words(&e)))?;
        let name = path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
        let text = String::from_utf8(bytes).map_err(|_utf8| unreadable("it is not UTF-8 text".to_owned()))?;
        let mut preset = Self::parse(&name, &text)?;
        if let DataSource::File { path: data, .. } = &mut preset.document.data.source
            && data.is_relative()
            && let Some(folder) = path.parent()
        {
            *data = folder.join(&*data);
        }
        Ok(preset)
    }

    /// Reads a preset from text; `name` appears in messages.
    ///
    /// # Errors
    /// What is wrong, with the JSON path.
    pub fn parse(name: &str, text: &str) -> Result<Self, PresetError> {
        let name = name.to_owned();
        // Editors of Windows write a byte-order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        // The head first: a newer version may hold anything else.
        #[derive(Deserialize)]
        struct Head {
            format: Option<Value>,
            version: Option<Value>,
        }
        let syntax = |e: &serde_json::Error| PresetError::Syntax {
            name: name.clone(),
            reason: e.to_string().split(" at line").next().unwrap_or_default().to_owned(),
            line: e.line(),
            column: e.column(),
        };
        let head: Head = match serde_json::from_str(text) {
            Ok(head) => head,
            Err(e) if e.is_data() => return Err(PresetError::Format { name }),
            Err(e) => return Err(syntax(&e)),
        };
        if head.format.as_ref().and_then(Value::as_str) != Some(FORMAT) {
            return Err(PresetError::Format { name });
        }
        match head.version.as_ref().map(|v| v.as_u64().ok_or(v)) {
            Some(Ok(version)) if version > u64::from(SCHEMA_VERSION) => {
                return Err(PresetError::Newer { name, version });
            }
            Some(Ok(0)) => return Err(PresetError::Version { name, version: "0".to_owned() }),
            Some(Err(version)) => return Err(PresetError::Version { name, version: version.to_string() }),
            _ => {}
        }
        let reader = &mut serde_json::Deserializer::from_str(text);
        let file: File = serde_path_to_error::deserialize(reader).map_err(|e| {
            let at = e.path().to_string();
            let reason = in_words(text, &e);
            PresetError::Invalid { name: name.clone(), at: if at == "." { "the top".to_owned() } else { at }, reason }
        })?;
        file.check().map_err(|(at, reason)| PresetError::Invalid { name, at, reason })?;
        let File { name, description, data, network, training, pace, include_run, run, .. } = file;
        Ok(Self { document: Document { name, description, data, network, training, pace, include_run }, run })
    }

    /// The text of the file; a data file below `folder`, which is a whole path, is named relative to it, any other by its whole path.
    pub fn to_text(&self, folder: Option<&Path>) -> String {
        let mut preset = self.clone();
        let source = &mut preset.document.data.source;
        if folder.is_some() {
            source.name_whole();
        }
        if let (DataSource::File { path, .. }, Some(folder)) = (source, folder) {
            // Links may lead to the same folder.
            let real = path.parent().and_then(|parent| Some(parent.canonicalize().ok()?.join(path.file_name()?)));
            let below = |path: &Path| path.strip_prefix(folder).ok().map(Path::to_owned);
            if let Some(below) = below(path).or_else(|| below(real.as_deref()?)) {
                *path = below;
            }
        }
        layout(&preset.into_line())
    }

    /// The same on one line, with the data file as it is named now.
    ///
    /// # Panics
    /// Never: a preset has only string keys and plain values.
    pub fn into_line(self) -> String {
        let Self { document, run } = self;
        let Document { name, description, data, network, training, pace, include_run } = document;
        let (format, version) = (FORMAT.to_owned(), SCHEMA_VERSION);
        let file = File { format, version, name, description, data, network, training, pace, include_run, run };
        serde_json::to_string(&file).expect("a preset has only string keys and plain values")
    }

    /// Writes the file as a whole or not at all: a temporary file beside it, then a rename.
    ///
    /// # Errors
    /// Why it could not be written; an older file of that name is then as it was.
    pub fn save(&self, path: &Path) -> Result<(), PresetError> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let text = self.to_text(folder.canonicalize().ok().as_deref().or(Some(folder)));
        write_atomically(path, folder, text.as_bytes())
            .map_err(|e| PresetError::Unwritable { path: path.to_owned(), reason: words(&e) })
    }
}

/// A data path that leads out of the preset's own folder, so that a person should agree before it is read.
pub fn leads_outside(path: &Path) -> bool {
    path.is_absolute() || path.components().any(|c| c == Component::ParentDir)
}

/// Writes a file as a whole or not at all, also when the power goes: the contents first, then the name.
fn write_atomically(path: &Path, folder: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if path.is_dir() {
        return Err(std::io::Error::other("there is a folder of that name"));
    }
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    // A temporary file is readable by its owner only; keep what the older file had, else the usual rights.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let rights =
            std::fs::metadata(path).map_or_else(|_| std::fs::Permissions::from_mode(0o644), |m| m.permissions());
        file.as_file().set_permissions(rights)?;
    }
    file.persist(path).map_err(|e| e.error)?;
    // The new name is safe once the folder is; some systems cannot do that for folders, and the file is written all the same.
    #[cfg(unix)]
    if let Ok(folder) = std::fs::File::open(folder) {
        folder.sync_all().ok();
    }
    Ok(())
}

/// Replaces a file as a whole, or leaves it as it was.
///
/// # Errors
/// Why it cannot be written, with its name.
pub fn replace_file(path: &Path, bytes: &[u8]) -> Result<(), String> {
    let folder = path.parent().unwrap_or(Path::new("."));
    write_atomically(path, folder, bytes).map_err(|e| format!("{}: {}", path.display(), words(&e)))
}

/// An error of the system in words.
pub(super) fn words(e: &std::io::Error) -> String {
    match e.kind() {
        std::io::ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::StorageFull => "the disk is full".to_owned(),
        std::io::ErrorKind::ReadOnlyFilesystem => "the disk is read-only".to_owned(),
        _ => e.to_string(),
    }
}

impl File {
    /// What serde cannot say: names that must be unique, wires that must lead somewhere.
    fn check(&self) -> Result<(), (String, String)> {
        if let Some((list, reason)) = self.network.too_large() {
            return Err((format!("network.{list}"), format!("the network {reason}")));
        }
        let mut known = BTreeSet::new();
        for (i, layer) in self.network.layers.iter().enumerate() {
            if !known.insert(layer.id) {
                return Err((format!("network.layers[{i}].id"), format!("the number {} is used twice", layer.id.0)));
            }
        }
        for (i, wire) in self.network.wires.iter().enumerate() {
            for (end, id) in [("from", wire.from), ("to", wire.to)] {
                if !known.contains(&id) {
                    return Err((format!("network.wires[{i}].{end}"), format!("there is no layer {}", id.0)));
                }
            }
        }
        if self.pace.is_some_and(|p| !(p.is_finite() && p > 0.0)) {
            return Err(("pace".to_owned(), "it is no positive number of steps a second".to_owned()));
        }
        if let Some((at, reason)) = self.data.preparation.as_ref().and_then(Preparation::wrong_setting) {
            return Err((format!("data.preparation.{at}"), reason));
        }
        if let DataSource::Generator(generator) = &self.data.source
            && let Some((setting, reason)) = generator.wrong_setting()
        {
            return Err((format!("data.source.generator.{setting}"), reason));
        }
        match self.training.wrong_setting() {
            Some((setting, reason)) => Err((format!("training.{setting}"), reason.trim_end_matches('.').to_owned())),
            None => Ok(()),
        }
    }
}

/// Why something cannot be read. Where a number is too large, or one of several names was expected, serde does not say which.
fn in_words(text: &str, e: &serde_path_to_error::Error<serde_json::Error>) -> String {
    let plain = |e: &serde_json::Error| e.to_string().split(" at line").next().unwrap_or_default().to_owned();
    let reason = plain(e.inner());
    let too_large = reason == "number out of range";
    if !too_large && reason != "expected value" {
        return reason;
    }
    let Ok(mut whole) = serde_json::from_str::<Value>(text) else { return reason };
    let mut place = Some(&mut whole);
    for segment in e.path() {
        place = match segment {
            Segment::Seq { index } => place.and_then(|value| value.get_mut(index)),
            Segment::Map { key } => place.and_then(|value| value.get_mut(key)),
            Segment::Enum { variant } => place.and_then(|value| value.get_mut(variant)),
            Segment::Unknown => None,
        };
    }
    let Some(place) = place else { return reason };
    if too_large {
        return format!("{place} is too large a number: single precision holds 3.4e38 at most");
    }
    let found = match &*place {
        Value::Object(keys) if keys.is_empty() => "an empty object names nothing".to_owned(),
        Value::Object(keys) => {
            let keys: Vec<&str> = keys.keys().map(String::as_str).collect();
            format!("an object of one key was expected, but it has {}", keys.join(", "))
        }
        other => format!("{other} names nothing"),
    };
    // A name that does not exist brings up the list of those that do.
    *place = serde_json::json!({"?": null});
    let names = serde_json::from_value::<File>(whole).err().map(|e| plain(&e));
    match names.as_deref().and_then(|names| names.split_once("expected ")) {
        Some((_, names)) => format!("{found}; expected {names}"),
        None => found,
    }
}

/// The JSON Schema of a preset.
pub fn schema() -> String {
    let schema = schemars::schema_for!(File);
    serde_json::to_string_pretty(&schema).expect("a schema is plain JSON")
}
