//! The confusion matrix of the test rows: true classes down, predicted ones across.

use super::super::state::Model;
use super::super::theme::{HINT, LABEL, Tokens, ink_on, mix, regular, semibold};
use super::super::widgets::{at, centred, hint, named};
use crate::format;
use crate::train::{Confusion, Scores};
use egui::accesskit::Role;
use egui::{Align, Align2, Layout, Rect, Sense, Ui, pos2, vec2};

/// Room for the names of the true classes, and of the predicted ones.
const SIDE: f32 = 74.0;
const TOP: f32 = 20.0;
const FOOT: f32 = 38.0;
/// Smaller cells are not seen.
const LEAST: f32 = 3.0;

/// Draws the matrix into the rest of the tile.
pub fn ui(ui: &mut Ui, model: &Model, t: &Tokens) {
    let rect = ui.available_rect_before_wrap();
    let shown = model.test().and_then(|t| Some((t.confusion.as_ref()?, model.class_names(t.layer))));
    let Some((confusion, names)) = shown.filter(|(confusion, names)| confusion.classes == names.len()) else {
        return centred(ui, rect, "Nothing yet", "It comes with the first look at the test rows");
    };
    let k = confusion.classes.max(1);
    let room = Rect::from_min_max(rect.min + vec2(SIDE, TOP), rect.max - vec2(0.0, FOOT));
    let cell = (room.width() / k as f32).min(room.height() / k as f32);
    let grid = Rect::from_min_size(pos2(room.left(), room.top()), vec2(cell, cell) * k as f32);
    if confusion.has_matrix() && cell >= LEAST {
        matrix(ui, rect, grid, confusion, &names, t);
    } else {
        hardest(ui, room.with_min_x(rect.left()).with_min_y(rect.top()), confusion, &names, t);
    }
    if let Some(Scores::Classes { balanced_accuracy, f1_macro, top_k, roc_auc, log_loss, .. }) =
        model.test().map(|t| t.scores)
    {
        let foot = Rect::from_min_max(pos2(rect.left(), rect.bottom() - FOOT), rect.max);
        let more = [
            roc_auc.map(|area| format!("ROC AUC {area:.3}")),
            log_loss.map(|loss| format!("log loss {loss:.3}")),
            top_k.map(|top| format!("top {} {}", top.k, format::percent(top.accuracy, 1))),
        ];
        let first = format!("balanced accuracy {}, macro F1 {f1_macro:.3}", format::percent(balanced_accuracy, 1));
        let second = more.into_iter().flatten().collect::<Vec<_>>().join(", ");
        at(ui, foot.translate(vec2(0.0, 4.0)), Layout::top_down(Align::Min), |ui| {
            ui.spacing_mut().item_spacing.y = 1.0;
            ui.add(egui::Label::new(hint(ui, first)).truncate());
            ui.add(egui::Label::new(hint(ui, second)).truncate());
        });
    }
}

/// The matrix itself in the square `grid` of the tile.
fn matrix(ui: &mut Ui, rect: Rect, grid: Rect, confusion: &Confusion, names: &[String], t: &Tokens) {
    let k = confusion.classes.max(1);
    let cell = grid.width() / k as f32;
    let gap = if cell > 12.0 { 1.0 } else { 0.0 };
    for truth in 0..k {
        let support = confusion.support(truth).max(1) as f32;
        for predicted in 0..k {
            let count = confusion.count(truth, predicted);
            let corner = grid.min + vec2(predicted as f32, truth as f32) * cell;
            let place = Rect::from_min_size(corner, vec2(cell, cell)).shrink(gap);
            let end = if truth == predicted { t.positive } else { t.negative };
            let fill = mix(t.zero, end, count as f32 / support);
            ui.painter().rect_filled(place, if cell > 24.0 { 4.0 } else { 0.0 }, fill);
            if cell > 17.0 && (count > 0 || cell > 30.0) {
                let size = (cell * 0.34).clamp(9.0, 18.0);
                ui.painter().text(place.center(), Align2::CENTER_CENTER, count, semibold(size), ink_on(fill));
            }
        }
    }
    let step = (14.0 / cell).ceil().max(1.0) as usize;
    for (class, name) in names.iter().enumerate().step_by(step) {
        let middle = (class as f32 + 0.5) * cell;
        let beside = Rect::from_min_size(pos2(rect.left(), grid.top() + middle - 8.0), vec2(SIDE - 8.0, 16.0));
        let text =
            |ui: &mut Ui| ui.add(egui::Label::new(egui::RichText::new(name).size(HINT).color(t.label)).truncate());
        at(ui, beside, Layout::right_to_left(Align::Center), text);
        let wide = cell * step as f32 - 4.0;
        let above = Rect::from_center_size(pos2(grid.left() + middle, rect.top() + TOP / 2.0), vec2(wide, 16.0));
        let centred = Layout::centered_and_justified(egui::Direction::LeftToRight);
        at(ui, above, centred, text);
    }
    let response = ui.interact(grid, ui.scope_id().with("confusion"), Sense::hover());
    let response = named(response, Role::Image, "Confusion matrix of the test rows");
    if let Some(p) = response.hover_pos() {
        let index = |v: f32| ((v / cell).max(0.0) as usize).min(k - 1);
        let (truth, predicted) = (index(p.y - grid.top()), index(p.x - grid.left()));
        let count = confusion.count(truth, predicted);
        let share = format::percent(f64::from(count) / confusion.support(truth).max(1) as f64, 0);
        let (precision, recall, f1) = confusion.of_class(truth);
        let text = format!(
            "true {}, predicted {}: {count} rows, {share}\n{}: precision {precision:.3}, recall {recall:.3}, F1 {f1:.3}",
            names[truth], names[predicted], names[truth]
        );
        response.on_hover_text_at_pointer(text);
    }
    ui.painter().text(
        pos2(rect.left(), rect.top() + TOP / 2.0),
        Align2::LEFT_CENTER,
        "true ↓",
        regular(LABEL - 1.5),
        t.hint,
    );
}

/// Where the matrix would be too fine to be seen: the classes with the most wrong predictions.
fn hardest(ui: &mut Ui, rect: Rect, confusion: &Confusion, names: &[String], t: &Tokens) {
    const LINE: f32 = 18.0;
    let wrong = |k: &usize| confusion.of[*k].support - confusion.of[*k].hits;
    let mut worst: Vec<usize> = (0..confusion.classes).filter(|k| wrong(k) > 0).collect();
    worst.sort_by_key(|k| std::cmp::Reverse(wrong(k)));
    let shown = ((rect.height() / LINE) as usize).saturating_sub(2);
    at(ui, rect, Layout::top_down(Align::Min), |ui| {
        ui.spacing_mut().item_spacing.y = 1.0;
        let text = format!(
            "{} classes, {} of them with wrong predictions; the most wrong first",
            format::count(confusion.classes as u128),
            format::count(worst.len() as u128)
        );
        let line = ui.add(egui::Label::new(hint(ui, text.as_str())).wrap());
        named(line, Role::Label, &text);
        for &k in worst.iter().take(shown) {
            let text = format!("{}: {} of {} correct", names[k], confusion.of[k].hits, confusion.of[k].support);
            ui.add(egui::Label::new(egui::RichText::new(text).size(HINT).color(t.text)).truncate());
        }
    });
}
