//! What cells mean: numbers in all notations, dates in all forms, codes, booleans, missing words, and cells that do not fit.

#[path = "support/reading.rs"]
mod reading;

use chainrule::data::{ColumnKind, ColumnReading, Detected, ReadKind, ReadOptions, Table, read_bytes};
use reading::{cells, check, notes, read, read_with};

/// A table of a column "v" beside a column that tells the rows apart.
fn column(cells: &[&str]) -> String {
    let quoted = |c: &&str| format!("\"{}\"", c.replace('"', "\"\""));
    cells.iter().map(quoted).enumerate().fold("v,k\n".to_owned(), |text, (k, c)| text + &format!("{c},x{k}\n"))
}

/// The kind and the cells of the column, and what is said.
fn typed(cells: &[&str]) -> (ColumnKind, Vec<String>, String) {
    let (table, detected) = read(&column(cells));
    let own = &table.columns[0];
    (own.kind(), (0..own.len()).map(|row| own.cell(row)).collect(), notes(&detected))
}

fn numbers(cells: &[&str]) -> (Vec<f64>, String) {
    let (table, detected) = read(&column(cells));
    assert_eq!(table.columns[0].kind(), ColumnKind::Number, "{cells:?}: {}", notes(&detected));
    ((0..table.rows()).map(|row| table.columns[0].number(row)).collect(), notes(&detected))
}

fn offer(text: &str, label: &str) -> (Table, Detected) {
    let (_, detected) = read(text);
    let offers = detected.notes.iter().flat_map(|n| &n.offers);
    let found = offers.clone().find(|o| o.label == label);
    let options =
        &found.unwrap_or_else(|| panic!("{label:?} is not among {:?}", offers.map(|o| &o.label).collect::<Vec<_>>()));
    read_with("t.csv", text.as_bytes(), &options.options)
}

#[test]
fn numbers_are_read_in_the_notations_of_people_and_programs() {
    for (cells, wanted, says) in [
        (&["(12.00)", "5.50", "(3.25)"][..], &[-12.0, 5.5, -3.25][..], "with brackets as a minus"),
        (&["−7", "3", "−2.5"], &[-7.0, 3.0, -2.5], "another minus"),
        (&["12.5-", "3.0", "7-"], &[-12.5, 3.0, -7.0], "another minus"),
        (&["1,23,456", "98,765", "1,00,00,000"], &[123_456.0, 98_765.0, 10_000_000.0], "\",\" between thousands"),
        (&["1.5D+03", "-2.0D-01", "4"], &[1500.0, -0.2, 4.0], "D before the exponent"),
        (&["\u{a0}5", "3\u{a0}", "12.5"], &[5.0, 3.0, 12.5], ""),
        (&["\u{200b}5", "3", "12.5"], &[5.0, 3.0, 12.5], "invisible blanks"),
        (&["1\u{202f}234", "12\u{202f}345", "7"], &[1234.0, 12_345.0, 7.0], "a blank between thousands"),
        (&["23.4 kmpl", "19 kmpl", "17.5 kmpl"], &[23.4, 19.0, 17.5], "without \"kmpl\""),
        (&["71.5kg", "80kg", "65.25kg"], &[71.5, 80.0, 65.25], "without \"kg\""),
        (&["20 °C", "-5 °C", "0 °C"], &[20.0, -5.0, 0.0], "without \"°C\""),
        (&["$1,234.50", "4", "$1,000"], &[1234.5, 4.0, 1000.0], "without \"$\" and \",\" between thousands"),
        (&["USD 5", "USD 7.5", "USD 6"], &[5.0, 7.5, 6.0], "without \"USD\""),
        (&["45%", "5 %", "7.5%"], &[45.0, 5.0, 7.5], "without \"%\""),
        (&["06:15", "23:59", "12:00"], &[6.25, 23.0 + 59.0 / 60.0, 12.0], "hours since midnight"),
        (&["9:30 AM", "1:15 PM", "12:00 AM"], &[9.5, 13.25, 0.0], "hours since midnight"),
        (&["5E+02", "1e-1", ".25"], &[500.0, 0.1, 0.25], ""),
    ] {
        let (found, said) = numbers(cells);
        assert_eq!(found, wanted, "{cells:?}");
        assert!(said.contains(says) && said.contains("\"v\"") != says.is_empty(), "{cells:?}: {said}");
    }
}

#[test]
fn words_for_thousands_and_millions_count_where_they_cannot_be_units() {
    for (cells, wanted, says) in [
        (&["1.2k", "3M", "500"][..], &[1200.0, 3e6, 500.0][..], "with \"k\" as thousands and \"M\" as millions"),
        (&["5k", "10k", "2.5k"], &[5000.0, 10_000.0, 2500.0], "\"k\" as thousands"),
        (&["€565K", "€110.5M", "€0"], &[565e3, 110.5e6, 0.0], "without their currency with \"K\" as thousands"),
        (&["1.5B", "2.25B", "1B"], &[1.5e9, 2.25e9, 1e9], "\"B\" as billions"),
        (&["2.5 Mio. €", "3 Mio. €", "1 Mio. €"], &[2.5e6, 3e6, 1e6], "\"Mio.\" as millions"),
        // Metres and kelvins are units.
        (&["5m", "10m", "2.5m", "3m", "4m"], &[5.0, 10.0, 2.5, 3.0, 4.0], "without \"m\""),
        (&["290K", "300K", "310K", "280K", "270K"], &[290.0, 300.0, 310.0, 280.0, 270.0], "without \"K\""),
    ] {
        let (found, said) = numbers(cells);
        assert_eq!(found, wanted, "{cells:?}");
        assert!(said.contains(says), "{cells:?}: {said}");
    }
    // Far below the first rows; and new rows are read alike.
    let mut text = String::from("v,k\n");
    text.extend(
        (0..50_000).map(|k| format!("{},{k}\n", if k == 40_000 { "1.5k".to_owned() } else { (k % 900).to_string() })),
    );
    let (table, detected) = read(&text);
    assert_eq!((table.columns[0].number(40_000), table.columns[0].missing()), (1500.0, 0), "{}", notes(&detected));
    let (_, detected) = read(&column(&["1.2k", "3M", "500"]));
    let (again, _) = read_with("new.csv", column(&["3K"]).as_bytes(), &detected.options);
    assert_eq!(again.columns[0].number(0), 3000.0);
    let (table, _) = offer(&column(&["1.2k", "3M", "500"]), "Read as text");
    assert_eq!(table.columns[0].cell(1), "3M");
    assert_eq!(typed(&["12B", "3B", "7A"]).0, ColumnKind::Text, "names of classes");
}

#[test]
fn formulas_around_cells_are_left_out() {
    for (text, wanted, says) in [
        (
            "v,k\n=\"12\",x\n=\"13.5\",y\n",
            ["v|k", "12|x", "13.5|y"],
            "\"v\": 2 cells are written as =\"12\", the first in row 1",
        ),
        ("v,k\n=“12”,x\n=“13”,y\n", ["v|k", "12|x", "13|y"], "=“12”"),
        ("v,k\n=\"0012\",x\n=\"0013\",y\n", ["v|k", "0012|x", "0013|y"], "its digits begin with zeros"),
        (
            "v,k\n\"=\"\"2024-01-31\"\"\",x\n2024-02-01,y\n",
            ["v|k", "2024-01-31|x", "2024-02-01|y"],
            "1 cell is written as",
        ),
    ] {
        let (table, detected) = read(text);
        assert_eq!(cells(&table), wanted, "{text}");
        assert!(notes(&detected).contains(says), "{}", notes(&detected));
    }
    let mut text = String::from("v,k\n");
    text.extend((0..50_000).map(|k| if k == 40_000 { "=\"7\",x\n".to_owned() } else { format!("{k},x\n") }));
    let (table, _) = read(&text);
    assert_eq!((table.columns[0].number(40_000), table.columns[0].missing()), (7.0, 0));
    let (table, _) = offer("v,k\n=\"12\",x\n=\"13\",y\n", "Keep it as it is written");
    assert_eq!(table.columns[0].cell(0), "=\"12\"");
}

#[test]
fn notations_that_are_not_read_are_told() {
    let says = |cells: &[&str]| typed(cells).2;
    let said = says(&["10,000+", "500+", "1,000+", "50+"]);
    assert!(
        said.contains("\"v\" was kept as text: 4 of 4 cells look like numbers in a notation that is not read, the first in row 1 \"10,000+\""),
        "{said}"
    );
    assert!(says(&["5'11\"", "6'2\"", "5'4\"", "6'"]).contains("a notation that is not read"));
    for cells in [
        &["12 Main Street", "3 Oak Avenue", "44 Park Lane", "7 High Street"][..],
        &["1.2.3", "1.2.4", "1.3.0", "2.0.0"],
        &["red", "blue", "4 green", "red"],
        &["3f2a9c", "11b3d4", "9a0b1c", "77c0d1"],
    ] {
        assert!(!says(cells).contains("notation"), "{cells:?}: {}", says(cells));
    }
}

#[test]
fn it_is_told_where_thousands_may_be_decimals() {
    // One cell with a point among decimal commas.
    let (table, detected) = read("v;k\n1,5;x\n2,75;y\n12,5;z\n3,25;u\n4.480;w\n");
    assert_eq!(table.columns[0].cell(4), "4480");
    let wanted = "\"v\": \"4.480\" in row 5 was read as 4480, far from all others (1.5 to 12.5). Its \".\" may be a decimal sign";
    assert!(notes(&detected).contains(wanted), "{}", notes(&detected));
    // Points before three digits only, beside whole numbers without one.
    let text = "v,k\n980,x\n4.480,y\n5.120,z\n760,u\n";
    let (table, detected) = read(text);
    assert_eq!(table.columns[0].cell(1), "4.48");
    assert!(
        notes(&detected).contains("\"v\": the point of \"4.480\" in row 2 was read as a decimal sign"),
        "{}",
        notes(&detected)
    );
    let (table, _) = offer(text, "It stands between thousands");
    assert_eq!((table.columns[0].number(1), table.columns[0].number(0)), (4480.0, 980.0));
    // Decimals of one length are no thousands, and thousands like the others are none with decimals.
    for text in [
        "v,k\n1.500,x\n4.480,y\n5.120,z\n",
        "v,k\n0.500,x\n4.480,y\n500,z\n",
        "v;k\n1.500,5;x\n4.480;y\n2.250,5;z\n3.000;u\n",
    ] {
        let (_, detected) = read(text);
        assert!(
            !notes(&detected).contains("thousands,") && !notes(&detected).contains("may be a decimal"),
            "{}",
            notes(&detected)
        );
    }
}

#[test]
fn lengths_of_time_are_hours() {
    for (cells, wanted, says) in [
        (&["36:15:00", "00:30:00", "12:00:00"][..], &[36.25, 0.5, 12.0][..], "lengths of time, in hours"),
        (&["1 day 02:00:00", "0 days 00:30:00", "2 days 00:00:00"], &[26.0, 0.5, 48.0], "lengths of time"),
        (&["P1DT2H", "PT30M", "PT36H"], &[26.0, 0.5, 36.0], "lengths of time"),
        (&["2h 30m", "1h 15m", "26h 0m"], &[2.5, 1.25, 26.0], "lengths of time"),
        (&["23:15:00", "00:30:00"], &[23.25, 0.5], "hours since midnight"),
    ] {
        let (found, said) = numbers(cells);
        assert_eq!(found, wanted, "{cells:?}");
        assert!(said.contains(says), "{said}");
    }
    let odd: Vec<String> = (0..30).map(|k| if k == 4 { "noon".into() } else { format!("{}:15:00", 20 + k) }).collect();
    let (found, said) = numbers(&odd.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(found[4].is_nan() && said.contains("1 of 30 cells is no time and became a gap: row 5 \"noon\""), "{said}");
}

#[test]
fn summaries_between_rows_are_told_and_left_out_at_a_click() {
    let text = "city,n,m\nRome,10,1\nOslo,20,3\nSubtotal,30,4\nParis,5,2\nLima,7,4\nSubtotal,12,6\nBonn,1,1\n";
    let (table, detected) = read(text);
    assert_eq!(table.rows(), 7, "they are kept until somebody says otherwise");
    let said = notes(&detected);
    assert!(
        said.contains(
            "2 rows seem to be sums or means of others, and were kept: row 3 \"Subtotal\", row 6 \"Subtotal\"."
        ),
        "{said}"
    );
    let (table, detected) = offer(text, "Leave them out");
    assert_eq!(cells(&table), ["city|n|m", "Rome|10|1", "Oslo|20|3", "Paris|5|2", "Lima|7|4", "Bonn|1|1"]);
    assert!(notes(&detected).contains("2 rows were left out"), "{}", notes(&detected));
    let (again, _) = read_with("new.csv", b"city,n,m\nRome,1,1\nOslo,2,3\nTotal,3,4\nBonn,9,9\n", &detected.options);
    assert_eq!(again.rows(), 3);
    // Words among numbers, of several kinds below each other.
    let mut text = String::from("id,v\n");
    text.extend((1..=12).map(|k| format!("{k},{}.5\n", k * k % 7)));
    text.push_str("Mean,2.75\nSD,1.42\n");
    let (_, detected) = read(&text);
    assert!(
        notes(&detected)
            .contains("2 rows seem to be sums or means of others, and were kept: row 13 \"Mean\", row 14 \"SD\""),
        "{}",
        notes(&detected)
    );
    let (_, detected) = read("n,v\n1,5\n2,7\n3,9\nMean,7\nStd,2\nMin,5\nMax,9\n");
    assert!(notes(&detected).contains("4 rows seem to be sums or means of others"), "{}", notes(&detected));
    // Values, and names of people, are none.
    for text in [
        "stat,v\nmean,5\nsd,2\nmean,7\nsd,1\nmean,4\nsd,3\n",
        "name,age\nMax,30\nAnn,20\nBob,40\nMin,35\nEve,33\n",
        "kind,v\nmean,5\ngood,2\nmean,7\nbad,1\ngood,4\nbad,3\n",
    ] {
        assert!(!notes(&read(text).1).contains("sums or means"), "{}", notes(&read(text).1));
    }
}

#[test]
fn the_decimal_sign_is_decided_for_the_file_and_kept() {
    // 1.234 beside 12,50 is 1234, in a column that shows no sign of its own too.
    let (table, detected) = read("a;b;c\nx;1.234,50;1.234\ny;12,50;2.500\nz;0,99;10.000\n");
    assert_eq!(cells(&table), ["a|b|c", "x|1234.5|1234", "y|12.5|2500", "z|0.99|10000"]);
    assert_eq!(detected.options.decimal_comma, Some(true));
    // Rows to predict may show none.
    let (again, _) = read_with("new.csv", b"a;b;c\nx;7;1.027\n", &detected.options);
    assert_eq!(cells(&again), ["a|b|c", "x|7|1027"]);
    // Far below the first rows, and between commas.
    let mut text = String::from("k;v;w\n");
    text.extend((0..60_000).map(|k| format!("{k};{};{}\n", 1 + k % 9, if k == 59_999 { "2,5" } else { "1.500" })));
    let (table, _) = read(&text);
    assert_eq!((table.columns[2].cell(0), table.columns[2].cell(59_999)), ("1500".to_owned(), "2.5".to_owned()));
    let (table, _) = read("k,v\n1,\"1,5\"\n2,\"2,75\"\n");
    assert_eq!(cells(&table), ["k|v", "1|1.5", "2|2.75"]);
    // Columns that disagree each keep their own, and that is said.
    let (table, detected) = read("a;b\n1,5;2.5\n12,25;3.75\n7,5;1.125\n");
    assert_eq!(cells(&table), ["a|b", "1.5|2.5", "12.25|3.75", "7.5|1.125"]);
    assert!(notes(&detected).contains("\"b\" was read as numbers with a decimal point"), "{}", notes(&detected));
}

#[test]
fn what_names_a_thing_stays_as_it_is_written() {
    let (kind, own, said) = typed(&["01234", "94107", "01220"]);
    assert_eq!((kind, own[0].as_str()), (ColumnKind::Text, "01234"));
    assert!(said.contains("\"v\" was kept as text: its digits begin with zeros, as \"01234\" does"), "{said}");
    let (kind, own, said) = typed(&["740245381351497730", "740245381351497731", "740245381351497732"]);
    assert_eq!((kind, own[1].as_str()), (ColumnKind::Text, "740245381351497731"));
    assert!(said.contains("precision"), "{said}");
    let (table, _) = offer(&column(&["01", "02", "11"]), "Read as numbers");
    assert_eq!(table.columns[0].number(0), 1.0);
    // The first code may stand far below.
    let mut text = String::from("code,v\n");
    text.extend(
        (0..50_000).map(|k| format!("{},{k}\n", if k == 49_990 { "007".to_owned() } else { (1000 + k).to_string() })),
    );
    let (table, _) = read(&text);
    assert_eq!((table.columns[0].kind(), table.columns[0].cell(49_990)), (ColumnKind::Text, "007".to_owned()));
    // Places are categories, by their name.
    let (table, detected) = read("zipcode,price\n94107,1\n10001,2\n94107,3\n");
    assert_eq!(table.columns[0].kind(), ColumnKind::Text);
    assert!(notes(&detected).contains("\"zipcode\" names places"), "{}", notes(&detected));
    let (table, detected) = read_with(
        "t.json",
        br#"[{"id": 740245381351497731, "z": "00123", "n": "5"}, {"id": 740245381351497732, "z": "00124", "n": "6.5"}]"#,
        &ReadOptions::default(),
    );
    assert_eq!(cells(&table), ["id|z|n", "740245381351497731|00123|5", "740245381351497732|00124|6.5"]);
    assert_eq!(table.columns[2].kind(), ColumnKind::Number);
    assert!(notes(&detected).contains("\"n\" was read as numbers, though stored as text"), "{}", notes(&detected));
    // Numbers among which a word stands were numbers in the file.
    for json in [
        &br#"[{"n": 1}, {"n": 2}, {"n": 3.5}, {"n": 4}, {"n": 5}, {"n": 6}, {"n": 7}, {"n": 8}, {"n": 9}, {"n": 10}, {"n": "oops"}]"#[..],
        br#"[{"n": 1}, {"n": "NA"}, {"n": 3.5}]"#,
    ] {
        let (table, detected) = read_with("t.json", json, &ReadOptions::default());
        assert_eq!(table.columns[0].kind(), ColumnKind::Number);
        assert!(!notes(&detected).contains("stored as text"), "{}", notes(&detected));
    }
    // These are numbers.
    for cells in [&["0", "10", "-5"][..], &["0.5", "00.5", "1.5"], &["100000000000000000000", "1", "2"]] {
        assert_eq!(typed(cells).0, ColumnKind::Number, "{cells:?}");
    }
}

#[test]
fn a_few_odd_cells_become_gaps_and_are_listed() {
    let rows = |odd: &[(usize, &str)], kind: &dyn Fn(usize) -> String| {
        let cells: Vec<String> = (0..40)
            .map(|k| odd.iter().find(|(at, _)| *at == k).map_or_else(|| kind(k), |(_, o)| (*o).to_owned()))
            .collect();
        typed(&cells.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let decimals = |k: usize| format!("{}.5", 60 + k);
    for odd in [
        ".", "\\N", "--", "TBD", "71.5kg", "#DIV/0!", "#VALUE!", "***", "-1.#IND", "missing", "#N/A N/A", "<0.5",
        "n.d.",
    ] {
        let (kind, cells, said) = rows(&[(16, odd), (20, odd)], &decimals);
        assert_eq!((kind, cells[16].as_str(), cells[17].as_str()), (ColumnKind::Number, "", "77.5"), "{odd}");
        let wanted = format!("\"v\": 2 of 40 cells are no numbers and became gaps: row 17 \"{odd}\", row 21 \"{odd}\"");
        assert!(said.contains(&wanted), "{said}");
    }
    let days = |k: usize| format!("2024-01-{:02}", 1 + k % 28);
    let (kind, _, said) = rows(&[(3, "TBD")], &days);
    assert_eq!(kind, ColumnKind::Date);
    assert!(said.contains("1 of 40 cells is no date and became a gap: row 4 \"TBD\""), "{said}");
    // The usual words need no list.
    let (kind, _, said) = rows(&[(3, "NA"), (5, "-"), (7, "?"), (9, "none")], &decimals);
    assert_eq!((kind, said.as_str()), (ColumnKind::Number, ""));
    // A word among few levels is one of them, and many words make text; that is said.
    let (kind, _, said) = rows(&[(3, "DNF")], &|k| (k % 5).to_string());
    assert_eq!(kind, ColumnKind::Text);
    assert!(
        said.contains("\"v\" was kept as text: 39 of 40 cells are numbers, but 1 is not, the first in row 4 \"DNF\""),
        "{said}"
    );
    assert_eq!(rows(&[(1, "a"), (2, "b"), (3, "c"), (4, "d"), (5, "e"), (6, "f")], &decimals).0, ColumnKind::Text);
    // Far below the first rows, where they were taken for numbers.
    let mut text = String::from("v,k\n");
    text.extend(
        (0..50_000).map(|k| format!("{},{k}\n", if k == 40_000 { "oops".to_owned() } else { format!("{k}.25") })),
    );
    let (table, detected) = read(&text);
    assert_eq!((table.columns[0].kind(), table.columns[0].missing()), (ColumnKind::Number, 1));
    assert!(notes(&detected).contains("row 40001 \"oops\""), "{}", notes(&detected));
    // The other reading is offered, and in many columns at once.
    let text: String = "a,b,c,d,e,k\n".to_owned()
        + &(0..20)
            .map(|k| if k == 4 { ".,.,.,.,.,x\n".to_owned() } else { format!("{k},{k}.5,{k},{k},{k},x\n") })
            .collect::<String>();
    let (table, detected) = read(&text);
    assert!(table.columns[..5].iter().all(|c| c.missing() == 1));
    assert!(
        notes(&detected).contains("\"a\", \"b\", \"c\" and 2 more columns: 5 cells are no numbers"),
        "{}",
        notes(&detected)
    );
    let (table, _) = offer(&text, "Read as text");
    assert!(table.columns[..5].iter().all(|c| c.kind() == ColumnKind::Text && c.cell(4) == "."));
}

#[test]
fn words_of_the_usual_list_are_values_where_they_are_levels() {
    for (cells, missing, says) in [
        (&["+", "-", "-", "+"][..], 0, ""),
        (&["none", "soft", "hard", "none"], 0, "\"none\" is a level beside 2 others"),
        (&["H", "He", "Li", "Na", "K"], 0, "\"Na\" is a level"),
        (&["DE", "NA", "FR", "ZA", "BW"], 0, "\"NA\" is a level beside 4 others"),
        (&["u", "y", "?", "u"], 1, ""),
        (&["red", "NA", "blue", "n/a"], 2, ""),
        (&["red", "-", "blue", "red"], 0, "\"-\" is a level"),
    ] {
        let (table, detected) = read(&column(cells));
        assert_eq!((table.columns[0].kind(), table.columns[0].missing()), (ColumnKind::Text, missing), "{cells:?}");
        assert!(
            notes(&detected).contains(says) && notes(&detected).is_empty() == says.is_empty(),
            "{}",
            notes(&detected)
        );
    }
    let (table, _) = offer(&column(&["none", "soft", "hard", "none"]), "Treat as missing");
    assert_eq!(table.columns[0].missing(), 2);
    // The list of the file, and of a column.
    let own = |missing: &[&str]| Some(missing.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>());
    let options = ReadOptions { missing: own(&["x", "-9"]), ..ReadOptions::default() };
    let (table, _) = read_with("t.csv", b"a,b,c\n-9,x,NA\n5,y,u\n6,X,v\n", &options);
    assert_eq!(cells(&table), ["a|b|c", "||NA", "5|y|u", "6||v"]);
    let mut options = ReadOptions::default();
    options.columns.insert("b".into(), ColumnReading { missing: own(&["low"]), ..ColumnReading::default() });
    let (table, detected) = read_with("t.csv", b"a,b\nlow,low\nmid,NA\nhigh,high\n", &options);
    assert_eq!(cells(&table), ["a|b", "low|", "mid|NA", "high|high"]);
    assert_eq!(detected.options.columns["b"].missing, own(&["low"]));
    // Nominal values of ARFF.
    let arff = b"@relation t\n@attribute c {none,soft,?}\n@attribute d {a,b}\n@attribute s string\n@data\nnone,?,none\n?,a,-\n";
    let (table, _) = read_with("t.arff", arff, &ReadOptions::default());
    assert_eq!(cells(&table), ["c|d|s", "none||none", "?|a|-"]);
}

#[test]
fn numbers_that_stand_for_missing_ones_are_told() {
    let row = |k: usize| {
        format!(
            "{},{},{k}\n",
            if k.is_multiple_of(9) { -9999.0 } else { 10.0 + k as f64 / 4.0 },
            if k == 5 { 999 } else { k % 7 }
        )
    };
    let text: String = "temp,grade,k\n".to_owned() + &(0..40).map(row).collect::<String>();
    let (table, detected) = read(&text);
    assert_eq!(table.columns[0].missing(), 0, "they are kept until somebody says otherwise");
    let said = notes(&detected);
    assert!(
        said.contains("\"temp\": 5 cells are -9999, far from all others (10.25 to 19.75); the first is row 1"),
        "{said}"
    );
    assert!(said.contains("\"grade\": 1 cell is 999"), "{said}");
    let (table, detected) = offer(&text, "Treat -9999 as missing");
    assert_eq!((table.columns[0].missing(), table.columns[1].missing()), (5, 0));
    let (again, _) = read_with("t.csv", b"temp,grade,k\n-9999,1,1\n5,2,2\n", &detected.options);
    assert!(again.columns[0].is_missing(0));
    // Of all digits nine, with decimals too, and negative numbers that come again among positive ones.
    for (cell, count) in [("999.9", 1), ("-200", 3)] {
        let row = |k: usize| if k < count { format!("{cell},x\n") } else { format!("{}.5,y\n", k % 7) };
        let (_, detected) = read(&("v,k\n".to_owned() + &(0..30).map(row).collect::<String>()));
        assert!(notes(&detected).contains(&format!("{cell}, far from all others")), "{}", notes(&detected));
    }
    let (_, detected) = read("v,k\n1,a\ninf,b\n2,c\n");
    assert!(notes(&detected).contains("\"v\": 1 cell is infinite, the first in row 2"), "{}", notes(&detected));
    let (_, detected) = read("a,b\n990,1\n995,2\n999,3\n999,4\n");
    assert_eq!(notes(&detected), "", "a value like the others");
}

#[test]
fn dates_are_decided_by_the_column() {
    let dates = |cells: &[&str]| {
        let (kind, cells, said) = typed(cells);
        assert_eq!(kind, ColumnKind::Date, "{cells:?}: {said}");
        (cells, said)
    };
    for (cells, wanted) in [
        (&["1949-01", "1949-02", "1950-12"][..], ["1949-01-01", "1949-02-01", "1950-12-01"]),
        (&["2023Q1", "2023Q2", "2024Q4"], ["2023-01-01", "2023-04-01", "2024-10-01"]),
        (&["01/05/23", "02/16/23", "12/31/99"], ["2023-01-05", "2023-02-16", "1999-12-31"]),
        (&["5 gennaio 2023", "6 maggio 2023", "31 dicembre 2023"], ["2023-01-05", "2023-05-06", "2023-12-31"]),
        (&["5 de janeiro de 2023", "6 mai 2023", "31 de março de 2023"], ["2023-01-05", "2023-05-06", "2023-03-31"]),
        (&["5 januari 2023", "6 mei 2023", "31 maart 2023"], ["2023-01-05", "2023-05-06", "2023-03-31"]),
        (&["2019-123", "2019-001", "2020-366"], ["2019-05-03", "2019-01-01", "2020-12-31"]),
        (&["2019-05-01", "2019-31-01", "2019-12-02"], ["2019-01-05", "2019-01-31", "2019-02-12"]),
        (&["05-01-2023", "16-01-2023", "27-01-2023"], ["2023-01-05", "2023-01-16", "2023-01-27"]),
        (&["5.1.2023", "16.1.2023", "27.12.2023"], ["2023-01-05", "2023-01-16", "2023-12-27"]),
        (&["Jan 05, 2023", "May 6, 2023", "Dec 31, 2023"], ["2023-01-05", "2023-05-06", "2023-12-31"]),
        (&["5. März 2023", "6. Mai 2023", "31. Dezember 2023"], ["2023-03-05", "2023-05-06", "2023-12-31"]),
        (&["5 août 2023", "6 mai 2023", "31 déc. 2023"], ["2023-08-05", "2023-05-06", "2023-12-31"]),
        (&["5 de enero de 2023", "6 de mayo de 2023", "31 dic 2023"], ["2023-01-05", "2023-05-06", "2023-12-31"]),
        (
            &["02/07/2023 1:16 PM", "02/16/2023 12:00 AM", "12/31/2023 11:59 pm"],
            ["2023-02-07 13:16:00", "2023-02-16", "2023-12-31 23:59:00"],
        ),
        (
            &["Tue, 07 Feb 2023 13:16:00 GMT", "Wed, 08 Feb 2023 00:00:00 +0100", "Thu, 09 Feb 2023 12:00:00 EST"],
            ["2023-02-07 13:16:00", "2023-02-07 23:00:00", "2023-02-09 17:00:00"],
        ),
        (
            &["20230207T131600", "20230208T000000", "20230209T1200"],
            ["2023-02-07 13:16:00", "2023-02-08", "2023-02-09 12:00:00"],
        ),
    ] {
        assert_eq!(dates(cells).0, wanted);
    }
    // Eight digits among other dates are one too.
    for known in [["2024-04-13", "2024-04-14", "2024-04-16"], ["04/13/2024", "04/14/2024", "04/16/2024"]] {
        let (cells, said) = dates(&[&known[..], &["20240229"]].concat());
        assert_eq!(cells, ["2024-04-13", "2024-04-14", "2024-04-16", "2024-02-29"], "{said}");
    }
    let (_, said) = dates(&["01/05/2023", "16/01/2023", "27/01/2023"]);
    assert!(said.contains("\"v\" was read as dates with the day first, as \"16/01/2023\" shows"), "{said}");
    let (_, said) = dates(&["01/05/69", "16/01/68", "27/01/23"]);
    assert!(said.contains("years of two digits, such as \"01/05/69\""), "{said}");
    let (_, said) = dates(&["2019-05-01", "2019-31-01", "2019-12-02"]);
    assert!(said.contains("with the year first, then the day, as \"2019-31-01\" shows"), "{said}");
    let (_, said) = dates(&["2019-123", "2019-001", "2020-366"]);
    assert!(said.contains("dates of a year and a day of it, such as \"2019-123\""), "{said}");
    // The month is second where one date says so, and numbers of invoices are no days.
    let (kind, _, said) = typed(&["2019-31-01", "2019-01-31", "2019-02-12"]);
    assert_eq!(kind, ColumnKind::Text);
    assert!(said.contains("2 of 3 cells are dates, but 1 is not, the first in row 1 \"2019-31-01\""), "{said}");
    let (table, _) = read("invoice no,v\n2019-001,1\n2019-002,2\n2019-003,3\n");
    assert_eq!(table.columns[0].kind(), ColumnKind::Text);
    // What may be either is kept as text, and both are offered.
    let (kind, _, said) = typed(&["01/02/2022", "02/06/2022", "03/11/2022"]);
    assert_eq!(kind, ColumnKind::Text);
    assert!(said.contains("\"v\" was kept as text") && said.contains("which is the day"), "{said}");
    let text = column(&["01/02/2022", "02/06/2022", "03/11/2022"]);
    assert_eq!(offer(&text, "The day is first").0.columns[0].cell(0), "2022-02-01");
    let (table, detected) = offer(&text, "The month is first");
    assert_eq!(table.columns[0].cell(0), "2022-01-02");
    // What was decided holds for other files.
    let (again, _) = read_with("new.csv", column(&["05/06/2022"]).as_bytes(), &detected.options);
    assert_eq!(again.columns[0].cell(0), "2022-05-06");
    // Another column of the same file shows it.
    let (table, detected) = read("a,b\n01/02/2022,13/02/2022\n02/03/2022,14/02/2022\n");
    assert_eq!(table.columns[0].cell(0), "2022-02-01");
    assert!(
        notes(&detected).contains("\"a\" was read as dates with the day first, as in \"b\""),
        "{}",
        notes(&detected)
    );
    // These are none.
    for cells in [
        &["10.2.13", "11.4.27", "10.12.10"][..],
        &["10-5-1", "12-3-1", "11-4-1"],
        &["030-12-34", "030-12-35", "030-11-36"],
        &["2009-10", "2010-11", "2011-12"],
        &["1.2.3", "1.2.4", "1.3.0"],
        &["192.168.10.1", "192.168.10.2", "10.0.0.1"],
    ] {
        assert_eq!(typed(cells).0, ColumnKind::Text, "{cells:?}");
    }
    // Numbers that may be dates are offered as such.
    let text = "timestamp,day,v\n1700000000,20230101,1\n1700003600,20230102,2\n1700007200,20230228,3\n";
    let (table, detected) = read(text);
    assert!(table.columns.iter().all(|c| c.kind() == ColumnKind::Number));
    assert!(notes(&detected).contains("\"timestamp\" was read as numbers; it may hold dates in epoch seconds"));
    let (table, _) = offer(text, "Read as dates");
    assert_eq!(table.columns[0].cell(0), "2023-11-14 22:13:20");
    // Days as workbooks count them.
    let text = "Datum,v\n45292,1\n45323.5,2\n45350,3\n";
    let (table, detected) = read(text);
    assert_eq!(table.columns[0].kind(), ColumnKind::Number);
    let said = notes(&detected);
    assert!(
        said.contains(
            "\"Datum\" was read as numbers; it may hold dates as workbooks count days, such as 45292 for 2024-01-01"
        ),
        "{said}"
    );
    let (table, detected) = offer(text, "Read as dates");
    assert_eq!(
        (table.columns[0].cell(0), table.columns[0].cell(1)),
        ("2024-01-01".into(), "2024-02-01 12:00:00".into())
    );
    let (again, _) = read_with("new.csv", b"Datum,v\n1,1\n", &detected.options);
    assert_eq!(again.columns[0].cell(0), "1899-12-31");
    assert_eq!(notes(&read("price,v\n45292,1\n45323,2\n").1), "");
    let text = "timestamp,day,v\n1700000000,20230101,1\n1700003600,20230102,2\n1700007200,20230228,3\n";
    let mut options = ReadOptions::default();
    options.columns.insert("day".into(), ColumnReading::of(ReadKind::Date));
    assert_eq!(read_with("t.csv", text.as_bytes(), &options).0.columns[1].cell(2), "2023-02-28");
}

#[test]
fn dates_that_stand_for_missing_ones_are_told() {
    for (sentinel, written) in
        [("9999-12-31", "9999-12-31"), ("0001-01-01", "0001-01-01"), ("1900-01-01", "01.01.1900 00:00")]
    {
        let days: String = (1..20)
            .map(|k| if k == 4 { format!("{written},4\n") } else { format!("{k:02}.03.2021 10:00,{k}\n") })
            .collect();
        let text = "v,k\n".to_owned() + &days;
        let (table, detected) = read(&text);
        assert_eq!(
            (table.columns[0].kind(), table.columns[0].missing()),
            (ColumnKind::Date, 0),
            "{}",
            notes(&detected)
        );
        let wanted = format!(
            "\"v\": 1 cell is {sentinel}, far from all others (2021-03-01 10:00:00 to 2021-03-19 10:00:00); the first is row 4"
        );
        assert!(notes(&detected).contains(&wanted), "{}", notes(&detected));
        let (table, detected) = offer(&text, &format!("Treat {sentinel} as missing"));
        assert_eq!(table.columns[0].missing(), 1);
        let (again, _) =
            read_with("new.csv", format!("v,k\n{written},1\n05.03.2021 10:00,2\n").as_bytes(), &detected.options);
        assert!(again.columns[0].is_missing(0) && !again.columns[0].is_missing(1));
    }
    // Days of birth go that far back.
    let (_, detected) = read("born,k\n1900-01-01,a\n1931-05-06,b\n1950-02-01,c\n2001-03-04,d\n");
    assert_eq!(notes(&detected), "");
}

#[test]
fn one_thing_in_several_spellings_is_one() {
    check(&[
        (
            "a,b\nyes,x\n0,y\nNo,x\n1,y\nYES,x\n,y\n",
            &["a|b", "true|x", "false|y", "false|x", "true|y", "true|x", "|y"],
            &["\"a\" was read as booleans, true and false"],
        ),
        ("a,b\ntrue,x\nno,y\nfalse,x\n", &["a|b", "true|x", "false|y", "false|x"], &["\"a\" was read as booleans"]),
        ("a,b\nyes,x\nno,y\nyes,x\n", &["a|b", "yes|x", "no|y", "yes|x"], &[]),
        ("a,b\ny,x\n1,y\n2,x\n", &["a|b", "y|x", "1|y", "2|x"], &[]),
        (
            "a,b,c\nTrue,T,wahr\nFALSE,F,FALSCH\ntrue,T,Wahr\n,F,falsch\n",
            &["a|b|c", "true|true|true", "false|false|false", "true|true|true", "|false|false"],
            &["\"a\", \"b\", \"c\" were read as booleans"],
        ),
        ("a,b\ntrue,x\nfalse,y\n", &["a|b", "true|x", "false|y"], &[]),
        ("sex,b\nF,x\nF,y\nF,z\n", &["sex|b", "F|x", "F|y", "F|z"], &[]),
        (
            "ok,v\nYes,1\nyes,2\nNo,3\nNO,4\nYes,5\nNo,6\n",
            &["ok|v", "Yes|1", "Yes|2", "No|3", "No|4", "Yes|5", "No|6"],
            &["\"ok\"", "several spellings"],
        ),
    ]);
    let text = "city,v\nBerlin,1\nberlin,2\nBerlin,3\nNew  York,4\nNew York,5\nNew York,6\nParis,7\nParis,8\n";
    let (table, detected) = read(text);
    assert_eq!(table.columns[0].classes(9).map(|c| c.len()), Some(5));
    assert!(
        notes(&detected)
            .contains("\"city\": 4 levels differ by case or blanks only, such as \"Berlin\" and \"berlin\"")
    );
    let (table, detected) = offer(text, "Merge them");
    assert_eq!(table.columns[0].classes(9).unwrap_or_default(), ["Berlin", "New York", "Paris"]);
    // One letter with its accent, or two.
    let forms = "city,v\nMálaga,1\nMa\u{301}laga,2\nMálaga,3\nOslo,4\nOslo,5\n";
    let (_, said) = read(forms);
    assert!(
        notes(&said).contains(
            "\"city\": 2 levels differ by the form of Unicode only, such as \"Málaga\" and \"Ma\u{301}laga\""
        ),
        "{}",
        notes(&said)
    );
    let (merged, _) = offer(forms, "Merge them");
    assert_eq!(merged.columns[0].classes(9).unwrap_or_default(), ["Málaga", "Oslo"]);
    // New rows are spelled as the first file is.
    let (again, _) = read_with("new.csv", b"city,v\nBERLIN,1\nnew york,2\nOslo,3\n", &detected.options);
    assert_eq!((0..3).map(|r| again.columns[0].cell(r)).collect::<Vec<_>>(), ["Berlin", "New York", "Oslo"]);
}

#[test]
fn a_kind_that_is_set_is_the_kind() {
    let set = |kind: ReadKind| {
        let mut options = ReadOptions::default();
        options.columns.insert("v".into(), ColumnReading::of(kind));
        options
    };
    for (text, kind, wanted, says) in [
        ("v,k\n1,x\n2,y\n", ReadKind::Text, &["1", "2"][..], ""),
        (
            "v,k\none,x\n2,y\n",
            ReadKind::Number,
            &["", "2"],
            "1 of 2 cells is no number and became a gap: row 1 \"one\"",
        ),
        ("v,k\n0,x\n1,y\n", ReadKind::Boolean, &["false", "true"], ""),
        ("v,k\nyesterday,x\n2024-03-01,y\n", ReadKind::Date, &["", "2024-03-01"], "is no date"),
        ("v,k\n1700000000000,x\n0,y\n", ReadKind::EpochMilliseconds, &["2023-11-14 22:13:20", "1970-01-01"], ""),
        ("v,k\n6:30,x\nnoon,y\n", ReadKind::Hours, &["6.5", ""], "is no time"),
    ] {
        let (table, detected) = read_with("t.csv", text.as_bytes(), &set(kind));
        assert_eq!((0..2).map(|r| table.columns[0].cell(r)).collect::<Vec<_>>(), wanted, "{text}");
        assert!(notes(&detected).contains(says), "{}", notes(&detected));
        assert_eq!(detected.options.columns["v"].kind, Some(kind));
    }
    let bad = read_bytes("t.csv", b"v\n", &ReadOptions::default()).expect_err("no rows").to_string();
    assert!(bad.contains("no rows"), "{bad}");
}

#[test]
fn kinds_of_files_that_are_no_table_are_named() {
    for (bytes, says) in [
        (&b"<?xml version=\"1.0\"?>\n<rows><row a=\"1\"/><row a=\"2\"/></rows>\n"[..], "an XML file"),
        (b"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"10\"><rect/></svg>\n", "a drawing (SVG)"),
    ] {
        let error = read_bytes("t.csv", bytes, &ReadOptions::default()).expect_err("no table").to_string();
        assert!(error.contains(says), "{error}");
    }
}
