//! What error texts must not show, even where the other side echoes it.

use alloc::{string::String, vec::Vec};

use crate::notify::Secret;

/// The shortest secret that is looked for; hiding shorter ones would garble harmless text.
const SECRET_BYTES_MIN: usize = 4;
/// The same for the path and query of a URL, which may be as harmless as `/alerts`.
const PATH_BYTES_MIN: usize = 8;

/// The secrets of one request.
#[derive(Clone, Debug, Default)]
pub struct Hidden(Vec<Secret>);

impl Hidden {
    /// Adds a secret.
    pub fn add(&mut self, secret: &str) {
        if secret.len() >= SECRET_BYTES_MIN && self.0.iter().all(|s| s.expose() != secret) {
            self.0.push(Secret::new(secret));
        }
    }

    /// Adds a URL, and its path and query, which is what servers echo.
    pub fn add_url(&mut self, url: &str) {
        self.add(url);
        let Some((_, rest)) = url.split_once("://") else { return };
        if let Some(at) = rest.find(['/', '?'])
            && rest.len() - at >= PATH_BYTES_MIN
        {
            self.add(&rest[at..]);
        }
    }

    /// Returns a text with every secret replaced by `<redacted>`.
    pub fn hide(&self, text: &str) -> String {
        // Longer ones first, since one secret may be a part of another.
        let mut secrets: Vec<&str> = self.0.iter().map(Secret::expose).collect();
        secrets.sort_by_key(|secret| core::cmp::Reverse(secret.len()));
        secrets.iter().fold(String::from(text), |text, secret| {
            if text.contains(secret) { text.replace(secret, "<redacted>") } else { text }
        })
    }
}
