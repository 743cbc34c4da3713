//! The Build workspace: palette on the left, canvas in the middle, inspector on the right.

mod canvas;
pub mod edits;
mod inspector;
mod palette;
mod playground;
mod settings;

use super::picture::Pictures;
use super::state::Model;
use super::theme::tokens;
use crate::app::widgets::FollowFocus as _;
use canvas::Canvas;
pub use palette::Palette;

/// Width of the picture of the output where it stands alone beside the canvas.
const OUTCOME: f32 = 300.0;

/// View state of the workspace.
#[derive(Default)]
pub struct BuildView {
    canvas: Canvas,
    palette: Palette,
}

impl BuildView {
    /// Shows the whole network in the next frame.
    pub fn fit(&mut self) {
        self.canvas.fit();
    }

    /// Draws the workspace.
    pub fn ui(&mut self, ui: &mut egui::Ui, model: &Model, pictures: &Pictures) {
        let t = tokens(ui);
        let side = egui::Frame::new().fill(t.panel).inner_margin(12);
        let plays = playground::is_offered(model, pictures);
        if model.is_bare() {
            if plays {
                egui::Panel::right("outcome").exact_size(OUTCOME).resizable(false).frame(side).show(ui, |ui| {
                    egui::ScrollArea::vertical()
                        .show_with_focus(ui, |ui| inspector::outcome(ui, model, pictures, f32::INFINITY));
                });
            }
            self.middle(ui, model, pictures, plays);
            return;
        }
        egui::Panel::left("palette").exact_size(198.0).resizable(false).frame(side).show(ui, |ui| {
            egui::ScrollArea::vertical().show_with_focus(ui, |ui| {
                if let Some(kind) = self.palette.ui(ui) {
                    edits::append(model, kind);
                }
            });
        });
        egui::Panel::right("inspector").default_size(310.0).size_range(250.0..=420.0).frame(side).show(ui, |ui| {
            let room = ui.available_height();
            egui::ScrollArea::vertical()
                .auto_shrink(false)
                .show_with_focus(ui, |ui| inspector::ui(ui, model, pictures, room));
        });
        self.middle(ui, model, pictures, plays);
    }

    fn middle(&mut self, ui: &mut egui::Ui, model: &Model, pictures: &Pictures, plays: bool) {
        egui::CentralPanel::no_frame().show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            if plays {
                playground::ui(ui, model, pictures);
            }
            self.canvas.ui(ui, model, pictures, plays);
        });
    }
}
