//! Notifications on their way: one delivery per flush and integration.
//!
//! A delivery waits for its position in the cluster, asks whether it is still wanted, takes one of
//! its receiver's places, and then attempts until it is delivered, refused for good, or out of
//! time. This part decides when; what an attempt does is up to [`crate::notify`], and whether the
//! delivery is wanted is up to the notification log.

mod backoff;
mod plan;
mod queue;
mod state;
#[cfg(test)]
mod tests;

use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    string::String,
    sync::Arc,
    vec::Vec,
};
use core::time::Duration;

pub use self::plan::{Basis, Hashes, Plan};
use self::{
    queue::Queues,
    state::{Delivery, State},
};
use crate::{
    id::{Counter, DeliveryId, ReadId, SendId, WorkId},
    map::Map,
    nflog,
    notify::{
        Answer, Attempt, Cause, Environment, Exchange, Fed, Integration, Job, Notification,
        Outcome, SendError, Step, memory::Memory, service::Keep, smtp::Session,
    },
    rng::Rng,
    template,
    time::{Deadline, Instant, Reason},
    timer::Timers,
};

/// The counters that effects take their ids from; shared with the rest of the node.
#[derive(Clone, Debug, Default)]
pub struct Ids {
    /// Next [`ReadId`].
    pub read: Counter,
    /// Next [`SendId`].
    pub send: Counter,
    /// Next [`WorkId`].
    pub work: Counter,
}

/// What the deliveries want done.
#[derive(Debug)]
pub enum Effect {
    /// An attempt ended; for metrics.
    Attempted(Attempted),
    /// Give up an exchange.
    Cancel(SendId),
    /// Ask the notification log, and answer with [`Deliveries::decided`].
    Decide(DeliveryId),
    /// The delivery is over and forgotten.
    Finished(Box<Finished>),
    /// Hand in a mail, at the latest by the instant.
    Mail(SendId, Box<Session>, Instant),
    /// Print an event to the log: the whole of the `log` integration's delivery.
    Print(crate::event::Event),
    /// Read a file.
    Read(ReadId, Arc<str>),
    /// Deliver a request, at the latest by the instant.
    Send(SendId, Box<Exchange>, Instant),
    /// Run a step.
    Work(WorkId, Box<StepWork>),
}

/// A step to run off the owner's thread.
#[derive(Clone, Debug)]
pub struct StepWork {
    /// The attempt.
    pub attempt: Box<Attempt>,
    /// What it is about.
    pub job: Arc<Job>,
    /// What it is fed.
    pub fed: Fed,
}

impl StepWork {
    /// Tells whether the step takes some microseconds only.
    pub fn is_light(&self) -> bool {
        self.fed.is_light() && self.job.is_light()
    }

    /// Runs the step.
    pub fn run(mut self) -> StepDone {
        let step = self.attempt.step(&self.job, self.fed);
        StepDone { attempt: self.attempt, step }
    }
}

/// A step's result.
#[derive(Debug)]
pub struct StepDone {
    /// The attempt, ready for its next step.
    pub attempt: Box<Attempt>,
    /// What it asks for.
    pub step: Step,
}

/// One attempt that ended.
#[derive(Clone, Debug)]
pub struct Attempted {
    /// The integration it used.
    pub integration: Arc<Integration>,
    /// The receiver it was for.
    pub receiver: Arc<str>,
    /// The key of the group it spoke for.
    pub group_key: Arc<str>,
    /// When it began.
    pub began: Instant,
    /// How long it took.
    pub took: Duration,
    /// The attempt's number, from 1.
    pub attempt: u32,
    /// What went wrong, if it will be tried again and this error is a new one.
    pub retried: Option<String>,
    /// Whether it failed.
    pub failed: bool,
}

/// How a delivery ended.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Which one.
    pub id: DeliveryId,
    /// What it was given.
    pub plan: Plan,
    /// How it went.
    pub end: End,
    /// How many attempts were begun.
    pub attempts: u32,
    /// What the integration keeps for the group's next notification; `None` leaves what is there.
    pub store: Option<BTreeMap<String, nflog::Value>>,
    /// From the first attempt to the end.
    pub took: Duration,
}

/// The ways a delivery ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Taken by the other side, or nothing to tell it.
    Delivered(nflog::Reason),
    /// Not delivered.
    Failed {
        /// The last error, or the deadline's.
        error: String,
        /// The class for metrics.
        cause: Cause,
        /// Whether trying again was pointless.
        is_final: bool,
    },
    /// Not wanted: the log says there is nothing new.
    Skipped(nflog::SkipReason),
}

/// All deliveries of a node.
#[derive(Debug)]
pub struct Deliveries {
    /// Boxed, since a tree moves what it holds.
    table: BTreeMap<DeliveryId, Box<Delivery>>,
    timers: Timers<DeliveryId>,
    by_work: Map<WorkId, DeliveryId>,
    by_read: Map<ReadId, DeliveryId>,
    by_send: Map<SendId, DeliveryId>,
    queues: Queues,
    effects: VecDeque<Effect>,
    next_id: Counter,
    rng: Rng,
    /// What attempts tell apart from all others.
    nonces: Rng,
    user_agent: Arc<str>,
    environment: Arc<Environment>,
    hostname: Arc<str>,
    templates: template::Set,
    /// What integrations remember between attempts: by receiver, kind and index.
    memories: BTreeMap<MemoryKey, Arc<Memory>>,
}

type MemoryKey = (Arc<str>, &'static str, u32);

fn memory_key(plan: &Plan) -> MemoryKey {
    let integration = &plan.integration;
    (plan.notification.receiver.clone(), integration.name, integration.index)
}

impl Deliveries {
    /// Makes an empty table; `user_agent` goes out with every HTTP request, `hostname` in the ids
    /// of mails.
    pub fn new(rng: Rng, nonces: Rng, user_agent: Arc<str>, hostname: Arc<str>) -> Self {
        Self {
            table: BTreeMap::new(),
            timers: Timers::new(),
            by_work: Map::new(),
            by_read: Map::new(),
            by_send: Map::new(),
            queues: Queues::default(),
            effects: VecDeque::new(),
            next_id: Counter::default(),
            rng,
            nonces,
            user_agent,
            environment: Arc::default(),
            hostname,
            templates: template::Set::new(),
            memories: BTreeMap::new(),
        }
    }

    /// Takes what the process's environment says.
    pub fn set_environment(&mut self, environment: Environment) {
        self.environment = Arc::new(environment);
    }

    /// Takes a configuration's templates. What integrations remember is forgotten unless they are
    /// the same as before.
    pub fn configure(&mut self, templates: template::Set, same_integrations: bool) {
        self.templates = templates;
        if !same_integrations {
            self.memories.clear();
        }
    }

    /// Begins a delivery. Poll afterwards.
    pub fn open(&mut self, now: Instant, plan: Plan) -> DeliveryId {
        let id = DeliveryId(self.next_id.next());
        let due = plan.due;
        self.table.insert(id, Box::new(Delivery::new(plan)));
        if due <= now {
            self.effects.push_back(Effect::Decide(id));
        } else {
            self.arm(id, due);
        }
        id
    }

    /// Returns the delivery that a request belongs to.
    pub fn delivery_of(&self, id: SendId) -> Option<DeliveryId> {
        self.by_send.get(&id).copied()
    }

    /// Gives a delivery that waits for its decision other things to say.
    pub fn renew(&mut self, id: DeliveryId, notification: Arc<Notification>, hashes: Hashes) {
        if let Some(delivery) = self.table.get_mut(&id) {
            delivery.plan.notification = notification;
            delivery.plan.hashes = hashes;
        }
    }

    /// Puts the decision off. [`Effect::Decide`] comes again at `at`, at the latest at the
    /// deadline.
    pub fn postpone(&mut self, id: DeliveryId, at: Instant) {
        if let Some(delivery) = self.table.get(&id) {
            self.timers.set(id, at.min(delivery.plan.deadline));
        }
    }

    /// Returns how many attempts a delivery has made.
    pub fn attempts(&self, id: DeliveryId) -> u32 {
        self.table.get(&id).map_or(0, |delivery| delivery.attempts)
    }

    /// Takes the log's answer to [`Effect::Decide`]. `basis` is what it rests on. Poll afterwards.
    pub fn decided(
        &mut self,
        now: Instant,
        ids: &mut Ids,
        id: DeliveryId,
        basis: Basis,
        decision: nflog::Decision,
        stored: BTreeMap<String, nflog::Value>,
    ) {
        let Some(delivery) = self.table.get_mut(&id) else { return };
        if !matches!(delivery.state, State::Waiting) {
            return;
        }
        match decision {
            nflog::Decision::Skip(reason) => self.finish(now, ids, id, End::Skipped(reason)),
            nflog::Decision::Notify(reason) => {
                delivery.plan.basis = basis;
                delivery.decided = now;
                let job = Arc::new(Job {
                    notification: delivery.plan.notification.clone(),
                    integration: delivery.plan.integration.clone(),
                    reason,
                    user_agent: self.user_agent.clone(),
                    environment: self.environment.clone(),
                    hostname: self.hostname.clone(),
                    templates: self.templates.clone(),
                    stored,
                });
                if job.told().next().is_none() {
                    return self.finish(now, ids, id, End::Delivered(reason));
                }
                delivery.job = Some(job);
                let deadline = delivery.plan.deadline;
                if now >= deadline {
                    let end = delivery.out_of_time();
                    return self.finish(now, ids, id, end);
                }
                self.arm(id, deadline);
                self.enqueue(now, ids, id);
            }
        }
    }

    /// Takes the result of a step. Poll afterwards.
    ///
    /// Returns whether the id was known; a late one is ignored.
    pub fn on_worked(&mut self, now: Instant, ids: &mut Ids, work: WorkId, done: StepDone) -> bool {
        let Some(id) = self.by_work.remove(&work) else { return false };
        let Some(delivery) = self.table.get_mut(&id) else { return false };
        match done.step {
            Step::Mail(_) | Step::Read(_) | Step::Send(_) if now >= delivery.plan.deadline => {
                let end = delivery.out_of_time();
                self.finish(now, ids, id, end);
            }
            Step::Done(outcome) => {
                let Keep { store, memory } = done.attempt.kept().clone();
                delivery.store = store.or(delivery.store.take());
                if let Some(memory) = memory {
                    self.memories.insert(memory_key(&delivery.plan), Arc::new(memory));
                }
                self.on_outcome(now, ids, id, outcome);
            }
            Step::Mail(session) => {
                let send = SendId(ids.send.next());
                let deadline = delivery.plan.deadline;
                delivery.state = State::Sending(done.attempt, send);
                self.by_send.insert(send, id);
                self.effects.push_back(Effect::Mail(send, session, deadline));
            }
            Step::Print(event) => {
                self.effects.push_back(Effect::Print(event));
                self.on_outcome(now, ids, id, Outcome::Delivered);
            }
            Step::Read(path) => {
                let read = ReadId(ids.read.next());
                delivery.state = State::Reading(done.attempt, read);
                self.by_read.insert(read, id);
                self.effects.push_back(Effect::Read(read, path));
            }
            Step::Send(exchange) => {
                let send = SendId(ids.send.next());
                let deadline = match exchange.timeout {
                    Some(timeout) => (now + timeout).min(delivery.plan.deadline),
                    None => delivery.plan.deadline,
                };
                delivery.state = State::Sending(done.attempt, send);
                self.by_send.insert(send, id);
                self.effects.push_back(Effect::Send(send, Box::new(exchange), deadline));
            }
        }
        true
    }

    /// Takes the news that a step has no result, since it panicked. Poll afterwards.
    ///
    /// The same step would end the same way, so the delivery fails for good. Returns whether the id
    /// was known.
    pub fn on_work_lost(&mut self, now: Instant, ids: &mut Ids, work: WorkId) -> bool {
        let Some(id) = self.by_work.remove(&work) else { return false };
        if !self.table.contains_key(&id) {
            return false;
        }
        let error = String::from("internal error: a step of the notification panicked");
        self.on_outcome(now, ids, id, Outcome::Fail { error, cause: Cause::Other });
        true
    }

    /// Takes a file's content. Poll afterwards.
    ///
    /// Returns whether the id was known.
    pub fn on_read(
        &mut self,
        ids: &mut Ids,
        read: ReadId,
        content: Result<Vec<u8>, String>,
    ) -> bool {
        let Some(id) = self.by_read.remove(&read) else { return false };
        let Some(delivery) = self.table.get_mut(&id) else { return false };
        let State::Reading(attempt, _) = core::mem::replace(&mut delivery.state, State::Queued)
        else {
            unreachable!("a read is registered while its delivery is reading");
        };
        self.step(ids, id, attempt, Fed::File(content));
        true
    }

    /// Takes the result of an exchange. Poll afterwards.
    ///
    /// Returns whether the id was known; one that was canceled is not.
    pub fn on_sent(
        &mut self,
        ids: &mut Ids,
        send: SendId,
        result: Result<Answer, SendError>,
    ) -> bool {
        let Some(id) = self.by_send.remove(&send) else { return false };
        let Some(delivery) = self.table.get_mut(&id) else { return false };
        let State::Sending(attempt, _) = core::mem::replace(&mut delivery.state, State::Queued)
        else {
            unreachable!("an exchange is registered while its delivery is sending");
        };
        self.step(ids, id, attempt, Fed::Sent(result));
        true
    }

    /// Handles what is due. Poll afterwards.
    pub fn on_timeout(&mut self, now: Instant, ids: &mut Ids) {
        while let Some((_, id)) = self.timers.pop_due(now) {
            let Some(delivery) = self.table.get_mut(&id) else { continue };
            let deadline = delivery.plan.deadline;
            match &delivery.state {
                State::Waiting => self.effects.push_back(Effect::Decide(id)),
                // The step may be reading an answer that says "delivered"; it ends soon, and to
                // forget its word would send the notification twice.
                State::Working if now >= deadline => {}
                _ if now >= deadline => {
                    let end = delivery.out_of_time();
                    self.finish(now, ids, id, end);
                }
                // Ask again before each attempt: a peer may have delivered it meanwhile.
                State::Backoff => {
                    delivery.state = State::Waiting;
                    self.effects.push_back(Effect::Decide(id));
                }
                State::Queued | State::Working | State::Reading(..) | State::Sending(..) => {
                    self.arm(id, deadline);
                }
            }
        }
    }

    /// Ends every delivery without a result, such as at a shutdown. Poll afterwards.
    pub fn cancel_all(&mut self, now: Instant, ids: &mut Ids) {
        // Nobody inherits a place.
        self.queues = Queues::default();
        let open: Vec<DeliveryId> = self.table.keys().copied().collect();
        for id in open {
            let end = self.table[&id].canceled();
            self.finish(now, ids, id, end);
        }
    }

    /// Takes the next effect; call until it returns `None` after each of the methods above.
    #[must_use = "effects must be carried out"]
    pub fn poll(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Returns when [`on_timeout`](Self::on_timeout) wants to be called.
    pub fn deadline(&self) -> Option<Deadline> {
        self.timers.next_at().map(|at| Deadline { at, reason: Reason::Delivery })
    }

    /// Returns what a delivery was given.
    pub fn plan(&self, id: DeliveryId) -> Option<&Plan> {
        self.table.get(&id).map(|delivery| &delivery.plan)
    }

    /// Returns the deliveries that wait for their turn among the peers.
    pub fn waiting(&self) -> Vec<DeliveryId> {
        let is_waiting = |delivery: &Delivery| matches!(delivery.state, State::Waiting);
        self.table.iter().filter(|(_, it)| is_waiting(it)).map(|(id, _)| *id).collect()
    }

    /// Returns the number of open deliveries.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Tells whether nothing is on its way.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    fn arm(&mut self, id: DeliveryId, at: Instant) {
        self.timers.set(id, at);
    }

    /// Starts an attempt now if the receiver has a place, else when one is free.
    fn enqueue(&mut self, now: Instant, ids: &mut Ids, id: DeliveryId) {
        let delivery = self.table.get_mut(&id).expect("the caller saw it");
        delivery.state = State::Queued;
        let receiver = delivery.plan.notification.receiver.clone();
        if self.queues.enter(&receiver, id) {
            self.start_attempt(now, ids, id);
        }
    }

    fn start_attempt(&mut self, now: Instant, ids: &mut Ids, id: DeliveryId) {
        let delivery = self.table.get_mut(&id).expect("queued deliveries are in the table");
        if now >= delivery.plan.deadline {
            // It waited too long for its place. Its timer is due and ends it.
            return;
        }
        delivery.begin_attempt(now);
        let wall = delivery.plan.basis.wall + now.since(delivery.decided);
        let memory = self.memories.get(&memory_key(&delivery.plan)).cloned().unwrap_or_default();
        let attempt = Box::new(Attempt::new(wall, self.nonces.next_u64(), memory));
        self.step(ids, id, attempt, Fed::Start);
    }

    fn step(&mut self, ids: &mut Ids, id: DeliveryId, attempt: Box<Attempt>, fed: Fed) {
        let delivery = self.table.get_mut(&id).expect("the caller saw it");
        delivery.state = State::Working;
        let work = WorkId(ids.work.next());
        self.by_work.insert(work, id);
        let job = delivery.job().clone();
        self.effects.push_back(Effect::Work(work, Box::new(StepWork { attempt, job, fed })));
    }

    fn on_outcome(&mut self, now: Instant, ids: &mut Ids, id: DeliveryId, outcome: Outcome) {
        let delivery = self.table.get_mut(&id).expect("the caller saw it");
        let mut attempted = delivery.end_attempt(now).expect("only an attempt has an outcome");
        match outcome {
            Outcome::Delivered => {
                attempted.failed = false;
                self.effects.push_back(Effect::Attempted(attempted));
                let end = End::Delivered(self.table[&id].job().reason);
                self.finish(now, ids, id, end);
            }
            Outcome::Fail { error, cause } => {
                self.effects.push_back(Effect::Attempted(attempted));
                self.finish(now, ids, id, End::Failed { error, cause, is_final: true });
            }
            Outcome::Retry { error, cause, retry_after } => {
                // An error from after the deadline is the deadline's.
                if now < delivery.plan.deadline {
                    attempted.retried = delivery.note_error(error, cause);
                }
                let mut at = attempted.began + backoff::wait(delivery.attempts, &mut self.rng);
                self.effects.push_back(Effect::Attempted(attempted));
                if let Some(retry_after) = retry_after {
                    at = at.max(now + retry_after);
                }
                let at = at.max(now).min(delivery.plan.deadline);
                delivery.state = State::Backoff;
                self.arm(id, at);
                self.leave_queue(now, ids, id);
            }
        }
    }

    fn finish(&mut self, now: Instant, ids: &mut Ids, id: DeliveryId, end: End) {
        self.timers.clear(id);
        self.leave_queue(now, ids, id);
        let mut delivery = self.table.remove(&id).expect("the caller saw it");
        if let Some(attempted) = delivery.end_attempt(now) {
            // It was broken off, which counts as a failure.
            self.effects.push_back(Effect::Attempted(attempted));
        }
        match &delivery.state {
            State::Sending(_, send) => {
                self.by_send.remove(send);
                self.effects.push_back(Effect::Cancel(*send));
            }
            State::Reading(_, read) => {
                self.by_read.remove(read);
            }
            State::Waiting | State::Queued | State::Working | State::Backoff => {}
        }
        self.effects.push_back(Effect::Finished(Box::new(delivery.finished(id, end, now))));
    }

    /// Gives the delivery's place to whoever waits for it.
    fn leave_queue(&mut self, now: Instant, ids: &mut Ids, id: DeliveryId) {
        let Some(delivery) = self.table.get(&id) else { return };
        let receiver = delivery.plan.notification.receiver.clone();
        if let Some(next) = self.queues.leave(&receiver, id) {
            self.start_attempt(now, ids, next);
        }
    }
}
