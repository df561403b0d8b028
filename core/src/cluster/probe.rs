//! Failure detection: one probe at a time, directly, then through others and by TCP (reference
//! B.8).

use alloc::{string::ToString as _, vec::Vec};
use core::net::SocketAddr;

use super::{
    Cluster, Effect, Timer,
    formula::{DEAD_TIME, INDIRECT_CHECKS},
    gossip::encoded,
    member::{MemberId, Name},
};
use crate::{
    event::Event,
    id::StreamId,
    limits::GOSSIP_RELAYS_MAX,
    time::Instant,
    wire::memberlist::{Ack, IndirectPing, Message, Nack, NodeState, Ping, Suspect},
};

/// The least protocol version with TCP pings.
const TCP_PING_PROTOCOL: u8 = 3;
/// The least protocol version with nacks.
const NACK_PROTOCOL: u8 = 4;

/// The probe under way.
#[derive(Debug)]
pub(super) struct Probe {
    seq: u32,
    target: MemberId,
    name: Name,
    addr: SocketAddr,
    /// The target's incarnation when the probe began: what a failure accuses.
    incarnation: u32,
    sent: Instant,
    ends: Instant,
    is_direct: bool,
    nacks_expected: i32,
    nacks: i32,
    tcp: Option<StreamId>,
    has_tcp_answer: bool,
}

/// A ping on behalf of another member.
#[derive(Clone, Debug)]
pub(super) struct Relay {
    /// Where the answer goes.
    to: SocketAddr,
    /// The number the asking member gave it.
    seq: u32,
}

impl Cluster {
    /// Begins the next probe, unless one runs: then it begins when that one ends, as a tick waits
    /// in upstream's ticker.
    pub(super) fn start_probe(&mut self, now: Instant) {
        if self.probe.is_some() {
            self.probe_missed = true;
            return;
        }
        let Some(id) = self.members.next_probe(now, &mut self.rng, self.me, DEAD_TIME) else {
            return;
        };
        let member = self.members.get(id).expect("it was just chosen");
        let (name, addr, state) = (member.name.clone(), member.addr, member.state);
        let incarnation = member.incarnation;
        let seq = self.take_seq();
        let interval = self.settings.probe_interval;
        let lifeguard = self.settings.lifeguard;
        let ends = now + if lifeguard { self.health.scale(interval) } else { interval };
        let ping = Message::Ping(self.ping(seq, &name));
        self.probe = Some(Probe {
            seq,
            target: id,
            name: name.clone(),
            addr,
            incarnation,
            sent: now,
            ends,
            is_direct: true,
            nacks_expected: 0,
            nacks: 0,
            tcp: None,
            has_tcp_answer: false,
        });
        self.timers.set(Timer::ProbeDirect, now + self.settings.probe_timeout);
        self.timers.set(Timer::ProbeEnd, ends);
        if state == NodeState::Alive || !lifeguard {
            self.send_message(addr, &ping);
        } else {
            // Tell a suspect at once that it is one, so that it can refute: Lifeguard's buddy
            // system.
            let (node, from) = (name.to_string(), self.name.to_string());
            let suspect = Message::Suspect(Suspect { incarnation, node, from });
            self.send_to_member(id, &[encoded(&ping), encoded(&suspect)]);
        }
    }

    /// The direct ping was not answered in time: asks up to three others, and by TCP.
    pub(super) fn probe_indirectly(&mut self, _now: Instant) {
        let Some(probe) = &mut self.probe else { return };
        probe.is_direct = false;
        let (seq, target, addr) = (probe.seq, probe.target, probe.addr);
        let (name, ends) = (probe.name.clone(), probe.ends);
        let me = self.me;
        let relays = self.members.random(&mut self.rng, INDIRECT_CHECKS, |id, member| {
            id != me && id != target && member.state == NodeState::Alive
        });
        let mut expected = 0;
        for id in relays {
            let Some(relay) = self.members.get(id) else { continue };
            let nack = self.settings.lifeguard && relay.protocol() >= NACK_PROTOCOL;
            expected += i32::from(nack);
            let ping = Message::IndirectPing(IndirectPing {
                seq_no: seq,
                target: addr,
                node: name.to_string(),
                nack,
                source: Some(self.settings.advertise),
                source_node: self.name.to_string(),
            });
            self.send_message(relay.addr, &ping);
        }
        let speaks_tcp =
            self.members.get(target).is_some_and(|m| m.protocol() >= TCP_PING_PROTOCOL);
        let tcp = speaks_tcp.then(|| self.open_ping(addr, seq, ends));
        if let Some(probe) = &mut self.probe {
            probe.nacks_expected = expected;
            probe.tcp = tcp;
        }
    }

    /// Judges the probe that was not answered: the target is suspected, unless it answered by TCP.
    /// Relays that did not even say "no answer" show that the fault may be here.
    pub(super) fn end_probe(&mut self, now: Instant) {
        let Some(probe) = self.probe.take() else { return };
        self.timers.clear(Timer::ProbeDirect);
        if let Some(id) = probe.tcp {
            self.drop_exchange(id);
        }
        if probe.has_tcp_answer {
            self.health.apply(-1);
            let (peer, address) = (probe.name, probe.addr.to_string());
            let topic = alloc::format!("no udp {peer}");
            self.log_once(topic, Event::PeerWithoutUdp { peer, address });
        } else {
            let missing = probe.nacks_expected - probe.nacks;
            self.health.apply(if probe.nacks_expected > 0 { missing.max(0) } else { 1 });
            let suspect = Suspect {
                incarnation: probe.incarnation,
                node: probe.name.to_string(),
                from: self.name.to_string(),
            };
            self.on_suspect(now, &suspect);
        }
        self.probe_next(now);
    }

    fn probe_next(&mut self, now: Instant) {
        if core::mem::take(&mut self.probe_missed) {
            self.start_probe(now);
        }
    }

    /// Takes an answer: to our probe, directly or through a relay, or to a ping we relayed.
    pub(super) fn on_ack(&mut self, now: Instant, seq: u32) {
        if let Some(relay) = self.relays.remove(&seq) {
            self.timers.clear(Timer::Nack(seq));
            self.timers.clear(Timer::RelayEnd(seq));
            let ack = Ack { seq_no: relay.seq, payload: Vec::new() };
            return self.send_message(relay.to, &Message::Ack(ack));
        }
        let Some(probe) = self.probe.take_if(|probe| probe.seq == seq) else { return };
        self.timers.clear(Timer::ProbeDirect);
        self.timers.clear(Timer::ProbeEnd);
        if let Some(id) = probe.tcp {
            self.drop_exchange(id);
        }
        self.health.apply(-1);
        if probe.is_direct {
            let rtt = now.since(probe.sent);
            self.effects.push_back(Effect::Pinged { peer: probe.name, rtt });
        }
        self.probe_next(now);
    }

    /// Takes a relay's word that it got no answer either: the relay and our link to it are fine.
    pub(super) fn on_nack(&mut self, seq: u32) {
        if let Some(probe) = &mut self.probe
            && probe.seq == seq
            && probe.nacks < probe.nacks_expected
        {
            probe.nacks += 1;
        }
    }

    /// Takes the answer to a TCP ping. It counts when the probe ends, since an answer by UDP is
    /// worth more.
    pub(super) fn on_tcp_ack(&mut self, seq: u32) {
        if let Some(probe) = &mut self.probe
            && probe.seq == seq
        {
            probe.has_tcp_answer = true;
        }
    }

    /// Answers a ping that is meant for this node; the answer goes to the address in the ping, or
    /// else to where it came from.
    pub(super) fn on_ping(&mut self, from: SocketAddr, ping: Ping) {
        if !self.is_me(&ping.node) {
            return self.refuse(from, &"ping for another name");
        }
        let ack = Ack { seq_no: ping.seq_no, payload: Vec::new() };
        self.send_message(ping.source.unwrap_or(from), &Message::Ack(ack));
    }

    /// Tells whether a ping to `node` is for this one: by name, or for whoever listens.
    pub(super) fn is_me(&self, node: &str) -> bool {
        node.is_empty() || *node == *self.name
    }

    /// Pings a member for another one. The answer is passed on until the probe timeout; the nack
    /// goes out at 80 % of it.
    pub(super) fn on_indirect_ping(&mut self, now: Instant, from: SocketAddr, ask: IndirectPing) {
        if self.relays.len() >= GOSSIP_RELAYS_MAX {
            self.stats.limited.increase();
            return;
        }
        let seq = self.take_seq();
        let timeout = self.settings.probe_timeout;
        self.relays.insert(seq, Relay { to: ask.source.unwrap_or(from), seq: ask.seq_no });
        if ask.nack {
            self.timers.set(Timer::Nack(seq), now + timeout * 4 / 5);
        }
        self.timers.set(Timer::RelayEnd(seq), now + timeout);
        let ping = Message::Ping(self.ping(seq, &ask.node));
        self.send_message(ask.target, &ping);
    }

    pub(super) fn send_nack(&mut self, seq: u32) {
        if let Some(relay) = self.relays.get(&seq).cloned() {
            self.send_message(relay.to, &Message::Nack(Nack { seq_no: relay.seq }));
        }
    }

    /// Makes a ping from this node.
    pub(super) fn ping(&self, seq: u32, node: &str) -> Ping {
        Ping {
            seq_no: seq,
            node: node.into(),
            source: Some(self.settings.advertise),
            source_node: self.name.to_string(),
        }
    }

    fn take_seq(&mut self) -> u32 {
        self.next_seq = self.next_seq.wrapping_add(1);
        self.next_seq
    }
}
