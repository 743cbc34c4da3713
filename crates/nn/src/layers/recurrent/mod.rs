//! Recurrent layers: the settings, the cells step by step, and how they explain themselves.

mod operation;
mod spec;
mod telling;

pub use operation::Cell;
pub(super) use operation::{RecurrentPlan, TensorName, joined};
pub use spec::RecurrentSpec;
