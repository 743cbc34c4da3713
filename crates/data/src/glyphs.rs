//! Synthetic pictures of digits: strokes that are bent, rotated and thickened at random. They need no licence and no file.

use super::numbers::Numbers;
use super::table::{Column, Images, Table, Values};
use chainrule_common::seed::{Purpose, Stream};
use rayon::prelude::{IntoParallelIterator as _, ParallelIterator as _};

const SIDE: usize = 28;
const COUNT: usize = 2000;

/// Strokes of a digit: points in a square from 0 to 1, x to the right and y down.
fn strokes(digit: usize) -> Vec<Vec<[f64; 2]>> {
    // Part of an ellipse, from one angle to another, in turns; 0 points to the right, 0.25 down.
    let arc = |x: f64, y: f64, a: f64, b: f64, from: f64, to: f64| -> Vec<[f64; 2]> {
        let at = |k: usize| {
            let angle = (from + (to - from) * k as f64 / 12.0) * std::f64::consts::TAU;
            [x + a * libm::cos(angle), y + b * libm::sin(angle)]
        };
        (0..=12).map(at).collect()
    };
    match digit {
        0 => vec![arc(0.5, 0.5, 0.27, 0.4, 0.0, 1.0)],
        1 => vec![vec![[0.36, 0.26], [0.54, 0.1], [0.54, 0.9]]],
        2 => {
            let mut line = arc(0.5, 0.31, 0.25, 0.21, -0.45, 0.12);
            line.extend([[0.26, 0.9], [0.78, 0.9]]);
            vec![line]
        }
        3 => {
            let mut line = arc(0.46, 0.3, 0.24, 0.2, -0.4, 0.25);
            line.extend(arc(0.46, 0.7, 0.27, 0.2, -0.25, 0.4));
            vec![line]
        }
        4 => vec![vec![[0.62, 0.9], [0.62, 0.1], [0.22, 0.65], [0.8, 0.65]]],
        5 => {
            let mut line = vec![[0.74, 0.1], [0.34, 0.1], [0.31, 0.46]];
            line.extend(arc(0.48, 0.66, 0.26, 0.24, -0.3, 0.4));
            vec![line]
        }
        6 => vec![vec![[0.66, 0.1], [0.42, 0.34], [0.28, 0.6]], arc(0.5, 0.67, 0.23, 0.23, -0.5, 0.5)],
        7 => vec![vec![[0.24, 0.1], [0.78, 0.1], [0.44, 0.9]]],
        8 => vec![arc(0.5, 0.3, 0.2, 0.2, 0.0, 1.0), arc(0.5, 0.7, 0.25, 0.2, 0.0, 1.0)],
        _ => vec![arc(0.5, 0.33, 0.23, 0.23, 0.0, 1.0), vec![[0.73, 0.36], [0.7, 0.62], [0.56, 0.9]]],
    }
}

/// A column of pictures and a column of their classes.
pub(super) fn table() -> Table {
    let drawn: Vec<Vec<u8>> = (0..COUNT).into_par_iter().map(|k| draw(k % 10, k as u64)).collect();
    let pixels = Numbers::Bytes(drawn.concat());
    let names: Vec<String> = (0..10).map(|d| d.to_string()).collect();
    let images = Images { height: SIDE, width: SIDE, channels: 1, pixels };
    Table {
        name: "Glyphs".to_owned(),
        columns: vec![
            Column::new("image", Values::Images(images)),
            Column::text("digit", (0..COUNT).map(|k| Some(names[k % 10].as_str()))),
        ],
    }
}

fn draw(digit: usize, index: u64) -> Vec<u8> {
    let mut stream = Stream::new(28, Purpose::Data, index);
    let angle = stream.between(-0.22, 0.22);
    let slant = stream.between(-0.25, 0.25);
    let (wide, high) = (stream.between(0.75, 1.05), stream.between(0.8, 1.05));
    let (right, down) = (stream.between(-0.07, 0.07), stream.between(-0.07, 0.07));
    let thickness = stream.between(0.035, 0.075);
    let (bend_x, bend_y) = (stream.between(-0.05, 0.05), stream.between(-0.05, 0.05));
    let strength = stream.between(0.8, 1.0);
    let (sine, cosine) = (libm::sin(angle), libm::cos(angle));
    let place = |[x, y]: [f64; 2]| {
        let x = x + bend_x * libm::sin(y * 6.0);
        let y = y + bend_y * libm::sin(x * 6.0);
        let (x, y) = ((x - 0.5) * wide - slant * (y - 0.5), (y - 0.5) * high);
        [0.5 + right + cosine * x - sine * y, 0.5 + down + sine * x + cosine * y]
    };
    let lines: Vec<Vec<[f64; 2]>> = strokes(digit).into_iter().map(|s| s.into_iter().map(place).collect()).collect();
    let mut pixels = Vec::with_capacity(SIDE * SIDE);
    for row in 0..SIDE {
        for column in 0..SIDE {
            let at = [(column as f64 + 0.5) / SIDE as f64, (row as f64 + 0.5) / SIDE as f64];
            let distance = lines.iter().flat_map(|l| l.windows(2)).map(|ends| distance(at, ends)).fold(1.0, f64::min);
            // An edge about a pixel wide.
            let ink = ((thickness - distance) * SIDE as f64 + 0.5).clamp(0.0, 1.0) * strength;
            let noise = stream.between(0.0, 0.06);
            pixels.push(((ink + noise).min(1.0) * 255.0) as u8);
        }
    }
    pixels
}

/// Distance of a point to a line segment.
fn distance([x, y]: [f64; 2], ends: &[[f64; 2]]) -> f64 {
    let ([ax, ay], [bx, by]) = (ends[0], ends[1]);
    let (dx, dy) = (bx - ax, by - ay);
    let along = (((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy).max(1e-12)).clamp(0.0, 1.0);
    libm::hypot(x - ax - along * dx, y - ay - along * dy)
}

#[cfg(test)]
mod tests {
    use super::{SIDE, table};
    use crate::Values;

    #[test]
    fn every_digit_is_there_and_looks_like_itself() {
        let table = table();
        let Values::Images(images) = &table.columns[0].values else { panic!("pictures") };
        assert_eq!((images.len(), images.size()), (2000, SIDE * SIDE));
        // The mean picture of the first half tells most of the second half: shapes differ more between digits than within.
        let mut means = vec![vec![0.0; SIDE * SIDE]; 10];
        for k in 0..1000 {
            means[k % 10].iter_mut().zip(images.picture(k)).for_each(|(m, v)| *m += v / 100.0);
        }
        let nearest = |k: usize| {
            let distance =
                |mean: &Vec<f64>| mean.iter().zip(images.picture(k)).map(|(m, v)| (m - v).powi(2)).sum::<f64>();
            (0..10).min_by(|&a, &b| distance(&means[a]).total_cmp(&distance(&means[b]))).unwrap_or(0)
        };
        let right = (1000..2000).filter(|&k| nearest(k) == k % 10).count();
        assert!(right > 700, "{right} of 1000");
    }
}
