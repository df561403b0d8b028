//! The journal while the node runs: what is gathered, when it is written, what is durable.
//!
//! At most one append is under way; what changes meanwhile gathers and goes with the next, so that
//! the disk decides how many changes share one sync. A file that an append failed on is never
//! written again, since nobody knows what of it is on disk: the way back is a checkpoint, which
//! holds everything, and a new file after it.

use alloc::{format, string::String, sync::Arc, vec::Vec};

use serde::{Deserialize, Serialize};

use super::{
    Saved,
    block::{self, BLOCK, HEADER, Header},
    changes::Changes,
    record::{Record, Refreshed},
};
use crate::{
    alert::{Change, Store},
    id::{AlertId, AppendId, Counter},
    limits::{JOURNAL_PATIENCE, JOURNAL_PENDING_BYTES_MAX, JOURNAL_SYNC_INTERVAL},
    time::{Deadline, Instant, Reason},
};

/// When changes are forced to the disk (`--storage.sync`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sync {
    /// Silences and log entries at once, and their replies wait for it; alerts every second.
    #[default]
    Mixed,
    /// Everything at once, and every reply to a change waits for it.
    Always,
    /// Everything every second; no reply waits.
    Interval,
    /// Never: the operating system decides. A crash of the program alone still loses nothing that
    /// was written.
    Never,
}

/// How soon a change is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// With what is written next, after a second at the latest.
    Later,
    /// At once, to survive the process.
    Soon,
    /// At once and on disk, to survive the host.
    Promised,
}

/// What holds back an answer that promises durability.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Promise {
    /// Nothing: it may leave.
    Kept,
    /// The append of this number, on disk.
    After(u64),
    /// The append of this number, written: nothing is promised but to survive the process.
    Written(u64),
    /// The disk: the promise cannot be given.
    Broken(Arc<str>),
}

/// Bytes to write to a journal file.
#[derive(Debug)]
pub struct Append {
    /// To be answered.
    pub id: AppendId,
    /// The file's name in the data directory.
    pub file: String,
    /// Where the bytes belong. At 0 the file is made.
    pub offset: u64,
    /// What to write; may be empty where only a sync is wanted.
    pub bytes: Vec<u8>,
    /// Whether the answer must wait until everything in the file is on disk.
    pub sync: bool,
}

/// The journal of a running node.
#[derive(Debug)]
pub struct Journal {
    /// `None` where the journal is switched off.
    sync: Option<Sync>,
    generation: u64,
    follows: u64,
    /// The oldest file that may exist.
    oldest: u64,
    /// How long the current file is, what is under way included.
    offset: u64,
    /// How much of it is known to be on disk.
    synced: u64,
    /// The file before, and its length, while not all of it is known to be on disk.
    unsynced: Option<(u64, u64)>,
    pending: Vec<u8>,
    changes: Changes,
    urgency: Urgency,
    /// When what gathers is written, and what was written is synced.
    due: Option<Instant>,
    /// The number of the next append.
    next: u64,
    /// The last append that is on disk.
    durable: u64,
    /// The last append that is written.
    written: u64,
    flying: Option<Flying>,
    health: Health,
    ids: Counter,
}

#[derive(Debug)]
struct Flying {
    id: AppendId,
    number: u64,
    generation: u64,
    end: u64,
    sync: bool,
    since: Instant,
}

#[derive(Debug)]
enum Health {
    Good,
    /// Writing failed. `covered` tells whether a checkpoint is under way that holds what was lost,
    /// and that nothing has been lost since it began.
    Failed {
        err: Arc<str>,
        covered: bool,
    },
}

/// Returns the name of a journal file.
pub(super) fn file_name(generation: u64) -> String {
    format!("campana.journal.{generation:08}")
}

/// Returns the number of a journal file, if that is one.
pub(super) fn generation_of(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("campana.journal.")?;
    let is_number = digits.len() >= 8 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number)
}

impl Journal {
    /// Begins a file after those of `saved`. `None` writes nothing.
    pub fn new(sync: Option<Sync>, saved: &Saved) -> Self {
        Self {
            sync,
            generation: saved.journal.max(1),
            follows: saved.follows,
            oldest: saved.oldest.max(1),
            offset: 0,
            synced: 0,
            unsynced: None,
            pending: Vec::new(),
            changes: Changes::default(),
            urgency: Urgency::Later,
            due: None,
            next: 1,
            durable: 0,
            written: 0,
            flying: None,
            health: Health::Good,
            ids: Counter::default(),
        }
    }

    /// Notes that an alert changed.
    pub fn note_alert(&mut self, now: Instant, id: AlertId, change: Change) {
        let Some(sync) = self.sync.filter(|_| self.takes()) else { return };
        if change > Change::Nothing && self.changes.note(id, change) {
            self.hurry(
                now,
                match (sync, change) {
                    (Sync::Always, _) => Urgency::Promised,
                    (_, Change::Life) => Urgency::Soon,
                    _ => Urgency::Later,
                },
            );
        }
    }

    /// Notes a change of anything else.
    pub fn note(&mut self, now: Instant, record: &Record<'_>, urgency: Urgency) {
        let Some(sync) = self.sync.filter(|_| self.takes()) else { return };
        record.encode(&mut self.pending);
        if self.pending.len() > JOURNAL_PENDING_BYTES_MAX {
            return self.fail("the disk does not keep up with the changes");
        }
        let may_promise = matches!(sync, Sync::Mixed | Sync::Always);
        self.hurry(now, if may_promise { urgency } else { urgency.min(Urgency::Soon) });
    }

    /// Tells what an answer has to wait for that promises that what was noted is durable. Alerts
    /// are promised in one mode only.
    pub fn promise(&self, about_alerts: bool) -> Promise {
        match self.sync {
            Some(Sync::Always) => {}
            Some(Sync::Mixed) if !about_alerts => {}
            // A start or an end waits until it is handed to the system, so that only the host's end
            // can lose it.
            Some(_) if self.is_good() && self.urgency > Urgency::Later => {
                return Promise::Written(self.next);
            }
            _ => return Promise::Kept,
        }
        if let Health::Failed { err, .. } = &self.health {
            return Promise::Broken(err.clone());
        }
        if self.urgency == Urgency::Promised {
            return Promise::After(self.next);
        }
        // The same change may have been noted just before, by somebody else.
        let flying = self.flying.as_ref().filter(|flying| flying.sync);
        flying.map_or(Promise::Kept, |flying| Promise::After(flying.number))
    }

    /// Tells whether an append is written, and on disk where that is asked for.
    pub fn has_done(&self, number: u64, durable: bool) -> bool {
        number <= if durable { self.durable } else { self.written.max(self.durable) }
    }

    /// Returns what to write now, if anything. Call after each turn.
    pub fn next_append(&mut self, now: Instant, alerts: &Store) -> Option<Append> {
        let sync = self.sync.filter(|_| self.flying.is_none() && self.is_good())?;
        if let Some((generation, offset)) = self.unsynced.take().filter(|_| sync != Sync::Never) {
            // It takes no number: nobody waits for it.
            let append = self.fly(now, (generation, offset), Vec::new(), true);
            self.flying.as_mut().expect("it just took off").number = self.next - 1;
            return Some(append);
        }
        let is_due = self.due.is_some_and(|due| due <= now);
        if self.urgency == Urgency::Later && !is_due {
            return None;
        }
        let with_all = is_due || sync == Sync::Always;
        self.encode_alerts(alerts, with_all);
        let wants_sync = sync != Sync::Never && (is_due || self.urgency == Urgency::Promised);
        self.urgency = Urgency::Later;
        let bytes = self.take_bytes();
        let is_synced = wants_sync || sync == Sync::Never;
        if bytes.is_empty() && (self.offset == self.synced || !wants_sync) {
            self.due = self.due.filter(|_| !is_due);
            // Whoever waits for this append waits for nothing.
            self.durable = self.next;
            self.next += 1;
            return None;
        }
        let gathers = !self.is_clean();
        let rest = (gathers || !is_synced).then(|| now + JOURNAL_SYNC_INTERVAL);
        self.due = if is_due { rest } else { rest.map(|at| self.due.unwrap_or(at).min(at)) };
        let offset = self.offset;
        self.offset += bytes.len() as u64;
        let append = self.fly(now, (self.generation, offset), bytes, wants_sync);
        self.next += 1;
        Some(append)
    }

    fn fly(
        &mut self,
        now: Instant,
        (generation, offset): (u64, u64),
        bytes: Vec<u8>,
        sync: bool,
    ) -> Append {
        let id = AppendId(self.ids.next());
        let end = offset + bytes.len() as u64;
        self.flying = Some(Flying { id, number: self.next, generation, end, sync, since: now });
        Append { id, file: file_name(generation), offset, bytes, sync }
    }

    /// Takes the answer to an append; `None` where nobody waits for it.
    ///
    /// # Errors
    /// Why the changes are not on disk. They are lost to this file; a checkpoint is wanted.
    pub fn on_appended(
        &mut self,
        id: AppendId,
        result: Result<(), String>,
    ) -> Option<Result<(), String>> {
        let flying = self.flying.take_if(|flying| flying.id == id)?;
        if let Err(err) = result {
            self.fail(&err);
            return Some(Err(err));
        }
        self.written = flying.number;
        if flying.sync {
            self.durable = flying.number;
            if flying.generation == self.generation {
                self.synced = flying.end;
            }
        }
        Some(Ok(()))
    }

    /// Gives up an append that takes too long. Returns whether it did.
    pub fn on_timeout(&mut self, now: Instant) -> bool {
        let is_late = |flying: &Flying| flying.since + JOURNAL_PATIENCE <= now;
        let gives_up = self.flying.as_ref().is_some_and(is_late) && self.is_good();
        if gives_up {
            self.fail(&format!("no answer from the disk for {JOURNAL_PATIENCE:?}"));
        }
        gives_up
    }

    /// Begins a new file for what comes after the snapshot of a checkpoint, and returns its number.
    pub fn begin_checkpoint(&mut self) -> u64 {
        if self.offset > 0 {
            if self.is_good() && self.offset > self.synced {
                self.unsynced = Some((self.generation, self.offset));
            }
            self.follows = self.generation;
            self.generation += 1;
            (self.offset, self.synced) = (0, 0);
        }
        if let Health::Failed { covered, .. } = &mut self.health {
            *covered = true;
        }
        self.generation
    }

    /// Notes how the checkpoint went that covers everything before a file. Returns the files that
    /// nobody needs any more, and whether this brought the journal back.
    pub fn end_checkpoint(&mut self, covered_to: u64, ok: bool) -> (Vec<String>, bool) {
        if !ok {
            if let Health::Failed { covered, .. } = &mut self.health {
                *covered = false;
            }
            return (Vec::new(), false);
        }
        let healed = matches!(self.health, Health::Failed { covered: true, .. });
        if healed {
            self.health = Health::Good;
            if !self.is_clean() {
                self.urgency = self.urgency.max(Urgency::Soon);
            }
        }
        self.unsynced = self.unsynced.filter(|(generation, _)| *generation >= covered_to);
        let old = self.oldest..covered_to;
        self.oldest = covered_to;
        (old.map(file_name).collect(), healed)
    }

    /// Returns why changes cannot be written, while that is so.
    pub fn error(&self) -> Option<&Arc<str>> {
        match &self.health {
            Health::Good => None,
            Health::Failed { err, .. } => Some(err),
        }
    }

    /// Tells whether nothing is gathered or under way.
    pub fn is_idle(&self) -> bool {
        self.is_clean() && self.flying.is_none()
    }

    /// Returns when something is to be done.
    pub fn deadline(&self) -> Option<Deadline> {
        if !self.is_good() {
            return None;
        }
        let flying = self.flying.as_ref().map(|flying| flying.since + JOURNAL_PATIENCE);
        Some(Deadline { at: flying.or(self.due)?, reason: Reason::Journal })
    }

    fn hurry(&mut self, now: Instant, urgency: Urgency) {
        self.urgency = self.urgency.max(urgency);
        self.due.get_or_insert(now + JOURNAL_SYNC_INTERVAL);
    }

    fn is_good(&self) -> bool {
        matches!(self.health, Health::Good)
    }

    /// Tells whether changes are gathered: while writing fails, the next checkpoint holds them all.
    fn takes(&self) -> bool {
        matches!(self.health, Health::Good | Health::Failed { covered: true, .. })
    }

    fn is_clean(&self) -> bool {
        self.pending.is_empty() && self.changes.is_empty() == (true, true)
    }

    fn fail(&mut self, err: &str) {
        self.health = Health::Failed { err: err.into(), covered: false };
        self.flying = None;
        self.unsynced = None;
        self.pending = Vec::new();
        self.changes.clear();
        self.urgency = Urgency::Later;
        self.due = None;
        // What was written of the file may be anything.
        self.offset = self.offset.max(1);
    }

    fn encode_alerts(&mut self, alerts: &Store, with_compact: bool) {
        let pending = &mut self.pending;
        // An alert that is gone by now had ended, and everybody was told.
        self.changes.take_whole(|id| {
            if let Some(entry) = alerts.get(id) {
                Record::Alert(alloc::borrow::Cow::Borrowed(&entry.alert)).encode(pending);
            }
        });
        if with_compact {
            self.changes.take_compact(|id| {
                if let Some(entry) = alerts.get(id) {
                    Record::Refreshed(Refreshed::of(entry)).encode(pending);
                }
            });
        }
    }

    /// Makes the bytes to append of what is pending.
    fn take_bytes(&mut self) -> Vec<u8> {
        if self.pending.is_empty() {
            return Vec::new();
        }
        let mut bytes = Vec::with_capacity(HEADER + BLOCK + self.pending.len());
        if self.offset == 0 {
            Header { generation: self.generation, follows: self.follows }.encode(&mut bytes);
        }
        let at = self.offset + bytes.len() as u64;
        block::encode(&mut bytes, &self.pending, (self.generation, at), self.synced);
        // A buffer that a burst made large is not kept.
        if self.pending.capacity() > crate::limits::JOURNAL_BUFFER_BYTES_KEPT {
            self.pending = Vec::new();
        }
        self.pending.clear();
        bytes
    }
}
