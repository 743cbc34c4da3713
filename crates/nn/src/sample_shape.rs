//! The shape of one sample: how many numbers it holds, and what a layer needs it to be.

/// Numbers in a sample of that shape; absurd shapes come out as the largest number instead of wrapping around.
pub fn volume(shape: &[usize]) -> usize {
    shape.iter().fold(1, |n: usize, &d| n.saturating_mul(d))
}

/// Numbers in so many tensors of one shape; absurd shapes end at the largest number.
pub(super) fn numbers(tensors: u128, shape: &[usize]) -> u128 {
    shape.iter().fold(tensors, |n, &d| n.saturating_mul(d as u128))
}

/// Length of a flat sample, or why `what` cannot take the shape.
pub(super) fn flat(input: &[usize], what: &str) -> Result<usize, String> {
    match input {
        [n] => Ok(*n),
        _ => Err(format!("{what} needs one row of numbers per sample, but its input has shape {input:?}")),
    }
}

/// Channels, height and width of a sample, or why `what` cannot take the shape.
pub(super) fn image(input: &[usize], what: &str) -> Result<[usize; 3], String> {
    match *input {
        [channels, height, width] => Ok([channels, height, width]),
        _ => Err(format!("{what} needs an image [channels, height, width], but its input has shape {input:?}")),
    }
}

/// Channels, height and width of an image, or of a sequence `[channels, length]` as an image that is one row high.
pub(super) fn channels_of(input: &[usize], what: &str) -> Result<[usize; 3], String> {
    match *input {
        [channels, length] => Ok([channels, 1, length]),
        [channels, height, width] => Ok([channels, height, width]),
        _ => Err(format!(
            "{what} needs an image [channels, height, width] or a sequence [channels, length], but its input has shape {input:?}"
        )),
    }
}

/// Steps and features of a sequence, or why `what` cannot take the shape.
pub(super) fn sequence(input: &[usize], what: &str) -> Result<[usize; 2], String> {
    match *input {
        [steps, features] => Ok([steps, features]),
        _ => Err(format!("{what} needs a sequence [steps, features], but its input has shape {input:?}")),
    }
}
