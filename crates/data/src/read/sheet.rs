//! The cells of one sheet of a workbook, and which of them are merged.
//!
//! Numbers that are shown with zeros in front, such as postal codes in the format 00000, are codes and become text here.

use super::byte_source::ByteSource;
use crate::error::DataError;
use crate::reading::Reading;
use calamine::{Cell, Data, DataRef, Dimensions, Range, Reader as _, Sheets};
use chainrule_common::format;
use std::io::Cursor;
use std::mem::size_of;

pub(super) type Book = Sheets<Cursor<Vec<u8>>>;

/// What a sheet holds.
pub(super) struct Sheet {
    pub range: Range<Data>,
    pub merged: Vec<Dimensions>,
}

/// That a workbook cannot be read.
pub(super) fn broken(source: &ByteSource, e: &dyn std::fmt::Display) -> DataError {
    source.malformed(&format!("the workbook cannot be read ({e}). Save it again, or save the sheet as CSV"))
}

/// The cells and merged cells of the sheet called `name`.
pub(super) fn sheet(source: &ByteSource, book: &mut Book, name: &str, reading: &Reading) -> Result<Sheet, DataError> {
    let merged = match &mut *book {
        Sheets::Xlsx(book) => book.merge_cells_by_sheet_name(name).unwrap_or_default(),
        Sheets::Xls(book) => book.merge_cells_by_sheet_name(name).unwrap_or_default(),
        _ => Vec::new(),
    };
    let range = match book {
        Sheets::Xlsx(book) => {
            let mut reader = book.worksheet_cells_reader(name).map_err(|e| broken(source, &e))?;
            let digits: Vec<Option<usize>> = reader
                .styles()
                .iter()
                .map(|style| style.number_format.as_ref().and_then(|f| zeros(&f.format_code)))
                .collect();
            let mut cells = Cells::default();
            while let Some((cell, style)) = reader.next_cell_with_style_id().map_err(|e| broken(source, &e))? {
                let digits = digits.get(style).copied().flatten();
                cells.add(source, &cell, digits, reading)?;
            }
            Range::from_sparse(cells.found)
        }
        Sheets::Xlsb(book) => {
            let mut reader = book.worksheet_cells_reader(name).map_err(|e| broken(source, &e))?;
            let mut cells = Cells::default();
            while let Some(cell) = reader.next_cell().map_err(|e| broken(source, &e))? {
                cells.add(source, &cell, None, reading)?;
            }
            Range::from_sparse(cells.found)
        }
        _ => book.worksheet_range(name).map_err(|e| broken(source, &e))?,
    };
    Ok(Sheet { range, merged })
}

/// For tests: a sheet of rows of cells apart by blanks; `_` is empty.
#[cfg(test)]
pub(super) fn of_rows(rows: &[&str]) -> Range<Data> {
    let mut cells = Vec::new();
    for (r, row) in rows.iter().enumerate() {
        for (c, cell) in row.split_whitespace().enumerate().filter(|(_, c)| *c != "_") {
            let value = cell.parse().map_or_else(|_| Data::String(cell.to_owned()), Data::Float);
            cells.push(Cell::new((r as u32, c as u32), value));
        }
    }
    Range::from_sparse(cells)
}

/// Cells with values, and where they reach.
#[derive(Default)]
struct Cells {
    found: Vec<Cell<Data>>,
    first: Option<(u32, u32)>,
    last: (u32, u32),
}

impl Cells {
    fn add(
        &mut self,
        source: &ByteSource,
        cell: &Cell<DataRef<'_>>,
        digits: Option<usize>,
        reading: &Reading,
    ) -> Result<(), DataError> {
        let (place, value) = (cell.get_position(), Data::from(cell.get_value().clone()));
        if value == Data::Empty {
            return Ok(());
        }
        let first = self.first.unwrap_or(place);
        let first = (first.0.min(place.0), first.1.min(place.1));
        let last = (self.last.0.max(place.0), self.last.1.max(place.1));
        if self.first != Some(first) || self.last != last {
            // All cells between are in memory.
            let size = |from: u32, to: u32| (to - from) as usize + 1;
            let area = size(first.0, last.0).saturating_mul(size(first.1, last.1));
            let needed = area.saturating_mul(size_of::<Data>());
            if needed > reading.limit {
                return Err(too_far(source, needed));
            }
            (self.first, self.last) = (Some(first), last);
        }
        if self.found.len().is_multiple_of(1 << 16) {
            reading.advance(0)?;
            reading.allow(source.name(), self.found.len().saturating_mul(size_of::<Cell<Data>>()))?;
        }
        let value = match digits {
            Some(digits) => code(value, digits),
            None => value,
        };
        self.found.push(Cell::new(place, value));
        Ok(())
    }
}

/// That cells lie too far from each other.
fn too_far(source: &ByteSource, needed: usize) -> DataError {
    let needed = format::bytes(needed as u64);
    source.malformed(&format!(
        "its cells lie so far apart that they would take {needed} of memory, more than is free. Delete the cells that stand alone far away, or save the sheet as CSV"
    ))
}

/// How many digits a number format shows at least, with zeros in front, if it is one for codes.
fn zeros(format: &str) -> Option<usize> {
    (format.len() > 1 && format.len() <= 15 && format.bytes().all(|b| b == b'0')).then_some(format.len())
}

/// A whole number as it is shown with at least so many digits.
fn code(value: Data, digits: usize) -> Data {
    let whole = match value {
        Data::Int(v) => u64::try_from(v).ok(),
        Data::Float(v) if v.fract() == 0.0 && (0.0..1e15).contains(&v) => Some(v as u64),
        _ => None,
    };
    whole.map_or(value, |v| Data::String(format!("{v:0digits$}")))
}

/// Whether a sheet has a cell with a value.
pub(super) fn is_full(book: &mut Book, name: &str) -> bool {
    match book {
        Sheets::Xlsx(book) => book.worksheet_cells_reader(name).is_ok_and(|mut reader| {
            std::iter::from_fn(|| reader.next_cell().ok().flatten()).any(|cell| *cell.get_value() != DataRef::Empty)
        }),
        Sheets::Xlsb(book) => {
            book.worksheet_cells_reader(name).is_ok_and(|mut reader| reader.next_cell().is_ok_and(|c| c.is_some()))
        }
        _ => book.worksheet_range(name).is_ok_and(|range| !range.is_empty()),
    }
}

/// Where formulas stand, as rows and columns counted from 0.
pub(super) fn formulas(book: &mut Book, name: &str) -> Vec<(u32, u32)> {
    let mut found = Vec::new();
    let mut add = |cell: &Cell<String>| {
        if !cell.get_value().is_empty() {
            found.push(cell.get_position());
        }
    };
    match book {
        Sheets::Xlsx(book) => {
            if let Ok(mut reader) = book.worksheet_cells_reader(name) {
                std::iter::from_fn(|| reader.next_formula().ok().flatten()).for_each(|cell| add(&cell));
            }
        }
        Sheets::Xlsb(book) => {
            if let Ok(mut reader) = book.worksheet_cells_reader(name) {
                std::iter::from_fn(|| reader.next_formula().ok().flatten()).for_each(|cell| add(&cell));
            }
        }
        _ => {
            let Ok(formulas) = book.worksheet_formula(name) else { return found };
            let Some(at) = formulas.start() else { return found };
            let used = formulas.used_cells().filter(|(.., formula)| !formula.is_empty());
            found.extend(used.map(|(row, column, _)| (row as u32 + at.0, column as u32 + at.1)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::reading::Reading;
    use crate::{Detected, ReadOptions, Table, read_bytes, read_file};
    use std::fmt::Write as _;
    use std::io::Write as _;
    use std::sync::Arc;

    /// A workbook of rows of cells apart by blanks; `_` is empty, `z7` is the number 7 in the format 00000.
    fn book(rows: &[&str], merged: &[&str]) -> Vec<u8> {
        let mut cells = String::new();
        for (r, row) in rows.iter().enumerate() {
            write!(cells, r#"<row r="{}">"#, r + 1).expect("memory");
            for (c, cell) in row.split_whitespace().enumerate().filter(|(_, c)| *c != "_") {
                let place = format!("{}{}", char::from(b'A' + c as u8), r + 1);
                let code = cell.strip_prefix('z').filter(|c| c.parse::<f64>().is_ok());
                let written = match (code, cell.parse::<f64>()) {
                    (Some(code), _) => format!(r#"<c r="{place}" s="1"><v>{code}</v></c>"#),
                    (_, Ok(v)) => format!(r#"<c r="{place}"><v>{v}</v></c>"#),
                    _ => format!(r#"<c r="{place}" t="inlineStr"><is><t>{}</t></is></c>"#, cell.replace('~', " ")),
                };
                cells.push_str(&written);
            }
            cells.push_str("</row>");
        }
        let regions: String = merged.iter().map(|area| format!(r#"<mergeCell ref="{area}"/>"#)).collect();
        let regions = if merged.is_empty() { regions } else { format!("<mergeCells>{regions}</mergeCells>") };
        packed(&format!("<sheetData>{cells}</sheetData>{regions}"))
    }

    fn packed(sheet: &str) -> Vec<u8> {
        let main = r#"xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships""#;
        let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
        let package = "http://schemas.openxmlformats.org/package/2006/relationships";
        let mut book = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, text) in [
            (
                "_rels/.rels",
                format!(
                    r#"<Relationships xmlns="{package}"><Relationship Id="r1" Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>"#
                ),
            ),
            (
                "xl/workbook.xml",
                format!(r#"<workbook {main}><sheets><sheet name="s" sheetId="1" r:id="r1"/></sheets></workbook>"#),
            ),
            (
                "xl/_rels/workbook.xml.rels",
                format!(
                    r#"<Relationships xmlns="{package}"><Relationship Id="r1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="r2" Type="{office}/styles" Target="styles.xml"/></Relationships>"#
                ),
            ),
            (
                "xl/styles.xml",
                format!(
                    r#"<styleSheet {main}><numFmts count="1"><numFmt numFmtId="164" formatCode="00000"/></numFmts><fonts count="1"><font/></fonts><fills count="1"><fill/></fills><borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="164" applyNumberFormat="1"/></cellXfs></styleSheet>"#
                ),
            ),
            ("xl/worksheets/sheet1.xml", format!("<worksheet {main}>{sheet}</worksheet>")),
        ] {
            book.start_file(name, zip::write::SimpleFileOptions::default()).expect("memory");
            book.write_all(text.as_bytes()).expect("memory");
        }
        book.finish().expect("memory").into_inner()
    }

    fn read(rows: &[&str], merged: &[&str]) -> (Table, Detected) {
        let bytes = book(rows, merged);
        let (table, found) = read_bytes("t.xlsx", &bytes, &ReadOptions::default()).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(read_bytes("t.xlsx", &bytes, &found.options).expect("read before").0, table, "{:?}", found.options);
        (table, found)
    }

    fn names(table: &Table) -> Vec<&str> {
        table.columns.iter().map(|c| c.name.as_str()).collect()
    }

    fn cells(table: &Table, column: usize) -> Vec<String> {
        (0..table.rows()).map(|row| table.columns[column].cell(row)).collect()
    }

    #[track_caller]
    fn says(found: &Detected, words: &str) {
        assert!(found.notes.iter().any(|n| n.text.contains(words)), "{words:?} is not in {:?}", found.notes);
    }

    #[test]
    fn merged_names_and_labels_are_filled() {
        let (table, found) = read(
            &["region 2019 _ 2020 _", "_ Q1 Q2 Q1 Q2", "north 1 2 3 4", "south 5 6 7 8", "_ 1 2 3 4", "_ 5 6 7 9"],
            &["A1:A2", "B1:C1", "D1:E1", "A4:A6"],
        );
        assert_eq!(names(&table), ["region", "2019 Q1", "2019 Q2", "2020 Q1", "2020 Q2"]);
        assert_eq!(cells(&table, 0), ["north", "south", "south", "south"]);
        says(&found, "Column \"region\": 2 merged cells filled down, first in row 5 (\"south\")");
        // A title above, one group only, a column beside it without one.
        let (table, found) = read(
            &["Sales~of~us _ _ _", "site y _ total", "_ a b _", "p 1 2 3", "q 4 5 9"],
            &["A1:D1", "A2:A3", "B2:C2", "D2:D3"],
        );
        assert_eq!(names(&table), ["site", "y a", "y b", "total"]);
        says(&found, "1 row above the table");
        let (table, _) = read(&["_ men _ _", "age n mean sd", "1 2 3 4", "5 6 7 8"], &["B1:D1"]);
        assert_eq!(names(&table), ["age", "men n", "men mean", "men sd"]);
        // Three rows of names.
        let (table, _) = read(
            &["id x _ _ _", "_ 2019 _ 2020 _", "_ a b a b", "1 1 2 3 4", "2 5 6 7 8"],
            &["A1:A3", "B1:E1", "B2:C2", "D2:E2"],
        );
        assert_eq!(names(&table), ["id", "x 2019 a", "x 2019 b", "x 2020 a", "x 2020 b"]);
    }

    #[test]
    fn rows_of_totals_are_left_out_and_can_be_kept() {
        let rows = ["name n x", "a 1 2.5", "b 2 3.5", "c 6 1.5", "Total 9 7.5", "Mean 3 2.5"];
        let (table, found) = read(&rows, &[]);
        assert_eq!(cells(&table, 0), ["a", "b", "c"]);
        says(&found, "2 rows were left out below the table");
        let offer = found.notes.iter().flat_map(|n| &n.offers).find(|o| o.label == "Keep them").expect("an offer");
        assert_eq!(read_bytes("t.xlsx", &book(&rows, &[]), &offer.options).expect("readable").0.rows(), 5);
        // Below units and a blank row.
        let (table, found) =
            read(&["place height speed", "_ m km/h", "a 1.5 10", "b 2.5 20", "c 3.5 30", "_ _ _", "Summe 7.5 60"], &[]);
        assert_eq!((table.rows(), names(&table)), (3, vec!["place", "height", "speed"]));
        says(&found, "Row 2 holds units");
        says(&found, "row 7: \"Summe, 7.5, 60\"");
    }

    #[test]
    fn numbers_shown_with_zeros_in_front_are_codes() {
        let (table, _) = read(&["zip n", "z1234 1", "z98101 2", "z501 3", "z1234 4"], &[]);
        assert_eq!(cells(&table, 0), ["01234", "98101", "00501", "01234"]);
        assert!(!table.columns[0].is_number() && table.columns[1].is_number());
    }

    #[test]
    fn cells_far_apart_are_refused() {
        for far in [r#"<c r="XFD1048576"><v>2</v></c>"#, r#"<c r="ZZ1048000" t="inlineStr"><is><t>x</t></is></c>"#] {
            let bytes =
                packed(&format!(r#"<sheetData><row r="1"><c r="A1"><v>1</v></c></row><row>{far}</row></sheetData>"#));
            let folder = tempfile::tempdir().expect("the system has a temporary folder");
            let path = folder.path().join("t.xlsx");
            std::fs::write(&path, bytes).expect("can be written");
            let mut reading = Reading::new(Arc::default());
            reading.limit = 64 << 20;
            let message = read_file(&path, &ReadOptions::default(), &reading).expect_err("refused").to_string();
            assert!(message.contains("so far apart"), "{message}");
        }
        // A formula without a result lies far away: it is no cell with a value.
        let formula = r#"<c r="XFD1048576"><f>1+1</f></c>"#;
        let bytes = packed(&format!(
            r#"<sheetData><row r="1"><c r="A1"><v>1</v></c></row><row r="2"><c r="A2"><v>5</v></c></row><row r="1048576">{formula}</row></sheetData>"#
        ));
        assert_eq!(read_bytes("t.xlsx", &bytes, &ReadOptions::default()).expect("readable").0.rows(), 2);
    }
}
