//! Columns of numbers and dates: what somebody wants them to be instead, and what their numbers may mean.

use super::column::{Job, Verdict, of_workbook};
use super::dates;
use super::kinds::ReadKind;
use super::numbers::number;
use super::odd::{KEPT, OddCells};
use super::words::names_places;
use crate::numbers::Numbers;
use crate::read::Note;
use crate::table::{Column, ColumnKind, TextBuilder, Values};
use chainrule_common::format;

impl Job<'_> {
    /// Numbers of a typed format, or of plain text.
    pub(super) fn numbers(&self, numbers: &Numbers) -> Verdict {
        // Numbers that are missing by name.
        let decimal = if self.comma { ',' } else { '.' };
        let value = |w: &String| number(w.trim(), decimal).or_else(|| number(w.trim(), '.')).map(|(v, _)| v);
        let named: Vec<f64> = self.words.0.unwrap_or(&[]).iter().filter_map(value).collect();
        let is_named = |v: f64| named.contains(&v);
        let cleared: Option<Numbers> = (!named.is_empty() && numbers.iter().any(is_named))
            .then(|| numbers.iter().map(|v| if is_named(v) { f64::NAN } else { v }).collect());
        let numbers = cleared.as_ref().unwrap_or(numbers);
        let mut verdict = Verdict::default();
        match self.reading.kind {
            Some(ReadKind::EpochSeconds) => verdict.values = Some(Values::Dates(numbers.clone())),
            Some(ReadKind::EpochMilliseconds) => {
                verdict.values = Some(Values::Dates(numbers.iter().map(|v| v / 1000.0).collect()));
            }
            Some(ReadKind::WorkbookDays) => {
                verdict.values = Some(Values::Dates(numbers.iter().map(of_workbook).collect()));
            }
            Some(ReadKind::Date) => {
                let day = |v: f64| dates::digits(&format!("{v}"));
                verdict.values = Some(Values::Dates(numbers.iter().map(|v| day(v).unwrap_or(f64::NAN)).collect()));
                verdict.odd = odd_numbers(ReadKind::Date, numbers, |v| day(v).is_some());
            }
            Some(ReadKind::Text) => verdict.values = Some(in_full(numbers)),
            Some(ReadKind::Boolean) => {
                let cells = numbers.iter().map(|v| match v {
                    0.0 => Some("false"),
                    1.0 => Some("true"),
                    _ => None,
                });
                verdict.values = Some(Column::text("", cells).values);
                verdict.odd = odd_numbers(ReadKind::Boolean, numbers, |v| v == 0.0 || v == 1.0);
            }
            Some(ReadKind::Number | ReadKind::Hours) => verdict.values = cleared.map(Values::Numbers),
            None if names_places(&self.column.name) && are_whole(numbers) => {
                verdict.values = Some(in_full(numbers));
                self.tell_places(&mut verdict);
            }
            None => {
                verdict.notes = self.doubts(numbers);
                verdict.values = cleared.map(Values::Numbers);
            }
        }
        verdict
    }

    /// Dates of a typed format, which may be wanted as something else.
    pub(super) fn dates(&self, days: &Numbers) -> Verdict {
        let kind = match self.reading.kind {
            Some(ReadKind::Text) => ColumnKind::Text,
            Some(ReadKind::Number) => ColumnKind::Number,
            _ => {
                let named: Vec<f64> = self.words.0.unwrap_or(&[]).iter().filter_map(|w| dates::any(w.trim())).collect();
                let is_named = |v: f64| named.contains(&v);
                let values = (!named.is_empty() && days.iter().any(is_named))
                    .then(|| Values::Dates(days.iter().map(|v| if is_named(v) { f64::NAN } else { v }).collect()));
                let notes = self.sentinel_dates(days, &|row| crate::dates::written(days.get(row)));
                return Verdict { values, notes, ..Verdict::default() };
            }
        };
        Verdict { values: self.column.converted(kind).map(|c| c.values), ..Verdict::default() }
    }

    /// Says of a column that was kept as text that it names places.
    pub(super) fn tell_places(&self, verdict: &mut Verdict) {
        verdict.reading.kind = Some(ReadKind::Text);
        let text = format!("\"{}\" names places: its numbers were kept as text, a category.", self.column.name);
        verdict.notes.push(self.offer(text, "Read as numbers", |own| own.kind = Some(ReadKind::Number)));
    }

    /// What numbers may mean instead.
    pub(super) fn doubts(&self, numbers: &Numbers) -> Vec<Note> {
        let mut notes = Vec::new();
        if self.reading.kind.is_some() && self.reading.missing.is_some() {
            return notes;
        }
        let name = &self.column.name;
        let (low, high) = numbers.range();
        if low < high && (low.is_infinite() || high.is_infinite()) {
            let count = numbers.iter().filter(|v| v.is_infinite()).count();
            let row = numbers.iter().position(f64::is_infinite).unwrap_or(0) + 1;
            let cells = format::counted(count, "cell");
            let verb = if count == 1 { "is" } else { "are" };
            notes.push(
                format!(
                    "\"{name}\": {cells} {verb} infinite, the first in row {row}. No network can be trained on them."
                )
                .into(),
            );
        }
        if low > high || !low.is_finite() || !high.is_finite() {
            return notes;
        }
        if self.reading.missing.is_none() {
            let ends = [low, high].into_iter().filter(|v| is_sentinel(*v) || *v < 0.0 && v.fract() == 0.0);
            notes.extend(ends.filter_map(|end| self.sentinel(numbers, end)));
        }
        if self.reading.kind.is_none() && are_whole(numbers) {
            notes.extend(self.maybe_dates(numbers, low, high));
        }
        if self.reading.kind.is_none() {
            notes.extend(self.maybe_workbook_days(low, high));
        }
        notes
    }

    /// That the smallest or the largest number may stand for missing values.
    fn sentinel(&self, numbers: &Numbers, sentinel: f64) -> Option<Note> {
        let (mut count, mut first) = (0, 0);
        let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
        for (row, value) in numbers.iter().enumerate().filter(|(_, v)| !v.is_nan()) {
            if value == sentinel {
                if count == 0 {
                    first = row;
                }
                count += 1;
            } else {
                (least, most) = (least.min(value), most.max(value));
            }
        }
        // Far from all others.
        let span = most - least;
        let distance = if sentinel < 0.0 { least - sentinel } else { sentinel - most };
        // Of negative numbers only those that occur again and again where all others are positive.
        let usual = is_sentinel(sentinel) || (count > 2 && least >= 0.0);
        let fits = usual && most >= least && count * 2 <= numbers.len() && distance > span.max(sentinel.abs() / 10.0);
        if !fits {
            return None;
        }
        let cells = format::counted(count, "cell");
        let written = format::cell(sentinel);
        let verb = if count == 1 { "is" } else { "are" };
        let text = format!(
            "\"{}\": {cells} {verb} {written}, far from all others ({} to {}); the first is row {}. Such numbers often stand for missing values.",
            self.column.name,
            format::cell(least),
            format::cell(most),
            first + 1
        );
        let mut list = self.words.listed();
        list.push(written.clone());
        Some(self.offer(text, &format!("Treat {written} as missing"), |own| own.missing = Some(list)))
    }

    /// That whole numbers between `low` and `high` may be dates.
    fn maybe_dates(&self, numbers: &Numbers, low: f64, high: f64) -> Option<Note> {
        let name = &self.column.name;
        let lower = name.to_lowercase();
        let words =
            ["time", "date", "stamp", "epoch", "created", "updated", "day", "when", "tms", "utc", "unix", "seen"];
        let named = words.iter().any(|w| lower.contains(w))
            || lower == "ts"
            || lower.ends_with("_ts")
            || lower.ends_with("_at");
        // From September 2001 to the year 2100.
        let epoch = [(1.0, ReadKind::EpochSeconds), (1000.0, ReadKind::EpochMilliseconds)]
            .into_iter()
            .find(|(unit, _)| low >= 1e9 * unit && high <= 4.2e9 * unit);
        let days = || numbers.iter().all(|v| v.is_nan() || dates::digits(&format!("{v}")).is_some());
        if let Some((_, kind)) = epoch.filter(|_| named) {
            let text = format!("\"{name}\" was read as numbers; it may hold dates in {}.", kind.label());
            Some(self.offer(text, "Read as dates", |own| own.kind = Some(kind)))
        } else if low >= 19_000_101.0 && high <= 21_001_231.0 && days() {
            let text = format!("\"{name}\" was read as numbers; it may hold dates such as {}.", format::cell(low));
            Some(self.offer(text, "Read as dates", |own| own.kind = Some(ReadKind::Date)))
        } else {
            None
        }
    }

    /// That numbers between `low` and `high` may be days as workbooks count them.
    fn maybe_workbook_days(&self, low: f64, high: f64) -> Option<Note> {
        let name = &self.column.name;
        let lower = name.to_lowercase();
        // 1954 to 2064.
        let fits = low >= 20_000.0 && high <= 60_000.0;
        let words = ["date", "datum", "fecha", "dato", "birth", "dob", "day", "tag", "when"];
        let named = words.iter().any(|w| lower.contains(w)) || lower == "data" || lower == "dt";
        if !fits || !named {
            return None;
        }
        let day = crate::dates::written(of_workbook(low));
        let text = format!(
            "\"{name}\" was read as numbers; it may hold dates as workbooks count days, such as {} for {day}.",
            format::cell(low)
        );
        Some(self.offer(text, "Read as dates", |own| own.kind = Some(ReadKind::WorkbookDays)))
    }
}

/// Numbers that do not fit what their column is read as.
fn odd_numbers(kind: ReadKind, numbers: &Numbers, fits: impl Fn(f64) -> bool) -> Option<(ReadKind, OddCells, usize)> {
    let odd = || numbers.iter().enumerate().filter(|(_, v)| !v.is_nan() && !fits(*v));
    let count = odd().count();
    let cells = || odd().take(KEPT).map(|(row, v)| (row, format::cell(v).into())).collect();
    (count > 0).then(|| (kind, cells(), count))
}

/// Whether a number is made of nines, as those that stand for missing values often are.
fn is_sentinel(value: f64) -> bool {
    let digits = format!("{}", value.abs());
    let nines = digits.bytes().filter(|b| *b == b'9').count();
    nines >= if value < 0.0 { 2 } else { 3 } && digits.bytes().all(|b| matches!(b, b'9' | b'.'))
}

fn are_whole(numbers: &Numbers) -> bool {
    numbers.are_whole()
}

/// Numbers as text, with all their digits.
fn in_full(numbers: &Numbers) -> Values {
    let mut cells = TextBuilder::default();
    numbers.iter().for_each(|v| cells.push(Some(v.to_string()).filter(|_| !v.is_nan()).as_deref()));
    Values::Text(cells.finish())
}
