//! What the journal reports.

use super::{Counter, text::Page};

/// Counts of the journal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Journal {
    appends: Counter,
    syncs: Counter,
    bytes: Counter,
    failures: Counter,
    has_failed: bool,
}

impl Journal {
    /// Records that bytes were given to the disk.
    pub fn record_append(&mut self, bytes: u64, sync: bool) {
        self.appends.increase();
        self.bytes.add(bytes);
        if sync {
            self.syncs.increase();
        }
    }

    /// Records that writing failed. Returns whether it worked before.
    pub fn record_failure(&mut self) -> bool {
        self.failures.increase();
        !core::mem::replace(&mut self.has_failed, true)
    }

    /// Tells whether writing failed, and has not worked since.
    pub const fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// Records that everything is on disk again after a failure.
    pub fn record_recovery(&mut self) {
        self.has_failed = false;
    }

    pub(super) fn collect(&self, page: &mut Page) {
        page.counter("campana_journal_appends_total", "Writes to the journal.", self.appends);
        page.counter("campana_journal_syncs_total", "Syncs of the journal.", self.syncs);
        page.counter("campana_journal_bytes_total", "Bytes written to the journal.", self.bytes);
        page.counter(
            "campana_journal_failures_total",
            "Writes to the journal that failed.",
            self.failures,
        );
        page.gauge(
            "campana_journal_healthy",
            "Whether changes can be written to disk.",
            f64::from(!self.has_failed),
        );
    }
}
