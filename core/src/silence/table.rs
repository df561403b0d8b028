//! The read side: silences by id, by state, and by the alerts they mute.

use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};
use core::{cmp::Reverse, fmt};

use super::{Id, Silence, State, tiers::Tiers};
use crate::{
    cow::Slab,
    hash::fnv1a,
    label::{Labels, Matcher},
    time::Timestamp,
};

/// The ids are spread over this many maps, so that a write copies a small one for its readers.
const SHARDS: usize = 64;

type Shard = BTreeMap<Id, u32>;

/// All silences at one moment. Cheap to clone: clones share what does not change.
#[derive(Clone)]
pub struct Table {
    silences: Slab<Arc<Silence>>,
    slots: Vec<Arc<Shard>>,
    tiers: Tiers,
}

/// Buffers of a look-up, kept between look-ups so that none allocates.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    candidates: Vec<u32>,
}

/// Which states a listing includes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct States {
    /// Those that mute.
    pub active: bool,
    /// Those that will.
    pub pending: bool,
    /// Those that have ended.
    pub expired: bool,
}

impl States {
    /// Every state.
    pub const ALL: Self = Self { active: true, pending: true, expired: true };

    /// Tells whether a state is included.
    pub const fn contains(self, state: State) -> bool {
        match state {
            State::Active => self.active,
            State::Pending => self.pending,
            State::Expired => self.expired,
        }
    }
}

/// How many silences are in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those that mute.
    pub active: usize,
    /// Those that will.
    pub pending: usize,
    /// Those that have ended but are not yet forgotten.
    pub expired: usize,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            silences: Slab::new(),
            slots: alloc::vec![Arc::default(); SHARDS],
            tiers: Tiers::default(),
        }
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Table {
    /// Returns a silence by its id.
    pub fn get(&self, id: &str) -> Option<&Arc<Silence>> {
        self.silences.get(*self.slots[shard_of(id)].get(id)?)
    }

    /// Returns every silence, in no order that means anything.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Silence>> {
        self.silences.iter().map(|(_, silence)| silence)
    }

    /// Returns the number of silences, expired ones included.
    pub fn len(&self) -> usize {
        self.silences.len()
    }

    /// Tells whether there are no silences.
    pub fn is_empty(&self) -> bool {
        self.silences.is_empty()
    }

    /// Collects the ids of the active silences that match, ascending. Empties `out` first.
    pub fn silenced_by(
        &self,
        labels: &Labels,
        now: Timestamp,
        scratch: &mut Scratch,
        out: &mut Vec<Id>,
    ) {
        out.clear();
        out.extend(self.active_matches(labels, now, scratch).map(|silence| silence.id.clone()));
        out.sort_unstable();
    }

    /// Tells whether any active silence matches.
    pub fn silences(&self, labels: &Labels, now: Timestamp, scratch: &mut Scratch) -> bool {
        self.active_matches(labels, now, scratch).next().is_some()
    }

    fn active_matches<'a>(
        &'a self,
        labels: &'a Labels,
        now: Timestamp,
        scratch: &'a mut Scratch,
    ) -> impl Iterator<Item = &'a Arc<Silence>> {
        self.tiers.candidates(labels, &mut scratch.candidates);
        let candidates = scratch.candidates.iter();
        candidates
            .filter_map(|&slot| self.silences.get(slot))
            .filter(move |silence| silence.state(now) == State::Active && silence.matches(labels))
    }

    /// Returns the silences of the given states that hold every filter, as the API lists them:
    /// active ones by the soonest end, pending ones by the soonest start, expired ones by the
    /// latest end; ties by id.
    ///
    /// The filters compare structure: one matcher set must contain, for each filter, a matcher
    /// with the same name, operator and value.
    pub fn list(&self, now: Timestamp, states: States, filters: &[Matcher]) -> Vec<Arc<Silence>> {
        let holds = |silence: &Silence| {
            silence
                .matcher_sets
                .iter()
                .any(|set| filters.iter().all(|filter| set.as_slice().contains(filter)))
        };
        let mut list: Vec<_> = self
            .iter()
            .filter(|silence| states.contains(silence.state(now)))
            .filter(|silence| filters.is_empty() || holds(silence))
            .cloned()
            .collect();
        list.sort_unstable_by(|a, b| {
            let rank = |silence: &Silence| match silence.state(now) {
                State::Active => (0, silence.ends_at, Reverse(Timestamp::ZERO)),
                State::Pending => (1, silence.starts_at, Reverse(Timestamp::ZERO)),
                State::Expired => (2, Timestamp::ZERO, Reverse(silence.ends_at)),
            };
            rank(a).cmp(&rank(b)).then_with(|| a.id.cmp(&b.id))
        });
        list
    }

    /// Counts the silences in each state.
    pub fn counts(&self, now: Timestamp) -> Counts {
        let mut counts = Counts::default();
        for silence in self.iter() {
            match silence.state(now) {
                State::Active => counts.active += 1,
                State::Pending => counts.pending += 1,
                State::Expired => counts.expired += 1,
            }
        }
        counts
    }

    /// Stores silences, each in place of the one with its id.
    pub(super) fn put(&mut self, silences: impl IntoIterator<Item = Arc<Silence>>) {
        let mut added = Vec::new();
        for silence in silences {
            let shard = &mut self.slots[shard_of(&silence.id.0)];
            if let Some(&slot) = shard.get(&silence.id) {
                let old = self.silences.get_mut(slot).expect("a slot is freed with its id");
                if old.matcher_sets != silence.matcher_sets {
                    added.push(slot);
                }
                *old = silence;
            } else {
                let slot = self.silences.insert(silence.clone());
                Arc::make_mut(shard).insert(silence.id.clone(), slot);
                added.push(slot);
            }
        }
        self.index(added);
    }

    /// Drops the silences that `gone` names and returns how many those were.
    pub(super) fn remove_if(&mut self, gone: impl Fn(&Silence) -> bool) -> usize {
        let dropped: Vec<(u32, Id)> = self
            .silences
            .iter()
            .filter(|(_, silence)| gone(silence))
            .map(|(slot, silence)| (slot, silence.id.clone()))
            .collect();
        for (slot, id) in &dropped {
            self.silences.remove(*slot);
            Arc::make_mut(&mut self.slots[shard_of(&id.0)]).remove(id);
        }
        // Freed slots must leave the tiers before they are used again, and tiers that hold some
        // slots several times are packed on this occasion.
        if !dropped.is_empty() || self.tiers.len() > 2 * self.silences.len() {
            self.tiers = Tiers::default();
            let slots = self.silences.iter().map(|(slot, _)| slot).collect();
            self.index(slots);
        }
        dropped.len()
    }

    fn index(&mut self, slots: Vec<u32>) {
        if !slots.is_empty() {
            self.tiers.add(slots, |slot| match self.silences.get(slot) {
                Some(silence) => &silence.matcher_sets,
                None => &[],
            });
        }
    }
}

fn shard_of(id: &str) -> usize {
    fnv1a(id.as_bytes()) as usize % SHARDS
}
