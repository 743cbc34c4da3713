//! The menu that puts a step on paper: which layers and units, blanks or solutions, PDF or SVG.

use super::super::dialogs::Question;
use super::super::state::Model;
use super::super::widgets::{hint, label, named};
use super::current::{Current, Units, all_stops, shown};
use super::worksheet::{Edition, Sheet, sheet, tells};
use crate::explain::{Depth, Stop};
use crate::format;
use crate::nn::LayerId;
use egui::accesskit::Role;
use egui::containers::menu::{MenuButton, MenuConfig};
use egui::{Grid, PopupCloseBehavior, ScrollArea, TextEdit, Ui};
use std::collections::{BTreeMap, BTreeSet};

/// Which layers and units are printed.
#[derive(Default)]
pub struct Print {
    /// The document that the choice belongs to.
    opened: u64,
    left_out: BTreeSet<LayerId>,
    /// Units as a person writes them, such as "1, 3-5"; empty for those that are drawn.
    units: BTreeMap<LayerId, String>,
}

impl Print {
    /// The button and what it opens.
    pub fn ui(&mut self, ui: &mut Ui, model: &Model, current: &Current) {
        if self.opened != model.opened() {
            *self = Self { opened: model.opened(), ..Self::default() };
        }
        let drawn = shown(model);
        let mut wanted = None;
        let config = MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside);
        let (button, _) = MenuButton::new("Worksheet").config(config).ui(ui, |ui| {
            ui.set_max_width(360.0);
            self.layers(ui, current, &drawn);
            ui.separator();
            let (chosen, wrong) = self.chosen(current, &drawn);
            let stops = self.stops(current, &chosen);
            let said = match &wrong {
                Some(wrong) => wrong.clone(),
                None if stops.is_empty() => "Nothing is chosen".to_owned(),
                None => format!("{} on paper", format::counted(stops.len(), "stop")),
            };
            ui.label(hint(ui, said));
            ui.add_enabled_ui(wrong.is_none() && !stops.is_empty(), |ui| {
                for (text, edition, ending) in [
                    ("Worksheet as PDF…", Edition::Students, "pdf"),
                    ("Solutions as PDF…", Edition::Solutions, "pdf"),
                    ("Worksheet as SVG…", Edition::Students, "svg"),
                    ("Solutions as SVG…", Edition::Solutions, "svg"),
                ] {
                    let button = ui.button(text);
                    let button = if ending == "svg" { button.on_hover_text("One file for each page") } else { button };
                    if button.clicked() {
                        wanted = Some((edition, ending, stops.clone(), chosen.clone()));
                        ui.close();
                    }
                }
            });
        });
        button.on_hover_text("This step on paper: formulas with blanks for the class, and the solutions");
        let Some((edition, ending, stops, units)) = wanted else { return };
        let sheet = sheet(ui, current, &stops, &units, &model.document().name, edition);
        save(ui, model, &sheet, edition, ending);
    }

    /// Layers that compute something, each with the units that are printed.
    fn layers(&mut self, ui: &mut Ui, current: &Current, drawn: &Units) {
        ui.label(label(ui, "Layers and units on paper"));
        let trace = &current.recorded.trace;
        let everything = all_stops(trace, Depth::Neuron, drawn);
        let has_stops = |id| everything.iter().any(|s| s.layer == Some(id) && tells(trace, s));
        let layers: Vec<LayerId> = trace.plan.order.iter().copied().filter(|&id| has_stops(id)).collect();
        ScrollArea::vertical().max_height(280.0).show(ui, |ui| {
            Grid::new("layers on paper").num_columns(2).spacing([12.0, 4.0]).show(ui, |ui| {
                for id in layers {
                    let name = trace.spec.name(id);
                    let mut on = !self.left_out.contains(&id);
                    let tick = ui.checkbox(&mut on, &name);
                    if named(tick, Role::CheckBox, &format!("{name} on paper")).changed() {
                        if on {
                            self.left_out.remove(&id)
                        } else {
                            self.left_out.insert(id)
                        };
                    }
                    let units = trace.layer_values(id).map_or(0, |(_, a)| a.nrows());
                    if units > 1 {
                        let drawn = drawn.get(&id).map_or(0, Vec::len);
                        let text = self.units.entry(id).or_default();
                        let empty = if drawn < units { format!("{drawn} of {units}") } else { format!("all {units}") };
                        let edit = TextEdit::singleline(text)
                            .hint_text(empty)
                            .desired_width(110.0)
                            .align(egui::Align2::LEFT_CENTER);
                        named(ui.add_enabled(on, edit), Role::TextInput, &format!("Units of {name}"))
                            .on_hover_text("Numbers of units, such as 1, 3-5. Empty: those that are drawn");
                    }
                    ui.end_row();
                }
            });
        });
    }

    /// The units of all layers, and what is wrong with the text of one.
    fn chosen(&self, current: &Current, drawn: &Units) -> (Units, Option<String>) {
        let trace = &current.recorded.trace;
        let mut wrong = None;
        let mut chosen = drawn.clone();
        for (&id, text) in self.units.iter().filter(|(id, text)| !text.trim().is_empty() && !self.left_out.contains(id))
        {
            let units = trace.layer_values(id).map_or(0, |(_, a)| a.nrows());
            match numbers(text, units) {
                Some(numbers) => {
                    chosen.insert(id, numbers);
                }
                None => {
                    wrong = Some(format!(
                        "Units of {}: write numbers from 1 to {units}, such as 1, 3-5",
                        trace.spec.name(id)
                    ));
                }
            }
        }
        (chosen, wrong)
    }

    fn stops(&self, current: &Current, units: &Units) -> Vec<Stop> {
        let trace = &current.recorded.trace;
        let all = all_stops(trace, Depth::Neuron, units);
        let taken = |s: &Stop| s.layer.is_none_or(|id| !self.left_out.contains(&id)) && tells(trace, s);
        all.into_iter().filter(taken).collect()
    }
}

/// "1, 3-5" as 0, 2, 3 and 4; none if one is no number from 1 to `units`.
fn numbers(text: &str, units: usize) -> Option<Vec<usize>> {
    let one = |text: &str| text.trim().parse::<usize>().ok().filter(|n| (1..=units).contains(n));
    let mut found = BTreeSet::new();
    for part in text.split([',', ';']).filter(|p| !p.trim().is_empty()) {
        let (from, to) = part.split_once(['-', '–', '…']).unwrap_or((part, part));
        let (from, to) = (one(from)?, one(to)?);
        if from > to {
            return None;
        }
        found.extend(from - 1..to);
    }
    Some(found.into_iter().collect::<Vec<_>>()).filter(|f| !f.is_empty())
}

fn save(ui: &Ui, model: &Model, sheet: &Sheet, edition: Edition, ending: &'static str) {
    let parts = if ending == "pdf" { sheet.pdf(ui).map(|pdf| vec![pdf]) } else { Ok(sheet.svg()) };
    let (name, title) = match edition {
        Edition::Students => ("worksheet", "Save worksheet"),
        Edition::Solutions => ("solutions", "Save solutions"),
    };
    match parts {
        Ok(parts) => model.ask(Question::SaveFile {
            title,
            suggestion: format!("{name}.{ending}"),
            kind: (if ending == "pdf" { "PDF" } else { "SVG pictures" }, ending),
            parts: parts.into_iter().map(Into::into).collect(),
        }),
        Err(why) => model.problem(format!("The sheet could not be written: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn units_are_chosen_by_their_numbers() {
        assert_eq!(numbers("1, 3-5", 8), Some(vec![0, 2, 3, 4]));
        assert_eq!(numbers(" 2 ; 2–3", 3), Some(vec![1, 2]));
        for wrong in ["0", "9", "5-3", "a", "1,,x", "-", ","] {
            assert_eq!(numbers(wrong, 8), None, "{wrong}");
        }
    }
}
