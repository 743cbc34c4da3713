//! How well the network does on each part of the rows, output by output, and what that is worth.

use super::super::state::Model;
use super::super::theme::{HEADING, LABEL, semibold};
use super::super::widgets::{hint, label};
use crate::app::widgets::FollowFocus as _;
use crate::data::{Dataset, Part, Targets};
use crate::format;
use crate::nn::HeadTarget;
use crate::train::{
    Baseline, Evaluation, FullEvaluation, Metrics, Scores, Snapshot, interval_of_mae, interval_of_share,
};
use egui::{Label, RichText, ScrollArea, Ui};
use std::sync::Arc;

/// The baselines of the data set on screen, for each output.
#[derive(Default)]
pub struct ScoresView {
    baselines: Option<(Arc<Dataset>, Vec<Option<Baseline>>)>,
}

/// What the figures belong to.
pub fn parameters(model: &Model) -> String {
    let snapshot = model.snapshot();
    match snapshot.restored {
        Some(epoch) => format!("of epoch {}, which was restored", format::count(u128::from(epoch))),
        None => format!("epoch {}", format::count(u128::from(snapshot.epoch))),
    }
}

/// The epoch of the test figures, where that is not the one of the parameters.
pub fn test_epoch(model: &Model) -> Option<String> {
    let old = model.is_current() && !model.snapshot().test.heads.is_empty() && model.snapshot().test_is_old();
    old.then(|| format::count(u128::from(model.snapshot().test.epoch)))
}

impl ScoresView {
    /// Draws the list into the rest of the tile.
    pub fn ui(&mut self, ui: &mut Ui, model: &Model) {
        let Some(data) = model.dataset() else { return };
        let outputs = &model.inference().outputs;
        let known = |(of, all): &(Arc<Dataset>, Vec<_>)| Arc::ptr_eq(of, data) && all.len() == outputs.len();
        if !self.baselines.as_ref().is_some_and(known) {
            let all = outputs.iter().map(|output| Baseline::of(data, &output.target)).collect();
            self.baselines = Some((Arc::clone(data), all));
        }
        let baselines = self.baselines.as_ref().map_or(&[][..], |(_, all)| all);
        let snapshot: Option<&Snapshot> = model.is_current().then_some(model.snapshot());
        let network = &model.document().network;
        ScrollArea::vertical().id_salt("scores").auto_shrink(false).show_with_focus(ui, |ui| {
            for (k, output) in outputs.iter().enumerate() {
                let (weight, loss) = network
                    .outputs()
                    .find(|(id, _)| *id == output.layer)
                    .map_or((1.0, ""), |(_, spec)| (spec.weight, spec.loss.label()));
                if outputs.len() > 1 {
                    ui.add_space(6.0);
                    ui.horizontal(|ui| {
                        ui.label(RichText::new(network.name(output.layer)).strong());
                        ui.label(hint(ui, format!("{} × {weight}", loss.to_lowercase())));
                    });
                }
                let test = snapshot.and_then(|s| s.test.heads.get(k));
                // A run that was opened has its losses, and scores once it goes on.
                let (training, known) = snapshot.filter(|_| k == 0).map_or((None, None), Snapshot::losses);
                let validation = snapshot.and_then(|s| s.validation(k));
                let rows = data.part(Part::Test).len();
                ui.columns(3, |columns| {
                    for column in &mut *columns {
                        column.spacing_mut().item_spacing.y = 2.0;
                    }
                    part(&mut columns[0], "Training", String::new(), None, training);
                    part(&mut columns[1], "Validation", String::new(), validation, known);
                    let of = snapshot.filter(|_| test.is_some()).map_or_else(String::new, |s| s.test.of());
                    let name = test_epoch(model).map_or("Test".to_owned(), |epoch| format!("Test, epoch {epoch}"));
                    part(&mut columns[2], &name, of, test.map(|t| t.evaluation), None);
                });
                ui.add_space(6.0);
                ui.spacing_mut().item_spacing.y = 3.0;
                if rows == 0 {
                    told(ui, "No rows are held back for a test: see the split in Data");
                }
                if let Some(text) = test.and_then(|t| interval(t, rows, targets(&output.target, data))) {
                    told(ui, &text);
                }
                match baselines.get(k).and_then(Option::as_ref) {
                    Some(Baseline::Classes { class, accuracy }) => {
                        told(ui, &format!("Always “{class}”: {}", format::percent(*accuracy, 1)));
                    }
                    Some(Baseline::Values { mae }) => {
                        told(ui, &format!("Always the mean: mean absolute error {}", format::number(*mae)));
                    }
                    None => {}
                }
            }
        });
    }
}

/// How many numbers an output is compared with.
fn targets(target: &HeadTarget, data: &Dataset) -> usize {
    match target {
        HeadTarget::Group { columns: Some(columns), .. } => columns.len(),
        HeadTarget::Group { group, .. } => match data.targets.get(*group) {
            Some(Targets::Values { names, .. }) => names.len(),
            _ => 1,
        },
        HeadTarget::Features => data.features(),
    }
}

fn told(ui: &mut Ui, text: &str) {
    ui.add(Label::new(label(ui, text).size(LABEL)).wrap());
}

/// One part of the rows: its score, and its loss.
fn part(ui: &mut Ui, name: &str, hover: String, evaluation: Option<Evaluation>, loss: Option<f64>) {
    let heading = ui.label(label(ui, name));
    if !hover.is_empty() {
        heading.on_hover_text(hover);
    }
    let loss = evaluation.map(|e| e.loss).or(loss);
    let told = loss.map(|loss| format!("loss {}", format::number(loss)));
    let (score, below) = match evaluation.map(|e| e.metrics) {
        Some(Metrics::Classes { accuracy }) => (format::percent(accuracy, 1), told),
        Some(Metrics::Values { r2, mae }) => {
            ui.add(Label::new(RichText::new(format!("R² {}", format::score(r2))).font(semibold(HEADING))).truncate());
            let loss = told.unwrap_or_default();
            ui.label(hint(ui, format!("MAE {}", format::number(mae)))).on_hover_text("Mean absolute error");
            ui.label(hint(ui, loss));
            return;
        }
        None => (loss.map_or_else(|| "–".to_owned(), format::number), loss.map(|_| "loss".to_owned())),
    };
    ui.add(Label::new(RichText::new(score).font(semibold(HEADING))).truncate());
    ui.label(hint(ui, below.unwrap_or_default()));
}

/// How far the test figure may be from that of all rows there could be.
fn interval(test: &FullEvaluation, rows: usize, targets: usize) -> Option<String> {
    let of = format::counted(rows, "test row");
    match (test.evaluation.metrics, test.scores) {
        (Metrics::Classes { accuracy }, _) => {
            let (low, high) = interval_of_share(accuracy, rows);
            let (low, high) = (format::percent(low, 1), format::percent(high, 1));
            Some(format!("95 % interval of the accuracy: {low} to {high} ({of})"))
        }
        (Metrics::Values { mae, .. }, Scores::Values { rmse, .. }) if targets == 1 => {
            let (low, high) = interval_of_mae(mae, rmse, rows)?;
            let (low, high) = (format::number(low), format::number(high));
            Some(format!("95 % interval of the mean absolute error: {low} to {high} ({of})"))
        }
        _ => None,
    }
}
