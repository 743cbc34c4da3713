//! What the cells of a column mean: numbers, dates, booleans or text, in whatever notation, and which cells are gaps.

pub(crate) mod column;
pub(crate) mod dates;
pub(crate) mod judge;
pub(crate) mod kinds;
mod levels;
pub(crate) mod numbers;
pub(crate) mod odd;
mod survey;
mod typed;
pub(crate) mod words;
