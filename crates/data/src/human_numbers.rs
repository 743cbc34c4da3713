//! Numbers as people write them: $1,234.50, 45 %, (12.00), 1.234,50 €, and times of day as hours.

use super::parse::trimmed_number;
use super::table::Levels;
use chrono::{NaiveTime, Timelike as _};

const CURRENCIES: [char; 6] = ['$', '€', '£', '¥', '₹', '₽'];
/// Thousands separators besides the comma and the point.
const SPACES: [char; 4] = [' ', '\u{a0}', '\u{202f}', '\''];

/// Signs around or inside of a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Signs {
    /// A currency sign or %.
    unit: Option<char>,
    between_thousands: Option<char>,
}

/// The number in a cell with the given decimal separator.
fn number(cell: &str, decimal: char) -> Option<(f64, Signs)> {
    let mut signs = Signs::default();
    let mut rest = cell.trim();
    // Negative numbers in accounting notation.
    let mut negative = rest.strip_prefix('(').and_then(|r| r.strip_suffix(')')).map(|inner| rest = inner).is_some();
    if let Some(after) = rest.strip_prefix(['-', '−']).filter(|_| !negative) {
        (negative, rest) = (true, after);
    }
    for side in [str::strip_prefix::<char>, str::strip_suffix::<char>] {
        for unit in CURRENCIES.into_iter().chain(['%']) {
            if let Some(bare) = side(rest.trim(), unit).filter(|_| signs.unit.is_none()) {
                (signs.unit, rest) = (Some(unit), bare);
            }
        }
    }
    if let Some(after) = rest.trim().strip_prefix(['-', '−']).filter(|_| !negative && signs.unit.is_some()) {
        (negative, rest) = (true, after);
    }
    let rest = rest.trim();
    let (whole, decimals) = rest.split_once(decimal).map_or((rest, None), |(whole, d)| (whole, Some(d)));
    let is_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    // With a decimal comma, the point is a thousands separator.
    let plain = if decimal == ',' && whole.contains('.') { None } else { Some(rest.replacen(decimal, ".", 1)) };
    let plain = plain.and_then(|text| trimmed_number(text.as_bytes()).filter(|_| !text.starts_with(['+', '-'])));
    let value = match plain {
        Some(value) => value,
        None => {
            let separator = whole.chars().find(|c| !c.is_ascii_digit())?;
            if separator != (if decimal == '.' { ',' } else { '.' }) && !SPACES.contains(&separator) {
                return None;
            }
            signs.between_thousands = Some(separator);
            let mut groups = whole.split(separator);
            let first = groups.next()?;
            let fits = (1..=3).contains(&first.len()) && !first.starts_with('0');
            if !fits || !groups.all(|g| g.len() == 3 && is_digits(g)) || !decimals.is_none_or(is_digits) {
                return None;
            }
            let digits: String = whole.chars().filter(char::is_ascii_digit).collect();
            trimmed_number(format!("{digits}.{}", decimals.unwrap_or("0")).as_bytes())?
        }
    };
    Some((if negative { -value } else { value }, signs))
}

/// Hours since midnight.
fn hours(cell: &str) -> Option<f64> {
    let time = ["%H:%M", "%H:%M:%S%.f"].into_iter().find_map(|f| NaiveTime::parse_from_str(cell.trim(), f).ok())?;
    Some((f64::from(time.num_seconds_from_midnight()) + f64::from(time.nanosecond()) * 1e-9) / 3600.0)
}

/// The number in one cell, in any of these notations.
pub(super) fn read(cell: &str) -> Option<f64> {
    ['.', ','].into_iter().find_map(|decimal| number(cell, decimal)).map(|(value, _)| value).or_else(|| hours(cell))
}

/// The numbers of a column's distinct texts, if all are numbers, and a description of how they were read.
pub(super) fn numbers_of(levels: &Levels) -> Option<(Vec<f64>, String)> {
    if levels.first().is_some_and(|l| l.contains(':')) {
        let hours: Vec<f64> = levels.iter().map(hours).collect::<Option<_>>()?;
        return Some((hours, "hours since midnight".to_owned()));
    }
    let read = |decimal: char| levels.iter().map(|level| number(level, decimal)).collect::<Option<Vec<_>>>();
    let (found, decimal) = read('.').map(|f| (f, '.')).or_else(|| read(',').map(|f| (f, ',')))?;
    let mut units: Vec<char> = found.iter().filter_map(|(_, s)| s.unit).collect();
    let percent = units.iter().filter(|&&u| u == '%').count();
    units.dedup();
    // All must have the same unit; a number without % among percentages may be a fraction.
    if units.len() > 1 || (percent > 0 && percent < found.len()) {
        return None;
    }
    let separator = found.iter().find_map(|(_, s)| s.between_thousands);
    let mut left_out: Vec<String> = units.iter().map(|u| format!("\"{u}\"")).collect();
    left_out.extend(separator.map(|s| format!("\"{s}\" between thousands")));
    if decimal == ',' {
        left_out.push("a comma for the point".to_owned());
    }
    if left_out.is_empty() {
        return None;
    }
    let values = found.iter().map(|(value, _)| *value).collect();
    Some((values, format!("numbers without {}", left_out.join(" and "))))
}

#[cfg(test)]
mod tests {
    use super::{numbers_of, read};

    fn column(levels: &[&str]) -> Option<(Vec<f64>, String)> {
        numbers_of(&levels.iter().collect())
    }

    #[test]
    fn one_cell_is_read_however_it_is_written() {
        for (cell, number) in [
            ("$1,234.50", Some(1234.5)),
            ("1.234,50 €", Some(1234.5)),
            ("1 234 567", Some(1_234_567.0)),
            ("1'234.5", Some(1234.5)),
            ("45 %", Some(45.0)),
            ("-$3", Some(-3.0)),
            ("$-3", Some(-3.0)),
            ("(12.50)", Some(-12.5)),
            ("−7", Some(-7.0)),
            ("2,75", Some(2.75)),
            ("1e3", Some(1000.0)),
            ("1,23,456", None),
            ("0,123,456", None),
            ("12,34.5", None),
            ("$", None),
            ("$$3", None),
            ("--3", None),
            ("(−3)", None),
            ("3 kg", None),
            ("10:30", Some(10.5)),
            ("25:30", None),
            ("2024-03-11", None),
            ("1.2.3", None),
            ("", None),
        ] {
            assert_eq!(read(cell), number, "{cell:?}");
        }
    }

    #[test]
    fn a_column_is_numbers_if_each_of_its_cells_is_one() {
        let of = |cells: &[&str]| column(cells).map(|(numbers, _)| numbers);
        assert_eq!(of(&["$3.20", "4", "$1,000"]), Some(vec![3.2, 4.0, 1000.0]));
        let (numbers, how) = column(&["45%", "5 %"]).expect("numbers");
        assert_eq!(numbers, [45.0, 5.0]);
        assert_eq!(how, "numbers without \"%\"");
        assert_eq!(of(&["06:15", "23:59:59.999"]).map(|v| v[0]), Some(6.25));
        assert_eq!(of(&["06:15", "soon"]), None);
        // A cell that fits only one notation decides for all.
        assert_eq!(of(&["1.234,5", "1.234"]), Some(vec![1234.5, 1234.0]));
        assert_eq!(of(&["1,234", "1,23"]), Some(vec![1.234, 1.23]));
        for mixed in [&["$3", "€3"][..], &["45%", "0.45"], &["$3", "three"], &["1,234", "1.23.4"], &["a"], &["3", "4"]]
        {
            assert_eq!(of(mixed), None, "{mixed:?}");
        }
    }
}
