//! How ureq's connections are made: directly or through a proxy, plain or under TLS. ureq's own
//! connectors know no headers for a proxy, no other name for a server and no bounds of the version.

use std::{
    fmt,
    io::{self, Read as _, Write as _},
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use campana_core::notify::{
    SendError, SendErrorKind,
    egress::Egress,
    http::TlsConfig,
    proxy::Proxy,
    way::{Tunnel, TunnelStep, Way},
};
use rustls::{ClientConfig, ClientConnection, StreamOwned, pki_types::ServerName};
use ureq::{
    Error,
    config::Config,
    http::Uri,
    unversioned::{
        resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver},
        transport::{
            Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
            TransportAdapter,
        },
    },
};

use crate::{socket::Socket, trust};

/// What two requests must have in common to share connections, besides their host.
#[derive(Clone, Default)]
pub(crate) struct Style {
    /// The proxy in between.
    pub(crate) proxy: Option<Arc<Proxy>>,
    /// The settings of TLS, where it is spoken; without any, the system's roots are trusted.
    pub(crate) tls: Option<Arc<ClientConfig>>,
    /// The name to expect in certificates instead of the host.
    pub(crate) server_name: Option<Arc<str>>,
}

impl PartialEq for Style {
    fn eq(&self, other: &Self) -> bool {
        let same_tls = match (&self.tls, &other.tls) {
            (None, None) => true,
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            _ => false,
        };
        same_tls && self.server_name == other.server_name && self.proxy == other.proxy
    }
}

impl Style {
    /// Returns the way to a URL.
    pub(crate) fn way(&self, uri: &Uri) -> Result<Way, Error> {
        Way::new(&uri.to_string(), self.proxy.clone()).map_err(error)
    }
}

/// Makes connections of one style.
pub(crate) struct Wire {
    style: Style,
}

impl Wire {
    /// Makes a connector.
    pub(crate) fn new(style: Style) -> Self {
        Self { style }
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

fn error(e: SendError) -> Error {
    Error::Other(Box::new(e))
}

impl Connector for Wire {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _chained: Option<()>,
    ) -> Result<Option<Self::Out>, Error> {
        let way = self.style.way(details.uri)?;
        let to_proxy = |e: Error| match way.proxy {
            None => e,
            Some(_) => error(way.broken(&words(e).message)),
        };
        let mut stream = Socket::connect(details).map_err(to_proxy)?.boxed();
        if let Some(host) = way.proxy_tls() {
            stream = self.encrypt(stream, host, details).map_err(to_proxy)?;
        }
        if let Some(tunnel) = way.tunnel() {
            stream = pass(stream, tunnel, &way, details)?;
        }
        if way.https {
            stream = self.encrypt(stream, &way.host, details)?;
        }
        if way.is_relayed() {
            let prefix = format!("http://{}", way.authority);
            stream = Relayed { stream, prefix, is_next: true }.boxed();
        }
        Ok(Some(stream))
    }
}

impl Wire {
    fn encrypt(
        &self,
        stream: Box<dyn Transport>,
        host: &str,
        details: &ConnectionDetails<'_>,
    ) -> Result<Box<dyn Transport>, Error> {
        let other = |text: &str| Error::Other(text.into());
        let settings = match &self.style.tls {
            Some(settings) => settings.clone(),
            None => trust::client(&TlsConfig::default()).map_err(|e| other(&e))?,
        };
        let name = self.style.server_name.as_deref().unwrap_or(host).to_owned();
        let name = ServerName::try_from(name).map_err(|_| other("tls: invalid server name"))?;
        let mut conn = ClientConnection::new(settings, name)?;
        let mut sock = TransportAdapter::new(stream, details.current_time.clone());
        sock.set_timeout(details.timeout);
        conn.complete_io(&mut sock)?;
        let config = details.config;
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        Ok(Encrypted { buffers, stream: StreamOwned { conn, sock } }.boxed())
    }
}

/// Has the proxy open the way to the target.
fn pass(
    stream: Box<dyn Transport>,
    mut tunnel: Tunnel,
    way: &Way,
    details: &ConnectionDetails<'_>,
) -> Result<Box<dyn Transport>, Error> {
    let broken = |e: io::Error| error(way.broken(&words(Error::Io(e)).message));
    let mut stream = TransportAdapter::new(stream, details.current_time.clone());
    stream.set_timeout(details.timeout);
    let mut buffer = [0; 512];
    let mut heard = 0;
    loop {
        match tunnel.step(&buffer[..heard]).map_err(error)? {
            TunnelStep::Open => return Ok(stream.into_inner()),
            TunnelStep::Write(bytes) => {
                stream.write_all(&bytes).map_err(broken)?;
                heard = 0;
            }
            TunnelStep::Read => {
                heard = stream.read(&mut buffer).map_err(broken)?;
                if heard == 0 {
                    return Err(error(way.broken("EOF")));
                }
            }
        }
    }
}

/// A connection to a proxy that sends requests on: their first lines hold whole URLs, which ureq
/// does not write.
struct Relayed {
    stream: Box<dyn Transport>,
    /// What the URL has in front of its path.
    prefix: String,
    /// Whether what is sent next begins a request.
    is_next: bool,
}

impl fmt::Debug for Relayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Relayed")
    }
}

impl Transport for Relayed {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.stream.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        if !self.is_next || amount == 0 {
            return self.stream.transmit_output(amount, timeout);
        }
        self.is_next = false;
        let mut bytes = self.buffers().output()[..amount].to_vec();
        if let Some(at) = bytes.iter().position(|byte| *byte == b' ') {
            bytes.splice(at + 1..=at, self.prefix.bytes());
        }
        let room = self.buffers().output().len();
        for piece in bytes.chunks(room) {
            self.buffers().output()[..piece.len()].copy_from_slice(piece);
            self.stream.transmit_output(piece.len(), timeout)?;
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.is_next = true;
        self.stream.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.stream.is_open()
    }

    fn is_tls(&self) -> bool {
        self.stream.is_tls()
    }
}

/// A connection under TLS.
pub(crate) struct Encrypted {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl fmt::Debug for Encrypted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Encrypted")
    }
}

impl Transport for Encrypted {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.stream.get_mut().set_timeout(timeout);
        Ok(self.stream.write_all(&self.buffers.output()[..amount])?)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.stream.get_mut().set_timeout(timeout);
        let amount = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.get_mut().get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

/// Finds addresses. ureq's resolver starts a thread for each look-up under a deadline, which an
/// address in digits does not need.
pub(crate) struct Names {
    inner: DefaultResolver,
    style: Style,
    egress: Arc<Egress>,
}

impl Names {
    /// Makes a resolver.
    pub(crate) fn new(style: Style, egress: Arc<Egress>) -> Self {
        Self { inner: DefaultResolver::default(), style, egress }
    }
}

impl Names {
    /// Leaves out what is denied.
    fn permitted(&self, found: &[SocketAddr]) -> Result<ResolvedSocketAddrs, Error> {
        let mut permitted = self.empty();
        for address in self.egress.pass(found.iter().copied()).map_err(error)? {
            permitted.push(address);
        }
        Ok(permitted)
    }
}

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
        let way = self.style.way(uri)?;
        let (host, port) = way.dial();
        let Ok(ip) = host.parse::<IpAddr>() else {
            let whom = format!("http://{host}:{port}/").parse();
            let found =
                self.inner.resolve(&whom.map_err(|_| Error::HostNotFound)?, config, timeout);
            let found = found.map_err(|e| match way.proxy {
                None => e,
                Some(_) => error(way.broken(&words(e).message)),
            })?;
            return self.permitted(&found);
        };
        let mut found = self.empty();
        found.push(SocketAddr::new(ip, port));
        self.permitted(&found)
    }
}

/// Says what went wrong, without the URL.
pub(crate) fn words(e: Error) -> SendError {
    match e {
        Error::Timeout(ureq::Timeout::Connect) => connection("i/o timeout".into()),
        Error::Timeout(_) => late(),
        Error::Io(e) => match e.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(Error::Timeout(_)) => late(),
            _ if e.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) => {
                connection(format!("tls: {e}"))
            }
            _ if e.kind() == io::ErrorKind::TimedOut => connection("i/o timeout".into()),
            _ => connection(plain(&e)),
        },
        Error::Http(_) | Error::BadUri(_) => invalid("the URL cannot be used"),
        Error::HostNotFound => connection("no such host".into()),
        Error::Other(e) => match e.downcast::<SendError>() {
            Ok(known) => *known,
            Err(e) => connection(e.to_string()),
        },
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

pub(crate) fn connection(message: String) -> SendError {
    SendError { kind: SendErrorKind::Connection, message }
}

pub(crate) fn invalid(message: &str) -> SendError {
    SendError { kind: SendErrorKind::Invalid, message: message.into() }
}

pub(crate) fn late() -> SendError {
    let message = "context deadline exceeded".into();
    SendError { kind: SendErrorKind::Timeout, message }
}
