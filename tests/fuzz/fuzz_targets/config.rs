//! Configuration files of any content: read, or refused with every problem.
#![no_main]

use std::time::Duration;

use campana_core::{
    config::{self, Origin, Rules},
    label::Mode,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let origin = Origin { file: "fuzz.yml", directory: "" };
    let rules = Rules { mode: Mode::Fallback, retention: Duration::from_secs(432_000) };
    if let Ok(config) = config::load(bytes, &origin, &rules) {
        let _ = config::advise(&config, bytes);
    }
});
