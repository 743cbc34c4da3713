//! The Data workspace: sources on the left, the data in the middle, preparation and split on the right.

mod colours;
mod column_reading;
mod columns;
mod draw;
mod file_settings;
mod filter;
mod first_rows;
mod image_grid;
mod missing_words;
mod notes;
mod prepare;
mod preview;
mod progress;
mod sampling;
mod scroll;
mod series;
mod several;
mod sources;
mod table;
mod targets;
mod thumbnails;
mod views;

use super::dialogs::Question;
use super::icon;
use super::state::{Action, HOW_READ, MissingFile, Model, Opened};
use super::theme::{LABEL, tokens};
use super::widgets::{self, label, named, segmented, title};
use crate::app::widgets::FollowFocus as _;
use crate::data::{ColumnKind, DataSource};
use crate::format;
use egui::accesskit::Role;
use egui::{Button, CollapsingHeader, Frame, Panel, RichText, ScrollArea, Ui};
use std::sync::Arc;

/// Height of the notes about the file at most.
const NOTES: f32 = 150.0;

/// How the data are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum View {
    #[default]
    Table,
    Columns,
    Scatter,
    Matrix,
    Parallel,
    Plane,
    Images,
    Series,
    Draw,
}

/// View state of the workspace.
#[derive(Default)]
pub struct DataView {
    view: View,
    /// What was shown last, to start a new table with the view that suits it.
    shown: Option<DataSource>,
    table: table::TableView,
    views: views::Views,
    images: image_grid::ImageGrid,
    series: series::SeriesView,
    prepare: prepare::PrepareView,
    draw: draw::DrawView,
    thumbnails: thumbnails::Thumbnails,
}

impl DataView {
    /// Draws the workspace.
    pub fn ui(&mut self, ui: &mut Ui, model: &Model) {
        let t = tokens(ui);
        let side = Frame::new().fill(t.panel).inner_margin(12);
        if !model.is_bare() {
            Panel::left("sources").exact_size(228.0).resizable(false).frame(side).show(ui, |ui| {
                ScrollArea::vertical().auto_shrink(false).show_with_focus(ui, |ui| sources::ui(ui, model));
            });
            // The preparation is that of the open document, not of a file that is looked at.
            if model.loading().preview().is_none() {
                Panel::right("data views").exact_size(300.0).resizable(false).frame(side).show(ui, |ui| {
                    ScrollArea::vertical().auto_shrink(false).show_with_focus(ui, |ui| self.prepare.ui(ui, model));
                });
            }
        }
        let middle = Frame::new().fill(t.background).inner_margin(12);
        egui::CentralPanel::no_frame().frame(middle).show(ui, |ui| {
            if model.loading().preview().is_some() {
                preview::ui(ui, model, &mut self.thumbnails);
                return;
            }
            match model.table().cloned() {
                Some(opened) => self.opened(ui, model, &opened),
                None => not_opened(ui, model),
            }
        });
    }

    fn opened(&mut self, ui: &mut Ui, model: &Model, opened: &Arc<Opened>) {
        if self.shown.as_ref().is_none_or(|s| s.label() != opened.source.label()) {
            self.view = if matches!(opened.source, DataSource::Drawing(_)) { View::Draw } else { View::Table };
        }
        if self.shown.as_ref() != Some(&opened.source) {
            self.table.forget();
            self.views.forget();
            self.images.forget();
            self.series = series::SeriesView::default();
            self.shown = Some(opened.source.clone());
        }
        self.thumbnails.of_table(opened);
        self.heading(ui, model, opened);
        // A drawing says so beside its canvas, which must not move under the mouse.
        if let Some(e) = model.data_error().map(str::to_owned).filter(|_| self.view != View::Draw) {
            let problem = tokens(ui).problem;
            widgets::message(ui, icon::WARNING, problem, "Nothing can be trained on these columns yet", &e);
        }
        ui.add_space(4.0);
        match self.view {
            View::Table => self.table.ui(ui, model, opened, &mut self.thumbnails),
            View::Columns => columns::ui(ui, model, opened),
            View::Images => {
                let labels = self.views.colour_column(model, opened);
                self.images.ui(ui, model, opened, labels, &mut self.thumbnails);
            }
            View::Draw => self.draw.ui(ui, model),
            View::Scatter => self.views.scatter(ui, model, opened),
            View::Matrix => self.views.matrix(ui, model, opened),
            View::Parallel => self.views.parallel(ui, model, opened),
            View::Plane => self.views.plane(ui, model),
            View::Series => self.series.ui(ui, model, opened),
        }
    }

    /// What the table is, and the ways to look at it.
    fn heading(&mut self, ui: &mut Ui, model: &Model, opened: &Opened) {
        let table = &opened.loaded.table;
        ui.horizontal(|ui| {
            ui.add(egui::Label::new(title(&table.name)).truncate());
            ui.label(label(
                ui,
                format!("{} rows, {} columns", format::count(table.rows() as u128), table.columns.len()),
            ));
            if model.loading().is_preparing() {
                ui.add(egui::Spinner::new().size(14.0));
                ui.label(label(ui, "preparing"));
            }
            if let DataSource::File { path, options, .. } = &opened.source
                && ui
                    .button("How it is read…")
                    .on_hover_text("Look at the file again, and change separator, header, sheet, size of pictures")
                    .clicked()
            {
                model.look_at(path.clone(), options.clone());
            }
        });
        let pictures = table.columns.iter().any(|c| c.kind() == ColumnKind::Image);
        let mut views = vec![(View::Table, "Table", "Rows and columns; sort, filter and search")];
        if matches!(opened.source, DataSource::Drawing(_)) {
            views.insert(0, (View::Draw, "Draw", "Paint and erase points"));
        }
        views.push((View::Columns, "Columns", "What each column holds, and how columns hang together"));
        if pictures {
            views.push((View::Images, "Images", "All pictures with their labels"));
        }
        views.extend([
            (View::Scatter, "Scatter", "Two columns against each other"),
            (View::Matrix, "Matrix", "Several columns, every two against each other"),
            (View::Parallel, "Parallel", "Several columns side by side, a line for each row"),
            (View::Plane, "PCA", "All features, seen from the side that shows most of their spread"),
            (View::Series, "Series", "Columns over the rows, and the window of a sample"),
        ]);
        segmented(ui, &mut self.view, &views);
        how_it_was_read(ui, model, opened);
    }
}

/// What the reader of the file has to say, with its other readings: each leads to the page on which the file is looked at.
fn how_it_was_read(ui: &mut Ui, model: &Model, opened: &Opened) {
    let DataSource::File { path, .. } = &opened.source else { return };
    let notes = opened.loaded.detected.as_ref().map_or(&[][..], |d| &d.notes);
    if notes.is_empty() {
        return;
    }
    let text = format!("{HOW_READ}: {}", format::counted(notes.len(), "note"));
    CollapsingHeader::new(label(ui, text)).id_salt(HOW_READ).show(ui, |ui| {
        if let Some(other) = notes::ui(ui, notes, NOTES) {
            model.look_at(path.clone(), other);
        }
    });
}

/// The document has data that are not there (yet).
fn not_opened(ui: &mut Ui, model: &Model) {
    if let Some(reading) = model.loading().reading() {
        let name = model.document().data.source.label();
        ui.add_space(ui.available_height() * 0.35);
        progress::ui(ui, model, &name, reading);
        return;
    }
    if model.is_waiting() {
        widgets::centred(ui, ui.max_rect(), "Reading the data", "This can take a moment");
        return;
    }
    let reason = model.data_error().map(str::to_owned).unwrap_or_default();
    widgets::message(ui, icon::WARNING, tokens(ui).problem, "The data could not be opened", &reason);
    let Some(missing) = model.loading().missing() else { return };
    ui.add_space(6.0);
    ui.horizontal(|ui| {
        let find = Button::new(RichText::new(format!("{}  Find the file…", icon::FOLDER)).size(LABEL));
        let hover = "Its contents decide whether it is the right one, not its name";
        if named(ui.add(find), Role::Button, "Find the file…").on_hover_text(hover).clicked() {
            model.ask(Question::FindData);
        }
        if matches!(missing, MissingFile::Changed(_))
            && ui
                .button("Take it as it is")
                .on_hover_text("Trained parameters stay, but were learned from other rows")
                .clicked()
        {
            model.queue(Action::TakeChanged);
        }
    });
}
