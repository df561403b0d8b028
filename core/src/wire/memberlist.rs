//! The messages of hashicorp/memberlist, which Alertmanager's gossip is made of.
//!
//! A packet (UDP, or one TLS frame) carries [`Message`]s; a stream (TCP) carries one
//! [`StreamMessage`] each way. Both exist here as plain values; the modules below turn them into
//! bytes and back and never panic on what a peer sends.

mod body;
mod label;
mod lzw;
mod pack;
mod packet;
mod stream;

#[cfg(test)]
mod tests;

use alloc::{string::String, vec::Vec};
use core::net::SocketAddr;

pub use self::{
    body::encode_message,
    label::{LabelError, label_bytes},
    pack::UnpackError,
    packet::{
        COMPOUND_PARTS_MAX, PART_OVERHEAD, PacketError, decode_packet, packet_room, packets,
        takes_checksum,
    },
    stream::{StreamError, StreamReader, encode_stream},
};

/// What a member says about the versions it speaks, as in the field `Vsn`: least, greatest and
/// current version of the protocol, then the same of the delegate.
pub type Vsn = [u8; 6];

/// The versions that Alertmanager announces; others accept no less.
pub const VSN: Vsn = [1, 5, 2, 0, 0, 0];

/// A message in a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Asks whether a member is there.
    Ping(Ping),
    /// Asks a third member to ping the one that did not answer.
    IndirectPing(IndirectPing),
    /// Answers a ping, or passes on the answer to an indirect one.
    Ack(Ack),
    /// Says that the target of an indirect ping did not answer the relay.
    Nack(Nack),
    /// A member is suspected to have failed.
    Suspect(Suspect),
    /// A member is alive.
    Alive(Alive),
    /// A member has failed or left.
    Dead(Dead),
    /// Bytes that only the application understands.
    User(Vec<u8>),
}

/// A message on a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamMessage {
    /// A ping by TCP, for where UDP seems lost.
    Ping(Ping),
    /// The answer to it.
    Ack(Ack),
    /// One side of an exchange of all state.
    PushPull(PushPull),
    /// Bytes that only the application understands, too large for a packet.
    User(Vec<u8>),
    /// The other side could not read what it got.
    Err(String),
}

/// Asks whether a member is there. The answer is an [`Ack`] with the same number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ping {
    /// The sender's number for the probe.
    pub seq_no: u32,
    /// The name of the member that is meant; empty for whoever listens.
    pub node: String,
    /// Where to send the answer; `None` means where the packet came from.
    pub source: Option<SocketAddr>,
    /// The sender's name; empty when it did not say.
    pub source_node: String,
}

/// Asks the receiver to ping `target` and to pass the answer on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndirectPing {
    /// The sender's number for the probe.
    pub seq_no: u32,
    /// The address to ping.
    pub target: SocketAddr,
    /// The name of the member at that address.
    pub node: String,
    /// Whether the sender wants a [`Nack`] when no answer comes.
    pub nack: bool,
    /// Where to send the answer; `None` means where the packet came from.
    pub source: Option<SocketAddr>,
    /// The sender's name; empty when it did not say.
    pub source_node: String,
}

/// The answer to a ping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    /// The number of the ping.
    pub seq_no: u32,
    /// Bytes of the application; Alertmanager sends none.
    pub payload: Vec<u8>,
}

/// A relay's word that its ping was not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nack {
    /// The number of the indirect ping.
    pub seq_no: u32,
}

/// A member did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspect {
    /// The incarnation of the member that is meant.
    pub incarnation: u32,
    /// Its name.
    pub node: String,
    /// The name of the member that suspects it.
    pub from: String,
}

/// A member is there, under this address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alive {
    /// The member's incarnation: of two messages about it the higher one counts.
    pub incarnation: u32,
    /// Its name.
    pub node: String,
    /// Where it listens, for packets and for streams.
    pub addr: SocketAddr,
    /// Bytes of the application; Alertmanager sends none.
    pub meta: Vec<u8>,
    /// The versions it speaks; all 0 when the message held less than six.
    pub vsn: Vsn,
}

/// A member has failed; when `from` is the member itself, it has left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dead {
    /// The incarnation of the member that is meant.
    pub incarnation: u32,
    /// Its name.
    pub node: String,
    /// The name of the member that says so.
    pub from: String,
}

/// All that one member knows: the members, and the application's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushPull {
    /// Whether the dialler joins the cluster with this exchange; the answer repeats it.
    pub join: bool,
    /// The members, the sender included.
    pub nodes: Vec<PushNode>,
    /// The application's state.
    pub user_state: Vec<u8>,
}

/// One member in a [`PushPull`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushNode {
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub addr: SocketAddr,
    /// Bytes of the application.
    pub meta: Vec<u8>,
    /// Its incarnation.
    pub incarnation: u32,
    /// What the sender believes of it.
    pub state: NodeState,
    /// The versions it speaks; all 0 when the message held less than six.
    pub vsn: Vsn,
}

/// What is believed of a member. The numbers are those on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NodeState {
    /// It answers.
    Alive = 0,
    /// It did not answer.
    Suspect = 1,
    /// It has failed.
    Dead = 2,
    /// It said that it leaves.
    Left = 3,
}
