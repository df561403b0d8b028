//! Alerts as a client posts them.

use campana_core::time::Timestamp;
use serde_json::{Map, Value, json};

use crate::play::{clock_text, shifted};

/// An alert to post; times are seconds from the moment of posting.
#[derive(Clone, Debug)]
pub struct AlertSpec {
    labels: Vec<(String, String)>,
    annotations: Vec<(String, String)>,
    starts: Option<f64>,
    ends: Option<f64>,
}

/// Begins an alert with the label `alertname`.
pub fn alert(name: &str) -> AlertSpec {
    AlertSpec {
        labels: vec![("alertname".into(), name.into())],
        annotations: Vec::new(),
        starts: None,
        ends: None,
    }
}

impl AlertSpec {
    /// Adds a label.
    pub fn label(mut self, name: &str, value: &str) -> Self {
        self.labels.push((name.into(), value.into()));
        self
    }

    /// Adds an annotation.
    pub fn annotation(mut self, name: &str, value: &str) -> Self {
        self.annotations.push((name.into(), value.into()));
        self
    }

    /// Gives the start, such as `-60.0` for a minute ago.
    pub fn starts(mut self, seconds: f64) -> Self {
        self.starts = Some(seconds);
        self
    }

    /// Gives the end; `0.0` means that it has just resolved.
    pub fn ends(mut self, seconds: f64) -> Self {
        self.ends = Some(seconds);
        self
    }

    /// Returns what the timeline calls it, see [`super::key_of`].
    pub fn key(&self) -> String {
        super::expect::key(self.labels.iter().map(|(name, value)| (&**name, &**value)))
    }

    /// Tells whether it is posted as ended.
    pub fn is_resolved(&self) -> bool {
        self.ends.is_some_and(|ends| ends <= 0.0)
    }

    /// Returns the element of a POST body, for a wall clock of `now`.
    pub fn json(&self, now: Timestamp) -> Value {
        let object = |pairs: &[(String, String)]| -> Map<String, Value> {
            pairs.iter().map(|(name, value)| (name.clone(), json!(value))).collect()
        };
        let mut alert = json!({"labels": object(&self.labels)});
        if !self.annotations.is_empty() {
            alert["annotations"] = object(&self.annotations).into();
        }
        for (field, seconds) in [("startsAt", self.starts), ("endsAt", self.ends)] {
            if let Some(seconds) = seconds {
                alert[field] = clock_text(shifted(now, seconds)).into();
            }
        }
        alert
    }
}
