//! Explain: a step stop by stop, and on paper.

use crate::harness::Window;
use chainrule::app::Answer;
use chainrule::train::{Command, StepUnit};
use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT as _, Queryable as _};

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
        // The menu finds its size.
        window.harness.run_steps(2);
        window.click(entry);
        window.until(file, |app| app.model.notice().iter().any(|n| n.text.contains(file)));
        std::fs::read(path).expect("it is there")
    };
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("SVG is text");
    let mut pages = |entry: &str, name: &str| {
        let mut all = text(saved(entry, &format!("{name}.svg")));
        let further = (2..).map(|k| folder.path().join(format!("{name}-{k}.svg"))).take_while(|path| path.exists());
        further.for_each(|path| all += &text(std::fs::read(path).expect("a page")));
        all
    };
    let students = pages("Worksheet as SVG…", "students");
    let solutions = pages("Solutions as SVG…", "solutions");
    assert_eq!(students.matches("</svg>").count(), students.matches("Page ").count(), "each page is a file");
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
    // Every page has its number, and the network is drawn with the layers as formulas name them.
    let pages = students.matches("Page ").count();
    assert!(pages > 0 && (1..=pages).all(|k| students.contains(&format!("Page {k} of {pages}"))), "{pages} pages");
    assert!(students.contains(">(1) Hidden"), "the figure names layers by their numbers");
}

#[test]
fn a_worksheet_holds_the_layers_and_units_that_are_chosen_and_replaces_no_other_file() {
    let mut window = Window::preset("xor");
    window.click("Explain");
    window.until_shown("over 1 row");
    let folder = tempfile::tempdir().expect("a folder");
    let open = |window: &mut Window| {
        window.click("Worksheet");
        // The menu finds its size.
        window.harness.run_steps(2);
    };
    let save = |window: &mut Window, name: &str| {
        window.answer(Answer::Chosen(folder.path().join(name)));
        window.click("Worksheet as SVG…");
        let stem = name.trim_end_matches(".svg").to_owned();
        window.until(name, |app| app.model.notice().iter().any(|n| n.text.contains(&stem)));
    };
    let all = |stem: &str| {
        let files = std::fs::read_dir(folder.path()).expect("it is there").filter_map(Result::ok);
        let own = files.filter(|f| f.file_name().to_string_lossy().starts_with(stem));
        own.map(|f| std::fs::read_to_string(f.path()).expect("SVG is text")).collect::<String>()
    };
    // The output layer alone, then one unit of the hidden layer with it.
    open(&mut window);
    window.click("Hidden 1 on paper");
    save(&mut window, "first.svg");
    let without = all("first");
    assert!(!without.contains(">Hidden 1, unit") && without.contains(">Prediction"), "{without}");
    open(&mut window);
    window.click("Hidden 1 on paper");
    window.focus_and_type("Units of Hidden 1", "9");
    window.until_shown("write numbers from 1 to");
    window.press(Modifiers::COMMAND, Key::A);
    window.focus_and_type("Units of Hidden 1", "2");
    save(&mut window, "second.svg");
    let with = all("second");
    assert!(with.contains(">Hidden 1, unit 2<") && !with.contains(">Hidden 1, unit 1<"), "{with}");
    // Pages of another sheet are not replaced unasked.
    std::fs::write(folder.path().join("third-2.svg"), "mine").expect("it is written");
    open(&mut window);
    save(&mut window, "third.svg");
    assert!(window.shows("is there already") && all("third") == "mine");
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

/// The numbers in a text, as they are written, without signs and brackets around them.
fn numbers(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_digit() || ".e⁻·−-".contains(c)))
        .map(|word| word.trim_matches(['.', '·', '−', '-']))
        .filter(|word| word.chars().filter(char::is_ascii_digit).count() > 2)
}

#[test]
fn what_is_to_be_predicted_stands_nowhere_on_the_screen() {
    let mut window = Window::preset("circle");
    window.click("Explain");
    window.until_shown("over 1 row");
    window.click("Predict first");
    let mut asked = 0;
    for (rows, depth) in [("one row", "layers"), ("one row", "neurons"), ("mini-batch", "layers")] {
        window.click(rows);
        window.until_shown(if rows == "one row" { "Row that is explained" } else { "in the mini-batch" });
        window.click(depth);
        for phase in ["1 Forward pass", "2 Loss", "3 Backward pass", "4 Update"] {
            window.click(phase);
            for _ in 0..12 {
                for card in ["this stop", "chain rule for one weight"] {
                    window.click(card);
                    let texts = window.texts();
                    assert!(!texts.iter().any(|text| text.contains("( ?")), "brackets tell a sign: {texts:?}");
                    if window.harness.query_by_role_and_label(Role::Button, "Reveal").is_none() {
                        continue;
                    }
                    if card == "this stop" {
                        assert!(window.shows("Say what comes out, then read why."));
                        continue;
                    }
                    // With the pointer on the picture, too.
                    let picture = egui::pos2(640.0, 250.0);
                    window.harness.hover_at(picture);
                    window.harness.run_steps(40);
                    let texts: Vec<String> = texts.into_iter().chain(window.texts()).collect();
                    window.click("Reveal");
                    let told = window.texts().into_iter().find(|text| text.starts_with("It is ")).expect("revealed");
                    asked += 1;
                    for number in numbers(&told) {
                        let leak = texts.iter().find(|text| numbers(text).any(|n| n == number));
                        assert!(leak.is_none(), "{rows}, {depth}, {phase}: {told} stands in {leak:?}");
                    }
                }
                window.press(Modifiers::NONE, Key::ArrowRight);
            }
        }
    }
    assert!(asked > 40, "{asked}");
}

#[test]
fn inputs_are_given_and_never_asked_for() {
    for preset in ["circle", "lenet", "residual"] {
        let mut window = Window::preset(preset);
        window.click("Explain");
        window.until_shown("1 Forward pass");
        window.click("Predict first");
        for depth in ["layers", "neurons"] {
            window.click(depth);
            window.click("1 Forward pass");
            assert!(
                window.shows("Nothing to predict at this stop") && !window.shows("What comes out"),
                "{preset}, {depth}"
            );
            assert!(window.shows("The features of the row enter") || window.shows("The pixels of the picture"));
        }
    }
}

fn predicts_first(window: &Window) -> bool {
    let switch = window.harness.get_by_role_and_label(Role::CheckBox, "Predict first");
    switch.accesskit_node().toggled() == Some(egui::accesskit::Toggled::True)
}

fn start_lesson(window: &mut Window) {
    window.press(Modifiers::COMMAND, Key::Num5);
    window.click("Start lesson");
    window.ready();
    window.click("Go to Explain");
    window.until_shown("1 Forward pass");
}

#[test]
fn predict_first_ends_with_the_lesson_that_asked_for_it() {
    let mut window = Window::preset("xor");
    start_lesson(&mut window);
    window.click("Predict first");
    assert!(predicts_first(&window));
    window.click("Leave the lesson");
    window.harness.run_steps(2);
    assert!(!predicts_first(&window) && window.shows("It was switched off at the end of its lesson"));
    // Who switches it on without a lesson keeps it.
    window.click("Predict first");
    start_lesson(&mut window);
    assert!(predicts_first(&window));
    window.click("Leave the lesson");
    window.harness.run_steps(2);
    assert!(predicts_first(&window));
}

#[test]
fn the_switch_of_predict_first_is_always_in_sight() {
    let in_sight = |window: &Window, size: egui::Vec2, what: &str| {
        let switch = window.harness.get_by_role_and_label(Role::CheckBox, "Predict first").rect();
        let screen = egui::Rect::from_min_size(egui::Pos2::ZERO, size);
        assert!(screen.contains_rect(switch), "{what}, {size:?}: {switch:?}");
    };
    for (lesson, projector) in [(false, false), (true, false), (false, true), (true, true)] {
        for size in [egui::vec2(1280.0, 800.0), egui::vec2(1366.0, 768.0)] {
            let mut window = Window::preset("circle");
            if lesson {
                start_lesson(&mut window);
            } else {
                window.click("Explain");
                window.until_shown("1 Forward pass");
            }
            let size = if projector { size / 1.4 } else { size };
            if projector {
                window.press(Modifiers::NONE, Key::F9);
            }
            window.harness.set_size(size);
            window.harness.run_steps(4);
            in_sight(&window, size, "all cards");
            let tab = window.texts().into_iter().find(|text| text.starts_with("diagnosis")).expect("a tab");
            window.click(&tab);
            in_sight(&window, size, "diagnosis");
            for card in ["Enlarge formulas", "Enlarge nudge", "Enlarge quiz and diagnosis"] {
                window.harness.get_by_label(card).click();
                window.harness.run_steps(2);
                in_sight(&window, size, card);
                window.press(Modifiers::NONE, Key::Escape);
            }
        }
    }
}

#[test]
fn the_focus_is_seen_on_every_control_and_goes_down_the_screen() {
    let mut window = Window::preset("circle");
    window.click("Explain");
    window.until_shown("over 1 row");
    let stops = window.focus_stops();
    for (rect, name, ring) in &stops {
        assert!(ring, "no focus is seen on “{name}” at {rect:?}");
    }
    let at = |wanted: &str| {
        let found = stops.iter().position(|(_, name, _)| name.contains(wanted));
        found.unwrap_or_else(|| panic!("no stop at {wanted}: {:?}", stops.iter().map(|s| &s.1).collect::<Vec<_>>()))
    };
    // Controls below a card do not scroll what the card has left below its edge.
    window.press(Modifiers::NONE, Key::ArrowRight);
    window.harness.run_steps(3);
    let words = |window: &Window| window.harness.get_by_label("In words").rect();
    let before = words(&window);
    for _ in 0..at("this stop") {
        window.press(Modifiers::NONE, Key::Tab);
        assert_eq!(words(&window), before, "{:?}", window.focus());
    }
    let order = [
        "one row",
        "mini-batch",
        "Row that is explained",
        "Worksheet",
        "phases",
        "layers",
        "neurons",
        "Input, unit 1",
        "Step forward",
        "Speed of the film",
        "1 Forward pass",
        "4 Update",
        "this stop",
        "chain rule for one weight",
        "curve",
        "optimizers",
        "two weights",
        "Nudge the weight",
        "Predict first",
        "quiz",
    ];
    for pair in order.windows(2) {
        assert!(at(pair[0]) < at(pair[1]), "{} comes before {}", pair[0], pair[1]);
    }
}

#[test]
fn keys_choose_another_weight_neuron_and_layer() {
    let mut window = Window::preset("circle");
    window.click("Explain");
    window.until_shown("over 1 row");
    let weight = |window: &Window| {
        let all = window.texts();
        all.into_iter().find(|text| text.contains(" → ") && text.contains("unit")).expect("a weight is chosen")
    };
    let first = weight(&window);
    window.press(Modifiers::NONE, Key::W);
    let second = weight(&window);
    assert_ne!(first, second);
    assert!(window.shows("the product is"), "its chain is shown");
    window.press(Modifiers::NONE, Key::W);
    assert_ne!(weight(&window), second);
    window.press(Modifiers::SHIFT, Key::W);
    assert_eq!(weight(&window), second);
    window.press(Modifiers::SHIFT, Key::W);
    assert_eq!(weight(&window), first);
    // A neuron of the layer, and another layer.
    window.click("Step forward");
    window.press(Modifiers::NONE, Key::ArrowUp);
    for _ in 0..10 {
        window.press(Modifiers::NONE, Key::ArrowUp);
    }
    let title = |window: &Window, text: &str| window.texts().iter().any(|own| own == text);
    assert!(title(&window, "Hidden 1, unit 1"));
    window.press(Modifiers::NONE, Key::ArrowDown);
    assert!(window.shows("It multiplies its 2 inputs by weights") && title(&window, "Hidden 1, unit 2"));
    window.press(Modifiers::SHIFT, Key::ArrowRight);
    assert!(title(&window, "Hidden 2, unit 1"));
    window.press(Modifiers::SHIFT, Key::ArrowLeft);
    assert!(title(&window, "Hidden 1, unit 1"));
    // The shortcuts window tells.
    window.press(Modifiers::NONE, Key::F1);
    assert!(window.shows("W and Shift W to another weight"));
}
