//! The mathematics of lessons: the part of TeX that school formulas need, read into the trees that Explain sets.

use crate::explain::Math;
use std::iter::Peekable;
use std::str::Chars;

/// Reads a formula as it stands between `$` signs.
///
/// # Errors
/// The command or bracket that cannot be read.
pub fn tex(source: &str) -> Result<Math, String> {
    let mut signs = source.chars().peekable();
    let all = row(&mut signs, None)?;
    Ok(all)
}

const SIGNS: [(&str, &str); 16] = [
    ("cdot", "·"),
    ("times", "×"),
    ("le", "≤"),
    ("ge", "≥"),
    ("ne", "≠"),
    ("approx", "≈"),
    ("leftarrow", "←"),
    ("rightarrow", "→"),
    ("infty", "∞"),
    ("pm", "±"),
    ("quad", "   "),
    ("tanh", "tanh"),
    ("ln", "ln"),
    ("exp", "exp"),
    ("max", "max"),
    ("min", "min"),
];

const LETTERS: [(&str, &str); 15] = [
    ("alpha", "α"),
    ("beta", "β"),
    ("gamma", "γ"),
    ("delta", "δ"),
    ("epsilon", "ε"),
    ("eta", "η"),
    ("theta", "θ"),
    ("lambda", "λ"),
    ("mu", "μ"),
    ("rho", "ρ"),
    ("sigma", "σ"),
    ("tau", "τ"),
    ("phi", "φ"),
    ("partial", "∂"),
    ("omega", "ω"),
];

/// What stands up to `end`, or to the end of the formula.
fn row(signs: &mut Peekable<Chars<'_>>, end: Option<char>) -> Result<Math, String> {
    let mut parts: Vec<Math> = Vec::new();
    loop {
        let Some(&next) = signs.peek() else {
            return match end {
                None => Ok(one(parts)),
                Some(end) => Err(format!("“{end}” is missing")),
            };
        };
        if Some(next) == end {
            signs.next();
            return Ok(one(parts));
        }
        match next {
            ' ' | '\n' => {
                signs.next();
            }
            '_' | '^' => {
                signs.next();
                let base = parts.pop().ok_or_else(|| format!("“{next}” stands behind nothing"))?;
                let index = Box::new(atom(signs)?);
                parts.push(match base {
                    // What a sum runs over.
                    Math::Sum(_) if next == '_' => Math::Sum(index),
                    base if next == '_' => Math::Below(Box::new(base), index),
                    base => Math::Above(Box::new(base), index),
                });
            }
            '(' => {
                signs.next();
                // A bracket stands close to the name of a function.
                match parts.last_mut() {
                    Some(Math::Text(name)) if name.ends_with(|c: char| c.is_alphabetic() || c == '′') => {
                        name.push('(');
                    }
                    _ => parts.push(Math::Text("(".to_owned())),
                }
            }
            _ => parts.push(atom(signs)?),
        }
    }
}

fn one(mut parts: Vec<Math>) -> Math {
    if parts.len() == 1 { parts.remove(0) } else { Math::Row(parts) }
}

/// A letter, a number, a sign, a command or a group.
fn atom(signs: &mut Peekable<Chars<'_>>) -> Result<Math, String> {
    let next = signs.next().ok_or("the formula ends too early")?;
    Ok(match next {
        '{' => row(signs, Some('}'))?,
        '\\' => {
            let mut name = String::new();
            while let Some(c) = signs.next_if(char::is_ascii_alphabetic) {
                name.push(c);
            }
            return command(&name, signs);
        }
        '0'..='9' => {
            let mut digits = String::from(next);
            while let Some(c) = signs.next_if(|c| c.is_ascii_digit() || *c == '.') {
                digits.push(c);
            }
            Math::Text(digits)
        }
        '-' => Math::Text("−".to_owned()),
        '\'' => Math::Text("′".to_owned()),
        c if c.is_alphabetic() => Math::Symbol(c.to_string()),
        c => Math::Text(c.to_string()),
    })
}

fn command(name: &str, signs: &mut Peekable<Chars<'_>>) -> Result<Math, String> {
    let find = |all: &[(&str, &str)]| all.iter().find(|(n, _)| *n == name).map(|(_, sign)| (*sign).to_owned());
    let mut argument = || {
        while signs.next_if(|c| *c == ' ').is_some() {}
        atom(signs).map(Box::new)
    };
    match name {
        "frac" => Ok(Math::Fraction(argument()?, argument()?)),
        "sqrt" => Ok(Math::Root(argument()?)),
        "sum" => Ok(Math::Sum(Box::new(Math::Text(String::new())))),
        _ => find(&SIGNS)
            .map(Math::Text)
            .or_else(|| find(&LETTERS).map(Math::Symbol))
            .ok_or_else(|| format!("“\\{name}” is not among the commands that are understood")),
    }
}

#[cfg(test)]
mod tests {
    use super::tex;

    #[test]
    fn formulas_are_read() {
        for (source, plain) in [
            ("w_i x_i", "w_i x_i"),
            (r"z = \sum_{i} w_i x_i + b", "z = sum over i of w_i x_i + b"),
            (r"\frac{\partial L}{\partial w_{ij}}", "∂L/∂w_i j"),
            (r"\sigma'(z) \le \frac{1}{4}", "σ ′( z ) ≤ 1/4"),
            (r"\tanh(z)", "tanh( z )"),
            ("(y - t)^2", "( y − t )^2"),
            (r"w \leftarrow w - \eta v", "w ← w − η v"),
            ("0.5", "0.5"),
        ] {
            assert_eq!(tex(source).expect(source).plain(), plain);
        }
        for bad in [r"\wobble", "{a", "_2", r"\frac{1}"] {
            assert!(tex(bad).is_err(), "{bad}");
        }
    }
}
