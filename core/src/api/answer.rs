//! Answers to queries: JSON written straight from the view.
//!
//! Keys come in Alertmanager's order: alphabetical, but of composed types the own ones first.
//! Texts of alerts and silences, which [`rest`](super::rest) writes, have `<`, `>` and `&` escaped,
//! the others do not, as there.

use alloc::{
    string::{String, ToString as _},
    sync::Arc,
    vec::Vec,
};
use core::fmt::Write as _;

use super::{
    Query, Response, Side, Site,
    query::Ask,
    response::write_text,
    rest::{self, ITEM_BYTES, Rest},
};
use crate::{
    label::Matcher,
    metrics::{Counter, scrape},
    time::{Stamp, Timestamp, rfc3339::write_millis},
    ui,
    view::{ClusterView, View, selects},
};

const INFALLIBLE: &str = "a String takes every write";

impl Query {
    /// Answers from a view, at the wall clock's `now`. Pure, and too long for the owner's thread.
    pub fn answer(
        &self,
        site: &Site,
        view: &Arc<View>,
        now: Timestamp,
        side: &Side<'_>,
    ) -> Response {
        self.begin(site, view, now, side, usize::MAX).0
    }

    /// Answers, of a long list only the beginning: when the body has `piece` bytes, the list goes
    /// on in what is returned beside it. The length of the body is not known then.
    pub fn begin(
        &self,
        site: &Site,
        view: &Arc<View>,
        now: Timestamp,
        side: &Side<'_>,
        piece: usize,
    ) -> (Response, Option<Rest>) {
        let mut out = String::new();
        let response = match &self.ask {
            Ask::Metrics(names) => {
                return (metrics(view, now, side, names).handler(self.handler), None);
            }
            Ask::Status => {
                status(&mut out, site, view);
                Response::json(200, out)
            }
            Ask::Receivers(matchers) => {
                receivers(&mut out, view, matchers);
                Response::json(200, out)
            }
            Ask::Alerts(filter) => {
                let list = Rest::alerts(view.clone(), filter, now, side.give_way);
                return self.list(list, piece);
            }
            Ask::Groups(filter) => {
                let list = Rest::groups(view.clone(), filter, now, side.give_way);
                return self.list(list, piece);
            }
            Ask::Silences(states, filter) => {
                let silences = view.silences.list(now, *states, filter);
                return self.list(Rest::silences(silences, now), piece);
            }
            Ask::Page(page) => {
                return (super::page::render(site, page, view, now).handler(self.handler), None);
            }
            Ask::Asset(asset) => {
                return (super::page::asset(*asset).handler(self.handler), None);
            }
            Ask::Explain(fingerprint) => match ui::explain(view, now, fingerprint) {
                Some(text) => Response::json(200, text),
                None => Response::empty(404),
            },
            Ask::Silence(id) => match view.silences.get(id) {
                Some(it) => Response::json_bytes(200, rest::one_silence(it, now)),
                None => Response::empty(404),
            },
        };
        (self.dressed(response), None)
    }

    /// Begins a list.
    fn list(&self, mut rest: Rest, piece: usize) -> (Response, Option<Rest>) {
        let mut body = Vec::with_capacity(rest.likely_len().min(piece.saturating_add(ITEM_BYTES)));
        let is_long = rest.write(&mut body, piece);
        (self.dressed(Response::json_bytes(200, body)), is_long.then_some(rest))
    }

    fn dressed(&self, response: Response) -> Response {
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

/// An object of strings, without escapes for `<`, `>` and `&`.
pub(super) fn plain_object<'a>(out: &mut String, pairs: impl Iterator<Item = (&'a str, &'a str)>) {
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
