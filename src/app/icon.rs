//! Names for the glyphs of the icon font.

pub const UNDO: &str = "\u{e08a}";
pub const REDO: &str = "\u{e08c}";
pub const SUN: &str = "\u{e472}";
pub const MOON: &str = "\u{e330}";
pub const FULLSCREEN: &str = "\u{e1d0}";
pub const REWIND: &str = "\u{e5a4}";
pub const STEP: &str = "\u{e5a6}";
pub const PLAY: &str = "\u{e3d0}";
pub const PAUSE: &str = "\u{e39e}";
pub const PLUS: &str = "\u{e3d4}";
pub const MINUS: &str = "\u{e32a}";
pub const SEARCH: &str = "\u{e30c}";
pub const WARNING: &str = "\u{e4e2}";
pub const OK: &str = "\u{e184}";
pub const INFO: &str = "\u{e2ce}";
pub const FOLDER: &str = "\u{e256}";
pub const DICE: &str = "\u{e1ee}";
pub const CLOSE: &str = "\u{e4f6}";
pub const FIT: &str = "\u{e626}";
pub const FIX: &str = "\u{e5d4}";
pub const MENU: &str = "\u{e2f0}";
pub const BACK: &str = "\u{e138}";
pub const FORTH: &str = "\u{e13a}";
