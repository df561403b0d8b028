//! What waits to be gossiped: each message is sent a limited number of times, the freshest first.
//!
//! The order is memberlist's (reference B.11): fewest transmissions, then the longest message, then
//! the newest; a packet takes from each tier the largest that still fits. Two things differ. A
//! gossip tick sends the *same* choice to each of its targets, since transmissions are counted when
//! the tick ends: then every target learns a record at the same time, where upstream's separate
//! draws leave a target to the next tick. And a message carries a class: relayed records wait
//! behind one's own.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    vec::Vec,
};
use core::{
    cmp::Reverse,
    ops::Bound::{Included, Unbounded},
};

/// Whose message it is; own ones go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// Made here.
    Own,
    /// Learned from a peer and passed on.
    Relayed,
}

/// How often messages of each class are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) own: u32,
    pub(super) relayed: u32,
}

impl Limits {
    /// The same for both.
    pub(super) const fn both(limit: u32) -> Self {
        Self { own: limit, relayed: limit }
    }

    const fn of(self, class: Class) -> u32 {
        match class {
            Class::Own => self.own,
            Class::Relayed => self.relayed,
        }
    }
}

/// The place in the order: class, transmissions, longest first, newest first.
type Rank = (Class, u32, Reverse<usize>, Reverse<u64>);

#[derive(Clone, Debug)]
struct Item<K> {
    name: K,
    bytes: Arc<[u8]>,
    class: Class,
    sent: u32,
    drawn: u32,
}

/// A queue of messages named by `K`; a new one replaces the queued one of the same name.
#[derive(Clone, Debug)]
pub(super) struct Queue<K> {
    items: BTreeMap<u64, Item<K>>,
    order: BTreeSet<Rank>,
    names: BTreeMap<K, u64>,
    drawn: Vec<u64>,
    fresh: usize,
    last_id: u64,
}

impl<K: Clone + Ord> Queue<K> {
    /// Makes an empty queue.
    pub(super) fn new() -> Self {
        Self {
            items: BTreeMap::new(),
            order: BTreeSet::new(),
            names: BTreeMap::new(),
            drawn: Vec::new(),
            fresh: 0,
            last_id: 0,
        }
    }

    /// Queues a message in place of the one of the same name.
    pub(super) fn push(&mut self, name: K, bytes: Arc<[u8]>, class: Class) {
        self.remove(&name);
        self.last_id += 1;
        let item = Item { name: name.clone(), bytes, class, sent: 0, drawn: 0 };
        self.names.insert(name, self.last_id);
        self.order.insert(rank(self.last_id, &item));
        self.fresh += fresh_bytes(&item);
        self.items.insert(self.last_id, item);
    }

    /// Drops the message of this name; returns whether there was one.
    pub(super) fn remove(&mut self, name: &K) -> bool {
        let Some(id) = self.names.remove(name) else { return false };
        let item = self.items.remove(&id).expect("a name has its item");
        self.order.remove(&rank(id, &item));
        self.fresh -= fresh_bytes(&item);
        true
    }

    /// Returns the bytes of own messages that were not sent yet.
    pub(super) fn fresh_bytes(&self) -> usize {
        self.fresh
    }

    /// Takes out every own message that was not sent yet.
    pub(super) fn take_fresh(&mut self) -> Vec<(K, Arc<[u8]>)> {
        let end = (Class::Own, 1, Reverse(usize::MAX), Reverse(u64::MAX));
        let ids: Vec<u64> = self.order.range(..end).map(|rank| rank.3.0).collect();
        let names: Vec<_> = ids
            .into_iter()
            .map(|id| (self.items[&id].name.clone(), self.items[&id].bytes.clone()))
            .collect();
        for (name, _) in &names {
            self.remove(name);
        }
        names
    }

    /// Picks messages for one packet with `free` bytes. `cost` is told a message's name, its length
    /// and the bytes left, and says what it takes of them; what takes more is not picked.
    ///
    /// The transmissions count with the next [`settle`](Self::settle); until then the same messages
    /// are picked again, as far as `limits` allow.
    pub(super) fn draw(
        &mut self,
        mut free: usize,
        limits: Limits,
        mut cost: impl FnMut(&K, usize, usize) -> usize,
    ) -> Vec<(K, Arc<[u8]>)> {
        let mut picked = Vec::new();
        let mut places = self.order.range::<Rank, _>(..);
        while let Some(&(class, sent, Reverse(len), Reverse(id))) = places.next() {
            if len > free {
                if free == 0 {
                    break;
                }
                // Too long for what is left: on to the largest of the tier that may fit.
                let from = (class, sent, Reverse(free), Reverse(u64::MAX));
                places = self.order.range((Included(from), Unbounded));
                continue;
            }
            let item = self.items.get_mut(&id).expect("what is in order is there");
            if item.sent + item.drawn >= limits.of(class) {
                continue;
            }
            let takes = cost(&item.name, len, free);
            if takes > free {
                continue;
            }
            free -= takes;
            if item.drawn == 0 {
                self.drawn.push(id);
            }
            item.drawn += 1;
            picked.push((item.name.clone(), item.bytes.clone()));
        }
        picked
    }

    /// Forgets that anything was drawn.
    pub(super) fn put_back(&mut self) {
        for id in core::mem::take(&mut self.drawn) {
            if let Some(item) = self.items.get_mut(&id) {
                item.drawn = 0;
            }
        }
    }

    /// Counts what was drawn, and drops what was sent as often as `limits` say.
    pub(super) fn settle(&mut self, limits: Limits) {
        for id in core::mem::take(&mut self.drawn) {
            // It may have been replaced between the draw and now.
            let Some(item) = self.items.get_mut(&id) else { continue };
            self.order.remove(&rank(id, item));
            self.fresh -= fresh_bytes(item);
            item.sent += item.drawn;
            item.drawn = 0;
            if item.sent < limits.of(item.class) {
                let place = rank(id, item);
                self.order.insert(place);
            } else {
                let item = self.items.remove(&id).expect("it was just seen");
                self.names.remove(&item.name);
            }
        }
    }

    /// Drops messages until at most `max` are left, and returns how many: relayed ones first, then
    /// those sent most often, then the shortest, then the oldest (reference A.9).
    pub(super) fn prune(&mut self, max: usize) -> usize {
        let before = self.items.len();
        while self.items.len() > max {
            let (.., Reverse(id)) = *self.order.last().expect("the order holds every item");
            let name = self.items[&id].name.clone();
            self.remove(&name);
        }
        before - self.items.len()
    }

    /// Tells whether a message of this name waits.
    pub(super) fn contains(&self, name: &K) -> bool {
        self.names.contains_key(name)
    }

    /// Returns how many messages wait.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Tells whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

fn rank<K>(id: u64, item: &Item<K>) -> Rank {
    (item.class, item.sent, Reverse(item.bytes.len()), Reverse(id))
}

fn fresh_bytes<K>(item: &Item<K>) -> usize {
    if item.class == Class::Own && item.sent == 0 { item.bytes.len() } else { 0 }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;

    fn draw(queue: &mut Queue<u32>, free: usize) -> Vec<u32> {
        queue
            .draw(free, Limits::both(3), |_, len, _| len + 2)
            .into_iter()
            .map(|(name, _)| name)
            .collect()
    }

    fn bytes(len: usize) -> Arc<[u8]> {
        vec![0; len].into()
    }

    #[test]
    fn the_longest_goes_first_and_the_newest_among_equals() {
        let mut queue = Queue::new();
        queue.push(1, bytes(10), Class::Own);
        queue.push(2, bytes(20), Class::Own);
        queue.push(3, bytes(10), Class::Own);
        queue.push(4, bytes(30), Class::Relayed);
        assert_eq!(draw(&mut queue, 100), [2, 3, 1, 4]);
        queue.settle(Limits::both(3));
        queue.push(5, bytes(1), Class::Own);
        assert_eq!(draw(&mut queue, 25), [5, 2]);
        queue.settle(Limits::both(3));
        assert_eq!(draw(&mut queue, 25), [3, 1]);
    }

    #[test]
    fn targets_of_a_tick_get_the_same_and_the_limit_holds() {
        let mut queue = Queue::new();
        queue.push(1, bytes(10), Class::Own);
        queue.push(2, bytes(10), Class::Own);
        for _ in 0..2 {
            assert_eq!(draw(&mut queue, 13), [2]);
        }
        queue.settle(Limits::both(3));
        assert_eq!(draw(&mut queue, 13), [1]);
        assert_eq!(draw(&mut queue, 24), [1, 2]);
        assert_eq!(draw(&mut queue, 24), [1]);
        queue.settle(Limits::both(3));
        assert!(queue.is_empty());
    }

    #[test]
    fn a_new_message_replaces_the_old_and_fresh_ones_can_be_taken() {
        let mut queue = Queue::new();
        queue.push(1, bytes(10), Class::Own);
        queue.push(1, bytes(12), Class::Own);
        queue.push(2, bytes(5), Class::Relayed);
        assert_eq!((queue.len(), queue.fresh_bytes()), (2, 12));
        assert_eq!(queue.take_fresh().len(), 1);
        assert_eq!((queue.len(), queue.fresh_bytes()), (1, 0));
        queue.push(3, bytes(5), Class::Own);
        assert_eq!(queue.prune(1), 1);
        assert!(queue.contains(&3) && !queue.contains(&2));
    }

    proptest! {
        #[test]
        fn packets_never_overflow_and_every_message_has_its_turn(
            lens in proptest::collection::vec(1usize..60, 1..40), free in 62usize..200,
        ) {
            let mut queue = Queue::new();
            for (i, &len) in lens.iter().enumerate() {
                queue.push(i, bytes(len), Class::Own);
            }
            let mut seen = vec![0; lens.len()];
            let mut rounds = 0;
            while !queue.is_empty() {
                let batch = queue.draw(free, Limits::both(3), |_, len, _| len + 2);
                prop_assert!(batch.iter().map(|(_, b)| b.len() + 2).sum::<usize>() <= free);
                prop_assert!(!batch.is_empty());
                for (i, _) in batch { seen[i] += 1; }
                queue.settle(Limits::both(3));
                rounds += 1;
                prop_assert!(rounds <= 3 * lens.len());
            }
            prop_assert!(seen.iter().all(|&n| n == 3));
            prop_assert_eq!(queue.fresh_bytes(), 0);
        }
    }
}
