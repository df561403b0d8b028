//! Points in time, spans between them, and the deadline a part asks for.
//!
//! Two clocks reach the core, both as plain numbers: a monotonic one that drives timers
//! ([`Instant`]) and the wall clock that users and peers see ([`Timestamp`]). Both may start at any
//! number, so a test starts at zero and a simulator skews them as it likes.

pub mod civil;
pub mod duration;
pub mod rfc3339;

use core::{
    fmt,
    ops::{Add, Sub},
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// A point on the monotonic clock: nanoseconds since an arbitrary start.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Instant(u64);

impl Instant {
    /// Makes the instant `ns` nanoseconds after the clock's start.
    pub const fn from_nanos(ns: u64) -> Self {
        Self(ns)
    }

    /// Returns the nanoseconds since the clock's start.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Returns how far `self` lies after `earlier`, or zero when it does not.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// Saturates at the end of the clock (584 years).
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(nanos(span)))
    }
}

/// A point on the wall clock: nanoseconds since 1970-01-01T00:00:00Z, negative before.
///
/// The range is 1677 to 2262; values from outside (a silence "until 9999") are clamped to its ends
/// when they are parsed. [`Timestamp::ZERO`] stands for Go's zero time, `0001-01-01T00:00:00Z`,
/// which the API and the notifications use for "not set".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(i64);

impl Timestamp {
    /// "Not set": Go's zero time. Sorts before every other timestamp.
    pub const ZERO: Self = Self(i64::MIN);
    /// The earliest timestamp that is set.
    pub const MIN: Self = Self(i64::MIN + 1);
    /// The latest timestamp.
    pub const MAX: Self = Self(i64::MAX);
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// Makes the timestamp `ns` nanoseconds after the epoch.
    pub const fn from_nanos(ns: i64) -> Self {
        Self(ns)
    }

    /// Makes the timestamp of whole seconds and nanoseconds after the epoch, clamped to the range.
    pub const fn from_parts(secs: i64, nanos: u32) -> Self {
        let ns = secs as i128 * 1_000_000_000 + nanos as i128;
        if ns > i64::MAX as i128 {
            Self::MAX
        } else if ns <= i64::MIN as i128 {
            Self::MIN
        } else {
            Self(ns as i64)
        }
    }

    /// Returns the nanoseconds since the epoch.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Returns the seconds since the epoch, rounded down, and the nanoseconds within the second.
    pub const fn parts(self) -> (i64, u32) {
        (self.0.div_euclid(1_000_000_000), self.0.rem_euclid(1_000_000_000) as u32)
    }

    /// Tells whether this is Go's zero time.
    pub const fn is_zero(self) -> bool {
        self.0 == i64::MIN
    }

    /// Returns how far `self` lies after `earlier`, or zero when it does not.
    pub const fn since(self, earlier: Self) -> Duration {
        let ns = self.0 as i128 - earlier.0 as i128;
        if ns <= 0 { Duration::ZERO } else { Duration::from_nanos(ns as u64) }
    }
}

impl Default for Timestamp {
    fn default() -> Self {
        Self::ZERO
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    /// Saturates at the end of the range.
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add_unsigned(nanos(span)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    /// Saturates at the start of the range.
    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub_unsigned(nanos(span)).max(Self::MIN.0))
    }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// A wall-clock time as a client wrote it: the instant and its offset from UTC.
///
/// Alertmanager keeps the offset a client posted (`+02:00`) and prints it back in the API and in
/// notifications; comparisons look at the instant only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Stamp {
    /// The instant.
    pub at: Timestamp,
    /// Minutes east of UTC.
    pub offset_minutes: i16,
}

impl Stamp {
    /// Not set.
    pub const ZERO: Self = Self { at: Timestamp::ZERO, offset_minutes: 0 };

    /// Makes a stamp in UTC.
    pub const fn utc(at: Timestamp) -> Self {
        Self { at, offset_minutes: 0 }
    }
}

impl From<Timestamp> for Stamp {
    fn from(at: Timestamp) -> Self {
        Self::utc(at)
    }
}

/// Both clocks, read once by the runtime before it hands over an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Now {
    /// The monotonic clock. Never goes back between two calls.
    pub instant: Instant,
    /// The wall clock. May jump either way.
    pub wall: Timestamp,
}

/// When a part wants to be woken, and which part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Deadline {
    /// The instant at which a `Timeout` input should arrive.
    pub at: Instant,
    /// Who asked.
    pub reason: Reason,
}

/// The part that wants to wake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Reason {
    /// Inputs or groups are left over from the last call: handle them now.
    Backlog,
    /// Gossip: a probe, a suspicion, a message, an exchange, or a search for peers.
    Cluster,
    /// A delivery waits for its position, its next attempt or its deadline.
    Delivery,
    /// Recorded events wait for others, or for their next attempt.
    Event,
    /// A group waits for `group_wait` or `group_interval`.
    Group,
    /// Changes have gathered to be written, or a write takes too long.
    Journal,
    /// Garbage collection of alerts, silences or the notification log, or a checkpoint.
    Maintenance,
    /// The end of a shutdown's grace period.
    Shutdown,
    /// Spans wait to be exported.
    Trace,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Backlog => "backlog",
            Self::Cluster => "cluster",
            Self::Delivery => "delivery",
            Self::Event => "event",
            Self::Group => "group",
            Self::Journal => "journal",
            Self::Maintenance => "maintenance",
            Self::Shutdown => "shutdown",
            Self::Trace => "trace",
        })
    }
}

/// Returns the earlier of two optional deadlines; `None` means "never" and loses.
///
/// This exists because `Option::min` treats `None` as the smallest value, which silently drops
/// every other deadline.
pub fn earliest<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, None) => a,
        (None, b) => b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earliest_ignores_none() {
        assert_eq!(earliest(Some(3), None), Some(3));
        assert_eq!(earliest(None, Some(3)), Some(3));
        assert_eq!(earliest(Some(4), Some(3)), Some(3));
        assert_eq!(earliest::<u8>(None, None), None);
    }

    #[test]
    fn timestamps_clamp_instead_of_wrapping() {
        assert_eq!(Timestamp::from_parts(253_402_300_799, 0), Timestamp::MAX);
        assert_eq!(Timestamp::from_parts(-62_135_596_801, 0), Timestamp::MIN);
        assert_eq!(Timestamp::MAX + Duration::from_secs(1), Timestamp::MAX);
        assert_eq!(Timestamp::EPOCH - Duration::MAX, Timestamp::MIN);
        assert_eq!(Timestamp::from_nanos(-1).parts(), (-1, 999_999_999));
    }
}
