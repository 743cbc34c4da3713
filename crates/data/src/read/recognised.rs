//! Files that are no table, recognised by their first bytes: what they are, and what to do.

use super::text_encoding;
use encoding_rs::{UTF_16BE, UTF_16LE};

const MATLAB: &str = "In MATLAB, save the table with writetable or writematrix as CSV; in Python, scipy.io.loadmat reads it and numpy.savez saves its arrays";
const UNPACK: &str = "Unpack it and choose the table in it";

/// What a file is that begins like this, and what to do instead of reading it.
pub(super) fn named(head: &[u8]) -> Option<(&'static str, &'static str)> {
    const HDF5: &[u8] = b"\x89HDF\r\n\x1a\n";
    let begins = |magic: &[u8]| head.starts_with(magic);
    let at = |place: usize, magic: &[u8]| head.get(place..).is_some_and(|rest| rest.starts_with(magic));
    let start = &head[..head.len().min(1024)];
    let holds = |words: &[u8]| memchr::memmem::find(start, words).is_some();
    Some(match () {
        () if begins(b"FEA1") => (
            "the first version of Feather, which few programs read",
            "Save it again as Feather version 2 or as Parquet",
        ),
        () if holds(b"%PDF-") && !begins(b"<") => (
            "a PDF document, which cannot be read as a table",
            "Copy the table in it into a spreadsheet, or ask for the data as CSV",
        ),
        () if begins(b"version https://git-lfs.github.com/spec/") => (
            "a Git LFS pointer, a few lines that stand for the file",
            "Fetch the file itself with git lfs pull, or from the web page of the repository",
        ),
        () if holds(b"/annex/objects/") && head.len() < 1024 => {
            ("a git-annex pointer, a line that stands for the file", "Fetch the file itself with git annex get")
        }
        () if begins(b"MATLAB 7.3") => ("a MATLAB file of version 7.3", MATLAB),
        () if begins(b"MATLAB 5.0") => ("a MATLAB file of version 5", MATLAB),
        () if begins(HDF5) || at(512, HDF5) => (
            "an HDF5 file, which cannot be read",
            "In Python, pandas.read_hdf(…).to_parquet(…) converts a table, and numpy.savez with h5py's arrays the rest",
        ),
        () if begins(b"$FL2") || begins(b"$FL3") || begins(b"* ASCII SPSS PORT") => (
            "an SPSS file",
            "In SPSS, save it as CSV or as an Excel workbook; in Python, pandas.read_spss(…).to_parquet(…) converts it",
        ),
        () if at(12, b"\xc2\xea\x81\x60\xb3\x14\x11\xcf\xbd\x92\x08\x00") => (
            "a SAS data set (sas7bdat)",
            "In SAS, export it with PROC EXPORT as CSV; in Python, pandas.read_sas(…).to_parquet(…) converts it",
        ),
        () if begins(b"HEADER RECORD*******") => {
            ("a SAS transport file", "In Python, pandas.read_sas(…, format=\"xport\").to_parquet(…) converts it")
        }
        () if [&b"RDX2\n"[..], b"RDX3\n", b"RDA2\n", b"RDA3\n", b"X\n\0\0\0\x02", b"X\n\0\0\0\x03"]
            .iter()
            .any(|magic| begins(magic)) =>
        {
            (
                "a file of R data",
                "In R, load it and save the table with write.csv(table, \"table.csv\", row.names = FALSE)",
            )
        }
        () if matches!(head, [0x80, 2..=5, ..]) => (
            "a Python pickle, which could run foreign code when it is read",
            "In Python, save the table with to_parquet or to_csv, or the arrays with numpy.savez",
        ),
        () if begins(b"Obj\x01") => ("an Avro file", "Convert it to Parquet or CSV"),
        () if begins(b"ORC") && head.get(3).is_some_and(|b| *b < b' ') => {
            ("an ORC file", "Convert it to Parquet or CSV")
        }
        () if matches!(head, [b'C', b'D', b'F', 1 | 2 | 5, ..]) => {
            ("a NetCDF file", "In Python, xarray.open_dataset(…).to_dataframe().to_parquet(…) converts it")
        }
        () if begins(b"SIMPLE  =") => {
            ("a FITS file", "In Python, astropy.table.Table.read(…).write(….csv) converts it")
        }
        () if begins(b"{\\rtf") => ("a document in Rich Text Format", "Save it as plain text, or its table as CSV"),
        () if at(4, b"ftyphei") || at(4, b"ftypmif1") || at(4, b"ftypavif") => (
            "a picture in HEIC or AVIF",
            "Save the pictures as JPEG or PNG, and choose the folder or the zip archive that holds all of them",
        ),
        () if at(4, b"ftyp") || begins(b"\x1a\x45\xdf\xa3") || at(8, b"AVI ") => {
            ("a video, not a table", "Save its frames as pictures and choose their folder")
        }
        () if at(8, b"WAVE") || begins(b"ID3") || begins(b"OggS") || begins(b"fLaC") => {
            ("a sound, not a table", "Save its features, or its samples, as CSV or as a NumPy array")
        }
        () if begins(b"7z\xbc\xaf\x27\x1c") => ("a 7z archive", UNPACK),
        () if begins(b"Rar!\x1a\x07") => ("a RAR archive", UNPACK),
        () if begins(&[0x1f, 0x9d]) || begins(&[0x04, 0x22, 0x4d, 0x18]) => ("a compressed file", UNPACK),
        () if begins(b"\x7fELF") || (begins(b"MZ") && is_binary(head)) => {
            ("a program, not a table", "Choose the data file")
        }
        () if begins(b"MZ") && at(64, b"\x0e\x1f") => ("a program, not a table", "Choose the data file"),
        () if holds(b"urn:schemas-microsoft-com:office:spreadsheet") => (
            "a workbook in the XML format of 2003, which cannot be read",
            "Open it in a spreadsheet program and save it as .xlsx",
        ),
        () if holds(b"<svg") && (begins(b"<") || begins(b"\xef\xbb\xbf<")) => {
            ("a drawing (SVG), not a table", "Save it as PNG, and choose the folder or the zip archive of all pictures")
        }
        () if (begins(b"<?xml") || begins(b"\xef\xbb\xbf<?xml")) && !holds(b"<html") && !holds(b"<table") => (
            "an XML file, which cannot be read as a table",
            "In Python, pandas.read_xml(…).to_csv(…) converts it, or open it in a spreadsheet program",
        ),
        () => return None,
    })
}

/// Whether bytes are neither text of any encoding nor numbers in it. NUL at the end, where a file was cut off, does not count.
pub(super) fn is_binary(head: &[u8]) -> bool {
    let end = head.iter().rposition(|&b| b != 0).map_or(0, |k| k + 1);
    let start = &head[..end.min(1 << 13)];
    if start.is_empty() || [UTF_16LE, UTF_16BE].contains(&text_encoding::detect(head)) {
        return start.is_empty();
    }
    // Some programs separate columns by 1 or by 28 to 31.
    let odd = |b: &&u8| matches!(**b, 0 | 2..=8 | 14..=25 | 27);
    let share = start.iter().filter(odd).count() * 100;
    let is_text = std::str::from_utf8(start).map_or_else(|e| e.error_len().is_none(), |_| true);
    share > start.len() * if is_text { 20 } else { 3 }
}

#[cfg(test)]
mod tests {
    use super::is_binary;
    use crate::{ReadOptions, read_bytes};

    #[test]
    fn what_is_no_table_is_named_with_a_way_out() {
        let hdf = [b"MATLAB 7.3 MAT-file".to_vec(), vec![b' '; 493], b"\x89HDF\r\n\x1a\n".to_vec()].concat();
        let sas = [vec![0; 12], b"\xc2\xea\x81\x60\xb3\x14\x11\xcf\xbd\x92\x08\x00\x09".to_vec()].concat();
        for (bytes, says) in [
            (&b"%PDF-1.7\n%\xe2\xe3"[..], ["PDF", "spreadsheet"]),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 3\n", ["Git LFS", "git lfs pull"]),
            (b"\x80\x04\x95\x10\0\0\0\0\0\0\0}\x94.", ["pickle", "to_parquet"]),
            (b"\x89HDF\r\n\x1a\n\0\0", ["HDF5", "read_hdf"]),
            (&hdf, ["MATLAB file of version 7.3", "writetable"]),
            (b"MATLAB 5.0 MAT-file, Platform", ["MATLAB file of version 5", "loadmat"]),
            (b"$FL2@(#) SPSS DATA FILE", ["SPSS", "read_spss"]),
            (&sas, ["SAS data set", "read_sas"]),
            (b"RDX3\nX\n\0\0", ["R data", "write.csv"]),
            (b"\0\0\0\x18ftypheic\0\0\0\0", ["HEIC", "JPEG"]),
            (b"7z\xbc\xaf\x27\x1c\0\x04", ["7z", "Unpack"]),
            (b"Obj\x01\x04\x14avro.codec", ["Avro", "Parquet"]),
            (b"\x01\x02\x03\xff\xfe\x80\x00\x07\x9c", ["binary", "CSV"]),
        ] {
            let error = read_bytes("x.csv", bytes, &ReadOptions::default()).expect_err("no table").to_string();
            assert!(says.iter().all(|s| error.contains(s)), "{error}");
        }
    }

    #[test]
    fn text_of_any_encoding_is_not_binary() {
        let utf16: Vec<u8> = "a;b\n1;2\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let cut = [b"a,b\n1,2\n".to_vec(), vec![0; 500]].concat();
        for text in
            [&b"a,b\n1,2\n"[..], &utf16, &cut, b"a\x01b\n1\x012\n", b"\xc4\xd6,\xdc\n1,2\n", b"\x83\x4c\x83\x5b,1\n"]
        {
            assert!(!is_binary(text), "{text:?}");
        }
    }
}
