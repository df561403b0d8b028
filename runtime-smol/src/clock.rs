//! The two clocks and the seed.

use std::{
    fs::File,
    io::{self, Read as _},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use campana_core::time::{self, Now, Timestamp};

/// Reads the clocks; its monotonic one starts with the process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    /// Starts the monotonic clock.
    pub(crate) fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// Reads both clocks.
    pub(crate) fn now(&self) -> Now {
        let ns = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        Now { instant: time::Instant::from_nanos(ns), wall: wall() }
    }

    /// Returns the system's form of an instant; `None` when that lies beyond its range.
    pub(crate) fn system(&self, at: time::Instant) -> Option<Instant> {
        self.start.checked_add(Duration::from_nanos(at.as_nanos()))
    }
}

/// Reads the wall clock.
pub(crate) fn wall() -> Timestamp {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(after) => Timestamp::from_parts(
            i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
            after.subsec_nanos(),
        ),
        Err(before) => Timestamp::EPOCH - before.duration(),
    }
}

/// Draws the seed of everything random from the operating system.
pub(crate) fn seed() -> io::Result<[u8; 32]> {
    let mut seed = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut seed)?;
    Ok(seed)
}
