//! Numbers for people: digits, counts, shares, sizes and times as the window, the commands, the lessons and the reports
//! write them.
//!
//! Text that is only read uses the typographic minus sign (−). Text that may be typed or parsed again ([`significant`],
//! [`cell`], [`exact`], [`learning_rate`]) uses the one of the keyboard (-).

/// Four significant digits; whole numbers below a million as they are.
pub fn number(value: f64) -> String {
    let text = if value.fract() == 0.0 && value.abs() < 1e6 {
        format!("{value:.0}").replace("-0", "0")
    } else if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "∞" } else { "−∞" }.to_owned()
    } else if (1e-4..1e6).contains(&value.abs()) {
        let decimals = (3 - value.abs().log10().floor() as i32).clamp(0, 6) as usize;
        format!("{value:.decimals$}")
    } else {
        scientific(value, 2)
    };
    typographic(&text)
}

/// The same without trailing zeros, for axes and lists.
pub fn brief(value: f64) -> String {
    without_zeros(&number(value))
}

/// A mark of an axis whose marks are `step` apart: as many digits as tell neighbours apart.
pub fn tick(value: f64, step: f64) -> String {
    let step = step.abs();
    if value == 0.0 || !(step > 0.0 && step.is_finite()) {
        return brief(value);
    }
    let place = step.log10().floor();
    if (-6.0..6.0).contains(&place) && value.abs() < 1e6 {
        return without_zeros(&decimals(value, (-place).max(0.0) as usize));
    }
    let digits = (value.abs().log10().floor() - place).clamp(0.0, 12.0) as usize;
    without_zeros(&typographic(&scientific(value, digits)))
}

/// As few characters as possible, for a number inside of a small picture: two decimals below 100, one digit and a power
/// below 0.01.
pub fn tight(value: f64) -> String {
    match value.abs() {
        size if size > 0.0 && size < 0.01 => typographic(&scientific(value, 0)),
        size if size < 100.0 => decimals(value, 2),
        _ => number(value),
    }
}

/// Three decimals, for scores such as R².
pub fn score(value: f64) -> String {
    decimals(value, 3)
}

/// So many decimals.
pub fn decimals(value: f64, count: usize) -> String {
    typographic(&fixed(value, count))
}

/// Digits and a power of ten, for columns of numbers of any size: 1.25e-7. Zero has no power.
pub fn scientific(value: f64, decimals: usize) -> String {
    if value == 0.0 { "0".to_owned() } else { format!("{value:.decimals$e}") }
}

/// So many decimals; what rounds to zero has no sign.
fn fixed(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let is_zero = text.starts_with('-') && !text.contains(|c| matches!(c, '1'..='9' | 'i' | 'N'));
    if is_zero { text[1..].to_owned() } else { text }
}

/// At most `digits` significant digits without trailing zeros; whole numbers are written out.
pub fn significant(value: f64, digits: usize) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if value.fract() == 0.0 && value.abs() < 1e15 {
        return format!("{value:.0}");
    }
    let magnitude = value.abs().log10().floor();
    if !(-4.0..9.0).contains(&magnitude) {
        return scientific(value, digits.min(5) - 1);
    }
    let decimals = (digits as f64 - 1.0 - magnitude).clamp(0.0, 9.0) as usize;
    without_zeros(&format!("{value:.decimals$}"))
}

/// A number in a cell of a table, or as the name of a class: at most six significant digits.
pub fn cell(value: f64) -> String {
    significant(value, 6)
}

/// The fewest digits that give the number back in single precision, for fields in which it is edited.
pub fn exact(value: f64) -> String {
    let value = value as f32;
    if value != 0.0 && !(1e-4..1e6).contains(&value.abs()) { format!("{value:e}") } else { value.to_string() }
}

/// Two significant digits.
pub fn learning_rate(rate: f32) -> String {
    without_zeros(&significant(f64::from(rate), 2))
}

/// A share from 0 to 1 in percent: 12.3 %.
pub fn percent(share: impl Into<f64>, decimals: usize) -> String {
    typographic(&fixed(100.0 * share.into(), decimals)) + " %"
}

/// The same for shares that may be tiny: one that rounds to nothing is "less than 0.01 %".
pub fn small_percent(share: impl Into<f64>, decimals: usize) -> String {
    let share = share.into();
    let least = 10_f64.powi(-(decimals as i32));
    if share > 0.0 && 100.0 * share < least / 2.0 {
        return format!("less than {least} %");
    }
    percent(share, decimals)
}

/// All digits in groups of three: 1 234 567.
pub fn count(n: impl Into<u128>) -> String {
    let digits = n.into().to_string();
    let mut text = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(c);
    }
    text
}

/// A large amount in three or four digits: 950, 12.30 k, 1.62 M.
pub fn amount(value: f64) -> String {
    for (limit, divisor, unit) in [(1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k")] {
        if value >= limit {
            let scaled = value / divisor;
            return if scaled < 100.0 { format!("{scaled:.2} {unit}") } else { format!("{scaled:.0} {unit}") };
        }
    }
    format!("{value:.0}")
}

/// All digits below a million, else [`amount`].
pub fn counter(n: u64) -> String {
    if n < 1_000_000 { count(n) } else { amount(n as f64) }
}

/// A count with its noun: 1 row, 3 rows.
pub fn counted(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// A number of bytes: 512 bytes, 1.5 MiB.
pub fn bytes(n: impl Into<u128>) -> String {
    let n = n.into();
    let mut value = n as f64;
    for unit in ["bytes", "KiB", "MiB", "GiB", "TiB"] {
        if value < 1024.0 {
            return if unit == "bytes" { format!("{n} bytes") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.0} PiB")
}

/// A duration in seconds, to three significant digits.
pub fn seconds(duration: f64) -> String {
    format!("{} s", significant(duration, 3))
}

/// A time for a clock that people watch, in whole units, the two largest that say something: 42 s, 3 min 20 s, 25 min,
/// 2 h 5 min, 3 d 4 h.
pub fn duration(seconds: f64) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    // Casts from floats saturate; NaN is 0.
    let seconds = seconds.max(0.0) as u64;
    let two = |large: u64, unit: &str, small: u64, below: &str| match small {
        0 => format!("{large} {unit}"),
        small => format!("{large} {unit} {small} {below}"),
    };
    match seconds {
        0..MINUTE => format!("{seconds} s"),
        MINUTE..600 => two(seconds / MINUTE, "min", seconds % MINUTE, "s"),
        600..HOUR => format!("{} min", seconds / MINUTE),
        HOUR..DAY => two(seconds / HOUR, "h", seconds % HOUR / MINUTE, "min"),
        _ => two(seconds / DAY, "d", seconds % DAY / HOUR, "h"),
    }
}

/// How long something still takes, by an estimate, which is what it takes at most where it may end earlier: about 3 min 20 s
/// left, at most 42 s left.
pub fn left(seconds: f64, at_most: bool) -> String {
    let about = if at_most { "at most" } else { "about" };
    // Rounded up: what takes another moment is not over.
    format!("{about} {} left", duration(seconds.ceil().max(1.0)))
}

/// How often something happens: 5 steps/s, or 1 in 4 s.
pub fn pace(per_second: f64, what: &str) -> String {
    if per_second < 1.0 { format!("1 in {:.0} s", 1.0 / per_second) } else { format!("{per_second:.0} {what}/s") }
}

/// How often something that takes a moment or an hour happens: 12 epochs/s, 1.4 epochs/s, 4.2 s per epoch,
/// 3 min 20 s per epoch.
pub fn rate(per_second: f64, what: &str) -> String {
    let each = 1.0 / per_second;
    if per_second >= 10.0 {
        format!("{} {what}s/s", amount(per_second))
    } else if per_second >= 1.0 {
        format!("{per_second:.1} {what}s/s")
    } else if each < 10.0 {
        format!("{each:.1} s per {what}")
    } else {
        format!("{} per {what}", duration(each))
    }
}

fn typographic(text: &str) -> String {
    text.replace('-', "−")
}

fn without_zeros(text: &str) -> String {
    let (digits, power) = text.split_once('e').map_or((text, None), |(d, p)| (d, Some(p)));
    let digits = if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits };
    power.map_or_else(|| digits.to_owned(), |p| format!("{digits}e{p}"))
}

#[cfg(test)]
mod tests {
    use super::{
        amount, brief, bytes, cell, count, counted, counter, decimals, duration, exact, learning_rate, left, number,
        pace, percent, rate, scientific, score, seconds, significant, small_percent, tick, tight, without_zeros,
    };

    #[test]
    fn marks_of_an_axis_are_told_apart() {
        for (low, step) in
            [(0.7104, 1e-5), (5.69, 1e-3), (-0.3, 0.1), (0.0, 50.0), (3e8, 1e6), (2e-9, 5e-10), (1e5, 0.5)]
        {
            let marks: Vec<String> = (0..6).map(|k| tick(low + f64::from(k) * step, step)).collect();
            let mut different = marks.clone();
            different.sort();
            different.dedup();
            assert_eq!(different.len(), marks.len(), "{marks:?}");
        }
        assert_eq!((tick(0.5, 0.1), tick(2.0, 0.5), tick(-40.0, 20.0)), ("0.5".into(), "2".into(), "−40".into()));
    }

    #[test]
    fn digits_are_as_many_as_the_place_has_room_for() {
        for (value, want) in [
            (0.0, "0"),
            (-0.1879, "−0.1879"),
            (123.456, "123.5"),
            (0.000_012, "1.20e−5"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "−∞"),
            (99_999.0, "99999"),
            (-0.0, "0"),
            (5e-324, "4.94e−324"),
            (-1e-310, "−1.00e−310"),
        ] {
            assert_eq!(number(value), want);
        }
        for (value, want) in [(0.1, "0.1"), (0.000_01, "1e−5"), (-20.0, "−20"), (2.75, "2.75")] {
            assert_eq!(brief(value), want);
        }
        for (value, want) in [(0.0, "0.00"), (-0.004, "−4e−3"), (0.5, "0.50"), (-99.5, "−99.50"), (1234.5, "1234")]
        {
            assert_eq!(tight(value), want);
        }
        // Nothing has no sign and no power of ten, and what rounds to nothing has no sign.
        assert_eq!([0.0, -0.0].map(tight), ["0.00", "0.00"]);
        assert_eq!(([-0.001, -0.6, 0.25].map(|v| decimals(v, 1))), ["0.0", "−0.6", "0.2"]);
        assert_eq!([0.0, -0.0, -0.000_4, -0.000_6].map(score), ["0.000", "0.000", "0.000", "−0.001"]);
        assert_eq!([0.0, -0.0, 1e-310].map(|v| scientific(v, 1)), ["0", "0", "1.0e-310"]);
        assert_eq!([-0.0, -0.000_4, -0.2].map(|v| percent(v, 1)), ["0.0 %", "0.0 %", "−20.0 %"]);
        assert_eq!([0.0, 1e-9, 0.000_06].map(|v| small_percent(v, 2)), ["0.00 %", "less than 0.01 %", "0.01 %"]);
        for (value, want) in [(0.01_f32, "0.01"), (1e-8, "1e-8"), (0.0, "0"), (2.5, "2.5")] {
            assert_eq!(exact(f64::from(value)), want);
        }
        for (value, digits, want) in
            [(1234.5678, 4, "1235"), (0.1, 4, "0.1"), (2e-7, 4, "2.000e-7"), (1e9, 2, "1000000000")]
        {
            assert_eq!(significant(value, digits), want);
        }
        assert_eq!(cell(-1.000_000_4), "-1");
        assert_eq!(score(-0.12345), "−0.123");
        assert_eq!(without_zeros("1.00e−5"), "1e−5");
    }

    #[test]
    fn learning_rates_can_be_typed_again() {
        for (rate, want) in [(0.01_f32, "0.01"), (0.003_16, "0.0032"), (1e-5, "1e-5"), (3.2e-6, "3.2e-6"), (1.0, "1")] {
            assert_eq!(learning_rate(rate), want);
            assert!((want.parse::<f32>().expect("a number") - rate).abs() <= 0.05 * rate);
        }
    }

    #[test]
    fn counts_sizes_and_times_have_their_units() {
        assert_eq!(count(1_234_567_u32), "1\u{202f}234\u{202f}567");
        assert_eq!([950.0, 12_300.0, 1.62e6].map(amount), ["950", "12.30 k", "1.62 M"]);
        assert_eq!([12_000, 2_500_000].map(counter), ["12\u{202f}000", "2.50 M"]);
        assert_eq!([0, 1, 2].map(|n| counted(n, "row")), ["0 rows", "1 row", "2 rows"]);
        assert_eq!(
            [0_u64, 1023, 1536, 5 << 20, 3 << 40].map(bytes),
            ["0 bytes", "1023 bytes", "1.5 KiB", "5.0 MiB", "3.0 TiB"]
        );
        assert_eq!((percent(0.125, 1), percent(0.5, 0)), ("12.5 %".to_owned(), "50 %".to_owned()));
        assert_eq!(seconds(1.23456), "1.23 s");
        for (time, want) in [
            (0.0, "0 s"),
            (59.9, "59 s"),
            (60.0, "1 min"),
            (200.0, "3 min 20 s"),
            (1_525.0, "25 min"),
            (7_500.0, "2 h 5 min"),
            (7_200.0, "2 h"),
            (273_600.0, "3 d 4 h"),
            (-1.0, "0 s"),
            (f64::NAN, "0 s"),
        ] {
            assert_eq!(duration(time), want);
        }
        assert_eq!(
            (left(199.2, false), left(0.0, true)),
            ("about 3 min 20 s left".to_owned(), "at most 1 s left".to_owned())
        );
        assert_eq!(
            [12.3, 1.44, 0.25, 0.005].map(|n| rate(n, "epoch")),
            ["12 epochs/s", "1.4 epochs/s", "4.0 s per epoch", "3 min 20 s per epoch"]
        );
        assert_eq!((pace(0.25, "steps"), pace(5.0, "steps")), ("1 in 4 s".to_owned(), "5 steps/s".to_owned()));
    }
}
