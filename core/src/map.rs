//! The hash map of core: it looks up and does not iterate.
//!
//! The order of a hash map depends on its hasher and its history, so iterating one would leak
//! accidents into outputs. What must be walked lives in a `BTreeMap`, a `Vec` or a slab.
#![allow(clippy::disallowed_types, reason = "the one place that wraps a hash map")]

use core::{borrow::Borrow, hash::Hash};

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

/// A look-up table. Keys are ids and fingerprints, which peers cannot choose freely enough to make
/// the fast hasher a danger; raw client strings belong in a `BTreeMap`.
#[derive(Clone, Debug)]
pub struct Map<K, V>(HashMap<K, V, FxBuildHasher>);

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self(HashMap::with_hasher(FxBuildHasher))
    }
}

impl<K: Eq + Hash, V> Map<K, V> {
    /// Makes an empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes room for so many more keys.
    pub fn reserve(&mut self, additional: usize) {
        self.0.reserve(additional);
    }

    /// Sets a key's value and returns the one it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.0.insert(key, value)
    }

    /// Removes a key and returns its value.
    pub fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.0.remove(key)
    }

    /// Returns a key's value for change.
    pub fn get_mut<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.0.get_mut(key)
    }

    /// Returns a key's value, making it first where it is missing.
    pub fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        self.0.entry(key).or_insert_with(make)
    }

    /// Returns a key's value.
    pub fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.0.get(key)
    }

    /// Tells whether a key is present.
    pub fn contains<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.0.contains_key(key)
    }

    /// Returns the number of keys.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
