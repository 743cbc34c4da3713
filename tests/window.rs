//! The window without a display: what a person clicks and reads, found by the names that screen readers use.
#![cfg(feature = "gui")]

use chainrule::app::{Answer, Chainrule, Dialogs, Question, Workspace};
use chainrule::data::DataSource;
use chainrule::learn::Block;
use chainrule::nn::{Activation, LayerKind};
use chainrule::project::{Preset, builtin};
use chainrule::train::{Phase, Snapshot, Status};
use egui::accesskit::Role;
use egui::{Key, Modifiers, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

/// Dialogs that answer from a list.
#[derive(Clone, Default)]
struct Scripted(Arc<Mutex<VecDeque<Answer>>>);

impl Dialogs for Scripted {
    fn ask(&mut self, _: &Question, wake: Box<dyn Fn() + Send>) -> Receiver<Answer> {
        let (sender, receiver) = channel();
        let answer = self.0.lock().expect("not poisoned").pop_front();
        sender.send(answer.expect("the test expects this dialog")).expect("the receiver is here");
        wake();
        receiver
    }
}

#[derive(Debug)]
struct Dropped(PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|e| e.to_string())
    }
}

struct Window {
    harness: Harness<'static, Option<Chainrule>>,
    dialogs: Scripted,
    woken: Receiver<()>,
}

impl Window {
    /// The window as it first opens.
    fn open() -> Self {
        let dialogs = Scripted::default();
        let (wake, woken) = channel();
        let seam = dialogs.clone();
        // Fonts take effect in the frame after the one that sets them, so the first one draws nothing.
        let draw = move |ui: &mut egui::Ui, app: &mut Option<Chainrule>| match app {
            Some(app) => app.show(ui),
            None => {
                let wake = Mutex::new(wake.clone());
                let wake = move || {
                    // The test may have ended.
                    wake.lock().expect("not poisoned").send(()).ok();
                };
                *app = Some(Chainrule::new(ui.ctx(), Box::new(seam.clone()), wake));
            }
        };
        let harness = Harness::builder()
            .with_size(vec2(1280.0, 800.0))
            .with_step_dt(1.0 / 60.0)
            .with_max_steps(60)
            .build_ui_state(draw, None);
        let mut window = Self { harness, dialogs, woken };
        window.until("a network is ready", |app| app.model.trainable());
        window
    }

    /// The window with a built-in preset.
    fn preset(name: &str) -> Self {
        let mut window = Self::open();
        let preset = builtin(name).expect("is built in").preset().expect("can be read");
        window.app_mut().model.show(preset, None);
        window.ready();
        window
    }

    fn app(&self) -> &Chainrule {
        self.harness.state().as_ref().expect("was made in the first frame")
    }

    fn app_mut(&mut self) -> &mut Chainrule {
        self.harness.state_mut().as_mut().expect("was made in the first frame")
    }

    fn snapshot(&self) -> &Snapshot {
        &self.app().model.snapshot
    }

    /// Draws frames, one after each sign of life from the other threads, until `wanted` holds.
    fn until(&mut self, what: &str, wanted: impl Fn(&Chainrule) -> bool) {
        loop {
            self.harness.run_steps(2);
            if self.harness.state().as_ref().is_some_and(&wanted) {
                // What came in at the end of a frame is drawn in the next.
                self.harness.run_steps(1);
                return;
            }
            let waited = self.woken.recv_timeout(Duration::from_secs(30));
            assert!(waited.is_ok(), "in vain for: {what}; status {:?}", self.snapshot().status);
        }
    }

    /// Draws frames until a text is there; for what runs on a thread that asks for frames by itself.
    fn until_shown(&mut self, text: &str) {
        let since = std::time::Instant::now();
        while !self.shows(text) {
            assert!(since.elapsed() < Duration::from_mins(1), "in vain for: {text}");
            self.harness.run_steps(1);
            std::thread::yield_now();
        }
    }

    /// Until the trainer has the network that is on screen.
    fn ready(&mut self) {
        self.until("a network is ready", |app| {
            app.model.trainable() && app.model.is_current() && !app.model.is_waiting()
        });
    }

    /// Clicks the button of that name, or the only thing of that name that is none.
    fn click(&mut self, label: &str) {
        match self.harness.query_by_role_and_label(Role::Button, label) {
            Some(button) => button.click(),
            None => self.harness.get_by_label(label).click(),
        }
        self.harness.run_steps(2);
    }

    fn press(&mut self, modifiers: Modifiers, key: Key) {
        self.harness.key_press_modifiers(modifiers, key);
        self.harness.run_steps(2);
    }

    fn choose(&mut self, list: &str, entry: &str) {
        self.harness.get_by_role_and_label(Role::ComboBox, list).click();
        self.harness.run_steps(2);
        self.click(entry);
    }

    /// Types a number into a field.
    fn enter(&mut self, field: &str, value: f64) {
        self.harness.get_by_role_and_label(Role::SpinButton, field).set_value_accesskit(value);
        self.harness.run_steps(2);
    }

    /// Types into a field of text.
    fn focus_and_type(&mut self, field: &str, text: &str) {
        self.harness.get_by_role_and_label(Role::TextInput, field).focus();
        self.harness.run_steps(2);
        self.harness.get_by_role_and_label(Role::TextInput, field).type_text(text);
        self.harness.run_steps(2);
    }

    /// Presses the button, moves in ten steps, and lets it go.
    fn drag(&mut self, from: egui::Pos2, to: egui::Pos2) {
        self.harness.hover_at(from);
        self.harness.run_steps(1);
        self.harness.drag_at(from);
        for k in 1..=10 {
            self.harness.run_steps(1);
            self.harness.hover_at(from + (to - from) * (k as f32 / 10.0));
        }
        self.harness.run_steps(1);
        self.harness.drop_at(to);
        self.harness.run_steps(2);
    }

    fn answer(&mut self, answer: Answer) {
        self.dialogs.0.lock().expect("not poisoned").push_back(answer);
    }

    /// Whether a text is on screen.
    fn shows(&self, text: &str) -> bool {
        self.harness.query_all_by_label_contains(text).next().is_some()
    }

    fn layers(&self) -> Vec<String> {
        let network = &self.app().model.document().network;
        let order = network.topological_order().0;
        order.iter().filter_map(|id| network.layer(*id)).map(|l| l.kind.definition().caption()).collect()
    }
}

#[test]
fn a_network_is_built_by_clicks_and_every_step_can_be_undone() {
    let mut window = Window::open();
    let start = window.layers();
    window.click("Add dense");
    assert_eq!(window.layers().len(), start.len() + 1);
    window.enter("Units", 9.0);
    window.choose("Activation", "ReLU");
    window.ready();
    assert_eq!(window.layers()[2], "dense 9 · ReLU", "{:?}", window.layers());
    assert!(window.shows("dense 9 · ReLU"), "the card says so");
    window.click("Add dropout");
    window.ready();
    assert_eq!(window.layers()[3], "dropout 20 %");
    let built = window.app().model.document().clone();

    // The selected layer goes by a key, the chain heals, and everything comes back.
    window.press(Modifiers::NONE, Key::Delete);
    window.ready();
    assert_eq!(window.layers().len(), start.len() + 1);
    for _ in 0..2 {
        window.click("Undo");
    }
    for _ in 0..2 {
        window.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    }
    window.click("Undo");
    window.ready();
    assert_eq!(*window.app().model.document(), built);
    while window.app().model.project.undo_label().is_some() {
        window.press(Modifiers::COMMAND, Key::Z);
    }
    window.ready();
    assert_eq!(window.layers(), start);

    // A click on a card selects it, and the inspector shows it.
    window.harness.get_by_role_and_label(Role::Button, &format!("Hidden 1: {}", start[1])).click();
    window.harness.run();
    assert!(window.harness.query_by_role_and_label(Role::SpinButton, "Units").is_some());
}

#[test]
fn layers_are_moved_duplicated_and_inserted_by_menus() {
    let mut window = Window::preset("circle");
    let start = window.layers();
    window.harness.get_by_role_and_label(Role::Button, &format!("Hidden 1: {}", start[1])).click_secondary();
    window.harness.run_steps(2);
    window.click("Move later");
    window.ready();
    assert_eq!(window.layers()[1..3], [start[2].clone(), start[1].clone()]);
    window.press(Modifiers::COMMAND, Key::D);
    window.ready();
    assert_eq!(window.layers()[2..4], [start[1].clone(), start[1].clone()], "the copy stands behind its original");
    window.press(Modifiers::COMMAND, Key::A);
    assert_eq!(window.app().model.selection.len(), start.len() + 1);
}

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
    assert!(window.app().model.dataset.as_ref().is_some_and(|d| d.name != "fruit.csv"), "the old data are still there");
    window.click("Use these data");
    window.until("the table is open", |app| app.model.dataset.as_ref().is_some_and(|d| d.name == "fruit.csv"));
    window.ready();
    window.harness.run();
    for text in
        ["90 rows, 3 columns", "weight", "length", "fruit", "A dense network that suits these data", "plum: 30 rows"]
    {
        assert!(window.shows(text), "{text}");
    }
    let data = window.app().model.dataset.clone().expect("is open");
    assert_eq!((data.rows(), data.features()), (90, 2));
    assert_eq!(window.layers().iter().rev().nth(1).map(String::as_str), Some("dense 3 · identity"));

    // A role is changed in the column's head, and undone.
    window.choose("Role of length", "ignore");
    window.ready();
    assert_eq!(window.app().model.dataset.as_ref().map(|d| d.features()), Some(1));
    window.press(Modifiers::COMMAND, Key::Z);
    window.ready();
    assert_eq!(window.app().model.dataset.as_ref().map(|d| d.features()), Some(2));

    // Nothing is lost when the dialog is cancelled, cannot be shown, or the file is bad.
    let before = window.app().model.document().clone();
    window.answer(Answer::Cancelled);
    window.click("Open data…");
    window.harness.run_steps(3);
    assert_eq!(*window.app().model.document(), before);
    std::fs::write(folder.path().join("bad.csv"), "a,b\n1,2\n3\n").expect("can be written");
    for (answer, says) in [
        (Answer::Unavailable, "No file dialog could be opened"),
        (Answer::Chosen(folder.path().join("none.csv")), "There is no file"),
    ] {
        window.answer(answer);
        window.click("Open data…");
        window.until(says, |app| app.model.notice.as_ref().is_some_and(|n| n.text.contains(says)));
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
fn a_file_is_dropped_onto_the_window() {
    let folder = TempDir::new().expect("the system has a temporary folder");
    let file = folder.path().join("line.tsv");
    let rows: String = (0..40).map(|i| format!("{i}\t{}\n", 3 * i)).collect();
    std::fs::write(&file, format!("x\ty\n{rows}")).expect("can be written");
    let mut window = Window::open();
    window.harness.input_mut().dropped_files.push(Arc::new(Dropped(file)));
    window.until_shown("columns separated by tabs, with a header, UTF-8");
    window.press(Modifiers::NONE, Key::Enter);
    window.until("the table is open", |app| app.model.dataset.as_ref().is_some_and(|d| d.name == "line.tsv"));
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
    window.until("the table is open", |app| app.model.dataset.as_ref().is_some_and(|d| d.name == "late.csv"));
    window.ready();
    let said = window.app().model.notice.clone().expect("something is told").text;
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
    window.until("it is taken", |app| app.model.dataset.as_ref().is_some_and(|d| d.name == "odd.txt"));
    let data = window.app().model.table.clone().expect("is open");
    assert_eq!((data.loaded.table.rows(), data.loaded.table.columns[2].name.as_str()), (59, "a"));
    // The choices are the document's, so that the file is read the same way again.
    let DataSource::File { options, .. } = &window.app().model.document().data.source else { panic!("a file") };
    assert_eq!((options.delimiter, options.header), (Some(';'), Some(true)));
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
    assert_eq!(window.layers()[1], "dense 6 · tanh");
}

#[test]
fn a_folder_of_pictures_is_looked_at_and_taken() {
    let mut window = Window::open();
    window.app_mut().model.open_any(Path::new("tests/fixtures/formats/pictures").to_owned());
    window.until_shown("Some of the pictures, with their class");
    let images = |window: &Window| window.harness.query_all_by_role(Role::Image).count();
    assert!(images(&window) > 1);
    window.press(Modifiers::NONE, Key::Enter);
    window.until("it is taken", |app| app.model.dataset.as_ref().is_some_and(|d| d.name == "pictures"));
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
    let features = |window: &Window| window.app().model.dataset.as_ref().map(|d| d.features());
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
    assert_eq!(kinds, ["Fill gaps", "Products", "Scale and encode"]);
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
    window.until("there are points", |app| app.model.dataset.as_ref().is_some_and(|d| d.rows() > 20));
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
    window.until("it is taken", |app| app.model.dataset.as_ref().is_some_and(|d| d.name == "line.csv"));
    window.answer(Answer::Chosen(path("work.json")));
    window.press(Modifiers::COMMAND, Key::S);
    window.until("it is saved", |app| app.model.project.path.is_some() && !app.model.project.is_dirty());

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
    assert!(window.app().model.dataset.is_none());
    window.answer(Answer::Chosen(path("moved.csv")));
    window.click("Find the file…");
    window.until("it is found", |app| app.model.dataset.as_ref().is_some_and(|d| d.name == "moved.csv"));
    // A file with other contents is told, and can be taken as it is.
    std::fs::write(path("line.csv"), format!("x,y\n{}", rows(2))).expect("can be written");
    let mut window = Window::open();
    window.app_mut().model.open_any(path("work.json"));
    window.click("Data");
    window.until_shown("Take it as it is");
    window.click("Take it as it is");
    window.until("it is taken", |app| app.model.dataset.as_ref().is_some_and(|d| d.name == "line.csv"));
}

#[test]
fn training_is_played_paused_stepped_and_rewound() {
    let mut window = Window::preset("spiral");
    let start = window.snapshot().params.clone();
    window.click("Play");
    window.until("an epoch is done", |app| app.model.snapshot.epoch >= 1);
    window.click("Rewind");
    window.until("training is rewound", |app| app.model.snapshot.epoch == 0);
    window.app_mut().model.edit("test", None, |d| d.training.epochs = None);
    window.click("Play");
    window.until("training runs", |app| app.model.snapshot.is_running() && app.model.snapshot.epoch >= 2);
    window.click("Pause");
    window.until("training is paused", |app| app.model.snapshot.status == Status::Paused);
    let paused = window.snapshot().step;
    window.harness.run_steps(3);
    assert_eq!(window.snapshot().step, paused);

    window.press(Modifiers::NONE, Key::Home);
    window.until("training is rewound", |app| app.model.snapshot.step == 0);
    assert_eq!(window.snapshot().params, start, "the same initial parameters");

    window.click("phase");
    for (next, says) in [
        (Some(Phase::Error), "Next: error"),
        (Some(Phase::Backward), "Next: backward pass"),
        (Some(Phase::Update), "Next: update"),
        (None, "Paused"),
    ] {
        window.click("Step");
        window.until(says, move |app| app.model.snapshot.phase == next);
        assert!(window.shows(says), "{says}");
    }
    assert_eq!(window.snapshot().step, 1);
    window.click("epoch");
    window.press(Modifiers::NONE, Key::Period);
    window.until("the epoch is done", |app| app.model.snapshot.epoch == 1);
    window.click("New seed");
    window.until("training begins anew", |app| app.model.snapshot.epoch == 0);
    assert_ne!(window.snapshot().params, start, "other initial parameters");
}

#[test]
fn a_preset_is_saved_with_its_run_and_opened_again() {
    let folder = TempDir::new().expect("the system has a temporary folder");
    let file = folder.path().join("mine.json");
    let mut window = Window::preset("moons");
    window.click("epoch");
    for epoch in 1..=3 {
        window.click("Step");
        window.until("the epoch is done", move |app| app.model.snapshot.epoch == epoch);
    }
    window.app_mut().model.edit("test", None, |d| d.name = "Mine".to_owned());
    window.harness.run_steps(2);
    assert!(window.shows("Unsaved changes"));
    window.app_mut().model.include_run = true;
    window.answer(Answer::Chosen(file.clone()));
    window.press(Modifiers::COMMAND, Key::S);
    window.until("the file is written", |app| app.model.notice.iter().any(|n| n.text.contains("Saved to")));
    assert!(!window.shows("Unsaved changes"));
    let (params, history) = (window.snapshot().params.clone(), window.snapshot().history.clone());

    window.press(Modifiers::COMMAND, Key::N);
    window.until("a new document is there", |app| app.model.document().name == "Untitled");
    window.ready();
    window.answer(Answer::Chosen(file.clone()));
    window.press(Modifiers::COMMAND, Key::O);
    window.until("the preset is open", |app| app.model.document().name == "Mine");
    window.ready();
    assert_eq!((window.snapshot().epoch, &window.snapshot().params), (3, &params));
    assert_eq!(window.snapshot().history, history, "the plots are as they were");
    window.click("Train");
    window.harness.run();
    assert!(window.shows("Gradient norm per layer"));
    assert_eq!(window.app().model.recent, std::slice::from_ref(&file));

    // A file that cannot be read, and one that cannot be written, change nothing.
    let before = window.app().model.document().clone();
    let broken = folder.path().join("broken.json");
    std::fs::write(&broken, &std::fs::read_to_string(&file).expect("was written")[..200]).expect("can be written");
    window.answer(Answer::Chosen(broken));
    window.press(Modifiers::COMMAND, Key::O);
    window.until("a message", |app| app.model.notice.iter().any(|n| n.problem));
    assert!(window.shows("broken.json is not a preset"));
    window.answer(Answer::Chosen(folder.path().join("nowhere").join("x.json")));
    window.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::S);
    window.until("a message", |app| app.model.notice.iter().any(|n| n.text.contains("cannot be saved")));
    assert_eq!(*window.app().model.document(), before);
    assert_eq!(Preset::open(&file).expect("is as it was").document, before);
}

#[test]
fn a_preset_asks_before_it_reads_outside_of_its_folder() {
    let folder = TempDir::new().expect("the system has a temporary folder");
    let inner = folder.path().join("presets");
    std::fs::create_dir(&inner).expect("can be made");
    let rows: String = (0..40).map(|i| format!("{i},{}\n", 2 * i)).collect();
    std::fs::write(folder.path().join("secret.csv"), format!("x,y\n{rows}")).expect("can be written");
    let mut preset = builtin("sine").expect("is built in").preset().expect("can be read");
    preset.document.name = "Curious".to_owned();
    preset.document.data.source = DataSource::file("../secret.csv");
    preset.document.data.preparation = None;
    let file = inner.join("curious.json");
    std::fs::write(&file, preset.to_text(None)).expect("can be written");

    let mut window = Window::open();
    let before = window.app().model.document().clone();
    for choice in ["Cancel", "Read it"] {
        window.answer(Answer::Chosen(file.clone()));
        window.press(Modifiers::COMMAND, Key::O);
        window.until("the question", |app| app.model.modal.is_some());
        assert!(window.shows("wants to read") && window.shows("secret.csv"));
        assert_eq!(*window.app().model.document(), before);
        window.click(choice);
    }
    window.until("the data are there", |app| app.model.dataset.as_ref().is_some_and(|d| d.name == "secret.csv"));
    assert_eq!(window.app().model.document().name, "Curious");
}

#[test]
fn unsaved_work_is_not_thrown_away_without_asking() {
    let mut window = Window::preset("xor");
    window.click("Add dense");
    let mine = window.app().model.document().clone();
    window.press(Modifiers::COMMAND, Key::N);
    assert!(window.shows("Save your changes first?"));
    window.click("Cancel");
    assert_eq!(*window.app().model.document(), mine);
    window.press(Modifiers::COMMAND, Key::N);
    window.answer(Answer::Cancelled);
    window.click("Save");
    window.harness.run_steps(3);
    assert_eq!(*window.app().model.document(), mine, "a cancelled dialog keeps the document");
    window.press(Modifiers::COMMAND, Key::N);
    window.click("Discard changes");
    window.until("a new document is there", |app| app.model.document().name == "Untitled");
}

#[test]
fn what_does_not_fit_is_told_on_the_card_and_mended_by_one_click() {
    let mut window = Window::preset("iris");
    window.click("Prediction: dense 3 · identity");
    window.enter("Units", 2.0);
    window.until("the problem is found", |app| !app.model.inference.fits());
    window.harness.run();
    assert!(window.shows("the target has 3 classes, but 2 values arrive here"));
    assert!(window.shows("The network has a problem"));
    window.click("Set Prediction to 3 units");
    window.ready();
    assert!(window.app().model.inference.fits());
    assert!(window.shows("Everything fits together"));

    // Units that no memory holds are refused with the memory they would need.
    window.app_mut().model.edit("test", None, |d| {
        if let LayerKind::Dense(dense) = &mut d.network.layers[1].kind {
            dense.units = 1_000_000_000;
        }
    });
    window.until("the problem is found", |app| !app.model.inference.fits());
    assert!(window.shows("would need"));
}

#[test]
fn a_loss_that_explodes_is_told_and_rewinding_starts_again() {
    let mut window = Window::preset("sine");
    window.app_mut().model.edit("test", None, |d| {
        d.training.learning_rate = 1e6;
        d.training.optimizer = chainrule::nn::Optimizer::Sgd {};
        for layer in &mut d.network.layers {
            if let LayerKind::Dense(dense) = &mut layer.kind {
                dense.activation = Activation::Identity;
            }
        }
    });
    window.ready();
    window.click("Play");
    window.until("training stops", |app| matches!(app.model.snapshot.status, Status::Diverged(_)));
    assert!(window.shows("exploded first"));
    // The diagnosis says why, and its mend changes the document.
    window.click("Explain");
    window.until_shown("diagnosis (");
    window.harness.get_by_label_contains("diagnosis (").click();
    window.harness.run_steps(2);
    assert!(window.shows("The loss exploded"));
    window.click("Set the learning rate to 10");
    // The field of the inspector ends at 100.
    assert!((window.app().model.document().training.learning_rate - 10.0).abs() < 1e-3);
    window.until_shown("Rewind to train anew");
    window.click("Close message");
    window.click("Rewind to start again");
    window.until("training is rewound", |app| app.model.snapshot.status == Status::Paused);
    assert!(!window.shows("exploded first"));
}

#[test]
fn every_workspace_has_names_for_all_it_shows_and_rests_when_nothing_changes() {
    for preset in ["circle", "sine", "digits", "lenet", "residual", "diabetes", "vanishing-gradients"] {
        let mut window = Window::preset(preset);
        window.click("epoch");
        window.click("Step");
        window.until("the epoch is done", |app| app.model.snapshot.epoch == 1);
        for workspace in [Workspace::Data, Workspace::Build, Workspace::Train, Workspace::Explain, Workspace::Learn] {
            window.app_mut().workspace = workspace;
            window.harness.run_steps(2);
            if workspace == Workspace::Explain {
                window.until_shown("over 1 row");
            }
            window.harness.run();
            assert_eq!(window.harness.unnamed_widgets(), Vec::<String>::new(), "{preset}, {workspace:?}");
            // Animations have ended; from here on nothing asks for another frame.
            window.harness.run_steps(60);
            let viewport = &window.harness.output().viewport_output[&egui::ViewportId::ROOT];
            assert_eq!(viewport.repaint_delay, Duration::MAX, "{preset}, {workspace:?} asks for frames while idle");
        }
    }
}

#[test]
fn the_gallery_and_the_shortcuts_open_by_keys() {
    let mut window = Window::open();
    window.press(Modifiers::NONE, Key::F1);
    window.harness.run();
    assert!(window.shows("Keyboard shortcuts") && window.shows("Ctrl+Shift+S"));
    window.press(Modifiers::NONE, Key::Escape);
    window.press(Modifiers::COMMAND, Key::G);
    window.harness.run();
    window.click("Open Iris, three species");
    window.until("the preset is open", |app| app.model.document().name == "Iris, three species");
    window.ready();
    let theme = window.harness.ctx.theme();
    window.click("Light or dark");
    assert_ne!(window.harness.ctx.theme(), theme);
    let root = window.harness.root();
    assert!(root.children_recursive().count() > 40, "the light theme draws as much");
}

#[test]
fn a_convolution_is_built_by_clicks_and_mended_where_shapes_do_not_fit() {
    let mut window = Window::preset("digits");
    // Behind the input, where rows of 64 numbers come from.
    window.click("Input: features");
    window.click("Add conv 2d");
    window.until("the problem is found", |app| !app.model.inference.fits());
    window.harness.run();
    assert!(window.shows("needs an image [channels, height, width]"));
    window.click("Insert a reshape layer to 1×8×8");
    window.until("the next problem is found", |app| app.model.inference.problems.len() == 1);
    window.harness.run();
    window.click("Insert a flatten layer");
    window.ready();
    assert_eq!(window.layers()[1..4], ["1×8×8", "conv 8 @ 3×3 · ReLU", "flatten"]);

    // Settings of the convolution change the shapes behind it.
    window.click("Conv 2D 1: conv 8 @ 3×3 · ReLU");
    window.enter("Filters", 5.0);
    window.enter("Stride, vertical", 2.0);
    window.choose("Padding", "valid");
    window.ready();
    let shapes = &window.app().model.inference.shapes;
    assert!(shapes.values().any(|s| *s == [5, 3, 6]), "{shapes:?}");

    // A choice from a list is a step of undo of its own, also where another setting of the layer follows.
    window.enter("Filters", 6.0);
    window.press(Modifiers::COMMAND, Key::Z);
    window.ready();
    assert_eq!(window.layers()[2], "conv 5 @ 3×3 · ReLU");
    let shapes = &window.app().model.inference.shapes;
    assert!(shapes.values().any(|s| *s == [5, 3, 6]), "the padding is still the chosen one: {shapes:?}");
    window.click("epoch");
    window.click("Step");
    window.until("it trains", |app| app.model.snapshot.epoch == 1);
}

#[test]
fn a_branch_is_joined_and_its_run_is_saved_and_opened() {
    let folder = TempDir::new().expect("the system has a temporary folder");
    let mut window = Window::preset("residual");
    window.click("epoch");
    window.click("Step");
    window.until("the epoch is done", |app| app.model.snapshot.epoch == 1);
    let file = folder.path().join("residual.json");
    window.app_mut().model.include_run = true;
    window.answer(Answer::Chosen(file.clone()));
    window.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::S);
    window.until("the file is written", |app| app.model.notice.iter().any(|n| n.text.contains("Saved to")));
    let (document, params) = (window.app().model.document().clone(), window.snapshot().params.clone());
    let mut other = Window::open();
    other.answer(Answer::Chosen(file));
    other.press(Modifiers::COMMAND, Key::O);
    other.until("the preset is open", |app| app.model.document().name == "residual");
    other.ready();
    assert_eq!((other.app().model.document(), &other.snapshot().params), (&document, &params));

    // Without its second branch a join is told, and removing it mends the network.
    window.app_mut().model.edit("test", None, |d| {
        let join = d.network.layers.iter().find(|l| l.name == "Join").map(|l| l.id).expect("has one");
        let stem = d.network.layers.iter().find(|l| l.name == "Stem").map(|l| l.id).expect("has one");
        d.network.wires.retain(|w| !(w.from == stem && w.to == join));
    });
    window.until("the problem is found", |app| !app.model.inference.fits());
    window.harness.run();
    assert!(window.shows("joins several layers, but only one is wired into it"));
    window.click("Remove Join");
    window.ready();
    assert!(window.app().model.inference.fits());
}

#[test]
fn a_sequence_layer_is_built_by_clicks_and_mends_and_can_be_frozen_without_losing_the_run() {
    let mut window = Window::preset("diabetes");
    let search = window.harness.get_by_role_and_label(Role::SearchInput, "Search layers");
    search.focus();
    search.type_text("lstm");
    window.harness.run_steps(3);
    window.click("Add lstm");
    // Its input is a row: one click makes a sequence of it.
    window.harness.run_steps(3);
    assert!(window.shows("LSTM needs a sequence [steps, features]"), "the card says what is wrong");
    window.click("Insert a reshape layer to 8×1");
    window.ready();
    assert!(window.layers().iter().any(|caption| caption == "LSTM 16 · last step"), "{:?}", window.layers());
    window.enter("Units", 7.0);
    window.ready();
    window.app_mut().model.train(chainrule::train::Command::Step(chainrule::train::Stride::Epoch));
    window.until("an epoch is done", |app| app.model.snapshot.epoch == 1 && !app.model.is_waiting());
    let lstm = *window.app().model.selection.first().expect("the new layer is selected");
    let weights = |window: &Window| window.snapshot().tensor(lstm, "weight").expect("is trained").0.to_vec();
    let before = weights(&window);
    window.harness.get_by_role_and_label(Role::CheckBox, "Frozen").click();
    window.harness.run_steps(2);
    window.ready();
    assert!(window.app().model.document().network.layer(lstm).expect("exists").frozen);
    assert_eq!(window.snapshot().epoch, 1, "the run goes on");
    assert_eq!(weights(&window), before);
    window.app_mut().model.train(chainrule::train::Command::Step(chainrule::train::Stride::Epoch));
    window.until("another epoch is done", |app| app.model.snapshot.epoch == 2 && !app.model.is_waiting());
    assert_eq!(weights(&window), before, "frozen weights stay");
    window.click("Undo");
    window.ready();
    assert_eq!(window.snapshot().epoch, 2);
}

#[test]
fn an_output_is_compared_with_the_features_and_a_second_one_adds_its_loss() {
    let mut window = Window::preset("autoencoder");
    window.click("Train");
    window.harness.run_steps(2);
    assert!(!window.shows("Confusion matrix"), "nothing is classified");
    let mut window = Window::preset("two-outputs");
    window.click("Train");
    window.app_mut().model.train(chainrule::train::Command::Step(chainrule::train::Stride::Epoch));
    window.until("an epoch is done", |app| app.model.snapshot.validations.len() == 2 && !app.model.is_waiting());
    for text in ["Outputs", "Class output", "Picture output", "mean squared error × 0.5"] {
        assert!(window.shows(text), "{text}");
    }
    window.click("Build");
    window.harness.get_by_role_and_label(Role::Button, "Picture output: mean squared error").click();
    window.harness.run_steps(2);
    window.enter("Output weight", 2.0);
    window.choose("Compared with", "the target");
    window.harness.run_steps(3);
    assert!(window.shows("the target has 10 classes, but 64 values arrive here"));
    window.click("Undo");
    window.ready();
}

#[test]
fn experiments_run_behind_the_window_and_their_learning_rate_can_be_taken() {
    let mut window = Window::preset("iris");
    window.click("Train");
    let before = window.app().model.document().training.learning_rate;
    window.click("Find learning rate…");
    window.click("Run");
    window.until_shown("The loss falls fastest at");
    // The window finds its place once it knows its size.
    window.harness.run_steps(3);
    window.harness.get_by_label_contains("Use 0.0").click();
    window.harness.run_steps(2);
    let after = window.app().model.document().training.learning_rate;
    assert!(after != before && (1e-4..1.0).contains(&after), "{after}");
    assert!(!window.shows("Learning-rate range test"), "the window is closed");

    window.click("Cross-validate…");
    window.enter("Folds", 3.0);
    window.enter("Epochs of each", 5.0);
    window.click("Run");
    window.until_shown("Mean and standard deviation over the folds");
    assert!(window.shows("accuracy") && window.shows("43"), "a third of the rows is held back");
    window.click("Close");
    assert!(!window.shows("Cross-validation"));
}

#[test]
fn every_sign_of_names_and_formulas_is_in_the_fonts() {
    let window = Window::open();
    let mut texts: Vec<&str> = Vec::new();
    for kind in chainrule::nn::layers::palette() {
        let info = kind.info();
        texts.extend([info.label, info.summary, info.description, info.formula]);
    }
    texts.extend(Activation::ALL.map(Activation::formula));
    texts.extend(chainrule::nn::Loss::ALL.map(chainrule::nn::Loss::formula));
    texts.extend(chainrule::nn::Optimizer::ALL.map(chainrule::nn::Optimizer::formula));
    let presets: Vec<_> = chainrule::project::builtins().iter().map(|b| b.preset().expect("can be read")).collect();
    texts.extend(presets.iter().flat_map(|p| [p.document.name.as_str(), p.document.description.as_str()]));
    let course = chainrule::learn::lessons();
    for lesson in &course {
        texts.extend([lesson.title.as_str(), lesson.summary.as_str(), lesson.introduction.as_str()]);
        for block in lesson.steps.iter().flat_map(|s| &s.blocks) {
            match block {
                Block::Text(text) => texts.push(text),
                Block::Task(task) => texts.extend(task.hints.iter().chain([&task.text]).map(String::as_str)),
                Block::Quiz(quiz) => {
                    texts.extend(quiz.answers.iter().chain([&quiz.text, &quiz.because]).map(String::as_str));
                }
            }
        }
    }
    window.harness.ctx.fonts_mut(|fonts| {
        for text in texts {
            for sign in text.chars().filter(|c| !c.is_whitespace()) {
                assert!(fonts.has_glyph(&egui::FontId::proportional(14.0), sign), "{sign:?} of {text:?} has no glyph");
            }
        }
    });
}

#[test]
fn a_step_is_explained_stop_by_stop_and_training_then_takes_it() {
    let mut window = Window::preset("circle");
    window.click("Explain");
    window.until_shown("1 Forward pass");
    window.until_shown("over 1 row");
    // Stops come one after the other, forth and back.
    assert!(window.shows("Input, unit"));
    window.press(Modifiers::NONE, Key::ArrowRight);
    assert!(window.shows("Hidden 1, unit") && window.shows("It weighs its 2 inputs"));
    window.press(Modifiers::NONE, Key::ArrowLeft);
    assert!(!window.shows("It weighs its 2 inputs"));
    window.click("Step forward");
    assert!(window.shows("It weighs its 2 inputs"));
    window.click("3 Backward pass");
    assert!(window.shows("Prediction, unit 1") && window.shows("∂L/∂a_1"));
    window.click("4 Update");
    assert!(window.shows("so the optimizer moves it"));

    // A neuron is visited by a click on it, a weight has its chain.
    window.harness.get_by_role_and_label(Role::Button, "Hidden 2, unit 3").click();
    window.harness.run_steps(2);
    assert!(window.shows("Hidden 2, unit 3"));
    window.click("chain of a weight");
    assert!(window.shows("slope of tanh") && window.shows("the product is"));
    window.until_shown("finite difference");
    for tab in ["optimizers", "two weights", "curve"] {
        window.click(tab);
    }

    // Nothing is known before it is said.
    window.click("this stop");
    window.click("2 Error");
    assert!(window.shows("The output is"));
    window.click("Predict first");
    assert!(!window.shows("The output is") && window.shows("Say what comes out"));
    window.click("positive");
    assert!(window.shows("Right") && window.shows("1 of 1") && window.shows("The output is"));
    window.click("Step forward");
    assert!(window.shows("Say what comes out"));
    window.click("Reveal");
    assert!(window.shows("Revealed") && window.shows("1 of 1"));

    // The mini-batch is the step that training takes, and the next one follows.
    window.click("mini-batch");
    window.until_shown("of 10 in the mini-batch");
    let steps = window.snapshot().step;
    window.click("Train this step");
    window.until("the step is taken", |app| app.model.snapshot.step == steps + 1);
    window.until_shown("1 Forward pass");
}

#[test]
fn networks_of_every_kind_are_explained_without_harm() {
    for name in ["lenet", "adding", "sorting", "visits", "residual", "two-outputs"] {
        let mut window = Window::preset(name);
        window.click("Explain");
        window.until_shown("1 Forward pass");
        for depth in ["neurons", "phases", "layers"] {
            window.click(depth);
            window.click("1 Forward pass");
            for _ in 0..40 {
                window.press(Modifiers::NONE, Key::ArrowRight);
            }
        }
        window.click("chain of a weight");
        assert!(window.shows("4 Update"), "{name}");
    }
}

#[test]
fn a_lesson_ticks_off_what_is_done_and_the_class_report_tells() {
    let mut window = Window::preset("xor");
    window.press(Modifiers::COMMAND, Key::Num5);
    window.harness.run_steps(2);
    window.harness.get_by_role_and_label(Role::TextInput, "Name of the student").focus();
    window.harness.run_steps(1);
    window.harness.get_by_role_and_label(Role::TextInput, "Name of the student").type_text("Ada");
    window.harness.run_steps(2);
    window.click("Start lesson");
    window.ready();
    assert_eq!(window.app().model.document().name, "One neuron");
    let task = "Task, to do now: Look at the forward pass of one row in Explain";
    assert!(window.shows(task) && !window.shows("Task, done"));
    window.click("Go to Explain");
    window.until_shown("over 1 row");
    // The strip goes with the student, a hint at a time.
    assert!(window.shows("phases seen: 1") && !window.shows("Hint: "));
    window.click("Hint");
    assert!(window.shows("Hint: Open Explain"));
    window.click("2 Error");
    window.until_shown("Task done: Look at the forward pass");
    window.click("Predict first");
    window.click("neurons");
    window.click("1 Forward pass");
    // Somebody who believes in positive numbers is right now and then.
    for _ in 0..20 {
        if window.shows("Task done: Predict two results rightly") {
            break;
        }
        window.click("positive");
        window.click("Step forward");
    }
    assert!(window.shows("Task done: Predict two results rightly"));
    window.click("Back to lesson");
    // The task at hand is scrolled to.
    window.harness.run();
    assert!(window.shows("Task, to do now: Train until at least 95"));
    // The program solves the last task, and says so in the report.
    window.click("Show me");
    window.until_shown("Task done: Train until at least 95");
    window.until("training pauses by itself", |app| !app.model.snapshot.is_running());
    window.click("Learn");
    window.harness.get_by_label("It turns around the origin").click_accesskit();
    window.harness.run_steps(2);
    assert!(window.shows("Not quite: the weights alone set the direction"));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("report.csv");
    window.answer(Answer::Chosen(path.clone()));
    window.click("Class report…");
    window.until("the report is saved", |app| app.model.notice.iter().any(|n| n.text.contains("report.csv")));
    let report = std::fs::read_to_string(path).expect("it is there");
    assert_eq!(report.lines().nth(1), Some("Ada,One neuron,3,3,0,1,2,1,1"), "{report}");

    // A folder of a teacher's: what can be read is in the list, what cannot is told.
    let own = "---\ntitle: Mine\npreset: circle\norder: 1\n---\nHello $x_1$.\n\n## A step\nText\n";
    std::fs::write(folder.path().join("mine.md"), own).expect("written");
    std::fs::write(folder.path().join("broken.md"), "---\ntitle: Broken\n---\n").expect("written");
    window.answer(Answer::Chosen(folder.path().to_owned()));
    window.click("Open lessons…");
    window.until("the folder is read", |app| app.model.lesson_folder.is_none());
    window.until_shown("Lesson 1: Mine");
    assert!(window.shows("broken.md, line 3: the front matter names no preset"));
    assert!(window.shows("Hello"));
}

#[test]
fn every_control_that_a_lesson_points_at_is_there() {
    let mut window = Window::open();
    for lesson in chainrule::learn::lessons() {
        let document = lesson.document().expect("a test of lessons loads it");
        window.app_mut().model.show(chainrule::project::Preset { document, run: None }, None);
        window.ready();
        for task in lesson.tasks() {
            let (Some(control), Some(name)) = (&task.highlight, &task.workspace) else { continue };
            window.click(name);
            if name == "Explain" {
                window.until_shown("over 1 row");
            }
            let found = window.harness.query_all_by_label(control).count();
            assert!(found > 0, "{}: {control} in {name}", lesson.id);
        }
    }
}

#[test]
fn a_step_is_printed_with_blanks_for_the_class_and_with_its_solutions() {
    let mut window = Window::preset("xor");
    window.click("Explain");
    window.until_shown("over 1 row");
    let folder = tempfile::tempdir().expect("a folder");
    let mut saved = |entry: &str, file: &str| {
        let path = folder.path().join(file);
        window.answer(Answer::Chosen(path.clone()));
        window.click("Worksheet");
        window.click(entry);
        window.until("it is saved", |app| app.model.notice.iter().any(|n| n.text.contains(file)));
        std::fs::read(path).expect("it is there")
    };
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("SVG is text");
    let students = text(saved("Worksheet as SVG…", "students.svg"));
    let solutions = text(saved("Solutions as SVG…", "solutions.svg"));
    for (entry, file) in [("Worksheet as PDF…", "students.pdf"), ("Solutions as PDF…", "solutions.pdf")] {
        let pdf = saved(entry, file);
        assert!(pdf.starts_with(b"%PDF") && pdf.trim_ascii_end().ends_with(b"%%EOF"), "{file}");
    }
    // Every result that the solutions tell is missing from the students' formulas.
    let model = &window.app().model;
    let (spec, data) = (&model.document().network, model.dataset.clone().expect("there are data"));
    let session =
        chainrule::train::Session::new(spec, data.clone(), model.document().training.clone(), 1).expect("it fits");
    let trace = chainrule::explain::Trace::<f32>::record(spec, &data, &session.moment(), &[0]).expect("it is recorded");
    let loss = chainrule::explain::written(trace.loss);
    assert!(solutions.contains(&loss) && !students.contains(&loss), "{loss}");
    for layer in [chainrule::nn::LayerId(2), chainrule::nn::LayerId(3)] {
        let (z, a) = trace.layer_values(layer).expect("it has values");
        for value in z.iter().flat_map(|z| z.iter()).chain(a.iter()) {
            let value = chainrule::explain::written(f64::from(*value));
            assert!(solutions.contains(&value) && !students.contains(&value), "{value}");
        }
    }
    assert!(students.contains("Name") && students.matches(">?<").count() > 4, "own results are asked for again");
}

#[test]
fn a_lesson_is_presented_with_keys_alone() {
    let mut window = Window::preset("circle");
    assert!(window.shows("Search layers") && window.shows("Play"));
    window.press(Modifiers::NONE, Key::F9);
    window.harness.run();
    assert!((window.harness.ctx.zoom_factor() - 1.4).abs() < 1e-6);
    assert!(!window.shows("Search layers"), "the panels at the sides are hidden");
    window.press(Modifiers::NONE, Key::F8);
    assert!(window.shows("Search layers"), "and come back by a key");
    window.press(Modifiers::NONE, Key::F8);

    // A remote control sends Page Down; the film has four depths of keys of its own.
    window.press(Modifiers::COMMAND, Key::Num4);
    window.until_shown("over 1 row");
    assert!(!window.shows("Play or pause") && window.shows("Input, unit"));
    window.press(Modifiers::NONE, Key::PageDown);
    assert!(window.shows("Hidden 1, unit"));
    window.press(Modifiers::NONE, Key::PageUp);
    assert!(window.shows("Input, unit"));
    window.press(Modifiers::NONE, Key::C);
    assert!(window.shows("In words") || window.shows("∂L/∂"));
    window.press(Modifiers::NONE, Key::E);
    assert!(window.shows("Back to all from formulas") && !window.shows("Nudge the weight"));
    window.press(Modifiers::NONE, Key::Escape);
    assert!(window.shows("Enlarge formulas") && window.shows("Nudge the weight"));

    // A tile of Train fills the workspace.
    window.press(Modifiers::COMMAND, Key::Num3);
    window.click("Enlarge metric");
    assert!(window.shows("Back to all from metric") && !window.shows("Enlarge loss"));
    window.press(Modifiers::NONE, Key::Escape);
    assert!(window.shows("Enlarge loss"));

    // The pen draws over everything until Escape; the pointer leaves clicks to the window.
    window.press(Modifiers::NONE, Key::F7);
    assert!(window.shows("Sheet to draw on"));
    assert!(window.harness.get_by_label("Take back the last line").accesskit_node().is_disabled());
    window.harness.drag_at(egui::pos2(300.0, 300.0));
    window.harness.run_steps(1);
    window.harness.hover_at(egui::pos2(400.0, 330.0));
    window.harness.run_steps(1);
    window.harness.drop_at(egui::pos2(400.0, 330.0));
    window.harness.run_steps(2);
    assert!(!window.harness.get_by_label("Take back the last line").accesskit_node().is_disabled());
    window.click("pointer");
    assert!(!window.shows("Sheet to draw on"));
    window.press(Modifiers::NONE, Key::Escape);
    assert!(!window.shows("Stop drawing"));
    window.press(Modifiers::NONE, Key::F9);
    window.harness.run();
    assert!((window.harness.ctx.zoom_factor() - 1.0).abs() < 1e-6);
}
