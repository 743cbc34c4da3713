//! What the pointer does on the canvas: selecting, moving, connecting and dropping layers, and context menus.

use super::camera::{Camera, View};
use crate::app::builder::edits;
use crate::app::diagram::edges::{bezier, distance, wire};
use crate::app::diagram::layout::Placed;
use crate::app::state::{Action, Model};
use crate::app::widgets::{label, named};
use crate::nn::layers::palette;
use crate::nn::{LayerId, LayerKind, LayerSpec, Wire};
use egui::accesskit::Role;
use egui::{CursorIcon, Id, Pos2, Rect, Response, Sense, Stroke, StrokeKind, Ui, Vec2, vec2};
use std::collections::BTreeMap;

/// Shorter drags of a layer are ignored, in diagram units.
const MOVED: f32 = 4.0;

/// What the pointer is doing.
#[derive(Default)]
pub struct Gestures {
    /// A layer that is being dragged, and how far so far, in diagram units.
    moving: Option<(LayerId, Vec2)>,
    /// The layer from which a wire is being drawn.
    wiring: Option<LayerId>,
    /// Where the selection rectangle was begun.
    band: Option<Pos2>,
    /// The wire that the open menu is about.
    menu_at: Option<Wire>,
}

impl Gestures {
    /// Whether a drag draws a selection rectangle.
    pub fn is_selecting(&self) -> bool {
        self.band.is_some()
    }

    /// Shifts the layer that is being dragged.
    pub fn carry(&self, placed: &mut BTreeMap<LayerId, Placed>) {
        if let Some((p, way)) = self.moving.and_then(|(id, way)| Some((placed.get_mut(&id)?, way))) {
            p.rect = p.rect.translate(way);
        }
    }

    /// Highlights the wire into which the dragged layer would be inserted.
    pub fn paint_target(&self, model: &Model, view: &View<'_>) {
        let onto = self.moving.filter(|(_, way)| way.length() >= MOVED);
        let curve = onto.and_then(|(id, _)| view.straight(wire_under(model, view, id)?));
        if let Some(curve) = curve {
            bezier(&view.painter, curve, Stroke::new(4.0, view.t.accent));
        }
    }

    /// Draws the wire that is being drawn, up to the pointer.
    pub fn paint_wiring(&self, ui: &Ui, view: &View<'_>) {
        let from = self.wiring.and_then(|id| view.placed.get(&id));
        if let (Some(from), Some(p)) = (from, ui.input(|i| i.pointer.hover_pos())) {
            let curve = wire(view.to_screen * from.right_port(), p);
            bezier(&view.painter, curve, Stroke::new(2.0, view.t.accent));
        }
    }

    /// Clicks and drags on a layer at `rect`, and its menu.
    pub fn layer(
        &mut self,
        ui: &Ui,
        model: &Model,
        camera: &mut Camera,
        view: &View<'_>,
        layer: &LayerSpec,
        rect: Rect,
    ) {
        let id = layer.id;
        let response = ui.interact(rect, Id::unique(("layer", id.0)), Sense::click_and_drag());
        let caption = layer.kind.definition().caption();
        let response = named(response, Role::Button, &format!("{}: {caption}", layer.name));
        let several = ui.input(|i| i.modifiers.command || i.modifiers.shift);
        if response.clicked() || (response.secondary_clicked() && !model.selection().contains(&id)) {
            let mut selection = model.selection().clone();
            if !several {
                selection = std::iter::once(id).collect();
            } else if !selection.remove(&id) {
                selection.insert(id);
            }
            model.select(selection);
        }
        if response.dragged() {
            let way = self.moving.filter(|(m, _)| *m == id).map_or(Vec2::ZERO, |(_, way)| way);
            self.moving = Some((id, way + response.drag_delta() / view.scale()));
        }
        if response.drag_stopped()
            && let Some((_, way)) = self.moving.take()
        {
            dropped(model, camera, view, id, way);
        }
        response.on_hover_cursor(CursorIcon::Grab).context_menu(|ui| layer_menu(ui, model, id));
    }

    /// The handle on the right edge, from which a wire can be drawn to another layer.
    pub fn port(&mut self, ui: &Ui, model: &Model, view: &View<'_>, layer: &LayerSpec, rect: Rect) {
        if layer.kind.is_output() || !view.area.contains(rect.right_center()) {
            return;
        }
        let t = view.t;
        let grip = Rect::from_center_size(rect.right_center(), Vec2::splat((16.0 * view.scale()).clamp(10.0, 20.0)));
        let response = ui.interact(grip, Id::unique(("port", layer.id.0)), Sense::drag());
        let response = named(response, Role::Button, &format!("Output of {}: drag to connect", layer.name));
        if response.hovered() || self.wiring == Some(layer.id) {
            view.painter.circle(grip.center(), grip.width() / 3.0, t.accent, Stroke::new(1.0, t.panel));
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

    /// Shift and drag: a rectangle that selects.
    pub fn select_band(&mut self, ui: &Ui, background: &Response, model: &Model, view: &View<'_>) {
        if background.drag_started() && ui.input(|i| i.modifiers.shift) {
            self.band = ui.input(|i| i.pointer.press_origin());
        }
        let (Some(from), Some(to)) = (self.band, ui.input(|i| i.pointer.latest_pos())) else { return };
        let t = view.t;
        let band = Rect::from_two_pos(from, to);
        view.painter.rect(band, 2.0, t.accent.gamma_multiply(0.12), Stroke::new(1.0, t.accent), StrokeKind::Inside);
        let touched = |(id, p): (&LayerId, &Placed)| view.to_screen.mul_rect(p.rect).intersects(band).then_some(*id);
        model.select(view.placed.iter().filter_map(touched));
        if background.drag_stopped() {
            self.band = None;
        }
    }

    /// The menu of the canvas, or of the wire under the pointer.
    pub fn context_menu(&mut self, background: &Response, model: &Model, camera: &mut Camera, view: &View<'_>) {
        if background.secondary_clicked()
            && let Some(p) = background.interact_pointer_pos()
        {
            let at = view.to_screen.inverse() * p;
            self.menu_at = model.document().network.wires.iter().find(|w| wire_at(at, **w, view)).copied();
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
                    camera.fit();
                }
                if ui.button("Tidy up").clicked() {
                    edits::tidy(model);
                }
                if ui.button("Select all layers").clicked() {
                    model.select(view.placed.keys().copied());
                }
                if ui.button("New network for these data").clicked() {
                    model.queue(Action::ResetNetwork);
                }
            }
        });
    }
}

/// Ends a drag: on another wire the layer moves in the chain, elsewhere only on the canvas.
fn dropped(model: &Model, camera: &mut Camera, view: &View<'_>, id: LayerId, way: Vec2) {
    let Some(centre) = view.placed.get(&id).map(|p| p.rect.center()).filter(|_| way.length() >= MOVED) else {
        return;
    };
    if let Some(wire) = wire_under(model, view, id) {
        edits::move_to_wire(model, id, wire);
    } else {
        camera.keep();
        model.edit("Move layer", None, |d| {
            if let Some(layer) = d.network.layer_mut(id) {
                layer.position = Some([centre.x.round(), centre.y.round()]);
            }
        });
    }
}

/// Takes a layer that was dragged here from the palette.
pub fn receive_drop(ui: &Ui, background: &Response, model: &Model, camera: &mut Camera, view: &View<'_>) {
    let t = view.t;
    let Some(p) = ui.input(|i| i.pointer.latest_pos()).filter(|p| background.rect.contains(*p)) else { return };
    let at = view.to_screen.inverse() * p;
    let wires = &model.document().network.wires;
    let target = wires.iter().find(|w| wire_at(at, **w, view)).copied();
    if egui::DragAndDrop::has_payload_of_type::<LayerKind>(ui.ctx()) {
        if let Some(curve) = target.and_then(|w| view.straight(w)) {
            bezier(&view.painter, curve, Stroke::new(4.0, t.accent));
        }
        view.painter.rect_stroke(
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
                camera.keep();
                edits::add_at(model, (*kind).clone(), [at.x.round(), at.y.round()]);
            }
        }
    }
}

fn layer_menu(ui: &mut Ui, model: &Model, id: LayerId) {
    ui.menu_button("Insert after", |ui| {
        for kind in palette() {
            if ui.button(kind.info().label).clicked() {
                edits::append_after(model, kind, Some(id));
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

/// The id of the layer widget under a point.
fn layer_under(ui: &Ui, model: &Model, p: Pos2) -> Option<Id> {
    let ids = model.document().network.layers.iter().map(|l| Id::unique(("layer", l.id.0)));
    ids.into_iter().find(|&id| ui.ctx().read_response(id).is_some_and(|r| r.rect.contains(p)))
}

/// The wire between two other layers that a moved layer lies on.
fn wire_under(model: &Model, view: &View<'_>, id: LayerId) -> Option<Wire> {
    let centre = view.placed.get(&id)?.rect.center();
    if view.placed.iter().any(|(k, p)| *k != id && p.rect.contains(centre)) {
        return None;
    }
    let mut wires = model.document().network.wires.iter().filter(|w| w.from != id && w.to != id);
    wires.find(|w| wire_at(centre, **w, view)).copied()
}

/// Whether `p`, in diagram units, is between the layers of a wire or close to its curve.
fn wire_at(p: Pos2, w: Wire, view: &View<'_>) -> bool {
    let Some((from, to)) = view.ends(w) else { return false };
    let between = from.right_port().x..to.left_port().x;
    let high = from.rect.height().min(to.rect.height()) / 2.0 + 30.0;
    let middle = f32::midpoint(from.rect.center().y, to.rect.center().y);
    (between.contains(&p.x) && (p.y - middle).abs() < high)
        || distance(p, &wire(from.right_port(), to.left_port())) < 14.0
}
