//! Reads small texts and compares tables and notes.

use chainrule::data::{Detected, ReadOptions, Table, read_bytes};

pub fn read_with(name: &str, bytes: &[u8], options: &ReadOptions) -> (Table, Detected) {
    read_bytes(name, bytes, options).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Reads a text, and again with what was decided, which must give the same table.
pub fn read(text: &str) -> (Table, Detected) {
    let (table, detected) = read_with("t.csv", text.as_bytes(), &ReadOptions::default());
    let (again, _) = read_with("t.csv", text.as_bytes(), &detected.options);
    assert_eq!(cells(&table), cells(&again), "{text:?} with {:?}", detected.options);
    (table, detected)
}

/// Names, and below them the cells, row by row.
pub fn cells(table: &Table) -> Vec<String> {
    let names = table.columns.iter().map(|c| c.name.clone()).collect::<Vec<_>>().join("|");
    let row = |r: usize| table.columns.iter().map(|c| c.cell(r)).collect::<Vec<_>>().join("|");
    std::iter::once(names).chain((0..table.rows()).map(row)).collect()
}

pub fn notes(detected: &Detected) -> String {
    detected.notes.iter().map(|n| n.text.clone()).collect::<Vec<_>>().join("\n")
}

/// The text, the table, and what is said.
pub type Case = (&'static str, &'static [&'static str], &'static [&'static str]);

pub fn check(cases: &[Case]) {
    for (text, wanted, says) in cases {
        let (table, detected) = read(text);
        assert_eq!(cells(&table), *wanted, "{text:?}: {}", notes(&detected));
        for part in *says {
            assert!(notes(&detected).contains(part), "{text:?}: {part:?} is not in {:?}", notes(&detected));
        }
        if says.is_empty() {
            assert_eq!(notes(&detected), "", "{text:?}");
        }
    }
}
