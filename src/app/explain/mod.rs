//! The Explain workspace: one training step in detail. The network on top, the four phases as a timeline below it,
//! formulas with the numbers of the step, the chain rule for one weight, the loss around it, and a quiz.

mod assistant;
mod current;
mod diagnosis;
mod film;
mod formulas;
mod nudge;
mod pdf;
mod print;
mod print_fonts;
mod quiz;
mod recording;
mod scene;
mod sketch;
mod worksheet;

use super::diagram::layout::selections;
use super::keyboard;
use super::picture::Pictures;
use super::state::Model;
use super::theme::{LABEL, Tokens, tokens};
use super::widgets::{self, at, label, named, segmented};
use crate::app::widgets::FollowFocus as _;
use crate::explain::{Depth, Stop, Trace};
use crate::learn::Sight;
use crate::nn::LayerId;
use crate::train::{Command, Phase, StepUnit};
use assistant::Recorded;
use current::{Current, all_stops, explanation, shown, strongest_weight};
use egui::accesskit::Role;
use egui::{Align, Frame, Key, Layout, Modifiers, Panel, Rect, Ui, pos2, vec2};
use film::{Film, Request};
use formulas::{Card, Formulas};
use nudge::Nudge;
use print::Print;
pub use quiz::PREDICT_FIRST;
use quiz::{Asks, Quiz};
use recording::{RecordedRows, Recording};
use std::sync::Arc;

/// What the right card shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Side {
    #[default]
    Quiz,
    Diagnosis,
}

/// View state of the workspace.
#[derive(Default)]
pub struct ExplainView {
    recording: Recording,
    film: Film,
    /// Row of the mini-batch whose numbers are shown.
    column: usize,
    formulas: Formulas,
    side: Side,
    nudge: Nudge,
    quiz: Quiz,
    print: Print,
    /// The card that fills the workspace.
    large: Option<usize>,
}

const HEADER: f32 = 40.0;
const TIMELINE: f32 = 60.0;
const GAP: f32 = 12.0;
/// The place of the card with quiz and diagnosis.
const QUIZ: usize = 2;

impl ExplainView {
    /// Draws the workspace.
    pub fn ui(&mut self, ui: &mut Ui, model: &Model, pictures: &Pictures) {
        let t = tokens(ui);
        self.recording.request(ui, model);
        if self.recording.receive(model, &mut self.nudge) {
            self.film.rewind();
            self.formulas.weight = None;
        }
        let whole = Frame::new().fill(t.background);
        egui::CentralPanel::no_frame().frame(whole).show(ui, |ui| {
            let Some(recorded) = self.recording.current(model) else {
                let area = ui.max_rect();
                let (heading, text) = match (self.recording.failure(), model.trainable()) {
                    (Some(failure), _) => ("This step could not be recorded", failure),
                    (None, true) => ("Recording a step", "One moment"),
                    (None, false) => ("Nothing to explain yet", "Choose data, and build a network that fits them"),
                };
                widgets::centred(ui, area, heading, text);
                return;
            };
            let current = self.current(ui, model, recorded);
            model.see(Sight::Phase(current.stop.phase));
            let covered = self.covered(&current).is_some();
            if let (Card::Chain, Some(weight), false) = (self.formulas.card, self.formulas.weight, covered) {
                model.see(Sight::Chain(weight));
            }
            // From top to bottom: the keyboard focus goes in the order in which things are made.
            let large = self.large;
            let cards = large.map_or((ui.available_height() * 0.48).clamp(255.0, 360.0), |_| 0.0);
            let inside = Frame::new().inner_margin(if large.is_some() { GAP } else { 0.0 });
            let upper = Panel::top("explain picture").exact_size(ui.available_height() - TIMELINE - cards);
            let lit = self.formulas.lit;
            upper.frame(inside).show(ui, |ui| match large {
                Some(card) => self.large_card(ui, model, &current, card, t),
                None => self.picture(ui, model, pictures, &current, t),
            });
            let bar = Frame::new().fill(t.panel).inner_margin(egui::Margin::symmetric(12, 8));
            let timeline = Panel::top("explain timeline").exact_size(TIMELINE).frame(bar);
            timeline.show(ui, |ui| self.timeline(ui, model, &current, t));
            if large.is_none() {
                let below = egui::CentralPanel::no_frame().frame(Frame::new().inner_margin(GAP));
                below.show(ui, |ui| self.cards(ui, model, &current, t));
                if self.formulas.lit != lit {
                    // The picture above is already drawn.
                    ui.ctx().request_repaint();
                }
            }
        });
    }

    /// Says which lesson that asks for "Predict first" is running.
    pub fn in_lesson(&mut self, lesson: Option<u64>) {
        self.quiz.in_lesson(lesson);
    }

    /// Applies the keys, and returns the stop at the play head.
    fn current(&mut self, ui: &Ui, model: &Model, recorded: Arc<Recorded>) -> Current {
        let trace = &recorded.trace;
        let shown = shown(model);
        let depth = self.film.depth();
        let mut stops = all_stops(trace, depth, &shown);
        self.keys(ui, model, trace, &stops);
        if self.film.depth() != depth {
            stops = all_stops(trace, self.film.depth(), &shown);
        }
        self.film.at = self.film.at.min(stops.len() - 1);
        let (at, stop) = (self.film.at, stops[self.film.at]);
        let sample = self.column.min(trace.rows.len() - 1);
        if self.recording.rows == RecordedRows::MiniBatch {
            // Pictures and other workspaces show the same row.
            model.show_sample(trace.rows[sample] as usize);
        }
        let weight_fits = |w: &usize| *w < trace.plan.learning && trace.gradient.len() > *w;
        self.formulas.weight = self.formulas.weight.filter(weight_fits).or_else(|| strongest_weight(trace));
        let explanation = explanation(trace, &stops, at, sample, &shown);
        Current { recorded, stops, stop, at, sample, explanation }
    }

    fn keys(&mut self, ui: &Ui, model: &Model, trace: &Trace<f32>, stops: &[Stop]) {
        // A slider that has the focus takes the arrow keys.
        if self.film.sliding || self.nudge.sliding {
            return;
        }
        if self.film.keys(ui, stops, self.large.is_none()) {
            self.formulas.card = Card::Step;
        }
        let back = keyboard::count_with(ui.ctx(), Modifiers::SHIFT, Key::W);
        let pressed = |key| keyboard::count(ui.ctx(), key);
        self.turn_to_weight(model, trace, pressed(Key::W) as isize - back as isize);
        let (down, up) = (pressed(Key::ArrowDown) as isize, pressed(Key::ArrowUp) as isize);
        if down + up > 0 {
            self.turn_to_unit(model, trace, stops, down - up);
            // The arrow keys would also move the keyboard focus.
            ui.ctx().memory_mut(|m| m.move_focus(egui::FocusDirection::None));
        }
        if pressed(Key::C) > 0 {
            self.formulas.card = if self.formulas.card == Card::Chain { Card::Step } else { Card::Chain };
        }
        if pressed(Key::E) > 0 {
            self.large = if self.large.is_some() { None } else { Some(0) };
        }
        if self.large.is_some() && pressed(Key::Escape) > 0 {
            self.large = None;
        }
    }

    /// Chooses the weight that is `by` places on among those in the picture, or among all where none is drawn.
    fn turn_to_weight(&mut self, model: &Model, trace: &Trace<f32>, by: isize) {
        if by == 0 {
            return;
        }
        let mut all = scene::drawn_weights(model, trace);
        if all.is_empty() {
            all = (0..trace.plan.learning).collect();
        }
        let now = self.formulas.weight.or_else(|| strongest_weight(trace));
        let at = now.and_then(|w| all.iter().position(|own| *own == w));
        // A weight that is not drawn is followed by the first one.
        let next = at.map_or(0, |at| (at as isize + by).rem_euclid(all.len() as isize) as usize);
        if let Some(weight) = all.get(next) {
            self.formulas.weight = Some(*weight);
            self.formulas.card = Card::Chain;
        }
    }

    /// Goes to the neuron that is `by` places further down in the layer at the play head.
    fn turn_to_unit(&mut self, model: &Model, trace: &Trace<f32>, stops: &[Stop], by: isize) {
        let shown = shown(model);
        let at = self.film.at.min(stops.len() - 1);
        let Some(stop) = stops.get(at) else { return };
        let sample = self.column.min(trace.rows.len() - 1);
        let fine = all_stops(trace, Depth::Neuron, &shown);
        // At a whole phase: its last layer, which is the one that is explained.
        let layer = stop.layer.or_else(|| fine.iter().rfind(|s| s.phase == stop.phase)?.layer);
        let own: Vec<usize> =
            (0..fine.len()).filter(|&k| fine[k].phase == stop.phase && fine[k].layer == layer).collect();
        let explained = || explanation(trace, stops, at, sample, &shown).map(|e| e.unit);
        let unit = stop.unit.or_else(explained);
        let place = own.iter().position(|&k| fine[k].unit == unit).unwrap_or(0) as isize;
        let next = (place + by).clamp(0, own.len() as isize - 1);
        if let Some(&at) = usize::try_from(next).ok().and_then(|k| own.get(k)) {
            self.film.visit_unit(at);
            self.formulas.card = Card::Step;
        }
    }

    /// Why numbers of the whole step are not shown yet: they tell what "Predict first" will ask for.
    fn covered(&self, current: &Current) -> Option<&'static str> {
        if !self.quiz.is_on() {
            return None;
        }
        if current.stop.phase != Phase::Update {
            return Some(
                "Hidden: these numbers tell what Predict first asks for. They are shown once you have gone through the film to the update, or when you switch Predict first off.",
            );
        }
        self.quiz.secret(current).map(|_| "Hidden until you have predicted the number of this stop, or reveal it.")
    }

    fn picture(&mut self, ui: &mut Ui, model: &Model, pictures: &Pictures, current: &Current, t: &Tokens) {
        let area = ui.max_rect();
        let head = Rect::from_min_max(area.min + vec2(14.0, 6.0), pos2(area.right() - 14.0, area.top() + HEADER));
        at(ui, head, Layout::left_to_right(Align::Center), |ui| self.header(ui, model, current));
        let secret = self.quiz.secret(current);
        let flow = self.film.flow(ui, current, secret.is_some());
        let trace = &current.recorded.trace;
        let view = scene::View {
            trace,
            sample: current.sample,
            stop: current.stop,
            stops: &current.stops,
            at: current.at,
            flow,
            weight: self.formulas.weight,
            lit: self.formulas.lit,
            hidden: secret,
            covered: self.covered(current).is_some(),
        };
        let below = Rect::from_min_max(pos2(area.left(), area.top() + HEADER), area.max);
        let clicked = at(ui, below, Layout::top_down(Align::Min), |ui| scene::ui(ui, model, pictures, &view, t));
        match clicked {
            Some(scene::Clicked::Weight(_, weight)) => {
                self.formulas.weight = Some(weight);
                self.formulas.card = Card::Chain;
            }
            Some(scene::Clicked::Unit(layer, unit)) => self.visit(layer, unit, current, model),
            None => {}
        }
    }

    /// Goes to a unit in the phase that is on screen, or in the forward pass.
    fn visit(&mut self, layer: LayerId, unit: usize, current: &Current, model: &Model) {
        let phase = current.stop.phase;
        let shown = shown(model);
        let fine = current.stops_of(Depth::Neuron, &shown);
        let drawn = selections(&model.document().network, model.inference());
        // Channels of images stand for the number in their middle.
        let place = drawn.get(&layer).and_then(|units| units.iter().position(|&u| u == unit));
        let unit = place.and_then(|i| shown.get(&layer)?.get(i).copied()).unwrap_or(unit);
        let find = |phase| {
            fine.iter().position(|s| s.phase == phase && s.layer == Some(layer) && s.unit.is_none_or(|u| u == unit))
        };
        if let Some(at) = find(phase).or_else(|| find(Phase::Forward)).or_else(|| find(Phase::Error)) {
            self.film.visit_unit(at);
            self.formulas.card = Card::Step;
        }
    }

    fn header(&mut self, ui: &mut Ui, model: &Model, current: &Current) {
        let choices = [
            (RecordedRows::One, "one row", "The step that this row alone would cause"),
            (RecordedRows::MiniBatch, "mini-batch", "The step that training takes next, with all of its rows"),
        ];
        if segmented(ui, &mut self.recording.rows, &choices) {
            self.column = 0;
        }
        let recorded = &current.recorded;
        let rows = &recorded.trace.rows;
        ui.add_space(6.0);
        ui.spacing_mut().interact_size = vec2(48.0, 26.0);
        match self.recording.rows {
            RecordedRows::One => {
                ui.label(label(ui, "Row"));
                let count = recorded.data.rows();
                let mut row = model.sample() + 1;
                let field = egui::DragValue::new(&mut row).range(1..=count).speed(0.1);
                if named(ui.add(field), Role::SpinButton, "Row that is explained").changed() {
                    model.show_sample(row - 1);
                }
                ui.label(label(ui, format!("of {count}")));
            }
            RecordedRows::MiniBatch => {
                ui.label(label(ui, "Numbers of row"));
                let mut column = current.sample + 1;
                let field = egui::DragValue::new(&mut column).range(1..=rows.len()).speed(0.1);
                if named(ui.add(field), Role::SpinButton, "Row of the mini-batch whose numbers are shown").changed() {
                    self.column = column - 1;
                }
                ui.label(label(ui, format!("of {} in the mini-batch", rows.len())));
            }
        }
        let row = rows[current.sample] as usize;
        let data = &recorded.data;
        let target = data.target().describe(row);
        ui.label(egui::RichText::new(target).size(LABEL));
        widgets::at_right(ui, "explain header", |ui| {
            self.print.ui(ui, model, current);
            ui.label(label(ui, "Detail"));
            self.film.depth_choice(ui, model, current);
        });
    }

    fn timeline(&mut self, ui: &mut Ui, model: &Model, current: &Current, t: &Tokens) {
        // Training takes the very step that was shown.
        let trainable = self.recording.rows == RecordedRows::MiniBatch && !model.snapshot().is_running();
        match self.film.timeline(ui, current, trainable, t) {
            Some(Request::Stop) => self.formulas.card = Card::Step,
            Some(Request::Training) => model.train(Command::Step(StepUnit::Batch)),
            None => {}
        }
    }

    /// The quiz, or the diagnosis.
    fn side_card(&mut self, ui: &mut Ui, model: &Model, current: &Current, t: &Tokens) {
        self.quiz.switch(ui, t);
        let findings = &current.recorded.findings;
        let count = match findings.len() {
            0 => "diagnosis".to_owned(),
            n => format!("diagnosis ({n})"),
        };
        let choices = [
            (Side::Quiz, "quiz", "Say what comes out before it is shown"),
            (Side::Diagnosis, count.as_str(), "Why is it not learning? What is seen, and what would fix it"),
        ];
        segmented(ui, &mut self.side, &choices);
        ui.add_space(2.0);
        if self.side == Side::Diagnosis {
            diagnosis::ui(ui, model, findings, t);
            return;
        }
        let before = current.at.checked_sub(1).and_then(|at| {
            let shown = shown(model);
            explanation(&current.recorded.trace, &current.stops, at, current.sample, &shown)
        });
        let before = before.and_then(|e| Some(e.lines.last()?.result));
        let scroll = egui::ScrollArea::vertical().id_salt("quiz").auto_shrink(false);
        let right = scroll.show_with_focus(ui, |ui| self.quiz.ui(ui, current, before, t)).inner;
        match right {
            Some(Asks::Sign) => model.see(Sight::RightSign),
            Some(Asks::Size) => model.see(Sight::RightSize),
            Some(Asks::Number) => model.see(Sight::RightNumber),
            None => {}
        }
    }

    /// A card that fills the workspace, below the switch of the quiz where that is on another card.
    fn large_card(&mut self, ui: &mut Ui, model: &Model, current: &Current, card: usize, t: &Tokens) {
        if card != QUIZ {
            ui.horizontal(|ui| self.quiz.switch(ui, t));
        }
        let rect = ui.available_rect_before_wrap();
        self.card_at(ui, model, current, (card, rect), t);
    }

    fn cards(&mut self, ui: &mut Ui, model: &Model, current: &Current, t: &Tokens) {
        let area = ui.available_rect_before_wrap();
        let (nudge, quiz) = ((area.width() * 0.31).max(250.0), (area.width() * 0.22).clamp(190.0, 300.0));
        let widths = [area.width() - nudge - quiz - 2.0 * GAP, nudge, quiz];
        let mut left = area.left();
        for (k, width) in widths.into_iter().enumerate() {
            let rect = Rect::from_min_size(pos2(left, area.top()), vec2(width, area.height()));
            left += width + GAP;
            self.card_at(ui, model, current, (k, rect), t);
        }
    }

    /// One of the cards in its place, with the button that enlarges it.
    fn card_at(&mut self, ui: &mut Ui, model: &Model, current: &Current, (k, rect): (usize, Rect), t: &Tokens) {
        at(ui, rect, Layout::top_down(Align::Min), |ui| {
            widgets::card(ui).show(ui, |ui| {
                ui.set_min_size(ui.available_size());
                match k {
                    0 => {
                        let (secret, covered) = (self.quiz.secret(current), self.covered(current));
                        let walk = |weight| self.nudge.walk(current.recorded.serial, weight);
                        let check = |weight| walk(weight).map(|(walk, _)| (walk.slope, walk.difference));
                        self.formulas.ui(ui, current, secret, covered, check, t);
                    }
                    1 => {
                        let covered = self.covered(current);
                        if let (Some(weight), Some(words)) = (self.formulas.weight, covered) {
                            self.nudge.covered(ui, &current.recorded, weight, words);
                        } else if let Some(weight) = self.formulas.weight {
                            self.nudge.ui(ui, self.recording.assistant(), &current.recorded, weight, t);
                            if let Some(share) = self.nudge.slope_share() {
                                model.see(Sight::NudgedSlope(share));
                            }
                        }
                    }
                    _ => self.side_card(ui, model, current, t),
                }
            });
        });
        let large = self.large.is_some();
        let name = ["formulas", "nudge", "quiz and diagnosis"][k];
        if widgets::enlarge(ui, rect, name, large) {
            self.large = if large { None } else { Some(k) };
        }
    }
}
