//! The faces of the printed sheets, and which of them writes which part of a text.

use super::super::theme::{self, math_font, semibold};
use egui::{FontId, Ui};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Face {
    Regular,
    Semibold,
    Mathematics,
}

impl Face {
    pub(super) const COUNT: usize = 3;

    pub(super) fn of(font: &FontId) -> Self {
        if font.family == math_font(1.0).family {
            Self::Mathematics
        } else if font.family == semibold(1.0).family {
            Self::Semibold
        } else {
            Self::Regular
        }
    }

    pub(super) fn svg(self) -> &'static str {
        match self {
            Self::Regular => "font-family=\"Inter, Helvetica, Arial, sans-serif\"",
            Self::Semibold => "font-family=\"Inter, Helvetica, Arial, sans-serif\" font-weight=\"600\"",
            Self::Mathematics => "font-family=\"STIX Two Math, STIX Two Text, Cambria Math, Times, serif\"",
        }
    }
}

/// Parts of a text that one font can write: what the mathematics font lacks comes from the other, as on screen.
pub(super) fn runs(ui: &Ui, text: &str, font: &FontId) -> Vec<(Face, String)> {
    let face = Face::of(font);
    let alone = theme::math_alone(font.size);
    let mut runs: Vec<(Face, String)> = Vec::new();
    for sign in text.chars() {
        let own = match face {
            Face::Mathematics if !ui.fonts_mut(|f| f.has_glyph(&alone, sign)) => Face::Regular,
            face => face,
        };
        match runs.last_mut() {
            Some((last, run)) if *last == own => run.push(sign),
            _ => runs.push((own, sign.to_string())),
        }
    }
    runs
}
