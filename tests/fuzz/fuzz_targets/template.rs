//! Templates of any text, rendered as text and as HTML: an end within the limits, and no panic.
#![no_main]

use campana_core::{
    template::{Env, Set, Value},
    time::Timestamp,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let set = Set::with_defaults();
    let data = Value::text("x");
    let env = Env { now: Timestamp::from_parts(1_704_067_200, 0), ..Env::default() };
    let _ = set.render(text, &data, &env);
    let _ = set.render_html(text, &data, &env);
});
