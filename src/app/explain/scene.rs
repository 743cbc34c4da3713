//! The network above the timeline: the active part is highlighted, values move to the right and gradients to the left.

use super::super::diagram::edges::{self, bezier, distance, wire};
use super::super::diagram::layout::{BOX_WIDTH, place};
use super::super::diagram::neurons::{self, middle_unit};
use super::super::diagram::strength::{largest, relative};
use super::super::picture::Pictures;
use super::super::state::Model;
use super::super::theme::{HINT, LABEL, Tokens, math_font, regular, semibold};
use super::super::widgets::named;
use super::quiz::Secret;
use crate::explain::{Place, Stop, Trace, parameter_name};
use crate::format;
use crate::nn::{LayerId, OperationPlan};
use crate::train::Phase;
use egui::accesskit::Role;
use egui::{Align2, Color32, CornerRadius, Painter, Pos2, Rect, Sense, Stroke, StrokeKind, Ui, Vec2, pos2, vec2};
use std::collections::BTreeMap;

/// What was clicked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Clicked {
    Unit(LayerId, usize),
    Weight(LayerId, usize),
}

/// The drawn units of a layer.
struct Column {
    shown: Vec<usize>,
    centres: Vec<Pos2>,
    maps: bool,
    units: usize,
}

/// A weight that is drawn as a line.
struct Edge {
    from: (LayerId, usize),
    to: (LayerId, usize),
    weight: usize,
}

/// What the picture shows.
pub struct View<'a> {
    pub trace: &'a Trace<f32>,
    pub sample: usize,
    pub stop: Stop,
    /// All stops, and the place of this one among them, to tell which layers are done.
    pub stops: &'a [Stop],
    pub at: usize,
    /// How far the film is between this stop and the next, while it plays.
    pub flow: Option<f32>,
    /// Weight whose chain and curve are shown.
    pub weight: Option<usize>,
    /// What the pointer is on in a formula.
    pub lit: Option<Place>,
    /// The result that is to be predicted.
    pub hidden: Option<Secret>,
    /// Whether gradients of weights must not be told yet.
    pub covered: bool,
}

const MOST_SIDE: f32 = 34.0;
const LEAST_SIDE: f32 = 11.0;

/// Draws the network over the rest of `ui`; returns what was clicked.
pub fn ui(ui: &mut Ui, model: &Model, pictures: &Pictures, view: &View<'_>, t: &Tokens) -> Option<Clicked> {
    let (area, _) = ui.allocate_exact_size(ui.available_size(), Sense::hover());
    let painter = ui.painter().with_clip_rect(area);
    let placed = place(&model.document().network, model.inference());
    let all = placed.values().fold(Rect::NOTHING, |all, p| all.union(p.rect));
    // The columns use the whole width, the units the whole height.
    let room = Rect::from_min_max(area.min + vec2(40.0, 16.0), area.max - vec2(40.0, 30.0));
    let inner = Rect::from_min_max(all.min + vec2(BOX_WIDTH / 2.0, 0.0), all.max - vec2(BOX_WIDTH / 2.0, 0.0));
    let scale = |v: f32, from: (f32, f32), to: (f32, f32)| {
        if from.1 - from.0 < 1.0 {
            f32::midpoint(to.0, to.1)
        } else {
            to.0 + (v - from.0) / (from.1 - from.0) * (to.1 - to.0)
        }
    };
    let loss_room = 190.0_f32.min(room.width() * 0.18);
    let map = |p: Pos2| {
        let x = scale(p.x, (inner.left(), inner.right()), (room.left() + 30.0, room.right() - loss_room));
        pos2(x, scale(p.y, (inner.top(), inner.bottom()), (room.top(), room.bottom())))
    };
    let pitch = 84.0 * room.height() / inner.height().max(1.0);
    let side = (pitch * 0.66).clamp(LEAST_SIDE, MOST_SIDE);
    let columns: BTreeMap<LayerId, Column> = placed
        .iter()
        .map(|(id, p)| {
            let centres = (0..p.shown.len()).map(|i| map(p.tile(i).center())).collect();
            (*id, Column { shown: p.shown.clone(), centres, maps: p.maps, units: p.units })
        })
        .collect();
    let pointer = ui.input(|i| i.pointer.hover_pos()).filter(|p| area.contains(*p) && ui.ui_contains_pointer());
    let picture = Picture { model, pictures, view, t, painter: &painter, columns: &columns, side };

    let mut nearest: (f32, Option<Edge>) = (6.0, None);
    for w in &model.document().network.wires {
        picture.lines(w.from, w.to, pointer, &mut nearest);
    }
    let mut clicked = None;
    let mut over_unit = false;
    for layer in &model.document().network.layers {
        let Some(column) = columns.get(&layer.id) else { continue };
        picture.title(layer.id, column, area);
        for (i, &unit) in column.shown.iter().enumerate() {
            let rect = Rect::from_center_size(column.centres[i], Vec2::splat(side.max(20.0)));
            let response = ui.interact(rect, ui.scope_id().with(("unit", layer.id.0, unit)), Sense::click());
            let response = named(response, Role::Button, &format!("{}, unit {}", layer.name, unit + 1));
            over_unit |= response.hovered();
            if response.clicked() {
                clicked = Some(Clicked::Unit(layer.id, unit));
            }
            picture.unit(layer.id, column, i);
            if response.hovered() {
                response.on_hover_ui(|ui| {
                    picture.tell(ui, layer.id, unit);
                    ui.label(super::super::widgets::hint(
                        ui,
                        "Click to go there; ↑ ↓ go to another neuron, Shift ← → to another layer",
                    ));
                });
            }
        }
    }
    picture.loss(area, &columns);
    if let (Some(edge), false) = (nearest.1, over_unit) {
        let id = ui.scope_id().with("weight under the pointer");
        let at = pointer.unwrap_or(area.center());
        let response = ui.interact(Rect::from_center_size(at, Vec2::splat(8.0)), id, Sense::click());
        let name = format!("Weight {} to {}", edge.from.1 + 1, edge.to.1 + 1);
        let response = named(response, Role::Button, &name).on_hover_cursor(egui::CursorIcon::PointingHand);
        if response.clicked() {
            clicked = Some(Clicked::Weight(edge.to.0, edge.weight));
        }
        let trace = view.trace;
        response.on_hover_ui_at_pointer(|ui| {
            ui.label(parameter_name(trace, edge.weight));
            ui.label(format!("w = {}", format::number(f64::from(trace.before[edge.weight]))));
            if !view.covered {
                ui.label(format!("∂L/∂w = {}", format::number(f64::from(trace.gradient[edge.weight]))));
            }
            ui.label(super::super::widgets::hint(
                ui,
                "Click for its chain and its curve; W and Shift W go to another weight",
            ));
        });
    }
    clicked
}

/// The weights between drawn units: their places among those, and the weight. In the order of the units that they lead to.
fn weights_between(operation: &dyn OperationPlan, from: &[usize], to: &[usize]) -> Vec<(usize, usize, usize)> {
    let mut all = Vec::new();
    for (j, &unit) in to.iter().enumerate() {
        let products = operation.products_into(unit);
        for (i, &input) in from.iter().enumerate() {
            if let Some(p) = products.iter().find(|p| p.input == input) {
                all.push((i, j, p.weight));
            }
        }
    }
    all
}

/// The weights that are drawn as lines, layer by layer, and in a layer unit by unit.
pub fn drawn_weights(model: &Model, trace: &Trace<f32>) -> Vec<usize> {
    let placed = place(&model.document().network, model.inference());
    let mut all = Vec::new();
    for to in trace.layers() {
        for from in trace.spec.inputs_of(to) {
            let (Some(a), Some(b)) = (placed.get(&from), placed.get(&to)) else { continue };
            let node = trace.plan.layer_nodes.get(&to).map(|(z, _)| &trace.plan.nodes[*z]);
            if let Some(node) = node.filter(|n| n.layer == to && n.operation.weighs() && !a.maps && !b.maps) {
                all.extend(weights_between(node.operation.as_ref(), &a.shown, &b.shown).into_iter().map(|w| w.2));
            }
        }
    }
    all.retain(|w| *w < trace.plan.learning);
    all
}

struct Picture<'a> {
    model: &'a Model,
    pictures: &'a Pictures,
    view: &'a View<'a>,
    t: &'a Tokens,
    painter: &'a Painter,
    columns: &'a BTreeMap<LayerId, Column>,
    side: f32,
}

/// How far the film has come with a layer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd)]
enum Stage {
    Waiting,
    Now,
    Done,
}

impl Picture<'_> {
    fn stage(&self, phase: Phase, layer: LayerId) -> Stage {
        let View { stop, stops, at, .. } = self.view;
        if stop.phase == phase && stop.layer.is_none_or(|l| l == layer) {
            return Stage::Now;
        }
        let order = |p: Phase| Phase::ALL.iter().position(|q| *q == p).unwrap_or(0);
        let own = |s: &Stop| s.phase == phase && s.layer.is_none_or(|l| l == layer);
        let last = stops.iter().rposition(own);
        match last {
            Some(last) if last < *at => Stage::Done,
            None if order(phase) < order(stop.phase) => Stage::Done,
            _ => Stage::Waiting,
        }
    }

    fn hides(&self, place: Place) -> bool {
        self.view.hidden.is_some_and(|secret| secret.hides(place))
    }

    fn is_output(&self, layer: LayerId) -> bool {
        self.view.trace.spec.layer(layer).is_some_and(|l| l.kind.is_output())
    }

    fn visible(&self, layer: LayerId) -> bool {
        let phase = if self.is_output(layer) { Phase::Error } else { Phase::Forward };
        self.stage(phase, layer) > Stage::Waiting
    }

    fn lines(&self, from: LayerId, to: LayerId, pointer: Option<Pos2>, nearest: &mut (f32, Option<Edge>)) {
        let (Some(a), Some(b)) = (self.columns.get(&from), self.columns.get(&to)) else { return };
        let (t, trace) = (self.t, self.view.trace);
        let forward = self.stage(Phase::Forward, to);
        let backward = self.stage(Phase::Backward, from).max_of(self.stage(Phase::Backward, to));
        let active = self.view.stop.phase == Phase::Forward && forward == Stage::Now
            || self.view.stop.phase == Phase::Backward && self.stage(Phase::Backward, to) == Stage::Now
            || self.view.stop.phase == Phase::Update && self.stage(Phase::Update, to) == Stage::Now
            || self.view.stop.phase == Phase::Error && self.is_output(to);
        let half = self.side / 2.0;
        let curve = |i: usize, j: usize| wire(a.centres[i] + vec2(half, 0.0), b.centres[j] - vec2(half, 0.0));
        let gradients = matches!(self.view.stop.phase, Phase::Backward | Phase::Update) && backward > Stage::Waiting;
        // A layer without operations of its own passes on the values of the layer before it.
        let own = |&(z, _): &(usize, usize)| (trace.plan.nodes[z].layer == to).then_some(z);
        let node = trace.plan.layer_nodes.get(&to).and_then(own);
        let dense = node.map(|n| &trace.plan.nodes[n].operation).filter(|o| o.weighs() && !a.maps && !b.maps);
        let faint = if active {
            1.0
        } else if forward == Stage::Waiting {
            0.25
        } else {
            0.5
        };
        let Some(operation) = dense else {
            for k in 0..a.shown.len().max(b.shown.len()) {
                let (i, j) = (k.min(a.shown.len() - 1), k.min(b.shown.len() - 1));
                bezier(self.painter, curve(i, j), Stroke::new(1.2, t.hint.gamma_multiply(faint)));
                self.pulse(curve(i, j), active, 1.0);
            }
            return;
        };
        let edges = weights_between(operation.as_ref(), &a.shown, &b.shown);
        // A hidden gradient tells neither its size nor its sign.
        let secret = |weight: usize| gradients && self.hides(Place::ParameterGradient { layer: to, index: weight });
        let value = |weight: usize| match gradients {
            true if secret(weight) => 0.0,
            true => trace.gradient[weight],
            false => trace.before[weight],
        };
        let strongest = largest(edges.iter().map(|e| value(e.2)), 1e-12);
        for (i, j, weight) in edges {
            let strength = relative(value(weight), strongest);
            let chosen = self.view.weight == Some(weight)
                || matches!(self.view.lit, Some(Place::Parameter { index, .. } | Place::ParameterGradient { index, .. }) if index == weight);
            // Only the weights of the active unit are highlighted.
            let own = match (self.view.stop.layer, self.view.stop.unit) {
                (Some(layer), Some(unit)) if layer == to => b.shown[j] == unit,
                _ => true,
            };
            let bright =
                if active && own { 0.35 + 0.65 * strength.abs() } else { (0.15 + 0.55 * strength.abs()) * faint };
            let width = 0.6 + 3.0 * strength.abs();
            let colour = if secret(weight) { t.hint } else { t.sign(strength) };
            if chosen {
                bezier(self.painter, curve(i, j), Stroke::new(width + 3.5, t.accent.gamma_multiply(0.55)));
            }
            bezier(
                self.painter,
                curve(i, j),
                Stroke::new(width, colour.gamma_multiply(if chosen { 1.0 } else { bright })),
            );
            self.pulse(curve(i, j), active && own, strength);
            if let Some(p) = pointer {
                let d = distance(p, &curve(i, j));
                if d < nearest.0 {
                    *nearest = (d, Some(Edge { from: (from, a.shown[i]), to: (to, b.shown[j]), weight }));
                }
            }
        }
    }

    /// A dot that moves along a line while the film plays.
    fn pulse(&self, c: [Pos2; 4], active: bool, strength: f32) {
        let Some(flow) = self.view.flow.filter(|_| active) else { return };
        let (u, colour) = match self.view.stop.phase {
            Phase::Forward | Phase::Error => (flow, self.t.sign(strength)),
            Phase::Backward => (1.0 - flow, self.t.accent),
            Phase::Update => return,
        };
        self.painter.circle_filled(edges::point(&c, u), 2.0 + 2.0 * strength.abs(), colour);
    }

    /// The unit of the trace that the `i`-th drawn one stands for.
    fn number(&self, layer: LayerId, column: &Column, i: usize) -> Option<usize> {
        if !column.maps {
            return Some(column.shown[i]);
        }
        let shape = self.model.inference().shapes.get(&layer)?;
        Some(middle_unit(shape.as_slice().try_into().ok()?, column.shown[i]))
    }

    fn unit(&self, layer: LayerId, column: &Column, i: usize) {
        let (t, view) = (self.t, self.view);
        let Some(unit) = self.number(layer, column, i) else { return };
        let rect = Rect::from_center_size(column.centres[i], Vec2::splat(self.side));
        let visible = self.visible(layer);
        let tint = if visible { Color32::WHITE } else { Color32::WHITE.gamma_multiply(0.25) };
        let drawn = column.shown[i];
        let secret = self.hides(Place::Activation { layer, unit });
        let texture = if secret {
            None
        } else if column.maps {
            self.pictures.map(layer, drawn)
        } else {
            self.pictures.tile(layer, drawn)
        };
        let a = view.trace.layer_values(layer).map(|(_, a)| a[[unit, view.sample]]).filter(|_| visible);
        if let Some((texture, cut)) = texture {
            neurons::picture(self.painter, rect, (texture, cut), CornerRadius::same(4), tint);
        } else {
            let values = view.trace.layer_values(layer);
            let strongest = values.map_or(1.0, |(_, a)| largest(a.column(view.sample).iter().copied(), 1e-6));
            let fill = a
                .filter(|_| !secret)
                .map_or(t.raised, |a| t.signed(a / strongest.max(if column.units == 1 { 1.0 } else { 0.0 })));
            neurons::disc(self.painter, rect, fill, t);
        }
        let stop = view.stop;
        let now = stop.layer == Some(layer) && stop.unit.is_none_or(|u| u == unit);
        let lit = view.lit.is_some_and(|p| p.layer() == Some(layer) && p.unit() == Some(unit));
        if now || lit {
            let width = if lit { 3.0 } else { 2.0 };
            self.painter.rect_stroke(rect.expand(2.5), 6.0, Stroke::new(width, t.accent), StrokeKind::Outside);
        }
        if column.maps || self.side < 14.0 {
            return;
        }
        let size = if self.side > 24.0 { HINT } else { 9.5 };
        let right = rect.right_center() + vec2(8.0, 0.0);
        let plate = |at: Pos2, align: Align2, text: String, colour: Color32| {
            let galley = self.painter.layout_no_wrap(text, semibold(size), colour);
            let rect = align.anchor_size(at, galley.size());
            self.painter.rect_filled(rect.expand2(vec2(2.0, 0.0)), 3.0, t.background.gamma_multiply(0.8));
            self.painter.galley(rect.min, galley, colour);
        };
        if let Some(a) = a {
            let number = || format::tight(f64::from(a));
            let text = if secret { "?".to_owned() } else { self.token(layer, unit).unwrap_or_else(number) };
            plate(right - vec2(0.0, size * 0.55), Align2::LEFT_CENTER, text, t.text);
        }
        if self.stage(Phase::Backward, layer) > Stage::Waiting
            && !self.is_output(layer)
            && let Some((z, a)) = view.trace.layer_grads(layer)
            && let Some(g) = z.as_ref().or(a.as_ref()).map(|g| g[[unit, view.sample]])
        {
            let mine = self.hides(Place::SumGradient { layer, unit });
            let text = if mine { "δ = ?".to_owned() } else { format!("δ = {}", format::tight(f64::from(g))) };
            plate(right + vec2(0.0, size * 0.65), Align2::LEFT_CENTER, text, t.accent);
        }
    }

    /// The token that a unit of an input, or of what looks its rows up, stands for.
    fn token(&self, layer: LayerId, unit: usize) -> Option<String> {
        let spec = self.view.trace.spec.layer(layer)?;
        let input = spec.kind.input()?;
        let (_, values) = self.view.trace.layer_values(layer)?;
        let data = self.model.dataset()?;
        let (token, number) = (
            data.encoder.token_of(&input.columns, unit, values[[unit, self.view.sample]])?,
            values[[unit, self.view.sample]],
        );
        Some(if token.is_empty() { "padding".to_owned() } else { format!("{token} · {number}") })
    }

    fn title(&self, layer: LayerId, column: &Column, area: Rect) {
        let Some(top) = column.centres.first() else { return };
        let now = self.view.stop.layer == Some(layer);
        let colour = if now { self.t.accent } else { self.t.label };
        let mut name = self.view.trace.spec.name(layer);
        if column.shown.len() < column.units {
            name = format!("{name} · {} of {}", column.shown.len(), column.units);
        }
        let galley = self.painter.layout_no_wrap(name, regular(LABEL), colour);
        let below = column.centres.last().map_or(top.y, |c| c.y) + self.side / 2.0 + 4.0;
        let y = below.min(area.bottom() - 18.0);
        let x = (top.x - galley.size().x / 2.0).clamp(area.left() + 4.0, area.right() - galley.size().x - 4.0);
        self.painter.galley(pos2(x, y), galley, colour);
    }

    /// The loss after the last layer.
    fn loss(&self, area: Rect, columns: &BTreeMap<LayerId, Column>) {
        let (t, view) = (self.t, self.view);
        let head = view.trace.plan.head();
        let Some(at) = columns.get(&head.layer).and_then(|c| c.centres.first()) else { return };
        let centre =
            columns.get(&head.layer).map_or(at.y, |c| f32::midpoint(at.y, c.centres.last().map_or(at.y, |l| l.y)));
        let x = at.x + self.side / 2.0 + 66.0;
        let reached = view.stop.phase != Phase::Forward;
        let colour = if view.stop.phase == Phase::Error { t.accent } else { t.label };
        let symbol = self.painter.layout_no_wrap("\u{1d43f}".to_owned(), math_font(20.0), colour);
        let text = if reached && !self.hides(Place::Loss) { format::number(view.trace.loss) } else { "?".to_owned() };
        let number =
            self.painter.layout_no_wrap(format!("= {text}"), semibold(15.0), if reached { t.text } else { t.hint });
        let left = x.min(area.right() - symbol.size().x - number.size().x - 14.0);
        self.painter.galley(pos2(left, centre - symbol.size().y / 2.0), symbol.clone(), colour);
        self.painter.galley(pos2(left + symbol.size().x + 6.0, centre - number.size().y / 2.0), number, t.text);
        if view.stop.phase == Phase::Update {
            let after = format!("after the update {}", format::number(view.trace.loss_after));
            let galley = self.painter.layout_no_wrap(after, regular(LABEL), t.ok);
            let left = left.min(area.right() - galley.size().x - 8.0);
            self.painter.galley(pos2(left, centre + 14.0), galley, t.ok);
        }
    }

    fn tell(&self, ui: &mut Ui, layer: LayerId, drawn: usize) {
        let (trace, s) = (self.view.trace, self.view.sample);
        let Some(column) = self.columns.get(&layer) else { return };
        ui.label(format!("{}, {} {}", trace.spec.name(layer), if column.maps { "channel" } else { "unit" }, drawn + 1));
        if column.maps {
            return;
        }
        if let Some(token) = self.token(layer, drawn) {
            ui.label(format!("step {}: {token}", drawn + 1));
        }
        let mut say = |name: &str, v: f32, place: Place| {
            if !self.hides(place) {
                ui.label(format!("{name} = {}", format::number(f64::from(v))));
            }
        };
        if let Some((z, a)) = trace.layer_values(layer).filter(|_| self.visible(layer)) {
            if let Some(z) = z {
                say("z", z[[drawn, s]], Place::Sum { layer, unit: drawn });
            }
            say("a", a[[drawn, s]], Place::Activation { layer, unit: drawn });
        }
        if self.stage(Phase::Backward, layer) > Stage::Waiting
            && let Some((z, a)) = trace.layer_grads(layer)
        {
            if let Some(a) = a {
                say("∂L/∂a", a[[drawn, s]], Place::ActivationGradient { layer, unit: drawn });
            }
            if let Some(z) = z {
                say("∂L/∂z", z[[drawn, s]], Place::SumGradient { layer, unit: drawn });
            }
        }
    }
}

impl Stage {
    fn max_of(self, other: Self) -> Self {
        if self > other { self } else { other }
    }
}
