//! Textures of the weight matrices of wide layers.

use crate::app::picture::weights_image;
use crate::app::state::Model;
use crate::app::theme::Tokens;
use crate::nn::{LayerId, Parameter, Plan};
use egui::{ColorImage, Context, TextureHandle, TextureOptions, Ui};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the lines between neurons show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lines {
    #[default]
    Weights,
    Gradients,
}

/// A texture for each weight matrix.
#[derive(Default)]
pub struct Matrices {
    textures: BTreeMap<LayerId, TextureHandle>,
    /// What the textures were drawn from: the values, the dark theme or the light one, weights or gradients.
    of: (Arc<Vec<f32>>, bool, Lines),
}

impl Matrices {
    /// The picture of a layer's weights.
    pub fn texture(&self, layer: LayerId) -> Option<egui::TextureId> {
        Some(self.textures.get(&layer)?.id())
    }

    /// Redraws the textures if values, theme or choice changed.
    pub fn refresh(&mut self, ui: &Ui, model: &Model, lines: Lines, t: &Tokens) {
        let dark = ui.visuals().dark_mode;
        let source = match lines {
            Lines::Weights => &model.snapshot().params,
            Lines::Gradients => &model.snapshot().grads,
        };
        let (seen, seen_dark, seen_lines) = &self.of;
        if Arc::ptr_eq(seen, source) && *seen_dark == dark && *seen_lines == lines {
            return;
        }
        self.of = (Arc::clone(source), dark, lines);
        let plan = model.snapshot().plan.as_ref().filter(|_| model.is_current());
        self.take(ui.ctx(), plan.map(|plan| images(plan, source, t)).unwrap_or_default());
    }

    /// Shows these pictures, and none of layers that have none, such as those of another network.
    fn take(&mut self, ctx: &Context, images: BTreeMap<LayerId, ColorImage>) {
        self.textures.retain(|id, _| images.contains_key(id));
        for (id, image) in images {
            match self.textures.get_mut(&id) {
                Some(handle) => handle.set(image, TextureOptions::NEAREST),
                None => {
                    let name = format!("weights {}", id.0);
                    self.textures.insert(id, ctx.load_texture(name, image, TextureOptions::NEAREST));
                }
            }
        }
    }
}

/// The pictures of all weight matrices.
fn images(plan: &Plan, values: &[f32], t: &Tokens) -> BTreeMap<LayerId, ColorImage> {
    let matrices = plan.parameters.iter().filter(|p| p.shape.decayed && p.shape.shape.len() == 2);
    let image = |p: &Parameter| Some((p.layer, weights_image(values.get(p.range.clone())?, &p.shape.shape, t)?));
    matrices.filter_map(image).collect()
}

#[cfg(test)]
mod tests {
    use super::Matrices;
    use crate::nn::LayerId;
    use egui::{Color32, ColorImage, Context};

    #[test]
    fn a_layer_without_weights_does_not_keep_the_picture_of_another_network() {
        let ctx = Context::default();
        let mut matrices = Matrices::default();
        let image = || ColorImage::filled([2, 2], Color32::WHITE);
        matrices.take(&ctx, [(LayerId(1), image()), (LayerId(2), image())].into());
        matrices.take(&ctx, [(LayerId(2), image())].into());
        assert!(matrices.texture(LayerId(1)).is_none() && matrices.texture(LayerId(2)).is_some());
        matrices.take(&ctx, [].into());
        assert!(matrices.texture(LayerId(2)).is_none());
    }
}
