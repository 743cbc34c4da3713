//! Folders and zip archives of pictures: a sub-folder per class, or a table of labels beside the pictures.

use super::archive::{files_of, is_image};
use super::byte_source::ByteSource;
use super::options::{Detected, Fit, Format, ImageOptions, ReadOptions};
use crate::error::DataError;
use crate::numbers::Numbers;
use crate::reading::Reading;
use crate::table::{Column, Images, Table, Values};
use image::imageops::FilterType;
use image::{DynamicImage, ImageReader, Limits};
use rayon::prelude::{IntoParallelRefIterator as _, ParallelIterator as _};
use std::collections::HashMap;
use std::io::{BufReader, Cursor, Read as _};
use std::path::{Path, PathBuf};

/// A picture with more bytes, or with more pixels on a side, is refused.
const FILE_LIMIT: u64 = 256 << 20;
const SIDE_LIMIT: u32 = 20_000;
/// Pictures that all have one size up to this keep it; others become squares of [`SIDE`].
const KEPT: u32 = 64;
const SIDE: u32 = 32;
/// Pictures from which the size is chosen.
const SAMPLED: usize = 64;
const CHUNK: usize = 256;

/// A picture: its path in the source, the folder it is in, and where its bytes are.
struct Picture {
    name: String,
    class: Option<String>,
    place: Place,
}

enum Place {
    File(PathBuf),
    /// Index of the entry in an archive.
    Entry(usize),
}

impl Picture {
    fn new(path: &str, place: Place) -> Self {
        Self { name: path.to_owned(), class: path.rsplit('/').nth(1).map(str::to_owned), place }
    }
}

/// `read_table` reads a table in the same folder, which may hold the labels.
pub(super) fn read_folder(
    source: &ByteSource,
    options: &ReadOptions,
    reading: &Reading,
    read_table: &dyn Fn(&Path) -> Result<Table, DataError>,
) -> Result<(Table, Detected), DataError> {
    let folder = source.path().unwrap_or(Path::new(""));
    let files = files_of(folder)?;
    let inside = |path: &Path| path.strip_prefix(folder).unwrap_or(path).to_string_lossy().replace('\\', "/");
    let pictures: Vec<Picture> = files
        .iter()
        .map(|path| (inside(path), path))
        .filter(|(name, _)| is_image(name))
        .map(|(name, path)| Picture::new(&name, Place::File(path.clone())))
        .collect();
    let load = |place: &Place| match place {
        Place::File(path) => {
            let size = std::fs::metadata(path).map_or(0, |m| m.len());
            if size > FILE_LIMIT {
                Err("it is too large".to_owned())
            } else {
                std::fs::read(path).map_err(|e| e.to_string())
            }
        }
        Place::Entry(_) => Err("it is no file".to_owned()),
    };
    let tables: Vec<&PathBuf> = files
        .iter()
        .filter(|p| p.parent() == Some(folder) && p.extension().is_some_and(|e| e == "csv" || e == "tsv"))
        .collect();
    let mut labels = None;
    for path in tables.into_iter().filter(|_| !pictures.is_empty()) {
        // Tables that cannot be read are ignored.
        let table = read_table(path);
        labels = labels.or_else(|| labels_of(&table.ok()?, &pictures));
    }
    read(source, pictures, labels, &load, options, reading)
}

pub(super) fn read_zip(
    source: &ByteSource,
    options: &ReadOptions,
    reading: &Reading,
) -> Result<(Table, Detected), DataError> {
    let open = || {
        let archive = zip::ZipArchive::new(BufReader::new(source.seekable()?));
        archive.map_err(|e| source.malformed(&format!("the archive cannot be read ({e}). Fetch it again")))
    };
    let mut archive = open()?;
    let mut pictures = Vec::new();
    for k in 0..archive.len() {
        let entry =
            archive.by_index_raw(k).map_err(|e| source.malformed(&format!("entry {} cannot be read ({e})", k + 1)))?;
        let name = entry.name().map_or_else(|_| "?".to_owned(), std::borrow::Cow::into_owned);
        // Nothing is written to disk, but a name that leads out of the archive is a sign of malice.
        if entry.enclosed_name().is_none() {
            return Err(
                source.malformed(&format!("entry \"{name}\" leads out of the archive. Get it from another place"))
            );
        }
        if entry.is_file() && is_image(&name) {
            pictures.push(Picture::new(&name, Place::Entry(k)));
        }
    }
    let archive = std::sync::Mutex::new(archive);
    let load = |place: &Place| {
        let Place::Entry(k) = place else { return Err("it is no entry".to_owned()) };
        let mut archive = archive.lock().map_err(|e| e.to_string())?;
        let entry = archive.by_index(*k).map_err(|e| e.to_string())?;
        let mut bytes = Vec::new();
        match entry.take(FILE_LIMIT + 1).read_to_end(&mut bytes) {
            Ok(n) if n as u64 > FILE_LIMIT => Err("it is too large".to_owned()),
            Ok(_) => Ok(bytes),
            Err(e) => Err(e.to_string()),
        }
    };
    read(source, pictures, None, &load, options, reading)
}

type Load<'a> = &'a (dyn Fn(&Place) -> Result<Vec<u8>, String> + Sync);

fn read(
    source: &ByteSource,
    mut pictures: Vec<Picture>,
    labels: Option<Vec<(String, Vec<Option<String>>)>>,
    load: Load<'_>,
    options: &ReadOptions,
    reading: &Reading,
) -> Result<(Table, Detected), DataError> {
    if pictures.is_empty() {
        return Err(source.malformed("it holds no pictures (PNG, JPEG, BMP, GIF, WebP or TIFF). Choose the folder with a sub-folder for each class, or a file in it"));
    }
    // From all pictures, so that a preview shows the size that all will have.
    let shape = options.images.unwrap_or_else(|| guess_size(&pictures, load));
    let mut labels = labels;
    if let Some(rows) = reading.rows.filter(|&rows| rows < pictures.len()) {
        // Evenly over all folders.
        let step = pictures.len().div_ceil(rows);
        pictures = pictures.into_iter().step_by(step).collect();
        for (_, cells) in labels.iter_mut().flatten() {
            *cells = std::mem::take(cells).into_iter().step_by(step).collect();
        }
    }
    let channels = if shape.grey { 1 } else { 3 };
    let size = (shape.width as usize).saturating_mul(shape.height as usize).saturating_mul(channels);
    if size == 0 {
        return Err(source.malformed("pictures need a width and a height of at least 1"));
    }
    reading.allow(source.name(), size.saturating_mul(pictures.len()))?;
    reading.expect(pictures.len() as u64);
    let mut pixels = Vec::with_capacity(size * pictures.len());
    let mut bad = Vec::new();
    for chunk in pictures.chunks(CHUNK) {
        let decode = |picture: &Picture| load(&picture.place).and_then(|bytes| brought_to(&bytes, shape));
        let decoded: Vec<Result<Vec<u8>, String>> = chunk.par_iter().map(decode).collect();
        for (picture, outcome) in chunk.iter().zip(decoded) {
            match outcome {
                Ok(own) => pixels.extend(own),
                Err(reason) => bad.push((picture.name.clone(), reason)),
            }
        }
        reading.advance(chunk.len() as u64)?;
    }
    let mut detected = Detected { images: Some(shape), ..Detected::of(Format::Images) };
    if bad.len() == pictures.len() {
        let (name, reason) = &bad[0];
        return Err(source.malformed(&format!("none of its pictures can be read; the first, {name}: {reason}")));
    }
    let is_bad: Vec<bool> = {
        let names: std::collections::HashSet<&str> = bad.iter().map(|(name, _)| name.as_str()).collect();
        pictures.iter().map(|p| names.contains(p.name.as_str())).collect()
    };
    if !bad.is_empty() {
        let some: Vec<String> = bad.iter().take(3).map(|(name, reason)| format!("{name} ({reason})")).collect();
        let more = if bad.len() > 3 { " and others" } else { "" };
        detected.note(format!(
            "{} pictures could not be read and were left out: {}{more}.",
            bad.len(),
            some.join(", ")
        ));
    }
    let good = || pictures.iter().zip(&is_bad).filter(|(_, bad)| !**bad).map(|(p, _)| p);
    let images =
        Images { height: shape.height as usize, width: shape.width as usize, channels, pixels: Numbers::Bytes(pixels) };
    let mut columns =
        vec![Column::new("image", Values::Images(images)), Column::text("file", good().map(|p| Some(p.name.as_str())))];
    match labels {
        Some(labels) => {
            for (name, cells) in labels {
                let kept = cells.iter().zip(&is_bad).filter(|(_, bad)| !**bad);
                columns.push(Column::text(name, kept.map(|(cell, _)| cell.as_deref())));
            }
        }
        None if good().any(|p| p.class.is_some()) => {
            columns.push(Column::text("class", good().map(|p| p.class.as_deref())));
        }
        None => detected.note("The pictures have no classes: put those of each class into a folder of its own, or add a CSV file with a column of file names and one of labels.".to_owned()),
    }
    Ok((Table { name: source.name().to_owned(), columns }, detected))
}

/// The columns of a table with labels, in the order of the pictures; none if no column holds their names.
fn labels_of(table: &Table, pictures: &[Picture]) -> Option<Vec<(String, Vec<Option<String>>)>> {
    let stem =
        |name: &str| name.rsplit('/').next().unwrap_or(name).rsplit_once('.').map_or(name, |(stem, _)| stem).to_owned();
    let names: HashMap<String, usize> = pictures.iter().enumerate().map(|(k, p)| (stem(&p.name), k)).collect();
    let key = table.columns.iter().position(|c| {
        let found = (0..c.len()).filter(|&row| names.contains_key(&stem(&c.cell(row)))).count();
        found * 2 > c.len()
    })?;
    let mut labels = Vec::new();
    for column in table.columns.iter().enumerate().filter(|(k, _)| *k != key).map(|(_, c)| c) {
        let mut cells = vec![None; pictures.len()];
        for row in 0..column.len() {
            if let Some(&picture) = names.get(&stem(&table.columns[key].cell(row))) {
                cells[picture] = Some(column.cell(row)).filter(|c| !c.is_empty());
            }
        }
        labels.push((column.name.clone(), cells));
    }
    Some(labels).filter(|l| !l.is_empty())
}

/// The common size of the pictures if it is small, else the default; grey if no sampled picture has colours.
fn guess_size(pictures: &[Picture], load: Load<'_>) -> ImageOptions {
    let step = pictures.len().div_ceil(SAMPLED).max(1);
    let sampled: Vec<&Picture> = pictures.iter().step_by(step).collect();
    let look = |picture: &&Picture| load(&picture.place).and_then(|bytes| decode(&bytes)).ok();
    let found: Vec<DynamicImage> = sampled.par_iter().filter_map(look).collect();
    let sizes: Vec<(u32, u32)> = found.iter().map(|i| (i.width(), i.height())).collect();
    let same = sizes.first().copied().filter(|first| sizes.iter().all(|s| s == first));
    let (width, height) = same.filter(|&(w, h)| w <= KEPT && h <= KEPT).unwrap_or((SIDE, SIDE));
    let grey = found.iter().all(|i| i.to_rgb8().pixels().all(|p| p.0[0] == p.0[1] && p.0[1] == p.0[2]));
    ImageOptions { width, height, fit: Fit::default(), grey, ..ImageOptions::default() }
}

fn damaged() -> image::ImageError {
    image::ImageError::IoError(std::io::Error::other("it is damaged"))
}

fn decode(bytes: &[u8]) -> Result<DynamicImage, String> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_LIMIT);
    limits.max_image_height = Some(SIDE_LIMIT);
    limits.max_alloc = Some(FILE_LIMIT * 2);
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|e| e.to_string())?;
    reader.limits(limits);
    // A panic in a decoder means an unreadable picture.
    let work = std::panic::AssertUnwindSafe(|| reader.decode());
    std::panic::catch_unwind(work).unwrap_or_else(|_| Err(damaged())).map_err(|e| e.to_string())
}

/// The pixels of a picture, resized.
fn brought_to(bytes: &[u8], shape: ImageOptions) -> Result<Vec<u8>, String> {
    let image = decode(bytes)?;
    let (width, height) = (shape.width, shape.height);
    let image = match shape.fit {
        _ if (image.width(), image.height()) == (width, height) => image,
        Fit::Stretch => image.resize_exact(width, height, FilterType::Triangle),
        Fit::Crop => image.resize_to_fill(width, height, FilterType::Triangle),
    };
    Ok(if shape.grey { image.to_luma8().into_raw() } else { image.to_rgb8().into_raw() })
}
