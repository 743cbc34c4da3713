//! Small pictures of rows as textures, a bounded number of them.

use super::super::state::Opened;
use super::super::widgets::named;
use crate::data::{Images, Numbers};
use egui::accesskit::Role;
use egui::{Color32, ColorImage, Image, TextureHandle, TextureOptions, Ui, Vec2};
use std::collections::HashMap;
use std::sync::{Arc, Weak};

/// Textures that are kept.
const KEPT: usize = 2000;

/// Which picture: of what, in which column, in which row.
type Key = (&'static str, usize, usize);

#[derive(Default)]
pub struct Thumbnails {
    textures: HashMap<Key, TextureHandle>,
    of: Owner,
}

/// What the pictures are of. While it points at a table, no other one can have the same address.
#[derive(Default)]
enum Owner {
    #[default]
    Nothing,
    Table(Weak<Opened>),
    /// A file that is looked at, and how it is read.
    Preview(String),
}

impl Thumbnails {
    /// A table is shown; pictures of something else are forgotten.
    pub fn of_table(&mut self, table: &Arc<Opened>) {
        if !matches!(&self.of, Owner::Table(shown) if std::ptr::eq(shown.as_ptr(), Arc::as_ptr(table))) {
            self.textures.clear();
            self.of = Owner::Table(Arc::downgrade(table));
        }
    }

    /// A file is looked at in a way; pictures of something else are forgotten.
    pub fn of_preview(&mut self, file: String) {
        if !matches!(&self.of, Owner::Preview(shown) if *shown == file) {
            self.textures.clear();
            self.of = Owner::Preview(file);
        }
    }

    /// Draws picture `row` of `images` with its longer side of `side` points.
    pub fn show(&mut self, ui: &mut Ui, images: &Images, key: Key, row: usize, side: f32) {
        self.show_values(ui, images, key, row, side, || (images.picture(row).collect(), extent(images, row)));
    }

    /// The same for other values of an image like those of `images`, with the values for black and white.
    pub fn show_values(
        &mut self,
        ui: &mut Ui,
        images: &Images,
        key: Key,
        row: usize,
        side: f32,
        values: impl FnOnce() -> (Vec<f64>, (f64, f64)),
    ) {
        if self.textures.len() > KEPT {
            self.textures.clear();
        }
        let texture = self.textures.entry(key).or_insert_with(|| {
            let (values, range) = values();
            ui.ctx().load_texture(format!("picture {key:?}"), pixels(images, &values, range), TextureOptions::NEAREST)
        });
        let (width, height) = (images.width as f32, images.height as f32);
        let scale = side / width.max(height);
        let image = Image::new((texture.id(), Vec2::new(width * scale, height * scale)));
        named(ui.add(image), Role::Image, &format!("Picture {}", row + 1));
    }
}

/// The values for black and white: 0 and 255 for bytes, else the smallest and the largest value of the picture.
pub fn extent(images: &Images, row: usize) -> (f64, f64) {
    match &images.pixels {
        Numbers::Bytes(_) if images.picture(row).any(|v| v > 16.0) => (0.0, 255.0),
        _ => images.picture(row).fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v))),
    }
}

/// Values as shades from black to white, pixel by pixel.
fn pixels(images: &Images, values: &[f64], (low, high): (f64, f64)) -> ColorImage {
    let shade = |v: f64| ((v - low) / (high - low).max(1e-12) * 255.0) as u8;
    let colour = |pixel: &[f64]| match pixel {
        [r, g, b, ..] => Color32::from_rgb(shade(*r), shade(*g), shade(*b)),
        [grey, ..] => Color32::from_gray(shade(*grey)),
        [] => Color32::BLACK,
    };
    let pixels = values.chunks_exact(images.channels.max(1)).map(colour).collect();
    ColorImage::new([images.width, images.height], pixels)
}

#[cfg(test)]
mod tests {
    use super::{Opened, Thumbnails};
    use crate::data::{DataSource, Reading};
    use egui::{Color32, ColorImage, Context, TextureOptions};
    use std::sync::Arc;

    /// A new table may lie where an old one lay.
    #[test]
    fn pictures_of_a_table_that_is_gone_are_never_shown_for_another() {
        let ctx = Context::default();
        let mut thumbnails = Thumbnails::default();
        for _ in 0..20 {
            let source = DataSource::Builtin { name: "iris".to_owned() };
            let table = Arc::new(Opened::read(source, &Reading::default()).expect("is built in"));
            thumbnails.of_table(&table);
            assert!(thumbnails.textures.is_empty());
            let image = ColorImage::new([1, 1], vec![Color32::WHITE]);
            thumbnails.textures.insert(("grid", 0, 0), ctx.load_texture("one", image, TextureOptions::NEAREST));
            thumbnails.of_table(&table);
            assert_eq!(thumbnails.textures.len(), 1);
        }
    }
}
