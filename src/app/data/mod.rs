//! The Data workspace: sources on the left, the table in the middle, the split and pictures on the right.

mod sources;
mod table;
mod views;

use super::model::Model;
use super::theme::tokens;
use super::widgets;
use egui::{Frame, Panel, ScrollArea, Ui};

/// View state of the workspace.
#[derive(Default)]
pub struct DataView {
    table: table::TableView,
    views: views::Views,
}

impl DataView {
    /// Draws the workspace.
    pub fn ui(&mut self, ui: &mut Ui, model: &mut Model) {
        let t = tokens(ui);
        let side = Frame::new().fill(t.panel).inner_margin(12);
        Panel::left("sources").exact_size(228.0).resizable(false).frame(side).show(ui, |ui| {
            ScrollArea::vertical().auto_shrink(false).show(ui, |ui| sources::ui(ui, model));
        });
        Panel::right("data views").default_size(288.0).size_range(250.0..=420.0).frame(side).show(ui, |ui| {
            ScrollArea::vertical().auto_shrink(false).show(ui, |ui| self.views.ui(ui, model));
        });
        let middle = Frame::new().fill(t.background).inner_margin(12);
        egui::CentralPanel::no_frame().frame(middle).show(ui, |ui| match model.table.clone() {
            Some(opened) => self.table.ui(ui, model, &opened),
            None if model.is_waiting() => {
                widgets::centred(ui, ui.max_rect(), "Reading the data", "This can take a moment");
            }
            None => {
                let reason = model.data_error.clone().unwrap_or_default();
                widgets::message(ui, super::icon::WARNING, t.problem, "The data could not be opened", &reason);
            }
        });
    }
}
