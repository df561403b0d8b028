//! When state is swept and written.

use core::time::Duration;

use crate::{
    id::SaveId,
    limits::CHECKPOINT_RETRY,
    time::{Deadline, Instant, Reason, earliest},
};

/// The rounds that a node makes besides its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Round {
    /// Forget the alerts that have ended.
    SweepAlerts,
    /// Forget expired silences and log entries, then write a checkpoint.
    Maintain,
}

/// Decides when each round is due; at most one checkpoint is under way.
#[derive(Clone, Debug)]
pub struct Schedule {
    maintain_every: Duration,
    sweep_every: Duration,
    maintain_at: Instant,
    sweep_at: Instant,
    saving: Option<SaveId>,
    encoding: bool,
}

impl Schedule {
    /// Makes a schedule whose first rounds are one interval away.
    pub fn new(now: Instant, maintain_every: Duration, sweep_every: Duration) -> Self {
        Self {
            maintain_every,
            sweep_every,
            maintain_at: now + maintain_every,
            sweep_at: now + sweep_every,
            saving: None,
            encoding: false,
        }
    }

    /// Takes the next round that is due.
    pub fn pop_due(&mut self, now: Instant) -> Option<Round> {
        if self.sweep_at <= now {
            self.sweep_at = now + self.sweep_every;
            return Some(Round::SweepAlerts);
        }
        if self.maintain_at <= now {
            self.maintain_at = now + self.maintain_every;
            return Some(Round::Maintain);
        }
        None
    }

    /// Begins a checkpoint, unless one is under way.
    pub fn begin(&mut self) -> bool {
        let free = !self.is_saving();
        self.encoding |= free;
        free
    }

    /// Notes that the encoded checkpoint is on its way to the disk.
    pub fn write(&mut self, id: SaveId) {
        self.encoding = false;
        self.saving = Some(id);
    }

    /// Notes how a write went. After a failure the next round comes soon. Returns whether the id
    /// was the one under way.
    pub fn on_saved(&mut self, now: Instant, id: SaveId, ok: bool) -> bool {
        if self.saving != Some(id) {
            return false;
        }
        self.saving = None;
        if !ok {
            self.fail(now);
        }
        true
    }

    /// Makes the next checkpoint begin at `at`, if that is earlier.
    pub fn hasten(&mut self, at: Instant) {
        self.maintain_at = self.maintain_at.min(at);
    }

    /// Notes that a checkpoint could not even be encoded.
    pub fn fail(&mut self, now: Instant) {
        self.encoding = false;
        self.maintain_at = self.maintain_at.min(now + CHECKPOINT_RETRY);
    }

    /// Tells whether a checkpoint is under way.
    pub fn is_saving(&self) -> bool {
        self.encoding || self.saving.is_some()
    }

    /// Returns when the next round is due.
    pub fn deadline(&self) -> Option<Deadline> {
        let at = earliest(Some(self.maintain_at), Some(self.sweep_at))?;
        Some(Deadline { at, reason: Reason::Maintenance })
    }
}
