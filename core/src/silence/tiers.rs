//! The matcher index of the silences, in tiers that a reader can go on sharing.
//!
//! Every published view holds the table, so every write would copy one big index. Instead new
//! silences enter a small tier; a full tier is poured into the next, sixteen times larger one.
//! A write thus copies a few silences at most times, and a look-up asks a handful of indexes, of
//! which most know from one word that they have no answer.

use alloc::{sync::Arc, vec::Vec};

use crate::label::{
    Labels, Matchers,
    index::{Index, candidates_of},
};

/// The capacity of the first tier, and how many times larger each further one is.
const FACTOR: usize = 16;

#[derive(Clone, Default)]
struct Tier {
    slots: Vec<u32>,
    index: Index<u32>,
}

/// An index from label sets to the slots of silences that may match them.
#[derive(Clone, Default)]
pub(super) struct Tiers(Vec<Arc<Tier>>);

impl Tiers {
    /// Adds slots; `sets_of` returns the matcher sets of any slot.
    ///
    /// A slot whose matchers changed is simply added again: what an older tier still says of it is
    /// only a candidate too many.
    pub(super) fn add<'a>(&mut self, mut slots: Vec<u32>, sets_of: impl Fn(u32) -> &'a [Matchers]) {
        let mut capacity = FACTOR;
        for level in 0.. {
            if level == self.0.len() {
                self.0.push(Arc::default());
            }
            if self.0[level].slots.len() + slots.len() <= capacity {
                let tier = Arc::make_mut(&mut self.0[level]);
                for slot in slots {
                    for set in sets_of(slot).iter().filter(|set| !set.is_empty()) {
                        tier.index.insert(slot, set);
                    }
                    tier.slots.push(slot);
                }
                return;
            }
            slots.extend_from_slice(&self.0[level].slots);
            self.0[level] = Arc::default();
            capacity = capacity.saturating_mul(FACTOR);
        }
    }

    /// Returns the number of slots, each counted as often as it was added.
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|tier| tier.slots.len()).sum()
    }

    /// Collects the slots that may match, ascending, each once. Empties `out` first.
    pub(super) fn candidates(&self, labels: &Labels, out: &mut Vec<u32>) {
        candidates_of(self.0.iter().map(|tier| &tier.index), labels, out);
    }
}
