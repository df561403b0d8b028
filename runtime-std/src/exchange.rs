//! The HTTP client: exchanges with receivers over kept connections.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use campana_core::{
    limits::{
        ANSWER_BYTES_MAX, ANSWER_DRAIN_MAX, CONNECT_WAIT, IDLE_SEND_AGE, IDLE_SENDS_MAX,
        REDIRECTS_MAX,
    },
    notify::{Answer, Exchange, SendError, SendErrorKind, http::TlsConfig},
};
use ureq::{
    Agent, Body, Error,
    config::Config,
    http::{Request, Response, Uri, header::HeaderName},
    unversioned::{
        resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver},
        transport::{Connector as _, NextTimeout, TcpConnector},
    },
};

use crate::tls;

/// TLS settings whose connections are kept: more than a configuration has in practice, and old
/// ones drop out.
const AGENTS_MAX: usize = 16;

/// Bytes that wait in a connection to be sent or read: enough for a usual notification in one
/// piece. ureq's own sizes are made for downloads.
const BUFFER_BYTES: usize = 8 << 10;

/// Sends exchanges and keeps connections for the next ones.
#[derive(Default)]
pub(crate) struct Client {
    /// One agent for each way to speak TLS, latest last.
    agents: Mutex<Vec<(Option<TlsConfig>, Agent)>>,
    tls: Arc<tls::Cache>,
}

impl Client {
    /// Delivers a request and gives up after that long, or after its own timeout.
    pub(crate) fn deliver(
        &self,
        exchange: Exchange,
        within: Duration,
    ) -> Result<Answer, SendError> {
        let within = exchange.timeout.map_or(within, |own| own.min(within));
        let due = Instant::now().checked_add(within);
        let agent = self.agent(exchange.http.tls.as_ref());
        let mut current = None;
        for _ in 0..=REDIRECTS_MAX {
            let request = current.as_ref().unwrap_or(&exchange);
            let rest = due.map(|due| due.saturating_duration_since(Instant::now()));
            if rest.is_some_and(|rest| rest.is_zero()) {
                return Err(late());
            }
            let answer = send(&agent, request, rest)?;
            match request.redirected(&exchange, &answer) {
                None => return Ok(answer),
                Some(next) => current = Some(next?),
            }
        }
        Err(connection(format!("stopped after {REDIRECTS_MAX} redirects")))
    }

    fn agent(&self, tls: Option<&TlsConfig>) -> Agent {
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, agent)) = agents.iter().find(|(known, _)| known.as_ref() == tls) {
            return agent.clone();
        }
        let config = Config::builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .user_agent("")
            .accept("")
            .accept_encoding("")
            .input_buffer_size(BUFFER_BYTES)
            .output_buffer_size(BUFFER_BYTES)
            .max_idle_connections(IDLE_SENDS_MAX)
            .max_idle_connections_per_host(IDLE_SENDS_MAX)
            .max_idle_age(IDLE_SEND_AGE)
            .timeout_connect(Some(CONNECT_WAIT))
            .build();
        let wrap = tls::Connector::new(tls.cloned().unwrap_or_default(), self.tls.clone());
        let connector = ().chain(TcpConnector::default()).chain(wrap);
        let agent = Agent::with_parts(config, connector, Names::default());
        if agents.len() == AGENTS_MAX {
            agents.remove(0);
        }
        agents.push((tls.cloned(), agent.clone()));
        agent
    }
}

fn send(agent: &Agent, exchange: &Exchange, rest: Option<Duration>) -> Result<Answer, SendError> {
    let mut head = Request::builder().method(exchange.method).uri(exchange.url.expose());
    for (name, value) in &exchange.headers {
        head = head.header(&**name, value.expose());
    }
    let unusable = |_| invalid("the request cannot be sent as HTTP");
    let response = if exchange.method == "GET" || exchange.method == "HEAD" {
        let request = head.body(()).map_err(unusable)?;
        agent.run(agent.configure_request(request).timeout_global(rest).build())
    } else {
        let request = head.body(&*exchange.body).map_err(unusable)?;
        agent.run(agent.configure_request(request).timeout_global(rest).build())
    };
    read(response.map_err(words)?)
}

fn read(response: Response<Body>) -> Result<Answer, SendError> {
    let (parts, mut body) = response.into_parts();
    let mut kept = Vec::new();
    let mut reader = body.as_reader();
    let mut read = io::Read::take(&mut reader, ANSWER_BYTES_MAX as u64);
    // A body that breaks off changes nothing: the status says it all.
    if io::Read::read_to_end(&mut read, &mut kept).is_ok() {
        let rest = (ANSWER_DRAIN_MAX - ANSWER_BYTES_MAX) as u64;
        io::copy(&mut io::Read::take(&mut reader, rest), &mut io::sink()).ok();
    }
    let line = |(name, value): (&HeaderName, &ureq::http::HeaderValue)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let headers = parts.headers.iter().map(line).collect();
    Ok(Answer { status: parts.status.as_u16(), headers, body: kept })
}

/// Says what went wrong, without the URL.
fn words(e: Error) -> SendError {
    match e {
        Error::Timeout(ureq::Timeout::Connect) => connection("i/o timeout".into()),
        Error::Timeout(_) => late(),
        Error::Io(e) => match e.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(Error::Timeout(_)) => late(),
            _ if e.kind() == io::ErrorKind::TimedOut => connection("i/o timeout".into()),
            _ => connection(plain(&e)),
        },
        Error::Http(_) | Error::BadUri(_) => invalid("the URL cannot be used"),
        Error::HostNotFound => connection("no such host".into()),
        Error::Other(e) => connection(e.to_string()),
        Error::Rustls(e) => connection(format!("tls: {e}")),
        Error::Protocol(e) => connection(format!("malformed HTTP response: {e}")),
        e => connection(e.to_string()),
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

fn connection(message: String) -> SendError {
    SendError { kind: SendErrorKind::Connection, message }
}

fn invalid(message: &str) -> SendError {
    SendError { kind: SendErrorKind::Invalid, message: message.into() }
}

fn late() -> SendError {
    let message = "context deadline exceeded".into();
    SendError { kind: SendErrorKind::Timeout, message }
}

/// Finds addresses. ureq's resolver starts a thread for each look-up under a deadline, which an
/// address in digits does not need.
#[derive(Default)]
struct Names(DefaultResolver);

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Names")
    }
}

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let host = uri.host().unwrap_or_default();
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        let Ok(ip) = host.parse::<IpAddr>() else { return self.0.resolve(uri, config, timeout) };
        let port = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        let mut found = self.empty();
        found.push(SocketAddr::new(ip, uri.port_u16().unwrap_or(port)));
        Ok(found)
    }
}
