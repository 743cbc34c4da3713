//! Unpacking of the buffers of Parquet and Arrow files. The size of the result is given and no decoder writes more.

use lz4_flex::block::decompress_into;
use lz4_flex::frame::FrameDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder as ZstdFrame};
use std::io::{self, BufRead as _, BufReader, Read};

/// How a buffer is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    None,
    Snappy,
    Gzip,
    Brotli,
    Lz4Frame,
    /// A block without a frame.
    Lz4Block,
    /// Blocks with their sizes before them, as Hadoop writes; older writers put a frame or a bare block in their place.
    Lz4Hadoop,
    Zstd,
}

/// Unpacks `packed` to exactly `size` bytes. The caller has checked that so many may be held.
///
/// # Errors
/// When the data is damaged, or shorter or longer than `size`.
pub(super) fn unpack(codec: Codec, packed: &[u8], size: usize) -> io::Result<Vec<u8>> {
    let unpacked = match codec {
        Codec::None => packed.get(..size).ok_or_else(shorter)?.to_vec(),
        Codec::Snappy => {
            if snap::raw::decompress_len(packed)? > size {
                return Err(longer());
            }
            let mut unpacked = vec![0; size];
            let n = snap::raw::Decoder::new().decompress(packed, &mut unpacked)?;
            unpacked.truncate(n);
            unpacked
        }
        Codec::Gzip => drain(flate2::read::MultiGzDecoder::new(packed), size)?,
        Codec::Brotli => drain(brotli_decompressor::Decompressor::new(packed, 1 << 12), size)?,
        Codec::Zstd => drain(ZstdDecoder::new(packed), size)?,
        Codec::Lz4Frame => drain(FrameDecoder::new(packed), size)?,
        Codec::Lz4Block => block(packed, size)?,
        Codec::Lz4Hadoop => {
            hadoop(packed, size).or_else(|_| drain(FrameDecoder::new(packed), size)).or_else(|_| block(packed, size))?
        }
    };
    if unpacked.len() < size { Err(shorter()) } else { Ok(unpacked) }
}

fn drain(mut decoder: impl Read, size: usize) -> io::Result<Vec<u8>> {
    let mut unpacked = Vec::with_capacity(size);
    decoder.by_ref().take(size as u64).read_to_end(&mut unpacked)?;
    // Also lets the decoder see the end, and a checksum there.
    if decoder.read(&mut [0])? > 0 { Err(longer()) } else { Ok(unpacked) }
}

fn block(packed: &[u8], size: usize) -> io::Result<Vec<u8>> {
    let mut unpacked = vec![0; size];
    let n = decompress_into(packed, &mut unpacked).map_err(io::Error::other)?;
    unpacked.truncate(n);
    Ok(unpacked)
}

/// Blocks, each after the size of its contents and its own, both as big-endian words.
fn hadoop(mut packed: &[u8], size: usize) -> io::Result<Vec<u8>> {
    let mut unpacked = vec![0; size];
    let mut done = 0;
    while let Some((&sizes, rest)) = packed.split_first_chunk::<8>() {
        let [a, b, c, d, e, f, g, h] = sizes;
        let (long, short) = (u32::from_be_bytes([a, b, c, d]) as usize, u32::from_be_bytes([e, f, g, h]) as usize);
        let (block, rest) = rest.split_at_checked(short).ok_or_else(shorter)?;
        let place = unpacked.get_mut(done..done + long).ok_or_else(longer)?;
        if decompress_into(block, place).map_err(io::Error::other)? != long {
            return Err(shorter());
        }
        done += long;
        packed = rest;
    }
    if packed.is_empty() && done == size { Ok(unpacked) } else { Err(shorter()) }
}

fn longer() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a part unpacks to more than it says")
}

fn shorter() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a part unpacks to less than it says")
}

/// Largest window of a Zstandard stream, as in the `zstd` program without `--ultra --long`.
const WINDOW: u64 = 128 << 20;

/// Reads what a Zstandard stream holds: one frame after another, checksums checked.
pub(super) struct ZstdDecoder<R> {
    packed: BufReader<R>,
    frame: ZstdFrame,
    within: bool,
}

impl<R: Read> ZstdDecoder<R> {
    pub(super) fn new(packed: R) -> Self {
        let mut frame = ZstdFrame::new();
        frame.set_max_window_size(WINDOW);
        Self { packed: BufReader::with_capacity(1 << 17, packed), frame, within: false }
    }

    /// Begins the next frame; false at the end of the stream.
    fn begin(&mut self) -> io::Result<bool> {
        while !self.packed.fill_buf()?.is_empty() {
            match self.frame.reset(&mut self.packed) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    io::copy(&mut self.packed.by_ref().take(u64::from(length)), &mut io::sink())?;
                }
                Err(e) => return Err(io::Error::other(e)),
            }
        }
        Ok(false)
    }
}

impl<R: Read> Read for ZstdDecoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        const STEP: usize = 1 << 18;
        loop {
            if self.within {
                while self.frame.can_collect() == 0 && !self.frame.is_finished() {
                    let step = BlockDecodingStrategy::UptoBytes(STEP);
                    self.frame.decode_blocks(&mut self.packed, step).map_err(io::Error::other)?;
                }
                let n = self.frame.read(buffer)?;
                if n > 0 || buffer.is_empty() {
                    return Ok(n);
                }
                let (said, found) = (self.frame.get_checksum_from_data(), self.frame.get_calculated_checksum());
                if said.is_some() && said != found {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "the checksum is wrong"));
                }
            }
            self.within = self.begin()?;
            if !self.within {
                return Ok(0);
            }
        }
    }
}
