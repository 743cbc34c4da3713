//! The Learn workspace: a course of lessons, the lesson that is open, and a strip with the current task below the other
//! workspaces.

mod page;
mod running;
mod solution;

use super::dialogs::Question;
use super::icon;
use super::state::{Action, Intention, Job, Model};
use super::theme::{HINT, LABEL, RADIUS_CARD, Tokens, regular, semibold, tokens};
use super::widgets::{self, label, named, title};
use crate::app::widgets::FollowFocus as _;
use crate::learn::{Block, CourseProgress, Lesson, Task, folder, lessons};
use crate::project::Preset;
use crate::train::Command;
use egui::accesskit::Role;
use egui::{
    Align, Button, Frame, Label, Layout, Margin, Panel, Pos2, Rect, RichText, ScrollArea, Sense, Stroke, StrokeKind,
    Ui, pos2, vec2,
};
use page::Page;
use running::{Chosen, Running};
use solution::{Showing, prepare};
pub use solution::{Since, facts, solve};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// View state of the workspace.
pub struct LearnView {
    course: Vec<Lesson>,
    /// Lessons from a folder, of a teacher for example.
    own: Vec<Lesson>,
    folder: Option<PathBuf>,
    problems: Vec<String>,
    /// The lesson on screen, by its id.
    open: String,
    running: Option<Running>,
    /// Lessons that were started, to number their presets.
    started: u64,
    page: Page,
    pub progress: CourseProgress,
    /// Where progress is kept, and what is kept there.
    kept: Option<(PathBuf, CourseProgress)>,
    keeping: Option<Job<Result<(), String>>>,
}

const LIST: f32 = 290.0;
const COLUMN: f32 = 700.0;
/// Height of the strip with the current task.
const STRIP: f32 = 68.0;

impl Default for LearnView {
    fn default() -> Self {
        let course = lessons();
        let open = course.first().map(|l| l.id.clone()).unwrap_or_default();
        Self {
            course,
            own: Vec::new(),
            folder: None,
            problems: Vec::new(),
            open,
            running: None,
            started: 0,
            page: Page::default(),
            progress: CourseProgress::default(),
            kept: None,
            keeping: None,
        }
    }
}

impl LearnView {
    fn all(&self) -> impl Iterator<Item = &Lesson> {
        self.course.iter().chain(&self.own)
    }

    fn lesson(&self, id: &str) -> Option<&Lesson> {
        self.all().find(|l| l.id == id)
    }

    fn running_lesson(&self) -> Option<&Lesson> {
        self.lesson(&self.running.as_ref()?.id)
    }

    /// Keeps progress in a file from now on, at once; what it holds takes the place of what is known.
    pub fn keep_in(&mut self, file: PathBuf, model: &Model) {
        match CourseProgress::read(&file) {
            Ok(known) => {
                let known = known.unwrap_or_else(|| std::mem::take(&mut self.progress));
                self.progress.clone_from(&known);
                self.kept = Some((file, known));
            }
            // The file stays as it is, for somebody who can mend it.
            Err(e) => model.problem(format!(
                "The progress in the lessons cannot be read: {e}. Correct the file or put it away; until then progress is not kept."
            )),
        }
    }

    /// Writes progress that is new.
    fn keep(&mut self, model: &Model) {
        if let Some(job) = &mut self.keeping {
            let Some(outcome) = job.take() else { return };
            self.keeping = None;
            if let Err(e) = outcome.map_err(|e| e.to_string()).and_then(|o| o) {
                model.problem(format!("The progress in the lessons cannot be kept: {e}."));
            }
        }
        let Some((file, kept)) = &mut self.kept else { return };
        if *kept != self.progress {
            kept.clone_from(&self.progress);
            let (file, progress) = (file.clone(), self.progress.clone());
            self.keeping = Some(model.jobs().start("progress", move |_| progress.write(&file)));
        }
    }

    /// The first task that is not done.
    fn current_task(&self) -> Option<(usize, Task)> {
        let lesson = self.running_lesson().filter(|_| self.running.as_ref().is_some_and(|r| !r.pending))?;
        let done = self.progress.of(&lesson.id);
        lesson.work().enumerate().find_map(|(place, block)| match block {
            Block::Task(task) if done.is_none_or(|d| d.work.get(&place) != Some(&true)) => Some((place, task.clone())),
            _ => None,
        })
    }

    /// The running lesson, by its number, if a task of it points at a control and tasks are left.
    pub fn lesson_with(&self, control: &str) -> Option<u64> {
        let asks = |block: &Block| matches!(block, Block::Task(task) if task.highlight.as_deref() == Some(control));
        let asks = self.running_lesson()?.work().any(asks);
        self.current_task().filter(|_| asks)?;
        self.running.as_ref().map(|r| r.number)
    }

    /// The control that the current task points at, and the workspace where it is.
    pub fn pointed_at(&self) -> (Option<String>, Option<String>) {
        self.current_task().map_or((None, None), |(_, task)| (task.highlight, task.workspace))
    }

    /// Checks whether the current task has been done, and keeps progress.
    pub fn watch(&mut self, model: &Model) {
        self.keep(model);
        if let Some(running) = self.running.as_mut().filter(|r| r.pending) {
            if model.will_show(running.number) {
                return;
            }
            running.pending = false;
        }
        // If the question is cancelled, the old document stays; and another document is not of the lesson.
        if self.running.as_ref().is_some_and(|r| model.number() != Some(r.number)) {
            self.running = None;
        }
        let current = self.current_task();
        let Some(running) = &mut self.running else { return };
        let place = current.as_ref().map(|(place, _)| *place);
        if running.task != place {
            // What was seen and answered counts for one task only.
            running.task = place;
            running.since = None;
            model.queue(Action::ForgetSeen);
            return;
        }
        if !model.is_current() {
            return;
        }
        let since = running.since.get_or_insert_with(|| Since::now(model));
        since.follow(model);
        if let Some(showing) = &mut running.showing {
            if !showing.is_over(model) {
                return;
            }
            running.showing = None;
        }
        let Some((place, task)) = current else { return };
        let id = running.id.clone();
        if task.goal.is_reached(&facts(model, Some(since))) {
            self.progress.of_mut(&id).work.insert(place, true);
            let more = self.current_task().is_some();
            model.tell(format!(
                "Task done: {}{}",
                task.text,
                if more { "" } else { ". That was the last task of this lesson" }
            ));
        }
    }

    /// Reads the lessons in a folder.
    pub fn read_folder(&mut self, path: PathBuf, model: &Model) {
        match folder(&path) {
            Ok((mut lessons, problems)) => {
                // A copy of a lesson of the course is another lesson.
                for lesson in &mut lessons {
                    lesson.id.insert_str(0, "own/");
                }
                self.problems = problems.iter().map(ToString::to_string).collect();
                if lessons.is_empty() && problems.is_empty() {
                    model.problem(format!("{} holds no lessons: files that end in .md", path.display()));
                    return;
                }
                if let Some(first) = lessons.first() {
                    self.open.clone_from(&first.id);
                }
                (self.own, self.folder) = (lessons, Some(path));
            }
            Err(problem) => model.problem(problem.to_string()),
        }
    }

    /// Draws the workspace.
    pub fn ui(&mut self, ui: &mut Ui, model: &Model) -> Option<String> {
        let t = tokens(ui);
        let side = Frame::new().fill(t.panel).inner_margin(12);
        Panel::left("lessons").exact_size(LIST).resizable(false).frame(side).show(ui, |ui| self.list(ui, model, t));
        let mut chosen = None;
        egui::CentralPanel::no_frame().frame(Frame::new().fill(t.background)).show(ui, |ui| {
            let Some(lesson) = self.lesson(&self.open).cloned() else { return };
            let top = ui.scope_id().with(&lesson.id);
            ScrollArea::vertical().id_salt(top).auto_shrink(false).show_with_focus(ui, |ui| {
                widgets::scroll_by_keys(ui);
                let width = (ui.available_width() - 48.0).min(COLUMN);
                let left = ((ui.available_width() - width) / 2.0).max(24.0);
                ui.horizontal_top(|ui| {
                    ui.add_space(left);
                    ui.vertical(|ui| {
                        ui.set_width(width);
                        let running = self.running.as_ref().filter(|r| r.id == lesson.id);
                        let next = self
                            .all()
                            .skip_while(|l| l.id != lesson.id)
                            .nth(1)
                            .map(|l| (l.id.clone(), l.title.clone()));
                        chosen = self.page.ui(ui, &lesson, next, (&self.progress, running), model, t);
                    });
                });
            });
        });
        self.act(chosen?, model)
    }

    /// Does what was chosen; returns the workspace that is to be shown.
    fn act(&mut self, chosen: Chosen, model: &Model) -> Option<String> {
        let lesson = self.lesson(&self.open)?.clone();
        match chosen {
            Chosen::Start => self.start(&lesson, model),
            Chosen::Restart => {
                self.progress.of_mut(&lesson.id).restart();
                self.start(&lesson, model);
            }
            Chosen::Visit(workspace) => return Some(workspace),
            Chosen::Open(id) => self.open = id,
            Chosen::Hint(place) => {
                let running = self.running.as_mut()?;
                *running.hints.entry(place).or_default() += 1;
                self.progress.of_mut(&lesson.id).hints += 1;
            }
            Chosen::Show(place) => {
                let Some(Block::Task(task)) = lesson.work().nth(place) else { return None };
                let epochs = prepare(model, task);
                self.progress.of_mut(&lesson.id).shown += 1;
                let running = self.running.as_mut()?;
                running.showing = epochs.map(|n| Showing::of(n, task, model));
                if let Some(epochs) = epochs {
                    model.train(Command::TrainFor(epochs));
                }
                return task.workspace.clone();
            }
            Chosen::Answer(place, answer) => {
                let Some(Block::Quiz(question)) = lesson.work().nth(place) else { return None };
                self.progress.of_mut(&lesson.id).answer(place, answer, answer == question.right);
            }
        }
        None
    }

    fn start(&mut self, lesson: &Lesson, model: &Model) {
        match lesson.document() {
            Ok(document) => {
                self.started += 1;
                let (id, number) = (lesson.id.clone(), self.started);
                model.intend(Intention::Show(Box::new(Preset { document, run: None }), number));
                let hints = BTreeMap::new();
                self.running =
                    Some(Running { id, number, pending: true, task: None, hints, since: None, showing: None });
            }
            Err(why) => model.problem(format!("The lesson cannot begin. {why}")),
        }
    }

    fn list(&mut self, ui: &mut Ui, model: &Model, t: &Tokens) {
        ui.label(title("Course"));
        ui.horizontal(|ui| {
            ui.label(label(ui, "Student"));
            let edit = egui::TextEdit::singleline(&mut self.progress.student)
                .hint_text("name, if a class shares this computer")
                .desired_width(f32::INFINITY)
                .char_limit(60);
            named(ui.add(edit), Role::TextInput, "Name of the student").on_hover_text("Progress is kept for each name");
        });
        ui.add_space(6.0);
        let foot = 84.0;
        let height = (ui.available_height() - foot).max(80.0);
        let mut open = None;
        ScrollArea::vertical().max_height(height).auto_shrink(false).show_with_focus(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 4.0;
            for (at, lesson) in self.course.iter().enumerate() {
                if self.entry(ui, lesson, &(at + 1).to_string(), t) {
                    open = Some(lesson.id.clone());
                }
            }
            if let Some(path) = &self.folder {
                ui.add_space(8.0);
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                ui.label(title(&name)).on_hover_text(path.display().to_string());
                for lesson in &self.own {
                    if self.entry(ui, lesson, &lesson.order.to_string(), t) {
                        open = Some(lesson.id.clone());
                    }
                }
            }
            for problem in &self.problems {
                widgets::message(ui, icon::WARNING, t.problem, "A lesson cannot be read", problem);
            }
        });
        if let Some(id) = open {
            self.open = id;
        }
        ui.add_space(6.0);
        let wide = vec2(ui.available_width(), 30.0);
        if ui
            .add(Button::new("Open lessons…").min_size(wide))
            .on_hover_text("Lessons of your own: a folder with Markdown files")
            .clicked()
        {
            model.ask(Question::OpenLessons);
        }
        let hover = "What each student on this computer has done, as a table (CSV)";
        if ui.add(Button::new("Class report…").min_size(wide)).on_hover_text(hover).clicked() {
            let all: Vec<Lesson> = self.all().cloned().collect();
            let bytes = self.progress.report(&all).into_bytes();
            model.ask(Question::SaveFile {
                title: "Save class report",
                suggestion: "class-report.csv".to_owned(),
                kind: ("Tables (CSV)", "csv"),
                parts: vec![bytes.into()],
            });
        }
    }

    /// A lesson in the list; whether it was clicked.
    fn entry(&self, ui: &mut Ui, lesson: &Lesson, number: &str, t: &Tokens) -> bool {
        let current = lesson.id == self.open;
        let width = ui.available_width() - 6.0;
        let name = ui.painter().layout(lesson.title.clone(), semibold(LABEL + 0.5), t.text, width - 60.0);
        let more_rows = name.size().y * (1.0 - 1.0 / name.rows.len().max(1) as f32);
        let (rect, response) = ui.allocate_exact_size(vec2(width, 48.0 + more_rows), Sense::click());
        let (done, all) = self.progress.share(lesson);
        let state = if done == all { "done".to_owned() } else { format!("{done} of {all} done") };
        let response = named(response, Role::Button, &format!("Lesson {number}: {}, {state}", lesson.title));
        let lit = response.hovered() || response.has_focus();
        let fill = if current || lit { t.raised } else { t.panel };
        let line = if response.has_focus() || current { t.accent } else { fill };
        ui.painter().rect(rect, RADIUS_CARD, fill, Stroke::new(1.0, line), StrokeKind::Inside);
        let middle = pos2(rect.left() + 24.0, rect.center().y);
        ring(ui, middle, done as f32 / all.max(1) as f32, number, t);
        let (left, top) = (rect.left() + 50.0, rect.top() + 6.0);
        let bottom = top + name.size().y;
        ui.painter().galley(pos2(left, top), name, t.text);
        let text = format!("{} min · {state}", lesson.minutes);
        let about = ui.painter().layout_no_wrap(text, regular(HINT), t.label);
        ui.painter().galley(pos2(left, bottom + 2.0), about, t.label);
        response.on_hover_text(&lesson.summary).clicked()
    }

    /// Draws the current task below the other workspaces; returns the workspace to show.
    pub fn strip(&mut self, ui: &mut Ui, model: &Model) -> Option<String> {
        let t = tokens(ui);
        let lesson = self.running_lesson()?.clone();
        let current = self.current_task();
        let (done, all) = self.progress.share(&lesson);
        let mut chosen = None;
        let mut visit = None;
        let frame = Frame::new().fill(t.raised).inner_margin(Margin::symmetric(14, 7));
        let mut hint = None;
        let strip = Panel::bottom("lesson").exact_size(STRIP).frame(frame).show(ui, |ui| {
            ui.horizontal_centered(|ui| {
                ui.label(RichText::new(&lesson.title).font(semibold(LABEL)).color(t.accent));
                ui.label(label(ui, format!("{done} of {all}")));
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    if widgets::icon_button(ui, icon::CLOSE, "Leave the lesson", "its progress is kept", true).clicked()
                    {
                        self.running = None;
                    }
                    if ui.button("Back to lesson").clicked() {
                        (visit, self.open, self.page.scroll) = (Some("Learn".to_owned()), lesson.id.clone(), true);
                    }
                    let Some((place, task)) = &current else {
                        let text = if done < all {
                            "All tasks are done; questions are left in the lesson"
                        } else {
                            "All tasks are done"
                        };
                        ui.with_layout(Layout::left_to_right(Align::Center), |ui| ui.label(text));
                        return;
                    };
                    let shown = self.running.as_ref().and_then(|r| r.hints.get(place).copied()).unwrap_or(0);
                    if shown < task.hints.len() && ui.button("Hint").clicked() {
                        chosen = Some(Chosen::Hint(*place));
                    }
                    ui.with_layout(Layout::left_to_right(Align::Center).with_main_wrap(false), |ui| {
                        ui.vertical(|ui| {
                            ui.spacing_mut().item_spacing.y = 1.0;
                            ui.add(Label::new(RichText::new(&task.text).size(LABEL + 0.5)).wrap());
                            hint = shown.checked_sub(1).and_then(|k| task.hints.get(k)).cloned();
                            let since = self.running.as_ref().and_then(|r| r.since.as_ref());
                            page::standing(ui, task, model, since, t);
                        });
                    });
                });
            });
        });
        // It floats: the strip keeps its height, so that nothing moves under the pointer.
        if let Some(text) = hint {
            let above = strip.response.rect.left_top() + vec2(14.0, -8.0);
            let area = egui::Area::new(egui::Id::unique("hint")).order(egui::Order::Foreground);
            area.fixed_pos(above).pivot(egui::Align2::LEFT_BOTTOM).show(ui.ctx(), |ui| {
                Frame::popup(ui.style()).fill(t.raised).inner_margin(Margin::symmetric(12, 7)).show(ui, |ui| {
                    ui.set_max_width(520.0);
                    ui.add(Label::new(RichText::new(format!("Hint: {text}")).size(LABEL + 0.5)).wrap());
                });
            });
        }
        if let Some(chosen) = chosen {
            self.open.clone_from(&lesson.id);
            self.act(chosen, model);
        }
        visit
    }
}

/// A number in a ring that shows how much of the lesson is done.
fn ring(ui: &Ui, middle: Pos2, share: f32, number: &str, t: &Tokens) {
    const RADIUS: f32 = 14.0;
    ui.painter().circle_stroke(middle, RADIUS, Stroke::new(2.0, t.line));
    let points: Vec<Pos2> = (0..=40)
        .map(|i| {
            let angle = share * std::f32::consts::TAU * i as f32 / 40.0 - std::f32::consts::FRAC_PI_2;
            middle + RADIUS * vec2(angle.cos(), angle.sin())
        })
        .collect();
    if share > 0.0 {
        ui.painter().line(points, Stroke::new(2.5, if share >= 1.0 { t.ok } else { t.accent }));
    }
    let (text, font) = if share >= 1.0 { (icon::OK, regular(14.0)) } else { (number, semibold(HINT)) };
    let colour = if share >= 1.0 { t.ok } else { t.text };
    let area = Rect::from_center_size(middle, vec2(20.0, 20.0));
    ui.painter().text(area.center(), egui::Align2::CENTER_CENTER, text, font, colour);
}
