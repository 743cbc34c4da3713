//! What the cells of a column mean: numbers, dates, booleans or text, in whatever notation, and which cells are gaps.

pub(crate) mod column;
pub(crate) mod dates;
mod durations;
pub(crate) mod judge;
pub(crate) mod kinds;
mod levels;
pub(crate) mod magnitudes;
pub(crate) mod numbers;
pub(crate) mod odd;
mod sentinels;
mod survey;
pub(crate) mod thousands;
mod typed;
mod unread;
pub(crate) mod words;
