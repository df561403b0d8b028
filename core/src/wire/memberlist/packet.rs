//! Packets: one or more messages in layers. From the outside in: label, checksum, compression,
//! compound, messages.

use alloc::vec::Vec;

use thiserror::Error;

use super::{
    Dead, Message, Suspect, Vsn,
    body::{self, kind},
    label::{LabelError, label_bytes, strip_label, write_label},
    pack::{UnpackError, pack, read_packed, unpack},
};
use crate::{
    limits::{GOSSIP_NESTING_MAX, GOSSIP_PACKET_BYTES, GOSSIP_UNPACKED_BYTES_MAX},
    wire::msgpack::{MsgpackError, Reader},
};

/// Most messages in one compound: their number is one byte.
pub const COMPOUND_PARTS_MAX: usize = 255;

/// Bytes that a compound takes beside its parts: its kind and their number.
const COMPOUND_HEADER: usize = 2;

/// Bytes that each part of a compound takes beside the message: its length.
pub const PART_OVERHEAD: usize = 2;

/// Bytes from which on compressing is tried, which memberlist always does. Pings and their answers
/// have less: compressed they save a few bytes at most, and cost both sides most of what the packet
/// costs at all.
const PACKED_FROM: usize = 128;

/// Why a packet, or a part of it, was dropped.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PacketError {
    /// It is not a packet of this cluster.
    #[error(transparent)]
    Label(#[from] LabelError),
    /// A packet, or a part of one, has no bytes.
    #[error("empty message")]
    Empty,
    /// The checksum does not fit the bytes.
    #[error("checksum does not match")]
    Checksum,
    /// There is no such kind of message, or it does not belong in a packet.
    #[error("message of kind {0}, which no packet holds")]
    Kind(u8),
    /// The body of a message could not be read.
    #[error("message of kind {kind}: {error}")]
    Body {
        /// The kind's number on the wire.
        kind: u8,
        /// What is wrong.
        error: MsgpackError,
    },
    /// A compound ends before its last part.
    #[error("compound ends too early")]
    Truncated,
    /// Compressed bytes could not be unpacked.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// There are too many layers of compounds and compression.
    #[error("more than {GOSSIP_NESTING_MAX} layers")]
    Nesting,
}

/// Returns the bytes there are for messages in a packet; each takes [`PART_OVERHEAD`] more than
/// itself.
pub const fn packet_room(label: &[u8]) -> usize {
    GOSSIP_PACKET_BYTES - COMPOUND_HEADER - label_bytes(label)
}

/// Tells whether packets to a member of these versions carry a checksum.
///
/// memberlist adds it only where it sends to a member that it knows as one: gossip, and the ping of
/// a suspect. What goes to a bare address (pings, answers) has none.
pub const fn takes_checksum(vsn: &Vsn) -> bool {
    vsn[1] >= 5
}

/// Frames messages that [`encode_message`](super::encode_message) wrote as packets: one, unless
/// there are more than [`COMPOUND_PARTS_MAX`] parts.
///
/// Several parts make a compound, a single one stands alone. As in memberlist, the result is
/// compressed if that makes it smaller, unless it is small anyway; then it gets the checksum if
/// `checksum` asks for one and the label, of at most 255 bytes, if there is one. The caller keeps
/// the parts within [`packet_room`].
pub fn packets<'a, P: AsRef<[u8]>>(
    label: &'a [u8],
    parts: &'a [P],
    checksum: bool,
) -> impl Iterator<Item = Vec<u8>> + 'a {
    parts.chunks(COMPOUND_PARTS_MAX).map(move |parts| packet(label, parts, checksum))
}

fn packet<P: AsRef<[u8]>>(label: &[u8], parts: &[P], checksum: bool) -> Vec<u8> {
    let mut plain = Vec::with_capacity(GOSSIP_PACKET_BYTES);
    if let [part] = parts {
        plain.extend_from_slice(part.as_ref());
    } else {
        plain.push(kind::COMPOUND);
        plain.push(parts.len() as u8);
        for part in parts {
            let len = u16::try_from(part.as_ref().len()).expect("packet_room bounds the parts");
            plain.extend_from_slice(&len.to_be_bytes());
        }
        for part in parts {
            plain.extend_from_slice(part.as_ref());
        }
    }
    let packed = (plain.len() >= PACKED_FROM).then(|| pack(&plain));
    let body = packed.filter(|packed| packed.len() < plain.len()).unwrap_or(plain);
    let mut out = Vec::with_capacity(label_bytes(label) + 5 + body.len());
    write_label(label, &mut out);
    if checksum {
        out.push(kind::CRC);
        out.extend_from_slice(&crc32fast::hash(&body).to_be_bytes());
    }
    out.extend_from_slice(&body);
    out
}

/// Reads a packet and appends its messages to `out`.
///
/// # Errors
/// The first thing that was wrong. As in memberlist, a part of a compound that cannot be read does
/// not spoil the others: what could be read is in `out` even then.
pub fn decode_packet(
    label: &[u8],
    bytes: &[u8],
    out: &mut Vec<Message>,
) -> Result<(), PacketError> {
    let mut bytes = strip_label(label, bytes)?;
    if let [kind::CRC, a, b, c, d, rest @ ..] = bytes {
        if crc32fast::hash(rest) != u32::from_be_bytes([*a, *b, *c, *d]) {
            return Err(PacketError::Checksum);
        }
        bytes = rest;
    }
    let mut unpack_budget = GOSSIP_UNPACKED_BYTES_MAX;
    decode_layer(bytes, GOSSIP_NESTING_MAX, &mut unpack_budget, out)
}

fn decode_layer(
    bytes: &[u8],
    layers: u32,
    unpack_budget: &mut usize,
    out: &mut Vec<Message>,
) -> Result<(), PacketError> {
    let (&kind, rest) = bytes.split_first().ok_or(PacketError::Empty)?;
    if !matches!(kind, kind::COMPOUND | kind::COMPRESS) {
        out.push(decode_message(kind, rest)?);
        return Ok(());
    }
    let layers = layers.checked_sub(1).ok_or(PacketError::Nesting)?;
    if kind == kind::COMPRESS {
        let (algorithm, packed) = read_packed(&mut Reader::new(rest))
            .map_err(|error| PacketError::Body { kind, error })?;
        // What fails has cost its share too: nothing more is unpacked after it.
        let limit = core::mem::take(unpack_budget);
        let plain = unpack(algorithm, &packed, limit)?;
        *unpack_budget = limit - plain.len();
        return decode_layer(&plain, layers, unpack_budget, out);
    }
    let (&count, rest) = rest.split_first().ok_or(PacketError::Truncated)?;
    let (lens, mut parts) =
        rest.split_at_checked(2 * usize::from(count)).ok_or(PacketError::Truncated)?;
    let mut result = Ok(());
    for len in lens.chunks_exact(2) {
        let len = usize::from(u16::from_be_bytes([len[0], len[1]]));
        let Some((part, rest)) = parts.split_at_checked(len) else {
            return result.and(Err(PacketError::Truncated));
        };
        parts = rest;
        result = result.and(decode_layer(part, layers, unpack_budget, out));
    }
    result
}

fn decode_message(kind: u8, bytes: &[u8]) -> Result<Message, PacketError> {
    let r = &mut Reader::new(bytes);
    match kind {
        kind::PING => body::read_ping(r).map(Message::Ping),
        kind::INDIRECT_PING => body::read_indirect_ping(r).map(Message::IndirectPing),
        kind::ACK => body::read_ack(r).map(Message::Ack),
        kind::NACK => body::read_nack(r).map(Message::Nack),
        kind::ALIVE => body::read_alive(r).map(Message::Alive),
        kind::SUSPECT => body::read_accusation(r)
            .map(|(incarnation, node, from)| Message::Suspect(Suspect { incarnation, node, from })),
        kind::DEAD => body::read_accusation(r)
            .map(|(incarnation, node, from)| Message::Dead(Dead { incarnation, node, from })),
        kind::USER => return Ok(Message::User(bytes.to_vec())),
        _ => return Err(PacketError::Kind(kind)),
    }
    .map_err(|error| PacketError::Body { kind, error })
}
