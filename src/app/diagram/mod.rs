//! The diagram of a network, as the canvas of Build and the scene of Explain draw it: where layers and neurons stand,
//! the curves between them, and how neurons and values look.

pub mod edges;
pub mod labels;
pub mod layout;
pub mod neurons;
pub mod strength;
