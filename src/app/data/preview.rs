//! The preview of a file: how it is read, its first rows, and settings to correct that.

use super::super::icon;
use super::super::keyboard;
use super::super::state::{Action, Model};
use super::super::theme::{semibold, tokens};
use super::super::widgets::{self, card, hint, label, named, title};
use super::file_settings;
use super::first_rows;
use super::notes;
use super::progress;
use super::targets;
use super::thumbnails::Thumbnails;
use crate::app::widgets::FollowFocus as _;
use crate::data::{Column, Detected, MAX_CLASSES, Table, Values};
use crate::format;
use egui::accesskit::Role;
use egui::{Align, Button, Key, Label, Layout, Rangef, RichText, ScrollArea, Ui, vec2};

/// Pictures of the first look that are shown, and how large.
const PICTURES: usize = 60;
const PICTURE: f32 = 72.0;
/// What the settings, what is predicted and the first rows take of the height; the notes have the rest, within these limits.
const BELOW: f32 = 500.0;
const NOTES: Rangef = Rangef { min: 72.0, max: 220.0 };

/// Draws the page.
pub fn ui(ui: &mut Ui, model: &Model, thumbnails: &mut Thumbnails) {
    let Some(preview) = model.loading().preview() else { return };
    let (path, options) = (&preview.path, &preview.options);
    let name = path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    if let Some(reading) = model.loading().reading().filter(|_| model.loading().takes_preview()) {
        ui.add_space(ui.available_height() * 0.35);
        progress::ui(ui, model, &name, reading);
        return;
    }
    let detected = preview.detected();
    let table = preview.rows.as_ref().and_then(|r| r.as_ref().ok()).map(|l| &l.table);
    let error = preview.rows.as_ref().and_then(|r| r.as_ref().err());
    let waiting = preview.rows.is_none();
    ui.label(RichText::new(&name).font(semibold(20.0)));
    let folder = path.parent().map(|f| f.display().to_string()).filter(|f| !f.is_empty());
    let bytes = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file).map(|m| format::bytes(m.len()));
    let place: Vec<String> = folder.into_iter().chain(bytes).collect();
    ui.add(Label::new(label(ui, place.join(", "))).truncate());
    ui.add_space(8.0);
    if let Some(error) = error {
        let t = tokens(ui);
        widgets::message(ui, icon::WARNING, t.problem, "It cannot be read like this", error);
        ui.add_space(8.0);
    }
    let mut new = options.clone();
    card(ui).show(ui, |ui| {
        ui.set_width(ui.available_width());
        let rest = ui.available_height();
        ui.horizontal_wrapped(|ui| {
            ui.label(title("Read as"));
            if let Some(found) = detected {
                ui.add(Label::new(label(ui, found.describe())).wrap());
                if found.notes.len() > 1 {
                    ui.label(hint(ui, format!("{} notes", found.notes.len())));
                }
            }
        });
        match detected {
            Some(found) => {
                if let Some(other) = notes::ui(ui, &found.notes, (rest - BELOW).clamp(NOTES.min, NOTES.max)) {
                    new = other;
                }
                file_settings::ui(ui, found, &mut new);
            }
            // Text that could not be parsed may need another encoding or separator.
            None if error.is_some() => {
                file_settings::ui(ui, &Detected::text(), &mut new);
            }
            None => {
                ui.add(egui::Spinner::new().size(16.0));
            }
        }
    });
    ui.add_space(8.0);
    if let Some(table) = table {
        card(ui).show(ui, |ui| {
            ui.set_width(ui.available_width());
            let (chosen, reason) = preview.targets();
            // Of the first rows only, which are few.
            let classes = |c: &Column| c.classes(MAX_CLASSES).unwrap_or_default().into();
            if let Some(targets) = targets::ui(ui, table, &chosen, classes, reason) {
                model.queue(Action::AskFor(targets));
            }
        });
        ui.add_space(8.0);
    }
    ui.horizontal(|ui| {
        let t = tokens(ui);
        let usable = table.is_some();
        let take =
            Button::new(RichText::new("Use these data").color(t.on_accent)).fill(t.accent).min_size(vec2(130.0, 32.0));
        let clicked = named(ui.add_enabled(usable, take), Role::Button, "Use these data").clicked();
        let entered = usable && keyboard::count(ui.ctx(), Key::Enter) > 0;
        if clicked || entered {
            model.queue(Action::TakePreview);
        }
        if ui.add(Button::new("Cancel").min_size(vec2(80.0, 32.0))).clicked() {
            model.queue(Action::DismissPreview);
        }
        if usable {
            ui.label(hint(ui, "Enter takes them; the open document has not changed yet"));
        }
    });
    ui.add_space(8.0);
    if let Some(table) = table {
        let images = table.columns.iter().position(|c| matches!(c.values, Values::Images(_)));
        match images {
            Some(k) => {
                let found = detected.and_then(|d| d.images);
                thumbnails.of_preview(format!("{} {options:?} {found:?}", path.display()));
                some_pictures(ui, table, k, thumbnails);
            }
            None => first_rows::ui(ui, table, detected, &mut new),
        }
    } else if waiting {
        widgets::centred(ui, ui.available_rect_before_wrap(), "Reading the first rows", "");
    }
    if new != *options {
        model.look_at(path.clone(), new);
    }
}

/// Pictures of column `k` from all over the rows that were looked at, with what the last column says of them.
fn some_pictures(ui: &mut Ui, table: &Table, k: usize, thumbnails: &mut Thumbnails) {
    let Values::Images(images) = &table.columns[k].values else { return };
    let labels = table.columns.iter().rev().find(|c| !matches!(c.values, Values::Images(_)));
    ui.label(label(
        ui,
        labels.map_or_else(
            || "Some of the pictures".to_owned(),
            |c| format!("Some of the pictures, with their {}", c.name),
        ),
    ));
    ui.add_space(4.0);
    let colour = tokens(ui).label;
    ScrollArea::vertical().id_salt("classes").auto_shrink(false).show_with_focus(ui, |ui| {
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = vec2(10.0, 10.0);
            for row in (0..table.rows()).step_by(table.rows().div_ceil(PICTURES).max(1)) {
                ui.allocate_ui_with_layout(vec2(PICTURE, PICTURE + 18.0), Layout::top_down(Align::Center), |ui| {
                    ui.spacing_mut().item_spacing.y = 2.0;
                    thumbnails.show(ui, images, ("preview", k, row), row, PICTURE);
                    if let Some(labels) = labels {
                        ui.add(Label::new(RichText::new(labels.cell(row)).size(11.0).color(colour)).truncate());
                    }
                });
            }
        });
    });
}
