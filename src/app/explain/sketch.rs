//! Small pictures beside the formulas: the window of a convolution, what pooling keeps, the curve of an activation with its
//! slope, probabilities against the target.

use super::super::theme::{Tokens, ink_on, regular};
use super::super::widgets::{brief, named};
use crate::explain::{Stop, Trace};
use crate::nn::layers::{Cell, Intermediate, OperationPlan};
use crate::nn::{Activation, LayerId, LayerKind, Link};
use crate::train::Phase;
use egui::accesskit::Role;
use egui::{Align2, Pos2, Rect, Sense, Stroke, StrokeKind, Ui, pos2, vec2};

/// Side of a cell of a window, and the largest window that is drawn.
const CELL: f32 = 34.0;
const MOST_CELLS: usize = 49;
const HEIGHT: f32 = 116.0;

/// Draws what fits the stop, if there is a picture for it.
pub fn ui(ui: &mut Ui, trace: &Trace<f32>, stop: Stop, unit: usize, sample: usize, t: &Tokens) {
    let Some(layer) = stop.layer else { return };
    let at = Sketch { trace, layer, unit, sample, t };
    if stop.phase == Phase::Error {
        if let Some(head) = trace.head_of(layer) {
            at.probabilities(ui, head, false);
        }
        return;
    }
    let Some(&(z, a)) = trace.plan.layer_nodes.get(&layer) else { return };
    let backward = stop.phase == Phase::Backward;
    // What the loss sends back to the layer that it judges.
    let judged = trace.spec.outputs_of(layer).find_map(|to| trace.head_of(to));
    if let Some(head) = judged.filter(|_| backward) {
        at.probabilities(ui, head, true);
    }
    match (&trace.plan.nodes[z].operation, &trace.plan.nodes[a].operation) {
        _ if trace.plan.nodes[a].layer != layer => {}
        _ if !matches!(stop.phase, Phase::Forward | Phase::Backward) => {}
        (OperationPlan::Convolve { .. }, _) => at.window(ui, z, backward),
        (OperationPlan::Pool(_), _) => at.pool(ui, z, backward),
        (OperationPlan::Dropout { .. }, _) => at.dropout(ui, z, backward),
        (OperationPlan::Recurrent(_), _) => at.steps(ui, z, backward),
        (OperationPlan::Attention(_), _) => at.attention(ui, z, backward),
        (OperationPlan::BatchNorm(_) | OperationPlan::GroupNorm(_), _) => at.normalised(ui, z, backward),
        (_, OperationPlan::Activation(f)) if *f != Activation::Softmax => {
            at.curve(ui, *f, trace.plan.nodes[a].inputs[0], a);
        }
        _ => {}
    }
}

struct Sketch<'a> {
    trace: &'a Trace<f32>,
    layer: LayerId,
    unit: usize,
    sample: usize,
    t: &'a Tokens,
}

/// Numbers in a square of cells.
struct Grid<'a> {
    title: &'a str,
    values: Vec<f32>,
    across: usize,
    /// The cell that is framed.
    framed: Option<usize>,
}

impl Sketch<'_> {
    /// The inputs under the window, the kernel, and their products; backward, what of the gradient goes to each input.
    fn window(&self, ui: &mut Ui, node: usize, backward: bool) {
        let plan = &self.trace.plan.nodes[node];
        let products = plan.operation.products_into(self.unit);
        let input = plan.inputs[0];
        let OperationPlan::Convolve { convolution, .. } = &plan.operation else { return };
        let across = convolution.x.kernel;
        let taps = across * convolution.y.kernel;
        // One channel: the one whose products are largest. Windows at the edge have fewer cells.
        let value = |unit: usize| self.trace.values[input][[unit, self.sample]];
        let Some(strongest) = products.chunk_by(|a, b| a.weight / taps == b.weight / taps).max_by(|a, b| {
            let size = |part: &[crate::nn::Product]| {
                part.iter().map(|p| (self.trace.before[p.weight] * value(p.input)).abs()).sum::<f32>()
            };
            size(a).total_cmp(&size(b))
        }) else {
            return;
        };
        let across = if strongest.len() == taps { across } else { strongest.len() };
        if strongest.len() > MOST_CELLS || !strongest.len().is_multiple_of(across) {
            return;
        }
        let kernel: Vec<f32> = strongest.iter().map(|p| self.trace.before[p.weight]).collect();
        let channels = products.len() / strongest.len().max(1);
        let grids = if backward {
            let g = self.trace.grads[node].as_ref().map_or(0.0, |g| g[[self.unit, self.sample]]);
            vec![
                Grid { title: "kernel", across, values: kernel.clone(), framed: None },
                Grid {
                    title: "· ∂L/∂z = back to the inputs",
                    across,
                    values: kernel.iter().map(|w| w * g).collect(),
                    framed: None,
                },
                Grid {
                    title: "inputs · ∂L/∂z = to the kernel",
                    across,
                    values: strongest.iter().map(|p| value(p.input) * g).collect(),
                    framed: None,
                },
            ]
        } else {
            let inputs: Vec<f32> = strongest.iter().map(|p| value(p.input)).collect();
            let both = inputs.iter().zip(&kernel).map(|(x, w)| x * w).collect();
            vec![
                Grid { title: "under the window", across, values: inputs, framed: None },
                Grid { title: "· kernel", across, values: kernel, framed: None },
                Grid { title: "= products", across, values: both, framed: None },
            ]
        };
        let more = if channels > 1 { format!("the strongest of {channels} channels") } else { String::new() };
        self.grids(ui, &grids, &more, "Window of the convolution");
    }

    fn pool(&self, ui: &mut Ui, node: usize, backward: bool) {
        let plan = &self.trace.plan.nodes[node];
        let OperationPlan::Pool(pooling) = &plan.operation else { return };
        let inputs = pooling.under(self.unit);
        if inputs.len() > MOST_CELLS {
            return;
        }
        let across = if inputs.len() == pooling.x.kernel * pooling.y.kernel { pooling.x.kernel } else { inputs.len() };
        let values: Vec<f32> = inputs.iter().map(|&i| self.trace.values[plan.inputs[0]][[i, self.sample]]).collect();
        let result = self.trace.values[node][[self.unit, self.sample]];
        let framed = (!pooling.average).then(|| values.iter().position(|v| *v == result)).flatten();
        let mut grids = vec![Grid { title: "under the window", across, values: values.clone(), framed }];
        if backward {
            let g = self.trace.grads[node].as_ref().map_or(0.0, |g| g[[self.unit, self.sample]]);
            let share = |i: usize| match framed {
                Some(k) => {
                    if i == k {
                        g
                    } else {
                        0.0
                    }
                }
                None => g / values.len() as f32,
            };
            grids.push(Grid { title: "gradient back", across, values: (0..values.len()).map(share).collect(), framed });
        }
        self.grids(ui, &grids, "", "Window of the pooling");
    }

    fn intermediate(&self, node: usize, name: &str, backward: bool) -> Option<&Intermediate<f32>> {
        let all = if backward { &self.trace.intermediate_gradients } else { &self.trace.intermediates };
        all[node].iter().find(|i| i.name == name)
    }

    /// Gates, memory and state of one unit of a recurrent cell, step by step; backward, the gradients of the gates' sums.
    fn steps(&self, ui: &mut Ui, node: usize, backward: bool) {
        const ROW: f32 = 17.0;
        let t = self.t;
        let Some(LayerKind::Recurrent(spec)) = self.trace.spec.layer(self.layer).map(|l| &l.kind) else { return };
        let unit = self.unit % spec.units;
        let names: &[&str] = match spec.cell {
            Cell::Simple if backward => &["new state"],
            Cell::Simple => &[],
            Cell::Lstm => &["input gate", "forget gate", "new", "output gate"],
            Cell::Gru => &["reset gate", "update gate", "new"],
        };
        let of = |name: &str, k: usize| -> Option<Vec<f32>> {
            let intermediate = self.intermediate(node, name, backward)?;
            let &[count, all] = &intermediate.shape[..] else { return None };
            Some((0..count).map(|t| intermediate.values[[t * all + k * spec.units + unit, self.sample]]).collect())
        };
        let gates = names.iter().enumerate().filter_map(|(k, name)| Some((*name, of("gates", k)?)));
        let states: &[&str] = if backward { &[] } else { &["memory", "state"] };
        let states = states.iter().copied().filter_map(|name| Some((name, of(name, 0)?)));
        let rows: Vec<(&str, Vec<f32>)> = gates.chain(states).collect();
        let count = rows.first().map_or(1, |(_, values)| values.len());
        let size = vec2(ui.available_width(), ROW * (rows.len() + 1) as f32);
        let (area, response) = ui.allocate_exact_size(size, Sense::hover());
        let name = if backward {
            "∂L/∂z of the gates of this unit, step by step"
        } else {
            "Gates and state of this unit, step by step"
        };
        named(response, Role::Image, name);
        let all = rows.iter().flat_map(|(_, values)| values).fold(0.0_f32, |m, v| m.max(v.abs()));
        let left = area.left() + 84.0;
        let cell = ((area.right() - left) / count as f32).min(26.0);
        for (k, (name, values)) in rows.iter().enumerate() {
            let top = area.top() + k as f32 * ROW;
            let place = pos2(area.left(), top + ROW / 2.0);
            ui.painter().text(place, Align2::LEFT_CENTER, name, regular(11.0), t.label);
            // Gradients are compared with each other, gates with 1.
            let strongest = if backward { all.max(1e-30) } else { values.iter().fold(1.0_f32, |m, v| m.max(v.abs())) };
            for (step, v) in values.iter().enumerate() {
                let corner = pos2(left + step as f32 * cell, top + 1.0);
                let rect = Rect::from_min_size(corner, vec2((cell - 1.0).max(1.0), ROW - 2.0));
                ui.painter().rect_filled(rect, 1.0, t.signed(v / strongest));
            }
        }
        let foot = area.top() + (rows.len() as f32 + 0.5) * ROW;
        ui.painter().text(pos2(left, foot), Align2::LEFT_CENTER, "step 1", regular(10.0), t.hint);
        let end = pos2(left + count as f32 * cell, foot);
        ui.painter().text(end, Align2::RIGHT_CENTER, count, regular(10.0), t.hint);
        if backward {
            let place = pos2(left + 44.0, foot);
            let text = format!("strongest ∂L/∂z {}", brief(f64::from(all)));
            ui.painter().text(place, Align2::LEFT_CENTER, text, regular(10.0), t.label);
        }
    }

    /// Who looks at whom: a square of weights, the step of this unit framed.
    fn attention(&self, ui: &mut Ui, node: usize, backward: bool) {
        let t = self.t;
        let name = if backward { "gradients of scores" } else { "weights" };
        let found = (self.intermediate(node, name, backward), self.intermediate(node, "values", backward));
        let (Some(weights), Some(values)) = found else { return };
        let (&[heads, count, _], &[_, _, depth]) = (&weights.shape[..], &values.shape[..]) else { return };
        let (step, feature) = (self.unit / (heads * depth), self.unit % (heads * depth));
        let head = feature / depth;
        let side = (HEIGHT + 20.0).min(ui.available_width());
        let (area, response) = ui.allocate_exact_size(vec2(ui.available_width(), side), Sense::hover());
        let name = if backward {
            "Gradients of the scores, from step down to step across"
        } else {
            "Attention weights, from step down to step across"
        };
        named(response, Role::Image, name);
        let own = head * count * count..(head + 1) * count * count;
        let size = |i: usize| weights.values[[i, self.sample]].abs();
        let strongest = if backward { own.map(size).fold(1e-30, f32::max) } else { 1.0 };
        let cell = side / count as f32;
        for (row, column) in (0..count).flat_map(|r| (0..count).map(move |c| (r, c))) {
            let p = weights.values[[(head * count + row) * count + column, self.sample]];
            let corner = pos2(area.left() + column as f32 * cell, area.top() + row as f32 * cell);
            let gap = if cell > 6.0 { 0.5 } else { 0.0 };
            let rect = Rect::from_min_size(corner, vec2(cell, cell)).shrink(gap);
            let fill = t.signed(p / strongest);
            ui.painter().rect_filled(rect, 1.0, fill);
            if cell >= 22.0 && !backward {
                let text = format!("{p:.2}");
                ui.painter().text(rect.center(), Align2::CENTER_CENTER, text, regular(9.5), ink_on(fill));
            }
        }
        let frame = Rect::from_min_size(area.min + vec2(0.0, step as f32 * cell), vec2(side, cell));
        ui.painter().rect_stroke(frame, 1.0, Stroke::new(2.0, t.accent), StrokeKind::Inside);
        let words = [
            format!("head {} of {heads}", head + 1),
            if backward { "each row adds up to 0".to_owned() } else { "each row adds up to 1".to_owned() },
            if backward {
                format!("framed: the scores of step {}; strongest {}", step + 1, brief(f64::from(strongest)))
            } else {
                format!("framed: what step {} looks at", step + 1)
            },
        ];
        let mut place = pos2(area.left() + side + 14.0, area.top() + 6.0);
        for text in words {
            place.y = ui.painter().text(place, Align2::LEFT_TOP, text, regular(11.5), t.label).bottom() + 4.0;
        }
    }

    /// The values that are normalised together, before and after; backward, the gradients that arrive and are handed on.
    fn normalised(&self, ui: &mut Ui, node: usize, backward: bool) {
        let t = self.t;
        let plan = &self.trace.plan.nodes[node];
        let Some(mean) = self.intermediate(node, "mean", false) else { return };
        let size = plan.units / mean.shape[0];
        let own = self.unit / size * size..(self.unit / size + 1) * size;
        // Batch norm looks along the mini-batch, the others along the row.
        let batch = matches!(plan.operation, OperationPlan::BatchNorm(_));
        let (area, response) = ui.allocate_exact_size(vec2(ui.available_width().min(480.0), 76.0), Sense::hover());
        let (name, pairs) = if backward {
            ("Gradients before and after normalisation", [("arrives", node), ("goes on", plan.inputs[0])])
        } else {
            ("Values before and after normalisation", [("before", plan.inputs[0]), ("after", node)])
        };
        named(response, Role::Image, name);
        for (k, (name, node)) in pairs.into_iter().enumerate() {
            const MOST: usize = 600;
            let grads = self.trace.grads[node].as_ref();
            let Some(all) = (if backward { grads } else { Some(&self.trace.values[node]) }) else { continue };
            let samples = if batch { 0..all.ncols() } else { self.sample..self.sample + 1 };
            let values: Vec<f32> =
                own.clone().flat_map(|u| samples.clone().map(move |s| all[[u, s]])).take(MOST).collect();
            let reach = values.iter().fold(1e-12_f32, |m, v| m.max(v.abs())) * 1.05;
            let y = area.top() + 14.0 + k as f32 * 38.0;
            let (left, right) = (area.left() + 56.0, area.right() - 16.0);
            let x = |v: f32| left + f32::midpoint(v / reach, 1.0) * (right - left);
            ui.painter().text(pos2(area.left(), y), Align2::LEFT_CENTER, name, regular(11.0), t.label);
            ui.painter().line_segment([pos2(left, y), pos2(right, y)], Stroke::new(1.0, t.line));
            for v in &values {
                let colour = if *v >= 0.0 { t.positive } else { t.negative };
                ui.painter().circle_filled(pos2(x(*v), y), 2.5, colour.gamma_multiply(0.6));
            }
            let mine = all[[self.unit, self.sample]];
            ui.painter().circle_stroke(pos2(x(mine), y), 5.0, Stroke::new(2.0, t.accent));
            for v in [-reach, 0.0, reach] {
                let text = brief(f64::from(v));
                ui.painter().text(pos2(x(v), y + 14.0), Align2::CENTER_CENTER, text, regular(9.5), t.hint);
            }
        }
    }

    fn grids(&self, ui: &mut Ui, grids: &[Grid<'_>], more: &str, name: &str) {
        let t = self.t;
        let down = grids.iter().map(|g| g.values.len() / g.across).max().unwrap_or(1);
        let across: usize = grids.iter().map(|g| g.across).sum();
        let gap = 44.0;
        let room = ui.available_width() - gap * (grids.len() - 1) as f32;
        let cell = CELL.min(room / across as f32).min((HEIGHT + 40.0) / down as f32);
        let size = vec2(ui.available_width(), down as f32 * cell + 20.0);
        let (area, response) = ui.allocate_exact_size(size, Sense::hover());
        named(response, Role::Image, name);
        let mut left = area.left();
        for grid in grids {
            let strongest = grid.values.iter().fold(1e-9_f32, |m, v| m.max(v.abs()));
            let width = grid.across as f32 * cell;
            for (i, &v) in grid.values.iter().enumerate() {
                let corner =
                    pos2(left + (i % grid.across) as f32 * cell, area.top() + 16.0 + (i / grid.across) as f32 * cell);
                let rect = Rect::from_min_size(corner, vec2(cell, cell)).shrink(1.0);
                let fill = t.signed(v / strongest);
                ui.painter().rect_filled(rect, 2.0, fill);
                if cell >= 26.0 {
                    let text = if v.abs() < 10.0 { format!("{v:.2}") } else { format!("{v:.0}") }.replace('-', "−");
                    ui.painter().text(rect.center(), Align2::CENTER_CENTER, text, regular(10.0), ink_on(fill));
                }
                if grid.framed == Some(i) {
                    ui.painter().rect_stroke(rect, 2.0, Stroke::new(2.0, t.accent), StrokeKind::Inside);
                }
            }
            ui.painter().text(pos2(left, area.top()), Align2::LEFT_TOP, grid.title, regular(11.0), t.label);
            left += width.max(grid.title.chars().count() as f32 * 5.6) + gap * 0.6;
        }
        if !more.is_empty() && left < area.right() - 150.0 {
            ui.painter().text(pos2(left, area.top() + 18.0), Align2::LEFT_TOP, more, regular(11.0), t.label);
        }
    }

    /// f over z, with the point where this unit stands and the slope there.
    fn curve(&self, ui: &mut Ui, f: Activation, before: usize, node: usize) {
        let t = self.t;
        let (z, a) =
            (self.trace.values[before][[self.unit, self.sample]], self.trace.values[node][[self.unit, self.sample]]);
        let (z, a) = (f64::from(z), f64::from(a));
        let slope = f.slope_at(z, a);
        let (area, response) =
            ui.allocate_exact_size(vec2(ui.available_width().min(420.0), HEIGHT - 20.0), Sense::hover());
        named(response, Role::Image, &format!("Curve of {} with its slope at z = {}", f.label(), brief(z)));
        let reach = 4.0_f64.max(z.abs() * 1.2);
        let points: Vec<(f64, f64)> =
            (0..=120).map(|i| -reach + 2.0 * reach * f64::from(i) / 120.0).map(|x| (x, f.at(x))).collect();
        let (low, high) = points.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), p| (l.min(p.1), h.max(p.1)));
        let plot = Rect::from_min_size(area.min, vec2(area.width() * 0.6, area.height()));
        let place = |x: f64, y: f64| -> Pos2 {
            let u = (x + reach) / (2.0 * reach);
            let v = (y - low) / (high - low).max(1e-9);
            pos2(plot.left() + u as f32 * plot.width(), plot.bottom() - 4.0 - v as f32 * (plot.height() - 8.0))
        };
        let quiet = Stroke::new(1.0, t.line);
        ui.painter().line_segment([place(-reach, 0.0), place(reach, 0.0)], quiet);
        ui.painter().line_segment([place(0.0, low), place(0.0, high)], quiet);
        let curve = points.iter().map(|&(x, y)| place(x, y)).collect();
        ui.painter().line(curve, Stroke::new(2.0, t.positive));
        let half = reach * 0.25;
        let tangent = [place(z - half, a - slope * half), place(z + half, a + slope * half)];
        ui.painter().with_clip_rect(plot).line_segment(tangent, Stroke::new(2.0, t.accent));
        ui.painter().circle_filled(place(z, a), 4.0, t.accent);
        let words = [
            (format!("{}({}) = {}", f.label(), brief(z), brief(a)), t.text),
            (format!("slope there {}", brief(slope)), t.accent),
        ];
        let mut top = area.top() + 10.0;
        for (text, colour) in words {
            let used = ui.painter().text(pos2(plot.right() + 14.0, top), Align2::LEFT_TOP, text, regular(12.0), colour);
            top = used.bottom() + 4.0;
        }
    }

    /// Numbers before dropout and behind it, those around this unit: what is silenced is 0 forward and backward.
    fn dropout(&self, ui: &mut Ui, node: usize, backward: bool) {
        const MOST: usize = 48;
        let plan = &self.trace.plan.nodes[node];
        let first = self.unit / MOST * MOST;
        let own = first..(first + MOST).min(plan.units);
        let (input, trace) = (plan.inputs[0], self.trace);
        let of = |node: usize| -> Option<Vec<f32>> {
            let all = if backward { trace.grads[node].as_ref()? } else { &trace.values[node] };
            Some(own.clone().map(|u| all[[u, self.sample]]).collect())
        };
        let (first_node, second) = if backward { (node, input) } else { (input, node) };
        let titles = if backward { ["gradient arrives", "goes on"] } else { ["before", "behind"] };
        let (Some(before), Some(behind)) = (of(first_node), of(second)) else { return };
        let framed = Some(self.unit - first);
        let grid = |title, values| Grid { title, values, across: 12.min(own.len()), framed };
        let grids = [grid(titles[0], before), grid(titles[1], behind)];
        self.grids(ui, &grids, "", "Numbers before and behind dropout");
    }

    /// Predictions as bars, with the targets they are compared with; backward, what one is more than the other.
    fn probabilities(&self, ui: &mut Ui, index: usize, backward: bool) {
        let t = self.t;
        let (head, own) = (&self.trace.plan.heads[index], &self.trace.heads[index]);
        let count = own.target.nrows();
        if head.loss.link() == Link::Identity || count < 2 {
            return;
        }
        let (area, response) = ui.allocate_exact_size(vec2(ui.available_width().min(560.0), HEIGHT), Sense::hover());
        let name =
            if backward { "Predicted probabilities less targets" } else { "Predicted probabilities and targets" };
        named(response, Role::Image, name);
        let wide = area.width() / count as f32;
        let bottom = area.bottom() - 14.0;
        for k in 0..count {
            let (p, target) = (own.prediction[[k, self.sample]], own.target[[k, self.sample]]);
            let left = area.left() + k as f32 * wide;
            let bar = |part: f32, inset: f32| {
                let height = (part.clamp(0.0, 1.0) * (area.height() - 30.0)).max(1.0);
                Rect::from_min_max(pos2(left + inset, bottom - height), pos2(left + wide - inset, bottom))
            };
            let inset = (wide * 0.16).min(10.0);
            let more = p - target;
            let (height, text) = if backward {
                let colour = if more >= 0.0 { t.positive } else { t.negative };
                ui.painter().rect_filled(bar(more.abs(), inset), 2.0, colour);
                (more.abs(), brief(f64::from(more)))
            } else {
                ui.painter().rect_filled(bar(p, inset), 2.0, t.positive);
                ui.painter().rect_stroke(bar(target, inset), 2.0, Stroke::new(1.5, t.accent), StrokeKind::Outside);
                (p.max(target), format!("{p:.2}"))
            };
            if wide > 26.0 {
                let top = bar(height, inset).top() - 2.0;
                ui.painter().text(pos2(left + wide / 2.0, top), Align2::CENTER_BOTTOM, text, regular(10.0), t.text);
            }
            let most = ((wide / 6.0) as usize).max(1);
            let name: String = own.names.get(k).map_or_else(String::new, |n| n.chars().take(most).collect());
            ui.painter().text(
                pos2(left + wide / 2.0, area.bottom()),
                Align2::CENTER_BOTTOM,
                name,
                regular(10.0),
                t.label,
            );
        }
    }
}
