//! What a reload would change, without changing it: the answer of `POST /-/reload?dry_run=true`.

use alloc::{format, string::String, sync::Arc, vec::Vec};
use core::fmt::Write as _;

use super::{
    Node,
    flush::{hashes_of, log_key},
    pipeline::{self, Flush, Scratch, World},
};
use crate::{
    config::Config,
    group::{Change, Next, Routed},
    id::{AlertId, GroupId, RouteId},
    inhibit::{Index, Inhibitor},
    limits::REHEARSAL_ITEMS_MAX,
    nflog::{self, Reason},
    notify::Integration,
    time::Now,
    wire::json::write_string,
};

/// A notification that the reload would cause.
struct Caused {
    receiver: Arc<str>,
    integration: String,
    group_key: Arc<str>,
    reason: Reason,
    alerts: usize,
}

/// One of the two configurations that are compared, with what mutes alerts under it.
#[derive(Clone, Copy)]
struct Side<'a> {
    config: &'a Config,
    inhibitor: &'a Index,
}

impl Node {
    /// Returns as JSON what changing over to a configuration would do to groups and receivers.
    /// Only what the change itself causes is listed, not what is due anyway.
    pub(super) fn rehearse(&mut self, now: Now, config: &Config) -> String {
        let mut routes: Vec<(AlertId, Vec<RouteId>)> = Vec::new();
        for (id, entry) in self.alerts.iter().filter(|(_, entry)| entry.groups > 0) {
            let mut found = Vec::new();
            config.tree.matches(&entry.alert.labels, &mut found);
            routes.push((id, found));
        }
        let routed = routes.iter().filter_map(|(id, routes)| {
            let alert = &self.alerts.get(*id)?.alert;
            let starts_at = alert.starts_at.at;
            Some(Routed { id: *id, labels: &alert.labels, starts_at, routes })
        });
        let change = self.groups.compare(&self.config.tree, &config.tree, routed);
        let mut inhibitor = Inhibitor::new(config.inhibit_rules.clone());
        for (id, entry) in self.alerts.iter() {
            inhibitor.on_alert(id, &entry.alert.labels);
        }
        let caused = self.caused(now, config, &inhibitor.index(), &change);
        self.report(config, &change, &caused)
    }

    fn caused(&self, now: Now, config: &Config, inhibitor: &Index, change: &Change) -> Vec<Caused> {
        let own = self.inhibitor.index();
        let before = Side { config: &self.config, inhibitor: &own };
        let after = Side { config, inhibitor };
        let mut scratch = Scratch::default();
        let mut caused = Vec::new();
        let all = change.kept.iter().chain(&change.rekeyed).chain(&change.made);
        for next in all {
            let route = config.tree.route(next.route);
            let group = next.id.and_then(|id| self.groups.get(id));
            let key = group.map_or_else(
                || Arc::from(route.group_key(&next.labels)),
                |group| group.key.clone(),
            );
            let alerts = self.left(now, after, next.route, &next.members, &mut scratch);
            let due_anyway = group
                .map(|group| self.left(now, before, group.route, &group.members, &mut scratch));
            for integration in integrations(config, &route.receiver) {
                let decide = |alerts: &[AlertId]| {
                    self.would_tell(now, &key, &route.receiver, integration, alerts, route)
                };
                let Some(reason) = decide(&alerts) else { continue };
                let is_old = integrations(&self.config, &route.receiver)
                    .iter()
                    .any(|old| (old.name, old.index) == (integration.name, integration.index));
                if is_old && due_anyway.as_deref().is_some_and(|old| decide(old).is_some()) {
                    continue;
                }
                caused.push(Caused {
                    receiver: route.receiver.clone(),
                    integration: format!("{}[{}]", integration.name, integration.index),
                    group_key: Arc::from(route.group_key(&next.labels)),
                    reason,
                    alerts: alerts.len(),
                });
            }
        }
        caused
    }

    /// Returns the alerts of a group that nothing mutes.
    fn left(
        &self,
        now: Now,
        side: Side<'_>,
        route: RouteId,
        members: &[AlertId],
        scratch: &mut Scratch,
    ) -> Vec<AlertId> {
        let mut flush = Flush {
            route: side.config.tree.route(route),
            tick: now.wall,
            now: now.wall,
            alerts: members.to_vec(),
            closing: Vec::new(),
            marks: Vec::new(),
            muted_by: None,
        };
        let silences = self.silences.table();
        let world = World {
            config: side.config,
            alerts: &self.alerts,
            inhibitor: side.inhibitor,
            silences: &silences,
        };
        pipeline::run(&mut flush, world, scratch, |_, _| {});
        flush.alerts
    }

    fn would_tell(
        &self,
        now: Now,
        key: &Arc<str>,
        receiver: &Arc<str>,
        integration: &Integration,
        alerts: &[AlertId],
        route: &crate::route::Route,
    ) -> Option<Reason> {
        let hashes = hashes_of(alerts.iter().filter_map(|&id| {
            let entry = self.alerts.get(id)?;
            Some((entry.nflog_hash, entry.alert.is_resolved(now.wall)))
        }));
        if alerts.is_empty() || (hashes.firing.is_empty() && !integration.send_resolved) {
            return None;
        }
        let key = log_key(key, receiver, integration);
        let decision = nflog::decide(
            self.nflog.get(&key),
            &hashes.firing,
            &hashes.resolved,
            integration.send_resolved,
            now.wall,
            route.repeat_interval,
        );
        match decision {
            nflog::Decision::Notify(reason) => Some(reason),
            nflog::Decision::Skip(_) => None,
        }
    }

    fn report(&self, config: &Config, change: &Change, caused: &[Caused]) -> String {
        let mut out = format!("{{\"kept\":{}", change.kept.len());
        let old_key = |id: GroupId| self.groups.get(id).map_or("", |group| &*group.key);
        let receiver = |next: &Next| config.tree.route(next.route).receiver.clone();
        let new_key = |next: &Next| config.tree.route(next.route).group_key(&next.labels);
        list(&mut out, "rekeyed", &change.rekeyed, |out, next| {
            fields(
                out,
                &[
                    ("receiver", &receiver(next)),
                    ("from", next.id.map_or("", old_key)),
                    ("to", &new_key(next)),
                ],
                next.members.len(),
            );
        });
        list(&mut out, "created", &change.made, |out, next| {
            let keys = [("receiver", &*receiver(next)), ("groupKey", &*new_key(next))];
            fields(out, &keys, next.members.len());
        });
        list(&mut out, "dropped", &change.dropped, |out, &id| {
            let Some(group) = self.groups.get(id) else { return };
            let receiver = &self.config.tree.route(group.route).receiver;
            let keys = [("receiver", &**receiver), ("groupKey", &*group.key)];
            fields(out, &keys, group.members.len());
        });
        list(&mut out, "notifications", caused, |out, caused| {
            let keys = [
                ("receiver", &*caused.receiver),
                ("integration", &*caused.integration),
                ("groupKey", &*caused.group_key),
                ("reason", caused.reason.as_str()),
            ];
            fields(out, &keys, caused.alerts);
        });
        list(&mut out, "warnings", &config.warnings, |out, warning| {
            write_string(out, &format!("{warning}"));
        });
        out.push_str("}\n");
        out
    }
}

fn integrations<'a>(config: &'a Config, receiver: &str) -> &'a [Arc<Integration>] {
    let found = config.receivers.iter().find(|known| *known.name == *receiver);
    found.map_or(&[], |receiver| &receiver.integrations)
}

/// Writes a list and how long it is; of a long one only the beginning.
fn list<T>(out: &mut String, name: &str, items: &[T], mut write: impl FnMut(&mut String, &T)) {
    let counted = write!(out, ",\"{name}Count\":{},\"{name}\":[", items.len());
    counted.expect("a String takes every write");
    for (i, item) in items.iter().take(REHEARSAL_ITEMS_MAX).enumerate() {
        if i > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(']');
}

fn fields(out: &mut String, texts: &[(&str, &str)], alerts: usize) {
    out.push('{');
    for (name, text) in texts {
        write_string(out, name);
        out.push(':');
        write_string(out, text);
        out.push(',');
    }
    write!(out, "\"alerts\":{alerts}}}").expect("a String takes every write");
}
