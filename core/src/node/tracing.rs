//! Traces: spans of flushes, notifications and the requests they are made with, and of the requests
//! that clients make here; the context of each in what goes out; and batches of spans for a
//! collector, over OTLP in either of its forms.
//!
//! A batch goes out as a request of its own, one at a time. What cannot be sent is dropped, which
//! is said once.

mod span;
mod target;

use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    format,
    string::String,
    sync::Arc,
    vec,
    vec::Vec,
};
use core::time::Duration;

pub use self::span::Served;
use self::{
    span::{Attribute, Kind, Parent, Span, encode, hex, host},
    target::{Protocol, Target, target},
};
use super::{Node, Output};
use crate::{
    config::{Config, raw::tracing::Tracing},
    delivery::{Finished, Ids},
    event::Event,
    id::{DeliveryId, FlightId, SendId},
    limits::{SPAN_WAIT, SPANS_PER_EXPORT_MAX, SPANS_WAITING_MAX},
    notify::{Answer, Exchange, Notification, Secret, SendError, grpc::Call},
    rng::Rng,
    time::{Deadline, Instant, Now, Reason, Timestamp},
};

/// The spans of a node.
#[derive(Debug)]
pub(super) struct Tracer {
    rng: Rng,
    /// Made of the configuration; `None` traces nothing.
    target: Option<Target>,
    settings: Option<Tracing>,
    /// What is under way.
    flushes: BTreeMap<FlightId, Span>,
    notifications: BTreeMap<DeliveryId, Span>,
    requests: BTreeMap<SendId, Span>,
    waiting: VecDeque<Span>,
    dropped: u64,
    /// The export under way.
    export: Option<SendId>,
    /// When the spans that wait go out.
    due: Option<Instant>,
    /// Whether the last export failed, which was said.
    is_failing: bool,
}

impl Tracer {
    pub(super) fn new(rng: Rng, config: &Config) -> Self {
        let mut tracer = Self {
            rng,
            target: None,
            settings: None,
            flushes: BTreeMap::new(),
            notifications: BTreeMap::new(),
            requests: BTreeMap::new(),
            waiting: VecDeque::new(),
            dropped: 0,
            export: None,
            due: None,
            is_failing: false,
        };
        tracer.configure(config);
        tracer
    }

    /// Takes over the settings of a configuration. What waits goes to the new target. Tells whether
    /// anything is traced, where that has changed.
    fn configure(&mut self, config: &Config) -> Option<bool> {
        let was_on = self.target.is_some();
        if self.settings != config.tracing {
            self.settings.clone_from(&config.tracing);
            self.target = config.tracing.as_ref().map(target);
            self.is_failing = false;
        }
        let is_on = self.target.is_some();
        (is_on != was_on).then_some(is_on)
    }

    /// Begins a span, if anything is traced.
    fn begin(&mut self, at: Timestamp, kind: Kind, name: &str, of: Option<Parent>) -> Option<Span> {
        let target = self.target.as_ref()?;
        let (trace, parent, is_sampled) = match of {
            Some(parent) => (parent.trace, Some(parent.id), parent.is_sampled),
            None => {
                let mut trace = [0; 16];
                let low = self.rng.next_u64();
                trace[..8].copy_from_slice(&self.rng.next_u64().to_be_bytes());
                trace[8..].copy_from_slice(&low.to_be_bytes());
                (trace, None, low >> 1 < target.bound)
            }
        };
        let id = self.rng.next_u64().to_be_bytes();
        let own = Parent { trace, id, is_sampled };
        let (name, began, ended) = (name.into(), at, at);
        Some(Span { own, parent, kind, name, began, ended, attributes: Vec::new(), error: None })
    }

    /// Ends a span.
    fn end(&mut self, now: Now, mut span: Span) {
        if !span.own.is_sampled {
            return;
        }
        span.ended = now.wall;
        if self.waiting.len() == SPANS_WAITING_MAX {
            self.waiting.pop_front();
            self.dropped += 1;
        }
        self.waiting.push_back(span);
        self.due.get_or_insert(now.instant + SPAN_WAIT);
    }

    /// Begins the span of a request of a delivery, and tells the receiver its context.
    fn begin_request(
        &mut self,
        now: Now,
        id: SendId,
        exchange: &mut Exchange,
        (delivery, notification, flight, integration): (DeliveryId, &str, FlightId, &str),
    ) {
        if self.target.is_none() {
            return;
        }
        if !self.notifications.contains_key(&delivery) {
            let flush = self.flushes.get(&flight).map(|span| span.own);
            let name = "notify.Integration.Notify";
            if let Some(mut span) = self.begin(now.wall, Kind::Internal, name, flush) {
                let integration = Attribute::text(integration);
                span.attributes.push(("alerting.notify.integration.name", integration));
                span.attributes.push(("alerting.group.key", Attribute::text(notification)));
                self.notifications.insert(delivery, span);
            }
        }
        let parent = self.notifications.get(&delivery).map(|span| span.own);
        let name = format!("HTTP {}", exchange.method);
        let Some(mut span) = self.begin(now.wall, Kind::Client, &name, parent) else { return };
        let flags = u8::from(span.own.is_sampled);
        let value = format!("00-{}-{}-{flags:02x}", hex(&span.own.trace), hex(&span.own.id));
        exchange.headers.push((Arc::from("Traceparent"), Secret::new(value)));
        let host = host(exchange.url.expose());
        span.attributes = vec![
            ("http.request.method", Attribute::text(exchange.method)),
            ("server.address", Attribute::text(host)),
        ];
        self.requests.insert(id, span);
    }

    /// Ends the span of a request; `None` if it was given up.
    fn end_request(&mut self, now: Now, id: SendId, result: Option<&Result<Answer, SendError>>) {
        let Some(mut span) = self.requests.remove(&id) else { return };
        match result {
            Some(Ok(answer)) => span.answered(answer.status, 400),
            Some(Err(error)) => span.error = Some(error.message.clone()),
            None => span.error = Some("context canceled".into()),
        }
        self.end(now, span);
    }

    /// Returns the next batch, if it is time for one.
    fn next(&mut self, now: Now, ids: &mut Ids) -> Option<Output> {
        let is_due = self.due.is_some_and(|due| due <= now.instant);
        let is_full = self.waiting.len() >= SPANS_PER_EXPORT_MAX;
        if self.export.is_some() || !(is_due || is_full) {
            return None;
        }
        let Some(target) = &self.target else {
            self.waiting.clear();
            self.due = None;
            return None;
        };
        let count = self.waiting.len().min(SPANS_PER_EXPORT_MAX);
        let spans: Vec<Span> = self.waiting.drain(..count).collect();
        self.due = (!self.waiting.is_empty()).then(|| now.instant + SPAN_WAIT);
        let id = SendId(ids.send.next());
        self.export = Some(id);
        let (body, deadline) = (encode(&spans), now.instant + target.timeout);
        Some(match &target.protocol {
            Protocol::Http(exchange) => {
                let exchange = Exchange { body: body.into(), ..exchange.clone() };
                Output::Send(id, Box::new(exchange), deadline)
            }
            Protocol::Grpc(settings) => {
                Output::Grpc(id, Box::new(Call::new(settings.clone(), body)), deadline)
            }
        })
    }

    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.export.is_none()
    }

    pub(super) fn deadline(&self) -> Option<Deadline> {
        let due = self.due.filter(|_| self.export.is_none());
        due.map(|at| Deadline { at, reason: Reason::Trace })
    }
}

impl Node {
    /// Follows a new configuration.
    pub(super) fn configure_tracing(&mut self) {
        let config = self.config.clone();
        if let Some(is_on) = self.tracer.configure(&config) {
            self.outputs.push_back(Output::Trace(is_on));
        }
    }

    /// Tells the runtime at the start whether requests of clients are traced.
    pub(super) fn announce_tracing(&mut self) {
        if self.tracer.target.is_some() {
            self.outputs.push_back(Output::Trace(true));
        }
    }

    /// Begins the span of a flush that has something to tell.
    pub(super) fn trace_flush(&mut self, now: Now, id: FlightId, notification: &Notification) {
        let name = "dispatch.AggregationGroup.flush";
        let Some(mut span) = self.tracer.begin(now.wall, Kind::Internal, name, None) else {
            return;
        };
        let alerts = notification.alerts.len() as u64;
        span.attributes = vec![
            ("alerting.group.key", Attribute::text(&*notification.group_key)),
            ("alerting.alerts.count", Attribute::Int(alerts)),
        ];
        self.tracer.flushes.insert(id, span);
    }

    /// Ends the span of a notification.
    pub(super) fn trace_notified(&mut self, now: Now, finished: &Finished, error: Option<&String>) {
        let Some(mut span) = self.tracer.notifications.remove(&finished.id) else { return };
        let attempts = u64::from(finished.attempts);
        span.attributes.push(("alerting.notify.attempts", Attribute::Int(attempts)));
        span.error = error.cloned();
        self.tracer.end(now, span);
    }

    /// Ends the span of a flush, where all of its notifications have ended.
    pub(super) fn trace_landed(&mut self, now: Now, id: FlightId) {
        if let Some(span) = self.tracer.flushes.remove(&id) {
            self.tracer.end(now, span);
            self.export_spans(now);
        }
    }

    /// Takes note of a request of a client that was answered.
    pub(super) fn trace_served(&mut self, now: Now, served: &Served) {
        if self.stopping.is_some() || self.tracer.target.is_none() {
            return;
        }
        let name = format!("{} {}", served.method, served.route);
        let began = now.wall - served.took;
        let parent = served.parent.as_deref().and_then(Parent::parse);
        let Some(mut span) = self.tracer.begin(began, Kind::Server, &name, parent) else { return };
        span.attributes = vec![
            ("http.request.method", Attribute::text(&*served.method)),
            ("http.route", Attribute::text(&*served.route)),
        ];
        span.answered(served.status, 500);
        self.tracer.end(now, span);
        self.export_spans(now);
    }

    /// Sends a request to a receiver, with the context of its span.
    pub(super) fn send_traced(
        &mut self,
        now: Now,
        id: SendId,
        mut exchange: Box<Exchange>,
        deadline: Instant,
    ) {
        if self.tracer.target.is_some()
            && let Some(delivery) = self.deliveries.delivery_of(id)
            && let Some(plan) = self.deliveries.plan(delivery)
        {
            let of = (delivery, &*plan.notification.group_key, plan.flight, plan.integration.name);
            self.tracer.begin_request(now, id, &mut exchange, of);
        }
        self.outputs.push_back(Output::Send(id, exchange, deadline));
    }

    /// Ends the span of a request that was given up.
    pub(super) fn trace_canceled(&mut self, now: Now, id: SendId) {
        self.tracer.end_request(now, id, None);
    }

    /// Takes how a request went. Returns whether it was an export of spans.
    pub(super) fn trace_sent(
        &mut self,
        now: Now,
        id: SendId,
        result: &Result<Answer, SendError>,
    ) -> bool {
        if self.tracer.export != Some(id) {
            self.tracer.end_request(now, id, Some(result));
            self.export_spans(now);
            return false;
        }
        self.tracer.export = None;
        let error = match result {
            Ok(answer) if (200..300).contains(&answer.status) => None,
            Ok(answer) => Some(format!("unexpected status code {}", answer.status)),
            Err(error) => Some(error.message.clone()),
        };
        let was_failing = core::mem::replace(&mut self.tracer.is_failing, error.is_some());
        if let Some(err) = error.filter(|_| !was_failing) {
            let dropped = self.tracer.dropped;
            self.log(Event::TracesNotExported { err, dropped });
        }
        self.export_spans(now);
        true
    }

    /// Sends the spans that wait, although it may not be time: nothing will join them.
    pub(super) fn export_last_spans(&mut self, now: Now) {
        if self.tracer.due.is_some() {
            self.tracer.due = Some(now.instant);
        }
        self.export_spans(now);
    }

    /// Gives up the spans that wait, at the end of a shutdown's patience.
    pub(super) fn give_spans_up(&mut self) {
        self.tracer.waiting.clear();
        self.tracer.due = None;
        if let Some(id) = self.tracer.export.take() {
            self.outputs.push_back(Output::Cancel(id));
        }
    }

    /// Sends the spans that wait, when it is time.
    pub(super) fn export_spans(&mut self, now: Now) {
        let is_last = self.stopping.as_ref().is_some_and(super::maintain::Stopping::is_draining);
        if is_last && self.tracer.due.is_some() {
            self.tracer.due = Some(now.instant);
        }
        let output = self.tracer.next(now, &mut self.ids);
        self.outputs.extend(output);
    }
}

/// How long an export may take where the configuration does not say, as the original's library.
const TIMEOUT: Duration = Duration::from_secs(10);
