//! HTTP requests to calls, queries and responses: Alertmanager's API v2 and what is around it.
//!
//! A runtime reads the head of a request and asks [`Site::admit`]; reads the body, if it may;
//! hands both to [`Site::handle`]; and does what the [`Action`] says: send a response, put a call
//! to the node and send [`Site::reply`], or answer a query over the node's view. Nothing here
//! keeps state, so any thread may do it.
//!
//! Statuses, bodies, headers and the order of checks are Alertmanager's, down to its framework's
//! habits, because clients parse them. It departs in a few places, each to the better: bodies have
//! a limit (413), a `null` where an alert or a matcher should be is a 400 and does not end the
//! connection, and a silence with several matcher sets does not break the list of silences: its
//! `matchers` are those of the first set, and `matcherSets` holds all of them.
//!
//! Tools look at `versionInfo.version` of the status and want a version of Alertmanager they know,
//! so it shows the one whose behaviour this is; `branch` says `campana`, and `revision` holds
//! campana's own version.

mod answer;
mod call;
mod decode;
mod guard;
mod head;
mod json;
mod page;
mod query;
mod response;
mod rest;
mod route;
#[cfg(test)]
mod tests;
mod uri;

use alloc::{
    borrow::Cow,
    boxed::Box,
    format,
    string::{String, ToString as _},
    vec,
    vec::Vec,
};
use core::time::Duration;

pub use self::{
    call::{Call, Reply},
    guard::{Checked, Guard, Proof},
    head::Head,
    query::Query,
    response::{PLAIN_ON_TLS, Response},
    rest::Rest,
};
use self::{
    decode::Refusal,
    query::{Ask, Params},
    response::write_text,
    route::{Endpoint, Operation, Target, route},
};
use crate::{
    cli::{ExternalUrl, Options},
    event::Event,
    label::{Mode, quote::quote},
    limits::{ALERTS_BODY_MAX, OTHER_BODY_MAX, SILENCE_BODY_MAX},
    metrics::{Build, Process, Traffic},
    silence::{Id, SetError},
    time::duration::format_go_span,
};

/// The HTTP side of one process: what does not change while it runs.
#[derive(Clone, Debug)]
pub struct Site {
    prefix: String,
    mode: Mode,
    get_max: usize,
    timeout: Option<Duration>,
    build: Build,
    /// What the status shows as the revision.
    revision: String,
}

/// What to do with a request whose head has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admit {
    /// Send this and read no body.
    Respond(Response),
    /// Read the body and hand it to [`Site::handle`]; send [`Site::body_too_large`] when it is
    /// longer than this.
    Read {
        /// Most bytes of the body.
        body_max: usize,
    },
}

/// What a request came to.
#[derive(Clone, Debug)]
pub struct Handled {
    /// What to do.
    pub action: Action,
    /// What to log.
    pub events: Vec<Event>,
}

/// What a request asks the runtime to do.
#[derive(Clone, Debug)]
pub enum Action {
    /// Send this.
    Respond(Response),
    /// Put this to the node, and send [`Site::reply`] for its answer.
    Call(Call),
    /// Send [`Query::answer`], or [`Query::begin`] and what goes on.
    Query(Query),
}

/// What an answer needs beside the node's state: what a scrape shows of the process, and how to
/// give way.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// The counts of the HTTP side.
    pub traffic: &'a Traffic,
    /// The figures of the process.
    pub process: Process,
    /// Packets of peers that the runtime dropped since the node had too much to do.
    pub packets_dropped: u64,
    /// Called every few tenths of a millisecond while a long list is put together, so that what
    /// waits for the same core gets its turn. Nothing is locked meanwhile.
    pub give_way: fn(),
}

impl Site {
    /// Makes the HTTP side of a process on a host with `cores` cores.
    pub fn new(options: &Options, external: &ExternalUrl, cores: usize) -> Self {
        let features = &options.features;
        let mode = match (features.classic_mode, features.utf8_strict_mode) {
            (true, _) => Mode::Classic,
            (false, true) => Mode::Utf8,
            (false, false) => Mode::Fallback,
        };
        let build = Build::this();
        Self {
            prefix: external.route_prefix.clone(),
            mode,
            get_max: usize::try_from(options.get_concurrency(cores)).unwrap_or(usize::MAX),
            timeout: options.web_timeout.filter(|timeout| !timeout.is_zero()),
            revision: format!("campana-{}-{}", build.version, build.revision),
            build,
        }
    }

    /// Returns how many GET requests may run at once.
    pub const fn get_max(&self) -> usize {
        self.get_max
    }

    /// Returns how long a request may take.
    pub const fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// Decides about a request by its head alone.
    pub fn admit(&self, head: &Head<'_>) -> Admit {
        let target = match self.target(head) {
            Ok(target) => target,
            Err(response) => return Admit::Respond(response),
        };
        let body_max = match target.endpoint {
            Endpoint::V2(Operation::PostAlerts) => ALERTS_BODY_MAX,
            Endpoint::V2(Operation::PostSilence) => SILENCE_BODY_MAX,
            // Nobody looks at these bodies; they are read to keep the connection usable.
            _ => OTHER_BODY_MAX,
        };
        let response = match target.endpoint {
            Endpoint::V2(_) if head.has_body() && head.media_type() != "application/json" => {
                let media = quote(&head.media_type());
                let text =
                    format!("unsupported media type {media}, only [application/json] are allowed");
                Response::error(415, 415, &text)
            }
            Endpoint::V2(_) if !head.accepts_json() => {
                let text =
                    "unsupported media type requested, only [application/json] are available";
                Response::error(406, 406, text)
            }
            _ if head.content_length().is_some_and(|length| length > body_max as u64) => {
                return Admit::Respond(self.body_too_large().handler(target.handler));
            }
            _ => return Admit::Read { body_max },
        };
        Admit::Respond(dress(response.handler(target.handler), head.method, has_origin(head)))
    }

    /// Decodes and checks a request. Pure; its cost follows the length of the body.
    pub fn handle(&self, head: &Head<'_>, body: &[u8]) -> Handled {
        let respond = |response| Handled { action: Action::Respond(response), events: Vec::new() };
        let target = match self.target(head) {
            Ok(target) => target,
            Err(response) => return respond(response),
        };
        let query = |ask| {
            let (handler, has_origin) = (target.handler, has_origin(head));
            let action = Action::Query(Query { ask, handler, has_origin });
            Handled { action, events: Vec::new() }
        };
        match target.endpoint {
            Endpoint::Page => match page::find(self, head) {
                Some(page) => query(Ask::Page(page)),
                None => respond(Response::empty(404)),
            },
            Endpoint::Description => {
                let response = page::description(self).handler(target.handler);
                respond(dress(response, head.method, has_origin(head)))
            }
            Endpoint::Asset(asset) if page::is_known(head, asset) => {
                respond(page::unchanged(asset).handler(target.handler))
            }
            Endpoint::Asset(asset) => query(Ask::Asset(asset)),
            Endpoint::Healthy => {
                let body = if head.method == "HEAD" { "" } else { "OK" };
                let response = Response::empty(200)
                    .header("Content-Type", "text/plain; charset=utf-8")
                    .body(body.into());
                respond(response.handler(target.handler))
            }
            Endpoint::Metrics => {
                let params = Params::new(head.raw_query().unwrap_or_default(), self.mode);
                query(Ask::Metrics(params.all("name[]").map(String::from).collect()))
            }
            Endpoint::Reload => {
                let params = Params::new(head.raw_query().unwrap_or_default(), self.mode);
                let dry_run = params.all("dry_run").last().is_some_and(|value| value == "true");
                Handled { action: Action::Call(Call::Reload { dry_run }), events: Vec::new() }
            }
            Endpoint::V1 => v1(head, &target),
            Endpoint::V2(operation) => {
                let mut events = Vec::new();
                let action = match self.operate(head, body, operation, &target, &mut events) {
                    Ok(action) => action,
                    Err(response) => Action::Respond(dress(
                        response.handler(target.handler),
                        head.method,
                        has_origin(head),
                    )),
                };
                if let Action::Respond(response) = &action {
                    events.push(refused(head, response));
                }
                Handled { action, events }
            }
        }
    }

    /// Makes the response that tells a client the node's answer to its call.
    pub fn reply(&self, head: &Head<'_>, reply: Reply) -> Response {
        let (response, is_v2) = match reply {
            Reply::AlertsPosted(errors) if errors.is_empty() => (Response::empty(200), true),
            Reply::AlertsPosted(errors) => (Response::message(400, &errors.join("\n")), true),
            Reply::NotStored(text) => (Response::message(503, &text), true),
            Reply::SilenceExpired(Ok(())) => (Response::empty(200), true),
            Reply::SilenceExpired(Err(_)) => (Response::empty(404), true),
            Reply::SilencePut(Ok(id)) => {
                let mut body = String::from("{\"silenceID\":");
                write_text(&mut body, &id.0);
                body.push('}');
                (Response::json(200, body), true)
            }
            Reply::SilencePut(Err(error)) => {
                let status = if error == SetError::NotFound { 404 } else { 400 };
                (Response::message(status, &error.to_string()), true)
            }
            Reply::Rehearsed(Ok(report)) => (Response::json(200, report), false),
            Reply::Reloaded(Ok(())) => (Response::empty(200), false),
            Reply::Reloaded(Err(error)) | Reply::Rehearsed(Err(error)) => {
                (Response::text(500, format!("failed to reload config: {error}\n")), false)
            }
            Reply::Stopping => (Response::text(503, "The server is shutting down.\n"), false),
        };
        let handler = self.target(head).map_or("", |target| target.handler);
        let response = response.handler(handler);
        if is_v2 { dress(response, head.method, has_origin(head)) } else { response }
    }

    /// Makes the response for a GET request that finds too many others under way.
    pub fn gate_full(&self) -> Response {
        let max = self.get_max;
        let text =
            format!("Limit of concurrent GET requests reached ({max}), try again later.\n\n");
        Response::text(503, text)
    }

    /// Makes the response for a request that took longer than it may.
    pub fn timed_out(&self) -> Response {
        let timeout = format_go_span(self.timeout.unwrap_or_default());
        Response::empty(503)
            .header("Content-Type", "text/plain; charset=utf-8")
            .body(format!("Exceeded configured timeout of {timeout}.\n"))
    }

    /// Makes the response for a body that is longer than it may be.
    pub fn body_too_large(&self) -> Response {
        Response::error(413, 413, "the request body is too large").header("Connection", "close")
    }

    /// Finds where a request leads, or answers it, preflights included.
    fn target<'a>(&self, head: &Head<'a>) -> Result<Target<'a>, Response> {
        let found = route(&self.prefix, head);
        let handler = match &found {
            Ok(target) => Cow::Borrowed(target.handler),
            Err(response) => response.handler.clone(),
        };
        let is_v2 = handler.starts_with("/api/v2/");
        if is_v2
            && head.method == "OPTIONS"
            && let Some(method) = head.header("access-control-request-method")
        {
            return Err(Response { handler, ..preflight(head, method) });
        }
        found.map_err(
            |response| {
                if is_v2 { dress(response, head.method, has_origin(head)) } else { response }
            },
        )
    }

    fn operate(
        &self,
        head: &Head<'_>,
        body: &[u8],
        operation: Operation,
        target: &Target<'_>,
        events: &mut Vec<Event>,
    ) -> Result<Action, Response> {
        let mut params = Params::new(head.raw_query().unwrap_or_default(), self.mode);
        let ask = match operation {
            Operation::PostAlerts => {
                let batch = decode::alerts(body, self.mode).map_err(refuse)?;
                return Ok(Action::Call(Call::PostAlerts(batch)));
            }
            Operation::PostSilence => {
                let draft = decode::silence(body).map_err(refuse)?;
                return Ok(Action::Call(Call::PutSilence(Box::new(draft))));
            }
            Operation::ExpireSilence => {
                let id = silence_id(&target.id)?;
                return Ok(Action::Call(Call::ExpireSilence(Id::from(id))));
            }
            Operation::Silence => Ask::Silence(silence_id(&target.id)?.to_string()),
            Operation::Explain => Ask::Explain(target.id.to_string()),
            Operation::Status => Ask::Status,
            Operation::Receivers => Ask::Receivers(params.receiver_matchers()?),
            Operation::Alerts => Ask::Alerts(params.alert_filter()?),
            Operation::Groups => Ask::Groups(params.alert_filter()?),
            Operation::Silences => {
                let (states, filter) = params.silences()?;
                Ask::Silences(states, filter)
            }
        };
        events.append(&mut params.events);
        let (handler, has_origin) = (target.handler, has_origin(head));
        Ok(Action::Query(Query { ask, handler, has_origin }))
    }
}

fn refuse(refusal: Refusal) -> Response {
    match refusal {
        Refusal::TooMany(text) => Response::error(413, 413, &text),
        Refusal::Malformed(text) => Response::error(400, 400, &text),
        Refusal::Invalid(code, text) => Response::error(422, code, &text),
        Refusal::Refused(text) => Response::message(400, &text),
    }
}

/// Checks that a text looks like a UUID: 8-4-4-4-12 hex digits, or 32 of them.
fn silence_id(id: &str) -> Result<&str, Response> {
    let is_dash = |i: usize| matches!(i, 8 | 13 | 18 | 23);
    let is_hex = |b: u8| b.is_ascii_hexdigit();
    let is_uuid = match id.len() {
        32 => id.bytes().all(is_hex),
        36 => id.bytes().enumerate().all(|(i, b)| if is_dash(i) { b == b'-' } else { is_hex(b) }),
        _ => false,
    };
    if is_uuid {
        return Ok(id);
    }
    let text = format!("silenceID in path must be of type uuid: {}", quote(id));
    Err(Response::error(422, 601, &text))
}

fn v1(head: &Head<'_>, target: &Target<'_>) -> Handled {
    let body = "{\"status\":\"deprecated\",\"error\":\"API v1 was deprecated in version 0.16.0 and \
                removed in version 0.27.0; use the same route of API v2\"}";
    let response = Response::json(410, body.into()).handler(target.handler);
    let event =
        Event::ApiV1Used { method: head.method.to_string(), path: head.raw_path().to_string() };
    Handled { action: Action::Respond(response), events: vec![event] }
}

fn refused(head: &Head<'_>, response: &Response) -> Event {
    Event::RequestRefused {
        method: head.method.to_string(),
        path: head.raw_path().to_string(),
        code: response.status,
        err: String::from_utf8_lossy(&response.body).trim_end().to_string(),
    }
}

fn has_origin(head: &Head<'_>) -> bool {
    head.header("origin").is_some_and(|origin| !origin.is_empty())
}

/// Adds what every answer of API v2 carries. Browsers of other origins may read, and post.
fn dress(response: Response, method: &str, has_origin: bool) -> Response {
    let is_shared = matches!(method, "GET" | "POST" | "HEAD" | "OPTIONS");
    let response = response.header("Cache-Control", "no-store").header("Vary", "Origin");
    if has_origin && is_shared {
        response.header("Access-Control-Allow-Origin", "*")
    } else {
        response
    }
}

/// Answers a browser that asks whether it may send a request of this method.
fn preflight(head: &Head<'_>, method: &str) -> Response {
    const VARY: &str = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
    let response = Response::empty(204).header("Vary", VARY);
    let allowed = ["GET", "POST", "HEAD"].into_iter().find(|m| m.eq_ignore_ascii_case(method));
    let wanted = head.header("access-control-request-headers").unwrap_or_default();
    let known = ["accept", "content-type", "x-requested-with"];
    let mut names = wanted.split(',').map(str::trim).filter(|name| !name.is_empty());
    let all_known = names.all(|name| known.iter().any(|k| k.eq_ignore_ascii_case(name)));
    let Some(method) = allowed.filter(|_| all_known && has_origin(head)) else {
        return response;
    };
    let response = response
        .header("Access-Control-Allow-Origin", "*")
        .header("Access-Control-Allow-Methods", method);
    if wanted.is_empty() {
        return response;
    }
    response.header("Access-Control-Allow-Headers", wanted.to_ascii_lowercase())
}
