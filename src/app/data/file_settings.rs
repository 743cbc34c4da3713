//! What can be corrected about how a file is read.

use super::super::widgets::{choice, label, named, number, typed};
use super::missing_words;
use crate::data::{
    Chooser, Detected, ENCODINGS, Fit, Format, Ground, ImageOptions, PixelColumns, ReadOptions, Separator,
};
use egui::accesskit::Role;
use egui::{TextEdit, Ui};

/// Draws the settings that a file of this kind has.
pub fn ui(ui: &mut Ui, found: &Detected, new: &mut ReadOptions) {
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
            if found.format == Format::Delimited {
                let mut cut = new.cut_long_rows == Some(true);
                let hover = "Rows with more cells than most are read without what is too much; else they are an error";
                if ui.checkbox(&mut cut, "Cut rows that are too long").on_hover_text(hover).changed() {
                    new.cut_long_rows = Some(cut);
                }
            }
        });
    }
    ui.horizontal_wrapped(|ui| {
        one_of_several(ui, found, new);
        if found.images.is_none() {
            missing_words::of_file(ui, new);
        }
    });
    if found.format == Format::Sqlite {
        ui.horizontal_wrapped(|ui| {
            ui.label(label(ui, "Or a query"));
            let own = new.query.clone().unwrap_or_default();
            // A query is not tried at every letter.
            if let Some(query) = typed(ui, "SQL query", "", &own, 420.0, "SELECT … FROM …") {
                new.query = Some(query.trim().to_owned()).filter(|q| !q.is_empty());
            }
        });
    }
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
    let hover = "Any text, such as ::, or the characters of a line at which cells begin, such as fixed:0,10,18";
    let shown = found.to_string().replace('\t', "");
    let chosen = typed(ui, "Separator as text", hover, &shown, 64.0, "");
    if let Some(chosen) = chosen.and_then(|text| Separator::try_from(text).ok()) {
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
