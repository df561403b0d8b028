//! Membership alone: how fast a cluster finds a crash, what it costs, and when it errs.
//!
//! [`Cluster`](campana_core::cluster::Cluster) values run on a virtual network without nodes around
//! them, so that a thousand members fit. Every figure is measured with Lifeguard and with plain
//! SWIM, on the same seeds, and stands beside what the papers predict. Plain SWIM here is the same
//! code with [`lifeguard`](campana_core::cluster::Settings::lifeguard) off: what memberlist adds
//! besides, gossip ticks and TCP probes, is in both.

mod command;
mod formula;
mod net;
mod report;

use std::time::Duration;

use campana_core::time::Instant;

pub use self::{
    command::command,
    net::{Fault, Net, Notice, Sent},
    report::{Plan, report},
};

/// Members that the others know at start.
const SEEDS: usize = 3;
/// Members start within this time.
const JOIN_WAVE: Duration = Duration::from_secs(1);
/// Clusters above this size are not parted: when every member speaks of every other, a run takes
/// an hour.
pub const PARTED_MAX: usize = 500;
/// What is measured is given up after this long.
const PATIENCE: Duration = Duration::from_secs(900);

/// A crash, and when it was known; times from the crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crash {
    /// The first member suspected it.
    pub suspected: Duration,
    /// The first member held it dead.
    pub first: Duration,
    /// The last one did.
    pub last: Duration,
}

/// What one cluster showed from its start to its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Life {
    /// From the last start until every member knew every other.
    pub joined: Duration,
    /// From each member's start until it had settled.
    pub settled: Vec<Duration>,
    /// What all sent within `rest`, while nothing happened.
    pub sent_at_rest: Sent,
    /// How long nothing happened.
    pub rest: Duration,
    /// From the end of a partition into halves until every member knew every other; none in
    /// clusters above [`PARTED_MAX`].
    pub healed: Option<Duration>,
    /// Members that crashed, one after the other.
    pub crashes: Vec<Crash>,
    /// Deaths declared of members that were alive, the partition aside.
    pub false_deaths: u64,
    /// The virtual time of it all.
    pub took: Duration,
}

/// What a cluster with faulty members showed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Errors {
    /// Times that a sound member was held dead by somebody, after nobody did.
    pub victims: u64,
    /// Verdicts of death on sound members, by any member: the paper's FP.
    pub verdicts: u64,
    /// Those of them that sound members gave: the paper's FP⁻ ("at healthy members").
    pub verdicts_of_sound: u64,
    /// Verdicts of death on faulty members.
    pub verdicts_on_faulty: u64,
    /// Suspicions, counted at each member.
    pub suspicions: u64,
    /// The virtual time of it all, with the start.
    pub took: Duration,
}

/// Why a measurement has no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished(pub &'static str);

impl std::fmt::Display for Unfinished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} did not come to an end within 15 minutes", self.0)
    }
}

impl std::error::Error for Unfinished {}

/// A network, and who of it believes what.
#[derive(Debug)]
struct Watch {
    net: Net,
    began: Instant,
    starts: Vec<Instant>,
    is_up: Vec<bool>,
    /// How many members each should see.
    expected: Vec<usize>,
    views: Vec<usize>,
    /// Members that see another number than they should.
    wrong: usize,
    settled: Vec<Duration>,
    first_suspicion: Option<Instant>,
    first_death: Option<Instant>,
    errors: Errors,
    is_faulty: Vec<bool>,
    /// How many hold each member dead.
    held_dead: Vec<u32>,
}

impl Watch {
    /// Starts `n` members within a second and waits until all know each other.
    fn start(n: usize, seed: u64, lifeguard: bool) -> Result<(Self, Duration), Unfinished> {
        let mut net = Net::new(seed, lifeguard);
        let began = net.now();
        let mut starts = Vec::new();
        for i in 0..n {
            let delay = net.draw(JOIN_WAVE);
            starts.push(began + delay);
            net.add(delay, (0..n.min(SEEDS)).filter(|&seed| seed != i).collect());
        }
        let last = starts.iter().max().copied().unwrap_or(began);
        let mut watch = Self {
            net,
            began,
            starts,
            is_up: vec![true; n],
            expected: vec![n; n],
            views: vec![0; n],
            wrong: n,
            settled: Vec::new(),
            first_suspicion: None,
            first_death: None,
            errors: Errors::default(),
            is_faulty: vec![false; n],
            held_dead: vec![0; n],
        };
        let joined = watch.agree("the join")?.since(last);
        Ok((watch, joined))
    }

    /// Runs until every member sees as many as it should; returns when.
    fn agree(&mut self, what: &'static str) -> Result<Instant, Unfinished> {
        let end = self.net.now() + PATIENCE;
        while self.wrong > 0 {
            if !self.net.run_until(end) {
                return Err(Unfinished(what));
            }
            self.look();
        }
        Ok(self.net.now())
    }

    fn run(&mut self, span: Duration) {
        let end = self.net.now() + span;
        while self.net.run_until(end) {
            self.look();
        }
    }

    /// Takes in what was noticed.
    fn look(&mut self) {
        for (at, notice) in self.net.take_notices() {
            match notice {
                Notice::Settled { by } => self.settled.push(at.since(self.starts[by])),
                Notice::Suspected { .. } => {
                    self.errors.suspicions += 1;
                    self.first_suspicion.get_or_insert(at);
                }
                Notice::Joined { by, member } => {
                    self.held_dead[member] = self.held_dead[member].saturating_sub(1);
                    self.see(by);
                }
                Notice::Left { by, member } => {
                    self.first_death.get_or_insert(at);
                    self.judge(by, member);
                    self.see(by);
                }
            }
        }
    }

    fn judge(&mut self, by: usize, member: usize) {
        self.held_dead[member] += 1;
        if !self.is_up[member] {
        } else if self.is_faulty[member] {
            self.errors.verdicts_on_faulty += 1;
        } else {
            self.errors.victims += u64::from(self.held_dead[member] == 1);
            self.errors.verdicts += 1;
            self.errors.verdicts_of_sound += u64::from(!self.is_faulty[by]);
        }
    }

    fn see(&mut self, by: usize) {
        let was_wrong = self.is_up[by] && self.views[by] != self.expected[by];
        self.views[by] = self.net.view(by);
        let is_wrong = self.is_up[by] && self.views[by] != self.expected[by];
        self.wrong = self.wrong + usize::from(is_wrong) - usize::from(was_wrong);
    }

    fn expect(&mut self, expected: impl Fn(usize) -> usize) {
        self.wrong = 0;
        for i in 0..self.views.len() {
            self.expected[i] = expected(i);
            self.wrong += usize::from(self.is_up[i] && self.views[i] != self.expected[i]);
        }
    }

    fn crash(&mut self, victim: usize) -> Result<Crash, Unfinished> {
        (self.first_suspicion, self.first_death) = (None, None);
        self.net.crash(victim);
        self.is_up[victim] = false;
        let left = self.is_up.iter().filter(|is_up| **is_up).count();
        self.expect(|_| left);
        let now = self.net.now();
        let last = self.agree("the crash")?;
        let since = |at: Option<Instant>| at.unwrap_or(last).since(now);
        Ok(Crash {
            suspected: since(self.first_suspicion),
            first: since(self.first_death),
            last: last.since(now),
        })
    }
}

/// Measures the life of a cluster of `n`: join, rest, a partition into halves of `parted` and its
/// end, and `crashes` crashes one after the other.
///
/// # Errors
/// Something did not come to an end.
pub fn live(n: usize, seed: u64, lifeguard: bool, crashes: usize) -> Result<Life, Unfinished> {
    let (mut watch, joined) = Watch::start(n, seed, lifeguard)?;
    let mut life = Life { joined, ..Life::default() };
    // What the join queued goes out, and everybody settles.
    watch.run(calm(n));
    let before = watch.net.sent();
    life.rest = Duration::from_secs(120);
    watch.run(life.rest);
    life.sent_at_rest = watch.net.sent().since(before);
    life.settled.clone_from(&watch.settled);
    life.false_deaths = watch.errors.verdicts;
    if n <= PARTED_MAX {
        life.healed = Some(part(&mut watch)?);
    }
    let verdicts = watch.errors.verdicts;
    // Seeds do not crash, so that members who start have somebody to call.
    let mut left: Vec<usize> = if n > SEEDS { (SEEDS..n).collect() } else { (1..n).collect() };
    for _ in 0..crashes.min(n.saturating_sub(2)).min(left.len()) {
        let pause = watch.net.draw(Duration::from_secs(2));
        watch.run(Duration::from_secs(40) + pause);
        let place = watch.net.draw(Duration::from_secs(left.len() as u64)).as_secs() as usize;
        let victim = left.swap_remove(place);
        life.crashes.push(watch.crash(victim)?);
    }
    life.false_deaths += watch.errors.verdicts - verdicts;
    life.took = watch.net.now().since(watch.began);
    Ok(life)
}

/// How long queues are given to run empty: a thousand members have 16 times as much to say of each
/// other as fits into a second.
fn calm(n: usize) -> Duration {
    Duration::from_secs(60 + n as u64 / 20)
}

/// Parts the cluster into halves until each is all that it sees, and for a minute more; returns
/// how long the whole took to agree again.
fn part(watch: &mut Watch) -> Result<Duration, Unfinished> {
    let n = watch.views.len();
    for i in 0..n {
        watch.net.set_side(i, u8::from(i >= n / 2));
    }
    watch.expect(|i| if i < n / 2 { n / 2 } else { n - n / 2 });
    watch.agree("the partition")?;
    watch.run(Duration::from_secs(60));
    for i in 0..n {
        watch.net.set_side(i, 0);
    }
    watch.expect(|_| n);
    let healed = watch.net.now();
    let agreed = watch.agree("the end of the partition")?;
    // Health scores recover before anything else is measured.
    watch.run(calm(n));
    Ok(agreed.since(healed))
}

/// Counts the errors of a cluster of `n` of which the last `faulty` suffer a fault for `span`.
///
/// # Errors
/// The cluster did not even start.
pub fn err(
    n: usize,
    seed: u64,
    lifeguard: bool,
    faulty: usize,
    fault: Fault,
    span: Duration,
) -> Result<Errors, Unfinished> {
    let (mut watch, _) = Watch::start(n, seed, lifeguard)?;
    watch.run(Duration::from_secs(60));
    watch.errors = Errors::default();
    for i in n - faulty..n {
        watch.is_faulty[i] = true;
        watch.net.set_fault(i, Some(fault));
    }
    watch.run(span);
    watch.errors.took = watch.net.now().since(watch.began);
    Ok(watch.errors)
}
