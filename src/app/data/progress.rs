//! How far the reading of a file is, how fast it goes, and a way to cancel it.

use super::super::intake::Pending;
use super::super::model::Model;
use super::super::widgets::{label, named, title};
use egui::accesskit::Role;
use egui::{Button, ProgressBar, Ui, vec2};

/// Draws the progress of a reading of `name`.
pub fn ui(ui: &mut Ui, model: &mut Model, name: &str, pending: &Pending) {
    let (done, total) = pending.progress.done();
    let seconds = pending.begun.elapsed().as_secs_f64().max(1e-3);
    let share = if total > 0 { (done as f32 / total as f32).clamp(0.0, 1.0) } else { 0.0 };
    // Small totals are files or rows, not bytes.
    let text = if total > 1 << 16 {
        let size = |n: f64| crate::format::bytes(n as u64);
        format!("{} of {}, {} a second", size(done as f64), size(total as f64), size(done as f64 / seconds))
    } else if total > 0 {
        format!("{done} of {total}, {:.0} a second", done as f64 / seconds)
    } else {
        String::new()
    };
    ui.vertical_centered(|ui| {
        ui.label(title(&format!("Reading {name}")));
        ui.add_space(4.0);
        let bar = ProgressBar::new(share).desired_width(360.0).desired_height(8.0).animate(total == 0);
        named(ui.add(bar), Role::ProgressIndicator, "Progress of reading");
        ui.label(label(ui, text));
        ui.add_space(4.0);
        if ui.add(Button::new("Cancel").min_size(vec2(90.0, 28.0))).clicked() {
            model.cancel_reading();
        }
    });
    ui.ctx().request_repaint_after(std::time::Duration::from_millis(60));
}
