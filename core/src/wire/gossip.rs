//! What Alertmanager puts into memberlist's user messages and states, and the frames of its TLS
//! transport.

use alloc::vec::Vec;

use thiserror::Error;

use super::protobuf::{ProtobufError, Reader, Value, write_bytes, write_message, write_number};
use crate::limits::GOSSIP_FRAME_BYTES_MAX;

/// The key of the notification log's part.
pub const NFLOG_KEY: &str = "nfl";
/// The key of the silences' part.
pub const SILENCES_KEY: &str = "sil";

/// Some of one state, by its key: a user message in a packet, or an element of a full state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part<'a> {
    /// Which state: [`NFLOG_KEY`], [`SILENCES_KEY`].
    pub key: &'a str,
    /// Its records, each after its length; see [`super::mesh`].
    pub data: &'a [u8],
}

impl<'a> Part<'a> {
    /// Appends the part as it stands in a user message.
    pub fn encode(&self, out: &mut Vec<u8>) {
        write_bytes(out, 1, self.key.as_bytes());
        write_bytes(out, 2, self.data);
    }

    /// Reads the part of a user message.
    ///
    /// # Errors
    /// The bytes are no part.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, ProtobufError> {
        Self::read(Reader::new(bytes, 0))
    }

    fn read(mut reader: Reader<'a>) -> Result<Self, ProtobufError> {
        let mut part = Self::default();
        while let Some(field) = reader.field()? {
            match field {
                (1, Value::Bytes(key)) => part.key = key.as_text()?,
                (2, Value::Bytes(data)) => part.data = data.as_bytes(),
                _ => {}
            }
        }
        Ok(part)
    }
}

/// Appends a full state, the user state of a push/pull, of these parts.
pub fn encode_full_state<'a>(parts: impl IntoIterator<Item = Part<'a>>, out: &mut Vec<u8>) {
    for part in parts {
        write_message(out, 1, |out| part.encode(out));
    }
}

/// Reads the parts of a full state one by one; an error is the last item.
pub fn full_state(bytes: &[u8]) -> impl Iterator<Item = Result<Part<'_>, ProtobufError>> {
    let mut reader = Reader::new(bytes, 0);
    let mut failed = false;
    core::iter::from_fn(move || {
        while !failed {
            let part = match reader.field() {
                Ok(None) => return None,
                Ok(Some((1, Value::Bytes(part)))) => Part::read(part),
                Ok(Some(_)) => continue,
                Err(error) => Err(error),
            };
            failed = part.is_err();
            return Some(part);
        }
        None
    })
}

/// The version that every frame states; peers read no other.
const FRAME_VERSION: &str = "v0.1.0";

/// What a frame of the TLS transport holds.
///
/// The transport has no datagrams: packets ride in frames on a connection that stays open, and a
/// stream is a connection of its own that begins with a frame. Alertmanager reads each frame with
/// a buffer that it throws away afterwards, so each frame must be written, and flushed, as one TLS
/// record of its own, and nothing of a stream may share the record of its first frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// The connection is a stream from here on.
    Stream,
    /// A packet.
    Packet {
        /// The address that the sender listens on, which often is a wildcard; answers go to the
        /// address that the ping itself names.
        from: &'a str,
        /// The packet.
        bytes: &'a [u8],
    },
}

/// Why a connection is of no use any more.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FrameError {
    /// The frame is too large.
    #[error("frame of {0} bytes, above the limit of {GOSSIP_FRAME_BYTES_MAX}")]
    TooLarge(usize),
    /// It does not state the version that peers write.
    #[error("frame of an unknown version")]
    Version,
    /// It is neither a stream nor a packet.
    #[error("frame of unknown kind {0}")]
    Kind(u64),
    /// The bytes are no frame.
    #[error("frame: {0}")]
    Damaged(#[from] ProtobufError),
}

impl<'a> Frame<'a> {
    /// Appends the frame with its length.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        write_bytes(out, 1, FRAME_VERSION.as_bytes());
        if let Self::Packet { from, bytes } = self {
            write_number(out, 2, 1);
            write_bytes(out, 3, from.as_bytes());
            write_bytes(out, 4, bytes);
        }
        let len = u32::try_from(out.len() - start - 4).expect("packets are far below 4 GiB");
        out[start..start + 4].copy_from_slice(&len.to_le_bytes());
    }

    /// Reads the frame that `bytes` begin with, and how many bytes it takes; `None` when more must
    /// arrive first.
    ///
    /// # Errors
    /// The connection cannot be read on.
    pub fn decode(bytes: &'a [u8]) -> Result<Option<(Self, usize)>, FrameError> {
        let Some((len, rest)) = bytes.split_first_chunk() else { return Ok(None) };
        let len = u32::from_le_bytes(*len) as usize;
        if len > GOSSIP_FRAME_BYTES_MAX {
            return Err(FrameError::TooLarge(len));
        }
        let Some(body) = rest.get(..len) else { return Ok(None) };
        let (mut version, mut kind, mut from, mut bytes) = ("", 0, "", &[][..]);
        let mut reader = Reader::new(body, 4);
        while let Some(field) = reader.field()? {
            match field {
                (1, Value::Bytes(text)) => version = text.as_text()?,
                (2, Value::Number(number)) => kind = number,
                (3, Value::Bytes(text)) => from = text.as_text()?,
                (4, Value::Bytes(message)) => bytes = message.as_bytes(),
                _ => {}
            }
        }
        if version != FRAME_VERSION {
            return Err(FrameError::Version);
        }
        let frame = match kind {
            0 => Self::Stream,
            1 => Self::Packet { from, bytes },
            kind => return Err(FrameError::Kind(kind)),
        };
        Ok(Some((frame, 4 + len)))
    }
}

#[cfg(test)]
mod tests {
    use alloc::{string::String, vec};

    use proptest::{collection::vec as bytes_of, prelude::*};

    use super::*;
    use crate::wire::{
        memberlist::{Message, decode_packet},
        vectors::*,
    };

    fn encoded(frame: Frame<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        frame.encode(&mut out);
        out
    }

    fn state(parts: &[Part<'_>]) -> Vec<u8> {
        let mut out = Vec::new();
        encode_full_state(parts.iter().copied(), &mut out);
        out
    }

    #[test]
    fn recorded_parts_are_read_and_written_alike() {
        let empty = hex("0a050a036e666c0a050a0373696c");
        let parts: Vec<_> = full_state(&empty).map(Result::unwrap).collect();
        assert_eq!(parts, [NFLOG_KEY, SILENCES_KEY].map(|key| Part { key, data: b"" }));
        assert_eq!(state(&parts), empty);
        let user = hex(&S06[12..]);
        let part = Part::decode(&user).unwrap();
        assert_eq!((part.key, part.data.len()), (NFLOG_KEY, 0x51));
        let mut again = Vec::new();
        part.encode(&mut again);
        assert_eq!(again, user);
        let full = hex(&S16_PLAIN[S16_PLAIN.len() - 512..]);
        let parts: Vec<_> = full_state(&full).map(Result::unwrap).collect();
        assert_eq!((parts[0].key, parts[1].key, parts[1].data), ("sil", "nfl", part.data));
        assert_eq!(state(&parts), full);
    }

    #[test]
    fn recorded_frames_are_read_and_written_alike() {
        let stream = hex(S24_STREAM);
        assert_eq!(Frame::decode(&stream), Ok(Some((Frame::Stream, 12))));
        assert_eq!(encoded(Frame::Stream), stream);
        let packet = hex(S24_PACKET);
        let (frame, used) = Frame::decode(&packet).unwrap().unwrap();
        assert_eq!((encoded(frame), used), (packet.clone(), packet.len()));
        let Frame::Packet { from, bytes } = frame else { panic!("a packet") };
        assert_eq!((from, bytes.len()), ("127.0.0.1:23694", 137));
        let mut messages = Vec::new();
        decode_packet(b"", bytes, &mut messages).unwrap();
        assert!(matches!(&messages[..], [Message::Alive(a), Message::Alive(b)]
            if a.node == "tlsfake" && b.node == "foxtrot"));
        for cut in 0..packet.len() {
            assert_eq!(Frame::decode(&packet[..cut]), Ok(None));
        }
    }

    #[test]
    fn damaged_frames_are_refused() {
        let large = (GOSSIP_FRAME_BYTES_MAX + 1) as u32;
        let error = FrameError::TooLarge(GOSSIP_FRAME_BYTES_MAX + 1);
        assert_eq!(Frame::decode(&large.to_le_bytes()), Err(error));
        assert_eq!(Frame::decode(&[0; 4]), Err(FrameError::Version));
        assert_eq!(Frame::decode(&hex("0a0000000a0676302e312e301002")), Err(FrameError::Kind(2)));
        let error = FrameError::Damaged(ProtobufError::Truncated { at: 5 });
        assert_eq!(Frame::decode(&hex("020000000a06")), Err(error));
    }

    proptest! {
        #[test]
        fn states_read_back(parts in bytes_of(("[a-z]{0,4}", bytes_of(any::<u8>(), 0..99)), 0..9)) {
            let parts: Vec<_> =
                parts.iter().map(|(key, data)| Part { key, data }).collect();
            let bytes = state(&parts);
            let read: Result<Vec<_>, _> = full_state(&bytes).collect();
            prop_assert_eq!(read, Ok(parts));
        }

        #[test]
        fn frames_read_back(from: String, bytes: Vec<u8>, rest: Vec<u8>) {
            for frame in [Frame::Stream, Frame::Packet { from: &from, bytes: &bytes }] {
                let mut out = encoded(frame);
                let len = out.len();
                out.extend(&rest);
                prop_assert_eq!(Frame::decode(&out), Ok(Some((frame, len))));
            }
        }

        #[test]
        fn no_bytes_make_the_readers_panic(mut bytes in bytes_of(any::<u8>(), 0..60)) {
            let _ = full_state(&bytes).count();
            let _ = Part::decode(&bytes);
            let framed = [&(bytes.len() as u32).to_le_bytes(), &bytes[..]].concat();
            let _ = Frame::decode(&framed);
            bytes.splice(0..0, vec![0x0a, 0x06]);
            let _ = full_state(&bytes).count();
        }
    }
}
