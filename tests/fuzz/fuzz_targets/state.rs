//! Files of the data directory of any content: read, refused, or mended, but never a panic.
#![no_main]

use campana_core::persist::{self, CHECKPOINT_FILE, Found};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = persist::decode(bytes);
    for name in [CHECKPOINT_FILE, "campana.journal.00000001", "nflog", "silences"] {
        for repair in [false, true] {
            let found = Found { name: name.to_owned(), bytes: bytes.to_vec() };
            let _ = persist::recover(vec![found], repair);
        }
    }
});
