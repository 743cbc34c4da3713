//! Every reader against files that are cut, damaged, or lie about their size: an error with a place and a way out, in
//! bounded memory and time, and never a panic that gets out.
//!
//! The damage comes from fixed seeds, so that a file that fails once fails again; `CHAINRULE_FUZZ` rounds (8 by default)
//! are done with each file.

#[path = "support/counting.rs"]
mod counting;

use chainrule::data::{ReadOptions, Reading, read_file};
use chainrule::seed::{Purpose, Stream};
use counting::{PROCESS_LIVE, PROCESS_PEAK};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What values may take; buffers, blocks and the decoders' own tables come on top.
const LIMIT: usize = 64 << 20;
const ON_TOP: usize = 400 << 20;

/// One test at a time, since all share the count.
static ONE: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn formats() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/formats")
}

/// Reads within the limit: how many rows, or the message; the outer error is what no reader may do.
fn judge(path: &Path) -> Result<Result<usize, String>, String> {
    let mut reading = Reading::new(Arc::default());
    reading.limit = LIMIT;
    let before = PROCESS_LIVE.load(Ordering::Relaxed);
    PROCESS_PEAK.store(before, Ordering::Relaxed);
    let work = || read_file(path, &ReadOptions::default(), &reading);
    let outcome =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).map_err(|_panic| "a panic".to_owned())?;
    let used = PROCESS_PEAK.load(Ordering::Relaxed).saturating_sub(before);
    if used > LIMIT + ON_TOP {
        return Err(format!("{} MiB of memory", used >> 20));
    }
    match outcome {
        Ok((table, _)) if table.columns.iter().any(|c| c.len() != table.rows()) => {
            Err("columns of unequal length".into())
        }
        Ok((table, _)) => Ok(Ok(table.rows())),
        Err(e) => {
            let message = e.to_string();
            let fine = message.len() > 20 && message.ends_with(['.', '?']);
            if fine { Ok(Err(message)) } else { Err(format!("the message {message:?}")) }
        }
    }
}

fn read(path: &Path) -> Result<usize, String> {
    judge(path).unwrap_or_else(|wrong| panic!("{}: {wrong}", path.display()))
}

/// Cuts, flips, repeats or inserts bytes; large numbers are what headers lie with.
fn damage(bytes: &[u8], stream: &mut Stream) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=stream.below(4) {
        if bytes.is_empty() {
            return bytes;
        }
        let at = stream.below(bytes.len());
        match stream.below(6) {
            0 => bytes.truncate(at),
            1 => bytes[at] ^= 1 << stream.below(8),
            2 => bytes[at] = [0, 0xff, 0x7f, 0x80, b'"', b'\n'][stream.below(6)],
            3 => {
                let end = (at + 8).min(bytes.len());
                bytes[at..end].fill(0xff);
            }
            4 => {
                let end = (at + 1 + stream.below(64)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => {
                let end = (at + 1 + stream.below(32)).min(bytes.len());
                bytes.drain(at..end);
            }
        }
    }
    bytes
}

#[test]
fn damaged_files_of_every_format_are_read_or_refused() {
    let _one = ONE.lock();
    // The panics of others' readers are caught; what they say would only clutter.
    std::panic::set_hook(Box::new(|_| {}));
    let rounds: u64 = std::env::var("CHAINRULE_FUZZ").ok().and_then(|n| n.parse().ok()).unwrap_or(8);
    let folder = tempfile::tempdir().expect("the system has a temporary folder");
    let mut files: Vec<PathBuf> = [formats(), formats().with_file_name("real")]
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).expect("the fixtures"))
        .map(|e| e.expect("a fixture").path())
        .filter(|p| p.is_file())
        .collect();
    files.sort();
    assert!(files.len() > 50);
    let (mut taken, mut refused, mut wrong) = (0, 0, Vec::new());
    for (k, file) in files.iter().enumerate() {
        let bytes = std::fs::read(file).expect("a fixture");
        let path = folder.path().join(file.file_name().expect("a name"));
        for round in 0..rounds {
            let mut stream = Stream::new(round, Purpose::Data, k as u64);
            std::fs::write(&path, damage(&bytes, &mut stream)).expect("can be written");
            match judge(&path) {
                Ok(Ok(_)) => taken += 1,
                Ok(Err(_)) => refused += 1,
                Err(what) => wrong.push(format!("{}, round {round}: {what}", path.display())),
            }
        }
        std::fs::remove_file(&path).expect("is there");
    }
    drop(std::panic::take_hook());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Damage is found mostly, and text survives some of it.
    assert!(taken > 20 && refused > 100, "{taken} were read, {refused} refused");
}

fn refuses(name: &str, bytes: &[u8], says: &[&str]) {
    let folder = tempfile::tempdir().expect("the system has a temporary folder");
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).expect("can be written");
    let message = read(&path).expect_err("must be refused");
    for part in says {
        assert!(message.contains(part), "{name}: {part:?} is missing in {message:?}");
    }
}

#[test]
fn headers_that_lie_are_not_believed() {
    let _one = ONE.lock();
    let idx = |axes: &[u32]| {
        let mut bytes = vec![0, 0, 8, axes.len() as u8];
        for n in axes {
            bytes.extend(n.to_be_bytes());
        }
        bytes
    };
    refuses("big.idx", &idx(&[u32::MAX, u32::MAX, u32::MAX]), &["big.idx", "promises", "Fetch it again"]);
    refuses("empty.idx", &idx(&[0, 28, 28]), &["is empty"]);
    let npy = |shape: &str, kind: &str| {
        let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}");
        while (header.len() + 11) % 64 != 0 {
            header.push(' ');
        }
        header.push('\n');
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.into_bytes());
        bytes.extend([0; 64]);
        bytes
    };
    refuses("a.npy", &npy("18446744073709551615,", "<f8"), &["a.npy", "promises"]);
    refuses("b.npy", &npy("4294967296, 4294967296, 3", "<f8"), &["promises", "more than any memory holds"]);
    refuses("c.npy", &npy("1000,", "<f8"), &["promises [1000]", "shorter"]);
    refuses("d.npy", &npy("2,", "<c16"), &["c16", ".astype(float)"]);
    refuses("e.npy", &npy("0, 5", "<f8"), &["is empty"]);
    refuses("f.npy", &npy("2, 2, 1, 1, 1, 1", "<f2"), &["6 axes", "Reshape"]);
    refuses("old.feather", b"FEA1....", &["first version of Feather", "version 2"]);
    refuses(
        "one.png",
        &std::fs::read(formats().join("pictures/left/png.png")).expect("a fixture"),
        &["single picture"],
    );
}

#[test]
fn bombs_do_not_go_off() {
    let _one = ONE.lock();
    let gzip = |unit: &[u8], times: usize| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        for _ in 0..times {
            packed.write_all(unit).expect("memory");
        }
        packed.finish().expect("memory")
    };
    // 1 GiB of nothing in a line, of numbers, and of quotes that are never closed.
    refuses("zeros.csv.gz", &gzip(&vec![b'0'; 1 << 20], 1024), &["zeros.csv.gz", "longer than"]);
    refuses(
        "ones.csv.gz",
        &gzip("1.25,2.5\n".repeat(1 << 17).as_bytes(), 1024),
        &["ones.csv.gz", "64.0 MiB", "memory"],
    );
    let open = [b"a,b\n1,\"".to_vec(), vec![b'x'; 1 << 20]].concat();
    refuses("open.csv.gz", &gzip(&[open, vec![b'y'; 200 << 20]].concat(), 1), &["open.csv.gz", "longer than"]);
    let words = (0..1 << 22).fold(String::from("word\n"), |mut text, k| {
        writeln!(text, "w{k:020}").expect("memory");
        text
    });
    refuses("words.csv", words.as_bytes(), &["words.csv", "64.0 MiB"]);
    let idx = [vec![0, 0, 8, 1], (1_u32 << 30).to_be_bytes().to_vec(), vec![0; 1 << 20]].concat();
    refuses("zeros.idx.gz", &gzip(&idx, 1), &["64.0 MiB"]);
    // A workbook whose sheet unpacks to a hundred times the limit.
    let mut book = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    book.start_file("xl/worksheets/sheet1.xml", options).expect("memory");
    for _ in 0..200 {
        book.write_all(&vec![b' '; 1 << 20]).expect("memory");
    }
    refuses("bomb.xlsx", &book.finish().expect("memory").into_inner(), &["bomb.xlsx", "64.0 MiB"]);
}

/// Appends a number as Thrift does: seven bits a byte, signs in the lowest bit.
fn thrift(number: usize, to: &mut Vec<u8>) {
    let mut left = number << 1;
    while left >= 0x80 {
        to.push(left as u8 | 0x80);
        left >>= 7;
    }
    to.push(left as u8);
}

/// A file with one page of two texts: its packed bytes, how long they and what they unpack to are said to be.
fn parquet_of(packed: &[u8], lengths: [usize; 2], compression: parquet::basic::Compression) -> Vec<u8> {
    use parquet::column::writer::ColumnCloseResult;
    use parquet::file::metadata::ColumnChunkMetaData;
    // The kind of page, both lengths, and within: two values, plain, both kinds of levels run-length encoded.
    let mut page = vec![0x15, 0];
    for length in lengths {
        page.push(0x15);
        thrift(length, &mut page);
    }
    page.extend([0x2c, 0x15, 4, 0x15, 0, 0x15, 6, 0x15, 6, 0, 0]);
    page.extend_from_slice(packed);
    let schema = parquet::schema::parser::parse_message_type("message one { required binary word (UTF8); }");
    let mut bytes = Vec::new();
    let mut writer = parquet::file::writer::SerializedFileWriter::new(
        &mut bytes,
        Arc::new(schema.expect("a schema")),
        Arc::default(),
    )
    .expect("memory");
    let column = writer.schema_descr().column(0);
    let length = page.len() as i64;
    let metadata = ColumnChunkMetaData::builder(column)
        .set_compression(compression)
        .set_num_values(2)
        .set_total_compressed_size(length)
        .set_total_uncompressed_size(length)
        .build();
    let close = ColumnCloseResult {
        bytes_written: length as u64,
        rows_written: 2,
        metadata: metadata.expect("a column"),
        bloom_filter: None,
        column_index: None,
        offset_index: None,
    };
    let mut group = writer.next_row_group().expect("memory");
    group.append_column(&bytes::Bytes::from(page), close).expect("memory");
    group.close().expect("memory");
    writer.close().expect("memory");
    bytes
}

#[test]
fn pages_of_parquet_unpack_to_what_they_say_and_that_within_the_limit() {
    use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
    let _one = ONE.lock();
    let long = "x".repeat(2000);
    let plain = [&2000_u32.to_le_bytes(), long.as_bytes(), &1_u32.to_le_bytes(), b"b"].concat();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&plain).expect("memory");
    // One stored block of Brotli, and its end.
    let head = ((plain.len() as u32 - 1) << 4) | 1 << 20;
    let brotli = [&head.to_le_bytes()[..3], &plain, &[3]].concat();
    let lz4 = lz4_flex::block::compress(&plain);
    let hadoop = [&(plain.len() as u32).to_be_bytes(), &(lz4.len() as u32).to_be_bytes(), &lz4[..]].concat();
    let zstd = zstd::encode_all(&plain[..], 1).expect("memory");
    let folder = tempfile::tempdir().expect("the system has a temporary folder");
    let path = folder.path().join("whole.parquet");
    for (packed, compression) in [
        (plain.clone(), Compression::UNCOMPRESSED),
        (gzip.finish().expect("memory"), Compression::GZIP(GzipLevel::default())),
        (brotli, Compression::BROTLI(BrotliLevel::default())),
        (snap::raw::Encoder::new().compress_vec(&plain).expect("memory"), Compression::SNAPPY),
        (lz4.clone(), Compression::LZ4_RAW),
        // Older writers leave the sizes out.
        (lz4, Compression::LZ4),
        (hadoop, Compression::LZ4),
        (zstd, Compression::ZSTD(ZstdLevel::default())),
    ] {
        std::fs::write(&path, parquet_of(&packed, [plain.len(), packed.len()], compression)).expect("can be written");
        assert_eq!(read(&path), Ok(2), "{compression}");
        let huge = parquet_of(&packed, [130 << 20, packed.len()], compression);
        refuses("huge.parquet", &huge, &["huge.parquet", "64.0 MiB"]);
        if compression != Compression::UNCOMPRESSED {
            let lie = parquet_of(&packed, [10, packed.len()], compression);
            refuses("lie.parquet", &lie, &["lie.parquet"]);
            let short = parquet_of(&packed, [plain.len() + 1, packed.len()], compression);
            refuses("short.parquet", &short, &["short.parquet"]);
        }
        if matches!(compression, Compression::GZIP(_) | Compression::BROTLI(_) | Compression::ZSTD(_)) {
            let lie = parquet_of(&packed, [10, packed.len()], compression);
            refuses("lie.parquet", &lie, &["more than it says"]);
        }
        // A page of two gigabytes in a file of a few hundred bytes.
        let long = parquet_of(&packed, [plain.len(), i32::MAX as usize], compression);
        refuses("long.parquet", &long, &["long.parquet", "longer than the file"]);
    }
}

#[test]
fn too_much_is_told_with_the_limit() {
    let _one = ONE.lock();
    let wide = (0..100_000).map(|k| k.to_string()).collect::<Vec<_>>().join(",");
    refuses("wide.csv", format!("{wide}\n{wide}\n").as_bytes(), &["wide.csv", "20000"]);
    refuses("wide.svm", b"1 1:1\n2 100000:1\n1 5:2\n", &["20000"]);
    let record = (0..30_000).map(|k| format!("\"k{k}\":1")).collect::<Vec<_>>().join(",");
    refuses("wide.json", format!("[{{{record}}}]").as_bytes(), &["20000"]);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    refuses("deep.json", deep.as_bytes(), &["deep.json", "record 1"]);
    refuses(
        "list.json",
        format!("[{{\"a\":[{}1]}},{{\"a\":[]}}]", "1,".repeat(5000)).as_bytes(),
        &["record 1", "\"a\"", "5001"],
    );
    refuses("short.arff", b"@relation r\n@attribute a numeric\n@data\n1\nx\n", &["line 5", "\"x\" is not a number"]);
    refuses("kind.arff", b"@relation r\n@attribute a complex\n@data\n1\n", &["line 2", "complex"]);
    refuses("bad.svm", b"1 1:1\n1 x:1\n", &["line 2", "index:value"]);
}

#[test]
fn archives_and_folders_stay_within_themselves() {
    let _one = ONE.lock();
    let picture = std::fs::read(formats().join("pictures/left/png.png")).expect("a fixture");
    let zip = |names: &[&str]| {
        let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for name in names {
            archive.start_file(*name, zip::write::SimpleFileOptions::default()).expect("memory");
            archive.write_all(&picture).expect("memory");
        }
        archive.finish().expect("memory").into_inner()
    };
    refuses("escape.zip", &zip(&["a/x.png", "../../etc/y.png"]), &["escape.zip", "leads out"]);
    refuses("none.zip", &zip(&["readme.txt"]), &["neither pictures nor arrays"]);
    let folder = tempfile::tempdir().expect("the system has a temporary folder");
    let class = folder.path().join("class");
    std::fs::create_dir(&class).expect("can be made");
    assert!(read(folder.path()).expect_err("nothing in it").contains("no pictures"));
    std::fs::write(class.join("good.png"), &picture).expect("can be written");
    std::fs::write(class.join("bad.png"), &picture[..40]).expect("can be written");
    // A link that leads back up, for ever.
    #[cfg(unix)]
    std::os::unix::fs::symlink(folder.path(), class.join("loop")).expect("can be made");
    let (table, detected) =
        read_file(folder.path(), &ReadOptions::default(), &Reading::default()).expect("one is good");
    assert_eq!((table.rows(), table.column("class").map(|c| c.cell(0))), (1, Some("class".to_owned())));
    assert!(detected.notes.iter().any(|n| n.text.contains("bad.png")), "{:?}", detected.notes);
    // A picture that says it is a hundred thousand pixels wide.
    let mut huge = picture.clone();
    huge[16..20].copy_from_slice(&100_000_u32.to_be_bytes());
    std::fs::write(class.join("good.png"), &huge).expect("can be written");
    assert!(read(folder.path()).expect_err("none is good").contains("none of its pictures"));
}

#[test]
fn text_is_the_same_however_it_is_cut_into_blocks() {
    let _one = ONE.lock();
    // Larger than a block, with a quoted part in its second half, so that both ways of reading meet.
    let folder = tempfile::tempdir().expect("the system has a temporary folder");
    let path = folder.path().join("large.csv");
    let mut text = String::from("n,half,word\n");
    let rows = 900_000;
    for k in 0..rows {
        let word = if k > rows / 2 && k % 1000 == 0 { "\"a, \"\"b\"\"\nc\"" } else { ["x", "yy", "zzz"][k % 3] };
        writeln!(text, "{k},{}.5,{word}", k % 100).expect("memory");
    }
    assert!(text.len() > 9 << 20);
    std::fs::write(&path, &text).expect("can be written");
    let (table, _) = read_file(&path, &ReadOptions::default(), &Reading::default()).expect("readable");
    assert_eq!(table.rows(), rows);
    for k in (0..rows).step_by(997).chain([rows - 1, 500_000, 899_000]) {
        let wanted = if k > rows / 2 && k % 1000 == 0 { "a, \"b\"\nc" } else { ["x", "yy", "zzz"][k % 3] };
        assert_eq!(table.columns[0].number(k), k as f64);
        assert_eq!(table.columns[1].number(k), (k % 100) as f64 + 0.5);
        assert_eq!(table.columns[2].cell(k), wanted, "row {k}");
    }
    // A word after many numbers is a gap that is told, many make text; a short line is told by its number.
    let mut late = text.replace("\n899999,99.5,", "\n899999,late,");
    std::fs::write(&path, &late).expect("can be written");
    let (table, _) = read_file(&path, &ReadOptions::default(), &Reading::default()).expect("readable");
    assert!(table.columns[1].is_missing(rows - 1) && table.columns[1].number(0) == 0.5);
    let words: Vec<String> = text
        .lines()
        .map(|l| if l.starts_with(['6', '7', '8']) { l.replace(".5,", ".5x,") } else { l.to_owned() })
        .collect();
    std::fs::write(&path, words.join("\n")).expect("can be written");
    let (table, _) = read_file(&path, &ReadOptions::default(), &Reading::default()).expect("readable");
    assert_eq!((table.columns[1].cell(0), table.columns[1].cell(rows - 1)), ("0.5".to_owned(), "99.5x".to_owned()));
    let line = late.lines().count() + 1;
    late.push_str("1,2\n");
    std::fs::write(&path, &late).expect("can be written");
    let (table, detected) = read_file(&path, &ReadOptions::default(), &Reading::default()).expect("filled with a gap");
    assert!(
        table.columns[2].is_missing(rows) && detected.notes.iter().any(|n| n.text.contains(&format!("line {line}")))
    );
    late.push_str("1,2,x,3\n");
    std::fs::write(&path, &late).expect("can be written");
    let read = read_file(&path, &ReadOptions::default(), &Reading::default()).map(|(table, _)| table.rows());
    let error = read.expect_err("ragged").to_string();
    assert!(error.contains(&format!("row {}: 4 fields", line + 1)), "{error}");
}
