//! Notifications as files that a person can read.
//!
//! `testdata/notify/NAME.yml` is a configuration; comments at its top say what happens:
//!
//! - `#! told {…}` an alert as JSON: labels, annotations, generatorURL, startsAt, endsAt
//! - `#! firing NAME`, `#! resolved NAME` an alert with nothing but a name
//! - `#! group {…}` the group's labels, `#! reason TEXT` why it is told
//! - `#! file PATH TEXT` what a file holds; others are missing
//! - `#! environment NAME VALUE` what the process's environment says
//! - `#! answer STATUS TEXT` the other side's next answer, `#! header NAME VALUE` a header of it
//! - `#! broken TEXT` instead of an answer, the connection breaks
//! - `#! after SECONDS` a second attempt follows, with what the first remembered and stored
//! - `#! stored KEY VALUE` what the last notification of the group stored
//! - `#! secret TEXT` what must not be in any printed form of what is left
//!
//! What every integration of the only receiver sends, and how it ends, is in `NAME.yml.out`. With
//! `UPDATE_GOLDEN=1` that file is written instead of compared.
#![allow(clippy::disallowed_methods, reason = "tests read and write golden files")]
#![allow(missing_docs, clippy::unwrap_used)]

use std::{
    collections::{BTreeMap, VecDeque},
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use campana_core::{
    alert::Alert,
    config::{Origin, Rules, load},
    label::{Labels, Mode},
    nflog::{self, Reason},
    notify::{
        Answer, Attempt, Exchange, Fed, Integration, Job, Notification, Outcome, Secret, SendError,
        SendErrorKind, Step, Told, job::Environment,
    },
    template,
    time::{Stamp, Timestamp, rfc3339::parse_api},
};
use serde_json::Value;

const NOW: i64 = 1_709_251_200;

#[derive(Default)]
struct Case {
    told: Vec<Told>,
    group: Labels,
    reason: String,
    files: BTreeMap<String, String>,
    environment: Environment,
    answers: Vec<Result<Answer, String>>,
    after: Vec<i64>,
    stored: BTreeMap<String, nflog::Value>,
    secrets: Vec<String>,
}

fn labels(value: &Value) -> Labels {
    let pairs = value.as_object().into_iter().flatten();
    Labels::from_pairs(pairs.map(|(name, value)| (name.as_str(), value.as_str().unwrap())))
}

fn told(value: &Value) -> Told {
    let stamp = |key: &str, or: &str| parse_api(value[key].as_str().unwrap_or(or)).unwrap();
    let labels = labels(&value["labels"]);
    let resolved = !value["endsAt"].is_null();
    let ends_at = if resolved { stamp("endsAt", "") } else { Stamp::ZERO };
    Told {
        fingerprint: labels.fingerprint(),
        hash: labels.nflog_hash(),
        resolved,
        alert: Alert {
            annotations: self::labels(&value["annotations"]),
            labels,
            generator_url: value["generatorURL"].as_str().unwrap_or_default().into(),
            starts_at: stamp("startsAt", "2024-01-01T00:00:00Z"),
            ends_at,
            updated_at: Timestamp::from_parts(NOW, 0),
            timeout: false,
        },
    }
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

impl Case {
    fn read(text: &str) -> Self {
        let mut case = Self::default();
        for line in text.lines().filter_map(|line| line.strip_prefix("#! ")) {
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            let (first, second) = rest.split_once(' ').unwrap_or((rest, ""));
            let named = |ends: Option<&str>| {
                told(&serde_json::json!({ "labels": { "alertname": rest }, "endsAt": ends }))
            };
            match word {
                "told" => case.told.push(told(&json(rest))),
                "firing" => case.told.push(named(None)),
                "resolved" => case.told.push(named(Some("2024-01-02T00:00:00Z"))),
                "group" => case.group = labels(&json(rest)),
                "reason" => rest.clone_into(&mut case.reason),
                "file" => drop(case.files.insert(first.into(), second.replace("\\n", "\n"))),
                "environment" => {
                    drop(case.environment.insert(first.into(), Secret::new(second)));
                }
                "answer" => case.answers.push(Ok(Answer {
                    status: first.parse().unwrap(),
                    headers: Vec::new(),
                    body: second.into(),
                })),
                "header" => {
                    let Some(Ok(answer)) = case.answers.last_mut() else { panic!("no answer") };
                    answer.headers.push((first.into(), second.into()));
                }
                "broken" => case.answers.push(Err(rest.into())),
                "stored" => {
                    let value = nflog::Value::Str(second.into());
                    drop(case.stored.insert(first.into(), value));
                }
                "after" => case.after.push(rest.parse().unwrap()),
                "secret" => case.secrets.push(rest.into()),
                _ => panic!("{line}"),
            }
        }
        if case.told.is_empty() {
            case.told.push(told(&serde_json::json!({ "labels": { "alertname": "Down" } })));
        }
        case
    }

    fn job(&self, integration: &Arc<Integration>, templates: &template::Set) -> Job {
        let reasons =
            [Reason::FirstNotification, Reason::AllAlertsResolved, Reason::RepeatIntervalElapsed];
        let reason = reasons.into_iter().find(|reason| reason.as_str() == self.reason);
        Job {
            notification: Arc::new(Notification {
                receiver: "x".into(),
                group_key: format!("{{}}:{}", self.group).into(),
                group_labels: self.group.clone(),
                route_labels: Labels::empty(),
                alerts: self.told.clone().into(),
                external_url: "http://am.example:9093".into(),
                tick: Timestamp::from_parts(NOW, 0),
                flush: 1,
            }),
            integration: integration.clone(),
            reason: reason.unwrap_or(Reason::FirstNotification),
            user_agent: "Alertmanager/0.33.1".into(),
            hostname: "am.example".into(),
            templates: templates.clone(),
            environment: Arc::new(self.environment.clone()),
            stored: self.stored.clone(),
        }
    }

    /// Runs the attempts of one integration and writes down what it does.
    fn play(&self, mut job: Job, out: &mut String) {
        let mut answers: VecDeque<_> = self.answers.iter().cloned().collect();
        let mut memory = Arc::default();
        let mut now = NOW;
        let mut seen = format!("{job:?}");
        for after in std::iter::once(None).chain(self.after.iter().map(Some)) {
            if let Some(after) = after {
                now += after;
                writeln!(out, "-- {after} s later").unwrap();
            }
            let mut attempt =
                Attempt::new(Timestamp::from_parts(now, 5_000_000), 7, Arc::clone(&memory));
            let mut fed = Fed::Start;
            loop {
                let step = attempt.step(&job, fed);
                write!(seen, "{step:?}{attempt:?}").unwrap();
                fed = match step {
                    Step::Done(outcome) => {
                        end(out, &outcome);
                        break;
                    }
                    Step::Print(_) => panic!("nothing is printed"),
                    Step::Mail(session) => {
                        let mail = session.mail();
                        writeln!(out, "> MAIL {} {:?}", mail.from, mail.to).unwrap();
                        writeln!(out, "{}", String::from_utf8_lossy(&mail.content)).unwrap();
                        Fed::Sent(answer(out, answers.pop_front()))
                    }
                    Step::Read(path) => Fed::File(match self.files.get(&*path) {
                        Some(text) => Ok(text.clone().into()),
                        None => Err(format!("open {path}: no such file or directory")),
                    }),
                    Step::Send(exchange) => {
                        request(out, &exchange);
                        Fed::Sent(answer(out, answers.pop_front()))
                    }
                };
            }
            if let Some(store) = &attempt.kept().store {
                writeln!(out, "= stores {store:?}").unwrap();
                job.stored.clone_from(store);
            }
            if let Some(kept) = &attempt.kept().memory {
                memory = Arc::new(kept.clone());
            }
        }
        for secret in &self.secrets {
            let end = out.rfind("= ").unwrap();
            let told = !seen.contains(secret) && !out[end..].contains(secret);
            assert!(told, "{secret} in {seen}{}", &out[end..]);
        }
    }
}

fn request(out: &mut String, exchange: &Exchange) {
    writeln!(out, "> {} {}", exchange.method, exchange.url.expose()).unwrap();
    for (name, value) in &exchange.headers {
        writeln!(out, "> {name}: {}", value.expose()).unwrap();
    }
    if let Some(timeout) = exchange.timeout {
        writeln!(out, "> within {timeout:?}").unwrap();
    }
    match std::str::from_utf8(&exchange.body) {
        Ok(body) => writeln!(out, "{}", body.strip_suffix('\n').unwrap_or(body)).unwrap(),
        Err(_) => writeln!(out, "{:?}", exchange.body).unwrap(),
    }
}

fn answer(out: &mut String, answer: Option<Result<Answer, String>>) -> Result<Answer, SendError> {
    match answer {
        Some(Err(message)) => Err(SendError { kind: SendErrorKind::Connection, message }),
        answer => {
            let answer = answer
                .and_then(Result::ok)
                .unwrap_or_else(|| Answer { status: 200, ..Answer::default() });
            writeln!(out, "< {}", answer.status).unwrap();
            Ok(answer)
        }
    }
}

fn end(out: &mut String, outcome: &Outcome) {
    match outcome {
        Outcome::Delivered => writeln!(out, "= delivered"),
        Outcome::Retry { error, cause, retry_after: None } => {
            writeln!(out, "= again ({}): {error}", cause.as_str())
        }
        Outcome::Retry { error, cause, retry_after: Some(wait) } => {
            writeln!(out, "= again after {wait:?} ({}): {error}", cause.as_str())
        }
        Outcome::Fail { error, cause } => {
            writeln!(out, "= failed ({}): {error}", cause.as_str())
        }
    }
    .unwrap();
}

fn transcript(text: &str, name: &str) -> String {
    let origin = Origin { file: name, directory: "" };
    let rules = Rules { mode: Mode::Fallback, retention: Duration::from_secs(120 * 3600) };
    let config = load(text.as_bytes(), &origin, &rules).unwrap_or_else(|error| panic!("{error}"));
    // What receivers need from the disk is made up here.
    let config = config.complete(&[]).unwrap();
    let case = Case::read(text);
    let mut out = String::new();
    for integration in &config.receivers[0].integrations {
        let job = case.job(integration, config.templates.as_ref().unwrap());
        writeln!(out, "{}[{}]", integration.name, integration.index).unwrap();
        case.play(job, &mut out);
    }
    out
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/notify");
    let mut cases: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yml"))
        .collect();
    cases.sort();
    cases
}

#[test]
fn integrations_say_what_is_expected() {
    let mut wrong = Vec::new();
    for path in cases() {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let actual = transcript(&text, &name);
        let expected_path = path.with_extension("yml.out");
        if env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(expected_path, actual).unwrap();
            continue;
        }
        let expected = fs::read_to_string(&expected_path).unwrap_or_default();
        if expected != actual {
            wrong.push(format!("{name}\n--- expected\n{expected}--- actual\n{actual}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
