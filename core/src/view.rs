//! The immutable read side: what queries see, evaluated off the owner's thread.

mod gauges;
mod list;

use alloc::{sync::Arc, vec::Vec};

pub use self::list::{AlertFilter, Listed, ListedGroup, ListedGroups, Scratch, selects};
use crate::{
    alert::Entry, config::Config, cow::Snapshot, group::Group, id::AlertId, inhibit,
    metrics::Metrics, silence, time::Timestamp,
};

/// The state of a node at one moment. Cheap to make: parts are shared with the node until it
/// changes them.
#[derive(Clone, Debug)]
pub struct View {
    /// The configuration in force.
    pub config: Arc<Config>,
    /// All alerts; indexes are [`AlertId`]s.
    pub alerts: Snapshot<Entry>,
    /// All groups.
    pub groups: Snapshot<Group>,
    /// All silences.
    pub silences: Arc<silence::Table>,
    /// Which alerts inhibit others.
    pub inhibitor: Arc<inhibit::Index>,
    /// Counters of the node; those of the HTTP side are the runtime's.
    pub metrics: Metrics,
    /// When the node started, by the wall clock.
    pub started_at: Timestamp,
}

/// Whether an alert is muted, and by what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Muting {
    /// Active silences that match it, sorted by id.
    pub silenced_by: Vec<silence::Id>,
    /// One alert that inhibits it.
    pub inhibited_by: Option<AlertId>,
}

impl Muting {
    /// Tells whether anything mutes the alert.
    pub fn is_muted(&self) -> bool {
        self.inhibited_by.is_some() || !self.silenced_by.is_empty()
    }
}
