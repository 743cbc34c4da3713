//! One word for one thing: the glossary names what is on the screen, and words that were given up stay away.

#[path = "support/files.rs"]
mod files;

use files::files;
use proc_macro2::{TokenStream, TokenTree};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The text literals of a source, without its documentation.
fn literals(tokens: TokenStream, found: &mut BTreeSet<String>) {
    let mut documented = false;
    for token in tokens {
        match token {
            TokenTree::Group(group) => literals(group.stream(), found),
            TokenTree::Literal(literal) if !documented => {
                let text = literal.to_string();
                let inner = text.trim_start_matches('r').trim_matches('#');
                if let Some(inner) = inner.strip_prefix('"').and_then(|t| t.strip_suffix('"')) {
                    found.insert(inner.to_owned());
                }
            }
            TokenTree::Ident(ident) => documented = ident == "doc",
            TokenTree::Punct(mark) if mark.as_char() == '=' => {}
            _ => documented = false,
        }
    }
}

/// Every text literal of the program.
fn on_screen() -> BTreeSet<String> {
    let mut sources = Vec::new();
    files(&root().join("src"), "rs", &mut sources);
    files(&root().join("crates"), "rs", &mut sources);
    let mut found = BTreeSet::new();
    for source in sources {
        let text = fs::read_to_string(&source).expect("source is text");
        literals(text.parse().unwrap_or_else(|e| panic!("{}: {e}", source.display())), &mut found);
    }
    found
}

#[test]
fn every_term_of_the_glossary_is_on_the_screen_and_explained() {
    let text = fs::read_to_string(root().join("docs/glossary.md")).expect("the glossary is there");
    let literals = on_screen();
    let mut terms = Vec::new();
    for line in text.lines().filter(|l| l.starts_with('|')).skip(2) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 4, "{line}");
        assert!(cells.iter().all(|c| !c.is_empty()), "{line}");
        assert!(literals.contains(cells[1]), "“{}” stands nowhere in the program", cells[1]);
        terms.push(cells[0].to_lowercase());
    }
    assert!(terms.len() > 50, "{}", terms.len());
    let sorted: BTreeSet<&String> = terms.iter().collect();
    assert_eq!(sorted.into_iter().collect::<Vec<_>>(), terms.iter().collect::<Vec<_>>(), "in order, each once");
}

#[test]
fn words_that_were_given_up_stay_away() {
    const GIVEN_UP: [&str; 31] = [
        "2 Error",
        "Batches a step",
        "Clip gradient",
        "Clip values",
        "are dealt",
        "Keep the class shares alike",
        "Fill gaps",
        "Mark gaps",
        "Powers of x",
        "Each step alone",
        "Rate factor",
        "Stop at",
        "chain of a weight",
        "ways lead",
        "weighs its",
        "lies above",
        "lies below",
        "rightly",
        "mend",
        "Mend",
        "Compared with",
        "Save with the run",
        "no file holds",
        "nudged slope",
        "bends the",
        "forgets at random",
        "shakes while",
        "put out 0",
        "columns more",
        "all ways",
        "judges it",
    ];
    let mut texts: Vec<(String, String)> = on_screen().into_iter().map(|t| ("the program".to_owned(), t)).collect();
    let mut documents = Vec::new();
    files(&root().join("assets/lessons"), "md", &mut documents);
    files(&root().join("docs"), "md", &mut documents);
    documents.push(root().join("README.md"));
    for document in documents {
        let text = fs::read_to_string(&document).expect("documents are text");
        texts.push((document.display().to_string(), text));
    }
    for (place, text) in &texts {
        for word in GIVEN_UP {
            let hit = text.match_indices(word).any(|(at, _)| {
                // "recommend" and "amend" are other words.
                word != "mend" || !text[..at].ends_with(|c: char| c.is_alphabetic())
            });
            assert!(!hit, "“{word}” is in {place}: {}", text.chars().take(200).collect::<String>());
        }
    }
}
