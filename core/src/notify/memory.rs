//! What an integration remembers from one attempt to the next, such as an access token.

use alloc::{collections::BTreeMap, string::String};

use super::Secret;
use crate::time::Timestamp;

/// Secrets by name, each until a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory(BTreeMap<String, (Secret, Timestamp)>);

impl Memory {
    /// Returns what is remembered under a name, unless its time is over.
    pub fn recall(&self, name: &str, now: Timestamp) -> Option<&Secret> {
        self.0.get(name).filter(|(_, until)| now < *until).map(|(secret, _)| secret)
    }

    /// Returns a memory with one thing more, or another value for it.
    #[must_use]
    pub fn with(&self, name: &str, secret: Secret, until: Timestamp) -> Self {
        let mut memory = self.clone();
        memory.0.insert(name.into(), (secret, until));
        memory
    }

    /// Returns a memory without one thing.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        let mut memory = self.clone();
        memory.0.remove(name);
        memory
    }
}
