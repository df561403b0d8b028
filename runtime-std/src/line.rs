//! A client's connection, plain or under TLS, whose every read and write ends in time.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    sync::Arc,
    time::Instant,
};

use campana_core::limits::WRITE_WAIT;
use rustls::{ServerConfig, ServerConnection, Stream};

/// A connection to a client.
pub(crate) struct Line<'a> {
    socket: Timed<'a>,
    tls: Option<Box<ServerConnection>>,
}

impl<'a> Line<'a> {
    /// Makes a plain connection of a socket; nothing is read or written after `due`.
    pub(crate) fn new(stream: &'a TcpStream, due: Instant) -> Self {
        Self { socket: Timed { stream, due }, tls: None }
    }

    /// Agrees on TLS.
    pub(crate) fn secure(&mut self, settings: Arc<ServerConfig>) -> io::Result<()> {
        let mut tls = ServerConnection::new(settings).map_err(io::Error::other)?;
        while tls.is_handshaking() {
            tls.complete_io(&mut self.socket)?;
        }
        self.tls = Some(Box::new(tls));
        Ok(())
    }

    /// Sets when reading and writing is over.
    pub(crate) fn set_due(&mut self, due: Instant) {
        self.socket.due = due;
    }

    /// Returns the first byte that the client sends, and leaves it there.
    pub(crate) fn peek(&mut self) -> io::Result<u8> {
        self.socket.limit_read()?;
        let mut first = [0];
        match self.socket.stream.peek(&mut first)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(first[0]),
        }
    }

    /// Tells the client that nothing more comes.
    pub(crate) fn end(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            while tls.wants_write() && tls.write_tls(&mut self.socket).is_ok_and(|n| n > 0) {}
        }
        self.socket.stream.shutdown(Shutdown::Write).ok();
    }
}

impl Read for Line<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.tls {
            None => self.socket.read(buffer),
            Some(tls) => Stream::new(&mut **tls, &mut self.socket).read(buffer),
        }
    }
}

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.tls {
            None => self.socket.write(bytes),
            Some(tls) => Stream::new(&mut **tls, &mut self.socket).write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.tls {
            None => Ok(()),
            Some(tls) => Stream::new(&mut **tls, &mut self.socket).flush(),
        }
    }
}

/// A socket that gives up in time, also on clients that stop reading.
struct Timed<'a> {
    stream: &'a TcpStream,
    due: Instant,
}

impl Timed<'_> {
    fn limit_read(&self) -> io::Result<()> {
        let rest = self.due.saturating_duration_since(Instant::now());
        if rest.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(rest))
    }
}

impl Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.limit_read()?;
        self.stream.read(buffer)
    }
}

impl Write for Timed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let rest = self.due.saturating_duration_since(Instant::now()).min(WRITE_WAIT);
        if rest.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_write_timeout(Some(rest))?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
