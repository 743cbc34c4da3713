//! Reads Rust source as tokens: which paths a file uses, and where it asks which variant of an enum it has. Comments, strings
//! and modules for tests are left out.

#[path = "files.rs"]
pub mod files;

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The crates below `crates/`, which the program calls `chainrule_…`.
const CRATES: [&str; 3] = ["common", "nn", "data"];

/// A word, a number, `::`, `=>`, `==`, `!=` or a single sign, with its line.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    pub text: String,
    pub line: usize,
}

/// The tokens of a file, without comments, strings and characters.
pub fn tokens(source: &str) -> Vec<Token> {
    let mut found = Vec::new();
    flatten(source.parse().unwrap_or_else(|e| panic!("{e}: {source}")), &mut found);
    found
}

fn flatten(stream: TokenStream, found: &mut Vec<Token>) {
    let mut stream = stream.into_iter().peekable();
    while let Some(tree) = stream.next() {
        let line = tree.span().start().line;
        let mut add = |text: String, line| found.push(Token { text, line });
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::None => ("", ""),
                };
                add(open.to_owned(), line);
                let end = group.span_close().start().line;
                flatten(group.stream(), found);
                found.push(Token { text: close.to_owned(), line: end });
            }
            TokenTree::Ident(ident) => add(ident.to_string(), line),
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                if !text.contains(['"', '\'']) {
                    add(text, line);
                }
            }
            TokenTree::Punct(mark) => {
                let next = match stream.peek() {
                    Some(TokenTree::Punct(next)) if mark.spacing() == Spacing::Joint => next.as_char(),
                    _ => ' ',
                };
                let mut text = mark.to_string();
                if matches!((mark.as_char(), next), (':', ':') | ('=', '>' | '=') | ('!', '=')) {
                    text.push(next);
                    stream.next();
                }
                add(text, line);
            }
        }
    }
}

/// A path as it is written, and the modules inside the file that it stands in.
#[derive(Clone, Debug, PartialEq)]
pub struct Used {
    pub path: Vec<String>,
    /// What the last name is called here, for a `pub use`; `*` for all names.
    pub exported: Option<String>,
    pub inside: Vec<String>,
    pub line: usize,
}

/// All paths that a file names: in `use` items, with nested trees, and in the code.
pub fn paths(tokens: &[Token]) -> Vec<Used> {
    let mut found = Vec::new();
    let mut inside: Vec<(String, usize)> = Vec::new();
    let mut depth = 0;
    let mut i = 0;
    while i < tokens.len() {
        let text = |k: usize| tokens.get(k).map_or("", |t| t.text.as_str());
        let modules = || inside.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        match text(i) {
            "mod" if text(i + 2) == "{" => {
                if is_for_tests(tokens, i) {
                    i = behind_block(tokens, i + 2);
                    continue;
                }
                depth += 1;
                inside.push((text(i + 1).to_owned(), depth));
                i += 3;
                continue;
            }
            // How far an item is seen is no use.
            "pub" if text(i + 1) == "(" => {
                i = behind_block(tokens, i + 1);
                continue;
            }
            "{" => depth += 1,
            "}" => {
                if inside.last().is_some_and(|(_, at)| *at == depth) {
                    inside.pop();
                }
                depth -= 1;
            }
            "use" => {
                let public = i > 0 && matches!(text(i - 1), "pub" | ")");
                let mut at = i + 1;
                let mut leaves = Vec::new();
                tree(tokens, &mut at, &[], &mut leaves);
                for (path, name, line) in leaves {
                    found.push(Used { path, exported: public.then_some(name), inside: modules(), line });
                }
                i = at;
                continue;
            }
            word if is_name(word) && text(i + 1) == "::" && (i == 0 || text(i - 1) != "::") => {
                let line = tokens[i].line;
                let mut path = vec![word.to_owned()];
                while text(i + 1) == "::" && is_name(text(i + 2)) {
                    path.push(text(i + 2).to_owned());
                    i += 2;
                }
                found.push(Used { path, exported: None, inside: modules(), line });
            }
            _ => {}
        }
        i += 1;
    }
    found
}

fn is_name(text: &str) -> bool {
    text.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_')
}

/// Whether `#[cfg(test)]` stands before the item at `i`.
fn is_for_tests(tokens: &[Token], i: usize) -> bool {
    let before: Vec<&str> = tokens[..i].iter().rev().take(7).map(|t| t.text.as_str()).collect();
    before == ["]", ")", "test", "(", "cfg", "[", "#"]
}

/// The token behind the block whose `{` is at `open`.
pub fn behind_block(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0;
    for (k, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return k + 1;
        }
    }
    tokens.len()
}

/// Reads one use tree: `a::b`, `a::{b, c::d}`, `a::*`, `a as b`, `a::{self}`.
fn tree(tokens: &[Token], at: &mut usize, before: &[String], leaves: &mut Vec<(Vec<String>, String, usize)>) {
    let mut path = before.to_vec();
    loop {
        let Some(token) = tokens.get(*at) else { return };
        let line = token.line;
        match token.text.as_str() {
            "::" => *at += 1,
            "{" => {
                *at += 1;
                while tokens.get(*at).is_some_and(|t| t.text != "}") {
                    tree(tokens, at, &path, leaves);
                    if tokens.get(*at).is_some_and(|t| t.text == ",") {
                        *at += 1;
                    }
                }
                *at += 1;
                return;
            }
            "*" => {
                *at += 1;
                leaves.push((path, "*".to_owned(), line));
                return;
            }
            // In a nested tree `self` is the module itself; at the beginning it is a path.
            "self" if !before.is_empty() && path.len() == before.len() => *at += 1,
            name if is_name(name) && name != "as" => {
                path.push(name.to_owned());
                *at += 1;
            }
            _ => *at += 1,
        }
        let next = tokens.get(*at).map_or(";", |t| t.text.as_str());
        if next == "as" {
            let name = tokens.get(*at + 1).map(|t| t.text.clone()).unwrap_or_default();
            *at += 2;
            leaves.push((path, name, line));
            return;
        }
        if matches!(next, ";" | "," | "}") {
            let name = path.last().cloned().unwrap_or_default();
            leaves.push((path, name, line));
            return;
        }
    }
}

/// Places that ask which variant of `name` a value is: patterns in `match`, `matches!`, `if let` and `let else`. Naming a
/// variant to make one is no question.
pub fn questions(tokens: &[Token], name: &str) -> Vec<usize> {
    let text = |k: usize| tokens.get(k).map_or("", |t| t.text.as_str());
    let mut found = Vec::new();
    let mut i = 0;
    // The ends of the `matches!` that are open.
    let mut asked = Vec::new();
    while i < tokens.len() {
        asked.retain(|&end| i < end);
        if text(i) == "mod" && text(i + 2) == "{" && is_for_tests(tokens, i) {
            i = behind_block(tokens, i + 2);
            continue;
        }
        if text(i) == "matches" && text(i + 1) == "!" {
            asked.push(behind_block(tokens, i + 2));
        }
        if text(i) == "use" {
            // Names of variants by themselves would hide questions.
            let mut at = i + 1;
            let mut leaves = Vec::new();
            tree(tokens, &mut at, &[], &mut leaves);
            let of_variants = |(path, ..): &&(Vec<String>, String, usize)| {
                path.iter().rev().skip(1).any(|part| part == name)
                    || (path.last().is_some_and(|p| p == name) && text(at - 1) == "*")
            };
            found.extend(leaves.iter().filter(of_variants).map(|(_, _, line)| *line));
            i = at;
            continue;
        }
        if text(i) == name && text(i + 1) == "::" && is_name(text(i + 2)) {
            let mut end = i + 3;
            if matches!(text(end), "(" | "{") {
                end = behind_block(tokens, end);
            }
            // Out of brackets around the pattern, as in `Some(…)`.
            while matches!(text(end), ")" | ",") && !asked.contains(&(end + 1)) {
                end += 1;
            }
            let let_before = {
                let mut k = i;
                while k > 0
                    && (matches!(text(k - 1), "(" | "&" | "|" | "::") || is_name(text(k - 1)))
                    && text(k - 1) != "let"
                {
                    k -= 1;
                }
                k > 0 && text(k - 1) == "let"
            };
            let compared = text(end) == "==" || (i > 0 && matches!(text(i - 1), "==" | "!="));
            if !asked.is_empty() || compared || matches!(text(end), "=>" | "|") || (let_before && text(end) == "=") {
                found.push(tokens[i].line);
            }
        }
        i += 1;
    }
    found
}

/// The files of the program and which of them use which.
pub struct Sources {
    /// Paths without the folder `src`, those of other crates with the crate's name first, as "nn/layers/dense.rs"; with their tokens.
    pub files: BTreeMap<String, Vec<Token>>,
    /// The file of each module, by its path from the crate.
    modules: BTreeMap<Vec<String>, String>,
    used: BTreeMap<String, Vec<Used>>,
}

impl Sources {
    /// Of all crates.
    pub fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut all = BTreeMap::new();
        let roots = CRATES.map(|name| (format!("{name}/"), root.join("crates").join(name).join("src")));
        for (prefix, folder) in [(String::new(), root.join("src"))].into_iter().chain(roots) {
            let mut found = Vec::new();
            files::files(&folder, "rs", &mut found);
            for path in found {
                let name = path.strip_prefix(&folder).expect("below src").to_string_lossy().replace('\\', "/");
                all.insert(format!("{prefix}{name}"), fs::read_to_string(path).expect("source is text"));
            }
        }
        Self::of(all)
    }

    /// Of files by name, with their source.
    pub fn of(files: BTreeMap<String, String>) -> Self {
        let files: BTreeMap<String, Vec<Token>> = files.into_iter().map(|(name, text)| (name, tokens(&text))).collect();
        let modules = files.keys().map(|name| (module_of(name), name.clone())).collect();
        let used = files.iter().map(|(name, tokens)| (name.clone(), paths(tokens))).collect();
        Self { files, modules, used }
    }

    /// The files that a file uses, each with the line where it does first. A name that a module passes on with `pub use` is
    /// followed to where it comes from.
    pub fn uses(&self, file: &str) -> BTreeMap<String, usize> {
        let mut found = BTreeMap::new();
        for used in &self.used[file] {
            let mut from = module_of(file);
            from.extend(used.inside.iter().cloned());
            for other in self.resolve(&from, &used.path, &mut BTreeSet::new()) {
                if other != file {
                    found.entry(other).or_insert(used.line);
                }
            }
        }
        found
    }

    /// The files that hold what `path`, written in module `from`, names.
    fn resolve(
        &self,
        from: &[String],
        path: &[String],
        seen: &mut BTreeSet<(Vec<String>, Vec<String>)>,
    ) -> Vec<String> {
        if !seen.insert((from.to_vec(), path.to_vec())) {
            return Vec::new();
        }
        let Some(first) = path.first() else { return Vec::new() };
        let mut at: Vec<String> = from.to_vec();
        let mut rest = path;
        match first.as_str() {
            "crate" => {
                at.truncate(usize::from(at.first().is_some_and(|first| CRATES.contains(&first.as_str()))));
                rest = &path[1..];
            }
            "self" => rest = &path[1..],
            "super" => {
                while rest.first().is_some_and(|p| p == "super") {
                    at.pop();
                    rest = &rest[1..];
                }
            }
            // Another crate of the program, or a module below: else a crate from elsewhere, or a name of this file.
            name if name.strip_prefix("chainrule_").is_some_and(|name| CRATES.contains(&name)) => {
                (at, rest) = (vec![name["chainrule_".len()..].to_owned()], &path[1..]);
            }
            name => {
                let mut child = at.clone();
                child.push(name.to_owned());
                if !self.modules.contains_key(&child) {
                    return Vec::new();
                }
            }
        }
        self.find(&at, rest, seen)
    }

    fn find(&self, module: &[String], rest: &[String], seen: &mut BTreeSet<(Vec<String>, Vec<String>)>) -> Vec<String> {
        // A module inside a file belongs to the file.
        let Some(file) = (0..=module.len()).rev().find_map(|k| self.modules.get(&module[..k])) else {
            return Vec::new();
        };
        let Some(name) = rest.first() else { return vec![file.clone()] };
        let mut child = module.to_vec();
        child.push(name.clone());
        if self.modules.contains_key(&child) {
            return self.find(&child, &rest[1..], seen);
        }
        let mut found = Vec::new();
        for passed in self.used[file].iter().filter(|u| u.exported.is_some()) {
            let mut path = passed.path.clone();
            match passed.exported.as_deref() {
                Some("*") => path.push(name.clone()),
                Some(exported) if exported == name => {}
                _ => continue,
            }
            let own = module_of(file);
            let inner = self.resolve(&own, &path, seen);
            if passed.exported.as_deref() == Some("*") && inner.len() == 1 && !self.names(&inner[0], name) {
                continue;
            }
            found.extend(inner);
        }
        if found.is_empty() { vec![file.clone()] } else { found }
    }

    /// Whether a file makes an item of that name.
    fn names(&self, file: &str, name: &str) -> bool {
        const ITEMS: [&str; 8] = ["struct", "enum", "trait", "fn", "const", "static", "type", "macro_rules"];
        self.files[file].windows(2).any(|w| ITEMS.contains(&w[0].text.as_str()) && w[1].text == name)
    }

    /// Circles of files that use each other, each once, shortest way through.
    pub fn circles(&self, in_it: impl Fn(&str) -> bool) -> Vec<Vec<String>> {
        let uses: BTreeMap<&str, Vec<String>> = self
            .files
            .keys()
            .filter(|f| in_it(f))
            .map(|f| (f.as_str(), self.uses(f).into_keys().filter(|o| in_it(o)).collect()))
            .collect();
        let mut found: Vec<Vec<String>> = Vec::new();
        for &start in uses.keys() {
            if found.iter().any(|circle| circle.iter().any(|f| f == start)) {
                continue;
            }
            // Breadth first from the file back to itself.
            let mut way: BTreeMap<String, String> = BTreeMap::new();
            let mut open = std::collections::VecDeque::from([start.to_owned()]);
            'search: while let Some(at) = open.pop_front() {
                for next in &uses[at.as_str()] {
                    if next == start {
                        let mut circle = vec![at.clone()];
                        while let Some(before) = way.get(circle.last().expect("not empty")) {
                            circle.push(before.clone());
                        }
                        circle.reverse();
                        found.push(circle);
                        break 'search;
                    }
                    if !way.contains_key(next) {
                        way.insert(next.clone(), at.clone());
                        open.push_back(next.clone());
                    }
                }
            }
        }
        found
    }
}

/// The path of a file's module from the crate.
fn module_of(file: &str) -> Vec<String> {
    let mut parts: Vec<String> = file.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if parts.last().is_some_and(|p| p == "mod" || p == "lib") {
        parts.pop();
    }
    parts
}
