//! From the first bytes of a text: how its lines are split, where the table lies in it, and what its columns are called.

use super::around::{self, Place};
use super::comments::{self, MarkedLines};
use super::dialect::{
    Row, SeparatorGuess, Swallowed, Syntax, detect_separator, record_start, sample_rows, stray_quote,
    uses_decimal_comma,
};
use super::drawn;
use super::footer::{Footer, find_footer};
use super::header::{CellKind, kind_of_column};
use super::lines::{LineRules, Rewriter, remove_nul};
use super::options::{COLUMN_LIMIT, Note, ReadOptions, TextFormat};
use super::quoting::{Quoting, Recognised, as_usual, recognise};
use super::separator::Separator;
use crate::error::DataError;
use chainrule_common::format;
use memchr::memchr_iter;
use std::borrow::Cow;

/// Letters of a line that are quoted in a note.
const QUOTED: usize = 40;

/// How a text is read.
#[derive(Debug)]
pub(super) struct TextLayout {
    pub format: TextFormat,
    pub rules: LineRules,
    pub syntax: Syntax,
    /// Lines before the first row of values.
    pub body_line: usize,
    /// Names of the columns as they stand in the file; there may be more than `cells`.
    pub names: Vec<String>,
    /// Cells of most rows.
    pub cells: usize,
    /// What the columns hold mostly.
    pub kinds: Vec<CellKind>,
    /// The first rows of values.
    pub body: Vec<Row>,
    /// The row of names, if further ones like it are left out.
    pub header: Option<Row>,
    pub notes: Vec<Note>,
}

/// The beginning of a line in quotes.
pub(super) fn quoted(line: &str) -> String {
    let line = line.trim().trim_matches('"');
    let mut short: String = line.chars().take(QUOTED).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.chars().nth(QUOTED).is_some() {
        short.push('…');
    }
    format!("\"{}\"", short.replace('"', "'"))
}

/// The separator that a first line such as `sep=;` declares, as Excel writes it.
fn declared(text: &str) -> Option<char> {
    let line = text.lines().next()?.trim_matches(['"', '\r', '\u{feff}']);
    let (key, value) = line.split_at_checked(4)?;
    let mut characters = value.chars();
    let declared = characters.next().filter(|c| !c.is_alphanumeric())?;
    (key.eq_ignore_ascii_case("sep=") && characters.next().is_none()).then_some(declared)
}

/// The rewritten text.
fn rewritten(text: &str, rules: &LineRules) -> String {
    let Some(mut rewriter) = Rewriter::new(rules) else { return text.to_owned() };
    let mut out = Vec::with_capacity(text.len());
    rewriter.push(text.as_bytes(), true, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// How many cells rows have if some quote of the text swallows rows.
fn swallowing(text: &str, syntax: Syntax, whole: bool) -> Option<usize> {
    if !text.contains('"') {
        return None;
    }
    let plain = Syntax { quotes: false, ..syntax };
    let lines = sample_rows("", text, plain, whole, 0).ok()?;
    let cells = super::dialect::most_frequent(lines.iter().map(|row| row.cells.len()))?;
    let bytes = text.as_bytes();
    let mut reader = syntax.reader().from_reader(bytes);
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record).is_ok_and(|more| more) {
        let start = record_start(bytes, record.position().map_or(0, |p| p.byte() as usize), syntax.comment);
        let end = reader.position().byte() as usize;
        let is_long = memchr::memchr(b'\n', bytes.get(start..end)?.trim_ascii_end()).is_some();
        if is_long
            && (whole || end < bytes.len())
            && stray_quote(&bytes[start..end], syntax.separator, cells) == Some(Swallowed::Stray)
        {
            return Some(cells);
        }
    }
    None
}

/// Works out how to read a text from its beginning, which is the `whole` of it or not. `mend` is set if quotes further down
/// swallow rows.
pub(super) fn find_layout(
    name: &str,
    text: &str,
    whole: bool,
    options: &ReadOptions,
    mend: Option<usize>,
    format: &TextFormat,
) -> Result<TextLayout, DataError> {
    let mut text = text.as_bytes().to_vec();
    remove_nul(&mut text, 0);
    let mut text = String::from_utf8_lossy(&text).into_owned();
    if !text.contains('\n') {
        text = text.replace('\r', "\n");
    }
    let empty = || DataError::Empty { name: name.to_owned() };
    let declared = declared(&text).filter(|_| options.skip.is_none_or(|lines| lines == 1));
    let before = options.skip.unwrap_or(usize::from(declared.is_some()));
    let sample: String = text.split_inclusive('\n').skip(before).collect();
    let quotes = options.quotes.unwrap_or(true);
    let mut notes = Vec::new();

    // Which lines are rows.
    let given = options.comment.as_ref().map(|c| c.chars().next().filter(char::is_ascii));
    let mark = given.unwrap_or_else(|| comments::first_mark(&sample));
    let marked = mark.map_or_else(Vec::new, |mark| comments::marked_lines(&sample, mark, before));
    let all_marked = marked.len() >= sample.lines().filter(|l| !l.trim().is_empty()).count();
    let supposed = mark.filter(|_| given.is_some() || !all_marked);
    let drawing = match options.drawn {
        Some(false) => None,
        given => drawn::find(&sample, given == Some(true)),
    };
    let lines = drawing.as_ref().map_or(Cow::Borrowed(&*sample), |d| drawn::without(&sample, d.drawn).into());
    let recognised = |separator: Option<u8>| match options.quoting {
        _ if !quotes => Recognised::default(),
        Some(quoting) => Recognised { quoting, ..Recognised::default() },
        None => recognise(&lines, separator),
    };
    let below_dashes = || drawn::places(&lines, &drawing.as_ref()?.first.1).map(Separator::Places);
    let chosen = options.delimiter.clone().or(declared.map(Separator::Character)).or_else(below_dashes);
    let SeparatorGuess { separator, proposed } = match chosen {
        Some(separator) => SeparatorGuess { separator, proposed: None },
        None => match recognised(None).quoting {
            quoting if quoting.single || quoting.backslash => detect_separator(&as_usual(&lines, quoting), supposed),
            _ => detect_separator(&lines, supposed),
        },
    };
    let recognised = recognised(Some(separator.byte()).filter(|_| separator.is_plain()));
    let byte = |comment: Option<char>| comment.map(|c| c as u8);
    let mut syntax = Syntax { separator: separator.byte(), comment: byte(supposed), quotes };
    let mend = mend.or_else(|| {
        let unsure =
            options.quotes.is_none() && separator.is_plain() && recognised.quoting.is_usual() && drawing.is_none();
        swallowing(&sample, syntax, whole).filter(|_| unsure)
    });
    let drawn = drawing.as_ref().map(|d| d.drawn);
    let rules = LineRules { separator: separator.clone(), quotes, quoting: recognised.quoting, drawn, mend };
    let sample = rewritten(&sample, &rules);
    let mut rows = sample_rows(name, &sample, syntax, whole, before)?;
    let decimal_comma = options.decimal_comma.unwrap_or_else(|| uses_decimal_comma(&rows));
    let mut comment = supposed;
    let mut remarks = MarkedLines::default();
    if let Some(mark) = supposed.filter(|_| !marked.is_empty() && !rows.is_empty()) {
        let cells = around::usual_cells(&rows).unwrap_or(rows[0].cells.len());
        remarks = comments::judge(name, mark, &marked, &rows, cells, &separator, decimal_comma)?;
        if !remarks.are_comments && given.is_none() {
            comment = None;
            remarks.names = None;
            syntax.comment = None;
            rows = sample_rows(name, &sample, syntax, whole, before)?;
        }
    }
    if rows.is_empty() {
        return Err(empty());
    }

    // Where the table lies.
    let Some(cells) = around::usual_cells(&rows) else { return Err(no_table(name, &rows, &separator)) };
    if cells > COLUMN_LIMIT {
        return Err(DataError::TooWide { name: name.to_owned(), columns: cells, limit: COLUMN_LIMIT });
    }
    let named = remarks.names.take().filter(|_| options.header != Some(false));
    let mut place = match &named {
        Some(names) => {
            let plain = ReadOptions { header: Some(false), ..options.clone() };
            let mut place = around::find(&rows, cells, &plain, decimal_comma);
            place.row_names = names.cells.len() + 1 == cells;
            let unnamed = place.row_names.then(|| "row name".to_owned());
            place.names = unnamed.into_iter().chain(names.cells.iter().map(|c| c.trim().to_owned())).collect();
            place
        }
        None => around::find(&rows, cells, options, decimal_comma),
    };
    let header = named.is_some() || place.header_rows > 0;
    let skip = if place.start > 0 && named.is_none() { rows[place.start].line - 1 } else { before };
    let header_row = named.clone().or_else(|| (place.header_rows > 0).then(|| rows[place.start].clone()));
    let body_at = place.body();
    let mut body: Vec<Row> = rows[body_at.min(rows.len())..].to_vec();
    let lines_of = |row: &Row| 1 + row.cells.iter().map(|c| memchr_iter(b'\n', c.as_bytes()).count()).sum::<usize>();
    let body_line = match (body.first(), &header_row) {
        (Some(first), _) => first.line - 1,
        // The first row of values is longer than what was looked at.
        (None, Some(header)) if !whole => header.line - 1 + lines_of(header),
        _ => return Err(DataError::HeaderOnly { name: name.to_owned() }),
    };
    place.names.resize(place.names.len().max(cells), String::new());
    // What stands below the table says nothing about its columns.
    let column = |body: &[Row], k: usize| {
        kind_of_column(body.iter().take(400).map(|row| row.cells.get(k).map_or("", String::as_str)), decimal_comma)
    };
    let above = &body[..body.len() - (body.len() / 3).min(20)];
    let mut kinds: Vec<CellKind> = (0..cells).map(|k| column(if whole { above } else { &body }, k)).collect();
    if whole {
        let at = memchr_iter(b'\n', sample.as_bytes()).nth((body_line - before).wrapping_sub(1)).map_or(0, |k| k + 1);
        let at = if body_line == before { 0 } else { at };
        let text = &sample.as_bytes()[at..];
        let footer = find_footer(text, syntax, &kinds, options.footer, true, decimal_comma);
        if footer.lines > 0 {
            let line = body_line + 1 + memchr_iter(b'\n', &text[..footer.start]).count();
            body.retain(|row| row.line < line);
        }
        kinds = (0..cells).map(|k| column(&body, k)).collect();
    }
    let typed = kinds.iter().any(|k| matches!(k, CellKind::Number | CellKind::Date));
    let whole_row = |row: &Row| row.cells.len() == cells && (cells > 2 || cells == 2 && typed);
    let repeated = header_row.clone().filter(|row| named.is_none() && whole_row(row));
    if let Some(header) = &repeated {
        body.retain(|row| row.cells != header.cells);
    }

    let named_by = named.as_ref().map(|row| (row, mark.unwrap_or_default()));
    tell_around(&mut notes, &rows, &place, named_by, header_row.as_ref(), options);
    if options.quoting.is_none() {
        tell_quoting(&mut notes, recognised, before + 1, options);
    }
    if drawing.as_ref().is_some_and(|d| d.count == 0) && options.drawn.is_none() {
        let note = Note::from("Bars stand around all rows; they are no part of the table.".to_owned());
        notes.push(note.offering("They separate cells", options, |o| o.drawn = Some(false)));
    }
    if let Some(drawing) = drawing.as_ref().filter(|d| d.count > 0 && options.drawn.is_none()) {
        let (k, line) = &drawing.first;
        let text = format!(
            "{} left out that {} the table, the first being line {}: {}.",
            were(drawing.count, "line"),
            if drawing.count == 1 { "draws" } else { "draw" },
            before + k + 1,
            quoted(line)
        );
        notes.push(Note::from(text).offering("Read them as rows", options, |o| o.drawn = Some(false)));
    }
    if remarks.count > 0 && given.is_none() {
        let (begin, mark) = (begin(remarks.count), mark.unwrap_or_default());
        let text = format!("{begin} with {mark}, the first being line {}, left out as remarks.", remarks.first);
        notes.push(Note::from(text).offering("Read them as rows", options, |o| o.comment = Some(String::new())));
    }
    // Numbers only, as many in each line: blanks cannot be part of them.
    let is_beyond_doubt = separator == Separator::Blanks
        && cells > 2
        && kinds.iter().all(|kind| *kind == CellKind::Number)
        && body.iter().all(|row| row.cells.len() == cells);
    if cells == 1 && kinds[0] == CellKind::Word && options.delimiter.is_none() {
        if let Some(other) = proposed {
            let text = format!(
                "Each line is one cell of words. Is there one column only? The lines may be separated by {}.",
                other.words()
            );
            let label = format!("Separate by {}", other.words());
            notes.push(Note::from(text).offering(&label, options, |o| o.delimiter = Some(other)));
        }
    } else if !matches!(separator, Separator::Character(',' | ';' | '\t' | '|'))
        && options.delimiter.is_none()
        && declared.is_none()
        && !is_beyond_doubt
    {
        let text =
            format!("The cells were found to be separated by {}, and there are {} in a row.", separator.words(), cells);
        notes
            .push(Note::from(text).offering("Each line is one cell", options, |o| o.delimiter = Some(Separator::NONE)));
    }
    let format = TextFormat {
        delimiter: separator,
        header,
        header_rows: joined_rows(&place, named.is_some(), options),
        decimal_comma,
        comment,
        skip,
        quotes,
        quoting: recognised.quoting,
        drawn: drawing.is_some(),
        ..format.clone()
    };
    Ok(TextLayout { format, rules, syntax, body_line, names: place.names, cells, kinds, body, header: repeated, notes })
}

/// Rows of names, without those of units, which are found anew.
pub(super) fn joined_rows(place: &Place, in_comment: bool, options: &ReadOptions) -> usize {
    if in_comment {
        return 1;
    }
    let others = place.described.len() + usize::from(place.units.is_some());
    options.header_rows.unwrap_or(place.header_rows.saturating_sub(others))
}

fn begin(count: usize) -> String {
    if count == 1 { "A line that begins".to_owned() } else { format!("{count} of the first lines that begin") }
}

/// The first record that has another number of cells than the one before it.
fn no_table(name: &str, rows: &[Row], separator: &Separator) -> DataError {
    let pair = rows.windows(2).find(|pair| pair[0].cells.len() != pair[1].cells.len());
    let (before, row) = pair.map_or((&rows[0], &rows[0]), |pair| (&pair[0], &pair[1]));
    DataError::NoTable {
        name: name.to_owned(),
        row: row.line,
        found: row.cells.len(),
        before: before.cells.len(),
        delimiter: separator.words(),
    }
}

/// Says how cells stand in quotes, if it is not as usual; the text begins with line `first`.
fn tell_quoting(notes: &mut Vec<Note>, found: Recognised, first: usize, options: &ReadOptions) {
    let said = [
        (found.quoting.single, "Cells stand in single quotes", "the quotes are", "Single quotes are plain characters"),
        (
            found.quoting.backslash,
            "Quotes in cells have a backslash before them",
            "the backslash is",
            "Backslashes are plain characters",
        ),
        (found.quoting.blanks, "Blanks stand before quotes", "they are", "Quotes behind blanks are plain characters"),
    ];
    for ((_, what, those, label), line) in said.into_iter().zip(found.lines).filter(|((is, ..), _)| *is) {
        let note = Note::from(format!("{what}, the first in line {}; {those} no part of the cell.", first + line));
        notes.push(note.offering(label, options, |o| o.quoting = Some(Quoting::default())));
    }
}

/// Says what was found above the rows of values in text.
fn tell_around(
    notes: &mut Vec<Note>,
    rows: &[Row],
    place: &Place,
    named: Option<(&Row, char)>,
    header: Option<&Row>,
    options: &ReadOptions,
) {
    let cells = |row: &Row| row.cells.iter().map(|c| c.trim()).filter(|c| !c.is_empty()).collect::<Vec<_>>().join(", ");
    if place.start > 0 {
        let lines = rows.get(place.start).map_or(place.start, |row| row.line - 1);
        let text =
            format!("{} left out before the table, the first: {}.", were(lines, "line"), quoted(&cells(&rows[0])));
        notes.push(Note::from(text).offering("Keep them", options, |o| o.skip = Some(0)));
    }
    if let Some((names, mark)) = named {
        let text = format!("The names of the columns were taken from line {}, which begins with {mark}.", names.line);
        notes.push(Note::from(text).offering("The columns have no names", options, |o| o.header = Some(false)));
        return;
    }
    tell_names(notes, rows, place, header, "line", options);
}

/// Says what was found of the names of the columns, where they were in doubt or in several rows. `noun` is what rows are
/// counted by.
pub(super) fn tell_names(
    notes: &mut Vec<Note>,
    rows: &[Row],
    place: &Place,
    header: Option<&Row>,
    noun: &str,
    options: &ReadOptions,
) {
    let cells = |row: &Row| row.cells.iter().map(|c| c.trim()).filter(|c| !c.is_empty()).collect::<Vec<_>>().join(", ");
    let capital = format!("{}{}", noun[..1].to_uppercase(), &noun[1..]);
    let Some(header) = header else {
        if place.doubtful && options.header.is_none() {
            let first = rows.get(place.start).map_or_else(String::new, |row| quoted(&cells(row)));
            let text = format!("The first row, {first}, was taken for values, not for the names of the columns.");
            notes.push(Note::from(text).offering("It names the columns", options, |o| o.header = Some(true)));
        }
        return;
    };
    if place.doubtful && options.header.is_none() {
        let text = format!("The first row, {}, was taken for the names of the columns.", quoted(&cells(header)));
        notes.push(Note::from(text).offering("It holds values", options, |o| o.header = Some(false)));
    }
    let joined = place.header_rows - place.described.len() - usize::from(place.units.is_some());
    if joined > 1 && options.header_rows.is_none() {
        let example =
            place.names.iter().find(|name| name.contains(' ')).or(place.names.first()).cloned().unwrap_or_default();
        let text = format!("The names stand in {joined} header rows, which were joined, such as \"{example}\".");
        notes.push(Note::from(text).offering("Only the first row names", options, |o| o.header_rows = Some(1)));
    }
    let shift = usize::from(place.row_names);
    let named_cells = |row: &Row| -> Vec<(String, String)> {
        let pairs = row.cells.iter().enumerate().filter(|(_, cell)| !cell.trim().is_empty());
        pairs
            .map(|(k, cell)| (place.names.get(k + shift).cloned().unwrap_or_default(), cell.trim().to_owned()))
            .collect()
    };
    if let Some(units) = place.units.and_then(|k| rows.get(k)) {
        let list: Vec<String> = named_cells(units).iter().map(|(name, unit)| format!("\"{name}\" in {unit}")).collect();
        let text = format!("{capital} {} holds units, not values: {}.", units.line, list.join(", "));
        let note = Note::from(text).offering("Join them to the names", options, |o| o.header_rows = Some(2));
        notes.push(note.offering("Read it as values", options, |o| o.header_rows = Some(1)));
    }
    let described: Vec<&Row> = place.described.iter().filter_map(|&k| rows.get(k)).collect();
    if let Some(first) = described.first() {
        let lines: Vec<String> = described.iter().map(|row| row.line.to_string()).collect();
        let what = if place.orange { " of the header, as Orange writes it," } else { " of the header" };
        let list: Vec<String> = described
            .iter()
            .flat_map(|row| named_cells(row))
            .take(6)
            .map(|(name, cell)| format!("\"{name}\": {cell}"))
            .collect();
        let ending = if lines.len() > 1 { "s" } else { "" };
        let text = format!("{capital}{ending} {}{what} left out: {}.", lines.join(" and "), list.join(", "));
        let label = format!("Read {noun} {} as values", first.line);
        notes.push(Note::from(text).offering(&label, options, |o| o.header_rows = Some(1)));
    }
    if place.row_names {
        let text = "Rows have one cell more than there are names: the first column was called \"row name\".";
        notes.push(
            Note::from(text.to_owned()).offering("The first row holds values", options, |o| o.header = Some(false)),
        );
    } else if place.names.len() > place.cells {
        let more: Vec<String> = place.names[place.cells..].iter().map(|n| format!("\"{n}\"")).collect();
        notes.push(Note::from(format!(
            "There are no values for {}, as rows have {} only.",
            more.join(", "),
            format::counted(place.cells, "cell")
        )));
    }
}

/// "3 lines were" or "1 line was".
pub(super) fn were(count: usize, noun: &str) -> String {
    format!("{} {}", format::counted(count, noun), if count == 1 { "was" } else { "were" })
}

/// Says what was found below the rows of values.
pub(super) fn tell_footer(notes: &mut Vec<Note>, footer: &Footer, options: &ReadOptions) {
    if footer.lines > 0 && options.footer.is_none() {
        let what = if footer.is_total { ", the first being a row of totals" } else { ", the first" };
        let text = format!("{} left out after the table{what}: {}.", were(footer.lines, "line"), quoted(&footer.first));
        notes.push(Note::from(text).offering("Keep them", options, |o| o.footer = Some(0)));
    }
    if let Some(total) = footer.maybe_total.as_ref().filter(|_| options.footer.is_none()) {
        notes.push(perhaps_totals(total, footer.lines + 1, options));
    }
}

/// That the last row, which begins with `word`, may be one of totals; without it the last `lines` lines are left out.
pub(super) fn perhaps_totals(word: &str, lines: usize, options: &ReadOptions) -> Note {
    let text = format!("The last row begins with {}. Is it a row of totals? It was kept.", quoted(word));
    Note::from(text).offering("Leave it out", options, |o| o.footer = Some(lines))
}
