//! The preview of a file: how it is read, its first rows, and settings to correct that.

use super::super::icon;
use super::super::keyboard;
use super::super::state::{Action, Model};
use super::super::theme::{BODY, LABEL, semibold, tokens};
use super::super::widgets::{self, card, choice, hint, label, named, number, title};
use super::progress;
use super::targets;
use super::thumbnails::Thumbnails;
use crate::app::widgets::FollowFocus as _;
use crate::data::{
    Chooser, Column, Detected, ENCODINGS, Fit, Format, Ground, ImageOptions, MAX_CLASSES, PixelColumns, ReadOptions,
    Separator, Table, Values,
};
use crate::format;
use egui::accesskit::Role;
use egui::{Align, Button, Grid, Key, Label, Layout, RichText, ScrollArea, TextEdit, Ui, vec2};

/// Rows of the first look that are shown, and columns.
const ROWS: usize = 12;
const COLUMNS: usize = 40;
/// Pictures of the first look that are shown, and how large.
const PICTURES: usize = 60;
const PICTURE: f32 = 72.0;
/// Height of the notes.
const NOTES: f32 = 150.0;

/// Draws the page.
pub fn ui(ui: &mut Ui, model: &Model, thumbnails: &mut Thumbnails) {
    let Some(preview) = model.loading().preview() else { return };
    let path = preview.path.clone();
    let options = preview.options.clone();
    let name = path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    if let Some(reading) = model.loading().reading().filter(|_| model.loading().takes_preview()) {
        ui.add_space(ui.available_height() * 0.35);
        progress::ui(ui, model, &name, reading);
        return;
    }
    let detected = preview.detected().cloned();
    let table = preview.rows.as_ref().and_then(|r| r.as_ref().ok()).map(|l| l.table.clone());
    let error = preview.rows.as_ref().and_then(|r| r.as_ref().err()).cloned();
    let waiting = preview.rows.is_none();
    ui.label(RichText::new(&name).font(semibold(20.0)));
    let folder = path.parent().map_or_else(String::new, |f| f.display().to_string());
    let bytes = std::fs::metadata(&path)
        .ok()
        .filter(std::fs::Metadata::is_file)
        .map(|m| format!(", {}", format::bytes(m.len())));
    ui.add(Label::new(label(ui, format!("{folder}{}", bytes.unwrap_or_default()))).truncate());
    ui.add_space(8.0);
    if let Some(error) = &error {
        let t = tokens(ui);
        widgets::message(ui, icon::WARNING, t.problem, "It cannot be read like this", error);
        ui.add_space(8.0);
    }
    let mut new = options.clone();
    card(ui).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.label(title("Read as"));
        match &detected {
            Some(found) => {
                ui.add(Label::new(label(ui, capital(&found.describe()))).wrap());
                notes(ui, found, &mut new);
                ui.add_space(4.0);
                settings(ui, found, &mut new);
            }
            // Text that could not be parsed may need another encoding or separator.
            None if error.is_some() => {
                let found = Detected::text();
                settings(ui, &found, &mut new);
            }
            None => {
                ui.add(egui::Spinner::new().size(16.0));
            }
        }
    });
    ui.add_space(8.0);
    if let Some(table) = &table {
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
    if let Some(table) = &table {
        thumbnails.of_preview(format!(
            "{} {:?} {:?}",
            path.display(),
            options,
            detected.as_ref().and_then(|d| d.images)
        ));
        let images = table.columns.iter().position(|c| matches!(c.values, Values::Images(_)));
        match images {
            Some(k) => some_pictures(ui, table, k, thumbnails),
            None => first_rows(ui, table),
        }
    } else if waiting {
        widgets::centred(ui, ui.available_rect_before_wrap(), "Reading the first rows", "");
    }
    if new != options {
        model.look_at(path, new);
    }
}

/// What was guessed, left out or converted, each with its other readings beside it.
fn notes(ui: &mut Ui, found: &Detected, new: &mut ReadOptions) {
    // Many are scrolled, so that the rows below them stay in sight.
    let scroll = ScrollArea::vertical().id_salt("notes").max_height(NOTES).auto_shrink([false, true]);
    scroll.show_with_focus(ui, |ui| {
        for note in &found.notes {
            ui.horizontal_wrapped(|ui| {
                ui.add(Label::new(RichText::new(&note.text).size(LABEL).color(tokens(ui).negative)).wrap());
                for offer in &note.offers {
                    if ui.small_button(&offer.label).clicked() {
                        new.clone_from(&offer.options);
                    }
                }
            });
        }
    });
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

/// What can be corrected about a file of this kind.
fn settings(ui: &mut Ui, found: &Detected, new: &mut ReadOptions) {
    ui.spacing_mut().combo_width = 130.0;
    if let Some(text) = found.text.as_ref().filter(|_| found.format == Format::Delimited) {
        ui.horizontal_wrapped(|ui| {
            separator(ui, &text.delimiter, new);
            ui.label(label(ui, "Encoding"));
            let mut encodings: Vec<&'static str> = ENCODINGS.to_vec();
            if !encodings.contains(&text.encoding) {
                encodings.push(text.encoding);
            }
            if let Some(chosen) = choice(ui, "Encoding", text.encoding, encodings, str::to_owned, |a, b| a == b) {
                new.encoding = Some(chosen.to_owned());
            }
            let mut comma = text.decimal_comma;
            if ui.checkbox(&mut comma, "Decimal comma").on_hover_text("Numbers are written 3,14").changed() {
                new.decimal_comma = Some(comma);
            }
            ui.label(label(ui, "Comments begin with"));
            let mut comment = text.comment.map_or_else(String::new, String::from);
            let edit = TextEdit::singleline(&mut comment).desired_width(24.0).char_limit(1);
            if named(ui.add(edit), Role::TextInput, "Comment character")
                .on_hover_text("Such lines are left out")
                .changed()
            {
                new.comment = Some(comment);
            }
            let mut quotes = text.quotes;
            let hover = "A cell in quotes may hold separators and line ends; else quotes are plain characters";
            if ui.checkbox(&mut quotes, "Cells may stand in quotes").on_hover_text(hover).changed() {
                new.quotes = Some(quotes);
            }
            let mut cut = new.cut_long_rows == Some(true);
            let hover = "Rows with more cells than most are read without what is too much; else they are an error";
            if ui.checkbox(&mut cut, "Cut rows that are too long").on_hover_text(hover).changed() {
                new.cut_long_rows = Some(cut);
            }
        });
    }
    if let Some(text) = &found.text {
        ui.horizontal_wrapped(|ui| {
            let mut header = text.header;
            if ui.checkbox(&mut header, "The first row names the columns").changed() {
                new.header = Some(header);
            }
            ui.label(label(ui, "Rows before it to leave out"));
            if let Some(skip) = number(ui, "Rows to leave out", text.skip, 0..=100_000, 0.05) {
                new.skip = Some(skip);
            }
            if found.format == Format::Delimited {
                ui.label(label(ui, "Lines after the table to leave out"));
                if let Some(footer) = number(ui, "Lines after the table", text.footer, 0..=1000, 0.05) {
                    new.footer = Some(footer);
                }
            }
            if text.header {
                ui.label(label(ui, "Rows of names"));
                if let Some(rows) = number(ui, "Rows of names", text.header_rows.max(1), 1..=10, 0.05) {
                    new.header_rows = Some(rows);
                }
            }
        });
    }
    one_of_several(ui, found, new);
    if found.chooser == Chooser::Arrays && !found.choices.is_empty() {
        ui.horizontal_wrapped(|ui| {
            ui.label(label(ui, "Arrays"));
            for array in &found.choices {
                let mut on = found.chosen.contains(array);
                if ui.checkbox(&mut on, array).changed() {
                    let mut chosen = found.chosen.clone();
                    chosen.retain(|c| c != array);
                    if on {
                        chosen.push(array.clone());
                    }
                    // At least one stays.
                    new.arrays = Some(chosen).filter(|c| !c.is_empty()).or(new.arrays.take());
                }
            }
        });
    }
    if let Some(shape) = found.images {
        pictures(ui, shape, new);
    }
    if let Some(folders) = found.class_folders.filter(|&n| n > 1) {
        ui.horizontal_wrapped(|ui| {
            ui.label(label(ui, "The class is the folder of level"));
            let level = new.class_folder.unwrap_or(1).min(folders);
            let chosen = choice(ui, "Folder of the class", level, 1..=folders, |k| k.to_string(), |a, b| a == b);
            new.class_folder = chosen.or(new.class_folder);
        });
    }
    if let Some(found) = &found.pixels {
        pixels(ui, found, new);
    }
}

/// The separator: one of the usual ones, or any text.
fn separator(ui: &mut Ui, found: &Separator, new: &mut ReadOptions) {
    ui.label(label(ui, "Separator"));
    let name = |s: &Separator| match s {
        Separator::Character(',') => "comma".to_owned(),
        Separator::Character(';') => "semicolon".to_owned(),
        Separator::Character('\t') => "tab".to_owned(),
        Separator::Character(' ') => "single blank".to_owned(),
        Separator::Blanks => "runs of blanks".to_owned(),
        Separator::Places(_) => "fixed width".to_owned(),
        s if *s == Separator::NONE => "none: one column".to_owned(),
        s => s.to_string(),
    };
    let mut common: Vec<Separator> = [',', ';', '\t', '|', ' ', ':', '/', '~', '^'].map(Separator::Character).into();
    common.extend([Separator::Blanks, Separator::NONE]);
    if !common.contains(found) {
        common.push(found.clone());
    }
    let chosen = common.iter().position(|s| s == found).unwrap_or(0);
    let text = |k: usize| name(&common[k]);
    if let Some(k) = choice(ui, "Separator", chosen, 0..common.len(), text, |a, b| a == b) {
        new.delimiter = Some(common[k].clone());
    }
    // What is typed counts when it is finished.
    let id = ui.scope_id().with("separator as text");
    let mut typed = ui.data(|d| d.get_temp::<String>(id)).unwrap_or_else(|| found.to_string().replace('\t', ""));
    let edit = TextEdit::singleline(&mut typed).desired_width(64.0);
    let hover = "Any text, such as ::, or the characters of a line at which cells begin, such as fixed:0,10,18";
    let field = named(ui.add(edit), Role::TextInput, "Separator as text").on_hover_text(hover);
    if field.has_focus() {
        ui.data_mut(|d| d.insert_temp(id, typed.clone()));
    } else {
        ui.data_mut(|d| d.remove::<String>(id));
    }
    if field.lost_focus()
        && let Ok(chosen) = Separator::try_from(typed)
        && chosen != *found
    {
        new.delimiter = Some(chosen);
    }
}

/// Which sheet, table, list of records or file of an archive is read.
fn one_of_several(ui: &mut Ui, found: &Detected, new: &mut ReadOptions) {
    let pick = |ui: &mut Ui, name: &str, all: &[String], current: Option<&String>| {
        ui.label(label(ui, name));
        let chosen = current.and_then(|c| all.iter().position(|s| s == c)).unwrap_or(0);
        let text = |k: usize| all[k].clone();
        choice(ui, name, chosen, 0..all.len(), text, |a, b| a == b).map(|k| all[k].clone())
    };
    ui.horizontal_wrapped(|ui| {
        if found.members.len() > 1 {
            let current = found.options.member.as_ref();
            if let Some(member) = pick(ui, "File in the archive", &found.members, current) {
                // What was chosen in another file means nothing in this one.
                *new = ReadOptions { member: Some(member), images: new.images, ..ReadOptions::default() };
            }
        }
        let current = found.chosen.first();
        if found.format == Format::Excel && !found.choices.is_empty() {
            if let Some(sheet) = pick(ui, "Sheet", &found.choices, current) {
                (new.sheet, new.area) = (Some(sheet), None);
            }
            if found.areas.len() > 1 {
                let current = found.options.area.as_ref();
                new.area = pick(ui, "Table on the sheet", &found.areas, current).or(new.area.take());
            }
        }
        if found.chooser == Chooser::Tables
            && !found.choices.is_empty()
            && let Some(table) = pick(ui, "Table", &found.choices, current)
        {
            (new.table, new.query) = (Some(table), None);
        }
        if found.chooser == Chooser::Records && found.choices.len() > 1 {
            new.records = pick(ui, "Records", &found.choices, current).or(new.records.take());
        }
    });
    if found.format == Format::Sqlite {
        ui.horizontal_wrapped(|ui| {
            ui.label(label(ui, "Or a query"));
            let id = ui.scope_id().with("query");
            let own = || new.query.clone().unwrap_or_default();
            let mut query = ui.data(|d| d.get_temp::<String>(id)).unwrap_or_else(own);
            let edit = TextEdit::singleline(&mut query).desired_width(420.0).hint_text("SELECT … FROM …");
            let response = named(ui.add(edit), Role::TextInput, "SQL query");
            if response.changed() {
                ui.data_mut(|d| d.insert_temp(id, query.clone()));
            }
            // A query is not tried at every letter.
            if response.lost_focus() {
                ui.data_mut(|d| d.remove::<String>(id));
                new.query = Some(query.trim().to_owned()).filter(|q| !q.is_empty());
            }
        });
    }
}

/// Columns that are pixels can be taken as pictures.
fn pixels(ui: &mut Ui, found: &PixelColumns, new: &mut ReadOptions) {
    ui.horizontal_wrapped(|ui| {
        let mut on = new.pixels.is_some();
        let text = format!("Take {}", found.describe());
        if ui
            .checkbox(&mut on, text)
            .on_hover_text(
                "These columns look like the pixels of a picture. As pictures they are seen, and suit convolutions",
            )
            .changed()
        {
            new.pixels = on.then(|| found.clone());
        }
        let Some(chosen) = &mut new.pixels else { return };
        ui.label(label(ui, "Height"));
        chosen.height = number(ui, "Height of the pictures", chosen.height, 1..=4096, 0.2).unwrap_or(chosen.height);
        ui.label(label(ui, "Width"));
        chosen.width = number(ui, "Width of the pictures", chosen.width, 1..=4096, 0.2).unwrap_or(chosen.width);
        ui.spacing_mut().combo_width = 80.0;
        let name = |n: u32| if n == 1 { "grey" } else { "colour" }.to_owned();
        let channels = choice(ui, "Channels of the pictures", chosen.channels, [1, 3], name, |a, b| a == b);
        chosen.channels = channels.unwrap_or(chosen.channels);
        if chosen.channels > 1 {
            ui.checkbox(&mut chosen.planar, "Channel by channel").on_hover_text(
                "All red values come first, then all green and all blue ones; else the three of a pixel stand together",
            );
        }
    });
}

fn pictures(ui: &mut Ui, shape: ImageOptions, new: &mut ReadOptions) {
    ui.horizontal_wrapped(|ui| {
        let mut chosen = shape;
        ui.label(label(ui, "Width"));
        chosen.width = number(ui, "Width of pictures", shape.width, 1..=1024, 0.2).unwrap_or(shape.width);
        ui.label(label(ui, "Height"));
        chosen.height = number(ui, "Height of pictures", shape.height, 1..=1024, 0.2).unwrap_or(shape.height);
        ui.label(label(ui, "Others are made to"));
        ui.spacing_mut().combo_width = 80.0;
        chosen.fit =
            choice(ui, "Fit", shape.fit, Fit::ALL, |f| f.label().to_owned(), |a, b| a == b).unwrap_or(shape.fit);
        ui.label(label(ui, "Transparent parts on"));
        let ground = choice(ui, "Ground", shape.ground, Ground::ALL, |g| g.label().to_owned(), |a, b| a == b);
        chosen.ground = ground.unwrap_or(shape.ground);
        ui.checkbox(&mut chosen.deep, "16 bits").on_hover_text("Values from 0 to 65535 where the pictures have them");
        ui.checkbox(&mut chosen.grey, "Grey").on_hover_text("One channel of brightness instead of three of colour");
        if chosen != shape {
            new.images = Some(chosen);
        }
    });
}

/// The first rows as they will be taken.
fn first_rows(ui: &mut Ui, table: &Table) {
    let t = tokens(ui);
    let shown = table.columns.len().min(COLUMNS);
    let more = if shown < table.columns.len() {
        format!(", the first {shown} of {} columns", table.columns.len())
    } else {
        String::new()
    };
    ui.label(label(ui, format!("First rows{more}")));
    ScrollArea::both().id_salt("preview").auto_shrink(false).show_with_focus(ui, |ui| {
        ui.style_mut().wrap_mode = Some(egui::TextWrapMode::Extend);
        let align = |column: &Column| if column.is_number() { Align::Max } else { Align::Min };
        let grid = Grid::new("first rows").striped(true).spacing(vec2(18.0, 5.0));
        grid.min_col_width(44.0).min_row_height(20.0).show(ui, |ui| {
            for column in &table.columns[..shown] {
                ui.with_layout(Layout::top_down(align(column)), |ui| {
                    ui.spacing_mut().item_spacing.y = 0.0;
                    ui.label(RichText::new(&column.name).font(semibold(BODY)));
                    ui.label(hint(ui, column.kind().label()));
                });
            }
            ui.end_row();
            for row in 0..table.rows().min(ROWS) {
                for column in &table.columns[..shown] {
                    let missing = column.is_missing(row);
                    let mut text =
                        if missing { "missing".to_owned() } else { column.cell(row).replace(['\n', '\r'], " ") };
                    if text.chars().count() > 40 {
                        text = text.chars().take(39).chain(['…']).collect();
                    }
                    let colour = if missing { t.problem } else { t.text };
                    ui.with_layout(Layout::top_down(align(column)), |ui| {
                        ui.label(RichText::new(text).size(LABEL).color(colour))
                    });
                }
                ui.end_row();
            }
        });
    });
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
