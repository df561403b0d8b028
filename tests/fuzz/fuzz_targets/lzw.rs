//! Compressed parts of any content, among them bombs: what comes out is bounded.
#![no_main]

use campana_core::{
    limits::GOSSIP_UNPACKED_BYTES_MAX,
    wire::{
        memberlist::{Message, StreamReader, decode_packet},
        msgpack::Writer,
    },
};
use libfuzzer_sys::fuzz_target;

/// The kind of a compressed message.
const COMPRESS: u8 = 9;

fuzz_target!(|bytes: &[u8]| {
    let mut packed = vec![COMPRESS];
    let mut writer = Writer::new(&mut packed);
    writer.map(2);
    writer.uint("Algo", 0);
    writer.raw("Buf", bytes);
    let mut messages = Vec::new();
    let _ = decode_packet(b"", &packed, &mut messages);
    let size = |message: &Message| match message {
        Message::User(bytes) => bytes.len(),
        _ => 0,
    };
    assert!(messages.iter().map(size).sum::<usize>() <= GOSSIP_UNPACKED_BYTES_MAX);
    let _ = StreamReader::new(b"").push(&packed);
});
