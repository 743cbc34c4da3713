//! The frame around the workspaces: bar above, transport below, messages, questions, keys.

use super::actions::Action;
use super::annotate::Annotations;
use super::builder::{BuildView, Palette, edits};
use super::data::DataView;
use super::dialogs::{Dialogs, Question};
use super::experiment::Experiment;
use super::explain::ExplainView;
use super::gallery::Gallery;
use super::learn::LearnView;
use super::model::{Intention, Modal, Model, Notice, Panels};
use super::picture::Pictures;
use super::theme::{self, BODY, LABEL, TITLE, semibold, tokens};
use super::train::TrainView;
use super::widgets::{self, icon_button, label, named, title};
use super::{icon, transport};
use crate::learn::Progress;
use crate::train::Command;
use egui::accesskit::Role;
use egui::{Align, Button, Context, Frame, Key, Layout, Panel, Pos2, RichText, Sense, Stroke, Theme, Ui, Window, vec2};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
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
    progress: Progress,
}

/// Seconds for which a message without a problem is shown.
const NOTICE: f64 = 8.0;
/// How much larger everything is on a projector.
const PROJECTOR: f32 = 1.4;
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
    /// The message on screen, and since when.
    notice: Option<(Notice, f64)>,
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
            notice: None,
            window_title: String::new(),
        }
    }

    /// Takes over what was remembered.
    pub fn restore(&mut self, storage: &dyn eframe::Storage, ctx: &Context) {
        let Preferences { recent, workspace, light, projector, progress } =
            eframe::get_value(storage, STORAGE).unwrap_or_default();
        self.model.recent = recent;
        self.workspace = workspace;
        self.learn.progress = progress;
        ctx.set_theme(if light { Theme::Light } else { Theme::Dark });
        self.set_projector(ctx, projector);
    }

    /// Larger, with more contrast and without side panels, for a projector.
    fn set_projector(&mut self, ctx: &Context, on: bool) {
        self.projector = on;
        self.model.panels = if on { Panels::Hidden } else { Panels::Shown };
        theme::set_contrast(ctx, on);
        ctx.set_zoom_factor(if on { PROJECTOR } else { 1.0 });
    }

    /// Draws everything.
    pub fn show(&mut self, ui: &mut Ui) {
        let ctx = ui.ctx().clone();
        self.model.sync();
        if self.model.modal.is_none() && !self.gallery.open {
            while let Some(action) = Action::pressed(&ctx) {
                self.perform(&ctx, action);
            }
        }
        for file in ctx.input_mut(|i| std::mem::take(&mut i.raw.dropped_files)) {
            self.model.open_any(file.path().to_path_buf());
        }
        // A file that is looked at is shown where it is taken.
        let looking = self.model.incoming.is_some();
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
            transport.show(ui, |ui| transport::ui(ui, &mut self.model));
        }
        self.notices(ui);
        self.learn.watch(&mut self.model);
        let (control, place) = self.learn.pointed_at();
        let here = place.as_deref().and_then(Workspace::named).is_none_or(|w| w == self.workspace);
        // If the task is in another workspace, its tab is highlighted instead.
        widgets::point_at(&ctx, if here { control } else { place });
        let strip = if self.workspace == Workspace::Learn { None } else { self.learn.strip(ui, &mut self.model) };
        let dark = ui.visuals().dark_mode;
        let fresh = self.pictures.update(&ctx, &self.model, t, dark);
        let mut asked = strip;
        match self.workspace {
            Workspace::Data => self.data.ui(ui, &mut self.model),
            Workspace::Build => self.build.ui(ui, &mut self.model, &self.pictures),
            Workspace::Train => self.train.ui(ui, &mut self.model, &self.pictures),
            Workspace::Explain => self.explain.ui(ui, &mut self.model, &self.pictures),
            Workspace::Learn => asked = self.learn.ui(ui, &mut self.model),
        }
        if let Some(workspace) = asked.as_deref().and_then(Workspace::named) {
            self.workspace = workspace;
        }
        self.gallery.ui(&ctx, &mut self.model);
        self.shortcuts_window(&ctx);
        self.experiment(&ctx);
        self.question(&ctx);
        self.annotations.ui(&ctx);
        self.closing(&ctx);
        self.name_window(&ctx);
        // One drag is one step of undo; it ends when the pointer is released.
        if ctx.input(|i| i.pointer.any_released()) {
            self.model.project.settle();
        }
        // Changes of this frame reach trainer and data at once, and the screen in the next frame.
        self.model.sync();
        if !fresh {
            ctx.request_repaint_after(Duration::from_millis(50));
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
            let undo = self.model.project.undo_label();
            let redo = self.model.project.redo_label();
            let say = |what: Option<&str>, keys: &str| what.map_or_else(|| keys.to_owned(), |w| format!("{w}, {keys}"));
            let buttons = [
                (icon::FULLSCREEN, "Full screen", "F11".to_owned(), true, Action::Fullscreen),
                (if dark { icon::SUN } else { icon::MOON }, "Light or dark", "Ctrl+L".to_owned(), true, Action::Theme),
                (icon::REDO, "Redo", say(redo, "Ctrl+Shift+Z"), redo.is_some(), Action::Redo),
                (icon::UNDO, "Undo", say(undo, "Ctrl+Z"), undo.is_some(), Action::Undo),
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
        let dirty = self.model.project.is_dirty();
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
        if dirty {
            let (dot, response) = ui.allocate_exact_size(vec2(8.0, 8.0), Sense::hover());
            ui.painter().circle_filled(dot.center(), 3.5, t.negative);
            named(response, Role::Label, "Unsaved changes").on_hover_text("There are unsaved changes");
        }
    }

    fn menu(&mut self, ui: &mut Ui) {
        let ctx = ui.ctx().clone();
        let button =
            Button::new(RichText::new(icon::MENU).size(17.0)).min_size(vec2(30.0, 30.0)).frame_when_inactive(false);
        let mut chosen = None;
        let (response, _) = egui::containers::menu::MenuButton::from_button(button).ui(ui, |ui| {
            ui.set_min_width(230.0);
            for (group, actions) in Action::GROUPS {
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
        ui.checkbox(&mut self.model.include_run, "Save with the run").on_hover_text(
            "Also saves parameters, optimizer state and curves, so that training goes on where it stopped",
        );
        let recent = self.model.recent.clone();
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

    fn can(&self, action: Action) -> bool {
        match action {
            Action::Undo => self.model.project.undo_label().is_some(),
            Action::Redo => self.model.project.redo_label().is_some(),
            Action::Delete | Action::Duplicate => !self.model.selection.is_empty(),
            Action::Play | Action::Step | Action::Rewind | Action::NewSeed => self.model.trainable(),
            Action::Fit | Action::Search => self.workspace == Workspace::Build,
            _ => true,
        }
    }

    /// Does what a menu entry, a key or a button asks for.
    pub fn perform(&mut self, ctx: &Context, action: Action) {
        if !self.can(action) {
            return;
        }
        let model = &mut self.model;
        match action {
            Action::New => model.intend(Intention::New),
            Action::OpenPreset => model.intend(Intention::AskPreset),
            Action::Gallery => self.gallery.open = true,
            Action::Save => model.save(),
            Action::SaveAs => model.save_as(),
            Action::OpenData => model.ask(Question::OpenData),
            Action::Quit => model.intend(Intention::Quit),
            Action::Undo => model.project.undo(),
            Action::Redo => model.project.redo(),
            Action::Delete => edits::delete(model),
            Action::Duplicate => edits::duplicate(model),
            Action::SelectAll => model.selection = model.document().network.layers.iter().map(|l| l.id).collect(),
            Action::Play => model.toggle_play(),
            Action::Step => model.train(Command::Step(model.step_unit)),
            Action::Rewind => model.train(Command::Rewind),
            Action::NewSeed => model.new_seed(),
            Action::Data => self.workspace = Workspace::Data,
            Action::Build => self.workspace = Workspace::Build,
            Action::Train => self.workspace = Workspace::Train,
            Action::Explain => self.workspace = Workspace::Explain,
            Action::Learn => self.workspace = Workspace::Learn,
            Action::Fit => self.build.fit(),
            Action::Search => Palette::focus(ctx),
            Action::Theme => {
                let dark = ctx.theme() == Theme::Dark;
                ctx.set_theme(if dark { Theme::Light } else { Theme::Dark });
            }
            Action::Projector => self.set_projector(ctx, !self.projector),
            Action::Panels => {
                model.panels = if model.is_bare() { Panels::Shown } else { Panels::Hidden };
            }
            Action::Annotate => self.annotations.toggle(),
            Action::Fullscreen => {
                let full = ctx.input(|i| i.viewport().fullscreen.unwrap_or(false));
                ctx.send_viewport_cmd(egui::ViewportCommand::Fullscreen(!full));
            }
            Action::Shortcuts => self.shortcuts = !self.shortcuts,
        }
    }

    /// Shows the message; it disappears after a while, a problem stays until it is closed.
    fn expire_notice(&mut self, ctx: &Context) {
        let now = ctx.input(|i| i.time);
        let Some(notice) = &self.model.notice else {
            self.notice = None;
            return;
        };
        let since = self.notice.as_ref().filter(|(n, _)| n == notice).map_or(now, |(_, since)| *since);
        let left = since + NOTICE - now;
        if notice.problem || left > 0.0 {
            if !notice.problem {
                ctx.request_repaint_after(Duration::from_secs_f64(left));
            }
            self.notice = Some((notice.clone(), since));
        } else {
            self.model.notice = None;
        }
    }

    /// The last message. Training that ended badly is told here too.
    fn notices(&mut self, ui: &mut Ui) {
        self.expire_notice(ui.ctx());
        let t = tokens(ui);
        let status = match &self.model.snapshot.status {
            crate::train::Status::Diverged(text) | crate::train::Status::Failed(text) if self.model.is_current() => {
                Some(text.clone())
            }
            _ => None,
        };
        let shown =
            self.model.notice.as_ref().map(|n| (n.text.clone(), n.problem)).or(status.clone().map(|text| (text, true)));
        let Some((text, problem)) = shown else { return };
        let colour = if problem { t.problem } else { t.ok };
        let frame = Frame::new().fill(t.raised).inner_margin(egui::Margin::symmetric(14, 8));
        Panel::bottom("notices").frame(frame).show(ui, |ui| {
            ui.horizontal(|ui| {
                ui.label(RichText::new(if problem { icon::WARNING } else { icon::INFO }).size(16.0).color(colour));
                let wide = ui.available_width() - 150.0;
                ui.allocate_ui(vec2(wide, 20.0), |ui| {
                    ui.add(egui::Label::new(RichText::new(text).size(LABEL + 0.5)).wrap())
                });
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    if self.model.notice.is_none() {
                        if ui.button("Rewind to start again").clicked() {
                            self.model.train(Command::Rewind);
                        }
                    } else if icon_button(ui, icon::CLOSE, "Close message", "", true).clicked() {
                        self.model.notice = None;
                    }
                });
            });
        });
    }

    fn shortcuts_window(&mut self, ctx: &Context) {
        let mut open = self.shortcuts;
        Window::new("Keyboard shortcuts").open(&mut open).collapsible(false).resizable(false).anchor(egui::Align2::CENTER_CENTER, [0.0, 0.0]).show(
            ctx,
            |ui| {
                ui.horizontal_top(|ui| {
                    for (group, actions) in Action::GROUPS.iter().filter(|(g, _)| *g != "Help") {
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
                ui.label(label(ui, "Canvas: drag to pan, scroll to zoom, Shift and drag to select, right-click for more. Explain: arrow keys or Page Up and Page Down move the film (a remote control does too), D changes its depth, C shows the chain, E enlarges the card. F1 shows this window."));
            },
        );
        if open && ctx.input(|i| i.key_pressed(Key::Escape)) {
            open = false;
        }
        self.shortcuts = open;
    }

    fn experiment(&mut self, ctx: &Context) {
        if let Some(kind) = self.model.wanted_experiment.take() {
            self.experiment = Some(Experiment::new(kind, &self.model));
        }
        if let Some(mut experiment) = self.experiment.take() {
            self.experiment = experiment.ui(ctx, &mut self.model).then_some(experiment);
        }
    }

    fn question(&mut self, ctx: &Context) {
        let Some(modal) = self.model.modal.clone() else { return };
        let frame = Frame::popup(&ctx.global_style()).inner_margin(20);
        let response = egui::Modal::new(egui::Id::unique("question")).frame(frame).show(ctx, |ui| {
            ui.set_max_width(420.0);
            match modal {
                Modal::Unsaved(intention) => {
                    ui.label(title("Save your changes first?"));
                    let name = self.model.document().name.clone();
                    ui.add(
                        egui::Label::new(label(
                            ui,
                            format!("“{name}” has changes that no file holds. They are lost otherwise."),
                        ))
                        .wrap(),
                    );
                    ui.add_space(8.0);
                    ui.horizontal(|ui| {
                        if ui.button("Save").clicked() {
                            self.model.save_then(intention.clone());
                        }
                        if ui.button("Discard changes").clicked() {
                            self.model.proceed(intention);
                        }
                        if ui.button("Cancel").clicked() {
                            self.model.modal = None;
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
                            self.model.show(*preset, Some(path));
                        }
                        if ui.button("Cancel").clicked() {
                            self.model.modal = None;
                        }
                    });
                }
            }
        });
        if response.should_close() {
            self.model.modal = None;
        }
    }

    fn closing(&mut self, ctx: &Context) {
        if ctx.input(|i| i.viewport().close_requested()) && !self.model.quit && self.model.project.is_dirty() {
            ctx.send_viewport_cmd(egui::ViewportCommand::CancelClose);
            self.model.intend(Intention::Quit);
        } else if self.model.quit {
            ctx.send_viewport_cmd(egui::ViewportCommand::Close);
        }
    }

    fn name_window(&mut self, ctx: &Context) {
        let mark = if self.model.project.is_dirty() { " •" } else { "" };
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
        let light = self.pictures.is_light();
        eframe::set_value(
            storage,
            STORAGE,
            &Preferences {
                recent: model.recent.clone(),
                workspace: *workspace,
                light,
                projector: *projector,
                progress: learn.progress.clone(),
            },
        );
    }
}
