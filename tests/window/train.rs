//! Train: playing, stepping, experiments.

use crate::harness::Window;
use chainrule::nn::layers::BatchNormSpec;
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
    window.until_shown("Learning rate 0.0");
    assert!(window.shows("The mean of 3 starts falls fastest at"));
    assert!(window.shows("Faint: each of them"));
    // The window finds its place once it knows its size.
    window.harness.run_steps(3);
    window.harness.get_by_label_contains("Use 0.0").hover();
    window.harness.run_steps(3);
    window.until_shown("a tenth of the one where it is lowest");
    window.harness.get_by_label_contains("Use 0.0").click();
    window.harness.run_steps(2);
    let after = window.app().model.document().training.learning_rate;
    assert!(after != before && (1e-4..0.1).contains(&after), "{after}");
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

#[test]
fn a_flat_curve_gives_no_learning_rate_and_a_way_on() {
    let mut window = Window::preset("vanishing-gradients");
    window.click("Train");
    let before = window.app().model.document().training.learning_rate;
    window.click("Find learning rate…");
    window.enter("Updates", 60.0);
    window.enter("Highest rate", 1.0);
    window.click("Run");
    window.until_shown("The curve is flat");
    window.harness.run_steps(3);
    assert!(window.shows("keep the present learning rate of 0.1"));
    assert!(window.harness.query_all_by_label_contains("Use 0.").next().is_none(), "nothing is proposed");
    window.click("Run with 240 updates");
    window.until_shown("960 updates instead of 240");
    window.click("Close");
    assert_eq!(window.app().model.document().training.learning_rate.to_bits(), before.to_bits());
}

#[test]
fn the_time_of_training_is_shown_while_it_runs_and_of_experiments_too() {
    let mut window = Window::preset("iris");
    window.app_mut().model.edit("test", None, |d| d.training.epochs = Some(10_000_000));
    window.ready();
    assert!(!window.shows(" s so far"), "nothing was trained yet");
    window.click("Play");
    window.until_shown(" s so far");
    window.until("there is enough to say", |app| app.model.snapshot().time.left.is_some());
    window.harness.run_steps(2);
    assert!(window.shows("left") && window.shows("epochs/s"));
    let time = window.snapshot().time;
    assert!(time.epochs_per_second.is_some_and(|n| n > 0.0) && !time.at_most, "{time:?}");
    window.app_mut().model.edit("test", None, |d| {
        d.training.early_stopping = Some(chainrule::train::EarlyStopping { patience: 10_000_000, restore_best: false });
    });
    window.until_shown("at most");
    window.click("Pause");
    window.until("training is paused", |app| app.model.snapshot().status == Status::Paused);
    let paused = window.snapshot().time.seconds;
    window.harness.run_steps(3);
    assert_eq!(window.snapshot().time.seconds.to_bits(), paused.to_bits(), "it stands still");
    window.click("Rewind");
    window.until("training is rewound", |app| app.model.snapshot().step == 0);
    assert!(!window.shows(" s so far"));

    window.click("Train");
    window.click("Cross-validate…");
    window.enter("Epochs per fold", 100_000.0);
    window.click("Run");
    window.until_shown("Fold 1 of 5, ");
    assert!(window.shows(" s so far"));
    window.click("Stop");
    window.click("Close");
    window.click("Find learning rate…");
    window.enter("Updates", 100_000.0);
    window.click("Run");
    window.until_shown(" of 3, ");
    window.click("Stop");
}

#[test]
fn a_last_mini_batch_of_one_row_is_told_where_batch_norm_learns() {
    let mut window = Window::preset("iris");
    window.app_mut().model.edit("test", None, |d| {
        let dense = d.network.layers.iter().find(|l| matches!(l.kind, LayerKind::Dense(_))).expect("has one").id;
        let norm = d.network.add("norm", LayerKind::BatchNorm(BatchNormSpec::default()));
        d.network.insert_after(norm, dense);
        d.training.batch_size = 8;
    });
    window.ready();
    window.click("Train");
    let rows = window.app().model.dataset().expect("is there").part(chainrule::data::Part::Train).len();
    assert!(!window.shows("uses its running averages there"));
    let batch = (2..rows).find(|b| rows % b == 1).expect("some size leaves one row over");
    window.enter("Batch size", batch as f64);
    window.until_shown("The last mini-batch of an epoch has 1 row");
    assert!(window.shows(&format!("A batch size other than {batch} avoids that")));
}

#[test]
fn the_pointer_reads_the_curves_and_not_the_place_where_it_is() {
    let mut window = Window::preset("iris");
    window.app_mut().model.train(chainrule::train::Command::TrainFor(9));
    window.until("it is trained", |app| app.model.snapshot().epoch == 9 && !app.model.snapshot().is_running());
    window.click("Train");
    window.harness.run_steps(4);
    let card = window.harness.get_by_label("Enlarge loss").rect();
    // Anywhere below the curves: the last epoch is the nearest at the right end.
    let at = egui::pos2(card.center().x - 12.0, card.center().y + 200.0);
    window.harness.hover_at(at);
    window.harness.run_steps(4);
    let history = window.snapshot().history.clone();
    let value = |v: Option<f32>| chainrule::format::number(f64::from(v.expect("is recorded")));
    for text in [
        "epoch 9".to_owned(),
        format!("train {}", value(history.train_loss.latest())),
        format!("validation {}", value(history.val_loss.latest())),
    ] {
        assert!(window.shows(&text), "{text}");
    }
}

#[test]
fn test_figures_are_of_now_or_say_of_when() {
    let mut window = Window::preset("iris");
    window.click("Train");
    window.app_mut().model.train(chainrule::train::Command::TrainFor(9));
    window.until("it is trained and tested", |app| {
        let s = app.model.snapshot();
        s.epoch == 9 && !s.is_running() && s.test.epoch == 9 && !s.test_is_old()
    });
    assert!(window.shows("95 % interval of the accuracy") && window.shows("Always “"));
    assert!(window.shows("Test") && !window.shows("Test, epoch"));
    // While the next evaluation waits, the old figures say whose they are.
    let mut old = false;
    window.app_mut().model.edit("test", None, |d| d.training.epochs = None);
    window.app_mut().model.train(chainrule::train::Command::Play);
    window.until("figures of an earlier epoch", |app| app.model.snapshot().test_is_old());
    for _ in 0..200 {
        window.harness.run_steps(1);
        old |= window.shows("Test, epoch");
    }
    assert!(old, "nothing says that the figures are old");
}

#[test]
fn after_early_stopping_the_figures_are_those_of_the_restored_epoch() {
    let mut window = Window::preset("iris");
    window.app_mut().model.edit("test", None, |d| {
        d.training.learning_rate = 0.2;
        d.training.early_stopping = Some(chainrule::train::EarlyStopping { patience: 3, restore_best: true });
        d.training.epochs = None;
    });
    window.ready();
    window.click("Play");
    window.until("it stops early", |app| app.model.snapshot().stopped_early);
    let snapshot = window.snapshot().clone();
    let restored = snapshot.restored.expect("the best epoch is restored");
    assert_eq!(restored + 3, snapshot.epoch);
    let point = snapshot.history.epochs.iter().position(|&e| e == restored).expect("is recorded");
    let losses = &snapshot.history.val_loss.last;
    assert_eq!(snapshot.losses().1, Some(f64::from(losses[point])));
    assert!(losses.iter().all(|l| *l >= losses[point]), "it is the lowest");
    window.click("Train");
    window.until_shown(&format!("of epoch {restored}, which was restored"));
    window.until("the restored parameters are tested", |app| app.model.snapshot().test.epoch == restored);
    assert!(!window.shows("Test, epoch"));
}

#[test]
fn toy_data_are_watched_and_one_key_goes_to_full_speed() {
    use chainrule::train::{Pace, StepUnit};
    let mut window = Window::preset("circle");
    let watched = Pace::Slow { unit: StepUnit::Batch, per_second: 100.0 };
    assert_eq!(window.app().model.pace(), watched);
    assert!(window.shows("Speed: 100 steps/s"));
    window.press(Modifiers::SHIFT, Key::Space);
    assert_eq!(window.app().model.pace(), Pace::Full);
    assert!(window.shows("Speed: full") && !window.shows("Unsaved changes"));
    window.click("Full speed");
    assert_eq!(window.app().model.pace(), watched);
    // Another document has its own pace.
    for (name, pace) in [("iris", Pace::Full), ("xor", Pace::Slow { unit: StepUnit::Batch, per_second: 600.0 })] {
        let preset = chainrule::project::builtin(name).expect("is built in").preset().expect("can be read");
        window.app_mut().model.show(preset, None);
        window.ready();
        assert_eq!(window.app().model.pace(), pace, "{name}");
    }
}

#[test]
fn a_message_moves_nothing_under_the_pointer() {
    let mut window = Window::preset("iris");
    window.click("Train");
    window.harness.run_steps(2);
    let place = |window: &Window| window.harness.get_by_label("Enlarge loss").rect();
    let before = place(&window);
    window.app().model.tell("Something is told at length. ".repeat(8));
    window.until_shown("Something is told at length");
    assert_eq!(place(&window), before);
    window.click("Close message");
    assert!(!window.shows("Something is told at length"));
    assert_eq!(place(&window), before);
}
