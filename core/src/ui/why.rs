//! Why an alert was or was not told: its routes, groups, mutes, and the decisions of late.

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use core::time::Duration;

use maud::{Markup, html};

use super::{
    About, Rendered, alert,
    layout::{self, Tab, distance, rfc3339, time},
    link, status,
};
use crate::{
    alert::Entry,
    group::Group,
    label::Labels,
    limits::EXPLAINED_RECORDS_MAX,
    time::Timestamp,
    trail::{Record, What},
    view::{Listed, Muting, Scratch, View},
    wire::json::{write_object, write_string},
};

/// What there is to say about an alert.
struct Facts<'a> {
    entry: &'a Entry,
    muting: Muting,
    /// Its groups, each with the intervals that mute it now.
    groups: Vec<(&'a Group, Vec<String>)>,
    records: Vec<&'a Record>,
}

fn find<'a>(view: &'a View, now: Timestamp, fingerprint: &str) -> Option<Facts<'a>> {
    let (id, entry) = view.alert_by_print(fingerprint)?;
    let muting = view.muting(entry, now, &mut Scratch::default());
    let groups: Vec<(&Group, Vec<String>)> = view
        .groups
        .iter()
        .filter(|(_, group)| group.members.binary_search(&id).is_ok())
        .map(|(_, group)| (group, status::muting(view, group.route, now)))
        .collect();
    let keys: Vec<&str> = groups.iter().map(|(group, _)| &*group.key).collect();
    let records = view.trail.about(&keys, EXPLAINED_RECORDS_MAX);
    Some(Facts { entry, muting, groups, records })
}

/// Makes the page.
pub(super) fn page(about: About<'_>, view: &View, now: Timestamp, fingerprint: &str) -> Rendered {
    let Some(facts) = find(view, now, fingerprint) else {
        let main = html! {
            h1 { "Alert not found" }
            p { "There is no alert " code { (fingerprint) } ". Alerts are forgotten some time after \
                 their end." }
            p { a href=(link(about, "/", &[])) { "All alerts" } }
        };
        let page = layout::frame(about, view, Tab::None, "Alert not found", None, &main);
        return Rendered::html(404, page);
    };
    let alert = &facts.entry.alert;
    let listed = Listed { entry: facts.entry, muting: facts.muting.clone() };
    let main = html! {
        h1 { "Why" }
        p.verdict { (verdict(&facts, now)) }
        (alert::badges(about, view, &listed, now))
        dl.facts.card {
            dt { "Labels" } dd { (all(&alert.labels)) }
            @if !alert.annotations.is_empty() { dt { "Annotations" } dd { (all(&alert.annotations)) } }
            dt { "Fires since" } dd { (time(alert.starts_at.at)) }
            dt { "Ends" } dd { (time(alert.ends_at.at)) " (" (distance(alert.ends_at.at, now)) ")" }
            dt { "Last posted" } dd { (time(alert.updated_at)) }
        }
        h2 { "Where it goes" }
        (status::outcome(about, view, now, &alert.labels))
        h2 { "Its groups" }
        @if facts.groups.is_empty() { p { "It is in no group: it ended and was told." } }
        @for (group, muted) in &facts.groups {
            @let next = view.wall_at(group.next_flush);
            article.card {
                code { (group.key) }
                dl.facts {
                    dt { "Looked at next" } dd { (time(next)) " (" (distance(next, now)) ")" }
                    @if let Some(due) = next_due(view, group) {
                        dt { "Next notification" } dd {
                            (time(due)) " (" (distance(due, now)) "), if nothing changes until then"
                        }
                    }
                    dt { "Flushes so far" } dd { (group.flushes) }
                    dt { "Alerts" } dd { (group.members.len()) }
                    @if !muted.is_empty() { dt { "Muted by" } dd { (muted.join(", ")) } }
                }
            }
        }
        h2 { "Decisions of late" }
        (trail(&facts.records))
    };
    Rendered::html(200, layout::frame(about, view, Tab::None, "Why", None, &main))
}

fn verdict(facts: &Facts<'_>, now: Timestamp) -> &'static str {
    let is_muted = facts.muting.is_muted() || facts.groups.iter().all(|(_, it)| !it.is_empty());
    match facts.entry.alert.is_resolved(now) {
        true => "It has ended.",
        false if facts.groups.is_empty() => "It fires, and is in no group.",
        false if is_muted => "It fires and is muted.",
        false => "It fires, and nothing mutes it.",
    }
}

/// Shows all labels, whole.
fn all(labels: &Labels) -> Markup {
    html! {
        dl.annotations {
            @for (name, value) in labels.iter() {
                dt { bdi { (name) } } dd { bdi { (layout::linked(value)) } }
            }
        }
    }
}

/// Returns when an unchanged group is told again: at its first tick after `repeat_interval` has
/// passed since the last delivery; at its next tick when there was no flush yet. `None` when
/// nothing is known of a delivery.
pub(super) fn next_due(view: &View, group: &Group) -> Option<Timestamp> {
    let next = view.wall_at(group.next_flush);
    let route = view.config.tree.route(group.route);
    let records = view.trail.about(&[&group.key], EXPLAINED_RECORDS_MAX);
    let told = records.iter().find(|record| {
        record.receiver == route.receiver && matches!(record.what, What::Delivered { .. })
    });
    let Some(told) = told else { return Some(next).filter(|_| group.flushes == 0) };
    let due = told.at + route.repeat_interval;
    let interval = route.group_interval.as_nanos().max(1);
    let ticks = due.since(next).as_nanos().div_ceil(interval);
    let wait = interval.checked_mul(ticks).and_then(|wait| u64::try_from(wait).ok())?;
    Some(if due <= next { next } else { next + Duration::from_nanos(wait) })
}

fn name(record: &Record) -> String {
    record.what.integration().map_or_else(|| "all".to_string(), |who| who.to_string())
}

fn trail(records: &[&Record]) -> Markup {
    html! {
        @if records.is_empty() { p { "None is remembered; the memory is short, and lost at a restart." } }
        @else {
            div.wide tabindex="0" role="region" aria-label="Decisions" { table {
                thead { tr {
                    th scope="col" { "Time" } th scope="col" { "Receiver" }
                    th scope="col" { "Integration" } th scope="col" { "Decision" }
                } }
                tbody {
                    @for record in records {
                        tr {
                            td { (time(record.at)) }
                            td { (record.receiver) }
                            td { (name(record)) }
                            td { b { (record.what.word()) } " " bdi { (record.what.detail()) } }
                        }
                    }
                }
            } }
        }
    }
}

/// Returns the same as JSON; `None` when there is no such alert.
///
/// ```text
/// {"fingerprint", "labels", "status": {"state", "silencedBy", "inhibitedBy"},
///  "routes": [{"receiver", "path", "groupKey", "mutedBy"}],
///  "groups": [{"key", "nextFlush", "nextNotification", "flushes", "alerts", "mutedBy"}],
///  "decisions": [{"at", "receiver", "groupKey", "integration", "what", "detail"}]}
/// ```
pub fn explain(view: &View, now: Timestamp, fingerprint: &str) -> Option<String> {
    let facts = find(view, now, fingerprint)?;
    let labels = &facts.entry.alert.labels;
    let mut out = String::from("{");
    text(&mut out, "fingerprint", fingerprint);
    out.push_str("\"labels\":");
    write_object(&mut out, labels.iter());
    out.push_str(",\"status\":{");
    let resolved = facts.entry.alert.is_resolved(now);
    let state = match (resolved, facts.muting.is_muted()) {
        (true, _) => "resolved",
        (false, true) => "suppressed",
        (false, false) => "active",
    };
    text(&mut out, "state", state);
    let silences = facts.muting.silenced_by.iter().map(|id| id.to_string());
    texts(&mut out, "silencedBy", &silences.collect::<Vec<_>>());
    let source = facts.muting.inhibited_by.and_then(|id| view.alerts.get(id.0));
    let source: Vec<String> = source.map(|it| it.fingerprint.to_string()).into_iter().collect();
    texts(&mut out, "inhibitedBy", &source);
    close(&mut out, '}');
    let mut routes = Vec::new();
    view.config.tree.matches(labels, &mut routes);
    out.push_str(",\"routes\":[");
    for (i, id) in routes.iter().enumerate() {
        let route = view.config.tree.route(*id);
        out.push_str(if i > 0 { ",{" } else { "{" });
        text(&mut out, "receiver", &route.receiver);
        text(&mut out, "path", &route.path);
        text(&mut out, "groupKey", &route.group_key(&route.group_labels(labels)));
        texts(&mut out, "mutedBy", &status::muting(view, *id, now));
        close(&mut out, '}');
    }
    out.push_str("],\"groups\":[");
    for (i, (group, muted)) in facts.groups.iter().enumerate() {
        out.push_str(if i > 0 { ",{" } else { "{" });
        text(&mut out, "key", &group.key);
        text(&mut out, "nextFlush", &rfc3339(view.wall_at(group.next_flush)));
        let due = next_due(view, group).map(rfc3339);
        text(&mut out, "nextNotification", &due.unwrap_or_default());
        let (flushes, alerts) = (group.flushes, group.members.len());
        out.push_str(&format!("\"flushes\":{flushes},\"alerts\":{alerts},"));
        texts(&mut out, "mutedBy", muted);
        close(&mut out, '}');
    }
    out.push_str("],\"decisions\":[");
    for (i, record) in facts.records.iter().enumerate() {
        out.push_str(if i > 0 { ",{" } else { "{" });
        text(&mut out, "at", &rfc3339(record.at));
        text(&mut out, "receiver", &record.receiver);
        text(&mut out, "groupKey", &record.group_key);
        let who = record.what.integration().map(|who| who.to_string()).unwrap_or_default();
        text(&mut out, "integration", &who);
        text(&mut out, "what", record.what.word());
        text(&mut out, "detail", &record.what.detail());
        close(&mut out, '}');
    }
    out.push_str("]}");
    Some(out)
}

/// Writes a field and the comma behind it, which [`close`] takes back.
fn text(out: &mut String, key: &str, value: &str) {
    write_string(out, key);
    out.push(':');
    write_string(out, value);
    out.push(',');
}

fn texts(out: &mut String, key: &str, values: &[String]) {
    write_string(out, key);
    out.push_str(":[");
    for value in values {
        write_string(out, value);
        out.push(',');
    }
    close(out, ']');
    out.push(',');
}

fn close(out: &mut String, bracket: char) {
    if out.ends_with(',') {
        out.pop();
    }
    out.push(bracket);
}
