//! Heads of HTTP requests of any bytes, as `campana-std` frames them: what goes on to its server is
//! plain ASCII without a second request in it.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../../runtime-std/src/frame.rs"]
#[allow(dead_code, unreachable_pub)]
mod frame;

fuzz_target!(|bytes: &[u8]| {
    let _ = frame::chunk_length(bytes);
    let Ok(Some(end)) = frame::head_end(bytes, 0) else { return };
    let Ok(frame) = frame::parse(&bytes[..end]) else { return };
    assert!(frame.head.is_ascii() && !frame.head.contains(&0));
    assert!(!frame.head.windows(4).any(|four| four == b"\r\n\r\n"));
    frame.with_head(|head| assert!(!head.method.is_empty() && !head.target.is_empty()));
});
