//! The limit of alerts per `alertname` (`--alerts.per-alertname-limit`).

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::{String, ToString as _},
};

use crate::{hash::Fingerprint, label::Labels, time::Timestamp};

/// One bucket per alert name, each ordered by when its members end.
#[derive(Clone, Debug, Default)]
pub(super) struct NameLimit {
    max: usize,
    buckets: BTreeMap<String, BTreeSet<(Timestamp, Fingerprint)>>,
}

impl NameLimit {
    /// Makes a limit of `max` members a name; zero switches it off.
    pub(super) fn new(max: usize) -> Self {
        Self { max, buckets: BTreeMap::new() }
    }

    pub(super) const fn max(&self) -> usize {
        self.max
    }

    /// Asks for a place for an alert that ends at `ends_at`; `old` is when the store's copy ends.
    ///
    /// A known member keeps its place. In a full bucket a newcomer takes the place of the member
    /// that ended first, if one has ended; the store keeps that alert all the same.
    pub(super) fn admit(
        &mut self,
        labels: &Labels,
        fingerprint: Fingerprint,
        old: Option<Timestamp>,
        ends_at: Timestamp,
        now: Timestamp,
    ) -> bool {
        if self.max == 0 {
            return true;
        }
        let name = labels.get("alertname").unwrap_or_default();
        if !self.buckets.contains_key(name) {
            self.buckets.insert(name.to_string(), BTreeSet::new());
        }
        let bucket = self.buckets.get_mut(name).expect("ensured above");
        let known = old.is_some_and(|old| bucket.remove(&(old, fingerprint)));
        if !known && bucket.len() >= self.max {
            match bucket.first() {
                Some(&(end, _)) if end <= now => bucket.pop_first(),
                _ => return false,
            };
        }
        bucket.insert((ends_at, fingerprint));
        true
    }

    /// Forgets an alert that left the store.
    pub(super) fn release(
        &mut self,
        labels: &Labels,
        fingerprint: Fingerprint,
        ends_at: Timestamp,
    ) {
        let name = labels.get("alertname").unwrap_or_default();
        if let Some(bucket) = self.buckets.get_mut(name) {
            bucket.remove(&(ends_at, fingerprint));
            if bucket.is_empty() {
                self.buckets.remove(name);
            }
        }
    }
}
