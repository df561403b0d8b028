//! The metrics that are counted when somebody asks.

use alloc::sync::Arc;

use super::View;
use crate::{
    alert::{Entry, Mark},
    metrics::{AlertStates, Metrics},
    time::Timestamp,
};

impl View {
    /// Returns the node's metrics with the gauges of this moment: alerts, groups and silences by
    /// state.
    pub fn metrics_at(&self, now: Timestamp) -> Metrics {
        let mut metrics = self.metrics.clone();
        let fires = |entry: &&Entry| !entry.alert.is_resolved(now);
        if metrics.detail().group_keys {
            let states = self.groups.iter().map(|(_, group)| {
                let members = group.members.iter().filter_map(|id| self.alerts.get(id.0));
                (Arc::clone(&group.key), count(members.filter(fires)))
            });
            metrics.set_group_alerts(states);
        } else {
            let grouped = self.alerts.iter().map(|(_, entry)| entry).filter(|e| e.groups > 0);
            metrics.set_alerts(count(grouped.filter(fires)));
        }
        metrics.set_groups(self.groups.len() as u64);
        let counts = self.silences.counts(now);
        let silences = &mut metrics.silences;
        silences.active = counts.active as u64;
        silences.pending = counts.pending as u64;
        silences.expired = counts.expired as u64;
        silences.state_size = self.silences.len() as u64;
        silences.matcher_index_size = self.silences.len() as u64;
        silences.version_index_size = self.silences.len() as u64;
        metrics
    }
}

fn count<'a>(entries: impl Iterator<Item = &'a Entry>) -> AlertStates {
    let mut states = AlertStates::default();
    for entry in entries {
        *match entry.mark {
            Mark::Active => &mut states.active,
            Mark::Suppressed => &mut states.suppressed,
            Mark::Unprocessed => &mut states.unprocessed,
        } += 1;
    }
    states
}
