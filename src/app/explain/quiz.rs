//! "Predict first": a quiz on the numbers of the step.

use super::current::{Current, is_given};
use crate::app::icon;
use crate::app::theme::{HEADING, LABEL, TITLE, Tokens, semibold};
use crate::app::widgets::{self, hint, label, segmented, title};
use crate::explain::Place;
use crate::format;
use egui::{Button, RichText, Stroke, Ui, vec2};

/// The name of the mode, by which lessons point at it.
pub const PREDICT_FIRST: &str = "Predict first";

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
    /// The running lesson that asks for the mode, by its number.
    lesson: Option<u64>,
    /// The lesson in which the mode was switched on; it ends with it.
    of_lesson: Option<u64>,
    /// The mode ended with its lesson.
    ended: bool,
}

/// The number that a stop asks for.
#[derive(Clone, Copy, Debug)]
pub struct Secret {
    pub place: Option<Place>,
    value: f64,
}

impl Secret {
    /// What the stop on screen asks for: the result of its last line. Inputs are given, and not asked for.
    pub fn of(current: &Current) -> Option<Self> {
        if is_given(&current.recorded.trace, current.stop) {
            return None;
        }
        let line = current.explanation.as_ref()?.lines.last()?;
        Some(Self { place: line.place, value: line.result })
    }

    /// Whether a number in the picture tells it: the number itself, and for a unit its sum or activation, which have one sign.
    pub fn hides(self, place: Place) -> bool {
        let plain = |place| match place {
            Place::Sum { layer, unit } => Place::Activation { layer, unit },
            Place::SumGradient { layer, unit } => Place::ActivationGradient { layer, unit },
            other => other,
        };
        self.place.is_some_and(|own| plain(own) == plain(place))
    }

    /// Whether a number looks the same on screen.
    pub fn reads_like(self, value: f64) -> bool {
        format::number(value) == format::number(self.value)
    }
}

impl Quiz {
    /// Whether results are hidden until they have been predicted.
    pub fn is_on(&self) -> bool {
        self.on
    }

    fn done(&self, serial: u64, at: usize) -> bool {
        self.answered.is_some_and(|(s, a, _)| s == serial && a == at)
    }

    /// The number that must not be seen yet, because an answer is awaited.
    pub fn secret(&self, current: &Current) -> Option<Secret> {
        let waits = self.on && !self.done(current.recorded.serial, current.at);
        Secret::of(current).filter(|_| waits)
    }

    /// Says which lesson that asks for the mode is running; the mode ends with the lesson in which it was switched on.
    pub fn in_lesson(&mut self, lesson: Option<u64>) {
        self.lesson = lesson;
        if self.of_lesson.is_some() && self.of_lesson != lesson {
            self.ended = self.on;
            (self.on, self.of_lesson) = (false, None);
        }
    }

    /// The control that switches the mode on and off.
    pub fn switch(&mut self, ui: &mut Ui, t: &Tokens) {
        ui.scope(|ui| {
            ui.visuals_mut().widgets.inactive.bg_stroke = Stroke::new(1.0, t.hint);
            let response = widgets::pointed(ui.checkbox(&mut self.on, title(PREDICT_FIRST)), PREDICT_FIRST);
            if response.changed() {
                self.of_lesson = self.lesson.filter(|_| self.on);
                self.ended = false;
            }
            response.on_hover_text("Hides each result until you have said what it will be");
        });
    }

    /// Returns what was asked, if it was answered correctly in this frame.
    pub fn ui(&mut self, ui: &mut Ui, current: &Current, before: Option<f64>, t: &Tokens) -> Option<Asks> {
        let (serial, at) = (current.recorded.serial, current.at);
        if !self.on {
            if self.ended {
                ui.add(egui::Label::new("It was switched off at the end of its lesson.").wrap());
            }
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
        let Some(asked) = Secret::of(current) else {
            let text = match current.explanation {
                Some(_) => "Nothing to predict at this stop: its numbers are given. Step forward.",
                None => "Nothing to predict at this stop. Step forward.",
            };
            ui.add(egui::Label::new(label(ui, text)).wrap());
            return None;
        };
        let right = if self.done(serial, at) {
            self.verdict(ui, &asked, current.is_last(), t);
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

    fn verdict(&mut self, ui: &mut Ui, asked: &Secret, last: bool, t: &Tokens) {
        let (text, colour) = match self.answered {
            Some((.., Some(true))) => (format!("{}  Right", icon::OK), t.ok),
            Some((.., Some(false))) => (format!("{}  Not quite", icon::CLOSE), t.problem),
            _ => ("Revealed".to_owned(), t.label),
        };
        ui.label(RichText::new(text).font(semibold(TITLE)).color(colour));
        ui.label(format!("It is {}", format::number(asked.value)));
        if !last {
            ui.label(hint(ui, "Step forward for the next one"));
        }
    }

    fn ask(&mut self, ui: &mut Ui, serial: u64, at: usize, asked: &Secret, before: Option<f64>) -> Option<Asks> {
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
