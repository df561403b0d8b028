//! What a webhook's receiver was told.

use campana_core::time::Instant;
use serde_json::Value;

use crate::{host::HostId, receivers::Received};

/// A notification that reached a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// When.
    pub at: Instant,
    /// From whom.
    pub from: HostId,
    /// Whether the receiver took it, as its status says.
    pub accepted: bool,
    /// The group's key.
    pub group: String,
    /// Why it was sent, in the sender's words.
    pub reason: String,
    /// The alerts that fire, as `alertname/instance`, sorted.
    pub firing: Vec<String>,
    /// The alerts that are over, likewise.
    pub resolved: Vec<String>,
}

impl Notice {
    /// Reads a webhook's body. What is missing is empty.
    pub fn read(received: &Received) -> Self {
        let body: Value = serde_json::from_slice(&received.body).unwrap_or(Value::Null);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (mut firing, mut resolved) = (Vec::new(), Vec::new());
        for alert in body["alerts"].as_array().into_iter().flatten() {
            let labels = &alert["labels"];
            let name = format!("{}/{}", text(&labels["alertname"]), text(&labels["instance"]));
            if alert["status"] == "firing" { firing.push(name) } else { resolved.push(name) }
        }
        firing.sort();
        resolved.sort();
        Self {
            at: received.at,
            from: received.from,
            accepted: (200..300).contains(&received.status),
            group: text(&body["groupKey"]),
            reason: text(&body["notification_reason"]),
            firing,
            resolved,
        }
    }
}
