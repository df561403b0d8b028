//! Packets of any content: a clear error or messages, nothing else.
#![no_main]

use campana_core::wire::memberlist::decode_packet;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for label in [b"".as_slice(), b"label"] {
        let _ = decode_packet(label, bytes, &mut Vec::new());
    }
});
