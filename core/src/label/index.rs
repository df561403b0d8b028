//! An index over matcher lists: which of many can match a label set.
//!
//! A list matches only where all of its matchers do, so it is enough to file it under one of them
//! and to look up what each label of a set brings along. Lists that can be filed under a value
//! cost nothing where that value does not occur.

#[cfg(test)]
mod tests;

use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};
use core::hash::Hasher as _;

use rustc_hash::FxHasher;

use super::{Labels, Matcher, Matchers, Op};
use crate::map::Map;

/// Keys of matcher lists, filed so that a label set finds the lists that may match it.
///
/// A key may have several lists. Look-ups do not allocate once `out` has grown.
#[derive(Clone, Debug)]
pub struct Index<K> {
    /// Lists that ask for one of some values, by name and value.
    values: Buckets<K>,
    /// Lists that ask for a value with a prefix, by name and prefix.
    prefixes: Buckets<K>,
    /// What else is filed under a name.
    names: Map<u64, Name<K>>,
    /// A bit for each name that something was filed under, chosen by its hash. A clear one spares
    /// the look-up: most labels are asked for by nobody.
    asked: u64,
    /// Lists that ask for no label to be present.
    always: Vec<K>,
    /// Where each list is, by its key and its hash. Two lists of one key with the same hash would
    /// be taken for one; only who writes both can bring that about.
    filed: BTreeMap<(K, u64), Filed>,
    len: usize,
}

/// Sorted keys by a hash. Names and values are not kept: where two have the same hash, there are
/// only more candidates.
type Buckets<K> = Map<u64, Vec<K>>;

#[derive(Clone, Debug)]
struct Name<K> {
    /// How many values are filed, each as often as a list asks for it.
    values: usize,
    /// Lists that ask for the label to be present.
    present: Vec<K>,
    /// The lengths in bytes of the prefixes that are filed, sorted, and how many there are of each.
    lengths: Vec<(usize, usize)>,
}

#[derive(Clone, Copy, Debug)]
struct Filed {
    /// Which matcher of the list the list is filed under.
    under: Option<usize>,
    /// How many times the list was inserted.
    times: usize,
}

/// What a matcher asks for, the most selective first.
#[derive(Clone, Copy)]
enum Place<'a> {
    Value(&'a str),
    Literals(&'a [Arc<str>]),
    Prefix(&'a str),
    Present,
}

impl<K> Default for Index<K> {
    fn default() -> Self {
        Self {
            values: Map::default(),
            prefixes: Map::default(),
            names: Map::default(),
            asked: 0,
            always: Vec::new(),
            filed: BTreeMap::new(),
            len: 0,
        }
    }
}

impl<K: Copy + Ord> Index<K> {
    /// Makes an empty index.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the number of lists.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Tells whether there are no lists.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Files a list. The same list of the same key counts as often as it is inserted.
    pub fn insert(&mut self, key: K, matchers: &Matchers) {
        self.len += 1;
        let id = (key, hash_list(matchers));
        if let Some(filed) = self.filed.get_mut(&id) {
            filed.times += 1;
            return;
        }
        // Of equally selective matchers the one that shares its place with the fewest lists wins:
        // under `cluster="prod"` there would soon be everything.
        let under = (0..matchers.len())
            .filter_map(|at| Some((self.cost(&matchers.as_slice()[at])?, at)))
            .min()
            .map(|(_, at)| at);
        match under.map(|at| &matchers.as_slice()[at]) {
            Some(matcher) => self.file(key, matcher),
            None => add(&mut self.always, key),
        }
        self.filed.insert(id, Filed { under, times: 1 });
    }

    /// Takes a list out again; without effect where it was not inserted.
    pub fn remove(&mut self, key: K, matchers: &Matchers) {
        let id = (key, hash_list(matchers));
        let Some(filed) = self.filed.get_mut(&id) else { return };
        self.len -= 1;
        filed.times -= 1;
        if filed.times > 0 {
            return;
        }
        let under = filed.under;
        self.filed.remove(&id);
        match under.and_then(|at| matchers.as_slice().get(at)) {
            Some(matcher) => self.unfile(key, matcher),
            None => take(&mut self.always, key),
        }
    }

    /// Finds the keys of all lists that match a label set, and perhaps of some that do not.
    ///
    /// Empties `out` first; leaves it sorted, each key once.
    pub fn candidates(&self, labels: &Labels, out: &mut Vec<K>) {
        candidates_of(core::iter::once(self), labels, out);
    }

    /// Appends the keys that are filed under a label.
    #[inline]
    fn look(&self, name: u64, value: &[u8], out: &mut Vec<K>) {
        if self.asked & bit(name) == 0 {
            return;
        }
        let Some(entry) = self.names.get(&name) else { return };
        if entry.values > 0
            && let Some(keys) = self.values.get(&hash_pair(name, value))
        {
            out.extend_from_slice(keys);
        }
        out.extend_from_slice(&entry.present);
        for &(length, _) in &entry.lengths {
            let Some(prefix) = value.get(..length) else { break };
            if let Some(keys) = self.prefixes.get(&hash_pair(name, prefix)) {
                out.extend_from_slice(keys);
            }
        }
    }

    /// Ranks a matcher as a place for a list: by kind, then by how many lists are there already.
    fn cost(&self, matcher: &Matcher) -> Option<(u8, usize)> {
        let name = hash(matcher.name().as_bytes());
        let load = |buckets: &Buckets<K>, text: &str| {
            buckets.get(&hash_pair(name, text.as_bytes())).map_or(0, Vec::len)
        };
        Some(match place(matcher)? {
            Place::Value(value) => (0, load(&self.values, value)),
            Place::Literals(literals) => {
                (0, literals.iter().map(|literal| load(&self.values, literal)).max().unwrap_or(0))
            }
            Place::Prefix(prefix) => (1, load(&self.prefixes, prefix)),
            Place::Present => (2, self.names.get(&name).map_or(0, |entry| entry.present.len())),
        })
    }

    fn file(&mut self, key: K, matcher: &Matcher) {
        let name = hash(matcher.name().as_bytes());
        match place(matcher) {
            Some(Place::Value(value)) => {
                add_to(&mut self.values, name, value, key);
                self.name(name).values += 1;
            }
            Some(Place::Literals(literals)) => {
                for literal in literals {
                    add_to(&mut self.values, name, literal, key);
                }
                self.name(name).values += literals.len();
            }
            Some(Place::Prefix(prefix)) => {
                add_to(&mut self.prefixes, name, prefix, key);
                self.name(name).count_prefix(prefix.len());
            }
            Some(Place::Present) => add(&mut self.name(name).present, key),
            None => {}
        }
    }

    fn unfile(&mut self, key: K, matcher: &Matcher) {
        let name = hash(matcher.name().as_bytes());
        match place(matcher) {
            Some(Place::Value(value)) => {
                take_from(&mut self.values, name, value, key);
                self.name(name).values -= 1;
            }
            Some(Place::Literals(literals)) => {
                for literal in literals {
                    take_from(&mut self.values, name, literal, key);
                }
                self.name(name).values -= literals.len();
            }
            Some(Place::Prefix(prefix)) => {
                take_from(&mut self.prefixes, name, prefix, key);
                self.name(name).discount_prefix(prefix.len());
            }
            Some(Place::Present) => take(&mut self.name(name).present, key),
            None => {}
        }
        if self.names.get(&name).is_some_and(Name::is_empty) {
            self.names.remove(&name);
            // Other names may share the bit.
            if self.names.is_empty() {
                self.asked = 0;
            }
        }
    }

    fn name(&mut self, name: u64) -> &mut Name<K> {
        self.asked |= bit(name);
        let make = || Name { values: 0, present: Vec::new(), lengths: Vec::new() };
        self.names.get_or_insert_with(name, make)
    }
}

/// Finds the keys of all lists of several indexes that match a label set, and perhaps of some that
/// do not. What can be worked out once is: a further index costs little where it has no answer.
///
/// Empties `out` first; leaves it sorted, each key once.
pub fn candidates_of<'a, K: Copy + Ord + 'a>(
    indexes: impl Iterator<Item = &'a Index<K>> + Clone,
    labels: &Labels,
    out: &mut Vec<K>,
) {
    out.clear();
    let mut asked = 0;
    for index in indexes.clone() {
        out.extend_from_slice(&index.always);
        asked |= index.asked;
    }
    // Nothing is filed under a label where there are no silences at all.
    if asked != 0 {
        for (name, value) in labels.iter_bytes() {
            let name = hash(name);
            if asked & bit(name) != 0 {
                indexes.clone().for_each(|index| index.look(name, value, out));
            }
        }
    }
    out.sort_unstable();
    out.dedup();
}

/// Returns the bit of a name, by the upper bits of its hash, which hash tables rely on too.
const fn bit(name: u64) -> u64 {
    1 << (name >> 58)
}

impl<K> Name<K> {
    const fn is_empty(&self) -> bool {
        self.values == 0 && self.present.is_empty() && self.lengths.is_empty()
    }

    fn count_prefix(&mut self, length: usize) {
        match self.lengths.binary_search_by_key(&length, |&(length, _)| length) {
            Ok(at) => self.lengths[at].1 += 1,
            Err(at) => self.lengths.insert(at, (length, 1)),
        }
    }

    fn discount_prefix(&mut self, length: usize) {
        if let Ok(at) = self.lengths.binary_search_by_key(&length, |&(length, _)| length) {
            self.lengths[at].1 -= 1;
            if self.lengths[at].1 == 0 {
                self.lengths.remove(at);
            }
        }
    }
}

/// Tells what a matcher asks for; there is `None` where it holds without its label.
fn place(matcher: &Matcher) -> Option<Place<'_>> {
    if matcher.matches_empty() {
        return None;
    }
    Some(match matcher.op() {
        Op::Equal => Place::Value(matcher.value()),
        Op::Regex => match matcher.regex().map(|regex| (regex.literals(), regex.prefix())) {
            Some((Some(literals), _)) if !literals.is_empty() => Place::Literals(literals),
            Some((_, Some(prefix))) if !prefix.is_empty() => Place::Prefix(prefix),
            _ => Place::Present,
        },
        Op::NotEqual | Op::NotRegex => Place::Present,
    })
}

fn add<K: Ord>(keys: &mut Vec<K>, key: K) {
    let at = keys.partition_point(|k| *k <= key);
    keys.insert(at, key);
}

fn take<K: Ord>(keys: &mut Vec<K>, key: K) {
    if let Ok(at) = keys.binary_search(&key) {
        keys.remove(at);
    }
}

fn add_to<K: Ord>(buckets: &mut Buckets<K>, name: u64, text: &str, key: K) {
    add(buckets.get_or_insert_with(hash_pair(name, text.as_bytes()), Vec::new), key);
}

fn take_from<K: Ord>(buckets: &mut Buckets<K>, name: u64, text: &str, key: K) {
    let hash = hash_pair(name, text.as_bytes());
    let Some(keys) = buckets.get_mut(&hash) else { return };
    take(keys, key);
    if keys.is_empty() {
        buckets.remove(&hash);
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(bytes);
    hasher.finish()
}

fn hash_pair(name: u64, text: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write_u64(name);
    hasher.write(text);
    hasher.finish()
}

fn hash_list(matchers: &Matchers) -> u64 {
    let mut hasher = FxHasher::default();
    for matcher in matchers {
        hasher.write(matcher.name().as_bytes());
        hasher.write_u8(matcher.op() as u8);
        hasher.write(matcher.value().as_bytes());
    }
    hasher.finish()
}
