//! What a delivery needs to begin, and what its decision rests on.

use alloc::sync::Arc;
use core::time::Duration;

use crate::{
    id::FlightId,
    nflog,
    notify::{Integration, Notification},
    time::{Instant, Timestamp},
};

/// What a delivery needs to begin.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The flush it belongs to.
    pub flight: FlightId,
    /// What to say.
    pub notification: Arc<Notification>,
    /// To whom.
    pub integration: Arc<Integration>,
    /// When its turn comes: at once, or after the peers before it had their chance.
    pub due: Instant,
    /// When it must end.
    pub deadline: Instant,
    /// The route's repeat interval, for the decision and the log entry.
    pub repeat_interval: Duration,
    /// What the decision that holds rests on.
    pub basis: Basis,
    /// Under which key the notification log knows it.
    pub log_key: nflog::Key,
    /// What the log compares and keeps; shared by the deliveries of a flush.
    pub hashes: Hashes,
}

/// What a decision to send rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Basis {
    /// When it was taken, by the wall clock.
    pub wall: Timestamp,
    /// The time of the log's entry that it saw.
    pub entry: Option<Timestamp>,
}

/// The notification log's hashes of the alerts of a flush.
#[derive(Clone, Debug, Default)]
pub struct Hashes {
    /// Those that fire, ascending.
    pub firing: Arc<[u64]>,
    /// Those that have resolved, ascending.
    pub resolved: Arc<[u64]>,
}
