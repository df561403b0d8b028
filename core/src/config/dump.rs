//! The effective configuration as text: what the API's status and `config show` print.
//!
//! Fields stand in Alertmanager's order, defaults are filled in, secrets are masked. Reading the
//! text gives the same configuration, but for the secrets; so, unlike in the original, an empty
//! expression prints as an empty text instead of null, and an empty list of ranges is kept.

use alloc::{format, string::String, sync::Arc, vec::Vec};

use super::{
    raw::{
        File,
        global::{FIXED, Global},
        inhibit::InhibitRule,
        interval::Interval,
        receiver::{Entry, Receiver},
        route::Route,
    },
    yaml::{Out, emit::Fields},
};
use crate::{
    interval::{Spec, TimeRange},
    notify::{
        HttpConfig, Kind, SecretSource, WebhookConfig,
        http::{Auth, Header, TextSource, TlsConfig},
        secret::MASK,
    },
    time::duration::{format_go_span, format_prometheus},
};

/// Writes a file.
pub(super) fn dump(file: &File) -> String {
    let mut fields = Fields::default();
    fields.put("global", global(&file.global));
    if let Some(root) = &file.route {
        fields.put("route", route(root));
    }
    let mut list = |key: &str, items: Vec<Out>| {
        if !items.is_empty() || key == "templates" {
            fields.put(key, Out::List(items));
        }
    };
    list("inhibit_rules", file.inhibit_rules.iter().map(inhibit_rule).collect());
    list("receivers", file.receivers.iter().map(|raw| receiver(raw, &file.global)).collect());
    list("templates", Vec::new());
    list("mute_time_intervals", file.mute_time_intervals.iter().map(interval).collect());
    list("time_intervals", file.time_intervals.iter().map(interval).collect());
    fields.done().emit()
}

fn global(global: &Global) -> Out {
    let mut fields = Fields::default();
    fields.put("resolve_timeout", Out::text(&format_prometheus(global.resolve_timeout)));
    fields.put("http_config", http(&global.http));
    for (key, default) in FIXED {
        let value = if default == "true" { Out::boolean(true) } else { Out::text(default) };
        fields.put(key, value);
        if key == "smtp_require_tls" {
            fields.put("smtp_tls_config", tls(&TlsConfig::default()));
        }
    }
    fields.done()
}

fn http(http: &HttpConfig) -> Out {
    let mut fields = Fields::default();
    match &http.auth {
        Auth::None => {}
        Auth::Basic { username, password } => {
            let mut basic = Fields::default();
            text_source(&mut basic, ["username", "username_file"], username.as_ref());
            secret_source(&mut basic, ["password", "password_file"], password.as_ref());
            fields.put("basic_auth", basic.done());
        }
        Auth::Scheme { kind, credentials } => {
            let mut scheme = Fields::default();
            scheme.text("type", Some(kind));
            let keys = ["credentials", "credentials_file"];
            secret_source(&mut scheme, keys, credentials.as_ref());
            fields.put("authorization", scheme.done());
        }
    }
    if let Some(config) = &http.tls {
        fields.put("tls_config", tls(config));
    }
    fields.put("follow_redirects", Out::boolean(http.follow_redirects));
    fields.put("enable_http2", Out::boolean(http.enable_http2));
    if !http.headers.is_empty() {
        let headers = http.headers.iter().map(|(name, values)| (name, header(values)));
        fields.put("http_headers", Out::sorted(headers));
    }
    fields.done()
}

fn header(header: &Header) -> Out {
    let mut fields = Fields::default();
    fields.texts("values", &header.values);
    fields.texts("secrets", &header.secrets.iter().map(|_| MASK).collect::<Vec<_>>());
    fields.texts("files", &header.files);
    fields.done()
}

fn tls(tls: &TlsConfig) -> Out {
    let mut fields = Fields::default();
    text_source(&mut fields, ["ca", "ca_file"], tls.ca.as_ref());
    text_source(&mut fields, ["cert", "cert_file"], tls.cert.as_ref());
    secret_source(&mut fields, ["key", "key_file"], tls.key.as_ref());
    fields.text("server_name", tls.server_name.as_deref());
    fields.put("insecure_skip_verify", Out::boolean(tls.insecure_skip_verify));
    fields.text("min_version", tls.min_version.map(|version| version.as_str()));
    fields.text("max_version", tls.max_version.map(|version| version.as_str()));
    fields.done()
}

fn text_source(fields: &mut Fields, [inline, file]: [&str; 2], source: Option<&TextSource>) {
    match source {
        None => {}
        Some(TextSource::Inline(text)) => drop(fields.text(inline, Some(text))),
        Some(TextSource::File(path)) => drop(fields.text(file, Some(path))),
    }
}

fn secret_source(fields: &mut Fields, [inline, file]: [&str; 2], source: Option<&SecretSource>) {
    match source {
        None => {}
        Some(SecretSource::Inline(_)) => drop(fields.text(inline, Some(MASK))),
        Some(SecretSource::File(path)) => drop(fields.text(file, Some(path))),
    }
}

fn route(raw: &Route) -> Out {
    let mut fields = Fields::default();
    fields.text("receiver", Some(&raw.receiver));
    fields.texts("group_by", raw.group_by.as_deref().unwrap_or_default());
    text_map(&mut fields, "match", &raw.equal);
    text_map(&mut fields, "match_re", &raw.regex);
    matchers(&mut fields, "matchers", &raw.matchers);
    let names =
        |list: &[(String, _)]| list.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    fields.texts("mute_time_intervals", &names(&raw.mute));
    fields.texts("active_time_intervals", &names(&raw.active));
    fields.put("continue", Out::boolean(raw.continues));
    if !raw.routes.is_empty() {
        fields.put("routes", Out::List(raw.routes.iter().map(route).collect()));
    }
    for (key, span) in [
        ("group_wait", raw.group_wait),
        ("group_interval", raw.group_interval),
        ("repeat_interval", raw.repeat_interval),
    ] {
        if let Some(span) = span {
            fields.put(key, Out::text(&format_prometheus(span)));
        }
    }
    text_map(&mut fields, "labels", &raw.labels);
    fields.done()
}

fn text_map(fields: &mut Fields, key: &str, map: &[(String, String)]) {
    if !map.is_empty() {
        fields.put(key, Out::sorted(map.iter().map(|(name, value)| (name, Out::text(value)))));
    }
}

fn matchers(fields: &mut Fields, key: &str, list: &[crate::label::Matcher]) {
    fields.texts(key, &list.iter().map(|matcher| format!("{matcher}")).collect::<Vec<_>>());
}

fn inhibit_rule(rule: &InhibitRule) -> Out {
    let mut fields = Fields::default();
    fields.text("name", Some(&rule.name));
    for (side, name) in [(&rule.source, "source"), (&rule.target, "target")] {
        text_map(&mut fields, &format!("{name}_match"), &side.equal);
        text_map(&mut fields, &format!("{name}_match_re"), &side.regex);
        matchers(&mut fields, &format!("{name}_matchers"), &side.matchers);
    }
    fields.texts("equal", &rule.equal);
    fields.done()
}

fn receiver(raw: &Receiver, global: &Global) -> Out {
    let mut fields = Fields::default();
    fields.put("name", Out::text(&raw.name));
    text_map(&mut fields, "labels", &raw.labels);
    let (mut webhooks, mut logs) = (Vec::new(), Vec::new());
    for entry in &raw.entries {
        match &entry.kind {
            Kind::Webhook(config) => webhooks.push(webhook(entry, config, global)),
            Kind::Log => {
                let mut log = Fields::default();
                log.put("send_resolved", Out::boolean(entry.send_resolved));
                logs.push(log.done());
            }
        }
    }
    for (key, list) in [("webhook_configs", webhooks), ("log_configs", logs)] {
        if !list.is_empty() {
            fields.put(key, Out::List(list));
        }
    }
    fields.done()
}

fn webhook(entry: &Entry, config: &WebhookConfig, global: &Global) -> Out {
    let mut fields = Fields::default();
    fields.put("send_resolved", Out::boolean(entry.send_resolved));
    fields.put("http_config", http(entry.http.as_ref().unwrap_or(&global.http)));
    let file: Arc<str> = match &config.url {
        SecretSource::Inline(_) => {
            fields.put("url", Out::text(MASK));
            Arc::default()
        }
        SecretSource::File(path) => path.clone(),
    };
    fields.put("url_file", Out::text(&file));
    fields.put("max_alerts", Out::Bare(format!("{}", config.max_alerts)));
    let timeout = format_go_span(config.timeout.unwrap_or_default());
    fields.put("timeout", Out::text(&timeout));
    fields.done()
}

fn interval(raw: &Interval) -> Out {
    let mut fields = Fields::default();
    fields.put("name", Out::text(&raw.name));
    fields.put("time_intervals", Out::List(raw.specs.iter().map(spec).collect()));
    fields.done()
}

fn spec(spec: &Spec) -> Out {
    let mut fields = Fields::default();
    let time = |range: &TimeRange| {
        let mut fields = Fields::default();
        fields.text("start_time", Some(&range.start_text()));
        fields.text("end_time", Some(&range.end_text()));
        fields.done()
    };
    if let Some(times) = &spec.times {
        fields.put("times", Out::List(times.iter().map(time).collect()));
    }
    flow(&mut fields, "weekdays", spec.weekdays.as_deref());
    flow(&mut fields, "days_of_month", spec.days_of_month.as_deref());
    flow(&mut fields, "months", spec.months.as_deref());
    flow(&mut fields, "years", spec.years.as_deref());
    fields.text("location", spec.location.as_ref().map(|zone| zone.name()));
    fields.done()
}

fn flow<T: core::fmt::Display>(fields: &mut Fields, key: &str, list: Option<&[T]>) {
    if let Some(list) = list {
        let texts = list.iter().map(|range| Out::text(&format!("{range}"))).collect();
        fields.put(key, Out::Flow(texts));
    }
}
