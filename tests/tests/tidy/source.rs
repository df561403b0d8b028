//! Reading sources: which files there are, and what of a Rust file is code.

use std::{
    collections::BTreeSet,
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

/// A source file, with what is not code blanked out. Every form has the same bytes at the same
/// places, newlines included.
pub(crate) struct Source {
    /// The path from the root of the repository.
    pub(crate) path: String,
    /// The file.
    pub(crate) text: String,
    /// The file without comments and without the insides of strings and characters.
    pub(crate) code: String,
    /// `code` without what only tests see.
    pub(crate) product: String,
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package has a folder").to_owned()
}

/// Reads a file of the repository.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Lists all files of the repository below a folder, sorted, without builds and version control.
pub(crate) fn files(below: &str) -> Vec<String> {
    fn walk(folder: &Path, all: &mut Vec<PathBuf>) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for entry in entries {
            let path = entry.expect("the folder can be read").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let is_build = path.is_dir() && (name == "target" || name == "node_modules");
            let is_hidden = name.starts_with('.') && name != ".ci" && name != ".cargo";
            if is_build || is_hidden || name == "proptest-regressions" {
                continue;
            }
            if path.is_dir() { walk(&path, all) } else { all.push(path) }
        }
    }
    let (root, mut all) = (root(), Vec::new());
    walk(&root.join(below), &mut all);
    let relative = |path: &PathBuf| {
        path.strip_prefix(&root).expect("walked from there").to_string_lossy().into_owned()
    };
    let mut all: Vec<String> = all.iter().map(relative).collect();
    all.sort();
    all
}

/// Reads all Rust files of the repository.
pub(crate) fn sources() -> Vec<Source> {
    let paths = files("").into_iter().filter(|path| path.ends_with(".rs"));
    let mut sources: Vec<Source> = paths.map(|path| parse(path.clone(), read(&path))).collect();
    let tests: BTreeSet<String> = sources.iter().flat_map(test_modules).collect();
    for source in &mut sources {
        let is_test = |stem: &String| {
            source.path == format!("{stem}.rs") || source.path.starts_with(&format!("{stem}/"))
        };
        if tests.iter().any(is_test) {
            source.product = blanked(&source.code, 0..source.code.len());
        }
    }
    sources
}

/// Returns the line of a byte, counted from 1.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    1 + text.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count()
}

/// Returns the places of a word, whole words only.
pub(crate) fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_name = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let bytes = code.as_bytes();
        !is_name(at.checked_sub(1).and_then(|before| bytes.get(before)))
            && !is_name(bytes.get(at + word.len()))
    })
}

/// Returns the place after the bracket that closes the one at `open`.
pub(crate) fn after_closing(code: &str, open: usize) -> usize {
    let mut depth = 0usize;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' | b'(' | b'[' => depth += 1,
            b'}' | b')' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    code.len()
}

/// Returns the place of the `{` or `;` where an item's head ends.
pub(crate) fn head_end(code: &str, from: usize) -> usize {
    let bytes = code.as_bytes();
    let mut at = from;
    while at < bytes.len() {
        match bytes[at] {
            b'{' | b';' => return at,
            b'(' | b'[' => at = after_closing(code, at),
            _ => at += 1,
        }
    }
    bytes.len()
}

fn parse(path: String, text: String) -> Source {
    let code = strip(&text);
    let mut product = code.clone();
    for range in test_items(&code) {
        product = blanked(&product, range);
    }
    let is_test = path.split('/').any(|part| part == "tests" || part == "benches")
        || path.starts_with("tests/scenarios/");
    if is_test && !path.starts_with("tests/src/") {
        product = blanked(&code, 0..code.len());
    }
    Source { path, text, code, product }
}

/// Finds what `#[cfg(test)]` stands before.
fn test_items(code: &str) -> Vec<Range<usize>> {
    let mut items = Vec::new();
    for (start, attribute) in code.match_indices("#[cfg(test)]") {
        let mut at = start + attribute.len();
        loop {
            at += code[at..].len() - code[at..].trim_start().len();
            if !code[at..].starts_with("#[") {
                break;
            }
            at = after_closing(code, at + 1);
        }
        let end = head_end(code, at);
        let is_block = code.as_bytes().get(end) == Some(&b'{');
        let end = if is_block { after_closing(code, end) } else { end + 1 };
        items.push(start..end.min(code.len()));
    }
    items
}

/// Returns the paths, without `.rs`, of the modules that only tests see.
fn test_modules(source: &Source) -> Vec<String> {
    let stem = source.path.trim_end_matches(".rs");
    let folder = match stem.rsplit_once('/') {
        Some((folder, "lib" | "main" | "mod")) => folder,
        _ => stem,
    };
    let names = test_items(&source.code).into_iter().filter_map(|range| {
        let item = source.code[range].trim_end_matches(';');
        let (before, name) = item.rsplit_once(char::is_whitespace)?;
        before.ends_with("mod").then(|| format!("{folder}/{name}"))
    });
    names.collect()
}

fn blanked(text: &str, range: Range<usize>) -> String {
    let blank = |byte: u8| if byte == b'\n' { b'\n' } else { b' ' };
    let inside = text.as_bytes()[range.clone()].iter().map(|&byte| blank(byte));
    let bytes = [&text.as_bytes()[..range.start], &inside.collect::<Vec<_>>()].concat();
    let bytes = [&bytes, &text.as_bytes()[range.end..]].concat();
    String::from_utf8(bytes).expect("whole items were blanked")
}

/// Blanks comments and the insides of strings and characters.
pub(crate) fn strip(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = Vec::with_capacity(bytes.len());
    while code.len() < bytes.len() {
        let at = code.len();
        let end = skipped(bytes, at);
        if end == at {
            code.push(bytes[at]);
            continue;
        }
        let quotes = bytes[at] != b'/';
        for (place, &byte) in bytes.iter().enumerate().take(end).skip(at) {
            let stays = byte == b'\n' || (quotes && (place == at || place + 1 == end));
            code.push(if stays { byte } else { b' ' });
        }
    }
    String::from_utf8(code).expect("only ASCII replaced whole texts")
}

/// Returns where the comment, string or character that starts here ends; `at` if none does.
fn skipped(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let is_in_name = at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_');
    match rest {
        [b'/', b'/', ..] => at + rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len()),
        [b'/', b'*', ..] => at + comment(rest),
        [b'r', b'"' | b'#', ..] if !is_in_name => at + raw_string(rest, 1).unwrap_or(0),
        [b'b' | b'c', b'r', b'"' | b'#', ..] if !is_in_name => {
            at + raw_string(rest, 2).unwrap_or(0)
        }
        [b'"', ..] => at + quoted(rest, b'"'),
        [b'\'', b'\\', ..] => at + quoted(rest, b'\''),
        [b'\'', ..] => at + character(rest),
        _ => at,
    }
}

fn comment(rest: &[u8]) -> usize {
    let (mut at, mut depth) = (2, 1);
    while at < rest.len() && depth > 0 {
        match &rest[at..] {
            [b'/', b'*', ..] => (at, depth) = (at + 2, depth + 1),
            [b'*', b'/', ..] => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
    }
    at
}

/// The length of a raw string whose hashes or quote start at `from`; `None` for a raw name.
fn raw_string(rest: &[u8], from: usize) -> Option<usize> {
    let hashes = rest[from..].iter().take_while(|&&b| b == b'#').count();
    let start = from + hashes;
    if rest.get(start) != Some(&b'"') {
        return None;
    }
    let closing: Vec<u8> = [&b"\""[..], &b"#".repeat(hashes)].concat();
    let inside = &rest[start + 1..];
    let end = inside.windows(closing.len()).position(|window| window == closing);
    Some(end.map_or(rest.len(), |end| start + 1 + end + closing.len()))
}

fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// The length of a character without a backslash; 0 for a lifetime.
fn character(rest: &[u8]) -> usize {
    let width = match rest.get(1) {
        Some(0xF0..) => 4,
        Some(0xE0..) => 3,
        Some(0xC0..) => 2,
        _ => 1,
    };
    if rest.get(1 + width) == Some(&b'\'') { width + 2 } else { 0 }
}
