//! The play head: it moves from stop to stop of the recorded step, by itself, by keys and by the timeline.

use super::current::{Current, shown};
use crate::app::icon;
use crate::app::keyboard;
use crate::app::state::Model;
use crate::app::theme::{BODY, HINT, LABEL, RADIUS_CARD, Tokens, mix, regular, semibold};
use crate::app::widgets::{icon_button, named, segmented};
use crate::explain::{Depth, Stop};
use crate::train::Phase;
use egui::accesskit::Role;
use egui::{Align2, Key, Rect, Sense, Stroke, StrokeKind, Ui, pos2, vec2};

/// What was asked for in the timeline.
pub enum Request {
    /// Another stop, or to play on.
    Stop,
    /// That training takes the step that is shown.
    Training,
}

/// Where the play head stands, and how fast it moves.
pub struct Film {
    depth: Depth,
    /// Place among the stops.
    pub at: usize,
    /// Since when the film stands at this stop, while it plays.
    playing: Option<f64>,
    /// Stops a second.
    speed: f32,
    /// Whether the slider of the speed has the focus.
    pub sliding: bool,
    /// Whether a key has asked for the next depth.
    deeper: bool,
}

impl Default for Film {
    fn default() -> Self {
        Self { depth: Depth::default(), at: 0, playing: None, speed: 0.7, sliding: false, deeper: false }
    }
}

impl Film {
    /// How fine the stops are.
    pub fn depth(&self) -> Depth {
        self.depth
    }

    /// Back to the first stop.
    pub fn rewind(&mut self) {
        (self.at, self.playing) = (0, None);
    }

    /// Stops at a unit: `at` counts stops at neurons.
    pub fn visit_unit(&mut self, at: usize) {
        self.depth = Depth::Neuron;
        (self.at, self.playing) = (at, None);
    }

    /// Arrow keys move the play head among the stops, with Shift to another layer; D changes the depth; returns whether the head was moved.
    pub fn keys(&mut self, ui: &Ui, stops: &[Stop], may_deepen: bool) -> bool {
        let of_layer = |k: usize| stops.get(k).map(|s| (s.phase, s.layer));
        let turn = |key| keyboard::count_with(ui.ctx(), egui::Modifiers::SHIFT, key) > 0;
        let (next, previous) = (turn(Key::ArrowRight), turn(Key::ArrowLeft));
        if next || previous {
            let own = of_layer(self.at);
            // The first stop of the layer before, or of the one after this.
            let found = if next {
                (self.at..stops.len()).find(|k| of_layer(*k) != own)
            } else {
                let before = (0..self.at).rev().find(|k| of_layer(*k) != own);
                before.map(|b| (0..=b).rev().take_while(|k| of_layer(*k) == of_layer(b)).last().unwrap_or(b))
            };
            self.go(found.unwrap_or(self.at), stops.len());
        }
        let pressed = |key| keyboard::count(ui.ctx(), key);
        let (on, back) =
            (pressed(Key::ArrowRight) + pressed(Key::PageDown), pressed(Key::ArrowLeft) + pressed(Key::PageUp));
        self.deeper = pressed(Key::D) > 0 && may_deepen;
        if on + back > 0 {
            let at = (self.at + on).saturating_sub(back);
            self.go(at, stops.len());
            // The arrow keys would also move the keyboard focus.
            ui.ctx().memory_mut(|m| m.move_focus(egui::FocusDirection::None));
        }
        next || previous || on + back > 0
    }

    /// Moves the play head to one of `count` stops.
    fn go(&mut self, at: usize, count: usize) {
        self.playing = None;
        self.at = at.min(count - 1);
    }

    /// Moves on while the film plays, unless an answer is awaited, which holds it at a stop; returns how far it is between two stops, from 0 to 1.
    pub fn flow(&mut self, ui: &Ui, current: &Current, waits: bool) -> Option<f32> {
        let since = self.playing?;
        let now = ui.input(|i| i.time);
        let seconds = f64::from(1.0 / self.speed);
        ui.ctx().request_repaint();
        if waits {
            // The film waits for the answer.
            self.playing = Some(now);
            return Some(0.0);
        }
        if now - since >= seconds {
            if self.at + 1 < current.stops.len() {
                self.at += 1;
                self.playing = Some(now);
            } else {
                self.playing = None;
            }
            return Some(0.0);
        }
        Some(((now - since) / seconds) as f32)
    }

    /// The choice of how fine the stops are.
    pub fn depth_choice(&mut self, ui: &mut Ui, model: &Model, current: &Current) {
        let choices = [
            (Depth::Phase, "phases", "Four stops"),
            (Depth::Layer, "layers", "A stop at each layer"),
            (Depth::Neuron, "neurons", "A stop at each neuron that is drawn"),
        ];
        let before = current.stop;
        let deeper = std::mem::take(&mut self.deeper);
        if deeper {
            self.depth = match self.depth {
                Depth::Phase => Depth::Layer,
                Depth::Layer => Depth::Neuron,
                Depth::Neuron => Depth::Phase,
            };
        }
        if segmented(ui, &mut self.depth, &choices) | deeper {
            self.playing = None;
            let new = current.stops_of(self.depth, &shown(model));
            let same = |s: &Stop| s.phase == before.phase && (s.layer == before.layer || before.layer.is_none());
            let near = new.iter().position(same).or_else(|| new.iter().position(|s| s.phase == before.phase));
            self.at = near.unwrap_or(0);
        }
    }

    /// Buttons, speed and the four phases; `trainable` says whether training could take the step that is shown.
    pub fn timeline(&mut self, ui: &mut Ui, current: &Current, trainable: bool, t: &Tokens) -> Option<Request> {
        let mut asked = None;
        ui.horizontal_centered(|ui| {
            ui.spacing_mut().item_spacing.x = 6.0;
            let last = current.stops.len() - 1;
            if icon_button(ui, icon::BACK, "Step back", "←", self.at > 0).clicked() {
                self.go(self.at - 1, last + 1);
                asked = Some(Request::Stop);
            }
            let (glyph, name) =
                if self.playing.is_some() { (icon::PAUSE, "Pause the film") } else { (icon::PLAY, "Play the film") };
            if icon_button(ui, glyph, name, "", true).clicked() {
                let now = ui.input(|i| i.time);
                if self.playing.take().is_none() {
                    self.at = if self.at == last { 0 } else { self.at };
                    self.playing = Some(now);
                    asked = Some(Request::Stop);
                }
            }
            if icon_button(ui, icon::FORTH, "Step forward", "→", self.at < last).clicked() {
                self.go(self.at + 1, last + 1);
                asked = Some(Request::Stop);
            }
            ui.add_space(4.0);
            ui.scope(|ui| {
                ui.spacing_mut().slider_width = 70.0;
                let slider = egui::Slider::new(&mut self.speed, 0.2..=6.0).logarithmic(true).show_value(false);
                let response = named(ui.add(slider), Role::Slider, "Speed of the film");
                self.sliding = response.has_focus();
                response.on_hover_text(format!("{:.1} stops a second", self.speed));
            });
            ui.add_space(8.0);
            let width = ui.available_width() - 112.0;
            for (k, phase) in Phase::ALL.into_iter().enumerate() {
                if self.phase_box(ui, k, phase, (width - 18.0) / 4.0, current, t) {
                    asked = Some(Request::Stop);
                }
            }
            let text = "Train this step";
            let button = egui::Button::new(egui::RichText::new(text).size(LABEL)).min_size(vec2(104.0, 34.0));
            let response = ui.add_enabled(trainable, button);
            let why = "Choose the mini-batch above, and pause training: then this is the step that it takes next";
            if response
                .on_hover_text("Training takes this step; the film begins anew with the next mini-batch")
                .on_disabled_hover_text(why)
                .clicked()
            {
                self.rewind();
                asked = Some(Request::Training);
            }
        });
        asked
    }

    /// One of the four phases; returns whether it was clicked.
    fn phase_box(&mut self, ui: &mut Ui, k: usize, phase: Phase, width: f32, current: &Current, t: &Tokens) -> bool {
        let own: Vec<usize> = (0..current.stops.len()).filter(|&i| current.stops[i].phase == phase).collect();
        let (rect, response) = ui.allocate_exact_size(vec2(width, 40.0), Sense::click());
        let name = format!("{} {}", k + 1, phase.label());
        let response = named(response, Role::Button, &name);
        let here = current.stop.phase == phase;
        let done = own.last().is_some_and(|&l| l < current.at);
        let (fill, line) = if here {
            (mix(t.panel, t.accent, 0.3), t.accent)
        } else if response.hovered() {
            (t.raised, t.hint)
        } else {
            (t.raised, t.line)
        };
        ui.painter().rect(rect, RADIUS_CARD, fill, Stroke::new(1.0, line), StrokeKind::Inside);
        let colour = if here || done { t.text } else { t.label };
        let left = rect.left_center() + vec2(12.0, 0.0);
        let title = ui.painter().layout_no_wrap(name, semibold(BODY), colour);
        let subtitle = ui.painter().layout_no_wrap(phase.subtitle().to_owned(), regular(HINT), t.label);
        let words = title.size().x.max(subtitle.size().x);
        let both = title.size().y + subtitle.size().y;
        ui.painter().galley(left + vec2(0.0, title.size().y - both / 2.0 - 1.0), subtitle, t.label);
        ui.painter().galley(left - vec2(0.0, both / 2.0 + 1.0), title, colour);
        let state = match own.iter().position(|&i| i == current.at) {
            Some(i) if own.len() > 1 => format!("{} of {}", i + 1, own.len()),
            Some(_) => "now".to_owned(),
            None if own.is_empty() => "nothing".to_owned(),
            None if done => "done".to_owned(),
            None => "next".to_owned(),
        };
        let state = ui.painter().layout_no_wrap(state, regular(HINT), t.label);
        if words + state.size().x + 32.0 < width {
            let place = Align2::RIGHT_CENTER.anchor_size(rect.right_center() - vec2(10.0, 0.0), state.size());
            ui.painter().galley(place.min, state, t.label);
        }
        let share =
            if done { 1.0 } else { own.iter().filter(|&&i| i <= current.at).count() as f32 / own.len().max(1) as f32 };
        let bar = Rect::from_min_max(
            rect.left_bottom() - vec2(-6.0, 3.0),
            pos2(rect.left() + 6.0 + (width - 12.0) * share, rect.bottom() - 1.0),
        );
        if share > 0.0 {
            ui.painter().rect_filled(bar, 1.0, t.accent);
        }
        let first = own.first().filter(|_| response.clicked());
        if let Some(&first) = first {
            self.go(first, current.stops.len());
        }
        first.is_some()
    }
}
