//! Curves over epochs.

use super::super::model::Model;
use super::super::theme::{HINT, Tokens};
use super::super::widgets::{count, plot, short, trimmed};
use super::head;
use crate::train::{Curve, History};
use egui::{Color32, Ui};
use egui_plot::{HoverPosition, Line, PlotPoints, Points};

/// The vertical axis of the loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    Linear,
    #[default]
    Log,
}

/// Points that one line is drawn with.
const MOST: usize = 700;
/// The smallest value that a logarithmic axis shows.
const FLOOR: f64 = 1e-12;

type Named<'a> = (String, &'a Curve, Color32);

/// One line a curve, thinned so that no peak is lost.
fn line(epochs: &[u64], curve: &Curve, log: bool) -> Vec<[f64; 2]> {
    let step = epochs.len().div_ceil(MOST).max(1);
    let y = |v: f32| if log { f64::from(v).max(FLOOR).log10() } else { f64::from(v) };
    let mut points = Vec::new();
    let n = epochs.len().min(curve.last.len());
    for from in (0..n).step_by(step) {
        let to = (from + step).min(n);
        let x = epochs[to - 1] as f64;
        let high = curve.high[from..to].iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let low = curve.low[from..to].iter().copied().fold(f32::INFINITY, f32::min);
        let last = curve.last[to - 1];
        if high > low && step > 1 {
            points.push([x, y(high)]);
            points.push([x, y(low)]);
        }
        points.push([x, y(last)]);
    }
    points
}

fn draw(ui: &mut Ui, id: &str, history: &History, curves: &[Named<'_>], log: bool, t: &Tokens) {
    if curves.iter().all(|(_, c, _)| c.last.is_empty()) {
        let rect = ui.available_rect_before_wrap();
        super::super::widgets::centred(ui, rect, "Nothing yet", "Press play: the curve grows with every epoch");
        ui.allocate_rect(rect, egui::Sense::hover());
        return;
    }
    ui.horizontal_wrapped(|ui| {
        for (name, curve, colour) in curves.iter().take(12) {
            // Values where there is room for them.
            let value = curve.latest().filter(|_| curves.len() <= 2).map(|v| format!(" {}", short(f64::from(v))));
            let text = format!("{name}{}", value.unwrap_or_default());
            ui.label(egui::RichText::new(text).size(HINT).color(*colour));
        }
    });
    let text = move |v: f64| if log { short(10_f64.powf(v)) } else { short(v) };
    let lines: Vec<(String, Vec<[f64; 2]>, Color32)> =
        curves.iter().map(|(name, c, colour)| (name.clone(), line(&history.epochs, c, log), *colour)).collect();
    // A flat curve stands in the middle of a readable range.
    let (low, high) = lines
        .iter()
        .flat_map(|(_, points, _)| points)
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), p| (a.min(p[1]), b.max(p[1])));
    let least = if log { 1.0 } else { 0.02 * high.abs().max(1e-6) };
    let slack = ((least - (high - low)) / 2.0).max(0.0);
    let plot = plot(ui, id, if log { 1.0 } else { 0.0 })
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
            let whole = (mark.value - mark.value.round()).abs() < 1e-9;
            if log && !whole { String::new() } else { trimmed(&text(mark.value)) }
        })
        .x_axis_formatter(|mark, _| {
            if mark.value.fract() == 0.0 && mark.value >= 0.0 { count(mark.value as u128) } else { String::new() }
        })
        .label_formatter(move |hover| match hover {
            HoverPosition::NearDataPoint { plot_name, position, .. } => {
                Some(format!("{plot_name}\nepoch {:.0}\n{}", position.x, text(position.y)))
            }
            HoverPosition::Elsewhere { position } => {
                Some(format!("epoch {:.0}\n{}", position.x.max(0.0), text(position.y)))
            }
        });
    plot.show(ui, |plot| {
        for (name, points, colour) in lines {
            if let [only] = points[..] {
                plot.points(Points::new(name, vec![only]).color(colour).radius(3.0));
            } else {
                plot.line(Line::new(name, PlotPoints::from(points)).color(colour).width(1.6));
            }
        }
    });
}

/// Training and validation loss.
pub fn loss(ui: &mut Ui, history: &History, scale: Scale, t: &Tokens) {
    let curves = [
        ("train".to_owned(), &history.train_loss, t.positive),
        ("validation".to_owned(), &history.val_loss, t.negative),
    ];
    draw(ui, "loss", history, &curves, scale == Scale::Log, t);
}

/// Accuracy, or R².
pub fn metric(ui: &mut Ui, history: &History, t: &Tokens) {
    let Some(curve) = history.metrics.first() else {
        head(ui, "Metric", "");
        return;
    };
    let name = history.metric_names()[0];
    let heading = if name == "accuracy" { "Accuracy" } else { name };
    let mae = history.metrics.get(1).and_then(Curve::latest);
    let more = mae.map_or_else(
        || "validation".to_owned(),
        |v| format!("validation · mean absolute error {}", short(f64::from(v))),
    );
    head(ui, heading, &more);
    draw(ui, "metric", history, &[(name.to_owned(), curve, t.positive)], false, t);
}

/// Norm of the gradient of each layer.
pub fn norms(ui: &mut Ui, model: &Model, history: &History, t: &Tokens) {
    head(ui, "Gradient norm per layer", "log");
    let name = |k: usize| model.document().network.name(history.layers[k]);
    let curves: Vec<Named<'_>> =
        history.gradient_norms.iter().enumerate().map(|(k, c)| (name(k), c, t.class(k + 1))).collect();
    draw(ui, "norms", history, &curves, true, t);
}

/// The learning rate.
pub fn rate(ui: &mut Ui, history: &History, t: &Tokens) {
    head(ui, "Learning rate", "log");
    draw(ui, "rate", history, &[("η".to_owned(), &history.learning_rate, t.accent)], true, t);
}
