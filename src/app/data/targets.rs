//! "What should be predicted?": the columns that are predicted, why, and which others could be.

use super::super::theme::{LABEL, tokens};
use super::super::widgets::{choice, hint, label, named, title};
use crate::data::{Column, ColumnKind, ColumnPlan, Table, TargetChoice, Treatment};
use egui::accesskit::Role;
use egui::{Button, Label, Popup, PopupCloseBehavior, RichText, ScrollArea, TextEdit, Ui, vec2};
use std::borrow::Cow;

/// Columns of the list that are shown without a search.
const SHOWN: usize = 300;
/// From this many columns on they can be searched.
const MANY: usize = 15;
/// Classes that are named.
const NAMED: usize = 5;

/// Draws the question with the columns of `chosen`, of which `classes` knows those that are predicted as such; what is chosen
/// instead. It is asked in every frame, and must not count them.
pub fn ui<'a>(
    ui: &mut Ui,
    table: &Table,
    chosen: &[TargetChoice],
    classes: impl Fn(&Column) -> Cow<'a, [String]>,
    reason: Option<&str>,
) -> Option<Vec<TargetChoice>> {
    let mut new = None;
    ui.label(title("What should be predicted?"));
    let text = match chosen {
        [] => "choose a column".to_owned(),
        [(one, _)] => one.clone(),
        several => format!("{} columns", several.len()),
    };
    let mut treated = None;
    ui.horizontal_wrapped(|ui| {
        let button = ui.add(Button::new(format!("{text}  ▼")).truncate().min_size(vec2(120.0, 26.0)));
        let button = named(button, Role::ComboBox, "Columns to predict")
            .on_hover_text("The target: the column that the network learns to predict from the others");
        Popup::menu(&button).close_behavior(PopupCloseBehavior::CloseOnClickOutside).show(|ui| {
            new = list(ui, table, chosen);
        });
        if let [(name, treatment)] = chosen
            && let Some(column) = table.column(name)
        {
            treated = described(ui, column, *treatment, &classes(column)).map(|other| (0, other));
        }
    });
    for (k, (name, treatment)) in chosen.iter().enumerate().filter(|_| chosen.len() > 1) {
        let Some(column) = table.column(name) else { continue };
        ui.horizontal_wrapped(|ui| {
            ui.label(RichText::new(name).size(LABEL).color(tokens(ui).text));
            treated = described(ui, column, *treatment, &classes(column)).map(|other| (k, other)).or(treated);
        });
    }
    if let Some((k, other)) = treated {
        let mut all = chosen.to_vec();
        all[k].1 = other;
        new = Some(all);
    }
    if let Some(reason) = reason {
        ui.add(Label::new(hint(ui, format!("Guessed, because {reason}"))).wrap());
    }
    new
}

/// The columns to choose from: a click on one predicts it alone, a tick adds it.
fn list(ui: &mut Ui, table: &Table, chosen: &[TargetChoice]) -> Option<Vec<TargetChoice>> {
    let mut new = None;
    ui.set_width(260.0);
    let id = ui.scope_id().with("wanted");
    let mut wanted = ui.data_mut(|d| d.get_temp::<String>(id)).unwrap_or_default();
    if table.columns.len() >= MANY {
        let edit = TextEdit::singleline(&mut wanted).hint_text("Search columns").desired_width(f32::INFINITY);
        if named(ui.add(edit), Role::SearchInput, "Search columns to predict").changed() {
            ui.data_mut(|d| d.insert_temp(id, wanted.clone()));
        }
    }
    let wanted = wanted.to_lowercase();
    let fits = |c: &&Column| c.kind() != ColumnKind::Image && c.name.to_lowercase().contains(&wanted);
    ScrollArea::vertical().max_height(320.0).show(ui, |ui| {
        for column in table.columns.iter().filter(fits).take(SHOWN) {
            let name = &column.name;
            let mut on = chosen.iter().any(|(n, _)| n == name);
            ui.horizontal(|ui| {
                let tick = ui.checkbox(&mut on, "").on_hover_text("Predict this column together with the others");
                if named(tick, Role::CheckBox, &format!("Predict {name} too")).changed() {
                    let mut all: Vec<TargetChoice> = chosen.iter().filter(|(n, _)| n != name).cloned().collect();
                    if on {
                        all.push(choice_of(column));
                        all.sort_by_key(|(n, _)| table.columns.iter().position(|c| c.name == *n));
                    }
                    // Something is predicted.
                    new = Some(all).filter(|all| !all.is_empty());
                }
                let row = ui.add(Button::selectable(on, name).truncate());
                if named(row, Role::Button, &format!("Predict {name}")).clicked() {
                    new = Some(vec![choice_of(column)]);
                    ui.close();
                }
                ui.label(hint(ui, column.kind().label()));
            });
        }
        let all = table.columns.iter().filter(fits).count();
        if all > SHOWN {
            ui.label(hint(ui, format!("{} more columns: search for them", all - SHOWN)));
        }
    });
    new
}

fn choice_of(column: &Column) -> TargetChoice {
    (column.name.clone(), ColumnPlan::guess(column, true).treatment)
}

/// What a target is predicted as: its classes, or a number; the other one where it can be that too.
fn described(ui: &mut Ui, column: &Column, treatment: Treatment, classes: &[String]) -> Option<Treatment> {
    let mut new = None;
    ui.spacing_mut().item_spacing.x = 6.0;
    if column.is_number() {
        let text = |t: Treatment| t.predicts().to_owned();
        ui.spacing_mut().combo_width = 90.0;
        let both = [Treatment::OneHot, Treatment::Standardise];
        let now = if treatment == Treatment::OneHot { treatment } else { Treatment::Standardise };
        new = choice(ui, &format!("{} is predicted as", column.name), now, both, text, |a, b| a == b);
    }
    let told = match classes {
        _ if treatment == Treatment::OneHot => classes_in_words(classes),
        _ if column.is_number() => String::new(),
        _ => treatment.predicts().to_owned(),
    };
    ui.add(Label::new(label(ui, told)).wrap());
    new
}

fn classes_in_words(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => format!("1 class: {one}"),
        few if few.len() <= NAMED => format!("{} classes: {}", few.len(), few.join(", ")),
        _ => format!("more than {NAMED} classes"),
    }
}
