//! Requests: from hyper to the site and back.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering::Relaxed},
    thread,
    time::Instant,
};

use async_io::Timer;
use campana_core::{
    api::{Action, Admit, Checked, Handled, Head, Query, Reply, Response, Rest, Side, Site},
    limits::{
        ANSWER_PIECE_BYTES, BODY_WAIT, LARGE_BODY_BYTES, REFUSED_BODY_WAIT, USUAL_BODY_BYTES,
    },
    metrics::{GateFull, Process, Traffic},
    node::{Input, Served},
    view::View,
};
use http_body_util::BodyExt as _;
use hyper::{
    HeaderMap, Method, Request, StatusCode,
    body::{Body as _, Bytes, Incoming},
    header::{self, HeaderName, HeaderValue},
    http::request::Parts,
};
use smol::{Executor, channel, future, lock::Semaphore};

use crate::{
    body::{Answer, Noted, Spare},
    caught::caught,
    clock,
    log::Log,
    node::Mailbox,
    pace::Phase,
    pack, process,
    web::Watch,
};

/// Who answers requests.
pub(crate) struct Door {
    pub(crate) site: Site,
    pub(crate) mailbox: &'static Mailbox,
    /// Runs what mostly waits.
    pub(crate) executor: &'static Executor<'static>,
    /// Runs what computes.
    pub(crate) compute: &'static Executor<'static>,
    pub(crate) log: Log,
    pub(crate) traffic: Mutex<Traffic>,
    pub(crate) large_bodies: Semaphore,
    /// Who may use the web side; `None` without a file that says so.
    pub(crate) watch: Option<&'static Watch>,
    /// One password is checked at a time, so that computations for others go on.
    pub(crate) proofs: Semaphore,
    /// Buffers for the pieces of long answers.
    pub(crate) spare: Spare,
}

/// Why a request is not answered at all: its connection is closed instead.
#[derive(Debug)]
pub(crate) struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the request did not arrive, or its answer could not be made")
    }
}

impl std::error::Error for Cut {}

/// Answers one request. An error closes the connection.
pub(crate) async fn respond(
    door: &'static Door,
    phase: Phase,
    request: Request<Incoming>,
) -> Result<hyper::Response<Answer>, Cut> {
    let _serving = phase.begin();
    let begun = Instant::now();
    let (parts, body) = request.into_parts();
    let head = Arc::new(OwnedHead::from(parts));
    let is_head = head.method == Method::HEAD;
    if let Some(watch) = door.watch
        && let Err(response) = pass(door, watch, &head).await
    {
        discard(&head, body).await;
        return Ok(assemble(response, None, is_head));
    }
    let answer = answer(door, &head, body);
    let (response, rest) = match door.site.timeout() {
        None => answer.await?,
        Some(limit) => {
            let late = async {
                Timer::after(limit).await;
                Ok((door.site.timed_out(), None))
            };
            future::or(answer, late).await?
        }
    };
    let noted = Noted::new(door, head.method.clone(), &response, begun);
    let rest = rest.map(|rest| (rest, noted));
    if door.mailbox.is_traced.load(Relaxed) {
        let served = head.with(|head| Served::new(head, &response, begun.elapsed()));
        door.mailbox.push(Input::Served(Box::new(served)));
    }
    let response = match door.watch {
        Some(watch) => watch.dress(response),
        None => response,
    };
    Ok(assemble(response, rest, is_head))
}

/// Finds out whether a request may go on. The error is the response if not.
async fn pass(
    door: &'static Door,
    watch: &'static Watch,
    head: &OwnedHead,
) -> Result<(), Response> {
    if watch.is_due() {
        smol::unblock(|| watch.look()).await;
    }
    let proof = match head.with(|head| watch.check(head)) {
        Checked::Pass => return Ok(()),
        Checked::Refuse(response) => return Err(response),
        Checked::Verify(proof) => proof,
    };
    let (told, verdict) = channel::bounded(1);
    let prove = async move {
        let _turn = door.proofs.acquire().await;
        // A client that is gone is not told, but what was learned is kept.
        told.try_send(caught(|| watch.prove(&proof))).ok();
    };
    // Goes on without the client too: every proof is to be settled.
    door.compute.spawn(prove).detach();
    match verdict.recv().await {
        Ok(Ok(verdict)) => verdict,
        _ => Err(failed()),
    }
}

async fn answer(
    door: &'static Door,
    head: &Arc<OwnedHead>,
    body: Incoming,
) -> Result<(Response, Option<Rest>), Cut> {
    let Ok(_gate) = Gate::enter(door, head.method.clone()) else {
        return Ok((door.site.gate_full(), None));
    };
    let body_max = match head.with(|head| door.site.admit(head)) {
        Admit::Read { body_max } => body_max,
        Admit::Respond(response) => {
            discard(head, body).await;
            return Ok((response, None));
        }
    };
    let large = body.size_hint().upper().is_none_or(|length| length > LARGE_BODY_BYTES as u64);
    let _held = if large { Some(door.large_bodies.acquire().await) } else { None };
    let Some(body) = read(head, body, body_max).await? else {
        return Ok((door.site.body_too_large(), None));
    };
    let handled = if body.len() > LARGE_BODY_BYTES {
        let head = head.clone();
        door.compute.spawn(async move { handle(door, &head, &body) }).await
    } else {
        handle(door, head, &body)
    };
    let Ok(Handled { action, events }) = handled else { return Ok((failed(), None)) };
    events.iter().for_each(|event| door.log.write(event));
    let response = match action {
        Action::Respond(response) => response,
        Action::Call(call) => {
            let reply = door.mailbox.call(call).await;
            let reply = reply.unwrap_or(Reply::Stopping);
            head.with(|head| door.site.reply(head, reply))
        }
        Action::Query(query) => match door.mailbox.view().await {
            None => head.with(|head| door.site.reply(head, Reply::Stopping)),
            Some(view) => {
                let head = head.clone();
                let work = async move { caught(|| look_up(door, &head, &query, &view)) };
                return Ok(door.compute.spawn(work).await.unwrap_or_else(|_| (failed(), None)));
            }
        },
    };
    Ok((response, None))
}

fn handle(door: &Door, head: &OwnedHead, body: &[u8]) -> Result<Handled, String> {
    caught(|| head.with(|head| door.site.handle(head, body)))
}

/// Answers a query, of a long list the beginning, and packs the answer if that is wanted.
fn look_up(
    door: &Door,
    head: &OwnedHead,
    query: &Query,
    view: &Arc<View>,
) -> (Response, Option<Rest>) {
    let is_scrape = head.target.split('?').next().is_some_and(|path| path.ends_with("/metrics"));
    let (traffic, process) = if is_scrape {
        (door.traffic().clone(), process::figures())
    } else {
        (Traffic::new(0), Process::default())
    };
    let packets_dropped = door.mailbox.dropped();
    let side = Side { traffic: &traffic, process, packets_dropped, give_way: thread::yield_now };
    let (mut response, rest) =
        query.begin(&door.site, view, clock::wall(), &side, ANSWER_PIECE_BYTES);
    if response.compressible && rest.is_none() && accepts_gzip(&head.headers) {
        response.body = pack::gzip(&response.body);
        response.headers.push(("Content-Encoding", "gzip".into()));
    }
    (response, rest)
}

/// The answer when a computation panicked; the log has the reason.
fn failed() -> Response {
    let body = b"Internal Server Error\n".to_vec();
    let headers = vec![("Content-Type", "text/plain; charset=utf-8".into())];
    Response { status: 500, headers, body, ..Response::default() }
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter();
    values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(|part| {
        let (name, rest) = part.split_once(';').unwrap_or((part, ""));
        let weight = rest.trim().strip_prefix("q=").and_then(|q| q.parse::<f32>().ok());
        name.trim() == "gzip" && weight.is_none_or(|weight| weight > 0.0)
    })
}

/// Reads a body of at most `limit` bytes; `None` if it is longer.
async fn read(head: &OwnedHead, mut body: Incoming, limit: usize) -> Result<Option<Bytes>, Cut> {
    if body.size_hint().lower() > limit as u64 {
        discard(head, body).await;
        return Ok(None);
    }
    let late = async {
        Timer::after(BODY_WAIT).await;
        Err(Cut)
    };
    let read = future::or(collect(&mut body, limit), late).await?;
    if read.is_none() {
        discard(head, body).await;
    }
    Ok(read)
}

async fn collect(body: &mut Incoming, limit: usize) -> Result<Option<Bytes>, Cut> {
    let mut whole = Vec::new();
    // What a client says of the length is believed up to what a usual post needs.
    let likely = (body.size_hint().lower() as usize).min(USUAL_BODY_BYTES);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Cut)?.into_data() else { continue };
        if whole.is_empty() && body.is_end_stream() && data.len() <= limit {
            return Ok(Some(data));
        }
        if whole.len() + data.len() > limit {
            return Ok(None);
        }
        if whole.is_empty() {
            whole.reserve(likely);
        }
        whole.extend_from_slice(&data);
    }
    Ok(Some(whole.into()))
}

/// Reads on for a moment, so that the client gets to see the answer.
async fn discard(head: &OwnedHead, mut body: Incoming) {
    // A client that asked first must not be told to go on.
    if body.is_end_stream() || head.headers.contains_key(header::EXPECT) {
        return;
    }
    let rest = async { while let Some(Ok(_)) = body.frame().await {} };
    let late = async {
        Timer::after(REFUSED_BODY_WAIT).await;
    };
    future::or(rest, late).await;
}

fn assemble(
    response: Response,
    rest: Option<(Rest, Noted)>,
    is_head: bool,
) -> hyper::Response<Answer> {
    // What goes on has no length that is known.
    let length = rest.is_none().then_some(response.body.len());
    let body = match rest {
        _ if is_head => Answer::whole(Vec::new()),
        None => Answer::whole(response.body),
        Some((rest, noted)) => Answer::long(response.body, rest, noted),
    };
    let mut assembled = hyper::Response::new(body);
    *assembled.status_mut() =
        StatusCode::from_u16(response.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = assembled.headers_mut();
    for (name, value) in &response.headers {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
        {
            headers.append(name, value);
        }
    }
    if let Some(length) = length.filter(|_| is_head) {
        headers.insert(header::CONTENT_LENGTH, length.into());
    }
    assembled
}

impl Door {
    pub(crate) fn traffic(&self) -> MutexGuard<'_, Traffic> {
        self.traffic.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets the request out when it is done or given up.
struct Gate {
    door: &'static Door,
    method: Method,
}

impl Gate {
    fn enter(door: &'static Door, method: Method) -> Result<Self, GateFull> {
        door.traffic().begin(method.as_str())?;
        Ok(Self { door, method })
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.door.traffic().end(self.method.as_str());
    }
}

/// A request's head that can move between threads.
struct OwnedHead {
    method: Method,
    target: String,
    headers: HeaderMap,
}

impl From<Parts> for OwnedHead {
    fn from(parts: Parts) -> Self {
        Self { method: parts.method, target: parts.uri.to_string(), headers: parts.headers }
    }
}

impl OwnedHead {
    /// Shows the head as the site wants it. Values that are not text are left out.
    fn with<T>(&self, look: impl FnOnce(&Head<'_>) -> T) -> T {
        let headers: Vec<(&str, &str)> = self
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
            .collect();
        look(&Head { method: self.method.as_str(), target: &self.target, headers: &headers })
    }
}
