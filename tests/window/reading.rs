//! How a file is read: what is chosen on the page on which it is looked at, and what is told later.

use crate::harness::Window;
use chainrule::data::{ColumnKind, ColumnReading, DataSource, DateOrder, ReadKind, ReadOptions, Values};
use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use std::fmt::Write as _;
use tempfile::TempDir;

/// A window that looks at a file with this text.
fn looking_at(folder: &TempDir, name: &str, text: &str) -> Window {
    let file = folder.path().join(name);
    std::fs::write(&file, text).expect("can be written");
    let mut window = Window::open();
    window.app_mut().model.open_any(file);
    window.until_shown("First rows");
    window
}

fn folder() -> TempDir {
    TempDir::new().expect("the system has a temporary folder")
}

/// What the head of a column says that it is read as.
fn reading(window: &Window, column: &str) -> String {
    let label = format!("Reading of {column}");
    let head = window.harness.get_by_role_and_label(Role::ComboBox, &label);
    head.accesskit_node().value().unwrap_or_default()
}

/// Opens the menu of a column and chooses from it.
fn choose(window: &mut Window, column: &str, entry: &str) {
    open_menu(window, column);
    window.click(entry);
}

fn open_menu(window: &mut Window, column: &str) {
    window.harness.get_by_role_and_label(Role::ComboBox, &format!("Reading of {column}")).click();
    window.harness.run_steps(4);
}

/// Until the head of the column says so.
fn until_read(window: &mut Window, column: &str, wanted: &str) {
    let since = std::time::Instant::now();
    while reading(window, column) != wanted {
        assert!(since.elapsed().as_secs() < 30, "{column} is read as {}, not {wanted}", reading(window, column));
        window.harness.run_steps(1);
        std::thread::yield_now();
    }
}

/// Types into a field in place of what it holds, and leaves it.
fn replace(window: &mut Window, field: &str, text: &str) {
    window.harness.get_by_role_and_label(Role::TextInput, field).focus();
    window.harness.run_steps(2);
    window.press(Modifiers::COMMAND, Key::A);
    window.focus_and_type(field, text);
    window.press(Modifiers::NONE, Key::Enter);
}

fn gaps(window: &Window) -> usize {
    window.harness.query_all_by_label("missing").count()
}

/// Takes the file that is looked at, and returns how the document reads it.
fn taken(window: &mut Window, name: &str) -> ReadOptions {
    window.click("Use these data");
    let name = name.to_owned();
    window.until("it is taken", move |app| app.model.table().is_some_and(|t| t.loaded.table.name == name));
    window.ready();
    let DataSource::File { options, .. } = &window.app().model.document().data.source else { panic!("a file") };
    options.clone()
}

#[test]
fn numbers_are_kept_as_text_if_a_person_says_so() {
    let folder = folder();
    let rows: String = (0..40).map(|i| format!("{},{}\n", 100 + i % 4, i * 3)).collect();
    let mut window = looking_at(&folder, "codes.csv", &format!("code,price\n{rows}"));
    assert_eq!((reading(&window, "code"), reading(&window, "price")), ("numbers".to_owned(), "numbers".to_owned()));
    choose(&mut window, "code", "text");
    until_read(&mut window, "code", "text, set");
    assert_eq!(reading(&window, "price"), "numbers");
    let options = taken(&mut window, "codes.csv");
    assert_eq!(options.columns.get("code"), Some(&ColumnReading::of(ReadKind::Text)));
    let table = window.app().model.table().cloned().expect("is open");
    assert_eq!(table.loaded.table.columns[0].kind(), ColumnKind::Text);

    // It is still so when the file is looked at again, and can be taken back.
    window.click("How it is read…");
    window.until_shown("First rows");
    until_read(&mut window, "code", "text, set");
    choose(&mut window, "code", "detect");
    until_read(&mut window, "code", "numbers");
    assert!(taken(&mut window, "codes.csv").columns.is_empty());
}

#[test]
fn the_words_for_missing_values_are_the_file_s_or_a_column_s() {
    let folder = folder();
    let mut window = looking_at(&folder, "words.csv", "x,y\n1,5\nNA,6\nnope,7\n4,-9\n5,8\n6,9\n");
    // Words among few numbers are levels like them.
    until_read(&mut window, "x", "text, decided");
    assert_eq!(gaps(&window), 1, "NA");
    replace(&mut window, "Missing words", "nope, NA, -9");
    until_read(&mut window, "x", "numbers");
    window.harness.run_steps(2);
    assert_eq!(gaps(&window), 3, "NA, nope and -9");
    assert!(window.app().model.loading().preview().is_some(), "Enter ends the typing, and takes nothing");

    // -9 is a value in one column.
    open_menu(&mut window, "y");
    replace(&mut window, "Missing words of y", "nope");
    until_read(&mut window, "y", "numbers, set");
    window.press(Modifiers::NONE, Key::Escape);
    window.until("the rows are read", |app| app.model.loading().preview().is_some_and(|p| p.detected().is_some()));
    let given = window.app().model.loading().preview().expect("is looked at").options.clone();
    assert_eq!(given.missing.as_deref(), Some(&["nope", "NA", "-9"].map(str::to_owned)[..]));
    assert_eq!(given.columns["y"].missing.as_deref(), Some(&["nope".to_owned()][..]));
    while gaps(&window) != 2 {
        window.harness.run_steps(1);
    }
    open_menu(&mut window, "y");
    window.click("As for the file");
    until_read(&mut window, "y", "numbers");
    while gaps(&window) != 3 {
        window.harness.run_steps(1);
    }
    window.press(Modifiers::NONE, Key::Escape);
    window.click("The usual words");
    until_read(&mut window, "x", "text, decided");
    let given = &window.app().model.loading().preview().expect("is looked at").options;
    assert_eq!((given.missing.as_ref(), given.columns.len()), (None, 0));
}

#[test]
fn the_order_of_ambiguous_dates_is_chosen_in_the_head_of_their_column() {
    let folder = folder();
    let rows: String = (0..40).map(|i| format!("{:02}/{:02}/2022,{i}\n", i % 12 + 1, i % 7 + 1)).collect();
    let mut window = looking_at(&folder, "days.csv", &format!("day,n\n{rows}"));
    until_read(&mut window, "day", "text");
    choose(&mut window, "day", "dates");
    until_read(&mut window, "day", "text, set");
    window.harness.run_steps(2);
    window.click("day first");
    until_read(&mut window, "day", "dates, set");
    window.press(Modifiers::NONE, Key::Escape);
    let options = taken(&mut window, "days.csv");
    let own = &options.columns["day"];
    assert_eq!((own.kind, own.date_order), (Some(ReadKind::Date), Some(DateOrder::DayFirst)));
    let table = window.app().model.table().cloned().expect("is open");
    let Values::Dates(dates) = &table.loaded.table.columns[0].values else { panic!("dates") };
    // 2 February and 1 March, not 3 January.
    assert_eq!((dates.get(2) - dates.get(1)) / 86_400.0, 29.0);
}

#[test]
fn the_decimal_sign_of_a_column_is_chosen() {
    let folder = folder();
    let mut text = String::from("a;b\n");
    (0..30).for_each(|i| writeln!(text, "{}.5;1.{:03}", i, i * 7 % 1000).expect("memory"));
    let mut window = looking_at(&folder, "signs.csv", &text);
    until_read(&mut window, "b", "numbers");
    assert!(window.shows("1.007"));
    choose(&mut window, "b", "comma");
    until_read(&mut window, "b", "numbers, set");
    window.until_shown("1007");
    let options = taken(&mut window, "signs.csv");
    assert_eq!(options.columns["b"].decimal_comma, Some(true));
}

#[test]
fn all_that_a_reader_says_is_kept_beside_the_data_with_its_offers() {
    let folder = folder();
    let mut text = String::from("a,b,c\n");
    for i in 0..60 {
        let b = if i == 9 { "many".to_owned() } else { (i % 20).to_string() };
        writeln!(text, "{i}kg,{b},{i:05}").expect("memory");
    }
    let mut window = looking_at(&folder, "notes.csv", &text);
    taken(&mut window, "notes.csv");
    let table = window.app().model.table().cloned().expect("is open");
    let notes = &table.loaded.detected.as_ref().expect("a file").notes;
    assert!(notes.len() >= 3, "{notes:?}");
    let said = window.app().model.notice().cloned().expect("something is told").text;
    let more = format!("Data has {} more notes, in \"How the file was read\".", notes.len() - 1);
    assert!(said.contains(&notes[0].text) && said.contains(&more), "{said}");
    assert!(!said.contains(&notes[1].text), "{said}");
    window.click("Close message");
    assert!(!window.shows(&notes[1].text));
    window.click(&format!("How the file was read: {} notes", notes.len()));
    window.harness.run_steps(30);
    for note in notes {
        assert!(window.shows(&note.text), "{}", note.text);
    }
    let count = window.harness.query_all_by_role_and_label(Role::Button, "Read as text").count();
    assert!(count >= 1);
    let first = window.harness.query_all_by_role_and_label(Role::Button, "Read as text").next().expect("is there");
    first.click();
    window.harness.run_steps(2);
    window.until_shown("First rows");
    let preview = window.app().model.loading().preview().expect("the file is looked at");
    assert!(preview.options.columns.values().any(|c| c.kind == Some(ReadKind::Text)), "{:?}", preview.options.columns);
}

/// Thousands of columns are within reach, and only those in view are laid out.
#[test]
fn a_wide_table_lays_out_what_is_in_view() {
    const COLUMNS: usize = 3000;
    let folder = folder();
    let line = |cell: &dyn Fn(usize) -> String| (0..COLUMNS).map(cell).collect::<Vec<_>>().join(",");
    let rows: String = (0..30).map(|r| line(&|k| (r * k % 17).to_string()) + "\n").collect();
    let mut window = looking_at(&folder, "wide.csv", &format!("{}\n{rows}", line(&|k| format!("c{k}"))));
    let heads = |window: &Window| window.harness.query_all_by_role(Role::ComboBox).count();
    assert!(window.shows("Reading of c5") && heads(&window) < 40, "{}", heads(&window));
    // The last column is reached by the wheel.
    let head = window.harness.get_by_role_and_label(Role::ComboBox, "Reading of c1").rect().center();
    window.harness.hover_at(head);
    window.harness.run_steps(1);
    window.harness.event(egui::Event::MouseWheel {
        unit: egui::MouseWheelUnit::Point,
        delta: egui::vec2(-1e6, 0.0),
        phase: egui::TouchPhase::Move,
        source: egui::MouseWheelSource::Unknown,
        modifiers: Modifiers::NONE,
    });
    window.harness.run_steps(60);
    assert!(window.shows("Reading of c2999") && heads(&window) < 40, "{}", heads(&window));
}
