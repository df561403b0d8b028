//! The warm-up after a start: alerts that are older than the process wait until everybody who is
//! known to send has done so, since what mutes them may be among the rest.

use alloc::{collections::BTreeSet, string::String};

use super::Node;
use crate::{alert::AlertBatch, time::Now};

/// Who is known to send and has not yet, by the host of their alerts' links.
#[derive(Debug, Default)]
pub(super) struct Awaited(BTreeSet<String>);

impl Node {
    /// Begins the warm-up, with the senders of the alerts that were restored.
    pub(super) fn begin_warm_up(&mut self, now: Now) {
        let span = self.options.dispatch_warm_up;
        self.groups.warm_up(now.instant + span, now.wall);
        if span.is_zero() {
            return;
        }
        let alerts = self.alerts.iter().map(|(_, entry)| &entry.alert);
        let firing = alerts.filter(|alert| !alert.is_resolved(now.wall));
        for host in firing.filter_map(|alert| host(&alert.generator_url)) {
            if !self.awaited.0.contains(host) {
                self.awaited.0.insert(host.into());
            }
        }
    }

    /// Notes who sent a batch. The warm-up is over when nobody is awaited any more; where nobody is
    /// known, it takes its time.
    pub(super) fn note_senders(&mut self, now: Now, batch: &AlertBatch) {
        if self.awaited.0.is_empty() {
            return;
        }
        for posted in batch.iter() {
            if let Some(host) = host(posted.generator_url) {
                self.awaited.0.remove(host);
            }
        }
        if self.awaited.0.is_empty() {
            self.groups.end_warm_up(now.instant);
        } else if self.groups.warms_until(now.instant).is_none() {
            self.awaited.0.clear();
        }
    }
}

/// Returns host and port of a link.
fn host(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let host = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    (!host.is_empty()).then_some(host)
}
