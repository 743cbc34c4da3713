//! How each output of a network with several does, with its own loss.

use super::super::state::Model;
use super::super::theme::{HEADING, semibold};
use super::super::widgets::{hint, label};
use crate::format;
use crate::train::{Evaluation, Metrics};
use egui::{RichText, ScrollArea, Ui};

/// Draws the list into the rest of the tile.
pub fn ui(ui: &mut Ui, model: &Model) {
    let network = &model.document().network;
    let snapshot = model.is_current().then_some(model.snapshot());
    ScrollArea::vertical().show(ui, |ui| {
        for (k, output) in model.inference().outputs.iter().enumerate() {
            let validation = snapshot.and_then(|s| s.validations.get(k));
            let test = snapshot.and_then(|s| s.test.heads.get(k)).map(|t| &t.evaluation);
            let (weight, loss) = network
                .outputs()
                .find(|(id, _)| *id == output.layer)
                .map_or((1.0, ""), |(_, spec)| (spec.weight, spec.loss.label()));
            ui.add_space(6.0);
            ui.horizontal(|ui| {
                ui.label(RichText::new(network.name(output.layer)).strong());
                ui.label(hint(ui, format!("{} × {weight}", loss.to_lowercase())));
            });
            ui.columns(2, |columns| {
                for (column, (name, evaluation)) in columns.iter_mut().zip([("Validation", validation), ("Test", test)])
                {
                    column.spacing_mut().item_spacing.y = 2.0;
                    let heading = column.label(label(column, name));
                    if let (Some(snapshot), "Test", Some(_)) = (snapshot, name, evaluation) {
                        heading.on_hover_text(snapshot.test.of());
                    }
                    let (score, loss) = evaluation.map_or(("–".to_owned(), String::new()), describe);
                    column.label(RichText::new(score).font(semibold(HEADING)));
                    column.label(hint(column, loss));
                }
            });
        }
    });
}

fn describe(evaluation: &Evaluation) -> (String, String) {
    let score = match evaluation.metrics {
        Metrics::Classes { accuracy } => format::percent(accuracy, 1),
        Metrics::Values { r2, .. } => format!("R² {}", format::score(r2)),
    };
    (score, format!("loss {}", format::number(evaluation.loss)))
}
