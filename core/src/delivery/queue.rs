//! Places per receiver: how many deliveries of one receiver may be under way at once.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{id::DeliveryId, limits::RECEIVER_SENDS_MAX};

/// The places of all receivers.
#[derive(Clone, Debug, Default)]
pub(super) struct Queues(BTreeMap<Arc<str>, Queue>);

#[derive(Clone, Debug, Default)]
struct Queue {
    inside: BTreeSet<DeliveryId>,
    /// Ids ascend, so the one that was opened first is served first.
    waiting: BTreeSet<DeliveryId>,
}

impl Queues {
    /// Takes a place, or lines up for one. Tells whether a place was free.
    pub(super) fn enter(&mut self, receiver: &Arc<str>, id: DeliveryId) -> bool {
        if !self.0.contains_key(receiver) {
            self.0.insert(receiver.clone(), Queue::default());
        }
        let queue = self.0.get_mut(receiver).expect("ensured above");
        if queue.inside.len() < RECEIVER_SENDS_MAX {
            queue.inside.insert(id);
            return true;
        }
        queue.waiting.insert(id);
        false
    }

    /// Gives up a place or a turn; returns who has the place now.
    pub(super) fn leave(&mut self, receiver: &Arc<str>, id: DeliveryId) -> Option<DeliveryId> {
        let queue = self.0.get_mut(receiver)?;
        if !queue.inside.remove(&id) {
            queue.waiting.remove(&id);
            return None;
        }
        let next = queue.waiting.pop_first();
        match next {
            Some(next) => {
                queue.inside.insert(next);
            }
            None if queue.inside.is_empty() => {
                self.0.remove(receiver);
            }
            None => {}
        }
        next
    }
}
