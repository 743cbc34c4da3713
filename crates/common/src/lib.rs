//! What every part uses: streams of random numbers from one seed, and numbers for people.

pub mod format;
pub mod seed;
