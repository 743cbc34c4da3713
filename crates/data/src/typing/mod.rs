//! What the cells of a column mean: numbers, dates, booleans or text, in whatever notation, and which cells are gaps.

pub(crate) mod dates;
pub(crate) mod judge;
pub(crate) mod kinds;
pub(crate) mod numbers;
pub(crate) mod odd;
mod survey;
pub(crate) mod words;
