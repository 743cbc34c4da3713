//! Numbers with a word for how large they are: 1.2k, 3M, 1.5 bn, $2.5M, 3 Mio. €.

use super::numbers::{SYMBOLS, number};

const THOUSANDS: [&str; 6] = ["k", "K", "Tsd", "Tsd.", "thousand", "Thousand"];
const MILLIONS: [&str; 12] = ["M", "m", "mn", "Mn", "MM", "mio", "Mio", "Mio.", "mln", "mln.", "million", "Million"];
const BILLIONS: [&str; 9] = ["B", "b", "bn", "Bn", "Mrd", "Mrd.", "mrd", "billion", "Billion"];

/// How many, and in words.
pub(crate) fn factor(word: &str) -> Option<(f64, &'static str)> {
    match word {
        word if THOUSANDS.contains(&word) => Some((1e3, "thousands")),
        word if MILLIONS.contains(&word) => Some((1e6, "millions")),
        word if BILLIONS.contains(&word) => Some((1e9, "billions")),
        _ => None,
    }
}

/// What follows the last digit, apart from a currency behind it.
fn word_of(cell: &str) -> Option<(usize, &str)> {
    let cell = cell.trim_end_matches(|c: char| SYMBOLS.contains(&c) || c.is_whitespace());
    let end = cell.rfind(|c: char| c.is_ascii_digit())? + 1;
    let word = cell[end..].trim();
    (!word.is_empty()).then_some((end, word))
}

/// Whether a cell is a number with such a word behind it, whatever its decimal sign, that is neither metres nor part of a name.
pub(crate) fn is_magnitude(cell: &str) -> bool {
    let word = word_of(cell).map(|(_, word)| word).filter(|word| factor(word).is_some());
    let clear = |word: &str| word != "m" && (!word.eq_ignore_ascii_case("b") || cell.contains(['.', ',']));
    word.is_some_and(clear) && ['.', ','].into_iter().any(|decimal| with_magnitude(cell, decimal).is_some())
}

/// The number of a cell that has such a word behind it, and the word.
pub(crate) fn with_magnitude(cell: &str, decimal: char) -> Option<(f64, &str)> {
    let (end, word) = word_of(cell)?;
    let (factor, _) = factor(word)?;
    let (value, _) = number(&cell[..end], decimal)?;
    // Times ten to some power, so that 1.1k is 1100.
    Some((rounded(value * factor), word))
}

/// Without the error of a product with a decimal.
fn rounded(value: f64) -> f64 {
    format!("{value:.15e}").parse::<f64>().map_or(value, |short| {
        let shorter = format!("{short:.14e}").parse().unwrap_or(short);
        if ((shorter - value) / value).abs() < 4.0 * f64::EPSILON { shorter } else { value }
    })
}

/// Whether a cell has a currency.
pub(crate) fn has_currency(cell: &str) -> bool {
    cell.contains(SYMBOLS)
}

/// Whether such words mean how large numbers are in a column of these cells, and not a unit: they differ, or stand beside numbers
/// without one, or can hardly be a unit.
pub(super) fn are_meant<'a>(cells: impl Iterator<Item = &'a str> + Clone, decimal: char) -> bool {
    if !cells.clone().any(|cell| word_of(cell).is_some_and(|(_, word)| factor(word).is_some())) {
        return false;
    }
    let (mut plain, mut decimals, mut others) = (0_usize, false, 0_usize);
    let (mut with, mut factors, mut words) = (0_usize, Vec::new(), Vec::new());
    let mut currency = false;
    for cell in cells {
        match (with_magnitude(cell, decimal), number(cell, decimal)) {
            (Some((_, word)), _) => {
                with += 1;
                decimals |= cell.contains(decimal);
                currency |= has_currency(cell);
                if let Some((factor, _)) = factor(word).filter(|(f, _)| !factors.contains(f)) {
                    factors.push(factor);
                }
                if !words.contains(&word) {
                    words.push(word);
                }
            }
            (None, Some((_, marks))) if marks.unit.is_none() || has_currency(cell) => plain += 1,
            _ => others += 1,
        }
    }
    let clear = |word: &&str| match *word {
        "K" => plain > 0,
        "m" => false,
        // A letter behind the number of a house.
        "B" | "b" => decimals,
        _ => true,
    };
    with > 0 && others * 10 <= with + plain && (currency || factors.len() > 1 || words.iter().all(clear))
}

#[cfg(test)]
mod tests {
    use super::{are_meant, with_magnitude};

    #[test]
    fn words_behind_numbers_say_how_large_they_are() {
        for (cell, wanted) in [
            ("1.2k", Some(1200.0)),
            ("3M", Some(3e6)),
            ("1.1 bn", Some(1.1e9)),
            ("$2.5M", Some(2.5e6)),
            ("€565K", Some(565e3)),
            ("2.3 Mio. €", Some(2.3e6)),
            ("-4k", Some(-4000.0)),
            ("1.15k", Some(1150.0)),
            ("12", None),
            ("k", None),
            ("12kg", None),
            ("3rd", None),
        ] {
            assert_eq!(with_magnitude(cell, '.').map(|(v, _)| v), wanted, "{cell}");
        }
    }

    #[test]
    fn units_are_no_magnitudes() {
        let meant = |cells: &[&str]| are_meant(cells.iter().copied(), '.');
        assert!(
            meant(&["1.2k", "3M", "500"]) && meant(&["5k", "10k"]) && meant(&["3M", "4M"]) && meant(&["$3m", "$4"])
        );
        assert!(meant(&["1.5B", "2B"]) && meant(&["900", "12K"]) && meant(&["1 million", "2 million"]));
        assert!(!meant(&["5m", "10m"]) && !meant(&["290K", "300K"]) && !meant(&["12B", "3B"]) && !meant(&["12", "3"]));
        assert!(!meant(&["1k", "3 kg", "4 kg", "5 kg"]) && !meant(&["12", "14", "12B", "7", "9"]));
    }
}
