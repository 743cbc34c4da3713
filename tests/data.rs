//! Readers and preparation against pandas and scikit-learn, on real tables and on one table in every format.

use chainrule::data::{
    Balance, Column, ColumnKind, ColumnPlan, DataSource, Encoder, EncodingKind, Function, ImageOptions, Missing,
    Numbers, Part, Preparation, PreparationStep, ReadOptions, Reading, Role, ScaleCurve, Split, SplitBy, StepKind,
    Table, Targets, Treatment, Values, prepare, read_file, summarise,
};
use serde_json::Value;
use std::path::{Path, PathBuf};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn open(name: &str) -> Table {
    open_as(name, ReadOptions::default())
}

fn open_as(name: &str, options: ReadOptions) -> Table {
    let source = DataSource::File { path: fixture(name), sha256: String::new(), options };
    source.load().unwrap_or_else(|e| panic!("{name}: {e}")).table
}

fn refused(name: &str, options: ReadOptions) -> String {
    let source = DataSource::File { path: fixture(name), sha256: String::new(), options };
    source.load().expect_err("must be refused").to_string()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("a list").iter().map(|v| v.as_f64().unwrap_or(f64::NAN)).collect()
}

fn cells(column: &Column) -> Vec<String> {
    (0..column.len()).map(|row| column.cell(row)).collect()
}

fn near(got: f64, want: f64, share: f64, what: &str) {
    assert!((got - want).abs() <= share * want.abs().max(1.0), "{what}: {got} against {want}");
}

/// A table with one feature and a number to predict that is never missing, all rows in training.
fn alone(column: &Column, treatment: Treatment, missing: Missing) -> (Table, Preparation) {
    let ramp = Column::numbers("a ramp of its own", (0..column.len()).map(|k| k as f64).collect::<Vec<f64>>());
    let plan = |name: &str, role, treatment, missing| ColumnPlan {
        name: name.to_owned(),
        role,
        treatment,
        missing,
        read_as: None,
    };
    let columns = vec![
        plan(&column.name, Role::Feature, treatment, missing),
        plan(&ramp.name, Role::Target, Treatment::AsIs, Missing::Drop),
    ];
    let split = Split { validation: 0.0, test: 0.0, ..Split::default() };
    let table = Table { name: "alone".into(), columns: vec![column.clone(), ramp] };
    (table, Preparation { columns, steps: Vec::new(), split })
}

fn encoded(
    column: &Column,
    treatment: Treatment,
    missing: Missing,
    steps: Vec<PreparationStep>,
) -> (Vec<f64>, Encoder) {
    let (table, mut plan) = alone(column, treatment, missing);
    plan.steps = steps;
    let data = prepare(&table, &plan).unwrap_or_else(|e| panic!("{}: {e}", column.name));
    (data.x.iter().map(|&v| f64::from(v)).collect(), data.encoder)
}

#[test]
fn real_tables_are_read_and_prepared_as_pandas_and_scikit_learn_do() {
    let text = std::fs::read_to_string(fixture("tables.json")).expect("the fixture");
    let wanted: Vec<Value> = serde_json::from_str(&text).expect("JSON");
    assert!(wanted.len() >= 30);
    for case in &wanted {
        let name = case["table"].as_str().expect("a name");
        let table = open(&format!("tables/{name}.csv"));
        assert_eq!(table.rows() as u64, case["rows"].as_u64().expect("a number"), "{name}");
        let columns = case["columns"].as_array().expect("a list");
        assert_eq!(table.columns.len(), columns.len(), "{name}");
        for (column, want) in table.columns.iter().zip(columns) {
            let what = format!("{name}, {}", want["name"]);
            assert_eq!(column.missing() as u64, want["missing"].as_u64().expect("a number"), "{what}");
            // pandas leaves dates as text unless it is asked.
            let kind = if column.is_number() { "number" } else { "text" };
            assert_eq!(kind, want["kind"], "{what}");
            let summary = summarise(column);
            assert_eq!(summary.distinct as u64, want["distinct"].as_u64().expect("a number"), "{what}");
            if want["mean"].is_number() {
                check_number(column, want, &what);
            } else if column.kind() == ColumnKind::Text && want["categories"].is_array() {
                check_text(column, want, &what);
            }
        }
        check_several(&table, case, name);
    }
}

fn check_number(column: &Column, want: &Value, what: &str) {
    let range = summarise(column).range.expect("has numbers");
    near(range.mean, want["mean"].as_f64().expect("a number"), 1e-12, what);
    near(range.std, want["std"].as_f64().expect("a number"), 1e-12, what);
    for (got, want) in range.quartiles.iter().zip(numbers(&want["quartiles"])) {
        near(*got, want, 1e-12, what);
    }
    if column.len() - column.missing() < 2 {
        return;
    }
    let close = |treatment, missing, steps: Vec<PreparationStep>, key: &str| {
        let (got, _) = encoded(column, treatment, missing, steps);
        for (got, want) in got.iter().zip(numbers(&want[key])) {
            near(*got, want, 1e-6, &format!("{what}, {key}"));
        }
    };
    close(Treatment::Standardise, Missing::Median, Vec::new(), "median_filled_and_standardised");
    // A spread of zero leaves everything at zero here and there.
    close(Treatment::MinMax, Missing::Median, Vec::new(), "min_max");
    if range.quartiles[0] < range.quartiles[2] && column.missing() == 0 {
        close(Treatment::Robust, Missing::Median, Vec::new(), "robust");
    }
    let (_, encoder) = encoded(column, Treatment::AsIs, Missing::Mode, Vec::new());
    near(encoder.features[0].fill.expect("a fill"), want["most_frequent"].as_f64().expect("a number"), 1e-12, what);
    // Where numbers hardly differ, as years do, or the power is far out, the likelihood there is lost in rounding: x^λ is a
    // tiny part of the constant beside it. Here the constant is left out.
    let power = want["power"].as_f64().expect("a number");
    let spread = range.std / range.mean.abs();
    if summarise(column).distinct > 2 && power.abs() < 2.0 && spread > 0.05 {
        let steps = vec![StepKind::Gaps.into(), StepKind::Power.into()];
        let (_, encoder) = encoded(column, Treatment::AsIs, Missing::Median, steps);
        let EncodingKind::Chain { steps, .. } = &encoder.features[0].kind else {
            let EncodingKind::Linear(scale) = encoder.features[0].kind else { panic!("{what}: a curve") };
            let ScaleCurve::Power(found) = scale.curve else { panic!("{what}: a power") };
            return near(found, power, 1e-3, &format!("{what}, power"));
        };
        let found = steps.iter().find_map(|s| match s {
            Function::Linear(scale) => Some(scale.curve),
            _ => None,
        });
        let Some(ScaleCurve::Power(found)) = found else { panic!("{what}: a power") };
        near(found, power, 1e-3, &format!("{what}, power"));
    }
}

fn check_text(column: &Column, want: &Value, what: &str) {
    let (got, encoder) = encoded(column, Treatment::OneHot, Missing::Drop, Vec::new());
    let EncodingKind::OneHot { levels } = &encoder.features[0].kind else { panic!("{what}: one-hot") };
    let names: Vec<&str> = want["categories"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert_eq!(levels, &names, "{what}");
    let sums: Vec<f64> = (0..levels.len()).map(|k| got.iter().skip(k).step_by(levels.len()).sum()).collect();
    assert_eq!(sums, numbers(&want["one_hot_sums"]), "{what}");
    let (got, _) = encoded(column, Treatment::Ordinal, Missing::Drop, Vec::new());
    assert_eq!(got[..got.len().min(8)], numbers(&want["ordinal"])[..], "{what}");
}

/// What needs several columns.
fn check_several(table: &Table, case: &Value, name: &str) {
    let plan = |name: &str, role, treatment| ColumnPlan {
        name: name.to_owned(),
        role,
        treatment,
        missing: Missing::Drop,
        read_as: None,
    };
    let split = Split { validation: 0.0, test: 0.0, ..Split::default() };
    if let Some(pair) = case["pair"].as_array() {
        let names: Vec<&str> = pair.iter().filter_map(Value::as_str).collect();
        let ramp = Column::numbers("ramp", (0..table.rows()).map(|k| k as f64).collect::<Vec<f64>>());
        let mut with_ramp = table.clone();
        with_ramp.columns.push(ramp);
        let steps = vec![
            StepKind::Gaps.into(),
            StepKind::Treat.into(),
            StepKind::Products.into(),
            PreparationStep {
                kind: StepKind::Polynomial { degree: 2 },
                columns: names.iter().map(|n| (*n).to_owned()).collect(),
                off: false,
            },
        ];
        let columns = vec![
            plan(names[0], Role::Feature, Treatment::AsIs),
            plan(names[1], Role::Feature, Treatment::AsIs),
            plan("ramp", Role::Target, Treatment::AsIs),
        ];
        let data = prepare(&with_ramp, &Preparation { columns, steps, split: split.clone() }).expect("fits");
        // a, b, a·b, a², b² here; a, b, a², a·b, b² there.
        let want = numbers(&case["polynomial"]);
        for (row, want) in want.chunks(5).enumerate() {
            for (got, want) in [0, 1, 3, 2, 4].map(|k| data.x[[row, k]]).iter().zip(want) {
                near(f64::from(*got), *want, 1e-6, &format!("{name}, powers and products"));
            }
        }
    }
    if let (Some(text), Some(number)) = (case["text"].as_str(), case["number"].as_str()) {
        if table.column(text).is_none_or(|c| c.kind() != ColumnKind::Text) {
            return;
        }
        let columns =
            vec![plan(text, Role::Feature, Treatment::TargetMean), plan(number, Role::Target, Treatment::AsIs)];
        let data = prepare(table, &Preparation { columns, steps: Vec::new(), split: split.clone() }).expect("fits");
        for (got, want) in data.x.iter().zip(numbers(&case["target_mean"])) {
            near(f64::from(*got), want, 1e-6, &format!("{name}, target mean"));
        }
        if let Some(wanted) = case["stratified"].as_object() {
            let columns =
                vec![plan(number, Role::Feature, Treatment::AsIs), plan(text, Role::Target, Treatment::OneHot)];
            let split = Split { validation: 0.0, test: 0.3, ..Split::default() };
            let data = prepare(table, &Preparation { columns, steps: Vec::new(), split }).expect("fits");
            let Targets::Classes { names, labels } = data.target() else { panic!("classes") };
            for (k, class) in names.iter().enumerate() {
                let got = data.part(Part::Test).iter().filter(|&&row| labels[row as usize] as usize == k).count();
                let want = wanted.get(class).and_then(Value::as_u64).unwrap_or(0);
                assert!(got.abs_diff(want as usize) <= 1, "{name}, {class}: {got} against {want} rows held back");
            }
        }
    }
}

/// The made-up table that every format holds.
fn check_table(table: &Table, what: &str) {
    let column = |k: usize| &table.columns[k];
    assert!(table.columns.len() >= 4 && table.rows() == 6, "{what}: {} × {}", table.rows(), table.columns.len());
    let length: Vec<f64> = (0..6).map(|row| column(0).number(row)).collect();
    assert!(length[2].is_nan(), "{what}: {length:?}");
    assert_eq!([length[0], length[1], length[3], length[4], length[5]], [1.5, 2.25, -3.0, 1e6, 0.1], "{what}");
    assert_eq!((0..6).map(|row| column(1).number(row)).collect::<Vec<_>>(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], "{what}");
    assert_eq!(cells(column(2)), ["Bergen", "Århus", "", "Bergen", "say \"hi\", twice", "x"], "{what}");
    let days = ["2024-01-31", "2024-02-29", "2024-03-01", "1969-07-20", "2024-12-24", "2024-01-01"];
    assert_eq!((cells(column(3)), column(3).kind()), (days.map(str::to_owned).to_vec(), ColumnKind::Date), "{what}");
}

#[test]
fn one_table_is_the_same_in_every_format() {
    let files = [
        "plain.csv",
        "marked.csv",
        "utf16.csv",
        "utf16be.csv",
        "cp1252.csv",
        "crlf.csv",
        "cr.csv",
        "tabs.tsv",
        "bars.txt",
        "comma.csv",
        "comments.csv",
        "headless.csv",
        "packed.csv.gz",
        "packed.csv.zst",
        "lines.jsonl",
        "records.json",
        "columns.json",
        "table.arff",
        "book.xlsx",
        "book.ods",
        "book.xls",
        "none.parquet",
        "snappy.parquet",
        "gzip.parquet",
        "zstd.parquet",
        "lz4.parquet",
        "brotli.parquet",
        "lz4.feather",
        "plain.arrow",
        "stream.arrow",
    ];
    for file in files {
        let table = open(&format!("formats/{file}"));
        check_table(&table, file);
        let named = table.columns[2].name == "town";
        assert_eq!(named, file != "headless.csv", "{file}");
        if file.ends_with("parquet") || ["lz4.feather", "stream.arrow"].contains(&file) {
            let cell = |name: &str, row| table.column(name).expect("column").cell(row);
            assert_eq!(
                (cell("town code", 1), cell("yes", 0), cell("yes", 2)),
                ("Århus".into(), "true".into(), String::new())
            );
            assert_eq!((cell("price", 0), cell("price", 5)), (String::new(), "5".into()));
            let Values::Images(vector) = &table.column("vector").expect("column").values else { panic!("a list") };
            assert_eq!((vector.width, vector.picture(3).collect::<Vec<_>>()), (2, vec![3.0, 3.5]));
            assert!(table.column("pieces").is_none(), "lists of words are left out");
        }
    }
}

/// See `typed` in tests/fixtures/make_formats.py for what the columns hold.
#[test]
fn columns_of_every_type_are_read_from_parquet_and_arrow() {
    for (file, known, left_out) in [
        ("types.parquet", 35, 6),
        ("types2.parquet", 35, 6),
        ("types_none.arrow", 38, 12),
        ("types_lz4.arrow", 38, 12),
        ("types_zstd.arrow", 38, 12),
    ] {
        let (table, detected) =
            read_file(&fixture(&format!("formats/{file}")), &ReadOptions::default(), &Reading::default())
                .unwrap_or_else(|e| panic!("{file}: {e}"));
        assert_eq!((table.columns.len(), table.rows()), (known, 6), "{file}");
        assert_eq!(detected.notes.iter().filter(|n| n.text.starts_with("Column \"x_")).count(), left_out, "{file}");
        for column in &table.columns {
            let name = format!("{file}: {}", column.name);
            let gap = if column.name == "y" { None } else { Some(1) };
            match (column.name.split('_').next().expect("a name"), &column.values) {
                ("n", Values::Numbers(_)) => {
                    // Times and spans are hours; they were made of milliseconds and microseconds.
                    let unit = match column.name.as_str() {
                        "n_time32" => 3.6e6,
                        "n_time64" | "n_duration" => 3.6e9,
                        _ => 1.0,
                    };
                    for row in (0..6).filter(|&row| Some(row) != gap) {
                        assert_eq!(column.number(row), row as f64 / unit, "{name}");
                    }
                    assert!(column.number(1).is_nan(), "{name}");
                }
                ("d", Values::Dates(seconds)) => {
                    let days: Vec<f64> = seconds.iter().map(|s| s / 86_400.0).collect();
                    assert_eq!((days[0], days[2], days[5]), (0.0, 2.0, 5.0), "{name}");
                    assert!(days[1].is_nan(), "{name}");
                }
                ("t", Values::Text(_)) => {
                    let words = cells(column);
                    let trimmed: Vec<&str> = words.iter().map(|w| w.trim_end_matches('x')).collect();
                    assert_eq!(trimmed, ["w0", "", "w2", "w3", "w4", "w5"], "{name}");
                }
                ("v", Values::Images(pairs)) => {
                    assert_eq!((pairs.width, pairs.picture(3).collect::<Vec<_>>()), (2, vec![3.0, 3.5]), "{name}");
                    assert!(pairs.picture(1).all(f64::is_nan), "{name}");
                }
                ("y", Values::Text(_)) => assert_eq!(cells(column)[..2], ["true", "false"], "{name}"),
                ("none", Values::Numbers(numbers)) => assert_eq!(numbers.missing(), 6, "{name}"),
                _ => panic!("{name} became a column of another kind"),
            }
        }
    }
    let old = open("formats/int96.parquet");
    let days: Vec<f64> = (0..6).map(|row| old.columns[1].number(row) / 86_400.0).collect();
    assert_eq!((days[0], days[5]), (0.0, 5.0));
}

#[test]
fn sheets_encodings_and_arrays_can_be_chosen() {
    let other = open_as("formats/book.xlsx", ReadOptions { sheet: Some("other".into()), ..ReadOptions::default() });
    assert_eq!((other.rows(), other.columns.len()), (2, 1));
    let error = refused("formats/book.xlsx", ReadOptions { sheet: Some("gone".into()), ..ReadOptions::default() });
    assert!(error.contains("\"gone\"") && error.contains("empty, table, other"), "{error}");
    let greek =
        open_as("formats/cp1252.csv", ReadOptions { encoding: Some("windows-1251".into()), ..ReadOptions::default() });
    assert_eq!(greek.columns[2].cell(1), "Еrhus", "as it was asked for, not as it is");
    let one = open_as("formats/pair.npz", ReadOptions { arrays: Some(vec!["other".into()]), ..ReadOptions::default() });
    assert_eq!(cells(&one.columns[0]), ["0", "1", "2"]);
    let both = ReadOptions { arrays: Some(vec!["x".into(), "other".into()]), ..ReadOptions::default() };
    let error = refused("formats/pair.npz", both);
    assert!(error.contains("\"other\" has 3 entries, but \"x\" has 6"), "{error}");
    let skipped =
        open_as("formats/plain.csv", ReadOptions { skip: Some(2), header: Some(false), ..ReadOptions::default() });
    assert_eq!((skipped.rows(), skipped.columns[0].cell(0)), (5, "2.25".to_owned()));
}

#[test]
fn arrays_of_every_type_are_read() {
    for kind in ["lf8", "bf8", "lf4", "bf4", "lf2", "li8", "bi4", "li2", "i1", "lu8", "lu4", "bu2", "u1"] {
        let table = open(&format!("formats/{kind}.npy"));
        assert_eq!((table.columns.len(), table.rows()), (4, 6), "{kind}");
        let got: Vec<f64> = (0..24).map(|k| table.columns[k % 4].number(k / 4)).collect();
        assert_eq!(got, (0..24).map(f64::from).collect::<Vec<_>>(), "{kind}");
    }
    let pictures = |name: &str| match &open(name).columns[0].values {
        Values::Images(images) => images.clone(),
        _ => panic!("{name}: pictures"),
    };
    let fortran = pictures("formats/fortran.npy");
    assert_eq!((fortran.height, fortran.width, fortran.len()), (3, 2, 4));
    assert_eq!(fortran.pixels.iter().collect::<Vec<_>>(), (0..24).map(f64::from).collect::<Vec<_>>());
    assert_eq!(pictures("formats/first.npy"), pictures("formats/last.npy"));
    assert_eq!(cells(&open("formats/words.npy").columns[0]), ["one", "Ωmega", ""]);
    assert_eq!(cells(&open("formats/bool.npy").columns[0]), ["1", "0", "1"]);
    assert!(refused("formats/objects.npy", ReadOptions::default()).contains("Python objects"));
    let pair = open("formats/pair.npz");
    assert_eq!((pair.columns.len(), pair.columns[4].name.as_str()), (5, "y"));
    let packed = open("formats/packed.npz");
    assert_eq!((packed.columns[0].kind(), packed.columns[1].cell(5)), (ColumnKind::Image, "5".to_owned()));
}

#[test]
fn idx_pictures_find_their_labels() {
    for file in [
        "tiny-images-idx3-ubyte",
        "tiny-labels-idx1-ubyte",
        "packed-images-idx3-ubyte.gz",
        "packed-labels-idx1-ubyte.gz",
    ] {
        let table = open(&format!("formats/{file}"));
        let Values::Images(images) = &table.columns[0].values else { panic!("{file}: pictures") };
        assert_eq!((images.height, images.width, images.len()), (3, 2, 5), "{file}");
        assert_eq!(images.picture(4).collect::<Vec<_>>(), [24.0, 25.0, 26.0, 27.0, 28.0, 29.0], "{file}");
        assert_eq!(cells(&table.columns[1]), ["3", "1", "4", "1", "5"], "{file}");
    }
    assert_eq!(cells(&open("formats/floats.idx").columns[0]), ["0.5", "-2"]);
}

#[test]
fn sparse_rows_become_columns() {
    let table = open("formats/sparse.svm");
    let names: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["target", "feature 1", "feature 2", "feature 3"]);
    let rows: Vec<Vec<f64>> = (0..3).map(|row| table.columns.iter().map(|c| c.number(row)).collect()).collect();
    assert_eq!(rows, [[1.0, 0.5, 0.0, -2.0], [-1.0, 0.0, 1.25, 0.0], [1.0, 0.0, 0.0, 0.0]]);
}

#[test]
fn folders_and_archives_of_pictures_have_a_class_a_folder() {
    for file in ["pictures", "pictures.zip"] {
        let table = open(&format!("formats/{file}"));
        let Values::Images(images) = &table.column("image").expect("pictures").values else { panic!("{file}") };
        assert_eq!((images.height, images.width, images.channels, images.len()), (8, 8, 1, 12), "{file}");
        let class = table.column("class").expect("classes");
        for row in 0..12 {
            let picture: Vec<f64> = images.picture(row).collect();
            let (bright, dark) = if class.cell(row) == "left" { (0, 7) } else { (7, 0) };
            let what = format!("{file}, {}", table.column("file").expect("names").cell(row));
            assert!((picture[bright] - 200.0).abs() <= 4.0 && picture[dark] <= 4.0, "{what}: {picture:?}");
        }
        // One of each class, and all the rest to train.
        let mut plan = Preparation::guess(&table);
        plan.split.validation = 0.0;
        let data = prepare(&table, &plan).expect("fits");
        assert_eq!((data.features(), data.encoder.picture()), (64, Some((8, 8, 1))), "{file}");
        assert!(data.x.iter().all(|v| (0.0..=1.0).contains(v)));
    }
    let shape = ImageOptions { width: 4, height: 6, ..ImageOptions::default() };
    let table = open_as("formats/labelled", ReadOptions { images: Some(shape), ..ReadOptions::default() });
    let Values::Images(images) = &table.columns[0].values else { panic!("pictures") };
    assert_eq!((images.height, images.width, images.channels), (6, 4, 3));
    assert_eq!(images.picture(2).take(3).collect::<Vec<_>>(), [120.0, 10.0, 10.0]);
    assert_eq!(cells(table.column("shade").expect("labels")), ["dark", "dark", "bright", "bright"]);
}

/// The cases of <https://github.com/maxogden/csv-spectrum>, written anew: what a CSV reader must know.
#[test]
fn the_spectrum_of_csv_is_read() {
    type Case<'a> = (&'a str, &'a [&'a str], &'a [&'a [&'a str]]);
    let cases: [Case<'_>; 11] = [
        (
            "first,last,address\nJohn,Doe,\"120 any st., Anytown\"\n",
            &["first", "last", "address"],
            &[&["John", "Doe", "120 any st., Anytown"]],
        ),
        ("a,b,c\n1,\"\",\"\"\n2,3,4\n", &["a", "b", "c"], &[&["1", "", ""], &["2", "3", "4"]]),
        ("a,b,c\r\n1,\"\",\"\"\r\n2,3,4\r\n", &["a", "b", "c"], &[&["1", "", ""], &["2", "3", "4"]]),
        ("a,b\n1,\"ha \"\"ha\"\" ha\"\n3,4\n", &["a", "b"], &[&["1", "ha \"ha\" ha"], &["3", "4"]]),
        (
            "key,val\n1,\"{\"\"type\"\": \"\"Point\"\", \"\"coordinates\"\": [102.0, 0.5]}\"\n",
            &["key", "val"],
            &[&["1", "{\"type\": \"Point\", \"coordinates\": [102.0, 0.5]}"]],
        ),
        (
            "a,b,c\n1,2,3\n\"Once upon \na time\",5,6\n7,8,9\n",
            &["a", "b", "c"],
            &[&["1", "2", "3"], &["Once upon \na time", "5", "6"], &["7", "8", "9"]],
        ),
        (
            "a,b,c\r\n1,2,3\r\n\"Once upon \r\na time\",5,6\r\n7,8,9\r\n",
            &["a", "b", "c"],
            &[&["1", "2", "3"], &["Once upon \r\na time", "5", "6"], &["7", "8", "9"]],
        ),
        ("a,b\n1,\"ha\n\"\"ha\"\"\nha\"\n3,4\n", &["a", "b"], &[&["1", "ha\n\"ha\"\nha"], &["3", "4"]]),
        ("a,b,c\n1,2,3\n", &["a", "b", "c"], &[&["1", "2", "3"]]),
        ("a,b,c\r\n1,2,3\r\n", &["a", "b", "c"], &[&["1", "2", "3"]]),
        ("a,b,c\n1,2,3\n4,5,ʤ\n", &["a", "b", "c"], &[&["1", "2", "3"], &["4", "5", "ʤ"]]),
    ];
    for (text, names, rows) in cases {
        let (table, _) =
            chainrule::data::read_bytes("t.csv", text.as_bytes(), &ReadOptions::default()).expect("readable");
        assert_eq!(table.columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), names, "{text}");
        assert_eq!(table.rows(), rows.len(), "{text}");
        for (row, wanted) in rows.iter().enumerate() {
            assert_eq!(table.columns.iter().map(|c| c.cell(row)).collect::<Vec<_>>(), *wanted, "{text}");
        }
    }
}

fn series() -> Table {
    let n = 50;
    let numbers = |f: &dyn Fn(usize) -> f64| (0..n).map(f).collect::<Vec<f64>>();
    Table {
        name: "series".into(),
        columns: vec![
            Column::numbers("t", numbers(&|i| i as f64)),
            Column::numbers("v", numbers(&|i| if i == 20 { f64::NAN } else { 100.0 + i as f64 })),
            Column::text("site", (0..n).map(|i| Some(if i < 30 { "north" } else { "south" }))),
            Column::numbers("y", numbers(&|i| 1000.0 + i as f64)),
        ],
    }
}

fn series_plan(table: &Table) -> Preparation {
    let mut plan = Preparation::guess(table);
    for c in &mut plan.columns {
        c.treatment = Treatment::AsIs;
        c.missing = Missing::Drop;
        c.role = match c.name.as_str() {
            "v" => Role::Feature,
            "y" => Role::Target,
            _ => Role::Ignore,
        };
    }
    plan.split = Split { validation: 0.2, test: 0.2, by: SplitBy::Order, ..Split::default() };
    plan.steps = vec![StepKind::Window { length: 3, horizon: 2, past: false }.into()];
    plan
}

#[test]
fn a_window_sees_what_came_before_and_predicts_what_comes() {
    let table = series();
    let mut plan = series_plan(&table);
    let data = prepare(&table, &plan).expect("fits");
    assert_eq!(data.features(), 3);
    let Targets::Values { values, .. } = data.target() else { panic!("numbers") };
    for (sample, &row) in data.source_rows.iter().enumerate() {
        let seen: Vec<f32> = data.x.row(sample).to_vec();
        let wanted: Vec<f32> = (row - 2..=row).map(|r| 100.0 + r as f32).collect();
        assert_eq!(seen, wanted, "row {row}");
        assert_eq!(values[[sample, 0]], 1002.0 + row as f32);
    }
    // Windows over the gap are left out, and those whose target lies behind the end.
    let wanted: Vec<usize> = (2..48).filter(|r| !(20..=22).contains(r)).collect();
    assert_eq!(*data.source_rows, wanted);
    assert_eq!(data.encoder.feature_names(), ["v −2", "v −1", "v"]);
    let last = |part| data.part(part).iter().max().copied();
    let first = |part| data.part(part).iter().min().copied();
    assert!(last(Part::Train) < first(Part::Validation) && last(Part::Validation) < first(Part::Test));
    // The past of what is predicted can be seen too.
    plan.steps = vec![StepKind::Window { length: 3, horizon: 2, past: true }.into()];
    let with_past = prepare(&table, &plan).expect("fits");
    assert_eq!(with_past.encoder.feature_names(), ["v −2", "y −2", "v −1", "y −1", "v", "y"]);
    assert_eq!(with_past.x.row(0).to_vec(), [100.0, 1000.0, 101.0, 1001.0, 102.0, 1002.0]);
    plan.steps = vec![StepKind::Window { length: 3, horizon: 2, past: false }.into()];
    // Groups are never spanned.
    plan.split.by = SplitBy::Group("site".into());
    let data = prepare(&table, &plan).expect("fits");
    assert!(!data.source_rows.iter().any(|r| (28..32).contains(r)), "{:?}", data.source_rows);
    // With so few groups none is small enough to be held back; a third one is.
    let held = |data: &chainrule::data::Dataset| data.part(Part::Validation).len() + data.part(Part::Test).len();
    assert_eq!(held(&data), 0);
    let mut three = table.clone();
    three.columns[2] = Column::text("site", (0..50).map(|i| Some(["north", "east", "south"][i.min(49) / 17])));
    plan.split = Split { validation: 0.3, test: 0.3, ..plan.split };
    let data = prepare(&three, &plan).expect("fits");
    let site = |row: u32| three.column("site").expect("column").cell(data.source_rows[row as usize]);
    for part in [Part::Train, Part::Validation, Part::Test] {
        let sites: std::collections::BTreeSet<String> = data.part(part).iter().map(|&r| site(r)).collect();
        assert_eq!(sites.len(), 1, "{part:?}: {sites:?}");
    }
}

#[test]
fn a_column_or_time_decides_the_split() {
    let mut table = series();
    table.columns[2] = Column::text("site", (0..50).map(|i| Some(["Training", "val", "test"][i % 3])));
    let mut plan = series_plan(&table);
    plan.steps.clear();
    plan.split.by = SplitBy::Column("site".into());
    let data = prepare(&table, &plan).expect("fits");
    assert!(data.part(Part::Validation).iter().all(|&r| data.source_rows[r as usize] % 3 == 1));
    assert!(data.part(Part::Test).iter().all(|&r| data.source_rows[r as usize] % 3 == 2));
    table.columns[2] = Column::text("site", (0..50).map(|i| Some(if i == 7 { "other" } else { "train" })));
    let error = prepare(&table, &plan).expect_err("no part").to_string();
    assert!(error.contains("Row 8") && error.contains("\"other\""), "{error}");
    // The latest values are held back, wherever they stand.
    table.columns[0] = Column::numbers("t", (0..50).map(|i| f64::from((i * 7) % 50)).collect::<Vec<f64>>());
    plan.split.by = SplitBy::Time("t".into());
    let data = prepare(&table, &plan).expect("fits");
    let time =
        |part: Part| data.part(part).iter().map(|&r| (data.source_rows[r as usize] * 7) % 50).collect::<Vec<_>>();
    assert!(time(Part::Train).iter().max() < time(Part::Test).iter().min());
}

#[test]
fn rare_classes_count_as_much_as_frequent_ones() {
    let table = Table {
        name: "t".into(),
        columns: vec![
            Column::numbers("x", (0..60).map(f64::from).collect::<Vec<f64>>()),
            Column::text("class", (0..60).map(|i| Some(if i % 6 == 0 { "rare" } else { "often" }))),
        ],
    };
    let mut plan = Preparation::guess(&table);
    let counts = |plan: &Preparation| {
        let data = prepare(&table, plan).expect("fits");
        let Targets::Classes { labels, .. } = data.target() else { panic!("classes") };
        let mut sums = [0.0, 0.0];
        for &row in data.part(Part::Train) {
            let weight = data.weights.as_ref().map_or(1.0, |w| f64::from(w[row as usize]));
            sums[labels[row as usize] as usize] += weight;
        }
        let held = data.part(Part::Validation);
        assert!(!data.part(Part::Train).iter().any(|r| held.contains(r)));
        sums
    };
    let [often, rare] = counts(&plan);
    assert!(often > 4.0 * rare);
    for balance in [Balance::Weights, Balance::Sampling] {
        plan.steps = vec![StepKind::Balance(balance).into()];
        let [often, rare] = counts(&plan);
        assert!((often - rare).abs() < 1e-3 * often, "{balance:?}: {often} and {rare}");
    }
}

#[test]
fn steps_follow_their_order_and_learn_from_training_rows_only() {
    let column =
        Column::numbers("x", (0..40).map(|i| if i == 5 { f64::NAN } else { f64::from(i) }).collect::<Vec<f64>>());
    let steps = |kinds: &[StepKind]| kinds.iter().map(|&k| k.into()).collect::<Vec<PreparationStep>>();
    // Filled with the mean, then squared; or squared (a gap stays one), then filled.
    let first = steps(&[StepKind::Gaps, StepKind::Polynomial { degree: 2 }]);
    let (got, encoder) = encoded(&column, Treatment::AsIs, Missing::Constant { value: 3.0 }, first);
    assert_eq!(encoder.feature_names(), ["x", "x²"]);
    assert!(got.chunks(2).enumerate().all(|(k, row)| {
        let x = if k == 5 { 3.0 } else { k as f64 };
        (row[0], f64::from(row[1] as f32)) == (x, x * x) || (row[1] - x * x).abs() < 1e-3 || row[1].abs() < 10.0
    }));
    let waves = steps(&[StepKind::Gaps, StepKind::Treat, StepKind::Waves]);
    let (got, _) = encoded(&column, Treatment::AsIs, Missing::Mean, waves);
    near(got[3 * 2 + 1], 2_f64.sin(), 1e-6, "sin 2");
    near(got[3 * 2 + 2], 2_f64.cos(), 1e-6, "cos 2");
    let clip = steps(&[StepKind::Gaps, StepKind::Clip { low: 0.1, high: 0.9 }]);
    let (got, _) = encoded(&column, Treatment::AsIs, Missing::Median, clip);
    let (low, high) = got.iter().fold((f64::MAX, f64::MIN), |(a, b), &v| (a.min(v), b.max(v)));
    assert!(low > 2.0 && high < 37.0 && got[0] == low && got[39] == high, "{low} {high}");
    let marks = steps(&[StepKind::Indicator]);
    let (got, encoder) = encoded(&column, Treatment::AsIs, Missing::Mean, marks);
    assert_eq!(encoder.feature_names(), ["x", "x missing"]);
    assert_eq!((0..40).filter(|k| got[2 * k + 1] == 1.0).collect::<Vec<_>>(), [5]);
    // What is held back teaches nothing.
    let (table, mut plan) = alone(&column, Treatment::Standardise, Missing::Mean);
    plan.split = Split { validation: 0.0, test: 0.5, by: SplitBy::Order, ..Split::default() };
    let data = prepare(&table, &plan).expect("fits");
    let mut other = table.clone();
    other.columns[0] =
        Column::numbers("x", (0..40).map(|i| if i < 20 { column.number(i) } else { 1e6 }).collect::<Vec<f64>>());
    assert_eq!(prepare(&other, &plan).expect("fits").encoder, data.encoder);
    // A target that a curve was put upon is followed back.
    plan.columns[1].treatment = Treatment::Standardise;
    plan.steps = vec![PreparationStep { kind: StepKind::Log, columns: vec!["a ramp of its own".into()], off: false }];
    let data = prepare(&table, &plan).expect("fits");
    assert_eq!(data.target().describe(33), "33");
    let Targets::Values { scales, .. } = data.target() else { panic!("numbers") };
    assert_eq!(scales[0].curve, ScaleCurve::Log);
}

#[test]
fn column_types_can_be_changed() {
    let table = Table {
        name: "t".into(),
        columns: vec![
            Column::text("number", (0..30).map(|i| Some(["1.5", "2", "oops"][i % 3]))),
            Column::text("words", (0..30).map(|i| Some(["red fox", "blue fox", "red hen"][i % 3]))),
            Column::numbers("zip", (0..30).map(|i| f64::from(i % 3) * 11_111.0).collect::<Vec<f64>>()),
            Column::numbers("y", Numbers::from((0..30).map(f64::from).collect::<Vec<f64>>())),
        ],
    };
    let mut plan = Preparation::guess(&table);
    plan.columns[0] = ColumnPlan {
        role: Role::Feature,
        treatment: Treatment::AsIs,
        missing: Missing::Mean,
        read_as: Some(ColumnKind::Number),
        ..plan.columns[0].clone()
    };
    plan.columns[1] = ColumnPlan { role: Role::Feature, treatment: Treatment::Hash, ..plan.columns[1].clone() };
    plan.columns[2].treatment = Treatment::OneHot;
    plan.split = Split { validation: 0.0, test: 0.0, ..Split::default() };
    let data = prepare(&table, &plan).expect("fits");
    assert_eq!(data.features(), 1 + 32 + 3);
    assert_eq!((data.x[[0, 0]], data.x[[1, 0]], data.x[[2, 0]]), (1.5, 2.0, 1.75));
    let words = |row: usize| data.x.row(row).iter().skip(1).take(32).copied().collect::<Vec<f32>>();
    let distance = |a: usize, b: usize| words(a).iter().zip(words(b)).map(|(a, b)| (a - b).abs()).sum::<f32>();
    assert!(distance(0, 3) == 0.0 && distance(0, 1) > 0.0 && words(0).iter().map(|v| v.abs()).sum::<f32>() == 2.0);
    plan.columns[2].treatment = Treatment::Calendar;
    let error = prepare(&table, &plan).expect_err("no dates").to_string();
    assert!(error.contains("\"zip\"") && error.contains("calendar"), "{error}");
}
