//! Conversations over a connection of their own, such as the handing in of a mail: connects to the
//! server and does what the dialogue wants.

use std::{
    future::Future,
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use async_io::{Async, Timer};
use campana_core::{
    limits::CONNECT_WAIT,
    notify::{
        Answer, SendError, SendErrorKind,
        dialogue::{Dialogue, Want},
        egress::Egress,
        http::TlsConfig,
    },
};
use futures_rustls::TlsConnector;
use rustls::pki_types::ServerName;
use smol::{
    future,
    io::{self, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
};

use crate::{pack, trust};

/// Bytes of a server's replies that are read at once; most replies are shorter.
const READ_BYTES: usize = 2048;

/// Holds conversations, each over a connection of its own.
pub(crate) struct Mailer {
    trust: trust::Cache,
    egress: Egress,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Mailer {
    /// Makes one that keeps away from what is denied.
    pub(crate) fn new(egress: Egress) -> Self {
        Self { trust: trust::Cache::default(), egress }
    }

    /// Holds a conversation; gives up at the instant (`None`: never).
    pub(crate) async fn deliver(
        &self,
        mut session: Box<dyn Dialogue>,
        at: Option<Instant>,
    ) -> Result<Answer, SendError> {
        let over = async {
            match at {
                Some(at) => Timer::at(at).await,
                None => future::pending().await,
            };
            error(SendErrorKind::Timeout, "context deadline exceeded".into())
        };
        let broken = future::or(self.talk(&mut *session), async { Err(over.await) }).await;
        if let Err(broken) = broken {
            session.broken(&broken);
        }
        session.result()
    }

    /// Does what the session wants until it is done, or until something cannot be done.
    async fn talk(&self, session: &mut dyn Dialogue) -> Result<(), SendError> {
        let (host, port) = session.place();
        let mut line: Box<dyn Stream> = Box::new(connect(host, port, &self.egress).await?);
        let mut buffer = [0; READ_BYTES];
        loop {
            match session.next() {
                Want::Done(_) => return Ok(()),
                Want::Pack(bytes) => session.feed(&pack::gzip(&bytes)),
                Want::Read(within) => {
                    let read = line.read(&mut buffer);
                    let count = or_late(read, within).await.map_err(|e| connection(&e))?;
                    session.feed(&buffer[..count]);
                }
                Want::StartTls => {
                    let secured = self.secure(session.tls(), session.protocol(), line);
                    line = Box::new(secured.await?);
                }
                Want::Write(bytes) => {
                    let write = async {
                        line.write_all(&bytes).await?;
                        line.flush().await
                    };
                    write.await.map_err(|e| connection(&e))?;
                }
            }
        }
    }

    async fn secure(
        &self,
        wanted: TlsConfig,
        protocol: Option<&'static [u8]>,
        line: Box<dyn Stream>,
    ) -> Result<impl Stream + use<>, SendError> {
        let made = self.trust.settings(&wanted, &[]).map_err(|e| broken(format!("tls: {e}")))?;
        // Those kept are for HTTP.
        let mut made = (*made).clone();
        made.alpn_protocols = protocol.map(<[u8]>::to_vec).into_iter().collect();
        let name = wanted.server_name.as_deref().unwrap_or_default().to_owned();
        let name = ServerName::try_from(name)
            .map_err(|_| broken("tls: the server's name is no name of a host".into()))?;
        let handshake = TlsConnector::from(std::sync::Arc::new(made)).connect(name, line);
        or_late(handshake, CONNECT_WAIT).await.map_err(|e| broken(format!("tls: {}", plain(&e))))
    }
}

/// Connects to the first address of a host that answers.
async fn connect(host: &str, port: u16, egress: &Egress) -> Result<Async<TcpStream>, SendError> {
    let addresses: Vec<SocketAddr> = smol::net::resolve((host, port))
        .await
        .map_err(|e| broken(format!("lookup failed: {}", plain(&e))))?;
    let mut last = io::Error::other("the host has no address");
    for address in egress.pass(addresses)? {
        match or_late(Async::<TcpStream>::connect(address), CONNECT_WAIT).await {
            Ok(stream) => {
                stream.get_ref().set_nodelay(true).ok();
                return Ok(stream);
            }
            Err(e) => last = e,
        }
    }
    Err(broken(format!("connect: {}", plain(&last))))
}

async fn or_late<T>(work: impl Future<Output = io::Result<T>>, within: Duration) -> io::Result<T> {
    future::or(work, async {
        Timer::after(within).await;
        Err(io::Error::new(io::ErrorKind::TimedOut, "i/o timeout"))
    })
    .await
}

/// An I/O error's text without the number the system has for it.
fn plain(e: &io::Error) -> String {
    let text = e.to_string();
    match text.split_once(" (os error") {
        Some((plain, _)) => plain.to_lowercase(),
        None => text,
    }
}

fn error(kind: SendErrorKind, message: String) -> SendError {
    SendError { kind, message }
}

fn broken(message: String) -> SendError {
    error(SendErrorKind::Connection, message)
}

fn connection(e: &io::Error) -> SendError {
    broken(plain(e))
}
