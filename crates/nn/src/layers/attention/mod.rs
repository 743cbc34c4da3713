//! Self-attention: the settings, the heads, and how they explain themselves.

mod operation;
mod spec;
mod telling;

pub use spec::AttentionSpec;
