//! Initial values of parameters. Fan-in and fan-out are the number of inputs and outputs of a unit.

use super::real::Real;
use chainrule_common::seed::Stream;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a weight matrix is filled before training.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Initialiser {
    Zeros {},
    Constant {
        value: f32,
    },
    Uniform {
        low: f32,
        high: f32,
    },
    Normal {
        std: f32,
    },
    /// U(±√(6 / (fan_in + fan_out))) (Glorot & Bengio 2010)
    #[default]
    XavierUniform,
    /// N(0, 2 / (fan_in + fan_out)) (Glorot & Bengio 2010)
    XavierNormal,
    /// U(±√(6 / fan_in)) (He et al. 2015)
    HeUniform,
    /// N(0, 2 / fan_in) (He et al. 2015)
    HeNormal,
    /// N(0, 1 / fan_in) (LeCun et al. 1998)
    LecunNormal,
}

impl Initialiser {
    pub const ALL: [Self; 9] = [
        Self::Zeros {},
        Self::Constant { value: 0.1 },
        Self::Uniform { low: -0.5, high: 0.5 },
        Self::Normal { std: 0.1 },
        Self::XavierUniform,
        Self::XavierNormal,
        Self::HeUniform,
        Self::HeNormal,
        Self::LecunNormal,
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::Zeros {} => "zeros",
            Self::Constant { .. } => "constant",
            Self::Uniform { .. } => "uniform",
            Self::Normal { .. } => "normal",
            Self::XavierUniform => "Xavier uniform",
            Self::XavierNormal => "Xavier normal",
            Self::HeUniform => "He uniform",
            Self::HeNormal => "He normal",
            Self::LecunNormal => "LeCun normal",
        }
    }

    /// What is wrong with its constants, if anything.
    pub fn invalid(self) -> Option<String> {
        match self {
            Self::Constant { value } if !value.is_finite() => {
                Some(format!("the initial value must be a number, but is {value}"))
            }
            Self::Uniform { low, high } if !(low.is_finite() && high.is_finite()) => {
                Some(format!("the lowest and the highest initial weight must be numbers, but are {low} and {high}"))
            }
            Self::Uniform { low, high } if low > high => {
                Some(format!("the lowest initial weight, {low}, is above the highest, {high}"))
            }
            Self::Normal { std } if !(std.is_finite() && std >= 0.0) => {
                Some(format!("the deviation of the initial weights must be a number of at least 0, but is {std}"))
            }
            _ => None,
        }
    }

    /// Fills `values` from `stream`.
    pub fn fill<T: Real>(self, values: &mut [T], fan_in: usize, fan_out: usize, stream: &mut Stream) {
        let (fan_in, fan_both) = (fan_in.max(1) as f64, (fan_in + fan_out).max(1) as f64);
        let mut draw: Box<dyn FnMut() -> f64> = match self {
            Self::Zeros {} => Box::new(|| 0.0),
            Self::Constant { value } => Box::new(move || f64::from(value)),
            Self::Uniform { low, high } => Box::new(move || stream.between(f64::from(low), f64::from(high))),
            Self::Normal { std } => normal(stream, f64::from(std)),
            Self::XavierUniform => uniform(stream, (6.0 / fan_both).sqrt()),
            Self::XavierNormal => normal(stream, (2.0 / fan_both).sqrt()),
            Self::HeUniform => uniform(stream, (6.0 / fan_in).sqrt()),
            Self::HeNormal => normal(stream, (2.0 / fan_in).sqrt()),
            Self::LecunNormal => normal(stream, (1.0 / fan_in).sqrt()),
        };
        for v in values {
            *v = T::from_f64(draw());
        }
    }
}

fn uniform(stream: &mut Stream, limit: f64) -> Box<dyn FnMut() -> f64 + '_> {
    Box::new(move || stream.between(-limit, limit))
}

fn normal(stream: &mut Stream, std: f64) -> Box<dyn FnMut() -> f64 + '_> {
    Box::new(move || std * stream.normal())
}

#[cfg(test)]
mod tests {
    use super::Initialiser;
    use chainrule_common::seed::{Purpose, Stream};

    #[test]
    fn each_initialiser_has_the_variance_of_its_formula() {
        let (fan_in, fan_out) = (200.0, 100.0);
        for (init, variance) in [
            (Initialiser::Zeros {}, 0.0),
            (Initialiser::Uniform { low: -0.3, high: 0.3 }, 0.03),
            (Initialiser::Normal { std: 0.2 }, 0.04),
            (Initialiser::XavierUniform, 2.0 / (fan_in + fan_out)),
            (Initialiser::XavierNormal, 2.0 / (fan_in + fan_out)),
            (Initialiser::HeUniform, 2.0 / fan_in),
            (Initialiser::HeNormal, 2.0 / fan_in),
            (Initialiser::LecunNormal, 1.0 / fan_in),
        ] {
            let mut values = vec![0.0_f64; 20_000];
            init.fill(&mut values, 200, 100, &mut Stream::new(1, Purpose::Init, 0));
            let got = values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64;
            assert!((got - variance).abs() <= 0.04 * variance, "{}: {got} against {variance}", init.label());
        }
    }
}
