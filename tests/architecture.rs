//! The modules stand in one order, and each uses only those below it.

use std::fs;
use std::path::{Path, PathBuf};

/// Lowest first.
const ORDER: [&str; 9] = ["seed", "nn", "data", "train", "explain", "project", "learn", "cli", "app"];

fn sources(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("src can be read") {
            sources(&entry.expect("src can be read").path(), found);
        }
    } else if path.extension().is_some_and(|e| e == "rs") {
        found.push(path.to_owned());
    }
}

/// The modules that a line of source names by path.
fn named(line: &str) -> impl Iterator<Item = &str> {
    line.split("crate::")
        .skip(1)
        .map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or(""))
}

#[test]
fn no_module_uses_one_above_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut seen = [false; ORDER.len()];
    for file in files {
        let inside = file.strip_prefix(&root).expect("below src");
        let first = inside.components().next().expect("not empty").as_os_str().to_string_lossy().into_owned();
        let Some(own) = ORDER.iter().position(|m| *m == first.trim_end_matches(".rs")) else { continue };
        seen[own] = true;
        let text = fs::read_to_string(&file).expect("source is text");
        for (number, line) in text.lines().enumerate().filter(|(_, l)| !l.trim_start().starts_with("//")) {
            for module in named(line) {
                let other = ORDER.iter().position(|m| *m == module);
                assert!(
                    other.is_none_or(|o| o <= own),
                    "{}:{}: {module} lies above {first}",
                    inside.display(),
                    number + 1
                );
            }
            let screen = ["egui::", "eframe::", "egui_plot::", "rfd::"].iter().any(|s| line.contains(s));
            assert!(!screen || first == "app", "{}:{} knows the screen", inside.display(), number + 1);
        }
    }
    assert!(seen.iter().all(|s| *s), "every module of the order exists");
}
