//! The status: the program, the cluster, the routing tree, a label set to try, the configuration.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use maud::{Markup, html};

use super::{
    About, alerts,
    layout::{self, Tab, distance, plural, time},
    link, tree,
};
use crate::{
    id::RouteId,
    label::{Labels, Op, parse},
    time::Timestamp,
    view::{ClusterView, Scratch, View},
};

/// Makes the page; `tried` is a label set as typed.
pub(super) fn page(about: About<'_>, view: &View, now: Timestamp, tried: Option<&str>) -> Markup {
    let main = html! {
        h1.hidden { "Status" }
        h2 { "Server" }
        dl.facts.card {
            dt { "Up since" }
            dd { (time(view.started_at)) " (" (distance(view.started_at, now)) ")" }
            dt { "Version" } dd { (about.build.version) }
            dt { "Revision" } dd { (about.build.revision) " (branch " (about.build.branch) ")" }
            dt { "Speaks like" } dd { "Alertmanager " (about.build.compatible) }
            dt { "Built" } dd {
                (about.build.date) " by " (about.build.user) ", " (about.build.language) ", "
                (about.build.os) "/" (about.build.arch)
            }
            dt { "Alerts" } dd { (view.alerts.iter().count()) }
            dt { "Groups" } dd { (view.groups.iter().count()) }
        }
        (cluster(view))
        h2 #routing { "Routing" }
        (try_box(about, view, now, tried))
        (tree::picture(about, view, &tried.and_then(|text| labels(about, text).ok())
            .map(|labels| matching(view, &labels)).unwrap_or_default()))
        h2 { "Configuration" }
        pre.config tabindex="0" role="region" aria-label="Configuration" {
            code { (highlighted(&view.config.original)) }
        }
    };
    layout::frame(about, view, Tab::Status, "Status", None, &main)
}

fn cluster(view: &View) -> Markup {
    html! {
        h2 { "Cluster" }
        @match &view.cluster {
            None => p { "Gossip is " span.badge.off { "disabled" } "." },
            Some(cluster) => {
                dl.facts.card {
                    dt { "Name" } dd { code { (cluster.name) } }
                    dt { "State" } dd {
                        span.badge.(cluster.status.as_str()) { (cluster.status.as_str()) }
                        " " (agreement(cluster))
                    }
                    dt { "Position" } dd { (cluster.position) }
                    dt { "Health score" } dd { (cluster.health_score) " (0 is healthy)" }
                    dt { "Failed peers" } dd { (cluster.failed_peers) }
                    dt { "Waiting to be gossiped" } dd { (cluster.queued) }
                }
                div.wide tabindex="0" role="region" aria-label="Peers" { table {
                    thead { tr { th scope="col" { "Peer" } th scope="col" { "Address" } } }
                    tbody {
                        @for peer in &cluster.peers {
                            tr {
                                td {
                                    code { (peer.name) }
                                    @if peer.name == cluster.name { " (this one)" }
                                }
                                td { (peer.address.to_string()) }
                            }
                        }
                    }
                } }
            }
        }
    }
}

/// Says in words whether the members know the same.
fn agreement(cluster: &ClusterView) -> String {
    let others = cluster.peers.len().saturating_sub(1);
    let there = match others {
        1 => "1 other is there".to_string(),
        _ => format!("{others} others are there"),
    };
    match (cluster.queued, cluster.failed_peers) {
        (_, 0) if others == 0 => "it is alone so far".to_string(),
        (0, 0) => format!("{there}, and all that happened here was gossiped"),
        (queued, 0) => format!("{there}; on their way: {}", plural(queued, "change")),
        (_, failed) => format!("{there}; without an answer, and maybe different: {failed}"),
    }
}

/// Reads a label set as people type it: `{a="b", c="d"}`, braces optional.
fn labels(about: About<'_>, text: &str) -> Result<Labels, String> {
    let inner = text.trim().trim_start_matches('{').trim_end_matches('}');
    let inner = inner.trim().trim_end_matches(',');
    if inner.is_empty() {
        return Ok(Labels::empty());
    }
    let parsed =
        parse::matchers(about.mode, &format!("{{{inner}}}")).map_err(|why| why.to_string())?;
    let mut pairs: Vec<(String, String)> = Vec::new();
    for matcher in &parsed.matchers {
        if matcher.op() != Op::Equal {
            return Err(format!("{matcher} is no label; write name=\"value\""));
        }
        pairs.push((matcher.name().to_string(), matcher.value().to_string()));
    }
    Ok(Labels::from_pairs(pairs))
}

fn matching(view: &View, labels: &Labels) -> Vec<RouteId> {
    let mut found = Vec::new();
    view.config.tree.matches(labels, &mut found);
    found
}

fn try_box(about: About<'_>, view: &View, now: Timestamp, tried: Option<&str>) -> Markup {
    html! {
        form.controls method="get" action=(link(about, "/status", &[])) {
            div.row {
                label for="labels" { "Try labels" }
                input #labels name="labels" value=(tried.unwrap_or_default()) spellcheck="false"
                    autocomplete="off" data-complete="labels" placeholder="alertname=\"Down\", severity=\"page\"";
                button.primary type="submit" { "Try" }
            }
        }
        @match tried.map(|text| labels(about, text)) {
            None => {},
            Some(Err(why)) => p.error role="alert" { (why) },
            Some(Ok(labels)) => (outcome(about, view, now, &labels)),
        }
    }
}

/// Shows where a label set goes, and what would mute it.
pub(super) fn outcome(about: About<'_>, view: &View, now: Timestamp, labels: &Labels) -> Markup {
    let routes = matching(view, labels);
    let mut scratch = Scratch::default();
    let mut silences = Vec::new();
    view.silences.silenced_by(labels, now, &mut Default::default(), &mut silences);
    let source = view.inhibiting(labels, now, &mut scratch);
    html! {
        ol.outcome.card {
            @if routes.is_empty() { li { "No route takes it." } }
            @for id in &routes {
                @let route = view.config.tree.route(*id);
                @let muted = muting(view, *id, now);
                li {
                    a href=(alerts::of_receiver(about, &route.receiver)) { (route.receiver) }
                    " by way of " code { (route.path) }
                    " in the group " code { (route.group_key(&route.group_labels(labels))) }
                    @if !muted.is_empty() { " " span.badge.muted { "Muted by " (muted.join(", ")) } }
                }
            }
        }
        @for id in &silences {
            p { span.badge.silenced { "Silenced" } " by "
                a href=(link(about, &format!("/silences/{id}"), &[])) { code { (id) } } }
        }
        @if let Some(entry) = source.and_then(|id| view.alerts.get(id.0)) {
            p { span.badge.inhibited { "Inhibited" } " by " code { (entry.alert.labels.to_string()) } }
        }
    }
}

/// Returns the intervals that mute a route now.
pub(super) fn muting(view: &View, id: RouteId, now: Timestamp) -> Vec<String> {
    let route = view.config.tree.route(id);
    let intervals = &view.config.intervals;
    let active = &route.active_time_intervals;
    let mut names: Vec<String> = Vec::new();
    if !active.is_empty() && intervals.holding(active, now).is_empty() {
        names.extend(active.iter().map(|name| format!("not {name}")));
    }
    let holding = intervals.holding(&route.mute_time_intervals, now);
    names.extend(holding.iter().map(ToString::to_string));
    names
}

/// Shows YAML with its keys, texts and secrets told apart.
fn highlighted(yaml: &str) -> Markup {
    html! {
        @for line in yaml.lines() {
            @let indent = line.len() - line.trim_start_matches([' ', '-']).len();
            @let (start, rest) = line.split_at(indent);
            (start)
            @match rest.split_once(':') {
                Some((key, value)) if !key.contains([' ', '"', '\'']) => {
                    span.key { (key) } ":"
                    @if value.trim() == "<secret>" { span.secret { (value) } }
                    @else { span.value { (value) } }
                },
                _ => (rest),
            }
            "\n"
        }
    }
}
