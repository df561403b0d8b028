//! The event recorder on real sockets and files: both programs, and the original where it is at
//! hand, are driven through one course of things, and what they record is compared with what the
//! original recorded of it.
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use campana_core::time::{Stamp, Timestamp, rfc3339::write_seconds};
use campana_tests::{
    drivers::{EXACT, Program, built_program, peer},
    scenario::Behaviour,
    sink::Sink,
};
use serde_json::{Value, json};

/// What Alertmanager 0.33.1 recorded.
const REAL: &str = include_str!("../../core/testdata/events.jsonl");

/// How long anything may take on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// The configuration that it was recorded under, without outputs; its receivers are at [`NOBODY`].
const COURSE: &str = include_str!("../../core/testdata/events.yml");
const NOBODY: &str = "http://127.0.0.1:1/";
const FILE: &str = "  file_outputs: [{path: events.jsonl}]\n";

campana_tests::on_both! {
    records_what_the_original_records,
    follows_a_file_that_is_moved_away,
    writes_to_standard_output,
}

#[test]
fn the_original_records_it() {
    let Some(executable) = peer("alertmanager") else {
        eprintln!("skipped: CAMPANA_PEERS names no folder with alertmanager");
        return;
    };
    records_what_the_original_records(&executable);
}

fn command(executable: &Path, folder: &Path) -> Command {
    let mut command = Command::new(executable);
    let config = format!("--config.file={}", folder.join("config.yml").display());
    let data = format!("--storage.path={}", folder.join("data").display());
    command.args([&*config, &*data, "--web.listen-address=127.0.0.1:0"]);
    command.args(["--cluster.listen-address=", "--enable-feature=event-recorder"]);
    if !executable.ends_with("alertmanager") {
        command.args(EXACT);
    }
    command
}

fn time(seconds: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
    let mut out = String::new();
    let at = Timestamp::from_parts(now.cast_signed() + seconds, 0);
    write_seconds(&mut out, Stamp::utc(at));
    out
}

fn send(program: &Program, path: &str, body: &Value) -> Value {
    let answer = program.request("POST", path, body.to_string().as_bytes()).expect("it answers");
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

fn silence(program: &Program, id: Option<&str>, by: &str, comment: &str, since: &str) -> String {
    let body = json!({
        "id": id, "startsAt": since, "endsAt": time(7200), "createdBy": by, "comment": comment,
        "matchers": [
            {"name": "alertname", "value": "Sil", "isRegex": false, "isEqual": true},
            {"name": "x", "value": "y.*", "isRegex": true, "isEqual": false},
        ],
    });
    send(program, "/api/v2/silences", &body)["silenceID"].as_str().expect("an id").into()
}

/// Waits until a text stands in what a source returns so often.
fn wait(mut read: impl FnMut() -> String, text: &str, count: usize) {
    let began = Instant::now();
    while read().matches(text).count() < count {
        assert!(began.elapsed() < PATIENCE, "{count} times {text} in:\n{}", read());
        thread::sleep(Duration::from_millis(20));
    }
}

/// Plays the course of things that was recorded; `events` returns what was recorded so far.
fn play(program: &Program, events: impl Fn() -> String) {
    let id = silence(program, None, "me", "c", &time(0));
    let source = json!({"alertname": "A", "severity": "critical", "i": "1"});
    let alerts = json!([
        {"labels": source, "annotations": {"summary": "s"}, "generatorURL": "http://g/"},
        {"labels": {"alertname": "A", "severity": "warning", "i": "2"}},
        {"labels": {"alertname": "Sil"}},
        {"labels": {"alertname": "T", "team": "x", "sev": "a"}},
    ]);
    send(program, "/api/v2/alerts", &alerts);
    wait(&events, "\"notification\":", 2);
    wait(&events, "\"silenceMutedAlert\":", 1);
    let end = json!([{"labels": source, "startsAt": time(-60), "endsAt": time(0)}]);
    send(program, "/api/v2/alerts", &end);
    silence(program, Some(&id), "me2", "c2", &time(-5));
    wait(&events, "\"alertResolved\":", 1);
    wait(&events, "\"createdBy\":\"me2\"", 2);
}

/// Replaces the texts that differ from run to run: times, random names, and what was built. Which
/// alert of a group is muted how often depends on the moment, so lines are a set.
fn normal(lines: &str) -> BTreeSet<String> {
    let line = |line: &str| {
        let mut event: Value = serde_json::from_str(line).expect("JSON");
        normalise(&mut event);
        event.to_string()
    };
    lines.lines().map(line).collect()
}

fn normalise(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(normalise),
        Value::Object(members) => members.iter_mut().for_each(|(key, value)| match value {
            Value::String(text) => {
                let is_built = ["version", "buildContext", "instance", "flushId"].contains(&&**key);
                let is_time = text.starts_with("20") && text.ends_with('Z');
                if is_built || is_time || (text.len() == 36 && text.matches('-').count() == 4) {
                    *text = "*".into();
                }
            }
            value => normalise(value),
        }),
        _ => {}
    }
}

fn records_what_the_original_records(executable: &Path) {
    let folder = tempfile::tempdir().expect("a folder");
    let (sink, events) = (Sink::open().expect("a port"), Sink::open().expect("a port"));
    let (course, url) = (COURSE.replace(NOBODY, &sink.url()), events.url());
    let posts = format!("  webhook_outputs: [{{url: '{url}', retry_backoff: 100ms}}]\n");
    fs::write(folder.path().join("config.yml"), course + FILE + &posts).expect("written");
    let file = folder.path().join("events.jsonl");
    let mut program = Program::spawn(command(executable, folder.path()), "msg=\"Listening on\"")
        .expect("it runs");
    let read = || fs::read_to_string(&file).unwrap_or_default();
    wait(read, "alertmanagerStartupEvent", 1);
    // A post that fails is made again.
    events.behave(Behaviour::Answers(500));
    play(&program, read);
    events.behave(Behaviour::Answers(200));
    wait(|| String::from_utf8_lossy(&bodies(&events)).into_owned(), "\"alertResolved\":", 1);
    let metrics = program.request("GET", "/metrics", b"").expect("it answers").text();
    let count = format!(
        "alertmanager_events_recorded_total{{event_type=\"alert_created\",\
         output=\"file:{}\",result=\"success\"}} 4\n",
        file.display()
    );
    assert!(metrics.contains(&count), "{count}{metrics}");
    assert_eq!(program.stop().expect("it ends"), 0);
    let recorded = read();
    assert!(recorded.ends_with('\n'));
    let (found, expected) = (normal(&recorded), normal(REAL));
    let missing: Vec<_> = expected.difference(&found).collect();
    let more: Vec<_> = found.difference(&expected).collect();
    assert!(missing.is_empty() && more.is_empty(), "missing {missing:#?}\nmore {more:#?}");
    let posted = String::from_utf8_lossy(&bodies(&events)).into_owned();
    assert!(posted.contains("alertmanagerShutdownEvent"), "the end waits for posts");
    assert!(events.received().iter().any(|it| it.status == 500));
}

fn bodies(sink: &Sink) -> Vec<u8> {
    let mut all = Vec::new();
    for received in sink.received() {
        let event: Value = serde_json::from_slice(&received.body).expect("one event a post");
        assert!(event["data"].is_object());
        all.extend_from_slice(&received.body);
        all.push(b'\n');
    }
    all
}

fn follows_a_file_that_is_moved_away(executable: &Path) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("config.yml"), format!("{COURSE}{FILE}")).expect("written");
    let (file, old) = (folder.path().join("events.jsonl"), folder.path().join("old"));
    let mut program = Program::spawn(command(executable, folder.path()), "msg=\"Listening on\"")
        .expect("it runs");
    let read = || fs::read_to_string(&file).unwrap_or_default();
    wait(read, "alertmanagerStartupEvent", 1);
    fs::rename(&file, &old).expect("moved");
    silence(&program, None, "me", "c", &time(0));
    wait(read, "silenceCreated", 1);
    assert_eq!(fs::read_to_string(&old).expect("it is there").lines().count(), 1);
    // What takes the file's place is reported, and what comes after is written again.
    fs::remove_file(&file).expect("removed");
    fs::create_dir(&file).expect("made");
    silence(&program, None, "me", "c", &time(0));
    assert!(program.wait_log("Failed to write events", PATIENCE));
    fs::remove_dir(&file).expect("removed");
    silence(&program, None, "me3", "c", &time(0));
    wait(read, "me3", 1);
    assert_eq!(program.stop().expect("it ends"), 0);
    assert!(read().contains("alertmanagerShutdownEvent"));
}

fn writes_to_standard_output(executable: &Path) {
    let folder = tempfile::tempdir().expect("a folder");
    let config = format!("{COURSE}  stdout_outputs: [{{}}]\n");
    fs::write(folder.path().join("config.yml"), config).expect("written");
    let out = folder.path().join("out");
    let inner = command(executable, folder.path());
    let mut shell = Command::new("sh");
    shell.args(["-c", "out=$1; shift; exec \"$@\" >\"$out\"", "sh"]).arg(&out);
    shell.arg(inner.get_program()).args(inner.get_args());
    let mut program = Program::spawn(shell, "msg=\"Listening on\"").expect("it runs");
    silence(&program, None, "me", "c", &time(0));
    wait(|| fs::read_to_string(&out).unwrap_or_default(), "silenceCreated", 1);
    assert_eq!(program.stop().expect("it ends"), 0);
    assert_eq!(fs::read_to_string(&out).expect("it is there").lines().count(), 3);
}
