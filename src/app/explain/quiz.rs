//! "Predict first": a quiz on the numbers of the step.

use crate::app::icon;
use crate::app::theme::{HEADING, LABEL, TITLE, Tokens, semibold};
use crate::app::widgets::{self, hint, label, segmented, title};
use crate::explain::{Explanation, Place};
use crate::format;
use egui::{Button, RichText, Stroke, Ui, vec2};

/// What is asked before a number is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Asks {
    #[default]
    Sign,
    Size,
    Number,
}

/// "Predict first": hides each result until it has been predicted.
#[derive(Default)]
pub struct Quiz {
    on: bool,
    question: Asks,
    right: u32,
    asked: u32,
    /// The stop that was answered last, and whether correctly; none where it was only revealed.
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

    /// Returns what was asked, if it was answered correctly in this frame.
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
        ui.label(format!("It is {}", format::number(asked.value)));
        ui.label(hint(ui, "Step forward for the next one"));
    }

    fn ask(&mut self, ui: &mut Ui, serial: u64, at: usize, asked: &Asked, before: Option<f64>) -> Option<Asks> {
        let mut answer = None;
        let wide = |n: f32, ui: &Ui| vec2((ui.available_width() - (n - 1.0) * 6.0) / n, 32.0);
        match (self.question, before) {
            (Asks::Size, Some(before)) => {
                let text =
                    format!("The result before was {}. Is this one larger or smaller in size?", format::number(before));
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
