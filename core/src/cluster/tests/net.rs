//! A network of clusters on virtual time.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
    string::String,
    vec,
    vec::Vec,
};
use core::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use super::super::{
    Cluster, Effect, Settings, Source, StreamCommand, StreamEvent, gossip::encoded,
};
use crate::{
    event::Event,
    id::{ResolveId, StreamId},
    rng::{Rng, Seed, Stream},
    time::{Instant, Now, Timestamp},
    wire::memberlist::{Message, packets},
};

pub(super) const KEY: &str = "t";

pub(super) const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub(super) const fn s(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A node and its owner, who keeps records by name and version.
pub(super) struct Node {
    pub(super) cluster: Cluster,
    pub(super) addr: SocketAddr,
    pub(super) records: BTreeMap<String, (u64, usize)>,
    pub(super) log: Vec<Event>,
    pub(super) left: Vec<(String, Instant)>,
    pub(super) departed: Option<bool>,
    settings: Settings,
    is_up: bool,
}

impl Node {
    pub(super) fn has(&self, record: &str, version: u64) -> bool {
        self.records.get(record).is_some_and(|&(known, _)| known >= version)
    }

    pub(super) fn left_at(&self, node: usize) -> Option<Instant> {
        let name = format!("n{node:02}");
        self.left.iter().find(|(left, _)| *left == name).map(|&(_, at)| at)
    }

    pub(super) fn incarnation_of(&self, node: usize) -> u32 {
        let members = &self.cluster.members;
        let id = members.id(&format!("n{node:02}")).expect("a member");
        members.get(id).expect("a member").incarnation
    }
}

enum Arrival {
    Packet { from: SocketAddr, to: usize, bytes: Vec<u8> },
    Stream { to: usize, id: StreamId, event: StreamEvent },
}

pub(super) struct Net {
    pub(super) nodes: Vec<Node>,
    pub(super) loss: f64,
    pub(super) label: String,
    tls: bool,
    pub(super) broken_streams: bool,
    pub(super) packets: u64,
    pub(super) streams: u64,
    pub(super) steps: u64,
    pub(super) trace: u64,
    pub(super) resolving: Vec<(usize, ResolveId, String)>,
    now: Instant,
    arrivals: BTreeMap<(Instant, u64), Arrival>,
    /// The other end of each open stream.
    ends: BTreeMap<(usize, StreamId), (usize, StreamId)>,
    /// When the last bytes of a stream arrive, so that they stay in order.
    last: BTreeMap<(usize, StreamId), Instant>,
    cuts: BTreeSet<(usize, usize)>,
    count: u64,
    rng: Rng,
    seed: u64,
}

impl Net {
    /// Starts `n` nodes that know each other's addresses.
    pub(super) fn new(n: u8, seed: u64) -> Self {
        Self::start_all(n, seed, false)
    }

    pub(super) fn with_tls(n: u8, seed: u64) -> Self {
        Self::start_all(n, seed, true)
    }

    fn start_all(n: u8, seed: u64, tls: bool) -> Self {
        let mut net = Self {
            tls,
            nodes: Vec::new(),
            loss: 0.0,
            label: String::new(),
            broken_streams: false,
            packets: 0,
            streams: 0,
            steps: 0,
            trace: 0,
            resolving: Vec::new(),
            now: Instant::from_nanos(1_000_000_000),
            arrivals: BTreeMap::new(),
            ends: BTreeMap::new(),
            last: BTreeMap::new(),
            cuts: BTreeSet::new(),
            count: 0,
            rng: Rng::new(Seed::from_number(seed ^ 0xabcdef), Stream::Delivery),
            seed,
        };
        let all: Vec<SocketAddr> = (0..n).map(|i| addr(usize::from(i))).collect();
        for i in 0..usize::from(n) {
            let others = all.iter().copied().filter(|a| *a != all[i]).collect();
            let settings = net.settings(&format!("n{i:02}"), others);
            net.insert(settings);
        }
        for i in 0..usize::from(n) {
            net.drain(i);
        }
        net
    }

    /// Starts a node and returns its number.
    pub(super) fn add(&mut self, name: &str, peers: Vec<SocketAddr>) -> usize {
        let settings = self.settings(name, peers);
        self.start(settings)
    }

    fn settings(&self, name: &str, peers: Vec<SocketAddr>) -> Settings {
        let mut settings = Settings::new(name, addr(self.nodes.len()));
        settings.peers = peers.iter().map(|peer| format!("{peer}")).collect();
        settings.label.clone_from(&self.label);
        settings.tls = self.tls;
        settings
    }

    pub(super) fn start(&mut self, settings: Settings) -> usize {
        let id = self.insert(settings);
        self.drain(id);
        id
    }

    fn insert(&mut self, settings: Settings) -> usize {
        let id = self.nodes.len();
        let cluster = self.cluster(id, &settings);
        self.nodes.push(Node {
            cluster,
            addr: settings.advertise,
            records: BTreeMap::new(),
            log: Vec::new(),
            left: Vec::new(),
            departed: None,
            settings,
            is_up: true,
        });
        id
    }

    fn cluster(&mut self, id: usize, settings: &Settings) -> Cluster {
        let now = Now { instant: self.now, wall: Timestamp::EPOCH };
        self.count += 1;
        let seed = Seed::from_number(self.seed * 1000 + id as u64 + (self.count << 32));
        let mut cluster = Cluster::new(now, settings.clone(), Rng::new(seed, Stream::Cluster));
        cluster.join(self.now);
        cluster
    }

    pub(super) fn now(&self) -> Instant {
        self.now
    }

    pub(super) fn crash(&mut self, node: usize) {
        self.nodes[node].is_up = false;
        let ends: Vec<_> =
            self.ends.iter().filter(|(a, b)| a.0 == node || b.0 == node).map(|(a, _)| *a).collect();
        for end in ends {
            self.ends.remove(&end);
        }
    }

    pub(super) fn restart(&mut self, node: usize) {
        self.crash(node);
        let settings = self.nodes[node].settings.clone();
        self.nodes[node].cluster = self.cluster(node, &settings);
        self.nodes[node].records.clear();
        self.nodes[node].is_up = true;
        self.drain(node);
    }

    pub(super) fn cut(&mut self, a: &[usize], b: &[usize]) {
        for &a in a {
            for &b in b {
                self.cuts.insert((a, b));
                self.cuts.insert((b, a));
            }
        }
    }

    pub(super) fn heal(&mut self) {
        self.cuts.clear();
    }

    /// Hands a node a packet from nowhere.
    pub(super) fn inject(&mut self, node: usize, message: &Message) {
        for packet in packets(b"", &[encoded(message)], true) {
            let from = SocketAddr::from(([10, 7, 7, 7], 7));
            self.nodes[node].cluster.on_datagram(self.now, from, &packet);
        }
        self.drain(node);
    }

    pub(super) fn resolve(&mut self, host: &str, result: Result<Vec<IpAddr>, String>) {
        let at = self.resolving.iter().position(|(.., name)| name == host).expect("asked");
        let (node, id, _) = self.resolving.remove(at);
        self.nodes[node].cluster.on_resolved(self.now, id, result);
        self.drain(node);
    }

    pub(super) fn broadcast(&mut self, node: usize, name: &str, version: u64, size: usize) {
        let owner = &mut self.nodes[node];
        owner.records.insert(name.into(), (version, size));
        let bytes = record(name, version, size);
        owner.cluster.broadcast(self.now, KEY, name.as_bytes(), bytes);
        self.drain(node);
    }

    /// Lets time pass. Arrivals come before timers of the same instant.
    pub(super) fn run(&mut self, span: Duration) {
        let end = self.now + span;
        loop {
            let arrival = self.arrivals.keys().next().copied();
            let timer = (0..self.nodes.len())
                .filter(|&i| self.nodes[i].is_up)
                .filter_map(|i| Some((self.nodes[i].cluster.deadline()?.at, i)))
                .min();
            let at = [arrival.map(|a| a.0), timer.map(|t| t.0)].into_iter().flatten().min();
            let Some(at) = at.filter(|&at| at <= end) else { break };
            assert!(at >= self.now, "time does not go back");
            self.now = at;
            self.steps += 1;
            match arrival {
                Some(key) if key.0 == at => self.arrive(key),
                _ => {
                    let (_, node) = timer.expect("it is not an arrival");
                    self.nodes[node].cluster.on_timeout(at);
                    self.drain(node);
                    let next = self.nodes[node].cluster.deadline();
                    assert!(next.is_none_or(|next| next.at > at), "{next:?} at {at:?}");
                }
            }
        }
        self.now = end;
    }

    fn arrive(&mut self, key: (Instant, u64)) {
        let arrival = self.arrivals.remove(&key).expect("just seen");
        let to = match &arrival {
            Arrival::Packet { to, .. } | Arrival::Stream { to, .. } => *to,
        };
        if !self.nodes[to].is_up {
            return;
        }
        let cluster = &mut self.nodes[to].cluster;
        match arrival {
            Arrival::Packet { from, bytes, .. } => cluster.on_datagram(self.now, from, &bytes),
            Arrival::Stream { id, event, .. } => cluster.on_stream(self.now, id, event),
        }
        self.drain(to);
    }

    /// Carries out what a node wants.
    pub(super) fn drain(&mut self, node: usize) {
        while let Some(effect) = self.nodes[node].cluster.poll() {
            self.trace = self.trace.rotate_left(5) ^ self.now.as_nanos();
            match effect {
                Effect::Datagram { to, bytes } => self.send(node, to, bytes),
                Effect::Stream(id, command) => self.command(node, id, command),
                Effect::Resolve(id, host) => self.resolving.push((node, id, host)),
                Effect::Merge { key, data, source } => self.merge(node, &key, &data, source),
                Effect::WantState(id) => {
                    let owner = &self.nodes[node];
                    let mut data = Vec::new();
                    for (name, (version, size)) in &owner.records {
                        data.extend(record(name, *version, *size));
                    }
                    self.nodes[node].cluster.provide_state(self.now, id, &[(KEY, data)]);
                }
                Effect::Left(peer) => {
                    self.nodes[node].left.push((String::from(&*peer.name), self.now));
                }
                Effect::Departed(ok) => self.nodes[node].departed = Some(ok),
                Effect::Log(event) => self.nodes[node].log.push(event),
                Effect::Joined(_)
                | Effect::Updated(_)
                | Effect::Settled
                | Effect::Pinged { .. }
                | Effect::Delivered { .. } => {}
            }
        }
    }

    fn merge(&mut self, node: usize, key: &str, data: &[u8], source: Source) {
        assert_eq!(key, KEY);
        let mut rest = data;
        while !rest.is_empty() {
            let len = u32::from_le_bytes(rest[..4].try_into().expect("4 bytes")) as usize;
            let (one, others) = rest.split_at(len);
            rest = others;
            let version = u64::from_le_bytes(one[4..12].try_into().expect("8 bytes"));
            let name = core::str::from_utf8(&one[13..13 + usize::from(one[12])]).expect("a name");
            let owner = &mut self.nodes[node];
            if !owner.has(name, version) {
                owner.records.insert(name.into(), (version, len));
                owner.cluster.relay(self.now, KEY, name.as_bytes(), one.to_vec(), source);
            }
        }
    }

    fn send(&mut self, node: usize, to: SocketAddr, bytes: Vec<u8>) {
        self.packets += 1;
        let from = self.nodes[node].addr;
        let Some(to) = self.reach(node, to) else { return };
        if self.rng.next_unit() >= self.loss {
            let at = self.now + self.delay();
            self.put(at, Arrival::Packet { from, to, bytes });
        }
    }

    fn delay(&mut self) -> Duration {
        Duration::from_micros(200 + (self.rng.next_unit() * 1800.0) as u64)
    }

    fn reach(&self, from: usize, to: SocketAddr) -> Option<usize> {
        let to = self.nodes.iter().position(|node| node.addr == to && node.is_up)?;
        (!self.cuts.contains(&(from, to))).then_some(to)
    }

    fn put(&mut self, at: Instant, arrival: Arrival) {
        self.count += 1;
        self.arrivals.insert((at, self.count), arrival);
    }

    fn command(&mut self, node: usize, id: StreamId, command: StreamCommand) {
        if let StreamCommand::Open { to } = command {
            self.streams += 1;
            let Some(other) = self.reach(node, to) else { return };
            if self.broken_streams {
                let at = self.now + self.delay();
                let event = StreamEvent::Failed("refused".into());
                return self.put(at, Arrival::Stream { to: node, id, event });
            }
            self.count += 1;
            let theirs = StreamId::accepted(self.count);
            self.ends.insert((node, id), (other, theirs));
            self.ends.insert((other, theirs), (node, id));
            let from = self.nodes[node].addr;
            self.tell((other, theirs), StreamEvent::Accepted { from });
            return self.tell((node, id), StreamEvent::Connected);
        }
        let Some(&end) = self.ends.get(&(node, id)) else {
            if matches!(command, StreamCommand::Write(_)) {
                self.tell((node, id), StreamEvent::Failed("reset".into()));
            }
            return;
        };
        if self.reach(node, self.nodes[end.0].addr).is_none() {
            return;
        }
        match command {
            StreamCommand::Open { .. } => {}
            StreamCommand::Write(bytes) => {
                for piece in bytes.chunks(16_000) {
                    self.tell(end, StreamEvent::Data(piece.to_vec()));
                }
            }
            StreamCommand::Close => {
                self.ends.remove(&(node, id));
                self.tell(end, StreamEvent::Closed);
            }
        }
    }

    fn tell(&mut self, (to, id): (usize, StreamId), event: StreamEvent) {
        let at = self.now + self.delay();
        let last = self.last.entry((to, id)).or_default();
        let at = at.max(*last);
        *last = at;
        self.put(at, Arrival::Stream { to, id, event });
    }
}

fn addr(node: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, node as u8 + 1], 9094))
}

/// A record: its length, version and name, and padding.
fn record(name: &str, version: u64, size: usize) -> Vec<u8> {
    let len = (13 + name.len()).max(size);
    let mut out = vec![];
    out.extend((len as u32).to_le_bytes());
    out.extend(version.to_le_bytes());
    out.push(name.len() as u8);
    out.extend(name.as_bytes());
    out.resize(len, b'.');
    out
}
