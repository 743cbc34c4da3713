//! Nothing that was trained is lost: saving, closing, undo; and keys that belong to a field.

use crate::harness::Window;
use chainrule::app::{Answer, Workspace};
use chainrule::project::Preset;
use chainrule::train::{Command, Status, StepUnit};
use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use std::sync::Arc;
use tempfile::TempDir;

/// The window with a preset that was trained for so many epochs.
fn trained(name: &str, epochs: u64) -> Window {
    let mut window = Window::preset(name);
    window.app_mut().model.train(Command::TrainFor(epochs));
    window.until("it is trained", |app| {
        app.model.snapshot().epoch == epochs && app.model.snapshot().status == Status::Paused
    });
    window
}

fn params(window: &Window) -> Arc<Vec<f32>> {
    Arc::clone(&window.snapshot().params)
}

#[test]
fn saving_keeps_the_weights_and_the_dot_stays_while_the_run_is_newer() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("mine.json");
    let mut window = trained("iris", 2);
    assert!(window.shows("Unsaved run") && !window.shows("Unsaved changes"));
    window.answer(Answer::Chosen(file.clone()));
    window.press(Modifiers::COMMAND, Key::S);
    window.until_shown("Saved to");
    let saved = Preset::open(&file).expect("was written");
    assert_eq!(saved.run.as_ref().map(|r| r.epoch), Some(2), "without being asked to");
    assert!(!window.shows("Unsaved run"));
    // The run goes on: the file is older now.
    window.app_mut().model.train(Command::Step(StepUnit::Batch));
    window.until_shown("Unsaved run");
    window.press(Modifiers::COMMAND, Key::Q);
    window.until_shown("Save the trained network first?");
    assert!(!window.app().model.quits());
    window.click("Cancel");
    // Opened again, the run is the file's.
    window.press(Modifiers::COMMAND, Key::S);
    window.until("the file is written again", |app| !app.model.has_unsaved_run());
    let before = params(&window);
    window.press(Modifiers::COMMAND, Key::N);
    window.until("a new document is there", |app| app.model.document().name == "Untitled");
    window.answer(Answer::Chosen(file));
    window.press(Modifiers::COMMAND, Key::O);
    window.until("the preset is open", |app| app.model.document().name != "Untitled");
    window.ready();
    assert_eq!(params(&window), before);
    assert!(!window.shows("Unsaved run"));
    window.press(Modifiers::COMMAND, Key::Q);
    assert!(window.app().model.quits(), "nothing would be lost");
}

#[test]
fn weights_are_left_out_where_the_document_says_so() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("mine.json");
    let mut window = trained("iris", 1);
    window.app_mut().model.include_run(false);
    window.harness.run_steps(2);
    assert!(!window.shows("Unsaved run") && window.shows("Unsaved changes"), "only the choice itself is not saved");
    window.answer(Answer::Chosen(file.clone()));
    window.press(Modifiers::COMMAND, Key::S);
    window.until_shown("without the trained weights");
    let saved = Preset::open(&file).expect("was written");
    assert!(saved.run.is_none() && !saved.document.include_run, "remembered for the document");
}

#[test]
fn another_document_asks_about_the_run_and_a_lesson_does_not_nag() {
    let mut window = trained("moons", 1);
    window.press(Modifiers::COMMAND, Key::N);
    window.until_shown("Save the trained network first?");
    window.click("Discard the run");
    window.until("a new document is there", |app| app.model.document().name == "Untitled");
    window.press(Modifiers::COMMAND, Key::Num5);
    window.click("Start lesson");
    window.ready();
    window.app_mut().model.edit("test", None, |d| d.training.learning_rate = 0.5);
    window.app_mut().model.train(Command::TrainFor(1));
    window.until("it is trained", |app| app.model.snapshot().epoch == 1);
    assert!(!window.shows("Unsaved"));
    // Something that is no lesson takes its place: whoever trained it may want it.
    for (key, shown) in [(Key::N, "Untitled"), (Key::G, "Two moons, many seeds")] {
        window.press(Modifiers::COMMAND, key);
        if key == Key::G {
            window.click("Open Two moons, many seeds");
        }
        window.until_shown("Save the trained network first?");
        window.click("Cancel");
        assert_ne!(window.app().model.document().name, shown);
    }
    // The lesson again, and the end of the program.
    window.press(Modifiers::COMMAND, Key::Num5);
    window.click("Start again");
    window.ready();
    assert!(window.snapshot().step == 0 && window.app().model.modal().is_none());
    window.app_mut().model.train(Command::TrainFor(1));
    window.until("it is trained", |app| app.model.snapshot().epoch == 1);
    window.press(Modifiers::COMMAND, Key::Q);
    assert!(window.app().model.quits());
}

#[test]
fn what_was_undone_can_be_redone_after_the_first_save() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("mine.json");
    let mut window = Window::preset("iris");
    window.app_mut().model.edit("Change", None, |d| d.training.batch_size = 7);
    window.harness.run_steps(2);
    window.press(Modifiers::COMMAND, Key::Z);
    window.answer(Answer::Chosen(file.clone()));
    window.press(Modifiers::COMMAND, Key::S);
    window.until_shown("Saved to");
    assert_eq!((window.app().model.document().name.as_str(), window.app().model.project().is_dirty()), ("mine", false));
    window.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    assert_eq!(window.app().model.document().training.batch_size, 7);
}

#[test]
fn undo_brings_the_run_back_with_its_document() {
    let mut window = trained("iris", 3);
    let (document, before) = (window.app().model.document().clone(), params(&window));
    // What replaces the network, and what only ends the run.
    window.press(Modifiers::COMMAND, Key::Num2);
    window.click("Add dense");
    window.ready();
    assert_eq!(window.snapshot().step, 0);
    window.press(Modifiers::COMMAND, Key::Z);
    window.ready();
    assert_eq!(
        (window.app().model.document(), params(&window), window.snapshot().epoch),
        (&document, before.clone(), 3)
    );

    let undo = |window: &mut Window| {
        window.press(Modifiers::COMMAND, Key::Z);
        window.until("the run is back", |app| app.model.snapshot().epoch == 3 && app.model.snapshot().progress.0 == 0);
    };
    for (what, button) in [("Rewind", "Rewind"), ("New seed", "New seed"), ("Step", "Step")] {
        window.click(button);
        window.until("something else is there", |app| {
            app.model.snapshot().epoch != 3 || app.model.snapshot().progress.0 > 0
        });
        assert_ne!(params(&window), before, "{what}");
        assert_eq!(window.app().model.project().undo_label(), Some(what));
        let after = params(&window);
        undo(&mut window);
        assert_eq!((window.app().model.document(), params(&window)), (&document, before.clone()), "{what}");
        window.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
        window.ready();
        if what == "Step" {
            assert_eq!(params(&window), after, "redo takes the step again");
        }
        undo(&mut window);
    }

    // Other data, and the network that follows them.
    window.app_mut().model.choose_source(chainrule::data::DataSource::Builtin { name: "wine".to_owned() });
    window.ready();
    assert_eq!(window.snapshot().step, 0);
    window.press(Modifiers::COMMAND, Key::Z);
    window.ready();
    assert_eq!((window.app().model.document(), params(&window)), (&document, before));
}

#[test]
fn keys_belong_to_the_field_that_has_the_focus() {
    let mut window = trained("iris", 1);
    let (document, step) = (window.app().model.document().clone(), window.snapshot().step);
    window.press(Modifiers::COMMAND, Key::Num2);
    let all = [
        (Modifiers::COMMAND, Key::A),
        (Modifiers::NONE, Key::Delete),
        (Modifiers::NONE, Key::Backspace),
        (Modifiers::NONE, Key::Home),
        (Modifiers::NONE, Key::End),
        (Modifiers::COMMAND, Key::Home),
        (Modifiers::NONE, Key::Space),
        (Modifiers::SHIFT, Key::Space),
        (Modifiers::NONE, Key::Period),
        (Modifiers::NONE, Key::Slash),
        (Modifiers::NONE, Key::F),
        (Modifiers::COMMAND, Key::Z),
        (Modifiers::COMMAND | Modifiers::SHIFT, Key::Z),
        (Modifiers::COMMAND, Key::D),
        (Modifiers::COMMAND, Key::R),
        (Modifiers::NONE, Key::ArrowLeft),
        (Modifiers::NONE, Key::PageDown),
    ];
    // A field of text, one to search in, and one of numbers.
    for (role, field) in [
        (Role::TextInput, "Name of the document"),
        (Role::SearchInput, "Search layers"),
        (Role::SpinButton, "Learning rate"),
    ] {
        for (modifiers, key) in all {
            window.harness.get_by_role_and_label(role, field).focus();
            window.harness.run_steps(2);
            assert!(window.harness.ctx.text_edit_focused(), "{field}");
            window.press(modifiers, key);
            let app = window.app();
            assert_eq!(app.model.document().network, document.network, "{key:?} in {field}");
            assert_eq!(app.model.document().training.seed, document.training.seed, "{key:?} in {field}");
            assert!(app.model.selection().is_empty(), "{key:?} in {field} selects layers");
            assert_eq!(
                (app.model.snapshot().step, app.model.snapshot().is_running()),
                (step, false),
                "{key:?} in {field}"
            );
            assert!(app.workspace == Workspace::Build);
        }
        // What no field can use stays everybody's.
        window.press(Modifiers::COMMAND, Key::Num3);
        assert!(window.app().workspace == Workspace::Train, "from {field}");
        window.press(Modifiers::COMMAND, Key::Num2);
    }
    // A focused button is pressed by Space; nothing plays.
    window.harness.get_by_role_and_label(Role::Button, "Light or dark").focus();
    window.harness.run_steps(2);
    let dark = window.harness.ctx.theme();
    window.press(Modifiers::NONE, Key::Space);
    assert_ne!(window.harness.ctx.theme(), dark);
    assert!(!window.snapshot().is_running());
}

#[test]
fn keys_scroll_a_lesson_and_leave_the_run_alone() {
    let mut window = trained("iris", 1);
    let step = window.snapshot().step;
    window.press(Modifiers::COMMAND, Key::Num5);
    let top = |window: &Window| window.harness.get_by_role_and_label(Role::Button, "Start lesson").rect().top();
    let before = top(&window);
    window.press(Modifiers::NONE, Key::PageDown);
    window.harness.run();
    assert!(top(&window) < before - 300.0, "{} after {before}", top(&window));
    window.press(Modifiers::NONE, Key::Home);
    window.harness.run();
    assert!((top(&window) - before).abs() < 1.0);
    assert_eq!(window.snapshot().step, step);
}

/// Frames until `wanted`, which depends on time.
fn while_time_goes_on(window: &mut Window, what: &str, wanted: impl Fn(&Window) -> bool) {
    let since = std::time::Instant::now();
    while !wanted(window) {
        assert!(since.elapsed() < std::time::Duration::from_mins(1), "in vain for: {what}");
        window.harness.run_steps(1);
        std::thread::yield_now();
    }
}

/// The run that is kept below a folder, if one is.
fn kept_epoch(data: &std::path::Path) -> Option<u64> {
    let window = std::fs::read_dir(data.join("open")).ok()?.next()?.ok()?;
    let text = std::fs::read_to_string(window.path().join("document")).ok()?;
    Preset::parse("kept", text.split_once('\n')?.1).ok()?.run.map(|run| run.epoch)
}

#[test]
fn what_was_open_is_offered_after_a_crash_and_goes_on_to_the_same_bits() {
    let data = TempDir::new().expect("a folder");
    let edit = |window: &mut Window| {
        window.app_mut().model.edit("Change batch size", None, |d| d.training.batch_size = 7);
        window.ready();
    };
    let train = |window: &mut Window, epochs: u64| {
        let end = window.snapshot().epoch + epochs;
        window.app_mut().model.train(Command::TrainFor(epochs));
        window.until("it is trained", |app| {
            app.model.snapshot().epoch == end && app.model.snapshot().status == Status::Paused
        });
    };
    let mut never_stopped = Window::preset("iris");
    edit(&mut never_stopped);
    train(&mut never_stopped, 5);

    let mut window = Window::preset("iris");
    window.app_mut().keep_below(data.path());
    edit(&mut window);
    train(&mut window, 3);
    while_time_goes_on(&mut window, "it is kept", |_| kept_epoch(data.path()) == Some(3));
    let (document, before) = (window.app().model.document().clone(), params(&window));
    // While it is open, nobody else is offered it.
    let mut other = Window::open();
    other.app_mut().keep_below(data.path());
    other.harness.run_steps(2);
    assert!(!other.shows("Recover"));
    drop((window, other));

    let mut window = Window::open();
    window.app_mut().keep_below(data.path());
    window.until_shown("Recover what was not saved?");
    // Nothing below the question takes keys.
    let there = window.app().model.document().clone();
    window.press(Modifiers::COMMAND, Key::N);
    assert_eq!(*window.app().model.document(), there);
    window.click("Later");
    window.harness.run_steps(2);
    assert!(!window.shows("Recover") && *window.app().model.document() == there);
    drop(window);

    let mut window = Window::open();
    window.app_mut().keep_below(data.path());
    window.until_shown("with the weights after");
    window.click("Recover");
    window.ready();
    assert_eq!((window.app().model.document(), params(&window), window.snapshot().epoch), (&document, before, 3));
    assert!(window.app().model.has_unsaved_changes() && window.app().model.has_unsaved_run());
    train(&mut window, 2);
    assert_eq!(params(&window), params(&never_stopped));
    window.press(Modifiers::COMMAND, Key::Z);
    window.ready();
    assert_ne!(window.app().model.document().training.batch_size, 7, "undo was kept too");
    // Saved or given up, nothing is offered any more.
    window.press(Modifiers::COMMAND, Key::Q);
    window.click(if window.shows("Discard changes") { "Discard changes" } else { "Discard the run" });
    assert!(window.app().model.quits());
    drop(window);
    let mut window = Window::open();
    window.app_mut().keep_below(data.path());
    window.harness.run_steps(2);
    assert!(!window.shows("Recover"));
}

#[test]
fn what_was_left_can_be_given_up_and_a_folder_that_takes_nothing_is_told() {
    let data = TempDir::new().expect("a folder");
    let mut window = Window::preset("moons");
    window.app_mut().keep_below(data.path());
    window.app_mut().model.edit("Rename", None, |d| d.name = "Mine".to_owned());
    while_time_goes_on(&mut window, "it is kept", |_| {
        std::fs::read_dir(data.path().join("open"))
            .expect("is there")
            .flatten()
            .any(|f| f.path().join("document").exists())
    });
    drop(window);
    let mut window = Window::open();
    window.app_mut().keep_below(data.path());
    window.until_shown("“Mine” was open when the program ended without saving it");
    window.click("Discard");
    window.harness.run_steps(2);
    assert!(!window.shows("Recover"));
    drop(window);
    let mut window = Window::open();
    window.app_mut().keep_below(data.path());
    window.harness.run_steps(2);
    assert!(!window.shows("Recover"));
    // The folder vanishes while the window is open.
    std::fs::remove_dir_all(data.path()).expect("can be removed");
    window.app_mut().model.edit("Rename", None, |d| d.name = "Yours".to_owned());
    while_time_goes_on(&mut window, "it is told", |w| w.shows("cannot be kept for the case of a crash"));
    assert_eq!(window.app().model.document().name, "Yours");
}

#[test]
fn an_answer_is_kept_at_once_and_a_file_that_cannot_be_read_stays() {
    let data = TempDir::new().expect("a folder");
    let file = data.path().join("progress.json");
    let mut window = Window::open();
    window.app_mut().keep_below(data.path());
    window.press(Modifiers::COMMAND, Key::Num5);
    window.focus_and_type("Name of the student", "Ada");
    while_time_goes_on(&mut window, "it is kept", |_| {
        std::fs::read_to_string(&file).is_ok_and(|text| text.contains("Ada"))
    });
    window.harness.get_by_label("It turns around the origin").click_accesskit();
    while_time_goes_on(&mut window, "it is kept", |_| {
        std::fs::read_to_string(&file).is_ok_and(|text| text.contains("\"answers\":{\""))
    });
    drop(window);
    let mut window = Window::open();
    window.app_mut().keep_below(data.path());
    window.press(Modifiers::COMMAND, Key::Num5);
    window.harness.run_steps(2);
    assert!(window.shows("Not quite: the weights alone set the direction"));
    drop(window);
    std::fs::write(&file, "{\"student").expect("can be written");
    let mut window = Window::open();
    window.app_mut().keep_below(data.path());
    window.harness.run_steps(2);
    assert!(window.shows("The progress in the lessons cannot be read"));
    assert_eq!(std::fs::read_to_string(&file).expect("is there"), "{\"student");
}
