//! What hosts tell each other.

use std::{net::SocketAddr, time::Duration};

use campana_core::{
    cluster::{StreamCommand, StreamEvent},
    id::{ResolveId, StreamId},
    node::Input,
    time::Instant,
};

use super::{Thing, World};
use crate::{
    host::HostId,
    network::Verdict,
    streams::{Piece, Side, address, host_at},
};

/// How often something that is held up tries again.
const TRY_AGAIN: Duration = Duration::from_millis(250);
/// When a stream that nothing passes breaks.
const STUCK_MAX: Duration = Duration::from_secs(60);

impl World {
    /// Takes a packet from a host.
    pub(super) fn send_packet(&mut self, from: HostId, to: SocketAddr, bytes: Vec<u8>) {
        let sender = self.host_mut(from);
        sender.packets += 1;
        sender.gossip_bytes += bytes.len() as u64;
        let Some(to) = host_at(to).filter(|to| (to.0 as usize) < self.hosts.len()) else { return };
        self.carry_packet(from, to, bytes);
    }

    pub(super) fn carry_packet(&mut self, from: HostId, to: HostId, bytes: Vec<u8>) {
        match self.network.packet(from, to) {
            Verdict::Drop => {}
            Verdict::Hold => {
                self.heap.push(self.now + TRY_AGAIN, Thing::Held { from, to, bytes });
            }
            Verdict::Pass(span) => {
                if let Some(again) = self.network.again() {
                    let bytes = bytes.clone();
                    self.heap.push(self.now + again, Thing::Packet { from, to, bytes });
                }
                self.heap.push(self.now + span, Thing::Packet { from, to, bytes });
            }
        }
    }

    /// Lets a packet arrive; whoever runs there takes it.
    pub(super) fn packet_arrives(
        &mut self,
        from: HostId,
        to: HostId,
        bytes: Vec<u8>,
    ) -> Option<HostId> {
        self.trace.note(self.now, format_args!("{from:?} to {to:?}"));
        self.trace.note_bytes(&bytes);
        let host = self.host_mut(to);
        host.node.as_ref()?;
        host.inbox.push_back(Input::Datagram { from: address(from), bytes });
        Some(to)
    }

    pub(super) fn resolve(&mut self, host: HostId, run: u32, id: ResolveId, name: &str) {
        let number = name.strip_prefix("host").and_then(|number| number.parse().ok());
        let result = match (name.parse(), number) {
            (Ok(ip), _) => Ok(vec![ip]),
            (_, Some(number)) if !self.network.names_fail => Ok(vec![address(HostId(number)).ip()]),
            _ => Err(format!("lookup {name}: no such host")),
        };
        let input = Box::new(Input::Resolved(id, result));
        let at = self.now + Duration::from_millis(1);
        self.heap.push(at, Thing::Input { host, run, input });
    }

    pub(super) fn command(&mut self, host: HostId, run: u32, id: StreamId, command: StreamCommand) {
        match command {
            StreamCommand::Open { to } => self.dial((host, run, id), to),
            StreamCommand::Write(bytes) => {
                self.host_mut(host).gossip_bytes += bytes.len() as u64;
                if let Some((number, side)) = self.streams.find(host, run, id) {
                    self.put_piece(number, side.other(), Piece::Data(bytes));
                }
            }
            StreamCommand::Close => {
                let Some((number, side)) = self.streams.find(host, run, id) else { return };
                let Some(connection) = self.streams.get(number) else { return };
                connection.end(side).has_closed = true;
                self.put_piece(number, side.other(), Piece::Close);
            }
        }
    }

    fn dial(&mut self, from: (HostId, u32, StreamId), to: SocketAddr) {
        let Some(to) = host_at(to).filter(|to| (to.0 as usize) < self.hosts.len()) else {
            let event = StreamEvent::Failed("no route to host".into());
            let input = Box::new(Input::Stream(from.2, event));
            let at = self.now + Duration::from_millis(1);
            self.heap.push(at, Thing::Input { host: from.0, run: from.1, input });
            return;
        };
        let run = self.host(to).run;
        let number = self.streams.dial(from, (to, run), self.now);
        self.put_piece(number, Side::Listener, Piece::Open);
    }

    fn put_piece(&mut self, number: u64, to: Side, piece: Piece) {
        let now = self.now;
        match self.network.piece() {
            Some(span) => {
                let Some(connection) = self.streams.get(number) else { return };
                let at = connection.put(to, piece, now + span);
                self.heap.push(at, Thing::Piece { number, to });
            }
            None => self.break_stream(number, "connection reset by peer"),
        }
    }

    /// Tells both sides that a connection is no more.
    fn break_stream(&mut self, number: u64, why: &'static str) {
        let Some(connection) = self.streams.get(number) else { return };
        for side in [Side::Dialer, Side::Listener] {
            let end = connection.end(side);
            if let Some(id) = end.id.filter(|_| !end.has_closed) {
                let (host, run) = (end.host, end.run);
                let event = StreamEvent::Failed(why.into());
                let input = Box::new(Input::Stream(id, event));
                self.heap.push(self.now, Thing::Input { host, run, input });
            }
        }
        self.streams.remove(number);
    }

    /// Breaks what a host that ends had open: its kernel says so to whoever asks.
    pub(super) fn break_streams_of(&mut self, host: HostId) {
        let run = self.host(host).run;
        for (number, side) in self.streams.of(host, run) {
            let Some(connection) = self.streams.get(number) else { continue };
            connection.end(side).has_closed = true;
            self.put_piece(number, side.other(), Piece::Fail("connection reset by peer"));
        }
    }

    /// Lets the next piece of a stream arrive.
    pub(super) fn piece_arrives(&mut self, number: u64, to: Side) -> Option<HostId> {
        let now = self.now;
        let connection = self.streams.get(number)?;
        let sender = connection.end(to.other()).host;
        let host = connection.end(to).host;
        if self.network.is_blocked(sender, host) {
            let since = *connection.end(to).stuck_since.get_or_insert(now);
            if now.since(since) > STUCK_MAX {
                self.break_stream(number, "connection timed out");
            } else {
                self.heap.push(now + TRY_AGAIN * 2, Thing::Piece { number, to });
            }
            return None;
        }
        connection.end(to).stuck_since = None;
        let piece = connection.take(to)?;
        self.trace.note(now, format_args!("{sender:?} to {host:?} by stream {number}"));
        self.deliver_piece(number, to, piece)
    }

    fn deliver_piece(&mut self, number: u64, to: Side, piece: Piece) -> Option<HostId> {
        if matches!(piece, Piece::Open) {
            return self.accept(number);
        }
        let connection = self.streams.get(number)?;
        let sender_closed = connection.end(to.other()).has_closed;
        let end = connection.end(to);
        let (host, run, id, has_closed) = (end.host, end.run, end.id?, end.has_closed);
        let is_gone = self.host(host).run != run || self.host(host).node.is_none();
        let is_last = matches!(piece, Piece::Close | Piece::Fail(_));
        if has_closed || is_gone {
            if is_last || sender_closed {
                self.streams.remove(number);
            } else if is_gone {
                self.put_piece(number, to.other(), Piece::Fail("connection reset by peer"));
            }
            return None;
        }
        let event = match piece {
            Piece::Open => return None,
            Piece::Opened => StreamEvent::Connected,
            Piece::Data(bytes) => {
                self.trace.note_bytes(&bytes);
                StreamEvent::Data(bytes)
            }
            Piece::Close => StreamEvent::Closed,
            Piece::Fail(why) => {
                self.streams.remove(number);
                StreamEvent::Failed(why.into())
            }
        };
        self.host_mut(host).inbox.push_back(Input::Stream(id, event));
        Some(host)
    }

    fn accept(&mut self, number: u64) -> Option<HostId> {
        let connection = self.streams.get(number)?;
        let (from, host) = (connection.end(Side::Dialer).host, connection.end(Side::Listener).host);
        if self.host(host).node.is_none() {
            self.put_piece(number, Side::Dialer, Piece::Fail("connect: connection refused"));
            return None;
        }
        let run = self.host(host).run;
        let id = self.streams.accept(number, run)?;
        self.put_piece(number, Side::Dialer, Piece::Opened);
        let event = StreamEvent::Accepted { from: address(from) };
        self.host_mut(host).inbox.push_back(Input::Stream(id, event));
        Some(host)
    }

    /// Returns the bytes and the packets of gossip that a host has sent.
    pub fn gossip_sent(&self, id: HostId) -> (u64, u64) {
        (self.host(id).gossip_bytes, self.host(id).packets)
    }

    /// Returns when the world began.
    pub fn born_at(&self) -> Instant {
        super::START
    }
}
