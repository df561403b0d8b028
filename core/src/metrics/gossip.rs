//! What gossip measures. The counters of the cluster are its own; a view puts both on the page.

use alloc::{collections::BTreeMap, sync::Arc};

use super::{Histogram, SECONDS};
use crate::limits::METRIC_LABEL_VALUES_MAX;

/// Bounds of the round trips of probes, in seconds.
const PINGS: [f64; 7] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5];

/// What gossip measures. A copy costs two pointers until the next change.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gossip {
    pings: Arc<BTreeMap<Arc<str>, Histogram<7>>>,
    delivered: Arc<BTreeMap<&'static str, Histogram<11>>>,
}

impl Gossip {
    /// Records the round trip of a probe.
    pub fn record_ping(&mut self, peer: &Arc<str>, seconds: f64) {
        let pings = Arc::make_mut(&mut self.pings);
        if pings.len() < METRIC_LABEL_VALUES_MAX || pings.contains_key(peer) {
            pings.entry(peer.clone()).or_insert(Histogram::new(&PINGS)).observe(seconds);
        }
    }

    /// Has a state's streams on the page from the start, so that its first one shows as a rise.
    pub fn add_state(&mut self, key: &'static str) {
        Arc::make_mut(&mut self.delivered).entry(key).or_insert(Histogram::new(&SECONDS));
    }

    /// Records how long a stream of records took.
    pub fn record_delivered(&mut self, key: &'static str, seconds: f64) {
        let delivered = Arc::make_mut(&mut self.delivered);
        delivered.entry(key).or_insert(Histogram::new(&SECONDS)).observe(seconds);
    }

    /// Returns the round trips by peer.
    pub fn pings(&self) -> impl Iterator<Item = (&Arc<str>, &Histogram<7>)> {
        self.pings.iter()
    }

    /// Returns the times of streams by the key of their state.
    pub fn delivered(&self) -> impl Iterator<Item = (&'static str, &Histogram<11>)> {
        self.delivered.iter().map(|(&key, histogram)| (key, histogram))
    }
}
