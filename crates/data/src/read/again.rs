//! Small tables of cells of all kinds: no reader panics, and with what was decided, a file is read alike.

use crate::{ReadOptions, read_bytes};
use proptest::prelude::{Just, Strategy, any, prop, prop_oneof};
use proptest::sample::select;

const NUMBERS: [&str; 71] = [
    "0",
    "1",
    "2",
    "3",
    "7",
    "-1",
    "+5",
    "10",
    "12",
    "100",
    "1000",
    "2019",
    "2020",
    "1.5",
    "0.25",
    "2.75",
    "3.125",
    "-0.5",
    ".5",
    "5.",
    "1e3",
    "1.5E-3",
    "1.5D+03",
    "inf",
    "1,5",
    "2,25",
    "0,125",
    "1,234",
    "1.234",
    "12,345.5",
    "12.345,5",
    "1 234",
    "1\u{a0}234",
    "1\u{202f}234,5",
    "1'234",
    "1,23,456",
    "$5",
    "$1,234.50",
    "5 €",
    "1.234,50 €",
    "45 %",
    "50%",
    "(12.50)",
    "−7",
    "12.5-",
    "71.5kg",
    "80 kg",
    "20 °C",
    "007",
    "0001",
    "0042",
    "740245381351497731",
    "9007199254740993",
    "-9999",
    "999",
    "20240229",
    "1700000000",
    "\u{feff}5",
    "1.2k",
    "3M",
    "12B",
    "1,5k",
    "$2.5M",
    "3 Mio. €",
    "=\"12\"",
    "=“0012”",
    "4.480",
    "4,480",
    "10,000+",
    "45292",
    "400.5",
];
const DATES: [&str; 44] = [
    "2024-02-29",
    "2023-2-7",
    "2024-13-01",
    "29.02.2024",
    "01.02.2024",
    "03/04/2024",
    "13/04/2024",
    "04/13/2024",
    "7/4/99",
    "02.07.23",
    "10.12.13",
    "2024-02-29T13:05",
    "2024-02-29 13:05:06.250+0100",
    "2023-02-07 13:16:00 UTC",
    "7-Feb-23",
    "Feb 07, 2023",
    "Feb 2023",
    "7. März 2023",
    "2023Q1",
    "2024-W03",
    "1949-01",
    "01/1949",
    "2009-10",
    "2010-11",
    "10:30",
    "23:59:59",
    "11:30 PM",
    "25:00",
    "0:05",
    "20230207T131600",
    "May",
    "Mar 5",
    "1.2.3",
    "Tue, 07 Feb 2023 13:16:00 GMT",
    "9999-12-31",
    "31.12.9999",
    "1900-01-01",
    "2019-123",
    "2019-31-01",
    "36:15:00",
    "1 day 02:00:00",
    "P1DT2H",
    "2h 30m",
    "5 maggio 2023",
];
const WORDS: [&str; 58] = [
    "",
    "NA",
    "N/A",
    "n/a",
    "-",
    "?",
    "--",
    ".",
    "none",
    "None",
    "null",
    "NaN",
    "nan",
    "#DIV/0!",
    "#N/A",
    "\\N",
    "missing",
    "unknown",
    "yes",
    "no",
    "Yes",
    "NO",
    "y",
    "n",
    "true",
    "false",
    "TRUE",
    "False",
    "t",
    "F",
    "T",
    "red",
    "Red",
    "RED",
    "green",
    "light  blue",
    "light blue",
    "A",
    "B",
    "Na",
    "H",
    "total",
    "a,b",
    "x;y",
    "say \"hi\"",
    "#1",
    "%",
    "% a",
    "Total",
    "Subtotal",
    "Mean",
    "SD",
    "'x'",
    "'a, b'",
    "C:\\",
    "say \\\"hi",
    "---",
    "caf\u{e9} cafe\u{301}",
];
const NAMES: [&str; 20] = [
    "a",
    "b",
    "id",
    "date",
    "time",
    "zip",
    "created_at",
    "version",
    "2019",
    "2020",
    "2021",
    "0",
    "1",
    "",
    "total",
    "kg",
    "2020-01",
    "a",
    "#x",
    "yes",
];

/// The cells of a column: mostly of a few kinds.
fn column(rows: usize) -> impl Strategy<Value = Vec<String>> {
    let pool = prop_oneof![
        Just(&NUMBERS[..]),
        Just(&NUMBERS[..18]),
        Just(&NUMBERS[24..29]),
        Just(&DATES[..]),
        Just(&DATES[3..11]),
        Just(&DATES[24..29]),
        Just(&WORDS[..]),
        Just(&WORDS[18..31]),
    ];
    // Most columns hold few different cells.
    let few = |pool: &'static [&'static str]| {
        let own = prop::collection::vec(select(pool), 1..6);
        let odd = prop::collection::vec(select([&NUMBERS[..], &DATES[..], &WORDS[..]].concat()), 0..2);
        (own, odd).prop_map(|(own, odd)| [own.repeat(2), odd].concat())
    };
    pool.prop_flat_map(few)
        .prop_flat_map(move |cells| prop::collection::vec(select(cells), rows))
        .prop_map(|cells| cells.into_iter().map(str::to_owned).collect())
}

#[derive(Clone, Debug)]
struct Sheet {
    names: Option<Vec<&'static str>>,
    columns: Vec<Vec<String>>,
}

fn sheet() -> impl Strategy<Value = Sheet> {
    (1..5_usize, 1..25_usize, any::<bool>()).prop_flat_map(|(width, rows, named)| {
        let names = prop::collection::vec(select(&NAMES[..]), width).prop_map(move |n| named.then_some(n));
        (names, prop::collection::vec(column(rows), width)).prop_map(|(names, columns)| Sheet { names, columns })
    })
}

impl Sheet {
    fn delimited(&self, separator: u8) -> Vec<u8> {
        let mut writer = csv::WriterBuilder::new().delimiter(separator).from_writer(Vec::new());
        self.names.iter().for_each(|names| writer.write_record(names).expect("memory"));
        for row in 0..self.columns[0].len() {
            writer.write_record(self.columns.iter().map(|c| &c[row])).expect("memory");
        }
        writer.into_inner().expect("memory")
    }

    /// Records, in which plain numbers and booleans may be values rather than text.
    fn json(&self, typed: bool) -> Vec<u8> {
        let value = |cell: &String| match serde_json::from_str(cell) {
            Ok(value) if typed => value,
            _ => serde_json::Value::from(cell.as_str()),
        };
        let record = |row: usize| -> serde_json::Value {
            let cells = self.columns.iter().enumerate().map(|(k, c)| {
                let name = self.names.as_ref().map_or("c", |names| names[k]);
                (format!("{name}{k}"), value(&c[row]))
            });
            cells.collect::<serde_json::Map<_, _>>().into()
        };
        serde_json::to_vec(&(0..self.columns[0].len()).map(record).collect::<Vec<_>>()).expect("memory")
    }
}

/// Reads, reads again with what was decided, and takes every offer.
fn check(name: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let fine = |message: String| assert!(!message.contains("its reader does not know"), "{message}\n{text}");
    let (table, found) = match read_bytes(name, bytes, &ReadOptions::default()) {
        Ok(read) => read,
        Err(e) => return fine(e.to_string()),
    };
    let (again, _) = read_bytes(name, bytes, &found.options).unwrap_or_else(|e| panic!("{e}\n{text}"));
    assert_eq!(again, table, "{:?}\n{text}", found.options);
    for offer in found.notes.iter().flat_map(|n| &n.offers) {
        match read_bytes(name, bytes, &offer.options) {
            Err(e) => fine(e.to_string()),
            Ok((table, found)) => {
                let (again, _) = read_bytes(name, bytes, &found.options).unwrap_or_else(|e| panic!("{e}\n{text}"));
                assert_eq!(again, table, "{} with {:?}\n{text}", offer.label, found.options);
            }
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

    #[test]
    fn delimited_text_is_read_alike_with_what_was_decided(sheet in sheet(), separator in select(&b",;\t|"[..])) {
        check("t.csv", &sheet.delimited(separator));
    }

    #[test]
    fn json_is_read_alike_with_what_was_decided(sheet in sheet(), typed in any::<bool>()) {
        check("t.json", &sheet.json(typed));
    }
}
