//! Reading of texts that are shared. What serde does by itself makes each of them twice.

use alloc::sync::Arc;
use core::fmt;

use serde::{Deserializer, de};

/// Reads a text; the empty one takes no memory.
///
/// # Errors
/// What is there is no text.
pub fn read_shared<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<str>, D::Error> {
    struct Visitor;
    impl de::Visitor<'_> for Visitor {
        type Value = Arc<str>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a text")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Arc<str>, E> {
            Ok(if text.is_empty() { Arc::default() } else { Arc::from(text) })
        }
    }
    deserializer.deserialize_str(Visitor)
}
