//! Learn: lessons, their tasks, and keys for presenting.

use crate::harness::Window;
use chainrule::app::Answer;
use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT as _, Queryable as _};

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
    window.until_shown("Hint: Open Explain");
    window.click("2 Loss");
    window.until_shown("Task done: Look at the forward pass");
    window.click("Predict first");
    window.click("neurons");
    window.click("1 Forward pass");
    // Somebody who believes in positive numbers is right now and then.
    for _ in 0..20 {
        if window.shows("Task done: Predict two results correctly") {
            break;
        }
        // Inputs are given, and not asked for.
        if window.shows("positive") {
            window.click("positive");
        }
        window.click("Step forward");
    }
    assert!(window.shows("Task done: Predict two results correctly"));
    window.click("Back to lesson");
    // The task at hand is scrolled to.
    window.harness.run();
    assert!(window.shows("Task, to do now: Train until at least 95"));
    // The program solves the last task, and says so in the report.
    window.click("Show me");
    window.until_shown("Task done: Train until at least 95");
    window.until("training pauses by itself", |app| !app.model.snapshot().is_running());
    window.click("Learn");
    window.harness.get_by_label("It turns around the origin").click_accesskit();
    window.harness.run_steps(2);
    assert!(window.shows("Not quite: the weights alone set the direction"));
    let marked = |text: &str| window.texts().iter().any(|shown| shown.ends_with(text) && *shown != *text);
    let others = window.texts().iter().filter(|shown| shown.as_str() == "It turns around the origin").count();
    assert!(marked("It turns around the origin") && others == 0, "the answer that was chosen is marked");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("report.csv");
    window.answer(Answer::Chosen(path.clone()));
    window.click("Class report…");
    window.until("the report is saved", |app| app.model.notice().iter().any(|n| n.text.contains("report.csv")));
    let report = std::fs::read_to_string(path).expect("it is there");
    assert_eq!(report.lines().nth(1), Some("Ada,One neuron,3,3,0,1,2,1,1"), "{report}");

    // A folder of a teacher's: what can be read is in the list, what cannot is told.
    let own = "---\ntitle: Mine\npreset: circle\norder: 1\n---\nHello $x_1$.\n\n## A step\nText\n";
    std::fs::write(folder.path().join("mine.md"), own).expect("written");
    std::fs::write(folder.path().join("broken.md"), "---\ntitle: Broken\n---\n").expect("written");
    window.answer(Answer::Chosen(folder.path().to_owned()));
    window.click("Open lessons…");
    window.until_shown("Lesson 1: Mine");
    assert!(window.shows("broken.md, line 3: the front matter names no preset"));
    assert!(window.shows("Hello"));
}

#[test]
fn a_lesson_begins_with_its_own_document_and_not_with_one_of_the_same_title() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut window = Window::preset("xor");
    window.app_mut().model.edit("Rename document", None, |d| d.name = "One neuron".to_owned());
    window.press(Modifiers::COMMAND, Key::Num5);
    let mine = window.app().model.document().clone();
    window.click("Start lesson");
    window.until_shown("Save your changes first?");
    window.click("Cancel");
    window.harness.run_steps(3);
    assert_eq!(*window.app().model.document(), mine);
    assert!(window.shows("Start lesson") && !window.shows("Start again"), "it has not begun");

    // Saved first, the lesson begins when the file has been written.
    window.click("Start lesson");
    window.answer(Answer::Chosen(folder.path().join("mine.json")));
    window.click("Save");
    window.until("the lesson is on screen", |app| app.model.number().is_some());
    window.ready();
    assert_ne!(*window.app().model.document(), mine);
    assert!(window.shows("Start again") && !window.shows("Start lesson"), "it has begun");
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
    assert!(window.shows("∂L/∂"), "the chain rule for a weight is on the card");
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
