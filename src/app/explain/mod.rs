//! The Explain workspace: one training step under the microscope. The network on top, the four phases as a film below it,
//! formulas with the numbers of the step, the chain of one weight, the loss around it, and a quiz.

mod assistant;
mod cards;
mod nudge;
mod scene;
mod sketch;
mod worksheet;

use super::dialogs::Question;
use super::icon;
use super::model::Model;
use super::picture::Pictures;
use super::theme::{BODY, HINT, LABEL, RADIUS_CARD, Tokens, regular, semibold, tokens};
use super::widgets::{self, at, icon_button, label, named, segmented};
use crate::explain::{Depth, Explanation, Place, Stop, Trace, explain, stops};
use crate::train::{Command, Phase, Status, StepUnit, TrainConfig};
use assistant::{Assistant, Recorded, Reply, Wanted};
use cards::{Asks, Card, Quiz, Side};
use egui::accesskit::Role;
use egui::{Align, Align2, Frame, Key, Layout, Panel, Rect, Sense, Stroke, StrokeKind, Ui, pos2, vec2};
use nudge::Nudge;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;
use worksheet::Kind;

/// Whose step is looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Source {
    /// The row whose values the neurons show.
    #[default]
    Row,
    /// The mini-batch that training takes next.
    Batch,
}

/// What a recording depends on.
#[derive(Clone)]
struct Subject {
    generation: u64,
    params: Arc<Vec<f32>>,
    row: Option<usize>,
    training: TrainConfig,
    diverged: bool,
}

impl PartialEq for Subject {
    fn eq(&self, other: &Self) -> bool {
        self.generation == other.generation
            && Arc::ptr_eq(&self.params, &other.params)
            && self.row == other.row
            && self.training == other.training
            && self.diverged == other.diverged
    }
}

/// View state of the workspace.
pub struct ExplainView {
    source: Source,
    depth: Depth,
    /// Place of the play head among the stops.
    at: usize,
    /// Since when the film stands at this stop, while it plays.
    playing: Option<f64>,
    /// Stops a second.
    speed: f32,
    assistant: Option<Assistant>,
    asked: Option<Subject>,
    asked_at: f64,
    recorded: Option<Arc<Recorded>>,
    failure: Option<String>,
    /// Row of the mini-batch whose numbers are shown.
    column: usize,
    card: Card,
    side: Side,
    /// The weight whose chain and curve are shown.
    weight: Option<usize>,
    lit: Option<Place>,
    nudge: Nudge,
    quiz: Quiz,
    /// Whether the slider of the speed has the focus.
    sliding: bool,
    /// Whether a key has asked for the next depth.
    deeper: bool,
    /// The card that fills the workspace.
    large: Option<usize>,
}

impl Default for ExplainView {
    fn default() -> Self {
        Self {
            source: Source::default(),
            depth: Depth::default(),
            at: 0,
            playing: None,
            speed: 0.7,
            assistant: None,
            asked: None,
            asked_at: 0.0,
            recorded: None,
            failure: None,
            column: 0,
            card: Card::default(),
            side: Side::default(),
            weight: None,
            lit: None,
            nudge: Nudge::default(),
            quiz: Quiz::default(),
            sliding: false,
            deeper: false,
            large: None,
        }
    }
}

/// Seconds between two recordings while training runs.
const REFRESH: f64 = 0.2;
const HEADER: f32 = 40.0;
const TIMELINE: f32 = 60.0;
const GAP: f32 = 12.0;

/// What is on screen in this frame.
struct Scene {
    recorded: Arc<Recorded>,
    stops: Vec<Stop>,
    /// The stop of the play head; the head may move on within the frame.
    stop: Stop,
    at: usize,
    sample: usize,
    explanation: Option<Explanation>,
}

impl ExplainView {
    /// Draws the workspace.
    pub fn ui(&mut self, ui: &mut Ui, model: &mut Model, pictures: &Pictures) {
        let t = tokens(ui);
        self.hear(ui);
        self.ask(ui, model);
        let whole = Frame::new().fill(t.background);
        egui::CentralPanel::no_frame().frame(whole).show(ui, |ui| {
            // A recording of another network than the one on screen shows nothing.
            let fits = |r: &Arc<Recorded>| model.is_current() && r.generation == model.snapshot.generation;
            let Some(recorded) = self.recorded.clone().filter(fits) else {
                let area = ui.max_rect();
                let (heading, text) = match (&self.failure, model.trainable()) {
                    (Some(failure), _) => ("This step could not be recorded", failure.as_str()),
                    (None, true) => ("Recording a step", "One moment"),
                    (None, false) => ("Nothing to explain yet", "Choose data, and build a network that fits them"),
                };
                widgets::centred(ui, area, heading, text);
                return;
            };
            let scene = self.scene(ui, model, recorded);
            model.seen.phase(scene.stop.phase);
            if let (Card::Chain, Some(weight)) = (self.card, self.weight) {
                model.seen.chain(weight);
            }
            let large = self.large;
            if large.is_none() {
                let cards = (ui.available_height() * 0.48).clamp(225.0, 360.0);
                Panel::bottom("explain cards")
                    .exact_size(cards)
                    .frame(Frame::new().inner_margin(GAP))
                    .show(ui, |ui| self.cards(ui, model, &scene, t));
            }
            let bar = Frame::new().fill(t.panel).inner_margin(egui::Margin::symmetric(12, 8));
            Panel::bottom("explain timeline")
                .exact_size(TIMELINE)
                .frame(bar)
                .show(ui, |ui| self.timeline(ui, model, &scene, t));
            let inside = Frame::new().inner_margin(if large.is_some() { GAP } else { 0.0 });
            egui::CentralPanel::no_frame().frame(inside).show(ui, |ui| match large {
                Some(card) => {
                    let rect = ui.available_rect_before_wrap();
                    self.card_at(ui, model, &scene, (card, rect), t);
                }
                None => self.picture(ui, model, pictures, &scene, t),
            });
        });
    }

    fn hear(&mut self, ui: &Ui) {
        let ctx = ui.ctx().clone();
        let assistant = self.assistant.get_or_insert_with(|| Assistant::start(move || ctx.request_repaint()));
        while let Ok(reply) = assistant.replies.try_recv() {
            match reply {
                Reply::Trace(recorded) => {
                    self.failure = None;
                    if self.recorded.as_ref().is_none_or(|r| r.generation != recorded.generation) {
                        (self.at, self.weight, self.playing) = (0, None, None);
                    }
                    self.recorded = Some(recorded);
                }
                Reply::Walk(serial, walk) => self.nudge.take(serial, walk),
                Reply::At(serial, value, loss) => self.nudge.take_point(serial, value, loss),
                Reply::Failed(text) => {
                    self.failure = Some(text);
                    self.recorded = None;
                }
            }
        }
    }

    /// Has the step recorded that is to be shown, if it is another than the last.
    fn ask(&mut self, ui: &Ui, model: &mut Model) {
        let Some(data) = model.dataset.clone().filter(|_| model.trainable() && model.is_current()) else { return };
        let row = (self.source == Source::Row).then_some(model.sample.min(data.rows() - 1));
        let key = Subject {
            generation: model.snapshot.generation,
            params: Arc::clone(&model.snapshot.params),
            row,
            training: model.document().training.clone(),
            diverged: matches!(model.snapshot.status, Status::Diverged(_)),
        };
        if self.asked.as_ref() == Some(&key) {
            return;
        }
        let now = ui.input(|i| i.time);
        if model.snapshot.is_running() && now - self.asked_at < REFRESH {
            ui.ctx().request_repaint_after(Duration::from_secs_f64(REFRESH));
            return;
        }
        let Some(assistant) = &self.assistant else { return };
        let (sender, start) = channel();
        model.train(Command::Look(sender));
        let spec = model.document().network.clone();
        let row = row.map(|r| r as u32);
        let diverged = key.diverged;
        let (training, history) = (key.training.clone(), Arc::clone(&model.snapshot.history));
        let generation = key.generation;
        assistant.record(Wanted { generation, spec, data, start, row, training, history, diverged });
        (self.asked, self.asked_at) = (Some(key), now);
    }

    fn scene(&mut self, ui: &Ui, model: &mut Model, recorded: Arc<Recorded>) -> Scene {
        let trace = &recorded.trace;
        let shown = scene::shown(model);
        let stops = stops(trace, self.depth, |id| shown.get(&id).cloned().unwrap_or_default());
        self.keys(ui, stops.len());
        self.at = self.at.min(stops.len() - 1);
        let (at, stop) = (self.at, stops[self.at]);
        let sample = self.column.min(trace.rows.len() - 1);
        if self.source == Source::Batch {
            // Pictures and other workspaces show the same row.
            model.sample = trace.rows[sample] as usize;
        }
        let weight_fits = |w: &usize| *w < trace.plan.learning && trace.gradient.len() > *w;
        self.weight = self.weight.filter(weight_fits).or_else(|| strongest_weight(trace));
        let explanation = explanation(trace, &stops, at, sample, &shown);
        Scene { recorded, stops, stop, at, sample, explanation }
    }

    /// Arrow keys move the play head.
    fn keys(&mut self, ui: &Ui, count: usize) {
        // A slider that has the focus is moved by them.
        if ui.ctx().text_edit_focused() || self.sliding || self.nudge.sliding {
            return;
        }
        let pressed = |key| ui.input_mut(|i| i.count_and_consume_key(egui::Modifiers::NONE, key));
        let (on, back) =
            (pressed(Key::ArrowRight) + pressed(Key::PageDown), pressed(Key::ArrowLeft) + pressed(Key::PageUp));
        self.deeper = pressed(Key::D) > 0 && self.large.is_none();
        if pressed(Key::C) > 0 {
            self.card = if self.card == Card::Chain { Card::Step } else { Card::Chain };
        }
        if pressed(Key::E) > 0 {
            self.large = if self.large.is_some() { None } else { Some(0) };
        }
        if self.large.is_some() && pressed(Key::Escape) > 0 {
            self.large = None;
        }
        if on + back > 0 {
            let at = (self.at + on).saturating_sub(back);
            self.go(at, count);
            // They would also lead the focus to the next button.
            ui.ctx().memory_mut(|m| m.move_focus(egui::FocusDirection::None));
        }
    }

    /// Moves the play head to one of `count` stops.
    fn go(&mut self, at: usize, count: usize) {
        self.playing = None;
        self.at = at.min(count - 1);
        self.card = Card::Step;
    }

    /// Moves on while the film plays; returns how far it is between two stops.
    fn flow(&mut self, ui: &Ui, scene: &Scene) -> Option<f32> {
        let since = self.playing?;
        let now = ui.input(|i| i.time);
        let seconds = f64::from(1.0 / self.speed);
        ui.ctx().request_repaint();
        if self.quiz.waits(scene.recorded.serial, self.at) {
            // The film waits for the answer.
            self.playing = Some(now);
            return Some(0.0);
        }
        if now - since >= seconds {
            if self.at + 1 < scene.stops.len() {
                self.at += 1;
                self.playing = Some(now);
            } else {
                self.playing = None;
            }
            return Some(0.0);
        }
        Some(((now - since) / seconds) as f32)
    }

    fn picture(&mut self, ui: &mut Ui, model: &mut Model, pictures: &Pictures, scene: &Scene, t: &Tokens) {
        let area = ui.max_rect();
        let head = Rect::from_min_max(area.min + vec2(14.0, 6.0), pos2(area.right() - 14.0, area.top() + HEADER));
        at(ui, head, Layout::left_to_right(Align::Center), |ui| self.header(ui, model, scene));
        let flow = self.flow(ui, scene);
        let trace = &scene.recorded.trace;
        let view = scene::View {
            trace,
            sample: scene.sample,
            stop: scene.stop,
            stops: &scene.stops,
            at: scene.at,
            flow,
            weight: self.weight,
            lit: self.lit,
            hidden: self.quiz.hidden(scene.recorded.serial, scene.at, scene.explanation.as_ref()),
        };
        let below = Rect::from_min_max(pos2(area.left(), area.top() + HEADER), area.max);
        let clicked = at(ui, below, Layout::top_down(Align::Min), |ui| scene::ui(ui, model, pictures, &view, t));
        match clicked {
            Some(scene::Clicked::Weight(_, weight)) => {
                self.weight = Some(weight);
                self.card = Card::Chain;
            }
            Some(scene::Clicked::Unit(layer, unit)) => self.visit(layer, unit, scene, model),
            None => {}
        }
    }

    /// Goes to a unit in the phase that is on screen, or in the forward pass.
    fn visit(&mut self, layer: crate::nn::LayerId, unit: usize, scene: &Scene, model: &Model) {
        let phase = scene.stop.phase;
        let shown = scene::shown(model);
        let fine = stops(&scene.recorded.trace, Depth::Neuron, |id| shown.get(&id).cloned().unwrap_or_default());
        let drawn = crate::app::diagram::layout::selections(&model.document().network, &model.inference);
        // Channels of images stand for the number in their middle.
        let place = drawn.get(&layer).and_then(|units| units.iter().position(|&u| u == unit));
        let unit = place.and_then(|i| shown.get(&layer)?.get(i).copied()).unwrap_or(unit);
        let find = |phase| {
            fine.iter().position(|s| s.phase == phase && s.layer == Some(layer) && s.unit.is_none_or(|u| u == unit))
        };
        if let Some(at) = find(phase).or_else(|| find(Phase::Forward)).or_else(|| find(Phase::Error)) {
            self.depth = Depth::Neuron;
            (self.at, self.playing, self.card) = (at, None, Card::Step);
        }
    }

    fn header(&mut self, ui: &mut Ui, model: &mut Model, scene: &Scene) {
        let choices = [
            (Source::Row, "one row", "The step that this row alone would cause"),
            (Source::Batch, "mini-batch", "The step that training takes next, with all of its rows"),
        ];
        if segmented(ui, &mut self.source, &choices) {
            self.column = 0;
        }
        let recorded = &scene.recorded;
        let rows = &recorded.trace.rows;
        ui.add_space(6.0);
        ui.spacing_mut().interact_size = vec2(48.0, 26.0);
        match self.source {
            Source::Row => {
                ui.label(label(ui, "Row"));
                let count = recorded.data.rows();
                let mut row = model.sample + 1;
                let field = egui::DragValue::new(&mut row).range(1..=count).speed(0.1);
                if named(ui.add(field), Role::SpinButton, "Row that is explained").changed() {
                    model.sample = row - 1;
                }
                ui.label(label(ui, format!("of {count}")));
            }
            Source::Batch => {
                ui.label(label(ui, "Numbers of row"));
                let mut column = scene.sample + 1;
                let field = egui::DragValue::new(&mut column).range(1..=rows.len()).speed(0.1);
                if named(ui.add(field), Role::SpinButton, "Row of the mini-batch whose numbers are shown").changed() {
                    self.column = column - 1;
                }
                ui.label(label(ui, format!("of {} in the mini-batch", rows.len())));
            }
        }
        let row = rows[scene.sample] as usize;
        let data = &recorded.data;
        let target = data.target().describe(row);
        ui.label(egui::RichText::new(target).size(LABEL));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let choices = [
                (Depth::Phase, "phases", "Four stops"),
                (Depth::Layer, "layers", "A stop at each layer"),
                (Depth::Neuron, "neurons", "A stop at each neuron that is drawn"),
            ];
            let before = scene.stop;
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
                let shown = scene::shown(model);
                let new = stops(&recorded.trace, self.depth, |id| shown.get(&id).cloned().unwrap_or_default());
                let same = |s: &Stop| s.phase == before.phase && (s.layer == before.layer || before.layer.is_none());
                let near = new.iter().position(same).or_else(|| new.iter().position(|s| s.phase == before.phase));
                self.at = near.unwrap_or(0);
            }
            ui.label(label(ui, "Stop at"));
            print(ui, model, scene);
        });
    }

    fn timeline(&mut self, ui: &mut Ui, model: &mut Model, scene: &Scene, t: &Tokens) {
        ui.horizontal_centered(|ui| {
            ui.spacing_mut().item_spacing.x = 6.0;
            let last = scene.stops.len() - 1;
            if icon_button(ui, icon::BACK, "Step back", "←", self.at > 0).clicked() {
                self.go(self.at - 1, last + 1);
            }
            let (glyph, name) =
                if self.playing.is_some() { (icon::PAUSE, "Pause the film") } else { (icon::PLAY, "Play the film") };
            if icon_button(ui, glyph, name, "", true).clicked() {
                let now = ui.input(|i| i.time);
                if self.playing.take().is_none() {
                    self.at = if self.at == last { 0 } else { self.at };
                    self.playing = Some(now);
                    self.card = Card::Step;
                }
            }
            if icon_button(ui, icon::FORTH, "Step forward", "→", self.at < last).clicked() {
                self.go(self.at + 1, last + 1);
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
            // Training takes the very step that was shown.
            let can = self.source == Source::Batch && !model.snapshot.is_running();
            let width = ui.available_width() - 112.0;
            for (k, phase) in Phase::ALL.into_iter().enumerate() {
                self.phase_box(ui, k, phase, (width - 18.0) / 4.0, scene, t);
            }
            let text = "Train this step";
            let button = egui::Button::new(egui::RichText::new(text).size(LABEL)).min_size(vec2(104.0, 34.0));
            let response = ui.add_enabled(can, button);
            let why = "Choose the mini-batch above, and pause training: then this is the step that it takes next";
            if response
                .on_hover_text("Training takes this step; the film begins anew with the next mini-batch")
                .on_disabled_hover_text(why)
                .clicked()
            {
                model.train(Command::Step(StepUnit::Batch));
                (self.at, self.playing) = (0, None);
            }
        });
    }

    /// One of the four phases: click to go there.
    fn phase_box(&mut self, ui: &mut Ui, k: usize, phase: Phase, width: f32, scene: &Scene, t: &Tokens) {
        let own: Vec<usize> = (0..scene.stops.len()).filter(|&i| scene.stops[i].phase == phase).collect();
        let (rect, response) = ui.allocate_exact_size(vec2(width, 40.0), Sense::click());
        let name = format!("{} {}", k + 1, phase.label());
        let response = named(response, Role::Button, &name);
        let current = scene.stop.phase == phase;
        let done = own.last().is_some_and(|&l| l < scene.at);
        let (fill, line) = if current {
            (super::theme::mix(t.panel, t.accent, 0.3), t.accent)
        } else if response.hovered() {
            (t.raised, t.hint)
        } else {
            (t.raised, t.line)
        };
        ui.painter().rect(rect, RADIUS_CARD, fill, Stroke::new(1.0, line), StrokeKind::Inside);
        let colour = if current || done { t.text } else { t.label };
        let left = rect.left_center() + vec2(12.0, 0.0);
        let title = ui.painter().layout_no_wrap(name, semibold(BODY), colour);
        let title_width = title.size().x;
        ui.painter().galley(left - vec2(0.0, title.size().y / 2.0), title, colour);
        let state = match own.iter().position(|&i| i == scene.at) {
            Some(i) if own.len() > 1 => format!("{} of {}", i + 1, own.len()),
            Some(_) => "now".to_owned(),
            None if own.is_empty() => "nothing".to_owned(),
            None if done => "done".to_owned(),
            None => "next".to_owned(),
        };
        let state = ui.painter().layout_no_wrap(state, regular(HINT), t.label);
        if title_width + state.size().x + 32.0 < width {
            let place = Align2::RIGHT_CENTER.anchor_size(rect.right_center() - vec2(10.0, 0.0), state.size());
            ui.painter().galley(place.min, state, t.label);
        }
        let share =
            if done { 1.0 } else { own.iter().filter(|&&i| i <= scene.at).count() as f32 / own.len().max(1) as f32 };
        let bar = Rect::from_min_max(
            rect.left_bottom() - vec2(-6.0, 3.0),
            pos2(rect.left() + 6.0 + (width - 12.0) * share, rect.bottom() - 1.0),
        );
        if share > 0.0 {
            ui.painter().rect_filled(bar, 1.0, t.accent);
        }
        if response.clicked()
            && let Some(&first) = own.first()
        {
            self.go(first, scene.stops.len());
        }
    }

    /// The quiz, or the diagnosis.
    fn side_card(&mut self, ui: &mut Ui, model: &mut Model, scene: &Scene, t: &Tokens) {
        let findings = &scene.recorded.findings;
        let count = match findings.len() {
            0 => "diagnosis".to_owned(),
            n => format!("diagnosis ({n})"),
        };
        let choices = [
            (Side::Quiz, "quiz", "Say what comes out before it is shown"),
            (Side::Diagnosis, count.as_str(), "Why is it not learning? What is seen, and what would mend it"),
        ];
        segmented(ui, &mut self.side, &choices);
        ui.add_space(2.0);
        if self.side == Side::Diagnosis {
            cards::diagnosis(ui, model, findings, t);
            return;
        }
        let before = scene.at.checked_sub(1).and_then(|at| {
            let shown = scene::shown(model);
            explanation(&scene.recorded.trace, &scene.stops, at, scene.sample, &shown)
        });
        let before = before.and_then(|e| Some(e.lines.last()?.result));
        let right = self.quiz.ui(ui, scene.recorded.serial, scene.at, scene.explanation.as_ref(), before, t);
        match right {
            Some(Asks::Sign) => model.seen.right_signs += 1,
            Some(Asks::Size) => model.seen.right_sizes += 1,
            Some(Asks::Number) => model.seen.right_numbers += 1,
            None => {}
        }
    }

    fn cards(&mut self, ui: &mut Ui, model: &mut Model, scene: &Scene, t: &Tokens) {
        let area = ui.available_rect_before_wrap();
        let (nudge, quiz) = ((area.width() * 0.31).max(250.0), (area.width() * 0.22).clamp(190.0, 300.0));
        let widths = [area.width() - nudge - quiz - 2.0 * GAP, nudge, quiz];
        let mut left = area.left();
        for (k, width) in widths.into_iter().enumerate() {
            let rect = Rect::from_min_size(pos2(left, area.top()), vec2(width, area.height()));
            left += width + GAP;
            self.card_at(ui, model, scene, (k, rect), t);
        }
    }

    /// One of the cards in its place, with the button that enlarges it.
    fn card_at(&mut self, ui: &mut Ui, model: &mut Model, scene: &Scene, (k, rect): (usize, Rect), t: &Tokens) {
        at(ui, rect, Layout::top_down(Align::Min), |ui| {
            widgets::card(ui).show(ui, |ui| {
                ui.set_min_size(ui.available_size());
                match k {
                    0 => self.left_card(ui, scene, t),
                    1 => {
                        let assistant = self.assistant.as_ref();
                        if let (Some(assistant), Some(weight)) = (assistant, self.weight) {
                            self.nudge.ui(ui, assistant, &scene.recorded, weight, t);
                            model.seen.nudged_slope = self.nudge.slope_share().or(model.seen.nudged_slope);
                        }
                    }
                    _ => self.side_card(ui, model, scene, t),
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

/// The menu that puts the step on paper.
fn print(ui: &mut Ui, model: &mut Model, scene: &Scene) {
    let mut wanted = None;
    ui.menu_button("Worksheet", |ui| {
        for (text, kind, ending) in [
            ("Worksheet as PDF…", Kind::Students, "pdf"),
            ("Solutions as PDF…", Kind::Solutions, "pdf"),
            ("Worksheet as SVG…", Kind::Students, "svg"),
            ("Solutions as SVG…", Kind::Solutions, "svg"),
        ] {
            if ui.button(text).clicked() {
                wanted = Some((kind, ending));
            }
        }
    })
    .response
    .on_hover_text("This step on paper: formulas with blanks for the class, and the solutions");
    let Some((kind, ending)) = wanted else { return };
    let sheet = worksheet::sheet(ui, scene, &scene::shown(model), &model.document().name, kind);
    let bytes = if ending == "pdf" { sheet.pdf(ui) } else { Ok(sheet.svg().into_bytes()) };
    let (name, title) = match kind {
        Kind::Students => ("worksheet", "Save worksheet"),
        Kind::Solutions => ("solutions", "Save solutions"),
    };
    match bytes {
        Ok(bytes) => model.ask(Question::SaveFile {
            title,
            suggestion: format!("{name}.{ending}"),
            kind: (if ending == "pdf" { "PDF" } else { "SVG pictures" }, ending),
            bytes: bytes.into(),
        }),
        Err(why) => model.problem(format!("The sheet could not be written: {why}")),
    }
}

/// What is said of a stop.
fn explanation(
    trace: &Trace<f32>,
    stops: &[Stop],
    at: usize,
    sample: usize,
    shown: &std::collections::BTreeMap<crate::nn::LayerId, Vec<usize>>,
) -> Option<Explanation> {
    let stop = *stops.get(at)?;
    // A stop of a whole layer is explained by its unit that matters most; one of a whole phase by its last layer.
    let stop = match stop.layer {
        Some(_) => stop,
        None => {
            let fine = crate::explain::stops(trace, Depth::Layer, |_| Vec::new());
            *fine.iter().rfind(|s| s.phase == stop.phase)?
        }
    };
    let layer = stop.layer?;
    let units = shown.get(&layer)?;
    let size = |unit: &usize| {
        let gradient = trace.layer_grads(layer).and_then(|(z, a)| z.or(a)).map(|g| g[[*unit, sample]].abs());
        let value = trace.layer_values(layer).map_or(0.0, |(_, a)| a[[*unit, sample]].abs());
        match stop.phase {
            Phase::Backward | Phase::Update => gradient.unwrap_or(0.0),
            _ => value,
        }
    };
    let unit = units.iter().copied().max_by(|a, b| size(a).total_cmp(&size(b))).unwrap_or(0);
    explain(trace, stop, unit, sample)
}

/// The weight of the first layer whose gradient is largest: its chain leads through the whole network.
fn strongest_weight(trace: &Trace<f32>) -> Option<usize> {
    let weighs = |layer| trace.plan.nodes.iter().any(|n| n.layer == layer && n.operation.weighs());
    let learning = trace.plan.parameters.iter().filter(|p| p.shape.decayed && p.range.end <= trace.plan.learning);
    let first = learning.into_iter().find(|p| weighs(p.layer))?;
    first.range.clone().max_by(|&a, &b| trace.gradient[a].abs().total_cmp(&trace.gradient[b].abs()))
}
