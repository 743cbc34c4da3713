//! Files as people have them: archives, databases, web pages, workbooks with titles and hidden sheets, folders of pictures.
//! `tests/fixtures/make_files.py` made them. For each: the table, what is said of it, and that what was decided reads it alike.

use chainrule::data::{
    Column, ColumnKind, ColumnReading, Detected, Preparation, ReadKind, ReadOptions, Reading, Role, Table, Values,
    prepare, read_bytes, read_file,
};
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/formats").join(name)
}

fn open_as(name: &str, options: &ReadOptions) -> (Table, Detected) {
    let (table, found) =
        read_file(&fixture(name), options, &Reading::default()).unwrap_or_else(|e| panic!("{name}: {e}"));
    let (again, _) = read_file(&fixture(name), &found.options, &Reading::default()).expect("what was read before");
    assert_eq!(again, table, "{name} with {:?}", found.options);
    (table, found)
}

fn open(name: &str) -> (Table, Detected) {
    open_as(name, &ReadOptions::default())
}

fn refused(name: &str, options: &ReadOptions) -> String {
    read_file(&fixture(name), options, &Reading::default()).expect_err("must be refused").to_string()
}

fn names(table: &Table) -> Vec<&str> {
    table.columns.iter().map(|c| c.name.as_str()).collect()
}

fn cells(column: &Column) -> Vec<String> {
    (0..column.len()).map(|row| column.cell(row)).collect()
}

#[track_caller]
fn says(found: &Detected, words: &[&str]) {
    let told: Vec<&str> = found.notes.iter().map(|n| n.text.as_str()).collect();
    assert!(found.notes.iter().any(|n| words.iter().all(|w| n.text.contains(w))), "{words:?} is not said in {told:?}");
}

/// The offer of this label, taken.
#[track_caller]
fn taken(name: &str, found: &Detected, label: &str) -> Table {
    let offer = found.notes.iter().flat_map(|n| &n.offers).find(|o| o.label == label);
    open_as(name, &offer.unwrap_or_else(|| panic!("no offer \"{label}\" in {:?}", found.notes)).options).0
}

#[test]
fn packed_files_and_archives_give_the_table_that_is_meant_and_offer_the_others() {
    for name in ["packed.csv.bz2", "packed.csv.xz", "several.zip", "several.tar", "several.tar.xz"] {
        let (table, found) = open(name);
        assert_eq!((names(&table), table.rows()), (vec!["a", "n", "y"], 12), "{name}");
        assert_eq!(table.columns[0].number(11), 5.5, "{name}");
        if name.starts_with("several") {
            assert_eq!(found.choices, ["set/test.csv", "set/train.csv", "set/other.csv"], "{name}");
            assert_eq!(found.chosen, ["set/train.csv"], "{name}");
            says(&found, &["3 files", "\"set/train.csv\" was read"]);
            assert_eq!(cells(&taken(name, &found, "Read set/other.csv").columns[0]), ["7", "8", "9"]);
            let error = refused(name, &ReadOptions { member: Some("gone.csv".into()), ..ReadOptions::default() });
            assert!(error.contains("\"gone.csv\"") && error.contains("set/train.csv"), "{error}");
        }
    }
}

#[test]
fn a_database_gives_its_largest_table_a_view_or_what_a_query_asks_for() {
    let (table, found) = open("rows.sqlite");
    assert_eq!(names(&table), ["a", "n", "y", "day", "big"]);
    assert_eq!(found.choices, ["small", "the rows", "half"]);
    says(&found, &["3 tables and views", "\"the rows\" was read"]);
    says(&found, &["\"raw\"", "11 cells", "binary"]);
    assert!(matches!(table.columns[3].values, Values::Dates(_)));
    // Digits beyond double precision stay.
    assert_eq!(table.columns[4].cell(0), "9007199254740993");
    assert_eq!(taken("rows.sqlite", &found, "Read half").rows(), 6);
    let query = |text: &str| ReadOptions { query: Some(text.into()), ..ReadOptions::default() };
    let (table, _) =
        open_as("rows.sqlite", &query("select y, sum(a) as total from \"the rows\" group by y order by y"));
    assert_eq!((names(&table), cells(&table.columns[1])), (vec!["y", "total"], vec!["24".to_owned(), "9".into()]));
    for (text, says) in
        [("delete from small", "reads"), ("select gone from small", "no such column"), ("attach 'x.db' as x", "reads")]
    {
        let error = refused("rows.sqlite", &query(text));
        assert!(error.contains(says), "{text}: {error}");
    }
    let error = refused("rows.sqlite", &ReadOptions { table: Some("gone".into()), ..ReadOptions::default() });
    assert!(error.contains("small, the rows, half"), "{error}");
    // In memory, as in an archive, it is the same.
    let bytes = std::fs::read(fixture("rows.sqlite")).expect("a fixture");
    assert_eq!(read_bytes("rows.sqlite", &bytes, &found.options).expect("readable").0.rows(), 12);
}

#[test]
fn stata_files_web_pages_and_indexed_parquet_are_read() {
    let (table, _) = open("rows.dta");
    assert_eq!(names(&table), ["a", "n", "y", "day", "word"]);
    assert!(table.columns[0].is_missing(3) && table.columns[1].number(11) == 11.0);
    assert_eq!((table.columns[2].cell(0), table.columns[2].cell(1)), ("z".into(), "x".into()));
    assert_eq!((table.columns[3].cell(11), table.columns[4].cell(0)), ("2024-01-12".into(), "z1".into()));
    let (table, found) = open("page.html");
    assert_eq!((names(&table), table.rows()), (vec!["a", "n", "y"], 12));
    assert_eq!(taken("page.html", &found, "Read table 1").rows(), 3);
    let (table, found) = open("indexed.parquet");
    assert_eq!(names(&table), ["a", "y"]);
    says(&found, &["\"n\"", "index of pandas"]);
    assert_eq!(taken("indexed.parquet", &found, "Take it as a column").columns.len(), 3);
}

#[test]
fn workbooks_are_read_as_people_see_them() {
    let (table, found) = open("sheets.xlsx");
    assert_eq!((names(&table), table.rows()), (vec!["region", "2019", "2020"], 6));
    says(&found, &["Hidden", "\"draft\"", "\"titled\" was read"]);
    says(&found, &["1 row above the table", "Yield by year", "header is row 2"]);
    says(&found, &["The first row", "region, 2019, 2020", "names of the columns"]);
    says(&found, &["text below the table", "Source: own", "row 10"]);
    assert_eq!(cells(&taken("sheets.xlsx", &found, "Read draft").columns[0]), ["1"]);
    let sheet = |name: &str| ReadOptions { sheet: Some(name.into()), ..ReadOptions::default() };
    let (table, found) = open_as("sheets.xlsx", &sheet("two"));
    assert_eq!(found.areas, ["A1:B6", "A8:D12"].map(|a| a.replace("D12", "C12")));
    says(&found, &["2 tables"]);
    assert_eq!(names(&table), ["b", "c", "d"]);
    says(&found, &["\"d\"", "1 cell", "row 11"]);
    assert_eq!(names(&taken("sheets.xlsx", &found, "Read A1:B6")), ["a", "y"]);
    let (table, found) = open_as("sheets.xlsx", &sheet("raw"));
    says(&found, &["\"double\"", "4 formulas", "first in B2"]);
    says(&found, &["\"time\"", "hours since midnight"]);
    assert_eq!(cells(table.column("time").expect("a column")), ["0.5", "1.5", "2.5", "3.5"]);
    assert!(table.column("text").expect("a column").is_number());
    says(&found, &["\"text\"", "stored as text"]);
    let error = refused("locked.xlsx", &ReadOptions::default());
    assert!(error.contains("encrypted with a password"), "{error}");
    assert_eq!(open("red.xls").0.rows(), 4, "whatever the colours in its tree");
}

#[test]
fn folders_of_pictures_say_the_part_and_the_class() {
    let (table, found) = open("parts");
    assert_eq!(names(&table), ["image", "file", "part", "class"]);
    says(&found, &["train, validation and test", "\"part\""]);
    let plan = Preparation::guess(&table);
    assert_eq!((plan.split.by.column(), plan.columns[2].role), (Some("part"), Role::Ignore));
    assert_eq!(plan.targets().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["class"]);
    let data = prepare(&table, &plan).expect("fits");
    assert_eq!(data.x.len(), 16 * 64);
    let (table, found) = open("looks");
    assert_eq!(table.rows(), 2);
    assert_eq!(found.images.map(|i| (i.width, i.height)), Some((8, 12)), "both stand upright");
    says(&found, &["1 picture turned", "EXIF", "turned/0001.jpg"]);
    says(&found, &["1 picture with transparent parts", "put on white"]);
    says(&found, &["1 file in HEIC", "phone.heic", "JPEG"]);
    let Values::Images(images) = &table.columns[0].values else { panic!("pictures") };
    assert!(images.picture(0).filter(|v| *v == 255.0).count() > 90, "black on white");
    let dark = taken("looks", &found, "Put on black");
    let Values::Images(images) = &dark.columns[0].values else { panic!("pictures") };
    assert!(images.picture(0).all(|v| v == 0.0));
    let (table, found) = open("labels.zip");
    assert_eq!(cells(table.column("shade").expect("labels")), ["dark", "dark", "bright"]);
    says(&found, &["1 row of labels.csv without a picture", "0009"]);
}

#[test]
fn a_column_is_read_as_somebody_says_and_cells_that_do_not_fit_are_told() {
    let read = |name: &str, column: &str, kind: ReadKind| {
        let columns = [(column.to_owned(), ColumnReading::of(kind))].into();
        let (table, found) = open_as(name, &ReadOptions { columns, ..ReadOptions::default() });
        (table.column(column).expect("is there").clone(), found)
    };
    for name in ["book.xlsx", "plain.arrow"] {
        let (day, _) = read(name, "day", ReadKind::Text);
        assert_eq!(
            (day.kind(), &*day.cell(0)),
            (ColumnKind::Text, &*open(name).0.column("day").expect("a date").cell(0))
        );
        let (count, found) = read(name, "count", ReadKind::Boolean);
        assert_eq!((&*count.cell(0), count.missing()), ("true", 5));
        says(&found, &["\"count\": 5 of 6 cells are neither true nor false", "row 2 \"2\""]);
        let (count, found) = read(name, "count", ReadKind::Date);
        assert_eq!((count.kind(), count.missing()), (ColumnKind::Date, 6));
        says(&found, &["\"count\": 6 of 6 cells are no dates and became gaps"]);
        let (town, found) = read(name, "town", ReadKind::Number);
        assert_eq!((town.kind(), town.missing()), (ColumnKind::Number, 6));
        says(&found, &["\"town\": 5 of 6 cells are no numbers and became gaps"]);
    }
}

#[test]
fn names_in_a_workbook_are_found_by_the_rule_of_text() {
    let sheet = |name: &str| ReadOptions { sheet: Some(name.into()), ..ReadOptions::default() };
    let (table, found) = open_as("cells.xlsx", &sheet("units"));
    assert_eq!((names(&table), table.rows()), (vec!["place", "height", "speed"], 6));
    assert!(table.columns[1].is_number());
    says(&found, &["Row 2 holds units", "\"height\" in m", "\"speed\" in km/h"]);
    let table = taken("cells.xlsx", &found, "Join them to the names");
    assert_eq!(names(&table), ["place", "height m", "speed km/h"]);
    assert_eq!(taken("cells.xlsx", &found, "Read it as values").rows(), 7);
    let (table, found) = open_as("cells.xlsx", &sheet("joined"));
    assert_eq!((names(&table), table.rows()), (vec!["place", "height mean", "speed largest"], 6));
    says(&found, &["2 header rows", "\"height mean\""]);
    says(&found, &["Row 3 holds units"]);
    let (table, found) = open_as("cells.xlsx", &sheet("groups"));
    assert_eq!(names(&table), ["field", "north soil", "north crop", "south soil", "south crop"]);
    assert_eq!(table.rows(), 6);
    says(&found, &["1 row above the table", "\"Yields\"", "header is row 2"]);
    says(&found, &["2 header rows", "\"north soil\""]);
    let (table, found) = open_as("cells.xlsx", &sheet("bare"));
    assert_eq!((names(&table), table.rows()), (vec!["column 1", "column 2"], 8));
    let headed = ReadOptions { header: Some(true), ..found.options.clone() };
    assert_eq!(names(&open_as("cells.xlsx", &headed).0), ["yes", "blue"]);
    // The doubt is told, with the other way.
    let (_, found) = open("sheets.xlsx");
    assert_eq!(names(&taken("sheets.xlsx", &found, "It holds values")), ["column 1", "column 2", "column 3"]);
}

#[test]
fn cells_of_a_workbook_are_read_as_they_are_meant() {
    let (table, found) = open("cells.xlsx");
    let column = |name: &str| table.column(name).expect("a column");
    assert_eq!(column("code").cell(7), "0007");
    says(&found, &["\"code\"", "kept as text", "\"0000\""]);
    assert!(column("stored").is_number() && column("stored").number(3) == 3.25);
    says(&found, &["\"stored\"", "numbers, though stored as text"]);
    assert_eq!(cells(column("mixed"))[..4], ["0", "1.5", "2", "3.5"].map(str::to_owned));
    assert!(column("mixed").is_number());
    assert_eq!((column("error").missing(), column("error").number(4)), (2, 2.0));
    says(&found, &["\"error\"", "2 cells", "row 5", "#DIV/0!"]);
    says(&found, &["\"long\"", "11 cells", "15 digits", "row 2", "740245381351497000"]);
    // One number among dates is no date of its own.
    let Values::Dates(days) = &column("when").values else { panic!("dates: {:?}", column("when")) };
    assert!(days.get(5).is_nan() && column("when").cell(6) == "2024-01-07");
    says(&found, &["\"when\"", "1 of 12 cells", "row 6 \"45000\""]);
    // The CSV that Excel saves of it.
    let text =
        "flag\r\nTRUE\r\nFALSE\r\nFALSE\r\nTRUE\r\n\r\nFALSE\r\nTRUE\r\nFALSE\r\nFALSE\r\nTRUE\r\nFALSE\r\nFALSE\r\n";
    let text = text.replace("\r\n", ";x\r\n");
    let (saved, _) = read_bytes("saved.csv", text.as_bytes(), &ReadOptions::default()).expect("readable");
    assert_eq!(saved.columns[0], *column("flag"));
    assert_eq!(cells(column("flag"))[..5], ["true", "false", "false", "true", ""].map(str::to_owned));
}

#[test]
fn whole_numbers_beyond_double_precision_stay_exact() {
    let id = "740245381351497731";
    for name in ["ids.parquet", "ids.arrow"] {
        let (table, found) = open(name);
        let column = |name: &str| table.column(name).expect("a column");
        assert_eq!(cells(column("id")), [id, "740245381351497732", "740245381351497733"], "{name}");
        says(&found, &["\"id\" was kept as text", id, "2⁵³", "rounded"]);
        assert!(column("n").is_number() && column("n").number(2) == -9_007_199_254_740_992.0, "{name}");
        assert_eq!(cells(column("u")), ["18446744073709551615", "", "5"], "{name}");
        assert_eq!(cells(column("d")), ["-100000000000000000000000000001", "2", ""], "{name}");
        assert_eq!(column("wide").cell(0), format!("1{}1", "0".repeat(49)), "{name}");
        assert_eq!((column("wide").cell(2), column("cents").number(0)), ("-3".to_owned(), 1.25), "{name}");
        if let Some(list) = table.column("list") {
            assert_eq!(cells(list), [id, "5", ""]);
        }
        let offered = taken(name, &found, "Read as numbers");
        assert_eq!(offered.column("id").map(|c| c.number(0)), Some(740_245_381_351_497_728.0), "{name}");
        assert!(offered.column("u").is_some_and(|c| c.cell(0) == "18446744073709551615"), "{name}");
    }
    let (table, found) = open("ids.npy");
    assert_eq!(table.columns[0].cell(0), id);
    says(&found, &["\"x\" was kept as text"]);
    assert!(taken("ids.npy", &found, "Read as numbers").columns[0].is_number());
    let (table, found) = open("ids.npz");
    assert_eq!(names(&table), ["x[0]", "x[1]", "y"]);
    assert_eq!((0..3).map(|row| table.columns[0].number(row)).collect::<Vec<_>>(), [1.0, 2.0, 3.0]);
    assert_eq!(cells(&table.columns[1]), [id, "7", "-740245381351497732"]);
    assert_eq!(cells(&table.columns[2]), ["18446744073709551615", "0", "1"]);
    assert!(taken("ids.npz", &found, "Read as numbers").columns[1].is_number());
}

#[test]
fn a_number_read_as_text_keeps_its_digits() {
    let as_text = ColumnReading::of(ReadKind::Text);
    let options = ReadOptions { columns: [("n".to_owned(), as_text)].into(), ..ReadOptions::default() };
    assert_eq!(cells(&open_as("ids.parquet", &options).0.columns[1]), ["7", "9007199254740992", "-9007199254740992"]);
}

#[test]
fn pictures_are_found_by_the_digits_that_a_table_of_labels_has() {
    let folder = tempfile::tempdir().expect("the system has a temporary folder");
    let mut archive =
        zip::ZipArchive::new(std::fs::File::open(fixture("labels.zip")).expect("a fixture")).expect("zip");
    for k in 1..=3 {
        let mut entry = archive.by_name(&format!("img/000{k}.png")).expect("a picture");
        let mut file = std::fs::File::create(folder.path().join(format!("000{k}.png"))).expect("can be written");
        std::io::copy(&mut entry, &mut file).expect("can be written");
        std::fs::copy(folder.path().join(format!("000{k}.png")), folder.path().join(format!("{}.png", 1_234_567 + k)))
            .expect("can be written");
    }
    let small = "file,shade\n0001,dark\n0002,dark\n0003,bright\n";
    let json = r#"[{"file":"0001","shade":"dark"},{"file":"0002","shade":"dark"},{"file":"0003","shade":"bright"}]"#;
    let workbook = std::fs::read(fixture("labels.xlsx")).expect("a fixture");
    let large = "file,shade\n1234568,dark\n1234569,dark\n1234570,bright\n";
    for (name, bytes, first) in [
        ("labels.csv", small.as_bytes(), "0001.png"),
        ("labels.json", json.as_bytes(), "0001.png"),
        ("labels.xlsx", &workbook[..], "0001.png"),
        ("labels.csv", large.as_bytes(), "1234568.png"),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("can be written");
        let (table, found) = read_file(folder.path(), &ReadOptions::default(), &Reading::default()).expect("readable");
        let shade = table.column("shade").unwrap_or_else(|| panic!("{name}: {:?}", found.notes));
        let file = cells(table.column("file").expect("names"));
        let at = file.iter().position(|f| f == first).expect("a picture");
        assert_eq!(cells(shade)[at..at + 3], ["dark", "dark", "bright"].map(str::to_owned), "{name}");
        assert_eq!(shade.missing(), 3, "{name}");
        std::fs::remove_file(&path).expect("is there");
    }
}
