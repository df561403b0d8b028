//! Waiting until the number of members stays the same (reference A.6).

use core::time::Duration;

use super::{Cluster, Effect, Status, Timer};
use crate::{event::Event, time::Instant};

/// Equal counts in a row that mean agreement.
const EQUAL_WANTED: u32 = 3;
/// Gossip intervals between two counts.
const POLL_INTERVALS: u32 = 10;

/// How far settling is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Settle {
    is_ready: bool,
    began: Instant,
    polls: u64,
    equal: u32,
    last: usize,
}

impl Settle {
    pub(super) fn status(self) -> Status {
        if self.is_ready { Status::Ready } else { Status::Settling }
    }

    /// Takes a count; returns whether there were enough equal ones *before* it, as upstream looks.
    fn count(&mut self, members: usize) -> bool {
        self.polls += 1;
        if self.equal >= EQUAL_WANTED {
            return true;
        }
        self.equal = if members == self.last { self.equal + 1 } else { 0 };
        self.last = members;
        false
    }
}

impl Cluster {
    /// Begins to count the members every ten gossip intervals. The first count always differs from
    /// the 0 before it, and the decision comes one poll after the third equal one: five polls, 10 s
    /// at the default, at least.
    pub(super) fn start_settling(&mut self, now: Instant) {
        if self.settings.settle_timeout.is_zero() {
            return self.end_settling();
        }
        self.settle.began = now;
        let interval = self.poll_interval();
        self.log(Event::SettleWaiting { interval });
        self.timers.set(Timer::SettlePoll, now + interval);
        self.timers.set(Timer::SettleEnd, now + self.settings.settle_timeout);
    }

    pub(super) fn settle_poll(&mut self, now: Instant) {
        if self.settle.count(self.members.live()) {
            let (polls, elapsed) = (self.settle.polls, now.since(self.settle.began));
            self.log(Event::GossipSettled { polls, elapsed });
            return self.end_settling();
        }
        self.timers.set(Timer::SettlePoll, now + self.poll_interval());
    }

    pub(super) fn settle_end(&mut self, now: Instant) {
        let (polls, elapsed) = (self.settle.polls, now.since(self.settle.began));
        self.log(Event::GossipNotSettled { polls, elapsed });
        self.end_settling();
    }

    fn end_settling(&mut self) {
        self.timers.clear(Timer::SettlePoll);
        self.timers.clear(Timer::SettleEnd);
        self.settle.is_ready = true;
        self.effects.push_back(Effect::Settled);
    }

    fn poll_interval(&self) -> Duration {
        // With gossip off the polls must not run without end.
        self.settings.gossip_interval.max(Duration::from_millis(1)) * POLL_INTERVALS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fifth_equal_poll_settles() {
        let settled = |counts: &[usize]| {
            let mut settle = Settle::default();
            counts.iter().position(|&n| settle.count(n)).map(|at| at + 1)
        };
        assert_eq!(settled(&[1; 9]), Some(5));
        assert_eq!(settled(&[3; 9]), Some(5));
        assert_eq!(settled(&[1, 1, 2, 3, 3, 3, 3, 3, 3]), Some(8));
        assert_eq!(settled(&[1, 2, 1, 2, 1, 2]), None);
    }
}
