//! The families of the node's metrics: names, help and where each number comes from.

use super::{
    Build, Metrics, Silences, Store,
    text::{Kind, Page},
};

impl Metrics {
    /// Puts the node's families on a page.
    pub fn collect(&self, page: &mut Page) {
        build(page);
        self.collect_alerts(page);
        self.collect_config(page);
        self.collect_dispatcher(page);
        self.notifications.collect(page);
        self.silences.collect(page);
        self.nflog.collect(&NFLOG, page);
        self.journal.collect(page);
        if let Some(recorder) = &self.recorder {
            recorder.collect(page);
        }
        page.gauge(
            "alertmanager_cluster_enabled",
            "Whether this instance gossips with others.",
            f64::from(self.cluster_enabled),
        );
        page.counter(
            "campana_ignored_inputs_total",
            "Answers that came too late or for nothing.",
            self.ignored_inputs,
        );
    }

    fn collect_alerts(&self, page: &mut Page) {
        let family = page.family(
            "alertmanager_alerts_received_total",
            Kind::Counter,
            "Alerts received through the API, by status.",
        );
        for (status, counter) in
            [("firing", self.received_firing), ("resolved", self.received_resolved)]
        {
            family.count(&[("status", status), ("version", "v2")], counter);
        }
        page.family(
            "alertmanager_alerts_invalid_total",
            Kind::Counter,
            "Alerts refused because they are not valid.",
        )
        .count(&[("version", "v2")], self.invalid);
        let family = page.family(
            "alertmanager_alerts",
            Kind::Gauge,
            "Unresolved alerts in groups, by state.",
        );
        for (key, states) in self.alerts.iter().flatten() {
            for (state, n) in [
                ("active", states.active),
                ("suppressed", states.suppressed),
                ("unprocessed", states.unprocessed),
            ] {
                let labels = [("state", state), ("group_key", &**key)];
                family.number(&labels[..if self.detail.group_keys { 2 } else { 1 }], n as f64);
            }
        }
        page.gauge(
            "alertmanager_alerts_per_alert_limit",
            "Most alerts one name may have. 0: no limit.",
            self.alert_limit as f64,
        );
        let family = page.family(
            "alertmanager_alerts_limited_total",
            Kind::Counter,
            "Alerts refused because too many share their name.",
        );
        for (name, &counter) in &*self.limited {
            let label = [("alertname", &**name)];
            family.count(&label[..usize::from(self.detail.alert_names)], counter);
        }
        let family = page.family(
            "alertmanager_alerts_subscriber_channel_writes_total",
            Kind::Counter,
            "Alerts handed on inside the server, by recipient.",
        );
        for subscriber in ["dispatcher", "inhibitor"] {
            family.count(&[("subscriber", subscriber)], self.subscriber_writes);
        }
    }

    fn collect_config(&self, page: &mut Page) {
        for (name, help, value) in [
            ("alertmanager_receivers", "Receivers that routes use.", self.receivers as f64),
            (
                "alertmanager_integrations",
                "Integrations of these receivers.",
                self.integrations as f64,
            ),
            ("alertmanager_inhibition_rules", "Inhibition rules.", self.inhibition_rules as f64),
            (
                "alertmanager_config_hash",
                "Hash of the configuration in force.",
                self.config_hash as f64,
            ),
            (
                "alertmanager_config_last_reload_successful",
                "Whether the last configuration was accepted.",
                f64::from(self.reload_ok),
            ),
            (
                "alertmanager_config_last_reload_success_timestamp_seconds",
                "When a configuration was last accepted.",
                self.reload_ok_at.map_or(0.0, |at| at.as_nanos() as f64 / 1e9),
            ),
        ] {
            page.gauge(name, help, value);
        }
    }

    fn collect_dispatcher(&self, page: &mut Page) {
        page.gauge(
            "alertmanager_dispatcher_aggregation_groups",
            "Groups, empty ones not yet removed included.",
            self.groups as f64,
        );
        page.summary(
            "alertmanager_dispatcher_alert_processing_duration_seconds",
            "Time to route an alert to its groups.",
            self.processing,
        );
        for (name, help, counter) in [
            (
                "alertmanager_dispatcher_aggregation_group_limit_reached_total",
                "Groups not made because there are too many.",
                self.group_limit_reached,
            ),
            (
                "alertmanager_dispatcher_aggregation_group_creation_retries_total",
                "Repeated attempts to make a group.",
                self.group_retries,
            ),
            (
                "alertmanager_dispatcher_aggregation_group_creation_given_up_total",
                "Alerts dropped because their group could not be made.",
                self.group_given_up,
            ),
        ] {
            page.counter(name, help, counter);
        }
    }
}

fn build(page: &mut Page) {
    let build = Build::this();
    let labels = [
        ("branch", build.branch),
        ("goarch", build.arch),
        ("goos", build.os),
        ("goversion", build.language),
        ("revision", build.revision),
        ("tags", build.tags),
    ];
    for (name, help, version) in [
        (
            "alertmanager_build_info",
            "What was built; the version is that of the Alertmanager it is compatible with.",
            build.compatible,
        ),
        ("campana_build_info", "What was built.", build.version),
    ] {
        let labels: alloc::vec::Vec<_> = labels.into_iter().chain([("version", version)]).collect();
        page.family(name, Kind::Gauge, help).number(&labels, 1.0);
    }
}

impl Silences {
    fn collect(&self, page: &mut Page) {
        let family = page.family("alertmanager_silences", Kind::Gauge, "Silences by state.");
        for (state, n) in
            [("active", self.active), ("expired", self.expired), ("pending", self.pending)]
        {
            family.number(&[("state", state)], n as f64);
        }
        for (name, help, n) in [
            ("alertmanager_silences_state_size", "Silences in the state.", self.state_size),
            (
                "alertmanager_silences_matcher_index_size",
                "Silences with compiled matchers.",
                self.matcher_index_size,
            ),
            (
                "alertmanager_silences_version_index_size",
                "Entries of the index by version.",
                self.version_index_size,
            ),
        ] {
            page.gauge(name, help, n as f64);
        }
        for (name, help, counter) in [
            (
                "alertmanager_silences_gc_errors_total",
                "Silences that garbage collection could not judge.",
                self.gc_errors,
            ),
            (
                "alertmanager_silences_query_silences_scanned_total",
                "Silences that queries looked at.",
                self.scanned,
            ),
            (
                "alertmanager_silences_query_silences_skipped_total",
                "Silences that queries did not need to look at.",
                self.skipped,
            ),
        ] {
            page.counter(name, help, counter);
        }
        let family = page.family(
            "alertmanager_silences_matcher_compile_errors_total",
            Kind::Counter,
            "Silences whose matchers did not compile, by stage.",
        );
        family.count(&[("stage", "index")], self.compile_errors_index);
        family.count(&[("stage", "load_snapshot")], self.compile_errors_load);
        self.store.collect(&SILENCES, page);
    }
}

/// The names of a store's families.
struct Names {
    gc: &'static str,
    snapshot: &'static str,
    snapshot_bytes: &'static str,
    maintenance: &'static str,
    maintenance_errors: &'static str,
    queries: &'static str,
    query_errors: &'static str,
    query_seconds: &'static str,
    propagated: &'static str,
}

macro_rules! names {
    ($prefix:literal) => {
        Names {
            gc: concat!($prefix, "_gc_duration_seconds"),
            snapshot: concat!($prefix, "_snapshot_duration_seconds"),
            snapshot_bytes: concat!($prefix, "_snapshot_size_bytes"),
            maintenance: concat!($prefix, "_maintenance_total"),
            maintenance_errors: concat!($prefix, "_maintenance_errors_total"),
            queries: concat!($prefix, "_queries_total"),
            query_errors: concat!($prefix, "_query_errors_total"),
            query_seconds: concat!($prefix, "_query_duration_seconds"),
            propagated: concat!($prefix, "_gossip_messages_propagated_total"),
        }
    };
}

const SILENCES: Names = names!("alertmanager_silences");
const NFLOG: Names = names!("alertmanager_nflog");

impl Store {
    fn collect(&self, names: &Names, page: &mut Page) {
        page.summary(names.gc, "Time a garbage collection took.", self.gc);
        page.summary(names.snapshot, "Time a snapshot took.", self.snapshot);
        page.gauge(names.snapshot_bytes, "Size of the last snapshot.", self.snapshot_bytes as f64);
        page.counter(names.maintenance, "Rounds of maintenance.", self.maintenance);
        page.counter(
            names.maintenance_errors,
            "Rounds of maintenance that failed.",
            self.maintenance_errors,
        );
        page.counter(names.queries, "Queries.", self.queries);
        page.counter(
            names.query_errors,
            "Queries that failed or found nothing.",
            self.query_errors,
        );
        page.histogram(names.query_seconds, "Time a query took.", &self.query_seconds);
        page.counter(names.propagated, "Received messages passed on to peers.", self.propagated);
    }
}
