//! Packets over streams, as Alertmanager's TLS transport carries them (reference A.12).
//!
//! With TLS there are no datagrams. Each connection begins with a frame: one that says "stream",
//! and the rest is a stream as ever; or one that holds a packet, and more of those follow. Each
//! frame is a [`StreamCommand::Write`] of its own, since Alertmanager loses what shares a TLS
//! record with a frame before it.
//!
//! Unlike upstream, a peer that cannot be reached holds up nobody else, and is not called more than
//! once a second.

use alloc::{collections::BTreeMap, string::ToString as _, vec::Vec};
use core::{net::SocketAddr, time::Duration};

use super::{
    Cluster, Effect, Secured, StreamCommand, StreamEvent, Timer,
    exchange::{Exchange, Kind},
};
use crate::{
    id::StreamId,
    limits::{GOSSIP_PIPE_PACKETS_MAX, GOSSIP_PIPES_MAX},
    time::Instant,
    wire::gossip::Frame,
};

/// How long a connection on which no packet comes is kept. Members probe each other far more often.
const IDLE: Duration = Duration::from_secs(300);
/// How long an address that could not be reached is not called again.
const HOLD: Duration = Duration::from_secs(1);

/// The connections that carry packets to others.
#[derive(Debug, Default)]
pub(super) struct Pipes {
    by_addr: BTreeMap<SocketAddr, Pipe>,
    /// Addresses that could not be reached, and until when they are left alone.
    held: BTreeMap<SocketAddr, Instant>,
}

#[derive(Debug)]
struct Pipe {
    id: StreamId,
    used: Instant,
    is_open: bool,
    /// Frames for when it is open.
    waiting: Vec<Vec<u8>>,
}

impl Cluster {
    /// Sends a packet the way this cluster does: as a datagram, or in a frame.
    pub(super) fn send_packet(&mut self, to: SocketAddr, bytes: Vec<u8>) {
        if !self.settings.tls {
            return self.effects.push_back(Effect::Datagram { to, bytes });
        }
        let now = self.now;
        if self.pipes.held.get(&to).is_some_and(|&until| until > now) {
            return;
        }
        let from = self.settings.advertise.to_string();
        let mut frame = Vec::with_capacity(bytes.len() + 48);
        Frame::Packet { from: &from, bytes: &bytes }.encode(&mut frame);
        if !self.pipes.by_addr.contains_key(&to) {
            self.open_pipe(now, to);
        }
        let pipe = self.pipes.by_addr.get_mut(&to).expect("it was just opened");
        pipe.used = now;
        if pipe.is_open {
            let id = pipe.id;
            self.effects.push_back(Effect::Stream(id, StreamCommand::Write(frame)));
        } else if pipe.waiting.len() < GOSSIP_PIPE_PACKETS_MAX {
            pipe.waiting.push(frame);
        } else {
            return;
        }
        self.count_secured(|secured| secured.packet_bytes_sent.add(bytes.len() as u64));
    }

    /// Counts something of the transport with TLS, where that is used.
    pub(super) fn count_secured(&mut self, count: impl FnOnce(&mut Secured)) {
        if let Some(secured) = &mut self.stats.secured {
            count(secured);
        }
    }

    /// Counts a connection with TLS that failed.
    pub(super) fn count_failure(&mut self, id: StreamId) {
        let Some(exchange) = self.exchanges.get(&id) else { return };
        let is_pipe = matches!(exchange.kind, Kind::Pipe);
        let is_theirs =
            matches!(exchange.kind, Kind::Framed(_) | Kind::Served | Kind::Answering(_));
        self.count_secured(|secured| match (is_theirs, is_pipe) {
            (true, _) => secured.read_errors.increase(),
            (_, true) => secured.packet_errors.increase(),
            (_, false) => secured.stream_errors.increase(),
        });
    }

    fn open_pipe(&mut self, now: Instant, to: SocketAddr) {
        if self.pipes.by_addr.len() >= GOSSIP_PIPES_MAX {
            let idle = self.pipes.by_addr.values().min_by_key(|pipe| pipe.used);
            if let Some(id) = idle.map(|pipe| pipe.id) {
                self.drop_exchange(id);
            }
        }
        let id = self.open(now, to, Kind::Pipe);
        let pipe = Pipe { id, used: now, is_open: false, waiting: Vec::new() };
        self.pipes.by_addr.insert(to, pipe);
    }

    /// Takes the news that a connection of ours is open: a pipe sends what waits, a stream says
    /// that it is one.
    pub(super) fn on_tls_connected(&mut self, id: StreamId) {
        let Some(exchange) = self.exchanges.get(&id) else { return };
        let mut frames = Vec::new();
        if matches!(exchange.kind, Kind::Pipe) {
            // It stays open from here on.
            self.timers.clear(Timer::Stream(id));
            if let Some(pipe) = self.pipes.by_addr.get_mut(&exchange.peer) {
                pipe.is_open = true;
                frames = core::mem::take(&mut pipe.waiting);
            }
        } else {
            self.count_secured(|secured| secured.streams_sent.increase());
            let mut frame = Vec::new();
            Frame::Stream.encode(&mut frame);
            frames.push(frame);
        }
        let writes =
            frames.into_iter().map(|frame| Effect::Stream(id, StreamCommand::Write(frame)));
        self.effects.extend(writes);
    }

    /// Forgets a pipe that is closed.
    pub(super) fn forget_pipe(&mut self, addr: SocketAddr) {
        self.pipes.by_addr.remove(&addr);
    }

    /// Leaves an address alone for a while whose pipe broke or could not be opened.
    pub(super) fn hold_pipe(&mut self, now: Instant, addr: SocketAddr) {
        self.pipes.held.retain(|_, until| *until > now);
        if self.pipes.held.len() < GOSSIP_PIPES_MAX {
            self.pipes.held.insert(addr, now + HOLD);
        }
    }

    /// Takes bytes of a connection that a peer opened and that is no stream yet.
    pub(super) fn take_frames(&mut self, now: Instant, id: StreamId, bytes: &[u8]) {
        let Some(exchange) = self.exchanges.get_mut(&id) else { return };
        let Exchange { kind: Kind::Framed(buffer), peer, .. } = exchange else { return };
        let peer = *peer;
        let mut buffer = core::mem::take(buffer);
        buffer.extend_from_slice(bytes);
        let mut at = 0;
        loop {
            match Frame::decode(&buffer[at..]) {
                Ok(None) => break,
                Ok(Some((Frame::Stream, len))) => {
                    self.count_secured(|secured| secured.streams_received.increase());
                    let rest = buffer.split_off(at + len);
                    if let Some(exchange) = self.exchanges.get_mut(&id) {
                        exchange.kind = Kind::Served;
                    }
                    if !rest.is_empty() {
                        self.take_stream_event(now, id, StreamEvent::Data(rest));
                    }
                    return;
                }
                Ok(Some((Frame::Packet { bytes, .. }, len))) => {
                    self.timers.set(Timer::Stream(id), now + IDLE);
                    let bytes_received = bytes.len() as u64;
                    self.count_secured(|secured| {
                        secured.packet_bytes_received.add(bytes_received);
                    });
                    self.take_packet(now, peer, bytes);
                    at += len;
                }
                Err(error) => {
                    self.count_failure(id);
                    return self.end_exchange(now, id, Err(error.to_string()));
                }
            }
        }
        buffer.drain(..at);
        if let Some(exchange) = self.exchanges.get_mut(&id) {
            exchange.kind = Kind::Framed(buffer);
        }
    }
}
