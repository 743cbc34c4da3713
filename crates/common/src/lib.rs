//! What every part uses: streams of random numbers from one seed, numbers for people, and how long work still takes.

pub mod format;
pub mod seed;
pub mod time_left;
