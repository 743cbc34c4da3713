//! Textures of the weight matrices of wide layers.

use crate::app::picture::weights_image;
use crate::app::state::Model;
use crate::app::theme::Tokens;
use crate::nn::LayerId;
use egui::{TextureHandle, TextureOptions, Ui};
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
        self.textures.retain(|id, _| model.document().network.layer(*id).is_some());
        let Some(plan) = model.snapshot().plan.as_ref().filter(|_| model.is_current()) else { return };
        for p in plan.parameters.iter().filter(|p| p.shape.decayed && p.shape.shape.len() == 2) {
            let Some(values) = source.get(p.range.clone()) else { continue };
            let Some(image) = weights_image(values, &p.shape.shape, t) else { continue };
            match self.textures.get_mut(&p.layer) {
                Some(handle) => handle.set(image, TextureOptions::NEAREST),
                None => {
                    let name = format!("weights {}", p.layer.0);
                    self.textures.insert(p.layer, ui.ctx().load_texture(name, image, TextureOptions::NEAREST));
                }
            }
        }
    }
}
