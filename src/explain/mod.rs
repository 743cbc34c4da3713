//! Backpropagation number by number: one recorded step, its formulas with the numbers in them, the chain of factors behind a
//! gradient, and the loss around one weight. It knows nothing of screens.
//!
//! Everything shown here was computed by the network that trains, or follows from such numbers by the formula beside them.

mod chain;
mod diagnose;
mod fix;
mod formula;
mod letters;
mod nudge;
mod one_sample;
mod steps;
mod trace;

pub use crate::nn::math::{Math, Place};
pub use chain::{Chain, Culprit, Factor, chain};
pub use diagnose::{Course, Finding, Issue, ROWS, examine};
pub use fix::Fix;
pub use formula::{Explanation, Line, explain, parameter_name};
pub use nudge::{Landscape, Proposal, Slice, proposals};
pub use one_sample::OneSample;
pub use steps::{Depth, Stop, stops};
pub use trace::{HeadTrace, Trace};
