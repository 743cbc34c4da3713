//! The window of an experiment: what it does, its settings, its progress, and what came out. It runs on a thread of its own.

use super::curves::{self, Curve};
use super::state::{Job, JobProgress, Model};
use super::theme::{HEADING, semibold, tokens};
use super::widgets::{self, field, hint, label, named, number, title};
use crate::app::widgets::FollowFocus as _;
use crate::data::{Folds, Table};
use crate::format;
use crate::nn::NetworkSpec;
use crate::train::experiment::{BEST_OF_FOLD, FoldResult, cross_validate, summarise};
use crate::train::rate_finder::{
    FEWEST_UPDATES, MOST_UPDATES, NoRate, RULE, RatePoint, RateRange, RateTest, STARTS, find_rate,
};
use crate::train::{Metrics, TrainConfig};
use egui::accesskit::Role;
use egui::{Context, Frame, ProgressBar, RichText, Ui};
use egui_plot::{Line, Points, VLine};
use std::sync::Arc;
use std::time::Duration;

/// What can be tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExperimentKind {
    Folds,
    Rates,
}

enum Outcome {
    Folds(Vec<FoldResult>),
    Rates(RateTest),
}

/// The window and what runs behind it.
pub struct Experiment {
    kind: ExperimentKind,
    folds: usize,
    epochs: u64,
    range: RateRange,
    /// Dropping it ends the experiment.
    running: Option<Job<Result<Outcome, String>>>,
    outcome: Option<Result<Outcome, String>>,
}

/// Epochs where the document does not say how many.
const EPOCHS: u64 = 100;

impl Experiment {
    /// The window before anything runs.
    pub fn new(kind: ExperimentKind, model: &Model) -> Self {
        let epochs = model.document().training.epochs.unwrap_or(EPOCHS);
        Self { kind, folds: 5, epochs, range: RateRange::default(), running: None, outcome: None }
    }

    /// Draws the window; false once it is closed.
    pub fn ui(&mut self, ctx: &Context, model: &Model) -> bool {
        self.receive();
        let frame = Frame::popup(&ctx.global_style()).inner_margin(20);
        let mut open = true;
        let response = egui::Modal::new(egui::Id::unique("experiment")).frame(frame).show(ctx, |ui| {
            ui.set_width(520.0);
            let (name, text) = match self.kind {
                ExperimentKind::Folds => (
                    "Cross-validation",
                    "Deals the rows into folds and trains a fresh network for each, on all rows but the fold, which then scores it. The spread shows how far a score can be trusted. The test rows take no part; the network on screen stays as it is.",
                ),
                ExperimentKind::Rates => (
                    "Learning-rate range test",
                    "Starts three times from fresh parameters and raises the learning rate from update to update. A good one lies where the loss falls steeply, well before it rises. The network on screen stays as it is.",
                ),
            };
            ui.label(title(name));
            ui.add(egui::Label::new(label(ui, text)).wrap());
            if self.kind == ExperimentKind::Folds && model.document().training.early_stopping.is_some() {
                ui.add(egui::Label::new(hint(ui, BEST_OF_FOLD)).wrap());
            }
            ui.add_space(8.0);
            if self.running.is_none() {
                self.settings(ui);
            }
            match (&self.running, &self.outcome) {
                (Some(running), _) => {
                    let (done, total) = running.done();
                    let bar = ProgressBar::new(done as f32 / total.max(1) as f32).show_percentage();
                    ctx.request_repaint_after(Duration::from_millis(30));
                    named(ui.add(bar), Role::ProgressIndicator, "Progress of the experiment");
                    let (name, parts) = match self.kind {
                        ExperimentKind::Folds => ("Fold", self.folds),
                        ExperimentKind::Rates => ("Start", STARTS),
                    };
                    let at = (done * parts as u64 / total.max(1) + 1).min(parts as u64);
                    let time = running.time().text(total as f64, false);
                    ui.label(label(ui, format!("{name} {at} of {parts}, {time}")));
                }
                (None, Some(Ok(Outcome::Folds(results)))) => folds_table(ui, results),
                (None, Some(Ok(Outcome::Rates(test)))) => {
                    ui.scope(|ui| rates(ui, test));
                }
                (None, Some(Err(text))) => {
                    let t = tokens(ui);
                    widgets::message(ui, super::icon::WARNING, t.problem, "It did not work", text);
                }
                (None, None) => {}
            }
            ui.add_space(10.0);
            ui.horizontal(|ui| {
                if self.running.is_some() {
                    if ui.button("Stop").clicked() {
                        self.running = None;
                    }
                } else {
                    let text = if self.outcome.is_some() { "Run again" } else { "Run" };
                    if ui.add_enabled(model.dataset().is_some() && model.inference().fits(), egui::Button::new(text)).clicked() {
                        self.start(model);
                    }
                    let choice = match &self.outcome {
                        Some(Ok(Outcome::Rates(test))) => Some(test.choice.clone()),
                        _ => None,
                    };
                    match choice {
                        Some(Ok(choice)) => {
                            let rate = rounded(choice.learning_rate);
                            let button = ui.button(format!("Use {}", format::learning_rate(rate)));
                            if button.on_hover_text(RULE).clicked() {
                                model.edit("Change learning rate", None, |d| d.training.learning_rate = rate);
                                open = false;
                            }
                        }
                        Some(Err(no)) => {
                            if let Some(updates) = no.more_updates()
                                && ui.button(format!("Run with {updates} updates")).clicked()
                            {
                                self.range.steps = updates;
                                self.start(model);
                            }
                        }
                        None => {}
                    }
                }
                if ui.button("Close").clicked() {
                    open = false;
                }
            });
        });
        open && !response.should_close()
    }

    /// The fields above the button that runs it.
    fn settings(&mut self, ui: &mut Ui) {
        match self.kind {
            ExperimentKind::Folds => {
                field(ui, "Folds", "Number of parts that the rows are split into", |ui| {
                    self.folds = number(ui, "Folds", self.folds, 2..=100, 0.05).unwrap_or(self.folds);
                });
                field(ui, "Epochs per fold", "How long each network trains", |ui| {
                    self.epochs = number(ui, "Epochs per fold", self.epochs, 1..=100_000, 0.2).unwrap_or(self.epochs);
                });
            }
            ExperimentKind::Rates => {
                let RateRange { low, high, steps } = &mut self.range;
                field(ui, "Updates", "Of each of the three starts: more show more where the loss falls slowly", |ui| {
                    let new = number(ui, "Updates", *steps, FEWEST_UPDATES..=MOST_UPDATES, 1.0);
                    *steps = new.unwrap_or(*steps);
                });
                for (name, hover, rate) in
                    [("Lowest rate", "Of the first update", low), ("Highest rate", "Of the last update", high)]
                {
                    field(ui, name, hover, |ui| {
                        let speed = f64::from(*rate) * 0.02;
                        *rate = number(ui, name, *rate, 1e-12..=1e6, speed).unwrap_or(*rate);
                    });
                }
            }
        }
        ui.add_space(4.0);
    }

    fn receive(&mut self) {
        let Some(outcome) = self.running.as_mut().and_then(Job::take) else { return };
        self.running = None;
        self.outcome = Some(outcome.unwrap_or_else(|e| Err(format!("The experiment failed: {e}."))));
    }

    fn start(&mut self, model: &Model) {
        let (Some(opened), Some(dataset)) = (model.table().cloned(), model.dataset().cloned()) else { return };
        let document = model.document();
        let (network, config) = (document.network.clone(), document.training.clone());
        let preparation = model.plan(&opened).clone();
        let (kind, count, epochs, range) = (self.kind, self.folds, self.epochs, self.range);
        self.outcome = None;
        self.running = Some(model.jobs().start("experiment", move |progress| match kind {
            ExperimentKind::Folds => {
                folds(&network, &opened.loaded.table, &preparation, &config, count, epochs, progress)
            }
            ExperimentKind::Rates => {
                let told = &mut |start, share| report(progress, start, share, STARTS);
                let found = find_rate(&network, &dataset, &config, range, 1, told).map_err(|e| e.to_string())?;
                found.map(Outcome::Rates).ok_or_else(|| "It was called off.".to_owned())
            }
        }));
    }
}

/// Reports what share is done of one of the `parts` of the experiment; false when it was called off.
fn report(progress: &JobProgress, part: usize, share: f32, parts: usize) -> bool {
    const WHOLE: u64 = 100_000;
    progress.set((part * WHOLE as usize) as u64 + (share * WHOLE as f32) as u64, parts as u64 * WHOLE);
    !progress.is_cancelled()
}

fn folds(
    network: &NetworkSpec,
    table: &Table,
    preparation: &crate::data::Preparation,
    config: &TrainConfig,
    count: usize,
    epochs: u64,
    progress: &Arc<JobProgress>,
) -> Result<Outcome, String> {
    let folds = Folds::new(table, preparation, count).map_err(|e| e.to_string())?;
    let told = &mut |fold: usize, share: f32| report(progress, fold, share, count);
    cross_validate(network, &folds, config, epochs, 1, told).map(Outcome::Folds).map_err(|e| e.to_string())
}

/// To two digits, as people write a learning rate.
fn rounded(rate: f32) -> f32 {
    format!("{rate:.1e}").parse().unwrap_or(rate)
}

fn folds_table(ui: &mut Ui, results: &[FoldResult]) {
    let classes = results.iter().any(|r| matches!(r.evaluation.map(|e| e.metrics), Some(Metrics::Classes { .. })));
    for (name, spread) in summarise(results).into_iter().filter(|(name, _)| *name != "mean absolute error") {
        let text = if name == "accuracy" {
            format!("{} ± {}", format::percent(spread.mean, 1), format::percent(spread.deviation, 1))
        } else {
            format!("{} ± {}", format::number(spread.mean), format::number(spread.deviation))
        };
        ui.horizontal(|ui| {
            ui.label(RichText::new(text).font(semibold(HEADING)));
            ui.label(label(ui, name));
        });
    }
    ui.label(hint(ui, "Mean and standard deviation over the folds"));
    ui.add_space(6.0);
    egui::ScrollArea::vertical().max_height(260.0).show_with_focus(ui, |ui| {
        egui::Grid::new("folds").num_columns(5).spacing([28.0, 4.0]).striped(true).show(ui, |ui| {
            for head in ["Fold", "Rows", "Epochs", "Loss", if classes { "Accuracy" } else { "R²" }] {
                ui.label(label(ui, head));
            }
            ui.end_row();
            for (k, fold) in results.iter().enumerate() {
                ui.label((k + 1).to_string());
                ui.label(fold.rows.to_string());
                ui.label(fold.epochs.to_string());
                match fold.evaluation {
                    Some(e) => {
                        ui.label(format::number(e.loss));
                        ui.label(match e.metrics {
                            Metrics::Classes { accuracy } => format::percent(accuracy, 1),
                            Metrics::Values { r2, .. } => format::score(r2),
                        });
                    }
                    None => {
                        ui.label("no longer finite");
                    }
                }
                ui.end_row();
            }
        });
    });
}

fn rates(ui: &mut Ui, test: &RateTest) {
    match &test.choice {
        Ok(choice) => {
            let text = format!("Learning rate {}", format::learning_rate(rounded(choice.learning_rate)));
            ui.label(RichText::new(text).font(semibold(HEADING))).on_hover_text(RULE);
            ui.label(hint(ui, choice.reason())).on_hover_text(RULE);
        }
        Err(no) => {
            let heading = match no {
                NoRate::Flat(_) => "The curve is flat",
                NoRate::TooHigh { .. } => "The range begins too high",
            };
            widgets::message(ui, super::icon::INFO, tokens(ui).label, heading, &no.to_string());
        }
    }
    rates_plot(ui, test);
}

fn rates_plot(ui: &mut Ui, test: &RateTest) {
    let t = tokens(ui);
    let curve = |points: &[RatePoint]| -> Vec<[f64; 2]> {
        points.iter().map(|p| [f64::from(p.learning_rate).log10(), p.loss]).collect()
    };
    let mean = curve(&test.mean);
    let chosen = test.choice.as_ref().ok().map(|choice| f64::from(choice.learning_rate).log10());
    let plot = widgets::data_plot(ui, "rates", "learning rate".to_owned(), "loss".to_owned())
        .height(240.0)
        .allow_drag(false)
        .allow_zoom(false)
        .x_axis_formatter(|mark, _| format::brief(10_f64.powf(mark.value)))
        .show_grid([true, true])
        .grid_color(t.line);
    let shown = curves::quiet(plot).show(ui, |plot| {
        for start in &test.starts {
            plot.line(Line::new("one start", curve(start)).color(t.positive.gamma_multiply(0.3)).width(1.0));
        }
        plot.line(Line::new("mean loss", mean.clone()).color(t.positive).width(2.0));
        if let Some(x) = chosen {
            plot.vline(VLine::new("chosen", x).color(t.accent).width(1.5));
            let nearest = mean.iter().min_by(|a, b| (a[0] - x).abs().total_cmp(&(b[0] - x).abs()));
            plot.points(
                Points::new("chosen", nearest.copied().into_iter().collect::<Vec<_>>()).color(t.accent).radius(4.0),
            );
        }
        curves::read(plot, &[Curve { name: "mean loss", colour: t.positive, points: &mean, joined: false }])
    });
    let rate = |x: f64| format!("learning rate {}", format::brief(10_f64.powf(x)));
    curves::tell(&shown.response, shown.inner.as_ref(), rate, format::number);
    ui.label(hint(ui, "Strong: the mean of three starts, smoothed. Faint: each of them")).on_hover_text(RULE);
}
