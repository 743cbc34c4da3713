//! Chainrule: build neural networks, train them with backpropagation, and see how it works number by number.
//!
//! The modules stand in one order, lowest first — [`seed`], [`mod@format`], [`nn`], [`data`], [`train`], [`explain`],
//! [`project`], [`learn`], [`cli`], [`app`] — and each uses only those before it.

#[cfg(feature = "gui")]
pub mod app;
pub mod cli;
pub mod data;
pub mod explain;
pub mod format;
pub mod learn;
pub mod nn;
pub mod project;
pub mod seed;
pub mod train;
