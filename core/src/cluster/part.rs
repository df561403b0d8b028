//! Records on the wire (reference A.8): a part holds records of one key, a full state one part for
//! each key.

use alloc::{string::String, vec::Vec};

use crate::wire::{
    gossip::{Part, encode_full_state, full_state},
    protobuf::ProtobufError,
};

/// Returns what a part takes beside its records, as long as those fit a packet.
pub(super) const fn overhead(key: &str) -> usize {
    // Tag and length of the key, tag and a length of up to three bytes of the records.
    1 + 1 + key.len() + 1 + 3
}

/// Encodes a part.
pub(super) fn encode(key: &str, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(overhead(key) + data.len() + 2);
    Part { key, data }.encode(&mut out);
    out
}

/// Encodes a full state.
pub(super) fn encode_full(parts: &[(&'static str, Vec<u8>)]) -> Vec<u8> {
    let bytes = parts.iter().map(|(key, data)| overhead(key) + data.len() + 16).sum();
    let mut out = Vec::with_capacity(bytes);
    encode_full_state(parts.iter().map(|(key, data)| Part { key, data }), &mut out);
    out
}

/// Decodes a part into its key and its records.
pub(super) fn decode(bytes: &[u8]) -> Result<(String, Vec<u8>), ProtobufError> {
    Part::decode(bytes).map(|part| (part.key.into(), part.data.to_vec()))
}

/// Decodes a full state; one damaged part spoils it.
pub(super) fn decode_full(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, ProtobufError> {
    full_state(bytes).map(|part| part.map(|part| (part.key.into(), part.data.to_vec()))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parts_take_no_more_than_said(data in proptest::collection::vec(any::<u8>(), 0..1400)) {
            let part = encode("nfl", &data);
            prop_assert!(part.len() <= overhead("nfl") + data.len());
            prop_assert_eq!(decode(&part), Ok(("nfl".into(), data)));
        }
    }
}
