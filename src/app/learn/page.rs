//! The page of one lesson: its text with mathematics, its tasks and its questions.

use super::running::{Chosen, Running};
use super::solution::{Since, facts};
use crate::app::icon;
use crate::app::math;
use crate::app::state::Model;
use crate::app::theme::{BODY, HEADING, LABEL, RADIUS_CARD, TITLE, Tokens, mix, regular, semibold};
use crate::app::widgets::{self, hint, label, named};
use crate::learn::{Block, CourseProgress, Lesson, Question, Step, Task, tex};
use egui::accesskit::Role;
use egui::{Align, Button, CornerRadius, Frame, Label, Margin, RichText, Sense, Stroke, TextStyle, Ui, vec2};
use egui_commonmark::{CommonMarkCache, CommonMarkViewer};

/// Letters of the text that is read.
const READING: f32 = 15.0;

/// View state of the page.
#[derive(Default)]
pub struct Page {
    /// Whether to scroll to the current task.
    pub scroll: bool,
    cache: CommonMarkCache,
}

/// What has been done, and the lesson on the page where it has begun.
type Standing<'a> = (&'a CourseProgress, Option<&'a Running>);

impl Page {
    /// Draws a lesson; `next` is the id and the title of the one after it.
    pub fn ui(
        &mut self,
        ui: &mut Ui,
        lesson: &Lesson,
        next: Option<(String, String)>,
        (progress, running): Standing<'_>,
        model: &Model,
        t: &Tokens,
    ) -> Option<Chosen> {
        let mut chosen = None;
        let (done, all) = progress.share(lesson);
        ui.add_space(22.0);
        ui.label(RichText::new(&lesson.title).font(semibold(HEADING + 6.0)));
        ui.add(Label::new(RichText::new(&lesson.summary).font(regular(READING)).color(t.label)).wrap());
        ui.add_space(6.0);
        ui.horizontal(|ui| {
            let (text, what) = match (running.is_some(), done) {
                (false, 0) => ("Start lesson", Chosen::Start),
                (false, _) => ("Go on", Chosen::Start),
                (true, _) => ("Start again", Chosen::Restart),
            };
            let button = Button::new(RichText::new(text).color(if running.is_some() { t.text } else { t.on_accent }));
            let button = button.fill(if running.is_some() { t.raised } else { t.accent }).min_size(vec2(120.0, 32.0));
            if ui.add(button).on_hover_text("Puts the network and the data of this lesson on screen").clicked() {
                chosen = Some(what);
            }
            ui.label(label(ui, format!("{} minutes · {done} of {all} done", lesson.minutes)));
        });
        ui.add_space(10.0);
        self.text(ui, &lesson.introduction, t);
        let mut place = 0;
        for (number, step) in lesson.steps.iter().enumerate() {
            ui.add_space(18.0);
            ui.label(RichText::new(format!("{}  {}", number + 1, step.title)).font(semibold(TITLE + 3.0)));
            ui.add_space(2.0);
            let found = self.step(ui, lesson, step, &mut place, (progress, running), model, t);
            chosen = found.or(chosen);
        }
        ui.add_space(24.0);
        if done == all {
            widgets::message(ui, icon::OK, t.ok, "This lesson is done", "All tasks and questions are done.");
            if let Some((id, name)) = next
                && ui.button(format!("Next lesson: {name}")).clicked()
            {
                chosen = Some(Chosen::Open(id));
            }
            ui.add_space(24.0);
        }
        chosen
    }

    #[allow(clippy::too_many_arguments)]
    fn step(
        &mut self,
        ui: &mut Ui,
        lesson: &Lesson,
        step: &Step,
        place: &mut usize,
        standing: Standing<'_>,
        model: &Model,
        t: &Tokens,
    ) -> Option<Chosen> {
        let mut chosen = None;
        for block in &step.blocks {
            let found = match block {
                Block::Text(text) => {
                    self.text(ui, text, t);
                    continue;
                }
                Block::Task(task) => self.task(ui, lesson, task, *place, standing, model, t),
                Block::Quiz(question) => {
                    let done = standing.0.of(&lesson.id);
                    let answer = done.and_then(|d| Some((*d.work.get(place)?, d.answers.get(place).copied())));
                    quiz(ui, question, answer, t).map(|k| Chosen::Answer(*place, k))
                }
            };
            chosen = found.or(chosen);
            *place += 1;
        }
        chosen
    }

    #[allow(clippy::too_many_arguments)]
    fn task(
        &mut self,
        ui: &mut Ui,
        lesson: &Lesson,
        task: &Task,
        place: usize,
        (progress, running): Standing<'_>,
        model: &Model,
        t: &Tokens,
    ) -> Option<Chosen> {
        let mut chosen = None;
        let done = progress.of(&lesson.id).is_some_and(|d| d.work.get(&place) == Some(&true));
        let now = !done && running.is_some_and(|r| r.task == Some(place));
        let (line, state) = match (done, now) {
            (true, _) => (t.ok, "done"),
            (false, true) => (t.accent, "to do now"),
            (false, false) => (t.line, "to do"),
        };
        let frame = boxed(ui, line, t, |ui| {
            ui.horizontal_top(|ui| {
                let (glyph, colour) = if done { (icon::OK, t.ok) } else { (icon::FORTH, t.accent) };
                ui.label(RichText::new(glyph).size(18.0).color(colour));
                ui.vertical(|ui| {
                    let text = RichText::new(&task.text).font(semibold(READING));
                    named(ui.add(Label::new(text).wrap()), Role::Label, &format!("Task, {state}: {}", task.text));
                    if now {
                        standing(ui, task, model, running.and_then(|r| r.since.as_ref()), t);
                    }
                });
            });
            if running.is_none() && !done {
                ui.label(hint(ui, "Start the lesson to do this task"));
            }
            let Some(running) = running.filter(|_| now) else { return };
            let shown = running.hints.get(&place).copied().unwrap_or(0);
            for text in task.hints.iter().take(shown) {
                ui.add(Label::new(RichText::new(format!("Hint: {text}")).color(t.label)).wrap());
            }
            ui.horizontal(|ui| {
                if let Some(workspace) = &task.workspace
                    && ui.button(format!("Go to {workspace}")).clicked()
                {
                    chosen = Some(Chosen::Visit(workspace.clone()));
                }
                if shown < task.hints.len() && ui.button(if shown == 0 { "Hint" } else { "Another hint" }).clicked() {
                    chosen = Some(Chosen::Hint(place));
                }
                let hover = "The program does it; the report notes that it was shown";
                if !task.solution.is_empty() && ui.button("Show me").on_hover_text(hover).clicked() {
                    chosen = Some(Chosen::Show(place));
                }
            });
        });
        if now && std::mem::take(&mut self.scroll) {
            frame.scroll_to_me(Some(Align::Center));
        }
        chosen
    }

    /// Markdown with mathematics.
    fn text(&mut self, ui: &mut Ui, text: &str, t: &Tokens) {
        ui.scope(|ui| {
            let styles = &mut ui.style_mut().text_styles;
            styles.insert(TextStyle::Body, regular(READING));
            styles.insert(TextStyle::Heading, semibold(TITLE + 2.0));
            ui.spacing_mut().item_spacing = vec2(4.0, 8.0);
            // Emphasis is shown by colour.
            let visuals = ui.visuals_mut();
            visuals.widgets.noninteractive.fg_stroke.color = mix(t.text, t.label, 0.3);
            visuals.widgets.active.fg_stroke.color = t.accent;
            let problem = t.problem;
            let set = move |ui: &mut Ui, source: &str, inline: bool| match tex(source) {
                Ok(formula) if inline => math::inline(ui, &formula, READING),
                Ok(formula) => {
                    ui.add_space(4.0);
                    ui.horizontal(|ui| {
                        ui.add_space(24.0);
                        math::caption(ui, &formula, READING + 3.0);
                    });
                    ui.add_space(4.0);
                }
                Err(why) => {
                    ui.label(RichText::new(source).monospace().color(problem)).on_hover_text(why);
                }
            };
            CommonMarkViewer::new().render_math_fn(Some(&set)).show(ui, &mut self.cache, text);
        });
    }
}

/// The current values of what the task measures.
pub fn standing(ui: &mut Ui, task: &Task, model: &Model, since: Option<&Since>, t: &Tokens) {
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 12.0;
        for (measure, value, right) in task.goal.standing(&facts(model, since)) {
            let value = value.map_or_else(|| "not known yet".to_owned(), |v| v.to_string());
            let colour = if right { t.ok } else { t.label };
            ui.label(RichText::new(format!("{}: {value}", measure.label())).size(LABEL).color(colour));
        }
    });
}

/// A question; returns the answer that was clicked. `answer` says whether the first answer was right, and which one it was.
fn quiz(ui: &mut Ui, question: &Question, answer: Option<(bool, Option<usize>)>, t: &Tokens) -> Option<usize> {
    let mut chosen = None;
    let line = match answer {
        None => t.line,
        Some((true, _)) => t.ok,
        Some((false, _)) => t.negative,
    };
    boxed(ui, line, t, |ui| {
        ui.add(Label::new(RichText::new(&question.text).font(semibold(READING))).wrap());
        for (k, text) in question.answers.iter().enumerate() {
            let right = answer.is_some() && k == question.right;
            let wrong = answer.is_some_and(|(_, first)| first == Some(k)) && !right;
            let (mark, colour, line) = match (right, wrong) {
                (true, _) => (icon::OK, t.ok, t.ok),
                (_, true) => (icon::CLOSE, t.negative, t.negative),
                _ => ("", t.text, t.line),
            };
            let text = if mark.is_empty() { text.clone() } else { format!("{mark}  {text}") };
            let text = RichText::new(text).size(BODY + 0.5).color(colour);
            let button = Button::new(text).wrap().min_size(vec2(ui.available_width(), 32.0)).fill(t.background);
            let button = button.stroke(Stroke::new(1.0, line));
            // An answered question stays readable.
            let button = if answer.is_some() { button.sense(Sense::hover()) } else { button };
            if ui.add(button).clicked() {
                chosen = Some(k);
            }
        }
        if let Some((right, _)) = answer {
            let (verdict, colour) = if right { ("Right", t.ok) } else { ("Not quite", t.negative) };
            let because = if question.because.is_empty() { String::new() } else { format!(": {}", question.because) };
            ui.add(Label::new(RichText::new(format!("{verdict}{because}")).color(colour)).wrap());
        }
    });
    chosen
}

fn boxed(ui: &mut Ui, line: egui::Color32, t: &Tokens, add: impl FnOnce(&mut Ui)) -> egui::Response {
    ui.add_space(8.0);
    Frame::new()
        .fill(t.panel)
        .stroke(Stroke::new(1.0, line))
        .corner_radius(CornerRadius::same(RADIUS_CARD))
        .inner_margin(Margin::same(14))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            add(ui);
        })
        .response
}
