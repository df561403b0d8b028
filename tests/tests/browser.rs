//! The pages of both programs in headless Chromium: `tests/browser/` has the tests themselves,
//! which one browser plays on servers that are started here.
//!
//! What must be there: `node`, `chromium`, and the packages of `tests/browser/` (`npm ci` there).
//! `.ci/run` sees to all three. `CAMPANA_BROWSER_ONLY` may hold a regular expression for the
//! tests to play, as `campana narrow:.*silence`.
#![allow(clippy::print_stderr, clippy::print_stdout, reason = "a skipped test says so")]

use std::{
    collections::BTreeSet,
    env, fs,
    net::TcpListener,
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

/// The looks of `tests/browser/lib.mjs`, those that take longest first.
const LOOKS: [&str; 6] = ["narrow", "light", "dark", "dark-narrow", "noscript", "noscript-narrow"];

/// Starts a program on the configuration of the browser tests.
fn serve(name: &str, data: &Path, flags: &[String]) -> Program {
    let mut all = vec!["--dispatch.warm-up=0s".to_owned()];
    all.extend_from_slice(flags);
    Program::start(&built_program(name), &folder().join("config.yml"), data, &all)
        .unwrap_or_else(|why| panic!("{name}: {why}"))
}

/// Starts both programs as one cluster.
fn cluster(data: &Path) -> [Program; 2] {
    // The second learns where the first is: a port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port");
    let flags = [
        vec![format!("--cluster.listen-address={port}")],
        vec!["--cluster.listen-address=127.0.0.1:0".into(), format!("--cluster.peer={port}")],
    ];
    [("campana", &flags[0]), ("campana-std", &flags[1])].map(|(name, flags)| {
        let mut command = Command::new(built_program(name));
        command
            .arg(format!("--config.file={}", folder().join("config.yml").display()))
            .arg(format!("--storage.path={}", data.join(format!("{name}-clustered")).display()))
            .args(["--web.listen-address=127.0.0.1:0", "--cluster.settle-timeout=2s"])
            .args(flags);
        Program::spawn(command, "msg=\"Listening on\"")
            .unwrap_or_else(|why| panic!("{name}: {why}"))
    })
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
    let clustered = cluster(data.path());
    let (mut programs, mut servers) = (Vec::new(), Vec::new());
    for (name, member) in ["campana", "campana-std"].into_iter().zip(&clustered) {
        let mut start = |kind: &str, flags: &[String]| {
            programs.push(serve(name, &data.path().join(format!("{name}-{kind}")), flags));
            programs.last().map(Program::url).expect("it was just pushed")
        };
        let prefixed = start("prefixed", &["--web.route-prefix=/am".to_owned()]) + "/am";
        let big = start("big", &[]);
        for look in LOOKS {
            servers.push(json!({
                "name": name,
                "look": look,
                "url": start(look, &[]),
                "prefixed": prefixed,
                "big": big,
                "clustered": member.url(),
            }));
        }
    }
    // Both programs by turns, so that what takes long begins early on both.
    servers.sort_by_key(|server| LOOKS.iter().position(|look| server["look"] == *look));
    let screenshots = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots");
    let status = Command::new("node")
        .arg("run.mjs")
        .args(env::var_os("CAMPANA_BROWSER_ONLY"))
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
    for file in ["flows", "silencing", "faults", "looks", "noscript"] {
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
