//! JSON made to be read: short containers on one line, long arrays of numbers in full lines. Every number keeps its text.

const WIDTH: usize = 120;

/// Lays out compact JSON text; the input must be valid JSON without spaces between tokens, as `serde_json` writes it.
pub fn layout(compact: &str) -> String {
    let mut out = String::with_capacity(compact.len() * 5 / 4);
    value(compact, 0, &mut out);
    out.push('\n');
    out
}

/// Writes one value at the given depth.
fn value(text: &str, depth: usize, out: &mut String) {
    let Some(open) = text.chars().next().filter(|c| "[{".contains(*c)) else {
        out.push_str(text);
        return;
    };
    let inner = &text[1..text.len() - 1];
    let items = split(inner);
    let nested = items.iter().any(|i| member(i).1.starts_with(['[', '{']));
    let length = text.len() + items.len() + depth * 2;
    let close = if open == '[' { ']' } else { '}' };
    let indent = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    out.push(open);
    if length <= WIDTH && (!nested || depth > 1) {
        for (i, item) in items.iter().enumerate() {
            out.push_str(if i > 0 { ", " } else { "" });
            inline(item, out);
        }
    } else if open == '[' && !nested {
        let mut column = WIDTH;
        for (i, item) in items.iter().enumerate() {
            out.push_str(if i > 0 { "," } else { "" });
            if column + item.len() + 2 > WIDTH {
                indent(out, depth + 1);
                column = 2 * depth + 2;
            } else {
                out.push(' ');
            }
            out.push_str(item);
            column += item.len() + 2;
        }
        indent(out, depth);
    } else {
        for (i, item) in items.iter().enumerate() {
            out.push_str(if i > 0 { "," } else { "" });
            indent(out, depth + 1);
            let (key, content) = member(item);
            if !key.is_empty() {
                out.push_str(key);
                out.push_str(": ");
            }
            value(content, depth + 1, out);
        }
        if !items.is_empty() {
            indent(out, depth);
        }
    }
    out.push(close);
}

/// A value on one line, with a space behind every colon and comma outside of strings.
fn inline(text: &str, out: &mut String) {
    let (mut quoted, mut escaped) = (false, false);
    for c in text.chars() {
        out.push(c);
        if quoted {
            quoted = escaped || c != '"';
            escaped = c == '\\' && !escaped;
        } else if c == '"' {
            quoted = true;
        } else if ",:".contains(c) {
            out.push(' ');
        }
    }
}

/// The members of a container, split at its own commas.
fn split(inner: &str) -> Vec<&str> {
    cuts(inner, b',').map_or_else(Vec::new, |at| {
        let mut items = Vec::new();
        let mut from = 0;
        for cut in at.into_iter().chain([inner.len()]) {
            items.push(&inner[from..cut]);
            from = cut + 1;
        }
        items
    })
}

/// Key and value of an object's member; an array's item has no key.
fn member(item: &str) -> (&str, &str) {
    if !item.starts_with('"') {
        return ("", item);
    }
    match cuts(item, b':').and_then(|at| at.first().copied()) {
        Some(colon) => (&item[..colon], &item[colon + 1..]),
        None => ("", item),
    }
}

/// Places of `mark` outside of strings and nested containers; none for empty text.
fn cuts(text: &str, mark: u8) -> Option<Vec<usize>> {
    if text.is_empty() {
        return None;
    }
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    let mut at = Vec::new();
    for (i, &b) in text.as_bytes().iter().enumerate() {
        if quoted {
            quoted = escaped || b != b'"';
            escaped = b == b'\\' && !escaped;
            continue;
        }
        match b {
            b'"' => quoted = true,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ if b == mark && depth == 0 => at.push(i),
            _ => {}
        }
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::{WIDTH, layout};
    use serde_json::{Value, json};

    #[test]
    fn layout_keeps_the_value_and_the_text_of_numbers() {
        let long: Vec<f32> = (0..200).map(|i| 0.1 + i as f32 / 7.0).collect();
        let v = json!({
            "name": "a \"quoted\", [odd]: {text} \\", "empty": {}, "none": [], "short": [1, 2, 3],
            "nested": {"a": {"b": [[1, 2], [3, 4]]}, "c": [{"x": 1}, {"y": "z,:"}]}, "t": [true, null]
        });
        let compact = serde_json::to_string(&v).expect("plain");
        assert_eq!(serde_json::from_str::<Value>(&layout(&compact)).expect("still JSON"), v);
        let numbers = serde_json::to_string(&long).expect("plain");
        let laid = layout(&numbers);
        assert!(laid.lines().count() > 10 && laid.lines().all(|l| l.len() <= WIDTH + 4));
        assert_eq!(serde_json::from_str::<Vec<f32>>(&laid).expect("still JSON"), long);
    }
}
