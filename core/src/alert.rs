//! Alerts: what clients post, and the store that merges it.

mod batch;
mod limit;
mod store;

use alloc::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::{
    batch::{AlertBatch, Posted, PostedRef},
    store::{Change, Entry, Mark, Rejected, RouteLists, Store, Upserted, times},
};
use crate::{
    label::{Labels, read_shared},
    time::{Stamp, Timestamp},
};

/// One alert as stored: identity, description and its life so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// What identifies the alert. Never empty, no empty values.
    pub labels: Labels,
    /// What describes it. May hold empty values.
    pub annotations: Labels,
    /// Link to the rule that caused it; empty when there is none.
    #[serde(deserialize_with = "read_shared")]
    pub generator_url: Arc<str>,
    /// Since when the alert fires.
    pub starts_at: Stamp,
    /// When the alert ended, or will be taken as ended if nobody posts it again.
    pub ends_at: Stamp,
    /// When the alert was last posted.
    pub updated_at: Timestamp,
    /// Whether `ends_at` comes from `resolve_timeout` and not from the client.
    pub timeout: bool,
}

impl Alert {
    /// Tells whether the alert has ended at `now`.
    pub fn is_resolved(&self, now: Timestamp) -> bool {
        !self.ends_at.at.is_zero() && self.ends_at.at <= now
    }
}
