//! The gossip cluster: who is there, and how records reach everybody.
//!
//! This is SWIM with Lifeguard as hashicorp/memberlist runs it for Alertmanager, and the layer that
//! Alertmanager puts above it, as one state machine without I/O. It knows nothing of alerts: the
//! owner of a *key* (`nfl`, `sil`, …) hands in *records*, opaque bytes that the same owner merges
//! on the other side. "Reference" in the docs of this module and its parts names the inventory of
//! upstream's behaviour, section by section.
//!
//! # Use
//! Call the `on_*` methods and the verbs, drain [`Cluster::poll`], and call
//! [`Cluster::on_timeout`] when [`Cluster::deadline`] has passed. An early call changes nothing, a
//! late one only delays.
//!
//! # Ties
//! What arrives at the instant of a deadline comes before it, since the caller hands over inputs
//! before it calls `on_timeout`. Timers of one instant fire in the order of `Timer`'s variants:
//! ends before beginnings, so an answer that is due is given before the probe that waits for it is
//! judged. A relay sends its nack after 80 % of the probe timeout, as the Lifeguard paper has it:
//! upstream's waits for all of it and races with the prober's deadline (reference B.8).
//!
//! # Departures from upstream, all compatible on the wire
//! * Messages are handled in the order they arrive, not newest first (reference B.10).
//! * A record replaces the queued one of the same name; records of one tick travel together in one
//!   message; what packets cannot carry soon goes to every member on a stream, and is repeated
//!   until it arrived (see `Cluster::broadcast`). Only records that were new are passed on.
//! * A suspicion of a higher incarnation begins a new suspicion, since the member refuted the old
//!   one (reference B.9 calls upstream's rule a candidate bug).
//! * Peers are dialled side by side, not one after the other.
//! * Strangers, relays, streams, queues and log lines are bounded (see [`crate::limits`]).

mod advertise;
mod bulk;
mod exchange;
mod formula;
mod gossip;
mod member;
mod merge;
mod part;
mod peers;
mod probe;
mod queue;
mod settle;
mod suspicion;
#[cfg(test)]
mod tests;
mod tls;
mod types;

use alloc::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    string::{String, ToString as _},
    sync::Arc,
    vec::Vec,
};
use core::net::SocketAddr;

pub use self::{
    advertise::{Advertised, advertised, local_addresses, own_addresses},
    types::{
        Effect, Oversized, Peer, Secured, Settings, Source, Stats, Status, StreamCommand,
        StreamEvent, Traffic,
    },
};
use self::{
    bulk::{Bulk, Written},
    exchange::{Dial, Exchange},
    formula::Health,
    gossip::RecordName,
    member::{MemberId, Name, Table, below_span},
    peers::Peers,
    probe::{Probe, Relay},
    queue::Queue,
    settle::Settle,
    tls::Pipes,
};
use crate::{
    event::Event,
    id::{Counter, ResolveId, StreamId},
    limits::{GOSSIP_NAMES_TOLD_MAX, GOSSIP_QUEUE_MAX},
    rng::Rng,
    time::{Deadline, Instant, Now, Reason},
    timer::Timers,
    wire::memberlist::{Alive, VSN},
};

/// How often the queue of records is cut to its bound (reference A.9).
const PRUNE_INTERVAL: core::time::Duration = core::time::Duration::from_secs(15 * 60);

/// What the cluster waits for. Timers of one instant fire in this order: see the module's docs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Timer {
    /// A relay has to tell that it got no answer.
    Nack(u32),
    /// A relay stops waiting.
    RelayEnd(u32),
    /// The direct probe got no answer: ask others.
    ProbeDirect,
    /// The probe is over.
    ProbeEnd,
    /// A suspected member has not spoken up.
    Suspicion(MemberId),
    /// A stream takes too long.
    Stream(StreamId),
    /// The next probe.
    Probe,
    /// The next gossip tick.
    Gossip,
    /// The next full exchange.
    PushPull,
    /// A stream of records that failed is tried again.
    Bulk,
    /// The peers' names are resolved again.
    Refresh,
    /// Names without addresses are resolved again.
    ResolveAgain,
    /// The time for resolving at start is over.
    ResolveEnd,
    /// Failed peers are tried again.
    Reconnect,
    /// Peers that failed long ago are forgotten.
    Forget,
    /// The queue of records is cut.
    Prune,
    /// The members are counted.
    SettlePoll,
    /// The wait for agreement is over.
    SettleEnd,
    /// The wait for the leave message is over.
    LeaveEnd,
}

/// How far leaving is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaving {
    No,
    Waiting,
    Done,
}

/// One node's part in the cluster.
#[derive(Debug)]
pub struct Cluster {
    settings: Settings,
    name: Name,
    me: MemberId,
    /// `max(peers / 2, 3)`: targets of a gossip tick, and multiplier of the records' transmit limit
    /// (reference A.9).
    fanout: usize,
    now: Instant,
    rng: Rng,
    timers: Timers<Timer>,
    effects: VecDeque<Effect>,
    members: Table,
    incarnation: u32,
    next_seq: u32,
    health: Health,
    /// Membership messages, named by whom they speak of.
    news: Queue<Name>,
    records: Queue<RecordName>,
    bulk: Bulk,
    /// The last stream of records that was written, while some are open.
    written: Option<Written>,
    /// Gossip ticks in a row that left own records unsent.
    held_ticks: u32,
    /// Gossip ticks lie on a grid from here.
    gossip_origin: Instant,
    probe: Option<Probe>,
    probe_missed: bool,
    relays: BTreeMap<u32, Relay>,
    exchanges: BTreeMap<StreamId, Exchange>,
    dials: VecDeque<Dial>,
    next_stream: Counter,
    peers: Peers,
    pipes: Pipes,
    settle: Settle,
    leaving: Leaving,
    stats: Stats,
    told: BTreeSet<String>,
}

impl Cluster {
    /// Makes a node that is its own only member. It answers from now on, and looks for others once
    /// [`join`](Self::join) is called. The settings should pass [`Settings::check`].
    pub fn new(now: Now, mut settings: Settings, mut rng: Rng) -> Self {
        if settings.name.is_empty() {
            settings.name = ulid(now, &mut rng);
        }
        let at = now.instant;
        let alive = Alive {
            incarnation: 1,
            node: settings.name.clone(),
            addr: settings.advertise,
            meta: Vec::new(),
            vsn: VSN,
        };
        let mut members = Table::default();
        let me = members.insert(at, &mut rng, &alive);
        let mut cluster = Self {
            name: settings.name.as_str().into(),
            me,
            fanout: (settings.peers.len() / 2).max(3),
            now: at,
            timers: Timers::new(),
            effects: VecDeque::new(),
            members,
            incarnation: 1,
            next_seq: 0,
            health: Health::default(),
            news: Queue::new(),
            records: Queue::new(),
            bulk: Bulk::default(),
            written: None,
            held_ticks: 0,
            gossip_origin: at + below_span(&mut rng, settings.gossip_interval),
            probe: None,
            probe_missed: false,
            relays: BTreeMap::new(),
            exchanges: BTreeMap::new(),
            dials: VecDeque::new(),
            next_stream: Counter::default(),
            peers: Peers::new(&settings.peers),
            pipes: Pipes::default(),
            settle: Settle::default(),
            leaving: Leaving::No,
            stats: Stats { secured: settings.tls.then(Secured::default), ..Stats::default() },
            told: BTreeSet::new(),
            settings,
            rng,
        };
        cluster.start(alive);
        cluster
    }

    fn start(&mut self, alive: Alive) {
        let (now, me) = (self.now, self.me);
        self.accept_alive(now, me, alive);
        let first = below_span(&mut self.rng, self.settings.probe_interval);
        self.arm_every(Timer::Probe, now + first, self.settings.probe_interval);
        self.arm_push_pull(true);
        self.timers.set(Timer::Prune, now + PRUNE_INTERVAL);
        self.timers.set(Timer::Forget, now + peers::FORGET_INTERVAL);
        self.finish(now);
    }

    /// Takes a packet. Poll afterwards.
    pub fn on_datagram(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        self.now = now;
        self.take_packet(now, from, bytes);
        self.finish(now);
    }

    /// Takes news of a stream. Poll afterwards.
    pub fn on_stream(&mut self, now: Instant, id: StreamId, event: StreamEvent) {
        self.now = now;
        self.take_stream_event(now, id, event);
        self.finish(now);
    }

    /// Takes the addresses of a name that [`Effect::Resolve`] asked for. Poll afterwards.
    pub fn on_resolved(
        &mut self,
        now: Instant,
        id: ResolveId,
        result: Result<Vec<core::net::IpAddr>, String>,
    ) {
        self.now = now;
        self.take_resolved(now, id, result);
        self.finish(now);
    }

    /// Takes the full state that [`Effect::WantState`] asked for: the records of each key, one
    /// after the other. Poll afterwards.
    pub fn provide_state(&mut self, now: Instant, id: StreamId, state: &[(&'static str, Vec<u8>)]) {
        self.now = now;
        self.send_state(now, id, state);
        self.finish(now);
    }

    /// Handles what is due. Poll afterwards.
    pub fn on_timeout(&mut self, now: Instant) {
        self.now = now;
        while let Some((at, timer)) = self.timers.pop_due(now) {
            self.on_timer(now, at, timer);
        }
        self.finish(now);
    }

    fn on_timer(&mut self, now: Instant, at: Instant, timer: Timer) {
        match timer {
            Timer::Nack(seq) => self.send_nack(seq),
            Timer::RelayEnd(seq) => drop(self.relays.remove(&seq)),
            Timer::ProbeDirect => self.probe_indirectly(now),
            Timer::ProbeEnd => self.end_probe(now),
            Timer::Suspicion(id) => self.end_suspicion(now, id),
            Timer::Stream(id) => self.end_exchange(now, id, Err("timeout".into())),
            Timer::Probe => {
                self.arm_every(Timer::Probe, at, self.settings.probe_interval);
                self.start_probe(now);
            }
            Timer::Gossip => self.gossip(now),
            Timer::PushPull => self.push_pull(now),
            Timer::Bulk => self.send_bulk(now),
            Timer::Refresh => self.refresh(now),
            Timer::ResolveAgain => self.resolve_again(now),
            Timer::ResolveEnd => self.end_resolving(now),
            Timer::Reconnect => self.reconnect(now),
            Timer::Forget => self.forget_peers(now),
            Timer::Prune => {
                self.timers.set(Timer::Prune, now + PRUNE_INTERVAL);
                self.stats.pruned.add(self.records.prune(GOSSIP_QUEUE_MAX) as u64);
            }
            Timer::SettlePoll => self.settle_poll(now),
            Timer::SettleEnd => self.settle_end(now),
            Timer::LeaveEnd => self.depart(false),
        }
    }

    /// Takes the next effect; call until it returns `None` after each of the methods above.
    #[must_use = "effects must be carried out"]
    pub fn poll(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Returns when [`on_timeout`](Self::on_timeout) wants to be called.
    pub fn deadline(&self) -> Option<Deadline> {
        self.timers.next_at().map(|at| Deadline { at, reason: Reason::Cluster })
    }

    /// Tells the others that this node leaves; [`Effect::Departed`] says when they know, or that
    /// `timeout` passed before. The node goes on answering. Poll afterwards.
    ///
    /// Records that still wait go out as well, so that who takes over knows what was notified last;
    /// upstream loses them.
    ///
    /// With nobody left to tell it is over at once; upstream waits for the whole time (reference
    /// A.4).
    pub fn leave(&mut self, now: Instant, timeout: core::time::Duration) {
        self.now = now;
        if self.leaving != Leaving::No {
            return;
        }
        self.leaving = Leaving::Waiting;
        self.timers.set(Timer::LeaveEnd, now + timeout);
        self.announce_leave(now);
        self.finish(now);
    }

    /// Counts the streams of a state from zero on, instead of from its first one.
    pub fn add_state(&mut self, key: &'static str) {
        self.stats.oversized.entry(key).or_default();
    }

    /// Counts records that their owner could not use, and tells the log about the first. Poll
    /// afterwards.
    pub fn refuse_records(&mut self, err: String) {
        self.stats.refused.increase();
        self.log_once("records".into(), Event::GossipRecordRefused { err });
    }

    /// Returns this node's name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Returns the members that are there, by name; the suspected and this node included.
    pub fn members(&self) -> impl Iterator<Item = Peer> {
        self.members
            .by_name()
            .filter(|(_, member)| member.is_live())
            .map(|(_, member)| Peer { name: member.name.clone(), address: member.addr })
    }

    /// Returns how many members are there, this node included.
    pub fn member_count(&self) -> usize {
        self.members.live()
    }

    /// Returns this node's place among the members in the order of their names, from 0; their
    /// number when this node has left (reference A.7).
    pub fn position(&self) -> usize {
        let mut place = 0;
        for (id, member) in self.members.by_name() {
            if member.is_live() {
                if id == self.me {
                    return place;
                }
                place += 1;
            }
        }
        place
    }

    /// Returns how many peers failed, left or were never reached, and are still tried.
    pub fn failed_peers(&self) -> usize {
        self.peers.failed()
    }

    /// Returns the local health score, 0 (healthy) to 7.
    pub fn health_score(&self) -> u32 {
        self.health.score()
    }

    /// Returns whether the cluster has settled.
    pub fn status(&self) -> Status {
        self.settle.status()
    }

    /// Tells whether notifications may be sent.
    pub fn is_settled(&self) -> bool {
        self.status() == Status::Ready
    }

    /// Returns how many records wait to be gossiped.
    pub fn queued(&self) -> usize {
        self.records.len() + self.bulk.len()
    }

    /// Returns the numbers for metrics.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Brings the state in order after an input: arms what the input made necessary.
    fn finish(&mut self, now: Instant) {
        let is_idle = self.news.is_empty() && self.records.is_empty() && !self.bulk.has_work();
        if !is_idle && self.members.len() > 1 && self.timers.get(Timer::Gossip).is_none() {
            self.arm_every(Timer::Gossip, self.gossip_origin, self.settings.gossip_interval);
        }
        if self.leaving == Leaving::Waiting {
            let is_told = !self.news.contains(&self.name) && self.is_flushed();
            if is_told || self.members.live() == 0 {
                self.depart(true);
            }
        }
        self.now = now;
    }

    fn depart(&mut self, is_told: bool) {
        if self.leaving == Leaving::Waiting {
            self.leaving = Leaving::Done;
            self.timers.clear(Timer::LeaveEnd);
            if !is_told {
                self.log(Event::LeaveTimedOut {});
            }
            self.effects.push_back(Effect::Departed(is_told));
        }
    }

    /// Arms a timer for the next point of the grid `origin + k * interval` after now. A late timer
    /// skips points instead of catching up; an interval of zero means never.
    fn arm_every(&mut self, timer: Timer, origin: Instant, interval: core::time::Duration) {
        let step = interval.as_nanos();
        if step == 0 {
            return;
        }
        let passed = u128::from(self.now.as_nanos().saturating_sub(origin.as_nanos()));
        let steps = if self.now < origin { 0 } else { passed / step + 1 };
        let ahead = u64::try_from(steps * step).unwrap_or(u64::MAX);
        self.timers.set(timer, origin + core::time::Duration::from_nanos(ahead));
    }

    fn log(&mut self, event: Event) {
        self.effects.push_back(Effect::Log(event));
    }

    /// Logs an event unless one of the same topic was logged in the last minutes.
    fn log_once(&mut self, topic: String, event: Event) {
        if self.told.len() < GOSSIP_NAMES_TOLD_MAX && self.told.insert(topic) {
            self.log(event);
        }
    }

    /// Counts refused bytes, and tells about the first of their sender.
    fn refuse(&mut self, from: SocketAddr, error: &dyn core::fmt::Display) {
        self.stats.refused.increase();
        let event = Event::GossipRefused { address: from.to_string(), err: error.to_string() };
        self.log_once(alloc::format!("refused {}", from.ip()), event);
    }

    fn label(&self) -> &[u8] {
        self.settings.label.as_bytes()
    }
}

/// Makes a name that sorts by the time it was made, so that the node that runs longest comes first:
/// 48 bits of milliseconds and 80 random ones in Crockford's base 32 (reference A.2).
fn ulid(now: Now, rng: &mut Rng) -> String {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let millis = u128::from((now.wall.as_nanos().max(0) as u64) / 1_000_000);
    let random = (u128::from(rng.next_u64()) << 16) | u128::from(rng.next_u64() & 0xffff);
    let number = (millis << 80) | random;
    (0..26).rev().map(|i| char::from(DIGITS[(number >> (5 * i)) as usize & 31])).collect()
}
