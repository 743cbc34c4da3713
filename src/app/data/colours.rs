//! The colours of rows, by the values of a column.

use super::super::theme::{LABEL, Tokens, mix, tokens};
use super::super::widgets::label;
use crate::data::{Column, ColumnKind};
use crate::format;
use egui::{Color32, RichText, Ui};

/// Classes that have a colour of their own.
pub const COLOURED: usize = 20;

/// How rows are coloured: by a column.
pub enum Colours {
    Classes(Vec<String>),
    Numbers { low: f64, high: f64 },
    One,
}

impl Colours {
    pub fn of(column: Option<&Column>) -> Self {
        let Some(column) = column else { return Self::One };
        if let Some(names) = column.classes(COLOURED).filter(|_| column.kind() != ColumnKind::Image) {
            return Self::Classes(names);
        }
        if column.kind() == ColumnKind::Number {
            let finite = (0..column.len()).map(|row| column.number(row)).filter(|v| v.is_finite());
            let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
            return Self::Numbers { low, high };
        }
        Self::One
    }

    /// The colour of a row.
    pub fn colour(&self, column: Option<&Column>, row: usize, t: &Tokens) -> Color32 {
        match (self, column) {
            (Self::Classes(names), Some(column)) if !column.is_missing(row) => {
                names.binary_search_by(|n| column.order(n, row)).map_or(t.hint, |k| t.class(k))
            }
            (Self::Classes(_), _) => t.hint,
            (Self::Numbers { low, high }, Some(column)) => {
                let share = (column.number(row) - low) / (high - low).max(1e-300);
                // A few shades only, since each shade is a series of the plot.
                let share = (share * 12.0).round() / 12.0;
                if share.is_nan() { t.hint } else { mix(t.negative, t.positive, share as f32) }
            }
            _ => t.positive,
        }
    }

    /// Draws the legend.
    pub fn legend(&self, ui: &mut Ui, column: Option<&Column>) {
        let t = tokens(ui);
        ui.horizontal_wrapped(|ui| match self {
            Self::Classes(names) => {
                for (k, name) in names.iter().enumerate() {
                    ui.label(RichText::new(format!("● {name}")).size(LABEL).color(t.class(k)));
                }
            }
            Self::Numbers { low, high } => {
                let name = column.map_or("", |c| c.name.as_str());
                ui.label(label(ui, format!("{name} from")));
                ui.label(RichText::new(format!("● {}", format::brief(*low))).size(LABEL).color(t.negative));
                ui.label(label(ui, "to"));
                ui.label(RichText::new(format!("● {}", format::brief(*high))).size(LABEL).color(t.positive));
            }
            Self::One => {}
        });
    }
}
