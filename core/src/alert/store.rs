//! The alert store: upsert, merge, garbage collection.

use alloc::{sync::Arc, vec::Vec};
use core::time::Duration;

use super::{Alert, AlertBatch, PostedRef, batch::ABREAST, limit::NameLimit};
use crate::{
    cow,
    hash::{Fingerprint, fnv1a_each, xxh64},
    id::{AlertId, RouteId},
    label::Labels,
    map::Map,
    time::{Stamp, Timestamp},
};

/// One stored alert with what is derived from its labels.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The alert.
    pub alert: Alert,
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// Its hash in the notification log.
    pub nflog_hash: u64,
    /// The routes its labels match, shared between alerts that match the same ones.
    pub routes: Arc<[RouteId]>,
    /// What the last flush of one of its groups found.
    pub mark: Mark,
    /// In how many groups the alert is; it cannot be collected before this is zero.
    pub groups: u32,
    next_same: Option<AlertId>,
}

/// What the last flush found out about an alert.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// No flush has seen it yet.
    #[default]
    Unprocessed,
    /// It was free to notify.
    Active,
    /// It was silenced or inhibited.
    Suppressed,
}

/// How an upsert went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upserted {
    /// The alert was not known.
    New(AlertId),
    /// The alert was known; its times and texts are up to date now.
    Known(AlertId, Change),
}

/// How much a post changed an alert. The order is that of the changes' weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Nothing but when it was last posted.
    Nothing,
    /// It goes on, and ends later.
    End,
    /// It began, ended, or says something else.
    Life,
}

/// Why an alert was refused. The store did not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// The bucket of its alert name is full of alerts that still fire.
    NameLimit {
        /// The limit in force.
        max: usize,
    },
}

/// All alerts, each once.
#[derive(Clone, Debug)]
pub struct Store {
    entries: cow::Slab<Entry>,
    by_fingerprint: Map<Fingerprint, AlertId>,
    limit: NameLimit,
    no_routes: Arc<[RouteId]>,
}

impl Store {
    /// Makes an empty store; `name_limit` alerts per alert name, zero for no limit.
    pub fn new(name_limit: usize) -> Self {
        Self {
            entries: cow::Slab::new(),
            by_fingerprint: Map::new(),
            limit: NameLimit::new(name_limit),
            no_routes: Arc::default(),
        }
    }

    /// Stores a posted alert, or merges it with the one of the same labels.
    ///
    /// `starts_at`, `ends_at` and `timeout` are what [`times`] made of the client's times.
    ///
    /// # Errors
    /// The alert name's bucket is full. The store is unchanged.
    pub fn upsert(
        &mut self,
        posted: &PostedRef<'_>,
        times: (Stamp, Stamp, bool),
        now: Timestamp,
    ) -> Result<Upserted, Rejected> {
        self.upsert_found(None, posted, times, now)
    }

    /// As [`upsert`](Self::upsert), where [`find_all`](Self::find_all) has looked already. `None`
    /// is looked up again: the alert may have come earlier in the batch.
    ///
    /// # Errors
    /// The alert name's bucket is full. The store is unchanged.
    pub fn upsert_found(
        &mut self,
        known: Option<AlertId>,
        posted: &PostedRef<'_>,
        (starts_at, ends_at, timeout): (Stamp, Stamp, bool),
        now: Timestamp,
    ) -> Result<Upserted, Rejected> {
        if let Some(id) = known.or_else(|| self.find(posted.fingerprint, posted.labels)) {
            let change = self.merge(id, posted, (starts_at, ends_at, timeout), now)?;
            return Ok(Upserted::Known(id, change));
        }
        let alert = Alert {
            labels: Labels::from_packed(posted.labels),
            annotations: Labels::from_packed(posted.annotations),
            generator_url: shared(posted.generator_url),
            starts_at,
            ends_at,
            updated_at: now,
            timeout,
        };
        if !self.limit.admit(&alert.labels, posted.fingerprint, None, ends_at.at, now) {
            return Err(Rejected::NameLimit { max: self.limit.max() });
        }
        Ok(Upserted::New(self.insert(alert, posted.fingerprint)))
    }

    /// Puts back the alerts of a checkpoint, and returns their ids. Of two with the same labels the
    /// first stays.
    pub fn restore(&mut self, alerts: Vec<Alert>, now: Timestamp) -> Vec<AlertId> {
        let mut ids = Vec::with_capacity(alerts.len());
        let fingerprints = fingerprints(&alerts);
        self.by_fingerprint.reserve(alerts.len());
        for (alert, fingerprint) in alerts.into_iter().zip(fingerprints) {
            ids.extend(self.put_back(alert, fingerprint, now));
        }
        ids
    }

    fn put_back(
        &mut self,
        alert: Alert,
        fingerprint: Fingerprint,
        now: Timestamp,
    ) -> Option<AlertId> {
        if self.find(fingerprint, alert.labels.as_bytes()).is_some() {
            return None;
        }
        // The limit was asked when the alert came in; it must not drop what was accepted then.
        self.limit.admit(&alert.labels, fingerprint, None, alert.ends_at.at, now);
        Some(self.insert(alert, fingerprint))
    }

    /// Removes the alerts that have ended and are in no group, and hands them to `gone`.
    pub fn sweep(&mut self, now: Timestamp, mut gone: impl FnMut(AlertId, &Entry)) -> usize {
        let mut count = 0;
        for index in 0..self.entries.end() {
            let ripe = |entry: &Entry| entry.groups == 0 && entry.alert.is_resolved(now);
            if self.entries.get(index).is_some_and(ripe) {
                let entry = self.take(AlertId(index));
                gone(AlertId(index), &entry);
                count += 1;
            }
        }
        count
    }

    /// Returns an alert for change.
    pub fn get_mut(&mut self, id: AlertId) -> Option<&mut Entry> {
        self.entries.get_mut(id.0)
    }

    /// Returns an alert.
    pub fn get(&self, id: AlertId) -> Option<&Entry> {
        self.entries.get(id.0)
    }

    /// Returns the alert with these labels, given in packed form.
    pub fn find(&self, fingerprint: Fingerprint, labels: &[u8]) -> Option<AlertId> {
        self.find_from(self.by_fingerprint.get(&fingerprint).copied(), labels)
    }

    /// Finds the alerts of a batch. Empties `out` first.
    ///
    /// Among many alerts each one is a wait for memory. Two short loops let the processor wait for
    /// several at once, where one long loop waits for each in turn.
    pub fn find_all(&self, batch: &AlertBatch, out: &mut Vec<Option<AlertId>>) {
        out.clear();
        let heads = batch.keys().map(|(fingerprint, _)| self.by_fingerprint.get(&fingerprint));
        out.extend(heads.map(Option::<&AlertId>::copied));
        for (at, (_, labels)) in out.iter_mut().zip(batch.keys()) {
            *at = self.find_from(*at, labels);
        }
    }

    /// Returns the alert with these labels in a chain of one fingerprint.
    fn find_from(&self, mut at: Option<AlertId>, labels: &[u8]) -> Option<AlertId> {
        while let Some(id) = at {
            let entry = self.entries.get(id.0)?;
            if entry.alert.labels.as_bytes() == labels {
                return Some(id);
            }
            at = entry.next_same;
        }
        None
    }

    /// Returns all alerts in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (AlertId, &Entry)> {
        self.entries.iter().map(|(index, entry)| (AlertId(index), entry))
    }

    /// Returns the number of alerts.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Tells whether there is no alert.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the present state for readers.
    pub fn snapshot(&self) -> cow::Snapshot<Entry> {
        self.entries.snapshot()
    }

    fn insert(&mut self, alert: Alert, fingerprint: Fingerprint) -> AlertId {
        // FNV-1a collides when a client wants it to: alerts of one fingerprint form a chain, so
        // that no client can overwrite another's alert.
        let next_same = self.by_fingerprint.get(&fingerprint).copied();
        let id = AlertId(self.entries.insert(Entry {
            fingerprint,
            nflog_hash: xxh64(alert.labels.as_bytes()),
            routes: self.no_routes.clone(),
            mark: Mark::Unprocessed,
            groups: 0,
            next_same,
            alert,
        }));
        self.by_fingerprint.insert(fingerprint, id);
        id
    }

    fn merge(
        &mut self,
        id: AlertId,
        posted: &PostedRef<'_>,
        (starts_at, ends_at, timeout): (Stamp, Stamp, bool),
        now: Timestamp,
    ) -> Result<Change, Rejected> {
        let entry = self.entries.get_mut(id.0).expect("find returned it");
        let old = &mut entry.alert;
        let (starts_at, ends_at) = merged_times(old, starts_at, ends_at, now);
        if self.limit.max() > 0 {
            let (labels, fingerprint) = (&old.labels, entry.fingerprint);
            if !self.limit.admit(labels, fingerprint, Some(old.ends_at.at), ends_at.at, now) {
                return Err(Rejected::NameLimit { max: self.limit.max() });
            }
        }
        let mut change = change_of(old, (starts_at, ends_at, timeout), now);
        old.starts_at = starts_at;
        old.ends_at = ends_at;
        old.timeout = timeout;
        // A wall clock that jumped back must not make the newer post look older.
        old.updated_at = old.updated_at.max(now);
        if old.annotations.as_bytes() != posted.annotations {
            old.annotations = Labels::from_packed(posted.annotations);
            change = Change::Life;
        }
        if &*old.generator_url != posted.generator_url {
            old.generator_url = shared(posted.generator_url);
            change = Change::Life;
        }
        Ok(change)
    }

    fn take(&mut self, id: AlertId) -> Entry {
        let entry = self.entries.remove(id.0).expect("the caller saw it");
        let head = self.by_fingerprint.get(&entry.fingerprint).copied();
        if head == Some(id) {
            match entry.next_same {
                Some(next) => self.by_fingerprint.insert(entry.fingerprint, next),
                None => self.by_fingerprint.remove(&entry.fingerprint),
            };
        } else {
            let mut at = head;
            while let Some(previous) = at.and_then(|id| self.entries.get_mut(id.0)) {
                if previous.next_same == Some(id) {
                    previous.next_same = entry.next_same;
                    break;
                }
                at = previous.next_same;
            }
        }
        self.limit.release(&entry.alert.labels, entry.fingerprint, entry.alert.ends_at.at);
        entry
    }
}

/// Computes the fingerprints of alerts, some side by side.
fn fingerprints(alerts: &[Alert]) -> Vec<Fingerprint> {
    let mut out = Vec::with_capacity(alerts.len());
    let (blocks, rest) = alerts.as_chunks::<ABREAST>();
    for block in blocks {
        out.extend(fnv1a_each(block.each_ref().map(|it| it.labels.as_bytes())).map(Fingerprint));
    }
    out.extend(rest.iter().map(|alert| alert.labels.fingerprint()));
    out
}

/// Shares a text; the empty one takes no memory.
fn shared(text: &str) -> Arc<str> {
    if text.is_empty() { Arc::default() } else { Arc::from(text) }
}

/// Judges what new times do to an alert.
fn change_of(old: &Alert, (start, end, timeout): (Stamp, Stamp, bool), now: Timestamp) -> Change {
    let was_over = old.is_resolved(now);
    let is_over = end.at <= now;
    if old.starts_at != start || old.timeout != timeout || was_over != is_over {
        Change::Life
    } else if old.ends_at == end {
        Change::Nothing
    } else if is_over || end.at < old.ends_at.at {
        Change::Life
    } else {
        Change::End
    }
}

/// Fills in the times a client left out: a missing start is the end, or now; a missing end is
/// `resolve_timeout` from now, and remembered as such.
///
/// # Errors
/// The end lies before the start.
pub fn times(
    starts_at: Option<Stamp>,
    ends_at: Option<Stamp>,
    resolve_timeout: Duration,
    now: Timestamp,
) -> Result<(Stamp, Stamp, bool), &'static str> {
    let given = |stamp: &Stamp| !stamp.at.is_zero();
    let (starts_at, ends_at) = (starts_at.filter(given), ends_at.filter(given));
    let start = starts_at.or(ends_at).unwrap_or(Stamp::utc(now));
    let (end, timeout) = match ends_at {
        Some(end) => (end, false),
        None => (Stamp::utc(now + resolve_timeout), true),
    };
    if end.at < start.at {
        return Err("start time must be before end time");
    }
    Ok((start, end, timeout))
}

/// Decides start and end of a known alert that is posted again.
///
/// Lives that overlap are one life: the earlier start stays, and the end of whichever of the two
/// the rules prefer. Lives that do not overlap are two, and the new one replaces the old.
fn merged_times(old: &Alert, start: Stamp, end: Stamp, now: Timestamp) -> (Stamp, Stamp) {
    let within = |at: Timestamp| at > old.starts_at.at && at < old.ends_at.at;
    if !within(end.at) && !within(start.at) {
        return (start, end);
    }
    let earlier = if old.starts_at.at < start.at { old.starts_at } else { start };
    let resolved = end.at <= now;
    let keep_old_end = if resolved {
        old.is_resolved(now) && old.ends_at.at > end.at
    } else {
        old.ends_at.at > end.at && !old.timeout
    };
    (earlier, if keep_old_end { old.ends_at } else { end })
}

/// Collects the routes of alerts so that equal lists are stored once.
#[derive(Clone, Debug, Default)]
pub struct RouteLists(Vec<Arc<[RouteId]>>);

impl RouteLists {
    /// Returns the shared copy of a list.
    pub fn share(&mut self, routes: &[RouteId]) -> Arc<[RouteId]> {
        match self.0.binary_search_by(|known| (**known).cmp(routes)) {
            Ok(place) => self.0[place].clone(),
            Err(place) => {
                let list: Arc<[RouteId]> = Arc::from(routes);
                self.0.insert(place, list.clone());
                list
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(n: i64) -> Stamp {
        Stamp::utc(Timestamp::from_parts(n, 0))
    }

    fn post(
        store: &mut Store,
        name: &str,
        start: Option<i64>,
        end: Option<i64>,
        now: i64,
    ) -> Upserted {
        let mut batch = AlertBatch::new();
        let labels = Labels::from_pairs([("alertname", name)]);
        batch.push_labels(&labels, &Labels::empty(), "", (start.map(secs), end.map(secs)));
        let posted = batch.iter().next().expect("one alert");
        let now = secs(now).at;
        let times = times(posted.starts_at, posted.ends_at, Duration::from_secs(300), now)
            .expect("times in order");
        store.upsert(&posted, times, now).expect("no limit")
    }

    fn life(store: &Store, id: AlertId) -> (i64, i64) {
        let alert = &store.get(id).expect("stored").alert;
        (alert.starts_at.at.parts().0, alert.ends_at.at.parts().0)
    }

    #[test]
    fn a_refresh_keeps_the_first_start_and_moves_the_timeout() {
        let mut store = Store::new(0);
        let Upserted::New(id) = post(&mut store, "a", None, None, 1000) else { panic!("new") };
        assert_eq!(post(&mut store, "a", None, None, 1060), Upserted::Known(id, Change::End));
        assert_eq!(life(&store, id), (1000, 1360));
        assert_eq!(post(&mut store, "a", None, None, 1060), Upserted::Known(id, Change::Nothing));
        let ended = post(&mut store, "a", None, Some(1070), 1070);
        assert_eq!(ended, Upserted::Known(id, Change::Life));
    }

    #[test]
    fn an_explicit_far_end_survives_posts_without_end() {
        let mut store = Store::new(0);
        let Upserted::New(id) = post(&mut store, "a", Some(1000), Some(9000), 1000) else {
            panic!()
        };
        post(&mut store, "a", None, None, 1060);
        assert_eq!(life(&store, id), (1000, 9000));
    }

    #[test]
    fn a_refire_after_the_end_is_a_new_life() {
        let mut store = Store::new(0);
        let Upserted::New(id) = post(&mut store, "a", Some(1000), None, 1000) else { panic!() };
        post(&mut store, "a", Some(1000), Some(1100), 1100);
        assert_eq!(life(&store, id), (1000, 1100));
        post(&mut store, "a", Some(1200), None, 1200);
        assert_eq!(life(&store, id), (1200, 1500));
    }

    #[test]
    fn sweeping_takes_ended_alerts_out_of_groups_only() {
        let mut store = Store::new(0);
        let Upserted::New(a) = post(&mut store, "a", Some(1000), Some(1010), 1005) else {
            panic!()
        };
        let Upserted::New(b) = post(&mut store, "b", Some(1000), Some(1010), 1005) else {
            panic!()
        };
        store.get_mut(b).expect("stored").groups = 1;
        let mut gone = Vec::new();
        assert_eq!(store.sweep(secs(1009).at, |id, _| gone.push(id)), 0);
        assert_eq!(store.sweep(secs(1010).at, |id, _| gone.push(id)), 1);
        assert_eq!((gone, store.len()), (alloc::vec![a], 1));
        assert!(matches!(post(&mut store, "a", None, None, 1020), Upserted::New(_)));
    }

    #[test]
    fn a_batch_is_found_in_its_order() {
        let mut store = Store::new(0);
        let Upserted::New(a) = post(&mut store, "a", None, None, 1000) else { panic!("new") };
        let Upserted::New(b) = post(&mut store, "b", None, None, 1000) else { panic!("new") };
        let mut batch = AlertBatch::new();
        for name in ["b", "c", "a", "b"] {
            let labels = Labels::from_pairs([("alertname", name)]);
            batch.push_labels(&labels, &Labels::empty(), "", (None, None));
        }
        let mut found = alloc::vec![Some(a); 9];
        store.find_all(&batch, &mut found);
        assert_eq!(found, [Some(b), None, Some(a), Some(b)]);
    }

    #[test]
    fn a_full_bucket_refuses_a_newcomer_until_a_member_ends() {
        let mut store = Store::new(1);
        let mut batch = AlertBatch::new();
        for instance in ["1", "2"] {
            let labels = Labels::from_pairs([("alertname", "a"), ("i", instance)]);
            batch.push_labels(&labels, &Labels::empty(), "", (None, None));
        }
        let try_post = |store: &mut Store, n: usize, now: i64| {
            let posted = batch.iter().nth(n).expect("two alerts");
            let now = secs(now).at;
            let times = times(None, None, Duration::from_secs(300), now).expect("in order");
            store.upsert(&posted, times, now)
        };
        assert!(try_post(&mut store, 0, 1000).is_ok());
        assert_eq!(try_post(&mut store, 1, 1000), Err(Rejected::NameLimit { max: 1 }));
        assert!(try_post(&mut store, 0, 1010).is_ok(), "a known alert is always refreshed");
        assert!(try_post(&mut store, 1, 1310).is_ok(), "the first has ended by now");
    }
}
