//! Data: files, looks and preparation.

use crate::harness::{Dropped, Window};
use chainrule::app::Answer;
use chainrule::data::{DataSource, Treatment};
use chainrule::nn::LayerKind;
use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

#[test]
fn a_table_is_opened_by_the_dialog_and_the_network_follows_it() {
    let folder = TempDir::new().expect("the system has a temporary folder");
    let file = folder.path().join("fruit.csv");
    let rows: String =
        (0..90).map(|i| format!("{};{},5;{}\n", i % 9, i % 7, ["apple", "pear", "plum"][i % 3])).collect();
    std::fs::write(&file, format!("weight;length;fruit\n{rows}")).expect("can be written");
    let mut window = Window::open();
    window.click("Data");
    window.answer(Answer::Chosen(file.clone()));
    window.click("Open data…");
    // The file is looked at first: nothing changes until it is taken.
    window.until_shown("columns separated by semicolons, with a header, decimal comma, UTF-8");
    assert!(window.app().model.dataset().is_some_and(|d| d.name != "fruit.csv"), "the old data are still there");
    window.click("Use these data");
    window.until("the table is open", |app| app.model.dataset().is_some_and(|d| d.name == "fruit.csv"));
    window.ready();
    window.harness.run();
    for text in
        ["90 rows, 3 columns", "weight", "length", "fruit", "A dense network that suits these data", "plum: 30 rows"]
    {
        assert!(window.shows(text), "{text}");
    }
    let data = window.app().model.dataset().cloned().expect("is open");
    assert_eq!((data.rows(), data.features()), (90, 2));
    assert_eq!(window.layers().iter().rev().nth(1).map(String::as_str), Some("dense 3 · identity"));

    // A role is changed in the column's head, and undone.
    window.choose("Role of length", "ignore");
    window.ready();
    assert_eq!(window.app().model.dataset().map(|d| d.features()), Some(1));
    window.press(Modifiers::COMMAND, Key::Z);
    window.ready();
    assert_eq!(window.app().model.dataset().map(|d| d.features()), Some(2));

    // Nothing is lost when the dialog is cancelled, cannot be shown, or the file is bad.
    let before = window.app().model.document().clone();
    window.answer(Answer::Cancelled);
    window.click("Open data…");
    window.harness.run_steps(3);
    assert_eq!(*window.app().model.document(), before);
    std::fs::write(folder.path().join("bad.csv"), "a,b\n1,2\n3,4,5\n").expect("can be written");
    for (answer, says) in [
        (Answer::Unavailable, "No file dialog could be opened"),
        (Answer::Chosen(folder.path().join("none.csv")), "There is no file"),
    ] {
        window.answer(answer);
        window.click("Open data…");
        window.until(says, |app| app.model.notice().is_some_and(|n| n.text.contains(says)));
        assert!(window.shows(says), "{says}");
    }
    window.click("Close message");
    assert!(!window.shows("There is no file"));
    window.answer(Answer::Chosen(folder.path().join("bad.csv")));
    window.click("Open data…");
    window.until_shown("bad.csv, row 3");
    assert!(window.shows("It cannot be read like this"));
    window.click("Cancel");
    assert!(!window.shows("bad.csv, row 3"));
    assert_eq!(*window.app().model.document(), before);
}

#[test]
fn reading_a_large_file_tells_how_far_it_is_and_how_long_it_has_taken() {
    let folder = TempDir::new().expect("the system has a temporary folder");
    let file = folder.path().join("large.csv");
    let rows: String = (0..1_000_000).map(|i| format!("{i},{},{}\n", 3 * i, i % 7)).collect();
    std::fs::write(&file, format!("x,y,z\n{rows}")).expect("can be written");
    let mut window = Window::open();
    window.harness.input_mut().dropped_files.push(Arc::new(Dropped(file)));
    window.until_shown("with a header, UTF-8");
    window.press(Modifiers::NONE, Key::Enter);
    window.until_shown(" s so far");
    assert!(window.shows("Reading large.csv"));
    window.until("the table is open", |app| app.model.dataset().is_some_and(|d| d.name == "large.csv"));
    assert!(!window.shows(" s so far"));
}

#[test]
fn a_file_is_dropped_onto_the_window() {
    let folder = TempDir::new().expect("the system has a temporary folder");
    let file = folder.path().join("line.tsv");
    let rows: String = (0..40).map(|i| format!("{i}\t{}\n", 3 * i)).collect();
    std::fs::write(&file, format!("x\ty\n{rows}")).expect("can be written");
    let mut window = Window::open();
    window.harness.input_mut().dropped_files.push(Arc::new(Dropped(file)));
    window.until_shown("columns separated by tabs, with a header, UTF-8");
    window.press(Modifiers::NONE, Key::Enter);
    window.until("the table is open", |app| app.model.dataset().is_some_and(|d| d.name == "line.tsv"));
    window.ready();
    assert!(window.layers().last().is_some_and(|l| l == "mean squared error"));
}

#[test]
fn what_a_reader_says_is_told_beside_what_became_of_the_network() {
    let folder = TempDir::new().expect("the system has a temporary folder");
    let file = folder.path().join("late.csv");
    let mut bytes = "1,2,x\n3,5,y\n".repeat(30_000).into_bytes();
    bytes.extend_from_slice(b"1,2,x\xe9\n");
    std::fs::write(&file, bytes).expect("can be written");
    let mut window = Window::open();
    window.app_mut().model.open_any(file);
    window.until_shown("columns separated by commas, without a header, UTF-8");
    window.press(Modifiers::NONE, Key::Enter);
    window.until("the table is open", |app| app.model.dataset().is_some_and(|d| d.name == "late.csv"));
    window.ready();
    let said = window.app().model.notice().cloned().expect("something is told").text;
    assert!(said.contains("Line 60001 is not UTF-8") && said.contains("A dense network"), "{said}");
}

#[test]
fn a_file_is_corrected_before_it_is_taken() {
    let folder = TempDir::new().expect("the system has a temporary folder");
    let file = folder.path().join("odd.txt");
    let rows: String = (0..60).map(|i| format!("{};{};{}\n", i % 7, i * i % 11, ["a", "b"][i % 2])).collect();
    std::fs::write(&file, rows).expect("can be written");
    let mut window = Window::open();
    window.app_mut().model.open_any(file.clone());
    window.until_shown("columns separated by semicolons, without a header, UTF-8");
    window.choose("Separator", "comma");
    window.until_shown("columns separated by commas");
    window.choose("Separator", "semicolon");
    window.until_shown("columns separated by semicolons, without a header, UTF-8");
    window.click("The first row names the columns");
    window.until_shown("columns separated by semicolons, with a header, UTF-8");
    window.click("Use these data");
    window.until("it is taken", |app| app.model.dataset().is_some_and(|d| d.name == "odd.txt"));
    let data = window.app().model.table().cloned().expect("is open");
    assert_eq!((data.loaded.table.rows(), data.loaded.table.columns[2].name.as_str()), (59, "a"));
    // The choices are the document's, so that the file is read the same way again.
    let DataSource::File { options, .. } = &window.app().model.document().data.source else { panic!("a file") };
    assert_eq!((options.delimiter.clone(), options.header), (Some(';'.into()), Some(true)));
}

#[test]
fn what_should_be_predicted_is_asked_before_a_file_is_taken() {
    let folder = TempDir::new().expect("the system has a temporary folder");
    let file = folder.path().join("passengers.csv");
    let row = |i: usize| {
        let age = if i.is_multiple_of(5) { String::new() } else { (20 + i * 7 % 40).to_string() };
        let survived = if i == 8 { "" } else { ["0", "1"][i / 3 % 2] };
        format!("{i},{survived},{},{age},{}\n", i % 3 + 1, ["S", "C", "Q"][i % 3])
    };
    let text: String = (1..=90).map(row).collect();
    std::fs::write(&file, format!("PassengerId,Survived,Pclass,Age,Embarked\n{text}")).expect("can be written");
    let mut window = Window::open();
    window.app_mut().model.open_any(file.clone());
    window.until_shown("Guessed, because its name says so");
    assert!(window.shows("2 classes: 0, 1"));
    let targets = |window: &Window| {
        let document = window.app().model.document();
        document.data.preparation.as_ref().expect("is the document's own").choices()
    };
    let take = |window: &mut Window| {
        window.click("Use these data");
        window.until("it is taken", |app| app.model.dataset().is_some_and(|d| d.name == "passengers.csv"));
        window.ready();
    };
    take(&mut window);
    assert_eq!(targets(&window), [("Survived".to_owned(), Treatment::OneHot)]);
    let data = window.app().model.dataset().cloned().expect("is there");
    assert_eq!(
        (data.rows(), data.left_out.no_target),
        (89, 1),
        "gaps are imputed, and only the row without a target is left out"
    );
    assert!(window.shows("Left out: 1 row without a target"));

    // The file is looked at again: another column, then two of different kinds, each with its output.
    window.app_mut().model.open_any(file);
    window.until_shown("Enter takes them; the open document has not changed yet");
    window.click("Columns to predict");
    window.click("Predict Age");
    window.click("Columns to predict");
    window.click("Predict Embarked too");
    window.harness.key_press(Key::Escape);
    window.ready();
    take(&mut window);
    let both = [("Age".to_owned(), Treatment::Standardise), ("Embarked".to_owned(), Treatment::OneHot)];
    assert_eq!(targets(&window), both);
    assert_eq!(window.app().model.document().network.outputs().count(), 2);
    assert!(window.app().model.inference().fits());

    // It can be changed beside the table as well: a class may be a number too.
    window.click("Columns to predict");
    window.click("Predict Survived");
    window.ready();
    assert_eq!(targets(&window), [("Survived".to_owned(), Treatment::OneHot)]);
    window.choose("Survived is predicted as", "a number");
    window.ready();
    assert_eq!(targets(&window), [("Survived".to_owned(), Treatment::Standardise)]);
}

/// What is chosen last is what is taken, whatever a file that was chosen before still has to come.
#[test]
fn a_later_choice_puts_a_chosen_file_away() {
    let folder = TempDir::new().expect("the system has a temporary folder");
    let file = folder.path().join("later.csv");
    let rows: String = (0..5000).map(|i| format!("{},{}\n", i % 7, ["a", "b"][i % 2])).collect();
    std::fs::write(&file, format!("x,class\n{rows}")).expect("can be written");
    for taken in [false, true] {
        let mut window = Window::open();
        window.click("Data");
        window.app_mut().model.open_any(file.clone());
        if taken {
            window.until_shown("Use these data");
            window.click("Use these data");
        }
        window.click("Iris");
        window.ready();
        window.harness.run_steps(20);
        assert!(window.app().model.loading().preview().is_none(), "taken: {taken}");
        assert_eq!(window.app().model.dataset().map(|d| d.name.clone()).as_deref(), Some("Iris"), "taken: {taken}");
    }
}

#[test]
fn columns_of_pixels_are_offered_as_pictures() {
    let folder = TempDir::new().expect("the system has a temporary folder");
    let file = folder.path().join("faces.csv");
    let names: Vec<String> = (0..64).map(|k| format!("pixel{k}")).collect();
    let row = |r: usize| (0..64).map(|k| ((r * 31 + k * 7) % 256).to_string()).collect::<Vec<_>>().join(",");
    let rows: String = (0..40).map(|r| format!("{},{}\n", row(r), ["a", "b"][r % 2])).collect();
    std::fs::write(&file, format!("{},label\n{rows}", names.join(","))).expect("can be written");
    let mut window = Window::open();
    window.app_mut().model.open_any(file);
    let offer = "Take 64 columns from \"pixel0\" on: grey pictures of 8 × 8";
    window.until_shown(offer);
    window.click(offer);
    window.until_shown("Some of the pictures, with their label");
    window.click("Use these data");
    window.until("it is taken", |app| app.model.dataset().is_some_and(|d| d.encoder.picture() == Some((8, 8, 1))));
    window.ready();
    assert!(window.layers().iter().any(|l| l.contains("3×3")), "{:?}", window.layers());
}

#[test]
fn a_network_that_nobody_changed_gives_way_to_one_that_suits_the_data() {
    let mut window = Window::open();
    window.app_mut().model.welcome("circle");
    window.ready();
    window.click("Data");
    let first = window.layers();
    window.click("Glyphs");
    window.ready();
    assert!(window.shows("A convolutional network that suits these data"));
    assert!(window.layers().iter().any(|l| l.contains("3×3")), "{:?}", window.layers());
    let rate = |window: &Window| window.app().model.document().training.learning_rate;
    let other_rate = rate(&window);
    window.press(Modifiers::COMMAND, Key::Z);
    window.ready();
    assert_eq!(window.layers(), first);
    assert!(rate(&window) > other_rate, "the way of training is undone too");

    // One that was changed is kept, and its ends are fitted.
    window.press(Modifiers::COMMAND, Key::N);
    window.ready();
    window.app_mut().model.edit("Another unit", None, |d| {
        if let LayerKind::Dense(hidden) = &mut d.network.layers[1].kind {
            hidden.units = 7;
        }
    });
    window.ready();
    window.click("Iris");
    window.ready();
    assert!(window.shows("The network was fitted to the data. Use cross-entropy. Set Prediction to 3 units."));
    assert_eq!(window.layers()[1], "dense 7 · tanh");
    window.click("Build");
    window.click("New network for these data");
    window.ready();
    assert_eq!(window.layers()[1], "dense 64 · ReLU");
}

#[test]
fn a_folder_of_pictures_is_looked_at_and_taken() {
    let mut window = Window::open();
    window.app_mut().model.open_any(Path::new("tests/fixtures/formats/pictures").to_owned());
    window.until_shown("Some of the pictures, with their class");
    let images = |window: &Window| window.harness.query_all_by_role(Role::Image).count();
    assert!(images(&window) > 1);
    window.press(Modifiers::NONE, Key::Enter);
    window.until("it is taken", |app| app.model.dataset().is_some_and(|d| d.name == "pictures"));
    window.ready();
}

#[test]
fn pictures_are_shown_as_training_changes_them() {
    let mut window = Window::preset("glyphs");
    window.click("Data");
    window.click("Images");
    assert!(!window.shows("Again"));
    window.click("As training sees them");
    window.click("Again");
    assert!(window.harness.query_all_by_role(Role::Image).count() > 20);
    // Without the step there is nothing to show.
    window.click("Use step 2, Augment");
    window.ready();
    assert!(!window.shows("As training sees them"));
}

#[test]
fn columns_of_a_matrix_are_chosen() {
    let mut window = Window::preset("wine");
    window.click("Data");
    window.click("Matrix");
    window.click("Columns: 6 of 13");
    window.harness.get_by_role_and_label(Role::CheckBox, "flavanoids").click();
    window.harness.run_steps(2);
    window.harness.get_by_role_and_label(Role::CheckBox, "ash").click();
    window.harness.run_steps(2);
    window.harness.get_by_role_and_label(Role::CheckBox, "alcohol").click();
    window.harness.run_steps(2);
    assert!(window.shows("Columns: 5 of 13"));
}

#[test]
fn rows_are_searched_filtered_and_sorted() {
    let mut window = Window::preset("iris");
    window.click("Data");
    window.click("sepal length (cm)");
    window.harness.run_steps(3);
    assert!(window.shows("150 of 150 rows") && window.shows("4.3"), "the smallest stands first");
    window.click("Show all");
    window.harness.run_steps(3);
    window.click("Filter");
    window.harness.run_steps(2);
    window.choose("Filtered column", "species");
    window.focus_and_type("Value of the filter", "virginica");
    window.click("Add filter");
    window.harness.run_steps(3);
    assert!(window.shows("50 of 150 rows") && !window.shows("setosa: 50 of 150"));
    window.click("Remove filter species = virginica");
    window.harness.run_steps(3);
    assert!(!window.shows("50 of 150 rows"));
}

#[test]
fn the_preparation_is_a_list_that_the_network_follows() {
    let mut window = Window::preset("iris");
    window.click("Data");
    let features = |window: &Window| window.app().model.dataset().map(|d| d.features());
    assert_eq!(features(&window), Some(4));
    window.click("Add step");
    window.harness.run_steps(2);
    window.click("Products");
    window.ready();
    assert_eq!(features(&window), Some(4 + 6));
    window.click("Use step 3, Products");
    window.ready();
    assert_eq!(features(&window), Some(4));
    window.click("Use step 3, Products");
    window.click("Move up step 3, Products");
    window.ready();
    let kinds: Vec<&str> = window
        .app()
        .model
        .document()
        .data
        .preparation
        .as_ref()
        .expect("is set")
        .steps
        .iter()
        .map(|s| s.kind.label())
        .collect();
    assert_eq!(kinds, ["Impute missing values", "Products", "Scale and encode"]);
    window.click("Remove step 2, Products");
    window.ready();
    assert_eq!(features(&window), Some(4));
    window.press(Modifiers::COMMAND, Key::Z);
    window.ready();
    assert_eq!(features(&window), Some(10), "undo brings the step back");
}

#[test]
fn own_data_are_drawn_saved_and_trained_on() {
    let mut window = Window::open();
    window.click("Data");
    window.click("Draw your own");
    window.harness.run_steps(3);
    assert!(window.shows("Only 0 rows"), "an empty drawing says what it lacks");
    let canvas = window.harness.get_by_role_and_label(Role::Canvas, "Drawing").rect();
    for (class, left) in [("Paint class A", 0.3), ("Paint class B", 0.7)] {
        window.click(class);
        let at = |down: f32| canvas.left_top() + egui::vec2(canvas.width() * left, canvas.height() * down);
        window.drag(at(0.2), at(0.6));
        let DataSource::Drawing(drawing) = &window.app().model.document().data.source else { panic!("a drawing") };
        assert!(drawing.points.iter().any(|p| p.2 == u8::from(left >= 0.5)), "{class}: {:?}", drawing.points);
    }
    window.until("there are points", |app| app.model.dataset().is_some_and(|d| d.rows() > 20));
    window.ready();
    let DataSource::Drawing(drawing) = window.app().model.document().data.source.clone() else { panic!("a drawing") };
    assert!(drawing.points.iter().all(|p| (p.0 < 0.0) == (p.2 == 0)), "{:?}", drawing.points);
    let before = drawing.points.len();
    window.click("Erase");
    let middle = canvas.left_top() + egui::vec2(canvas.width() * 0.7, canvas.height() * 0.4);
    window.drag(middle, middle + egui::vec2(2.0, 0.0));
    window.until(
        "some are gone",
        move |app| matches!(&app.model.document().data.source, DataSource::Drawing(d) if d.points.len() < before),
    );
}

#[test]
fn a_file_that_was_moved_is_found_again_by_its_contents() {
    let folder = TempDir::new().expect("the system has a temporary folder");
    let path = |name: &str| folder.path().join(name);
    let rows = |shift: usize| (0..40).map(|i| format!("{i},{}\n", 3 * i + shift)).collect::<String>();
    std::fs::write(path("line.csv"), format!("x,y\n{}", rows(0))).expect("can be written");
    let mut window = Window::open();
    window.app_mut().model.open_any(path("line.csv"));
    window.until_shown("First rows");
    window.click("Use these data");
    window.until("it is taken", |app| app.model.dataset().is_some_and(|d| d.name == "line.csv"));
    window.answer(Answer::Chosen(path("work.json")));
    window.press(Modifiers::COMMAND, Key::S);
    window.until("it is saved", |app| app.model.project().path.is_some() && !app.model.project().is_dirty());

    std::fs::rename(path("line.csv"), path("moved.csv")).expect("can be moved");
    std::fs::write(path("other.csv"), format!("x,y\n{}", rows(1))).expect("can be written");
    let mut window = Window::open();
    window.app_mut().model.open_any(path("work.json"));
    window.click("Data");
    window.until_shown("Find the file…");
    assert!(window.shows("There is no file"));
    window.answer(Answer::Chosen(path("other.csv")));
    window.click("Find the file…");
    window.until_shown("has other contents than when the preset was saved");
    assert!(window.app().model.dataset().is_none());
    window.answer(Answer::Chosen(path("moved.csv")));
    window.click("Find the file…");
    window.until("it is found", |app| app.model.dataset().is_some_and(|d| d.name == "moved.csv"));
    // A file with other contents is told, and can be taken as it is.
    std::fs::write(path("line.csv"), format!("x,y\n{}", rows(2))).expect("can be written");
    let mut window = Window::open();
    window.app_mut().model.open_any(path("work.json"));
    window.click("Data");
    window.until_shown("Take it as it is");
    window.click("Take it as it is");
    window.until("it is taken", |app| app.model.dataset().is_some_and(|d| d.name == "line.csv"));
}

#[test]
fn a_column_of_text_becomes_tokens_whose_settings_are_beside_the_table() {
    let mut window = Window::preset("messages");
    window.click("Data");
    window.ready();
    window.harness.run();
    for label in ["Token unit of message", "Vocabulary of message", "Least count of message", "Pad at, message"] {
        assert!(window.shows(label), "{label}");
    }
    window.click("Token unit of message");
    window.click("byte pairs");
    window.ready();
    let told = window.app().model.dataset().expect("is open").told.to_vec();
    assert!(told[0].contains("byte pairs in the vocabulary"), "{told:?}");
    assert!(window.shows(&told[0]));
}
