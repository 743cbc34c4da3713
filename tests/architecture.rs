//! The modules stand in one order, and each uses only those below it.

#[path = "support/source.rs"]
mod source;

use source::files::files as find_files;
use source::{Sources, Token, behind_block, questions, tokens};
use std::fs;
use std::path::Path;

/// Lowest first.
const ORDER: [&str; 9] = ["common", "nn", "data", "train", "explain", "project", "learn", "cli", "app"];

/// All ways of naming a module are read: nested `use`, `super`, names that a module passes on, paths in the code.
#[test]
fn no_file_uses_one_of_a_higher_module() {
    let sources = Sources::read();
    let level = |file: &str| {
        let first = file.split('/').next().unwrap_or_default().trim_end_matches(".rs");
        ORDER.iter().position(|m| *m == first)
    };
    let mut seen = [false; ORDER.len()];
    for (file, tokens) in &sources.files {
        let Some(own) = level(file) else { continue };
        seen[own] = true;
        for (other, line) in sources.uses(file) {
            assert!(level(&other).is_none_or(|o| o <= own), "{file}:{line} uses {other}, which lies above it");
        }
        let screen = tokens.iter().find(|t| ["egui", "eframe", "egui_plot", "rfd"].contains(&t.text.as_str()));
        assert!(screen.is_none() || ORDER[own] == "app", "{file}:{} knows the screen", screen.map_or(0, |t| t.line));
    }
    assert!(seen.iter().all(|s| *s), "every module of the order exists");
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let sources = Sources::read();
    let circles = sources.circles(|_| true);
    let told: Vec<String> = circles.iter().map(|circle| circle.join(" → ")).collect();
    assert!(circles.is_empty(), "files use each other in circles:\n{}", told.join("\n"));
}

/// Only the registry and a layer's own file know which kind a layer is.
#[test]
fn nobody_asks_for_the_kind_of_a_layer() {
    let sources = Sources::read();
    let mut asked = Vec::new();
    let mut named = 0;
    for (file, tokens) in sources.files.iter().filter(|(file, _)| !file.starts_with("nn/layers/")) {
        named += tokens.iter().filter(|t| t.text == "LayerKind").count();
        for name in ["LayerKind", "Cell", "JoinKind", "PoolKind"] {
            asked.extend(questions(tokens, name).into_iter().map(|line| format!("{file}:{line} asks for a {name}")));
        }
    }
    assert!(named > 0, "the name of the enum has changed");
    assert!(asked.is_empty(), "{}", asked.join("\n"));
}

/// The patterns of the arms of every `match`, word by word.
fn matches_in(tokens: &[Token]) -> Vec<Vec<Vec<&str>>> {
    let text = |k: usize| tokens.get(k).map_or("", |t| t.text.as_str());
    // The next of some signs outside of brackets.
    let find = |mut at: usize, signs: &[&str]| {
        while at < tokens.len() && !signs.contains(&text(at)) {
            at = if matches!(text(at), "(" | "[" | "{") { behind_block(tokens, at) } else { at + 1 };
        }
        at
    };
    let arms = |keyword: usize| {
        let mut at = find(keyword + 1, &["{"]) + 1;
        let mut arms = Vec::new();
        while at < tokens.len() && text(at) != "}" {
            let arrow = find(at, &["=>"]);
            arms.push((at..arrow).map(text).collect());
            at = if text(arrow + 1) == "{" { behind_block(tokens, arrow + 1) } else { find(arrow + 1, &[",", "}"]) };
            at += usize::from(text(at) == ",");
        }
        arms
    };
    (0..tokens.len()).filter(|&k| text(k) == "match").map(arms).collect()
}

/// Whether a match names losses in its patterns and has an arm that takes whatever comes: one without the name of a variant,
/// a constant or a number.
fn has_arm_for_other_losses(patterns: &[Vec<&str>]) -> bool {
    let losses: Vec<String> = chainrule::nn::Loss::ALL.iter().map(|loss| format!("{loss:?}")).collect();
    let is_loss = |three: &[&str]| three[0] == "Loss" && three[1] == "::" && losses.iter().any(|l| l == three[2]);
    let takes_all = |pattern: &Vec<&str>| {
        let before_if = || pattern.iter().take_while(|word| **word != "if");
        let says_nothing = |c: char| c.is_ascii_lowercase() || "_,.()&".contains(c);
        before_if().next().is_some() && before_if().all(|word| word.chars().all(says_nothing))
    };
    patterns.iter().any(|p| p.windows(3).any(is_loss)) && patterns.iter().any(takes_all)
}

/// A loss that is added must not fall into an arm that was meant for the others.
#[test]
fn no_match_over_losses_has_an_arm_for_the_others() {
    let has_arm = |text: &str| matches_in(&tokens(text)).iter().any(|m| has_arm_for_other_losses(m));
    for wrong in [
        "fn f(loss: Loss) { match loss { Loss::Hinge => { 1 } /* */ _ => 2 } }",
        "match loss { Loss::Hinge => \"_ => }\", other => 2, }",
        "match (loss, k) { (nn::Loss::Hinge | Loss::Focal, 1) => match k { _ => 1 }, (_, k) if k > 1 => 3 }",
    ] {
        assert!(has_arm(wrong), "{wrong}");
    }
    for right in [
        "match target { Target::Classes(2) => (1, Loss::Hinge), _ => (2, Loss::Focal) }",
        "match loss { Loss::Hinge => match k { 1 => 2, _ => 3 }, Loss::Focal => { 1 } }",
    ] {
        assert!(!has_arm(right), "{right}");
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "crates", "tests", "benches"] {
        find_files(&root.join(folder), "rs", &mut files);
    }
    for file in files {
        let text = fs::read_to_string(&file).expect("source is text");
        assert!(!has_arm(&text), "{}: an arm for all other losses", file.display());
        if file.starts_with(root.join("crates/nn/src/losses")) {
            let tokens = tokens(&text);
            let wild = tokens.windows(2).find(|pair| pair[0].text == "_" && pair[1].text == "=>");
            assert!(wild.is_none(), "{}:{}: `_ =>`", file.display(), wild.map_or(0, |pair| pair[0].line));
        }
    }
}

/// Only a loss itself knows which one it is.
#[test]
fn nobody_asks_which_loss_it_is() {
    let sources = Sources::read();
    let outside = || sources.files.iter().filter(|(file, _)| !file.starts_with("nn/losses/"));
    let asked: Vec<String> = outside()
        .flat_map(|(file, tokens)| questions(tokens, "Loss").into_iter().map(move |line| format!("{file}:{line}")))
        .collect();
    assert!(asked.is_empty(), "these ask which loss it is: {asked:?}");
    assert!(outside().any(|(_, tokens)| tokens.iter().any(|t| t.text == "Loss")), "the name of the enum has changed");
}

#[test]
fn every_form_of_a_path_is_read() {
    let files =
        |all: &[(&str, &str)]| Sources::of(all.iter().map(|(n, s)| ((*n).to_owned(), (*s).to_owned())).collect());
    let sources = files(&[
        ("a/mod.rs", "mod x; mod y; pub mod deep; pub use x::{One, Two as Deux}; pub use deep::*;"),
        ("a/x.rs", "pub struct One; pub struct Two; // crate::c::C\n const S: &str = \"crate::c::C\";"),
        ("a/y.rs", "use crate::{a::{self as here, deep::{Low, self}}, b::B}; use std::fmt;"),
        ("a/deep/mod.rs", "mod low; pub use low::Low; pub(in crate::c) fn own() {}"),
        ("a/deep/low.rs", "pub struct Low; fn f() -> super::super::One { super::own() }"),
        ("b.rs", "pub struct B; mod inner { use super::super::a::Deux; } #[cfg(test)] mod tests { use crate::c::C; }"),
        ("c.rs", "use crate::a::{Low, own}; pub struct C; fn f<'a>(c: &'a char) -> char { 'c' }"),
        ("lib.rs", "mod a; mod b; mod c; pub use chainrule_nn as nn;"),
        ("d.rs", "use crate::nn::{deep::Low, One};"),
        ("nn/lib.rs", "mod deep; mod one; pub use one::One;"),
        ("nn/one.rs", "use crate::deep; pub struct One;"),
        ("nn/deep.rs", "use chainrule_common::seed::Stream; pub struct Low;"),
        ("common/seed.rs", "pub struct Stream;"),
        ("common/lib.rs", "pub mod seed;"),
    ]);
    let uses = |file: &str| sources.uses(file).into_keys().collect::<Vec<_>>();
    assert_eq!(uses("a/x.rs"), [""; 0], "neither comments nor strings");
    assert_eq!(uses("a/y.rs"), ["a/deep/low.rs", "a/deep/mod.rs", "a/mod.rs", "b.rs"]);
    assert_eq!(uses("a/deep/low.rs"), ["a/deep/mod.rs", "a/x.rs"]);
    assert_eq!(uses("b.rs"), ["a/x.rs"], "through a name that is passed on; not for tests");
    assert_eq!(uses("c.rs"), ["a/deep/low.rs", "a/deep/mod.rs"], "through a star");
    assert_eq!(uses("d.rs"), ["nn/deep.rs", "nn/one.rs"], "of another crate");
    assert_eq!(uses("nn/one.rs"), ["nn/deep.rs"], "each crate has a root of its own");
    assert_eq!(uses("nn/deep.rs"), ["common/seed.rs"], "of another crate, by its own name");
    let circles = sources.circles(|_| true);
    assert!(circles.contains(&vec!["a/deep/low.rs".to_owned(), "a/deep/mod.rs".to_owned()]), "{circles:?}");
}

#[test]
fn questions_about_a_variant_are_told_from_making_one() {
    let asked = |text: &str| questions(&source::tokens(text), "Kind").len();
    for question in [
        "matches!(k, Kind::A(_) | Kind::B)",
        "match k { Kind::A(a) => 1, Kind::B => 2 }",
        "match k { Some(Kind::A(_)) => 1, _ => 2 } if let Some(Kind::B) = k {}",
        "let Kind::A(a) = k else { return }; if let nn::Kind::B = k {}",
        "use crate::Kind::{A, B};",
        "if k == Kind::A(1) {} if Kind::B == k {}",
    ] {
        assert_eq!(asked(question), 2, "{question}");
    }
    for building in
        ["let k = Kind::A(1);", "f(Kind::A(1), Some(Kind::B));", "[Kind::A(1), Kind::B].len()", "use crate::Kind;"]
    {
        assert_eq!(asked(building), 0, "{building}");
    }
}

/// The workspaces of the window stand side by side: what two of them need lies below both, what brings them together above.
const WORKSPACES: [&str; 6] = ["data", "builder", "train", "explain", "learn", "gallery"];

#[test]
fn workspaces_do_not_use_each_other() {
    let sources = Sources::read();
    let workspace = |file: &str| {
        let first = file.strip_prefix("app/")?.split('/').next()?.trim_end_matches(".rs").to_owned();
        WORKSPACES.iter().position(|w| *w == first)
    };
    let mut seen = [false; WORKSPACES.len()];
    for file in sources.files.keys() {
        let Some(own) = workspace(file) else { continue };
        seen[own] = true;
        for (other, line) in sources.uses(file) {
            assert!(workspace(&other).is_none_or(|o| o == own), "{file}:{line} uses {other} of another workspace");
        }
    }
    assert!(seen.iter().all(|s| *s), "every workspace exists");
}
