//! Decides for the columns of a file together what each holds, and tells what was in doubt.

use super::column::{Job, Source, Verdict, offering_orders};
use super::kinds::{ColumnReading, DateOrder, ReadKind};
use super::numbers::in_formula;
use super::odd::{self, Odd};
use super::survey::Survey;
use super::words::{MissingWords, in_quotes};
use crate::read::{Note, ReadOptions};
use crate::table::{Column, Table, Values};
use rayon::prelude::{IndexedParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _};
use std::collections::BTreeMap;

/// What was decided.
#[derive(Debug, Default)]
pub(crate) struct Judgement {
    pub notes: Vec<Note>,
    /// How columns are read that are not read plainly.
    pub columns: BTreeMap<String, ColumnReading>,
    /// Whether cells show that the decimal sign of the file is a comma, though its first rows did not.
    pub is_comma: bool,
    /// Whether it is, if cells show it.
    pub decimal_comma: Option<bool>,
    /// Cells that do not fit their columns, with their rows.
    pub odd: Vec<(usize, String)>,
}

/// Decides what the columns of a table hold, and converts them.
pub(crate) fn judge(table: &mut Table, given: &ReadOptions, source: Source<'_>) -> Judgement {
    let mut found = Judgement::default();
    if source.untyped {
        found.notes.extend(table.columns.iter_mut().filter_map(|column| without_formulas(column, given)));
    }
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
    let file_comma = given.decimal_comma.unwrap_or(source.decimal_comma || (commas > 0 && points == 0));
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
            (_, Values::Dates(days)) => job.dates(days),
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
                    let text = format!(
                        "\"{}\" was read as dates with {}, as in \"{}\".",
                        table.columns[k].name,
                        order.words(),
                        table.columns[by].name
                    );
                    again.notes.push(offering_orders(text.into(), &table.columns[k].name, &[order.other()], given));
                    verdicts[k] = again;
                }
            }
        }
    }
    found.is_comma = commas > 0 && points == 0 && !source.decimal_comma;
    found.decimal_comma = (commas + points > 0).then_some(file_comma);
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
            let text = format!("\"{name}\" was read as dates with {}, as \"{cell}\" shows.", order.words());
            found.notes.push(text.into());
        }
        found.notes.extend(verdict.notes);
    }
    for (way, names) in ways {
        let text = format!("{} {} read as {way}.", in_quotes(&names), if names.len() > 1 { "were" } else { "was" });
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
                in_quotes(&of(true)),
                in_quotes(&of(false))
            )
            .into(),
        );
    }
    found.notes.extend(odd::tell(&odd, given));
    found.odd = odd.into_iter().flat_map(|odd| odd.cells).map(|(row, cell)| (row, cell.into_string())).collect();
    found
}

/// Takes ="…" off the cells of a column, which is said.
fn without_formulas(column: &mut Column, given: &ReadOptions) -> Option<Note> {
    let Values::Text(text) = &column.values else { return None };
    let keeps = given.columns.get(&column.name).is_some_and(|own| own.formulas == Some(false));
    if keeps || !text.levels().iter().any(|l| in_formula(l).is_some()) {
        return None;
    }
    let is_such = |row: &usize| text.get(*row).is_some_and(|cell| in_formula(cell).is_some());
    let (first, count) = ((0..text.len()).find(is_such)?, (0..text.len()).filter(is_such).count());
    let said = format!(
        "\"{}\": {} written as {}, the first in row {}; what stands in the quotes was read.",
        column.name,
        if count == 1 { "1 cell is".to_owned() } else { format!("{count} cells are") },
        text.get(first).unwrap_or_default(),
        first + 1
    );
    let bare = |cell: &str| Some(in_formula(cell).unwrap_or(cell).trim().to_owned()).filter(|cell| !cell.is_empty());
    column.values = Values::Text(text.mapped(bare));
    Some(Note::from(said).offering("Keep it as it is written", given, |o| {
        o.columns.entry(column.name.clone()).or_default().formulas = Some(false);
    }))
}

fn words_of<'a>(reading: &'a ColumnReading, given: &'a ReadOptions) -> MissingWords<'a> {
    MissingWords(reading.missing.as_deref().or(given.missing.as_deref()))
}
