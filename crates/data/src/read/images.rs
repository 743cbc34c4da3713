//! Folders and zip archives of pictures: a sub-folder per class, or a table of labels beside the pictures.

use super::archive::{files_of, is_image};
use super::byte_source::ByteSource;
use super::options::{Detected, Fit, Format, Ground, ImageOptions, Note, ReadOptions};
use super::picture_folders::places;
use crate::error::DataError;
use crate::numbers::Numbers;
use crate::reading::Reading;
use crate::table::{Column, Images, Table, Values};
use chainrule_common::format;
use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder as _, ImageReader, Limits};
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
/// Unreadable pictures that are named.
const LISTED: usize = 10;

/// A picture: its path in the source, and where its bytes are.
struct Picture {
    name: String,
    place: Place,
}

/// Labels of pictures from a table beside them.
struct Labels {
    /// The name of the table.
    name: String,
    columns: Vec<(String, Vec<Option<String>>)>,
    /// Rows that name no picture, and the first name.
    strangers: (usize, String),
    /// Pictures without a row.
    without: usize,
}

/// What else lies beside the pictures.
#[derive(Default)]
struct Beside {
    labels: Option<Labels>,
    /// Pictures of kinds that cannot be read.
    foreign: Vec<String>,
    /// Folders that cannot be opened.
    closed: Vec<String>,
}

enum Place {
    File(PathBuf),
    /// Index of the entry in an archive.
    Entry(usize),
}

/// `read_table` reads a table in the same folder, which may hold the labels.
pub(super) fn read_folder(
    source: &ByteSource,
    options: &ReadOptions,
    reading: &Reading,
    read_table: &dyn Fn(&Path) -> Result<Table, DataError>,
) -> Result<(Table, Detected), DataError> {
    let folder = source.path().unwrap_or(Path::new(""));
    let (files, closed) = files_of(folder)?;
    let inside = |path: &Path| path.strip_prefix(folder).unwrap_or(path).to_string_lossy().replace('\\', "/");
    let pictures: Vec<Picture> = files
        .iter()
        .map(|path| (inside(path), path))
        .filter(|(name, _)| is_image(name))
        .map(|(name, path)| Picture { name, place: Place::File(path.clone()) })
        .collect();
    let foreign: Vec<String> = files.iter().map(|p| inside(p)).filter(|name| is_foreign(name)).collect();
    let closed: Vec<String> = closed.iter().map(|p| inside(p)).collect();
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
    let mut beside = Beside { labels: None, foreign, closed };
    for path in files.iter().filter(|p| may_hold_labels(&inside(p)) && !pictures.is_empty()) {
        // Tables that cannot be read are ignored.
        if let Ok(table) = read_table(path) {
            beside.labels = beside.labels.or_else(|| labels_of(&inside(path), &table, &pictures));
        }
    }
    read(source, pictures, beside, &load, options, reading)
}

/// Whether it is a table that may say what the pictures are: not deep in folders.
fn may_hold_labels(name: &str) -> bool {
    let ending = name.rsplit_once('.').map_or("", |(_, e)| e).to_ascii_lowercase();
    let hidden = name.split('/').any(|part| part.starts_with('.') || part == "__MACOSX");
    !hidden
        && name.matches('/').count() <= 2
        && ["csv", "tsv", "txt", "xlsx", "parquet", "json"].contains(&ending.as_str())
}

/// Whether it is a picture of a kind that cannot be read.
fn is_foreign(name: &str) -> bool {
    const ENDINGS: [&str; 12] = ["heic", "heif", "avif", "jp2", "svg", "psd", "cr2", "nef", "arw", "dng", "dcm", "exr"];
    let ending = name.rsplit_once('.').map_or("", |(_, e)| e).to_ascii_lowercase();
    !name.split('/').any(|part| part.starts_with('.') || part == "__MACOSX") && ENDINGS.contains(&ending.as_str())
}

/// Reads the content of a table of some name.
type ReadTable<'a> = &'a dyn Fn(&str, &[u8]) -> Result<Table, DataError>;

/// `read_table` reads the content of a table in the archive, which may hold the labels.
pub(super) fn read_zip(
    source: &ByteSource,
    options: &ReadOptions,
    reading: &Reading,
    read_table: ReadTable<'_>,
) -> Result<(Table, Detected), DataError> {
    let open = || {
        let archive = zip::ZipArchive::new(BufReader::new(source.seekable()?));
        archive.map_err(|e| source.malformed(&format!("the archive cannot be read ({e}). Fetch it again")))
    };
    let mut archive = open()?;
    let mut pictures = Vec::new();
    let (mut foreign, mut tables) = (Vec::new(), Vec::new());
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
            pictures.push(Picture { name: name.replace('\\', "/"), place: Place::Entry(k) });
        } else if entry.is_file() && may_hold_labels(&name) && entry.size() <= FILE_LIMIT {
            tables.push((name, k));
        } else if entry.is_file() && is_foreign(&name) {
            foreign.push(name);
        }
    }
    let mut labels = None;
    for (name, k) in tables {
        let mut bytes = Vec::new();
        let read = archive.by_index(k).ok().map(|entry| entry.take(FILE_LIMIT).read_to_end(&mut bytes).is_ok());
        if read == Some(true)
            && labels.is_none()
            && let Ok(table) = read_table(&name, &bytes)
        {
            labels = labels_of(&name, &table, &pictures);
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
    read(source, pictures, Beside { labels, foreign, closed: Vec::new() }, &load, options, reading)
}

type Load<'a> = &'a (dyn Fn(&Place) -> Result<Vec<u8>, String> + Sync);

fn read(
    source: &ByteSource,
    mut pictures: Vec<Picture>,
    beside: Beside,
    load: Load<'_>,
    options: &ReadOptions,
    reading: &Reading,
) -> Result<(Table, Detected), DataError> {
    let Beside { mut labels, foreign, closed } = beside;
    let foreign = foreign.first().map(|first| {
        let files = format::counted(foreign.len(), "file");
        format!("{files} in HEIC or another kind that cannot be read ({first}). Save them as JPEG or PNG")
    });
    let closed = closed
        .first()
        .map(|first| format!("{} that cannot be opened ({first})", format::counted(closed.len(), "folder")));
    let unread: Vec<String> = closed.into_iter().chain(foreign).collect();
    if pictures.is_empty() {
        let unread: String = unread.iter().map(|unread| format!("; it has {unread}")).collect();
        return Err(source.malformed(&format!("it holds no pictures (PNG, JPEG, BMP, GIF, WebP or TIFF). Choose the folder with a sub-folder for each class, or a file in it{unread}")));
    }
    // From all pictures, so that a preview shows the size that all will have.
    let (guessed, has_16_bits) = guess_size(&pictures, load);
    let shape = options.images.unwrap_or(guessed);
    let mut places = places(&pictures.iter().map(|p| p.name.as_str()).collect::<Vec<_>>());
    if let Some(rows) = reading.rows.filter(|&rows| rows < pictures.len()) {
        // Evenly over all folders.
        let step = pictures.len().div_ceil(rows);
        pictures = pictures.into_iter().step_by(step).collect();
        places = places.into_iter().step_by(step).collect();
        for (_, cells) in labels.iter_mut().flat_map(|l| &mut l.columns) {
            *cells = std::mem::take(cells).into_iter().step_by(step).collect();
        }
    }
    let channels = if shape.grey { 1 } else { 3 };
    let size = (shape.width as usize).saturating_mul(shape.height as usize).saturating_mul(channels);
    if size == 0 {
        return Err(source.malformed("pictures need a width and a height of at least 1"));
    }
    let width = if shape.deep { size_of::<f32>() } else { 1 };
    reading.allow(source.name(), size.saturating_mul(pictures.len()).saturating_mul(width))?;
    reading.expect(pictures.len() as u64);
    let mut pixels = if shape.deep { Numbers::default() } else { Numbers::Bytes(Vec::new()) };
    let mut bad = Vec::new();
    let (mut turned, mut clear) = (Vec::new(), Vec::new());
    for chunk in pictures.chunks(CHUNK) {
        let decode = |picture: &Picture| load(&picture.place).and_then(|bytes| brought_to(&bytes, shape));
        let decoded: Vec<Result<Brought, String>> = chunk.par_iter().map(decode).collect();
        for (picture, outcome) in chunk.iter().zip(decoded) {
            match outcome {
                Ok(own) => {
                    turned.extend(own.turned.then_some(&picture.name));
                    clear.extend(own.clear.then_some(&picture.name));
                    match (own.values, &mut pixels) {
                        (Depth::Eight(values), Numbers::Bytes(all)) => all.extend(values),
                        (Depth::Eight(values), all) => values.iter().for_each(|&v| all.push(f64::from(v))),
                        (Depth::Sixteen(values), all) => values.iter().for_each(|&v| all.push(f64::from(v))),
                    }
                }
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
        let some: Vec<String> = bad.iter().take(LISTED).map(|(name, reason)| format!("{name} ({reason})")).collect();
        let more = if bad.len() > LISTED { " and others" } else { "" };
        detected.note(format!(
            "{} could not be read and {} left out: {}{more}.",
            chainrule_common::format::counted(bad.len(), "picture"),
            if bad.len() == 1 { "was" } else { "were" },
            some.join(", ")
        ));
    }
    for left_out in unread {
        detected.note(format!("Left out: {left_out}."));
    }
    if let Some(first) = turned.first() {
        let count = format::counted(turned.len(), "picture");
        detected.note(format!("{count} turned as their EXIF data say, first {first}."));
    }
    let set = |change: &dyn Fn(&mut ImageOptions)| {
        let mut images = shape;
        change(&mut images);
        Some(images)
    };
    if let Some(first) = clear.first() {
        let count = format::counted(clear.len(), "picture");
        let ground = shape.ground.label();
        let text = format!("{count} with transparent parts, first {first}: put on {ground}.");
        let others = Ground::ALL.into_iter().filter(|g| *g != shape.ground);
        detected.notes.push(others.fold(Note::from(text), |note, other| {
            note.offering(&format!("Put on {}", other.label()), options, |o| o.images = set(&|i| i.ground = other))
        }));
    }
    if has_16_bits && !shape.deep {
        let text = "The pictures have 16 bits a value; 8 of them were kept.".to_owned();
        let note = Note::from(text).offering("Keep 16 bits", options, |o| o.images = set(&|i| i.deep = true));
        detected.notes.push(note);
    }
    let good = || (0..pictures.len()).filter(|&k| !is_bad[k]);
    let images = Images { height: shape.height as usize, width: shape.width as usize, channels, pixels };
    let mut columns = vec![
        Column::new("image", Values::Images(images)),
        Column::text("file", good().map(|k| Some(pictures[k].name.as_str()))),
    ];
    if places.iter().any(|p| p.part.is_some()) {
        columns.push(Column::text("part", good().map(|k| places[k].part)));
        detected.note(
            "The folders train, validation and test became the column \"part\", and the split goes by it.".to_owned(),
        );
    }
    let folders = places.iter().map(|p| p.folders.len()).max().unwrap_or(0);
    match labels {
        Some(labels) => {
            tell_labels(&labels, &mut detected);
            for (name, cells) in labels.columns {
                columns.push(Column::text(name, good().map(|k| cells[k].as_deref())));
            }
        }
        None if folders > 0 => {
            let level = options.class_folder.unwrap_or(1).clamp(1, folders);
            if folders > 1 {
                detected.class_folders = Some(folders);
                detected.options.class_folder = Some(level);
            }
            if folders > 1 && options.class_folder.is_none() {
                let example = places.iter().find(|p| p.folders.len() > 1).map(|p| p.folders.join("/"));
                let text = format!(
                    "The pictures lie up to {folders} folders deep ({}); the class is the first of them.",
                    example.unwrap_or_default()
                );
                detected.notes.push((2..=folders).fold(Note::from(text), |note, level| {
                    note.offering(&format!("Take folder {level}"), options, |o| o.class_folder = Some(level))
                }));
            }
            let class = |k: usize| places[k].folders.get(level - 1).or(places[k].folders.last()).map(String::as_str);
            columns.push(Column::text("class", good().map(class)));
        }
        None => detected.note("The pictures have no classes: put those of each class into a folder of its own, or add a CSV file with a column of file names and one of labels.".to_owned()),
    }
    Ok((Table { name: source.name().to_owned(), columns }, detected))
}

fn tell_labels(labels: &Labels, detected: &mut Detected) {
    let Labels { name, strangers, without, .. } = labels;
    if *without > 0 {
        detected.note(format!("{} without a row in {name}: no label.", format::counted(*without, "picture")));
    }
    if strangers.0 > 0 {
        let rows = format::counted(strangers.0, "row");
        detected.note(format!("{rows} of {name} without a picture, first \"{}\": left out.", strangers.1));
    }
}

/// The ways in which tables name a picture.
struct Names {
    /// The path without its ending.
    paths: HashMap<String, usize>,
    /// The last part of it, and its number, where only one picture has them.
    stems: HashMap<String, Option<usize>>,
    numbers: HashMap<String, Option<usize>>,
}

fn without_ending(path: &str) -> &str {
    if is_image(path) { path.rsplit_once('.').map_or(path, |(stem, _)| stem) } else { path }
}

impl Names {
    fn of(pictures: &[Picture]) -> Self {
        let mut names = Self { paths: HashMap::new(), stems: HashMap::new(), numbers: HashMap::new() };
        for (k, picture) in pictures.iter().enumerate() {
            let path = without_ending(&picture.name).to_lowercase();
            let stem = path.rsplit('/').next().unwrap_or(&path).to_owned();
            if let Some(number) = Self::number(&stem) {
                names.numbers.entry(number).and_modify(|of| *of = None).or_insert(Some(k));
            }
            names.stems.entry(stem).and_modify(|of| *of = None).or_insert(Some(k));
            names.paths.insert(path, k);
        }
        names
    }

    /// 0001 as 1.
    fn number(stem: &str) -> Option<String> {
        let digits = !stem.is_empty() && stem.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| stem.trim_start_matches('0').to_owned())
    }

    /// The picture that a cell names, with whatever folders stand before it.
    fn find(&self, cell: &str) -> Option<usize> {
        let cell = cell.trim().replace('\\', "/").to_lowercase();
        let cell = without_ending(cell.trim_start_matches("./"));
        if cell.is_empty() {
            return None;
        }
        let mut rest = cell;
        loop {
            if let Some(&k) = self.paths.get(rest) {
                return Some(k);
            }
            match rest.split_once('/') {
                Some((_, after)) => rest = after,
                None => break,
            }
        }
        let by_number = || self.numbers.get(&Self::number(rest)?).copied().flatten();
        self.stems.get(rest).copied().flatten().or_else(by_number)
    }
}

/// A cell with all its digits.
fn in_full(column: &Column, row: usize) -> String {
    match &column.values {
        Values::Numbers(numbers) if !numbers.get(row).is_nan() => numbers.get(row).to_string(),
        _ => column.cell(row),
    }
}

/// The columns of a table with labels, in the order of the pictures; none if no column holds their names.
fn labels_of(name: &str, table: &Table, pictures: &[Picture]) -> Option<Labels> {
    let names = Names::of(pictures);
    let key = table.columns.iter().position(|c| {
        let found = (0..c.len()).filter(|&row| names.find(&in_full(c, row)).is_some()).count();
        found * 2 > c.len()
    })?;
    let of_row: Vec<Option<usize>> =
        (0..table.rows()).map(|row| names.find(&in_full(&table.columns[key], row))).collect();
    let mut columns = Vec::new();
    for column in table.columns.iter().enumerate().filter(|(k, _)| *k != key).map(|(_, c)| c) {
        let mut cells = vec![None; pictures.len()];
        for (row, picture) in of_row.iter().enumerate() {
            if let Some(picture) = picture {
                cells[*picture] = Some(in_full(column, row)).filter(|c| !c.is_empty());
            }
        }
        columns.push((column.name.clone(), cells));
    }
    let first = of_row.iter().position(Option::is_none);
    let strangers = (
        of_row.iter().filter(|p| p.is_none()).count(),
        first.map_or_else(String::new, |row| in_full(&table.columns[key], row)),
    );
    let named: std::collections::HashSet<usize> = of_row.iter().flatten().copied().collect();
    let without = pictures.len() - named.len();
    Some(Labels { name: name.to_owned(), columns, strangers, without }).filter(|l| !l.columns.is_empty())
}

/// The common size of the pictures if it is small, else the default; grey if no sampled picture has colours.
fn guess_size(pictures: &[Picture], load: Load<'_>) -> (ImageOptions, bool) {
    let step = pictures.len().div_ceil(SAMPLED).max(1);
    let sampled: Vec<&Picture> = pictures.iter().step_by(step).collect();
    let look = |picture: &&Picture| load(&picture.place).and_then(|bytes| decode(&bytes)).ok().map(|(image, _)| image);
    let found: Vec<DynamicImage> = sampled.par_iter().filter_map(look).collect();
    let sizes: Vec<(u32, u32)> = found.iter().map(|i| (i.width(), i.height())).collect();
    let same = sizes.first().copied().filter(|first| sizes.iter().all(|s| s == first));
    let (width, height) = same.filter(|&(w, h)| w <= KEPT && h <= KEPT).unwrap_or((SIDE, SIDE));
    let grey = found.iter().all(|i| i.to_rgb8().pixels().all(|p| p.0[0] == p.0[1] && p.0[1] == p.0[2]));
    let deep = !found.is_empty() && found.iter().all(|i| i.color().bytes_per_pixel() / i.color().channel_count() == 2);
    (ImageOptions { width, height, grey, ..ImageOptions::default() }, deep)
}

fn damaged() -> image::ImageError {
    image::ImageError::IoError(std::io::Error::other("it is damaged"))
}

/// The picture as it is looked at, and whether it was turned for that.
fn decode(bytes: &[u8]) -> Result<(DynamicImage, bool), String> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_LIMIT);
    limits.max_image_height = Some(SIDE_LIMIT);
    limits.max_alloc = Some(FILE_LIMIT * 2);
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|e| e.to_string())?;
    reader.limits(limits);
    // A panic in a decoder means an unreadable picture.
    let work = std::panic::AssertUnwindSafe(|| {
        let mut decoder = reader.into_decoder()?;
        // A way that cannot be read is no way.
        let way = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let mut image = DynamicImage::from_decoder(decoder)?;
        image.apply_orientation(way);
        Ok((image, way != Orientation::NoTransforms))
    });
    std::panic::catch_unwind(work).unwrap_or_else(|_| Err(damaged())).map_err(|e| e.to_string())
}

/// The picture on a ground, if parts of it are transparent.
fn composed(image: &DynamicImage, ground: Ground) -> Option<DynamicImage> {
    if !image.color().has_alpha() {
        return None;
    }
    let mut all = image.to_rgba16();
    if all.pixels().all(|p| p.0[3] == u16::MAX) {
        return None;
    }
    let behind = ground.brightness() * f32::from(u16::MAX);
    for pixel in all.pixels_mut() {
        let share = f32::from(pixel.0[3]) / f32::from(u16::MAX);
        for value in &mut pixel.0[..3] {
            *value = (f32::from(*value) * share + behind * (1.0 - share)).round() as u16;
        }
        pixel.0[3] = u16::MAX;
    }
    Some(DynamicImage::ImageRgba16(all))
}

enum Depth {
    Eight(Vec<u8>),
    Sixteen(Vec<u16>),
}

/// A picture in its new size.
struct Brought {
    values: Depth,
    turned: bool,
    /// Whether parts of it were transparent.
    clear: bool,
}

/// The pixels of a picture, resized.
fn brought_to(bytes: &[u8], shape: ImageOptions) -> Result<Brought, String> {
    let (image, turned) = decode(bytes)?;
    let composed = composed(&image, shape.ground);
    let clear = composed.is_some();
    let image = composed.unwrap_or(image);
    let (width, height) = (shape.width, shape.height);
    let image = match shape.fit {
        _ if (image.width(), image.height()) == (width, height) => image,
        Fit::Stretch => image.resize_exact(width, height, FilterType::Triangle),
        Fit::Crop => image.resize_to_fill(width, height, FilterType::Triangle),
    };
    let values = match (shape.deep, shape.grey) {
        (false, true) => Depth::Eight(image.to_luma8().into_raw()),
        (false, false) => Depth::Eight(image.to_rgb8().into_raw()),
        (true, true) => Depth::Sixteen(image.to_luma16().into_raw()),
        (true, false) => Depth::Sixteen(image.to_rgb16().into_raw()),
    };
    Ok(Brought { values, turned, clear })
}

#[cfg(test)]
mod tests {
    use super::{Names, Picture, Place};
    use std::path::PathBuf;

    #[test]
    fn pictures_are_found_however_a_table_names_them() {
        let names = ["img/0001.png", "img/0002.png", "a/x 1.JPG", "b/x 1.jpg", "ü.png"];
        let picture = |n: &&str| Picture { name: (*n).to_owned(), place: Place::File(PathBuf::new()) };
        let names = Names::of(&names.iter().map(picture).collect::<Vec<_>>());
        for (cell, wanted) in [
            ("0001", Some(0)),
            ("1", Some(0)),
            ("C:\\data\\img\\0002.png", Some(1)),
            ("./img/0002.png", Some(1)),
            ("a/x 1.jpg", Some(2)),
            ("B/X 1.JPG", Some(3)),
            // Two pictures have this name.
            ("x 1.jpg", None),
            ("ü.png", Some(4)),
            ("3", None),
            ("", None),
        ] {
            assert_eq!(names.find(cell), wanted, "{cell}");
        }
    }
}
