//! A suspicion: the time a silent member has to speak up, shortened by each independent accuser.

use alloc::{sync::Arc, vec, vec::Vec};
use core::time::Duration;

use super::formula;
use crate::time::Instant;

/// One member's pending accusation.
#[derive(Clone, Debug)]
pub(super) struct Suspicion {
    start: Instant,
    wanted: u32,
    min: Duration,
    max: Duration,
    accusers: Vec<Arc<str>>,
}

impl Suspicion {
    /// Starts a suspicion in a cluster of `members` known members, the dead not yet reaped
    /// included (reference B.9), that `wanted` confirmations shorten to its least.
    pub(super) fn new(
        now: Instant,
        from: Arc<str>,
        members: usize,
        wanted: u32,
        interval: Duration,
    ) -> Self {
        let min = formula::suspicion_min(members, interval);
        Self {
            start: now,
            wanted,
            min,
            max: min.saturating_mul(formula::SUSPICION_MAX_MULT),
            accusers: vec![from],
        }
    }

    /// Takes another accusation; returns whether it counts and is to be passed on.
    ///
    /// It does not when enough are there, or when the accuser was counted before; the first one is.
    pub(super) fn confirm(&mut self, from: &str) -> bool {
        if self.count() >= self.wanted || self.accusers.iter().any(|name| **name == *from) {
            return false;
        }
        self.accusers.push(from.into());
        true
    }

    /// Returns when the member is held dead; the instant may have passed.
    pub(super) fn ends(&self) -> Instant {
        self.start + formula::suspicion_timeout(self.count(), self.wanted, self.min, self.max)
    }

    fn count(&self) -> u32 {
        u32::try_from(self.accusers.len() - 1).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(suspicion: &Suspicion) -> u64 {
        suspicion.ends().as_nanos() / 1_000_000
    }

    #[test]
    fn accusers_shorten_it_once_each() {
        let start = Instant::from_nanos(0);
        let mut s = Suspicion::new(start, "a".into(), 6, 2, Duration::from_secs(1));
        assert_eq!(ends(&s), 24_000);
        assert!(!s.confirm("a"));
        assert!(s.confirm("b"));
        assert!(!s.confirm("b"));
        assert_eq!(ends(&s), 11_381);
        assert!(s.confirm("c"));
        assert_eq!(ends(&s), 4000);
        assert!(!s.confirm("d"));
    }

    #[test]
    fn three_nodes_do_not_stretch_it() {
        let mut s =
            Suspicion::new(Instant::from_nanos(0), "a".into(), 3, 0, Duration::from_secs(1));
        assert_eq!(ends(&s), 4000);
        assert!(!s.confirm("b"));
    }
}
