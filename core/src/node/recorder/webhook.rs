//! URLs that events are posted to, by several workers, in order only within a batch.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    format,
    string::String,
    sync::Arc,
    vec::Vec,
};
use core::time::Duration;

use super::Line;
use crate::{
    config::raw::recorder::WebhookOutput,
    delivery::Ids,
    event::Event,
    id::{ReadId, SendId},
    label::Labels,
    limits::{
        EVENT_BATCH_BYTES, EVENT_BATCH_MAX, EVENT_BATCH_WAIT, EVENT_POST_TIMEOUT, EVENT_POST_TRIES,
        EVENT_POST_WAIT, EVENT_POST_WAIT_MAX, EVENT_WORKERS, EVENTS_PER_OUTPUT_MAX,
    },
    nflog::Reason,
    node::Output,
    notify::{
        Attempt, Environment, Fed, Integration, Job, Kind, Notification, Outcome, Step,
        memory::Memory, service::Request,
    },
    rng::Rng,
    template,
    time::{Instant, Now, Timestamp, earliest},
};

/// What a URL needs of the node.
pub(super) struct Hands<'a> {
    pub(super) now: Now,
    pub(super) ids: &'a mut Ids,
    pub(super) nonces: &'a mut Rng,
    pub(super) outputs: &'a mut VecDeque<Output>,
    pub(super) events: &'a mut Vec<Event>,
}

/// A URL that takes events.
#[derive(Debug)]
pub(super) struct Webhook {
    target: Target,
    waiting: VecDeque<Arc<Line>>,
    /// The length of what waits.
    bytes: usize,
    /// Since when the first that waits does.
    since: Instant,
    posts: Vec<Post>,
}

/// What all posts to a URL have in common.
#[derive(Debug)]
struct Target {
    label: Arc<str>,
    output: WebhookOutput,
    job: Job,
    memory: Arc<Memory>,
}

/// A request on its way.
#[derive(Debug)]
struct Post {
    request: Request,
    attempt: Attempt,
    /// How many attempts were begun.
    tries: u32,
    state: State,
}

/// What a post waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// A file with a secret.
    Reading(ReadId),
    /// An answer.
    Sending(SendId),
    /// The next attempt.
    Pausing(Instant),
    /// Nothing.
    Over,
}

impl Webhook {
    pub(super) fn new(output: &WebhookOutput, user_agent: &str, environment: &Environment) -> Self {
        let target = Target {
            label: label(output.url.0.expose()).into(),
            output: output.clone(),
            job: job(output, user_agent, environment),
            memory: Arc::default(),
        };
        let since = Instant::from_nanos(0);
        Self { target, waiting: VecDeque::new(), bytes: 0, since, posts: Vec::new() }
    }

    /// Returns what metrics and the log call it.
    pub(super) fn label(&self) -> &Arc<str> {
        &self.target.label
    }

    /// Tells whether it is the one of a configuration.
    pub(super) fn is_of(&self, output: &WebhookOutput) -> bool {
        self.target.output == *output
    }

    /// Takes an event; `false` says that there is no room for it.
    pub(super) fn push(&mut self, now: Instant, line: &Arc<Line>) -> bool {
        if self.waiting.len() >= EVENTS_PER_OUTPUT_MAX {
            return false;
        }
        if self.waiting.is_empty() {
            self.since = now;
        }
        self.bytes += line.text.len();
        self.waiting.push_back(line.clone());
        true
    }

    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.posts.is_empty()
    }

    /// Begins what can begin, and goes on with what has paused. `at_end` nothing waits for others.
    pub(super) fn work(&mut self, hands: &mut Hands<'_>, at_end: bool) {
        let now = hands.now.instant;
        for post in &mut self.posts {
            if matches!(post.state, State::Pausing(at) if at <= now) {
                self.target.begin(post, hands);
            }
        }
        self.posts.retain(|post| post.state != State::Over);
        while self.posts.len() < self.workers()
            && let Some(body) = self.take(now, at_end)
        {
            let request = Request {
                body,
                timeout: Some(self.target.timeout()),
                ..Request::new("POST", self.target.output.url.0.expose())
            };
            let attempt = Attempt::of(hands.now.wall, 0, Arc::default(), request.clone());
            let mut post = Post { request, attempt, tries: 0, state: State::Over };
            self.target.begin(&mut post, hands);
            self.posts.push(post);
        }
    }

    /// Tells whether a post waits for that.
    pub(super) fn awaits(&self, state: State) -> bool {
        self.posts.iter().any(|post| post.state == state)
    }

    /// Feeds the post that waits for it.
    pub(super) fn feed(&mut self, state: State, fed: Fed, hands: &mut Hands<'_>) {
        if let Some(post) = self.posts.iter_mut().find(|post| post.state == state) {
            self.target.go_on(post, fed, hands);
        }
        self.posts.retain(|post| post.state != State::Over);
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let pauses = self.posts.iter().filter_map(|post| match post.state {
            State::Pausing(at) => Some(at),
            _ => None,
        });
        let waits = !self.waiting.is_empty() && self.posts.len() < self.workers();
        earliest(pauses.min(), waits.then(|| self.since + self.target.batch_wait()))
    }

    /// Gives up everything.
    pub(super) fn give_up(&mut self, outputs: &mut VecDeque<Output>) {
        self.waiting.clear();
        for post in self.posts.drain(..) {
            if let State::Sending(id) = post.state {
                outputs.push_back(Output::Cancel(id));
            }
        }
    }

    fn workers(&self) -> usize {
        or(self.target.output.workers, EVENT_WORKERS)
    }

    /// Takes the next body, if it is time for one.
    fn take(&mut self, now: Instant, at_end: bool) -> Option<Vec<u8>> {
        let output = &self.target.output;
        if !output.batch {
            let line = self.waiting.pop_front()?;
            self.bytes -= line.text.len();
            return Some(line.text.clone().into_bytes());
        }
        let count = or(output.batch_max_events, EVENT_BATCH_MAX);
        let bytes = or(output.batch_max_bytes, EVENT_BATCH_BYTES);
        let is_full = self.waiting.len() >= count || self.bytes >= bytes;
        let is_due = now >= self.since + self.target.batch_wait();
        if self.waiting.is_empty() || !(is_full || is_due || at_end) {
            return None;
        }
        let mut body = Vec::from(*b"[");
        let mut taken = 0;
        while let Some(line) = self.waiting.front()
            && taken < count
            && (taken == 0 || body.len() + line.text.len() < bytes)
        {
            if taken > 0 {
                body.push(b',');
            }
            body.extend_from_slice(line.text.as_bytes());
            self.bytes -= line.text.len();
            taken += 1;
            self.waiting.pop_front();
        }
        body.push(b']');
        self.since = now;
        Some(body)
    }
}

impl Target {
    /// Begins an attempt.
    fn begin(&mut self, post: &mut Post, hands: &mut Hands<'_>) {
        post.tries += 1;
        let nonce = hands.nonces.next_u64();
        let request = post.request.clone();
        post.attempt = Attempt::of(hands.now.wall, nonce, self.memory.clone(), request);
        self.go_on(post, Fed::Start, hands);
    }

    /// Takes a post as far as it goes for now.
    fn go_on(&mut self, post: &mut Post, fed: Fed, hands: &mut Hands<'_>) {
        let now = hands.now.instant;
        let outcome = match post.attempt.step(&self.job, fed) {
            Step::Read(path) => {
                let id = ReadId(hands.ids.read.next());
                post.state = State::Reading(id);
                return hands.outputs.push_back(Output::Read(id, path));
            }
            Step::Send(exchange) => {
                let id = SendId(hands.ids.send.next());
                post.state = State::Sending(id);
                let deadline = now + self.timeout();
                return hands.outputs.push_back(Output::Send(id, Box::new(exchange), deadline));
            }
            Step::Done(outcome) => outcome,
            Step::Mail(_) | Step::Print(_) => Outcome::Delivered,
        };
        if let Some(memory) = &post.attempt.kept().memory {
            self.memory = Arc::new(memory.clone());
        }
        post.state = State::Over;
        let (Outcome::Retry { error: err, .. } | Outcome::Fail { error: err, .. }) = outcome else {
            return;
        };
        let (output, attempt) = (self.label.clone(), u64::from(post.tries));
        hands.events.push(Event::EventPostFailed { output: output.clone(), attempt, err });
        if post.tries as usize >= or(self.output.max_retries, EVENT_POST_TRIES) {
            return hands.events.push(Event::EventPostGivenUp { output, retries: attempt });
        }
        let first = span(self.output.retry_backoff.0, EVENT_POST_WAIT);
        let pause = first.saturating_mul(1 << (post.tries - 1).min(20)).min(EVENT_POST_WAIT_MAX);
        post.state = State::Pausing(now + pause);
    }

    fn timeout(&self) -> Duration {
        span(self.output.timeout.0, EVENT_POST_TIMEOUT)
    }

    /// Returns how long an event waits for others.
    fn batch_wait(&self) -> Duration {
        match self.output.batch {
            true => span(self.output.batch_flush_interval.0, EVENT_BATCH_WAIT),
            false => Duration::ZERO,
        }
    }
}

/// Makes what attempts are made with. There is no notification behind them.
fn job(output: &WebhookOutput, user_agent: &str, environment: &Environment) -> Job {
    let integration = Integration {
        kind: Kind::Webhook(Box::default()),
        name: "event recorder",
        index: 0,
        send_resolved: true,
        http: Arc::new(output.http_config.clone().unwrap_or_default()),
    };
    let notification = Notification {
        receiver: Arc::default(),
        group_key: Arc::default(),
        group_labels: Labels::empty(),
        route_labels: Labels::empty(),
        alerts: Arc::default(),
        external_url: Arc::default(),
        tick: Timestamp::EPOCH,
        flush: 0,
    };
    Job {
        notification: Arc::new(notification),
        integration: Arc::new(integration),
        reason: Reason::Unknown,
        user_agent: Arc::from(user_agent),
        environment: Arc::new(environment.clone()),
        hostname: Arc::default(),
        templates: template::Set::new(),
        stored: BTreeMap::new(),
    }
}

/// Returns a number that is set, else the usual one.
fn or(set: i64, usual: usize) -> usize {
    usize::try_from(set).ok().filter(|&set| set > 0).unwrap_or(usual)
}

fn span(set: Duration, usual: Duration) -> Duration {
    if set.is_zero() { usual } else { set }
}

/// Returns what metrics call a URL: all of it that holds no secret.
fn label(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("webhook:{scheme}://{host}{path}")
}
