//! Conversations over a connection of their own, such as the handing in of a mail: connects to the
//! server and does what the dialogue wants.

use std::{
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs as _},
    sync::Arc,
    time::{Duration, Instant},
};

use campana_core::{
    limits::CONNECT_WAIT,
    notify::{
        Answer, SendError, SendErrorKind,
        dialogue::{Dialogue, Want},
        egress::Egress,
    },
};
use rustls::{ClientConnection, StreamOwned, pki_types::ServerName};

use crate::{pack, trust};

/// Bytes of a server's replies that are read at once; most replies are shorter.
const READ_BYTES: usize = 2048;

/// Holds conversations, each over a connection of its own.
pub(crate) struct Mailer {
    trust: trust::Cache,
    egress: Egress,
}

impl Mailer {
    /// Makes one that keeps away from what is denied.
    pub(crate) fn new(egress: Egress) -> Self {
        Self { trust: trust::Cache::default(), egress }
    }

    /// Holds a conversation and gives up after that long.
    pub(crate) fn deliver(
        &self,
        mut session: Box<dyn Dialogue>,
        within: Duration,
    ) -> Result<Answer, SendError> {
        let due = Instant::now().checked_add(within);
        if let Err(broken) = self.talk(&mut *session, due) {
            session.broken(&broken);
        }
        session.result()
    }

    /// Does what the session wants until it is done, or until something cannot be done.
    fn talk(&self, session: &mut dyn Dialogue, due: Option<Instant>) -> Result<(), SendError> {
        let (host, port) = session.place();
        let mut line = Line::Plain(connect(host, port, due, &self.egress)?);
        let mut buffer = [0; READ_BYTES];
        loop {
            match session.next() {
                Want::Done(_) => return Ok(()),
                Want::Pack(bytes) => session.feed(&pack::gzip(&bytes)),
                Want::Read(within) => {
                    line.socket().limit(Some(within));
                    let count = line.read(&mut buffer).map_err(|e| words(&e, due))?;
                    session.feed(&buffer[..count]);
                }
                Want::StartTls => line = self.secure(session, line, due)?,
                Want::Write(bytes) => {
                    line.socket().limit(None);
                    line.write(&bytes).map_err(|e| words(&e, due))?;
                }
            }
        }
    }

    fn secure(
        &self,
        session: &dyn Dialogue,
        line: Line,
        due: Option<Instant>,
    ) -> Result<Line, SendError> {
        let Line::Plain(mut socket) = line else {
            return Err(broken("tls: the connection has it already".into()));
        };
        let (wanted, protocol) = (session.tls(), session.protocol());
        let made = self.trust.settings(&wanted, &[]).map_err(|e| broken(format!("tls: {e}")))?;
        // Those kept are for HTTP.
        let mut made = (*made).clone();
        made.alpn_protocols = protocol.map(<[u8]>::to_vec).into_iter().collect();
        let name = wanted.server_name.as_deref().unwrap_or_default().to_owned();
        let name = ServerName::try_from(name)
            .map_err(|_| broken("tls: the server's name is no name of a host".into()))?;
        let mut connection =
            ClientConnection::new(Arc::new(made), name).map_err(|e| broken(format!("tls: {e}")))?;
        socket.limit(Some(CONNECT_WAIT));
        while connection.is_handshaking() {
            connection.complete_io(&mut socket).map_err(|e| {
                let SendError { kind, message } = words(&e, due);
                SendError { kind, message: format!("tls: {message}") }
            })?;
        }
        Ok(Line::Encrypted(Box::new(StreamOwned::new(connection, socket))))
    }
}

/// The connection to a server.
enum Line {
    Plain(Socket),
    Encrypted(Box<StreamOwned<ClientConnection, Socket>>),
}

impl Line {
    fn socket(&mut self) -> &mut Socket {
        match self {
            Self::Plain(socket) => socket,
            Self::Encrypted(stream) => stream.get_mut(),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Encrypted(stream) => stream.read(buffer),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.write_all(bytes),
            Self::Encrypted(stream) => {
                stream.write_all(bytes)?;
                stream.flush()
            }
        }
    }
}

/// A socket whose every read and write ends in time.
struct Socket {
    stream: TcpStream,
    /// When the conversation's time is over.
    due: Option<Instant>,
    /// When what is being done must be done.
    until: Option<Instant>,
}

impl Socket {
    /// Limits what comes next, besides the conversation's own time.
    fn limit(&mut self, within: Option<Duration>) {
        let limit = within.and_then(|within| Instant::now().checked_add(within));
        self.until = campana_core::time::earliest(limit, self.due);
    }

    /// Returns what is left of the time; `None` has no end.
    fn rest(&self) -> io::Result<Option<Duration>> {
        rest(self.until)
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.rest()?)?;
        self.stream.read(buffer)
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.rest()?)?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn rest(until: Option<Instant>) -> io::Result<Option<Duration>> {
    let Some(until) = until else { return Ok(None) };
    match until.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
        rest => Ok(Some(rest)),
    }
}

/// Connects to the first address of a host that answers.
fn connect(
    host: &str,
    port: u16,
    due: Option<Instant>,
    egress: &Egress,
) -> Result<Socket, SendError> {
    let addresses = (host, port)
        .to_socket_addrs()
        .map_err(|e| broken(format!("lookup failed: {}", plain(&e))))?;
    let mut last = io::Error::other("the host has no address");
    for address in egress.pass(addresses)? {
        let within = rest(due).map_err(|e| words(&e, due))?;
        let within = within.map_or(CONNECT_WAIT, |rest| rest.min(CONNECT_WAIT));
        match TcpStream::connect_timeout(&address, within) {
            Ok(stream) => {
                stream.set_nodelay(true).ok();
                return Ok(Socket { stream, due, until: due });
            }
            Err(e) => last = e,
        }
    }
    let SendError { kind, message } = words(&last, due);
    Err(SendError { kind, message: format!("connect: {message}") })
}

/// Says what went wrong.
fn words(e: &io::Error, due: Option<Instant>) -> SendError {
    // A socket whose time is over says that it would block.
    if !matches!(e.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock) {
        return broken(plain(e));
    }
    if due.is_some_and(|due| Instant::now() >= due) {
        let message = "context deadline exceeded".into();
        return SendError { kind: SendErrorKind::Timeout, message };
    }
    broken("i/o timeout".into())
}

/// An I/O error's text without the number the system has for it.
fn plain(e: &io::Error) -> String {
    let text = e.to_string();
    match text.split_once(" (os error") {
        Some((plain, _)) => plain.to_lowercase(),
        None => text,
    }
}

fn broken(message: String) -> SendError {
    SendError { kind: SendErrorKind::Connection, message }
}
