//! Seconds since the beginning of 1970 (UTC) as dates.

use chrono::{DateTime, NaiveDateTime};

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
    use super::written;

    #[test]
    fn dates_are_written_with_their_time_unless_it_is_midnight() {
        assert_eq!(written(0.0), "1970-01-01");
        assert_eq!(written(-86_399.5), "1969-12-31 00:00:00");
        assert_eq!(written(f64::NAN), "");
    }
}
