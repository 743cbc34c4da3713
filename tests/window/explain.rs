//! Explain: a step stop by stop, and on paper.

use crate::harness::Window;
use chainrule::app::Answer;
use chainrule::train::{Command, StepUnit};
use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;

#[test]
fn a_step_is_explained_stop_by_stop_and_training_then_takes_it() {
    let mut window = Window::preset("circle");
    window.click("Explain");
    window.until_shown("1 Forward pass");
    window.until_shown("over 1 row");
    // Stops come one after the other, forth and back.
    assert!(window.shows("Input, unit"));
    window.press(Modifiers::NONE, Key::ArrowRight);
    assert!(window.shows("Hidden 1, unit") && window.shows("It multiplies its 2 inputs by weights"));
    window.press(Modifiers::NONE, Key::ArrowLeft);
    assert!(!window.shows("It multiplies its 2 inputs by weights"));
    window.click("Step forward");
    assert!(window.shows("It multiplies its 2 inputs by weights"));
    window.click("3 Backward pass");
    assert!(window.shows("Prediction, unit 1") && window.shows("∂L/∂a_1"));
    window.click("4 Update");
    assert!(window.shows("so the optimizer moves it"));

    // A neuron is visited by a click on it, a weight has its chain.
    window.harness.get_by_role_and_label(Role::Button, "Hidden 2, unit 3").click();
    window.harness.run_steps(2);
    assert!(window.shows("Hidden 2, unit 3"));
    window.click("chain rule for one weight");
    assert!(window.shows("slope of tanh") && window.shows("the product is"));
    window.until_shown("finite difference");
    for tab in ["optimizers", "two weights", "curve"] {
        window.click(tab);
    }

    // Nothing is known before it is said.
    window.click("this stop");
    window.click("2 Loss");
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
    window.until("the step is taken", |app| app.model.snapshot().step == steps + 1);
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
        window.click("chain rule for one weight");
        assert!(window.shows("4 Update"), "{name}");
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
        window.until("it is saved", |app| app.model.notice().iter().any(|n| n.text.contains(file)));
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
    let (spec, data) = (&model.document().network, model.dataset().cloned().expect("there are data"));
    let session =
        chainrule::train::Session::new(spec, data.clone(), model.document().training.clone(), 1).expect("it fits");
    let mut replica = chainrule::train::Replica::<f32>::new(spec, data, 1, 1, 1).expect("it fits");
    let trace =
        chainrule::explain::Trace::record(&mut replica, &session.training_state(), &[0]).expect("it is recorded");
    let loss = chainrule::format::number(trace.loss);
    assert!(solutions.contains(&loss) && !students.contains(&loss), "{loss}");
    for layer in [chainrule::nn::LayerId(2), chainrule::nn::LayerId(3)] {
        let (z, a) = trace.layer_values(layer).expect("it has values");
        for value in z.iter().flat_map(|z| z.iter()).chain(a.iter()) {
            let value = chainrule::format::number(f64::from(*value));
            assert!(solutions.contains(&value) && !students.contains(&value), "{value}");
        }
    }
    assert!(students.contains("Name") && students.matches(">?<").count() > 4, "own results are asked for again");
}

/// A diagnosis longer than its card scrolls, though the card of formulas beside it has nothing to scroll.
#[test]
fn a_diagnosis_that_is_cut_off_scrolls_to_its_end() {
    for size in [egui::vec2(1280.0, 800.0), egui::vec2(1366.0, 768.0)] {
        let mut window = Window::preset("dead-relus");
        window.harness.set_size(size);
        let (sender, trained) = std::sync::mpsc::channel();
        for _ in 0..20 {
            window.app().model.train(Command::Step(StepUnit::Epoch));
        }
        window.app().model.train(Command::Look(sender));
        window.until("it is trained", |_| trained.try_recv().is_ok());
        window.click("Explain");
        window.until_shown("diagnosis (2)");
        window.click("diagnosis (2)");
        let fix = "Use leaky ReLU in these layers";
        let place = |window: &Window| window.harness.get_by_role_and_label(Role::Button, fix).rect();
        let card = window.harness.get_by_role_and_label(Role::Button, "Set the learning rate to 0.06").rect();
        // The bar at the bottom begins where the cards end.
        let end = window.harness.get_by_role_and_label(Role::Button, "Play").rect().top();
        assert!(place(&window).bottom() > end, "{size}: nothing is cut off");
        window.harness.hover_at(card.center_top() - egui::vec2(0.0, 20.0));
        window.harness.run_steps(2);
        for _ in 0..10 {
            window.harness.event(egui::Event::MouseWheel {
                unit: egui::MouseWheelUnit::Point,
                delta: egui::vec2(0.0, -100.0),
                phase: egui::TouchPhase::Move,
                modifiers: Modifiers::NONE,
                source: egui::MouseWheelSource::Unknown,
            });
            window.harness.run_steps(4);
        }
        assert!(place(&window).bottom() < end, "{size}: {:?} is still cut off at {end}", place(&window));
    }
}
