//! One stream of gossip on a socket that never blocks, plain or under TLS.

use std::{
    collections::VecDeque,
    io::{self, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

use campana_core::limits::GOSSIP_PACKED_BYTES_MAX;
use rustix::event::PollFlags;
use rustls::{
    ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection,
    pki_types::ServerName,
};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// How long a stream that the node closed may take to write the rest and hear the peer's end.
const LINGER: Duration = Duration::from_secs(10);

/// How to speak TLS with peers.
pub(crate) struct Tls {
    /// With those that connect.
    pub(crate) server: Arc<ServerConfig>,
    /// With those that are connected to.
    pub(crate) client: Arc<ClientConfig>,
    /// What their certificates say, where it is not their address.
    pub(crate) name: Option<ServerName<'static>>,
}

/// A stream that is open, being opened or being closed.
pub(crate) struct Stream {
    socket: TcpStream,
    session: Option<Box<Connection>>,
    is_connecting: bool,
    /// Whether the node waits to hear that it is open.
    is_awaited: bool,
    /// The peer has said everything.
    is_heard: bool,
    unsent: VecDeque<u8>,
    /// Until when it may linger; the node has closed it.
    ends: Option<Instant>,
    /// The peer was told that nothing more comes.
    is_shut: bool,
}

/// What came of a socket that was ready.
pub(crate) enum News {
    /// The stream is open.
    Connected,
    /// Bytes came.
    Data(Vec<u8>),
    /// The peer has said everything.
    Closed,
}

impl Stream {
    /// Takes a stream that a peer opened.
    pub(crate) fn accepted(socket: TcpStream, tls: Option<&Tls>) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let session = tls.map(|tls| ServerConnection::new(tls.server.clone()));
        let session = session.transpose().map_err(io::Error::other)?;
        Ok(Self::new(socket, session.map(Connection::from), false))
    }

    /// Starts to open a stream.
    pub(crate) fn connect(to: SocketAddr, tls: Option<&Tls>) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        match socket.connect(&to.into()) {
            Err(e) if !is_under_way(&e) => return Err(e),
            _ => {}
        }
        let session = tls.map(|tls| {
            let name = tls.name.clone().unwrap_or_else(|| to.ip().into());
            ClientConnection::new(tls.client.clone(), name)
        });
        let session = session.transpose().map_err(io::Error::other)?;
        Ok(Self::new(socket.into(), session.map(Connection::from), true))
    }

    fn new(socket: TcpStream, session: Option<Connection>, is_ours: bool) -> Self {
        // Only a hint to the system.
        socket.set_nodelay(true).ok();
        let session = session.map(|mut session| {
            // What waits is bounded below, and each write is to become a record of its own.
            session.set_buffer_limit(None);
            Box::new(session)
        });
        Self {
            socket,
            session,
            is_connecting: is_ours,
            is_awaited: is_ours,
            is_heard: false,
            unsent: VecDeque::new(),
            ends: None,
            is_shut: false,
        }
    }

    /// Returns its socket, and what that is to be polled for.
    pub(crate) fn wants(&self) -> (&TcpStream, PollFlags) {
        let mut wants = PollFlags::empty();
        wants.set(PollFlags::OUT, self.is_connecting || !self.unsent.is_empty());
        wants.set(PollFlags::IN, !self.is_connecting && !self.is_heard);
        (&self.socket, wants)
    }

    /// Writes bytes now, or later what the socket does not take.
    pub(crate) fn write(&mut self, bytes: Vec<u8>) -> io::Result<()> {
        match &mut self.session {
            Some(session) => session.writer().write_all(&bytes)?,
            None if self.unsent.is_empty() => self.unsent = bytes.into(),
            None => self.unsent.extend(bytes),
        }
        self.flush()?;
        match self.unsent.len() > GOSSIP_PACKED_BYTES_MAX {
            true => Err(io::Error::other("the peer reads too slowly")),
            false => Ok(()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Some(session) = &mut self.session {
            while session.wants_write() {
                session.write_tls(&mut self.unsent)?;
            }
        }
        while !self.is_connecting && !self.unsent.is_empty() {
            match self.socket.write(self.unsent.as_slices().0) {
                Ok(n) => drop(self.unsent.drain(..n)),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Does what the socket is ready for, and gives each piece of news to `tell`.
    pub(crate) fn serve(
        &mut self,
        flags: PollFlags,
        buffer: &mut [u8],
        mut tell: impl FnMut(News),
    ) -> io::Result<()> {
        if self.is_connecting {
            if let Some(e) = SockRef::from(&self.socket).take_error()? {
                return Err(e);
            }
            self.is_connecting = false;
        }
        self.flush()?;
        if self.is_heard && flags.intersects(PollFlags::ERR | PollFlags::HUP) {
            // Neither reading nor writing: the connection is broken, and polling would not rest.
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if flags.intersects(PollFlags::IN | PollFlags::ERR | PollFlags::HUP) && !self.is_heard {
            self.read(buffer, &mut tell)?;
        }
        if self.is_awaited && self.session.as_ref().is_none_or(|tls| !tls.is_handshaking()) {
            self.is_awaited = false;
            tell(News::Connected);
        }
        Ok(())
    }

    fn read(&mut self, buffer: &mut [u8], tell: &mut impl FnMut(News)) -> io::Result<()> {
        let result = match &mut self.session {
            None => self.socket.read(buffer),
            Some(session) => session.read_tls(&mut self.socket),
        };
        let n = match result {
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(e) => return Err(e),
        };
        let Some(session) = &mut self.session else {
            self.is_heard = n == 0;
            tell(if n == 0 { News::Closed } else { News::Data(buffer[..n].to_vec()) });
            return Ok(());
        };
        let processed = session.process_new_packets();
        // Whatever it is, also an alert that says what is wrong.
        self.flush()?;
        processed.map_err(io::Error::other)?;
        let Some(session) = &mut self.session else { return Ok(()) };
        loop {
            match session.reader().read(buffer) {
                Ok(0) => {
                    self.is_heard = true;
                    tell(News::Closed);
                    return Ok(());
                }
                Ok(n) => tell(News::Data(buffer[..n].to_vec())),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(_) => return Err(io::Error::other("ended without the end of TLS")),
            }
        }
    }

    /// Closes it once everything is written.
    pub(crate) fn close(&mut self) {
        self.ends = Some(Instant::now() + LINGER);
        if let Some(session) = &mut self.session {
            session.send_close_notify();
        }
        // What goes wrong is seen when the socket is served.
        self.flush().ok();
    }

    /// Returns when it is over at the latest; `None` while the node has not closed it.
    pub(crate) fn ends(&self) -> Option<Instant> {
        self.ends
    }

    /// Goes on closing. Tells whether nothing is left of it.
    pub(crate) fn is_over(&mut self, now: Instant) -> bool {
        let Some(ends) = self.ends else { return false };
        if !self.is_shut && self.unsent.is_empty() {
            // The peer hears an end and not a break, even while it still writes.
            self.is_shut = true;
            self.socket.shutdown(Shutdown::Write).ok();
        }
        self.is_connecting || ends <= now || (self.is_shut && self.is_heard)
    }
}

fn is_under_way(e: &io::Error) -> bool {
    e.kind() == io::ErrorKind::WouldBlock
        || e.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error())
}
