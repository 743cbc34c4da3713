//! Drawing over the window while teaching: a pen in four colours, and a large pointer.

use super::theme::{Tokens, tokens};
use super::widgets::{self, icon_button, segmented};
use super::{icon, keyboard};
use egui::{Area, Color32, Context, CornerRadius, CursorIcon, Frame, Id, Margin, Order, Pos2, Sense, Stroke, Ui, vec2};

/// What the mouse does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Tool {
    /// Clicks go to the window below; a dot goes with the mouse.
    Pointer,
    #[default]
    Pen,
}

/// View state of the layer.
#[derive(Default)]
pub struct Annotations {
    on: bool,
    tool: Tool,
    colour: usize,
    lines: Vec<(usize, Vec<Pos2>)>,
}

const WIDTH: f32 = 4.0;
const NAMES: [&str; 4] = ["violet", "orange", "blue", "green"];

fn colours(t: &Tokens) -> [Color32; 4] {
    [t.accent, t.negative, t.positive, t.ok]
}

impl Annotations {
    /// Begins or ends; what was drawn goes with it.
    pub fn toggle(&mut self) {
        self.on = !self.on;
        self.lines.clear();
    }

    /// Escape ends it; returns whether it did.
    pub fn escape(&mut self, ctx: &Context) -> bool {
        let ends = self.on && keyboard::escaped(ctx);
        if ends {
            self.toggle();
        }
        ends
    }

    /// Draws the layer over everything when it is on.
    pub fn ui(&mut self, ctx: &Context) {
        if !self.on {
            return;
        }
        let screen = ctx.content_rect();
        // The pen takes the mouse, the pointer leaves it to the window.
        let order = Order::Foreground;
        let sheet = Area::new(Id::unique("annotations"))
            .order(order)
            .fixed_pos(screen.min)
            .interactable(self.tool == Tool::Pen);
        sheet.show(ctx, |ui| {
            let t = tokens(ui);
            match self.tool {
                Tool::Pen => self.pen(ui, screen),
                Tool::Pointer => {
                    if let Some(at) = ctx.pointer_hover_pos() {
                        let colour = colours(t)[self.colour];
                        ui.painter().circle_filled(at, 16.0, colour.gamma_multiply(0.35));
                        ui.painter().circle_stroke(at, 16.0, Stroke::new(2.5, colour));
                    }
                }
            }
            for (colour, line) in &self.lines {
                let stroke = Stroke::new(WIDTH, colours(t)[*colour]);
                match line[..] {
                    [only] => {
                        ui.painter().circle_filled(only, WIDTH * 0.8, stroke.color);
                    }
                    _ => {
                        ui.painter().line(line.clone(), stroke);
                    }
                }
            }
        });
        self.bar(ctx);
    }

    fn pen(&mut self, ui: &mut Ui, screen: egui::Rect) {
        let response = ui.allocate_rect(screen, Sense::click_and_drag());
        let response = widgets::named(response, egui::accesskit::Role::Canvas, "Sheet to draw on");
        let response = response.on_hover_cursor(CursorIcon::Crosshair);
        let Some(at) = response.interact_pointer_pos() else { return };
        if response.drag_started() || response.clicked() {
            self.lines.push((self.colour, vec![at]));
        }
        if response.dragged()
            && let Some((_, line)) = self.lines.last_mut()
            && line.last().is_none_or(|last| last.distance(at) > 1.5)
        {
            line.push(at);
        }
    }

    fn bar(&mut self, ctx: &Context) {
        let area = Area::new(Id::unique("annotation tools"))
            .order(Order::Tooltip)
            .anchor(egui::Align2::CENTER_TOP, vec2(0.0, 54.0));
        area.show(ctx, |ui| {
            let t = tokens(ui);
            let frame =
                Frame::new().fill(t.raised).stroke(Stroke::new(1.0, t.hint)).corner_radius(CornerRadius::same(10));
            frame.inner_margin(Margin::symmetric(10, 6)).show(ui, |ui| {
                ui.horizontal(|ui| {
                    let tools = [
                        (Tool::Pen, "pen", "Draw over the window"),
                        (Tool::Pointer, "pointer", "A dot that is seen from the last row; clicks go to the window"),
                    ];
                    segmented(ui, &mut self.tool, &tools);
                    for (k, colour) in colours(t).into_iter().enumerate() {
                        let (rect, response) = ui.allocate_exact_size(vec2(26.0, 26.0), Sense::click());
                        let response =
                            widgets::named(response, egui::accesskit::Role::Button, &format!("Colour {}", NAMES[k]));
                        ui.painter().circle_filled(rect.center(), 9.0, colour);
                        if self.colour == k || response.has_focus() {
                            ui.painter().circle_stroke(rect.center(), 12.0, Stroke::new(2.0, t.text));
                        }
                        if response.clicked() {
                            self.colour = k;
                        }
                    }
                    let any = !self.lines.is_empty();
                    if icon_button(ui, icon::UNDO, "Take back the last line", "", any).clicked() {
                        self.lines.pop();
                    }
                    if ui.add_enabled(any, egui::Button::new("Clear")).clicked() {
                        self.lines.clear();
                    }
                    if icon_button(ui, icon::CLOSE, "Stop drawing", "Esc", true).clicked() {
                        self.toggle();
                    }
                });
            });
        });
    }
}
