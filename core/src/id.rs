//! Typed ids: what one part hands to another instead of a reference.

use core::fmt;

use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident($inner:ty);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

ids! {
    /// A slot of the alert store. Reused after the alert is collected.
    AlertId(u32);
    /// One write to the journal.
    AppendId(u64);
    /// One API write, chosen by the runtime; answered by exactly one reply.
    CallId(u64);
    /// One notification on its way to one integration.
    DeliveryId(u64);
    /// One flush of one group, never used twice.
    FlightId(u64);
    /// A slot of the group table. Reused after the group is gone.
    GroupId(u32);
    /// One file to read.
    ReadId(u64);
    /// One write of the event recorder.
    RecordId(u64);
    /// One name to resolve.
    ResolveId(u64);
    /// A node of the routing tree, in depth-first order.
    RouteId(u32);
    /// One file to write.
    SaveId(u64);
    /// One request on its way to a receiver.
    SendId(u64);
    /// One stream of gossip. Those that peers open have [`StreamId::ACCEPTED`] set and are numbered
    /// by the runtime; the others are numbered by the cluster.
    StreamId(u64);
    /// One pure computation off the owner thread.
    WorkId(u64);
}

impl StreamId {
    /// The bit that marks a stream opened by a peer.
    pub const ACCEPTED: u64 = 1 << 63;

    /// Makes the id of the `n`th stream that a peer opened.
    pub const fn accepted(n: u64) -> Self {
        Self(n | Self::ACCEPTED)
    }
}

/// Hands out numbers that are never used twice.
#[derive(Clone, Debug, Default)]
pub struct Counter(u64);

impl Counter {
    /// Returns the next number, starting at 1.
    #[allow(clippy::should_implement_trait, reason = "it counts, and nobody loops over it")]
    pub fn next(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}
