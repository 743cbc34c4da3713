//! How far the reading of a file is, how fast it goes, and a way to cancel it.

use super::super::state::{Action, Job, Model};
use super::super::widgets::{label, named, title};
use egui::accesskit::Role;
use egui::{Button, ProgressBar, Ui, vec2};

/// Draws the progress of a reading of `name`.
pub fn ui<T>(ui: &mut Ui, model: &Model, name: &str, reading: &Job<T>) {
    let (done, total) = reading.done();
    let seconds = reading.begun().elapsed().as_secs_f64().max(1e-3);
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
            model.queue(Action::CancelReading);
        }
    });
    ui.ctx().request_repaint_after(std::time::Duration::from_millis(60));
}
