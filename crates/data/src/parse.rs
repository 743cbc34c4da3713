//! Parses a cell of text: a number, a missing value, or neither. Readers of text and conversions of columns use it.

/// Texts that mean a missing value, in any case.
pub const MISSING: [&str; 12] = ["", "?", "-", "na", "n/a", "nan", "null", "none", "#n/a", "<na>", "#na", "-nan"];

/// Whether a trimmed cell means a missing value.
pub fn is_missing(cell: &str) -> bool {
    cell.len() <= 4 && MISSING.iter().any(|m| cell.eq_ignore_ascii_case(m))
}

/// The number in a cell.
pub fn number(cell: &str, decimal_comma: bool) -> Option<f64> {
    let cell = cell.trim();
    if decimal_comma && cell.contains(',') {
        return trimmed_number(cell.replacen(',', ".", 1).as_bytes());
    }
    trimmed_number(cell.as_bytes())
}

/// The number in a cell without blanks around it.
pub fn trimmed_number(cell: &[u8]) -> Option<f64> {
    // "nan" counts as missing; infinity is a number that is refused later.
    let first = *cell.iter().find(|b| !matches!(b, b'+' | b'-'))?;
    if !first.is_ascii_digit() && first != b'.' && !first.eq_ignore_ascii_case(&b'i') {
        return None;
    }
    fast_float2::parse(cell).ok()
}

/// Powers of ten that double precision holds exactly.
const TENS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// Parses the plain decimal number that begins at `start`: where it ends, and its value if the fast path is exact. Digits that
/// fit 53 bits divided by an exact power of ten are rounded once, so correctly (Clinger 1990).
#[inline]
pub fn decimal(line: &[u8], start: usize) -> (usize, Option<f64>) {
    let negative = line.get(start) == Some(&b'-');
    let first = start + usize::from(negative);
    let mut digits = 0_u64;
    let mut at = run_of_digits(line, first, &mut digits);
    let mut count = at - first;
    // Zeros before digits make a code.
    let code = count > 1 && line[first] == b'0';
    let mut decimals = 0;
    if line.get(at) == Some(&b'.') {
        let end = run_of_digits(line, at + 1, &mut digits);
        decimals = end - at - 1;
        count += decimals;
        at = end;
    }
    // Up to nineteen digits fit 64 bits.
    let exact = (1..20).contains(&count) && digits <= 1 << 53 && !code;
    let number = exact.then(|| {
        let number = digits as f64 / TENS[decimals];
        if negative { -number } else { number }
    });
    (at, number)
}

/// Appends the digits from `start` on to `digits`, eight at a time where possible; returns where they end.
#[inline]
fn run_of_digits(line: &[u8], start: usize, digits: &mut u64) -> usize {
    let mut at = start;
    while let Some(eight) = line.get(at..at + 8).and_then(|b| <[u8; 8]>::try_from(b).ok()) {
        let word = u64::from_le_bytes(eight);
        // Each byte is from 0x30 to 0x39.
        let high = word & 0xf0f0_f0f0_f0f0_f0f0;
        let above = word.wrapping_add(0x0606_0606_0606_0606) & 0xf0f0_f0f0_f0f0_f0f0;
        if high != 0x3030_3030_3030_3030 || above != 0x3030_3030_3030_3030 {
            break;
        }
        let pairs = (word & 0x0f0f_0f0f_0f0f_0f0f).wrapping_mul(2561) >> 8;
        let fours = (pairs & 0x00ff_00ff_00ff_00ff).wrapping_mul(6_553_601) >> 16;
        let eights = (fours & 0x0000_ffff_0000_ffff).wrapping_mul(42_949_672_960_001) >> 32;
        *digits = digits.wrapping_mul(100_000_000).wrapping_add(eights);
        at += 8;
    }
    while let Some(digit) = line.get(at).map(|b| b.wrapping_sub(b'0')).filter(|&d| d < 10) {
        *digits = digits.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::{decimal, is_missing, number};

    #[test]
    fn numbers_are_told_from_text() {
        for (text, comma, wanted) in [
            ("1", false, Some(1.0)),
            (" -2.5e3 ", false, Some(-2500.0)),
            ("+7", false, Some(7.0)),
            (".5", false, Some(0.5)),
            ("2,75", true, Some(2.75)),
            ("inf", false, Some(f64::INFINITY)),
            ("-Infinity", false, Some(f64::NEG_INFINITY)),
            ("0.1", false, Some(0.1)),
            ("1e400", false, Some(f64::INFINITY)),
            ("9007199254740993", false, Some(9_007_199_254_740_992.0)),
            ("1,2", false, None),
            ("1 2", false, None),
            ("nan", false, None),
            ("e5", false, None),
            ("0x10", false, None),
            ("", false, None),
            ("--1", false, None),
            ("1-2", false, None),
        ] {
            assert_eq!(number(text, comma), wanted, "{text:?}");
        }
        assert!(is_missing("NaN") && is_missing("") && is_missing("N/A") && !is_missing("0") && !is_missing("nana"));
    }

    proptest::proptest! {
        #[test]
        fn plain_decimals_are_read_to_the_last_bit(text in "-?[0-9]{1,18}(\\.[0-9]{0,22})?") {
            let (end, number) = decimal(text.as_bytes(), 0);
            proptest::prop_assert_eq!(end, text.len());
            if let Some(number) = number {
                let wanted: f64 = text.parse().expect("a number");
                proptest::prop_assert_eq!(number.to_bits(), wanted.to_bits(), "{}", text);
            }
        }
    }
}
