//! Whether the first row of a table names its columns: decided column by column, by what is written below.
//!
//! A name differs from the values of its column in kind (a word above numbers, a date above numbers) or in how often it occurs.
//! Names may be numbers: years, a count as pandas writes it, or the steps of a scale, such as wavelengths. Readers of text and of
//! workbooks ask the same question.

use crate::parse::{is_missing, number};
use crate::typing::{dates, numbers};
use std::collections::HashMap;

/// Rows below that are looked at.
const ROWS: usize = 200;
/// Numbers that look like years.
const YEARS: std::ops::RangeInclusive<f64> = 1700.0..=2200.0;

/// What the first row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HeaderGuess {
    pub names: bool,
    /// Whether it might as well be the other way, so that it should be said.
    pub doubtful: bool,
}

/// What a cell is by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CellKind {
    Missing,
    Number,
    Date,
    Word,
}

/// The kind of a cell.
pub(super) fn kind_of(cell: &str, decimal_comma: bool) -> CellKind {
    let cell = cell.trim();
    // Cells of NUL bytes come from files that are damaged.
    if is_missing(cell) || cell.bytes().all(|b| b == 0) {
        CellKind::Missing
    } else if number(cell, decimal_comma).is_some() || number(cell, false).is_some() {
        CellKind::Number
    } else if dates::read(cell).is_some() {
        CellKind::Date
    } else if numbers::read(cell).is_some() {
        CellKind::Number
    } else {
        CellKind::Word
    }
}

/// What most of the cells of a column are, if they agree.
pub(super) fn kind_of_column<'a>(cells: impl Iterator<Item = &'a str>, decimal_comma: bool) -> CellKind {
    let mut counts = [0_usize; 4];
    cells.for_each(|cell| counts[kind_of(cell, decimal_comma) as usize] += 1);
    let present: usize = counts[1..].iter().sum();
    let mostly = |kind: CellKind| counts[kind as usize] * 10 >= present * 7;
    match () {
        () if present == 0 => CellKind::Missing,
        () if mostly(CellKind::Number) => CellKind::Number,
        () if mostly(CellKind::Date) => CellKind::Date,
        () => CellKind::Word,
    }
}

/// Votes of the columns.
#[derive(Default)]
struct Votes {
    /// Columns whose first cell is of another kind than those below.
    names: usize,
    /// Those whose first cell is of the same kind, and no word.
    values: usize,
    /// Columns of words that rather are named by their first cell, and those that rather hold it.
    words_for: usize,
    words_against: usize,
}

/// Whether `first` names the columns of the rows `below` it.
pub(super) fn guess_header<A: AsRef<str>, B: AsRef<[A]>>(first: &[A], below: &[B], decimal_comma: bool) -> HeaderGuess {
    let sure = |names| HeaderGuess { names, doubtful: false };
    let doubtful = |names| HeaderGuess { names, doubtful: true };
    let first: Vec<&str> = first.iter().map(|cell| cell.as_ref().trim()).collect();
    let kinds: Vec<CellKind> = first.iter().map(|cell| kind_of(cell, decimal_comma)).collect();
    let words = kinds.iter().filter(|&&k| k == CellKind::Word).count();
    let below: Vec<Vec<&str>> =
        below.iter().take(ROWS).map(|row| row.as_ref().iter().map(|cell| cell.as_ref().trim()).collect()).collect();
    if below.is_empty() {
        return sure(words > 0 && !kinds.iter().any(|k| matches!(k, CellKind::Number | CellKind::Date)));
    }
    let column = |k: usize| below.iter().filter_map(move |row| row.get(k).copied());
    let mut votes = Votes::default();
    // Columns of numbers with a number above them.
    let mut numbered = Vec::new();
    for (k, &kind) in kinds.iter().enumerate() {
        match (kind, kind_of_column(column(k), decimal_comma)) {
            (CellKind::Missing, _) | (_, CellKind::Missing) => {}
            (CellKind::Number, CellKind::Number) => {
                votes.values += 1;
                numbered.push(k);
            }
            (CellKind::Date, CellKind::Date) => votes.values += 1,
            (CellKind::Word, CellKind::Word) => match word_vote(first[k], column(k)) {
                Some(true) => votes.words_for += 1,
                Some(false) => votes.words_against += 1,
                None => {}
            },
            // A number above words is a name if no cell below is a number.
            (CellKind::Number, CellKind::Word) if column(k).any(|c| kind_of(c, decimal_comma) == CellKind::Number) => {
                votes.values += 1;
            }
            (CellKind::Number, CellKind::Word) => {
                votes.names += 1;
                numbered.push(k);
            }
            _ => votes.names += 1,
        }
    }
    // 5 % and 10 % above plain numbers.
    let with_unit = numbered.iter().filter(|&&k| has_unit(first[k]) && !column(k).any(has_unit)).count();
    if with_unit > 1 && with_unit == numbered.len() && votes.values == with_unit {
        return doubtful(true);
    }
    if votes.values > 0 {
        let worded = votes.names > 0 || votes.words_for > votes.words_against;
        if counts_or_years(&first, &kinds, &numbered, &below) {
            return doubtful(true);
        }
        if let Some(names) = is_scale(&first, &numbered, &below, worded, decimal_comma) {
            return doubtful(names);
        }
        let names = votes.names > 2 * votes.values;
        return HeaderGuess { names, doubtful: votes.names > 0 };
    }
    if votes.names > 0 {
        return sure(true);
    }
    let mut distinct: Vec<&str> = first.iter().copied().filter(|c| !c.is_empty()).collect();
    distinct.sort_unstable();
    let count = distinct.len();
    distinct.dedup();
    if words == 0 {
        return doubtful(false);
    }
    let against = votes.words_against + usize::from(distinct.len() < count);
    HeaderGuess { names: against <= votes.words_for, doubtful: against > 0 && votes.words_for > 0 || against == 1 }
}

/// For a word above words: whether it rather is their name, as its value occurs nowhere below though others are repeated, or as
/// they are written in another way.
fn word_vote<'a>(first: &str, below: impl Iterator<Item = &'a str>) -> Option<bool> {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let mut total = 0;
    for cell in below.filter(|c| !is_missing(c)) {
        *counts.entry(cell).or_default() += 1;
        total += 1;
    }
    let categories = counts.len() * 2 <= total + 1 && counts.len() < total;
    let usual = total.div_ceil(counts.len().max(1));
    match counts.get(first).copied() {
        // A name may be a value now and then, but not as often as values are.
        Some(often) if categories && often >= 2 && often * 4 >= usual => return Some(false),
        Some(_) => return None,
        None if categories => return Some(true),
        None => {}
    }
    let digits = |cell: &str| cell.bytes().any(|b| b.is_ascii_digit());
    let mut cells = counts.into_keys();
    let one = cells.next()?;
    let mut same_length = true;
    let mut all_digits = digits(one);
    for cell in cells {
        same_length &= cell.len() == one.len();
        all_digits &= digits(cell);
    }
    let other = total > 2 && (all_digits && !digits(first) || same_length && first.len() != one.len());
    other.then_some(true)
}

/// Whether the numbers of the first row are years or a count, and those of other rows are not.
fn counts_or_years(first: &[&str], kinds: &[CellKind], numbered: &[usize], below: &[Vec<&str>]) -> bool {
    let whole = |cell: &str| cell.bytes().all(|b| b.is_ascii_digit()).then(|| cell.parse::<f64>().ok()).flatten();
    let all_whole = kinds.iter().zip(first).all(|(&k, c)| k != CellKind::Number || whole(c).is_some());
    if !all_whole || kinds.contains(&CellKind::Date) {
        return false;
    }
    let numbers = |row: &[&str]| -> Option<Vec<f64>> {
        numbered.iter().map(|&k| row.get(k).and_then(|c| whole(c))).collect::<Option<Vec<f64>>>()
    };
    let Some(names) = numbers(first) else { return false };
    let steady = |row: &[f64]| row.windows(2).all(|w| w[1] - w[0] == row[1] - row[0] && w[1] > w[0]);
    let years = |row: &[f64]| row.iter().all(|v| YEARS.contains(v)) && row.is_sorted_by(|a, b| a < b);
    // As pandas counts, from 0; from 1 a row of answers to a few questions may do so too.
    let counts = |row: &[f64]| match row {
        [start, next, _, rest @ ..] => {
            (*start == 0.0 || *start == 1.0 && rest.len() > 1) && next - start == 1.0 && steady(row)
        }
        _ => false,
    };
    let alike = |test: &dyn Fn(&[f64]) -> bool| {
        let same = below.iter().filter(|row| numbers(row).is_some_and(|row| test(&row))).count();
        test(&names) && same * 2 <= below.len() && (same == 0 || below.len() > 2)
    };
    // One number that may be a year is a name only beside words.
    let several = names.len() > 1 || kinds.contains(&CellKind::Word);
    several && alike(&years) || alike(&counts)
}

/// Whether a number has a unit or a currency.
fn has_unit(cell: &str) -> bool {
    ['.', ','].into_iter().find_map(|decimal| numbers::number(cell, decimal)).is_some_and(|(_, m)| m.unit.is_some())
}

/// Whether the numbers of the first row are the steps of a scale, such as the wavelengths above a spectrum: even steps, or ever
/// larger or smaller numbers, as in few rows below. Besides, a word must stand beside them (`worded`), or most must lie far
/// outside of what their columns hold; none if they are no such steps.
fn is_scale(
    first: &[&str],
    numbered: &[usize],
    below: &[Vec<&str>],
    worded: bool,
    decimal_comma: bool,
) -> Option<bool> {
    const FEWEST: usize = 3;
    let value = |cell: &str| number(cell, decimal_comma).or_else(|| numbers::read(cell));
    let numbers = |row: &[&str]| -> Option<Vec<f64>> {
        numbered.iter().map(|&k| row.get(k).and_then(|c| value(c))).collect::<Option<Vec<f64>>>()
    };
    let names = numbers(first).filter(|names| names.len() >= FEWEST)?;
    let grows = |row: &[f64]| row.is_sorted_by(|a, b| a < b) || row.is_sorted_by(|a, b| a > b);
    // Rounded to what is written of them.
    let even = |row: &[f64]| {
        let step = (row[row.len() - 1] - row[0]) / (row.len() - 1) as f64;
        grows(row) && row.windows(2).all(|w| (w[1] - w[0] - step).abs() <= step.abs() * 0.02)
    };
    let is_even = even(&names);
    if !(is_even || grows(&names) && names.len() > FEWEST) {
        return None;
    }
    let test: &dyn Fn(&[f64]) -> bool = if is_even { &even } else { &grows };
    let rows: Vec<Vec<f64>> = below.iter().filter_map(|row| numbers(row)).collect();
    let alike = rows.iter().filter(|row| test(row)).count();
    if rows.len() < 2 {
        return None;
    }
    let is_outside = |k: usize| {
        let column = || rows.iter().map(|row| row[k]);
        let (low, high) = column().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        let span = high - low;
        names[k] < low - span || names[k] > high + span
    };
    let outside = (0..names.len()).filter(|&k| is_outside(k)).count();
    let is_far = outside * 10 >= names.len() * 8;
    // Of a few small rows one may look so by chance.
    if alike * if is_far { 2 } else { 10 } > rows.len() {
        return None;
    }
    let are_names = is_far || worded && (is_even || names.len() > 2 * FEWEST);
    (are_names || is_even && names.len() > FEWEST).then_some(are_names)
}

#[cfg(test)]
mod tests {
    use super::guess_header;

    fn names(text: &str) -> bool {
        let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
        guess_header(&rows[0], &rows[1..], false).names
    }

    #[test]
    fn names_are_told_from_values_column_by_column() {
        for (text, header) in [
            ("a,b\n1,2\n3,4", true),
            ("1,2\n3,4", false),
            ("5.1,3.5,setosa\n4.9,3.0,setosa\n4.7,3.1,setosa", false),
            // Years, dates and counts as names.
            ("Country,2019,2020,2021\nAruba,0.0,1.0,2.0\nBrazil,1.0,2.0,3.0", true),
            ("Country,1/22/20,1/23/20\nAruba,0,1\nBrazil,1,2", true),
            ("site,2020-01,2020-02\nx,5,6\ny,7,9", true),
            ("0,1,2\n5.00,3.00,a\n5.11,3.12,b", true),
            (",0,1,2\n0,5,3,1\n1,4,4,9", true),
            ("0,1,2,3\n0.5,0.25,7,1\n0.25,0.5,6,0", true),
            ("1990,1995\n1992,1999\n1993,1994", false),
            ("Ann,2019\nBob,2020\nCid,2018\nDan,2019", false),
            ("Country,2020\nAruba,5\nBrazil,7\nChad,9", true),
            ("2020-01-01,5\n2020-01-02,6", false),
            ("date,5\n2020-01-01,5\n2020-01-02,6", false),
            // Steps of a scale: wavelengths, shares, distances.
            ("400.5,401.0,401.5,class\n0.12,0.15,0.11,a\n0.22,0.25,0.31,b\n0.12,0.35,0.21,a", true),
            ("400.2,401.1,402.3,404.0\n0.12,0.15,0.11,0.2\n0.22,0.25,0.21,0.3", true),
            ("900,890,880,y\n0.12,0.15,0.11,1\n0.22,0.25,0.31,0", true),
            ("5%,10%,25%\n1.5,2.5,3.5\n1.2,2.2,3.7", true),
            ("10nm,20nm,30nm,sample\n3,5,4,a\n5,4,3,b\n2,3,1,c", true),
            ("0.1,0.2,0.3,label\n3.5,1.5,2.5,x\n0.5,4.5,1.5,y\n0.2,0.1,7.5,x", true),
            ("wl,400,410,420\ns1,0.1,0.2,0.3\ns2,0.2,0.2,0.5", true),
            ("0.1,0.2,0.3\n0.2,0.3,0.4\n0.3,0.4,0.5", false),
            ("1.5,2.5,3.5,a\n2.5,3.5,4.5,b\n1.5,2.5,3.5,a", false),
            ("20,60,170,3000\n25,65,180,2000\n30,70,175,4000", false),
            ("0.5,0.1,0.7,a\n0.2,0.9,0.3,b\n0.4,0.2,0.1,a", false),
            ("2.5%,5.5%\n3%,4%\n1%,2%", false),
            // Words only.
            ("p,x,s\ne,x,s\np,b,y\ne,x,y\np,x,s", false),
            ("name,city\nann,paris\nbob,rome", true),
            ("name,city,fruit\nann,paris,apple\nbob,city,pear\ncid,rome,pear\ndan,rome,apple", true),
            ("animal,sound\ncat,meow\ndog,woof\nanimal,noise\ncow,moo", true),
            ("id,word\nA1,x\nA2,y\nA3,z", true),
            ("ham,Go until\nspam,Free entry\nham,Nah I\nham,Even my", false),
            ("yes,no,yes\nno,yes,no", false),
            // One row, or none.
            ("a,b", true),
            ("Ann,5", false),
            ("name,age\nAnn,5", true),
            ("name,city\nAnn,Rome", true),
            ("price,when\n$1,10:30\n$2,11:30", true),
        ] {
            assert_eq!(names(text), header, "{text}");
        }
    }

    #[test]
    fn doubt_is_said() {
        let rows = |text: &str| -> Vec<Vec<String>> {
            text.lines().map(|l| l.split(',').map(str::to_owned).collect()).collect()
        };
        for (text, doubtful) in [("a,b\n1,2\n3,4", false), ("0,1,2\n5,3,a\n6,4,b", true), ("a,5\n1,2\n3,4", true)] {
            let rows = rows(text);
            assert_eq!(guess_header(&rows[0], &rows[1..], false).doubtful, doubtful, "{text}");
        }
    }
}
