//! Rounds besides the work: sweeping, checkpoints, and the orderly end.

use alloc::{string::String, vec::Vec};
use core::time::Duration;

use super::{Node, Output, Work};
use crate::{
    api::Reply,
    event::{Event, Part},
    id::{SaveId, WorkId},
    limits::{EVENT_DRAIN, LEAVE_WAIT, SHUTDOWN_GRACE, SPAN_DRAIN},
    persist::{CHECKPOINT_FILE, Checkpoint, Round},
    time::{Deadline, Instant, Now, Reason, earliest},
};

/// How far a shutdown is.
#[derive(Debug)]
pub(super) struct Stopping {
    /// When notifications under way are given up; `None` once that has happened.
    grace_ends: Option<Instant>,
    /// Whether the last checkpoint was begun; the node stops when it has ended.
    last_save: LastSave,
    /// Since when only events and spans are still to go out.
    drains: Option<Instant>,
}

#[derive(Debug, PartialEq, Eq)]
enum LastSave {
    NotBegun,
    UnderWay,
    Ended,
    Drained,
    Leaving,
    Announced,
}

impl Stopping {
    /// Tells whether only events and spans are still to go out.
    pub(super) fn is_draining(&self) -> bool {
        self.drains.is_some()
    }

    /// Tells whether the node has said its last word.
    pub(super) fn is_over(&self) -> bool {
        self.last_save == LastSave::Announced
    }

    pub(super) fn deadline(&self, now: Instant) -> Option<Deadline> {
        let steps = [SPAN_DRAIN, EVENT_DRAIN];
        let next = |since: Instant| steps.map(|step| since + step).into_iter().find(|at| *at > now);
        let at = earliest(self.grace_ends, self.drains.and_then(next))?;
        Some(Deadline { at, reason: Reason::Shutdown })
    }
}

impl Node {
    /// Makes the rounds that are due.
    pub(super) fn maintain(&mut self, now: Now) {
        while let Some(round) = self.schedule.pop_due(now.instant) {
            match round {
                Round::SweepAlerts => {
                    let inhibitor = &mut self.inhibitor;
                    self.alerts.sweep(now.wall, |id, entry| {
                        inhibitor.on_removed(id, &entry.alert.labels);
                    });
                }
                Round::Maintain => {
                    self.log(Event::MaintenanceRunning { part: Part::Silences });
                    let silences = self.silences.sweep(now.wall);
                    let entries = self.nflog.sweep(now.wall);
                    self.metrics.silences.store.record_gc(0.0);
                    self.metrics.nflog.record_gc(0.0);
                    let removed = (silences + entries) as u64;
                    self.log(Event::MaintenanceDone {
                        part: Part::Silences,
                        removed,
                        bytes: 0,
                        duration: Duration::ZERO,
                    });
                    self.checkpoint();
                }
            }
        }
    }

    pub(super) fn on_checkpoint(&mut self, work: WorkId, bytes: Vec<u8>) {
        if !self.schedule.is_saving() {
            return self.ignore("checkpoint", work.0);
        }
        let size = bytes.len() as u64;
        self.metrics.silences.store.record_snapshot(0.0, size);
        self.metrics.nflog.record_snapshot(0.0, size);
        let id = SaveId(self.save_ids.next());
        self.schedule.write(id);
        self.outputs.push_back(Output::Save(id, CHECKPOINT_FILE, bytes));
    }

    pub(super) fn on_saved(&mut self, now: Now, id: SaveId, result: Result<(), String>) {
        if !self.schedule.on_saved(now.instant, id, result.is_ok()) {
            return self.ignore("checkpoint", id.0);
        }
        self.metrics.silences.store.record_maintenance(result.is_ok());
        self.metrics.nflog.record_maintenance(result.is_ok());
        self.on_checkpoint_ended(self.covered_to, result.is_ok());
        if let Err(err) = result {
            self.log(Event::MaintenanceFailed { part: Part::Silences, err });
        }
        self.end_last_save();
    }

    pub(super) fn on_shutdown(&mut self, now: Now) {
        if self.stopping.is_some() {
            return;
        }
        let grace_ends = Some(now.instant + SHUTDOWN_GRACE);
        self.stopping = Some(Stopping { grace_ends, last_save: LastSave::NotBegun, drains: None });
        self.leave_waiting_to_peers(now);
        for call in self.reload.give_up() {
            self.outputs.push_back(Output::Reply(call, Reply::Stopping));
        }
    }

    /// Counts a checkpoint that could not be encoded as one that could not be written.
    pub(super) fn on_encode_lost(&mut self, now: Now) {
        self.schedule.fail(now.instant);
        self.on_checkpoint_ended(self.covered_to, false);
        self.end_last_save();
    }

    /// Gives up what is still under way when the grace period has passed.
    pub(super) fn on_grace(&mut self, now: Now) {
        let Some(stopping) = &mut self.stopping else { return };
        if stopping.grace_ends.is_none_or(|at| now.instant < at) {
            return;
        }
        stopping.grace_ends = None;
        if !self.deliveries.is_empty() {
            let sends = self.deliveries.len() as u64;
            self.log(Event::ShutdownCut { sends, requests: 0 });
            self.deliveries.cancel_all(now.instant, &mut self.ids);
            self.pump(now);
        }
    }

    /// Goes on with a shutdown: first the notifications under way, then the last checkpoint, then
    /// the end.
    pub(super) fn try_stop(&mut self) {
        let Some(stopping) = &self.stopping else { return };
        match stopping.last_save {
            LastSave::NotBegun if self.deliveries.is_empty() && self.promises.is_empty() => {
                if self.checkpoint() {
                    self.set_last_save(LastSave::UnderWay);
                }
            }
            LastSave::Ended => self.drain(),
            LastSave::Drained if self.cluster.is_some() => {
                self.set_last_save(LastSave::Leaving);
                let now = self.now;
                self.with_cluster(now, |cluster, at| cluster.leave(at, LEAVE_WAIT));
            }
            LastSave::Drained => self.on_departed(),
            LastSave::NotBegun | LastSave::UnderWay | LastSave::Leaving | LastSave::Announced => {}
        }
    }

    /// Waits until events and spans have gone out, for a while.
    fn drain(&mut self) {
        let now = self.now;
        let Some(stopping) = &mut self.stopping else { return };
        let since = match stopping.drains {
            Some(since) => since,
            None => {
                stopping.drains = Some(now.instant);
                self.record_end(now);
                self.hand_events_out(now);
                self.export_last_spans(now);
                now.instant
            }
        };
        if now.instant >= since + SPAN_DRAIN {
            self.give_spans_up();
        }
        if now.instant >= since + EVENT_DRAIN {
            self.give_events_up();
        }
        let is_idle = self.recorder.as_ref().is_none_or(|recorder| recorder.is_idle());
        if is_idle && self.tracer.is_idle() {
            self.set_last_save(LastSave::Drained);
            self.try_stop();
        }
    }

    /// Notes that the last checkpoint has ended. One that was begun before the shutdown does not
    /// count: it may miss what came since.
    fn end_last_save(&mut self) {
        if self.stopping.as_ref().is_some_and(|stopping| stopping.last_save == LastSave::UnderWay) {
            self.set_last_save(LastSave::Ended);
        }
    }

    /// Says the last word: everything is saved, and the peers know.
    pub(super) fn on_departed(&mut self) {
        self.set_last_save(LastSave::Announced);
        self.outputs.push_back(Output::Stopped);
    }

    fn set_last_save(&mut self, to: LastSave) {
        self.stopping.as_mut().expect("the caller saw it").last_save = to;
    }

    /// Begins a checkpoint. `false` means that one is under way already.
    pub(super) fn checkpoint(&mut self) -> bool {
        if !self.schedule.begin() {
            return false;
        }
        let id = WorkId(self.ids.work.next());
        self.covered_to = self.journal.begin_checkpoint();
        let checkpoint = Checkpoint {
            journal: self.covered_to,
            groups: self.group_states(self.now),
            alerts: self.alerts.snapshot(),
            silences: self.silences.table(),
            nflog: self.nflog.iter().map(|(key, entry)| (key.clone(), entry.clone())).collect(),
        };
        let work = Work::EncodeCheckpoint(alloc::boxed::Box::new(checkpoint));
        self.outputs.push_back(Output::Work(id, work));
        true
    }
}
