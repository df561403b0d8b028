//! Ends of silences: what they held back is told at once, not at the group's next tick.

use alloc::{collections::BTreeSet, sync::Arc, vec::Vec};

use super::Node;
use crate::{
    alert::Mark,
    id::AlertId,
    silence::{Id, Silence, State},
    time::{Deadline, Now, Reason, Timestamp},
};

/// The silences that have not ended, by their ends. One that was changed may be in it twice; what
/// it is when its time comes decides.
#[derive(Debug, Default)]
pub(super) struct Ends(BTreeSet<(Timestamp, Id)>);

impl Ends {
    fn next(&self) -> Option<Timestamp> {
        self.0.first().map(|(end, _)| *end)
    }

    fn pop_due(&mut self, now: Timestamp) -> Option<Id> {
        if self.next()? > now {
            return None;
        }
        self.0.pop_first().map(|(_, id)| id)
    }
}

impl Node {
    /// Notes when a silence that was written will end.
    pub(super) fn watch_silence(&mut self, id: &Id) {
        if !self.options.dispatch_flush_on_unmute {
            return;
        }
        let table = self.silences.table();
        if let Some(silence) = table.get(&id.0) {
            self.ends.0.insert((silence.ends_at, silence.id.clone()));
        }
    }

    /// Notes the ends of all silences, after a start.
    pub(super) fn watch_silences(&mut self, now: Now) {
        let table = self.silences.table();
        for silence in table.iter().filter(|silence| silence.ends_at > now.wall) {
            self.watch_silence(&silence.id);
        }
    }

    /// Returns when the next silence ends, by the wall clock as it is now.
    pub(super) fn unmute_deadline(&self) -> Option<Deadline> {
        let end = self.ends.next()?;
        let at = self.now.instant + end.since(self.now.wall);
        Some(Deadline { at, reason: Reason::Group })
    }

    /// Hastens the groups that hold alerts back for silences which have ended.
    pub(super) fn unmute(&mut self, now: Now) {
        let mut ended: Vec<Arc<Silence>> = Vec::new();
        while let Some(id) = self.ends.pop_due(now.wall) {
            let table = self.silences.table();
            let ending = table.get(&id.0).filter(|it| it.state(now.wall) == State::Expired);
            ended.extend(ending.cloned());
        }
        if ended.is_empty() {
            return;
        }
        let is_freed = |labels| ended.iter().any(|silence| silence.matches(labels));
        let freed: Vec<AlertId> = self
            .alerts
            .iter()
            .filter(|(_, entry)| entry.groups > 0 && entry.mark == Mark::Suppressed)
            .filter(|(_, entry)| is_freed(&entry.alert.labels))
            .map(|(id, _)| id)
            .collect();
        for id in freed {
            let entry = self.alerts.get(id).expect("just listed");
            for &route in &*entry.routes {
                let route = self.config.tree.route(route);
                self.groups.hasten(now.instant, route, &entry.alert.labels);
            }
        }
    }
}
