//! Jobs for tests.

use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};

use super::{
    Attempt, HttpConfig, Integration, Job, Kind, Notification, Secret, Told, WebhookConfig,
    secret::TemplateUrl,
};
use crate::{
    alert::Alert,
    label::Labels,
    nflog::Reason,
    template::Set,
    time::{Stamp, Timestamp, rfc3339::parse_api},
};

pub(crate) const URL: &str = "http://hook.example/alerts/s3cret-path";

/// An alert that began at `starts`, and has ended if `ends` is not empty.
pub(crate) fn told(
    labels: Labels,
    annotations: Labels,
    starts: &str,
    ends: &str,
    url: &str,
) -> Told {
    let stamp = |text: &str| parse_api(text).expect("a time");
    let ends_at = if ends.is_empty() { Stamp::ZERO } else { stamp(ends) };
    Told {
        fingerprint: labels.fingerprint(),
        hash: labels.nflog_hash(),
        resolved: !ends.is_empty(),
        alert: Alert {
            labels,
            annotations,
            generator_url: url.into(),
            starts_at: stamp(starts),
            ends_at,
            updated_at: Timestamp::EPOCH,
            timeout: false,
        },
    }
}

/// A firing alert with one label.
pub(crate) fn firing(name: &str) -> Told {
    told(Labels::from_pairs([("alertname", name)]), Labels::empty(), "2024-01-01", "", "")
}

/// A resolved alert with one label.
pub(crate) fn resolved(name: &str) -> Told {
    let labels = Labels::from_pairs([("alertname", name)]);
    told(labels, Labels::empty(), "2024-01-01", "2024-01-02", "")
}

pub(crate) fn notification(receiver: &str, alerts: Vec<Told>) -> Notification {
    Notification {
        receiver: receiver.into(),
        group_key: "{}:{}".into(),
        group_labels: Labels::empty(),
        route_labels: Labels::empty(),
        alerts: alerts.into(),
        external_url: "http://am.example:9093".into(),
        tick: parse_api("2024-03-01T00:00:00Z").expect("a time").at,
        flush: 1,
    }
}

pub(crate) fn integration(kind: Kind, http: HttpConfig) -> Integration {
    Integration { name: kind.name(), kind, index: 0, send_resolved: true, http: Arc::new(http) }
}

pub(crate) fn webhook() -> WebhookConfig {
    WebhookConfig { url: TemplateUrl(Secret::new(URL)), ..WebhookConfig::default() }
}

pub(crate) fn job(alerts: Vec<Told>, kind: Kind, http: HttpConfig) -> Job {
    Job {
        notification: Arc::new(notification("x", alerts)),
        integration: Arc::new(integration(kind, http)),
        reason: Reason::FirstNotification,
        user_agent: "Alertmanager/0.33.1".into(),
        environment: Arc::default(),
        hostname: "am.example".into(),
        templates: Set::with_defaults(),
        stored: BTreeMap::new(),
    }
}

/// An attempt that has done nothing yet.
pub(crate) fn attempt() -> Attempt {
    Attempt::new(parse_api("2024-03-01T00:00:01Z").expect("a time").at, 7, Arc::default())
}
