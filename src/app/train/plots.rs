//! Curves over epochs.

use super::super::curves::{self, Curve};
use super::super::state::Model;
use super::super::theme::{HINT, Tokens};
use super::super::widgets::{heading, plot, segmented, title};
use crate::format;
use crate::train::{EpochSeries, History, Schedule, TrainConfig};
use egui::{Align, Color32, Layout, Ui};
use egui_plot::{FilledArea, Line, PlotPoints, PlotUi, Points};

/// The vertical axis of the loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    Linear,
    #[default]
    Log,
}

/// Points that one line is drawn with.
const MOST: usize = 180;
/// The smallest value that a logarithmic axis shows.
const FLOOR: f64 = 1e-12;

type Named<'a> = (String, &'a EpochSeries, Color32);

/// A curve as it is drawn: where there are more epochs than places, the mean of each bundle, and its extremes as a band.
struct Drawn {
    name: String,
    colour: Color32,
    line: Vec<[f64; 2]>,
    low: Vec<f64>,
    high: Vec<f64>,
}

impl Drawn {
    fn new(epochs: &[u64], (name, curve, colour): &Named<'_>, bundle: usize, log: bool) -> Self {
        let y = |v: f32| if log { f64::from(v).max(FLOOR).log10() } else { f64::from(v) };
        let mut drawn =
            Self { name: name.clone(), colour: *colour, line: Vec::new(), low: Vec::new(), high: Vec::new() };
        let n = epochs.len().min(curve.last.len());
        for from in (0..n).step_by(bundle) {
            let part = from..(from + bundle).min(n);
            let mean = curve.last[part.clone()].iter().map(|&v| y(v)).sum::<f64>() / part.len() as f64;
            drawn.line.push([epochs[part.end - 1] as f64, mean]);
            drawn.low.push(y(curve.low[part.clone()].iter().copied().fold(f32::INFINITY, f32::min)));
            drawn.high.push(y(curve.high[part].iter().copied().fold(f32::NEG_INFINITY, f32::max)));
        }
        drawn
    }

    fn show(self, plot: &mut PlotUi<'_>) {
        if let [only] = self.line[..] {
            plot.points(Points::new(self.name, vec![only]).color(self.colour).radius(3.0));
            return;
        }
        if self.line.is_empty() {
            return;
        }
        if self.low != self.high {
            let xs: Vec<f64> = self.line.iter().map(|p| p[0]).collect();
            let band = FilledArea::new(self.name.clone(), &xs, &self.low, &self.high);
            plot.add(band.fill_color(self.colour.gamma_multiply(0.22)).allow_hover(false));
        }
        plot.line(Line::new(self.name, PlotPoints::from(self.line)).color(self.colour).width(1.6));
    }
}

fn draw(ui: &mut Ui, id: &str, history: &History, curves: &[Named<'_>], log: bool, t: &Tokens) {
    draw_with(ui, id, history, curves, log, &[], t);
}

fn draw_with(
    ui: &mut Ui,
    id: &str,
    history: &History,
    curves: &[Named<'_>],
    log: bool,
    planned: &[[f64; 2]],
    t: &Tokens,
) {
    if planned.is_empty() && curves.iter().all(|(_, c, _)| c.last.is_empty()) {
        let rect = ui.available_rect_before_wrap();
        super::super::widgets::centred(ui, rect, "Nothing yet", "Press play: the curve grows with every epoch");
        ui.allocate_rect(rect, egui::Sense::hover());
        return;
    }
    ui.horizontal_wrapped(|ui| {
        for (name, curve, colour) in curves.iter().take(12) {
            // Values where there is room for them.
            let value =
                curve.latest().filter(|_| curves.len() <= 2).map(|v| format!(" {}", format::brief(f64::from(v))));
            let text = format!("{name}{}", value.unwrap_or_default());
            ui.label(egui::RichText::new(text).size(HINT).color(*colour));
        }
    });
    let linear = move |v: f64| if log { 10_f64.powf(v) } else { v };
    let text = move |v: f64| format::number(linear(v));
    let bundle = history.epochs.len().div_ceil(MOST).max(1);
    let drawn: Vec<Drawn> = curves.iter().map(|c| Drawn::new(&history.epochs, c, bundle, log)).collect();
    // A flat curve is centred in a readable range.
    let smallest = |a: f64, b: &f64| a.min(*b);
    let low = drawn.iter().flat_map(|d| &d.low).fold(f64::INFINITY, smallest);
    let high = drawn.iter().flat_map(|d| &d.high).fold(f64::NEG_INFINITY, |a, b| a.max(*b));
    let low = planned.iter().fold(low, |a, p| a.min(p[1]));
    let high = planned.iter().fold(high, |a, p| a.max(p[1]));
    let least = if log { 1.0 } else { 0.02 * high.abs().max(1e-6) };
    let slack = ((least - (high - low)) / 2.0).max(0.0);
    let plot = plot(ui, id, log)
        .include_y(low - slack)
        .include_y(high + slack)
        .include_x(0.0)
        .height(ui.available_height())
        .allow_scroll(false)
        .show_grid([false, true])
        .grid_color(t.line)
        .link_cursor(egui::Id::unique("epoch cursor"), [true, false])
        .y_axis_min_width(46.0)
        .y_axis_formatter(move |mark, _| {
            if log { format::brief(linear(mark.value)) } else { format::tick(mark.value, mark.step_size) }
        })
        .x_axis_formatter(|mark, _| {
            if mark.value.fract() == 0.0 && mark.value >= 0.0 {
                format::count(mark.value as u128)
            } else {
                String::new()
            }
        });
    let epochs = &history.epochs;
    let y = |v: f32| if log { f64::from(v).max(FLOOR).log10() } else { f64::from(v) };
    let shown = curves::quiet(plot).show(ui, |plot| {
        if !planned.is_empty() {
            plot.line(Line::new("planned", PlotPoints::from(planned.to_vec())).color(t.hint).width(1.2));
        }
        for d in drawn {
            d.show(plot);
        }
        if !plot.response().hovered() {
            return None;
        }
        // Values as they were, also where the line is drawn from means.
        let exact: Vec<Vec<[f64; 2]>> = curves
            .iter()
            .map(|(_, c, _)| epochs.iter().zip(&c.last).map(|(&epoch, &v)| [epoch as f64, y(v)]).collect())
            .collect();
        let known = curves.iter().zip(&exact);
        let known = known.map(|((name, _, colour), points)| Curve { name, colour: *colour, points, joined: false });
        let plan = Curve { name: "planned", colour: t.hint, points: planned, joined: true };
        let all: Vec<Curve<'_>> = known.chain([plan]).collect();
        curves::read(plot, &all)
    });
    let epoch = |x: f64| format!("epoch {}", format::count(x.round().max(0.0) as u128));
    curves::tell(&shown.response, shown.inner.as_ref(), epoch, text);
}

/// Training and validation loss.
pub fn loss(ui: &mut Ui, history: &History, scale: Scale, t: &Tokens) {
    let curves = [
        ("train".to_owned(), &history.train_loss, t.positive),
        ("validation".to_owned(), &history.val_loss, t.negative),
    ];
    draw(ui, "loss", history, &curves, scale == Scale::Log, t);
}

/// Accuracy; for numbers R² or the mean absolute error, as chosen.
pub fn metric(ui: &mut Ui, history: &History, chosen: &mut usize, t: &Tokens) {
    let names = history.metric_names();
    *chosen = (*chosen).min(names.len() - 1);
    match names {
        [_, _] => {
            ui.horizontal(|ui| {
                ui.label(title("Metric"));
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    let choices = [
                        (1, "mean absolute error", "On validation rows, in units of the target"),
                        (0, "R²", "Share of the variance on validation rows that is explained"),
                    ];
                    segmented(ui, chosen, &choices);
                });
            });
        }
        _ => heading(ui, "Accuracy", "validation"),
    }
    let Some(curve) = history.metrics.get(*chosen) else { return };
    draw(ui, "metric", history, &[(names[*chosen].to_owned(), curve, t.positive)], false, t);
}

/// Norm of the gradient of each layer.
pub fn norms(ui: &mut Ui, model: &Model, history: &History, t: &Tokens) {
    heading(ui, "Gradient norm per layer", "log");
    let name = |k: usize| model.document().network.name(history.layers[k]);
    let curves: Vec<Named<'_>> =
        history.gradient_norms.iter().enumerate().map(|(k, c)| (name(k), c, t.class(k + 1))).collect();
    draw(ui, "norms", history, &curves, true, t);
}

/// The learning rate: as it was, and as the schedule plans it.
pub fn rate(ui: &mut Ui, model: &Model, history: &History, t: &Tokens) {
    heading(ui, "Learning rate", "log");
    let training = &model.document().training;
    let planned = if training.schedule == Schedule::Constant { Vec::new() } else { plan(training) };
    let curves = [("η".to_owned(), &history.learning_rate, t.accent)];
    draw_with(ui, "rate", history, &curves, true, &planned, t);
}

/// The planned learning rate over all epochs, on a logarithmic scale.
fn plan(training: &TrainConfig) -> Vec<[f64; 2]> {
    const POINTS: u64 = 400;
    const EPOCHS: u64 = 200;
    let epochs = training.epochs.unwrap_or(EPOCHS) as f64;
    let at = |i: u64| {
        let epoch = epochs * i as f64 / POINTS as f64;
        let rate = f64::from(training.learning_rate) * training.schedule.factor(epoch, 0.0);
        [epoch, rate.max(FLOOR).log10()]
    };
    // A warm-up begins at zero, which a logarithmic scale cannot show.
    (1..=POINTS).map(at).collect()
}
