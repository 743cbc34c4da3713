//! Activation functions a = f(z) and their derivatives f′(z).

use super::real::Real;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The function of a layer's weighted sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// a = z
    Identity,
    /// a = max(0, z)
    Relu,
    /// a = z for z > 0, else 0.01 z
    LeakyRelu,
    /// a = z for z > 0, else eᶻ − 1
    Elu,
    /// a = z Φ(z), with the exact normal distribution function
    Gelu,
    /// a = z σ(z)
    Silu,
    /// a = 1 / (1 + e⁻ᶻ)
    Sigmoid,
    /// a = tanh z
    #[default]
    Tanh,
    /// a = ln(1 + eᶻ)
    Softplus,
    /// a = λ z for z > 0, else λ α (eᶻ − 1) (Klambauer et al. 2017)
    Selu,
    /// a = z tanh(ln(1 + eᶻ)) (Misra 2019)
    Mish,
    /// a = z / (1 + |z|)
    Softsign,
    /// a = (z + 3) / 6, kept between 0 and 1
    HardSigmoid,
    /// a = z, kept between −1 and 1
    HardTanh,
    /// a = sin z
    Sine,
    /// aᵢ = eᶻⁱ / Σⱼ eᶻʲ over the units of one sample
    Softmax,
}

const LEAK: f64 = 0.01;
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;
const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;

impl Activation {
    pub const ALL: [Self; 16] = [
        Self::Identity,
        Self::Relu,
        Self::LeakyRelu,
        Self::Elu,
        Self::Gelu,
        Self::Silu,
        Self::Sigmoid,
        Self::Tanh,
        Self::Softplus,
        Self::Selu,
        Self::Mish,
        Self::Softsign,
        Self::HardSigmoid,
        Self::HardTanh,
        Self::Sine,
        Self::Softmax,
    ];

    /// Name as a person writes it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Relu => "ReLU",
            Self::LeakyRelu => "leaky ReLU",
            Self::Elu => "ELU",
            Self::Gelu => "GELU",
            Self::Silu => "SiLU",
            Self::Sigmoid => "sigmoid",
            Self::Tanh => "tanh",
            Self::Softplus => "softplus",
            Self::Selu => "SELU",
            Self::Mish => "Mish",
            Self::Softsign => "softsign",
            Self::HardSigmoid => "hard sigmoid",
            Self::HardTanh => "hard tanh",
            Self::Sine => "sine",
            Self::Softmax => "softmax",
        }
    }

    /// The formula in one line.
    pub fn formula(self) -> &'static str {
        match self {
            Self::Identity => "a = z",
            Self::Relu => "a = max(0, z)",
            Self::LeakyRelu => "a = z if z > 0, else 0.01 z",
            Self::Elu => "a = z if z > 0, else exp(z) − 1",
            Self::Gelu => "a = z Φ(z)",
            Self::Silu => "a = z σ(z)",
            Self::Sigmoid => "a = 1 / (1 + exp(−z))",
            Self::Tanh => "a = tanh(z)",
            Self::Softplus => "a = ln(1 + exp(z))",
            Self::Selu => "a = 1.05 z if z > 0, else 1.76 (exp(z) − 1)",
            Self::Mish => "a = z tanh(ln(1 + exp(z)))",
            Self::Softsign => "a = z / (1 + |z|)",
            Self::HardSigmoid => "a = (z + 3) / 6 within 0 … 1",
            Self::HardTanh => "a = z within −1 … 1",
            Self::Sine => "a = sin(z)",
            Self::Softmax => "aᵢ = exp(zᵢ) / Σ exp(z)",
        }
    }

    /// f(z) of one value; softmax, which is not elementwise, passes it on.
    pub fn at(self, z: f64) -> f64 {
        self.value::<f64, false>(z)
    }

    /// f′ at one value z with a = f(z); 1 for softmax, which is not elementwise.
    pub fn slope_at(self, z: f64, a: f64) -> f64 {
        self.slope::<f64, false>(z, a)
    }

    /// f(z) of one value; softmax is not elementwise and passes through.
    #[inline(always)]
    pub(crate) fn value<T: Real, const FMA: bool>(self, z: T) -> T {
        match self {
            Self::Identity | Self::Softmax => z,
            Self::Relu => z.larger_or_zero(),
            Self::LeakyRelu => {
                if z > T::ZERO {
                    z
                } else {
                    T::from_f64(LEAK) * z
                }
            }
            Self::Elu => {
                let below = z.exp_m1::<FMA>();
                if z > T::ZERO { z } else { below }
            }
            Self::Gelu => T::from_f64(0.5) * z * (T::from_f64(-std::f64::consts::FRAC_1_SQRT_2) * z).erfc::<FMA>(),
            Self::Silu => z * z.sigmoid::<FMA>(),
            Self::Sigmoid => z.sigmoid::<FMA>(),
            Self::Tanh => z.tanh::<FMA>(),
            Self::Softplus => z.softplus::<FMA>(),
            Self::Selu => {
                let below = T::from_f64(SELU_ALPHA) * z.exp_m1::<FMA>();
                T::from_f64(SELU_SCALE) * if z > T::ZERO { z } else { below }
            }
            Self::Mish => z * z.softplus::<FMA>().tanh::<FMA>(),
            Self::Softsign => z / (T::ONE + z.abs()),
            Self::HardSigmoid => {
                let ramp = (z + T::from_f64(3.0)) * T::from_f64(1.0 / 6.0);
                ramp.within(T::ZERO, T::ONE)
            }
            Self::HardTanh => z.within(-T::ONE, T::ONE),
            Self::Sine => z.sin(),
        }
    }

    /// f′ at one value, from z and a = f(z).
    #[inline(always)]
    pub(crate) fn slope<T: Real, const FMA: bool>(self, z: T, a: T) -> T {
        match self {
            Self::Identity | Self::Softmax => T::ONE,
            Self::Relu => {
                if z > T::ZERO {
                    T::ONE
                } else {
                    T::ZERO
                }
            }
            Self::LeakyRelu => {
                if z > T::ZERO {
                    T::ONE
                } else {
                    T::from_f64(LEAK)
                }
            }
            Self::Elu => {
                let below = a + T::ONE;
                if z > T::ZERO { T::ONE } else { below }
            }
            Self::Gelu => {
                let half = T::from_f64(0.5);
                let phi = half * (T::from_f64(-std::f64::consts::FRAC_1_SQRT_2) * z).erfc::<FMA>();
                // 1/√(2π)
                let density = T::from_f64(0.398_942_280_401_432_7) * (-half * z * z).exp::<FMA>();
                T::fma::<FMA>(z, density, phi)
            }
            Self::Silu => {
                let s = z.sigmoid::<FMA>();
                T::fma::<FMA>(a, T::ONE - s, s)
            }
            Self::Sigmoid => a * (T::ONE - a),
            Self::Tanh => T::ONE - a * a,
            Self::Softplus => z.sigmoid::<FMA>(),
            Self::Selu => {
                let scale = T::from_f64(SELU_SCALE);
                if z > T::ZERO { scale } else { a + scale * T::from_f64(SELU_ALPHA) }
            }
            Self::Mish => {
                let bend = z.softplus::<FMA>().tanh::<FMA>();
                T::fma::<FMA>(z * z.sigmoid::<FMA>(), T::ONE - bend * bend, bend)
            }
            Self::Softsign => {
                let rest = T::ONE / (T::ONE + z.abs());
                rest * rest
            }
            Self::HardSigmoid => {
                if z.abs() < T::from_f64(3.0) {
                    T::from_f64(1.0 / 6.0)
                } else {
                    T::ZERO
                }
            }
            Self::HardTanh => {
                if z.abs() < T::ONE {
                    T::ONE
                } else {
                    T::ZERO
                }
            }
            Self::Sine => z.cos(),
        }
    }
}

/// Limits that keep NaN, so that an exploded value is not hidden behind them.
trait Limits {
    /// max(0, z)
    fn larger_or_zero(self) -> Self;
    /// The value kept between two others; NaN stays NaN.
    fn within(self, low: Self, high: Self) -> Self;
}

impl<T: Real> Limits for T {
    #[inline(always)]
    fn larger_or_zero(self) -> Self {
        if self < T::ZERO { T::ZERO } else { self }
    }

    #[inline(always)]
    fn within(self, low: Self, high: Self) -> Self {
        let above = if self < low { low } else { self };
        if above > high { high } else { above }
    }
}
