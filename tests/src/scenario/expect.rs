//! What must come.

use std::{collections::BTreeMap, fmt};

use serde_json::{Value, json};

use super::Audience;
use crate::subset;

/// When something must come, in seconds; both ends belong to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// Not before.
    pub from: f64,
    /// Not after.
    pub to: f64,
}

/// At this very time: exact in the simulator, within the driver's tolerance elsewhere.
pub fn at(seconds: f64) -> Window {
    Window { from: seconds, to: seconds }
}

/// Between two times, where chance or a restart moves it.
pub fn between(from: f64, to: f64) -> Window {
    Window { from, to }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.from == self.to {
            write!(f, "at {:.3}", self.from)
        } else {
            write!(f, "in {:.3}..{:.3}", self.from, self.to)
        }
    }
}

/// A notification that must come.
#[derive(Clone, Debug)]
pub struct Expected {
    /// Where.
    pub sink: &'static str,
    /// When.
    pub window: Window,
    /// What.
    pub told: Told,
    /// At least so often in the window.
    pub least: usize,
    /// At most so often in the window.
    pub most: usize,
    /// On which drivers.
    pub audience: Audience,
}

impl Expected {
    pub(super) fn new(sink: &'static str, window: Window, told: Told) -> Self {
        Self { sink, window, told, least: 1, most: 1, audience: Audience::All }
    }
}

/// The content of a notification. Alerts are named by [`key_of`]; lists are complete.
#[derive(Clone, Debug, Default)]
pub struct Told {
    firing: Vec<String>,
    resolved: Vec<String>,
    group_labels: Option<BTreeMap<String, String>>,
    reason: Option<&'static str>,
    receiver: Option<&'static str>,
    body: Option<Value>,
}

/// Expects exactly these alerts to be told as firing.
pub fn firing<const N: usize>(alerts: [&str; N]) -> Told {
    Told { firing: sorted(&alerts), ..Told::default() }
}

/// Expects exactly these alerts to be told as resolved.
pub fn resolved<const N: usize>(alerts: [&str; N]) -> Told {
    firing([]).resolved(alerts)
}

impl Told {
    /// Expects these resolved alerts as well.
    pub fn resolved<const N: usize>(mut self, alerts: [&str; N]) -> Self {
        self.resolved = sorted(&alerts);
        self
    }

    /// Expects exactly these group labels.
    pub fn group_labels<const N: usize>(mut self, labels: [(&str, &str); N]) -> Self {
        self.group_labels =
            Some(labels.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect());
        self
    }

    /// Expects this `notification_reason`.
    pub fn reason(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }

    /// Expects this receiver.
    pub fn receiver(mut self, receiver: &'static str) -> Self {
        self.receiver = Some(receiver);
        self
    }

    /// Expects the body to contain this JSON.
    pub fn body(mut self, json: Value) -> Self {
        self.body = Some(json);
        self
    }

    /// Returns what differs in a webhook body, or `None` if it is as told.
    pub fn difference(&self, body: &Value) -> Option<String> {
        let (firing, resolved) = (with_status(body, "firing"), with_status(body, "resolved"));
        if firing != self.firing || resolved != self.resolved {
            return Some("other alerts".into());
        }
        if let Some(labels) = &self.group_labels
            && body["groupLabels"] != json!(labels)
        {
            return Some(format!("group labels {}", body["groupLabels"]));
        }
        let texts = [("notification_reason", self.reason), ("receiver", self.receiver)];
        for (field, wanted) in texts {
            if wanted.is_some_and(|wanted| body[field] != wanted) {
                return Some(format!("{field} {}", body[field]));
            }
        }
        self.body.as_ref().and_then(|json| subset::difference(json, body))
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_alerts(f, &self.firing, &self.resolved)?;
        if let Some(labels) = &self.group_labels {
            write!(f, " group {labels:?}")?;
        }
        for text in [self.receiver, self.reason].into_iter().flatten() {
            write!(f, " {text:?}")?;
        }
        self.body.as_ref().map_or(Ok(()), |body| write!(f, " {body}"))
    }
}

/// Returns the firing and resolved alerts of a webhook body as the timeline shows them.
pub fn alerts_of(body: &Value) -> String {
    struct Shown(Vec<String>, Vec<String>);
    impl fmt::Display for Shown {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write_alerts(f, &self.0, &self.1)
        }
    }
    Shown(with_status(body, "firing"), with_status(body, "resolved")).to_string()
}

/// Names an alert of a webhook body: its `alertname` and the values of its other labels, in the
/// order of their names.
pub fn key_of(alert: &Value) -> String {
    let labels = alert["labels"].as_object().into_iter().flatten();
    key(labels.map(|(name, value)| (&**name, value.as_str().unwrap_or("?"))))
}

pub(super) fn key<'a>(labels: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut labels: Vec<_> = labels.collect();
    labels.sort_by_key(|(name, _)| (*name != "alertname", *name));
    labels.iter().map(|(_, value)| *value).collect::<Vec<_>>().join(" ")
}

fn with_status(body: &Value, status: &str) -> Vec<String> {
    let alerts = body["alerts"].as_array().into_iter().flatten();
    let mut keys: Vec<String> =
        alerts.filter(|alert| alert["status"] == status).map(key_of).collect();
    keys.sort();
    keys
}

fn sorted(alerts: &[&str]) -> Vec<String> {
    let mut keys: Vec<String> = alerts.iter().map(|key| (*key).to_owned()).collect();
    keys.sort();
    keys
}

fn write_alerts(f: &mut fmt::Formatter<'_>, firing: &[String], resolved: &[String]) -> fmt::Result {
    write!(f, "firing {firing:?}")?;
    if resolved.is_empty() { Ok(()) } else { write!(f, " resolved {resolved:?}") }
}
