//! Streams between hosts: what TCP makes of the network. Pieces keep their order; a cut delays
//! them until somebody gives up.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
};

use campana_core::{id::StreamId, time::Instant};

use crate::host::HostId;

/// One side of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Dialer,
    Listener,
}

impl Side {
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Dialer => Self::Listener,
            Self::Listener => Self::Dialer,
        }
    }
}

/// Something on its way to one side.
#[derive(Debug)]
pub(crate) enum Piece {
    Open,
    Opened,
    Data(Vec<u8>),
    Close,
    Fail(&'static str),
}

/// A side of a connection, as the network sees it.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) host: HostId,
    pub(crate) run: u32,
    /// How the node calls it; `None` until it was accepted.
    pub(crate) id: Option<StreamId>,
    /// Whether the node has closed its side.
    pub(crate) has_closed: bool,
    /// What is on its way to this side.
    inbound: VecDeque<Piece>,
    /// When the last of it arrives.
    last_at: Instant,
    /// Since when nothing arrives.
    pub(crate) stuck_since: Option<Instant>,
}

impl End {
    fn new(host: HostId, run: u32, id: Option<StreamId>, now: Instant) -> Self {
        Self {
            host,
            run,
            id,
            has_closed: false,
            inbound: VecDeque::new(),
            last_at: now,
            stuck_since: None,
        }
    }
}

/// A connection.
#[derive(Debug)]
pub(crate) struct Connection {
    dialer: End,
    listener: End,
}

impl Connection {
    pub(crate) fn end(&mut self, side: Side) -> &mut End {
        match side {
            Side::Dialer => &mut self.dialer,
            Side::Listener => &mut self.listener,
        }
    }

    /// Puts a piece on its way to a side, behind everything that is; returns when it arrives.
    pub(crate) fn put(&mut self, to: Side, piece: Piece, at: Instant) -> Instant {
        let end = self.end(to);
        end.inbound.push_back(piece);
        end.last_at = end.last_at.max(at);
        end.last_at
    }

    pub(crate) fn take(&mut self, to: Side) -> Option<Piece> {
        self.end(to).inbound.pop_front()
    }
}

/// All connections.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    connections: BTreeMap<u64, Connection>,
    sides: BTreeMap<(HostId, u32, StreamId), (u64, Side)>,
    count: u64,
    accepted: u64,
}

impl Streams {
    pub(crate) fn dial(
        &mut self,
        from: (HostId, u32, StreamId),
        to: (HostId, u32),
        now: Instant,
    ) -> u64 {
        self.count += 1;
        let (host, run, id) = from;
        self.sides.insert(from, (self.count, Side::Dialer));
        let dialer = End::new(host, run, Some(id), now);
        let listener = End::new(to.0, to.1, None, now);
        self.connections.insert(self.count, Connection { dialer, listener });
        self.count
    }

    /// Gives the listener's side the id it gets by being accepted.
    pub(crate) fn accept(&mut self, number: u64, run: u32) -> Option<StreamId> {
        let connection = self.connections.get_mut(&number)?;
        self.accepted += 1;
        let id = StreamId::accepted(self.accepted);
        connection.listener.id = Some(id);
        connection.listener.run = run;
        self.sides.insert((connection.listener.host, run, id), (number, Side::Listener));
        Some(id)
    }

    pub(crate) fn find(&self, host: HostId, run: u32, id: StreamId) -> Option<(u64, Side)> {
        self.sides.get(&(host, run, id)).copied()
    }

    pub(crate) fn get(&mut self, number: u64) -> Option<&mut Connection> {
        self.connections.get_mut(&number)
    }

    pub(crate) fn remove(&mut self, number: u64) {
        let Some(connection) = self.connections.remove(&number) else { return };
        for end in [connection.dialer, connection.listener] {
            if let Some(id) = end.id {
                self.sides.remove(&(end.host, end.run, id));
            }
        }
    }

    /// Returns the connections that a host has, with its side.
    pub(crate) fn of(&self, host: HostId, run: u32) -> Vec<(u64, Side)> {
        let (first, last) = (StreamId(0), StreamId(u64::MAX));
        self.sides.range((host, run, first)..=(host, run, last)).map(|(_, &place)| place).collect()
    }
}

/// Returns where a host takes gossip.
pub(crate) fn address(host: HostId) -> SocketAddr {
    let [_, b, c, d] = (host.0 + 1).to_be_bytes();
    SocketAddr::from(([10, b, c, d], 9094))
}

/// Returns the host of an address.
pub(crate) fn host_at(address: SocketAddr) -> Option<HostId> {
    let SocketAddr::V4(v4) = address else { return None };
    let [a, b, c, d] = v4.ip().octets();
    let number = u32::from_be_bytes([0, b, c, d]).checked_sub(1)?;
    (a == 10 && v4.port() == 9094).then_some(HostId(number))
}
