//! Tables of web pages. The chosen one is written as delimited text, so that its cells are read as those of any text are.

use super::byte_source::ByteSource;
use super::options::{Chooser, Detected, Format, Note, ReadOptions};
use super::separator::Separator;
use super::{delimited, text_encoding};
use crate::error::DataError;
use crate::reading::Reading;
use crate::table::Table;
use encoding_rs::Encoding;
use html5gum::{Token, Tokenizer};
use std::io::Read as _;

/// Largest page in bytes; it is read in memory.
const LIMIT: u64 = 256 << 20;
/// Columns that a cell may span, and rows, as in HTML's own rules.
const SPAN: usize = 1000;
/// Other tables that a note offers.
const OFFERED: usize = 5;

#[derive(Clone, Debug, Default)]
struct Cell {
    text: String,
    is_title: bool,
    columns: usize,
    rows: usize,
}

#[derive(Debug, Default)]
struct Grid {
    number: usize,
    caption: String,
    rows: Vec<Vec<Cell>>,
    /// Rows in the head of the table.
    head: usize,
    holds_tables: bool,
}

pub(super) fn read(
    source: &ByteSource,
    options: &ReadOptions,
    reading: &Reading,
) -> Result<(Table, Detected), DataError> {
    let mut bytes = Vec::new();
    let most = LIMIT.min(reading.limit as u64);
    source.open(reading)?.take(most + 1).read_to_end(&mut bytes).map_err(|e| source.cannot(&e))?;
    if bytes.len() as u64 > most {
        let limit = chainrule_common::format::bytes(most);
        return Err(DataError::TooLarge { name: source.name().to_owned(), limit });
    }
    let encoding = match &options.encoding {
        Some(name) => text_encoding::named(name)?,
        None => declared(&bytes).unwrap_or_else(|| text_encoding::detect(&bytes)),
    };
    let (text, ..) = encoding.decode(&bytes);
    let mut grids = grids(&text);
    // Tables around others are there for the layout.
    if grids.iter().any(|g| !g.holds_tables) {
        grids.retain(|g| !g.holds_tables);
    }
    grids.retain(|g| g.rows.iter().map(Vec::len).sum::<usize>() > 0);
    let labels: Vec<String> = grids.iter().map(Grid::label).collect();
    let area = |g: &Grid| g.rows.len() * g.rows.iter().map(Vec::len).max().unwrap_or(0);
    let Some(largest) = (0..grids.len()).rev().max_by_key(|&k| area(&grids[k])) else {
        return Err(source.malformed(
            "this is a web page (HTML) without a table. It may be a page for signing in, or one that says what went wrong: open it in a browser, and fetch the file itself",
        ));
    };
    let mut fallback = None;
    let chosen = match &options.table {
        None => largest,
        Some(name) => match labels.iter().position(|l| l == name) {
            Some(k) => k,
            None if grids.len() == 1 => {
                fallback = Some(format!("There is no table \"{name}\", so \"{}\" was read.", labels[0]));
                0
            }
            None => {
                let reason = format!("there is no table \"{name}\". There are: {}", labels.join(", "));
                return Err(source.malformed(&reason));
            }
        },
    };
    let (written, titles) = grids[chosen].written(source, reading)?;
    let own = ReadOptions {
        delimiter: Some(Separator::Character(',')),
        encoding: Some("UTF-8".to_owned()),
        header: options.header.or(titles.then_some(true)),
        ..options.clone()
    };
    let text = ByteSource::bytes(source.name(), written.as_bytes());
    let (table, mut detected) = delimited::read(&text, &text.head()?, &own, reading)?;
    detected.format = Format::Html;
    // The page itself is read with what was given.
    for offer in detected.notes.iter_mut().flat_map(|note| &mut note.offers) {
        offer.options.delimiter.clone_from(&options.delimiter);
        offer.options.encoding.clone_from(&options.encoding);
    }
    if let Some(text) = fallback {
        detected.note(text);
    }
    if labels.len() > 1 && options.table.is_none() {
        let text = format!("The page has {} tables; \"{}\", the largest, was read.", labels.len(), labels[chosen]);
        let others = labels.iter().filter(|l| **l != labels[chosen]).take(OFFERED);
        let note = others.fold(Note::from(text), |note, other| {
            note.offering(&format!("Read {other}"), options, |o| o.table = Some(other.clone()))
        });
        detected.notes.push(note);
    }
    detected.chosen = vec![labels[chosen].clone()];
    (detected.choices, detected.chooser) = (labels, Chooser::Tables);
    Ok((table, detected))
}

/// The encoding that the page names.
fn declared(bytes: &[u8]) -> Option<&'static Encoding> {
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return Some(encoding);
    }
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(2048)]).to_ascii_lowercase();
    let (_, rest) = start.split_once("charset=")?;
    let label: String = rest
        .trim_start_matches(['"', '\''])
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c))
        .collect();
    Encoding::for_label(label.as_bytes()).filter(|e| e.is_ascii_compatible())
}

/// All tables of a page, in their order.
fn grids(text: &str) -> Vec<Grid> {
    let mut done: Vec<Grid> = Vec::new();
    let mut open: Vec<Grid> = Vec::new();
    // Inside of a cell or a caption of the innermost table; inside of something that is not shown.
    let (mut in_cell, mut in_caption, mut in_head, mut hidden) = (false, false, false, 0_usize);
    let mut count = 0;
    for Ok(token) in Tokenizer::new(text) {
        match token {
            Token::StartTag(tag) => {
                let name: &[u8] = &tag.name;
                let number = |key: &[u8]| {
                    let value = tag.attributes.iter().find(|(k, _)| ***k == *key)?;
                    String::from_utf8_lossy(value.1).trim().parse::<usize>().ok()
                };
                match name {
                    b"script" | b"style" => hidden += 1,
                    b"table" => {
                        if let Some(outer) = open.last_mut() {
                            outer.holds_tables = true;
                        }
                        count += 1;
                        open.push(Grid { number: count, ..Grid::default() });
                        (in_cell, in_caption, in_head) = (false, false, false);
                    }
                    b"caption" => in_caption = true,
                    b"thead" => in_head = true,
                    b"tbody" | b"tfoot" => in_head = false,
                    b"tr" => {
                        in_cell = false;
                        if let Some(grid) = open.last_mut() {
                            grid.rows.push(Vec::new());
                            grid.head = if in_head { grid.rows.len() } else { grid.head };
                        }
                    }
                    b"td" | b"th" => {
                        if let Some(grid) = open.last_mut() {
                            if grid.rows.is_empty() {
                                grid.rows.push(Vec::new());
                            }
                            let cell = Cell {
                                text: String::new(),
                                is_title: name == b"th",
                                columns: number(b"colspan").unwrap_or(1).clamp(1, SPAN),
                                rows: number(b"rowspan").unwrap_or(1).clamp(1, SPAN),
                            };
                            grid.rows.last_mut().into_iter().for_each(|row| row.push(cell.clone()));
                            in_cell = true;
                        }
                    }
                    b"br" | b"p" | b"li" | b"div" => add(&mut open, in_cell, in_caption, " "),
                    _ => {}
                }
            }
            Token::EndTag(tag) => match &tag.name as &[u8] {
                b"script" | b"style" => hidden = hidden.saturating_sub(1),
                b"table" => {
                    done.extend(open.pop());
                    (in_cell, in_caption, in_head) = (!open.is_empty(), false, false);
                }
                b"caption" => in_caption = false,
                b"thead" => in_head = false,
                b"td" | b"th" | b"tr" => in_cell = false,
                _ => {}
            },
            Token::String(text) if hidden == 0 => add(&mut open, in_cell, in_caption, &String::from_utf8_lossy(&text)),
            _ => {}
        }
    }
    // Tables that were never closed.
    done.extend(open);
    done.sort_by_key(|g| g.number);
    done
}

fn add(open: &mut [Grid], in_cell: bool, in_caption: bool, text: &str) {
    let Some(grid) = open.last_mut() else { return };
    if in_caption {
        grid.caption.push_str(text);
    } else if let Some(cell) = grid.rows.last_mut().and_then(|r| r.last_mut()).filter(|_| in_cell) {
        cell.text.push_str(text);
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

impl Grid {
    fn label(&self) -> String {
        let caption: String = one_line(&self.caption).chars().take(60).collect();
        let after = if caption.is_empty() { String::new() } else { format!(": {caption}") };
        format!("table {}{after}", self.number)
    }

    /// The table as delimited text, and whether its first row is known to name the columns.
    fn written(&self, source: &ByteSource, reading: &Reading) -> Result<(String, bool), DataError> {
        let titles = |row: &Vec<Cell>| row.len() > 1 && row.iter().all(|c| c.is_title);
        let first_titles = self.rows.iter().filter(|r| !r.is_empty()).take_while(|r| titles(r)).count();
        let head = self.head.max(if first_titles < self.rows.len() { first_titles } else { 0 });
        let mut rows: Vec<Vec<String>> = Vec::new();
        // Cells of rows above that reach down: text and rows left, by column.
        let mut down: Vec<(String, usize)> = Vec::new();
        let mut held = 0;
        for row in &self.rows {
            let mut cells: Vec<String> = Vec::new();
            let from_above = |cells: &mut Vec<String>, down: &mut Vec<(String, usize)>| {
                while let Some((text, left)) = down.get_mut(cells.len()).filter(|(_, left)| *left > 0) {
                    *left -= 1;
                    let text = text.clone();
                    cells.push(text);
                }
            };
            for cell in row {
                from_above(&mut cells, &mut down);
                let text = one_line(&cell.text);
                for _ in 0..cell.columns {
                    if down.len() <= cells.len() {
                        down.resize(cells.len() + 1, (String::new(), 0));
                    }
                    down[cells.len()] = (text.clone(), cell.rows - 1);
                    cells.push(text.clone());
                }
            }
            from_above(&mut cells, &mut down);
            held += cells.iter().map(|c| c.len() + size_of::<String>()).sum::<usize>();
            reading.advance(0)?;
            reading.allow(source.name(), held)?;
            super::columnar::check_width(source, cells.len())?;
            rows.push(cells);
        }
        let width = rows.iter().map(Vec::len).max().unwrap_or(0);
        for row in &mut rows {
            row.resize(width, String::new());
        }
        // Several rows of titles become one: "2019 north".
        let head = head.min(rows.len().saturating_sub(1));
        if head > 1 {
            let joined = (0..width).map(|k| {
                let mut parts: Vec<&str> = Vec::new();
                for row in &rows[..head] {
                    if !row[k].is_empty() && parts.last() != Some(&row[k].as_str()) {
                        parts.push(&row[k]);
                    }
                }
                parts.join(" ")
            });
            let joined: Vec<String> = joined.collect();
            rows.splice(..head, [joined]);
        }
        let mut writer = csv::Writer::from_writer(Vec::new());
        for row in rows.iter().filter(|row| row.iter().any(|c| !c.is_empty())) {
            writer.write_record(row).map_err(|e| source.malformed(&e.to_string()))?;
        }
        let bytes = writer.into_inner().map_err(|e| source.malformed(&e.to_string()))?;
        Ok((String::from_utf8_lossy(&bytes).into_owned(), head > 0))
    }
}

#[cfg(test)]
mod tests {
    use crate::{ReadOptions, read_bytes};

    #[test]
    fn a_table_of_a_page_is_read_with_spans_and_several_title_rows() {
        let page = "<!DOCTYPE html><html><body><table><tr><td>menu</td></tr></table>
            <table><caption>Yield</caption><thead><tr><th rowspan=2>field</th><th colspan=2>2019</th></tr>
            <tr><th>north</th><th>south</th></tr></thead>
            <tr><td>a &amp; b<td>1.5<td>2</tr><tr><td>c<td colspan=2>3.25</tr></table></body></html>";
        let (table, found) = read_bytes("t.xls", page.as_bytes(), &ReadOptions::default()).expect("a table");
        let names: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["field", "2019 north", "2019 south"]);
        assert_eq!((table.columns[0].cell(0), table.columns[2].number(1)), ("a & b".to_owned(), 3.25));
        assert_eq!(found.choices, ["table 1", "table 2: Yield"]);
        assert!(found.notes[0].text.contains("2 tables") && found.notes[0].offers[0].label == "Read table 1");
        // With what was decided, it is read alike.
        let (again, _) = read_bytes("t.xls", page.as_bytes(), &found.options).expect("a table");
        assert_eq!(again, table);
    }

    #[test]
    fn a_first_row_of_plain_cells_names_the_columns_as_in_text() {
        let page = |rows: &str| {
            let rows: String = rows
                .lines()
                .map(|row| format!("<tr>{}</tr>", row.split(',').map(|c| format!("<td>{c}</td>")).collect::<String>()))
                .collect();
            format!("<html><head><meta charset=iso-8859-1></head><table>{rows}</table></html>")
        };
        let names = |rows: &str| -> Vec<String> {
            let page = page(rows);
            let (table, found) = read_bytes("t.html", page.as_bytes(), &ReadOptions::default()).expect("a table");
            let (again, _) = read_bytes("t.html", page.as_bytes(), &found.options).expect("a table");
            assert_eq!(again, table, "{rows}");
            table.columns.into_iter().map(|c| c.name).collect()
        };
        assert_eq!(names("a,b\n1,2\n3,4"), ["a", "b"]);
        assert_eq!(names("1,2\n3,4"), ["column 1", "column 2"]);
        assert_eq!(names("where,temp,wind\n,C,m/s\nnorth,3,1.5\nsouth,4,2.5\neast,5,3"), ["where", "temp", "wind"]);
        // The doubt is told, and its offer reads the page as it is encoded.
        let text = page("land,2019,2020\n\u{c5}land,1.5,2.5\nAruba,3.5,4").replace('\u{c5}', "@");
        let bytes: Vec<u8> = text.bytes().map(|b| if b == b'@' { 0xc5 } else { b }).collect();
        let (table, found) = read_bytes("t.html", &bytes, &ReadOptions::default()).expect("a table");
        assert_eq!((table.columns[1].name.as_str(), table.columns[0].cell(0)), ("2019", "\u{c5}land".to_owned()));
        let offer = found.notes.iter().flat_map(|n| &n.offers).find(|o| o.label == "It holds values");
        let (table, _) = read_bytes("t.html", &bytes, &offer.expect("an offer").options).expect("a table");
        assert_eq!((table.rows(), table.columns[0].cell(1)), (3, "\u{c5}land".to_owned()));
    }

    #[test]
    fn a_page_without_a_table_is_told() {
        let page = b"<html><head><title>Sign in</title></head><body><form></form></body></html>";
        let error = read_bytes("data.csv", page, &ReadOptions::default()).expect_err("no table").to_string();
        assert!(error.contains("web page (HTML) without a table") && error.contains("signing in"), "{error}");
    }
}
