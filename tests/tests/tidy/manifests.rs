//! The packages' manifests.

use super::{
    report,
    source::{files, read},
};

fn manifests() -> Vec<String> {
    files("").into_iter().filter(|path| path.ends_with("Cargo.toml")).collect()
}

/// Splits a manifest into its tables: name and lines with their numbers.
fn tables(text: &str) -> Vec<(&str, Vec<(usize, &str)>)> {
    let mut tables = vec![("", Vec::new())];
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.starts_with('[') {
            tables.push((line.trim_matches(['[', ']']), Vec::new()));
        } else if !line.is_empty() && !line.starts_with('#') {
            tables.last_mut().expect("one from the start").1.push((number + 1, line));
        }
    }
    tables
}

#[test]
fn every_package_has_the_lints_of_the_workspace() {
    let mut problems = Vec::new();
    for path in manifests() {
        let text = read(&path);
        let has = |table: &str, line: &str| {
            let lines = tables(&text).into_iter().filter(|(name, _)| *name == table);
            lines.flat_map(|(_, lines)| lines).any(|(_, found)| found == line)
        };
        if path == "Cargo.toml" {
            for lint in ["unsafe_code = \"forbid\"", "missing_docs = \"warn\""] {
                if !has("workspace.lints.rust", lint) {
                    problems.push(format!("{path}: [workspace.lints.rust] must say {lint}"));
                }
            }
        } else if !has("lints", "workspace = true") {
            problems.push(format!("{path}: add `workspace = true` to its [lints]"));
        }
    }
    report("every package is checked by the workspace's lints, documentation included", &problems);
}

#[test]
fn versions_are_written_once() {
    let mut problems = Vec::new();
    for path in manifests().iter().filter(|path| *path != "Cargo.toml") {
        let text = read(path);
        for (name, lines) in tables(&text) {
            let names_one = name.contains("dependencies.");
            if names_one && !lines.iter().any(|(_, line)| *line == "workspace = true") {
                problems.push(format!("{path}: [{name}] must say workspace = true"));
            }
            if !name.ends_with("dependencies") || name == "workspace.dependencies" {
                continue;
            }
            let own = |(_, line): &&(usize, &str)| {
                line.contains('=') && !line.contains("workspace = true")
            };
            for (number, line) in lines.iter().filter(own) {
                problems
                    .push(format!("{path}:{number}: {line}; its version belongs in Cargo.toml"));
            }
        }
    }
    report("dependencies come from [workspace.dependencies]", &problems);
}

#[test]
fn crates_come_from_the_public_registry() {
    let mut problems = Vec::new();
    let configuration = files(".cargo");
    for path in manifests().into_iter().chain(configuration) {
        for (number, line) in read(&path).lines().enumerate() {
            let line = line.trim();
            if ["://", "registry", "git ="].iter().any(|word| line.contains(word)) {
                problems.push(format!("{path}:{}: {line}", number + 1));
            }
        }
    }
    // What cargo writes for the registry that everybody has.
    let usual = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
    for (number, line) in read("Cargo.lock").lines().enumerate() {
        if line.starts_with("source") && line != usual {
            problems.push(format!("Cargo.lock:{}: {line}", number + 1));
        }
    }
    report("no manifest names a registry, a mirror or a repository", &problems);
}
