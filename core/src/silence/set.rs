//! The write side: the rules by which silences are created, changed, expired and merged.

use alloc::{string::String, sync::Arc};
use core::time::Duration;

use thiserror::Error;
use uuid::Uuid;

use super::{Counts, Draft, Id, Silence, State, Table, size::wire_size};
use crate::{
    label::{self, Matcher, Matchers, quote::quote},
    time::Timestamp,
};

/// The bounds on what users may create; what peers send is not bound by them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// The most silences, expired ones included; 0 means no bound.
    pub count_max: usize,
    /// The most bytes of one silence on the wire; 0 means no bound.
    pub bytes_max: usize,
}

/// What was done about a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// The silence that holds the draft's content now.
    pub id: Id,
    /// How it came to hold it.
    pub change: Change,
}

/// How a draft took effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A silence was made.
    Created,
    /// The named silence was changed in place.
    Updated,
    /// A silence was made, and the named one, unless it had ended already, was expired.
    Replaced {
        /// The silence that was named.
        old: Id,
    },
}

/// Why a draft was refused. The texts are Alertmanager's.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SetError {
    /// The draft starts when it ends, or later.
    #[error("Failed to create silence: start time must be before end time")]
    StartNotBeforeEnd,
    /// The draft ended before now.
    #[error("Failed to create silence: end time can't be in the past")]
    EndInPast,
    /// The conditions are not acceptable.
    #[error("invalid silence: {0}")]
    Invalid(InvalidSilence),
    /// There is no room for another silence.
    #[error("exceeded maximum number of silences: {count} (limit: {limit})")]
    TooMany {
        /// The silences there are.
        count: usize,
        /// The most there may be.
        limit: usize,
    },
    /// The silence is too large.
    #[error("silence exceeded maximum size: {size} bytes (limit: {limit} bytes)")]
    TooLarge {
        /// Its bytes on the wire.
        size: usize,
        /// The most there may be.
        limit: usize,
    },
    /// The draft names a silence that does not exist.
    #[error("silence not found")]
    NotFound,
}

/// What is wrong with a draft's conditions.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidSilence {
    /// There is no matcher set, or one without matchers.
    #[error("at least one matcher required")]
    NoMatcher,
    /// A matcher's name may not name a label.
    #[error("invalid label matcher {index}: invalid label name {}", quote(.name))]
    Name {
        /// The matcher's position in its set, from 0.
        index: usize,
        /// The name.
        name: String,
    },
    /// Every matcher of a set would hold for an alert without labels.
    #[error("at least one matcher must not match the empty string")]
    MatchesEmpty,
}

/// A silence was named that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("silence not found")]
pub struct NotFound;

/// The silences of one node.
#[derive(Clone, Debug)]
pub struct Silences {
    retention: Duration,
    limits: Limits,
    mode: label::Mode,
    table: Arc<Table>,
}

impl Silences {
    /// Starts without silences. An ended one is kept for `retention`; `mode` says which label
    /// names users may match.
    pub fn new(retention: Duration, limits: Limits, mode: label::Mode) -> Self {
        Self { retention, limits, mode, table: Arc::default() }
    }

    /// Returns the read side as it is now. Holding it makes the next write copy what it changes.
    pub fn table(&self) -> Arc<Table> {
        self.table.clone()
    }

    /// Counts the silences in each state.
    pub fn counts(&self, now: Timestamp) -> Counts {
        self.table.counts(now)
    }

    /// Returns when a silence may be forgotten: `retention` after its end.
    pub fn expires_at(&self, silence: &Silence) -> Timestamp {
        silence.ends_at + self.retention
    }

    /// Creates a silence or changes the one the draft names.
    ///
    /// A named silence is changed in place when the draft has its very matcher sets and moves its
    /// times in an allowed way; otherwise it is expired and a new one takes its place. A refused
    /// draft changes nothing.
    ///
    /// # Errors
    /// The times, the conditions, the id or a limit; see [`SetError`].
    pub fn set(
        &mut self,
        now: Timestamp,
        draft: Draft,
        new_id: impl FnOnce() -> Uuid,
    ) -> Result<Set, SetError> {
        self.check(now, &draft)?;
        let old = match draft.id.as_deref().filter(|id| !id.is_empty()) {
            None => None,
            Some(id) => Some(self.table.get(id).cloned().ok_or(SetError::NotFound)?),
        };
        let starts_at = if draft.starts_at.is_zero() { now } else { draft.starts_at };
        if let Some(old) = &old
            && may_update(old, &draft, starts_at, now)
        {
            let silence = made(old.id.clone(), draft, starts_at, updated_after(old, now));
            self.check_size(&silence)?;
            let id = silence.id.clone();
            self.put(silence);
            return Ok(Set { id, change: Change::Updated });
        }
        let (count, limit) = (self.table.len(), self.limits.count_max);
        if limit > 0 && count >= limit {
            return Err(SetError::TooMany { count, limit });
        }
        let id = Id::from(&*new_id().hyphenated().encode_lower(&mut Uuid::encode_buffer()));
        let silence = made(id.clone(), draft, starts_at.max(now), now);
        self.check_size(&silence)?;
        let change = match old {
            None => Change::Created,
            Some(old) => {
                self.end(now, &old);
                Change::Replaced { old: old.id.clone() }
            }
        };
        self.put(silence);
        Ok(Set { id, change })
    }

    /// Ends a silence now. Returns false when it had ended already.
    ///
    /// # Errors
    /// There is no such silence.
    pub fn expire(&mut self, now: Timestamp, id: &str) -> Result<bool, NotFound> {
        let silence = self.table.get(id).cloned().ok_or(NotFound)?;
        Ok(self.end(now, &silence))
    }

    /// Takes over a peer's version when it is not to be forgotten already and wins over the stored
    /// one. The limits do not apply.
    ///
    /// Returns whether anything changed, that is, whether the version is worth passing on. Merging
    /// is commutative, associative and idempotent.
    pub fn merge(&mut self, now: Timestamp, silence: Silence) -> bool {
        let wins = self.expires_at(&silence) >= now && self.wins(&silence);
        if wins {
            self.put(silence);
        }
        wins
    }

    /// Loads saved silences, except those that may be forgotten.
    pub fn restore(&mut self, saved: impl IntoIterator<Item = Silence>, now: Timestamp) {
        let mut fresh = alloc::collections::BTreeMap::<Id, Silence>::new();
        for silence in saved {
            let known = fresh.get(&silence.id);
            if self.expires_at(&silence) > now
                && known.is_none_or(|known| silence.cmp_version(known).is_gt())
                && self.wins(&silence)
            {
                fresh.insert(silence.id.clone(), silence);
            }
        }
        Arc::make_mut(&mut self.table).put(fresh.into_values().map(Arc::new));
    }

    /// Forgets the silences that ended a retention ago and returns how many those were.
    pub fn sweep(&mut self, now: Timestamp) -> usize {
        let gone = |silence: &Silence| self.expires_at(silence) <= now;
        if !self.table.iter().any(|silence| gone(silence)) {
            return 0;
        }
        let retention = self.retention;
        Arc::make_mut(&mut self.table).remove_if(|silence| silence.ends_at + retention <= now)
    }

    fn wins(&self, silence: &Silence) -> bool {
        self.table.get(&silence.id.0).is_none_or(|old| silence.cmp_version(old).is_gt())
    }

    fn put(&mut self, silence: Silence) {
        Arc::make_mut(&mut self.table).put([Arc::new(silence)]);
    }

    fn end(&mut self, now: Timestamp, silence: &Silence) -> bool {
        let state = silence.state(now);
        if state == State::Expired {
            return false;
        }
        let mut ended = silence.clone();
        if state == State::Pending {
            ended.starts_at = now;
        }
        ended.ends_at = now;
        ended.updated_at = updated_after(silence, now);
        self.put(ended);
        true
    }

    fn check(&self, now: Timestamp, draft: &Draft) -> Result<(), SetError> {
        if draft.starts_at >= draft.ends_at {
            return Err(SetError::StartNotBeforeEnd);
        }
        if draft.ends_at < now {
            return Err(SetError::EndInPast);
        }
        check_sets(&draft.matcher_sets, self.mode).map_err(SetError::Invalid)
    }

    fn check_size(&self, silence: &Silence) -> Result<(), SetError> {
        let limit = self.limits.bytes_max;
        if limit == 0 {
            return Ok(());
        }
        let size = wire_size(silence, self.expires_at(silence));
        if size > limit { Err(SetError::TooLarge { size, limit }) } else { Ok(()) }
    }
}

/// Tells whether a draft may change a silence in place: with the same matchers, and without
/// rewriting what has already been muted.
fn may_update(old: &Silence, draft: &Draft, starts_at: Timestamp, now: Timestamp) -> bool {
    old.matcher_sets == draft.matcher_sets
        && match old.state(now) {
            State::Active => starts_at.parts().0 == old.starts_at.parts().0 && draft.ends_at >= now,
            State::Pending => starts_at >= now,
            State::Expired => false,
        }
}

/// Returns the time of a change made now: later than the version it changes, even when a peer with
/// a faster clock wrote that one, since otherwise the change would lose against what it changes.
fn updated_after(old: &Silence, now: Timestamp) -> Timestamp {
    now.max(old.updated_at + Duration::from_nanos(1))
}

fn made(id: Id, draft: Draft, starts_at: Timestamp, updated_at: Timestamp) -> Silence {
    Silence {
        id,
        matcher_sets: draft.matcher_sets,
        starts_at,
        ends_at: draft.ends_at,
        updated_at,
        created_by: draft.created_by,
        comment: draft.comment,
        annotations: draft.annotations,
    }
}

fn check_sets(sets: &[Matchers], mode: label::Mode) -> Result<(), InvalidSilence> {
    if sets.is_empty() || sets.iter().any(Matchers::is_empty) {
        return Err(InvalidSilence::NoMatcher);
    }
    for set in sets {
        for (index, matcher) in set.iter().enumerate() {
            if !mode.allows_name(matcher.name()) {
                return Err(InvalidSilence::Name { index, name: matcher.name().into() });
            }
        }
        // A negative matcher never counts as matching the empty value, as in Alertmanager.
        let matches_empty = |m: &Matcher| m.op().is_positive() && m.matches_value(b"");
        if set.iter().all(matches_empty) {
            return Err(InvalidSilence::MatchesEmpty);
        }
    }
    Ok(())
}
