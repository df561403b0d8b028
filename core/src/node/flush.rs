//! Flushes: from a group's tick to the deliveries it opens.

use alloc::{sync::Arc, vec::Vec};
use core::time::Duration;

use super::{
    Node,
    pipeline::{self, Flush, World},
};
use crate::{
    delivery::{Basis, Hashes, Plan},
    event::Event,
    group::{Flight, Landed},
    id::{AlertId, DeliveryId, GroupId},
    label::Labels,
    limits::{FLUSH_TIME_MIN, FLUSHES_PER_CALL_MAX},
    nflog,
    notify::{Integration, Notification, Told, route_labels},
    route::Route,
    time::{Instant, Now, Timestamp},
    trail::{Record, What},
};

impl Node {
    /// Flushes the groups that are due, up to a helping; the rest makes a backlog.
    pub(super) fn flush_due(&mut self, now: Now) {
        for _ in 0..FLUSHES_PER_CALL_MAX {
            let Some((id, tick)) = self.groups.pop_due(now.instant, &self.config.tree) else {
                return;
            };
            self.flush(now, id, tick);
        }
        self.has_backlog = self.groups.next_at().is_some_and(|at| at <= now.instant);
    }

    fn flush(&mut self, now: Now, id: GroupId, tick: Instant) {
        let config = self.config.clone();
        let group = self.groups.get(id).expect("it was due");
        let route = config.tree.route(group.route);
        let (group_key, alerts) = (group.key.clone(), group.members.len() as u64);
        let mut resolved = self.resolved_members(now, &group.members);
        self.log(Event::GroupFlushing { group_key: group_key.clone(), alerts });
        // How late the tick is handled does not move the time it stands for.
        let tick = now.wall - now.instant.since(tick);
        let flush = self.gather(now, id, route, tick);
        let (count, left) = (alerts as u32, flush.alerts.len() as u32);
        self.trail.note(Record {
            at: now.wall,
            group_key,
            receiver: route.receiver.clone(),
            what: What::Flushed { alerts: count, left },
        });
        if flush.alerts.is_empty() {
            // What is still to be told waits for the end of the interval that mutes the group.
            resolved.retain(|(id, _)| flush.closing.binary_search(id).is_err());
        }

        let integrations = config
            .receivers
            .iter()
            .find(|receiver| receiver.name == route.receiver)
            .map_or(&[][..], |receiver| &receiver.integrations);
        let flight = Flight {
            group: id,
            pending: integrations.len() as u32,
            errors: Vec::new(),
            alerts: flush.alerts.len(),
            resolved,
            held: false,
            overdue: false,
        };
        if flush.alerts.is_empty() || integrations.is_empty() {
            let landed = self.groups.settle(now.instant, flight, &self.alerts);
            return self.on_landed(landed);
        }
        self.take_off(now, &flush, flight, integrations);
        self.pump(now);
    }

    /// Sends a group's alerts through the stages.
    fn gather<'a>(
        &mut self,
        now: Now,
        id: GroupId,
        route: &'a Route,
        tick: Timestamp,
    ) -> Flush<'a> {
        let alerts = self.groups.get(id).expect("the caller flushes it").members.to_vec();
        let closing = self.closing(now, id, route);
        let mut flush = Flush {
            route,
            tick,
            now: now.wall,
            closing,
            alerts,
            marks: Vec::new(),
            muted_by: None,
        };
        self.mute(&mut flush);
        self.note_muting(id, &flush);
        self.record_muted(now, &flush);
        flush
    }

    /// Returns the alerts of a group, ascending, whose end is told even while they are muted: the
    /// receiver wants it, and was told that they fire.
    fn closing(&self, now: Now, id: GroupId, route: &Route) -> Vec<AlertId> {
        let receiver = self.config.receivers.iter().find(|it| it.name == route.receiver);
        let Some(receiver) = receiver.filter(|receiver| receiver.resolve_muted) else {
            return Vec::new();
        };
        let group = self.groups.get(id).expect("the caller flushes it");
        let entries: Vec<&nflog::Entry> = receiver
            .integrations
            .iter()
            .filter_map(|integration| {
                self.nflog.get(&log_key(&group.key, &receiver.name, integration))
            })
            .collect();
        let was_told = |hash: u64| entries.iter().any(|it| it.firing.binary_search(&hash).is_ok());
        let closes = |&id: &AlertId| {
            let entry = self.alerts.get(id).expect("members are stored");
            entry.alert.is_resolved(now.wall) && was_told(entry.nflog_hash)
        };
        group.members.iter().copied().filter(closes).collect()
    }

    /// Gives a delivery that waited for its turn the group's state of now: what it would have said
    /// when the wait began may be over.
    pub(super) fn renew(&mut self, now: Now, id: DeliveryId) {
        let Some(plan) = self.deliveries.plan(id) else { return };
        let Some(flight) = self.groups.flight(plan.flight) else { return };
        let (group, old) = (flight.group, plan.notification.clone());
        let config = self.config.clone();
        let Some(route) = self.groups.get(group).map(|group| config.tree.route(group.route)) else {
            return;
        };
        let flush = self.gather(now, group, route, old.tick);
        let alerts = self.tell(now, &flush.alerts);
        let hashes = hashes(&alerts);
        self.deliveries.renew(id, Arc::new(Notification { alerts, ..(*old).clone() }), hashes);
    }

    /// Leaves alerts out of a delivery, given by their hashes, ascending.
    pub(super) fn leave_out(&mut self, id: DeliveryId, stale: &[u64]) {
        let Some(plan) = self.deliveries.plan(id) else { return };
        let old = plan.notification.clone();
        let is_news = |told: &&Told| told.resolved || stale.binary_search(&told.hash).is_err();
        let alerts: Arc<[Told]> = old.alerts.iter().filter(is_news).cloned().collect();
        let hashes = hashes(&alerts);
        self.deliveries.renew(id, Arc::new(Notification { alerts, ..(*old).clone() }), hashes);
    }

    /// Begins the deliveries of a flush that has something to tell.
    fn take_off(
        &mut self,
        now: Now,
        flush: &Flush<'_>,
        flight: Flight,
        integrations: &[Arc<Integration>],
    ) {
        let group = self.groups.get(flight.group).expect("it flushes");
        let route = flush.route;
        let mut notification = Notification {
            receiver: route.receiver.clone(),
            group_key: group.key.clone(),
            group_labels: group.labels.clone(),
            route_labels: Labels::empty(),
            alerts: self.tell(now, &flush.alerts),
            external_url: self.external_url.clone(),
            tick: flush.tick,
            flush: group.flushes,
        };
        self.label(now, flight.group, route, &mut notification);
        let notification = Arc::new(notification);
        // Each peer gives those before it in line the time to tell, and to say that they did.
        let wait = self.cluster.as_ref().map_or(Duration::ZERO, |cluster| {
            let position = u32::try_from(cluster.position()).unwrap_or(u32::MAX);
            self.options.cluster.peer_timeout.saturating_mul(position)
        });
        let flight = self.groups.take_off(flight);
        self.remember_muted(flight, flush);
        self.trace_flush(now, flight, &notification);
        let hashes = hashes(&notification.alerts);
        for integration in integrations {
            let log_key = log_key(&notification.group_key, &notification.receiver, integration);
            self.deliveries.open(
                now.instant,
                Plan {
                    flight,
                    notification: notification.clone(),
                    integration: integration.clone(),
                    due: now.instant + wait,
                    deadline: now.instant + route.group_interval.max(FLUSH_TIME_MIN) + wait,
                    basis: Basis { wall: now.wall, entry: None },
                    repeat_interval: route.repeat_interval,
                    log_key,
                    hashes: hashes.clone(),
                },
            );
        }
    }

    /// Does what is left to do when a flush has ended.
    pub(super) fn on_landed(&mut self, landed: Landed) {
        self.record_resolved(self.now, &landed);
        for &id in &landed.left {
            if let Some(entry) = self.alerts.get_mut(id) {
                entry.groups -= 1;
            }
        }
        let group_key = match (&landed.gone, self.groups.get(landed.flight.group)) {
            (Some(group), _) | (None, Some(group)) => group.key.clone(),
            (None, None) => return,
        };
        if landed.gone.is_some() {
            self.log(Event::GroupRemoved { group_key: group_key.clone() });
        }
        if !landed.flight.errors.is_empty() {
            let (num_alerts, err) = (landed.flight.alerts as u64, landed.flight.errors.join("\n"));
            self.log(Event::NotifyFailed { group_key, num_alerts, err });
        }
        if landed.gone.is_none() {
            self.note_group(self.now, landed.flight.group);
        }
        self.has_backlog |= landed.flight.overdue && landed.gone.is_none();
    }

    /// Renders the labels of the route for a notification, and keeps them for readers.
    fn label(&mut self, now: Now, id: GroupId, route: &Route, notification: &mut Notification) {
        let set = self.config.template_set();
        let (labels, failed) = route_labels::render(&route.labels, notification, &set, now.wall);
        for (label, err) in failed {
            let group_key = notification.group_key.clone();
            self.log(Event::RouteLabelFailed { group_key, label, err });
        }
        let group = self.groups.get(id).expect("it flushes");
        if group.route_labels != labels {
            self.groups.get_mut(id).expect("just seen").route_labels = labels.clone();
        }
        notification.route_labels = labels;
    }

    fn mute(&mut self, flush: &mut Flush<'_>) {
        let (index, table) = (self.inhibitor.index(), self.silences.table());
        let world = World {
            config: &self.config,
            alerts: &self.alerts,
            inhibitor: &index,
            silences: &table,
        };
        let metrics = &mut self.metrics;
        pipeline::run(flush, world, &mut self.scratch.muting, |reason, count| {
            metrics.notifications.record_suppressed(reason, count as u64);
        });
    }

    /// Keeps what the stages found where readers see it.
    fn note_muting(&mut self, id: GroupId, flush: &Flush<'_>) {
        for &(alert, mark) in &flush.marks {
            // Writing only what changed keeps readers' snapshots shared.
            if self.alerts.get(alert).is_some_and(|entry| entry.mark != mark) {
                self.alerts.get_mut(alert).expect("just seen").mark = mark;
            }
        }
        let Some(names) = &flush.muted_by else { return };
        let group = self.groups.get(id).expect("the caller flushes it");
        if *group.muted_by != **names {
            self.groups.get_mut(id).expect("just seen").muted_by = Arc::from(names.as_slice());
        }
    }

    fn resolved_members(&self, now: Now, members: &[AlertId]) -> Vec<(AlertId, Timestamp)> {
        let resolved = |&id: &AlertId| {
            let alert = &self.alerts.get(id).expect("members are stored").alert;
            alert.is_resolved(now.wall).then_some((id, alert.updated_at))
        };
        members.iter().filter_map(resolved).collect()
    }

    /// Copies alerts for a notification; those that fire lose their end, so that they cannot
    /// resolve midway.
    fn tell(&self, now: Now, alerts: &[AlertId]) -> Arc<[Told]> {
        alerts
            .iter()
            .map(|&id| {
                let entry = self.alerts.get(id).expect("members are stored");
                let (fingerprint, hash) = (entry.fingerprint, entry.nflog_hash);
                Told::new(entry.alert.clone(), fingerprint, hash, now.wall)
            })
            .collect()
    }
}

/// The key under which the notification log knows what an integration was told of a group.
pub(super) fn log_key(
    group_key: &Arc<str>,
    receiver: &Arc<str>,
    integration: &Integration,
) -> nflog::Key {
    nflog::Key {
        group_key: group_key.clone(),
        receiver: receiver.clone(),
        integration: Arc::from(integration.name),
        index: integration.index,
    }
}

/// The notification log's hashes of the alerts.
fn hashes(alerts: &[Told]) -> Hashes {
    hashes_of(alerts.iter().map(|told| (told.hash, told.resolved)))
}

/// The notification log's hashes of alerts, each given by its hash and whether it has resolved.
pub(super) fn hashes_of(alerts: impl Iterator<Item = (u64, bool)>) -> Hashes {
    let (mut firing, mut resolved) = (Vec::new(), Vec::new());
    for (hash, is_resolved) in alerts {
        if is_resolved { resolved.push(hash) } else { firing.push(hash) }
    }
    let sorted = |mut hashes: Vec<u64>| {
        hashes.sort_unstable();
        Arc::from(hashes)
    };
    Hashes { firing: sorted(firing), resolved: sorted(resolved) }
}
