//! What lies between hosts and receivers.

use std::time::Duration;

/// The network. One delay for every way so far; faults belong here.
#[derive(Clone, Copy, Debug, Default)]
pub struct Network {
    /// How long a request takes to its receiver, and an answer back.
    pub delay: Duration,
}
