//! The bar under every workspace: what training is doing, and the controls that make it do something else.

use super::icon;
use super::state::{Action, Model};
use super::theme::{BODY, LABEL, SPACE, semibold, tokens};
use super::widgets::{hint, icon_button, label, named, number, segmented, sparkline};
use crate::format;
use crate::train::{Command, EarlyStopping, Pace, Schedule, Status, StepUnit, TrainConfig};
use egui::accesskit::Role;
use egui::{Align, Button, Color32, Layout, RichText, Slider, Ui, vec2};

/// Slow motion goes from one step in four seconds to this many a second; above is full speed.
const FASTEST: f32 = 1000.0;
const SLOWEST: f32 = 0.25;

pub const HEIGHT: f32 = 62.0;

/// Draws the bar.
pub fn ui(ui: &mut Ui, model: &Model) {
    ui.horizontal_centered(|ui| {
        ui.spacing_mut().item_spacing.x = 6.0;
        controls(ui, model);
        ui.add_space(SPACE);
        step_and_speed(ui, model);
        ui.add_space(SPACE);
        counters(ui, model);
        status(ui, model);
    });
}

fn controls(ui: &mut Ui, model: &Model) {
    let ready = model.trainable();
    if icon_button(ui, icon::REWIND, "Rewind", "Ctrl+Home: back to the same initial parameters", ready).clicked() {
        model.train(Command::Rewind);
    }
    if icon_button(ui, icon::DICE, "New seed", "Ctrl+R: other initial parameters, from the beginning", ready).clicked()
    {
        model.queue(Action::NewSeed);
    }
    let diverged = matches!(model.snapshot().status, Status::Diverged(_));
    if icon_button(ui, icon::STEP, "Step", "Full stop: one phase, batch or epoch", ready && !diverged).clicked() {
        model.train(Command::Step(model.step_unit()));
    }
    let t = tokens(ui);
    let running = model.snapshot().is_running();
    let (glyph, name) = if running { (icon::PAUSE, "Pause") } else { (icon::PLAY, "Play") };
    let enabled = ready && !diverged;
    let (fill, text) = if enabled { (t.accent, t.on_accent) } else { (t.raised, t.hint) };
    let button =
        Button::new(RichText::new(glyph).size(20.0).color(text)).fill(fill).min_size(vec2(56.0, 38.0)).corner_radius(8);
    let response = named(ui.add_enabled(enabled, button), Role::Button, name);
    let why = if diverged { "Rewind first: the loss is no longer finite" } else { "There is no network to train yet" };
    if response.on_hover_text(format!("{name}  (Space)")).on_disabled_hover_text(why).clicked() {
        model.queue(Action::TogglePlay);
    }
}

/// A small heading above a control or a value.
fn block<R>(ui: &mut Ui, heading: &str, width: f32, add: impl FnOnce(&mut Ui) -> R) -> R {
    ui.allocate_ui_with_layout(vec2(width, HEIGHT - 14.0), Layout::top_down(Align::Min), |ui| {
        ui.set_min_width(width);
        ui.spacing_mut().item_spacing.y = 2.0;
        ui.add(egui::Label::new(label(ui, heading)).truncate());
        add(ui)
    })
    .inner
}

fn step_and_speed(ui: &mut Ui, model: &Model) {
    let choices = [
        (StepUnit::Phase, "phase", "One of the four: forward pass, loss, backward pass, update"),
        (StepUnit::Batch, "batch", "One mini-batch: all four phases"),
        (StepUnit::Epoch, "epoch", "Every training row once"),
    ];
    block(ui, "Step by", 148.0, |ui| {
        let mut unit = model.step_unit();
        if segmented(ui, &mut unit, &choices) {
            model.queue(Action::StepUnit(unit));
        }
    });
    let heading = match model.pace() {
        Pace::Full => "Speed: full".to_owned(),
        Pace::Slow { per_second, .. } => format!("Speed: {}", format::pace(f64::from(per_second), "steps")),
    };
    block(ui, &heading, 124.0, |ui| ui.horizontal(|ui| speed(ui, model)));
}

/// How fast playing goes: a slider from slow motion to full speed, and full speed at once.
fn speed(ui: &mut Ui, model: &Model) {
    ui.spacing_mut().item_spacing.x = 4.0;
    ui.spacing_mut().slider_width = 76.0;
    let mut position = match model.pace() {
        Pace::Full => 1.0,
        Pace::Slow { per_second, .. } => (per_second / SLOWEST).ln() / (FASTEST / SLOWEST).ln() * 0.95,
    };
    let response = ui.add(Slider::new(&mut position, 0.0..=1.0).show_value(false));
    let response = named(response, Role::Slider, "Speed");
    if response.on_hover_text("Right: full speed. Left: slow motion, one step of the chosen size at a time").changed() {
        let per_second = SLOWEST * (FASTEST / SLOWEST).powf(position / 0.95);
        model.queue(Action::Pace(Some(per_second).filter(|_| position <= 0.96)));
    }
    let full = model.pace() == Pace::Full;
    let button = Button::new(RichText::new("»").size(BODY)).min_size(vec2(24.0, 22.0)).selected(full);
    let response = named(ui.add(button), Role::Button, "Full speed");
    let text = if full {
        "Training goes at full speed. Click to watch it (Shift+Space)"
    } else {
        "Train at full speed (Shift+Space)"
    };
    if response.on_hover_text(text).clicked() {
        model.queue(Action::ToggleFullSpeed);
    }
}

fn value(ui: &mut Ui, heading: &str, width: f32, text: &str) {
    block(ui, heading, width, |ui| {
        ui.add(egui::Label::new(RichText::new(text).font(semibold(BODY + 1.0))).truncate());
    });
}

fn counters(ui: &mut Ui, model: &Model) {
    let s = model.snapshot().clone();
    block(ui, "Epoch", 128.0, |ui| {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            ui.label(RichText::new(format::count(u128::from(s.epoch))).font(semibold(BODY + 1.0)));
            let epochs = model.document().training.epochs;
            // Who plays on beyond the last epoch trains as many once more.
            let again = epochs.is_some_and(|n| s.epoch > n);
            ui.label(label(ui, if again { "every" } else { "of" }));
            let mut shown = epochs.unwrap_or(0);
            ui.spacing_mut().interact_size = vec2(52.0, 22.0);
            let field = egui::DragValue::new(&mut shown)
                .range(0..=10_000_000)
                .speed(1.0)
                .custom_formatter(|n, _| if n == 0.0 { "∞".to_owned() } else { format!("{n:.0}") })
                .custom_parser(|text| if text.trim() == "∞" { Some(0.0) } else { text.trim().parse().ok() });
            let response = named(ui.add(field), Role::SpinButton, "Stop after epochs");
            let stop = s.stop_at.map_or_else(String::new, |n| format!(". The next stop is at epoch {n}"));
            let when = if again { "Stops after every so many epochs" } else { "Stop after so many epochs" };
            if response.on_hover_text(format!("{when}; 0 goes on without end{stop}")).changed() {
                let epochs = Some(shown).filter(|&n| n > 0);
                model.edit("Change epochs", Some(1), |d| d.training.epochs = epochs);
            }
        });
    });
    let roomy = ui.available_width();
    let tight = roomy < 410.0;
    if !tight {
        value(ui, "Updates", 70.0, &format::counter(s.step));
    }
    if roomy > 560.0 {
        let lately = matches!(s.status, Status::Running | Status::Finished) && s.samples_per_second > 0.0;
        let speed = if lately { format::amount(s.samples_per_second) } else { "–".to_owned() };
        value(ui, "Samples/s", 76.0, &speed);
    }
    let (train, validation) = s.losses();
    let train = train.or(s.batch_loss);
    let text = |v: Option<f64>| v.map_or_else(|| "–".to_owned(), format::number);
    if tight {
        // What training does has to be readable too.
        value(ui, "Loss, validation loss", 160.0, &format!("{}, {}", text(train), text(validation)));
    } else {
        value(ui, "Training loss", 84.0, &text(train));
        value(ui, "Validation loss", 92.0, &text(validation));
    }
    if roomy > 760.0 {
        let t = tokens(ui);
        sparkline(
            ui,
            vec2((roomy - 620.0).clamp(60.0, 150.0), 36.0),
            &s.history.train_loss.last,
            t.positive,
            "Training loss so far",
        );
    }
}

const TIME: &str = "The time is that of this run, before it was saved too; pauses do not count. What is left is estimated \
    from the pace of the last epochs.";

/// What the trainer is doing, with a colour, and how long it takes.
fn status(ui: &mut Ui, model: &Model) {
    let t = tokens(ui);
    let (colour, text, more) = describe(model, t.ok, t.problem, t.accent, t.hint);
    let time = model.snapshot().time;
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        ui.add_space(4.0);
        let told = model.is_current() && (time.seconds >= 1.0 || model.snapshot().is_running());
        let size = vec2(ui.available_width(), if told { 34.0 } else { 18.0 });
        ui.allocate_ui_with_layout(size, Layout::top_down(Align::Max), |ui| {
            ui.spacing_mut().item_spacing.y = 1.0;
            let line = vec2(ui.available_width(), 17.0);
            ui.allocate_ui_with_layout(line, Layout::right_to_left(Align::Center), |ui| {
                let response = ui.add(egui::Label::new(RichText::new(text).size(LABEL)).truncate());
                if !more.is_empty() {
                    response.on_hover_text(more);
                }
                let (rect, _) = ui.allocate_exact_size(vec2(10.0, 10.0), egui::Sense::hover());
                ui.painter().circle_filled(rect.center(), 4.0, colour);
            });
            if told {
                let short = egui::Label::new(hint(ui, time.text())).truncate().show_tooltip_when_elided(false);
                ui.add(short).on_hover_text(format!("{}. {TIME}", time.text()));
            }
        });
    });
}

fn describe(
    model: &Model,
    ok: Color32,
    problem: Color32,
    accent: Color32,
    quiet: Color32,
) -> (Color32, String, String) {
    let s = model.snapshot();
    if let Some(e) = model.data_error() {
        return (problem, "No data to train on".to_owned(), e.to_owned());
    }
    if !model.inference().fits() {
        return (problem, "The network has a problem".to_owned(), "See the Build workspace".to_owned());
    }
    match &s.status {
        Status::Empty => (quiet, "Loading".to_owned(), String::new()),
        Status::Paused if s.step == 0 && s.phase.is_none() => {
            (quiet, "Ready".to_owned(), "Press play, or step".to_owned())
        }
        Status::Paused => {
            let next = s.phase.map_or_else(|| "Paused".to_owned(), |p| format!("Next: {}", p.label().to_lowercase()));
            (accent, next, "Training waits here".to_owned())
        }
        Status::Running => (ok, trend(&s.history.train_loss.last).to_owned(), String::new()),
        Status::Finished => {
            if s.stopped_early {
                let more =
                    "The validation loss has not fallen for as long as patience allows; play goes on all the same";
                return (ok, format!("Stopped early at epoch {}", s.epoch), more.to_owned());
            }
            (
                ok,
                format!("Finished {}", format::counted(s.epoch as usize, "epoch")),
                "Play goes on for as many epochs more".to_owned(),
            )
        }
        Status::Diverged(text) => (problem, "Stopped: the loss diverged".to_owned(), text.clone()),
        Status::Failed(text) => (problem, text.lines().next().unwrap_or_default().to_owned(), text.clone()),
    }
}

/// Whether the loss has fallen lately.
fn trend(losses: &[f32]) -> &'static str {
    const WINDOW: usize = 20;
    if losses.len() < 2 * WINDOW {
        return "Training";
    }
    let mean = |part: &[f32]| part.iter().sum::<f32>() / part.len() as f32;
    let recent = mean(&losses[losses.len() - WINDOW..]);
    let before = mean(&losses[losses.len() - 2 * WINDOW..losses.len() - WINDOW]);
    if recent < before * 0.999 {
        "Training: loss falls"
    } else if recent > before * 1.05 {
        "Training: loss rises"
    } else {
        "Training: loss is level"
    }
}

/// The settings of the optimizer, for the inspector; with its constants if there is room.
pub fn training_settings(ui: &mut Ui, model: &Model, roomy: bool) {
    use super::widgets::{choice, field};
    use crate::nn::Optimizer;
    let training = model.document().training.clone();
    field(ui, "Optimizer", training.optimizer.formula(), |ui| {
        let new =
            choice(ui, "Optimizer", training.optimizer, Optimizer::ALL, |o| o.label().to_owned(), Optimizer::same_rule);
        if let Some(optimizer) = new {
            model.edit("Change optimizer", None, |d| d.training.optimizer = optimizer);
        }
    });
    if roomy {
        let mut changed = training.optimizer;
        for (name, hover, value) in changed.constants() {
            field(ui, name, hover, |ui| {
                let speed = f64::from(*value).max(1e-9) * 0.005;
                *value = number(ui, name, *value, 0.0..=10.0, speed).unwrap_or(*value);
            });
        }
        let next = TrainConfig { optimizer: changed, ..training.clone() };
        if changed != training.optimizer && next.problem().is_none() {
            model.edit("Change optimizer", Some(8), |d| d.training.optimizer = changed);
        }
    }
    let rate = training.learning_rate;
    field(ui, "Learning rate", "η: how far each update goes. It may be changed while training runs", |ui| {
        let speed = f64::from(rate).max(1e-6) * 0.02;
        if let Some(v) = number(ui, "Learning rate", rate, 0.0..=100.0, speed) {
            model.edit("Change learning rate", Some(2), |d| d.training.learning_rate = v);
        }
    });
    if roomy {
        schedule(ui, model, &training);
    }
    if training.optimizer.takes_all() {
        ui.label(hint(ui, "Makes one update per epoch, from all training rows"));
    }
    field(ui, "Batch size", "Rows in a mini-batch: their mean gradient makes one update", |ui| {
        if let Some(v) = number(ui, "Batch size", training.batch_size, 1..=65_536, 0.2) {
            model.edit("Change batch size", Some(3), |d| d.training.batch_size = v);
        }
    });
    field(ui, "L2", "λ₂ of (λ₂/2) Σw²: pulls every weight towards zero", |ui| {
        if let Some(v) = number(ui, "L2", training.l2, 0.0..=10.0, 0.0005) {
            model.edit("Change L2", Some(4), |d| d.training.l2 = v);
        }
    });
    field(ui, "L1", "λ₁ of λ₁ Σ|w|: makes weights exactly zero", |ui| {
        if let Some(v) = number(ui, "L1", training.l1, 0.0..=10.0, 0.0005) {
            model.edit("Change L1", Some(5), |d| d.training.l1 = v);
        }
    });
    field(ui, "Clip by norm", "Scales the whole gradient down to this norm where it is larger; 0 is off", |ui| {
        if let Some(v) = number(ui, "Clip by norm", training.clip_norm.unwrap_or(0.0), 0.0..=1000.0, 0.05) {
            model.edit("Change clipping", Some(6), |d| d.training.clip_norm = Some(v).filter(|&v| v > 0.0));
        }
    });
    if roomy {
        field(ui, "Clip by value", "Limits each component of the gradient to ± this value; 0 is off", |ui| {
            if let Some(v) = number(ui, "Clip by value", training.clip_value.unwrap_or(0.0), 0.0..=1000.0, 0.05) {
                model.edit("Change clipping", Some(11), |d| d.training.clip_value = Some(v).filter(|&v| v > 0.0));
            }
        });
        let hover = "Mini-batches whose gradients are averaged for one update, as if they were one";
        field(ui, "Gradient accumulation", hover, |ui| {
            if let Some(v) = number(ui, "Gradient accumulation", training.accumulate, 1..=1024, 0.05) {
                model.edit("Change gradient accumulation", Some(12), |d| d.training.accumulate = v);
            }
        });
    }
    field(ui, "Seed", "Of the initial parameters, the order of rows, and dropout", |ui| {
        if let Some(v) = number(ui, "Seed", training.seed, 0..=9_999_999, 0.2) {
            model.queue(Action::Seed(v));
        }
    });
}

/// How the learning rate changes, and when training ends early.
fn schedule(ui: &mut Ui, model: &Model, training: &TrainConfig) {
    use super::widgets::{choice, field};
    let mut new = training.schedule;
    field(
        ui,
        "Schedule",
        "How the learning rate changes over the epochs; the tile of the learning rate draws it",
        |ui| {
            let same = |a: Schedule, b: Schedule| std::mem::discriminant(&a) == std::mem::discriminant(&b);
            let chosen = choice(ui, "Schedule", new, Schedule::ALL, |s| s.label().to_owned(), same);
            new = chosen.unwrap_or(new);
            // A cycle lasts as long as training does.
            if let (Some(Schedule::OneCycle { .. }), Schedule::OneCycle { epochs, .. }) = (chosen, &mut new) {
                *epochs = training.epochs.map_or(*epochs, |n| n as f32);
            }
        },
    );
    let one = |ui: &mut Ui, name: &str, hover: &str, value: &mut f32, range: std::ops::RangeInclusive<f32>| {
        field(ui, name, hover, |ui| *value = number(ui, name, *value, range, 0.01).unwrap_or(*value));
    };
    let whole = |ui: &mut Ui, name: &str, hover: &str, value: &mut u64| {
        field(ui, name, hover, |ui| *value = number(ui, name, *value, 1..=100_000, 0.2).unwrap_or(*value));
    };
    match &mut new {
        Schedule::Constant => {}
        Schedule::Step { every, factor } => {
            whole(ui, "Every", "Epochs between two steps", every);
            one(ui, "Factor", "The rate is multiplied by it", factor, 0.001..=1.0);
        }
        Schedule::Exponential { factor } => {
            one(ui, "Factor", "The rate is multiplied by it every epoch", factor, 0.5..=1.0);
        }
        Schedule::Cosine { period, minimum, longer } => {
            one(ui, "Period", "Epochs until the first restart", period, 0.1..=1e5);
            one(ui, "Minimum", "Share of the rate at the end of each period", minimum, 0.0..=1.0);
            one(
                ui,
                "Period multiplier",
                "Each period is longer than the one before by this factor",
                longer,
                1.0..=10.0,
            );
        }
        Schedule::Warmup { epochs } => one(ui, "Epochs", "Length of the rise", epochs, 0.01..=1e5),
        Schedule::OneCycle { epochs, rise } => {
            one(ui, "Epochs", "Length of the cycle", epochs, 0.1..=1e6);
            one(ui, "Warm-up share", "Share of the cycle in which the rate rises", rise, 0.01..=0.99);
        }
        Schedule::Plateau { factor, patience } => {
            one(ui, "Factor", "The rate is multiplied by it", factor, 0.001..=1.0);
            whole(ui, "Plateau patience", "Epochs without a lower validation loss before it acts", patience);
        }
    }
    if new != training.schedule && new.problem().is_none() {
        model.edit("Change schedule", Some(9), |d| d.training.schedule = new);
    }
    let before = training.early_stopping;
    let mut stopping = before.unwrap_or(EarlyStopping { patience: 0, restore_best: true });
    let hover = "Ends training when the validation loss has not fallen for so many epochs; 0 is off";
    field(ui, "Early stopping", hover, |ui| {
        let new = number(ui, "Early stopping", stopping.patience, 0..=100_000, 0.2);
        stopping.patience = new.unwrap_or(stopping.patience);
    });
    if stopping.patience > 0 {
        let text = "restore the best epoch";
        ui.checkbox(&mut stopping.restore_best, text).on_hover_text("Parameters of the lowest validation loss");
    }
    let after = Some(stopping).filter(|s| s.patience > 0);
    if after != before {
        model.edit("Change early stopping", Some(10), |d| d.training.early_stopping = after);
    }
}
