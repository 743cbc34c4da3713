//! What an operation computes on the way from its input to its output, for explanations.

/// Numbers between the input and the output of an operation.
#[derive(Clone, Debug)]
pub struct Intermediate<T> {
    pub name: &'static str,
    /// Of one sample.
    pub shape: Vec<usize>,
    /// `[numbers, samples]`
    pub values: ndarray::Array2<T>,
}

impl<T: Copy> Intermediate<T> {
    pub(super) fn new(name: &'static str, shape: &[usize], samples: usize, value: impl Fn(usize, usize) -> T) -> Self {
        let count = shape.iter().product();
        let values = ndarray::Array2::from_shape_fn((count, samples), |(number, sample)| value(number, sample));
        Self { name, shape: shape.to_vec(), values }
    }
}
