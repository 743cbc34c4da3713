//! Synthetic data with noise, from a seed. Coordinates lie roughly in −6..6.

use super::error::DataError;
use super::table::{Column, Table};
use chainrule_common::seed::{Purpose, Stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::f64::consts::{PI, TAU};

/// A generator with its settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Generator {
    pub shape: Shape,
    pub samples: usize,
    /// 0 is none; at 1 the noise is about as large as the shape.
    pub noise: f64,
    pub seed: u64,
}

/// The shape or the task of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Shape {
    Circle,
    ExclusiveOr,
    Gaussians,
    Spiral,
    Moons,
    AboveCurve {
        curve: BoundaryCurve,
    },
    Blobs {
        classes: usize,
    },
    Arms {
        classes: usize,
    },
    Plane,
    Hills,
    Sine,
    Step,
    /// The sum of the two marked numbers of a sequence (Hochreiter & Schmidhuber 1997)
    Adding {
        length: usize,
    },
    /// The next value of a wave, from the values before it
    Wave {
        length: usize,
    },
    /// Numbers, and the same numbers sorted
    Sorting {
        length: usize,
    },
    /// Visits of a shop, from its city, the day and the temperature
    Visits,
}

/// The boundary y = f(x) between the classes "above" and "below".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BoundaryCurve {
    Sine,
    Cubic,
    Absolute,
}

impl BoundaryCurve {
    pub const ALL: [Self; 3] = [Self::Sine, Self::Cubic, Self::Absolute];

    pub fn label(self) -> &'static str {
        match self {
            Self::Sine => "3 sin x",
            Self::Cubic => "x³ / 20 − x",
            Self::Absolute => "|x| − 3",
        }
    }

    fn at(self, x: f64) -> f64 {
        match self {
            Self::Sine => 3.0 * libm::sin(x),
            Self::Cubic => x * x * x / 20.0 - x,
            Self::Absolute => x.abs() - 3.0,
        }
    }
}

impl Shape {
    pub const ALL: [Self; 16] = [
        Self::Circle,
        Self::ExclusiveOr,
        Self::Gaussians,
        Self::Spiral,
        Self::Moons,
        Self::AboveCurve { curve: BoundaryCurve::Sine },
        Self::Blobs { classes: 3 },
        Self::Arms { classes: 3 },
        Self::Plane,
        Self::Hills,
        Self::Sine,
        Self::Step,
        Self::Adding { length: 12 },
        Self::Wave { length: 16 },
        Self::Sorting { length: 6 },
        Self::Visits,
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::Circle => "Circle",
            Self::ExclusiveOr => "Exclusive-or",
            Self::Gaussians => "Two Gaussians",
            Self::Spiral => "Spiral",
            Self::Moons => "Two moons",
            Self::AboveCurve { .. } => "Above a curve",
            Self::Blobs { .. } => "Blobs",
            Self::Arms { .. } => "Spiral arms",
            Self::Plane => "Plane",
            Self::Hills => "Gaussian hills",
            Self::Sine => "Sine",
            Self::Step => "Step",
            Self::Adding { .. } => "Adding problem",
            Self::Wave { .. } => "Wave forecast",
            Self::Sorting { .. } => "Sorting",
            Self::Visits => "Shop visits",
        }
    }

    /// What kind of task it is, for grouping.
    pub fn group(self) -> &'static str {
        match self {
            Self::Blobs { .. } | Self::Arms { .. } => "Three or more classes",
            Self::Plane | Self::Hills | Self::Sine | Self::Step => "Regression",
            Self::Adding { .. } | Self::Wave { .. } | Self::Sorting { .. } => "Sequences",
            Self::Visits => "Categories",
            _ => "Two classes",
        }
    }

    pub fn same_kind(self, other: Self) -> bool {
        std::mem::discriminant(&self) == std::mem::discriminant(&other)
    }
}

impl Default for Generator {
    fn default() -> Self {
        Self { shape: Shape::Circle, samples: 400, noise: 0.1, seed: 1 }
    }
}

const MIN_SAMPLES: usize = 8;
const MAX_SAMPLES: usize = 1_000_000;
const MAX_LENGTH: usize = 200;
const MAX_CLASSES: usize = 26;
const MAX_NOISE: f64 = 2.0;

impl Generator {
    /// Generates the table: columns `x`, `y` and `class`, or for one-dimensional regression `x` and `y`, else `x`, `y`, `height`.
    /// Sequences have a column for every number of a step, and one or several that begin with `target`.
    ///
    /// # Errors
    /// When a setting is out of range.
    pub fn table(&self) -> Result<Table, DataError> {
        if let Some((name, reason)) = self.wrong_setting() {
            return Err(DataError::Setting { at: format!("generator.{name}"), reason });
        }
        let rng = &mut Stream::new(self.seed, Purpose::Data, 0);
        let name = self.shape.label().to_owned();
        let noise = self.noise;
        let columns = match self.shape {
            Shape::Plane | Shape::Hills => {
                let points: Vec<[f64; 3]> = (0..self.samples).map(|_| self.surface(rng, noise)).collect();
                let column = |k: usize| points.iter().map(|p| p[k]).collect::<Vec<f64>>();
                vec![
                    Column::numbers("x", column(0)),
                    Column::numbers("y", column(1)),
                    Column::numbers("height", column(2)),
                ]
            }
            Shape::Sine | Shape::Step => {
                let x: Vec<f64> = (0..self.samples).map(|_| rng.between(-6.0, 6.0)).collect();
                let y: Vec<f64> = x.iter().map(|&x| self.line(x) + 0.5 * noise * rng.normal()).collect();
                vec![Column::numbers("x", x), Column::numbers("y", y)]
            }
            Shape::Adding { length } => self.adding(length, rng, noise),
            Shape::Wave { length } => self.wave(length, rng, noise),
            Shape::Sorting { length } => self.sorting(length, rng, noise),
            Shape::Visits => self.visits(rng, noise),
            _ => {
                let points: Vec<(f64, f64, usize)> = (0..self.samples).map(|i| self.point(i, rng, noise)).collect();
                let names = self.class_names();
                vec![
                    Column::numbers("x", points.iter().map(|p| p.0).collect::<Vec<f64>>()),
                    Column::numbers("y", points.iter().map(|p| p.1).collect::<Vec<f64>>()),
                    Column::text("class", points.iter().map(|p| Some(names[p.2].as_str()))),
                ]
            }
        };
        Ok(Table { name, columns })
    }

    /// A setting out of range: its name, and the range.
    pub fn wrong_setting(&self) -> Option<(&'static str, String)> {
        let told = |name, what: &str, value: usize, low: usize, high: usize| {
            let fits = (low..=high).contains(&value);
            (!fits).then(|| (name, format!("{what} must be between {low} and {high}, but is {value}")))
        };
        if !(0.0..=MAX_NOISE).contains(&self.noise) {
            return Some(("noise", format!("the noise must lie between 0 and {MAX_NOISE}, but is {}", self.noise)));
        }
        told("samples", "the number of samples", self.samples, MIN_SAMPLES, MAX_SAMPLES).or_else(|| match self.shape {
            Shape::Blobs { classes } | Shape::Arms { classes } => {
                told("shape", "the number of classes", classes, 3, MAX_CLASSES)
            }
            Shape::Adding { length } | Shape::Wave { length } | Shape::Sorting { length } => {
                told("shape", "the length of the sequences", length, 2, MAX_LENGTH)
            }
            _ => None,
        })
    }

    /// Names of the classes, in order.
    fn class_names(&self) -> Vec<String> {
        let names: &[&str] = match self.shape {
            Shape::Circle => &["outer", "inner"],
            Shape::ExclusiveOr => &["different", "same"],
            Shape::AboveCurve { .. } => &["below", "above"],
            Shape::Moons => &["lower", "upper"],
            Shape::Blobs { classes } | Shape::Arms { classes } => {
                return (0..classes).map(|k| ((b'A' + k as u8) as char).to_string()).collect();
            }
            _ => &["A", "B"],
        };
        names.iter().map(|&n| n.to_owned()).collect()
    }

    fn point(&self, i: usize, rng: &mut Stream, noise: f64) -> (f64, f64, usize) {
        let blur = |rng: &mut Stream, (x, y): (f64, f64), size: f64| {
            (x + noise * size * rng.normal(), y + noise * size * rng.normal())
        };
        let k = i % 2;
        match self.shape {
            Shape::Circle => {
                let radius = if k == 1 { rng.between(0.0, 2.5) } else { rng.between(3.5, 5.0) };
                let (x, y) = blur(rng, polar(radius, rng_angle(i, self.seed)), 1.2);
                (x, y, k)
            }
            Shape::ExclusiveOr => {
                let side = |rng: &mut Stream| rng.between(0.4, 5.0);
                let sign = if rng.uniform() < 0.5 { -1.0 } else { 1.0 };
                let clean = (sign * side(rng), if k == 1 { sign } else { -sign } * side(rng));
                let (x, y) = blur(rng, clean, 1.5);
                (x, y, k)
            }
            Shape::Gaussians => {
                let centre = if k == 0 { -2.0 } else { 2.0 };
                let spread = 0.7 + 2.0 * noise;
                (centre + spread * rng.normal(), centre + spread * rng.normal(), k)
            }
            Shape::Spiral => self.arm(i, 2, 1.75, rng, noise),
            Shape::Moons => {
                let t = rng.between(0.0, PI);
                let (x, y) = (3.2 * libm::cos(t), 3.2 * libm::sin(t));
                let clean = if k == 1 { (x - 1.6, y - 0.8) } else { (1.6 - x, 0.8 - y) };
                let (x, y) = blur(rng, clean, 2.0);
                (x, y, k)
            }
            Shape::AboveCurve { curve } => {
                let x = rng.between(-5.0, 5.0);
                let gap = 0.3 + rng.between(0.0, 4.0);
                let y = curve.at(x) + if k == 1 { gap } else { -gap };
                let (x, y) = blur(rng, (x, y), 1.5);
                (x, y, k)
            }
            Shape::Blobs { classes } => {
                let n = classes;
                let class = i % n;
                let centre = polar(3.6, TAU * class as f64 / n as f64);
                let (x, y) = blur(rng, centre, 2.0);
                let own = 0.45;
                (x + own * rng.normal(), y + own * rng.normal(), class)
            }
            Shape::Arms { classes } => self.arm(i, classes, 0.9, rng, noise),
            _ => (0.0, 0.0, 0),
        }
    }

    /// Point `i` of a spiral with `arms` arms that make `turns` half-turns each.
    fn arm(&self, i: usize, arms: usize, turns: f64, rng: &mut Stream, noise: f64) -> (f64, f64, usize) {
        let along = (i / arms) as f64 / (self.samples / arms).max(1) as f64;
        let angle = turns * TAU * along + TAU * (i % arms) as f64 / arms as f64;
        let (x, y) = polar(0.3 + 4.7 * along, angle);
        (x + noise * rng.normal(), y + noise * rng.normal(), i % arms)
    }

    fn surface(&self, rng: &mut Stream, noise: f64) -> [f64; 3] {
        let (x, y) = (rng.between(-6.0, 6.0), rng.between(-6.0, 6.0));
        let clean = if self.shape == Shape::Plane {
            (x + y) / 10.0
        } else {
            const HILLS: [(f64, f64, f64); 6] = [
                (-4.0, 2.5, 1.0),
                (0.0, 2.5, -1.0),
                (4.0, 2.5, 1.0),
                (-4.0, -2.5, -1.0),
                (0.0, -2.5, 1.0),
                (4.0, -2.5, -1.0),
            ];
            HILLS.iter().map(|(hx, hy, sign)| sign * libm::exp(-((x - hx).powi(2) + (y - hy).powi(2)) / 3.0)).sum()
        };
        [x, y, clean + 0.3 * noise * rng.normal()]
    }

    /// A sequence of pairs of a number and a mark, with one mark in each half. The target is the sum of the marked numbers.
    fn adding(&self, length: usize, rng: &mut Stream, noise: f64) -> Vec<Column> {
        let mut rows: Vec<Vec<f64>> = vec![Vec::with_capacity(self.samples); 2 * length + 1];
        for _ in 0..self.samples {
            let half = length / 2;
            let marked = [rng.below(half), half + rng.below(length - half)];
            let mut sum = 0.0;
            for t in 0..length {
                let (value, mark) = (rng.uniform(), marked.contains(&t));
                rows[2 * t].push(value);
                rows[2 * t + 1].push(f64::from(mark));
                sum += if mark { value } else { 0.0 };
            }
            rows[2 * length].push(sum + 0.2 * noise * rng.normal());
        }
        let name = |k: usize| match (k == 2 * length, k % 2) {
            (true, _) => "target".to_owned(),
            (false, 0) => format!("value {}", k / 2 + 1),
            (false, _) => format!("mark {}", k / 2 + 1),
        };
        rows.into_iter().enumerate().map(|(k, values)| Column::numbers(name(k), values)).collect()
    }

    /// Sliding windows over a sum of two waves.
    fn wave(&self, length: usize, rng: &mut Stream, noise: f64) -> Vec<Column> {
        let phase = TAU * rng.uniform();
        let series: Vec<f64> = (0..self.samples + length)
            .map(|t| {
                let t = t as f64;
                let clean = libm::sin(TAU * t / 25.0 + phase) + 0.5 * libm::sin(TAU * t / 9.3);
                clean + 0.3 * noise * rng.normal()
            })
            .collect();
        let name = |k: usize| if k == length { "target".to_owned() } else { format!("t − {}", length - k) };
        let column = |k: usize| Column::numbers(name(k), series[k..k + self.samples].to_vec());
        (0..=length).map(column).collect()
    }

    /// Numbers between −1 and 1; the targets are the same numbers in ascending order.
    fn sorting(&self, length: usize, rng: &mut Stream, noise: f64) -> Vec<Column> {
        let mut columns: Vec<Vec<f64>> = vec![Vec::with_capacity(self.samples); 2 * length];
        for _ in 0..self.samples {
            let mut row: Vec<f64> = (0..length).map(|_| rng.between(-1.0, 1.0)).collect();
            (0..length).for_each(|k| columns[k].push(row[k]));
            row.sort_by(f64::total_cmp);
            (0..length).for_each(|k| columns[length + k].push(row[k] + 0.2 * noise * rng.normal()));
        }
        let name = |k: usize| if k < length { format!("x{}", k + 1) } else { format!("target {}", k - length + 1) };
        columns.into_iter().enumerate().map(|(k, values)| Column::numbers(name(k), values)).collect()
    }

    /// Visits depend on the temperature, with a slope by city: the cities are of three hidden kinds.
    fn visits(&self, rng: &mut Stream, noise: f64) -> Vec<Column> {
        const CITIES: [&str; 12] = [
            "Arden", "Brink", "Corve", "Dunmore", "Elsby", "Farrow", "Garth", "Holt", "Ilsen", "Jarrow", "Kelby",
            "Lunden",
        ];
        const DAYS: [(&str, f64); 7] = [
            ("Monday", 0.8),
            ("Tuesday", 0.7),
            ("Wednesday", 0.8),
            ("Thursday", 0.9),
            ("Friday", 1.1),
            ("Saturday", 1.6),
            ("Sunday", 0.4),
        ];
        // Visits at 12 degrees, and the change per degree.
        const KINDS: [(f64, f64); 3] = [(40.0, 0.3), (120.0, 3.0), (75.0, -1.5)];
        let (mut city, mut day, mut warmth, mut visits) = (vec![], vec![], vec![], vec![]);
        for _ in 0..self.samples {
            let (c, d) = (rng.below(CITIES.len()), rng.below(DAYS.len()));
            let degrees = rng.between(-5.0, 30.0);
            let (base, slope) = KINDS[c % KINDS.len()];
            let mean = (base + slope * (degrees - 12.0)) * DAYS[d].1;
            city.push(Some(CITIES[c]));
            day.push(Some(DAYS[d].0));
            warmth.push((degrees * 10.0).round() / 10.0);
            visits.push((mean * (1.0 + 0.5 * noise * rng.normal())).round().max(0.0));
        }
        vec![
            Column::text("city", city),
            Column::text("day", day),
            Column::numbers("temperature", warmth),
            Column::numbers("target", visits),
        ]
    }

    fn line(&self, x: f64) -> f64 {
        if self.shape == Shape::Sine {
            libm::sin(x)
        } else if x < 0.0 {
            -1.0
        } else {
            1.0
        }
    }
}

fn polar(radius: f64, angle: f64) -> (f64, f64) {
    (radius * libm::sin(angle), radius * libm::cos(angle))
}

/// Angles evenly spread by the golden ratio, turned by the seed.
fn rng_angle(i: usize, seed: u64) -> f64 {
    TAU * (i as f64 * 0.618_033_988_75 + (seed % 1000) as f64 * 0.001).fract()
}

#[cfg(test)]
mod tests {
    use super::{BoundaryCurve, Generator, Shape};
    use crate::Values;

    #[test]
    fn every_shape_repeats_from_its_seed_and_balances_its_classes() {
        for shape in Shape::ALL {
            let generator = Generator { shape, samples: 300, noise: 0.1, seed: 4 };
            let table = generator.table().expect("in range");
            assert_eq!(table, generator.table().expect("in range"), "{shape:?}");
            assert_ne!(table, Generator { seed: 5, ..generator }.table().expect("in range"), "{shape:?}");
            assert_eq!(table.rows(), 300);
            if let Some(class) = table.column("class") {
                let Values::Text(text) = &class.values else { panic!("classes are text") };
                let counts = text.counts();
                assert!(counts.iter().all(|&n| n == 300 / counts.len()), "{shape:?}");
            }
        }
    }

    #[test]
    fn clean_shapes_obey_their_definition() {
        let points = |shape| {
            let table = Generator { shape, samples: 200, noise: 0.0, seed: 2 }.table().expect("in range");
            let read = |name: &str, i: usize| table.column(name).expect("column").number(i);
            let class = table.column("class").expect("class");
            (0..200).map(|i| (read("x", i), read("y", i), class.cell(i))).collect::<Vec<_>>()
        };
        for (x, y, class) in points(Shape::Circle) {
            assert_eq!(x.hypot(y) < 3.0, class == "inner");
        }
        for (x, y, class) in points(Shape::ExclusiveOr) {
            assert_eq!(x * y > 0.0, class == "same");
        }
        for (x, y, class) in points(Shape::AboveCurve { curve: BoundaryCurve::Absolute }) {
            assert_eq!(y > x.abs() - 3.0, class == "above");
        }
    }

    #[test]
    fn clean_sequences_obey_their_definition() {
        let rows = |shape| {
            let table = Generator { shape, samples: 50, noise: 0.0, seed: 2 }.table().expect("in range");
            let numbers = |row: usize| table.columns.iter().map(|c| c.number(row)).collect::<Vec<f64>>();
            (0..50).map(numbers).collect::<Vec<_>>()
        };
        for row in rows(Shape::Adding { length: 7 }) {
            let marked: Vec<f64> = row[..14].chunks(2).filter(|step| step[1] == 1.0).map(|step| step[0]).collect();
            assert_eq!(marked.len(), 2);
            assert_eq!(row[14], marked[0] + marked[1]);
        }
        let wave = rows(Shape::Wave { length: 5 });
        assert!(wave.windows(2).all(|pair| pair[0][1..] == pair[1][..5]), "each window is one step further");
        for row in rows(Shape::Sorting { length: 4 }) {
            let mut sorted = row[..4].to_vec();
            sorted.sort_by(f64::total_cmp);
            assert_eq!(row[4..], sorted);
        }
    }

    #[test]
    fn too_many_samples_are_refused() {
        assert!(Generator { samples: 2_000_000, ..Generator::default() }.table().is_err());
    }
}
