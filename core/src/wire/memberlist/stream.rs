//! Streams: one message, compressed as a whole, after the label when the dialler sends it.

use alloc::{string::String, vec::Vec};
use core::mem;

use thiserror::Error;

use super::{
    Ack, PushNode, PushPull, StreamMessage,
    body::{self, kind},
    label::{LabelError, strip_label, write_label},
    pack::{UnpackError, pack, read_packed, unpack},
};
use crate::{
    limits::{
        GOSSIP_ERROR_BYTES_MAX, GOSSIP_NODES_MAX, GOSSIP_PACKED_BYTES_MAX, GOSSIP_STATE_BYTES_MAX,
        GOSSIP_STREAM_BYTES_MAX, GOSSIP_STRUCT_BYTES_MAX,
    },
    wire::msgpack::{MsgpackError, Reader, Writer},
};

/// Why a stream could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StreamError {
    /// It is not a stream of this cluster.
    #[error(transparent)]
    Label(#[from] LabelError),
    /// There is no such kind of message, or it does not belong on a stream.
    #[error("message of kind {0}, which no stream holds")]
    Kind(u8),
    /// A structure could not be read.
    #[error("message of kind {kind}: {error}")]
    Body {
        /// The kind's number on the wire.
        kind: u8,
        /// What is wrong.
        error: MsgpackError,
    },
    /// Something is larger than we take.
    #[error("{what} above the limit of {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The most there may be.
        limit: usize,
    },
    /// Compressed bytes could not be unpacked.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// Compressed bytes end before the message does.
    #[error("message ends too early")]
    Truncated,
}

/// Returns the bytes of a stream that holds `message`, always compressed, as memberlist does.
///
/// The dialler's stream begins with the cluster's label, of at most 255 bytes; for an answer
/// `label` is empty. An ack without payload has nil there. The time it takes follows the size:
/// with much state this is no work for between two inputs.
pub fn encode_stream(label: &[u8], message: &StreamMessage) -> Vec<u8> {
    let packed = pack(&encode_plain(message));
    let mut out = Vec::with_capacity(2 + label.len() + packed.len());
    write_label(label, &mut out);
    out.extend_from_slice(&packed);
    out
}

fn encode_plain(message: &StreamMessage) -> Vec<u8> {
    let mut out = Vec::new();
    match message {
        StreamMessage::Ping(ping) => {
            out.push(kind::PING);
            body::write_ping(ping, &mut out);
        }
        StreamMessage::Ack(Ack { seq_no, payload }) => {
            out.push(kind::ACK);
            body::write_ack(*seq_no, Some(&**payload).filter(|p| !p.is_empty()), &mut out);
        }
        StreamMessage::PushPull(PushPull { join, nodes, user_state }) => {
            out.reserve(64 + 128 * nodes.len() + user_state.len());
            out.push(kind::PUSH_PULL);
            let mut w = Writer::new(&mut out);
            w.map(3);
            w.flag("Join", *join);
            w.uint("Nodes", nodes.len() as u64);
            w.uint("UserStateLen", user_state.len() as u64);
            for node in nodes {
                body::write_node(node, &mut out);
            }
            out.extend_from_slice(user_state);
        }
        StreamMessage::User(bytes) => {
            out.reserve(32 + bytes.len());
            out.push(kind::USER);
            let mut w = Writer::new(&mut out);
            w.map(1);
            w.uint("UserMsgLen", bytes.len() as u64);
            out.extend_from_slice(bytes);
        }
        StreamMessage::Err(text) => {
            out.push(kind::ERR);
            let mut w = Writer::new(&mut out);
            w.map(1);
            w.raw("Error", text.as_bytes());
        }
    }
    out
}

/// Reads the one message of a stream from bytes that arrive in any pieces.
///
/// Memory follows what has arrived, up to the limits; what a length merely announces is never
/// allocated.
#[derive(Debug)]
pub struct StreamReader {
    label: Vec<u8>,
    /// What has arrived; from the kind of the message on once the label is read.
    buffer: Vec<u8>,
    /// The bytes in the buffer from which on it is worth trying again.
    wanted: usize,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// The label, or that there is none.
    Label,
    /// The kind of the message.
    Kind,
    /// A compressed message.
    Packed,
    /// A message as it is.
    Plain(Plain),
    /// The message, or an error, was returned.
    Done,
}

impl StreamReader {
    /// Starts before the first byte. `label` is what the stream must begin with: the cluster's
    /// label on a stream that was accepted, empty for the answer on one that was dialled.
    pub fn new(label: &[u8]) -> Self {
        Self { label: label.to_vec(), buffer: Vec::new(), wanted: 1, stage: Stage::Label }
    }

    /// Takes the next bytes. Returns the message when it is complete, or what is wrong, once;
    /// whatever comes after that is ignored.
    pub fn push(&mut self, bytes: &[u8]) -> Option<Result<StreamMessage, StreamError>> {
        if self.is_done() {
            return None;
        }
        self.buffer.extend_from_slice(bytes);
        while self.buffer.len() >= self.wanted {
            if let Some(result) = self.step().transpose() {
                *self = Self { stage: Stage::Done, ..Self::new(&[]) };
                return Some(result);
            }
        }
        None
    }

    /// Tells whether the message, or an error, was returned. A stream that ends before is cut off.
    pub const fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done)
    }

    /// Reads on. `None` means that a stage is over or that `wanted` was raised.
    fn step(&mut self) -> Result<Option<StreamMessage>, StreamError> {
        match &mut self.stage {
            Stage::Label => self.label()?,
            Stage::Kind => {
                self.stage = match self.buffer[0] {
                    kind::COMPRESS => Stage::Packed,
                    kind => Stage::Plain(Plain::new(kind)),
                };
            }
            Stage::Packed => match packed(&self.buffer[1..])? {
                Step::Ready(message) => return Ok(Some(message)),
                Step::Wants(body) => self.wanted = 1 + body,
            },
            Stage::Plain(plain) => match plain.step(&self.buffer[1..])? {
                Step::Ready(message) => return Ok(Some(message)),
                Step::Wants(body) => self.wanted = 1 + body,
            },
            Stage::Done => {}
        }
        Ok(None)
    }

    fn label(&mut self) -> Result<(), StreamError> {
        if self.buffer[0] == kind::LABEL {
            if self.label.is_empty() {
                return Err(LabelError::Foreign.into());
            }
            let whole = 2 + self.buffer.get(1).map_or(0, |&len| usize::from(len));
            if self.buffer.len() < whole {
                self.wanted = whole;
                return Ok(());
            }
        }
        let rest = strip_label(&self.label, &self.buffer)?.len();
        self.buffer.drain(..self.buffer.len() - rest);
        self.wanted = 1;
        self.stage = Stage::Kind;
        Ok(())
    }
}

/// How far reading got.
enum Step<T> {
    /// To the end.
    Ready(T),
    /// Until the bytes ended: there must be this many.
    Wants(usize),
}

/// Reads a structure at `at`, and where it ends.
fn structure<T>(
    bytes: &[u8],
    at: usize,
    kind: u8,
    read: impl FnOnce(&mut Reader<'_>) -> Result<T, MsgpackError>,
) -> Result<Step<(T, usize)>, StreamError> {
    let limit = GOSSIP_STRUCT_BYTES_MAX;
    let window = &bytes[at..bytes.len().min(at + limit)];
    let mut reader = Reader::new(window);
    match read(&mut reader) {
        Ok(value) => Ok(Step::Ready((value, at + reader.position()))),
        Err(MsgpackError::Short(missing)) if missing <= limit - window.len() => {
            Ok(Step::Wants(at + window.len() + missing))
        }
        Err(MsgpackError::Short(_)) => Err(StreamError::TooLarge { what: "structure", limit }),
        Err(error) => Err(StreamError::Body { kind, error }),
    }
}

/// Reads a compressed message.
fn packed(bytes: &[u8]) -> Result<Step<StreamMessage>, StreamError> {
    let limit = GOSSIP_PACKED_BYTES_MAX;
    let mut reader = Reader::new(bytes);
    let (algorithm, packed) = match read_packed(&mut reader) {
        Ok(found) => found,
        // Only the compressed bytes may be long. Other values end after a number of tries that
        // the sender chooses, each as long as all that came before.
        Err(MsgpackError::Short(missing))
            if reader.position() <= GOSSIP_STRUCT_BYTES_MAX
                && missing <= limit.saturating_sub(bytes.len()) =>
        {
            return Ok(Step::Wants(bytes.len() + missing));
        }
        Err(MsgpackError::Short(_)) => {
            return Err(StreamError::TooLarge { what: "compressed bytes", limit });
        }
        Err(error) => return Err(StreamError::Body { kind: kind::COMPRESS, error }),
    };
    let plain = unpack(algorithm, &packed, GOSSIP_STREAM_BYTES_MAX)?;
    let (&kind, body) = plain.split_first().ok_or(StreamError::Truncated)?;
    match Plain::new(kind).step(body)? {
        Step::Ready(message) => Ok(Step::Ready(message)),
        Step::Wants(_) => Err(StreamError::Truncated),
    }
}

/// A message that is not compressed, read as far as it has arrived.
#[derive(Debug)]
struct Plain {
    kind: u8,
    /// Where the next thing begins, after the byte of the kind.
    at: usize,
    head: Option<Head>,
    nodes: Vec<PushNode>,
}

/// What a header announces.
#[derive(Clone, Copy, Debug, Default)]
struct Head {
    join: bool,
    nodes: usize,
    /// Bytes of the state, or of the user message.
    bytes: usize,
}

impl Plain {
    const fn new(kind: u8) -> Self {
        Self { kind, at: 0, head: None, nodes: Vec::new() }
    }

    fn step(&mut self, body: &[u8]) -> Result<Step<StreamMessage>, StreamError> {
        let message = match self.kind {
            kind::PING => self.structure(body, body::read_ping)?.map(StreamMessage::Ping),
            kind::ACK => self.structure(body, body::read_ack)?.map(StreamMessage::Ack),
            kind::ERR => self.structure(body, read_error)?.map(StreamMessage::Err),
            kind::USER | kind::PUSH_PULL => return self.long(body),
            kind => return Err(StreamError::Kind(kind)),
        };
        Ok(message)
    }

    /// Reads a header and what it announces.
    fn long(&mut self, body: &[u8]) -> Result<Step<StreamMessage>, StreamError> {
        let kind = self.kind;
        let head = match self.head {
            Some(head) => head,
            None => match self.structure(body, |r| read_head(kind, r))? {
                Step::Wants(bytes) => return Ok(Step::Wants(bytes)),
                Step::Ready(head) => head,
            },
        };
        for (what, found, limit) in [
            ("members", head.nodes, GOSSIP_NODES_MAX),
            ("state", head.bytes, GOSSIP_STATE_BYTES_MAX),
        ] {
            if found > limit {
                return Err(StreamError::TooLarge { what, limit });
            }
        }
        self.head = Some(head);
        while kind == kind::PUSH_PULL && self.nodes.len() < head.nodes {
            match self.structure(body, body::read_node)? {
                Step::Wants(bytes) => return Ok(Step::Wants(bytes)),
                Step::Ready(node) => self.nodes.push(node),
            }
        }
        let Some(bytes) = body.get(self.at..self.at + head.bytes) else {
            return Ok(Step::Wants(self.at + head.bytes));
        };
        let bytes = bytes.to_vec();
        Ok(Step::Ready(match kind {
            kind::USER => StreamMessage::User(bytes),
            _ => StreamMessage::PushPull(PushPull {
                join: head.join,
                nodes: mem::take(&mut self.nodes),
                user_state: bytes,
            }),
        }))
    }

    fn structure<T>(
        &mut self,
        body: &[u8],
        read: impl FnOnce(&mut Reader<'_>) -> Result<T, MsgpackError>,
    ) -> Result<Step<T>, StreamError> {
        Ok(structure(body, self.at, self.kind, read)?.map(|(value, end)| {
            self.at = end;
            value
        }))
    }
}

impl<T> Step<T> {
    fn map<U>(self, f: impl FnOnce(T) -> U) -> Step<U> {
        match self {
            Self::Ready(value) => Step::Ready(f(value)),
            Self::Wants(bytes) => Step::Wants(bytes),
        }
    }
}

fn read_error(r: &mut Reader<'_>) -> Result<String, MsgpackError> {
    let mut text = String::new();
    r.fields(&["Error"], |r, _| {
        text = r.text(GOSSIP_ERROR_BYTES_MAX)?;
        Ok(())
    })?;
    Ok(text)
}

/// Reads the header of a push/pull or of a user message.
fn read_head(kind: u8, r: &mut Reader<'_>) -> Result<Head, MsgpackError> {
    let names: &[&str] = match kind {
        kind::USER => &["UserMsgLen"],
        _ => &["Nodes", "UserStateLen", "Join"],
    };
    let mut head = Head::default();
    r.fields(names, |r, name| {
        match name {
            "Nodes" => head.nodes = r.uint()?,
            "Join" => head.join = r.flag()?,
            _ => head.bytes = r.uint()?,
        }
        Ok(())
    })?;
    Ok(head)
}
