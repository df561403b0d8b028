//! Alertmanager's own files of any content: what is taken over can be given back, and comes to the
//! same when it is taken over again.
#![no_main]

use std::time::Duration;

use campana_core::persist::{Found, export, recover};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for name in ["silences", "nflog"] {
        let take = |bytes: Vec<u8>, repair| {
            recover(vec![Found { name: name.to_owned(), bytes }], repair).map(|it| it.saved)
        };
        let _ = take(bytes.to_vec(), false);
        let Ok(saved) = take(bytes.to_vec(), true) else { continue };
        let files = export(&saved, Duration::from_secs(60));
        let (.., bytes) = files.into_iter().find(|(_, file, ..)| *file == name).expect("both");
        let again = take(bytes, false).expect("we wrote it");
        assert_eq!((saved.silences, saved.nflog), (again.silences, again.nflog));
    }
});
