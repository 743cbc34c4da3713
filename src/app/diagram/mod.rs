//! The diagram of a network, as the canvas of Build and the scene of Explain draw it: where layers and neurons stand,
//! and the curves between them.

pub mod edges;
pub mod layout;
