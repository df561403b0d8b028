//! Deliveries: what they ask for, and what becomes of their results.

use alloc::{format, string::String, sync::Arc};
use core::time::Duration;

use super::{Node, Output, Work};
use crate::{
    delivery::{Attempted, Effect, End, Finished, Hashes},
    event::Event,
    id::DeliveryId,
    nflog,
    time::Now,
};

impl Node {
    /// Carries out what the deliveries want, until they want nothing more.
    pub(super) fn pump(&mut self, now: Now) {
        while let Some(effect) = self.deliveries.poll() {
            match effect {
                Effect::Attempted(attempted) => self.on_attempted(&attempted),
                Effect::Cancel(id) => self.outputs.push_back(Output::Cancel(id)),
                Effect::Decide(id) => self.decide(now, id),
                Effect::Finished(finished) => self.on_finished(now, *finished),
                Effect::Print(event) => self.log(event),
                Effect::Read(id, path) => self.outputs.push_back(Output::Read(id, path)),
                Effect::Send(id, exchange, deadline) => {
                    self.outputs.push_back(Output::Send(id, exchange, deadline));
                }
                Effect::Work(id, work) => {
                    self.outputs.push_back(Output::Work(id, Work::Step(work)));
                }
            }
        }
    }

    /// Asks the log, at the moment of sending, whether a delivery is still wanted.
    fn decide(&mut self, now: Now, id: DeliveryId) {
        let Some(plan) = self.deliveries.plan(id) else { return };
        let entry = self.nflog.get(&plan.log_key);
        // A look-up takes no time that a deterministic machine could tell.
        self.metrics.nflog.record_query(0.0, entry.is_some());
        let decision = nflog::decide(
            entry,
            &plan.hashes.firing,
            &plan.hashes.resolved,
            plan.integration.send_resolved,
            plan.notification.tick,
            plan.repeat_interval,
        );
        if matches!(decision, nflog::Decision::Notify(_)) {
            let name = plan.integration.name;
            self.metrics.notifications.record_notification(name, &plan.notification.receiver);
        }
        self.deliveries.decided(now.instant, &mut self.ids, id, decision);
    }

    fn on_attempted(&mut self, attempted: &Attempted) {
        self.metrics.notifications.record_attempt(
            attempted.integration.name,
            &attempted.receiver,
            attempted.took.as_secs_f64(),
            !attempted.failed,
        );
        if let Some(err) = &attempted.retried {
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
        let flight = finished.plan.flight;
        if let Some(landed) = self.groups.delivered(now.instant, flight, error, &self.alerts) {
            self.on_landed(landed);
        }
    }

    /// Writes down what was said, so that it is not said again.
    fn on_delivered(&mut self, now: Now, finished: &Finished, reason: nflog::Reason) {
        let plan = &finished.plan;
        let Hashes { firing, resolved } = plan.hashes.clone();
        let key = plan.log_key.clone();
        let data = nflog::dedup::kept_data(self.nflog.get(&key), reason);
        // Twice the repeat interval: long enough to know at the next repeat what was said.
        let expiry = plan.repeat_interval.checked_mul(2).unwrap_or(Duration::MAX);
        self.nflog.record(now.wall, key, firing, resolved, data, expiry);
        if finished.attempts == 0 {
            return;
        }
        self.log(Event::NotifySuccess {
            receiver: plan.notification.receiver.clone(),
            integration: integration_text(&plan.integration),
            group_key: plan.notification.group_key.clone(),
            alerts: plan.notification.alerts.len() as u64,
            attempts: finished.attempts,
            duration: finished.took,
        });
    }
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
