//! The pages of both programs in headless Chromium: `tests/browser/` has the tests themselves,
//! which one browser plays on servers that are started here.
//!
//! What must be there: `node`, `chromium`, and the packages of `tests/browser/` (`npm ci` there).
//! `.ci/run` sees to all three.
#![allow(clippy::print_stderr, clippy::print_stdout, reason = "a skipped test says so")]

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use campana_tests::drivers::{Program, built_program};
use serde_json::json;

/// Names Chromium's executable where it is not at Debian's place.
const CHROMIUM: &str = "CAMPANA_CHROMIUM";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("browser")
}

/// Returns Chromium's executable, or what is missing.
fn browser() -> Result<PathBuf, String> {
    let chromium =
        env::var_os(CHROMIUM).map_or_else(|| PathBuf::from("/usr/bin/chromium"), PathBuf::from);
    if !chromium.is_file() {
        return Err(format!("there is no {}", chromium.display()));
    }
    let node = Command::new("node").arg("--version").output();
    let node = node.map_err(|why| format!("there is no node: {why}"))?;
    let version = String::from_utf8_lossy(&node.stdout).trim().to_owned();
    let major = version.trim_start_matches('v').split('.').next().and_then(|it| it.parse().ok());
    if major.is_none_or(|major: u32| major < 20) {
        return Err(format!("node is {version}, and the packages of tests/browser need v20"));
    }
    let packages = folder().join("node_modules/playwright-core");
    if !packages.is_dir() {
        return Err("the packages of tests/browser are not installed; run npm ci there".into());
    }
    Ok(chromium)
}

/// Starts a program on the configuration of the browser tests, under a prefix.
fn serve(name: &str, data: &Path, prefix: &str) -> Program {
    let flags = [format!("--web.route-prefix={prefix}"), "--dispatch.warm-up=0s".into()];
    Program::start(&built_program(name), &folder().join("config.yml"), data, &flags)
        .unwrap_or_else(|why| panic!("{name}: {why}"))
}

#[test]
fn both_programs_in_a_browser() {
    let chromium = match browser() {
        Ok(chromium) => chromium,
        Err(missing) => {
            eprintln!("skipped: {missing}");
            return;
        }
    };
    let data = tempfile::tempdir().expect("a folder for data");
    let mut programs = Vec::new();
    let mut servers = Vec::new();
    for name in ["campana", "campana-std"] {
        let start = |kind: &str, prefix: &str| {
            let folder = data.path().join(format!("{name}-{kind}"));
            serve(name, &folder, prefix)
        };
        let (plain, prefixed) = (start("plain", "/"), start("prefixed", "/am"));
        servers.push(json!({
            "name": name,
            "url": plain.url(),
            "prefixed": format!("{}/am", prefixed.url()),
        }));
        programs.extend([plain, prefixed]);
    }
    let screenshots = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots");
    let status = Command::new("node")
        .arg("run.mjs")
        .current_dir(folder())
        .env("CAMPANA_BROWSER_SERVERS", json!(servers).to_string())
        .env("CAMPANA_SCREENSHOTS", screenshots)
        .env(CHROMIUM, chromium)
        .status()
        .expect("node starts");
    assert!(status.success(), "tests in the browser failed; their output says which");
}

#[test]
fn the_documented_tests_are_those_that_run() {
    let mut run = BTreeSet::new();
    for file in ["flows", "silencing", "faults", "looks"] {
        let text = fs::read_to_string(folder().join(format!("{file}.mjs"))).expect("it is there");
        let names = text.lines().filter_map(|line| line.strip_prefix("  \""));
        run.extend(names.filter_map(|rest| Some(rest.split_once("\": async")?.0.to_owned())));
    }
    assert!(run.len() > 20, "the tests are found: {run:?}");
    let page = folder().join("../../docs/PAGES.md");
    let page = fs::read_to_string(page).expect("docs/PAGES.md is there");
    let rows = page.lines().filter(|line| line.starts_with('|'));
    let named: BTreeSet<String> = rows
        .flat_map(|row| row.split('“').skip(1).filter_map(|rest| rest.split('”').next()))
        .map(str::to_owned)
        .collect();
    let unknown: Vec<&String> = named.difference(&run).collect();
    let unnamed: Vec<&String> = run.difference(&named).collect();
    assert!(unknown.is_empty(), "docs/PAGES.md names tests that there are not: {unknown:#?}");
    assert!(unnamed.is_empty(), "docs/PAGES.md does not name: {unnamed:#?}");
}
