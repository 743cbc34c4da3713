//! The side from which the features show most of their spread.

use super::views::{POINTS, sample};
use crate::data::Dataset;

/// All features on the plane of their two main directions.
pub(super) struct Plane {
    pub points: Vec<[f64; 2]>,
    pub rows: Vec<usize>,
    /// Shares of the spread that the two directions hold.
    pub shares: [f64; 2],
}

fn scale(direction: &mut [f64], by: f64) {
    for d in direction {
        *d *= by;
    }
}

/// Principal components by power iteration on the covariance, as products with the data (Golub & Van Loan, ch. 8.2).
pub(super) fn project(data: &Dataset) -> Plane {
    const ROUNDS: usize = 60;
    let (rows, _) = sample(data.rows(), POINTS);
    let width = data.features();
    let mut mean = vec![0.0; width];
    for &row in &rows {
        mean.iter_mut().zip(data.x.row(row)).for_each(|(m, &v)| *m += f64::from(v) / rows.len() as f64);
    }
    let centred = |row: usize| data.x.row(row).into_iter().zip(&mean).map(|(&v, m)| f64::from(v) - m);
    let total: f64 = rows.iter().map(|&row| centred(row).map(|v| v * v).sum::<f64>()).sum();
    let mut directions: Vec<Vec<f64>> = Vec::new();
    let mut shares = [0.0; 2];
    let mut places = vec![[0.0; 2]; rows.len()];
    for (k, found) in shares.iter_mut().enumerate() {
        // A start that is not at right angles to the direction, whatever it is.
        let mut direction: Vec<f64> = (0..width).map(|i| 1.0 + (i * 7919 % 101) as f64 / 101.0).collect();
        for _ in 0..ROUNDS {
            for other in &directions {
                let along: f64 = direction.iter().zip(other).map(|(a, b)| a * b).sum();
                direction.iter_mut().zip(other).for_each(|(d, o)| *d -= along * o);
            }
            let length = direction.iter().map(|d| d * d).sum::<f64>().sqrt();
            if length < 1e-12 {
                break;
            }
            scale(&mut direction, 1.0 / length);
            let mut next = vec![0.0; width];
            for &row in &rows {
                let along: f64 = centred(row).zip(&direction).map(|(v, d)| v * d).sum();
                next.iter_mut().zip(centred(row)).for_each(|(n, v)| *n += along * v);
            }
            direction = next;
        }
        for other in &directions {
            let along: f64 = direction.iter().zip(other).map(|(a, b)| a * b).sum();
            direction.iter_mut().zip(other).for_each(|(d, o)| *d -= along * o);
        }
        let length = direction.iter().map(|d| d * d).sum::<f64>().sqrt().max(1e-300);
        scale(&mut direction, 1.0 / length);
        for (place, &row) in places.iter_mut().zip(&rows) {
            place[k] = centred(row).zip(&direction).map(|(v, d)| v * d).sum();
        }
        *found = places.iter().map(|p| p[k] * p[k]).sum::<f64>() / total.max(1e-300);
        directions.push(direction);
    }
    Plane { points: places, rows, shares }
}

#[cfg(test)]
mod tests {
    use super::project;
    use crate::data::{Column, Preparation, Table, Treatment, prepare};

    #[test]
    fn the_plane_shows_the_directions_of_largest_spread() {
        // A flat ellipse, turned, in three dimensions.
        let turn = |i: usize| std::f64::consts::TAU * i as f64 / 60.0;
        let numbers = |f: &dyn Fn(f64) -> f64| (0..60).map(|i| f(turn(i))).collect::<Vec<f64>>();
        let table = Table {
            name: "t".into(),
            columns: vec![
                Column::numbers("a", numbers(&|t| 3.0 * t.cos() + 10.0)),
                Column::numbers("b", numbers(&|t| 4.0 * t.cos() - 2.0)),
                Column::numbers("c", numbers(&|t| 2.0 * t.sin())),
                Column::numbers("y", numbers(&|t| t)),
            ],
        };
        let mut plan = Preparation::guess(&table);
        plan.columns.iter_mut().for_each(|c| c.treatment = Treatment::AsIs);
        let plane = project(&prepare(&table, &plan).expect("fits"));
        let [first, second] = plane.shares;
        assert!((first - 25.0 / 29.0).abs() < 1e-6 && (first + second - 1.0).abs() < 1e-6, "{first} {second}");
        let reach = |k: usize| plane.points.iter().map(|p| p[k].abs()).fold(0.0, f64::max);
        assert!((reach(0) - 5.0).abs() < 1e-4 && (reach(1) - 2.0).abs() < 1e-2, "{} {}", reach(0), reach(1));
    }
}
