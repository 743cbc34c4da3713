//! Build: networks made and changed by clicks.

use crate::harness::Window;
use chainrule::app::Answer;
use chainrule::nn::LayerKind;
use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;
use tempfile::TempDir;

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
    while window.app().model.project().undo_label().is_some() {
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
    assert_eq!(window.app().model.selection().len(), start.len() + 1);
}

#[test]
fn a_block_is_duplicated_with_its_wires_and_a_wire_that_closes_a_cycle_is_refused() {
    let mut window = Window::preset("residual");
    let network = |window: &Window| window.app().model.document().network.clone();
    let before = network(&window);
    // The block of the first join: what lies between it and the layer where its branches part.
    let join = before.layers.iter().find(|l| l.kind.definition().joins()).expect("has a join").id;
    let order = before.topological_order().0;
    let place = |id| order.iter().position(|o| *o == id).expect("is in order");
    let stem = before.inputs_of(join).min_by_key(|id| place(*id)).expect("has a stem");
    let block: Vec<_> = order[place(stem) + 1..=place(join)].to_vec();
    window.app().model.select(block.clone());
    window.harness.run_steps(2);
    window.press(Modifiers::COMMAND, Key::D);
    window.ready();
    let after = network(&window);
    assert!(window.app().model.inference().fits(), "{:?}", window.app().model.inference().problems);
    let copies: Vec<_> = window.app().model.selection().iter().copied().collect();
    assert_eq!(copies.len(), block.len());
    let inside = |ids: &[chainrule::nn::LayerId], network: &chainrule::nn::NetworkSpec| {
        network.wires.iter().filter(|w| ids.contains(&w.from) && ids.contains(&w.to)).count()
    };
    assert_eq!(inside(&copies, &after), inside(&block, &before), "with its inner wires");
    let entries = after.wires.iter().filter(|w| copies.contains(&w.to) && !copies.contains(&w.from));
    assert!(
        entries.clone().count() == 2 && entries.clone().all(|w| w.from == join),
        "both branches begin behind the block"
    );
    assert_eq!(after.outputs_of(join).filter(|to| !copies.contains(to)).count(), 0, "what followed follows the copy");
    window.press(Modifiers::COMMAND, Key::Z);
    window.ready();
    assert_eq!(network(&window), before);

    // From the second layer of a chain back to the first.
    let mut window = Window::preset("circle");
    let before = network(&window);
    let from = window.harness.get_by_label("Output of Hidden 2: drag to connect").rect().center();
    let to = window.harness.get_by_label("Hidden 1: dense 6 · tanh").rect().center();
    window.drag(from, to);
    window.until_shown("A wire from Hidden 2 to Hidden 1 would close a cycle");
    assert_eq!(network(&window), before, "nothing is replaced");
}

#[test]
fn what_does_not_fit_is_told_on_the_card_and_fixed_by_one_click() {
    let mut window = Window::preset("iris");
    window.click("Prediction: dense 3 · identity");
    window.enter("Units", 2.0);
    window.until("the problem is found", |app| !app.model.inference().fits());
    window.harness.run();
    assert!(window.shows("the target has 3 classes, but 2 values arrive here"));
    assert!(window.shows("The network has a problem"));
    window.click("Set Prediction to 3 units");
    window.ready();
    assert!(window.app().model.inference().fits());
    assert!(window.shows("Everything fits together"));

    // Units that no memory holds are refused with the memory they would need.
    window.app_mut().model.edit("test", None, |d| {
        if let LayerKind::Dense(dense) = &mut d.network.layers[1].kind {
            dense.units = 1_000_000_000;
        }
    });
    window.until("the problem is found", |app| !app.model.inference().fits());
    assert!(window.shows("would need"));
}

#[test]
fn a_convolution_is_built_by_clicks_and_fixed_where_shapes_do_not_fit() {
    let mut window = Window::preset("digits");
    // Behind the input, where rows of 64 numbers come from.
    window.click("Input: features");
    window.click("Add conv 2d");
    window.until("the problem is found", |app| !app.model.inference().fits());
    window.harness.run();
    assert!(window.shows("needs an image [channels, height, width]"));
    window.click("Insert a reshape layer to 1×8×8");
    window.until("the next problem is found", |app| app.model.inference().problems.len() == 1);
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
    let shapes = &window.app().model.inference().shapes;
    assert!(shapes.values().any(|s| *s == [5, 3, 6]), "{shapes:?}");

    // A choice from a list is a step of undo of its own, also where another setting of the layer follows.
    window.enter("Filters", 6.0);
    window.press(Modifiers::COMMAND, Key::Z);
    window.ready();
    assert_eq!(window.layers()[2], "conv 5 @ 3×3 · ReLU");
    let shapes = &window.app().model.inference().shapes;
    assert!(shapes.values().any(|s| *s == [5, 3, 6]), "the padding is still the chosen one: {shapes:?}");
    window.click("epoch");
    window.click("Step");
    window.until("it trains", |app| app.model.snapshot().epoch == 1);
}

#[test]
fn a_branch_is_joined_and_its_run_is_saved_and_opened() {
    let folder = TempDir::new().expect("the system has a temporary folder");
    let mut window = Window::preset("residual");
    window.click("epoch");
    window.click("Step");
    window.until("the epoch is done", |app| app.model.snapshot().epoch == 1);
    let file = folder.path().join("residual.json");
    window.answer(Answer::Chosen(file.clone()));
    window.press(Modifiers::COMMAND | Modifiers::SHIFT, Key::S);
    window.until("the file is written", |app| app.model.notice().iter().any(|n| n.text.contains("Saved to")));
    let (document, params) = (window.app().model.document().clone(), window.snapshot().params.clone());
    let mut other = Window::open();
    other.answer(Answer::Chosen(file));
    other.press(Modifiers::COMMAND, Key::O);
    other.until("the preset is open", |app| app.model.document().name == "residual");
    other.ready();
    assert_eq!((other.app().model.document(), &other.snapshot().params), (&document, &params));

    // Without its second branch a join is told, and removing it fixes the network.
    window.app_mut().model.edit("test", None, |d| {
        let join = d.network.layers.iter().find(|l| l.name == "Join").map(|l| l.id).expect("has one");
        let stem = d.network.layers.iter().find(|l| l.name == "Stem").map(|l| l.id).expect("has one");
        d.network.wires.retain(|w| !(w.from == stem && w.to == join));
    });
    window.until("the problem is found", |app| !app.model.inference().fits());
    window.harness.run();
    assert!(window.shows("joins several layers, but only one is wired into it"));
    window.click("Remove Join");
    window.ready();
    assert!(window.app().model.inference().fits());
}

#[test]
fn a_sequence_layer_is_built_by_clicks_and_fixed_and_can_be_frozen_without_losing_the_run() {
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
    window.app_mut().model.train(chainrule::train::Command::Step(chainrule::train::StepUnit::Epoch));
    window.until("an epoch is done", |app| app.model.snapshot().epoch == 1 && !app.model.is_waiting());
    let lstm = *window.app().model.selection().first().expect("the new layer is selected");
    let weights = |window: &Window| window.snapshot().tensor(lstm, "weight").expect("is trained").0.to_vec();
    let before = weights(&window);
    window.harness.get_by_role_and_label(Role::CheckBox, "Frozen").click();
    window.harness.run_steps(2);
    window.ready();
    assert!(window.app().model.document().network.layer(lstm).expect("exists").frozen);
    assert_eq!(window.snapshot().epoch, 1, "the run goes on");
    assert_eq!(weights(&window), before);
    window.app_mut().model.train(chainrule::train::Command::Step(chainrule::train::StepUnit::Epoch));
    window.until("another epoch is done", |app| app.model.snapshot().epoch == 2 && !app.model.is_waiting());
    assert_eq!(weights(&window), before, "frozen weights stay");
    // Undo takes the second epoch back first; thawing then keeps the run.
    for frozen in [true, false] {
        window.click("Undo");
        window.ready();
        assert_eq!(window.app().model.document().network.layer(lstm).expect("exists").frozen, frozen);
        assert_eq!((window.snapshot().epoch, weights(&window) == before), (1, true));
    }
}

#[test]
fn an_output_is_compared_with_the_features_and_a_second_one_adds_its_loss() {
    let mut window = Window::preset("autoencoder");
    window.click("Train");
    window.harness.run_steps(2);
    assert!(!window.shows("Confusion matrix"), "nothing is classified");
    let mut window = Window::preset("two-outputs");
    window.click("Train");
    window.app_mut().model.train(chainrule::train::Command::Step(chainrule::train::StepUnit::Epoch));
    window.until("an epoch is done", |app| app.model.snapshot().validations.len() == 2 && !app.model.is_waiting());
    for text in ["Scores", "Class output", "Picture output", "mean squared error × 0.5"] {
        assert!(window.shows(text), "{text}");
    }
    window.click("Build");
    window.harness.get_by_role_and_label(Role::Button, "Picture output: mean squared error").click();
    window.harness.run_steps(2);
    window.enter("Output weight", 2.0);
    window.choose("Target", "the target");
    window.harness.run_steps(3);
    assert!(window.shows("the target has 10 classes, but 64 values arrive here"));
    window.click("Undo");
    window.ready();
}

#[test]
fn data_in_the_plane_are_played_with_in_place() {
    let mut window = Window::preset("circle");
    assert!(window.shows("Output over the plane") && window.shows("Legend of the colours") && window.shows("inner"));
    // Features that follow from the coordinates; the picture stays.
    for (feature, features) in [("x²", 3), ("xy", 4), ("sin y", 6)] {
        window.click(&format!("Feature {feature}"));
        window.ready();
        assert_eq!(window.app().model.dataset().expect("is prepared").features(), features, "{feature}");
        assert!(window.shows("Output over the plane"), "{feature}");
    }
    window.click("Feature xy");
    window.ready();
    assert_eq!(window.app().model.dataset().expect("is prepared").features(), 5);
    window.app_mut().model.train(chainrule::train::Command::TrainFor(3));
    window.until("it is trained", |app| app.model.snapshot().epoch == 3 && !app.model.snapshot().is_running());
    // Neurons and layers.
    let units = |window: &Window, name: &str| {
        let network = &window.app().model.document().network;
        let layer = network.layers.iter().find(|l| l.name == name).expect("is there");
        layer.kind.definition().units().expect("has neurons")
    };
    let before = units(&window, "Hidden 1");
    window.click("One neuron more in Hidden 1");
    window.click("One neuron more in Hidden 1");
    window.click("One neuron less in Hidden 1");
    window.ready();
    assert_eq!(units(&window, "Hidden 1"), before + 1);
    window.click("One hidden layer more");
    window.ready();
    assert_eq!(units(&window, "Hidden 3"), units(&window, "Hidden 2"), "like the one before");
    window.click("One hidden layer less");
    window.click("One hidden layer less");
    window.ready();
    assert!(!window.shows("One neuron more in Hidden 2") && window.shows("One neuron more in Hidden 1"));
    // Other data, with noise.
    window.choose("Toy data", "Spiral");
    window.ready();
    assert_eq!(window.app().model.document().data.source.label(), "Spiral");
    window.harness.get_by_role_and_label(Role::Slider, "Noise of the data").set_value_accesskit(0.5);
    window.harness.run_steps(2);
    window.ready();
    let source = window.app().model.document().data.source.clone();
    assert!(matches!(source, chainrule::data::DataSource::Generator(g) if (g.noise - 0.5).abs() < 0.05));
    // On a projector the picture and the controls stay; for a table there are none.
    window.press(egui::Modifiers::NONE, egui::Key::F9);
    window.harness.run();
    assert!(window.shows("Output over the plane") && window.shows("One hidden layer more"));
    window.press(egui::Modifiers::NONE, egui::Key::F9);
    let preset = chainrule::project::builtin("iris").expect("is built in").preset().expect("can be read");
    window.app_mut().model.show(preset, None);
    window.ready();
    assert!(!window.shows("One hidden layer more") && !window.shows("Output over the plane"));
}

#[test]
fn another_draw_of_the_same_data_keeps_the_network_and_its_settings() {
    let mut window = Window::open();
    window.ready();
    window.press(egui::Modifiers::COMMAND, egui::Key::Num2);
    let before = window.app().model.document().clone();
    window.harness.get_by_role_and_label(Role::Slider, "Noise of the data").set_value_accesskit(0.4);
    window.harness.run_steps(2);
    window.ready();
    let after = window.app().model.document().clone();
    assert_ne!(after.data, before.data);
    assert_eq!((after.network, after.training, after.name), (before.network, before.training, before.name));
}
