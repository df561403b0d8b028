//! What lies between hosts, and between hosts and receivers.
//!
//! Every packet and every piece of a stream asks for a [`Verdict`]. Faults are rules that can be
//! put and lifted at any time; the first one that speaks against a packet decides.

use std::{collections::BTreeMap, time::Duration};

use crate::{chance::Chance, host::HostId};

/// What becomes of a packet between two hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It arrives after a while.
    Pass(Duration),
    /// It is lost.
    Drop,
    /// It waits at the sender until nobody holds it any more.
    Hold,
}

/// Something that is wrong between hosts, one way: both ways need two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing arrives.
    Cut(Vec<HostId>, Vec<HostId>),
    /// Nothing arrives until the fault is lifted; then everything does.
    Clog(Vec<HostId>, Vec<HostId>),
}

impl Fault {
    fn verdict(&self, from: HostId, to: HostId) -> Option<Verdict> {
        let (senders, receivers, verdict) = match self {
            Self::Cut(senders, receivers) => (senders, receivers, Verdict::Drop),
            Self::Clog(senders, receivers) => (senders, receivers, Verdict::Hold),
        };
        (senders.contains(&from) && receivers.contains(&to)).then_some(verdict)
    }
}

/// A fault that was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FaultId(u64);

/// How packets between hosts fare when no fault concerns them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Link {
    /// The least time one way.
    pub delay: Duration,
    /// What chance adds to it at most. More than the time between packets reorders them.
    pub jitter: Duration,
    /// The probability that a packet is lost. Streams send it again and are late.
    pub loss: f64,
    /// The probability that a packet arrives twice.
    pub repeat: f64,
    /// The probability that a stream breaks with a piece of it.
    pub breaks: f64,
}

/// The network.
#[derive(Clone, Debug)]
pub struct Network {
    /// How long a request takes to its receiver, and an answer back.
    pub delay: Duration,
    /// What packets between hosts meet.
    pub link: Link,
    /// Whether names of hosts cannot be resolved.
    pub names_fail: bool,
    faults: BTreeMap<FaultId, Fault>,
    count: u64,
    chance: Chance,
}

impl Network {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            delay: Duration::ZERO,
            link: Link::default(),
            names_fail: false,
            faults: BTreeMap::new(),
            count: 0,
            chance: Chance::new(seed, 1),
        }
    }

    /// Puts a fault.
    pub fn put(&mut self, fault: Fault) -> FaultId {
        self.count += 1;
        self.faults.insert(FaultId(self.count), fault);
        FaultId(self.count)
    }

    /// Cuts two sets of hosts from each other, both ways.
    pub fn cut(&mut self, one: &[HostId], other: &[HostId]) -> [FaultId; 2] {
        [
            self.put(Fault::Cut(one.to_vec(), other.to_vec())),
            self.put(Fault::Cut(other.to_vec(), one.to_vec())),
        ]
    }

    /// Lifts a fault, if it is still there.
    pub fn lift(&mut self, id: FaultId) {
        self.faults.remove(&id);
    }

    /// Lifts every fault.
    pub fn heal(&mut self) {
        self.faults.clear();
    }

    fn fault(&self, from: HostId, to: HostId) -> Option<Verdict> {
        self.faults.values().find_map(|fault| fault.verdict(from, to))
    }

    fn span(&mut self) -> Duration {
        self.link.delay + self.chance.between(Duration::ZERO, self.link.jitter)
    }

    /// Decides about a packet.
    pub(crate) fn packet(&mut self, from: HostId, to: HostId) -> Verdict {
        match self.fault(from, to) {
            Some(verdict) => verdict,
            None if self.chance.happens(self.link.loss) => Verdict::Drop,
            None => Verdict::Pass(self.span()),
        }
    }

    /// Tells whether a packet that passes arrives once more, and when.
    pub(crate) fn again(&mut self) -> Option<Duration> {
        self.chance.happens(self.link.repeat).then(|| self.span())
    }

    /// Decides how long a piece of a stream takes. `None` breaks the stream.
    pub(crate) fn piece(&mut self) -> Option<Duration> {
        /// What it costs to send a lost packet again.
        const AGAIN: Duration = Duration::from_millis(200);
        if self.chance.happens(self.link.breaks) {
            return None;
        }
        let mut span = self.span();
        // A loss of one is a cut, which is a fault of its own.
        for _ in 0..10 {
            if !self.chance.happens(self.link.loss) {
                break;
            }
            span += AGAIN;
        }
        Some(span)
    }

    /// Tells whether nothing passes at the moment.
    pub(crate) fn is_blocked(&self, from: HostId, to: HostId) -> bool {
        self.fault(from, to).is_some()
    }
}
