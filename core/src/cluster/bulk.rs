//! Records on their way to every member by stream: one log for each key, and in it a place for each
//! member.
//!
//! A member gets one stream at a time for each key. While it is under way more records gather, and
//! the next stream takes them all, up to a bound: a slow member gets fewer and larger streams and
//! holds up nobody else. What failed is sent again while the member is there. A log that grows too
//! long loses its oldest records, which full exchanges bring later.

use alloc::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    vec::Vec,
};
use core::time::Duration;

use super::{gossip::RecordName, member::MemberId};
use crate::{
    limits::{GOSSIP_BULK_BYTES_MAX, GOSSIP_BULK_MESSAGE_BYTES},
    time::Instant,
};

/// How long a member whose stream failed is left alone.
const RETRY: Duration = Duration::from_secs(1);

/// What a record costs beside its bytes, so that many small ones are bounded as well.
const RECORD_OVERHEAD: usize = 64;

/// The records of every key.
#[derive(Debug, Default)]
pub(super) struct Bulk(BTreeMap<&'static str, Log>);

/// A record's name and its bytes.
type Record = (Arc<[u8]>, Arc<[u8]>);

/// Records in the order they came. Places are counted from the first record ever.
#[derive(Debug, Default)]
struct Log {
    /// The place of the first record that is kept.
    base: u64,
    /// `None` where a newer record replaced it.
    records: VecDeque<Option<Record>>,
    places: BTreeMap<Arc<[u8]>, u64>,
    bytes: usize,
    /// The members that still miss records, and from where on.
    members: BTreeMap<MemberId, Cursor>,
}

#[derive(Clone, Copy, Debug)]
struct Cursor {
    next: u64,
    is_busy: bool,
    retry_at: Option<Instant>,
}

/// Records for one stream to one member.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    pub(super) key: &'static str,
    pub(super) member: MemberId,
    pub(super) data: Arc<[u8]>,
    upto: u64,
}

/// A batch as its stream has it, for the members that get the same: compressing it is most of the
/// work.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) key: &'static str,
    pub(super) data: Arc<[u8]>,
    /// Bytes of the part before it was compressed.
    pub(super) part_bytes: usize,
    pub(super) bytes: Vec<u8>,
}

/// How the stream of a batch went.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outcome {
    key: &'static str,
    member: MemberId,
    /// Where the member is now, if the records arrived.
    upto: Option<u64>,
}

impl Batch {
    /// Says whether the batch arrived.
    pub(super) fn outcome(&self, has_arrived: bool) -> Outcome {
        Outcome { key: self.key, member: self.member, upto: has_arrived.then_some(self.upto) }
    }
}

impl Bulk {
    /// Adds a record for `targets`; returns how many others were dropped to make room.
    pub(super) fn push(
        &mut self,
        name: RecordName,
        bytes: Arc<[u8]>,
        targets: impl Iterator<Item = MemberId>,
    ) -> usize {
        self.remove(&name);
        let log = self.0.entry(name.0).or_default();
        let end = log.end();
        for member in targets {
            log.members.entry(member).or_insert(Cursor {
                next: end,
                is_busy: false,
                retry_at: None,
            });
        }
        log.bytes += bytes.len() + RECORD_OVERHEAD;
        log.places.insert(name.1.clone(), end);
        log.records.push_back(Some((name.1, bytes)));
        let mut dropped = 0;
        while log.bytes > GOSSIP_BULK_BYTES_MAX {
            dropped += usize::from(log.pop());
        }
        log.trim();
        dropped
    }

    /// Drops a record, as when a newer one travels another way.
    pub(super) fn remove(&mut self, (key, record): &RecordName) {
        let Some(log) = self.0.get_mut(key) else { return };
        let Some(place) = log.places.remove(record) else { return };
        let slot = &mut log.records[(place - log.base) as usize];
        let (_, bytes) = slot.take().expect("a named record is there");
        log.bytes -= bytes.len() + RECORD_OVERHEAD;
    }

    /// Takes the next batch for a member that has no stream under way: the member furthest behind.
    pub(super) fn next(&mut self, now: Instant) -> Option<Batch> {
        let (&key, log) = self.0.iter_mut().find(|(_, log)| log.idle(now).is_some())?;
        let member = log.idle(now).expect("just found");
        let (from, mut data) = (log.members[&member].next, Vec::new());
        let mut upto = from;
        for record in log.records.range((from - log.base) as usize..) {
            if let Some((_, bytes)) = record {
                if !data.is_empty() && data.len() + bytes.len() > GOSSIP_BULK_MESSAGE_BYTES {
                    break;
                }
                data.extend_from_slice(bytes);
            }
            upto += 1;
        }
        if data.is_empty() {
            // Everything it missed was replaced: it has nothing to wait for.
            log.members.remove(&member);
            log.trim();
            return self.next(now);
        }
        log.members.get_mut(&member).expect("just read").is_busy = true;
        Some(Batch { key, member, data: data.into(), upto })
    }

    /// Takes the outcome of a batch.
    pub(super) fn end(&mut self, now: Instant, outcome: Outcome) {
        let Some(log) = self.0.get_mut(outcome.key) else { return };
        let (base, end) = (log.base, log.end());
        let Some(cursor) = log.members.get_mut(&outcome.member) else { return };
        cursor.is_busy = false;
        cursor.retry_at = None;
        match outcome.upto {
            // The log may have lost more than the member got.
            Some(upto) => cursor.next = upto.max(base),
            None => cursor.retry_at = Some(now + RETRY),
        }
        if cursor.next >= end {
            log.members.remove(&outcome.member);
        }
        log.trim();
    }

    /// Returns when the first member that failed may be tried again.
    pub(super) fn next_retry(&self) -> Option<Instant> {
        let cursors = self.0.values().flat_map(|log| log.members.values());
        cursors.filter(|cursor| !cursor.is_busy).filter_map(|cursor| cursor.retry_at).min()
    }

    /// Forgets a member that is no longer there.
    pub(super) fn forget(&mut self, member: MemberId) {
        for log in self.0.values_mut() {
            log.members.remove(&member);
            log.trim();
        }
    }

    /// Tells whether some member waits for records and has no stream under way, or failed before.
    pub(super) fn has_work(&self) -> bool {
        self.0.values().any(|log| {
            log.members.values().any(|cursor| !cursor.is_busy && cursor.retry_at.is_none())
        })
    }

    /// Returns how many records are on their way.
    pub(super) fn len(&self) -> usize {
        self.0.values().map(|log| log.places.len()).sum()
    }
}

impl Log {
    fn end(&self) -> u64 {
        self.base + self.records.len() as u64
    }

    fn idle(&self, now: Instant) -> Option<MemberId> {
        self.members
            .iter()
            .filter(|(_, cursor)| !cursor.is_busy && cursor.retry_at.is_none_or(|at| at <= now))
            .min_by_key(|(_, cursor)| cursor.next)
            .map(|(&member, _)| member)
    }

    /// Drops the oldest place; returns whether a record was there.
    fn pop(&mut self) -> bool {
        let Some(record) = self.records.pop_front() else { return false };
        self.base += 1;
        let base = self.base;
        for cursor in self.members.values_mut() {
            cursor.next = cursor.next.max(base);
        }
        if let Some((name, bytes)) = &record {
            self.places.remove(name);
            self.bytes -= bytes.len() + RECORD_OVERHEAD;
        }
        record.is_some()
    }

    /// Drops what every member has.
    fn trim(&mut self) {
        let end = self.end();
        let needed = self.members.values().map(|cursor| cursor.next).min().unwrap_or(end);
        while self.base < needed {
            self.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    const NOW: Instant = Instant::from_nanos(0);
    const A: MemberId = MemberId(1);
    const B: MemberId = MemberId(2);

    fn push(bulk: &mut Bulk, name: &str, bytes: &str) -> usize {
        let name = ("k", name.as_bytes().into());
        bulk.push(name, bytes.as_bytes().into(), [A, B].into_iter())
    }

    fn next(bulk: &mut Bulk) -> Batch {
        bulk.next(NOW).expect("a batch")
    }

    #[test]
    fn each_member_goes_at_its_own_pace() {
        let mut bulk = Bulk::default();
        push(&mut bulk, "1", "one ");
        let (a, b) = (next(&mut bulk), next(&mut bulk));
        assert_eq!((a.member, &*a.data, b.member), (A, b"one ".as_slice(), B));
        assert!(bulk.next(NOW).is_none());
        push(&mut bulk, "2", "two ");
        push(&mut bulk, "3", "three");
        bulk.end(NOW, a.outcome(true));
        assert_eq!(bulk.next_retry(), None);
        let more = next(&mut bulk);
        assert_eq!((more.member, &*more.data), (A, b"two three".as_slice()));
        bulk.end(NOW, b.outcome(false));
        let retry = bulk.next_retry().expect("it failed");
        assert!(bulk.next(NOW).is_none());
        let again = bulk.next(retry).expect("due");
        assert_eq!((again.member, &*again.data), (B, b"one two three".as_slice()));
        bulk.end(retry, again.outcome(true));
        assert_eq!(bulk.len(), 2);
        bulk.end(retry, more.outcome(true));
        assert_eq!((bulk.len(), bulk.has_work()), (0, false));
    }

    #[test]
    fn newer_records_replace_older_ones() {
        let mut bulk = Bulk::default();
        push(&mut bulk, "1", "old");
        push(&mut bulk, "2", "x");
        push(&mut bulk, "1", "new");
        assert_eq!(&*next(&mut bulk).data, b"xnew");
        bulk.remove(&("k", b"1".as_slice().into()));
        bulk.remove(&("k", b"2".as_slice().into()));
        assert!(bulk.next(NOW).is_none());
        bulk.forget(A);
        assert_eq!((bulk.len(), bulk.has_work()), (0, false));
    }

    #[test]
    fn a_log_is_bounded() {
        let mut bulk = Bulk::default();
        let large: Arc<[u8]> = vec![0; GOSSIP_BULK_BYTES_MAX / 4].into();
        let mut dropped = 0;
        for i in 0..10u8 {
            dropped += bulk.push(("k", [i].as_slice().into()), large.clone(), [A].into_iter());
        }
        assert_eq!((dropped, bulk.len()), (7, 3));
        let batch = next(&mut bulk);
        assert_eq!(batch.data.len(), large.len());
        for i in 0..10u8 {
            bulk.push(("k", [i].as_slice().into()), large.clone(), [A].into_iter());
        }
        bulk.end(NOW, batch.outcome(true));
        assert_eq!(bulk.len(), 3);
    }
}
