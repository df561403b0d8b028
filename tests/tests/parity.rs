//! The same requests to the original and to our programs, with the answers compared to the byte,
//! but for times, ids and what [`DIFFERENT`] names with its reason.
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

use std::{fs, path::Path, thread, time::Duration};

use campana_tests::{
    drivers::{PEERS, Program, built_program, peer},
    http::Answer,
};
use serde_json::Value;

const CONFIG: &str = "
global: {resolve_timeout: 10m}
route:
  receiver: team
  group_by: [alertname, cluster]
  group_wait: 1h
  repeat_interval: 1d
  routes:
  - {receiver: db, matchers: [service=db], continue: true, group_by: ['...']}
  - {receiver: 'we.b', match_re: {service: 'web|db'}, mute_time_intervals: [never]}
  - receiver: db
    matchers: ['severity=~\"c.*\"', foo!=bar]
    group_interval: 3m
receivers:
- name: team
  webhook_configs: [{url: 'http://127.0.0.1:9/secret', max_alerts: 3}]
- {name: db}
- {name: we.b}
inhibit_rules:
- {source_matchers: [severity=critical], target_matchers: [severity=warning], equal: [cluster]}
time_intervals:
- {name: never, time_intervals: [{years: ['1990'], weekdays: ['monday:friday'], months: [may]}]}
";

/// Requests whose answers may differ, and why.
const DIFFERENT: [(&str, &str); 2] = [
    ("GET /api/v2/silences?expired=false", "0.33 ignores the parameter"),
    ("GET /api/v2/silences?active=false&expired=false&pending=false", "as above"),
];

/// One request: method and path, and the body.
type Request = (&'static str, String);

fn requests() -> Vec<Request> {
    let mut requests: Vec<Request> = Vec::new();
    let far = "2099-01-01T00:00:00Z";
    let past = "2020-01-01T00:00:00.5+02:00";
    let alerts = format!(
        r#"[
        {{"labels": {{"alertname": "Down", "cluster": "a", "severity": "critical"}},
          "annotations": {{"summary": "<down> & \"out\"", "empty": ""}},
          "startsAt": "{past}", "endsAt": "{far}", "generatorURL": "http://p/graph?x=1&y=2"}},
        {{"labels": {{"alertname": "Slow", "cluster": "a", "severity": "warning", "empty": ""}},
          "startsAt": "{past}"}},
        {{"labels": {{"alertname": "Slow", "cluster": "b", "severity": "warning", "job": "j"}}}},
        {{"labels": {{"alertname": "Query", "service": "db", "instance": "2"}}, "endsAt": "{far}"}},
        {{"labels": {{"alertname": "Query", "service": "db", "instance": "1", "job": "z"}}}},
        {{"labels": {{"alertname": "Web", "service": "web", "größe": "ü\n\u2028"}}}},
        {{"labels": {{"alertname": "Old"}}, "startsAt": "{past}", "endsAt": "{past}"}}
        ]"#
    );
    let silence = |matchers: &str, from: &str, to: &str| {
        format!(
            r#"{{"matchers": [{matchers}], "startsAt": "{from}", "endsAt": "{to}",
            "createdBy": "me <me@x>", "comment": "why & how"}}"#
        )
    };
    let matcher = |name: &str, value: &str, rest: &str| {
        format!(r#"{{"name": "{name}", "value": "{value}"{rest}}}"#)
    };
    let plain = |name: &str, value: &str| matcher(name, value, r#", "isRegex": false"#);
    let get = |requests: &mut Vec<Request>| {
        for path in READS {
            requests.push((path, String::new()));
        }
    };
    get(&mut requests);
    requests.push(("POST /api/v2/alerts", alerts));
    get(&mut requests);
    for body in [
        silence(&plain("alertname", "Web"), "2020-01-01T00:00:00Z", far),
        silence(&plain("alertname", "Later"), "2098-01-01T00:00:00Z", far),
        silence(
            &format!(
                "{},{}",
                plain("service", "db"),
                matcher("instance", "1|3", r#", "isRegex": true, "isEqual": true"#)
            ),
            "2020-01-01T00:00:00Z",
            "2099-06-01T12:30:00.123456789+02:00",
        ),
        silence(&matcher("a", "b", r#", "isRegex": false, "isEqual": false"#), far, far),
        silence(&plain("", "b"), "2098-01-01T00:00:00Z", far),
        silence(&plain("a", ""), "2098-01-01T00:00:00Z", far),
        silence(&matcher("a", "(", r#", "isRegex": true"#), "2098-01-01T00:00:00Z", far),
        silence(&matcher("a", "b", ""), "2098-01-01T00:00:00Z", far),
        silence("", "2098-01-01T00:00:00Z", far),
        silence(&plain("a", "b"), "", ""),
        silence(&plain("a", "b"), "nonsense", far),
        silence(&plain("ü b", "x{}"), "0001-01-01T00:00:00Z", "2099-03-01T00:00:00Z"),
        "null".into(),
        "[]".into(),
        "{".into(),
        "{}".into(),
        r#"{"id": "nonsense"}"#.into(),
    ] {
        requests.push(("POST /api/v2/silences", body));
    }
    get(&mut requests);
    for body in [
        "",
        "{}",
        "[",
        "null",
        "[]",
        "[{}]",
        "[[]]",
        "\"x\"",
        "[1]",
        r#"[{"labels": {}}]"#,
        r#"[{"labels": null}]"#,
        r#"[{"labels": {"a": null}}]"#,
        r#"[{"labels": {"a": 1}}]"#,
        r#"[{"labels": {"": "x"}}]"#,
        r#"[{"labels": {"a": "b"}, "annotations": {"": "x"}}]"#,
        r#"[{"labels": {"a": "b"}, "annotations": null, "generatorURL": ""}]"#,
        r#"[{"labels": {"a": "c"}, "generatorURL": "::"}]"#,
        r#"[{"labels": {"a": "c"}, "generatorURL": "/path"}]"#,
        r#"[{"labels": {"a": "d"}, "startsAt": "x"}]"#,
        r#"[{"labels": {"a": "d"}, "startsAt": ""}]"#,
        r#"[{"labels": {"a": "d"}, "startsAt": null, "endsAt": null}]"#,
        r#"[{"labels": {"a": "d"}, "startsAt": 5}]"#,
        r#"[{"labels": {"a": "e"}, "startsAt": "2099-01-01T00:00:00Z"}]"#,
        r#"[{"labels": {"a": "e"}, "endsAt": "2020-01-01T00:00:00Z", "more": 1}]"#,
        r#"[{"Labels": {"a": "case"}, "STARTSAT": "2020-01-01T00:00:00Z"}]"#,
        r#"[{"labels": {"a": "x", "a": "y"}}]"#,
    ] {
        requests.push(("POST /api/v2/alerts", body.into()));
    }
    get(&mut requests);
    for path in OTHERS {
        requests.push((path, String::new()));
    }
    requests
}

const READS: [&str; 29] = [
    "GET /api/v2/status",
    "GET /api/v2/receivers",
    "GET /api/v2/receivers?receiver_matchers=name%3D%22db%22",
    "GET /api/v2/alerts",
    "GET /api/v2/alerts?active=false",
    "GET /api/v2/alerts?silenced=false",
    "GET /api/v2/alerts?inhibited=false&unprocessed=false",
    "GET /api/v2/alerts?silenced=nonsense",
    "GET /api/v2/alerts?filter=alertname%3DDown",
    "GET /api/v2/alerts?filter=alertname%3D~%22D.*%22&filter=cluster%3Da",
    "GET /api/v2/alerts?filter=service%3D",
    "GET /api/v2/alerts?filter=service!%3D",
    "GET /api/v2/alerts?filter=service!~db",
    "GET /api/v2/alerts?receiver=db",
    "GET /api/v2/alerts?receiver=",
    "GET /api/v2/alerts?receiver=we.b|team",
    "GET /api/v2/alerts?receiver_matchers=name%3D~%22d.%22",
    "GET /api/v2/alerts/groups",
    "GET /api/v2/alerts/groups?receiver=db",
    "GET /api/v2/alerts/groups?active=false",
    "GET /api/v2/alerts/groups?silenced=false&inhibited=false",
    "GET /api/v2/alerts/groups?filter=severity%3Dwarning",
    "GET /api/v2/alerts/groups?muted=false",
    "GET /api/v2/silences",
    "GET /api/v2/silences?filter=alertname%3DWeb",
    "GET /api/v2/silences?filter=alertname%3D~Web",
    "GET /api/v2/silences?expired=false",
    "GET /api/v2/silences?active=false&expired=false&pending=false",
    "HEAD /-/healthy",
];

const OTHERS: [&str; 37] = [
    "GET /api/v2/alerts?filter=nonsense",
    "GET /api/v2/alerts?filter=",
    "GET /api/v2/alerts?filter=%7Ba%3Db%7D",
    "GET /api/v2/alerts?filter=a%3Db,c%3Dd",
    "GET /api/v2/alerts?filter=a%3D~%22(%22",
    "GET /api/v2/alerts?receiver=(",
    "GET /api/v2/alerts?receiver_matchers=nonsense",
    "GET /api/v2/alerts/groups?filter=nonsense",
    "GET /api/v2/silences?filter=nonsense",
    "GET /api/v2/receivers?receiver_matchers=nonsense",
    "GET /api/v2/silence/nonsense",
    "GET /api/v2/silence/",
    "GET /api/v2/silence/00000000-0000-4000-8000-000000000000",
    "DELETE /api/v2/silence/00000000-0000-4000-8000-000000000000",
    "DELETE /api/v2/silence/nonsense",
    "POST /api/v2/silence/00000000-0000-4000-8000-000000000000",
    "PUT /api/v2/alerts",
    "DELETE /api/v2/silences",
    "HEAD /api/v2/alerts",
    "OPTIONS /api/v2/alerts",
    "GET /api/v2/",
    "GET /api/v2/nowhere",
    "GET /api/v1/alerts",
    "POST /api/v1/alerts",
    "GET /api/v1/silence/x",
    "GET /api/v1/nowhere",
    "GET /api",
    "GET /nowhere",
    "GET /-/healthy",
    "GET /-/ready",
    "HEAD /-/ready",
    "POST /-/ready",
    "GET /-/reload",
    "PUT /-/reload",
    "POST /-/reload",
    "OPTIONS /-/reload",
    "DELETE /metrics",
];

#[test]
fn campana_answers_as_the_original() {
    compare("campana");
}

#[test]
fn campana_std_answers_as_the_original() {
    compare("campana-std");
}

fn compare(name: &str) {
    let Some(original) = peer("alertmanager") else {
        eprintln!("skipped: {PEERS} does not name the folder of the real programs");
        return;
    };
    let ours = built_program(name);
    let (theirs, ours) = thread::scope(|scope| {
        let theirs = scope.spawn(|| answers(&original));
        let ours = scope.spawn(|| answers(&ours));
        (theirs.join().expect("it answers"), ours.join().expect("it answers"))
    });
    let mut differences = Vec::new();
    for (((request, body), theirs), ours) in requests().iter().zip(theirs).zip(ours) {
        if theirs != ours && !DIFFERENT.iter().any(|(different, _)| different == request) {
            differences.push(format!("{request} {body}\n  original: {theirs}\n  ours:     {ours}"));
        }
    }
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
}

fn answers(executable: &Path) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("config.yml");
    fs::write(&config, CONFIG).expect("the folder is ours");
    let program =
        Program::start(executable, &config, &folder.path().join("data"), &[]).expect("it runs");
    let mut ids = Vec::new();
    let mut answers = Vec::new();
    for (request, body) in requests() {
        let (method, path) = request.split_once(' ').expect("method and path");
        let answer = program.request(method, path, body.as_bytes()).expect("it answers");
        if path == "/api/v2/status" {
            // The versions differ; the configuration is the same, with its defaults.
            let status: Value = serde_json::from_slice(&answer.body).expect("JSON");
            answers.push(format!("{} {}", status["cluster"], status["config"]["original"]));
            continue;
        }
        answers.push(shown(&answer, &mut ids));
        if method == "POST" {
            // The original hands alerts to its groups in the background.
            thread::sleep(Duration::from_millis(40));
        }
    }
    answers
}

/// Returns what is compared of an answer. Of errors, the text is each program's own.
fn shown(answer: &Answer, ids: &mut Vec<String>) -> String {
    let header = |name| answer.header(name).unwrap_or("-").to_owned();
    let allow = header("allow");
    let mut allow: Vec<&str> = allow.split(',').map(str::trim).collect();
    // The original's order changes from run to run.
    allow.sort_unstable();
    // The type of nothing does not matter.
    let media = if answer.body.is_empty() { String::new() } else { header("content-type") };
    let heads = [media, header("cache-control"), allow.join(",")].join(" ");
    let text = answer.text();
    let kind = match text.chars().next() {
        None => "nothing",
        Some('{') => "an object",
        Some('"') => "a text",
        Some(_) => "something",
    };
    let text = if answer.status < 400 { stable(&text, ids) } else { kind.to_owned() };
    format!("{} {heads} {text}", answer.status)
}

/// Puts marks in the place of times and ids, and leaves out what is newer than the original.
fn stable(text: &str, ids: &mut Vec<String>) -> String {
    let text = text.replace(",\"routeLabels\":{}", "");
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find('"') {
        let (before, quoted) = rest.split_at(at + 1);
        out.push_str(before);
        let end = quoted.find('"').unwrap_or(quoted.len());
        let word = &quoted[..end];
        let bytes = word.as_bytes();
        if word.len() == 36 && [8, 13, 18, 23].iter().all(|&i| bytes[i] == b'-') {
            let known = ids.iter().position(|id| id == word).unwrap_or_else(|| {
                ids.push(word.to_owned());
                ids.len() - 1
            });
            out += &format!("ID{known}");
        } else if is_of_now(word) {
            out += &format!("TIME of {} bytes", word.len());
        } else {
            out.push_str(word);
        }
        rest = &quoted[end..];
        if let Some(tail) = rest.strip_prefix('"') {
            out.push('"');
            rest = tail;
        }
    }
    out + rest
}

/// Tells a time that was read from a clock from one that was posted.
fn is_of_now(word: &str) -> bool {
    let bytes = word.as_bytes();
    let is_time = word.len() >= 20 && bytes[4] == b'-' && bytes[10] == b'T';
    is_time && !["0001", "2020", "2098", "2099"].iter().any(|year| word.starts_with(year))
}
