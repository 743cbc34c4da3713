//! What holds in every workspace.

use crate::harness::Window;
use chainrule::app::Workspace;
use chainrule::learn::Block;
use chainrule::nn::Activation;
use egui::{Key, Modifiers, Theme};
use egui_kittest::kittest::NodeT as _;
use std::collections::BTreeMap;
use std::time::Duration;

/// What is remembered from one start to the next.
#[derive(Default)]
struct Memory(BTreeMap<String, String>);

impl eframe::Storage for Memory {
    fn get_string(&self, key: &str) -> Option<String> {
        self.0.get(key).cloned()
    }

    fn set_string(&mut self, key: &str, value: String) {
        self.0.insert(key.to_owned(), value);
    }

    fn remove_string(&mut self, key: &str) {
        self.0.remove(key);
    }

    fn flush(&mut self) {}
}

#[test]
fn every_workspace_has_names_for_all_it_shows_and_rests_when_nothing_changes() {
    for preset in ["circle", "sine", "digits", "lenet", "residual", "diabetes", "vanishing-gradients"] {
        let mut window = Window::preset(preset);
        window.click("epoch");
        window.click("Step");
        window.until("the epoch is done", |app| app.model.snapshot().epoch == 1);
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
fn the_theme_is_remembered_with_a_network_that_does_not_fit_too() {
    for theme in [Theme::Dark, Theme::Light] {
        let mut window = Window::preset("circle");
        if theme == Theme::Light {
            window.click("Light or dark");
        }
        window.app_mut().model.edit("Remove wires", None, |d| d.network.wires.clear());
        window.until("the trainer has nothing to train", |app| !app.model.inference().fits() && app.model.is_current());
        let mut memory = Memory::default();
        eframe::App::save(window.app_mut(), &mut memory);
        let mut window = Window::open();
        let ctx = window.harness.ctx.clone();
        window.app_mut().restore(&memory, &ctx);
        assert_eq!(ctx.options(|o| o.theme_preference), theme.into());
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
fn the_focus_is_seen_in_every_workspace_and_in_the_gallery() {
    for key in [Key::Num1, Key::Num2, Key::Num3, Key::Num5] {
        let mut window = Window::preset("circle");
        window.press(Modifiers::COMMAND, key);
        window.harness.run_steps(4);
        let stops = window.focus_stops();
        assert!(stops.len() > 10, "{key:?}: {}", stops.len());
        for (rect, name, ring) in stops {
            assert!(ring, "{key:?}: no focus is seen on “{name}” at {rect:?}");
        }
    }
    let mut window = Window::preset("circle");
    window.press(Modifiers::COMMAND, Key::G);
    for (rect, name, ring) in window.focus_stops().into_iter().filter(|s| s.1.starts_with("Open ")) {
        assert!(ring, "no focus is seen on “{name}” at {rect:?}");
    }
}

#[test]
fn escape_ends_typing_before_it_closes_a_window() {
    let mut window = Window::preset("xor");
    window.press(Modifiers::COMMAND, Key::Num5);
    window.press(Modifiers::NONE, Key::F1);
    assert!(window.shows("Keyboard shortcuts"));
    window.focus_and_type("Name of the student", "Ada");
    window.press(Modifiers::NONE, Key::Escape);
    window.harness.run_steps(30);
    assert!(window.shows("Canvas: drag to pan"), "the field had the key");
    window.press(Modifiers::NONE, Key::Escape);
    window.harness.run_steps(30);
    assert!(!window.shows("Canvas: drag to pan"));
    // What lies on top is closed first, also over the canvas of Build.
    window.press(Modifiers::COMMAND, Key::Num2);
    window.press(Modifiers::COMMAND, Key::G);
    assert!(window.shows("Preset gallery"));
    window.press(Modifiers::NONE, Key::Escape);
    window.harness.run_steps(30);
    assert!(!window.shows("Preset gallery"));
    window.press(Modifiers::NONE, Key::F7);
    assert!(window.shows("Stop drawing"));
    window.press(Modifiers::NONE, Key::Escape);
    window.harness.run_steps(30);
    assert!(!window.shows("Stop drawing"));
}
