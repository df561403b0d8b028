//! The layers of core: which modules use which.

use std::collections::BTreeMap;

use super::{
    report,
    source::{Source, after_closing, line_of, sources, words},
};

/// The ranks of core, low to high, and inside of a rank the modules in an order of their own.
///
/// A module may use modules of lower ranks, and of its own rank those that stand before it. So
/// there is no cycle anywhere. The order inside of the ranks follows from what the modules are: a
/// silence and an inhibition select alerts, a checkpoint (`persist`) holds what the others keep, a
/// delivery carries out notifications that a route asked for, the interface serves the pages.
const RANKS: [&[&str]; 9] = [
    &["time", "id", "rng", "hash", "map", "cow", "timer", "word", "limits"],
    &["wire", "event", "metrics"],
    &["label"],
    &[
        "interval", "template", "yaml", "schema", "nflog", "alert", "silence", "inhibit",
        "persist", "cluster", "trail",
    ],
    &["notify", "route", "group", "delivery"],
    &["config"],
    &["view"],
    &["cli", "ui", "api"],
    &["node", "drive"],
];

/// What breaks the order and may, each with its reason: `(user, used, reason)`.
const EXCEPTIONS: [(&str, &str, &str); 0] = [];

#[test]
fn modules_of_core_use_lower_layers_only() {
    let order: BTreeMap<&str, (usize, usize)> = RANKS
        .iter()
        .enumerate()
        .flat_map(|(rank, names)| {
            names.iter().enumerate().map(move |(place, name)| (*name, (rank, place)))
        })
        .collect();
    let mut problems = Vec::new();
    for source in sources().iter().filter(|source| source.path.starts_with("core/src/")) {
        let user = module(&source.path);
        if user == "lib" {
            continue;
        }
        let Some(&here) = order.get(user) else {
            problems.push(format!("{}: module {user} has no rank; add it to RANKS", source.path));
            continue;
        };
        for (used, at) in used_modules(source) {
            let place = format!("{}:{}", source.path, line_of(&source.product, at));
            let excused =
                |exception: &(&str, &str, &str)| (exception.0, exception.1) == (user, &used);
            match order.get(used.as_str()) {
                None => problems.push(format!("{place}: crate::{used} has no rank")),
                Some(_) if used == user || EXCEPTIONS.iter().any(excused) => {}
                Some(there) if there < &here => {}
                Some(there) if there.0 == here.0 => problems.push(format!(
                    "{place}: {user} uses {used}, which comes after it in rank {}",
                    here.0
                )),
                Some(there) => problems.push(format!(
                    "{place}: {user} (rank {}) uses {used} (rank {}) above it",
                    here.0, there.0
                )),
            }
        }
    }
    report("a module of core uses lower ranks, and its own rank downwards", &problems);
}

/// The module right below the crate that a file belongs to.
fn module(path: &str) -> &str {
    let inside = path.trim_start_matches("core/src/").trim_end_matches(".rs");
    inside.split('/').next().unwrap_or(inside)
}

/// Finds every module that a file names from the root of its crate, and where.
fn used_modules(source: &Source) -> Vec<(String, usize)> {
    let code = &source.product;
    let mut used = Vec::new();
    for at in words(code, "crate") {
        if let Some(rest) = code[at + 5..].strip_prefix("::") {
            heads(rest, at + 7, &mut used);
        }
    }
    // A file of depth n reaches the root with n times `super`.
    let depth = source.path.matches('/').count() - 1;
    for (at, path) in super_paths(code) {
        let supers = path.matches("super::").count();
        if supers >= depth {
            heads(&code[at + path.len()..], at + path.len(), &mut used);
        }
    }
    used
}

/// Finds the runs of `super::`, each once.
fn super_paths(code: &str) -> Vec<(usize, &str)> {
    let starts = words(code, "super").filter(|&at| !code[..at].ends_with("super::"));
    let length = |at: usize| {
        let mut end = at;
        while code[end..].starts_with("super::") {
            end += "super::".len();
        }
        end
    };
    starts.map(|at| (at, &code[at..length(at)])).filter(|(_, path)| !path.is_empty()).collect()
}

/// Reads the first names of a path: one, or those of a list in braces.
fn heads(rest: &str, at: usize, used: &mut Vec<(String, usize)>) {
    if !rest.starts_with('{') {
        let name: String =
            rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        // The root has modules only; `pub(in crate::…)` and macros do not occur.
        if !name.is_empty() {
            used.push((name, at));
        }
        return;
    }
    let inside = &rest[1..after_closing(rest, 0) - 1];
    let (mut depth, mut start) = (0usize, 0);
    for (place, byte) in inside.bytes().chain([b',']).enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            b',' if depth == 0 => {
                let item = &inside[start..place];
                let indent = item.len() - item.trim_start().len();
                heads(item.trim(), at + 1 + start + indent, used);
                start = place + 1;
            }
            _ => {}
        }
    }
}

#[test]
fn used_modules_are_found_in_every_form() {
    let code = "use crate::{a::X,\n b::{c, d::E}, f as g};\nfn h() { crate::i::j() }\n\
                use super::k;\nuse super::super::l::m;\npub(crate) fn n() {}";
    let source = |path: &str| Source {
        path: path.into(),
        text: code.into(),
        code: code.into(),
        product: code.into(),
    };
    let names = |path: &str| {
        let used = used_modules(&source(path));
        used.iter().map(|(name, at)| format!("{name}:{}", line_of(code, *at))).collect::<Vec<_>>()
    };
    assert_eq!(names("core/src/x.rs"), ["a:1", "b:2", "f:2", "i:3", "k:4", "l:5"]);
    assert_eq!(names("core/src/x/y.rs"), ["a:1", "b:2", "f:2", "i:3", "l:5"]);
}
