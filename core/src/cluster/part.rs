//! Records on the wire (reference A.8): a `clusterpb.Part` holds records of one key, a
//! `clusterpb.FullState` one part for each key. Both are protobuf messages of byte fields only.

use alloc::{string::String, vec::Vec};

use thiserror::Error;

/// Byte field 1: the key of a part, and a part of a full state.
const FIRST: u8 = 0x0a;
/// Byte field 2: the records of a part.
const SECOND: u8 = 0x12;

/// Why records were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum PartError {
    #[error("records end too early")]
    Truncated,
    #[error("records are damaged")]
    Damaged,
}

/// Returns what a part takes beside its records, as long as those fit a packet.
pub(super) const fn overhead(key: &str) -> usize {
    // Tag and length of the key, tag and a length of up to three bytes of the records.
    1 + 1 + key.len() + 1 + 3
}

/// Encodes a part.
pub(super) fn encode(key: &str, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(overhead(key) + data.len() + 2);
    write(FIRST, key.as_bytes(), &mut out);
    write(SECOND, data, &mut out);
    out
}

/// Encodes a full state.
pub(super) fn encode_full(parts: &[(&'static str, Vec<u8>)]) -> Vec<u8> {
    let bytes = parts.iter().map(|(key, data)| overhead(key) + data.len() + 16).sum();
    let mut out = Vec::with_capacity(bytes);
    for (key, data) in parts {
        write(FIRST, &encode(key, data), &mut out);
    }
    out
}

/// Decodes a part into its key and its records.
pub(super) fn decode(bytes: &[u8]) -> Result<(String, Vec<u8>), PartError> {
    let (mut key, mut data): (&[u8], &[u8]) = (&[], &[]);
    each_field(bytes, |tag, value| match tag {
        FIRST => key = value,
        SECOND => data = value,
        _ => {}
    })?;
    let key = core::str::from_utf8(key).map_err(|_| PartError::Damaged)?;
    Ok((key.into(), data.to_vec()))
}

/// Decodes a full state.
pub(super) fn decode_full(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, PartError> {
    let mut parts = Vec::new();
    let mut result = Ok(());
    each_field(bytes, |tag, value| {
        if tag == FIRST && result.is_ok() {
            result = decode(value).map(|part| parts.push(part));
        }
    })?;
    result.map(|()| parts)
}

/// Writes a byte field; an empty one is left out.
fn write(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    if bytes.is_empty() {
        return;
    }
    out.push(tag);
    let mut len = bytes.len();
    while len >= 0x80 {
        out.push(len as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
    out.extend_from_slice(bytes);
}

/// Walks the fields of a message, giving the bytes of those that have bytes; others are skipped.
fn each_field<'a>(
    mut bytes: &'a [u8],
    mut field: impl FnMut(u8, &'a [u8]),
) -> Result<(), PartError> {
    while !bytes.is_empty() {
        let tag = read_varint(&mut bytes)?;
        let len = match tag & 7 {
            0 => {
                read_varint(&mut bytes)?;
                continue;
            }
            1 => 8,
            2 => read_varint(&mut bytes)?,
            5 => 4,
            _ => return Err(PartError::Damaged),
        };
        let len = usize::try_from(len).map_err(|_| PartError::Truncated)?;
        let (value, rest) = bytes.split_at_checked(len).ok_or(PartError::Truncated)?;
        bytes = rest;
        if tag & 7 == 2
            && let Ok(tag) = u8::try_from(tag)
        {
            field(tag, value);
        }
    }
    Ok(())
}

fn read_varint(bytes: &mut &[u8]) -> Result<u64, PartError> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or(PartError::Truncated)?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(PartError::Damaged)
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_empty_state_is_as_recorded() {
        // The user state of a recorded join (vector S14).
        let bytes = encode_full(&[("nfl", Vec::new()), ("sil", Vec::new())]);
        assert_eq!(bytes, b"\x0a\x05\x0a\x03nfl\x0a\x05\x0a\x03sil");
        let parts = decode_full(&bytes).expect("our own");
        assert_eq!(parts, [("nfl".into(), vec![]), ("sil".into(), vec![])]);
        // A key, a varint field, and a byte field that nobody knows.
        assert_eq!(decode(b"\x0a\x01k\x18\x96\x01\x22\x01x\x12\x01d"), Ok(("k".into(), vec![b'd'])));
        assert_eq!(decode(b"\x0a\x02k"), Err(PartError::Truncated));
        assert_eq!(decode(b"\x0a\x01\xff"), Err(PartError::Damaged));
        assert_eq!(decode(b"\x0b"), Err(PartError::Damaged));
    }

    proptest! {
        #[test]
        fn parts_survive_and_anything_decodes_or_fails(
            data in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let part = encode("nfl", &data);
            prop_assert!(part.len() <= overhead("nfl") + data.len());
            prop_assert_eq!(decode(&part), Ok(("nfl".into(), data.clone())));
            let _ = decode(&data);
            let _ = decode_full(&data);
        }
    }
}
