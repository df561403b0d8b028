//! What goes in and out of a cluster.

use alloc::{collections::BTreeMap, format, string::String, sync::Arc, vec::Vec};
use core::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    event::Event,
    id::{ResolveId, StreamId},
    metrics::Counter,
};

/// How to take part. The defaults in brackets are Alertmanager's flags (reference A.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// This node's name among its peers; empty for a fresh ULID.
    pub name: String,
    /// The address that peers are told, for packets and streams. See
    /// [`advertised`](super::advertised) for how it is found.
    pub advertise: SocketAddr,
    /// Known peers as `host:port`; none is fine.
    pub peers: Vec<String>,
    /// Time between two gossip ticks (200 ms).
    pub gossip_interval: Duration,
    /// Time between two full exchanges with a random member (60 s).
    pub push_pull_interval: Duration,
    /// How long one stream may take in all (10 s).
    pub tcp_timeout: Duration,
    /// How long a direct probe waits for its answer before others are asked (500 ms).
    pub probe_timeout: Duration,
    /// Time between two probes, and the unit of suspicions (1 s).
    pub probe_interval: Duration,
    /// The longest wait for the cluster to settle (60 s); zero does not wait.
    pub settle_timeout: Duration,
    /// Time between two tries to reach failed peers (10 s).
    pub reconnect_interval: Duration,
    /// How long failed peers are tried (6 h).
    pub reconnect_timeout: Duration,
    /// The budget of resolving the peers' names at start (15 s).
    pub resolve_timeout: Duration,
    /// The label that packets and streams carry; empty for none.
    pub label: String,
    /// Whether packets travel on TLS connections too. The runtime does the TLS; here it only
    /// changes what travels how.
    pub tls: bool,
    /// Whether the failure detector is Lifeguard (as Alertmanager's always is) or plain SWIM: no
    /// health score, no nacks, no word to the suspect with its ping, and suspicions of a fixed
    /// length. A node runs with Lifeguard; simulations compare the two.
    pub lifeguard: bool,
}

impl Settings {
    /// Makes Alertmanager's default settings.
    pub fn new(name: impl Into<String>, advertise: SocketAddr) -> Self {
        Self {
            name: name.into(),
            advertise,
            peers: Vec::new(),
            gossip_interval: Duration::from_millis(200),
            push_pull_interval: Duration::from_secs(60),
            tcp_timeout: Duration::from_secs(10),
            probe_timeout: Duration::from_millis(500),
            probe_interval: Duration::from_secs(1),
            settle_timeout: Duration::from_secs(60),
            reconnect_interval: Duration::from_secs(10),
            reconnect_timeout: Duration::from_secs(6 * 3600),
            resolve_timeout: Duration::from_secs(15),
            label: String::new(),
            tls: false,
            lifeguard: true,
        }
    }

    /// Checks what a user can get wrong; to be called before [`Cluster::new`](super::Cluster::new).
    ///
    /// # Errors
    /// A peer without a port, a label of more than 255 bytes, or a span of zero that must not be.
    pub fn check(&self) -> Result<(), String> {
        for peer in &self.peers {
            split_host_port(peer)?;
        }
        if self.label.len() > 255 {
            return Err(format!("cluster label has {} bytes, at most 255 fit", self.label.len()));
        }
        for (name, span) in [
            ("gossip interval", self.gossip_interval),
            ("push-pull interval", self.push_pull_interval),
            ("TCP timeout", self.tcp_timeout),
            ("probe timeout", self.probe_timeout),
            ("probe interval", self.probe_interval),
            ("reconnect interval", self.reconnect_interval),
            ("reconnect timeout", self.reconnect_timeout),
            ("peers resolve timeout", self.resolve_timeout),
        ] {
            if span.is_zero() {
                return Err(format!("cluster {name} must be greater than zero"));
            }
        }
        Ok(())
    }
}

/// Splits `host:port`, where an IPv6 host stands in brackets.
///
/// # Errors
/// What is missing, in words.
pub(super) fn split_host_port(text: &str) -> Result<(&str, u16), String> {
    let (host, port) =
        text.rsplit_once(':').ok_or_else(|| format!("address {text}: missing port in address"))?;
    let host = match host.strip_prefix('[') {
        Some(rest) => {
            rest.strip_suffix(']').ok_or_else(|| format!("address {text}: missing ']'"))?
        }
        None if host.contains(':') => {
            return Err(format!("address {text}: too many colons in address"));
        }
        None => host,
    };
    let port = port.parse().map_err(|_| format!("address {text}: invalid port {port:?}"))?;
    Ok((host, port))
}

/// A member as others see it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Peer {
    /// Its name.
    pub name: Arc<str>,
    /// Where it listens.
    pub address: SocketAddr,
}

/// How records came here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// In a packet: it reached some members and is to be passed on.
    Packet,
    /// On a stream: its sender gives it to every member itself.
    Stream,
    /// In a full exchange: everything one member knows.
    FullState,
}

/// Whether notifications may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The number of members may still change.
    Settling,
    /// Agreed, or waited long enough.
    Ready,
}

impl Status {
    /// Returns the status as the API shows it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Settling => "settling",
            Self::Ready => "ready",
        }
    }
}

/// What happened to a stream. Streams that peers opened have ids made by [`StreamId::accepted`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StreamEvent {
    /// A peer opened it.
    Accepted {
        /// The peer's end of it.
        from: SocketAddr,
    },
    /// It is open, as the cluster asked.
    Connected,
    /// Bytes came.
    Data(Vec<u8>),
    /// The peer closed its side after everything it had to send.
    Closed,
    /// It could not be opened, or broke. The text says why.
    Failed(String),
}

/// What to do with a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StreamCommand {
    /// Open it; answer with [`StreamEvent::Connected`] or [`StreamEvent::Failed`].
    Open {
        /// The peer.
        to: SocketAddr,
    },
    /// Write bytes, in order. With TLS each write is flushed as a record of its own, or several,
    /// and never shares one with another: Alertmanager loses what follows a frame in its record.
    Write(Vec<u8>),
    /// Close it once everything is written. No event is needed any more.
    Close,
}

/// What the cluster wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Send a packet.
    Datagram {
        /// The peer.
        to: SocketAddr,
        /// The whole packet.
        bytes: Vec<u8>,
    },
    /// Do something with a stream.
    Stream(StreamId, StreamCommand),
    /// Look up a host's addresses; answer with [`Cluster::on_resolved`](super::Cluster).
    Resolve(ResolveId, String),
    /// Give records to the owner of this key. An unknown key is to be ignored.
    Merge {
        /// The key of the state.
        key: String,
        /// Records, one after the other, in the form of that state.
        data: Vec<u8>,
        /// How they came; to be given back with what was new in them, see
        /// [`Cluster::relay`](super::Cluster::relay).
        source: Source,
    },
    /// Collect the full state of every key; answer with
    /// [`Cluster::provide_state`](super::Cluster::provide_state).
    WantState(StreamId),
    /// A member is there.
    Joined(Peer),
    /// A member has failed or left.
    Left(Peer),
    /// A member told new metadata.
    Updated(Peer),
    /// Notifications may be sent from now on.
    Settled,
    /// The other members know that this one leaves (`true`), or could not be told in time.
    Departed(bool),
    /// A probe was answered; for metrics.
    Pinged {
        /// The member.
        peer: Arc<str>,
        /// How long the answer took.
        rtt: Duration,
    },
    /// A stream of records reached a member; for metrics.
    Delivered {
        /// The key of the records' state.
        key: &'static str,
        /// How long it took.
        took: Duration,
    },
    /// Tell the log.
    Log(Event),
}

/// Messages of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// How many.
    pub messages: Counter,
    /// Their bytes.
    pub bytes: Counter,
}

impl Traffic {
    pub(super) fn add(&mut self, bytes: usize) {
        self.messages.increase();
        self.bytes.add(bytes as u64);
    }
}

/// Streams of records of one state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Oversized {
    /// Streams begun.
    pub sent: Counter,
    /// Streams that failed.
    pub failed: Counter,
    /// Records dropped because too many waited.
    pub dropped: Counter,
}

/// What went over connections with TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Secured {
    /// Bytes of packets sent, without their frames.
    pub packet_bytes_sent: Counter,
    /// Bytes of packets received.
    pub packet_bytes_received: Counter,
    /// Streams opened.
    pub streams_sent: Counter,
    /// Streams that peers opened.
    pub streams_received: Counter,
    /// Connections of peers that broke, or carried what is no frame.
    pub read_errors: Counter,
    /// Connections for packets that could not be opened or broke.
    pub packet_errors: Counter,
    /// Streams that could not be opened or broke.
    pub stream_errors: Counter,
}

/// What happened so far, for metrics (reference A.11).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Full states received.
    pub full_states_received: Traffic,
    /// Full states sent.
    pub full_states_sent: Traffic,
    /// Updates received.
    pub updates_received: Traffic,
    /// Updates sent, counted per packet or stream.
    pub updates_sent: Traffic,
    /// Messages dropped from the queue because too many waited.
    pub pruned: Counter,
    /// Alive messages, by the member they speak of.
    pub alive_messages: BTreeMap<Arc<str>, Counter>,
    /// Alive messages that gave a known name another address.
    pub name_conflicts: Counter,
    /// Suspicions of members, their own accusations and those heard of.
    pub suspected: Counter,
    /// Members that joined, this one included.
    pub joined: Counter,
    /// Members that failed or left.
    pub left: Counter,
    /// Members that changed their metadata.
    pub updated: Counter,
    /// Failed peers that could be reached again.
    pub reconnections: Counter,
    /// Failed peers that could not be reached.
    pub reconnections_failed: Counter,
    /// Peers found by resolving their names again, and reached.
    pub refresh_joins: Counter,
    /// Peers found by resolving their names again, and not reached.
    pub refresh_joins_failed: Counter,
    /// Streams of records, by the key of their state.
    pub oversized: BTreeMap<&'static str, Oversized>,
    /// What the transport with TLS did, where that is used.
    pub secured: Option<Secured>,
    /// Packets, parts of packets, streams and messages with records that were refused.
    pub refused: Counter,
    /// Members, relays and streams turned away because there were too many.
    pub limited: Counter,
}

/// Tells whether an address is one that other hosts cannot reach this one by.
pub(super) fn is_unroutable(ip: IpAddr) -> bool {
    ip.is_unspecified() || ip.is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_need_a_port() {
        assert_eq!(split_host_port("a:9094"), Ok(("a", 9094)));
        assert_eq!(split_host_port("[::1]:1"), Ok(("::1", 1)));
        for bad in ["a", "::1", "::1:9094", "[::1", "a:", "a:b", "a:65536", "[::1]"] {
            assert!(split_host_port(bad).is_err(), "{bad}");
        }
        let mut settings = Settings::new("a", SocketAddr::from(([127, 0, 0, 1], 1)));
        assert_eq!(settings.check(), Ok(()));
        settings.probe_interval = Duration::ZERO;
        assert!(settings.check().is_err());
    }
}
