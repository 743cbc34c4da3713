//! What one column of text is: numbers, dates, booleans, codes, or text after all.

use super::dates::{self, DateText};
use super::kinds::{ColumnReading, DateOrder, ReadKind};
use super::magnitudes::{self, factor, with_magnitude};
use super::numbers::{hours, is_code, is_inexact, number};
use super::odd::{self, KEPT, OddCells};
use super::survey::{Survey, truth};
use super::words::{MissingWords, is_placeholder, names_places};
use crate::read::{Note, ReadOptions};
use crate::table::{Column, Text, Values};
use chainrule_common::format;
use rayon::prelude::{IntoParallelIterator as _, ParallelIterator as _};
use std::borrow::Cow;

/// Signs of numbers that say something.
const BRACKETS: &str = "brackets as a minus";
const MINUS: &str = "another minus than \"-\" before the digits";
const FORTRAN: &str = "D before the exponent";
const ORDERS: [DateOrder; 3] = [DateOrder::DayFirst, DateOrder::MonthFirst, DateOrder::YearFirst];

/// What the format of a file says about its text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    /// Whether text may be anything, and not text for sure.
    pub untyped: bool,
    /// Columns of text that are whole numbers for sure.
    pub digits: &'a [String],
    /// Whether numbers were text in the file that other formats have for text, so that it is said.
    pub stored: bool,
    /// Whether the decimal sign was found to be a comma.
    pub decimal_comma: bool,
}

/// What became of one column.
#[derive(Default)]
pub(super) struct Verdict {
    pub values: Option<Values>,
    pub reading: ColumnReading,
    pub odd: Option<(ReadKind, OddCells, usize)>,
    /// What is left out of numbers, such as "kg".
    pub way: Option<String>,
    pub notes: Vec<Note>,
    /// The order that the cells show, and a cell that shows it.
    pub order: Option<(DateOrder, String)>,
}

/// A column to decide about.
pub(super) struct Job<'a> {
    pub column: &'a Column,
    pub reading: &'a ColumnReading,
    pub words: MissingWords<'a>,
    pub comma: bool,
    pub file_comma: bool,
    pub given: &'a ReadOptions,
    pub source: Source<'a>,
    /// The order of dates in another column.
    pub order: Option<DateOrder>,
}

impl Job<'_> {
    pub(super) fn text(&self, text: &Text, survey: &Survey) -> Verdict {
        let is_sure = self.reading.kind.is_some();
        let levels = text.levels();
        if levels.iter().zip(&survey.counts).all(|(level, n)| *n == 0 || self.words.has(level)) && !is_sure {
            return Verdict { values: Some(Values::Numbers(vec![f64::NAN; text.len()].into())), ..Verdict::default() };
        }
        let converted = match survey.likely {
            ReadKind::Number => self.as_numbers(text, survey),
            ReadKind::Hours => self.converted(text, survey, ReadKind::Hours, &|l| hours(l)).map(|mut v| {
                let of_day = |l: &str| hours(l).is_none() || dates::time_of_day(l).is_some();
                let way = if levels.iter().all(of_day) { "hours since midnight" } else { "lengths of time, in hours" };
                v.way = Some(way.to_owned());
                v
            }),
            ReadKind::Date => self.as_dates(text, survey),
            ReadKind::EpochSeconds | ReadKind::EpochMilliseconds => {
                let unit = if survey.likely == ReadKind::EpochSeconds { 1.0 } else { 1000.0 };
                self.converted(text, survey, survey.likely, &|l| number(l, '.').map(|(v, _)| v / unit))
            }
            ReadKind::WorkbookDays => {
                self.converted(text, survey, survey.likely, &|l| number(l, '.').map(|(v, _)| of_workbook(v)))
            }
            ReadKind::Boolean => return self.as_booleans(text, survey),
            ReadKind::Text => None,
        };
        converted.unwrap_or_else(|| {
            let mut verdict = self.as_text(text, survey);
            verdict.notes.extend(self.doubt(text, survey));
            if verdict.notes.is_empty() && verdict.values.as_ref().is_none_or(|v| matches!(v, Values::Text(_))) {
                verdict.notes.extend(self.unread(text, survey));
            }
            verdict
        })
    }

    /// That a column was kept as text though most of its cells are something else.
    fn doubt(&self, text: &Text, survey: &Survey) -> Option<Note> {
        if !matches!(survey.likely, ReadKind::Number | ReadKind::Date | ReadKind::Hours) {
            return None;
        }
        let levels = text.levels();
        let decimal = if self.comma { ',' } else { '.' };
        let fits = |l: &str| match survey.likely {
            ReadKind::Number => number(l, decimal).is_some(),
            ReadKind::Date => {
                dates::digits(l).is_some()
                    || dates::read(l).is_some_and(|d| d.is_open() || d.seconds(DateOrder::YearFirst).is_some())
            }
            ReadKind::Hours => hours(l).is_some(),
            _ => true,
        };
        let is_odd: Vec<bool> = levels.iter().map(|l| !self.words.has(l) && !fits(l)).collect();
        let cells = |odd: bool| -> usize {
            let counted =
                levels.iter().zip(&survey.counts).zip(&is_odd).filter(|((l, _), o)| **o == odd && !self.words.has(l));
            counted.map(|((_, n), _)| *n).sum()
        };
        let (fit, odd) = (cells(false), cells(true));
        if fit == 0 {
            return None;
        }
        let row = text.codes().position(|code| code.is_some_and(|c| is_odd[c as usize]))?;
        let kind = survey.likely;
        let verb = if odd == 1 { "is" } else { "are" };
        let said = format!(
            "\"{}\" was kept as text: {fit} of {} are {}, but {odd} {verb} not, the first in row {} \"{}\".",
            self.column.name,
            format::counted(text.len(), "cell"),
            kind.label(),
            row + 1,
            text.get(row).unwrap_or_default()
        );
        Some(self.offer(said, &format!("Read as {}", kind.label()), |own| own.kind = Some(kind)))
    }

    /// Converts every level; none if too many cells are something else.
    fn converted(
        &self,
        text: &Text,
        survey: &Survey,
        kind: ReadKind,
        read: &(dyn Fn(&str) -> Option<f64> + Sync),
    ) -> Option<Verdict> {
        let levels = text.levels();
        let level = |k: usize| levels.get(k).unwrap_or_default();
        let of_level: Vec<f64> = (0..levels.len())
            .into_par_iter()
            .map(|k| if self.words.has(level(k)) { f64::NAN } else { read(level(k)).unwrap_or(f64::NAN) })
            .collect();
        let is_odd: Vec<bool> = (0..levels.len())
            .map(|k| of_level[k].is_nan() && survey.counts[k] > 0 && !self.words.has(level(k)))
            .collect();
        let fit: usize = (0..levels.len()).filter(|&k| !of_level[k].is_nan()).map(|k| survey.counts[k]).sum();
        let odd = || (0..levels.len()).filter(|&k| is_odd[k]);
        if self.reading.kind.is_none() {
            let distinct = of_level.iter().filter(|v| !v.is_nan()).count();
            if !odd::are_errors(fit, distinct, odd().map(|k| (level(k), survey.counts[k]))) {
                return None;
            }
        }
        let numbers = text.numbers(&of_level);
        let is_date = !matches!(kind, ReadKind::Number | ReadKind::Hours);
        let values = if is_date { Values::Dates(numbers) } else { Values::Numbers(numbers) };
        let odd = odd_cells(kind, text, survey, &is_odd);
        Some(Verdict { values: Some(values), reading: ColumnReading::of(kind), odd, ..Verdict::default() })
    }

    fn as_numbers(&self, text: &Text, survey: &Survey) -> Option<Verdict> {
        let is_sure = self.reading.kind.is_some();
        let levels = text.levels();
        let used = || levels.iter().zip(&survey.counts).filter(|(l, n)| **n > 0 && !self.words.has(l));
        let decimal = if self.comma { ',' } else { '.' };
        // Digits that name a thing.
        let digits = |l: &str| l.strip_prefix('-').unwrap_or(l).bytes().all(|b| b.is_ascii_digit());
        if !is_sure && used().any(|(l, _)| is_code(l)) && used().all(|(l, _)| digits(l) || number(l, decimal).is_none())
        {
            return self.as_codes(text, survey);
        }
        let is_whole = |l: &str| number(l, decimal).is_none_or(|(v, _)| v.fract() == 0.0);
        if !is_sure && names_places(&self.column.name) && used().all(|(l, _)| is_whole(l)) {
            let mut verdict = self.as_text(text, survey);
            self.tell_places(&mut verdict);
            return Some(verdict);
        }
        let words = || used().map(|(l, _)| l);
        let sized = match (self.reading.magnitudes, &self.reading.unit) {
            (Some(sized), _) => sized,
            (None, Some(_)) => false,
            (None, None) => magnitudes::are_meant(words(), decimal),
        };
        if sized {
            return self.with_magnitudes(text, survey, decimal);
        }
        let Notation { units, marks: marks_seen, apart, distinct } = Notation::of(used(), decimal);
        let is_currency = |unit: &str| unit.chars().all(|c| !c.is_alphanumeric() && c != '%' && c != '°');
        let Some(most) = units.iter().max_by_key(|(_, n, _)| *n) else {
            // Not one number.
            return if is_sure { self.converted(text, survey, ReadKind::Number, &|_| None) } else { None };
        };
        let named: Vec<&Unit> = units.iter().filter(|(u, ..)| u.is_some()).collect();
        // One currency, with and without its sign.
        let unit = match (&self.reading.unit, &named[..]) {
            (Some(unit), _) => Some(unit.clone()),
            (None, [(Some(one), ..)]) if is_currency(one) => Some(one.clone()),
            _ => most.0.clone(),
        };
        let known = unit.is_none() || named.iter().any(|(u, _, known)| *u == unit && *known) && apart;
        if !known && distinct < 5 && !is_sure {
            return None;
        }
        let with_unit: usize = units.iter().filter(|(u, ..)| *u == unit).map(|(_, n, _)| *n).sum();
        let without: usize = units.iter().filter(|(u, ..)| u.is_none()).map(|(_, n, _)| *n).sum();
        let bare = unit.as_ref().is_none_or(|u| is_currency(u) || without * 10 <= with_unit && u != "%" && u != "‰");
        let read = |level: &str| {
            let (value, marks) = number(level, decimal)?;
            let own = marks.unit.map(|u| u.to_lowercase());
            (own == unit || own.is_none() && bare).then_some(value)
        };
        let mut verdict = self.converted(text, survey, ReadKind::Number, &read)?;
        let mut left_out: Vec<String> = unit.iter().map(|u| format!("\"{}\"", self.as_written(u, text))).collect();
        let mut meant = Vec::new();
        for mark in marks_seen {
            (if [BRACKETS, MINUS, FORTRAN].contains(&mark.as_str()) { &mut meant } else { &mut left_out }).push(mark);
        }
        if self.comma && survey.commas > 0 {
            meant.insert(0, "a decimal comma".to_owned());
        } else if self.file_comma && !self.comma && survey.points > 0 {
            meant.insert(0, "a decimal point".to_owned());
        }
        verdict.reading.unit = unit;
        if self.comma || self.file_comma {
            verdict.reading.decimal_comma = Some(self.comma);
        }
        let part = |word: &str, list: &[String]| {
            if list.is_empty() { String::new() } else { format!(" {word} {}", list.join(" and ")) }
        };
        let way = format!("{}{}", part("without", &left_out), part("with", &meant));
        verdict.way = match way.is_empty() {
            false => Some(format!("numbers{way}")),
            // A word among numbers makes text of them.
            true if self.source.stored && verdict.odd.is_none() && !levels.iter().any(|l| self.words.has(l)) => {
                Some("numbers, though stored as text".to_owned())
            }
            true => None,
        };
        verdict.notes.extend(match &verdict.values {
            Some(Values::Numbers(numbers)) => self.doubts(numbers),
            _ => Vec::new(),
        });
        verdict.notes.extend(self.doubtful_thousands(text, survey, decimal));
        Some(verdict)
    }

    /// Numbers with words such as k and M behind them.
    fn with_magnitudes(&self, text: &Text, survey: &Survey, decimal: char) -> Option<Verdict> {
        let levels = text.levels();
        let read =
            |l: &str| with_magnitude(l, decimal).or_else(|| number(l, decimal).map(|(v, _)| (v, ""))).map(|(v, _)| v);
        let mut verdict = self.converted(text, survey, ReadKind::Number, &read)?;
        let mut seen: Vec<(&str, &str)> = Vec::new();
        for word in levels.iter().filter_map(|l| with_magnitude(l, decimal)).map(|(_, word)| word) {
            if let Some((_, many)) = factor(word).filter(|(_, many)| !seen.contains(&(word, *many))) {
                seen.push((word, many));
            }
        }
        let list: Vec<String> = seen.iter().map(|(word, many)| format!("\"{word}\" as {many}")).collect();
        let currency = levels.iter().any(magnitudes::has_currency);
        verdict.reading.magnitudes = Some(true);
        if self.comma || self.file_comma {
            verdict.reading.decimal_comma = Some(self.comma);
        }
        let without = if currency { " without their currency" } else { "" };
        verdict.way = (!list.is_empty()).then(|| format!("numbers{without} with {}", list.join(" and ")));
        Some(verdict)
    }

    /// A unit in the case in which it stands first.
    fn as_written(&self, unit: &str, text: &Text) -> String {
        let decimal = if self.comma { ',' } else { '.' };
        let own = |l: &str| {
            number(l, decimal).and_then(|(_, m)| m.unit.map(Cow::into_owned)).filter(|u| u.to_lowercase() == unit)
        };
        text.levels().iter().find_map(own).unwrap_or_else(|| unit.to_owned())
    }

    /// Codes of digits: they stay text.
    fn as_codes(&self, text: &Text, survey: &Survey) -> Option<Verdict> {
        let levels = text.levels();
        let used = || levels.iter().zip(&survey.counts).filter(|(l, n)| **n > 0 && !self.words.has(l)).map(|(l, _)| l);
        let zero = |l: &&str| l.trim_start_matches('-').starts_with('0') && l.len() > 1;
        let name = &self.column.name;
        let said = match (used().find(zero), used().find(|l| is_inexact(l.trim_start_matches('-')))) {
            (Some(cell), _) => format!("\"{name}\" was kept as text: its digits begin with zeros, as \"{cell}\" does."),
            (None, Some(cell)) => format!(
                "\"{name}\" was kept as text: it has whole numbers such as {cell} beyond the precision of numbers (2⁵³), which would be rounded."
            ),
            _ => return None,
        };
        let mut verdict = self.as_text(text, survey);
        verdict.reading.kind = Some(ReadKind::Text);
        verdict.notes.push(self.offer(said, "Read as numbers", |own| own.kind = Some(ReadKind::Number)));
        Some(verdict)
    }

    fn as_dates(&self, text: &Text, survey: &Survey) -> Option<Verdict> {
        let levels = text.levels();
        let name = &self.column.name;
        let is_sure = self.reading.kind.is_some();
        let level = |k: usize| levels.get(k).unwrap_or_default();
        let is_used = |k: usize| survey.counts[k] > 0 && !self.words.has(level(k));
        let found: Vec<Option<DateText>> =
            (0..levels.len()).into_par_iter().map(|k| if is_used(k) { dates::read(level(k)) } else { None }).collect();
        let dates_of = || found.iter().enumerate().filter_map(|(k, d)| d.as_ref().map(|d| (k, d)));
        if !is_sure {
            let all_but_placeholders =
                || (0..levels.len()).all(|k| !is_used(k) || found[k].is_some() || is_placeholder(level(k)));
            let weak = dates_of().any(|(_, d)| d.weak);
            let version = name.to_lowercase().contains("version")
                || dates_of().any(|(_, d)| d.day_of_year) && counts_things(name);
            if weak && (version || !all_but_placeholders() || are_spans(dates_of().map(|(k, _)| level(k)))) {
                return None;
            }
        }
        let is_open = dates_of().any(|(_, d)| d.is_open());
        let fits = |order: DateOrder| -> usize {
            dates_of().filter(|(_, d)| d.seconds(order).is_some()).map(|(k, _)| survey.counts[k]).sum()
        };
        let mut shown = None;
        // The year, the day and the month, if all cells must be so.
        let fits_all = |order: DateOrder| dates_of().all(|(_, d)| d.is_year_first() && d.seconds(order).is_some());
        let year_day =
            self.reading.date_order.is_none() && !fits_all(DateOrder::YearFirst) && fits_all(DateOrder::YearDayFirst);
        let order = match self.reading.date_order.or(self.order) {
            _ if year_day => DateOrder::YearDayFirst,
            Some(order) => order,
            None if !is_open => DateOrder::YearFirst,
            None => {
                let counts = ORDERS.map(fits);
                let all: usize = dates_of().map(|(k, _)| survey.counts[k]).sum();
                if counts.iter().all(|most| most * 10 < all * 9) {
                    return Some(self.undecided(text, survey, "no order of day and month fits all rows"));
                }
                let [day, month, year] = counts;
                let order = if year > day.max(month) {
                    // Only where it cannot be otherwise.
                    DateOrder::YearFirst
                } else if day == month {
                    let why = "no row shows which is the day and which is the month";
                    return Some(self.undecided(text, survey, why));
                } else if day > month {
                    DateOrder::DayFirst
                } else {
                    DateOrder::MonthFirst
                };
                let other = order.other();
                shown = dates_of()
                    .find(|(_, d)| d.seconds(order).is_some() && d.seconds(other).is_none())
                    .map(|(k, _)| (order, level(k).to_owned()));
                order
            }
        };
        // Among dates, eight digits are one too.
        let read = |l: &str| dates::read(l).and_then(|d| d.seconds(order)).or_else(|| dates::digits(l));
        let mut verdict = self.converted(text, survey, ReadKind::Date, &read)?;
        verdict.reading.date_order = (is_open || order == DateOrder::YearDayFirst).then_some(order);
        if let Some((k, _)) = dates_of().find(|(_, d)| d.seconds(DateOrder::YearFirst).is_none()).filter(|_| year_day) {
            let text = format!("\"{name}\" was read as dates with {}, as \"{}\" shows.", order.words(), level(k));
            verdict.notes.push(offering_orders(text.into(), name, &[DateOrder::YearFirst], self.given));
        }
        if let Some((k, _)) = dates_of().find(|(_, d)| d.day_of_year).filter(|_| !is_sure) {
            let text = format!("\"{name}\" was read as dates of a year and a day of it, such as \"{}\".", level(k));
            verdict.notes.push(self.offer(text, "Read as text", |own| own.kind = Some(ReadKind::Text)));
        }
        if let Some(Values::Dates(days)) = &verdict.values {
            let notes = self.sentinel_dates(days, &|row| text.get(row).unwrap_or_default().to_owned());
            verdict.notes.extend(notes);
        }
        verdict.order = shown;
        if let Some((k, _)) = dates_of().find(|(_, d)| d.short_year).filter(|_| !is_sure) {
            let text = format!(
                "\"{name}\" has years of two digits, such as \"{}\": 69 to 99 are of 1969 to 1999, the others of 2000 to 2068.",
                level(k)
            );
            verdict.notes.push(self.offer(text, "Read as text", |own| own.kind = Some(ReadKind::Text)));
        }
        Some(verdict)
    }

    /// Dates of which nothing shows the order stay text, and that is said.
    fn undecided(&self, text: &Text, survey: &Survey, why: &str) -> Verdict {
        let name = &self.column.name;
        let example = text.levels().iter().find(|l| dates::read(l).is_some_and(|d| d.is_open())).unwrap_or_default();
        let said = format!("\"{name}\" was kept as text: it looks like dates, such as \"{example}\", but {why}.");
        let mut verdict = self.as_text(text, survey);
        verdict.reading = ColumnReading::default();
        let note = offering_orders(said.into(), name, &[DateOrder::DayFirst, DateOrder::MonthFirst], self.given);
        verdict.notes.push(note);
        verdict
    }

    fn as_booleans(&self, text: &Text, survey: &Survey) -> Verdict {
        let levels = text.levels();
        let to = |level: &str| truth(level).filter(|_| !self.words.has(level)).map(|t| t.to_string());
        let plain = levels.iter().zip(&survey.counts).all(|(l, n)| *n == 0 || l == "true" || l == "false");
        let is_odd: Vec<bool> = levels.iter().map(|l| !self.words.has(l) && truth(l).is_none()).collect();
        let odd = odd_cells(ReadKind::Boolean, text, survey, &is_odd);
        Verdict {
            values: (!plain).then(|| Values::Text(text.mapped(to))),
            reading: ColumnReading::of(ReadKind::Boolean),
            way: (!plain && self.reading.kind.is_none()).then(|| "booleans, true and false".to_owned()),
            odd,
            ..Verdict::default()
        }
    }

    pub(super) fn offer(&self, text: String, label: &str, change: impl FnOnce(&mut ColumnReading)) -> Note {
        Note::from(text).offering(label, self.given, |o| change(o.columns.entry(self.column.name.clone()).or_default()))
    }
}

/// A unit in small letters, or none; how many cells have it, and whether it is a known one.
type Unit = (Option<String>, usize, bool);

/// How the numbers of a column are written.
#[derive(Default)]
struct Notation {
    units: Vec<Unit>,
    /// What else is not plain about them.
    marks: Vec<String>,
    /// Whether no unit is a single letter, which may be part of a code.
    apart: bool,
    /// How many different texts are numbers.
    distinct: usize,
}

impl Notation {
    fn of<'a>(levels: impl Iterator<Item = (&'a str, &'a usize)>, decimal: char) -> Self {
        let mut found = Self { apart: true, ..Self::default() };
        for (level, &count) in levels {
            let Some((_, marks)) = number(level, decimal) else { continue };
            found.distinct += 1;
            let unit = marks.unit.as_ref().map(|u| u.to_lowercase());
            found.apart &= unit.as_ref().is_none_or(|u| u.chars().count() > 1 || !u.starts_with(char::is_alphabetic));
            match found.units.iter_mut().find(|(u, ..)| *u == unit) {
                Some((_, n, _)) => *n += count,
                None => found.units.push((unit, count, marks.known)),
            }
            let seen = [
                marks.between_thousands.map(|c| match c {
                    ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}' | '\u{2007}' => "a blank between thousands".to_owned(),
                    c => format!("\"{c}\" between thousands"),
                }),
                marks.blanks.then(|| "invisible blanks around".to_owned()),
                marks.brackets.then(|| BRACKETS.to_owned()),
                marks.minus.then(|| MINUS.to_owned()),
                marks.fortran.then(|| FORTRAN.to_owned()),
            ];
            for mark in seen.into_iter().flatten() {
                if !found.marks.contains(&mark) {
                    found.marks.push(mark);
                }
            }
        }
        found
    }
}

/// The cells of the levels that do not fit their column.
fn odd_cells(kind: ReadKind, text: &Text, survey: &Survey, is_odd: &[bool]) -> Option<(ReadKind, OddCells, usize)> {
    let count = survey.counts.iter().zip(is_odd).filter(|(_, odd)| **odd).map(|(n, _)| *n).sum();
    (count > 0).then(|| {
        let odd = text.codes().enumerate().filter(|(_, code)| code.is_some_and(|c| is_odd[c as usize])).take(KEPT);
        (kind, odd.map(|(row, _)| (row, text.get(row).unwrap_or_default().into())).collect(), count)
    })
}

/// Seconds since 1970 of a day as workbooks count it.
pub(super) fn of_workbook(days: f64) -> f64 {
    ((days - 25_569.0) * 86_400.0).round()
}

/// Whether a column counts things rather than days, by its name.
fn counts_things(name: &str) -> bool {
    let lower = name.to_lowercase();
    let words =
        ["id", "no", "nr", "number", "num", "code", "key", "ref", "invoice", "order", "case", "ticket", "serial"];
    lower.split(|c: char| !c.is_alphanumeric()).any(|word| words.contains(&word))
}

/// Whether texts such as 2009-10 are years that follow each other, and no months.
fn are_spans<'a>(mut texts: impl Iterator<Item = &'a str>) -> bool {
    texts.all(|t| {
        let years = t.split_once(['-', '/']).and_then(|(a, b)| Some((a.parse::<u32>().ok()?, b.parse::<u32>().ok()?)));
        years.is_some_and(|(a, b)| (a + 1) % 100 == b)
    })
}

/// A note that offers to read a column as dates in other orders.
pub(super) fn offering_orders(note: Note, column: &str, orders: &[DateOrder], given: &ReadOptions) -> Note {
    orders.iter().fold(note, |note, &order| {
        note.offering(order.choice(), given, |o| {
            let own = o.columns.entry(column.to_owned()).or_default();
            (own.kind, own.date_order) = (Some(ReadKind::Date), Some(order));
        })
    })
}
