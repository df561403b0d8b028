//! Which alerts can mute which: the sources of each rule, by the values of its `equal` labels.

use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};

use super::Rule;
use crate::{
    hash::fnv1a,
    id::AlertId,
    label::{self, Labels},
};

/// A rule's slots are spread over this many maps, so that a write copies a small one for readers.
const SHARDS: usize = 16;

/// A scan that passed this many dead sources is remembered for the rest of its query.
const PATIENCE: usize = 8;

/// Why an alert is muted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inhibition {
    /// The alert that mutes it.
    pub source: AlertId,
    /// The rule that says so, counted from 0 in the order of the configuration.
    pub rule: u32,
}

/// The write side: takes note of alerts as they come and go.
///
/// Whether an alert still fires is not noted here but asked of the caller of a query, so a refresh
/// or a resolution costs nothing.
#[derive(Clone, Debug)]
pub struct Inhibitor {
    index: Arc<Index>,
}

/// The read side: the rules and their sources at one moment. Cheap to clone: clones share what
/// does not change.
#[derive(Clone, Debug)]
pub struct Index {
    rules: Arc<Rules>,
    /// The sources of each rule.
    sources: Vec<Arc<Sources>>,
}

/// The rules and which of them may concern a label set.
#[derive(Debug)]
struct Rules {
    list: Vec<Rule>,
    by_source: label::index::Index<u32>,
    by_target: label::index::Index<u32>,
}

/// The sources of one rule, in maps by the packed `equal` values. Empty until the first source.
#[derive(Clone, Debug, Default)]
struct Sources(Vec<Arc<BTreeMap<Arc<[u8]>, Slot>>>);

/// The sources that agree in the `equal` labels, each list ascending.
#[derive(Clone, Debug, Default)]
struct Slot {
    /// Those that match the source side only.
    one_sided: Arc<Vec<AlertId>>,
    /// Those that match both sides; they mute no target that does so too.
    two_sided: Arc<Vec<AlertId>>,
}

/// Buffers of a query, kept between queries so that none allocates.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    rules: Vec<u32>,
    values: Vec<u8>,
    /// The first live source of lists that begin with many dead ones, by the list's address.
    known: BTreeMap<usize, Option<AlertId>>,
}

/// Look-ups for one moment: while a query lives, no alert's liveness may change, and it remembers
/// what was tedious to find.
pub struct Query<'a, F> {
    index: &'a Index,
    is_live: F,
    scratch: &'a mut Scratch,
}

impl Inhibitor {
    /// Starts with rules, in the order of the configuration, and without alerts.
    pub fn new(rules: Vec<Rule>) -> Self {
        Self { index: Arc::new(Index::new(rules)) }
    }

    /// Returns the read side as it is now. Holding it makes the next write copy what it changes.
    pub fn index(&self) -> Arc<Index> {
        self.index.clone()
    }

    /// Notes an alert, once it is stored. Noting it again changes nothing.
    pub fn on_alert(&mut self, id: AlertId, labels: &Labels) {
        self.each_side(labels, |sources, values, two_sided| sources.add(values, two_sided, id));
    }

    /// Forgets an alert before its id is used for another one.
    pub fn on_removed(&mut self, id: AlertId, labels: &Labels) {
        self.each_side(labels, |sources, values, two_sided| sources.take(values, two_sided, id));
    }

    /// Starts over with other rules and the alerts that are stored.
    pub fn replace_rules<'a>(
        &mut self,
        rules: Vec<Rule>,
        alerts: impl IntoIterator<Item = (AlertId, &'a Labels)>,
    ) {
        *self = Self::new(rules);
        for (id, labels) in alerts {
            self.on_alert(id, labels);
        }
    }

    /// Calls `change` for each rule that an alert is a source of, with the alert's `equal` values
    /// and whether it is a target too.
    fn each_side(&mut self, labels: &Labels, change: impl Fn(&mut Sources, &[u8], bool)) {
        let mut found = Vec::new();
        self.index.rules.by_source.candidates(labels, &mut found);
        found.retain(|&rule| self.index.rules.list[rule as usize].source.matches(labels));
        if found.is_empty() {
            return;
        }
        let mut values = Vec::new();
        let index = Arc::make_mut(&mut self.index);
        for number in found {
            let rule = &index.rules.list[number as usize];
            pack(&rule.equal, labels, &mut values);
            let sources = Arc::make_mut(&mut index.sources[number as usize]);
            change(sources, &values, rule.target.matches(labels));
        }
    }
}

impl Index {
    fn new(list: Vec<Rule>) -> Self {
        let mut by_source = label::index::Index::new();
        let mut by_target = label::index::Index::new();
        for (number, rule) in (0..).zip(&list) {
            by_source.insert(number, &rule.source);
            by_target.insert(number, &rule.target);
        }
        let sources = alloc::vec![Arc::default(); list.len()];
        Self { rules: Arc::new(Rules { list, by_source, by_target }), sources }
    }

    /// Returns the rules, in the order of the configuration.
    pub fn rules(&self) -> &[Rule] {
        &self.rules.list
    }

    /// Starts look-ups for one moment. `is_live` tells whether an alert fires at that moment; an
    /// id it does not know is not live.
    pub fn query<'a, F: FnMut(AlertId) -> bool>(
        &'a self,
        is_live: F,
        scratch: &'a mut Scratch,
    ) -> Query<'a, F> {
        scratch.known.clear();
        Query { index: self, is_live, scratch }
    }
}

impl<F: FnMut(AlertId) -> bool> Query<'_, F> {
    /// Returns what mutes a target: of the first rule that does, the live source with the lowest
    /// id; `None` when nothing does.
    pub fn inhibited_by(&mut self, target: &Labels) -> Option<Inhibition> {
        let rules = &self.index.rules;
        rules.by_target.candidates(target, &mut self.scratch.rules);
        for at in 0..self.scratch.rules.len() {
            let number = self.scratch.rules[at];
            let sources = &self.index.sources[number as usize];
            let rule = &rules.list[number as usize];
            if sources.0.is_empty() || !rule.target.matches(target) {
                continue;
            }
            pack(&rule.equal, target, &mut self.scratch.values);
            let Some(slot) = sources.slot(&self.scratch.values) else { continue };
            let one = self.first_live(&slot.one_sided);
            let source = if slot.two_sided.is_empty() || rule.source.matches(target) {
                one
            } else {
                // `None` sorts first, so the lower of two ids is not simply `Option::min`.
                let two = self.first_live(&slot.two_sided);
                crate::time::earliest(one, two)
            };
            if let Some(source) = source {
                return Some(Inhibition { source, rule: number });
            }
        }
        None
    }

    fn first_live(&mut self, ids: &[AlertId]) -> Option<AlertId> {
        let (first, rest) = ids.split_at(ids.len().min(PATIENCE));
        if let Some(live) = first.iter().copied().find(|&id| (self.is_live)(id)) {
            return Some(live);
        }
        if rest.is_empty() {
            return None;
        }
        // The index is borrowed for as long as the query lives, so the address names the list.
        let list = ids.as_ptr().addr();
        if let Some(&known) = self.scratch.known.get(&list) {
            return known;
        }
        let found = rest.iter().copied().find(|&id| (self.is_live)(id));
        self.scratch.known.insert(list, found);
        found
    }
}

impl Sources {
    fn slot(&self, values: &[u8]) -> Option<&Slot> {
        self.0.get(shard_of(values))?.get(values)
    }

    fn add(&mut self, values: &[u8], two_sided: bool, id: AlertId) {
        if self.0.is_empty() {
            self.0.resize_with(SHARDS, Arc::default);
        }
        let shard = Arc::make_mut(&mut self.0[shard_of(values)]);
        if !shard.contains_key(values) {
            shard.insert(Arc::from(values), Slot::default());
        }
        let slot = shard.get_mut(values).expect("the slot was just ensured");
        let list = slot.list(two_sided);
        if let Err(at) = list.binary_search(&id) {
            Arc::make_mut(list).insert(at, id);
        }
    }

    fn take(&mut self, values: &[u8], two_sided: bool, id: AlertId) {
        let Some(shard) = self.0.get_mut(shard_of(values)) else { return };
        let shard = Arc::make_mut(shard);
        let Some(slot) = shard.get_mut(values) else { return };
        let list = slot.list(two_sided);
        if let Ok(at) = list.binary_search(&id) {
            Arc::make_mut(list).remove(at);
        }
        if slot.one_sided.is_empty() && slot.two_sided.is_empty() {
            shard.remove(values);
        }
    }
}

impl Slot {
    const fn list(&mut self, two_sided: bool) -> &mut Arc<Vec<AlertId>> {
        if two_sided { &mut self.two_sided } else { &mut self.one_sided }
    }
}

/// Writes the values of a rule's `equal` labels; a missing label counts as empty. `0xFF`, which no
/// value contains, ends each, so two packs are equal exactly when all values are.
fn pack(equal: &[Arc<str>], labels: &Labels, out: &mut Vec<u8>) {
    out.clear();
    for name in equal {
        out.extend_from_slice(labels.get_bytes(name.as_bytes()).unwrap_or_default());
        out.push(0xFF);
    }
}

fn shard_of(values: &[u8]) -> usize {
    // The upper half: the lowest bits of this hash are its weakest.
    (fnv1a(values) >> 32) as usize % SHARDS
}
