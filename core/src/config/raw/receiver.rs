//! `receivers[]`: whom to notify, and how.

use alloc::{
    borrow::ToOwned as _,
    format,
    string::{String, ToString as _},
    sync::Arc,
    vec::Vec,
};
use core::time::Duration;

use super::{Context, go_span, http, refuse, text_map, url};
use crate::{
    config::yaml::{Abort, At, decode::Spot},
    notify::{HttpConfig, Kind, Secret, SecretSource, WebhookConfig},
};

/// A receiver as typed.
#[derive(Debug, Default)]
pub struct Receiver {
    /// Where it stands.
    pub spot: Spot,
    /// `name`.
    pub name: String,
    /// `labels` with the name added, sorted.
    pub labels: Vec<(String, String)>,
    /// The entries of all `*_configs`, in the order in which they are built.
    pub entries: Vec<Entry>,
}

/// One element of a `*_configs` list.
#[derive(Debug)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// Whether it also tells of resolved alerts.
    pub send_resolved: bool,
    /// `http_config`; `None` means the global one.
    pub http: Option<HttpConfig>,
}

/// All keys, in Alertmanager's order, and campana's own at the end.
const KEYS: [&str; 21] = [
    "name",
    "labels",
    "discord_configs",
    "email_configs",
    "incidentio_configs",
    "pagerduty_configs",
    "slack_configs",
    "webhook_configs",
    "opsgenie_configs",
    "wechat_configs",
    "pushover_configs",
    "victorops_configs",
    "sns_configs",
    "telegram_configs",
    "webex_configs",
    "msteams_configs",
    "msteamsv2_configs",
    "jira_configs",
    "rocketchat_configs",
    "mattermost_configs",
    "log_configs",
];

/// Reads one receiver. Null makes one without a name, as in Alertmanager.
///
/// # Errors
/// The first rule that a value breaks.
pub fn read(at: &At<'_>, context: &Context<'_>) -> Result<Receiver, Abort> {
    let mut receiver = Receiver { spot: at.spot(), ..Receiver::default() };
    if at.node.is_null() {
        context.warn(at, "a receiver that is null has no name and cannot be used");
        return Ok(receiver);
    }
    let (mut webhooks, mut logs) = (Vec::new(), Vec::new());
    let before = at.complaints();
    at.fields(&KEYS, |key, at| {
        match key {
            "name" => receiver.name = at.text().unwrap_or_default().to_owned(),
            "labels" => receiver.labels = text_map(&at)?,
            "webhook_configs" => {
                at.items(|_, item| {
                    webhooks.extend(read_webhook(&item, context)?);
                    Ok(())
                })?;
            }
            "log_configs" => {
                at.items(|_, item| {
                    logs.push(read_log(&item)?);
                    Ok(())
                })?;
            }
            _ => refuse(&at, " (only webhook_configs so far)"),
        }
        Ok(())
    })?;
    webhooks.append(&mut logs);
    receiver.entries = webhooks;
    if receiver.name.is_empty() {
        if at.complaints() > before {
            return Ok(receiver);
        }
        return Err(at.fail("missing name in receiver; add name: NAME"));
    }
    label_with_name(at, &mut receiver)?;
    Ok(receiver)
}

fn label_with_name(at: &At<'_>, receiver: &mut Receiver) -> Result<(), Abort> {
    let name = &receiver.name;
    match receiver.labels.iter().find(|(label, _)| label == "name") {
        Some((_, value)) if value != name => Err(at.fail(format!(
            "receiver label \"name\" must match receiver name {name:?}, got {value:?}"
        ))),
        Some(_) => Ok(()),
        None => {
            receiver.labels.push(("name".to_string(), name.clone()));
            receiver.labels.sort();
            Ok(())
        }
    }
}

/// Reads a webhook; `None` when what is missing was collected as a complaint.
fn read_webhook(at: &At<'_>, context: &Context<'_>) -> Result<Option<Entry>, Abort> {
    if at.node.is_null() {
        return Err(at.fail("missing webhook config; give it a url or remove the element"));
    }
    let (mut send_resolved, mut http, mut inline, mut file) = (true, None, None, None);
    let (mut max_alerts, mut timeout) = (0, None);
    let before = at.complaints();
    let keys =
        ["send_resolved", "http_config", "url", "url_file", "max_alerts", "timeout", "payload"];
    at.fields(&keys, |key, at| {
        match key {
            "send_resolved" => send_resolved = at.boolean().unwrap_or(true),
            "http_config" if !at.node.is_null() => http = Some(http::read(&at, context)?),
            "url" => inline = read_url(&at, context)?,
            "url_file" => file = at.text().filter(|text| !text.is_empty()).map(Arc::from),
            "max_alerts" => max_alerts = at.unsigned().unwrap_or(0),
            "timeout" => timeout = go_span(&at).and_then(|ns| u64::try_from(ns).ok()),
            "payload" => refuse(&at, ", the payload is the standard one"),
            _ => {}
        }
        Ok(())
    })?;
    let url = match (inline, file) {
        (Some(_), Some(_)) => {
            return Err(at.fail("at most one of url & url_file must be configured"));
        }
        (Some(url), None) => SecretSource::Inline(url),
        (None, Some(file)) => SecretSource::File(file),
        (None, None) if at.complaints() > before => return Ok(None),
        (None, None) => return Err(at.fail("one of url or url_file must be configured")),
    };
    let timeout = timeout.filter(|ns| *ns > 0).map(Duration::from_nanos);
    let kind = Kind::Webhook(WebhookConfig { url, max_alerts, timeout });
    Ok(Some(Entry { kind, send_resolved, http }))
}

fn read_url(at: &At<'_>, context: &Context<'_>) -> Result<Option<Secret>, Abort> {
    let Some(text) = at.text().filter(|text| !text.is_empty()) else { return Ok(None) };
    let secret = Secret::new(text);
    if secret.is_masked() {
        context.warn(at, "the url is the placeholder <secret>; nothing can be sent to it");
        return Ok(Some(secret));
    }
    if text.contains("{{") {
        at.note("a templated url is not available in this version of campana; write a plain one");
        return Ok(None);
    }
    let url = url::parse(text).map_err(|error| at.fail(format!("invalid URL: {error}")))?;
    Ok(Some(Secret::new(url)))
}

fn read_log(at: &At<'_>) -> Result<Entry, Abort> {
    let mut send_resolved = true;
    at.fields(&["send_resolved"], |_, at| {
        send_resolved = at.boolean().unwrap_or(true);
        Ok(())
    })?;
    Ok(Entry { kind: Kind::Log, send_resolved, http: None })
}
