//! The body of a webhook, version 4 of the format.

use alloc::{string::String, vec::Vec};
use core::fmt::Write as _;

use crate::{
    label::Labels,
    notify::{
        Told,
        data::{Data, status},
    },
    time::{Stamp, rfc3339::write_nanos},
    wire::json::{push_packed, write_string},
};

/// Writes the body: the fields in upstream's order, a line feed at the end. `version` is that of
/// the format.
pub fn write(data: &Data<'_>, version: &str) -> String {
    let size = |told: &&Told| {
        let alert = &told.alert;
        let labels = alert.labels.as_bytes().len() + alert.annotations.as_bytes().len();
        256 + 2 * labels + alert.generator_url.len()
    };
    let mut out = String::with_capacity(1024 + data.alerts.iter().map(size).sum::<usize>());
    let mut scratch = Vec::new();
    out.push_str("{\"receiver\":");
    write_string(&mut out, &data.receiver);
    field(&mut out, ",\"status\":", data.status());
    out.push_str(",\"alerts\":[");
    for (i, told) in data.alerts.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        alert(&mut out, told, &mut scratch);
    }
    out.push(']');
    field(&mut out, ",\"notification_reason\":", data.reason.as_str());
    object(&mut out, ",\"groupLabels\":", data.group_labels, &mut scratch);
    object(&mut out, ",\"commonLabels\":", &data.common_labels, &mut scratch);
    object(&mut out, ",\"commonAnnotations\":", &data.common_annotations, &mut scratch);
    object(&mut out, ",\"routeLabels\":", data.route_labels, &mut scratch);
    field(&mut out, ",\"externalURL\":", data.external_url);
    field(&mut out, ",\"version\":", version);
    field(&mut out, ",\"groupKey\":", data.group_key);
    writeln!(out, ",\"truncatedAlerts\":{}}}", data.truncated).expect("a String takes every write");
    out
}

fn alert(out: &mut String, told: &Told, scratch: &mut Vec<u8>) {
    let alert = &told.alert;
    field(out, "{\"status\":", status(told.resolved));
    object(out, ",\"labels\":", &alert.labels, scratch);
    object(out, ",\"annotations\":", &alert.annotations, scratch);
    time(out, ",\"startsAt\":\"", alert.starts_at);
    time(out, "\",\"endsAt\":\"", alert.ends_at);
    field(out, "\",\"generatorURL\":", &alert.generator_url);
    write!(out, ",\"fingerprint\":\"{}\"}}", told.fingerprint).expect("a String takes every write");
}

fn field(out: &mut String, key: &str, value: &str) {
    out.push_str(key);
    write_string(out, value);
}

fn object(out: &mut String, key: &str, labels: &Labels, scratch: &mut Vec<u8>) {
    out.push_str(key);
    push_packed(out, labels.as_bytes(), scratch);
}

fn time(out: &mut String, key: &str, stamp: Stamp) {
    out.push_str(key);
    write_nanos(out, stamp);
}
