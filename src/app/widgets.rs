//! Small pieces that several screens share.

use super::keyboard::{self, ScrollKey};
use super::theme::{self, HINT, LABEL, RADIUS_CARD, SPACE, TITLE, Tokens, semibold, tokens};
use crate::format;
use egui::accesskit::Role;
use egui::scroll_area::ScrollAreaOutput;
use egui::{
    Align, Align2, Button, Color32, CornerRadius, DragValue, Frame, Key, Layout, Margin, Pos2, Rect, Response,
    RichText, ScrollArea, Sense, Stroke, StrokeKind, TextEdit, TextStyle, Ui, UiBuilder, Vec2, WidgetInfo, pos2, vec2,
};
use egui_plot::{AxisHints, GridInput, GridMark, Plot};
use std::ops::RangeInclusive;

/// Semibold text of a title's size.
pub fn title(text: &str) -> RichText {
    RichText::new(text).font(semibold(TITLE))
}

/// A tile's title, and quiet words on the right.
pub fn heading(ui: &mut Ui, name: &str, more: &str) {
    ui.horizontal(|ui| {
        ui.label(title(name));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add(egui::Label::new(hint(ui, more)).truncate());
        });
    });
}

/// Quiet text beside a value.
pub fn label(ui: &Ui, text: impl Into<String>) -> RichText {
    RichText::new(text).size(LABEL).color(tokens(ui).label)
}

/// Text of the least contrast, for what need not be read.
pub fn hint(ui: &Ui, text: impl Into<String>) -> RichText {
    RichText::new(text).size(HINT).color(tokens(ui).hint)
}

/// A card on the background.
pub fn card(ui: &Ui) -> Frame {
    let t = tokens(ui);
    Frame::new()
        .fill(t.panel)
        .stroke(Stroke::new(1.0, t.line))
        .corner_radius(CornerRadius::same(RADIUS_CARD))
        .inner_margin(Margin::same(12))
}

/// A button that is only an icon; `name` is what it is called.
pub fn icon_button(ui: &mut Ui, icon: &str, name: &str, hover: &str, enabled: bool) -> Response {
    let button = Button::new(RichText::new(icon).size(16.0)).min_size(vec2(30.0, 30.0)).frame_when_inactive(false);
    let response = ui.add_enabled(enabled, button);
    response.widget_info(|| WidgetInfo::labeled(Role::Button, enabled, name));
    let text = if hover.is_empty() { name.to_owned() } else { format!("{name}  ({hover})") };
    pointed(response.on_hover_text(&text).on_disabled_hover_text(text), name)
}

fn segmented_size<'a>(ui: &Ui, words: impl Iterator<Item = &'a str>) -> Vec2 {
    let padding = 2.0 * ui.spacing().button_padding.x;
    let width = |text: &str| {
        let galley = ui.painter().layout_no_wrap(text.to_owned(), theme::regular(LABEL), Color32::PLACEHOLDER);
        galley.size().x + padding
    };
    vec2(words.map(width).sum(), 28.0)
}

/// A choice of a few words side by side.
pub fn segmented<A: Copy + PartialEq>(ui: &mut Ui, value: &mut A, choices: &[(A, &str, &str)]) -> bool {
    let t = tokens(ui);
    let mut changed = false;
    Frame::new().fill(t.background).stroke(Stroke::new(1.0, t.line)).corner_radius(CornerRadius::same(5)).show(
        ui,
        |ui| {
            ui.spacing_mut().item_spacing.x = 0.0;
            // In reading order, for the eye and for the keyboard, also where the layout runs from the right.
            let size = segmented_size(ui, choices.iter().map(|c| c.1));
            ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
                for (choice, text, hover) in choices {
                    let selected = value == choice;
                    let colour = if selected { t.text } else { t.label };
                    let button = Button::new(RichText::new(*text).size(LABEL).color(colour))
                        .fill(if selected { t.raised } else { Color32::TRANSPARENT })
                        .stroke(Stroke::NONE)
                        .min_size(vec2(0.0, 24.0))
                        .selected(selected);
                    if pointed(ui.add(button), text).on_hover_text(*hover).clicked() {
                        *value = *choice;
                        changed = true;
                    }
                }
            });
        },
    );
    changed
}

/// A ring around what has the keyboard focus, whatever it is: at the end of a frame, over all that was painted.
pub fn focus_ring(ctx: &egui::Context) {
    let focused = ctx.memory(egui::Memory::focused).and_then(|id| ctx.read_response(id));
    let Some(response) = focused.filter(|r| r.interact_rect.is_positive()) else { return };
    let t = theme::tokens_of(ctx);
    let rect = response.interact_rect.expand(1.5).intersect(ctx.content_rect().shrink(1.0));
    let painter = ctx.layer_painter(response.layer_id);
    // Seen on the accent too.
    painter.rect_stroke(rect, FOCUS_RADIUS, Stroke::new(3.5, t.background), StrokeKind::Middle);
    painter.rect_stroke(rect, FOCUS_RADIUS, Stroke::new(FOCUS_WIDTH, t.accent), StrokeKind::Middle);
}

/// Scroll areas that go with the keyboard focus.
pub trait FollowFocus {
    fn show_with_focus<R>(self, ui: &mut Ui, add: impl FnOnce(&mut Ui) -> R) -> ScrollAreaOutput<R>;
}

impl FollowFocus for ScrollArea {
    fn show_with_focus<R>(self, ui: &mut Ui, add: impl FnOnce(&mut Ui) -> R) -> ScrollAreaOutput<R> {
        self.show(ui, |ui| {
            let result = add(ui);
            follow_focus(ui);
            result
        })
    }
}

/// At the end of what a scroll area holds: scrolls to what has got the focus.
pub fn follow_focus(ui: &Ui) {
    let focused = ui.memory(egui::Memory::focused).and_then(|id| ui.ctx().read_response(id));
    if let Some(response) = focused.filter(|r| r.gained_focus() && r.layer_id == ui.layer_id())
        && ui.min_rect().contains(response.rect.center())
        && !ui.clip_rect().contains_rect(response.rect)
        // What lies behind the edge of the area but can be seen belongs to something else.
        && (!response.interact_rect.is_positive() || ui.clip_rect().contains_rect(response.interact_rect))
    {
        ui.scroll_to_rect_animation(response.rect, None, egui::style::ScrollAnimation::none());
    }
}

/// Width of the line around what has the focus.
pub const FOCUS_WIDTH: f32 = 2.25;
const FOCUS_RADIUS: f32 = 5.0;

/// Widgets at the right end of a line, made from left to right: the keyboard focus goes in the order in which they are made.
pub fn at_right<R>(ui: &mut Ui, name: &str, add: impl FnOnce(&mut Ui) -> R) -> R {
    let id = ui.scope_id().with(("at right", name));
    let known: Option<f32> = ui.ctx().data(|d| d.get_temp(id));
    let room = ui.available_rect_before_wrap();
    let left = (room.right() - known.unwrap_or(0.0)).max(room.left());
    let rect = Rect::from_min_max(pos2(left, room.top()), room.max);
    let layout = Layout::left_to_right(Align::Center);
    let inner = ui.scope_builder(UiBuilder::new().max_rect(rect).layout(layout), add);
    let width = inner.response.rect.width();
    if known.is_none_or(|known| (known - width).abs() > 0.5) {
        ui.ctx().data_mut(|d| d.insert_temp(id, width));
        ui.ctx().request_discard("widgets at the right are measured");
    }
    inner.inner
}

/// Width of the value in a row of [`field`].
const FIELD: f32 = 132.0;

/// A label on the left and a control on the right; the label names the control for readers.
pub fn field<R>(ui: &mut Ui, name: &str, hover: &str, add: impl FnOnce(&mut Ui) -> R) -> R {
    ui.horizontal(|ui| {
        let width = (ui.available_width() - FIELD).max(60.0);
        let response = ui
            .allocate_ui_with_layout(vec2(width, 28.0), Layout::left_to_right(Align::Center), |ui| {
                ui.set_min_width(width - SPACE);
                ui.add(egui::Label::new(label(ui, name)).truncate())
            })
            .inner;
        response.on_hover_text(hover);
        ui.add_space(ui.available_width() - FIELD);
        ui.allocate_ui_with_layout(vec2(FIELD, 28.0), Layout::left_to_right(Align::Center), |ui| {
            ui.spacing_mut().combo_width = FIELD - 2.0;
            ui.spacing_mut().interact_size.x = FIELD - 2.0;
            add(ui)
        })
        .inner
    })
    .inner
}

/// Gives a control a name where it shows only a value.
pub fn named(response: Response, role: Role, name: &str) -> Response {
    let enabled = response.enabled();
    response.widget_info(|| WidgetInfo::labeled(role, enabled, name));
    pointed(response, name)
}

/// Says which control the task of a lesson points at.
pub fn point_at(ctx: &egui::Context, name: Option<String>) {
    ctx.data_mut(|d| d.insert_temp(egui::Id::unique("pointed at"), name));
}

/// A frame around the control that is pointed at, if it is this one.
pub fn pointed(response: Response, name: &str) -> Response {
    let id = egui::Id::unique("pointed at");
    let wanted: Option<String> = response.ctx.data(|d| d.get_temp(id)).flatten();
    if wanted.as_deref() == Some(name) {
        let accent = theme::tokens_of(&response.ctx).accent;
        let painter = response.ctx.layer_painter(response.layer_id);
        let rect = response.rect.expand(3.0);
        painter.rect_stroke(rect, CornerRadius::same(7), Stroke::new(2.0, accent), StrokeKind::Outside);
    }
    response
}

/// A number that can be typed or dragged. Returns the new value and whether the drag goes on.
pub fn number<N: egui::emath::Numeric>(
    ui: &mut Ui,
    name: &str,
    value: N,
    range: RangeInclusive<N>,
    speed: f64,
) -> Option<N> {
    let mut new = value;
    let mut drag = DragValue::new(&mut new).range(range).speed(speed);
    if !N::INTEGRAL {
        drag = drag.max_decimals(6).custom_formatter(|v, _| format::exact(v));
    }
    let response = ui.add(drag);
    let shown = new.to_f64();
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::SpinButton, true, name);
        info.value = Some(shown);
        info
    });
    (new != value).then_some(new)
}

/// A field of text that counts when it is finished: what was typed, if it is not what is `shown`. Escape takes it back.
pub fn typed(ui: &mut Ui, name: &str, hover: &str, shown: &str, width: f32, hint: &str) -> Option<String> {
    let id = ui.scope_id().with(name);
    let mut text = ui.data(|d| d.get_temp::<String>(id)).unwrap_or_else(|| shown.to_owned());
    let edit = TextEdit::singleline(&mut text).desired_width(width).hint_text(hint);
    let mut response = named(ui.add(edit), Role::TextInput, name);
    if !hover.is_empty() {
        response = response.on_hover_text(hover);
    }
    if response.has_focus() {
        ui.data_mut(|d| d.insert_temp(id, text));
        return None;
    }
    ui.data_mut(|d| d.remove::<String>(id));
    let finished = response.lost_focus() && !ui.input(|i| i.key_pressed(Key::Escape));
    (finished && text != shown).then_some(text)
}

/// For [`choice`], where choices have constants of their own.
#[allow(clippy::needless_pass_by_value)] // as `choice` calls it
pub fn same_kind<A>(a: A, b: A) -> bool {
    std::mem::discriminant(&a) == std::mem::discriminant(&b)
}

/// A drop-down list of labelled values; returns the new value.
pub fn choice<A: Copy + PartialEq>(
    ui: &mut Ui,
    name: &str,
    value: A,
    choices: impl IntoIterator<Item = A>,
    text: impl Fn(A) -> String,
    same: impl Fn(A, A) -> bool,
) -> Option<A> {
    let mut chosen = None;
    let width = ui.spacing().combo_width;
    let shown = text(value);
    let combo = egui::ComboBox::from_id_salt(name).width(width).height(430.0).truncate().selected_text(&shown);
    let response = combo.show_ui(ui, |ui| {
        for c in choices {
            if ui.selectable_label(same(c, value), text(c)).clicked() && !same(c, value) {
                chosen = Some(c);
            }
        }
    });
    response.response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::ComboBox, true, name);
        info.current_text_value = Some(shown.clone());
        info
    });
    chosen
}

/// The points of a plot in which egui puts at most one line, by which it tells a scale.
const LEAST_SPACING: f64 = 8.0;
/// Points of height for each label of an axis.
const LABEL_ROOM: f64 = 22.0;

/// A plot with quiet axes and about as many labels as fit; with `log`, y holds the logarithm to base ten.
pub fn plot<'a>(ui: &mut Ui, id: &str, log: bool) -> Plot<'a> {
    let t = tokens(ui);
    ui.style_mut().text_styles.insert(TextStyle::Body, theme::regular(HINT));
    Plot::new(id.to_owned())
        .grid_spacing(egui::Rangef::new(LEAST_SPACING as f32, 300.0))
        .custom_x_axes(vec![AxisHints::new_x().tick_label_color(t.hint).label_spacing(20.0..=30.0)])
        .custom_y_axes(vec![AxisHints::new_y().tick_label_color(t.hint).label_spacing(12.0..=18.0)])
        .x_grid_spacer(|input| marks(input.bounds, 4.5, 0.0))
        .y_grid_spacer(move |input: GridInput| match input.bounds {
            // Less than two decades: their halves and fifths too.
            (low, high) if log && high - low < 2.0 => {
                let decades = marks((low - 1.0, high), 6.0, 1.0);
                let parts =
                    |m: GridMark| [1.0_f64, 2.0, 5.0].map(|f| GridMark { value: m.value + f.log10(), step_size: 0.3 });
                decades.into_iter().flat_map(parts).filter(|m| (low..=high).contains(&m.value)).collect()
            }
            // In a low plot fewer: their labels have to fit.
            (low, high) => {
                let points = (high - low) / input.base_step_size * LEAST_SPACING;
                marks((low, high), (points / LABEL_ROOM).clamp(2.0, 6.0), if log { 1.0 } else { 0.0 })
            }
        })
}

/// A plot of data: what stands along both axes, and numbers beside them.
pub fn data_plot<'a>(ui: &mut Ui, id: &str, right: String, up: String) -> Plot<'a> {
    let quiet = |text: String| RichText::new(text).color(tokens(ui).label);
    let (right, up) = (quiet(right), quiet(up));
    plot(ui, id, false)
        .allow_scroll(false)
        .x_axis_label(right)
        .y_axis_label(up)
        .x_axis_formatter(|mark, _| format::tick(mark.value, mark.step_size))
        .y_axis_formatter(|mark, _| format::tick(mark.value, mark.step_size))
}

/// About `many` marks at readable numbers, at least `least` apart.
fn marks((low, high): (f64, f64), many: f64, least: f64) -> Vec<GridMark> {
    const MOST: i64 = 50;
    let step = nice((high - low) / many).max(least);
    let first = (low / step).ceil() as i64;
    let last = ((high / step).floor() as i64).min(first.saturating_add(MOST));
    (first..=last).map(|i| GridMark { value: i as f64 * step, step_size: step }).collect()
}

/// The next of 1, 2 and 5 times a power of ten.
fn nice(step: f64) -> f64 {
    if !(step > 0.0 && step.is_finite()) {
        return 1.0;
    }
    let power = 10_f64.powf(step.log10().floor());
    [1.0, 2.0, 5.0].into_iter().map(|f| f * power).find(|s| *s >= step * 0.999).unwrap_or(10.0 * power)
}

/// Bars of counts.
pub fn histogram(ui: &Ui, rect: Rect, counts: &[usize], colour: Color32) {
    let top = counts.iter().copied().max().unwrap_or(0).max(1) as f32;
    let width = rect.width() / counts.len().max(1) as f32;
    for (i, &count) in counts.iter().enumerate() {
        if count > 0 {
            let height = (count as f32 / top * rect.height()).max(1.0);
            let x = rect.left() + i as f32 * width;
            let bar =
                Rect::from_min_max(pos2(x, rect.bottom() - height), pos2(x + (width - 1.0).max(1.0), rect.bottom()));
            ui.painter().rect_filled(bar, 1.0, colour);
        }
    }
}

/// A small curve without axes, on a logarithmic scale where it spans more than a factor of ten.
pub fn sparkline(ui: &mut Ui, size: Vec2, values: &[f32], colour: Color32, name: &str) {
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, name));
    let finite = || values.iter().copied().filter(|v| v.is_finite());
    let (low, high) = finite().fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
    if values.len() < 2 || low > high {
        return;
    }
    let logarithmic = low > 0.0 && high / low > 10.0;
    let scale = |v: f32| if logarithmic { v.ln() } else { v };
    let span = (scale(high) - scale(low)).max(1e-12);
    let most = rect.width().max(2.0) as usize;
    let step = values.len().div_ceil(most).max(1);
    let points: Vec<Pos2> = values
        .iter()
        .enumerate()
        .step_by(step)
        .map(|(i, &v)| {
            let x = rect.left() + rect.width() * i as f32 / (values.len() - 1) as f32;
            pos2(x, rect.bottom() - 1.0 - (rect.height() - 2.0) * (scale(v) - scale(low)) / span)
        })
        .collect();
    ui.painter().line(points, Stroke::new(1.5, colour));
}

/// Several lines of text with an icon in a box: how things stand, or what is wrong.
pub fn message(ui: &mut Ui, icon: &str, colour: Color32, heading: &str, text: &str) {
    let t = tokens(ui);
    message_frame(t).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal_top(|ui| {
            ui.label(RichText::new(icon).size(16.0).color(colour));
            ui.vertical(|ui| {
                ui.spacing_mut().item_spacing.y = 2.0;
                if !heading.is_empty() {
                    ui.label(RichText::new(heading).color(t.text));
                }
                if !text.is_empty() {
                    ui.add(egui::Label::new(label(ui, text)).wrap());
                }
            });
        });
    });
}

/// A message with something to click at its right side.
pub fn message_with(ui: &mut Ui, icon: &str, colour: Color32, text: &str, add: impl FnOnce(&mut Ui)) {
    message_frame(tokens(ui)).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal(|ui| {
            ui.label(RichText::new(icon).size(16.0).color(colour));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                add(ui);
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    ui.add(egui::Label::new(label(ui, text)).wrap());
                });
            });
        });
    });
}

fn message_frame(t: &Tokens) -> Frame {
    Frame::new()
        .fill(t.raised)
        .stroke(Stroke::new(1.0, t.line))
        .corner_radius(CornerRadius::same(8))
        .inner_margin(Margin::same(10))
}

/// A rectangle of its own for widgets that are painted on a canvas.
pub fn at<R>(ui: &mut Ui, rect: Rect, layout: Layout, add: impl FnOnce(&mut Ui) -> R) -> R {
    ui.scope_builder(UiBuilder::new().max_rect(rect).layout(layout), add).inner
}

/// Text in the middle of an otherwise empty area.
pub fn centred(ui: &Ui, rect: Rect, heading: &str, text: &str) {
    let t = tokens(ui);
    ui.painter().text(rect.center() - vec2(0.0, 12.0), Align2::CENTER_CENTER, heading, semibold(TITLE), t.text);
    ui.painter().text(rect.center() + vec2(0.0, 12.0), Align2::CENTER_CENTER, text, theme::regular(LABEL), t.label);
}

/// A round button on the corner of a card that enlarges it to the workspace or shrinks it back; visible under the pointer or
/// with the focus.
pub fn enlarge(ui: &mut Ui, card: Rect, what: &str, large: bool) -> bool {
    const RADIUS: f32 = 10.0;
    let t = tokens(ui);
    // Beside a scroll bar.
    let rect = Rect::from_center_size(card.right_top() + vec2(-24.0, 8.0), Vec2::splat(2.0 * RADIUS));
    let response = ui.interact(rect, ui.scope_id().with(("enlarge", what)), Sense::click());
    let name = if large { format!("Back to all from {what}") } else { format!("Enlarge {what}") };
    let response = named(response, Role::Button, &name);
    let near = ui.rect_contains_pointer(card.union(rect));
    if near || response.has_focus() || large {
        let fill = if response.hovered() { t.raised } else { t.panel };
        let line = if response.has_focus() { t.accent } else { t.hint };
        ui.painter().circle(rect.center(), RADIUS, fill, Stroke::new(1.0, line));
        ui.painter().text(rect.center(), Align2::CENTER_CENTER, super::icon::FULLSCREEN, theme::regular(12.0), t.text);
    }
    response.on_hover_text(name).clicked()
}

/// Page Up, Page Down, Home and End scroll the area around `ui`.
pub fn scroll_by_keys(ui: &Ui) {
    const WHOLE: f32 = 1e6;
    let page = ui.clip_rect().height() * 0.9;
    if let Some(key) = keyboard::scroll(ui.ctx()) {
        let up = match key {
            ScrollKey::Pages(pages) => -page * pages as f32,
            ScrollKey::Start => WHOLE,
            ScrollKey::End => -WHOLE,
        };
        ui.scroll_with_delta(vec2(0.0, up));
    }
}

/// A frame around a picture.
pub fn outline(ui: &Ui, rect: Rect, radius: u8) {
    ui.painter().rect_stroke(rect, CornerRadius::same(radius), Stroke::new(1.0, tokens(ui).line), StrokeKind::Inside);
}

#[cfg(test)]
mod tests {
    use super::nice;

    #[test]
    fn steps_of_axes_are_1_2_or_5_times_a_power_of_ten() {
        for (step, want) in [(0.9, 1.0), (1.0, 1.0), (1.2, 2.0), (33.0, 50.0), (0.06, 0.1)] {
            assert!((nice(step) - want).abs() < 1e-12, "{step}: {}", nice(step));
        }
    }
}
