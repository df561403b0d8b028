//! Requests: from tiny_http to the site and back.

use std::{
    collections::BTreeMap,
    io::{self, Cursor},
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering::Relaxed},
    thread,
    time::Instant,
};

use campana_core::{
    api::{Action, Admit, Checked, Head, Query, Reply, Response, Rest, Side, Site},
    event::Event,
    limits::ANSWER_PIECE_BYTES,
    metrics::{Process, Traffic},
    node::{Input, Served},
    view::View,
};
use tiny_http::{HTTPVersion, Header, Request, Server, StatusCode};

use crate::{
    caught::caught, clock, frame::Frame, inner::INNER_MAX, log::Log, node::Mailbox, pack, process,
    web::Watch,
};

/// The stack of a thread that answers requests: decoding and looking up nest within limits.
pub(crate) const STACK: usize = 1 << 20;

/// Who answers requests.
pub(crate) struct Desk {
    site: Site,
    mailbox: Mailbox,
    traffic: Mutex<Traffic>,
    log: Log,
    watch: Option<Watch>,
    /// Answers that go on, each until the connection that asked takes it.
    long: Mutex<BTreeMap<u64, Long>>,
}

/// An answer that goes on: the gate writes it, at the client's pace and past tiny_http, which would
/// copy it four times.
pub(crate) struct Long {
    /// What is left of it.
    pub(crate) rest: Rest,
    response: Response,
    method: String,
    begun: Instant,
}

/// Names the connection that a request came over. The gate writes it.
pub(crate) const TICKET: &str = "Campana-Connection";

impl Desk {
    /// Makes the desk of a site. Without `watch` everybody may use it.
    pub(crate) fn new(site: Site, mailbox: Mailbox, log: Log, watch: Option<Watch>) -> Self {
        let get_max = u32::try_from(site.get_max()).unwrap_or(u32::MAX);
        let traffic = Mutex::new(Traffic::new(get_max));
        Self { site, mailbox, traffic, log, watch, long: Mutex::default() }
    }

    /// Starts the threads that take requests from tiny_http: one for each inner connection, so
    /// that none waits.
    pub(crate) fn start(self: &Arc<Self>, server: Server) -> io::Result<()> {
        let server = Arc::new(server);
        for _ in 0..INNER_MAX {
            let (desk, server) = (self.clone(), server.clone());
            let serve = move || {
                while let Ok(request) = server.recv() {
                    desk.serve(request)
                }
            };
            thread::Builder::new().name("request".into()).stack_size(STACK).spawn(serve)?;
        }
        Ok(())
    }

    /// Returns who may use the web side, where a file says so.
    pub(crate) fn watch(&self) -> Option<&Watch> {
        self.watch.as_ref()
    }

    fn dress(&self, response: Response) -> Response {
        match &self.watch {
            Some(watch) => watch.dress(response),
            None => response,
        }
    }

    /// Decides by the head alone: how long the body may be, or what to respond without it.
    pub(crate) fn admit(&self, head: &Head<'_>) -> Result<usize, Response> {
        if let Some(watch) = &self.watch {
            if watch.is_due() {
                watch.look();
            }
            match watch.check(head) {
                Checked::Pass => {}
                Checked::Refuse(response) => return Err(response),
                Checked::Verify(proof) => watch.prove(&proof)?,
            }
        }
        match self.site.admit(head) {
            Admit::Read { body_max } => Ok(body_max),
            Admit::Respond(response) => {
                self.record(&response, head.method, Instant::now());
                Err(self.dress(response))
            }
        }
    }

    /// The response to a body that turned out longer than it may be.
    pub(crate) fn too_large(&self) -> Response {
        self.dress(self.site.body_too_large())
    }

    fn serve(&self, request: Request) {
        let response = {
            let headers = request.headers().iter();
            let headers: Vec<(&str, &str)> =
                headers.map(|h| (h.field.as_str().as_str(), h.value.as_str())).collect();
            let method = request.method().as_str();
            let head = Head { method, target: request.url(), headers: &headers };
            let (response, long) = self.respond(&head, b"");
            let ticket = head.header(TICKET).and_then(|ticket| ticket.parse().ok());
            if let (Some(long), Some(ticket)) = (long, ticket) {
                self.long().insert(ticket, long);
            }
            response
        };
        // What goes wrong from here on is between the gate and the client.
        request.respond(assemble(response)).ok();
    }

    /// Answers a request that has a body on the thread of its connection: within one process there
    /// is no need to send it to another. tiny_http writes the answer all the same.
    pub(crate) fn serve_here(&self, frame: &Frame, body: &[u8]) -> (Vec<u8>, Option<Long>) {
        let (response, long) = frame.with_head(|head| self.respond(head, body));
        let mut out = Vec::with_capacity(512);
        let written =
            assemble(response).raw_print(&mut out, HTTPVersion(1, 1), &[], frame.is_head, None);
        written.expect("a vector takes everything");
        (out, long)
    }

    fn respond(&self, head: &Head<'_>, body: &[u8]) -> (Response, Option<Long>) {
        let begun = Instant::now();
        let answer = caught(|| self.answer(head, body, begun));
        let (response, rest) = answer.unwrap_or_else(|err| {
            self.log.write(&Event::WorkPanicked { err });
            (failed(), None)
        });
        let method = head.method;
        let long = rest.map(|rest| {
            let (status, handler) = (response.status, response.handler.clone());
            let noted = Response { status, handler, ..Response::default() };
            Long { rest, response: noted, method: method.to_owned(), begun }
        });
        if long.is_none() {
            self.record(&response, method, begun);
        }
        if self.mailbox.is_traced.load(Relaxed) {
            let served = Served::new(head, &response, begun.elapsed());
            self.mailbox.push(Input::Served(Box::new(served)));
        }
        (self.dress(response), long)
    }

    /// Takes what is left of the answer to a connection's request, if it goes on.
    pub(crate) fn take_long(&self, ticket: u64) -> Option<Long> {
        self.long().remove(&ticket)
    }

    /// Counts an answer that went on and has ended.
    pub(crate) fn finish(&self, long: &Long) {
        self.record(&long.response, &long.method, long.begun);
    }

    fn long(&self) -> MutexGuard<'_, BTreeMap<u64, Long>> {
        self.long.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn answer(&self, head: &Head<'_>, body: &[u8], begun: Instant) -> (Response, Option<Rest>) {
        let Some(_entered) = Entered::new(self, head.method) else {
            return (self.site.gate_full(), None);
        };
        let handled = self.site.handle(head, body);
        handled.events.iter().for_each(|event| self.log.write(event));
        let rest = || self.site.timeout().map(|limit| limit.saturating_sub(begun.elapsed()));
        let response = match handled.action {
            Action::Respond(response) => response,
            Action::Call(call) => match self.mailbox.call(call, rest()) {
                Ok(reply) => self.site.reply(head, reply.unwrap_or(Reply::Stopping)),
                Err(_) => self.site.timed_out(),
            },
            Action::Query(query) => match self.mailbox.view(rest()) {
                Ok(Some(view)) => return self.look_up(head, &query, &view),
                Ok(None) => self.site.reply(head, Reply::Stopping),
                Err(_) => self.site.timed_out(),
            },
        };
        (response, None)
    }

    /// Answers a query, of a long list the beginning, and packs the answer if that is wanted.
    fn look_up(
        &self,
        head: &Head<'_>,
        query: &Query,
        view: &Arc<View>,
    ) -> (Response, Option<Rest>) {
        let is_scrape =
            head.target.split('?').next().is_some_and(|path| path.ends_with("/metrics"));
        let (traffic, process) = if is_scrape {
            (self.traffic().clone(), process::figures())
        } else {
            (Traffic::new(0), Process::default())
        };
        let packets_dropped = self.mailbox.dropped();
        let give_way = thread::yield_now;
        let side = Side { traffic: &traffic, process, packets_dropped, give_way };
        let now = clock::wall();
        let (mut response, rest) = query.begin(&self.site, view, now, &side, ANSWER_PIECE_BYTES);
        if response.compressible && rest.is_none() && accepts_gzip(head) {
            response.body = pack::gzip(&response.body);
            response.headers.push(("Content-Encoding", "gzip".into()));
        }
        (response, rest)
    }

    fn record(&self, response: &Response, method: &str, begun: Instant) {
        let (seconds, bytes) = (begun.elapsed().as_secs_f64(), response.body.len() as u64);
        self.traffic().record(&response.handler, method, response.status, seconds, bytes);
    }

    fn traffic(&self) -> MutexGuard<'_, Traffic> {
        self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The answer when a computation panicked; the log has the reason.
fn failed() -> Response {
    let headers = vec![("Content-Type", "text/plain; charset=utf-8".into())];
    let body = b"Internal Server Error\n".to_vec();
    Response { status: 500, headers, body, ..Response::default() }
}

fn accepts_gzip(head: &Head<'_>) -> bool {
    let headers = head.headers.iter();
    let values = headers.filter(|(name, _)| name.eq_ignore_ascii_case("accept-encoding"));
    values.flat_map(|(_, value)| value.split(',')).any(|part| {
        let (name, rest) = part.split_once(';').unwrap_or((part, ""));
        let weight = rest.trim().strip_prefix("q=").and_then(|q| q.parse::<f32>().ok());
        name.trim() == "gzip" && weight.is_none_or(|weight| weight > 0.0)
    })
}

fn assemble(response: Response) -> tiny_http::Response<Cursor<Vec<u8>>> {
    let header = |(name, value): &(&str, _)| Header::from_bytes(*name, AsRef::<str>::as_ref(value));
    let headers = response.headers.iter().filter_map(|line| header(line).ok()).collect();
    let (status, length) = (StatusCode(response.status), response.body.len());
    let body = Cursor::new(response.body);
    // The gate knows the end of an answer by its length.
    tiny_http::Response::new(status, headers, body, Some(length), None)
        .with_chunked_threshold(usize::MAX)
}

/// Lets the request out when it is done or its computation panicked.
struct Entered<'a> {
    desk: &'a Desk,
    method: &'a str,
}

impl<'a> Entered<'a> {
    fn new(desk: &'a Desk, method: &'a str) -> Option<Self> {
        desk.traffic().begin(method).ok()?;
        Some(Self { desk, method })
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.desk.traffic().end(self.method);
    }
}
