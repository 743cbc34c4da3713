//! Unpacking of the buffers of Parquet and Arrow files. The size of the result is given and no decoder writes more.

use lz4_flex::block::decompress_into;
use lz4_flex::frame::FrameDecoder;
use std::io::{self, Read};

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
    unpack_to(Vec::new(), codec, packed, size)
}

/// The same in the memory of a buffer that is needed no more.
pub(super) fn unpack_to(memory: Vec<u8>, codec: Codec, packed: &[u8], size: usize) -> io::Result<Vec<u8>> {
    let unpacked = match codec {
        Codec::None => packed.get(..size).ok_or_else(shorter)?.to_vec(),
        Codec::Snappy => {
            if snap::raw::decompress_len(packed)? > size {
                return Err(longer());
            }
            let mut unpacked = memory;
            if unpacked.capacity() < size {
                // Pages of memory that nobody writes to are never there.
                unpacked = vec![0; size];
            } else {
                unpacked.resize(size, 0);
            }
            let n = snap::raw::Decoder::new().decompress(packed, &mut unpacked)?;
            unpacked.truncate(n);
            unpacked
        }
        Codec::Gzip => drain(flate2::read::MultiGzDecoder::new(packed), size)?,
        Codec::Brotli => drain(brotli_decompressor::Decompressor::new(packed, 1 << 12), size)?,
        Codec::Zstd => drain(zstd::Decoder::with_buffer(packed)?, size)?,
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
