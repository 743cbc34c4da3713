//! Lengths of time as people and programs write them: 36:15:00, 1 day 02:00:00, P1DT2H, 2h 30m.

/// Designators of ISO 8601 behind P, and behind T, in seconds. Months and years have no length of their own.
const DATE: [(char, f64); 2] = [('W', 604_800.0), ('D', 86_400.0)];
const TIME: [(char, f64); 3] = [('H', 3600.0), ('M', 60.0), ('S', 1.0)];
/// Units behind numbers, the longer ones first.
const UNITS: [(&str, f64); 6] = [("d", 86_400.0), ("h", 3600.0), ("min", 60.0), ("m", 60.0), ("sec", 1.0), ("s", 1.0)];

/// Seconds of a text that is a length of time and nothing else.
pub(super) fn seconds(text: &str) -> Option<f64> {
    let text = text.trim();
    if !(3..=48).contains(&text.len()) || !text.is_ascii() || !text.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    let (sign, bare) = text.strip_prefix('-').map_or((1.0, text), |bare| (-1.0, bare));
    if let Some(iso) = bare.strip_prefix('P') {
        return designated(iso).map(|seconds| sign * seconds);
    }
    if bare.contains(':') {
        let (days, clock) = days_before(bare)?;
        // Behind days that are negative, Python counts forwards.
        return Some(match clock {
            Clock::Forwards(clock) => sign * days * 86_400.0 + clock,
            Clock::Along(clock) => sign * (days * 86_400.0 + clock),
        });
    }
    in_units(bare).map(|seconds| sign * seconds)
}

enum Clock {
    Along(f64),
    Forwards(f64),
}

/// Days and a clock: 36:15:00, 1 day, 2:03:04, 1 days 02:00:00, 1.02:03:04, -1 days +23:00:00.
fn days_before(text: &str) -> Option<(f64, Clock)> {
    let lower = text.to_ascii_lowercase();
    if let Some((days, rest)) = lower.split_once("day") {
        let days: u32 = days.trim().parse().ok()?;
        let rest = rest.strip_prefix('s').unwrap_or(rest).trim_start_matches([',', ' ']);
        let forwards = rest.starts_with('+') || text.contains(',');
        let clock = clock(rest.strip_prefix('+').unwrap_or(rest))?;
        return Some((f64::from(days), if forwards { Clock::Forwards(clock) } else { Clock::Along(clock) }));
    }
    if let Some((days, rest)) = text.split_once('.').filter(|(days, _)| days.bytes().all(|b| b.is_ascii_digit())) {
        let clock = clock(rest).filter(|c| *c < 86_400.0)?;
        return Some((f64::from(days.parse::<u32>().ok()?), Clock::Along(clock)));
    }
    Some((0.0, Clock::Along(clock(text)?)))
}

/// Hours of any number, minutes and seconds, which may have a fraction.
fn clock(text: &str) -> Option<f64> {
    let mut parts = text.split(':');
    let (hours, minutes, rest) = (parts.next()?, parts.next()?, parts.next()?);
    let is_digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = rest.split_once('.').unwrap_or((rest, "0"));
    let fits = parts.next().is_none()
        && hours.len() <= 5
        && minutes.len() == 2
        && whole.len() == 2
        && [hours, minutes, whole, fraction].into_iter().all(is_digits);
    let number = |t: &str| t.parse::<f64>().ok();
    let (hours, minutes, seconds) = (number(hours)?, number(minutes)?, number(rest)?);
    (fits && minutes < 60.0 && seconds < 60.0).then_some(hours * 3600.0 + minutes * 60.0 + seconds)
}

/// What follows the P of ISO 8601.
fn designated(text: &str) -> Option<f64> {
    let (date, time) = text.split_once('T').map_or((text, None), |(date, time)| (date, Some(time)));
    if time.is_some_and(str::is_empty) || date.is_empty() && time.is_none() {
        return None;
    }
    let part = |mut rest: &str, units: &[(char, f64)]| -> Option<f64> {
        let (mut sum, mut from) = (0.0, 0);
        while !rest.is_empty() {
            let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').filter(|&k| k > 0)?;
            let designator = rest[end..].chars().next()?;
            let place = units[from..].iter().position(|(d, _)| *d == designator)?;
            sum += rest[..end].parse::<f64>().ok()? * units[from + place].1;
            from += place + 1;
            rest = &rest[end + 1..];
        }
        Some(sum)
    };
    Some(part(date, &DATE)? + part(time.unwrap_or_default(), &TIME)?)
}

/// Several numbers with smaller and smaller units, such as 1d 2h 30m.
fn in_units(text: &str) -> Option<f64> {
    let lower = text.to_ascii_lowercase();
    let mut rest = lower.trim();
    let (mut sum, mut parts, mut last) = (0.0, 0, f64::INFINITY);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).filter(|&k| (1..=6).contains(&k))?;
        let unit = rest[end..].trim_start();
        let word = &unit[..unit.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(unit.len())];
        let (_, length) = UNITS.iter().find(|(name, _)| *name == word).filter(|(_, length)| *length < last)?;
        sum += rest[..end].parse::<f64>().ok()? * length;
        (last, parts) = (*length, parts + 1);
        rest = unit[word.len()..].trim_start();
    }
    (parts > 1).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn lengths_of_time_are_read_in_every_form() {
        for (text, hours) in [
            ("36:15:00", Some(36.25)),
            ("00:30:00.0", Some(0.5)),
            ("1 day 02:00:00", Some(26.0)),
            ("1 day, 2:00:00", Some(26.0)),
            ("2 days 00:00:00", Some(48.0)),
            ("0 days 00:45:00.000000000", Some(0.75)),
            ("-1 days +23:00:00", Some(-1.0)),
            ("-1 day, 23:00:00", Some(-1.0)),
            ("-01:30:00", Some(-1.5)),
            ("1.02:00:00", Some(26.0)),
            ("P1DT2H", Some(26.0)),
            ("PT36H15M", Some(36.25)),
            ("PT90S", Some(0.025)),
            ("P2W", Some(336.0)),
            ("-PT1.5H", Some(-1.5)),
            ("2h 30m", Some(2.5)),
            ("1d 2h 30min", Some(26.5)),
            ("1h30m", Some(1.5)),
            ("P1Y", None),
            ("PT", None),
            ("P", None),
            ("PT5H3", None),
            ("P1H", None),
            ("25:30", None),
            ("12:75:00", None),
            ("30m", None),
            ("5m 2h", None),
            ("2024-01-01 10:00:00", None),
            ("day 10:00:00", None),
        ] {
            assert_eq!(seconds(text).map(|s| s / 3600.0), hours, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[-P0-9TDHMSdays:. +,]{0,20}|\\PC{0,12}") {
            let _ = seconds(&text);
        }
    }
}
