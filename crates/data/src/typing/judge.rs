//! Decides for the columns of a file together what each holds, and tells what was in doubt.

use super::dates::{self, DateText};
use super::kinds::{ColumnReading, DateOrder, ReadKind};
use super::numbers::{hours, is_code, is_inexact, number};
use super::odd::{self, Odd, OddCells};
use super::survey::{Survey, boolean};
use super::words::{Kept, MissingWords, is_value};
use crate::numbers::Numbers;
use crate::read::{Note, ReadOptions};
use crate::table::{Column, ColumnKind, Table, Text, TextBuilder, Values};
use chainrule_common::format;
use rayon::prelude::{
    IndexedParallelIterator as _, IntoParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _,
};
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

/// Odd cells that are kept with their rows.
const KEPT: usize = 100;
/// Text with more levels is not searched for those that differ by case or blanks only.
const COMPARED: usize = 5000;
/// So few levels are compared in any case.
const FEW: usize = 20;
/// Levels of numbers among which words are typing errors rather than levels of their own.
const MANY: usize = 8;
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

/// What was decided.
#[derive(Debug, Default)]
pub(crate) struct Judgement {
    pub notes: Vec<Note>,
    /// How columns are read that are not read plainly.
    pub columns: BTreeMap<String, ColumnReading>,
    /// Whether cells show that the decimal sign of the file is a comma, though its first rows did not.
    pub is_comma: bool,
}

/// What became of one column.
#[derive(Default)]
struct Verdict {
    values: Option<Values>,
    reading: ColumnReading,
    odd: Option<(ReadKind, OddCells, usize)>,
    /// What is left out of numbers, such as "kg".
    way: Option<String>,
    notes: Vec<Note>,
    /// The order that the cells show, and a cell that shows it.
    order: Option<(DateOrder, String)>,
}

/// Decides what the columns of a table hold, and converts them.
pub(crate) fn judge(table: &mut Table, given: &ReadOptions, source: Source<'_>) -> Judgement {
    let plain = ColumnReading::default();
    let reading = |column: &Column| given.columns.get(&column.name).unwrap_or(&plain);
    let survey = |column: &Column| match &column.values {
        Values::Text(text)
            if source.untyped || reading(column).kind.is_some() || source.digits.contains(&column.name) =>
        {
            Some(Survey::of(text, reading(column), words_of(reading(column), given)))
        }
        _ => None,
    };
    let surveys: Vec<Option<Survey>> = table.columns.par_iter().map(survey).collect();
    let points = surveys.iter().flatten().filter(|s| s.points > s.commas).count();
    let commas = surveys.iter().flatten().filter(|s| s.commas > s.points).count();
    let file_comma = source.decimal_comma || (commas > 0 && points == 0);
    let comma = |k: usize, column: &Column| {
        let own = surveys[k].as_ref().map(|s| (s.points, s.commas)).filter(|(p, c)| p != c).map(|(p, c)| c > p);
        reading(column).decimal_comma.or(own).unwrap_or(file_comma)
    };
    let decide = |order: Option<DateOrder>, k: usize, column: &Column| {
        let job = Job {
            column,
            reading: reading(column),
            words: words_of(reading(column), given),
            comma: comma(k, column),
            file_comma,
            given,
            source,
            order,
        };
        match (&surveys[k], &column.values) {
            (Some(survey), Values::Text(text)) => job.text(text, survey),
            (None, Values::Text(text)) => job.words_only(text),
            (_, Values::Numbers(numbers)) => job.numbers(numbers),
            (_, Values::Dates(_)) => job.dates(),
            _ => Verdict::default(),
        }
    };
    let mut verdicts: Vec<Verdict> = table.columns.par_iter().enumerate().map(|(k, c)| decide(None, k, c)).collect();
    // The order of one column holds for another that does not show its own.
    let shown: Vec<(usize, DateOrder)> =
        verdicts.iter().enumerate().filter_map(|(k, v)| Some((k, v.order.as_ref()?.0))).collect();
    if let Some(&(by, order)) = shown.first().filter(|(_, first)| shown.iter().all(|(_, o)| o == first)) {
        for k in 0..verdicts.len() {
            if surveys[k].as_ref().is_some_and(|s| s.likely == ReadKind::Date) && verdicts[k].values.is_none() {
                let mut again = decide(Some(order), k, &table.columns[k]);
                if again.values.is_some() {
                    let other = other_order(order);
                    let name = table.columns[k].name.clone();
                    let text = format!(
                        "\"{name}\" was read as dates with {}, as in \"{}\".",
                        first_word(order),
                        table.columns[by].name
                    );
                    let note = Note::from(text).offering(capital(first_word(other)), given, |o| {
                        let own = o.columns.entry(name).or_default();
                        (own.kind, own.date_order) = (Some(ReadKind::Date), Some(other));
                    });
                    again.notes.push(note);
                    verdicts[k] = again;
                }
            }
        }
    }
    let mut found = Judgement { is_comma: commas > 0 && points == 0 && !source.decimal_comma, ..Judgement::default() };
    let mut ways: Vec<(String, Vec<String>)> = Vec::new();
    let mut odd = Vec::new();
    let rows = table.rows();
    for (column, verdict) in table.columns.iter_mut().zip(verdicts) {
        let name = &column.name;
        if let Some(values) = verdict.values {
            column.values = values;
        }
        let mut kept = given.columns.get(name).cloned().unwrap_or_default();
        kept.fill(verdict.reading);
        if !kept.is_plain() {
            found.columns.insert(name.clone(), kept);
        }
        if let Some((kind, cells, count)) = verdict.odd {
            odd.push(Odd { column: name.clone(), kind, cells, count, rows });
        }
        if let Some(way) = verdict.way {
            match ways.iter_mut().find(|(w, _)| *w == way) {
                Some((_, names)) => names.push(name.clone()),
                None => ways.push((way, vec![name.clone()])),
            }
        }
        if let Some((order, cell)) = verdict.order {
            let text = format!("\"{name}\" was read as dates with {}, as \"{cell}\" shows.", first_word(order));
            found.notes.push(text.into());
        }
        found.notes.extend(verdict.notes);
    }
    for (way, names) in ways {
        let text = format!("{} {} read as {way}.", listed(&names), if names.len() > 1 { "were" } else { "was" });
        let note = Note::from(text).offering("Read as text", given, |o| {
            for name in names {
                o.columns.entry(name).or_default().kind = Some(ReadKind::Text);
            }
        });
        found.notes.push(note);
    }
    if commas > 0 && points > 0 {
        let of = |comma: bool| -> Vec<String> {
            let is = |s: &Survey| if comma { s.commas > s.points } else { s.points > s.commas };
            surveys
                .iter()
                .zip(&table.columns)
                .filter(|(s, _)| s.as_ref().is_some_and(is))
                .map(|(_, c)| c.name.clone())
                .collect()
        };
        found.notes.push(
            format!(
                "The decimal signs differ: {} with a comma, {} with a point.",
                listed(&of(true)),
                listed(&of(false))
            )
            .into(),
        );
    }
    found.notes.extend(odd::tell(&odd, given));
    found
}

/// Names in quotes, at most five of them.
fn listed(names: &[String]) -> String {
    const MOST: usize = 5;
    let mut list: Vec<String> = names.iter().take(MOST).map(|n| format!("\"{n}\"")).collect();
    if names.len() > MOST {
        list.push(format!("{} more", names.len() - MOST));
    }
    list.join(", ")
}

fn first_word(order: DateOrder) -> &'static str {
    match order {
        DateOrder::DayFirst => "the day first",
        DateOrder::MonthFirst => "the month first",
        DateOrder::YearFirst => "the year first",
    }
}

fn capital(words: &str) -> &str {
    match words {
        "the day first" => "The day is first",
        "the month first" => "The month is first",
        _ => "The year is first",
    }
}

fn other_order(order: DateOrder) -> DateOrder {
    if order == DateOrder::DayFirst { DateOrder::MonthFirst } else { DateOrder::DayFirst }
}

fn words_of<'a>(reading: &'a ColumnReading, given: &'a ReadOptions) -> MissingWords<'a> {
    MissingWords(reading.missing.as_deref().or(given.missing.as_deref()))
}

impl ColumnReading {
    /// Takes over what is not set.
    fn fill(&mut self, other: Self) {
        self.kind = self.kind.or(other.kind);
        self.missing = self.missing.take().or(other.missing);
        self.decimal_comma = self.decimal_comma.or(other.decimal_comma);
        self.unit = self.unit.take().or(other.unit);
        self.date_order = self.date_order.or(other.date_order);
        self.spellings = self.spellings.take().or(other.spellings);
    }
}

/// A column to decide about.
struct Job<'a> {
    column: &'a Column,
    reading: &'a ColumnReading,
    words: MissingWords<'a>,
    comma: bool,
    file_comma: bool,
    given: &'a ReadOptions,
    source: Source<'a>,
    /// The order of dates in another column.
    order: Option<DateOrder>,
}

impl Job<'_> {
    fn text(&self, text: &Text, survey: &Survey) -> Verdict {
        let is_sure = self.reading.kind.is_some();
        let levels = text.levels();
        if levels.iter().zip(&survey.counts).all(|(level, n)| *n == 0 || self.words.has(level)) && !is_sure {
            return Verdict { values: Some(Values::Numbers(vec![f64::NAN; text.len()].into())), ..Verdict::default() };
        }
        let converted = match survey.likely {
            ReadKind::Number => self.as_numbers(text, survey),
            ReadKind::Hours => self.converted(text, survey, ReadKind::Hours, &|l| hours(l)).map(|mut v| {
                v.way = Some("hours since midnight".to_owned());
                v
            }),
            ReadKind::Date => self.as_dates(text, survey),
            ReadKind::EpochSeconds | ReadKind::EpochMilliseconds => {
                let unit = if survey.likely == ReadKind::EpochSeconds { 1.0 } else { 1000.0 };
                self.converted(text, survey, survey.likely, &|l| number(l, '.').map(|(v, _)| v / unit))
            }
            ReadKind::Boolean => return self.as_booleans(text, survey),
            ReadKind::Text => None,
        };
        converted.unwrap_or_else(|| {
            let mut verdict = self.as_text(text, survey);
            verdict.notes.extend(self.doubt(text, survey));
            verdict
        })
    }

    /// That a column was kept as text though most of its cells are something else.
    fn doubt(&self, text: &Text, survey: &Survey) -> Option<Note> {
        let levels = text.levels();
        let decimal = if self.comma { ',' } else { '.' };
        let fits = |l: &str| match survey.likely {
            ReadKind::Number => number(l, decimal).is_some(),
            ReadKind::Date => dates::read(l).is_some(),
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
        let count: usize = odd().map(|k| survey.counts[k]).sum();
        if self.reading.kind.is_none() {
            let distinct = of_level.iter().filter(|v| !v.is_nan()).count();
            // A word among few numbers is a level like them.
            let typing_errors = distinct >= MANY
                || odd().all(|k| {
                    super::words::is_placeholder(level(k)) || level(k).starts_with(|c: char| c.is_ascii_digit())
                });
            if !typing_errors || !odd::are_few(fit, odd().map(|k| (level(k), survey.counts[k]))) {
                return None;
            }
        }
        let numbers = text.numbers(&of_level);
        let is_date = matches!(kind, ReadKind::Date | ReadKind::EpochSeconds | ReadKind::EpochMilliseconds);
        let values = if is_date { Values::Dates(numbers) } else { Values::Numbers(numbers) };
        let odd = (count > 0).then(|| {
            let rows = text.codes().enumerate().filter_map(|(row, code)| code.map(|c| (row, c as usize)));
            let cells = rows.filter(|&(_, c)| is_odd[c]).take(KEPT).map(|(row, c)| (row, level(c).into())).collect();
            (kind, cells, count)
        });
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
        // The unit that most cells have.
        let mut units: Vec<(Option<String>, usize, bool)> = Vec::new();
        let (mut marks_seen, mut apart, mut distinct) = (Vec::new(), true, 0_usize);
        for (level, &count) in used() {
            let Some((_, marks)) = number(level, decimal) else { continue };
            distinct += 1;
            let unit = marks.unit.as_ref().map(|u| u.to_lowercase());
            apart &= unit.as_ref().is_none_or(|u| u.chars().count() > 1 || !u.starts_with(char::is_alphabetic));
            match units.iter_mut().find(|(u, ..)| *u == unit) {
                Some((_, n, _)) => *n += count,
                None => units.push((unit, count, marks.known)),
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
                if !marks_seen.contains(&mark) {
                    marks_seen.push(mark);
                }
            }
        }
        let is_currency = |unit: &str| unit.chars().all(|c| !c.is_alphanumeric() && c != '%' && c != '°');
        let Some(most) = units.iter().max_by_key(|(_, n, _)| *n) else {
            // Not one number.
            return if is_sure { self.converted(text, survey, ReadKind::Number, &|_| None) } else { None };
        };
        let named: Vec<&(Option<String>, usize, bool)> = units.iter().filter(|(u, ..)| u.is_some()).collect();
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
            true if self.source.stored => Some("numbers, though stored as text".to_owned()),
            true => None,
        };
        verdict.notes.extend(match &verdict.values {
            Some(Values::Numbers(numbers)) => self.doubts(numbers),
            _ => Vec::new(),
        });
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
            let all_but_placeholders = || {
                (0..levels.len()).all(|k| !is_used(k) || found[k].is_some() || super::words::is_placeholder(level(k)))
            };
            let weak = dates_of().any(|(_, d)| d.weak);
            let version = name.to_lowercase().contains("version");
            if weak && (version || !all_but_placeholders() || are_spans(dates_of().map(|(k, _)| level(k)))) {
                return None;
            }
        }
        let is_open = dates_of().any(|(_, d)| d.is_open());
        let fits = |order: DateOrder| -> usize {
            dates_of().filter(|(_, d)| d.seconds(order).is_some()).map(|(k, _)| survey.counts[k]).sum()
        };
        let mut shown = None;
        let order = match self.reading.date_order.or(self.order) {
            Some(order) => order,
            None if !is_open => DateOrder::YearFirst,
            None => {
                let counts = ORDERS.map(fits);
                let most = counts.into_iter().max().unwrap_or(0);
                let best: Vec<DateOrder> =
                    ORDERS.into_iter().zip(counts).filter(|(_, n)| *n == most).map(|(o, _)| o).collect();
                let all: usize = dates_of().map(|(k, _)| survey.counts[k]).sum();
                let [order] = best[..] else {
                    return Some(self.undecided(
                        text,
                        survey,
                        "no row shows which is the day and which is the month",
                        &best,
                    ));
                };
                if most * 10 < all * 9 {
                    return Some(self.undecided(text, survey, "no order of day and month fits all rows", &ORDERS[..2]));
                }
                let other = ORDERS.into_iter().filter(|o| *o != order).max_by_key(|o| fits(*o)).unwrap_or(order);
                shown = dates_of()
                    .find(|(_, d)| d.seconds(order).is_some() && d.seconds(other).is_none())
                    .map(|(k, _)| (order, level(k).to_owned()));
                order
            }
        };
        let read = |l: &str| {
            dates::read(l).and_then(|d| d.seconds(order)).or_else(|| if is_sure { dates::digits(l) } else { None })
        };
        let mut verdict = self.converted(text, survey, ReadKind::Date, &read)?;
        verdict.reading.date_order = is_open.then_some(order);
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
    fn undecided(&self, text: &Text, survey: &Survey, why: &str, orders: &[DateOrder]) -> Verdict {
        let name = &self.column.name;
        let example = text.levels().iter().find(|l| dates::read(l).is_some_and(|d| d.is_open())).unwrap_or_default();
        let said = format!("\"{name}\" was kept as text: it looks like dates, such as \"{example}\", but {why}.");
        let mut verdict = self.as_text(text, survey);
        verdict.reading = ColumnReading::default();
        let note = orders.iter().fold(Note::from(said), |note, &order| {
            note.offering(capital(first_word(order)), self.given, |o| {
                let own = o.columns.entry(name.clone()).or_default();
                (own.kind, own.date_order) = (Some(ReadKind::Date), Some(order));
            })
        });
        verdict.notes.push(note);
        verdict
    }

    fn as_booleans(&self, text: &Text, survey: &Survey) -> Verdict {
        let is_odd = |level: &str| !self.words.has(level) && boolean(level).is_none() && !matches!(level, "0" | "1");
        let to = |level: &str| match (boolean(level), level) {
            _ if self.words.has(level) => None,
            (Some(true), _) | (_, "1") => Some("true".to_owned()),
            (Some(false), _) | (_, "0") => Some("false".to_owned()),
            _ => None,
        };
        let levels = text.levels();
        let plain = levels.iter().zip(&survey.counts).all(|(l, n)| *n == 0 || l == "true" || l == "false");
        let odd_levels: Vec<bool> = levels.iter().map(is_odd).collect();
        let count: usize = odd_levels.iter().zip(&survey.counts).filter(|(odd, _)| **odd).map(|(_, n)| *n).sum();
        let odd = (count > 0).then(|| {
            let rows = text.codes().enumerate().filter_map(|(row, code)| code.map(|c| (row, c as usize)));
            let cells = rows.filter(|&(_, c)| odd_levels[c]).take(KEPT);
            (ReadKind::Boolean, cells.map(|(row, c)| (row, levels.get(c).unwrap_or_default().into())).collect(), count)
        });
        Verdict {
            values: (!plain).then(|| Values::Text(text.mapped(to))),
            reading: ColumnReading::of(ReadKind::Boolean),
            way: (!plain && self.reading.kind.is_none()).then(|| "booleans, true and false".to_owned()),
            odd,
            ..Verdict::default()
        }
    }

    fn as_text(&self, text: &Text, survey: &Survey) -> Verdict {
        let levels = text.levels();
        let name = &self.column.name;
        let used = || levels.iter().zip(&survey.counts).filter(|(_, n)| **n > 0);
        let own_list = self.words.0.is_some();
        let mut verdict = Verdict::default();
        // Words of the usual list that are values here.
        let mut kept: Vec<(&str, Kept, usize)> = Vec::new();
        if !own_list {
            let others = used().map(|(l, _)| l).filter(|l| !self.words.has(l));
            for (word, &count) in used().filter(|(l, _)| !l.is_empty() && self.words.has(l)) {
                let fellows =
                    others.clone().chain(used().map(|(l, _)| l).filter(|l| *l != word && matches!(*l, "-" | "?")));
                if let Some(why) = is_value(word, &fellows) {
                    kept.push((word, why, count));
                }
            }
        }
        if let Some((word, why, count)) = kept.first() {
            let is_kept = |w: &str| kept.iter().any(|(k, ..)| k.eq_ignore_ascii_case(w));
            verdict.reading.missing = Some(self.words.listed().into_iter().filter(|w| !is_kept(w)).collect());
            let others = used().filter(|(l, _)| !self.words.has(l)).count();
            let list: Vec<String> = kept.iter().map(|(w, ..)| format!("\"{w}\"")).collect();
            if *why != Kept::Sign {
                let verb = if kept.len() > 1 { "are levels" } else { "is a level" };
                let cells = format::counted(*count, "cell");
                let text = format!(
                    "\"{name}\": {} {verb} beside {others} others, not a missing value ({cells} of \"{word}\").",
                    list.join(", ")
                );
                let list = MissingWords(None).listed();
                verdict.notes.push(self.offer(text, "Treat as missing", |own| own.missing = Some(list)));
            }
        }
        let gone = |l: &str| self.words.has(l) && !kept.iter().any(|(k, ..)| *k == l);
        // Levels that differ by case or blanks only.
        let mut merged: HashMap<String, String> = HashMap::new();
        let distinct = used().filter(|(l, _)| !gone(l)).count();
        if let Some(spellings) = &self.reading.spellings {
            merged = spellings.iter().map(|s| (alike(s), s.clone())).collect();
        } else if distinct <= COMPARED && (distinct <= FEW || distinct * 2 <= text.len()) {
            let mut groups: HashMap<String, Vec<(&str, usize)>> = HashMap::new();
            for (level, &n) in used().filter(|(l, _)| !gone(l)) {
                groups.entry(alike(level)).or_default().push((level, n));
            }
            let answers = groups.len() == 2 && groups.keys().all(|g| ANSWERS.contains(&g.as_str()));
            let mut doubles: Vec<&Vec<(&str, usize)>> = groups.values().filter(|g| g.len() > 1).collect();
            doubles.sort_by_key(|g| g[0].0);
            let spelling = |group: &[(&str, usize)]| {
                group.iter().rev().max_by_key(|(_, n)| *n).map(|(l, _)| (*l).to_owned()).unwrap_or_default()
            };
            if answers {
                let mut spellings: Vec<String> = groups.values().map(|g| spelling(g)).collect();
                spellings.sort();
                if !doubles.is_empty() {
                    merged = spellings.iter().map(|s| (alike(s), s.clone())).collect();
                    let text = format!(
                        "\"{name}\": {} in several spellings were read as \"{}\" and \"{}\".",
                        listed(
                            &doubles.iter().flat_map(|g| g.iter().map(|(l, _)| (*l).to_owned())).collect::<Vec<_>>()
                        ),
                        spellings[0],
                        spellings[1]
                    );
                    verdict.notes.push(self.offer(text, "Keep them apart", |own| own.spellings = Some(Vec::new())));
                }
                verdict.reading.spellings = Some(spellings);
            } else if let Some(first) = doubles.first() {
                let count: usize = doubles.iter().map(|g| g.len()).sum();
                let pair: Vec<String> = first.iter().take(2).map(|(l, _)| format!("\"{l}\"")).collect();
                let text = format!(
                    "\"{name}\": {} differ by case or blanks only, such as {}.",
                    format::counted(count, "level"),
                    pair.join(" and ")
                );
                let spellings: Vec<String> = doubles.iter().map(|g| spelling(g)).collect();
                verdict.notes.push(self.offer(text, "Merge them", |own| own.spellings = Some(spellings)));
            }
        }
        let changes = used().any(|(l, _)| gone(l)) || !merged.is_empty();
        if changes {
            let to = |l: &str| {
                if gone(l) { None } else { Some(merged.get(&alike(l)).cloned().unwrap_or_else(|| l.to_owned())) }
            };
            verdict.values = Some(Values::Text(text.mapped(to)));
        }
        if self.reading.kind.is_none() && survey.likely != ReadKind::Text {
            verdict.reading.kind = Some(ReadKind::Text);
        }
        verdict
    }

    /// Text of a typed format: only words that a person has named are missing.
    fn words_only(&self, text: &Text) -> Verdict {
        if self.words.0.is_none() || !text.levels().iter().any(|l| self.words.has(l)) {
            return Verdict::default();
        }
        let to = |l: &str| (!self.words.has(l)).then(|| l.to_owned());
        Verdict { values: Some(Values::Text(text.mapped(to))), ..Verdict::default() }
    }

    /// Numbers of a typed format, or of plain text.
    fn numbers(&self, numbers: &Numbers) -> Verdict {
        // Numbers that are missing by name.
        let named: Vec<f64> =
            self.words.0.unwrap_or(&[]).iter().filter_map(|w| number(w.trim(), '.')).map(|(v, _)| v).collect();
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
                verdict.reading.kind = Some(ReadKind::Text);
                let name = &self.column.name;
                let text = format!("\"{name}\" names places: its numbers were kept as text, a category.");
                verdict.notes.push(self.offer(text, "Read as numbers", |own| own.kind = Some(ReadKind::Number)));
            }
            None => {
                verdict.notes = self.doubts(numbers);
                verdict.values = cleared.map(Values::Numbers);
            }
        }
        verdict
    }

    /// Dates of a typed format, which may be wanted as something else.
    fn dates(&self) -> Verdict {
        let kind = match self.reading.kind {
            Some(ReadKind::Text) => ColumnKind::Text,
            Some(ReadKind::Number) => ColumnKind::Number,
            _ => return Verdict::default(),
        };
        Verdict { values: self.column.converted(kind).map(|c| c.values), ..Verdict::default() }
    }

    /// What numbers may mean instead.
    fn doubts(&self, numbers: &Numbers) -> Vec<Note> {
        let mut notes = Vec::new();
        if self.reading.kind.is_some() && self.reading.missing.is_some() {
            return notes;
        }
        let name = &self.column.name;
        let mut low = f64::INFINITY;
        let mut high = f64::NEG_INFINITY;
        for value in numbers.iter() {
            (low, high) = (low.min(value), high.max(value));
        }
        if low > high || !low.is_finite() || !high.is_finite() {
            return notes;
        }
        if self.reading.missing.is_none() {
            for sentinel in [low, high].into_iter().filter(|v| is_sentinel(*v)) {
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
                if most >= least && count * 2 <= numbers.len() && distance > span.max(sentinel.abs() / 10.0) {
                    let cells = format::counted(count, "cell");
                    let written = format::cell(sentinel);
                    let verb = if count == 1 { "is" } else { "are" };
                    let text = format!(
                        "\"{name}\": {cells} {verb} {written}, far from all others ({} to {}); the first is row {}. Such numbers often stand for missing values.",
                        format::cell(least),
                        format::cell(most),
                        first + 1
                    );
                    let mut list = self.words.listed();
                    list.push(written.clone());
                    notes
                        .push(self.offer(text, &format!("Treat {written} as missing"), |own| own.missing = Some(list)));
                }
            }
        }
        if self.reading.kind.is_none() && are_whole(numbers) {
            let lower = name.to_lowercase();
            let words = ["time", "date", "stamp", "epoch", "created", "updated", "day"];
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
                notes.push(self.offer(text, "Read as dates", |own| own.kind = Some(kind)));
            } else if low >= 19_000_101.0 && high <= 21_001_231.0 && days() {
                let text = format!("\"{name}\" was read as numbers; it may hold dates such as {}.", format::cell(low));
                notes.push(self.offer(text, "Read as dates", |own| own.kind = Some(ReadKind::Date)));
            }
        }
        notes
    }

    fn offer(&self, text: String, label: &str, change: impl FnOnce(&mut ColumnReading)) -> Note {
        Note::from(text).offering(label, self.given, |o| change(o.columns.entry(self.column.name.clone()).or_default()))
    }
}

/// Numbers that do not fit what their column is read as.
fn odd_numbers(kind: ReadKind, numbers: &Numbers, fits: impl Fn(f64) -> bool) -> Option<(ReadKind, OddCells, usize)> {
    let odd = || numbers.iter().enumerate().filter(|(_, v)| !v.is_nan() && !fits(*v));
    let count = odd().count();
    let cells = || odd().take(KEPT).map(|(row, v)| (row, format::cell(v).into())).collect();
    (count > 0).then(|| (kind, cells(), count))
}

/// Words for yes and no, one pair of which makes a boolean.
const ANSWERS: [&str; 14] = ["yes", "no", "y", "n", "on", "off", "ja", "nein", "oui", "non", "si", "sí", "sim", "não"];

/// A level without what does not tell it from others.
fn alike(level: &str) -> String {
    level.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Whether texts such as 2009-10 are years that follow each other, and no months.
fn are_spans<'a>(mut texts: impl Iterator<Item = &'a str>) -> bool {
    texts.all(|t| {
        let years = t.split_once(['-', '/']).and_then(|(a, b)| Some((a.parse::<u32>().ok()?, b.parse::<u32>().ok()?)));
        years.is_some_and(|(a, b)| (a + 1) % 100 == b)
    })
}

/// Whether a number is made of nines, as those that stand for missing values often are.
fn is_sentinel(value: f64) -> bool {
    let digits = format!("{}", value.abs());
    (value < 0.0 && digits.len() >= 2 || digits.len() >= 3) && digits.bytes().all(|b| b == b'9')
}

fn are_whole(numbers: &Numbers) -> bool {
    numbers.iter().all(|v| v.is_nan() || v.fract() == 0.0)
}

/// Numbers as text, with all their digits.
fn in_full(numbers: &Numbers) -> Values {
    let mut cells = TextBuilder::default();
    numbers.iter().for_each(|v| cells.push(Some(v.to_string()).filter(|_| !v.is_nan()).as_deref()));
    Values::Text(cells.finish())
}

/// Whether a column holds postal codes, by its name.
fn names_places(name: &str) -> bool {
    let lower = name.to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric()).collect();
    words.iter().any(|w| ["zip", "zipcode", "zipcodes", "postcode", "postalcode", "postal", "plz"].contains(w))
}
