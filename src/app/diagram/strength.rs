//! How strong a value is drawn: relative to the largest of its kind.

/// The largest finite magnitude of `values`, at least `least`.
pub fn largest(values: impl IntoIterator<Item = f32>, least: f32) -> f32 {
    values.into_iter().fold(least, |m, v| if v.is_finite() { m.max(v.abs()) } else { m })
}

/// `value` as a share of the largest; 0 where it is not finite.
pub fn relative(value: f32, largest: f32) -> f32 {
    if value.is_finite() { value / largest } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::{largest, relative};

    #[test]
    fn values_that_are_not_finite_neither_scale_nor_show() {
        let all = largest([0.5, -2.0, f32::NAN, f32::INFINITY], 1e-9);
        assert_eq!((all, relative(-1.0, all), relative(f32::NAN, all)), (2.0, -0.5, 0.0));
        assert_eq!(largest([], 1e-9), 1e-9);
    }
}
