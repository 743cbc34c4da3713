//! Folders and zip archives as one source: their files, what their names say, and a hash.

use super::options::Format;
use crate::error::DataError;
use chainrule_common::format;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

const ENDINGS: [&str; 9] = ["png", "jpg", "jpeg", "bmp", "gif", "webp", "tif", "tiff", "jfif"];
/// Deepest nesting of folders.
const DEPTH: usize = 8;
/// Largest number of files in a folder.
const FILES: usize = 2_000_000;

/// An error of the system as one that names the file or folder.
pub(super) fn unreadable(path: &Path, e: &io::Error) -> DataError {
    match e.kind() {
        io::ErrorKind::NotFound => DataError::NotFound(path.to_owned()),
        _ => DataError::Unreadable { path: path.to_owned(), reason: e.to_string() },
    }
}

/// What stands at a path that is neither a file nor a folder: reading it might wait for ever, or never end.
pub fn special_file(about: &Metadata) -> Option<&'static str> {
    if about.is_file() || about.is_dir() {
        return None;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        let kind = about.file_type();
        if kind.is_fifo() {
            return Some("a pipe");
        }
        if kind.is_socket() {
            return Some("a socket");
        }
    }
    Some("a device")
}

/// What the system says of a file or a folder; nothing else is opened.
pub(super) fn regular(path: &Path) -> Result<Metadata, DataError> {
    let about = std::fs::metadata(path).map_err(|e| unreadable(path, &e))?;
    match special_file(&about) {
        Some(what) => Err(DataError::NoFile { path: path.to_owned(), what }),
        None => Ok(about),
    }
}

/// Whether it is the name of a picture.
pub(super) fn is_image(name: &str) -> bool {
    let ending = Path::new(name).extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    let hidden = name.split('/').any(|part| part.starts_with('.') || part == "__MACOSX");
    !hidden && ending.is_some_and(|e| ENDINGS.contains(&e.as_str()))
}

/// The files of a folder and its sub-folders, sorted by name, and the sub-folders that cannot be opened. Links to folders are
/// not followed, so that there are no cycles.
pub(super) fn files_of(top: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>), DataError> {
    let (mut files, mut closed) = (Vec::new(), Vec::new());
    let mut folders = vec![(top.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(e) if depth == 0 => return Err(unreadable(&folder, &e)),
            Err(_) => {
                closed.push(folder);
                continue;
            }
        };
        // What has gone since the folder was opened is no part of it.
        for entry in entries.flatten() {
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() && depth < DEPTH {
                folders.push((entry.path(), depth + 1));
            } else if kind.is_file() || (kind.is_symlink() && entry.path().is_file()) {
                files.push(entry.path());
            }
            if files.len() > FILES {
                let most = format::count(FILES as u128);
                let reason = format!("the folder and those in it hold more than {most} files. Choose a folder in it");
                return Err(DataError::Malformed { name: top.display().to_string(), reason });
            }
        }
    }
    files.sort();
    closed.sort();
    Ok((files, closed))
}

/// What a zip archive holds as a whole by the names in it: a workbook, arrays, or pictures, of which there are more than
/// tables that may hold their labels.
pub(super) fn format_of(names: &[String]) -> Option<Format> {
    let ends = |name: &str, ending: &str| Path::new(name).extension().is_some_and(|e| e.eq_ignore_ascii_case(ending));
    if names.iter().any(|name| name.starts_with("xl/") || name == "content.xml") {
        return Some(Format::Excel);
    }
    let count = |of: &dyn Fn(&str) -> bool| names.iter().filter(|name| of(name)).count();
    let arrays = count(&|name| ends(name, "npy"));
    let tables = count(&|name| {
        ["csv", "tsv", "xlsx", "parquet", "json"].iter().any(|e| ends(name, e)) && !name.contains("__MACOSX")
    });
    let pictures = count(&is_image);
    if arrays > 0 {
        return Some(Format::NumPy);
    }
    (pictures > tables).then_some(Format::Images)
}

/// SHA-256 in hexadecimal of a file, or of the contents of a folder's files in order.
pub(crate) fn hash_of(path: &Path) -> Result<String, DataError> {
    let mut hash = Sha256::new();
    let mut add = |path: &Path| -> Result<(), DataError> {
        let mut file = File::open(path).map_err(|e| unreadable(path, &e))?;
        let mut buffer = vec![0; 1 << 18];
        loop {
            match file.read(&mut buffer).map_err(|e| unreadable(path, &e))? {
                0 => return Ok(()),
                n => hash.update(&buffer[..n]),
            }
        }
    };
    if regular(path)?.is_dir() {
        for file in files_of(path)?.0 {
            add(&file)?;
        }
    } else {
        add(path)?;
    }
    Ok(hash.finalize().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    }))
}
