//! How ureq's connections are made: directly or through a proxy, plain or under TLS. ureq's own
//! connectors know no headers for a proxy, no other name for a server and no bounds of the version.

use std::{
    fmt,
    io::{self, Read as _, Write as _},
    sync::Arc,
};

use campana_core::notify::{
    SendError,
    proxy::Proxy,
    way::{Tunnel, TunnelStep, Way},
};
use rustls::{ClientConfig, ClientConnection, StreamOwned, pki_types::ServerName};
use ureq::{
    Error,
    http::Uri,
    unversioned::transport::{
        Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, TcpConnector, Transport,
        TransportAdapter,
    },
};

use crate::exchange::words;

/// What two requests must have in common to share connections, besides their host.
#[derive(Clone, Default)]
pub(crate) struct Style {
    /// The proxy in between.
    pub(crate) proxy: Option<Arc<Proxy>>,
    /// The settings of TLS, where it is spoken.
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
    tcp: TcpConnector,
}

impl Wire {
    /// Makes a connector.
    pub(crate) fn new(style: Style) -> Self {
        Self { style, tcp: TcpConnector::default() }
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
        chained: Option<()>,
    ) -> Result<Option<Self::Out>, Error> {
        let way = self.style.way(details.uri)?;
        let to_proxy = |e: Error| match way.proxy {
            None => e,
            Some(_) => error(way.broken(&words(e).message)),
        };
        let Some(socket) = self.tcp.connect(details, chained).map_err(to_proxy)? else {
            return Ok(None);
        };
        let mut stream = socket.boxed();
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
        let settings = self.style.tls.clone().ok_or_else(|| other("tls: no settings"))?;
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
