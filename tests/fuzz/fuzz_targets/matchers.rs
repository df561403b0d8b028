//! Matchers of any text in all three modes: what is read prints as something that is read the same.
#![no_main]

use campana_core::label::{Mode, parse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    for mode in [Mode::Classic, Mode::Utf8, Mode::Fallback] {
        let _ = parse::matcher(mode, text);
        if let Ok(parsed) = parse::matchers(mode, text) {
            // An empty name prints bare: group keys hold this text, and peers compare them.
            for matcher in parsed.matchers.into_iter().filter(|it| !it.name().is_empty()) {
                let again = parse::matchers(Mode::Utf8, &format!("{{{matcher}}}"));
                assert_eq!(again.expect("it was printed").matchers, [matcher]);
            }
        }
    }
});
