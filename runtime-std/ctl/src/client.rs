//! The HTTP client: one server, one deadline for all of a command's requests.

use std::{
    env, fmt, fs, io,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use campana_core::{
    cli::ENVIRONMENT,
    config::{self, Origin},
    label::quote::quote,
    limits::IDLE_SEND_AGE,
    notify::{
        Environment, Secret, SecretSource,
        http::{Auth, HttpConfig, ProxyConfig, TextSource},
        proxy::Proxies,
        way::Way,
    },
};
use serde::Deserialize;
use ureq::{Agent, Error, http::Request};

use crate::{
    address::{Address, percent},
    date,
    session::{Failure, Session, now},
    source, trust,
    wire::{Names, Style, Wire},
};

/// The largest answer that is read: far more than any server's alerts.
const ANSWER_BYTES_MAX: u64 = 1 << 30;

/// How far the clocks may be apart before it is worth a word.
const SKEW_MAX: Duration = Duration::from_secs(60);

/// Redirects that are followed for one request.
const REDIRECTS_MAX: u32 = 10;

/// A server to ask.
pub(crate) struct Client {
    agent: Agent,
    address: Address,
    headers: Vec<(String, String)>,
    due: Instant,
    /// How far this host's clock is ahead of the server's, in seconds, as of the last answer.
    ahead: Mutex<Option<i64>>,
}

/// What a server answered.
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: String,
    /// Where it came from, for messages.
    shown: String,
}

impl Client {
    /// Makes a client of the session's flags.
    pub(crate) fn new(session: &Session) -> Result<Self, Failure> {
        let address = Address::parse(session.text("alertmanager.url"))?;
        let http = match session.optional("http.config.file") {
            Some(_) if address.user.is_some() => {
                return Err("basic authentication is given in both --http.config.file and \
                            --alertmanager.url; remove one"
                    .to_owned());
            }
            Some(path) => Some(read_http_config(path)?),
            None => None,
        };
        // A file says all there is to say, and none leaves it to the environment.
        let http = http.unwrap_or_else(|| {
            let proxy = ProxyConfig { from_environment: true, ..ProxyConfig::default() };
            HttpConfig { proxy, ..HttpConfig::default() }
        });
        let way = way(&address, &http)?;
        let mut headers = headers(&http)?;
        if let Some(value) = way.proxy_authorization() {
            headers.push(("Proxy-Authorization".to_owned(), value.expose().to_owned()));
        }
        if let Some((name, password)) = &address.user {
            headers.push(basic(name, password));
        }
        let config = ureq::config::Config::builder()
            .http_status_as_error(false)
            .max_redirects(if http.follow_redirects { REDIRECTS_MAX } else { 0 })
            .max_redirects_will_error(http.follow_redirects)
            .proxy(None)
            .user_agent(format!("campanactl/{}", env!("CARGO_PKG_VERSION")))
            .max_idle_age(IDLE_SEND_AGE)
            .build();
        let tls = http.tls.as_ref().map(trust::client).transpose()?;
        let server_name = http.tls.as_ref().and_then(|tls| tls.server_name.clone());
        let style = Style { proxy: way.proxy, tls, server_name };
        let names = Names::new(style.clone(), Arc::default());
        let agent = Agent::with_parts(config, Wire::new(style), names);
        let within = session.span("timeout").unwrap_or_default();
        let due = Instant::now() + within.min(Duration::from_secs(86_400 * 365));
        Ok(Self { agent, address, headers, due, ahead: Mutex::new(None) })
    }

    /// Asks for a path below the API, such as `/alerts?active=true`.
    pub(crate) fn get(&self, path: &str) -> Result<Answer, Failure> {
        self.send("GET", path, None)
    }

    /// Posts JSON.
    pub(crate) fn post(&self, path: &str, body: &str) -> Result<Answer, Failure> {
        self.send("POST", path, Some(body))
    }

    /// Deletes what a path names.
    pub(crate) fn delete(&self, path: &str) -> Result<Answer, Failure> {
        self.send("DELETE", path, None)
    }

    fn send(&self, method: &str, path: &str, body: Option<&str>) -> Result<Answer, Failure> {
        let url = format!("{}/api/v2{path}", self.address.url);
        let verb = format!("{}{}", &method[..1], method[1..].to_ascii_lowercase());
        let failed = |why: &str| format!("{verb} {}: {why}", quote(&url));
        let rest = self.due.saturating_duration_since(Instant::now());
        if rest.is_zero() {
            return Err(failed("context deadline exceeded"));
        }
        let mut head = Request::builder().method(method).uri(&url);
        head = head.header("Accept", "application/json");
        for (name, value) in &self.headers {
            head = head.header(name, value);
        }
        let run = || match body {
            Some(body) => {
                let head = head.header("Content-Type", "application/json");
                let request = head.body(body)?;
                self.agent
                    .run(self.agent.configure_request(request).timeout_global(Some(rest)).build())
            }
            None => {
                let request = head.body(())?;
                self.agent
                    .run(self.agent.configure_request(request).timeout_global(Some(rest)).build())
            }
        };
        let mut response = run().map_err(|e| failed(&self.words(e)))?;
        if let Some(theirs) =
            response.headers().get("date").and_then(|d| date::parse(d.to_str().ok()?))
        {
            let ahead = now().parts().0.saturating_sub(theirs);
            *self.ahead.lock().unwrap_or_else(PoisonError::into_inner) = Some(ahead);
        }
        let status = response.status().as_u16();
        let read = response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        let body = read.map_err(|e| failed(&self.words(e)))?;
        let body = String::from_utf8(body).map_err(|_| failed("the answer is not UTF-8"))?;
        Ok(Answer { status, body, shown: url })
    }

    /// Says what went wrong, as Go says it where it has words for it.
    fn words(&self, e: Error) -> String {
        match e {
            Error::Timeout(_) => "context deadline exceeded".to_owned(),
            Error::Io(e) => match e.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
                Some(Error::Timeout(_)) => "context deadline exceeded".to_owned(),
                _ if e.kind() == io::ErrorKind::ConnectionRefused => {
                    format!("dial tcp {}: connect: connection refused", self.address.host_port)
                }
                _ => plain(&e),
            },
            Error::HostNotFound => {
                format!("dial tcp: lookup {}: no such host", self.address.host_port)
            }
            Error::Rustls(e) => format!("tls: {e}"),
            e => e.to_string(),
        }
    }

    /// Tells how far this host's clock is ahead of the server's, if that is far: the seconds.
    pub(crate) fn skew(&self) -> Option<i64> {
        let ahead = *self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        ahead.filter(|seconds| seconds.unsigned_abs() > SKEW_MAX.as_secs())
    }

    /// Warns when times that this host's clock gave mean something else to the server.
    pub(crate) fn warn_of_skew(&self, session: &Session) {
        if let Some(ahead) = self.skew() {
            let span = Duration::from_secs(ahead.unsigned_abs());
            let span = campana_core::time::duration::format_go_span(span);
            let side = if ahead > 0 { "ahead of" } else { "behind" };
            session.warn(format_args!(
                "this host's clock is {span} {side} the server's; start and end count from this \
                 host's, so give --start and --end, or set the clock"
            ));
        }
    }
}

impl Answer {
    /// Reads the body as JSON, if the request went well. `operation` is its name in messages, such
    /// as `GET /alerts`.
    pub(crate) fn json<T: for<'de> Deserialize<'de>>(&self, operation: &str) -> Result<T, Failure> {
        self.check(operation)?;
        serde_json::from_str(&self.body).map_err(|e| {
            let is_page = self.body.trim_start().starts_with('<');
            let advice = if is_page {
                "; it is a web page: the URL may be wrong, or a proxy asks for a login"
            } else {
                ""
            };
            format!("the answer of {} is not what an alert manager says: {e}{advice}", self.shown)
        })
    }

    /// Checks that the request went well.
    pub(crate) fn check(&self, operation: &str) -> Result<(), Failure> {
        if self.status == 200 {
            return Ok(());
        }
        Err(format!("[{operation}][{}] {}", self.status, self.reason()))
    }

    /// What the server says about its refusal.
    fn reason(&self) -> String {
        let body = self.body.trim();
        if let Ok(text) = serde_json::from_str::<String>(body) {
            return quote(&text);
        }
        #[derive(Deserialize)]
        struct Refusal {
            message: String,
        }
        if let Ok(Refusal { message }) = serde_json::from_str(body) {
            return message;
        }
        match self.status {
            _ if body.starts_with('<') => "the answer is a web page: the URL may be wrong, or a \
                                           proxy stands in between"
                .to_owned(),
            401 => "the server asks for a user and a password; see --http.config.file".to_owned(),
            403 => format!("not allowed: {}", first_line(body)),
            404 if body.is_empty() => "not found".to_owned(),
            300..=399 => "the answer leads elsewhere; check --alertmanager.url".to_owned(),
            _ if body.is_empty() => "without a reason".to_owned(),
            _ => first_line(body).to_owned(),
        }
    }
}

/// The first line of an answer, at most so much of it that it fits a message.
fn first_line(body: &str) -> &str {
    let line = body.lines().next().unwrap_or_default();
    match line.char_indices().nth(300) {
        Some((end, _)) => &line[..end],
        None => line,
    }
}

fn plain(e: &io::Error) -> String {
    let text = e.to_string();
    match text.split_once(" (os error") {
        Some((plain, _)) => plain.to_lowercase(),
        None => text,
    }
}

fn read_http_config(path: &str) -> Result<HttpConfig, Failure> {
    source::check(path)?;
    let text = source::read(path)?;
    let directory = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    config::http_client(&text, &Origin { file: path, directory })
        .map_err(|e| format!("failed to load HTTP config file: {e}"))
}

/// The way to the server, through the proxy that the settings name for it.
fn way(address: &Address, http: &HttpConfig) -> Result<Way, Failure> {
    let known = ENVIRONMENT.iter().filter_map(|name| Some((*name, env::var(name).ok()?)));
    let known = known.filter(|(_, value)| !value.is_empty());
    let environment: Environment =
        known.map(|(name, value)| (name.to_owned(), Secret::new(value))).collect();
    let proxies = Proxies::new(&http.proxy, &environment)?;
    let mut way = Way::new(&address.url, None).map_err(|e| e.to_string())?;
    way.proxy = proxies.of(way.https, &way.host, way.port).cloned();
    Ok(way)
}

/// The headers that every request carries.
fn headers(http: &HttpConfig) -> Result<Vec<(String, String)>, Failure> {
    let mut all = Vec::new();
    match &http.auth {
        Auth::None => {}
        Auth::Basic { username, password } => {
            let name = username.as_ref().map(text).transpose()?.unwrap_or_default();
            let password = password.as_ref().map(secret).transpose()?.unwrap_or_default();
            all.push(basic(&name, &password));
        }
        Auth::Scheme { kind, credentials } => {
            let credentials = credentials.as_ref().map(secret).transpose()?.unwrap_or_default();
            all.push(("Authorization".to_owned(), format!("{kind} {credentials}")));
        }
        Auth::OAuth2(_) => {
            return Err("oauth2 is not available in this tool; get a token and give it as \
                        authorization.credentials_file"
                .to_owned());
        }
    }
    for (name, header) in &http.headers {
        let own = header.values.iter().map(|value| Ok(value.to_string()));
        let secrets = header.secrets.iter().map(|value| Ok(value.expose().to_owned()));
        let files = header.files.iter().map(|path| read_text(path));
        for value in own.chain(secrets).chain(files) {
            all.push((name.to_string(), value?));
        }
    }
    Ok(all)
}

fn basic(name: &str, password: &str) -> (String, String) {
    let credentials = STANDARD.encode(format!("{name}:{password}"));
    ("Authorization".to_owned(), format!("Basic {credentials}"))
}

fn text(source: &TextSource) -> Result<String, Failure> {
    match source {
        TextSource::Inline(text) => Ok(text.to_string()),
        TextSource::File(path) => read_text(path),
    }
}

fn secret(source: &SecretSource) -> Result<String, Failure> {
    match source {
        SecretSource::Inline(text) => Ok(text.expose().to_owned()),
        SecretSource::File(path) => read_text(path),
    }
}

fn read_text(path: &str) -> Result<String, Failure> {
    let text = fs::read_to_string(path).map_err(|e| format!("unable to read file {path}: {e}"))?;
    Ok(text.trim().to_owned())
}

/// The query of a request: names and values in the order given.
#[derive(Default)]
pub(crate) struct Query(String);

impl Query {
    /// Adds a pair.
    pub(crate) fn push(&mut self, name: &str, value: &str) {
        self.0.push(if self.0.is_empty() { '?' } else { '&' });
        self.0.push_str(name);
        self.0.push('=');
        percent(&mut self.0, value);
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
