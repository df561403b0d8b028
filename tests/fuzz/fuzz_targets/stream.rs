//! Streams of any content, whole and in pieces: both must come to the same.
#![no_main]

use campana_core::wire::{
    memberlist::{StreamMessage, StreamReader},
    mesh,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let whole = StreamReader::new(b"").push(bytes);
    let mut reader = StreamReader::new(b"");
    let pieces = bytes.chunks(7).find_map(|piece| reader.push(piece));
    assert_eq!(format!("{whole:?}"), format!("{pieces:?}"));
    let state = match whole {
        Some(Ok(StreamMessage::PushPull(state))) => state.user_state,
        Some(Ok(StreamMessage::User(bytes))) => bytes,
        _ => bytes.to_vec(),
    };
    mesh::nflog_records(&state).for_each(drop);
    mesh::silence_records(&state).for_each(drop);
});
