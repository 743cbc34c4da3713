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

/// Where the negative ones begin in [`SIGNED_TENS`].
const NEGATIVE: usize = 32;

/// The same with both signs, so that a sign takes no branch.
const SIGNED_TENS: [f64; 2 * NEGATIVE] = {
    let mut signed = [1.0; 2 * NEGATIVE];
    let mut k = 0;
    while k < TENS.len() {
        signed[k] = TENS[k];
        signed[NEGATIVE + k] = -TENS[k];
        k += 1;
    }
    signed
};

/// The same as whole numbers, as far as eight digits need them.
const WHOLE_TENS: [u64; 9] = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// Parses the plain decimal number that begins at `start`: where it ends, and its value if the fast path is exact. Digits that
/// fit 53 bits divided by an exact power of ten are rounded once, so correctly (Clinger 1990).
#[inline]
pub fn decimal(text: &[u8], start: usize) -> (usize, Option<f64>) {
    let negative = text.get(start) == Some(&b'-');
    let first = start + usize::from(negative);
    short_decimal(text, first, negative).unwrap_or_else(|| long_decimal(text, first, negative))
}

/// A number that ends within eight bytes, with its point; none where it does not.
#[inline]
fn short_decimal(text: &[u8], first: usize, negative: bool) -> Option<(usize, Option<f64>)> {
    let word = word(text, first)?;
    let others = no_digits(word);
    let whole = first_byte(others);
    if whole == 8 {
        return None;
    }
    let has_point = (word >> (8 * whole)) as u8 == b'.';
    let (digits, end, decimals) = if has_point {
        let end = first_byte(others & (others - 1));
        if end == 8 {
            return None;
        }
        // The digits behind the point move next to those before it.
        let before = (1 << (8 * whole)) - 1;
        (word & before | (word >> 8) & !before, end, end - whole - 1)
    } else {
        (word, whole, 0)
    };
    let count = end - usize::from(has_point);
    let number = (count > 0 && !is_code(word, whole)).then(|| signed(first_digits(digits, count), decimals, negative));
    Some((first + end, number))
}

/// Up to seven digits, and up to sixteen behind the point; all others digit by digit.
fn long_decimal(text: &[u8], first: usize, negative: bool) -> (usize, Option<f64>) {
    let Some(word) = word(text, first) else { return any_decimal(text, first, negative) };
    let whole = first_byte(no_digits(word));
    if whole == 8 || (word >> (8 * whole)) as u8 != b'.' {
        return any_decimal(text, first, negative);
    }
    let start = first + whole + 1;
    let (Some(high), Some(low)) = (self::word(text, start), self::word(text, start + 8)) else {
        return any_decimal(text, first, negative);
    };
    let high_count = first_byte(no_digits(high));
    let low_count = if high_count == 8 { first_byte(no_digits(low)) } else { 0 };
    let decimals = high_count + low_count;
    if decimals == 16 && text.get(start + 16).is_some_and(u8::is_ascii_digit) {
        return any_decimal(text, first, negative);
    }
    let digits = first_digits(word, whole)
        .wrapping_mul(WHOLE_TENS[high_count])
        .wrapping_add(first_digits(high, high_count))
        .wrapping_mul(WHOLE_TENS[low_count])
        .wrapping_add(first_digits(low, low_count));
    let number = is_exact(digits, whole + decimals) && !is_code(word, whole);
    (start + decimals, number.then(|| signed(digits, decimals, negative)))
}

#[cold]
fn any_decimal(text: &[u8], first: usize, negative: bool) -> (usize, Option<f64>) {
    let mut digits = 0_u64;
    let mut at = run_of_digits(text, first, &mut digits);
    let mut count = at - first;
    let code = count > 1 && text[first] == b'0';
    let mut decimals = 0;
    if text.get(at) == Some(&b'.') {
        let end = run_of_digits(text, at + 1, &mut digits);
        decimals = end - at - 1;
        count += decimals;
        at = end;
    }
    (at, (is_exact(digits, count) && !code).then(|| signed(digits, decimals, negative)))
}

/// Whether so many digits, at least one, fit 64 bits, and the number that they make fits 53.
#[inline]
fn is_exact(digits: u64, count: usize) -> bool {
    (1..20).contains(&count) && digits <= 1 << 53
}

/// Whether a number begins with a zero before other digits, as codes do.
#[inline]
fn is_code(word: u64, whole: usize) -> bool {
    whole > 1 && word as u8 == b'0'
}

/// Whole digits that fit 53 bits, of which so many are decimals, with a sign.
#[inline]
fn signed(digits: u64, decimals: usize, negative: bool) -> f64 {
    digits as i64 as f64 / SIGNED_TENS[(decimals + NEGATIVE * usize::from(negative)) % SIGNED_TENS.len()]
}

/// Eight bytes, the first in the lowest place; none at the end of the text.
#[inline]
fn word(text: &[u8], at: usize) -> Option<u64> {
    text.get(at..at + 8).and_then(|b| <[u8; 8]>::try_from(b).ok()).map(u64::from_le_bytes)
}

/// The highest bit of each byte that is no digit.
#[inline]
fn no_digits(word: u64) -> u64 {
    let digits = word ^ 0x3030_3030_3030_3030;
    (((digits & 0x7f7f_7f7f_7f7f_7f7f) + 0x7676_7676_7676_7676) | digits) & 0x8080_8080_8080_8080
}

/// The index of the first byte of which the highest bit is set, 8 if there is none.
#[inline]
fn first_byte(bits: u64) -> usize {
    (bits.trailing_zeros() / 8) as usize
}

/// The number that the first `count` bytes make, at most eight digits.
#[inline]
fn first_digits(word: u64, count: usize) -> u64 {
    let half = 32 - 4 * count;
    let digits = word << half << half & 0x0f0f_0f0f_0f0f_0f0f;
    let pairs = digits.wrapping_mul(2561) >> 8;
    let fours = (pairs & 0x00ff_00ff_00ff_00ff).wrapping_mul(6_553_601) >> 16;
    (fours & 0x0000_ffff_0000_ffff).wrapping_mul(42_949_672_960_001) >> 32
}

/// Appends the digits from `start` on to `digits`, eight at a time where possible; returns where they end.
#[inline]
fn run_of_digits(text: &[u8], start: usize, digits: &mut u64) -> usize {
    let mut at = start;
    while let Some(word) = word(text, at) {
        let count = first_byte(no_digits(word));
        *digits = digits.wrapping_mul(WHOLE_TENS[count]).wrapping_add(first_digits(word, count));
        at += count;
        if count < 8 {
            return at;
        }
    }
    while let Some(digit) = text.get(at).map(|b| b.wrapping_sub(b'0')).filter(|&d| d < 10) {
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

    /// Byte by byte.
    fn slowly(text: &[u8], start: usize) -> (usize, Option<f64>) {
        let digits = |from: usize| text[from..].iter().take_while(|b| b.is_ascii_digit()).count();
        let first = start + usize::from(text.get(start) == Some(&b'-'));
        let whole = digits(first);
        let mut end = first + whole;
        let mut count = whole;
        if text.get(end) == Some(&b'.') {
            let decimals = digits(end + 1);
            count += decimals;
            end += 1 + decimals;
        }
        let code = whole > 1 && text[first] == b'0';
        let number = std::str::from_utf8(&text[start..end]).ok().and_then(|t| t.parse::<f64>().ok());
        (end, number.filter(|_| (1..20).contains(&count) && !code))
    }

    proptest::proptest! {
        #[test]
        fn decimals_end_where_digits_do_wherever_they_stand(
            text in "([-+.0-9,eé\n\r/:]|[0-9.]{1,9}|0\\.[0-9]{1,20}){0,8}",
            start in 0_usize..40,
        ) {
            let bytes = text.as_bytes();
            let start = start.min(bytes.len());
            let (end, number) = decimal(bytes, start);
            let (wanted, value) = slowly(bytes, start);
            proptest::prop_assert_eq!(end, wanted);
            if let Some(number) = number {
                proptest::prop_assert_eq!(Some(number.to_bits()), value.map(f64::to_bits));
            }
            // Short ones are always read.
            let short = end - start < 8 && value.is_some();
            proptest::prop_assert!(!short || number.is_some());
        }

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
