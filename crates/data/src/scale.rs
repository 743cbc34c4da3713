//! Functions of one number that an encoder applies: scales with their curves, and their inverses.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A function of one number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Function {
    /// Replaces a missing value.
    Fill(f64),
    Linear(TargetScale),
    Clip {
        low: f64,
        high: f64,
    },
    /// xⁿ
    Raise(i32),
    Sine,
    Cosine,
}

/// Encoded value = (f(x) − offset) / scale, where f is the curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetScale {
    pub offset: f64,
    pub scale: f64,
    #[serde(default, skip_serializing_if = "ScaleCurve::is_line")]
    pub curve: ScaleCurve,
}

/// An invertible curve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScaleCurve {
    /// x
    #[default]
    Line,
    /// sign(x) · ln(1 + |x|)
    Log,
    /// The power transformation of Yeo and Johnson (2000), by its λ
    Power(f64),
}

impl ScaleCurve {
    #[allow(clippy::trivially_copy_pass_by_ref)] // as serde wants it
    fn is_line(&self) -> bool {
        *self == Self::Line
    }

    pub fn apply(self, x: f64) -> f64 {
        match self {
            Self::Line => x,
            Self::Log => x.signum() * libm::log1p(x.abs()),
            Self::Power(lambda) if x >= 0.0 => {
                if lambda == 0.0 {
                    libm::log1p(x)
                } else {
                    (libm::pow(x + 1.0, lambda) - 1.0) / lambda
                }
            }
            Self::Power(lambda) => {
                let rest = 2.0 - lambda;
                if rest == 0.0 { -libm::log1p(-x) } else { -(libm::pow(1.0 - x, rest) - 1.0) / rest }
            }
        }
    }

    /// The inverse; clamped to the range of the curve.
    pub fn invert(self, y: f64) -> f64 {
        match self {
            Self::Line => y,
            Self::Log => y.signum() * libm::expm1(y.abs()),
            Self::Power(lambda) if y >= 0.0 => {
                if lambda == 0.0 {
                    libm::expm1(y)
                } else {
                    libm::pow((lambda * y + 1.0).max(0.0), 1.0 / lambda) - 1.0
                }
            }
            Self::Power(lambda) => {
                let rest = 2.0 - lambda;
                if rest == 0.0 { -libm::expm1(-y) } else { 1.0 - libm::pow((1.0 - rest * y).max(0.0), 1.0 / rest) }
            }
        }
    }
}

impl TargetScale {
    /// The identity.
    pub const SAME: Self = Self { offset: 0.0, scale: 1.0, curve: ScaleCurve::Line };

    pub fn line(offset: f64, scale: f64) -> Self {
        Self { offset, scale, curve: ScaleCurve::Line }
    }

    /// The value in the column's units.
    pub fn decode(self, value: f64) -> f64 {
        self.curve.invert(value.mul_add(self.scale, self.offset))
    }

    pub fn encode(self, value: f64) -> f64 {
        (self.curve.apply(value) - self.offset) / self.scale
    }

    /// The value in units in which errors can be averaged: encoded for a linear scale, else the column's own. See
    /// [`Self::unit`].
    pub fn measure(self, value: f64) -> f64 {
        if self.curve == ScaleCurve::Line { value } else { self.decode(value) }
    }

    /// What a difference of 1 in [`Self::measure`] is in the column's units.
    pub fn unit(self) -> f64 {
        if self.curve == ScaleCurve::Line { self.scale } else { 1.0 }
    }
}

impl Function {
    pub fn apply(self, x: f64) -> f64 {
        match self {
            Self::Fill(value) => {
                if x.is_nan() {
                    value
                } else {
                    x
                }
            }
            Self::Linear(scale) => scale.encode(x),
            // Not `clamp`, which panics if low > high, as can be in a file.
            Self::Clip { low, high } => {
                if x < low {
                    low
                } else if x > high {
                    high
                } else {
                    x
                }
            }
            Self::Raise(n) => x.powi(n),
            Self::Sine => libm::sin(x),
            Self::Cosine => libm::cos(x),
        }
    }

    /// Applies it to every number; the usual functions without a branch per number.
    pub fn apply_to(self, values: &mut [f64]) {
        match self {
            Self::Linear(TargetScale { offset, scale, curve: ScaleCurve::Line }) => {
                for x in values {
                    *x = (*x - offset) / scale;
                }
            }
            Self::Fill(value) => {
                for x in values {
                    *x = if x.is_nan() { value } else { *x };
                }
            }
            function => {
                for x in values {
                    *x = function.apply(*x);
                }
            }
        }
    }
}

/// Applies all functions in order.
pub fn apply_all(steps: &[Function], x: f64) -> f64 {
    steps.iter().fold(x, |x, step| step.apply(x))
}

#[cfg(test)]
mod tests {
    use super::{ScaleCurve, TargetScale};
    use proptest::prelude::{Strategy as _, prop_assert, proptest};

    proptest! {
        #[test]
        fn curves_are_followed_back(x in -1e3..1e3, lambda in (-3.0..5.0_f64).prop_map(|l: f64| (l * 4.0).round() / 4.0)) {
            for curve in [ScaleCurve::Line, ScaleCurve::Log, ScaleCurve::Power(lambda)] {
                let scale = TargetScale { offset: 3.0, scale: 7.0, curve };
                let y = scale.encode(x);
                // Digits are lost where the curve is nearly flat.
                let slope = (scale.encode(x + 1e-3) - scale.encode(x - 1e-3)).abs() / 2e-3;
                if slope > 1e-3 {
                    prop_assert!((scale.decode(y) - x).abs() < 1e-6 * (1.0 + x.abs()), "{curve:?} {x}: {}", scale.decode(y));
                }
            }
        }
    }
}
