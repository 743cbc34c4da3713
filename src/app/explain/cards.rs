//! The card of formulas, and the quiz.

use super::super::math::{self, Style};
use super::super::model::Model;
use super::super::theme::{HEADING, HINT, LABEL, TITLE, Tokens, regular, semibold};
use super::super::widgets::{hint, label, segmented, short, title};
use super::super::{icon, widgets};
use super::{ExplainView, Scene, sketch};
use crate::explain::{Chain, Culprit, Cure, Explanation, Finding, Math, Place, Trace, chain, parameter_name};
use egui::{Align2, Button, Layout, Rect, RichText, ScrollArea, Sense, Stroke, Ui, vec2};

/// What the left card shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Card {
    #[default]
    Step,
    Chain,
}

/// What the right card shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Side {
    #[default]
    Quiz,
    Diagnosis,
}

/// What ails the training, with the evidence and the button that mends it.
pub fn diagnosis(ui: &mut Ui, model: &mut Model, findings: &[Finding], t: &Tokens) {
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        if findings.is_empty() {
            ui.horizontal(|ui| {
                ui.label(RichText::new(icon::OK).size(15.0).color(t.ok));
                ui.label(RichText::new("Nothing is wrong").font(semibold(TITLE)));
            });
            let text = "Learning rate, gradients, units, inputs, output, classes and curves look as they should, on up to 256 training rows.";
            ui.add(egui::Label::new(label(ui, text)).wrap());
        }
        for finding in findings {
            ui.horizontal(|ui| {
                ui.label(RichText::new(icon::WARNING).size(15.0).color(t.problem));
                ui.add(egui::Label::new(RichText::new(finding.issue.label()).font(semibold(LABEL + 1.0))).wrap());
            });
            ui.add(egui::Label::new(label(ui, &finding.evidence)).wrap());
            if let Some(cure) = &finding.cure {
                let name = cure.label();
                let text = RichText::new(format!("{}  {name}", icon::MEND)).size(LABEL);
                let response = ui.add(Button::new(text).wrap());
                let response = widgets::named(response, egui::accesskit::Role::Button, &name);
                if response.on_hover_text("Changes the document; undo takes it back").clicked() {
                    mend(model, cure);
                }
            }
            ui.add_space(8.0);
        }
    });
}

fn mend(model: &mut Model, cure: &Cure) {
    let (mut network, mut training) = (model.document().network.clone(), model.document().training.clone());
    if matches!(cure, Cure::Standardise(_)) {
        model.edit_preparation("Mend training", None, |plan| cure.apply(&mut network, &mut training, plan));
    } else {
        cure.apply(&mut network, &mut training, &mut crate::data::Preparation::default());
        model.edit("Mend training", None, |d| (d.network, d.training) = (network, training));
    }
    model.notice(format!("{}. Rewind to train anew; undo takes it back.", cure.label()));
}

/// Size of the formulas, where there is room for more.
fn size(ui: &Ui) -> f32 {
    (ui.available_width() / 38.0).clamp(14.5, 17.0)
}

impl ExplainView {
    pub(super) fn left_card(&mut self, ui: &mut Ui, scene: &Scene, t: &Tokens) {
        ui.horizontal(|ui| {
            let choices = [
                (Card::Step, "this stop", "The formula of what is lit, in symbols and with its numbers"),
                (Card::Chain, "chain of a weight", "Every factor from the loss down to one weight"),
            ];
            segmented(ui, &mut self.card, &choices);
            let name = match self.card {
                Card::Step => scene.explanation.as_ref().map(|e| e.title.clone()),
                Card::Chain => self.weight.map(|w| parameter_name(&scene.recorded.trace, w)),
            };
            ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
                let text = RichText::new(name.unwrap_or_default()).size(LABEL).color(t.label);
                ui.add(egui::Label::new(text).truncate());
            });
        });
        self.lit = None;
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| match self.card {
            Card::Step => self.step_card(ui, scene, t),
            Card::Chain => self.chain_card(ui, scene, t),
        });
    }

    fn step_card(&mut self, ui: &mut Ui, scene: &Scene, t: &Tokens) {
        let Some(explanation) = &scene.explanation else {
            ui.add_space(8.0);
            ui.label(label(ui, "Nothing happens here in this phase."));
            return;
        };
        let hidden = self.quiz.hidden(scene.recorded.serial, scene.at, Some(explanation));
        let style = Style { size: size(ui), colours: t, signed: true, hidden: hidden.as_slice() };
        let mut chosen = None;
        for line in &explanation.lines {
            ui.add_space(4.0);
            let mut parts = Vec::new();
            if let Some(numbers) = &line.numbers {
                parts.push(Math::Text("=".to_owned()));
                match numbers {
                    Math::Row(row) => parts.extend(row.iter().cloned()),
                    other => parts.push(other.clone()),
                }
            }
            parts.push(Math::Text("=".to_owned()));
            parts.push(Math::Number { value: line.result, place: line.place });
            // Symbols and numbers on one line if they fit, else one below the other.
            let numbers = Math::Row(parts);
            let room = ui.available_width() - math::width(ui, &line.symbols, style);
            let (over, clicked) = if math::width(ui, &numbers, style) < room {
                let both = [line.symbols.clone(), numbers].map(|m| match m {
                    Math::Row(parts) => parts,
                    other => vec![other],
                });
                math::show(ui, &Math::Row(both.concat()), style)
            } else {
                math::show(ui, &line.symbols, Style { signed: false, ..style });
                ui.add_space(1.0);
                math::show(ui, &numbers, style)
            };
            self.lit = self.lit.or(over);
            if clicked {
                chosen = over;
            }
        }
        ui.add_space(8.0);
        ui.separator();
        ui.label(RichText::new("In words").font(semibold(LABEL)).color(t.label));
        let words = if hidden.is_some() { "Say what comes out, then read why." } else { explanation.words.as_str() };
        ui.add(egui::Label::new(words).wrap());
        if hidden.is_none() {
            ui.add_space(8.0);
            sketch::ui(ui, &scene.recorded.trace, scene.stop, explanation.unit, scene.sample, t);
        }
        if let Some(Place::Parameter { index, .. } | Place::ParameterGradient { index, .. }) = chosen {
            self.weight = Some(index);
            self.card = Card::Chain;
        }
    }

    fn chain_card(&mut self, ui: &mut Ui, scene: &Scene, t: &Tokens) {
        let trace = &scene.recorded.trace;
        let Some(chain) = self.weight.and_then(|w| chain(trace, w, scene.sample)) else {
            ui.add_space(8.0);
            ui.label(label(ui, "No gradient reaches this weight, or it is inside a layer that is more than a weighted sum. Click a line between two neurons."));
            return;
        };
        ui.add_space(6.0);
        self.factors(ui, trace, &chain, t);
        ui.add_space(6.0);
        ui.separator();
        ui.add(egui::Label::new(in_words(&chain, trace.rows.len())).wrap());
        if let Some((walk, _)) = self.nudge.walk(scene.recorded.serial, chain.index) {
            ui.add_space(4.0);
            checked(ui, walk.slope, walk.difference, t);
        }
    }

    /// The factors side by side, each with its value and what it is; as many lines as they need.
    fn factors(&mut self, ui: &mut Ui, trace: &Trace<f32>, chain: &Chain, t: &Tokens) {
        let style = Style { size: size(ui) + 1.0, colours: t, signed: true, hidden: &[] };
        let wide = 92.0_f32;
        let beside = ((ui.available_width() / wide) as usize).max(1);
        let cells = chain.factors.len() + 1;
        let height = 101.0;
        let lines = cells.div_ceil(beside);
        let (area, _) = ui.allocate_exact_size(vec2(ui.available_width(), height * lines as f32), Sense::hover());
        for k in 0..cells {
            let corner = area.min + vec2((k % beside) as f32 * wide, (k / beside) as f32 * height);
            let sign = match k {
                0 => "",
                1 => "=",
                _ => "·",
            };
            let place = corner + vec2(0.0, style.size * 1.25);
            ui.painter().text(place, Align2::LEFT_CENTER, sign, regular(TITLE), t.label);
            let inset = if k == 0 { 0.0 } else { 14.0 };
            let cell = Rect::from_min_size(corner + vec2(inset, 0.0), vec2(wide - inset - 2.0, height));
            widgets::at(ui, cell, Layout::top_down(egui::Align::Min), |ui| {
                ui.spacing_mut().item_spacing.y = 3.0;
                let Some(factor) = k.checked_sub(1).map(|k| &chain.factors[k]) else {
                    math::caption(ui, &chain.symbols, style.size);
                    ui.label(RichText::new(short(chain.product)).font(semibold(TITLE - 1.0)));
                    return;
                };
                math::caption(ui, &factor.symbols, style.size);
                let number = Math::Number { value: factor.value, place: factor.place };
                let (over, _) = math::show(ui, &number, Style { size: TITLE - 1.0, ..style });
                self.lit = self.lit.or(over);
                let (text, colour) = match factor.culprit {
                    Some(Culprit::Vanishes) => ("it vanishes here".to_owned(), t.problem),
                    Some(Culprit::Explodes) => ("it explodes here".to_owned(), t.problem),
                    None => (factor.name.clone(), t.label),
                };
                let quiet =
                    |text: String, colour| egui::Label::new(RichText::new(text).size(HINT).color(colour)).truncate();
                ui.add(quiet(text, colour)).on_hover_text(&factor.name);
                ui.add(quiet(trace.spec.name(factor.layer), t.hint));
            });
        }
    }
}

/// The gradient beside its check.
fn checked(ui: &mut Ui, slope: f64, difference: f64, t: &Tokens) {
    let apart = (slope - difference).abs();
    let fine = apart <= 1e-3 * slope.abs().max(difference.abs()).max(1e-3);
    let (glyph, colour) = if fine { (icon::OK, t.ok) } else { (icon::WARNING, t.problem) };
    let text =
        format!("Chain rule {}, finite difference {}, apart by {}", short(slope), short(difference), short(apart));
    ui.horizontal(|ui| {
        ui.label(RichText::new(glyph).size(15.0).color(colour));
        ui.add(egui::Label::new(RichText::new(text).size(LABEL)).wrap());
    });
}

fn in_words(chain: &Chain, rows: usize) -> String {
    let names: Vec<&str> = chain.factors.iter().filter(|f| f.culprit.is_some()).map(|f| f.name.as_str()).collect();
    let mut words = vec![match chain.ways {
        0 | 1 => "This is the only way from the weight to the loss.".to_owned(),
        n => format!(
            "{} ways lead from this weight to the loss; this is the strongest and carries {} of {} for this row.",
            widgets::count(u128::from(n)),
            short(chain.product),
            short(chain.of_sample)
        ),
    }];
    let negative = chain.factors.iter().filter(|f| f.value < 0.0).count();
    if chain.product != 0.0 {
        let sign = if negative % 2 == 0 { "positive" } else { "negative" };
        let are = if negative == 1 { "factor is" } else { "factors are" };
        words.push(format!("{negative} {are} negative, so the product is {sign}."));
    } else if let Some(zero) = chain.factors.iter().find(|f| f.value == 0.0) {
        words.push(format!("One factor ({}) is zero, so nothing gets through.", zero.name));
    }
    if rows > 1 {
        words.push(format!("Over all {rows} rows the gradient is {}.", short(chain.total)));
    }
    if let Some(name) = names.first() {
        words.push(format!("Most is lost or gained at the {name}."));
    }
    words.join(" ")
}

/// What is asked before a number is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Asks {
    #[default]
    Sign,
    Size,
    Number,
}

/// "Predict first": hides what comes out until somebody has said what it will be.
#[derive(Default)]
pub struct Quiz {
    on: bool,
    question: Asks,
    right: u32,
    asked: u32,
    /// The stop that was answered last, and whether rightly; none where it was only revealed.
    answered: Option<(u64, usize, Option<bool>)>,
    typed: String,
}

/// What a stop asks for.
struct Asked {
    place: Option<Place>,
    value: f64,
}

fn asked(explanation: Option<&Explanation>) -> Option<Asked> {
    let line = explanation?.lines.last()?;
    Some(Asked { place: line.place, value: line.result })
}

impl Quiz {
    fn done(&self, serial: u64, at: usize) -> bool {
        self.answered.is_some_and(|(s, a, _)| s == serial && a == at)
    }

    /// Whether an answer is awaited.
    pub fn waits(&self, serial: u64, at: usize) -> bool {
        self.on && !self.done(serial, at)
    }

    /// The number that must not be seen yet.
    pub fn hidden(&self, serial: u64, at: usize, explanation: Option<&Explanation>) -> Option<Place> {
        asked(explanation).and_then(|a| a.place).filter(|_| self.waits(serial, at))
    }

    /// Returns what was asked, if it was answered rightly in this frame.
    pub fn ui(
        &mut self,
        ui: &mut Ui,
        serial: u64,
        at: usize,
        explanation: Option<&Explanation>,
        before: Option<f64>,
        t: &Tokens,
    ) -> Option<Asks> {
        ui.scope(|ui| {
            ui.visuals_mut().widgets.inactive.bg_stroke = Stroke::new(1.0, t.hint);
            let response = widgets::pointed(ui.checkbox(&mut self.on, title("Predict first")), "Predict first");
            response.on_hover_text("Hides each result until you have said what it will be");
        });
        if !self.on {
            let text = "Hides each result until somebody has said what it will be: its sign, whether it grows, or the number. The score is kept for the class.";
            ui.add(egui::Label::new(label(ui, text)).wrap());
            return None;
        }
        let choices = [
            (Asks::Sign, "sign", "Negative, zero or positive"),
            (Asks::Size, "size", "Smaller or larger than the result before"),
            (Asks::Number, "number", "The number itself, to within five percent"),
        ];
        segmented(ui, &mut self.question, &choices);
        ui.add_space(4.0);
        let Some(asked) = asked(explanation) else {
            ui.label(label(ui, "Nothing to predict at this stop."));
            return None;
        };
        let right = if self.done(serial, at) {
            self.verdict(ui, &asked, t);
            None
        } else {
            self.ask(ui, serial, at, &asked, before)
        };
        ui.add_space(6.0);
        ui.horizontal(|ui| {
            ui.label(label(ui, "Score"));
            ui.label(RichText::new(format!("{} of {}", self.right, self.asked)).font(semibold(HEADING)));
            if self.asked > 0 && ui.button("Reset").on_hover_text("Begin counting anew").clicked() {
                (self.right, self.asked) = (0, 0);
            }
        });
        right
    }

    fn verdict(&mut self, ui: &mut Ui, asked: &Asked, t: &Tokens) {
        let (text, colour) = match self.answered {
            Some((.., Some(true))) => (format!("{}  Right", icon::OK), t.ok),
            Some((.., Some(false))) => (format!("{}  Not quite", icon::CLOSE), t.problem),
            _ => ("Revealed".to_owned(), t.label),
        };
        ui.label(RichText::new(text).font(semibold(TITLE)).color(colour));
        ui.label(format!("It is {}", short(asked.value)));
        ui.label(hint(ui, "Step forward for the next one"));
    }

    fn ask(&mut self, ui: &mut Ui, serial: u64, at: usize, asked: &Asked, before: Option<f64>) -> Option<Asks> {
        let mut answer = None;
        let wide = |n: f32, ui: &Ui| vec2((ui.available_width() - (n - 1.0) * 6.0) / n, 32.0);
        match (self.question, before) {
            (Asks::Size, Some(before)) => {
                let text = format!("The result before was {}. Is this one larger or smaller in size?", short(before));
                ui.add(egui::Label::new(text).wrap());
                ui.horizontal(|ui| {
                    ui.spacing_mut().item_spacing.x = 6.0;
                    let size = wide(2.0, ui);
                    let larger = asked.value.abs() > before.abs();
                    for (text, right) in [("smaller", !larger), ("larger", larger)] {
                        if ui.add(Button::new(text).min_size(size)).clicked() {
                            answer = Some(right);
                        }
                    }
                });
            }
            (Asks::Number, _) => {
                ui.add(egui::Label::new("What comes out? Type a number").wrap());
                ui.horizontal(|ui| {
                    let edit = egui::TextEdit::singleline(&mut self.typed).desired_width(90.0);
                    let response = widgets::named(ui.add(edit), egui::accesskit::Role::TextInput, "Your prediction");
                    let enter = response.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
                    let typed = self.typed.trim().replace('−', "-").replace(',', ".").parse::<f64>().ok();
                    let check = ui.add_enabled(typed.is_some(), Button::new("Check")).clicked();
                    if let Some(typed) = typed.filter(|_| enter || check) {
                        answer = Some((typed - asked.value).abs() <= 0.05 * asked.value.abs() + 5e-4);
                    }
                });
            }
            _ => {
                ui.add(egui::Label::new("What comes out at this stop? Its sign").wrap());
                ui.horizontal(|ui| {
                    ui.spacing_mut().item_spacing.x = 6.0;
                    ui.spacing_mut().button_padding.x = 4.0;
                    let size = wide(3.0, ui);
                    let sign = if asked.value > 0.0 {
                        1
                    } else if asked.value < 0.0 {
                        -1
                    } else {
                        0
                    };
                    for (text, own) in [("negative", -1), ("zero", 0), ("positive", 1)] {
                        let button = Button::new(RichText::new(text).size(LABEL)).min_size(size);
                        if ui.add(button).clicked() {
                            answer = Some(own == sign);
                        }
                    }
                });
            }
        }
        if let Some(right) = answer {
            self.asked += 1;
            self.right += u32::from(right);
            self.answered = Some((serial, at, Some(right)));
            self.typed.clear();
        }
        if ui.add_sized(wide(1.0, ui), Button::new("Reveal")).clicked() {
            self.answered = Some((serial, at, None));
        }
        // Without a result before, sizes cannot be compared and the sign is asked for.
        let kind = if self.question == Asks::Size && before.is_none() { Asks::Sign } else { self.question };
        answer.filter(|right| *right).map(|_| kind)
    }
}
