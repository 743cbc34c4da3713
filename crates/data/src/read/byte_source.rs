//! The bytes of a file or in memory, decompressed if necessary.

use super::archive::{regular, unreadable};
use crate::error::DataError;
use crate::reading::Reading;
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, Write as _};
use std::path::{Path, PathBuf};

/// Where the bytes are.
pub(super) struct ByteSource<'a> {
    name: String,
    content: Content<'a>,
    packing: Packing,
    /// Keeps a file that was unpacked until it is read.
    held: Option<tempfile::TempPath>,
}

#[derive(Clone)]
enum Content<'a> {
    File(PathBuf),
    Bytes(&'a [u8]),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    None,
    Gzip,
    Zstd,
    Bzip2,
    Xz,
}

/// Endings of packed files, and what is left of a name without them.
const PACKED: [(&str, &str); 7] =
    [(".gz", ""), (".zst", ""), (".bz2", ""), (".xz", ""), (".tgz", ".tar"), (".tbz2", ".tar"), (".txz", ".tar")];
/// Memory for the dictionary of an .xz file, in KiB; the largest that `xz` itself writes takes 64 MiB.
const XZ_MEMORY: u32 = 192 << 10;

/// Bytes that can be read from any position.
pub(super) trait ReadSeek: Read + Seek + Send {}

impl<A: Read + Seek + Send> ReadSeek for A {}

/// Bytes that are enough to detect the format.
pub(super) const HEAD: u64 = 1 << 18;

impl ByteSource<'static> {
    pub fn file(path: &Path) -> Result<Self, DataError> {
        let about = regular(path)?;
        let name = path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
        let mut source = Self { name, content: Content::File(path.to_owned()), packing: Packing::None, held: None };
        if about.is_file() {
            source.packing = source.find_packing()?;
        }
        Ok(source)
    }

    /// Unpacks `input` into a file that is deleted with the source, of at most `most` bytes.
    pub fn unpacked(name: &str, input: &mut dyn Read, most: u64, reading: &Reading) -> Result<Self, DataError> {
        let malformed = |e: &io::Error| DataError::Malformed {
            name: name.to_owned(),
            reason: format!("it cannot be unpacked ({e}). It may be cut short: fetch it again"),
        };
        let mut file = tempfile::NamedTempFile::new().map_err(|e| malformed(&e))?;
        let mut block = vec![0; 1 << 18];
        let mut written = 0;
        loop {
            let n = match input.read(&mut block) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                outcome => outcome.map_err(|e| malformed(&e))?,
            };
            if n == 0 {
                break;
            }
            written += n as u64;
            if written > most {
                return Err(DataError::TooLarge {
                    name: name.to_owned(),
                    limit: chainrule_common::format::bytes(most),
                });
            }
            reading.advance(0)?;
            file.write_all(&block[..n]).map_err(|e| malformed(&e))?;
        }
        let path = file.into_temp_path();
        let mut source = Self::file(&path)?;
        name.clone_into(&mut source.name);
        source.held = Some(path);
        Ok(source)
    }
}

impl<'a> ByteSource<'a> {
    pub fn bytes(name: &str, bytes: &'a [u8]) -> Self {
        let mut source =
            Self { name: name.to_owned(), content: Content::Bytes(bytes), packing: Packing::None, held: None };
        source.packing = source.find_packing().unwrap_or(Packing::None);
        source
    }

    fn find_packing(&self) -> Result<Packing, DataError> {
        let mut magic = Vec::new();
        self.seekable()?.take(10).read_to_end(&mut magic).map_err(|e| self.cannot(&e))?;
        Ok(match magic.as_slice() {
            [0x1f, 0x8b, ..] => Packing::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Packing::Zstd,
            // A block, or an empty file, begins with digits of π or of its root.
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59]
            | [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, 0x45, 0x38, 0x50, 0x90] => Packing::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Packing::Xz,
            _ => Packing::None,
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn path(&self) -> Option<&Path> {
        match &self.content {
            Content::File(path) => Some(path),
            Content::Bytes(_) => None,
        }
    }

    pub fn is_folder(&self) -> bool {
        self.path().is_some_and(Path::is_dir)
    }

    pub fn is_compressed(&self) -> bool {
        self.packing != Packing::None
    }

    /// The extension of its name in lower case, without that of the compression.
    pub fn ending(&self) -> String {
        let name = self.unpacked_name().to_lowercase();
        name.rsplit_once('.').map_or_else(String::new, |(_, ending)| ending.to_owned())
    }

    /// Its name without the ending of the compression.
    pub fn unpacked_name(&self) -> String {
        let lower = self.name.to_ascii_lowercase();
        match PACKED.iter().find(|(ending, _)| lower.ends_with(ending)) {
            Some((ending, left)) => format!("{}{left}", &self.name[..self.name.len() - ending.len()]),
            None => self.name.clone(),
        }
    }

    /// The raw bytes from the beginning.
    pub fn seekable(&self) -> Result<Box<dyn ReadSeek + 'a>, DataError> {
        match &self.content {
            Content::File(path) => Ok(Box::new(File::open(path).map_err(|e| unreadable(path, &e))?)),
            Content::Bytes(bytes) => Ok(Box::new(Cursor::new(*bytes))),
        }
    }

    /// Number of raw bytes.
    pub fn size(&self) -> u64 {
        match &self.content {
            Content::File(path) => std::fs::metadata(path).map_or(0, |m| m.len()),
            Content::Bytes(bytes) => bytes.len() as u64,
        }
    }

    /// The decompressed bytes; progress is reported to `reading`.
    pub fn open(&self, reading: &Reading) -> Result<Box<dyn Read + Send + 'a>, DataError> {
        reading.expect(self.size());
        let counted = Counted { inner: self.seekable()?, reading: reading.clone() };
        self.unpack(counted)
    }

    fn unpack(&self, raw: impl Read + Send + 'a) -> Result<Box<dyn Read + Send + 'a>, DataError> {
        Ok(match self.packing {
            Packing::None => Box::new(raw),
            Packing::Gzip => Box::new(MultiGzDecoder::new(BufReader::with_capacity(1 << 18, raw))),
            Packing::Zstd => Box::new(zstd::Decoder::new(raw).map_err(|e| self.cannot(&e))?),
            Packing::Bzip2 => Box::new(bzip2::read::MultiBzDecoder::new(BufReader::with_capacity(1 << 18, raw))),
            Packing::Xz => {
                let raw = BufReader::with_capacity(1 << 18, raw);
                Box::new(lzma_rust2::XzReader::new_mem_limit(raw, true, XZ_MEMORY))
            }
        })
    }

    /// The first bytes, decompressed.
    pub fn head(&self) -> Result<Vec<u8>, DataError> {
        let mut head = Vec::new();
        self.unpack(self.seekable()?)?.take(HEAD).read_to_end(&mut head).map_err(|e| self.cannot(&e))?;
        Ok(head)
    }

    /// An error of the system or of decompression as one that names the source.
    pub fn cannot(&self, e: &io::Error) -> DataError {
        // A decoder may have wrapped it.
        let mut cause = e.get_ref().map(|inner| inner as &(dyn std::error::Error + 'static));
        while let Some(inner) = cause {
            if inner.is::<DataError>() {
                return DataError::Cancelled;
            }
            let io = inner.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            cause = io.map_or_else(|| inner.source(), |inner| Some(inner));
        }
        match self.packing {
            Packing::None => self.malformed(&e.to_string()),
            _ => self.malformed(&format!("it cannot be unpacked ({e}). It may be cut short: fetch it again")),
        }
    }

    pub fn malformed(&self, reason: &str) -> DataError {
        DataError::Malformed { name: self.name.clone(), reason: reason.trim_end_matches('.').to_owned() }
    }
}

/// A reader that reports progress.
struct Counted<R> {
    inner: R,
    reading: Reading,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.reading.advance(n as u64).map_err(io::Error::other)?;
        Ok(n)
    }
}
