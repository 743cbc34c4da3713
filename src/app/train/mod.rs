//! The Train workspace: settings on the left, a dashboard of tiles beside them.

mod confusion;
mod plots;
mod ridgeline;
mod scores;

use super::experiment::ExperimentKind;
use super::icon;
use super::keyboard;
use super::picture::{KernelGrid, Pictures, weights_image};
use super::prediction_plots;
use super::state::Model;
use super::theme::{Tokens, tokens};
use super::transport::training_settings;
use super::widgets::{self, at, choice, heading, hint, label, title};
use crate::app::widgets::FollowFocus as _;
use crate::format;
use crate::nn::{Encoding, LayerId};
use egui::{
    Align, Color32, Frame, Layout, Panel, Rect, ScrollArea, TextureHandle, TextureOptions, Ui, UiBuilder, pos2, vec2,
};
use plots::Scale;
use std::sync::Arc;

/// View state of the workspace.
#[derive(Default)]
pub struct TrainView {
    loss_scale: Scale,
    /// Which of the metrics is drawn.
    metric: usize,
    layer: Option<LayerId>,
    /// The tile that fills the workspace.
    large: Option<Tile>,
    weights: Option<TextureHandle>,
    weights_of: (Arc<Vec<f32>>, Option<LayerId>, bool),
    scores: scores::ScoresView,
}

const GAP: f32 = 12.0;
const LOWEST: f32 = 250.0;

#[derive(Clone, Copy, PartialEq)]
enum Tile {
    Loss,
    Metric,
    Norms,
    Histogram,
    Weights,
    Surface,
    /// The surface of a regression: a number at each point of the plane, not a decision.
    Output,
    Curve,
    Confusion,
    Rate,
    Scores,
}

impl Tile {
    fn name(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::Metric => "metric",
            Self::Norms => "gradient norms",
            Self::Histogram => "weights over time",
            Self::Weights => "weights now",
            Self::Surface => "decision surface",
            Self::Output => "model output",
            Self::Curve => "fitted curve",
            Self::Confusion => "confusion matrix",
            Self::Rate => "learning rate",
            Self::Scores => "scores",
        }
    }
}

/// The experiments that can be made with the network on screen.
fn experiments(ui: &mut Ui) -> Option<ExperimentKind> {
    let mut wanted = None;
    ui.add_space(8.0);
    ui.label(title("Experiments"));
    let wide = vec2(ui.available_width() - 8.0, 28.0);
    for (text, hover, kind) in [
        (
            "Find learning rate…",
            "Raises it from update to update, sees where the loss falls fastest, and proposes a rate",
            ExperimentKind::Rates,
        ),
        (
            "Cross-validate…",
            "Trains once for each fold of the rows and shows how far the score spreads",
            ExperimentKind::Folds,
        ),
    ] {
        if ui.add(egui::Button::new(text).min_size(wide)).on_hover_text(hover).clicked() {
            wanted = Some(kind);
        }
    }
    wanted
}

impl TrainView {
    /// Draws the workspace; returns an experiment that is wanted.
    pub fn ui(&mut self, ui: &mut Ui, model: &Model, pictures: &Pictures) -> Option<ExperimentKind> {
        let layers = &model.snapshot().history.layers;
        if self.layer.is_none_or(|l| !layers.contains(&l)) {
            self.layer = layers.first().copied();
        }
        let t = tokens(ui);
        let side = Frame::new().fill(t.panel).inner_margin(12);
        let wanted = if model.is_bare() { None } else { self.settings(ui, model, side) };
        let middle = Frame::new().fill(t.background).inner_margin(GAP);
        egui::CentralPanel::no_frame().frame(middle).show(ui, |ui| self.dashboard(ui, model, pictures, t));
        wanted
    }

    fn settings(&mut self, ui: &mut Ui, model: &Model, side: Frame) -> Option<ExperimentKind> {
        let panel = Panel::left("training settings").exact_size(300.0).resizable(false).frame(side);
        let shown = panel.show(ui, |ui| {
            let scroll = ScrollArea::vertical().auto_shrink(false).show_with_focus(ui, |ui| {
                ui.label(title("Training"));
                ui.add(egui::Label::new(label(ui, "Changes act at once, also while training runs.")).wrap());
                ui.add_space(4.0);
                let notes = model.is_current().then(|| Arc::clone(&model.snapshot().notes));
                for note in notes.iter().flat_map(|notes| notes.iter()) {
                    widgets::message(ui, icon::INFO, tokens(ui).label, "", note);
                }
                training_settings(ui, model, true);
                let wanted = experiments(ui);
                self.layer_choice(ui, model);
                wanted
            });
            scroll.inner
        });
        shown.inner
    }

    fn layer_choice(&mut self, ui: &mut Ui, model: &Model) {
        let layers = &model.snapshot().history.layers;
        let Some(current) = self.layer else { return };
        ui.add_space(8.0);
        ui.label(title("Layer to watch"));
        ui.label(hint(ui, "In the tiles of weights"));
        ui.spacing_mut().combo_width = ui.available_width() - 8.0;
        let name = |id| model.document().network.name(id);
        if let Some(id) = choice(ui, "Layer to watch", current, layers.iter().copied(), name, |a, b| a == b) {
            self.layer = Some(id);
        }
    }

    fn dashboard(&mut self, ui: &mut Ui, model: &Model, pictures: &Pictures, t: &Tokens) {
        let classes = model.inference().encoding().is_some_and(|e| e != Encoding::Values);
        let sixth = match model.dataset().map(|d| d.features()) {
            Some(1) => Tile::Curve,
            _ if pictures.bounds.is_some() && classes => Tile::Surface,
            _ if pictures.bounds.is_some() => Tile::Output,
            _ if classes => Tile::Confusion,
            _ => Tile::Rate,
        };
        let mut tiles =
            vec![Tile::Loss, Tile::Scores, Tile::Metric, Tile::Norms, Tile::Histogram, Tile::Weights, sixth];
        if classes && !matches!(sixth, Tile::Confusion) {
            tiles.push(Tile::Confusion);
        }
        if !matches!(sixth, Tile::Rate) {
            tiles.push(Tile::Rate);
        }
        let area = ui.available_rect_before_wrap();
        self.large = self.large.filter(|large| tiles.contains(large));
        if let Some(large) = self.large {
            self.place(ui, model, pictures, (large, area), t);
            return;
        }
        let columns = if area.width() > 960.0 { 3 } else { 2 };
        let rows = tiles.len().div_ceil(columns);
        let width = (area.width() - GAP * (columns - 1) as f32) / columns as f32;
        let height = ((area.height() - GAP) / 2.0).max(LOWEST);
        ScrollArea::vertical().auto_shrink(false).show_with_focus(ui, |ui| {
            ui.set_min_height(rows as f32 * (height + GAP) - GAP);
            let origin = ui.max_rect().min;
            for (i, tile) in tiles.into_iter().enumerate() {
                let corner = origin + vec2((i % columns) as f32 * (width + GAP), (i / columns) as f32 * (height + GAP));
                let rect = Rect::from_min_size(corner, vec2(width, height));
                if ui.is_rect_visible(rect) {
                    self.place(ui, model, pictures, (tile, rect), t);
                }
            }
        });
    }

    /// A tile in its place, with the button that enlarges it.
    fn place(&mut self, ui: &mut Ui, model: &Model, pictures: &Pictures, (tile, rect): (Tile, Rect), t: &Tokens) {
        let mut inner = ui.new_child(UiBuilder::new().max_rect(rect).layout(Layout::top_down(Align::Min)));
        widgets::card(ui).show(&mut inner, |ui| {
            ui.set_min_size(ui.available_size());
            self.tile(ui, model, pictures, tile, t);
        });
        let large = self.large.is_some();
        let escaped = large && keyboard::escaped(ui.ctx());
        if widgets::enlarge(ui, rect, tile.name(), large) || escaped {
            self.large = if large { None } else { Some(tile) };
        }
    }

    fn tile(&mut self, ui: &mut Ui, model: &Model, pictures: &Pictures, tile: Tile, t: &Tokens) {
        let history = Arc::clone(&model.snapshot().history);
        let layer = self.layer.map(|l| model.document().network.name(l)).unwrap_or_default();
        match tile {
            Tile::Loss => {
                ui.horizontal(|ui| {
                    ui.label(title("Loss"));
                    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                        widgets::segmented(
                            ui,
                            &mut self.loss_scale,
                            &[(Scale::Linear, "linear", "Linear axis"), (Scale::Log, "log", "Logarithmic axis")],
                        );
                    });
                });
                plots::loss(ui, &history, self.loss_scale, t);
            }
            Tile::Metric => plots::metric(ui, &history, &mut self.metric, t),
            Tile::Norms => plots::norms(ui, model, &history, t),
            Tile::Rate => plots::rate(ui, model, &history, t),
            Tile::Scores => {
                heading(ui, "Scores", &scores::parameters(model));
                self.scores.ui(ui, model);
            }
            Tile::Confusion => {
                let when = scores::test_epoch(model).map_or_else(String::new, |epoch| format!(" at epoch {epoch}"));
                heading(ui, "Confusion matrix", &format!("test rows{when}, predicted across"));
                confusion::ui(ui, model, t);
            }
            Tile::Histogram => {
                heading(ui, "Weights over time", &layer);
                let index = self.layer.and_then(|l| history.layers.iter().position(|k| *k == l));
                ridgeline::ui(ui, &history, index, t);
            }
            Tile::Weights => {
                heading(ui, "Weights now", &layer);
                self.weight_image(ui, model, t);
            }
            Tile::Surface | Tile::Output => {
                let name = if tile == Tile::Surface { "Decision surface" } else { "Model output" };
                heading(ui, name, "test rows ringed white");
                let rect = ui.available_rect_before_wrap();
                let side = rect.width().min(rect.height()) - 4.0;
                prediction_plots::surface(
                    ui,
                    model,
                    pictures,
                    Rect::from_center_size(rect.center(), vec2(side, side)),
                    t,
                );
            }
            Tile::Curve => {
                heading(ui, "Fitted curve", "");
                if let Some(data) = model.dataset().cloned() {
                    prediction_plots::curve(ui, &data, pictures, ui.available_height(), t);
                }
            }
        }
    }

    fn weight_image(&mut self, ui: &mut Ui, model: &Model, t: &Tokens) {
        let params = &model.snapshot().params;
        let dark = ui.visuals().dark_mode;
        let plan = model.snapshot().plan.clone();
        let weight = plan.as_ref().and_then(|plan| {
            plan.parameters
                .iter()
                .find(|p| Some(p.layer) == self.layer && p.shape.decayed && matches!(p.shape.shape.len(), 2 | 4))
                .cloned()
        });
        let Some((weight, values)) = weight.and_then(|p| Some((p.clone(), params.get(p.range)?))) else { return };
        let (seen, seen_layer, seen_dark) = &self.weights_of;
        if !(Arc::ptr_eq(seen, params) && *seen_layer == self.layer && *seen_dark == dark) {
            self.weights_of = (Arc::clone(params), self.layer, dark);
            let Some(image) = weights_image(values, &weight.shape.shape, t) else { return };
            match &mut self.weights {
                Some(handle) => handle.set(image, TextureOptions::NEAREST),
                None => self.weights = Some(ui.ctx().load_texture("weight image", image, TextureOptions::NEAREST)),
            }
        }
        let rect = ui.available_rect_before_wrap();
        let picture = Rect::from_min_max(rect.min + vec2(0.0, 4.0), rect.max - vec2(0.0, 24.0));
        let Some(texture) = &self.weights else { return };
        ui.painter().image(texture.id(), picture, Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0)), Color32::WHITE);
        widgets::outline(ui, picture, 2);
        let response = ui.interact(picture, ui.scope_id().with("weight image"), egui::Sense::hover());
        let response = widgets::named(response, egui::accesskit::Role::Image, "Weight image");
        if let Some(p) = response.hover_pos() {
            let part = |at: f32, from: f32, size: f32, n: usize| {
                (((at - from) / size * n as f32).max(0.0) as usize).min(n - 1)
            };
            let down = |n| part(p.y, picture.top(), picture.height(), n);
            let across = |n| part(p.x, picture.left(), picture.width(), n);
            let text = match weight.shape.shape[..] {
                [inputs, outputs] => {
                    let (row, column) = (down(inputs), across(outputs));
                    let at = row * outputs + column;
                    format!("{}: w = {}", weight.shape.words(at), format::number(f64::from(values[at])))
                }
                [filters, channels, height, width] => {
                    let grid = KernelGrid::new([filters, channels, height, width]);
                    let (row, column) = (down(grid.down), across(grid.across));
                    match row * grid.beside + column / channels {
                        filter if filter < filters => {
                            format!("filter {}, channel {}", filter + 1, column % channels + 1)
                        }
                        _ => String::new(),
                    }
                }
                _ => String::new(),
            };
            if !text.is_empty() {
                response.on_hover_text_at_pointer(text);
            }
        }
        let foot = Rect::from_min_max(pos2(rect.left(), rect.bottom() - 20.0), rect.max);
        let strongest = format::number(f64::from(values.iter().fold(0.0_f32, |m, v| m.max(v.abs()))));
        let text = match weight.shape.shape[..] {
            [inputs, outputs] => format!("inputs down: {inputs}, units across: {outputs}; strongest {strongest}"),
            [filters, channels, height, width] => {
                let KernelGrid { beside, .. } = KernelGrid::new([filters, channels, height, width]);
                let order = if beside > 1 { format!(", {beside} filters a row") } else { String::new() };
                format!("filters: {filters}, channels: {channels}{order}; strongest {strongest}")
            }
            _ => String::new(),
        };
        at(ui, foot, Layout::left_to_right(Align::Center), |ui| ui.add(egui::Label::new(hint(ui, text)).truncate()));
    }
}
