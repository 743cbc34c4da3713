//! The list of layers that can be added: click to append, drag onto a wire or an empty place.

use super::super::theme::{BODY, HINT, LABEL, regular, semibold, tokens};
use super::super::widgets::named;
use super::super::{icon, widgets::hint};
use crate::nn::LayerKind;
use crate::nn::layers::palette;
use egui::accesskit::Role;
use egui::{Align2, CornerRadius, CursorIcon, Id, Sense, Stroke, StrokeKind, TextEdit, Ui, pos2, vec2};

/// The palette with its search field.
#[derive(Default)]
pub struct Palette {
    search: String,
}

const SEARCH: &str = "palette search";

impl Palette {
    /// Puts the cursor into the search field.
    pub fn focus(ctx: &egui::Context) {
        ctx.memory_mut(|m| m.request_focus(Id::unique(SEARCH)));
    }

    /// Draws the list; returns the layer that was clicked.
    pub fn ui(&mut self, ui: &mut Ui) -> Option<LayerKind> {
        let t = tokens(ui);
        let edit = TextEdit::singleline(&mut self.search)
            .id(Id::unique(SEARCH))
            .hint_text(format!("{}  Search layers   /", icon::SEARCH))
            .desired_width(f32::INFINITY)
            .margin(vec2(8.0, 6.0));
        let response = named(ui.add(edit), Role::SearchInput, "Search layers");
        let entered = response.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
        let words = self.search.to_lowercase();
        let matches = |kind: &LayerKind| {
            let info = kind.info();
            [info.label, info.summary, info.description].iter().any(|text| text.to_lowercase().contains(words.trim()))
        };
        let found: Vec<LayerKind> = palette().into_iter().filter(matches).collect();
        let mut chosen = found.first().filter(|_| entered && !words.is_empty()).cloned();
        if chosen.is_some() {
            self.search.clear();
        }
        let mut group = "";
        for kind in found {
            if kind.info().group != group {
                group = kind.info().group;
                ui.add_space(4.0);
                ui.label(egui::RichText::new(group).size(LABEL).color(t.label));
            }
            if entry(ui, &kind) {
                chosen = Some(kind);
            }
        }
        if ui.min_rect().height() < 80.0 {
            ui.label(hint(ui, "No layer has this in its name or description"));
        }
        chosen
    }
}

fn entry(ui: &mut Ui, kind: &LayerKind) -> bool {
    let t = tokens(ui);
    let info = kind.info();
    let room = ui.available_width() - 38.0;
    let summary = ui.painter().layout(info.summary.to_owned(), regular(HINT), t.label, room);
    let height = 26.0 + summary.size().y;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::click_and_drag());
    let response = named(response, Role::Button, &format!("Add {}", info.label.to_lowercase()));
    response.dnd_set_drag_payload(kind.clone());
    let fill = if response.hovered() || response.has_focus() { ui.visuals().widgets.hovered.bg_fill } else { t.raised };
    let stroke = if response.has_focus() { t.accent } else { t.raised };
    ui.painter().rect(rect, CornerRadius::same(6), fill, Stroke::new(1.0, stroke), StrokeKind::Inside);
    ui.painter().circle_filled(pos2(rect.left() + 16.0, rect.center().y), 4.5, t.accent);
    let at = |y: f32| pos2(rect.left() + 32.0, rect.top() + y);
    ui.painter().text(at(13.0), Align2::LEFT_CENTER, info.label, semibold(BODY), t.text);
    ui.painter().galley(at(22.0), summary, t.label);
    let tip = format!(
        "{}: {}\n\n{}\n\n{}\n\nClick to add it after the selected layer, or drag it onto a wire",
        info.label, info.summary, info.description, info.formula
    );
    response.on_hover_text(tip).on_hover_cursor(CursorIcon::Grab).clicked()
}
