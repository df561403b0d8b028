//! What happens to the program.

use std::time::Duration;

use campana_core::time::Timestamp;
use serde_json::{Value, json};

use super::{AlertSpec, Audience};
use crate::play::{clock_text, shifted};

/// A step with its time.
#[derive(Clone, Debug)]
pub struct Timed {
    /// Seconds since the program was ready.
    pub at: f64,
    /// What happens.
    pub step: Step,
    /// On which drivers.
    pub audience: Audience,
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub enum Step {
    /// A sink changes its behaviour.
    Behave(&'static str, Behaviour),
    /// The silence of this name is ended.
    ExpireSilence(&'static str),
    /// A sample of `/metrics` must have a value.
    Metric {
        /// Name and labels as the exposition shows them.
        sample: String,
        /// The value.
        value: f64,
    },
    /// Alerts are posted.
    Post(Vec<AlertSpec>),
    /// The configuration file changes and is loaded again.
    Reload {
        /// The new file.
        text: String,
        /// Whether it is valid.
        succeeds: bool,
    },
    /// Any request.
    Request {
        /// The method.
        method: String,
        /// Path and query, encoded.
        path: String,
        /// The body; sent as JSON when it is not empty.
        body: String,
        /// The status of the answer.
        status: u16,
        /// What the answer must contain.
        json: Value,
    },
    /// The program ends, orderly or not, and starts again.
    Restart {
        /// Whether it may save its state.
        clean: bool,
    },
    /// A silence is created or updated.
    Silence(SilenceSpec),
}

/// How a sink answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// With a status and an empty body, at once.
    Answers(u16),
    /// With 200, after a while.
    AnswersAfter(Duration),
    /// With a status and a `Retry-After` header of so many seconds.
    AsksToWait(u16, u32),
    /// Takes requests and never answers.
    Hangs,
    /// Refuses connections.
    Refuses,
}

/// A silence to create or update.
#[derive(Clone, Debug)]
pub struct SilenceSpec {
    /// What the scenario calls it; its id is the program's choice.
    pub name: &'static str,
    matchers: Vec<Matcher>,
    starts: f64,
    ends: f64,
}

/// A matcher of a silence.
#[derive(Clone, Debug)]
pub struct Matcher {
    name: String,
    value: String,
    is_regex: bool,
    is_equal: bool,
}

/// Makes an `=` matcher.
pub fn eq(name: &str, value: &str) -> Matcher {
    Matcher { name: name.into(), value: value.into(), is_regex: false, is_equal: true }
}

impl Matcher {
    /// Makes the value a regular expression.
    pub fn regex(mut self) -> Self {
        self.is_regex = true;
        self
    }

    /// Negates it.
    pub fn negated(mut self) -> Self {
        self.is_equal = false;
        self
    }
}

/// Begins a silence that starts now and ends in an hour.
pub fn silence<const N: usize>(name: &'static str, matchers: [Matcher; N]) -> SilenceSpec {
    SilenceSpec { name, matchers: matchers.to_vec(), starts: 0.0, ends: 3600.0 }
}

impl SilenceSpec {
    /// Gives the start, in seconds from now.
    pub fn starts(mut self, seconds: f64) -> Self {
        self.starts = seconds;
        self
    }

    /// Gives the end, in seconds from now.
    pub fn ends(mut self, seconds: f64) -> Self {
        self.ends = seconds;
        self
    }

    /// Returns the POST body, for a wall clock of `now`; with `id`, an update.
    pub fn json(&self, now: Timestamp, id: Option<&str>) -> Value {
        let matchers: Vec<Value> = self
            .matchers
            .iter()
            .map(|m| {
                let (name, value) = (&m.name, &m.value);
                json!({"name": name, "value": value, "isRegex": m.is_regex, "isEqual": m.is_equal})
            })
            .collect();
        let mut silence = json!({
            "matchers": matchers,
            "startsAt": clock_text(shifted(now, self.starts)),
            "endsAt": clock_text(shifted(now, self.ends)),
            "createdBy": "scenario",
            "comment": self.name,
        });
        if let Some(id) = id {
            silence["id"] = id.into();
        }
        silence
    }
}
