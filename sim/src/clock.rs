//! A host's clocks.

use std::time::Duration;

use campana_core::time::{Instant, Now, Timestamp};

/// The wall clock when a world begins: 2026-01-05T09:00:00Z, a Monday.
const DAWN: Timestamp = Timestamp::from_parts(1_767_603_600, 0);

/// How a host's clocks differ from the world's.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    /// How far the wall clock is ahead, in nanoseconds.
    pub offset_ns: i64,
    /// How many millionths it runs too fast.
    pub drift_ppm: i64,
    /// How many millionths the monotonic clock runs too fast. It must not change while a program
    /// runs.
    pub monotonic_ppm: i64,
}

impl Clock {
    pub(crate) fn now(self, at: Instant) -> Now {
        let ns = at.as_nanos() as i64;
        let drift = i128::from(ns) * i128::from(self.drift_ppm) / 1_000_000;
        let wall = DAWN.as_nanos() + ns + self.offset_ns + drift as i64;
        let ahead = i128::from(ns) * i128::from(self.monotonic_ppm) / 1_000_000;
        let instant = Instant::from_nanos((ns + ahead as i64) as u64);
        Now { instant, wall: Timestamp::from_nanos(wall) }
    }

    /// Returns the world's time at which the monotonic clock reaches an instant.
    pub(crate) fn world_at(self, instant: Instant) -> Instant {
        if self.monotonic_ppm == 0 {
            return instant;
        }
        let ns = i128::from(instant.as_nanos());
        let mut at = (ns * 1_000_000 / i128::from(1_000_000 + self.monotonic_ppm)) as u64;
        // Rounding may miss it by a few nanoseconds.
        at = at.saturating_sub(3);
        while self.now(Instant::from_nanos(at)).instant < instant {
            at += 1;
        }
        Instant::from_nanos(at)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_reached_when_the_clock_says_so() {
        for monotonic_ppm in [-2000, -1, 0, 1, 777, 2000] {
            let clock = Clock { monotonic_ppm, ..Clock::default() };
            for ns in [1_000_000_000_000, 1_000_000_000_001, 3_599_123_456_789] {
                let instant = Instant::from_nanos(ns);
                let at = clock.world_at(instant);
                assert!(clock.now(at).instant >= instant);
                let before = Instant::from_nanos(at.as_nanos() - 1);
                assert!(clock.now(before).instant < instant);
            }
        }
    }
}
