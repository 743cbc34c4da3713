//! The question about what an ended program has left.

use super::state::{Action, Model};
use super::widgets::{label, title};
use crate::format;
use egui::{Context, Frame};

/// Draws the question, if there is something to ask and no other question.
pub fn ui(ctx: &Context, model: &Model) {
    let Some((left, more)) = model.kept().left().filter(|_| model.modal().is_none()) else { return };
    let ago =
        left.when.elapsed().map_or_else(|_| String::new(), |t| format!(" {} ago", format::duration(t.as_secs_f64())));
    let run = left.preset.run.as_ref().map_or_else(String::new, |run| {
        format!(", with the weights after {}", format::counted(run.steps as usize, "update"))
    });
    let text = format!(
        "“{}” was open when the program ended without saving it. It was kept{ago}{run}.",
        left.preset.document.name
    );
    let frame = Frame::popup(&ctx.global_style()).inner_margin(20);
    let response = egui::Modal::new(egui::Id::unique("recovery")).frame(frame).show(ctx, |ui| {
        ui.set_max_width(420.0);
        ui.label(title("Recover what was not saved?"));
        ui.add(egui::Label::new(label(ui, text)).wrap());
        if let Some(path) = &left.about.path {
            ui.add(egui::Label::new(label(ui, format!("Its file, {}, is as it was.", path.display()))).wrap());
        }
        if more > 0 {
            ui.label(label(ui, format!("There is more: {}.", format::counted(more, "other document"))));
        }
        ui.add_space(8.0);
        ui.horizontal(|ui| {
            for (name, action) in
                [("Recover", Action::Recover), ("Discard", Action::DiscardLeft), ("Later", Action::RecoverLater)]
            {
                if ui.button(name).clicked() {
                    model.queue(action);
                }
            }
        });
    });
    if response.should_close() {
        model.queue(Action::RecoverLater);
    }
}
