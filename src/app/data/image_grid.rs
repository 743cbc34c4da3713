//! All pictures of a table, as they are or as training augments them.

use super::super::state::{Model, Opened};
use super::super::theme::tokens;
use super::super::widgets::{self, choice, label, named};
use super::scroll::Scroll;
use super::thumbnails::{Thumbnails, extent};
use crate::data::{Augmentation, EncodingKind, Images, Values};
use crate::train::Augmenter;
use egui::accesskit::Role;
use egui::{Align, Layout, Rect, RichText, Sense, Slider, Ui, pos2, vec2};

/// View state of the pictures.
#[derive(Default)]
pub struct ImageGrid {
    of_class: Option<usize>,
    /// Whether pictures are shown augmented, and which random draw.
    changed: bool,
    draw: u64,
    drawn: Option<Augmentation>,
    zoom: f32,
    scroll: Scroll,
}

impl ImageGrid {
    /// Another table is shown.
    pub fn forget(&mut self) {
        *self = Self { zoom: self.zoom, ..Self::default() };
    }

    /// Draws all pictures; the column `labels` says what is on them.
    pub fn ui(
        &mut self,
        ui: &mut Ui,
        model: &Model,
        opened: &Opened,
        labels: Option<usize>,
        thumbnails: &mut Thumbnails,
    ) {
        let table = &opened.loaded.table;
        let Some((k, images)) = table.columns.iter().enumerate().find_map(|(k, c)| match &c.values {
            Values::Images(images) => Some((k, images)),
            _ => None,
        }) else {
            return;
        };
        if self.zoom == 0.0 {
            self.zoom = 64.0;
        }
        let labels = labels.map(|k| &table.columns[k]);
        let classes = labels.and_then(|c| c.classes(200));
        ui.horizontal(|ui| {
            ui.label(label(ui, "Size"));
            let slider = Slider::new(&mut self.zoom, 24.0..=256.0).show_value(false);
            named(ui.add(slider), Role::Slider, "Size of the pictures");
            if let (Some(names), Some(column)) = (&classes, labels) {
                ui.label(label(ui, &column.name));
                let none = usize::MAX;
                let all = std::iter::once(none).chain(0..names.len());
                let text = |k: usize| names.get(k).map_or_else(|| "all".to_owned(), Clone::clone);
                ui.spacing_mut().combo_width = 120.0;
                if let Some(k) = choice(ui, "Shown class", self.of_class.unwrap_or(none), all, text, |a, b| a == b) {
                    self.of_class = Some(k).filter(|&k| k != none);
                    self.scroll = Scroll::default();
                }
            }
            self.changed_choice(ui, model);
        });
        ui.add_space(4.0);
        let mut changed = model.dataset().filter(|_| self.changed).and_then(|d| Some((d, Augmenter::of(d)?)));
        let wanted = self.of_class.and_then(|k| classes.as_ref()?.get(k));
        let shown: Vec<usize> = match (wanted, labels) {
            (Some(name), Some(column)) => (0..table.rows()).filter(|&row| column.order(name, row).is_eq()).collect(),
            _ => (0..table.rows()).collect(),
        };
        let side = self.zoom;
        let (width, height) =
            (side + 8.0, side * images.height as f32 / (images.width.max(images.height)) as f32 + 24.0);
        let whole = ui.available_rect_before_wrap();
        let across = (((whole.width() - 14.0) / width) as usize).max(1);
        let lines = shown.len().div_ceil(across);
        let area = self.scroll.ui(ui, whole, lines, height, "Pictures");
        ui.allocate_rect(whole, Sense::hover());
        let t = tokens(ui);
        let mut child = ui.new_child(egui::UiBuilder::new().max_rect(area));
        child.set_clip_rect(area);
        let (visible, mut top) = self.scroll.visible(area, lines, height);
        for line in visible {
            for (place, &row) in shown.iter().skip(line * across).take(across).enumerate() {
                let rect = Rect::from_min_size(pos2(area.left() + place as f32 * width, top), vec2(side, height - 4.0));
                widgets::at(&mut child, rect, Layout::top_down(Align::Center), |ui| {
                    let place = changed.as_ref().and_then(|(d, _)| d.source_rows.binary_search(&row).ok());
                    match (&mut changed, place) {
                        (Some((data, augmenter)), Some(place)) => {
                            let of = || {
                                let pixels = data.x.row(place).to_vec();
                                let (black, white) = extent(images, row);
                                let range = match data.encoder.features[0].kind {
                                    EncodingKind::Pixels { scale, .. } => (scale.encode(black), scale.encode(white)),
                                    _ => (black, white),
                                };
                                let address = self.draw << 32 | place as u64;
                                let changed = augmenter.changed(&pixels, 0, address);
                                (pixel_by_pixel(&changed, images), range)
                            };
                            thumbnails.show_values(ui, images, ("changed", self.draw as usize, row), row, side, of);
                        }
                        _ => thumbnails.show(ui, images, ("grid", k, row), row, side),
                    }
                    let text = labels.map_or_else(|| (row + 1).to_string(), |c| c.cell(row));
                    ui.add(egui::Label::new(RichText::new(text).size(11.0).color(t.label)).truncate());
                });
            }
            top += height;
        }
    }

    /// The choice between the original pictures and augmented ones.
    fn changed_choice(&mut self, ui: &mut Ui, model: &Model) {
        let Some(how) = model.dataset().and_then(|d| d.augmentation) else { return };
        ui.checkbox(&mut self.changed, "As training sees them")
            .on_hover_text("Shifted, turned and so on at random, as the step \"Augment\" says");
        let again = self.changed && ui.button("Again").on_hover_text("Other random changes").clicked();
        if again || self.drawn.replace(how) != Some(how) {
            self.draw += 1;
        }
    }
}

/// From one channel after the other, as networks take pictures, to one pixel after the other.
fn pixel_by_pixel(planes: &[f32], images: &Images) -> Vec<f64> {
    let places = images.height * images.width;
    let pixel = |k: usize| (0..images.channels).map(move |channel| f64::from(planes[channel * places + k]));
    (0..places).flat_map(pixel).collect()
}
