//! Values that must not be seen: passwords, tokens, URLs that carry a key.

use alloc::{borrow::ToOwned as _, format, sync::Arc};
use core::fmt;

use serde::{Serialize, Serializer};

use crate::{
    schema::{Context, Field, url},
    template,
    yaml::{Abort, At, Out},
};

/// What every printed form of a secret shows.
pub const MASK: &str = "<secret>";

/// A text that prints, formats and serializes as `<secret>`; only [`Secret::expose`] gives it out.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
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

    /// Tells whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
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

impl Field for Secret {
    fn read(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        if let Some(text) = at.text() {
            *self = Self::new(text);
        }
        Ok(())
    }

    fn print(&self) -> Out {
        if self.is_empty() { Out::text("") } else { Out::Text(MASK.to_owned()) }
    }

    fn is_zero(&self) -> bool {
        self.is_empty()
    }
}

/// A URL that carries a key; empty when it is not set.
///
/// The mask itself is accepted, so that a printed configuration can be read again; nothing can be
/// sent to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretUrl(pub Secret);

impl Field for SecretUrl {
    fn read(&mut self, at: &At<'_>, context: &Context<'_>) -> Result<(), Abort> {
        let Some(text) = at.text() else { return Ok(()) };
        if text == MASK {
            context.warn(at, "the URL is the placeholder <secret>; nothing can be sent to it");
            self.0 = Secret::new(text);
            return Ok(());
        }
        self.0 = Secret::new(url::parse(text).map_err(|error| at.fail(error))?);
        Ok(())
    }

    fn print(&self) -> Out {
        self.0.print()
    }

    fn is_zero(&self) -> bool {
        self.0.is_empty()
    }
}

/// A URL that carries a key, or the template of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateUrl(pub Secret);

impl Field for TemplateUrl {
    fn read(&mut self, at: &At<'_>, context: &Context<'_>) -> Result<(), Abort> {
        match at.text() {
            None => Ok(()),
            Some("") => {
                self.0 = Secret::default();
                Ok(())
            }
            Some(text) if text.contains("{{") => {
                // The text of the error may quote the template, and so a key in it.
                // As in the original, only Go's own functions are known here; further ones work in
                // a URL that is read from a file.
                template::Set::check_bare(text).map_err(|_| {
                    at.fail(
                        "invalid template syntax: the URL is no template of Go's own functions; \
                         check its {{ }}",
                    )
                })?;
                self.0 = Secret::new(text);
                Ok(())
            }
            Some(_) => {
                let mut plain = SecretUrl::default();
                plain.read(at, context).map_err(|Abort(mut problem)| {
                    problem.text = format!("invalid URL: {}", problem.text);
                    Abort(problem)
                })?;
                self.0 = plain.0;
                Ok(())
            }
        }
    }

    fn print(&self) -> Out {
        self.0.print()
    }

    fn is_zero(&self) -> bool {
        self.0.is_empty()
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
