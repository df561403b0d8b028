//! The HTTP client: exchanges with receivers over kept connections.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use campana_core::{
    limits::{
        ANSWER_BYTES_MAX, ANSWER_DRAIN_MAX, CONNECT_WAIT, IDLE_SEND_AGE, IDLE_SENDS_MAX,
        REDIRECTS_MAX,
    },
    notify::{Answer, Exchange, SendError, egress::Egress, http::TlsConfig, way::Way},
};
use ureq::{
    Agent, Body, Error,
    config::Config,
    http::{Request, Response, header::HeaderName},
};

use crate::{
    pack, trust,
    wire::{Names, Style, Wire, connection, invalid, late, words},
};

/// Ways to connect whose connections are kept: more than a configuration has in practice, and old
/// ones drop out.
const AGENTS_MAX: usize = 16;

/// Bytes that wait in a connection to be sent or read: enough for a usual notification in one
/// piece. ureq's own sizes are made for downloads.
const BUFFER_BYTES: usize = 8 << 10;

/// Sends exchanges and keeps connections for the next ones.
pub(crate) struct Client {
    /// One agent for each way to connect, latest used last.
    agents: Mutex<Vec<(Style, Agent)>>,
    trust: trust::Cache,
    egress: Arc<Egress>,
}

impl Client {
    /// Makes a client that keeps away from what is denied.
    pub(crate) fn new(egress: Egress) -> Self {
        Self { agents: Mutex::default(), trust: trust::Cache::default(), egress: egress.into() }
    }

    /// Delivers a request and gives up after that long, or after its own timeout.
    pub(crate) fn deliver(
        &self,
        exchange: Exchange,
        within: Duration,
    ) -> Result<Answer, SendError> {
        let exchange = exchange.signed(trust::sign)?.packed(pack::gzip);
        let within = exchange.timeout.map_or(within, |own| own.min(within));
        let due = Instant::now().checked_add(within);
        let mut current = None;
        for _ in 0..=REDIRECTS_MAX {
            let request = current.as_ref().unwrap_or(&exchange);
            let way = request.way()?;
            self.egress.check_target(&way)?;
            let agent = self.agent(self.style(request, &way)?);
            let rest = due.map(|due| due.saturating_duration_since(Instant::now()));
            if rest.is_some_and(|rest| rest.is_zero()) {
                return Err(late());
            }
            let answer = send(&agent, request, &way, rest)?;
            match request.redirected(&exchange, &answer) {
                None => return Ok(answer),
                Some(next) => current = Some(next?),
            }
        }
        Err(connection(format!("stopped after {REDIRECTS_MAX} redirects")))
    }

    /// Says how to connect. Reads the files of the TLS settings, if TLS is spoken at all.
    fn style(&self, exchange: &Exchange, way: &Way) -> Result<Style, SendError> {
        let mut style = Style { proxy: way.proxy.clone(), ..Style::default() };
        if way.needs_tls() {
            let tls = exchange.http.tls.as_ref();
            // The library speaks nothing else.
            let settings = match tls {
                Some(tls) => self.trust.settings(tls, &[trust::HTTP1]),
                None => self.trust.settings(&TlsConfig::default(), &[trust::HTTP1]),
            };
            style.tls = Some(settings.map_err(connection)?);
            style.server_name = tls.and_then(|tls| tls.server_name.clone());
        }
        Ok(style)
    }

    fn agent(&self, style: Style) -> Agent {
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = agents.iter().position(|(known, _)| *known == style) {
            let found = agents.remove(at);
            let agent = found.1.clone();
            agents.push(found);
            return agent;
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
        let (wire, names) =
            (Wire::new(style.clone()), Names::new(style.clone(), self.egress.clone()));
        let agent = Agent::with_parts(config, wire, names);
        if agents.len() == AGENTS_MAX {
            agents.remove(0);
        }
        agents.push((style, agent.clone()));
        agent
    }
}

fn send(
    agent: &Agent,
    exchange: &Exchange,
    way: &Way,
    rest: Option<Duration>,
) -> Result<Answer, SendError> {
    let mut head = Request::builder().method(exchange.method).uri(exchange.url.expose());
    for (name, value) in &exchange.headers {
        head = head.header(&**name, value.expose());
    }
    if let Some(value) = way.proxy_authorization() {
        head = head.header("Proxy-Authorization", value.expose());
    }
    let unusable = |_| invalid("the request cannot be sent as HTTP");
    let response = if exchange.method == "GET" || exchange.method == "HEAD" {
        let request = head.body(()).map_err(unusable)?;
        agent.run(agent.configure_request(request).timeout_global(rest).build())
    } else {
        let request = head.body(&*exchange.body).map_err(unusable)?;
        agent.run(agent.configure_request(request).timeout_global(rest).build())
    };
    read(exchange, response.map_err(words)?)
}

fn read(exchange: &Exchange, response: Response<Body>) -> Result<Answer, SendError> {
    let (parts, mut body) = response.into_parts();
    let mut kept = Vec::new();
    let mut reader = body.as_reader();
    let mut read = io::Read::take(&mut reader, ANSWER_BYTES_MAX as u64);
    let whole = io::Read::read_to_end(&mut read, &mut kept);
    if whole.is_ok() {
        let rest = (ANSWER_DRAIN_MAX - ANSWER_BYTES_MAX) as u64;
        // What is kept is there already.
        io::copy(&mut io::Read::take(&mut reader, rest), &mut io::sink()).ok();
    }
    let line = |(name, value): (&HeaderName, &ureq::http::HeaderValue)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let headers = parts.headers.iter().map(line).collect();
    let answer = Answer { status: parts.status.as_u16(), headers, body: kept };
    match whole {
        Ok(_) => Ok(answer),
        Err(e) => exchange.broken_off(answer, words(Error::Io(e))),
    }
}
