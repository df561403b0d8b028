//! Traces: a span for each request to a receiver, its context in the request, and batches of spans
//! for a collector, over OTLP in its HTTP form.
//!
//! Spans are made for the requests of notifications only; nothing else here waits for others. They
//! go out as an ordinary request, one batch at a time. What cannot be sent is dropped, which is
//! said once.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    format,
    string::String,
    sync::Arc,
    vec::Vec,
};
use core::time::Duration;

use super::{Node, Output};
use crate::{
    config::{Config, raw::tracing::Tracing},
    delivery::Ids,
    event::Event,
    id::SendId,
    limits::{SPAN_WAIT, SPANS_PER_EXPORT_MAX, SPANS_WAITING_MAX},
    metrics::Build,
    notify::{Answer, Exchange, HttpConfig, Secret, SendError},
    rng::Rng,
    time::{Deadline, Instant, Now, Reason, Timestamp},
    wire::protobuf::{write_bytes, write_message, write_number, write_set_fixed},
};

/// How long an export may take where the configuration does not say, as the original's library.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What one span says.
#[derive(Debug)]
struct Span {
    trace: [u8; 16],
    id: [u8; 8],
    began: Timestamp,
    ended: Timestamp,
    method: &'static str,
    host: String,
    /// The status code of the answer, or what went wrong.
    result: Result<u16, String>,
}

/// Where spans go.
#[derive(Debug)]
struct Target {
    exchange: Exchange,
    timeout: Duration,
    /// Traces are kept whose id, in a part of it, is below.
    bound: u64,
}

/// The spans of a node.
#[derive(Debug)]
pub(super) struct Tracer {
    rng: Rng,
    /// Made of the configuration; `None` traces nothing.
    target: Option<Target>,
    settings: Option<Tracing>,
    /// Requests under way that are traced.
    open: BTreeMap<SendId, Span>,
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
            open: BTreeMap::new(),
            waiting: VecDeque::new(),
            dropped: 0,
            export: None,
            due: None,
            is_failing: false,
        };
        tracer.configure(config);
        tracer
    }

    /// Takes over the settings of a configuration. What waits goes to the new target.
    fn configure(&mut self, config: &Config) {
        if self.settings != config.tracing {
            self.settings.clone_from(&config.tracing);
            self.target = config.tracing.as_ref().and_then(target);
            self.is_failing = false;
        }
    }

    /// Begins the span of a request and tells the receiver its context.
    fn begin(&mut self, now: Now, id: SendId, exchange: &mut Exchange) {
        let Some(target) = &self.target else { return };
        let mut trace = [0; 16];
        let low = self.rng.next_u64();
        trace[..8].copy_from_slice(&self.rng.next_u64().to_be_bytes());
        trace[8..].copy_from_slice(&low.to_be_bytes());
        let span = self.rng.next_u64().to_be_bytes();
        let is_sampled = low >> 1 < target.bound;
        let flags = u8::from(is_sampled);
        let value = format!("00-{}-{}-{flags:02x}", hex(&trace), hex(&span));
        exchange.headers.push((Arc::from("Traceparent"), Secret::new(value)));
        if is_sampled {
            self.open.insert(
                id,
                Span {
                    trace,
                    id: span,
                    began: now.wall,
                    ended: now.wall,
                    method: exchange.method,
                    host: host(exchange.url.expose()),
                    result: Err("context canceled".into()),
                },
            );
        }
    }

    /// Ends the span of a request; `None` if it was given up.
    fn end(&mut self, now: Now, id: SendId, result: Option<&Result<Answer, SendError>>) {
        let Some(mut span) = self.open.remove(&id) else { return };
        span.ended = now.wall;
        if let Some(result) = result {
            span.result = match result {
                Ok(answer) => Ok(answer.status),
                Err(error) => Err(error.message.clone()),
            };
        }
        if self.waiting.len() == SPANS_WAITING_MAX {
            self.waiting.pop_front();
            self.dropped += 1;
        }
        self.waiting.push_back(span);
        self.due.get_or_insert(now.instant + SPAN_WAIT);
    }

    /// Returns the next batch, if it is time for one.
    fn next(&mut self, now: Now, ids: &mut Ids) -> Option<(SendId, Box<Exchange>, Instant)> {
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
        let exchange = Exchange { body: encode(&spans).into(), ..target.exchange.clone() };
        Some((id, Box::new(exchange), now.instant + target.timeout))
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
        self.tracer.configure(&config);
    }

    /// Sends a request to a receiver, with the context of its span.
    pub(super) fn send_traced(
        &mut self,
        now: Now,
        id: SendId,
        mut exchange: Box<Exchange>,
        deadline: Instant,
    ) {
        self.tracer.begin(now, id, &mut exchange);
        self.outputs.push_back(Output::Send(id, exchange, deadline));
    }

    /// Ends the span of a request that was given up.
    pub(super) fn trace_canceled(&mut self, now: Now, id: SendId) {
        self.tracer.end(now, id, None);
    }

    /// Takes how a request went. Returns whether it was an export of spans.
    pub(super) fn trace_sent(
        &mut self,
        now: Now,
        id: SendId,
        result: &Result<Answer, SendError>,
    ) -> bool {
        if self.tracer.export != Some(id) {
            self.tracer.end(now, id, Some(result));
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
        if let Some((id, exchange, deadline)) = self.tracer.next(now, &mut self.ids) {
            self.outputs.push_back(Output::Send(id, exchange, deadline));
        }
    }
}

/// Makes what an export needs. Only the HTTP form is spoken.
fn target(settings: &Tracing) -> Option<Target> {
    if settings.client_type != "http" {
        return None;
    }
    let scheme = if settings.insecure { "http" } else { "https" };
    let mut headers: Vec<(Arc<str>, Secret)> = [
        ("Content-Type", "application/x-protobuf"),
        ("User-Agent", concat!("campana/", env!("CARGO_PKG_VERSION"))),
    ]
    .map(|(name, value)| (Arc::from(name), Secret::new(value)))
    .into();
    for (name, header) in settings.headers.iter().flatten() {
        let value = header.values.first().map(|value| Secret::new(value.as_str()));
        if let Some(value) = value.or_else(|| header.secrets.first().cloned()) {
            headers.push((Arc::from(name.as_str()), value));
        }
    }
    let fraction = settings.sampling_fraction.clamp(0.0, 1.0);
    let timeout = settings.timeout.0;
    let http = HttpConfig { tls: settings.tls_config.clone(), ..HttpConfig::default() };
    Some(Target {
        exchange: Exchange {
            method: "POST",
            url: Secret::new(format!("{scheme}://{}/v1/traces", settings.endpoint)),
            headers,
            body: Arc::from([]),
            timeout: None,
            http: Arc::new(http),
            proxies: Arc::default(),
            reads_answer: false,
            signing: None,
        },
        timeout: if timeout.is_zero() { TIMEOUT } else { timeout },
        bound: (fraction * (1_u64 << 63) as f64) as u64,
    })
}

/// Returns the host of a URL, with its port: all of it that holds no key.
fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes an `ExportTraceServiceRequest`.
fn encode(spans: &[Span]) -> Vec<u8> {
    let mut out = Vec::new();
    write_message(&mut out, 1, |out| {
        write_message(out, 1, |out| {
            attribute(out, 1, "service.name", Attribute::Text("alertmanager"));
            attribute(out, 1, "service.version", Attribute::Text(Build::this().version));
        });
        write_message(out, 2, |out| {
            write_message(out, 1, |out| write_bytes(out, 1, b"campana"));
            spans.iter().for_each(|span| write_message(out, 2, |out| write_span(out, span)));
        });
    });
    out
}

fn write_span(out: &mut Vec<u8>, span: &Span) {
    /// A span of a client.
    const CLIENT: u64 = 3;
    /// A status that says that something went wrong.
    const ERROR: u64 = 2;
    let nanos = |at: Timestamp| u64::try_from(at.as_nanos()).unwrap_or_default();
    write_bytes(out, 1, &span.trace);
    write_bytes(out, 2, &span.id);
    write_bytes(out, 5, format!("HTTP {}", span.method).as_bytes());
    write_number(out, 6, CLIENT);
    write_set_fixed(out, 7, nanos(span.began));
    write_set_fixed(out, 8, nanos(span.ended));
    attribute(out, 9, "http.request.method", Attribute::Text(span.method));
    attribute(out, 9, "server.address", Attribute::Text(&span.host));
    let error = match &span.result {
        Ok(status) => {
            attribute(out, 9, "http.response.status_code", Attribute::Int(u64::from(*status)));
            (*status >= 400).then_some("")
        }
        Err(error) => Some(&**error),
    };
    if let Some(error) = error {
        write_message(out, 15, |out| {
            write_bytes(out, 2, error.as_bytes());
            write_number(out, 3, ERROR);
        });
    }
}

#[derive(Clone, Copy)]
enum Attribute<'a> {
    Text(&'a str),
    Int(u64),
}

fn attribute(out: &mut Vec<u8>, field: u32, key: &str, value: Attribute<'_>) {
    write_message(out, field, |out| {
        write_bytes(out, 1, key.as_bytes());
        write_message(out, 2, |out| match value {
            Attribute::Text(text) => write_bytes(out, 1, text.as_bytes()),
            Attribute::Int(number) => write_number(out, 3, number),
        });
    });
}
