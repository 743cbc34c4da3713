//! The window of an experiment: what it does, its settings, its progress, and what came out. It runs on a thread of its own.

use super::curves::{self, Curve};
use super::state::{Job, JobProgress, Model};
use super::theme::{HEADING, semibold, tokens};
use super::widgets::{self, field, hint, label, named, number, title};
use crate::app::widgets::FollowFocus as _;
use crate::data::{Folds, Table};
use crate::format;
use crate::nn::NetworkSpec;
use crate::train::experiment::{FoldResult, RatePoint, RateRange, cross_validate, range_test, suggest, summarise};
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
    Rates(Vec<RatePoint>),
}

/// The window and what runs behind it.
pub struct Experiment {
    kind: ExperimentKind,
    folds: usize,
    epochs: u64,
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
        Self { kind, folds: 5, epochs, running: None, outcome: None }
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
                    "Starts from fresh parameters and raises the learning rate from update to update. A good one lies where the loss falls steeply, well before it rises. The network on screen stays as it is.",
                ),
            };
            ui.label(title(name));
            ui.add(egui::Label::new(label(ui, text)).wrap());
            ui.add_space(8.0);
            if self.kind == ExperimentKind::Folds && self.running.is_none() {
                field(ui, "Folds", "Number of parts that the rows are split into", |ui| {
                    self.folds = number(ui, "Folds", self.folds, 2..=100, 0.05).unwrap_or(self.folds);
                });
                field(ui, "Epochs per fold", "How long each network trains", |ui| {
                    self.epochs = number(ui, "Epochs per fold", self.epochs, 1..=100_000, 0.2).unwrap_or(self.epochs);
                });
                ui.add_space(4.0);
            }
            match (&self.running, &self.outcome) {
                (Some(running), _) => {
                    let (done, total) = running.done();
                    let bar = ProgressBar::new(done as f32 / total.max(1) as f32).show_percentage();
                    ctx.request_repaint_after(Duration::from_millis(30));
                    named(ui.add(bar), Role::ProgressIndicator, "Progress of the experiment");
                }
                (None, Some(Ok(Outcome::Folds(results)))) => folds_table(ui, results),
                (None, Some(Ok(Outcome::Rates(points)))) => rates_plot(ui, points),
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
                    if let Some(Ok(Outcome::Rates(points))) = &self.outcome
                        && let Some(rate) = suggest(points).map(rounded)
                        && ui.button(format!("Use {}", format::learning_rate(rate))).clicked()
                    {
                        model.edit("Change learning rate", None, |d| d.training.learning_rate = rate);
                        open = false;
                    }
                }
                if ui.button("Close").clicked() {
                    open = false;
                }
            });
        });
        open && !response.should_close()
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
        let (kind, count, epochs) = (self.kind, self.folds, self.epochs);
        self.outcome = None;
        self.running = Some(model.jobs().start("experiment", move |progress| match kind {
            ExperimentKind::Folds => {
                folds(&network, &opened.loaded.table, &preparation, &config, count, epochs, progress)
            }
            ExperimentKind::Rates => {
                let report = &mut |share| report(progress, share);
                range_test(&network, &dataset, &config, RateRange::default(), 1, report)
                    .map(Outcome::Rates)
                    .map_err(|e| e.to_string())
            }
        }));
    }
}

/// Reports how far the experiment is; false when it was called off.
fn report(progress: &JobProgress, share: f32) -> bool {
    const WHOLE: u64 = 1000;
    progress.set((share * WHOLE as f32) as u64, WHOLE);
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
    let told = &mut |fold: usize, share: f32| report(progress, (fold as f32 + share) / count as f32);
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

fn rates_plot(ui: &mut Ui, points: &[RatePoint]) {
    let t = tokens(ui);
    let line: Vec<[f64; 2]> = points.iter().map(|p| [f64::from(p.learning_rate).log10(), p.loss]).collect();
    let found = suggest(points).map(rounded);
    let text = match found {
        Some(rate) => format!("The loss falls fastest at {}", format::learning_rate(rate)),
        None => "The loss falls nowhere: is something wrong with the network or the data?".to_owned(),
    };
    ui.label(RichText::new(text).font(semibold(HEADING)));
    let plot = widgets::data_plot(ui, "rates", "learning rate".to_owned(), "loss".to_owned())
        .height(240.0)
        .allow_drag(false)
        .allow_zoom(false)
        .x_axis_formatter(|mark, _| format::brief(10_f64.powf(mark.value)))
        .show_grid([true, true])
        .grid_color(t.line);
    let shown = curves::quiet(plot).show(ui, |plot| {
        plot.line(Line::new("loss", line.clone()).color(t.positive).width(2.0));
        if let Some(rate) = found {
            let x = f64::from(rate).log10();
            plot.vline(VLine::new("suggested", x).color(t.accent).width(1.5));
            let nearest = line.iter().min_by(|a, b| (a[0] - x).abs().total_cmp(&(b[0] - x).abs()));
            plot.points(
                Points::new("suggested", nearest.copied().into_iter().collect::<Vec<_>>()).color(t.accent).radius(4.0),
            );
        }
        curves::read(plot, &[Curve { name: "loss", colour: t.positive, points: &line, joined: false }])
    });
    let rate = |x: f64| format!("learning rate {}", format::brief(10_f64.powf(x)));
    curves::tell(&shown.response, shown.inner.as_ref(), rate, format::number);
}
