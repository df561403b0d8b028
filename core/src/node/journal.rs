//! The journal: what is noted in it, and what waits until it is on disk.
//!
//! What a reply promises is on disk before the reply leaves. A notification that was taken is told
//! to this node's memory, to the disk and to the peers at the same time, and to the operator once
//! it is on disk: it is a fact, and the more places know it, the less likely it is told again. A
//! disk that hangs thus keeps no peer from learning that the receiver knows.

use alloc::{borrow::Cow, string::String, vec::Vec};

use super::{Node, Output};
use crate::{
    alert::Change,
    api::Reply,
    event::{Event, Part},
    group::Group,
    hash::xxh64,
    id::{AlertId, AppendId, CallId, GroupId},
    label::Labels,
    limits::JOURNAL_RETRY,
    map::Map,
    nflog,
    persist::{GroupMark, GroupState, Promise, Record, Saved, Urgency},
    route::Route,
    silence,
    time::Now,
};

/// What happens once a change is on disk.
#[derive(Debug)]
pub(super) enum Promised {
    /// A reply leaves. The text says what holds already, for the case that the disk fails.
    Reply(CallId, Reply, &'static str),
    /// A notification counts as told.
    Told(Event),
}

impl Node {
    pub(super) fn note_alert(&mut self, now: Now, id: AlertId, change: Change) {
        self.journal.note_alert(now.instant, id, change);
    }

    pub(super) fn note_silence(&mut self, now: Now, id: &silence::Id) {
        let table = self.silences.table();
        if let Some(silence) = table.get(&id.0) {
            let record = Record::Silence(Cow::Borrowed(silence));
            self.journal.note(now.instant, &record, Urgency::Promised);
        }
    }

    pub(super) fn note_log(&mut self, now: Now, key: &nflog::Key) {
        if let Some(entry) = self.nflog.get(key) {
            let record = Record::Log(Cow::Borrowed(key), Cow::Borrowed(entry));
            self.journal.note(now.instant, &record, Urgency::Promised);
        }
    }

    /// Notes when a group flushes next.
    pub(super) fn note_group(&mut self, now: Now, id: GroupId) {
        let Some(group) = self.groups.get(id) else { return };
        let (mark, state) = self.group_state(now, group);
        self.journal.note(now.instant, &Record::Group(mark, state), Urgency::Later);
    }

    /// Notes of the groups when they flush next, except those for which that is known already;
    /// `known` is ascending.
    pub(super) fn note_groups_besides(&mut self, now: Now, known: &[(GroupMark, GroupState)]) {
        for state in self.group_states(now) {
            if known.binary_search(&state).is_err() {
                let record = Record::Group(state.0, state.1);
                self.journal.note(now.instant, &record, Urgency::Later);
            }
        }
    }

    /// Returns of every group when it flushes next.
    pub(super) fn group_states(&self, now: Now) -> Vec<(GroupMark, GroupState)> {
        self.groups.iter().map(|(_, group)| self.group_state(now, group)).collect()
    }

    fn group_state(&self, now: Now, group: &Group) -> (GroupMark, GroupState) {
        let mark = mark(self.config.tree.route(group.route), &group.labels);
        (mark, state_of(now, group))
    }

    /// Lets the groups go on where they were when the state was saved, and notes all of them.
    pub(super) fn resume_groups(&mut self, now: Now, saved: Vec<(GroupMark, GroupState)>) {
        let mut states = Map::new();
        states.reserve(saved.len());
        for (mark, state) in saved {
            states.insert(mark, state);
        }
        let ids: Vec<GroupId> = self.groups.iter().map(|(id, _)| id).collect();
        for id in ids {
            let group = self.groups.get(id).expect("just listed");
            let route = self.config.tree.route(group.route);
            let mark = mark(route, &group.labels);
            if let Some(&GroupState { next_flush, flushes }) = states.get(&mark) {
                // A wall clock that was set back must not put a flush off for ever.
                let longest = route.group_interval.max(route.group_wait);
                let wait = next_flush.since(now.wall).min(longest);
                // A tick that was missed is made up at once, or when the warm-up ends.
                let at = if wait.is_zero() { group.next_flush } else { now.instant + wait };
                self.groups.resume(id, at, flushes);
            }
            let group = self.groups.get(id).expect("seen above");
            let record = Record::Group(mark, state_of(now, group));
            self.journal.note(now.instant, &record, Urgency::Later);
        }
    }

    /// Does something once the changes noted so far are on disk, or at once where nothing was
    /// promised.
    pub(super) fn promise(&mut self, promised: Promised) {
        let is_alerts = matches!(promised, Promised::Reply(_, Reply::AlertsPosted(_), _));
        match self.journal.promise(is_alerts) {
            Promise::Kept => self.keep(promised),
            Promise::After(number) => self.promises.push_back((number, true, promised)),
            Promise::Written(number) => self.promises.push_back((number, false, promised)),
            Promise::Broken(err) => self.break_promise(promised, &err),
        }
    }

    /// Returns the bytes that are to be written now.
    pub(super) fn poll_journal(&mut self) -> Option<Output> {
        if self.journal.error().is_some() && !self.metrics.journal.has_failed() {
            self.on_journal_failed(self.now);
            return self.outputs.pop_front();
        }
        let Some(append) = self.journal.next_append(self.now.instant, &self.alerts) else {
            self.keep_promises();
            return self.outputs.pop_front();
        };
        self.metrics.journal.record_append(append.bytes.len() as u64, append.sync);
        Some(Output::Append(append))
    }

    pub(super) fn on_appended(&mut self, now: Now, id: AppendId, result: Result<(), String>) {
        match self.journal.on_appended(id, result) {
            None => self.ignore("append", id.0),
            Some(Ok(())) => self.keep_promises(),
            Some(Err(_)) => self.on_journal_failed(now),
        }
    }

    /// Notices a disk that hangs, and changes that came faster than it writes.
    pub(super) fn watch_journal(&mut self, now: Now) {
        if self.journal.on_timeout(now.instant) {
            self.on_journal_failed(now);
        }
    }

    /// Tells everybody who waits that the disk failed. Notifications go on, and a checkpoint will
    /// bring the journal back.
    pub(super) fn on_journal_failed(&mut self, now: Now) {
        let Some(err) = self.journal.error().cloned() else { return };
        if self.metrics.journal.record_failure() {
            self.log(Event::AppendFailed { part: Part::Journal, err: String::from(&*err) });
        }
        for (_, durable, promised) in core::mem::take(&mut self.promises) {
            match durable {
                true => self.break_promise(promised, &err),
                false => self.keep(promised),
            }
        }
        self.schedule.hasten(now.instant + JOURNAL_RETRY);
    }

    /// Has files removed that a checkpoint covers, and notes that the journal is back.
    pub(super) fn on_checkpoint_ended(&mut self, covered_to: u64, ok: bool) {
        let (old, healed) = self.journal.end_checkpoint(covered_to, ok);
        self.outputs.extend(old.into_iter().map(Output::Remove));
        if ok && !healed && self.journal.error().is_some() {
            self.schedule.hasten(self.now.instant + JOURNAL_RETRY);
        }
        if healed {
            self.metrics.journal.record_recovery();
            self.log(Event::AppendRecovered { part: Part::Journal });
        }
    }

    /// Begins a checkpoint at once where a journal had to be read, so that the next start is short.
    pub(super) fn shorten_journal(&mut self, saved: &Saved) {
        if saved.is_replayed {
            self.schedule.hasten(self.now.instant);
        }
    }

    fn keep_promises(&mut self) {
        loop {
            let journal = &self.journal;
            let next = self
                .promises
                .pop_front_if(|(number, durable, _)| journal.has_done(*number, *durable));
            let Some((_, _, promised)) = next else { return };
            self.keep(promised);
        }
    }

    fn keep(&mut self, promised: Promised) {
        match promised {
            Promised::Reply(call, reply, _) => self.outputs.push_back(Output::Reply(call, reply)),
            Promised::Told(event) => self.log(event),
        }
    }

    fn break_promise(&mut self, promised: Promised, err: &str) {
        match promised {
            Promised::Reply(call, reply, holds) if promises(&reply) => {
                let text = alloc::format!(
                    "{holds}, but could not be written to disk, and is lost if this server ends \
                     before the disk works again: {err}"
                );
                self.outputs.push_back(Output::Reply(call, Reply::NotStored(text)));
            }
            // Nothing changed, or the receiver was told all the same.
            kept => self.keep(kept),
        }
    }
}

/// Tells whether a reply says that something changed.
fn promises(reply: &Reply) -> bool {
    match reply {
        Reply::SilencePut(result) => result.is_ok(),
        Reply::SilenceExpired(result) => result.is_ok(),
        Reply::AlertsPosted(_) => true,
        Reply::NotStored(_) | Reply::Rehearsed(_) | Reply::Reloaded(_) | Reply::Stopping => false,
    }
}

/// Returns what the next run needs of a group.
fn state_of(now: Now, group: &Group) -> GroupState {
    // A tick that is late counts as due, and one that is not over is due again: nobody knows how
    // far it came.
    let wait = group.next_flush.since(now.instant);
    let next_flush = if group.flight.is_some() { now.wall } else { now.wall + wait };
    GroupState { next_flush, flushes: group.flushes }
}

/// Names a group for the next run.
fn mark(route: &Route, labels: &Labels) -> GroupMark {
    let parts = [route.key.as_bytes(), route.receiver.as_bytes(), labels.as_bytes()];
    let mut sums = [0; 24];
    for (sum, part) in sums.chunks_exact_mut(8).zip(parts) {
        sum.copy_from_slice(&xxh64(part).to_le_bytes());
    }
    GroupMark(xxh64(&sums))
}
