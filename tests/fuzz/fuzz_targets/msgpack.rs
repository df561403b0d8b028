//! Structures in msgpack of any content.
#![no_main]

use campana_core::wire::msgpack::Reader;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut reader = Reader::new(bytes);
    let _ = reader.fields(&["A", "Nodes", "Vsn"], |reader, name| match name {
        "A" => reader.text(64).map(drop),
        "Nodes" => reader.uint::<u32>().map(drop),
        "Vsn" => reader.raw().map(drop),
        _ => reader.skip(),
    });
    assert!(reader.position() <= bytes.len());
});
