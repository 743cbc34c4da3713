//! How far the reading of a file is, how fast it goes, and a way to cancel it.

use super::super::state::{Action, Job, Model};
use super::super::widgets::{label, named, title};
use crate::format;
use egui::accesskit::Role;
use egui::{Button, ProgressBar, Ui, vec2};

/// Draws the progress of a reading of `name`.
pub fn ui<T>(ui: &mut Ui, model: &Model, name: &str, reading: &Job<T>) {
    let (done, total) = reading.done();
    let time = reading.time();
    let share = if total > 0 { (done as f32 / total as f32).clamp(0.0, 1.0) } else { 0.0 };
    let how_far = how_far(done, total, time.per_second());
    ui.vertical_centered(|ui| {
        ui.label(title(&format!("Reading {name}")));
        ui.add_space(4.0);
        let bar = ProgressBar::new(share).desired_width(360.0).desired_height(8.0).animate(total == 0);
        named(ui.add(bar), Role::ProgressIndicator, "Progress of reading");
        if !how_far.is_empty() {
            ui.label(label(ui, how_far));
        }
        ui.label(label(ui, time.text(total as f64, false)));
        ui.add_space(4.0);
        if ui.add(Button::new("Cancel").min_size(vec2(90.0, 28.0))).clicked() {
            model.queue(Action::CancelReading);
        }
    });
    ui.ctx().request_repaint_after(std::time::Duration::from_millis(60));
}

/// What is read of how much, and how fast.
fn how_far(done: u64, total: u64, per_second: Option<f64>) -> String {
    if total == 0 {
        return String::new();
    }
    // Small totals are files or rows, not bytes.
    let amount = |n: f64| if total > 1 << 16 { format::bytes(n as u64) } else { format::number(n.round()) };
    let speed = per_second.map_or_else(String::new, |n| format!(", {} a second", amount(n)));
    let share = format::percent((done as f64 / total as f64).min(1.0), 0);
    format!("{share}: {} of {}{speed}", amount(done as f64), amount(total as f64))
}

#[cfg(test)]
mod tests {
    use super::how_far;

    #[test]
    fn bytes_and_files_are_told_apart() {
        assert_eq!(how_far(5 << 20, 20 << 20, Some(1_048_576.0)), "25 %: 5.0 MiB of 20.0 MiB, 1.0 MiB a second");
        assert_eq!(how_far(3, 40, None), "8 %: 3 of 40");
        assert_eq!(how_far(3, 0, None), "");
    }
}
