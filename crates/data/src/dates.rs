//! Dates and times of day as seconds since the beginning of 1970 (UTC).

use super::table::Levels;
use chrono::{DateTime, NaiveDate, NaiveDateTime};

/// Formats in which the day and the month cannot be confused.
const DAYS: [&str; 4] = ["%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%Y%m%d"];
const TIMES: [&str; 8] = [
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d %H:%M:%S%.f",
    "%Y/%m/%d %H:%M",
    "%d.%m.%Y %H:%M:%S%.f",
    "%d.%m.%Y %H:%M",
];

/// A date, or a date with a time, in seconds; dates like 03/04/2024 are left to [`parse_all`].
pub fn parse(text: &str) -> Option<f64> {
    let text = text.trim();
    // Rules most text out cheaply.
    if !(6..=40).contains(&text.len()) || !text.as_bytes()[0].is_ascii_digit() {
        return None;
    }
    let day = |format: &&str| with(text, format);
    let separated = text.contains(['-', '/', '.']);
    DAYS.iter().filter(|f| separated || text.len() == 8 && f.len() == 6).find_map(day).or_else(|| time(text))
}

fn with(text: &str, format: &str) -> Option<f64> {
    let date = NaiveDate::parse_from_str(text, format).ok()?;
    Some(date.and_hms_opt(0, 0, 0)?.and_utc().timestamp() as f64)
}

fn time(text: &str) -> Option<f64> {
    if let Ok(zoned) =
        DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%:z"))
    {
        return Some(seconds(zoned.timestamp(), zoned.timestamp_subsec_nanos()));
    }
    let found = TIMES.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())?.and_utc();
    Some(seconds(found.timestamp(), found.timestamp_subsec_nanos()))
}

fn seconds(whole: i64, nanos: u32) -> f64 {
    whole as f64 + f64::from(nanos) * 1e-9
}

/// The dates of a column, if every text is one. "03/04/2024" is accepted only if other rows show which number is the day.
pub(super) fn parse_all(texts: &Levels) -> Option<Vec<f64>> {
    if texts.is_empty() || texts.iter().all(|t| t.bytes().all(|b| b.is_ascii_digit())) {
        return None;
    }
    texts.iter().map(parse).collect::<Option<Vec<f64>>>().or_else(|| {
        let read = |format: &str| texts.iter().map(|t| with(t.trim(), format)).collect::<Option<Vec<f64>>>();
        match (read("%m/%d/%Y"), read("%d/%m/%Y")) {
            (Some(dates), None) | (None, Some(dates)) => Some(dates),
            _ => None,
        }
    })
}

/// The date as text, with the time unless it is midnight.
pub fn written(seconds: f64) -> String {
    let Some(time) = moment(seconds) else { return String::new() };
    let format = if seconds.rem_euclid(86_400.0) == 0.0 { "%Y-%m-%d" } else { "%Y-%m-%d %H:%M:%S" };
    time.format(format).to_string()
}

/// The calendar time; none outside of the years that `chrono` supports.
pub(super) fn moment(seconds: f64) -> Option<NaiveDateTime> {
    if !seconds.is_finite() {
        return None;
    }
    DateTime::from_timestamp(seconds.floor() as i64, 0).map(|t| t.naive_utc())
}

#[cfg(test)]
mod tests {
    use super::{parse, parse_all, written};

    #[test]
    fn dates_are_read_and_written() {
        for (text, back) in [
            ("2024-02-29", "2024-02-29"),
            ("1969/12/31", "1969-12-31"),
            ("29.02.2024", "2024-02-29"),
            ("20240229", "2024-02-29"),
            ("2024-02-29T13:05", "2024-02-29 13:05:00"),
            ("2024-02-29T13:05:06+01:00", "2024-02-29 12:05:06"),
        ] {
            assert_eq!(parse(text).map(written).as_deref(), Some(back), "{text}");
        }
        for text in ["2023-02-29", "12", "3.1415926", "1.2.3", "x", "", "2024-13-01"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn slashes_need_a_row_that_shows_the_day() {
        let all = |texts: &[&str]| parse_all(&texts.iter().collect());
        assert_eq!(all(&["03/04/2024", "01/02/2024"]), None);
        assert_eq!(all(&["03/04/2024", "25/02/2024"]), Some(vec![1_712_102_400.0, 1_708_819_200.0]));
        assert_eq!(all(&["03/04/2024", "02/25/2024"]), Some(vec![1_709_510_400.0, 1_708_819_200.0]));
        assert_eq!(all(&["20240101", "20240102"]), None, "these may as well be numbers");
    }
}
