//! Posted alerts: from the batch into the store, the inhibitor and the groups.

use alloc::{string::ToString as _, vec::Vec};

use super::{Node, journal::Promised};
use crate::{
    alert::{self, AlertBatch, Change, Rejected, Upserted},
    api::Reply,
    event::Event,
    group::Placed,
    id::{AlertId, CallId, GroupId},
    time::Now,
};

impl Node {
    /// Stores every usable alert of a batch and answers with what was wrong with the others.
    pub(super) fn post_alerts(&mut self, now: Now, call: CallId, batch: &AlertBatch) {
        let mut errors = Vec::new();
        self.note_senders(now, batch);
        let resolve_timeout = self.config.resolve_timeout;
        let mut firing = 0;
        let mut known = core::mem::take(&mut self.scratch.known);
        self.alerts.find_all(batch, &mut known);
        for (posted, &known) in batch.iter().zip(&known) {
            let ends_at = posted.ends_at.filter(|end| !end.at.is_zero());
            if ends_at.is_none_or(|end| end.at > now.wall) {
                firing += 1;
            }
            let times = alert::times(posted.starts_at, posted.ends_at, resolve_timeout, now.wall);
            let times = match (times, posted.invalid) {
                (Ok(times), None) => times,
                (Err(error), _) | (_, Some(error)) => {
                    errors.push(error.to_string());
                    continue;
                }
            };
            match self.alerts.upsert_found(known, &posted, times, now.wall) {
                Ok(Upserted::Known(id, change)) => {
                    self.note_alert(now, id, change);
                    self.complete(now, id);
                    self.record_grouped(now, id);
                }
                Ok(Upserted::New(id)) => {
                    self.note_alert(now, id, Change::Life);
                    self.record_created(now, id);
                    self.admit(now, id);
                    self.record_grouped(now, id);
                }
                Err(Rejected::NameLimit { max }) => self.reject(&posted, max),
            }
        }
        self.scratch.known = known;
        let (count, invalid) = (batch.len() as u64, errors.len() as u64);
        self.metrics.record_received_many(firing, count - firing);
        self.metrics.record_subscriber_writes(count - invalid);
        self.metrics.record_processed_many(count - invalid);
        if !errors.is_empty() {
            self.metrics.record_invalid(invalid);
            let err = errors.join("\n");
            self.log(Event::AlertsInvalid { count: invalid, err });
        }
        let reply = Reply::AlertsPosted(errors);
        self.promise(Promised::Reply(call, reply, "the alerts were taken"));
    }

    /// Computes the routes of an alert.
    pub(super) fn find_routes(&mut self, id: AlertId) {
        let entry = self.alerts.get_mut(id).expect("the caller stored it");
        self.scratch.routes.clear();
        self.config.tree.matches(&entry.alert.labels, &mut self.scratch.routes);
        entry.routes = self.route_lists.share(&self.scratch.routes);
    }

    /// Puts an alert into every group it belongs to and is not in.
    pub(super) fn place(&mut self, now: Now, id: AlertId) {
        self.place_with(now, id, Self::note_group);
    }

    /// As [`place`](Self::place), with what to do about a group that this makes.
    pub(super) fn place_with(
        &mut self,
        now: Now,
        id: AlertId,
        made: impl Fn(&mut Self, Now, GroupId),
    ) {
        let entry = self.alerts.get(id).expect("the caller stored it");
        let (routes, labels) = (entry.routes.clone(), entry.alert.labels.clone());
        let starts_at = entry.alert.starts_at.at;
        for &route in &*routes {
            let route = self.config.tree.route(route);
            match self.groups.place(now, route, id, &labels, starts_at) {
                Placed::Stayed(_) => continue,
                Placed::Joined(_) => {}
                Placed::Made(group) => {
                    let group_key = self.groups.get(group).expect("just made").key.clone();
                    self.log(Event::GroupCreated { group_key });
                    made(self, now, group);
                }
            }
            self.alerts.get_mut(id).expect("seen above").groups += 1;
        }
    }

    fn admit(&mut self, now: Now, id: AlertId) {
        let labels = &self.alerts.get(id).expect("just stored").alert.labels;
        self.inhibitor.on_alert(id, labels);
        self.find_routes(id);
        self.place(now, id);
    }

    /// Brings a known alert back into the groups it left when it resolved. In the steady state
    /// this is one comparison.
    fn complete(&mut self, now: Now, id: AlertId) {
        let entry = self.alerts.get(id).expect("just found");
        if (entry.groups as usize) < entry.routes.len() {
            self.place(now, id);
        }
    }

    fn reject(&mut self, posted: &alert::PostedRef<'_>, max: usize) {
        let labels = crate::label::Labels::from_packed(posted.labels);
        let alertname = labels.get("alertname").unwrap_or_default();
        self.metrics.record_limited(alertname);
        let err = alloc::format!("the limit of {max} alerts with this name is reached");
        self.log(Event::AlertLimited { alertname: alertname.into(), err });
    }
}
