//! The records and the rules by which they are written, merged and forgotten.

use alloc::{
    collections::{BTreeMap, btree_map},
    string::String,
    sync::Arc,
    vec::Vec,
};
use core::{cmp::Ordering, fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{label::read_shared, time::Timestamp};

/// Names one record: one integration of one receiver, for one aggregation group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// The group's key, as `{}/{team="a"}:{alertname="B"}`.
    #[serde(deserialize_with = "read_shared")]
    pub group_key: Arc<str>,
    /// The receiver's name.
    #[serde(deserialize_with = "read_shared")]
    pub receiver: Arc<str>,
    /// The integration's kind, as `webhook`.
    #[serde(deserialize_with = "read_shared")]
    pub integration: Arc<str>,
    /// The position among the receiver's integrations of that kind.
    pub index: u32,
}

/// `<group key>:<receiver>/<integration>/<index>`, the form peers and files use.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}/{}/{}", self.group_key, self.receiver, self.integration, self.index)
    }
}

/// One value that an integration keeps for its next notification, as a message's id.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Value {
    /// A text.
    Str(String),
    /// A whole number.
    Int(i64),
    /// A floating-point number.
    Double(f64),
}

/// Ordered by kind, then value; floats by their total order, so that every record equals itself.
impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Str(a), Self::Str(b)) => a.cmp(b),
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Double(a), Self::Double(b)) => a.total_cmp(b),
            (Self::Str(_), _) | (Self::Int(_), Self::Double(_)) => Ordering::Less,
            (Self::Double(_), _) | (Self::Int(_), Self::Str(_)) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Value {}

/// What an integration was last told about a group.
///
/// The order of the fields is the order of precedence in a merge: the later timestamp wins, and
/// the rest only breaks ties, so that peers with equal timestamps end up with the same record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Entry {
    /// When the notification was sent.
    pub timestamp: Timestamp,
    /// When the record may be forgotten.
    pub expires_at: Timestamp,
    /// The hashes of the alerts that fired then, ascending.
    pub firing: Arc<[u64]>,
    /// The hashes of the alerts that were resolved then, ascending.
    pub resolved: Arc<[u64]>,
    /// What the integration keeps for its next notification.
    pub receiver_data: BTreeMap<String, Value>,
}

impl Entry {
    /// Makes a record of hashes in any order, as peers and files may hold them.
    pub fn new(
        timestamp: Timestamp,
        expires_at: Timestamp,
        firing: Vec<u64>,
        resolved: Vec<u64>,
        receiver_data: BTreeMap<String, Value>,
    ) -> Self {
        let sorted = |mut hashes: Vec<u64>| {
            hashes.sort_unstable();
            hashes.dedup();
            Arc::from(hashes)
        };
        Self {
            timestamp,
            expires_at,
            firing: sorted(firing),
            resolved: sorted(resolved),
            receiver_data,
        }
    }
}

/// The records of one node, the latest for each key.
#[derive(Clone, Debug, Default)]
pub struct Log {
    retention: Duration,
    entries: BTreeMap<Key, Entry>,
}

impl Log {
    /// Makes an empty log that keeps records for at most `retention`.
    pub const fn new(retention: Duration) -> Self {
        Self { retention, entries: BTreeMap::new() }
    }

    /// Writes what was just sent. Both hash lists are ascending.
    ///
    /// The record expires after `expiry_hint` when that is set and shorter than the retention,
    /// else after the retention. Returns false, and writes nothing, when the stored record is from
    /// after `now`: a peer with a faster clock knows better.
    pub fn record(
        &mut self,
        now: Timestamp,
        key: Key,
        firing: Arc<[u64]>,
        resolved: Arc<[u64]>,
        receiver_data: BTreeMap<String, Value>,
        expiry_hint: Duration,
    ) -> bool {
        debug_assert!(firing.is_sorted() && resolved.is_sorted(), "hash lists are ascending");
        let life =
            if expiry_hint.is_zero() { self.retention } else { expiry_hint.min(self.retention) };
        let entry =
            Entry { timestamp: now, expires_at: now + life, firing, resolved, receiver_data };
        match self.entries.entry(key) {
            btree_map::Entry::Occupied(old) if old.get().timestamp > now => false,
            btree_map::Entry::Occupied(mut old) => {
                old.insert(entry);
                true
            }
            btree_map::Entry::Vacant(slot) => {
                slot.insert(entry);
                true
            }
        }
    }

    /// Takes over a peer's record when it is not expired and wins over the stored one.
    ///
    /// Returns whether the log changed, that is, whether the record is worth passing on. Merging
    /// is commutative, associative and idempotent.
    pub fn merge(&mut self, now: Timestamp, key: Key, entry: Entry) -> bool {
        entry.expires_at >= now && self.put(key, entry)
    }

    /// Loads saved records, expired ones included: the next sweep drops those.
    pub fn restore(&mut self, saved: Vec<(Key, Entry)>) {
        if self.entries.is_empty() && saved.is_sorted_by(|(a, _), (b, _)| a < b) {
            // As they were written: the tree is built without a search for each, and neighbours
            // share the names that they have in common.
            let mut names: (Arc<str>, Arc<str>) = Default::default();
            let share = |(mut key, entry): (Key, Entry)| {
                share(&mut key.receiver, &mut names.0);
                share(&mut key.integration, &mut names.1);
                (key, entry)
            };
            self.entries = saved.into_iter().map(share).collect();
            return;
        }
        for (key, entry) in saved {
            self.put(key, entry);
        }
    }

    /// Returns a key's record, expired or not.
    pub fn get(&self, key: &Key) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// Returns every record, in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Entry)> {
        self.entries.iter()
    }

    /// Forgets what has expired and returns how many records that were.
    pub fn sweep(&mut self, now: Timestamp) -> usize {
        let before = self.entries.len();
        self.entries.retain(|_, entry| entry.expires_at > now);
        before - self.entries.len()
    }

    /// Returns the number of records.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Tells whether there are no records.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn put(&mut self, key: Key, entry: Entry) -> bool {
        match self.entries.entry(key) {
            btree_map::Entry::Occupied(old) if *old.get() >= entry => false,
            btree_map::Entry::Occupied(mut old) => {
                old.insert(entry);
                true
            }
            btree_map::Entry::Vacant(slot) => {
                slot.insert(entry);
                true
            }
        }
    }
}

/// Replaces a text by the last one, where they are equal.
fn share(text: &mut Arc<str>, last: &mut Arc<str>) {
    if text == last { *text = last.clone() } else { *last = text.clone() }
}

#[cfg(test)]
mod tests {
    use alloc::{string::ToString as _, vec};

    use proptest::prelude::*;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn key(receiver: &str) -> Key {
        Key {
            group_key: "{}:{a=\"b\"}".into(),
            receiver: receiver.into(),
            integration: "webhook".into(),
            index: 2,
        }
    }

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_parts(secs, 0)
    }

    fn write(log: &mut Log, now: Timestamp, hint: Duration) -> bool {
        log.record(now, key("r"), [1].into(), [].into(), BTreeMap::new(), hint)
    }

    #[test]
    fn keys_print_as_peers_write_them() {
        assert_eq!(key("team x").to_string(), "{}:{a=\"b\"}:team x/webhook/2");
    }

    #[test]
    fn a_record_expires_after_the_shorter_of_hint_and_retention() {
        for (hint, life) in [(Duration::ZERO, 3600), (HOUR * 2, 3600), (HOUR / 4, 900)] {
            let mut log = Log::new(HOUR);
            assert!(write(&mut log, at(100), hint));
            assert_eq!(log.get(&key("r")).expect("written").expires_at, at(100 + life));
            assert_eq!(log.sweep(at(99 + life)), 0);
            assert_eq!(log.sweep(at(100 + life)), 1);
            assert!(log.is_empty());
        }
    }

    #[test]
    fn a_record_from_the_future_stays() {
        let mut log = Log::new(HOUR);
        assert!(write(&mut log, at(100), HOUR));
        assert!(!write(&mut log, at(99), HOUR));
        assert!(write(&mut log, at(100), HOUR / 2), "the same instant is written again");
        assert_eq!(log.get(&key("r")).expect("written").expires_at, at(1900));
    }

    #[test]
    fn an_expired_record_of_a_peer_is_refused_and_a_saved_one_kept_until_the_sweep() {
        let mut log = Log::new(HOUR);
        let old = Entry::new(at(1), at(50), vec![2, 1, 2], vec![], BTreeMap::new());
        assert_eq!(*old.firing, [1, 2]);
        assert!(!log.merge(at(51), key("r"), old.clone()));
        assert!(log.merge(at(50), key("r"), old.clone()));
        assert!(!log.merge(at(50), key("r"), old.clone()));
        log.restore(vec![(key("s"), old)]);
        assert_eq!((log.len(), log.sweep(at(51)), log.iter().count()), (2, 2, 0));
    }

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            "[ab]{0,2}".prop_map(Value::Str),
            (-2i64..2).prop_map(Value::Int),
            prop_oneof![Just(0.0), Just(-0.0), Just(f64::NAN), any::<f64>()]
                .prop_map(Value::Double),
        ]
    }

    fn record() -> impl Strategy<Value = (Key, Entry)> {
        let hashes = || proptest::collection::vec(0u64..3, 0..3);
        let data = proptest::collection::btree_map("[kl]", value(), 0..2);
        ("[rs]", 0i64..3, 3i64..8, hashes(), hashes(), data)
            .prop_map(|(r, t, e, f, s, data)| (key(&r), Entry::new(at(t), at(e), f, s, data)))
    }

    fn merged(records: impl IntoIterator<Item = (Key, Entry)>) -> Vec<(Key, Entry)> {
        let mut log = Log::new(HOUR);
        for (key, entry) in records {
            log.merge(at(5), key, entry);
        }
        log.entries.into_iter().collect()
    }

    proptest! {
        #[test]
        fn merging_ignores_order_grouping_and_repetition(
            a in proptest::collection::vec(record(), 0..6),
            b in proptest::collection::vec(record(), 0..6),
        ) {
            let ab = merged(a.iter().chain(&b).cloned());
            prop_assert_eq!(&ab, &merged(b.iter().chain(&a).rev().cloned()));
            let parts = merged(merged(a.clone()).into_iter().chain(merged(b.clone())));
            prop_assert_eq!(&ab, &parts);
            prop_assert_eq!(&ab, &merged(a.iter().chain(&b).chain(&a).cloned()));
        }

        #[test]
        fn records_survive_their_binary_form(record in record()) {
            let bytes = postcard::to_allocvec(&record).expect("encodes");
            prop_assert_eq!(postcard::from_bytes::<(Key, Entry)>(&bytes).expect("decodes"), record);
        }
    }
}
