//! The HTTP client: exchanges with receivers over kept connections.
//!
//! A connection is driven by the task whose request it carries, so that an exchange costs no hop
//! between tasks; while it is idle nobody drives it. HTTP/2 is spoken where the other side offers
//! it over TLS, with one request at a time on a connection, as over HTTP/1.1.

use std::{
    future::{Future, poll_fn},
    net::{SocketAddr, TcpStream},
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Instant,
};

use async_io::{Async, Timer};
use campana_core::{
    limits::{
        ANSWER_BYTES_MAX, ANSWER_DRAIN_MAX, CONNECT_WAIT, IDLE_SEND_AGE, IDLE_SENDS_MAX,
        REDIRECTS_MAX,
    },
    notify::{
        Answer, Exchange, HttpConfig, SendError, SendErrorKind,
        egress::Egress,
        way::{Peer, Tunnel, TunnelStep, Way},
    },
};
use futures_rustls::TlsConnector;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Request, Response, Uri,
    body::{Bytes, Incoming},
    client::conn::{TrySendError, http1, http2},
    header::{self, HeaderName, HeaderValue},
};
use rustls::{ClientConfig, pki_types::ServerName};
use smol::{
    Executor, future,
    io::{self, AsyncReadExt as _, AsyncWriteExt as _},
};

use crate::{
    pack, trust,
    wire::{Look, Socket, Wire},
};

/// HTTP/2 among the protocols of TLS.
const HTTP2: &[u8] = b"h2";
/// What is offered to the other side.
const BOTH: &[&[u8]] = &[HTTP2, trust::HTTP1];
/// The same without HTTP/2.
const ONE: &[&[u8]] = &[trust::HTTP1];

/// Sends exchanges and keeps connections for the next ones.
pub(crate) struct Client {
    executor: &'static Executor<'static>,
    idle: Mutex<Vec<Idle>>,
    trust: trust::Cache,
    egress: Egress,
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
    peer: Peer,
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
        same_tls && self.server_name == other.server_name && self.peer == other.peer
    }
}

impl Client {
    /// Makes a client whose housekeeping runs on `executor`.
    pub(crate) fn new(executor: &'static Executor<'static>, egress: Egress) -> Self {
        Self { executor, idle: Mutex::default(), trust: trust::Cache::default(), egress }
    }

    /// Delivers a request; gives up at the instant (`None`: never) or after its own timeout.
    pub(crate) async fn deliver(
        &'static self,
        exchange: Exchange,
        at: Option<Instant>,
    ) -> Result<Answer, SendError> {
        let own = exchange.timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let at = campana_core::time::earliest(at, own);
        let exchange = exchange.signed(trust::sign)?.packed(pack::gzip);
        let mut current = None;
        for _ in 0..=REDIRECTS_MAX {
            let request = current.as_ref().unwrap_or(&exchange);
            let answer = self.send(request, at).await?;
            match request.redirected(&exchange, &answer) {
                None => return Ok(answer),
                Some(next) => current = Some(next?),
            }
        }
        Err(connection(format!("stopped after {REDIRECTS_MAX} redirects")))
    }

    /// Sends one request over a kept or a new connection.
    async fn send(
        &'static self,
        exchange: &Exchange,
        at: Option<Instant>,
    ) -> Result<Answer, SendError> {
        let way = exchange.way()?;
        self.egress.check_target(&way)?;
        let http = &exchange.http;
        let tls = if way.needs_tls() { Some(self.settings(http.clone()).await?) } else { None };
        let server_name = http.tls.as_ref().and_then(|tls| tls.server_name.clone());
        let key = Key { peer: way.peer(), tls, server_name };
        let mut late = at.map_or_else(Timer::never, Timer::at);
        let (mut link, response) = in_time(&mut late, self.begin(exchange, &way, &key)).await?;
        let mut answer = head(&response);
        match in_time(&mut late, link.read(response, &mut answer.body)).await {
            Ok(complete) => {
                if complete && !link.over {
                    self.keep(key, link);
                }
                Ok(answer)
            }
            Err(e) => exchange.broken_off(answer, e),
        }
    }

    /// Sends a request and waits for the head of the response.
    async fn begin(
        &self,
        exchange: &Exchange,
        way: &Way,
        key: &Key,
    ) -> Result<(Link, Response<Incoming>), SendError> {
        let mut request = request(exchange, way)?;
        loop {
            let (mut link, kept) = match self.take(key) {
                Some(link) => (link, true),
                None => (connect(self, way, key).await?, false),
            };
            if kept && !link.is_alive().await {
                continue;
            }
            if matches!(link.sender, Sender::Two(_)) {
                whole_uri(&mut request, way)?;
            }
            match link.send(request).await {
                Ok(response) => return Ok((link, response)),
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
        smol::unblock(move || {
            let tls = http.tls.clone().unwrap_or_default();
            self.trust.settings(&tls, if http.enable_http2 { BOTH } else { ONE })
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

fn request(exchange: &Exchange, way: &Way) -> Result<Request<Full<Bytes>>, SendError> {
    let unusable = |_| invalid("the URL cannot be used".into());
    let value = |text: &str| HeaderValue::from_bytes(text.as_bytes()).map_err(|_| ());
    let mut request = Request::new(Full::new(Bytes::from_owner(exchange.body.clone())));
    *request.method_mut() = exchange.method.parse().map_err(|_| unusable(()))?;
    *request.uri_mut() = way.target().parse().map_err(|_| unusable(()))?;
    let headers = request.headers_mut();
    // First among the headers by custom.
    headers.insert(header::HOST, value(&way.authority).map_err(unusable)?);
    for (name, text) in &exchange.headers {
        let bad = |()| invalid(format!("invalid header {name:?}"));
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad(()))?;
        headers.append(header, value(text.expose()).map_err(bad)?);
    }
    if let Some(text) = way.proxy_authorization() {
        headers.insert(header::PROXY_AUTHORIZATION, value(text.expose()).map_err(unusable)?);
    }
    Ok(request)
}

/// Writes the target as HTTP/2 wants it: with the host in it, not beside it.
fn whole_uri(request: &mut Request<Full<Bytes>>, way: &Way) -> Result<(), SendError> {
    let target = format!("https://{}{}", way.authority, way.target());
    *request.uri_mut() =
        target.parse::<Uri>().map_err(|_| invalid("the URL cannot be used".into()))?;
    request.headers_mut().remove(header::HOST);
    Ok(())
}

/// Takes over what is known before the body.
fn head(response: &Response<Incoming>) -> Answer {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = response.headers().iter().map(|(n, v)| (n.as_str().into(), text(v))).collect();
    Answer { status: response.status().as_u16(), headers, body: Vec::new() }
}

/// One connection and what sends over it.
struct Link {
    sender: Sender,
    connection: Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>,
    /// Whether the connection has ended.
    over: bool,
    look: Look,
}

/// Where HTTP/2 runs what goes on beside a request.
#[derive(Clone, Copy)]
struct Tasks(&'static Executor<'static>);

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, work: F) {
        self.0.spawn(work).detach();
    }
}

/// What takes requests, by the version of HTTP.
enum Sender {
    One(http1::SendRequest<Full<Bytes>>),
    Two(http2::SendRequest<Full<Bytes>>),
}

type Tried = Result<Response<Incoming>, TrySendError<Request<Full<Bytes>>>>;

impl Sender {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        match self {
            Self::One(sender) => sender.poll_ready(cx),
            Self::Two(sender) => sender.poll_ready(cx),
        }
    }

    fn try_send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Tried> + Send>> {
        match self {
            Self::One(sender) => Box::pin(sender.try_send_request(request)),
            Self::Two(sender) => Box::pin(sender.try_send_request(request)),
        }
    }
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
        self.look.ask();
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
        let response = self.sender.try_send(request);
        self.drive(response).await.map_err(|mut e| (words(e.error()), e.take_message()))
    }

    /// Reads a body as far as it is kept, and tells whether that was all of it.
    async fn read(
        &mut self,
        response: Response<Incoming>,
        body: &mut Vec<u8>,
    ) -> Result<bool, SendError> {
        let mut incoming = response.into_body();
        let mut seen = 0;
        while let Some(frame) = self.drive(incoming.frame()).await {
            let frame = match frame {
                Ok(frame) => frame,
                // What is kept is there already.
                Err(_) if body.len() == ANSWER_BYTES_MAX => return Ok(false),
                Err(e) => return Err(connection(words(&e))),
            };
            if let Some(data) = frame.data_ref() {
                seen += data.len();
                let room = ANSWER_BYTES_MAX - body.len();
                body.extend_from_slice(&data[..data.len().min(room)]);
            }
            if seen > ANSWER_DRAIN_MAX {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Waits for work until a timer fires.
async fn in_time<T>(
    late: &mut Timer,
    work: impl Future<Output = Result<T, SendError>>,
) -> Result<T, SendError> {
    future::or(work, async move {
        late.await;
        Err(error(SendErrorKind::Timeout, "context deadline exceeded"))
    })
    .await
}

trait Stream: io::AsyncRead + io::AsyncWrite + Send + Unpin {}
impl<T: io::AsyncRead + io::AsyncWrite + Send + Unpin> Stream for T {}

async fn connect(client: &Client, way: &Way, key: &Key) -> Result<Link, SendError> {
    let lookup = smol::net::resolve(way.dial()).await;
    let addresses = lookup.map_err(|e| way.broken(&format!("lookup failed: {e}")))?;
    let addresses = client.egress.pass(addresses)?;
    let socket = Socket::new(dial(addresses).await.map_err(|why| way.broken(&why))?);
    let look = socket.look();
    let mut stream: Box<dyn Stream> = Box::new(socket);
    if let Some(host) = way.proxy_tls() {
        (stream, _) = encrypt(stream, key, host).await.map_err(|why| way.broken(&why))?;
    }
    if let Some(tunnel) = way.tunnel() {
        pass(&mut stream, tunnel, way).await?;
    }
    let mut is_two = false;
    if way.https {
        (stream, is_two) = encrypt(stream, key, &way.host).await.map_err(connection)?;
    }
    let stream = Wire::new(stream);
    let failed = |e: hyper::Error| connection(words(&e));
    if is_two {
        let shaken = http2::handshake(Tasks(client.executor), stream).await;
        let (sender, connection) = shaken.map_err(failed)?;
        return Ok(Link {
            sender: Sender::Two(sender),
            connection: Box::pin(connection),
            over: false,
            look,
        });
    }
    let (sender, connection) = http1::Builder::new()
        // As Go writes names, for receivers that look too closely.
        .title_case_headers(true)
        .handshake(stream)
        .await
        .map_err(failed)?;
    Ok(Link { sender: Sender::One(sender), connection: Box::pin(connection), over: false, look })
}

/// Makes TLS, and tells whether the other side chose HTTP/2.
async fn encrypt(
    stream: Box<dyn Stream>,
    key: &Key,
    host: &str,
) -> Result<(Box<dyn Stream>, bool), String> {
    let name = key.server_name.as_deref().unwrap_or(host).to_owned();
    let name = ServerName::try_from(name).map_err(|_| "tls: invalid server name")?;
    let tls = key.tls.clone().ok_or("tls: no settings")?;
    let handshake = TlsConnector::from(tls).connect(name, stream);
    let stream = or_late(handshake, "net/http: TLS handshake timeout").await;
    let stream = stream.map_err(|e| format!("tls: {e}"))?;
    let is_two = stream.get_ref().1.alpn_protocol() == Some(HTTP2);
    Ok((Box::new(stream), is_two))
}

/// Has the proxy open the way to the target.
async fn pass(
    stream: &mut Box<dyn Stream>,
    mut tunnel: Tunnel,
    way: &Way,
) -> Result<(), SendError> {
    let broken = |e: io::Error| way.broken(&plain(&e));
    let mut buffer = [0; 512];
    let mut heard = 0;
    loop {
        match tunnel.step(&buffer[..heard])? {
            TunnelStep::Open => return Ok(()),
            TunnelStep::Write(bytes) => {
                stream.write_all(&bytes).await.map_err(broken)?;
                stream.flush().await.map_err(broken)?;
                heard = 0;
            }
            TunnelStep::Read => {
                heard = stream.read(&mut buffer).await.map_err(broken)?;
                if heard == 0 {
                    return Err(way.broken("EOF"));
                }
            }
        }
    }
}

/// Connects to the first address of a host that answers.
async fn dial(addresses: Vec<SocketAddr>) -> Result<Async<TcpStream>, String> {
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
    Err(format!("connect: {}", plain(&last)))
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
