//! Timers: one indexed binary heap, so that a timer can be moved or dropped in logarithmic time.

use alloc::vec::Vec;

use crate::{map::Map, time::Instant};

/// Timers keyed by `K`, at most one a key. Equal instants fire in the order of their keys.
#[derive(Clone, Debug)]
pub struct Timers<K> {
    heap: Vec<(Instant, K)>,
    places: Map<K, usize>,
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        Self { heap: Vec::new(), places: Map::default() }
    }
}

impl<K: Copy + Ord + core::hash::Hash> Timers<K> {
    /// Makes an empty set of timers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Arms the key's timer, or moves it when it is armed already.
    pub fn set(&mut self, key: K, at: Instant) {
        let place = match self.places.get(&key) {
            Some(&place) => place,
            None => {
                self.heap.push((at, key));
                self.heap.len() - 1
            }
        };
        self.settle(place, (at, key));
    }

    /// Disarms the key's timer and returns when it would have fired.
    pub fn clear(&mut self, key: K) -> Option<Instant> {
        let place = self.places.remove(&key)?;
        let (at, _) = self.heap.swap_remove(place);
        if let Some(&moved) = self.heap.get(place) {
            self.settle(place, moved);
        }
        Some(at)
    }

    /// Takes the earliest timer that is due at `now`, with the instant it was set to.
    pub fn pop_due(&mut self, now: Instant) -> Option<(Instant, K)> {
        let &(at, key) = self.heap.first()?;
        if at > now {
            return None;
        }
        self.clear(key);
        Some((at, key))
    }

    /// Returns when the earliest timer fires.
    pub fn next_at(&self) -> Option<Instant> {
        self.heap.first().map(|&(at, _)| at)
    }

    /// Returns when the key's timer fires.
    pub fn get(&self, key: K) -> Option<Instant> {
        self.places.get(&key).map(|&place| self.heap[place].0)
    }

    /// Returns the number of armed timers.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Tells whether no timer is armed.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// Finds a timer's place, from one that is free on.
    fn settle(&mut self, mut place: usize, timer: (Instant, K)) {
        while place > 0 && timer < self.heap[(place - 1) / 2] {
            let parent = (place - 1) / 2;
            self.put(place, self.heap[parent]);
            place = parent;
        }
        loop {
            let child = 2 * place + 1;
            let Some(&left) = self.heap.get(child) else { break };
            let right = self.heap.get(child + 1).filter(|right| **right < left);
            let (child, least) = right.map_or((child, left), |right| (child + 1, *right));
            if timer <= least {
                break;
            }
            self.put(place, least);
            place = child;
        }
        self.put(place, timer);
    }

    fn put(&mut self, place: usize, timer: (Instant, K)) {
        self.heap[place] = timer;
        self.places.insert(timer.1, place);
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn timers_behave_like_a_sorted_map(
            ops in proptest::collection::vec((0u8..20, 0u64..50, 0u8..3), 1..300),
        ) {
            let mut timers = Timers::new();
            let mut model: BTreeMap<u8, Instant> = BTreeMap::new();
            for (key, at, op) in ops {
                let at = Instant::from_nanos(at);
                match op {
                    0 => { timers.set(key, at); model.insert(key, at); }
                    1 => prop_assert_eq!(timers.clear(key), model.remove(&key)),
                    _ => {
                        let first = model.iter().map(|(k, t)| (*t, *k)).min();
                        let due = first.filter(|(t, _)| *t <= at);
                        if let Some((_, k)) = due { model.remove(&k); }
                        prop_assert_eq!(timers.pop_due(at), due);
                    }
                }
                prop_assert_eq!(timers.next_at(), model.values().min().copied());
                prop_assert_eq!(timers.len(), model.len());
            }
        }
    }
}
