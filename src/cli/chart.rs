//! A curve drawn with characters.

use crate::format;
use std::fmt::Write as _;

const WIDTH: usize = 64;
const HEIGHT: usize = 9;
const STEPS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Columns of averaged values, on a logarithmic scale where the values span more than a factor of ten.
///
/// `first` is the epoch of the first value; one value makes no curve.
pub fn curve(title: &str, first: u64, values: &[f64]) -> String {
    let columns = columns(values);
    let (low, high) = columns.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &v| (a.min(v), b.max(v)));
    if columns.len() < 2 || !low.is_finite() || !high.is_finite() {
        return String::new();
    }
    let logarithmic = low > 0.0 && high / low > 10.0;
    let scale = |v: f64| if logarithmic { v.log10() } else { v };
    let span = (scale(high) - scale(low)).max(f64::MIN_POSITIVE);
    let eighths: Vec<usize> = columns
        .iter()
        .map(|&v| 1 + ((scale(v) - scale(low)) / span * (HEIGHT * 8 - 1) as f64).round() as usize)
        .collect();
    let mut text = format!("\n{title}{}\n", if logarithmic { " (logarithmic)" } else { "" });
    for row in (0..HEIGHT).rev() {
        let label = match row {
            0 => format::significant(low, 4),
            r if r == HEIGHT - 1 => format::significant(high, 4),
            _ => String::new(),
        };
        let cells: String = eighths.iter().map(|&e| STEPS[e.saturating_sub(row * 8).min(8)]).collect();
        writeln!(text, "{label:>10} │{cells}").expect("writing to a string cannot fail");
    }
    writeln!(
        text,
        "{:>10} └{}\n{:>12}{first:<width$}{last:>width$}\n",
        "",
        "─".repeat(eighths.len()),
        "",
        width = eighths.len() / 2,
        last = first + values.len() as u64 - 1
    )
    .expect("writing to a string cannot fail");
    text
}

/// At most as many averages as there are columns.
fn columns(values: &[f64]) -> Vec<f64> {
    let n = values.len();
    let count = n.min(WIDTH);
    (0..count)
        .map(|i| {
            let part = &values[i * n / count..((i + 1) * n / count).max(i * n / count + 1)];
            part.iter().sum::<f64>() / part.len() as f64
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::curve;

    #[test]
    fn a_falling_loss_is_drawn_as_falling_columns() {
        let values: Vec<f64> = (0..300).map(|i| (-f64::from(i) / 50.0).exp()).collect();
        let text = curve("Loss", 1, &values);
        assert!(text.contains("logarithmic"));
        let top = text.lines().nth(2).expect("has rows");
        let bottom = text.lines().nth(10).expect("has rows");
        let filled = |line: &str| line.chars().filter(|c| "▁▂▃▄▅▆▇█".contains(*c)).count();
        assert!(filled(top) < 12 && filled(bottom) == 64, "{text}");
        assert_eq!(curve("Loss", 1, &[]), "");
        assert_eq!(curve("Loss", 1, &[f64::NAN]), "");
        assert_eq!(curve("Loss", 1, &[1.0]), "", "one value is no curve");
        assert!(curve("Loss", 7, &[2.0, 1.0]).contains("78"), "the epochs stand below the columns");
    }
}
