//! Data that a person drew with the mouse: points of classes, or a function.

use super::error::DataError;
use super::table::{Column, Table};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Points on a plane from −6 to 6 on both axes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Drawing {
    pub kind: DrawingKind,
    /// x, y and the index of the class; 0 for a function.
    pub points: Vec<(f64, f64, u8)>,
}

/// What is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DrawingKind {
    /// Points of several classes
    #[default]
    Classes,
    /// y over x
    Function,
}

impl Drawing {
    /// Half the width of the plane.
    pub const REACH: f64 = 6.0;
    /// Largest number of points.
    pub const MOST: usize = 20_000;
    /// Largest number of classes.
    pub const CLASSES: usize = 8;

    /// Columns x and y, and the class unless a function is drawn.
    ///
    /// # Errors
    /// If a point is not finite or its class is too large, as can be in a file.
    pub(super) fn table(&self) -> Result<Table, DataError> {
        let bad =
            |&&(x, y, class): &&(f64, f64, u8)| !x.is_finite() || !y.is_finite() || usize::from(class) >= Self::CLASSES;
        if self.points.len() > Self::MOST || self.points.iter().find(bad).is_some() {
            return Err(DataError::Drawing { most: Self::MOST, classes: Self::CLASSES });
        }
        let mut columns = vec![
            Column::numbers("x", self.points.iter().map(|p| p.0).collect::<Vec<f64>>()),
            Column::numbers("y", self.points.iter().map(|p| p.1).collect::<Vec<f64>>()),
        ];
        if self.kind == DrawingKind::Classes {
            let names: Vec<String> = (0..Self::CLASSES as u8).map(class_name).collect();
            columns.push(Column::text("class", self.points.iter().map(|p| Some(names[usize::from(p.2)].as_str()))));
        }
        Ok(Table { name: "Drawing".to_owned(), columns })
    }
}

/// Classes are named by letters.
pub fn class_name(class: u8) -> String {
    char::from(b'A' + class).to_string()
}

#[cfg(test)]
mod tests {
    use super::{Drawing, DrawingKind};

    #[test]
    fn points_become_a_table_and_bad_ones_are_refused() {
        let points = vec![(1.0, -2.0, 0), (0.5, 3.0, 2)];
        let classes = Drawing { kind: DrawingKind::Classes, points: points.clone() }.table().expect("fits");
        assert_eq!((classes.columns.len(), classes.columns[2].cell(1)), (3, "C".to_owned()));
        let function = Drawing { kind: DrawingKind::Function, points }.table().expect("fits");
        assert_eq!((function.columns.len(), function.columns[1].cell(1)), (2, "3".to_owned()));
        for point in [(f64::NAN, 0.0, 0), (0.0, f64::INFINITY, 0), (0.0, 0.0, 8)] {
            let bad = Drawing { kind: DrawingKind::Classes, points: vec![point] };
            assert!(bad.table().is_err(), "{point:?}");
        }
    }
}
