//! What a reader guessed, left out or converted, each with its other readings beside it.

use super::super::theme::{LABEL, tokens};
use super::super::widgets::hint;
use crate::app::widgets::FollowFocus as _;
use crate::data::{Note, ReadOptions};
use crate::format;
use egui::{Label, RichText, ScrollArea, Ui};

/// Notes that are shown at first.
const MANY: usize = 100;

/// Draws the notes in at most `height`; returns the options of another reading that was clicked.
pub fn ui(ui: &mut Ui, notes: &[Note], height: f32) -> Option<ReadOptions> {
    let mut chosen = None;
    let id = ui.scope_id().with("all notes");
    let mut all = ui.data(|d| d.get_temp(id)).unwrap_or(false);
    // Many are scrolled, so that what is below them stays in sight.
    let scroll = ScrollArea::vertical().id_salt("notes").max_height(height).auto_shrink([false, true]);
    scroll.show_with_focus(ui, |ui| {
        ui.spacing_mut().interact_size.y = 18.0;
        ui.spacing_mut().item_spacing.y = 4.0;
        for note in &notes[..if all { notes.len() } else { notes.len().min(MANY) }] {
            ui.horizontal_wrapped(|ui| {
                ui.add(Label::new(RichText::new(&note.text).size(LABEL).color(tokens(ui).negative)).wrap());
                for offer in &note.offers {
                    if ui.small_button(&offer.label).clicked() {
                        chosen = Some(offer.options.clone());
                    }
                }
            });
        }
        if notes.len() > MANY && !all {
            ui.horizontal(|ui| {
                ui.label(hint(ui, format!("{} more", format::counted(notes.len() - MANY, "note"))));
                if ui.small_button("Show all notes").clicked() {
                    all = true;
                }
            });
        }
    });
    ui.data_mut(|d| d.insert_temp(id, all));
    chosen
}
