//! The card that says what is wrong with the training, with buttons that fix it.

use crate::app::icon;
use crate::app::model::Model;
use crate::app::theme::{LABEL, TITLE, Tokens, semibold};
use crate::app::widgets::{self, label};
use crate::explain::{Cure, Finding};
use egui::{Button, RichText, ScrollArea, Ui};

/// Draws the findings, each with its evidence and a button that fixes it.
pub fn ui(ui: &mut Ui, model: &mut Model, findings: &[Finding], t: &Tokens) {
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
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
            if let Some(cure) = &finding.cure {
                let name = cure.label();
                let text = RichText::new(format!("{}  {name}", icon::MEND)).size(LABEL);
                let response = ui.add(Button::new(text).wrap());
                let response = widgets::named(response, egui::accesskit::Role::Button, &name);
                if response.on_hover_text("Changes the document; undo takes it back").clicked() {
                    mend(model, cure);
                }
            }
            ui.add_space(8.0);
        }
    });
}

fn mend(model: &mut Model, cure: &Cure) {
    let (mut network, mut training) = (model.document().network.clone(), model.document().training.clone());
    if matches!(cure, Cure::Standardise(_)) {
        model.edit_preparation("Mend training", None, |plan| cure.apply(&mut network, &mut training, plan));
    } else {
        cure.apply(&mut network, &mut training, &mut crate::data::Preparation::default());
        model.edit("Mend training", None, |d| (d.network, d.training) = (network, training));
    }
    model.notice(format!("{}. Rewind to train anew; undo takes it back.", cure.label()));
}
