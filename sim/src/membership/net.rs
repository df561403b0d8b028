//! A network of clusters on virtual time, light enough for a thousand members.
//!
//! One heap holds what arrives and when members wake. Arrivals come before timers of the same
//! instant, as a runtime hands over inputs first.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    net::SocketAddr,
    time::Duration,
};

use campana_core::{
    cluster::{Cluster, Effect, Settings, StreamCommand, StreamEvent},
    id::StreamId,
    rng::{Rng, Seed, Stream},
    time::{Instant, Now, Timestamp},
};

/// Packets that wait at a member that does not read; the kernel drops more. Linux gives a socket
/// 208 KiB by default and counts 768 bytes for a small packet.
const WAITING_MAX: u32 = 277;

/// What is wrong with a slow member. It goes round and round: `stopped`, then `running`, from a
/// random point of the round on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It neither reads nor sends while stopped, but its timers run: the anomaly of the Lifeguard
    /// paper, which blocks at sending and receiving.
    Blocked {
        /// How long it stands still.
        stopped: Duration,
        /// How long it runs.
        running: Duration,
    },
    /// The whole process stands still, timers and all, as a machine that is starved or suspended.
    Paused {
        /// How long it stands still.
        stopped: Duration,
        /// How long it runs.
        running: Duration,
    },
    /// It loses this many in a thousand of the packets it sends and is sent. Streams arrive, as TCP
    /// repeats.
    Lossy {
        /// Packets of a thousand.
        permille: u16,
    },
}

/// What a fault does to one member.
#[derive(Clone, Copy, Debug)]
struct Sickness {
    fault: Fault,
    since: Instant,
}

impl Sickness {
    /// Returns when the member runs again, if it stands still.
    fn stands_until(&self, now: Instant) -> Option<Instant> {
        let (Fault::Blocked { stopped, running } | Fault::Paused { stopped, running }) = self.fault
        else {
            return None;
        };
        let round = (stopped + running).as_nanos();
        let into = now.since(self.since).as_nanos() % round;
        let left = stopped.as_nanos().checked_sub(into).filter(|left| *left > 0)?;
        Some(now + Duration::from_nanos(u64::try_from(left).unwrap_or(u64::MAX)))
    }
}

/// What a member did that is worth measuring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// It takes `member` for one that is there.
    Joined {
        /// Who notices.
        by: usize,
        /// Of whom.
        member: usize,
    },
    /// It takes `member` for dead.
    Left {
        /// Who notices.
        by: usize,
        /// Of whom.
        member: usize,
    },
    /// It began to suspect somebody.
    Suspected {
        /// Who suspects.
        by: usize,
    },
    /// It has settled.
    Settled {
        /// Who.
        by: usize,
    },
}

/// What was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Packets.
    pub packets: u64,
    /// Their bytes, without the headers of UDP and IP.
    pub packet_bytes: u64,
    /// Streams opened.
    pub streams: u64,
    /// Bytes written to streams, without the headers of TCP and IP.
    pub stream_bytes: u64,
}

impl Sent {
    /// Returns what came after `earlier`.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            packets: self.packets - earlier.packets,
            packet_bytes: self.packet_bytes - earlier.packet_bytes,
            streams: self.streams - earlier.streams,
            stream_bytes: self.stream_bytes - earlier.stream_bytes,
        }
    }
}

#[derive(Debug)]
struct Member {
    cluster: Cluster,
    is_up: bool,
    /// For which instant it stands in the heap.
    wakes: Option<Instant>,
    suspected: u64,
    sickness: Option<Sickness>,
    /// Packets that arrived while it stands still.
    waiting: u32,
    side: u8,
}

#[derive(Debug)]
enum Coming {
    Packet { from: SocketAddr, bytes: Vec<u8>, waited: bool },
    Stream(StreamId, StreamEvent),
    Start(Vec<usize>),
    Wake,
}

/// An entry of the heap: its order is its time, arrivals before timers, then as it was put. The
/// last number says where the thing itself is.
type Place = (Instant, bool, u64, usize);

/// The other end of a stream, and how long bytes take to it.
#[derive(Clone, Copy, Debug)]
struct End {
    to: usize,
    id: StreamId,
    delay: Duration,
}

/// Members on a virtual network.
#[derive(Debug)]
pub struct Net {
    members: Vec<Option<Member>>,
    lifeguard: bool,
    now: Instant,
    heap: BinaryHeap<Reverse<Place>>,
    /// What comes, by the slots that the heap names.
    coming: Vec<Option<(usize, Coming)>>,
    free: Vec<usize>,
    ends: BTreeMap<(usize, StreamId), End>,
    count: u64,
    rng: Rng,
    seed: u64,
    sent: Sent,
    notices: Vec<(Instant, Notice)>,
}

impl Net {
    /// Makes an empty network; members that start use Lifeguard or plain SWIM.
    pub fn new(seed: u64, lifeguard: bool) -> Self {
        Self {
            members: Vec::new(),
            lifeguard,
            now: Instant::from_nanos(1_000_000_000),
            heap: BinaryHeap::new(),
            coming: Vec::new(),
            free: Vec::new(),
            ends: BTreeMap::new(),
            count: 0,
            rng: Rng::new(Seed::from_number(seed ^ 0x6d656d62), Stream::Delivery),
            seed,
            sent: Sent::default(),
            notices: Vec::new(),
        }
    }

    /// Returns the time.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Returns what was sent so far.
    pub fn sent(&self) -> Sent {
        self.sent
    }

    /// Takes what members noticed since the last call, in order of time.
    pub fn take_notices(&mut self) -> Vec<(Instant, Notice)> {
        std::mem::take(&mut self.notices)
    }

    /// Returns how many members one takes for there, itself included; 0 before it started.
    pub fn view(&self, member: usize) -> usize {
        self.members[member].as_ref().map_or(0, |m| m.cluster.member_count())
    }

    /// Returns a member's part in the cluster, once it has started.
    pub fn cluster(&self, member: usize) -> Option<&Cluster> {
        self.members[member].as_ref().map(|member| &member.cluster)
    }

    /// Adds a member that starts after `delay` and knows some others by address. Returns its
    /// number.
    pub fn add(&mut self, delay: Duration, known: Vec<usize>) -> usize {
        let number = self.members.len();
        self.members.push(None);
        self.put(self.now + delay, number, Coming::Start(known));
        number
    }

    /// Draws a span below `span`.
    pub fn draw(&mut self, span: Duration) -> Duration {
        span.mul_f64(self.rng.next_unit())
    }

    /// Ends a member without a word. It keeps what it knew, and is never called again.
    pub fn crash(&mut self, member: usize) {
        if let Some(member) = &mut self.members[member] {
            member.is_up = false;
        }
    }

    /// Makes a member slow or lossy from now on, or sound again. A member that stands still on and
    /// off is caught at a random point of its round.
    pub fn set_fault(&mut self, member: usize, fault: Option<Fault>) {
        let round = match fault {
            Some(Fault::Blocked { stopped, running } | Fault::Paused { stopped, running }) => {
                stopped + running
            }
            _ => Duration::ZERO,
        };
        let phase = self.draw(round);
        let now = self.now.as_nanos();
        let phase = u64::try_from(phase.as_nanos()).unwrap_or(0).min(now);
        let since = Instant::from_nanos(now - phase);
        if let Some(member) = &mut self.members[member] {
            member.sickness = fault.map(|fault| Sickness { fault, since });
        }
    }

    /// Puts a member on a side; only those of one side reach each other.
    pub fn set_side(&mut self, member: usize, side: u8) {
        if let Some(member) = &mut self.members[member] {
            member.side = side;
        }
    }

    /// Lets time pass until `end` or until something is noticed, and tells whether it was.
    pub fn run_until(&mut self, end: Instant) -> bool {
        while let Some(&Reverse((at, .., slot))) = self.heap.peek() {
            if at > end {
                break;
            }
            self.heap.pop();
            debug_assert!(at >= self.now, "time does not go back");
            self.now = at;
            let Some((to, coming)) = self.coming[slot].take() else { continue };
            self.free.push(slot);
            self.come(to, coming);
            if !self.notices.is_empty() {
                return true;
            }
        }
        self.now = end;
        false
    }

    fn put(&mut self, at: Instant, to: usize, coming: Coming) {
        self.count += 1;
        let is_timer = matches!(coming, Coming::Wake);
        let slot = self.free.pop().unwrap_or_else(|| {
            self.coming.push(None);
            self.coming.len() - 1
        });
        self.heap.push(Reverse((at, is_timer, self.count, slot)));
        self.coming[slot] = Some((to, coming));
    }

    fn come(&mut self, to: usize, coming: Coming) {
        let now = self.now;
        if let Coming::Start(known) = coming {
            return self.start(to, &known);
        }
        let Some(member) = self.members[to].as_mut().filter(|member| member.is_up) else { return };
        let sickness = member.sickness;
        if let Some(until) = sickness.and_then(|s| s.stands_until(now)) {
            let is_paused = matches!(sickness.map(|s| s.fault), Some(Fault::Paused { .. }));
            if !matches!(coming, Coming::Wake) || is_paused {
                return self.put_off(until, to, coming);
            }
        }
        match coming {
            Coming::Packet { from, bytes, waited } => {
                member.waiting -= u32::from(waited);
                member.cluster.on_datagram(now, from, &bytes);
            }
            Coming::Stream(id, event) => member.cluster.on_stream(now, id, event),
            Coming::Start(_) => return,
            Coming::Wake => {
                member.wakes = None;
                // The timer that it was for may have been moved.
                if member.cluster.deadline().is_some_and(|next| next.at <= now) {
                    member.cluster.on_timeout(now);
                }
            }
        }
        self.drain(to);
    }

    /// Keeps what came to a member that stands still until it runs.
    fn put_off(&mut self, until: Instant, to: usize, mut coming: Coming) {
        let Some(member) = &mut self.members[to] else { return };
        match &mut coming {
            Coming::Packet { waited, .. } if !*waited => {
                if member.waiting >= WAITING_MAX {
                    return;
                }
                *waited = true;
                member.waiting += 1;
            }
            Coming::Wake => member.wakes = Some(until),
            _ => {}
        }
        self.put(until, to, coming);
    }

    fn start(&mut self, number: usize, known: &[usize]) {
        let mut settings = Settings::new(name(number), address(number));
        settings.peers = known.iter().map(|&peer| address(peer).to_string()).collect();
        settings.lifeguard = self.lifeguard;
        let now = Now { instant: self.now, wall: Timestamp::EPOCH };
        let seed = Seed::from_number((self.seed << 20) + number as u64);
        let mut cluster = Cluster::new(now, settings, Rng::new(seed, Stream::Cluster));
        cluster.join(self.now);
        self.members[number] = Some(Member {
            cluster,
            is_up: true,
            wakes: None,
            suspected: 0,
            sickness: None,
            waiting: 0,
            side: 0,
        });
        self.drain(number);
    }

    /// Carries out what a member wants, and puts it to the heap for its next timer.
    fn drain(&mut self, by: usize) {
        let now = self.now;
        while let Some(effect) = self.members[by].as_mut().and_then(|m| m.cluster.poll()) {
            let notice = match effect {
                Effect::Datagram { to, bytes } => {
                    self.send(by, to, bytes);
                    continue;
                }
                Effect::Stream(id, command) => {
                    self.command(by, id, command);
                    continue;
                }
                Effect::WantState(id) => {
                    if let Some(member) = &mut self.members[by] {
                        member.cluster.provide_state(now, id, &[]);
                    }
                    continue;
                }
                Effect::Joined(peer) => number(peer.address).map(|m| (m, true)),
                Effect::Left(peer) => number(peer.address).map(|m| (m, false)),
                Effect::Settled => {
                    self.notices.push((now, Notice::Settled { by }));
                    continue;
                }
                // Every peer is given by address, and nobody owns records.
                _ => continue,
            };
            self.notices.extend(notice.map(|(member, has_joined)| match has_joined {
                true => (now, Notice::Joined { by, member }),
                false => (now, Notice::Left { by, member }),
            }));
        }
        let Some(member) = &mut self.members[by] else { return };
        let suspected = member.cluster.stats().suspected.0;
        if suspected > member.suspected {
            member.suspected = suspected;
            self.notices.push((now, Notice::Suspected { by }));
        }
        // Who stood still may be late; what arrived meanwhile still comes first.
        if let Some(at) = member.cluster.deadline().map(|next| next.at.max(now))
            && member.wakes.is_none_or(|wakes| at < wakes)
        {
            member.wakes = Some(at);
            self.put(at, by, Coming::Wake);
        }
    }

    fn send(&mut self, by: usize, to: SocketAddr, bytes: Vec<u8>) {
        self.sent.packets += 1;
        self.sent.packet_bytes += bytes.len() as u64;
        let Some(to) = self.reach(by, to) else { return };
        if self.is_lost(by) || self.is_lost(to) {
            return;
        }
        let at = self.leaves(by) + self.delay();
        self.put(at, to, Coming::Packet { from: address(by), bytes, waited: false });
    }

    fn is_lost(&mut self, member: usize) -> bool {
        let fault = self.members[member].as_ref().and_then(|m| m.sickness).map(|s| s.fault);
        let Some(Fault::Lossy { permille }) = fault else { return false };
        self.rng.next_unit() * 1000.0 < f64::from(permille)
    }

    /// Returns when what a member sends leaves it.
    fn leaves(&self, member: usize) -> Instant {
        let sickness = self.members[member].as_ref().and_then(|member| member.sickness);
        sickness.and_then(|s| s.stands_until(self.now)).unwrap_or(self.now)
    }

    /// One way takes 0.2 to 2 ms, as within a data centre.
    fn delay(&mut self) -> Duration {
        Duration::from_micros(200) + self.draw(Duration::from_micros(1800))
    }

    fn reach(&self, by: usize, to: SocketAddr) -> Option<usize> {
        let to = number(to)?;
        let other = self.members.get(to)?.as_ref().filter(|member| member.is_up)?;
        let own = self.members[by].as_ref()?;
        (own.side == other.side).then_some(to)
    }

    fn command(&mut self, by: usize, id: StreamId, command: StreamCommand) {
        if let StreamCommand::Open { to } = command {
            self.sent.streams += 1;
            let Some(other) = number(to).filter(|&other| other < self.members.len()) else {
                return;
            };
            if self.members[other].is_none() {
                // The machine is there, the program not yet.
                let at = self.now + self.delay();
                let refused = StreamEvent::Failed("refused".into());
                return self.put(at, by, Coming::Stream(id, refused));
            }
            // Nobody answers: the TCP timeout of the one who calls ends it.
            let Some(to) = self.reach(by, to) else { return };
            self.count += 1;
            let theirs = StreamId::accepted(self.count);
            let delay = self.delay();
            self.ends.insert((by, id), End { to, id: theirs, delay });
            self.ends.insert((to, theirs), End { to: by, id, delay });
            let at = self.leaves(by) + delay;
            let accepted = StreamEvent::Accepted { from: address(by) };
            self.put(at, to, Coming::Stream(theirs, accepted));
            return self.put(at + delay, by, Coming::Stream(id, StreamEvent::Connected));
        }
        let end = match command {
            StreamCommand::Close => self.ends.remove(&(by, id)),
            _ => self.ends.get(&(by, id)).copied(),
        };
        let Some(end) = end else { return };
        if let StreamCommand::Write(bytes) = &command {
            self.sent.stream_bytes += bytes.len() as u64;
        }
        if self.reach(by, address(end.to)).is_none() {
            return;
        }
        let event = match command {
            StreamCommand::Write(bytes) => StreamEvent::Data(bytes),
            _ => StreamEvent::Closed,
        };
        let at = self.leaves(by) + end.delay;
        self.put(at, end.to, Coming::Stream(end.id, event));
    }
}

fn name(number: usize) -> String {
    format!("member-{number:04}")
}

/// Members live in 10.0.0.0/8, by their numbers.
fn address(number: usize) -> SocketAddr {
    let [.., high, low] = number.to_be_bytes();
    SocketAddr::from(([10, 1, high, low], 9094))
}

fn number(address: SocketAddr) -> Option<usize> {
    match address {
        SocketAddr::V4(v4) => {
            let [_, _, high, low] = v4.ip().octets();
            Some(usize::from(high) << 8 | usize::from(low))
        }
        SocketAddr::V6(_) => None,
    }
}
