//! The immutable read side: what queries see, evaluated off the owner's thread.

mod gauges;
mod glance;
mod gossip;
mod list;

use alloc::{sync::Arc, vec::Vec};

pub use self::{
    glance::{Glance, Glimpse},
    list::{
        AlertFilter, Listed, ListedGroup, ListedGroups, Row, Rows, Scratch, cmp_listed, selects,
    },
};
use crate::{
    alert::Entry,
    cluster,
    config::Config,
    cow::Snapshot,
    group::Group,
    id::AlertId,
    inhibit,
    metrics::Metrics,
    silence,
    time::{Instant, Now, Timestamp},
    trail::Trail,
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
    /// The cluster as this node sees it; `None` when it is alone by choice.
    pub cluster: Option<Arc<ClusterView>>,
    /// The decisions of late.
    pub trail: Trail,
    /// The node's clocks when the view was made: groups know their ticks by the monotonic one.
    pub at: Now,
    /// When the node started, by the wall clock.
    pub started_at: Timestamp,
}

impl View {
    /// Returns what the wall clock will show at an instant, if nobody sets it.
    pub fn wall_at(&self, instant: Instant) -> Timestamp {
        self.at.wall + instant.since(self.at.instant)
    }
}

/// A cluster as one of its nodes sees it.
#[derive(Clone, Debug)]
pub struct ClusterView {
    /// This node's name.
    pub name: Arc<str>,
    /// Whether the members agree.
    pub status: cluster::Status,
    /// The members by name, this node included.
    pub peers: Vec<cluster::Peer>,
    /// This node's place among them, from 0.
    pub position: usize,
    /// Peers that failed and are still tried.
    pub failed_peers: usize,
    /// The local health score, 0 (healthy) to 7.
    pub health_score: u32,
    /// Records that wait to be gossiped.
    pub queued: usize,
    /// Counters.
    pub stats: cluster::Stats,
}

impl ClusterView {
    /// Takes a picture of a cluster.
    pub fn new(cluster: &cluster::Cluster) -> Self {
        Self {
            name: cluster.name().clone(),
            status: cluster.status(),
            peers: cluster.members().collect(),
            position: cluster.position(),
            failed_peers: cluster.failed_peers(),
            health_score: cluster.health_score(),
            queued: cluster.queued(),
            stats: cluster.stats().clone(),
        }
    }
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
