//! What is recorded, and when.

use alloc::{format, vec::Vec};

use super::{
    Kind,
    json::{self, Json},
    kind,
};
use crate::{
    alert::{Entry, Mark},
    delivery::Finished,
    group::{Group, Landed},
    id::{AlertId, FlightId},
    inhibit,
    metrics::Build,
    nflog::Reason,
    node::{Node, pipeline::Flush},
    notify::{Told, data},
    silence::{self, Change, Id},
    time::Now,
};

const STARTUP: Kind = kind("alertmanager_startup_event", "alertmanagerStartupEvent");
const SHUTDOWN: Kind = kind("alertmanager_shutdown_event", "alertmanagerShutdownEvent");
const ALERT_CREATED: Kind = kind("alert_created", "alertCreated");
const ALERT_RESOLVED: Kind = kind("alert_resolved", "alertResolved");
const ALERT_GROUPED: Kind = kind("alert_grouped", "alertGrouped");
const NOTIFICATION: Kind = kind("notification", "notification");
const SILENCE_CREATED: Kind = kind("silence_created", "silenceCreated");
const SILENCE_UPDATED: Kind = kind("silence_updated", "silenceUpdated");
const SILENCE_MUTED: Kind = kind("silence_muted_alert", "silenceMutedAlert");
const INHIBITION_MUTED: Kind = kind("inhibition_muted_alert", "inhibitionMutedAlert");

impl Node {
    /// Records the start.
    pub(in crate::node) fn record_start(&mut self, now: Now) {
        if !self.is_recording() {
            return;
        }
        let build = Build::this();
        let (go, platform) = (build.language, build.platform());
        let (user, date, tags) = (build.user, build.date, build.tags);
        let context =
            format!("(go={go}, platform={platform}, user={user}, date={date}, tags={tags})");
        self.record(now, STARTUP, |json| {
            json.text("version", build.compatible);
            json.text("buildContext", &context);
        });
    }

    /// Records the end. From here on no event waits for others.
    pub(in crate::node) fn record_end(&mut self, now: Now) {
        if self.is_recording() {
            self.record(now, SHUTDOWN, |_| {});
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.is_ending = true;
        }
    }

    /// Records that an alert came that was not known.
    pub(in crate::node) fn record_created(&mut self, now: Now, id: AlertId) {
        if !self.is_recording() {
            return;
        }
        let Some(entry) = self.alerts.get(id).cloned() else { return };
        let resolved = entry.alert.is_resolved(now.wall);
        self.record(now, ALERT_CREATED, |json| {
            json.member("alert", |json| json.alert(&entry.alert, entry.fingerprint, resolved));
        });
    }

    /// Records that an alert was posted to each of its groups.
    pub(in crate::node) fn record_grouped(&mut self, now: Now, id: AlertId) {
        if !self.is_recording() {
            return;
        }
        let Some(entry) = self.alerts.get(id).cloned() else { return };
        let config = self.config.clone();
        for &route in &*entry.routes {
            let route = config.tree.route(route);
            let labels = route.group_labels(&entry.alert.labels);
            let key = route.group_key(&labels);
            let write = |json: &mut Json| json.group(&key, &labels, &route.receiver);
            self.record_held(now, ALERT_GROUPED, &entry, write);
        }
    }

    /// Records something about an alert in a group.
    fn record_held(&mut self, now: Now, kind: Kind, entry: &Entry, group: impl FnOnce(&mut Json)) {
        let resolved = entry.alert.is_resolved(now.wall);
        self.record(now, kind, |json| {
            json.member("alert", |json| {
                json.held(entry.nflog_hash, |json| {
                    json.alert(&entry.alert, entry.fingerprint, resolved);
                });
            });
            json.member("groupInfo", group);
        });
    }

    /// Records that alerts left a group after their end was told.
    pub(in crate::node) fn record_resolved(&mut self, now: Now, landed: &Landed) {
        if !self.is_recording() {
            return;
        }
        let group: Option<Group> = landed.gone.clone();
        let Some(group) = group.or_else(|| self.groups.get(landed.flight.group).cloned()) else {
            return;
        };
        let receiver = self.config.tree.route(group.route).receiver.clone();
        for &id in &landed.left {
            let Some(entry) = self.alerts.get(id).cloned() else { continue };
            let write = |json: &mut Json| json.group(&group.key, &group.labels, &receiver);
            self.record_held(now, ALERT_RESOLVED, &entry, write);
        }
        if landed.gone.is_some()
            && let Some(recorder) = &mut self.recorder
        {
            recorder.names.remove(&landed.flight.group);
        }
    }

    /// Records a silence that was put.
    pub(in crate::node) fn record_silence(&mut self, now: Now, id: &Id, change: &Change) {
        if !self.is_recording() {
            return;
        }
        let table = self.silences.table();
        let Some(silence) = table.get(&id.0) else { return };
        let kind = match change {
            Change::Updated => SILENCE_UPDATED,
            Change::Created | Change::Replaced { .. } => SILENCE_CREATED,
        };
        self.record(now, kind, |json| json.silence(silence));
    }

    /// Records what muted the alerts of a flush: each inhibition, and each silence.
    pub(in crate::node) fn record_muted(&mut self, now: Now, flush: &Flush<'_>) {
        if !self.is_recording() {
            return;
        }
        let (index, silences, alerts) =
            (self.inhibitor.index(), self.silences.table(), self.alerts.snapshot());
        let is_live =
            |id: AlertId| alerts.get(id.0).is_some_and(|it| !it.alert.is_resolved(now.wall));
        let (mut scratch, mut ids) = (inhibit::Scratch::default(), Vec::new());
        let mut query = index.query(is_live, &mut scratch);
        for &(id, _) in flush.marks.iter().filter(|(_, mark)| *mark == Mark::Suppressed) {
            let Some(entry) = alerts.get(id.0) else { continue };
            let (labels, fingerprint) = (&entry.alert.labels, entry.fingerprint);
            if let Some(by) = query.inhibited_by(labels) {
                let source = alerts.get(by.source.0).map_or(0, |it| it.fingerprint.0);
                self.record(now, INHIBITION_MUTED, |json| {
                    json.rule(&index.rules()[by.rule as usize]);
                    json.muted(labels, fingerprint);
                    json.texts("inhibitingFingerprints", [&*format!("{source}")]);
                });
                continue;
            }
            silences.silenced_by(labels, now.wall, &mut silence::Scratch::default(), &mut ids);
            for silence in ids.iter().filter_map(|id| silences.get(&id.0)) {
                self.record(now, SILENCE_MUTED, |json| {
                    json.silence(silence);
                    json.muted(labels, fingerprint);
                });
            }
        }
    }

    /// Remembers what a flush muted, for its notifications.
    pub(in crate::node) fn remember_muted(&mut self, id: FlightId, flush: &Flush<'_>) {
        let Some(recorder) = &mut self.recorder else { return };
        let muted = flush.marks.iter().filter(|(_, mark)| *mark == Mark::Suppressed);
        let mut hashes: Vec<u64> =
            muted.filter_map(|(id, _)| Some(self.alerts.get(*id)?.nflog_hash)).collect();
        hashes.sort_unstable();
        recorder.muted.insert(id, hashes.into());
    }

    /// Forgets it again.
    pub(in crate::node) fn forget_muted(&mut self, id: FlightId) {
        if let Some(recorder) = &mut self.recorder {
            recorder.muted.remove(&id);
        }
    }

    /// Records a notification that was delivered.
    pub(in crate::node) fn record_notification(
        &mut self,
        now: Now,
        finished: &Finished,
        reason: Reason,
    ) {
        if !self.is_recording() {
            return;
        }
        let plan = &finished.plan;
        let Some(id) = self.groups.flight(plan.flight).map(|flight| flight.group) else { return };
        let Some(group) = self.groups.get(id).cloned() else { return };
        let Some(recorder) = &mut self.recorder else { return };
        let known = recorder.names.get(&id).filter(|(key, _)| *key == group.key);
        let name = known.map(|(_, name)| *name).unwrap_or_else(|| recorder.nonces.next_uuid());
        recorder.names.insert(id, (group.key.clone(), name));
        let muted = recorder.muted.get(&plan.flight).cloned().unwrap_or_default();
        let config = self.config.clone();
        let matchers = &config.tree.route(group.route).matchers;
        let (notification, integration) = (&plan.notification, &plan.integration);
        let with_resolved = integration.send_resolved;
        let mut alerts: Vec<&Told> =
            notification.alerts.iter().filter(|told| with_resolved || !told.resolved).collect();
        alerts.sort_by(|a, b| data::cmp_alerts(&a.alert.labels, &b.alert.labels));
        let hash = |json: &mut Json, hash: &u64| json.number("hash", *hash);
        self.record(now, NOTIFICATION, |json| {
            json.list("alerts", alerts, |json, told| {
                json.held(told.hash, |json| {
                    json.alert(&told.alert, told.fingerprint, told.resolved)
                });
            });
            json.list("firingAlerts", &*plan.hashes.firing, hash);
            json.list("resolvedAlerts", &*plan.hashes.resolved, hash);
            json.list("mutedAlerts", &*muted, hash);
            json.member("groupInfo", |json| {
                let (key, labels) = (&notification.group_key, &notification.group_labels);
                json.group(key, labels, &notification.receiver);
                json.matchers("matchers", matchers.iter());
                json.text("groupUuid", &format!("{name}"));
            });
            json.span("repeatInterval", plan.repeat_interval);
            json.text("reason", json::reason(reason));
            json.number("flushId", notification.flush);
            json.member("integration", |json| {
                json.text("name", integration.name);
                json.number("index", u64::from(integration.index));
            });
        });
    }
}
