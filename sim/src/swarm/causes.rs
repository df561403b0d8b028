//! Why something was told that need not have been.

use std::time::Duration;

use super::{
    run::Runner,
    truth::{Span, Trouble},
};
use crate::notice::Notice;

/// What explains a duplicate, or an answer that came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The first sender died, or was stopped, before its peers could know what it had told.
    SenderDied,
    /// The second sender had just started and did not know yet.
    JustStarted,
    /// The hosts could not hear each other, or had not found each other again.
    Partition,
    /// One of the senders heard nothing from the Prometheus servers.
    Deaf,
    /// Packets were lost or late.
    Network,
    /// The clocks differed.
    Clocks,
    /// The receiver did not answer, or too late.
    Receiver,
    /// Nothing explains it.
    Unexplained,
}

impl Cause {
    /// All causes.
    pub const ALL: [Self; 8] = [
        Self::SenderDied,
        Self::JustStarted,
        Self::Partition,
        Self::Deaf,
        Self::Network,
        Self::Clocks,
        Self::Receiver,
        Self::Unexplained,
    ];

    /// Returns the cause in words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SenderDied => "the sender died before its peers knew",
            Self::JustStarted => "the second sender had just started",
            Self::Partition => "partition, or not found again yet",
            Self::Deaf => "a sender got no posts",
            Self::Network => "packets lost or late",
            Self::Clocks => "clocks differ",
            Self::Receiver => "the receiver failed or was late",
            Self::Unexplained => "unexplained",
        }
    }
}

/// How long after a fault its traces count: members that were thought dead are found again by the
/// next reconnect (10 s) or full exchange (60 s), which may fail once.
const AFTERMATH: Duration = Duration::from_secs(130);
/// How long it takes to tell the peers, on a good network.
const TELLS: Duration = Duration::from_secs(3);

impl Runner {
    /// Says why `second` was told though `first` had been.
    pub(super) fn explain(&self, first: &Notice, second: &Notice) -> Cause {
        let between = Span { from: first.at, until: second.at };
        let slow = Duration::from_secs(15);
        let meets = |wanted: &dyn Fn(&Trouble) -> bool, span: Span| {
            self.truth.troubles.iter().any(|(when, what)| wanted(what) && when.meets(span))
        };
        let senders = [first.from, second.from];
        let told = Span { from: first.at, until: first.at + slow + TELLS };
        if meets(&|what| matches!(what, Trouble::Down(id) if *id == first.from), told) {
            return Cause::SenderDied;
        }
        let fresh = between.widened(Duration::from_secs(30), Duration::ZERO);
        if meets(&|what| matches!(what, Trouble::Down(id) if *id == second.from), fresh) {
            return Cause::JustStarted;
        }
        let is_between = |what: &Trouble| match what {
            Trouble::Cut(inside) => inside.contains(&senders[0]) != inside.contains(&senders[1]),
            _ => false,
        };
        if first.from != second.from
            && meets(&is_between, between.widened(AFTERMATH, Duration::ZERO))
        {
            return Cause::Partition;
        }
        // What it does not hear of any more ends after four times the resend interval.
        let is_deaf = |what: &Trouble| match what {
            Trouble::Deaf(id) => senders.contains(id),
            _ => false,
        };
        let [_, interval, _] = self.mix.timing;
        let heard = self.mix.resend * 5 + interval;
        if meets(&is_deaf, between.widened(heard, Duration::ZERO)) {
            return Cause::Deaf;
        }
        if meets(&|what| matches!(what, Trouble::Receiver), between.widened(slow, slow)) {
            return Cause::Receiver;
        }
        if !self.truth.skew.is_zero() {
            return Cause::Clocks;
        }
        let link = self.mix.link;
        if first.from != second.from && (link.loss > 0.02 || link.breaks > 0.02) {
            return Cause::Network;
        }
        Cause::Unexplained
    }
}
