//! The frame around the workspaces: bar above, transport below, messages, questions, keys.

use super::annotate::Annotations;
use super::builder::{BuildView, Palette, edits};
use super::data::DataView;
use super::dialogs::{Dialogs, Question};
use super::experiment::Experiment;
use super::explain::{ExplainView, PREDICT_FIRST};
use super::gallery::Gallery;
use super::learn::LearnView;
use super::menu::MenuItem;
use super::picture::Pictures;
use super::state::{Action, Intention, Modal, Model, Panels};
use super::theme::{self, BODY, LABEL, TITLE, semibold, tokens};
use super::train::TrainView;
use super::widgets::{self, icon_button, label, named, title};
use super::{icon, keyboard, recovery, transport};
use crate::learn::CourseProgress;
use crate::train::Command;
use egui::accesskit::Role;
use egui::{Align, Button, Context, Frame, Layout, Panel, Pos2, RichText, Sense, Stroke, Theme, Ui, Window, vec2};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The workspaces, in the order in which work flows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Workspace {
    Data,
    #[default]
    Build,
    Train,
    Explain,
    Learn,
}

impl Workspace {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Data, "Data"),
        (Self::Build, "Build"),
        (Self::Train, "Train"),
        (Self::Explain, "Explain"),
        (Self::Learn, "Learn"),
    ];

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, own)| *own == name).map(|(workspace, _)| workspace)
    }
}

/// What is remembered from one start to the next.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Preferences {
    recent: Vec<PathBuf>,
    workspace: Workspace,
    light: bool,
    projector: bool,
    progress: CourseProgress,
}

/// How much larger everything is on a projector.
const PROJECTOR: f32 = 1.4;
/// Width of a message, at most.
const NOTICE: f32 = 620.0;
const STORAGE: &str = "chainrule";

/// The window's contents.
pub struct Chainrule {
    pub model: Model,
    pub workspace: Workspace,
    data: DataView,
    build: BuildView,
    train: TrainView,
    explain: ExplainView,
    learn: LearnView,
    gallery: Gallery,
    pictures: Pictures,
    shortcuts: bool,
    projector: bool,
    annotations: Annotations,
    experiment: Option<Experiment>,
    theme: Theme,
    window_title: String,
    /// A file was being looked at in the last frame.
    looking: bool,
}

impl Chainrule {
    /// Installs the themes and starts the trainer; `wake` asks for a new frame.
    pub fn new(ctx: &Context, dialogs: Box<dyn Dialogs>, wake: impl Fn() + Send + Sync + 'static) -> Self {
        theme::install(ctx);
        ctx.set_theme(Theme::Dark);
        Self {
            model: Model::new(dialogs, wake),
            workspace: Workspace::default(),
            data: DataView::default(),
            build: BuildView::default(),
            train: TrainView::default(),
            explain: ExplainView::default(),
            learn: LearnView::default(),
            gallery: Gallery::default(),
            pictures: Pictures::default(),
            shortcuts: false,
            looking: false,
            projector: false,
            annotations: Annotations::default(),
            experiment: None,
            theme: Theme::Dark,
            window_title: String::new(),
        }
    }

    /// Takes over what was remembered.
    pub fn restore(&mut self, storage: &dyn eframe::Storage, ctx: &Context) {
        let Preferences { recent, workspace, light, projector, progress } =
            eframe::get_value(storage, STORAGE).unwrap_or_default();
        self.model.restore_recent(recent);
        self.workspace = workspace;
        self.learn.progress = progress;
        self.set_theme(ctx, if light { Theme::Light } else { Theme::Dark });
        self.set_projector(ctx, projector);
    }

    /// Keeps what is open and what was learned below `data` from now on.
    pub fn keep_below(&mut self, data: &Path) {
        self.model.keep_below(data);
        self.learn.keep_in(data.join("progress.json"), &self.model);
    }

    fn set_theme(&mut self, ctx: &Context, theme: Theme) {
        self.theme = theme;
        ctx.set_theme(theme);
    }

    /// Larger, with more contrast and without side panels, for a projector.
    fn set_projector(&mut self, ctx: &Context, on: bool) {
        self.projector = on;
        self.model.queue(Action::Panels(if on { Panels::Hidden } else { Panels::Shown }));
        theme::set_contrast(ctx, on);
        ctx.set_zoom_factor(if on { PROJECTOR } else { 1.0 });
    }

    /// Draws everything.
    pub fn show(&mut self, ui: &mut Ui) {
        let ctx = ui.ctx().clone();
        self.model.sync();
        if !self.model.asks() {
            self.escape(&ctx);
        }
        if !self.model.asks() && !self.gallery.open {
            while let Some(action) = MenuItem::pressed(&ctx) {
                self.perform(&ctx, action);
            }
        }
        for file in ctx.input_mut(|i| std::mem::take(&mut i.raw.dropped_files)) {
            self.model.open_any(file.path().to_path_buf());
        }
        // A file that is looked at is shown where it is taken.
        let looking = self.model.loading().preview().is_some();
        if looking && !std::mem::replace(&mut self.looking, looking) {
            self.workspace = Workspace::Data;
        }
        self.looking = looking;
        let t = tokens(ui);
        let bar = Frame::new().fill(t.panel).inner_margin(egui::Margin::symmetric(12, 6));
        Panel::top("workspaces").exact_size(46.0).frame(bar).show(ui, |ui| self.top(ui));
        // The film of Explain has controls of its own.
        if !(self.model.is_bare() && matches!(self.workspace, Workspace::Explain | Workspace::Learn)) {
            let transport = Panel::bottom("transport").exact_size(transport::HEIGHT).frame(bar);
            transport.show(ui, |ui| transport::ui(ui, &self.model));
        }
        if let Some(folder) = self.model.take_lesson_folder() {
            self.learn.read_folder(folder, &self.model);
        }
        self.learn.watch(&self.model);
        self.explain.in_lesson(self.learn.lesson_with(PREDICT_FIRST));
        let (control, place) = self.learn.pointed_at();
        let here = place.as_deref().and_then(Workspace::named).is_none_or(|w| w == self.workspace);
        // If the task is in another workspace, its tab is highlighted instead.
        widgets::point_at(&ctx, if here { control } else { place });
        let strip = if self.workspace == Workspace::Learn { None } else { self.learn.strip(ui, &self.model) };
        let foot = ui.available_rect_before_wrap().right_bottom();
        let dark = ui.visuals().dark_mode;
        let fresh = self.pictures.update(&ctx, &self.model, t, dark);
        let mut asked = strip;
        match self.workspace {
            Workspace::Data => self.data.ui(ui, &self.model),
            Workspace::Build => self.build.ui(ui, &self.model, &self.pictures),
            Workspace::Train => {
                if let Some(kind) = self.train.ui(ui, &self.model, &self.pictures) {
                    self.experiment = Some(Experiment::new(kind, &self.model));
                }
            }
            Workspace::Explain => self.explain.ui(ui, &self.model, &self.pictures),
            Workspace::Learn => asked = self.learn.ui(ui, &self.model),
        }
        if let Some(workspace) = asked.as_deref().and_then(Workspace::named) {
            self.workspace = workspace;
        }
        self.notices(&ctx, foot);
        self.gallery.ui(&ctx, &self.model);
        self.shortcuts_window(&ctx);
        self.experiment(&ctx);
        self.question(&ctx);
        recovery::ui(&ctx, &self.model);
        self.annotations.ui(&ctx);
        widgets::focus_ring(&ctx);
        keyboard::end_frame(&ctx);
        self.closing(&ctx);
        self.name_window(&ctx);
        // What was asked for in this frame reaches trainer and data at once, and the screen in the next frame.
        if self.model.perform() {
            ctx.request_repaint();
        }
        // One drag is one step of undo; it ends when the pointer is released.
        if ctx.input(|i| i.pointer.any_released()) {
            self.model.settle();
        }
        self.model.sync();
        if !fresh {
            ctx.request_repaint_after(Duration::from_millis(50));
        }
        if let Some(time) = self.model.kept().again() {
            ctx.request_repaint_after(time);
        }
    }

    fn top(&mut self, ui: &mut Ui) {
        let t = tokens(ui);
        let full = ui.max_rect();
        ui.horizontal_centered(|ui| {
            self.menu(ui);
            let (logo, _) = ui.allocate_exact_size(vec2(26.0, 22.0), Sense::hover());
            let wave: Vec<Pos2> = (0..=24)
                .map(|i| {
                    let x = i as f32 / 24.0;
                    logo.left_center() + vec2(x * logo.width(), -8.0 * (x * std::f32::consts::TAU).sin())
                })
                .collect();
            ui.painter().line(wave, Stroke::new(2.5, t.accent));
            ui.label(RichText::new("Chainrule").font(semibold(TITLE)));
            ui.add_space(10.0);
            let room = (full.width() / 2.0 - 260.0 - (ui.cursor().left() - full.left())).max(40.0);
            // Too narrow for a name that can be read.
            if room > 90.0 {
                let (name, _) = ui.allocate_exact_size(vec2(room, 30.0), Sense::hover());
                widgets::at(ui, name, Layout::left_to_right(Align::Center), |ui| self.document_name(ui));
            }
        });
        let middle = egui::Rect::from_center_size(full.center(), vec2(500.0, 34.0));
        widgets::at(ui, middle, Layout::left_to_right(Align::Center), |ui| {
            for (workspace, name) in Workspace::ALL {
                let current = self.workspace == workspace;
                let text = RichText::new(name).size(BODY + 0.5).color(if current { t.text } else { t.label });
                let button = Button::new(text)
                    .min_size(vec2(92.0, 32.0))
                    .selected(current)
                    .frame_when_inactive(current)
                    .corner_radius(6);
                let button = if current { button.fill(t.raised).stroke(Stroke::NONE) } else { button };
                let response = ui.add(button);
                if current {
                    let rect = response.rect;
                    let line = egui::Rect::from_center_size(rect.center_bottom() - vec2(0.0, 2.0), vec2(34.0, 2.0));
                    ui.painter().rect_filled(line, 1.0, t.accent);
                }
                let response = widgets::pointed(response, name);
                if response.clicked() {
                    self.workspace = workspace;
                }
            }
        });
        let right = egui::Rect::from_min_max(egui::pos2(full.right() - 160.0, full.top()), full.max);
        widgets::at(ui, right, Layout::right_to_left(Align::Center), |ui| {
            let ctx = ui.ctx().clone();
            let dark = ui.visuals().dark_mode;
            let undo = self.model.project().undo_label();
            let redo = self.model.project().redo_label();
            let say = |what: Option<&str>, keys: &str| what.map_or_else(|| keys.to_owned(), |w| format!("{w}, {keys}"));
            let buttons = [
                (icon::FULLSCREEN, "Full screen", "F11".to_owned(), true, MenuItem::Fullscreen),
                (
                    if dark { icon::SUN } else { icon::MOON },
                    "Light or dark",
                    "Ctrl+L".to_owned(),
                    true,
                    MenuItem::Theme,
                ),
                (icon::REDO, "Redo", say(redo, "Ctrl+Shift+Z"), redo.is_some(), MenuItem::Redo),
                (icon::UNDO, "Undo", say(undo, "Ctrl+Z"), undo.is_some(), MenuItem::Undo),
            ];
            for (glyph, name, hover, enabled, action) in buttons {
                if icon_button(ui, glyph, name, &hover, enabled).clicked() {
                    self.perform(&ctx, action);
                }
            }
        });
    }

    fn document_name(&mut self, ui: &mut Ui) {
        let t = tokens(ui);
        let mut name = self.model.document().name.clone();
        let (changed, run) = (self.model.has_unsaved_changes(), self.model.has_unsaved_run());
        let galley = ui.painter().layout_no_wrap(name.clone(), theme::regular(BODY), t.label);
        let width = (galley.size().x + 2.0).clamp(40.0, (ui.available_width() - 16.0).max(40.0));
        let edit = egui::TextEdit::singleline(&mut name)
            .frame(Frame::NONE)
            .align(egui::Align2::LEFT_CENTER)
            .text_color(t.label)
            .desired_width(width)
            .char_limit(60);
        let response = named(ui.add(edit), Role::TextInput, "Name of the document");
        let description = self.model.document().description.clone();
        let response = if description.is_empty() { response } else { response.on_hover_text(description) };
        if response.changed() {
            self.model.edit("Rename document", Some(99), |d| d.name = name);
        }
        let (what, hover) = match (changed, run) {
            (true, true) => ("Unsaved changes", "There are unsaved changes and an unsaved run"),
            (true, false) => ("Unsaved changes", "There are unsaved changes"),
            (false, true) => ("Unsaved run", "The run is not saved"),
            (false, false) => return,
        };
        let (dot, response) = ui.allocate_exact_size(vec2(8.0, 8.0), Sense::hover());
        ui.painter().circle_filled(dot.center(), 3.5, t.negative);
        named(response, Role::Label, what).on_hover_text(hover);
    }

    fn menu(&mut self, ui: &mut Ui) {
        let ctx = ui.ctx().clone();
        let button =
            Button::new(RichText::new(icon::MENU).size(17.0)).min_size(vec2(30.0, 30.0)).frame_when_inactive(false);
        let mut chosen = None;
        let (response, _) = egui::containers::menu::MenuButton::from_button(button).ui(ui, |ui| {
            ui.set_min_width(230.0);
            for (group, actions) in MenuItem::GROUPS {
                ui.menu_button(group, |ui| {
                    ui.set_min_width(230.0);
                    for action in actions {
                        let keys = action.keys(&ctx);
                        let enabled = self.can(*action);
                        if ui.add_enabled(enabled, Button::new(action.label()).shortcut_text(keys)).clicked() {
                            chosen = Some(*action);
                        }
                    }
                    if group == "File" {
                        self.file_extras(ui);
                    }
                });
            }
        });
        named(response, Role::Button, "Menu").on_hover_text("Menu");
        if let Some(action) = chosen {
            self.perform(&ctx, action);
        }
    }

    fn file_extras(&mut self, ui: &mut Ui) {
        ui.separator();
        ui.visuals_mut().widgets.inactive.bg_stroke = Stroke::new(1.0, tokens(ui).hint);
        let mut include = self.model.document().include_run;
        let hover =
            "Saves parameters, optimizer state and curves with the document, so that training goes on where it stopped";
        if ui.checkbox(&mut include, "Include trained weights").on_hover_text(hover).changed() {
            self.model.include_run(include);
        }
        let recent = self.model.recent().to_vec();
        ui.add_enabled_ui(!recent.is_empty(), |ui| {
            ui.menu_button("Recent files", |ui| {
                for path in recent {
                    if ui.button(path.display().to_string()).clicked() {
                        self.model.open_any(path);
                    }
                }
            });
        });
    }

    fn can(&self, action: MenuItem) -> bool {
        match action {
            MenuItem::Undo => self.model.project().undo_label().is_some(),
            MenuItem::Redo => self.model.project().redo_label().is_some(),
            MenuItem::Delete | MenuItem::Duplicate => {
                self.workspace == Workspace::Build && !self.model.selection().is_empty()
            }
            MenuItem::Play | MenuItem::Step | MenuItem::Rewind | MenuItem::NewSeed => self.model.trainable(),
            MenuItem::Fit | MenuItem::Search | MenuItem::SelectAll => self.workspace == Workspace::Build,
            _ => true,
        }
    }

    /// Does what a menu entry, a key or a button asks for.
    pub fn perform(&mut self, ctx: &Context, action: MenuItem) {
        if !self.can(action) {
            return;
        }
        let model = &self.model;
        match action {
            MenuItem::New => model.intend(Intention::New),
            MenuItem::OpenPreset => model.intend(Intention::AskPreset),
            MenuItem::Gallery => self.gallery.open = true,
            MenuItem::Save => model.queue(Action::Save),
            MenuItem::SaveAs => model.queue(Action::SaveAs),
            MenuItem::OpenData => model.ask(Question::OpenData),
            MenuItem::Quit => model.intend(Intention::Quit),
            MenuItem::Undo => model.queue(Action::Undo),
            MenuItem::Redo => model.queue(Action::Redo),
            MenuItem::Delete => edits::delete(model),
            MenuItem::Duplicate => edits::duplicate(model),
            MenuItem::SelectAll => model.select(model.document().network.layers.iter().map(|l| l.id)),
            MenuItem::Play => model.queue(Action::TogglePlay),
            MenuItem::FullSpeed => model.queue(Action::ToggleFullSpeed),
            MenuItem::Step => model.train(Command::Step(model.step_unit())),
            MenuItem::Rewind => model.train(Command::Rewind),
            MenuItem::NewSeed => model.queue(Action::NewSeed),
            MenuItem::Data => self.workspace = Workspace::Data,
            MenuItem::Build => self.workspace = Workspace::Build,
            MenuItem::Train => self.workspace = Workspace::Train,
            MenuItem::Explain => self.workspace = Workspace::Explain,
            MenuItem::Learn => self.workspace = Workspace::Learn,
            MenuItem::Fit => self.build.fit(),
            MenuItem::Search => Palette::focus(ctx),
            MenuItem::Theme => {
                self.set_theme(ctx, if self.theme == Theme::Dark { Theme::Light } else { Theme::Dark });
            }
            MenuItem::Projector => self.set_projector(ctx, !self.projector),
            MenuItem::Panels => {
                model.queue(Action::Panels(if model.is_bare() { Panels::Shown } else { Panels::Hidden }));
            }
            MenuItem::Annotate => self.annotations.toggle(),
            MenuItem::Fullscreen => {
                let full = ctx.input(|i| i.viewport().fullscreen.unwrap_or(false));
                ctx.send_viewport_cmd(egui::ViewportCommand::Fullscreen(!full));
            }
            MenuItem::Shortcuts => self.shortcuts = !self.shortcuts,
        }
    }

    /// The last message, above the corner `foot`: it floats, so that nothing moves under the pointer. Training that ended badly is
    /// told here too.
    fn notices(&mut self, ctx: &Context, foot: Pos2) {
        if let Some(left) = self.model.expire_notice(ctx.input(|i| i.time)) {
            ctx.request_repaint_after(Duration::from_secs_f64(left));
        }
        let t = theme::tokens_of(ctx);
        let status = match &self.model.snapshot().status {
            crate::train::Status::Diverged(text) | crate::train::Status::Failed(text) if self.model.is_current() => {
                Some(text.clone())
            }
            _ => None,
        };
        let told = self.model.notice().map(|n| (n.text.clone(), n.problem));
        let shown = told.or(status.map(|text| (text, true)));
        let Some((text, problem)) = shown else { return };
        let colour = if problem { t.problem } else { t.ok };
        let button = if self.model.notice().is_some() { 30.0 } else { 150.0 };
        let wide = NOTICE.min(foot.x - 40.0) - 62.0 - button;
        let text = ctx.fonts_mut(|f| f.layout(text, theme::regular(LABEL + 0.5), t.text, wide));
        // The place follows from the text alone: a button is where it was when somebody aims at it.
        let size = vec2(62.0 + button + text.size().x.max(160.0), text.size().y.max(30.0)) + vec2(28.0, 16.0);
        let corner = foot - size - vec2(14.0, 14.0);
        let frame = Frame::popup(&ctx.global_style()).fill(t.raised).inner_margin(egui::Margin::symmetric(14, 8));
        let area = egui::Area::new(egui::Id::unique("notice")).order(egui::Order::Foreground).fixed_pos(corner);
        area.constrain(false).show(ctx, |ui| {
            frame.show(ui, |ui| {
                ui.set_min_size(size - vec2(28.0, 16.0));
                ui.set_max_width(size.x - 28.0);
                ui.horizontal_centered(|ui| {
                    ui.label(RichText::new(if problem { icon::WARNING } else { icon::INFO }).size(16.0).color(colour));
                    ui.label(text);
                    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                        if self.model.notice().is_none() {
                            if ui.button("Rewind to start again").clicked() {
                                self.model.train(Command::Rewind);
                            }
                        } else if icon_button(ui, icon::CLOSE, "Close message", "", true).clicked() {
                            self.model.queue(Action::CloseNotice);
                        }
                    });
                });
            });
        });
    }

    /// Escape closes what lies on top, before anything below it is asked.
    fn escape(&mut self, ctx: &Context) {
        if self.annotations.escape(ctx) {
            return;
        }
        for open in [&mut self.shortcuts, &mut self.gallery.open] {
            if *open && keyboard::escaped(ctx) {
                *open = false;
                return;
            }
        }
    }

    fn shortcuts_window(&mut self, ctx: &Context) {
        let mut open = self.shortcuts;
        Window::new("Keyboard shortcuts").open(&mut open).collapsible(false).resizable(false).anchor(egui::Align2::CENTER_CENTER, [0.0, 0.0]).show(
            ctx,
            |ui| {
                ui.horizontal_top(|ui| {
                    for (group, actions) in MenuItem::GROUPS.iter().filter(|(g, _)| *g != "Help") {
                        ui.vertical(|ui| {
                            ui.label(title(group));
                            egui::Grid::new(group).num_columns(2).spacing([14.0, 6.0]).show(ui, |ui| {
                                for action in *actions {
                                    ui.label(label(ui, action.label()));
                                    ui.label(action.keys(ctx));
                                    ui.end_row();
                                }
                            });
                        });
                        ui.add_space(14.0);
                    }
                });
                ui.separator();
                ui.label(label(ui, "Canvas: drag to pan, scroll to zoom, Shift and drag to select, right-click for more. Explain: ← → or Page Up and Page Down move the film (a remote control does too), Shift ← → go to another layer, ↑ ↓ to another neuron of the layer, W and Shift W to another weight; D changes the film's depth, C shows the chain, E enlarges the card. Tab goes to the next control, Esc closes what is on top. F1 shows this window."));
            },
        );
        self.shortcuts = open;
    }

    fn experiment(&mut self, ctx: &Context) {
        if let Some(mut experiment) = self.experiment.take() {
            self.experiment = experiment.ui(ctx, &self.model).then_some(experiment);
        }
    }

    fn question(&mut self, ctx: &Context) {
        let Some(modal) = self.model.modal().cloned() else { return };
        let frame = Frame::popup(&ctx.global_style()).inner_margin(20);
        let response = egui::Modal::new(egui::Id::unique("question")).frame(frame).show(ctx, |ui| {
            ui.set_max_width(420.0);
            match modal {
                Modal::Unsaved(intention) => {
                    let name = &self.model.document().name;
                    let changed = self.model.has_unsaved_changes();
                    let (heading, text, discard) = match (changed, self.model.has_unsaved_run()) {
                        (true, true) => (
                            "Save your changes first?",
                            format!("“{name}” has unsaved changes, and its trained weights are not saved. Both are lost if you do not save them."),
                            "Discard changes",
                        ),
                        (true, false) => (
                            "Save your changes first?",
                            format!("“{name}” has unsaved changes. They are lost if you do not save them."),
                            "Discard changes",
                        ),
                        (false, _) => (
                            "Save the trained network first?",
                            format!("“{name}” was trained for {}, and the trained weights are not saved. They are lost if you do not save them.",
                                crate::format::counted(self.model.snapshot().step as usize, "update")),
                            "Discard the run",
                        ),
                    };
                    ui.label(title(heading));
                    ui.add(egui::Label::new(label(ui, text)).wrap());
                    ui.add_space(8.0);
                    ui.horizontal(|ui| {
                        if ui.button("Save").clicked() {
                            self.model.queue(Action::SaveThen(intention.clone()));
                        }
                        if ui.button(discard).clicked() {
                            self.model.queue(Action::Proceed(intention));
                        }
                        if ui.button("Cancel").clicked() {
                            self.model.queue(Action::CloseQuestion);
                        }
                    });
                }
                Modal::Outside(preset, path) => {
                    ui.label(title("Read a file outside of the preset's folder?"));
                    if let crate::data::DataSource::File { path: data, .. } = &preset.document.data.source {
                        ui.add(
                            egui::Label::new(label(ui, format!("{} wants to read {}", path.display(), data.display())))
                                .wrap(),
                        );
                    }
                    ui.add_space(8.0);
                    ui.horizontal(|ui| {
                        if ui.button("Read it").clicked() {
                            self.model.queue(Action::ReadOutside);
                        }
                        if ui.button("Cancel").clicked() {
                            self.model.queue(Action::CloseQuestion);
                        }
                    });
                }
            }
        });
        if response.should_close() {
            self.model.queue(Action::CloseQuestion);
        }
    }

    fn closing(&mut self, ctx: &Context) {
        let closes = ctx.input(|i| i.viewport().close_requested());
        if closes && !self.model.quits() && self.model.has_unsaved_work() {
            ctx.send_viewport_cmd(egui::ViewportCommand::CancelClose);
            self.model.intend(Intention::Quit);
        } else if self.model.quits() {
            ctx.send_viewport_cmd(egui::ViewportCommand::Close);
        }
    }

    fn name_window(&mut self, ctx: &Context) {
        let mark = if self.model.has_unsaved_work() { " •" } else { "" };
        let wanted = format!("{}{mark} – Chainrule", self.model.document().name);
        if wanted != self.window_title {
            ctx.send_viewport_cmd(egui::ViewportCommand::Title(wanted.clone()));
            self.window_title = wanted;
        }
    }
}

impl eframe::App for Chainrule {
    fn ui(&mut self, ui: &mut Ui, _: &mut eframe::Frame) {
        self.show(ui);
    }

    fn save(&mut self, storage: &mut dyn eframe::Storage) {
        let Self { model, workspace, projector, learn, .. } = self;
        let light = self.theme == Theme::Light;
        eframe::set_value(
            storage,
            STORAGE,
            &Preferences {
                recent: model.recent().to_vec(),
                workspace: *workspace,
                light,
                projector: *projector,
                progress: learn.progress.clone(),
            },
        );
    }
}
