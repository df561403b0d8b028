//! One delivery: where it stands and what it has been through.

use alloc::{boxed::Box, collections::BTreeMap, string::String, sync::Arc};
use core::time::Duration;

use super::{Attempted, End, Finished, Plan};
use crate::{
    id::{DeliveryId, ReadId, SendId},
    nflog,
    notify::{Attempt, Cause, Job},
    time::Instant,
};

/// Where a delivery stands.
#[derive(Debug)]
pub(super) enum State {
    /// For the next attempt.
    Backoff,
    /// For a place among its receiver's deliveries.
    Queued,
    /// For a file.
    Reading(Box<Attempt>, ReadId),
    /// For an answer.
    Sending(Box<Attempt>, SendId),
    /// For its turn, or for the log's word.
    Waiting,
    /// For a step.
    Working,
}

#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) plan: Plan,
    pub(super) job: Option<Arc<Job>>,
    pub(super) state: State,
    pub(super) attempts: u32,
    /// When the decision that holds was taken.
    pub(super) decided: Instant,
    /// What the integration keeps for the group's next notification.
    pub(super) store: Option<BTreeMap<String, nflog::Value>>,
    /// When the attempt that is under way began.
    attempt_began: Option<Instant>,
    first_began: Option<Instant>,
    last_error: Option<(String, Cause)>,
}

impl Delivery {
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            attempt_began: None,
            job: None,
            state: State::Waiting,
            attempts: 0,
            decided: plan.due,
            store: None,
            first_began: None,
            last_error: None,
            plan,
        }
    }

    pub(super) fn begin_attempt(&mut self, now: Instant) {
        self.attempts += 1;
        self.attempt_began = Some(now);
        self.first_began.get_or_insert(now);
    }

    pub(super) fn job(&self) -> &Arc<Job> {
        self.job.as_ref().expect("attempts begin after the decision made the job")
    }

    /// Remembers an error; returns it when it differs from the one before, since only then is it
    /// worth a line in the log.
    pub(super) fn note_error(&mut self, error: String, cause: Cause) -> Option<String> {
        let is_new = self.last_error.as_ref().is_none_or(|(last, _)| *last != error);
        let news = is_new.then(|| error.clone());
        self.last_error = Some((error, cause));
        news
    }

    /// Ends the attempt that is under way, as one that failed.
    pub(super) fn end_attempt(&mut self, now: Instant) -> Option<Attempted> {
        let began = self.attempt_began.take()?;
        Some(Attempted {
            integration: self.plan.integration.clone(),
            receiver: self.plan.notification.receiver.clone(),
            group_key: self.plan.notification.group_key.clone(),
            began,
            took: now.since(began),
            attempt: self.attempts,
            retried: None,
            failed: true,
        })
    }

    pub(super) fn out_of_time(&self) -> End {
        self.given_up("context deadline exceeded", Cause::ContextDeadlineExceeded)
    }

    pub(super) fn canceled(&self) -> End {
        self.given_up("context canceled", Cause::ContextCanceled)
    }

    /// The end of a delivery that was stopped from outside: its own last error says more than the
    /// stop does, and is all that upstream shows.
    fn given_up(&self, why: &str, cause: Cause) -> End {
        let (error, cause) = self.last_error.clone().unwrap_or_else(|| (String::from(why), cause));
        End::Failed { error, cause, is_final: false }
    }

    pub(super) fn finished(self, id: DeliveryId, end: End, now: Instant) -> Finished {
        Finished {
            id,
            end,
            attempts: self.attempts,
            took: self.first_began.map_or(Duration::ZERO, |began| now.since(began)),
            store: self.store,
            plan: self.plan,
        }
    }
}
