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
mod defaults;
mod definition;
mod fix;
mod init;
mod intermediate;
mod kernels;
mod layer_id;
pub mod layers;
pub mod losses;
mod lowering;
pub mod math;
mod network;
mod operation;
mod optimizer;
mod parameter;
pub mod picture;
mod products;
mod reading;
mod real;
mod sample_shape;
pub mod settings;
mod shape;
mod spec;
mod task;

pub use activation::Activation;
pub use compile::{Head, Plan, compile};
pub use fix::NetworkFix;
pub use init::Initialiser;
pub use intermediate::Intermediate;
pub use kernels::update::{add, scale};
pub use kernels::{LANES, padded};
pub use layer_id::LayerId;
pub use layers::LayerKind;
pub use losses::{Link, Loss, Predicts, Weighing};
pub use lowering::Node;
pub use network::Network;
pub use operation::{Explained, OperationPlan};
pub use optimizer::{Optimizer, OptimizerState, UpdateRule};
pub use parameter::{Parameter, ParameterShape, Role};
pub use products::Product;
pub use reading::{Line, Local, Reading, Recorded, Told};
pub use real::Real;
pub use sample_shape::volume;
pub use shape::{Demand, Inference, JudgedOutput, MEMORY_LIMIT, Problem, infer};
pub use spec::{LayerSpec, MOST_LAYERS, MOST_WIRES, NetworkSpec, Wire};
pub use task::{Content, Encoding, FeatureColumn, HeadTarget, Target, TargetGroup, Task};
