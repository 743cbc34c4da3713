//! Chainrule: build neural networks, train them with backpropagation, and see how it works number by number.
//!
//! The modules stand in one order, lowest first — [`seed`], [`mod@format`], [`time_left`], [`nn`], [`data`], [`train`], [`explain`],
//! [`project`], [`learn`], [`cli`], [`app`] — and each uses only those before it. The first five are crates of their own, so that
//! a change above them does not build them anew.

#[cfg(feature = "gui")]
pub mod app;
pub mod cli;
pub mod explain;
pub mod learn;
pub mod project;
pub mod train;

pub use chainrule_common::{format, seed, time_left};
pub use chainrule_data as data;
pub use chainrule_nn as nn;
