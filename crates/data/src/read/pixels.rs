//! Columns that are the pixels of pictures: they are found and offered, and become one column of pictures where asked for.

use crate::error::DataError;
use crate::numbers::Numbers;
use crate::reading::Reading;
use crate::table::{Column, Images, Table, Values};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Columns side by side, each a pixel of the row's picture, line by line from the top.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PixelColumns {
    /// The column of the first pixel
    pub first: String,
    pub height: u32,
    pub width: u32,
    /// 1 for grey, 3 for colours
    pub channels: u32,
    /// Whether all values of a channel come before those of the next one, as in CIFAR's files
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub planar: bool,
}

/// Smaller squares are not offered as pictures.
const LEAST_SIDE: usize = 8;
/// Rows that are looked at.
const LOOK: usize = 500;

impl PixelColumns {
    /// How many columns there are.
    pub fn count(&self) -> usize {
        [self.height, self.width, self.channels].iter().fold(1, |n, &side| n.saturating_mul(side as usize))
    }

    /// What they are, in words.
    pub fn describe(&self) -> String {
        let colours = if self.channels == 1 { "grey" } else { "colour" };
        format!(
            "{} columns from \"{}\" on: {colours} pictures of {} × {}",
            self.count(),
            self.first,
            self.height,
            self.width
        )
    }

    /// A square picture of so many values.
    fn square(first: &str, values: usize) -> Option<Self> {
        [1, 3].into_iter().find_map(|channels| {
            let side = (values / channels).isqrt();
            let fits = side >= LEAST_SIDE && side * side * channels == values;
            fits.then(|| Self {
                first: first.to_owned(),
                height: side as u32,
                width: side as u32,
                channels: channels as u32,
                planar: false,
            })
        })
    }
}

/// The columns of a table that look like pixels: a square number of them with counting names and one range.
pub(super) fn find(table: &Table) -> Option<PixelColumns> {
    let columns = &table.columns;
    let stem = |k: usize| columns[k].name.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    let mut begin = 0;
    while begin < columns.len() {
        let first = stem(begin);
        let end =
            (begin..columns.len()).find(|&k| !columns[k].is_number() || stem(k) != first).unwrap_or(columns.len());
        // In a table without names the class is called as the pixels are, at either end.
        for (from, to) in [(begin, end), (begin + 1, end), (begin, end.saturating_sub(1))] {
            if from < to
                && let Some(pixels) = PixelColumns::square(&columns[from].name, to - from)
                && columns[from].name.contains(|c: char| c.is_ascii_digit())
                && have_one_range(&columns[from..to])
            {
                return Some(pixels);
            }
        }
        begin = end.max(begin + 1);
    }
    None
}

/// Whether the values are those of pixels: whole numbers to 255, or shares to 1.
fn have_one_range(columns: &[Column]) -> bool {
    let (mut most, mut whole) = (0.0_f64, true);
    for column in columns {
        let Values::Numbers(values) = &column.values else { return false };
        for value in values.iter().take(LOOK) {
            if !(0.0..=255.0).contains(&value) {
                return false;
            }
            most = most.max(value);
            whole &= value.fract() == 0.0;
        }
    }
    most > 0.0 && (most <= 1.0 || (whole && most > 2.0))
}

/// Makes one column of pictures of the columns of their pixels.
pub(super) fn join(mut table: Table, pixels: &PixelColumns, reading: &Reading) -> Result<Table, DataError> {
    let malformed = |reason: String| DataError::Malformed { name: table.name.clone(), reason };
    let PixelColumns { first, height, width, channels, planar } = pixels;
    let (height, width, channels) = (*height as usize, *width as usize, *channels as usize);
    let count = pixels.count();
    let begin = table.columns.iter().position(|c| c.name == *first);
    let begin = begin.ok_or_else(|| {
        malformed(format!("there is no column \"{first}\", which should hold the first pixel of each picture"))
    })?;
    let there = table.columns.len() - begin;
    if count == 0 || !matches!(channels, 1 | 3) || count > there {
        return Err(malformed(format!(
            "pictures of {height} × {width} with {} need {count} columns from \"{first}\" on, but there are {there}",
            chainrule_common::format::counted(channels, "channel")
        )));
    }
    let used = &table.columns[begin..begin + count];
    let mut sources = Vec::with_capacity(count);
    for column in used {
        let Values::Numbers(values) = &column.values else {
            return Err(malformed(format!(
                "the column \"{}\" should hold pixels, but its values are no numbers",
                column.name
            )));
        };
        if let Some(row) = values.iter().position(|v| !v.is_finite()) {
            return Err(malformed(format!(
                "row {}, column \"{}\": a pixel is missing. Fill it in the file, or take the columns as numbers",
                row + 1,
                column.name
            )));
        }
        sources.push(values);
    }
    let rows = table.rows();
    // One wide column widens all pixels.
    reading.allow(&table.name, count.saturating_mul(sources.iter().map(|v| v.bytes()).max().unwrap_or_default()))?;
    // In memory the channels of a pixel lie side by side.
    let place = |k: usize| if *planar { (k % channels) * height * width + k / channels } else { k };
    let of_row = |row: usize| (0..count).map(move |k| (row, place(k)));
    let pixels: Numbers = (0..rows).flat_map(of_row).map(|(row, k)| sources[k].get(row)).collect();
    let images = Values::Images(Images { height, width, channels, pixels });
    let names: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
    let name = (1..).map(|n| if n == 1 { "picture".to_owned() } else { format!("picture {n}") });
    let name = name.into_iter().find(|name| !names.contains(&name.as_str())).unwrap_or_default();
    table.columns.splice(begin..begin + count, [Column::new(name, images)]);
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::{PixelColumns, find};
    use crate::read::{ReadOptions, read_bytes};
    use crate::{Preparation, Table, Values, prepare};

    fn read(text: &str, options: &ReadOptions) -> Result<Table, String> {
        read_bytes("t.csv", text.as_bytes(), options).map(|(table, _)| table).map_err(|e| e.to_string())
    }

    /// A table of `count` pixels and a class, with the names that `name` gives.
    fn text(count: usize, name: &dyn Fn(usize) -> String, value: &dyn Fn(usize, usize) -> String) -> String {
        let header: Vec<String> = (0..count).map(name).collect();
        let row = |r: usize| (0..count).map(|k| value(r, k)).collect::<Vec<_>>().join(",");
        let rows: Vec<String> = (0..40).map(|r| format!("{},{}", row(r), ["a", "b"][r % 2])).collect();
        format!("{},label\n{}\n", header.join(","), rows.join("\n"))
    }

    #[test]
    fn pixels_are_found_by_their_number_their_names_and_their_range() {
        let grey = |r: usize, k: usize| ((r * 31 + k * 7) % 256).to_string();
        let share = |r: usize, k: usize| format!("{}", ((r + k) % 11) as f64 / 10.0);
        let found = |text: &str| find(&read(text, &ReadOptions::default()).expect("is read"));
        let square = |first: &str, side, channels| {
            Some(PixelColumns { first: first.into(), height: side, width: side, channels, planar: false })
        };
        assert_eq!(found(&text(64, &|k| format!("pixel{k}"), &grey)), square("pixel0", 8, 1));
        assert_eq!(found(&text(81, &|k| format!("{}x{}", k / 9, k % 9), &share)), square("0x0", 9, 1));
        assert_eq!(found(&text(192, &|k| format!("p{k}"), &grey)), square("p0", 8, 3));
        assert_eq!(found(&text(63, &|k| format!("pixel{k}"), &grey)), None, "no square");
        assert_eq!(found(&text(64, &|k| format!("x{k}"), &|r, k| (r * k).to_string())), None, "above 255");
        assert_eq!(found(&text(64, &|k| format!("x{k}"), &|r, k| ((r + k) % 2).to_string() + ".5")), None, "no shares");
    }

    #[test]
    fn pixels_become_pictures_and_what_is_no_picture_is_refused() {
        let value = |r: usize, k: usize| ((r + 3 * k) % 200).to_string();
        let text = text(192, &|k| format!("p{k}"), &value);
        let with = |f: &dyn Fn(&mut PixelColumns)| {
            let mut pixels = PixelColumns { first: "p0".into(), height: 8, width: 8, channels: 3, planar: false };
            f(&mut pixels);
            read(&text, &ReadOptions { pixels: Some(pixels), ..ReadOptions::default() })
        };
        let table = with(&|_| {}).expect("are pictures");
        let Values::Images(images) = &table.columns[0].values else { panic!("pictures") };
        assert_eq!((table.columns.len(), images.height, images.width, images.channels), (2, 8, 8, 3));
        assert_eq!(images.picture(5).take(4).collect::<Vec<_>>(), [5.0, 8.0, 11.0, 14.0]);
        let planar = with(&|p| p.planar = true).expect("are pictures");
        let Values::Images(images) = &planar.columns[0].values else { panic!("pictures") };
        assert_eq!(images.picture(0).take(3).collect::<Vec<_>>(), [0.0, 192.0, (3 * 128 % 200) as f64]);
        let data = prepare(&table, &Preparation::guess(&table)).expect("fits");
        assert_eq!(data.encoder.picture(), Some((8, 8, 3)));
        for (change, want) in [
            (&(|p: &mut PixelColumns| p.width = 9) as &dyn Fn(&mut PixelColumns), "need 216 columns from \"p0\" on"),
            (&|p: &mut PixelColumns| p.first = "q".into(), "there is no column \"q\""),
            (&|p: &mut PixelColumns| p.channels = 2, "with 2 channels"),
            (
                &|p: &mut PixelColumns| (p.height, p.width) = (u32::MAX, u32::MAX),
                "columns from \"p0\" on, but there are",
            ),
        ] {
            let error = with(change).expect_err("is refused");
            assert!(error.contains(want), "{error}");
        }
    }
}
