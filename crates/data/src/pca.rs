//! Principal component analysis: the two directions of largest variance.

use super::prepare::Dataset;

/// Rows projected onto the first two principal components.
pub struct Projection {
    /// A point for each of `rows`.
    pub points: Vec<[f64; 2]>,
    pub rows: Vec<usize>,
    /// Share of the variance of all features along each component.
    pub shares: [f64; 2],
}

fn scale(direction: &mut [f64], by: f64) {
    for d in direction {
        *d *= by;
    }
}

/// Projects `rows` of the features onto their principal components.
///
/// Power iteration on the covariance, as products with the data (Golub & Van Loan, Matrix Computations, section 8.2).
pub fn project(data: &Dataset, rows: Vec<usize>) -> Projection {
    const ROUNDS: usize = 60;
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
        // A start that is hardly ever orthogonal to the component.
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
    Projection { points: places, rows, shares }
}

#[cfg(test)]
mod tests {
    use super::project;
    use crate::{Column, Preparation, Table, Treatment, prepare};

    #[test]
    fn the_projection_shows_the_directions_of_largest_variance() {
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
        let projection = project(&prepare(&table, &plan).expect("fits"), (0..60).collect());
        let [first, second] = projection.shares;
        assert!((first - 25.0 / 29.0).abs() < 1e-6 && (first + second - 1.0).abs() < 1e-6, "{first} {second}");
        let reach = |k: usize| projection.points.iter().map(|p| p[k].abs()).fold(0.0, f64::max);
        assert!((reach(0) - 5.0).abs() < 1e-4 && (reach(1) - 2.0).abs() < 1e-2, "{} {}", reach(0), reach(1));
    }
}
