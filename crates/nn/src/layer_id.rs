//! The number that names a layer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Names a layer for as long as it lives, through edits, saves and undo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema, Default)]
#[serde(transparent)]
pub struct LayerId(pub u32);
