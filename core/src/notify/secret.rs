//! Values that must not be seen: passwords, tokens, URLs that carry a key.

use alloc::sync::Arc;
use core::fmt;

use serde::{Serialize, Serializer};

/// What every printed form of a secret shows.
pub const MASK: &str = "<secret>";

/// A text that prints, formats and serializes as `<secret>`; only [`Secret::expose`] gives it out.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Makes a secret.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// Returns the text, for the request that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Tells whether this is the mask itself, read back from a printed configuration.
    pub fn is_masked(&self) -> bool {
        &*self.0 == MASK
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

/// The true text of a secret in a binary form: `#[serde(with = "secret::exposed")]`.
///
/// It exists so that every place which stores a secret says so.
pub mod exposed {
    use alloc::string::String;

    use serde::{Deserialize as _, Deserializer, Serializer};

    use super::Secret;

    /// Writes the true text.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(secret.expose())
    }

    /// Reads the true text.
    ///
    /// # Errors
    /// The deserializer's.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        String::deserialize(deserializer).map(Secret::new)
    }
}

/// A secret written in the configuration, or the file that holds it.
///
/// A file is read for every attempt, so that a rotated secret is picked up without a reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// The secret itself.
    Inline(Secret),
    /// The path of a file; blanks around its content do not belong to the secret.
    File(Arc<str>),
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn a_secret_prints_as_its_mask() {
        let secret = SecretSource::Inline(Secret::new("hunter2"));
        assert_eq!(format!("{secret:?}"), "Inline(<secret>)");
        let json = serde_json::to_string(&Secret::new("hunter2")).expect("a string");
        assert_eq!(json, "\"<secret>\"");
        assert!(Secret::new("<secret>").is_masked());
    }
}
