//! Packets: what comes in, what goes out, and what rides along.

use alloc::{sync::Arc, vec::Vec};
use core::net::SocketAddr;

use super::{
    Cluster, Effect,
    formula::{DEAD_TIME, RETRANSMIT_MULT, transmit_limit},
    member::MemberId,
    part,
    queue::{Class, Limits},
    types::Source,
};
use crate::{
    event::Event,
    limits::{
        GOSSIP_FULL_STATE_RELAYS_MAX, GOSSIP_PACKET_BYTES, GOSSIP_QUEUE_MAX, GOSSIP_TELLS_ALL_MAX,
    },
    time::Instant,
    wire::memberlist::{
        Message, NodeState, PART_OVERHEAD, decode_packet, encode_message, packet_room, packets,
        takes_checksum,
    },
};

/// The key of a record's state, and the record's name within it.
pub(super) type RecordName = (&'static str, Arc<[u8]>);

/// Records whose message is larger than this travel on streams: half a packet (reference A.8).
const OVERSIZE: usize = GOSSIP_PACKET_BYTES / 2;

/// How many gossip ticks own records may need for their first way out by packet. What waits beyond
/// goes to every member on a stream, so that a storm of records does not delay what comes after.
const BACKLOG_TICKS: usize = 2;

/// How many ticks own records may be kept back by news of members, which go first. What waits
/// longer goes on streams as well: strangers that come and go in thousands must not silence a
/// member.
const HELD_TICKS_MAX: u32 = 5;

/// What one target got, to be sent to the next without encoding it again.
struct Encoded {
    parts: Vec<Vec<u8>>,
    checksum: bool,
    packets: Vec<Vec<u8>>,
}

impl Cluster {
    /// Gossips a record of the state `key` to every member. `record` names it: a newer one of the
    /// same name replaces the one that still waits. Poll afterwards.
    ///
    /// Small records go out with the packets of the next tick, several to a message; large ones,
    /// and small ones beyond two ticks' worth of packets or kept back for a second, go to every
    /// member on streams: one at a time for each member and key, repeated until it arrives, with
    /// everything that has gathered meanwhile. With nobody there to hear it the record is dropped:
    /// whoever comes gets the full state.
    pub fn broadcast(&mut self, now: Instant, key: &'static str, record: &[u8], bytes: Vec<u8>) {
        self.now = now;
        if !self.has_others() {
            return;
        }
        let name: RecordName = (key, record.into());
        self.bulk.remove(&name);
        if part::overhead(key) + bytes.len() > OVERSIZE {
            self.records.remove(&name);
            self.push_bulk(name, bytes.into());
        } else {
            self.records.push(name, bytes.into(), Class::Own);
        }
        self.finish(now);
    }

    /// Passes on a record that was new in what [`Effect::Merge`] brought. Poll afterwards.
    ///
    /// What came on a stream reaches everybody without it: see [`supersede`](Self::supersede).
    /// Relayed records wait behind own ones and travel in packets only; what does not fit there, or
    /// would fill the queue, is left to the next full exchange.
    pub fn relay(
        &mut self,
        now: Instant,
        key: &'static str,
        record: &[u8],
        bytes: Vec<u8>,
        source: Source,
    ) {
        self.now = now;
        let max = match source {
            Source::Packet => GOSSIP_QUEUE_MAX,
            Source::FullState => GOSSIP_FULL_STATE_RELAYS_MAX,
            Source::Stream => 0,
        };
        let name: RecordName = (key, record.into());
        // What is known to be older must not go out after what replaced it.
        self.bulk.remove(&name);
        self.records.remove(&name);
        let fits = part::overhead(key) + bytes.len() <= OVERSIZE;
        if fits && self.records.len() < max && self.has_others() {
            self.records.push(name, bytes.into(), Class::Relayed);
        }
        self.finish(now);
    }

    /// Drops a record that still waits, since a newer one came that needs no passing on. Poll
    /// afterwards.
    pub fn supersede(&mut self, now: Instant, key: &'static str, record: &[u8]) {
        self.now = now;
        if self.records.is_empty() && self.bulk.len() == 0 {
            return;
        }
        let name: RecordName = (key, record.into());
        self.bulk.remove(&name);
        self.records.remove(&name);
        self.finish(now);
    }

    /// Tells whether there is anybody else.
    fn has_others(&self) -> bool {
        let me = self.members.get(self.me).is_some_and(super::member::Member::is_live);
        self.members.live() > usize::from(me)
    }

    /// Tells whether every record that was broadcast has left this node.
    pub(super) fn is_flushed(&self) -> bool {
        self.records.fresh_bytes() == 0 && self.bulk.len() == 0
    }

    /// One gossip tick: the same choice of records to up to `fanout` random members that are there,
    /// or died in the last 30 s, so that they can refute (reference B.11). Where the members are
    /// few, records go to all of them: who is left out by chance would wait for somebody's relay.
    pub(super) fn gossip(&mut self, now: Instant) {
        let room = packet_room(self.label());
        let backlog = self.records.fresh_bytes();
        if backlog > BACKLOG_TICKS * room || (self.held_ticks >= HELD_TICKS_MAX && backlog > 0) {
            self.held_ticks = 0;
            for (name, bytes) in self.records.take_fresh() {
                self.push_bulk(name, bytes);
            }
        }
        self.send_bulk(now);
        let me = self.me;
        let fanout = match self.is_small() && !self.records.is_empty() {
            true => self.members.len(),
            false => self.fanout,
        };
        let targets = self.members.random(&mut self.rng, fanout, |id, member| {
            id != me
                && match member.state {
                    NodeState::Alive | NodeState::Suspect => true,
                    NodeState::Dead => now.since(member.changed) <= DEAD_TIME,
                    NodeState::Left => false,
                }
        });
        let has_targets = !targets.is_empty();
        // Compressing is most of the work, and the targets mostly get the same.
        let mut last: Option<Encoded> = None;
        for id in targets {
            let parts = self.draw(room);
            if parts.is_empty() {
                break;
            }
            let Some(member) = self.members.get(id) else { continue };
            let (to, checksum) = (member.addr, takes_checksum(&member.vsn));
            let encoded = match last.take() {
                Some(last) if last.parts == parts && last.checksum == checksum => last.packets,
                _ => packets(self.label(), &parts, checksum).collect(),
            };
            for bytes in &encoded {
                self.send_packet(to, bytes.clone());
            }
            last = Some(Encoded { parts, checksum, packets: encoded });
        }
        self.settle_queues();
        self.held_ticks = match has_targets && self.records.fresh_bytes() > 0 {
            true => self.held_ticks + 1,
            false => 0,
        };
    }

    /// Sends parts to a member that is known, with a checksum if it understands it.
    pub(super) fn send_to_member(&mut self, id: MemberId, parts: &[Vec<u8>]) {
        let Some(member) = self.members.get(id) else { return };
        let (to, checksum) = (member.addr, takes_checksum(&member.vsn));
        let packets: Vec<_> = packets(self.label(), parts, checksum).collect();
        for bytes in packets {
            self.send_packet(to, bytes);
        }
    }

    /// Sends a message to an address, and with it what gossip fits into the packet. For records
    /// that is a gift and does not count, or those that rode along with answers to one member would
    /// never leave for the others.
    pub(super) fn send_message(&mut self, to: SocketAddr, message: &Message) {
        let mut parts = Vec::from([encoded(message)]);
        let room = packet_room(self.label()).saturating_sub(parts[0].len() + PART_OVERHEAD);
        parts.extend(self.draw(room));
        self.records.put_back();
        self.settle_queues();
        let packets: Vec<_> = packets(self.label(), &parts, false).collect();
        for bytes in packets {
            self.send_packet(to, bytes);
        }
    }

    /// Picks what goes into a packet: membership first, then records, those of one key in one
    /// message.
    fn draw(&mut self, mut room: usize) -> Vec<Vec<u8>> {
        let cost = |len: usize| len + PART_OVERHEAD;
        let (news_limit, record_limit) = self.transmit_limits();
        let news = self.news.draw(room, news_limit, |_, len, _| cost(len));
        let mut parts: Vec<Vec<u8>> = news.into_iter().map(|(_, bytes)| bytes.to_vec()).collect();
        room -= parts.iter().map(|part| cost(part.len())).sum::<usize>();
        let mut groups: Vec<(&'static str, Vec<u8>)> = Vec::new();
        let mut open: Vec<&'static str> = Vec::new();
        let records = self.records.draw(room, record_limit, |&(key, _), len, free| {
            if open.contains(&key) {
                return len;
            }
            let cost = cost(1 + part::overhead(key) + len);
            // Only what is taken opens a message.
            if cost <= free {
                open.push(key);
            }
            cost
        });
        for ((key, _), bytes) in records {
            match groups.iter_mut().find(|(group, _)| *group == key) {
                Some((_, data)) => data.extend_from_slice(&bytes),
                None => groups.push((key, bytes.to_vec())),
            }
        }
        for (key, data) in groups {
            let message = part::encode(key, &data);
            self.stats.updates_sent.add(message.len());
            parts.push(encoded(&Message::User(message)));
        }
        parts
    }

    fn settle_queues(&mut self) {
        let (news_limit, record_limit) = self.transmit_limits();
        self.news.settle(news_limit);
        self.records.settle(record_limit);
    }

    /// Tells whether there are so few members that records go to all.
    fn is_small(&self) -> bool {
        self.members.live() <= GOSSIP_TELLS_ALL_MAX
    }

    /// Returns how often news and records are sent. Where records go to all members of a small
    /// cluster, own ones go to each of them as often, so that neither loss nor members who died,
    /// and are told for a while, leave one out.
    fn transmit_limits(&self) -> (Limits, Limits) {
        let fanout = u32::try_from(self.fanout).unwrap_or(u32::MAX);
        let known = self.members.len();
        let relayed = transmit_limit(fanout, known);
        let others = u32::try_from(known.saturating_sub(1)).unwrap_or(u32::MAX).max(1);
        let own = if self.is_small() { relayed.saturating_mul(others) } else { relayed };
        (Limits::both(transmit_limit(RETRANSMIT_MULT, known)), Limits { own, relayed })
    }

    fn push_bulk(&mut self, name: RecordName, bytes: Arc<[u8]>) {
        let me = self.me;
        let members = self.members.iter();
        let targets = members.filter(|(id, member)| *id != me && member.is_live());
        let key = name.0;
        let dropped = self.bulk.push(name, bytes, targets.map(|(id, _)| id));
        if dropped > 0 {
            self.stats.oversized.entry(key).or_default().dropped.add(dropped as u64);
            let event = Event::GossipDropped { key: key.into(), count: dropped as u64 };
            self.log_once(alloc::format!("dropped {key}"), event);
        }
    }

    pub(super) fn take_packet(&mut self, now: Instant, from: SocketAddr, bytes: &[u8]) {
        let mut messages = Vec::new();
        if let Err(error) = decode_packet(self.settings.label.as_bytes(), bytes, &mut messages) {
            self.refuse(from, &error);
        }
        for message in messages {
            match message {
                Message::Ping(ping) => self.on_ping(from, ping),
                Message::IndirectPing(ping) => self.on_indirect_ping(now, from, ping),
                Message::Ack(ack) => self.on_ack(now, ack.seq_no),
                Message::Nack(nack) => self.on_nack(nack.seq_no),
                Message::Suspect(suspect) => self.on_suspect(now, &suspect),
                Message::Alive(alive) => self.on_alive(now, alive),
                Message::Dead(dead) => self.on_dead(now, &dead),
                Message::User(bytes) => self.on_update(from, &bytes, Source::Packet),
            }
        }
    }

    /// Takes records of one key.
    pub(super) fn on_update(&mut self, from: SocketAddr, bytes: &[u8], source: Source) {
        self.stats.updates_received.add(bytes.len());
        match part::decode(bytes) {
            Ok((_, data)) if data.is_empty() => {}
            Ok((key, data)) => self.effects.push_back(Effect::Merge { key, data, source }),
            Err(error) => self.refuse(from, &error),
        }
    }
}

/// Encodes a message.
pub(super) fn encoded(message: &Message) -> Vec<u8> {
    let mut out = Vec::new();
    encode_message(message, &mut out);
    out
}
