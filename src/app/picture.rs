//! Pictures of what the network computes now: each neuron and the model output over two features, the curve over one
//! feature, and the values of one sample. Refreshed when parameters change, within a budget of multiply-adds.

use super::diagram::layout::selections;
use super::diagram::strength::largest;
use super::state::Model;
use super::theme::{Tokens, mix};
use crate::data::{Dataset, Targets};
use crate::nn::{Encoding, LayerId, volume};
use crate::train::Probe;
use egui::{Color32, ColorImage, Context, Rect, TextureHandle, TextureOptions, pos2};
use ndarray::Array2;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Picture points along a side of a neuron's tile, and of the decision surface.
const TILE: usize = 20;
const SURFACE: usize = 72;
/// Points of the curve over one feature.
const CURVE: usize = 160;
/// Multiply-adds that one refresh may take.
const BUDGET: usize = 12_000_000;
const TILES_PER_ROW: usize = 8;
const CAPACITY: usize = 512;
/// Layers whose channels are drawn, and the side of the texture they must fit into.
const MOST_IMAGES: usize = 64;
const MOST_PIXELS: usize = 2048;
/// Seconds between two refreshes while training runs.
const REFRESH: f64 = 1.0 / 20.0;

/// The part of the plane of two features that pictures show, in encoded features.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FeatureBounds {
    /// The features to the right and up.
    pub axes: [usize; 2],
    pub low: [f32; 2],
    pub high: [f32; 2],
}

impl FeatureBounds {
    /// Those of data in the plane: two features, or others that follow from two.
    fn of_plane(data: &Dataset) -> Option<Self> {
        let axes = if data.features() == 2 { [0, 1] } else { data.encoder.plane()? };
        Some(Self::around(data, axes))
    }

    /// Around all rows, with a margin.
    fn around(data: &Dataset, axes: [usize; 2]) -> Self {
        let mut bounds = Self { axes, low: [0.0; 2], high: [1.0; 2] };
        for (k, axis) in axes.into_iter().enumerate().take(data.features()) {
            let (low, high) =
                data.x.column(axis).iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), &v| (a.min(v), b.max(v)));
            let margin = ((high - low) * 0.08).max(1e-3);
            bounds.low[k] = low - margin;
            bounds.high[k] = high + margin;
        }
        bounds
    }

    /// The middle of cell `i` of `n`, along axis `k`.
    fn cell(&self, k: usize, i: usize, n: usize) -> f32 {
        self.low[k] + (self.high[k] - self.low[k]) * (i as f32 + 0.5) / n as f32
    }

    /// Where a row lies in a picture: x to the right, y up.
    pub fn place(&self, rect: Rect, data: &Dataset, row: usize) -> egui::Pos2 {
        let part = |k: usize| {
            let value = data.x.get([row, self.axes[k]]).copied().unwrap_or(self.low[k]);
            (value - self.low[k]) / (self.high[k] - self.low[k])
        };
        pos2(rect.left() + rect.width() * part(0), rect.bottom() - rect.height() * part(1))
    }

    /// Features `[n², features]` of the middles of `n` × `n` cells, row by row from the top left.
    fn grid(&self, data: &Dataset, n: usize) -> Array2<f32> {
        let cells = || (0..n * n).map(|i| [self.cell(0, i % n, n), self.cell(1, n - 1 - i / n, n)]);
        let direct = || Array2::from_shape_vec((n * n, 2), cells().flatten().collect()).unwrap_or_default();
        if data.features() == 2 {
            return direct();
        }
        let own = |k: usize, v: f32| data.encoder.scale(self.axes[k]).decode(f64::from(v));
        let places: Vec<[f64; 2]> = cells().map(|[x, y]| [own(0, x), own(1, y)]).collect();
        data.encoder.of_plane(self.axes, &places).unwrap_or_else(|_| Array2::zeros((n * n, data.features())))
    }
}

/// The pictures.
#[derive(Default)]
pub struct Pictures {
    probe: Option<Probe>,
    /// Which document they are of.
    document: u64,
    generation: u64,
    params: Arc<Vec<f32>>,
    sample: usize,
    dark: bool,
    refreshed: f64,
    /// z and a of the chosen sample, by layer.
    values: BTreeMap<LayerId, (Vec<f32>, Vec<f32>)>,
    /// Channels of images for the chosen sample: place in the atlas, smallest and largest value.
    maps: BTreeMap<(LayerId, usize), (Rect, f32, f32)>,
    map_atlas: Option<TextureHandle>,
    tiles: BTreeMap<(LayerId, usize), Rect>,
    atlas: Option<TextureHandle>,
    surface: Option<TextureHandle>,
    /// The plane in which the rows lie, if they do.
    pub bounds: Option<FeatureBounds>,
    /// Features over the plane, for pictures with so many cells a side.
    grids: BTreeMap<usize, Array2<f32>>,
    /// Prediction over one feature, encoded.
    pub curve: Vec<[f64; 2]>,
    /// Prediction of the chosen sample.
    pub prediction: Vec<f32>,
}

impl Pictures {
    /// Brings the pictures up to date; returns false while newer parameters wait for the next refresh.
    pub fn update(&mut self, ctx: &Context, model: &Model, t: &Tokens, dark: bool) -> bool {
        let document = model.opened();
        // Layers of another document have the same numbers.
        if self.document != document || model.dataset().is_none() || !model.inference().fits() {
            *self = Self { document, ..Self::default() };
        }
        let Some(data) = model.dataset().cloned().filter(|_| model.is_current()) else {
            return true;
        };
        let snapshot = model.snapshot();
        if self.generation != snapshot.generation {
            *self = Self {
                probe: Probe::new(&model.document().network, &data, CAPACITY),
                document,
                generation: snapshot.generation,
                bounds: FeatureBounds::of_plane(&data),
                ..Self::default()
            };
        }
        let same = Arc::ptr_eq(&self.params, &snapshot.params) && self.sample == model.sample() && self.dark == dark;
        if same || snapshot.params.is_empty() {
            return true;
        }
        let now = ctx.input(|i| i.time);
        if snapshot.is_running() && now - self.refreshed < REFRESH && self.dark == dark {
            return false;
        }
        self.refreshed = now;
        (self.sample, self.dark) = (model.sample(), dark);
        self.params = Arc::clone(&snapshot.params);
        let Some(mut probe) = self.probe.take() else { return true };
        if probe.set_params(&snapshot.params) {
            self.look_at_sample(&mut probe, &data, model);
            self.draw_maps(ctx, model, t);
            if let Some(bounds) = self.bounds {
                self.draw_plane(ctx, &mut probe, &data, &bounds, model, t);
            } else if data.features() == 1 {
                self.draw_curve(&mut probe, &data);
            }
        }
        self.probe = Some(probe);
        true
    }

    fn look_at_sample(&mut self, probe: &mut Probe, data: &Dataset, model: &Model) {
        let row = model.sample().min(data.rows() - 1);
        probe.run(1, |_, feature| data.x[[row, feature]]);
        self.values.clear();
        for &id in &model.inference().order {
            if let Some((z, a)) = probe.layer(id) {
                self.values.insert(id, (z.column(0).to_vec(), a.column(0).to_vec()));
            }
        }
        self.prediction = (0..probe.outputs()).map(|k| probe.prediction(k, 0)).collect();
        // An output layer shows its prediction, as it is compared with its target.
        for (head, layer) in probe.plan().heads.iter().map(|head| head.layer).enumerate() {
            if let Some((_, a)) = self.values.get_mut(&layer) {
                a.clear();
                a.extend((0..probe.outputs_of(head)).map(|k| probe.prediction_of(head, k, 0)));
            }
        }
    }

    /// The channels that the diagram shows, scaled by the largest value of their layer.
    fn draw_maps(&mut self, ctx: &Context, model: &Model, t: &Tokens) {
        self.maps.clear();
        let shapes = model.inference().shapes.iter().filter_map(|(id, s)| match s[..] {
            [channels, height, width] => Some((*id, channels, height, width)),
            _ => None,
        });
        let images: Vec<_> = shapes.filter(|(id, ..)| self.values.contains_key(id)).collect();
        let (Some(wide), true) = (images.iter().map(|i| i.3).max(), images.len() < MOST_IMAGES) else { return };
        let size = [wide * TILES_PER_ROW, images.iter().map(|i| i.2).sum()];
        if size[0].max(size[1]) > MOST_PIXELS {
            return;
        }
        let mut pixels = vec![t.zero; size[0] * size[1]];
        let mut top = 0;
        let shown = selections(&model.document().network, model.inference());
        for (id, _, height, width) in images {
            let (strongest, values) = (self.strongest(id), &self.values[&id].1);
            for (k, &channel) in shown.get(&id).into_iter().flatten().enumerate() {
                let map = &values[channel * height * width..][..height * width];
                for (i, v) in map.iter().enumerate() {
                    pixels[(top + i / width) * size[0] + k * wide + i % width] = t.signed(v / strongest);
                }
                let at = |x: usize, y: usize| pos2(x as f32 / size[0] as f32, y as f32 / size[1] as f32);
                let cut = Rect::from_min_max(at(k * wide, top), at(k * wide + width, top + height));
                let (low, high) = extent(map.iter().copied());
                self.maps.insert((id, channel), (cut, low, high));
            }
            top += height;
        }
        set(ctx, &mut self.map_atlas, "maps", ColorImage::new(size, pixels), TextureOptions::NEAREST);
    }

    fn draw_curve(&mut self, probe: &mut Probe, data: &Dataset) {
        let bounds = FeatureBounds::around(data, [0, 0]);
        probe.run(CURVE, |i, _| bounds.cell(0, i, CURVE));
        self.curve =
            (0..CURVE).map(|i| [f64::from(bounds.cell(0, i, CURVE)), f64::from(probe.prediction(0, i))]).collect();
    }

    fn draw_plane(
        &mut self,
        ctx: &Context,
        probe: &mut Probe,
        data: &Dataset,
        bounds: &FeatureBounds,
        model: &Model,
        t: &Tokens,
    ) {
        let affordable = BUDGET / self.params.len().max(1);
        let n = side(TILE, affordable);
        let tiles = self.grids.remove(&n).unwrap_or_else(|| bounds.grid(data, n));
        self.draw_tiles(ctx, probe, &tiles, model, t, n);
        self.grids.insert(n, tiles);
        let n = side(SURFACE, affordable);
        let grid = self.grids.entry(n).or_insert_with(|| bounds.grid(data, n));
        let mut pixels = vec![Color32::BLACK; n * n];
        let colour = SurfaceColour::new(data, model.inference().encoding());
        for from in (0..n * n).step_by(CAPACITY) {
            let count = CAPACITY.min(n * n - from);
            probe.run(count, |i, k| grid[[from + i, k]]);
            for i in 0..count {
                pixels[from + i] = colour.of(probe, i, t);
            }
        }
        set(ctx, &mut self.surface, "surface", ColorImage::new([n, n], pixels), TextureOptions::LINEAR);
    }

    fn draw_tiles(
        &mut self,
        ctx: &Context,
        probe: &mut Probe,
        grid: &Array2<f32>,
        model: &Model,
        t: &Tokens,
        n: usize,
    ) {
        let shown = selections(&model.document().network, model.inference());
        let wanted: Vec<(LayerId, usize, usize)> = model
            .inference()
            .order
            .iter()
            .filter_map(|id| Some((*id, volume(model.inference().shapes.get(id)?))))
            .flat_map(|(id, units)| shown.get(&id).into_iter().flatten().map(move |&u| (id, u, units)))
            .collect();
        // Probabilities are coloured around one half, everything else around zero.
        let heads: Vec<(LayerId, bool)> = probe
            .plan()
            .heads
            .iter()
            .map(|head| (head.layer, matches!(head.encoding, Encoding::OneHot | Encoding::ZeroOne)))
            .collect();
        let mut values = vec![vec![0.0_f32; n * n]; wanted.len()];
        for from in (0..n * n).step_by(CAPACITY) {
            let count = CAPACITY.min(n * n - from);
            probe.run(count, |i, k| grid[[from + i, k]]);
            for (tile, &(id, unit, _)) in values.iter_mut().zip(&wanted) {
                let head = heads.iter().position(|(layer, _)| *layer == id);
                let Some((_, a)) = probe.layer(id) else { continue };
                for i in 0..count {
                    tile[from + i] = match head {
                        Some(head) if heads[head].1 => probe.prediction_of(head, unit, i) * 2.0 - 1.0,
                        Some(head) => probe.prediction_of(head, unit, i),
                        None => a[[unit, i]],
                    };
                }
            }
        }
        let rows = wanted.len().div_ceil(TILES_PER_ROW).max(1);
        let size = [TILES_PER_ROW * n, rows * n];
        let mut pixels = vec![t.zero; size[0] * size[1]];
        self.tiles.clear();
        for (k, (tile, (id, unit, _))) in values.iter().zip(wanted).enumerate() {
            let (column, row) = (k % TILES_PER_ROW, k / TILES_PER_ROW);
            let strongest = largest(tile.iter().copied(), 1.0);
            for (i, v) in tile.iter().enumerate() {
                pixels[(row * n + i / n) * size[0] + column * n + i % n] = t.signed(v / strongest);
            }
            let at = |x: usize, y: usize| pos2((x * n) as f32 / size[0] as f32, (y * n) as f32 / size[1] as f32);
            self.tiles.insert((id, unit), Rect::from_min_max(at(column, row), at(column + 1, row + 1)));
        }
        set(ctx, &mut self.atlas, "neurons", ColorImage::new(size, pixels), TextureOptions::NEAREST);
    }

    /// Texture and cut of a neuron's picture over the plane.
    pub fn tile(&self, layer: LayerId, unit: usize) -> Option<(egui::TextureId, Rect)> {
        let rect = self.tiles.get(&(layer, unit))?;
        Some((self.atlas.as_ref()?.id(), *rect))
    }

    /// Texture and cut of a channel for the chosen sample.
    pub fn map(&self, layer: LayerId, channel: usize) -> Option<(egui::TextureId, Rect)> {
        let (cut, ..) = self.maps.get(&(layer, channel))?;
        Some((self.map_atlas.as_ref()?.id(), *cut))
    }

    /// Smallest and largest value of a channel for the chosen sample.
    pub fn map_range(&self, layer: LayerId, channel: usize) -> Option<(f32, f32)> {
        self.maps.get(&(layer, channel)).map(|&(_, low, high)| (low, high))
    }

    pub fn surface(&self) -> Option<egui::TextureId> {
        Some(self.surface.as_ref()?.id())
    }

    /// z and a of a neuron for the chosen sample.
    pub fn value(&self, layer: LayerId, unit: usize) -> Option<(f32, f32)> {
        let (z, a) = self.values.get(&layer)?;
        Some((*z.get(unit)?, *a.get(unit)?))
    }

    /// Largest |a| of a layer for the chosen sample, at least 10⁻⁶.
    pub fn strongest(&self, layer: LayerId) -> f32 {
        self.values.get(&layer).map_or(1.0, |(_, a)| largest(a.iter().copied(), 1e-6))
    }
}

/// The side of a square grid of about `cells` points, at most `most`.
fn side(most: usize, cells: usize) -> usize {
    ((cells as f64).sqrt() as usize).clamp(6, most)
}

fn set(ctx: &Context, handle: &mut Option<TextureHandle>, name: &str, image: ColorImage, options: TextureOptions) {
    match handle {
        Some(handle) => handle.set(image, options),
        None => *handle = Some(ctx.load_texture(name, image, options)),
    }
}

/// How a prediction is coloured.
enum SurfaceColour {
    /// Orange for the first class, blue for the second.
    Two,
    Many(usize),
    /// Between the smallest and the largest target.
    Values {
        low: f32,
        high: f32,
    },
}

impl SurfaceColour {
    /// For the first output of the network, which need not be compared with the target.
    fn new(data: &Dataset, encoding: Option<Encoding>) -> Self {
        match data.target() {
            Targets::Classes { .. } if encoding == Some(Encoding::Values) => {
                let (low, high) = extent(data.x.column(0).iter().copied());
                Self::Values { low, high }
            }
            Targets::Classes { names, .. } if names.len() == 2 => Self::Two,
            Targets::Classes { names, .. } => Self::Many(names.len()),
            Targets::Values { values, .. } => {
                let (low, high) = extent(values.column(0).iter().copied());
                Self::Values { low, high }
            }
        }
    }

    /// Paler than the rows that are drawn on it.
    fn of(&self, probe: &Probe, sample: usize, t: &Tokens) -> Color32 {
        const STRENGTH: f32 = 0.75;
        match *self {
            Self::Two => t.signed(STRENGTH * (probe.probabilities(0, sample, 2)[1] * 2.0 - 1.0)),
            Self::Many(classes) => {
                let class = probe.class(sample);
                let p = probe.probabilities(0, sample, classes).get(class).copied().unwrap_or(0.0);
                let sure = (p * classes as f32 - 1.0) / (classes as f32 - 1.0);
                mix(t.zero, t.class(class), STRENGTH * sure.clamp(0.0, 1.0))
            }
            Self::Values { low, high } => {
                let part = (probe.prediction(0, sample) - low) / (high - low).max(1e-6);
                t.signed(STRENGTH * (part * 2.0 - 1.0).clamp(-1.0, 1.0))
            }
        }
    }
}

/// Smallest and largest of some numbers.
pub fn extent(values: impl Iterator<Item = f32>) -> (f32, f32) {
    values.fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)))
}

/// The colour of a row's target.
pub fn target_colour(data: &Dataset, row: usize, extent: (f32, f32), t: &Tokens) -> Color32 {
    match data.target() {
        Targets::Classes { labels, .. } => t.class(labels[row] as usize),
        Targets::Values { values, .. } => {
            t.signed((values[[row, 0]] - extent.0) / (extent.1 - extent.0).max(1e-6) * 2.0 - 1.0)
        }
    }
}

/// Smallest and largest first target, where targets are numbers.
pub fn target_extent(data: &Dataset) -> (f32, f32) {
    match data.target() {
        Targets::Classes { .. } => (0.0, 1.0),
        Targets::Values { values, .. } => extent(values.column(0).iter().copied()),
    }
}

/// The first two features with many different values: the most informative in a scatter plot.
pub fn telling(data: &Dataset) -> (usize, usize) {
    const ROWS: usize = 300;
    const MANY: usize = 9;
    let varied = |k: &usize| {
        let mut seen: Vec<u32> = data.x.column(*k).iter().take(ROWS).map(|v| v.to_bits()).collect();
        seen.sort_unstable();
        seen.dedup();
        seen.len() >= MANY
    };
    let mut found = (0..data.features().min(500)).filter(varied);
    let first = found.next().unwrap_or(0);
    (first, found.next().unwrap_or(usize::from(first == 0)))
}

/// How kernels are arranged in a picture: about square, within the limit of a texture.
pub struct KernelGrid {
    /// Filters side by side.
    pub beside: usize,
    /// Kernels that are drawn down and across.
    pub down: usize,
    pub across: usize,
}

impl KernelGrid {
    pub fn new([filters, channels, height, width]: [usize; 4]) -> Self {
        const MOST: usize = 512;
        let beside = ((filters as f64 / channels as f64).sqrt().ceil() as usize).clamp(1, filters.max(1));
        let down = filters.div_ceil(beside).min(MOST / (height + 1));
        Self { beside, down, across: (beside * channels).min(MOST / (width + 1)) }
    }
}

/// An image of a layer's weights: a matrix, or the kernels of a convolution, filters down and channels across.
pub fn weights_image(values: &[f32], shape: &[usize], t: &Tokens) -> Option<ColorImage> {
    let strongest = largest(values.iter().copied(), 1e-9);
    match *shape {
        [inputs, outputs] => Some(matrix_image(values, strongest, inputs, outputs, t)),
        [filters, channels, height, width] => {
            // Kernels are one pixel apart; with few channels, several filters are side by side.
            let KernelGrid { beside, down, across } = KernelGrid::new([filters, channels, height, width]);
            let size = [across * (width + 1) - 1, down * (height + 1) - 1];
            let mut pixels = vec![t.panel; size[0] * size[1]];
            for (row, column) in (0..down).flat_map(|r| (0..across).map(move |c| (r, c))) {
                let (filter, channel) = (row * beside + column / channels, column % channels);
                let Some(kernel) = values.chunks_exact(height * width).nth(filter * channels + channel) else {
                    continue;
                };
                for (i, v) in kernel.iter().enumerate() {
                    let (y, x) = (row * (height + 1) + i / width, column * (width + 1) + i % width);
                    pixels[y * size[0] + x] = t.signed(v / strongest);
                }
            }
            Some(ColorImage::new(size, pixels))
        }
        _ => None,
    }
}

/// An image of a weight matrix `[inputs, outputs]`; large ones are subsampled.
fn matrix_image(values: &[f32], strongest: f32, inputs: usize, outputs: usize, t: &Tokens) -> ColorImage {
    const MOST: usize = 256;
    let (rows, columns) = (inputs.min(MOST), outputs.min(MOST));
    let pixels = (0..rows * columns)
        .map(|i| {
            let (row, column) = ((i / columns) * inputs / rows, (i % columns) * outputs / columns);
            t.signed(values[row * outputs + column] / strongest)
        })
        .collect();
    ColorImage::new([columns, rows], pixels)
}
