//! The HTTP client: exchanges with receivers over kept connections.
//!
//! A connection is driven by the task whose request it carries, so that an exchange costs no hop
//! between tasks; while it is idle nobody drives it.

use std::{
    future::{Future, poll_fn},
    net::{SocketAddr, TcpStream},
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    task::Poll,
    time::Instant,
};

use async_io::{Async, Timer};
use campana_core::{
    limits::{
        ANSWER_BYTES_MAX, ANSWER_DRAIN_MAX, CONNECT_WAIT, IDLE_SEND_AGE, IDLE_SENDS_MAX,
        REDIRECTS_MAX,
    },
    notify::{Answer, Exchange, HttpConfig, SendError, SendErrorKind, http::TlsConfig},
};
use futures_rustls::TlsConnector;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    client::conn::http1::{Builder, SendRequest},
    header::{self, HeaderMap, HeaderName, HeaderValue},
};
use rustls::{ClientConfig, pki_types::ServerName};
use smol::{Executor, future, io};
use smol_hyper::rt::FuturesIo;

use crate::{target::Target, tls};

/// Sends exchanges and keeps connections for the next ones.
pub(crate) struct Client {
    executor: &'static Executor<'static>,
    idle: Mutex<Vec<Idle>>,
    tls: tls::Cache,
}

/// A connection that waits for its next request.
struct Idle {
    key: Key,
    link: Link,
    since: Instant,
}

/// What two requests must have in common to share a connection.
#[derive(Clone)]
struct Key {
    host: String,
    port: u16,
    tls: Option<Arc<ClientConfig>>,
    server_name: Option<Arc<str>>,
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        let same_tls = match (&self.tls, &other.tls) {
            (None, None) => true,
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            _ => false,
        };
        same_tls
            && self.port == other.port
            && self.host == other.host
            && self.server_name == other.server_name
    }
}

/// What is sent, as redirects change it.
struct Plan {
    method: hyper::Method,
    headers: HeaderMap,
    body: Bytes,
}

impl Client {
    /// Makes a client whose housekeeping runs on `executor`.
    pub(crate) fn new(executor: &'static Executor<'static>) -> Self {
        Self { executor, idle: Mutex::default(), tls: tls::Cache::default() }
    }

    /// Delivers a request; gives up at the instant (`None`: never) or after its own timeout.
    pub(crate) async fn deliver(
        &'static self,
        exchange: Exchange,
        at: Option<Instant>,
    ) -> Result<Answer, SendError> {
        let own = exchange.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let at = campana_core::time::earliest(at, own);
        future::or(self.follow(exchange), async move {
            match at {
                Some(at) => Timer::at(at).await,
                None => future::pending().await,
            };
            Err(error(SendErrorKind::Timeout, "context deadline exceeded"))
        })
        .await
    }

    /// Sends the request, and again wherever redirects lead.
    async fn follow(&'static self, exchange: Exchange) -> Result<Answer, SendError> {
        let http = exchange.http.clone();
        let first = Target::parse(exchange.url.expose()).map_err(invalid)?;
        let mut plan = Plan::new(exchange)?;
        let mut target = first.clone();
        for _ in 0..=REDIRECTS_MAX {
            let answer = self.send(&target, &plan, &http).await?;
            let (true, 301 | 302 | 303 | 307 | 308, Some(location)) =
                (http.follow_redirects, answer.status, answer.header("location"))
            else {
                return Ok(answer);
            };
            target = target
                .follow(location)
                .map_err(|e| connection(format!("failed to follow a redirect: {e}")))?;
            plan.redirect(answer.status, first.trusts(&target));
        }
        Err(connection(format!("stopped after {REDIRECTS_MAX} redirects")))
    }

    /// Sends one request over a kept or a new connection.
    async fn send(
        &'static self,
        target: &Target,
        plan: &Plan,
        http: &Arc<HttpConfig>,
    ) -> Result<Answer, SendError> {
        let tls = if target.https { Some(self.settings(http.clone()).await?) } else { None };
        let server_name = http.tls.as_ref().and_then(|tls| tls.server_name.clone());
        let key = Key { host: target.host.clone(), port: target.port, tls, server_name };
        let mut request = plan.request(target)?;
        loop {
            let (mut link, kept) = match self.take(&key) {
                Some(link) => (link, true),
                None => (connect(&key).await?, false),
            };
            if kept && !link.is_alive().await {
                continue;
            }
            match link.send(request).await {
                Ok(response) => {
                    let (answer, complete) = link.read(response).await?;
                    if complete && !link.over {
                        self.keep(key, link);
                    }
                    return Ok(answer);
                }
                Err((_, Some(unsent))) if kept => request = unsent,
                Err((e, _)) => return Err(connection(e)),
            }
        }
    }

    async fn settings(
        &'static self,
        http: Arc<HttpConfig>,
    ) -> Result<Arc<ClientConfig>, SendError> {
        // Reads files, and the system's roots the first time.
        smol::unblock(move || match &http.tls {
            Some(tls) => self.tls.settings(tls),
            None => self.tls.settings(&TlsConfig::default()),
        })
        .await
        .map_err(connection)
    }

    fn take(&self, key: &Key) -> Option<Link> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // The latest used is the least likely to have been closed.
        let found = idle.iter().rposition(|idle| idle.key == *key)?;
        Some(idle.remove(found).link)
    }

    fn keep(&'static self, key: Key, link: Link) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.is_empty() {
            self.executor.spawn(self.sweep()).detach();
        } else if idle.len() == IDLE_SENDS_MAX {
            idle.remove(0);
        }
        idle.push(Idle { key, link, since: Instant::now() });
    }

    /// Closes connections that were idle for long; ends when none is left.
    async fn sweep(&self) {
        loop {
            Timer::after(IDLE_SEND_AGE / 4).await;
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.retain(|idle| idle.since.elapsed() < IDLE_SEND_AGE);
            if idle.is_empty() {
                idle.shrink_to_fit();
                return;
            }
        }
    }
}

impl Plan {
    fn new(exchange: Exchange) -> Result<Self, SendError> {
        let method = exchange.method.parse().map_err(|_| invalid("invalid method".into()))?;
        let mut headers = HeaderMap::with_capacity(exchange.headers.len() + 2);
        // First among the headers by custom; its value depends on the target.
        headers.insert(header::HOST, HeaderValue::from_static(""));
        for (name, value) in &exchange.headers {
            let bad = || invalid(format!("invalid header {name:?}"));
            let value = HeaderValue::from_bytes(value.expose().as_bytes()).map_err(|_| bad())?;
            headers.append(HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?, value);
        }
        Ok(Self { method, headers, body: Bytes::from_owner(exchange.body) })
    }

    fn request(&self, target: &Target) -> Result<Request<Full<Bytes>>, SendError> {
        let bad = |_| invalid("the URL cannot be used".into());
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = target.path.parse().map_err(|_| bad(()))?;
        *request.headers_mut() = self.headers.clone();
        let host = HeaderValue::from_str(&target.authority).map_err(|_| bad(()))?;
        request.headers_mut().insert(header::HOST, host);
        Ok(request)
    }

    /// Makes this what a redirect of that status asks for.
    fn redirect(&mut self, status: u16, trusted: bool) {
        if status < 307 {
            self.method = hyper::Method::GET;
            self.body = Bytes::new();
            self.headers.remove(header::CONTENT_TYPE);
            self.headers.remove(header::CONTENT_ENCODING);
        }
        if !trusted {
            for name in [
                header::AUTHORIZATION,
                header::COOKIE,
                header::PROXY_AUTHORIZATION,
                header::WWW_AUTHENTICATE,
            ] {
                self.headers.remove(name);
            }
        }
    }
}

/// One connection and what sends over it.
struct Link {
    sender: SendRequest<Full<Bytes>>,
    connection: Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>,
    /// Whether the connection has ended.
    over: bool,
}

impl Link {
    /// Waits for a future that needs the connection to make progress.
    async fn drive<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| {
            if !self.over {
                self.over = self.connection.as_mut().poll(cx).is_ready();
            }
            future.as_mut().poll(cx)
        })
        .await
    }

    /// Finds out whether a kept connection can take a request.
    async fn is_alive(&mut self) -> bool {
        poll_fn(|cx| {
            self.over = self.over || self.connection.as_mut().poll(cx).is_ready();
            let ready = !self.over && matches!(self.sender.poll_ready(cx), Poll::Ready(Ok(())));
            Poll::Ready(ready)
        })
        .await
    }

    /// Sends a request. The error comes with the request if nothing of it was written.
    async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, (String, Option<Request<Full<Bytes>>>)> {
        let response = self.sender.try_send_request(request);
        self.drive(response).await.map_err(|mut e| (words(e.error()), e.take_message()))
    }

    /// Reads a response, and tells whether that was all of it.
    async fn read(&mut self, response: Response<Incoming>) -> Result<(Answer, bool), SendError> {
        let (parts, mut incoming) = response.into_parts();
        let mut body = Vec::new();
        let mut seen = 0;
        let complete = loop {
            let frame = match self.drive(incoming.frame()).await {
                None => break true,
                Some(Ok(frame)) => frame,
                // The status says it all; what explains it got lost.
                Some(Err(_)) => break false,
            };
            if let Some(data) = frame.data_ref() {
                seen += data.len();
                let room = ANSWER_BYTES_MAX - body.len();
                body.extend_from_slice(&data[..data.len().min(room)]);
            }
            if seen > ANSWER_DRAIN_MAX {
                break false;
            }
        };
        let headers = parts
            .headers
            .iter()
            .map(|(n, v)| (n.as_str().into(), String::from_utf8_lossy(v.as_bytes()).into_owned()))
            .collect();
        Ok((Answer { status: parts.status.as_u16(), headers, body }, complete))
    }
}

trait Stream: io::AsyncRead + io::AsyncWrite + Send + Unpin {}
impl<T: io::AsyncRead + io::AsyncWrite + Send + Unpin> Stream for T {}

async fn connect(key: &Key) -> Result<Link, SendError> {
    let stream = dial(&key.host, key.port).await?;
    let stream: Box<dyn Stream> = match &key.tls {
        None => Box::new(stream),
        Some(tls) => {
            let name = key.server_name.as_deref().unwrap_or(&key.host).to_owned();
            let name = ServerName::try_from(name).map_err(|_| invalid("invalid host".into()))?;
            let handshake = TlsConnector::from(tls.clone()).connect(name, stream);
            let stream = or_late(handshake, "net/http: TLS handshake timeout").await;
            Box::new(stream.map_err(|e| connection(format!("tls: {e}")))?)
        }
    };
    let (sender, connection) = Builder::new()
        // As Go writes names, for receivers that look too closely.
        .title_case_headers(true)
        .handshake(FuturesIo::new(stream))
        .await
        .map_err(|e| connection(words(&e)))?;
    Ok(Link { sender, connection: Box::pin(connection), over: false })
}

/// Connects to the first address of a host that answers.
async fn dial(host: &str, port: u16) -> Result<Async<TcpStream>, SendError> {
    let addresses: Vec<SocketAddr> = smol::net::resolve((host, port))
        .await
        .map_err(|e| connection(format!("lookup failed: {e}")))?;
    let mut last = io::Error::other("the host has no address");
    for address in addresses {
        match or_late(Async::<TcpStream>::connect(address), "i/o timeout").await {
            Ok(stream) => {
                stream.get_ref().set_nodelay(true).ok();
                return Ok(stream);
            }
            Err(e) => last = e,
        }
    }
    Err(connection(format!("connect: {}", plain(&last))))
}

async fn or_late<T>(work: impl Future<Output = io::Result<T>>, late: &str) -> io::Result<T> {
    future::or(work, async {
        Timer::after(CONNECT_WAIT).await;
        Err(io::Error::new(io::ErrorKind::TimedOut, late))
    })
    .await
}

/// An error and what caused it, in words.
fn words(e: &hyper::Error) -> String {
    match std::error::Error::source(e) {
        Some(cause) => format!("{e}: {cause}"),
        None => e.to_string(),
    }
}

/// An I/O error's text without the number the system has for it.
fn plain(e: &io::Error) -> String {
    let text = e.to_string();
    match text.split_once(" (os error") {
        Some((plain, _)) => plain.to_lowercase(),
        None => text,
    }
}

fn error(kind: SendErrorKind, message: impl Into<String>) -> SendError {
    SendError { kind, message: message.into() }
}

fn connection(message: String) -> SendError {
    error(SendErrorKind::Connection, message)
}

fn invalid(message: String) -> SendError {
    error(SendErrorKind::Invalid, message)
}

#[cfg(test)]
mod tests;
