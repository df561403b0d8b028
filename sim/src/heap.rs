//! What is to come, in order of time.

use std::collections::BTreeMap;

use campana_core::time::Instant;

/// A queue of things with their times. Things of the same time come in the order they were put.
#[derive(Clone, Debug)]
pub struct Heap<T> {
    things: BTreeMap<(Instant, u64), T>,
    count: u64,
}

impl<T> Default for Heap<T> {
    fn default() -> Self {
        Self { things: BTreeMap::new(), count: 0 }
    }
}

impl<T> Heap<T> {
    /// Puts a thing to its time.
    pub fn push(&mut self, at: Instant, thing: T) {
        self.count += 1;
        self.things.insert((at, self.count), thing);
    }

    /// Takes the first thing, if its time is not after `now`.
    pub fn pop_due(&mut self, now: Instant) -> Option<T> {
        let entry = self.things.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }

    /// Returns the time of the first thing.
    pub fn next_at(&self) -> Option<Instant> {
        self.things.first_key_value().map(|((at, _), _)| *at)
    }

    /// Returns how many things there are.
    pub fn len(&self) -> usize {
        self.things.len()
    }

    /// Tells whether nothing is to come.
    pub fn is_empty(&self) -> bool {
        self.things.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_of_one_time_keep_their_order() {
        let at = Instant::from_nanos;
        let mut heap = Heap::default();
        for (time, name) in [(2, "b"), (1, "a"), (2, "c"), (3, "d")] {
            heap.push(at(time), name);
        }
        assert_eq!(heap.next_at(), Some(at(1)));
        let due: Vec<&str> = std::iter::from_fn(|| heap.pop_due(at(2))).collect();
        assert_eq!(due, ["a", "b", "c"]);
        assert_eq!(heap.len(), 1);
    }
}
