//! Pictures that explain an operation, as numbers to be drawn: the window of a convolution, the curve of an activation, the
//! gates of a recurrent cell. The screen draws them without knowing where they come from.

use super::activation::Activation;

/// The largest window that is drawn, in cells.
pub const MOST_CELLS: usize = 49;

/// What is drawn beside a formula.
#[derive(Clone, Debug, PartialEq)]
pub enum Picture {
    /// Squares of cells side by side.
    Grids { name: &'static str, grids: Vec<Grid>, note: String },
    /// f over z, with the point of this unit and the slope there.
    Curve { function: Activation, z: f64, a: f64 },
    /// Values step by step, a row for each name.
    Steps {
        name: String,
        rows: Vec<(&'static str, Vec<f32>)>,
        /// Whether they are gradients, which are compared with each other; else values, which are compared with 1.
        gradients: bool,
    },
    /// A square of so many rows and columns with one row framed.
    Square {
        name: &'static str,
        side: usize,
        /// By rows.
        values: Vec<f32>,
        /// What is drawn in full colour.
        strongest: f32,
        framed: usize,
        /// Whether they are gradients: then the strongest is named, and the cells' numbers are not.
        gradients: bool,
        /// Beside it, one below the other.
        notes: Vec<String>,
    },
    /// Points on two lines, one below the other, with the one of this unit ringed.
    Lines { name: &'static str, lines: Vec<PointLine> },
}

/// Numbers in a square of cells.
#[derive(Clone, Debug, PartialEq)]
pub struct Grid {
    pub title: &'static str,
    pub values: Vec<f32>,
    pub across: usize,
    /// The cell that is framed.
    pub framed: Option<usize>,
}

/// Values on a line around zero.
#[derive(Clone, Debug, PartialEq)]
pub struct PointLine {
    pub title: &'static str,
    pub values: Vec<f32>,
    /// The one that is ringed.
    pub own: f32,
}
