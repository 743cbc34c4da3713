//! The old format of workbooks (.xls), looked through before the library reads it.
//!
//! Such a file is a compound file, a small file system of sectors that are chained, with one stream of records. The library
//! believes the chains, the sizes of sheets and the places of cells. Here the chains are followed first, the size that a
//! sheet claims is taken back to one cell, as it is no more than a hint, and what its cells will take is counted.

use calamine::Data;
use std::mem::size_of;

/// Sector numbers from here on are marks.
const MARKS: u32 = 0xffff_fffa;
const END_OF_CHAIN: u32 = 0xffff_fffe;
const NO_DIFAT: u32 = 0xffff_fffc;
/// Streams below this size lie in small sectors.
const SMALL: usize = 4096;
const SMALL_SECTOR: usize = 64;
/// How often the stream may be walked through, in bytes; sheets lie one behind the other.
const WALKS: usize = 8;

/// Looks through the file and mends the sizes of sheets in it. Returns the bytes that its cells take when they are read, or
/// what is wrong with it.
pub(super) fn check(bytes: &mut [u8]) -> Result<usize, String> {
    let (places, stream) = workbook_stream(bytes)?;
    let mut walk = Walk { stream: &stream, hints: Vec::new(), budget: stream.len().saturating_mul(WALKS) };
    let needed = walk.workbook()?;
    for at in walk.hints {
        // The first row and the row after the last, then the same of columns; both are counted from 0.
        for (k, byte) in places.range(at, 14).zip([0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0]) {
            if let Some(b) = bytes.get_mut(k) {
                *b = byte;
            }
        }
    }
    Ok(needed)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// Where the pieces of a stream lie in the file.
struct Places {
    pieces: Vec<usize>,
    size: usize,
}

impl Places {
    fn of(&self, at: usize) -> usize {
        self.pieces.get(at / self.size).map_or(usize::MAX, |piece| piece + at % self.size)
    }

    fn range(&self, at: usize, length: usize) -> impl Iterator<Item = usize> + '_ {
        (at..at + length).map(|k| self.of(k))
    }
}

/// The sectors of a chain that hold `length` bytes; there are no more than `sectors`.
fn chain(first: u32, table: &[u32], size: usize, sectors: usize, length: usize) -> Result<Vec<u32>, String> {
    let mut ids = Vec::new();
    let mut id = first;
    while id != END_OF_CHAIN && ids.len().saturating_mul(size) < length {
        if id as usize >= sectors {
            return Err("a part of it lies beyond its end".to_owned());
        }
        if ids.len() >= sectors {
            return Err("the chain of its sectors runs in a circle".to_owned());
        }
        ids.push(id);
        id = table.get(id as usize).copied().unwrap_or(MARKS);
    }
    Ok(ids)
}

/// The stream of the workbook and where it lies.
fn workbook_stream(bytes: &[u8]) -> Result<(Places, Vec<u8>), String> {
    let cut = || "it is cut short".to_owned();
    let number = |at: usize| u32_at(bytes, at).ok_or_else(cut);
    let size = match u16_at(bytes, 30).ok_or_else(cut)? {
        9 => 512,
        12 => 4096,
        _ => return Err("its sectors have an unknown size".to_owned()),
    };
    let sectors = bytes.len().saturating_sub(size).div_ceil(size);
    let sector = |id: u32| {
        let at = (id as usize + 1).saturating_mul(size).min(bytes.len());
        &bytes[at..(at + size).min(bytes.len())]
    };
    let numbers = |bytes: &[u8]| -> Vec<u32> { bytes.chunks_exact(4).filter_map(|c| u32_at(c, 0)).collect() };
    // Which sectors hold the table of chains.
    let mut difat = numbers(bytes.get(76..512).ok_or_else(cut)?);
    let mut next = number(68)?;
    let mut steps = 0;
    while next < MARKS {
        steps += 1;
        if next as usize >= sectors || steps > sectors {
            return Err("the list of its sectors is damaged".to_owned());
        }
        difat.extend(numbers(sector(next)));
        next = difat.pop().unwrap_or(END_OF_CHAIN);
    }
    difat.retain(|&id| id < NO_DIFAT);
    if difat.len() > sectors || difat.iter().any(|&id| id as usize >= sectors) {
        return Err("the list of its sectors is damaged".to_owned());
    }
    let table: Vec<u32> = difat.iter().flat_map(|&id| numbers(sector(id))).collect();
    let whole = |ids: &[u32]| ids.iter().flat_map(|&id| sector(id)).copied().collect::<Vec<u8>>();

    let directory = whole(&chain(number(48)?, &table, size, sectors, usize::MAX)?);
    let entries: Vec<&[u8]> = directory.chunks_exact(128).collect();
    let root = entries.first().ok_or("it has no directory")?;
    let start = |entry: &[u8]| u32_at(entry, 116).unwrap_or(END_OF_CHAIN);
    let length = |entry: &[u8]| {
        let low = u32_at(entry, 120).unwrap_or(0) as usize;
        let high = if size == 512 { 0 } else { u32_at(entry, 124).unwrap_or(0) as usize };
        low | high << 32
    };
    let name = |entry: &[u8]| {
        let letters = entry[..64].chunks_exact(2).map(|c| u16::from_le_bytes([c[0], c[1]])).take_while(|&c| c != 0);
        String::from_utf16_lossy(&letters.collect::<Vec<_>>()).to_ascii_lowercase()
    };
    let (mut small, mut small_table) = (Vec::new(), Vec::new());
    if number(64)? > 0 {
        small = chain(start(root), &table, size, sectors, length(root))?;
        let length = (number(64)? as usize).saturating_mul(size);
        small_table = numbers(&whole(&chain(number(60)?, &table, size, sectors, length)?));
    }
    let found = |wanted: &str| entries.iter().find(|entry| name(entry) == wanted);
    let entry = found("workbook").or_else(|| found("book")).ok_or("it has no workbook in it")?;
    let length = length(entry);
    if length > bytes.len() {
        return Err("it says that it is longer than it is".to_owned());
    }
    let places = if length < SMALL {
        let each = size / SMALL_SECTOR;
        let ids = chain(start(entry), &small_table, SMALL_SECTOR, small.len() * each, length)?;
        let piece = |id: u32| (small[id as usize / each] as usize + 1) * size + id as usize % each * SMALL_SECTOR;
        Places { pieces: ids.into_iter().map(piece).collect(), size: SMALL_SECTOR }
    } else {
        let ids = chain(start(entry), &table, size, sectors, length)?;
        Places { pieces: ids.into_iter().map(|id| (id as usize + 1) * size).collect(), size }
    };
    let mut stream = Vec::with_capacity(length);
    for &piece in &places.pieces {
        let own = &bytes[piece.min(bytes.len())..(piece + places.size).min(bytes.len())];
        stream.extend_from_slice(&own[..own.len().min(length - stream.len())]);
    }
    Ok((places, stream))
}

/// A record: its type, where its data begin, and where they end.
#[derive(Clone, Copy)]
struct Record {
    kind: u16,
    start: usize,
    end: usize,
}

const CONTINUE: u16 = 0x3c;

struct Walk<'s> {
    stream: &'s [u8],
    /// Where sizes of sheets stand in the stream.
    hints: Vec<usize>,
    /// Bytes that may still be walked through.
    budget: usize,
}

/// The cells of a sheet, and what they take.
#[derive(Default)]
struct Extent {
    rows: Option<(u16, u16)>,
    columns: Option<(usize, usize)>,
}

impl Extent {
    fn add(&mut self, row: u16, first: usize, last: usize) {
        let (top, bottom) = self.rows.unwrap_or((row, row));
        self.rows = Some((top.min(row), bottom.max(row)));
        let (left, right) = self.columns.unwrap_or((first, last));
        self.columns = Some((left.min(first), right.max(last)));
    }

    fn area(&self) -> usize {
        let rows = self.rows.map_or(0, |(top, bottom)| usize::from(bottom - top) + 1);
        rows * self.columns.map_or(0, |(left, right)| right - left + 1)
    }
}

impl Walk<'_> {
    fn record(&self, at: usize) -> Option<Record> {
        let (kind, length) = (u16_at(self.stream, at)?, u16_at(self.stream, at + 2)?);
        let end = at + 4 + usize::from(length);
        (end <= self.stream.len()).then_some(Record { kind, start: at + 4, end })
    }

    /// Bytes of all sheets.
    fn workbook(&mut self) -> Result<usize, String> {
        let (mut at, mut sheets, mut texts) = (0, Vec::new(), Vec::new());
        while let Some(record) = self.record(at) {
            at = record.end;
            let data = &self.stream[record.start..record.end];
            match record.kind {
                0x85 => sheets.extend(u32_at(data, 0)),
                0xfc => {
                    let mut segments = vec![data.get(8..).unwrap_or_default()];
                    while let Some(more) = self.record(at).filter(|r| r.kind == CONTINUE) {
                        segments.push(&self.stream[more.start..more.end]);
                        at = more.end;
                    }
                    texts = shared_texts(&segments);
                }
                0x0a => break,
                _ => {}
            }
        }
        let (mut whole, mut largest) = (texts.iter().sum::<usize>(), 0);
        for at in sheets {
            let own = self.sheet(at as usize, &texts)?;
            whole = whole.saturating_add(own);
            largest = largest.max(own);
        }
        // The sheet that is read is copied.
        Ok(whole.saturating_add(largest))
    }

    /// Bytes of the cells of the sheet that begins at `at`.
    fn sheet(&mut self, mut at: usize, texts: &[usize]) -> Result<usize, String> {
        let (mut cells, mut formulas) = (Extent::default(), Extent::default());
        let (mut count, mut held) = (0_usize, 0_usize);
        let (mut begun, mut depth) = (false, 0_usize);
        let mut formula = (0, 0);
        while let Some(record) = self.record(at) {
            self.budget =
                self.budget.checked_sub(record.end - at).ok_or("several of its sheets claim the same place")?;
            at = record.end;
            let data = &self.stream[record.start..record.end];
            if depth > 0 {
                match record.kind {
                    0x0809 => depth += 1,
                    0x0a => depth -= 1,
                    _ => {}
                }
                continue;
            }
            let place = || Some((u16_at(data, 0)?, usize::from(u16_at(data, 2)?)));
            match record.kind {
                0x0809 => {
                    depth = usize::from(begun);
                    begun = true;
                }
                0x0a => break,
                0x0200 if data.len() >= 14 => self.hints.push(record.start),
                0x0200 if data.len() == 10 => {
                    let size = |first, last| {
                        let (first, last) = (u16_at(data, first).unwrap_or(0), u16_at(data, last).unwrap_or(0));
                        (first <= last).then(|| usize::from(last - first) + 1)
                    };
                    let area = size(0, 2).zip(size(4, 6)).map(|(rows, columns)| rows * columns);
                    let area = area.ok_or("the size of a sheet is damaged")?;
                    held = held.saturating_add(area * 2 * size_of::<Data>());
                }
                0x0203 | 0x0204 | 0xd6 | 0x0205 | 0x027e | 0xfd | 0x06 | 0x0207 | 0xbd => {
                    let Some((row, column)) = place() else { break };
                    let (row, column) = if record.kind == 0x0207 { formula } else { (row, column) };
                    let more = if record.kind == 0xbd { (data.len().saturating_sub(6) / 6).max(1) - 1 } else { 0 };
                    cells.add(row, column, column + more);
                    count += 1 + more;
                    held = held.saturating_add(match record.kind {
                        0x0204 | 0xd6 => usize::from(u16_at(data, 6).unwrap_or(0)) * 3,
                        0x0207 => usize::from(u16_at(data, 0).unwrap_or(0)) * 3,
                        0xfd => u32_at(data, 6).and_then(|k| texts.get(k as usize)).copied().unwrap_or(0),
                        0x06 => data.len() * 16,
                        _ => 0,
                    });
                    if record.kind == 0x06 {
                        formula = (row, column);
                        formulas.add(row, column, column);
                    }
                }
                _ => {}
            }
        }
        // Those that are found stand in a list first, with their places.
        let listed = count.saturating_mul(2 * (size_of::<Data>() + 8));
        let dense = cells.area().saturating_mul(size_of::<Data>());
        let dense = dense.saturating_add(formulas.area().saturating_mul(size_of::<String>()));
        Ok(dense.saturating_add(listed).saturating_add(held))
    }
}

/// Bytes of the texts that cells share, which lie in a record and those that continue it.
fn shared_texts(segments: &[&[u8]]) -> Vec<usize> {
    let mut rest = segments.iter().copied();
    let mut data = rest.next().unwrap_or_default();
    let mut texts = Vec::new();
    loop {
        if data.is_empty() {
            match rest.next() {
                Some(more) => data = more,
                None => return texts,
            }
        }
        if data.is_empty() {
            texts.push(0);
            continue;
        }
        let mut one = || -> Option<usize> {
            let letters = usize::from(u16_at(data, 0)?);
            let flags = *data.get(2)?;
            let mut wide = flags & 1 != 0;
            data = &data[3..];
            let mut behind = 0;
            if flags & 8 != 0 {
                behind += usize::from(u16_at(data, 0)?) * 4;
                data = &data[2..];
            }
            if flags & 4 != 0 {
                behind += u32_at(data, 0)? as usize;
                data = &data[4..];
            }
            let mut left = letters;
            loop {
                let width = 1 + usize::from(wide);
                let taken = left.min(data.len() / width);
                data = &data[taken * width..];
                left -= taken;
                if left == 0 {
                    break;
                }
                data = rest.next()?;
                wide = data.first()? & 1 != 0;
                data = &data[1..];
            }
            while behind > 0 {
                if data.is_empty() {
                    data = rest.next()?;
                }
                let taken = behind.min(data.len());
                data = &data[taken..];
                behind -= taken;
            }
            // UTF-8 takes up to three bytes a letter.
            Some(letters * 3)
        };
        match one() {
            Some(bytes) => texts.push(bytes),
            None => return texts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{check, workbook_stream};
    use crate::read::byte_source::ByteSource;
    use crate::read::read;
    use crate::reading::Reading;
    use crate::{ReadOptions, read_bytes, read_file};
    use std::path::{Path, PathBuf};
    use std::sync::Arc;

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/formats").join(name)
    }

    fn small() -> Reading {
        let mut reading = Reading::new(Arc::default());
        reading.limit = 64 << 20;
        reading
    }

    /// Bytes of a book with other bytes at a place of its stream, found by the record's type.
    fn changed(kind: u16, change: impl Fn(&mut dyn FnMut(usize, u8))) -> Vec<u8> {
        let mut bytes = std::fs::read(fixture("book.xls")).expect("a fixture");
        let (places, stream) = workbook_stream(&bytes).expect("a workbook");
        let mut at = 0;
        let word = |k: usize| u16::from_le_bytes([stream[k], stream[k + 1]]);
        while word(at) != kind {
            at += 4 + usize::from(word(at + 2));
        }
        change(&mut |offset, byte| bytes[places.of(at + 4 + offset)] = byte);
        bytes
    }

    #[test]
    fn the_size_that_a_sheet_claims_is_not_believed() {
        // The row behind the last, the first row behind the last, and a last column of many.
        for places in [vec![4, 5, 6, 7], vec![0, 1, 2, 3], vec![10, 11, 4, 5, 6, 7]] {
            let bytes = changed(0x0200, |set| places.iter().for_each(|&k| set(k, 0xff)));
            let (table, _) = read_bytes("a.xls", &bytes, &ReadOptions::default()).expect("readable");
            assert_eq!(table.rows(), 6);
        }
    }

    #[test]
    fn cells_far_away_and_chains_in_circles_are_refused() {
        let refused = |bytes: &[u8], says: &str| {
            let folder = tempfile::tempdir().expect("the system has a temporary folder");
            let path = folder.path().join("a.xls");
            std::fs::write(&path, bytes).expect("can be written");
            let message = read_file(&path, &ReadOptions::default(), &small()).expect_err("must be refused").to_string();
            assert!(message.contains(says), "{message}");
        };
        // A number in row 65536 and column 65536.
        refused(&changed(0x027e, |set| (0..4).for_each(|k| set(k, 0xff))), "of memory");
        let mut bytes = std::fs::read(fixture("book.xls")).expect("a fixture");
        let table = u32::from_le_bytes(bytes[76..80].try_into().expect("four bytes")) as usize;
        let directory = u32::from_le_bytes(bytes[48..52].try_into().expect("four bytes"));
        let at = (table + 1) * 512 + directory as usize * 4;
        bytes[at..at + 4].copy_from_slice(&directory.to_le_bytes());
        assert_eq!(check(&mut bytes.clone()).expect_err("a circle"), "the chain of its sectors runs in a circle");
        refused(&bytes, "cannot be read");
    }

    /// Numbers that follow from a seed.
    struct Dice(u64);

    impl Dice {
        fn below(&mut self, end: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) as usize % end
        }
    }

    #[test]
    fn damaged_books_are_read_or_refused() {
        std::panic::set_hook(Box::new(|_| {}));
        let (mut taken, mut refused) = (0, 0);
        for name in ["book.xls", "red.xls"] {
            let bytes = std::fs::read(fixture(name)).expect("a fixture");
            let (places, stream) = workbook_stream(&bytes).expect("a workbook");
            for seed in 0..400 {
                let mut dice = Dice(seed * 77 + 5);
                let mut damaged = bytes.clone();
                for _ in 0..=dice.below(4) {
                    // Mostly the header, the chains and the records, where lengths stand.
                    let at = match dice.below(4) {
                        0 => dice.below(512),
                        1 => dice.below(bytes.len()),
                        _ => places.of(dice.below(stream.len())),
                    };
                    let length = [1, 1, 2, 4, 8][dice.below(5)];
                    let byte = [0xff, 0, 0x7f, 0x80, dice.below(256) as u8][dice.below(5)];
                    let end = at.saturating_add(length).min(damaged.len());
                    damaged[at.min(end)..end].fill(byte);
                }
                if dice.below(8) == 0 {
                    damaged.truncate(dice.below(bytes.len()).max(8));
                }
                match read(&ByteSource::bytes("a.xls", &damaged), &ReadOptions::default(), &small()) {
                    Ok(_) => taken += 1,
                    Err(e) => {
                        refused += 1;
                        assert!(e.to_string().len() > 20, "{e}");
                    }
                }
            }
        }
        drop(std::panic::take_hook());
        assert!(taken > 50 && refused > 50, "{taken} were read, {refused} refused");
    }
}
