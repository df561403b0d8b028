//! Label sets, alerts, and what notifications are made of.

use std::sync::Arc;

use campana_core::{
    alert::{self, Alert},
    api::{Action, Call, Head, Site},
    cli::{ExternalUrl, Options},
    label::{Labels, Mode},
    nflog::Reason,
    notify::{HttpConfig, Integration, Job, Kind, Notification, Told, data::Data, render},
    template::{self, Set},
    time::{Stamp, Timestamp},
};
use serde_json::{Value as Json, json};

use super::{Answer, Failure, Question, fields, time};

/// Where users reach the server, unless the question says otherwise.
const EXTERNAL_URL: &str = "http://am.example:9093";

/// Reads a label set.
pub(super) fn labels(json: &Json) -> Result<Labels, Failure> {
    let Some(map) = json.as_object() else {
        return Err(Failure::new(format!("a label set must be an object, not {json}")));
    };
    let mut pairs = Vec::new();
    for (name, value) in map {
        match value.as_str() {
            Some(value) => pairs.push((name, value)),
            None => return Err(Failure::new(format!("the value of {name} must be a text"))),
        }
    }
    Ok(Labels::from_pairs(pairs))
}

/// Reads a list of label sets.
pub(super) fn label_sets(json: &Json) -> Result<Vec<Labels>, Failure> {
    json.as_array().map_or(&[][..], |list| list).iter().map(labels).collect()
}

/// Reads the question's alerts.
pub(super) fn alerts(question: &Question) -> Result<Vec<Alert>, Failure> {
    let list = question.get("alerts").and_then(Json::as_array).map_or(&[][..], |list| list);
    list.iter().map(alert).collect()
}

fn alert(json: &Json) -> Result<Alert, Failure> {
    let set =
        |key: &str| json.get(key).filter(|v| !v.is_null()).map_or(Ok(Labels::empty()), labels);
    let text = |key: &str| json.get(key).and_then(Json::as_str).unwrap_or_default();
    let stamp = |key: &str| match text(key) {
        "" => Ok(Stamp::ZERO),
        text => time(text),
    };
    Ok(Alert {
        labels: set("labels")?,
        annotations: set("annotations")?,
        generator_url: text("generatorURL").into(),
        starts_at: stamp("startsAt")?,
        ends_at: stamp("endsAt")?,
        updated_at: stamp("updatedAt")?.at,
        timeout: json.get("timeout").and_then(Json::as_bool).unwrap_or(false),
    })
}

/// Returns the notification that the question describes, for a receiver.
pub(super) fn notification(
    question: &Question,
    receiver: &str,
    now: Timestamp,
) -> Result<Notification, Failure> {
    let group_labels = question.get("group_labels").map_or(Ok(Labels::empty()), labels)?;
    let told = alerts(question)?.into_iter().map(|alert| {
        let (fingerprint, hash) = (alert.labels.fingerprint(), alert.labels.nflog_hash());
        Told::new(alert, fingerprint, hash, now)
    });
    Ok(Notification {
        receiver: receiver.into(),
        group_key: question.text_or("group_key", &format!("{{}}:{group_labels}"))?.into(),
        route_labels: question.get("route_labels").map_or(Ok(Labels::empty()), labels)?,
        group_labels,
        alerts: told.collect(),
        external_url: question.text_or("external_url", EXTERNAL_URL)?.into(),
        tick: now,
        flush: 1,
    })
}

/// Returns why the question's notification is sent.
pub(super) fn reason(question: &Question) -> Result<Reason, Failure> {
    let text = question.text_or("reason", Reason::FirstNotification.as_str())?;
    let all = [
        Reason::FirstNotification,
        Reason::NewAlertsAdded,
        Reason::AllAlertsResolved,
        Reason::SomeAlertsResolved,
        Reason::RepeatIntervalElapsed,
        Reason::None,
    ];
    Ok(all.into_iter().find(|reason| reason.as_str() == text).unwrap_or(Reason::Unknown))
}

/// Returns the data of templates that the question's alerts make.
pub(super) fn template_data(question: &Question) -> Result<template::Data, Failure> {
    let receiver = question.text_or("receiver", "x")?;
    let kind = Kind::Log(Box::default());
    let job = Job {
        notification: Arc::new(notification(question, &receiver, question.now()?)?),
        integration: Arc::new(Integration {
            name: kind.name(),
            kind,
            index: 0,
            send_resolved: true,
            http: Arc::new(HttpConfig::default()),
        }),
        reason: reason(question)?,
        user_agent: "".into(),
        hostname: "".into(),
        environment: Arc::default(),
        templates: Set::new(),
        stored: Default::default(),
    };
    Ok(render::template_data(&Data::new(&job, 0)))
}

/// Returns why the server would refuse an alert that a client posts.
fn problem(alert: &Alert, mode: Mode) -> Option<String> {
    if alert.starts_at.at.is_zero() {
        // A posted alert always has a start: the server fills it in.
        return Some("start time missing".into());
    }
    let times = (Some(alert.starts_at), Some(alert.ends_at));
    if let Err(error) = alert::times(times.0, times.1, Default::default(), Timestamp::MAX) {
        return Some(error.into());
    }
    // Labels without a value are dropped when they are posted; the question is about the others.
    let pairs = |labels: &Labels| -> Json {
        let full = |value: &str| if value.is_empty() { " ".into() } else { value.into() };
        labels.iter().map(|(name, value)| (name.to_owned(), Json::String(full(value)))).collect()
    };
    let body = json!([{
        "labels": pairs(&alert.labels),
        "annotations": pairs(&alert.annotations),
    }]);
    let mut options = Options::default();
    options.features.classic_mode = mode == Mode::Classic;
    options.features.utf8_strict_mode = mode == Mode::Utf8;
    let external = ExternalUrl { text: EXTERNAL_URL.into(), route_prefix: "/".into() };
    let site = Site::new(&options, &external, 1);
    let headers = [("Content-Type", "application/json")];
    let head = Head { method: "POST", target: "/api/v2/alerts", headers: &headers };
    match site.handle(&head, body.to_string().as_bytes()).action {
        Action::Call(Call::PostAlerts(batch)) => batch.iter().next()?.invalid.map(String::from),
        Action::Respond(response) => Some(String::from_utf8_lossy(&response.body).into_owned()),
        _ => Some("internal error: alerts are posted elsewhere".into()),
    }
}

/// `alert`: what is wrong with alerts, and how they are called.
pub(super) fn alerts_checked(question: &Question) -> Answer {
    let (mode, now) = (question.mode()?, question.now()?);
    let results = alerts(question)?.into_iter().map(|alert| {
        let problem = problem(&alert, mode);
        let (fingerprint, resolved) = (alert.labels.fingerprint(), alert.is_resolved(now));
        let name = alert.labels.get("alertname").unwrap_or_default();
        let word = if resolved { "resolved" } else { "active" };
        let short: String = fingerprint.to_string().chars().take(7).collect();
        let mut result = json!({
            "fingerprint": fingerprint.to_string(),
            "status": campana_core::notify::data::status(resolved),
            "name": name,
            "string": format!("{name}[{short}][{word}]"),
        });
        if let Some(problem) = problem {
            result["invalid"] = problem.into();
        }
        result
    });
    Ok(fields([("results", results.collect::<Vec<_>>().into())]))
}
