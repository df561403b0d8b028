//! Counters as plain fields, and the text format Prometheus reads.
//!
//! [`Metrics`] belongs to the node, and every view carries a copy. [`Traffic`] belongs to the
//! runtime's HTTP side, behind a lock. [`Process`] is what only the runtime knows. A scrape puts
//! the three on one [`Page`].

mod build;
mod collect;
mod gossip;
mod journal;
mod kinds;
mod notifications;
mod process;
mod recorder;
#[cfg(test)]
mod tests;
mod text;
mod traffic;

use alloc::{collections::BTreeMap, string::String, sync::Arc};

pub use self::{
    build::Build,
    gossip::Gossip,
    journal::Journal,
    kinds::{Counter, Gauge, Histogram, SECONDS, Summary},
    notifications::{FailureReason, INTEGRATIONS, Notifications, Suppressed},
    process::Process,
    recorder::Recorder,
    text::{Family, Kind, Label, Page},
    traffic::{GateFull, Traffic, handler_label, scrape},
};
use crate::{limits::METRIC_LABEL_VALUES_MAX, time::Timestamp};

/// The label value that takes everything beyond [`METRIC_LABEL_VALUES_MAX`].
const OVERFLOW: &str = "__overflow__";

/// Which optional labels are on (features `*-in-metrics`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// `alertname` on the counter of limited alerts.
    pub alert_names: bool,
    /// `receiver_name` on the notification metrics.
    pub receiver_names: bool,
    /// `group_key` on the gauge of alerts.
    pub group_keys: bool,
}

/// Numbers of unresolved alerts in groups, by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlertStates {
    /// Neither silenced nor inhibited.
    pub active: u64,
    /// Silenced or inhibited.
    pub suppressed: u64,
    /// Not yet looked at.
    pub unprocessed: u64,
}

/// What the silences report.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Silences {
    /// Silences that will begin.
    pub pending: u64,
    /// Silences that mute.
    pub active: u64,
    /// Silences that have ended and are still kept.
    pub expired: u64,
    /// Silences in the state.
    pub state_size: u64,
    /// Silences whose matchers are compiled.
    pub matcher_index_size: u64,
    /// Entries of the index by version.
    pub version_index_size: u64,
    /// Entries that garbage collection could not judge.
    pub gc_errors: Counter,
    /// Silences whose matchers did not compile when they were indexed.
    pub compile_errors_index: Counter,
    /// Silences whose matchers did not compile when they were loaded.
    pub compile_errors_load: Counter,
    /// Silences that queries looked at.
    pub scanned: Counter,
    /// Silences that queries skipped because they knew them already.
    pub skipped: Counter,
    /// What silences and the notification log have in common.
    pub store: Store,
}

/// What a store with a file reports.
#[derive(Clone, Debug, PartialEq)]
pub struct Store {
    gc: Summary,
    snapshot: Summary,
    snapshot_bytes: u64,
    maintenance: Counter,
    maintenance_errors: Counter,
    queries: Counter,
    query_errors: Counter,
    query_seconds: Histogram<11>,
    propagated: Counter,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            gc: Summary::default(),
            snapshot: Summary::default(),
            snapshot_bytes: 0,
            maintenance: Counter::default(),
            maintenance_errors: Counter::default(),
            queries: Counter::default(),
            query_errors: Counter::default(),
            query_seconds: Histogram::new(&SECONDS),
            propagated: Counter::default(),
        }
    }
}

impl Store {
    /// Records a query and whether it failed. For the notification log a miss is a failure.
    pub fn record_query(&mut self, seconds: f64, ok: bool) {
        self.queries.increase();
        self.query_seconds.observe(seconds);
        if !ok {
            self.query_errors.increase();
        }
    }

    /// Records a garbage collection.
    pub fn record_gc(&mut self, seconds: f64) {
        self.gc.observe(seconds);
    }

    /// Records a snapshot that was written.
    pub fn record_snapshot(&mut self, seconds: f64, bytes: u64) {
        self.snapshot.observe(seconds);
        self.snapshot_bytes = bytes;
    }

    /// Records a round of maintenance (garbage collection and snapshot).
    pub fn record_maintenance(&mut self, ok: bool) {
        self.maintenance.increase();
        if !ok {
            self.maintenance_errors.increase();
        }
    }

    /// Records a message that was passed on to peers.
    pub fn record_propagated(&mut self) {
        self.propagated.increase();
    }
}

/// What the node counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Metrics {
    detail: Detail,
    received_firing: Counter,
    received_resolved: Counter,
    invalid: Counter,
    alerts: Option<BTreeMap<Arc<str>, AlertStates>>,
    alert_limit: u64,
    limited: Arc<BTreeMap<Arc<str>, Counter>>,
    subscriber_writes: Counter,
    receivers: u64,
    integrations: u64,
    inhibition_rules: u64,
    config_hash: u64,
    reload_ok: bool,
    reload_ok_at: Option<Timestamp>,
    groups: u64,
    processing: Summary,
    group_limit_reached: Counter,
    group_retries: Counter,
    group_given_up: Counter,
    ignored_inputs: Counter,
    cluster_enabled: bool,
    /// Notifications by integration.
    pub notifications: Notifications,
    /// The silences.
    pub silences: Silences,
    /// The notification log.
    pub nflog: Store,
    /// The journal.
    pub journal: Journal,
    /// Gossip.
    pub gossip: Gossip,
    /// The event recorder, if it is on.
    pub recorder: Option<Arc<Recorder>>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new(Detail::default())
    }
}

impl Metrics {
    /// Makes metrics at zero. Nothing is known of a configuration yet.
    pub fn new(detail: Detail) -> Self {
        Self {
            detail,
            received_firing: Counter::default(),
            received_resolved: Counter::default(),
            invalid: Counter::default(),
            alerts: None,
            alert_limit: 0,
            limited: Arc::default(),
            subscriber_writes: Counter::default(),
            receivers: 0,
            integrations: 0,
            inhibition_rules: 0,
            config_hash: 0,
            reload_ok: false,
            reload_ok_at: None,
            groups: 0,
            processing: Summary::default(),
            group_limit_reached: Counter::default(),
            group_retries: Counter::default(),
            group_given_up: Counter::default(),
            ignored_inputs: Counter::default(),
            cluster_enabled: false,
            notifications: Notifications::new(detail.receiver_names),
            silences: Silences::default(),
            nflog: Store::default(),
            journal: Journal::default(),
            gossip: Gossip::default(),
            recorder: None,
        }
    }

    /// Returns which optional labels are on.
    pub const fn detail(&self) -> Detail {
        self.detail
    }

    /// Records an alert that came through the API.
    pub fn record_received(&mut self, firing: bool) {
        self.record_received_many(u64::from(firing), u64::from(!firing));
    }

    /// Records a batch of alerts that came through the API.
    pub fn record_received_many(&mut self, firing: u64, resolved: u64) {
        self.received_firing.add(firing);
        self.received_resolved.add(resolved);
    }

    /// Records alerts that were refused because they are not valid.
    pub fn record_invalid(&mut self, count: u64) {
        self.invalid.add(count);
    }

    /// Records an alert that was refused because too many share its name.
    pub fn record_limited(&mut self, alertname: &str) {
        let name = if self.detail.alert_names { alertname } else { "" };
        let limited = Arc::make_mut(&mut self.limited);
        if let Some(counter) = limited.get_mut(name) {
            return counter.increase();
        }
        let full = limited.len() >= METRIC_LABEL_VALUES_MAX;
        limited.entry(Arc::from(if full { OVERFLOW } else { name })).or_default().increase();
    }

    /// Records alerts handed to the inhibitor and to the dispatcher.
    pub fn record_subscriber_writes(&mut self, count: u64) {
        self.subscriber_writes.add(count);
    }

    /// Sets the most alerts one name may have. 0 means no limit.
    pub fn set_alert_limit(&mut self, limit: u64) {
        self.alert_limit = limit;
    }

    /// Sets the numbers of alerts in groups, each alert counted once.
    pub fn set_alerts(&mut self, states: AlertStates) {
        self.alerts = Some(BTreeMap::from([(Arc::from(""), states)]));
    }

    /// Sets the numbers of alerts by group key. Groups of the same key are added up.
    pub fn set_group_alerts(&mut self, groups: impl IntoIterator<Item = (Arc<str>, AlertStates)>) {
        let mut alerts: BTreeMap<Arc<str>, AlertStates> = BTreeMap::new();
        for (key, states) in groups {
            let full = alerts.len() >= METRIC_LABEL_VALUES_MAX && !alerts.contains_key(&key);
            let sum = alerts.entry(if full { Arc::from(OVERFLOW) } else { key }).or_default();
            sum.active += states.active;
            sum.suppressed += states.suppressed;
            sum.unprocessed += states.unprocessed;
        }
        self.alerts = Some(alerts);
    }

    /// Records a configuration that came into force: its hash (see
    /// [`crate::hash::config_hash`]), when, and what it holds: receivers that routes use, their
    /// integrations, and inhibition rules.
    pub fn record_reload(
        &mut self,
        hash: u64,
        at: Timestamp,
        receivers: u64,
        integrations: u64,
        inhibition_rules: u64,
    ) {
        self.config_hash = hash;
        self.reload_ok = true;
        self.reload_ok_at = Some(at);
        self.receivers = receivers;
        self.integrations = integrations;
        self.inhibition_rules = inhibition_rules;
    }

    /// Records a configuration that was refused.
    pub fn record_reload_failed(&mut self) {
        self.reload_ok = false;
    }

    /// Sets the number of groups.
    pub fn set_groups(&mut self, groups: u64) {
        self.groups = groups;
    }

    /// Records an alert that was routed to its groups.
    pub fn record_processed(&mut self, seconds: f64) {
        self.processing.observe(seconds);
    }

    /// Records alerts that were routed to their groups, in no time that could be told.
    pub fn record_processed_many(&mut self, count: u64) {
        self.processing.count += count;
    }

    /// Records a group that was not made because there are too many.
    pub fn record_group_limited(&mut self) {
        self.group_limit_reached.increase();
    }

    /// Records an answer that nobody waited for.
    pub fn record_ignored_input(&mut self) {
        self.ignored_inputs.increase();
    }

    /// Sets whether this instance gossips with others.
    pub fn set_cluster_enabled(&mut self, on: bool) {
        self.cluster_enabled = on;
    }

    /// Appends the text of these metrics alone. A scrape that shows more gathers a [`Page`].
    pub fn write_text(&self, out: &mut String) {
        let mut page = Page::new();
        self.collect(&mut page);
        page.write_text(&[], out);
    }
}
