//! Compression: LZW in the form of Go's `compress/lzw` (least significant bit first, 8-bit
//! literals), wrapped as a message of its own.

use alloc::{borrow::Cow, vec::Vec};

use thiserror::Error;
use weezl::{BitOrder, LzwStatus};

use super::{body::kind, lzw::compress};
use crate::wire::msgpack::{MsgpackError, Reader, Writer};

/// The only algorithm there is.
const LZW: u64 = 0;

/// Bytes unpacked at a time.
const STEP: usize = 4096;

/// Why compressed bytes could not be unpacked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UnpackError {
    /// The algorithm is not LZW. The text is the one memberlist answers with.
    #[error("cannot decompress unknown algorithm {0}")]
    Algorithm(u64),
    /// The bytes are no LZW.
    #[error("compressed bytes are damaged")]
    Damaged,
    /// More came out than allowed.
    #[error("compressed bytes hold more than {limit} bytes")]
    TooLarge {
        /// How many bytes were allowed.
        limit: usize,
    },
}

/// Returns the message that holds `plain` compressed.
pub(super) fn pack(plain: &[u8]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(plain.len() + 16);
    compress(plain, &mut packed);
    let mut out = Vec::with_capacity(packed.len() + 16);
    out.push(kind::COMPRESS);
    let mut w = Writer::new(&mut out);
    w.map(2);
    w.uint("Algo", LZW);
    w.raw("Buf", &packed);
    out
}

/// Reads the body of a compressed message: the algorithm and the compressed bytes.
pub(super) fn read_packed<'a>(r: &mut Reader<'a>) -> Result<(u64, Cow<'a, [u8]>), MsgpackError> {
    let (mut algorithm, mut packed) = (LZW, Cow::default());
    r.fields(&["Algo", "Buf"], |r, name| {
        match name {
            "Algo" => algorithm = r.uint()?,
            _ => packed = r.raw()?,
        }
        Ok(())
    })?;
    Ok((algorithm, packed))
}

/// Unpacks what [`read_packed`] gave into at most `limit` bytes.
pub(super) fn unpack(algorithm: u64, packed: &[u8], limit: usize) -> Result<Vec<u8>, UnpackError> {
    if algorithm != LZW {
        return Err(UnpackError::Algorithm(algorithm));
    }
    let mut decoder = weezl::decode::Decoder::new(BitOrder::Lsb, 8);
    let (mut out, mut rest) = (Vec::new(), packed);
    loop {
        let start = out.len();
        out.resize(start + STEP, 0);
        let step = decoder.decode_bytes(rest, &mut out[start..]);
        out.truncate(start + step.consumed_out);
        rest = &rest[step.consumed_in..];
        if out.len() > limit {
            return Err(UnpackError::TooLarge { limit });
        }
        match step.status {
            Ok(LzwStatus::Done) => return Ok(out),
            Ok(LzwStatus::Ok) if step.consumed_in + step.consumed_out > 0 => {}
            Ok(LzwStatus::Ok | LzwStatus::NoProgress) | Err(_) => return Err(UnpackError::Damaged),
        }
    }
}
