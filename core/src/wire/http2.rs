//! Frames of HTTP/2 (RFC 9113), as one request needs them.

pub mod hpack;
mod huffman;

use alloc::vec::Vec;

/// What a client says first.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The longest payload that may be sent unless the peer allows more, and that is taken.
pub const PAYLOAD_MAX: usize = 16_384;

/// The window that each side begins with.
pub const WINDOW: i64 = 65_535;

/// The largest window there may be.
pub const WINDOW_MAX: i64 = i32::MAX as i64;

/// The bytes before a frame's payload.
const HEAD: usize = 9;

/// Kinds of frames.
pub mod kind {
    #![allow(missing_docs, reason = "the names are the standard's")]
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PUSH_PROMISE: u8 = 5;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// Flags of frames.
pub mod flag {
    #![allow(missing_docs, reason = "the names are the standard's")]
    pub const ACK: u8 = 1;
    pub const END_STREAM: u8 = 1;
    pub const END_HEADERS: u8 = 4;
    pub const PADDED: u8 = 8;
    pub const PRIORITY: u8 = 32;
}

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its kind; see [`kind`].
    pub kind: u8,
    /// Its flags; see [`flag`].
    pub flags: u8,
    /// The stream it belongs to; 0 for the connection.
    pub stream: u32,
    /// What it carries.
    pub payload: Vec<u8>,
}

impl Frame {
    /// Takes the first frame out of a buffer, once it is there as a whole.
    ///
    /// # Errors
    /// It is longer than [`PAYLOAD_MAX`].
    pub fn take(buffer: &mut Vec<u8>) -> Result<Option<Self>, &'static str> {
        let Some(&[a, b, c, kind, flags, s0, s1, s2, s3]) = buffer.first_chunk::<HEAD>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        if length > PAYLOAD_MAX {
            return Err("a frame is too long");
        }
        if buffer.len() < HEAD + length {
            return Ok(None);
        }
        let payload = buffer[HEAD..HEAD + length].to_vec();
        buffer.drain(..HEAD + length);
        let stream = u32::from_be_bytes([s0, s1, s2, s3]) & 0x7fff_ffff;
        Ok(Some(Self { kind, flags, stream, payload }))
    }

    /// Tells whether a flag is set.
    pub const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// Returns what a frame of data or headers carries besides padding and priority; `None` if the
    /// padding is longer than the frame.
    pub fn content(&self) -> Option<&[u8]> {
        let mut content = &*self.payload;
        if self.has(flag::PADDED) {
            let (&padding, rest) = content.split_first()?;
            content = rest.get(..rest.len().checked_sub(usize::from(padding))?)?;
        }
        if self.kind == kind::HEADERS && self.has(flag::PRIORITY) {
            content = content.get(5..)?;
        }
        Some(content)
    }

    /// Returns the number that the payload begins with.
    pub fn number(&self) -> Option<u32> {
        self.payload.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
    }
}

/// Appends a frame. The payload is at most as long as the peer allows.
pub fn write(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let [_, a, b, c] = (payload.len() as u32).to_be_bytes();
    out.extend_from_slice(&[a, b, c, kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}
