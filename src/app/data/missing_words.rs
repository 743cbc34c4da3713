//! Fields for the words that mean a missing value, of a file and of a column of it.

use super::super::theme::tokens;
use super::super::widgets::{hint, label, typed};
use crate::data::ReadOptions;
use egui::{Button, Stroke, Ui};

const ONLY_EMPTY: &str = "only empty cells";

/// The words of the whole file.
pub fn of_file(ui: &mut Ui, new: &mut ReadOptions) {
    ui.label(label(ui, "Missing words"));
    let hover = "Cells that hold one of these words, in capitals or not, are missing values, and so are empty cells. \
                 Commas stand between the words";
    let shown = listed(&new.missing_words());
    if let Some(text) = typed(ui, "Missing words", hover, &shown, 380.0, ONLY_EMPTY) {
        new.missing = Some(words(&text)).filter(|words| *words != ReadOptions::default().missing_words());
    }
    let reset = ui.add_enabled(new.missing.is_some(), Button::new("The usual words"));
    if reset.on_hover_text("?, -, NA, null and the others that mean a missing value in most files").clicked() {
        new.missing = None;
    }
}

/// The words of column `name`: its `own`, those that were `decided` for it, or those of the file.
pub fn of_column(ui: &mut Ui, name: &str, file: &[String], decided: Option<&[String]>, own: &mut Option<Vec<String>>) {
    ui.label(hint(ui, "Missing words"));
    // A menu draws no lines around what is in it.
    ui.visuals_mut().widgets.inactive.bg_stroke = Stroke::new(1.0, tokens(ui).line);
    let now = own.as_deref().or(decided);
    let in_place = if now.is_some() { ONLY_EMPTY.to_owned() } else { listed(file) };
    let shown = now.map(listed).unwrap_or_default();
    let hover = "Cells of this column that are missing values besides empty ones. Commas stand between the words";
    let field = format!("Missing words of {name}");
    let new = typed(ui, &field, hover, &shown, ui.available_width() - 8.0, &in_place).map(|text| words(&text));
    let (mut as_file, mut only_empty) = (false, false);
    ui.horizontal(|ui| {
        let differs = now.is_some_and(|words| words != file);
        as_file = ui.add_enabled(differs || own.is_some(), Button::new("As for the file").small()).clicked();
        let is_empty = now.is_some_and(<[String]>::is_empty);
        only_empty = ui.add_enabled(!is_empty, Button::new("Only empty cells").small()).clicked();
    });
    if let Some(words) = new {
        *own = Some(words);
    } else if as_file {
        // What was decided for the column gives way to a list of its own only.
        *own = if own.is_some() { None } else { Some(file.to_vec()) };
    } else if only_empty {
        *own = Some(Vec::new());
    }
}

fn listed(words: &[String]) -> String {
    words.join(", ")
}

fn words(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}
