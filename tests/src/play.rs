//! Plays a scenario on a target, whatever that is, and judges the outcome.

use std::collections::BTreeMap;

use campana_core::time::{Stamp, Timestamp, rfc3339::write_nanos};
use serde_json::Value;

use crate::{
    judge::{Done, Notice, Tolerance, judge},
    scenario::{Behaviour, Scenario, SilenceSpec, Step},
    subset,
};

/// Something that can play: a real program or a simulated one.
pub trait Target {
    /// Lets time pass until so many seconds after the start.
    fn advance(&mut self, to: f64);
    /// Returns the time on the timeline.
    fn now(&self) -> f64;
    /// Returns the wall clock.
    fn wall(&self) -> Timestamp;
    /// Makes a request and returns status and body.
    ///
    /// # Errors
    /// Why there is no answer.
    fn request(&mut self, method: &str, path: &str, body: &[u8]) -> Result<(u16, Vec<u8>), String>;
    /// Changes a sink.
    fn behave(&mut self, sink: &str, behaviour: Behaviour);
    /// Replaces the configuration file; placeholders are still in it.
    fn write_config(&mut self, text: &str);
    /// Ends the program, orderly or not, and starts it again.
    ///
    /// # Errors
    /// What went wrong.
    fn restart(&mut self, clean: bool) -> Result<(), String>;
    /// Returns what the sinks got, and the errors that the program logged.
    fn outcome(&mut self) -> Outcome;
}

/// What a play left behind.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What the sinks got, in order.
    pub notices: Vec<Notice>,
    /// Log lines of level error.
    pub errors: Vec<String>,
}

/// Plays a scenario and tells what was wrong.
///
/// # Errors
/// The timeline, with marks.
pub fn play(
    scenario: &Scenario,
    target: &mut impl Target,
    oracle: bool,
    tolerance: Tolerance,
) -> Result<(), String> {
    let mut silences = BTreeMap::new();
    let mut done = Vec::new();
    for timed in scenario.steps.iter().filter(|timed| timed.audience.includes(oracle)) {
        target.advance(timed.at);
        let at = target.now();
        let result = perform(&timed.step, target, &mut silences);
        done.push(Done { at, text: describe(&timed.step), failure: result.err() });
    }
    let end = scenario.end(oracle);
    target.advance(end + tolerance.late);
    let outcome = target.outcome();
    if !scenario.may_log_errors && !oracle {
        for line in &outcome.errors {
            let failure = Some("the program logged an error".to_owned());
            done.push(Done { at: end, text: line.clone(), failure });
        }
    }
    let expected: Vec<_> =
        scenario.expected.iter().filter(|e| e.audience.includes(oracle)).collect();
    judge(&done, &expected, &outcome.notices, tolerance)
}

type Ids = BTreeMap<&'static str, String>;

fn perform(step: &Step, target: &mut impl Target, silences: &mut Ids) -> Result<(), String> {
    match step {
        Step::Behave(sink, behaviour) => target.behave(sink, behaviour.clone()),
        Step::ExpireSilence(name) => {
            let id = silences.get(name).ok_or("there is no silence of this name")?;
            ask(target, "DELETE", &format!("/api/v2/silence/{id}"), "", 200)?;
        }
        Step::Metric { sample, value } => {
            let text = ask(target, "GET", "/metrics", "", 200)?;
            let prefix = format!("{sample} ");
            let found = text.lines().find_map(|line| line.strip_prefix(&prefix));
            let found = found.ok_or("there is no such sample")?;
            if found.trim().parse() != Ok(*value) {
                return Err(format!("it is {found}"));
            }
        }
        Step::Post(alerts) => {
            let wall = target.wall();
            let body: Value = alerts.iter().map(|alert| alert.json(wall)).collect();
            ask(target, "POST", "/api/v2/alerts", &body.to_string(), 200)?;
        }
        Step::Reload { text, succeeds } => {
            target.write_config(text);
            ask(target, "POST", "/-/reload", "", if *succeeds { 200 } else { 500 })?;
        }
        Step::Request { method, path, body, status, json } => {
            let text = ask(target, method, &filled(path, silences), body, *status)?;
            if !json.is_null() {
                let wanted: Value = serde_json::from_str(&filled(&json.to_string(), silences))
                    .expect("ids need no escapes");
                let found = serde_json::from_str(&text).map_err(|e| format!("{e}: {text}"))?;
                if let Some(difference) = subset::difference(&wanted, &found) {
                    return Err(difference);
                }
            }
        }
        Step::Restart { clean } => target.restart(*clean)?,
        Step::Silence(silence) => put_silence(silence, target, silences)?,
    }
    Ok(())
}

fn put_silence(
    silence: &SilenceSpec,
    target: &mut impl Target,
    silences: &mut Ids,
) -> Result<(), String> {
    let id = silences.get(silence.name).map(String::as_str);
    let body = silence.json(target.wall(), id).to_string();
    let text = ask(target, "POST", "/api/v2/silences", &body, 200)?;
    let answer: Value = serde_json::from_str(&text).map_err(|e| format!("{e}: {text}"))?;
    let id = answer["silenceID"].as_str().ok_or("no silenceID in the answer")?;
    silences.insert(silence.name, id.to_owned());
    Ok(())
}

fn ask(
    target: &mut impl Target,
    method: &str,
    path: &str,
    body: &str,
    status: u16,
) -> Result<String, String> {
    let (found, answer) = target.request(method, path, body.as_bytes())?;
    let text = String::from_utf8_lossy(&answer).into_owned();
    if found == status { Ok(text) } else { Err(format!("status {found}, not {status}: {text}")) }
}

fn filled(text: &str, silences: &Ids) -> String {
    silences
        .iter()
        .fold(text.to_owned(), |text, (name, id)| text.replace(&format!("{{{name}}}"), id))
}

fn describe(step: &Step) -> String {
    match step {
        Step::Behave(sink, behaviour) => format!("sink {sink} {behaviour:?}"),
        Step::ExpireSilence(name) => format!("expire silence {name}"),
        Step::Metric { sample, value } => format!("{sample} must be {value}"),
        Step::Post(alerts) => {
            let keys: Vec<String> = alerts
                .iter()
                .map(|alert| alert.key() + if alert.is_resolved() { " (resolved)" } else { "" })
                .collect();
            format!("post {}", keys.join(", "))
        }
        Step::Reload { succeeds: true, .. } => "reload".into(),
        Step::Reload { succeeds: false, .. } => "reload an invalid file".into(),
        Step::Request { method, path, .. } => format!("{method} {path}"),
        Step::Restart { clean: true } => "restart".into(),
        Step::Restart { clean: false } => "kill and start".into(),
        Step::Silence(silence) => format!("silence {}", silence.name),
    }
}

/// Returns the time so many seconds later, or earlier when negative.
pub fn shifted(at: Timestamp, seconds: f64) -> Timestamp {
    Timestamp::from_nanos(at.as_nanos().saturating_add((seconds * 1e9) as i64))
}

/// Returns a time as API bodies have it.
pub fn clock_text(at: Timestamp) -> String {
    let mut text = String::new();
    write_nanos(&mut text, Stamp::utc(at));
    text
}
