//! Numbers as people and programs write them: $1,234.50, 45 %, (12.00), 1.234,50 €, 1,23,456, −7, 1.5D+03, 71.5 kg, and times of
//! day as hours.

use super::dates::time_of_day;
use super::durations;
use crate::parse::trimmed_number;
use std::borrow::Cow;

pub(super) const SYMBOLS: [char; 12] = ['$', '€', '£', '¥', '₹', '₽', '₩', '₺', '₫', '₪', '฿', '¢'];
/// Codes of currencies, which stand before or after.
const CURRENCIES: [&str; 21] = [
    "usd", "eur", "gbp", "chf", "jpy", "inr", "rs", "rs.", "cny", "rmb", "kr", "sek", "nok", "dkk", "aud", "cad",
    "nzd", "brl", "r$", "zł", "pln",
];
/// Units of measure that are known as such even where they are attached to the number.
const UNITS: [&str; 87] = [
    "%", "‰", "°", "°c", "°f", "ºc", "ºf", "k", "kg", "g", "mg", "µg", "ug", "t", "lb", "lbs", "oz", "st", "km", "m",
    "cm", "mm", "µm", "nm", "mi", "ft", "in", "yd", "l", "dl", "cl", "ml", "gal", "s", "sec", "secs", "ms", "µs", "us",
    "ns", "min", "mins", "h", "hr", "hrs", "hours", "d", "days", "y", "yr", "yrs", "years", "months", "pa", "hpa",
    "kpa", "bar", "mbar", "psi", "v", "mv", "a", "ma", "w", "kw", "mw", "kwh", "mwh", "j", "kj", "cal", "kcal", "hz",
    "khz", "mhz", "ghz", "db", "ppm", "ppb", "mol", "km/h", "kmh", "m/s", "mph", "hp", "bhp", "cc",
];
const MORE_UNITS: [&str; 20] = [
    "rpm", "kmpl", "km/kg", "mpg", "kb", "mb", "gb", "tb", "px", "pt", "m²", "m2", "m³", "m3", "km²", "km2", "sqft",
    "sq ft", "ha", "lux",
];
/// Signs of a minus besides the hyphen.
const MINUS: [char; 5] = ['-', '\u{2212}', '\u{2013}', '\u{fe63}', '\u{ff0d}'];
/// Thousands separators besides the comma and the point.
const SPACES: [char; 8] = [' ', '\u{a0}', '\u{202f}', '\u{2009}', '\u{2007}', '\'', '\u{2019}', '_'];
/// Signs that take no room, and blanks, around a cell.
const AROUND: [char; 5] = ['\u{feff}', '\u{200b}', '\u{200e}', '\u{200f}', '\0'];

/// How a number is written, other than plainly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)]
pub(crate) struct Marks<'a> {
    /// A currency, a unit of measure or %, as written.
    pub unit: Option<Cow<'a, str>>,
    /// Whether the unit is a known one.
    pub known: bool,
    pub between_thousands: Option<char>,
    pub brackets: bool,
    /// A minus that is no hyphen, or stands behind.
    pub minus: bool,
    /// An exponent with D.
    pub fortran: bool,
    /// Blanks or invisible signs around it that are no plain ones.
    pub blanks: bool,
}

fn strip_around(cell: &str) -> &str {
    cell.trim_matches(|c: char| c.is_whitespace() || AROUND.contains(&c))
}

/// The number in a cell with the given decimal sign.
pub(crate) fn number(cell: &str, decimal: char) -> Option<(f64, Marks<'_>)> {
    let mut marks = Marks::default();
    let plain = cell.trim_matches(' ');
    let mut rest = strip_around(plain);
    marks.blanks = rest.len() < plain.len();
    if rest.is_empty() || rest.len() > 64 || !rest.bytes().any(|b| b.is_ascii_digit()) {
        return trimmed_number(rest.as_bytes()).map(|v| (v, marks));
    }
    // Negative numbers in accounting notation.
    let mut negative = false;
    if let Some(inner) = rest.strip_prefix('(').and_then(|r| r.strip_suffix(')')) {
        (negative, marks.brackets, rest) = (true, true, strip_around(inner));
    }
    let mut signed = marks.brackets;
    let sign = |rest: &mut &str, signed: &mut bool, negative: &mut bool, marks: &mut Marks<'_>| {
        let Some(first) = rest.chars().next().filter(|c| !*signed && (MINUS.contains(c) || *c == '+')) else { return };
        *rest = &rest[first.len_utf8()..];
        *signed = true;
        *negative |= first != '+';
        marks.minus |= first != '-' && first != '+';
    };
    sign(&mut rest, &mut signed, &mut negative, &mut marks);
    if let Some((unit, after)) = unit_before(rest) {
        (marks.unit, marks.known) = (Some(Cow::Borrowed(unit)), true);
        rest = strip_around(after);
        sign(&mut rest, &mut signed, &mut negative, &mut marks);
    }
    if !rest.starts_with(|c: char| c.is_ascii_digit() || c == decimal) {
        return None;
    }
    // What is behind the last digit.
    let end = rest.rfind(|c: char| c.is_ascii_digit() || c == decimal).map_or(rest.len(), |k| k + 1);
    let (mut core, tail) = (&rest[..end], rest[end..].trim());
    let mut tail = tail;
    if let Some(before) = tail.strip_prefix(['-', '\u{2212}']).filter(|t| !signed && t.trim().is_empty()) {
        (negative, marks.minus, tail) = (true, true, before.trim());
    }
    if !tail.is_empty() && core.ends_with([decimal, ',']) {
        return None;
    }
    if !tail.is_empty() && marks.unit.is_none() {
        let (unit, known) = unit_behind(tail, rest[end..].starts_with(char::is_whitespace))?;
        (marks.unit, marks.known) = (Some(Cow::Borrowed(unit)), known);
    } else if !tail.is_empty() {
        return None;
    } else if let Some(at) = core.find(|c: char| c.is_alphabetic() && !matches!(c, 'e' | 'E' | 'd' | 'D')) {
        // Units that end in a digit, such as m2.
        let (unit, known) = unit_behind(core[at..].trim(), core[..at].ends_with(char::is_whitespace))?;
        if marks.unit.is_some() {
            return None;
        }
        (marks.unit, marks.known) = (Some(Cow::Borrowed(unit)), known);
        core = core[..at].trim_end();
    }
    // Digits of a number that is too large for double precision are none.
    let value = magnitude(core, decimal, &mut marks).filter(|v| v.is_finite())?;
    Some((if negative { -value } else { value }, marks))
}

/// Digits with a decimal sign, thousands separators and an exponent.
fn magnitude(core: &str, decimal: char, marks: &mut Marks<'_>) -> Option<f64> {
    let exponent = core.find(['e', 'E', 'd', 'D']);
    let (mantissa, exponent) = exponent.map_or((core, None), |k| (&core[..k], Some(&core[k + 1..])));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if let Some(exponent) = exponent {
        if !is_digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)) {
            return None;
        }
        marks.fortran = core.contains(['d', 'D']);
    }
    let (whole, decimals) = mantissa.split_once(decimal).map_or((mantissa, None), |(whole, d)| (whole, Some(d)));
    if decimals.is_some_and(|d| !d.is_empty() && !is_digits(d))
        || whole.is_empty() && decimals.is_none_or(str::is_empty)
    {
        return None;
    }
    let digits: Cow<'_, str> = if whole.is_empty() || is_digits(whole) {
        Cow::Borrowed(whole)
    } else {
        let separator = whole.chars().find(|c| !c.is_ascii_digit())?;
        let other = if decimal == '.' { ',' } else { '.' };
        if exponent.is_some() || (separator != other && !SPACES.contains(&separator)) {
            return None;
        }
        let groups: Vec<&str> = whole.split(separator).collect();
        let (first, rest) = groups.split_first()?;
        let last = rest.last()?;
        let western = rest.iter().all(|g| g.len() == 3);
        // Lakh and crore: pairs, then the last three.
        let indian = separator == ','
            && last.len() == 3
            && first.len() <= 2
            && rest[..rest.len() - 1].iter().all(|g| g.len() == 2);
        let begins = (1..=3).contains(&first.len()) && !first.starts_with('0');
        if !begins || !(western || indian) || !groups.iter().all(|g| is_digits(g)) {
            return None;
        }
        marks.between_thousands = Some(separator);
        Cow::Owned(groups.concat())
    };
    trimmed_number(format!("{digits}.{}e{}", decimals.unwrap_or(""), exponent.unwrap_or("0")).as_bytes())
}

/// A currency before a number, and what follows.
fn unit_before(text: &str) -> Option<(&str, &str)> {
    let first = text.chars().next()?;
    if SYMBOLS.contains(&first) {
        return Some(text.split_at(first.len_utf8()));
    }
    if !first.is_alphabetic() {
        return None;
    }
    let end = text.find(|c: char| c.is_ascii_digit() || c == '-' || c == '\u{2212}' || c.is_whitespace())?;
    let word = text[..end].trim_end();
    CURRENCIES.contains(&word.to_lowercase().as_str()).then(|| (word, &text[end..]))
}

/// What stands behind a number: a unit, and whether it is a known one.
fn unit_behind(tail: &str, apart: bool) -> Option<(&str, bool)> {
    let lower = tail.to_lowercase();
    let known = UNITS.contains(&lower.as_str())
        || MORE_UNITS.contains(&lower.as_str())
        || CURRENCIES.contains(&lower.as_str())
        || tail.chars().next().is_some_and(|c| SYMBOLS.contains(&c) && tail.len() == c.len_utf8());
    if known {
        return Some((tail, true));
    }
    let word = tail.len() <= 16
        && tail.chars().all(|c| c.is_alphabetic() || matches!(c, '/' | '²' | '³' | '°' | 'µ' | '.' | '%'));
    (word && apart && tail.chars().next().is_some_and(char::is_alphabetic)).then_some((tail, false))
}

/// The decimal sign that a cell shows, if it is a number with one of the two only.
pub(crate) fn decimal_sign(cell: &str) -> Option<char> {
    let shown = |pair: &[u8]| matches!(pair[0], b',' | b'.') && pair[1].is_ascii_digit();
    if !cell.as_bytes().windows(2).any(shown) {
        return None;
    }
    match (number(cell, '.'), number(cell, ',')) {
        (Some(_), None) => Some('.'),
        (None, Some(_)) => Some(','),
        _ => None,
    }
}

/// Whether digits name a thing rather than count: a zero before them, or more of them than double precision holds.
pub(crate) fn is_code(cell: &str) -> bool {
    let digits = cell.strip_prefix('-').unwrap_or(cell);
    let bytes = digits.as_bytes();
    if bytes.len() < 2 || !bytes.iter().all(u8::is_ascii_digit) {
        return false;
    }
    bytes[0] == b'0' || is_inexact(digits)
}

/// Whether double precision rounds the whole number of these digits.
pub(crate) fn is_inexact(digits: &str) -> bool {
    let exact = |value| !is_rounded(value);
    digits.len() > 15 && digits.bytes().all(|b| b.is_ascii_digit()) && !digits.parse::<u128>().is_ok_and(exact)
}

/// Whether double precision rounds a whole number.
pub(crate) fn is_rounded(value: u128) -> bool {
    value > 1 << 53 && (value as f64) as u128 != value
}

/// The number in one cell, in any of these notations.
pub(crate) fn read(cell: &str) -> Option<f64> {
    ['.', ','].into_iter().find_map(|decimal| number(cell, decimal)).map(|(value, _)| value).or_else(|| hours(cell))
}

/// Hours since midnight, or those of a length of time.
pub(crate) fn hours(cell: &str) -> Option<f64> {
    time_of_day(cell.trim()).or_else(|| durations::seconds(cell)).map(|seconds| seconds / 3600.0)
}

/// What stands in ="…", as Excel keeps digits from becoming a number.
pub(crate) fn in_formula(cell: &str) -> Option<&str> {
    let inner = cell.strip_prefix('=')?.trim_start();
    inner.strip_prefix(['"', '“', '„', '”'])?.strip_suffix(['"', '”', '“'])
}

#[cfg(test)]
mod tests {
    use super::{decimal_sign, is_code, number, read};

    #[test]
    fn one_cell_is_read_however_it_is_written() {
        for (cell, wanted) in [
            ("$1,234.50", Some(1234.5)),
            ("1.234,50 €", Some(1234.5)),
            ("1 234 567", Some(1_234_567.0)),
            ("1\u{202f}234,5", Some(1234.5)),
            ("1'234.5", Some(1234.5)),
            ("1’234.5", Some(1234.5)),
            ("45 %", Some(45.0)),
            ("-$3", Some(-3.0)),
            ("$-3", Some(-3.0)),
            ("(12.50)", Some(-12.5)),
            ("($1,200)", Some(-1200.0)),
            ("−7", Some(-7.0)),
            ("12.5-", Some(-12.5)),
            ("2,75", Some(2.75)),
            ("1e3", Some(1000.0)),
            ("1.5D+03", Some(1500.0)),
            ("-2.0d-01", Some(-0.2)),
            ("1,23,456", Some(123_456.0)),
            ("1,00,00,000", Some(10_000_000.0)),
            ("\u{a0}5", Some(5.0)),
            ("\u{feff}5", Some(5.0)),
            ("71.5kg", Some(71.5)),
            ("71.5 kg", Some(71.5)),
            ("20 °C", Some(20.0)),
            ("120 km/h", Some(120.0)),
            ("85 m2", Some(85.0)),
            ("EUR 5", Some(5.0)),
            ("5 EUR", Some(5.0)),
            ("+5", Some(5.0)),
            (".05", Some(0.05)),
            ("-.05", Some(-0.05)),
            ("5.", Some(5.0)),
            ("inf", Some(f64::INFINITY)),
            ("0,123,456", None),
            ("12,34.5", None),
            ("1,2345", Some(1.2345)),
            ("$", None),
            ("$$3", None),
            ("--3", None),
            ("(−3)", None),
            ("12A", Some(12.0)),
            ("12B", None),
            ("A12", None),
            ("10:30", Some(10.5)),
            ("10:30 PM", Some(22.5)),
            ("25:30", None),
            ("2024-03-11", None),
            ("1.2.3", None),
            ("e5", None),
            ("1e", None),
            ("3D", Some(3.0)),
            ("36:15:00", Some(36.25)),
            ("555-1234", None),
            ("", None),
        ] {
            assert_eq!(read(cell), wanted, "{cell:?}");
        }
    }

    #[test]
    fn a_cell_shows_its_decimal_sign_or_does_not() {
        for (cell, sign) in [
            ("12,50", Some(',')),
            ("1.234,5", Some(',')),
            ("1.5", Some('.')),
            ("0.123", Some('.')),
            ("1.234", None),
            ("1,234", None),
            ("7", None),
            ("2, x", None),
        ] {
            assert_eq!(decimal_sign(cell), sign, "{cell}");
        }
        assert_eq!(number("1.234", ',').map(|n| n.0), Some(1234.0));
    }

    #[test]
    fn codes_are_told_from_numbers() {
        for code in ["01", "00123", "740245381351497731", "12345678901234567890", "-007"] {
            assert!(is_code(code), "{code}");
        }
        for number in ["0", "0.5", "10", "9007199254740992", "100000000000000000000", "1e3", "-1"] {
            assert!(!is_code(number), "{number}");
        }
    }
}
