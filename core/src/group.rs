//! Aggregation groups: which alerts are told together, and when.

mod reroute;
mod table;

use alloc::{string::String, sync::Arc, vec::Vec};

pub use self::{
    reroute::{Change, Next, Routed},
    table::{Groups, Placed},
};
use crate::{
    id::{AlertId, FlightId, GroupId, RouteId},
    label::Labels,
    time::{Instant, Timestamp},
};

/// Alerts of one route that agree on the route's `group_by` labels.
#[derive(Clone, Debug)]
pub struct Group {
    /// The route.
    pub route: RouteId,
    /// What its alerts agree on.
    pub labels: Labels,
    /// The key under which the notification log knows it; not unique when routes are alike.
    pub key: Arc<str>,
    /// The alerts, ascending.
    pub members: Arc<Vec<AlertId>>,
    /// The time intervals that muted it at its last flush; a name repeats once per matching spec.
    pub muted_by: Arc<[Arc<str>]>,
    /// The route's labels as its last flush rendered them; empty before the first one.
    pub route_labels: Labels,
    /// When it flushes next.
    pub next_flush: Instant,
    /// How many flushes it has begun.
    pub flushes: u64,
    /// The flush under way.
    pub flight: Option<FlightId>,
    /// The next group whose route and labels have the same hash.
    next_same: Option<GroupId>,
}

/// A flush that waits for its deliveries: at most one per group.
#[derive(Clone, Debug)]
pub struct Flight {
    /// The group.
    pub group: GroupId,
    /// Deliveries that have not ended.
    pub pending: u32,
    /// What went wrong so far, one text per failed integration.
    pub errors: Vec<String>,
    /// How many alerts it set out to tell.
    pub alerts: usize,
    /// The alerts that had resolved, ascending, and when each was last posted: those that are
    /// unchanged at the end leave the group.
    pub resolved: Vec<(AlertId, Timestamp)>,
    /// Whether a delivery was left to a peer, so that nobody knows yet that it was made: no alert
    /// leaves the group for this flush.
    pub held: bool,
    /// Whether the group's next tick fell due while this flush was still under way.
    pub overdue: bool,
}

/// What a flush left behind.
#[derive(Clone, Debug)]
pub struct Landed {
    /// The flush.
    pub flight: Flight,
    /// Alerts that left the group, ascending.
    pub left: Vec<AlertId>,
    /// The group, if it is gone now.
    pub gone: Option<Group>,
}
