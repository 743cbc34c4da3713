//! The mathematics: network spec → shape inference → compiled network, with layers, losses, optimizers and kernels.
//! It knows nothing of files, threads or screens.
//!
//! Failures are values: what a person can cause comes back as a list of [`Problem`]s; a panic here is a bug.

// The kernels are meant to be inlined into their dispatching functions, which hand on what they were given; formulas have
// one-letter names.
#![allow(clippy::inline_always, clippy::many_single_char_names, clippy::needless_pass_by_value)]

mod activation;
pub mod check;
pub mod compile;
mod init;
pub(crate) mod kernels;
pub mod layers;
mod loss;
mod mend;
mod network;
mod optimizer;
mod products;
mod real;
mod shape;
mod spec;
mod task;

pub use activation::Activation;
pub use compile::{Head, HeadTarget};
pub use compile::{Plan, compile};
pub use init::Initialiser;
pub use loss::{Link, Loss, Weighing};
pub use mend::Mend;
pub use network::Network;
pub use optimizer::{Optimizer, OptimizerState, UpdateRule};
pub use products::Product;
pub use real::Real;
pub use shape::{Encoding, Inference, JudgedOutput, MEMORY_LIMIT, Problem, bytes, infer, volume};
pub use spec::{LayerId, LayerKind, LayerSpec, NetworkSpec, Wire};
pub use task::{Content, FeatureColumn, Target, TargetGroup, Task};
