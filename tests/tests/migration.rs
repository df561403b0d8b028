//! Moving in beside Alertmanager's data, and moving out again.
#![allow(clippy::print_stderr, reason = "a test that cannot be set up here says so")]

use std::{
    fs,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use campana_tests::{
    drivers::{PEERS, Program, built_program, peer},
    sink::Sink,
};

const ALERTS: &[u8] = br#"[{"labels":{"alertname":"Told","job":"x"},
    "startsAt":"2026-01-01T00:00:00Z","endsAt":"2120-01-01T00:00:00Z"}]"#;
const SILENCE: &[u8] = br#"{"matchers":[{"name":"job","value":"a|b","isRegex":true},
    {"name":"team","value":"c","isRegex":false,"isEqual":false}],
    "startsAt":"2020-01-01T00:00:00Z","endsAt":"2120-01-01T00:00:00Z",
    "createdBy":"me","comment":"moves"}"#;

#[test]
fn campana_takes_over_from_alertmanager_and_gives_back() {
    moves(&built_program("campana"));
}

#[test]
fn campana_std_takes_over_from_alertmanager_and_gives_back() {
    moves(&built_program("campana-std"));
}

fn moves(campana: &Path) {
    let Some(alertmanager) = peer("alertmanager") else {
        eprintln!("skipped: {PEERS} does not name the folder of the real programs");
        return;
    };
    let sink = Sink::open().expect("a free port");
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("config.yml");
    let text = format!(
        "global: {{resolve_timeout: 48h}}\n\
         route: {{receiver: hook, group_by: [alertname], group_wait: 20ms, group_interval: 1s, \
         repeat_interval: 24h}}\n\
         receivers: [{{name: hook, webhook_configs: [{{url: '{}'}}]}}]\n",
        sink.url()
    );
    fs::write(&config, text).expect("the folder is ours");
    let (theirs, home) = (folder.path().join("data"), folder.path().join("home"));

    // The real one writes its files when it ends.
    let mut program = Program::start(&alertmanager, &config, &theirs, &[]).expect("it starts");
    post(&program, "/api/v2/silences", SILENCE);
    let ended = post(&program, "/api/v2/silences", SILENCE);
    let id = ended.split('"').nth(3).expect("an id").to_owned();
    let gone = program.request("DELETE", &format!("/api/v2/silence/{id}"), b"");
    assert_eq!(gone.expect("it answers").status, 200);
    post(&program, "/api/v2/alerts", ALERTS);
    wait_count(&sink, 1);
    // The entry is written after the receiver's answer.
    thread::sleep(Duration::from_millis(300));
    let before = silences(&program);
    assert_eq!(program.stop(), Ok(0));
    let files = || ["silences", "nflog"].map(|name| fs::read(theirs.join(name)).expect("written"));
    let originals = files();

    // Ours goes on from there, and says so.
    let flags = ["--dispatch.warm-up=0s".to_owned()];
    let mut program = Program::start(campana, &config, &theirs, &flags).expect("it starts");
    let log = program.log().join("\n");
    for (file, entries) in [("silences", 2), ("nflog", 1)] {
        assert!(log.contains(&format!("file={file} entries={entries}")), "{log}");
    }
    assert_eq!(silences(&program), before);
    post(&program, "/api/v2/alerts", ALERTS);
    post(&program, "/api/v2/silences", SILENCE);
    thread::sleep(Duration::from_secs(3));
    assert_eq!(sink.count(), 1, "what was told is not told again");
    let after = silences(&program);
    assert_eq!(after.len(), 3);
    assert_eq!(program.stop(), Ok(0));
    assert_eq!(files(), originals, "the originals are left alone");
    let mut program = Program::start(campana, &config, &theirs, &flags).expect("it starts");
    assert!(!program.log().join("\n").contains("Imported"), "they are read once");
    assert_eq!(silences(&program), after);
    program.kill();

    // And back home.
    let export = Command::new(campana)
        .arg(format!("--storage.path={}", theirs.display()))
        .arg(format!("--storage.export={}", home.display()))
        .output()
        .expect("it runs");
    assert!(export.status.success(), "{export:?}");
    let program = Program::start(&alertmanager, &config, &home, &[]).expect("it starts");
    assert_eq!(silences(&program), after);
    post(&program, "/api/v2/alerts", ALERTS);
    thread::sleep(Duration::from_secs(3));
    assert_eq!(sink.count(), 1, "what was told is not told again");
}

fn post(program: &Program, path: &str, body: &[u8]) -> String {
    let answer = program.request("POST", path, body).expect("it answers");
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text()
}

/// Returns all silences in the order of their ids.
fn silences(program: &Program) -> Vec<serde_json::Value> {
    let answer = program.request("GET", "/api/v2/silences", b"").expect("it answers");
    let mut list: Vec<serde_json::Value> = serde_json::from_slice(&answer.body).expect("JSON");
    list.sort_by_key(|silence| silence["id"].to_string());
    list
}

fn wait_count(sink: &Sink, count: usize) {
    let end = Instant::now() + Duration::from_secs(20);
    while sink.count() < count && Instant::now() < end {
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(sink.count(), count);
}
