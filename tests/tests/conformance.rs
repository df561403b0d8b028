//! Our answers beside recorded ones of Alertmanager, and a table of how many are equal.
//!
//! `tests/golden/*.jsonl` holds questions with the answers of the original, one pair a line. An
//! answer of ours must be equal, or the difference must be one of those in [`ACCEPTED`], each with
//! its reason. Texts of errors are not compared: ours say more. With `UPDATE_GOLDEN=1` the table is
//! written to `docs/CONFORMANCE.md`.
#![allow(clippy::disallowed_methods, reason = "tests read and write golden files")]

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use campana_tests::probe;
use serde_json::{Map, Value as Json, json};

/// A difference that is meant.
struct Accepted {
    /// The op.
    op: &'static str,
    /// What the place of the difference ends with, such as `.error`.
    place: &'static str,
    /// What the question holds, as JSON.
    question: &'static str,
    /// What the recorded or our value holds, as JSON.
    value: &'static str,
    /// Why ours is right.
    reason: &'static str,
}

/// All differences that are meant; of several that fit the first one counts.
const ACCEPTED: &[Accepted] = &[
    Accepted {
        op: "notify",
        place: ".body",
        question: "",
        value: r#"\"generatorURL\":null"#,
        reason: DEEP,
    },
    Accepted { op: "deepcopy", place: "", question: r#"[1, \"2\"]"#, value: "2", reason: DEEP },
    Accepted {
        op: "template",
        place: "",
        question: r#""data":"#,
        value: "first notification alertname",
        reason: DATA,
    },
    Accepted {
        op: "template",
        place: "",
        question: "toJson . ",
        value: "notification_reason",
        reason: DATA,
    },
    Accepted { op: "retry", place: "", question: r#""sns""#, value: "retry", reason: SNS },
    Accepted { op: "config", place: "", question: r#"\n%YAML 1.2"#, value: "", reason: YAML },
    Accepted { op: "config", place: "", question: "\u{2028} x", value: "", reason: YAML },
    Accepted { op: "config", place: "", question: "\u{feff}\u{feff}", value: "", reason: YAML },
    Accepted { op: "config", place: "", question: "name: ?a}", value: "", reason: YAML },
    Accepted { op: "config", place: "", question: "match_re: {a: ''}", value: "", reason: DUMP },
    Accepted {
        op: "config",
        place: "",
        question: "http://u:p@h/",
        value: "http://u:",
        reason: D13,
    },
];

/// Why a difference is meant.
const SNS: &str = "what is no XML is judged by its status alone, and 429 asks for another attempt; \
     the original tries again after a 403 whose page is no XML, and gives up after a 429";

/// Why a difference is meant.
const DATA: &str =
    "the data of templates have `RouteLabels` since 0.34, so all of it prints longer";

/// Why a difference is meant.
const D13: &str = "the password in a URL is hidden (D13)";

/// Why a difference is meant.
const YAML: &str = "corners of YAML that no file has: a directive behind the document, U+2028 in a \
     comment, two marks of byte order, `?a` as a text in brackets";

/// Why a difference is meant.
const DUMP: &str = "what is printed can be loaded again: an empty expression prints as a text";

/// Why a difference is meant.
const DEEP: &str =
    "since 0.34 texts inside a rendered structure stay texts; 0.33 read them once more";

/// What is taken out of both sides before they are compared, for the table.
const NORMALISED: &[&str] = &[
    "empty `routeLabels` in JSON bodies (new in 0.34, the recorded version is 0.33.1)",
    "the text of errors, but not whether and at which stage there is one",
];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Takes what must differ out of an answer.
fn normal(mut answer: Json) -> Json {
    let Some(map) = answer.as_object_mut() else { return answer };
    map.remove("id");
    map.remove("warnings");
    if let Some(error) = map.get_mut("error") {
        *error = Json::Bool(error.as_str().is_some_and(|text| !text.is_empty()));
    }
    for notification in
        map.get_mut("notifications").and_then(Json::as_array_mut).into_iter().flatten()
    {
        let Some(notification) = notification.as_object_mut() else { continue };
        if let Some(error) = notification.get_mut("error") {
            *error = true.into();
        }
        for request in
            notification.get_mut("requests").and_then(Json::as_array_mut).into_iter().flatten()
        {
            without_route_labels(request);
        }
    }
    answer
}

fn without_route_labels(request: &mut Json) {
    let Some(body) = request["body"].as_str().map(str::to_owned) else { return };
    if let Some(length) = request.get_mut("headers").and_then(|h| h.get_mut("Content-Length")) {
        // Whether it is right; the bodies are compared anyway.
        *length = (length.as_str() == Some(&body.len().to_string())).into();
    }
    request["body"] = body.replace("\"routeLabels\":{},", "").into();
}

/// Lists the places where two values differ, with both values.
fn differences(place: &str, theirs: &Json, ours: &Json, out: &mut Vec<(String, Json, Json)>) {
    match (theirs, ours) {
        (Json::Object(a), Json::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let (a, b) = (a.get(key).unwrap_or(&Json::Null), b.get(key).unwrap_or(&Json::Null));
                differences(&format!("{place}.{key}"), a, b, out);
            }
        }
        (Json::Array(a), Json::Array(b)) if a.len() == b.len() => {
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                differences(&format!("{place}[{i}]"), a, b, out);
            }
        }
        (Json::Number(a), Json::Number(b)) if a.as_f64() == b.as_f64() => {}
        _ if theirs == ours => {}
        _ => out.push((place.to_owned(), theirs.clone(), ours.clone())),
    }
}

/// How one thing that was asked came out.
enum Verdict {
    Equal,
    Meant(&'static str),
    Wrong(String),
}

fn judge(op: &str, question: &Json, theirs: &Json, ours: &Json) -> Verdict {
    let mut found = Vec::new();
    differences("", theirs, ours, &mut found);
    let asked = question.to_string();
    let mut reason = None;
    for (place, theirs, ours) in &found {
        let (a, b) = (theirs.to_string(), ours.to_string());
        let accepted = ACCEPTED.iter().find(|accepted| {
            accepted.op == op
                && place.ends_with(accepted.place)
                && asked.contains(accepted.question)
                && (a.contains(accepted.value) || b.contains(accepted.value))
        });
        match accepted {
            Some(accepted) => reason = Some(accepted.reason),
            None => {
                let cut = |text: &str| text.chars().take(1500).collect::<String>();
                return Verdict::Wrong(format!(
                    "{op} {}\n  at {place}\n  recorded {}\n  ours     {}",
                    cut(&asked),
                    cut(&a),
                    cut(&b)
                ));
            }
        }
    }
    reason.map_or(Verdict::Equal, Verdict::Meant)
}

/// What came out for one op.
#[derive(Default)]
struct Tally {
    asked: usize,
    equal: usize,
    /// How many differ for a reason.
    meant: BTreeMap<&'static str, usize>,
    wrong: Vec<String>,
}

impl Tally {
    fn add(&mut self, verdict: Verdict) {
        self.asked += 1;
        match verdict {
            Verdict::Equal => self.equal += 1,
            Verdict::Meant(reason) => *self.meant.entry(reason).or_default() += 1,
            Verdict::Wrong(text) => self.wrong.push(text),
        }
    }
}

/// Splits an answer about a notification into one part for each integration, and one for the rest.
fn parts(mut answer: Json) -> (Json, Vec<Json>) {
    let list = answer.as_object_mut().and_then(|map| map.remove("notifications"));
    let list = list.and_then(|list| list.as_array().cloned()).unwrap_or_default();
    (answer, list)
}

fn ask(question: &Json) -> Json {
    let answer = probe::answer(question.to_string().as_bytes());
    serde_json::from_str(&answer).expect("an answer is JSON")
}

/// Asks what becomes of a notification after each status and body that was recorded.
fn retries() -> Tally {
    let text = fs::read_to_string(folder("golden/retries.json")).expect("readable");
    let table: Json = serde_json::from_str(&text).expect("recorded answers");
    let map = |value: &Json| value.as_object().expect("a map").clone();
    let mut tally = Tally::default();
    for (kind, verdicts) in map(&table["answers"]) {
        for (verdict, cases) in map(&verdicts) {
            for case in cases.as_array().expect("a list") {
                let (status, body) = case.as_str().and_then(|c| c.split_once(' ')).expect("a pair");
                let ours = after(&table, &kind, status.parse().expect("a status"), body);
                let asked = json!({"kind": kind, "status": status, "body": body});
                tally.add(judge("retry", &asked, &verdict.clone().into(), &ours.into()));
            }
        }
    }
    tally
}

/// Says what becomes of a notification that is answered so.
fn after(table: &Json, kind: &str, status: u16, body: &str) -> &'static str {
    let settings = table["settings"][kind].as_str().expect("settings");
    let body = &table["bodies"][body];
    // This status has no body.
    let text = if status == 204 { &json!("") } else { &body[1] };
    let answer = json!({
        "status": status, "body": text, "headers": {"Content-Type": body[0]},
    });
    let mut responses = vec![answer];
    if kind == "wechat" {
        // The first request asks for a token.
        responses.insert(0, json!({"status": 200, "body": "{\"access_token\":\"T\"}"}));
    }
    let answer = ask(&json!({
        "op": "notify",
        "yaml": format!("route: {{receiver: x}}\nreceivers:\n- name: x\n  {settings}\n"),
        "receiver": "x",
        "alerts": [{"labels": {"alertname": "A"}, "startsAt": "2024-01-01T00:00:00Z"}],
        "group_labels": {"alertname": "A"},
        "responses": responses,
    }));
    let outcome = &answer["notifications"][0];
    match (outcome["error"].is_string(), outcome["retry"].as_bool()) {
        (false, _) => "delivered",
        (true, Some(false)) => "final",
        (true, Some(true)) => "retry",
        _ => panic!("no answer: {answer}"),
    }
}

fn replay() -> BTreeMap<String, Tally> {
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    tallies.insert("retry".into(), retries());
    let mut files: Vec<PathBuf> = fs::read_dir(folder("golden"))
        .expect("the recordings are there")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .collect();
    files.sort();
    for path in files {
        for line in fs::read_to_string(&path).expect("readable").lines() {
            let pair: Map<String, Json> = serde_json::from_str(line).expect("a recorded pair");
            let question = &pair["request"];
            let ours = ask(question);
            let op = question["op"].as_str().expect("an op");
            let (theirs, their_parts) = parts(normal(pair["response"].clone()));
            let (mut ours, our_parts) = parts(normal(ours));
            for key in ["integrations", "stage"] {
                // What the running program was asked does not say these.
                if theirs.get(key).is_none()
                    && let Some(map) = ours.as_object_mut()
                {
                    map.remove(key);
                }
            }
            tallies.entry(op.to_owned()).or_default().add(judge(op, question, &theirs, &ours));
            let one = format!("{op}, each integration");
            for theirs in &their_parts {
                let ours = our_parts.iter().find(|o| o["integration"] == theirs["integration"]);
                let verdict = judge(op, question, theirs, ours.unwrap_or(&Json::Null));
                tallies.entry(one.clone()).or_default().add(verdict);
            }
        }
    }
    tallies
}

#[test]
fn recorded_answers_are_ours() {
    let tallies = replay();
    let table = table(&tallies);
    println!("{table}");
    let wrong: Vec<&str> =
        tallies.values().flat_map(|tally| &tally.wrong).map(String::as_str).collect();
    let shown = wrong.iter().take(20).copied().collect::<Vec<_>>().join("\n\n");
    assert!(wrong.is_empty(), "{} answers differ without a reason:\n\n{shown}", wrong.len());
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(folder("../docs/CONFORMANCE.md"), table).expect("written");
    }
}

fn table(tallies: &BTreeMap<String, Tally>) -> String {
    let mut out = String::from(HEAD);
    let mut row = |name: &str, tally: &Tally| {
        let meant: usize = tally.meant.values().sum();
        writeln!(out, "| {name} | {} | {} | {meant} |", tally.asked, tally.equal)
            .expect("a String takes every write");
    };
    let mut all = Tally::default();
    for (op, tally) in tallies {
        row(op, tally);
        if !op.contains(',') {
            all.asked += tally.asked;
            all.equal += tally.equal;
            for (reason, count) in &tally.meant {
                *all.meant.entry(reason).or_default() += count;
            }
        }
    }
    row("**all questions**", &all);
    let files = |kind: &str| {
        let folder = folder("../core/testdata/config").join(kind);
        let entries = fs::read_dir(folder).expect("the files are there").flatten();
        entries.filter(|entry| entry.path().extension().is_some_and(|e| e == "yml")).count()
    };
    let (good, bad) = (files("good"), files("bad"));
    writeln!(
        out,
        "\nBesides these, {good} good and {bad} bad configurations with the expected print or error \
         stand in\n`core/testdata/config`."
    )
    .expect("a String takes every write");
    out.push_str("\n## Differences and their reasons\n\n");
    for (op, tally) in tallies {
        for (reason, count) in &tally.meant {
            writeln!(out, "- {op} ({count}): {reason}").expect("a String takes every write");
        }
    }
    out.push_str(TAIL);
    out.push_str("\n## What is not compared\n\n");
    for text in NORMALISED {
        writeln!(out, "- {text}").expect("a String takes every write");
    }
    out
}

/// What the document begins with.
const HEAD: &str = "\
# Conformance

Questions about single decisions, answered by Alertmanager 0.33.1 (recorded) and by campana's core.
`cargo test -p campana-tests --test conformance -- --nocapture` asks them all and prints this table;
with `UPDATE_GOLDEN=1` it writes this file.

| asked about | questions | equal | different for a reason |
|---|--:|--:|--:|
";

/// What stands at the end of the document.
const TAIL: &str = "
## Differences that drawn questions showed

None of these is among the questions above; each was seen in some of about 36,000 drawn ones.

- A text is valid UTF-8: what is not, such as `\"\\xff\"` in a template, is the mark of
  replacement, so that `len`, `index`, `urlquery` and `printf \"%x\"` see three bytes.
- Addresses of memory are not imitated: `%p` of lists and maps says that the verb is wrong, and a
  time in a zone other than UTC shows a made-up one where `printf` prints its fields.
- A time has no `UnmarshalJSON`, `UnmarshalText`, `UnmarshalBinary` and `GobDecode`: they would
  change the data of the notification.
- `now` and `since` show no monotonic clock; `Local` is UTC; `tz` knows no `right/` zones (leap
  seconds).
- `.Names` and `.Values` are `template.Strings` (0.34), the root has `RouteLabels` (0.34), as its
  prints show.
- A list, such as the `fields` of Slack, with an element that is null prints `{}` for it; the
  original prints `null`.
- Rocket.Chat with an explicitly empty token, and a line's end in mail's `hello`, are refused at
  load; the original sends them, to be refused by the other side.
- Settings ending in `_ref` are refused at load; the original refuses them when it builds the
  receiver, which it does right after loading, so that neither loads.
- `headers` of mail that are not set are not added to the printed configuration (the original's
  builder writes them back into it).
- A line in YAML ends at a line feed only, not at U+0085, U+2028 or U+2029; rendered texts inside
  structures that go on behind a first value are texts.
- An alert that a rule could mute by several others is muted if any of them may; the original
  remembers one of them only, so that a source that is a target too can hide one that is not.

## Settings that load without an effect

- `event_recorder` does nothing without the feature `event-recorder`, as in the original. With it,
  `kafka_outputs` are refused: there is no client for Kafka in here. A URL of `webhook_outputs` can
  pass events on.
";
