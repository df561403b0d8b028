//! Answers to questions about single decisions: how a template renders, what a matcher matches,
//! what an integration would send.
//!
//! A question is a JSON object with an `op`; the answer repeats its `id` and says `ok`, and on
//! failure `error` and, for what is done in stages, `stage`. Everything is answered by the code
//! that the server runs. Recorded answers of Alertmanager have the same form, so the two can be
//! compared; see `tests/tests/conformance.rs`.

mod config;
mod data;
#[path = "../../runtime-smol/src/files.rs"]
#[allow(dead_code, unreachable_pub)]
mod files;
mod label;
mod mail;
mod notify;
mod route;
mod text;
#[path = "../../runtime-smol/src/trust.rs"]
#[allow(dead_code, unreachable_pub)]
mod trust;

use std::panic::{self, AssertUnwindSafe};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use campana_core::{
    label::Mode,
    time::{Stamp, Timestamp, rfc3339},
};
use serde_json::{Map, Value as Json};

/// What is answered: the results by name.
type Fields = Map<String, Json>;

/// Why there is no answer.
#[derive(Debug, Default)]
struct Failure {
    /// How far it came, for what is done in stages.
    stage: &'static str,
    /// What is wrong.
    error: String,
    /// What is answered all the same.
    fields: Fields,
}

impl Failure {
    fn new(error: impl ToString) -> Self {
        Self { error: error.to_string(), ..Self::default() }
    }

    fn at(stage: &'static str, error: impl ToString) -> Self {
        Self { stage, ..Self::new(error) }
    }

    fn with(mut self, key: &str, value: impl Into<Json>) -> Self {
        self.fields.insert(key.into(), value.into());
        self
    }
}

type Answer = Result<Fields, Failure>;

/// Answers one question; both are JSON objects.
pub fn answer(question: &[u8]) -> String {
    let mut answer = Fields::new();
    let result = match parse(question) {
        Err(error) => Err(Failure::new(format!("the question is no JSON object: {error}"))),
        Ok(question) => {
            if let Some(id) = question.0.get("id") {
                answer.insert("id".into(), id.clone());
            }
            let run = panic::catch_unwind(AssertUnwindSafe(|| question.answer()));
            run.unwrap_or_else(|_| Err(Failure::new("internal error: the question broke core")))
        }
    };
    answer.insert("ok".into(), result.is_ok().into());
    match result {
        Ok(fields) => answer.extend(fields),
        Err(failure) => {
            answer.extend(failure.fields);
            answer.insert("error".into(), failure.error.into());
            if !failure.stage.is_empty() {
                answer.insert("stage".into(), failure.stage.into());
            }
        }
    }
    one_line(&Json::Object(answer).to_string())
}

/// Escapes what some readers take for the end of a line. It only stands in texts.
fn one_line(json: &str) -> String {
    let mut line = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' => {
                line.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => line.push(c),
        }
    }
    line
}

fn parse(line: &[u8]) -> Result<Question, String> {
    let object = serde_json::from_str(&lossy(line)).map_err(|error| error.to_string())?;
    Ok(Question(object))
}

/// A question's fields.
struct Question(Map<String, Json>);

impl Question {
    fn answer(&self) -> Answer {
        match &*self.text("op")? {
            "template" => text::template(self),
            "deepcopy" => text::deepcopy(self),
            "duration" => text::duration(self),
            "truncate" => text::truncate(self),
            "matchers" => label::matchers(self),
            "fingerprint" => label::fingerprint(self),
            "alert" => data::alerts_checked(self),
            "config" => config::config(self),
            "timeinterval" => config::intervals(self),
            "route" => route::route(self),
            "inhibit" => route::inhibit(self),
            "notify" => notify::notify(self),
            op => Err(Failure::new(format!("there is no op {op:?}"))),
        }
    }

    fn has(&self, key: &str) -> bool {
        self.get(key).is_some() || self.0.contains_key(&format!("{key}_b64"))
    }

    /// Returns a field that is there and not null.
    fn get(&self, key: &str) -> Option<&Json> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    /// Returns a text in the form in which it was sent; empty if it is missing.
    fn bytes(&self, key: &str) -> Result<Vec<u8>, Failure> {
        if let Some(coded) = self.get(&format!("{key}_b64")) {
            let coded = coded.as_str().unwrap_or_default();
            return STANDARD
                .decode(coded)
                .map_err(|error| Failure::new(format!("{key}_b64: {error}")));
        }
        match self.get(key) {
            None => Ok(Vec::new()),
            Some(Json::String(text)) => Ok(text.clone().into_bytes()),
            Some(other) => Err(Failure::new(format!("{key} must be a text, not {other}"))),
        }
    }

    fn text(&self, key: &str) -> Result<String, Failure> {
        Ok(lossy(&self.bytes(key)?))
    }

    fn text_or(&self, key: &str, default: &str) -> Result<String, Failure> {
        if self.has(key) { self.text(key) } else { Ok(default.to_owned()) }
    }

    fn texts(&self, key: &str) -> Result<Vec<String>, Failure> {
        let items = self.get(key).map_or(&[][..], |list| list.as_array().map_or(&[], |a| a));
        let mut texts: Vec<String> =
            items.iter().map(|item| item.as_str().unwrap_or_default().to_owned()).collect();
        if let Some(Json::Array(coded)) = self.get(&format!("{key}_b64")) {
            for item in coded {
                let bytes = STANDARD.decode(item.as_str().unwrap_or_default());
                texts.push(lossy(&bytes.map_err(|e| Failure::new(format!("{key}_b64: {e}")))?));
            }
        }
        Ok(texts)
    }

    fn flag(&self, key: &str) -> bool {
        self.get(key).and_then(Json::as_bool).unwrap_or(false)
    }

    fn mode(&self) -> Result<Mode, Failure> {
        match &*self.text("mode")? {
            "" | "fallback" => Ok(Mode::Fallback),
            "utf8" => Ok(Mode::Utf8),
            "classic" => Ok(Mode::Classic),
            mode => Err(Failure::new(format!("there is no mode {mode:?}"))),
        }
    }

    /// Returns the time that the question is asked for: `now`, or the present.
    fn now(&self) -> Result<Timestamp, Failure> {
        if self.has("now") {
            return Ok(time(&self.text("now")?)?.at);
        }
        let since =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Ok(Timestamp::EPOCH + since)
    }
}

fn time(text: &str) -> Result<Stamp, Failure> {
    rfc3339::parse_rfc3339(text).map_err(Failure::new)
}

/// Reads bytes as text; each byte that belongs to no character becomes U+FFFD, as in Go.
fn lossy(mut bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    while let Err(error) = std::str::from_utf8(bytes) {
        let (valid, rest) = bytes.split_at(error.valid_up_to());
        text.push_str(std::str::from_utf8(valid).unwrap_or_default());
        text.push('\u{fffd}');
        bytes = &rest[1..];
    }
    text.push_str(std::str::from_utf8(bytes).unwrap_or_default());
    text
}

/// Makes fields of pairs.
fn fields<const N: usize>(pairs: [(&str, Json); N]) -> Fields {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_has_an_answer() {
        assert!(answer(b"nonsense").contains("no JSON object"));
        assert!(answer(b"[]").contains("\"ok\":false"));
        assert_eq!(
            answer(br#"{"id":[1],"op":"none"}"#),
            r#"{"error":"there is no op \"none\"","id":[1],"ok":false}"#
        );
        assert!(answer(b"{\"op\":\"template\",\"text_b64\":\"*\"}").contains("text_b64"));
        assert_eq!(lossy(b"a\xe6\x97b\xff\xe6\x97\xa5"), "a\u{fffd}\u{fffd}b\u{fffd}\u{65e5}");
    }
}
