//! Deliveries: what they ask for, and what becomes of their results.

use alloc::{collections::BTreeMap, format, string::String, sync::Arc, vec::Vec};
use core::time::Duration;

use super::{Node, Output, Work, journal::Promised};
use crate::{
    delivery::{Attempted, Basis, Effect, End, Finished, Hashes, Plan},
    event::Event,
    id::DeliveryId,
    limits::{CLAIM_PAUSE, CLOCK_SKEW_MAX, FIRST_ATTEMPT_TIME_MIN},
    nflog,
    notify::Told,
    time::Now,
    trail::{Record, What, Who},
};

impl Node {
    /// Carries out what the deliveries want, until they want nothing more.
    pub(super) fn pump(&mut self, now: Now) {
        while let Some(effect) = self.deliveries.poll() {
            match effect {
                Effect::Attempted(attempted) => self.on_attempted(now, &attempted),
                Effect::Cancel(id) => {
                    self.trace_canceled(now, id);
                    self.outputs.push_back(Output::Cancel(id));
                }
                Effect::Decide(id) => self.decide(now, id),
                Effect::Finished(finished) => self.on_finished(now, *finished),
                Effect::Mail(id, session, deadline) => {
                    self.outputs.push_back(Output::Mail(id, session, deadline));
                }
                Effect::Print(event) => self.log(event),
                Effect::Read(id, path) => self.outputs.push_back(Output::Read(id, path)),
                Effect::Send(id, exchange, deadline) => {
                    self.send_traced(now, id, exchange, deadline);
                }
                Effect::Work(id, work) => {
                    self.outputs.push_back(Output::Work(id, Work::Step(work)));
                }
            }
        }
    }

    /// Asks the log, at the moment of sending, whether a delivery is still wanted.
    fn decide(&mut self, now: Now, id: DeliveryId) {
        let is_first = self.deliveries.attempts(id) == 0;
        if self.cluster.is_some() {
            // Where the peers told what this flush found, what has changed since is for the next
            // flush to tell, and its first sender may be telling it right now.
            if is_first && self.is_news(id) {
                self.renew(now, id);
            }
            if self.leave_to_peer(now, id) {
                return;
            }
            self.leave_out_stale(now, id);
        }
        let Some(plan) = self.deliveries.plan(id) else { return };
        let entry = self.nflog.get(&plan.log_key);
        // A look-up takes no time that a deterministic machine could tell.
        self.metrics.nflog.record_query(0.0, entry.is_some());
        let decision = decision(plan, entry);
        let stored = match decision {
            nflog::Decision::Notify(reason) => nflog::dedup::kept_data(entry, reason),
            nflog::Decision::Skip(_) => BTreeMap::new(),
        };
        let basis = Basis { wall: now.wall, entry: entry.map(|entry| entry.timestamp) };
        if matches!(decision, nflog::Decision::Notify(_)) {
            if is_first && self.is_too_late(now, plan) {
                return self.give_up_to_peer(now, id);
            }
            if self.begin_turn(now, id) {
                return;
            }
        }
        if is_first {
            self.note_decision(now, id, decision);
        }
        let Some(plan) = self.deliveries.plan(id) else { return };
        if is_first && matches!(decision, nflog::Decision::Notify(_)) {
            let name = plan.integration.name;
            self.metrics.notifications.record_notification(name, &plan.notification.receiver);
        }
        self.deliveries.decided(now.instant, &mut self.ids, id, basis, decision, stored);
    }

    /// Tells whether a delivery that has been left to peers has so little time left that the next
    /// flush had better make it: what is cut off on its way may have arrived.
    fn is_too_late(&self, now: Now, plan: &Plan) -> bool {
        let Some(cluster) = &self.cluster else { return false };
        let pause = match self.claims.has_turn(&plan.log_key) || cluster.member_count() <= 1 {
            true => Duration::ZERO,
            false => CLAIM_PAUSE,
        };
        now.instant + pause + FIRST_ATTEMPT_TIME_MIN >= plan.deadline
    }

    /// Remembers for explanations what was decided about a delivery.
    fn note_decision(&mut self, now: Now, id: DeliveryId, decision: nflog::Decision) {
        let Some(plan) = self.deliveries.plan(id) else { return };
        let integration = who(&plan.integration);
        let what = match decision {
            nflog::Decision::Notify(reason) => What::Told { integration, reason: reason.as_str() },
            nflog::Decision::Skip(reason) => What::Skipped { integration, reason },
        };
        self.trail.note(Record {
            at: now.wall,
            group_key: plan.notification.group_key.clone(),
            receiver: plan.notification.receiver.clone(),
            what,
        });
    }

    /// Tells whether the log lacks what a delivery would say.
    fn is_news(&self, id: DeliveryId) -> bool {
        let Some(plan) = self.deliveries.plan(id) else { return false };
        matches!(decision(plan, self.nflog.get(&plan.log_key)), nflog::Decision::Notify(_))
    }

    /// Puts a delivery off while it is the turn of a peer. Tells whether it did.
    fn leave_to_peer(&mut self, now: Now, id: DeliveryId) -> bool {
        let Some(plan) = self.deliveries.plan(id) else { return true };
        let key = plan.log_key.clone();
        let Some(until) = self.claimed_until(now, &key) else { return false };
        let Some(plan) = self.deliveries.plan(id) else { return true };
        if now.instant < plan.deadline {
            self.deliveries.postpone(id, until);
            return true;
        }
        self.give_up_to_peer(now, id);
        true
    }

    fn give_up_to_peer(&mut self, now: Now, id: DeliveryId) {
        let Some(plan) = self.deliveries.plan(id) else { return };
        self.groups.hold(plan.flight);
        let decision = nflog::Decision::Skip(nflog::SkipReason::ClaimedByPeer);
        let (stored, basis) = (BTreeMap::new(), plan.basis);
        self.deliveries.decided(now.instant, &mut self.ids, id, basis, decision, stored);
    }

    /// Leaves to the peers, who stay, what waits for this node's turn after theirs.
    pub(super) fn leave_waiting_to_peers(&mut self, now: Now) {
        if self.cluster.as_ref().is_some_and(|cluster| cluster.member_count() > 1) {
            for id in self.deliveries.waiting() {
                self.give_up_to_peer(now, id);
            }
            self.pump(now);
        }
    }

    /// Leaves out what a peer told as resolved after this node last heard that it fires: the news
    /// of its end is on its way here. What fires again is posted again, and is then newer than the
    /// log. What is stamped far in the future says nothing about the order of things here.
    fn leave_out_stale(&mut self, now: Now, id: DeliveryId) {
        let Some(plan) = self.deliveries.plan(id) else { return };
        let Some(entry) = self.nflog.get(&plan.log_key) else { return };
        if entry.timestamp > now.wall + CLOCK_SKEW_MAX {
            return;
        }
        let is_stale = |told: &&Told| {
            !told.resolved
                && told.alert.updated_at <= entry.timestamp
                && entry.resolved.binary_search(&told.hash).is_ok()
                && entry.firing.binary_search(&told.hash).is_err()
        };
        let stale = plan.notification.alerts.iter().filter(is_stale).map(|told| told.hash);
        let mut stale: Vec<u64> = stale.collect();
        if !stale.is_empty() {
            stale.sort_unstable();
            self.leave_out(id, &stale);
        }
    }

    fn on_attempted(&mut self, now: Now, attempted: &Attempted) {
        self.metrics.notifications.record_attempt(
            attempted.integration.name,
            &attempted.receiver,
            attempted.took.as_secs_f64(),
            !attempted.failed,
        );
        if let Some(err) = &attempted.retried {
            self.trail.note(Record {
                at: now.wall,
                group_key: attempted.group_key.clone(),
                receiver: attempted.receiver.clone(),
                what: What::Retried {
                    integration: who(&attempted.integration),
                    error: err.clone(),
                },
            });
            let event = Event::NotifyAttemptFailed {
                receiver: attempted.receiver.clone(),
                integration: integration_text(&attempted.integration),
                group_key: attempted.group_key.clone(),
                attempts: attempted.attempt,
                err: err.clone(),
            };
            self.log(event);
        }
    }

    fn on_finished(&mut self, now: Now, finished: Finished) {
        let error = match &finished.end {
            End::Delivered(reason) => {
                self.on_delivered(now, &finished, *reason);
                self.record_notification(now, &finished, *reason);
                self.follow_group(now, &finished.plan);
                None
            }
            End::Failed { error, cause, is_final } => {
                let plan = &finished.plan;
                let (name, receiver) = (plan.integration.name, &plan.notification.receiver);
                self.metrics.notifications.record_failed(name, receiver, *cause);
                Some(failure_text(&finished, error, *is_final))
            }
            End::Skipped(_) => None,
        };
        self.trace_notified(now, &finished, error.as_ref());
        self.end_turn(now, &finished);
        self.note_end(now, &finished);
        let flight = finished.plan.flight;
        if let Some(landed) = self.groups.delivered(now.instant, flight, error, &self.alerts) {
            self.forget_muted(flight);
            self.trace_landed(now, flight);
            self.on_landed(landed);
        }
    }

    /// Writes what was told under the group's key of now, where a reload gave it another since.
    fn follow_group(&mut self, now: Now, plan: &Plan) {
        let flight = self.groups.flight(plan.flight);
        let Some(group) = flight.and_then(|flight| self.groups.get(flight.group)) else { return };
        let (old, new) = (&plan.notification.group_key, group.key.clone());
        if *old != new {
            self.copy_log(now, &plan.notification.receiver, old, &new);
        }
    }

    /// Remembers for explanations how a delivery ended.
    fn note_end(&mut self, now: Now, finished: &Finished) {
        let integration = who(&finished.plan.integration);
        let what = match &finished.end {
            End::Delivered(_) => What::Delivered { integration, attempts: finished.attempts },
            End::Failed { error, .. } => What::Failed { integration, error: error.clone() },
            End::Skipped(_) => return,
        };
        let notification = &finished.plan.notification;
        self.trail.note(Record {
            at: now.wall,
            group_key: notification.group_key.clone(),
            receiver: notification.receiver.clone(),
            what,
        });
    }

    /// Writes down what was said, so that it is not said again.
    fn on_delivered(&mut self, now: Now, finished: &Finished, reason: nflog::Reason) {
        let plan = &finished.plan;
        let Hashes { firing, resolved } = plan.hashes.clone();
        let key = plan.log_key.clone();
        let entry = self.nflog.get(&key);
        let kept = || nflog::dedup::kept_data(entry, reason);
        let data = finished.store.clone().unwrap_or_else(kept);
        // Twice the repeat interval: long enough to know at the next repeat what was said.
        let expiry = plan.repeat_interval.checked_mul(2).unwrap_or(Duration::MAX);
        let known = entry.map(|entry| entry.timestamp);
        let basis = plan.basis;
        let (at, is_late) = match known {
            // What was decided with an entry in view comes after it, however far ahead the clock
            // was that stamped it. Else it could not be replaced until that time.
            Some(known) if basis.entry == Some(known) => {
                (now.wall.max(known + Duration::from_nanos(1)), false)
            }
            // What a peer logged since the decision is newer than what was decided.
            Some(known) => (now.wall, self.cluster.is_some() && known > basis.wall),
            None => (now.wall, false),
        };
        if !is_late && self.nflog.record(at, key.clone(), firing, resolved, data, expiry) {
            self.note_log(now, &key);
            self.gossip_log(now, &key);
        }
        if finished.attempts == 0 {
            return;
        }
        let told = Event::NotifySuccess {
            receiver: plan.notification.receiver.clone(),
            integration: integration_text(&plan.integration),
            group_key: plan.notification.group_key.clone(),
            alerts: plan.notification.alerts.len() as u64,
            attempts: finished.attempts,
            duration: finished.took,
        };
        self.promise(Promised::Told(told));
    }
}

/// Compares what a delivery would say with what was said last.
fn decision(plan: &Plan, entry: Option<&nflog::Entry>) -> nflog::Decision {
    // Everything may have been muted, or told, since the flush. Then nothing is said, and nothing
    // may be logged as said.
    if plan.notification.alerts.is_empty() {
        return nflog::Decision::Skip(nflog::SkipReason::NothingFiring);
    }
    nflog::decide(
        entry,
        &plan.hashes.firing,
        &plan.hashes.resolved,
        plan.integration.send_resolved,
        plan.notification.tick,
        plan.repeat_interval,
    )
}

const fn who(integration: &crate::notify::Integration) -> Who {
    Who { name: integration.name, index: integration.index }
}

fn integration_text(integration: &crate::notify::Integration) -> Arc<str> {
    format!("{}[{}]", integration.name, integration.index).into()
}

/// Upstream's wording of a delivery that failed.
fn failure_text(finished: &Finished, error: &str, is_final: bool) -> String {
    let plan = &finished.plan;
    let canceled = if is_final { "canceled due to unrecoverable error" } else { "canceled" };
    format!(
        "{}/{}[{}]: notify retry {canceled} after {} attempts: {error}",
        plan.notification.receiver,
        plan.integration.name,
        plan.integration.index,
        finished.attempts
    )
}
