//! The card that says what is wrong with the training, with buttons that fix it.

use crate::app::fix::fix_button;
use crate::app::icon;
use crate::app::state::Model;
use crate::app::theme::{LABEL, TITLE, Tokens, semibold};
use crate::app::widgets::FollowFocus as _;
use crate::app::widgets::label;
use crate::explain::Finding;
use egui::{RichText, ScrollArea, Ui};

/// Draws the findings, each with its evidence and a button that fixes it.
pub fn ui(ui: &mut Ui, model: &Model, findings: &[Finding], t: &Tokens) {
    // By its own name: the cards beside it scroll by themselves.
    ScrollArea::vertical().id_salt("diagnosis").auto_shrink(false).show_with_focus(ui, |ui| {
        if findings.is_empty() {
            ui.horizontal(|ui| {
                ui.label(RichText::new(icon::OK).size(15.0).color(t.ok));
                ui.label(RichText::new("Nothing is wrong").font(semibold(TITLE)));
            });
            let text = "Learning rate, gradients, units, inputs, output, classes and curves look as they should, on up to 256 training rows.";
            ui.add(egui::Label::new(label(ui, text)).wrap());
        }
        for finding in findings {
            ui.horizontal(|ui| {
                ui.label(RichText::new(icon::WARNING).size(15.0).color(t.problem));
                ui.add(egui::Label::new(RichText::new(finding.issue.label()).font(semibold(LABEL + 1.0))).wrap());
            });
            ui.add(egui::Label::new(label(ui, &finding.evidence)).wrap());
            if let Some(fix) = &finding.fix
                && fix_button(ui, model, fix)
            {
                let done = fix.label(&model.document().network);
                model.tell(format!("{done}. Rewind to train anew; undo takes it back."));
            }
            ui.add_space(8.0);
        }
    });
}
