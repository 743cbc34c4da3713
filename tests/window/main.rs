//! The window without a display: what a person clicks and reads, found by the names that screen readers use.
#![cfg(feature = "gui")]

mod build;
mod data;
mod explain;
mod files;
mod harness;
mod keep;
mod learn;
mod reading;
mod shell;
mod train;
