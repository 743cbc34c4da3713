//! How one column of a file is read: a button in its head that says so, with a menu to choose something else.

use super::super::theme::{HINT, Tokens, tokens};
use super::super::widgets::{hint, pointed};
use super::missing_words;
use crate::data::{Column, ColumnReading, DateOrder, Detected, ReadKind, ReadOptions, Values};
use egui::accesskit::Role;
use egui::{Button, Color32, Popup, PopupCloseBehavior, RichText, Stroke, Ui, WidgetInfo, vec2};

const WIDTH: f32 = 250.0;

/// By whom it was said how a column is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    /// By nobody: the cells say it.
    Nobody,
    /// By the reader, which was in doubt.
    Reader,
    /// By a person.
    Person,
    /// By a person, but the cells do not allow it.
    InVain(ReadKind),
}

/// Draws the button and, where it is open, the menu; what is chosen is set in `new`.
pub fn ui(ui: &mut Ui, column: &Column, found: Option<&Detected>, new: &mut ReadOptions) {
    let name = &column.name;
    let decided = found.and_then(|f| f.options.columns.get(name));
    let Some(kind) = kind_of(column, decided) else {
        ui.label(hint(ui, column.kind().label()));
        return;
    };
    // Rows that were read before a choice do not show it yet.
    let was_tried = |wanted: &ReadKind| decided.is_some_and(|d| d.kind == Some(*wanted));
    let said = match (new.columns.get(name), decided) {
        (Some(own), _) => own.kind.filter(|k| *k != kind && was_tried(k)).map_or(Said::Person, Said::InVain),
        (None, Some(_)) => Said::Reader,
        (None, None) => Said::Nobody,
    };
    let (mark, colour) = said.mark(tokens(ui));
    let text = RichText::new(format!("{mark}{} ▼", kind.label())).size(HINT).color(colour);
    let stroke = Stroke::new(1.0, if matches!(said, Said::Nobody | Said::Reader) { tokens(ui).line } else { colour });
    let button = ui.add(Button::new(text).stroke(stroke).min_size(vec2(0.0, 20.0)).truncate());
    let label = format!("Reading of {name}");
    button.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::ComboBox, true, &label);
        info.current_text_value = Some(format!("{}{}", kind.label(), said.in_a_word()));
        info
    });
    let button = pointed(button.on_hover_text(said.in_words(kind)), &label);
    Popup::menu(&button).close_behavior(PopupCloseBehavior::CloseOnClickOutside).show(|ui| {
        ui.set_width(WIDTH);
        let mut own = new.columns.get(name).cloned().unwrap_or_default();
        menu(ui, column, kind, decided, new, &mut own);
        if own.is_plain() {
            new.columns.remove(name);
        } else {
            new.columns.insert(name.clone(), own);
        }
    });
}

/// What the cells of a column were read as; none for pictures.
fn kind_of(column: &Column, reading: Option<&ColumnReading>) -> Option<ReadKind> {
    let decided = reading.and_then(|r| r.kind);
    match (&column.values, decided) {
        (Values::Numbers(_), Some(ReadKind::Hours)) => Some(ReadKind::Hours),
        (Values::Numbers(_), _) => Some(ReadKind::Number),
        (
            Values::Dates(_),
            Some(kind @ (ReadKind::EpochSeconds | ReadKind::EpochMilliseconds | ReadKind::WorkbookDays)),
        ) => Some(kind),
        (Values::Dates(_), _) => Some(ReadKind::Date),
        (Values::Text(_), Some(ReadKind::Boolean)) => Some(ReadKind::Boolean),
        (Values::Text(_), _) => Some(ReadKind::Text),
        (Values::Images(_), _) => None,
    }
}

fn menu(
    ui: &mut Ui,
    column: &Column,
    kind: ReadKind,
    decided: Option<&ColumnReading>,
    file: &ReadOptions,
    own: &mut ColumnReading,
) {
    // The words for missing values are of no kind.
    let read_as = |own: &mut ColumnReading, kind: Option<ReadKind>| {
        *own = ColumnReading { kind, missing: own.missing.take(), ..ColumnReading::default() };
    };
    let detect = ui.selectable_label(own.kind.is_none(), "detect");
    if detect.on_hover_text("What the cells look like").clicked() {
        read_as(own, None);
        ui.close();
    }
    for other in ReadKind::ALL {
        let entry = ui.selectable_label(own.kind == Some(other), other.label());
        if entry.on_hover_text(about(other)).clicked() {
            read_as(own, Some(other));
            // Of dates the order can be chosen as well.
            if other != ReadKind::Date {
                ui.close();
            }
        }
        if other == ReadKind::Date && own.kind.unwrap_or(kind) == ReadKind::Date {
            let order = own.date_order.or(decided.and_then(|d| d.date_order));
            ui.horizontal(|ui| {
                ui.add_space(12.0);
                for (one, text) in ORDERS {
                    if ui.selectable_label(order == Some(one), RichText::new(text).size(HINT)).clicked() {
                        read_as(own, Some(ReadKind::Date));
                        own.date_order = Some(one);
                    }
                }
            });
        }
    }
    if own.kind.unwrap_or(kind) == ReadKind::Number {
        ui.separator();
        ui.label(hint(ui, "Decimal sign"));
        ui.horizontal(|ui| {
            for (sign, text) in [(None, "as in the file"), (Some(false), "point"), (Some(true), "comma")] {
                if ui.selectable_label(own.decimal_comma == sign, RichText::new(text).size(HINT)).clicked() {
                    own.decimal_comma = sign;
                }
            }
        });
    }
    ui.separator();
    let words = decided.and_then(|d| d.missing.as_deref());
    missing_words::of_column(ui, &column.name, &file.missing_words(), words, &mut own.missing);
}

const ORDERS: [(DateOrder, &str); 4] = [
    (DateOrder::DayFirst, "day first"),
    (DateOrder::MonthFirst, "month first"),
    (DateOrder::YearFirst, "year first"),
    (DateOrder::YearDayFirst, "year, day"),
];

fn about(kind: ReadKind) -> &'static str {
    match kind {
        ReadKind::Number => "Numbers in any notation, with or without a unit",
        ReadKind::Text => "Text as it is written: classes, names, codes such as 01234",
        ReadKind::Date => "Days, with or without a time",
        ReadKind::Hours => "Times of day and lengths of time, in hours",
        ReadKind::Boolean => "True and false in any spelling",
        ReadKind::EpochSeconds => "Dates written as seconds since 1970",
        ReadKind::EpochMilliseconds => "Dates written as milliseconds since 1970",
        ReadKind::WorkbookDays => "Dates written as days since 1900, as workbooks count them",
    }
}

impl Said {
    fn mark(self, t: &Tokens) -> (&'static str, Color32) {
        match self {
            Self::Nobody => ("", t.label),
            Self::Reader => ("○ ", t.text),
            Self::Person => ("● ", t.accent),
            Self::InVain(_) => ("● ", t.problem),
        }
    }

    fn in_a_word(self) -> &'static str {
        match self {
            Self::Nobody => "",
            Self::Reader => ", decided",
            Self::Person | Self::InVain(_) => ", set",
        }
    }

    fn in_words(self, kind: ReadKind) -> String {
        let kind = kind.label();
        match self {
            Self::Nobody => format!("Read as {kind}. A click changes that"),
            Self::Reader => format!(
                "○ Read as {kind}: this was decided from the cells and is kept with the data. A click changes it"
            ),
            Self::Person => format!(
                "● Read as {kind}: how the column is read was set, and is kept with the data. A click changes it"
            ),
            Self::InVain(wanted) => format!(
                "● Set to {}, but its cells do not allow that: it is read as {kind}. A click changes it",
                wanted.label()
            ),
        }
    }
}
