//! Formulas as trees: the screen sets them, readers hear them as plain text.

use super::activation::Activation;
use super::layer_id::LayerId;
use chainrule_common::format;

/// What a number on screen is the value of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// What a layer's unit puts out.
    Activation {
        layer: LayerId,
        unit: usize,
    },
    /// Its weighted sum.
    Sum {
        layer: LayerId,
        unit: usize,
    },
    /// ∂L/∂a of a unit.
    ActivationGradient {
        layer: LayerId,
        unit: usize,
    },
    /// ∂L/∂z of a unit.
    SumGradient {
        layer: LayerId,
        unit: usize,
    },
    /// A parameter, by its place in the flat vector.
    Parameter {
        layer: LayerId,
        index: usize,
    },
    /// The same after the update.
    Updated {
        layer: LayerId,
        index: usize,
    },
    /// Its gradient.
    ParameterGradient {
        layer: LayerId,
        index: usize,
    },
    Loss,
    /// The result of an earlier line of the same explanation, by its number.
    Line(usize),
}

impl Place {
    /// The layer that it belongs to.
    pub fn layer(self) -> Option<LayerId> {
        match self {
            Self::Activation { layer, .. }
            | Self::Sum { layer, .. }
            | Self::ActivationGradient { layer, .. }
            | Self::SumGradient { layer, .. }
            | Self::Parameter { layer, .. }
            | Self::Updated { layer, .. }
            | Self::ParameterGradient { layer, .. } => Some(layer),
            Self::Loss | Self::Line(_) => None,
        }
    }

    /// The unit that it belongs to.
    pub fn unit(self) -> Option<usize> {
        match self {
            Self::Activation { unit, .. }
            | Self::Sum { unit, .. }
            | Self::ActivationGradient { unit, .. }
            | Self::SumGradient { unit, .. } => Some(unit),
            _ => None,
        }
    }
}

/// A piece of a formula.
#[derive(Clone, Debug, PartialEq)]
pub enum Math {
    /// Letters in italics: variables.
    Symbol(String),
    /// Signs and words, upright.
    Text(String),
    Number {
        value: f64,
        place: Option<Place>,
    },
    Row(Vec<Math>),
    Fraction(Box<Math>, Box<Math>),
    Below(Box<Math>, Box<Math>),
    Above(Box<Math>, Box<Math>),
    /// A large Σ with what it runs over.
    Sum(Box<Math>),
    Root(Box<Math>),
}

impl Math {
    /// Says of each number of this value that has no place that it is the one at `place`.
    pub fn mark(&mut self, value: f64, place: Place) {
        match self {
            Self::Number { value: own, place: known @ None } if own.to_bits() == value.to_bits() => {
                *known = Some(place);
            }
            Self::Symbol(_) | Self::Text(_) | Self::Number { .. } => {}
            Self::Row(parts) => parts.iter_mut().for_each(|part| part.mark(value, place)),
            Self::Fraction(a, b) | Self::Below(a, b) | Self::Above(a, b) => {
                a.mark(value, place);
                b.mark(value, place);
            }
            Self::Sum(of) | Self::Root(of) => of.mark(value, place),
        }
    }
}

pub fn symbol(text: impl Into<String>) -> Math {
    Math::Symbol(text.into())
}

pub fn text(text: impl Into<String>) -> Math {
    Math::Text(text.into())
}

pub fn number(value: f64, place: impl Into<Option<Place>>) -> Math {
    Math::Number { value, place: place.into() }
}

pub fn row(parts: impl IntoIterator<Item = Math>) -> Math {
    Math::Row(parts.into_iter().collect())
}

pub fn fraction(over: Math, under: Math) -> Math {
    Math::Fraction(Box::new(over), Box::new(under))
}

/// A letter with an index.
pub fn indexed(letter: &str, index: impl Into<String>) -> Math {
    Math::Below(Box::new(symbol(letter)), Box::new(text(index)))
}

pub fn power(base: Math, exponent: &str) -> Math {
    Math::Above(Box::new(base), Box::new(text(exponent)))
}

/// ∂ of one thing over ∂ of another.
pub fn partial(of: Math, by: Math) -> Math {
    fraction(row([symbol("∂"), of]), row([symbol("∂"), by]))
}

/// Products of a sum that are written out; the others are added up.
const TERMS: usize = 3;

/// A number after a sign: negative ones stand in brackets.
pub fn factor(value: f64, place: impl Into<Option<Place>>) -> Math {
    let number = number(value, place);
    if value < 0.0 { row([text("("), number, text(")")]) } else { number }
}

/// The largest terms of a sum, and the others added up.
pub fn sum_of(terms: &mut [(f64, Math)]) -> Vec<Math> {
    terms.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()));
    // One more is no longer than the words about it.
    let written_out = if terms.len() <= TERMS + 1 { terms.len() } else { TERMS };
    let mut parts = joined(terms[..written_out].iter().map(|t| t.1.clone()), "+");
    if written_out < terms.len() {
        let rest: f64 = terms[written_out..].iter().map(|t| t.0).sum();
        parts.extend([text("+"), factor(rest, None), text(format!("({} more)", terms.len() - written_out))]);
    }
    parts
}

/// Parts with a sign between them.
pub fn joined(parts: impl IntoIterator<Item = Math>, sign: &str) -> Vec<Math> {
    let mut all = Vec::new();
    for part in parts {
        if !all.is_empty() {
            all.push(text(sign));
        }
        all.push(part);
    }
    all
}

pub fn sum_over(what: &str) -> Math {
    Math::Sum(Box::new(symbol(what)))
}

/// The number of a unit, from 1, as an index.
pub fn subscript(unit: usize) -> String {
    (unit + 1).to_string()
}

/// f(z) as it is written.
pub fn called(f: Activation, z: Math) -> Math {
    match f {
        Activation::Identity => z,
        Activation::Relu => row([text("max(0,"), z, text(")")]),
        Activation::Sigmoid => row([symbol("σ"), text("("), z, text(")")]),
        other => row([text(other.label().to_lowercase()), text("("), z, text(")")]),
    }
}

impl Math {
    /// One line of text, as a screen reader says it.
    pub fn plain(&self) -> String {
        match self {
            Self::Symbol(text) | Self::Text(text) => text.clone(),
            Self::Number { value, .. } => format::number(*value),
            Self::Row(parts) => parts.iter().map(Self::plain).collect::<Vec<_>>().join(" "),
            Self::Fraction(over, under) => format!("{}/{}", over.tight(), under.tight()),
            Self::Below(base, index) => format!("{}_{}", base.plain(), index.plain()),
            Self::Above(base, exponent) => format!("{}^{}", base.plain(), exponent.plain()),
            Self::Sum(over) => format!("sum over {} of", over.plain()),
            Self::Root(of) => format!("root of {}", of.plain()),
        }
    }

    fn tight(&self) -> String {
        match self {
            Self::Row(parts) if parts.len() <= 2 => parts.iter().map(Self::plain).collect(),
            Self::Row(_) => format!("({})", self.plain()),
            _ => self.plain(),
        }
    }
}
