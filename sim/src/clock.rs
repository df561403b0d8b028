//! A host's clocks.

use std::time::Duration;

use campana_core::time::{Instant, Now, Timestamp};

/// The wall clock when a world begins: 2026-01-05T09:00:00Z, a Monday.
const DAWN: Timestamp = Timestamp::from_parts(1_767_603_600, 0);

/// How a host's wall clock differs from the world's. The monotonic clock is the world's own: it
/// only has to go forward.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    /// How far it is ahead, in nanoseconds.
    pub offset_ns: i64,
    /// How many millionths it runs too fast.
    pub drift_ppm: i64,
}

impl Clock {
    pub(crate) fn now(self, at: Instant) -> Now {
        let ns = at.as_nanos() as i64;
        let drift = i128::from(ns) * i128::from(self.drift_ppm) / 1_000_000;
        let wall = DAWN.as_nanos() + ns + self.offset_ns + drift as i64;
        Now { instant: at, wall: Timestamp::from_nanos(wall) }
    }

    /// Steps the clock forward.
    pub fn forward(&mut self, span: Duration) {
        self.offset_ns += span.as_nanos() as i64;
    }

    /// Steps the clock back.
    pub fn back(&mut self, span: Duration) {
        self.offset_ns -= span.as_nanos() as i64;
    }
}
