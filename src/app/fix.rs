//! The button of a quick fix.

use super::icon;
use super::state::Model;
use super::theme::LABEL;
use super::widgets::named;
use crate::explain::Fix;
use egui::accesskit::Role;
use egui::{Button, RichText, Ui};

/// A button that says what a fix changes and makes the change; whether it was clicked.
pub fn fix_button(ui: &mut Ui, model: &Model, fix: &Fix) -> bool {
    let name = fix.label(&model.document().network);
    let text = RichText::new(format!("{}  {name}", icon::FIX)).size(LABEL);
    let response = named(ui.add(Button::new(text).wrap()), Role::Button, &name);
    let clicked = response.on_hover_text("Changes the document; undo takes it back").clicked();
    if clicked {
        model.apply_fix(fix);
    }
    clicked
}
