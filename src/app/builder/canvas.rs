//! The network on the canvas: pan, zoom, select, move, wire; neurons and weights up close, cards from afar.

use super::super::diagram::edges::{bezier, distance, wire};
use super::super::diagram::layout::{self, Placed, bounds, place, route};
use super::super::model::Model;
use super::super::picture::{Pictures, weights_image};
use super::super::theme::{BODY, HINT, LABEL, RADIUS_LAYER, TITLE, Tokens, ink_on, regular, semibold, tokens};
use super::super::widgets::{self, at, icon_button, named, segmented, short};
use super::super::{icon, widgets::label};
use super::edits;
use crate::data::Targets;
use crate::nn::layers::{Links, palette};
use crate::nn::{Encoding, HeadTarget, LayerId, LayerKind, LayerSpec, Wire, volume};
use egui::accesskit::Role;
use egui::emath::TSTransform;
use egui::{
    Align, Align2, Color32, CornerRadius, CursorIcon, Id, Layout, Painter, Pos2, Rect, Response, RichText, Sense,
    Shape, Stroke, StrokeKind, TextureHandle, TextureOptions, Ui, Vec2, pos2, vec2,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the lines between neurons show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Lines {
    #[default]
    Weights,
    Gradients,
}

/// View state of the canvas.
pub struct Canvas {
    /// From canvas units to screen points, relative to the canvas' corner.
    view: TSTransform,
    fitted: bool,
    fit_next: bool,
    lines: Lines,
    matrices: BTreeMap<LayerId, TextureHandle>,
    matrices_of: (Arc<Vec<f32>>, bool, Lines),
    /// A layer on its way to another place, with the way so far.
    moving: Option<(LayerId, Vec2)>,
    wiring: Option<LayerId>,
    band: Option<Pos2>,
    menu_at: Option<Wire>,
}

impl Default for Canvas {
    fn default() -> Self {
        Self {
            view: TSTransform::IDENTITY,
            fitted: false,
            fit_next: true,
            lines: Lines::Weights,
            matrices: BTreeMap::new(),
            matrices_of: Default::default(),
            moving: None,
            wiring: None,
            band: None,
            menu_at: None,
        }
    }
}

/// Below this zoom a layer is a card without neurons.
const NEURONS_FROM: f32 = 0.36;
/// From this zoom on the names of single units can be read.
const NAMES_FROM: f32 = 0.95;
/// The same for features and outputs, whose names say more.
const END_NAMES_FROM: f32 = 0.6;
/// Height of the titles above a layer, in points at any zoom.
const TITLES: f32 = 36.0;
/// A layer that is dragged less far stays where it was.
const MOVED: f32 = 4.0;
const ZOOM: std::ops::RangeInclusive<f32> = 0.08..=4.0;

/// What lies under the pointer.
enum Hover {
    Neuron(LayerId, usize),
    Weight { from: usize, to: usize, layer: LayerId },
}

impl Canvas {
    /// Shows the whole network in the next frame.
    pub fn fit(&mut self) {
        self.fit_next = true;
    }

    /// Draws the canvas over the rest of `ui`.
    pub fn ui(&mut self, ui: &mut Ui, model: &mut Model, pictures: &Pictures) {
        let t = tokens(ui);
        let (area, background) = ui.allocate_exact_size(ui.available_size(), Sense::click_and_drag());
        let background = named(background, Role::Canvas, "Network canvas");
        ui.painter().rect_filled(area, 0.0, t.background);
        let mut placed = place(&model.document().network, &model.inference);
        self.navigate(ui, &background, area, &placed);
        if let Some((p, way)) = self.moving.and_then(|(id, way)| Some((placed.get_mut(&id)?, way))) {
            p.rect = p.rect.translate(way);
        }
        let to_screen = TSTransform::from_translation(area.min.to_vec2()) * self.view;
        let painter = ui.painter().with_clip_rect(area);
        grid(&painter, area, to_screen, t);
        self.refresh_matrices(ui, model, t);

        let close = self.view.scaling >= NEURONS_FROM;
        let mut hover = None;
        let pointer =
            ui.input(|i| i.pointer.hover_pos()).filter(|p| area.contains(*p) && background.contains_pointer());
        let under = |p: Pos2| to_screen.inverse() * p;
        for w in &model.document().network.wires {
            let (Some(from), Some(to)) = (placed.get(&w.from), placed.get(&w.to)) else { continue };
            let fine = close && !from.shown.is_empty() && !to.shown.is_empty();
            let between = if fine { lines_between(model, *w, from, to) } else { Between::Nothing };
            // How high a wire goes that is led over other layers.
            let mut arch = None;
            if between == Between::Nothing {
                let curves = route(w.from, w.to, &placed, TITLES / self.view.scaling).unwrap_or_default();
                arch = curves.get(1).map(|over| over[0].y);
                for curve in curves {
                    bezier(&painter, curve.map(|p| to_screen * p), Stroke::new(2.0, t.hint));
                }
            } else {
                let under = pointer.map(under);
                let found = self.draw_weights(&painter, model, *w, between, from, to, to_screen, t, under);
                hover = hover.or(found);
            }
            shape_label(&painter, model, *w, (from, to), arch, to_screen, t);
        }
        let onto = self.moving.filter(|(_, way)| way.length() >= MOVED).and_then(|(id, _)| {
            let wire = wire_under(model, id, &placed)?;
            placed.get(&wire.from).zip(placed.get(&wire.to))
        });
        if let Some((from, to)) = onto {
            let curve = wire(to_screen * from.right_port(), to_screen * to.left_port());
            bezier(&painter, curve, Stroke::new(4.0, t.accent));
        }
        self.draw_layers(ui, model, pictures, &placed, to_screen, area, &mut hover, pointer);
        if let (Some(from), Some(p)) = (self.wiring.and_then(|id| placed.get(&id)), ui.input(|i| i.pointer.hover_pos()))
        {
            bezier(&painter, wire(to_screen * from.right_port(), p), Stroke::new(2.0, t.accent));
        }
        self.receive_drop(ui, &background, model, &placed, to_screen, &painter, t);
        self.select_band(ui, &background, model, &placed, to_screen, &painter, t);
        self.context_menu(&background, model, &placed, to_screen);
        let escaped = ui.input(|i| i.key_pressed(egui::Key::Escape)) && !ui.ctx().text_edit_focused();
        if background.clicked() || escaped {
            model.selection.clear();
        }
        if let (Some(hover), false) = (hover, ui.input(|i| i.pointer.any_down())) {
            tooltip(ui, &background, model, pictures, &hover);
        }
        self.tools(ui, model, area);
        global_problems(ui, model, area);
    }

    fn navigate(&mut self, ui: &Ui, background: &Response, area: Rect, placed: &BTreeMap<LayerId, Placed>) {
        let band = ui.input(|i| i.modifiers.shift);
        if (background.dragged_by(egui::PointerButton::Primary) && !band && self.band.is_none())
            || background.dragged_by(egui::PointerButton::Middle)
        {
            self.view.translation += background.drag_delta();
            self.fitted = false;
        }
        if let Some(p) = ui.input(|i| i.pointer.hover_pos()).filter(|p| area.contains(*p) && ui.ui_contains_pointer()) {
            let (zoom, scroll) = ui.input(|i| (i.zoom_delta(), i.smooth_scroll_delta.y));
            let factor = zoom * (scroll * 0.004).exp();
            if (factor - 1.0).abs() > 1e-4 {
                self.zoom_around(p - area.min.to_vec2(), factor);
            }
        }
        if self.fit_next || self.fitted {
            self.fit_next = false;
            self.fitted = true;
            let all = bounds(placed);
            // Titles and footers keep their size at any zoom, and the tools stand at the foot.
            let room = Rect::from_min_max(pos2(10.0, 64.0), area.size().to_pos2() - vec2(10.0, 92.0));
            let scale = (room.width() / all.width()).min(room.height() / all.height()).clamp(*ZOOM.start(), 1.25);
            let centre = room.center();
            self.view = TSTransform::new(centre.to_vec2() - all.center().to_vec2() * scale, scale);
        }
    }

    fn zoom_around(&mut self, p: Pos2, factor: f32) {
        let target = (self.view.scaling * factor).clamp(*ZOOM.start(), *ZOOM.end());
        let fixed = self.view.inverse() * p;
        self.view = TSTransform::new(p.to_vec2() - fixed.to_vec2() * target, target);
        self.fitted = false;
    }

    fn refresh_matrices(&mut self, ui: &Ui, model: &Model, t: &Tokens) {
        let dark = ui.visuals().dark_mode;
        let source = match self.lines {
            Lines::Weights => &model.snapshot.params,
            Lines::Gradients => &model.snapshot.grads,
        };
        let (seen, seen_dark, seen_lines) = &self.matrices_of;
        if Arc::ptr_eq(seen, source) && *seen_dark == dark && *seen_lines == self.lines {
            return;
        }
        self.matrices_of = (Arc::clone(source), dark, self.lines);
        self.matrices.retain(|id, _| model.document().network.layer(*id).is_some());
        let Some(plan) = model.snapshot.plan.as_ref().filter(|_| model.is_current()) else { return };
        for p in plan.parameters.iter().filter(|p| p.shape.decayed && p.shape.shape.len() == 2) {
            let Some(values) = source.get(p.range.clone()) else { continue };
            let Some(image) = weights_image(values, &p.shape.shape, t) else { continue };
            match self.matrices.get_mut(&p.layer) {
                Some(handle) => handle.set(image, TextureOptions::NEAREST),
                None => {
                    let name = format!("weights {}", p.layer.0);
                    self.matrices.insert(p.layer, ui.ctx().load_texture(name, image, TextureOptions::NEAREST));
                }
            }
        }
    }

    /// Lines between the drawn neurons of two layers; returns the weight under the pointer.
    #[allow(clippy::too_many_arguments)]
    fn draw_weights(
        &self,
        painter: &Painter,
        model: &Model,
        w: Wire,
        between: Between,
        from: &Placed,
        to: &Placed,
        to_screen: TSTransform,
        t: &Tokens,
        pointer: Option<Pos2>,
    ) -> Option<Hover> {
        let scale = to_screen.scaling;
        let tensor = model.snapshot.tensor(w.to, "weight").filter(|_| model.is_current());
        let ends = |i: usize, j: usize| wire(from.tile(i).right_center(), to.tile(j).left_center());
        let screen = |curve: [Pos2; 4]| curve.map(|p| to_screen * p);
        if between == Between::Units {
            // One line a unit: nothing is weighed here.
            for i in 0..from.shown.len().min(to.shown.len()) {
                bezier(painter, screen(ends(i, i)), Stroke::new((1.2 * scale).max(0.8), t.hint.gamma_multiply(0.6)));
            }
            return None;
        }
        let shown_value = |i: usize, j: usize| {
            let (weights, grads) = tensor?;
            let values = if self.lines == Lines::Weights { weights } else { grads };
            if let Between::Kernels(taps) = between {
                // The mean of the kernel between two channels.
                let kernel = values.get((to.shown[j] * from.units + from.shown[i]) * taps..)?.get(..taps)?;
                return Some(kernel.iter().sum::<f32>() / taps as f32);
            }
            values.get(from.shown[i] * to.units + to.shown[j]).copied()
        };
        let all = || (0..from.shown.len()).flat_map(|i| (0..to.shown.len()).map(move |j| (i, j)));
        let strongest = all()
            .filter_map(|(i, j)| shown_value(i, j))
            .fold(1e-9_f32, |m, v| if v.is_finite() { m.max(v.abs()) } else { m });
        let mut nearest: (f32, Option<Hover>) = (5.0 / scale, None);
        for (i, j) in all() {
            let curve = ends(i, j);
            let value = shown_value(i, j);
            let strength = value.map_or(0.15, |v| if v.is_finite() { v / strongest } else { 0.0 });
            let colour = match value {
                Some(_) => {
                    let end = if strength >= 0.0 { t.positive } else { t.negative };
                    end.gamma_multiply(0.25 + 0.75 * strength.abs())
                }
                None => t.hint.gamma_multiply(0.5),
            };
            bezier(painter, screen(curve), Stroke::new((0.5 + 4.0 * strength.abs()) * scale.max(0.5), colour));
            if let Some(p) = pointer {
                let d = distance(p, &curve);
                if d < nearest.0 && tensor.is_some() && between == Between::Weights {
                    let (from, to) = (from.shown[i], to.shown[j]);
                    nearest = (d, Some(Hover::Weight { from, to, layer: w.to }));
                }
            }
        }
        nearest.1
    }

    #[allow(clippy::too_many_arguments)]
    fn draw_layers(
        &mut self,
        ui: &mut Ui,
        model: &mut Model,
        pictures: &Pictures,
        placed: &BTreeMap<LayerId, Placed>,
        to_screen: TSTransform,
        area: Rect,
        hover: &mut Option<Hover>,
        pointer: Option<Pos2>,
    ) {
        let t = tokens(ui);
        let layers: Vec<LayerSpec> = model.document().network.layers.clone();
        let network_pitch = column_pitch(placed) * to_screen.scaling;
        for layer in &layers {
            let Some(p) = placed.get(&layer.id) else { continue };
            let rect = to_screen.mul_rect(p.rect);
            if !rect.expand(60.0).intersects(area) {
                continue;
            }
            self.interact(ui, model, layer, rect.intersect(area), placed, to_screen);
            let painter = ui.painter().with_clip_rect(area);
            let selected = model.selection.contains(&layer.id);
            let broken = model.inference.problems.iter().any(|problem| problem.layer == Some(layer.id));
            let stroke = if broken {
                Stroke::new(1.5, t.problem)
            } else if selected {
                Stroke::new(2.0, t.accent)
            } else {
                Stroke::new(1.0, t.line)
            };
            let radius = (f32::from(RADIUS_LAYER) * to_screen.scaling).clamp(3.0, 20.0);
            painter.rect(rect, radius, t.panel, stroke, StrokeKind::Inside);
            if to_screen.scaling >= NEURONS_FROM {
                self.draw_neurons(&painter, model, pictures, layer, p, to_screen, t);
                if let Some(pointer) = pointer {
                    let inside = (0..p.shown.len()).find(|&i| to_screen.mul_rect(p.tile(i)).contains(pointer));
                    if let Some(i) = inside {
                        *hover = Some(Hover::Neuron(layer.id, p.shown[i]));
                    }
                }
            } else if p.units > 0 {
                let size = (p.rect.width() * to_screen.scaling * 0.34).clamp(7.0, 22.0);
                painter.text(rect.center(), Align2::CENTER_CENTER, p.units, semibold(size), t.text);
            }
            titles(&painter, layer, rect, network_pitch, t);
            footer(&painter, model, layer.id, p, rect, network_pitch, t);
            self.ports(ui, model, layer, rect, to_screen.scaling, area);
            if broken {
                problem(ui, model, layer.id, rect, area);
            }
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn interact(
        &mut self,
        ui: &mut Ui,
        model: &mut Model,
        layer: &LayerSpec,
        rect: Rect,
        placed: &BTreeMap<LayerId, Placed>,
        to_screen: TSTransform,
    ) {
        let id = layer.id;
        let response = ui.interact(rect, Id::unique(("layer", id.0)), Sense::click_and_drag());
        let caption = layer.kind.definition().caption();
        let response = named(response, Role::Button, &format!("{}: {caption}", layer.name));
        let several = ui.input(|i| i.modifiers.command || i.modifiers.shift);
        if response.clicked() || (response.secondary_clicked() && !model.selection.contains(&id)) {
            if several && !model.selection.remove(&id) {
                model.selection.insert(id);
            } else if !several {
                model.selection = std::iter::once(id).collect();
            }
        }
        if response.dragged() {
            let way = self.moving.filter(|(m, _)| *m == id).map_or(Vec2::ZERO, |(_, way)| way);
            self.moving = Some((id, way + response.drag_delta() / to_screen.scaling));
        }
        if response.drag_stopped()
            && let Some((_, way)) = self.moving.take()
        {
            self.dropped(model, id, way, placed);
        }
        response.on_hover_cursor(CursorIcon::Grab).context_menu(|ui| layer_menu(ui, model, id));
    }

    /// A moved layer: onto another wire it changes its place in the chain, elsewhere its place on the canvas.
    fn dropped(&mut self, model: &mut Model, id: LayerId, way: Vec2, placed: &BTreeMap<LayerId, Placed>) {
        let Some(centre) = placed.get(&id).map(|p| p.rect.center()).filter(|_| way.length() >= MOVED) else { return };
        if let Some(wire) = wire_under(model, id, placed) {
            edits::move_to_wire(model, id, wire);
        } else {
            self.fitted = false;
            model.edit("Move layer", None, |d| {
                if let Some(layer) = d.network.layer_mut(id) {
                    layer.position = Some([centre.x.round(), centre.y.round()]);
                }
            });
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn draw_neurons(
        &self,
        painter: &Painter,
        model: &Model,
        pictures: &Pictures,
        layer: &LayerSpec,
        p: &Placed,
        to_screen: TSTransform,
        t: &Tokens,
    ) {
        let strongest = pictures.strongest(layer.id).max(if p.units == 1 { 1.0 } else { 1e-6 });
        for (i, &unit) in p.shown.iter().enumerate() {
            let rect = to_screen.mul_rect(p.tile(i));
            let radius = CornerRadius::from(5.0 * to_screen.scaling);
            if let Some((texture, cut)) = pictures.map(layer.id, unit).filter(|_| p.maps) {
                painter.image(texture, rect, cut, Color32::WHITE);
                painter.rect_stroke(rect, 1.0, Stroke::new(1.0, t.line), StrokeKind::Outside);
            } else if let Some((texture, cut)) = pictures.tile(layer.id, unit).filter(|_| !p.maps) {
                let picture = egui::epaint::RectShape::filled(rect, radius, Color32::WHITE).with_texture(texture, cut);
                painter.add(picture);
            } else if let Some((_, a)) = pictures.value(layer.id, unit).filter(|_| !p.maps) {
                let fill = t.signed(a / strongest);
                painter.circle(rect.center(), rect.width() / 2.0, fill, Stroke::new(1.0, t.line));
                let size = 13.0 * to_screen.scaling;
                if size > 7.5 {
                    painter.text(rect.center(), Align2::CENTER_CENTER, value_text(a), regular(size), ink_on(fill));
                }
            } else {
                painter.circle(rect.center(), rect.width() / 2.0, t.raised, Stroke::new(1.0, t.line));
            }
            let ends = layer.kind.is_input() || layer.kind.is_output();
            let scale = to_screen.scaling;
            if (ends && scale > END_NAMES_FROM) || (p.is_selection() && scale > NAMES_FROM) {
                let name = unit_name(model, layer, unit);
                let width = layout::BOX_WIDTH * scale - 8.0;
                let mut job = egui::text::LayoutJob::simple_singleline(name, regular(10.0), t.label);
                job.wrap = egui::text::TextWrapping::truncate_at_width(width);
                let galley = painter.layout_job(job);
                let left = rect.center().x - galley.size().x / 2.0;
                painter.galley(pos2(left, rect.bottom() + 1.0), galley, t.label);
            }
        }
        if p.is_selection() {
            let rect = to_screen.mul_rect(p.matrix());
            if let Some(texture) = self.matrices.get(&layer.id) {
                let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
                painter.image(texture.id(), rect, uv, Color32::WHITE);
                painter.rect_stroke(rect, 2.0, Stroke::new(1.0, t.line), StrokeKind::Outside);
            }
        }
    }

    /// The handle on the right edge, from which a wire can be drawn to another layer.
    fn ports(&mut self, ui: &mut Ui, model: &mut Model, layer: &LayerSpec, rect: Rect, scale: f32, area: Rect) {
        if layer.kind.is_output() || !area.contains(rect.right_center()) {
            return;
        }
        let t = tokens(ui);
        let grip = Rect::from_center_size(rect.right_center(), Vec2::splat((16.0 * scale).clamp(10.0, 20.0)));
        let response = ui.interact(grip, Id::unique(("port", layer.id.0)), Sense::drag());
        let response = named(response, Role::Button, &format!("Output of {}: drag to connect", layer.name));
        if response.hovered() || self.wiring == Some(layer.id) {
            ui.painter().with_clip_rect(area).circle(
                grip.center(),
                grip.width() / 3.0,
                t.accent,
                Stroke::new(1.0, t.panel),
            );
        }
        if response.drag_started() {
            self.wiring = Some(layer.id);
        }
        if response.drag_stopped() {
            self.wiring = None;
            let over =
                ui.input(|i| i.pointer.latest_pos()).and_then(|p| ui.ctx().read_response(layer_under(ui, model, p)?));
            let target = over
                .and_then(|r| model.document().network.layers.iter().find(|l| Id::unique(("layer", l.id.0)) == r.id));
            if let Some(to) = target.map(|l| l.id).filter(|&to| to != layer.id) {
                edits::connect(model, layer.id, to);
            }
        }
    }

    /// A layer that was dragged here from the palette.
    #[allow(clippy::too_many_arguments)]
    fn receive_drop(
        &mut self,
        ui: &Ui,
        background: &Response,
        model: &mut Model,
        placed: &BTreeMap<LayerId, Placed>,
        to_screen: TSTransform,
        painter: &Painter,
        t: &Tokens,
    ) {
        let Some(p) = ui.input(|i| i.pointer.latest_pos()).filter(|p| background.rect.contains(*p)) else { return };
        let at = to_screen.inverse() * p;
        let wires = &model.document().network.wires;
        let target = wires.iter().find(|w| wire_at(at, **w, placed)).copied();
        if egui::DragAndDrop::has_payload_of_type::<LayerKind>(ui.ctx()) {
            if let Some((from, to)) = target.and_then(|w| Some((placed.get(&w.from)?, placed.get(&w.to)?))) {
                bezier(
                    painter,
                    wire(to_screen * from.right_port(), to_screen * to.left_port()),
                    Stroke::new(4.0, t.accent),
                );
            }
            painter.rect_stroke(
                Rect::from_center_size(p, vec2(70.0, 34.0)),
                8.0,
                Stroke::new(1.5, t.accent),
                StrokeKind::Inside,
            );
        }
        if ui.input(|i| i.pointer.any_released())
            && let Some(kind) = egui::DragAndDrop::take_payload::<LayerKind>(ui.ctx())
        {
            match target {
                Some(wire) => edits::insert_on_wire(model, (*kind).clone(), wire),
                None => {
                    self.fitted = false;
                    edits::add_at(model, (*kind).clone(), [at.x.round(), at.y.round()]);
                }
            }
        }
    }

    /// Shift and drag: a rectangle that selects.
    #[allow(clippy::too_many_arguments)]
    fn select_band(
        &mut self,
        ui: &Ui,
        background: &Response,
        model: &mut Model,
        placed: &BTreeMap<LayerId, Placed>,
        to_screen: TSTransform,
        painter: &Painter,
        t: &Tokens,
    ) {
        if background.drag_started() && ui.input(|i| i.modifiers.shift) {
            self.band = ui.input(|i| i.pointer.press_origin());
        }
        let (Some(from), Some(to)) = (self.band, ui.input(|i| i.pointer.latest_pos())) else { return };
        let band = Rect::from_two_pos(from, to);
        painter.rect(band, 2.0, t.accent.gamma_multiply(0.12), Stroke::new(1.0, t.accent), StrokeKind::Inside);
        model.selection =
            placed.iter().filter(|(_, p)| to_screen.mul_rect(p.rect).intersects(band)).map(|(id, _)| *id).collect();
        if background.drag_stopped() {
            self.band = None;
        }
    }

    fn context_menu(
        &mut self,
        background: &Response,
        model: &mut Model,
        placed: &BTreeMap<LayerId, Placed>,
        to_screen: TSTransform,
    ) {
        if background.secondary_clicked()
            && let Some(p) = background.interact_pointer_pos()
        {
            let at = to_screen.inverse() * p;
            self.menu_at = model.document().network.wires.iter().find(|w| wire_at(at, **w, placed)).copied();
        }
        let wire = self.menu_at;
        background.context_menu(|ui| match wire {
            Some(wire) => {
                let (from, to) = (model.document().network.name(wire.from), model.document().network.name(wire.to));
                ui.label(label(ui, format!("{from} to {to}")));
                for kind in palette() {
                    if ui.button(format!("Insert {}", kind.info().label.to_lowercase())).clicked() {
                        edits::insert_on_wire(model, kind, wire);
                    }
                }
                if ui.button("Remove wire").clicked() {
                    model.edit("Remove wire", None, |d| d.network.wires.retain(|w| *w != wire));
                }
            }
            None => {
                if ui.button("Fit network to view").clicked() {
                    self.fit();
                }
                if ui.button("Tidy up").clicked() {
                    edits::tidy(model);
                }
                if ui.button("Select all layers").clicked() {
                    model.selection = placed.keys().copied().collect();
                }
                if ui.button("New network for these data").clicked() {
                    model.reset_network();
                }
            }
        });
    }

    /// Zoom, what the lines show, and whose values the neurons show.
    fn tools(&mut self, ui: &mut Ui, model: &mut Model, area: Rect) {
        let t = tokens(ui);
        let strip = Rect::from_min_max(
            pos2(area.left() + 12.0, area.bottom() - 44.0),
            pos2(area.right() - 12.0, area.bottom() - 10.0),
        );
        let under = ui.painter().add(Shape::Noop);
        let used = at(ui, strip, Layout::left_to_right(Align::Center), |ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            let middle = (area.size() / 2.0).to_pos2();
            if icon_button(ui, icon::MINUS, "Zoom out", "scroll down", true).clicked() {
                self.zoom_around(middle, 1.0 / 1.25);
            }
            let percent = format!("{:.0} %", self.view.scaling * 100.0);
            ui.add_sized(vec2(44.0, 28.0), egui::Label::new(label(ui, percent)));
            if icon_button(ui, icon::PLUS, "Zoom in", "scroll up", true).clicked() {
                self.zoom_around(middle, 1.25);
            }
            if icon_button(ui, icon::FIT, "Fit network to view", "F", true).clicked() {
                self.fit();
            }
            ui.add_space(8.0);
            let choices = [
                (Lines::Weights, "weights", "Lines show the weights: blue positive, orange negative, width is size"),
                (Lines::Gradients, "gradients", "Lines show ∂L/∂w of the last mini-batch"),
            ];
            segmented(ui, &mut self.lines, &choices);
            if let Some(data) = model.dataset.clone() {
                ui.add_space(8.0);
                let begin = named(ui.button("New network"), Role::Button, "New network for these data");
                if begin.on_hover_text("What suits rows, series or pictures; undo takes it back").clicked() {
                    model.reset_network();
                }
                ui.label(label(ui, "Values for row"));
                let mut row = model.sample + 1;
                ui.spacing_mut().interact_size = vec2(48.0, 26.0);
                let field = egui::DragValue::new(&mut row).range(1..=data.rows()).speed(0.1);
                if named(ui.add(field), Role::SpinButton, "Row whose values are shown").changed() {
                    model.sample = row - 1;
                }
                let text = format!("of {}: {}", data.rows(), data.target().describe(model.sample));
                ui.add(egui::Label::new(label(ui, text)).truncate());
            }
            ui.min_rect()
        });
        let frame = used.expand2(vec2(6.0, 2.0));
        let stroke = Stroke::new(1.0, t.line);
        ui.painter().set(under, egui::epaint::RectShape::new(frame, 8.0, t.panel, stroke, StrokeKind::Inside));
    }
}

/// The id of the layer widget under a point.
fn layer_under(ui: &Ui, model: &Model, p: Pos2) -> Option<Id> {
    let ids = model.document().network.layers.iter().map(|l| Id::unique(("layer", l.id.0)));
    ids.into_iter().find(|&id| ui.ctx().read_response(id).is_some_and(|r| r.rect.contains(p)))
}

/// What is drawn between the units of two layers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Between {
    /// One line a weight.
    Weights,
    /// One line a kernel of so many taps.
    Kernels(usize),
    /// One line a unit.
    Units,
    /// Only the wire.
    Nothing,
}

fn lines_between(model: &Model, w: Wire, from: &Placed, to: &Placed) -> Between {
    let links = model.document().network.layer(w.to).map_or(Links::None, |l| l.kind.definition().links());
    let alike = from.units == to.units;
    match links {
        Links::Weights if !from.maps => Between::Weights,
        Links::Kernels(taps) if from.maps => Between::Kernels(taps),
        Links::Same if alike => Between::Units,
        Links::SameChannel if from.maps && alike => Between::Units,
        _ => Between::Nothing,
    }
}

/// The wire of others that a moved layer lies on.
fn wire_under(model: &Model, id: LayerId, placed: &BTreeMap<LayerId, Placed>) -> Option<Wire> {
    let centre = placed.get(&id)?.rect.center();
    if placed.iter().any(|(k, p)| *k != id && p.rect.contains(centre)) {
        return None;
    }
    let mut wires = model.document().network.wires.iter().filter(|w| w.from != id && w.to != id);
    wires.find(|w| wire_at(centre, **w, placed)).copied()
}

fn wire_at(p: Pos2, w: Wire, placed: &BTreeMap<LayerId, Placed>) -> bool {
    let (Some(from), Some(to)) = (placed.get(&w.from), placed.get(&w.to)) else { return false };
    let between = from.right_port().x..to.left_port().x;
    let high = from.rect.height().min(to.rect.height()) / 2.0 + 30.0;
    let middle = f32::midpoint(from.rect.center().y, to.rect.center().y);
    (between.contains(&p.x) && (p.y - middle).abs() < high)
        || distance(p, &wire(from.right_port(), to.left_port())) < 14.0
}

/// The smallest distance between two layers side by side; layers one below the other share a column.
fn column_pitch(placed: &BTreeMap<LayerId, Placed>) -> f32 {
    let mut centres: Vec<f32> = placed.values().map(|p| p.rect.center().x).collect();
    centres.sort_by(f32::total_cmp);
    let gaps = centres.windows(2).map(|w| w[1] - w[0]).filter(|gap| *gap > layout::BOX_WIDTH / 2.0);
    gaps.fold(f32::INFINITY, f32::min).clamp(layout::BOX_WIDTH, 400.0)
}

fn grid(painter: &Painter, area: Rect, to_screen: TSTransform, t: &Tokens) {
    let mut step = 40.0 * to_screen.scaling;
    while step < 18.0 {
        step *= 4.0;
    }
    let origin = to_screen * Pos2::ZERO;
    let first = |from: f32, origin: f32| from + (origin - from).rem_euclid(step);
    let mut y = first(area.top(), origin.y);
    while y < area.bottom() {
        let mut x = first(area.left(), origin.x);
        while x < area.right() {
            painter.rect_filled(Rect::from_center_size(pos2(x, y), Vec2::splat(1.5)), 0.0, t.line.gamma_multiply(0.7));
            x += step;
        }
        y += step;
    }
}

/// The shape that flows along a wire: above the titles of its ends, or on its arch.
fn shape_label(
    painter: &Painter,
    model: &Model,
    w: Wire,
    (from, to): (&Placed, &Placed),
    arch: Option<f32>,
    to_screen: TSTransform,
    t: &Tokens,
) {
    let Some(shape) = model.inference.shapes.get(&w.from) else { return };
    let batch = model.document().training.batch_size;
    let text = std::iter::once(&batch).chain(shape).map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let gap = (to.rect.left() - from.rect.right()) * to_screen.scaling;
    let galley = painter.layout_no_wrap(format!("[{text}]"), regular(HINT), t.label);
    if galley.size().x + 14.0 > gap {
        return;
    }
    let x = f32::midpoint(from.rect.right(), to.rect.left());
    let centre = match arch {
        Some(y) => to_screen * pos2(x, y),
        None => to_screen * pos2(x, from.rect.top().min(to.rect.top())) - vec2(0.0, 50.0),
    };
    let rect = Rect::from_center_size(centre, galley.size() + vec2(14.0, 6.0));
    painter.rect(rect, rect.height() / 2.0, t.raised, Stroke::new(1.0, t.line), StrokeKind::Inside);
    painter.galley(rect.center() - galley.size() / 2.0, galley, t.label);
}

/// Name and kind above a layer; shorter forms where there is little room.
fn titles(painter: &Painter, layer: &LayerSpec, rect: Rect, pitch: f32, t: &Tokens) {
    let caption = layer.kind.definition().caption();
    let without_kind = caption.split_once(' ').map_or(String::new(), |(_, rest)| rest.to_owned());
    let shortest = without_kind.split(" · ").next().unwrap_or_default().to_owned();
    let number: String = layer.name.chars().rev().take_while(char::is_ascii_digit).collect();
    let number: String = number.chars().rev().collect();
    let first: String = layer.name.chars().take(5).collect();
    let initial: String = layer.name.chars().take(1).collect();
    let mut bottom = rect.top() - 4.0;
    for (forms, font, colour) in [
        ([caption, without_kind, shortest], regular(HINT), t.label),
        ([layer.name.clone(), format!("{first}… {number}"), format!("{initial}{number}")], semibold(BODY), t.text),
    ] {
        let mut galleys = forms.into_iter().map(|text| painter.layout_no_wrap(text, font.clone(), colour));
        if let Some(galley) = galleys.find(|g| g.size().x > 0.0 && g.size().x <= pitch - 6.0) {
            bottom -= galley.size().y;
            painter.galley(pos2(rect.center().x - galley.size().x / 2.0, bottom), galley, colour);
            bottom -= 1.0;
        }
    }
}

/// Number of parameters, or while training the gradient norm with a bar.
fn footer(painter: &Painter, model: &Model, id: LayerId, p: &Placed, rect: Rect, pitch: f32, t: &Tokens) {
    let below = rect.center_bottom() + vec2(0.0, 8.0);
    if p.is_selection() {
        let what = if p.maps { "channels" } else { "units" };
        let shorter = format!("{} of {}", p.shown.len(), p.units);
        let forms =
            [format!("{shorter} {what}"), shorter].map(|text| painter.layout_no_wrap(text, regular(HINT), t.hint));
        if let Some(galley) = forms.into_iter().find(|galley| galley.size().x < pitch - 12.0) {
            let weighed = model.inference.parameters.get(&id).is_some_and(|&n| n > 0);
            let down = if weighed { 20.0 } else { 0.0 };
            painter.galley(below + vec2(-galley.size().x / 2.0, down), galley, t.hint);
        }
    }
    let norms = &model.snapshot.gradient_norms;
    let norm = norms.iter().find(|(layer, _)| *layer == id).map(|(_, n)| *n).filter(|_| model.is_current());
    let Some(norm) = norm.filter(|n| *n > 0.0) else {
        let parameters = model.inference.parameters.get(&id).copied().unwrap_or(0);
        if parameters > 0 {
            let text = format!("{} parameters", widgets::count(parameters));
            let galley = painter.layout_no_wrap(text, regular(HINT), t.label);
            if galley.size().x < pitch {
                painter.galley(below - vec2(galley.size().x / 2.0, 0.0), galley, t.label);
            }
        }
        return;
    };
    let strongest = norms.iter().fold(1e-9_f32, |m, (_, n)| if n.is_finite() { m.max(*n) } else { m });
    let bar = Rect::from_center_size(below, vec2(rect.width() * 0.74, 3.0));
    painter.rect_filled(bar, 1.5, t.raised);
    let filled = Rect::from_min_size(bar.min, vec2(bar.width() * (norm / strongest).clamp(0.02, 1.0), 3.0));
    painter.rect_filled(filled, 1.5, t.accent);
    for text in [format!("gradient norm {}", short(f64::from(norm))), format!("‖∂L/∂w‖ {}", short(f64::from(norm)))]
    {
        let galley = painter.layout_no_wrap(text, regular(HINT), t.label);
        if galley.size().x < pitch {
            painter.galley(below + vec2(-galley.size().x / 2.0, 5.0), galley, t.label);
            break;
        }
    }
}

/// What is wrong with a layer, under it, with the button that mends it.
fn problem(ui: &mut Ui, model: &mut Model, id: LayerId, rect: Rect, area: Rect) {
    let Some(problem) = model.inference.problems.iter().find(|p| p.layer == Some(id)).cloned() else { return };
    let width = 220.0;
    let left =
        (rect.center().x - width / 2.0).clamp(area.left() + 8.0, (area.right() - width - 8.0).max(area.left() + 8.0));
    let top = (rect.bottom() + 10.0).min(area.bottom() - 160.0).max(area.top() + 8.0);
    let place = Rect::from_min_size(pos2(left, top), vec2(width, 150.0));
    at(ui, place, Layout::top_down(Align::Min), |ui| problem_box(ui, model, &problem));
}

fn problem_box(ui: &mut Ui, model: &mut Model, problem: &crate::nn::Problem) {
    let t = tokens(ui);
    widgets::card(ui).stroke(Stroke::new(1.0, t.problem)).inner_margin(10).show(ui, |ui| {
        let text = problem.text(&model.document().network);
        ui.horizontal_top(|ui| {
            ui.label(RichText::new(icon::WARNING).size(15.0).color(t.problem));
            ui.add(egui::Label::new(RichText::new(text).size(LABEL)).wrap());
        });
        if let Some(mend) = &problem.mend {
            let text = format!("{}  {}", icon::MEND, mend.label(&model.document().network));
            let button = egui::Button::new(RichText::new(text).size(LABEL)).wrap();
            let name = mend.label(&model.document().network);
            if named(ui.add(button), Role::Button, &name).clicked() {
                model.edit("Mend", None, |d| mend.apply(&mut d.network));
            }
        }
    });
}

fn global_problems(ui: &mut Ui, model: &mut Model, area: Rect) {
    if let Some(e) = model.data_error.clone() {
        let place = Rect::from_center_size(area.center_top() + vec2(0.0, 60.0), vec2(420.0, 90.0));
        at(ui, place, Layout::top_down(Align::Min), |ui| {
            widgets::message(ui, icon::WARNING, tokens(ui).problem, "No data to train on", &e);
        });
        return;
    }
    let Some(problem) = model.inference.problems.iter().find(|p| p.layer.is_none()).cloned() else { return };
    let place = Rect::from_min_size(area.center_top() + vec2(-160.0, 16.0), vec2(320.0, 90.0));
    at(ui, place, Layout::top_down(Align::Min), |ui| problem_box(ui, model, &problem));
}

fn layer_menu(ui: &mut Ui, model: &mut Model, id: LayerId) {
    ui.menu_button("Insert after", |ui| {
        for kind in palette() {
            if ui.button(kind.info().label).clicked() {
                model.selection = std::iter::once(id).collect();
                edits::append(model, kind);
            }
        }
    });
    if ui.button("Move earlier").clicked() {
        edits::shift(model, id, false);
    }
    if ui.button("Move later").clicked() {
        edits::shift(model, id, true);
    }
    ui.separator();
    if ui.button("Duplicate").clicked() {
        edits::duplicate(model);
    }
    if ui.button("Delete").clicked() {
        edits::delete(model);
    }
}

fn value_text(a: f32) -> String {
    if a.abs() < 100.0 { format!("{a:.2}").replace('-', "−") } else { short(f64::from(a)) }
}

/// What a unit is called: a feature, an output, or its number.
fn unit_name(model: &Model, layer: &LayerSpec, unit: usize) -> String {
    let data = model.dataset.as_ref();
    let own = if let Some(input) = layer.kind.input() {
        data.and_then(|d| {
            let all = d.encoder.features.iter();
            if input.columns.is_empty() {
                return all.flat_map(crate::data::Encoding::names).nth(unit);
            }
            let of = |column: &String| {
                d.encoder.features.iter().find(|e| e.column == *column).map(crate::data::Encoding::names)
            };
            input.columns.iter().filter_map(of).flatten().nth(unit)
        })
    } else if layer.kind.is_output() {
        data.and_then(|d| {
            let judged = model.inference.outputs.iter().find(|o| o.layer == layer.id)?;
            match &judged.target {
                HeadTarget::Features => d.encoder.feature_names().get(unit).cloned(),
                HeadTarget::Group { group, columns } => match d.targets.get(*group)? {
                    Targets::Values { names, .. } => {
                        let place = columns.as_ref().map_or(Some(unit), |chosen| chosen.get(unit).copied());
                        names.get(place?).cloned()
                    }
                    // One unit for two classes says how likely the second is.
                    Targets::Classes { names, .. } => {
                        let single = matches!(judged.encoding, Encoding::Signed | Encoding::ZeroOne);
                        names.get(if single { 1 } else { unit }).cloned()
                    }
                },
            }
        })
    } else {
        None
    };
    own.unwrap_or_else(|| format!("unit {}", unit + 1))
}

fn tooltip(ui: &Ui, background: &Response, model: &Model, pictures: &Pictures, hover: &Hover) {
    let spec = &model.document().network;
    egui::Tooltip::always_open(ui.ctx().clone(), background.layer_id, Id::unique("value"), egui::PopupAnchor::Pointer)
        .gap(14.0)
        .show(|ui| {
            let t = tokens(ui);
            ui.spacing_mut().interact_size.y = 18.0;
            ui.spacing_mut().item_spacing.y = 3.0;
            let value = |ui: &mut Ui, name: &str, v: f32| {
                ui.horizontal(|ui| {
                    ui.label(label(ui, name));
                    let colour = if v >= 0.0 { t.positive } else { t.negative };
                    ui.label(RichText::new(short(f64::from(v))).font(semibold(TITLE)).color(colour));
                });
            };
            match *hover {
                Hover::Weight { from, to, layer } => {
                    let source = spec.inputs_of(layer).next().map(|id| spec.name(id)).unwrap_or_default();
                    let heading = format!("{source}, {} → {}, {}", from + 1, spec.name(layer), to + 1);
                    ui.label(label(ui, heading));
                    let Some((weights, grads)) = model.snapshot.tensor(layer, "weight") else { return };
                    let outputs = model.inference.shapes.get(&layer).map_or(1, |s| volume(s));
                    let at = from * outputs + to;
                    if let (Some(&w), Some(&grad)) = (weights.get(at), grads.get(at)) {
                        value(ui, "w", w);
                        value(ui, "∂L/∂w", grad);
                    }
                }
                Hover::Neuron(id, unit) => {
                    let Some(layer) = spec.layer(id) else { return };
                    let map = pictures.map(id, unit).is_some();
                    let unit_name = if map { format!("channel {}", unit + 1) } else { unit_name(model, layer, unit) };
                    ui.label(label(ui, format!("{}, {unit_name}", layer.name)));
                    if let Some((low, high)) = pictures.map_range(id, unit) {
                        value(ui, "smallest", low);
                        value(ui, "largest", high);
                    } else if let Some((z, a)) = pictures.value(id, unit) {
                        if layer.kind.definition().shows_sum() {
                            value(ui, "z", z);
                        }
                        let output = layer.kind.is_output();
                        value(ui, if output { "prediction" } else { "a" }, a);
                    }
                    let bias = model.snapshot.tensor(id, "bias");
                    if let Some((&b, &grad)) = bias.and_then(|(b, grads)| b.get(unit).zip(grads.get(unit))) {
                        value(ui, "bias", b);
                        value(ui, "∂L/∂b", grad);
                    }
                    ui.label(widgets::hint(ui, format!("for row {}", model.sample + 1)));
                }
            }
        });
}
