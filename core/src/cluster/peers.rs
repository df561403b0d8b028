//! The layer above membership: finding peers by their configured names, and again when they are
//! lost (reference A.3 to A.5).

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::{String, ToString as _},
    vec::Vec,
};
use core::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use super::{
    Cluster, Effect, Leaving, Timer,
    advertise::is_elsewhere,
    exchange::{Dial, Why},
    types::{is_unroutable, split_host_port},
};
use crate::{
    event::Event,
    id::{Counter, ResolveId},
    limits::GOSSIP_FAILED_PEERS_MAX,
    time::Instant,
};

/// How often the peers' names are resolved again; upstream has no flag for it.
const REFRESH_INTERVAL: Duration = Duration::from_secs(15);
/// How soon a name without addresses is resolved again at start.
const EMPTY_RETRY: Duration = Duration::from_secs(2);
/// How often peers that failed long ago are looked for.
pub(super) const FORGET_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// How far the first search for peers is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    /// It has not begun.
    Waiting,
    /// Names are resolved, peers are called.
    Running,
    /// Every peer was reached or not.
    Over,
}

/// The configured peers, and those that are missing.
#[derive(Debug)]
pub(super) struct Peers {
    known: Vec<(String, u16)>,
    lookups: BTreeMap<ResolveId, Lookup>,
    /// Known peers whose names have no address yet.
    empty: BTreeSet<usize>,
    /// Missing peers, and since when.
    failed: BTreeMap<SocketAddr, Instant>,
    next_id: Counter,
    first: First,
    /// Peers reached in the first search.
    reached: usize,
    /// Why the last one was not.
    last_error: String,
    resolve_ends: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Lookup {
    peer: usize,
    why: Why,
}

impl Peers {
    /// Takes the configured peers; those that are not `host:port` are left out, see
    /// [`Settings::check`](super::Settings::check).
    pub(super) fn new(peers: &[String]) -> Self {
        let split = |peer: &String| {
            split_host_port(peer).ok().map(|(host, port)| (String::from(host), port))
        };
        Self {
            known: peers.iter().filter_map(split).collect(),
            lookups: BTreeMap::new(),
            empty: BTreeSet::new(),
            failed: BTreeMap::new(),
            next_id: Counter::default(),
            first: First::Waiting,
            reached: 0,
            last_error: String::new(),
            resolve_ends: Instant::default(),
        }
    }

    pub(super) fn failed(&self) -> usize {
        self.failed.len()
    }

    pub(super) fn is_missing(&self, addr: SocketAddr) -> bool {
        self.failed.contains_key(&addr)
    }

    pub(super) fn on_joined(&mut self, addr: SocketAddr) {
        self.failed.remove(&addr);
    }

    /// Remembers a missing peer; of too many, the one that is missing longest is forgotten.
    pub(super) fn on_left(&mut self, now: Instant, addr: SocketAddr) {
        self.failed.insert(addr, now);
        if self.failed.len() > GOSSIP_FAILED_PEERS_MAX {
            let oldest = self.failed.iter().min_by_key(|(_, since)| **since).map(|(a, _)| *a);
            oldest.and_then(|addr| self.failed.remove(&addr));
        }
    }
}

impl Cluster {
    /// Looks for the configured peers and, once each was reached or not, waits for the cluster to
    /// settle. Poll afterwards.
    ///
    /// Every peer counts as failed until it is a member. What cannot be reached is tried again:
    /// failed peers every `reconnect_interval`, and the names' addresses every 15 s.
    pub fn join(&mut self, now: Instant) {
        self.now = now;
        if self.peers.first != First::Waiting {
            return;
        }
        self.peers.first = First::Running;
        let advertise = self.settings.advertise;
        if is_unroutable(advertise.ip()) && self.settings.peers.iter().any(|p| is_elsewhere(p)) {
            self.log(Event::AdvertiseUnroutable { address: advertise.to_string() });
        }
        self.peers.resolve_ends = now + self.settings.resolve_timeout;
        self.timers.set(Timer::ResolveEnd, self.peers.resolve_ends);
        self.timers.set(Timer::Refresh, now + REFRESH_INTERVAL);
        self.arm_reconnect(now);
        for peer in 0..self.peers.known.len() {
            self.look_up(now, Lookup { peer, why: Why::Join });
        }
        self.check_joined(now);
        self.finish(now);
    }

    /// Finds a peer's addresses: at once if the host is one.
    fn look_up(&mut self, now: Instant, lookup: Lookup) {
        let (host, port) = &self.peers.known[lookup.peer];
        if let Ok(ip) = host.parse::<IpAddr>() {
            let addr = SocketAddr::new(ip, *port);
            return self.found(now, addr, lookup.why);
        }
        if self.peers.lookups.values().any(|other| other.peer == lookup.peer) {
            return;
        }
        let id = ResolveId(self.peers.next_id.next());
        let host = host.clone();
        self.peers.lookups.insert(id, lookup);
        self.effects.push_back(Effect::Resolve(id, host));
    }

    pub(super) fn take_resolved(
        &mut self,
        now: Instant,
        id: ResolveId,
        result: Result<Vec<IpAddr>, String>,
    ) {
        let Some(Lookup { peer, why }) = self.peers.lookups.remove(&id) else { return };
        let (host, port) = self.peers.known[peer].clone();
        match result {
            Ok(ips) if ips.is_empty() && why == Why::Join && now < self.peers.resolve_ends => {
                self.peers.empty.insert(peer);
                self.timers.set(Timer::ResolveAgain, now + EMPTY_RETRY);
            }
            Ok(ips) => {
                for ip in ips {
                    self.found(now, SocketAddr::new(ip.to_canonical(), port), why);
                }
            }
            Err(err) => {
                if why == Why::Refresh {
                    self.stats.refresh_joins_failed.increase();
                }
                self.peers.last_error.clone_from(&err);
                let topic = alloc::format!("unresolved {host}");
                let peer = alloc::format!("{host}:{port}");
                self.log_once(topic, Event::PeerUnresolved { peer, err });
            }
        }
        self.check_joined(now);
    }

    pub(super) fn resolve_again(&mut self, now: Instant) {
        for peer in core::mem::take(&mut self.peers.empty) {
            self.look_up(now, Lookup { peer, why: Why::Join });
        }
    }

    /// The time for resolving at start is over: what is missing is left to the refresh.
    pub(super) fn end_resolving(&mut self, now: Instant) {
        self.peers.empty.clear();
        self.timers.clear(Timer::ResolveAgain);
        // Answers that are still to come are late for the first round and as good as a refresh.
        for lookup in self.peers.lookups.values_mut() {
            lookup.why = Why::Refresh;
        }
        self.check_joined(now);
    }

    /// Takes an address of a configured peer.
    fn found(&mut self, now: Instant, addr: SocketAddr, why: Why) {
        let is_here = self.members.iter().any(|(_, m)| m.is_live() && m.addr == addr);
        if addr == self.settings.advertise || (is_here && why == Why::Refresh) {
            return;
        }
        if !is_here && why == Why::Join {
            self.peers.on_left(now, addr);
        }
        self.dial(now, addr, why);
    }

    /// Takes how a full exchange went.
    pub(super) fn end_sync(&mut self, now: Instant, dial: Dial, result: Result<(), String>) {
        let is_ok = result.is_ok();
        match dial.why {
            Why::Join => self.peers.reached += usize::from(is_ok),
            Why::Refresh if is_ok => self.stats.refresh_joins.increase(),
            Why::Refresh => self.stats.refresh_joins_failed.increase(),
            Why::Reconnect if is_ok => self.stats.reconnections.increase(),
            Why::Reconnect => self.stats.reconnections_failed.increase(),
            Why::Periodic => {}
        }
        if let Err(err) = result {
            self.peers.last_error = alloc::format!("{}: {err}", dial.to);
            self.log(Event::PeerUnreachable { address: dial.to.to_string(), err });
        }
        self.check_joined(now);
    }

    /// Ends the first round once nothing of it is left, and begins to settle.
    fn check_joined(&mut self, now: Instant) {
        let joins = |lookup: &Lookup| lookup.why == Why::Join;
        if self.peers.first != First::Running
            || !self.peers.empty.is_empty()
            || self.peers.lookups.values().any(joins)
            || self.is_joining()
        {
            return;
        }
        self.peers.first = First::Over;
        self.timers.clear(Timer::ResolveEnd);
        if self.peers.reached == 0 && !self.peers.last_error.is_empty() {
            let err = self.peers.last_error.clone();
            self.log(Event::JoinFailed { err });
        }
        self.start_settling(now);
    }

    pub(super) fn refresh(&mut self, now: Instant) {
        self.timers.set(Timer::Refresh, now + REFRESH_INTERVAL);
        if self.leaving == Leaving::No {
            for peer in 0..self.peers.known.len() {
                self.look_up(now, Lookup { peer, why: Why::Refresh });
            }
        }
    }

    pub(super) fn reconnect(&mut self, now: Instant) {
        self.arm_reconnect(now);
        if self.leaving == Leaving::No {
            let failed: Vec<SocketAddr> = self.peers.failed.keys().copied().collect();
            for addr in failed {
                self.dial(now, addr, Why::Reconnect);
            }
        }
    }

    fn arm_reconnect(&mut self, now: Instant) {
        let interval = self.settings.reconnect_interval;
        if !interval.is_zero() {
            self.timers.set(Timer::Reconnect, now + interval);
        }
    }

    /// Forgets peers that failed more than `reconnect_timeout` ago, and what was told to the log.
    pub(super) fn forget_peers(&mut self, now: Instant) {
        self.timers.set(Timer::Forget, now + FORGET_INTERVAL);
        self.told.clear();
        let timeout = self.settings.reconnect_timeout;
        let is_over = |since: Instant| since + timeout < now;
        let over: Vec<SocketAddr> = self
            .peers
            .failed
            .iter()
            .filter(|&(_, &since)| is_over(since))
            .map(|(&addr, _)| addr)
            .collect();
        for addr in over {
            self.peers.failed.remove(&addr);
            self.log(Event::PeerForgotten { address: addr.to_string() });
        }
    }
}
