//! Alerts that changed since they were last written to the journal.
//!
//! Only their ids are kept: what is written is the state they have then, so that many posts of one
//! alert cost one record, and noting one more costs no allocation.

use alloc::vec::Vec;

use crate::{alert::Change, id::AlertId};

/// The alerts to write.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes {
    /// By id, the most that has changed since the alert was written.
    levels: Vec<Change>,
    /// Those to be written whole.
    whole: Vec<AlertId>,
    /// Those of which a compact record will do, unless they also came to be in `whole`.
    compact: Vec<AlertId>,
}

impl Changes {
    /// Notes that an alert changed. Returns whether that asks for more than was noted before.
    pub(super) fn note(&mut self, id: AlertId, change: Change) -> bool {
        let index = id.0 as usize;
        if self.levels.len() <= index {
            self.levels.resize(index + 1, Change::Nothing);
        }
        let level = &mut self.levels[index];
        if *level >= change {
            return false;
        }
        *level = change;
        match change {
            Change::Nothing => {}
            Change::End => self.compact.push(id),
            Change::Life => self.whole.push(id),
        }
        true
    }

    /// Takes the alerts to be written whole.
    pub(super) fn take_whole(&mut self, mut write: impl FnMut(AlertId)) {
        for id in self.whole.drain(..) {
            self.levels[id.0 as usize] = Change::Nothing;
            write(id);
        }
    }

    /// Takes the alerts of which a compact record will do. Call [`take_whole`](Self::take_whole)
    /// before: an alert is written once.
    pub(super) fn take_compact(&mut self, mut write: impl FnMut(AlertId)) {
        for id in self.compact.drain(..) {
            let level = &mut self.levels[id.0 as usize];
            if core::mem::replace(level, Change::Nothing) == Change::End {
                write(id);
            }
        }
    }

    /// Forgets all changes.
    pub(super) fn clear(&mut self) {
        self.take_whole(|_| {});
        self.take_compact(|_| {});
    }

    /// Tells whether there are alerts to be written whole, and others.
    pub(super) fn is_empty(&self) -> (bool, bool) {
        (self.whole.is_empty(), self.compact.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_is_written_once_and_whole_where_that_was_asked_for() {
        let mut changes = Changes::default();
        assert!(changes.note(AlertId(3), Change::End));
        assert!(!changes.note(AlertId(3), Change::End));
        assert!(changes.note(AlertId(3), Change::Life));
        assert!(!changes.note(AlertId(3), Change::End));
        assert!(changes.note(AlertId(1), Change::End));
        assert!(!changes.note(AlertId(0), Change::Nothing));
        let (mut whole, mut compact) = (Vec::new(), Vec::new());
        changes.take_whole(|id| whole.push(id.0));
        changes.take_compact(|id| compact.push(id.0));
        assert_eq!((whole, compact), (alloc::vec![3], alloc::vec![1]));
        assert_eq!(changes.is_empty(), (true, true));
        assert!(changes.note(AlertId(3), Change::End));
    }
}
