//! Dates and times as people and programs write them, as seconds since the beginning of 1970 (UTC).
//!
//! A text is cut into the time of day with its zone, and the numbers, months and signs of the day. Three numbers of which the
//! year is not the first leave open which is the day: the whole column decides. Two-digit years are of 1969 to 2068, as POSIX
//! has it.

use super::kinds::DateOrder;
use chrono::{Datelike as _, NaiveDate, Weekday};
use std::borrow::Cow;

const DAY: f64 = 86_400.0;

/// The months in English, German, Spanish, French, Italian, Portuguese and Dutch, lower case and without accents.
const MONTHS: [&[&str]; 12] = [
    &["january", "januar", "janner", "enero", "janvier", "gennaio", "janeiro", "januari"],
    &["february", "februar", "feber", "febrero", "fevrier", "febbraio", "fevereiro", "februari"],
    &["march", "marz", "maerz", "mrz", "marzo", "mars", "marco", "maart", "mrt"],
    &["april", "abril", "avril", "aprile"],
    &["may", "mai", "mayo", "maggio", "maio", "mei"],
    &["june", "juni", "junio", "juin", "giugno", "junho"],
    &["july", "juli", "julio", "juillet", "luglio", "julho"],
    &["august", "agosto", "aout", "augustus"],
    &["september", "septiembre", "setiembre", "septembre", "settembre", "setembro"],
    &["october", "oktober", "octubre", "octobre", "ottobre", "outubro"],
    &["november", "noviembre", "novembre", "novembro"],
    &["december", "dezember", "diciembre", "decembre", "dicembre", "dezembro"],
];
/// The days of the week, which say nothing that the date does not.
const WEEKDAYS: [&str; 47] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "montag",
    "dienstag",
    "mittwoch",
    "donnerstag",
    "freitag",
    "samstag",
    "sonnabend",
    "sonntag",
    "lunes",
    "martes",
    "miercoles",
    "jueves",
    "viernes",
    "sabado",
    "domingo",
    "lundi",
    "mardi",
    "mercredi",
    "jeudi",
    "vendredi",
    "samedi",
    "lunedi",
    "martedi",
    "mercoledi",
    "giovedi",
    "venerdi",
    "sabato",
    "domenica",
    "segunda",
    "terca",
    "quarta",
    "quinta",
    "sexta",
    "maandag",
    "dinsdag",
    "woensdag",
    "donderdag",
    "vrijdag",
    "zaterdag",
    "zondag",
];
/// Words between the parts of a date.
const BETWEEN: [&str; 16] =
    ["of", "the", "de", "del", "den", "der", "le", "el", "il", "du", "at", "um", "uhr", "dimanche", "dim", "feira"];
/// Zones by name, in hours from UTC.
const ZONES: [(&str, f64); 16] = [
    ("z", 0.0),
    ("utc", 0.0),
    ("gmt", 0.0),
    ("ut", 0.0),
    ("wet", 0.0),
    ("est", -5.0),
    ("edt", -4.0),
    ("cst", -6.0),
    ("cdt", -5.0),
    ("mst", -7.0),
    ("mdt", -6.0),
    ("pst", -8.0),
    ("pdt", -7.0),
    ("cet", 1.0),
    ("cest", 2.0),
    ("mesz", 2.0),
];

/// A text that is a date, perhaps but for the order of its numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct DateText {
    day: Day,
    /// Seconds since midnight UTC of that day.
    time: f64,
    /// Whether other things are written like this, so that a column must agree as a whole.
    pub weak: bool,
    /// Whether the year has two digits.
    pub short_year: bool,
    /// Whether the day is one of the year, as in 2019-123.
    pub day_of_year: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Day {
    Known(NaiveDate),
    /// The year and two numbers, of which the first is the month unless all dates of a column say otherwise.
    Year {
        year: u32,
        rest: [u32; 2],
    },
    /// Three numbers and how many digits the last has.
    Open {
        numbers: [u32; 3],
        digits: usize,
    },
}

impl DateText {
    /// Whether the order of the numbers is not known.
    pub fn is_open(&self) -> bool {
        matches!(self.day, Day::Open { .. })
    }

    /// Whether the year is first and two numbers follow.
    pub fn is_year_first(&self) -> bool {
        matches!(self.day, Day::Year { .. })
    }

    /// Seconds since 1970, if there is such a day.
    pub fn seconds(&self, order: DateOrder) -> Option<f64> {
        let day = match self.day {
            Day::Known(day) => day,
            Day::Year { year, rest: [a, b] } if order == DateOrder::YearDayFirst => date(year, b, a)?,
            Day::Year { year, rest: [a, b] } => date(year, a, b)?,
            Day::Open { numbers: [a, b, c], digits } => {
                let (year, month, day) = match order {
                    DateOrder::DayFirst => (c, b, a),
                    DateOrder::MonthFirst => (c, a, b),
                    DateOrder::YearFirst if digits == 2 => (a, b, c),
                    DateOrder::YearFirst | DateOrder::YearDayFirst => return None,
                };
                date(full_year(year, digits), month, day)?
            }
        };
        let days = day.num_days_from_ce() - NaiveDate::from_ymd_opt(1970, 1, 1)?.num_days_from_ce();
        Some(f64::from(days) * DAY + self.time)
    }
}

/// A day of which nothing is odd.
const PLAIN: DateText =
    DateText { day: Day::Known(NaiveDate::MIN), time: 0.0, weak: false, short_year: false, day_of_year: false };

fn date(year: u32, month: u32, day: u32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)
}

/// POSIX: 69 to 99 are of the twentieth century.
fn full_year(year: u32, digits: usize) -> u32 {
    match year {
        _ if digits > 2 => year,
        0..=68 => 2000 + year,
        _ => 1900 + year,
    }
}

/// A piece of a date.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Piece {
    Number {
        value: u32,
        digits: usize,
    },
    Month(u32),
    Quarter,
    Week,
    /// M between a year and a month
    M,
    Mark(char),
}

/// Reads a date, with or without a time and a zone.
pub(crate) fn read(text: &str) -> Option<DateText> {
    let text = text.trim();
    let text = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    if !(6..=64).contains(&text.len()) || !text.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    let text: Cow<'_, str> = if text.is_ascii() { text.into() } else { folded(text).into() };
    if let Some(found) = compact(&text) {
        return Some(found);
    }
    let (day, time) = match time_in(&text) {
        Some((before, time, after)) => (join(before, after), time),
        None if text.contains(':') => return None,
        None => (Cow::Borrowed(&*text), 0.0),
    };
    let day = day.trim_end_matches(['T', 't', ',', ' ', ':']);
    let mut found = day_in(day)?;
    found.time = time;
    Some(found)
}

fn join<'a>(before: &'a str, after: &'a str) -> Cow<'a, str> {
    if after.is_empty() { before.into() } else { format!("{} {after}", before.trim_end()).into() }
}

/// Lower case without accents, for the languages here.
fn folded(text: &str) -> String {
    let plain = |c: char| match c {
        'á' | 'à' | 'â' | 'ã' | 'ä' | 'Ä' => 'a',
        'ç' | 'Ç' => 'c',
        'é' | 'è' | 'ê' | 'É' => 'e',
        'í' | 'ì' | 'î' => 'i',
        'ó' | 'ô' => 'o',
        'ú' | 'û' | 'ü' => 'u',
        '\u{a0}' | '\u{202f}' | '\u{2009}' => ' ',
        '\u{2019}' => '\'',
        '\u{2013}' | '\u{2212}' => '-',
        'º' | 'ª' => '.',
        c => c,
    };
    text.chars().map(plain).collect()
}

/// 20230207T131600Z: eight digits, T, and four or six more.
fn compact(text: &str) -> Option<DateText> {
    let (day, time) = text.split_once(['T', 't', '_'])?;
    let is_digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    if day.len() != 8 || !is_digits(day) || !time.is_ascii() {
        return None;
    }
    let end = time.find(|c: char| !c.is_ascii_digit()).unwrap_or(time.len());
    let number = |from: usize| time.get(from..from + 2).filter(|t| is_digits(t)).and_then(|t| t.parse::<u32>().ok());
    let clock = match end {
        4 | 6 => clock(number(0)?, number(2)?, if end == 6 { number(4)? } else { 0 })?,
        _ => return None,
    };
    let (fraction, rest) = fraction(&time[end..]);
    let (zone, rest) = zone(rest)?;
    if !rest.trim().is_empty() {
        return None;
    }
    let day = date(day[..4].parse().ok()?, day[4..6].parse().ok()?, day[6..].parse().ok()?)?;
    Some(DateText {
        day: Day::Known(day),
        time: clock + fraction - zone,
        weak: false,
        short_year: false,
        day_of_year: false,
    })
}

fn clock(hours: u32, minutes: u32, seconds: u32) -> Option<f64> {
    // A minute may have a leap second; a day may end at 24:00.
    let fits = minutes < 60 && seconds <= 60 && (hours < 24 || (hours == 24 && minutes == 0 && seconds == 0));
    fits.then(|| f64::from(hours * 3600 + minutes * 60 + seconds))
}

/// The fraction of a second, and the rest.
fn fraction(text: &str) -> (f64, &str) {
    let Some(rest) = text.strip_prefix(['.', ',']) else { return (0.0, text) };
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    if end == 0 {
        return (0.0, text);
    }
    (format!("0.{}", &rest[..end]).parse().unwrap_or(0.0), &rest[end..])
}

/// Seconds of a zone, and the rest; none if what follows the time is no zone but sticks to it.
fn zone(text: &str) -> Option<(f64, &str)> {
    let mut rest = text.trim_start();
    let mut found = 0.0;
    let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    if end > 0 {
        let name = rest[..end].to_ascii_lowercase();
        match ZONES.iter().find(|(zone, _)| *zone == name) {
            Some((_, hours)) => (found, rest) = (hours * 3600.0, &rest[end..]),
            None => return Some((0.0, rest)),
        }
    }
    if let Some(sign) = rest.chars().next().filter(|c| matches!(c, '+' | '-')) {
        let digits: String = rest[1..].chars().take_while(|c| c.is_ascii_digit() || *c == ':').collect();
        let plain = digits.replace(':', "");
        let (hours, minutes): (f64, f64) = match plain.len() {
            1 | 2 => (plain.parse().ok()?, 0.0),
            4 => (plain[..2].parse().ok()?, plain[2..].parse().ok()?),
            _ => return None,
        };
        if hours > 18.0 || minutes >= 60.0 {
            return None;
        }
        let offset = hours * 3600.0 + minutes * 60.0;
        found = if sign == '-' { -offset } else { offset };
        rest = &rest[1 + digits.len()..];
    }
    // A name in brackets says the same again.
    let rest = rest.trim_start();
    let closed =
        |open: char, close: char| rest.strip_prefix(open).and_then(|r| r.split_once(close)).map(|(_, after)| after);
    Some((found, closed('[', ']').or_else(|| closed('(', ')')).unwrap_or(rest)))
}

/// The time of day in a text, in seconds before the zone, and what stands before and behind it.
fn time_in(text: &str) -> Option<(&str, f64, &str)> {
    let bytes = text.as_bytes();
    let colon = (0..bytes.len()).find(|&k| {
        bytes[k] == b':' && k > 0 && bytes[k - 1].is_ascii_digit() && bytes.get(k + 1).is_some_and(u8::is_ascii_digit)
            // The hour has at most two digits: 10/Oct/2000:13:55:36 has its time behind the first colon.
            && !(k >= 3 && bytes[k - 3..k].iter().all(u8::is_ascii_digit))
    })?;
    let start = if colon >= 2 && bytes[colon - 2].is_ascii_digit() { colon - 2 } else { colon - 1 };
    if start > 0 && !matches!(bytes[start - 1], b' ' | b'T' | b't' | b',' | b':' | b'-' | b'_' | b';') {
        return None;
    }
    let two = |at: usize| {
        text.get(at..at + 2).filter(|t| t.bytes().all(|b| b.is_ascii_digit())).and_then(|t| t.parse::<u32>().ok())
    };
    let mut hours: u32 = text[start..colon].parse().ok()?;
    let minutes = two(colon + 1)?;
    let mut at = colon + 3;
    let mut seconds = 0;
    let mut part = 0.0;
    if bytes.get(at) == Some(&b':') {
        seconds = two(at + 1)?;
        at += 3;
        let (found, rest) = fraction(&text[at..]);
        (part, at) = (found, text.len() - rest.len());
    }
    if bytes.get(at).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let mut rest = &text[at..];
    let half = rest.trim_start().to_ascii_lowercase().replace('.', "");
    let is = |mark: &str| half.starts_with(mark) && !half[2..].starts_with(|c: char| c.is_alphanumeric());
    if is("am") || is("pm") {
        if !(1..=12).contains(&hours) {
            return None;
        }
        hours = hours % 12 + if is("pm") { 12 } else { 0 };
        let trimmed = rest.trim_start();
        let end = trimmed.char_indices().scan(0, |letters, (k, c)| {
            *letters += u32::from(c.is_ascii_alphabetic());
            Some((k, c, *letters))
        });
        let last =
            end.filter(|(_, c, letters)| *letters == 2 && c.is_ascii_alphabetic()).map(|(k, ..)| k + 1).next()?;
        rest = trimmed[last..].trim_start_matches('.');
    }
    let clock = clock(hours, minutes, seconds)?;
    let (zone, rest) = zone(rest)?;
    Some((&text[..start], clock + part - zone, rest.trim()))
}

/// Seconds since midnight, if the text is a time and nothing else.
pub(crate) fn time_of_day(text: &str) -> Option<f64> {
    if !(4..=24).contains(&text.len()) || !text.as_bytes()[0].is_ascii_digit() {
        return None;
    }
    // 18.30.00, unless it is a day.
    let dotted = text.len() == 8
        && text.bytes().enumerate().all(|(k, b)| if k % 3 == 2 { b == b'.' } else { b.is_ascii_digit() });
    if dotted {
        let colons = text.replace('.', ":");
        return time_in(&colons).filter(|_| read(text).is_none()).map(|(_, seconds, _)| seconds);
    }
    let (before, seconds, after) = time_in(text)?;
    (before.is_empty() && after.is_empty() && (0.0..DAY).contains(&seconds)).then_some(seconds)
}

fn pieces(text: &str) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = |is: &dyn Fn(char) -> bool| rest.find(|c: char| !is(c)).unwrap_or(rest.len());
        if first.is_ascii_digit() {
            let digits = end(&|c| c.is_ascii_digit());
            if digits > 4 {
                return None;
            }
            pieces.push(Piece::Number { value: rest[..digits].parse().ok()?, digits });
            rest = &rest[digits..];
            // Ordinal numbers.
            let ordinal = ["st", "nd", "rd", "th", "er"].into_iter().find(|o| rest.to_ascii_lowercase().starts_with(o));
            rest = ordinal
                .filter(|o| !rest[o.len()..].starts_with(|c: char| c.is_alphanumeric()))
                .map_or(rest, |o| &rest[o.len()..]);
        } else if first.is_alphabetic() {
            let letters = end(&char::is_alphabetic);
            let word = rest[..letters].to_lowercase();
            rest = &rest[letters..];
            let dotted = rest.strip_prefix('.');
            match word.as_str() {
                "q" => pieces.push(Piece::Quarter),
                "w" | "kw" => pieces.push(Piece::Week),
                "m" => pieces.push(Piece::M),
                "t" if rest.is_empty() => {}
                _ => match month(&word) {
                    Some(month) => pieces.push(Piece::Month(month)),
                    None if is_between(&word) => {}
                    None => return None,
                },
            }
            if !matches!(pieces.last(), Some(Piece::Quarter | Piece::Week | Piece::M)) {
                rest = dotted.unwrap_or(rest);
            }
        } else {
            if !matches!(first, '-' | '/' | '.' | ',' | ' ' | '\'' | '_') {
                return None;
            }
            pieces.push(Piece::Mark(first));
            rest = &rest[first.len_utf8()..];
        }
        if pieces.len() > 16 {
            return None;
        }
    }
    Some(pieces)
}

/// The month of a name or of its beginning, if the languages agree about it.
fn month(word: &str) -> Option<u32> {
    if word.len() < 3 {
        return None;
    }
    let mut found = (1..).zip(MONTHS).filter(|(_, names)| names.iter().any(|n| n.starts_with(word))).map(|(k, _)| k);
    let extra = match word {
        "ene" => Some(1),
        "aug" | "ago" => Some(8),
        "jun" => Some(6),
        "jul" => Some(7),
        _ => None,
    };
    let first = found.next();
    extra.or_else(|| first.filter(|_| found.next().is_none()))
}

/// Whether a word says nothing that counts: a day of the week, or one between the parts.
fn is_between(word: &str) -> bool {
    BETWEEN.contains(&word) || (word.len() >= 2 && WEEKDAYS.iter().any(|day| day.starts_with(word)))
}

fn day_in(text: &str) -> Option<DateText> {
    let all = pieces(text)?;
    let known = |day: Option<NaiveDate>, weak: bool, short_year: bool| {
        Some(DateText { day: Day::Known(day?), time: 0.0, weak, short_year, day_of_year: false })
    };
    // Marks between the parts that count; several in a row are one.
    let mut parts: Vec<Piece> = Vec::new();
    let mut marks: Vec<char> = Vec::new();
    let mut mark = None;
    for piece in all {
        match piece {
            Piece::Mark(c) => mark = mark.filter(|m| *m != ' ' && *m != ',').or(Some(c)),
            part => {
                if !parts.is_empty() {
                    marks.push(mark.unwrap_or('\0'));
                }
                mark = None;
                parts.push(part);
            }
        }
    }
    let year_fits = |year: u32| (1500..=2200).contains(&year);
    use Piece::{M, Month, Number, Quarter, Week};
    match parts[..] {
        [Number { value: y, digits: 4 }, Number { value: m, digits: 1 | 2 }, Number { value: d, digits: 1 | 2 }]
            if marks[0] == marks[1] && matches!(marks[0], '-' | '/' | '.' | ' ' | '_') =>
        {
            date(y, m, d).or_else(|| date(y, d, m))?;
            Some(DateText { day: Day::Year { year: y, rest: [m, d] }, ..PLAIN })
        }
        [Number { value: y, digits: 4 }, Number { value: n, digits: 3 }] if marks[0] == '-' && year_fits(y) => {
            let day = Day::Known(NaiveDate::from_yo_opt(y as i32, n)?);
            Some(DateText { day, weak: true, day_of_year: true, ..PLAIN })
        }
        [
            Number { value: a, digits: first @ (1 | 2) },
            Number { value: b, digits: second @ (1 | 2) },
            Number { value: c, digits: third @ (2 | 4) },
        ] if marks[0] == marks[1] && matches!(marks[0], '-' | '/' | '.' | ' ') => {
            let padded = first == 2 && second == 2;
            match (marks[0], third) {
                ('.', 4) => known(date(c, b, a), false, false),
                ('.', _) if padded => known(date(full_year(c, third), b, a), true, true),
                ('.', _) | (' ', 2) => None,
                ('-', 2) if !padded => None,
                _ if a.max(b) > 31 && third == 4 => None,
                _ => Some(DateText {
                    day: Day::Open { numbers: [a, b, c], digits: third },
                    weak: third == 2,
                    short_year: third == 2,
                    ..PLAIN
                }),
            }
        }
        [Number { value: d, digits: 1 | 2 }, Month(m), Number { value: y, digits: digits @ (2 | 4) }]
        | [Month(m), Number { value: d, digits: 1 | 2 }, Number { value: y, digits: digits @ (2 | 4) }] => {
            known(date(full_year(y, digits), m, d), false, digits == 2)
        }
        [Number { value: y, digits: 4 }, Month(m), Number { value: d, digits: 1 | 2 }] => {
            known(date(y, m, d), false, false)
        }
        [Month(m), Number { value: y, digits: 4 }] | [Number { value: y, digits: 4 }, Month(m)] if year_fits(y) => {
            known(date(y, m, 1), false, false)
        }
        [Month(m), Number { value: y, digits: 2 }] if matches!(marks[0], '-' | '\'') => {
            known(date(full_year(y, 2), m, 1), true, true)
        }
        [Number { value: y, digits: 4 }, Number { value: m, digits: 2 }]
            if matches!(marks[0], '-' | '/') && year_fits(y) =>
        {
            known(date(y, m, 1), true, false)
        }
        [Number { value: y, digits: 4 }, M, Number { value: m, digits: 1 | 2 }] if year_fits(y) => {
            known(date(y, m, 1), false, false)
        }
        [Number { value: m, digits: 1 | 2 }, Number { value: y, digits: 4 }]
            if matches!(marks[0], '-' | '/' | '.') && year_fits(y) =>
        {
            known(date(y, m, 1), true, false)
        }
        [Number { value: y, digits: 4 }, Quarter, Number { value: q @ 1..=4, digits: 1 }]
        | [Quarter, Number { value: q @ 1..=4, digits: 1 }, Number { value: y, digits: 4 }]
            if year_fits(y) =>
        {
            known(date(y, 3 * q - 2, 1), false, false)
        }
        [Number { value: y, digits: 4 }, Week, Number { value: w, digits: 1 | 2 }] if year_fits(y) => {
            known(NaiveDate::from_isoywd_opt(y as i32, w, Weekday::Mon), false, false)
        }
        [
            Number { value: y, digits: 4 },
            Week,
            Number { value: w, digits: 1 | 2 },
            Number { value: d @ 1..=7, digits: 1 },
        ] if year_fits(y) => {
            known(NaiveDate::from_isoywd_opt(y as i32, w, Weekday::try_from((d - 1) as u8).ok()?), false, false)
        }
        _ => None,
    }
}

/// Seconds of a text that is a date by itself.
pub(crate) fn any(text: &str) -> Option<f64> {
    read(text).filter(|d| !d.is_open() && !d.weak)?.seconds(DateOrder::YearFirst)
}

/// Seconds of eight digits that are a day of the years 1900 to 2100.
pub(crate) fn digits(text: &str) -> Option<f64> {
    if text.len() != 8 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let year: u32 = text[..4].parse().ok()?;
    let day =
        date(year, text[4..6].parse().ok()?, text[6..].parse().ok()?).filter(|_| (1900..=2100).contains(&year))?;
    DateText { day: Day::Known(day), time: 0.0, weak: false, short_year: false, day_of_year: false }
        .seconds(DateOrder::YearFirst)
}

#[cfg(test)]
mod tests {
    use super::{DateOrder, any, digits, read, time_of_day};
    use crate::dates::written;

    #[test]
    fn dates_are_read_in_every_form() {
        for (text, back) in [
            ("2024-02-29", "2024-02-29"),
            ("1969/12/31", "1969-12-31"),
            ("2023-2-7", "2023-02-07"),
            ("29.02.2024", "2024-02-29"),
            ("29.2.2024 07:05", "2024-02-29 07:05:00"),
            ("2024-02-29T13:05", "2024-02-29 13:05:00"),
            ("2024-02-29T13:05:06+01:00", "2024-02-29 12:05:06"),
            ("2024-02-29 13:05:06.250+0100", "2024-02-29 12:05:06"),
            ("2023-02-07 13:16:00+00", "2023-02-07 13:16:00"),
            ("2023-02-07 13:16:00 UTC", "2023-02-07 13:16:00"),
            ("2023-02-07 13:16:00 EST", "2023-02-07 18:16:00"),
            ("2023-02-07T13:16:00[Europe/Paris]", "2023-02-07 13:16:00"),
            ("2023-02-07 13:16:00,123", "2023-02-07 13:16:00"),
            ("20230207T131600", "2023-02-07 13:16:00"),
            ("20230207T1316Z", "2023-02-07 13:16:00"),
            ("Tue, 07 Feb 2023 13:16:00 GMT", "2023-02-07 13:16:00"),
            ("Tue, 7 Feb 2023 13:16:00 +0200", "2023-02-07 11:16:00"),
            ("Tue Feb  7 13:16:00 2023", "2023-02-07 13:16:00"),
            ("Tue Feb 07 13:16:00 +0000 2023", "2023-02-07 13:16:00"),
            ("10/Oct/2000:13:55:36 -0700", "2000-10-10 20:55:36"),
            ("Feb 07, 2023", "2023-02-07"),
            ("February 7th, 2023", "2023-02-07"),
            ("07 February 2023", "2023-02-07"),
            ("7-Feb-23", "2023-02-07"),
            ("07-Feb-1969 1:05 PM", "1969-02-07 13:05:00"),
            ("7. März 2023", "2023-03-07"),
            ("7. Dez. 2023", "2023-12-07"),
            ("Mittwoch, 5. Oktober 2022", "2022-10-05"),
            ("7 de marzo de 2023", "2023-03-07"),
            ("7 août 2023", "2023-08-07"),
            ("1er janvier 2023", "2023-01-01"),
            ("12 févr. 2023", "2023-02-12"),
            ("Feb 2023", "2023-02-01"),
            ("2023 Feb 7", "2023-02-07"),
            ("2023Q1", "2023-01-01"),
            ("2023-Q3", "2023-07-01"),
            ("Q4 2023", "2023-10-01"),
            ("1949M07", "1949-07-01"),
            ("5 gennaio 2023", "2023-01-05"),
            ("31 mag 2023", "2023-05-31"),
            ("lunedì 2 ottobre 2023", "2023-10-02"),
            ("7 de março de 2023", "2023-03-07"),
            ("terça-feira, 3 de outubro de 2023", "2023-10-03"),
            ("12 fev. 2023", "2023-02-12"),
            ("7 maart 2023", "2023-03-07"),
            ("woensdag 3 mei 2023", "2023-05-03"),
            ("9999-12-31", "9999-12-31"),
            ("2024-W03", "2024-01-15"),
            ("2024-W03-2", "2024-01-16"),
        ] {
            assert_eq!(any(text).map(written).as_deref(), Some(back), "{text}");
        }
        for text in [
            "2023-02-29",
            "12",
            "3.1415926",
            "1.2.3",
            "10.2.13",
            "10-5-1",
            "x",
            "",
            "2024-13-01",
            "2019-31-01",
            "2019-123",
            "555-123-4567",
            "030-1234567",
            "192.168.10.12",
            "1-800-555-0199",
            "Mar 5",
            "jui 2023",
            "2011-12",
            "03/04/2024",
            "A 2023",
            "12:30",
            "2023-02-07 25:00",
            "May",
            "2023Q5",
            "3.10.2.1",
            "20240101",
            "+49 30 1234",
        ] {
            assert_eq!(any(text), None, "{text}");
        }
    }

    #[test]
    fn the_order_is_open_where_the_year_is_not_first() {
        let of =
            |text: &str, order: DateOrder| read(text).and_then(|d| d.seconds(order)).map(written).unwrap_or_default();
        use DateOrder::{DayFirst, MonthFirst, YearDayFirst, YearFirst};
        assert_eq!(
            (of("03/04/2024", DayFirst), of("03/04/2024", MonthFirst)),
            ("2024-04-03".into(), "2024-03-04".into())
        );
        assert_eq!((of("13/04/2024", DayFirst), of("13/04/2024", MonthFirst)), ("2024-04-13".into(), String::new()));
        assert_eq!(of("02/07/69", MonthFirst), "1969-02-07");
        assert_eq!(of("02/07/68", MonthFirst), "2068-02-07");
        assert_eq!(of("97-05-01", YearFirst), "1997-05-01");
        assert_eq!(of("02/07/2023 1:16 pm", MonthFirst), "2023-02-07 13:16:00");
        assert_eq!(
            (of("2019-05-01", YearFirst), of("2019-05-01", YearDayFirst)),
            ("2019-05-01".into(), "2019-01-05".into())
        );
        assert_eq!((of("2019-31-01", YearFirst), of("2019-31-01", YearDayFirst)), (String::new(), "2019-01-31".into()));
        assert_eq!((of("2019-123", YearFirst), of("2020-366", YearFirst)), ("2019-05-03".into(), "2020-12-31".into()));
        assert!(read("2019-366").is_none() && read("2019-32-31").is_none());
        assert_eq!(of("1949-01", YearFirst), "1949-01-01");
        assert_eq!(of("01/1949", YearFirst), "1949-01-01");
        assert!(
            read("10.2.13").is_none() && read("10.12.13").is_some_and(|d| d.weak),
            "versions need a column that agrees"
        );
    }

    #[test]
    fn times_and_digits() {
        assert_eq!(time_of_day("06:15"), Some(22_500.0));
        assert_eq!(time_of_day("11:30:15.5 p.m."), Some(84_615.5));
        assert_eq!(time_of_day("12:05 AM"), Some(300.0));
        assert_eq!(time_of_day("18.30.00"), Some(66_600.0));
        assert!(time_of_day("10.11.12").is_none(), "a day");
        assert!(
            time_of_day("25:00").is_none()
                && time_of_day("2024-01-01 06:15").is_none()
                && time_of_day("13:00 PM").is_none()
        );
        assert_eq!(digits("20240229").map(written).as_deref(), Some("2024-02-29"));
        assert!(digits("20230229").is_none() && digits("12345678").is_none());
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[0-9A-Za-z:/ .,+T-]{0,30}|\\PC{0,20}") {
            let _ = read(&text).map(|d| d.seconds(DateOrder::DayFirst));
            let _ = time_of_day(&text);
        }
    }
}
