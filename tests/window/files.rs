//! Presets that are opened and saved.

use crate::harness::Window;
use chainrule::app::Answer;
use chainrule::data::DataSource;
use chainrule::project::{Preset, builtin};
use egui::{Key, Modifiers};
use tempfile::TempDir;

#[test]
fn a_preset_is_saved_with_its_run_and_opened_again() {
    let folder = TempDir::new().expect("the system has a temporary folder");
    let file = folder.path().join("mine.json");
    let mut window = Window::preset("moons");
    window.click("epoch");
    for epoch in 1..=3 {
        window.click("Step");
        window.until("the epoch is done", move |app| app.model.snapshot().epoch == epoch);
    }
    window.app_mut().model.edit("test", None, |d| d.name = "Mine".to_owned());
    window.harness.run_steps(2);
    assert!(window.shows("Unsaved changes"));
    window.answer(Answer::Chosen(file.clone()));
    window.press(Modifiers::COMMAND, Key::S);
    window.until("the file is written", |app| app.model.notice().iter().any(|n| n.text.contains("Saved to")));
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
    assert_eq!(window.app().model.recent(), std::slice::from_ref(&file));

    // A file that cannot be read, and one that cannot be written, change nothing.
    let before = window.app().model.document().clone();
    let broken = folder.path().join("broken.json");
    std::fs::write(&broken, &std::fs::read_to_string(&file).expect("was written")[..200]).expect("can be written");
    window.answer(Answer::Chosen(broken));
    window.press(Modifiers::COMMAND, Key::O);
    window.until("a message", |app| app.model.notice().iter().any(|n| n.problem));
    assert!(window.shows("broken.json is not a preset"));
    // So is one of another program by its first line, with the parts of a preset: it is no table.
    let foreign = std::fs::read_to_string(&file).expect("was written").replace("chainrule-preset", "other");
    std::fs::write(folder.path().join("foreign.json"), foreign).expect("can be written");
    window.app_mut().model.open_any(folder.path().join("foreign.json"));
    window.until("a message", |app| app.model.notice().iter().any(|n| n.problem && n.text.contains("foreign.json")));
    assert!(window.app().model.loading().preview().is_none());
    window.answer(Answer::Chosen(folder.path().join("nowhere").join("x.json")));
    window.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::S);
    window.until("a message", |app| app.model.notice().iter().any(|n| n.text.contains("cannot be saved")));
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
        window.until("the question", |app| app.model.modal().is_some());
        assert!(window.shows("wants to read") && window.shows("secret.csv"));
        assert_eq!(*window.app().model.document(), before);
        window.click(choice);
    }
    window.until("the data are there", |app| app.model.dataset().is_some_and(|d| d.name == "secret.csv"));
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
