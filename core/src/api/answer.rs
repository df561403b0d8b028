//! Answers to queries: JSON written straight from the view.
//!
//! Keys come in Alertmanager's order: alphabetical, but of composed types the own ones first.
//! Texts of alerts and silences have `<`, `>` and `&` escaped, the others do not, as there.

use alloc::{
    string::{String, ToString as _},
    sync::Arc,
    vec::Vec,
};
use core::fmt::Write as _;

use super::{Query, Response, Side, Site, query::Ask, response::write_text};
use crate::{
    alert::Entry,
    label::{Labels, Matcher, Matchers},
    metrics::{Counter, scrape},
    notify::route_labels::is_template,
    silence::Silence,
    time::{Stamp, Timestamp, rfc3339::write_millis},
    ui,
    view::{AlertFilter, ClusterView, Listed, ListedGroup, View, selects},
    wire::json::{write_object, write_object_of_bytes, write_string},
};

/// About the length of an alert in an answer. Room for all at once spares copying what is written.
const ALERT_BYTES: usize = 1024;

const INFALLIBLE: &str = "a String takes every write";

impl Query {
    /// Answers from a view, at the wall clock's `now`. Pure, and too long for the owner's thread.
    pub fn answer(&self, site: &Site, view: &View, now: Timestamp, side: &Side<'_>) -> Response {
        let mut out = String::new();
        let response = match &self.ask {
            Ask::Metrics(names) => return metrics(view, now, side, names).handler(self.handler),
            Ask::Status => {
                status(&mut out, site, view);
                Response::json(200, out)
            }
            Ask::Receivers(matchers) => {
                receivers(&mut out, view, matchers);
                Response::json(200, out)
            }
            Ask::Alerts(filter) => {
                let alerts = view.list_alerts(filter, now);
                let mut scratch = Vec::new();
                out.reserve(ALERT_BYTES * alerts.len());
                list(&mut out, &alerts, |out, it| alert(out, view, it, &[], &mut scratch));
                Response::json(200, out)
            }
            Ask::Groups(filter) => {
                groups(&mut out, view, filter, now);
                Response::json(200, out)
            }
            Ask::Silences(states, filter) => {
                let silences = view.silences.list(now, *states, filter);
                list(&mut out, &silences, |out, it| silence(out, it, now));
                Response::json(200, out)
            }
            Ask::Page(page) => {
                return super::page::render(site, page, view, now).handler(self.handler);
            }
            Ask::Asset(asset) => return super::page::asset(*asset).handler(self.handler),
            Ask::Explain(fingerprint) => match ui::explain(view, now, fingerprint) {
                Some(text) => Response::json(200, text),
                None => Response::empty(404),
            },
            Ask::Silence(id) => match view.silences.get(id) {
                Some(it) => {
                    silence(&mut out, it, now);
                    Response::json(200, out)
                }
                None => Response::empty(404),
            },
        };
        super::dress(response.handler(self.handler), "GET", self.has_origin)
    }
}

fn metrics(view: &View, now: Timestamp, side: &Side<'_>, names: &[String]) -> Response {
    let metrics = view.metrics_at(now);
    let text = scrape(&metrics, side.traffic, &side.process, names, |page| {
        if let Some(cluster) = &view.cluster {
            cluster.collect(&metrics.gossip, page);
            page.counter(
                "campana_cluster_packets_dropped_total",
                "Packets of peers that were dropped unread, since this instance had too much to do.",
                Counter(side.packets_dropped),
            );
        }
    });
    let response = Response::empty(200)
        .header("Content-Type", "text/plain; version=0.0.4; charset=utf-8; escaping=underscores");
    Response { compressible: true, ..response.body(text) }
}

fn status(out: &mut String, site: &Site, view: &View) {
    out.push_str("{\"cluster\":");
    cluster(out, view.cluster.as_deref());
    out.push_str(",\"config\":{\"original\":");
    write_text(out, &view.config.original);
    out.push_str("},\"uptime\":");
    time(out, Stamp::utc(view.started_at));
    let build = &site.build;
    out.push_str(",\"versionInfo\":{");
    let fields = [
        ("branch", build.tags),
        ("buildDate", build.date),
        ("buildUser", build.user),
        ("goVersion", build.language),
        ("revision", &site.revision),
        ("version", build.compatible),
    ];
    for (i, (key, value)) in fields.into_iter().enumerate() {
        write!(out, "{}\"{key}\":", if i > 0 { "," } else { "" }).expect(INFALLIBLE);
        write_text(out, value);
    }
    out.push_str("}}");
}

/// The cluster as its members see it; the name is left out where there is none.
fn cluster(out: &mut String, cluster: Option<&ClusterView>) {
    let Some(cluster) = cluster else {
        return out.push_str("{\"peers\":[],\"status\":\"disabled\"}");
    };
    out.push_str("{\"name\":");
    write_text(out, &cluster.name);
    out.push_str(",\"peers\":");
    list(out, &cluster.peers, |out, peer| {
        out.push_str("{\"address\":");
        write_text(out, &peer.address.to_string());
        out.push_str(",\"name\":");
        write_text(out, &peer.name);
        out.push('}');
    });
    out.push_str(",\"status\":");
    write_text(out, cluster.status.as_str());
    out.push('}');
}

fn receivers(out: &mut String, view: &View, matchers: &[Matcher]) {
    let receivers = view.config.receivers.iter();
    let chosen: Vec<_> = receivers.filter(|r| selects(matchers, &r.labels)).collect();
    list(out, &chosen, |out, receiver| {
        out.push_str("{\"labels\":");
        plain_object(out, receiver.labels.iter());
        out.push_str(",\"name\":");
        write_text(out, &receiver.name);
        out.push('}');
    });
}

fn alert(
    out: &mut String,
    view: &View,
    listed: &Listed<'_>,
    muted_by: &[Arc<str>],
    scratch: &mut Vec<u8>,
) {
    let Entry { alert, fingerprint, .. } = listed.entry;
    out.push_str("{\"annotations\":");
    object(out, &alert.annotations, scratch);
    out.push_str(",\"endsAt\":");
    time(out, alert.ends_at);
    write!(out, ",\"fingerprint\":\"{fingerprint}\",\"receivers\":").expect(INFALLIBLE);
    list(out, &listed.receivers, |out, name| {
        out.push_str("{\"name\":");
        write_string(out, name);
        out.push('}');
    });
    out.push_str(",\"startsAt\":");
    time(out, alert.starts_at);
    out.push_str(",\"status\":{\"inhibitedBy\":[");
    let source = listed.muting.inhibited_by.and_then(|id| view.alerts.get(id.0));
    if let Some(source) = source {
        write!(out, "\"{}\"", source.fingerprint).expect(INFALLIBLE);
    }
    out.push_str("],\"mutedBy\":");
    list(out, muted_by, |out, name| write_string(out, name));
    out.push_str(",\"silencedBy\":");
    list(out, &listed.muting.silenced_by, |out, id| write_string(out, &id.0));
    let is_suppressed = listed.muting.is_muted() || !muted_by.is_empty();
    let state = if is_suppressed { "suppressed" } else { "active" };
    out.push_str(",\"state\":\"");
    out.push_str(state);
    out.push_str("\"},\"updatedAt\":");
    time(out, Stamp::utc(alert.updated_at));
    if !alert.generator_url.is_empty() {
        out.push_str(",\"generatorURL\":");
        write_string(out, &alert.generator_url);
    }
    out.push_str(",\"labels\":");
    object(out, &alert.labels, scratch);
    out.push('}');
}

fn groups(out: &mut String, view: &View, filter: &AlertFilter, now: Timestamp) {
    let listed = view.list_groups(filter, now);
    let mut scratch = Vec::new();
    list(out, &listed.groups, |out, ListedGroup { group, route, alerts }| {
        out.push_str("{\"alerts\":");
        list(out, alerts, |out, &at| {
            alert(out, view, &listed.alerts[at], &group.muted_by, &mut scratch);
        });
        out.push_str(",\"labels\":");
        plain_object(out, group.labels.iter());
        out.push_str(",\"receiver\":{\"name\":");
        write_text(out, &route.receiver);
        out.push_str("},\"routeLabels\":");
        if group.flushes > 0 {
            plain_object(out, group.route_labels.iter());
        } else {
            // Templates are rendered when there is something to tell.
            let plain = route.labels.iter().filter(|(_, value)| !is_template(value));
            plain_object(out, plain.map(|(name, value)| (&**name, &**value)));
        }
        out.push('}');
    });
}

fn silence(out: &mut String, silence: &Silence, now: Timestamp) {
    out.push_str("{\"id\":");
    write_string(out, &silence.id.0);
    let state = silence.state(now).as_str();
    write!(out, ",\"status\":{{\"state\":\"{state}\"}},\"updatedAt\":").expect(INFALLIBLE);
    time(out, Stamp::utc(silence.updated_at));
    if !silence.annotations.is_empty() {
        out.push_str(",\"annotations\":");
        write_object(out, silence.annotations.iter().map(|(name, value)| (&**name, &**value)));
    }
    out.push_str(",\"comment\":");
    write_string(out, &silence.comment);
    out.push_str(",\"createdBy\":");
    write_string(out, &silence.created_by);
    out.push_str(",\"endsAt\":");
    time(out, Stamp::utc(silence.ends_at));
    // The schema knows one set only. Of a silence with several (peers can bring one) the first
    // stands there, so that clients can read the list, and all of them in a field of our own.
    out.push_str(",\"matchers\":");
    let sets = &silence.matcher_sets;
    matcher_set(out, sets.first().unwrap_or(&Matchers::default()));
    if sets.len() > 1 {
        out.push_str(",\"matcherSets\":");
        list(out, sets, matcher_set);
    }
    out.push_str(",\"startsAt\":");
    time(out, Stamp::utc(silence.starts_at));
    out.push('}');
}

fn matcher_set(out: &mut String, set: &Matchers) {
    list(out, set.as_slice(), |out, matcher| {
        let (is_equal, is_regex) = (matcher.op().is_positive(), matcher.op().is_regex());
        write!(out, "{{\"isEqual\":{is_equal},\"isRegex\":{is_regex},\"name\":").expect(INFALLIBLE);
        write_string(out, matcher.name());
        out.push_str(",\"value\":");
        write_string(out, matcher.value());
        out.push('}');
    });
}

fn list<T>(out: &mut String, items: &[T], mut write: impl FnMut(&mut String, &T)) {
    out.push('[');
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(']');
}

fn object(out: &mut String, labels: &Labels, scratch: &mut Vec<u8>) {
    write_object_of_bytes(out, labels.iter_bytes(), scratch);
}

/// Like [`write_object`], without escapes for `<`, `>` and `&`.
fn plain_object<'a>(out: &mut String, pairs: impl Iterator<Item = (&'a str, &'a str)>) {
    out.push('{');
    for (i, (name, value)) in pairs.enumerate() {
        if i > 0 {
            out.push(',');
        }
        write_text(out, name);
        out.push(':');
        write_text(out, value);
    }
    out.push('}');
}

fn time(out: &mut String, stamp: Stamp) {
    out.push('"');
    write_millis(out, stamp);
    out.push('"');
}
