//! Words that have no place in product code, or in any file.

use super::{
    report,
    source::{Source, files, line_of, root, sources, words},
};

/// Macros and methods without a place outside of tests, and what to do instead.
const UNFINISHED: [(&str, &str); 5] = [
    (".unwrap()", "handle it, or `expect` with the reason why it cannot fail"),
    ("todo!", "finish it"),
    ("unimplemented!", "finish it"),
    ("dbg!", "remove it"),
    ("panic!(\"not implemented", "finish it"),
];

/// Where a file's name tells nothing: binary and recorded data.
const TEXT_ENDINGS: [&str; 7] = ["rs", "toml", "md", "yml", "yaml", "sh", "run"];

fn places<'a>(source: &'a Source, word: &'a str) -> impl Iterator<Item = String> + 'a {
    let code = &source.product;
    let found = code.match_indices(word).map(|(at, _)| at);
    found.map(move |at| format!("{}:{}: {word}", source.path, line_of(code, at)))
}

fn is_product(path: &str) -> bool {
    ["core/src/", "runtime-smol/src/", "runtime-std/src/", "runtime-std/ctl/", "sim/src/"]
        .iter()
        .any(|folder| path.starts_with(folder))
}

#[test]
fn core_does_without_std() {
    let mut problems = Vec::new();
    for source in sources().iter().filter(|source| source.path.starts_with("core/src/")) {
        for at in words(&source.product, "std") {
            let place = format!("{}:{}", source.path, line_of(&source.product, at));
            problems.push(format!("{place}: std; use core or alloc, or let the runtime do it"));
        }
        for word in ["println!", "print!"] {
            problems.extend(places(source, word).map(|place| format!("{place}; log an event")));
        }
    }
    report("core has no I/O, clock, entropy or threads", &problems);
    let lib = super::source::read("core/src/lib.rs");
    for line in ["#![no_std]", "#![forbid(unsafe_code)]"] {
        assert!(lib.contains(line), "core/src/lib.rs must say {line}");
    }
}

#[test]
fn product_code_is_finished() {
    let mut problems = Vec::new();
    for source in sources().iter().filter(|source| is_product(&source.path)) {
        for (word, advice) in UNFINISHED {
            problems.extend(places(source, word).map(|place| format!("{place}; {advice}")));
        }
    }
    report("nothing in the product is left open", &problems);
}

#[test]
fn files_name_no_machine() {
    // Put together here, so that this file does not name them.
    let folders = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];
    let mut problems = Vec::new();
    for path in files("") {
        let ending = path.rsplit(['.', '/']).next().unwrap_or_default();
        if !TEXT_ENDINGS.contains(&ending) {
            continue;
        }
        // Some test data is invalid on purpose.
        let Ok(text) = std::fs::read_to_string(root().join(&path)) else { continue };
        for (number, line) in text.lines().enumerate() {
            for folder in folders.iter().filter(|folder| line.contains(**folder)) {
                problems.push(format!("{path}:{}: {folder}; use a relative path", number + 1));
            }
        }
    }
    report("no file names a folder of somebody's machine", &problems);
}

#[test]
fn the_readme_tests_what_ci_tests() {
    let readme = super::source::read("README.md");
    let command = readme.lines().find(|line| line.starts_with("cargo test"));
    let command = command.expect("README.md shows the test command on a line of its own");
    assert!(
        super::source::read(".ci/run").lines().any(|line| line.trim() == format!("step {command}")),
        ".ci/run must run what README.md shows: {command}"
    );
}

#[test]
fn links_between_documents_hold() {
    let mut problems = Vec::new();
    for path in files("").iter().filter(|path| path.ends_with(".md")) {
        let text = super::source::read(path);
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = target.split('#').next().unwrap_or_default();
            let is_local = !target.is_empty() && !target.contains(':');
            if is_local && !root().join(folder).join(target).exists() {
                problems.push(format!("{path}: {target} does not exist"));
            }
        }
    }
    report("links between documents lead somewhere", &problems);
}
