//! Text files of the kinds that people have: what stands around the cells is found, and what is in doubt is said.

#[path = "support/reading.rs"]
mod reading;

use chainrule::data::{ReadOptions, read_bytes};
use reading::{cells, check, notes, read, read_with};
use std::path::Path;

#[test]
fn files_as_they_come_are_read_as_they_are_meant() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/real");
    for (name, rows, columns, first) in [
        ("autompg.data", 12, 9, "column 1"),
        ("nonmem.txt", 8, 3, "ID"),
        ("fixed_width.txt", 6, 4, "name"),
        ("celeba_attr.txt", 5, 4, "row name"),
        ("worldbank.csv", 5, 5, "Country Name"),
        ("units_row.csv", 12, 4, "Datetime"),
        ("orange.tab", 20, 3, "sepal length"),
        ("lone_quote.tsv", 12, 3, "id"),
        ("zero_cells.csv", 4, 2, "x"),
        ("rp5.csv", 24, 5, "Местное время"),
        ("second_header.csv", 12, 2, "date"),
        ("one_bad_byte.csv", 61, 2, "name"),
        ("savetxt_header.txt", 12, 3, "sepal"),
        ("pokemon.csv", 24, 5, "#"),
        ("row_names.tsv", 12, 4, "row name"),
        ("power_cut.csv", 40, 2, "x"),
        ("sep_line.csv", 4, 3, "One"),
    ] {
        let bytes = std::fs::read(folder.join(name)).expect("a fixture");
        let (table, detected) = read_with(name, &bytes, &ReadOptions::default());
        assert_eq!(
            (table.rows(), table.columns.len(), table.columns[0].name.as_str()),
            (rows, columns, first),
            "{name}"
        );
        let (again, _) = read_with(name, &bytes, &detected.options);
        assert_eq!(cells(&table), cells(&again), "{name}");
    }
}

#[test]
fn names_are_found_and_doubt_is_said() {
    check(&[
        (
            "Country,2019,2020\nAruba,0.5,1\nChad,2,3\n",
            &["Country|2019|2020", "Aruba|0.5|1", "Chad|2|3"],
            &["first row"],
        ),
        ("0,1,2\n5.5,3,a\n5.25,4,b\n", &["0|1|2", "5.5|3|a", "5.25|4|b"], &["first row, \"0, 1, 2\""]),
        ("name,kind\nann,x\nbob,y\nname,x\n", &["name|kind", "ann|x", "bob|y", "name|x"], &[]),
        ("a,b\nx,y\n", &["a|b", "x|y"], &[]),
    ]);
    // The other reading is offered.
    let (_, detected) = read("0,1,2\n5.5,3,a\n5.25,4,b\n");
    let offer = &detected.notes[0].offers[0];
    let (table, _) = read_with("t.csv", b"0,1,2\n5.5,3,a\n5.25,4,b\n", &offer.options);
    assert_eq!(table.rows(), 3);
}

#[test]
fn numbers_may_be_names_if_they_are_the_steps_of_a_scale() {
    check(&[
        (
            "400.5,401.0,401.5,class\n0.5,0.25,0.75,a\n0.25,0.25,0.5,b\n0.5,1.5,0.25,a\n",
            &["400.5|401.0|401.5|class", "0.5|0.25|0.75|a", "0.25|0.25|0.5|b", "0.5|1.5|0.25|a"],
            &["The first row, \"400.5, 401.0, 401.5, class\", was taken for the names"],
        ),
        (
            "5%,10%,25%\n1.5,2.5,3.5\n1.25,2.25,3.75\n",
            &["5%|10%|25%", "1.5|2.5|3.5", "1.25|2.25|3.75"],
            &["\"5%, 10%, 25%\", was taken for the names"],
        ),
        (
            "0,0.25,0.5,0.75\n1.5,3.5,5.5,2\n3.5,1.5,2.5,7\n-8,-2,0,4\n",
            &["column 1|column 2|column 3|column 4", "0|0.25|0.5|0.75", "1.5|3.5|5.5|2", "3.5|1.5|2.5|7", "-8|-2|0|4"],
            &["The first row, \"0, 0.25, 0.5, 0.75\", was taken for values"],
        ),
        // Values that go on below are none.
        (
            "0.5,1.5,2.5\n1.5,2.5,3.5\n2.5,3.5,4.5\n",
            &["column 1|column 2|column 3", "0.5|1.5|2.5", "1.5|2.5|3.5", "2.5|3.5|4.5"],
            &[],
        ),
    ]);
}

#[test]
fn rows_of_names_of_pandas_are_joined() {
    check(&[
        (
            ",a,a,b\n,mean,std,mean\nkey,,,\nx,1,2,3\ny,2,3,4\n",
            &["key|a mean|a std|b mean", "x|1|2|3", "y|2|3|4"],
            &["3 header rows, which were joined, such as \"a mean\""],
        ),
        (
            ",,a,a\n,,mean,std\nk,l,,\nx,u,1,2\ny,v,2,3\n",
            &["k|l|a mean|a std", "x|u|1|2", "y|v|2|3"],
            &["3 header rows"],
        ),
        (",v,v\nyear,2019,2020\nname,,\nx,1,2\ny,2,3\n", &["name|v 2019|v 2020", "x|1|2", "y|2|3"], &["\"v 2019\""]),
        (
            ",a,a,b\n,mean,std,mean\n0,1,2,3\n1,2,3,4\n",
            &["column 1|a mean|a std|b mean", "0|1|2|3", "1|2|3|4"],
            &["2 header rows"],
        ),
        (
            "key,a,a,b\n,mean,std,mean\nx,1,2,3\ny,2,3,4\n",
            &["key|a mean|a std|b mean", "x|1|2|3", "y|2|3|4"],
            &["2 header rows"],
        ),
        (
            "wl,400,410,420\ns1,0.5,0.25,0.75\ns2,0.25,0.25,0.5\n",
            &["wl|400|410|420", "s1|0.5|0.25|0.75", "s2|0.25|0.25|0.5"],
            &["was taken for the names"],
        ),
        // A first row with gaps, and names that are there twice, are no rows of names.
        ("a,b,c\nx,,\ny,1,2\nz,3,4\n", &["a|b|c", "x||", "y|1|2", "z|3|4"], &[]),
        ("a,a,b\n1,2,3\n4,5,6\n", &["a|a (2)|b", "1|2|3", "4|5|6"], &[]),
    ]);
}

#[test]
fn a_percent_sign_is_a_remark_or_names_columns() {
    check(&[
        (
            "% a b c\n1.5 2 3\n4 5 6.5\n7 8 9\n",
            &["a|b|c", "1.5|2|3", "4|5|6.5", "7|8|9"],
            &["line 1, which begins with %"],
        ),
        (
            "% made by hand\n% a,b\n1,2\n3,4\n",
            &["a|b", "1|2", "3|4"],
            &["line 2, which begins with %", "begins with %, the first being line 1, left out as remarks"],
        ),
        ("%,n\n1,5\n2,6\n", &["%|n", "1|5", "2|6"], &[]),
    ]);
}

#[test]
fn lines_that_draw_a_table_are_no_rows() {
    check(&[
        (
            " id | name |  v\n----+------+-----\n  1 | ann  | 2.5\n  2 | bob  | 3.5\n(2 rows)\n",
            &["id|name|v", "1|ann|2.5", "2|bob|3.5"],
            &["1 line was left out that draws the table, the first being line 2", "(2 rows)"],
        ),
        ("| a | b |\n|--:|:--|\n| 1 | x |\n| 2 | y |\n", &["a|b", "1|x", "2|y"], &["\"|--:|:--|\""]),
        (
            "+----+---+\n| a  | b |\n+----+---+\n| 1  | x |\n| 2  |   |\n+----+---+\n2 rows in set\n",
            &["a|b", "1|x", "2|"],
            &["3 lines were left out that draw the table, the first being line 1", "2 rows in set"],
        ),
        (
            "id   full name  v\n---- ---------- ---\n1    ann lee      2\n2    bob          3\n",
            &["id|full name|v", "1|ann lee|2", "2|bob|3"],
            &["\"---- ---------- ---\"", "fixed width"],
        ),
        ("| a | b |\n| 1 | x |\n| 2 | y |\n", &["a|b", "1|x", "2|y"], &["Bars stand around all rows"]),
        ("id,name\n--,----\n1,ann\n2,bob\n", &["id|name", "1|ann", "2|bob"], &["line 2: \"--,----\""]),
        // Negative numbers and marks for missing values are cells.
        (
            "a,b\n-1,-2\n--,5\n-3,---\n",
            &["a|b", "-1|-2", "|5", "-3|"],
            &["is no number and became a gap: row 2 \"--\""],
        ),
    ]);
    // They are read as rows if that is said.
    let text = " id | v\n----+----\n 1 | 2\n 2 | 3\n";
    let (_, detected) = read(text);
    let (table, _) = read_with("t.csv", text.as_bytes(), &detected.notes[0].offers[0].options);
    assert_eq!(table.rows(), 3);
    // The next file is read alike.
    let (table, _) = read_with("new.csv", b" id | v\n----+----\n 7 | 8\n", &detected.options);
    assert_eq!(cells(&table), ["id|v", "7|8"]);
}

#[test]
fn cells_may_stand_in_quotes_of_other_kinds() {
    check(&[
        (
            "id,text\n1,\"say \\\"hi\\\" to, me\"\n2,\"plain\"\n3,\"two \\\"x\\\"\nlines\"\n",
            &["id|text", "1|say \"hi\" to, me", "2|plain", "3|two \"x\"\nlines"],
            &["backslash before them, the first in line 2"],
        ),
        (
            "id,text,n\n1,'a, b',2\n2,'plain',3\n3,'it''s',4\n",
            &["id|text|n", "1|a, b|2", "2|plain|3", "3|it's|4"],
            &["single quotes, the first in line 2"],
        ),
        (
            "id;text\n1;'a; b'\n2;'plain'\n3;'it\\'s'\n",
            &["id|text", "1|a; b", "2|plain", "3|it's"],
            &["single quotes", "backslash before them, the first in line 4"],
        ),
        (
            "a, b, c\n1, \"2, x\", 3\n2, \"y\" , 4\n",
            &["a|b|c", "1|2, x|3", "2|y|4"],
            &["Blanks stand before quotes, the first in line 2"],
        ),
        // A path that ends with a backslash, apostrophes, and marks within cells are as they stand.
        ("a,b\n1,\"C:\\dir\\\"\n2,\"D:\\\"\n", &["a|b", "1|C:\\dir\\", "2|D:\\"], &[]),
        ("a,b\n'tis,1\nrock 'n' roll,2\n", &["a|b", "'tis|1", "rock 'n' roll|2"], &[]),
        ("a,b\n\"['x', 'y']\",1\n\"['z', 'y']\",2\n", &["a|b", "['x', 'y']|1", "['z', 'y']|2"], &[]),
    ]);
    // What was found holds for the next file, and for rows far below.
    let mut text = String::from("id,text\n");
    text.extend((0..60_000).map(|k| format!("{k},\"no \\\"{}\\\", or\"\n", k % 7)));
    let (table, detected) = read(&text);
    assert_eq!((table.rows(), table.columns[1].cell(59_999)), (60_000, "no \"2\", or".to_owned()));
    let (table, _) = read_with("new.csv", b"id,text\n1,\"x \\\"\"\n", &detected.options);
    assert_eq!(table.columns[1].cell(0), "x \"");
    // As they stand, if that is said.
    let (_, detected) = read("a,b\n1,'x'\n2,'y'\n");
    let (table, _) = read_with("t.csv", b"a,b\n1,'x'\n2,'y'\n", &detected.notes[0].offers[0].options);
    assert_eq!(cells(&table), ["a|b", "1|'x'", "2|'y'"]);
}

#[test]
fn a_number_sign_is_a_remark_a_name_or_a_cell() {
    check(&[
        ("#,Name,HP\n1,x,41\n2,y,42\n", &["#|Name|HP", "1|x|41", "2|y|42"], &[]),
        ("# sepal petal kind\n5.0 1.0 0\n5.5 1.5 1\n", &["sepal|petal|kind", "5|1|0", "5.5|1.5|1"], &["line 1"]),
        ("# made by hand\na,b\n1,2\n# half\n3,4\n", &["a|b", "1|2", "3|4"], &["2 of the first lines", "line 1"]),
        ("tag,n\n#up,1\n#down,2\nnone of it,3\n", &["tag|n", "#up|1", "#down|2", "none of it|3"], &[]),
        (
            "##meta=1\n##more=2\n#CHROM\tPOS\tID\nchr1\t5\tx\nchr2\t6\ty\n",
            &["CHROM|POS|ID", "chr1|5|x", "chr2|6|y"],
            &["line 3"],
        ),
        ("a,b\n1,x\n#DIV/0!,x\n3,y\n", &["a|b", "1|x", "|x", "3|y"], &["row 2 \"#DIV/0!\""]),
        ("a,b\n1,2\n#3,4\n5,6\n", &["a|b", "1|2", "5|6"], &["line 3"]),
    ]);
}

#[test]
fn separators_of_all_kinds_are_taken() {
    check(&[
        ("x y class\n0.5 1.5 a\n1.5 2.5 b\n", &["x|y|class", "0.5|1.5|a", "1.5|2.5|b"], &["runs of blanks"]),
        ("Chins Situps Jumps\n5 162 60\n2 110 60.5\n", &["Chins|Situps|Jumps", "5|162|60", "2|110|60.5"], &[]),
        (" ID   AMT\n  1.5  2.5\n  2.5  3.5\n", &["ID|AMT", "1.5|2.5", "2.5|3.5"], &["runs of blanks"]),
        (
            "18.5   4\t\"car 0\"\n19.5   6\t\"car \"\"1\"\"\"\n20.5   6\t\"car 2\"\n",
            &["column 1|column 2|column 3", "18.5|4|car 0", "19.5|6|car \"1\"", "20.5|6|car 2"],
            &["runs of blanks"],
        ),
        (
            "1::5.5::x\n2::6.5::y\n3::7.5::z\n",
            &["column 1|column 2|column 3", "1|5.5|x", "2|6.5|y", "3|7.5|z"],
            &["\"::\""],
        ),
        ("a~b\n1~x\n2~y\n", &["a|b", "1|x", "2|y"], &["\"~\""]),
        ("a\u{1}b\n1\u{1}x\n2\u{1}y\n", &["a|b", "1|x", "2|y"], &["control character 1"]),
        (
            "name   city      n\nann    New Town  1\nbob    Rome      2\ncid    Old Town  3\n",
            &["name|city|n", "ann|New Town|1", "bob|Rome|2", "cid|Old Town|3"],
            &["fixed width"],
        ),
        (
            "5\nBald Glasses Smile\n1.jpg -1  1  1\n2.jpg  1 -1  1\n3.jpg  1  1 -1\n",
            &["row name|Bald|Glasses|Smile", "1.jpg|-1|1|1", "2.jpg|1|-1|1", "3.jpg|1|1|-1"],
            &["row name", "1 line was left out before", "runs of blanks"],
        ),
        ("sep=;\na;b\n1,5;2\n2,5;3\n", &["a|b", "1.5|2", "2.5|3"], &[]),
        ("a:b\nx:y\nz:w\n", &["a:b", "x:y", "z:w"], &["one cell of words", "\":\""]),
        (
            "review\nGood, really\nFine\nBad, ok\nFine, too, yes\nNo\n",
            &["review", "Good, really", "Fine", "Bad, ok", "Fine, too, yes", "No"],
            &["commas"],
        ),
    ]);
}

#[test]
fn what_stands_around_a_table_is_found() {
    check(&[
        ("a,b\n\"x\n\ny, z\",1\n\"x\n\ny, z\",2\n", &["a|b", "x\n\ny, z|1", "x\n\ny, z|2"], &[]),
        ("UTF-8\na,b\n1,x\n2,y\n", &["a|b", "1|x", "2|y"], &["1 line was left out before the table", "\"UTF-8\""]),
        (
            "Global Means\n\nYear,Jan\n1880,-.5\n1881,.25\n",
            &["Year|Jan", "1880|-0.5", "1881|0.25"],
            &["2 lines were left out before"],
        ),
        ("Sales,,\nname,n,m\nx,1,2\ny,3,4\n", &["name|n|m", "x|1|2", "y|3|4"], &["before the table"]),
        (
            "When;Wind;Temp\n;m/s;[°C]\n2020-08-14;0.5;20\n2020-08-15;1.5;21\n",
            &["When|Wind|Temp", "2020-08-14|0.5|20", "2020-08-15|1.5|21"],
            &["Line 2 holds units", "\"Wind\" in m/s"],
        ),
        (
            "\"TOA5\",\"CR1000\",\"1\"\n\"TIMESTAMP\",\"RECORD\",\"Batt\",\"Air\"\n\"TS\",\"RN\",\"Volts\",\"Deg C\"\n\"\",\"\",\"Min\",\"Avg\"\n\
             \"2020-01-01 10:00:00\",0,12.5,5.5\n\"2020-01-01 10:10:00\",1,12.6,5.75\n",
            &["TIMESTAMP|RECORD|Batt|Air", "2020-01-01 10:00:00|0|12.5|5.5", "2020-01-01 10:10:00|1|12.6|5.75"],
            &["Line 3 holds units", "Line 4 of the header", "before the table"],
        ),
        (
            ",A,,B\n,x,y,x\n0,1.5,2,3\n1,4.5,5,6\n2,7,8,8\n",
            &["column 1|A x|A y|B x", "0|1.5|2|3", "1|4.5|5|6", "2|7|8|8"],
            &["2 header rows"],
        ),
        (
            "len\twide\tiris\ncontinuous\tcontinuous\tdiscrete\n\t\tclass\n5.5\t1.5\ta\n6.5\t2.5\tb\n",
            &["len|wide|iris", "5.5|1.5|a", "6.5|2.5|b"],
            &["Lines 2 and 3 of the header, as Orange writes it"],
        ),
        (
            "month,n\nJan,10\nFeb,20\nTotal,30\n\nSource: the office\n",
            &["month|n", "Jan|10", "Feb|20"],
            &["2 lines were left out after the table", "totals"],
        ),
        (
            "month,n\nJan,10\nFeb,20\nTotal,31\n",
            &["month|n", "Jan|10", "Feb|20", "Total|31"],
            &["Is it a row of totals?"],
        ),
        // Titles of several cells, and of tables of two columns.
        (
            "Report 2024,,,,\nStation:,Berlin,,,\n,,,,\na,b,c,d,e\n1,2,3,4,5\n2,3,4,5,6\n",
            &["a|b|c|d|e", "1|2|3|4|5", "2|3|4|5|6"],
            &["3 lines were left out before the table, the first: \"Report 2024\""],
        ),
        ("Report,\na,b\n1,2\n3,4\n", &["a|b", "1|2", "3|4"], &["1 line was left out before"]),
        // A sum without a word for it.
        (
            "month,n\nJan,10\nFeb,20\n,30\n",
            &["month|n", "Jan|10", "Feb|20"],
            &["1 line was left out after the table, the first being a row of totals: \",30\""],
        ),
        ("id,n\n1,10\n2,20\n,31\n", &["id|n", "1|10", "2|20", "|31"], &[]),
        // A cell without a value is no footnote.
        (
            "id,v\n1,10\n2,20\n#DIV/0!,30\n",
            &["id|v", "1|10", "2|20", "|30"],
            &["1 of 3 cells is no number and became a gap: row 3 \"#DIV/0!\""],
        ),
        ("id,v\n1,10\n2,20\n***,7\n", &["id|v", "1|10", "2|20", "|7"], &["row 3 \"***\""]),
        (
            "id,v\n1,10\n2,20\n* provisional, see below\n",
            &["id|v", "1|10", "2|20"],
            &["1 line was left out after", "* provisional"],
        ),
    ]);
}

#[test]
fn edges_are_taken_as_they_are_meant() {
    check(&[
        (
            "\"x\"\t\"v\"\n\"1\"\t\"b\"\t1\n\"2\"\t\"c\"\t4\n\"3\"\t\"c\"\t4\n",
            &["row name|x|v", "1|b|1", "2|c|4", "3|c|4"],
            &["row name"],
        ),
        ("a,b,c,\n1,2,3\n4,5,6\n", &["a|b|c", "1|2|3", "4|5|6"], &[]),
        ("a;b\n1;2;\n3;4;\n", &["a|b", "1|2", "3|4"], &["1 column", "without a name"]),
        ("a,b\n1,2\n   \n3,4\n \t \n", &["a|b", "1|2", "3|4"], &[]),
        (
            "a,b,c\n1,2,x\n3,4\n5\n6,7,y\n",
            &["a|b|c", "1|2|x", "3|4|", "5||", "6|7|y"],
            &["2 rows have fewer", "line 3"],
        ),
        ("a,b\n1,2\n,\n3,4\n,\n", &["a|b", "1|2", "3|4"], &["2 rows have nothing but separators", "line 3"]),
        ("a,b\n1,2\n3,4\n\u{1a}", &["a|b", "1|2", "3|4"], &[]),
        ("a,b\n1,2\n3,4\u{1a}", &["a|b", "1|2", "3|4"], &[]),
        (
            "d,value\n2024-01-01,1\n2024-01-02,2\nd,value\n2024-01-03,3\n",
            &["d|value", "2024-01-01|1", "2024-01-02|2", "2024-01-03|3"],
            &["\"value\"", "header", "line 4"],
        ),
    ]);
    for (text, says) in [
        ("a,b,c\n1,2,3\n4,5,6\n7,8,9,10\n1,2,3\n", "row 4: 4 fields, but the rows above have 3."),
        ("a,b\n1,2\n3,4,5\n6,7\n8,9,1\n", "row 3: 3 fields, but the rows above have 2; as in 1 row below it"),
        ("a,b\nc\nd,e,f\ng,h,i,j\nk\nl,m,n,o,p\n", "no number of fields has a majority"),
    ] {
        let error = read_bytes("t.csv", text.as_bytes(), &ReadOptions::default()).expect_err(text).to_string();
        assert!(error.contains(says), "{error}");
    }
    let cut = ReadOptions { cut_long_rows: Some(true), ..ReadOptions::default() };
    let (table, detected) = read_with("t.csv", b"a,b\n1,2\n3,4,5\n6,7\n", &cut);
    assert_eq!(cells(&table), ["a|b", "1|2", "3|4", "6|7"]);
    assert!(notes(&detected).contains("1 row has more cells"), "{}", notes(&detected));
}

#[test]
fn damage_is_mended_and_told() {
    check(&[
        ("x,y\n1,R\n\0\0\0,R\n3,S\n", &["x|y", "1|R", "|R", "3|S"], &["3 NUL bytes", "line 3"]),
        (
            "x,y\n0,0\n1,1\n2,4\n\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
            &["x|y", "0|0", "1|1", "2|4"],
            &["NUL bytes"],
        ),
        (
            "i\tname\tv\n0\tp 0\t0\n1\t\"Novo yal\t1\n2\tp 2\t4\n3\t\"p 3\"\t9\n4\tp 4\t16\n",
            &["i|name|v", "0|p 0|0", "1|\"Novo yal|1", "2|p 2|4", "3|p 3|9", "4|p 4|16"],
            &["1 line has a quote that does not close", "line 3"],
        ),
        ("a,b\n1,\"two\nlines\"\n2,\"x\"\n", &["a|b", "1|two\nlines", "2|x"], &[]),
    ]);
    let town = |k: usize| if k.is_multiple_of(2) { "São Paulo" } else { "Málaga" };
    let mut bytes = b"name,town\n".to_vec();
    (0..20).for_each(|k| bytes.extend(format!("{k},{}\n", town(k)).into_bytes()));
    bytes.extend(b"20,Bad\xff\n");
    let (table, detected) = read_with("t.csv", &bytes, &ReadOptions::default());
    assert_eq!((table.columns[1].cell(1), table.columns[1].cell(20)), ("Málaga".to_owned(), "Bad\u{fffd}".to_owned()));
    assert!(notes(&detected).contains("1 piece of text was not UTF-8, the first in line 22"), "{}", notes(&detected));
    // A file of another encoding is no damage.
    let (table, _) =
        read_with("t.csv", b"name,town\n1,M\xe1laga\n2,S\xe3o Paulo\n3,M\xe1laga\n", &ReadOptions::default());
    assert_eq!(table.columns[1].cell(0), "Málaga");
}

#[test]
fn quotes_far_below_the_beginning_do_not_swallow_rows() {
    let mut text = String::from("id,name,v\n");
    let rows = 60_000;
    for k in 0..rows {
        let name = if k == 50_000 { "\"5 inch" } else { "pipe" };
        text.extend([format!("{k},{name},{}\n", k % 7)]);
    }
    let (table, detected) = read_with("t.csv", text.as_bytes(), &ReadOptions::default());
    assert_eq!((table.rows(), table.columns[1].cell(50_000)), (rows, "\"5 inch".to_owned()));
    assert!(notes(&detected).contains("line 50002"), "{}", notes(&detected));
}

#[test]
fn lines_below_a_long_table_are_found() {
    let mut text = String::from("id,v\n");
    text.extend((0..400_000).map(|k| format!("{k},{}.5\n", k % 7)));
    text.push_str("\nSource: the office, 2024\nNo warranty\n");
    let (table, detected) = read_with("t.csv", text.as_bytes(), &ReadOptions::default());
    assert_eq!((table.rows(), table.columns[0].is_number()), (400_000, true));
    assert!(notes(&detected).contains("2 lines were left out after the table"), "{}", notes(&detected));
}
