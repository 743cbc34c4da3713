//! Dates that stand for missing ones, such as 9999-12-31.

use super::column::Job;
use super::dates;
use crate::numbers::Numbers;
use crate::read::Note;
use chainrule_common::format;

const DAY: f64 = 86_400.0;
/// Days that programs write where there is none.
const DAYS: [&str; 16] = [
    "0001-01-01",
    "1000-01-01",
    "1753-01-01",
    "1800-01-01",
    "1899-12-30",
    "1899-12-31",
    "1900-01-01",
    "1901-01-01",
    "1970-01-01",
    "2099-12-31",
    "2100-01-01",
    "2999-12-31",
    "3000-01-01",
    "9999-01-01",
    "9999-12-30",
    "9999-12-31",
];
/// Ways of writing one that become words for missing values.
const WAYS: usize = 20;

impl Job<'_> {
    /// That the first or the last of dates may stand for missing ones. `written` is how the date of a row stands in the file.
    pub(super) fn sentinel_dates(&self, days: &Numbers, written: &dyn Fn(usize) -> String) -> Vec<Note> {
        if self.reading.missing.is_some() {
            return Vec::new();
        }
        let (low, high) = days.range();
        let ends: &[f64] = if low < high { &[low, high] } else { &[] };
        ends.iter().filter_map(|end| self.sentinel_date(days, *end, written)).collect()
    }

    fn sentinel_date(&self, days: &Numbers, end: f64, written: &dyn Fn(usize) -> String) -> Option<Note> {
        let day = (end / DAY).floor() * DAY;
        let name = DAYS.into_iter().find(|name| dates::any(name) == Some(day))?;
        let is_it = |v: f64| (v / DAY).floor() * DAY == day;
        let (mut count, mut first) = (0_usize, 0);
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        let mut ways: Vec<String> = Vec::new();
        for (row, value) in days.iter().enumerate().filter(|(_, v)| !v.is_nan()) {
            if is_it(value) {
                first = if count == 0 { row } else { first };
                count += 1;
                if ways.len() < WAYS {
                    let way = written(row);
                    if !ways.contains(&way) {
                        ways.push(way);
                    }
                }
            } else {
                (least, most) = (least.min(value), most.max(value));
            }
        }
        let distance = if end < least { least - end } else { end - most };
        // Far from all others, or again and again apart from them.
        let apart = distance > most - least || count > 2 && distance > 5.0 * 365.0 * DAY;
        if least > most || count * 2 > days.len() || !apart {
            return None;
        }
        let cells = format::counted(count, "cell");
        let verb = if count == 1 { "is" } else { "are" };
        let text = format!(
            "\"{}\": {cells} {verb} {name}, far from all others ({} to {}); the first is row {}. Such dates often stand for missing values.",
            self.column.name,
            crate::dates::written(least),
            crate::dates::written(most),
            first + 1
        );
        let mut list = self.words.listed();
        list.extend(ways);
        Some(self.offer(text, &format!("Treat {name} as missing"), |own| own.missing = Some(list)))
    }
}
