//! The web side's file and that of gossip's TLS, of any content.
#![no_main]

use campana_core::config::{self, Origin};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let origin = Origin { file: "web.yml", directory: "" };
    let _ = config::web(bytes, &origin);
    let _ = config::gossip_tls(bytes, &origin);
});
