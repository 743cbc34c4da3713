//! Train: playing, stepping, experiments.

use crate::harness::Window;
use chainrule::nn::{Activation, LayerKind};
use chainrule::train::{Phase, Status};
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable as _;

#[test]
fn training_is_played_paused_stepped_and_rewound() {
    let mut window = Window::preset("spiral");
    let start = window.snapshot().params.clone();
    window.click("Play");
    window.until("an epoch is done", |app| app.model.snapshot().epoch >= 1);
    window.click("Rewind");
    window.until("training is rewound", |app| app.model.snapshot().epoch == 0);
    window.app_mut().model.edit("test", None, |d| d.training.epochs = None);
    window.click("Play");
    window.until("training runs", |app| app.model.snapshot().is_running() && app.model.snapshot().epoch >= 2);
    window.click("Pause");
    window.until("training is paused", |app| app.model.snapshot().status == Status::Paused);
    let paused = window.snapshot().step;
    window.harness.run_steps(3);
    assert_eq!(window.snapshot().step, paused);

    window.press(Modifiers::COMMAND, Key::Home);
    window.until("training is rewound", |app| app.model.snapshot().step == 0);
    assert_eq!(window.snapshot().params, start, "the same initial parameters");

    window.click("phase");
    for (next, says) in [
        (Some(Phase::Error), "Next: loss"),
        (Some(Phase::Backward), "Next: backward pass"),
        (Some(Phase::Update), "Next: update"),
        (None, "Paused"),
    ] {
        window.click("Step");
        window.until(says, move |app| app.model.snapshot().phase == next);
        assert!(window.shows(says), "{says}");
    }
    assert_eq!(window.snapshot().step, 1);
    window.click("epoch");
    window.press(Modifiers::NONE, Key::Period);
    window.until("the epoch is done", |app| app.model.snapshot().epoch == 1);
    window.click("New seed");
    window.until("training begins anew", |app| app.model.snapshot().epoch == 0);
    assert_ne!(window.snapshot().params, start, "other initial parameters");
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
    window.until("training stops", |app| matches!(app.model.snapshot().status, Status::Diverged(_)));
    window.until_shown("exploded first");
    // The diagnosis says why, and its fix changes the document.
    window.click("Explain");
    window.until_shown("diagnosis (");
    window.harness.get_by_label_contains("diagnosis (").click();
    window.harness.run_steps(2);
    assert!(window.shows("The loss diverged"));
    window.click("Set the learning rate to 10");
    // The field of the inspector ends at 100.
    assert!((window.app().model.document().training.learning_rate - 10.0).abs() < 1e-3);
    window.until_shown("Rewind to train anew");
    window.click("Close message");
    window.until_shown("Rewind to start again");
    window.harness.run_steps(2);
    window.click("Rewind to start again");
    window.until("training is rewound", |app| app.model.snapshot().status == Status::Paused);
    assert!(!window.shows("exploded first"));
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
    window.enter("Epochs per fold", 5.0);
    window.click("Run");
    window.until_shown("Mean and standard deviation over the folds");
    assert!(window.shows("accuracy") && window.shows("43"), "a third of the rows is held back");
    window.click("Close");
    assert!(!window.shows("Cross-validation"));
}
