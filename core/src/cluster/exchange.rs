//! Streams: full exchanges, TCP pings and records too large or too many for packets (reference
//! B.7). One message each way, then the stream ends.

use alloc::{string::String, vec::Vec};
use core::net::SocketAddr;

use super::{
    Cluster, Effect, Leaving, StreamCommand, StreamEvent, Timer,
    bulk::{Batch, Written},
    formula::push_pull_interval,
    member::below_span,
    part,
    types::Source,
};
use crate::{
    event::Event,
    id::StreamId,
    limits::{
        GOSSIP_ANSWERS_MAX, GOSSIP_BULK_STREAMS_MAX, GOSSIP_DIALS_MAX, GOSSIP_PIPES_MAX,
        GOSSIP_STATE_BYTES_MAX, GOSSIP_STREAMS_MAX,
    },
    time::Instant,
    wire::memberlist::{
        Ack, NodeState, PushNode, PushPull, StreamError, StreamMessage, StreamReader, encode_stream,
    },
};

/// Writes the stream of a batch.
fn write(label: &[u8], batch: &Batch) -> Written {
    let message = part::encode(batch.key, &batch.data);
    let part_bytes = message.len();
    let bytes = encode_stream(label, &StreamMessage::User(message));
    Written { key: batch.key, data: batch.data.clone(), part_bytes, bytes }
}

/// Why a full exchange is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// A known peer, at start.
    Join,
    /// A peer whose name resolves to an address that is no member's.
    Refresh,
    /// A peer that failed.
    Reconnect,
    /// Every so often, with a random member.
    Periodic,
}

/// A full exchange that is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Dial {
    pub(super) to: SocketAddr,
    pub(super) why: Why,
}

/// A stream that is open, or being opened.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) peer: SocketAddr,
    began: Instant,
    reader: StreamReader,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// A peer opened it with TLS, and it carries packets unless it turns out to be a stream. Holds
    /// the bytes of a frame that is not complete.
    Framed(Vec<u8>),
    /// It carries packets of ours.
    Pipe,
    /// A peer opened it and has not said everything.
    Served,
    /// A peer gave its state and waits for ours.
    Answering(PushPull),
    /// A full exchange of ours.
    Sync(Why),
    /// A TCP ping of ours, with its number.
    Ping(u32),
    /// Records of ours.
    Records(Batch),
}

impl Cluster {
    pub(super) fn take_stream_event(&mut self, now: Instant, id: StreamId, event: StreamEvent) {
        if let StreamEvent::Accepted { from } = event {
            return self.accept(now, id, from);
        }
        let Some(exchange) = self.exchanges.get_mut(&id) else { return };
        match event {
            StreamEvent::Accepted { .. } => {}
            StreamEvent::Connected => {
                if self.settings.tls {
                    self.on_tls_connected(id);
                }
                self.on_connected(id);
            }
            StreamEvent::Data(bytes) if matches!(exchange.kind, Kind::Framed(_)) => {
                self.take_frames(now, id, &bytes);
            }
            StreamEvent::Data(bytes) => match exchange.reader.push(&bytes) {
                None => {}
                Some(Ok(message)) => self.on_stream_message(now, id, message),
                Some(Err(error)) => self.on_stream_error(now, id, &error),
            },
            // The receiver of records closes when it has read them: that is their receipt. Who
            // sends packets may stop at any time.
            StreamEvent::Closed if matches!(exchange.kind, Kind::Records(_) | Kind::Framed(_)) => {
                self.end_exchange(now, id, Ok(()));
            }
            StreamEvent::Closed => self.end_exchange(now, id, Err("closed early".into())),
            StreamEvent::Failed(error) => {
                self.count_failure(id);
                self.end_exchange(now, id, Err(error));
            }
        }
    }

    fn accept(&mut self, now: Instant, id: StreamId, from: SocketAddr) {
        // With TLS the members' packets have connections of their own.
        let (kind, limit) = match self.settings.tls {
            true => (Kind::Framed(Vec::new()), GOSSIP_STREAMS_MAX + GOSSIP_PIPES_MAX),
            false => (Kind::Served, GOSSIP_STREAMS_MAX),
        };
        if self.exchanges.range(StreamId::accepted(0)..).count() >= limit {
            self.stats.limited.increase();
            return self.command(id, StreamCommand::Close);
        }
        self.timers.set(Timer::Stream(id), now + self.settings.tcp_timeout);
        let reader = StreamReader::new(self.label());
        self.exchanges.insert(id, Exchange { peer: from, began: now, reader, kind });
    }

    /// Opens a stream; it ends with the TCP timeout unless something ends it before.
    pub(super) fn open(&mut self, now: Instant, to: SocketAddr, kind: Kind) -> StreamId {
        let id = StreamId(self.next_stream.next());
        self.timers.set(Timer::Stream(id), now + self.settings.tcp_timeout);
        // The side that accepted sends no label.
        let reader = StreamReader::new(&[]);
        self.exchanges.insert(id, Exchange { peer: to, began: now, reader, kind });
        self.command(id, StreamCommand::Open { to });
        id
    }

    /// Opens a TCP ping that ends with the probe it belongs to.
    pub(super) fn open_ping(&mut self, to: SocketAddr, seq: u32, ends: Instant) -> StreamId {
        let now = self.now;
        let id = self.open(now, to, Kind::Ping(seq));
        self.timers.set(Timer::Stream(id), ends);
        id
    }

    fn on_connected(&mut self, id: StreamId) {
        let Some(exchange) = self.exchanges.get(&id) else { return };
        let message = match &exchange.kind {
            Kind::Framed(_) | Kind::Pipe | Kind::Served | Kind::Answering(_) => return,
            Kind::Sync(_) => return self.effects.push_back(Effect::WantState(id)),
            Kind::Ping(seq) => {
                let name = self.members.iter().find(|(_, m)| m.addr == exchange.peer);
                StreamMessage::Ping(self.ping(*seq, name.map_or("", |(_, m)| &m.name)))
            }
            Kind::Records(batch) => {
                let written = match self.written.take() {
                    Some(same) if same.key == batch.key && same.data == batch.data => same,
                    _ => write(self.settings.label.as_bytes(), batch),
                };
                self.stats.updates_sent.add(written.part_bytes);
                self.command(id, StreamCommand::Write(written.bytes.clone()));
                self.written = Some(written);
                return;
            }
        };
        let bytes = encode_stream(self.label(), &message);
        self.command(id, StreamCommand::Write(bytes));
    }

    fn on_stream_message(&mut self, now: Instant, id: StreamId, message: StreamMessage) {
        let Some(exchange) = self.exchanges.get_mut(&id) else { return };
        let peer = exchange.peer;
        let result = match (&exchange.kind, message) {
            (Kind::Served, StreamMessage::Ping(ping)) => {
                if self.is_me(&ping.node) {
                    let ack = Ack { seq_no: ping.seq_no, payload: Vec::new() };
                    let bytes = encode_stream(&[], &StreamMessage::Ack(ack));
                    self.command(id, StreamCommand::Write(bytes));
                    Ok(())
                } else {
                    Err("ping for another name".into())
                }
            }
            (Kind::Served, StreamMessage::User(bytes)) => {
                self.on_update(peer, &bytes, Source::Stream);
                Ok(())
            }
            (Kind::Served, StreamMessage::PushPull(theirs)) => {
                exchange.kind = Kind::Answering(theirs);
                let is_answering = |e: &&Exchange| matches!(e.kind, Kind::Answering(_));
                if self.exchanges.values().filter(is_answering).count() <= GOSSIP_ANSWERS_MAX {
                    return self.effects.push_back(Effect::WantState(id));
                }
                self.stats.limited.increase();
                Err("too many exchanges".into())
            }
            (Kind::Sync(_), StreamMessage::PushPull(theirs)) => self.merge_full(now, peer, theirs),
            (Kind::Ping(seq), StreamMessage::Ack(ack)) if *seq == ack.seq_no => {
                self.on_tcp_ack(ack.seq_no);
                Ok(())
            }
            (Kind::Sync(_), StreamMessage::Err(error)) => Err(error),
            _ => Err("unexpected message".into()),
        };
        self.end_exchange(now, id, result);
    }

    /// Tells the peer what could not be read, as upstream does, unless it is of another cluster.
    fn on_stream_error(&mut self, now: Instant, id: StreamId, error: &StreamError) {
        let Some(exchange) = self.exchanges.get(&id) else { return };
        if !matches!(error, StreamError::Label(_)) && matches!(exchange.kind, Kind::Served) {
            let text = alloc::format!("{error}");
            let bytes = encode_stream(&[], &StreamMessage::Err(text));
            self.command(id, StreamCommand::Write(bytes));
        }
        self.end_exchange(now, id, Err(alloc::format!("{error}")));
    }

    /// Sends the state that an exchange waits for. Who was called answers before it merges, so that
    /// both sides give what they had before (reference B.7).
    pub(super) fn send_state(
        &mut self,
        now: Instant,
        id: StreamId,
        state: &[(&'static str, Vec<u8>)],
    ) {
        let Some(exchange) = self.exchanges.get_mut(&id) else { return };
        let peer = exchange.peer;
        let (join, answers) = match &exchange.kind {
            Kind::Sync(why) => (*why != Why::Periodic, false),
            Kind::Answering(theirs) => (theirs.join, true),
            _ => return,
        };
        let user_state = part::encode_full(state);
        if user_state.len() > GOSSIP_STATE_BYTES_MAX {
            let limit = GOSSIP_STATE_BYTES_MAX as u64;
            let event = Event::LimitReached { what: "bytes of gossiped state".into(), limit };
            self.log_once("state".into(), event);
        }
        self.stats.full_states_sent.add(user_state.len());
        let ours = StreamMessage::PushPull(PushPull { join, nodes: self.push_nodes(), user_state });
        let label = if answers { &[] } else { self.label() };
        let bytes = encode_stream(label, &ours);
        self.command(id, StreamCommand::Write(bytes));
        if !answers {
            return;
        }
        let exchange = self.exchanges.get_mut(&id).expect("it was seen above");
        if let Kind::Answering(theirs) = core::mem::replace(&mut exchange.kind, Kind::Served) {
            let result = self.merge_full(now, peer, theirs);
            self.end_exchange(now, id, result);
        }
    }

    fn push_nodes(&self) -> Vec<PushNode> {
        let node = |m: &super::member::Member| PushNode {
            name: String::from(&*m.name),
            addr: m.addr,
            meta: m.meta.clone(),
            incarnation: m.incarnation,
            state: m.state,
            vsn: m.vsn,
        };
        self.members.iter().map(|(_, member)| node(member)).collect()
    }

    fn merge_full(
        &mut self,
        now: Instant,
        from: SocketAddr,
        theirs: PushPull,
    ) -> Result<(), String> {
        self.merge_nodes(now, theirs.nodes)?;
        self.stats.full_states_received.add(theirs.user_state.len());
        let parts = part::decode_full(&theirs.user_state).map_err(|error| {
            self.refuse(from, &error);
            alloc::format!("{error}")
        })?;
        for (key, data) in parts.into_iter().filter(|(_, data)| !data.is_empty()) {
            self.effects.push_back(Effect::Merge { key, data, source: Source::FullState });
        }
        Ok(())
    }

    /// Ends a stream and settles what it was for.
    pub(super) fn end_exchange(&mut self, now: Instant, id: StreamId, result: Result<(), String>) {
        let Some(exchange) = self.drop_exchange(id) else { return };
        let peer = exchange.peer;
        if matches!(exchange.kind, Kind::Pipe) {
            self.hold_pipe(now, peer);
        }
        match (exchange.kind, result) {
            (Kind::Pipe | Kind::Ping(_), _) => {}
            (Kind::Framed(_) | Kind::Served | Kind::Answering(_), Ok(())) => {}
            (Kind::Framed(_) | Kind::Served | Kind::Answering(_), Err(error)) => {
                self.refuse(peer, &error);
            }
            (Kind::Sync(why), result) => {
                self.end_sync(now, Dial { to: peer, why }, result);
                self.start_dials(now);
            }
            (Kind::Records(batch), result) => {
                let (key, took) = (batch.key, now.since(exchange.began));
                self.bulk.end(now, batch.outcome(result.is_ok()));
                match result {
                    Ok(()) => self.effects.push_back(Effect::Delivered { key, took }),
                    Err(err) => {
                        self.stats.oversized.entry(key).or_default().failed.increase();
                        let member = self.members.get(batch.member);
                        let peer = member.map_or_else(|| "".into(), |m| m.name.clone());
                        self.log(Event::GossipUndelivered { peer, key: key.into(), err });
                    }
                }
                self.send_bulk(now);
            }
        }
    }

    /// Closes a stream whatever it was for.
    pub(super) fn drop_exchange(&mut self, id: StreamId) -> Option<Exchange> {
        let exchange = self.exchanges.remove(&id)?;
        self.timers.clear(Timer::Stream(id));
        self.command(id, StreamCommand::Close);
        if matches!(exchange.kind, Kind::Pipe) {
            self.forget_pipe(exchange.peer);
        }
        Some(exchange)
    }

    /// Opens streams to members that miss records, as many at once as is allowed.
    pub(super) fn send_bulk(&mut self, now: Instant) {
        let is_records = |e: &&Exchange| matches!(e.kind, Kind::Records(_));
        let mut open = self.exchanges.values().filter(is_records).count();
        while open < GOSSIP_BULK_STREAMS_MAX
            && let Some(batch) = self.bulk.next(now)
        {
            let Some(member) = self.members.get(batch.member).filter(|m| m.is_live()) else {
                self.bulk.forget(batch.member);
                continue;
            };
            let to = member.addr;
            self.stats.oversized.entry(batch.key).or_default().sent.increase();
            self.open(now, to, Kind::Records(batch));
            open += 1;
        }
        if open == 0 {
            self.written = None;
        }
        // With every place taken the next stream that ends comes here again.
        match self.bulk.next_retry().filter(|_| open < GOSSIP_BULK_STREAMS_MAX) {
            Some(at) => self.timers.set(Timer::Bulk, at),
            None => drop(self.timers.clear(Timer::Bulk)),
        }
    }

    /// Asks for a full exchange with an address, unless one is waiting or under way.
    pub(super) fn dial(&mut self, now: Instant, to: SocketAddr, why: Why) {
        let is_known = self.dials.iter().any(|dial| dial.to == to)
            || self
                .exchanges
                .values()
                .any(|exchange| exchange.peer == to && matches!(exchange.kind, Kind::Sync(_)));
        if !is_known {
            self.dials.push_back(Dial { to, why });
            self.start_dials(now);
        }
    }

    /// Tells whether an exchange of the first round waits or is under way.
    pub(super) fn is_joining(&self) -> bool {
        self.dials.iter().any(|dial| dial.why == Why::Join)
            || self.exchanges.values().any(|e| matches!(e.kind, Kind::Sync(Why::Join)))
    }

    fn start_dials(&mut self, now: Instant) {
        let is_sync = |e: &&Exchange| matches!(e.kind, Kind::Sync(_));
        while self.exchanges.values().filter(is_sync).count() < GOSSIP_DIALS_MAX
            && let Some(Dial { to, why }) = self.dials.pop_front()
        {
            // It may have come back while this waited, as all do when a partition heals.
            if why != Why::Reconnect || self.peers.is_missing(to) {
                self.open(now, to, Kind::Sync(why));
            }
        }
    }

    /// The periodic full exchange with a random member that is alive.
    pub(super) fn push_pull(&mut self, now: Instant) {
        self.arm_push_pull(false);
        let me = self.me;
        let chosen = self
            .members
            .random(&mut self.rng, 1, |id, member| id != me && member.state == NodeState::Alive);
        let member = chosen.first().and_then(|&id| self.members.get(id));
        if let Some(to) = member.map(|member| member.addr)
            && self.leaving == Leaving::No
        {
            self.dial(now, to, Why::Periodic);
        }
    }

    /// Arms the next full exchange; the first is put off by a random part of the interval, so that
    /// nodes started together do not exchange together.
    pub(super) fn arm_push_pull(&mut self, is_first: bool) {
        let interval = self.settings.push_pull_interval;
        if interval.is_zero() {
            return;
        }
        let mut at = self.now + push_pull_interval(interval, self.members.len());
        if is_first {
            at = at + below_span(&mut self.rng, interval);
        }
        self.timers.set(Timer::PushPull, at);
    }

    fn command(&mut self, id: StreamId, command: StreamCommand) {
        self.effects.push_back(Effect::Stream(id, command));
    }
}
